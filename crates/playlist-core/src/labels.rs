//! Class labels.

use crate::{Error, FeatureMatrix, Result};

/// The class of each track, as an index into named classes.
///
/// With two classes, class 1 is the positive one: "in the playlist".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    class_names: Vec<String>,
    y: Vec<usize>,
}

impl Labels {
    /// Labels `y`, `[n_samples]`, each an index into `class_names`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] with fewer than two class names, [`Error::LabelOutOfRange`].
    pub fn new<S: Into<String>>(class_names: impl IntoIterator<Item = S>, y: Vec<usize>) -> Result<Self> {
        let class_names: Vec<String> = class_names.into_iter().map(Into::into).collect();
        let n_classes = class_names.len();
        if n_classes < 2 {
            return Err(Error::LengthMismatch {
                what: "the least number of class names",
                expected: 2,
                found: n_classes,
            });
        }
        match y.iter().position(|label| *label >= n_classes) {
            None => Ok(Self { class_names, y }),
            Some(row) => Err(Error::LabelOutOfRange {
                row,
                label: y[row],
                n_classes,
            }),
        }
    }

    /// Two classes, `negative` and `positive`, from truth values.
    #[must_use]
    pub fn binary(negative: &str, positive: &str, y: &[bool]) -> Self {
        Self {
            class_names: vec![negative.to_owned(), positive.to_owned()],
            y: y.iter().map(|positive| usize::from(*positive)).collect(),
        }
    }

    /// The class index of each track, `[n_samples]`.
    #[must_use]
    pub fn y(&self) -> &[usize] {
        &self.y
    }

    /// The classes' names; with two classes the second is the positive one.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The number of tracks.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.y.len()
    }

    /// The number of classes, present or not.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.class_names.len()
    }

    /// The number of tracks of each class, `[n_classes]`.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.n_classes()];
        for label in &self.y {
            counts[*label] += 1;
        }
        counts
    }

    /// Whether each track is of the positive class, `[n_samples]`.
    ///
    /// # Errors
    /// [`Error::NotBinary`] with more than two classes.
    pub fn positives(&self) -> Result<Vec<bool>> {
        match self.n_classes() {
            2 => Ok(self.y.iter().map(|label| *label == 1).collect()),
            n_classes => Err(Error::NotBinary { n_classes }),
        }
    }

    /// The rows numbered, in the order given.
    ///
    /// # Panics
    /// When a number is not below [`Labels::n_samples`].
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        Self {
            class_names: self.class_names.clone(),
            y: rows.iter().map(|row| self.y[*row]).collect(),
        }
    }

    /// Checks that a model can be fitted on `x` and these labels: as many rows, at least one, nothing
    /// missing, at least two classes present.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::Empty`], [`Error::MissingValue`], [`Error::OneClass`].
    pub fn check_fit(&self, x: &FeatureMatrix) -> Result<()> {
        check_rows(x, self.n_samples())?;
        let counts = self.class_counts();
        if counts.iter().filter(|count| **count > 0).count() < 2 {
            return Err(Error::OneClass {
                class: self.class_names[self.y[0]].clone(),
                n_samples: self.y.len(),
            });
        }
        Ok(())
    }
}

/// Checks that `x` has `n_labelled` rows, at least one, and nothing missing.
pub(crate) fn check_rows(x: &FeatureMatrix, n_labelled: usize) -> Result<()> {
    if x.n_samples() != n_labelled {
        return Err(Error::LengthMismatch {
            what: "the number of labels",
            expected: x.n_samples(),
            found: n_labelled,
        });
    }
    if n_labelled == 0 {
        return Err(Error::Empty {
            what: "tracks to fit on",
        });
    }
    x.check_complete()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_must_name_a_class() {
        assert!(matches!(
            Labels::new(["no", "yes"], vec![0, 2]),
            Err(Error::LabelOutOfRange {
                row: 1,
                label: 2,
                n_classes: 2
            })
        ));
        assert!(Labels::new(["only"], vec![0]).is_err());
    }

    #[test]
    fn fitting_needs_two_classes_and_matching_rows() {
        let x = FeatureMatrix::new(["a"], vec![1.0, 2.0]).unwrap();
        let one = Labels::binary("no", "yes", &[true, true]);
        assert!(matches!(one.check_fit(&x), Err(Error::OneClass { class, n_samples: 2 }) if class == "yes"));
        let short = Labels::binary("no", "yes", &[true]);
        assert!(matches!(short.check_fit(&x), Err(Error::LengthMismatch { .. })));
        let none = Labels::binary("no", "yes", &[]);
        assert!(matches!(
            none.check_fit(&x.select_rows(&[])),
            Err(Error::Empty { .. })
        ));
    }

    #[test]
    fn counts_are_by_class() {
        let labels = Labels::new(["a", "b", "c"], vec![2, 0, 2]).unwrap();
        assert_eq!(labels.class_counts(), [1, 0, 2]);
        assert!(matches!(
            labels.positives(),
            Err(Error::NotBinary { n_classes: 3 })
        ));
        assert_eq!(labels.select_rows(&[1]).y(), [0]);
    }
}
