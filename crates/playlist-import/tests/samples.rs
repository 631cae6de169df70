//! Files that are not in the repository: `PLAYLIST_SAMPLES=PATH cargo test -p playlist-import --test samples --
//! --nocapture` prints what is read of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Instant;

use playlist_import::{ImportOptions, import};

#[test]
fn samples_are_read() {
    let Some(path) = std::env::var_os("PLAYLIST_SAMPLES") else {
        println!("PLAYLIST_SAMPLES is not set: nothing to read");
        return;
    };
    let start = Instant::now();
    match import(&path, &ImportOptions::default()) {
        Ok(import) => println!("{import}"),
        Err(error) => println!("{error}"),
    }
    println!("{:.3} s", start.elapsed().as_secs_f64());
}
