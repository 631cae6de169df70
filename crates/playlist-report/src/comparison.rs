//! Several models on several tasks.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::Table;
use playlist_metrics::{CalibrationFloor, Interval, signed_rank_test};
use serde::{Deserialize, Serialize};

use crate::terminal::{STYLE, table_text};
use crate::{Error, MetricsSection, Result, printable};

/// Several models on the same splits of several tables, and what that comes to over all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// One entry a table.
    pub tasks: Vec<TaskSection>,
    /// One entry a model, in the order asked for.
    pub overall: Vec<OverallSection>,
    /// The seed of splits and models.
    pub seed: u64,
    /// The versions that made the results.
    pub versions: BTreeMap<String, String>,
}

/// The models on one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSection {
    /// The file's name without its ending.
    pub name: String,
    /// The tracks.
    pub n: usize,
    /// The number of classes.
    pub n_classes: usize,
    /// One entry a model, in the order asked for.
    pub models: Vec<TaskModelSection>,
}

/// One model on one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskModelSection {
    /// The model.
    pub name: String,
    /// Its scores on each split.
    pub splits: Vec<SplitScores>,
    /// The corrected resampled 95 % interval of the mean over the splits, for `roc_auc`, `log_loss`,
    /// `calibration_error` and `accuracy`; `null` where it has no value.
    #[serde(default)]
    pub intervals: BTreeMap<String, Option<Interval>>,
    /// What went badly on any of the splits.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One model on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitScores {
    /// The scores on the test part.
    pub metrics: MetricsSection,
    /// The calibration error that probabilities such as these have on such a test part when they are exactly right;
    /// `null` where it was not simulated.
    #[serde(default)]
    pub calibration_floor: Option<CalibrationFloor>,
    /// Seconds of preprocessing and fitting.
    pub fit_seconds: f64,
    /// Seconds of predicting the test part.
    pub predict_seconds: f64,
}

/// One model over all tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverallSection {
    /// The model.
    pub name: String,
    /// Means over the tables of the means over the splits; undefined where one of them is.
    pub metrics: MetricsSection,
    /// The mean of the calibration floors, taken likewise.
    #[serde(default)]
    pub calibration_floor: Option<f64>,
    /// Mean seconds of a fit.
    pub fit_seconds: f64,
    /// Against each of the other models, by mean score on each table.
    pub against: Vec<PairedSection>,
}

/// One model against another over all tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedSection {
    /// The other model.
    pub against: String,
    /// The score: `roc_auc` (more is better) or `log_loss` (less is better).
    pub metric: String,
    /// The mean difference, this model less the other.
    pub difference: f64,
    /// The tables on which this model does better.
    pub n_better: usize,
    /// The tables on which both have a score.
    pub n_tasks: usize,
    /// The two-sided p-value of the signed-rank test over the tables.
    pub p_value: Option<f64>,
}

/// The scores that the tables of text show, each with the words above its column.
pub(crate) const SHOWN: [(&str, &str); 4] = [
    ("roc_auc", "ROC AUC"),
    ("log_loss", "log loss"),
    ("calibration_error", "calibration error"),
    ("accuracy", "accuracy"),
];

/// The column of the calibration error to expect of a perfectly calibrated model.
const FLOOR: &str = "calibration floor";

/// The scores that models are compared by, and whether more of it is better.
const COMPARED: [(&str, bool); 2] = [("roc_auc", true), ("log_loss", false)];

impl ComparisonReport {
    /// The report of `tasks`, which all have the same models in the same order.
    #[must_use]
    pub fn new(tasks: Vec<TaskSection>, seed: u64, versions: BTreeMap<String, String>) -> Self {
        Self {
            overall: overall(&tasks),
            tasks,
            seed,
            versions,
        }
    }

