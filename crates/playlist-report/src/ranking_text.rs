//! A ranking as text for the terminal.

use std::fmt::Write;

use playlist_metrics::Interval;

use crate::terminal::{counted, dataset_lines};
use crate::{
    CandidateTrack, CandidatesSection, CheckMethod, CheckSection, DatasetSection, KnownBy, Others,
    RankedTrack, RankingReport, SIGNIFICANCE, Side, printable,
};

/// The widest line.
const WIDTH: usize = 110;

/// Candidates without features that are listed one by one.
const MOST_LISTED: usize = 20;

/// The whole ranking: what was learnt from, how sure that is, the candidates with the reasons. Names from files are
/// made [`printable`].
#[must_use]
pub fn ranking_text(report: &RankingReport) -> String {
    let mut text = data_text(&report.dataset);
    text += &check_text(&report.check);
    text += &candidates_text(&report.candidates, "to rank");
    if !report.is_refused {
        text += &model_text(report);
    }
    for note in &report.notes {
        text += &wrapped("note     ", &printable(note));
    }
    if !report.tracks.is_empty() {
        text.push('\n');
    }
    for track in &report.tracks {
        text += &track_text(track);
    }
    text + &unscored_text(&report.without_features)
}

/// The data report, its lines broken.
pub(crate) fn data_text(dataset: &DatasetSection) -> String {
    let mut text = String::new();
    for line in dataset_lines(dataset) {
        let at = line.char_indices().nth(9).map_or(line.len(), |(at, _)| at);
        let (head, rest) = line.split_at(at);
        text += &wrapped(head, rest);
    }
    text
}

/// The lines on what was tested.
pub(crate) fn check_text(check: &CheckSection) -> String {
    let how = match check.method {
        CheckMethod::CrossValidation { folds } => format!(
            "{} and {}, in {folds} parts, each scored by a model that had not seen it",
            counted(check.n_likes, "like"),
            counted(check.n_others, "other")
        ),
        CheckMethod::Unseen => format!(
            "{} and {} that the model was not trained on",
            counted(check.n_likes, "like"),
            counted(check.n_others, "other")
        ),
        CheckMethod::Remembered => "the model has seen all these tracks, so its own record counts".to_owned(),
        CheckMethod::Untested => "too few tracks to test on".to_owned(),
    };
    let mut text = wrapped("check    ", &how);
    text += &wrapped("         ", &printable(&check.verdict));
    text
}

/// The lines on what was read; `what` says what they are for.
pub(crate) fn candidates_text(candidates: &CandidatesSection, what: &str) -> String {
    let mut text = String::new();
    for source in &candidates.sources {
        let (file, format) = (printable(&source.file), printable(&source.format));
        let rows = counted(source.rows, "row");
        text += &format!("tracks   {rows} from {file} ({format})\n");
        for note in &source.notes {
            text += &wrapped("         note: ", &printable(note));
        }
    }
    for dropped in &candidates.dropped {
        let rows = counted(dropped.rows, "row");
        text += &format!("dropped  {rows}: {}\n", printable(&dropped.reason));
    }
    for line in &candidates.lookup {
        text += &wrapped("features ", &printable(line));
    }
    let n_left = candidates.n_tracks - candidates.n_scored;
    let mut line = format!(
        "{} of {}",
        candidates.n_scored,
        counted(candidates.n_tracks, "track")
    );
    if n_left > 0 {
        line += &format!("; {n_left} without audio features");
    }
    if candidates.n_known > 0 {
        line += &format!("; {} there already, marked =", candidates.n_known);
    }
    text + &wrapped(&format!("{what:<9}"), &line)
}

fn model_text(report: &RankingReport) -> String {
    let model = &report.model;
    let name = printable(&model.name);
    let what = match (&model.loaded_from, model.others) {
        (Some(file), _) => format!(
            "{name} from {}, trained on {}",
            printable(file),
            counted(model.n_train, "track")
        ),
        (None, Others::Dislikes) => format!(
            "{name}, trained after the check on all {} likes and dislikes",
            model.n_train
        ),
        (None, Others::Background) => format!(
            "{name}, trained after the check on all {} likes and tracks of other music",
            model.n_train
        ),
    };
    let mut text = wrapped("model    ", &what);
    let prior = match model.prior {
        Some(prior) => format!(
            "the probability that you like it, if you liked {} of such candidates",
            share(prior)
        ),
        None => "the probability that you like it, at the shares of the model's training".to_owned(),
    };
    let spread = model.n_networks.map(|n| {
        format!(
            "; [from, to] over the {n} networks of the ensemble, each joined with the kernel machine: \
             how far they are apart, no bounds on the truth"
        )
    });
    text += &wrapped("numbers  ", &(prior + &spread.unwrap_or_default()));
    for warning in &model.warnings {
        text += &wrapped("         note: ", &printable(warning));
    }
    text
}

