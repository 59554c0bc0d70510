//! Filter rows times shifted runs: convolution of few channels without packing panels.

use super::block::Rows;
use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::transpose::transpose_strided;
use crate::config::IsaLevel;
use crate::cpu::isa::Isa;
use crate::cpu::tiles::EvenParts;
use crate::memory::MatrixMut;

/// Floats behind the last run that must be readable, and behind each row of sums writable:
/// runs go by whole vectors.
pub const RUN_SLACK_ELEMS: usize = MAX_LANES;

/// Rows of the highest register block: with two vectors and a weight six fill 16 registers, with
/// three vectors eight fill 28 of 32, and rows are more often a multiple of eight than of seven.
const fn max_rows(registers: usize) -> usize {
    if registers >= 32 { 8 } else { 6 }
}

/// Vectors of a register block of `rows`: as many as registers are left for. Where none would be left over, of four
/// rows and three vectors with sixteen, the compiler keeps a sum in memory: groups of four channels took 1.5 times
/// as long (Zen 3).
const fn max_vectors(registers: usize, rows: usize) -> usize {
    if registers >= 32 { [0, 8, 8, 8, 6, 5, 4, 3, 3][rows] } else { [0, 8, 6, 4, 2, 2, 2][rows] }
}

/// The heights of the tiles that rows are cut into: even ones.
fn tile_heights(isa: Isa, rows: usize) -> impl Iterator<Item = usize> {
    let registers = if isa.level() == IsaLevel::Avx512 { 32 } else { 16 };
    let tiles = rows.div_ceil(max_rows(registers));
    let heights = EvenParts::new(rows, tiles);
    (0..tiles).map(move |tile| heights.of(tile))
}

/// Regroups `rows` of `gemm_k` floats into the tiles of [`multiply_shifted`]: in each of them the
/// weights of a step lie together.
///
/// # Panics
/// Where a slice is too short.
pub fn pack_row_tiles(isa: Isa, from: Rows<'_>, rows: usize, gemm_k: usize, tiles: &mut [f32]) {
    let mut row = 0;
    for height in tile_heights(isa, rows) {
        let from_tile = &from.data[row * from.stride..];
        let tile = &mut tiles[row * gemm_k..][..height * gemm_k];
        transpose_strided(isa, from_tile, from.stride, height, gemm_k, tile, height);
        row += height;
    }
}

/// Rows of a filter as [`pack_row_tiles`] leaves them, from some step of the reduction on.
#[derive(Clone, Copy, Debug)]
pub struct RowTiles<'a> {
    pub data: &'a [f32],
    /// Steps of the whole reduction.
    pub gemm_k: usize,
    /// The first step that is meant.
    pub first: usize,
}

/// What of a vector of a run belongs to lines: the lanes, and where the first of them goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    lanes: u32,
    at: usize,
}

/// Floats in a vector.
fn lanes_of(isa: Isa) -> usize {
    match isa.level() {
        IsaLevel::Scalar => 4,
        IsaLevel::Avx2Fma => 8,
        IsaLevel::Avx512 => 16,
    }
}

/// The cuts of a run of `lines` of `width` that begin `line_stride` apart: without what is between
/// them.
pub fn cuts_of_lines(isa: Isa, lines: usize, width: usize, line_stride: usize) -> Vec<Cut> {
    let lanes = lanes_of(isa);
    let run = (lines - 1) * line_stride + width;
    let mut cuts = vec![Cut::default(); run.div_ceil(lanes)];
    for line in 0..lines {
        let (mut at, end) = (line * line_stride, line * line_stride + width);
        while at < end {
            // Lanes are a power of two, which the compiler does not know.
            let (vector, lane) = (at >> lanes.trailing_zeros(), at & (lanes - 1));
            let count = (end - at).min(lanes - lane);
            cuts[vector].lanes |= ((1u32 << count) - 1) << lane;
            at += count;
        }
    }
    let mut at = 0;
    for cut in &mut cuts {
        cut.at = at;
        at += cut.lanes.count_ones() as usize;
    }
    cuts
}

/// Where the lines of complete sums go, without what is between them.
pub struct LineSums<'a, 'b> {
    /// Of the run.
    pub cuts: &'a [Cut],
    /// As many rows as there are sums, each with all lines.
    pub out: &'a mut MatrixMut<'b, f32>,
}

