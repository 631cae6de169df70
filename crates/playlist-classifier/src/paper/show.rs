//! A study as text, as Markdown and as plots.

use std::collections::BTreeMap;
use std::fmt::Write;

use playlist_metrics::Interval;
use playlist_report::{Figure, LineChart, LineSeries, TextTable};

use super::plan::SIZES;
use super::setting::{LabelFault, Scaling};
use super::summary::{Difference, Estimate, FaultRow, RetryRow, StudyReport, VariationRow};
use crate::Result;

/// Combinations of faults that the terminal shows; the Markdown has all.
const MOST_SHOWN: usize = 15;

/// What stands above the table of changes under faults.
pub(super) const RETRIES: &str =
    "The paper's section 8: changes under faults of the labels, accuracy at one half";

/// The study for the terminal: the variations of each table, then the faults that come nearest to the paper.
#[must_use]
pub fn study_text(report: &StudyReport) -> String {
    let mut text = heading(report);
    for (title, table) in variation_tables(report) {
        let _ = write!(text, "\n{title}\n\n{}\n", table.to_text());
    }
    if !report.faults.is_empty() {
        let mut nearest: Vec<&FaultRow> = report.faults.iter().collect();
        nearest.sort_by(|a, b| closeness(b).total_cmp(&closeness(a)));
        nearest.truncate(MOST_SHOWN);
        let _ = write!(
            text,
            "\nfaults nearest to the paper's numbers, of {}\n\n{}\n\n{}\n",
            report.faults.len(),
            fault_table(&nearest).to_text(),
            verdict(report)
        );
    }
    if !report.retries.is_empty() {
        let _ = write!(
            text,
            "\n{RETRIES}\n\n{}\n",
            retry_table(&report.retries).to_text()
        );
    }
    text
}

/// The study as Markdown with every row, below a line that says how it was made.
#[must_use]
pub fn study_markdown(report: &StudyReport, made_by: &str) -> String {
    let mut text = format!("{made_by}\n\n{}\n", heading(report));
    for (title, table) in variation_tables(report) {
        let _ = write!(text, "## {title}\n\n{}\n", table.to_markdown());
    }
    if report.faults.is_empty() {
        return text;
    }
    let _ = write!(
        text,
        "## What gives the paper's numbers\n\n{}\n\n",
        verdict(report)
    );
    for labels in LabelFault::ALL {
        let rows: Vec<&FaultRow> = report.faults.iter().filter(|row| row.labels == labels).collect();
        if !rows.is_empty() {
            let _ = write!(
                text,
                "### Labels: {labels}\n\n{}\n",
                fault_table(&rows).to_markdown()
            );
        }
    }
    if !report.retries.is_empty() {
        let _ = write!(
            text,
            "## {RETRIES}\n\n{}\n",
            retry_table(&report.retries).to_markdown()
        );
    }
    text
}

/// Everything agrees first, then the scores alone, then the conditions.
fn closeness(row: &FaultRow) -> f64 {
    let scores = row.scores[0].max(row.scores[1]);
    100.0 * row.whole_either + scores + row.meet.iter().sum::<f64>() / 1e3
}

pub(super) fn heading(report: &StudyReport) -> String {
    let mut text = String::new();
    if report.quick {
        text += "QUICK TRIAL: a few epochs and repeats, to see that it works; its numbers mean nothing.\n";
    }
    let tables: Vec<String> = report
        .tables
        .iter()
        .map(|table| format!("{} ({} tracks)", table.name, table.n_tracks))
        .collect();
    let (paper, tolerance) = (report.paper, report.tolerance);
    let versions: Vec<String> = report
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = writeln!(
        text,
        "{} of {} runs, {} of them ran away; {:.0} s of computing; seed {}; {}.\nTables: {}.\n\
         The paper: test loss {}, accuracy {}, precision {}, recall {}, F1 {}, the loss moves {} between epochs 2 and 350.\n\
         A run shows the same within {} of accuracy and baseline, {} of precision, {} of recall, {} of the test loss, and a \
         factor {} of the move.",
        report.n_runs,
        report.n_asked,
        report.n_failed,
        report.run_seconds,
        report.seed,
        versions.join(", "),
        playlist_report::printable(&tables.join(", ")),
        paper.test_loss,
        paper.accuracy,
        paper.precision,
        paper.recall,
        paper.f1,
        paper.loss_move,
        tolerance.accuracy,
        tolerance.precision,
        tolerance.recall,
        tolerance.test_loss,
        tolerance.loss_move_factor
    );
    text
}

