//! The ensemble as a file.

use std::path::Path;

use playlist_core::Overwrite;
use serde::{Deserialize, Serialize};

use super::calibration::Calibrations;
use super::distil::Student;
use super::encoding::Encoder;
use super::kernel::{KernelMachine, ScaleFit};
use super::member::NetworkShape;
use super::model::Fitted;
use super::targets::Head;
use super::{Ensemble, EnsembleConfig, KernelScale, MultiLabelEnsemble};
use crate::model::find_array;
use crate::{Backend, Error, ModelFile, NamedArray, Result};

/// The kind of a file that holds one ensemble.
const KIND: &str = "ensemble";

/// The kind of a file that holds one ensemble of several labels a track.
const MULTI_LABEL_KIND: &str = "multi-label-ensemble";

/// Most networks, parts and classes that a file may speak of: sizes are multiplied before memory is asked for.
const MAX_COUNT: usize = 1 << 20;

/// What a saved ensemble holds besides its arrays.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    config: EnsembleConfig,
    columns: Vec<String>,
    /// Those of the labels where the head is of labels.
    class_names: Vec<String>,
    head: Head,
    encoder: Encoder,
    n_members: usize,
    n_coordinates: usize,
    machines: Vec<MachineContent>,
    scales: Vec<ScaleContent>,
    /// How far the network that answers for all parts is from them; older files have no such network.
    #[serde(default)]
    distillation_error: Option<f64>,
    was_interrupted: bool,
}

/// The rows of one part and the scale of each of its machines: the ridge may be heavier than configured.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineContent {
    n_samples: usize,
    scales: Vec<KernelScale>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleContent {
    weight: f64,
    calibrations: Calibrations,
}

impl Ensemble {
    /// Saves the ensemble as one file. Training tracks are in it as coordinates of the kernel machine.
    ///
    /// # Errors
    /// [`FileExists`](playlist_core::Error::FileExists), [`Write`](playlist_core::Error::Write).
    pub fn save(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<()> {
        let (content, arrays) = self.to_parts();
        ModelFile::new(KIND, &content, arrays).write(path.as_ref(), overwrite)
    }

    /// Loads what [`Ensemble::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::DamagedModel`], [`Error::UnsupportedVersion`], [`Error::OtherKind`].
    pub fn load(path: impl AsRef<Path>, backend: Backend) -> Result<Self> {
        let path = path.as_ref();
        let file = ModelFile::read(path)?;
        Self::from_parts(file.content(KIND, path)?, file.arrays(), backend, path)
    }

    /// The ensemble as JSON content and arrays, to be part of a larger [`ModelFile`].
    ///
    /// # Panics
    /// Never: the content is made of derived serialisations.
    #[must_use]
    pub fn to_parts(&self) -> (serde_json::Value, Vec<NamedArray>) {
        self.fitted.to_parts()
    }

    /// Rebuilds an ensemble from [`Ensemble::to_parts`]; `path` is named in errors.
    ///
    /// # Errors
    /// [`Error::DamagedModel`].
    pub fn from_parts(
        content: serde_json::Value,
        arrays: &[NamedArray],
        backend: Backend,
        path: &Path,
    ) -> Result<Self> {
        Ok(Self {
            fitted: Fitted::from_parts(content, Head::Classes, arrays, backend, path)?,
            out_of_fold: None,
        })
    }
}

impl MultiLabelEnsemble {
    /// Saves the ensemble as one file. Training tracks are in it as coordinates of the kernel machine.
    ///
    /// # Errors
    /// [`FileExists`](playlist_core::Error::FileExists), [`Write`](playlist_core::Error::Write).
    pub fn save(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<()> {
        let (content, arrays) = self.fitted.to_parts();
        ModelFile::new(MULTI_LABEL_KIND, &content, arrays).write(path.as_ref(), overwrite)
    }

    /// Loads what [`MultiLabelEnsemble::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::DamagedModel`], [`Error::UnsupportedVersion`], [`Error::OtherKind`].
    pub fn load(path: impl AsRef<Path>, backend: Backend) -> Result<Self> {
        let path = path.as_ref();
        let file = ModelFile::read(path)?;
        let content = file.content(MULTI_LABEL_KIND, path)?;
        Ok(Self {
            fitted: Fitted::from_parts(content, Head::Labels, file.arrays(), backend, path)?,
            out_of_fold: None,
        })
    }
}

impl Fitted {
    fn to_parts(&self) -> (serde_json::Value, Vec<NamedArray>) {
        let machines = self.machines.iter().map(|machine| MachineContent {
            n_samples: machine.n_samples,
            scales: machine.scales.iter().map(|fit| fit.scale).collect(),
        });
        let scales = self.scales.iter().map(|(weight, calibrations)| ScaleContent {
            weight: *weight,
            calibrations: calibrations.clone(),
        });
        let content = Content {
            config: self.config.clone(),
            columns: self.columns.clone(),
            class_names: self.names.clone(),
            head: self.head,
            encoder: self.encoder.clone(),
            n_members: self.members.len(),
            n_coordinates: self.machines.first().map_or(0, |machine| machine.n_coordinates),
            machines: machines.collect(),
            scales: scales.collect(),
            distillation_error: self.student.as_ref().map(|student| student.mean_difference),
            was_interrupted: self.was_interrupted,
        };
        let mut arrays = vec![NamedArray {
            name: "members".to_owned(),
            shape: vec![self.members.len(), self.shape.n_parameters()],
            values: self.members.concat(),
        }];
        for (part, machine) in self.machines.iter().enumerate() {
            arrays.extend(machine.to_arrays(part, self.names.len()));
        }
        if let Some(student) = &self.student {
            arrays.push(NamedArray {
                name: "student".to_owned(),
                shape: vec![student.parameters.len()],
                values: student.parameters.clone(),
            });
        }
        let content = serde_json::to_value(content).expect("derived Serialize to JSON does not fail");
        (content, arrays)
    }

