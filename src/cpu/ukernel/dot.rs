//! Sums along contiguous runs: backward-weights without transposing anything.

use std::ops::Range;

use super::block::Rows;
use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;
use crate::memory::MatrixMut;

/// Where a run begins in every row of `a` and in every column of `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DotStart {
    pub a: usize,
    pub b: usize,
}

/// `sums[rows.start + r][c] += sum over starts s, i < len of
/// a.data[r * a.stride + s.a + i] * b[columns[c] + s.b + i]`.
///
/// Each sum is formed in an order that depends on `starts` and `len` alone.
///
/// # Panics
/// Where a run lies outside its slice, or rows outside the sums.
#[allow(clippy::too_many_arguments)] // two operands and a result, each with its places
pub fn add_dots(
    isa: Isa,
    a: Rows<'_>,
    b: &[f32],
    columns: &[usize],
    starts: &[DotStart],
    len: usize,
    sums: &mut MatrixMut<'_, f32>,
    rows: Range<usize>,
) {
    let (all_rows, cols) = sums.shape();
    assert!(rows.start <= rows.end && rows.end <= all_rows);
    let (first_row, rows) = (rows.start, rows.len());
    if rows == 0 || cols == 0 || starts.is_empty() {
        return;
    }
    assert_eq!(columns.len(), cols);
    let (row_stride, col_stride) = sums.strides();
    assert!(col_stride == 1 || cols == 1);
    let last_a = starts.iter().map(|start| start.a).max().unwrap_or(0);
    assert!((rows - 1) * a.stride + last_a + len <= a.data.len());
    let last_b = starts.iter().map(|start| start.b).max().unwrap_or(0);
    let last_column = columns.iter().copied().max().unwrap_or(0);
    assert!(last_column + last_b + len <= b.len());
    let runs = Runs { a: a.data.as_ptr(), a_stride: a.stride, b: b.as_ptr(), starts, len };
    // SAFETY: all runs lie inside by the assertions; `sums` is an exclusive
    // matrix that has these rows and columns.
    unsafe {
        let sums = sums.as_mut_ptr().add(first_row * row_stride);
        dots(isa, runs, rows, columns, sums, row_stride);
    }
}

/// The runs of a block of sums.
#[derive(Clone, Copy)]
struct Runs<'a> {
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    starts: &'a [DotStart],
    len: usize,
}

isa_kernel! {
    /// # Safety
    /// As [`add_dots`] asserts.
    unsafe fn dots(
        runs: Runs<'_>,
        rows: usize,
        columns: &[usize],
        sums: *mut f32,
        row_stride: usize,
    ) = dots_body
}

/// # Safety
/// As `dots`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn dots_body<S: Simd>(
    runs: Runs<'_>,
    rows: usize,
    columns: &[usize],
    sums: *mut f32,
    row_stride: usize,
) {
    let mut row = 0;
    while row < rows {
        // SAFETY: rows from here on lie inside by the caller's promise.
        unsafe {
            let runs = Runs { a: runs.a.add(row * runs.a_stride), ..runs };
            let sums = sums.add(row * row_stride);
            // With the vectors that are held, these fill sixteen registers.
            row += match rows - row {
                1 => row_of_blocks::<S, 1>(runs, columns, 9, sums, row_stride),
                2 => row_of_blocks::<S, 2>(runs, columns, 5, sums, row_stride),
                3 => row_of_blocks::<S, 3>(runs, columns, 4, sums, row_stride),
                _ => row_of_blocks::<S, 4>(runs, columns, 3, sums, row_stride),
            };
        }
    }
}

/// Blocks of `R` rows and up to `max_cols` columns; returns `R`.
///
/// # Safety
/// As `dots` for `R` rows.
#[inline(always)]
unsafe fn row_of_blocks<S: Simd, const R: usize>(
    runs: Runs<'_>,
    columns: &[usize],
    max_cols: usize,
    sums: *mut f32,
    row_stride: usize,
) -> usize {
    let mut col = 0;
    while col < columns.len() {
        let count = max_cols.min(columns.len() - col);
        let columns = &columns[col..col + count];
        // SAFETY: the caller's promise. Only the widths that `dots_body` asks for are reached.
        unsafe {
            let sums = sums.add(col);
            match count {
                1 => block::<S, R, 1>(runs, columns, sums, row_stride),
                2 => block::<S, R, 2>(runs, columns, sums, row_stride),
                3 => block::<S, R, 3>(runs, columns, sums, row_stride),
                4 if R <= 3 => block::<S, R, 4>(runs, columns, sums, row_stride),
                5 if R <= 2 => block::<S, R, 5>(runs, columns, sums, row_stride),
                6 if R == 1 => block::<S, R, 6>(runs, columns, sums, row_stride),
                7 if R == 1 => block::<S, R, 7>(runs, columns, sums, row_stride),
                8 if R == 1 => block::<S, R, 8>(runs, columns, sums, row_stride),
                9 if R == 1 => block::<S, R, 9>(runs, columns, sums, row_stride),
                _ => unreachable!("no block is that wide"),
            }
        }
        col += count;
    }
    R
}

/// # Safety
/// As `dots` for `R` rows and `C` columns.
#[inline(always)]
unsafe fn block<S: Simd, const R: usize, const C: usize>(
    runs: Runs<'_>,
    columns: &[usize],
    sums: *mut f32,
    row_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut lanes = [[S::splat(0.0); C]; R];
        for start in runs.starts {
            let mut a = [runs.a; R];
            for row in 0..R {
                a[row] = runs.a.add(row * runs.a_stride + start.a);
            }
            let mut b = [runs.b; C];
            for col in 0..C {
                b[col] = runs.b.add(columns[col] + start.b);
            }
            let mut at = 0;
            while at + S::LANES <= runs.len {
                step::<S, R, C>(&a, &b, at, None, &mut lanes);
                at += S::LANES;
            }
            if at < runs.len {
                step::<S, R, C>(&a, &b, at, Some(runs.len - at), &mut lanes);
            }
        }
        for row in 0..R {
            for col in 0..C {
                let sum = sums.add(row * row_stride + col);
                sum.write(sum.read() + S::sum_lanes(lanes[row][col]));
            }
        }
    }
}

/// One vector of every run, or its first `count` floats.
///
/// # Safety
/// They must be readable.
#[inline(always)]
unsafe fn step<S: Simd, const R: usize, const C: usize>(
    a: &[*const f32; R],
    b: &[*const f32; C],
    at: usize,
    count: Option<usize>,
    lanes: &mut [[S::V; C]; R],
) {
    // SAFETY: the caller's promise.
    unsafe {
        // The fewer are held in registers, the others pass.
        if R > C {
            let mut held = [S::splat(0.0); C];
            for col in 0..C {
                held[col] = load::<S>(b[col].add(at), count);
            }
            for row in 0..R {
                let passing = load::<S>(a[row].add(at), count);
                for col in 0..C {
                    lanes[row][col] = S::mul_add(passing, held[col], lanes[row][col]);
                }
            }
        } else {
            let mut held = [S::splat(0.0); R];
            for row in 0..R {
                held[row] = load::<S>(a[row].add(at), count);
            }
            for col in 0..C {
                let passing = load::<S>(b[col].add(at), count);
                for row in 0..R {
                    lanes[row][col] = S::mul_add(held[row], passing, lanes[row][col]);
                }
            }
        }
    }
}

/// # Safety
/// A vector, or that many floats, must be readable.
#[inline(always)]
unsafe fn load<S: Simd>(from: *const f32, count: Option<usize>) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        match count {
            None => S::load(from),
            Some(count) => S::load_first(from, count),
        }
    }
}
