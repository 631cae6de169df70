//! The matrix of features that passes between the crates.

use crate::message::list;
use crate::{Error, Result};

/// Features of tracks: row-major `f32`, `[n_samples, n_features]`, with named columns.
///
/// Finite by construction: a missing value is held by a mask, never by a NaN.
///
/// # Examples
/// ```
/// use playlist_core::FeatureMatrix;
///
/// let x = FeatureMatrix::new(["energy", "tempo"], vec![0.5, 120.0, 0.7, f32::NAN])?;
/// assert_eq!((x.n_samples(), x.n_features()), (2, 2));
/// assert_eq!(x.get(0, 1), Some(120.0));
/// assert_eq!(x.get(1, 1), None);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMatrix {
    columns: Vec<String>,
    n_samples: usize,
    /// Row-major; zero where missing.
    values: Vec<f32>,
    /// Row-major; empty when nothing is missing.
    missing: Vec<bool>,
}

impl FeatureMatrix {
    /// A matrix from row-major `values`, `[n_samples, n_features]`; NaN means missing.
    ///
    /// # Errors
    /// [`Error::Empty`] without columns, [`Error::DuplicateColumn`], [`Error::LengthMismatch`] when
    /// the values do not fill whole rows, [`Error::NonFinite`] on an infinite value.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>, mut values: Vec<f32>) -> Result<Self> {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        if columns.is_empty() {
            return Err(Error::Empty { what: "columns" });
        }
        for (index, column) in columns.iter().enumerate() {
            if columns[..index].contains(column) {
                return Err(Error::DuplicateColumn {
                    column: column.clone(),
                });
            }
        }
        let n_features = columns.len();
        if !values.len().is_multiple_of(n_features) {
            return Err(Error::LengthMismatch {
                what: "the number of values in the last row",
                expected: n_features,
                found: values.len() % n_features,
            });
        }
        if let Some(at) = values.iter().position(|value| value.is_infinite()) {
            return Err(Error::NonFinite {
                row: at / n_features,
                column: columns[at % n_features].clone(),
                value: values[at],
            });
        }
        let mut missing = Vec::new();
        if values.iter().any(|value| value.is_nan()) {
            missing = values.iter().map(|value| value.is_nan()).collect();
            for value in values.iter_mut().filter(|value| value.is_nan()) {
                *value = 0.0;
            }
        }
        Ok(Self {
            n_samples: values.len() / n_features,
            columns,
            values,
            missing,
        })
    }

    /// The names of the columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows (tracks).
    #[must_use]
    pub const fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// The number of columns (features).
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// All values, row-major, `[n_samples, n_features]`; zero where missing.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values of one row, `[n_features]`; zero where missing.
    ///
    /// # Panics
    /// When `row` is not below [`FeatureMatrix::n_samples`].
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        let n_features = self.n_features();
        &self.values[row * n_features..(row + 1) * n_features]
    }

    /// The value at `row` and `column`, `None` where it is missing.
    ///
    /// # Panics
    /// When either is out of range.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> Option<f32> {
        assert!(column < self.n_features(), "column {column} is out of range");
        let at = row * self.n_features() + column;
        let value = self.values[at];
        (!self.missing.get(at).copied().unwrap_or(false)).then_some(value)
    }

    /// One column, top to bottom, `None` where a value is missing.
    ///
    /// # Panics
    /// When `column` is out of range.
    pub fn column(&self, column: usize) -> impl ExactSizeIterator<Item = Option<f32>> + '_ {
        (0..self.n_samples).map(move |row| self.get(row, column))
    }

    /// The position of the column named `name`.
    ///
    /// # Errors
    /// [`Error::MissingColumn`].
    pub fn column_index(&self, name: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| Error::MissingColumn {
                column: name.to_owned(),
                found: self.columns.clone(),
            })
    }

    /// The number of missing values.
    #[must_use]
    pub fn n_missing(&self) -> usize {
        self.missing.iter().filter(|missing| **missing).count()
    }

    /// The row-major values with NaN where one is missing.
    #[must_use]
    pub fn to_nan_values(&self) -> Vec<f32> {
        let mut values = self.values.clone();
        for (value, missing) in values.iter_mut().zip(&self.missing) {
            if *missing {
                *value = f32::NAN;
            }
        }
        values
    }

    /// The columns named, in the order named.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::DuplicateColumn`], [`Error::Empty`].
    pub fn select_columns<S: AsRef<str>>(&self, names: &[S]) -> Result<Self> {
        let indices: Vec<usize> = names
            .iter()
            .map(|name| self.column_index(name.as_ref()))
            .collect::<Result<_>>()?;
        let nan_values = self.to_nan_values();
        let mut values = Vec::with_capacity(self.n_samples * indices.len());
        for row in nan_values.chunks_exact(self.n_features()) {
            values.extend(indices.iter().map(|index| row[*index]));
        }
        Self::new(names.iter().map(|name| name.as_ref()), values)
    }

    /// The rows numbered, in the order given; a row may be taken more than once.
    ///
    /// # Panics
    /// When a number is not below [`FeatureMatrix::n_samples`].
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let n_features = self.n_features();
        let mut values = Vec::with_capacity(rows.len() * n_features);
        let mut missing = Vec::new();
        for row in rows {
            values.extend_from_slice(self.row(*row));
            if !self.missing.is_empty() {
                missing.extend_from_slice(&self.missing[row * n_features..(row + 1) * n_features]);
            }
        }
        Self {
            columns: self.columns.clone(),
            n_samples: rows.len(),
            values,
            missing,
        }
    }

    /// Checks that the columns are `expected`, in that order.
    ///
    /// # Errors
    /// [`Error::ColumnsDiffer`].
    pub fn check_columns(&self, expected: &[String]) -> Result<()> {
        if self.columns == expected {
            return Ok(());
        }
        Err(Error::ColumnsDiffer {
            expected: expected.to_vec(),
            found: self.columns.clone(),
        })
    }

    /// Checks that nothing is missing, as models need it.
    ///
    /// # Errors
    /// [`Error::MissingValue`] with the first one.
    pub fn check_complete(&self) -> Result<()> {
        match self.missing.iter().position(|missing| *missing) {
            None => Ok(()),
            Some(at) => Err(Error::MissingValue {
                row: at / self.n_features(),
                column: self.columns[at % self.n_features()].clone(),
            }),
        }
    }
}

