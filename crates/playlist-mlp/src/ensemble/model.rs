//! The fitted ensemble and its predictions.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use playlist_core::{Classifier, FeatureMatrix, Probabilities};

use super::calibration::{Calibrations, log_softmax};
use super::distil::Student;
use super::encoding::Encoder;
use super::forward::Predictor;
use super::kernel::{KernelMachine, PackedMachine};
use super::member::NetworkShape;
use super::targets::{Head, sigmoid};
use super::{EnsembleConfig, EnsembleNetwork};
use crate::burn_steps::read_values;
use crate::parallel::{in_chunks, n_threads};
use crate::{Backend, Result};

/// Probabilities below this count as this in a geometric mean, so that no single opinion can be final.
const LEAST: f32 = 1e-7;

/// Rows that a thread takes at once.
const CHUNK_ROWS: usize = 512;

/// Rows that a Burn device gets at once.
const DEVICE_ROWS: usize = 16_384;

/// A fitted ensemble: networks, kernel machines, and what joins them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    pub(crate) fitted: Fitted,
    pub(crate) out_of_fold: Option<Probabilities>,
}

/// What an ensemble consists of, whether its columns are classes or labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    pub config: EnsembleConfig,
    pub columns: Vec<String>,
    /// Those of the classes or labels.
    pub names: Vec<String>,
    pub head: Head,
    pub encoder: Encoder,
    pub shape: NetworkShape,
    /// The parameters of every network.
    pub members: Vec<Vec<f32>>,
    pub machines: Vec<KernelMachine>,
    /// The weight and the calibrations of each scale of the machines.
    pub scales: Vec<(f64, Calibrations)>,
    /// What answers for all of the above; without it they do.
    pub student: Option<Student>,
    pub was_interrupted: bool,
}

/// How far the networks of an ensemble are apart on one track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least probability that a network gives.
    pub lowest: f32,
    /// The greatest.
    pub highest: f32,
    /// The standard deviation over the networks.
    pub deviation: f32,
}

impl Ensemble {
    /// The settings that it was fitted with.
    #[must_use]
    pub const fn config(&self) -> &EnsembleConfig {
        &self.fitted.config
    }

    /// The same with another number of threads for predictions; `None` for as many as there are cores. No bit of an
    /// answer depends on it.
    #[must_use]
    pub fn with_threads(mut self, threads: Option<usize>) -> Self {
        self.fitted.config.threads = threads;
        self
    }

    /// The number of networks.
    #[must_use]
    pub fn n_members(&self) -> usize {
        self.fitted.members.len()
    }

    /// Whether the training of the networks was stopped before its end.
    #[must_use]
    pub const fn was_interrupted(&self) -> bool {
        self.fitted.was_interrupted
    }

    /// The probabilities of the training rows by the parts of the ensemble that had not seen them: for choosing
    /// a threshold. `None` in a model that was loaded.
    #[must_use]
    pub const fn out_of_fold(&self) -> Option<&Probabilities> {
        self.out_of_fold.as_ref()
    }

    /// How far the one network that answers is from the networks and kernel machines that it was distilled from: the mean
    /// absolute difference in probability on made-up tracks that it had not seen. `None` where those answer themselves.
    #[must_use]
    pub fn distillation_error(&self) -> Option<f64> {
        self.fitted
            .student
            .as_ref()
            .map(|student| student.mean_difference)
    }

