//! The arithmetic of the kernel machine: distances, likenesses and weighted sums in registers, for rows against tiles of
//! training rows that stay in the first-level cache. `pulp` picks the instruction set at run time.
//!
//! Every sum is taken in one fixed order, whatever rows stand beside a row.

use pulp::{Arch, Simd, WithSimd};

use super::simd::LANES;

/// How much the straight distance counts beside the sum of absolute differences.
const STRAIGHT: f32 = 2.0;

/// Blocks of training rows in a tile: 256 rows of 20 coordinates are 20 kB.
const TILE_BLOCKS: usize = 16;

/// Rows that share each load of training rows.
const ROWS: usize = 4;

/// Training rows as the arithmetic reads them: in blocks of 16, `[blocks, n_values, 16]`, zeros behind the last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blocks {
    values: Vec<f32>,
    n_values: usize,
}

impl Blocks {
    /// Of values in columns, `[n_values, n_samples]`, each multiplied by `factor`.
    pub(crate) fn of_columns<'a>(
        columns: impl ExactSizeIterator<Item = &'a [f32]>,
        n_samples: usize,
        factor: f32,
    ) -> Self {
        let n_values = columns.len();
        let mut values = vec![0.0; n_samples.div_ceil(LANES) * n_values * LANES];
        for (at, column) in columns.enumerate() {
            for (block, column) in column.chunks(LANES).enumerate() {
                let room = &mut values[(block * n_values + at) * LANES..][..column.len()];
                for (room, value) in room.iter_mut().zip(column) {
                    *room = factor * value;
                }
            }
        }
        Self { values, n_values }
    }

    /// Tiles of so many blocks, in order.
    fn tiles(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks((TILE_BLOCKS * self.n_values * LANES).max(1))
    }
}

/// Rows to be compared with training rows, four and four with their coordinates by turns, then the rest.
struct Rows {
    fours: Vec<[f32; ROWS]>,
    ones: Vec<[f32; 1]>,
}

impl Rows {
    /// Of row-major coordinates.
    fn new(coordinates: &[f32], n_coordinates: usize) -> Self {
        let whole = coordinates.len() / (ROWS * n_coordinates) * ROWS * n_coordinates;
        let groups = coordinates[..whole].chunks_exact(ROWS * n_coordinates);
        let fours = groups.flat_map(|group| {
            (0..n_coordinates).map(move |at| std::array::from_fn(|row| group[row * n_coordinates + at]))
        });
        Self {
            fours: fours.collect(),
            ones: coordinates[whole..].iter().map(|value| [*value]).collect(),
        }
    }
}

/// Adds to `scores`, `[n, n_scales * n_columns]`, for each row the likeness to every training row times half its weight.
///
/// `coordinates` is `[n, n_coordinates]`; the training rows and their weights, one value a scale and column, come in
/// blocks; a `gamma` a scale.
pub(crate) fn add_scores(
    coordinates: &[f32],
    training: &Blocks,
    weights: &Blocks,
    gammas: &[f32],
    scores: &mut [f32],
) {
    let rows = Rows::new(coordinates, training.n_values);
    for (tile, weights) in training.tiles().zip(weights.tiles()) {
        Arch::new().dispatch(AddScores {
            rows: &rows,
            tile,
            n_coordinates: training.n_values,
            weights,
            gammas,
            scores: &mut *scores,
        });
    }
}

struct AddScores<'a> {
    rows: &'a Rows,
    tile: &'a [f32],
    n_coordinates: usize,
    weights: &'a [f32],
    gammas: &'a [f32],
    scores: &'a mut [f32],
}

