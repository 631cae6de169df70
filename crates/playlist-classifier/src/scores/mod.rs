//! What `score_catalogue` does: saved models over a catalogue of any size, in one pass.

mod job;
mod report;
mod scorer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use playlist_core::Overwrite;
use playlist_dataset::{CatalogueScan, Encoded, ReadOptions, TableFormat};
use playlist_mlp::{Backend, StopSignal};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};
use job::{Counts, Job};
use scorer::Scorers;

pub use report::{ScoreColumn, ScoreReport};

/// What happens to a row of which a model misses a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingFeatures {
    /// It gets no score.
    #[default]
    Null,
    /// The model fills in what is missing as it learnt to; a row of which nothing is known gets no score.
    Impute,
}

/// What is scored, by what, and where to.
#[derive(Clone, Debug)]
pub struct ScoreConfig {
    /// A CSV or Parquet file of tracks.
    pub input: PathBuf,
    /// The saved models, each with the name of its column of probabilities; with more than two classes each class has a column
    /// `NAME:CLASS`.
    pub models: Vec<(String, PathBuf)>,
    /// The table of scores; its ending, `.csv` or `.parquet`, decides the format.
    pub output: PathBuf,
    /// Whether the table of scores may replace one that is there.
    pub overwrite: Overwrite,
    /// Columns to keep beside the ids.
    pub keep: Vec<String>,
    /// What happens to rows that miss features.
    pub missing: MissingFeatures,
    /// Throw away what an earlier run of other input, models or options has left.
    pub restart: bool,
    /// The most rows of a part, which are in memory at once; `None` for row groups of a Parquet file and 16 MiB of a CSV file.
    pub rows_at_once: Option<usize>,
    /// Threads; `None` for as many as there are cores.
    pub threads: Option<usize>,
    /// Where networks run.
    pub backend: Backend,
    /// Asks for a stop after the parts at hand.
    pub stop: StopSignal,
}

/// How far scoring has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoreProgress {
    /// The rows scored, those of earlier runs among them.
    pub n_rows: usize,
    /// The rows that earlier runs had scored.
    pub n_resumed: usize,
    /// How far into the input they reach, in bytes.
    pub n_bytes: u64,
    /// The size of the input, in bytes.
    pub of_bytes: u64,
}

/// What has been done is put on the disk after so long, so that a run that is killed loses no more.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Scores every row of a catalogue by every model and writes one table: the ids of the input, the columns that are kept, and
/// the probabilities.
///
/// Rows are read, scored and packed in parts by several threads and written in the order of the input; no more parts are in
/// memory than two a thread. While it grows, the table lies in the folder `OUTPUT.unfinished`, with what is needed to go on:
/// after a stop or a crash the same call goes on where it was and gives the same bytes. What is there belongs to one input (by
/// size, time of change, and the first and last 64 KiB), the very models, and the options; with others it is refused.
///
/// # Errors
/// [`Error::ScoresStopped`] after a stop; [`Error::OtherScores`]; [`Error::SameName`]; those of
/// [`CatalogueScan`], of loading the models, and of writing.
pub fn score_catalogue(config: &ScoreConfig, tell: &dyn Fn(ScoreProgress)) -> Result<ScoreReport> {
    let start = Instant::now();
    let format = TableFormat::of(&config.output).ok_or_else(|| Error::OtherEnding {
        path: config.output.clone(),
    })?;
    let scorers = Scorers::load(config)?;
    let scan = CatalogueScan::open(
        &config.input,
        scorers.features(),
        &config.keep,
        &ReadOptions::default(),
    )?;
    let scan = match config.rows_at_once {
        Some(most) => scan.with_rows_at_once(most),
        None => scan,
    };
    scorers.check_names(&scan)?;
    let mut job = Job::open(config, format, &scorers)?;
    let n_resumed = job.counts.n_rows;
    let progress = |job: &Job, end: u64| {
        tell(ScoreProgress {
            n_rows: job.counts.n_rows,
            n_resumed,
            n_bytes: end,
            of_bytes: scan.n_bytes(),
        });
    };
    let mut end = 0;
    for _ in 0..job.table.n_parts() {
        match scan.next_part()? {
            Some(part) => end = part.end(),
            None => return Err(job.other("the input has fewer rows than were scored")),
        }
    }
    progress(&job, end);
    let is_done = run(config, format, &scan, &scorers, &mut job, &progress)?;
    scan.check_unchanged()?;
    if !is_done {
        job.save()?;
        return Err(Error::ScoresStopped {
            n_rows: job.counts.n_rows,
            folder: job.folder().to_owned(),
        });
    }
    let counts = job.counts.clone();
    job.finish(&config.output, config.overwrite)?;
    Ok(ScoreReport::new(
        config,
        &scan,
        &scorers,
        counts,
        n_resumed,
        start.elapsed(),
    ))
}