    /// The probabilities that each network alone gives, one entry a network.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub fn predict_members(&self, x: &FeatureMatrix) -> Result<Vec<Probabilities>> {
        self.check_input(x)?;
        let n_classes = self.fitted.names.len();
        let each = self
            .fitted
            .member_probabilities(x)
            .into_iter()
            .map(|p| Ok(Probabilities::multi_class(n_classes, p)?));
        each.collect()
    }

    /// The probabilities that each network gives once it is joined, alone, with the kernel machines, one entry a
    /// network: how much the answer hangs on the networks' draws. Of two classes the ensemble's own probability lies
    /// between the least and the greatest of them. Of a distilled ensemble they are the opinions of the parts that it was
    /// distilled from, which the answer need not lie between.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub fn predict_opinions(&self, x: &FeatureMatrix) -> Result<Vec<Probabilities>> {
        self.check_input(x)?;
        let n_classes = self.fitted.names.len();
        let each = self.fitted.opinions(x).into_iter();
        each.map(|p| Ok(Probabilities::multi_class(n_classes, p)?))
            .collect()
    }

    /// How far the networks are apart in the probability of `class` on each row of `x`, `[n_samples]`.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    ///
    /// # Panics
    /// When `class` is out of range.
    pub fn spread(&self, x: &FeatureMatrix, class: usize) -> Result<Vec<Spread>> {
        assert!(
            class < self.fitted.names.len(),
            "class {class} of {}",
            self.fitted.names.len()
        );
        let members = self.predict_members(x)?;
        let rows = (0..x.n_samples()).map(|row| {
            let p = members.iter().map(|member| member.get(row, class));
            let n = members.len() as f32;
            let mean = p.clone().sum::<f32>() / n;
            Spread {
                lowest: p.clone().fold(1.0, f32::min),
                highest: p.clone().fold(0.0, f32::max),
                deviation: (p.map(|p| (p - mean).powi(2)).sum::<f32>() / n).sqrt(),
            }
        });
        Ok(rows.collect())
    }

    /// All networks as one Burn module on the device of `backend`.
    ///
    /// # Errors
    /// Those of [`Backend::device`].
    pub fn network(&self, backend: Backend) -> Result<EnsembleNetwork> {
        Ok(EnsembleNetwork::new(
            &self.fitted.shape,
            &self.fitted.members,
            &backend.device()?,
        ))
    }

    /// Rows of `x` as [`EnsembleNetwork::forward`] takes them, `[n_samples, n_inputs]`, on the device of
    /// `backend`.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`]; those of [`Backend::device`].
    pub fn network_rows(&self, x: &FeatureMatrix, backend: Backend) -> Result<Tensor<2>> {
        self.check_input(x)?;
        let rows: Vec<u32> = (0..x.n_samples() as u32).collect();
        let Fitted { encoder, shape, .. } = &self.fitted;
        let values = encoder
            .network_input(x, 0..x.n_samples())
            .dense(&shape.n_bins, &rows);
        let data = TensorData::new(values, [x.n_samples(), shape.n_inputs()]);
        Ok(Tensor::from_data(data, &backend.device()?))
    }

    /// The logits that each network gives on the device of `backend`, `[n_members, n_samples, n_outputs]`, row-major. Rows
    /// are uploaded in chunks, so that the device never holds more than one.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`]; those of [`Backend::device`]; [`Error::Device`](crate::Error::Device) when
    /// nothing can be read back.
    pub fn predict_member_logits_on(&self, x: &FeatureMatrix, backend: Backend) -> Result<Vec<f32>> {
        self.check_input(x)?;
        let Fitted { shape, members, .. } = &self.fitted;
        Ok(self.fitted.logits_on(shape, members, x, backend)?.concat())
    }

    /// As [`Classifier::predict_proba`], with all networks on the device of `backend`: the one that answers, or those that
    /// answer together with kernel machines, which stay on the CPU. The CPU engine is faster wherever encoding and uploading
    /// a track costs more than the network does.
    ///
    /// # Errors
    /// As [`Ensemble::predict_member_logits_on`].
    pub fn predict_proba_on(&self, x: &FeatureMatrix, backend: Backend) -> Result<Probabilities> {
        self.check_input(x)?;
        let p = self.fitted.predict_on(x, backend)?;
        Ok(Probabilities::multi_class(self.fitted.names.len(), p)?)
    }

    /// The logits that each network gives on the CPU engine, `[n_members, n_samples, n_outputs]`, row-major.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub fn predict_member_logits(&self, x: &FeatureMatrix) -> Result<Vec<f32>> {
        self.check_input(x)?;
        let networks = self.fitted.predictors();
        Ok(self.fitted.member_logits(&networks, x, 0..x.n_samples()).concat())
    }
}

