//! Any number of labels a track: a track may be on several playlists, or on none.

use crate::labels::check_rows;
use crate::{Error, FeatureMatrix, Result};

/// Which of several labels each track has: any number of them, none included.
///
/// Where each track has exactly one, [`Labels`](crate::Labels) say more.
///
/// # Examples
/// ```
/// use playlist_core::MultiLabels;
///
/// // The first track is on both playlists, the second on none.
/// let labels = MultiLabels::new(["focus", "party"], vec![true, true, false, false])?;
/// assert_eq!(labels.row(0), [true, true]);
/// assert_eq!(labels.label_counts(), [1, 1]);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiLabels {
    label_names: Vec<String>,
    /// `[n_samples, n_labels]`.
    y: Vec<bool>,
}

impl MultiLabels {
    /// Labels `y`, row-major, `[n_samples, n_labels]`: whether each track has each of `label_names`.
    ///
    /// # Errors
    /// [`Error::Empty`] without names, [`Error::LengthMismatch`] when the values do not fill whole rows.
    pub fn new<S: Into<String>>(label_names: impl IntoIterator<Item = S>, y: Vec<bool>) -> Result<Self> {
        let label_names = names_of_rows(label_names, y.len(), "the number of labels in the last row")?;
        Ok(Self { label_names, y })
    }

    /// The names of the labels.
    #[must_use]
    pub fn label_names(&self) -> &[String] {
        &self.label_names
    }

    /// The number of labels that a track may have.
    #[must_use]
    pub fn n_labels(&self) -> usize {
        self.label_names.len()
    }

    /// The number of tracks.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.y.len() / self.n_labels()
    }

    /// Whether each track has each label, row-major, `[n_samples, n_labels]`.
    #[must_use]
    pub fn y(&self) -> &[bool] {
        &self.y
    }

    /// Whether track `row` has each label, `[n_labels]`.
    ///
    /// # Panics
    /// When `row` is not below [`MultiLabels::n_samples`].
    #[must_use]
    pub fn row(&self, row: usize) -> &[bool] {
        &self.y[row * self.n_labels()..][..self.n_labels()]
    }

    /// Whether each track has the label at position `label`, `[n_samples]`.
    ///
    /// # Panics
    /// When `label` is out of range.
    #[must_use]
    pub fn label(&self, label: usize) -> Vec<bool> {
        column(&self.y, self.n_labels(), label)
    }

    /// The number of tracks that have each label, `[n_labels]`.
    #[must_use]
    pub fn label_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.n_labels()];
        for row in self.y.chunks_exact(self.n_labels()) {
            for (count, has) in counts.iter_mut().zip(row) {
                *count += usize::from(*has);
            }
        }
        counts
    }

    /// The rows numbered, in the order given.
    ///
    /// # Panics
    /// When a number is not below [`MultiLabels::n_samples`].
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        Self {
            label_names: self.label_names.clone(),
            y: rows.iter().flat_map(|row| self.row(*row)).copied().collect(),
        }
    }

    /// Checks that a model can be fitted on `x` and these labels: as many rows, at least one, nothing missing,
    /// and of each label a track that has it and one that has not.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::Empty`], [`Error::MissingValue`], [`Error::OneSided`].
    pub fn check_fit(&self, x: &FeatureMatrix) -> Result<()> {
        check_rows(x, self.n_samples())?;
        let counts = self.label_counts();
        let one_sided = counts
            .iter()
            .position(|count| [0, self.n_samples()].contains(count));
        match one_sided {
            None => Ok(()),
            Some(label) => Err(Error::OneSided {
                label: self.label_names[label].clone(),
                n_with: counts[label],
                n_samples: self.n_samples(),
            }),
        }
    }
}

/// The probability of each label for each track. They need not sum to one: a track may have several labels, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelProbabilities {
    label_names: Vec<String>,
    /// `[n_samples, n_labels]`.
    values: Vec<f32>,
}

