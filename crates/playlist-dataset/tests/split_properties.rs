//! What holds for every split.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use playlist_core::Labels;
use playlist_dataset::{Error, Split, SplitConfig, StratifiedKFold};
use proptest::prelude::*;

/// Classes of 60 to 200 rows, two to four of them, and groups of one to a few rows.
fn labelled_groups() -> impl Strategy<Value = (Labels, Vec<usize>)> {
    (2..5_usize, 60..200_usize).prop_flat_map(|(n_classes, n_samples)| {
        let y = prop::collection::vec(0..n_classes, n_samples);
        let groups = prop::collection::vec(0..n_samples, n_samples);
        (y, groups).prop_map(move |(y, groups)| {
            let names: Vec<String> = (0..n_classes).map(|class| format!("class {class}")).collect();
            (Labels::new(names, y).unwrap(), groups)
        })
    })
}

fn all_rows(split: &Split) -> Vec<usize> {
    let mut rows = [&split.train[..], &split.valid, &split.test].concat();
    rows.sort_unstable();
    rows
}

proptest! {
    #[test]
    fn a_split_loses_and_repeats_nothing((labels, groups) in labelled_groups(), seed: u64) {
        let config = SplitConfig::default().with_valid_fraction(0.2).with_seed(seed);
        let split = config.split_labels(&labels, Some(&groups)).unwrap();
        prop_assert_eq!(all_rows(&split), (0..labels.n_samples()).collect::<Vec<_>>());
        for part in [&split.train, &split.valid, &split.test] {
            prop_assert!(part.is_sorted());
        }
    }

    #[test]
    fn groups_never_straddle((labels, groups) in labelled_groups(), seed: u64) {
        let config = SplitConfig::default().with_valid_fraction(0.2).with_seed(seed);
        let split = config.split_labels(&labels, Some(&groups)).unwrap();
        let mut part_of = vec![None; groups.len()];
        for (part, rows) in [&split.train, &split.valid, &split.test].into_iter().enumerate() {
            for row in rows {
                let known = part_of[groups[*row]].get_or_insert(part);
                prop_assert_eq!(*known, part);
            }
        }
    }

    #[test]
    fn classes_are_within_one_row_of_their_share((labels, _) in labelled_groups(), seed: u64, test in 0.1..0.6) {
        let config = SplitConfig::default().with_test_fraction(test).with_seed(seed);
        let split = config.split_labels(&labels, None).unwrap();
        let found = labels.select_rows(&split.test).class_counts();
        for (n, all) in found.iter().zip(labels.class_counts()) {
            prop_assert!((*n as f64 - all as f64 * test).abs() < 1.0);
        }
        prop_assert_eq!(split.test.len(), (labels.n_samples() as f64 * test).round() as usize);
    }

    #[test]
    fn grouped_classes_are_near_their_share((labels, groups) in labelled_groups(), seed: u64) {
        let split = SplitConfig::default().with_seed(seed).split_labels(&labels, Some(&groups)).unwrap();
        let found = labels.select_rows(&split.test).class_counts();
        for (n, all) in found.iter().zip(labels.class_counts()) {
            // Groups here have five rows or so at most; the largest are dealt first, single rows fill up.
            prop_assert!((*n as f64 - all as f64 / 3.0).abs() <= 3.0, "{found:?}");
        }
    }

    #[test]
    fn one_seed_gives_one_split((labels, groups) in labelled_groups(), seed: u64) {
        let split = |seed| SplitConfig::default().with_seed(seed).split_labels(&labels, Some(&groups)).unwrap();
        prop_assert_eq!(split(seed), split(seed));
        prop_assert_ne!(split(seed), split(seed ^ 1));
    }

    #[test]
    fn folds_partition_the_rows((labels, groups) in labelled_groups(), seed: u64, n_folds in 2..6_usize) {
        let config = StratifiedKFold::default().with_n_folds(n_folds).with_seed(seed);
        let folds = config.split_labels(&labels, Some(&groups)).unwrap();
        let mut tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
        tested.sort_unstable();
        prop_assert_eq!(tested, (0..labels.n_samples()).collect::<Vec<_>>());
        for fold in folds {
            prop_assert_eq!(all_rows(&fold), (0..labels.n_samples()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn folds_of_single_rows_differ_by_one_row_at_most((labels, _) in labelled_groups(), seed: u64) {
        let folds = StratifiedKFold::default().with_seed(seed).split_labels(&labels, None).unwrap();
        for class in 0..labels.n_classes() {
            let counts: Vec<usize> =
                folds.iter().map(|fold| labels.select_rows(&fold.test).class_counts()[class]).collect();
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
        }
    }
}

#[test]
fn every_row_is_as_likely_to_be_tested_as_another() {
    // 600 seeds, a third each: 200 expected, standard deviation 11.5; six of them are 69.
    let y: Vec<bool> = (0..30).map(|row| row % 3 == 0).collect();
    let labels = Labels::binary("no", "yes", &y);
    let mut tested = [0_usize; 30];
    // Rows 0 to 5 are one group, so that large groups are seen to be dealt fairly, too.
    let groups: Vec<usize> = (0..30).map(|row: usize| row.max(5)).collect();
    for seed in 0..600 {
        let config = SplitConfig::default().with_seed(seed);
        for row in config.split_labels(&labels, Some(&groups)).unwrap().test {
            tested[row] += 1;
        }
    }
    assert!(tested.iter().all(|n| n.abs_diff(200) < 69), "{tested:?}");
}

#[test]
fn the_split_of_a_seed_is_pinned() {
    let y: Vec<bool> = (0..12).map(|row| row % 2 == 0).collect();
    let labels = Labels::binary("no", "yes", &y);
    let split = SplitConfig::default()
        .with_seed(7)
        .split_labels(&labels, None)
        .unwrap();
    // Changing these numbers changes everybody's splits: a breaking change.
    assert_eq!(split.test, [7, 8, 9, 10]);
}

#[test]
fn parts_without_a_class_and_bad_settings_are_refused() {
    let labels = Labels::binary("no", "yes", &[true, false, false, false, false, false]);
    let error = SplitConfig::default().split_labels(&labels, None).unwrap_err();
    assert!(
        matches!(
            error,
            Error::EmptyPart {
                n_tracks: 1,
                n_groups: 1,
                ..
            }
        ),
        "{error}"
    );
    for config in [
        SplitConfig::default().with_test_fraction(1.0),
        SplitConfig::default().with_test_fraction(f64::NAN),
        SplitConfig::default().with_valid_fraction(-0.1),
        SplitConfig::default()
            .with_test_fraction(0.5)
            .with_valid_fraction(0.5),
    ] {
        let error = config.split_labels(&labels, None).unwrap_err();
        assert!(
            matches!(error, Error::Core(playlist_core::Error::InvalidSetting { .. })),
            "{error}"
        );
    }
    for n_folds in [0, 1, 7] {
        let folds = StratifiedKFold::default().with_n_folds(n_folds);
        assert!(folds.split_labels(&labels, None).is_err(), "{n_folds}");
    }
    assert!(
        SplitConfig::default()
            .split_labels(&labels, Some(&[0; 3]))
            .is_err()
    );
}

#[test]
fn no_test_part_is_made_when_none_is_wanted() {
    let labels = Labels::binary("no", "yes", &[true, false, true, false]);
    let config = SplitConfig::default()
        .with_test_fraction(0.0)
        .with_valid_fraction(0.5);
    let split = config.split_labels(&labels, None).unwrap();
    assert_eq!(
        (split.train.len(), split.valid.len(), split.test.len()),
        (2, 2, 0)
    );
    let report = split.report(&labels);
    assert_eq!(report.parts[1].classes[0].n_tracks, 1);
}
