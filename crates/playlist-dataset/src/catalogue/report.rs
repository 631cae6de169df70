//! What a lookup met.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::report::Note;

/// A value of a catalogue that no track can have. It counts as missing; the rest of its row is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefusedValue {
    /// The row, counted from 1 without the header.
    pub row: usize,
    /// The column.
    pub column: String,
    /// What was expected.
    pub expected: Cow<'static, str>,
    /// What was found.
    pub found: String,
}

/// What the lookups in a [`Catalogue`](super::Catalogue) met, the last one alone.
///
/// Written out, it is one sentence a line, and nothing when all went well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CatalogueReport {
    /// The catalogue.
    pub name: String,
    /// The rows that were looked at.
    pub n_rows: usize,
    /// The tracks that were looked for.
    pub n_wanted: usize,
    /// Those of them that were found.
    pub n_found: usize,
    /// The rows that name no track.
    pub n_without_id: usize,
    /// The rows that could not be read: too long, a quote that is not closed, more fields than the header.
    /// Of rows of other tracks, the fields are not counted.
    pub n_bad_rows: usize,
    /// The line of the first of them.
    pub first_bad_line: Option<usize>,
    /// Further rows of a track that was found, with the same values.
    pub n_repeated: usize,
    /// Further rows of a track that was found, with other values. The first row was taken.
    pub n_conflicting: usize,
    /// The values of tracks that were found and that no track can have; they count as missing.
    pub n_refused: usize,
    /// The first of them.
    pub first_refused: Option<RefusedValue>,
    /// What was converted, and which columns were left out.
    pub notes: Vec<Note>,
}

impl fmt::Display for CatalogueReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = Vec::new();
        if self.n_rows > 0 && self.n_without_id == self.n_rows {
            lines.push("no row names a track: expected ids of Spotify, or ISRCs".to_owned());
        }
        if let (n @ 1.., Some(line)) = (self.n_bad_rows, self.first_bad_line) {
            lines.push(format!("{n} rows could not be read, the first on line {line}"));
        }
        if let (n @ 1.., Some(first)) = (self.n_refused, &self.first_refused) {
            lines.push(format!(
                "{n} values were refused and count as missing, the first in row {}, column `{}`: expected {}, found `{}`",
                first.row, first.column, first.expected, first.found
            ));
        }
        if let n @ 1.. = self.n_conflicting {
            lines.push(format!(
                "{n} further rows of tracks that were found have other values: the first row of each was taken"
            ));
        }
        for (at, line) in lines.iter().enumerate() {
            let end = if at + 1 < lines.len() { "\n" } else { "" };
            write!(f, "catalogue `{}`: {line}{end}", self.name)?;
        }
        Ok(())
    }
}
