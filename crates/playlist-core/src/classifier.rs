//! The contract that every model keeps.

use crate::{Error, FeatureMatrix, Labels, Probabilities, Result};

/// A fitted model that gives each track a probability for each class.
///
/// What every implementation keeps (`tests/classifier_contract.rs` holds all of ours to it):
/// probabilities lie in [0, 1], one row a track; the order of rows does not matter; a matrix with other
/// columns, another order of columns or missing values is an error; no rows give no predictions.
pub trait Classifier: Send + Sync {
    /// The columns that the model was fitted on, in order.
    fn columns(&self) -> &[String];

    /// The names of the classes; with two, the second is the positive one.
    fn class_names(&self) -> &[String];

    /// The probability of each class for each row of `x`.
    ///
    /// # Shapes
    /// `x` is `[n_samples, n_features]`; the result is `[n_samples]` for two classes and
    /// `[n_samples, n_classes]` for more.
    ///
    /// # Errors
    /// [`Error::ColumnsDiffer`], [`Error::MissingValue`], [`Error::Model`].
    fn predict_proba(&self, x: &FeatureMatrix) -> Result<Probabilities>;

    /// The most probable class of each row of `x`, `[n_samples]`.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    fn predict(&self, x: &FeatureMatrix) -> Result<Vec<usize>> {
        Ok(self.predict_proba(x)?.most_probable())
    }

    /// Checks that `x` can be predicted on: the columns fitted on, nothing missing.
    ///
    /// # Errors
    /// [`Error::ColumnsDiffer`], [`Error::MissingValue`].
    fn check_input(&self, x: &FeatureMatrix) -> Result<()> {
        x.check_columns(self.columns())?;
        x.check_complete()
    }
}

impl<C: Classifier + ?Sized> Classifier for Box<C> {
    fn columns(&self) -> &[String] {
        (**self).columns()
    }

    fn class_names(&self) -> &[String] {
        (**self).class_names()
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> Result<Probabilities> {
        (**self).predict_proba(x)
    }
}

/// Settings from which a [`Classifier`] is fitted.
pub trait ClassifierConfig {
    /// What fitting returns.
    type Model: Classifier;
    /// The error of the model's crate.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Learns from `x`, `[n_samples, n_features]`, and `y`, `[n_samples]`. The same settings and the
    /// same data give the same model.
    ///
    /// # Errors
    /// At least: [`Error::LengthMismatch`], [`Error::Empty`], [`Error::MissingValue`],
    /// [`Error::OneClass`] and settings out of range, in the crate's own error type.
    fn fit(&self, x: &FeatureMatrix, y: &Labels) -> std::result::Result<Self::Model, Self::Error>;
}

/// A fitted step that turns one matrix of features into another.
pub trait Transformer: Send + Sync {
    /// The columns that [`Transformer::transform`] needs.
    fn input_columns(&self) -> &[String];

    /// The columns of what it returns, in order.
    fn output_columns(&self) -> &[String];

    /// Transforms `x`, `[n_samples, n_input]`, into `[n_samples, n_output]`. Statistics are those of the
    /// matrix fitted on, never of `x`.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] or [`Error::ColumnsDiffer`], [`Error::MissingValue`].
    fn transform(&self, x: &FeatureMatrix) -> Result<FeatureMatrix>;
}

/// A transformer followed by a classifier: what leaves training, so that nobody forgets to scale.
///
/// # Examples
/// ```
/// use playlist_core::{Classifier, FeatureMatrix, Pipeline, Transformer};
/// # use playlist_core::{ClassifierConfig, Labels, MajorityConfig};
///
/// /// Keeps one column.
/// struct Only(Vec<String>);
/// impl Transformer for Only {
///     fn input_columns(&self) -> &[String] { &self.0 }
///     fn output_columns(&self) -> &[String] { &self.0 }
///     fn transform(&self, x: &FeatureMatrix) -> playlist_core::Result<FeatureMatrix> {
///         x.select_columns(&self.0)
///     }
/// }
///
/// let x = FeatureMatrix::new(["energy", "tempo"], vec![0.5, 120.0, 0.7, 90.0, 0.2, 70.0])?;
/// let y = Labels::binary("other", "liked", &[true, false, true]);
/// let only = Only(vec!["energy".to_owned()]);
/// let model = MajorityConfig.fit(&only.transform(&x)?, &y)?;
/// let pipeline = Pipeline::new(only, model)?;
/// assert_eq!(pipeline.predict(&x)?, [1, 1, 1]);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pipeline<T, C> {
    transformer: T,
    classifier: C,
}

impl<T: Transformer, C: Classifier> Pipeline<T, C> {
    /// Joins a fitted transformer and a classifier that was fitted on its output.
    ///
    /// # Errors
    /// [`Error::ColumnsDiffer`] when the classifier was fitted on other columns than the transformer
    /// gives.
    pub fn new(transformer: T, classifier: C) -> Result<Self> {
        if transformer.output_columns() != classifier.columns() {
            return Err(Error::ColumnsDiffer {
                expected: classifier.columns().to_vec(),
                found: transformer.output_columns().to_vec(),
            });
        }
        Ok(Self {
            transformer,
            classifier,
        })
    }

    /// The transformer.
    pub const fn transformer(&self) -> &T {
        &self.transformer
    }

    /// The classifier.
    pub const fn classifier(&self) -> &C {
        &self.classifier
    }
}

impl<T: Transformer, C: Classifier> Classifier for Pipeline<T, C> {
    fn columns(&self) -> &[String] {
        self.transformer.input_columns()
    }

    fn class_names(&self) -> &[String] {
        self.classifier.class_names()
    }

    /// As the classifier's, on the transformed matrix. Missing values are allowed where the transformer
    /// imputes them, and the columns may stand in any order.
    fn predict_proba(&self, x: &FeatureMatrix) -> Result<Probabilities> {
        self.classifier.predict_proba(&self.transformer.transform(x)?)
    }

    fn check_input(&self, x: &FeatureMatrix) -> Result<()> {
        x.select_columns(self.columns()).map(|_| ())
    }
}
