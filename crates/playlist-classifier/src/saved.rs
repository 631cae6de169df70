//! A saved model: one file from which unseen tracks can be scored.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use playlist_core::{
    AudioFeature, Classifier, FeatureMatrix, Labels, Majority, Overwrite, Pipeline, PriorCorrection,
    Probabilities, Reweighted,
};
use playlist_dataset::{CleanConfig, Preprocessor, TrackTable};
use playlist_logistic::Logistic;
use playlist_mlp::{Backend, Ensemble, MlpClassifier, ModelFile};
use playlist_report::MetricsSection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{AnyClassifier, AnyPipeline};
use crate::{Error, ModelName, Result};

/// The kind of our files.
const KIND: &str = "playlist-classifier";

/// What is known of a saved model's training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingInfo {
    /// The fingerprint of the whole table, training and test part.
    pub fingerprint: String,
    /// The tracks of the training part.
    pub n_train: usize,
    /// The seed.
    pub seed: u64,
    /// The scores on the test part at the time.
    pub metrics: MetricsSection,
    /// The features by whose values a training track is known again, beside its id: the model's own where these are
    /// enough to tell recordings apart, else all that the table had.
    pub known_by: Vec<AudioFeature>,
    /// Keys of the training tracks, sorted, so that they are known again in other tables.
    pub seen: Vec<u64>,
}

/// A fitted model with its preprocessing, prior correction, threshold and origin. Scores raw features.
#[derive(Debug)]
pub struct SavedModel {
    model: Reweighted<AnyPipeline>,
    name: ModelName,
    threshold: Option<f64>,
    training: TrainingInfo,
    seen: HashSet<u64>,
}

/// The version of [`Content`]. Files of 1, without a prior, are read as well.
const CONTENT_VERSION: u32 = 2;

const fn first_version() -> u32 {
    1
}

/// Read first, so that a file of a newer version is told from a damaged one.
#[derive(Deserialize)]
struct VersionOnly {
    #[serde(default = "first_version")]
    version: u32,
}

/// The header of a file. Weights of a network are arrays beside it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default = "first_version")]
    version: u32,
    name: ModelName,
    threshold: Option<f64>,
    #[serde(default)]
    prior: Option<PriorCorrection>,
    training: TrainingInfo,
    preprocessor: Preprocessor,
    classifier: ClassifierContent,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClassifierContent {
    Majority(Majority),
    Logistic(Logistic),
    Mlp(serde_json::Value),
    Ensemble(serde_json::Value),
}

impl SavedModel {
    pub(crate) fn new(
        model: Reweighted<AnyPipeline>,
        name: ModelName,
        threshold: Option<f64>,
        mut training: TrainingInfo,
    ) -> Self {
        let sorted: BTreeSet<u64> = training.seen.iter().copied().collect();
        training.seen = sorted.into_iter().collect();
        let seen = training.seen.iter().copied().collect();
        Self {
            model,
            name,
            threshold,
            training,
            seen,
        }
    }

    /// The preprocessor and the model, whose probabilities hold for the class shares of the training part.
    #[must_use]
    pub const fn pipeline(&self) -> &AnyPipeline {
        self.model.classifier()
    }

    /// What makes the probabilities hold for other class shares than those of the training part; `None` where they
    /// hold for these.
    #[must_use]
    pub const fn correction(&self) -> Option<&PriorCorrection> {
        self.model.correction()
    }

    /// Which model it is.
    #[must_use]
    pub const fn name(&self) -> ModelName {
        self.name
    }

    /// Where a probability turns into a yes; `None` with more than two classes, and for the majority class, which
    /// answers with the larger class of the training part.
    #[must_use]
    pub const fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// What is known of its training.
    #[must_use]
    pub const fn training(&self) -> &TrainingInfo {
        &self.training
    }

