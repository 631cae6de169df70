//! Saved models on parts of a catalogue.

use std::path::PathBuf;

use playlist_core::{AudioFeature, Classifier, FeatureMatrix, Probabilities};
use playlist_dataset::{Block, CataloguePart, CatalogueScan, TableFormat};
use sha2::{Digest, Sha256};

use super::job::Counts;
use super::{MissingFeatures, ScoreConfig, Scored};
use crate::{Error, Result, SavedModel};

/// So many rows are scored at once: they stay in the processor's cache.
const ROWS_AT_ONCE: usize = 4096;

/// The models, and the features that any of them needs.
pub(super) struct Scorers {
    features: Vec<AudioFeature>,
    models: Vec<Scorer>,
}

/// A model, and where it finds its features and puts its probabilities.
pub(super) struct Scorer {
    /// The name of the model in the table.
    pub(super) name: String,
    path: PathBuf,
    /// SHA-256 of the file.
    sha256: String,
    model: SavedModel,
    /// Where each of its columns stands among the features that are read.
    sources: Vec<usize>,
    /// The names of its columns of probabilities.
    pub(super) columns: Vec<String>,
}

impl Scorers {
    /// Loads the models.
    ///
    /// # Errors
    /// [`Error::SameName`]; those of loading; [`playlist_core::Error::UnknownFeature`] for a model of other columns.
    pub(super) fn load(config: &ScoreConfig) -> Result<Self> {
        let mut features: Vec<AudioFeature> = Vec::new();
        let mut models: Vec<Scorer> = Vec::new();
        for (name, path) in &config.models {
            let model = SavedModel::load(path, config.backend)?;
            let mut sources = Vec::new();
            for column in model.columns() {
                let feature: AudioFeature = column.parse()?;
                let known = features.iter().position(|known| *known == feature);
                sources.push(known.unwrap_or_else(|| {
                    features.push(feature);
                    features.len() - 1
                }));
            }
            let columns = match model.class_names() {
                [_, _] => vec![name.clone()],
                classes => classes.iter().map(|class| format!("{name}:{class}")).collect(),
            };
            let bytes = std::fs::read(path).map_err(|source| Error::Unreadable {
                path: path.clone(),
                source,
            })?;
            models.push(Scorer {
                name: name.clone(),
                path: path.clone(),
                sha256: hex(&Sha256::digest(&bytes)),
                model,
                sources,
                columns,
            });
        }
        Ok(Self { features, models })
    }

    /// The features that are read.
    pub(super) fn features(&self) -> &[AudioFeature] {
        &self.features
    }

    pub(super) fn models(&self) -> &[Scorer] {
        &self.models
    }

    /// Checks that every column of the table has a name of its own.
    ///
    /// # Errors
    /// [`Error::SameName`].
    pub(super) fn check_names(&self, scan: &CatalogueScan) -> Result<()> {
        let added = self.models.iter().flat_map(|model| &model.columns);
        let mut names: Vec<&str> = Vec::new();
        for name in scan.kept_columns().chain(added.map(String::as_str)) {
            if names.contains(&name) {
                return Err(Error::SameName {
                    name: name.to_owned(),
                });
            }
            names.push(name);
        }
        Ok(())
    }

    /// Reads a part, scores it and packs the rows for the table.
    pub(super) fn score(
        &self,
        scan: &CatalogueScan,
        part: CataloguePart,
        missing: MissingFeatures,
        format: TableFormat,
    ) -> Result<Scored> {
        let (index, end) = (part.index(), part.end());
        let block = scan.read(part)?;
        let mut counts = Counts::new(&block, self.models.len());
        let mut columns = Vec::new();
        for (model, n_null) in self.models.iter().zip(&mut counts.n_null) {
            let scores = model.score(&block, missing)?;
            *n_null = scores[0].iter().filter(|p| p.is_nan()).count();
            columns.extend(model.columns.iter().cloned().zip(scores));
        }
        Ok(Scored {
            index,
            end,
            encoded: block.encode(columns, format)?,
            counts,
        })
    }
}

