//! The parts of the data that a training works on, for either engine.

use burn::tensor::Device;
use playlist_core::{FeatureMatrix, Labels};
use rand::seq::SliceRandom;

use crate::Result;
use crate::burn_steps::{Part, Parts};
use crate::fused::{self, Rows};
use crate::random::{Stream, generator};

/// Rows of the training part and rows held out of it.
pub(crate) type HeldOut = (Vec<usize>, Vec<usize>);

/// A part that is watched while the network is trained.
pub(crate) type Watched<'a> = Option<(&'a FeatureMatrix, &'a Labels)>;

/// Copies every part to the device.
pub(crate) fn burn_parts(
    (x, y): (&FeatureMatrix, &Labels),
    held_out: Option<HeldOut>,
    (valid, test): (Watched<'_>, Watched<'_>),
    device: &Device,
) -> Parts {
    let part = |x: &FeatureMatrix, y: &Labels| Part::new(x.values(), y.y(), y.n_classes(), device);
    let watched = |given: Watched<'_>| {
        let (x, y) = given.filter(|(_, y)| y.n_samples() > 0)?;
        Some(part(x, y))
    };
    let test = watched(test);
    let cut = |rows: &[usize]| part(&x.select_rows(rows), &y.select_rows(rows));
    match held_out {
        Some((train, valid)) => Parts {
            train: cut(&train),
            valid: Some(cut(&valid)),
            test,
        },
        None => Parts {
            train: part(x, y),
            valid: watched(valid),
            test,
        },
    }
}

/// The same, where they are.
pub(crate) fn fused_parts<'a>(
    (x, y): (&'a FeatureMatrix, &'a Labels),
    held_out: Option<HeldOut>,
    (valid, test): (Watched<'a>, Watched<'a>),
) -> fused::Parts<'a> {
    let watched = |given: Watched<'a>| {
        let (x, y) = given.filter(|(_, y)| y.n_samples() > 0)?;
        Some(Rows::new(x, y, 0..y.n_samples()))
    };
    let test = watched(test);
    match held_out {
        Some((train, valid)) => fused::Parts {
            train: Rows::new(x, y, train),
            valid: Some(Rows::new(x, y, valid)),
            test,
        },
        None => fused::Parts {
            train: Rows::new(x, y, 0..y.n_samples()),
            valid: watched(valid),
            test,
        },
    }
}

/// Checks that a part other than the training part has as many labels as rows, of as many classes.
pub(crate) fn check_part(x: &FeatureMatrix, y: &Labels, n_classes: usize) -> Result<()> {
    let mismatch = |what, expected, found| playlist_core::Error::LengthMismatch {
        what,
        expected,
        found,
    };
    if y.n_classes() != n_classes {
        return Err(mismatch("the number of classes", n_classes, y.n_classes()).into());
    }
    if y.n_samples() != x.n_samples() {
        return Err(mismatch("the number of labels", x.n_samples(), y.n_samples()).into());
    }
    Ok(())
}

/// Training and validation rows: `fraction` of each class is held out, at least one row of each class that
/// has two or more.
pub(crate) fn hold_out(y: &Labels, fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut rng = generator(seed, Stream::Validation);
    let (mut train, mut valid) = (Vec::new(), Vec::new());
    for class in 0..y.n_classes() {
        let mut rows: Vec<usize> = (0..y.n_samples()).filter(|row| y.y()[*row] == class).collect();
        rows.shuffle(&mut rng);
        let most = rows.len().saturating_sub(1);
        let n_valid = ((rows.len() as f64 * fraction).round() as usize).clamp(1.min(most), most);
        valid.extend_from_slice(&rows[..n_valid]);
        train.extend_from_slice(&rows[n_valid..]);
    }
    if valid.is_empty() {
        return Err(playlist_core::Error::Empty {
            what: "validation rows for early stopping",
        }
        .into());
    }
    train.sort_unstable();
    valid.sort_unstable();
    Ok((train, valid))
}