impl Fitted {
    /// The probability of each class or label for each row of `x`, `[n_samples, n_columns]`.
    pub(crate) fn predict(&self, x: &FeatureMatrix) -> Vec<f32> {
        match &self.student {
            Some(student) => self.by_student(student, x, self.names.len(), |logits, p| {
                self.head.probabilities(logits, p)
            }),
            None => self.predict_by_parts(x),
        }
    }

    /// The probability of the second of two classes, `[n_samples]`.
    fn predict_second(&self, x: &FeatureMatrix) -> Vec<f32> {
        match &self.student {
            Some(student) => self.by_student(student, x, 1, |logits, p| {
                p[0] = sigmoid(f64::from(logits[0])) as f32
            }),
            None => self.predict_by_parts(x).into_iter().skip(1).step_by(2).collect(),
        }
    }

    /// What `answer` makes of the logits of each row, `[n_samples, n_answers]`.
    fn by_student(
        &self,
        student: &Student,
        x: &FeatureMatrix,
        n_answers: usize,
        answer: impl Fn(&[f32], &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let network = Predictor::new(&student.shape, &student.parameters);
        self.for_rows(x, n_answers, |rows, out| {
            let numbers: Vec<u32> = (0..rows.len() as u32).collect();
            let logits = network.logits(&self.encoder.network_input(x, rows), &numbers);
            let each = logits
                .chunks_exact(student.shape.n_outputs)
                .zip(out.chunks_exact_mut(n_answers));
            each.for_each(|(logits, out)| answer(logits, out));
        })
    }

    /// As [`Fitted::predict`], by networks and kernel machines.
    pub(crate) fn predict_by_parts(&self, x: &FeatureMatrix) -> Vec<f32> {
        let (networks, machines) = (self.predictors(), self.pack());
        self.for_rows(x, self.names.len(), |rows, out| {
            let network = self.network_probabilities(&networks, x, rows.clone());
            let kernel = self.kernel_probabilities(&machines, x, rows);
            out.copy_from_slice(&self.join(&network, &kernel));
        })
    }

    /// As [`Fitted::predict`], with the networks on the device of `backend`.
    fn predict_on(&self, x: &FeatureMatrix, backend: Backend) -> Result<Vec<f32>> {
        if let Some(Student {
            shape, parameters, ..
        }) = &self.student
        {
            let logits = self.logits_on(shape, std::slice::from_ref(parameters), x, backend)?;
            return Ok(self.probabilities(&logits[0]));
        }
        let members = self.logits_on(&self.shape, &self.members, x, backend)?;
        let each: Vec<Vec<f32>> = members.iter().map(|logits| self.probabilities(logits)).collect();
        let network = mean(&each, x.n_samples() * self.names.len());
        Ok(self.join(&network, &self.all_kernel_probabilities(x)))
    }

    /// The logits of networks of one shape on the device of `backend`, `[n_samples, n_outputs]` each.
    fn logits_on(
        &self,
        shape: &NetworkShape,
        networks: &[Vec<f32>],
        x: &FeatureMatrix,
        backend: Backend,
    ) -> Result<Vec<Vec<f32>>> {
        let device = backend.device()?;
        let module = EnsembleNetwork::new(shape, networks, &device);
        let mut all = vec![Vec::with_capacity(x.n_samples() * shape.n_outputs); networks.len()];
        for start in (0..x.n_samples()).step_by(DEVICE_ROWS) {
            let rows = start..x.n_samples().min(start + DEVICE_ROWS);
            let numbers: Vec<u32> = (0..rows.len() as u32).collect();
            let data = TensorData::new(
                self.encoder.network_input(x, rows).dense(&shape.n_bins, &numbers),
                [numbers.len(), shape.n_inputs()],
            );
            let logits = read_values(module.forward(Tensor::from_data(data, &device)), backend)?;
            let each = logits.chunks_exact(numbers.len() * shape.n_outputs);
            all.iter_mut()
                .zip(each)
                .for_each(|(all, logits)| all.extend_from_slice(logits));
        }
        Ok(all)
    }

    /// What each network gives once it is joined, alone, with the kernel machines, `[n_samples, n_columns]` each.
    pub(crate) fn opinions(&self, x: &FeatureMatrix) -> Vec<Vec<f32>> {
        let kernel = self.all_kernel_probabilities(x);
        let members = self.member_probabilities(x).into_iter();
        members.map(|network| self.join(&network, &kernel)).collect()
    }

    /// What the kernel machines give, `[n_samples, n_columns]`.
    fn all_kernel_probabilities(&self, x: &FeatureMatrix) -> Vec<f32> {
        let machines = self.pack();
        self.for_rows(x, self.names.len(), |rows, out| {
            out.copy_from_slice(&self.kernel_probabilities(&machines, x, rows));
        })
    }

    fn join(&self, network: &[f32], kernel: &[f32]) -> Vec<f32> {
        join(
            self.head,
            network,
            kernel,
            self.config.network_share,
            self.names.len(),
        )
    }

    fn pack(&self) -> Vec<PackedMachine<'_>> {
        let two_classes = self.head == Head::Classes && self.names.len() == 2;
        self.machines
            .iter()
            .map(|machine| machine.pack(two_classes))
            .collect()
    }