    /// The same with the models of `other`, measured on the same splits of the same tables; tables that `other` does not
    /// have are left out, with their names returned.
    ///
    /// # Errors
    /// [`Error::OtherRows`] when a table has other rows, classes or splits there.
    pub fn merge(self, other: &Self) -> Result<(Self, Vec<String>)> {
        let (mut merged, mut left_out) = (Vec::new(), Vec::new());
        for mut task in self.tasks {
            let Some(found) = other.tasks.iter().find(|found| found.name == task.name) else {
                left_out.push(task.name);
                continue;
            };
            let n_splits = |task: &TaskSection| task.models.first().map_or(0, |model| model.splits.len());
            let of = |task: &TaskSection| (task.n, task.n_classes, n_splits(task));
            if of(&task) != of(found) {
                return Err(Error::OtherRows {
                    task: task.name.clone(),
                    expected: of(&task),
                    found: of(found),
                });
            }
            task.models.extend(found.models.iter().cloned());
            merged.push(task);
        }
        let mut versions = self.versions;
        versions.extend(other.versions.clone());
        Ok((Self::new(merged, self.seed, versions), left_out))
    }
}

/// The mean; undefined where one of them is, and of none.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// What it comes to over all tables.
fn overall(tasks: &[TaskSection]) -> Vec<OverallSection> {
    let Some(first) = tasks.first() else {
        return Vec::new();
    };
    let means = |index: usize| tasks.iter().map(move |task| task.models[index].mean());
    let model = |index: usize| {
        let each: Vec<MetricsSection> = means(index).collect();
        let seconds: f64 = tasks.iter().map(|task| task.models[index].fit_seconds()).sum();
        let others = (0..first.models.len()).filter(|other| *other != index);
        let against = others.flat_map(|other| {
            COMPARED.map(|(metric, more_is_better)| {
                let differences: Vec<f64> = means(index)
                    .zip(means(other))
                    .filter_map(|(own, other)| Some(own.get(metric)? - other.get(metric)?))
                    .collect();
                let better = |difference: &&f64| {
                    if more_is_better {
                        **difference > 0.0
                    } else {
                        **difference < 0.0
                    }
                };
                let n_tasks = differences.len();
                PairedSection {
                    against: first.models[other].name.clone(),
                    metric: metric.to_owned(),
                    difference: differences.iter().sum::<f64>() / n_tasks.max(1) as f64,
                    n_better: differences.iter().filter(better).count(),
                    n_tasks,
                    p_value: signed_rank_test(&differences).ok().map(|test| test.p_value),
                }
            })
        });
        OverallSection {
            name: first.models[index].name.clone(),
            metrics: MetricsSection::mean(&each),
            calibration_floor: mean(tasks.iter().map(|task| task.models[index].calibration_floor())),
            fit_seconds: seconds / tasks.len() as f64,
            against: against.collect(),
        }
    };
    (0..first.models.len()).map(model).collect()
}

impl TaskModelSection {
    /// The means over the splits.
    #[must_use]
    pub fn mean(&self) -> MetricsSection {
        let each: Vec<MetricsSection> = self.splits.iter().map(|split| split.metrics).collect();
        MetricsSection::mean(&each)
    }

    /// The mean over the splits of the calibration error to expect of a perfectly calibrated model; undefined where one
    /// of them was not simulated.
    #[must_use]
    pub fn calibration_floor(&self) -> Option<f64> {
        mean(
            self.splits
                .iter()
                .map(|split| split.calibration_floor.map(|floor| floor.mean)),
        )
    }

    /// The mean seconds of a fit.
    #[must_use]
    pub fn fit_seconds(&self) -> f64 {
        self.splits.iter().map(|split| split.fit_seconds).sum::<f64>() / self.splits.len().max(1) as f64
    }
}

