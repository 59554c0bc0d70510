//! Forward of stride 2, for filters of as many columns as lines.
//!
//! A vector of outputs moves down the plane. Each line of the input is taken apart once, into a vector
//! for each column of the filter, and serves all outputs that it meets; of these there are but a few at
//! a time, and the first of them is complete with every other line.

use super::data::column_masks;
use super::{Edges, Plane, PlaneShape, unrolled};
use crate::cpu::ukernel::simd::ask_for;

/// Floats of a cache line.
const CACHE_LINE: usize = 16;

/// Convolves one plane.
///
/// # Safety
/// The plane must have this shape, whose lines [`PlaneShape::come_apart`], the filter `Y` lines; the
/// instruction set of `S` must be present.
#[inline(always)]
pub unsafe fn convolve<S: Edges, const Y: usize>(plane: Plane, shape: &PlaneShape) {
    // Of the vectors that a column meets the last but one element is the last that counts.
    let reach = 2 * S::LANES + Y - 2;
    let mut h = 0;
    while h < shape.out_h {
        let lines = shape.block_lines.min(shape.out_h - h);
        let mut w = 0;
        loop {
            let first = shape.first_column(w);
            let is_inside =
                first >= 0 && first as usize + reach <= shape.in_w && w + S::LANES <= shape.out_w;
            // SAFETY: the caller's promise; unmasked loads are inside the plane, and stores.
            unsafe {
                if is_inside {
                    block::<S, Y, false>(plane, shape, [h, w], lines);
                } else {
                    block::<S, Y, true>(plane, shape, [h, w], lines);
                }
            }
            if w + S::LANES >= shape.out_w {
                break;
            }
            w = (w + S::LANES).min(shape.out_w - S::LANES);
        }
        h += lines;
    }
}

/// A vector of each of `lines` lines of outputs, the first from line `h` and column `w` on.
///
/// # Safety
/// As [`convolve`]; there must be such lines; where not `MASKED` whole vectors must be in the lines, of
/// inputs and of outputs.
#[inline(always)]
unsafe fn block<S: Edges, const Y: usize, const MASKED: bool>(
    plane: Plane,
    shape: &PlaneShape,
    [h, w]: [usize; 2],
    lines: usize,
) {
    let first = shape.first_column(w);
    let zeros = plane.zeros.wrapping_offset(first);
    // The next block's lines are fetched a block ahead.
    let ahead = 2 * shape.block_lines * shape.in_line;
    // SAFETY: the caller's promise.
    unsafe {
        let mut masks = [[S::mask(0, 0); 2]; Y];
        if MASKED {
            for kx in 0..Y {
                masks[kx] = column_masks::<S>(shape, first + kx as isize);
            }
        }
        let mut weights = [[S::splat(0.0); Y]; Y];
        for ky in 0..Y {
            for kx in 0..Y {
                weights[ky][kx] = S::splat(*plane.weights.add(ky * Y + kx));
            }
        }
        let mut line = (h * 2) as isize - shape.pad_h;
        let mut at = plane.source.wrapping_offset(line * shape.in_line as isize + first);
        // Of the output to be complete next, and of those that follow it.
        let mut sums = [S::splat(0.0); Y];
        unrolled!(KY in [0 1 2] {
            if KY < Y - 2 {
                let exists = (line as usize) < shape.in_h;
                let columns = columns::<S, Y, MASKED>(if exists { at } else { zeros }, &masks);
                sums = add_line::<S, Y, KY>(sums, &weights, columns);
                line += 1;
                at = at.wrapping_add(shape.in_line);
            }
        });
        let count = (shape.out_w - w).min(S::LANES);
        let mut out = plane.out.add(h * shape.out_line + w);
        for _ in 0..lines {
            unrolled!(KY in [1 2 3 4] {
                if KY >= Y - 2 && KY < Y {
                    // Zeros stand for lines outside the plane.
                    let exists = (line as usize) < shape.in_h;
                    let columns = columns::<S, Y, MASKED>(if exists { at } else { zeros }, &masks);
                    if shape.is_far {
                        for column in (0..2 * S::LANES).step_by(CACHE_LINE) {
                            ask_for(at.wrapping_add(ahead + column));
                        }
                    }
                    sums = add_line::<S, Y, KY>(sums, &weights, columns);
                    line += 1;
                    at = at.wrapping_add(shape.in_line);
                }
            });
            let complete = S::swap_order(sums[0]);
            if !MASKED || count == S::LANES {
                S::store(out, complete);
            } else {
                S::store_first(out, complete, count);
            }
            out = out.wrapping_add(shape.out_line);
            unrolled!(LATER in [0 1] {
                if LATER < Y / 2 {
                    sums[LATER] = sums[LATER + 1];
                }
            });
            sums[Y / 2] = S::splat(0.0);
        }
    }
}

/// Adds the products of a line of the input to all outputs that it meets, the first with line `KY` of the
/// filter.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn add_line<S: Edges, const Y: usize, const KY: usize>(
    mut sums: [S::V; Y],
    weights: &[[S::V; Y]; Y],
    columns: [S::V; Y],
) -> [S::V; Y] {
    unrolled!(KX in [0 1 2 3 4] {
        if KX < Y {
            unrolled!(LATER in [0 1 2] {
                if 2 * LATER <= KY {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let weight = weights[KY - 2 * LATER][KX];
                        sums[LATER] = S::mul_add(weight, columns[KX], sums[LATER]);
                    }
                }
            });
        }
    });
    sums
}

/// For each column of the filter the inputs that it meets, in the order of [`Edges::evens`]. Two vectors
/// have those of two columns; the next ones have but one element more each, so shifts take fewer loads,
/// most of which would meet two cache lines.
///
/// # Safety
/// As [`block`], for the line `from`.
#[inline(always)]
unsafe fn columns<S: Edges, const X: usize, const MASKED: bool>(
    from: *const f32,
    masks: &[[S::Mask; 2]; X],
) -> [S::V; X] {
    // SAFETY: the caller's promise.
    unsafe {
        let [low, high] = vectors_of_line::<S, X, MASKED>(from, masks);
        let mut columns = [S::splat(0.0); X];
        columns[0] = S::evens(low, high);
        columns[1] = S::odds(low, high);
        for kx in 2..X {
            columns[kx] = next_column::<S, X, MASKED>(from, masks, kx, columns[kx - 2]);
        }
        columns
    }
}

/// The two vectors that have what the filter's first two columns meet.
///
/// # Safety
/// As [`columns`].
#[inline(always)]
pub unsafe fn vectors_of_line<S: Edges, const X: usize, const MASKED: bool>(
    from: *const f32,
    masks: &[[S::Mask; 2]; X],
) -> [S::V; 2] {
    let second = from.wrapping_add(S::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        if MASKED {
            [S::load_masked(from, masks[0][0]), S::load_masked(second, masks[0][1])]
        } else {
            [S::load(from), S::load(second)]
        }
    }
}

/// What column `kx` meets, from what column `kx - 2` does.
///
/// # Safety
/// As [`columns`].
#[inline(always)]
pub unsafe fn next_column<S: Edges, const X: usize, const MASKED: bool>(
    from: *const f32,
    masks: &[[S::Mask; 2]; X],
    kx: usize,
    before: S::V,
) -> S::V {
    let high = from.wrapping_add(S::LANES + kx);
    // SAFETY: the caller's promise.
    unsafe {
        let high = if MASKED {
            S::load_masked(high, masks[kx][1])
        } else {
            S::splat(*high.add(S::LANES - 2))
        };
        S::shift_evens(before, high)
    }
}
