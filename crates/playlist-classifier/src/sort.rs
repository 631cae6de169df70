//! To which playlists tracks belong: what `examples/sort_into_playlists.rs` does.

use std::path::{Path, PathBuf};

use playlist_core::{AudioFeature, Overwrite, Playlist, PlaylistKind, Track, write_file};
use playlist_import::CanonicalFormat;
use playlist_report::{PlaylistProbability, SortedTrack, SortingMode, SortingReport};

use crate::candidates::{Candidates, Keys, KnownTracks, Lookup};
use crate::fetch::file_stem;
use crate::sort_check::{best, check, none_rule, thresholds};
use crate::sort_data::{Material, Task};
use crate::sorter::{Sorted, Sorter};
use crate::{Error, FitSettings, PlaylistFile, Result, versions, write_playlists};

/// The playlists named with each track.
const BEST: usize = 3;

/// Where the playlists come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaylistSource {
    /// Files of any kind that [`playlist_import::import`] reads; each playlist in them is one, `PATH#NAME` takes one.
    Files(Vec<PathBuf>),
    /// One table with a column of labels, each a playlist.
    Table {
        /// The file.
        path: PathBuf,
        /// The column; `None` for `label` or one of its aliases.
        label: Option<String>,
    },
}

/// What is sorted into what, and how.
#[derive(Clone, Debug)]
pub struct SortingConfig {
    /// The playlists, at least two.
    pub playlists: PlaylistSource,
    /// Files of tracks to sort.
    pub tracks: Vec<PathBuf>,
    /// A table of other music, such as the shipped `datasets/background.parquet`: it stands for what fits no playlist.
    pub background: PathBuf,
    /// Whether a track goes on one playlist or on several.
    pub mode: SortingMode,
    /// Where features are looked up that files do not bring along.
    pub lookup: Lookup,
    /// Features to leave out.
    pub drop: Vec<AudioFeature>,
    /// Whether tracks are sorted although the playlists are not told apart better than by chance.
    pub anyway: bool,
    /// Decides parts and initial weights.
    pub seed: u64,
    /// How networks are trained.
    pub fit: FitSettings,
}

/// A sorting, and the tracks that it is about.
#[derive(Clone, Debug)]
pub struct Sorting {
    /// What is reported.
    pub report: SortingReport,
    /// By playlist of the report, the tracks that go on it and are not on it already.
    pub additions: Vec<Playlist>,
}

/// Sorts tracks into playlists and tests first how well that goes for members that the model has not seen.
///
/// Other music is learnt as a thing of its own, so that a track may fit none: below the fit that nine of ten members reach
/// unseen. A track that is on one of the playlists already is sorted by a model that had not seen it. Where the test does
/// not show more than chance nothing is sorted, unless [`SortingConfig::anyway`] says so. `tell` is called before each
/// step.
///
/// # Errors
/// [`Error::TooFewPlaylists`]; those of reading, looking up, cleaning and fitting; [`Error::Stopped`].
pub fn sort_into_playlists(config: &SortingConfig, tell: &dyn Fn(&str)) -> Result<Sorting> {
    let material = Material::read(config)?;
    let Material {
        experiment,
        task,
        candidates,
        ..
    } = &material;
    let mut settings = config.fit.clone();
    settings.training.seed = config.seed;
    let (n_folds, unseen) = task.sort_unseen(config.mode, &settings, tell)?;
    let check = check(task, config.mode, n_folds, &unseen)?;
    let is_refused = !check.is_better_than_chance && !config.anyway;
    let mut report = SortingReport {
        dataset: experiment.dataset.clone(),
        candidates: candidates.section.clone(),
        mode: config.mode,
        none: none_rule(task, config.mode, &unseen),
        check,
        is_refused,
        tracks: Vec::new(),
        without_features: candidates.others.iter().map(|one| one.shown.clone()).collect(),
        notes: material.notes.clone(),
        seed: config.seed,
        versions: versions(config.fit.backend),
    };
    if is_refused {
        let note = "nothing is sorted: add tracks or features, or sort all the same with --anyway";
        report.notes.push(note.to_owned());
        return Ok(Sorting {
            report,
            additions: Vec::new(),
        });
    }
    tell("training on everything");
    let rows: Vec<usize> = (0..task.own.len()).collect();
    let sorter = Sorter::fit(task, config.mode, &rows, &settings)?;
    if settings.stop.is_requested() {
        return Err(Error::Stopped);
    }
    report.notes.extend(sorter.warnings());
    let mut sorted = sorter.sort(&candidates.matrix(&task.features)?)?;
    sorted_unseen(&material, &unseen, &mut sorted);
    let thresholds = match config.mode {
        SortingMode::MultiLabel => Some(thresholds(task, &unseen)?),
        _ => None,
    };
    let rule = Rule {
        none: report.none.threshold,
        thresholds,
    };
    report.tracks = tracks(&material, &sorted, &rule);
    let additions = additions(&report, task, candidates);
    Ok(Sorting { report, additions })
}

