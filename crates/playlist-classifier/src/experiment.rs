//! From tables to an honest answer: clean, balance, split, fit several models, score, compare.

use std::path::{Path, PathBuf};
use std::time::Instant;

use playlist_core::{AudioFeature, Classifier, FeatureMatrix, Labels, Probabilities};
use playlist_dataset::{
    Balance, CleanConfig, GroupBy, ReadOptions, Split, SplitConfig, TrackTable, read_table, select_features,
};
use playlist_metrics::ThresholdRule;
use playlist_report::{
    ClassCount, DatasetSection, DroppedCount, ExperimentReport, MetricsSection, ModelSection, SourceSection,
    SplitSection, TestsSection, verdict,
};

use crate::evaluate::{
    PartSizes, Scores, against_baseline, against_majority, intervals_over_repeats, learn_threshold,
    over_repeats, score, test_loss,
};
use crate::model::{AnyPipeline, FitSettings, ModelName, fit};
use crate::saved::{SavedModel, TrainingInfo, row_keys};
use crate::{Error, Result, versions};

/// Where labelled tracks come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One file of tracks on the playlist, one of others. The labels are the files' names.
    Pair {
        /// Tracks on the playlist: the positive class.
        positive: PathBuf,
        /// Other tracks.
        negative: PathBuf,
    },
    /// One table with a column of labels.
    Table {
        /// The file.
        path: PathBuf,
        /// The column; `None` for `label` or one of its aliases.
        label: Option<String>,
    },
}

/// How tracks are divided into training and test parts.
#[derive(Clone, Debug, PartialEq)]
pub enum SplitMethod {
    /// At random, the classes' shares kept.
    Stratified {
        /// The share of the test part, in (0, 1).
        test_fraction: f64,
        /// What is kept together.
        group_by: GroupBy,
    },
    /// As a column of the table says.
    Column(String),
}

impl Default for SplitMethod {
    fn default() -> Self {
        Self::Stratified {
            test_fraction: 1.0 / 3.0,
            group_by: GroupBy::Track,
        }
    }
}

/// What is compared, on what, and how.
#[derive(Clone, Debug)]
pub struct ExperimentConfig {
    /// The features; `None` for the paper's twelve.
    pub features: Option<Vec<AudioFeature>>,
    /// Features to leave out.
    pub drop: Vec<AudioFeature>,
    /// Whether the classes are cut to one size.
    pub balance: Balance,
    /// How the parts are made.
    pub split: SplitMethod,
    /// Decides the split, initial weights, shuffling and dropout.
    pub seed: u64,
    /// The number of splits, each with the next seed; with more than one the scores are means.
    pub repeats: usize,
    /// The models, in the order of the table.
    pub models: Vec<ModelName>,
    /// Where a probability turns into a yes; learnt on the training part.
    pub threshold: ThresholdRule,
    /// The positive class; `None` for the rule of [`TrackTable::labelled`].
    pub positive_class: Option<String>,
    /// How networks are trained.
    pub fit: FitSettings,
}

impl Default for ExperimentConfig {
    fn default() -> Self {
        Self {
            features: None,
            drop: Vec::new(),
            balance: Balance::None,
            split: SplitMethod::default(),
            seed: 0,
            repeats: 1,
            models: ModelName::ALL.to_vec(),
            threshold: ThresholdRule::Fixed(0.5),
            positive_class: None,
            fit: FitSettings::default(),
        }
    }
}

/// Tracks that are read, cleaned, balanced and labelled, ready to be divided.
#[derive(Clone, Debug)]
pub struct Experiment {
    config: ExperimentConfig,
    table: TrackTable,
    labels: Labels,
    features: Vec<AudioFeature>,
    x: FeatureMatrix,
    dataset: DatasetSection,
}

