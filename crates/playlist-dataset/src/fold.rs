//! Cross-validation.

use playlist_core::Labels;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::assign::assign;
use crate::split::{GroupBy, Part, Split, invalid, own_or};
use crate::{Result, TrackTable};

/// Seeded, stratified, grouped k-fold cross-validation: each row is in the test part once.
///
/// # Examples
/// ```
/// use playlist_core::Labels;
/// use playlist_dataset::StratifiedKFold;
///
/// let y: Vec<bool> = (0..50).map(|row| row % 5 == 0).collect();
/// let folds = StratifiedKFold::default().split_labels(&Labels::binary("other", "liked", &y), None)?;
/// assert_eq!(folds.len(), 5);
/// assert!(folds.iter().all(|fold| fold.test.len() == 10 && fold.train.len() == 40));
/// # Ok::<(), playlist_dataset::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StratifiedKFold {
    /// The number of folds, at least 2; default 5.
    pub n_folds: usize,
    /// The seed.
    pub seed: u64,
    /// What stays together.
    pub group_by: GroupBy,
}

impl Default for StratifiedKFold {
    fn default() -> Self {
        Self {
            n_folds: 5,
            seed: 0,
            group_by: GroupBy::Track,
        }
    }
}

impl StratifiedKFold {
    /// The same with another number of folds.
    #[must_use]
    pub const fn with_n_folds(mut self, n_folds: usize) -> Self {
        self.n_folds = n_folds;
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
        match self.n_folds {
            0 | 1 => Err(invalid("n_folds", self.n_folds, "at least 2")),
            _ => Ok(()),
        }
    }

    /// Splits a table with labels in every row, once a fold.
    ///
    /// # Errors
    /// As [`TrackTable::labelled`], [`GroupBy::groups`] and [`StratifiedKFold::split_labels`].
    pub fn split(&self, table: &TrackTable) -> Result<Vec<Split>> {
        self.validate()?;
        let groups = self.group_by.groups(table)?;
        self.split_labels(&table.labelled(None)?, Some(&groups))
    }

    /// Splits rows by their classes and groups, `[n_samples]` each; without groups every row is its own.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) for a setting out of its range or groups of another length; [`Error::EmptyPart`](crate::Error::EmptyPart).
    pub fn split_labels(&self, labels: &Labels, groups: Option<&[usize]>) -> Result<Vec<Split>> {
        self.validate()?;
        let groups = own_or(labels, groups)?;
        let mut targets = vec![vec![0; labels.n_classes()]; self.n_folds.min(labels.n_samples())];
        if targets.len() < self.n_folds {
            return Err(invalid("n_folds", self.n_folds, "at most the number of tracks"));
        }
        // Tracks are dealt like cards, class after class, so that folds differ by one at most in each
        // class and altogether.
        let mut fold = 0;
        for (class, count) in labels.class_counts().into_iter().enumerate() {
            for target in &mut targets {
                target[class] = count / self.n_folds;
            }
            for _ in 0..count % self.n_folds {
                targets[fold][class] += 1;
                fold = (fold + 1) % self.n_folds;
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let fold_of = assign(labels.y(), &groups, &targets, &mut rng);
        (0..self.n_folds)
            .map(|fold| {
                let in_fold = |row: &usize| fold_of[*row] == fold;
                let (test, train) = (0..fold_of.len()).partition(in_fold);
                let split = Split {
                    train,
                    valid: Vec::new(),
                    test,
                };
                split.check(&[Part::Train, Part::Test], labels, &groups)?;
                Ok(split)
            })
            .collect()
    }
}
