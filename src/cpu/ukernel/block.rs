//! The GEMM kernel: a block of rows times packed panels of columns.

use std::marker::PhantomData;

use super::few_columns::{FewColumns, multiply_few};
use super::panel::ReduceOffsets;
use super::register_block::{Block, BlockSimd, Gather, GatheredColumns, Reduction, wide_rows};
use super::simd::{Simd, isa_kernel};
use crate::config::IsaLevel;
use crate::cpu::cache::{CacheSets, CacheSizes};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::{even_piece, pieces};
use crate::memory::MatrixMut;
use crate::solver::arena;

/// Floats of a cache line.
const LINE_ELEMS: usize = 16;

/// Columns of a packed panel: two vector registers.
pub fn panel_columns(isa: Isa) -> usize {
    match isa.level() {
        IsaLevel::Scalar => 8,
        IsaLevel::Avx2Fma => 16,
        IsaLevel::Avx512 => 32,
    }
}

/// Rows of the register block.
pub fn block_rows(isa: Isa) -> usize {
    match isa.level() {
        IsaLevel::Scalar | IsaLevel::Avx2Fma => 6,
        IsaLevel::Avx512 => 14,
    }
}

/// Rows that most register blocks have: those of wide ones, where there are any.
fn most_block_rows(isa: Isa) -> usize {
    if isa.is_wide() { wide_rows(3) } else { block_rows(isa) }
}

/// Rows of f32 at one distance, each contiguous.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// From the first row's first element.
    pub data: &'a [f32],
    /// Distance from row to row in elements.
    pub stride: usize,
}

/// The left matrix of a product, of which either rows or columns are contiguous.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// From the first row's first element.
    data: &'a [f32],
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Left<'a> {
    /// Columns at one distance, each contiguous; `data` begins with the first.
    pub fn of_columns(data: &'a [f32], stride: usize) -> Self {
        Left { data, row_stride: 1, column_stride: stride }
    }

    /// Its rows, where they are contiguous.
    pub(super) fn contiguous_rows(self) -> Option<Rows<'a>> {
        (self.column_stride == 1).then_some(Rows { data: self.data, stride: self.row_stride })
    }

    /// Its columns as rows, where rows are not contiguous.
    pub(super) fn contiguous_columns(self) -> Rows<'a> {
        debug_assert_eq!(self.row_stride, 1);
        Rows { data: self.data, stride: self.column_stride }
    }

    /// From a row on.
    fn rows_from(self, row: usize) -> Self {
        Left { data: &self.data[row * self.row_stride..], ..self }
    }

    /// Whether it is better copied before it is multiplied with several panels: lines of it that are wanted
    /// together lie in so few sets of a cache that they would displace each other.
    ///
    /// Of rows, those of a register block, in the L1 cache: 14 rows of 1024 floats at distance 1024
    /// reached 71 % of the FMA peak of Zen 4, copied 89 %; at distance 512, where they just fit, a copy took 4 %
    /// longer. Of columns, all `gemm_k`, in the L2 cache: 512 at distance 2048 gained 7 %, at distance 1024 they
    /// lost 3. With register blocks of 6 rows in the L1 cache: 256 at distance 1024 took 1.35 times as long as
    /// a copy (AVX2, Zen 4). With wide blocks of 6 and 9 rows, 192 at distance 1024 and 2048 took 1.25 and 1.5
    /// times as long, but at distance 256 and 512 the copy took 1.05 to 1.1 times as long (Ice Lake).
    fn shares_sets(self, isa: Isa, rows: usize, gemm_k: usize) -> bool {
        let (stride, wanted, sets) = match self.column_stride {
            1 => (self.row_stride, rows.min(most_block_rows(isa)), CacheSets::l1()),
            // Each line serves several register blocks. Of so many the share was found between what gained from
            // a copy and what lost by it.
            stride if isa.is_wide() => (stride, gemm_k / 12, CacheSets::l1()),
            stride if block_rows(isa) < LINE_ELEMS / 2 => {
                let l1 = CacheSets::l1();
                (stride, (gemm_k / 2).min(l1.all_lines()), l1)
            }
            stride => (stride, gemm_k / 2, CacheSets::l2()),
        };
        wanted > sets.lines(stride * size_of::<f32>())
    }

    /// Floats of a copy.
    fn copy_elems(self, rows: usize, gemm_k: usize) -> usize {
        match self.column_stride {
            1 => rows * spread_stride(gemm_k),
            _ => gemm_k * spread_stride(rows),
        }
    }

    /// A copy of its first rows, lines of which share no sets.
    fn copied(self, rows: usize, gemm_k: usize, copy: &mut [f32]) -> Left<'_> {
        let (from, lines, len) = match self.contiguous_rows() {
            Some(from) => (from, rows, gemm_k),
            None => (self.contiguous_columns(), gemm_k, rows),
        };
        let stride = spread_stride(len);
        for (line, to) in copy.chunks_exact_mut(stride).take(lines).enumerate() {
            to[..len].copy_from_slice(&from.data[line * from.stride..][..len]);
        }
        match self.column_stride {
            1 => Rows { data: copy, stride }.into(),
            _ => Left::of_columns(copy, stride),
        }
    }
}

