//! Zip archives, of which only members are opened that are exports. Nothing is written to disk.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::ZipArchive;

use crate::walk::{Job, is_export_name};
use crate::{Error, Result};

/// No export is packed tighter: tables of numbers shrink to a tenth, lists of one track over and over to a
/// hundredth.
const GREATEST_RATIO: u64 = 200;

/// Below this size the ratio does not matter.
const SMALL: u64 = 1 << 20;

/// The most bytes of an archive's list of members, which is held in memory.
const DIRECTORY_BYTES: u64 = 1 << 24;

/// Reads the members of an archive.
pub(crate) fn read(job: &mut Job<'_>, name: &str, file: File) -> Result<()> {
    let left = Rc::new(Cell::new(DIRECTORY_BYTES));
    let metered = Metered {
        file,
        left: Rc::clone(&left),
    };
    let mut archive = ZipArchive::new(BufReader::new(metered)).map_err(|source| damaged(name, source))?;
    left.set(u64::MAX);
    let mut members = Vec::new();
    for index in 0..archive.len() {
        job.count_file(name)?;
        let Some(member) = archive.name_for_index(index) else {
            continue;
        };
        match is_export_name(member) {
            true => members.push((member.to_owned(), index)),
            false if member.ends_with('/') => {}
            false => job.leave_closed(&format!("{name}/{member}")),
        }
    }
    members.sort();
    if members.is_empty()
        && let Some("xl/workbook.xml" | "content.xml") = archive
            .file_names()
            .find(|name| matches!(*name, "xl/workbook.xml" | "content.xml"))
    {
        return Err(Error::Unsupported {
            file: name.to_owned(),
            found: "a spreadsheet",
            hint: "save the sheet as CSV",
        });
    }
    for (member, index) in members {
        let file = format!("{name}/{member}");
        if let Err(error) = read_member(job, &file, &mut archive, index) {
            job.pass_over(&file, error)?;
        }
    }
    Ok(())
}

fn damaged(file: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Zip {
        file: file.to_owned(),
        source: source.into(),
    }
}

fn read_member(
    job: &mut Job<'_>,
    file: &str,
    archive: &mut ZipArchive<BufReader<Metered>>,
    index: usize,
) -> Result<()> {
    let encrypted = archive.by_index_raw(index).map(|member| member.encrypted());
    if encrypted.map_err(|source| damaged(file, source))? {
        return Err(Error::Encrypted {
            file: file.to_owned(),
        });
    }
    let member = archive.by_index(index).map_err(|source| damaged(file, source))?;
    let most = SMALL.max(member.compressed_size().saturating_mul(GREATEST_RATIO));
    let mut unpacking = Unpacking {
        member,
        left: most,
        burst: false,
    };
    let read = job.read_content(file, &mut unpacking, true);
    if unpacking.burst {
        return Err(Error::Bomb {
            file: file.to_owned(),
            ratio: GREATEST_RATIO,
        });
    }
    // What goes wrong while unpacking is the archive's fault.
    match read {
        Err(Error::Io { file, source }) => Err(damaged(&file, source)),
        other => other,
    }
}

/// A member while it is unpacked, which must not grow beyond what its size allows.
struct Unpacking<R> {
    member: R,
    left: u64,
    burst: bool,
}

impl<R: Read> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.member.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => {
                self.left = left;
                Ok(n)
            }
            None => {
                self.burst = true;
                Err(std::io::Error::other("too much"))
            }
        }
    }
}

/// A file of which only so much is read.
struct Metered {
    file: File,
    left: Rc<Cell<u64>>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        let left = self.left.get().checked_sub(n as u64);
        self.left
            .set(left.ok_or_else(|| std::io::Error::other("the list of members is too long"))?);
        Ok(n)
    }
}

impl Seek for Metered {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(position)
    }
}
