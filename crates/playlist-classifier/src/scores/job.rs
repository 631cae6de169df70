//! What an unfinished table belongs to, and how far it has come.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use playlist_core::{Overwrite, write_file};
use playlist_dataset::{Block, Faults, GrowingTable, TableFormat, TableState};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::scorer::{Scorers, hex};
use super::{MissingFeatures, ScoreConfig};
use crate::{Error, Result};

/// The version of [`Journal`], and of the way in which parts are cut and packed.
const FORMAT_VERSION: u32 = 1;

/// The files in the folder of an unfinished table.
const JOURNAL: &str = "journal.json";
const ROWS: &str = "rows";

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) n_rows: usize,
    /// The rows without a score, by model.
    pub(super) n_null: Vec<usize>,
    pub(super) faults: Faults,
}

impl Counts {
    pub(super) fn new(block: &Block, n_models: usize) -> Self {
        Self {
            n_rows: block.n_rows(),
            n_null: vec![0; n_models],
            faults: block.faults().clone(),
        }
    }

    pub(super) fn add(&mut self, later: Self) {
        self.n_rows += later.n_rows;
        self.n_null.resize(later.n_null.len(), 0);
        for (n, more) in self.n_null.iter_mut().zip(later.n_null) {
            *n += more;
        }
        self.faults.add(later.faults);
    }
}

/// What decides every byte of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Belongs {
    program: String,
    input: String,
    models: Vec<String>,
    keep: Vec<String>,
    missing: MissingFeatures,
    rows_at_once: Option<usize>,
    format: TableFormat,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    format_version: u32,
    belongs: Belongs,
    counts: Counts,
    table: TableState,
}

/// Read first, so that a file of another version is told from a damaged one.
#[derive(Deserialize)]
struct VersionOnly {
    format_version: u32,
}

/// A table on its way.
pub(super) struct Job {
    folder: PathBuf,
    belongs: Belongs,
    pub(super) counts: Counts,
    pub(super) table: GrowingTable,
}

impl Job {
    /// Begins, or goes on where an earlier run stopped.
    ///
    /// # Errors
    /// [`Error::OtherScores`], [`Error::Folder`], those of opening the table.
    pub(super) fn open(config: &ScoreConfig, format: TableFormat, scorers: &Scorers) -> Result<Self> {
        let folder = unfinished(&config.output);
        std::fs::create_dir_all(&folder).map_err(|source| Error::Folder {
            path: folder.clone(),
            source,
        })?;
        let belongs = Belongs {
            program: format!("{} {FORMAT_VERSION}", env!("CARGO_PKG_VERSION")),
            input: input_fingerprint(&config.input)?,
            models: scorers.models().iter().map(|model| model.fingerprint()).collect(),
            keep: config.keep.clone(),
            missing: config.missing,
            rows_at_once: config.rows_at_once,
            format,
        };
        let journal_path = folder.join(JOURNAL);
        let earlier = if config.restart || !journal_path.exists() {
            None
        } else {
            Some(read_journal(&folder, &belongs)?)
        };
        let state = earlier.as_ref().map(|journal| &journal.table);
        let table = GrowingTable::open(&folder.join(ROWS), format, state)?;
        if earlier.is_none() && journal_path.exists() {
            std::fs::remove_file(&journal_path).map_err(|source| Error::Folder {
                path: folder.clone(),
                source,
            })?;
        }
        Ok(Self {
            counts: earlier.map(|journal| journal.counts).unwrap_or_default(),
            folder,
            belongs,
            table,
        })
    }

    /// Where the unfinished table lies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn other(&self, reason: &str) -> Error {
        other(&self.folder, reason.to_owned())
    }

    /// Keeps what has been done.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn save(&self) -> Result<()> {
        let journal = Journal {
            format_version: FORMAT_VERSION,
            belongs: self.belongs.clone(),
            counts: self.counts.clone(),
            table: self.table.state()?,
        };
        let text = serde_json::to_vec(&journal).map_err(playlist_report::Error::from)?;
        Ok(write_file(&self.folder.join(JOURNAL), &text, Overwrite::Allow)?)
    }

    /// Puts the table in its place and takes the folder away.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn finish(self, output: &Path, overwrite: Overwrite) -> Result<()> {
        self.table.finish(output, overwrite)?;
        // The table is there; what is left of the folder harms nobody, and a file that is not ours stays.
        let _ = std::fs::remove_file(self.folder.join(JOURNAL));
        let _ = std::fs::remove_dir(&self.folder);
        Ok(())
    }
}

/// The folder of an unfinished table.
fn unfinished(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

fn other(folder: &Path, reason: String) -> Error {
    Error::OtherScores {
        folder: folder.to_owned(),
        reason,
    }
}

fn read_journal(folder: &Path, belongs: &Belongs) -> Result<Journal> {
    let not_usable = |reason: String| other(folder, reason);
    let text = std::fs::read(folder.join(JOURNAL)).map_err(|error| not_usable(error.to_string()))?;
    let version: VersionOnly =
        serde_json::from_slice(&text).map_err(|error| not_usable(error.to_string()))?;
    if version.format_version != FORMAT_VERSION {
        return Err(not_usable("another version of this program began it".to_owned()));
    }
    let journal: Journal = serde_json::from_slice(&text).map_err(|error| not_usable(error.to_string()))?;
    match belongs.difference(&journal.belongs) {
        None => Ok(journal),
        Some(reason) => Err(not_usable(reason)),
    }
}

impl Belongs {
    /// What an earlier run had otherwise.
    fn difference(&self, earlier: &Self) -> Option<String> {
        let differs = |what: &str, was: String, is: String| {
            (was != is).then(|| format!("other {what}: {was} then, {is} now"))
        };
        let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
        differs(
            "version of this program",
            earlier.program.clone(),
            self.program.clone(),
        )
        .or_else(|| differs("input", earlier.input.clone(), self.input.clone()))
        .or_else(|| differs("models", earlier.models.join(", "), self.models.join(", ")))
        .or_else(|| differs("--keep", text(&earlier.keep), text(&self.keep)))
        .or_else(|| differs("--missing", text(&earlier.missing), text(&self.missing)))
        .or_else(|| {
            differs(
                "--rows-at-once",
                text(&earlier.rows_at_once),
                text(&self.rows_at_once),
            )
        })
        .or_else(|| differs("format", text(&earlier.format), text(&self.format)))
    }
}

/// A file by name, size, time of change, and the first and last 64 KiB.
fn input_fingerprint(path: &Path) -> Result<String> {
    const END: u64 = 1 << 16;
    let read = || {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        (&mut file).take(END).read_to_end(&mut bytes)?;
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(END)))?;
        file.take(END).read_to_end(&mut bytes)?;
        hash.update(&bytes);
        let modified = metadata
            .modified()?
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(format!(
            "`{}` of {} bytes, changed at {}.{:09}, {}",
            path.display(),
            metadata.len(),
            modified.as_secs(),
            modified.subsec_nanos(),
            &hex(&hash.finalize())[..16]
        ))
    };
    read().map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })
}
