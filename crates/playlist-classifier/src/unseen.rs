//! Scoring a saved model on tracks that it has not seen.

use std::time::Instant;

use playlist_core::{AudioFeature, Classifier};
use playlist_dataset::Split;
use playlist_report::{LARGER_TEST_CLASS, ModelSection, TestsSection, verdict};

use crate::evaluate::{against_chance, against_majority, score, test_loss};
use crate::experiment::{class_counts, missing_counts};
use crate::saved::SavedModel;
use crate::{Error, Experiment, ModelName, Outcome, Result, telltale};

impl Experiment {
    /// Scores a saved model on those tracks that it was not trained on.
    ///
    /// Classes are matched by name; those of a pair of files, which has named its classes itself, by their roles
    /// where the names differ.
    ///
    /// # Errors
    /// [`Error::OtherClasses`], [`Error::NothingUnseen`], a missing feature column, and those of scoring.
    pub fn evaluate(&self, model: &SavedModel) -> Result<Outcome> {
        let (labels, mut warnings) = model.match_labels(&self.labels, self.labels_by_role)?;
        let split = self.unseen_by(model)?;
        let columns = model.columns().to_vec();
        let parsed = columns.iter().map(|name| name.parse());
        let features: Vec<AudioFeature> = parsed.collect::<Result<_, _>>()?;
        let x = self.table.features(&features)?;
        let (test_x, test_y) = (x.select_rows(&split.test), labels.select_rows(&split.test));
        let start = Instant::now();
        let p_test = model.predict_proba(&test_x)?;
        let predict_seconds = start.elapsed().as_secs_f64();
        let mut scores = score(&test_y, &p_test, model.threshold())?;
        scores.metrics.test_loss = test_loss(model.pipeline(), &test_x, &test_y, scores.metrics.log_loss)?;
        let is_majority = model.name() == ModelName::Majority;
        let tests = if is_majority {
            TestsSection::default()
        } else {
            TestsSection {
                chance: against_chance(&test_y, &p_test)?,
                majority: Some(against_majority(&scores.majority, LARGER_TEST_CLASS)),
                baseline: None,
            }
        };
        warnings.extend(self.other_positive_class(labels.class_names()));
        warnings.extend(self.not_recognised(model));
        let section = ModelSection {
            name: model.name().to_string(),
            fit_seconds: None,
            predict_seconds,
            metrics: scores.metrics,
            intervals: scores.intervals,
            verdict: if is_majority {
                "majority always answers the larger class of its training part.".to_owned()
            } else {
                verdict(model.name().name(), &tests)
            },
            tests,
            warnings,
            notes: Vec::new(),
            repeats: Vec::new(),
        };
        let mut report = self.report(&split, (1, 1), model.correction(), vec![section]);
        report.seed = model.training().seed;
        let is_corrected = model.correction().is_some();
        report.prior.setting = if is_corrected { "saved" } else { "training" }.to_owned();
        report.split.method = "unseen".to_owned();
        (report.split.test_fraction, report.split.folds) = (None, None);
        report.split.test_classes = class_counts(&test_y);
        report.dataset.features = columns;
        report.dataset.missing = missing_counts(&x);
        // The features are the model's, so what was noted on others does not matter.
        report.dataset.notes = telltale::find(&self.table, &labels, &features, &features)?.1;
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

    /// A warning where a positive class was asked for that is the model's negative one.
    fn other_positive_class(&self, class_names: &[String]) -> Option<String> {
        let asked = self.config.positive_class.as_ref()?;
        let [negative, positive] = class_names else {
            return None;
        };
        (asked == negative).then(|| {
            format!(
                "`{positive}` is the positive class, as in training, although `{asked}` was named as such"
            )
        })
    }

    /// A warning where the table lacks features by which training tracks are known again.
    fn not_recognised(&self, model: &SavedModel) -> Option<String> {
        if model.recognises(&self.table) || (0..self.table.n_tracks()).all(|row| self.table.id(row).is_some())
        {
            return None;
        }
        let known = self.table.known_features();
        let lacking: Vec<String> = model
            .training()
            .known_by
            .iter()
            .filter(|feature| !known.contains(feature))
            .map(|feature| format!("`{feature}`"))
            .collect();
        Some(format!(
            "tracks without an id are known again less surely, for lack of {}: training tracks may be among those tested, or others left out",
            lacking.join(", ")
        ))
    }

    /// The tracks that the model was trained on, and the others to test it on.
    fn unseen_by(&self, model: &SavedModel) -> Result<Split> {
        let n_tracks = self.table.n_tracks();
        let is_seen = model.has_seen(&self.table);
        let (train, test): (Vec<usize>, Vec<usize>) = (0..n_tracks).partition(|row| is_seen[*row]);
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
