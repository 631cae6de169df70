//! What a whole experiment promises, from files to the report.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use playlist_classifier::core::{AudioFeature, Classifier, Overwrite, Prior};
use playlist_classifier::dataset::GroupBy;
use playlist_classifier::metrics::{ThresholdRule, corrected_mean_interval};
use playlist_classifier::mlp::{Backend, ModelFile};
use playlist_classifier::report::{LARGER_TEST_CLASS, ModelSection};
use playlist_classifier::{
    Error, Experiment, ExperimentConfig, ExplainConfig, ModelName, Outcome, SavedModel, Source, SplitMethod,
};

/// The features of the tables here: enough to tell recordings apart.
const COLUMNS: [&str; 9] = [
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "liveness",
    "tempo",
    "duration_ms",
    "valence",
];

/// A row of made-up values, other for every `track`, louder where it is `liked`.
fn row(track: usize, liked: bool) -> [f32; 9] {
    let share = |step: usize| (track * step % 97) as f32 / 100.0;
    let energy = share(31) / 2.0 + if liked { 0.4 } else { 0.1 };
    [
        share(7),
        energy,
        -30.0 + share(53) * 20.0,
        share(11),
        share(13),
        share(17),
        80.0 + share(41) * 60.0,
        180_000.0 + track as f32,
        share(71),
    ]
}

/// A table of `columns` with a label, and with whatever else `more` says of a track.
fn table(columns: &[&str], tracks: &[(usize, bool)], more: &[(&str, &dyn Fn(usize) -> String)]) -> String {
    let mut text = [
        columns,
        &["label"],
        &more.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
    ]
    .concat()
    .join(",");
    for (track, liked) in tracks {
        let values = row(*track, *liked);
        let cells = columns.iter().map(|column| {
            let at = COLUMNS.iter().position(|name| name == column).unwrap();
            values[at].to_string()
        });
        let label = if *liked { "liked" } else { "other" };
        let rest = more.iter().map(|(_, cell)| cell(*track));
        let cells: Vec<String> = cells.chain([label.to_owned()]).chain(rest).collect();
        text += &format!("\n{}", cells.join(","));
    }
    text
}

fn tracks(range: std::ops::Range<usize>) -> Vec<(usize, bool)> {
    range.map(|track| (track, track % 3 == 0)).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn from(path: &Path) -> Source {
    Source::Table {
        path: path.to_owned(),
        label: None,
    }
}

fn config(models: &[ModelName]) -> ExperimentConfig {
    let mut config = ExperimentConfig {
        models: models.to_vec(),
        ..ExperimentConfig::default()
    };
    config.fit.training = config.fit.training.with_epochs(2);
    config
}

fn run(text: &str, config: ExperimentConfig) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "tracks.csv", text);
    Experiment::read(&from(&path), config).unwrap().run().unwrap()
}

fn section<'a>(outcome: &'a Outcome, name: &str) -> &'a ModelSection {
    let mut models = outcome.report.models.iter();
    models.find(|model| model.name == name).unwrap()
}

/// Fits one model on `text`, saves it and loads it again.
fn saved(text: &str, config: ExperimentConfig) -> SavedModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let outcome = run(text, config);
    outcome.models[0].save(&path, Overwrite::Refuse).unwrap();
    SavedModel::load(&path, Backend::default()).unwrap()
}

fn evaluated(model: &SavedModel, text: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "tracks.csv", text);
    let experiment = Experiment::read(&from(&path), ExperimentConfig::default()).unwrap();
    experiment.evaluate(model).unwrap()
}

#[test]
fn training_tracks_are_known_again_without_a_column_that_the_model_does_not_use() {
    let all = tracks(0..90);
    let with_valence = table(&COLUMNS, &all, &[]);
    let mut config = config(&[ModelName::Logistic]);
    config.drop = vec![AudioFeature::Valence];
    let model = saved(&with_valence, config);
    assert_eq!(model.columns().len(), 8);
    let outcome = evaluated(&model, &table(&COLUMNS[..8], &all, &[]));
    assert_eq!(
        (outcome.report.split.n_train, outcome.report.split.n_test),
        (60, 30)
    );
    assert!(outcome.report.models[0].warnings.is_empty());
}

