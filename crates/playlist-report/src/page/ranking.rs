//! The page of a ranking: what to hear.

use maud::{Markup, html};

use super::candidates::{data, dropped, lead, named, table_section};
use super::{DataTable, PageData, Section, TableColumn, interval, number, origin, page};
use crate::ranking::{KnownBy, RankedTrack, RankingReport, Side};
use crate::{Result, printable};

/// The page of a ranking: the candidates to sort and filter, with their reasons, how well the model did on likes that
/// it had not seen, and what was left out.
///
/// # Errors
/// [`crate::Error::Json`].
pub fn ranking_page(report: &RankingReport, command: &str) -> Result<String> {
    let table = tracks(&report.tracks);
    let words = if report.tracks.is_empty() {
        "No track was ranked."
    } else {
        "The most probable first. A click on a heading sorts."
    };
    let sections = [
        table_section("tracks", "Tracks", words, &table),
        Section::new("check", "How good it is", check(report)),
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
    page("What is worth hearing?", &lead, &sections, &page_data)
}

fn tracks(tracks: &[RankedTrack]) -> DataTable {
    let numbers =
        |pick: fn(&RankedTrack) -> Option<f64>| tracks.iter().map(pick).collect::<Vec<Option<f64>>>();
    let reasons = |track: &RankedTrack, side: Side| {
        let all = track
            .reasons
            .iter()
            .flatten()
            .filter(|reason| reason.side == side);
        all.map(|reason| reason.text.clone())
            .collect::<Vec<String>>()
            .join("; ")
    };
    let side = |side: Side| {
        tracks
            .iter()
            .map(|track| reasons(track, side))
            .collect::<Vec<String>>()
    };
    let liked = |track: &RankedTrack| {
        match track.track.liked {
            None => "no",
            Some(KnownBy::Id) => "yes",
            Some(KnownBy::Recording) => "yes, another release",
        }
        .to_owned()
    };
    let mut columns = named(tracks.iter().map(|track| &track.track));
    columns.insert(
        1,
        TableColumn::number("probability", numbers(|track| Some(track.probability)), 3),
    );
    columns.insert(
        1,
        TableColumn::number("rank", numbers(|track| Some(track.rank as f64)), 0),
    );
    if tracks.iter().any(|track| track.lowest.is_some()) {
        columns.push(TableColumn::number("lowest", numbers(|track| track.lowest), 3));
        columns.push(TableColumn::number("highest", numbers(|track| track.highest), 3));
    }
    if tracks.iter().any(|track| track.reasons.is_some()) {
        columns.push(TableColumn::text("for it", side(Side::For)));
        columns.push(TableColumn::text("against it", side(Side::Against)));
    }
    columns.push(TableColumn::choice(
        "liked already",
        tracks.iter().map(liked).collect(),
    ));
    DataTable {
        caption: "Candidates with the probability that they belong; lowest and highest are the least and greatest over \
                  the networks of the ensemble"
            .to_owned(),
        columns,
    }
}

fn check(report: &RankingReport) -> Markup {
    let check = &report.check;
    html! {
        p { (printable(&check.verdict)) }
        dl.numbers {
            div { dt { "likes scored unseen" } dd { (check.n_likes) } }
            div { dt { "others" } dd { (check.n_others) } }
            div { dt { "ROC AUC" } dd { (number(check.roc_auc, 3)) (interval(check.roc_auc_interval, 3)) } }
            div { dt { "log loss" } dd { (number(check.log_loss, 3)) } }
            div { dt { "calibration error" } dd { (number(check.calibration_error, 3)) } }
        }
        p { "Model: " (printable(&report.model.name)) ", trained on " (report.model.n_train) " tracks"
            @if let Some(file) = &report.model.loaded_from { ", loaded from " (printable(file)) } "." }
        @for warning in &report.model.warnings { p.quiet { "Note: " (printable(warning)) } }
    }
}
