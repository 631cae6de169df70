//! Spotify's privacy export: the library and the playlists.

use std::borrow::Cow;

use playlist_core::PlaylistKind;
use serde_json::value::RawValue;

use crate::cells::Slot;
use crate::document::{self, Source};
use crate::json::{self, Lines, Members};
use crate::report::{RowIssue, RowPlace};
use crate::sheet::{Budget, Sheet};
use crate::{ExportFormat, Result};

/// Reads `YourLibrary.json`: Liked Songs, and the tracks that were blocked, if any.
pub(crate) fn library<'a>(
    source: &Source<'a>,
    text: &str,
    members: &Members<'_>,
    budget: &'a mut Budget,
) -> Result<Sheet<'a>> {
    let mut sheet = source.sheet(ExportFormat::PrivacyLibrary, budget);
    if let Some(tracks) = members.list("tracks") {
        sheet.new_playlist("Liked Songs", PlaylistKind::Liked)?;
        document::entries(&mut sheet, source, text, tracks)?;
    }
    let is_empty = |list: &RawValue| list.get()[1..].trim_start().starts_with(']');
    if let Some(blocked) = members.list("bannedTracks").filter(|list| !is_empty(list)) {
        sheet.new_playlist("Blocked tracks", PlaylistKind::Blocked)?;
        document::entries(&mut sheet, source, text, blocked)?;
    }
    Ok(sheet)
}

/// Reads `Playlist1.json` and its like.
pub(crate) fn playlists<'a>(
    source: &Source<'a>,
    text: &str,
    list: &RawValue,
    budget: &'a mut Budget,
) -> Result<Sheet<'a>> {
    let mut sheet = source.sheet(ExportFormat::PrivacyPlaylists, budget);
    let mut lines = Lines::new(text);
    json::each(source.file, list.get(), |number, playlist| {
        let Ok(members) = json::members(playlist.get(), &["name", "items"]) else {
            let place = RowPlace {
                row: number,
                line: lines.of(playlist.get()),
            };
            return sheet.push_bad(RowIssue::row(
                place,
                "an object that is a playlist",
                playlist.get(),
            ));
        };
        let name = members
            .text("name")
            .unwrap_or_else(|| format!("Playlist {number}"));
        sheet.new_playlist(&name, PlaylistKind::Playlist)?;
        let Some(items) = members.list("items") else {
            return Ok(());
        };
        json::each(source.file, items.get(), |row, item| {
            let place = RowPlace {
                row,
                line: lines.of(item.get()),
            };
            self::item(&mut sheet, source, place, item)
        })
    })?;
    Ok(sheet)
}

/// Reads an item of a playlist: a track, a local file, an episode or a chapter.
fn item(sheet: &mut Sheet<'_>, source: &Source<'_>, place: RowPlace, item: &RawValue) -> Result<()> {
    let wanted = ["track", "localTrack", "episode", "audiobook", "addedDate"];
    let Ok(members) = json::members(item.get(), &wanted) else {
        return sheet.push_bad(RowIssue::row(place, "an object that is an item", item.get()));
    };
    let Some(track) = members.object("track").or(members.object("localTrack")) else {
        if members.object("episode").is_some() || members.object("audiobook").is_some() {
            return sheet.push_episode();
        }
        return sheet.push_bad(RowIssue::row(
            place,
            "a track, an episode or a local file",
            item.get(),
        ));
    };
    match document::object(source, place, track.get()) {
        Ok(object) => {
            let mut cells = document::cells(sheet, object);
            if let Some(date) = members.text("addedDate") {
                cells.set(Slot::AddedAt, Cow::Owned(date));
            }
            sheet.push_to_current(place, cells)
        }
        Err(issue) => sheet.push_bad(issue),
    }
}
