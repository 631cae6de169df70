//! The one file that names Burn's backends.
//!
//! Burn 0.22 picks the backend at run time from the device that is passed in. `ndarray` is deprecated
//! there and gone in 0.23: to follow, delete its lines here and in `Cargo.toml`.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The version of Burn that networks run on.
pub const BURN_VERSION: &str = "0.22.1";

/// Where networks are trained and evaluated.
///
/// # Examples
/// ```
/// use playlist_mlp::Backend;
///
/// let backend: Backend = "flex".parse()?;
/// assert!(Backend::compiled().contains(&backend));
/// let _device = backend.device()?;
/// # Ok::<(), playlist_mlp::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Pure-Rust CPU backend (burn-flex).
    Flex,
    /// CPU backend on the ndarray crate (burn-ndarray).
    NdArray,
    /// GPU backend (burn-wgpu): Vulkan, Metal or DirectX 12.
    Wgpu,
}

impl Backend {
    /// Every backend, compiled in or not; the first one compiled in is the default.
    pub const ALL: [Self; 3] = [Self::Flex, Self::NdArray, Self::Wgpu];

    /// The name, as on the command line and in `--features`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu => "wgpu",
        }
    }

    /// Whether this program was built with the backend.
    #[must_use]
    pub const fn is_compiled(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
        }
    }

    /// The backends that this program was built with.
    #[must_use]
    pub fn compiled() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|backend| backend.is_compiled())
            .collect()
    }

    /// Opens the backend's default device.
    ///
    /// # Errors
    /// [`Error::BackendNotCompiled`]; [`Error::NoDevice`] when a graphics driver is missing.
    pub fn device(self) -> Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "supported for as long as Burn has it")]
            Self::NdArray => Ok(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => open_wgpu(),
            #[allow(unreachable_patterns, reason = "reached when a backend is not compiled in")]
            other => Err(Error::BackendNotCompiled {
                backend: other.name(),
                compiled: Self::compiled().into_iter().map(Self::name).collect(),
            }),
        }
    }
}

/// Opens the default GPU. Burn opens it lazily and panics where it fails, so a first small computation
/// is tried here, where the failure can still become an error.
#[cfg(feature = "wgpu")]
fn open_wgpu() -> Result<Device> {
    use burn::tensor::{DeviceKind, Tensor};
    let no_device = |reason: String| Error::NoDevice {
        backend: "wgpu",
        reason,
    };
    let opened = std::panic::catch_unwind(|| {
        let device = Device::wgpu(DeviceKind::DefaultDevice);
        let sum: Result<f32, String> = Tensor::<1>::ones([2], &device)
            .sum()
            .try_into_data()
            .map_err(|error| format!("{error:?}"))
            .and_then(|data| data.try_to_vec::<f32>().map_err(|error| format!("{error:?}")))
            .map(|values| values[0]);
        (device, sum)
    });
    match opened {
        Ok((device, Ok(2.0))) => Ok(device),
        Ok((_, Ok(other))) => Err(no_device(format!("1 + 1 gave {other}"))),
        Ok((_, Err(reason))) => Err(no_device(reason)),
        Err(panic) => Err(no_device(panic_text(panic.as_ref()))),
    }
}

/// The text that a panic was raised with.
#[cfg(feature = "wgpu")]
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no reason given".to_owned())
}

impl Default for Backend {
    /// The first backend compiled in: `flex`, `ndarray`, `wgpu`.
    fn default() -> Self {
        Self::compiled().first().copied().unwrap_or(Self::Flex)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| Error::UnknownBackend {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for backend in Backend::ALL {
            assert_eq!(backend.to_string().parse::<Backend>().unwrap(), backend);
        }
        assert!(matches!("cuda".parse::<Backend>(), Err(Error::UnknownBackend { name }) if name == "cuda"));
    }

    #[cfg(not(feature = "wgpu"))]
    #[test]
    fn a_backend_not_compiled_in_names_its_feature() {
        let error = Backend::Wgpu.device().unwrap_err();
        assert!(matches!(error, Error::BackendNotCompiled { backend: "wgpu", .. }));
        assert!(error.to_string().contains("--features wgpu"), "{error}");
    }
}
