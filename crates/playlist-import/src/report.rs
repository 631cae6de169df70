//! What was read, what was left out and why.

use std::fmt;

use playlist_core::{CoverageReport, MissingReason};
use serde::Serialize;

/// Where a track stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RowPlace {
    /// The row, counted from 1, without the header; in JSON, the entry of its list.
    pub row: usize,
    /// The line on which it begins, counted from 1; `None` where files have no lines.
    pub line: Option<usize>,
}

impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        self.line.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// What an unreadable place in a file costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// The row: its track is not among the tracks.
    Row,
    /// The cell: the track is there without it.
    Cell,
}

/// A row or a cell that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RowIssue {
    /// Where it stands.
    pub place: RowPlace,
    /// The column or key, where it is one.
    pub column: Option<String>,
    /// What was expected.
    pub expected: String,
    /// What was found, cut short.
    pub found: String,
    /// What it costs.
    pub cost: Cost,
}

impl RowIssue {
    /// A row that is lost.
    pub(crate) fn row(place: RowPlace, expected: impl Into<String>, found: impl AsRef<str>) -> Self {
        Self {
            place,
            column: None,
            expected: expected.into(),
            found: crate::error::excerpt(found.as_ref()),
            cost: Cost::Row,
        }
    }

    /// A cell that is lost.
    pub(crate) fn cell(
        place: RowPlace,
        column: &str,
        expected: impl Into<String>,
        found: impl AsRef<str>,
    ) -> Self {
        Self {
            column: Some(crate::error::excerpt(column)),
            cost: Cost::Cell,
            ..Self::row(place, expected, found)
        }
    }
}

impl fmt::Display for RowIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": expected {}, found `{}`", self.expected, self.found)
    }
}

/// A column that was brought into our unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Conversion {
    /// The column as the file names it.
    pub column: String,
    /// What it held.
    pub from: String,
    /// What it holds now.
    pub to: String,
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` from {} to {}", self.column, self.from, self.to)
    }
}

/// What was read of one playlist, and what was not.
///
/// Every row of the file is in exactly one of `n_tracks`, `n_repeats` (unless kept), `n_episodes`, `n_other` and
/// `n_bad_rows`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// Rows of the file that belong to this playlist, blank lines aside.
    pub n_rows: usize,
    /// Tracks that were read.
    pub n_tracks: usize,
    /// Those of the tracks that are files on the listener's own disk.
    pub n_local: usize,
    /// Those of the tracks without Spotify's id.
    pub n_without_id: usize,
    /// Those of the tracks with audio features; the duration alone does not count.
    pub n_with_features: usize,
    /// Rows left out because an earlier row of the playlist is the same track. In our own tables they are kept,
    /// and counted all the same.
    pub n_repeats: usize,
    /// Episodes of podcasts and chapters of audiobooks, left out.
    pub n_episodes: usize,
    /// Rows left out that are no tracks of a playlist: followed artists, saved albums, and entries in a reply that
    /// stand for a track without features.
    pub n_other: usize,
    /// Tracks whose features seem to belong to another track; dropped or kept as
    /// [`ImportOptions::suspicious`](crate::ImportOptions::suspicious) says.
    pub n_suspicious: usize,
    /// Rows that cannot be read.
    pub n_bad_rows: usize,
    /// Cells that cannot be read, in rows that can.
    pub n_bad_cells: usize,
    /// The first of the bad rows and cells, at most [`ImportOptions::max_issues`](crate::ImportOptions::max_issues).
    pub issues: Vec<RowIssue>,
    /// Units that were converted.
    pub conversions: Vec<Conversion>,
    /// What else should be known, a sentence each.
    pub notes: Vec<String>,
    /// For how many tracks each feature is known.
    pub coverage: CoverageReport,
}

impl fmt::Display for ImportReport {
    /// The first line is `features for N of M tracks`; each other line says one thing that is not as it should be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.coverage)?;
        // The coverage tells of these already where they have no features.
        let told = |reason| {
            let mut missing = self.coverage.missing.iter();
            missing.find(|(other, _)| *other == reason).map_or(0, |(_, n)| *n)
        };
        let (local, no_id) = (told(MissingReason::LocalFile), told(MissingReason::NoId));
        let unless = |n: usize, told: usize| if n > told { n } else { 0 };
        for (n, what) in [
            (unless(self.n_local, local), "local files"),
            (
                unless(self.n_without_id, local + no_id),
                "tracks without Spotify's id",
            ),
            (self.n_repeats, "repeats of an earlier track"),
            (self.n_episodes, "episodes, left out"),
            (self.n_other, "rows that are no tracks of a playlist, left out"),
            (self.n_bad_rows, "rows that cannot be read, left out"),
            (self.n_bad_cells, "cells that cannot be read, left empty"),
        ] {
            if n > 0 {
                write!(f, "\n  {n} {what}")?;
            }
        }
        for issue in &self.issues {
            write!(f, "\n    {issue}")?;
        }
        let unlisted = (self.n_bad_rows + self.n_bad_cells).saturating_sub(self.issues.len());
        if unlisted > 0 {
            write!(f, "\n    {unlisted} more")?;
        }
        for conversion in &self.conversions {
            write!(f, "\n  converted: {conversion}")?;
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}

/// Bad rows and cells while they are found: all are counted, the first are listed.
#[derive(Clone, Debug)]
pub(crate) struct IssueLog {
    pub(crate) n_rows: usize,
    pub(crate) n_cells: usize,
    pub(crate) listed: Vec<RowIssue>,
    most: usize,
}

impl IssueLog {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            n_rows: 0,
            n_cells: 0,
            listed: Vec::new(),
            most,
        }
    }

    pub(crate) fn push(&mut self, issue: RowIssue) {
        match issue.cost {
            Cost::Row => self.n_rows += 1,
            Cost::Cell => self.n_cells += 1,
        }
        // Bad rows matter more than bad cells and are listed in their stead.
        if self.listed.len() < self.most {
            self.listed.push(issue);
        } else if issue.cost == Cost::Row
            && let Some(cell) = self.listed.iter().rposition(|listed| listed.cost == Cost::Cell)
        {
            self.listed.remove(cell);
            self.listed.push(issue);
        }
    }
}
