//! Predicted class probabilities.

use crate::{Error, Result};

/// The probability of each class for each track.
///
/// With two classes only the positive one is stored, `[n_samples]`; with more,
/// `[n_samples, n_classes]`, row-major. Every value lies in [0, 1] by construction.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    n_classes: usize,
    values: Vec<f32>,
}

impl Probabilities {
    /// Two classes: the probability of the positive one, `[n_samples]`.
    ///
    /// # Errors
    /// [`Error::ProbabilityOutOfRange`], also on NaN.
    pub fn binary(positive: Vec<f32>) -> Result<Self> {
        Self::checked(2, 1, positive)
    }

    /// `n_classes` classes: `values` is row-major, `[n_samples, n_classes]`.
    ///
    /// Two classes are accepted as well; the second column is kept.
    ///
    /// # Errors
    /// [`Error::ProbabilityOutOfRange`], also on NaN; [`Error::LengthMismatch`] when the values do not
    /// fill whole rows or `n_classes` is below 2.
    pub fn multi_class(n_classes: usize, values: Vec<f32>) -> Result<Self> {
        if n_classes < 2 || !values.len().is_multiple_of(n_classes) {
            return Err(Error::LengthMismatch {
                what: "the number of probabilities in the last row",
                expected: n_classes.max(2),
                found: values.len() % n_classes.max(2),
            });
        }
        if n_classes == 2 {
            let positive = values.chunks_exact(2).map(|row| row[1]).collect();
            return Self::binary(positive);
        }
        Self::checked(n_classes, n_classes, values)
    }

    fn checked(n_classes: usize, width: usize, values: Vec<f32>) -> Result<Self> {
        match values.iter().position(|p| !(0.0..=1.0).contains(p)) {
            None => Ok(Self { n_classes, values }),
            Some(at) => Err(Error::ProbabilityOutOfRange {
                row: at / width,
                value: values[at],
            }),
        }
    }

    /// The number of classes.
    #[must_use]
    pub const fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// The number of tracks.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.values.len() / self.width()
    }

    const fn width(&self) -> usize {
        if self.n_classes == 2 { 1 } else { self.n_classes }
    }

    /// The probability of the positive class, `[n_samples]`.
    ///
    /// # Errors
    /// [`Error::NotBinary`] with more than two classes.
    pub fn positive(&self) -> Result<&[f32]> {
        match self.n_classes {
            2 => Ok(&self.values),
            n_classes => Err(Error::NotBinary { n_classes }),
        }
    }

    /// The probability that track `row` is of class `class`.
    ///
    /// # Panics
    /// When either is out of range.
    #[must_use]
    pub fn get(&self, row: usize, class: usize) -> f32 {
        assert!(class < self.n_classes, "class {class} is out of range");
        match (self.n_classes, class) {
            (2, 0) => 1.0 - self.values[row],
            (2, _) => self.values[row],
            _ => self.values[row * self.n_classes + class],
        }
    }

    /// All probabilities, row-major, `[n_samples, n_classes]`, also with two classes.
    #[must_use]
    pub fn to_rows(&self) -> Vec<f32> {
        if self.n_classes > 2 {
            return self.values.clone();
        }
        self.values.iter().flat_map(|p| [1.0 - p, *p]).collect()
    }

    /// The most probable class of each track, `[n_samples]`.
    ///
    /// With two classes the positive one from 0.5 on, inclusive; with more, the first of equals.
    #[must_use]
    pub fn most_probable(&self) -> Vec<usize> {
        if self.n_classes == 2 {
            return self.values.iter().map(|p| usize::from(*p >= 0.5)).collect();
        }
        self.values
            .chunks_exact(self.n_classes)
            .map(|row| {
                let best = row.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
                best.map_or(0, |(class, _)| class)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_zero_to_one_are_refused() {
        for bad in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            assert!(matches!(
                Probabilities::binary(vec![0.5, bad]),
                Err(Error::ProbabilityOutOfRange { row: 1, .. })
            ));
        }
        assert!(Probabilities::multi_class(3, vec![0.5; 4]).is_err());
        assert!(Probabilities::multi_class(0, vec![]).is_err());
    }

    #[test]
    fn two_columns_and_one_column_agree() {
        let one = Probabilities::binary(vec![0.25, 0.5]).unwrap();
        let two = Probabilities::multi_class(2, vec![0.75, 0.25, 0.5, 0.5]).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.to_rows(), [0.75, 0.25, 0.5, 0.5]);
        assert_eq!(one.most_probable(), [0, 1], "0.5 counts as positive");
        assert!((one.get(0, 0) - 0.75).abs() < f32::EPSILON);
    }

    #[test]
    fn the_first_of_equals_wins() {
        let p = Probabilities::multi_class(3, vec![0.4, 0.4, 0.2, 0.1, 0.2, 0.7]).unwrap();
        assert_eq!(p.most_probable(), [0, 2]);
        assert_eq!(p.n_samples(), 2);
        assert!(matches!(p.positive(), Err(Error::NotBinary { n_classes: 3 })));
    }
}
