//! What a sorting learns from: playlists, and other music that belongs on none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use playlist_core::{AudioFeature, FeatureMatrix};
use playlist_dataset::{CleanConfig, GroupBy, ReadOptions, TrackTable, read_table};
use playlist_report::{ClassCount, DroppedCount, SortingMode, SourceSection};

use crate::candidates::{Candidates, Keys, KnownTracks, keys, without};
use crate::collect::{Listed, listed_playlists};
use crate::reason::evenly;
use crate::sort::{PlaylistSource, SortingConfig};
use crate::{Error, Experiment, ExperimentConfig, Result, telltale};

/// The fewest tracks of a playlist that can be learnt and tested.
const FEWEST: usize = 10;

/// Tracks of other music, in playlists of the mean size: as much as this many playlists (measured in `docs/uses.md`).
const BACKGROUND_PLAYLISTS: f64 = 3.0;

/// The fewest and the most of them.
const BACKGROUND_RANGE: (usize, usize) = (200, 3_000);

/// What is learnt from, and what there is to sort.
pub(crate) struct Material {
    pub(crate) experiment: Experiment,
    pub(crate) task: Task,
    pub(crate) candidates: Candidates,
    /// The playlists that each known track is on.
    pub(crate) known: KnownTracks<Vec<String>>,
    pub(crate) notes: Vec<String>,
}

/// The rows of a sorting: members of playlists, then other music.
pub(crate) struct Task {
    /// The playlists.
    pub(crate) names: Vec<String>,
    pub(crate) features: Vec<AudioFeature>,
    /// `[n_members + n_others, n_features]`.
    pub(crate) x: FeatureMatrix,
    /// The playlists that each row is on: none of other music.
    pub(crate) own: Vec<Vec<usize>>,
    /// The rows that are on a playlist.
    pub(crate) n_members: usize,
}

/// A playlist as it was read.
struct Named {
    name: String,
    listed: Listed,
}

/// What was read of the playlists.
#[derive(Default)]
struct Learnt {
    tables: Vec<TrackTable>,
    /// Every track and the playlist that it is on.
    on: Vec<(Keys, String)>,
    sources: Vec<SourceSection>,
    dropped: Vec<DroppedCount>,
    n_rows: usize,
    notes: Vec<String>,
}

impl Learnt {
    fn of_files(playlists: Vec<Named>) -> Result<Self> {
        let mut learnt = Self::default();
        for Named { name, listed } in playlists {
            let keys = keys(&listed).into_iter();
            learnt.on.extend(keys.map(|keys| (keys, name.clone())));
            learnt.n_rows += listed.n_rows;
            learnt.sources.extend(listed.sources.clone());
            learnt.dropped.extend(listed.dropped.clone());
            match listed.into_collected() {
                Ok(collected) => learnt.tables.push(collected.table.with_label(&name)),
                Err(Error::NoAudioFeatures { .. }) => learnt.notes.push(format!(
                    "`{name}` is left out: none of its tracks has audio features"
                )),
                Err(error) => return Err(error),
            }
        }
        Ok(learnt)
    }

    fn of_table(path: &Path, label: Option<&str>) -> Result<Self> {
        let options = match label {
            Some(label) => ReadOptions::default().with_label_column(label),
            None => ReadOptions::default(),
        };
        let table = read_table(path, &options)?;
        let on = (0..table.n_tracks())
            .filter_map(|row| Some((Keys::of_row(&table, row), table.label(row)?.to_owned())))
            .collect();
        Ok(Self {
            n_rows: table.n_tracks(),
            sources: vec![crate::experiment::source_section(&table)],
            on,
            tables: vec![table],
            ..Self::default()
        })
    }
}

