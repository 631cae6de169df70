//! The page of a sorting: which playlist each track goes on.

use maud::{Markup, html};

use super::candidates::{data, dropped, lead, named, table_section};
use super::{DataTable, PageData, Section, TableColumn, framed, number, origin, page};
use crate::figure::short;
use crate::sorting::{PlaylistProbability, SortedTrack, SortingReport};
use crate::{Result, printable};

/// The most playlists a track is shown with.
const N_BEST: usize = 3;

/// The page of a sorting: the tracks to sort and filter with their best playlists, how well members were sorted
/// unseen, and which playlists are mistaken for each other.
///
/// # Errors
/// [`crate::Error::Json`].
pub fn sorting_page(report: &SortingReport, command: &str) -> Result<String> {
    let table = tracks(&report.tracks);
    let sections = [
        table_section("tracks", "Tracks", "A click on a heading sorts.", &table),
        Section::new("check", "How good it is", check(report)),
        Section::new(
            "confusion",
            "Playlists mistaken for each other",
            confusion(report),
        ),
        Section::new("data", "Data", data(&report.dataset, &report.candidates)),
        dropped(&report.dataset, &report.candidates, &report.without_features),
        Section::new(
            "origin",
            "How it was made",
            origin(command, report.seed, &report.versions),
        ),
    ];
    let lead = lead(&report.check.verdict, &report.notes);
    let page_data = PageData::of_table("tracks", table);
    page(
        "Which playlist does each track go on?",
        &lead,
        &sections,
        &page_data,
    )
}

fn tracks(tracks: &[SortedTrack]) -> DataTable {
    let goes_on = |track: &SortedTrack| match track.goes_on.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let best = |rank: usize| {
        move |track: &SortedTrack| {
            track
                .best
                .get(rank)
                .map(|best: &PlaylistProbability| best.probability)
        }
    };
    let mut columns = named(tracks.iter().map(|track| &track.track));
    columns.push(TableColumn::choice(
        "goes on",
        tracks.iter().map(goes_on).collect(),
    ));
    columns.push(TableColumn::number(
        "fit",
        tracks.iter().map(|track| Some(track.fit)).collect(),
        3,
    ));
    for rank in 0..N_BEST.min(tracks.iter().map(|track| track.best.len()).max().unwrap_or(0)) {
        let name = |track: &SortedTrack| {
            track
                .best
                .get(rank)
                .map_or_else(String::new, |best| best.name.clone())
        };
        columns.push(TableColumn::text(
            format!("{}. playlist", rank + 1),
            tracks.iter().map(name).collect(),
        ));
        columns.push(TableColumn::number(
            "probability",
            tracks.iter().map(best(rank)).collect(),
            3,
        ));
    }
    columns.push(TableColumn::text(
        "on already",
        tracks.iter().map(|track| track.on_already.join(", ")).collect(),
    ));
    DataTable {
        caption: "Tracks with the playlists that suit them best".to_owned(),
        columns,
    }
}

fn check(report: &SortingReport) -> Markup {
    let check = &report.check;
    let interval = Some(check.accuracy_interval);
    html! {
        p { (printable(&check.verdict)) }
        dl.numbers {
            div { dt { "tracks sorted unseen" } dd { (check.n_tracks) } }
            div { dt { "right" } dd { (number(Some(check.accuracy), 3)) (super::interval(interval, 3)) } }
            div { dt { "among the first three" } dd { (number(Some(check.top3_accuracy), 3)) } }
            div { dt { "share of the largest" } dd { (number(Some(check.majority_share), 3)) } }
        }
        p { (printable(&report.none.rule)) }
        (framed("Playlists, told from the others", &html! {
            thead { tr {
                th scope="col" { "playlist" } th scope="col" { "tracks" } th scope="col" { "recall" } th scope="col" { "precision" }
                th scope="col" { "ROC AUC" } th.text scope="col" { "mistaken most for" }
            } }
            tbody { @for playlist in &check.playlists { tr {
                td { (printable(&playlist.name)) } td { (playlist.n_tracks) } td { (number(playlist.recall, 3)) }
                td { (number(playlist.precision, 3)) } td { (number(playlist.roc_auc, 3)) }
                td.text { @for mistaken in &playlist.mistaken_for { (printable(&mistaken.name)) " " (number(Some(mistaken.share), 2)) br; } }
            } } }
        }))
    }
}

fn confusion(report: &SortingReport) -> Markup {
    let names: Vec<String> = report
        .check
        .playlists
        .iter()
        .map(|playlist| short(&playlist.name))
        .collect();
    let class = |count: u64, is_own: bool| match (count, is_own) {
        (0, _) => "empty",
        (_, true) => "right",
        (_, false) => "wrong",
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Confusion between playlists" {
            table.many {
                caption { "Rows: members of the playlist. Columns: the playlist named first, numbered as the rows." }
                thead { tr { th scope="col" { "playlist" } @for (index, name) in names.iter().enumerate() { th scope="col" { abbr title=(name) { (index + 1) } } } } }
                tbody { @for (own, (name, counts)) in names.iter().zip(&report.check.confusion).enumerate() { tr {
                    th scope="row" { (own + 1) " " (name) }
                    @for (answer, count) in counts.iter().enumerate() { td class=(class(*count, own == answer)) { (count) } }
                } } }
            }
        }
        @if !report.check.alike.is_empty() {
            p { "Not shown to be told apart better than by chance:" }
            ul { @for pair in &report.check.alike { li { (printable(&pair.first)) " and " (printable(&pair.second)) " (" (number(Some(pair.roc_auc), 3)) ")" } } }
        }
    }
}
