//! How a track compares with the likes in one feature, in words.

use playlist_core::AudioFeature;
use playlist_report::{Others, Side};

/// From this share of the likes on that lie on one side of a track it is said to be unlike them.
const MOST_OF_THEM: f64 = 0.75;

/// By how much others must differ from the likes for that to be worth saying against a track.
const NOTABLE: f64 = 0.1;

/// What likes and others are like in one feature.
pub(crate) struct Compared {
    feature: AudioFeature,
    /// Known values, ascending.
    likes: Vec<f32>,
    others: Vec<f32>,
    /// What the others are called.
    name: &'static str,
}

/// A feature's words.
struct Words {
    less: &'static str,
    more: &'static str,
    alike: &'static str,
}

impl Compared {
    /// From the known values of each class; `None` where no like has any.
    pub(crate) fn new(
        feature: AudioFeature,
        mut likes: Vec<f32>,
        mut others: Vec<f32>,
        kind: Others,
    ) -> Option<Self> {
        likes.sort_by(f32::total_cmp);
        others.sort_by(f32::total_cmp);
        let name = match kind {
            Others::Dislikes => "your dislikes",
            _ => "other music",
        };
        (!likes.is_empty()).then_some(Self {
            feature,
            likes,
            others,
            name,
        })
    }

    /// The medians of likes and others; none of a code.
    pub(crate) fn medians(&self) -> (Option<f64>, Option<f64>) {
        if self.feature.is_categorical() {
            return (None, None);
        }
        let of = |values: &[f32]| quantile(values, 0.5).map(f64::from);
        (of(&self.likes), of(&self.others))
    }
}

/// The comparison with the likes in one sentence. Where it alone does not explain the `side`, it says what more there is.
pub(crate) fn text(compared: &Compared, value: Option<f32>, side: Side) -> String {
    let feature = compared.feature;
    let Some(value) = value else {
        return format!("{} is not known", called(feature));
    };
    match words(feature) {
        Some(words) => quantity(compared, &words, value, side),
        None => code(compared, value, side),
    }
}

/// A quantity: where it lies among the likes, and where the others are.
fn quantity(compared: &Compared, words: &Words, value: f32, side: Side) -> String {
    let likes = &compared.likes;
    let (n_more, n_less) = (share_above(likes, value), share_below(likes, value));
    let (is_less, is_more) = (n_more >= MOST_OF_THEM, n_less >= MOST_OF_THEM);
    if !is_less && !is_more {
        return alike(compared, words, value, side);
    }
    let (feature, median) = (compared.feature, quantile(likes, 0.5).unwrap_or(value));
    let (than, share, of_others) = match is_less {
        true => (words.less, n_more, share_above(&compared.others, value)),
        false => (words.more, n_less, share_below(&compared.others, value)),
    };
    let (shown, of_likes) = (with_unit(feature, value), with_unit(feature, median));
    let distance = match distance(feature, value, median) {
        Some(distance) => format!(
            "{distance} {} their median",
            if is_less { "below" } else { "above" }
        ),
        None => format!("their median {of_likes}"),
    };
    let others = (!compared.others.is_empty()).then(|| part(of_others));
    let more = match (side, others) {
        (Side::For, Some(others)) if of_others > share => format!(", and than {others} {}", compared.name),
        (Side::Against, Some(others)) if of_others < share - NOTABLE => {
            format!(", but than only {others} {}", compared.name)
        }
        (Side::For, _) => ", which counts for it with its other features".to_owned(),
        (Side::Against, _) => String::new(),
    };
    format!("{than} {} your likes: {shown}, {distance}{more}", part(share))
}

/// A quantity in the middle half of the likes.
fn alike(compared: &Compared, words: &Words, value: f32, side: Side) -> String {
    let (feature, likes) = (compared.feature, &compared.likes);
    let quartile = |share| quantile(likes, share).unwrap_or(value);
    let (low, high) = (quartile(0.25).min(value), quartile(0.75).max(value));
    let of_others = share_below(&compared.others, high.next_up()) - share_below(&compared.others, low);
    let others = (!compared.others.is_empty()).then(|| format!("{:.0} %", 100.0 * of_others));
    let more = match (side, others) {
        (Side::For, Some(others)) if of_others < 0.5 => format!(", and only {others} of {}", compared.name),
        (Side::Against, Some(others)) if of_others >= 0.5 => {
            format!(", but {others} of {} too", compared.name)
        }
        (Side::For, _) => ", which counts for it with its other features".to_owned(),
        (Side::Against, _) => ", which counts against it with its other features".to_owned(),
    };
    format!(
        "{} your likes: {}, half of them are from {} to {}{more}",
        words.alike,
        with_unit(feature, value),
        number(feature, low),
        with_unit(feature, high)
    )
}

