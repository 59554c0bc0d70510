//! Rows times packed panels of columns, block by block of registers: the loops of the GEMM kernels, of
//! floats and of words of int8.

use std::ops::Range;

use crate::cpu::cache::CacheSets;
use crate::cpu::tiles::EvenParts;

/// A vector register and what the loops do with it.
///
/// # Safety
/// Every function may be called only where the instructions are present, and those with pointers
/// only where [`BlockSimd::LANES`] elements are valid there. Pointers need no alignment.
pub(super) trait BlockSimd: Copy {
    /// What rows, panels and sums consist of.
    type E: Copy;
    type V: Copy;

    /// Elements in a register.
    const LANES: usize;

    /// Rows of the register block. With two vectors of columns this many accumulators, two vectors
    /// and a broadcast fit the registers: 6 x 2 + 3 of 16, 14 x 2 + 3 of 32.
    const ROWS: usize;

    const ZERO: Self::E;

    fn add_elements(a: Self::E, b: Self::E) -> Self::E;
    unsafe fn splat(element: Self::E) -> Self::V;
    unsafe fn load(from: *const Self::E) -> Self::V;
    unsafe fn store(to: *mut Self::E, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `sums` and the products of weights and columns.
    unsafe fn add_products(weights: Self::V, columns: Self::V, sums: Self::V) -> Self::V;

    /// A register block of `height` rows, where assembly does it; otherwise returns false, with nothing
    /// done.
    #[inline(always)]
    unsafe fn run_block(_reduction: &Reduction<Self::E>, _height: usize, _vectors: usize) -> bool {
        false
    }

    /// Whether [`BlockSimd::run_wide_block`] is there.
    const HAS_WIDE_BLOCKS: bool = false;

    /// A register block of `height` rows, at most [`wide_rows`], and three or four vectors of two panels.
    #[inline(always)]
    unsafe fn run_wide_block(_reduction: &Reduction<Self::E>, _height: usize, _vectors: usize) {
        unreachable!("there are no wide blocks");
    }
}

/// Vectors in a panel.
pub(super) const VECTORS: usize = 2;

/// Columns of a panel at most.
const MAX_COLUMNS: usize = VECTORS * super::simd::MAX_LANES;

/// Rows of the highest register block.
const MAX_ROWS: usize = 14;

/// Rows of a register block of three or four vectors: 9 x 3 or 6 x 4 sums fit the registers beside what they are
/// formed from.
pub(super) const fn wide_rows(vectors: usize) -> usize {
    if vectors == 3 { 9 } else { 6 }
}

/// Steps of the reduction at most for wide blocks: with 256 two panels take 1.3 times an L1 cache of
/// 48 KiB, and come from the L2 cache in order; with 512 a block took 1.5 times as long (Ice Lake).
const WIDE_STEPS: usize = 256;

/// Steps of the reduction by which lines of columns are asked for before they are gathered: a step of
/// 14 rows takes 14 cycles, and a line from the L3 cache of a large Xeon some 200.
pub(super) const AHEAD: usize = 16;

/// The columns of a panel where they lie.
#[derive(Clone, Copy)]
pub(super) struct GatheredColumns<E> {
    /// Where a step's offset counts from.
    pub source: *const E,
    /// Of each step, and [`AHEAD`] more: where to look for what will be needed after these.
    pub offsets: *const usize,
}

/// The panels whose columns lie in a source, and are packed when they are first used.
#[derive(Clone, Copy)]
pub(super) struct Gather<'a, E> {
    /// As of [`GatheredColumns`], with the starts still to be added to the source.
    pub columns: GatheredColumns<E>,
    /// Where each panel begins in the source, if it has not been packed.
    pub starts: &'a [Option<usize>],
}

impl<E: Copy> Gather<'_, E> {
    /// The columns of a panel that has not been packed, from a step on.
    ///
    /// # Safety
    /// There must be as many steps.
    unsafe fn of_panel(&self, panel: usize, step: usize) -> Option<GatheredColumns<E>> {
        let start = self.starts.get(panel).copied().flatten()?;
        let GatheredColumns { source, offsets } = self.columns;
        // SAFETY: panels begin inside the source; the steps are the caller's promise.
        Some(unsafe { GatheredColumns { source: source.add(start), offsets: offsets.add(step) } })
    }
}

