//! A sorting as text for the terminal.

use comfy_table::Table;
use playlist_metrics::Interval;

use crate::ranking_text::{candidates_text, cut, data_text, name, unscored_text, wrapped};
use crate::terminal::{STYLE, counted, table_text};
use crate::{CheckMethod, SortedTrack, SortingCheckSection, SortingMode, SortingReport, printable};

/// Letters of a playlist's name in a line.
const NAME_WIDTH: usize = 28;

/// Letters of a track's name in a line.
const TRACK_WIDTH: usize = 46;

/// Pairs that are listed one by one.
const MOST_PAIRS: usize = 10;

/// What a test of a sorting comes to, in words.
#[must_use]
pub fn sorting_verdict(check: &SortingCheckSection, mode: SortingMode) -> String {
    let Interval { lower, upper, .. } = check.accuracy_interval;
    let percent = |share: f64| format!("{:.0}", 100.0 * share);
    let mut right = format!(
        "of 100 members {} go on a playlist of theirs (95 % {} to {})",
        percent(check.accuracy),
        percent(lower),
        percent(upper)
    );
    // Of three playlists every one is among the first three.
    if check.playlists.len() > 3 {
        right += &format!(
            ", {} have one among their first three",
            percent(check.top3_accuracy)
        );
    }
    right += &match mode {
        SortingMode::MultiLabel => {
            "; each playlist is held against all that is not on it, other music as well".to_owned()
        }
        SortingMode::MultiClass => format!(
            "; always naming the largest would get {}",
            percent(check.majority_share)
        ),
    };
    let p = match check.p_value {
        p if p < 0.001 => "p < 0.001".to_owned(),
        p => format!("p = {p:.3}"),
    };
    match check.is_better_than_chance {
        true => format!("{right}: better than chance ({p})"),
        false => format!("{right}: no better than chance, as far as shown ({p})"),
    }
}

/// The whole sorting: what was learnt from, how sure it is, where each track goes. Names from files are made
/// [`printable`].
#[must_use]
pub fn sorting_text(report: &SortingReport) -> String {
    let mut text = data_text(&report.dataset);
    text += &check_lines(&report.check);
    text += &candidates_text(&report.candidates, "to sort");
    let none = &report.none;
    let refused = none.others_refused.map(|share| {
        format!(
            "; of {} tracks of other music, sorted unseen, {:.0} % fit none",
            none.n_others,
            100.0 * share
        )
    });
    let rule = format!(
        "a track fits none if {}{}",
        none.rule,
        refused.unwrap_or_default()
    );
    text += &wrapped("none     ", &rule);
    if !report.is_refused {
        let numbers = match report.mode {
            SortingMode::MultiLabel => {
                "the probability of each playlist by itself; a track may go on several, from the probability on that had the best F1 on unseen members"
            }
            SortingMode::MultiClass => {
                "the probability of each playlist, given that it is one of these; playlists with more tracks are more likely"
            }
        };
        text += &wrapped("numbers  ", numbers);
    }
    for note in &report.notes {
        text += &wrapped("note     ", &printable(note));
    }
    text += &format!("\n{}\n", playlists_table(&report.check));
    if !report.tracks.is_empty() {
        text += &format!("\n{}\n", tracks_table(&report.tracks));
        text += &totals(report);
    }
    text + &unscored_text(&report.without_features)
}

