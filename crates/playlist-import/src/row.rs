//! A row of cells: which track it is.

use playlist_core::unit;
use playlist_core::{AudioFeature, FeatureOrigin, FeatureScale, Isrc, PlaylistKind, SpotifyId, Track};

use crate::cells::{Cells, Slot};
use crate::report::{RowIssue, RowPlace};
use crate::sheet::{DraftRow, Sheet};
use crate::{ExportFormat, canonical, local};

/// What a row is.
pub(crate) enum Outcome {
    Track(Box<DraftRow>),
    Episode,
    Bad(RowIssue),
}

/// The playlist that a row names, and what kind it is, where the row says so.
pub(crate) fn playlist(format: ExportFormat, cells: &Cells<'_>) -> (Option<String>, Option<PlaylistKind>) {
    let name = match format {
        ExportFormat::Canonical => cells.raw(Slot::Playlist).map(canonical::decode),
        _ => cells.text(Slot::Playlist).map(str::to_owned),
    };
    let kind = match format {
        ExportFormat::Canonical => cells.text(Slot::Kind).and_then(canonical::kind),
        ExportFormat::TuneMyMusic => cells
            .text(Slot::Type)
            .is_some_and(|text| text.eq_ignore_ascii_case("favorite"))
            .then_some(PlaylistKind::Liked),
        _ => None,
    };
    (name, kind)
}

