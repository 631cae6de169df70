//! What the whole ensemble keeps.

use playlist_core::{Classifier, FeatureMatrix, Labels, MultiLabels};

use super::{
    DistillationConfig, Ensemble, EnsembleConfig, EnsembleFitOptions, EnsembleNetworkConfig,
    MultiLabelEnsemble, Spread,
};
use crate::{Backend, Engine, EpochRecord, Error, ModelFile, Overwrite, StopSignal};

/// Rows of four features; `label` sees the row's values and gives its class.
pub(super) fn table(n: usize, n_classes: usize, label: impl Fn(&[f32]) -> usize) -> (FeatureMatrix, Labels) {
    let mut state = 88_172_645_463_325_252_u64;
    let mut unit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32
    };
    let rows: Vec<[f32; 4]> = (0..n)
        .map(|_| [unit(), unit(), 60.0 + 120.0 * unit(), (12.0 * unit()).floor()])
        .collect();
    let y = rows.iter().map(|row| label(row)).collect();
    let x = FeatureMatrix::new(["danceability", "energy", "tempo", "key"], rows.concat()).unwrap();
    (
        x,
        Labels::new((0..n_classes).map(|class| class.to_string()), y).unwrap(),
    )
}

pub(super) fn quick() -> EnsembleConfig {
    let network = EnsembleNetworkConfig {
        epochs: 4,
        width: 16,
        ..EnsembleNetworkConfig::default()
    };
    EnsembleConfig::default().with_network(network)
}

fn accuracy(model: &Ensemble, x: &FeatureMatrix, y: &Labels) -> f64 {
    let hits = model
        .predict(x)
        .unwrap()
        .iter()
        .zip(y.y())
        .filter(|(a, b)| a == b)
        .count();
    hits as f64 / y.n_samples() as f64
}

/// The share of pairs of one row of each class that stand in the right order.
fn auc(p: &[f32], y: &[usize]) -> f64 {
    let of = |class| {
        p.iter()
            .zip(y)
            .filter(move |(_, y)| **y == class)
            .map(|(p, _)| *p)
    };
    let pairs = of(1).flat_map(|a| {
        of(0).map(move |b| {
            if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            }
        })
    });
    let (sum, n) = pairs.fold((0.0, 0.0), |(sum, n), pair| (sum + pair, n + 1.0));
    sum / n
}

#[test]
fn an_interaction_is_learnt() {
    let xor = |row: &[f32]| usize::from((row[0] > 0.5) != (row[1] > 0.5));
    let (x, y) = table(900, 2, xor);
    let train: Vec<usize> = (0..600).collect();
    let test: Vec<usize> = (600..900).collect();
    let model = EnsembleConfig::default()
        .fit(&x.select_rows(&train), &y.select_rows(&train))
        .unwrap();
    let found = accuracy(&model, &x.select_rows(&test), &y.select_rows(&test));
    assert!(found > 0.93, "{found}");
}

#[test]
fn several_classes_are_learnt() {
    let (x, y) = table(900, 4, |row| {
        (row[0] * 2.0) as usize * 2 + (row[1] * 2.0) as usize
    });
    let train: Vec<usize> = (0..600).collect();
    let test: Vec<usize> = (600..900).collect();
    let model = EnsembleConfig::default()
        .fit(&x.select_rows(&train), &y.select_rows(&train))
        .unwrap();
    let found = accuracy(&model, &x.select_rows(&test), &y.select_rows(&test));
    assert!(found > 0.9, "{found}");
}

/// Labels that have nothing to do with the features: chance, and said with the confidence of chance.
#[test]
fn noise_is_not_learnt() {
    let (x, y) = table(900, 2, |row| usize::from((row[0] * 7919.0).fract() > 0.5));
    let train: Vec<usize> = (0..600).collect();
    let test: Vec<usize> = (600..900).collect();
    let model = EnsembleConfig::default()
        .fit(&x.select_rows(&train), &y.select_rows(&train))
        .unwrap();
    let p = model.predict_proba(&x.select_rows(&test)).unwrap();
    let p = p.positive().unwrap();
    let found = auc(p, &y.y()[600..]);
    // Two and a half standard errors of an AUC of 150 against 150 rows.
    assert!((found - 0.5).abs() < 0.085, "{found}");
    assert!(p.iter().all(|p| (0.25..0.75).contains(p)), "{p:?}");
}

