//! The file that keeps answers: where it is, how it is opened, which format it has.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use playlist_core::AudioFeature;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::CacheError;

/// What marks a database as ours: `PLCF`.
const APPLICATION: i64 = 0x504C_4346;

/// The version of the tables.
const FORMAT: i64 = 1;

/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The variable that names the folder of the file.
const VARIABLE: &str = "PLAYLIST_CACHE_DIR";

/// The file in the user's folder of caches, or in the folder that `PLAYLIST_CACHE_DIR` names.
pub(super) fn default_path() -> Result<PathBuf, CacheError> {
    let folder = match std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => directories::ProjectDirs::from("", "", "playlist-classifier")
            .ok_or(CacheError::NoFolder)?
            .cache_dir()
            .to_owned(),
    };
    Ok(folder.join("features.sqlite3"))
}

/// Opens the file, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, CacheError> {
    create(path).map_err(|source| CacheError::Open {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let failed = |error| CacheError::of(path, error);
    // Without SQLITE_OPEN_URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // Two processes that make the file at once may be told at once that it is in use.
    let end = Instant::now() + PATIENCE;
    loop {
        match prepare(path, &mut connection) {
            Err(CacheError::Busy { .. }) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
            Ok(()) => return Ok(connection),
        }
    }
}

/// Makes the folder and an empty file, for the owner's eyes alone: the ids of tracks say what someone listens to.
fn create(path: &Path) -> std::io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let (mut folder, mut file) = (std::fs::DirBuilder::new(), std::fs::OpenOptions::new());
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folder.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder.recursive(true).create(parent)?;
    }
    file.write(true).create(true).truncate(false).open(path)?;
    Ok(())
}

/// Checks whose file it is before anything is changed, and makes the tables in a new one.
fn prepare(path: &Path, connection: &mut Connection) -> Result<(), CacheError> {
    let failed = |error| CacheError::of(path, error);
    // In one transaction: another process may be making the tables right now.
    let reading = connection.transaction().map_err(failed)?;
    let is_new = check(path, &reading)?;
    reading.commit().map_err(failed)?;
    // Readers do not wait for writers, and a commit is on the disk when it returns.
    connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .map_err(failed)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    connection
        .pragma_update(None, "secure_delete", "ON")
        .map_err(failed)?;
    if is_new {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        // Another process may have been faster.
        if check(path, &transaction)? {
            transaction.execute_batch(&schema()).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
    }
    // A file of ours without the table, or with another one, is damaged.
    match connection.prepare(&format!("SELECT {} FROM answers LIMIT 0", columns())) {
        Ok(_) => Ok(()),
        Err(error) => match CacheError::of(path, error) {
            CacheError::Database { path, source } => Err(CacheError::Damaged { path, source }),
            other => Err(other),
        },
    }
}

/// Whether the database is new; an error if it is not ours, or newer than we are.
fn check(path: &Path, connection: &Connection) -> Result<bool, CacheError> {
    let number = |sql: &str| -> Result<i64, CacheError> {
        let value = connection.query_row(sql, [], |row| row.get(0));
        value.map_err(|error| CacheError::of(path, error))
    };
    let application = number("PRAGMA application_id")?;
    let format = number("PRAGMA user_version")?;
    if application == APPLICATION && format == FORMAT {
        return Ok(false);
    }
    if application == APPLICATION && format > FORMAT {
        return Err(CacheError::Newer {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    if application == 0 && format == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(true);
    }
    Err(CacheError::Foreign {
        path: path.to_owned(),
    })
}

/// The columns of an answer, in the order in which they are read and written.
pub(super) fn columns() -> String {
    let features = AudioFeature::ALL.map(AudioFeature::column);
    format!(
        "track, source, scale, known, fetched_at, checksum, {}",
        features.join(", ")
    )
}

/// One row for each source and key. `fetched_at` is in seconds since 1970; a row that is not `known` says that the
/// source was asked then and did not know the track. SQLite notices damage to its own structure alone, hence the
/// checksum of what a row says.
fn schema() -> String {
    let features = AudioFeature::ALL.map(|feature| format!("{feature} REAL"));
    format!(
        "CREATE TABLE answers (
            track TEXT NOT NULL,
            source TEXT NOT NULL,
            scale TEXT NOT NULL,
            known INTEGER NOT NULL,
            fetched_at INTEGER NOT NULL,
            checksum INTEGER NOT NULL,
            {},
            PRIMARY KEY (track, source)
        ) STRICT, WITHOUT ROWID;
        PRAGMA application_id = {APPLICATION};
        PRAGMA user_version = {FORMAT};",
        features.join(", ")
    )
}
