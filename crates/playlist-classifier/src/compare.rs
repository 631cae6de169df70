//! Several models on several tables, each on several splits: which one is better, by how much, how surely.

use std::path::{Path, PathBuf};

use playlist_metrics::{Interval, corrected_mean_interval, corrected_resampled_t_test, mean_interval};
use playlist_report::MetricsSection;
use serde::Serialize;

use crate::{Error, Experiment, ExperimentConfig, ModelName, Result, Source, SplitMethod};

/// The level of every interval.
const LEVEL: f64 = 0.95;

/// What is compared.
#[derive(Clone, Debug)]
pub struct ComparisonConfig {
    /// Models, features, positive class and training; its split and its number of repeats are not used. Without a
    /// positive class, `a` is it in tables of two classes that have one of that name.
    pub experiment: ExperimentConfig,
    /// The column of labels; `None` for `label` or one of its aliases.
    pub label: Option<String>,
    /// Splits of a table that has no columns `split_0`, `split_1`, ...: stratified thirds.
    pub repeats: usize,
}

/// What a comparison found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparisonReport {
    /// One entry a table.
    pub tasks: Vec<TaskComparison>,
    /// Every model over all tables.
    pub overall: Vec<OverallComparison>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskComparison {
    /// The file's name without its ending.
    pub name: String,
    /// Its tracks.
    pub n: usize,
    /// One entry a model, in the order asked for.
    pub models: Vec<ModelComparison>,
}

/// One model on one table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelComparison {
    /// The model.
    pub name: String,
    /// One entry a split.
    pub splits: Vec<SplitScores>,
    /// The mean of each score over the splits.
    pub mean: MetricsSection,
    /// The interval of the mean ROC AUC, corrected for overlapping training parts; `None` with one split.
    pub roc_auc_interval: Option<Interval>,
    /// The p-value of the corrected resampled t-test of its ROC AUC against that of the first model; `None` for
    /// the first itself and with one split.
    pub p_value_against_first: Option<f64>,
}

/// One model on one split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SplitScores {
    /// The scores on the test part.
    #[serde(flatten)]
    pub metrics: MetricsSection,
    /// Seconds of preprocessing and fitting.
    pub fit_seconds: f64,
}

/// One model over all tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverallComparison {
    /// The model.
    pub name: String,
    /// The mean of each score over the tables.
    pub mean: MetricsSection,
    /// The mean of the seconds of a fit.
    pub fit_seconds: f64,
    /// The interval of the mean difference of its ROC AUC, less that of the first model, over the tables;
    /// `None` for the first itself and with one table.
    pub roc_auc_less_first: Option<Interval>,
    /// Tables on which its ROC AUC is the higher one of it and the first model.
    pub wins_against_first: usize,
}

impl ComparisonConfig {
    /// Fits and scores every model on every split of every table. Other models are compared with the first.
    ///
    /// # Errors
    /// Those of reading, splitting, fitting and scoring.
    pub fn run(&self, tables: &[PathBuf], mut told: impl FnMut(&TaskComparison)) -> Result<ComparisonReport> {
        let mut tasks = Vec::with_capacity(tables.len());
        for path in tables {
            let task = self.task(path)?;
            told(&task);
            tasks.push(task);
        }
        let names = &self.experiment.models;
        let overall = (0..names.len())
            .map(|index| overall(&tasks, index))
            .collect::<Result<_>>()?;
        Ok(ComparisonReport { tasks, overall })
    }

    fn task(&self, path: &Path) -> Result<TaskComparison> {
        let mut splits: Vec<Vec<SplitScores>> = vec![Vec::new(); self.experiment.models.len()];
        let (mut n, mut sizes) = (0, (0, 0));
        let mut number = 0;
        while let Some(experiment) = self.split(path, number)? {
            let report = experiment.run()?.report;
            n = report.dataset.n_tracks;
            sizes = (report.split.n_train, report.split.n_test);
            for (splits, model) in splits.iter_mut().zip(report.models) {
                splits.push(SplitScores {
                    metrics: model.metrics,
                    fit_seconds: model.fit_seconds.unwrap_or_default(),
                });
            }
            number += 1;
        }
        let names = self.experiment.models.iter();
        let models = names
            .enumerate()
            .map(|(index, name)| model(*name, &splits, index, sizes));
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(TaskComparison {
            name,
            n,
            models: models.collect::<Result<_>>()?,
        })
    }

