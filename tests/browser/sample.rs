//! Pages to open: made up, large and hostile.

use std::collections::BTreeMap;

use playlist_report::{
    ClassCount, DatasetSection, ExperimentDetails, ExperimentReport, FeatureValues, LossHistory,
    MetricsSection, ModelPredictions, ModelSection, PriorSection, SourceSection, SplitSection, TestTracks,
    TestsSection,
};

/// Titles that would run, close something, or turn the order of letters.
pub const HOSTILE: [&str; 6] = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror=\"window.hacked = 2\">",
    "\"quoted\" 'title' &amp; `backtick` ${window.hacked = 3}",
    "\u{202e}right to left\u{202c} عربي עברית",
    "👨\u{200d}👩\u{200d}👧 🎵 e\u{301}",
    "<!-- ]]> <svg onload=\"window.hacked = 4\">",
];

/// A number in [0, 1) that follows from `row`, without any order to it.
fn mixed(row: usize, step: usize) -> f32 {
    (row * step % 10_007) as f32 / 10_007.0
}

/// An experiment with `n` tracks in its test part.
pub fn sample(classes: &[&str], n: usize) -> (ExperimentReport, ExperimentDetails) {
    let n_classes = classes.len();
    let y: Vec<usize> = (0..n).map(|row| row * 31 % 97 % n_classes).collect();
    let p = |step: usize| -> Vec<f32> {
        if n_classes == 2 {
            return (0..n)
                .map(|row| (mixed(row, step) + 0.5 * y[row] as f32) / 1.5)
                .collect();
        }
        let row = |row: usize| {
            let mut each: Vec<f32> = (0..n_classes)
                .map(|class| mixed(row + class, step) + 0.01)
                .collect();
            each[y[row]] += 0.5;
            let sum: f32 = each.iter().sum();
            each.into_iter().map(move |p| p / sum).collect::<Vec<f32>>()
        };
        (0..n).flat_map(row).collect()
    };
    let threshold = |value| (n_classes == 2).then_some(value);
    let models = vec![
        ModelPredictions {
            name: "weak".to_owned(),
            p: p(4_801),
            threshold: threshold(0.5),
        },
        ModelPredictions {
            name: "strong".to_owned(),
            p: p(7_919),
            threshold: threshold(0.437),
        },
    ];
    let title = |row: usize| {
        HOSTILE
            .get(row)
            .map_or_else(|| format!("Song {row}"), |title| (*title).to_owned())
    };
    let values = |scale: f32| {
        (0..n)
            .map(|row| Some((mixed(row, 3_571) + y[row] as f32) * scale))
            .collect()
    };
    let details = ExperimentDetails {
        command: "playlist_classifier --html '</script>'".to_owned(),
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        features: vec![
            FeatureValues {
                name: "energy".to_owned(),
                unit: "0 to 1".to_owned(),
                is_categorical: false,
                values: values(0.4),
            },
            FeatureValues {
                name: "key".to_owned(),
                unit: "pitch class".to_owned(),
                is_categorical: true,
                values: (0..n)
                    .map(|row| (row % 13 != 12).then_some((row % 13) as f32))
                    .collect(),
            },
        ],
        histories: vec![LossHistory {
            model: "strong".to_owned(),
            loss: "binary cross-entropy".to_owned(),
            train: (1..60).map(|epoch| 0.4 + 0.3 / f64::from(epoch)).collect(),
            valid: Vec::new(),
            test: (1..60).map(|epoch| 0.45 + 0.25 / f64::from(epoch)).collect(),
        }],
        test: TestTracks {
            y: y.clone(),
            titles: (0..n).map(title).collect(),
            artists: (0..n).map(|row| format!("Artist {}", row % 700)).collect(),
        },
        models,
        y,
    };
    (report(classes, n), details)
}

fn report(classes: &[&str], n: usize) -> ExperimentReport {
    let counts: Vec<ClassCount> = classes
        .iter()
        .map(|class| ClassCount {
            name: (*class).to_owned(),
            n_tracks: n / classes.len(),
        })
        .collect();
    let model = |name: &str| ModelSection {
        name: name.to_owned(),
        fit_seconds: Some(1.0),
        predict_seconds: 0.1,
        metrics: MetricsSection {
            accuracy: Some(0.7),
            roc_auc: Some(0.75),
            ..MetricsSection::default()
        },
        intervals: BTreeMap::new(),
        tests: TestsSection::default(),
        verdict: format!("{name} is made up."),
        warnings: vec!["made up".to_owned()],
        notes: Vec::new(),
        repeats: Vec::new(),
    };
    ExperimentReport {
        dataset: DatasetSection {
            sources: vec![SourceSection {
                file: "a-rather-long-name-of-a-file-without-any-place-to-break-it-0123456789.csv".to_owned(),
                format: "CSV".to_owned(),
                rows: n,
                notes: vec!["made up".to_owned()],
            }],
            rows_read: n,
            dropped: Vec::new(),
            n_tracks: n,
            positive_class: (classes.len() == 2).then(|| classes[1].to_owned()),
            classes: counts.clone(),
            features: vec!["energy".to_owned(), "key".to_owned()],
            missing: BTreeMap::from([("key".to_owned(), n / 13)]),
            notes: Vec::new(),
            fingerprint: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
        },
        split: SplitSection {
            method: "stratified".to_owned(),
            group_by: "track".to_owned(),
            test_fraction: Some(0.5),
            folds: None,
            n_train: n,
            n_valid: 0,
            n_test: n,
            test_classes: counts,
            repeats: 1,
            repeats_asked: 1,
        },
        prior: PriorSection {
            setting: "training".to_owned(),
            classes: Vec::new(),
        },
        seed: 0,
        versions: BTreeMap::from([("playlist-report".to_owned(), "made up".to_owned())]),
        models: vec![model("weak"), model("strong")],
        explanation: None,
    }
}
