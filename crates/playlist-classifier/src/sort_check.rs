//! How well members of playlists are sorted by a model that had not seen them, and what fits none.

use playlist_metrics::{
    ThresholdRule, auc_better_than_chance_over_folds, mcnemar, top_class, wilson_interval,
};
use playlist_report::{
    AlikePair, CheckMethod, Mistaken, NoneSection, PlaylistCheck, SIGNIFICANCE, SortingCheckSection,
    SortingMode, sorting_verdict,
};

use crate::Result;
use crate::sort_data::Task;
use crate::sorter::Sorted;

/// The share of members that shall fit some playlist.
const KEPT: f64 = 0.9;

/// The level of every interval.
const LEVEL: f64 = 0.95;

/// The playlists that members are mistaken for, listed with each.
const MOST_MISTAKEN: usize = 3;

/// The test of a sorting on members that were sorted unseen.
pub(crate) fn check(
    task: &Task,
    mode: SortingMode,
    n_folds: usize,
    unseen: &[Sorted],
) -> Result<SortingCheckSection> {
    let (members, own) = (&unseen[..task.n_members], &task.own[..task.n_members]);
    let (n, n_playlists) = (members.len(), task.names.len());
    let flat: Vec<f64> = members
        .iter()
        .flat_map(|sorted| sorted.p.iter().copied())
        .collect();
    let first = top_class(&flat, n_playlists)?;
    let is_right: Vec<bool> = first
        .iter()
        .zip(own)
        .map(|(first, own)| own.contains(first))
        .collect();
    let n_right = is_right.iter().filter(|right| **right).count();
    let in_top3 = members
        .iter()
        .zip(own)
        .filter(|(sorted, own)| best(&sorted.p, 3).iter().any(|name| own.contains(name)))
        .count();
    let mut sizes = vec![0; n_playlists];
    own.iter().flatten().for_each(|playlist| sizes[*playlist] += 1);
    let largest = (0..n_playlists)
        .max_by_key(|playlist| sizes[*playlist])
        .unwrap_or(0);
    let majority: Vec<bool> = own.iter().map(|own| own.contains(&largest)).collect();
    let confusion = confusion(&first, own, n_playlists);
    let playlists = (0..n_playlists)
        .map(|playlist| {
            // Where a track may be on several, what is on none belongs to the question.
            let rows = if mode == SortingMode::MultiLabel {
                unseen
            } else {
                members
            };
            playlist_check(task, (rows, n_folds), &confusion, playlist)
        })
        .collect::<Vec<_>>();
    let p_value = match mode {
        SortingMode::MultiLabel => any_shown(&playlists),
        _ => against_majority(&is_right, &majority)?,
    };
    let mut section = SortingCheckSection {
        method: CheckMethod::CrossValidation { folds: n_folds },
        n_tracks: n,
        accuracy: n_right as f64 / n as f64,
        accuracy_interval: wilson_interval(n_right as u64, n as u64, LEVEL)?,
        top3_accuracy: in_top3 as f64 / n as f64,
        majority_share: sizes[largest] as f64 / n as f64,
        p_value,
        is_better_than_chance: p_value < SIGNIFICANCE,
        playlists,
        confusion,
        alike: alike(task, members, n_folds),
        verdict: String::new(),
    };
    section.verdict = sorting_verdict(&section, mode);
    Ok(section)
}

/// One-sided: more members are sorted rightly than by always naming the largest playlist.
fn against_majority(is_right: &[bool], majority: &[bool]) -> Result<f64> {
    let test = mcnemar(&vec![true; is_right.len()], is_right, majority)?;
    Ok(match test.only_a_correct > test.only_b_correct {
        true => test.p_value / 2.0,
        false => 1.0 - test.p_value / 2.0,
    })
}

/// That any playlist is told from what is not on it: the least p-value, times their number (Bonferroni).
fn any_shown(playlists: &[PlaylistCheck]) -> f64 {
    let p = playlists.iter().filter_map(|playlist| playlist.p_value);
    (p.fold(1.0, f64::min) * playlists.len() as f64).min(1.0)
}

/// The positions of the `n` greatest, the greatest first.
pub(crate) fn best(p: &[f64], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    order.truncate(n);
    order
}

/// Members of the row's playlist that were put on the column's; a track of several counts where it was put, if that is
/// one of them, else for each.
fn confusion(first: &[usize], own: &[Vec<usize>], n_playlists: usize) -> Vec<Vec<u64>> {
    let mut counts = vec![vec![0; n_playlists]; n_playlists];
    for (first, own) in first.iter().zip(own) {
        if own.contains(first) {
            counts[*first][*first] += 1;
            continue;
        }
        for playlist in own {
            counts[*playlist][*first] += 1;
        }
    }
    counts
}

