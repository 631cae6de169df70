//! The second opinion: ridge regression in the space of a heavy-tailed Laplace kernel, solved in closed form.

use super::KernelScale;
use super::cholesky::invert_factor;
use super::likeness::{Blocks, add_scores, likeness_matrix};
use super::simd::LANES;

/// Kernel machines on the same rows, one a scale.
///
/// The distance of two tracks is the sum of the absolute differences of their coordinates plus twice their
/// straight distance; their likeness is the mean of exp(-gamma d) and exp(-3 gamma d).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KernelMachine {
    pub n_samples: usize,
    pub n_coordinates: usize,
    /// `[n_coordinates, n_samples]`.
    pub coordinates: Vec<f32>,
    pub scales: Vec<ScaleFit>,
}

/// What was fitted for one scale.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScaleFit {
    pub scale: KernelScale,
    /// `[n_columns, n_samples]`.
    pub weights: Vec<f32>,
    /// The share of the rows that are of each class or have each label.
    pub shares: Vec<f32>,
}

/// Rows to learn from.
#[derive(Clone, Copy)]
pub(crate) struct KernelData<'a> {
    pub n_samples: usize,
    /// `[n_samples, n_coordinates]`.
    pub coordinates: &'a [f32],
    /// 1 where a row is of a class or has a label, else 0: `[n_columns, n_samples]`.
    pub indicators: &'a [f32],
}

/// Column-major coordinates of row-major ones.
pub(crate) fn by_coordinate(coordinates: &[f32], n_coordinates: usize) -> Vec<f32> {
    let n = coordinates.len().checked_div(n_coordinates).unwrap_or(0);
    let mut columns = vec![0.0; coordinates.len()];
    for (row, values) in coordinates.chunks_exact(n_coordinates.max(1)).enumerate() {
        for (column, value) in values.iter().enumerate() {
            columns[column * n + row] = *value;
        }
    }
    columns
}

/// Fits one scale and returns it with the leave-one-out scores, `[n_samples, n_columns]`: the score of each row
/// by the machine that was fitted on all others, exact and without refitting.
///
/// `None` when the ridge is too small for the kernel matrix to be factored in `f32`.
pub(crate) fn fit_scale(
    data: KernelData<'_>,
    columns: &[f32],
    scale: KernelScale,
) -> Option<(ScaleFit, Vec<f32>)> {
    let n = data.n_samples;
    let mut matrix = kernel_matrix(data.coordinates, columns, n, scale);
    if !invert_factor(&mut matrix, n) {
        return None;
    }
    // With W the inverse of the factor, the inverse of the matrix is W' W.
    let mut diagonal = vec![0.0_f32; n];
    for (row, w) in matrix.chunks_exact(n).enumerate() {
        for (sum, w) in diagonal.iter_mut().zip(&w[..=row]) {
            *sum += w * w;
        }
    }
    let n_columns = data.indicators.len() / n;
    let (mut weights, mut shares) = (Vec::with_capacity(data.indicators.len()), Vec::new());
    let mut scores = vec![0.0; data.indicators.len()];
    for (column, indicators) in data.indicators.chunks_exact(n).enumerate() {
        let share = indicators.iter().sum::<f32>() / n as f32;
        let target: Vec<f32> = indicators.iter().map(|indicator| indicator - share).collect();
        let alpha = solve(&matrix, &target);
        for row in 0..n {
            scores[row * n_columns + column] = indicators[row] - alpha[row] / diagonal[row];
        }
        weights.extend(alpha);
        shares.push(share);
    }
    Some((
        ScaleFit {
            scale,
            weights,
            shares,
        },
        scores,
    ))
}

/// The likenesses of rows to each other with the ridge on the diagonal: the lower triangle, which is what the
/// factorisation reads.
fn kernel_matrix(coordinates: &[f32], columns: &[f32], n: usize, scale: KernelScale) -> Vec<f32> {
    let mut matrix = vec![0.0; n * n];
    let none = vec![0.0; if coordinates.is_empty() { n } else { 0 }];
    let coordinates = if coordinates.is_empty() {
        &none
    } else {
        coordinates
    };
    likeness_matrix(coordinates, &blocks(columns, n), scale.gamma, &mut matrix);
    for diagonal in matrix.iter_mut().step_by(n + 1) {
        *diagonal += scale.ridge;
    }
    matrix
}

/// W' W t for the lower triangle W.
fn solve(w: &[f32], target: &[f32]) -> Vec<f32> {
    let n = target.len();
    let mut solution = vec![0.0; n];
    for (row, w) in w.chunks_exact(n).enumerate() {
        let sum = dot(&w[..=row], &target[..=row]);
        for (value, w) in solution.iter_mut().zip(&w[..=row]) {
            *value += sum * w;
        }
    }
    solution
}