    /// `path` is named in errors.
    fn from_parts(
        content: serde_json::Value,
        head: Head,
        arrays: &[NamedArray],
        backend: Backend,
        path: &Path,
    ) -> Result<Self> {
        let damaged = |reason: String| Error::DamagedModel {
            path: path.to_owned(),
            reason,
        };
        let content: Content =
            serde_json::from_value(content).map_err(|error| damaged(format!("its ensemble says {error}")))?;
        if content.head != head {
            return Err(damaged(format!(
                "expected a head of {head:?}, found one of {:?}",
                content.head
            )));
        }
        content.validate().map_err(damaged)?;
        content.assemble(arrays, backend).map_err(damaged)
    }
}

impl Content {
    fn validate(&self) -> Result<(), String> {
        self.config.validate().map_err(|error| error.to_string())?;
        let n_classes = self.class_names.len();
        let least = match self.head {
            Head::Classes => 2,
            Head::Labels => 1,
        };
        if self.columns.is_empty() || !(least..MAX_COUNT).contains(&n_classes) {
            let n_columns = self.columns.len();
            return Err(format!(
                "expected columns and {least} classes or more, found {n_columns} and {n_classes}"
            ));
        }
        let network = &self.config.network;
        let sizes = [
            self.n_members,
            network.width,
            network.hidden_layers,
            self.n_coordinates,
            self.machines.len(),
        ];
        let samples = self.machines.iter().map(|machine| machine.n_samples);
        if sizes.into_iter().chain(samples).any(|size| size > MAX_COUNT) {
            return Err(format!("expected counts up to {MAX_COUNT}"));
        }
        if self.machines.is_empty() || self.n_members == 0 {
            return Err("expected at least one network and one kernel machine".to_owned());
        }
        let n_scales = self.scales.len();
        if n_scales == 0
            || self
                .machines
                .iter()
                .any(|machine| machine.scales.len() != n_scales)
        {
            return Err(format!("expected {n_scales} scales a machine, at least one"));
        }
        if let Some(error) = self.distillation_error
            && (self.config.distillation.is_none() || !(0.0..=1.0).contains(&error))
        {
            return Err(format!(
                "expected the settings of a distillation and an error in [0, 1], found an error of {error}"
            ));
        }
        for scale in &self.scales {
            scale.calibrations.validate(self.head, n_classes)?;
            if !(0.0..=1.0).contains(&scale.weight) {
                return Err(format!("expected weights in [0, 1], found {}", scale.weight));
            }
        }
        self.encoder.validate(self.columns.len())
    }

