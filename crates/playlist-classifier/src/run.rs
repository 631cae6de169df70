//! Running an experiment: fit several models on each split, score and compare them.

use std::time::Instant;

use playlist_core::{Classifier, FeatureMatrix, Labels, PriorCorrection, Probabilities, Reweighted};
use playlist_dataset::Split;
use playlist_metrics::ThresholdRule;
use playlist_report::{
    CHANCE, ClassShares, ExperimentReport, LARGER_TEST_CLASS, MetricsSection, ModelSection, PriorSection,
    SplitSection, TestsSection, verdict,
};

use crate::evaluate::{
    PartSizes, Scores, against_baseline, against_chance, against_majority, intervals_over_repeats,
    learn_threshold, over_repeats, score, test_loss,
};
use crate::experiment::class_counts;
use crate::model::{AnyPipeline, FittedModel, fit};
use crate::saved::{SavedModel, TrainingInfo};
use crate::splits::Fitted;
use crate::{Experiment, ModelName, Result, versions};

/// What [`Experiment::run`] found out.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that is reported.
    pub report: ExperimentReport,
    /// The models of the first split, in the order asked for.
    pub models: Vec<SavedModel>,
    /// The first split.
    pub split: Split,
    /// Each model's probabilities for all tracks, in the order of the models.
    pub predictions: Vec<Probabilities>,
}

/// One model fitted and scored on one split.
pub(crate) struct Run {
    model: Reweighted<AnyPipeline>,
    threshold: Option<f64>,
    pub(crate) scores: Scores,
    /// Whether the larger class of the training part is the larger one of the test part too.
    has_same_majority: bool,
    pub(crate) p_test: Probabilities,
    pub(crate) fit_seconds: f64,
    notes: Vec<String>,
    pub(crate) predict_seconds: f64,
}

impl Experiment {
    /// Fits and scores every model on every split, several splits side by side where no model uses all cores by itself.
    ///
    /// After a stop was asked for, the splits in progress are finished (a network stops after its epoch) and no
    /// further one begun.
    ///
    /// # Errors
    /// Those of splitting, fitting and scoring.
    pub fn run(&self) -> Result<Outcome> {
        let Fitted {
            first,
            sizes,
            mut runs,
        } = self.fit_all(self.splits())?;
        let models = (0..self.config.models.len())
            .map(|index| self.model_section(index, &runs, &first, sizes))
            .collect::<Result<_>>()?;
        let correction = runs[0].iter().find_map(|run| run.model.correction());
        let report = self.report(&first, (runs.len(), self.n_splits()), correction, models);
        let first_runs = runs.swap_remove(0);
        let predictions = first_runs
            .iter()
            .map(|run| Ok(run.model.predict_proba(&self.x)?))
            .collect::<Result<_>>()?;
        let models = first_runs
            .into_iter()
            .zip(&self.config.models)
            .map(|(run, name)| self.saved(*name, run, &first))
            .collect();
        Ok(Outcome {
            report,
            models,
            split: first,
            predictions,
        })
    }

    /// The rows of a part.
    fn part(&self, rows: &[usize]) -> (FeatureMatrix, Labels) {
        (self.x.select_rows(rows), self.labels.select_rows(rows))
    }

    pub(crate) fn fit(&self, name: ModelName, split: &Split, seed: u64, shows_progress: bool) -> Result<Run> {
        let (train_x, train_y) = self.part(&split.train);
        let (test_x, test_y) = self.part(&split.test);
        let mut settings = self.config.fit.clone();
        settings.training.seed = seed;
        settings.show_progress &= shows_progress;
        let (train, test) = ((&train_x, &train_y), (&test_x, &test_y));
        let FittedModel {
            pipeline,
            seconds: fit_seconds,
            notes,
        } = fit(name, &self.features, train, test, &settings)?;
        let correction = match name {
            // What the others are measured against stays as it is.
            ModelName::Majority => None,
            _ => self.config.prior.correction(&train_y)?,
        };
        let model = Reweighted::new(pipeline, correction)?;
        let threshold = match self.config.threshold {
            // It has no threshold to learn: it answers with the larger class.
            _ if name == ModelName::Majority => None,
            ThresholdRule::Fixed(threshold) => (self.labels.n_classes() == 2).then_some(threshold),
            rule => {
                let p = match model.classifier().classifier().out_of_fold() {
                    Some(p) => model.correct(p.clone())?,
                    None => model.predict_proba(&train_x)?,
                };
                learn_threshold(rule, &train_y, &p)?
            }
        };
        let start = Instant::now();
        let p_test = model.predict_proba(&test_x)?;
        let predict_seconds = start.elapsed().as_secs_f64();
        let mut scores = score(&test_y, &p_test, threshold)?;
        scores.metrics.test_loss = test_loss(model.classifier(), &test_x, &test_y, scores.metrics.log_loss)?;
        Ok(Run {
            model,
            threshold,
            scores,
            has_same_majority: has_same_majority(&train_y, &test_y),
            p_test,
            fit_seconds,
            notes,
            predict_seconds,
        })
    }

