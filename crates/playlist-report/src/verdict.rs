//! What the tests come to, in words.

use crate::{Comparison, TestsSection, printable};

/// The level below which a difference counts as shown.
pub const SIGNIFICANCE: f64 = 0.05;

/// In [`Comparison::against`]: always answering the larger class of the test part, where no model in the
/// table does that, because another class is the larger one of the training part or because a model
/// was loaded.
pub const LARGER_TEST_CLASS: &str = "larger-test-class";

/// In [`Comparison::against`]: tracks in an order that has nothing to do with their classes.
pub const CHANCE: &str = "chance";

/// One to three sentences: does the model beat the majority class, does it beat the baseline, how sure is
/// that? That a model is not shown to order the tracks better than chance is said first; one that does
/// and yet is not shown to beat the majority class has that said as well. Without tests, that it is what others
/// are measured against.
///
/// # Examples
/// ```
/// use playlist_report::{Comparison, TestsSection, verdict};
///
/// let majority = Comparison {
///     against: "majority".into(), metric: "accuracy".into(), score: 0.78, other_score: 0.5,
///     p_value: Some(1e-30), test: "mcnemar-one-sided".into(),
/// };
/// let tests = TestsSection { majority: Some(majority), ..TestsSection::default() };
/// assert_eq!(verdict("paper", &tests), "paper beats majority: accuracy 0.780 against 0.500 (p < 0.001).");
/// ```
#[must_use]
pub fn verdict(name: &str, tests: &TestsSection) -> String {
    let is_shown =
        |comparison: &Comparison| is_shown(comparison) && comparison.score > comparison.other_score;
    let (by_chance, by_order) = match &tests.chance {
        Some(chance) if !is_shown(chance) => (
            Some(("is no better than chance as far as these tracks show", chance)),
            None,
        ),
        Some(chance) if tests.majority.as_ref().is_some_and(|test| !is_shown(test)) => {
            (None, Some(("orders tracks better than chance", chance)))
        }
        _ => (None, None),
    };
    let of_chance = |(words, chance): (&'static str, &Comparison)| {
        format!("{words}: ROC AUC {:.3} ({}).", chance.score, p_text(chance))
    };
    let each = [
        by_chance.map(of_chance),
        tests.majority.as_ref().map(sentence),
        by_order.map(of_chance),
        tests.baseline.as_ref().map(sentence),
    ];
    let sentences: Vec<String> = each
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, words)| {
            format!(
                "{} {words}",
                if index == 0 { printable(name) } else { "It".into() }
            )
        })
        .collect();
    if sentences.is_empty() {
        return format!("{} is what the others are measured against.", printable(name));
    }
    sentences.join(" ")
}

fn is_shown(comparison: &Comparison) -> bool {
    comparison.p_value.is_some_and(|p| p < SIGNIFICANCE)
}

fn p_text(comparison: &Comparison) -> String {
    match comparison.p_value {
        None if comparison.score != comparison.other_score => "no test possible".to_owned(),
        None if comparison.test == "corrected-resampled-t" => "equal on every split".to_owned(),
        None => "no track tells them apart".to_owned(),
        Some(p) if p < 0.001 => "p < 0.001".to_owned(),
        Some(p) => format!("p = {p:.3}"),
    }
}

/// A sentence without its subject.
fn sentence(comparison: &Comparison) -> String {
    let Comparison {
        against,
        metric,
        score,
        other_score,
        ..
    } = comparison;
    let words = match (is_shown(comparison), score > other_score) {
        (true, true) => "beats",
        (true, false) => "is beaten by",
        (false, _) => "is not shown to beat",
    };
    let metric = if metric == "roc_auc" { "ROC AUC" } else { metric };
    let against = if against == LARGER_TEST_CLASS {
        "always answering the larger class of the test part"
    } else {
        against
    };
    format!(
        "{words} {}: {metric} {score:.3} against {other_score:.3} ({}).",
        printable(against),
        p_text(comparison)
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
                    baseline,
                    ..TestsSection::default()
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
                ..TestsSection::default()
            };
            verdict("x", &tests)
        };
        let expected = "x is not shown to beat logistic-raw: ROC AUC 1.000 against 0.000 (no test possible).";
        assert_eq!(say(comparison(1.0, 0.0, None), "delong"), expected);
        assert!(say(comparison(0.6, 0.6, None), "corrected-resampled-t").contains("equal on every split"));
    }

    #[test]
    fn what_is_no_better_than_chance_is_said_first() {
        let mut chance = comparison(0.51, 0.5, Some(0.4)).unwrap();
        chance.against = CHANCE.to_owned();
        let mut majority = comparison(0.5, 0.6, Some(0.9)).unwrap();
        (majority.against, majority.metric) = ("majority".to_owned(), "accuracy".to_owned());
        let mut tests = TestsSection {
            chance: Some(chance),
            majority: Some(majority),
            baseline: None,
        };
        let expected = "x is no better than chance as far as these tracks show: ROC AUC 0.510 (p = 0.400). \
                        It is not shown to beat majority: accuracy 0.500 against 0.600 (p = 0.900).";
        assert_eq!(verdict("x", &tests), expected);
        // Few tracks of one class: to answer the other one always is hard to beat, and yet the order says something.
        tests.chance = comparison(0.75, 0.5, Some(1e-9));
        let expected = "x is not shown to beat majority: accuracy 0.500 against 0.600 (p = 0.900). \
                        It orders tracks better than chance: ROC AUC 0.750 (p < 0.001).";
        assert_eq!(verdict("x", &tests), expected);
        tests.majority = comparison(0.8, 0.6, Some(1e-9));
        assert!(!verdict("x", &tests).contains("chance"));
        // The wrong way round, however surely, is not better.
        tests.chance = comparison(0.3, 0.5, Some(1e-9));
        assert!(
            verdict("x", &tests)
                .starts_with("x is no better than chance as far as these tracks show: ROC AUC 0.300")
        );
    }

    #[test]
    fn what_it_is_measured_against_is_named() {
        let mut against = comparison(0.7, 0.6, Some(0.2)).unwrap();
        (against.against, against.metric) = (LARGER_TEST_CLASS.to_owned(), "accuracy".to_owned());
        let tests = TestsSection {
            majority: Some(against),
            ..TestsSection::default()
        };
        let expected = "x\\u{7} is not shown to beat always answering the larger class of the test part: \
                        accuracy 0.700 against 0.600 (p = 0.200).";
        assert_eq!(verdict("x\u{7}", &tests), expected);
    }
}
