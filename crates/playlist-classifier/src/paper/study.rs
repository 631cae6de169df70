//! Which runs there are, and running them side by side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use playlist_core::{AudioFeature, Overwrite, write_file};
use playlist_mlp::{Engine, StopSignal};
use serde::{Deserialize, Serialize};

use super::plan::{fault_keys, retry_keys, variation_keys};
use super::run::{How, RunKey, RunRecord, StudyTable, execute};
use super::summary::TableSize;
use super::variation::{PAPER_EPOCHS, RESULT_EPOCHS, Variation};
use crate::{Error, Experiment, ExperimentConfig, Result, Source};

/// The version of the file of finished runs.
const FORMAT_VERSION: u32 = 2;

/// The time between two saves of the finished runs.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Which part of the study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StudySection {
    /// What the paper tried.
    Variations,
    /// Why it failed.
    Faults,
    /// Both.
    All,
}

/// What is run.
#[derive(Clone, Debug)]
pub struct StudyConfig {
    /// Tables of two classes: the file and its column of labels, `None` for the usual one.
    pub tables: Vec<(PathBuf, Option<String>)>,
    /// Which part of the study.
    pub section: StudySection,
    /// Splits and seeds of each variation.
    pub repeats: usize,
    /// Draws and seeds of each fault, on each table.
    pub fault_repeats: usize,
    /// The first seed.
    pub seed: u64,
    /// A few epochs and settings only: for tests, its results mean nothing.
    pub quick: bool,
    /// What trains networks; `None` for the fastest that can.
    pub engine: Option<Engine>,
    /// Runs at once; `None` for as many as there are cores. The results do not depend on it.
    pub threads: Option<usize>,
}

impl StudyConfig {
    /// The epochs looked at, ascending; the last but one is the result's.
    #[must_use]
    pub fn epochs(&self) -> Vec<usize> {
        if self.quick {
            vec![1, 2, 3, 4, 5]
        } else {
            PAPER_EPOCHS.to_vec()
        }
    }

    /// The epochs of the result.
    #[must_use]
    pub fn result_epochs(&self) -> usize {
        if self.quick { 4 } else { RESULT_EPOCHS }
    }
}

/// Everything to be run, with the tables read.
#[derive(Clone, Debug)]
pub struct Study {
    config: StudyConfig,
    tables: Vec<StudyTable>,
    variations: Vec<Variation>,
    keys: Vec<RunKey>,
}

/// Finished runs, as they are kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedRuns {
    format_version: u32,
    versions: BTreeMap<String, String>,
    engine: Option<Engine>,
    runs: Vec<RunRecord>,
}

