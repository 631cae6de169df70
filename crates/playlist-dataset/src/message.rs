//! Pieces of messages.

pub(crate) use playlist_core::message::{excerpt, list};

/// The line, where known, as it follows the row.
pub(crate) fn at_line(line: &Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}