    /// Split `number` of a table: its column `split_N`, or one at random where the table has no `split_0`.
    /// `None` after the last.
    fn split(&self, path: &Path, number: usize) -> Result<Option<Experiment>> {
        let source = Source::Table {
            path: path.to_owned(),
            label: self.label.clone(),
        };
        let seed = self.experiment.seed.wrapping_add(number as u64);
        let read = |split| {
            let mut config = ExperimentConfig {
                split,
                seed,
                repeats: 1,
                ..self.experiment.clone()
            };
            let experiment = Experiment::read(&source, config.clone())?;
            let names = experiment.labels().class_names();
            if config.positive_class.is_none() && names.len() == 2 && names[0] == "a" {
                config.positive_class = Some("a".to_owned());
                return Experiment::read(&source, config);
            }
            Ok(experiment)
        };
        match read(SplitMethod::Column(format!("split_{number}"))) {
            Err(Error::Dataset(playlist_dataset::Error::MissingColumn { .. })) => {}
            other => return other.map(Some),
        }
        let has_columns = number > 0 && read(SplitMethod::Column("split_0".to_owned())).is_ok();
        if has_columns || number >= self.repeats {
            return Ok(None);
        }
        read(SplitMethod::default()).map(Some)
    }
}

fn model(
    name: ModelName,
    all: &[Vec<SplitScores>],
    index: usize,
    (n_train, n_test): (usize, usize),
) -> Result<ModelComparison> {
    let own = &all[index];
    let metrics: Vec<MetricsSection> = own.iter().map(|split| split.metrics).collect();
    let (auc, first) = (aucs(own), aucs(&all[0]));
    let interval = match &auc {
        Some(auc) if auc.len() > 1 => Some(corrected_mean_interval(auc, n_train, n_test, LEVEL)?),
        _ => None,
    };
    let p_value = match (&auc, &first) {
        (Some(auc), Some(first)) if index > 0 && auc.len() > 1 => {
            let differences: Vec<f64> = auc.iter().zip(first).map(|(own, first)| own - first).collect();
            let test = corrected_resampled_t_test(&differences, n_train, n_test);
            // Equal scores on every split leave nothing to test.
            test.ok().map(|test| test.p_value)
        }
        _ => None,
    };
    Ok(ModelComparison {
        name: name.to_string(),
        splits: own.clone(),
        mean: MetricsSection::mean(&metrics),
        roc_auc_interval: interval,
        p_value_against_first: p_value,
    })
}

/// The ROC AUC of every split; `None` where one has none.
fn aucs(splits: &[SplitScores]) -> Option<Vec<f64>> {
    splits.iter().map(|split| split.metrics.roc_auc).collect()
}

fn overall(tasks: &[TaskComparison], index: usize) -> Result<OverallComparison> {
    let own = || tasks.iter().map(|task| &task.models[index]);
    let means: Vec<MetricsSection> = own().map(|model| model.mean).collect();
    let seconds: Vec<f64> = own()
        .flat_map(|model| model.splits.iter().map(|split| split.fit_seconds))
        .collect();
    let differences = tasks.iter().map(|task| {
        let [first, own] = [&task.models[0], &task.models[index]].map(|model| model.mean.roc_auc);
        Some(own? - first?)
    });
    let differences: Option<Vec<f64>> = differences.collect();
    let differences = differences.filter(|differences| index > 0 && differences.len() > 1);
    Ok(OverallComparison {
        name: tasks
            .first()
            .map_or_else(String::new, |task| task.models[index].name.clone()),
        mean: MetricsSection::mean(&means),
        fit_seconds: seconds.iter().sum::<f64>() / seconds.len().max(1) as f64,
        wins_against_first: differences
            .iter()
            .flatten()
            .filter(|difference| **difference > 0.0)
            .count(),
        roc_auc_less_first: differences
            .map(|values| mean_interval(&values, LEVEL))
            .transpose()?,
    })
}