impl std::fmt::Display for FeatureMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} tracks x {} features ({})",
            self.n_samples,
            self.n_features(),
            list(&self.columns)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> FeatureMatrix {
        FeatureMatrix::new(["a", "b"], vec![1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0]).unwrap()
    }

    #[test]
    fn nan_becomes_missing_and_values_stay_finite() {
        let x = matrix();
        assert!(x.values().iter().all(|value| value.is_finite()));
        assert_eq!(x.n_missing(), 1);
        assert_eq!(x.column(0).collect::<Vec<_>>(), [Some(1.0), None, Some(5.0)]);
        assert!(matches!(
            x.check_complete(),
            Err(Error::MissingValue { row: 1, column }) if column == "a"
        ));
    }

    #[test]
    fn infinity_names_its_place() {
        let error = FeatureMatrix::new(["a", "b"], vec![1.0, 2.0, 3.0, f32::INFINITY]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 1, column `b`: expected a finite number, found inf"
        );
    }

    #[test]
    fn ragged_values_and_repeated_names_are_refused() {
        assert!(matches!(
            FeatureMatrix::new(["a", "b"], vec![1.0; 3]),
            Err(Error::LengthMismatch {
                expected: 2,
                found: 1,
                ..
            })
        ));
        assert!(matches!(
            FeatureMatrix::new(["a", "a"], vec![1.0; 2]),
            Err(Error::DuplicateColumn { .. })
        ));
        assert!(matches!(
            FeatureMatrix::new(Vec::<String>::new(), vec![]),
            Err(Error::Empty { .. })
        ));
    }

    #[test]
    fn selections_keep_the_mask() {
        let x = matrix();
        let swapped = x.select_columns(&["b", "a"]).unwrap();
        assert_eq!(swapped.get(1, 1), None);
        assert_eq!(swapped.row(2), [6.0, 5.0]);
        let rows = x.select_rows(&[1, 0, 1]);
        assert_eq!(rows.n_missing(), 2);
        assert_eq!(rows.get(1, 0), Some(1.0));
        assert!(matches!(
            x.select_columns(&["c"]),
            Err(Error::MissingColumn { .. })
        ));
    }
}
