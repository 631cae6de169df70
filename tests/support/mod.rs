//! What tests of the examples share.

#![allow(dead_code, reason = "each test uses its part of this")]

use std::path::Path;
use std::process::{Command, Output};

/// The header of tables that are cut from shipped ones.
pub const HEADER: &str = "track_id,danceability,energy,key,loudness,mode,speechiness,acousticness,instrumentalness,liveness,\
                          tempo,duration_ms,time_signature,valence";

/// The built example `name`: it lies beside the folder of the test.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in a folder of the profile");
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Command::new(profile.join("examples").join(file))
}

/// The command `example`, run in `folder` with its configuration and cache there.
pub fn example_in(folder: &Path, name: &str, arguments: &[&str]) -> Command {
    let mut command = example(name);
    command
        .args(arguments)
        .current_dir(folder)
        .env("PLAYLIST_CACHE_DIR", folder.join("cache"))
        .env("PLAYLIST_CONFIG_DIR", folder.join("config"));
    command
}

/// What a run printed on standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("examples print text")
}

/// What a run printed on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("examples print text")
}

/// The text with its lines joined.
pub fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
