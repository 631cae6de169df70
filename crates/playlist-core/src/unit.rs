//! What the cells of a column mean: numbers, units, keys and modes written as text.
//!
//! Every decision is made for a whole column (the percent scale for a whole file), never for a cell.

/// The number of a cell, NaN when it says that there is none, `None` when it is no number.
#[must_use]
pub fn number(text: &str) -> Option<f32> {
    // The plain case first: it decides the speed of reading a big file.
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let text = text.trim();
    if is_missing(text) {
        return Some(f32::NAN);
    }
    text.parse().ok()
}

/// Whether the text stands for a missing value.
#[must_use]
pub fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 5] = ["undefined", "null", "nan", "na", "n/a"];
    text.is_empty() || text.len() <= 9 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A number with a decimal comma.
#[must_use]
pub fn comma_number(text: &str) -> Option<f32> {
    if text.contains('.') {
        return None;
    }
    number(&text.replacen(',', ".", 1))
}

/// A duration written as minutes and seconds, or hours, minutes and seconds, in milliseconds.
#[must_use]
pub fn clock_ms(text: &str) -> Option<f32> {
    let text = text.trim();
    if is_missing(text) {
        return Some(f32::NAN);
    }
    let parts: Vec<&str> = text.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let (seconds, whole) = parts.split_last()?;
    let mut total = 0_u32;
    for (index, part) in whole.iter().enumerate() {
        let n: u32 = part.parse().ok()?;
        if index > 0 && n >= 60 {
            return None;
        }
        total = total.checked_mul(60)?.checked_add(n)?;
    }
    if !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let seconds: f32 = seconds.parse().ok()?;
    (seconds < 60.0).then_some(((f64::from(total) * 60.0 + f64::from(seconds)) * 1000.0).round() as f32)
}

/// A key written as text, `F Minor`, `G#/A♭ Major`, `C♯`, `Bbm`: pitch class, and mode where given.
#[must_use]
pub fn key_text(text: &str) -> Option<(f32, f32)> {
    let text = text.trim();
    if is_missing(text) || text == "-1" {
        return Some((f32::NAN, f32::NAN));
    }
    let (pitch, mut rest) = pitch_class(text)?;
    if let Some(other) = rest.trim_start().strip_prefix('/') {
        let (same, after) = pitch_class(other.trim_start())?;
        if same != pitch {
            return None;
        }
        rest = after;
    }
    let mode = match rest.trim() {
        "" => f32::NAN,
        "m" => 0.0,
        word => mode_text(word)?,
    };
    Some((f32::from(pitch), mode))
}

/// The pitch class that the text begins with, and what follows.
fn pitch_class(text: &str) -> Option<(u8, &str)> {
    let mut chars = text.chars();
    let natural: i8 = match chars.next()?.to_ascii_uppercase() {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let after_letter = chars.as_str();
    let (shift, rest) = match chars.next() {
        Some('#' | '♯') => (1, chars.as_str()),
        Some('b' | '♭') => (-1, chars.as_str()),
        _ => (0, after_letter),
    };
    let pitch = (natural + shift).rem_euclid(12);
    Some((pitch.unsigned_abs(), rest))
}

/// A mode written as text: 1 for major, 0 for minor.
#[must_use]
pub fn mode_text(text: &str) -> Option<f32> {
    let text = text.trim();
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_missing(text) {
        Some(f32::NAN)
    } else if is(&["major", "maj", "dur", "true"]) {
        Some(1.0)
    } else if is(&["minor", "min", "moll", "false"]) {
        Some(0.0)
    } else {
        None
    }
}

/// A place on the Camelot wheel, `8B`: pitch class and mode.
#[must_use]
pub fn camelot(text: &str) -> Option<(f32, f32)> {
    let text = text.trim();
    if is_missing(text) {
        return Some((f32::NAN, f32::NAN));
    }
    let (hour, letter) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let hour: u8 = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
    // One step on the wheel is a fifth, seven semitones; 1A is A flat minor, 1B is B major.
    let (first, mode) = match letter {
        "A" | "a" => (8, 0.0),
        "B" | "b" => (11, 1.0),
        _ => return None,
    };
    Some((f32::from((first + 7 * (hour - 1)) % 12), mode))
}

/// A metre written as text, `3/4`: its beats in a bar.
#[must_use]
pub fn metre(text: &str) -> Option<f32> {
    let text = text.trim();
    if is_missing(text) {
        return Some(f32::NAN);
    }
    let (beats, unit) = text.split_once('/')?;
    unit.parse::<u8>().ok()?;
    beats.parse::<u8>().ok().map(f32::from)
}

/// What the values of a column of durations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationUnit {
    /// Milliseconds, our own unit.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
}

impl DurationUnit {
    /// One unit in milliseconds.
    #[must_use]
    pub const fn in_ms(self) -> f32 {
        match self {
            Self::Milliseconds => 1.0,
            Self::Seconds => 1000.0,
            Self::Minutes => 60_000.0,
        }
    }
}