/// What [`Experiment::run`] found out.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that is reported.
    pub report: ExperimentReport,
    /// The models of the first split, in the order asked for.
    pub models: Vec<SavedModel>,
    /// The first split.
    pub split: Split,
    /// Each model's probabilities for all tracks, in the order of the models.
    pub predictions: Vec<Probabilities>,
}

/// One model fitted and scored on one split.
struct Run {
    pipeline: AnyPipeline,
    threshold: Option<f64>,
    scores: Scores,
    p_test: Probabilities,
    fit_seconds: f64,
    predict_seconds: f64,
}

impl Experiment {
    /// Reads `source` and prepares it as `config` says.
    ///
    /// # Errors
    /// Those of reading, cleaning, labelling and feature selection.
    pub fn read(source: &Source, config: ExperimentConfig) -> Result<Self> {
        let options = match &config.split {
            SplitMethod::Column(column) => ReadOptions::default().with_split_column(column),
            SplitMethod::Stratified { .. } => ReadOptions::default(),
        };
        match source {
            Source::Table { path, label } => {
                let options = match label {
                    Some(label) => options.with_label_column(label),
                    None => options,
                };
                Self::prepare(vec![read_table(path, &options)?], config)
            }
            Source::Pair { positive, negative } => {
                let (yes, no) = class_names(positive, negative);
                let config = ExperimentConfig {
                    positive_class: Some(yes.clone()),
                    ..config
                };
                let tables = vec![
                    read_table(positive, &options)?.with_label(&yes),
                    read_table(negative, &options)?.with_label(&no),
                ];
                Self::prepare(tables, config)
            }
        }
    }

    /// Cleans, balances and labels `tables`.
    ///
    /// # Errors
    /// Those of cleaning, labelling and feature selection.
    pub fn prepare(tables: Vec<TrackTable>, config: ExperimentConfig) -> Result<Self> {
        let sources = tables.iter().map(source_section).collect();
        let (table, cleaned) = CleanConfig::default().clean(&TrackTable::concat(tables)?)?;
        let (table, balanced) = config.balance.apply(&table)?;
        let labels = table.labelled(config.positive_class.as_deref())?;
        let features = select_features(
            &table.available_features(),
            config.features.as_deref(),
            &config.drop,
        )?;
        let x = table.features(&features)?;
        let dropped = [
            ("no label", cleaned.n_without_label),
            ("no audio feature", cleaned.n_without_features),
            ("under more than one label", cleaned.n_conflicting),
            ("the same id as an earlier row", cleaned.n_same_id),
            ("the same audio features as an earlier row", cleaned.n_same_audio),
            ("cut to balance the classes", balanced.rows_in - balanced.rows_out),
        ];
        let dropped = dropped.into_iter().filter(|(_, rows)| *rows > 0);
        let missing = features.iter().enumerate().map(|(index, feature)| {
            (
                feature.to_string(),
                x.column(index).filter(Option::is_none).count(),
            )
        });
        let dataset = DatasetSection {
            sources,
            rows_read: cleaned.rows_in,
            dropped: dropped
                .map(|(reason, rows)| DroppedCount {
                    reason: reason.to_owned(),
                    rows,
                })
                .collect(),
            n_tracks: table.n_tracks(),
            classes: class_counts(&labels),
            positive_class: (labels.n_classes() == 2).then(|| labels.class_names()[1].clone()),
            features: features.iter().map(ToString::to_string).collect(),
            missing: missing.filter(|(_, count)| *count > 0).collect(),
            fingerprint: table.fingerprint(),
        };
        Ok(Self {
            config,
            table,
            labels,
            features,
            x,
            dataset,
        })
    }

    /// The tracks.
    #[must_use]
    pub const fn table(&self) -> &TrackTable {
        &self.table
    }

