//! Several sources of features, asked in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::message::with_causes;
use crate::{
    AudioFeature, AudioFeatures, CoverageReport, FeatureOrigin, FeatureScale, FeatureSource, FeatureStore,
    MissingReason, SourceError, StoredFeatures, Track, TrackKey,
};

/// How far a lookup has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainProgress<'a> {
    /// The source that is asked.
    pub source: &'a str,
    /// The tracks that it was asked for so far.
    pub n_asked: usize,
    /// The tracks that it will be asked for.
    pub n_total: usize,
    /// The tracks that it knew so far.
    pub n_found: usize,
}

/// Sources of features in the order in which they are asked; what the tracks bring along comes first.
///
/// A source is asked for the tracks without features, for those with rounded ones if its own are not, and for
/// those that lack a feature which it has and whose first source has not. Numbers of two scales are never mixed
/// in one track. Answers of remote sources are looked up in the store first and kept there.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
/// use playlist_core::{
///     AudioFeature, AudioFeatures, Chain, FeatureScale, FeatureSource, SourceError, Track, TrackKey,
/// };
///
/// struct Always;
/// impl FeatureSource for Always {
///     fn name(&self) -> &str { "always" }
///     fn scale(&self) -> FeatureScale { FeatureScale::Spotify }
///     fn provides(&self) -> &[AudioFeature] { &AudioFeature::ALL }
///     fn batch_size(&self) -> usize { 100 }
///     fn is_remote(&self) -> bool { false }
///     fn can_ask(&self, track: &Track) -> bool { track.id.is_some() }
///     fn lookup(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>, SourceError> {
///         let features = AudioFeatures::default().with(AudioFeature::Energy, 0.5);
///         Ok(tracks.iter().filter_map(|track| Some((track.key()?, features))).collect())
///     }
/// }
///
/// let known = Track { id: Some("4uLU6hMCjMI75M1A2tKUQC".parse()?), ..Track::default() };
/// let mut tracks = vec![known, Track::default()];
/// let report = Chain::new().with_source(Always).fill(&mut tracks);
/// assert_eq!(report.to_string().lines().next(), Some("features for 1 of 2 tracks"));
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Default)]
pub struct Chain<'a> {
    sources: Vec<Box<dyn FeatureSource + 'a>>,
    store: Option<Box<dyn FeatureStore + 'a>>,
    #[expect(clippy::type_complexity, reason = "a callback reads best as what it is")]
    progress: Option<Box<dyn FnMut(ChainProgress<'_>) -> ControlFlow<()> + 'a>>,
}

/// After so many failed batches in a row a source is given up.
const PATIENCE: usize = 3;

/// What is known of a run, beside the tracks.
#[derive(Default)]
struct Run {
    /// The key of each track, by position.
    key_of: Vec<Option<TrackKey>>,
    /// The features that at least one track brought along.
    file_gives: BTreeSet<AudioFeature>,
    /// For tracks without an answer, the source that owes it.
    unanswered: BTreeMap<TrackKey, String>,
    /// The tracks that some source did answer for, or was remembered not to know.
    asked: BTreeSet<TrackKey>,
    /// What the store knows of the tracks.
    stored: BTreeMap<TrackKey, Vec<StoredFeatures>>,
    notes: Vec<String>,
    stopped: bool,
}

