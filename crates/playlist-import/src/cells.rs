//! The cells of a row, by what they hold.

use std::borrow::Cow;

use playlist_core::AudioFeature;
use playlist_core::column::{ColumnRole, plain_name};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Feature(AudioFeature),
    Camelot,
    Id,
    Isrc,
    Title,
    Artists,
    Album,
    AddedAt,
    Playlist,
    /// What the playlist is; our own tables alone.
    Kind,
    /// Whether the track is a local file; our own tables alone.
    Local,
    /// The source of the features; our own tables alone.
    Source,
    /// The scale of the features; our own tables alone.
    Scale,
    /// `Favorite`, `Playlist` ... in TuneMyMusic's files, `track` or `episode` in Spotify's.
    Type,
}

const N_FEATURES: usize = AudioFeature::ALL.len();
const N_SLOTS: usize = N_FEATURES + 13;

impl Slot {
    pub(crate) const fn index(self) -> usize {
        N_FEATURES
            + match self {
                Self::Feature(feature) => return feature.index(),
                Self::Camelot => 0,
                Self::Id => 1,
                Self::Isrc => 2,
                Self::Title => 3,
                Self::Artists => 4,
                Self::Album => 5,
                Self::AddedAt => 6,
                Self::Playlist => 7,
                Self::Kind => 8,
                Self::Local => 9,
                Self::Source => 10,
                Self::Scale => 11,
                Self::Type => 12,
            }
    }

    /// The name of the column in our own tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Feature(feature) => feature.column(),
            Self::Camelot => "camelot",
            Self::Id => "track_id",
            Self::Isrc => "isrc",
            Self::Title => "title",
            Self::Artists => "artists",
            Self::Album => "album",
            Self::AddedAt => "added_at",
            Self::Playlist => "playlist",
            Self::Kind => "playlist_kind",
            Self::Local => "is_local",
            Self::Source => "features_source",
            Self::Scale => "features_scale",
            Self::Type => "type",
        }
    }

    /// What a column of this name holds, with the rank of the name among the names of the same; 0 is best.
    pub(crate) fn of(name: &str) -> Option<(Self, usize)> {
        let own = match plain_name(name).as_str() {
            "playlistkind" => Self::Kind,
            "islocal" => Self::Local,
            "featuressource" => Self::Source,
            "featuresscale" => Self::Scale,
            "type" => Self::Type,
            _ => {
                let (role, rank) = ColumnRole::of(name)?;
                let slot = match role {
                    ColumnRole::Feature(feature) => Self::Feature(feature),
                    ColumnRole::Camelot => Self::Camelot,
                    ColumnRole::Id => Self::Id,
                    ColumnRole::Isrc => Self::Isrc,
                    ColumnRole::Title => Self::Title,
                    ColumnRole::Artist => Self::Artists,
                    ColumnRole::Album => Self::Album,
                    ColumnRole::AddedAt => Self::AddedAt,
                    ColumnRole::Playlist => Self::Playlist,
                    _ => return None,
                };
                return Some((slot, rank));
            }
        };
        Some((own, 0))
    }
}

/// The cells of one row, as text; `None` where the row has no such cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells<'a> {
    cells: [Option<Cow<'a, str>>; N_SLOTS],
    /// Artists, where they come as a list and need no splitting.
    pub(crate) artists: Option<Vec<String>>,
    /// Whether the row ends before its first column of features.
    pub(crate) cut_before_features: bool,
}

impl<'a> Cells<'a> {
    pub(crate) fn set(&mut self, slot: Slot, text: Cow<'a, str>) {
        self.cells[slot.index()] = Some(text);
    }

    /// The cell as it stands.
    pub(crate) fn raw(&self, slot: Slot) -> Option<&str> {
        self.cells[slot.index()].as_deref()
    }

    /// The cell without blanks around it; `None` where it is empty or says `undefined` or `null`, as programs
    /// write that forgot a case.
    pub(crate) fn text(&self, slot: Slot) -> Option<&str> {
        let text = self.raw(slot)?.trim();
        (!matches!(text, "" | "undefined" | "null")).then_some(text)
    }
}

/// Which column holds what.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The names of the columns as the file has them.
    pub(crate) names: Vec<String>,
    /// What each column holds, if anything that is read.
    pub(crate) slots: Vec<Option<Slot>>,
    /// The first column of audio features but the duration.
    first_feature: Option<usize>,
}

impl Layout {
    pub(crate) fn new(names: Vec<String>, slots: Vec<Option<Slot>>) -> Self {
        let audio = |slot: &Option<Slot>| match slot {
            Some(Slot::Feature(feature)) => *feature != AudioFeature::DurationMs,
            _ => false,
        };
        Self {
            first_feature: slots.iter().position(audio),
            names,
            slots,
        }
    }

    /// Reads the names: the best name of each slot wins, then the first column.
    pub(crate) fn of_names(names: Vec<String>) -> Self {
        let mut best: [Option<(usize, usize)>; N_SLOTS] = [None; N_SLOTS];
        let mut slots = vec![None; names.len()];
        for (position, name) in names.iter().enumerate() {
            let Some((slot, rank)) = Slot::of(name) else {
                continue;
            };
            let holder = &mut best[slot.index()];
            if holder.is_none_or(|(_, other)| rank < other) {
                if let Some((loser, _)) = holder.replace((position, rank)) {
                    slots[loser] = None;
                }
                slots[position] = Some(slot);
            }
        }
        Self::new(names, slots)
    }

    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.slots.contains(&Some(slot))
    }

    #[cfg(test)]
    pub(crate) fn position(&self, slot: Slot) -> Option<usize> {
        self.slots.iter().position(|held| *held == Some(slot))
    }

    /// Whether rows can say which track they are.
    pub(crate) fn names_tracks(&self) -> bool {
        self.has(Slot::Id) || self.has(Slot::Isrc) || self.has(Slot::Title) && self.has(Slot::Artists)
    }

    /// The fields of a row, by what they hold.
    pub(crate) fn cells<'a>(&self, fields: Vec<Cow<'a, str>>) -> Cells<'a> {
        let mut cells = Cells {
            cut_before_features: self.first_feature.is_some_and(|first| fields.len() <= first),
            ..Cells::default()
        };
        for (slot, field) in self.slots.iter().zip(fields) {
            if let Some(slot) = slot {
                cells.set(*slot, field);
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let others = [
            Slot::Camelot,
            Slot::Id,
            Slot::Isrc,
            Slot::Title,
            Slot::Artists,
            Slot::Album,
            Slot::AddedAt,
            Slot::Playlist,
            Slot::Kind,
            Slot::Local,
            Slot::Source,
            Slot::Scale,
            Slot::Type,
        ];
        let features = AudioFeature::ALL.into_iter().map(Slot::Feature);
        let mut places: Vec<usize> = features.chain(others).map(Slot::index).collect();
        places.sort_unstable();
        assert_eq!(places, (0..N_SLOTS).collect::<Vec<_>>());
    }

    #[test]
    fn the_best_name_wins_and_a_second_column_of_it_is_passed_over() {
        let names = [
            "id",
            "Name",
            "Track URI",
            "Explicit",
            "Explicit",
            "Track Name",
            "Track URI",
        ];
        let layout = Layout::of_names(names.map(str::to_owned).to_vec());
        assert_eq!(layout.position(Slot::Id), Some(2));
        assert_eq!(layout.position(Slot::Title), Some(5));
        assert_eq!(layout.slots.iter().flatten().count(), 2);
    }
}