    /// Their classes.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Fits and scores every model on every split.
    ///
    /// After a stop was asked for, the split in progress is finished (a network stops after its epoch) and no
    /// further one begun.
    ///
    /// # Errors
    /// Those of splitting, fitting and scoring.
    pub fn run(&self) -> Result<Outcome> {
        let repeats = match self.config.split {
            SplitMethod::Column(_) => 1,
            SplitMethod::Stratified { .. } => self.config.repeats.max(1),
        };
        let first_split = self.split(self.config.seed)?;
        let mut runs: Vec<Vec<Run>> = Vec::with_capacity(repeats);
        for repeat in 0..repeats {
            let seed = self.config.seed.wrapping_add(repeat as u64);
            let split = if repeat == 0 {
                first_split.clone()
            } else {
                self.split(seed)?
            };
            let run: Vec<Run> = self
                .config
                .models
                .iter()
                .map(|name| self.fit(*name, &split, seed))
                .collect::<Result<_>>()?;
            runs.push(run);
            if self.config.fit.stop.is_requested() {
                break;
            }
        }
        let models = (0..self.config.models.len())
            .map(|index| self.model_section(index, &runs, &first_split))
            .collect::<Result<_>>()?;
        let report = self.report(&first_split, runs.len(), models);
        let first = runs.swap_remove(0);
        let predictions = first
            .iter()
            .map(|run| Ok(run.pipeline.predict_proba(&self.x)?))
            .collect::<Result<_>>()?;
        let models = first
            .into_iter()
            .zip(&self.config.models)
            .map(|(run, name)| self.saved(*name, run, &first_split))
            .collect();
        Ok(Outcome {
            report,
            models,
            split: first_split,
            predictions,
        })
    }

    fn split(&self, seed: u64) -> Result<Split> {
        Ok(match &self.config.split {
            SplitMethod::Column(column) => self.table.user_split(column)?,
            SplitMethod::Stratified {
                test_fraction,
                group_by,
            } => SplitConfig::default()
                .with_test_fraction(*test_fraction)
                .with_group_by(*group_by)
                .with_seed(seed)
                .split(&self.table)?,
        })
    }

    /// The rows of a part.
    fn part(&self, rows: &[usize]) -> (FeatureMatrix, Labels) {
        (self.x.select_rows(rows), self.labels.select_rows(rows))
    }

    fn fit(&self, name: ModelName, split: &Split, seed: u64) -> Result<Run> {
        let (train_x, train_y) = self.part(&split.train);
        let (test_x, test_y) = self.part(&split.test);
        let mut settings = self.config.fit.clone();
        settings.training.seed = seed;
        let (train, test) = ((&train_x, &train_y), (&test_x, &test_y));
        let (pipeline, fit_seconds) = fit(name, &self.features, train, test, &settings)?;
        let threshold = match self.config.threshold {
            ThresholdRule::Fixed(threshold) => (self.labels.n_classes() == 2).then_some(threshold),
            rule => learn_threshold(rule, &train_y, &pipeline.predict_proba(&train_x)?)?,
        };
        let start = Instant::now();
        let p_test = pipeline.predict_proba(&test_x)?;
        let predict_seconds = start.elapsed().as_secs_f64();
        let mut scores = score(&test_y, &p_test, threshold)?;
        scores.metrics.test_loss = test_loss(&pipeline, &test_x, &test_y, scores.metrics.log_loss)?;
        Ok(Run {
            pipeline,
            threshold,
            scores,
            p_test,
            fit_seconds,
            predict_seconds,
        })
    }