/// The distance at which rows of so many elements do not share few sets of the caches: an odd number of
/// lines.
fn spread_stride(row_elems: usize) -> usize {
    (row_elems.div_ceil(LINE_ELEMS) | 1) * LINE_ELEMS
}

impl<'a> From<Rows<'a>> for Left<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Left { data: rows.data, row_stride: rows.stride, column_stride: 1 }
    }
}

/// Columns that lie in a source, where they are packed from when they are first used.
#[derive(Clone, Copy, Debug)]
pub struct SourceColumns<'a> {
    pub source: &'a [f32],
    /// Of each row of the reduction.
    pub offsets: &'a ReduceOffsets,
    /// Where each panel begins; `None` for those that have been packed already, among them one that is
    /// not whole.
    pub starts: &'a [Option<usize>],
    /// The columns behind those of the panels.
    pub few: FewColumns<'a>,
}

/// `c = a * b`, or `c += a * b` where `accumulate`.
///
/// `a` has `c`'s rows, each of `gemm_k` floats. `panels` holds `c`'s columns:
/// panel after panel of [`panel_columns`], in each of them `gemm_k` rows; what
/// the last panel holds beyond the columns has no influence. Each sum is formed
/// in the order of the reduction, so equal calls give equal bits.
///
/// # Panics
/// Where shapes and slices do not go together, or `c`'s columns are not contiguous.
pub fn multiply_block(
    isa: Isa,
    gemm_k: usize,
    a: Rows<'_>,
    panels: &[f32],
    c: &mut MatrixMut<'_, f32>,
    accumulate: bool,
) {
    let right = Right {
        panels: panels.as_ptr().cast_mut(),
        panel_cols: c.shape().1,
        gather: None,
        few: FewColumns::NONE,
    };
    assert!(panels.len() >= right.panels_elems(isa, gemm_k));
    // SAFETY: the panels are long enough, and nothing is gathered into them.
    unsafe { multiply(isa, gemm_k, a.into(), right, c, accumulate) }
}

/// The same with panels of which some are packed on the way.
///
/// # Panics
/// As [`multiply_block`], and where a panel lies outside the source.
pub fn multiply_source(
    isa: Isa,
    a: Left<'_>,
    panels: &mut [f32],
    columns: SourceColumns<'_>,
    c: &mut MatrixMut<'_, f32>,
    accumulate: bool,
) {
    let SourceColumns { source, offsets, starts, few } = columns;
    assert!(few.count <= c.shape().1);
    let (panel_cols, cols) = (panel_columns(isa), c.shape().1 - few.count);
    assert_eq!(starts.len(), cols.div_ceil(panel_cols));
    let last = starts.iter().copied().flatten().max();
    let reach = last.map_or(Some(0), |last| last.checked_add(offsets.max() + panel_cols));
    assert!(reach.is_some_and(|reach| reach <= source.len()));
    assert!(cols.is_multiple_of(panel_cols) || starts.last().is_some_and(Option::is_none));
    let columns =
        GatheredColumns { source: source.as_ptr(), offsets: offsets.with_more().as_ptr() };
    let gather = Some(Gather { columns, starts });
    let right = Right { panels: panels.as_mut_ptr(), panel_cols: cols, gather, few };
    assert!(panels.len() >= right.panels_elems(isa, offsets.len()));
    // SAFETY: the panels are long enough; those that are gathered are whole and lie in the source,
    // and the offsets have as many more as are looked at.
    unsafe { multiply(isa, offsets.len(), a, right, c, accumulate) }
}

