//! Text for the terminal.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use playlist_metrics::Interval;

use crate::{ClassCount, DatasetSection, ExperimentReport, ModelSection, SplitSection};

/// One line below the header: a terminal is narrow.
pub(crate) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The data report: what was read, what left and why, what remains.
#[must_use]
pub fn dataset_text(dataset: &DatasetSection, split: &SplitSection) -> String {
    let mut lines = Vec::new();
    for source in &dataset.sources {
        lines.push(format!(
            "read     {} rows from {} ({})",
            source.rows, source.file, source.format
        ));
        lines.extend(source.notes.iter().map(|note| format!("         note: {note}")));
    }
    if dataset.dropped.is_empty() {
        lines.push("dropped  nothing".to_owned());
    }
    for dropped in &dataset.dropped {
        lines.push(format!("dropped  {} rows: {}", dropped.rows, dropped.reason));
    }
    let positive = dataset.positive_class.as_ref();
    let positive = positive
        .map(|name| format!("; positive class: {name}"))
        .unwrap_or_default();
    lines.push(format!(
        "kept     {} tracks: {}{positive}",
        dataset.n_tracks,
        classes_text(&dataset.classes)
    ));
    lines.push(format!(
        "features {}: {}",
        dataset.features.len(),
        dataset.features.join(", ")
    ));
    let missing = dataset
        .missing
        .iter()
        .map(|(feature, count)| format!("{feature} {count}"));
    let missing: Vec<String> = missing.collect();
    lines.push(format!(
        "missing  {}",
        if missing.is_empty() {
            "none".to_owned()
        } else {
            missing.join(", ")
        }
    ));
    lines.extend(dataset.notes.iter().map(|note| format!("note     {note}")));
    let SplitSection {
        method,
        group_by,
        n_train,
        n_test,
        test_classes,
        ..
    } = split;
    let repeats = if split.repeats > 1 {
        format!("; {} times, means below", split.repeats)
    } else {
        String::new()
    };
    let test = classes_text(test_classes);
    lines.push(format!(
        "split    {method}, by {group_by}: {n_train} train, {n_test} test ({test}){repeats}"
    ));
    lines.join("\n")
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
        .map(|class| format!("{} {}", class.n_tracks, class.name))
        .collect();
    each.join(", ")
}

/// The table of models, one row each; `-` where a value is undefined.
#[must_use]
pub fn models_table(models: &[ModelSection]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_header([
        "model",
        "accuracy",
        "precision",
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
        let mut row = vec![model.name.clone()];
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
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
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

/// The whole report: data, table, one verdict a model, warnings.
#[must_use]
pub fn experiment_text(report: &ExperimentReport) -> String {
    let mut text = dataset_text(&report.dataset, &report.split);
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
        "\ntest n = {}{positives}; seed {}; backend {backend}\n\n",
        report.split.n_test, report.seed
    ));
    for model in &report.models {
        text.push_str(&model.verdict);
        text.push('\n');
        for warning in &model.warnings {
            text.push_str(&format!("  note on {}: {warning}\n", model.name));
        }
    }
    text
}