/// Whether the row is of TuneMyMusic's kinds that are no tracks of playlists.
pub(crate) fn is_other(format: ExportFormat, cells: &Cells<'_>) -> bool {
    let is = |word: &str| {
        cells
            .text(Slot::Type)
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    format == ExportFormat::TuneMyMusic && (is("artist") || is("album"))
}

/// Whether the row says only that a playlist of our own is there.
pub(crate) fn is_marker(format: ExportFormat, cells: &Cells<'_>) -> bool {
    format == ExportFormat::Canonical && cells.raw(Slot::Local) == Some("")
}

/// Reads a row; cells that cannot be read are put into `issues`.
pub(crate) fn read(
    sheet: &mut Sheet<'_>,
    place: RowPlace,
    cells: &Cells<'_>,
    issues: &mut Vec<RowIssue>,
) -> Outcome {
    let canonical = sheet.format == ExportFormat::Canonical;
    let text = |slot| match canonical {
        true => cells
            .raw(slot)
            .filter(|text| !text.is_empty())
            .map(canonical::decode),
        false => cells.text(slot).map(str::to_owned),
    };
    let mut row = DraftRow {
        track: Track {
            title: text(Slot::Title),
            artists: cells.artists.clone().unwrap_or_default(),
            album: text(Slot::Album),
            added_at: text(Slot::AddedAt),
            is_local: canonical
                && cells
                    .text(Slot::Local)
                    .is_some_and(|text| text.eq_ignore_ascii_case("true")),
            ..Track::default()
        },
        artists: match canonical {
            true => cells.raw(Slot::Artists).map(str::to_owned),
            false => cells.text(Slot::Artists).map(str::to_owned),
        },
        values: [f32::NAN; AudioFeature::ALL.len()],
        from_clock: false,
        place,
        foreign_id: None,
        cut_before_features: cells.cut_before_features,
    };
    let is_episode = cells
        .text(Slot::Type)
        .is_some_and(|text| matches!(text, "episode" | "chapter" | "audiobook"));
    if is_episode || cells.text(Slot::Id).is_some_and(is_episode_uri) {
        return Outcome::Episode;
    }
    read_id(cells, &mut row);
    read_isrc(sheet, cells, &mut row, issues);
    let known = row.track.id.is_some() || row.track.isrc.is_some() || row.track.title.is_some();
    if !known && !canonical {
        let found = cells
            .text(Slot::Id)
            .or(cells.text(Slot::Artists))
            .unwrap_or_default();
        return Outcome::Bad(RowIssue::row(
            place,
            "an id, an ISRC or a title of a track",
            found,
        ));
    }
    read_features(sheet, cells, &mut row, issues);
    if canonical {
        row.track.features_from = origin(cells);
    }
    Outcome::Track(Box::new(row))
}

fn is_episode_uri(text: &str) -> bool {
    let words = ["episode", "show", "audiobook", "chapter"];
    let after = text
        .strip_prefix("spotify:")
        .or_else(|| text.split_once("open.spotify.com/").map(|(_, rest)| rest));
    after.is_some_and(|rest| {
        rest.split([':', '/']).any(|part| words.contains(&part))
            && !rest.starts_with("local:")
            && !rest.starts_with("track")
    })
}

fn read_id(cells: &Cells<'_>, row: &mut DraftRow) {
    let Some(text) = cells.text(Slot::Id) else { return };
    if let Some(file) = local::decode(text) {
        let track = &mut row.track;
        track.is_local = true;
        track.title = track.title.take().or(file.title);
        track.album = track.album.take().or(file.album);
        if row.artists.is_none() && track.artists.is_empty() {
            track.artists = file.artist.into_iter().collect();
        }
        if let Some(seconds) = file.seconds.filter(|_| cells.text(DURATION).is_none()) {
            row.values[AudioFeature::DurationMs.index()] = seconds as f32 * 1000.0;
            row.from_clock = true;
        }
        return;
    }
    match text.parse::<SpotifyId>() {
        Ok(id) => row.track.id = Some(id),
        // Whether that is an error depends on the other rows.
        Err(_) => row.foreign_id = Some(text.into()),
    }
}

fn read_isrc(sheet: &Sheet<'_>, cells: &Cells<'_>, row: &mut DraftRow, issues: &mut Vec<RowIssue>) {
    let Some(code) = cells.text(Slot::Isrc) else {
        return;
    };
    match code.parse::<Isrc>() {
        Ok(isrc) => row.track.isrc = Some(isrc),
        Err(_) => issues.push(RowIssue::cell(
            row.place,
            sheet.column(Slot::Isrc),
            "an ISRC of 12 letters and digits",
            code,
        )),
    }
}

const DURATION: Slot = Slot::Feature(AudioFeature::DurationMs);

fn read_features(sheet: &mut Sheet<'_>, cells: &Cells<'_>, row: &mut DraftRow, issues: &mut Vec<RowIssue>) {
    for feature in AudioFeature::ALL {
        let slot = Slot::Feature(feature);
        let Some(text) = cells.text(slot) else { continue };
        if let Some(value) = unit::number(text).filter(|value| !value.is_infinite()) {
            row.values[feature.index()] = value;
            continue;
        }
        let way = Way::of(feature);
        let Some((value, mode)) = (way.read)(text).filter(|(value, _)| !value.is_infinite()) else {
            issues.push(RowIssue::cell(row.place, sheet.column(slot), way.expected, text));
            continue;
        };
        row.values[feature.index()] = value;
        row.from_clock |= feature == AudioFeature::DurationMs;
        sheet.convert(slot, way.from, way.to);
        let place = AudioFeature::Mode.index();
        if row.values[place].is_nan() {
            row.values[place] = mode;
        }
    }
    let Some(text) = cells.text(Slot::Camelot) else {
        return;
    };
    let Some((key, mode)) = unit::camelot(text) else {
        let column = sheet.column(Slot::Camelot);
        issues.push(RowIssue::cell(row.place, column, "a place such as `8B`", text));
        return;
    };
    for (feature, value) in [(AudioFeature::Key, key), (AudioFeature::Mode, mode)] {
        if row.values[feature.index()].is_nan() {
            row.values[feature.index()] = value;
            sheet.convert(Slot::Camelot, "places on the Camelot wheel", "keys and modes");
        }
    }
}

/// Another way to write a feature than as a number.
struct Way {
    /// The value, and the mode where the text gives it, else NaN.
    read: fn(&str) -> Option<(f32, f32)>,
    expected: &'static str,
    from: &'static str,
    to: &'static str,
}

impl Way {
    const fn of(feature: AudioFeature) -> Self {
        match feature {
            AudioFeature::Key => Self {
                read: unit::key_text,
                expected: "a pitch class 0 to 11 or a key such as `F minor`",
                from: "keys as text",
                to: "pitch classes",
            },
            AudioFeature::Mode => Self {
                read: |text| unit::mode_text(text).map(|mode| (mode, f32::NAN)),
                expected: "0, 1, `major` or `minor`",
                from: "modes as text",
                to: "0 minor, 1 major",
            },
            AudioFeature::TimeSignature => Self {
                read: |text| unit::metre(text).map(|beats| (beats, f32::NAN)),
                expected: "beats in a bar, or a metre such as `4/4`",
                from: "metres",
                to: "beats per bar",
            },
            AudioFeature::DurationMs => Self {
                read: |text| unit::clock_ms(text).map(|ms| (ms, f32::NAN)),
                expected: "a number, or minutes and seconds such as `3:38`",
                from: "minutes and seconds",
                to: "ms",
            },
            _ => Self {
                read: |text| unit::comma_number(text).map(|value| (value, f32::NAN)),
                expected: "a number",
                from: "decimal commas",
                to: "decimal points",
            },
        }
    }
}

/// The source of the features, as our own tables name it.
fn origin(cells: &Cells<'_>) -> Option<FeatureOrigin> {
    let scale = match cells.text(Slot::Scale)? {
        "spotify_rounded" => FeatureScale::SpotifyRounded,
        _ => FeatureScale::Spotify,
    };
    let source = cells.raw(Slot::Source).map(canonical::decode).unwrap_or_default();
    Some(FeatureOrigin::new(source, scale))
}
