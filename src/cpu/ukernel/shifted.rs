//! Filter rows times shifted runs: convolution of few channels without packing.

use super::block::Rows;
use super::simd::{MAX_LANES, Simd, isa_kernel};
use crate::cpu::isa::Isa;
use crate::memory::MatrixMut;

/// Floats behind the last run that must be readable, and behind each row of sums writable:
/// runs go by whole vectors.
pub const RUN_SLACK_ELEMS: usize = MAX_LANES;

/// `sums[r][i] = sum over kk of a[r][kk] * source[offsets[kk] + i]`, or `+=` where `accumulate`.
///
/// Rows of `sums` are [`RUN_SLACK_ELEMS`] longer than the runs; what they hold there is undefined
/// afterwards. Each sum is formed in the order of `offsets`.
///
/// # Panics
/// Where a run lies outside the source, or shapes do not go together.
pub fn multiply_shifted(
    isa: Isa,
    a: Rows<'_>,
    source: &[f32],
    offsets: &[usize],
    sums: &mut MatrixMut<'_, f32>,
    accumulate: bool,
) {
    let (rows, row_elems) = sums.shape();
    assert!(row_elems > RUN_SLACK_ELEMS && rows > 0);
    let (row_stride, col_stride) = sums.strides();
    assert_eq!(col_stride, 1);
    assert!((rows - 1) * a.stride + offsets.len() <= a.data.len());
    let reach = offsets.iter().max().map_or(0, |offset| offset + row_elems);
    assert!(reach <= source.len());
    let len = row_elems - RUN_SLACK_ELEMS;
    // SAFETY: runs of `len`, rounded up to whole vectors, lie inside the source and
    // the rows of `sums`, an exclusive matrix; `a` has as many rows.
    unsafe {
        let operands = Operands { a: a.data.as_ptr(), a_stride: a.stride, source: source.as_ptr() };
        shifted(isa, operands, offsets, rows, len, sums.as_mut_ptr(), row_stride, accumulate);
    }
}

#[derive(Clone, Copy)]
struct Operands {
    a: *const f32,
    a_stride: usize,
    source: *const f32,
}

isa_kernel! {
    /// # Safety
    /// As [`multiply_shifted`] asserts.
    unsafe fn shifted(
        operands: Operands,
        offsets: &[usize],
        rows: usize,
        len: usize,
        sums: *mut f32,
        row_stride: usize,
        accumulate: bool,
    ) = shifted_body
}

/// # Safety
/// As `shifted`; the instruction set of `S` must be present.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // as `block_body`
unsafe fn shifted_body<S: Simd>(
    operands: Operands,
    offsets: &[usize],
    rows: usize,
    len: usize,
    sums: *mut f32,
    row_stride: usize,
    accumulate: bool,
) {
    /// Rows of the highest block; with two vectors and a weight they fill sixteen registers.
    const MAX_ROWS: usize = 6;
    let tiles = rows.div_ceil(MAX_ROWS);
    let mut row = 0;
    for tile in 0..tiles {
        let height = (rows - row).div_ceil(tiles - tile);
        // SAFETY: rows from here on lie inside by the caller's promise.
        unsafe {
            let a = operands.a.add(row * operands.a_stride);
            let to = Sums { sums: sums.add(row * row_stride), row_stride, len, accumulate };
            let operands = Operands { a, ..operands };
            // As many vectors as registers are left for.
            match height {
                1 => run::<S, 1, 8>(operands, offsets, to),
                2 => run::<S, 2, 6>(operands, offsets, to),
                3 => run::<S, 3, 4>(operands, offsets, to),
                4 => run::<S, 4, 3>(operands, offsets, to),
                5 => run::<S, 5, 2>(operands, offsets, to),
                _ => run::<S, 6, 2>(operands, offsets, to),
            }
        }
        row += height;
    }
}

#[derive(Clone, Copy)]
struct Sums {
    sums: *mut f32,
    row_stride: usize,
    len: usize,
    accumulate: bool,
}

/// # Safety
/// As `shifted` for `R` rows.
#[inline(always)]
unsafe fn run<S: Simd, const R: usize, const V: usize>(
    operands: Operands,
    offsets: &[usize],
    to: Sums,
) {
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at + V * S::LANES <= to.len {
            block::<S, R, V>(operands, offsets, to, at);
            at += V * S::LANES;
        }
        while at < to.len {
            block::<S, R, 1>(operands, offsets, to, at);
            at += S::LANES;
        }
    }
}

/// # Safety
/// As `shifted` for `R` rows and `V` vectors from `at` on.
#[inline(always)]
unsafe fn block<S: Simd, const R: usize, const V: usize>(
    operands: Operands,
    offsets: &[usize],
    to: Sums,
    at: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        if to.accumulate {
            for row in 0..R {
                for v in 0..V {
                    sums[row][v] = S::load(to.sums.add(row * to.row_stride + at + v * S::LANES));
                }
            }
        }
        let mut a = [operands.a; R];
        for row in 0..R {
            a[row] = operands.a.add(row * operands.a_stride);
        }
        let source = operands.source.add(at);
        for (kk, &offset) in offsets.iter().enumerate() {
            let source = source.add(offset);
            // The fewer are held in registers, the others pass.
            if R < V {
                let mut weights = [S::splat(0.0); R];
                for row in 0..R {
                    weights[row] = S::splat(*a[row].add(kk));
                }
                for v in 0..V {
                    let passing = S::load(source.add(v * S::LANES));
                    for row in 0..R {
                        sums[row][v] = S::mul_add(weights[row], passing, sums[row][v]);
                    }
                }
            } else {
                let mut held = [S::splat(0.0); V];
                for v in 0..V {
                    held[v] = S::load(source.add(v * S::LANES));
                }
                for row in 0..R {
                    let weight = S::splat(*a[row].add(kk));
                    for v in 0..V {
                        sums[row][v] = S::mul_add(weight, held[v], sums[row][v]);
                    }
                }
            }
        }
        for row in 0..R {
            for v in 0..V {
                let sum = to.sums.add(row * to.row_stride + at + v * S::LANES);
                S::store(sum, sums[row][v]);
            }
        }
    }
}
