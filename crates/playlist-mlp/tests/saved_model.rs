//! The saved model: whole, or a clear error.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use playlist_core::{Classifier, FeatureMatrix, Labels};
use playlist_mlp::{
    Backend, Error, MlpClassifier, MlpClassifierConfig, MlpConfig, ModelFile, Overwrite, TrainingConfig,
};

fn fitted(network: MlpConfig) -> (FeatureMatrix, MlpClassifier) {
    let values = (0..80).map(|i| (i * 37 % 41) as f32 / 41.0).collect();
    let x = FeatureMatrix::new(["energy", "tempo"], values).unwrap();
    let y: Vec<bool> = x.values().chunks(2).map(|row| row[0] > row[1]).collect();
    let training = TrainingConfig::default().with_epochs(3);
    let config = MlpClassifierConfig::paper()
        .with_network(network)
        .with_training(training);
    let model = config.fit(&x, &Labels::binary("no", "yes", &y)).unwrap();
    (x, model)
}

fn saved(folder: &Path) -> (std::path::PathBuf, FeatureMatrix, MlpClassifier) {
    let (x, model) = fitted(MlpConfig::paper());
    let path = folder.join("model.safetensors");
    model.save(&path, Overwrite::Refuse).unwrap();
    (path, x, model)
}

#[test]
fn a_loaded_model_is_the_saved_one() {
    let folder = tempfile::tempdir().unwrap();
    for (index, network) in [MlpConfig::paper(), MlpConfig::paper_batch_norm(0.3)]
        .into_iter()
        .enumerate()
    {
        let (x, model) = fitted(network);
        let path = folder.path().join(format!("{index}.safetensors"));
        model.save(&path, Overwrite::Refuse).unwrap();
        let loaded = MlpClassifier::load(&path, Backend::default()).unwrap();
        assert_eq!(
            loaded.predict_proba(&x).unwrap(),
            model.predict_proba(&x).unwrap()
        );
        assert_eq!(loaded.config(), model.config());
        assert_eq!(loaded.history(), model.history());
        assert_eq!(loaded.class_names(), ["no", "yes"]);
        let again = folder.path().join(format!("{index}-again.safetensors"));
        loaded.save(&again, Overwrite::Refuse).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            std::fs::read(&again).unwrap(),
            "the same bytes"
        );
    }
}

#[test]
fn an_existing_file_is_kept_unless_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _, model) = saved(folder.path());
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(
        model.save(&path, Overwrite::Refuse),
        Err(Error::Core(playlist_core::Error::FileExists { .. }))
    ));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    model.save(&path, Overwrite::Allow).unwrap();
    MlpClassifier::load(&path, Backend::default()).unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "no temporary file stays behind");
}

#[test]
fn every_flipped_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ..) = saved(folder.path());
    let intact = std::fs::read(&path).unwrap();
    let altered = folder.path().join("altered.safetensors");
    // Every byte of the header, and every 97th of the weights.
    let header_end = 8 + u64::from_le_bytes(intact[..8].try_into().unwrap()) as usize;
    for at in (0..header_end).chain((header_end..intact.len()).step_by(97)) {
        let mut bytes = intact.clone();
        bytes[at] ^= 1;
        std::fs::write(&altered, &bytes).unwrap();
        let error = MlpClassifier::load(&altered, Backend::default()).expect_err("an altered file");
        assert!(
            matches!(
                error,
                Error::DamagedModel { .. } | Error::UnsupportedVersion { .. } | Error::OtherKind { .. }
            ),
            "byte {at}: {error}"
        );
    }
}

#[test]
fn a_file_cut_short_is_noticed_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ..) = saved(folder.path());
    let intact = std::fs::read(&path).unwrap();
    for length in (0..intact.len()).step_by(61).chain([intact.len() - 1]) {
        std::fs::write(&path, &intact[..length]).unwrap();
        let error = MlpClassifier::load(&path, Backend::default()).unwrap_err();
        assert!(
            matches!(error, Error::DamagedModel { .. }),
            "{length} bytes: {error}"
        );
    }
}

#[test]
fn other_kinds_other_versions_and_missing_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    assert!(matches!(
        MlpClassifier::load(&path, Backend::default()),
        Err(Error::Read { .. })
    ));
    ModelFile::new("forest", &"anything", Vec::new())
        .write(&path, Overwrite::Refuse)
        .unwrap();
    assert!(matches!(
        MlpClassifier::load(&path, Backend::default()),
        Err(Error::OtherKind { found, .. }) if found == "forest"
    ));
    let mut newer = std::fs::read(&path).unwrap();
    let key = b"format_version\\\":";
    let at = newer.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    newer[at] = b'9';
    std::fs::write(&path, newer).unwrap();
    assert!(matches!(
        MlpClassifier::load(&path, Backend::default()),
        Err(Error::UnsupportedVersion {
            expected: 1,
            found: 9,
            ..
        })
    ));
    assert!(matches!(
        MlpClassifier::load(folder.path(), Backend::default()),
        Err(Error::DamagedModel { .. })
    ));
}
