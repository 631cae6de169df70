//! The models by name, and how each is fitted.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::time::Instant;

use playlist_core::{
    AudioFeature, Classifier, ClassifierConfig, FeatureMatrix, Labels, Majority, MajorityConfig, Pipeline,
    Probabilities, Transformer,
};
use playlist_dataset::{Imputation, Preprocessor, PreprocessorConfig};
use playlist_logistic::{Logistic, LogisticConfig};
use playlist_mlp::{
    Backend, Engine, Ensemble, EnsembleConfig, EnsembleFitOptions, FitOptions, History, MlpClassifier,
    MlpClassifierConfig, StopReason, StopSignal, TrainingConfig, TrainingProgress, Trial, TuneConfig,
    TuneOptions,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A model that an experiment can fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelName {
    /// Always the larger class.
    Majority,
    /// Logistic regression on the columns as they are: the paper's baseline.
    LogisticRaw,
    /// Logistic regression on standardised columns.
    Logistic,
    /// The paper's network, every column brought to [0, 1] on the training part.
    Paper,
    /// Our best: an ensemble of networks with a kernel machine, on the columns as they are.
    Ensemble,
}

impl ModelName {
    /// Every model, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Majority,
        Self::LogisticRaw,
        Self::Logistic,
        Self::Paper,
        Self::Ensemble,
    ];

    /// The name, as on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::LogisticRaw => "logistic-raw",
            Self::Logistic => "logistic",
            Self::Paper => "paper",
            Self::Ensemble => "ensemble",
        }
    }

    /// Whether fitting leaves a history of losses behind.
    #[must_use]
    pub const fn has_history(self) -> bool {
        matches!(self, Self::Paper)
    }

    /// How the model gets its features.
    pub(crate) fn preprocessing(self, features: &[AudioFeature]) -> PreprocessorConfig {
        let config = match self {
            Self::Majority | Self::LogisticRaw => PreprocessorConfig::paper_raw(),
            Self::Logistic => PreprocessorConfig::standard(),
            Self::Paper => PreprocessorConfig::paper(),
            // Encoding and scaling are the ensemble's own.
            Self::Ensemble => PreprocessorConfig::paper_raw().with_imputation(Imputation::WithIndicators),
        };
        config.with_features(features)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ModelName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|model| model.name() == name)
            .ok_or_else(|| Error::UnknownModel {
                name: name.to_owned(),
                expected: Self::ALL.map(|model| format!("`{model}`")).join(", "),
            })
    }
}

/// Any fitted model of this workspace.
#[derive(Debug)]
pub enum AnyClassifier {
    /// The larger class.
    Majority(Majority),
    /// A logistic regression.
    Logistic(Logistic),
    /// A network.
    Mlp(Box<MlpClassifier>),
    /// An ensemble of networks with a kernel machine.
    Ensemble(Box<Ensemble>),
}

impl AnyClassifier {
    fn as_classifier(&self) -> &dyn Classifier {
        match self {
            Self::Majority(model) => model,
            Self::Logistic(model) => model,
            Self::Mlp(model) => model.as_ref(),
            Self::Ensemble(model) => model.as_ref(),
        }
    }

    /// The losses of a network's training.
    #[must_use]
    pub fn history(&self) -> Option<&History> {
        match self {
            Self::Mlp(model) => model.history(),
            _ => None,
        }
    }

    /// The probabilities of the training tracks by parts of the model that had not seen them, where there are
    /// such parts.
    #[must_use]
    pub fn out_of_fold(&self) -> Option<&Probabilities> {
        match self {
            Self::Ensemble(model) => model.out_of_fold(),
            _ => None,
        }
    }

    /// What each network of an ensemble answers once it is joined, alone, with the kernel machines, one entry a network; none
    /// of other models, nor of a distilled ensemble: that is another model than its parts, whose range says nothing of its answer.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub(crate) fn opinions(&self, x: &FeatureMatrix) -> Result<Vec<Probabilities>> {
        match self {
            Self::Ensemble(model) if model.distillation_error().is_none() => Ok(model.predict_opinions(x)?),
            _ => Ok(Vec::new()),
        }
    }

    /// What went less than well while fitting.
    pub(crate) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Logistic(model) => model.warnings().iter().map(ToString::to_string).collect(),
            Self::Mlp(model) => match model.history() {
                Some(history) if history.stop_reason == StopReason::Interrupted => {
                    let epochs = model.config().training.epochs;
                    vec![format!(
                        "stopped after epoch {} of {epochs}; kept what was learnt",
                        history.kept_epoch
                    )]
                }
                _ => Vec::new(),
            },
            Self::Ensemble(model) if model.was_interrupted() => {
                vec!["stopped before the last epoch; kept what was learnt".to_owned()]
            }
            Self::Majority(_) | Self::Ensemble(_) => Vec::new(),
        }
    }
}

impl Classifier for AnyClassifier {
    fn columns(&self) -> &[String] {
        self.as_classifier().columns()
    }

    fn class_names(&self) -> &[String] {
        self.as_classifier().class_names()
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        self.as_classifier().predict_proba(x)
    }
}

/// A preprocessor and a model: raw features in, probabilities out.
pub type AnyPipeline = Pipeline<Preprocessor, AnyClassifier>;