/// `sums[r][i] = sum over kk of weight[r][kk] * source[offsets[kk] + i]`, or `+=` where
/// `accumulate`; where `lines` are given, the result goes there and `sums` stay.
///
/// Rows of `sums` are [`RUN_SLACK_ELEMS`] longer than the runs; what they hold there is undefined
/// afterwards. Each sum is formed in the order of `offsets`.
///
/// # Panics
/// Where a run lies outside the source, or shapes do not go together.
pub fn multiply_shifted(
    isa: Isa,
    weights: RowTiles<'_>,
    source: &[f32],
    offsets: &[usize],
    sums: &mut MatrixMut<'_, f32>,
    accumulate: bool,
    lines: Option<LineSums<'_, '_>>,
) {
    let (rows, row_elems) = sums.shape();
    assert!(row_elems > RUN_SLACK_ELEMS && rows > 0);
    let (row_stride, col_stride) = sums.strides();
    assert_eq!(col_stride, 1);
    assert!(weights.first + offsets.len() <= weights.gemm_k);
    assert!(rows * weights.gemm_k <= weights.data.len());
    let reach = offsets.iter().max().map_or(0, |offset| offset + row_elems);
    assert!(reach <= source.len());
    let len = row_elems - RUN_SLACK_ELEMS;
    let partial = Place { sums: sums.as_mut_ptr(), row_stride };
    let lines = lines.map(|LineSums { cuts, out }| {
        let (out_rows, cols) = out.shape();
        let (row_stride, col_stride) = out.strides();
        let last = cuts.last().map_or(0, |cut| cut.at + cut.lanes.count_ones() as usize);
        assert!(out_rows == rows && cols == last && (col_stride == 1 || cols == 1));
        assert_eq!(len.div_ceil(lanes_of(isa)), cuts.len());
        Lines { cuts, cols, place: Place { sums: out.as_mut_ptr(), row_stride } }
    });
    let run = Run {
        weights: weights.data.as_ptr(),
        gemm_k: weights.gemm_k,
        first: weights.first,
        source: source.as_ptr(),
        offsets,
        partial,
        accumulate,
        lines,
    };
    // SAFETY: runs of `len`, rounded up to whole vectors, lie inside the source and
    // the rows of `sums`, an exclusive matrix; there are weights for its rows, and a cut for each
    // vector, whose lanes lie inside the rows of the other exclusive matrix.
    unsafe { shifted(isa, run, rows, len) }
}

/// Rows of sums.
#[derive(Clone, Copy)]
struct Place {
    sums: *mut f32,
    row_stride: usize,
}

impl Place {
    /// # Safety
    /// There must be such a row.
    #[inline(always)]
    unsafe fn rows_from(self, row: usize) -> Self {
        // SAFETY: the caller's promise.
        Place { sums: unsafe { self.sums.add(row * self.row_stride) }, ..self }
    }
}

#[derive(Clone, Copy)]
struct Lines<'a> {
    cuts: &'a [Cut],
    cols: usize,
    place: Place,
}

#[derive(Clone, Copy)]
struct Run<'a> {
    weights: *const f32,
    gemm_k: usize,
    first: usize,
    source: *const f32,
    offsets: &'a [usize],
    partial: Place,
    accumulate: bool,
    lines: Option<Lines<'a>>,
}

isa_kernel! {
    /// # Safety
    /// As [`multiply_shifted`] asserts.
    unsafe fn shifted(run: Run<'_>, rows: usize, len: usize) = shifted_body
}

/// Calls `run_tile::<S, n>` for the height `n`.
macro_rules! by_height {
    ($height:expr, $most:expr, $S:ident $args:tt; $($n:literal)*) => {
        match $height {
            $($n if $n <= $most => run_tile::<$S, $n>$args,)*
            _ => unreachable!("no register block is that high"),
        }
    };
}

/// Calls `sum_block::<S, R, n>` for `n` vectors.
macro_rules! by_width {
    ($count:expr, $most:expr, $S:ident, $R:ident $args:tt; $($n:literal)*) => {
        match $count {
            $($n if $n <= $most => sum_block::<$S, $R, $n>$args,)*
            _ => unreachable!("no register block is that wide"),
        }
    };
}

/// # Safety
/// As `shifted`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn shifted_body<S: Simd>(run: Run<'_>, rows: usize, len: usize) {
    let vectors = len.div_ceil(S::LANES);
    let tiles = rows.div_ceil(max_rows(S::REGISTERS));
    // As in `tile_heights`.
    let heights = EvenParts::new(rows, tiles);
    let mut row = 0;
    for tile in 0..tiles {
        let height = heights.of(tile);
        // SAFETY: rows from here on lie inside by the caller's promise.
        unsafe {
            let mut of_tile = Run {
                weights: run.weights.add(row * run.gemm_k + run.first * height),
                partial: run.partial.rows_from(row),
                ..run
            };
            if let Some(lines) = &mut of_tile.lines {
                lines.place = lines.place.rows_from(row);
            }
            by_height!(height, max_rows(S::REGISTERS), S(of_tile, vectors); 1 2 3 4 5 6 7 8);
        }
        row += height;
    }
}

