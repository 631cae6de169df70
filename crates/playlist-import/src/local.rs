//! URIs of files on the listener's own disk.

use percent_encoding::percent_decode_str;

/// What `spotify:local:ARTIST:ALBUM:TITLE:SECONDS` says of a file; each part may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalFile {
    pub(crate) artist: Option<String>,
    pub(crate) album: Option<String>,
    pub(crate) title: Option<String>,
    /// The duration in seconds.
    pub(crate) seconds: Option<u32>,
}

/// Decodes the URI of a local file; `None` for any other text.
///
/// The parts are form-encoded: `+` is a blank, the rest is percent-encoded. A program that failed to encode a
/// colon in the title leaves more parts; then the last is the duration and the title is what stands before it.
pub(crate) fn decode(uri: &str) -> Option<LocalFile> {
    let rest = uri.trim().strip_prefix("spotify:local:")?;
    let part = |text: &str| {
        let plain = text.replace('+', " ");
        let decoded = percent_decode_str(&plain).decode_utf8_lossy().trim().to_owned();
        (!decoded.is_empty()).then_some(decoded)
    };
    let mut parts = rest.splitn(3, ':');
    let (artist, album) = (parts.next().and_then(part), parts.next().and_then(part));
    let tail = parts.next().unwrap_or_default();
    let (title, seconds) = match tail.rsplit_once(':') {
        Some((title, seconds)) => match seconds.trim().parse::<u32>() {
            Ok(seconds) => (title, Some(seconds)),
            Err(_) if seconds.is_empty() => (title, None),
            Err(_) => (tail, None),
        },
        None => (tail, None),
    };
    Some(LocalFile {
        artist,
        album,
        title: part(title),
        seconds: seconds.filter(|seconds| *seconds > 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_parts_are_form_decoded() {
        let file = decode("spotify:local:Sigur+R%C3%B3s:%28%29:Untitled+%2B+1%3A2:398").unwrap();
        assert_eq!(file.artist, some("Sigur Rós"));
        assert_eq!(file.album, some("()"));
        assert_eq!(file.title, some("Untitled + 1:2"));
        assert_eq!(file.seconds, Some(398));
    }

    #[test]
    fn parts_may_be_missing_or_too_many() {
        let file = decode("spotify:local:::Title:0").unwrap();
        assert_eq!((file.artist, file.album, file.seconds), (None, None, None));
        assert_eq!(file.title, some("Title"));
        let file = decode("spotify:local:A:B:Part 1: The Start:61").unwrap();
        assert_eq!((file.title, file.seconds), (some("Part 1: The Start"), Some(61)));
        assert_eq!(decode("spotify:local:").unwrap(), LocalFile::default());
        assert_eq!(decode("spotify:local:A:B:%FF:1").unwrap().title, some("\u{FFFD}"));
        assert_eq!(decode("spotify:track:A"), None);
    }
}
