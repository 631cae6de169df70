//! Catalogues: big files of audio features, in which some tracks are looked up.

mod columns;
mod csv;
mod found;
mod json;
mod parquet;
mod report;
mod rows;
mod scan;
mod values;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use playlist_core::{AudioFeature, AudioFeatures, FeatureScale, FeatureSource, SourceError, Track, TrackKey};

use crate::read::{io_error, open, peek, sniff};
use crate::report::FileKind;
use crate::{Error, ReadOptions, Result};
use columns::Columns;
use found::{Found, Rows, Wanted};
use values::Reading;

pub use report::{CatalogueReport, RefusedValue};
pub use scan::{Block, CatalogueScan, Faults, Part};

/// A CSV, Parquet or JSON lines file of any size with audio features of tracks: a source of features for other tracks.
///
/// The file needs a column of ids (bare, URIs or addresses) or of ISRCs, and features under the names that
/// [`read_table`](crate::read_table) knows: the catalogues on Kaggle are read as they are, and exports of playlists too. It
/// is read once for each [`Catalogue::find`], however many tracks are looked for, row by row and in bounded memory;
/// only rows of these tracks are kept. So ask for all tracks at once.
///
/// # Units
/// Told for whole columns, as [`read_table`](crate::read_table) does, from the first 1,000 rows of the file and the rows that
/// were found: percents, seconds and minutes are converted, keys, modes and metres in text are understood, and a
/// unit that cannot be told is an error. A file of whole percents, beats and decibels has the scale
/// [`FeatureScale::SpotifyRounded`].
///
/// # Faults
/// A bad row costs that row, a bad value that value; of several rows of one track the first is taken. The
/// [`CatalogueReport`] counts them all.
///
/// # Examples
/// ```
/// use playlist_core::{AudioFeature, Chain, Track};
/// use playlist_dataset::Catalogue;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tracks_features.csv");
/// std::fs::write(
///     &path,
///     "id,name,energy,tempo\n4uLU6hMCjMI75M1A2tKUQC,\"One, two\",0.9,113.3\n008KI9VbcXzsvn84eQWNRN,Three,0.2,-5\n",
/// )?;
/// let mut tracks = ["4uLU6hMCjMI75M1A2tKUQC", "008KI9VbcXzsvn84eQWNRN", "0123456789012345678901"]
///     .map(|id| Track { id: id.parse().ok(), ..Track::default() });
/// let mut catalogue = Catalogue::open(&path)?;
/// let report = Chain::new().with_source(&mut catalogue).fill(&mut tracks);
/// assert_eq!(report.to_string().lines().next(), Some("features for 2 of 3 tracks"));
/// assert_eq!(tracks[0].features.get(AudioFeature::Energy), Some(0.9));
/// assert_eq!(tracks[1].features.get(AudioFeature::Tempo), None, "no track has a tempo of -5");
/// assert_eq!(catalogue.report().n_refused, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Catalogue {
    path: String,
    name: String,
    file: CatalogueFile,
    columns: Columns,
    provides: Vec<AudioFeature>,
    /// The first rows, from which units are told.
    sample: Rows,
    scale: FeatureScale,
    report: CatalogueReport,
    notes: Vec<String>,
}

#[derive(Debug)]
enum CatalogueFile {
    Csv(csv::CsvFile),
    Json(json::JsonFile),
    Parquet(parquet::ParquetFile),
}

/// The number of rows from which units are told, beside those that are found.
const SAMPLE: usize = 1000;

/// What a walk through the file counts.
#[derive(Debug, Default)]
struct Tally {
    n_rows: usize,
    n_without_id: usize,
    n_bad_rows: usize,
    first_bad_line: Option<usize>,
}

impl Tally {
    fn bad_row(&mut self, line: usize) {
        self.n_bad_rows += 1;
        self.first_bad_line.get_or_insert(line);
    }

    /// Rows that the reader passed over, and the line of the first.
    fn passed_over(&mut self, (n_rows, first): (usize, Option<usize>)) {
        self.n_bad_rows += n_rows;
        self.first_bad_line = self.first_bad_line.into_iter().chain(first).min();
    }
}