#[test]
fn twenty_rows_one_row_of_a_class_and_constant_columns_are_no_obstacle() {
    let half = |row: &[f32]| usize::from(row[0] > 0.5);
    let (x, y) = table(20, 2, half);
    assert!(accuracy(&EnsembleConfig::default().fit(&x, &y).unwrap(), &x, &y) > 0.7);

    let mut lonely = vec![0; 20];
    lonely[7] = 1;
    let y_lonely = Labels::new(["a", "b"], lonely).unwrap();
    let model = EnsembleConfig::default().fit(&x, &y_lonely).unwrap();
    let p = model.predict_proba(&x).unwrap();
    assert!(p.positive().unwrap().iter().all(|p| *p < 0.5));

    let constant = FeatureMatrix::new(["energy", "tempo"], vec![0.5; 40]).unwrap();
    let model = EnsembleConfig::default().fit(&constant, &y).unwrap();
    let share = y.y().iter().sum::<usize>() as f32 / 20.0;
    for p in model.predict_proba(&constant).unwrap().positive().unwrap() {
        assert!((p - share).abs() < 0.1, "{p} {share}");
    }

    // Two rows, one of each class.
    let pair = [0, y.y().iter().position(|class| *class != y.y()[0]).unwrap()];
    let model = quick().fit(&x.select_rows(&pair), &y.select_rows(&pair)).unwrap();
    assert!(model.predict_proba(&x).is_ok());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (x, y) = table(300, 3, |row| (row[0] * 3.0) as usize);
    let fit = |threads| quick().with_threads(Some(threads)).fit(&x, &y).unwrap();
    let (one, four) = (fit(1), fit(4));
    assert_eq!(one.fitted.members, four.fitted.members);
    assert_eq!(one.predict_proba(&x).unwrap(), four.predict_proba(&x).unwrap());
    let other = quick().with_seed(1).fit(&x, &y).unwrap();
    assert_ne!(one.fitted.members, other.fitted.members);
}

#[test]
fn many_rows_are_cut_into_parts() {
    let mut config = quick();
    config.kernel.max_rows = 100;
    let (x, y) = table(350, 2, |row| usize::from(row[0] + row[1] > 1.0));
    let model = config.fit(&x, &y).unwrap();
    assert_eq!(model.fitted.machines.len(), 4);
    assert!(accuracy(&model, &x, &y) > 0.9);
}

#[test]
fn training_is_told_of_and_can_be_stopped() {
    let (x, y) = table(120, 2, |row| usize::from(row[0] > 0.5));
    let mut seen = Vec::new();
    let mut watch = |record: &EpochRecord, n_epochs: usize| {
        seen.push((record.epoch, n_epochs));
        std::ops::ControlFlow::Continue(())
    };
    let options = EnsembleFitOptions {
        observer: Some(&mut watch),
        ..EnsembleFitOptions::default()
    };
    quick().fit_with(&x, &y, options).unwrap();
    assert_eq!(seen, [(1, 4), (2, 4), (3, 4), (4, 4)]);

    let stop = StopSignal::default();
    stop.request();
    let options = EnsembleFitOptions {
        stop,
        ..EnsembleFitOptions::default()
    };
    let model = quick().fit_with(&x, &y, options).unwrap();
    assert!(model.was_interrupted() && model.predict_proba(&x).is_ok());
}

#[test]
fn members_and_their_spread_are_there_to_see() {
    let (x, y) = table(200, 2, |row| usize::from(row[0] > 0.5));
    let model = quick().fit(&x, &y).unwrap();
    let members = model.predict_members(&x).unwrap();
    assert_eq!(members.len(), model.n_members());
    let spread = model.spread(&x, 1).unwrap();
    assert_eq!(spread.len(), 200);
    for (
        row,
        Spread {
            lowest,
            highest,
            deviation,
        },
    ) in spread.into_iter().enumerate()
    {
        let first = members[0].get(row, 1);
        assert!(lowest <= first && first <= highest && deviation <= (highest - lowest) / 2.0 + 1e-6);
    }
    let out_of_fold = model.out_of_fold().unwrap();
    assert!(auc(out_of_fold.positive().unwrap(), y.y()) > 0.95);
}

/// One forward pass of three layers, logits of order 1. Tolerance 1e-4: the CPU engine sums bins in another way.
#[test]
fn the_module_agrees_with_the_cpu_engine() {
    let (x, y) = table(300, 3, |row| (row[0] * 3.0) as usize);
    let model = EnsembleConfig::default().fit(&x, &y).unwrap();
    let expected = model.predict_member_logits(&x).unwrap();
    for backend in [Backend::Flex, Backend::NdArray] {
        let logits = model
            .network(backend)
            .unwrap()
            .forward(model.network_rows(&x, backend).unwrap());
        assert_eq!(logits.dims(), [model.n_members(), 300, 3]);
        let found = logits.into_data().try_to_vec::<f32>().unwrap();
        let difference = largest_difference(&found, &expected);
        assert!(difference < 1e-4, "{backend}: {difference:e}");
    }
}

