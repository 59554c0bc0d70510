//! The integer GEMM kernel: rows of words of weights times packed panels of words.
//!
//! Shaped like [`super::block`], whose machine code must not change with what integers need: each
//! row begins with a number of its own, and sums are integers.

use super::block::panel_columns;
use super::int8_simd::{Int8Simd, ScalarPairs};
use crate::cpu::isa::{Int8Isa, Int8Kernel};
use crate::memory::MatrixMut;

/// Vectors in a panel.
const VECTORS: usize = 2;

/// Columns of a panel at most.
const MAX_COLUMNS: usize = VECTORS * super::simd::MAX_LANES;

/// int8 in a word of these instructions: 2 or 4.
pub fn word_elems(isa: Int8Isa) -> usize {
    match isa.kernel() {
        Int8Kernel::Scalar | Int8Kernel::Avx2 | Int8Kernel::Avx512Bw => 2,
        Int8Kernel::AvxVnni | Int8Kernel::Avx512Vnni => 4,
    }
}

/// Rows of words at one distance, each contiguous.
#[derive(Clone, Copy, Debug)]
pub struct WordRows<'a> {
    /// From the first row's first word; the bits of floats are the words.
    pub words: &'a [f32],
    /// Distance from row to row in words.
    pub stride: usize,
    /// What each row's sums begin with.
    pub starts: &'a [i32],
}

