//! Pages kept on disk, so that a run that is killed goes on where it was.
//!
//! A list is a folder: `head.kept` says which state of the list its pages show, `page-OFFSET.kept` holds one page
//! each. Every file is written in one step: a line with a checksum, then JSON. A damaged one counts as none. A page
//! names the state that it belongs to, so a page of another state, left over or written by another process, is never
//! taken for one of this.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use playlist_core::{Track, write_private_file};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::page::Fnv;
use super::report::SkippedEntry;
use crate::files::private_folder;
use crate::{Error, Result};

const FORMAT: u32 = 1;
const HEAD: &str = "head.kept";

/// Which state of a list is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    format: u32,
    /// The name of the list, for people who look into the folder.
    pub(crate) name: String,
    /// The state of the list as it was listed: its `snapshot_id`, or a fingerprint.
    pub(crate) version: String,
    /// The state that the list was found in when it had changed since it was listed; else empty.
    pub(crate) found: String,
    /// Whether every page is here and the list did not change meanwhile.
    pub(crate) complete: bool,
}

impl Head {
    pub(crate) fn new(name: &str, version: &str, found: &str) -> Self {
        Self {
            format: FORMAT,
            name: name.to_owned(),
            version: version.to_owned(),
            found: found.to_owned(),
            complete: false,
        }
    }

    /// What pages of this state carry.
    pub(crate) fn stamp(&self) -> String {
        format!("{}|{}", self.version, self.found)
    }
}

/// One page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptPage {
    pub(crate) stamp: String,
    pub(crate) offset: u64,
    pub(crate) next_offset: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) n_entries: u64,
    pub(crate) tracks: Vec<Track>,
    pub(crate) skipped: Vec<SkippedEntry>,
}

/// The folder of one list.
pub(crate) struct ListStore {
    folder: PathBuf,
}

impl ListStore {
    /// The folder `key` in `folder`; it is made when something is kept.
    pub(crate) fn new(folder: &Path, key: &str) -> Self {
        Self {
            folder: folder.join(key),
        }
    }

    /// The state that is kept. One that cannot be read counts as none: it is fetched anew.
    pub(crate) fn head(&self) -> Option<Head> {
        read::<Head>(&self.folder.join(HEAD)).filter(|head| head.format == FORMAT)
    }

    /// Begins a state: pages of others go.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], [`Error::Core`].
    pub(crate) fn begin(&self, head: &Head) -> Result<()> {
        private_folder(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        // The old head goes first: without it pages are nobody's.
        remove(&self.folder.join(HEAD))?;
        for path in own_files(&self.folder)? {
            remove(&path)?;
        }
        self.write(HEAD, head)
    }

    /// Marks the state as whole.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], [`Error::Core`].
    pub(crate) fn complete(&self, head: &mut Head) -> Result<()> {
        head.complete = true;
        self.write(HEAD, head)
    }

    /// Keeps a page.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], [`Error::Core`].
    pub(crate) fn keep(&self, page: &KeptPage) -> Result<()> {
        self.write(&page_name(page.offset), page)
    }

    /// The pages of the state `stamp` from the first one on, as far as they go without a gap.
    pub(crate) fn pages(&self, stamp: &str) -> Vec<KeptPage> {
        let mut pages = Vec::new();
        let mut next = Some(0);
        while let Some(offset) = next {
            let page = read::<KeptPage>(&self.folder.join(page_name(offset)));
            let Some(page) = page.filter(|page| page.stamp == stamp && page.offset == offset) else {
                break;
            };
            next = page.next_offset.filter(|next| *next > offset);
            pages.push(page);
        }
        pages
    }

    fn write(&self, name: &str, contents: &impl Serialize) -> Result<()> {
        let path = self.folder.join(name);
        let json = serde_json::to_string(contents).map_err(|error| failed(&path, &error.into()))?;
        let text = format!("{}\n{json}", checksum(&json));
        Ok(write_private_file(&path, text.as_bytes())?)
    }
}

fn page_name(offset: u64) -> String {
    format!("page-{offset:08}.kept")
}

fn checksum(json: &str) -> String {
    let mut hash = Fnv::default();
    hash.add(json);
    hash.finish()
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    // A page is never larger than the reply that it was made of, nor is a file of ours.
    let is_small = std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() < 64 << 20);
    let text = is_small.then(|| std::fs::read_to_string(path).ok()).flatten()?;
    let (sum, json) = text.split_once('\n')?;
    (sum == checksum(json))
        .then(|| serde_json::from_str(json).ok())
        .flatten()
}

/// Deletes every list below `folder`, and the folders that are empty then; how many files went. What no list
/// consists of stays.
///
/// # Errors
/// [`Error::Checkpoint`].
pub(crate) fn purge(folder: &Path) -> Result<usize> {
    let mut n_files = 0;
    for account in folders(folder)? {
        for list in folders(&account)? {
            let files = own_files(&list)?;
            for path in &files {
                n_files += usize::from(remove(path)?);
            }
            for path in entries(&list)?.iter().filter(|path| is_torn(path)) {
                n_files += usize::from(remove(path)?);
            }
            n_files += usize::from(remove(&list.join(HEAD))?);
            // One that is not empty holds something that is not ours.
            let _ = std::fs::remove_dir(&list);
        }
        let _ = std::fs::remove_dir(&account);
    }
    Ok(n_files)
}

/// Whether `path` is what a kill in the middle of writing leaves behind.
fn is_torn(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(".tmp"))
}

/// The pages in `folder`.
fn own_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_page = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str()?.strip_prefix("page-")?.strip_suffix(".kept"))
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    Ok(entries(folder)?.into_iter().filter(is_page).collect())
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_folder = |path: &PathBuf| path.symlink_metadata().is_ok_and(|data| data.is_dir());
    Ok(entries(folder)?.into_iter().filter(is_folder).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failed(folder, &error))?,
    };
    entries
        .map(|entry| {
            entry
                .map(|entry| entry.path())
                .map_err(|error| failed(folder, &error))
        })
        .collect()
}

fn remove(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, &error)),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::Checkpoint {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
