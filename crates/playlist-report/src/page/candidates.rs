//! What the pages of rankings and sortings share: what was read, and how tracks are named.

use maud::{Markup, html};

use super::{DataTable, Section, TableColumn, framed};
use crate::ranking::{CandidateTrack, CandidatesSection};
use crate::{DatasetSection, printable};

/// What stands below the title: the verdict, then the notes.
pub(crate) fn lead(verdict: &str, notes: &[String]) -> Markup {
    html! {
        p.lead { (printable(verdict)) }
        @for note in notes { p.quiet { (printable(note)) } }
    }
}

/// The title of a track, else its id.
pub(crate) fn title(track: &CandidateTrack) -> String {
    let title = track.title.as_ref().or(track.track_id.as_ref());
    title.cloned().unwrap_or_else(|| "unknown".to_owned())
}

/// The columns that name tracks: title, and artist and album where any has one.
pub(crate) fn named<'a>(tracks: impl Iterator<Item = &'a CandidateTrack> + Clone) -> Vec<TableColumn> {
    let mut columns = vec![TableColumn::text("track", tracks.clone().map(title).collect())];
    if tracks.clone().any(|track| !track.artists.is_empty()) {
        let artists = tracks.clone().map(|track| track.artists.join(", "));
        columns.push(TableColumn::text("artist", artists.collect()));
    }
    if tracks.clone().any(|track| track.album.is_some()) {
        let albums = tracks.map(|track| track.album.clone().unwrap_or_default());
        columns.push(TableColumn::text("album", albums.collect()));
    }
    columns
}

/// What was learnt from and what was read, with what left and why.
pub(crate) fn data(dataset: &DatasetSection, candidates: &CandidatesSection) -> Markup {
    let files = |caption: &str, sources: &[crate::SourceSection]| {
        framed(
            caption,
            &html! {
                thead { tr { th scope="col" { "file" } th.text scope="col" { "format" } th scope="col" { "rows" } th.text scope="col" { "notes" } } }
                tbody { @for source in sources { tr {
                    td { (printable(&source.file)) } td.text { (printable(&source.format)) } td { (source.rows) }
                    td.text { @for note in &source.notes { (printable(note)) br; } }
                } } }
            },
        )
    };
    html! {
        (files("Files learnt from", &dataset.sources))
        (framed("Tracks learnt from", &html! {
            thead { tr { th scope="col" { "class" } th scope="col" { "tracks" } } }
            tbody { @for class in &dataset.classes { tr { td { (printable(&class.name)) } td { (class.n_tracks) } } } }
        }))
        @for note in &dataset.notes { p { "Note: " (printable(note)) } }
        (files("Files of candidates", &candidates.sources))
        p { (candidates.n_tracks) " candidates, " (candidates.n_scored) " of them with audio features, " (candidates.n_known)
            " known already." }
        @for words in &candidates.lookup { p { (printable(words)) } }
    }
}

/// The section on what left on either side, and why.
pub(crate) fn dropped(
    dataset: &DatasetSection,
    candidates: &CandidatesSection,
    without: &[CandidateTrack],
) -> Section {
    let rows = |caption: &str, dropped: &[crate::DroppedCount]| {
        framed(
            caption,
            &html! {
                thead { tr { th scope="col" { "reason" } th scope="col" { "rows" } } }
                tbody { @for one in dropped { tr { td { (printable(&one.reason)) } td { (one.rows) } } } }
            },
        )
    };
    let content = html! {
        @if dataset.dropped.is_empty() && candidates.dropped.is_empty() { p { "No row was dropped." } }
        @if !dataset.dropped.is_empty() { (rows("Rows dropped of what was learnt from", &dataset.dropped)) }
        @if !candidates.dropped.is_empty() { (rows("Rows dropped of the candidates", &candidates.dropped)) }
        @if !without.is_empty() {
            details {
                summary { (without.len()) " candidates have no audio features" }
                ul { @for track in without { li { bdi { (printable(&title(track))) } " – " bdi { (printable(&track.artists.join(", "))) } } } }
            }
        }
    };
    Section::new("dropped", "Dropped and missing", content)
}

/// A section with one table of many rows.
pub(crate) fn table_section(
    id: &'static str,
    heading: &'static str,
    words: &str,
    table: &DataTable,
) -> Section {
    Section::new(id, heading, html! { p { (words) } (table.markup(id)) })
}