/// Replaces what is said of tracks that are on a playlist already by what was said of them unseen.
fn sorted_unseen(material: &Material, unseen: &[Sorted], sorted: &mut [Sorted]) {
    let table = &material.experiment.table;
    let mut rows: KnownTracks<usize> = KnownTracks::default();
    for row in 0..table.n_tracks() {
        rows.add(&Keys::of_row(table, row), &row);
    }
    for (candidate, sorted) in material.candidates.scored.iter().zip(sorted) {
        if let Some((_, row)) = rows.find(&candidate.keys) {
            *sorted = unseen[*row].clone();
        }
    }
}

/// Where a track goes.
struct Rule {
    /// Below this fit it goes nowhere.
    none: f64,
    /// From these probabilities on it goes on each playlist; `None` for the best one only.
    thresholds: Option<Vec<f64>>,
}

impl Rule {
    fn goes_on(&self, sorted: &Sorted) -> Vec<usize> {
        if sorted.fit < self.none {
            return Vec::new();
        }
        match &self.thresholds {
            None => best(&sorted.p, 1),
            Some(thresholds) => {
                let mut chosen = best(&sorted.p, sorted.p.len());
                chosen.retain(|playlist| sorted.p[*playlist] >= thresholds[*playlist]);
                chosen
            }
        }
    }
}

fn tracks(material: &Material, sorted: &[Sorted], rule: &Rule) -> Vec<SortedTrack> {
    let names = &material.task.names;
    let each = material.candidates.scored.iter().zip(sorted);
    each.map(|(candidate, sorted)| {
        let known = material.known.find(&candidate.keys);
        let probability = |playlist: usize| PlaylistProbability {
            name: names[playlist].clone(),
            probability: sorted.p[playlist],
            lowest: sorted.between.as_ref().map(|(lowest, _)| lowest[playlist]),
            highest: sorted.between.as_ref().map(|(_, highest)| highest[playlist]),
        };
        SortedTrack {
            track: candidate.shown.clone(),
            on_already: known.map(|(_, names)| names.clone()).unwrap_or_default(),
            goes_on: rule
                .goes_on(sorted)
                .into_iter()
                .map(|playlist| names[playlist].clone())
                .collect(),
            fit: sorted.fit,
            best: best(&sorted.p, BEST).into_iter().map(probability).collect(),
        }
    })
    .collect()
}

/// By playlist, the tracks that go on it and are not on it already.
fn additions(report: &SortingReport, task: &Task, candidates: &Candidates) -> Vec<Playlist> {
    let tracks_of = |name: &String| -> Vec<Track> {
        let chosen = report.tracks.iter().zip(&candidates.scored);
        chosen
            .filter(|(sorted, _)| sorted.goes_on.contains(name) && !sorted.on_already.contains(name))
            .map(|(_, candidate)| candidate.track())
            .collect()
    };
    let playlist = |name: &String| Playlist {
        name: name.clone(),
        kind: PlaylistKind::Playlist,
        tracks: tracks_of(name),
    };
    let all = task.names.iter().map(playlist);
    all.filter(|playlist| !playlist.tracks.is_empty()).collect()
}

/// Writes the additions to each playlist into a file of its own in `folder`, as our own tables.
///
/// # Errors
/// As [`write_playlists`].
pub fn write_additions(
    folder: &Path,
    additions: &[Playlist],
    overwrite: Overwrite,
) -> Result<Vec<PlaylistFile>> {
    write_playlists(folder, additions, CanonicalFormat::Csv, overwrite, false)
}

/// Writes the `spotify:track:` URIs of the additions to each playlist into a text file of its own in `folder`, to paste
/// into Spotify; returns the files. Tracks without Spotify's id are left out.
///
/// # Errors
/// [`Error::Folder`]; a file that exists unless `overwrite` allows it.
pub fn write_addition_uris(
    folder: &Path,
    additions: &[Playlist],
    overwrite: Overwrite,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
        path: folder.to_owned(),
        source,
    })?;
    let mut taken = std::collections::BTreeSet::new();
    let write = |playlist: &Playlist| {
        let file = folder.join(file_stem(&playlist.name, "txt", &mut taken));
        let ids = playlist.tracks.iter().filter_map(|track| track.id.as_ref());
        let text: String = ids.map(|id| format!("{}\n", id.uri())).collect();
        write_file(&file, text.as_bytes(), overwrite)?;
        Ok(file)
    };
    additions.iter().map(write).collect()
}
