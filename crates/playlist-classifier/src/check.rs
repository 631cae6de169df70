//! Probabilities of tracks by models that had not seen them, and what can be told from these.

use playlist_core::{Classifier, FeatureMatrix, Probabilities, Transformer};
use playlist_dataset::StratifiedKFold;

use crate::model::{AnyPipeline, FittedModel, fit};
use crate::{Experiment, FitSettings, ModelName, Result};

/// What a model answers for one track: the probability of each class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opinion {
    /// The answer, `[n_classes]`.
    pub(crate) p: Vec<f64>,
    /// The least and the greatest over the networks, `[n_classes]` each; `None` for a model that is no ensemble or a
    /// distilled one.
    pub(crate) between: Option<(Vec<f64>, Vec<f64>)>,
}

/// What `pipeline` answers for the rows of `x`, with the range over its networks where it is an ensemble that was not
/// distilled.
pub(crate) fn opinions(pipeline: &AnyPipeline, x: &FeatureMatrix) -> Result<Vec<Opinion>> {
    if x.n_samples() == 0 {
        return Ok(Vec::new());
    }
    let x = pipeline.transformer().transform(x)?;
    let answer = pipeline.classifier().predict_proba(&x)?;
    let each = pipeline.classifier().opinions(&x)?;
    let of = |p: &Probabilities, row: usize| -> Vec<f64> {
        (0..p.n_classes())
            .map(|class| f64::from(p.get(row, class)))
            .collect()
    };
    let rows = (0..x.n_samples()).map(|row| {
        let p = of(&answer, row);
        let between = (!each.is_empty()).then(|| {
            let (mut lowest, mut highest) = (p.clone(), p.clone());
            for network in &each {
                for (class, p) in of(network, row).into_iter().enumerate() {
                    lowest[class] = lowest[class].min(p);
                    highest[class] = highest[class].max(p);
                }
            }
            (lowest, highest)
        });
        Opinion { p, between }
    });
    Ok(rows.collect())
}

/// What is known of every track by models that had not seen it.
pub(crate) struct Unseen {
    /// The part that each track was in, `[n_tracks]`.
    pub(crate) fold: Vec<usize>,
    /// `[n_tracks]`.
    pub(crate) opinions: Vec<Opinion>,
}

/// Cuts the tracks of `experiment` into `n_folds` parts and lets a model that was trained on the others answer for each.
///
/// `tell` is called before each part. After a stop was asked for, `None`.
///
/// # Errors
/// Those of splitting, fitting and predicting.
pub(crate) fn cross_validate(
    experiment: &Experiment,
    name: ModelName,
    n_folds: usize,
    tell: &dyn Fn(&str),
) -> Result<Option<Unseen>> {
    let config = StratifiedKFold::default()
        .with_n_folds(n_folds)
        .with_seed(experiment.config.seed);
    let n = experiment.table.n_tracks();
    let mut fold = vec![0; n];
    let mut opinions_of: Vec<Option<Opinion>> = vec![None; n];
    for (index, split) in config.split(&experiment.table)?.iter().enumerate() {
        tell(&format!("testing: part {} of {n_folds}", index + 1));
        let part = |rows: &[usize]| {
            (
                experiment.x.select_rows(rows),
                experiment.labels.select_rows(rows),
            )
        };
        let (train, test) = (part(&split.train), part(&split.test));
        let settings = experiment.fit_settings();
        let (train, held_out) = ((&train.0, &train.1), (&test.0, &test.1));
        let FittedModel { pipeline, .. } = fit(name, &experiment.features, train, held_out, &settings)?;
        if settings.stop.is_requested() {
            return Ok(None);
        }
        for (row, opinion) in split.test.iter().zip(opinions(&pipeline, held_out.0)?) {
            fold[*row] = index;
            opinions_of[*row] = Some(opinion);
        }
    }
    let opinions: Option<Vec<Opinion>> = opinions_of.into_iter().collect();
    Ok(opinions.map(|opinions| Unseen { fold, opinions }))
}

impl Experiment {
    /// How its models are fitted, by its own seed.
    fn fit_settings(&self) -> FitSettings {
        let mut settings = self.config.fit.clone();
        settings.training.seed = self.config.seed;
        settings
    }
}

/// Fits `name` on all tracks of `experiment`.
///
/// # Errors
/// Those of fitting.
pub(crate) fn fit_all(experiment: &Experiment, name: ModelName) -> Result<AnyPipeline> {
    let all = (&experiment.x, &experiment.labels);
    Ok(fit(name, &experiment.features, all, all, &experiment.fit_settings())?.pipeline)
}

/// Brings probabilities of the positive class into line with how often they came true on unseen tracks, as if half of the
/// tracks were positive: a logistic curve through their logits (Platt's), each class weighing as much as the other.
///
/// # Source
/// J. C. Platt, "Probabilistic outputs for support vector machines" (1999), with a ridge around no change in place of his
/// targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Calibrator {
    /// The share of positive tracks that the model learnt from.
    share: f64,
    /// What its logits at even shares are multiplied by.
    slope: f64,
    /// What is added then.
    offset: f64,
}

/// How strongly slope and offset are held at no change: as by so many tracks of the smaller class that say so.
const RIDGE: f64 = 1.0;

/// Newton's steps: the loss is convex and smooth, and a few dozen are far more than it takes.
const STEPS: usize = 50;

