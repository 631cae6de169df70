//! Pictures: drawn once, for the page and for files.

mod calibration;
mod canvas;
mod comparison;
mod curves;
mod explain;
mod features;
mod line_chart;
mod losses;
mod scores;

pub use canvas::Figure;
pub(crate) use canvas::short;
pub(crate) use comparison::comparison;
pub use line_chart::{LineChart, LineSeries};

use crate::details::{ExperimentDetails, ModelPredictions};
use crate::{ExperimentReport, Result};

/// The pictures of one model's answers.
#[derive(Clone, Debug)]
pub(crate) struct ModelFigures {
    pub(crate) scores: Figure,
    pub(crate) curves: Vec<Figure>,
}

/// All pictures of an experiment.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) roc: Figure,
    pub(crate) losses: Vec<Figure>,
    /// The features by how much they differ.
    pub(crate) features: Vec<Figure>,
    /// In the order of the models.
    pub(crate) models: Vec<ModelFigures>,
    pub(crate) importance: Option<Figure>,
    pub(crate) dependence: Vec<Figure>,
}

impl Figures {
    pub(crate) fn new(report: &ExperimentReport, details: &ExperimentDetails) -> Result<Self> {
        let features = details.by_effect();
        let features = features
            .into_iter()
            .map(|feature| features::feature(details, feature));
        let features: Vec<Option<Figure>> = features.collect::<Result<_>>()?;
        let explanation = report.explanation.as_ref();
        let explained = explanation.filter(|explanation| !explanation.importance.is_empty());
        Ok(Self {
            roc: curves::roc_of_all(details)?,
            losses: details
                .histories
                .iter()
                .map(losses::losses)
                .collect::<Result<_>>()?,
            features: features.into_iter().flatten().collect(),
            models: details
                .models
                .iter()
                .map(|model| of_model(details, model))
                .collect::<Result<_>>()?,
            importance: explained.map(explain::importance).transpose()?,
            dependence: explanation.map_or(Ok(Vec::new()), |explanation| {
                let sections = explanation.partial_dependence.iter();
                sections
                    .map(|section| explain::dependence(explanation, section))
                    .collect()
            })?,
        })
    }
}

fn of_model(details: &ExperimentDetails, model: &ModelPredictions) -> Result<ModelFigures> {
    Ok(ModelFigures {
        scores: scores::scores(details, model)?,
        curves: vec![
            curves::roc(details, model)?,
            curves::precision_recall(details, model)?,
            calibration::calibration(details, model)?,
        ],
    })
}

/// Every picture of an experiment, to be written as SVG files: losses, features by class, and of each model ROC,
/// precision-recall and calibration curve and the histogram of its probabilities; with an explanation importance and
/// partial dependence as well. Their names are among [`figure_names`].
///
/// # Errors
/// [`crate::Error::Figure`], [`crate::Error::Metrics`] where a probability is none.
pub fn experiment_figures(report: &ExperimentReport, details: &ExperimentDetails) -> Result<Vec<Figure>> {
    let Figures {
        roc,
        losses,
        features,
        models,
        importance,
        dependence,
    } = Figures::new(report, details)?;
    let mut all = vec![roc];
    all.extend(losses.into_iter().chain(features));
    for model in models {
        all.push(model.scores);
        all.extend(model.curves);
    }
    all.extend(importance.into_iter().chain(dependence));
    Ok(all)
}

/// The names that the pictures of an experiment with these models and features can have.
#[must_use]
pub fn figure_names(models: &[&str], features: &[&str]) -> Vec<String> {
    let of_models = models.iter().flat_map(|model| {
        ["loss", "scores", "roc", "precision-recall", "calibration"].map(|what| format!("{what}-{model}"))
    });
    let of_features = features
        .iter()
        .flat_map(|feature| ["feature", "dependence"].map(|what| format!("{what}-{feature}")));
    let alone = ["roc", "importance"].map(str::to_owned);
    alone.into_iter().chain(of_models).chain(of_features).collect()
}
