//! What several tests need.

#![allow(dead_code, reason = "each test uses a part")]

use std::io::Write;
use std::path::{Path, PathBuf};

use playlist_core::{AudioFeature, Track};
use playlist_import::{Import, ImportOptions, ImportedPlaylist, Result, import};

/// Ids of the right form.
pub(crate) const ID_A: &str = "0VjIjW4GlUZAMYd2vXMi3b";
pub(crate) const ID_B: &str = "7qiZfU4dY1lWllzX7mPBI3";
pub(crate) const ID_C: &str = "4uLU6hMCjMI75M1A2tKUQC";

/// Reads `content` as a file called `name`.
pub(crate) fn read_as(name: &str, content: impl AsRef<[u8]>, options: &ImportOptions) -> Result<Import> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    import(&path, options)
}

/// Reads `content` as a file called `name` that holds one playlist.
pub(crate) fn read_one(name: &str, content: impl AsRef<[u8]>) -> ImportedPlaylist {
    let import = read_as(name, content, &ImportOptions::default()).unwrap();
    assert_eq!(import.playlists.len(), 1, "{import}");
    import.playlists.into_iter().next().unwrap()
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A zip archive of these members.
pub(crate) fn zip_of<'a>(members: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name, options).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A row of 12 features as Exportify writes them, made up from a seed.
pub(crate) fn features(seed: usize) -> String {
    let share = |n: usize| format!("0.{:03}", (seed * 37 + n * 101) % 1000);
    format!(
        "{},{},{},-{}.5,{},{},{},{},{},{},{}.25,4",
        share(1),
        share(2),
        seed % 12,
        seed % 20 + 1,
        seed % 2,
        share(3),
        share(4),
        share(5),
        share(6),
        share(7),
        seed % 100 + 80
    )
}

/// An id of the right form, made up from a number.
pub(crate) fn id(number: usize) -> String {
    format!("{number:022}")
}

/// Features as Exportify writes them.
pub(crate) const FEATURES: &str = "0.5,0.75,5,-7.25,1,0.0625,0.125,0.25,0.375,0.625,120.5,4";

/// Asserts that the track has the values of [`FEATURES`].
pub(crate) fn assert_features(track: &Track) {
    for (feature, value) in [
        (AudioFeature::Danceability, 0.5),
        (AudioFeature::Energy, 0.75),
        (AudioFeature::Key, 5.0),
        (AudioFeature::Loudness, -7.25),
        (AudioFeature::Mode, 1.0),
        (AudioFeature::Speechiness, 0.0625),
        (AudioFeature::Acousticness, 0.125),
        (AudioFeature::Instrumentalness, 0.25),
        (AudioFeature::Liveness, 0.375),
        (AudioFeature::Valence, 0.625),
        (AudioFeature::Tempo, 120.5),
        (AudioFeature::TimeSignature, 4.0),
    ] {
        assert_eq!(track.features.get(feature), Some(value), "{feature}");
    }
}
