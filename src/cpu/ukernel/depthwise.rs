//! Sums of shifted lines: depthwise convolution.

use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;

/// `out[i] = sum over t of weights[t] * source[offsets[t] + i]`, taps in order.
///
/// # Panics
/// Where a tap would read outside the source.
pub fn sum_shifted(isa: Isa, source: &[f32], offsets: &[usize], weights: &[f32], out: &mut [f32]) {
    assert_eq!(offsets.len(), weights.len());
    let reach = offsets.iter().max().map_or(0, |offset| offset + out.len());
    assert!(reach <= source.len());
    // SAFETY: every tap reads `out.len()` floats inside the source.
    unsafe {
        sum(isa, source.as_ptr(), offsets, weights.as_ptr(), out.as_mut_ptr(), out.len());
    }
}

isa_kernel! {
    /// # Safety
    /// As [`sum_shifted`] asserts; `len` floats each.
    unsafe fn sum(
        source: *const f32,
        offsets: &[usize],
        weights: *const f32,
        out: *mut f32,
        len: usize,
    ) = sum_body
}

/// # Safety
/// As `sum`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn sum_body<S: Simd>(
    source: *const f32,
    offsets: &[usize],
    weights: *const f32,
    out: *mut f32,
    len: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut at = 0;
        // Four sums hide the latency of the multiply-adds.
        while at + 4 * S::LANES <= len {
            vectors::<S, 4>(source.add(at), offsets, weights, out.add(at));
            at += 4 * S::LANES;
        }
        while at + S::LANES <= len {
            vectors::<S, 1>(source.add(at), offsets, weights, out.add(at));
            at += S::LANES;
        }
        if at < len {
            if len >= S::LANES {
                // The last vector overlaps the one before, and gives the same there.
                let at = len - S::LANES;
                vectors::<S, 1>(source.add(at), offsets, weights, out.add(at));
            } else {
                for i in at..len {
                    let mut sum = 0.0;
                    for (t, &offset) in offsets.iter().enumerate() {
                        sum += *weights.add(t) * *source.add(offset + i);
                    }
                    out.add(i).write(sum);
                }
            }
        }
    }
}

/// # Safety
/// `N` vectors must be readable at every offset and writable at `out`.
#[inline(always)]
unsafe fn vectors<S: Simd, const N: usize>(
    source: *const f32,
    offsets: &[usize],
    weights: *const f32,
    out: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); N];
        for (t, &offset) in offsets.iter().enumerate() {
            let weight = S::splat(*weights.add(t));
            let from = source.add(offset);
            for v in 0..N {
                sums[v] = S::mul_add(weight, S::load(from.add(v * S::LANES)), sums[v]);
            }
        }
        for v in 0..N {
            S::store(out.add(v * S::LANES), sums[v]);
        }
    }
}