/// The sum of products in sixteen partial sums.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Kernel machines on the same rows, laid out for many rows to be scored.
pub(crate) struct PackedMachine<'a> {
    machine: &'a KernelMachine,
    training: Blocks,
    /// Half the weights of each scale and column.
    weights: Blocks,
    gammas: Vec<f32>,
    /// Whether the one column that is computed is the second of two classes: the other's scores are one less it.
    complementary: bool,
}

impl KernelMachine {
    /// Lays the machine out; `two_classes`: of two columns whose indicators sum to one, one tells the other.
    pub(crate) fn pack(&self, two_classes: bool) -> PackedMachine<'_> {
        let n = self.n_samples;
        let skipped = if two_classes { n } else { 0 };
        let weights: Vec<&[f32]> = self
            .scales
            .iter()
            .flat_map(|fit| fit.weights[skipped..].chunks_exact(n))
            .collect();
        PackedMachine {
            machine: self,
            training: blocks(&self.coordinates, n),
            weights: Blocks::of_columns(weights.into_iter(), n, 0.5),
            gammas: self.scales.iter().map(|fit| fit.scale.gamma).collect(),
            complementary: two_classes,
        }
    }
}

/// Column-major coordinates in blocks; none count as one that is zero.
fn blocks(columns: &[f32], n: usize) -> Blocks {
    if columns.is_empty() {
        return Blocks::of_columns([&vec![0.0; n][..]].into_iter(), n, 1.0);
    }
    Blocks::of_columns(columns.chunks_exact(n), n, 1.0)
}

impl PackedMachine<'_> {
    /// The scores of rows, `[n, n_coordinates]`: `[n, n_scales, n_columns]`.
    pub(crate) fn scores(&self, coordinates: &[f32], n: usize) -> Vec<f32> {
        let none = vec![0.0; if coordinates.is_empty() { n } else { 0 }];
        let coordinates = if coordinates.is_empty() {
            &none
        } else {
            coordinates
        };
        let shares = self
            .machine
            .scales
            .iter()
            .flat_map(|fit| &fit.shares[usize::from(self.complementary)..]);
        let shares: Vec<f32> = shares.copied().collect();
        let mut scores = shares.repeat(n);
        add_scores(
            coordinates,
            &self.training,
            &self.weights,
            &self.gammas,
            &mut scores,
        );
        if self.complementary {
            scores = scores
                .into_iter()
                .flat_map(|score| [1.0 - score, score])
                .collect();
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indicators(y: &[usize]) -> Vec<f32> {
        let of = |class| y.iter().map(move |y| f32::from(u8::from(*y == class)));
        of(0).chain(of(1)).collect()
    }

    /// Leaving a row out by hand gives the leave-one-out score.
    #[test]
    fn leave_one_out_agrees_with_refitting() {
        let n = 40;
        let coordinates: Vec<f32> = (0..n * 2).map(|i| (i * 29 % 41) as f32 / 20.0).collect();
        let y: Vec<usize> = (0..n).map(|i| usize::from(i * 7 % 11 > 5)).collect();
        let scale = KernelScale {
            gamma: 0.5,
            ridge: 0.7,
        };
        let fit = |coordinates: &[f32], y: &[usize]| {
            let indicators = indicators(y);
            let data = KernelData {
                n_samples: y.len(),
                coordinates,
                indicators: &indicators,
            };
            let columns = by_coordinate(coordinates, 2);
            let (fit, scores) = fit_scale(data, &columns, scale).unwrap();
            let machine = KernelMachine {
                n_samples: y.len(),
                n_coordinates: 2,
                coordinates: columns,
                scales: vec![fit],
            };
            (machine, scores)
        };
        let (_, loo) = fit(&coordinates, &y);
        for left_out in [0, 17, 39] {
            let rest: Vec<usize> = (0..n).filter(|row| *row != left_out).collect();
            let rest_x: Vec<f32> = rest
                .iter()
                .flat_map(|row| coordinates[2 * row..][..2].to_vec())
                .collect();
            let rest_y: Vec<usize> = rest.iter().map(|row| y[*row]).collect();
            // The targets are centred by the share of all rows there, of the rest here: shift the share.
            let share = y.iter().sum::<usize>() as f32 / n as f32;
            let (mut machine, _) = fit(&rest_x, &rest_y);
            let target: Vec<f32> = rest_y.iter().map(|y| *y as f32 - share).collect();
            let mut matrix = kernel_matrix(&rest_x, &machine.coordinates, 39, scale);
            assert!(invert_factor(&mut matrix, 39));
            machine.scales[0].weights = [vec![0.0; 39], solve(&matrix, &target)].concat();
            machine.scales[0].shares = vec![0.0, share];
            let score = machine.pack(true).scores(&coordinates[2 * left_out..][..2], 1)[1];
            // Two f32 solutions of the same system.
            assert!((score - loo[left_out * 2 + 1]).abs() < 1e-4);
        }
    }
}