/// More rows than a device gets at once; tolerance as above.
#[test]
fn a_device_predicts_in_chunks() {
    let (x, y) = table(300, 2, |row| usize::from(row[0] > 0.5));
    let model = quick().fit(&x, &y).unwrap();
    let (many, _) = table(20_000, 2, |_| 0);
    let expected = model.predict_member_logits(&many).unwrap();
    let found = model.predict_member_logits_on(&many, Backend::Flex).unwrap();
    assert!(largest_difference(&found, &expected) < 1e-4);
}

/// Both engines take the same steps on the same rows with the same masks. Tolerance 2e-3 on probabilities after four
/// epochs: Adam magnifies rounding where gradients are small.
#[test]
fn both_engines_learn_the_same() {
    for n_classes in [2, 3] {
        let (x, y) = table(300, n_classes, |row| (row[0] * n_classes as f32) as usize);
        let members = |config: &EnsembleConfig| {
            let members = config.fit(&x, &y).unwrap().predict_members(&x).unwrap();
            members
                .into_iter()
                .flat_map(|member| member.to_rows())
                .collect::<Vec<f32>>()
        };
        let expected = members(&quick());
        for backend in [Backend::Flex, Backend::NdArray] {
            let found = members(&quick().with_engine(Engine::Burn).with_backend(backend));
            let difference = largest_difference(&found, &expected);
            eprintln!("{backend}, {n_classes} classes: {difference:e}");
            assert!(difference < 2e-3, "{backend}: {difference:e}");
        }
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_loaded_ensemble_is_the_saved_one_and_a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for n_classes in [2, 3] {
        let (x, y) = table(120, n_classes, |row| (row[0] * n_classes as f32) as usize);
        let mut config = quick();
        config.kernel.max_rows = 100;
        let model = config.fit(&x, &y).unwrap();
        let path = folder.path().join(format!("{n_classes}.safetensors"));
        model.save(&path, Overwrite::Refuse).unwrap();
        let loaded = Ensemble::load(&path, Backend::default()).unwrap();
        assert_eq!(
            loaded.predict_proba(&x).unwrap(),
            model.predict_proba(&x).unwrap()
        );
        assert_eq!(loaded.config(), model.config());
        let again = folder.path().join("again.safetensors");
        loaded.save(&again, Overwrite::Allow).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            std::fs::read(&again).unwrap(),
            "the same bytes"
        );
    }
}

/// Files whose checksum is right and whose content is not.
#[test]
fn content_that_does_not_fit_is_refused() {
    let (x, y) = table(60, 2, |row| usize::from(row[0] > 0.5));
    let model = quick().fit(&x, &y).unwrap();
    let changes: [(&str, serde_json::Value); 6] = [
        ("/n_members", 7.into()),
        ("/n_coordinates", 1.into()),
        ("/columns", serde_json::json!(["energy"])),
        ("/class_names", serde_json::json!(["a"])),
        ("/machines/0/n_samples", u64::MAX.into()),
        ("/scales/0/weight", 7.5.into()),
    ];
    refuses(&model, &changes);
}

/// A file of `model` with any one of `changes` to its content, by pointer and value, is told to be damaged.
fn refuses(model: &Ensemble, changes: &[(&str, serde_json::Value)]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.safetensors");
    let (content, arrays) = model.to_parts();
    for (pointer, value) in changes {
        let mut content = content.clone();
        *content.pointer_mut(pointer).unwrap() = value.clone();
        ModelFile::new("ensemble", &content, arrays.clone())
            .write(&path, Overwrite::Allow)
            .unwrap();
        let loaded = Ensemble::load(&path, Backend::default());
        assert!(
            matches!(loaded, Err(Error::DamagedModel { .. })),
            "{pointer}: {loaded:?}"
        );
    }
}

/// Three labels: one by danceability, one by energy, one that a tenth of the tracks has.
fn labelled(n: usize) -> (FeatureMatrix, MultiLabels) {
    let (x, _) = table(n, 2, |_| 0);
    let has = |row: &[f32]| [row[0] > 0.5, row[1] > 0.4, row[0] * row[1] > 0.65];
    let y = (0..n).flat_map(|row| has(x.row(row))).collect();
    (x, MultiLabels::new(["a", "b", "c"], y).unwrap())
}

