//! Which columns of a catalogue are looked at.

use playlist_core::AudioFeature;
use playlist_core::column::ColumnRole;

use crate::report::Note;
use crate::{Error, Result};

/// The positions of the columns that a lookup needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// All names, as the file has them.
    pub(super) names: Vec<String>,
    pub(super) id: Option<usize>,
    pub(super) isrc: Option<usize>,
    /// What holds features, by position; key and mode may come from one Camelot column.
    pub(super) values: Vec<(Source, usize)>,
    pub(super) notes: Vec<Note>,
}

/// What a column of values holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Feature(AudioFeature),
    Camelot,
}

impl Columns {
    /// Decides for the columns `names` of the file `path`: the best name of each role, then the leftmost.
    pub(super) fn new(path: &str, names: Vec<String>) -> Result<Self> {
        let columns = Self::decide(names);
        if columns.id.is_none() && columns.isrc.is_none() {
            return Err(Error::NoIdColumn {
                path: path.to_owned(),
                found: columns.names,
            });
        }
        columns.with_features(path)
    }

    /// As [`Columns::new`], for a file that may lack ids.
    pub(super) fn without_keys(path: &str, names: Vec<String>) -> Result<Self> {
        Self::decide(names).with_features(path)
    }

    fn decide(names: Vec<String>) -> Self {
        let mut columns = Self {
            names,
            ..Self::default()
        };
        columns.id = columns.best(ColumnRole::Id);
        columns.isrc = columns.best(ColumnRole::Isrc);
        for feature in AudioFeature::ALL {
            if let Some(position) = columns.best(ColumnRole::Feature(feature)) {
                columns.values.push((Source::Feature(feature), position));
            }
        }
        let has = |feature| columns.position(feature).is_some();
        if !has(AudioFeature::Key)
            && !has(AudioFeature::Mode)
            && let Some(position) = columns.best(ColumnRole::Camelot)
        {
            columns.values.push((Source::Camelot, position));
        }
        columns
    }

    fn with_features(self, path: &str) -> Result<Self> {
        if self.provides().iter().all(|f| *f == AudioFeature::DurationMs) {
            return Err(Error::NoFeatures {
                path: path.to_owned(),
                found: self.names,
            });
        }
        Ok(self)
    }

    /// The features that the columns can give.
    pub(super) fn provides(&self) -> Vec<AudioFeature> {
        let mut provides: Vec<AudioFeature> = Vec::new();
        for (source, position) in &self.values {
            match source {
                Source::Feature(feature) => provides.push(*feature),
                Source::Camelot => {
                    provides.extend([AudioFeature::Key, AudioFeature::Mode]);
                    debug_assert!(*position < self.names.len());
                }
            }
        }
        provides
    }

    /// Where the feature stands.
    pub(super) fn position(&self, feature: AudioFeature) -> Option<usize> {
        let wanted = Source::Feature(feature);
        let found = self.values.iter().find(|(source, _)| *source == wanted)?;
        Some(found.1)
    }

    /// The positions of the id and the recording code.
    pub(super) fn keys(&self) -> impl Iterator<Item = usize> + '_ {
        self.id.into_iter().chain(self.isrc)
    }

    fn best(&mut self, role: ColumnRole) -> Option<usize> {
        let mut fitting: Vec<(usize, usize)> = Vec::new();
        for (position, name) in self.names.iter().enumerate() {
            if let Some((found, rank)) = ColumnRole::of(name)
                && found == role
            {
                fitting.push((rank, position));
            }
        }
        fitting.sort_unstable();
        let (_, best) = *fitting.first()?;
        for (_, other) in &fitting[1..] {
            self.notes.push(Note::AliasIgnored {
                column: self.names[*other].clone(),
                used: self.names[best].clone(),
                used_as: role.column().to_owned(),
            });
        }
        Some(best)
    }
}
