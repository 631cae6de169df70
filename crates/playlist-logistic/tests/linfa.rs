//! linfa-logistic as a second opinion, on tables where it is sound: scaled columns, logits within 34.

#![expect(clippy::unwrap_used, reason = "a failed helper fails the test that called it")]

mod common;

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array2, ArrayView1};
use playlist_core::{FeatureMatrix, Labels};
use playlist_logistic::LogisticConfig;

/// Both stop at a gradient of 1e-8 a track; the smallest curvature of these tables is about 0.01.
const TOLERANCE: f64 = 1e-5;

fn records(x: &FeatureMatrix) -> Array2<f64> {
    let values = x.values().iter().map(|v| f64::from(*v)).collect();
    Array2::from_shape_vec((x.n_samples(), x.n_features()), values).unwrap()
}

fn ours(x: &FeatureMatrix, y: &Labels, alpha: f64) -> Vec<f64> {
    let config = LogisticConfig::default().with_gradient_tolerance(1e-8);
    let model = config.with_alpha(alpha).fit(x, y).unwrap();
    model.coefficients().map(|c| c.value).collect()
}

/// Few rows, which linfa-logistic fits within the crate as well; rows that Newton's steps fit; and so many that these
/// start from a part of them.
#[test]
fn binary_coefficients_agree_with_linfa() {
    for (n_samples, alpha) in [(200, 0.5), (200, 1.0), (200, 10.0), (1_500, 1.0), (70_000, 1.0)] {
        let (x, y) = common::table(1, n_samples, 2, 0.8);
        let fitted = LogisticRegression::default()
            .alpha(alpha)
            .gradient_tolerance(1e-8 * n_samples as f64)
            .fit(&DatasetBase::new(records(&x), ArrayView1::from(y.y())))
            .unwrap();
        // linfa takes the larger class as the positive one.
        let sign = if fitted.labels().pos.class == 1 { 1.0 } else { -1.0 };
        for (ours, theirs) in ours(&x, &y, alpha).iter().zip(fitted.params()) {
            assert!(
                (ours - sign * theirs).abs() < TOLERANCE,
                "{n_samples} rows, alpha {alpha}"
            );
        }
    }
}

#[test]
fn multinomial_coefficients_agree_with_linfa() {
    let (x, y) = common::table(2, 300, 4, 0.8);
    let fitted = MultiLogisticRegression::default()
        .alpha(1.0)
        .gradient_tolerance(1e-8 * 300.0)
        .fit(&DatasetBase::new(records(&x), ArrayView1::from(y.y())))
        .unwrap();
    for (ours, theirs) in ours(&x, &y, 1.0).iter().zip(fitted.params().t()) {
        assert!((ours - theirs).abs() < TOLERANCE);
    }
}
