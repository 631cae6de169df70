//! The model that looks at nothing: what every other has to beat.

use serde::{Deserialize, Serialize};

use crate::{Classifier, ClassifierConfig, Error, FeatureMatrix, Labels, Probabilities, Result};

/// Settings of [`Majority`]: there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MajorityConfig;

/// Always answers with the share of each class in the training part, and so with the larger class.
///
/// # Source
/// scikit-learn's `DummyClassifier(strategy="prior")`. Equal classes: the positive one is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Majority {
    columns: Vec<String>,
    class_names: Vec<String>,
    class_shares: Vec<f32>,
}

impl Majority {
    /// The share of each class in the training part, `[n_classes]`.
    #[must_use]
    pub fn class_shares(&self) -> &[f32] {
        &self.class_shares
    }
}

impl ClassifierConfig for MajorityConfig {
    type Model = Majority;
    type Error = Error;

    fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<Majority> {
        y.check_fit(x)?;
        let n_samples = y.n_samples() as f64;
        Ok(Majority {
            columns: x.columns().to_vec(),
            class_names: y.class_names().to_vec(),
            class_shares: y
                .class_counts()
                .into_iter()
                .map(|count| (count as f64 / n_samples) as f32)
                .collect(),
        })
    }
}

impl Classifier for Majority {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> Result<Probabilities> {
        self.check_input(x)?;
        Probabilities::multi_class(self.class_shares.len(), self.class_shares.repeat(x.n_samples()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_the_training_shares() {
        let x = FeatureMatrix::new(["a"], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let y = Labels::binary("no", "yes", &[true, false, false, false]);
        let model = MajorityConfig.fit(&x, &y).unwrap();
        assert_eq!(model.predict(&x).unwrap(), [0; 4]);
        assert_eq!(model.predict_proba(&x).unwrap().positive().unwrap(), [0.25; 4]);
    }
}
