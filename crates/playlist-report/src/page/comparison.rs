//! The page of a comparison of models on several tables.

use maud::{Markup, html};

use super::{DataTable, PageData, Section, TableColumn, figure, framed, number, origin, page};
use crate::comparison::{SHOWN, sentences, warned};
use crate::figure::{Figure, comparison};
use crate::{ComparisonReport, Result, printable};

/// The page of a comparison: what it came to, each table, the tests.
///
/// # Errors
/// [`crate::Error::Figure`]; [`crate::Error::Json`].
pub fn comparison_page(report: &ComparisonReport, command: &str) -> Result<String> {
    let figures = comparison_figures(report)?;
    let table = by_table(report);
    let verdicts = sentences(report);
    let tables = html! { @for one in &figures { (figure(one)) } (table.markup("tables")) };
    let sections = [
        Section::new("overall", "Over all tables", overall(report, &verdicts)),
        Section::new("tables", "By table", tables),
        Section::new("notes", "Notes", notes(report)),
        Section::new(
            "origin",
            "How it was made",
            origin(command, report.seed, &report.versions),
        ),
    ];
    let lead = html! { p.lead {
        (report.overall.len()) " models on " (report.tasks.len()) @if report.tasks.len() == 1 { " table" } @else { " tables" }
        ", all on the same splits of each."
    } };
    let data = PageData::of_table("tables", table);
    page("Which model is best?", &lead, &sections, &data)
}

/// The pictures of a comparison: ROC AUC by table and model, with intervals.
///
/// # Errors
/// [`crate::Error::Figure`].
pub fn comparison_figures(report: &ComparisonReport) -> Result<Vec<Figure>> {
    Ok(vec![comparison(report)?])
}

fn overall(report: &ComparisonReport, verdicts: &[String]) -> Markup {
    html! {
        (framed("Means over the tables", &html! {
            thead { tr {
                th scope="col" { "model" }
                @for (_, words) in SHOWN { th scope="col" { (words) } }
                th scope="col" { "fit, s" }
            } }
            tbody { @for model in &report.overall { tr {
                th scope="row" { (printable(&model.name)) }
                @for (name, _) in SHOWN { td { (number(model.metrics.get(name), 4)) } }
                td { (number(Some(model.fit_seconds), 3)) }
            } } }
        }))
        @if verdicts.is_empty() { p { "One table is no sample of tables: nothing is tested over it." } }
        ul { @for verdict in verdicts { li { (printable(verdict)) } } }
    }
}

fn by_table(report: &ComparisonReport) -> DataTable {
    let rows: Vec<_> = report
        .tasks
        .iter()
        .flat_map(|task| task.models.iter().map(move |model| (task, model, model.mean())))
        .collect();
    let texts = |text: &dyn Fn(usize) -> String| (0..rows.len()).map(text).collect::<Vec<String>>();
    let numbers =
        |value: &dyn Fn(usize) -> Option<f64>| (0..rows.len()).map(value).collect::<Vec<Option<f64>>>();
    let end = |row: usize, pick: fn(&playlist_metrics::Interval) -> f64| {
        rows[row]
            .1
            .intervals
            .get("roc_auc")
            .copied()
            .flatten()
            .as_ref()
            .map(pick)
    };
    let mut columns = vec![
        TableColumn::choice("table", texts(&|row| rows[row].0.name.clone())),
        TableColumn::choice("model", texts(&|row| rows[row].1.name.clone())),
        TableColumn::number("tracks", numbers(&|row| Some(rows[row].0.n as f64)), 0),
        TableColumn::number("splits", numbers(&|row| Some(rows[row].1.splits.len() as f64)), 0),
    ];
    for (name, words) in SHOWN {
        columns.push(TableColumn::number(
            words,
            numbers(&|row| rows[row].2.get(name)),
            4,
        ));
        if name == "roc_auc" {
            columns.push(TableColumn::number(
                "from",
                numbers(&|row| end(row, |i| i.lower)),
                4,
            ));
            columns.push(TableColumn::number(
                "to",
                numbers(&|row| end(row, |i| i.upper)),
                4,
            ));
        }
    }
    columns.push(TableColumn::number(
        "fit, s",
        numbers(&|row| Some(rows[row].1.fit_seconds())),
        3,
    ));
    DataTable {
        caption: "Means over the splits; from and to: 95 % interval of the mean ROC AUC".to_owned(),
        columns,
    }
}

fn notes(report: &ComparisonReport) -> Markup {
    let mut warned = warned(report).peekable();
    html! {
        @if warned.peek().is_none() { p { "Nothing went badly." } }
        ul { @for (task, model) in warned { @for warning in &model.warnings {
            li { (printable(&model.name)) " on " (printable(&task.name)) ": " (printable(warning)) }
        } } }
    }
}
