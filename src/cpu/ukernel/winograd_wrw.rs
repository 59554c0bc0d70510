//! Winograd's transforms of backward-weights: F(3x3, 4x4).
//!
//! The gradient of a 3 x 3 filter is the correlation of x with dy. So a tile of 4 x 4 of dy plays
//! the filter, 6 x 6 of x the input, and 3 x 3 is the output; points and input matrix are those of
//! F(4x4, 3x3), see [`super::winograd`].

use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::winograd::{A, B, input_line, load_columns};
use crate::cpu::isa::Isa;

/// Positions of a transformed tile.
const SIDE: usize = 6;

/// Which tensor's tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileOf {
    /// 6 x 6, which overlap.
    X,
    /// 4 x 4.
    Dy,
}

/// Tiles in the planes of some channels, and where they go.
#[derive(Clone, Copy, Debug)]
pub struct TileRows<'a> {
    /// The planes.
    pub planes: &'a [f32],
    /// Distance of neighbouring channels.
    pub channel_stride: usize,
    /// Distance of neighbouring rows.
    pub row_stride: usize,
    /// Offset of each tile; a whole number of vectors.
    pub offsets: &'a [usize],
    pub channels: usize,
    /// Distance of neighbouring positions in the result.
    pub position_stride: usize,
}

