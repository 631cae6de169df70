//! Answers of services, kept on disk.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use playlist_core::{AudioFeatures, FeatureOrigin, FeatureStore, StoreError, StoredFeatures, TrackKey};
use rusqlite::types::Value;
use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use serde::Serialize;

use super::answer::Answer;
use super::{CacheError, cache_file};

/// How long a source is not asked again for a track that it did not know: services learn new tracks.
const MISS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The most keys of one query.
const KEYS_AT_ONCE: usize = 1000;

/// Answers of services, kept in a file so that no question is asked twice, by this program or the next.
///
/// What a service knew is kept for ever; that it did not know a track, for 30 days. The file is an SQLite database:
/// it survives a crash at any moment, and several processes may use it at once. It holds the ids of tracks that were
/// looked up, so only the owner may read it; [`FeatureCache::purge`] empties it.
///
/// # Examples
/// ```
/// use playlist_core::{AudioFeature, AudioFeatures, FeatureOrigin, FeatureScale, FeatureStore, TrackKey};
/// use playlist_spotify::features::FeatureCache;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("features.sqlite3");
/// let key: TrackKey = "spotify:track:4uLU6hMCjMI75M1A2tKUQC".parse()?;
/// let origin = FeatureOrigin::new("reccobeats", FeatureScale::Spotify);
/// let features = AudioFeatures::default().with(AudioFeature::Tempo, 113.3);
/// FeatureCache::open(&path)?.keep(&origin, &[(key.clone(), Some(features))])?;
///
/// let found = FeatureCache::open(&path)?.found(&[key.clone()])?;
/// assert_eq!(found[&key][0].features, features);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct FeatureCache {
    connection: Connection,
    path: PathBuf,
    clock: Box<dyn Fn() -> SystemTime + Send>,
}

/// What a [`FeatureCache`] holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// The answers with features, by source.
    pub n_known: BTreeMap<String, usize>,
    /// The answers that a track is not known, by source, those of more than 30 days ago included.
    pub n_unknown: BTreeMap<String, usize>,
}

impl FeatureCache {
    /// The file that [`FeatureCache::open_default`] opens: `features.sqlite3` in the user's folder of caches, or in
    /// the folder that the environment names as `PLAYLIST_CACHE_DIR`.
    ///
    /// # Errors
    /// [`CacheError::NoFolder`].
    pub fn default_path() -> Result<PathBuf, CacheError> {
        cache_file::default_path()
    }

