//! The units of columns.

use playlist_core::AudioFeature;

/// The unit of the column, empty where it is no audio feature.
pub(crate) fn unit_of(column: &str) -> &'static str {
    column.parse::<AudioFeature>().map_or("", AudioFeature::unit)
}
