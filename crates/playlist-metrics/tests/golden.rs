//! Values from scikit-learn 1.9 and scipy 1.17, made by `golden/make_golden.py`.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, helpers included"
)]

use playlist_metrics::{
    Average, BinaryReport, CalibrationBin, CalibrationBins, ConfusionCounts, ConfusionMatrix, Error,
    MultiClassReport, Score, auc_better_than_chance, average_precision, better_than_majority,
    brier_multiclass, brier_score, calibration_curve, corrected_mean_interval, corrected_resampled_t_test,
    delong_interval, delong_test, expected_calibration_error, log_loss, log_loss_from_logits,
    log_loss_multiclass, mcnemar, mean_interval, precision_recall_curve, roc_auc, roc_auc_one_vs_rest,
    roc_auc_per_class, roc_curve, signed_rank_test, top_class, top_class_calibration_error, top_k_accuracy,
    wilson_interval,
};
use serde_json::Value;

/// Both sides add at most some thousand numbers of size 1, with a rounding of 1e-16 each.
const CLOSE: f64 = 1e-13;
/// p-values pass through a tail, which magnifies a rounding of its argument up to a hundredfold.
const TAIL: f64 = 1e-11;

fn cases(text: &str) -> Vec<Value> {
    let Value::Object(items) = serde_json::from_str(text).unwrap() else {
        panic!("a golden file is an object");
    };
    let cases = items.into_iter().filter(|(key, _)| key.starts_with("case"));
    cases.map(|(_, case)| case).collect()
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) if text == "inf" => f64::INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn bools(value: &Value) -> Vec<bool> {
    let items = value.as_array().unwrap();
    items.iter().map(|item| item.as_bool().unwrap()).collect()
}

fn integers(value: &Value) -> Vec<usize> {
    let items = value.as_array().unwrap();
    items.iter().map(|item| item.as_u64().unwrap() as usize).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let is_close = found == expected || (found - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(is_close, "{what}: found {found}, expected {expected}");
}

#[track_caller]
fn assert_all_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (&found, &expected) in found.iter().zip(expected) {
        assert_close(found, expected, CLOSE, what);
    }
}

/// Compares with a value that is `null` where the metric has none.
#[track_caller]
fn assert_option(found: Option<f64>, expected: &Value, what: &str) {
    match found {
        Some(found) => assert_close(found, number(expected), CLOSE, what),
        None => assert!(expected.is_null(), "{what}: found none, expected {expected}"),
    }
}

#[track_caller]
fn assert_bins(found: &[CalibrationBin], expected: &Value, what: &str) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (bin, row) in found.iter().zip(expected) {
        let found = [
            bin.lower,
            bin.upper,
            bin.count as f64,
            bin.mean_predicted,
            bin.fraction_positive,
        ];
        assert_all_close(&found, &numbers(row), what);
    }
}

/// Runs the checks in the score type of each case, which its doubles hold exactly.
fn for_each_binary_case(check: impl Fn(&Value, &[bool], Scores)) {
    let cases = cases(include_str!("golden/metrics_binary.json"));
    assert_eq!(cases.len(), 14);
    for case in &cases {
        let y_prob = numbers(&case["y_prob"]);
        let scores = if case["dtype"] == "float32" {
            Scores::Single(y_prob.iter().map(|&p| p as f32).collect())
        } else {
            Scores::Double(y_prob)
        };
        check(case, &bools(&case["y_true"]), scores);
    }
}

