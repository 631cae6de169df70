//! JSON files: which they are, by their keys, and their entries.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::cells::{Cells, Slot};
use crate::json::{self, Lines, Members};
use crate::report::{RowIssue, RowPlace};
use crate::sheet::{Budget, Sheet};
use crate::{Error, ExportFormat, ImportOptions, Result, privacy};

/// What is needed to read any JSON file.
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) stem: &'a str,
    pub(crate) options: &'a ImportOptions,
}

impl<'a> Source<'a> {
    pub(crate) fn sheet(&self, format: ExportFormat, budget: &'a mut Budget) -> Sheet<'a> {
        Sheet::new(self.file, self.stem, format, self.options, budget)
    }
}

/// Whether the text is one object a line, rather than one document.
pub(crate) fn is_lines(text: &[u8]) -> bool {
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let is_object = |line: &[u8]| {
        line.starts_with(b"{") && line.ends_with(b"}") && serde_json::from_slice::<&RawValue>(line).is_ok()
    };
    // The first line may be the one that is bad.
    let (first, second) = (lines.next(), lines.next());
    match (first, second) {
        (Some(first), Some(second)) => is_object(first) || first.starts_with(b"{\"") && is_object(second),
        _ => false,
    }
}

/// Reads one object a line.
pub(crate) fn read_lines<'a>(source: &Source<'a>, text: &[u8], budget: &'a mut Budget) -> Result<Sheet<'a>> {
    let mut sheet = source.sheet(ExportFormat::Table, budget);
    let mut first_keys = None;
    let mut row = 0;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        row += 1;
        let place = RowPlace {
            row,
            line: Some(index + 1),
        };
        let limit = source.options.max_line_bytes;
        if line.len() > limit {
            let found = format!("{} bytes", line.len());
            sheet.push_bad(RowIssue::row(place, format!("at most {limit} bytes"), found))?;
            continue;
        }
        match serde_json::from_slice::<Map<String, Value>>(line) {
            Ok(object) => {
                first_keys.get_or_insert_with(|| object.keys().cloned().collect());
                let cells = cells(&mut sheet, object);
                sheet.push_row(place, cells)?;
            }
            Err(_) => {
                let found = String::from_utf8_lossy(&line[..line.len().min(200)]);
                sheet.push_bad(RowIssue::row(place, "a JSON object", found))?;
            }
        }
    }
    with_tracks(sheet, first_keys.unwrap_or_default())
}

/// Reads a document: a list, or an object with a list somewhere.
pub(crate) fn read<'a>(source: &Source<'a>, text: &str, budget: &'a mut Budget) -> Result<Sheet<'a>> {
    let text = text.trim_start();
    if text.starts_with('[') {
        return read_list(source, text, text, budget);
    }
    let wanted = [
        "playlists",
        "tracks",
        "bannedTracks",
        "audio_features",
        "content",
        "items",
        "name",
        "track",
    ];
    let members = json::members(text, &wanted).map_err(|error| json::damaged(source.file, error))?;
    if let Some(playlists) = members.list("playlists") {
        return privacy::playlists(source, text, playlists, budget);
    }
    let is_library = members.has("albums") || members.has("bannedTracks");
    if is_library && (members.list("tracks").is_some() || members.list("bannedTracks").is_some()) {
        return privacy::library(source, text, &members, budget);
    }
    for (name, format) in [
        ("audio_features", ExportFormat::SpotifyFeatures),
        ("content", ExportFormat::ReccoBeats),
    ] {
        if let Some(list) = members.list(name) {
            let mut sheet = source.sheet(format, budget);
            sheet.own_playlist()?;
            entries(&mut sheet, source, text, list)?;
            return with_tracks(sheet, members.names);
        }
    }
    if let Some(list) = reply_entries(&members) {
        let mut sheet = source.sheet(ExportFormat::SpotifyReply, budget);
        let name = members.text("name").filter(|name| !name.is_empty());
        match name {
            Some(name) => sheet.new_playlist(&name, playlist_core::PlaylistKind::Playlist)?,
            None => sheet.own_playlist().map(|_| ())?,
        }
        entries(&mut sheet, source, text, list)?;
        return with_tracks(sheet, members.names);
    }
    // The object itself may be the one track.
    let format = if members.has("track_href") || members.has("analysis_url") {
        ExportFormat::SpotifyFeatures
    } else {
        ExportFormat::Table
    };
    let mut sheet = source.sheet(format, budget);
    one(
        &mut sheet,
        source,
        RowPlace {
            row: 1,
            line: Some(1),
        },
        text,
    )?;
    with_tracks(sheet, members.names)
}

/// The entries of a reply of the Web API: a page, or a playlist with its first page.
fn reply_entries<'a>(members: &Members<'a>) -> Option<&'a RawValue> {
    ["items", "tracks"].into_iter().find_map(|name| {
        members.list(name).or_else(|| {
            let page = json::members(members.object(name)?.get(), &["items"]).ok()?;
            page.list("items")
        })
    })
}

