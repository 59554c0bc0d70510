//! Rows times packed panels of columns, block by block of registers: the loops of the GEMM kernels, of
//! floats and of words of int8.

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

    /// Adds to the sums of `R` rows with both vectors of a panel, where assembly does it; otherwise
    /// returns false, with nothing done.
    #[inline(always)]
    unsafe fn sum_rows<const R: usize>(
        _reduction: &Reduction<Self::E>,
        _sums: &mut [[Self::V; 2]; R],
    ) -> bool {
        false
    }

    /// Asks for the line at `to`, which will be written.
    #[inline(always)]
    fn expect_store(_to: *mut Self::E) {}
}

/// Steps of the reduction by which lines of columns are asked for before they are gathered: a step of
/// 14 rows takes 14 cycles, and a line from the L3 cache of a large Xeon some 200.
pub(super) const AHEAD: usize = 16;

/// What the sums of a register block are formed of.
#[derive(Clone, Copy)]
pub(super) struct Reduction<E> {
    /// Steps.
    pub gemm_k: usize,
    /// The first row's first weight.
    pub a: *const E,
    /// From row to row.
    pub a_stride: usize,
    /// From step to step.
    pub a_step: usize,
    /// A packed panel, or the place for it where columns are gathered.
    pub b: *mut E,
    pub gathered: Option<GatheredColumns<E>>,
}

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

/// Vectors in a panel.
pub(super) const VECTORS: usize = 2;

/// Columns of a panel at most.
const MAX_COLUMNS: usize = VECTORS * super::simd::MAX_LANES;

/// Rows of the highest register block.
const MAX_ROWS: usize = 14;

/// Rows and columns of `c = starts + a * b`, or the part of them that one register block takes.
#[derive(Clone, Copy)]
pub(super) struct Block<'a, E> {
    /// Steps of the reduction.
    pub gemm_k: usize,
    pub a: *const E,
    /// From row to row of `a`.
    pub a_stride: usize,
    /// From step to step of `a`.
    pub a_step: usize,
    /// What each row's sums begin with, if not with zero.
    pub starts: Option<*const E>,
    /// Panel after panel, in each of them `gemm_k` rows of two vectors.
    pub b: *mut E,
    /// What some of the panels are first packed from; whole panels only.
    pub gather: Option<Gather<'a, E>>,
    pub c: *mut E,
    pub c_stride: usize,
    /// Whether the sums are added to `c`.
    pub accumulate: bool,
}

/// Calls `$block.run_rows::<S, R, NV>` for the height `R`.
macro_rules! by_height {
    ($block:expr, $height:expr, $S:ident, $NV:ident; $($r:literal)*) => {
        match $height {
            $($r if $r <= $S::ROWS => $block.run_rows::<$S, $r, $NV>(),)*
            _ => unreachable!("no register block is that high"),
        }
    };
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
        let row_tiles = rows.div_ceil(S::ROWS);
        // Panel outside, rows inside: the panel stays in the L1 cache.
        for panel in 0..cols.div_ceil(panel_cols) {
            let left = (cols - panel * panel_cols).min(panel_cols);
            let start = self.gather.and_then(|gather| gather.starts[panel]);
            let mut row = 0;
            for tile in 0..row_tiles {
                // Even heights: 64 rows are 10 + 6 times 6 less 2, not 10 times 6 and a 4.
                let height = (rows - row).div_ceil(row_tiles - tile);
                // SAFETY: the row and the panel lie inside by the caller's promise.
                unsafe {
                    let mut tile = Tile {
                        reduction: Reduction {
                            gemm_k: self.gemm_k,
                            a: self.a.add(row * self.a_stride),
                            a_stride: self.a_stride,
                            a_step: self.a_step,
                            b: self.b.add(panel * self.gemm_k * panel_cols),
                            gathered: None,
                        },
                        starts: self.starts.map(|starts| starts.add(row)),
                        c: self.c.add(row * self.c_stride + panel * panel_cols),
                        c_stride: self.c_stride,
                        accumulate: self.accumulate,
                    };
                    // The first rows pack the panel for the others.
                    if let (Some(start), 0, Some(gather)) = (start, row, self.gather) {
                        let columns = gather.columns;
                        let source = columns.source.add(start);
                        tile.reduction.gathered = Some(GatheredColumns { source, ..columns });
                    }
                    if left == panel_cols {
                        tile.run_tile::<S, VECTORS>(height);
                    } else if left > S::LANES {
                        tile.run_partial::<S, VECTORS>(height, left);
                    } else {
                        tile.run_partial::<S, 1>(height, left);
                    }
                }
                row += height;
            }
        }
    }
}

