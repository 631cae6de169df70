//! Pieces of messages, one wording for all crates.

use std::time::Duration;

/// Names for a message, each in backticks; `none` where there are none.
///
/// ```
/// assert_eq!(playlist_core::message::list(&["key".to_owned(), "mode".to_owned()]), "`key`, `mode`");
/// ```
#[must_use]
pub fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// A text of somebody else's as it stands in a message: cut after 40 characters, on one line.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut short: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// A span of time in the unit that suits it: seconds below two minutes, then minutes, hours from two on.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(playlist_core::message::in_words(Duration::from_secs(79_892)), "22.2 h");
/// ```
#[must_use]
pub fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

/// An error and its causes in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
