//! The model that ranks candidates: tested, calibrated, and trained on everything.

use std::path::Path;

use playlist_core::{AudioFeature, Classifier, FeatureMatrix, Labels};
use playlist_metrics::{
    auc_better_than_chance, auc_better_than_chance_over_folds, delong_interval, expected_calibration_error,
    log_loss,
};
use playlist_report::{CheckMethod, CheckSection, RankedTrack, RankingModelSection, Reason, check_verdict};

use crate::candidates::{Keys, KnownTracks};
use crate::check::{Calibrator, Opinion, Unseen, cross_validate, fit_all, opinions};
use crate::model::{AnyClassifier, AnyPipeline};
use crate::rank::{Material, RankingConfig};
use crate::reason::Explainer;
use crate::saved::SavedModel;
use crate::{Error, Experiment, ModelName, Result};

/// The parts of the check.
const FOLDS: usize = 5;

/// The fewest likes, and the fewest others, on which a check says anything: Mann and Whitney's test is good from about
/// eight on, and every part needs two.
const FEWEST: usize = 10;

/// The level of every interval.
const LEVEL: f64 = 0.95;

/// The model that ranks, and what is known of it.
pub(crate) struct Ranker {
    pub(crate) check: CheckSection,
    pub(crate) section: RankingModelSection,
    model: RankingModel,
    /// What makes probabilities of what the model says; `None` where they stay as they are.
    calibrator: Option<Calibrator>,
    /// The tracks learnt from, in the model's columns, and their classes in its order.
    x: FeatureMatrix,
    labels: Labels,
    /// What each of them got unseen; `None` for those that were not scored unseen.
    unseen: Vec<Option<Opinion>>,
}

/// Trained here, or loaded.
enum RankingModel {
    Trained(Box<AnyPipeline>),
    Loaded(Box<SavedModel>),
}

/// A candidate's numbers.
struct Scored {
    index: usize,
    /// As the model gives it: what is sorted by.
    raw: f64,
    probability: f64,
    between: Option<(f64, f64)>,
}

impl RankingModel {
    fn pipeline(&self) -> &AnyPipeline {
        match self {
            Self::Trained(pipeline) => pipeline,
            Self::Loaded(model) => model.pipeline(),
        }
    }
}

impl Ranker {
    /// Tests, then trains on everything.
    pub(crate) fn train(config: &RankingConfig, material: &Material, tell: &dyn Fn(&str)) -> Result<Self> {
        let experiment = &material.experiment;
        let fewest = experiment.labels.class_counts().into_iter().min().unwrap_or(0);
        let (check, calibrator, unseen) = if fewest < FEWEST {
            (
                untested(experiment, fewest),
                Calibrator::none(material.share_of_likes()),
                None,
            )
        } else {
            let unseen =
                cross_validate(experiment, ModelName::Ensemble, FOLDS, tell)?.ok_or(Error::Stopped)?;
            let (check, calibrator) = checked(experiment, &unseen)?;
            (check, calibrator, Some(unseen.opinions))
        };
        tell("training on everything");
        let pipeline = fit_all(experiment, ModelName::Ensemble)?;
        if experiment.config.fit.stop.is_requested() {
            return Err(Error::Stopped);
        }
        let n_tracks = experiment.table.n_tracks();
        Ok(Self {
            calibrator: Some(calibrator),
            check,
            unseen: unseen.map_or_else(
                || vec![None; n_tracks],
                |opinions| opinions.into_iter().map(Some).collect(),
            ),
            section: RankingModelSection {
                name: ModelName::Ensemble.to_string(),
                loaded_from: None,
                n_train: n_tracks,
                others: material.others,
                prior: Some(config.prior),
                n_networks: n_networks(&pipeline),
                warnings: pipeline.classifier().warnings(),
            },
            x: experiment.x.clone(),
            labels: experiment.labels.clone(),
            model: RankingModel::Trained(Box::new(pipeline)),
        })
    }

