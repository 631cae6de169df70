//! From drafts to playlists: artists, repeats, suspicions, reports.

use std::collections::HashSet;

use playlist_core::{
    AudioFeature, AudioFeatures, CoverageReport, FeatureOrigin, FeatureScale, Playlist, Track, TrackKey,
};

use crate::artists::Joined;
use crate::cells::Slot;
use crate::report::{Conversion, RowIssue};
use crate::sheet::{Draft, DraftRow, Sheet};
use crate::suspicious::{self, Seen, Suspicion};
use crate::units::{self, Precision};
use crate::{ExportFormat, ImportReport, ImportedPlaylist, SuspiciousFeatures};

/// A file that was read, before it is compared with the others.
pub(crate) struct ReadFile {
    file: String,
    format: ExportFormat,
    scale: FeatureScale,
    conversions: Vec<Conversion>,
    drafts: Vec<(Draft, Option<Suspicion>)>,
}

/// Decides units and artists of a file and takes note of its features.
pub(crate) fn settle(mut sheet: Sheet<'_>, seen: &mut Seen) -> ReadFile {
    let precision = units::settle(&mut sheet);
    settle_ids(&mut sheet);
    let joined = Joined::of(sheet.format, &sheet.drafts);
    for row in sheet.drafts.iter_mut().flat_map(|draft| &mut draft.rows) {
        if let Some(text) = row.artists.take() {
            row.track.artists = joined.split(&text);
        }
    }
    let with_suspicion = |draft: Draft| {
        let suspicion = suspicious::shift(sheet.format, &draft);
        let own = |row: &&DraftRow| suspicion.is_none_or(|suspicion| !suspicion.doubts(row.place.row));
        draft
            .rows
            .iter()
            .filter(own)
            .for_each(|row| seen.note(sheet.format, row));
        (draft, suspicion)
    };
    let drafts = std::mem::take(&mut sheet.drafts)
        .into_iter()
        .map(with_suspicion)
        .collect();
    ReadFile {
        file: sheet.file.to_owned(),
        format: sheet.format,
        scale: match precision {
            Precision::Rounded => FeatureScale::SpotifyRounded,
            Precision::Full => sheet.format.feature_scale(),
        },
        conversions: sheet.conversions(),
        drafts,
    }
}

/// Reports texts that stand where ids should: one by one where other rows of the file have ids, else all at once,
/// because then the column holds the ids of something else.
fn settle_ids(sheet: &mut Sheet<'_>) {
    let column = sheet.column(Slot::Id).to_owned();
    let some = sheet
        .drafts
        .iter()
        .any(|draft| draft.rows.iter().any(|row| row.track.id.is_some()));
    for draft in &mut sheet.drafts {
        let mut n = 0;
        for row in &mut draft.rows {
            let Some(text) = row.foreign_id.take() else {
                continue;
            };
            n += 1;
            if some {
                let expected = "an id, URI or link of a track on Spotify";
                draft.log.push(RowIssue::cell(row.place, &column, expected, text));
            }
        }
        if n > 0 && !some {
            let column = crate::error::excerpt(&column);
            draft.notes.push(format!(
                "column `{column}` holds no ids of Spotify: {n} tracks are known by their other columns"
            ));
        }
    }
}

impl ReadFile {
    /// The playlists of the file.
    pub(crate) fn finish(
        self,
        seen: &Seen,
        treatment: SuspiciousFeatures,
    ) -> impl Iterator<Item = ImportedPlaylist> {
        let origin = FeatureOrigin::new(self.format.feature_source(), self.scale);
        let (file, format, conversions) = (self.file, self.format, self.conversions);
        self.drafts.into_iter().map(move |(draft, suspicion)| {
            let mut report = ImportReport {
                conversions: conversions.clone(),
                ..ImportReport::default()
            };
            let mut draft = draft;
            suspect(format, &mut draft, suspicion, seen, treatment, &mut report);
            playlist(draft, &file, format, &origin, report)
        })
    }
}