    /// What one model came to over all splits.
    fn model_section(&self, index: usize, runs: &[Vec<Run>], first: &Split) -> Result<ModelSection> {
        let name = self.config.models[index];
        let own: Vec<&Run> = runs.iter().map(|run| &run[index]).collect();
        let repeats: Vec<MetricsSection> = own.iter().map(|run| run.scores.metrics).collect();
        let sizes = PartSizes {
            n_train: first.train.len(),
            n_test: first.test.len(),
        };
        let mean =
            |seconds: fn(&Run) -> f64| own.iter().map(|run| seconds(run)).sum::<f64>() / own.len() as f64;
        let (metrics, intervals) = match own.as_slice() {
            [only] => (only.scores.metrics, only.scores.intervals.clone()),
            _ => (
                MetricsSection::mean(&repeats),
                intervals_over_repeats(&repeats, sizes),
            ),
        };
        let tests = self.tests(index, runs, first, sizes)?;
        let mut warnings: Vec<String> = own
            .iter()
            .flat_map(|run| run.pipeline.classifier().warnings())
            .collect();
        warnings.dedup();
        let unusable = own[0].pipeline.transformer().unusable_columns();
        if !unusable.is_empty() {
            warnings.push(format!(
                "no training track has a value of {}: not used",
                unusable.join(", ")
            ));
        }
        Ok(ModelSection {
            name: name.to_string(),
            fit_seconds: Some(mean(|run| run.fit_seconds)),
            predict_seconds: mean(|run| run.predict_seconds),
            metrics,
            intervals,
            verdict: verdict(name.name(), &tests),
            tests,
            warnings,
            repeats: if own.len() > 1 { repeats } else { Vec::new() },
        })
    }

    fn tests(
        &self,
        index: usize,
        runs: &[Vec<Run>],
        first: &Split,
        sizes: PartSizes,
    ) -> Result<TestsSection> {
        let name = self.config.models[index];
        if name == ModelName::Majority {
            return Ok(TestsSection::default());
        }
        let baseline = self
            .config
            .models
            .iter()
            .position(|model| *model == ModelName::LogisticRaw);
        let baseline = baseline.filter(|baseline| *baseline != index);
        let baseline_name = ModelName::LogisticRaw.name();
        if let [run] = runs {
            let test_y = self.labels.select_rows(&first.test);
            let majority = Some(against_majority(&run[index].scores.majority));
            let compare = |other: usize| {
                against_baseline(baseline_name, &test_y, &run[index].p_test, &run[other].p_test)
            };
            return Ok(TestsSection {
                majority,
                baseline: baseline.map(compare).transpose()?,
            });
        }
        let majority: Vec<(f64, f64)> = runs
            .iter()
            .map(|run| {
                (
                    run[index].scores.majority.accuracy,
                    run[index].scores.majority.majority_share,
                )
            })
            .collect();
        let baseline = baseline.and_then(|other| {
            let auc = |run: &Run| run.scores.metrics.roc_auc;
            let pairs: Option<Vec<(f64, f64)>> = runs
                .iter()
                .map(|run| auc(&run[index]).zip(auc(&run[other])))
                .collect();
            over_repeats(baseline_name, "roc_auc", &pairs?, sizes)
        });
        let majority = over_repeats("majority", "accuracy", &majority, sizes);
        Ok(TestsSection { majority, baseline })
    }

    fn report(&self, split: &Split, repeats: usize, models: Vec<ModelSection>) -> ExperimentReport {
        let (method, group_by, test_fraction) = match &self.config.split {
            SplitMethod::Column(_) => ("column", GroupBy::Track, None),
            SplitMethod::Stratified {
                test_fraction,
                group_by,
            } => ("stratified", *group_by, Some(*test_fraction)),
        };
        ExperimentReport {
            dataset: self.dataset.clone(),
            split: SplitSection {
                method: method.to_owned(),
                group_by: group_by.to_string(),
                test_fraction,
                n_train: split.train.len(),
                n_test: split.test.len(),
                test_classes: class_counts(&self.labels.select_rows(&split.test)),
                repeats,
            },
            seed: self.config.seed,
            versions: versions(self.config.fit.backend),
            models,
        }
    }

    fn saved(&self, name: ModelName, run: Run, split: &Split) -> SavedModel {
        let seen: Vec<u64> = split
            .train
            .iter()
            .flat_map(|row| row_keys(&self.table, *row))
            .collect();
        SavedModel::new(
            run.pipeline,
            name,
            run.threshold,
            TrainingInfo {
                fingerprint: self.dataset.fingerprint.clone(),
                n_train: split.train.len(),
                seed: self.config.seed,
                metrics: run.scores.metrics,
                seen,
            },
        )
    }

