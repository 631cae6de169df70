//! Names under which people's Liked Songs stand.

use playlist_core::PlaylistKind;
use playlist_core::column::plain_name;

/// The names in plain spelling: those of exporters, and Spotify's own in its larger languages.
const NAMES: [&str; 22] = [
    "likedsongs",
    "liked",
    "likedtracks",
    "favoritesongs",
    "favouritesongs",
    "mylikedsongs",
    "lieblingssongs",
    "titreslikés",
    "titresaimés",
    "cancionesquetegustan",
    "tusmegusta",
    "músicascurtidas",
    "músicasdequegostaste",
    "branichetipiacciono",
    "nummersdiejeleukvindt",
    "gillalåtar",
    "gilladelåtar",
    "polubioneutwory",
    "beğenilenşarkılar",
    "любимыетреки",
    "お気に入りの曲",
    "좋아요표시한곡",
];

/// What a playlist of this name is: Liked Songs or a playlist.
pub(crate) fn kind_of_name(name: &str) -> PlaylistKind {
    let plain = plain_name(without_copy_number(name));
    if NAMES.contains(&plain.as_str()) {
        PlaylistKind::Liked
    } else {
        PlaylistKind::Playlist
    }
}

/// The name without the ` (1)` that browsers add to a second download.
fn without_copy_number(name: &str) -> &str {
    let Some((rest, number)) = name
        .trim_end()
        .strip_suffix(')')
        .and_then(|name| name.rsplit_once('('))
    else {
        return name;
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { rest } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter_and_the_rest_does() {
        for name in [
            "Liked_Songs",
            "Liked Songs",
            "liked",
            "LIEBLINGSSONGS",
            "Titres likés",
            "Liked_Songs (12)",
        ] {
            assert_eq!(kind_of_name(name), PlaylistKind::Liked, "{name}");
        }
        for name in ["Songs I liked in 2019", "", "disliked"] {
            assert_eq!(kind_of_name(name), PlaylistKind::Playlist, "{name}");
        }
    }
}
