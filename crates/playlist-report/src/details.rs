//! What figures need beside the report: values and predictions, track by track.

use serde::Serialize;

use crate::effect::Effect;

/// What the page and the figures of an experiment need beside its report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExperimentDetails {
    /// The command that made it, as typed.
    pub command: String,
    /// The names of the classes; of two the second is the positive one.
    pub classes: Vec<String>,
    /// The class of each track, `[n_tracks]`, by its position in `classes`.
    pub y: Vec<usize>,
    /// Each feature's values, in the order of the features.
    pub features: Vec<FeatureValues>,
    /// The losses of each training that keeps them (first split).
    pub histories: Vec<LossHistory>,
    /// The tracks of the test part (first split).
    pub test: TestTracks,
    /// What each model says of them, in the order of the report.
    pub models: Vec<ModelPredictions>,
}

/// One feature of all tracks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureValues {
    /// The feature.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Whether its values are codes (key, mode, time signature) and not quantities.
    pub is_categorical: bool,
    /// The value of each track, `[n_tracks]`; `None` where it is not known.
    pub values: Vec<Option<f32>>,
}

/// The losses of one training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossHistory {
    /// The model.
    pub model: String,
    /// What the loss is, for instance `binary cross-entropy`.
    pub loss: String,
    /// Over the training part, an epoch each.
    pub train: Vec<f64>,
    /// Over the validation part after each epoch; empty without one.
    pub valid: Vec<f64>,
    /// Over the test part after each epoch; empty where it was not watched. Nothing goes by it.
    pub test: Vec<f64>,
}

impl LossHistory {
    /// The curves that there are, with their names.
    #[must_use]
    pub fn curves(&self) -> Vec<(&'static str, Vec<f64>)> {
        let all = [
            ("training", &self.train),
            ("validation", &self.valid),
            ("test", &self.test),
        ];
        let some = all.into_iter().filter(|(_, losses)| !losses.is_empty());
        some.map(|(name, losses)| (name, losses.clone())).collect()
    }
}

/// The tracks of the test part.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TestTracks {
    /// The class of each, `[n_test]`.
    pub y: Vec<usize>,
    /// The title of each, `[n_test]`: the id or the place in the file where there is none.
    pub titles: Vec<String>,
    /// The artist of each, `[n_test]`; empty texts where unknown.
    pub artists: Vec<String>,
}

/// What one model says of the test part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelPredictions {
    /// The model.
    pub name: String,
    /// The probability of the positive class, `[n_test]`; with more than two classes of each, `[n_test, n_classes]`.
    pub p: Vec<f32>,
    /// Where a probability turns into a yes; `None` with more than two classes and where it has none.
    pub threshold: Option<f64>,
}

impl ExperimentDetails {
    /// Whether there are two classes.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.classes.len() == 2
    }

    /// The features by how much they differ between the classes, the most first.
    #[must_use]
    pub fn by_effect(&self) -> Vec<&FeatureValues> {
        let size = |feature: &&FeatureValues| {
            let effect = feature.effect(&self.y, self.classes.len());
            effect.map_or(-1.0, |effect: Effect| effect.size())
        };
        let mut features: Vec<&FeatureValues> = self.features.iter().collect();
        features.sort_by(|a, b| size(b).total_cmp(&size(a)));
        features
    }

    /// Whether each track of the test part is positive; empty with more than two classes.
    #[must_use]
    pub fn positives(&self) -> Vec<bool> {
        if self.is_binary() {
            self.test.y.iter().map(|class| *class == 1).collect()
        } else {
            Vec::new()
        }
    }
}

impl ModelPredictions {
    /// The probability of `class` for each track, of `n_classes`.
    #[must_use]
    pub fn of_class(&self, class: usize, n_classes: usize) -> Vec<f32> {
        match (n_classes, class) {
            (2, 0) => self.p.iter().map(|p| 1.0 - p).collect(),
            (2, _) => self.p.clone(),
            _ => self.p.iter().skip(class).step_by(n_classes).copied().collect(),
        }
    }

    /// The most probable of more than two classes of one track, the first of equals, and its probability.
    pub(crate) fn answers_at(&self, row: usize, n_classes: usize) -> (usize, f32) {
        let row = &self.p[row * n_classes..(row + 1) * n_classes];
        let all = row.iter().copied().enumerate().rev();
        all.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
    }

    /// The most probable class of each track and its probability; of two the positive one from the threshold on.
    #[must_use]
    pub fn answers(&self, n_classes: usize) -> Vec<(usize, f32)> {
        if n_classes == 2 {
            let threshold = self.threshold.unwrap_or(0.5);
            let answer = |p: &f32| {
                if f64::from(*p) >= threshold {
                    (1, *p)
                } else {
                    (0, 1.0 - p)
                }
            };
            return self.p.iter().map(answer).collect();
        }
        let n_tracks = self.p.len() / n_classes.max(1);
        (0..n_tracks).map(|row| self.answers_at(row, n_classes)).collect()
    }
}
