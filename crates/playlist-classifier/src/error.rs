//! The errors of this crate.

use std::path::PathBuf;

use playlist_report::{ClassCount, DroppedCount};

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in an experiment: what can go wrong in its parts, and a few things more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Features, labels or settings do not fit, or a file could not be written.
    #[error(transparent)]
    Core(#[from] playlist_core::Error),
    /// A table could not be read, cleaned or split.
    #[error(transparent)]
    Dataset(#[from] playlist_dataset::Error),
    /// A file of tracks could not be read or written.
    #[error(transparent)]
    Import(#[from] playlist_import::Error),
    /// Spotify, or a service for audio features, could not be used.
    #[error(transparent)]
    Spotify(#[from] playlist_spotify::Error),
    /// The file that keeps answers of services could not be used.
    #[error(transparent)]
    Cache(#[from] playlist_spotify::features::CacheError),
    /// None of the tracks has audio features.
    #[error(
        "`{path}` has no audio features for any of its {n_tracks} tracks: look them up first with `cargo run --release --example fetch_playlists -- --from FILE --features reccobeats` (ids leave this machine) or `--features catalogue=FILE`"
    )]
    NoAudioFeatures {
        /// The file or files.
        path: String,
        /// The tracks in them.
        n_tracks: usize,
    },
    /// A file has no playlist of the name asked for.
    #[error("`{path}` has no playlist `{name}`: found {}", some_of(found))]
    NoSuchPlaylist {
        /// The file.
        path: String,
        /// The name as given.
        name: String,
        /// The names of its playlists.
        found: Vec<String>,
    },
    /// A text that is no place to look features up.
    #[error("`{text}` is no source of features: expected `reccobeats`, `spotify` or `catalogue=FILE`")]
    UnknownLookup {
        /// The text as given.
        text: String,
    },
    /// A folder could not be made.
    #[error("the folder `{}` could not be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A model could not be explained.
    #[error(transparent)]
    Explain(#[from] playlist_explain::Error),
    /// The logistic model failed.
    #[error(transparent)]
    Logistic(#[from] playlist_logistic::Error),
    /// The network failed.
    #[error(transparent)]
    Mlp(#[from] playlist_mlp::Error),
    /// A score could not be computed.
    #[error(transparent)]
    Metrics(#[from] playlist_metrics::Error),
    /// The results could not be turned into text.
    #[error(transparent)]
    Report(#[from] playlist_report::Error),
    /// A name that is no model.
    #[error("`{name}` is no model: expected one of {expected}")]
    UnknownModel {
        /// The name as given.
        name: String,
        /// The names that are.
        expected: String,
    },
    /// A saved model meets tracks of other classes.
    #[error(
        "the model tells {} apart, the tracks are labelled {}: label them alike",
        few(expected, " from "),
        few(found, " and ")
    )]
    OtherClasses {
        /// The classes of the model.
        expected: Vec<String>,
        /// The classes of the tracks.
        found: Vec<String>,
    },
    /// Too few classes are left once the rows that cannot be used are dropped.
    #[error(
        "`{path}`: expected tracks of at least two classes, found {}: {} of {rows_read} rows were dropped ({}){}",
        left_text(left),
        dropped.iter().map(|dropped| dropped.rows).sum::<usize>(),
        dropped_text(dropped),
        lost_text(lost)
    )]
    ClassesDropped {
        /// The table.
        path: String,
        /// What is left of each class: one class or none.
        left: Vec<ClassCount>,
        /// The classes of which nothing is left, with what there was of each.
        lost: Vec<ClassCount>,
        /// The rows before.
        rows_read: usize,
        /// The rows that were dropped, by reason.
        dropped: Vec<DroppedCount>,
    },
    /// Every track was used to train the saved model.
    #[error("the model was trained on all {n_tracks} tracks: give it tracks that it has not seen")]
    NothingUnseen {
        /// The number of tracks.
        n_tracks: usize,
    },
    /// There are not enough playlists to sort into.
    #[error(
        "expected at least 2 playlists of {fewest} tracks with audio features each, found {found}; for one playlist use the example rank_tracks"
    )]
    TooFewPlaylists {
        /// Those that there are.
        found: usize,
        /// The fewest tracks of a playlist.
        fewest: usize,
    },
    /// A stop was asked for before there was anything to show.
    #[error("stopped before there was anything to show")]
    Stopped,
    /// A stop was asked for while a catalogue was scored.
    #[error("stopped after {n_rows} rows, which are kept in `{}`: the same command goes on from there", folder.display())]
    ScoresStopped {
        /// The rows scored.
        n_rows: usize,
        /// Where they are.
        folder: PathBuf,
    },
    /// What an earlier run has left belongs to another input, other models or other options.
    #[error("`{}` holds scores of another run: {reason}; give the same again, or begin anew with --restart", folder.display())]
    OtherScores {
        /// The folder of the unfinished table.
        folder: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Two columns of a table would have one name.
    #[error("two columns would be named `{name}`: name the model otherwise, as in `--model NAME=FILE`")]
    SameName {
        /// The name.
        name: String,
    },
    /// A name from whose ending no format can be told.
    #[error("`{}` has another ending: expected `.parquet` or `.csv`", path.display())]
    OtherEnding {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("`{}` could not be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A ranking could not be put as CSV.
    #[error("the ranking could not be put as CSV")]
    CsvText {
        /// What the writer said.
        #[from]
        source: csv::Error,
    },
    /// A file that holds no finished runs of a study that can be used.
    #[error("`{}` holds no finished runs that can be gone on with: {reason}; move it away to begin anew", path.display())]
    NoStudy {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A table of other than two classes, for a study of two.
    #[error("`{}` has {n_classes} classes: the study needs tables of two classes", path.display())]
    NotTwoClasses {
        /// The table.
        path: PathBuf,
        /// The number of its classes.
        n_classes: usize,
    },
    /// Predictions could not be written as CSV.
    #[error("the predictions for `{}` could not be written as CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        #[source]
        source: csv::Error,
    },
}

/// Names joined by `word`, of more than two by commas; of many only the first.
fn few(names: &[String], word: &str) -> String {
    const MOST: usize = 6;
    match names.len() {
        0..=2 => names.join(word),
        n if n <= MOST + 1 => names.join(", "),
        n => format!("{} and {} more", names[..MOST].join(", "), n - MOST),
    }
}

fn left_text(left: &[ClassCount]) -> String {
    match left {
        [] => "none".to_owned(),
        [only] => format!("{} of class `{}` alone", only.n_tracks, only.name),
        several => few(&quoted(several), " and "),
    }
}

fn dropped_text(dropped: &[DroppedCount]) -> String {
    let each: Vec<String> = dropped
        .iter()
        .map(|dropped| format!("{}: {}", dropped.reason, dropped.rows))
        .collect();
    each.join("; ")
}

fn lost_text(lost: &[ClassCount]) -> String {
    if lost.is_empty() {
        return String::new();
    }
    format!(", among them all of class {}", few(&quoted(lost), " and "))
}

fn quoted(classes: &[ClassCount]) -> Vec<String> {
    classes.iter().map(|class| format!("`{}`", class.name)).collect()
}

/// Names for a message, each in backticks; of many only the first.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 8;
    let mut shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    if names.len() > MOST {
        shown.push(format!("{} more", names.len() - MOST));
    }
    if shown.is_empty() {
        "none".to_owned()
    } else {
        shown.join(", ")
    }
}