#[test]
fn a_model_of_few_columns_knows_its_tracks_by_all_that_there_was() {
    let all = tracks(0..120);
    let mut config = config(&[ModelName::Logistic]);
    config.features = Some(vec![AudioFeature::Speechiness]);
    let model = saved(&table(&COLUMNS, &all, &[]), config);
    // 97 values for 120 tracks: by the one column alone, others would count as seen.
    let outcome = evaluated(&model, &table(&COLUMNS, &all, &[]));
    assert_eq!(outcome.report.split.n_test, 40);
    assert!(outcome.report.models[0].warnings.is_empty());
    // With less to go by, no training track may get into the test part, and it is said.
    let outcome = evaluated(&model, &table(&COLUMNS[..8], &all, &[]));
    assert!(
        outcome.report.split.n_test <= 40,
        "{}",
        outcome.report.split.n_test
    );
    let warnings = outcome.report.models[0].warnings.join("\n");
    assert!(warnings.contains("for lack of `valence`"), "{warnings}");
}

#[test]
fn a_loaded_model_reports_on_its_own_columns_and_seed() {
    let mut config = config(&[ModelName::Logistic]);
    config.features = Some(vec![AudioFeature::Energy, AudioFeature::Tempo]);
    config.seed = 5;
    let model = saved(&table(&COLUMNS, &tracks(0..90), &[]), config);
    // No track has a danceability and one no acousticness, which the model does not use; one lacks a tempo, which it
    // does.
    let text = table(&COLUMNS, &tracks(200..260), &[]);
    let mut lines = text.lines().map(|line| {
        let (_, rest) = line.split_once(',').unwrap();
        let first = if line.starts_with('d') { "danceability" } else { "" };
        format!("{first},{rest}")
    });
    let header = lines.next().unwrap();
    let first = lines.next().unwrap();
    let mut cells: Vec<&str> = first.split(',').collect();
    cells[6] = "";
    let mut rest: Vec<String> = lines.collect();
    let mut others: Vec<&str> = rest[0].split(',').collect();
    others[4] = "";
    rest[0] = others.join(",");
    let text = [header, cells.join(","), rest.join("\n")].join("\n");
    let report = evaluated(&model, &text).report;
    assert_eq!(report.seed, 5);
    assert_eq!(report.dataset.features, ["energy", "tempo"]);
    assert_eq!(report.dataset.missing, [("tempo".to_owned(), 1)].into());
    assert!(report.dataset.notes.is_empty(), "{:?}", report.dataset.notes);
    assert_eq!((report.split.repeats, report.split.repeats_asked), (1, 1));
    assert_eq!(report.split.method, "unseen");
}

/// Two files in the form that every importer knows.
fn pair(folder: &Path, names: [&str; 2], tracks: std::ops::Range<usize>) -> Source {
    let side = |name: &str, liked: bool| {
        let ids = |track: usize| format!("{name}{track}");
        let of_side: Vec<(usize, bool)> = tracks
            .clone()
            .map(|track| (2 * track + usize::from(liked), liked))
            .collect();
        let text = table(&COLUMNS[..8], &of_side, &[("track_id", &ids)]);
        vec![write(folder, &format!("{name}.csv"), &text)]
    };
    Source::Pair {
        positive: side(names[0], true),
        negative: side(names[1], false),
    }
}

fn model_of_a_pair(folder: &Path) -> SavedModel {
    let source = pair(folder, ["liked", "disliked"], 0..40);
    let mut outcome = Experiment::read(&source, config(&[ModelName::Logistic]))
        .unwrap()
        .run()
        .unwrap();
    outcome.models.remove(0)
}

#[test]
fn a_pair_of_other_names_is_matched_by_role() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_of_a_pair(folder.path());
    let source = pair(folder.path(), ["loved", "skipped"], 100..130);
    let experiment = Experiment::read(&source, ExperimentConfig::default()).unwrap();
    let report = experiment.evaluate(&model).unwrap().report;
    assert_eq!(report.dataset.positive_class.as_deref(), Some("liked"));
    // The model tells the pair apart: were it turned round, this would be below one half.
    assert!(report.models[0].metrics.roc_auc.unwrap() > 0.9);
    let warnings = report.models[0].warnings.join("\n");
    assert!(
        warnings.contains("`loved` as `liked`, `skipped` as `disliked`"),
        "{warnings}"
    );
}