impl WithSimd for AddScores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, scores, .. } = self;
        let n = self.n_coordinates;
        let n_outputs = self.weights.len() / (self.tile.len() / n);
        let (fours, ones) = scores.split_at_mut(rows.fours.len() / n * ROWS * n_outputs);
        let mut sums = vec![simd.splat_f32s(0.0); n_outputs * ROWS];
        for (row, scores) in rows
            .fours
            .chunks_exact(n)
            .zip(fours.chunks_exact_mut(ROWS * n_outputs))
        {
            weigh(simd, row, self.tile, self.weights, self.gammas, &mut sums, scores);
        }
        for (row, scores) in rows.ones.chunks_exact(n).zip(ones.chunks_exact_mut(n_outputs)) {
            weigh(simd, row, self.tile, self.weights, self.gammas, &mut sums, scores);
        }
    }
}

/// Adds what a tile gives to the scores of `R` rows, `[R, n_outputs]`.
#[inline(always)]
fn weigh<S: Simd, const R: usize>(
    simd: S,
    row: &[[f32; R]],
    tile: &[f32],
    weights: &[f32],
    gammas: &[f32],
    sums: &mut [S::f32s],
    scores: &mut [f32],
) {
    let n_outputs = scores.len() / R;
    let per_scale = n_outputs / gammas.len();
    let blocks = tile
        .chunks_exact(row.len() * LANES)
        .zip(weights.chunks_exact(n_outputs * LANES));
    if n_outputs == 1 {
        // The sums stay in registers.
        let mut sums = [simd.splat_f32s(0.0); R];
        for (block, weights) in blocks {
            let (weights, _) = S::as_simd_f32s(weights);
            for (part, weight) in weights.iter().enumerate() {
                let distances = distances(simd, row, block, part);
                let like = likenesses(simd, distances, gammas[0]);
                for r in 0..R {
                    sums[r] = simd.mul_add_e_f32s(like[r], *weight, sums[r]);
                }
            }
        }
        for (score, sum) in scores.iter_mut().zip(sums) {
            *score += simd.reduce_sum_f32s(sum);
        }
        return;
    }
    sums.fill(simd.splat_f32s(0.0));
    for (block, weights) in blocks {
        let (weights, _) = S::as_simd_f32s(weights);
        let parts = LANES / S::F32_LANES;
        for part in 0..parts {
            let distances = distances(simd, row, block, part);
            let weights = weights[part..].iter().step_by(parts);
            let mut outputs = weights.zip(sums.as_chunks_mut::<R>().0);
            for gamma in gammas {
                let like = likenesses(simd, distances, *gamma);
                for (weight, sums) in outputs.by_ref().take(per_scale) {
                    for r in 0..R {
                        sums[r] = simd.mul_add_e_f32s(like[r], *weight, sums[r]);
                    }
                }
            }
        }
    }
    for (output, sums) in sums.as_chunks::<R>().0.iter().take(n_outputs).enumerate() {
        for (r, sum) in sums.iter().enumerate() {
            scores[r * n_outputs + output] += simd.reduce_sum_f32s(*sum);
        }
    }
}

/// The distances of `R` rows to the training rows of part `part` of a block.
#[inline(always)]
fn distances<S: Simd, const R: usize>(simd: S, row: &[[f32; R]], block: &[f32], part: usize) -> [S::f32s; R] {
    let zero = simd.splat_f32s(0.0);
    let (mut sums, mut squares) = ([zero; R], [zero; R]);
    let (block, _) = S::as_simd_f32s(block);
    for (row, there) in row.iter().zip(block[part..].iter().step_by(LANES / S::F32_LANES)) {
        for r in 0..R {
            let difference = simd.sub_f32s(*there, simd.splat_f32s(row[r]));
            sums[r] = simd.add_f32s(sums[r], simd.abs_f32s(difference));
            squares[r] = simd.mul_add_e_f32s(difference, difference, squares[r]);
        }
    }
    let mut distances = [zero; R];
    for r in 0..R {
        distances[r] = simd.mul_add_e_f32s(simd.splat_f32s(STRAIGHT), simd.sqrt_f32s(squares[r]), sums[r]);
    }
    distances
}

