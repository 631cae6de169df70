//! Writing files: in one step, and never over another unasked.

use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Whether a file that exists may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// An existing file is an error.
    #[default]
    Refuse,
    /// An existing file is replaced, in one step.
    Allow,
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Whoever may read any new file.
    Usual,
    /// The owner alone.
    Owner,
}

/// Writes `contents` to `path` in one step: readers see the old file or the new one, never a part.
///
/// # Errors
/// [`Error::FileExists`], [`Error::Write`].
pub fn write_file(path: &Path, contents: &[u8], overwrite: Overwrite) -> Result<()> {
    write(path, contents, overwrite, Readers::Usual)
}

/// As [`write_file`], replacing what is there, for the owner's eyes alone: on Unix the file has mode 0600 from its
/// first byte.
///
/// # Errors
/// [`Error::Write`].
pub fn write_private_file(path: &Path, contents: &[u8]) -> Result<()> {
    write(path, contents, Overwrite::Allow, Readers::Owner)
}

fn write(path: &Path, contents: &[u8], overwrite: Overwrite, readers: Readers) -> Result<()> {
    let io = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let exists = || Error::FileExists {
        path: path.to_owned(),
    };
    if overwrite == Overwrite::Refuse && path.try_exists().map_err(io)? {
        return Err(exists());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = new_file(folder.unwrap_or(Path::new(".")), readers).map_err(io)?;
    file.write_all(contents).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    let persisted = match overwrite {
        Overwrite::Allow => file.persist(path),
        Overwrite::Refuse => file.persist_noclobber(path),
    };
    persisted.map(|_| ()).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(),
        _ => io(error.error),
    })
}

/// A temporary file in `folder`: with the permissions of any new file, or the private ones of temporary files.
fn new_file(folder: &Path, readers: Readers) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(match readers {
        Readers::Usual => 0o666,
        Readers::Owner => 0o600,
    }));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_kept_unless_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_file(&path, b"old", Overwrite::Refuse).unwrap();
        assert!(matches!(
            write_file(&path, b"new", Overwrite::Refuse),
            Err(Error::FileExists { .. })
        ));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        write_file(&path, b"new", Overwrite::Allow).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("no/such/folder.json");
        assert!(matches!(
            write_file(&nowhere, b"", Overwrite::Allow),
            Err(Error::Write { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        write_file(&path, b"old", Overwrite::Refuse).unwrap();
        write_private_file(&path, b"secret").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
