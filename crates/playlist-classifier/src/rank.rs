//! Candidates in the order in which they are worth hearing: what `examples/rank_tracks.rs` does.

use std::path::PathBuf;

use playlist_core::AudioFeature;
use playlist_dataset::{ReadOptions, read_table};
use playlist_report::{CheckMethod, DroppedCount, Others, RankedTrack, RankingReport};

use crate::candidates::{Candidates, KnownTracks, Lookup, keys, without};
use crate::collect::{Collected, Listed, list};
use crate::experiment::class_names;
use crate::ranker::Ranker;
use crate::reason::evenly;
use crate::{Error, Experiment, ExperimentConfig, FitSettings, Result, telltale, versions};

/// Tracks of other music that are drawn for each like, where nobody says how many: with many more the likes drown, and
/// with fewer than these, or than `FEWEST_BACKGROUND`, too little of other music is seen (measured in `docs/uses.md`).
const BACKGROUND_A_LIKE: usize = 5;

/// The fewest that are drawn.
const FEWEST_BACKGROUND: usize = 300;

/// The most: more cost time.
const MOST_BACKGROUND: usize = 3_000;

/// What is ranked, by what, and how much of it is wanted.
#[derive(Clone, Debug)]
pub struct RankingConfig {
    /// Files of tracks that the listener likes, of any kind that [`playlist_import::import`] reads; `PATH#NAME` takes
    /// one playlist of a file of many, `-` is standard input.
    pub likes: Vec<PathBuf>,
    /// Files of tracks that the listener does not like; without any, likes are held against `background`.
    pub dislikes: Vec<PathBuf>,
    /// A table of other music, such as the shipped `datasets/background.parquet`.
    pub background: PathBuf,
    /// How many of its tracks are drawn; `None` for five a like, 300 at least and 3,000 at most.
    pub n_background: Option<usize>,
    /// Files of tracks to rank.
    pub candidates: Vec<PathBuf>,
    /// A saved model to rank with, instead of training one.
    pub model: Option<PathBuf>,
    /// Where features are looked up that files do not bring along.
    pub lookup: Lookup,
    /// Features to leave out.
    pub drop: Vec<AudioFeature>,
    /// The share of tracks such as the candidates that the listener likes, in (0, 1): what the probabilities assume.
    pub prior: f64,
    /// The most tracks that are wanted; `None` for all.
    pub top: Option<usize>,
    /// Tracks below this probability are not wanted.
    pub min_probability: f64,
    /// For the first so many of them reasons are given.
    pub n_explained: usize,
    /// Whether candidates that are among the likes already are left out.
    pub new_only: bool,
    /// Whether candidates are ranked although likes are not told from others better than by chance.
    pub anyway: bool,
    /// Decides folds, initial weights, shuffling, and what reasons are held against.
    pub seed: u64,
    /// How networks are trained.
    pub fit: FitSettings,
}

impl Default for RankingConfig {
    fn default() -> Self {
        Self {
            likes: Vec::new(),
            dislikes: Vec::new(),
            background: PathBuf::from("datasets/background.parquet"),
            n_background: None,
            candidates: Vec::new(),
            model: None,
            lookup: Lookup::default(),
            drop: Vec::new(),
            prior: 0.5,
            top: None,
            min_probability: 0.0,
            n_explained: 20,
            new_only: false,
            anyway: false,
            seed: 0,
            fit: FitSettings::default(),
        }
    }
}

/// What is learnt from, and what there is to rank.
pub(crate) struct Material {
    pub(crate) experiment: Experiment,
    pub(crate) candidates: Candidates,
    pub(crate) others: Others,
}

