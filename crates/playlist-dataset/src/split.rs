//! Splits into train, valid and test, stratified by class and grouped by track or artist.

use std::fmt;
use std::str::FromStr;

use playlist_core::Labels;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::assign::{apportion, assign};
use crate::group;
use crate::report::ClassCount;
use crate::{Error, Result, TrackTable};

/// What must stay together in one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// The rows of one track: one id, or identical audio.
    #[default]
    Track,
    /// The tracks of one main artist, and the rows of one track.
    Artist,
}

impl GroupBy {
    /// The group of each row, `[n_tracks]`, numbered from 0 in order of first rows.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] when artists are asked for and not there.
    pub fn groups(self, table: &TrackTable) -> Result<Vec<usize>> {
        match self {
            Self::Track => Ok(group::by_track(table, group::FEWEST_FEATURES).numbers()),
            Self::Artist if table.has_artists() => Ok(group::by_artist(table).numbers()),
            Self::Artist => Err(Error::MissingColumn {
                path: table.name().to_owned(),
                column: "artist".to_owned(),
                found: table
                    .report()
                    .columns_used
                    .iter()
                    .map(|c| c.column.clone())
                    .collect(),
            }),
        }
    }
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Track => "track",
            Self::Artist => "artist",
        })
    }
}

impl FromStr for GroupBy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "track" => Ok(Self::Track),
            "artist" => Ok(Self::Artist),
            _ => Err(Error::UnknownGroupBy {
                text: text.to_owned(),
            }),
        }
    }
}

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// To fit on.
    Train,
    /// To choose on.
    Valid,
    /// To report on, once.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        })
    }
}

/// The rows of each part, ascending. Every row is in exactly one part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The rows to fit on.
    pub train: Vec<usize>,
    /// The rows to choose on; often none.
    pub valid: Vec<usize>,
    /// The rows to report on.
    pub test: Vec<usize>,
}

/// The classes of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartCount {
    /// The part.
    pub part: Part,
    /// Its number of tracks.
    pub n_tracks: usize,
    /// Its number of tracks by class, in the order of the labels' classes.
    pub classes: Vec<ClassCount>,
}

/// The counts of a split by part and class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SplitReport {
    /// Train, valid (where it has rows) and test.
    pub parts: Vec<PartCount>,
}

impl Split {
    /// The rows of a part.
    #[must_use]
    pub fn rows(&self, part: Part) -> &[usize] {
        match part {
            Part::Train => &self.train,
            Part::Valid => &self.valid,
            Part::Test => &self.test,
        }
    }

    /// The counts by part and class.
    ///
    /// # Panics
    /// When the split was not made for these labels and names a row that they do not have.
    #[must_use]
    pub fn report(&self, labels: &Labels) -> SplitReport {
        let parts = [Part::Train, Part::Valid, Part::Test].into_iter();
        let count = |part| {
            let counts = labels.select_rows(self.rows(part)).class_counts();
            let names = labels.class_names().iter().cloned();
            PartCount {
                part,
                n_tracks: self.rows(part).len(),
                classes: names
                    .zip(counts)
                    .map(|(class, n_tracks)| ClassCount { class, n_tracks })
                    .collect(),
            }
        };
        SplitReport {
            parts: parts
                .filter(|part| *part != Part::Valid || !self.valid.is_empty())
                .map(count)
                .collect(),
        }
    }

    pub(crate) fn push(&mut self, part: Part, row: usize) {
        match part {
            Part::Train => self.train.push(row),
            Part::Valid => self.valid.push(row),
            Part::Test => self.test.push(row),
        }
    }

    /// Checks that each of `parts` has a row of each class that the labels have.
    pub(crate) fn check(&self, parts: &[Part], labels: &Labels, groups: &[usize]) -> Result<()> {
        let whole = labels.class_counts();
        for part in parts {
            let counts = labels.select_rows(self.rows(*part)).class_counts();
            let empty = (0..counts.len()).find(|class| counts[*class] == 0 && whole[*class] > 0);
            if let Some(class) = empty {
                let mut of_class: Vec<usize> = (0..groups.len())
                    .filter(|row| labels.y()[*row] == class)
                    .map(|row| groups[row])
                    .collect();
                of_class.sort_unstable();
                of_class.dedup();
                return Err(Error::EmptyPart {
                    part: part.to_string(),
                    class: labels.class_names()[class].clone(),
                    n_tracks: whole[class],
                    n_groups: of_class.len(),
                });
            }
        }
        Ok(())
    }
}