#[test]
fn a_pair_of_the_same_names_follows_the_names() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_of_a_pair(folder.path());
    let other = tempfile::tempdir().unwrap();
    let Source::Pair { positive, negative } = pair(other.path(), ["liked", "disliked"], 100..130) else {
        unreachable!("a pair")
    };
    let swapped = Source::Pair {
        positive: negative,
        negative: positive,
    };
    let experiment = Experiment::read(&swapped, ExperimentConfig::default()).unwrap();
    let report = experiment.evaluate(&model).unwrap().report;
    assert_eq!(report.dataset.positive_class.as_deref(), Some("liked"));
    assert!(report.models[0].metrics.roc_auc.unwrap() > 0.9);
    let warnings = report.models[0].warnings.join("\n");
    assert!(warnings.contains("`liked` is the positive class"), "{warnings}");
    assert!(warnings.contains("`disliked` was named"), "{warnings}");
}

#[test]
fn names_that_contradict_the_roles_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_of_a_pair(folder.path());
    let source = pair(folder.path(), ["disliked", "skipped"], 100..130);
    let experiment = Experiment::read(&source, ExperimentConfig::default()).unwrap();
    assert!(matches!(
        experiment.evaluate(&model),
        Err(Error::OtherClasses { .. })
    ));
    // One table has no roles.
    let text = table(&COLUMNS, &tracks(0..60), &[]).replace("other", "skipped");
    let path = write(folder.path(), "one.csv", &text);
    let experiment = Experiment::read(&from(&path), ExperimentConfig::default()).unwrap();
    assert!(matches!(
        experiment.evaluate(&model),
        Err(Error::OtherClasses { .. })
    ));
}

#[test]
fn many_classes_are_not_all_listed() {
    let names = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>();
    let error = Error::OtherClasses {
        expected: names(2),
        found: names(48),
    };
    assert_eq!(
        error.to_string(),
        "the model tells c0 from c1 apart, the tracks are labelled c0, c1, c2, c3, c4, c5 and 42 more: label them alike"
    );
}

#[test]
fn tracks_that_a_column_keeps_for_choosing_are_counted() {
    let part = |track: usize| ["train", "test", "valid"][track / 2 % 3].to_owned();
    let mut config = config(&[ModelName::Majority]);
    config.split = SplitMethod::Column("part".to_owned());
    let split = run(&table(&COLUMNS, &tracks(0..60), &[("part", &part)]), config)
        .report
        .split;
    assert_eq!((split.n_train, split.n_valid, split.n_test), (20, 20, 20));
}

#[test]
fn a_run_that_was_stopped_says_how_many_splits_were_asked_for() {
    let mut config = config(&[ModelName::Majority, ModelName::Logistic]);
    config.repeats = 10;
    config.fit.stop.request();
    let split = run(&table(&COLUMNS, &tracks(0..60), &[]), config).report.split;
    assert_eq!((split.repeats, split.repeats_asked), (1, 10));
}

#[test]
fn intervals_over_repeats_stay_in_the_range_of_their_scores() {
    let mut config = config(&[ModelName::Logistic, ModelName::Paper]);
    config.repeats = 3;
    let outcome = run(&table(&COLUMNS, &tracks(0..18), &[]), config);
    let mut n_cut = 0;
    for model in &outcome.report.models {
        for (name, interval) in &model.intervals {
            let Some(interval) = interval else { continue };
            let most = if name.ends_with("loss") {
                f64::INFINITY
            } else {
                1.0
            };
            assert!(
                0.0 <= interval.lower && interval.upper <= most,
                "{name}: {interval:?}"
            );
            assert!(interval.lower <= interval.upper, "{name}: {interval:?}");
            n_cut += usize::from(interval.lower == 0.0 || interval.upper == 1.0);
        }
    }
    assert!(n_cut > 0, "six test tracks leave nothing to cut");
}

/// Twice as many others as liked tracks to learn from, the other way round to test on.
fn turned_round() -> (String, ExperimentConfig) {
    let tracks: Vec<(usize, bool)> = (0..60)
        .map(|track| (track, (track % 3 == 0) != (track < 24)))
        .collect();
    let part = |track: usize| if track < 24 { "test" } else { "train" }.to_owned();
    let mut config = config(&[ModelName::Majority, ModelName::Logistic]);
    config.split = SplitMethod::Column("part".to_owned());
    (table(&COLUMNS, &tracks, &[("part", &part)]), config)
}