    /// Loads a model and tests it on those tracks that it has not seen.
    pub(crate) fn load(path: &Path, config: &RankingConfig, material: &mut Material) -> Result<Self> {
        let model = SavedModel::load(path, config.fit.backend)?;
        let experiment = &mut material.experiment;
        let (labels, notes) = model.match_labels(&experiment.labels, true)?;
        let is_turned = labels
            .y()
            .iter()
            .zip(experiment.labels.y())
            .any(|(own, role)| own != role);
        if is_turned || labels.n_classes() != 2 {
            return Err(Error::OtherClasses {
                expected: model.class_names().to_vec(),
                found: experiment.labels.class_names().to_vec(),
            });
        }
        let features = model.features();
        let x = experiment.table.features(&features)?;
        let has_seen = model.has_seen(&experiment.table);
        let rows: Vec<usize> = (0..has_seen.len()).filter(|row| !has_seen[*row]).collect();
        let mut unseen: Vec<Option<Opinion>> = vec![None; has_seen.len()];
        for (row, opinion) in rows
            .iter()
            .zip(opinions(model.pipeline(), &x.select_rows(&rows))?)
        {
            unseen[*row] = Some(opinion);
        }
        let y = labels.select_rows(&rows);
        let check = if y.class_counts().iter().all(|count| *count >= FEWEST) {
            let p: Vec<f64> = unseen.iter().flatten().map(|opinion| opinion.p[1]).collect();
            check_of(CheckMethod::Unseen, &y.positives()?, &p)?
        } else {
            remembered(&model, &y)
        };
        experiment.dataset.features = model.columns().to_vec();
        experiment.dataset.missing = crate::experiment::missing_counts(&x);
        experiment.dataset.notes.extend(notes);
        Ok(Self {
            check,
            section: RankingModelSection {
                name: model.name().to_string(),
                loaded_from: Some(path.display().to_string()),
                n_train: model.training().n_train,
                others: material.others,
                prior: None,
                n_networks: n_networks(model.pipeline()),
                warnings: Vec::new(),
            },
            model: RankingModel::Loaded(Box::new(model)),
            calibrator: None,
            x,
            labels,
            unseen,
        })
    }

    /// Whether likes have a probability from before the model had seen them.
    pub(crate) fn knows_likes_unseen(&self) -> bool {
        let likes = self
            .unseen
            .iter()
            .zip(self.labels.y())
            .filter(|(_, class)| **class == 1);
        likes.clone().count() > 0 && likes.clone().all(|(opinion, _)| opinion.is_some())
    }

    /// The candidates that are wanted, the most probable first.
    pub(crate) fn rank(&self, config: &RankingConfig, material: &Material) -> Result<Vec<RankedTrack>> {
        let features: Vec<AudioFeature> = self
            .x
            .columns()
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?;
        let candidates = &material.candidates;
        let x = candidates.matrix(&features)?;
        let mut scored = self.score(config, material, &x)?;
        scored.sort_by(|a, b| b.raw.total_cmp(&a.raw).then(a.index.cmp(&b.index)));
        scored.retain(|one| {
            let is_new = candidates.scored[one.index].shown.liked.is_none();
            (is_new || !config.new_only) && one.probability >= config.min_probability
        });
        scored.truncate(config.top.unwrap_or(usize::MAX));
        let explained: Vec<usize> = scored
            .iter()
            .take(config.n_explained)
            .map(|one| one.index)
            .collect();
        let pipeline = self.model.pipeline();
        let explainer = Explainer::new(pipeline, &self.x, &self.labels, material.others, config.seed)?;
        let mut reasons: Vec<Option<Vec<Reason>>> =
            explainer.explain(&x, &explained)?.into_iter().map(Some).collect();
        reasons.resize(scored.len(), None);
        let likes = self.unseen_likes();
        let ranked = scored
            .iter()
            .zip(reasons)
            .enumerate()
            .map(|(place, (one, reasons))| {
                let candidate = &candidates.scored[one.index];
                let n_below = likes.partition_point(|p| *p < one.raw);
                RankedTrack {
                    rank: place + 1,
                    track: candidate.shown.clone(),
                    probability: one.probability,
                    lowest: one.between.map(|between| between.0),
                    highest: one.between.map(|between| between.1),
                    above_likes: (!likes.is_empty()).then(|| n_below as f64 / likes.len() as f64),
                    missing: candidate.missing(&features),
                    reasons,
                }
            });
        Ok(ranked.collect())
    }

    /// The numbers of each candidate. One that is among the tracks learnt from has those that it got unseen.
    fn score(&self, config: &RankingConfig, material: &Material, x: &FeatureMatrix) -> Result<Vec<Scored>> {
        let table = &material.experiment.table;
        let mut rows: KnownTracks<usize> = KnownTracks::default();
        for row in 0..table.n_tracks() {
            rows.add(&Keys::of_row(table, row), &row);
        }
        let mut opinions = opinions(self.model.pipeline(), x)?;
        for (opinion, candidate) in opinions.iter_mut().zip(&material.candidates.scored) {
            let unseen = rows
                .find(&candidate.keys)
                .and_then(|(_, row)| self.unseen[*row].clone());
            if let Some(unseen) = unseen {
                *opinion = unseen;
            }
        }
        let brought = |p: f64| {
            self.calibrator
                .map_or(p, |calibrator| calibrator.apply(p, config.prior))
        };
        let scored = opinions.into_iter().enumerate().map(|(index, opinion)| {
            let between = opinion.between.as_ref();
            Scored {
                index,
                raw: opinion.p[1],
                probability: brought(opinion.p[1]),
                between: between.map(|(lowest, highest)| (brought(lowest[1]), brought(highest[1]))),
            }
        });
        Ok(scored.collect())
    }

