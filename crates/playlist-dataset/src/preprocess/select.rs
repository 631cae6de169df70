//! The choice of features by name.

use playlist_core::{AudioFeature, Error, Result};

/// The features to use of those `available`, in column order.
///
/// Without `include` these are the paper's twelve, as far as they are there: valence is used only when it
/// is named. Then those in `exclude` are left out, also when they are named in `include`.
///
/// # Errors
/// [`Error::MissingColumn`] when a feature in `include` or `exclude` is not available, [`Error::Empty`]
/// when none is left.
///
/// # Examples
/// ```
/// use playlist_core::AudioFeature;
/// use playlist_dataset::select_features;
///
/// // The paper's section 10: leave out what hardly differs between playlists.
/// let exclude = [AudioFeature::TimeSignature, AudioFeature::DurationMs];
/// let features = select_features(&AudioFeature::ALL, None, &exclude)?;
/// assert_eq!(features.len(), 10);
/// assert!(!features.contains(&AudioFeature::Valence));
///
/// let with_valence = select_features(&AudioFeature::ALL, Some(&AudioFeature::ALL), &[])?;
/// assert_eq!(with_valence.len(), 13);
/// # Ok::<(), playlist_core::Error>(())
/// ```
pub fn select_features(
    available: &[AudioFeature],
    include: Option<&[AudioFeature]>,
    exclude: &[AudioFeature],
) -> Result<Vec<AudioFeature>> {
    let absent = (include.unwrap_or_default().iter().chain(exclude)).find(|named| !available.contains(named));
    if let Some(absent) = absent {
        return Err(Error::MissingColumn {
            column: absent.to_string(),
            found: available.iter().map(ToString::to_string).collect(),
        });
    }
    let included = include.unwrap_or(&AudioFeature::PAPER);
    let selected: Vec<AudioFeature> = AudioFeature::ALL
        .into_iter()
        .filter(|feature| available.contains(feature))
        .filter(|feature| included.contains(feature) && !exclude.contains(feature))
        .collect();
    if selected.is_empty() {
        return Err(Error::Empty {
            what: "selected features",
        });
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use AudioFeature::{Danceability, Energy, Key, Tempo, Valence};

    #[test]
    fn the_default_is_what_there_is_of_the_papers_twelve() {
        let selected = select_features(&[Valence, Tempo, Energy], None, &[]).unwrap();
        assert_eq!(selected, [Energy, Tempo]);
    }

    #[test]
    fn the_order_is_that_of_the_columns() {
        let selected =
            select_features(&AudioFeature::ALL, Some(&[Valence, Danceability, Valence]), &[]).unwrap();
        assert_eq!(selected, [Danceability, Valence]);
    }

    #[test]
    fn exclusion_wins_over_inclusion() {
        let selected = select_features(&AudioFeature::ALL, Some(&[Energy, Key]), &[Key]).unwrap();
        assert_eq!(selected, [Energy]);
    }

    #[test]
    fn an_absent_name_is_an_error_wherever_it_stands() {
        for result in [
            select_features(&[Energy], Some(&[Tempo]), &[]),
            select_features(&[Energy], None, &[Tempo]),
        ] {
            assert!(matches!(
                result,
                Err(Error::MissingColumn { column, found }) if column == "tempo" && found == ["energy"]
            ));
        }
    }

    #[test]
    fn nothing_left_is_an_error() {
        for result in [
            select_features(&[Energy], None, &[Energy]),
            select_features(&[Valence], None, &[]),
            select_features(&[Energy], Some(&[]), &[]),
        ] {
            assert!(matches!(result, Err(Error::Empty { .. })));
        }
    }
}