fn playlist_check(
    task: &Task,
    (rows, n_folds): (&[Sorted], usize),
    confusion: &[Vec<u64>],
    playlist: usize,
) -> PlaylistCheck {
    let y: Vec<bool> = task.own[..rows.len()]
        .iter()
        .map(|own| own.contains(&playlist))
        .collect();
    let p: Vec<f64> = rows.iter().map(|sorted| sorted.p[playlist]).collect();
    let test = auc_better_than_chance_over_folds(&y, &p, n_folds).ok();
    let row: u64 = confusion[playlist].iter().sum();
    let column: u64 = confusion.iter().map(|row| row[playlist]).sum();
    let right = confusion[playlist][playlist];
    let share = |of: u64| (of > 0).then(|| right as f64 / of as f64);
    let mut others: Vec<usize> = (0..confusion.len()).filter(|other| *other != playlist).collect();
    others.sort_by_key(|other| std::cmp::Reverse(confusion[playlist][*other]));
    let mistaken_for = others
        .into_iter()
        .take(MOST_MISTAKEN)
        .filter(|other| confusion[playlist][*other] > 0)
        .map(|other| Mistaken {
            name: task.names[other].clone(),
            share: confusion[playlist][other] as f64 / row as f64,
        });
    PlaylistCheck {
        name: task.names[playlist].clone(),
        n_tracks: y.iter().filter(|label| **label).count(),
        recall: share(row),
        precision: share(column),
        roc_auc: test.map(|test| test.auc),
        p_value: test.map(|test| test.p_value),
        is_better_than_chance: test.is_some_and(|test| test.p_value < SIGNIFICANCE),
        mistaken_for: mistaken_for.collect(),
    }
}

/// Pairs of playlists whose members do not lean to their own, as far as shown; tracks on both say nothing.
fn alike(task: &Task, members: &[Sorted], n_folds: usize) -> Vec<AlikePair> {
    let mut pairs = Vec::new();
    for first in 0..task.names.len() {
        for second in first + 1..task.names.len() {
            let of_one = members
                .iter()
                .zip(&task.own)
                .filter(|(_, own)| own.contains(&first) != own.contains(&second));
            // The odds of the first against the second.
            let (y, lean): (Vec<bool>, Vec<f64>) = of_one
                .map(|(sorted, own)| {
                    let odds = sorted.p[first].max(1e-9).ln() - sorted.p[second].max(1e-9).ln();
                    (own.contains(&first), odds)
                })
                .unzip();
            let Ok(test) = auc_better_than_chance_over_folds(&y, &lean, n_folds) else {
                continue;
            };
            if test.p_value >= SIGNIFICANCE {
                pairs.push(AlikePair {
                    first: task.names[first].clone(),
                    second: task.names[second].clone(),
                    roc_auc: test.auc,
                    p_value: test.p_value,
                });
            }
        }
    }
    pairs
}

/// The rule for what fits none: below the fit that nine of ten members, sorted unseen, reach.
pub(crate) fn none_rule(task: &Task, mode: SortingMode, unseen: &[Sorted]) -> NoneSection {
    let (members, others) = unseen.split_at(task.n_members);
    let mut fits: Vec<f64> = members.iter().map(|sorted| sorted.fit).collect();
    fits.sort_by(f64::total_cmp);
    let at = ((1.0 - KEPT) * fits.len() as f64).floor() as usize;
    let threshold = fits.get(at).copied().unwrap_or(0.0);
    let kept = fits.iter().filter(|fit| **fit >= threshold).count();
    let refused = others.iter().filter(|sorted| sorted.fit < threshold).count();
    let what = match mode {
        SortingMode::MultiLabel => "the probability of its best playlist",
        _ => "the probability that it is on any of the playlists rather than other music",
    };
    NoneSection {
        rule: format!("{what} is below {threshold:.3}, which nine of ten members reach unseen"),
        threshold,
        members_kept: kept as f64 / fits.len().max(1) as f64,
        others_refused: (!others.is_empty()).then(|| refused as f64 / others.len() as f64),
        n_others: others.len(),
    }
}

/// From which probability on a track goes on each playlist, where it may go on several: the best F1 on members and other
/// music sorted unseen.
///
/// # Errors
/// Those of [`ThresholdRule::learn`].
pub(crate) fn thresholds(task: &Task, unseen: &[Sorted]) -> Result<Vec<f64>> {
    let of = |playlist: usize| {
        let y: Vec<bool> = task.own.iter().map(|own| own.contains(&playlist)).collect();
        let p: Vec<f64> = unseen.iter().map(|sorted| sorted.p[playlist]).collect();
        Ok(ThresholdRule::BestF1.learn(&y, &p)?)
    };
    (0..task.names.len()).map(of).collect()
}