/// A table for each table of tracks and each scaling, with its title.
pub(super) fn variation_tables(report: &StudyReport) -> Vec<(String, TextTable)> {
    let mut tables: Vec<(String, TextTable)> = Vec::new();
    for row in &report.variations {
        let scaling = row.scaling.map_or("baselines", Scaling::words);
        let title = format!(
            "What the paper tried: {}, {scaling}",
            playlist_report::printable(&row.table)
        );
        let place = match tables.iter().position(|(other, _)| *other == title) {
            Some(place) => place,
            None => {
                let header = [
                    "variation",
                    "§",
                    "epochs",
                    "ROC AUC [95 %]",
                    "against paper (p)",
                    "accuracy [95 %]",
                    "at midpoint",
                    "F1",
                    "train loss",
                    "test loss",
                    "n",
                ];
                tables.push((title, TextTable::new(header)));
                tables.len() - 1
            }
        };
        tables[place].1.push(variation_cells(row));
    }
    tables
}

fn variation_cells(row: &VariationRow) -> [String; 11] {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    [
        row.name.clone(),
        row.section.clone(),
        row.epochs.map(|epochs| epochs.to_string()).unwrap_or_default(),
        with_interval(&row.roc_auc),
        row.against_paper.as_ref().map(difference).unwrap_or_default(),
        with_interval(&row.accuracy),
        number(row.accuracy_at_midpoint.map(|estimate| estimate.mean)),
        number(row.f1),
        number(row.train_loss),
        number(row.test_loss.map(|estimate| estimate.mean)),
        row.n_runs.to_string(),
    ]
}

fn with_interval(estimate: &Estimate) -> String {
    match estimate.interval {
        Some(Interval { lower, upper, .. }) => format!("{:.3} [{lower:.3}, {upper:.3}]", estimate.mean),
        None => format!("{:.3}", estimate.mean),
    }
}

fn difference(difference: &Difference) -> String {
    match difference.p_value {
        Some(p) if p < 0.001 => format!("{:+.3} (< 0.001)", difference.mean),
        Some(p) => format!("{:+.3} ({p:.3})", difference.mean),
        None => format!("{:+.3}", difference.mean),
    }
}

pub(super) fn fault_table(rows: &[&FaultRow]) -> TextTable {
    let mut table = TextTable::new([
        "scaling",
        "labels",
        "% pos.",
        "tracks",
        "AUC",
        "acc.",
        "acc. mid",
        "recall",
        "recall mid",
        "train loss",
        "test loss",
        "move",
        "spread",
        "baseline",
        "scores %",
        "all %",
        "tables",
        "n",
    ]);
    for row in rows {
        let percent = |share: f64| format!("{:.0}", 100.0 * share);
        table.push([
            row.scaling.to_string(),
            row.labels.to_string(),
            row.positive_percent.to_string(),
            row.size.to_string(),
            format!("{:.2}", row.roc_auc),
            format!("{:.2}", row.accuracy),
            format!("{:.2}", row.accuracy_at_midpoint),
            format!("{:.2}", row.recall),
            format!("{:.2}", row.recall_at_midpoint),
            format!("{:.2}", row.train_loss),
            format!("{:.2}", row.test_loss),
            row.loss_move
                .map_or_else(|| "-".to_owned(), |loss_move| format!("{loss_move:.3}")),
            format!("{:.3}", row.spread),
            format!("{:.2}", row.baseline_accuracy),
            format!("{} / {}", percent(row.scores[0]), percent(row.scores[1])),
            percent(row.whole_either),
            format!("{} / {}", row.n_tables_whole, row.n_tables),
            row.n_runs.to_string(),
        ]);
    }
    table
}

pub(super) fn retry_table(rows: &[RetryRow]) -> TextTable {
    let mut table = TextTable::new([
        "change",
        "labels",
        "scaling",
        "% pos.",
        "accuracy",
        "least",
        "0.35 to 0.45 %",
        "AUC",
        "n",
    ]);
    for row in rows {
        table.push([
            row.variation.clone(),
            row.labels.to_string(),
            row.scaling.to_string(),
            row.positive_percent.to_string(),
            format!("{:.3}", row.accuracy),
            format!("{:.3}", row.least_accuracy),
            format!("{:.0}", 100.0 * row.near),
            format!("{:.3}", row.roc_auc),
            row.n_runs.to_string(),
        ]);
    }
    table
}

/// How many runs of each share of positives show everything.
pub(super) fn verdict(report: &StudyReport) -> String {
    let matching = |rows: &[&FaultRow]| {
        let n: usize = rows.iter().map(|row| row.n_runs).sum();
        let whole: f64 = rows.iter().map(|row| row.whole_either * row.n_runs as f64).sum();
        format!("{whole:.0} of {n}")
    };
    let mut percents: Vec<u32> = report.faults.iter().map(|row| row.positive_percent).collect();
    percents.sort_unstable_by(|a, b| b.cmp(a));
    percents.dedup();
    let each: Vec<String> = percents
        .into_iter()
        .map(|percent| {
            let rows: Vec<&FaultRow> = report
                .faults
                .iter()
                .filter(|row| row.positive_percent == percent)
                .collect();
            format!("{} with {percent} % positives in training", matching(&rows))
        })
        .collect();
    format!(
        "Runs that show every one of the paper's findings, at either threshold: {}.",
        each.join(", ")
    )
}

