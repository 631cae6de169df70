//! The tracks of a run: which are trained on, which tested, under which labels.

use playlist_core::{FeatureMatrix, Labels};
use playlist_dataset::{Balance, SplitConfig};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::setting::{Draw, LabelFault, Size};
use crate::Result;

/// Rows of a table with the labels that a run gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DrawnPart {
    pub(super) rows: Vec<usize>,
    pub(super) positive: Vec<bool>,
}

impl DrawnPart {
    pub(super) fn x(&self, x: &FeatureMatrix) -> FeatureMatrix {
        x.select_rows(&self.rows)
    }

    pub(super) fn y(&self, labels: &Labels) -> Labels {
        let names = labels.class_names();
        Labels::binary(&names[0], &names[1], &self.positive)
    }

    fn of(positive: &[usize], negative: &[usize], rng: &mut ChaCha8Rng) -> Self {
        let labelled = |rows: &[usize], label| rows.iter().map(|row| (*row, label)).collect::<Vec<_>>();
        let mut both = [labelled(positive, true), labelled(negative, false)].concat();
        both.shuffle(rng);
        let (rows, positive) = both.into_iter().unzip();
        Self { rows, positive }
    }
}

/// Training and test part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DrawnParts {
    pub(super) train: DrawnPart,
    pub(super) test: DrawnPart,
}

/// Draws the parts of a run from a table of two classes. The same seed draws the same tracks.
pub(super) fn draw(labels: &Labels, draw: &Draw, seed: u64) -> Result<DrawnParts> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut parts = match draw.size {
        Size::Lists => lists(labels, seed)?,
        Size::Drawn { n_train, n_test } => {
            let (positive, negative) = sides(labels, draw.labels, &mut rng);
            let wanted = [
                n_train * draw.positive_percent as usize / 100,
                n_train - n_train * draw.positive_percent as usize / 100,
                n_test / 2,
            ];
            let [train_positive, train_negative, test] = shrunk(wanted, positive.len(), negative.len());
            let train = (
                &positive[test..test + train_positive],
                &negative[test..test + train_negative],
            );
            DrawnParts {
                train: DrawnPart::of(train.0, train.1, &mut rng),
                test: DrawnPart::of(&positive[..test], &negative[..test], &mut rng),
            }
        }
    };
    if draw.labels == LabelFault::TestShuffled {
        parts.test.positive.shuffle(&mut rng);
    }
    Ok(parts)
}

/// The paper's procedure: the longer list cut to the length of the shorter, a stratified third for testing.
fn lists(labels: &Labels, seed: u64) -> Result<DrawnParts> {
    let kept = Balance::Truncate.rows(labels);
    let cut = labels.select_rows(&kept);
    let split = SplitConfig::default().with_seed(seed).split_labels(&cut, None)?;
    let part = |rows: &[usize]| DrawnPart {
        rows: rows.iter().map(|row| kept[*row]).collect(),
        positive: rows.iter().map(|row| cut.y()[*row] == 1).collect(),
    };
    Ok(DrawnParts {
        train: part(&split.train),
        test: part(&split.test),
    })
}

/// The tracks that count as positive and as negative, in random order.
fn sides(labels: &Labels, fault: LabelFault, rng: &mut ChaCha8Rng) -> (Vec<usize>, Vec<usize>) {
    let of_class = |class: usize| -> Vec<usize> {
        (0..labels.n_samples())
            .filter(|row| labels.y()[*row] == class)
            .collect()
    };
    let (mut negative, mut positive) = (of_class(0), of_class(1));
    match fault {
        LabelFault::None | LabelFault::TestShuffled => {}
        LabelFault::Shuffled => {
            let kept = positive.len().min(negative.len());
            let mut all = [&positive[..kept], &negative[..kept]].concat();
            all.shuffle(rng);
            negative = all.split_off(kept);
            positive = all;
        }
        LabelFault::OneTaste => {
            let mut one = if positive.len() > negative.len() {
                positive
            } else {
                negative
            };
            one.shuffle(rng);
            negative = one.split_off(one.len() / 2);
            positive = one;
        }
        LabelFault::BothLabels => {
            positive.append(&mut negative);
            negative.clone_from(&positive);
        }
    }
    positive.shuffle(rng);
    negative.shuffle(rng);
    (positive, negative)
}

