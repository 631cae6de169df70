//! What tests of the examples share.

use std::path::Path;
use std::process::Command;

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
