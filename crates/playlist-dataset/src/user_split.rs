//! A split that the table itself holds.

use crate::split::{GroupBy, Part, Split};
use crate::{Error, Result, TrackTable};

impl TrackTable {
    /// The split that a column of the user's own gives: `train`, `valid` (or `validation`) or `test` in
    /// every row, in any case.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::BadPart`]; [`Error::Straddling`] when one track is in two parts;
    /// [`Error::EmptyPart`] when the train or the test part lacks a class, if the table has classes.
    pub fn user_split(&self, column: &str) -> Result<Split> {
        let cells = self.split_column(column)?;
        let mut split = Split::default();
        let mut parts = Vec::with_capacity(self.n_tracks());
        for (row, cell) in cells.iter().enumerate() {
            let text = cell.unwrap_or_default();
            let part = match text.to_ascii_lowercase().as_str() {
                "train" => Part::Train,
                "valid" | "validation" => Part::Valid,
                "test" => Part::Test,
                _ => {
                    let (file, number) = self.origin(row);
                    return Err(Error::BadPart {
                        path: file.to_owned(),
                        row: number,
                        column: column.to_owned(),
                        found: crate::message::excerpt(text),
                    });
                }
            };
            split.push(part, row);
            parts.push(part);
        }
        let groups = GroupBy::Track.groups(self)?;
        check_together(self, column, &groups, &parts)?;
        if self.class_counts().len() > 1 {
            split.check(&[Part::Train, Part::Test], &self.labelled(None)?, &groups)?;
        }
        Ok(split)
    }
}

fn check_together(table: &TrackTable, column: &str, groups: &[usize], parts: &[Part]) -> Result<()> {
    let mut first_rows: Vec<usize> = Vec::new();
    for (row, group) in groups.iter().enumerate() {
        // Groups are numbered in order of their first rows.
        if *group == first_rows.len() {
            first_rows.push(row);
        }
        let first = first_rows[*group];
        if parts[first] != parts[row] {
            return Err(Error::Straddling {
                path: table.name().to_owned(),
                column: column.to_owned(),
                first: table.origin(first).1,
                second: table.origin(row).1,
            });
        }
    }
    Ok(())
}