/// Rows and columns of `c = starts + a * b`.
#[derive(Clone, Copy)]
pub(super) struct Block<'a, E> {
    /// Steps of the reduction.
    pub gemm_k: usize,
    pub a: *const E,
    /// From row to row of `a`.
    pub a_stride: usize,
    /// From step to step of `a`.
    pub a_step: usize,
    /// What each row's sums begin with; integers only, and null for floats.
    pub starts: *const E,
    /// Panel after panel, in each of them `gemm_k` rows of two vectors.
    pub b: *mut E,
    /// What some of the panels are first packed from; whole panels only.
    pub gather: Option<Gather<'a, E>>,
    pub c: *mut E,
    pub c_stride: usize,
    /// Whether the sums are added to `c`.
    pub accumulate: bool,
    /// Rows of a register block at most.
    pub most_rows: usize,
    /// Whether blocks of two panels are worth their loads: [`Isa::is_wide`].
    pub has_wide_blocks: bool,
}

/// The part of a [`Block`] that one register block takes, as the assembly reads it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Reduction<E> {
    /// Steps.
    pub gemm_k: usize,
    pub c: *mut E,
    pub c_stride_bytes: usize,
    /// Where the next register block stores, at the same distance of rows, and where its last row: to be
    /// asked for.
    pub next_c: *mut E,
    pub next_last_c: *mut E,
    pub starts: *const E,
    pub accumulate: bool,
    pub a: *const E,
    pub a_stride: usize,
    pub a_step: usize,
    /// A packed panel, or the place for it where columns are gathered.
    pub b: *mut E,
    pub gathered: Option<GatheredColumns<E>>,
    /// Of the next panel, from some step on: to be asked for.
    pub next: Option<GatheredColumns<E>>,
}