impl Catalogue {
    /// Opens a catalogue, which is named as the file without its ending, and reads the first rows.
    ///
    /// # Errors
    /// [`Error::NotFound`] and the like, [`Error::UnsupportedFormat`], [`Error::NoIdColumn`],
    /// [`Error::NoFeatures`], [`Error::Parquet`] for a damaged file; a unit that cannot be told is an error of
    /// [`Catalogue::find`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &ReadOptions::default())
    }

    /// As [`Catalogue::open`]; of the options, the delimiter and the limit on the length of a line matter.
    ///
    /// # Errors
    /// As [`Catalogue::open`], and an invalid setting.
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        options.validate()?;
        let path = path.as_ref();
        let shown = path.display().to_string();
        let mut file: File = open(path, &shown)?;
        let start = peek(&mut file).map_err(|source| io_error(&shown, source))?;
        let (file, columns, sample) = match sniff(&shown, &start)? {
            FileKind::Parquet => {
                let (file, columns) = parquet::ParquetFile::open(&shown, file)?;
                let sample = file.sample(&shown, &columns, SAMPLE)?;
                (CatalogueFile::Parquet(file), columns, sample)
            }
            FileKind::JsonLines => {
                let (mut file, columns) = json::JsonFile::open(&shown, file, options, SAMPLE)?;
                let sample = file.sample(&shown, &columns, SAMPLE)?;
                (CatalogueFile::Json(file), columns, sample)
            }
            _ => {
                let (mut file, columns) = csv::CsvFile::open(&shown, file, options)?;
                let sample = file.sample(&shown, &columns, SAMPLE)?;
                (CatalogueFile::Csv(file), columns, sample)
            }
        };
        // The rows that are found may tell what the first do not.
        let scale = Reading::decide(&shown, &columns, &[&sample])
            .map_or(FeatureScale::Spotify, |reading| reading.scale);
        let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(Self {
            path: shown,
            name: stem.into_owned(),
            file,
            provides: columns.provides(),
            columns,
            sample,
            scale,
            report: CatalogueReport::default(),
            notes: Vec::new(),
        })
    }

    /// The same under another name, for two files of one name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same with the scale given, where the file does not show it: numbers of another kind than Spotify's must
    /// not be looked up at all.
    #[must_use]
    pub fn with_scale(mut self, scale: FeatureScale) -> Self {
        self.scale = scale;
        self
    }

    /// What the last lookup met.
    #[must_use]
    pub fn report(&self) -> &CatalogueReport {
        &self.report
    }

    /// The features of those of `tracks` that are in the file, by id and by ISRC, after one walk through it.
    ///
    /// # Errors
    /// [`Error::AmbiguousUnit`], [`Error::LineTooLong`] when a hundred lines are, [`Error::Changed`],
    /// [`Error::Parquet`], [`Error::ColumnType`], [`Error::Io`].
    pub fn find(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>> {
        let wanted = Wanted::new(tracks, &self.columns);
        let mut tally = Tally::default();
        let found = match &mut self.file {
            CatalogueFile::Csv(file) => file.find(&self.path, &self.columns, &wanted, &mut tally)?,
            CatalogueFile::Json(file) => file.find(&self.path, &self.columns, &wanted, &mut tally)?,
            CatalogueFile::Parquet(file) => file.find(&self.path, &self.columns, &wanted, &mut tally)?,
        };
        let reading = Reading::decide(&self.path, &self.columns, &[&self.sample, &found.rows])?;
        let mut report = CatalogueReport {
            name: self.name.clone(),
            n_rows: tally.n_rows,
            n_wanted: tracks.len(),
            n_without_id: tally.n_without_id,
            n_bad_rows: tally.n_bad_rows,
            first_bad_line: tally.first_bad_line,
            n_repeated: found.n_repeated,
            n_conflicting: found.n_conflicting,
            notes: self.columns.notes.iter().chain(&reading.notes).cloned().collect(),
            ..CatalogueReport::default()
        };
        let features = self.features(&found, &reading, &mut report);
        let is_found = |track: &&&Track| track.keys().iter().any(|key| features.contains_key(key));
        report.n_found = tracks.iter().filter(is_found).count();
        self.notes.extend(report.to_string().lines().map(str::to_owned));
        self.report = report;
        Ok(features)
    }

    fn features(
        &self,
        found: &Found,
        reading: &Reading,
        report: &mut CatalogueReport,
    ) -> BTreeMap<TrackKey, AudioFeatures> {
        let by_row: Vec<AudioFeatures> = (0..found.rows.len())
            .map(|row| {
                reading.features(&self.columns, &found.rows, row, |refused| {
                    report.n_refused += 1;
                    report.first_refused.get_or_insert(refused);
                })
            })
            .collect();
        let with_key = found.by_key.iter().map(|(key, row)| (key.clone(), by_row[*row]));
        with_key.filter(|(_, features)| features.has_audio()).collect()
    }
}

impl FeatureSource for Catalogue {
    fn name(&self) -> &str {
        &self.name
    }

    fn scale(&self) -> FeatureScale {
        self.scale
    }

    fn provides(&self) -> &[AudioFeature] {
        &self.provides
    }

    /// As many as there are: the file is read once for all.
    fn batch_size(&self) -> usize {
        usize::MAX
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn can_ask(&self, track: &Track) -> bool {
        let by_id = self.columns.id.is_some() && track.id.is_some();
        by_id || self.columns.isrc.is_some() && track.isrc.is_some()
    }

    /// See [`Catalogue::find`].
    fn lookup(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>, SourceError> {
        self.find(tracks).map_err(|error: Error| SourceError::Failed {
            name: self.name.clone(),
            source: Box::new(error),
        })
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}
