//! Columns of text: one buffer for many short texts, and numbers for repeated ones.

use std::collections::{HashMap, TryReserveError};

/// Texts one after the other in one buffer; an empty text stands for a missing one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextColumn {
    data: String,
    ends: Vec<usize>,
}

impl TextColumn {
    /// An empty column with room for `n_rows` texts of `n_bytes` together.
    pub(crate) fn with_capacity(n_rows: usize, n_bytes: usize) -> Self {
        Self {
            data: String::with_capacity(n_bytes),
            ends: Vec::with_capacity(n_rows),
        }
    }

    /// Makes room for `n_rows` texts in all, if the others are as long as those that are there.
    pub(crate) fn try_reserve(&mut self, n_rows: usize) -> Result<(), TryReserveError> {
        let n_more = n_rows.saturating_sub(self.len());
        let n_bytes = self.data.len() as f64 / self.len().max(1) as f64 * n_more as f64;
        // A little more, since running out of room costs a copy of all.
        self.data.try_reserve_exact((n_bytes * 1.02) as usize)?;
        self.ends.try_reserve_exact(n_more)
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.data.push_str(text);
        self.ends.push(self.data.len());
    }

    /// Columns one below the other.
    pub(crate) fn joined<'a>(columns: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let n_rows = columns.clone().map(Self::len).sum();
        let mut joined = Self::with_capacity(n_rows, columns.clone().map(|column| column.data.len()).sum());
        for column in columns {
            let start = joined.data.len();
            joined.data.push_str(&column.data);
            joined.ends.extend(column.ends.iter().map(|end| start + end));
        }
        joined
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.data[start..self.ends[row]]).filter(|text| !text.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    pub(crate) fn n_missing(&self) -> usize {
        let first = usize::from(self.ends.first() == Some(&0));
        first + self.ends.windows(2).filter(|ends| ends[0] == ends[1]).count()
    }

    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        rows.iter().map(|row| self.get(*row)).collect()
    }
}

impl<'a> FromIterator<Option<&'a str>> for TextColumn {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(texts: I) -> Self {
        let mut column = Self::default();
        for text in texts {
            column.push(text.unwrap_or_default());
        }
        column
    }
}

/// Texts of which few differ: each is a number into a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodedColumn {
    names: Vec<String>,
    codes: Vec<Option<u32>>,
    by_name: HashMap<String, u32>,
}

impl CodedColumn {
    pub(crate) fn push(&mut self, text: Option<&str>) {
        let code = text.map(|text| self.code(text));
        self.codes.push(code);
    }

    /// Makes room for `n_rows` texts in all.
    pub(crate) fn try_reserve(&mut self, n_rows: usize) -> Result<(), TryReserveError> {
        self.codes.try_reserve_exact(n_rows.saturating_sub(self.len()))
    }

    /// Columns one below the other.
    pub(crate) fn joined<'a>(columns: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut joined = Self::default();
        joined.codes.reserve(columns.clone().map(Self::len).sum());
        for column in columns {
            let codes: Vec<u32> = column.names.iter().map(|name| joined.code(name)).collect();
            let of = |code: &Option<u32>| code.map(|code| codes[code as usize]);
            joined.codes.extend(column.codes.iter().map(of));
        }
        joined
    }

    fn code(&mut self, text: &str) -> u32 {
        /// Up to so many names, comparing with each is faster than hashing.
        const FEW: usize = 4;
        if self.names.len() <= FEW
            && let Some(code) = self.names.iter().position(|name| name == text)
        {
            return code as u32;
        }
        if let Some(code) = self.by_name.get(text) {
            return *code;
        }
        let code = u32::try_from(self.names.len()).expect("more than 4 billion names do not fit in memory");
        self.names.push(text.to_owned());
        self.by_name.insert(text.to_owned(), code);
        code
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        self.codes[row].map(|code| self.names[code as usize].as_str())
    }

    pub(crate) fn len(&self) -> usize {
        self.codes.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The names that occur, sorted, each with its number of rows.
    pub(crate) fn counts(&self) -> Vec<(String, usize)> {
        let mut counts = vec![0; self.names.len()];
        for code in self.codes.iter().flatten() {
            counts[*code as usize] += 1;
        }
        let mut counts: Vec<(String, usize)> = self.names.iter().cloned().zip(counts).collect();
        counts.retain(|(_, n)| *n > 0);
        counts.sort();
        counts
    }

    pub(crate) fn n_missing(&self) -> usize {
        self.codes.iter().filter(|code| code.is_none()).count()
    }

    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        rows.iter().map(|row| self.get(*row)).collect()
    }
}

impl<'a> FromIterator<Option<&'a str>> for CodedColumn {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(texts: I) -> Self {
        let mut column = Self::default();
        for text in texts {
            column.push(text);
        }
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_text_is_missing() {
        let column: TextColumn = [Some("a"), None, Some(""), Some("bc")].into_iter().collect();
        assert_eq!(
            column.iter().collect::<Vec<_>>(),
            [Some("a"), None, None, Some("bc")]
        );
        assert_eq!(column.n_missing(), 2);
        assert_eq!(column.select(&[3, 1]).get(0), Some("bc"));
        assert_eq!(column.select(&[1, 0]).n_missing(), 1);
        assert_eq!(TextColumn::default().n_missing(), 0);
    }

    #[test]
    fn counts_are_sorted_and_leave_out_what_was_dropped() {
        let column: CodedColumn = [Some("b"), None, Some("a"), Some("b")].into_iter().collect();
        assert_eq!(column.counts(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(column.select(&[0, 1]).counts(), [("b".to_owned(), 1)]);
        assert_eq!(column.n_missing(), 1);
    }
}
