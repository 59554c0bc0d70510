//! Winograd's output transform of backward-weights: F(3x3, 4x4), F(4x4, 3x3), F(5x5, 2x2) and F(2x2, 5x5).
//!
//! The gradient of a 3 x 3 filter is the correlation of x with dy. So a tile of 4 x 4 of dy plays
//! the filter, 6 x 6 of x the input, and 3 x 3 is the output; points and input matrix are those of
//! F(4x4, 3x3), see [`super::winograd`]. Filters of 2, 4 and 5 taps in each dimension have tiles of dy of
//! 5, 3 and 2.

use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::winograd_output::points_line;
use crate::cpu::isa::Isa;

/// Positions of a transformed tile in each dimension: taps, and pixels of a tile of dy, are one more together.
const SIDE: usize = 6;

/// Weights of the largest filter.
const MAX_WEIGHTS: usize = 25;

/// Transforms products back: `sums[position * position_stride + filter]` of each filter to its weights,
/// `taps` (2 to 5) squared, `weights[filter * taps * taps..]`.
///
/// Returns whether all of them are finite.
///
/// # Panics
/// Where a slice is too short, or filters are no whole number of vectors.
pub fn transform_weights(
    isa: Isa,
    taps: usize,
    sums: &[f32],
    position_stride: usize,
    filters: usize,
    weights: &mut [f32],
) -> bool {
    let mut spoiled = 0.0;
    assert!(filters.is_multiple_of(MAX_LANES));
    assert!((SIDE * SIDE - 1) * position_stride + filters <= sums.len());
    assert!(filters * taps * taps <= weights.len());
    // SAFETY: sums and weights lie inside their slices, by the assertions.
    unsafe {
        let (sums, weights) = (sums.as_ptr(), weights.as_mut_ptr());
        let spoiled = &mut spoiled;
        match taps {
            2 => weights_of::<2>(isa, sums, position_stride, filters, weights, spoiled),
            3 => weights_of::<3>(isa, sums, position_stride, filters, weights, spoiled),
            4 => weights_of::<4>(isa, sums, position_stride, filters, weights, spoiled),
            5 => weights_of::<5>(isa, sums, position_stride, filters, weights, spoiled),
            _ => unreachable!("no such filters"),
        }
    }
    spoiled == 0.0
}

isa_kernel! {
    /// # Safety
    /// As [`transform_weights`] asserts.
    unsafe fn weights_of[TAPS](
        sums: *const f32, position_stride: usize, filters: usize, weights: *mut f32,
        spoiled: &mut f32,
    ) = weights_body
}

/// # Safety
/// As `weights_of`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn weights_body<S: Simd, const TAPS: usize>(
    sums: *const f32,
    position_stride: usize,
    filters: usize,
    weights: *mut f32,
    spoiled: &mut f32,
) {
    // SAFETY: the caller's promise.
    let mut zero_sum = unsafe { S::splat(0.0) };
    for filter in (0..filters).step_by(S::LANES) {
        // SAFETY: the caller's promise.
        unsafe {
            let sums = sums.add(filter);
            let mut half = [[S::splat(0.0); TAPS]; SIDE];
            for row in 0..SIDE {
                let mut line = [S::splat(0.0); SIDE];
                for col in 0..SIDE {
                    line[col] = S::load(sums.add((row * SIDE + col) * position_stride));
                }
                half[row] = points_line::<S, TAPS>(line);
            }
            let mut result = [S::splat(0.0); MAX_WEIGHTS];
            for col in 0..TAPS {
                let mut line = [S::splat(0.0); SIDE];
                for row in 0..SIDE {
                    line[row] = half[row][col];
                }
                let line = points_line::<S, TAPS>(line);
                for row in 0..TAPS {
                    result[row * TAPS + col] = line[row];
                    // Finite numbers times zero add up to zero, anything else to NaN.
                    zero_sum = S::mul_add(line[row], S::splat(0.0), zero_sum);
                }
            }
            // Four at a time; the last four overlap with those before.
            let len = TAPS * TAPS;
            for quad in 0..len.div_ceil(4) {
                let first = (quad * 4).min(len - 4);
                let mut to = [weights; MAX_LANES];
                for lane in 0..S::LANES {
                    to[lane] = weights.add((filter + lane) * len + first);
                }
                let mut columns = [S::splat(0.0); 4];
                columns.copy_from_slice(&result[first..first + 4]);
                S::store_4_columns(to, columns);
            }
        }
    }
    let mut lanes = [0f32; MAX_LANES];
    // SAFETY: there is room for a vector; the rest is the caller's promise.
    unsafe { S::store(lanes.as_mut_ptr(), zero_sum) };
    *spoiled = lanes.iter().sum();
}