    /// Which tracks of `table` were in the training part, `[n_tracks]`: by their ids or by identical audio features,
    /// those of [`TrainingInfo::known_by`].
    ///
    /// Where the table lacks one of these, the model's own features decide: if they are few, other tracks may have the
    /// same values and count as seen as well.
    #[must_use]
    pub fn has_seen(&self, table: &TrackTable) -> Vec<bool> {
        let columns = self.features();
        let known_by = &self.training.known_by;
        let audio = if *known_by == columns || self.recognises(table) {
            (KnownBy::Audio, known_by.as_slice())
        } else {
            (KnownBy::Columns, columns.as_slice())
        };
        let is_seen = |row| row_keys(table, row, &[audio]).any(|key| self.seen.contains(&key));
        (0..table.n_tracks()).map(is_seen).collect()
    }

    /// Whether `table` knows all the features by which training tracks are known again.
    pub(crate) fn recognises(&self, table: &TrackTable) -> bool {
        let known = table.known_features();
        let mut needed = self.training.known_by.iter();
        needed.all(|feature| known.contains(feature))
    }

    /// The columns as features.
    pub(crate) fn features(&self) -> Vec<AudioFeature> {
        let parsed = self.columns().iter().map(|name| name.parse());
        parsed.filter_map(Result::ok).collect()
    }

    /// Keys of the tracks in `rows` of the table that `columns` were learnt from, and what they are made of.
    pub(crate) fn keys(
        columns: &[AudioFeature],
        table: &TrackTable,
        rows: &[usize],
    ) -> (Vec<AudioFeature>, Vec<u64>) {
        let fewest = CleanConfig::default().min_identical_features;
        let known_by = if columns.len() < fewest {
            table.known_features()
        } else {
            columns.to_vec()
        };
        let audio = [(KnownBy::Audio, known_by.as_slice()), (KnownBy::Columns, columns)];
        let audio = if known_by == columns { &audio[..1] } else { &audio };
        let keys = rows.iter().flat_map(|row| row_keys(table, *row, audio));
        let keys = keys.collect();
        (known_by, keys)
    }

    /// `labels` in the model's own order of classes, which decides which is positive, and what should be known of it.
    ///
    /// Classes are matched by name. Two classes of other names are matched by role where `by_role` says that they
    /// have one: positive with positive, negative with negative.
    ///
    /// # Errors
    /// [`Error::OtherClasses`].
    pub(crate) fn match_labels(&self, labels: &Labels, by_role: bool) -> Result<(Labels, Vec<String>)> {
        let (expected, found) = (self.class_names(), labels.class_names());
        let position = |name: &String| expected.iter().position(|class| class == name);
        let by_name: Option<Vec<usize>> = found.iter().map(position).collect();
        let has_roles = by_role && expected.len() == 2 && found.len() == 2;
        let contradicts = |(role, name): (usize, &String)| position(name).is_some_and(|own| own != role);
        let (positions, notes) = match by_name {
            Some(positions) => (positions, Vec::new()),
            None if has_roles && !found.iter().enumerate().any(contradicts) => {
                let note = format!(
                    "the classes have other names than in training and are matched by role: `{}` as `{}`, `{}` as `{}`",
                    found[1], expected[1], found[0], expected[0]
                );
                (vec![0, 1], vec![note])
            }
            None => {
                return Err(Error::OtherClasses {
                    expected: expected.to_vec(),
                    found: found.to_vec(),
                });
            }
        };
        let y = labels.y().iter().map(|label| positions[*label]).collect();
        Ok((Labels::new(expected.to_vec(), y)?, notes))
    }

