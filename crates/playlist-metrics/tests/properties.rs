//! What must hold for any input.

use playlist_metrics::{
    BinaryReport, CalibrationBins, ConfusionCounts, MultiClassReport, Score, ThresholdRule,
    auc_better_than_chance, average_precision, calibration_curve, calibration_floor, delong_interval,
    delong_test, log_loss_from_logits, mean_interval, precision_recall_curve, roc_auc, roc_curve,
    top_k_accuracy,
};
use proptest::prelude::*;

/// The definition, pair by pair.
fn naive_auc<S: Score>(y_true: &[bool], y_score: &[S]) -> Option<f64> {
    let of = |class: bool| {
        let rows = y_true.iter().zip(y_score).filter(move |row| *row.0 == class);
        rows.map(|row| row.1.to_f64())
    };
    let (mut doubled, mut n_pairs) = (0_u64, 0_u64);
    for positive in of(true) {
        for negative in of(false) {
            doubled += if positive > negative {
                2
            } else {
                u64::from(positive == negative)
            };
            n_pairs += 1;
        }
    }
    (n_pairs > 0).then(|| doubled as f64 / (2 * n_pairs) as f64)
}

/// Labels with scores of both signs, of which many are tied.
fn tied_rows(max: usize) -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let row = (any::<bool>(), -6_i32..=6).prop_map(|(label, level)| (label, f64::from(level) / 4.0));
    prop::collection::vec(row, 2..max).prop_map(|rows| rows.into_iter().unzip())
}

/// Labels with any finite scores.
fn wide_rows(max: usize) -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let finite = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
    prop::collection::vec((any::<bool>(), finite), 2..max).prop_map(|rows| rows.into_iter().unzip())
}

/// Labels with probabilities, some tied and some at the ends.
fn probability_rows(max: usize) -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let probability = prop_oneof![0.0..=1.0, Just(0.0), Just(1.0), Just(0.5)];
    prop::collection::vec((any::<bool>(), probability), 1..max).prop_map(|rows| rows.into_iter().unzip())
}

fn both_classes(y_true: &[bool]) -> bool {
    y_true.contains(&true) && y_true.contains(&false)
}

/// The mean calibration error against labels drawn from `y_prob`, exactly: in each bin from the distribution of the
/// number of positive labels, built up label by label.
fn exact_calibration_floor(y_prob: &[f64], bins: CalibrationBins) -> f64 {
    let mut sorted = y_prob.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut rest = sorted.as_slice();
    let mut gap = 0.0;
    for bin in calibration_curve(&vec![false; y_prob.len()], y_prob, bins).expect("checked probabilities") {
        let (own, others) = rest.split_at(bin.count as usize);
        rest = others;
        let mut chance = vec![1.0];
        for p in own {
            let mut next = vec![0.0; chance.len() + 1];
            for (n_positives, chance) in chance.iter().enumerate() {
                next[n_positives] += chance * (1.0 - p);
                next[n_positives + 1] += chance * p;
            }
            chance = next;
        }
        let expected: f64 = own.iter().sum();
        let each = chance
            .iter()
            .enumerate()
            .map(|(k, chance)| chance * (k as f64 - expected).abs());
        gap += each.sum::<f64>();
    }
    gap / y_prob.len() as f64
}