impl LabelProbabilities {
    /// `values` is row-major, `[n_samples, n_labels]`, one column for each of `label_names`.
    ///
    /// # Errors
    /// [`Error::Empty`] without names, [`Error::LengthMismatch`] when the values do not fill whole rows,
    /// [`Error::ProbabilityOutOfRange`], also on NaN.
    pub fn new<S: Into<String>>(label_names: impl IntoIterator<Item = S>, values: Vec<f32>) -> Result<Self> {
        let what = "the number of probabilities in the last row";
        let label_names = names_of_rows(label_names, values.len(), what)?;
        let n_labels = label_names.len();
        match values.iter().position(|p| !(0.0..=1.0).contains(p)) {
            None => Ok(Self { label_names, values }),
            Some(at) => Err(Error::ProbabilityOutOfRange {
                row: at / n_labels,
                value: values[at],
            }),
        }
    }

    /// The names of the labels.
    #[must_use]
    pub fn label_names(&self) -> &[String] {
        &self.label_names
    }

    /// The number of labels.
    #[must_use]
    pub fn n_labels(&self) -> usize {
        self.label_names.len()
    }

    /// The number of tracks.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.values.len() / self.n_labels()
    }

    /// The probability of each label for track `row`, `[n_labels]`.
    ///
    /// # Panics
    /// When `row` is not below [`LabelProbabilities::n_samples`].
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.n_labels()..][..self.n_labels()]
    }

    /// The probability of the label at position `label` for each track, `[n_samples]`.
    ///
    /// # Panics
    /// When `label` is out of range.
    #[must_use]
    pub fn label(&self, label: usize) -> Vec<f32> {
        column(&self.values, self.n_labels(), label)
    }
}

/// The names, if there are any and `n_values` fill whole rows of them.
fn names_of_rows<S: Into<String>>(
    names: impl IntoIterator<Item = S>,
    n_values: usize,
    what: &'static str,
) -> Result<Vec<String>> {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    if names.is_empty() {
        return Err(Error::Empty { what: "label names" });
    }
    match n_values % names.len() {
        0 => Ok(names),
        found => Err(Error::LengthMismatch {
            what,
            expected: names.len(),
            found,
        }),
    }
}

/// Column `at` of row-major values, `n` a row.
fn column<T: Copy>(values: &[T], n: usize, at: usize) -> Vec<T> {
    assert!(at < n, "label {at} is out of range");
    values.chunks_exact(n).map(|row| row[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_must_fill_rows() {
        assert!(matches!(
            MultiLabels::new(["a", "b"], vec![true; 3]),
            Err(Error::LengthMismatch {
                expected: 2,
                found: 1,
                ..
            })
        ));
        assert!(matches!(
            MultiLabels::new(Vec::<String>::new(), vec![]),
            Err(Error::Empty { .. })
        ));
        assert!(LabelProbabilities::new(["a", "b"], vec![0.5; 3]).is_err());
        assert!(matches!(
            LabelProbabilities::new(["a", "b"], vec![0.1, 0.2, 0.3, f32::NAN]),
            Err(Error::ProbabilityOutOfRange { row: 1, .. })
        ));
    }

    #[test]
    fn rows_and_columns_are_where_they_belong() {
        let labels = MultiLabels::new(["a", "b", "c"], vec![true, false, true, false, false, true]).unwrap();
        assert_eq!(labels.n_samples(), 2);
        assert_eq!(labels.label(2), [true, true]);
        assert_eq!(labels.label_counts(), [1, 0, 2]);
        assert_eq!(labels.select_rows(&[1, 0]).row(1), [true, false, true]);
        let p = LabelProbabilities::new(["a", "b"], vec![0.1, 0.2, 0.3, 0.4]).unwrap();
        assert_eq!((p.row(1), p.label(0)), (&[0.3, 0.4][..], vec![0.1, 0.3]));
    }

    #[test]
    fn a_label_that_every_track_has_cannot_be_learnt() {
        let x = FeatureMatrix::new(["energy"], vec![0.1, 0.9]).unwrap();
        let labels = MultiLabels::new(["a", "b"], vec![true, true, false, true]).unwrap();
        assert!(matches!(
            labels.check_fit(&x),
            Err(Error::OneSided { label, n_with: 2, n_samples: 2 }) if label == "b"
        ));
        let short = labels.select_rows(&[0]);
        assert!(matches!(short.check_fit(&x), Err(Error::LengthMismatch { .. })));
    }
}
