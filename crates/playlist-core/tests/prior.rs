//! What a correction of the class shares keeps and what it gains.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_core::{Labels, Prior, PriorCorrection, Probabilities};
use proptest::prelude::*;

fn binary(values: &[f32]) -> Probabilities {
    Probabilities::binary(values.to_vec()).unwrap()
}

/// Numbers spread evenly over [0, 1): the golden ratio's multiples.
fn unit(i: usize) -> f64 {
    (i as f64 * 0.618_033_988_749_894_9).fract()
}

/// The probability of the positive class, of density 2u, where the other has 2(1 - u), u in [0, 1].
fn posterior(u: f64, share: f64) -> f64 {
    share * u / (share * u + (1.0 - share) * (1.0 - u))
}

proptest! {
    /// One float of rounding is allowed for.
    #[test]
    fn balanced_data_are_unchanged(p in prop::collection::vec(0.0_f32..=1.0, 1..50)) {
        let labels = Labels::binary("no", "yes", &[true, false, false, true]);
        let correction = Prior::Balanced.correction(&labels).unwrap().unwrap();
        let corrected = correction.apply(&binary(&p)).unwrap();
        for (p, corrected) in p.iter().zip(corrected.positive().unwrap()) {
            prop_assert!((p - corrected).abs() <= f32::EPSILON * p, "{p} {corrected}");
        }
    }

    /// A positive class that gains makes every track more probable, and none passes another. A float's rounding
    /// is allowed for.
    #[test]
    fn the_order_of_tracks_is_kept(
        mut p in prop::collection::vec(0.0_f32..=1.0, 2..50), old in 0.01..0.99_f64, new in 0.01..0.99_f64,
    ) {
        p.sort_by(f32::total_cmp);
        let correction = PriorCorrection::new(vec![1.0 - old, old], vec![1.0 - new, new]).unwrap();
        let corrected = correction.apply(&binary(&p)).unwrap();
        prop_assert!(corrected.positive().unwrap().is_sorted());
        for (p, corrected) in p.iter().zip(corrected.positive().unwrap()) {
            let gained = f64::from(corrected - p) * (new - old).signum();
            prop_assert!(gained >= -1e-7, "{p} {corrected}");
        }
    }

    /// The first rounding to a float is made larger on the way back, by the largest ratio of odds at most: 81 for
    /// shares from 0.1 to 0.9.
    #[test]
    fn the_way_back_leads_to_the_start(
        p in prop::collection::vec(0.01_f32..=0.99, 1..50), old in 0.1..0.9_f64, new in 0.1..0.9_f64,
    ) {
        let (old, new) = (vec![1.0 - old, old], vec![1.0 - new, new]);
        let there = PriorCorrection::new(old.clone(), new.clone()).unwrap();
        let back = PriorCorrection::new(new, old).unwrap();
        let again = back.apply(&there.apply(&binary(&p)).unwrap()).unwrap();
        for (p, again) in p.iter().zip(again.positive().unwrap()) {
            prop_assert!((p - again).abs() < 82.0 * f32::EPSILON, "{p} {again}");
        }
    }

    /// A model that is right for equal classes is corrected to be right for tracks of other shares: its log loss on
    /// them falls to that of the model that knows these shares, up to the rounding to floats.
    #[test]
    fn log_loss_on_tracks_of_the_new_shares_falls(new in prop_oneof![0.05..0.4_f64, 0.6..0.95_f64]) {
        let n = 4_000;
        let draw = |i: usize| {
            let (is_positive, root) = ((i as f64) < new * n as f64, unit(i).sqrt());
            (if is_positive { root } else { 1.0 - root }, is_positive)
        };
        let tracks: Vec<(f64, bool)> = (0..n).map(draw).collect();
        let answers = |share| -> Vec<f32> { tracks.iter().map(|(u, _)| posterior(*u, share) as f32).collect() };
        let log_loss = |p: &[f32]| -> f64 {
            let each = p.iter().zip(&tracks).map(|(p, (_, is_positive))| {
                let p = f64::from(*p).clamp(1e-7, 1.0 - 1e-7);
                -if *is_positive { p.ln() } else { (1.0 - p).ln() }
            });
            each.sum::<f64>() / n as f64
        };
        let learnt = answers(0.5);
        let correction = PriorCorrection::new(vec![0.5, 0.5], vec![1.0 - new, new]).unwrap();
        let corrected = correction.apply(&binary(&learnt)).unwrap();
        let after = log_loss(corrected.positive().unwrap());
        prop_assert!(after < log_loss(&learnt), "{after} {}", log_loss(&learnt));
        prop_assert!((after - log_loss(&answers(new))).abs() < 1e-5);
    }
}
