//! What is compared on which tracks: reads, cleans, balances and labels tables.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::PathBuf;

use playlist_core::{AudioFeature, FeatureMatrix, Labels, Prior};
use playlist_dataset::{Balance, CleanConfig, ReadOptions, TrackTable, read_table, select_features};
use playlist_metrics::ThresholdRule;
use playlist_report::{ClassCount, DatasetSection, DroppedCount, SourceSection};

use crate::collect::{Collected, collect};
use crate::dropped::{dropped_counts, explained};
use crate::model::{FitSettings, ModelName};
use crate::{Result, SplitMethod, telltale};

/// Where labelled tracks come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Files of tracks on the playlist and files of others, of any kind that [`playlist_import::import`] reads:
    /// exports, folders and archives of them, tables. `PATH#NAME` takes one playlist of a file of many. The labels
    /// are the names of the first file of each side.
    Pair {
        /// Tracks on the playlist: the positive class.
        positive: Vec<PathBuf>,
        /// Other tracks.
        negative: Vec<PathBuf>,
    },
    /// Files of tracks on the playlist, read as in [`Source::Pair`], against a table of other music, where nobody says
    /// what they dislike. Tracks of the playlist are taken out of the table. The labels are the name of the first file
    /// and `background`.
    Background {
        /// Tracks on the playlist: the positive class.
        positive: Vec<PathBuf>,
        /// A table of other music, such as the shipped `datasets/background.parquet`.
        background: PathBuf,
    },
    /// One table with a column of labels.
    Table {
        /// The file.
        path: PathBuf,
        /// The column; `None` for `label` or one of its aliases.
        label: Option<String>,
    },
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
    /// How often the tracks are divided, each time with the next seed; with more than one split the scores are means.
    pub repeats: usize,
    /// The models, in the order of the table.
    pub models: Vec<ModelName>,
    /// Where a probability turns into a yes; learnt on the training part.
    pub threshold: ThresholdRule,
    /// The class shares that the probabilities of every model but the majority class are to hold for.
    pub prior: Prior,
    /// The positive class; `None` for the rule of [`TrackTable::labelled`].
    pub positive_class: Option<String>,
    /// Whether the test part stays untouched: of each training part three quarters are learnt from and one quarter is
    /// tested on. For choosing between models and settings before the test part is looked at.
    pub within_training: bool,
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
            prior: Prior::Training,
            positive_class: None,
            within_training: false,
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
    /// Whether the classes are those of a pair of files, so that a model knows them by their roles.
    pub(crate) labels_by_role: bool,
}

impl Experiment {
    /// Reads `source` and prepares it as `config` says.
    ///
    /// # Errors
    /// Those of reading, cleaning, labelling and feature selection.
    pub fn read(source: &Source, config: ExperimentConfig) -> Result<Self> {
        let options = match &config.split {
            SplitMethod::Column(column) => ReadOptions::default().with_split_column(column),
            SplitMethod::Stratified { .. } | SplitMethod::KFold { .. } => ReadOptions::default(),
        };
        match source {
            Source::Table { path, label } => {
                let options = match label {
                    Some(label) => options.with_label_column(label),
                    None => options,
                };
                // A column that says the class must not be learnt from.
                let told: Option<AudioFeature> = label.as_ref().and_then(|label| label.parse().ok());
                let mut config = config;
                config.drop.extend(told);
                let mut experiment = Self::prepare(vec![read_table(path, &options)?], config)?;
                if let Some(feature) = told {
                    experiment
                        .dataset
                        .notes
                        .push(format!("`{feature}` is the label, so it is no feature"));
                }
                Ok(experiment)
            }
            Source::Pair { positive, negative } => Self::read_pair(positive, negative, &options, config),
            Source::Background { positive, background } => {
                Self::read_background(positive, background, &options, config)
            }
        }
    }

    fn read_background(
        positive: &[PathBuf],
        background: &PathBuf,
        options: &ReadOptions,
        config: ExperimentConfig,
    ) -> Result<Self> {
        let (yes, no) = class_names(positive, &[PathBuf::from("background")]);
        let positive = collect(positive)?;
        let mut other = Collected::from(read_table(background, options)?);
        let ids: HashSet<&str> = (0..positive.table.n_tracks())
            .filter_map(|row| positive.table.id(row))
            .collect();
        let is_other = |row: &usize| other.table.id(*row).is_none_or(|id| !ids.contains(id));
        let kept: Vec<usize> = (0..other.table.n_tracks()).filter(is_other).collect();
        let n_shared = other.table.n_tracks() - kept.len();
        if n_shared > 0 {
            let reason = format!("of the background that are on `{yes}`");
            other.dropped.push(DroppedCount {
                reason,
                rows: n_shared,
            });
        }
        other.table = other.table.select_rows(&kept);
        let mut config = config;
        let partly = telltale::partly_known(&other.table, config.features.as_deref().unwrap_or_default());
        config.drop.extend(&partly);
        let mut experiment = Self::of_sides(positive, other, (&yes, &no), config)?;
        experiment.dataset.notes.push(format!(
            "learnt against other music (`{}`), not against what anybody dislikes: a model may learn what is popular as well",
            background.display()
        ));
        if !partly.is_empty() {
            let names: Vec<String> = partly.iter().map(|feature| format!("`{feature}`")).collect();
            let note = format!(
                "not used, since the background lacks it for many tracks: {}",
                names.join(", ")
            );
            experiment.dataset.notes.push(note);
        }
        Ok(experiment)
    }

