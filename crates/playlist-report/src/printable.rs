//! Text from files on its way to a terminal.

use std::borrow::Cow;

/// `text` with what would steer a terminal, or turn the order of letters, spelled out.
///
/// Names of files, columns and labels come from other people: a label may hold an escape sequence that
/// clears the screen, or a line feed that fakes a line. Control characters become `\n`, `\t`, `\u{1b}` and
/// so on, as do line separators and the marks that override the direction of writing. All else stays.
///
/// # Examples
/// ```
/// use playlist_report::printable;
///
/// assert_eq!(printable("été 🌞"), "été 🌞");
/// assert_eq!(printable("red\u{1b}[31m"), "red\\u{1b}[31m");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) {
            spelled.extend(c.escape_default());
        } else {
            spelled.push(c);
        }
    }
    Cow::Owned(spelled)
}

/// Whether a terminal does something else with it than show it.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_steers_a_terminal_is_spelled_out() {
        let cases = [
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
            ("two\u{2028}lines", "two\\u{2028}lines"),
        ];
        for (text, expected) in cases {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn other_letters_stay() {
        for text in [
            "",
            "plain",
            "Ünïcödé",
            "日本語",
            "👨\u{200d}👩\u{200d}👧",
            "back\\slash",
            "\"quoted\"",
        ] {
            assert_eq!(printable(text), text);
        }
    }
}
