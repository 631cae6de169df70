//! Golden values of PyTorch: `tests/golden/make_golden.py` made them and states its versions.

use burn::tensor::{Tensor, TensorData};
use playlist_core::{FeatureMatrix, Labels};
use serde::Deserialize;

use crate::burn_steps::{BurnSteps, Part, Parts, read_values};
use crate::epochs::{Loop, Trained};
use crate::fused::{self, Answer, Predictor};
use crate::lanes::Level;
use crate::observer::StopSignal;
use crate::{
    Activation, Backend, HiddenLayer, Loss, Mlp, MlpClassifierConfig, MlpConfig, NamedArray, Normalization,
    OptimizerConfig, TrainingConfig,
};

const GOLDEN: &str = include_str!("../tests/golden/pytorch.json");

#[derive(Deserialize)]
struct Golden {
    forward: Vec<ForwardCase>,
    training: Vec<TrainingCase>,
}

#[derive(Deserialize)]
struct Array {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct ForwardCase {
    name: String,
    activations: Vec<String>,
    batch_norm: bool,
    n_outputs: usize,
    arrays: Vec<Array>,
    x: Vec<f32>,
    logits: Vec<f32>,
}

#[derive(Deserialize)]
struct TrainingCase {
    optimizer: String,
    loss: Loss,
    n_outputs: usize,
    start: Vec<Array>,
    x: Vec<f32>,
    y: Vec<usize>,
    losses: Vec<f64>,
    logits: Vec<f32>,
}

fn arrays(arrays: &[Array]) -> Vec<NamedArray> {
    let named = |a: &Array| NamedArray {
        name: a.name.clone(),
        shape: a.shape.clone(),
        values: a.values.clone(),
    };
    arrays.iter().map(named).collect()
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}: found {found}, expected {expected}"
        );
    }
}

/// Tolerance 2e-6: values of order 1 in f32, summed in another order, exp and erf of other libraries.
#[test]
fn logits_agree_with_pytorch() {
    let golden: Golden = serde_json::from_str(GOLDEN).unwrap();
    for backend in [Backend::Flex, Backend::NdArray] {
        let device = backend.device().unwrap();
        for case in &golden.forward {
            let activation = |index: usize| case.activations[index].parse::<Activation>().unwrap();
            let hidden = [5, 3].into_iter().enumerate();
            let hidden = hidden
                .map(|(i, width)| HiddenLayer {
                    width,
                    activation: activation(i),
                })
                .collect();
            let norm = if case.batch_norm {
                Normalization::Batch
            } else {
                Normalization::None
            };
            let config = MlpConfig::paper().with_hidden(hidden).with_normalization(norm);
            let n_classes = case.n_outputs.max(2);
            let named = arrays(&case.arrays);
            let model = Mlp::from_arrays(&config, 4, n_classes, &named, &device).unwrap();
            let x = Tensor::<2>::from_data(TensorData::new(case.x.clone(), [6, 4]), &device);
            let logits = read_values(model.forward(x), backend).unwrap();
            assert_close(
                &logits,
                &case.logits,
                2e-6,
                &format!("{} on {backend}", case.name),
            );
            let fused = Predictor::new(&config, (4, n_classes), &named);
            let logits_of_ours = fused.predict(&case.x, Answer::Logits, None);
            // Batch normalisation is folded into the weights: another order of the same operations.
            let tolerance = if case.batch_norm { 4e-6 } else { 2e-6 };
            assert_close(&logits_of_ours, &case.logits, tolerance, &case.name);
            // The promise to a user: the same probabilities to 1e-6.
            let sigmoid = |logits: &[f32]| {
                logits
                    .iter()
                    .map(|z| 1.0 / (1.0 + (-z).exp()))
                    .collect::<Vec<f32>>()
            };
            assert_close(&sigmoid(&logits), &sigmoid(&case.logits), 1e-6, &case.name);
            let mut back = model.to_arrays();
            back.sort_by(|a, b| a.name.cmp(&b.name));
            let mut named = named;
            named.sort_by(|a, b| a.name.cmp(&b.name));
            assert_eq!(back, named, "arrays survive the round trip");
        }
    }
    assert_eq!(golden.forward.len(), Activation::ALL.len() + 2);
}

