//! Sums along contiguous runs: backward-weights without transposing anything.

use std::ops::Range;

use super::block::Rows;
use super::simd::{Simd, ask_for, isa_kernel};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::EvenParts;
use crate::memory::MatrixMut;

/// Rows of a register block. More of them need as many loads and more room in the L1 cache, so that runs
/// are shorter; only where columns are few they are needed to fill the registers.
const MAX_ROWS: usize = 4;

/// Rows of the highest register block.
const fn max_rows(registers: usize) -> usize {
    if registers >= 32 { 8 } else { MAX_ROWS }
}

/// Columns of a register block of `rows`: as many as, with the vectors that are held, fill the
/// registers.
const fn max_cols(registers: usize, rows: usize) -> usize {
    if registers >= 32 { [0, 9, 9, 8, 6, 5, 4, 3, 3][rows] } else { [0, 9, 5, 4, 3][rows] }
}

/// Rows that [`add_dots`] takes at a time.
pub const DOT_ROWS: usize = MAX_ROWS;

/// Where a run begins in every row of `a` and in every column of `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DotStart {
    pub a: usize,
    pub b: usize,
}

/// The runs of all rows and columns.
#[derive(Clone, Copy, Debug)]
pub struct DotRuns<'a> {
    pub starts: &'a [DotStart],
    pub len: usize,
    /// What will be needed after the rows of `a`.
    pub next: Option<NextRows<'a>>,
}

/// Rows that are asked for ahead: their runs begin as those of `a`.
#[derive(Clone, Copy, Debug)]
pub struct NextRows<'a> {
    pub rows: Rows<'a>,
    pub count: usize,
}

