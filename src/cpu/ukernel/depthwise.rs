//! Sums of shifted lines: depthwise convolution.

use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;
use crate::memory::MatrixMut;

/// A sum of shifted lines: `out[l][i] = sum over t of
/// weights[t] * source[offsets[t] + l * line_stride + i]`, taps in order.
///
/// # Panics
/// Where a tap would read outside the source, or columns are not contiguous.
pub fn sum_shifted(
    isa: Isa,
    source: &[f32],
    line_stride: usize,
    offsets: &[usize],
    weights: &[f32],
    out: &mut MatrixMut<'_, f32>,
) {
    let (lines, len) = out.shape();
    if lines == 0 || len == 0 {
        return;
    }
    let (out_stride, col_stride) = out.strides();
    assert!(col_stride == 1 || len == 1);
    assert_eq!(offsets.len(), weights.len());
    let reach = offsets.iter().max().map_or(0, |offset| offset + (lines - 1) * line_stride + len);
    assert!(reach <= source.len());
    let shape = Lines { lines, len, line_stride, out_stride };
    // SAFETY: every tap reads `len` floats of each line inside the source, and
    // `out` is an exclusive matrix with contiguous columns.
    unsafe {
        sum(isa, source.as_ptr(), offsets, weights.as_ptr(), out.as_mut_ptr(), shape);
    }
}

/// Number, length and distances of lines.
#[derive(Clone, Copy)]
struct Lines {
    lines: usize,
    len: usize,
    line_stride: usize,
    out_stride: usize,
}

isa_kernel! {
    /// # Safety
    /// As [`sum_shifted`] asserts.
    unsafe fn sum(
        source: *const f32,
        offsets: &[usize],
        weights: *const f32,
        out: *mut f32,
        shape: Lines,
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
    shape: Lines,
) {
    let Lines { lines, len, line_stride, out_stride } = shape;
    for line in 0..lines {
        // SAFETY: the caller's promise.
        unsafe {
            let (source, out) = (source.add(line * line_stride), out.add(line * out_stride));
            let mut at = 0;
            // Several sums hide the latency of the multiply-adds.
            while at + 4 * S::LANES <= len {
                vectors::<S, 4>(source.add(at), offsets, weights, out.add(at));
                at += 4 * S::LANES;
            }
            if at + 2 * S::LANES <= len {
                vectors::<S, 2>(source.add(at), offsets, weights, out.add(at));
                at += 2 * S::LANES;
            }
            if at + S::LANES <= len {
                vectors::<S, 1>(source.add(at), offsets, weights, out.add(at));
                at += S::LANES;
            }
            if at < len && len >= S::LANES {
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