/// The comparison for the terminal: ROC AUC by table and model, then the means, then the paired tests.
#[must_use]
pub fn comparison_text(report: &ComparisonReport) -> String {
    let mut by_task = Table::new();
    let names = report
        .overall
        .iter()
        .map(|model| printable(&model.name).into_owned());
    let header = ["ROC AUC".to_owned(), "n".to_owned()];
    by_task
        .load_style(STYLE)
        .set_header(header.into_iter().chain(names));
    for task in &report.tasks {
        let start = [printable(&task.name).into_owned(), task.n.to_string()];
        let scores = task.models.iter().map(|model| {
            let interval = model.intervals.get("roc_auc").copied().flatten();
            interval.map_or_else(
                || number(model.mean().roc_auc, 3),
                |Interval { lower, upper, .. }| {
                    format!("{} [{lower:.3}, {upper:.3}]", number(model.mean().roc_auc, 3))
                },
            )
        });
        by_task.add_row(start.into_iter().chain(scores));
    }
    let mut overall = Table::new();
    let shown = SHOWN.iter().map(|(_, words)| (*words).to_owned());
    let header = std::iter::once("mean over tables".to_owned()).chain(shown);
    overall
        .load_style(STYLE)
        .set_header(header.chain([FLOOR.to_owned(), "fit s".to_owned()]));
    for model in &report.overall {
        let scores = SHOWN.iter().map(|(name, _)| number(model.metrics.get(name), 4));
        let row = std::iter::once(printable(&model.name).into_owned()).chain(scores);
        let floor = number(model.calibration_floor, 4);
        overall.add_row(row.chain([floor, format!("{:.3}", model.fit_seconds)]));
    }
    let mut text = format!("{}\n\n{}\n", table_text(&mut by_task), table_text(&mut overall));
    let _ = writeln!(
        text,
        "{FLOOR}: the calibration error that a perfectly calibrated model would have here"
    );
    let pairs: Vec<String> = sentences(report);
    if !pairs.is_empty() {
        let _ = write!(text, "\n{}\n", pairs.join("\n"));
    }
    for (task, model) in warned(report) {
        let _ = writeln!(
            text,
            "note on {} ({}): {}",
            printable(&model.name),
            printable(&task.name),
            printable(&model.warnings[0])
        );
    }
    text
}

/// The comparison as Markdown, all four scores by table and model.
#[must_use]
pub fn comparison_markdown(report: &ComparisonReport) -> String {
    let mut text = String::from("| table | n | model |");
    let header = |text: &mut String| {
        for (_, words) in SHOWN {
            let _ = write!(text, " {words} |");
        }
        let _ = writeln!(text, " {FLOOR} | fit s |");
    };
    header(&mut text);
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    let scores = |text: &mut String, metrics: MetricsSection, floor: Option<f64>, seconds: f64| {
        for (name, _) in SHOWN {
            let _ = write!(text, " {} |", number(metrics.get(name), 4));
        }
        let _ = writeln!(text, " {} | {seconds:.3} |", number(floor, 4));
    };
    for task in &report.tasks {
        for model in &task.models {
            let _ = write!(text, "| {} | {} | {} |", escaped(&task.name), task.n, model.name);
            scores(
                &mut text,
                model.mean(),
                model.calibration_floor(),
                model.fit_seconds(),
            );
        }
    }
    for model in &report.overall {
        let _ = write!(text, "| **mean** | | **{}** |", model.name);
        scores(
            &mut text,
            model.metrics,
            model.calibration_floor,
            model.fit_seconds,
        );
    }
    let pairs = sentences(report);
    if !pairs.is_empty() {
        let _ = write!(text, "\n- {}\n", pairs.join("\n- "));
    }
    text
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn escaped(text: &str) -> String {
    printable(text).replace('|', "\\|")
}

/// One sentence a pair of models; each pair once, in the order of the models.
pub(crate) fn sentences(report: &ComparisonReport) -> Vec<String> {
    let position = |name: &str| report.overall.iter().position(|model| model.name == name);
    let mut sentences = Vec::new();
    // One table is no sample of tables.
    let models = report
        .overall
        .iter()
        .enumerate()
        .filter(|_| report.tasks.len() > 1);
    for (index, model) in models {
        for pair in model
            .against
            .iter()
            .filter(|pair| position(&pair.against) < Some(index))
        {
            let metric = if pair.metric == "roc_auc" {
                "ROC AUC"
            } else {
                "log loss"
            };
            let p = match pair.p_value {
                None => "no test".to_owned(),
                Some(p) if p < 0.001 => "p < 0.001".to_owned(),
                Some(p) => format!("p = {p:.3}"),
            };
            sentences.push(format!(
                "{} against {}: {metric} {:+.4} on average, better on {} of {} tables ({p}).",
                model.name, pair.against, pair.difference, pair.n_better, pair.n_tasks
            ));
        }
    }
    sentences
}

pub(crate) fn warned(report: &ComparisonReport) -> impl Iterator<Item = (&TaskSection, &TaskModelSection)> {
    let all = report
        .tasks
        .iter()
        .flat_map(|task| task.models.iter().map(move |model| (task, model)));
    all.filter(|(_, model)| !model.warnings.is_empty())
}