/// `out[position * position_stride + channel * tiles + tile]`: rows of transformed tiles.
///
/// # Panics
/// Where a tile lies outside the planes, or `out` is too short.
pub fn transform_tiles(isa: Isa, of: TileOf, input: TileRows<'_>, out: &mut [f32]) {
    let side = if of == TileOf::X { SIDE } else { 4 };
    let tiles = input.offsets.len();
    assert!(tiles.is_multiple_of(MAX_LANES));
    let last = input.offsets.iter().max().map_or(0, |offset| {
        offset
            + input.channels.saturating_sub(1) * input.channel_stride
            + (side - 1) * input.row_stride
    });
    assert!(last + side <= input.planes.len());
    assert!(tiles * input.channels <= input.position_stride);
    assert!(SIDE * SIDE * input.position_stride <= out.len());
    // SAFETY: tiles lie inside the planes and results inside `out`, by the assertions.
    unsafe {
        match of {
            TileOf::X => transform::<SIDE>(isa, input, out.as_mut_ptr()),
            TileOf::Dy => transform::<4>(isa, input, out.as_mut_ptr()),
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`transform_tiles`] asserts, for tiles of `FROM` squared.
    unsafe fn transform[FROM](input: TileRows<'_>, out: *mut f32) = tiles_body
}

/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn tiles_body<S: Simd, const FROM: usize>(input: TileRows<'_>, out: *mut f32) {
    let tiles = input.offsets.len();
    for (index, offsets) in input.offsets.chunks_exact(S::LANES).enumerate() {
        for channel in 0..input.channels {
            // SAFETY: the caller's promise.
            unsafe {
                let mut tile = [input.planes.as_ptr(); MAX_LANES];
                for lane in 0..S::LANES {
                    tile[lane] = tile[lane].add(offsets[lane] + channel * input.channel_stride);
                }
                let mut half = [[S::splat(0.0); SIDE]; FROM];
                for row in 0..FROM {
                    let columns = load_columns::<S, FROM>(&tile, row * input.row_stride);
                    half[row] = line::<S, FROM>(columns);
                }
                let out = out.add(channel * tiles + index * S::LANES);
                for col in 0..SIDE {
                    let mut column = [S::splat(0.0); FROM];
                    for row in 0..FROM {
                        column[row] = half[row][col];
                    }
                    let column = line::<S, FROM>(column);
                    for row in 0..SIDE {
                        S::store(out.add((row * SIDE + col) * input.position_stride), column[row]);
                    }
                }
            }
        }
    }
}

/// One row or column of a tile times its matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn line<S: Simd, const FROM: usize>(d: [S::V; FROM]) -> [S::V; SIDE] {
    let mut v = [d[0]; SIDE];
    // SAFETY: the caller's promise.
    unsafe {
        if FROM == SIDE {
            v.copy_from_slice(&d);
            return input_line::<S, SIDE>(v);
        }
        // The scales are those of `filter_line`, for a polynomial of one degree more.
        let (scale_a, scale_b) = (S::splat(-2.0 / 3.0), S::splat(1.0 / 6.0));
        let (half, two) = (S::splat(0.5), S::splat(2.0));
        let (even, odd) = (S::mul_add(half, d[2], d[0]), S::mul_add(half, d[3], d[1]));
        let odd = S::mul(S::splat(A), odd);
        v[1] = S::mul(scale_a, S::add(even, odd));
        v[2] = S::mul(scale_a, S::sub(even, odd));
        let (even, odd) = (S::mul_add(two, d[2], d[0]), S::mul_add(two, d[3], d[1]));
        let odd = S::mul(S::splat(B), odd);
        v[3] = S::mul(scale_b, S::add(even, odd));
        v[4] = S::mul(scale_b, S::sub(even, odd));
        v[5] = d[3];
    }
    v
}

/// Transforms products back: `sums[position * position_stride + filter]` of each filter to its 3 x 3
/// weights, `weights[filter * 9..]`.
///
/// # Panics
/// Where a slice is too short, or filters are no whole number of vectors.
pub fn transform_weights(
    isa: Isa,
    sums: &[f32],
    position_stride: usize,
    filters: usize,
    weights: &mut [f32],
) {
    assert!(filters.is_multiple_of(MAX_LANES));
    assert!((SIDE * SIDE - 1) * position_stride + filters <= sums.len());
    assert!(filters * 9 <= weights.len());
    // SAFETY: sums and weights lie inside their slices, by the assertions.
    unsafe {
        weights_3(isa, sums.as_ptr(), position_stride, filters, weights.as_mut_ptr());
    }
}

isa_kernel! {
    /// # Safety
    /// As [`transform_weights`] asserts.
    unsafe fn weights_3(
        sums: *const f32, position_stride: usize, filters: usize, weights: *mut f32,
    ) = weights_body
}

/// # Safety
/// As `weights_3`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn weights_body<S: Simd>(
    sums: *const f32,
    position_stride: usize,
    filters: usize,
    weights: *mut f32,
) {
    for filter in (0..filters).step_by(S::LANES) {
        // SAFETY: the caller's promise.
        unsafe {
            let sums = sums.add(filter);
            let mut half = [[S::splat(0.0); 3]; SIDE];
            for row in 0..SIDE {
                let mut line = [S::splat(0.0); SIDE];
                for col in 0..SIDE {
                    line[col] = S::load(sums.add((row * SIDE + col) * position_stride));
                }
                half[row] = weights_line::<S>(line);
            }
            let mut result = [S::splat(0.0); 9];
            for col in 0..3 {
                let mut line = [S::splat(0.0); SIDE];
                for row in 0..SIDE {
                    line[row] = half[row][col];
                }
                let line = weights_line::<S>(line);
                for row in 0..3 {
                    result[row * 3 + col] = line[row];
                }
            }
            // Weights 0 to 3, 4 to 7, and 5 to 8 for the last one.
            for first in [0, 4, 5] {
                let mut to = [weights; MAX_LANES];
                for lane in 0..S::LANES {
                    to[lane] = weights.add((filter + lane) * 9 + first);
                }
                let mut columns = [S::splat(0.0); 4];
                columns.copy_from_slice(&result[first..first + 4]);
                S::store_4_columns(to, columns);
            }
        }
    }
}

/// One row or column of sums times the output matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn weights_line<S: Simd>(m: [S::V; SIDE]) -> [S::V; 3] {
    // SAFETY: the caller's promise.
    unsafe {
        let (sum_a, difference_a) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (sum_b, difference_b) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(S::add(m[0], sum_a), sum_b),
            S::mul_add(S::splat(A), difference_a, S::mul(S::splat(B), difference_b)),
            S::mul_add(S::splat(0.5), sum_a, S::mul_add(S::splat(2.0), sum_b, m[5])),
        ]
    }
}
