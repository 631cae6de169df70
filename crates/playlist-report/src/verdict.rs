//! What the tests come to, in words.

use crate::{Comparison, TestsSection, printable};

/// The level below which a difference counts as shown.
pub const SIGNIFICANCE: f64 = 0.05;

/// In [`Comparison::against`]: always answering the larger class of the test part, where no model in the
/// table does that, because another class is the larger one of the training part or because a model
/// was loaded.
pub const LARGER_TEST_CLASS: &str = "larger-test-class";

/// One or two sentences: does the model beat the majority class, does it beat the baseline, how sure is
/// that? Without tests, that it is what others are measured against.
///
/// # Examples
/// ```
/// use playlist_report::{Comparison, TestsSection, verdict};
///
/// let majority = Comparison {
///     against: "majority".into(), metric: "accuracy".into(), score: 0.78, other_score: 0.5,
///     p_value: Some(1e-30), test: "mcnemar-one-sided".into(),
/// };
/// let tests = TestsSection { majority: Some(majority), baseline: None };
/// assert_eq!(verdict("paper", &tests), "paper beats majority: accuracy 0.780 against 0.500 (p < 0.001).");
/// ```
#[must_use]
pub fn verdict(name: &str, tests: &TestsSection) -> String {
    let sentences: Vec<String> = [&tests.majority, &tests.baseline]
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, comparison)| sentence(if index == 0 { name } else { "It" }, comparison))
        .collect();
    if sentences.is_empty() {
        return format!("{} is what the others are measured against.", printable(name));
    }
    sentences.join(" ")
}

fn sentence(subject: &str, comparison: &Comparison) -> String {
    let Comparison {
        against,
        metric,
        score,
        other_score,
        p_value,
        test,
    } = comparison;
    let is_shown = p_value.is_some_and(|p| p < SIGNIFICANCE);
    let words = match (is_shown, score > other_score) {
        (true, true) => "beats",
        (true, false) => "is beaten by",
        (false, _) => "is not shown to beat",
    };
    let p = match p_value {
        None if score != other_score => "no test possible".to_owned(),
        None if test == "corrected-resampled-t" => "equal on every split".to_owned(),
        None => "no track tells them apart".to_owned(),
        Some(p) if *p < 0.001 => "p < 0.001".to_owned(),
        Some(p) => format!("p = {p:.3}"),
    };
    let metric = if metric == "roc_auc" { "ROC AUC" } else { metric };
    let against = if against == LARGER_TEST_CLASS {
        "always answering the larger class of the test part"
    } else {
        against
    };
    format!(
        "{} {words} {}: {metric} {score:.3} against {other_score:.3} ({p}).",
        printable(subject),
        printable(against)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(score: f64, other_score: f64, p_value: Option<f64>) -> Option<Comparison> {
        let (against, metric, test) = ("logistic-raw".into(), "roc_auc".into(), "delong".into());
        Some(Comparison {
            against,
            metric,
            score,
            other_score,
            p_value,
            test,
        })
    }

    #[test]
    fn the_words_follow_the_test_and_not_the_difference() {
        let say = |baseline| {
            verdict(
                "x",
                &TestsSection {
                    majority: None,
                    baseline,
                },
            )
        };
        assert!(say(comparison(0.8, 0.7, Some(0.01))).starts_with("x beats logistic-raw: ROC AUC 0.800"));
        assert!(say(comparison(0.8, 0.7, Some(0.3))).contains("is not shown to beat"));
        assert!(say(comparison(0.6, 0.7, Some(0.01))).contains("is beaten by"));
        assert!(say(comparison(0.6, 0.6, None)).contains("no track tells them apart"));
        assert!(say(None).contains("measured against"));
    }

    #[test]
    fn without_a_p_value_unequal_scores_are_not_called_alike() {
        let say = |mut comparison: Option<Comparison>, test: &str| {
            comparison.as_mut().unwrap().test = test.to_owned();
            let tests = TestsSection {
                majority: comparison,
                baseline: None,
            };
            verdict("x", &tests)
        };
        let expected = "x is not shown to beat logistic-raw: ROC AUC 1.000 against 0.000 (no test possible).";
        assert_eq!(say(comparison(1.0, 0.0, None), "delong"), expected);
        assert!(say(comparison(0.6, 0.6, None), "corrected-resampled-t").contains("equal on every split"));
    }

    #[test]
    fn what_it_is_measured_against_is_named() {
        let mut against = comparison(0.7, 0.6, Some(0.2)).unwrap();
        (against.against, against.metric) = (LARGER_TEST_CLASS.to_owned(), "accuracy".to_owned());
        let tests = TestsSection {
            majority: Some(against),
            baseline: None,
        };
        let expected = "x\\u{7} is not shown to beat always answering the larger class of the test part: \
                        accuracy 0.700 against 0.600 (p = 0.200).";
        assert_eq!(verdict("x\u{7}", &tests), expected);
    }
}
