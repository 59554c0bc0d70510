//! Sums of products, channel by channel: depthwise convolution of channels-last tensors.

use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;

/// Where the channels of a tap's weights and of the input pixel that it meets begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelTap {
    pub weights: usize,
    pub input: usize,
}

/// `out[c] = sum over taps t of weights[t.weights + c] * input[t.input + c]`, taps in order.
///
/// # Panics
/// Where a tap would read outside its slice.
pub fn sum_taps(isa: Isa, input: &[f32], weights: &[f32], taps: &[PixelTap], out: &mut [f32]) {
    let last_input = taps.iter().map(|tap| tap.input).max().unwrap_or(0);
    let last_weights = taps.iter().map(|tap| tap.weights).max().unwrap_or(0);
    assert!(taps.is_empty() || last_input + out.len() <= input.len());
    assert!(taps.is_empty() || last_weights + out.len() <= weights.len());
    // SAFETY: every tap has as many channels as `out` in both slices.
    unsafe { sum(isa, input.as_ptr(), weights.as_ptr(), taps, out) }
}

isa_kernel! {
    /// # Safety
    /// As [`sum_taps`] asserts.
    unsafe fn sum(
        input: *const f32,
        weights: *const f32,
        taps: &[PixelTap],
        out: &mut [f32],
    ) = sum_body
}

/// # Safety
/// As `sum`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn sum_body<S: Simd>(
    input: *const f32,
    weights: *const f32,
    taps: &[PixelTap],
    out: &mut [f32],
) {
    let channels = out.len();
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at + 4 * S::LANES <= channels {
            vectors::<S, 4>(input.add(at), weights.add(at), taps, out.as_mut_ptr().add(at));
            at += 4 * S::LANES;
        }
        while at + S::LANES <= channels {
            vectors::<S, 1>(input.add(at), weights.add(at), taps, out.as_mut_ptr().add(at));
            at += S::LANES;
        }
        if at < channels && channels >= S::LANES {
            // The last vector overlaps the one before, and gives the same there.
            at = channels - S::LANES;
            vectors::<S, 1>(input.add(at), weights.add(at), taps, out.as_mut_ptr().add(at));
        } else {
            for channel in at..channels {
                let mut sum = 0.0;
                for tap in taps {
                    sum += *weights.add(tap.weights + channel) * *input.add(tap.input + channel);
                }
                out[channel] = sum;
            }
        }
    }
}

/// # Safety
/// `N` vectors of each tap must be readable, and writable at `out`.
#[inline(always)]
unsafe fn vectors<S: Simd, const N: usize>(
    input: *const f32,
    weights: *const f32,
    taps: &[PixelTap],
    out: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); N];
        for tap in taps {
            let (input, weights) = (input.add(tap.input), weights.add(tap.weights));
            for v in 0..N {
                let weight = S::load(weights.add(v * S::LANES));
                sums[v] = S::mul_add(weight, S::load(input.add(v * S::LANES)), sums[v]);
            }
        }
        for v in 0..N {
            S::store(out.add(v * S::LANES), sums[v]);
        }
    }
}