enum Scores {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

#[test]
fn confusion_counts_agree() {
    fn check<S: Score>(case: &Value, y_true: &[bool], y_prob: &[S]) {
        let name = case["name"].as_str().unwrap();
        let counts = ConfusionCounts::from_scores(y_true, y_prob, number(&case["threshold"])).unwrap();
        let cells = [
            counts.true_positives,
            counts.false_positives,
            counts.true_negatives,
            counts.false_negatives,
        ];
        assert_eq!(
            cells.map(|n| n as usize).to_vec(),
            integers(&case["counts"]),
            "{name}"
        );
        assert_option(counts.accuracy(), &case["accuracy"], name);
        assert_option(counts.precision(), &case["precision"], name);
        assert_option(counts.recall(), &case["recall"], name);
        assert_option(counts.specificity(), &case["specificity"], name);
        assert_option(counts.f1(), &case["f1"], name);
        assert_option(counts.balanced_accuracy(), &case["balanced_accuracy"], name);
        assert_option(counts.matthews_correlation(), &case["matthews_correlation"], name);
        let n_correct = counts.true_positives + counts.true_negatives;
        let wilson = wilson_interval(n_correct, counts.n_samples(), 0.9).unwrap();
        assert_all_close(
            &[wilson.lower, wilson.upper],
            &numbers(&case["accuracy_wilson_90"]),
            name,
        );
        if let Some(expected) = case.get("majority_p_value") {
            let test = better_than_majority(&counts).unwrap();
            assert_close(test.p_value, number(expected), TAIL, name);
        }
    }
    for_each_binary_case(|case, y_true, scores| match scores {
        Scores::Single(y_prob) => check(case, y_true, &y_prob),
        Scores::Double(y_prob) => check(case, y_true, &y_prob),
    });
}

#[test]
fn ranking_agrees() {
    fn check<S: Score>(case: &Value, y_true: &[bool], y_prob: &[S]) {
        let name = case["name"].as_str().unwrap();
        match case.get("roc_auc") {
            Some(expected) => {
                assert_close(roc_auc(y_true, y_prob).unwrap(), number(expected), CLOSE, name);
                let curve = roc_curve(y_true, y_prob).unwrap();
                let expected = &case["roc_curve"];
                assert_all_close(&curve.false_positive_rate, &numbers(&expected[0]), name);
                assert_all_close(&curve.true_positive_rate, &numbers(&expected[1]), name);
                assert_all_close(&curve.thresholds, &numbers(&expected[2]), name);
                let delong = delong_interval(y_true, y_prob, 0.9).unwrap();
                let expected = number(&case["delong_standard_error"]);
                assert_close(delong.standard_error, expected, CLOSE, name);
                let ends = [delong.interval.lower, delong.interval.upper];
                assert_all_close(&ends, &numbers(&case["delong_90"]), name);
                let test = auc_better_than_chance(y_true, y_prob).unwrap();
                assert_close(test.p_value, number(&case["better_than_chance"]), TAIL, name);
            }
            None => assert!(matches!(roc_auc(y_true, y_prob), Err(Error::OneClass { .. }))),
        }
        match case.get("average_precision") {
            Some(expected) => {
                let found = average_precision(y_true, y_prob).unwrap();
                assert_close(found, number(expected), CLOSE, name);
                let curve = precision_recall_curve(y_true, y_prob).unwrap();
                let expected = &case["pr_curve"];
                assert_all_close(&curve.precision, &numbers(&expected[0]), name);
                assert_all_close(&curve.recall, &numbers(&expected[1]), name);
                assert_all_close(&curve.thresholds, &numbers(&expected[2]), name);
            }
            None => assert!(average_precision(y_true, y_prob).is_err()),
        }
    }
    for_each_binary_case(|case, y_true, scores| match scores {
        Scores::Single(y_prob) => check(case, y_true, &y_prob),
        Scores::Double(y_prob) => check(case, y_true, &y_prob),
    });
}

#[test]
fn probability_scores_and_calibration_agree() {
    fn check<S: Score>(case: &Value, y_true: &[bool], y_prob: &[S]) {
        let name = case["name"].as_str().unwrap();
        let loss = log_loss(y_true, y_prob).unwrap();
        assert_close(loss, number(&case["log_loss"]), CLOSE, name);
        // scikit-learn works in the score type: near 0 and 1 a probability in single precision
        // has an error of 6e-8 in a distance of 1.2e-7 from the end.
        let tolerance = if case["dtype"] == "float32" { 1e-5 } else { CLOSE };
        assert_close(loss, number(&case["log_loss_in_score_type"]), tolerance, name);
        let logits: Vec<f64> = y_prob.iter().map(|p| 5.0 * p.to_f64()).collect();
        let loss = log_loss_from_logits(y_true, &logits).unwrap();
        assert_close(loss, number(&case["log_loss_from_logits"]), CLOSE, name);
        let brier = brier_score(y_true, y_prob).unwrap();
        assert_close(brier, number(&case["brier"]), CLOSE, name);
        for (key, bins) in [
            ("equal_width_7", CalibrationBins::EqualWidth(7)),
            ("equal_count_15", CalibrationBins::EqualCount(15)),
            ("equal_count_4", CalibrationBins::EqualCount(4)),
        ] {
            let curve = calibration_curve(y_true, y_prob, bins).unwrap();
            assert_bins(&curve, &case[key], &format!("{name}, {key}"));
            if let Some(expected) = case.get(format!("{key}_error")) {
                let found = expected_calibration_error(y_true, y_prob, bins).unwrap();
                assert_close(found, number(expected), CLOSE, name);
            }
        }
        let report = BinaryReport::new(y_true, y_prob, number(&case["threshold"])).unwrap();
        assert_eq!(report.roc_auc.is_some(), case.get("roc_auc").is_some());
        assert_option(report.calibration_error, &case["equal_count_15_error"], name);
    }
    for_each_binary_case(|case, y_true, scores| match scores {
        Scores::Single(y_prob) => check(case, y_true, &y_prob),
        Scores::Double(y_prob) => check(case, y_true, &y_prob),
    });
}

#[test]
fn paired_tests_agree() {
    let cases = cases(include_str!("golden/metrics_paired.json"));
    assert_eq!(cases.len(), 6);
    for case in &cases {
        let y_true = bools(&case["y_true"]);
        let (score_a, score_b) = (numbers(&case["score_a"]), numbers(&case["score_b"]));
        let test = delong_test(&y_true, &score_a, &score_b).unwrap();
        let expected = numbers(&case["delong"]);
        assert_close(test.auc_a, expected[0], CLOSE, "auc a");
        assert_close(test.auc_b, expected[1], CLOSE, "auc b");
        // The script subtracts a covariance from variances, which costs it two digits or so.
        assert_close(test.standard_error, expected[2], TAIL, "standard error");
        assert_close(test.z.unwrap(), expected[3], TAIL, "z");
        assert_close(test.p_value.unwrap(), expected[4], TAIL, "p-value");

        let decide = |scores: &[f64]| scores.iter().map(|&s| s >= 0.0).collect::<Vec<bool>>();
        let test = mcnemar(&y_true, &decide(&score_a), &decide(&score_b)).unwrap();
        let expected = numbers(&case["mcnemar"]);
        assert_eq!(test.only_a_correct as f64, expected[0]);
        assert_eq!(test.only_b_correct as f64, expected[1]);
        assert_close(test.p_value, expected[2], TAIL, "mcnemar");
    }
}

#[test]
fn intervals_agree() {
    let golden: Value = serde_json::from_str(include_str!("golden/metrics_interval.json")).unwrap();
    for row in golden["wilson"].as_array().unwrap() {
        let row = numbers(row);
        let interval = wilson_interval(row[0] as u64, row[1] as u64, row[2]).unwrap();
        assert_all_close(&[interval.lower, interval.upper], &row[3..], "wilson");
    }
    for case in golden["means"].as_array().unwrap() {
        let values = numbers(&case["values"]);
        let size = |key: &str| number(&case[key]) as usize;
        let (n_train, n_test, level) = (size("n_train"), size("n_test"), number(&case["level"]));
        let plain = mean_interval(&values, level).unwrap();
        assert_all_close(&[plain.lower, plain.upper], &numbers(&case["plain"]), "mean");
        let corrected = corrected_mean_interval(&values, n_train, n_test, level).unwrap();
        let ends = [corrected.lower, corrected.upper];
        assert_all_close(&ends, &numbers(&case["corrected"]), "corrected mean");
        let test = corrected_resampled_t_test(&values, n_train, n_test).unwrap();
        let found = [test.mean, test.standard_error, test.t, test.p_value];
        assert_all_close(&found, &numbers(&case["test"]), "corrected t-test");
        if level == 0.95 {
            let ends = [test.interval.lower, test.interval.upper];
            assert_all_close(&ends, &numbers(&case["corrected"]), "interval of the test");
        }
    }
}

/// Exact also where sizes are tied: scipy then tries every assignment of signs.
#[test]
fn signed_ranks_agree() {
    let cases = cases(include_str!("golden/metrics_signed_rank.json"));
    assert_eq!(cases.len(), 12);
    for case in &cases {
        let test = signed_rank_test(&numbers(&case["differences"])).unwrap();
        let counts = (test.n_different as f64, test.n_positive as f64);
        assert_eq!(
            counts,
            (number(&case["n_different"]), number(&case["n_positive"]))
        );
        assert_eq!(test.rank_sum, number(&case["rank_sum"]));
        assert_close(test.p_value, number(&case["p_value"]), TAIL, "signed ranks");
    }
}

#[test]
fn several_classes_agree() {
    let cases = cases(include_str!("golden/metrics_multiclass.json"));
    assert_eq!(cases.len(), 7);
    for case in &cases {
        let y_true = integers(&case["y_true"]);
        let y_prob = numbers(&case["y_prob"]);
        if case["dtype"] == "float32" {
            let y_prob: Vec<f32> = y_prob.iter().map(|&p| p as f32).collect();
            check_decisions(case, &y_true, &y_prob);
            check_probabilities(case, &y_true, &y_prob);
        } else {
            check_decisions(case, &y_true, &y_prob);
            check_probabilities(case, &y_true, &y_prob);
        }
    }
}

fn check_decisions<S: Score>(case: &Value, y_true: &[usize], y_prob: &[S]) {
    let name = case["name"].as_str().unwrap();
    let n_classes = integers(&case["confusion"][0]).len();
    let y_pred = top_class(y_prob, n_classes).unwrap();
    let matrix = ConfusionMatrix::from_labels(y_true, &y_pred, n_classes).unwrap();
    for label in 0..n_classes {
        let row: Vec<usize> = matrix.row(label).unwrap().iter().map(|&n| n as usize).collect();
        assert_eq!(row, integers(&case["confusion"][label]), "{name}");
    }
    assert_close(matrix.accuracy(), number(&case["accuracy"]), CLOSE, name);
    let balanced = number(&case["balanced_accuracy"]);
    assert_close(matrix.balanced_accuracy(), balanced, CLOSE, name);
    assert_option(matrix.matthews_correlation(), &case["matthews_correlation"], name);
    for (key, average) in [
        ("macro", Average::Macro),
        ("micro", Average::Micro),
        ("weighted", Average::Weighted),
    ] {
        let found = [
            matrix.precision(average),
            matrix.recall(average),
            matrix.f1(average),
        ];
        assert_all_close(&found, &numbers(&case[key]), &format!("{name}, {key}"));
    }
    if let Some(expected) = case.get("top_k") {
        let found: Vec<f64> = (1..n_classes)
            .map(|k| top_k_accuracy(y_true, y_prob, n_classes, k).unwrap())
            .collect();
        assert_all_close(&found, &numbers(expected), name);
    }
}

fn check_probabilities<S: Score>(case: &Value, y_true: &[usize], y_prob: &[S]) {
    let name = case["name"].as_str().unwrap();
    let n_classes = integers(&case["confusion"][0]).len();
    let loss = log_loss_multiclass(y_true, y_prob, n_classes).unwrap();
    assert_close(loss, number(&case["log_loss"]), CLOSE, name);
    let brier = brier_multiclass(y_true, y_prob, n_classes).unwrap();
    assert_close(brier, number(&case["brier"]), CLOSE, name);
    let bins = CalibrationBins::default();
    let error = top_class_calibration_error(y_true, y_prob, n_classes, bins).unwrap();
    assert_close(error, number(&case["top_class_error"]), CLOSE, name);

    let areas = roc_auc_per_class(y_true, y_prob, n_classes).unwrap();
    for (area, expected) in areas.iter().zip(case["auc_per_class"].as_array().unwrap()) {
        assert_option(*area, expected, name);
    }
    let average = |average| roc_auc_one_vs_rest(y_true, y_prob, n_classes, average);
    let micro = average(Average::Micro).unwrap();
    assert_close(micro, number(&case["auc_micro"]), CLOSE, name);
    let report = MultiClassReport::new(y_true, y_prob, n_classes).unwrap();
    match case.get("auc_macro") {
        Some(expected) => {
            assert_close(average(Average::Macro).unwrap(), number(expected), CLOSE, name);
            let weighted = number(&case["auc_weighted"]);
            assert_close(average(Average::Weighted).unwrap(), weighted, CLOSE, name);
            assert_option(report.roc_auc_macro, expected, name);
        }
        None => {
            assert!(matches!(
                average(Average::Macro),
                Err(Error::ClassNotRanked { .. })
            ));
            assert_eq!(report.roc_auc_macro, None);
        }
    }
    assert_close(report.accuracy, number(&case["accuracy"]), CLOSE, name);
}