    /// Saves everything as one file.
    ///
    /// # Errors
    /// A file that exists unless `overwrite` allows it, or that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<()> {
        let (classifier, arrays) = match self.pipeline().classifier() {
            AnyClassifier::Majority(model) => (ClassifierContent::Majority(model.clone()), Vec::new()),
            AnyClassifier::Logistic(model) => (ClassifierContent::Logistic(model.clone()), Vec::new()),
            AnyClassifier::Mlp(model) => {
                let (content, arrays) = model.to_parts();
                (ClassifierContent::Mlp(content), arrays)
            }
            AnyClassifier::Ensemble(model) => {
                let (content, arrays) = model.to_parts();
                (ClassifierContent::Ensemble(content), arrays)
            }
        };
        let content = Content {
            version: CONTENT_VERSION,
            name: self.name,
            threshold: self.threshold,
            training: self.training.clone(),
            prior: self.correction().cloned(),
            preprocessor: self.pipeline().transformer().clone(),
            classifier,
        };
        Ok(ModelFile::new(KIND, &content, arrays).write(path.as_ref(), overwrite)?)
    }

    /// Loads what [`SavedModel::save`] wrote and checks it whole; networks run on `backend`.
    ///
    /// # Errors
    /// A file that is missing, cut short, altered, of another kind or version; a backend that is not there.
    pub fn load(path: impl AsRef<Path>, backend: Backend) -> Result<Self> {
        let path = path.as_ref();
        let file = ModelFile::read(path)?;
        let VersionOnly { version } = file.content(KIND, path)?;
        if version > CONTENT_VERSION {
            return Err(Error::Mlp(playlist_mlp::Error::UnsupportedVersion {
                path: path.to_owned(),
                expected: CONTENT_VERSION,
                found: version,
            }));
        }
        let content: Content = file.content(KIND, path)?;
        let classifier = match content.classifier {
            ClassifierContent::Majority(model) => AnyClassifier::Majority(model),
            ClassifierContent::Logistic(model) => AnyClassifier::Logistic(model),
            ClassifierContent::Mlp(network) => AnyClassifier::Mlp(Box::new(MlpClassifier::from_parts(
                network,
                file.arrays(),
                backend,
                path,
            )?)),
            ClassifierContent::Ensemble(ensemble) => {
                let arrays = file.arrays();
                let model = Ensemble::from_parts(ensemble, arrays, backend, path)?;
                AnyClassifier::Ensemble(Box::new(model))
            }
        };
        let pipeline = Pipeline::new(content.preprocessor, classifier)?;
        Ok(Self::new(
            Reweighted::new(pipeline, content.prior)?,
            content.name,
            content.threshold,
            content.training,
        ))
    }
}

impl Classifier for SavedModel {
    fn columns(&self) -> &[String] {
        self.model.columns()
    }

    fn class_names(&self) -> &[String] {
        self.model.class_names()
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        self.model.predict_proba(x)
    }

    fn check_input(&self, x: &FeatureMatrix) -> playlist_core::Result<()> {
        self.model.check_input(x)
    }
}

/// What a key of audio is made of, so that keys of one kind never meet those of another.
#[derive(Clone, Copy)]
enum KnownBy {
    Audio,
    Columns,
}

/// Keys by which a track is known again: one of its id, where it has one, and one of each set of audio features.
fn row_keys<'a>(
    table: &'a TrackTable,
    row: usize,
    audio: &'a [(KnownBy, &'a [AudioFeature])],
) -> impl Iterator<Item = u64> + 'a {
    let id = table.id(row).map(|id| key(b"id", id.as_bytes()));
    let audio = audio.iter().filter_map(move |(kind, features)| {
        let mut values = Vec::with_capacity(5 * features.len());
        // In the order of the features, whatever that of the model's columns.
        for feature in AudioFeature::ALL
            .iter()
            .filter(|feature| features.contains(feature))
        {
            if let Some(value) = table.value(row, *feature) {
                values.push(feature.index() as u8);
                // Adding zero makes both zeros one value.
                values.extend((value + 0.0).to_le_bytes());
            }
        }
        let kind: &[u8] = match kind {
            KnownBy::Audio => b"audio",
            KnownBy::Columns => b"columns",
        };
        // Rows of which nothing is known are not the same row.
        (!values.is_empty()).then(|| key(kind, &values))
    });
    id.into_iter().chain(audio)
}

/// The first eight bytes of a SHA-256.
fn key(kind: &[u8], bytes: &[u8]) -> u64 {
    let hash = Sha256::new()
        .chain_update(kind)
        .chain_update([0])
        .chain_update(bytes)
        .finalize();
    hash.iter()
        .take(8)
        .fold(0, |key, byte| key << 8 | u64::from(*byte))
}
