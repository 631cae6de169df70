//! Balancing: as many tracks of one class as of another.

use std::fmt;
use std::str::FromStr;

use playlist_core::Labels;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::report::ClassCount;
use crate::{Error, Result, TrackTable};

/// How classes of unequal size are made equal. Rows keep their order.
///
/// As text: `none`, `truncate`, `downsample` (seed 0) and `downsample:SEED`.
///
/// # Examples
/// ```
/// use playlist_core::Labels;
/// use playlist_dataset::Balance;
///
/// let labels = Labels::binary("other", "liked", &[true, false, true, true, false]);
/// assert_eq!(Balance::Truncate.rows(&labels), [0, 1, 2, 4]);
/// assert_eq!("downsample:7".parse::<Balance>()?, Balance::Downsample { seed: 7 });
/// # Ok::<(), playlist_dataset::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Classes stay as they are.
    #[default]
    None,
    /// Each class is cut to the length of the shortest; the first tracks are kept. The paper's way.
    Truncate,
    /// Of each class as many tracks as the smallest has are drawn at random.
    ///
    /// The draw is the same for a seed within a version of this crate.
    Downsample {
        /// The seed of the draw.
        seed: u64,
    },
}

/// What balancing did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BalanceReport {
    /// The way of balancing.
    pub balance: Balance,
    /// The rows before.
    pub rows_in: usize,
    /// The rows after.
    pub rows_out: usize,
    /// The classes before.
    pub classes_in: Vec<ClassCount>,
    /// The classes after.
    pub classes_out: Vec<ClassCount>,
}

impl Balance {
    /// The rows that are kept, ascending. Classes without tracks do not count.
    #[must_use]
    pub fn rows(self, labels: &Labels) -> Vec<usize> {
        let counts = labels.class_counts();
        let smallest = counts.iter().copied().filter(|n| *n > 0).min().unwrap_or(0);
        let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); counts.len()];
        for (row, class) in labels.y().iter().enumerate() {
            by_class[*class].push(row);
        }
        match self {
            Self::None => return (0..labels.n_samples()).collect(),
            Self::Truncate => {}
            Self::Downsample { seed } => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                for rows in &mut by_class {
                    rows.shuffle(&mut rng);
                }
            }
        }
        let mut kept: Vec<usize> = by_class
            .iter()
            .flat_map(|rows| rows.iter().take(smallest).copied())
            .collect();
        kept.sort_unstable();
        kept
    }

    /// The balanced table and the counts.
    ///
    /// # Errors
    /// As [`TrackTable::labelled`]; `none` needs no labels.
    pub fn apply(self, table: &TrackTable) -> Result<(TrackTable, BalanceReport)> {
        let balanced = match self {
            Self::None => table.clone(),
            _ => table.select_rows(&self.rows(&table.labelled(None)?)),
        };
        let report = BalanceReport {
            balance: self,
            rows_in: table.n_tracks(),
            rows_out: balanced.n_tracks(),
            classes_in: table.class_counts(),
            classes_out: balanced.class_counts(),
        };
        Ok((balanced, report))
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("none"),
            Self::Truncate => f.pad("truncate"),
            Self::Downsample { seed: 0 } => f.pad("downsample"),
            Self::Downsample { seed } => f.pad(&format!("downsample:{seed}")),
        }
    }
}

impl FromStr for Balance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::UnknownBalance {
            text: text.to_owned(),
        };
        match text {
            "none" => Ok(Self::None),
            "truncate" => Ok(Self::Truncate),
            "downsample" => Ok(Self::Downsample { seed: 0 }),
            _ => {
                let seed = text.strip_prefix("downsample:").ok_or_else(unknown)?;
                let seed = seed.parse().map_err(|_| unknown())?;
                Ok(Self::Downsample { seed })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        let y: Vec<bool> = (0..100).map(|row| row % 5 == 0).collect();
        Labels::binary("no", "yes", &y)
    }

    #[test]
    fn each_way_leaves_equal_classes_in_file_order() {
        assert_eq!(Balance::None.rows(&labels()).len(), 100);
        for balance in [Balance::Truncate, Balance::Downsample { seed: 3 }] {
            let rows = balance.rows(&labels());
            assert_eq!(labels().select_rows(&rows).class_counts(), [20, 20], "{balance}");
            assert!(rows.is_sorted(), "{balance}");
        }
    }

    #[test]
    fn the_draw_depends_on_the_seed_alone() {
        let draw = |seed| Balance::Downsample { seed }.rows(&labels());
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1), Balance::Truncate.rows(&labels()));
    }

    #[test]
    fn a_class_without_tracks_does_not_empty_the_table() {
        let labels = Labels::new(["a", "b", "c"], vec![0, 0, 2]).unwrap();
        assert_eq!(Balance::Truncate.rows(&labels), [0, 2]);
    }

    #[test]
    fn text_round_trips() {
        for balance in [
            Balance::None,
            Balance::Truncate,
            Balance::Downsample { seed: 0 },
            Balance::Downsample { seed: 9 },
        ] {
            assert_eq!(balance.to_string().parse::<Balance>().unwrap(), balance);
        }
        assert!(matches!(
            "half".parse::<Balance>(),
            Err(Error::UnknownBalance { text }) if text == "half"
        ));
    }
}