/// The right matrix.
#[derive(Clone, Copy)]
struct Right<'a> {
    panels: *mut f32,
    /// Columns of all panels.
    panel_cols: usize,
    gather: Option<Gather<'a, f32>>,
    /// Those behind them.
    few: FewColumns<'a>,
}

impl Right<'_> {
    /// Floats of the panels.
    fn panels_elems(&self, isa: Isa, gemm_k: usize) -> usize {
        self.panel_cols.next_multiple_of(panel_columns(isa)) * gemm_k
    }
}

/// # Safety
/// The panels must be valid for their columns, and `gather` as in [`Block`].
unsafe fn multiply(
    isa: Isa,
    gemm_k: usize,
    a: Left<'_>,
    right: Right<'_>,
    c: &mut MatrixMut<'_, f32>,
    accumulate: bool,
) {
    let Right { panels, panel_cols, mut gather, few } = right;
    let (rows, cols) = c.shape();
    if rows == 0 || cols == 0 {
        return;
    }
    let (c_stride, col_stride) = c.strides();
    assert!(col_stride == 1 || cols == 1);
    let Left { data, row_stride, column_stride } = a;
    assert!(gemm_k == 0 || (rows - 1) * row_stride + (gemm_k - 1) * column_stride < data.len());
    let most_rows = rows_at_once(isa, rows, gemm_k);
    // Where memory is short, it goes on with the matrix as it lies.
    // Rows of backward-weights, which are not gathered, come from memory once, and a copy would only wait
    // for them: with it 32 channels of 160 x 160 took 1.5 times as long.
    let shares_sets = a.shares_sets(isa, rows, gemm_k);
    let panels_count = panel_cols.div_ceil(panel_columns(isa));
    // Lower blocks of rows read panels more often instead, which matters little where these are few.
    let fitting_rows = CacheSets::l1().lines_beside_others(row_stride * size_of::<f32>());
    let is_low = shares_sets
        && column_stride == 1
        && panels_count <= FEW_PANELS
        && fitting_rows >= MIN_EFFICIENT_ROWS;
    let is_copied = shares_sets && !is_low && gather.is_some() && panels_count > 1;
    let mut copy = match is_copied {
        true => arena::take(a.copy_elems(most_rows, gemm_k)).ok(),
        false => None,
    };
    for rows in pieces(&(0..rows), most_rows) {
        let a = match &mut copy {
            Some(copy) => a.rows_from(rows.start).copied(rows.len(), gemm_k, copy),
            None => a.rows_from(rows.start),
        };
        let block = Block {
            gemm_k,
            a: a.data.as_ptr(),
            a_stride: a.row_stride,
            a_step: a.column_stride,
            starts: std::ptr::null(),
            b: panels,
            // Once the first rows have met all panels, these are packed.
            gather: gather.take(),
            c: c.as_mut_ptr().wrapping_add(rows.start * c_stride),
            c_stride,
            accumulate,
            most_rows: if is_low { fitting_rows } else { usize::MAX },
            has_wide_blocks: isa.is_wide(),
        };
        // SAFETY: `a` is long enough by the assertion, the panels by the caller's promise; `c` is an
        // exclusive matrix of these rows and more columns, which are contiguous.
        unsafe { run(isa, block, rows.len(), panel_cols) }
        if few.count > 0 {
            let mut c = c.rows(rows);
            multiply_few(isa, gemm_k, a, few, &mut c.some_cols(panel_cols..cols), accumulate);
        }
    }
}

/// So many panels are too few to copy rows for.
const FEW_PANELS: usize = 4;

/// A register block of fewer rows takes as long: with two vectors a row, at least eight sums must be under
/// way to fill two pipelines of four cycles.
pub const MIN_EFFICIENT_ROWS: usize = 4;