impl Material {
    pub(crate) fn read(config: &SortingConfig) -> Result<Self> {
        let mut playlists = match &config.playlists {
            PlaylistSource::Files(paths) => named(paths)?,
            PlaylistSource::Table { .. } => Vec::new(),
        };
        let mut tracks = Candidates::list(&config.tracks)?;
        let mut lists: Vec<&mut Listed> = playlists.iter_mut().map(|named| &mut named.listed).collect();
        lists.push(&mut tracks);
        let lookup = config.lookup.fill(&mut lists)?;
        let lists: Vec<&Listed> = playlists.iter().map(|named| &named.listed).collect();
        tracks.fill_from(&lists);
        let mut learnt = match &config.playlists {
            PlaylistSource::Files(_) => Learnt::of_files(playlists)?,
            PlaylistSource::Table { path, label } => Learnt::of_table(path, label.as_deref())?,
        };
        let known = names_of(&learnt.on);
        let candidates = marked(Candidates::new(tracks, lookup), &known);
        let (table, own_names) = members(learnt.tables, config.mode, &mut learnt.notes)?;
        let others = background(config, &table, &known, &candidates)?;
        let mut experiment = prepare(config, table, &others)?;
        let dataset = &mut experiment.dataset;
        dataset.rows_read = learnt.n_rows + others.n_tracks();
        dataset.sources = learnt.sources;
        dataset.sources.push(SourceSection {
            rows: others.n_tracks(),
            ..crate::experiment::source_section(&others)
        });
        dataset.dropped.splice(0..0, learnt.dropped);
        dataset.notes.push(format!(
            "{} tracks of other music (`{}`) stand for what fits no playlist",
            others.n_tracks(),
            config.background.display()
        ));
        let task = Task::new(&experiment, &own_names, &others)?;
        // A track of several counts for each.
        let count = |(playlist, name): (usize, &String)| ClassCount {
            name: name.clone(),
            n_tracks: task.own.iter().filter(|own| own.contains(&playlist)).count(),
        };
        experiment.dataset.classes = task.names.iter().enumerate().map(count).collect();
        experiment.dataset.positive_class = None;
        Ok(Self {
            experiment,
            task,
            candidates,
            known,
            notes: learnt.notes,
        })
    }
}

/// Every playlist of `paths`, each under a name of its own.
fn named(paths: &[PathBuf]) -> Result<Vec<Named>> {
    let mut all: Vec<Named> = Vec::new();
    for path in paths {
        for (name, listed) in listed_playlists(path)? {
            let n_before = all.iter().filter(|other| other.listed.name == name).count();
            let own = match n_before {
                0 => name,
                n => format!("{name} ({})", n + 1),
            };
            all.push(Named { name: own, listed });
        }
    }
    Ok(all)
}

/// By track the playlists that it is on.
fn names_of(on: &[(Keys, String)]) -> KnownTracks<Vec<String>> {
    let mut numbers: KnownTracks<usize> = KnownTracks::default();
    let mut names: Vec<Vec<String>> = Vec::new();
    for (keys, name) in on {
        let number = numbers.find(keys).map_or(names.len(), |(_, number)| *number);
        numbers.add(keys, &number);
        match names.get_mut(number) {
            Some(own) if !own.contains(name) => own.push(name.clone()),
            Some(_) => {}
            None => names.push(vec![name.clone()]),
        }
    }
    let mut known = KnownTracks::default();
    for (keys, _) in on {
        if let Some((_, number)) = numbers.find(keys) {
            known.add(keys, &names[*number]);
        }
    }
    known
}

/// The candidates, those marked that are on a playlist already.
fn marked(mut candidates: Candidates, known: &KnownTracks<Vec<String>>) -> Candidates {
    let mut n_known = 0;
    for candidate in candidates.all_mut() {
        candidate.shown.liked = known.find(&candidate.keys).map(|(known_by, _)| known_by);
        n_known += usize::from(candidate.shown.liked.is_some());
    }
    candidates.section.n_known = n_known;
    candidates
}

/// The tracks of all playlists that are large enough: one row each where a track may be on several, with all its
/// playlists by id and audio.
fn members(
    tables: Vec<TrackTable>,
    mode: SortingMode,
    notes: &mut Vec<String>,
) -> Result<(TrackTable, Vec<Vec<String>>)> {
    let all = large_enough(tables, notes)?;
    let own = own_playlists(&all)?;
    let n_shared = own.iter().filter(|(_, names)| names.len() > 1).count();
    if mode == SortingMode::MultiClass {
        if n_shared > 0 {
            notes.push(format!(
                "{n_shared} tracks are on several playlists, so they are not learnt from; with --multi-label they are"
            ));
        }
        return Ok((all, Vec::new()));
    }
    if n_shared > 0 {
        notes.push(format!("{n_shared} tracks are on several playlists"));
    }
    // Rows without features go now, or what cleaning leaves later would not match.
    let rows: Vec<usize> = own.iter().map(|(row, _)| *row).collect();
    let (cleaned, _) = CleanConfig::default().clean(&all.select_rows(&rows))?;
    let mut by_key: KnownTracks<Vec<String>> = KnownTracks::default();
    for (row, names) in &own {
        by_key.add(&Keys::of_row(&all, *row), names);
    }
    let names = (0..cleaned.n_tracks()).map(|row| {
        let found = by_key
            .find(&Keys::of_row(&cleaned, row))
            .map(|(_, names)| names.clone());
        found.unwrap_or_else(|| vec![cleaned.label(row).unwrap_or_default().to_owned()])
    });
    let names = names.collect();
    Ok((cleaned, names))
}