/// The part of a [`Block`] that one register block takes.
#[derive(Clone, Copy)]
struct Tile<E> {
    reduction: Reduction<E>,
    starts: Option<*const E>,
    c: *mut E,
    c_stride: usize,
    accumulate: bool,
}

impl<E: Copy> Tile<E> {
    /// # Safety
    /// As [`Block::run`] for `height` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn run_tile<S: BlockSimd<E = E>, const NV: usize>(self, height: usize) {
        // SAFETY: the caller's promise.
        unsafe { by_height!(self, height, S, NV; 1 2 3 4 5 6 7 8 9 10 11 12 13 14) }
    }

    /// For a tile that sticks out of `c`: by way of a buffer.
    ///
    /// # Safety
    /// As [`Block::run`] for `height` rows and `cols` columns, at most `NV` vectors.
    #[inline(always)]
    unsafe fn run_partial<S: BlockSimd<E = E>, const NV: usize>(self, height: usize, cols: usize) {
        let mut buffer = [S::ZERO; MAX_ROWS * MAX_COLUMNS];
        let inner =
            Tile { c: buffer.as_mut_ptr(), c_stride: MAX_COLUMNS, accumulate: false, ..self };
        // SAFETY: the buffer has room for the highest block, the rest is the caller's promise.
        unsafe {
            inner.run_tile::<S, NV>(height);
            for (row, sums) in buffer.chunks_exact(MAX_COLUMNS).take(height).enumerate() {
                let c = self.c.add(row * self.c_stride);
                for (col, &sum) in sums[..cols].iter().enumerate() {
                    let c = c.add(col);
                    c.write(if self.accumulate { S::add_elements(c.read(), sum) } else { sum });
                }
            }
        }
    }

    /// # Safety
    /// As [`Block::run`] for `R` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn run_rows<S: BlockSimd<E = E>, const R: usize, const NV: usize>(self) {
        // SAFETY: all addresses lie inside by the caller's promise.
        unsafe {
            if NV == VECTORS {
                for row in 0..R {
                    let c = self.c.add(row * self.c_stride);
                    S::expect_store(c);
                    S::expect_store(c.add(S::LANES));
                }
            }
            let mut both = [[S::splat(S::ZERO); VECTORS]; R];
            if let Some(starts) = self.starts {
                for row in 0..R {
                    both[row] = [S::splat(*starts.add(row)); VECTORS];
                }
            }
            let is_done = NV == VECTORS && S::sum_rows(&self.reduction, &mut both);
            let mut sums = [[S::splat(S::ZERO); NV]; R];
            for row in 0..R {
                sums[row].copy_from_slice(&both[row][..NV]);
            }
            if !is_done {
                self.reduction.sum_rows::<S, R, NV>(&mut sums);
            }
            for row in 0..R {
                for v in 0..NV {
                    let c = self.c.add(row * self.c_stride + v * S::LANES);
                    let sum = sums[row][v];
                    S::store(c, if self.accumulate { S::add(S::load(c), sum) } else { sum });
                }
            }
        }
    }
}

impl<E: Copy> Reduction<E> {
    /// # Safety
    /// As [`Block::run`] for `R` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn sum_rows<S: BlockSimd<E = E>, const R: usize, const NV: usize>(
        &self,
        sums: &mut [[S::V; NV]; R],
    ) {
        // SAFETY: all addresses lie inside by the caller's promise; those of the last step are not
        // moved on from.
        unsafe {
            let mut a = [self.a; R];
            for row in 0..R {
                a[row] = self.a.add(row * self.a_stride);
            }
            for step in 0..self.gemm_k {
                let panel = self.b.add(step * VECTORS * S::LANES);
                let mut columns = [S::splat(S::ZERO); NV];
                for v in 0..NV {
                    let place = panel.add(v * S::LANES);
                    columns[v] = match self.gathered {
                        None => S::load(place),
                        Some(GatheredColumns { source, offsets }) => {
                            let from = source.add(offsets.add(step).read() + v * S::LANES);
                            let vector = S::load(from);
                            S::store(place, vector);
                            vector
                        }
                    };
                }
                for row in 0..R {
                    let weight = S::splat(*a[row].add(step * self.a_step));
                    for v in 0..NV {
                        sums[row][v] = S::add_products(weight, columns[v], sums[row][v]);
                    }
                }
            }
        }
    }
}