/// How the models of an experiment are fitted.
#[derive(Clone, Debug, Default)]
pub struct FitSettings {
    /// Training of the networks.
    pub training: TrainingConfig,
    /// Where the networks run.
    pub backend: Backend,
    /// What trains and evaluates them; `None` for the fastest that can.
    pub engine: Option<Engine>,
    /// The ensemble; seed, backend and engine are those of the other settings.
    pub ensemble: EnsembleConfig,
    /// A search for better settings of the ensemble on each training part; its seed is that of the training.
    pub tune: Option<TuneConfig>,
    /// Whether the loss on the test part is recorded after every epoch. Nothing goes by it.
    pub watch_test: bool,
    /// Whether a progress bar is shown on a terminal.
    pub show_progress: bool,
    /// Asks for a stop after the current epoch.
    pub stop: StopSignal,
}

impl FitSettings {
    /// The engine of the ensemble: on the CPU the fused one is the faster by far.
    pub(crate) fn ensemble_engine(&self) -> Engine {
        let fastest = match self.backend {
            Backend::Wgpu => Engine::Burn,
            Backend::Flex | Backend::NdArray => Engine::Fused,
        };
        self.engine.unwrap_or(fastest)
    }
}

/// A model that was fitted.
pub(crate) struct FittedModel {
    pub pipeline: AnyPipeline,
    /// What preprocessing, a search for settings and fitting took.
    pub seconds: f64,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
}

/// Fits `name` on the training part.
///
/// # Errors
/// Those of the preprocessor and of the model.
pub(crate) fn fit(
    name: ModelName,
    features: &[AudioFeature],
    train: (&FeatureMatrix, &Labels),
    test: (&FeatureMatrix, &Labels),
    settings: &FitSettings,
) -> Result<FittedModel> {
    let start = Instant::now();
    let mut notes = Vec::new();
    let preprocessor = name.preprocessing(features).fit(train.0)?;
    let x = preprocessor.transform(train.0)?;
    let classifier = match name {
        ModelName::Majority => AnyClassifier::Majority(MajorityConfig.fit(&x, train.1)?),
        ModelName::LogisticRaw | ModelName::Logistic => {
            AnyClassifier::Logistic(LogisticConfig::default().fit(&x, train.1)?)
        }
        ModelName::Paper => {
            let mut progress = settings.show_progress.then(|| TrainingProgress::new(name.name()));
            let watched = if settings.watch_test {
                Some(preprocessor.transform(test.0)?)
            } else {
                None
            };
            let options = FitOptions {
                test: watched.as_ref().map(|x| (x, test.1)),
                observer: progress.as_mut().map(|progress| progress as _),
                stop: settings.stop.clone(),
                ..FitOptions::default()
            };
            let config = MlpClassifierConfig::paper()
                .with_training(settings.training.clone())
                .with_backend(settings.backend)
                .with_engine(settings.engine);
            AnyClassifier::Mlp(Box::new(config.fit_with(&x, train.1, options)?))
        }
        ModelName::Ensemble => {
            AnyClassifier::Ensemble(Box::new(fit_ensemble(&x, train.1, settings, &mut notes)?))
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    Ok(FittedModel {
        pipeline: Pipeline::new(preprocessor, classifier)?,
        seconds,
        notes,
    })
}

fn fit_ensemble(
    x: &FeatureMatrix,
    y: &Labels,
    settings: &FitSettings,
    notes: &mut Vec<String>,
) -> Result<Ensemble> {
    let mut config = settings.ensemble.clone();
    config = config
        .with_seed(settings.training.seed)
        .with_backend(settings.backend)
        .with_engine(settings.ensemble_engine());
    if let Some(search) = &settings.tune {
        config = tuned(search, config, x, y, settings, notes)?;
    }
    let mut progress = settings
        .show_progress
        .then(|| TrainingProgress::new(ModelName::Ensemble.name()));
    let options = EnsembleFitOptions {
        observer: progress.as_mut().map(|progress| progress as _),
        stop: settings.stop.clone(),
    };
    Ok(config.fit_with(x, y, options)?)
}

/// The best settings that `search` finds on the training part.
fn tuned(
    search: &TuneConfig,
    config: EnsembleConfig,
    x: &FeatureMatrix,
    y: &Labels,
    settings: &FitSettings,
    notes: &mut Vec<String>,
) -> Result<EnsembleConfig> {
    let search = search.clone().with_seed(settings.training.seed);
    let mut tell = |trial: &Trial, n: usize, of: usize| {
        let (rows, loss) = (trial.n_rows, trial.log_loss);
        eprintln!("settings {n} of {of}: log loss {loss:.4} on {rows} rows");
        ControlFlow::Continue(())
    };
    let options = TuneOptions {
        observer: settings.show_progress.then_some(&mut tell as _),
        stop: settings.stop.clone(),
    };
    let found = search.tune_with(&config, x, y, options)?;
    let n = found.trials.len();
    notes.push(match found.trials.iter().rev().find(|trial| trial.config == found.best) {
        _ if found.was_interrupted => format!("the search for settings was stopped after {n} trials: kept the given ones"),
        Some(trial) if found.best != config => format!(
            "settings found on the training part in {n} trials: log loss {:.4} ± {:.4} less than with the given ones, in cross-validation",
            trial.gain, trial.gain_error
        ),
        _ => format!("no better settings found on the training part in {n} trials: kept the given ones"),
    });
    Ok(found.best)
}
