//! The errors of this crate.

use crate::message::{at_line, list};

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a file of tracks, with a table and with what is asked of it.
///
/// Rows are counted from 1, without the header; lines are counted from 1, as an editor shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the shared vocabulary: a setting, a matrix, labels.
    #[error(transparent)]
    Core(#[from] playlist_core::Error),
    /// There is no such file.
    #[error("`{path}` does not exist: expected a CSV, Parquet or JSON lines file")]
    NotFound {
        /// The file.
        path: String,
    },
    /// A directory was given.
    #[error("`{path}` is a directory: expected one CSV, Parquet or JSON lines file")]
    Directory {
        /// The directory.
        path: String,
    },
    /// The file may not be read.
    #[error("`{path}` may not be read: expected read permission, see its owner and mode")]
    PermissionDenied {
        /// The file.
        path: String,
    },
    /// Reading failed for another reason, which is the source of this error.
    #[error("`{path}` cannot be read")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The file has no content.
    #[error("`{path}` is empty: expected a header and at least one track")]
    EmptyFile {
        /// The file.
        path: String,
    },
    /// The file has columns and no rows.
    #[error("`{path}` holds no track: expected at least one row below the header, found none")]
    NoRows {
        /// The file.
        path: String,
    },
    /// The file is of a kind that is not read.
    #[error("`{path}` is {found}: expected CSV, Parquet or JSON lines; {hint}")]
    UnsupportedFormat {
        /// The file.
        path: String,
        /// What the file is.
        found: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// The text is not UTF-8.
    #[error(
        "`{path}`, line {line}, byte {byte} of the line: expected UTF-8, found 0x{found:02X}; save the file as UTF-8"
    )]
    NotUtf8 {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// The byte within the line, counted from 1.
        byte: usize,
        /// The byte found.
        found: u8,
    },
    /// A zero byte in a text file.
    #[error(
        "`{path}`, line {line}, byte {byte} of the line: expected text, found a zero byte; the file is damaged or is no text"
    )]
    ZeroByte {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// The byte within the line, counted from 1.
        byte: usize,
    },
    /// A line that is longer than allowed.
    #[error(
        "`{path}`, line {line}: expected at most {limit} bytes, found more; raise `max_line_bytes` if this is one track"
    )]
    LineTooLong {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// The most bytes that a line may have.
        limit: usize,
    },
    /// A quote that is opened and not closed.
    #[error("`{path}`, line {line}: a quote is opened and not closed; close it or double it")]
    UnterminatedQuote {
        /// The file.
        path: String,
        /// The line on which the row begins.
        line: usize,
    },
    /// A quote within a field that is not quoted, or text after a closing quote.
    #[error(
        "`{path}`, line {line}: expected quotes around a whole field only, found one inside `{found}`; quote the field and double the quotes in it"
    )]
    StrayQuote {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// The text around the quote.
        found: String,
    },
    /// A row with more fields than the header.
    #[error(
        "`{path}`, row {row}, line {line}: expected {expected} fields as in the header, found {found}; quote fields that hold the delimiter"
    )]
    TooManyFields {
        /// The file.
        path: String,
        /// The row.
        row: usize,
        /// The line on which the row begins.
        line: usize,
        /// The fields of the header.
        expected: usize,
        /// The fields of the row.
        found: usize,
    },
    /// The CSV reader failed although the text was found to be sound.
    #[error("`{path}` cannot be read as CSV")]
    Csv {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The CSV reader returned another number of rows than the file has.
    #[error("`{path}` cannot be read as CSV: expected {expected} rows, found {found}; check its quotes")]
    RowCount {
        /// The file.
        path: String,
        /// The rows counted in the file.
        expected: usize,
        /// The rows that the reader returned.
        found: usize,
    },
    /// The file begins as Parquet does and cannot be read as such.
    #[error("`{path}` cannot be read as Parquet: it is damaged or cut short; write or fetch it again")]
    Parquet {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A line that is no JSON object.
    #[error("`{path}`, line {line}: expected one flat JSON object, found {found}; write one object a line")]
    Json {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// What was found.
        found: &'static str,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
    /// A list or an object where a number or a text is needed.
    #[error("`{path}`, line {line}, key `{key}`: expected a number or a text, found {found}")]
    NestedValue {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// What was found.
        found: &'static str,
    },
    /// A column whose type holds neither numbers nor text.
    #[error("`{path}`, column `{column}`: expected {expected}, found values of type `{found}`")]
    ColumnType {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// What was expected.
        expected: &'static str,
        /// The type found.
        found: String,
    },
    /// Two columns of one name that hold different values.
    #[error(
        "`{path}`: columns {first} and {second} are both named `{column}` and differ in row {row}; rename or delete one"
    )]
    DuplicateColumn {
        /// The file.
        path: String,
        /// The name.
        column: String,
        /// The position of the first, counted from 1.
        first: usize,
        /// The position of the second, counted from 1.
        second: usize,
        /// The first row in which they differ.
        row: usize,
    },
    /// No column holds an audio feature; the duration alone does not count.
    #[error(
        "`{path}` has no audio features: expected columns such as `danceability`, `energy` and `tempo`, found {}",
        list(found)
    )]
    NoFeatures {
        /// The file.
        path: String,
        /// The columns found.
        found: Vec<String>,
    },
    /// A catalogue by which no track can be looked up.
    #[error(
        "`{path}` has no column of ids: expected one such as `track_id`, `Track URI` or `isrc`, found {}",
        list(found)
    )]
    NoIdColumn {
        /// The file.
        path: String,
        /// The columns found.
        found: Vec<String>,
    },
    /// A catalogue is another file than when it was opened.
    #[error("`{path}` was changed while it was in use: open it again")]
    Changed {
        /// The file.
        path: String,
    },
    /// Another process writes the file.
    #[error("`{path}` is being written by another run: wait for it, or stop it")]
    Busy {
        /// The file.
        path: String,
    },
    /// A file that was to be gone on with is not as it was left.
    #[error("`{path}` is not as it was left: begin anew")]
    NotAsLeft {
        /// The file.
        path: String,
    },
    /// A column that was asked for is not there.
    #[error("`{path}` has no column `{column}`: found {}", list(found))]
    MissingColumn {
        /// The table.
        path: String,
        /// The column.
        column: String,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A cell that is not what its column holds.
    #[error(
        "`{path}`, row {row}{}, column `{column}`: expected {expected}, found `{found}`",
        at_line(line)
    )]
    BadValue {
        /// The file.
        path: String,
        /// The row.
        row: usize,
        /// The line, where known.
        line: Option<usize>,
        /// The column.
        column: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A number that no track can have.
    #[error(
        "`{path}`, row {row}{}, column `{column}`: expected {least} to {greatest} ({unit}), found `{found}`",
        at_line(line)
    )]
    OutOfRange {
        /// The file.
        path: String,
        /// The row.
        row: usize,
        /// The line, where known.
        line: Option<usize>,
        /// The column.
        column: String,
        /// The least value that is possible, in the unit of the file.
        least: f32,
        /// The greatest value that is possible, in the unit of the file.
        greatest: f32,
        /// The unit.
        unit: &'static str,
        /// What was found.
        found: String,
    },
    /// A column whose unit cannot be told.
    #[error("`{path}`, column `{column}`: expected {expected}, found {found}; {hint}")]
    AmbiguousUnit {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// The unit that was expected.
        expected: &'static str,
        /// What the values are like.
        found: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// The table has no labels.
    #[error(
        "`{path}` has no column of labels: expected `label`; name the column with `label_column`, or label the table"
    )]
    NoLabels {
        /// The table.
        path: String,
    },
    /// Rows without a label.
    #[error(
        "`{path}`, row {row}: expected a label in every row, found {n_rows} rows without; clean the table to drop them"
    )]
    Unlabelled {
        /// The table.
        path: String,
        /// The first such row.
        row: usize,
        /// The number of such rows.
        n_rows: usize,
    },
    /// All rows have one label.
    #[error(
        "`{path}`: expected tracks of at least two classes, found {n_tracks} of class `{class}` alone; add tracks of another class"
    )]
    OneClass {
        /// The table.
        path: String,
        /// The class.
        class: String,
        /// The number of tracks.
        n_tracks: usize,
    },
    /// A class that the table does not have.
    #[error("`{path}` has no class `{class}`: found {}", list(found))]
    UnknownClass {
        /// The table.
        path: String,
        /// The class asked for.
        class: String,
        /// The classes there are.
        found: Vec<String>,
    },
    /// A value of a split column that names no part.
    #[error("`{path}`, row {row}, column `{column}`: expected `train`, `valid` or `test`, found `{found}`")]
    BadPart {
        /// The table.
        path: String,
        /// The row.
        row: usize,
        /// The column.
        column: String,
        /// What was found.
        found: String,
    },
    /// A part of a split would have no track of a class.
    #[error(
        "the {part} part would have no track of class `{class}`: expected at least one, found {n_tracks} tracks in {n_groups} groups in the table; add tracks, or change the fractions or the number of folds"
    )]
    EmptyPart {
        /// The part.
        part: String,
        /// The class.
        class: String,
        /// The tracks of the class in the whole table.
        n_tracks: usize,
        /// The groups, each of which must stay together, that these tracks are in.
        n_groups: usize,
    },
    /// The table cannot be made a data frame.
    #[error("`{path}` cannot be made a data frame")]
    Frame {
        /// The table.
        path: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A split puts one track into two parts.
    #[error(
        "column `{column}` puts one track into two parts, rows {first} and {second} of `{path}`: expected each track in one part; clean the table first"
    )]
    Straddling {
        /// The table.
        path: String,
        /// The split column.
        column: String,
        /// A row of the track.
        first: usize,
        /// Another row of it, in another part.
        second: usize,
    },
    /// A word that says nothing of what to keep together.
    #[error("`{text}` is nothing to group by: expected `track` or `artist`")]
    UnknownGroupBy {
        /// The word.
        text: String,
    },
    /// A text that names no way of balancing.
    #[error(
        "`{text}` is no way of balancing: expected `none`, `truncate`, `downsample` or `downsample:SEED`"
    )]
    UnknownBalance {
        /// The text.
        text: String,
    },
}
