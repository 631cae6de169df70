//! The data report.

use maud::{Markup, html};

use super::framed;
use crate::terminal::{prior_lines, times};
use crate::{ClassCount, DatasetSection, ExperimentReport, SplitSection, printable};

/// What was read and kept, and how it was divided.
pub(crate) fn data(report: &ExperimentReport) -> Markup {
    let ExperimentReport { dataset, split, .. } = report;
    let positive = dataset.positive_class.as_deref();
    html! {
        (framed("Files read", &html! {
            thead { tr { th scope="col" { "file" } th.text scope="col" { "format" } th scope="col" { "rows" } th.text scope="col" { "notes" } } }
            tbody { @for source in &dataset.sources { tr {
                td { (printable(&source.file)) }
                td.text { (printable(&source.format)) }
                td { (source.rows) }
                td.text { @for note in &source.notes { (printable(note)) br; } }
            } } }
        }))
        p { "Kept " (dataset.n_tracks) " of " (dataset.rows_read) " rows"
            @if let Some(positive) = positive { "; the positive class is " strong { (printable(positive)) } }
            ". " (dataset.features.len()) " features: " (printable(&dataset.features.join(", "))) "." }
        @for note in &dataset.notes { p { "Note: " (printable(note)) } }
        (classes(dataset, split))
        p { "Split " (printable(&split.method)) ", by " (printable(&split.group_by)) ": " (split.n_train) " tracks to learn from, "
            @if split.n_valid > 0 { (split.n_valid) " of a validation part (not used), " }
            (split.n_test) " to test on"
            (times(split))
            "." }
        @if let Some(prior) = prior_lines(report) { p { (prior.trim()) "." } }
    }
}

fn classes(dataset: &DatasetSection, split: &SplitSection) -> Markup {
    let of_test = |class: &ClassCount| {
        let mut found = split.test_classes.iter().filter(|found| found.name == class.name);
        found.next().map_or(0, |found| found.n_tracks)
    };
    framed(
        "Tracks by class",
        &html! {
            thead { tr { th scope="col" { "class" } th scope="col" { "tracks" } th scope="col" { "of the test part" } } }
            tbody { @for class in &dataset.classes { tr {
                td { (printable(&class.name)) } td { (class.n_tracks) } td { (of_test(class)) }
            } } }
        },
    )
}

/// What left and what is missing, and why.
pub(crate) fn dropped(dataset: &DatasetSection) -> Markup {
    html! {
        @if dataset.dropped.is_empty() { p { "No row was dropped." } } @else {
            (framed("Rows that were dropped", &html! {
                thead { tr { th scope="col" { "reason" } th scope="col" { "rows" } } }
                tbody { @for dropped in &dataset.dropped { tr { td { (printable(&dropped.reason)) } td { (dropped.rows) } } } }
            }))
        }
        @if dataset.missing.is_empty() { p { "No value is missing." } } @else {
            (framed("Values that are missing among the tracks kept", &html! {
                thead { tr { th scope="col" { "feature" } th scope="col" { "tracks without" } } }
                tbody { @for (feature, count) in &dataset.missing { tr { td { (printable(feature)) } td { (count) } } } }
            }))
        }
    }
}