    fn read_pair(
        positive: &[PathBuf],
        negative: &[PathBuf],
        options: &ReadOptions,
        config: ExperimentConfig,
    ) -> Result<Self> {
        let (yes, no) = class_names(positive, negative);
        let side = |paths: &[PathBuf]| match (&config.split, paths) {
            // A column of parts is something that only plain tables have.
            (SplitMethod::Column(_), [path]) => Ok(Collected::from(read_table(path, options)?)),
            _ => collect(paths),
        };
        Self::of_sides(side(positive)?, side(negative)?, (&yes, &no), config)
    }

    /// Two classes, each from files of its own.
    fn of_sides(
        positive: Collected,
        negative: Collected,
        (yes, no): (&str, &str),
        config: ExperimentConfig,
    ) -> Result<Self> {
        let config = ExperimentConfig {
            positive_class: Some(yes.to_owned()),
            ..config
        };
        let n_rows = positive.n_rows + negative.n_rows;
        let tables = vec![positive.table.with_label(yes), negative.table.with_label(no)];
        let mut experiment = Self::prepare(tables, config)?;
        experiment.labels_by_role = true;
        experiment.dataset.rows_read = n_rows;
        experiment.dataset.sources = [positive.sources, negative.sources].concat();
        for entry in [positive.dropped, negative.dropped].concat().into_iter().rev() {
            experiment.dataset.dropped.insert(0, entry);
        }
        Ok(experiment)
    }

    /// Cleans, balances and labels `tables`.
    ///
    /// A feature that is known for no track of one class and for some of another is left out, and said so: whether it
    /// is there would give the class away.
    ///
    /// # Errors
    /// Those of cleaning, labelling and feature selection.
    pub fn prepare(tables: Vec<TrackTable>, config: ExperimentConfig) -> Result<Self> {
        let sources = tables.iter().map(source_section).collect();
        let (table, cleaned) = CleanConfig::default().clean(&TrackTable::concat(tables)?)?;
        let lacking = |error| explained(error, table.name(), &cleaned);
        let (table, balanced) = config.balance.apply(&table).map_err(lacking)?;
        let labels = table
            .labelled(config.positive_class.as_deref())
            .map_err(lacking)?;
        let mut known = table.known_features();
        let asked = config.features.as_deref().unwrap_or_default();
        let (telltale, mut notes) = telltale::find(&table, &labels, &known, asked)?;
        known.retain(|feature| !telltale.contains(feature));
        // What is not there cannot be used, so leaving it out is no mistake.
        let drop: Vec<AudioFeature> = config
            .drop
            .iter()
            .copied()
            .filter(|f| known.contains(f))
            .collect();
        let features = select_features(&known, config.features.as_deref(), &drop)?;
        notes.extend(telltale::absent(&features, &telltale, &config));
        let x = table.features(&features)?;
        let dataset = DatasetSection {
            sources,
            rows_read: cleaned.rows_in,
            dropped: dropped_counts(&cleaned, Some(&balanced)),
            n_tracks: table.n_tracks(),
            classes: class_counts(&labels),
            positive_class: (labels.n_classes() == 2).then(|| labels.class_names()[1].clone()),
            features: features.iter().map(ToString::to_string).collect(),
            missing: missing_counts(&x),
            notes,
            fingerprint: table.fingerprint(),
        };
        Ok(Self {
            config,
            table,
            labels,
            features,
            x,
            dataset,
            labels_by_role: false,
        })
    }

    /// What was read, what left and why, what remains.
    #[must_use]
    pub const fn dataset(&self) -> &DatasetSection {
        &self.dataset
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

/// The names of the two classes: those of the first files without ending, with the roles where these are equal.
pub(crate) fn class_names(positive: &[PathBuf], negative: &[PathBuf]) -> (String, String) {
    let stem = |paths: &[PathBuf]| {
        let path = paths.first()?;
        // Of `PATH#NAME` the name of the playlist.
        let text = path.to_string_lossy();
        match text.rsplit_once('#').filter(|_| !path.exists()) {
            Some((_, name)) => Some(name.to_owned()),
            None => path.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
        }
    };
    match (stem(positive), stem(negative)) {
        (Some(yes), Some(no)) if yes != no => (yes, no),
        _ => ("positive".to_owned(), "negative".to_owned()),
    }
}

pub(crate) fn source_section(table: &TrackTable) -> SourceSection {
    let report = table.report();
    SourceSection {
        file: report.file.clone(),
        format: report.kind.to_string(),
        rows: report.n_rows,
        notes: report.notes.iter().map(ToString::to_string).collect(),
    }
}

/// The missing values by feature; features without any are left out.
pub(crate) fn missing_counts(x: &FeatureMatrix) -> BTreeMap<String, usize> {
    let counts = x.columns().iter().enumerate().map(|(index, feature)| {
        let n_missing = x.column(index).filter(Option::is_none).count();
        (feature.clone(), n_missing)
    });
    counts.filter(|(_, n_missing)| *n_missing > 0).collect()
}

pub(crate) fn class_counts(labels: &Labels) -> Vec<ClassCount> {
    let names = labels.class_names().iter().cloned();
    names
        .zip(labels.class_counts())
        .map(|(name, n_tracks)| ClassCount { name, n_tracks })
        .collect()
}