/// Rows of `row_elems` words that are multiplied with all panels before the next ones: a quarter of the
/// L2 cache.
///
/// For each panel they come from there. More of them, and rows whose distance is a power of two
/// share few sets of the cache: 252 rows of 256 at a distance of 1024 floats reached 85 % of the
/// FMA peak of a Zen 3 core, 126 rows 93 %; at a distance of 512 it was 92 and 98 %.
pub fn rows_at_once(isa: Isa, rows: usize, row_elems: usize) -> usize {
    let most = CacheSizes::get().l2_bytes / 4 / (size_of::<f32>() * row_elems.max(1));
    let tile = block_rows(isa);
    even_piece(rows, (most / tile * tile).max(tile)).next_multiple_of(tile)
}

isa_kernel! {
    /// # Safety
    /// As [`Block::run`].
    unsafe fn run(block: Block<'_, f32>, rows: usize, cols: usize) = run_body
}

/// # Safety
/// As `run`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn run_body<S: Simd>(block: Block<'_, f32>, rows: usize, cols: usize) {
    // SAFETY: the caller's promise.
    unsafe { block.run::<Floats<S>>(rows, cols) }
}

/// A [`Simd`] for [`Block`].
#[derive(Clone, Copy)]
pub(super) struct Floats<S>(PhantomData<S>);

// In the functions below, the instructions are present and pointers are valid by the trait's condition.
impl<S: Simd> BlockSimd for Floats<S> {
    type E = f32;
    type V = S::V;
    const LANES: usize = S::LANES;
    const ROWS: usize = S::ROWS;
    const ZERO: f32 = 0.0;

