//! A page of words, tables and figures, for results that have no page of their own.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{PageData, Section, figure, framed, origin, page};
use crate::figure::Figure;
use crate::{Result, TextTable, printable};

/// A part of a page: words, then tables, then figures.
#[derive(Clone, Debug, Default)]
pub struct Chapter {
    /// Its anchor, unlike that of any other chapter.
    pub id: &'static str,
    /// Its heading.
    pub heading: &'static str,
    /// A paragraph each.
    pub words: Vec<String>,
    /// With their captions.
    pub tables: Vec<(String, TextTable)>,
    /// Drawn as they are.
    pub figures: Vec<Figure>,
}

impl Chapter {
    const fn is_empty(&self) -> bool {
        self.words.is_empty() && self.tables.is_empty() && self.figures.is_empty()
    }
}

/// A page of chapters: `lead` stands below the title, how it was made at the end. Chapters that hold nothing are left
/// out.
///
/// # Errors
/// [`crate::Error::Json`].
pub fn chapters_page(
    title: &str,
    lead: &str,
    chapters: &[Chapter],
    (command, seed, versions): (&str, Option<u64>, &BTreeMap<String, String>),
) -> Result<String> {
    let mut sections: Vec<Section> = chapters
        .iter()
        .filter(|chapter| !chapter.is_empty())
        .map(|chapter| Section::new(chapter.id, chapter.heading, content(chapter)))
        .collect();
    sections.push(Section::new(
        "origin",
        "How it was made",
        origin(command, seed, versions),
    ));
    let lead = html! { p.lead { (printable(lead)) } };
    page(title, &lead, &sections, &PageData::default())
}

fn content(chapter: &Chapter) -> Markup {
    html! {
        @for words in &chapter.words { p { (printable(words)) } }
        @for (caption, table) in &chapter.tables { (framed(&printable(caption), &rows(table))) }
        @for one in &chapter.figures { (figure(one)) }
    }
}

fn rows(table: &TextTable) -> Markup {
    html! {
        thead { tr { @for cell in table.header() { th scope="col" { (printable(cell)) } } } }
        tbody { @for row in table.rows() { tr {
            @for (at, cell) in row.iter().enumerate() {
                @if at == 0 { th scope="row" { (printable(cell)) } } @else { td { (printable(cell)) } }
            }
        } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_on_the_page_and_none_of_it_is_markup() {
        let mut table = TextTable::new(["model", "ROC AUC"]);
        table.push(["<b>paper</b>", "0.86"]);
        let chapter = Chapter {
            id: "runs",
            heading: "Runs",
            words: vec!["Two runs & more".to_owned()],
            tables: vec![("All runs".to_owned(), table)],
            figures: Vec::new(),
        };
        let empty = Chapter {
            id: "nothing",
            heading: "Nothing",
            ..Chapter::default()
        };
        let page = chapters_page(
            "A study",
            "In short",
            &[chapter, empty],
            ("study --quick", Some(7), &BTreeMap::new()),
        )
        .unwrap();
        for part in [
            "<h2 id=\"runs-heading\">Runs</h2>",
            "Two runs &amp; more",
            "<caption>All runs</caption>",
            "&lt;b&gt;paper&lt;/b&gt;",
            "study --quick",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("Nothing"));
    }
}
