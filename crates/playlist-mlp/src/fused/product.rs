//! Products of small matrices: a tile of the result stays in registers while the common dimension is walked, so every
//! element is summed in one order, whatever the instruction set.

use std::ops::Range;

use pulp::Simd;

use crate::lanes::{Level, madd, on_lanes};

/// What the sums start from.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One number a column, `[columns]`.
    Columns(&'a [f32]),
    /// One number a row, `[rows]`.
    Rows(&'a [f32]),
}

/// `[rows, depth]` times `[depth, columns]`. Every matrix is row-major; a stride is the way from one row to the next.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    /// The first factor; read as `[depth, rows]` by [`transposed_multiply`].
    pub a: &'a [f32],
    pub a_stride: usize,
    pub b: &'a [f32],
    pub b_stride: usize,
    pub rows: usize,
    pub depth: usize,
    /// A multiple of [`crate::lanes::NARROW`].
    pub columns: usize,
    pub start: Start<'a>,
}

/// `out = start + a b`, `[rows, columns]`.
pub(super) fn multiply(level: Level, product: Product<'_>, out: &mut [f32], out_stride: usize) {
    run::<false>(level, product, out, out_stride);
}

/// `out = start + transposed(a) b`.
pub(super) fn transposed_multiply(level: Level, product: Product<'_>, out: &mut [f32], out_stride: usize) {
    run::<true>(level, product, out, out_stride);
}

fn run<const TRANSPOSED: bool>(level: Level, product: Product<'_>, out: &mut [f32], stride: usize) {
    let whole = product.columns / level.lanes() * level.lanes();
    if whole > 0 {
        columns::<TRANSPOSED>(level, product, 0..whole, out, stride);
    }
    if whole < product.columns {
        columns::<TRANSPOSED>(level.narrow(), product, whole..product.columns, out, stride);
    }
}

on_lanes! {
    fn columns[TRANSPOSED: bool](simd, product: Product<'a>, range: Range<usize>, out: &'a mut [f32], stride: usize) {
        let mut column = range.start;
        while column < range.end {
            let registers = (range.end - column) / S::F32_LANES;
            let place = Place { column, stride };
            match registers {
                // Four are two and two: three would leave one, which alone does not fill the pipeline.
                3 | 5.. => {
                    strip::<S, 3, TRANSPOSED, FUSED>(simd, &product, place, out);
                    column += 3 * S::F32_LANES;
                }
                2 | 4 => {
                    strip::<S, 2, TRANSPOSED, FUSED>(simd, &product, place, out);
                    column += 2 * S::F32_LANES;
                }
                1 => {
                    strip::<S, 1, TRANSPOSED, FUSED>(simd, &product, place, out);
                    column += S::F32_LANES;
                }
                0 => break,
            }
        }
    }
}

/// The body for 0, 1, ... up to `$n`, at most 8, written out: with constant indices alone, and no reference to them, the
/// sums stay in registers.
macro_rules! unrolled {
    ($i:ident < $n:ident: $body:block) => {
        unrolled!(@ $i $n $body 0 1 2 3 4 5 6 7);
    };
    (@ $i:ident $n:ident $body:block $($at:literal)*) => {
        $(
            if $at < $n {
                let $i = $at;
                $body
            }
        )*
    };
}

/// Where a strip of the result begins.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    stride: usize,
}

/// All rows of `C` registers of columns.
#[inline(always)]
fn strip<S: Simd, const C: usize, const TRANSPOSED: bool, const FUSED: bool>(
    simd: S,
    product: &Product<'_>,
    place: Place,
    out: &mut [f32],
) {
    let mut row = 0;
    // As many rows as leave registers for the other operands: 32 registers with AVX-512, else 16.
    if S::F32_LANES == 16 || C == 1 {
        while row + 8 <= product.rows {
            tile::<S, 8, C, TRANSPOSED, FUSED>(simd, product, row, place, out);
            row += 8;
        }
    }
    while row + 4 <= product.rows {
        tile::<S, 4, C, TRANSPOSED, FUSED>(simd, product, row, place, out);
        row += 4;
    }
    while row + 2 <= product.rows {
        tile::<S, 2, C, TRANSPOSED, FUSED>(simd, product, row, place, out);
        row += 2;
    }
    if row < product.rows {
        tile::<S, 1, C, TRANSPOSED, FUSED>(simd, product, row, place, out);
    }
}

