//! A ranking as files: a table, a playlist for players, a list to paste.

use std::borrow::Cow;

use playlist_report::{CandidateTrack, RankedTrack, Side};

use crate::{Error, Result};

/// The columns of a ranking as CSV.
const COLUMNS: [&str; 13] = [
    "rank",
    "probability",
    "lowest",
    "highest",
    "above_likes",
    "track_id",
    "uri",
    "title",
    "artists",
    "album",
    "liked",
    "for",
    "against",
];

/// The ranking as CSV, one row a track: `rank`, `probability`, `lowest`, `highest`, `above_likes`, `track_id`, `uri`,
/// `title`, `artists`, `album`, `liked` (`id` or `recording` for one that is among the likes already), `for`, `against`.
///
/// A text that a spreadsheet would take for a formula gets an apostrophe before it, as in
/// [`write_playlist`](playlist_import::write_playlist).
///
/// # Errors
/// [`Error::CsvText`], which an in-memory text never is.
pub fn ranking_csv(tracks: &[RankedTrack]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for ranked in tracks {
        let CandidateTrack {
            track_id,
            uri,
            title,
            artists,
            album,
            liked,
            ..
        } = &ranked.track;
        let number = |value: Option<f64>| value.map(|value| format!("{value:.4}")).unwrap_or_default();
        let text = |text: &Option<String>| text.as_deref().map(as_text).unwrap_or_default().into_owned();
        let reasons = |side: Side| {
            let of_side = ranked
                .reasons
                .iter()
                .flatten()
                .filter(|reason| reason.side == side);
            let texts: Vec<&str> = of_side.map(|reason| reason.text.as_str()).collect();
            texts.join("; ")
        };
        let liked = match liked {
            None => "",
            Some(playlist_report::KnownBy::Id) => "id",
            Some(_) => "recording",
        };
        writer.write_record([
            ranked.rank.to_string(),
            number(Some(ranked.probability)),
            number(ranked.lowest),
            number(ranked.highest),
            number(ranked.above_likes),
            text(track_id),
            text(uri),
            text(title),
            as_text(&artists.join("; ")).into_owned(),
            text(album),
            liked.to_owned(),
            reasons(Side::For),
            reasons(Side::Against),
        ])?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::CsvText {
        source: error.into_error().into(),
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A text that no spreadsheet takes for a formula.
fn as_text(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The tracks as an extended M3U playlist of `spotify:track:` URIs; those without Spotify's id are left out.
///
/// Control characters in titles become blanks, so that a line stays a line.
#[must_use]
pub fn ranking_m3u(tracks: &[RankedTrack]) -> String {
    let mut text = "#EXTM3U\n".to_owned();
    for track in tracks.iter().map(|ranked| &ranked.track) {
        let Some(uri) = &track.uri else { continue };
        let seconds = track.seconds.map_or(-1, |seconds| seconds.round() as i64);
        let title = track.title.as_deref().unwrap_or("unknown title");
        let name = match track.artists.is_empty() {
            true => title.to_owned(),
            false => format!("{} - {title}", track.artists.join(", ")),
        };
        text += &format!("#EXTINF:{seconds},{}\n{uri}\n", one_line(&name));
    }
    text
}

/// The `spotify:track:` URIs of the tracks, a line each, to paste into Spotify; those without one are left out.
#[must_use]
pub fn ranking_uris(tracks: &[RankedTrack]) -> String {
    let uris = tracks.iter().filter_map(|ranked| ranked.track.uri.as_deref());
    uris.map(|uri| format!("{uri}\n")).collect()
}

/// The text with blanks for everything that could end a line.
fn one_line(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if ends(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use playlist_report::Reason;

    use super::*;

    fn hostile() -> RankedTrack {
        RankedTrack {
            rank: 1,
            track: CandidateTrack {
                track_id: Some("4uLU6hMCjMI75M1A2tKUQC".to_owned()),
                uri: Some("spotify:track:4uLU6hMCjMI75M1A2tKUQC".to_owned()),
                title: Some("=HYPERLINK(\"http://x\")\n#EXTINF:1,fake\r\nhttp://evil".to_owned()),
                artists: vec!["@SUM(1)".to_owned(), "B, \"C\"".to_owned()],
                album: Some("-1+1".to_owned()),
                seconds: Some(200.4),
                liked: None,
            },
            probability: 0.5,
            lowest: None,
            highest: None,
            above_likes: None,
            missing: Vec::new(),
            reasons: Some(vec![Reason {
                feature: "energy".to_owned(),
                side: Side::For,
                contribution: 0.5,
                standard_error: 0.1,
                value: Some(0.5),
                unit: String::new(),
                likes_median: None,
                others_median: None,
                text: "calmer".to_owned(),
            }]),
        }
    }

    #[test]
    fn no_spreadsheet_sees_a_formula() {
        let text = ranking_csv(&[hostile()]).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        for (cell, start) in [(7, "'=HYPERLINK"), (8, "'@SUM(1); B, \"C\""), (9, "'-1+1")] {
            assert!(row[cell].starts_with(start), "{}", &row[cell]);
        }
        assert_eq!((&row[2], &row[11], &row[12]), ("", "calmer", ""));
        assert_eq!(ranking_csv(&[]).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_title_adds_no_line_to_a_playlist() {
        let nameless = RankedTrack {
            track: CandidateTrack::default(),
            ..hostile()
        };
        let text = ranking_m3u(&[hostile(), nameless.clone()]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[1].starts_with("#EXTINF:200,@SUM(1), B, \"C\" - =HYPERLINK"),
            "{text}"
        );
        assert_eq!(lines[2], "spotify:track:4uLU6hMCjMI75M1A2tKUQC");
        let uris = ranking_uris(&[nameless, hostile()]);
        assert_eq!(uris, "spotify:track:4uLU6hMCjMI75M1A2tKUQC\n");
    }
}