/// A part that was scored.
struct Scored {
    index: usize,
    encoded: Encoded,
    counts: Counts,
    end: u64,
}

/// What the threads share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The parts written.
    n_written: usize,
    /// No more parts are to be begun.
    halt: bool,
    /// The last part was begun.
    reached_end: bool,
    /// A part was not begun after all.
    left_out: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn halt(&self) {
        self.state().halt = true;
        self.changed.notify_all();
    }

    /// Waits until part `index` may be begun; false when none may.
    fn may_begin(&self, index: usize, ahead: usize) -> bool {
        let mut state = self.state();
        while !state.halt && index >= state.n_written + ahead {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.left_out |= state.halt;
        !state.halt
    }
}

/// Ends the others when its thread ends early.
struct HaltOnPanic<'a>(&'a Shared);

impl Drop for HaltOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.halt();
        }
    }
}

/// Scores what is left; whether all is done.
fn run(
    config: &ScoreConfig,
    format: TableFormat,
    scan: &CatalogueScan,
    scorers: &Scorers,
    job: &mut Job,
    progress: &dyn Fn(&Job, u64),
) -> Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let n_threads = config.threads.unwrap_or(cores).max(1);
    let shared = Shared {
        state: Mutex::new(State {
            n_written: job.table.n_parts(),
            halt: false,
            reached_end: false,
            left_out: false,
        }),
        changed: Condvar::new(),
    };
    let (sender, receiver) = sync_channel::<Result<Scored>>(n_threads);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            let (sender, shared) = (sender.clone(), &shared);
            scope.spawn(move || {
                let _guard = HaltOnPanic(shared);
                loop {
                    let part = match scan.next_part() {
                        Ok(Some(part)) => part,
                        Ok(None) => {
                            shared.state().reached_end = true;
                            return;
                        }
                        Err(error) => {
                            let _ = sender.send(Err(error.into()));
                            return;
                        }
                    };
                    if !shared.may_begin(part.index(), 2 * n_threads) {
                        return;
                    }
                    let scored = scorers.score(scan, part, config.missing, format);
                    // Nobody takes it after an error of another.
                    if sender.send(scored).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let written = write(config, receiver, &shared, job, progress);
        shared.halt();
        written
    })?;
    let state = shared.state();
    Ok(state.reached_end && !state.left_out)
}

fn write(
    config: &ScoreConfig,
    receiver: std::sync::mpsc::Receiver<Result<Scored>>,
    shared: &Shared,
    job: &mut Job,
    progress: &dyn Fn(&Job, u64),
) -> Result<()> {
    let mut waiting: BTreeMap<usize, Scored> = BTreeMap::new();
    let mut saved = Instant::now();
    for scored in receiver {
        let scored = scored?;
        waiting.insert(scored.index, scored);
        while let Some(next) = waiting.remove(&job.table.n_parts()) {
            job.table.append(next.encoded)?;
            job.counts.add(next.counts);
            shared.state().n_written = job.table.n_parts();
            shared.changed.notify_all();
            progress(job, next.end);
        }
        if saved.elapsed() > SAVE_EVERY {
            job.save()?;
            saved = Instant::now();
        }
        if config.stop.is_requested() {
            shared.halt();
        }
    }
    Ok(())
}
