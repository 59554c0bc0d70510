//! Winograd's transform of filters; the points and matrices are those of [`super::winograd`].

use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::winograd::{A, B, Form};
use crate::cpu::isa::Isa;

/// Weights of the largest filter, 5 x 5.
const MAX_WEIGHTS: usize = 25;

/// Transforms one row of the filter matrix: `channels` filters of `form.taps()` squared, each
/// reversed where `reversed`, to `out[position * position_stride + channel]`.
///
/// `row` is `channels` filters. `out` is written up to the next multiple of
/// the lanes of a vector.
///
/// # Panics
/// Where a slice is too short.
pub fn transform_filter(
    isa: Isa,
    form: Form,
    row: &[f32],
    channels: usize,
    reversed: bool,
    out: &mut [f32],
    position_stride: usize,
) {
    assert!(channels * form.taps() * form.taps() <= row.len());
    assert!(channels.next_multiple_of(MAX_LANES) <= position_stride || out.is_empty());
    assert!(
        (form.positions() - 1) * position_stride + channels.next_multiple_of(MAX_LANES)
            <= out.len()
    );
    // SAFETY: reads stay inside `row`, writes inside `out`, by the assertions.
    unsafe {
        match form {
            Form::Tile2Taps3 => {
                transform::<3, 4>(isa, row, channels, reversed, out.as_mut_ptr(), position_stride);
            }
            Form::Tile4Taps3 => {
                transform::<3, 6>(isa, row, channels, reversed, out.as_mut_ptr(), position_stride);
            }
            Form::Tile2Taps5 => {
                transform::<5, 6>(isa, row, channels, reversed, out.as_mut_ptr(), position_stride);
            }
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`transform_filter`] asserts, for filters of `TAPS` squared and `SIDE` squared positions.
    unsafe fn transform[TAPS, SIDE](
        row: &[f32], channels: usize, reversed: bool, out: *mut f32, position_stride: usize,
    ) = filter_body
}

/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn filter_body<S: Simd, const TAPS: usize, const SIDE: usize>(
    row: &[f32],
    channels: usize,
    reversed: bool,
    out: *mut f32,
    position_stride: usize,
) {
    let len = TAPS * TAPS;
    let mut channel = 0;
    while channel < channels {
        let count = S::LANES.min(channels - channel);
        let mut rest = [0f32; MAX_WEIGHTS * MAX_LANES];
        let from = if count == S::LANES {
            &row[channel * len..]
        } else {
            rest[..count * len].copy_from_slice(&row[channel * len..(channel + count) * len]);
            &rest[..]
        };
        // SAFETY: `LANES` filters are readable at `from`; the rest is the caller's promise.
        unsafe {
            let mut at = [from.as_ptr(); MAX_LANES];
            for lane in 0..S::LANES {
                at[lane] = at[lane].add(lane * len);
            }
            let mut weights = [S::splat(0.0); MAX_WEIGHTS];
            // Four at a time; the last four overlap with those before.
            for quad in 0..len.div_ceil(4) {
                let first = (quad * 4).min(len - 4);
                let mut shifted = at;
                for lane in 0..S::LANES {
                    shifted[lane] = shifted[lane].add(first);
                }
                weights[first..first + 4].copy_from_slice(&S::load_4_columns(shifted));
            }
            if reversed {
                weights[..len].reverse();
            }
            let mut half = [[S::splat(0.0); SIDE]; TAPS];
            for row in 0..TAPS {
                let mut line = [weights[0]; TAPS];
                line.copy_from_slice(&weights[row * TAPS..(row + 1) * TAPS]);
                half[row] = filter_line::<S, TAPS, SIDE>(line);
            }
            for col in 0..SIDE {
                let mut line = [weights[0]; TAPS];
                for row in 0..TAPS {
                    line[row] = half[row][col];
                }
                let line = filter_line::<S, TAPS, SIDE>(line);
                for row in 0..SIDE {
                    S::store(out.add((row * SIDE + col) * position_stride + channel), line[row]);
                }
            }
        }
        channel += S::LANES;
    }
}

/// One row or column of a filter times the filter matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn filter_line<S: Simd, const TAPS: usize, const SIDE: usize>(
    g: [S::V; TAPS],
) -> [S::V; SIDE] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut u = [g[0]; SIDE];
        u[SIDE - 1] = g[TAPS - 1];
        let (half, two) = (S::splat(0.5), S::splat(2.0));
        if SIDE == 4 {
            let sum = S::add(g[0], g[2]);
            u[1] = S::mul(half, S::add(sum, g[1]));
            u[2] = S::mul(half, S::sub(sum, g[1]));
            return u;
        }
        // 1 / (2 a*a (a*a - b*b)) = -2/3 and 1 / (2 b*b (b*b - a*a)) = 1/6.
        let (scale_a, scale_b) = (S::splat(-2.0 / 3.0), S::splat(1.0 / 6.0));
        let (mut even_a, mut odd_a) = (g[2], g[1]);
        let (mut even_b, mut odd_b) = (g[2], g[1]);
        if TAPS == 5 {
            // The powers by Horner's scheme: a*a is 1/2, b*b is 2.
            even_a = S::mul_add(half, g[TAPS - 1], g[2]);
            even_b = S::mul_add(two, g[TAPS - 1], g[2]);
            odd_a = S::mul_add(half, g[TAPS - 2], g[1]);
            odd_b = S::mul_add(two, g[TAPS - 2], g[1]);
        }
        let (even, odd) = (S::mul_add(half, even_a, g[0]), S::mul(S::splat(A), odd_a));
        u[1] = S::mul(scale_a, S::add(even, odd));
        u[2] = S::mul(scale_a, S::sub(even, odd));
        let (even, odd) = (S::mul_add(two, even_b, g[0]), S::mul(S::splat(B), odd_b));
        u[3] = S::mul(scale_b, S::add(even, odd));
        u[4] = S::mul(scale_b, S::sub(even, odd));
        u
    }
}