    /// What `fill` puts down for some rows of `x`, `[rows, n_answers]`, for all of them, split over the threads.
    fn for_rows(
        &self,
        x: &FeatureMatrix,
        n_answers: usize,
        fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let mut all = vec![0.0; x.n_samples() * n_answers];
        let threads = n_threads(self.config.threads);
        in_chunks(threads, &mut all, CHUNK_ROWS * n_answers, |chunk, out| {
            let start = chunk * CHUNK_ROWS;
            fill(start..start + out.len() / n_answers, out);
        });
        all
    }

    fn predictors(&self) -> Vec<Predictor<'_>> {
        self.members
            .iter()
            .map(|p| Predictor::new(&self.shape, p))
            .collect()
    }

    fn member_logits(
        &self,
        networks: &[Predictor<'_>],
        x: &FeatureMatrix,
        rows: Range<usize>,
    ) -> Vec<Vec<f32>> {
        let numbers: Vec<u32> = (0..rows.len() as u32).collect();
        let input = self.encoder.network_input(x, rows);
        networks
            .iter()
            .map(|network| network.logits(&input, &numbers))
            .collect()
    }

    /// `[n_samples, n_columns]` of each network.
    fn member_probabilities(&self, x: &FeatureMatrix) -> Vec<Vec<f32>> {
        let logits = self
            .member_logits(&self.predictors(), x, 0..x.n_samples())
            .into_iter();
        logits.map(|logits| self.probabilities(&logits)).collect()
    }

    /// The probability of each class or label from the logits of rows, `[n_samples, n_columns]`.
    pub(crate) fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        let (n_outputs, n_columns) = (self.shape.n_outputs, self.names.len());
        let mut all = vec![0.0; logits.len() / n_outputs * n_columns];
        for (logits, p) in logits
            .chunks_exact(n_outputs)
            .zip(all.chunks_exact_mut(n_columns))
        {
            self.head.probabilities(logits, p);
        }
        all
    }

    /// The mean of the networks' probabilities, `[rows.len(), n_columns]`.
    fn network_probabilities(
        &self,
        networks: &[Predictor<'_>],
        x: &FeatureMatrix,
        rows: Range<usize>,
    ) -> Vec<f32> {
        let size = rows.len() * self.names.len();
        let logits = self.member_logits(networks, x, rows).into_iter();
        mean(
            &logits
                .map(|logits| self.probabilities(&logits))
                .collect::<Vec<_>>(),
            size,
        )
    }

    /// The weighted mean of the machines' calibrated probabilities, `[rows.len(), n_columns]`.
    fn kernel_probabilities(
        &self,
        machines: &[PackedMachine<'_>],
        x: &FeatureMatrix,
        rows: Range<usize>,
    ) -> Vec<f32> {
        let n = rows.len();
        let coordinates = self.encoder.coordinates(x, rows);
        let mut scores = vec![0.0; n * self.scales.len() * self.names.len()];
        for machine in machines {
            for (sum, score) in scores.iter_mut().zip(machine.scores(&coordinates, n)) {
                *sum += score / machines.len() as f32;
            }
        }
        blend_scales(self.head, &self.scales, &scores, self.names.len())
    }
}

/// The mean of equally long rows of numbers; `size` zeros of none.
pub(crate) fn mean(all: &[Vec<f32>], size: usize) -> Vec<f32> {
    let mut mean = vec![0.0; size];
    for values in all {
        for (mean, value) in mean.iter_mut().zip(values) {
            *mean += value / all.len() as f32;
        }
    }
    mean
}

/// Calibrates the scores of each scale, `[n_samples, n_scales, n_columns]`, and takes their weighted mean,
/// `[n_samples, n_columns]`.
pub(crate) fn blend_scales(
    head: Head,
    scales: &[(f64, Calibrations)],
    scores: &[f32],
    n_columns: usize,
) -> Vec<f32> {
    let mut blend = Vec::with_capacity(scores.len() / scales.len());
    let (mut sums, mut each) = (vec![0.0_f64; n_columns], vec![0.0; n_columns]);
    for scores in scores.chunks_exact(scales.len() * n_columns) {
        sums.fill(0.0);
        for ((weight, calibrations), scores) in scales.iter().zip(scores.chunks_exact(n_columns)) {
            calibrations.probabilities(head, scores, &mut each);
            for (sum, p) in sums.iter_mut().zip(&each) {
                *sum += weight * p;
            }
        }
        blend.extend(sums.iter().map(|sum| *sum as f32));
    }
    blend
}

/// The weighted geometric mean of two opinions, `[n_samples, n_columns]` each, as probabilities.
pub(crate) fn join(
    head: Head,
    network: &[f32],
    kernel: &[f32],
    network_share: f32,
    n_columns: usize,
) -> Vec<f32> {
    let share = f64::from(network_share);
    let mean = |network: f32, kernel: f32| {
        let log = |p: f32| f64::from(p.max(LEAST)).ln();
        share * log(network) + (1.0 - share) * log(kernel)
    };
    let both = network.iter().zip(kernel);
    match head {
        Head::Classes if n_columns == 2 => {
            let rows = network.as_chunks::<2>().0.iter().zip(kernel.as_chunks::<2>().0);
            let second = rows
                .map(|(network, kernel)| sigmoid(mean(network[1], kernel[1]) - mean(network[0], kernel[0])));
            second.flat_map(|p| [(1.0 - p) as f32, p as f32]).collect()
        }
        Head::Classes => {
            let logits: Vec<f64> = both.map(|(network, kernel)| mean(*network, *kernel)).collect();
            let rows = logits.chunks_exact(n_columns);
            rows.flat_map(|row| log_softmax(row.to_vec()))
                .map(|log_p| log_p.exp() as f32)
                .collect()
        }
        Head::Labels => both
            .map(|(network, kernel)| {
                sigmoid(mean(*network, *kernel) - mean(1.0 - network, 1.0 - kernel)) as f32
            })
            .collect(),
    }
}

impl Classifier for Ensemble {
    fn columns(&self) -> &[String] {
        &self.fitted.columns
    }

    fn class_names(&self) -> &[String] {
        &self.fitted.names
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        self.check_input(x)?;
        match self.fitted.names.len() {
            2 => Probabilities::binary(self.fitted.predict_second(x)),
            n_classes => Probabilities::multi_class(n_classes, self.fitted.predict(x)),
        }
    }
}