/// A code: how many of the likes and of the others share it.
fn code(compared: &Compared, value: f32, side: Side) -> String {
    let has = |values: &[f32]| {
        let n = values.iter().filter(|other| **other == value).count();
        n as f64 / values.len().max(1) as f64
    };
    let (likes, others) = (has(&compared.likes), has(&compared.others));
    let what = match compared.feature {
        AudioFeature::Mode if value == 1.0 => "in a major key".to_owned(),
        AudioFeature::Mode => "in a minor key".to_owned(),
        AudioFeature::Key => format!("in {}", pitch(value)),
        _ => format!("{value:.0} beats to the bar"),
    };
    let mut shares = format!("{what}, as {:.0} % of your likes", 100.0 * likes);
    if !compared.others.is_empty() {
        shares += &format!(" and {:.0} % of {}", 100.0 * others, compared.name);
    }
    match (side, likes > others) {
        (Side::For, false) => format!("{shares}, which counts for it with its other features"),
        (Side::Against, true) => format!("{shares}, which counts against it with its other features"),
        _ => shares,
    }
}

/// The words of a quantity; `None` for a code.
const fn words(feature: AudioFeature) -> Option<Words> {
    let (less, more, alike) = match feature {
        AudioFeature::Danceability => (
            "less danceable than",
            "more danceable than",
            "about as danceable as",
        ),
        AudioFeature::Energy => ("calmer than", "more energetic than", "about as energetic as"),
        AudioFeature::Loudness => ("quieter than", "louder than", "about as loud as"),
        AudioFeature::Speechiness => (
            "with fewer spoken words than",
            "with more spoken words than",
            "with about as many spoken words as",
        ),
        AudioFeature::Acousticness => ("less acoustic than", "more acoustic than", "about as acoustic as"),
        AudioFeature::Instrumentalness => (
            "less instrumental than",
            "more instrumental than",
            "about as instrumental as",
        ),
        AudioFeature::Liveness => (
            "sounding less live than",
            "sounding more live than",
            "sounding about as live as",
        ),
        AudioFeature::Tempo => ("slower than", "faster than", "about as fast as"),
        AudioFeature::DurationMs => ("shorter than", "longer than", "about as long as"),
        AudioFeature::Valence => ("gloomier than", "more cheerful than", "about as cheerful as"),
        AudioFeature::Key | AudioFeature::Mode | AudioFeature::TimeSignature => return None,
    };
    Some(Words { less, more, alike })
}

/// What a listener calls a feature.
const fn called(feature: AudioFeature) -> &'static str {
    match feature {
        AudioFeature::Danceability => "how danceable it is",
        AudioFeature::Energy => "how energetic it is",
        AudioFeature::Loudness => "how loud it is",
        AudioFeature::Speechiness => "how much is spoken",
        AudioFeature::Acousticness => "how acoustic it is",
        AudioFeature::Instrumentalness => "how instrumental it is",
        AudioFeature::Liveness => "how live it sounds",
        AudioFeature::Valence => "how cheerful it is",
        AudioFeature::Tempo => "its tempo",
        AudioFeature::DurationMs => "its length",
        AudioFeature::Key => "its key",
        AudioFeature::Mode => "whether it is in major or minor",
        AudioFeature::TimeSignature => "its metre",
    }
}

/// A value as a listener reads it.
fn with_unit(feature: AudioFeature, value: f32) -> String {
    let unit = match feature {
        AudioFeature::Loudness => " dB",
        AudioFeature::Tempo => " beats a minute",
        _ => "",
    };
    number(feature, value) + unit
}

/// The same without the unit.
fn number(feature: AudioFeature, value: f32) -> String {
    match feature {
        AudioFeature::Loudness => format!("{value:.1}"),
        AudioFeature::Tempo => format!("{value:.0}"),
        AudioFeature::DurationMs => minutes(value),
        _ if value == 0.0 => "0".to_owned(),
        _ if value < 0.0005 => "nearly 0".to_owned(),
        _ if value < 0.1 => format!("{value:.3}"),
        _ => format!("{value:.2}"),
    }
}

/// How far two values are apart, in the unit; `None` where a difference says nothing that the values do not.
fn distance(feature: AudioFeature, value: f32, median: f32) -> Option<String> {
    let distance = (value - median).abs();
    match feature {
        AudioFeature::Loudness | AudioFeature::Tempo | AudioFeature::DurationMs => {
            Some(with_unit(feature, distance))
        }
        _ => None,
    }
}

/// Milliseconds as minutes and seconds.
fn minutes(ms: f32) -> String {
    let seconds = (f64::from(ms) / 1000.0).round();
    format!("{:.0}:{:02.0}", (seconds / 60.0).floor(), seconds % 60.0)
}

/// Pitch class 0 to 11.
fn pitch(value: f32) -> &'static str {
    const NAMES: [&str; 12] = ["C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
    NAMES.get(value as usize).copied().unwrap_or("an unknown key")
}

/// `all` or the share in percent, cut so that it is not too much.
fn part(share: f64) -> String {
    if share >= 1.0 {
        return "all of".to_owned();
    }
    format!("{:.0} % of", (100.0 * share).floor())
}

/// The share of sorted values below `value`; 0 of none.
fn share_below(sorted: &[f32], value: f32) -> f64 {
    sorted.partition_point(|other| *other < value) as f64 / sorted.len().max(1) as f64
}