impl Study {
    /// Reads the tables and lists the runs.
    ///
    /// # Errors
    /// Those of reading; [`Error::NotTwoClasses`].
    pub fn read(config: StudyConfig) -> Result<Self> {
        let tables: Vec<StudyTable> = config
            .tables
            .iter()
            .map(|(path, label)| read_study_table(path, label.as_deref()))
            .collect::<Result<_>>()?;
        let variations = Variation::all();
        let mut keys = Vec::new();
        for table in &tables {
            if config.section != StudySection::Faults {
                keys.extend(variation_keys(table, &variations, &config));
            }
            if config.section != StudySection::Variations {
                keys.extend(fault_keys(table, &config));
                keys.extend(retry_keys(table, &config));
            }
        }
        Ok(Self {
            config,
            tables,
            variations,
            keys,
        })
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &StudyConfig {
        &self.config
    }

    /// Every run, finished or not.
    #[must_use]
    pub fn keys(&self) -> &[RunKey] {
        &self.keys
    }

    /// The tables with their numbers of tracks.
    #[must_use]
    pub fn table_sizes(&self) -> Vec<TableSize> {
        let size = |table: &StudyTable| TableSize {
            name: table.name.clone(),
            n_tracks: table.labels.n_samples(),
        };
        self.tables.iter().map(size).collect()
    }

    /// Runs what is not in `file`, several at once, and returns every finished run in the order of
    /// [`Study::keys`]. `file`, where one is given, is read first and written every few seconds and at the end, each
    /// time in one step. `tell` is called after each run with the number finished.
    ///
    /// After a stop was asked for, runs in progress end after their epoch and are not counted.
    ///
    /// # Errors
    /// The first error of a run; [`Error::NoStudy`] when `file` holds no finished runs of this version and engine; those of
    /// writing it.
    pub fn run(
        &self,
        file: Option<&Path>,
        stop: &StopSignal,
        tell: impl Fn(usize) + Sync,
    ) -> Result<Vec<RunRecord>> {
        let earlier = match file.filter(|file| file.exists()) {
            Some(file) => self.read_runs(file)?,
            None => Vec::new(),
        };
        let (mut done, open) = self.divide(earlier);
        let (next, n_done) = (AtomicUsize::new(0), AtomicUsize::new(done.len()));
        tell(done.len());
        // No more threads than runs: each holds a table's rows.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let n_threads = self.config.threads.unwrap_or(cores).clamp(1, open.len().max(1));
        let shared = Mutex::new((&mut done, Instant::now(), Ok(())));
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| {
                    while let Some(index) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = self.execute(*index, stop);
                        let Ok(mut shared) = shared.lock() else { return };
                        match result {
                            Ok(Some(record)) => {
                                shared.0.push((*index, record));
                                tell(n_done.fetch_add(1, Ordering::Relaxed) + 1);
                                if let Some(file) = file.filter(|_| shared.1.elapsed() > SAVE_EVERY) {
                                    let saved = self.save_runs(file, shared.0);
                                    shared.1 = Instant::now();
                                    keep_first(&mut shared.2, saved);
                                }
                            }
                            Ok(None) => return,
                            Err(error) => keep_first(&mut shared.2, Err(error)),
                        }
                        if shared.2.is_err() || stop.is_requested() {
                            return;
                        }
                    }
                });
            }
        });
        if let Ok((_, _, result)) = shared.into_inner() {
            result?;
        }
        done.sort_by_key(|(index, _)| *index);
        if let Some(file) = file {
            self.save_runs(file, &done)?;
        }
        Ok(done.into_iter().map(|(_, record)| record).collect())
    }

    /// The runs that are in `earlier` with their places, and the places of those still to be run.
    fn divide(&self, earlier: Vec<RunRecord>) -> (Vec<(usize, RunRecord)>, Vec<usize>) {
        let mut earlier: BTreeMap<String, RunRecord> = earlier
            .into_iter()
            .map(|record| (text_of(&record.key), record))
            .collect();
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for (index, key) in self.keys.iter().enumerate() {
            match earlier.remove(&text_of(key)) {
                Some(record) => done.push((index, record)),
                None => open.push(index),
            }
        }
        (done, open)
    }

    fn read_runs(&self, path: &Path) -> Result<Vec<RunRecord>> {
        let not_usable = |reason: String| Error::NoStudy {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| not_usable(error.to_string()))?;
        let saved: SavedRuns = serde_json::from_str(&text).map_err(|error| not_usable(error.to_string()))?;
        if saved.format_version != FORMAT_VERSION || saved.versions != versions() {
            return Err(not_usable("another version of this program wrote it".to_owned()));
        }
        if saved.engine != self.config.engine {
            let name = saved.engine.map_or("the fastest", Engine::name);
            return Err(not_usable(format!(
                "its networks were trained by another engine ({name})"
            )));
        }
        Ok(saved.runs)
    }

    fn save_runs(&self, path: &Path, runs: &[(usize, RunRecord)]) -> Result<()> {
        let saved = SavedRuns {
            format_version: FORMAT_VERSION,
            versions: versions(),
            engine: self.config.engine,
            runs: runs.iter().map(|(_, record)| record.clone()).collect(),
        };
        let text = serde_json::to_vec(&saved).map_err(playlist_report::Error::from)?;
        Ok(write_file(path, &text, Overwrite::Allow)?)
    }

    fn execute(&self, index: usize, stop: &StopSignal) -> Result<Option<RunRecord>> {
        if stop.is_requested() {
            return Ok(None);
        }
        let key = &self.keys[index];
        let table = self
            .tables
            .iter()
            .find(|table| table.fingerprint == key.fingerprint && table.name == key.table);
        let variation = self.variations.iter().find(|one| one.name == key.variation);
        let how = How {
            engine: self.config.engine,
            stop,
        };
        match (table, variation) {
            (Some(table), Some(variation)) => execute(key, table, variation, how),
            _ => Ok(None),
        }
    }
}

fn keep_first(result: &mut Result<()>, next: Result<()>) {
    if result.is_ok() {
        *result = next;
    }
}

/// A run's key as text, by which finished runs are known again.
fn text_of(key: &RunKey) -> String {
    serde_json::to_string(key).unwrap_or_default()
}

fn read_study_table(path: &Path, label: Option<&str>) -> Result<StudyTable> {
    let source = Source::Table {
        path: path.to_owned(),
        label: label.map(str::to_owned),
    };
    let config = ExperimentConfig {
        features: None,
        ..ExperimentConfig::default()
    };
    let experiment = Experiment::read(&source, config)?;
    if experiment.labels().n_classes() != 2 {
        return Err(Error::NotTwoClasses {
            path: path.to_owned(),
            n_classes: experiment.labels().n_classes(),
        });
    }
    let known: Vec<AudioFeature> = AudioFeature::PAPER
        .into_iter()
        .filter(|feature| experiment.features.contains(feature))
        .collect();
    Ok(StudyTable {
        name: path
            .file_stem()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned(),
        fingerprint: experiment.dataset.fingerprint.clone(),
        x: experiment.table().features(&known)?,
        labels: experiment.labels().clone(),
    })
}

fn versions() -> BTreeMap<String, String> {
    crate::versions(playlist_mlp::Backend::default())
}
