//! A saved model: one file from which unseen tracks can be scored.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use playlist_core::{AudioFeature, Classifier, FeatureMatrix, Majority, Overwrite, Pipeline, Probabilities};
use playlist_dataset::{Preprocessor, TrackTable};
use playlist_logistic::Logistic;
use playlist_mlp::{Backend, Ensemble, MlpClassifier, ModelFile};
use playlist_report::MetricsSection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{AnyClassifier, AnyPipeline};
use crate::{ModelName, Result};

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
    /// Keys of the training tracks, sorted, so that they are known again in other tables.
    pub seen: Vec<u64>,
}

/// A fitted model with its preprocessing, threshold and origin. Scores raw features.
#[derive(Debug)]
pub struct SavedModel {
    pipeline: AnyPipeline,
    name: ModelName,
    threshold: Option<f64>,
    training: TrainingInfo,
    seen: HashSet<u64>,
}

/// The header of a file. Weights of a network are arrays beside it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    name: ModelName,
    threshold: Option<f64>,
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
        pipeline: AnyPipeline,
        name: ModelName,
        threshold: Option<f64>,
        mut training: TrainingInfo,
    ) -> Self {
        let sorted: BTreeSet<u64> = training.seen.iter().copied().collect();
        training.seen = sorted.into_iter().collect();
        let seen = training.seen.iter().copied().collect();
        Self {
            pipeline,
            name,
            threshold,
            training,
            seen,
        }
    }

    /// The preprocessor and the model.
    #[must_use]
    pub const fn pipeline(&self) -> &AnyPipeline {
        &self.pipeline
    }

    /// Which model it is.
    #[must_use]
    pub const fn name(&self) -> ModelName {
        self.name
    }

    /// Where a probability turns into a yes; `None` with more than two classes.
    #[must_use]
    pub const fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// What is known of its training.
    #[must_use]
    pub const fn training(&self) -> &TrainingInfo {
        &self.training
    }

    /// Whether the track in `row` was in the training part: by its id or by identical audio features.
    ///
    /// # Panics
    /// When `row` is out of range.
    #[must_use]
    pub fn has_seen(&self, table: &TrackTable, row: usize) -> bool {
        row_keys(table, row).any(|key| self.seen.contains(&key))
    }

    /// Saves everything as one file.
    ///
    /// # Errors
    /// A file that exists unless `overwrite` allows it, or that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<()> {
        let (classifier, arrays) = match self.pipeline.classifier() {
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
            name: self.name,
            threshold: self.threshold,
            training: self.training.clone(),
            preprocessor: self.pipeline.transformer().clone(),
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
            pipeline,
            content.name,
            content.threshold,
            content.training,
        ))
    }
}

impl Classifier for SavedModel {
    fn columns(&self) -> &[String] {
        self.pipeline.columns()
    }

    fn class_names(&self) -> &[String] {
        self.pipeline.class_names()
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        self.pipeline.predict_proba(x)
    }

    fn check_input(&self, x: &FeatureMatrix) -> playlist_core::Result<()> {
        self.pipeline.check_input(x)
    }
}

/// Keys by which a track is known again: one of its id, where it has one, and one of its audio features.
pub(crate) fn row_keys(table: &TrackTable, row: usize) -> impl Iterator<Item = u64> {
    let id = table.id(row).map(|id| key(b"id", id.as_bytes()));
    let mut values = Vec::with_capacity(5 * AudioFeature::ALL.len());
    for feature in AudioFeature::ALL {
        if let Some(value) = table.value(row, feature) {
            values.push(feature.index() as u8);
            values.extend(value.to_le_bytes());
        }
    }
    id.into_iter().chain([key(b"audio", &values)])
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
