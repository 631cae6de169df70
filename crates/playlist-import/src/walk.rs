//! Files, folders and archives, and which of their files are opened.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use crate::finish::{self, ReadFile};
use crate::load::{self, ByteBudget, Kind};
use crate::sheet::Budget;
use crate::suspicious::Seen;
use crate::{Error, Import, ImportOptions, Result, SkippedFile, read};

/// An import under way.
pub(crate) struct Job<'a> {
    pub(crate) options: &'a ImportOptions,
    pub(crate) bytes: ByteBudget,
    budget: Budget,
    pub(crate) files_left: usize,
    seen: Seen,
    read: Vec<ReadFile>,
    skipped: Vec<SkippedFile>,
    n_not_opened: usize,
    /// The first file that lists what was played.
    history: Option<String>,
}

impl<'a> Job<'a> {
    pub(crate) fn new(options: &'a ImportOptions) -> Self {
        Self {
            options,
            bytes: ByteBudget {
                total_left: options.max_total_bytes,
            },
            budget: Budget {
                rows_left: options.max_rows,
                playlists_left: options.max_files,
            },
            files_left: options.max_files,
            seen: Seen::default(),
            read: Vec::new(),
            skipped: Vec::new(),
            n_not_opened: 0,
            history: None,
        }
    }

    /// Takes note of a file of a folder or archive that is not opened, because of its name.
    pub(crate) fn leave_closed(&mut self, file: &str) {
        self.n_not_opened += 1;
        let name = last_part(file).to_lowercase();
        let is_history = ["streaming_history", "streaminghistory", "endsong"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_history && self.history.is_none() {
            self.history = Some(file.to_owned());
        }
    }

    /// Counts a file of a folder or archive, opened or not.
    pub(crate) fn count_file(&mut self, file: &str) -> Result<()> {
        self.files_left = self.files_left.checked_sub(1).ok_or_else(|| Error::TooMany {
            file: file.to_owned(),
            what: "files",
            limit: self.options.max_files,
            setting: "max_files",
        })?;
        Ok(())
    }

    /// Reads the content of a file called `file`.
    pub(crate) fn read_content(&mut self, file: &str, reader: impl Read, unpacked: bool) -> Result<()> {
        let loaded = load::load(file, reader, self.options, &mut self.bytes, unpacked)?;
        let sheets = read::sheet(file, loaded, self.options, &mut self.budget)?;
        let read = finish::settle(sheets, &mut self.seen);
        self.read.push(read);
        Ok(())
    }

    /// Takes note of a file of a folder or archive that cannot be read. What goes for all files together ends
    /// the import.
    pub(crate) fn pass_over(&mut self, file: &str, error: Error) -> Result<()> {
        let ends = match &error {
            Error::TooMany { .. } => true,
            Error::TooLarge { setting, .. } => *setting == "max_total_bytes",
            _ => false,
        };
        if ends {
            return Err(error);
        }
        self.skipped.push(SkippedFile {
            file: file.to_owned(),
            reason: error.chain(),
        });
        Ok(())
    }

    pub(crate) fn finish(self, path: &Path) -> Result<Import> {
        if self.read.is_empty() {
            if let Some(file) = self.history.filter(|_| self.skipped.is_empty()) {
                return Err(Error::StreamingHistory { file });
            }
            return Err(Error::NothingToRead {
                file: path.display().to_string(),
                first: self.skipped.into_iter().next().map(|skipped| skipped.reason),
            });
        }
        let (seen, treatment) = (&self.seen, self.options.suspicious);
        let playlists = self
            .read
            .into_iter()
            .flat_map(|read| read.finish(seen, treatment));
        Ok(Import {
            playlists: playlists.collect(),
            skipped: self.skipped,
            n_not_opened: self.n_not_opened,
        })
    }
}

/// Reads whatever is at `path`.
pub(crate) fn path(job: &mut Job<'_>, path: &Path) -> Result<()> {
    let name = path.display().to_string();
    let metadata = std::fs::metadata(path).map_err(|source| Error::io(&name, source))?;
    if metadata.is_dir() {
        return folder(job, path, 0);
    }
    if !metadata.is_file() {
        return Err(Error::Unsupported {
            file: name,
            found: "no regular file",
            hint: "copy its content into a file",
        });
    }
    let mut file = File::open(path).map_err(|source| Error::io(&name, source))?;
    let mut start = Vec::new();
    let peeked = file.by_ref().take(64).read_to_end(&mut start);
    peeked
        .and_then(|_| file.rewind())
        .map_err(|source| Error::io(&name, source))?;
    match load::sniff(&name, &start)? {
        Kind::Zip => crate::archive::read(job, &name, file),
        _ => job.read_content(&name, file, false),
    }
}

/// Folders within folders go no deeper than this.
const DEEPEST: usize = 8;

/// Reads the files of a folder and of those in it. Links to folders are not followed.
fn folder(job: &mut Job<'_>, path: &Path, depth: usize) -> Result<()> {
    let name = path.display().to_string();
    let io = |source| Error::io(&name, source);
    let mut entries: Vec<(PathBuf, bool)> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        job.count_file(&name)?;
        entries.push((entry.path(), entry.file_type().map_err(io)?.is_dir()));
    }
    entries.sort();
    for (entry, is_folder) in entries {
        let name = entry.display().to_string();
        if is_folder {
            if depth < DEEPEST && !is_hidden(&name) {
                folder(job, &entry, depth + 1)?;
            }
            continue;
        }
        if !is_export_name(&name) {
            job.leave_closed(&name);
            continue;
        }
        let opened = std::fs::metadata(&entry)
            .and_then(|metadata| match metadata.is_file() {
                true => File::open(&entry),
                false => Err(std::io::ErrorKind::InvalidInput.into()),
            })
            .map_err(|source| Error::io(&name, source));
        if let Err(error) = opened.and_then(|file| job.read_content(&name, file, false)) {
            job.pass_over(&name, error)?;
        }
    }
    Ok(())
}