/// Ranks candidates by the probability that the listener likes them, and says why.
///
/// A model is trained on likes and dislikes (or other music) in two steps: first it is tested on parts of them that it
/// has not seen, which also calibrates its probabilities; then it is trained on all of them. A candidate that is
/// among the likes gets the probability that it had in the test, unseen. Where the test does not show that likes are told
/// from others better than by chance, nothing is ranked unless [`RankingConfig::anyway`] says so:
/// [`is_better_than_chance`](playlist_report::CheckSection::is_better_than_chance) and an empty [`RankingReport::tracks`] tell. `tell` is called before each
/// step.
///
/// # Errors
/// Settings out of range; those of reading, looking up, cleaning and fitting; [`Error::Stopped`].
pub fn rank_tracks(config: &RankingConfig, tell: &dyn Fn(&str)) -> Result<RankingReport> {
    config.validate()?;
    let mut material = Material::read(config)?;
    let ranker = match &config.model {
        Some(path) => Ranker::load(path, config, &mut material)?,
        None => Ranker::train(config, &material, tell)?,
    };
    let mut report = RankingReport {
        dataset: material.experiment.dataset.clone(),
        candidates: material.candidates.section.clone(),
        check: ranker.check.clone(),
        model: ranker.section.clone(),
        is_refused: false,
        tracks: Vec::new(),
        without_features: material
            .candidates
            .others
            .iter()
            .map(|candidate| candidate.shown.clone())
            .collect(),
        notes: Vec::new(),
        seed: config.seed,
        versions: versions(config.fit.backend),
    };
    let is_refused = match ranker.check.is_better_than_chance {
        Some(is_better) => !is_better,
        None => ranker.check.method == CheckMethod::Untested,
    };
    if is_refused && !config.anyway {
        report.notes.push(
            "nothing is ranked: add likes, dislikes or features, or rank all the same with --anyway"
                .to_owned(),
        );
        report.is_refused = true;
        return Ok(report);
    }
    if is_refused {
        report
            .notes
            .push("ranked all the same, as asked: take the order for chance".to_owned());
    }
    tell("ranking");
    report.tracks = ranker.rank(config, &material)?;
    let notes = notes(&report.tracks, ranker.knows_likes_unseen());
    report.notes.extend(notes);
    Ok(report)
}

impl RankingConfig {
    fn validate(&self) -> Result<()> {
        let setting = |field, value: f64, expected| {
            Err(Error::Core(playlist_core::Error::InvalidSetting {
                field,
                value: value.to_string(),
                expected,
            }))
        };
        if !(self.prior > 0.0 && self.prior < 1.0) {
            return setting("prior", self.prior, "a share between 0 and 1");
        }
        if !(0.0..=1.0).contains(&self.min_probability) {
            return setting("min_probability", self.min_probability, "a probability");
        }
        Ok(())
    }
}

impl Material {
    fn read(config: &RankingConfig) -> Result<Self> {
        let (mut likes, mut dislikes, mut candidates) = (
            list(&config.likes)?,
            list(&config.dislikes)?,
            Candidates::list(&config.candidates)?,
        );
        let lookup = config
            .lookup
            .fill(&mut [&mut likes, &mut dislikes, &mut candidates])?;
        let mut liked: KnownTracks<()> = KnownTracks::default();
        for keys in keys(&likes) {
            liked.add(&keys, &());
        }
        candidates.fill_from(&[&likes, &dislikes]);
        let mut candidates = Candidates::new(candidates, lookup);
        for candidate in candidates.all_mut() {
            candidate.shown.liked = liked.find(&candidate.keys).map(|(known_by, _)| known_by);
        }
        candidates.section.n_known = candidates
            .all_mut()
            .filter(|candidate| candidate.shown.liked.is_some())
            .count();
        let (experiment, others) = if config.dislikes.is_empty() {
            let experiment = against_background(config, likes, &[&liked, &candidates.known()])?;
            (experiment, Others::Background)
        } else {
            (against_dislikes(config, likes, dislikes)?, Others::Dislikes)
        };
        Ok(Self {
            experiment,
            candidates,
            others,
        })
    }

    /// The share of likes among what was learnt from.
    pub(crate) fn share_of_likes(&self) -> f64 {
        let counts = self.experiment.labels.class_counts();
        counts[1] as f64 / (counts[0] + counts[1]) as f64
    }
}

