//! Encodings of the two features that are codes with many values: key and time signature.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use playlist_core::AudioFeature;
use serde::{Deserialize, Serialize};

/// How the key, pitch class 0 (C) to 11 (B), becomes numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyEncoding {
    /// The pitch class as one number, as in the paper: B and C lie eleven apart although they are
    /// neighbours.
    Number,
    /// Twelve flags, `key_0` to `key_11`; an unknown key sets none.
    OneHot,
    /// The sine and cosine of the pitch class on the circle of semitones (`key_semitone_sin`,
    /// `key_semitone_cos`) and on the circle of fifths, at seven times the angle (`key_fifths_sin`,
    /// `key_fifths_cos`); an unknown key is zero in all four, the centre of both circles.
    #[default]
    Circle,
}

/// How the time signature, 1 to 7 beats in a bar, becomes numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSignatureEncoding {
    /// The beats in a bar as one number, as in the paper.
    Number,
    /// Three flags, `time_signature_3`, `time_signature_4` and `time_signature_other`; an unknown time
    /// signature sets none. Nearly every track has 4, a few 3, and the others are too rare for a flag
    /// each.
    #[default]
    Flags,
}

/// What happens to one input column; the result of a choice of encodings and a column's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoder {
    Number,
    KeyOneHot,
    KeyCircle,
    TimeSignatureFlags,
}

impl Encoder {
    pub(super) const fn of(
        feature: Option<AudioFeature>,
        key: KeyEncoding,
        time_signature: TimeSignatureEncoding,
    ) -> Self {
        match (feature, key, time_signature) {
            (Some(AudioFeature::Key), KeyEncoding::OneHot, _) => Self::KeyOneHot,
            (Some(AudioFeature::Key), KeyEncoding::Circle, _) => Self::KeyCircle,
            (Some(AudioFeature::TimeSignature), _, TimeSignatureEncoding::Flags) => Self::TimeSignatureFlags,
            _ => Self::Number,
        }
    }

    /// The names of the columns that `input` becomes.
    pub(super) fn output_columns(self, input: &str) -> Vec<String> {
        match self {
            Self::Number => vec![input.to_owned()],
            Self::KeyOneHot => (0..12).map(|key| format!("{input}_{key}")).collect(),
            Self::KeyCircle => ["semitone_sin", "semitone_cos", "fifths_sin", "fifths_cos"]
                .map(|part| format!("{input}_{part}"))
                .to_vec(),
            Self::TimeSignatureFlags => ["3", "4", "other"].map(|part| format!("{input}_{part}")).to_vec(),
        }
    }

    /// Writes the encoded `value` over the zeros of `output`, as wide as [`Encoder::output_columns`].
    ///
    /// Returns what was expected when `value` is no code of the feature.
    pub(super) fn write(self, value: f32, output: &mut [f32]) -> Result<(), &'static str> {
        match self {
            Self::Number => output[0] = value,
            Self::KeyOneHot => output[pitch_class(value)?] = 1.0,
            Self::KeyCircle => output.copy_from_slice(&CIRCLE[pitch_class(value)?]),
            Self::TimeSignatureFlags => {
                let flag = match value {
                    3.0 => 0,
                    4.0 => 1,
                    _ if is_code(AudioFeature::TimeSignature, value) => 2,
                    _ => return Err("a whole number from 1 to 7"),
                };
                output[flag] = 1.0;
            }
        }
        Ok(())
    }
}

/// `[semitone_sin, semitone_cos, fifths_sin, fifths_cos]` of each pitch class.
static CIRCLE: LazyLock<[[f32; 4]; 12]> = LazyLock::new(|| {
    std::array::from_fn(|key| {
        // A fifth is seven semitones; the remainder keeps the angle in one turn and so exact.
        let [semitone, fifth] = [key, key * 7 % 12].map(|step| TAU * step as f64 / 12.0);
        [semitone.sin(), semitone.cos(), fifth.sin(), fifth.cos()].map(|part| part as f32)
    })
});

fn pitch_class(value: f32) -> Result<usize, &'static str> {
    if is_code(AudioFeature::Key, value) {
        Ok(value as usize)
    } else {
        Err("a whole number from 0 to 11")
    }
}

fn is_code(feature: AudioFeature, value: f32) -> bool {
    value.fract() == 0.0 && feature.valid_range().contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encoder: Encoder, value: f32) -> Result<Vec<f32>, &'static str> {
        let mut output = vec![0.0; encoder.output_columns("key").len()];
        encoder.write(value, &mut output).map(|()| output)
    }

    #[test]
    fn the_key_sets_its_own_flag() {
        let output = encoded(Encoder::KeyOneHot, 11.0).unwrap();
        assert_eq!(output.iter().position(|flag| *flag == 1.0), Some(11));
        assert_eq!(output.iter().sum::<f32>(), 1.0);
    }

    #[test]
    fn neighbours_on_each_circle_lie_close() {
        let points: Vec<Vec<f32>> = (0_u8..12)
            .map(|key| encoded(Encoder::KeyCircle, key.into()).unwrap())
            .collect();
        let distance = |a: &[f32], b: &[f32]| (a[0] - b[0]).hypot(a[1] - b[1]);
        let step = distance(&points[0], &points[1]);
        for key in 0..12 {
            let (semitone, fifth) = (&points[(key + 1) % 12], &points[(key + 7) % 12]);
            // Coordinates of at most 1 in f32, each off by 6e-8 at most.
            assert!((distance(&points[key], semitone) - step).abs() < 3e-7);
            assert!((distance(&points[key][2..], &fifth[2..]) - step).abs() < 3e-7);
        }
        // A quarter turn of each: three semitones up, and three fifths up (C to A).
        assert!((points[3][0] - 1.0).abs() < 1e-7);
        assert!((points[9][2] - 1.0).abs() < 1e-7);
    }

    #[test]
    fn time_signatures_other_than_3_and_4_share_a_flag() {
        for (value, flags) in [
            (3.0, [1.0, 0.0, 0.0]),
            (4.0, [0.0, 1.0, 0.0]),
            (1.0, [0.0, 0.0, 1.0]),
            (7.0, [0.0, 0.0, 1.0]),
        ] {
            assert_eq!(encoded(Encoder::TimeSignatureFlags, value).unwrap(), flags);
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for value in [-2.0, 0.5, 12.0] {
            assert!(encoded(Encoder::KeyOneHot, value).is_err());
            assert!(encoded(Encoder::KeyCircle, value).is_err());
        }
        for value in [3.5, 8.0] {
            assert!(encoded(Encoder::TimeSignatureFlags, value).is_err());
        }
        assert_eq!(encoded(Encoder::Number, 3.5).unwrap(), [3.5]);
    }
}