proptest! {
    /// One label moves the error by 1 / n at most, so by Efron and Stein its variance is at most the sum of
    /// `p (1 - p) / n^2`; the mean of the draws is within six times the root of that over the draws, or, where every
    /// label is certain, within rounding.
    #[test]
    fn the_calibration_floor_is_its_definition((_, y_prob) in probability_rows(60), seed in any::<u64>()) {
        let (n_draws, n) = (400, y_prob.len() as f64);
        for bins in [CalibrationBins::default(), CalibrationBins::EqualCount(4), CalibrationBins::EqualWidth(5)] {
            let floor = calibration_floor(&y_prob, bins, n_draws, seed).unwrap();
            let exact = exact_calibration_floor(&y_prob, bins);
            let variance: f64 = y_prob.iter().map(|p| p * (1.0 - p)).sum::<f64>() / (n * n);
            let tolerance = 6.0 * (variance / n_draws as f64).sqrt() + 1e-9;
            prop_assert!((floor.mean - exact).abs() < tolerance, "{bins:?}: {floor:?} {exact}");
            prop_assert!(floor.lower <= floor.upper && floor.upper <= 1.0);
        }
    }

    #[test]
    fn auc_is_its_definition((y_true, y_score) in tied_rows(60)) {
        prop_assert_eq!(roc_auc(&y_true, &y_score).ok(), naive_auc(&y_true, &y_score));
        let single: Vec<f32> = y_score.iter().map(|&score| score as f32).collect();
        prop_assert_eq!(roc_auc(&y_true, &single).ok(), naive_auc(&y_true, &single));
    }

    #[test]
    fn auc_is_its_definition_for_any_finite_scores((y_true, y_score) in wide_rows(60)) {
        prop_assert_eq!(roc_auc(&y_true, &y_score).ok(), naive_auc(&y_true, &y_score));
    }

    #[test]
    fn auc_ignores_monotone_rescaling((y_true, y_score) in tied_rows(200)) {
        let rescaled: Vec<f64> = y_score.iter().map(|score| (3.0 * score).exp() - 7.0).collect();
        prop_assert_eq!(roc_auc(&y_true, &y_score), roc_auc(&y_true, &rescaled));
    }

    #[test]
    fn auc_of_flipped_labels_is_the_rest((y_true, y_score) in tied_rows(200)) {
        prop_assume!(both_classes(&y_true));
        let flipped: Vec<bool> = y_true.iter().map(|label| !label).collect();
        let sum = roc_auc(&y_true, &y_score).unwrap() + roc_auc(&flipped, &y_score).unwrap();
        // Each of the two quotients is rounded once.
        prop_assert!((sum - 1.0).abs() <= f64::EPSILON);
    }

    #[test]
    fn row_order_changes_nothing(
        (rows, shuffled) in prop::collection::vec((any::<bool>(), 0_u8..=20), 1..200)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let split = |rows: &[(bool, u8)]| -> (Vec<bool>, Vec<f64>) {
            rows.iter().map(|row| (row.0, f64::from(row.1) / 20.0)).unzip()
        };
        let ((y_true, y_prob), (shuffled_true, shuffled_prob)) = (split(&rows), split(&shuffled));
        prop_assert_eq!(roc_curve(&y_true, &y_prob), roc_curve(&shuffled_true, &shuffled_prob));
        for bins in [CalibrationBins::EqualCount(4), CalibrationBins::EqualWidth(4)] {
            let bins_of = |y_true: &[bool], y_prob: &[f64]| -> Vec<(u64, f64)> {
                let curve = calibration_curve(y_true, y_prob, bins).unwrap();
                curve.iter().map(|bin| (bin.count, bin.fraction_positive)).collect()
            };
            prop_assert_eq!(bins_of(&y_true, &y_prob), bins_of(&shuffled_true, &shuffled_prob));
        }
        let report = BinaryReport::new(&y_true, &y_prob, 0.5).unwrap();
        let other = BinaryReport::new(&shuffled_true, &shuffled_prob, 0.5).unwrap();
        // Only the two sums over rows depend on the order, by the rounding of 200 terms of at
        // most 37 each.
        prop_assert!((report.log_loss.unwrap() - other.log_loss.unwrap()).abs() < 1e-12);
        prop_assert!((report.brier.unwrap() - other.brier.unwrap()).abs() < 1e-12);
        let (log_loss, brier) = (report.log_loss, report.brier);
        prop_assert_eq!(report, BinaryReport { log_loss, brier, ..other });
    }

    #[test]
    fn the_curve_encloses_the_area((y_true, y_score) in tied_rows(120)) {
        prop_assume!(both_classes(&y_true));
        let curve = roc_curve(&y_true, &y_score).unwrap();
        let (x, y) = (&curve.false_positive_rate, &curve.true_positive_rate);
        let area: f64 = (1..x.len()).map(|i| (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2.0).sum();
        // At most 14 trapezoids, each rounded a few times.
        prop_assert!((area - roc_auc(&y_true, &y_score).unwrap()).abs() < 1e-14);
        prop_assert_eq!((x[0], y[0]), (0.0, 0.0));
        prop_assert_eq!((x.last(), y.last()), (Some(&1.0), Some(&1.0)));
        prop_assert!(curve.thresholds.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn curves_agree_with_the_counts_at_their_thresholds((y_true, y_score) in wide_rows(40)) {
        prop_assume!(both_classes(&y_true));
        let roc = roc_curve(&y_true, &y_score).unwrap();
        for (i, &threshold) in roc.thresholds.iter().enumerate() {
            let counts = ConfusionCounts::from_scores(&y_true, &y_score, threshold).unwrap();
            prop_assert_eq!(counts.recall(), Some(roc.true_positive_rate[i]));
            let rate = counts.false_positives as f64 / counts.n_negatives() as f64;
            prop_assert_eq!(rate, roc.false_positive_rate[i]);
        }
        let curve = precision_recall_curve(&y_true, &y_score).unwrap();
        for (i, &threshold) in curve.thresholds.iter().enumerate() {
            let counts = ConfusionCounts::from_scores(&y_true, &y_score, threshold).unwrap();
            prop_assert_eq!(counts.recall(), Some(curve.recall[i]));
            prop_assert_eq!(counts.precision(), Some(curve.precision[i]));
        }
    }

    #[test]
    fn average_precision_is_the_sum_of_its_steps((y_true, y_score) in tied_rows(80)) {
        prop_assume!(y_true.contains(&true));
        let curve = precision_recall_curve(&y_true, &y_score).unwrap();
        let steps = (0..curve.thresholds.len())
            .map(|i| (curve.recall[i] - curve.recall[i + 1]) * curve.precision[i]);
        let found = average_precision(&y_true, &y_score).unwrap();
        // At most 13 steps, each with the rounding of a difference of recalls.
        prop_assert!((found - steps.sum::<f64>()).abs() < 1e-14);
    }

    #[test]
    fn best_f1_and_youden_are_not_beaten_by_any_threshold((y_true, y_score) in wide_rows(40)) {
        prop_assume!(both_classes(&y_true));
        let counts_at = |threshold| {
            ConfusionCounts::from_scores(&y_true, &y_score, threshold).unwrap()
        };
        let youden = |counts: ConfusionCounts| counts.balanced_accuracy().unwrap();
        let n_positives = y_true.iter().filter(|&&label| label).count() as u64;
        let excess = |counts: ConfusionCounts| counts.n_predicted_positives().abs_diff(n_positives);
        let learn = |rule: ThresholdRule| counts_at(rule.learn(&y_true, &y_score).unwrap());
        let by_f1 = learn(ThresholdRule::BestF1).f1().unwrap();
        let by_youden = youden(learn(ThresholdRule::Youden));
        let by_prior = excess(learn(ThresholdRule::Prior));
        for &threshold in &y_score {
            let counts = counts_at(threshold);
            prop_assert!(counts.f1().unwrap() <= by_f1);
            // Mean of two quotients: equal ones may differ by their rounding.
            prop_assert!(youden(counts) <= by_youden + f64::EPSILON);
            prop_assert!(excess(counts) >= by_prior);
        }
    }

    #[test]
    fn a_report_of_probabilities_holds_no_nan((y_true, y_prob) in probability_rows(50)) {
        let report = BinaryReport::new(&y_true, &y_prob, 0.5).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        // serde_json writes NaN as null, so a null is right only where the metric has no value.
        let both = both_classes(&y_true);
        prop_assert_eq!(json["roc_auc"].is_null(), !both);
        prop_assert_eq!(json["balanced_accuracy"].is_null(), !both);
        prop_assert_eq!(json["average_precision"].is_null(), !y_true.contains(&true));
        prop_assert_eq!(json["recall"].is_null(), !y_true.contains(&true));
        prop_assert!(!json["log_loss"].is_null() && !json["calibration_error"].is_null());
        prop_assert!((0.0..=1.0).contains(&report.calibration_error.unwrap()));
        let intervals = [report.accuracy_interval, report.recall_interval, report.roc_auc_interval];
        for interval in intervals.into_iter().flatten() {
            prop_assert!(0.0 <= interval.lower && interval.lower <= interval.upper);
            prop_assert!(interval.upper <= 1.0);
        }
    }

    #[test]
    fn delong_of_one_model_and_of_two_agree((y_true, y_score) in tied_rows(80)) {
        let constant = vec![0.0_f32; y_true.len()];
        // Against a constant score, which has no variance, the difference varies as the area.
        if let (Ok(one), Ok(two)) = (
            delong_interval(&y_true, &y_score, 0.95),
            delong_test(&y_true, &y_score, &constant),
        ) {
            prop_assert_eq!(one.auc, two.auc_a);
            // Two ways to sum at most 80 squares.
            prop_assert!((one.standard_error - two.standard_error).abs() < 1e-14);
            prop_assert_eq!(two.z.is_none(), two.p_value.is_none());
            prop_assert!(two.p_value.is_none_or(|p| (0.0..=1.0).contains(&p)));
        }
    }

    #[test]
    fn no_input_panics_or_gives_nan(
        y_true in prop::collection::vec(any::<bool>(), 0..12),
        y_score in prop::collection::vec(any::<f64>(), 0..12),
        threshold in any::<f64>(),
    ) {
        let single: Vec<f32> = y_score.iter().map(|&score| score as f32).collect();
        let results = [
            roc_auc(&y_true, &y_score),
            roc_auc(&y_true, &single),
            average_precision(&y_true, &y_score),
            log_loss_from_logits(&y_true, &y_score),
            ThresholdRule::Midpoint.learn(&y_true, &y_score),
            ThresholdRule::BestF1.learn(&y_true, &y_score),
            ThresholdRule::Youden.learn(&y_true, &single),
            ThresholdRule::Prior.learn(&y_true, &y_score),
            auc_better_than_chance(&y_true, &y_score).map(|test| test.p_value),
            delong_interval(&y_true, &y_score, 0.95).map(|result| result.standard_error),
            delong_test(&y_true, &y_score, &single).map(|test| test.standard_error),
            mean_interval(&y_score, 0.95).map(|interval| interval.lower),
        ];
        for result in results.into_iter().flatten() {
            prop_assert!(result.is_finite());
        }
        let _ = ConfusionCounts::from_scores(&y_true, &y_score, threshold);
        let _ = BinaryReport::new(&y_true, &y_score, threshold);
        let _ = calibration_curve(&y_true, &y_score, CalibrationBins::EqualWidth(3));
    }

    #[test]
    fn no_multi_class_input_panics(
        y_true in prop::collection::vec(0_usize..6, 0..6),
        y_score in prop::collection::vec(0.0_f32..=1.0, 0..24),
        n_classes in 0_usize..6,
        k in 0_usize..8,
    ) {
        let _ = MultiClassReport::new(&y_true, &y_score, n_classes);
        let _ = top_k_accuracy(&y_true, &y_score, n_classes, k);
    }

    #[test]
    fn a_multi_class_report_of_two_classes_is_the_binary_one(
        (y_true, y_prob) in probability_rows(60),
    ) {
        let labels: Vec<usize> = y_true.iter().map(|&label| usize::from(label)).collect();
        let rows: Vec<f64> = y_prob.iter().flat_map(|&p| [1.0 - p, p]).collect();
        let multi = MultiClassReport::new(&labels, &rows, 2).unwrap();
        // At 0.5 both classes are equal and the lower wins, so the binary threshold is above it.
        let binary = BinaryReport::new(&y_true, &y_prob, 0.5_f64.next_up()).unwrap();
        prop_assert_eq!(Some(multi.accuracy), binary.accuracy);
        prop_assert_eq!(multi.classes[1].precision, binary.precision);
        prop_assert_eq!(multi.classes[1].roc_auc, binary.roc_auc);
        // The sum over two classes of the same square, each rounded.
        prop_assert!((multi.brier - 2.0 * binary.brier.unwrap()).abs() < 1e-14);
        prop_assert_eq!(multi.majority_test, binary.majority_test);
    }
}

#[test]
fn many_rows_agree_with_a_plain_sort() {
    // Enough rows for every pass of the radix sort, of both signs, from a splitmix64 stream.
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 11) as f64 / (1_u64 << 53) as f64
    };
    let y_true: Vec<bool> = (0..50_000).map(|_| next() < 0.3).collect();
    let y_score: Vec<f64> = y_true
        .iter()
        .map(|&label| (next() - 0.5) * 10.0_f64.powf(8.0 * next() - 4.0) + f64::from(u8::from(label)))
        .collect();
    let by_plain_sort = |y_score: &[f64]| {
        let mut rows: Vec<(f64, bool)> = y_score.iter().copied().zip(y_true.clone()).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let n_positives = y_true.iter().filter(|&&label| label).count();
        let (mut doubled, mut n_below) = (0_u64, 0_u64);
        for run in rows.chunk_by(|a, b| a.0 == b.0) {
            let positives = run.iter().filter(|row| row.1).count() as u64;
            let negatives = run.len() as u64 - positives;
            doubled += positives * (2 * n_below + negatives);
            n_below += negatives;
        }
        doubled as f64 / (2 * n_positives * (y_true.len() - n_positives)) as f64
    };
    assert_eq!(roc_auc(&y_true, &y_score), Ok(by_plain_sort(&y_score)));
    let single: Vec<f32> = y_score
        .iter()
        .map(|&score| (score * 8.0).round() as f32)
        .collect();
    let widened: Vec<f64> = single.iter().map(|&score| f64::from(score)).collect();
    assert_eq!(roc_auc(&y_true, &single), Ok(by_plain_sort(&widened)));
}