/// A share in words where it has some.
fn share(share: f64) -> String {
    if share == 0.5 {
        return "half".to_owned();
    }
    format!("{} %", trimmed(100.0 * share))
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn track_text(ranked: &RankedTrack) -> String {
    let between = match (ranked.lowest, ranked.highest) {
        (Some(lowest), Some(highest)) => format!(" [{lowest:.2}, {highest:.2}]"),
        _ => String::new(),
    };
    let mark = if ranked.track.liked.is_some() { "=" } else { " " };
    let head = format!("{:>4}  {:.2}{between} {mark} ", ranked.rank, ranked.probability);
    let indent = " ".repeat(head.chars().count());
    let mut text = format!(
        "{head}{}\n",
        cut(&name(&ranked.track), WIDTH - head.chars().count())
    );
    for reason in ranked.reasons.iter().flatten() {
        let sign = match reason.side {
            Side::For => '+',
            Side::Against => '-',
        };
        text += &wrapped(&format!("{indent}{sign} "), &printable(&reason.text));
    }
    if ranked.reasons.as_ref().is_some_and(Vec::is_empty) {
        text += &format!("{indent}no single feature stands out\n");
    }
    if ranked.track.liked == Some(KnownBy::Recording) {
        text += &format!("{indent}= the same recording is among your likes under another id\n");
    }
    text
}

/// The tracks that have no probability.
pub(crate) fn unscored_text(tracks: &[CandidateTrack]) -> String {
    if tracks.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nwithout audio features, so without a probability: {}\n",
        counted(tracks.len(), "track")
    );
    for track in tracks.iter().take(MOST_LISTED) {
        let _ = writeln!(text, "      {}", cut(&name(track), WIDTH - 6));
    }
    if tracks.len() > MOST_LISTED {
        let _ = writeln!(text, "      and {} more", tracks.len() - MOST_LISTED);
    }
    text += "look them up with --features catalogue=FILE, or --features reccobeats (their ids leave this machine)\n";
    text
}

/// What a track is called: title and artists, else its id.
pub(crate) fn name(track: &CandidateTrack) -> String {
    let id = track.uri.as_ref().or(track.track_id.as_ref());
    let named = match (&track.title, track.artists.is_empty()) {
        (Some(title), false) => format!("{title} · {}", track.artists.join(", ")),
        (Some(title), true) => title.clone(),
        (None, _) => id.map_or_else(|| "(no name)".to_owned(), Clone::clone),
    };
    printable(&named).into_owned()
}

/// The text, cut to `width` letters.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// `text` behind `head`, broken at blanks so that no line is wider than a terminal; further lines stand below the first
/// letter of the text.
pub(crate) fn wrapped(head: &str, text: &str) -> String {
    let indent = head.chars().count();
    let (mut lines, mut line) = (String::new(), head.to_owned());
    let mut width = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > indent && width + 1 + length > WIDTH {
            lines += line.trim_end();
            lines.push('\n');
            line = " ".repeat(indent);
            width = indent;
        }
        if width > indent {
            line.push(' ');
            width += 1;
        }
        line += word;
        width += length;
    }
    lines + line.trim_end() + "\n"
}

/// Whether likes are told from other tracks better than by chance, and that in words; `None` where there is no p-value.
#[must_use]
pub fn check_verdict(
    roc_auc: Option<f64>,
    interval: Option<Interval>,
    p_value: Option<f64>,
) -> (Option<bool>, String) {
    let Some(roc_auc) = roc_auc else {
        return (
            None,
            "whether it is any better than chance is not known".to_owned(),
        );
    };
    let interval = interval
        .map(|Interval { lower, upper, .. }| format!(", 95 % {lower:.3} to {upper:.3}"))
        .unwrap_or_default();
    let pairs = format!(
        "a like scores above another track in {:.0} of 100 pairs (ROC AUC {roc_auc:.3}{interval})",
        100.0 * roc_auc
    );
    let Some(p_value) = p_value else {
        return (None, pairs);
    };
    let p = match p_value {
        p if p < 0.001 => "p < 0.001".to_owned(),
        p => format!("p = {p:.3}"),
    };
    match p_value < SIGNIFICANCE {
        true => (Some(true), format!("{pairs}: better than chance ({p})")),
        false => (
            Some(false),
            format!("{pairs}: not shown to be any better than chance ({p}), so a ranking says nothing"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_the_test() {
        let interval = Some(Interval {
            lower: 0.4,
            upper: 0.8,
            level: 0.95,
        });
        let (better, text) = check_verdict(Some(0.6), interval, Some(0.2));
        assert_eq!(better, Some(false));
        assert_eq!(
            text,
            "a like scores above another track in 60 of 100 pairs (ROC AUC 0.600, 95 % 0.400 to 0.800): \
             not shown to be any better than chance (p = 0.200), so a ranking says nothing"
        );
        assert_eq!(check_verdict(Some(0.6), interval, Some(0.01)).0, Some(true));
        assert_eq!(check_verdict(Some(0.6), None, None).0, None);
        assert_eq!(check_verdict(None, None, None).0, None);
    }

    #[test]
    fn lines_are_broken_below_the_text() {
        let text = wrapped("   + ", &"word ".repeat(60));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("   + word") && lines[1].starts_with("     word"));
        assert!(
            lines
                .iter()
                .all(|line| line.len() <= WIDTH && line.trim_end() == *line)
        );
        assert_eq!(
            wrapped("x ", &"y".repeat(200)),
            format!("x {}\n", "y".repeat(200))
        );
    }

    #[test]
    fn names_do_not_steer_the_terminal() {
        let track = CandidateTrack {
            title: Some("a\u{1b}[2J\nb".to_owned()),
            artists: vec!["\u{202e}evil".to_owned()],
            ..CandidateTrack::default()
        };
        assert_eq!(name(&track), "a\\u{1b}[2J\\nb · \\u{202e}evil");
        assert_eq!(name(&CandidateTrack::default()), "(no name)");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