impl<E: Copy> Block<'_, E> {
    /// Each sum is formed in the order of the reduction.
    ///
    /// # Safety
    /// `rows` of `a`, as many of `starts`, panels of `cols` columns and both in `c` must be valid,
    /// and the instructions of `S` present.
    #[inline(always)]
    pub(super) unsafe fn run<S: BlockSimd<E = E>>(self, rows: usize, cols: usize) {
        let panel_cols = VECTORS * S::LANES;
        // Lines of sums that displace each other before they are stored: 32 channels of 160 x 160 took 1.2
        // times as long with 13 rows as with 7 (Zen 4); 320 channels of 64 x 64 took 4 % less.
        const LONG_STEPS: usize = 256;
        let most_rows = match self.gemm_k {
            0..LONG_STEPS => CacheSets::l1().lines_beside_others(self.c_stride * size_of::<E>()),
            _ => S::ROWS,
        };
        let most_rows = most_rows.min(self.most_rows).min(S::ROWS);
        let is_wide = S::HAS_WIDE_BLOCKS && self.has_wide_blocks && self.gemm_k <= WIDE_STEPS;
        // Panel outside, rows inside: the panel stays in the L1 cache.
        let mut column = 0;
        while column < cols {
            let left = cols - column;
            // Three vectors end inside a panel, so nothing may follow them. Five are two and three: a block of one
            // would load as much as one of two.
            let vectors = match (left / S::LANES, left.is_multiple_of(S::LANES)) {
                (5, true) | (3, false) => VECTORS,
                (count, _) => count.min(2 * VECTORS),
            };
            // SAFETY: the caller's promise; where there are wide blocks, so many whole vectors are left.
            column += unsafe {
                match is_wide && vectors > VECTORS {
                    true => self.run_wide::<S>(rows, column, vectors, most_rows),
                    false => {
                        self.run_rows::<S>(0..rows, rows, column, left.min(panel_cols), most_rows)
                    }
                }
            };
        }
    }

    /// Three or four vectors of two panels, in wide blocks but for rows that pack the panels. Returns the columns.
    ///
    /// # Safety
    /// As [`Block::run`]; so many whole vectors must begin at the column, which begins a panel.
    #[inline(always)]
    unsafe fn run_wide<S: BlockSimd<E = E>>(
        &self,
        rows: usize,
        column: usize,
        vectors: usize,
        most_rows: usize,
    ) -> usize {
        let (panel_cols, cols) = (VECTORS * S::LANES, vectors * S::LANES);
        let panel = column / panel_cols;
        let [start, second_start] = [panel, panel + 1].map(|panel| {
            self.gather.and_then(|gather| gather.starts.get(panel).copied().flatten())
        });
        let wide_rows = wide_rows(vectors).min(most_rows);
        // The first rows pack: in wide blocks too where both panels are one run.
        let is_run = rows > most_rows
            && start.zip(second_start).is_some_and(|(start, second)| second == start + panel_cols);
        let is_gathered = !is_run && (start.is_some() || second_start.is_some());
        // So many that the others make whole blocks.
        let first_rows = match is_gathered {
            false => 0,
            true if rows <= most_rows => rows,
            true => most_rows - (most_rows - rows % wide_rows) % wide_rows,
        };
        // SAFETY: rows and columns lie inside by the caller's promise.
        unsafe {
            if is_gathered {
                self.run_rows::<S>(0..first_rows, rows, column, panel_cols, most_rows);
                let second = column + panel_cols;
                self.run_rows::<S>(0..first_rows, rows, second, cols - panel_cols, most_rows);
            }
            let tiles = (rows - first_rows).div_ceil(wide_rows);
            let heights = EvenParts::new(rows - first_rows, tiles);
            let mut row = first_rows;
            for tile in 0..tiles {
                let height = heights.of(tile);
                let (next_row, next_column) = match row + height < rows {
                    true => (row + height, column),
                    false => (0, column + cols),
                };
                let mut block =
                    self.part::<S>([row, column], [next_row, next_column], rows, wide_rows);
                match self.gather {
                    Some(gather) if is_run && tile == 0 => {
                        block.gathered = gather.of_panel(panel, 0);
                    }
                    _ => block.next = self.next(panel + 2, tile - usize::from(is_run)),
                }
                S::run_wide_block(&block, height, vectors);
                row += height;
            }
        }
        cols
    }

    /// The rows `range` of `rows` and a panel of `cols` columns, which it returns.
    ///
    /// # Safety
    /// As [`Block::run`].
    #[inline(always)]
    unsafe fn run_rows<S: BlockSimd<E = E>>(
        &self,
        range: Range<usize>,
        rows: usize,
        column: usize,
        cols: usize,
        most_rows: usize,
    ) -> usize {
        let panel_cols = VECTORS * S::LANES;
        let panel = column / panel_cols;
        let tiles = range.len().div_ceil(most_rows);
        // Even heights: 64 rows are 10 + 6 times 6 less 2, not 10 times 6 and a 4.
        let heights = EvenParts::new(range.len(), tiles);
        let mut row = range.start;
        for tile in 0..tiles {
            let height = heights.of(tile);
            // Of the next register block. The last one asks for what lies behind the columns, where the
            // next task often stores.
            let (next_row, next_column) = match row + height < range.end {
                true => (row + height, column),
                false => (range.start, column + panel_cols),
            };
            // SAFETY: the row and the panel lie inside by the caller's promise.
            unsafe {
                let mut block =
                    self.part::<S>([row, column], [next_row, next_column], rows, most_rows);
                if tile == 0
                    && let Some(gather) = self.gather
                {
                    // The first rows pack the panel for the others.
                    block.gathered = gather.of_panel(panel, 0);
                }
                block.next = self.next(panel + 1, tile);
                if cols.is_multiple_of(S::LANES) {
                    block.run::<S>(height, cols / S::LANES);
                } else {
                    block.run_partial::<S>(height, cols);
                }
            }
            row += height;
        }
        cols
    }

    /// What a register block at a row and a column takes, and where the next one is.
    ///
    /// # Safety
    /// As [`Block::run`]; both must lie inside.
    #[inline(always)]
    unsafe fn part<S: BlockSimd<E = E>>(
        &self,
        [row, column]: [usize; 2],
        [next_row, next_column]: [usize; 2],
        rows: usize,
        most_rows: usize,
    ) -> Reduction<E> {
        // SAFETY: the caller's promise.
        unsafe {
            let next_last_row = (rows - next_row).min(most_rows) - 1;
            let next_c = self.c.wrapping_add(next_row * self.c_stride + next_column);
            Reduction {
                gemm_k: self.gemm_k,
                c: self.c.add(row * self.c_stride + column),
                c_stride_bytes: self.c_stride * size_of::<E>(),
                next_c,
                next_last_c: next_c.wrapping_add(next_last_row * self.c_stride),
                starts: match self.starts.is_null() {
                    true => self.starts,
                    false => self.starts.add(row),
                },
                accumulate: self.accumulate,
                a: self.a.add(row * self.a_stride),
                a_stride: self.a_stride,
                a_step: self.a_step,
                b: self.b.add(self.gemm_k * column),
                gathered: None,
                next: None,
            }
        }
    }

    /// What the block of rows with this number asks for of a panel, of those that are packed later: a step at each
    /// of its rounds, until all have been asked for.
    ///
    /// # Safety
    /// As [`Block::run`].
    #[inline(always)]
    unsafe fn next(&self, panel: usize, tile: usize) -> Option<GatheredColumns<E>> {
        /// Steps of the reduction in a round.
        const ROUND_STEPS: usize = 4;
        let rounds = self.gemm_k / ROUND_STEPS;
        let gather = self.gather.filter(|_| tile * rounds < self.gemm_k)?;
        let first = (tile * rounds).min(self.gemm_k - rounds);
        // SAFETY: no more steps are asked for than there are.
        unsafe { gather.of_panel(panel, first) }
    }
}

