//! A study as a page.

use playlist_report::{Chapter, chapters_page};

use super::show::{RETRIES, fault_table, heading, retry_table, study_plots, variation_tables, verdict};
use super::summary::{FaultRow, StudyReport};
use crate::Result;

/// The study as one page that opens from disk: every table and figure.
///
/// # Errors
/// Those of drawing.
pub fn study_page(report: &StudyReport, command: &str) -> Result<String> {
    let mut chapters = vec![Chapter {
        id: "study",
        heading: "The study",
        words: heading(report).lines().map(str::to_owned).collect(),
        figures: study_plots(report)?,
        ..Chapter::default()
    }];
    let variations = variation_tables(report);
    if !variations.is_empty() {
        chapters.push(Chapter {
            id: "variations",
            heading: "What the paper tried",
            tables: variations,
            ..Chapter::default()
        });
    }
    if !report.faults.is_empty() {
        let rows: Vec<&FaultRow> = report.faults.iter().collect();
        chapters.push(Chapter {
            id: "faults",
            heading: "What gives the paper's numbers",
            words: vec![verdict(report)],
            tables: vec![("Faults, alone and together".to_owned(), fault_table(&rows))],
            ..Chapter::default()
        });
    }
    if !report.retries.is_empty() {
        chapters.push(Chapter {
            id: "retries",
            heading: "The paper's section 8",
            tables: vec![(RETRIES.to_owned(), retry_table(&report.retries))],
            ..Chapter::default()
        });
    }
    Ok(chapters_page(
        "The paper, reproduced",
        "What it tried, on listeners whose data we have, and which mistakes give its numbers.",
        &chapters,
        (command, Some(report.seed), &report.versions),
    )?)
}
