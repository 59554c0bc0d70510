//! Winograd's products: of each position, rows of transformed filters times panels of tiles.
//!
//! All positions in one call, since each is short.

use super::register_block::Reduction;
use super::simd::{Simd, isa_kernel};
use super::winograd::tile_vector;
use crate::cpu::isa::Isa;

/// Sizes of the matrices of all positions, and the distances in them.
#[derive(Clone, Copy, Debug)]
pub struct Products {
    pub positions: usize,
    /// Rows of the filter.
    pub rows: usize,
    /// Steps of the reduction.
    pub channels: usize,
    /// Columns; a whole number of [`tile_vector`], of which panels have two.
    pub tiles: usize,
    /// Distance of rows of the filter.
    pub filter_stride: usize,
    /// Distance of positions: of the filter, of the panels, of the sums.
    pub position_strides: [usize; 3],
    /// Whether the products are added to the sums.
    pub accumulate: bool,
}

/// `sums[row * tiles + tile]` of each position, in the order of the reduction.
///
/// # Panics
/// Where a slice is too short.
pub fn multiply_positions(
    isa: Isa,
    products: Products,
    filter: &[f32],
    panels: &[f32],
    sums: &mut [f32],
) {
    let Products { positions, rows, channels, tiles, .. } = products;
    if positions == 0 || rows == 0 || tiles == 0 {
        return;
    }
    assert!(tiles.is_multiple_of(tile_vector(isa)));
    let [of_filter, of_panels, of_sums] = products.position_strides.map(|s| (positions - 1) * s);
    assert!(of_filter + (rows - 1) * products.filter_stride + channels <= filter.len());
    let columns = tiles.next_multiple_of(2 * tile_vector(isa));
    assert!(of_panels + channels * columns <= panels.len());
    assert!(of_sums + rows * tiles <= sums.len());
    // SAFETY: all matrices lie inside their slices, by the assertions.
    unsafe { multiply(isa, products, filter.as_ptr(), panels.as_ptr(), sums.as_mut_ptr()) }
}

isa_kernel! {
    /// # Safety
    /// As [`multiply_positions`] asserts.
    unsafe fn multiply(
        products: Products, filter: *const f32, panels: *const f32, sums: *mut f32,
    ) = multiply_body
}

/// # Safety
/// As `multiply`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn multiply_body<S: Simd>(
    products: Products,
    filter: *const f32,
    panels: *const f32,
    sums: *mut f32,
) {
    let Products { rows, channels, tiles, filter_stride, .. } = products;
    let [of_filter, of_panels, of_sums] = products.position_strides;
    let panel_cols = 2 * S::LANES;
    let heights = rows.div_ceil(S::ROWS);
    for position in 0..products.positions {
        // Panel outside, rows inside: the panel stays in the L1 cache.
        for tile in (0..tiles).step_by(panel_cols) {
            let mut row = 0;
            for index in 0..heights {
                // Even heights: 16 rows are 8 and 8, not 14 and 2.
                let height = (rows - row).div_ceil(heights - index);
                // SAFETY: rows and panel lie inside by the caller's promise.
                unsafe {
                    let block = Reduction {
                        gemm_k: channels,
                        c: sums.add(position * of_sums + row * tiles + tile),
                        c_stride_bytes: tiles * size_of::<f32>(),
                        starts: std::ptr::null(),
                        accumulate: products.accumulate,
                        a: filter.add(position * of_filter + row * filter_stride),
                        a_stride: filter_stride,
                        a_step: 1,
                        // Not written to, since no columns are gathered.
                        b: panels.add(position * of_panels + tile * channels).cast_mut(),
                        gathered: None,
                        next: None,
                    };
                    let vectors = if tile + panel_cols <= tiles { 2 } else { 1 };
                    if !S::run_block(&block, height, vectors) {
                        multiply_rows::<S>(&block, height, vectors);
                    }
                }
                row += height;
            }
        }
    }
}

/// A register block of `height` rows where there is no assembly for it.
///
/// # Safety
/// Rows, panel and sums must be valid for so many rows and vectors, and the instructions of `S`
/// present.
#[inline(always)]
unsafe fn multiply_rows<S: Simd>(block: &Reduction<f32>, height: usize, vectors: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..vectors {
            match height {
                1 => multiply_vector::<S, 1>(block, v),
                2 => multiply_vector::<S, 2>(block, v),
                3 => multiply_vector::<S, 3>(block, v),
                4 => multiply_vector::<S, 4>(block, v),
                5 => multiply_vector::<S, 5>(block, v),
                6 => multiply_vector::<S, 6>(block, v),
                _ => unreachable!("no register block is that high"),
            }
        }
    }
}

/// One vector of the columns of `R` rows.
///
/// # Safety
/// As [`multiply_rows`].
#[inline(always)]
unsafe fn multiply_vector<S: Simd, const R: usize>(block: &Reduction<f32>, v: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); R];
        for step in 0..block.gemm_k {
            let columns = S::load(block.b.add((2 * step + v) * S::LANES));
            for row in 0..R {
                let weight = S::splat(*block.a.add(row * block.a_stride + step));
                sums[row] = S::mul_add(weight, columns, sums[row]);
            }
        }
        for row in 0..R {
            let c = block.c.byte_add(row * block.c_stride_bytes).add(v * S::LANES);
            S::store(c, if block.accumulate { S::add(S::load(c), sums[row]) } else { sums[row] });
        }
    }
}
