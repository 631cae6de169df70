//! Text for the terminal.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use playlist_metrics::Interval;

use crate::{
    ClassCount, ClassShares, DatasetSection, ExperimentReport, ModelSection, PriorSection, SplitSection,
    explanation_text, printable,
};

/// One line below the header: a terminal is narrow.
pub(crate) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Spaces before a column, beside the one that joins columns.
const GAP: u16 = 1;

/// The data report: what was read, what left and why, what remains. Names from files are made
/// [`printable`].
#[must_use]
pub fn dataset_text(dataset: &DatasetSection, split: &SplitSection) -> String {
    let mut lines = dataset_lines(dataset);
    lines.push(split_line(split));
    lines.join("\n")
}

/// The first lines of [`experiment_text`], which are known before anything is fitted: what was read, what left and why,
/// what remains.
#[must_use]
pub fn reading_text(dataset: &DatasetSection) -> String {
    let mut text = dataset_lines(dataset).join("\n");
    text.push('\n');
    text
}

/// The data report but for the split, line by line.
pub(crate) fn dataset_lines(dataset: &DatasetSection) -> Vec<String> {
    let mut lines = Vec::new();
    for source in &dataset.sources {
        lines.push(format!(
            "read     {} from {} ({})",
            counted(source.rows, "row"),
            printable(&source.file),
            printable(&source.format)
        ));
        let notes = source.notes.iter();
        lines.extend(notes.map(|note| format!("         note: {}", printable(note))));
    }
    if dataset.dropped.is_empty() {
        lines.push("dropped  nothing".to_owned());
    }
    for dropped in &dataset.dropped {
        let (rows, reason) = (counted(dropped.rows, "row"), printable(&dropped.reason));
        lines.push(format!("dropped  {rows}: {reason}"));
    }
    let positive = dataset.positive_class.as_ref();
    let positive = positive
        .map(|name| format!("; positive class: {}", printable(name)))
        .unwrap_or_default();
    lines.push(format!(
        "kept     {}: {}{positive}",
        counted(dataset.n_tracks, "track"),
        classes_text(&dataset.classes)
    ));
    lines.push(format!(
        "features {}: {}",
        dataset.features.len(),
        printable(&dataset.features.join(", "))
    ));
    let missing = dataset
        .missing
        .iter()
        .map(|(feature, count)| format!("{} {count}", printable(feature)));
    let missing: Vec<String> = missing.collect();
    lines.push(format!(
        "missing  {}",
        if missing.is_empty() {
            "none".to_owned()
        } else {
            missing.join(", ")
        }
    ));
    let notes = dataset.notes.iter();
    lines.extend(notes.map(|note| format!("note     {}", printable(note))));
    lines
}

fn split_line(split: &SplitSection) -> String {
    let SplitSection {
        method,
        group_by,
        n_train,
        n_valid,
        n_test,
        test_classes,
        ..
    } = split;
    let valid = if *n_valid > 0 {
        format!("{n_valid} valid (not used), ")
    } else {
        String::new()
    };
    let test = classes_text(test_classes);
    format!(
        "split    {}, by {}: {n_train} train, {valid}{n_test} test ({test}){}",
        printable(method),
        printable(group_by),
        times(split)
    )
}

/// The class shares that probabilities hold for, where these are not those of the training part.
pub(crate) fn prior_lines(report: &ExperimentReport) -> Option<String> {
    let PriorSection { setting, classes } = &report.prior;
    if classes.is_empty() {
        return None;
    }
    let shares = |of: fn(&ClassShares) -> f64| {
        let each = classes.iter().map(|class| (of(class), &class.name));
        if classes.len() > 8 {
            let (least, most) = each.fold((1.0_f64, 0.0_f64), |(least, most), (share, _)| {
                (least.min(share), most.max(share))
            });
            return format!("{} classes of {least:.3} to {most:.3}", classes.len());
        }
        let each: Vec<String> = each
            .map(|(share, name)| format!("{share:.3} {}", printable(name)))
            .collect();
        each.join(", ")
    };
    Some(format!(
        "\nprior    {}: probabilities hold for {}; learnt on {}\n         scores are on the test part as it is: \
         where its shares are others, log loss and its like suffer",
        printable(setting),
        shares(|class| class.new),
        shares(|class| class.training)
    ))
}

/// How many splits there are.
pub(crate) fn times(split: &SplitSection) -> String {
    let (made, asked) = (split.repeats, split.repeats_asked);
    if let Some(folds) = split.folds {
        return match asked / folds.max(1) {
            _ if made < asked => format!("; {made} of {asked} splits into {folds} folds, means below"),
            0 | 1 => format!("; {folds} folds, means below"),
            times => format!("; {folds} folds, {times} times, means below"),
        };
    }
    match (made, asked) {
        (1, 0 | 1) => String::new(),
        (1, asked) => format!("; once, {asked} times asked for"),
        (made, asked) if made < asked => format!("; {made} of {asked} times, means below"),
        (made, _) => format!("; {made} times, means below"),
    }
}

