//! What the page and the figures of an experiment need beside its report.

use playlist_core::{AudioFeature, Classifier, Labels};
use playlist_mlp::{History, Loss};
use playlist_report::{ExperimentDetails, FeatureValues, LossHistory, ModelPredictions, TestTracks};

use crate::explanation::track_title;
use crate::model::AnyClassifier;
use crate::{Experiment, Outcome, Result, SavedModel};

impl Experiment {
    /// Gathers what the page and the figures need beside the report of `outcome`: values by class, losses, and what
    /// each model says of the test part of the first split. `command` is told as it is.
    ///
    /// `loaded` is the model of an outcome of [`Experiment::evaluate`].
    ///
    /// # Errors
    /// [`crate::Error::OtherClasses`] where a loaded model tells other classes apart, and a missing feature column.
    pub fn details(
        &self,
        outcome: &Outcome,
        loaded: Option<&SavedModel>,
        command: &str,
    ) -> Result<ExperimentDetails> {
        let (labels, features) = match loaded {
            Some(model) => (
                model.match_labels(&self.labels, self.labels_by_role)?.0,
                model.features(),
            ),
            None => (self.labels.clone(), self.features.clone()),
        };
        let models: Vec<&SavedModel> = loaded.into_iter().chain(&outcome.models).collect();
        Ok(ExperimentDetails {
            command: command.to_owned(),
            classes: labels.class_names().to_vec(),
            y: labels.y().to_vec(),
            features: self.feature_values(&features)?,
            histories: models.iter().filter_map(|model| loss_history(model)).collect(),
            test: self.test_tracks(&labels, &outcome.split.test),
            models: predictions(outcome, &models),
        })
    }

    fn feature_values(&self, features: &[AudioFeature]) -> Result<Vec<FeatureValues>> {
        let x = self.table.features(features)?;
        let values = features.iter().enumerate().map(|(index, feature)| FeatureValues {
            name: feature.to_string(),
            unit: feature.unit().to_owned(),
            is_categorical: feature.is_categorical(),
            values: x.column(index).collect(),
        });
        Ok(values.collect())
    }

    fn test_tracks(&self, labels: &Labels, rows: &[usize]) -> TestTracks {
        let artist = |row: &usize| self.table.artist(*row).unwrap_or_default().to_owned();
        TestTracks {
            y: rows.iter().map(|row| labels.y()[*row]).collect(),
            titles: rows.iter().map(|row| track_title(&self.table, *row)).collect(),
            artists: rows.iter().map(artist).collect(),
        }
    }
}

/// What each model says of the test part.
fn predictions(outcome: &Outcome, models: &[&SavedModel]) -> Vec<ModelPredictions> {
    let each = outcome.predictions.iter().zip(models);
    each.map(|(p, model)| {
        let test = outcome.split.test.iter();
        ModelPredictions {
            name: model.name().to_string(),
            p: match p.n_classes() {
                2 => test.map(|row| p.get(*row, 1)).collect(),
                n => test
                    .flat_map(|row| (0..n).map(|class| p.get(*row, class)))
                    .collect(),
            },
            threshold: model.threshold(),
        }
    })
    .collect()
}

fn loss_history(model: &SavedModel) -> Option<LossHistory> {
    let AnyClassifier::Mlp(network) = model.pipeline().classifier() else {
        return None;
    };
    let History { epochs, .. } = network.history()?;
    Some(LossHistory {
        model: model.name().to_string(),
        loss: match network.config().training.loss {
            Loss::CrossEntropy if model.class_names().len() == 2 => "binary cross-entropy",
            Loss::CrossEntropy => "cross-entropy",
            Loss::MeanSquaredError => "mean squared error",
        }
        .to_owned(),
        train: epochs.iter().map(|epoch| epoch.train_loss).collect(),
        valid: epochs.iter().filter_map(|epoch| epoch.valid_loss).collect(),
        test: epochs.iter().filter_map(|epoch| epoch.test_loss).collect(),
    })
}