/// A seeded, stratified, grouped split.
///
/// Each class gives each part its share of tracks: with groups of one row exactly, rounded by largest
/// remainder so that the total is right; with larger groups as nearly as they allow. No group is in two
/// parts. The result depends on rows, classes, groups and seed alone, and is the same for a seed within a
/// version of this crate.
///
/// # Examples
/// ```
/// use playlist_core::Labels;
/// use playlist_dataset::SplitConfig;
///
/// let y: Vec<bool> = (0..90).map(|row| row % 3 == 0).collect();
/// let labels = Labels::binary("other", "liked", &y);
/// let split = SplitConfig::default().with_seed(7).split_labels(&labels, None)?;
/// assert_eq!((split.train.len(), split.test.len()), (60, 30));
/// assert_eq!(labels.select_rows(&split.test).class_counts(), [20, 10]);
/// # Ok::<(), playlist_dataset::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SplitConfig {
    /// The share of the test part: at least 0, below 1; default 1/3. Zero makes no test part.
    pub test_fraction: f64,
    /// The share of the valid part, of all rows: at least 0, below 1; default 0.
    pub valid_fraction: f64,
    /// The seed.
    pub seed: u64,
    /// What stays together.
    pub group_by: GroupBy,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            test_fraction: 1.0 / 3.0,
            valid_fraction: 0.0,
            seed: 0,
            group_by: GroupBy::Track,
        }
    }
}

impl SplitConfig {
    /// The same with another share for the test part.
    #[must_use]
    pub const fn with_test_fraction(mut self, test_fraction: f64) -> Self {
        self.test_fraction = test_fraction;
        self
    }

    /// The same with another share for the valid part.
    #[must_use]
    pub const fn with_valid_fraction(mut self, valid_fraction: f64) -> Self {
        self.valid_fraction = valid_fraction;
        self
    }

    /// The same with another seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same with another rule of what stays together.
    #[must_use]
    pub const fn with_group_by(mut self, group_by: GroupBy) -> Self {
        self.group_by = group_by;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`playlist_core::Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        let fractions = [
            ("test_fraction", self.test_fraction),
            ("valid_fraction", self.valid_fraction),
        ];
        for (field, value) in fractions {
            if !(0.0..1.0).contains(&value) {
                return Err(invalid(field, value, "at least 0 and below 1"));
            }
        }
        if self.test_fraction + self.valid_fraction >= 1.0 {
            let expected = "below 1 together with `test_fraction`";
            return Err(invalid("valid_fraction", self.valid_fraction, expected));
        }
        Ok(())
    }

    /// Splits a table with labels in every row.
    ///
    /// # Errors
    /// As [`TrackTable::labelled`], [`GroupBy::groups`] and [`SplitConfig::split_labels`].
    pub fn split(&self, table: &TrackTable) -> Result<Split> {
        self.validate()?;
        let groups = self.group_by.groups(table)?;
        self.split_labels(&table.labelled(None)?, Some(&groups))
    }

    /// Splits rows by their classes and groups, `[n_samples]` each; without groups every row is its own.
    ///
    /// # Errors
    /// [`Error::Core`] for a setting out of its range or groups of another length; [`Error::EmptyPart`].
    pub fn split_labels(&self, labels: &Labels, groups: Option<&[usize]>) -> Result<Split> {
        self.validate()?;
        let groups = own_or(labels, groups)?;
        let counts = labels.class_counts();
        let test = apportion(&counts, self.test_fraction);
        let wanted = apportion(&counts, self.valid_fraction);
        let rest = || counts.iter().zip(&test).map(|(all, test)| all - test);
        let valid: Vec<usize> = wanted.iter().zip(rest()).map(|(n, rest)| *n.min(&rest)).collect();
        let train = rest().zip(&valid).map(|(rest, valid)| rest - valid).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let parts = [Part::Train, Part::Valid, Part::Test];
        let mut split = Split::default();
        for (row, part) in assign(labels.y(), &groups, &[train, valid, test], &mut rng)
            .into_iter()
            .enumerate()
        {
            split.push(parts[part], row);
        }
        let needed = [true, self.valid_fraction > 0.0, self.test_fraction > 0.0];
        let needed: Vec<Part> = parts
            .into_iter()
            .zip(needed)
            .filter(|(_, n)| *n)
            .map(|(p, _)| p)
            .collect();
        split.check(&needed, labels, &groups)?;
        Ok(split)
    }
}

impl TrackTable {
    /// Splits the table, see [`SplitConfig::split`].
    ///
    /// # Errors
    /// As [`SplitConfig::split`].
    pub fn split(&self, config: &SplitConfig) -> Result<Split> {
        config.split(self)
    }
}

/// The groups given, or every row its own.
pub(crate) fn own_or(labels: &Labels, groups: Option<&[usize]>) -> Result<Vec<usize>> {
    let Some(groups) = groups else {
        return Ok((0..labels.n_samples()).collect());
    };
    if groups.len() != labels.n_samples() {
        return Err(Error::Core(playlist_core::Error::LengthMismatch {
            what: "the number of groups",
            expected: labels.n_samples(),
            found: groups.len(),
        }));
    }
    Ok(groups.to_vec())
}

pub(crate) fn invalid(field: &'static str, value: impl ToString, expected: &'static str) -> Error {
    Error::Core(playlist_core::Error::InvalidSetting {
        field,
        value: value.to_string(),
        expected,
    })
}