    /// Scores a saved model on those tracks that it was not trained on.
    ///
    /// # Errors
    /// [`Error::OtherClasses`], [`Error::NothingUnseen`], a missing feature column, and those of scoring.
    pub fn evaluate(&self, model: &SavedModel) -> Result<Outcome> {
        let expected = model.class_names();
        let mut found = self.labels.class_names().to_vec();
        if found.iter().any(|name| !expected.contains(name)) {
            return Err(Error::OtherClasses {
                expected: expected.to_vec(),
                found,
            });
        }
        // The model's own order of classes decides which is positive.
        let y = self.labels.y().iter().map(|label| {
            expected
                .iter()
                .position(|name| *name == found[*label])
                .unwrap_or_default()
        });
        let labels = Labels::new(expected.to_vec(), y.collect())?;
        found = model.columns().to_vec();
        let features: Vec<AudioFeature> = found.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let x = self.table.features(&features)?;
        let test: Vec<usize> = (0..self.table.n_tracks())
            .filter(|row| !model.has_seen(&self.table, *row))
            .collect();
        if test.is_empty() {
            return Err(Error::NothingUnseen {
                n_tracks: self.table.n_tracks(),
            });
        }
        let train = (0..self.table.n_tracks())
            .filter(|row| test.binary_search(row).is_err())
            .collect();
        let split = Split {
            train,
            valid: Vec::new(),
            test,
        };
        let (test_x, test_y) = (x.select_rows(&split.test), labels.select_rows(&split.test));
        let start = Instant::now();
        let p_test = model.predict_proba(&test_x)?;
        let predict_seconds = start.elapsed().as_secs_f64();
        let mut scores = score(&test_y, &p_test, model.threshold())?;
        scores.metrics.test_loss = test_loss(model.pipeline(), &test_x, &test_y, scores.metrics.log_loss)?;
        let majority = (model.name() != ModelName::Majority).then(|| against_majority(&scores.majority));
        let tests = TestsSection {
            majority,
            baseline: None,
        };
        let section = ModelSection {
            name: model.name().to_string(),
            fit_seconds: None,
            predict_seconds,
            metrics: scores.metrics,
            intervals: scores.intervals,
            verdict: verdict(model.name().name(), &tests),
            tests,
            warnings: Vec::new(),
            repeats: Vec::new(),
        };
        let mut report = self.report(&split, 1, vec![section]);
        report.split.method = "unseen".to_owned();
        report.split.test_fraction = None;
        report.split.test_classes = class_counts(&test_y);
        report.dataset.features = found;
        report.dataset.classes = class_counts(&labels);
        report.dataset.positive_class = (labels.n_classes() == 2).then(|| expected[1].clone());
        let predictions = vec![model.predict_proba(&x)?];
        Ok(Outcome {
            report,
            models: Vec::new(),
            split,
            predictions,
        })
    }
}

/// The names of the two classes: the files' names without ending, with the roles where these are equal.
fn class_names(positive: &Path, negative: &Path) -> (String, String) {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    match (stem(positive), stem(negative)) {
        (Some(yes), Some(no)) if yes != no => (yes, no),
        _ => ("positive".to_owned(), "negative".to_owned()),
    }
}

fn source_section(table: &TrackTable) -> SourceSection {
    let report = table.report();
    SourceSection {
        file: report.file.clone(),
        format: report.kind.to_string(),
        rows: report.n_rows,
        notes: report.notes.iter().map(ToString::to_string).collect(),
    }
}

fn class_counts(labels: &Labels) -> Vec<ClassCount> {
    let names = labels.class_names().iter().cloned();
    names
        .zip(labels.class_counts())
        .map(|(name, n_tracks)| ClassCount { name, n_tracks })
        .collect()
}