/// Reads a list of objects; the first tells what they are.
fn read_list<'a>(source: &Source<'a>, text: &str, list: &str, budget: &'a mut Budget) -> Result<Sheet<'a>> {
    let mut first = None;
    // Stops at the first entry.
    let peeked = json::each(source.file, list, |_, entry| {
        first = json::members(entry.get(), &[]).ok();
        Err(Error::Empty { file: String::new() })
    });
    if let Err(error @ Error::Json { .. }) = peeked {
        return Err(error);
    }
    let first = first.unwrap_or_default();
    let all = |names: &[&str]| names.iter().all(|name| first.has(name));
    if all(&["endTime", "msPlayed"]) || all(&["ts", "ms_played"]) || first.has("master_metadata_track_name") {
        return Err(Error::StreamingHistory {
            file: source.file.to_owned(),
        });
    }
    let format = if first.has("track_href") || first.has("analysis_url") {
        ExportFormat::SpotifyFeatures
    } else {
        ExportFormat::Table
    };
    let mut sheet = source.sheet(format, budget);
    let mut lines = Lines::new(text);
    json::each(source.file, list, |row, entry| {
        let place = RowPlace {
            row,
            line: lines.of(entry.get()),
        };
        one(&mut sheet, source, place, entry.get())
    })?;
    with_tracks(sheet, first.names)
}

/// Reads the entries of a list within `text` into the current playlist.
pub(crate) fn entries(sheet: &mut Sheet<'_>, source: &Source<'_>, text: &str, list: &RawValue) -> Result<()> {
    let mut lines = Lines::new(text);
    json::each(source.file, list.get(), |row, entry| {
        let place = RowPlace {
            row,
            line: lines.of(entry.get()),
        };
        // Spotify's word for a track of which it has no features.
        if entry.get() == "null" && sheet.format == ExportFormat::SpotifyFeatures {
            return sheet.push_other();
        }
        one(sheet, source, place, entry.get())
    })
}

/// Reads one entry.
pub(crate) fn one(sheet: &mut Sheet<'_>, source: &Source<'_>, place: RowPlace, text: &str) -> Result<()> {
    match object(source, place, text) {
        Ok(object) => {
            let cells = cells(sheet, object);
            sheet.push_row(place, cells)
        }
        Err(issue) => sheet.push_bad(issue),
    }
}

/// The object that an entry is.
pub(crate) fn object(
    source: &Source<'_>,
    place: RowPlace,
    text: &str,
) -> Result<Map<String, Value>, RowIssue> {
    let limit = source.options.max_line_bytes;
    if text.len() > limit {
        let found = format!("{} bytes", text.len());
        return Err(RowIssue::row(place, format!("at most {limit} bytes"), found));
    }
    serde_json::from_str(text).map_err(|_| RowIssue::row(place, "an object that is a track", text))
}

/// The cells of an object. A `track` or `item` in it, as in replies of the Web API, is the track itself.
pub(crate) fn cells(sheet: &mut Sheet<'_>, mut object: Map<String, Value>) -> Cells<'static> {
    let mut cells = Cells::default();
    let nested = ["track", "item"]
        .into_iter()
        .find(|name| object.get(*name).is_some_and(Value::is_object));
    let inner = nested.and_then(|name| object.remove(name));
    let mut ranks: Vec<(Slot, usize)> = Vec::new();
    let inner = match inner {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    for (name, value) in inner.into_iter().chain(object) {
        let Some((slot, rank)) = slot(&name, &value) else {
            continue;
        };
        if ranks.iter().any(|(other, best)| *other == slot && *best <= rank) {
            continue;
        }
        if put(&mut cells, slot, value) {
            ranks.retain(|(other, _)| *other != slot);
            ranks.push((slot, rank));
            sheet.name_column(slot, &name);
        }
    }
    cells
}

/// What a member holds, and how good its name is for that.
fn slot(name: &str, value: &Value) -> Option<(Slot, usize)> {
    match (name, value) {
        // ReccoBeats: `id` is its own there, Spotify's is in the link.
        ("href", Value::String(link)) => link.contains("open.spotify.com/").then_some((Slot::Id, 0)),
        ("external_ids", Value::Object(_)) => Some((Slot::Isrc, 1)),
        _ => Slot::of(name).map(|(slot, rank)| (slot, rank + 1)),
    }
}

/// Puts a value into its cell, if it has one.
fn put(cells: &mut Cells<'static>, slot: Slot, value: Value) -> bool {
    let name = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Object(mut object) => match object.remove("name") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    };
    let text = match (slot, value) {
        (_, Value::Null) => None,
        (Slot::Artists, Value::Array(list)) => {
            let names: Vec<String> = list.into_iter().filter_map(name).collect();
            let some = !names.is_empty();
            if some {
                cells.artists = Some(names);
            }
            return some;
        }
        (Slot::Isrc, Value::Object(mut ids)) => match ids.remove("isrc") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        (_, Value::Bool(value)) => Some(value.to_string()),
        (_, Value::Number(value)) => Some(value.to_string()),
        (_, value) => name(value),
    };
    let some = text.is_some();
    if let Some(text) = text {
        cells.set(slot, Cow::Owned(text));
    }
    some
}

/// The sheet, unless it has rows of which none names a track.
fn with_tracks(sheet: Sheet<'_>, keys: Vec<String>) -> Result<Sheet<'_>> {
    let none = sheet.drafts.iter().all(|draft| draft.rows.is_empty());
    let some_bad = sheet.drafts.iter().any(|draft| draft.log.n_rows > 0);
    if none && some_bad {
        return Err(Error::NoTracks {
            file: sheet.file.to_owned(),
            found: keys,
        });
    }
    Ok(sheet)
}
