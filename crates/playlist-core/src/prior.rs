//! Probabilities for other class shares than those of the training part.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Classifier, Error, FeatureMatrix, Labels, Probabilities, Result};

/// The class shares that probabilities are to hold for: a setting, see [`PriorCorrection`].
///
/// # Examples
/// ```
/// use playlist_core::Prior;
///
/// assert_eq!("balanced".parse::<Prior>()?, Prior::Balanced);
/// assert_eq!("0.1".parse::<Prior>()?, Prior::Positive(0.1));
/// assert!("1.5".parse::<Prior>().is_err());
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// Those of the training part: nothing is corrected.
    #[default]
    Training,
    /// Every class as often as any other.
    Balanced,
    /// The share of the positive class of two, in (0, 1).
    Positive(f64),
}

impl Prior {
    /// What turns probabilities learnt on `labels` into probabilities for these shares; `None` where nothing is to be
    /// corrected.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a share outside (0, 1), [`Error::NotBinary`] for a share of the positive class of
    /// more than two, [`Error::Empty`] when a class has no tracks to learn from.
    pub fn correction(self, labels: &Labels) -> Result<Option<PriorCorrection>> {
        let n_classes = labels.n_classes();
        let shares = match self {
            Self::Training => return Ok(None),
            Self::Balanced => vec![1.0 / n_classes as f64; n_classes],
            Self::Positive(share) => {
                check_share(share)?;
                match n_classes {
                    2 => vec![1.0 - share, share],
                    n_classes => return Err(Error::NotBinary { n_classes }),
                }
            }
        };
        let counts = labels.class_counts();
        if counts.contains(&0) {
            return Err(Error::Empty {
                what: "training tracks of a class whose share is corrected",
            });
        }
        let n_samples = labels.n_samples() as f64;
        let training = counts.into_iter().map(|count| count as f64 / n_samples);
        PriorCorrection::new(training.collect(), shares).map(Some)
    }
}

impl fmt::Display for Prior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training => f.pad("training"),
            Self::Balanced => f.pad("balanced"),
            Self::Positive(share) => share.fmt(f),
        }
    }
}

impl FromStr for Prior {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let share = |text: &str| text.parse().ok().filter(|share| check_share(*share).is_ok());
        match text {
            "training" => Ok(Self::Training),
            "balanced" => Ok(Self::Balanced),
            _ => share(text)
                .map(Self::Positive)
                .ok_or_else(|| Error::UnknownPrior {
                    text: text.to_owned(),
                }),
        }
    }
}

fn check_share(share: f64) -> Result<()> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    Err(Error::InvalidSetting {
        field: "prior",
        value: share.to_string(),
        expected: "class shares above 0 and below 1 that add up to 1",
    })
}

/// Turns probabilities learnt under some class shares into those under others, for any model.
///
/// `p'(c) = p(c) new(c) / training(c)`, divided by the sum over the classes. It is right where the classes look as they
/// did in training and only their shares differ. No track is thrown away for it, and of two classes the order of the
/// tracks stays as it is: ROC AUC does not change, what changes is how probable all of them are.
///
/// # Examples
/// ```
/// use playlist_core::{PriorCorrection, Probabilities};
///
/// // Learnt on one positive track in five, asked about a world where every second one is.
/// let correction = PriorCorrection::new(vec![0.8, 0.2], vec![0.5, 0.5])?;
/// let p = correction.apply(&Probabilities::binary(vec![0.0, 0.2, 0.5, 1.0])?)?;
/// assert_eq!(p.positive()?, [0.0, 0.5, 0.8, 1.0]);
/// # Ok::<(), playlist_core::Error>(())
/// ```
///
/// # Source
/// M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A
/// Simple Procedure", Neural Computation 14 (2002), equation 2.4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shares", into = "Shares")]
pub struct PriorCorrection {
    training: Vec<f64>,
    new: Vec<f64>,
}

/// What is stored; checked when it is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shares {
    training: Vec<f64>,
    new: Vec<f64>,
}

impl TryFrom<Shares> for PriorCorrection {
    type Error = Error;

    fn try_from(shares: Shares) -> Result<Self> {
        Self::new(shares.training, shares.new)
    }
}

impl From<PriorCorrection> for Shares {
    fn from(correction: PriorCorrection) -> Self {
        let PriorCorrection { training, new } = correction;
        Self { training, new }
    }
}

impl PriorCorrection {
    /// From the class shares of the training part to `new` ones, `[n_classes]` each.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`]; [`Error::InvalidSetting`] for a share that is not above 0 and below 1, and for shares
    /// that do not add up to 1.
    pub fn new(training: Vec<f64>, new: Vec<f64>) -> Result<Self> {
        if training.len() != new.len() {
            return Err(Error::LengthMismatch {
                what: "the number of new class shares",
                expected: training.len(),
                found: new.len(),
            });
        }
        for shares in [&training, &new] {
            shares.iter().try_for_each(|share| check_share(*share))?;
            let sum: f64 = shares.iter().sum();
            // Shares that are written as text are rounded.
            if (sum - 1.0).abs() > 1e-6 {
                return Err(Error::InvalidSetting {
                    field: "prior",
                    value: format!("shares that add up to {sum}"),
                    expected: "class shares above 0 and below 1 that add up to 1",
                });
            }
        }
        Ok(Self { training, new })
    }

    /// The class shares of the training part, `[n_classes]`.
    #[must_use]
    pub fn training_shares(&self) -> &[f64] {
        &self.training
    }

    /// The class shares that corrected probabilities hold for, `[n_classes]`.
    #[must_use]
    pub fn new_shares(&self) -> &[f64] {
        &self.new
    }

