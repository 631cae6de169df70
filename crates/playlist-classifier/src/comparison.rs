//! Several models on several tables, all on the same splits.

use std::collections::BTreeMap;
use std::path::Path;

use playlist_metrics::{CalibrationBins, calibration_floor, top_class_calibration_floor};
use playlist_report::{ComparisonReport, MetricsSection, SplitScores, TaskModelSection, TaskSection};

use crate::evaluate::interval_over_repeats;
use crate::run::Run;
use crate::splits::Fitted;
use crate::{Experiment, ExperimentConfig, Result, Source, SplitMethod, versions};

/// The scores whose mean over the splits gets an interval.
const WITH_INTERVAL: [&str; 4] = ["roc_auc", "log_loss", "calibration_error", "accuracy"];

/// How often labels are drawn to know the calibration error of a perfectly calibrated model.
const FLOOR_DRAWS: usize = 1_000;

/// Fits and scores every model of `config` on every table, `tell` being called with each table's name before it is
/// begun.
///
/// A table with columns `split`, `split_0`, `split_1` ... is divided as they say; any other, and every table where
/// `config.split` asks for folds, as `config.split` and `config.repeats` say. A stop that is asked for ends the run after the split in progress; what was measured is
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
    fn task(&self, name: &str) -> Result<TaskSection> {
        let columns = self.table.split_columns();
        let is_divided = !columns.is_empty() && matches!(self.config.split, SplitMethod::Stratified { .. });
        let Fitted { sizes, runs, .. } = if is_divided {
            let split = |column| Ok((self.table.user_split(column)?, self.config.seed));
            self.fit_all(columns.into_iter().map(split))?
        } else {
            self.fit_all(self.splits())?
        };
        let n_classes = self.labels.n_classes();
        let models = self.config.models.iter().enumerate().map(|(index, model)| {
            let own: Vec<&Run> = runs.iter().map(|run| &run[index]).collect();
            let metrics: Vec<MetricsSection> = own.iter().map(|run| run.scores.metrics).collect();
            let intervals = WITH_INTERVAL.map(|name| {
                let interval = interval_over_repeats(&metrics, name, sizes, n_classes);
                (name.to_owned(), interval)
            });
            Ok(TaskModelSection {
                name: model.to_string(),
                splits: own
                    .iter()
                    .map(|run| scores(run, self.config.seed))
                    .collect::<Result<_>>()?,
                intervals: BTreeMap::from(intervals),
                warnings: crate::run::warnings(&own),
            })
        });
        Ok(TaskSection {
            name: name.to_owned(),
            n: self.table.n_tracks(),
            n_classes,
            models: models.collect::<Result<_>>()?,
        })
    }
}

fn scores(run: &Run, seed: u64) -> Result<SplitScores> {
    let bins = CalibrationBins::default();
    let floor = match run.p_test.positive() {
        Ok(p) => calibration_floor(p, bins, FLOOR_DRAWS, seed)?,
        Err(_) => {
            let (rows, n_classes) = (run.p_test.to_rows(), run.p_test.n_classes());
            top_class_calibration_floor(&rows, n_classes, bins, FLOOR_DRAWS, seed)?
        }
    };
    Ok(SplitScores {
        metrics: run.scores.metrics,
        calibration_floor: Some(floor),
        fit_seconds: run.fit_seconds,
        predict_seconds: run.predict_seconds,
    })
}