fn check_lines(check: &SortingCheckSection) -> String {
    let parts = match check.method {
        CheckMethod::CrossValidation { folds } => folds,
        _ => 0,
    };
    let how = format!(
        "{} of the playlists, in {parts} parts, each sorted by a model that had not seen it",
        counted(check.n_tracks, "member")
    );
    let mut text = wrapped("check    ", &how) + &wrapped("         ", &check.verdict);
    let hopeless: Vec<String> = check
        .playlists
        .iter()
        .filter(|playlist| !playlist.is_better_than_chance)
        .map(|playlist| format!("`{}`", cut(&printable(&playlist.name), NAME_WIDTH)))
        .collect();
    if !hopeless.is_empty() {
        let line = format!(
            "not told from the rest better than by chance: {}",
            hopeless.join(", ")
        );
        text += &wrapped("         ", &line);
    }
    for pair in check.alike.iter().take(MOST_PAIRS) {
        let name = |name: &str| cut(&printable(name), NAME_WIDTH);
        let line = format!(
            "`{}` and `{}` cannot be told apart (ROC AUC {:.2}, p = {:.2})",
            name(&pair.first),
            name(&pair.second),
            pair.roc_auc,
            pair.p_value
        );
        text += &wrapped("         ", &line);
    }
    if check.alike.len() > MOST_PAIRS {
        text += &format!("         and {} pairs more\n", check.alike.len() - MOST_PAIRS);
    }
    text
}

/// How well each playlist is found, and what it is mistaken for.
fn playlists_table(check: &SortingCheckSection) -> String {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_header(["playlist", "tracks", "found", "right", "ROC AUC", "mistaken for"]);
    let share = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.0} %", 100.0 * value));
    for playlist in &check.playlists {
        let mistaken: Vec<String> = playlist
            .mistaken_for
            .iter()
            .take(2)
            .map(|other| {
                let name = cut(&printable(&other.name), 18);
                format!("{name} {:.0} %", 100.0 * other.share)
            })
            .collect();
        table.add_row([
            cut(&printable(&playlist.name), NAME_WIDTH),
            playlist.n_tracks.to_string(),
            share(playlist.recall),
            share(playlist.precision),
            playlist.roc_auc.map_or("-".to_owned(), |auc| format!("{auc:.2}")),
            mistaken.join(", "),
        ]);
    }
    table_text(&mut table)
}

/// A line a track: where it goes, and what else comes into question.
fn tracks_table(tracks: &[SortedTrack]) -> String {
    let mut text = String::new();
    for sorted in tracks {
        let mark = if sorted.on_already.is_empty() { " " } else { "=" };
        let goes = match sorted.goes_on.as_slice() {
            [] => "fits none".to_owned(),
            names => {
                let names: Vec<String> = names
                    .iter()
                    .map(|name| cut(&printable(name), NAME_WIDTH))
                    .collect();
                names.join(" + ")
            }
        };
        let track = cut(&name(&sorted.track), TRACK_WIDTH);
        text += &wrapped(&format!("{mark} "), &format!("{track} → {goes}"));
        let best: Vec<String> = sorted
            .best
            .iter()
            .map(|best| {
                let between = match (best.lowest, best.highest) {
                    (Some(lowest), Some(highest)) => format!(" [{lowest:.2}, {highest:.2}]"),
                    _ => String::new(),
                };
                let name = cut(&printable(&best.name), NAME_WIDTH);
                format!("{name} {:.2}{between}", best.probability)
            })
            .collect();
        text += &wrapped("      ", &format!("{}; fit {:.2}", best.join(", "), sorted.fit));
    }
    text.trim_end().to_owned()
}

/// How many tracks go where.
fn totals(report: &SortingReport) -> String {
    let n_none = report
        .tracks
        .iter()
        .filter(|sorted| sorted.goes_on.is_empty())
        .count();
    let each: Vec<String> = report
        .check
        .playlists
        .iter()
        .filter_map(|playlist| {
            let goes = |sorted: &&SortedTrack| {
                sorted.goes_on.contains(&playlist.name) && !sorted.on_already.contains(&playlist.name)
            };
            let n = report.tracks.iter().filter(goes).count();
            (n > 0).then(|| format!("{n} on {}", cut(&printable(&playlist.name), NAME_WIDTH)))
        })
        .collect();
    let new = if each.is_empty() {
        "nothing new".to_owned()
    } else {
        each.join(", ")
    };
    let mut text = format!("\n{}", wrapped("would go ", &format!("{new}; {n_none} fit none")));
    if report.tracks.iter().any(|sorted| !sorted.on_already.is_empty()) {
        text += "= is on one of the playlists already, and was sorted unseen\n";
    }
    text
}
