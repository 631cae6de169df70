//! Several artists in one cell, in the ways of the programs that wrote it.

use crate::sheet::Draft;
use crate::{ExportFormat, canonical};

/// How the artists of a file are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// `A;B`.
    Semicolon,
    /// `A,B`: a comma before a blank belongs to a name, as in `Tyler, The Creator`.
    BareComma,
    /// `A, B`, with `\,` for a comma in a name.
    EscapedComma,
    /// As our own tables have them.
    Canonical,
    /// `A;B`, or a list as JSON or Python writes it; a comma may belong to a name, and one artist too few is
    /// better than a name cut in two.
    Any,
    /// One artist.
    One,
}

impl Joined {
    /// The way of the file that `drafts` come from.
    pub(crate) fn of(format: ExportFormat, drafts: &[Draft]) -> Self {
        match format {
            ExportFormat::Canonical => Self::Canonical,
            // Since July 2025 with semicolons.
            ExportFormat::Exportify => {
                let mut rows = drafts.iter().flat_map(|draft| &draft.rows);
                let semicolon = rows.any(|row| row.artists.as_ref().is_some_and(|text| text.contains(';')));
                if semicolon {
                    Self::Semicolon
                } else {
                    Self::BareComma
                }
            }
            ExportFormat::ExportifyApp => Self::EscapedComma,
            ExportFormat::Chosic => Self::BareComma,
            ExportFormat::Table => Self::Any,
            _ => Self::One,
        }
    }

    pub(crate) fn split(self, text: &str) -> Vec<String> {
        let trimmed = |parts: Vec<String>| -> Vec<String> {
            parts
                .iter()
                .map(|part| part.trim())
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let at = |separator: &str| trimmed(text.split(separator).map(str::to_owned).collect());
        match self {
            Self::Semicolon => at(";"),
            Self::BareComma => trimmed(bare_commas(text)),
            Self::EscapedComma => trimmed(escaped_commas(text)),
            Self::Canonical => canonical::split_artists(text),
            Self::Any => list(text).map_or_else(|| at(";"), trimmed),
            Self::One => trimmed(vec![text.to_owned()]),
        }
    }
}

/// Splits at commas that no blank follows.
fn bare_commas(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let splits = c == ',' && chars.peek().is_some_and(|next| !next.is_whitespace());
        match parts.last_mut() {
            Some(part) if !splits => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// Splits at commas without a backslash before them.
fn escaped_commas(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' if chars.peek() == Some(&',') => chars.next(),
            ',' => None,
            c => Some(c),
        };
        match (c, parts.last_mut()) {
            (Some(c), Some(part)) => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// The texts of a list in brackets, as JSON or Python writes it.
fn list(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    if let Ok(texts) = serde_json::from_str::<Vec<String>>(text) {
        return Some(texts);
    }
    let mut parts = Vec::new();
    let mut chars = inner.trim().chars();
    while let Some(quote @ ('\'' | '"')) = chars.next() {
        let mut part = String::new();
        loop {
            match chars.next()? {
                '\\' => part.push(chars.next()?),
                c if c == quote => break,
                c => part.push(c),
            }
        }
        parts.push(part);
        let rest = chars.as_str().trim_start();
        if rest.is_empty() {
            return Some(parts);
        }
        chars = rest.strip_prefix(',')?.trim_start().chars();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_undone() {
        for (way, text, artists) in [
            (Joined::Semicolon, "A;B, C", &["A", "B, C"][..]),
            (
                Joined::BareComma,
                "SBTRKT,Roses Gabor",
                &["SBTRKT", "Roses Gabor"],
            ),
            (
                Joined::BareComma,
                "Tyler, The Creator,B,",
                &["Tyler, The Creator", "B,"],
            ),
            (
                Joined::EscapedComma,
                r"Tyler\, The Creator, B",
                &["Tyler, The Creator", "B"],
            ),
            (Joined::EscapedComma, r"A\B, \", &[r"A\B", r"\"]),
            (Joined::Any, "A;B", &["A", "B"]),
            (Joined::Any, "A, B", &["A, B"]),
            (Joined::Any, r#"["A", "B;C"]"#, &["A", "B;C"]),
            (Joined::Any, r#"['A', "B's", 'C\'s']"#, &["A", "B's", "C's"]),
            (Joined::Any, "[unreleased]", &["[unreleased]"]),
            (Joined::One, "A;B", &["A;B"]),
            (Joined::Semicolon, " ; ", &[]),
        ] {
            assert_eq!(way.split(text), artists, "{text}");
        }
    }
}