    /// Opens the file at [`FeatureCache::default_path`], or makes it.
    ///
    /// # Errors
    /// As [`FeatureCache::open`], and [`CacheError::NoFolder`].
    pub fn open_default() -> Result<Self, CacheError> {
        Self::open(Self::default_path()?)
    }

    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// [`CacheError::Open`], [`CacheError::Damaged`], [`CacheError::Foreign`], [`CacheError::Newer`],
    /// [`CacheError::Busy`], [`CacheError::Database`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let path = path.into();
        Ok(Self {
            connection: cache_file::open(&path)?,
            path,
            clock: Box::new(SystemTime::now),
        })
    }

    /// The same with another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of answers.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn len(&self) -> Result<usize, CacheError> {
        let stats = self.stats()?;
        Ok(stats.n_known.values().chain(stats.n_unknown.values()).sum())
    }

    /// Whether there is no answer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_empty(&self) -> Result<bool, CacheError> {
        Ok(self.len()? == 0)
    }

    /// What is kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stats(&self) -> Result<CacheStats, CacheError> {
        let read = || {
            let mut stats = CacheStats::default();
            let sql = "SELECT source, known, count(*) FROM answers GROUP BY source, known";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (source, known): (String, bool) = (row.get(0)?, row.get(1)?);
                let counts = if known {
                    &mut stats.n_known
                } else {
                    &mut stats.n_unknown
                };
                counts.insert(source, usize::try_from(row.get::<_, i64>(2)?).unwrap_or_default());
            }
            Ok(stats)
        };
        read().map_err(|error| self.failed(error))
    }

    /// Deletes every answer, from the disk too, and returns how many there were.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn purge(&mut self) -> Result<usize, CacheError> {
        let purge = || {
            let n = self.connection.execute("DELETE FROM answers", [])?;
            // Otherwise what was deleted would still stand in the file and in the log beside it.
            self.connection.execute_batch("VACUUM")?;
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.connection.query_row(checkpoint, [], |_| Ok(()))?;
            Ok(n)
        };
        purge().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> CacheError {
        CacheError::of(&self.path, error)
    }

    /// Seconds since 1970.
    fn now(&self) -> i64 {
        let since = (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    /// The answers for `keys` among those that `condition` admits; `fixed` are its parameters.
    fn select(
        &self,
        keys: &[TrackKey],
        condition: &str,
        fixed: &[Value],
    ) -> Result<Vec<(TrackKey, Answer)>, CacheError> {
        let texts: BTreeMap<String, &TrackKey> = keys.iter().map(|key| (key.to_string(), key)).collect();
        let answers = self
            .rows(&texts.keys().collect::<Vec<_>>(), condition, fixed)
            .map_err(|error| self.failed(error))?;
        let keyed = |answer: Answer| match texts.get(&answer.track) {
            Some(key) if answer.checksum == answer.sum() => Ok(((*key).clone(), answer)),
            _ => Err(CacheError::Damaged {
                path: self.path.clone(),
                source: format!("the checksum of the answer for `{}` does not fit", answer.track).into(),
            }),
        };
        answers.into_iter().map(keyed).collect()
    }

    fn rows(&self, keys: &[&String], condition: &str, fixed: &[Value]) -> rusqlite::Result<Vec<Answer>> {
        let mut answers = Vec::new();
        // One transaction, so that all is read as of one moment.
        let transaction = self.connection.unchecked_transaction()?;
        for chunk in keys.chunks(KEYS_AT_ONCE) {
            let sql = format!(
                "SELECT {} FROM answers WHERE {condition} AND track IN ({}) ORDER BY track, fetched_at, source",
                cache_file::columns(),
                vec!["?"; chunk.len()].join(", ")
            );
            let mut statement = transaction.prepare_cached(&sql)?;
            let keys = chunk.iter().map(|key| Value::Text((*key).clone()));
            let mut rows = statement.query(params_from_iter(fixed.iter().cloned().chain(keys)))?;
            while let Some(row) = rows.next()? {
                answers.push(Answer::read(row)?);
            }
        }
        transaction.commit()?;
        Ok(answers)
    }

    fn insert(
        &mut self,
        origin: &FeatureOrigin,
        answers: &[(TrackKey, Option<AudioFeatures>)],
    ) -> rusqlite::Result<()> {
        let now = self.now();
        let columns = cache_file::columns();
        let names: Vec<&str> = columns.split(", ").collect();
        let places = vec!["?"; names.len()].join(", ");
        let updates: Vec<String> = names[2..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        // That a track was known once is not forgotten.
        let sql = format!(
            "INSERT INTO answers ({columns}) VALUES ({places}) ON CONFLICT (track, source) DO UPDATE SET {} \
             WHERE excluded.known OR NOT answers.known",
            updates.join(", ")
        );
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut statement = transaction.prepare_cached(&sql)?;
            for (key, answer) in answers {
                let answer = Answer::new(key, origin, answer.unwrap_or_default(), now);
                statement.execute(params_from_iter(answer.values()))?;
            }
        }
        transaction.commit()
    }
}

impl FeatureStore for FeatureCache {
    fn found(&mut self, keys: &[TrackKey]) -> Result<BTreeMap<TrackKey, Vec<StoredFeatures>>, StoreError> {
        let mut found: BTreeMap<TrackKey, Vec<StoredFeatures>> = BTreeMap::new();
        for (key, answer) in self.select(keys, "known", &[])? {
            if let Some(stored) = answer.stored() {
                found.entry(key).or_default().push(stored);
            }
        }
        Ok(found)
    }

    fn missed(&mut self, name: &str, keys: &[TrackKey]) -> Result<Vec<TrackKey>, StoreError> {
        let kept = i64::try_from(MISS_KEPT.as_secs()).unwrap_or(i64::MAX);
        let now = self.now();
        // An answer from far in the future was written under a wrong clock, and might never expire.
        let condition = "NOT known AND source = ? AND fetched_at > ? AND fetched_at < ?";
        let fixed = [
            Value::Text(name.to_owned()),
            Value::Integer(now.saturating_sub(kept)),
            Value::Integer(now.saturating_add(kept)),
        ];
        let answers = self.select(keys, condition, &fixed)?;
        Ok(answers.into_iter().map(|(key, _)| key).collect())
    }

    fn keep(
        &mut self,
        origin: &FeatureOrigin,
        answers: &[(TrackKey, Option<AudioFeatures>)],
    ) -> Result<(), StoreError> {
        self.insert(origin, answers).map_err(|error| self.failed(error))?;
        Ok(())
    }
}

impl fmt::Debug for FeatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureCache")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
