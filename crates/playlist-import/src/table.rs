//! Delimited text: which columns it has, and its rows.

use std::borrow::Cow;

use playlist_core::SpotifyId;
use playlist_core::column::plain_name;

use crate::cells::{Cells, Layout, Slot};
use crate::records::{Broken, Records};
use crate::report::{RowIssue, RowPlace};
use crate::sheet::Sheet;
use crate::{Error, ExportFormat, ImportOptions, Result, exportify_app, local};

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The columns of a table, the program that wrote it, and how its text is split.
pub(crate) struct Table<'a> {
    pub(crate) layout: Layout,
    pub(crate) format: ExportFormat,
    records: Records<'a>,
}

/// Reads the header.
pub(crate) fn open<'a>(file: &str, text: &'a [u8], options: &ImportOptions) -> Result<Table<'a>> {
    let text = skip_delimiter_hint(text);
    let delimiter = sniff_delimiter(text, options.max_line_bytes);
    let mut records = Records::new(text, delimiter, options.max_line_bytes);
    let names: Vec<String> = match records.next() {
        Some((_, Ok(fields))) => fields.iter().map(|field| field.trim().to_owned()).collect(),
        _ => Vec::new(),
    };
    let mut layout = Layout::of_names(names);
    let mut format = recognise(&layout.names);
    let app = || {
        let sample = Records::new(text, delimiter, options.max_line_bytes).skip(1);
        exportify_app::layout(&layout.names, sample.filter_map(|(_, record)| record.ok()))
    };
    // Tables in English are read by name; those in another language by what stands where.
    if format == ExportFormat::Table
        && let Some(by_content) = app()
    {
        layout = by_content;
        format = ExportFormat::ExportifyApp;
    }
    if layout.names_tracks() {
        Ok(Table {
            layout,
            format,
            records,
        })
    } else {
        Err(Error::NoTracks {
            file: file.to_owned(),
            found: layout.names,
        })
    }
}

impl Table<'_> {
    /// Reads all rows.
    pub(crate) fn read(self, sheet: &mut Sheet<'_>) -> Result<()> {
        sheet.take_names(&self.layout);
        if !self.format.names_playlists() {
            sheet.own_playlist()?;
        }
        let n_columns = self.layout.names.len();
        let mut records = self.records;
        for (index, (line, record)) in records.by_ref().enumerate() {
            let place = RowPlace {
                row: index + 1,
                line: Some(line),
            };
            match record {
                Ok(fields)
                    if fields
                        .iter()
                        .skip(n_columns)
                        .any(|field| !field.trim().is_empty()) =>
                {
                    let expected = format!("{n_columns} fields as in the header");
                    let found = format!("{} fields", fields.len());
                    sheet.push_bad(RowIssue::row(place, expected, found))?;
                }
                Ok(fields) => sheet.push_row(place, self.layout.cells(fields))?,
                Err(Broken { expected, found }) => sheet.push_bad(RowIssue::row(place, expected, found))?,
            }
        }
        let n_recoded = records.n_recoded();
        if n_recoded > 0 {
            sheet.note(format!(
                "{n_recoded} cells are not in UTF-8 and were taken for Windows-1252: names may be wrong, unless the file is saved as UTF-8"
            ))?;
        }
        sheet.at_least_one_playlist()
    }
}

/// The text after a line such as `sep=;`, which some spreadsheets want.
fn skip_delimiter_hint(text: &[u8]) -> &[u8] {
    let hint = text
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"sep="));
    match memchr::memchr(b'\n', &text[..text.len().min(16)]) {
        Some(end) if hint => &text[end + 1..],
        _ => text,
    }
}

/// The delimiter that yields the most columns that are known, then the most columns.
fn sniff_delimiter(text: &[u8], limit: usize) -> u8 {
    let worth = |delimiter: &u8| match Records::new(text, *delimiter, limit).next() {
        Some((_, Ok(fields))) => {
            let known = fields.iter().filter(|name| Slot::of(name).is_some()).count();
            (known, fields.len())
        }
        _ => (0, 0),
    };
    // The last of equal ones wins in `max_by_key`, hence the comma comes last.
    DELIMITERS.into_iter().rev().max_by_key(worth).unwrap_or(b',')
}

/// The program that writes such a header.
pub(crate) fn recognise(names: &[String]) -> ExportFormat {
    let plain: Vec<String> = names.iter().map(|name| plain_name(name)).collect();
    let has = |name: &str| plain.iter().any(|other| other == name);
    let all = |names: &[&str]| names.iter().all(|name| has(name));
    let only = |names: &[&str]| plain.iter().all(|name| names.contains(&name.as_str()));
    // `Spotify - id`, `Apple - id` ...
    let ends_in_id = |name: &String| name.to_lowercase().ends_with(" - id");
    let first = names.first().map_or("", String::as_str);
    if all(&[
        "trackid",
        "title",
        "artists",
        "playlist",
        "playlistkind",
        "islocal",
        "featuresscale",
    ]) {
        ExportFormat::Canonical
    } else if all(&["spotifytrackid", "dance"])
        || all(&["camelot", "dance"])
        || first == "#" && all(&["trackname", "artistname", "duration"])
    {
        ExportFormat::Chosic
    } else if all(&["trackname", "artistname"]) && (has("playlistname") || names.iter().any(ends_in_id)) {
        ExportFormat::TuneMyMusic
    } else if all(&["artisturis", "albumuri"])
        || all(&["artisturi", "albumuri"])
        || has("spotifyuri") && has("discnumber")
    {
        ExportFormat::ExportifyApp
    } else if all(&["trackname", "artistnames", "albumname", "durationms"]) {
        ExportFormat::Exportify
    } else if all(&["title", "artist", "isrc"])
        && only(&[
            "index",
            "title",
            "artist",
            "album",
            "isrc",
            "addeddate",
            "duration",
            "url",
        ])
    {
        ExportFormat::Soundiiz
    } else {
        ExportFormat::Table
    }
}

/// The parts of a text that may be a list of ids.
fn tokens(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .map(|token| token.trim_matches('"'))
        .filter(|token| !token.is_empty())
}

/// Whether the text begins with the id, URI or link of a track instead of names of columns.
pub(crate) fn is_id_list(text: &[u8]) -> bool {
    let first = text
        .split(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty());
    let Some(Ok(line)) = first.map(std::str::from_utf8) else {
        return false;
    };
    tokens(line).next().is_some_and(|token| {
        token.parse::<SpotifyId>().is_ok() || local::decode(token).is_some() || token.starts_with("spotify:")
    })
}

/// Reads ids, URIs and links, one or several a line.
pub(crate) fn read_id_list(text: &[u8], sheet: &mut Sheet<'_>) -> Result<()> {
    sheet.own_playlist()?;
    let mut row = 0;
    for (line, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
        let decoded = String::from_utf8_lossy(bytes);
        for token in tokens(&decoded) {
            row += 1;
            let mut cells = Cells::default();
            cells.set(Slot::Id, Cow::Borrowed(token));
            let place = RowPlace {
                row,
                line: Some(line + 1),
            };
            sheet.push_row(place, cells)?;
        }
    }
    Ok(())
}