/// The last part of a path, whichever way its slashes lean.
pub(crate) fn last_part(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The name of a file without its folder and its ending.
pub(crate) fn stem(name: &str) -> &str {
    let last = last_part(name);
    match last.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_ending(ending) => stem,
        _ => last,
    }
}

fn is_ending(text: &str) -> bool {
    (1..=7).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_hidden(name: &str) -> bool {
    let last = last_part(name);
    last.starts_with('.') || last == "__MACOSX"
}

/// Whether a file of a folder or archive is opened: the names of exports, and of the privacy export only those
/// that list tracks. The streaming history is not opened either: it lists plays.
pub(crate) fn is_export_name(name: &str) -> bool {
    if name.split(['/', '\\']).any(|part| part == "__MACOSX") || is_hidden(name) {
        return false;
    }
    let last = last_part(name).to_lowercase();
    let Some((stem, ending)) = last.rsplit_once('.') else {
        return false;
    };
    match ending {
        "csv" | "tsv" | "parquet" | "jsonl" | "ndjson" => true,
        "json" => [
            "yourlibrary",
            "playlist",
            "audio-features",
            "audio_features",
            "reccobeats",
        ]
        .iter()
        .any(|start| stem.starts_with(start)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exports_are_opened() {
        for name in [
            "Liked_Songs.csv",
            "MyData/YourLibrary.json",
            "Spotify Account Data\\Playlist12.json",
            "a.b.PARQUET",
            "audio-features_good_100.json",
        ] {
            assert!(is_export_name(name), "{name}");
        }
        for name in [
            "MyData/Identity.json",
            "MyData/Payments.json",
            "Userdata.json",
            "__MACOSX/MyData/._YourLibrary.json",
            "__MACOSX/x.csv",
            "._x.csv",
            "Streaming_History_Audio_2024-2025_0.json",
            "README",
            "csv",
            "",
        ] {
            assert!(!is_export_name(name), "{name}");
        }
    }

    #[test]
    fn a_stem_is_the_name_of_a_playlist() {
        for (name, expected) in [
            ("x/Liked_Songs.csv", "Liked_Songs"),
            ("Mr. Brightside", "Mr. Brightside"),
            ("Vol. 2", "Vol. 2"),
            ("a\\b.c.tsv", "b.c"),
            (".csv", ".csv"),
        ] {
            assert_eq!(stem(name), expected);
        }
    }
}