#[test]
fn the_majority_model_answers_the_larger_training_class_at_any_threshold() {
    for rule in ["0.5", "0.1", "0.9", "best-f1", "midpoint", "youden", "prior"] {
        let (text, mut config) = turned_round();
        config.threshold = rule.parse::<ThresholdRule>().unwrap();
        let outcome = run(&text, config);
        let majority = section(&outcome, "majority");
        // 8 of 24 test tracks are `other`, the larger class of the training part.
        assert_eq!(majority.metrics.accuracy, Some(8.0 / 24.0), "{rule}");
        assert_eq!(
            (majority.metrics.recall, majority.metrics.threshold),
            (Some(0.0), None),
            "{rule}"
        );
        let logistic = section(&outcome, "logistic");
        let test = logistic.tests.majority.as_ref().unwrap();
        assert_eq!(
            (test.against.as_str(), test.other_score),
            (LARGER_TEST_CLASS, 16.0 / 24.0)
        );
        assert!(
            logistic.verdict.contains("the larger class of the test part"),
            "{}",
            logistic.verdict
        );
        assert!(
            majority.verdict.contains("the larger class of the training part"),
            "{}",
            majority.verdict
        );
    }
}

#[test]
fn the_verdict_measures_against_the_row_of_the_majority_model() {
    let mut config = config(&[ModelName::Majority, ModelName::Logistic]);
    config.threshold = ThresholdRule::Fixed(0.1);
    let outcome = run(&table(&COLUMNS, &tracks(0..90), &[]), config);
    let test = section(&outcome, "logistic").tests.majority.as_ref().unwrap();
    assert_eq!(test.against, "majority");
    assert_eq!(
        Some(test.other_score),
        section(&outcome, "majority").metrics.accuracy
    );
}

#[test]
fn classes_that_cleaning_took_are_not_called_lacking() {
    let folder = tempfile::tempdir().unwrap();
    let read = |text: &str| {
        let path = write(folder.path(), "tracks.csv", text);
        Experiment::read(&from(&path), ExperimentConfig::default())
            .unwrap_err()
            .to_string()
    };
    let text = table(&COLUMNS, &tracks(0..9), &[]);
    // The liked tracks have no features.
    let emptied: Vec<String> = text
        .lines()
        .map(|line| match line.strip_suffix(",liked") {
            Some(_) => ",".repeat(COLUMNS.len()) + "liked",
            None => line.to_owned(),
        })
        .collect();
    let error = read(&emptied.join("\n"));
    let expected = "expected tracks of at least two classes, found 6 of class `other` alone: 3 of 9 rows were dropped \
                    (no audio feature: 3), among them all of class `liked`";
    assert!(error.ends_with(expected), "{error}");
    // No track has a label.
    let error = read(&text.replace(",liked", ",").replace(",other", ","));
    let expected =
        "expected tracks of at least two classes, found none: 9 of 9 rows were dropped (no label: 9)";
    assert!(error.ends_with(expected), "{error}");
    // Nothing was dropped: there is one class.
    let error = read(&text.replace("liked", "other"));
    assert!(
        error.contains("found 9 of class `other` alone; add tracks"),
        "{error}"
    );
}

#[test]
fn an_explanation_finds_what_decides_and_keeps_what_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        folder.path(),
        "tracks.csv",
        &table(&COLUMNS, &tracks(0..300), &[]),
    );
    let experiment = Experiment::read(&from(&path), config(&[ModelName::Logistic])).unwrap();
    let outcome = experiment.run().unwrap();
    let explain = |config: &ExplainConfig, tell: &(dyn Fn(usize, usize) + Sync)| {
        experiment
            .explain(&outcome.models[0], &outcome.split, config, tell)
            .unwrap()
    };
    let full = explain(&ExplainConfig::default(), &|done, total| assert!(done <= total));
    assert_eq!(full.importance[0].feature, "energy");
    assert_eq!(full.partial_dependence.len(), 8);
    assert!(full.notes.is_empty(), "{:?}", full.notes);
    assert_eq!(
        full,
        explain(&ExplainConfig::default(), &|_, _| ()),
        "the seed decides"
    );
    let config = ExplainConfig::default();
    let stop = config.stop.clone();
    // Importance asks for 100 test tracks once as they are and 5 times a feature; after that a stop.
    let cut = explain(&config, &|done, _| {
        if done > 4_100 {
            stop.request();
        }
    });
    assert_eq!(cut.importance, full.importance);
    assert!(cut.partial_dependence.len() < 8 && cut.tracks.is_empty());
    assert_eq!(cut.notes, ["stopped before all of it was explained"]);
}

