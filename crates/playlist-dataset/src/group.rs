//! Groups of rows that are one track, or by one artist, and must stay together.

use std::collections::HashMap;

use playlist_core::AudioFeature;

use crate::TrackTable;

/// A union-find over rows.
pub(crate) struct Groups {
    parent: Vec<usize>,
}

impl Groups {
    pub(crate) fn new(n_rows: usize) -> Self {
        Self {
            parent: (0..n_rows).collect(),
        }
    }

    /// The first row of the group that `row` is in.
    pub(crate) fn first(&mut self, mut row: usize) -> usize {
        while self.parent[row] != row {
            self.parent[row] = self.parent[self.parent[row]];
            row = self.parent[row];
        }
        row
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// Joins the rows that have the same key; rows without one stay as they are.
    pub(crate) fn join_equal<K: std::hash::Hash + Eq>(&mut self, keys: impl Iterator<Item = Option<K>>) {
        let mut first_of: HashMap<K, usize> = HashMap::new();
        for (row, key) in keys.enumerate() {
            if let Some(key) = key {
                let first = *first_of.entry(key).or_insert(row);
                self.join(first, row);
            }
        }
    }

    /// Numbers of the groups, from 0 in order of their first rows, one a row.
    pub(crate) fn numbers(&mut self) -> Vec<usize> {
        let mut numbers = vec![0; self.parent.len()];
        let mut next = 0;
        for row in 0..numbers.len() {
            let first = self.first(row);
            if first == row {
                numbers[row] = next;
                next += 1;
            } else {
                numbers[row] = numbers[first];
            }
        }
        numbers
    }
}

/// The fewest known features by which two rows can be told to be one recording.
pub(crate) const FEWEST_FEATURES: usize = 8;

/// The features of a row as bits, if enough are known: equal for identical audio rows.
pub(crate) fn audio_key(
    table: &TrackTable,
    row: usize,
    fewest: usize,
) -> Option<[u32; AudioFeature::ALL.len()]> {
    let values = AudioFeature::ALL.map(|feature| table.value(row, feature));
    // Adding zero makes -0.0 and 0.0 one value.
    let bits = |value: Option<f32>| value.map_or(f32::NAN, |value| value + 0.0).to_bits();
    (values.iter().flatten().count() >= fewest).then(|| values.map(bits))
}

/// The main artist in lower case: what stands before the first `;` or `,`.
///
/// Names that hold a comma are cut, which puts more tracks together than needed and none apart.
fn main_artist(artist: &str) -> Option<String> {
    let main = artist.split([';', ',']).next()?.trim().to_lowercase();
    (!main.is_empty()).then_some(main)
}

/// Joins rows that are one track: by id, or by identical audio.
pub(crate) fn by_track(table: &TrackTable, fewest: usize) -> Groups {
    let rows = || 0..table.n_tracks();
    let mut groups = Groups::new(table.n_tracks());
    groups.join_equal(rows().map(|row| table.id(row)));
    groups.join_equal(rows().map(|row| audio_key(table, row, fewest)));
    groups
}

/// Joins rows that are one track or by one main artist.
pub(crate) fn by_artist(table: &TrackTable) -> Groups {
    let mut groups = by_track(table, FEWEST_FEATURES);
    groups.join_equal((0..table.n_tracks()).map(|row| table.artist(row).and_then(main_artist)));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_transitive() {
        let mut groups = Groups::new(5);
        groups.join_equal([Some(1), None, Some(1), None, None].into_iter());
        groups.join_equal([None, None, Some("a"), None, Some("a")].into_iter());
        assert_eq!(groups.numbers(), [0, 1, 0, 2, 0]);
        assert_eq!(groups.first(4), 0);
    }

    #[test]
    fn the_main_artist_stands_first() {
        assert_eq!(main_artist("SBTRKT;Roses Gabor").as_deref(), Some("sbtrkt"));
        assert_eq!(main_artist("Tyler, The Creator").as_deref(), Some("tyler"));
        assert_eq!(main_artist(" ; x"), None);
    }
}