    #[inline(always)]
    fn add_elements(a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    unsafe fn splat(element: f32) -> S::V {
        // SAFETY: the trait's condition.
        unsafe { S::splat(element) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> S::V {
        // SAFETY: the trait's condition.
        unsafe { S::load(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: S::V) {
        // SAFETY: the trait's condition.
        unsafe { S::store(to, v) }
    }
    #[inline(always)]
    unsafe fn add(a: S::V, b: S::V) -> S::V {
        // SAFETY: the trait's condition.
        unsafe { S::add(a, b) }
    }
    #[inline(always)]
    unsafe fn add_products(weights: S::V, columns: S::V, sums: S::V) -> S::V {
        // SAFETY: the trait's condition.
        unsafe { S::mul_add(weights, columns, sums) }
    }
    #[inline(always)]
    unsafe fn run_block(reduction: &Reduction<f32>, height: usize, vectors: usize) -> bool {
        // SAFETY: the trait's condition.
        unsafe { S::run_block(reduction, height, vectors) }
    }
    const HAS_WIDE_BLOCKS: bool = S::HAS_WIDE_BLOCKS;
    #[inline(always)]
    unsafe fn run_wide_block(reduction: &Reduction<f32>, height: usize, vectors: usize) {
        // SAFETY: the trait's condition.
        unsafe { S::run_wide_block(reduction, height, vectors) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::few_columns::few_of;
    use super::*;

    const UNTOUCHED: f32 = 12345.0;
    const COLS: [usize; 16] = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 50, 65, 80, 97, 115];

    fn value(index: usize) -> f32 {
        ((index * 7919) % 13) as f32 - 6.0
    }

    fn levels() -> impl Iterator<Item = Isa> {
        [IsaLevel::Scalar, IsaLevel::Avx2Fma, IsaLevel::Avx512]
            .into_iter()
            .filter_map(Isa::supported)
    }

    /// Every height of register block, with reductions round the unrolled steps.
    fn heights() -> impl Iterator<Item = (usize, usize)> {
        (1..=30).flat_map(|rows| [1, 3, 4, 9, 70].map(|gemm_k| (rows, gemm_k)))
    }

    /// Runs `multiply` twice, the second time accumulating, and compares with the sums of `a` and `b`,
    /// small integers, which are exact.
    fn check(
        [rows, gemm_k, cols]: [usize; 3],
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
        slack: usize,
        mut multiply: impl FnMut(&mut MatrixMut<'_, f32>, bool),
    ) {
        let mut c = vec![UNTOUCHED; rows * cols + slack];
        for (call, accumulate) in [false, true].into_iter().enumerate() {
            multiply(&mut MatrixMut::row_major(&mut c, rows, cols), accumulate);
            for (index, &got) in c.iter().enumerate() {
                let (row, col) = (index / cols, index % cols);
                let want = if row < rows {
                    let sum: f32 = (0..gemm_k).map(|kk| a(row, kk) * b(kk, col)).sum();
                    sum * (call + 1) as f32
                } else {
                    UNTOUCHED
                };
                assert_eq!(got, want, "{rows} x {cols} x {gemm_k} at {index}");
            }
        }
    }

    /// Columns round the lanes of vectors and panels, at every level.
    #[test]
    fn all_heights_and_tails() {
        for isa in levels() {
            let panel_cols = panel_columns(isa);
            for ((rows, gemm_k), cols) in heights().flat_map(|of| COLS.map(|cols| (of, cols))) {
                let stride = gemm_k + 3;
                let data: Vec<f32> = (0..rows * stride).map(value).collect();
                let b = |kk: usize, col: usize| value(1000 + kk * 67 + col);
                // What lies beside the columns must not matter.
                let mut panels = vec![f32::NAN; cols.next_multiple_of(panel_cols) * gemm_k];
                for col in 0..cols {
                    let panel = col / panel_cols * gemm_k * panel_cols + col % panel_cols;
                    (0..gemm_k).for_each(|kk| panels[panel + kk * panel_cols] = b(kk, col));
                }
                let a = |row: usize, kk: usize| data[row * stride + kk];
                check([rows, gemm_k, cols], a, b, panel_cols, |c, accumulate| {
                    multiply_block(
                        isa,
                        gemm_k,
                        Rows { data: &data, stride },
                        &panels,
                        c,
                        accumulate,
                    );
                });
            }
        }
    }

    /// Rows and columns of the left matrix, with panels that are packed on the way and before, and with
    /// columns beside them.
    #[test]
    fn gathered_panels() {
        for isa in levels() {
            let panel_cols = panel_columns(isa);
            for ((rows, gemm_k), cols) in heights().flat_map(|of| COLS.map(|cols| (of, cols))) {
                let all_cols = cols;
                let few = few_of(isa, all_cols);
                let cols = all_cols - few;
                let source_stride = all_cols + 5;
                // Nothing behind the last column may be read.
                let source: Vec<f32> =
                    (0..(gemm_k - 1) * source_stride + all_cols).map(value).collect();
                let offsets: Vec<usize> = (0..gemm_k).rev().map(|kk| kk * source_stride).collect();
                let b = |kk: usize, col: usize| source[offsets[kk] + col];
                let table = ReduceOffsets::new(isa, offsets.clone());
                let mut packed = vec![f32::NAN; cols.next_multiple_of(panel_cols) * gemm_k];
                let starts: Vec<Option<usize>> = (0..cols)
                    .step_by(panel_cols)
                    .map(|first| {
                        let is_gathered = first + panel_cols <= cols && first != 2 * panel_cols;
                        for col in (first..cols.min(first + panel_cols)).filter(|_| !is_gathered) {
                            let panel = first * gemm_k + col - first;
                            (0..gemm_k).for_each(|kk| packed[panel + kk * panel_cols] = b(kk, col));
                        }
                        is_gathered.then_some(first)
                    })
                    .collect();
                let few_data: Vec<f32> = (cols..all_cols)
                    .flat_map(|col| (0..gemm_k).map(move |kk| b(kk, col)))
                    .collect();
                // One of the distances has the lines of a block share one set of the L1 cache.
                let far = 1024;
                let strides = [(false, gemm_k + 3), (false, far), (true, rows + 3), (true, far)];
                for (by_columns, stride) in strides {
                    let data: Vec<f32> = (0..stride * gemm_k.max(rows)).map(value).collect();
                    let a = |row: usize, kk: usize| match by_columns {
                        true => data[kk * stride + row],
                        false => data[row * stride + kk],
                    };
                    check([rows, gemm_k, all_cols], a, b, 0, |c, accumulate| {
                        let left = match by_columns {
                            true => Left::of_columns(&data, stride),
                            false => Rows { data: &data, stride }.into(),
                        };
                        let few =
                            FewColumns { data: &few_data, stride: gemm_k, count: all_cols - cols };
                        let columns = SourceColumns {
                            source: &source,
                            offsets: &table,
                            starts: &starts,
                            few,
                        };
                        multiply_source(isa, left, &mut packed.clone(), columns, c, accumulate);
                    });
                }
            }
        }
    }
}