    /// The corrected probabilities, as many as there are.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for another number of classes.
    pub fn apply(&self, p: &Probabilities) -> Result<Probabilities> {
        let n_classes = self.training.len();
        if p.n_classes() != n_classes {
            return Err(Error::LengthMismatch {
                what: "the number of classes of the probabilities",
                expected: n_classes,
                found: p.n_classes(),
            });
        }
        let weights: Vec<f64> = self
            .new
            .iter()
            .zip(&self.training)
            .map(|(new, old)| new / old)
            .collect();
        if let ([negative, positive], Ok(p)) = (weights.as_slice(), p.positive()) {
            let corrected = p.iter().map(|p| {
                let (yes, no) = (f64::from(*p) * positive, (1.0 - f64::from(*p)) * negative);
                (yes / (yes + no)) as f32
            });
            return Probabilities::binary(corrected.collect());
        }
        let mut values = p.to_rows();
        for row in values.chunks_exact_mut(n_classes) {
            let weighted = row.iter().zip(&weights).map(|(p, weight)| f64::from(*p) * weight);
            let weighted: Vec<f64> = weighted.collect();
            let sum: f64 = weighted.iter().sum();
            // A row without any probability has nothing to divide anew.
            if sum > 0.0 {
                for (p, weighted) in row.iter_mut().zip(&weighted) {
                    *p = (weighted / sum) as f32;
                }
            }
        }
        Probabilities::multi_class(n_classes, values)
    }
}

/// A classifier whose probabilities hold for other class shares than those it was trained on, or for the same.
#[derive(Clone, Debug)]
pub struct Reweighted<C> {
    classifier: C,
    correction: Option<PriorCorrection>,
}

impl<C: Classifier> Reweighted<C> {
    /// Joins a classifier and the correction of its probabilities; without one they stay as they are.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when they differ in the number of classes.
    pub fn new(classifier: C, correction: Option<PriorCorrection>) -> Result<Self> {
        if let Some(correction) = &correction
            && correction.training.len() != classifier.class_names().len()
        {
            return Err(Error::LengthMismatch {
                what: "the number of class shares",
                expected: classifier.class_names().len(),
                found: correction.training.len(),
            });
        }
        Ok(Self {
            classifier,
            correction,
        })
    }

    /// The classifier, whose probabilities are not corrected.
    pub const fn classifier(&self) -> &C {
        &self.classifier
    }

    /// The correction, where there is one.
    pub const fn correction(&self) -> Option<&PriorCorrection> {
        self.correction.as_ref()
    }

    /// Corrects what the classifier has answered.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for another number of classes.
    pub fn correct(&self, p: Probabilities) -> Result<Probabilities> {
        match &self.correction {
            Some(correction) => correction.apply(&p),
            None => Ok(p),
        }
    }
}

impl<C: Classifier> Classifier for Reweighted<C> {
    fn columns(&self) -> &[String] {
        self.classifier.columns()
    }

    fn class_names(&self) -> &[String] {
        self.classifier.class_names()
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> Result<Probabilities> {
        self.correct(self.classifier.predict_proba(x)?)
    }

    fn check_input(&self, x: &FeatureMatrix) -> Result<()> {
        self.classifier.check_input(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_make_no_sense_are_refused() {
        for text in ["", "half", "0", "1", "-0.5", "nan", "inf"] {
            let error = text.parse::<Prior>();
            assert!(
                matches!(error, Err(Error::UnknownPrior { .. })),
                "{text}: {error:?}"
            );
        }
        for bad in [vec![0.5, 0.4], vec![0.0, 1.0], vec![f64::NAN, 0.5], vec![0.5; 3]] {
            assert!(
                PriorCorrection::new(vec![0.5, 0.5], bad.clone()).is_err(),
                "{bad:?}"
            );
        }
        let json = r#"{"training":[0.5,0.5],"new":[0.5,-1.0]}"#;
        assert!(serde_json::from_str::<PriorCorrection>(json).is_err());
        let labels = Labels::binary("no", "yes", &[true; 3]);
        assert!(matches!(
            Prior::Balanced.correction(&labels),
            Err(Error::Empty { .. })
        ));
        let three = Labels::new(["a", "b", "c"], vec![0, 1, 2]).unwrap();
        let error = Prior::Positive(0.5).correction(&three);
        assert!(matches!(error, Err(Error::NotBinary { n_classes: 3 })));
        assert_eq!(Prior::Training.correction(&labels).unwrap(), None);
    }

    #[test]
    fn it_is_the_same_once_written_and_read() {
        let labels = Labels::new(["a", "b", "c"], vec![0, 1, 2, 2, 2, 1, 2]).unwrap();
        let correction = Prior::Balanced.correction(&labels).unwrap().unwrap();
        let text = serde_json::to_string(&correction).unwrap();
        let read: PriorCorrection = serde_json::from_str(&text).unwrap();
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(near(read.training_shares(), correction.training_shares()));
        assert!(near(read.new_shares(), correction.new_shares()));
    }

    #[test]
    fn of_several_classes_each_row_adds_up_to_one() {
        let correction = PriorCorrection::new(vec![0.5, 0.3, 0.2], vec![0.2, 0.2, 0.6]).unwrap();
        let p = Probabilities::multi_class(3, vec![0.5, 0.3, 0.2, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
        let rows = correction.apply(&p).unwrap().to_rows();
        // The training shares turn into the new ones.
        for (found, expected) in rows.iter().zip([0.2, 0.2, 0.6, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{rows:?}");
        }
        assert!(
            correction
                .apply(&Probabilities::binary(vec![0.5]).unwrap())
                .is_err()
        );
    }
}