/// Over `k` folds the ratio of test to training tracks in the correction is `1 / (k - 1)`, whatever the sizes of the
/// folds: 62 tracks make folds of 12 and 13.
#[test]
fn intervals_over_folds_are_corrected_with_the_ratio_of_the_folds() {
    let mut config = config(&[ModelName::Logistic]);
    config.split = SplitMethod::KFold {
        n_folds: 5,
        group_by: GroupBy::Track,
    };
    config.repeats = 2;
    let outcome = run(&table(&COLUMNS, &tracks(0..62), &[]), config);
    let logistic = section(&outcome, "logistic");
    let briers: Vec<f64> = logistic.repeats.iter().map(|m| m.brier.unwrap()).collect();
    assert_eq!(briers.len(), 10);
    let expected = corrected_mean_interval(&briers, 4, 1, 0.95)
        .unwrap()
        .within(0.0..=1.0);
    let found = logistic.intervals["brier"].unwrap();
    // The ratio is computed once from 496 and 124 tracks and once from 4 and 1: both are 0.25 exactly.
    assert_eq!(found, expected);
    assert_ne!(briers[..5], briers[5..], "the second repeat has folds of its own");
    assert_eq!(
        (outcome.report.split.folds, outcome.report.split.method.as_str()),
        (Some(5), "k-fold")
    );
}

#[test]
fn a_prior_reaches_every_model_but_the_majority_class_and_its_saved_file() {
    let text = table(&COLUMNS, &tracks(0..90), &[]);
    let fitted = |prior| {
        let mut config = config(&ModelName::ALL);
        (config.prior, config.threshold) = (prior, ThresholdRule::BestF1);
        run(&text, config)
    };
    let (plain, rare) = (fitted(Prior::Training), fitted(Prior::Positive(0.1)));
    let folder = tempfile::tempdir().unwrap();
    for (index, name) in ModelName::ALL.into_iter().enumerate() {
        let (before, after) = (&plain.predictions[index], &rare.predictions[index]);
        let model = &rare.models[index];
        assert_eq!(
            model.correction().is_none(),
            name == ModelName::Majority,
            "{name}"
        );
        let expected = match model.correction() {
            Some(correction) => correction.apply(before).unwrap(),
            None => before.clone(),
        };
        assert_eq!(after, &expected, "{name}");
        // A third of the tracks is positive: all answers become less sure of that, and the threshold with them, so that
        // the decisions stay. Of an ensemble both come from tracks that its parts had not seen.
        let metrics = |outcome: &Outcome| outcome.report.models[index].metrics;
        assert_eq!(metrics(&plain).roc_auc, metrics(&rare).roc_auc, "{name}");
        assert_eq!(metrics(&plain).f1, metrics(&rare).f1, "{name}");
        assert!(
            name == ModelName::Majority || metrics(&rare).threshold < metrics(&plain).threshold,
            "{name}"
        );
        let path = folder.path().join(name.name());
        model.save(&path, Overwrite::Refuse).unwrap();
        let loaded = SavedModel::load(&path, Backend::default()).unwrap();
        assert_eq!(loaded.correction(), model.correction(), "{name}");
        assert_eq!(loaded.threshold(), model.threshold(), "{name}");
    }
}

/// Files of the first version hold no version and no prior.
#[test]
fn files_of_the_first_version_load_and_those_of_a_later_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let mut outcome = run(
        &table(&COLUMNS, &tracks(0..90), &[]),
        config(&[ModelName::Logistic]),
    );
    let model = outcome.models.remove(0);
    model.save(&path, Overwrite::Refuse).unwrap();
    let file = ModelFile::read(&path).unwrap();
    let content: serde_json::Value = file.content(file.kind(), &path).unwrap();
    let rewrite = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut content = content.clone();
        change(content.as_object_mut().unwrap());
        let file = ModelFile::new(file.kind(), &content, file.arrays().to_vec());
        file.write(&path, Overwrite::Allow).unwrap();
        SavedModel::load(&path, Backend::default())
    };
    let first = rewrite(&|content| {
        assert!(content.remove("version").is_some() && content.remove("prior").is_some());
    });
    let first = first.unwrap();
    assert_eq!((first.correction(), first.threshold()), (None, model.threshold()));
    assert_eq!(first.training(), model.training());
    let later = rewrite(&|content| {
        content.insert("version".to_owned(), 3.into());
        content.insert("something new".to_owned(), true.into());
    });
    let error = later.unwrap_err().to_string();
    assert!(error.contains("model format version 3: expected 2"), "{error}");
    let prior = serde_json::json!({"training": [0.5, 0.5], "new": [2.0, -1.0]});
    let altered = rewrite(&|content| {
        content.insert("prior".to_owned(), prior.clone());
    });
    assert!(altered.is_err());
}