#[inline(always)]
fn tile<S: Simd, const R: usize, const C: usize, const TRANSPOSED: bool, const FUSED: bool>(
    simd: S,
    product: &Product<'_>,
    row: usize,
    place: Place,
    out: &mut [f32],
) {
    let width = C * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); C]; R];
    match product.start {
        Start::Zero => {}
        Start::Columns(start) => {
            let start = S::as_simd_f32s(&start[place.column..][..width]).0;
            unrolled!(r < R: {
                unrolled!(c < C: { sums[r][c] = start[c]; });
            });
        }
        Start::Rows(start) => {
            let start = &start[row..][..R];
            unrolled!(r < R: {
                unrolled!(c < C: { sums[r][c] = simd.splat_f32s(start[r]); });
            });
        }
    }
    let b_rows = product.b[place.column..].chunks(product.b_stride);
    if TRANSPOSED {
        let a_rows = product.a[row..].chunks(product.a_stride);
        for (a, b) in a_rows.zip(b_rows).take(product.depth) {
            let b = S::as_simd_f32s(&b[..width]).0;
            let a = &a[..R];
            unrolled!(r < R: {
                let a = simd.splat_f32s(a[r]);
                unrolled!(c < C: {
                    sums[r][c] = madd::<S, FUSED>(simd, a, b[c], sums[r][c]);
                });
            });
        }
    } else {
        let a: [&[f32]; R] =
            std::array::from_fn(|r| &product.a[(row + r) * product.a_stride..][..product.depth]);
        for (p, b) in (0..product.depth).zip(b_rows) {
            let b = S::as_simd_f32s(&b[..width]).0;
            unrolled!(r < R: {
                let a = simd.splat_f32s(a[r][p]);
                unrolled!(c < C: {
                    sums[r][c] = madd::<S, FUSED>(simd, a, b[c], sums[r][c]);
                });
            });
        }
    }
    unrolled!(r < R: {
        let out = &mut out[(row + r) * place.stride + place.column..][..width];
        let out = S::as_mut_simd_f32s(out).0;
        unrolled!(c < C: { out[c] = sums[r][c]; });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_plain_sum_at_every_level() {
        for level in Level::all() {
            for (rows, depth, columns) in [(1, 1, 8), (7, 12, 40), (50, 36, 64), (13, 5, 24), (3, 50, 120)] {
                let a: Vec<f32> = (0..rows * depth).map(|i| (i % 11) as f32 - 5.0).collect();
                let b: Vec<f32> = (0..depth * columns).map(|i| (i % 7) as f32 - 3.0).collect();
                let by_column: Vec<f32> = (0..columns).map(|i| i as f32).collect();
                let by_row: Vec<f32> = (0..rows).map(|i| i as f32).collect();
                let starts = [Start::Zero, Start::Columns(&by_column), Start::Rows(&by_row)];
                for (which, start) in starts.into_iter().enumerate() {
                    let product = |a_stride| Product {
                        a: &a,
                        a_stride,
                        b: &b,
                        b_stride: columns,
                        rows,
                        depth,
                        columns,
                        start,
                    };
                    let mut out = vec![9.0; rows * columns];
                    multiply(level, product(depth), &mut out, columns);
                    compare(&out, &a, &b, (rows, depth, columns), which, false);
                    transposed_multiply(level, product(rows), &mut out, columns);
                    compare(&out, &a, &b, (rows, depth, columns), which, true);
                }
            }
        }
    }

    fn compare(
        out: &[f32],
        a: &[f32],
        b: &[f32],
        (rows, depth, columns): (usize, usize, usize),
        which: usize,
        transposed: bool,
    ) {
        for (i, out) in out.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let at = |p: usize| {
                if transposed {
                    a[p * rows + row]
                } else {
                    a[row * depth + p]
                }
            };
            let sum: f32 = (0..depth).map(|p| at(p) * b[p * columns + column]).sum();
            // Whole numbers: exact in f32.
            assert_eq!(*out, [0.0, column as f32, row as f32][which] + sum);
        }
    }
}