#[test]
fn several_labels_a_track_are_learnt() {
    let (x, y) = labelled(900);
    let train: Vec<usize> = (0..600).collect();
    let test: Vec<usize> = (600..900).collect();
    let model = EnsembleConfig::default()
        .fit_multi_label(&x.select_rows(&train), &y.select_rows(&train))
        .unwrap();
    let p = model.predict_proba(&x.select_rows(&test)).unwrap();
    assert_eq!(p.label_names(), ["a", "b", "c"]);
    for label in 0..3 {
        let has: Vec<usize> = y.label(label)[600..]
            .iter()
            .map(|has| usize::from(*has))
            .collect();
        let found = auc(&p.label(label), &has);
        assert!(found > 0.97, "{label}: {found}");
        // The mean probability of a calibrated model is the share of tracks that have the label: within three standard
        // errors of a share among 300.
        let share = has.iter().sum::<usize>() as f32 / 300.0;
        let mean = p.label(label).iter().sum::<f32>() / 300.0;
        assert!((share - mean).abs() < 0.09, "{label}: {share} {mean}");
        let out_of_fold = model.out_of_fold().unwrap().label(label);
        let known: Vec<usize> = y.label(label)[..600]
            .iter()
            .map(|has| usize::from(*has))
            .collect();
        assert!(auc(&out_of_fold, &known) > 0.95);
    }
}

#[test]
fn labels_that_say_nothing_get_their_shares() {
    let (x, _) = table(600, 2, |_| 0);
    let y = (0..600).flat_map(|row| [row % 7 < 2, row % 3 == 0]).collect();
    let y = MultiLabels::new(["a", "b"], y).unwrap();
    let p = EnsembleConfig::default()
        .fit_multi_label(&x, &y)
        .unwrap()
        .out_of_fold()
        .unwrap()
        .clone();
    for (label, share) in [(0, 2.0 / 7.0), (1, 1.0 / 3.0)] {
        let far = p.label(label).iter().filter(|p| (*p - share).abs() > 0.2).count();
        // Out of fold, on noise: all but a few stay near the share.
        assert!(far < 60, "{label}: {far} of 600");
    }
}

#[test]
fn labels_are_checked() {
    let (x, _) = table(30, 2, |_| 0);
    let all = MultiLabels::new(["a", "b"], vec![true; 60]).unwrap();
    assert!(matches!(
        quick().fit_multi_label(&x, &all),
        Err(Error::Core(playlist_core::Error::OneSided { n_with: 30, .. }))
    ));
    let (_, y) = labelled(60);
    let model = quick().fit_multi_label(&labelled(60).0, &y).unwrap();
    let other = FeatureMatrix::new(["energy"], vec![0.5]).unwrap();
    assert!(model.predict_proba(&other).is_err());
}

/// Tolerance as in `both_engines_learn_the_same`.
#[test]
fn both_engines_learn_labels_alike_and_files_give_them_back() {
    let (x, y) = labelled(300);
    let mut config = quick();
    config.kernel.max_rows = 200;
    let model = config.fit_multi_label(&x, &y).unwrap();
    let values = |model: &MultiLabelEnsemble| -> Vec<f32> {
        let p = model.predict_proba(&x).unwrap();
        (0..300).flat_map(|row| p.row(row).to_vec()).collect()
    };
    let on_device = config
        .clone()
        .with_engine(Engine::Burn)
        .with_backend(Backend::Flex);
    let other = on_device.fit_multi_label(&x, &y).unwrap();
    let difference = largest_difference(&values(&model), &values(&other));
    assert!(difference < 2e-3, "{difference:e}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.safetensors");
    model.save(&path, Overwrite::Refuse).unwrap();
    let loaded = MultiLabelEnsemble::load(&path, Backend::default()).unwrap();
    assert_eq!(values(&loaded), values(&model));
    assert!(matches!(
        Ensemble::load(&path, Backend::default()),
        Err(Error::OtherKind { .. })
    ));
    let single = config.with_threads(Some(1)).fit_multi_label(&x, &y).unwrap();
    assert_eq!(
        values(&single),
        values(&model),
        "the number of threads changes no bit"
    );
}

fn distilled() -> EnsembleConfig {
    let distillation = DistillationConfig {
        rows: 4_000,
        ..DistillationConfig::default()
    };
    EnsembleConfig::default().with_distillation(Some(distillation))
}