impl<'a> Chain<'a> {
    /// No source at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another source behind the others.
    #[must_use]
    pub fn with_source(mut self, source: impl FeatureSource + 'a) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// The same with answers of remote sources kept in `store`.
    #[must_use]
    pub fn with_store(mut self, store: impl FeatureStore + 'a) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// The same with `progress` called after every batch; when it breaks, nothing more is asked.
    #[must_use]
    pub fn with_progress(mut self, progress: impl FnMut(ChainProgress<'_>) -> ControlFlow<()> + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// The names of the sources, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.sources.iter().map(|source| source.name()).collect()
    }

    /// Gives `tracks` the features that they lack, as far as any source knows them, and reports for how many
    /// they are known now. Failures of sources and of the store are in the report; nothing is lost by them.
    pub fn fill<'t>(&mut self, tracks: impl IntoIterator<Item = &'t mut Track>) -> CoverageReport {
        let mut tracks: Vec<&mut Track> = tracks.into_iter().collect();
        let mut run = Run::new(&tracks);
        self.fill_from_store(&mut tracks, &mut run);
        for at in 0..self.sources.len() {
            self.fill_from_source(at, &mut tracks, &mut run);
            run.notes.extend(self.sources[at].take_notes());
        }
        let has_sources = !self.sources.is_empty();
        let mut report = CoverageReport::of(tracks.iter().map(|track| &**track), |position, track| {
            let key = run.key_of[position].as_ref();
            if let Some(reason) = MissingReason::before_asking(track) {
                reason
            } else if let Some(source) = key.and_then(|key| run.unanswered.get(key)) {
                MissingReason::NotAnswered(source.clone())
            } else if key.is_some_and(|key| run.asked.contains(key)) {
                MissingReason::NotKnown
            } else if has_sources {
                MissingReason::NoId
            } else {
                MissingReason::NotAsked
            }
        });
        report.notes = run.notes;
        report
    }

    fn fill_from_store(&mut self, tracks: &mut [&mut Track], run: &mut Run) {
        let Some(store) = &mut self.store else { return };
        let keys: BTreeSet<TrackKey> = tracks.iter().flat_map(|track| sure_keys(track)).collect();
        match store.found(&keys.into_iter().collect::<Vec<_>>()) {
            Ok(found) => run.stored = found,
            Err(error) => {
                return run.notes.push(format!(
                    "the kept answers could not be read: {}",
                    with_causes(&*error)
                ));
            }
        }
        let wanting = |track: &&mut &mut Track| !track.features.has_audio() || is_rounded(track);
        for track in tracks.iter_mut().filter(wanting) {
            for key in sure_keys(track) {
                for stored in run.stored.get(&key).into_iter().flatten() {
                    merge(track, &stored.features, &stored.origin);
                }
            }
        }
    }

    fn fill_from_source(&mut self, at: usize, tracks: &mut [&mut Track], run: &mut Run) {
        let source = &self.sources[at];
        let name = source.name().to_owned();
        let mut wanting: BTreeMap<TrackKey, Vec<usize>> = BTreeMap::new();
        for (position, track) in tracks.iter().enumerate() {
            let Some(key) = &run.key_of[position] else {
                continue;
            };
            if source.can_ask(track) && self.wants(at, track, &run.file_gives) {
                wanting.entry(key.clone()).or_default().push(position);
            }
        }
        self.take_remembered(at, &mut wanting, tracks, run);
        if run.stopped {
            return run.owe(wanting.keys(), &name);
        }
        // In the order of the list, so that a run that is stopped has the first tracks.
        let mut order: Vec<(TrackKey, Vec<usize>)> = wanting.into_iter().collect();
        order.sort_by_key(|(_, positions)| positions[0]);
        let (mut n_asked, mut n_found, mut n_failed) = (0, 0, 0);
        for (index, batch) in order.chunks(self.sources[at].batch_size().max(1)).enumerate() {
            let asked: Vec<&Track> = batch
                .iter()
                .map(|(_, positions)| &*tracks[positions[0]])
                .collect();
            match self.sources[at].lookup(&asked) {
                Ok(answers) => {
                    n_failed = 0;
                    n_found += self.take_answers(at, batch, &answers, tracks, run);
                }
                Err(error) => {
                    n_failed += 1;
                    run.owe(batch.iter().map(|(key, _)| key), &name);
                    let ends = !matches!(error, SourceError::Failed { .. }) || n_failed == PATIENCE;
                    if ends || n_failed == 1 {
                        run.notes.push(with_causes(&error));
                    }
                    if ends {
                        let done = (index + 1) * self.sources[at].batch_size().max(1);
                        run.owe(order.iter().skip(done).map(|(key, _)| key), &name);
                        return;
                    }
                }
            }
            n_asked += batch.len();
            let progress = ChainProgress {
                source: &name,
                n_asked,
                n_total: order.len(),
                n_found,
            };
            if let Some(tell) = &mut self.progress
                && tell(progress).is_break()
            {
                run.stopped = true;
                run.owe(order.iter().skip(n_asked).map(|(key, _)| key), &name);
                return;
            }
        }
    }

    /// Whether the source can better what is known of `track`.
    fn wants(&self, at: usize, track: &Track, file_gives: &BTreeSet<AudioFeature>) -> bool {
        let source = &self.sources[at];
        if !track.features.has_audio() {
            return true;
        }
        let scale = track
            .features_from
            .as_ref()
            .map_or(FeatureScale::Spotify, |from| from.scale);
        if scale != source.scale() {
            return scale == FeatureScale::SpotifyRounded;
        }
        let first = track.features_from.as_ref().and_then(|from| {
            let known = self.sources.iter().find(|source| source.name() == from.source)?;
            Some(known.provides())
        });
        // What the first source has in general and not for this track is not there to be found.
        let given = |feature: &AudioFeature| match first {
            Some(provides) => provides.contains(feature),
            None => file_gives.contains(feature),
        };
        let lacks = |feature: &AudioFeature| track.features.get(*feature).is_none() && !given(feature);
        source.provides().iter().any(lacks)
    }

    /// Takes out what the source need not be asked again: what it answered before, which the tracks get now, and
    /// what it said lately that it does not know.
    fn take_remembered(
        &mut self,
        at: usize,
        wanting: &mut BTreeMap<TrackKey, Vec<usize>>,
        tracks: &mut [&mut Track],
        run: &mut Run,
    ) {
        let (Some(store), source) = (&mut self.store, &self.sources[at]) else {
            return;
        };
        if !source.is_remote() {
            return;
        }
        let (stored, asked) = (&run.stored, &mut run.asked);
        wanting.retain(|key, positions| {
            let keys = sure_keys(tracks[positions[0]]);
            let answers = keys.iter().filter_map(|key| stored.get(key)).flatten();
            let Some(answer) = answers
                .into_iter()
                .find(|stored| stored.origin.source == source.name())
            else {
                return true;
            };
            for position in positions {
                merge(tracks[*position], &answer.features, &answer.origin);
            }
            asked.insert(key.clone());
            false
        });
        let keys: Vec<TrackKey> = wanting.keys().cloned().collect();
        match store.missed(source.name(), &keys) {
            Ok(missed) => {
                for key in missed {
                    wanting.remove(&key);
                    run.asked.insert(key);
                }
            }
            Err(error) => run.notes.push(format!(
                "the kept answers could not be read: {}",
                with_causes(&*error)
            )),
        }
    }

    /// Merges the answers for a batch into the tracks, keeps them, and returns how many there are.
    fn take_answers(
        &mut self,
        at: usize,
        batch: &[(TrackKey, Vec<usize>)],
        answers: &BTreeMap<TrackKey, AudioFeatures>,
        tracks: &mut [&mut Track],
        run: &mut Run,
    ) -> usize {
        let source = &self.sources[at];
        let origin = FeatureOrigin::new(source.name(), source.scale());
        let mut kept: Vec<(TrackKey, Option<AudioFeatures>)> = Vec::new();
        let mut n_found = 0;
        for (key, positions) in batch {
            let keys = tracks[positions[0]].keys();
            let answer = keys.iter().find_map(|key| answers.get(key)).copied();
            n_found += usize::from(answer.is_some());
            run.asked.insert(key.clone());
            kept.push((key.clone(), answer));
            let Some(features) = answer else { continue };
            let other_keys = sure_keys(tracks[positions[0]])
                .into_iter()
                .filter(|other| other != key);
            kept.extend(other_keys.map(|other| (other, answer)));
            for position in positions {
                merge(tracks[*position], &features, &origin);
            }
        }
        if let Some(store) = self.store.as_mut().filter(|_| source.is_remote())
            && let Err(error) = store.keep(&origin, &kept)
        {
            let note = format!(
                "answers could not be kept, so they will be asked for again: {}",
                with_causes(&*error)
            );
            if !run.notes.contains(&note) {
                run.notes.push(note);
            }
        }
        n_found
    }
}

impl Run {
    fn new(tracks: &[&mut Track]) -> Self {
        let with_audio = || tracks.iter().filter(|track| track.features.has_audio());
        let known = |feature: &AudioFeature| with_audio().any(|track| track.features.get(*feature).is_some());
        Self {
            key_of: tracks.iter().map(|track| track.key()).collect(),
            file_gives: AudioFeature::ALL.into_iter().filter(known).collect(),
            ..Self::default()
        }
    }

    /// Notes that `source` owes an answer for `keys`.
    fn owe<'k>(&mut self, keys: impl IntoIterator<Item = &'k TrackKey>, source: &str) {
        for key in keys {
            self.unanswered
                .entry(key.clone())
                .or_insert_with(|| source.to_owned());
        }
    }
}

/// The keys that name one recording; artist and title may fit several.
fn sure_keys(track: &Track) -> Vec<TrackKey> {
    let mut keys = track.keys();
    keys.retain(|key| !matches!(key, TrackKey::Title(_)));
    keys
}

fn is_rounded(track: &Track) -> bool {
    let scale = track.features_from.as_ref().map(|from| from.scale);
    scale == Some(FeatureScale::SpotifyRounded)
}

/// Gives `track` what it lacks. Rounded features give way to unrounded ones as a whole; else what is known
/// stays.
fn merge(track: &mut Track, features: &AudioFeatures, origin: &FeatureOrigin) {
    let replaces = !track.features.has_audio() || is_rounded(track) && origin.scale == FeatureScale::Spotify;
    if replaces {
        let duration = track.features.get(AudioFeature::DurationMs);
        track.features = *features;
        if let Some(duration) = duration {
            track.features.set(AudioFeature::DurationMs, duration);
        }
        track.features_from = Some(origin.clone());
        return;
    }
    let scale = track
        .features_from
        .as_ref()
        .map_or(FeatureScale::Spotify, |from| from.scale);
    if scale != origin.scale {
        return;
    }
    for feature in AudioFeature::ALL {
        if let (None, Some(value)) = (track.features.get(feature), features.get(feature)) {
            track.features.set(feature, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StoreError, StoredFeatures};

    /// Knows the tracks whose id begins with one of `knows`, and counts what it is asked.
    struct Fake<'a> {
        name: &'static str,
        scale: FeatureScale,
        provides: Vec<AudioFeature>,
        knows: &'a str,
        value: f32,
        fails: Vec<usize>,
        calls: &'a std::cell::RefCell<Vec<Vec<String>>>,
    }

    impl FeatureSource for Fake<'_> {
        fn name(&self) -> &str {
            self.name
        }
        fn scale(&self) -> FeatureScale {
            self.scale
        }
        fn provides(&self) -> &[AudioFeature] {
            &self.provides
        }
        fn batch_size(&self) -> usize {
            2
        }
        fn is_remote(&self) -> bool {
            true
        }
        fn can_ask(&self, track: &Track) -> bool {
            track.id.is_some()
        }
        fn lookup(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>, SourceError> {
            let ids = || tracks.iter().map(|track| track.id.as_ref().unwrap().as_str());
            self.calls
                .borrow_mut()
                .push(ids().map(|id| id[..1].to_owned()).collect());
            if self.fails.contains(&self.calls.borrow().len()) {
                return Err(SourceError::Failed {
                    name: self.name.to_owned(),
                    source: "broken".into(),
                });
            }
            let mut features = AudioFeatures::default();
            for feature in &self.provides {
                features.set(*feature, self.value);
            }
            let known = tracks
                .iter()
                .filter(|track| self.knows.contains(&track.id.as_ref().unwrap().as_str()[..1]));
            Ok(known.map(|track| (track.key().unwrap(), features)).collect())
        }
    }

    #[derive(Default)]
    struct Memory {
        found: BTreeMap<TrackKey, Vec<StoredFeatures>>,
        missed: BTreeSet<TrackKey>,
    }

    impl FeatureStore for Memory {
        fn found(
            &mut self,
            keys: &[TrackKey],
        ) -> Result<BTreeMap<TrackKey, Vec<StoredFeatures>>, StoreError> {
            let known = keys
                .iter()
                .filter_map(|key| Some((key.clone(), self.found.get(key)?.clone())));
            Ok(known.collect())
        }
        fn missed(&mut self, _: &str, keys: &[TrackKey]) -> Result<Vec<TrackKey>, StoreError> {
            Ok(keys
                .iter()
                .filter(|key| self.missed.contains(key))
                .cloned()
                .collect())
        }
        fn keep(
            &mut self,
            origin: &FeatureOrigin,
            answers: &[(TrackKey, Option<AudioFeatures>)],
        ) -> Result<(), StoreError> {
            for (key, answer) in answers {
                match answer {
                    Some(features) => {
                        let (origin, features) = (origin.clone(), *features);
                        let stored = StoredFeatures { origin, features };
                        self.found.entry(key.clone()).or_default().push(stored);
                    }
                    None => {
                        self.missed.insert(key.clone());
                    }
                }
            }
            Ok(())
        }
    }

    fn track(letter: char) -> Track {
        Track {
            id: Some(letter.to_string().repeat(22).parse().unwrap()),
            ..Track::default()
        }
    }

    fn fake<'a>(knows: &'a str, calls: &'a std::cell::RefCell<Vec<Vec<String>>>) -> Fake<'a> {
        Fake {
            name: "fake",
            scale: FeatureScale::Spotify,
            provides: vec![AudioFeature::Energy],
            knows,
            value: 0.5,
            fails: Vec::new(),
            calls,
        }
    }

    #[test]
    fn each_track_is_asked_once_and_remembered_for_ever() {
        let (calls, mut store) = (std::cell::RefCell::default(), Memory::default());
        let mut tracks: Vec<Track> = "abca".chars().map(track).collect();
        let report = Chain::new()
            .with_source(fake("ab", &calls))
            .with_store(&mut store)
            .fill(&mut tracks);
        assert_eq!((report.n_tracks, report.n_with_features), (4, 3));
        assert_eq!(report.missing, [(MissingReason::NotKnown, 1)]);
        assert_eq!(*calls.borrow(), [vec!["a", "b"], vec!["c"]]);
        let mut again: Vec<Track> = "abc".chars().map(track).collect();
        let report = Chain::new()
            .with_source(fake("abc", &calls))
            .with_store(&mut store)
            .fill(&mut again);
        assert_eq!(calls.borrow().len(), 2, "hits and misses are remembered");
        assert_eq!(report.missing, [(MissingReason::NotKnown, 1)]);
        assert_eq!(again[0].features_from.as_ref().unwrap().source, "fake");
    }

    #[test]
    fn a_remembered_answer_fills_a_gap_without_a_question() {
        let (calls, mut store) = (std::cell::RefCell::default(), Memory::default());
        let partly = || {
            let mut track = track('a');
            track.features.set(AudioFeature::Tempo, 100.0);
            [track]
        };
        for round in 0..2 {
            let mut tracks = partly();
            Chain::new()
                .with_source(fake("a", &calls))
                .with_store(&mut store)
                .fill(&mut tracks);
            assert_eq!(calls.borrow().len(), 1, "round {round}");
            assert_eq!(tracks[0].features.get(AudioFeature::Energy), Some(0.5));
        }
    }

    #[test]
    fn a_source_that_failed_still_owes_what_the_next_does_not_know() {
        let calls = std::cell::RefCell::default();
        let mut broken = fake("", &calls);
        (broken.name, broken.fails) = ("broken", vec![1]);
        let mut tracks = [track('a')];
        let report = Chain::new()
            .with_source(broken)
            .with_source(fake("", &calls))
            .fill(&mut tracks);
        let owed = MissingReason::NotAnswered("broken".to_owned());
        assert_eq!(report.missing, [(owed, 1)]);
    }

    #[test]
    fn a_batch_that_fails_costs_that_batch_and_three_in_a_row_the_source() {
        let calls = std::cell::RefCell::default();
        let mut source = fake("abcdefghij", &calls);
        source.fails = vec![1, 3, 4, 5];
        let mut tracks: Vec<Track> = "abcdefghijkl".chars().map(track).collect();
        let report = Chain::new().with_source(source).fill(&mut tracks);
        assert_eq!(report.n_with_features, 2, "{report}");
        assert_eq!(
            report.missing,
            [(MissingReason::NotAnswered("fake".to_owned()), 10)]
        );
        assert_eq!(calls.borrow().len(), 5);
        assert_eq!(report.notes.len(), 3);
    }

    #[test]
    fn scales_are_not_mixed_and_rounded_numbers_give_way() {
        let calls = std::cell::RefCell::default();
        let rounded = |letter| {
            let mut track = track(letter);
            track.features.set(AudioFeature::Energy, 0.1);
            track.features.set(AudioFeature::Valence, 0.1);
            track.features.set(AudioFeature::DurationMs, 1234.0);
            track.features_from = Some(FeatureOrigin::new("chosic", FeatureScale::SpotifyRounded));
            track
        };
        let mut tracks = vec![rounded('a'), rounded('b')];
        Chain::new().with_source(fake("a", &calls)).fill(&mut tracks);
        let get = |track: &Track, feature| track.features.get(feature);
        assert_eq!(get(&tracks[0], AudioFeature::Energy), Some(0.5));
        assert_eq!(get(&tracks[0], AudioFeature::Valence), None);
        assert_eq!(get(&tracks[0], AudioFeature::DurationMs), Some(1234.0));
        assert_eq!(get(&tracks[1], AudioFeature::Energy), Some(0.1));
        let mut source = fake("a", &calls);
        source.scale = FeatureScale::SpotifyRounded;
        source.provides = vec![AudioFeature::Tempo];
        let mut unrounded = [track('a').clone()];
        unrounded[0].features.set(AudioFeature::Energy, 0.123);
        calls.borrow_mut().clear();
        Chain::new().with_source(source).fill(&mut unrounded);
        assert!(
            calls.borrow().is_empty(),
            "nothing rounded is asked for beside unrounded numbers"
        );
    }

    #[test]
    fn a_source_fills_the_features_that_the_file_has_for_no_track() {
        let calls = std::cell::RefCell::default();
        let mut known = [track('a'), track('b')];
        known[0].features.set(AudioFeature::Tempo, 100.0);
        known[1].features.set(AudioFeature::Loudness, -5.0);
        let mut same = fake("ab", &calls);
        same.provides = vec![AudioFeature::Tempo, AudioFeature::Loudness];
        Chain::new().with_source(same).fill(&mut known);
        assert!(calls.borrow().is_empty(), "the file has both columns");
        Chain::new().with_source(fake("a", &calls)).fill(&mut known);
        assert_eq!(known[0].features.get(AudioFeature::Energy), Some(0.5));
        assert_eq!(known[0].features.get(AudioFeature::Tempo), Some(100.0));
    }

    #[test]
    fn a_stop_leaves_what_was_found_and_says_who_owes_the_rest() {
        let calls = std::cell::RefCell::default();
        let mut tracks: Vec<Track> = "dcba".chars().map(track).collect();
        tracks.push(Track {
            is_local: true,
            ..Track::default()
        });
        let report = Chain::new()
            .with_source(fake("abcd", &calls))
            .with_progress(|progress| {
                assert_eq!((progress.n_asked, progress.n_total, progress.n_found), (2, 4, 2));
                ControlFlow::Break(())
            })
            .fill(&mut tracks);
        assert_eq!(*calls.borrow(), [["d", "c"]], "in the order of the list");
        assert_eq!(
            report.missing,
            [
                (MissingReason::LocalFile, 1),
                (MissingReason::NotAnswered("fake".to_owned()), 2)
            ]
        );
    }
}
