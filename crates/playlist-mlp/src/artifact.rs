//! The saved model: one safetensors file that holds everything and is checked whole when it is loaded.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use playlist_core::{Overwrite, write_file};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Backend, Error, History, Mlp, MlpClassifier, MlpClassifierConfig, NamedArray, Result};

/// The version of the file format. A file of another version is refused.
pub const FORMAT_VERSION: u32 = 1;

/// Largest file that is read as a model.
const MAX_BYTES: u64 = 1 << 30;

/// The key of the metadata entry that holds our header.
const METADATA_KEY: &str = "playlist_model";

/// The contents of a saved model of any kind: a header of the kind's own and named arrays.
///
/// The file is a valid safetensors file: other programs can load the arrays by name. The header is one
/// metadata entry, JSON, with the format version, the kind, the kind's own content and a SHA-256 over all of
/// it and the arrays, so that no altered byte goes unnoticed.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What the file holds, for instance `mlp`.
    kind: String,
    /// JSON of the kind's own.
    content: String,
    arrays: Vec<NamedArray>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    kind: String,
    sha256: String,
    /// JSON as text, so that the checksum covers the very bytes.
    content: String,
}

/// Of any version: read first, so that a newer file is told from a damaged one.
#[derive(Deserialize)]
struct VersionOnly {
    format_version: u32,
}

impl ModelFile {
    /// A model of `kind` with `content` of its own and `arrays`.
    ///
    /// # Panics
    /// When `content` does not serialise to JSON: derived implementations without maps keyed by other
    /// things than strings always do.
    #[must_use]
    pub fn new(kind: &str, content: &impl Serialize, mut arrays: Vec<NamedArray>) -> Self {
        arrays.sort_by(|a, b| a.name.cmp(&b.name));
        let content = serde_json::to_string(content).expect("derived Serialize to JSON text does not fail");
        Self {
            kind: kind.to_owned(),
            content,
            arrays,
        }
    }

    /// What the file holds.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The arrays, sorted by name.
    #[must_use]
    pub fn arrays(&self) -> &[NamedArray] {
        &self.arrays
    }

    /// The content of a file of `kind`.
    ///
    /// # Errors
    /// [`Error::OtherKind`]; [`Error::DamagedModel`] when the content is not of type `T`.
    pub fn content<T: DeserializeOwned>(&self, kind: &str, path: &Path) -> Result<T> {
        if self.kind != kind {
            let (expected, found) = (kind.to_owned(), self.kind.clone());
            return Err(Error::OtherKind {
                path: path.to_owned(),
                expected,
                found,
            });
        }
        serde_json::from_str(&self.content).map_err(|error| damaged(path, format!("its header says {error}")))
    }

    fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        let mut text = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        text(&self.kind);
        text(&self.content);
        for array in &self.arrays {
            text(&array.name);
            text(&format!("{:?}", array.shape));
        }
        for array in &self.arrays {
            hash.update(to_bytes(&array.values));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes the file in one step: readers see the old file or the new one, never a part.
    ///
    /// # Errors
    /// [`FileExists`](playlist_core::Error::FileExists), [`Write`](playlist_core::Error::Write).
    pub fn write(&self, path: &Path, overwrite: Overwrite) -> Result<()> {
        Ok(write_file(path, &self.to_bytes(path)?, overwrite)?)
    }

    fn to_bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let header = Header {
            format_version: FORMAT_VERSION,
            kind: self.kind.clone(),
            sha256: self.checksum(),
            content: self.content.clone(),
        };
        let invalid = |error: String| playlist_core::Error::Write {
            path: path.to_owned(),
            source: std::io::Error::other(error),
        };
        let header = serde_json::to_string(&header).map_err(|error| invalid(error.to_string()))?;
        let bytes: Vec<Vec<u8>> = self.arrays.iter().map(|array| to_bytes(&array.values)).collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (array, bytes) in self.arrays.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes);
            views.push((
                array.name.as_str(),
                view.map_err(|error| invalid(error.to_string()))?,
            ));
        }
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        Ok(safetensors::serialize(views, Some(metadata)).map_err(|error| invalid(error.to_string()))?)
    }

    /// Reads a file and checks it whole.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::DamagedModel`], [`Error::UnsupportedVersion`].
    pub fn read(path: &Path) -> Result<Self> {
        let io = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let metadata = std::fs::metadata(path).map_err(io)?;
        if metadata.is_dir() {
            return Err(damaged(path, "expected a file, found a directory".to_owned()));
        }
        let size = metadata.len();
        if size > MAX_BYTES {
            return Err(damaged(
                path,
                format!("expected at most {MAX_BYTES} bytes, found {size}"),
            ));
        }
        let bytes = std::fs::read(path).map_err(io)?;
        let header = read_header(&bytes, path)?;
        let tensors =
            SafeTensors::deserialize(&bytes).map_err(|error| not_safetensors(path, &bytes, &error))?;
        let file = Self {
            kind: header.kind,
            content: header.content,
            arrays: read_arrays(&tensors, path)?,
        };
        let found = file.checksum();
        if found != header.sha256 {
            return Err(damaged(
                path,
                format!("expected SHA-256 {}, found {found}", header.sha256),
            ));
        }
        Ok(file)
    }
}