/// Positive and negative training tracks and test tracks of each side, all shrunk by one factor where a side is too
/// short for them; at least one of each.
fn shrunk(wanted: [usize; 3], n_positive: usize, n_negative: usize) -> [usize; 3] {
    let [positive, negative, test] = wanted;
    let factor = |has: usize, needs: usize| has as f64 / needs.max(1) as f64;
    let factor = factor(n_positive, positive + test)
        .min(factor(n_negative, negative + test))
        .min(1.0);
    wanted.map(|n| ((n as f64 * factor) as usize).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        let y: Vec<bool> = (0..900).map(|row| row % 3 == 0).collect();
        Labels::binary("no", "yes", &y)
    }

    fn drawn(fault: LabelFault, percent: u32) -> DrawnParts {
        let settings = Draw {
            labels: fault,
            size: Size::Drawn {
                n_train: 200,
                n_test: 100,
            },
            positive_percent: percent,
        };
        draw(&labels(), &settings, 7).unwrap()
    }

    fn n_positive(part: &DrawnPart) -> usize {
        part.positive.iter().filter(|positive| **positive).count()
    }

    #[test]
    fn sizes_and_shares_are_as_asked_and_no_track_is_in_both_parts() {
        for percent in [50, 23] {
            let parts = drawn(LabelFault::None, percent);
            assert_eq!((parts.train.rows.len(), parts.test.rows.len()), (200, 100));
            assert_eq!(n_positive(&parts.train), 2 * percent as usize);
            assert_eq!(n_positive(&parts.test), 50);
            assert!(parts.test.rows.iter().all(|row| !parts.train.rows.contains(row)));
            let right = |part: &DrawnPart| {
                part.rows
                    .iter()
                    .zip(&part.positive)
                    .all(|(row, positive)| (row % 3 == 0) == *positive)
            };
            assert!(right(&parts.train) && right(&parts.test));
        }
    }

    #[test]
    fn faults_are_what_they_say() {
        let shares_labels = |part: &DrawnPart| {
            let agree = part
                .rows
                .iter()
                .zip(&part.positive)
                .filter(|(row, positive)| (*row % 3 == 0) == **positive);
            agree.count() as f64 / part.rows.len() as f64
        };
        let shuffled = drawn(LabelFault::Shuffled, 50);
        // Three standard errors of a fair share of 100.
        assert!((0.35..0.65).contains(&shares_labels(&shuffled.test)));
        let in_test = drawn(LabelFault::TestShuffled, 50);
        assert_eq!(shares_labels(&in_test.train), 1.0);
        assert!((0.35..0.65).contains(&shares_labels(&in_test.test)));
        let one = drawn(LabelFault::OneTaste, 50);
        assert!(one.train.rows.iter().all(|row| row % 3 != 0));
        let both = drawn(LabelFault::BothLabels, 50);
        assert_eq!(n_positive(&both.test), 50);
    }

    #[test]
    fn short_lists_shrink_both_parts_alike() {
        assert_eq!(shrunk([242, 242, 121], 200, 400), [133, 133, 66]);
        assert_eq!(shrunk([242, 242, 121], 4_000, 4_000), [242, 242, 121]);
        assert_eq!(shrunk([10, 10, 10], 1, 1), [1, 1, 1]);
    }

    #[test]
    fn the_papers_procedure_cuts_the_longer_list() {
        let settings = Draw {
            labels: LabelFault::None,
            size: Size::Lists,
            positive_percent: 50,
        };
        let parts = draw(&labels(), &settings, 1).unwrap();
        assert_eq!((parts.train.rows.len(), parts.test.rows.len()), (400, 200));
        assert_eq!((n_positive(&parts.train), n_positive(&parts.test)), (200, 100));
        assert_ne!(parts, draw(&labels(), &settings, 2).unwrap());
    }
}
