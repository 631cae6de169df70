//! What the tests come to, in words.

use crate::{Comparison, TestsSection};

/// The level below which a difference counts as shown.
pub const SIGNIFICANCE: f64 = 0.05;

/// One or two sentences: does the model beat the majority class, does it beat the baseline, how sure is
/// that?
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
        return format!("{name} is what the others are measured against.");
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
        ..
    } = comparison;
    let is_shown = p_value.is_some_and(|p| p < SIGNIFICANCE);
    let words = match (is_shown, score > other_score) {
        (true, true) => "beats",
        (true, false) => "is beaten by",
        (false, _) => "is not shown to beat",
    };
    let p = match p_value {
        None => "no track tells them apart".to_owned(),
        Some(p) if *p < 0.001 => "p < 0.001".to_owned(),
        Some(p) => format!("p = {p:.3}"),
    };
    let metric = if metric == "roc_auc" { "ROC AUC" } else { metric };
    format!("{subject} {words} {against}: {metric} {score:.3} against {other_score:.3} ({p}).")
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
}
