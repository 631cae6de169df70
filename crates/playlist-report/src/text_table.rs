//! A table of texts, for the terminal and for Markdown.

use comfy_table::Table;

use crate::printable;
use crate::terminal::{STYLE, table_text};

/// A header and rows of texts, the first column to the left, the others to the right.
///
/// # Examples
/// ```
/// use playlist_report::TextTable;
///
/// let mut table = TextTable::new(["model", "ROC AUC"]);
/// table.push(["paper", "0.86"]);
/// assert_eq!(table.to_markdown(), "| model | ROC AUC |\n|---|--:|\n| paper | 0.86 |\n");
/// assert!(table.to_text().ends_with("paper     0.86"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTable {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table without rows.
    #[must_use]
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self {
            header: header.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells beyond the header are left out, missing ones are empty.
    pub fn push<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.header.len(), String::new());
        self.rows.push(row);
    }

    /// Whether it has no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    pub(crate) fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// The table for the terminal; cells are made [`printable`].
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut table = Table::new();
        let safe =
            |row: &[String]| -> Vec<String> { row.iter().map(|cell| printable(cell).into_owned()).collect() };
        table.load_style(STYLE).set_header(safe(&self.header));
        for row in &self.rows {
            table.add_row(safe(row));
        }
        table_text(&mut table)
    }

    /// The table as Markdown; cells are made [`printable`] and their bars escaped.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let line = |row: &[String]| {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| printable(cell).replace('|', "\\|"))
                .collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule = format!("|---|{}\n", "--:|".repeat(self.header.len().saturating_sub(1)));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.header) + &rule + &rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_others_steer_neither_terminal_nor_table() {
        let mut table = TextTable::new(["a", "b"]);
        table.push(["x|y", "\u{1b}[31m", "too much"]);
        table.push(["alone"]);
        assert_eq!(
            table.to_markdown(),
            "| a | b |\n|---|--:|\n| x\\|y | \\u{1b}[31m |\n| alone |  |\n"
        );
        assert!(!table.to_text().contains('\u{1b}'));
    }
}