    /// What one model came to over all splits.
    fn model_section(
        &self,
        index: usize,
        runs: &[Vec<Run>],
        first: &Split,
        sizes: PartSizes,
    ) -> Result<ModelSection> {
        let name = self.config.models[index];
        let own: Vec<&Run> = runs.iter().map(|run| &run[index]).collect();
        let repeats: Vec<MetricsSection> = own.iter().map(|run| run.scores.metrics).collect();
        let mean =
            |seconds: fn(&Run) -> f64| own.iter().map(|run| seconds(run)).sum::<f64>() / own.len() as f64;
        let (metrics, intervals) = match own.as_slice() {
            [only] => (only.scores.metrics, only.scores.intervals.clone()),
            _ => (
                MetricsSection::mean(&repeats),
                intervals_over_repeats(&repeats, sizes, self.labels.n_classes()),
            ),
        };
        let tests = self.tests(index, runs, first, sizes)?;
        let mut warnings = warnings(&own);
        let unusable = own[0].model.classifier().transformer().unusable_columns();
        if !unusable.is_empty() {
            warnings.push(format!(
                "no training track has a value of {}: not used",
                unusable.join(", ")
            ));
        }
        Ok(ModelSection {
            name: name.to_string(),
            fit_seconds: Some(mean(|run| run.fit_seconds)),
            predict_seconds: mean(|run| run.predict_seconds),
            metrics,
            intervals,
            verdict: if name == ModelName::Majority {
                majority_verdict(runs)
            } else {
                verdict(name.name(), &tests)
            },
            tests,
            warnings,
            notes: own[0].notes.clone(),
            repeats: if own.len() > 1 { repeats } else { Vec::new() },
        })
    }

    fn tests(
        &self,
        index: usize,
        runs: &[Vec<Run>],
        first: &Split,
        sizes: PartSizes,
    ) -> Result<TestsSection> {
        let name = self.config.models[index];
        if name == ModelName::Majority {
            return Ok(TestsSection::default());
        }
        let baseline = self
            .config
            .models
            .iter()
            .position(|model| *model == ModelName::LogisticRaw);
        let baseline = baseline.filter(|baseline| *baseline != index);
        let baseline_name = ModelName::LogisticRaw.name();
        let reference = reference(runs);
        if let [run] = runs {
            let test_y = self.labels.select_rows(&first.test);
            let majority = Some(against_majority(&run[index].scores.majority, reference));
            let compare = |other: usize| {
                against_baseline(baseline_name, &test_y, &run[index].p_test, &run[other].p_test)
            };
            return Ok(TestsSection {
                chance: against_chance(&test_y, &run[index].p_test)?,
                majority,
                baseline: baseline.map(compare).transpose()?,
            });
        }
        let majority: Vec<(f64, f64)> = runs
            .iter()
            .map(|run| {
                (
                    run[index].scores.majority.accuracy,
                    run[index].scores.majority.majority_share,
                )
            })
            .collect();
        let auc = |run: &Run| run.scores.metrics.roc_auc;
        let above_chance: Option<Vec<(f64, f64)>> =
            runs.iter().map(|run| Some((auc(&run[index])?, 0.5))).collect();
        let chance = above_chance.and_then(|pairs| over_repeats(CHANCE, "roc_auc", &pairs, sizes));
        let baseline = baseline.and_then(|other| {
            let pairs: Option<Vec<(f64, f64)>> = runs
                .iter()
                .map(|run| auc(&run[index]).zip(auc(&run[other])))
                .collect();
            over_repeats(baseline_name, "roc_auc", &pairs?, sizes)
        });
        let majority = over_repeats(reference, "accuracy", &majority, sizes);
        Ok(TestsSection {
            chance,
            majority,
            baseline,
        })
    }

