//! What is compared on which tracks: reads, cleans, balances and labels tables.

use std::path::{Path, PathBuf};

use playlist_core::{AudioFeature, FeatureMatrix, Labels};
use playlist_dataset::{Balance, CleanConfig, GroupBy, ReadOptions, TrackTable, read_table, select_features};
use playlist_metrics::ThresholdRule;
use playlist_report::{ClassCount, DatasetSection, DroppedCount, SourceSection};

use crate::Result;
use crate::model::{FitSettings, ModelName};

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
    pub(crate) config: ExperimentConfig,
    pub(crate) table: TrackTable,
    pub(crate) labels: Labels,
    pub(crate) features: Vec<AudioFeature>,
    pub(crate) x: FeatureMatrix,
    pub(crate) dataset: DatasetSection,
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

pub(crate) fn class_counts(labels: &Labels) -> Vec<ClassCount> {
    let names = labels.class_names().iter().cloned();
    names
        .zip(labels.class_counts())
        .map(|(name, n_tracks)| ClassCount { name, n_tracks })
        .collect()
}