impl Calibrator {
    /// Learns from the probabilities of unseen tracks, `[n_samples]`, and whether they are positive. Where higher
    /// probabilities did not come true more often their order stays nonetheless, and so do they.
    pub(crate) fn fit(p: &[f64], y: &[bool]) -> Self {
        let n_positives = y.iter().filter(|label| **label).count() as f64;
        let n_negatives = y.len() as f64 - n_positives;
        let unchanged = Self::none(n_positives / y.len().max(1) as f64);
        if n_positives == 0.0 || n_negatives == 0.0 {
            return unchanged;
        }
        let smaller = n_positives.min(n_negatives);
        let weight = |label: bool| smaller / if label { n_positives } else { n_negatives };
        let z: Vec<f64> = p.iter().map(|p| unchanged.even_logit(*p)).collect();
        let (mut slope, mut offset) = (1.0, 0.0);
        for _ in 0..STEPS {
            // Gradient and Hessian of the weighted log loss and the ridge, in slope and offset.
            let (mut g, mut h) = ([RIDGE * (slope - 1.0), RIDGE * offset], [RIDGE, 0.0, RIDGE]);
            for (z, label) in z.iter().zip(y) {
                let (w, p) = (weight(*label), sigmoid(slope * z + offset));
                let (error, curve) = (w * (p - f64::from(u8::from(*label))), w * p * (1.0 - p));
                g = [g[0] + error * z, g[1] + error];
                h = [h[0] + curve * z * z, h[1] + curve * z, h[2] + curve];
            }
            let determinant = h[0] * h[2] - h[1] * h[1];
            let step = [
                (h[2] * g[0] - h[1] * g[1]) / determinant,
                (h[0] * g[1] - h[1] * g[0]) / determinant,
            ];
            // Full steps overshoot where the loss is nearly flat.
            let length = 1.0_f64.min(2.0 / step[0].hypot(step[1]).max(f64::MIN_POSITIVE));
            slope -= length * step[0];
            offset -= length * step[1];
        }
        if slope > 0.0 && slope.is_finite() && offset.is_finite() {
            Self {
                slope,
                offset,
                ..unchanged
            }
        } else {
            unchanged
        }
    }

    /// No change but to even shares, of a model that learnt where the share `share` was positive.
    pub(crate) const fn none(share: f64) -> Self {
        Self {
            share,
            slope: 1.0,
            offset: 0.0,
        }
    }

    /// The probability in line, where the share `prior` of tracks is positive. It rises with `p`.
    pub(crate) fn apply(&self, p: f64, prior: f64) -> f64 {
        sigmoid(self.slope * self.even_logit(p) + self.offset + logit(prior))
    }

    /// The share of positive tracks that the model learnt from.
    pub(crate) const fn share(&self) -> f64 {
        self.share
    }

    /// The logit of a probability once both classes are equally frequent.
    fn even_logit(&self, p: f64) -> f64 {
        logit(p) - logit(self.share)
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The logit of `p`, kept finite.
fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_that_claim_too_much_are_brought_into_line() {
        // Of every ten tracks called 0.99 six belong, of those called 0.01 four.
        let p: Vec<f64> = (0..4000).map(|i| if i % 2 == 0 { 0.99 } else { 0.01 }).collect();
        let y: Vec<bool> = (0..4000).map(|i| (i / 2 % 10 < 6) == (i % 2 == 0)).collect();
        let calibrator = Calibrator::fit(&p, &y);
        for (given, expected) in [(0.99, 0.6), (0.01, 0.4), (0.5, 0.5)] {
            let found = calibrator.apply(given, 0.5);
            // The ridge weighs as one track of 2,000.
            assert!((found - expected).abs() < 0.002, "{given}: {found}");
        }
    }

    #[test]
    fn classes_of_unequal_size_weigh_the_same() {
        // One like in ten; the model knows that and no more.
        let y: Vec<bool> = (0..1000).map(|i| i % 10 == 0).collect();
        let calibrator = Calibrator::fit(&[0.1; 1000], &y);
        assert!((calibrator.apply(0.1, 0.5) - 0.5).abs() < 1e-9);
        assert!((calibrator.apply(0.1, 0.1) - 0.1).abs() < 1e-9);
        assert!((calibrator.share() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn an_order_that_is_wrong_is_not_turned_round() {
        let p: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
        let y: Vec<bool> = (0..100).map(|i| i < 50).collect();
        let calibrator = Calibrator::fit(&p, &y);
        assert!(calibrator.apply(0.9, 0.5) > calibrator.apply(0.1, 0.5));
    }

    #[test]
    fn classes_that_are_told_apart_fully_have_no_endless_slope() {
        let p: Vec<f64> = (0..40).map(|i| if i < 20 { 0.3 } else { 0.7 }).collect();
        let y: Vec<bool> = (0..40).map(|i| i >= 20).collect();
        let high = Calibrator::fit(&p, &y).apply(0.7, 0.5);
        assert!((0.8..0.999).contains(&high), "{high}");
        assert_eq!(Calibrator::fit(&[], &[]), Calibrator::none(0.0));
    }

    #[test]
    fn no_probability_is_final() {
        let calibrator = Calibrator::none(0.02);
        assert!(calibrator.apply(1.0, 0.5) < 1.0 && calibrator.apply(0.0, 0.5) > 0.0);
    }
}
