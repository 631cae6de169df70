//! What trains and evaluates networks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What trains and evaluates networks.
///
/// # Examples
/// ```
/// use playlist_mlp::Engine;
///
/// assert_eq!("burn".parse::<Engine>()?, Engine::Burn);
/// # Ok::<(), playlist_mlp::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Our own loops on the CPU: the fastest there.
    #[default]
    Fused,
    /// Burn on the configured backend; the networks of an ensemble in one batched product. For GPUs.
    Burn,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Fused, Self::Burn];

    /// The name, as in saved files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::Burn => "burn",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| Error::UnknownEngine {
                name: name.to_owned(),
            })
    }
}