/// Twice the likeness at every distance: exp(-gamma d) + exp(-3 gamma d), the first with a relative error below 3e-6.
#[inline(always)]
fn likenesses<S: Simd, const R: usize>(simd: S, distances: [S::f32s; R], gamma: f32) -> [S::f32s; R] {
    // 1.5 * 2^23: adding it rounds to a whole number and leaves that in the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    let splat = |value| simd.splat_f32s(value);
    let mut like = distances;
    for like in &mut like {
        // 2^(whole + part); below 2^-120 the likeness counts as that.
        let power = simd.mul_f32s(*like, splat(-gamma * std::f32::consts::LOG2_E));
        let power = simd.max_f32s(power, splat(-120.0));
        let shifted = simd.add_f32s(power, splat(MAGIC));
        let part = simd.sub_f32s(power, simd.sub_f32s(shifted, splat(MAGIC)));
        let mut p = simd.mul_add_e_f32s(splat(1.333_355_8e-3), part, splat(9.618_129e-3));
        for factor in [5.550_411e-2, 2.402_265e-1, 6.931_472e-1, 1.0] {
            p = simd.mul_add_e_f32s(p, part, splat(factor));
        }
        let whole = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
        let e = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(p), whole));
        *like = simd.mul_add_e_f32s(simd.mul_f32s(e, e), e, e);
    }
    like
}

/// Fills the lower triangle of `matrix`, `[n, n]`, with the likenesses of the training rows to each other; what it
/// leaves above the diagonal is of no use. `coordinates` are those of `training`, `[n, n_coordinates]`.
pub(crate) fn likeness_matrix(coordinates: &[f32], training: &Blocks, gamma: f32, matrix: &mut [f32]) {
    let n_coordinates = training.n_values;
    let n = coordinates.len() / n_coordinates;
    for (tile, columns) in training.tiles().enumerate() {
        let start = tile * TILE_BLOCKS * LANES;
        Arch::new().dispatch(FillRows {
            rows: &Rows::new(&coordinates[start * n_coordinates..], n_coordinates),
            tile: columns,
            n_coordinates,
            gamma,
            matrix: &mut matrix[start * n..],
            n,
            start,
        });
    }
}

struct FillRows<'a> {
    rows: &'a Rows,
    tile: &'a [f32],
    n_coordinates: usize,
    gamma: f32,
    /// From the first of the rows on.
    matrix: &'a mut [f32],
    n: usize,
    /// The first column that the tile stands for.
    start: usize,
}

impl WithSimd for FillRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, matrix, n, .. } = self;
        let (fours, ones) = matrix.split_at_mut(rows.fours.len() / self.n_coordinates * ROWS * n);
        for (row, out) in rows
            .fours
            .chunks_exact(self.n_coordinates)
            .zip(fours.chunks_exact_mut(ROWS * n))
        {
            fill(simd, row, self.tile, self.gamma, &mut out[self.start..], n);
        }
        for (row, out) in rows
            .ones
            .chunks_exact(self.n_coordinates)
            .zip(ones.chunks_exact_mut(n))
        {
            fill(simd, row, self.tile, self.gamma, &mut out[self.start..], n);
        }
    }
}

