//! Names of columns: what each holds, under the names that exporters and catalogues use.

use crate::AudioFeature;

/// What a column of a table of tracks holds, as told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnRole {
    /// An audio feature.
    Feature(AudioFeature),
    /// Key and mode as a place on the Camelot wheel.
    Camelot,
    /// An id, a URI or an address of a track.
    Id,
    /// A recording code.
    Isrc,
    /// A title.
    Title,
    /// Artists.
    Artist,
    /// The title of an album.
    Album,
    /// When a track was added.
    AddedAt,
    /// The name of a playlist.
    Playlist,
    /// A label for a classifier; in exports of playlists, the record label.
    Label,
}

impl ColumnRole {
    /// The name of the column in our own tables.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::Feature(feature) => feature.column(),
            Self::Camelot => "camelot",
            Self::Id => "track_id",
            Self::Isrc => "isrc",
            Self::Title => "title",
            Self::Artist => "artist",
            Self::Album => "album",
            Self::AddedAt => "added_at",
            Self::Playlist => "playlist",
            Self::Label => "label",
        }
    }

    /// The names of columns of this role in plain spelling (see [`plain_name`]), the best first.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Feature(feature) => feature_names(feature),
            Self::Camelot => &["camelot"],
            Self::Id => &[
                "trackid",
                "trackuri",
                "spotifyid",
                "spotifyuri",
                "spotifytrackid",
                "uri",
                "id",
            ],
            Self::Isrc => &["isrc"],
            Self::Title => &[
                "trackname",
                "tracktitle",
                "songname",
                "song",
                "title",
                "name",
                "track",
            ],
            Self::Artist => &["artist", "artistnames", "artistname", "artists", "trackartist"],
            Self::Album => &["album", "albumname", "trackalbumname", "albumtitle"],
            Self::AddedAt => &["addedat", "addeddate", "dateadded"],
            Self::Playlist => &["playlist", "playlistname"],
            Self::Label => &["label", "class", "target", "liked", "like"],
        }
    }

    /// The role that a column named `name` has, with the rank of the name among the role's names: 0 is the
    /// best.
    #[must_use]
    pub fn of(name: &str) -> Option<(Self, usize)> {
        let plain = plain_name(name);
        let features = AudioFeature::ALL.into_iter().map(Self::Feature);
        features.chain(Self::OTHERS).find_map(|role| {
            let rank = role.names().iter().position(|alias| *alias == plain)?;
            Some((role, rank))
        })
    }

    /// The roles beside the features.
    pub const OTHERS: [Self; 9] = [
        Self::Camelot,
        Self::Id,
        Self::Isrc,
        Self::Title,
        Self::Artist,
        Self::Album,
        Self::AddedAt,
        Self::Playlist,
        Self::Label,
    ];
}

const fn feature_names(feature: AudioFeature) -> &'static [&'static str] {
    match feature {
        AudioFeature::Danceability => &["danceability", "dance"],
        AudioFeature::Energy => &["energy"],
        AudioFeature::Key => &["key", "keysignature"],
        AudioFeature::Loudness => &["loudness", "loudnessdb", "loud", "louddb"],
        AudioFeature::Mode => &["mode"],
        AudioFeature::Speechiness => &["speechiness", "speech"],
        AudioFeature::Acousticness => &["acousticness", "acoustic"],
        AudioFeature::Instrumentalness => &["instrumentalness", "instrumental"],
        AudioFeature::Liveness => &["liveness", "live"],
        AudioFeature::Tempo => &["tempo", "tempobpm", "bpm"],
        AudioFeature::DurationMs => &[
            "durationms",
            "trackdurationms",
            "duration",
            "trackduration",
            "durations",
            "durationsec",
            "durationsecs",
            "durationseconds",
            "durationmin",
            "durationminutes",
            "time",
            "length",
            "lengthms",
            "lengths",
            "lengthseconds",
        ],
        AudioFeature::TimeSignature => &["timesignature"],
        AudioFeature::Valence => &["valence", "happy", "happiness"],
    }
}

/// The name in lower case with letters and digits only, so that `Track Name`, `track_name` and `trackName`
/// are one.
#[must_use]
pub fn plain_name(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_exporters_are_known() {
        for (name, role) in [
            ("Track URI", ColumnRole::Id),
            ("Spotify - id", ColumnRole::Id),
            ("Artist Name(s)", ColumnRole::Artist),
            ("Duration (ms)", ColumnRole::Feature(AudioFeature::DurationMs)),
            ("Loud (Db)", ColumnRole::Feature(AudioFeature::Loudness)),
            ("Added At", ColumnRole::AddedAt),
            ("ISRC", ColumnRole::Isrc),
        ] {
            assert_eq!(ColumnRole::of(name).map(|(role, _)| role), Some(role), "{name}");
        }
        assert_eq!(ColumnRole::of("Popularity"), None);
    }

    #[test]
    fn no_name_has_two_roles() {
        let features = AudioFeature::ALL.into_iter().map(ColumnRole::Feature);
        let mut names: Vec<&str> = features
            .chain(ColumnRole::OTHERS)
            .flat_map(ColumnRole::names)
            .copied()
            .collect();
        let n_names = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n_names);
    }
}
