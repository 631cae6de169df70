//! Scoring a saved model on tracks that it has not seen.

use std::time::Instant;

use playlist_core::{AudioFeature, Classifier, Labels};
use playlist_dataset::Split;
use playlist_report::{ModelSection, TestsSection, verdict};

use crate::evaluate::{against_majority, score, test_loss};
use crate::experiment::class_counts;
use crate::saved::SavedModel;
use crate::{Error, Experiment, ModelName, Outcome, Result};

impl Experiment {
    /// Scores a saved model on those tracks that it was not trained on.
    ///
    /// # Errors
    /// [`Error::OtherClasses`], [`Error::NothingUnseen`], a missing feature column, and those of scoring.
    pub fn evaluate(&self, model: &SavedModel) -> Result<Outcome> {
        let labels = self.labels_of(model)?;
        let split = self.unseen_by(model)?;
        let columns = model.columns().to_vec();
        let features: Vec<AudioFeature> = columns
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?;
        let x = self.table.features(&features)?;
        let (test_x, test_y) = (x.select_rows(&split.test), labels.select_rows(&split.test));
        let start = Instant::now();
        let p_test = model.predict_proba(&test_x)?;
        let predict_seconds = start.elapsed().as_secs_f64();
        let mut scores = score(&test_y, &p_test, model.threshold())?;
        scores.metrics.test_loss = test_loss(model.pipeline(), &test_x, &test_y, scores.metrics.log_loss)?;
        let majority = (model.name() != ModelName::Majority).then(|| against_majority(&scores.majority));
        let tests = TestsSection {
            majority,
            baseline: None,
        };
        let section = ModelSection {
            name: model.name().to_string(),
            fit_seconds: None,
            predict_seconds,
            metrics: scores.metrics,
            intervals: scores.intervals,
            verdict: verdict(model.name().name(), &tests),
            tests,
            warnings: Vec::new(),
            repeats: Vec::new(),
        };
        let mut report = self.report(&split, 1, vec![section]);
        report.split.method = "unseen".to_owned();
        report.split.test_fraction = None;
        report.split.test_classes = class_counts(&test_y);
        report.dataset.features = columns;
        report.dataset.classes = class_counts(&labels);
        report.dataset.positive_class = (labels.n_classes() == 2).then(|| labels.class_names()[1].clone());
        let predictions = vec![model.predict_proba(&x)?];
        Ok(Outcome {
            report,
            models: Vec::new(),
            split,
            predictions,
        })
    }

    /// The labels in the model's own order of classes, which decides which is positive.
    fn labels_of(&self, model: &SavedModel) -> Result<Labels> {
        let (expected, found) = (model.class_names(), self.labels.class_names());
        let positions: Option<Vec<usize>> = found
            .iter()
            .map(|name| expected.iter().position(|class| class == name))
            .collect();
        let positions = positions.ok_or_else(|| Error::OtherClasses {
            expected: expected.to_vec(),
            found: found.to_vec(),
        })?;
        let y = self.labels.y().iter().map(|label| positions[*label]).collect();
        Ok(Labels::new(expected.to_vec(), y)?)
    }

    /// The tracks that the model was trained on, and the others to test it on.
    fn unseen_by(&self, model: &SavedModel) -> Result<Split> {
        let n_tracks = self.table.n_tracks();
        let (train, test): (Vec<usize>, Vec<usize>) =
            (0..n_tracks).partition(|row| model.has_seen(&self.table, *row));
        if test.is_empty() {
            return Err(Error::NothingUnseen { n_tracks });
        }
        Ok(Split {
            train,
            valid: Vec::new(),
            test,
        })
    }
}
