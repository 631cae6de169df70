//! A table of tracks.

use playlist_core::{AudioFeature, FeatureMatrix, SpotifyId, Track};

use crate::feature_column::Features;
use crate::report::{ClassCount, MissingCount, ReadReport};
use crate::text::{CodedColumn, TextColumn};
use crate::{Error, Result};

/// Tracks with their audio features and, where known, ids, titles, artists, labels and parts.
///
/// Every value is checked: within its range, in our units, or missing. Rows are numbered from 0 here and
/// keep their order; [`TrackTable::origin`] tells where each came from.
///
/// # Examples
/// ```
/// use playlist_core::AudioFeature;
/// use playlist_dataset::{ReadOptions, read_table};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("tracks.csv");
/// std::fs::write(&path, "label,energy,tempo\nliked,0.9,128\nother,0.2,0\n")?;
/// let table = read_table(&path, &ReadOptions::default())?;
/// let x = table.features(&[AudioFeature::Energy, AudioFeature::Tempo])?;
/// assert_eq!(x.get(1, 1), None, "a tempo of 0 means that none was detected");
/// assert_eq!(table.labelled(None)?.class_names(), ["other", "liked"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrackTable {
    pub(crate) n_rows: usize,
    pub(crate) ids: Option<TextColumn>,
    pub(crate) titles: Option<TextColumn>,
    pub(crate) artists: Option<TextColumn>,
    pub(crate) labels: Option<CodedColumn>,
    pub(crate) splits: Vec<(String, CodedColumn)>,
    pub(crate) features: Features,
    pub(crate) report: ReadReport,
    /// The tables that rows come from.
    pub(crate) sources: Vec<String>,
    /// For each row its table and its row there, from 1; `None` for all rows of one table in their order.
    pub(crate) origins: Option<Vec<(usize, usize)>>,
}

/// What a table is made of.
pub(crate) struct Parts {
    pub(crate) n_rows: usize,
    pub(crate) ids: Option<TextColumn>,
    pub(crate) titles: Option<TextColumn>,
    pub(crate) artists: Option<TextColumn>,
    pub(crate) labels: Option<CodedColumn>,
    pub(crate) splits: Vec<(String, CodedColumn)>,
    pub(crate) features: Features,
    pub(crate) report: ReadReport,
}

impl TrackTable {
    pub(crate) fn from_parts(parts: Parts) -> Self {
        Self {
            n_rows: parts.n_rows,
            sources: vec![parts.report.file.clone()],
            origins: None,
            ids: parts.ids,
            titles: parts.titles,
            artists: parts.artists,
            labels: parts.labels,
            splits: parts.splits,
            features: parts.features,
            report: parts.report,
        }
    }

    /// A table of `tracks`, without labels, named `name` in messages.
    ///
    /// All thirteen features have a column. A value out of its range counts as an error, as in a file.
    ///
    /// # Errors
    /// [`Error::NoRows`], [`Error::OutOfRange`].
    pub fn from_tracks(name: &str, tracks: &[Track]) -> Result<Self> {
        if tracks.is_empty() {
            return Err(Error::NoRows {
                path: name.to_owned(),
            });
        }
        let features = AudioFeature::ALL.map(|feature| {
            let value = |track: &Track| track.features.get(feature).unwrap_or(f32::NAN);
            Some(tracks.iter().map(value).collect::<Vec<f32>>())
        });
        for (feature, values) in AudioFeature::ALL.into_iter().zip(features.iter().flatten()) {
            let valid = |value: &f32| value.is_nan() || feature.valid_range().contains(value);
            if let Some(row) = values.iter().position(|value| !valid(value)) {
                return Err(Error::OutOfRange {
                    path: name.to_owned(),
                    row: row + 1,
                    line: None,
                    column: feature.column().to_owned(),
                    least: *feature.valid_range().start(),
                    greatest: *feature.valid_range().end(),
                    unit: feature.unit(),
                    found: values[row].to_string(),
                });
            }
        }
        let ids: TextColumn = tracks
            .iter()
            .map(|track| track.id.as_ref().map(SpotifyId::as_str))
            .collect();
        let titles = tracks.iter().map(|track| track.title.as_deref()).collect();
        let artists: Vec<String> = tracks.iter().map(|track| track.artists.join("; ")).collect();
        let mut table = Self::from_parts(Parts {
            n_rows: tracks.len(),
            ids: Some(ids),
            titles: Some(titles),
            artists: Some(artists.iter().map(|artist| Some(artist.as_str())).collect()),
            labels: None,
            splits: Vec::new(),
            features,
            report: ReadReport::memory(name),
        });
        table.count();
        Ok(table)
    }

