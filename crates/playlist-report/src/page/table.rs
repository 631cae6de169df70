//! Tables of many rows, which the page's script sorts, filters and turns pages of.

use maud::{Markup, html};
use serde::Serialize;

use crate::printable;

/// The rows that stand in the page itself, for who runs no script.
const FIRST_ROWS: usize = 50;

/// A text longer than this is no name; `assets/report.js` goes by the same length.
const LONG: usize = 80;

/// A table of any number of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataTable {
    /// What it holds.
    #[serde(skip)]
    pub caption: String,
    /// Its columns, all of one length.
    pub columns: Vec<TableColumn>,
}

/// One column of a [`DataTable`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableColumn {
    /// The heading.
    pub name: String,
    /// The values.
    #[serde(flatten)]
    pub cells: Cells,
}

/// The values of a column, `[n_rows]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Cells {
    /// Texts to search in.
    Text {
        /// One a row.
        values: Vec<String>,
    },
    /// Texts of which there are few, to choose from.
    Choice {
        /// One a row.
        values: Vec<String>,
    },
    /// Numbers.
    Number {
        /// One a row; `None` where undefined.
        values: Vec<Option<f64>>,
        /// The digits shown after the point.
        digits: usize,
    },
}

impl TableColumn {
    /// A column of texts to search in.
    #[must_use]
    pub fn text(name: impl Into<String>, values: Vec<String>) -> Self {
        Self {
            name: name.into(),
            cells: Cells::Text { values },
        }
    }

    /// A column of few texts to choose from.
    #[must_use]
    pub fn choice(name: impl Into<String>, values: Vec<String>) -> Self {
        Self {
            name: name.into(),
            cells: Cells::Choice { values },
        }
    }

    /// A column of numbers with `digits` after the point.
    #[must_use]
    pub fn number(name: impl Into<String>, values: Vec<Option<f64>>, digits: usize) -> Self {
        Self {
            name: name.into(),
            cells: Cells::Number { values, digits },
        }
    }

    fn len(&self) -> usize {
        match &self.cells {
            Cells::Text { values } | Cells::Choice { values } => values.len(),
            Cells::Number { values, .. } => values.len(),
        }
    }

    /// Whether some of its texts are sentences rather than names.
    fn is_long(&self) -> bool {
        matches!(&self.cells, Cells::Text { values } if values.iter().any(|text| text.len() > LONG))
    }

    fn cell(&self, row: usize) -> Markup {
        match &self.cells {
            Cells::Text { values } | Cells::Choice { values } => {
                html! { td.text.long[self.is_long()] { (printable(&values[row])) } }
            }
            Cells::Number { values, digits } => html! { td { (super::number(values[row], *digits)) } },
        }
    }
}

impl DataTable {
    /// The table's place in the page, with its first rows; `id` is its key in the page's data.
    pub(crate) fn markup(&self, id: &str) -> Markup {
        let n_rows = self.columns.first().map_or(0, TableColumn::len);
        html! {
            div.datatable data-table=(id) {
                @if n_rows > FIRST_ROWS {
                    p.quiet.first-rows { "The first " (FIRST_ROWS) " of " (n_rows) " rows; a browser that runs scripts shows all." }
                }
                div.scroll tabindex="0" role="region" aria-label=(self.caption) {
                    table {
                        caption { (self.caption) }
                        thead { tr { @for column in &self.columns {
                            th scope="col" class=[(!matches!(column.cells, Cells::Number { .. })).then_some("text")] {
                                (printable(&column.name))
                            }
                        } } }
                        tbody { @for row in 0..n_rows.min(FIRST_ROWS) {
                            tr { @for column in &self.columns { (column.cell(row)) } }
                        } }
                    }
                }
            }
        }
    }
}
