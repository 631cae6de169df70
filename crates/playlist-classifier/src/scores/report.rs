//! What came of scoring a catalogue.

use std::fmt;
use std::time::Duration;

use playlist_dataset::{CatalogueScan, Faults};
use serde::Serialize;

use super::ScoreConfig;
use super::job::Counts;
use super::scorer::Scorers;

/// What one model did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreColumn {
    /// The name of the model.
    pub name: String,
    /// Its columns of the table.
    pub columns: Vec<String>,
    /// The rows with a score.
    pub n_scored: usize,
    /// The rows without: a feature that the model needs is missing or cannot be.
    pub n_null: usize,
}

/// What came of scoring a catalogue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreReport {
    /// The catalogue.
    pub input: String,
    /// The table of scores.
    pub output: String,
    /// The rows of the table: every row of the catalogue.
    pub n_rows: usize,
    /// Those of them that earlier runs had scored.
    pub n_resumed: usize,
    /// The lines that are no rows: too long, or with quotes that are not closed.
    pub n_passed_over: usize,
    /// The first of them, counted from 1.
    pub first_passed_over: Option<usize>,
    /// By model.
    pub models: Vec<ScoreColumn>,
    /// What was wrong with rows.
    pub faults: Faults,
    /// What was converted, and which columns were left out.
    pub notes: Vec<String>,
    /// What it took, without earlier runs.
    pub seconds: f64,
}

impl ScoreReport {
    pub(super) fn new(
        config: &ScoreConfig,
        scan: &CatalogueScan,
        scorers: &Scorers,
        counts: Counts,
        n_resumed: usize,
        elapsed: Duration,
    ) -> Self {
        let (n_passed_over, first_passed_over) = scan.passed_over();
        let models = scorers.models().iter().enumerate().map(|(at, model)| {
            let n_null = counts.n_null.get(at).copied().unwrap_or_default();
            ScoreColumn {
                name: model.name.clone(),
                columns: model.columns.clone(),
                n_scored: counts.n_rows - n_null,
                n_null,
            }
        });
        Self {
            input: config.input.display().to_string(),
            output: config.output.display().to_string(),
            models: models.collect(),
            n_rows: counts.n_rows,
            n_resumed,
            n_passed_over,
            first_passed_over,
            faults: counts.faults,
            notes: scan.notes().map(ToString::to_string).collect(),
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// The rows that were scored each second, those of earlier runs left out.
    #[must_use]
    pub fn rows_per_second(&self) -> f64 {
        (self.n_rows - self.n_resumed) as f64 / self.seconds.max(1e-9)
    }
}

impl fmt::Display for ScoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "read     {} rows from {}", self.n_rows, self.input)?;
        for note in &self.notes {
            writeln!(f, "note     {note}")?;
        }
        if let (n @ 1.., Some(line)) = (self.n_passed_over, self.first_passed_over) {
            writeln!(
                f,
                "passed over {n} lines that are no rows, the first is line {line}"
            )?;
        }
        if let (n @ 1.., Some(row)) = (self.faults.n_bad_rows, self.faults.first_bad_row) {
            writeln!(
                f,
                "bad      {n} rows with more cells than the header, the first is row {row}"
            )?;
        }
        if let (n @ 1.., Some(first)) = (self.faults.n_refused, &self.faults.first_refused) {
            writeln!(
                f,
                "refused  {n} values, which count as missing; the first in row {}, column `{}`: expected {}, found `{}`",
                first.row, first.column, first.expected, first.found
            )?;
        }
        for model in &self.models {
            write!(
                f,
                "scored   {} rows as {}",
                model.n_scored,
                model.columns.join(", ")
            )?;
            match model.n_null {
                0 => writeln!(f)?,
                n => writeln!(f, "; {n} have no score for want of features")?,
            }
        }
        if self.n_resumed > 0 {
            writeln!(f, "resumed  after {} rows", self.n_resumed)?;
        }
        writeln!(
            f,
            "wrote    {} in {:.1} s, {:.2} million rows a second",
            self.output,
            self.seconds,
            self.rows_per_second() / 1e6
        )
    }
}
