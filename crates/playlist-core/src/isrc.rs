//! International Standard Recording Codes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The code of a recording, twelve letters and digits, whoever sells it under whatever id.
///
/// Parses with or without hyphens, in any case.
///
/// # Source
/// ISO 3901: two letters, three letters or digits, seven digits. Registrants outside the standard exist, so
/// any twelve letters and digits that end in five digits are taken.
///
/// # Examples
/// ```
/// use playlist_core::Isrc;
///
/// let isrc: Isrc = "us-um7-17-03861".parse()?;
/// assert_eq!(isrc.as_str(), "USUM71703861");
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Isrc(String);

impl Isrc {
    /// The code in capitals, without hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Isrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Isrc {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let code: String = text
            .trim()
            .chars()
            .filter(|c| *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let bytes = code.as_bytes();
        let valid = bytes.len() == 12
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes[7..].iter().all(u8::is_ascii_digit);
        if valid {
            Ok(Self(code))
        } else {
            Err(Error::InvalidIsrc {
                text: text.to_owned(),
            })
        }
    }
}

impl TryFrom<String> for Isrc {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Isrc> for String {
    fn from(isrc: Isrc) -> Self {
        isrc.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_are_no_code() {
        for text in ["", "USUM7170386", "USUM717038611", "USUM7170386A", "ÜSUM71703861"] {
            assert!(
                matches!(text.parse::<Isrc>(), Err(Error::InvalidIsrc { .. })),
                "{text}"
            );
        }
    }
}