/// The plots, each with the name of its file: the loss over the epochs as in the paper, and by the share of positives
/// in training the test loss, the recall and the share of runs that show everything.
///
/// # Errors
/// Those of drawing.
pub fn study_plots(report: &StudyReport) -> Result<Vec<Figure>> {
    let loss = loss_chart(report);
    let by_share = [
        by_share(
            report,
            "test-loss-by-share",
            "Test loss, mean over tables and seeds",
            |row| row.test_loss,
        )
        .with_level("the paper: 0.8675", report.paper.test_loss),
        by_share(
            report,
            "recall-by-share",
            "Recall at the midpoint, mean over tables and seeds",
            |row| row.recall_at_midpoint,
        )
        .with_level("the paper: 0.0413", report.paper.recall),
        signatures_by_share(report),
    ];
    let charts = std::iter::once(loss).chain(by_share);
    charts
        .filter(|chart| chart.series.iter().any(|series| !series.points.is_empty()))
        .map(|chart| Ok(chart.figure()?))
        .collect()
}

trait WithLevel {
    fn with_level(self, name: &str, level: f64) -> Self;
}

impl WithLevel for LineChart {
    fn with_level(mut self, name: &str, level: f64) -> Self {
        self.levels.push((name.to_owned(), level));
        self
    }
}

fn loss_chart(report: &StudyReport) -> LineChart {
    let first = report.tables.first().map(|table| table.name.as_str());
    let curves = report
        .curves
        .iter()
        .filter(|curve| Some(curve.table.as_str()) == first);
    LineChart {
        name: "loss".to_owned(),
        title: format!(
            "Training loss over the epochs, {}",
            playlist_report::printable(first.unwrap_or_default())
        ),
        x_title: "epoch".to_owned(),
        y_title: "mean loss of the epoch".to_owned(),
        series: curves
            .map(|curve| LineSeries {
                name: curve.scaling.short().to_owned(),
                points: (curve.train_loss.iter().enumerate())
                    .map(|(index, loss)| (index as f64 + 1.0, *loss))
                    .collect(),
            })
            .collect(),
        levels: vec![
            ("paper's test loss: 0.8675".to_owned(), report.paper.test_loss),
            ("a coin: 0.6931".to_owned(), std::f64::consts::LN_2),
        ],
    }
}

/// One line a scaling over the share of positives in training, right labels, the smaller size.
fn by_share(report: &StudyReport, name: &str, title: &str, value: fn(&FaultRow) -> f64) -> LineChart {
    let scalings = [
        Scaling::PerFeature,
        Scaling::PerFeatureApart,
        Scaling::WholeMatrix,
        Scaling::WholeMatrixApart,
        Scaling::ColumnLengthApart,
        Scaling::PerTrack,
    ];
    let series = scalings.map(|scaling| {
        let rows = report
            .faults
            .iter()
            .filter(|row| row.scaling == scaling && row.labels == LabelFault::None && row.size == SIZES[0]);
        let mut points: Vec<(f64, f64)> = rows
            .map(|row| (f64::from(row.positive_percent), value(row)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        LineSeries {
            name: scaling.short().to_owned(),
            points,
        }
    });
    LineChart {
        name: name.to_owned(),
        title: title.to_owned(),
        y_title: title.split(',').next().unwrap_or_default().to_owned(),
        x_title: "% positives in training (test balanced)".to_owned(),
        series: series
            .into_iter()
            .filter(|series| !series.points.is_empty())
            .collect(),
        ..LineChart::default()
    }
}

/// One line for each fault of the labels over the share of positives in training, all scalings and sizes together.
fn signatures_by_share(report: &StudyReport) -> LineChart {
    let series = LabelFault::ALL.map(|labels| {
        let mut sums: BTreeMap<u32, (f64, usize)> = BTreeMap::new();
        for row in report.faults.iter().filter(|row| row.labels == labels) {
            let sum = sums.entry(row.positive_percent).or_default();
            sum.0 += row.whole_either * row.n_runs as f64;
            sum.1 += row.n_runs;
        }
        LineSeries {
            name: labels.to_string(),
            points: sums
                .into_iter()
                .map(|(percent, (whole, n))| (f64::from(percent), 100.0 * whole / n as f64))
                .collect(),
        }
    });
    LineChart {
        name: "signature-by-share".to_owned(),
        title: "Runs that show all of the paper's findings, by labels".to_owned(),
        y_title: "% of runs with everything".to_owned(),
        x_title: "% positives in training (test balanced)".to_owned(),
        series: series
            .into_iter()
            .filter(|series| !series.points.is_empty())
            .collect(),
        ..LineChart::default()
    }
}
