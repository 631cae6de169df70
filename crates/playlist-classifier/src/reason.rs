//! Why a track got its probability, in words that a listener understands.

use playlist_core::{AudioFeature, Classifier, FeatureMatrix, Labels};
use playlist_explain::{Contribution, Scale, ShapleyConfig, ShapleyMethod};
use playlist_report::{Others, Reason, Side};

use crate::Result;
use crate::wording::{Compared, text};

/// The most reasons of one side.
const MOST: usize = 2;

/// Orders of the features that are tried for a track, each from a random track of the mix.
const N_ORDERS: usize = 64;

/// Tracks of each class in the mix that reasons are held against.
const N_MIX: usize = 25;

/// A contribution below this share of all of a track's contributions together is not worth a sentence.
const LEAST_SHARE: f64 = 0.1;

/// Explains tracks to a listener: what a model makes of each feature, and how the track compares with the likes.
pub(crate) struct Explainer<'a> {
    model: &'a dyn Classifier,
    shapley: ShapleyConfig,
    mix: FeatureMatrix,
    /// In the order of the model's columns.
    compared: Vec<Option<Compared>>,
}

impl<'a> Explainer<'a> {
    /// Explains `model` against the tracks `x`, `[n_samples, n_features]`, whose labels are `y`: likes positive.
    ///
    /// # Errors
    /// A column of the model that `x` lacks.
    pub(crate) fn new(
        model: &'a dyn Classifier,
        x: &FeatureMatrix,
        y: &Labels,
        others: Others,
        seed: u64,
    ) -> Result<Self> {
        let x = x.select_columns(model.columns())?;
        let of_class =
            |class: usize| -> Vec<usize> { (0..y.n_samples()).filter(|row| y.y()[*row] == class).collect() };
        let (likes, other) = (of_class(1), of_class(0));
        let compared = model.columns().iter().enumerate().map(|(column, name)| {
            let feature: AudioFeature = name.parse().ok()?;
            let values = |rows: &[usize]| rows.iter().filter_map(|row| x.get(*row, column)).collect();
            Compared::new(feature, values(&likes), values(&other), others)
        });
        let compared = compared.collect();
        let mut mix: Vec<usize> = evenly(&likes, N_MIX, seed);
        mix.extend(evenly(&other, N_MIX, seed));
        Ok(Self {
            model,
            shapley: ShapleyConfig::default()
                .with_method(ShapleyMethod::Sampled { n_orders: N_ORDERS })
                .with_scale(Scale::LogOdds)
                .with_n_background(mix.len()),
            mix: x.select_rows(&mix),
            compared,
        })
    }

    /// The reasons for each of `rows` of `x`, a thread a core.
    ///
    /// # Errors
    /// Those of [`ShapleyConfig::explain_class`].
    pub(crate) fn explain(&self, x: &FeatureMatrix, rows: &[usize]) -> Result<Vec<Vec<Reason>>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = rows.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let parts: Vec<_> = rows
                .chunks(share)
                .map(|part| {
                    scope.spawn(move || {
                        let each = part.iter().map(|row| self.reasons(x, *row));
                        each.collect::<Result<Vec<_>>>()
                    })
                })
                .collect();
            let mut reasons = Vec::with_capacity(rows.len());
            for part in parts {
                match part.join() {
                    Ok(found) => reasons.extend(found?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(reasons)
        })
    }

    fn reasons(&self, x: &FeatureMatrix, row: usize) -> Result<Vec<Reason>> {
        let explanation = self.shapley.explain_class(self.model, x, row, &self.mix, 1)?;
        let total: f64 = explanation
            .contributions
            .iter()
            .map(|contribution| contribution.contribution.abs())
            .sum();
        let mut found: Vec<Reason> = explanation
            .contributions
            .iter()
            .zip(&self.compared)
            .filter(|(contribution, _)| is_worth_a_sentence(contribution, total))
            .filter_map(|(contribution, compared)| Some(compared.as_ref()?.reason(contribution)))
            .collect();
        found.sort_by(|a, b| {
            let weight = |reason: &Reason| reason.contribution.abs();
            a.side.cmp(&b.side).then(weight(b).total_cmp(&weight(a)))
        });
        let (mut n_for, mut n_against) = (0, 0);
        found.retain(|reason| {
            let n = match reason.side {
                Side::For => &mut n_for,
                Side::Against => &mut n_against,
            };
            *n += 1;
            *n <= MOST
        });
        Ok(found)
    }
}

/// Whether the sign of a contribution is sure and its size matters.
fn is_worth_a_sentence(contribution: &Contribution, total: f64) -> bool {
    let size = contribution.contribution.abs();
    size > 2.0 * contribution.standard_error && size >= LEAST_SHARE * total && size > 0.0
}

/// At most `n` of `rows`, evenly spaced from a start that `seed` gives, in their order.
pub(crate) fn evenly(rows: &[usize], n: usize, seed: u64) -> Vec<usize> {
    let n = rows.len().min(n);
    let start = seed as usize % rows.len().max(1);
    let mut chosen: Vec<usize> = (0..n)
        .map(|i| rows[(start + i * rows.len() / n) % rows.len()])
        .collect();
    chosen.sort_unstable();
    chosen
}

impl Compared {
    fn reason(&self, contribution: &Contribution) -> Reason {
        let side = if contribution.contribution > 0.0 {
            Side::For
        } else {
            Side::Against
        };
        let (likes_median, others_median) = self.medians();
        Reason {
            feature: contribution.column.clone(),
            side,
            contribution: contribution.contribution,
            standard_error: contribution.standard_error,
            value: contribution.value.map(f64::from),
            unit: contribution.unit.clone(),
            likes_median,
            others_median,
            text: text(self, contribution.value, side),
        }
    }
}