/// The number with its noun.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// The sizes of classes; many classes are only counted.
fn classes_text(classes: &[ClassCount]) -> String {
    if classes.len() > 8 {
        let counts = classes.iter().map(|class| class.n_tracks);
        let (least, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
        return format!("{} classes of {least} to {most}", classes.len());
    }
    let each: Vec<String> = classes
        .iter()
        .map(|class| format!("{} {}", class.n_tracks, printable(&class.name)))
        .collect();
    each.join(", ")
}

/// A table with its names on the left and its numbers on the right, without spaces at the ends of lines.
pub(crate) fn table_text(table: &mut Table) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { GAP }, 0));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The table of models, one row each; `-` where a value is undefined.
#[must_use]
pub fn models_table(models: &[ModelSection]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_header([
        "model",
        "accu-\nracy",
        "preci-\nsion",
        "recall",
        "F1",
        "ROC AUC [95 %]",
        "log\nloss",
        "Brier",
        "calib.\nerror",
        "test\nloss",
        "thres-\nhold",
        "fit\ns",
    ]);
    for model in models {
        let metrics = &model.metrics;
        let interval = model.intervals.get("roc_auc").copied().flatten();
        let mut row = vec![printable(&model.name).into_owned()];
        row.extend([metrics.accuracy, metrics.precision, metrics.recall, metrics.f1].map(number));
        row.push(with_interval(metrics.roc_auc, interval));
        let rest = [
            metrics.log_loss,
            metrics.brier,
            metrics.calibration_error,
            metrics.test_loss,
        ];
        row.extend(rest.map(number));
        row.extend([number(metrics.threshold), number(model.fit_seconds)]);
        table.add_row(row);
    }
    table_text(&mut table)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

fn with_interval(value: Option<f64>, interval: Option<Interval>) -> String {
    match (value, interval) {
        (Some(value), Some(Interval { lower, upper, .. })) => format!("{value:.3} [{lower:.3}, {upper:.3}]"),
        (value, _) => number(value),
    }
}

/// The whole report: data, table, one verdict a model, warnings, and the explanation where there is one.
#[must_use]
pub fn experiment_text(report: &ExperimentReport) -> String {
    let mut text = dataset_text(&report.dataset, &report.split);
    text.extend(prior_lines(report));
    text.push_str("\n\n");
    text.push_str(&models_table(&report.models));
    let positives = report
        .split
        .test_classes
        .last()
        .filter(|_| report.dataset.positive_class.is_some());
    let positives = positives
        .map(|class| format!(", {} positive", class.n_tracks))
        .unwrap_or_default();
    let backend = report
        .versions
        .get("backend")
        .map(String::as_str)
        .unwrap_or("none");
    text.push_str(&format!(
        "\ntest n = {}{positives}; seed {}; backend {}\n\n",
        report.split.n_test,
        report.seed,
        printable(backend)
    ));
    let SplitSection {
        repeats,
        repeats_asked,
        ..
    } = report.split;
    if repeats < repeats_asked {
        text.push_str(&format!(
            "stopped after {repeats} of the {repeats_asked} splits that were asked for: the scores are those of {}\n\n",
            if repeats == 1 { "one split" } else { "these" }
        ));
    }
    for model in &report.models {
        text.push_str(&printable(&model.verdict));
        text.push('\n');
        for note in model.warnings.iter().chain(&model.notes) {
            let (name, note) = (printable(&model.name), printable(note));
            text.push_str(&format!("  note on {name}: {note}\n"));
        }
    }
    if let Some(explanation) = &report.explanation {
        text.push('\n');
        text.push_str(&explanation_text(explanation));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{DroppedCount, MetricsSection, SourceSection, TestsSection};

    fn model(name: &str) -> ModelSection {
        let interval = Interval {
            lower: 0.5,
            upper: 0.6,
            level: 0.95,
        };
        let metrics = MetricsSection {
            accuracy: Some(0.5),
            roc_auc: Some(0.55),
            ..MetricsSection::default()
        };
        ModelSection {
            name: name.to_owned(),
            fit_seconds: Some(1234.5),
            predict_seconds: 0.1,
            metrics,
            intervals: BTreeMap::from([("roc_auc".to_owned(), Some(interval))]),
            tests: TestsSection::default(),
            verdict: format!("{name} is here."),
            warnings: vec!["column `a\u{1b}b` is odd".to_owned()],
            notes: Vec::new(),
            repeats: Vec::new(),
        }
    }

    fn report(label: &str) -> ExperimentReport {
        let classes: Vec<ClassCount> = ["other", label]
            .map(|name| ClassCount {
                name: name.to_owned(),
                n_tracks: 1,
            })
            .to_vec();
        ExperimentReport {
            dataset: DatasetSection {
                sources: vec![SourceSection {
                    file: "a\u{1b}[2J.csv".to_owned(),
                    format: "CSV".to_owned(),
                    rows: 1,
                    notes: vec!["column `x\ny` ignored".to_owned()],
                }],
                rows_read: 1,
                dropped: vec![DroppedCount {
                    reason: "no label".to_owned(),
                    rows: 1,
                }],
                n_tracks: 1,
                positive_class: Some(label.to_owned()),
                classes: classes.clone(),
                features: vec!["energy".to_owned()],
                missing: BTreeMap::new(),
                notes: vec!["`tem\tpo` is not used".to_owned()],
                fingerprint: String::new(),
            },
            split: SplitSection {
                method: "column".to_owned(),
                group_by: "track".to_owned(),
                test_fraction: None,
                folds: None,
                n_train: 20,
                n_valid: 3,
                n_test: 9,
                test_classes: classes,
                repeats: 1,
                repeats_asked: 1,
            },
            prior: PriorSection {
                setting: "training".to_owned(),
                classes: Vec::new(),
            },
            seed: 0,
            versions: BTreeMap::new(),
            models: vec![model("logistic-raw"), model("ensemble")],
            explanation: None,
        }
    }

    #[test]
    fn nothing_from_a_file_steers_the_terminal() {
        let text = experiment_text(&report("li\u{1b}[31mked\nfake line"));
        assert!(
            text.contains("positive class: li\\u{1b}[31mked\\nfake line"),
            "{text}"
        );
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        assert!(text.lines().all(|line| !line.starts_with("fake")), "{text}");
    }

    #[test]
    fn lines_are_narrow_and_end_in_no_space() {
        let text = experiment_text(&report("liked"));
        for line in text.lines() {
            assert_eq!(line, line.trim_end());
            assert!(line.chars().count() <= 110, "{}: {line}", line.chars().count());
        }
    }

    #[test]
    fn one_row_is_no_rows() {
        let text = experiment_text(&report("liked"));
        for expected in ["read     1 row from", "dropped  1 row: ", "kept     1 track: "] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_used_and_what_was_not_done_is_said() {
        let mut report = report("liked");
        let text = experiment_text(&report);
        assert!(
            text.contains("20 train, 3 valid (not used), 9 test (1 other, 1 liked)\n"),
            "{text}"
        );
        assert!(!text.contains("stopped"), "{text}");
        (
            report.split.n_valid,
            report.split.repeats,
            report.split.repeats_asked,
        ) = (0, 91, 10_000);
        let text = experiment_text(&report);
        assert!(
            text.contains("20 train, 9 test (1 other, 1 liked); 91 of 10000 times, means below\n"),
            "{text}"
        );
        assert!(
            text.contains("\nstopped after 91 of the 10000 splits that were asked for"),
            "{text}"
        );
        (report.split.repeats, report.split.repeats_asked) = (1, 10);
        let text = experiment_text(&report);
        assert!(text.contains("; once, 10 times asked for\n"), "{text}");
        assert!(text.contains("\nstopped after 1 of the 10 splits"), "{text}");
    }

    #[test]
    fn a_prior_that_is_not_that_of_the_training_part_is_said() {
        let mut report = report("li\u{1b}ked");
        assert!(!experiment_text(&report).contains("prior"));
        let class = |name: &str, training, new| ClassShares {
            name: name.to_owned(),
            training,
            new,
        };
        report.prior.setting = "balanced".to_owned();
        report.prior.classes = vec![class("other", 0.75, 0.5), class("li\u{1b}ked", 0.25, 0.5)];
        let text = experiment_text(&report);
        let expected = "\nprior    balanced: probabilities hold for 0.500 other, 0.500 li\\u{1b}ked; \
                        learnt on 0.750 other, 0.250 li\\u{1b}ked\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn folds_are_counted() {
        let mut report = report("liked");
        let mut line = |folds, made, asked| {
            (
                report.split.folds,
                report.split.repeats,
                report.split.repeats_asked,
            ) = (folds, made, asked);
            let text = experiment_text(&report);
            let line = text.lines().find(|line| line.starts_with("split")).unwrap();
            line.rsplit("; ").next().unwrap().to_owned()
        };
        assert_eq!(line(Some(5), 5, 5), "5 folds, means below");
        assert_eq!(line(Some(5), 15, 15), "5 folds, 3 times, means below");
        assert_eq!(line(Some(5), 1, 15), "1 of 15 splits into 5 folds, means below");
        assert_eq!(line(None, 4, 4), "4 times, means below");
    }
}