/// Calls `$block.run_rows::<S, R, NV>` for the height `R`.
macro_rules! by_height {
    ($block:expr, $height:expr, $S:ident, $NV:literal; $($r:literal)*) => {
        match $height {
            $($r if $r <= $S::ROWS => $block.run_rows::<$S, $r, $NV>(),)*
            _ => unreachable!("no register block is that high"),
        }
    };
}

impl<E: Copy> Reduction<E> {
    /// # Safety
    /// As [`Block::run`] for `height` rows and some vectors of columns.
    #[inline(always)]
    unsafe fn run<S: BlockSimd<E = E>>(&self, height: usize, vectors: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if S::run_block(self, height, vectors) {
                return;
            }
            if vectors == 1 {
                by_height!(self, height, S, 1; 1 2 3 4 5 6);
            } else {
                by_height!(self, height, S, 2; 1 2 3 4 5 6);
            }
        }
    }

    /// For a block that sticks out of `c`: by way of a buffer.
    ///
    /// # Safety
    /// As [`Block::run`] for `height` rows and `cols` columns, fewer than a panel has.
    #[inline(always)]
    unsafe fn run_partial<S: BlockSimd<E = E>>(&self, height: usize, cols: usize) {
        let mut buffer = [S::ZERO; MAX_ROWS * MAX_COLUMNS];
        let inner = Reduction {
            c: buffer.as_mut_ptr(),
            c_stride_bytes: MAX_COLUMNS * size_of::<E>(),
            accumulate: false,
            ..*self
        };
        // SAFETY: the buffer has room for the highest block, the rest is the caller's promise.
        unsafe {
            inner.run::<S>(height, cols.div_ceil(S::LANES));
            for (row, sums) in buffer.chunks_exact(MAX_COLUMNS).take(height).enumerate() {
                let c = self.c.byte_add(row * self.c_stride_bytes);
                for (col, &sum) in sums[..cols].iter().enumerate() {
                    let c = c.add(col);
                    c.write(if self.accumulate { S::add_elements(c.read(), sum) } else { sum });
                }
            }
        }
    }

    /// What the assembly does, for instructions that have none.
    ///
    /// # Safety
    /// As [`Block::run`] for `R` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn run_rows<S: BlockSimd<E = E>, const R: usize, const NV: usize>(&self) {
        // SAFETY: all addresses lie inside by the caller's promise.
        unsafe {
            let mut sums = [[S::splat(S::ZERO); NV]; R];
            if !self.starts.is_null() {
                for row in 0..R {
                    sums[row] = [S::splat(*self.starts.add(row)); NV];
                }
            }
            for step in 0..self.gemm_k {
                let columns = self.columns::<S, NV>(step);
                for row in 0..R {
                    let weight = *self.a.add(row * self.a_stride + step * self.a_step);
                    let weight = S::splat(weight);
                    for v in 0..NV {
                        sums[row][v] = S::add_products(weight, columns[v], sums[row][v]);
                    }
                }
            }
            for row in 0..R {
                for v in 0..NV {
                    let c = self.c.byte_add(row * self.c_stride_bytes).add(v * S::LANES);
                    let sum = sums[row][v];
                    S::store(c, if self.accumulate { S::add(S::load(c), sum) } else { sum });
                }
            }
        }
    }

    /// The columns of a step; those that are gathered go to the panel as well.
    ///
    /// # Safety
    /// As [`Block::run`] for `NV` vectors of columns.
    #[inline(always)]
    unsafe fn columns<S: BlockSimd<E = E>, const NV: usize>(&self, step: usize) -> [S::V; NV] {
        // SAFETY: all addresses lie inside by the caller's promise.
        unsafe {
            let panel = self.b.add(step * VECTORS * S::LANES);
            let mut columns = [S::splat(S::ZERO); NV];
            for v in 0..NV {
                let place = panel.add(v * S::LANES);
                columns[v] = match self.gathered {
                    None => S::load(place),
                    Some(GatheredColumns { source, offsets }) => {
                        let vector = S::load(source.add(*offsets.add(step) + v * S::LANES));
                        S::store(place, vector);
                        vector
                    }
                };
            }
            columns
        }
    }
}