/// One network answers as networks and kernel machines do, on rows that neither had seen: two classes, three, and labels.
#[test]
fn a_distilled_ensemble_answers_as_the_whole_does() {
    let (unseen, _) = table(1_000, 2, |_| 0);
    for n_classes in [2, 3] {
        let label = |row: &[f32]| usize::from(row[0] > 0.5) * usize::from(row[1] > 0.4) * (n_classes - 1);
        let (x, y) = table(600, n_classes, |row| label(row).min((row[2] / 60.0) as usize));
        let whole = EnsembleConfig::default().fit(&x, &y).unwrap();
        assert_eq!(whole.distillation_error(), None);
        let one = distilled().fit(&x, &y).unwrap();
        let error = one.distillation_error().unwrap();
        let (expected, found) = (
            whole.predict_proba(&unseen).unwrap(),
            one.predict_proba(&unseen).unwrap(),
        );
        let pairs = expected.to_rows().into_iter().zip(found.to_rows());
        let mean = pairs.map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / (1_000 * n_classes) as f64;
        // Answers run from 0 to 1; measured 0.006 each.
        assert!(error < 0.015 && mean < 0.015, "{error} {mean}");
        assert_ne!(expected, found);
        assert_eq!(
            one.predict_opinions(&x).unwrap(),
            whole.predict_opinions(&x).unwrap()
        );
        assert_eq!(one.out_of_fold(), whole.out_of_fold());
    }
    let (x, y) = labelled(600);
    let whole = EnsembleConfig::default()
        .fit_multi_label(&x, &y)
        .unwrap()
        .predict_proba(&unseen)
        .unwrap();
    let one = distilled()
        .fit_multi_label(&x, &y)
        .unwrap()
        .predict_proba(&unseen)
        .unwrap();
    for label in 0..3 {
        let pairs = whole.label(label).into_iter().zip(one.label(label));
        let mean = pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / 1_000.0;
        assert!(mean < 0.015, "{label}: {mean}");
    }
}

#[test]
fn a_distilled_ensemble_is_saved_stopped_and_spread_over_threads() {
    let (x, y) = table(300, 3, |row| (row[0] * 3.0) as usize);
    let model = distilled().with_threads(Some(1)).fit(&x, &y).unwrap();
    let four = distilled().with_threads(Some(4)).fit(&x, &y).unwrap();
    assert_eq!(model.fitted.student, four.fitted.student);
    assert_eq!(model.predict_proba(&x).unwrap(), four.predict_proba(&x).unwrap());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("distilled.safetensors");
    model.save(&path, Overwrite::Refuse).unwrap();
    let loaded = Ensemble::load(&path, Backend::default()).unwrap();
    assert_eq!(loaded.fitted, model.fitted);
    let changes: [(&str, serde_json::Value); 4] = [
        ("/config/distillation/width", 64.into()),
        ("/config/distillation/width", (1_u64 << 40).into()),
        ("/config/distillation", serde_json::Value::Null),
        ("/distillation_error", (-5.0).into()),
    ];
    refuses(&model, &changes);

    let stop = StopSignal::default();
    stop.request();
    let options = EnsembleFitOptions {
        stop,
        ..EnsembleFitOptions::default()
    };
    let stopped = distilled().fit_with(&x, &y, options).unwrap();
    assert!(stopped.was_interrupted() && stopped.distillation_error().is_none());

    let mut config = distilled();
    config.distillation.as_mut().unwrap().learning_rate = 1e30;
    let error = config.fit(&x, &y).unwrap_err();
    assert!(
        error.to_string().contains("distillation.learning_rate"),
        "{error}"
    );
}

/// Values so great that their differences are no numbers.
#[test]
fn the_greatest_numbers_are_mixed_too() {
    let (x, y) = table(60, 2, |row| usize::from(row[0] > 0.5));
    let rows = (0..60).flat_map(|row| [x.row(row)[0], if row % 2 == 0 { f32::MAX } else { f32::MIN }]);
    let x = FeatureMatrix::new(["danceability", "x"], rows.collect()).unwrap();
    let model = distilled().fit(&x, &y).unwrap();
    assert!(model.predict_proba(&x).is_ok());
}

/// The answer with networks on a device, distilled and not; tolerance as of one forward pass.
#[test]
fn a_device_gives_the_same_answers() {
    let (x, y) = table(300, 2, |row| usize::from(row[0] > 0.5));
    for config in [quick(), distilled()] {
        let model = config.fit(&x, &y).unwrap();
        let expected = model.predict_proba(&x).unwrap().to_rows();
        let found = model.predict_proba_on(&x, Backend::Flex).unwrap().to_rows();
        assert!(largest_difference(&found, &expected) < 1e-4);
    }
}
