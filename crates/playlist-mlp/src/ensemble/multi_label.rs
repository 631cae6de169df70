//! An ensemble whose tracks may have any number of labels.

use playlist_core::{FeatureMatrix, LabelProbabilities};

use super::EnsembleConfig;
use super::model::Fitted;
use crate::Result;

/// A fitted ensemble that gives each label a probability of its own: a track may belong on several playlists, or on
/// none.
///
/// Made by [`EnsembleConfig::fit_multi_label`]. Networks and kernel machines are shared by all labels, so that many cost
/// little more than one.
///
/// # Examples
/// ```
/// use playlist_core::{FeatureMatrix, MultiLabels};
/// use playlist_mlp::EnsembleConfig;
///
/// // Loud tracks are on one playlist, slow ones on the other; some are on both, some on none.
/// let rows: Vec<[f32; 2]> = (0..200).map(|i| [(i * 7 % 200) as f32 / 200.0, 60.0 + (i % 100) as f32]).collect();
/// let y = rows.iter().flat_map(|row| [row[0] > 0.5, row[1] < 100.0]).collect();
/// let x = FeatureMatrix::new(["energy", "tempo"], rows.concat())?;
/// let y = MultiLabels::new(["loud", "slow"], y)?;
/// let model = EnsembleConfig::default().fit_multi_label(&x, &y)?;
/// let p = model.predict_proba(&FeatureMatrix::new(["energy", "tempo"], vec![0.9, 70.0, 0.1, 150.0])?)?;
/// assert!(p.row(0).iter().all(|p| *p > 0.7) && p.row(1).iter().all(|p| *p < 0.3));
/// # Ok::<(), playlist_mlp::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiLabelEnsemble {
    pub(crate) fitted: Fitted,
    pub(crate) out_of_fold: Option<LabelProbabilities>,
}

impl MultiLabelEnsemble {
    /// The settings that it was fitted with.
    #[must_use]
    pub const fn config(&self) -> &EnsembleConfig {
        &self.fitted.config
    }

    /// The same with another number of threads for predictions, as [`Ensemble::with_threads`](super::Ensemble::with_threads).
    #[must_use]
    pub fn with_threads(mut self, threads: Option<usize>) -> Self {
        self.fitted.config.threads = threads;
        self
    }

    /// The columns that it was fitted on, in order.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.fitted.columns
    }

    /// The names of the labels.
    #[must_use]
    pub fn label_names(&self) -> &[String] {
        &self.fitted.names
    }

    /// Whether the training of the networks was stopped before its end.
    #[must_use]
    pub const fn was_interrupted(&self) -> bool {
        self.fitted.was_interrupted
    }

    /// The probabilities of the training rows by the parts of the ensemble that had not seen them, for choosing
    /// thresholds. `None` in a model that was loaded.
    #[must_use]
    pub const fn out_of_fold(&self) -> Option<&LabelProbabilities> {
        self.out_of_fold.as_ref()
    }

    /// The probability of each label for each row of `x`, `[n_samples, n_labels]`.
    ///
    /// # Errors
    /// [`ColumnsDiffer`](playlist_core::Error::ColumnsDiffer), [`MissingValue`](playlist_core::Error::MissingValue).
    pub fn predict_proba(&self, x: &FeatureMatrix) -> Result<LabelProbabilities> {
        x.check_columns(&self.fitted.columns)?;
        x.check_complete()?;
        let p = self.fitted.predict(x);
        Ok(LabelProbabilities::new(self.fitted.names.iter().cloned(), p)?)
    }

    /// The probabilities that each network gives once it is joined, alone, with the kernel machines, one entry a
    /// network, as [`Ensemble::predict_opinions`](super::Ensemble::predict_opinions).
    ///
    /// # Errors
    /// As [`MultiLabelEnsemble::predict_proba`].
    pub fn predict_opinions(&self, x: &FeatureMatrix) -> Result<Vec<LabelProbabilities>> {
        x.check_columns(&self.fitted.columns)?;
        x.check_complete()?;
        let each = self.fitted.opinions(x).into_iter();
        each.map(|p| Ok(LabelProbabilities::new(self.fitted.names.iter().cloned(), p)?))
            .collect()
    }
}