/// # Safety
/// As `shifted` for `R` rows.
#[inline(always)]
unsafe fn run_tile<S: Simd, const R: usize>(run: Run<'_>, vectors: usize) {
    let most = const { max_vectors(S::REGISTERS, if R <= max_rows(S::REGISTERS) { R } else { 1 }) };
    let blocks = vectors.div_ceil(most);
    // Even ones: a single vector would wait for its own sums.
    let counts = EvenParts::new(vectors, blocks);
    let mut at = 0;
    for block in 0..blocks {
        let count = counts.of(block);
        // SAFETY: the caller's promise.
        unsafe {
            by_width!(count, most, S, R(run, at); 1 2 3 4 5 6 7 8);
        }
        at += count;
    }
}

/// # Safety
/// As `shifted` for `R` rows and `V` vectors from vector `first` on.
#[inline(always)]
unsafe fn sum_block<S: Simd, const R: usize, const V: usize>(run: Run<'_>, first: usize) {
    let at = first * S::LANES;
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        let Place { sums: partial, row_stride } = run.partial;
        if run.accumulate {
            for row in 0..R {
                for v in 0..V {
                    sums[row][v] = S::load(partial.add(row * row_stride + at + v * S::LANES));
                }
            }
        }
        let source = run.source.add(at);
        let mut weights = run.weights;
        for &offset in run.offsets {
            let source = source.add(offset);
            // The fewer are held in registers, the others pass.
            if R < V {
                let mut held = [S::splat(0.0); R];
                for row in 0..R {
                    held[row] = S::splat(*weights.add(row));
                }
                for v in 0..V {
                    let passing = S::load(source.add(v * S::LANES));
                    for row in 0..R {
                        sums[row][v] = S::mul_add(held[row], passing, sums[row][v]);
                    }
                }
            } else {
                let mut held = [S::splat(0.0); V];
                for v in 0..V {
                    held[v] = S::load(source.add(v * S::LANES));
                }
                for row in 0..R {
                    let weight = S::splat(*weights.add(row));
                    for v in 0..V {
                        sums[row][v] = S::mul_add(weight, held[v], sums[row][v]);
                    }
                }
            }
            weights = weights.add(R);
        }
        match run.lines {
            Some(lines) => store_lines::<S, R, V>(lines, first, &sums),
            None => {
                for row in 0..R {
                    for v in 0..V {
                        let sum = partial.add(row * row_stride + at + v * S::LANES);
                        S::store(sum, sums[row][v]);
                    }
                }
            }
        }
    }
}

/// # Safety
/// As `sum_block`.
#[inline(always)]
unsafe fn store_lines<S: Simd, const R: usize, const V: usize>(
    lines: Lines<'_>,
    first: usize,
    sums: &[[S::V; V]; R],
) {
    // Written out: a loop that is not unrolled would keep all sums in memory.
    // SAFETY: the caller's promise.
    unsafe {
        store_vector::<S, R, V, 0>(lines, first, sums);
        store_vector::<S, R, V, 1>(lines, first, sums);
        store_vector::<S, R, V, 2>(lines, first, sums);
        store_vector::<S, R, V, 3>(lines, first, sums);
        store_vector::<S, R, V, 4>(lines, first, sums);
        store_vector::<S, R, V, 5>(lines, first, sums);
        store_vector::<S, R, V, 6>(lines, first, sums);
        store_vector::<S, R, V, 7>(lines, first, sums);
    }
}

