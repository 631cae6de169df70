//! A catalogue of 1.2 million tracks, made up.

use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use playlist_core::{AudioFeature, Chain, Track};
use playlist_dataset::Catalogue;

const N_ROWS: usize = 1_200_000;

fn id(n: usize) -> String {
    format!("{:022}", n * 7919 % N_ROWS)
}

/// The most memory that this process had, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}

#[test]
#[ignore = "needs 300 MB of disk and half a minute"]
fn eight_thousand_tracks_are_found_in_seconds_and_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks_features.csv");
    let mut file = BufWriter::new(std::fs::File::create(&path).unwrap());
    let header = "id,name,album,album_id,artists,artist_ids,track_number,disc_number,explicit,danceability,energy,key,\
        loudness,mode,speechiness,acousticness,instrumentalness,liveness,valence,tempo,duration_ms,time_signature,year,\
        release_date";
    writeln!(file, "{header}").unwrap();
    for n in 0..N_ROWS {
        let share = (n % 1000) as f32 / 1000.0;
        writeln!(
            file,
            "{},\"Song {n}, the \"\"Live\"\" one\",Some Album Title,2eia0myWFgoHuttJytCxgX,\"['One Artist', 'Another Artist']\",\
             \"['2d0hyoQ5ynDBnkvAbJKORj', '2d0hyoQ5ynDBnkvAbJKORk']\",{},1,False,{share},{share},{},-{share},1,{share},\
             {share},{share},{share},{share},{}.5,{},4.0,1999,1999-11-02",
            id(n),
            n % 20 + 1,
            n % 12,
            60 + n % 100,
            100_000 + n
        )
        .unwrap();
    }
    file.flush().unwrap();
    let mut tracks: Vec<Track> = (0..8000)
        .map(|n| Track {
            id: Some(id(n * 150).parse().unwrap()),
            ..Track::default()
        })
        .collect();
    let start = Instant::now();
    let mut catalogue = Catalogue::open(&path).unwrap();
    let report = Chain::new().with_source(&mut catalogue).fill(&mut tracks);
    let (time, memory) = (start.elapsed(), peak_memory());
    println!("{time:?}, {memory:?} bytes at most");
    assert_eq!(
        (report.n_with_features, catalogue.report().n_rows),
        (8000, N_ROWS)
    );
    assert_eq!(tracks[7].features.get(AudioFeature::DurationMs), Some(101_050.0));
    assert!(time < Duration::from_secs(60), "{time:?}");
    assert!(memory.is_none_or(|bytes| bytes < 1 << 30), "{memory:?}");
}