    pub(crate) fn report(
        &self,
        split: &Split,
        (repeats, repeats_asked): (usize, usize),
        correction: Option<&PriorCorrection>,
        models: Vec<ModelSection>,
    ) -> ExperimentReport {
        let method = &self.config.split;
        let prior = prior_section(
            &self.config.prior.to_string(),
            correction,
            self.labels.class_names(),
        );
        ExperimentReport {
            dataset: self.dataset.clone(),
            split: SplitSection {
                method: method.name().to_owned(),
                group_by: method.group_by().to_string(),
                test_fraction: method.test_fraction(),
                folds: method.n_folds(),
                n_train: split.train.len(),
                n_valid: split.valid.len(),
                n_test: split.test.len(),
                test_classes: class_counts(&self.labels.select_rows(&split.test)),
                repeats,
                repeats_asked,
            },
            prior,
            seed: self.config.seed,
            versions: versions(self.config.fit.backend),
            models,
            explanation: None,
        }
    }

    fn saved(&self, name: ModelName, run: Run, split: &Split) -> SavedModel {
        let (known_by, seen) = SavedModel::keys(&self.features, &self.table, &split.train);
        SavedModel::new(
            run.model,
            name,
            run.threshold,
            TrainingInfo {
                fingerprint: self.dataset.fingerprint.clone(),
                n_train: split.train.len(),
                seed: self.config.seed,
                metrics: run.scores.metrics,
                known_by,
                seen,
            },
        )
    }
}

/// The class shares that probabilities hold for, as `setting` asked for them.
fn prior_section(
    setting: &str,
    correction: Option<&PriorCorrection>,
    class_names: &[String],
) -> PriorSection {
    let shares =
        correction.map(|correction| correction.training_shares().iter().zip(correction.new_shares()));
    let classes = class_names.iter().zip(shares.into_iter().flatten());
    PriorSection {
        setting: setting.to_owned(),
        classes: classes
            .map(|(name, (training, new))| ClassShares {
                name: name.clone(),
                training: *training,
                new: *new,
            })
            .collect(),
    }
}

/// Whether always answering the larger class of the training part is as often right on the test part as always
/// answering the larger one there. Of equal classes [`playlist_core::Majority`] answers the positive one of two, the
/// first of more.
fn has_same_majority(train_y: &Labels, test_y: &Labels) -> bool {
    let (train, test) = (train_y.class_counts(), test_y.class_counts());
    let most = train.iter().max();
    let answer = if train.len() == 2 {
        train.iter().rposition(|count| Some(count) == most)
    } else {
        train.iter().position(|count| Some(count) == most)
    };
    answer.map(|class| test[class]) == test.iter().copied().max()
}

/// What every model is measured against: the majority model, where that answers the larger class of the test part.
fn reference(runs: &[Vec<Run>]) -> &'static str {
    if runs.iter().flatten().all(|run| run.has_same_majority) {
        ModelName::Majority.name()
    } else {
        LARGER_TEST_CLASS
    }
}

fn majority_verdict(runs: &[Vec<Run>]) -> String {
    let name = ModelName::Majority.name();
    if reference(runs) == name {
        return verdict(name, &TestsSection::default());
    }
    format!(
        "{name} always answers the larger class of the training part; the others are measured against always \
         answering the larger class of the test part, which is another."
    )
}

/// The warnings of the first split that has any; with several splits it is said in how many.
pub(crate) fn warnings(runs: &[&Run]) -> Vec<String> {
    let each: Vec<Vec<String>> = runs
        .iter()
        .map(|run| run.model.classifier().classifier().warnings())
        .filter(|each| !each.is_empty())
        .collect();
    let first = each.first().cloned().unwrap_or_default();
    if runs.len() == 1 {
        return first;
    }
    let counted = |warning| format!("in {} of {} splits: {warning}", each.len(), runs.len());
    first.into_iter().map(counted).collect()
}