/// Vector `N` of a block's rows, where it has one.
///
/// # Safety
/// As `sum_block`.
#[inline(always)]
unsafe fn store_vector<S: Simd, const R: usize, const V: usize, const N: usize>(
    lines: Lines<'_>,
    first: usize,
    sums: &[[S::V; V]; R],
) {
    if N >= V {
        return;
    }
    let Lines { cuts, cols, place } = lines;
    // SAFETY: the caller's promise. A whole vector is stored where the row has room for it; what
    // it leaves behind its own lanes, the vectors that follow overwrite.
    unsafe {
        let Cut { lanes, at } = *cuts.get_unchecked(first + N);
        let to = place.sums.add(at);
        if at + S::LANES > cols {
            for row in 0..R {
                let packed = S::compress(sums[row][N], lanes);
                S::store_first(to.add(row * place.row_stride), packed, cols - at);
            }
        } else if lanes == (1u32 << S::LANES) - 1 {
            for row in 0..R {
                S::store(to.add(row * place.row_stride), sums[row][N]);
            }
        } else {
            for row in 0..R {
                let packed = S::compress(sums[row][N], lanes);
                S::store(to.add(row * place.row_stride), packed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every height of tiles and width of blocks, runs of lines with gaps of several lengths, partial
    /// sums and lines, at every level; small integers, which are exact.
    #[test]
    fn all_blocks_and_cuts() {
        const UNTOUCHED: f32 = 12345.0;
        let value = |index: usize| ((index * 7919) % 13) as f32 - 6.0;
        for level in [IsaLevel::Scalar, IsaLevel::Avx2Fma, IsaLevel::Avx512] {
            let Some(isa) = Isa::supported(level) else { continue };
            let shapes = [(1, 1, 1), (1, 40, 40), (5, 3, 4), (3, 7, 40), (2, 16, 18), (9, 31, 33)];
            let shapes = shapes.into_iter().chain((1..20).map(|lines| (lines, 15, 17)));
            for ((lines, width, stride), rows) in
                shapes.flat_map(|shape| (1..20).map(move |rows| (shape, rows)))
            {
                let (gemm_k, first) = (7, 2);
                let offsets = [0, 5, 3, 40, 1];
                let len = (lines - 1) * stride + width;
                let row_elems = len + RUN_SLACK_ELEMS;
                let source: Vec<f32> = (0..row_elems + 40).map(value).collect();
                let weights: Vec<f32> = (0..rows * gemm_k).map(|index| value(3 * index)).collect();
                let mut tiles = vec![f32::NAN; weights.len()];
                let from = Rows { data: &weights, stride: gemm_k };
                pack_row_tiles(isa, from, rows, gemm_k, &mut tiles);
                let tiles = RowTiles { data: &tiles, gemm_k, first };
                let want = |row: usize, at: usize| -> f32 {
                    let weight = |kk: usize| weights[row * gemm_k + first + kk];
                    (0..offsets.len()).map(|kk| weight(kk) * source[offsets[kk] + at]).sum()
                };
                let mut sums = vec![f32::NAN; rows * row_elems];
                for call in 1..=2 {
                    let mut block = MatrixMut::row_major(&mut sums, rows, row_elems);
                    multiply_shifted(isa, tiles, &source, &offsets, &mut block, call > 1, None);
                    for (row, at) in (0..rows).flat_map(|row| (0..len).map(move |at| (row, at))) {
                        let got = sums[row * row_elems + at];
                        assert_eq!(got, call as f32 * want(row, at), "{level:?} {rows} x {len}");
                    }
                }
                // A column more on either side must stay.
                let cols = lines * width;
                let mut out = vec![UNTOUCHED; rows * (cols + 2)];
                let cuts = cuts_of_lines(isa, lines, width, stride);
                let mut matrix = MatrixMut::row_major(&mut out, rows, cols + 2);
                let mut inner = matrix.some_cols(1..cols + 1);
                let to = Some(LineSums { cuts: &cuts, out: &mut inner });
                let mut block = MatrixMut::row_major(&mut sums, rows, row_elems);
                multiply_shifted(isa, tiles, &source, &offsets, &mut block, true, to);
                for (index, &got) in out.iter().enumerate() {
                    let (row, col) = (index / (cols + 2), index % (cols + 2));
                    let is_inside = (1..=cols).contains(&col);
                    let at = |col: usize| col / width * stride + col % width;
                    let want = if is_inside { 3.0 * want(row, at(col - 1)) } else { UNTOUCHED };
                    assert_eq!(got, want, "{level:?} {rows} x {lines} x {width} at {index}");
                }
            }
        }
    }
}