    /// The number of tracks.
    #[must_use]
    pub const fn n_tracks(&self) -> usize {
        self.n_rows
    }

    /// The name of the table in messages: its file, or the name given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.report.file
    }

    /// What was read and what was decided on the way. The counts are those of the table as it was read
    /// or joined; [`TrackTable::select_rows`] leaves them.
    #[must_use]
    pub const fn report(&self) -> &ReadReport {
        &self.report
    }

    /// The file or table that a row comes from, and its row there, counted from 1 without the header.
    ///
    /// # Panics
    /// When `row` is not below [`TrackTable::n_tracks`].
    #[must_use]
    pub fn origin(&self, row: usize) -> (&str, usize) {
        let (source, row) = self.place(row);
        (&self.sources[source], row)
    }

    /// The table that a row comes from, by its number among `sources`, and its row there.
    pub(crate) fn place(&self, row: usize) -> (usize, usize) {
        assert!(row < self.n_rows, "row {row} of {}", self.n_rows);
        self.origins.as_ref().map_or((0, row + 1), |origins| origins[row])
    }

    /// Whether there is a column of ids.
    #[must_use]
    pub const fn has_ids(&self) -> bool {
        self.ids.is_some()
    }

    /// Whether there is a column of artists.
    #[must_use]
    pub const fn has_artists(&self) -> bool {
        self.artists.is_some()
    }

    /// Whether there is a column of titles.
    #[must_use]
    pub const fn has_titles(&self) -> bool {
        self.titles.is_some()
    }

    /// Whether there is a column of labels.
    #[must_use]
    pub const fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// The id of a track: Spotify's 22 letters and digits however the file wrote it, or another
    /// service's id as it stands.
    ///
    /// # Panics
    /// When `row` is not below [`TrackTable::n_tracks`].
    #[must_use]
    pub fn id(&self, row: usize) -> Option<&str> {
        assert!(row < self.n_rows, "row {row} is out of range");
        self.ids.as_ref()?.get(row)
    }

    /// The title of a track.
    ///
    /// # Panics
    /// When `row` is not below [`TrackTable::n_tracks`].
    #[must_use]
    pub fn title(&self, row: usize) -> Option<&str> {
        assert!(row < self.n_rows, "row {row} is out of range");
        self.titles.as_ref()?.get(row)
    }

    /// The artists of a track as the file writes them, the main one first.
    ///
    /// # Panics
    /// When `row` is not below [`TrackTable::n_tracks`].
    #[must_use]
    pub fn artist(&self, row: usize) -> Option<&str> {
        assert!(row < self.n_rows, "row {row} is out of range");
        self.artists.as_ref()?.get(row)
    }

    /// The label of a track.
    ///
    /// # Panics
    /// When `row` is not below [`TrackTable::n_tracks`].
    #[must_use]
    pub fn label(&self, row: usize) -> Option<&str> {
        assert!(row < self.n_rows, "row {row} is out of range");
        self.labels.as_ref()?.get(row)
    }

    /// The value of a feature of a track, in our unit; `None` when it is missing or has no column.
    ///
    /// # Panics
    /// When `row` is not below [`TrackTable::n_tracks`].
    #[must_use]
    pub fn value(&self, row: usize, feature: AudioFeature) -> Option<f32> {
        assert!(row < self.n_rows, "row {row} is out of range");
        let values = self.features[feature.index()].as_ref()?;
        Some(values[row]).filter(|value| !value.is_nan())
    }

    /// The features that have a column, in column order, be they known for any track or not.
    #[must_use]
    pub fn available_features(&self) -> Vec<AudioFeature> {
        let has_column = |feature: &AudioFeature| self.features[feature.index()].is_some();
        AudioFeature::ALL.into_iter().filter(has_column).collect()
    }

    /// The features that are known for at least one track, in column order.
    #[must_use]
    pub fn known_features(&self) -> Vec<AudioFeature> {
        let known = |feature: &AudioFeature| {
            let values = self.features[feature.index()].as_deref().unwrap_or_default();
            values.iter().any(|value| !value.is_nan())
        };
        AudioFeature::ALL.into_iter().filter(known).collect()
    }

    /// The values of `features`, `[n_tracks, features.len()]`, in columns named as the features.
    ///
    /// A feature that has a column and no value at all is allowed; its whole column is missing.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] for a feature without a column; [`Error::Core`] without features and for
    /// repeated ones.
    pub fn features(&self, features: &[AudioFeature]) -> Result<FeatureMatrix> {
        let columns: Vec<&[f32]> = features
            .iter()
            .map(|feature| {
                let values = self.features[feature.index()].as_deref();
                values.ok_or_else(|| Error::MissingColumn {
                    path: self.name().to_owned(),
                    column: feature.column().to_owned(),
                    found: self
                        .available_features()
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                })
            })
            .collect::<Result<_>>()?;
        let mut values = Vec::with_capacity(self.n_rows * columns.len());
        for row in 0..self.n_rows {
            values.extend(columns.iter().map(|column| column[row]));
        }
        Ok(FeatureMatrix::new(features.iter().map(|f| f.column()), values)?)
    }

    /// The classes with their numbers of tracks, sorted by name. Empty without labels.
    #[must_use]
    pub fn class_counts(&self) -> Vec<ClassCount> {
        let counts = self.labels.as_ref().map(CodedColumn::counts).unwrap_or_default();
        let count = |(class, n_tracks)| ClassCount { class, n_tracks };
        counts.into_iter().map(count).collect()
    }

    /// The names of the columns that name the part of each row.
    #[must_use]
    pub fn split_columns(&self) -> Vec<&str> {
        self.splits.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn split_column(&self, name: &str) -> Result<&CodedColumn> {
        let found = self.splits.iter().find(|(column, _)| column == name);
        found
            .map(|(_, values)| values)
            .ok_or_else(|| Error::MissingColumn {
                path: self.name().to_owned(),
                column: name.to_owned(),
                found: self.split_columns().into_iter().map(str::to_owned).collect(),
            })
    }

    pub(crate) const fn feature_columns(&self) -> &Features {
        &self.features
    }

    /// The rows numbered, in the order given; a row may be taken more than once.
    ///
    /// # Panics
    /// When a number is not below [`TrackTable::n_tracks`].
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let pick = |values: &Option<Vec<f32>>| {
            let values = values.as_ref()?;
            Some(rows.iter().map(|row| values[*row]).collect())
        };
        let text = |column: &Option<TextColumn>| column.as_ref().map(|column| column.select(rows));
        Self {
            n_rows: rows.len(),
            ids: text(&self.ids),
            titles: text(&self.titles),
            artists: text(&self.artists),
            labels: self.labels.as_ref().map(|labels| labels.select(rows)),
            splits: self
                .splits
                .iter()
                .map(|(name, values)| (name.clone(), values.select(rows)))
                .collect(),
            features: std::array::from_fn(|index| pick(&self.features[index])),
            report: self.report.clone(),
            sources: self.sources.clone(),
            origins: Some(rows.iter().map(|row| self.place(*row)).collect()),
        }
    }

    /// The same tracks, all labelled `label`, whatever their labels were.
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        self.labels = Some(std::iter::repeat_n(Some(label), self.n_rows).collect());
        self.report.n_without_label = 0;
        self
    }

    /// Brings the counts of the report up to date.
    pub(crate) fn count(&mut self) {
        self.report.n_rows = self.n_rows;
        self.report.n_without_id = self.ids.as_ref().map_or(self.n_rows, TextColumn::n_missing);
        self.report.n_without_label = self.labels.as_ref().map_or(self.n_rows, CodedColumn::n_missing);
        self.report.missing = AudioFeature::ALL
            .into_iter()
            .filter_map(|feature| {
                let values = self.features[feature.index()].as_ref()?;
                let n_missing = values.iter().filter(|value| value.is_nan()).count();
                Some(MissingCount { feature, n_missing })
            })
            .collect();
    }
}
