//! The programs whose files are known.

use std::fmt;

use playlist_core::FeatureScale;
use serde::{Deserialize, Serialize};

/// What wrote a file, as told by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExportFormat {
    /// A table that [`write_playlist`](crate::write_playlist) wrote.
    Canonical,
    /// Exportify at exportify.net (pavelkomarov), any version.
    Exportify,
    /// Exportify at exportify.app (watsonbox), any version and language.
    ExportifyApp,
    /// Chosic's playlist analyser.
    Chosic,
    /// TuneMyMusic.
    TuneMyMusic,
    /// Soundiiz.
    Soundiiz,
    /// `YourLibrary.json` of Spotify's privacy export.
    PrivacyLibrary,
    /// `Playlist1.json` and its like of Spotify's privacy export.
    PrivacyPlaylists,
    /// A reply of Spotify's audio-features endpoint, or a file made of such replies.
    SpotifyFeatures,
    /// A reply of Spotify's Web API that lists tracks.
    SpotifyReply,
    /// A reply of ReccoBeats.
    ReccoBeats,
    /// Ids, URIs or links of tracks without a header.
    IdList,
    /// Any other table with an id or with title and artist.
    Table,
}

impl ExportFormat {
    /// The source of the features that the file holds, as it stands in reports.
    pub(crate) const fn feature_source(self) -> &'static str {
        match self {
            Self::Exportify | Self::ExportifyApp => "exportify",
            Self::Chosic => "chosic",
            Self::SpotifyFeatures => "spotify",
            Self::ReccoBeats => "reccobeats",
            _ => "file",
        }
    }

    /// The scale of the features that the file holds.
    pub(crate) const fn feature_scale(self) -> FeatureScale {
        match self {
            Self::Chosic => FeatureScale::SpotifyRounded,
            _ => FeatureScale::Spotify,
        }
    }

    /// Whether rows name the playlist that they belong to.
    pub(crate) const fn names_playlists(self) -> bool {
        matches!(self, Self::Canonical | Self::TuneMyMusic | Self::Table)
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Canonical => "our own table",
            Self::Exportify => "Exportify",
            Self::ExportifyApp => "Exportify (exportify.app)",
            Self::Chosic => "Chosic",
            Self::TuneMyMusic => "TuneMyMusic",
            Self::Soundiiz => "Soundiiz",
            Self::PrivacyLibrary => "Spotify's privacy export, library",
            Self::PrivacyPlaylists => "Spotify's privacy export, playlists",
            Self::SpotifyFeatures => "Spotify's audio features",
            Self::SpotifyReply => "a reply of Spotify's Web API",
            Self::ReccoBeats => "ReccoBeats",
            Self::IdList => "a list of ids",
            Self::Table => "a table of tracks",
        })
    }
}
