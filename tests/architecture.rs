//! The rules of ARCHITECTURE.md that no compiler checks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Which crates of ours a crate may depend on.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("playlist-core", &[][..]),
        ("playlist-metrics", &[]),
        ("playlist-dataset", &["playlist-core", "playlist-parquet"]),
        ("playlist-explain", &["playlist-core", "playlist-metrics"]),
        ("playlist-import", &["playlist-core", "playlist-parquet"]),
        ("playlist-logistic", &["playlist-core"]),
        ("playlist-mlp", &["playlist-core"]),
        ("playlist-parquet", &[]),
        ("playlist-report", &["playlist-core", "playlist-metrics"]),
        ("playlist-spotify", &["playlist-core"]),
        (
            "playlist-classifier",
            &[
                "playlist-core",
                "playlist-dataset",
                "playlist-explain",
                "playlist-import",
                "playlist-logistic",
                "playlist-metrics",
                "playlist-mlp",
                "playlist-report",
                "playlist-spotify",
            ],
        ),
    ])
}

fn crates() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(Path::new(ROOT).join("crates")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").exists())
        .collect()
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
    section
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(name)
        .filter(|name| !name.is_empty())
        .collect()
}

/// Every Rust source of a crate.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn dependencies_point_down_only() {
    let allowed = allowed();
    let crates = crates();
    assert_eq!(
        crates.len(),
        allowed.len(),
        "a new crate must be placed in `allowed`"
    );
    for folder in crates {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let permitted = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} is not in `allowed`"));
        for dependency in dependencies(&manifest)
            .iter()
            .filter(|name| name.starts_with("playlist-"))
        {
            assert!(
                permitted.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn heavy_libraries_stay_in_one_crate_each() {
    let owners = [
        ("burn", "playlist-mlp"),
        ("polars", "playlist-dataset"),
        // To code Parquet and for nothing else, behind its feature `parquet`.
        ("polars", "playlist-import"),
        ("linfa", "playlist-logistic"),
        ("linfa-logistic", "playlist-logistic"),
        ("ndarray", "playlist-logistic"),
        ("maud", "playlist-report"),
        ("plotters", "playlist-report"),
        ("rspotify", "playlist-spotify"),
        ("ureq", "playlist-spotify"),
        ("rusqlite", "playlist-spotify"),
    ];
    for folder in crates() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for (library, _) in owners {
            let may = owners.contains(&(library, name.as_str()));
            let uses = dependencies(&manifest)
                .iter()
                .any(|dependency| dependency == library);
            assert!(!uses || may, "{name} must not depend on {library}");
        }
    }
}

#[test]
fn one_file_names_the_backends() {
    for file in sources(&Path::new(ROOT).join("crates/playlist-mlp/src")) {
        if file.ends_with("device.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for name in [
            "Device::flex",
            "Device::ndarray",
            "Device::wgpu",
            "NdArrayDevice",
            "FlexDevice",
        ] {
            assert!(!text.contains(name), "{} names a backend: {name}", file.display());
        }
    }
}

#[test]
fn every_crate_has_a_readme_and_an_error_type() {
    for folder in crates() {
        assert!(
            folder.join("README.md").exists(),
            "{} has no README.md",
            folder.display()
        );
        assert!(
            folder.join("src/error.rs").exists(),
            "{} has no src/error.rs",
            folder.display()
        );
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains("bench = false"),
            "{}: [lib] bench = false",
            folder.display()
        );
    }
}

#[test]
fn the_version_of_burn_that_is_reported_is_the_one_in_use() {
    let manifest = std::fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!(
        "burn = {{ version = \"={}\"",
        playlist_mlp::BURN_VERSION
    )));
}
