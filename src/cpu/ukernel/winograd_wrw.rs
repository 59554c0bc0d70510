//! Winograd's transforms of backward-weights: F(3x3, 4x4).
//!
//! The gradient of a 3 x 3 filter is the correlation of x with dy. So a tile of 4 x 4 of dy plays
//! the filter, 6 x 6 of x the input, and 3 x 3 is the output; points and input matrix are those of
//! F(4x4, 3x3), see [`super::winograd`].

use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::winograd::{A, B};
use crate::cpu::isa::Isa;

/// Positions of a transformed tile, and side of a tile of dy.
const SIDE: usize = 6;
pub(super) const TILE: usize = 4;

/// One row or column of a tile of dy times its matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
pub(super) unsafe fn dy_line<S: Simd>(d: [S::V; TILE]) -> [S::V; SIDE] {
    let mut v = [d[0]; SIDE];
    // SAFETY: the caller's promise.
    unsafe {
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
/// Returns whether all of them are finite.
///
/// # Panics
/// Where a slice is too short, or filters are no whole number of vectors.
pub fn transform_weights(
    isa: Isa,
    sums: &[f32],
    position_stride: usize,
    filters: usize,
    weights: &mut [f32],
) -> bool {
    let mut spoiled = 0.0;
    assert!(filters.is_multiple_of(MAX_LANES));
    assert!((SIDE * SIDE - 1) * position_stride + filters <= sums.len());
    assert!(filters * 9 <= weights.len());
    // SAFETY: sums and weights lie inside their slices, by the assertions.
    unsafe {
        let weights = weights.as_mut_ptr();
        weights_3(isa, sums.as_ptr(), position_stride, filters, weights, &mut spoiled);
    }
    spoiled == 0.0
}

isa_kernel! {
    /// # Safety
    /// As [`transform_weights`] asserts.
    unsafe fn weights_3(
        sums: *const f32, position_stride: usize, filters: usize, weights: *mut f32,
        spoiled: &mut f32,
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
    spoiled: &mut f32,
) {
    // SAFETY: the caller's promise.
    let mut zero_sum = unsafe { S::splat(0.0) };
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
                    // Finite numbers times zero add up to zero, anything else to NaN.
                    zero_sum = S::mul_add(line[row], S::splat(0.0), zero_sum);
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
    let mut lanes = [0f32; MAX_LANES];
    // SAFETY: there is room for a vector; the rest is the caller's promise.
    unsafe { S::store(lanes.as_mut_ptr(), zero_sum) };
    *spoiled = lanes.iter().sum();
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
