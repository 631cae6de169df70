//! Why the model answers as it does.

use maud::{Markup, html};

use super::{figure, framed};
use crate::explanation::{ExplanationSection, TrackExplanation};
use crate::figure::Figures;
use crate::histogram::list_value;
use crate::printable;

/// Importance, partial dependence and the contributions to single tracks.
pub(crate) fn explanation(explanation: &ExplanationSection, figures: &Figures) -> Markup {
    html! {
        p { (printable(&explanation.sampled())) " All on the first split." }
        @for note in &explanation.notes { p { "Note: " (printable(note)) } }
        p.quiet { "Importance says what this model goes by, not what a feature is worth: features that tell the same stand in for \
            each other. Partial dependence gives every track one value; where features go together, such tracks may be unlike \
            any real one." }
        @if let Some(importance) = &figures.importance { (figure(importance)) }
        @if !figures.dependence.is_empty() {
            h3 { "Partial dependence" }
            div.figures { @for one in &figures.dependence { (figure(one)) } }
        }
        @if !explanation.tracks.is_empty() {
            h3 { "Single tracks" }
            p { "What each feature adds to the probability of a track, beside the mean over other tracks (Shapley values)." }
            @for (index, track) in explanation.tracks.iter().enumerate() { (single(track, index == 0)) }
        }
    }
}

fn single(track: &TrackExplanation, is_open: bool) -> Markup {
    let words = format!(
        "{}: {}, of {}; probability of {} {:.3}, {:.3} on average",
        track.picked,
        printable(&track.track),
        printable(&track.label),
        printable(&track.class),
        track.prediction,
        track.base
    );
    html! {
        details open[is_open] {
            summary { (words) }
            (framed("Contributions, the largest first", &html! {
                thead { tr {
                    th scope="col" { "feature" } th scope="col" { "value" } th.text scope="col" { "unit" }
                    th scope="col" { "adds" } th scope="col" { "± standard error" }
                } }
                tbody { @for part in &track.contributions { tr {
                    td { (printable(&part.feature)) }
                    td { (part.value.map_or("not known".to_owned(), list_value)) }
                    td.text { (printable(&part.unit)) }
                    td { (format!("{:+.3}", part.contribution)) }
                    td { (format!("{:.3}", part.standard_error)) }
                } } }
            }))
        }
    }
}
