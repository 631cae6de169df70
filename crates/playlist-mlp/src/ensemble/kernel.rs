//! The second opinion: ridge regression in the space of a heavy-tailed Laplace kernel, solved in closed form.

use super::KernelScale;
use super::cholesky::invert_factor;
use super::simd::{LANES, dispatched, exp};

/// How much the straight distance counts beside the sum of absolute differences.
const STRAIGHT: f32 = 2.0;

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
    pub n_coordinates: usize,
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
    let mut matrix = vec![0.0; n * n];
    let mut distances = vec![0.0; n];
    for (row, at) in matrix.chunks_exact_mut(n).enumerate() {
        let here = &data.coordinates[row * data.n_coordinates..][..data.n_coordinates];
        // The factorisation reads the lower triangle alone.
        let at = &mut at[..=row];
        let distances = &mut distances[..=row];
        distances_to(here, columns, n, distances);
        likeness(distances, scale.gamma, at);
        at[row] += scale.ridge;
    }
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

dispatched! {
    /// The distance of `here` to the first rows of `columns`, `[n_coordinates, n]`, as many as `distances` has room for.
    fn distances_to(here: &'a [f32], columns: &'a [f32], n: usize, distances: &'a mut [f32]) = distances_to_body
}

#[inline(always)]
fn distances_to_body<const FUSED: bool>(here: &[f32], columns: &[f32], n: usize, distances: &mut [f32]) {
    for (chunk, out) in distances.chunks_mut(LANES).enumerate() {
        let start = chunk * LANES;
        let (mut sum, mut squares) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        for (value, column) in here.iter().zip(columns.chunks_exact(n)) {
            let mut there = [0.0; LANES];
            if out.len() == LANES {
                there.copy_from_slice(&column[start..][..LANES]);
            } else {
                there[..out.len()].copy_from_slice(&column[start..][..out.len()]);
            }
            for i in 0..LANES {
                let difference = value - there[i];
                sum[i] += difference.abs();
                squares[i] += difference * difference;
            }
        }
        for (i, out) in out.iter_mut().enumerate() {
            *out = sum[i] + STRAIGHT * squares[i].sqrt();
        }
    }
}

dispatched! {
    /// The likeness at every distance into `out`.
    fn likeness(distances: &'a [f32], gamma: f32, out: &'a mut [f32]) = likeness_body
}

#[inline(always)]
fn likeness_body<const FUSED: bool>(distances: &[f32], gamma: f32, out: &mut [f32]) {
    for (distances, out) in distances.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let mut x = [0.0; LANES];
        for (x, distance) in x.iter_mut().zip(distances) {
            *x = -gamma * distance;
        }
        let e = exp::<FUSED>(x);
        for (out, e) in out.iter_mut().zip(e) {
            *out = 0.5 * (e + e * e * e);
        }
    }
}

impl KernelMachine {
    /// The scores of rows, `[n, n_coordinates]`: for each scale `[n, n_columns]`.
    pub(crate) fn scores(&self, coordinates: &[f32], n: usize) -> Vec<Vec<f32>> {
        let mut scores = vec![Vec::new(); self.scales.len()];
        let (mut distances, mut like) = (vec![0.0; self.n_samples], vec![0.0; self.n_samples]);
        for row in 0..n {
            let here = &coordinates[row * self.n_coordinates..][..self.n_coordinates];
            distances_to(here, &self.coordinates, self.n_samples, &mut distances);
            for (fit, scores) in self.scales.iter().zip(&mut scores) {
                likeness(&distances, fit.scale.gamma, &mut like);
                let classes = fit.weights.chunks_exact(self.n_samples).zip(&fit.shares);
                scores.extend(classes.map(|(weights, share)| share + dot(weights, &like)));
            }
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
                n_coordinates: 2,
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
            let mut matrix = vec![0.0; 39 * 39];
            let mut distances = vec![0.0; 39];
            for row in 0..39 {
                distances_to(&rest_x[row * 2..][..2], &machine.coordinates, 39, &mut distances);
                likeness(&distances, scale.gamma, &mut matrix[row * 39..][..39]);
                matrix[row * 40] += scale.ridge;
            }
            assert!(invert_factor(&mut matrix, 39));
            machine.scales[0].weights = [vec![0.0; 39], solve(&matrix, &target)].concat();
            machine.scales[0].shares = vec![0.0, share];
            let score = machine.scores(&coordinates[2 * left_out..][..2], 1)[0][1];
            // Two f32 solutions of the same system.
            assert!((score - loo[left_out * 2 + 1]).abs() < 1e-4);
        }
    }
}