fn against_dislikes(config: &RankingConfig, likes: Listed, dislikes: Listed) -> Result<Experiment> {
    let (yes, no) = class_names(&config.likes, &config.dislikes);
    of_sides(
        config,
        likes.into_collected()?,
        dislikes.into_collected()?,
        (&yes, &no),
        Vec::new(),
    )
}

/// Likes against a sample of the background, without tracks that are `known`: likes and candidates.
fn against_background(
    config: &RankingConfig,
    likes: Listed,
    known: &[&KnownTracks<()>],
) -> Result<Experiment> {
    let (yes, no) = class_names(&config.likes, &[PathBuf::from("background")]);
    let table = read_table(&config.background, &ReadOptions::default())?;
    let n_rows = table.n_tracks();
    let (table, n_known) = without(&table, known);
    let likes = likes.into_collected()?;
    let n_wanted = BACKGROUND_A_LIKE * likes.table.n_tracks();
    let n_wanted = n_wanted.clamp(FEWEST_BACKGROUND, MOST_BACKGROUND);
    let rows: Vec<usize> = (0..table.n_tracks()).collect();
    let rows = evenly(&rows, config.n_background.unwrap_or(n_wanted), config.seed);
    let mut background = Collected::from(table.select_rows(&rows));
    background.n_rows = n_rows;
    for (reason, rows) in [
        ("of the background that are among likes or candidates", n_known),
        (
            "of the background that were not drawn",
            table.n_tracks() - rows.len(),
        ),
    ] {
        if rows > 0 {
            let reason = reason.to_owned();
            background.dropped.push(DroppedCount { reason, rows });
        }
    }
    let partly = telltale::partly_known(&background.table, &[]);
    let mut experiment = of_sides(config, likes, background, (&yes, &no), partly)?;
    experiment.dataset.notes.push(format!(
        "no dislikes were given, so likes are held against other music (`{}`): the model may learn what is popular as well",
        config.background.display()
    ));
    Ok(experiment)
}

/// The two classes, cleaned and labelled; features in `partly` are left out.
fn of_sides(
    config: &RankingConfig,
    likes: Collected,
    others: Collected,
    (yes, no): (&str, &str),
    partly: Vec<AudioFeature>,
) -> Result<Experiment> {
    let experiment_config = ExperimentConfig {
        drop: [config.drop.clone(), partly.clone()].concat(),
        positive_class: Some(yes.to_owned()),
        seed: config.seed,
        fit: config.fit.clone(),
        ..ExperimentConfig::default()
    };
    let tables = vec![likes.table.with_label(yes), others.table.with_label(no)];
    let mut experiment = Experiment::prepare(tables, experiment_config)?;
    let dataset = &mut experiment.dataset;
    dataset.rows_read = likes.n_rows + others.n_rows;
    dataset.sources = [likes.sources, others.sources].concat();
    dataset
        .dropped
        .splice(0..0, [likes.dropped, others.dropped].concat());
    telltale::not_used(dataset, &partly);
    Ok(experiment)
}

/// What a reader of the ranking should know.
fn notes(tracks: &[RankedTrack], knows_likes_unseen: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if tracks.iter().any(|track| track.track.liked.is_some()) {
        let unseen = if knows_likes_unseen {
            "its probability is that of the check, by a model that had not seen it"
        } else {
            "the model may have learnt from it, so its probability says little"
        };
        notes.push(format!("= is among your likes already; {unseen}"));
    }
    let first = tracks.first().and_then(|track| track.lowest);
    let close = tracks
        .iter()
        .take_while(|track| {
            track
                .highest
                .zip(first)
                .is_some_and(|(highest, lowest)| highest >= lowest)
        })
        .count();
    if close > 1 {
        notes.push(format!(
            "the first {close} reach into the range of the first: which of them is best is hardly known"
        ));
    }
    let n_lacking = tracks.iter().filter(|track| !track.missing.is_empty()).count();
    if n_lacking > 0 {
        notes.push(format!(
            "{n_lacking} of the tracks listed lack some feature that the model uses; the usual value stands in for it"
        ));
    }
    notes
}