/// `sums[rows.start + r][c] += sum over starts s, i < len of
/// a.data[r * a.stride + s.a + i] * b[columns[c] + s.b + i]`.
///
/// Each sum is formed in an order that depends on the runs alone.
///
/// # Panics
/// Where a run lies outside its slice, or rows outside the sums.
pub fn add_dots(
    isa: Isa,
    a: Rows<'_>,
    b: &[f32],
    columns: &[usize],
    runs: DotRuns<'_>,
    sums: &mut MatrixMut<'_, f32>,
    rows: Range<usize>,
) {
    let DotRuns { starts, len, next } = runs;
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
    let next = next.map(|next| Next {
        first: next.rows.data.as_ptr(),
        stride: next.rows.stride,
        rows: next.count,
    });
    let runs = Runs { a: a.data.as_ptr(), a_stride: a.stride, b: b.as_ptr(), starts, len };
    // SAFETY: all runs lie inside by the assertions; `sums` is an exclusive
    // matrix that has these rows and columns.
    unsafe {
        let sums = sums.as_mut_ptr().add(first_row * row_stride);
        dots(isa, runs, rows, columns, sums, row_stride, next);
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

/// Rows whose runs are asked for while others are worked on: there are more of them than a processor
/// follows, and each run is short.
#[derive(Clone, Copy)]
struct Next {
    first: *const f32,
    stride: usize,
    rows: usize,
}

impl Next {
    /// What is asked for in one of several blocks.
    #[inline(always)]
    fn share(self, block: usize, blocks: usize) -> Self {
        let [begin, end] = [block, block + 1].map(|block| block * self.rows / blocks);
        let first = self.first.wrapping_add(begin * self.stride);
        Next { first, rows: end - begin, ..self }
    }
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
        next: Option<Next>,
    ) = dots_body
}

/// Calls `row_of_blocks::<S, n>` for the height `n`.
macro_rules! by_height {
    ($height:expr, $most:expr, $S:ident $args:tt; $($n:literal)*) => {
        match $height {
            $($n if $n <= $most => row_of_blocks::<$S, $n>$args,)*
            _ => unreachable!("no block is that high"),
        }
    };
}

/// Calls `block::<S, R, n>` for `n` columns.
macro_rules! by_width {
    ($count:expr, $most:expr, $S:ident, $R:ident $args:tt; $($n:literal)*) => {
        match $count {
            $($n if $n <= $most => block::<$S, $R, $n>$args,)*
            _ => unreachable!("no block is that wide"),
        }
    };
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
    next: Option<Next>,
) {
    let highest = const { max_rows(S::REGISTERS) };
    let are_few = columns.len() <= const { max_cols(S::REGISTERS, max_rows(S::REGISTERS)) };
    let most = if are_few { highest } else { MAX_ROWS };
    let tiles = rows.div_ceil(most);
    // Even heights: the lower a block, the more loads for each product.
    let heights = EvenParts::new(rows, tiles);
    let mut row = 0;
    for tile in 0..tiles {
        let height = heights.of(tile);
        let after = rows - row - height;
        let next = match (after, next) {
            (0, Some(next)) => Next { rows: most.min(next.rows), ..next },
            _ => Next {
                first: runs.a.wrapping_add((row + height) * runs.a_stride),
                stride: runs.a_stride,
                rows: most.min(after),
            },
        };
        // SAFETY: rows from here on lie inside by the caller's promise.
        unsafe {
            let runs = Runs { a: runs.a.add(row * runs.a_stride), ..runs };
            let sums = sums.add(row * row_stride);
            by_height!(height, highest, S(runs, columns, sums, row_stride, next); 1 2 3 4 5 6 7 8);
        }
        row += height;
    }
}

/// Blocks of `R` rows.
///
/// # Safety
/// As `dots` for `R` rows.
#[inline(always)]
unsafe fn row_of_blocks<S: Simd, const R: usize>(
    runs: Runs<'_>,
    columns: &[usize],
    sums: *mut f32,
    row_stride: usize,
    next: Next,
) {
    let most = const { max_cols(S::REGISTERS, if R <= max_rows(S::REGISTERS) { R } else { 1 }) };
    let blocks = columns.len().div_ceil(most);
    let counts = EvenParts::new(columns.len(), blocks);
    let mut col = 0;
    for block_index in 0..blocks {
        let count = counts.of(block_index);
        let columns = &columns[col..col + count];
        let next = next.share(block_index, blocks);
        // SAFETY: the caller's promise.
        unsafe {
            let sums = sums.add(col);
            by_width!(count, most, S, R(runs, columns, sums, row_stride, next); 1 2 3 4 5 6 7 8 9);
        }
        col += count;
    }
}

/// # Safety
/// As `dots` for `R` rows and `C` columns.
#[inline(always)]
unsafe fn block<S: Simd, const R: usize, const C: usize>(
    runs: Runs<'_>,
    columns: &[usize],
    sums: *mut f32,
    row_stride: usize,
    next: Next,
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
                for row in 0..next.rows {
                    let first = next.first.wrapping_add(row * next.stride);
                    ask_for(first.wrapping_add(start.a + at));
                }
                step::<S, R, C>(&a, &b, at, None, &mut lanes);
                at += S::LANES;
            }
            if at < runs.len {
                step::<S, R, C>(&a, &b, at, Some(runs.len - at), &mut lanes);
            }
        }
        for col in 0..C {
            for group in 0..R.div_ceil(4) {
                let mut four = [S::splat(0.0); 4];
                for row in 0..4 {
                    if group * 4 + row < R {
                        four[row] = lanes[group * 4 + row][col];
                    }
                }
                // Side by side they take half as many instructions.
                let four = if R > 2 {
                    S::sum_lanes_of_4(four)
                } else {
                    [S::sum_lanes(four[0]), S::sum_lanes(four[1]), 0.0, 0.0]
                };
                for row in 0..4 {
                    if group * 4 + row < R {
                        let sum = sums.add((group * 4 + row) * row_stride + col);
                        sum.write(sum.read() + four[row]);
                    }
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IsaLevel;

    /// Every height and width of blocks, runs round the lanes of vectors, at every level; small
    /// integers, which are exact.
    #[test]
    fn all_blocks() {
        let value = |index: usize| ((index * 7919) % 13) as f32 - 6.0;
        for level in [IsaLevel::Scalar, IsaLevel::Avx2Fma, IsaLevel::Avx512] {
            let Some(isa) = Isa::supported(level) else { continue };
            for (rows, cols) in (1..20).flat_map(|rows| (1..21).map(move |cols| (rows, cols))) {
                for len in [1, 4, 7, 16, 17, 31, 33, 70] {
                    let starts = [DotStart { a: 0, b: 3 }, DotStart { a: 80, b: 100 }];
                    let columns: Vec<usize> = (0..cols).map(|col| col * 5 % 23).collect();
                    let a_stride = 80 + len;
                    let a: Vec<f32> = (0..rows * a_stride).map(value).collect();
                    let b: Vec<f32> = (0..100 + 22 + len).map(|index| value(2 * index)).collect();
                    let mut sums = vec![1.0; (rows + 2) * cols];
                    let mut matrix = MatrixMut::row_major(&mut sums, rows + 2, cols);
                    let of_a = Rows { data: &a, stride: a_stride };
                    let next = NextRows { rows: of_a, count: rows };
                    let runs = DotRuns { starts: &starts, len, next: (len > 20).then_some(next) };
                    add_dots(isa, of_a, &b, &columns, runs, &mut matrix, 1..rows + 1);
                    for (index, &got) in sums.iter().enumerate() {
                        let (row, col) = (index / cols, index % cols);
                        let product = |start: &DotStart, at: usize| {
                            a[(row - 1) * a_stride + start.a + at] * b[columns[col] + start.b + at]
                        };
                        let of_run = |start| (0..len).map(|at| product(start, at)).sum::<f32>();
                        let is_inside = (1..=rows).contains(&row);
                        let dot = if is_inside { starts.iter().map(of_run).sum() } else { 0.0 };
                        assert_eq!(got, 1.0 + dot, "{level:?} {rows} x {cols} x {len} at {index}");
                    }
                }
            }
        }
    }
}
