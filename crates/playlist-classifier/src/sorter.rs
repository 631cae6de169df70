//! The model that sorts tracks into playlists, and its answers for tracks that it had not seen.

use playlist_core::{
    Classifier, FeatureMatrix, LabelProbabilities, Labels, MultiLabels, Probabilities, Transformer,
};
use playlist_dataset::{Preprocessor, StratifiedKFold};
use playlist_mlp::{Engine, EnsembleFitOptions, MultiLabelEnsemble};
use playlist_report::SortingMode;

use crate::model::{AnyPipeline, FittedModel, fit};
use crate::sort_data::Task;
use crate::{Error, FitSettings, ModelName, Result};

/// The parts of the check.
const FOLDS: usize = 5;

/// The class of what is on no playlist.
const OTHER: &str = "other music";

/// A fitted sorter.
pub(crate) enum Sorter {
    /// One class a playlist, and one for other music, which comes last.
    Classes(Box<AnyPipeline>),
    /// One label a playlist.
    Labels(Box<Preprocessor>, Box<MultiLabelEnsemble>),
}

/// What a sorter says of one track.
#[derive(Clone, Debug)]
pub(crate) struct Sorted {
    /// How well it fits any playlist, in [0, 1].
    pub(crate) fit: f64,
    /// The probability of each playlist with the range over the networks, `[n_playlists]`: given that it is on exactly one,
    /// or each on its own.
    pub(crate) p: Vec<f64>,
    pub(crate) between: Option<(Vec<f64>, Vec<f64>)>,
}

impl Sorter {
    /// Fits a sorter on the rows numbered.
    pub(crate) fn fit(
        task: &Task,
        mode: SortingMode,
        rows: &[usize],
        settings: &FitSettings,
    ) -> Result<Self> {
        let x = task.x.select_rows(rows);
        match mode {
            SortingMode::MultiLabel => {
                let preprocessor = ModelName::Ensemble.preprocessing(&task.features).fit(&x)?;
                let own = rows.iter().map(|row| &task.own[*row]);
                let y = own.flat_map(|own| (0..task.names.len()).map(|label| own.contains(&label)));
                let y = MultiLabels::new(task.names.iter().cloned(), y.collect())?;
                let options = EnsembleFitOptions {
                    observer: None,
                    stop: settings.stop.clone(),
                };
                let config = settings
                    .ensemble
                    .clone()
                    .with_seed(settings.training.seed)
                    .with_backend(settings.backend)
                    .with_engine(Engine::Fused);
                let model = config.fit_multi_label_with(&preprocessor.transform(&x)?, &y, options)?;
                Ok(Self::Labels(Box::new(preprocessor), Box::new(model)))
            }
            _ => {
                let y = task.labels()?.select_rows(rows);
                let all = (&x, &y);
                let FittedModel { pipeline, .. } =
                    fit(ModelName::Ensemble, &task.features, all, all, settings)?;
                Ok(Self::Classes(Box::new(pipeline)))
            }
        }
    }

    /// What it says of each row of `x`.
    pub(crate) fn sort(&self, x: &FeatureMatrix) -> Result<Vec<Sorted>> {
        if x.n_samples() == 0 {
            return Ok(Vec::new());
        }
        let (answer, each): (Vec<Vec<f64>>, Vec<Vec<Vec<f64>>>) = match self {
            Self::Classes(pipeline) => {
                let x = pipeline.transformer().transform(x)?;
                let rows = |p: Probabilities| -> Vec<Vec<f64>> {
                    let of = |row| {
                        (0..p.n_classes())
                            .map(|class| f64::from(p.get(row, class)))
                            .collect()
                    };
                    (0..p.n_samples()).map(of).collect()
                };
                let answer = rows(pipeline.classifier().predict_proba(&x)?);
                let each = pipeline.classifier().opinions(&x)?;
                (answer, each.into_iter().map(rows).collect())
            }
            Self::Labels(preprocessor, model) => {
                let x = preprocessor.transform(x)?;
                let rows = |p: LabelProbabilities| -> Vec<Vec<f64>> {
                    let of = |row| p.row(row).iter().map(|p| f64::from(*p)).collect();
                    (0..p.n_samples()).map(of).collect()
                };
                let each = model.predict_opinions(&x)?.into_iter().map(rows);
                (rows(model.predict_proba(&x)?), each.collect())
            }
        };
        let sorted = answer.into_iter().enumerate().map(|(row, answer)| {
            let (fit, p) = self.split(&answer);
            let (mut lowest, mut highest) = (p.clone(), p.clone());
            for network in &each {
                for (playlist, p) in self.split(&network[row]).1.into_iter().enumerate() {
                    lowest[playlist] = lowest[playlist].min(p);
                    highest[playlist] = highest[playlist].max(p);
                }
            }
            Sorted {
                fit,
                p,
                between: (!each.is_empty()).then_some((lowest, highest)),
            }
        });
        Ok(sorted.collect())
    }

    /// How well a track fits any playlist, and the probability of each. Of classes, other music is the last one; without
    /// it they sum to one.
    fn split(&self, answer: &[f64]) -> (f64, Vec<f64>) {
        let greatest = || answer.iter().copied().fold(0.0, f64::max);
        match (self, answer.split_last()) {
            (Self::Classes(_), Some((_, playlists))) => {
                let fit: f64 = playlists.iter().sum();
                let share = |p: &f64| if fit > 0.0 { (p / fit).min(1.0) } else { 0.0 };
                (fit.min(1.0), playlists.iter().map(share).collect())
            }
            _ => (greatest(), answer.to_vec()),
        }
    }

    /// What went less than well while fitting.
    pub(crate) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Classes(pipeline) => pipeline.classifier().warnings(),
            Self::Labels(..) => Vec::new(),
        }
    }
}

impl Task {
    /// One class a row: the first of its playlists, or other music.
    pub(crate) fn labels(&self) -> Result<Labels> {
        let other = self.names.len();
        let y = self.own.iter().map(|own| own.first().copied().unwrap_or(other));
        let names = self.names.iter().cloned().chain([OTHER.to_owned()]);
        Ok(Labels::new(names, y.collect())?)
    }

    /// What is said of every row by a sorter that had not seen it, in how many parts.
    ///
    /// # Errors
    /// [`Error::Stopped`]; those of fitting.
    pub(crate) fn sort_unseen(
        &self,
        mode: SortingMode,
        settings: &FitSettings,
        tell: &dyn Fn(&str),
    ) -> Result<(usize, Vec<Sorted>)> {
        let labels = self.labels()?;
        // A playlist whose tracks all stand under others has no class here, but a label.
        let counts = labels.class_counts().into_iter().filter(|count| *count > 0);
        let fewest = counts.min().unwrap_or(0);
        let n_folds = FOLDS.min(fewest).max(2);
        let folds = StratifiedKFold::default()
            .with_n_folds(n_folds)
            .with_seed(settings.training.seed);
        let mut sorted: Vec<Option<Sorted>> = vec![None; self.own.len()];
        for (index, split) in folds.split_labels(&labels, None)?.iter().enumerate() {
            tell(&format!("testing: part {} of {n_folds}", index + 1));
            let sorter = Sorter::fit(self, mode, &split.train, settings)?;
            if settings.stop.is_requested() {
                return Err(Error::Stopped);
            }
            let answers = sorter.sort(&self.x.select_rows(&split.test))?;
            for (row, answer) in split.test.iter().zip(answers) {
                sorted[*row] = Some(answer);
            }
        }
        let sorted: Option<Vec<Sorted>> = sorted.into_iter().collect();
        Ok((n_folds, sorted.ok_or(Error::Stopped)?))
    }
}