/// The share above it.
fn share_above(sorted: &[f32], value: f32) -> f64 {
    let at_most = sorted.partition_point(|other| *other <= value);
    (sorted.len() - at_most) as f64 / sorted.len().max(1) as f64
}

/// The quantile of sorted values, between the two nearest; `None` of none.
fn quantile(sorted: &[f32], share: f64) -> Option<f32> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(low + (high - low) * at.fract() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(feature: AudioFeature, likes: &[f32], others: &[f32]) -> Compared {
        Compared::new(feature, likes.to_vec(), others.to_vec(), Others::Dislikes).unwrap()
    }

    #[test]
    fn loudness_is_told_in_decibels_and_in_the_right_direction() {
        let likes = [-6.0, -9.0, -8.0, -7.0, -20.0];
        let loudness = compared(AudioFeature::Loudness, &likes, &[-3.0, -4.0]);
        assert_eq!(
            text(&loudness, Some(-13.0), Side::For),
            "quieter than 80 % of your likes: -13.0 dB, 5.0 dB below their median, and than all of your dislikes"
        );
        assert_eq!(
            text(&loudness, Some(-3.0), Side::Against),
            "louder than all of your likes: -3.0 dB, 5.0 dB above their median, but than only 50 % of your dislikes"
        );
        assert_eq!(
            text(&loudness, Some(-7.9), Side::For),
            "about as loud as your likes: -7.9 dB, half of them are from -9.0 to -7.0 dB, and only 0 % of your dislikes"
        );
    }

    #[test]
    fn a_side_that_the_likes_alone_do_not_explain_is_explained() {
        let energy = compared(AudioFeature::Energy, &[0.4, 0.5, 0.6], &[0.1, 0.5, 0.5]);
        let alike = text(&energy, Some(0.5), Side::Against);
        assert!(
            alike.ends_with("from 0.45 to 0.55, but 67 % of your dislikes too"),
            "{alike}"
        );
        let energy = compared(AudioFeature::Energy, &[0.4, 0.5, 0.6], &[0.9, 0.95, 0.99]);
        let alike = text(&energy, Some(0.5), Side::Against);
        assert!(
            alike.ends_with("counts against it with its other features"),
            "{alike}"
        );
        let nearer = text(&energy, Some(0.9), Side::For);
        assert!(
            nearer.starts_with("more energetic than all of your likes: 0.90"),
            "{nearer}"
        );
        assert!(
            nearer.ends_with("counts for it with its other features"),
            "{nearer}"
        );
    }

    #[test]
    fn codes_are_told_by_their_shares() {
        let mode = compared(AudioFeature::Mode, &[0.0, 0.0, 0.0, 1.0], &[1.0, 1.0, 1.0, 0.0]);
        assert_eq!(
            text(&mode, Some(0.0), Side::For),
            "in a minor key, as 75 % of your likes and 25 % of your dislikes"
        );
        assert!(text(&mode, Some(0.0), Side::Against).contains("counts against it with its other"));
        let key = compared(AudioFeature::Key, &[2.0, 3.0], &[2.0]);
        assert!(text(&key, Some(2.0), Side::Against).starts_with("in D, as 50 % of your likes"));
        assert_eq!(text(&key, None, Side::Against), "its key is not known");
        let metre = compared(AudioFeature::TimeSignature, &[3.0], &[4.0]);
        assert!(text(&metre, Some(3.0), Side::For).starts_with("3 beats to the bar, as 100 %"));
    }

    #[test]
    fn lengths_and_tempos_have_their_units() {
        let length = compared(AudioFeature::DurationMs, &[200_000.0; 3], &[200_000.0]);
        let longer = text(&length, Some(252_400.0), Side::Against);
        assert!(
            longer.starts_with("longer than all of your likes: 4:12, 0:52 above their median"),
            "{longer}"
        );
        assert_eq!(minutes(59_600.0), "1:00");
        let tempo = compared(AudioFeature::Tempo, &[120.0, 121.0], &[]);
        assert_eq!(
            text(&tempo, Some(90.2), Side::Against),
            "slower than all of your likes: 90 beats a minute, 30 beats a minute below their median"
        );
    }

    #[test]
    fn claims_about_shares_are_never_too_much() {
        let likes: Vec<f32> = (0..200).map(|i| i as f32 / 200.0).collect();
        let energy = compared(AudioFeature::Energy, &likes, &[]);
        // 199 of 200 lie below: not all.
        assert!(
            text(&energy, Some(0.995), Side::Against).starts_with("more energetic than 99 % of your likes")
        );
        // Ties are neither above nor below.
        let silent = compared(AudioFeature::Instrumentalness, &[0.0; 9], &[0.5]);
        assert!(text(&silent, Some(0.0), Side::For).starts_with("about as instrumental as your likes"));
    }

    #[test]
    fn every_feature_has_words() {
        for feature in AudioFeature::ALL {
            assert_eq!(words(feature).is_none(), feature.is_categorical(), "{feature}");
            assert!(!called(feature).is_empty());
        }
        assert!(Compared::new(AudioFeature::Energy, Vec::new(), vec![0.5], Others::Background).is_none());
    }
}
