//! Looks up tracks in a catalogue and says how long it took.
//!
//! ```text
//! cargo run --release -p playlist-dataset --example look_up -- CATALOGUE IDS
//! ```
//!
//! `IDS` is a file with an id, a URI or an address of a track a line.

use std::error::Error;
use std::time::Instant;

use playlist_core::{Chain, Track};
use playlist_dataset::Catalogue;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [catalogue, ids] = arguments.as_slice() else {
        return Err("expected a catalogue and a file of ids".into());
    };
    let ids = std::fs::read_to_string(ids)?;
    let mut tracks: Vec<Track> = Vec::new();
    for line in ids.lines().filter(|line| !line.trim().is_empty()) {
        tracks.push(Track {
            id: Some(line.parse()?),
            ..Track::default()
        });
    }
    let start = Instant::now();
    let mut catalogue = Catalogue::open(catalogue)?;
    let report = Chain::new().with_source(&mut catalogue).fill(&mut tracks);
    println!("{report}");
    println!(
        "{} rows looked through in {:.2} s",
        catalogue.report().n_rows,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