/// Finds the rows whose features are not to be trusted, and treats them as asked.
fn suspect(
    format: ExportFormat,
    draft: &mut Draft,
    suspicion: Option<Suspicion>,
    seen: &Seen,
    treatment: SuspiciousFeatures,
    report: &mut ImportReport,
) {
    let (mut n_shifted, mut n_contradicted) = (0, 0);
    for row in draft.rows.iter_mut().filter(|row| suspicious::has_audio(row)) {
        let shifted = suspicion.is_some_and(|suspicion| suspicion.doubts(row.place.row));
        let contradicted = row
            .track
            .id
            .as_ref()
            .is_some_and(|id| seen.is_contradicted(format, id));
        n_shifted += usize::from(shifted);
        n_contradicted += usize::from(contradicted && !shifted);
        if (shifted || contradicted) && treatment == SuspiciousFeatures::Drop {
            for feature in AudioFeature::ALL {
                if feature != AudioFeature::DurationMs {
                    row.values[feature.index()] = f32::NAN;
                }
            }
        }
    }
    let done = match treatment {
        SuspiciousFeatures::Drop => "dropped, to be looked up elsewhere",
        SuspiciousFeatures::KeepAndWarn => "kept, as asked",
    };
    match suspicion {
        Some(Suspicion::Shifted { after_row }) => report.notes.push(format!(
            "the features of {n_shifted} tracks seem to be those of others and are {done}: row {after_row}, the first of a batch, has none, and as many are missing at the end as a batch that Exportify was refused leaves"
        )),
        Some(Suspicion::Gap { last_row, length }) => report.notes.push(format!(
            "{length} rows up to row {last_row} have no features and later rows have some: if Exportify was refused a batch there, later tracks may have the features of others; compare some with another source"
        )),
        None => {}
    }
    if n_contradicted > 0 {
        report.notes.push(format!(
            "the features of {n_contradicted} tracks differ from those that the same tracks have elsewhere in this import, and are {done}"
        ));
    }
    report.n_suspicious = n_shifted + n_contradicted;
}

fn playlist(
    draft: Draft,
    file: &str,
    format: ExportFormat,
    origin: &FeatureOrigin,
    mut report: ImportReport,
) -> ImportedPlaylist {
    let (mut tracks, mut rows) = (Vec::with_capacity(draft.rows.len()), Vec::new());
    let mut keys: HashSet<TrackKey> = HashSet::new();
    for row in draft.rows {
        let place = row.place;
        let track = track(row, format, origin);
        let is_new = track.key().is_none_or(|key| keys.insert(key));
        report.n_repeats += usize::from(!is_new);
        // Our own tables hold what somebody chose to write.
        if is_new || format == ExportFormat::Canonical {
            tracks.push(track);
            rows.push(place);
        }
    }
    report.n_rows = draft.n_rows;
    report.n_tracks = tracks.len();
    report.n_local = tracks.iter().filter(|track| track.is_local).count();
    report.n_without_id = tracks.iter().filter(|track| track.id.is_none()).count();
    report.n_episodes = draft.n_episodes;
    report.n_other = draft.n_other;
    report.n_bad_rows = draft.log.n_rows;
    report.n_bad_cells = draft.log.n_cells;
    report.issues = draft.log.listed;
    report.issues.sort_by_key(|issue| issue.place);
    report.notes.extend(draft.notes);
    report.coverage = CoverageReport::of_file(&tracks);
    report.n_with_features = report.coverage.n_with_features;
    ImportedPlaylist {
        playlist: Playlist {
            name: draft.name,
            kind: draft.kind,
            tracks,
        },
        file: file.to_owned(),
        format,
        rows,
        report,
    }
}

fn track(row: DraftRow, format: ExportFormat, origin: &FeatureOrigin) -> Track {
    let mut track = row.track;
    let mut features = AudioFeatures::default();
    for feature in AudioFeature::ALL {
        features.set(feature, row.values[feature.index()]);
    }
    track.features = features;
    if format != ExportFormat::Canonical && features.has_audio() {
        track.features_from = Some(origin.clone());
    }
    track
}