/// Writes the likenesses of `R` rows to a tile of training rows; rows of `out` are `stride` apart.
#[inline(always)]
fn fill<S: Simd, const R: usize>(
    simd: S,
    row: &[[f32; R]],
    tile: &[f32],
    gamma: f32,
    out: &mut [f32],
    stride: usize,
) {
    // Columns that are left of the matrix's last row, which is the shortest slice.
    let width = out.len() - (R - 1) * stride;
    for (block, columns) in tile.chunks_exact(row.len() * LANES).enumerate() {
        for part in 0..LANES / S::F32_LANES {
            let like = likenesses(simd, distances(simd, row, columns, part), gamma);
            let start = block * LANES + part * S::F32_LANES;
            let len = S::F32_LANES.min(width.saturating_sub(start));
            for (r, like) in like.into_iter().enumerate() {
                let like = simd.mul_f32s(like, simd.splat_f32s(0.5));
                simd.partial_store_f32s(&mut out[r * stride + start..][..len], like);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(i: usize) -> f32 {
        (i * 37 % 101) as f32 / 25.0 - 2.0
    }

    fn likeness(a: &[f32], b: &[f32], gamma: f64) -> f64 {
        let differences = a.iter().zip(b).map(|(a, b)| f64::from(a - b));
        let straight = differences.clone().map(|d| d * d).sum::<f64>().sqrt();
        let distance = differences.map(f64::abs).sum::<f64>() + 2.0 * straight;
        0.5 * ((-gamma * distance).exp() + (-3.0 * gamma * distance).exp())
    }

    /// Whole and partial tiles, blocks and groups of rows; one and several scales and columns.
    #[test]
    fn sums_and_matrices_agree_with_the_definition() {
        for (n, n_coordinates, n_rows, gammas, n_columns) in [
            (1, 1, 1, &[0.3][..], 1),
            (300, 5, 7, &[0.07][..], 1),
            (261, 3, 6, &[0.5, 0.02][..], 2),
            (40, 2, 3, &[4.0][..], 3),
        ] {
            let training: Vec<f32> = (0..n * n_coordinates).map(value).collect();
            let columns: Vec<Vec<f32>> = (0..n_coordinates)
                .map(|c| training.iter().skip(c).step_by(n_coordinates).copied().collect())
                .collect();
            let blocks = Blocks::of_columns(columns.iter().map(Vec::as_slice), n, 1.0);
            let n_outputs = gammas.len() * n_columns;
            let weights: Vec<f32> = (0..n_outputs * n).map(|i| value(i + 5)).collect();
            let rows: Vec<f32> = (0..n_rows * n_coordinates).map(|i| value(i * 3 + 1)).collect();
            let mut scores = vec![1.0; n_rows * n_outputs];
            let halves = Blocks::of_columns(weights.chunks_exact(n), n, 0.5);
            add_scores(&rows, &blocks, &halves, gammas, &mut scores);
            for (row, scores) in rows
                .chunks_exact(n_coordinates)
                .zip(scores.chunks_exact(n_outputs))
            {
                for (output, score) in scores.iter().enumerate() {
                    let gamma = f64::from(gammas[output / n_columns]);
                    let each = training.chunks_exact(n_coordinates).zip(&weights[output * n..]);
                    let (mut sum, mut size) = (1.0, 1.0);
                    for (there, weight) in each {
                        let product = likeness(row, there, gamma) * f64::from(*weight);
                        (sum, size) = (sum + product, size + product.abs());
                    }
                    // The error of exp, three times, and that of sums of up to 300 products.
                    assert!((f64::from(*score) - sum).abs() < 2e-5 * size, "{score} {sum}");
                }
            }
            let mut matrix = vec![0.0; n * n];
            likeness_matrix(&training, &blocks, gammas[0], &mut matrix);
            for (i, a) in training.chunks_exact(n_coordinates).enumerate() {
                for (j, b) in training.chunks_exact(n_coordinates).take(i + 1).enumerate() {
                    let expected = likeness(a, b, f64::from(gammas[0]));
                    assert!((f64::from(matrix[i * n + j]) - expected).abs() < 1e-5);
                }
            }
        }
    }

    /// However far a row lies, its score is the share alone.
    #[test]
    fn far_rows_are_like_none() {
        let blocks = Blocks::of_columns([&[0.0; 20][..]].into_iter(), 20, 1.0);
        let mut scores = [0.0];
        add_scores(&[1e30], &blocks, &blocks_of_ones(), &[0.07], &mut scores);
        assert!(scores[0].abs() < 1e-30);
    }

    fn blocks_of_ones() -> Blocks {
        Blocks::of_columns([&[1.0; 20][..]].into_iter(), 20, 0.5)
    }
}