/// The unit of durations, from the column's name in plain spelling and the values' median. The error
/// says what the values look like.
///
/// Half of all tracks shorter than 2 s would be no music, so such values are no milliseconds; a median
/// below 20 may be seconds or minutes; a median of 2,000 to 20,000 may be long mixes in seconds or short
/// sounds in milliseconds. Names that state the unit settle the doubtful cases.
///
/// # Errors
/// What the values look like, when their unit cannot be told.
pub fn duration_unit(name: &str, median: f32) -> Result<DurationUnit, &'static str> {
    let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if named(&["min", "minutes"]) {
        return if median < 120.0 {
            Ok(DurationUnit::Minutes)
        } else {
            Err("a median of two hours or more, if these are minutes")
        };
    }
    // `durations` and `lengths` are what is left of `duration_s` and `length_s`.
    if named(&["sec", "secs", "seconds", "durations", "lengths"]) {
        return if median < 20_000.0 {
            Ok(DurationUnit::Seconds)
        } else {
            Err("a median of more than five hours, if these are seconds")
        };
    }
    match median {
        ..20.0 => Err("a median below 20, which may be minutes or seconds"),
        20.0..2_000.0 => Ok(DurationUnit::Seconds),
        2_000.0..20_000.0 if !name.ends_with("ms") => {
            Err("a median of 2,000 to 20,000, which may be seconds or milliseconds")
        }
        _ => Ok(DurationUnit::Milliseconds),
    }
}

/// The median of the values that are numbers.
#[must_use]
pub fn median(values: &[f32]) -> Option<f32> {
    let mut known: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let middle = known.len() / 2;
    (!known.is_empty()).then(|| *known.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_missing_words_are_told_apart() {
        assert_eq!(number("0.5"), Some(0.5));
        assert_eq!(number(" -7e-1 "), Some(-0.7));
        for text in ["", " ", "undefined", "NULL", "nan", "NaN", "NA", "n/a"] {
            assert!(number(text).unwrap().is_nan(), "{text}");
        }
        for text in ["abc", "1,5", "1 000", "12%"] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(comma_number("-7,25"), Some(-7.25));
        assert_eq!(comma_number("1.000,5"), None);
    }

    #[test]
    fn clocks_are_milliseconds() {
        assert_eq!(clock_ms("3:38"), Some(218_000.0));
        assert_eq!(clock_ms("1:02:03.5"), Some(3_723_500.0));
        assert_eq!(clock_ms("0:07"), Some(7_000.0));
        for text in [
            "218",
            "3:60",
            "3:-5",
            "1:60:00",
            "1:2:3:4",
            "a:b",
            "3:",
            "99999999999:00",
        ] {
            assert_eq!(clock_ms(text), None, "{text}");
        }
    }

    #[test]
    fn keys_in_text_are_pitch_classes() {
        for (text, pitch, mode) in [
            ("F Minor", 5.0, 0.0),
            ("G#/A♭ Major", 8.0, 1.0),
            ("G minor", 7.0, 0.0),
            ("Bbm", 10.0, 0.0),
            ("b maj", 11.0, 1.0),
            ("Cb major", 11.0, 1.0),
            ("D♯ / Eb", 3.0, f32::NAN),
            ("C♯", 1.0, f32::NAN),
        ] {
            let (found_pitch, found_mode) = key_text(text).unwrap();
            assert_eq!(found_pitch, pitch, "{text}");
            assert_eq!(found_mode.to_bits(), mode.to_bits(), "{text}");
        }
        for text in ["H", "5", "G#/A Major", "Friday", "C locrian"] {
            assert_eq!(key_text(text), None, "{text}");
        }
    }

    #[test]
    fn the_camelot_wheel_agrees_with_the_keys() {
        // The wheel as it is printed everywhere.
        for (place, key) in [
            ("1A", "Ab minor"),
            ("4A", "F minor"),
            ("8A", "A minor"),
            ("12A", "Db minor"),
            ("1B", "B major"),
            ("8B", "C major"),
            ("12B", "E major"),
        ] {
            assert_eq!(camelot(place), key_text(key), "{place}");
        }
        for text in ["0A", "13B", "8C", "A", "♭"] {
            assert_eq!(camelot(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_of_doubtful_unit_is_refused() {
        use DurationUnit::{Milliseconds, Minutes, Seconds};
        assert_eq!(duration_unit("durationms", 210_000.0), Ok(Milliseconds));
        assert_eq!(duration_unit("durationms", 210.0), Ok(Seconds));
        assert_eq!(duration_unit("durationms", 3_000.0), Ok(Milliseconds));
        assert_eq!(duration_unit("durations", 5.0), Ok(Seconds));
        assert_eq!(duration_unit("durationmin", 3.5), Ok(Minutes));
        assert!(duration_unit("duration", 3.5).is_err());
        assert!(duration_unit("duration", 3_000.0).is_err());
        assert!(duration_unit("durations", 210_000.0).is_err());
    }
}