/// Tolerance 2e-5 after 20 steps: Adam divides by the root of a mean square that starts near zero, which
/// magnifies rounding; a wrong epsilon, bias correction or gradient shows at 1e-3.
#[test]
fn twenty_steps_agree_with_pytorch() {
    let golden: Golden = serde_json::from_str(GOLDEN).unwrap();
    let backend = Backend::default();
    let device = backend.device().unwrap();
    for case in golden.training {
        let what = format!("{} {:?} {} outputs", case.optimizer, case.loss, case.n_outputs);
        let config = training_config(&case);
        let mut network = MlpConfig::new(&[5, 3], Activation::Relu);
        network.hidden[1].activation = Activation::Sigmoid;
        let n_classes = case.n_outputs.max(2);
        let start = arrays(&case.start);
        let order = || Loop {
            config: &config,
            snapshots: &[],
            observer: None,
            stop: StopSignal::default(),
        };

        let autodiff = device.clone().autodiff();
        let model = Mlp::from_arrays(&network, 4, n_classes, &start, &autodiff).unwrap();
        let parts = Parts {
            train: Part::new(&case.x, &case.y, n_classes, &device),
            valid: None,
            test: None,
        };
        let mut steps = BurnSteps::new(&config, (backend, &device), parts, model);
        let trained = order().run(&mut steps).unwrap();
        let model = compare(&case, trained, &format!("{what} on Burn"));
        let x = Tensor::<2>::from_data(TensorData::new(case.x.clone(), [20, 4]), &device);
        let logits = read_values(model.forward(x), backend).unwrap();
        assert_close(&logits, &case.logits, 2e-5, &what);

        let x = FeatureMatrix::new(["a", "b", "c", "d"], case.x.clone()).unwrap();
        let names = (0..n_classes).map(|class| class.to_string());
        let y = Labels::new(names, case.y.clone()).unwrap();
        let classifier = MlpClassifierConfig::paper()
            .with_network(network.clone())
            .with_training(config.clone());
        for level in Level::all() {
            let parts = fused::Parts {
                train: fused::Rows::new(&x, &y, 0..20),
                valid: None,
                test: None,
            };
            let mut steps = fused::FusedSteps::at_level(&classifier, &start, parts, level);
            let what = format!("{what} on {level:?}");
            let arrays = compare(&case, order().run(&mut steps).unwrap(), &what);
            let predictor = Predictor::new(&network, (4, n_classes), &arrays);
            let logits = predictor.predict(&case.x, Answer::Logits, None);
            assert_close(&logits, &case.logits, 2e-5, &what);
        }
    }
}

/// Twenty steps, each on all rows.
fn training_config(case: &TrainingCase) -> TrainingConfig {
    let (optimizer, learning_rate, decay) = match case.optimizer.as_str() {
        "adam" => (OptimizerConfig::adam(), 0.01, 0.0),
        "adam-decay" => (OptimizerConfig::adam(), 0.01, 0.1),
        "sgd" => (OptimizerConfig::sgd(), 0.1, 0.0),
        "sgd-momentum" => (OptimizerConfig::Sgd { momentum: 0.9 }, 0.1, 0.0),
        other => panic!("unknown optimizer {other}"),
    };
    TrainingConfig::default()
        .with_loss(case.loss)
        .with_optimizer(optimizer)
        .with_learning_rate(learning_rate)
        .with_weight_decay(decay)
        .with_batch_size(20)
        .with_epochs(20)
}

/// Compares the losses of all epochs and returns the network.
fn compare<C>(case: &TrainingCase, trained: Trained<C>, what: &str) -> C {
    let epochs = trained.history.epochs.iter();
    let losses: Vec<f32> = epochs.map(|record| record.train_loss as f32).collect();
    let expected: Vec<f32> = case.losses.iter().map(|loss| *loss as f32).collect();
    assert_close(&losses, &expected, 2e-5, what);
    trained.model
}
