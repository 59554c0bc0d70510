//! Forward, and backward-data of stride 1.

use super::{Edges, Lines, Plane, PlaneShape, in_order, unrolled};
use crate::cpu::ukernel::simd::{MAX_LANES, ask_for};

/// Convolves one plane.
///
/// # Safety
/// The plane must have this shape, the filter `Y` lines, the convolution this stride; the instruction
/// set of `S` must be present.
#[inline(always)]
pub unsafe fn convolve<S: Edges, const Y: usize, const STRIDE: usize>(
    plane: Plane,
    shape: &PlaneShape,
) {
    let mut h = 0;
    while h < shape.out_h {
        // SAFETY: the caller's promise; so many lines are left.
        unsafe {
            h += match shape.out_h - h {
                1 => lines::<S, Y, STRIDE, 1>(plane, shape, h),
                2 | 3 => lines::<S, Y, STRIDE, 2>(plane, shape, h),
                4..7 => lines::<S, Y, STRIDE, 4>(plane, shape, h),
                // For what scalar code is worth.
                _ if S::LANES == 4 => lines::<S, Y, STRIDE, 4>(plane, shape, h),
                // With the filter's column and an input the most that sixteen registers hold; images
                // of networks are mostly multiples.
                _ => lines::<S, Y, STRIDE, 7>(plane, shape, h),
            };
        }
    }
}

/// `R` lines of output from `h` on; returns `R`.
///
/// # Safety
/// As [`convolve`]; there must be such lines.
#[inline(always)]
unsafe fn lines<S: Edges, const Y: usize, const STRIDE: usize, const R: usize>(
    plane: Plane,
    shape: &PlaneShape,
    h: usize,
) -> usize {
    let first_line = (h * STRIDE) as isize - shape.pad_h;
    let lines = Lines::of(&plane, shape, first_line, (R - 1) * STRIDE + Y);
    let block = Block { lines, weights: plane.weights };
    let reach = (shape.x - 1) * shape.dilation_w + STRIDE * S::LANES;
    let mut w = 0;
    loop {
        let first = shape.first_column(w);
        let is_inside = first >= 0 && first as usize + reach <= shape.in_w;
        // The next block's lines, each a stream of its own, are fetched a block ahead: planes of 112 x
        // 112 take 0.85 of the time with stride 2, and 0.9 with AVX2; with AVX-512 and stride 1 they
        // gain nothing (measured on an Emerald Rapids).
        if shape.is_far && (STRIDE == 2 || S::LANES < MAX_LANES) {
            let next = first_line + ((R - 1) * STRIDE + Y) as isize;
            let from = plane.source.wrapping_offset(next * shape.in_line as isize + first);
            for line in 0..R * STRIDE {
                ask_for(from.wrapping_add(line * shape.in_line));
            }
        }
        // SAFETY: the caller's promise; unmasked loads are inside the plane.
        unsafe {
            let sums = if is_inside {
                sums::<S, Y, STRIDE, R, false>(block, shape, first)
            } else {
                sums::<S, Y, STRIDE, R, true>(block, shape, first)
            };
            let out = plane.out.add(h * shape.out_line + w);
            let count = (shape.out_w - w).min(S::LANES);
            for r in 0..R {
                let sums = if STRIDE == 2 { S::swap_order(sums[r]) } else { sums[r] };
                if count == S::LANES {
                    S::store(out.add(r * shape.out_line), sums);
                } else {
                    S::store_first(out.add(r * shape.out_line), sums, count);
                }
            }
        }
        if w + S::LANES >= shape.out_w {
            return R;
        }
        w = (w + S::LANES).min(shape.out_w - S::LANES);
    }
}

#[derive(Clone, Copy)]
struct Block {
    lines: Lines,
    weights: *const f32,
}

/// A vector of each of `R` lines; the first tap meets column `first`.
///
/// # Safety
/// As [`convolve`]; where not `MASKED` whole vectors must be in the lines.
#[inline(always)]
unsafe fn sums<
    S: Edges,
    const Y: usize,
    const STRIDE: usize,
    const R: usize,
    const MASKED: bool,
>(
    block: Block,
    shape: &PlaneShape,
    first: isize,
) -> [S::V; R] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); R];
        for kx in 0..shape.x {
            let column = first + (kx * shape.dilation_w) as isize;
            let masks = column_masks::<S>(shape, column);
            let mut weights = [S::splat(0.0); Y];
            for ky in 0..Y {
                weights[ky] = S::splat(*block.weights.add(ky * shape.x + kx));
            }
            unrolled!(I in [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18] {
                if I < (R - 1) * STRIDE + Y {
                    in_order();
                    let from = block.lines.0[I].wrapping_offset(column);
                    let v = load::<S, STRIDE, MASKED>(from, masks);
                    unrolled!(LINE in [0 1 2 3 4 5 6] {
                        if LINE < R && I >= LINE * STRIDE && I < LINE * STRIDE + Y {
                            let weight = weights[I - LINE * STRIDE];
                            sums[LINE] = S::mul_add(weight, v, sums[LINE]);
                        }
                    });
                }
            });
        }
        sums
    }
}

/// Masks of the vectors from `column` of the input on.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
pub unsafe fn column_masks<S: Edges>(shape: &PlaneShape, column: isize) -> [S::Mask; 2] {
    let begin = -column;
    let end = shape.in_w as isize - column;
    let second = S::LANES as isize;
    // SAFETY: the caller's promise.
    unsafe { [S::mask(begin, end), S::mask(begin - second, end - second)] }
}

/// A vector of inputs, of stride 2 in the order of [`Edges::evens`].
///
/// # Safety
/// The lanes of the masks must be valid, where not `MASKED` all.
#[inline(always)]
pub unsafe fn load<S: Edges, const STRIDE: usize, const MASKED: bool>(
    from: *const f32,
    masks: [S::Mask; 2],
) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let second = from.wrapping_add(S::LANES);
        match (STRIDE, MASKED) {
            (1, false) => S::load(from),
            (1, true) => S::load_masked(from, masks[0]),
            (_, false) => S::evens(S::load(from), S::load(second)),
            (_, true) => S::evens(S::load_masked(from, masks[0]), S::load_masked(second, masks[1])),
        }
    }
}