    fn assemble(self, arrays: &[NamedArray], backend: Backend) -> Result<Fitted, String> {
        let mut config = self.config;
        config.backend = backend;
        let n_classes = self.class_names.len();
        let shape = NetworkShape {
            n_bins: self.encoder.n_bins(),
            n_codes: self.encoder.n_codes(),
            width: config.network.width,
            n_hidden: config.network.hidden_layers,
            n_outputs: self.head.n_outputs(n_classes),
        };
        if self.encoder.n_coordinates() != self.n_coordinates {
            let found = self.n_coordinates;
            return Err(format!(
                "expected {} coordinates, found {found}",
                self.encoder.n_coordinates()
            ));
        }
        let n_parameters = shape.n_parameters();
        let values = find_array(arrays, "members", &[self.n_members, n_parameters])?;
        let members = values.chunks_exact(n_parameters).map(<[f32]>::to_vec).collect();
        let mut machines = Vec::with_capacity(self.machines.len());
        for (part, machine) in self.machines.into_iter().enumerate() {
            machines.push(KernelMachine::from_arrays(
                part,
                machine,
                self.n_coordinates,
                n_classes,
                arrays,
            )?);
        }
        let student = student(&config, self.distillation_error, &shape, arrays)?;
        let n_arrays = 1 + 3 * machines.len() + usize::from(student.is_some());
        if arrays.len() != n_arrays {
            return Err(format!("expected {n_arrays} arrays, found {}", arrays.len()));
        }
        Ok(Fitted {
            config,
            columns: self.columns,
            names: self.class_names,
            head: self.head,
            encoder: self.encoder,
            shape,
            members,
            machines,
            scales: self
                .scales
                .into_iter()
                .map(|scale| (scale.weight, scale.calibrations))
                .collect(),
            student,
            was_interrupted: self.was_interrupted,
        })
    }
}

/// The network that answers in place of networks of `shape`, where there is one.
fn student(
    config: &EnsembleConfig,
    distillation_error: Option<f64>,
    shape: &NetworkShape,
    arrays: &[NamedArray],
) -> Result<Option<Student>, String> {
    let (Some(distillation), Some(mean_difference)) = (&config.distillation, distillation_error) else {
        return Ok(None);
    };
    let shape = distillation.shape(shape);
    Ok(Some(Student {
        parameters: find_array(arrays, "student", &[shape.n_parameters()])?,
        shape,
        mean_difference,
    }))
}

impl KernelMachine {
    fn to_arrays(&self, part: usize, n_classes: usize) -> [NamedArray; 3] {
        let array = |name: &str, shape: Vec<usize>, values: Vec<f32>| NamedArray {
            name: format!("machines.{part}.{name}"),
            shape,
            values,
        };
        let (n_scales, n) = (self.scales.len(), self.n_samples);
        let weights = self.scales.iter().flat_map(|fit| &fit.weights).copied().collect();
        let shares = self.scales.iter().flat_map(|fit| &fit.shares).copied().collect();
        [
            array(
                "coordinates",
                vec![self.n_coordinates, n],
                self.coordinates.clone(),
            ),
            array("weights", vec![n_scales, n_classes, n], weights),
            array("shares", vec![n_scales, n_classes], shares),
        ]
    }

    fn from_arrays(
        part: usize,
        content: MachineContent,
        n_coordinates: usize,
        n_classes: usize,
        arrays: &[NamedArray],
    ) -> Result<Self, String> {
        let find =
            |name: &str, shape: &[usize]| find_array(arrays, &format!("machines.{part}.{name}"), shape);
        let (n_scales, n) = (content.scales.len(), content.n_samples);
        if n == 0 {
            return Err(format!("expected rows in machine {part}"));
        }
        let weights = find("weights", &[n_scales, n_classes, n])?;
        let shares = find("shares", &[n_scales, n_classes])?;
        let fits = weights
            .chunks_exact(n_classes * n)
            .zip(shares.chunks_exact(n_classes));
        let scales = content
            .scales
            .into_iter()
            .zip(fits)
            .map(|(scale, (weights, shares))| ScaleFit {
                scale,
                weights: weights.to_vec(),
                shares: shares.to_vec(),
            });
        Ok(Self {
            n_samples: n,
            n_coordinates,
            coordinates: find("coordinates", &[n_coordinates, n])?,
            scales: scales.collect(),
        })
    }
}