/// Our header, of this format version.
fn read_header(bytes: &[u8], path: &Path) -> Result<Header> {
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| not_safetensors(path, bytes, &error))?;
    let header = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(METADATA_KEY))
        .ok_or_else(|| {
            damaged(
                path,
                format!("expected a metadata entry `{METADATA_KEY}`, found none"),
            )
        })?;
    let bad_header = |error: serde_json::Error| damaged(path, format!("its header says {error}"));
    let found = serde_json::from_str::<VersionOnly>(header)
        .map_err(bad_header)?
        .format_version;
    if found != FORMAT_VERSION {
        let (path, expected) = (path.to_owned(), FORMAT_VERSION);
        return Err(Error::UnsupportedVersion {
            path,
            expected,
            found,
        });
    }
    serde_json::from_str(header).map_err(bad_header)
}

fn not_safetensors(path: &Path, bytes: &[u8], error: &SafeTensorError) -> Error {
    damaged(
        path,
        format!(
            "expected a safetensors file, found {} bytes: {error}",
            bytes.len()
        ),
    )
}

fn damaged(path: &Path, reason: String) -> Error {
    Error::DamagedModel {
        path: path.to_owned(),
        reason,
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn read_arrays(tensors: &SafeTensors<'_>, path: &Path) -> Result<Vec<NamedArray>> {
    let mut arrays = Vec::with_capacity(tensors.len());
    for (name, view) in tensors.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(
                path,
                format!("array `{name}`: expected F32, found {:?}", view.dtype()),
            ));
        }
        let values = view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes));
        arrays.push(NamedArray {
            name: name.to_owned(),
            shape: view.shape().to_vec(),
            values: values.collect(),
        });
    }
    arrays.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(arrays)
}

/// What a saved network holds besides its weights.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MlpContent {
    config: MlpClassifierConfig,
    columns: Vec<String>,
    class_names: Vec<String>,
    history: Option<History>,
}

/// The kind of a file that holds one network.
const MLP_KIND: &str = "mlp";

impl MlpClassifier {
    /// Saves the network as one file. Its arrays are a PyTorch `state_dict`: `layers.N.weight`,
    /// `layers.N.bias` and, with batch normalisation, `norms.N.*`.
    ///
    /// # Errors
    /// [`FileExists`](playlist_core::Error::FileExists), [`Write`](playlist_core::Error::Write).
    pub fn save(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<()> {
        let (content, arrays) = self.to_parts();
        ModelFile::new(MLP_KIND, &content, arrays).write(path.as_ref(), overwrite)
    }

    /// Loads a network that [`MlpClassifier::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::DamagedModel`], [`Error::UnsupportedVersion`], [`Error::OtherKind`], and those
    /// of [`Backend::device`].
    pub fn load(path: impl AsRef<Path>, backend: Backend) -> Result<Self> {
        let path = path.as_ref();
        let file = ModelFile::read(path)?;
        let content: serde_json::Value = file.content(MLP_KIND, path)?;
        Self::from_parts(content, file.arrays(), backend, path)
    }

    /// The network as JSON content and arrays, to be part of a larger [`ModelFile`].
    ///
    /// # Panics
    /// Never: the content is made of derived serialisations.
    #[must_use]
    pub fn to_parts(&self) -> (serde_json::Value, Vec<NamedArray>) {
        let content = MlpContent {
            config: self.config.clone(),
            columns: self.columns.clone(),
            class_names: self.class_names.clone(),
            history: self.history.clone(),
        };
        let content = serde_json::to_value(content).expect("derived Serialize to JSON does not fail");
        (content, self.model.to_arrays())
    }

    /// Rebuilds a network from [`MlpClassifier::to_parts`]; `path` is named in errors.
    ///
    /// # Errors
    /// [`Error::DamagedModel`] and those of [`Backend::device`].
    pub fn from_parts(
        content: serde_json::Value,
        arrays: &[NamedArray],
        backend: Backend,
        path: &Path,
    ) -> Result<Self> {
        let content: MlpContent = serde_json::from_value(content)
            .map_err(|error| damaged(path, format!("its network says {error}")))?;
        let mut config = content.config;
        config.backend = backend;
        let validated = config
            .network
            .validate()
            .and_then(|()| config.training.validate());
        validated.map_err(|error| damaged(path, error.to_string()))?;
        let (n_features, n_classes) = (content.columns.len(), content.class_names.len());
        if n_features == 0 || n_classes < 2 {
            let reason = format!("expected columns and two classes, found {n_features} and {n_classes}");
            return Err(damaged(path, reason));
        }
        let device = backend.device()?;
        let model = Mlp::from_arrays(&config.network, n_features, n_classes, arrays, &device)
            .map_err(|reason| damaged(path, reason))?;
        let (columns, class_names, history) = (content.columns, content.class_names, content.history);
        Ok(Self {
            config,
            columns,
            class_names,
            model,
            history,
            device,
            predictor: OnceLock::new(),
        })
    }
}
