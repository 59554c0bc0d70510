//! Winograd's products: of each position, rows of transformed filters times panels of tiles.
//!
//! All positions in one call, since each is short.

use super::block::Floats;
use super::register_block::Block;
use super::simd::{Simd, isa_kernel};
use super::winograd::tile_vector;
use crate::cpu::isa::Isa;

/// One sum of each tile: which matrices are multiplied for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Where they lie: the filter's, the panels', the sums, as multiples of the distance of positions.
    pub filter: usize,
    pub panel: usize,
    pub sum: usize,
    /// How many times the reduction goes over the channels: so many positions lie one behind the other in
    /// each row of the filter and in each panel.
    pub parts: usize,
}

impl Product {
    /// Of a position that has a sum of its own.
    pub(super) const fn new(position: usize) -> Self {
        Product { filter: position, panel: position, sum: position, parts: 1 }
    }

    const fn of_all<const POSITIONS: usize>() -> [Product; POSITIONS] {
        let mut products = [Product::new(0); POSITIONS];
        let mut position = 0;
        while position < POSITIONS {
            products[position] = Product::new(position);
            position += 1;
        }
        products
    }
}

/// Of forms where each position has a sum of its own.
pub(super) static PRODUCTS_16: [Product; 16] = Product::of_all();
pub(super) static PRODUCTS_36: [Product; 36] = Product::of_all();

/// Sizes of the matrices of all positions, and the distances in them.
#[derive(Clone, Copy, Debug)]
pub struct Products {
    pub all: &'static [Product],
    /// Rows of the filter.
    pub rows: usize,
    /// Steps of the reduction, of each part.
    pub channels: usize,
    /// Columns; a whole number of [`tile_vector`], of which panels have two.
    pub tiles: usize,
    /// Distance of rows of the filter, for each part.
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
    let Products { rows, channels, tiles, .. } = products;
    if rows == 0 || tiles == 0 {
        return;
    }
    assert!(tiles.is_multiple_of(tile_vector(isa)));
    let [of_filter, of_panels, of_sums] = products.position_strides;
    let columns = tiles.next_multiple_of(2 * tile_vector(isa));
    for &Product { filter: matrix, panel, sum, parts } in products.all {
        let last_row = (rows - 1) * parts * products.filter_stride;
        assert!(matrix * of_filter + last_row + parts * channels <= filter.len());
        assert!(panel * of_panels + parts * channels * columns <= panels.len());
        assert!(sum * of_sums + rows * tiles <= sums.len());
    }
    let matrices = Matrices {
        all: products.all,
        rows,
        steps: channels,
        columns: tiles,
        left_strides: [products.filter_stride, 1],
        sums_stride: tiles,
        position_strides: products.position_strides,
        accumulate: products.accumulate,
        has_wide_blocks: isa.is_wide(),
    };
    // SAFETY: all matrices lie inside their slices, by the assertions.
    unsafe { multiply(isa, matrices, filter.as_ptr(), panels.as_ptr(), sums.as_mut_ptr()) }
}

/// Sizes of the matrices of all positions where products are summed over tiles, and the distances
/// in them.
#[derive(Clone, Copy, Debug)]
pub struct TileSums {
    pub positions: usize,
    /// Channels of dy.
    pub rows: usize,
    /// Steps of the reduction.
    pub tiles: usize,
    /// Channels of x; a whole number of [`tile_vector`], of which panels have two.
    pub columns: usize,
    /// Distance of tiles of dy.
    pub dy_stride: usize,
    /// Distance of rows of sums.
    pub sums_stride: usize,
    /// Distance of positions: of dy, of the panels, of the sums.
    pub position_strides: [usize; 3],
    /// Whether the products are added to the sums.
    pub accumulate: bool,
}

/// `sums[row * sums_stride + column]` of each position, in the order of the tiles; of dy, the channels
/// of a tile lie side by side.
///
/// # Panics
/// Where a slice is too short.
pub fn sum_tiles(isa: Isa, products: TileSums, dy: &[f32], panels: &[f32], sums: &mut [f32]) {
    let TileSums { positions, rows, tiles, columns, dy_stride, sums_stride, .. } = products;
    if positions == 0 || rows == 0 || columns == 0 || tiles == 0 {
        return;
    }
    assert!(columns.is_multiple_of(tile_vector(isa)) && columns <= sums_stride);
    let [of_dy, of_panels, of_sums] = products.position_strides.map(|s| (positions - 1) * s);
    assert!(of_dy + (tiles - 1) * dy_stride + rows <= dy.len());
    assert!(of_panels + tiles * columns.next_multiple_of(2 * tile_vector(isa)) <= panels.len());
    assert!(of_sums + (rows - 1) * sums_stride + columns <= sums.len());
    let matrices = Matrices {
        all: &PRODUCTS_36[..positions],
        rows,
        steps: tiles,
        columns,
        left_strides: [1, dy_stride],
        sums_stride,
        position_strides: products.position_strides,
        accumulate: products.accumulate,
        has_wide_blocks: isa.is_wide(),
    };
    // SAFETY: all matrices lie inside their slices, by the assertions.
    unsafe { multiply(isa, matrices, dy.as_ptr(), panels.as_ptr(), sums.as_mut_ptr()) }
}

/// A left matrix, a right one in panels, and sums, for each position.
#[derive(Clone, Copy)]
struct Matrices {
    all: &'static [Product],
    rows: usize,
    /// Of each part.
    steps: usize,
    columns: usize,
    /// From row to row, for each part, and from step to step of the left matrix.
    left_strides: [usize; 2],
    sums_stride: usize,
    position_strides: [usize; 3],
    accumulate: bool,
    /// As of [`Block`].
    has_wide_blocks: bool,
}

isa_kernel! {
    /// # Safety
    /// As [`multiply_positions`] or [`sum_tiles`] assert.
    unsafe fn multiply(
        matrices: Matrices, left: *const f32, panels: *const f32, sums: *mut f32,
    ) = multiply_body
}

/// # Safety
/// As `multiply`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn multiply_body<S: Simd>(
    matrices: Matrices,
    left: *const f32,
    panels: *const f32,
    sums: *mut f32,
) {
    let [row_stride, step_stride] = matrices.left_strides;
    let [of_left, of_panels, of_sums] = matrices.position_strides;
    for &Product { filter, panel, sum, parts } in matrices.all {
        // SAFETY: the matrices lie inside by the caller's promise.
        unsafe {
            let block = Block {
                gemm_k: parts * matrices.steps,
                a: left.add(filter * of_left),
                a_stride: parts * row_stride,
                a_step: step_stride,
                starts: std::ptr::null(),
                // Read alone: nothing is gathered.
                b: panels.add(panel * of_panels).cast_mut(),
                gather: None,
                c: sums.add(sum * of_sums),
                c_stride: matrices.sums_stride,
                accumulate: matrices.accumulate,
                most_rows: usize::MAX,
                has_wide_blocks: matrices.has_wide_blocks,
            };
            block.run::<Floats<S>>(matrices.rows, matrices.columns);
        }
    }
}
