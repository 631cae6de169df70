//! Dealing groups of rows to parts that each want so many rows of each class.

use std::collections::HashMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// How many rows of each class make `fraction` of all: rounded by largest remainder, so that each is
/// within one row of its share and the total is the rounded share of all.
pub(crate) fn apportion(counts: &[usize], fraction: f64) -> Vec<usize> {
    let share = |n: usize| n as f64 * fraction;
    // A third of 2,400 must not become 799 because a third is not exact.
    let whole = |n: usize| (share(n) + 1e-9).floor();
    let mut parts: Vec<usize> = counts.iter().map(|n| whole(*n) as usize).collect();
    let total = share(counts.iter().sum()).round() as usize;
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    // Rounded, so that remainders that differ by inexact arithmetic alone are equal.
    let remainder = |class: usize| ((share(counts[class]) - whole(counts[class])) * 1e9).round();
    by_remainder.sort_by(|a, b| remainder(*b).total_cmp(&remainder(*a)));
    let lacking = total.saturating_sub(parts.iter().sum());
    for class in by_remainder.into_iter().take(lacking) {
        parts[class] += 1;
    }
    parts
}

/// A part for each row: no group is in two parts, and each part has about `targets[part][class]` rows of
/// each class; exactly so many when every group has one row.
///
/// The targets of a class must add up to its rows. Groups are dealt at random, the large ones first,
/// to a part that wants all their rows, with a chance in proportion to how many it still wants. A group
/// that no part has room for goes where it does the least harm.
pub(crate) fn assign(
    y: &[usize],
    groups: &[usize],
    targets: &[Vec<usize>],
    rng: &mut ChaCha8Rng,
) -> Vec<usize> {
    let mut members = members_of(groups);
    members.shuffle(rng);
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let mut wanted: Vec<Vec<i64>> = targets
        .iter()
        .map(|target| target.iter().map(|n| *n as i64).collect())
        .collect();
    let mut part_of = vec![0; y.len()];
    for rows in members {
        let classes = class_counts(y, &rows);
        let part = choose(&wanted, &classes, rng);
        for (class, n) in classes {
            wanted[part][class] -= n;
        }
        for row in rows {
            part_of[row] = part;
        }
    }
    part_of
}

/// The rows of each group, in order of their first rows.
fn members_of(groups: &[usize]) -> Vec<Vec<usize>> {
    let mut position_of: HashMap<usize, usize> = HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, group) in groups.iter().enumerate() {
        let position = *position_of.entry(*group).or_insert(members.len());
        if position == members.len() {
            members.push(Vec::new());
        }
        members[position].push(row);
    }
    members
}

/// The classes of a few rows, each with its number.
fn class_counts(y: &[usize], rows: &[usize]) -> Vec<(usize, i64)> {
    let mut counts: Vec<(usize, i64)> = Vec::new();
    for row in rows {
        match counts.iter_mut().find(|(class, _)| *class == y[*row]) {
            Some((_, n)) => *n += 1,
            None => counts.push((y[*row], 1)),
        }
    }
    counts
}

fn choose(wanted: &[Vec<i64>], classes: &[(usize, i64)], rng: &mut ChaCha8Rng) -> usize {
    let room = |part: &Vec<i64>| {
        let fits = classes.iter().all(|(class, n)| part[*class] >= *n);
        if fits {
            classes.iter().map(|(class, _)| part[*class]).sum()
        } else {
            0
        }
    };
    let rooms: Vec<i64> = wanted.iter().map(room).collect();
    let total: i64 = rooms.iter().sum();
    if total == 0 {
        let harm = |part: &usize| -> i64 {
            let square = |class: usize, n: i64| (wanted[*part][class] - n).pow(2);
            classes
                .iter()
                .map(|(class, n)| square(*class, *n) - square(*class, 0))
                .sum()
        };
        return (0..wanted.len())
            .min_by_key(harm)
            .expect("there is at least one part");
    }
    let mut ticket = rng.random_range(0..total);
    for (part, room) in rooms.iter().enumerate() {
        if ticket < *room {
            return part;
        }
        ticket -= room;
    }
    unreachable!("the ticket is below the sum of the rooms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_by_largest_remainder() {
        assert_eq!(apportion(&[2400, 2400], 1.0 / 3.0), [800, 800]);
        // 10/3, 4/3 and 3/3: six in all, the largest remainders are equal, the first class gets it.
        assert_eq!(apportion(&[10, 4, 3], 1.0 / 3.0), [4, 1, 1]);
        assert_eq!(apportion(&[5, 0], 0.0), [0, 0]);
        assert_eq!(apportion(&[7, 3], 0.99), [7, 3]);
    }
}
