//! Pages: one self-contained file each, with no request to anywhere.

mod candidates;
mod chapters;
mod comparison;
mod data;
mod experiment;
mod explanation;
mod model;
mod ranking;
mod sorting;
mod table;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use playlist_metrics::Interval;
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use chapters::{Chapter, chapters_page};
pub use comparison::{comparison_figures, comparison_page};
pub use experiment::experiment_page;
pub use ranking::ranking_page;
pub use sorting::sorting_page;
pub use table::{Cells, DataTable, TableColumn};

use crate::figure::Figure;
use crate::{Result, printable};

const CSS: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");

/// What the script of a page works with.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PageData<'a> {
    /// The class of each test track, where there are two.
    pub(crate) y: &'a [usize],
    /// The models, where there are two classes.
    pub(crate) models: Vec<ModelData<'a>>,
    pub(crate) tables: BTreeMap<&'static str, DataTable>,
}

impl PageData<'_> {
    /// One table to sort and filter, and nothing else.
    pub(crate) fn of_table(name: &'static str, table: DataTable) -> Self {
        Self {
            tables: [(name, table)].into(),
            ..Self::default()
        }
    }
}

/// The probabilities of one model, to be held against a threshold.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModelData<'a> {
    pub(crate) p: &'a [f32],
    pub(crate) threshold: f64,
}

/// A section of a page: its anchor, its heading, what is in it.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) content: Markup,
}

impl Section {
    pub(crate) fn new(id: &'static str, heading: &'static str, content: Markup) -> Self {
        Self { id, heading, content }
    }
}

/// A whole page.
///
/// Its policy lets the browser run the one script and use the one style sheet that it holds, known by their hashes,
/// and load nothing.
pub(crate) fn page(title: &str, lead: &Markup, sections: &[Section], data: &PageData<'_>) -> Result<String> {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(CSS),
        hash(SCRIPT)
    );
    let json = inert(&serde_json::to_string(data)?);
    let title = printable(title);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(CSS)) }
            }
            body {
                a.skip href="#content" { "Skip to the results" }
                header {
                    h1 { (title) }
                    (lead)
                    nav aria-label="Sections" { ul { @for section in sections {
                        li { a href={ "#" (section.id) } { (section.heading) } }
                    } } }
                }
                main #content { @for section in sections {
                    section #(section.id) aria-labelledby={ (section.id) "-heading" } {
                        h2 id={ (section.id) "-heading" } { (section.heading) }
                        (section.content)
                    }
                } }
                script type="application/json" id="report-data" { (PreEscaped(json)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(markup.into_string())
}

/// JSON that can stand within `<script>`: nothing in it opens or closes a tag or a comment.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// The SHA-256 of a text in base 64, as a content security policy names it.
fn hash(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let hash = Sha256::digest(text.as_bytes());
    let mut coded = String::with_capacity(44);
    for three in hash.chunks(3) {
        let bits = three
            .iter()
            .enumerate()
            .fold(0_u32, |bits, (i, byte)| bits | u32::from(*byte) << (16 - 8 * i));
        for letter in 0..4 {
            let is_there = letter <= three.len();
            let index = (bits >> (18 - 6 * letter) & 63) as usize;
            coded.push(if is_there { char::from(LETTERS[index]) } else { '=' });
        }
    }
    coded
}

/// A figure with its words, within a page; its heading is of the third level.
pub(crate) fn figure(figure: &Figure) -> Markup {
    let (width, height) = figure.size;
    let (zero, one) = figure.unit_x;
    html! {
        figure {
            h3 { (printable(&figure.title)) }
            svg viewBox={ "0 0 " (width) " " (height) } role="img"
                aria-label={ (printable(&figure.title)) ". " (printable(&figure.description)) }
                data-zero=(zero) data-one=(one) { (PreEscaped(&figure.body)) }
            figcaption { (printable(&figure.description)) }
        }
    }
}

/// A table in a frame that scrolls by itself on a narrow screen.
pub(crate) fn framed(caption: &str, content: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) { table { caption { (caption) } (content) } }
    }
}

/// A number with `digits` after the point; a dash where it is undefined.
pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

/// An interval in brackets.
pub(crate) fn interval(interval: Option<Interval>, digits: usize) -> Markup {
    html! { @if let Some(Interval { lower, upper, .. }) = interval {
        span.interval { " [" (number(Some(lower), digits)) ", " (number(Some(upper), digits)) "]" }
    } }
}

/// What a result can be made again from.
pub(crate) fn origin(
    command: &str,
    seed: impl Into<Option<u64>>,
    versions: &BTreeMap<String, String>,
) -> Markup {
    html! {
        @if !command.is_empty() { p { "The command that made this page:" } pre { (printable(command)) } }
        @if let Some(seed) = seed.into() {
            p { "Seed " (seed) ". With the same files, seed and versions it makes the same numbers on the same kind of machine." }
        }
        @if !versions.is_empty() { (framed("Versions", &html! {
            thead { tr { th scope="col" { "part" } th.text scope="col" { "version" } } }
            tbody { @for (name, version) in versions { tr { td { (printable(name)) } td.text { (printable(version)) } } } }
        })) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '' | openssl dgst -sha256 -binary | base64`, and the same of `abc`.
    #[test]
    fn hashes_are_those_of_a_policy() {
        assert_eq!(hash(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(hash("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn no_text_leaves_the_data() {
        let table = DataTable {
            caption: "Tracks".to_owned(),
            columns: vec![TableColumn::text(
                "</script>",
                vec!["</script><!-- \u{2028}".to_owned()],
            )],
        };
        let data = PageData {
            tables: BTreeMap::from([("tracks", table)]),
            ..PageData::default()
        };
        let page = page("</title><b>", &html! {}, &[], &data).unwrap();
        assert_eq!(
            page.matches("</script>").count(),
            2,
            "that of the data and that of the script"
        );
        assert!(!page.contains("<b>") && !page.contains("<!--") && !page.contains('\u{2028}'));
    }

    #[test]
    fn style_and_script_end_no_element() {
        assert!(!CSS.contains("</") && !SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
    }
}
