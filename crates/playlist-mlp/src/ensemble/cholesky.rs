//! The inverse of the Cholesky factor of a symmetric positive matrix, by blocks, in place.

use super::simd::{Shape, View, multiply_add};

/// Rows a block.
const BLOCK: usize = 64;

/// Rows of the trailing matrix that are updated at once.
const STRIPE: usize = 96;

/// Replaces the lower triangle of `a`, `[n, n]`, by that of the inverse of its Cholesky factor, and the upper
/// triangle by zeros. Returns whether `a` was positive definite in `f32`.
pub(crate) fn invert_factor(a: &mut [f32], n: usize) -> bool {
    let mut inverses = Vec::with_capacity(n.div_ceil(BLOCK));
    let mut room = Room {
        panel: vec![0.0; n * BLOCK],
        across: vec![0.0; n * BLOCK],
    };
    for start in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - start);
        let Some(inverse) = factor_block(a, n, start, width) else {
            return false;
        };
        update_below(a, n, start, width, &inverse, &mut room);
        inverses.push(inverse);
    }
    invert_blocks(a, n, &inverses);
    true
}

struct Room {
    /// `[rows below, BLOCK]`.
    panel: Vec<f32>,
    /// The panel transposed, rows of length n.
    across: Vec<f32>,
}

/// Factors the block at `start` and returns the inverse of its factor, `[BLOCK, BLOCK]`.
fn factor_block(a: &mut [f32], n: usize, start: usize, width: usize) -> Option<Vec<f32>> {
    let at = |row: usize, column: usize| (start + row) * n + start + column;
    for column in 0..width {
        let mut pivot = a[at(column, column)];
        for p in 0..column {
            pivot -= a[at(column, p)] * a[at(column, p)];
        }
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        let pivot = pivot.sqrt();
        a[at(column, column)] = pivot;
        for row in column + 1..width {
            let mut value = a[at(row, column)];
            for p in 0..column {
                value -= a[at(row, p)] * a[at(column, p)];
            }
            a[at(row, column)] = value / pivot;
        }
    }
    let mut inverse = vec![0.0; BLOCK * BLOCK];
    for column in 0..width {
        inverse[column * BLOCK + column] = 1.0 / a[at(column, column)];
        for row in column + 1..width {
            let sum: f32 = (column..row)
                .map(|p| a[at(row, p)] * inverse[p * BLOCK + column])
                .sum();
            inverse[row * BLOCK + column] = -sum / a[at(row, row)];
        }
    }
    Some(inverse)
}

/// Divides the rows below a block by its factor and takes their products from the matrix that is left.
fn update_below(a: &mut [f32], n: usize, start: usize, width: usize, inverse: &[f32], room: &mut Room) {
    let below = start + width;
    let m = n - below;
    if m == 0 {
        return;
    }
    let transposed = transpose(inverse);
    room.panel[..m * BLOCK].fill(0.0);
    let left = View {
        values: &a[below * n + start..],
        stride: n,
    };
    let right = View {
        values: &transposed,
        stride: BLOCK,
    };
    multiply_add(
        left,
        right,
        &mut room.panel,
        BLOCK,
        Shape {
            m,
            k: width,
            n: BLOCK,
        },
        1.0,
    );
    for (row, panel) in room.panel[..m * BLOCK].chunks_exact(BLOCK).enumerate() {
        a[(below + row) * n + start..][..width].copy_from_slice(&panel[..width]);
        for (column, value) in panel[..width].iter().enumerate() {
            room.across[column * n + row] = *value;
        }
    }
    for first in (0..m).step_by(STRIPE) {
        let rows = STRIPE.min(m - first);
        let left = View {
            values: &room.panel[first * BLOCK..],
            stride: BLOCK,
        };
        let right = View {
            values: &room.across,
            stride: n,
        };
        let out = &mut a[(below + first) * n + below..];
        multiply_add(
            left,
            right,
            out,
            n,
            Shape {
                m: rows,
                k: width,
                n: first + rows,
            },
            -1.0,
        );
    }
}

fn transpose(block: &[f32]) -> Vec<f32> {
    let mut transposed = vec![0.0; BLOCK * BLOCK];
    for row in 0..BLOCK {
        for column in 0..BLOCK {
            transposed[column * BLOCK + row] = block[row * BLOCK + column];
        }
    }
    transposed
}

/// Turns the factor into its inverse, a stripe of rows after the other; `inverses` are those of the blocks on
/// the diagonal.
fn invert_blocks(a: &mut [f32], n: usize, inverses: &[Vec<f32>]) {
    let (mut stripe, mut sums) = (vec![0.0; BLOCK * n], vec![0.0; BLOCK * n]);
    for (block, inverse) in inverses.iter().enumerate() {
        let start = block * BLOCK;
        let rows = BLOCK.min(n - start);
        for row in 0..rows {
            stripe[row * n..][..start].copy_from_slice(&a[(start + row) * n..][..start]);
            a[(start + row) * n..][..start].fill(0.0);
        }
        sums.fill(0.0);
        for column in (0..start).step_by(BLOCK) {
            let left = View {
                values: &stripe[column..],
                stride: n,
            };
            let right = View {
                values: &a[column * n + column..],
                stride: n,
            };
            let shape = Shape {
                m: rows,
                k: start - column,
                n: BLOCK,
            };
            multiply_add(left, right, &mut sums[column..], n, shape, 1.0);
        }
        let (left, right) = (
            View {
                values: inverse,
                stride: BLOCK,
            },
            View {
                values: &sums,
                stride: n,
            },
        );
        multiply_add(
            left,
            right,
            &mut a[start * n..],
            n,
            Shape {
                m: rows,
                k: rows,
                n: start,
            },
            -1.0,
        );
        for row in 0..rows {
            let at = &mut a[(start + row) * n..][..n];
            at[start..][..rows].copy_from_slice(&inverse[row * BLOCK..][..rows]);
            at[start + rows..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_factor_whitens_the_matrix() {
        for n in [1, 5, 64, 65, 200] {
            let value =
                |i: usize, j: usize| (-(i.abs_diff(j) as f32) / 9.0).exp() + if i == j { 0.5 } else { 0.0 };
            let mut w: Vec<f32> = (0..n * n).map(|at| value(at / n, at % n)).collect();
            assert!(invert_factor(&mut w, n));
            for i in (0..n).step_by(7) {
                for j in (0..n).step_by(5) {
                    let mut sum = 0.0_f64;
                    for p in 0..n {
                        for q in 0..n {
                            sum += f64::from(w[i * n + p] * value(p, q) * w[j * n + q]);
                        }
                    }
                    // f32 rounding at a condition number below 40.
                    assert!(
                        (sum - if i == j { 1.0 } else { 0.0 }).abs() < 1e-4,
                        "{n} {i} {j} {sum}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_is_refused() {
        assert!(!invert_factor(&mut [1.0, 2.0, 2.0, 1.0], 2));
    }
}
