//! Several models on several tables, all on the same splits.

use std::collections::BTreeMap;
use std::path::Path;

use playlist_dataset::Split;
use playlist_report::{ComparisonReport, MetricsSection, SplitScores, TaskModelSection, TaskSection};

use crate::evaluate::{PartSizes, interval_over_repeats};
use crate::run::Run;
use crate::{Experiment, ExperimentConfig, Result, Source, SplitMethod, versions};

/// The scores whose mean over the splits gets an interval.
const WITH_INTERVAL: [&str; 4] = ["roc_auc", "log_loss", "calibration_error", "accuracy"];

/// Fits and scores every model of `config` on every table, `tell` being called with each table's name before it is
/// begun.
///
/// A table with columns `split`, `split_0`, `split_1` ... is divided as they say; any other as `config.split` and
/// `config.repeats` say. A stop that is asked for ends the run after the split in progress; what was measured is
/// returned.
///
/// # Errors
/// Those of reading, splitting, fitting and scoring.
pub fn compare_models(
    tables: &[(impl AsRef<Path>, Option<String>)],
    config: &ExperimentConfig,
    mut tell: impl FnMut(&str),
) -> Result<ComparisonReport> {
    let mut tasks = Vec::new();
    for (path, label) in tables {
        let path = path.as_ref();
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        tell(&name);
        let source = Source::Table {
            path: path.to_owned(),
            label: label.clone(),
        };
        let experiment = Experiment::read(&source, config.clone())?;
        tasks.push(experiment.task(&name)?);
        if config.fit.stop.is_requested() {
            break;
        }
    }
    Ok(ComparisonReport::new(
        tasks,
        config.seed,
        versions(config.fit.backend),
    ))
}

impl Experiment {
    /// The splits that the table itself holds, else those of the settings, each with its seed.
    fn all_splits(&self) -> Result<Vec<(Split, u64)>> {
        let columns = self.table.split_columns();
        if !columns.is_empty() && matches!(self.config.split, SplitMethod::Stratified { .. }) {
            let split = |column| Ok((self.table.user_split(column)?, self.config.seed));
            return columns.into_iter().map(split).collect();
        }
        let repeats = match self.config.split {
            SplitMethod::Column(_) => 1,
            SplitMethod::Stratified { .. } => self.config.repeats.max(1) as u64,
        };
        let seeds = (0..repeats).map(|repeat| self.config.seed.wrapping_add(repeat));
        seeds.map(|seed| Ok((self.split(seed)?, seed))).collect()
    }

    fn task(&self, name: &str) -> Result<TaskSection> {
        let splits = self.all_splits()?;
        let mut runs: Vec<Vec<Run>> = Vec::new();
        for (split, seed) in &splits {
            let fitted = self
                .config
                .models
                .iter()
                .map(|model| self.fit(*model, split, *seed));
            runs.push(fitted.collect::<Result<_>>()?);
            if self.config.fit.stop.is_requested() {
                break;
            }
        }
        let sizes = PartSizes {
            n_train: splits[0].0.train.len(),
            n_test: splits[0].0.test.len(),
        };
        let n_classes = self.labels.n_classes();
        let models = self.config.models.iter().enumerate().map(|(index, model)| {
            let own: Vec<&Run> = runs.iter().map(|run| &run[index]).collect();
            let metrics: Vec<MetricsSection> = own.iter().map(|run| run.scores.metrics).collect();
            let intervals = WITH_INTERVAL.map(|name| {
                let interval = interval_over_repeats(&metrics, name, sizes, n_classes);
                (name.to_owned(), interval)
            });
            TaskModelSection {
                name: model.to_string(),
                splits: own.iter().map(|run| scores(run)).collect(),
                intervals: BTreeMap::from(intervals),
                warnings: crate::run::warnings(&own),
            }
        });
        Ok(TaskSection {
            name: name.to_owned(),
            n: self.table.n_tracks(),
            n_classes,
            models: models.collect(),
        })
    }
}

fn scores(run: &Run) -> SplitScores {
    SplitScores {
        metrics: run.scores.metrics,
        fit_seconds: run.fit_seconds,
        predict_seconds: run.predict_seconds,
    }
}
