//! Lists that can be fetched, and their ids.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

use super::entry::text;
use crate::{Error, Result};

/// The id of an album on Spotify. Parses the bare id, `spotify:album:ID` and `https://open.spotify.com/album/ID`.
///
/// # Examples
/// ```
/// let id: playlist_spotify::AlbumId = "https://open.spotify.com/album/4aawyAB9vmqN3uQ7FjRGTy?si=1".parse()?;
/// assert_eq!(id.to_string(), "4aawyAB9vmqN3uQ7FjRGTy");
/// # Ok::<(), playlist_spotify::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlbumId(String);

impl FromStr for AlbumId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        id_of(text, "album").map(Self).ok_or_else(|| Error::InvalidId {
            kind: "album",
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for AlbumId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The id of a playlist on Spotify. Parses the bare id, `spotify:playlist:ID` and
/// `https://open.spotify.com/playlist/ID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PlaylistId(String);

impl FromStr for PlaylistId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        id_of(text, "playlist").map(Self).ok_or_else(|| Error::InvalidId {
            kind: "playlist",
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for PlaylistId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The bare id in `text`. It becomes a part of addresses and file names, so letters and digits are all it has.
fn id_of(text: &str, kind: &str) -> Option<String> {
    let text = text.trim();
    let rest = text
        .rsplit_once(&format!("{kind}:"))
        .filter(|(before, _)| before.starts_with("spotify:"));
    let address = text
        .split_once("open.spotify.com/")
        .and_then(|(_, rest)| rest.split_once(&format!("{kind}/")));
    let id = match rest.or(address) {
        Some((_, id)) => id.split(['?', '#', '/']).next()?,
        None => text,
    };
    let plain = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| id.to_owned())
}

/// How a listener stands to a playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlaylistAccess {
    /// They own it.
    Own,
    /// Others may add to it, perhaps they among them.
    Collaborative,
    /// They follow it. Since 2026 Spotify gives its tracks to new apps no more: fetching it meets status 403.
    Followed,
}

/// A playlist as it is listed, without its tracks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlaylistInfo {
    /// Its id.
    pub id: PlaylistId,
    /// The name that its owner gave it.
    pub name: String,
    /// The name of its owner.
    pub owner: Option<String>,
    /// How the listener stands to it.
    pub access: PlaylistAccess,
    /// Names the state of the playlist: another one, another state.
    pub snapshot_id: Option<String>,
    /// How many entries it has.
    pub n_entries: Option<u64>,
}

impl PlaylistInfo {
    /// Reads one playlist of a reply; `None` if it has no id. `me` is the listener's id.
    pub(crate) fn read(value: &Value, me: Option<&str>) -> Option<Self> {
        let id: PlaylistId = text(value, "id").or_else(|| text(value, "uri"))?.parse().ok()?;
        let owner_id = value["owner"]["id"].as_str();
        let access = if owner_id.is_some() && owner_id == me {
            PlaylistAccess::Own
        } else if value["collaborative"] == true {
            PlaylistAccess::Collaborative
        } else {
            PlaylistAccess::Followed
        };
        let total = |name: &str| value[name]["total"].as_u64();
        Some(Self {
            name: text(value, "name").unwrap_or_else(|| id.to_string()),
            owner: text(&value["owner"], "display_name"),
            access,
            snapshot_id: text(value, "snapshot_id"),
            n_entries: total("items").or_else(|| total("tracks")),
            id,
        })
    }
}

/// A list to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListSource {
    /// The listener's Liked Songs.
    Liked,
    /// A playlist.
    Playlist(PlaylistInfo),
    /// The tracks of all albums that the listener saved, as one list.
    SavedAlbums,
    /// The tracks of one album.
    Album(AlbumId),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_read_however_they_are_written() {
        for text in [
            "37i9dQZF1DX4WYpdgoIcn6",
            "spotify:playlist:37i9dQZF1DX4WYpdgoIcn6",
            "spotify:user:wizzler:playlist:37i9dQZF1DX4WYpdgoIcn6",
            "https://open.spotify.com/playlist/37i9dQZF1DX4WYpdgoIcn6?si=x",
            "https://open.spotify.com/intl-de/playlist/37i9dQZF1DX4WYpdgoIcn6",
        ] {
            let id: PlaylistId = text.parse().unwrap();
            assert_eq!(id.to_string(), "37i9dQZF1DX4WYpdgoIcn6");
        }
        for text in [
            "",
            "../../x",
            "a/b",
            "spotify:album:37i9dQZF1DX4WYpdgoIcn6",
            "a%2Fb",
            "ä",
        ] {
            assert!(
                matches!(text.parse::<PlaylistId>(), Err(Error::InvalidId { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_playlist_is_read_in_both_shapes() {
        let read = |value: &Value| PlaylistInfo::read(value, Some("me"));
        let old = json!({"id": "a1", "name": "N", "owner": {"id": "me", "display_name": "Me"}, "tracks": {"total": 3}});
        let info = read(&old).unwrap();
        assert_eq!((info.n_entries, info.access), (Some(3), PlaylistAccess::Own));
        let new = json!({"id": "a1", "owner": {"id": "x"}, "collaborative": true, "items": {"total": 4},
            "snapshot_id": "s", "images": null});
        let info = read(&new).unwrap();
        assert_eq!(
            (info.n_entries, info.access, info.name.as_str()),
            (Some(4), PlaylistAccess::Collaborative, "a1")
        );
        let bare = read(&json!({"id": "a1"})).unwrap();
        assert_eq!((bare.n_entries, bare.access), (None, PlaylistAccess::Followed));
        for nothing in [json!(null), json!({}), json!({"id": "../x"}), json!([])] {
            assert_eq!(read(&nothing), None);
        }
    }
}
