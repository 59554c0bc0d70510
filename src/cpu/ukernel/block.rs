//! The GEMM kernel: a block of rows times packed panels of columns.

use super::simd::{MAX_LANES, Simd, isa_kernel};
use crate::config::IsaLevel;
use crate::cpu::cache::CacheSizes;
use crate::cpu::isa::Isa;
use crate::cpu::tiles::{even_piece, pieces};
use crate::memory::MatrixMut;

/// Vectors in a panel.
const VECTORS: usize = 2;

/// Columns of a panel at most.
const MAX_COLUMNS: usize = VECTORS * MAX_LANES;

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

/// Rows of f32 at one distance, each contiguous.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// From the first row's first element.
    pub data: &'a [f32],
    /// Distance from row to row in elements.
    pub stride: usize,
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
    let (rows, cols) = c.shape();
    if rows == 0 || cols == 0 {
        return;
    }
    let (c_stride, col_stride) = c.strides();
    assert!(col_stride == 1 || cols == 1);
    assert!((rows - 1) * a.stride + gemm_k <= a.data.len());
    let panel_elems = gemm_k * panel_columns(isa);
    assert!(cols.div_ceil(panel_columns(isa)) * panel_elems <= panels.len());
    for rows in pieces(&(0..rows), rows_at_once(isa, rows, gemm_k)) {
        // SAFETY: `a` and `panels` are long enough by the assertions; `c` is an
        // exclusive matrix of `rows` x `cols` whose columns are contiguous.
        unsafe {
            block(
                isa,
                rows.len(),
                cols,
                gemm_k,
                a.data.as_ptr().add(rows.start * a.stride),
                a.stride,
                panels.as_ptr(),
                c.as_mut_ptr().add(rows.start * c_stride),
                c_stride,
                accumulate,
            );
        }
    }
}

/// Rows that are multiplied with all panels before the next ones: a quarter of the L2 cache.
///
/// For each panel they come from there. More of them, and rows whose distance is a power of two
/// share few sets of the cache: 252 rows of 256 at a distance of 1024 floats reached 85 % of the
/// FMA peak of a Zen 3 core, 126 rows 93 %; at a distance of 512 it was 92 and 98 %.
fn rows_at_once(isa: Isa, rows: usize, gemm_k: usize) -> usize {
    let most = CacheSizes::get().l2_bytes / 4 / (size_of::<f32>() * gemm_k.max(1));
    let tile = block_rows(isa);
    even_piece(rows, (most / tile * tile).max(tile)).next_multiple_of(tile)
}

isa_kernel! {
    /// # Safety
    /// `a`, `b` and `c` must be valid as [`multiply_block`] asserts.
    unsafe fn block(
        rows: usize,
        cols: usize,
        gemm_k: usize,
        a: *const f32,
        a_stride: usize,
        b: *const f32,
        c: *mut f32,
        c_stride: usize,
        accumulate: bool,
    ) = block_body
}

