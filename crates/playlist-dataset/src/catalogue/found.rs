//! The rows that a lookup is after, and those that it found.

use std::collections::HashMap;

use playlist_core::{Isrc, SpotifyId, Track, TrackKey, unit};

use super::columns::Columns;
use crate::text::TextColumn;

/// The tracks that are looked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    ids: HashMap<[u8; 22], SpotifyId>,
    isrcs: HashMap<[u8; 12], Isrc>,
}

impl Wanted {
    pub(super) fn new(tracks: &[&Track], columns: &Columns) -> Self {
        let mut wanted = Self::default();
        for track in tracks {
            if let (Some(id), Some(_)) = (&track.id, columns.id)
                && let Ok(bytes) = id.as_str().as_bytes().try_into()
            {
                wanted.ids.insert(bytes, id.clone());
            }
            if let (Some(isrc), Some(_)) = (&track.isrc, columns.isrc)
                && let Ok(bytes) = isrc.as_str().as_bytes().try_into()
            {
                wanted.isrcs.insert(bytes, isrc.clone());
            }
        }
        wanted
    }

    /// The key of the wanted track that the cell of ids names, and whether it names any track at all.
    pub(super) fn by_id(&self, cell: &[u8]) -> (Option<TrackKey>, bool) {
        // The plain case first, as in most files: it needs no parsing.
        if let Ok(bytes) = <&[u8; 22]>::try_from(cell)
            && bytes.iter().all(u8::is_ascii_alphanumeric)
        {
            return (self.ids.get(bytes).cloned().map(TrackKey::Spotify), true);
        }
        let parsed = super::rows::text_of(cell).and_then(|text| text.parse::<SpotifyId>().ok());
        let Some(id) = parsed else { return (None, false) };
        (self.contains_id(&id).then_some(TrackKey::Spotify(id)), true)
    }

    fn contains_id(&self, id: &SpotifyId) -> bool {
        <&[u8; 22]>::try_from(id.as_str().as_bytes()).is_ok_and(|bytes| self.ids.contains_key(bytes))
    }

    /// The key of the wanted recording that the cell of codes names, and whether it names any at all.
    pub(super) fn by_isrc(&self, cell: &[u8]) -> (Option<TrackKey>, bool) {
        if let Ok(bytes) = <&[u8; 12]>::try_from(cell)
            && let Some(isrc) = self.isrcs.get(bytes)
        {
            return (Some(TrackKey::Isrc(isrc.clone())), true);
        }
        let parsed = super::rows::text_of(cell).and_then(|text| text.parse::<Isrc>().ok());
        let Some(isrc) = parsed else { return (None, false) };
        let known =
            <&[u8; 12]>::try_from(isrc.as_str().as_bytes()).is_ok_and(|bytes| self.isrcs.contains_key(bytes));
        (known.then_some(TrackKey::Isrc(isrc)), true)
    }
}

/// Rows of the catalogue: the cells that may hold features, as text.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// A column for each of [`Columns::values`].
    pub(super) cells: Vec<TextColumn>,
    /// The row of each, counted from 1 without the header.
    pub(super) numbers: Vec<usize>,
}

impl Rows {
    pub(super) fn new(columns: &Columns) -> Self {
        Self {
            cells: columns.values.iter().map(|_| TextColumn::default()).collect(),
            numbers: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Adds a row; the cells stand as [`Columns::values`] do.
    pub(super) fn push(&mut self, number: usize, cells: &[String]) {
        for (column, cell) in self.cells.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.numbers.push(number);
    }

    /// Whether the row holds the same as `cells`.
    fn equals(&self, row: usize, cells: &[String]) -> bool {
        self.cells
            .iter()
            .zip(cells)
            .all(|(column, cell)| same(column.get(row).unwrap_or_default(), cell))
    }
}

/// Whether two cells hold one value, however it is written.
fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (unit::number(a), unit::number(b)) {
        (Some(a), Some(b)) => a == b || a.is_nan() && b.is_nan(),
        _ => false,
    }
}

/// The rows that were found, by the track that they are of: the first of each.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: Rows,
    pub(super) by_key: HashMap<TrackKey, usize>,
    /// Rows of an id that was met before: with the same values, and with others.
    pub(super) n_repeated: usize,
    pub(super) n_conflicting: usize,
}

impl Found {
    pub(super) fn new(columns: &Columns) -> Self {
        Self {
            rows: Rows::new(columns),
            by_key: HashMap::new(),
            n_repeated: 0,
            n_conflicting: 0,
        }
    }

    /// Takes a row of the tracks `keys`.
    pub(super) fn add(&mut self, keys: [Option<TrackKey>; 2], number: usize, cells: &[String]) {
        let mut position = None;
        for key in keys.into_iter().flatten() {
            if let Some(first) = self.by_key.get(&key) {
                // One recording may well be listed under several ids with slightly different values.
                if matches!(key, TrackKey::Spotify(_)) {
                    let same = self.rows.equals(*first, cells);
                    self.n_repeated += usize::from(same);
                    self.n_conflicting += usize::from(!same);
                }
                continue;
            }
            let at = *position.get_or_insert_with(|| {
                self.rows.push(number, cells);
                self.rows.len() - 1
            });
            self.by_key.insert(key, at);
        }
    }
}