/// `c = starts + a * b`, or `c += starts + a * b` where `accumulate`; modulo 2^32.
///
/// `a` has `c`'s rows, each of `gemm_k` words. `panels` holds `c`'s columns: panel after panel of
/// [`panel_columns`], in each of them `gemm_k` rows; what the last panel holds beyond the columns
/// has no influence.
///
/// # Panics
/// Where shapes and slices do not go together, or `c`'s columns are not contiguous.
pub fn multiply_words(
    isa: Int8Isa,
    gemm_k: usize,
    a: WordRows<'_>,
    panels: &[f32],
    c: &mut MatrixMut<'_, i32>,
    accumulate: bool,
) {
    let (rows, cols) = c.shape();
    if rows == 0 || cols == 0 {
        return;
    }
    let (c_stride, col_stride) = c.strides();
    assert!(col_stride == 1 || cols == 1);
    assert!((rows - 1) * a.stride + gemm_k <= a.words.len());
    assert!(rows <= a.starts.len());
    let panel_cols = panel_columns(isa.isa());
    assert!(cols.div_ceil(panel_cols) * gemm_k * panel_cols <= panels.len());
    let block = Block {
        gemm_k,
        a: a.words.as_ptr().cast(),
        a_stride: a.stride,
        starts: a.starts.as_ptr(),
        b: panels.as_ptr().cast(),
        c: c.as_mut_ptr(),
        c_stride,
        accumulate,
    };
    // SAFETY: `a` and `panels` are long enough by the assertions; `c` is an exclusive matrix of
    // `rows` x `cols` whose columns are contiguous; `isa` proves that the machine has the
    // instructions, and its panels are as wide as two of their registers.
    unsafe {
        match isa.kernel() {
            Int8Kernel::Scalar => block.run::<ScalarPairs>(rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Avx2 => x86::avx2(block, rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::AvxVnni => x86::avx_vnni(block, rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Avx512Bw => x86::avx512_bw(block, rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Avx512Vnni => x86::avx512_vnni(block, rows, cols),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("no other machine has these instructions"),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::int8_simd::{Avx2Pairs, Avx512Pairs, Avx512Quads, AvxQuads};
    use super::Block;

    /// Enables instructions round [`Block::run`].
    macro_rules! enabled {
        ($name:ident, $features:literal, $simd:ident) => {
            /// # Safety
            /// As [`Block::run`].
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(block: Block, rows: usize, cols: usize) {
                // SAFETY: the instructions are enabled, the rest is the caller's promise.
                unsafe { block.run::<$simd>(rows, cols) }
            }
        };
    }

    enabled!(avx2, "avx2,fma,f16c", Avx2Pairs);
    enabled!(avx_vnni, "avxvnni,avx2,fma,f16c", AvxQuads);
    enabled!(avx512_bw, "avx512f,avx512dq,avx512bw,avx2,fma,f16c", Avx512Pairs);
    enabled!(avx512_vnni, "avx512f,avx512dq,avx512vnni,avx2,fma,f16c", Avx512Quads);
}

/// Rows and columns, or the part of them that one register block takes.
#[derive(Clone, Copy)]
struct Block {
    gemm_k: usize,
    a: *const i32,
    a_stride: usize,
    starts: *const i32,
    b: *const i32,
    c: *mut i32,
    c_stride: usize,
    accumulate: bool,
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

impl Block {
    /// # Safety
    /// `a`, `b` and `c` must be valid as [`multiply_words`] asserts, and the instructions of `S`
    /// must be present.
    #[inline(always)]
    unsafe fn run<S: Int8Simd>(self, rows: usize, cols: usize) {
        let panel_cols = VECTORS * S::LANES;
        let row_tiles = rows.div_ceil(S::ROWS);
        // Panel outside, rows inside: the panel stays in the L1 cache.
        for panel in 0..cols.div_ceil(panel_cols) {
            let left = (cols - panel * panel_cols).min(panel_cols);
            let mut row = 0;
            for tile in 0..row_tiles {
                // Even heights, as for floats.
                let height = (rows - row).div_ceil(row_tiles - tile);
                // SAFETY: the row and the panel lie inside by the caller's promise.
                unsafe {
                    let tile = Block {
                        a: self.a.add(row * self.a_stride),
                        starts: self.starts.add(row),
                        b: self.b.add(panel * self.gemm_k * panel_cols),
                        c: self.c.add(row * self.c_stride + panel * panel_cols),
                        ..self
                    };
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

    /// # Safety
    /// As [`Block::run`] for `height` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn run_tile<S: Int8Simd, const NV: usize>(self, height: usize) {
        // SAFETY: the caller's promise.
        unsafe { by_height!(self, height, S, NV; 1 2 3 4 5 6 7 8 9 10 11 12 13 14) }
    }

    /// For a tile that sticks out of `c`: by way of a buffer.
    ///
    /// # Safety
    /// As [`Block::run`] for `height` rows and `cols` columns, at most `NV` vectors.
    #[inline(always)]
    unsafe fn run_partial<S: Int8Simd, const NV: usize>(self, height: usize, cols: usize) {
        let mut buffer = [0i32; 14 * MAX_COLUMNS];
        let inner =
            Block { c: buffer.as_mut_ptr(), c_stride: MAX_COLUMNS, accumulate: false, ..self };
        // SAFETY: the buffer has room for the highest block, the rest is the caller's promise.
        unsafe {
            inner.run_tile::<S, NV>(height);
            for (row, sums) in buffer.chunks_exact(MAX_COLUMNS).take(height).enumerate() {
                let c = self.c.add(row * self.c_stride);
                for (col, &sum) in sums[..cols].iter().enumerate() {
                    let c = c.add(col);
                    c.write(if self.accumulate { c.read().wrapping_add(sum) } else { sum });
                }
            }
        }
    }

    /// # Safety
    /// As [`Block::run`] for `R` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn run_rows<S: Int8Simd, const R: usize, const NV: usize>(self) {
        // SAFETY: all addresses lie inside by the caller's promise.
        unsafe {
            let mut both = [[S::splat(0); VECTORS]; R];
            for row in 0..R {
                both[row] = [S::splat(*self.starts.add(row)); VECTORS];
            }
            let is_done =
                NV == VECTORS && S::sum_rows(self.gemm_k, self.a, self.a_stride, self.b, &mut both);
            let mut sums = [[S::splat(0); NV]; R];
            for row in 0..R {
                sums[row].copy_from_slice(&both[row][..NV]);
            }
            if !is_done {
                self.sum_rows::<S, R, NV>(&mut sums);
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

    /// # Safety
    /// As [`Block::run_rows`].
    #[inline(always)]
    unsafe fn sum_rows<S: Int8Simd, const R: usize, const NV: usize>(
        self,
        sums: &mut [[S::V; NV]; R],
    ) {
        /// Words between two updates of the addresses.
        const UNROLL: usize = 4;
        // SAFETY: all addresses lie inside by the caller's promise.
        unsafe {
            let mut a = [self.a; R];
            for row in 0..R {
                a[row] = self.a.add(row * self.a_stride);
            }
            let mut b = self.b;
            for _ in 0..self.gemm_k / UNROLL {
                for at in 0..UNROLL {
                    step::<S, R, NV>(&a, b, at, sums);
                }
                for row in &mut a {
                    *row = row.add(UNROLL);
                }
                b = b.add(UNROLL * VECTORS * S::LANES);
            }
            for at in 0..self.gemm_k % UNROLL {
                step::<S, R, NV>(&a, b, at, sums);
            }
        }
    }
}

/// One word of each row.
///
/// Plain loops: closures do not inherit the instruction set of the function around them.
///
/// # Safety
/// Each of `a` and the panel `b` must be readable at step `at`.
#[inline(always)]
unsafe fn step<S: Int8Simd, const R: usize, const NV: usize>(
    a: &[*const i32; R],
    b: *const i32,
    at: usize,
    sums: &mut [[S::V; NV]; R],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut columns = [S::splat(0); NV];
        for v in 0..NV {
            columns[v] = S::load(b.add((at * VECTORS + v) * S::LANES));
        }
        for row in 0..R {
            let weights = S::splat(*a[row].add(at));
            for v in 0..NV {
                sums[row][v] = S::add_products(weights, columns[v], sums[row][v]);
            }
        }
    }
}