/// # Safety
/// As `block`; the instruction set of `S` must be present.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // one call site, and a struct would hide the hot values
unsafe fn block_body<S: Simd>(
    rows: usize,
    cols: usize,
    gemm_k: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    c: *mut f32,
    c_stride: usize,
    accumulate: bool,
) {
    let panel_cols = VECTORS * S::LANES;
    let row_tiles = rows.div_ceil(S::ROWS);
    // Panel outside, rows inside: the panel stays in the L1 cache.
    for panel in 0..cols.div_ceil(panel_cols) {
        let left = (cols - panel * panel_cols).min(panel_cols);
        let mut row = 0;
        for tile in 0..row_tiles {
            // Even heights: 64 rows are 10 + 6 times 6 less 2, not 10 times 6 and a 4.
            let height = (rows - row).div_ceil(row_tiles - tile);
            // SAFETY: the row and the panel lie inside by the caller's promise.
            unsafe {
                let tile = Tile {
                    gemm_k,
                    a: a.add(row * a_stride),
                    a_stride,
                    b: b.add(panel * gemm_k * panel_cols),
                    c: c.add(row * c_stride + panel * panel_cols),
                    c_stride,
                    accumulate,
                };
                if left == panel_cols {
                    tile.run::<S, VECTORS>(height);
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

#[derive(Clone, Copy)]
struct Tile {
    gemm_k: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    c: *mut f32,
    c_stride: usize,
    accumulate: bool,
}

/// Calls `$run::<S, R, NV>` for the height `R`.
macro_rules! by_height {
    ($tile:expr, $height:expr, $S:ident, $NV:ident; $($r:literal)*) => {
        match $height {
            $($r if $r <= $S::ROWS => $tile.run_rows::<$S, $r, $NV>(),)*
            _ => unreachable!("no register block is that high"),
        }
    };
}

impl Tile {
    /// # Safety
    /// As `block` for `height` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn run<S: Simd, const NV: usize>(self, height: usize) {
        // SAFETY: the caller's promise.
        unsafe { by_height!(self, height, S, NV; 1 2 3 4 5 6 7 8 9 10 11 12 13 14) }
    }

    /// For a tile that sticks out of `c`: by way of a buffer.
    ///
    /// # Safety
    /// As `block` for `height` rows and `cols` columns, at most `NV` vectors.
    #[inline(always)]
    unsafe fn run_partial<S: Simd, const NV: usize>(self, height: usize, cols: usize) {
        let mut buffer = [0f32; 14 * MAX_COLUMNS];
        let inner =
            Tile { c: buffer.as_mut_ptr(), c_stride: MAX_COLUMNS, accumulate: false, ..self };
        // SAFETY: the buffer has room for the highest block, the rest is the caller's promise.
        unsafe {
            inner.run::<S, NV>(height);
            for (row, sums) in buffer.chunks_exact(MAX_COLUMNS).take(height).enumerate() {
                let c = self.c.add(row * self.c_stride);
                for (col, &sum) in sums[..cols].iter().enumerate() {
                    let c = c.add(col);
                    c.write(if self.accumulate { c.read() + sum } else { sum });
                }
            }
        }
    }

    /// # Safety
    /// As `block` for `R` rows and `NV` vectors of columns.
    #[inline(always)]
    unsafe fn run_rows<S: Simd, const R: usize, const NV: usize>(self) {
        // SAFETY: all addresses lie inside by the caller's promise.
        unsafe {
            let mut sums = [[S::splat(0.0); NV]; R];
            let by_assembly = if NV == VECTORS {
                S::sum_rows::<R>(self.gemm_k, self.a, self.a_stride, self.b)
            } else {
                None
            };
            match by_assembly {
                Some(both) => {
                    for row in 0..R {
                        sums[row].copy_from_slice(&both[row][..NV]);
                    }
                }
                None => self.sum_rows::<S, R, NV>(&mut sums),
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
    /// As [`Tile::run_rows`].
    #[inline(always)]
    unsafe fn sum_rows<S: Simd, const R: usize, const NV: usize>(self, sums: &mut [[S::V; NV]; R]) {
        /// Reduction steps between two updates of the addresses.
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

/// One step of the reduction.
///
/// Plain loops: closures do not inherit the instruction set of the function around them.
///
/// # Safety
/// Each of `a` and the panel `b` must be readable at step `at`.
#[inline(always)]
unsafe fn step<S: Simd, const R: usize, const NV: usize>(
    a: &[*const f32; R],
    b: *const f32,
    at: usize,
    sums: &mut [[S::V; NV]; R],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut columns = [S::splat(0.0); NV];
        for v in 0..NV {
            columns[v] = S::load(b.add((at * VECTORS + v) * S::LANES));
        }
        for row in 0..R {
            let weight = S::splat(*a[row].add(at));
            for v in 0..NV {
                sums[row][v] = S::mul_add(weight, columns[v], sums[row][v]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every height of register block, columns round the lanes of vectors and panels, reductions round
    /// the unrolled steps, at every level; small integers, which are exact.
    #[test]
    fn all_heights_and_tails() {
        const UNTOUCHED: f32 = 12345.0;
        let value = |index: usize| ((index * 7919) % 13) as f32 - 6.0;
        for level in [IsaLevel::Scalar, IsaLevel::Avx2Fma, IsaLevel::Avx512] {
            let Some(isa) = Isa::supported(level) else { continue };
            let panel_cols = panel_columns(isa);
            for (rows, gemm_k) in (1..=30).flat_map(|rows| [1, 3, 4, 9, 70].map(|k| (rows, k))) {
                for cols in [1usize, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65] {
                    let a_stride = gemm_k + 3;
                    let a: Vec<f32> = (0..rows * a_stride).map(value).collect();
                    let b = |kk: usize, col: usize| value(1000 + kk * 67 + col);
                    // What lies beside the columns must not matter.
                    let mut panels =
                        vec![f32::NAN; cols.div_ceil(panel_cols) * gemm_k * panel_cols];
                    for col in 0..cols {
                        let panel = col / panel_cols * gemm_k * panel_cols + col % panel_cols;
                        (0..gemm_k).for_each(|kk| panels[panel + kk * panel_cols] = b(kk, col));
                    }
                    let mut c = vec![UNTOUCHED; rows * cols + panel_cols];
                    for (call, accumulate) in [false, true].into_iter().enumerate() {
                        let rows_of_a = Rows { data: &a, stride: a_stride };
                        let matrix = &mut MatrixMut::row_major(&mut c, rows, cols);
                        multiply_block(isa, gemm_k, rows_of_a, &panels, matrix, accumulate);
                        for (index, &got) in c.iter().enumerate() {
                            let (row, col) = (index / cols, index % cols);
                            let product = |kk: usize| a[row * a_stride + kk] * b(kk, col);
                            let want = if row < rows {
                                (0..gemm_k).map(product).sum::<f32>() * (call + 1) as f32
                            } else {
                                UNTOUCHED
                            };
                            assert_eq!(
                                got, want,
                                "{level:?} {rows} x {cols} x {gemm_k} at {index}"
                            );
                        }
                    }
                }
            }
        }
    }
}
