//! Backward-data of stride 2, for filters that [`super::pairs`] does not serve.
//!
//! Lines of dx come in pairs, and so do their columns: of a filter's lines, the even ones serve one of
//! a pair and the odd ones the other, and likewise its columns. So there are four sums, each a
//! convolution of stride 1 with a quarter of the filter; those of two columns are woven when stored.

use super::data::{column_masks, load};
use super::{Edges, Lines, Plane, PlaneShape, in_order, unrolled};

/// Computes one plane of dx.
///
/// # Safety
/// The plane must have this shape, the filter `Y` lines; `ODD` is the lowest bit of `pad_h`; the
/// instruction set of `S` must be present.
#[inline(always)]
pub unsafe fn convolve<S: Edges, const Y: usize, const ODD: usize>(
    plane: Plane,
    shape: &PlaneShape,
) {
    let pairs = shape.out_h.div_ceil(2);
    let mut pair = 0;
    while pair < pairs {
        // SAFETY: the caller's promise; so many pairs are left.
        unsafe {
            pair += if pair + 2 <= pairs {
                pairs_of_lines::<S, Y, ODD, 2>(plane, shape, pair)
            } else {
                pairs_of_lines::<S, Y, ODD, 1>(plane, shape, pair)
            };
        }
    }
}

/// `R` pairs of lines, of which the last may lack its second; returns `R`.
///
/// # Safety
/// As [`convolve`]; there must be such pairs.
#[inline(always)]
unsafe fn pairs_of_lines<S: Edges, const Y: usize, const ODD: usize, const R: usize>(
    plane: Plane,
    shape: &PlaneShape,
    pair: usize,
) -> usize {
    // Taps 2 m meet line `pair + highest - m`.
    let highest = (shape.pad_h + ODD as isize) >> 1;
    let first_line = pair as isize + highest - (Y / 2) as isize;
    let lines = Lines::of(&plane, shape, first_line, R + Y / 2);
    let block = Block { lines, weights: plane.weights };
    // Columns of dy that the first pair meets.
    let lowest = -((shape.x as isize - 1 - shape.pad_w) >> 1);
    let highest = (shape.pad_w + 1) >> 1;
    let mut w = 0;
    loop {
        let column = (w / 2) as isize;
        let end = column + highest + S::LANES as isize;
        let is_inside = column + lowest >= 0 && end <= shape.in_w as isize;
        // SAFETY: the caller's promise; unmasked loads are inside the plane.
        unsafe {
            let (even, odd) = if is_inside {
                (
                    sums::<S, Y, ODD, R, false>(block, shape, column, 0),
                    sums::<S, Y, ODD, R, false>(block, shape, column, 1),
                )
            } else {
                (
                    sums::<S, Y, ODD, R, true>(block, shape, column, 0),
                    sums::<S, Y, ODD, R, true>(block, shape, column, 1),
                )
            };
            let count = (shape.out_w - w).min(2 * S::LANES);
            for r in 0..R {
                for second in 0..2 {
                    let h = 2 * (pair + r) + second;
                    if h < shape.out_h {
                        let [low, high] = S::interleave(even[r][second], odd[r][second]);
                        let out = plane.out.add(h * shape.out_line + w);
                        S::store_first(out, low, count.min(S::LANES));
                        if count > S::LANES {
                            S::store_first(out.add(S::LANES), high, count - S::LANES);
                        }
                    }
                }
            }
        }
        if w + 2 * S::LANES >= shape.out_w {
            return R;
        }
        // The last vectors end with the line, or one behind it.
        w = (w + 2 * S::LANES).min((shape.out_w - 2 * S::LANES).next_multiple_of(2));
    }
}

#[derive(Clone, Copy)]
struct Block {
    lines: Lines,
    weights: *const f32,
}

/// For each of `R` pairs of lines a vector of every other column, `second` of its pair, from the pair
/// `column` on.
///
/// # Safety
/// As [`convolve`]; where not `MASKED` whole vectors must be in the lines.
#[inline(always)]
unsafe fn sums<S: Edges, const Y: usize, const ODD: usize, const R: usize, const MASKED: bool>(
    block: Block,
    shape: &PlaneShape,
    column: isize,
    second: isize,
) -> [[S::V; 2]; R] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[S::splat(0.0); 2]; R];
        let mut kx = (shape.pad_w + second).rem_euclid(2);
        while kx < shape.x as isize {
            let column = column + ((shape.pad_w + second - kx) >> 1);
            let masks = column_masks::<S>(shape, column);
            let mut weights = [S::splat(0.0); Y];
            for ky in 0..Y {
                weights[ky] = S::splat(*block.weights.add(ky * shape.x + kx as usize));
            }
            unrolled!(I in [0 1 2 3 4] {
                if I < R + Y / 2 {
                    in_order();
                    let from = block.lines.0[I].wrapping_offset(column);
                    let v = load::<S, 1, MASKED>(from, masks);
                    unrolled!(PAIR in [0 1] {
                        if PAIR < R && I >= PAIR && I - PAIR <= Y / 2 {
                            // The lowest line of dy meets the last taps.
                            let m = PAIR + Y / 2 - I;
                            let even = sums[PAIR][ODD];
                            sums[PAIR][ODD] = S::mul_add(weights[2 * m], v, even);
                            if 2 * m + 1 >= 2 * ODD && 2 * m + 1 - 2 * ODD < Y {
                                let weight = weights[2 * m + 1 - 2 * ODD];
                                sums[PAIR][1 - ODD] = S::mul_add(weight, v, sums[PAIR][1 - ODD]);
                            }
                        }
                    });
                }
            });
            kx += 2;
        }
        sums
    }
}