impl Scorer {
    /// What tells this model from others, for the reader and for sure.
    pub(super) fn fingerprint(&self) -> String {
        format!("{} from {} ({})", self.name, self.path.display(), self.sha256)
    }

    /// The probabilities of each row, NaN where there is none: a column for the positive class of two, or for each of more.
    fn score(&self, block: &Block, missing: MissingFeatures) -> Result<Vec<Vec<f32>>> {
        let mut scores: Vec<Vec<f32>> = self
            .columns
            .iter()
            .map(|_| vec![f32::NAN; block.n_rows()])
            .collect();
        let sources: Vec<&[f32]> = self.sources.iter().map(|source| block.column(*source)).collect();
        for start in (0..block.n_rows()).step_by(ROWS_AT_ONCE) {
            let n_rows = ROWS_AT_ONCE.min(block.n_rows() - start);
            let (values, rows) = gather(&sources, start, n_rows, missing);
            let x = self.matrix(values)?;
            match self.model.predict_proba(&x) {
                Ok(p) => put(&p, &rows, &mut scores),
                Err(error) if is_of_a_row(&error) => {
                    for (at, row) in rows.iter().enumerate() {
                        match self.model.predict_proba(&x.select_rows(&[at])) {
                            Ok(p) => put(&p, &[*row], &mut scores),
                            Err(error) if is_of_a_row(&error) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(scores)
    }

    fn matrix(&self, values: Vec<f32>) -> Result<FeatureMatrix> {
        Ok(FeatureMatrix::new(self.model.columns(), values)?)
    }
}

/// Whether the fault lies in a value of a row, not in the model.
fn is_of_a_row(error: &playlist_core::Error) -> bool {
    use playlist_core::Error::{MissingValue, NonFinite, ValueOutOfRange};
    matches!(
        error,
        MissingValue { .. } | NonFinite { .. } | ValueOutOfRange { .. }
    )
}

/// The values of `n_rows` rows from `start` on that can be scored, row by row, and which rows these are.
fn gather(
    sources: &[&[f32]],
    start: usize,
    n_rows: usize,
    missing: MissingFeatures,
) -> (Vec<f32>, Vec<usize>) {
    let width = sources.len();
    let mut values = vec![0.0; n_rows * width];
    let mut has_missing = false;
    for (column, source) in sources.iter().enumerate() {
        let cells = values[column..].iter_mut().step_by(width);
        for (cell, value) in cells.zip(&source[start..start + n_rows]) {
            *cell = *value;
            has_missing |= value.is_nan();
        }
    }
    if !has_missing {
        return (values, (start..start + n_rows).collect());
    }
    let is_scored = |row: &[f32]| match missing {
        MissingFeatures::Null => !row.iter().any(|value| value.is_nan()),
        MissingFeatures::Impute => !row.iter().all(|value| value.is_nan()),
    };
    let scored: Vec<usize> = (0..n_rows)
        .filter(|row| is_scored(&values[row * width..][..width]))
        .collect();
    let kept = scored
        .iter()
        .flat_map(|row| &values[row * width..][..width])
        .copied()
        .collect();
    (kept, scored.into_iter().map(|row| start + row).collect())
}

/// Puts probabilities into the columns, at `rows`.
fn put(p: &Probabilities, rows: &[usize], scores: &mut [Vec<f32>]) {
    match (p.positive(), scores) {
        (Ok(positive), [only]) => {
            for (row, p) in rows.iter().zip(positive) {
                only[*row] = *p;
            }
        }
        (_, scores) => {
            for (class, column) in scores.iter_mut().enumerate() {
                for (at, row) in rows.iter().enumerate() {
                    column[*row] = p.get(at, class);
                }
            }
        }
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