    /// What the likes got unseen, ascending.
    fn unseen_likes(&self) -> Vec<f64> {
        let likes = self
            .unseen
            .iter()
            .zip(self.labels.y())
            .filter(|(_, class)| **class == 1);
        let mut p: Vec<f64> = likes
            .filter_map(|(opinion, _)| Some(opinion.as_ref()?.p[1]))
            .collect();
        p.sort_by(f64::total_cmp);
        p
    }
}

/// What the file of a model says of how well it did, where there are too few tracks that it has not seen.
fn remembered(model: &SavedModel, unseen: &Labels) -> CheckSection {
    let metrics = &model.training().metrics;
    let (_, verdict) = check_verdict(metrics.roc_auc, None, None);
    let counts = unseen.class_counts();
    CheckSection {
        method: CheckMethod::Remembered,
        n_likes: counts[1],
        n_others: counts[0],
        roc_auc: metrics.roc_auc,
        roc_auc_interval: None,
        p_value: None,
        log_loss: metrics.log_loss,
        calibration_error: metrics.calibration_error,
        is_better_than_chance: metrics.roc_auc.filter(|auc| *auc <= 0.5).map(|_| false),
        verdict,
    }
}

fn n_networks(pipeline: &AnyPipeline) -> Option<usize> {
    match pipeline.classifier() {
        AnyClassifier::Ensemble(ensemble) => Some(ensemble.n_members()),
        _ => None,
    }
}

/// The check of a model that answered for every track unseen, and what brings its probabilities into line.
fn checked(experiment: &Experiment, unseen: &Unseen) -> Result<(CheckSection, Calibrator)> {
    let p: Vec<f64> = unseen.opinions.iter().map(|opinion| opinion.p[1]).collect();
    let y = experiment.labels.positives()?;
    let calibrator = Calibrator::fit(&p, &y);
    // What is said of the calibration rests on tracks that it was not learnt from.
    let mut calibrated = vec![0.0; p.len()];
    for fold in 0..FOLDS {
        let is_other = |row: &usize| unseen.fold[*row] != fold;
        let (others, y_others): (Vec<f64>, Vec<bool>) =
            (0..p.len()).filter(is_other).map(|row| (p[row], y[row])).unzip();
        let of_others = Calibrator::fit(&others, &y_others);
        for row in (0..p.len()).filter(|row| !is_other(row)) {
            calibrated[row] = of_others.apply(p[row], of_others.share());
        }
    }
    let mut check = check_of(CheckMethod::CrossValidation { folds: FOLDS }, &y, &p)?;
    check.log_loss = log_loss(&y, &calibrated).ok();
    check.calibration_error = expected_calibration_error(&y, &calibrated, Default::default()).ok();
    Ok((check, calibrator))
}

/// The check of probabilities of unseen tracks.
fn check_of(method: CheckMethod, y: &[bool], p: &[f64]) -> Result<CheckSection> {
    let n_likes = y.iter().filter(|label| **label).count();
    let test = match method {
        CheckMethod::CrossValidation { folds } => auc_better_than_chance_over_folds(y, p, folds)?,
        _ => auc_better_than_chance(y, p)?,
    };
    let interval = delong_interval(y, p, LEVEL).ok().map(|delong| delong.interval);
    let (is_better_than_chance, verdict) = check_verdict(Some(test.auc), interval, Some(test.p_value));
    Ok(CheckSection {
        method,
        n_likes,
        n_others: y.len() - n_likes,
        roc_auc: Some(test.auc),
        roc_auc_interval: interval,
        p_value: Some(test.p_value),
        log_loss: log_loss(y, p).ok(),
        calibration_error: expected_calibration_error(y, p, Default::default()).ok(),
        is_better_than_chance,
        verdict,
    })
}

fn untested(experiment: &Experiment, fewest: usize) -> CheckSection {
    let counts = experiment.labels.class_counts();
    let name = |class: usize| &experiment.labels.class_names()[class];
    let class = usize::from(counts[1] <= counts[0]);
    CheckSection {
        method: CheckMethod::Untested,
        n_likes: counts[1],
        n_others: counts[0],
        roc_auc: None,
        roc_auc_interval: None,
        p_value: None,
        log_loss: None,
        calibration_error: None,
        is_better_than_chance: None,
        verdict: format!(
            "{fewest} tracks of `{}` are too few to tell whether a ranking is better than chance: expected at least {FEWEST}",
            name(class)
        ),
    }
}