/// All tables as one, without the playlists that are too small.
fn large_enough(tables: Vec<TrackTable>, notes: &mut Vec<String>) -> Result<TrackTable> {
    let too_few = |found| Error::TooFewPlaylists {
        found,
        fewest: FEWEST,
    };
    if tables.is_empty() {
        return Err(too_few(0));
    }
    let all = TrackTable::concat(tables)?;
    let small: Vec<String> = all
        .class_counts()
        .into_iter()
        .filter(|count| count.n_tracks < FEWEST)
        .map(|count| count.class)
        .collect();
    if !small.is_empty() {
        notes.push(format!(
            "left out, since fewer than {FEWEST} tracks are too few to learn from: {}",
            small.join(", ")
        ));
    }
    let is_kept = |row: &usize| {
        all.label(*row)
            .is_some_and(|label| !small.iter().any(|name| name == label))
    };
    let rows: Vec<usize> = (0..all.n_tracks()).filter(is_kept).collect();
    let all = all.select_rows(&rows);
    match all
        .class_counts()
        .iter()
        .filter(|count| count.n_tracks > 0)
        .count()
    {
        found @ (0 | 1) => Err(too_few(found)),
        _ => Ok(all),
    }
}

/// A row for each track, and the playlists that it is on. It is the row under the smallest of these, so that a playlist
/// within another keeps its class.
fn own_playlists(all: &TrackTable) -> Result<Vec<(usize, Vec<String>)>> {
    let sizes: BTreeMap<String, usize> = all
        .class_counts()
        .into_iter()
        .map(|count| (count.class, count.n_tracks))
        .collect();
    let size = |row: usize| all.label(row).and_then(|label| sizes.get(label));
    let mut own: BTreeMap<usize, (usize, Vec<String>)> = BTreeMap::new();
    for (row, group) in GroupBy::Track.groups(all)?.into_iter().enumerate() {
        let (first, names) = own.entry(group).or_insert((row, Vec::new()));
        if size(row) < size(*first) {
            *first = row;
        }
        let label = all.label(row).unwrap_or_default().to_owned();
        if !names.contains(&label) {
            names.push(label);
        }
    }
    Ok(own.into_values().collect())
}

/// A sample of other music, without tracks that are on a playlist or to be sorted.
fn background(
    config: &SortingConfig,
    members: &TrackTable,
    known: &KnownTracks<Vec<String>>,
    candidates: &Candidates,
) -> Result<TrackTable> {
    let table = read_table(&config.background, &ReadOptions::default())?;
    let (table, _) = without(&table, &[known]);
    let (table, _) = without(&table, &[&candidates.known()]);
    let mean = members.n_tracks() as f64 / members.class_counts().len() as f64;
    let (least, most) = BACKGROUND_RANGE;
    let n = ((BACKGROUND_PLAYLISTS * mean) as usize).clamp(least, most);
    let rows: Vec<usize> = (0..table.n_tracks()).collect();
    let sample = table.select_rows(&evenly(&rows, n, config.seed));
    Ok(CleanConfig::default().clean(&sample)?.0)
}

/// The members cleaned and labelled, features that the background lacks left out.
fn prepare(config: &SortingConfig, table: TrackTable, others: &TrackTable) -> Result<Experiment> {
    let partly = telltale::partly_known(others, &[]);
    let experiment_config = ExperimentConfig {
        drop: [config.drop.clone(), partly.clone()].concat(),
        seed: config.seed,
        fit: config.fit.clone(),
        ..ExperimentConfig::default()
    };
    let mut experiment = Experiment::prepare(vec![table], experiment_config)?;
    telltale::not_used(&mut experiment.dataset, &partly);
    Ok(experiment)
}

impl Task {
    fn new(experiment: &Experiment, own_names: &[Vec<String>], others: &TrackTable) -> Result<Self> {
        let names: Vec<String> = match own_names {
            [] => experiment.labels.class_names().to_vec(),
            all => {
                let names: BTreeSet<&String> = all.iter().flatten().collect();
                names.into_iter().cloned().collect()
            }
        };
        let position = |name: &String| names.iter().position(|class| class == name);
        let mut own: Vec<Vec<usize>> = match own_names {
            [] => experiment.labels.y().iter().map(|class| vec![*class]).collect(),
            all => all
                .iter()
                .map(|names| names.iter().filter_map(position).collect())
                .collect(),
        };
        let n_members = own.len();
        own.resize(n_members + others.n_tracks(), Vec::new());
        let mut values = experiment.x.to_nan_values();
        values.extend(others.features(&experiment.features)?.to_nan_values());
        Ok(Self {
            x: FeatureMatrix::new(experiment.x.columns().iter().cloned(), values)?,
            names,
            features: experiment.features.clone(),
            own,
            n_members,
        })
    }
}
