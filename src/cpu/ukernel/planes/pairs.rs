//! Backward-data of stride 2, for filters of as many columns as lines.
//!
//! Lines of dx come in pairs, as in [`super::phases`], and so do their columns. A vector of such columns
//! moves down the plane: each line of dy is loaded once for every pair of the filter's columns, and serves
//! all pairs of lines that it meets; of these there are but a few at a time, and the first of them is
//! complete with every line.

use std::hint::black_box;

use super::data::{column_masks, load};
use super::{Edges, Plane, PlaneShape, unrolled};

/// Pairs of lines that a line of dy meets at most: a filter of five has as many.
const MAX_PAIRS: usize = 3;

/// Of each pair of lines that is not complete its two lines, of each the columns that meet the filter's
/// even columns, and those that meet the odd ones.
type Sums<V> = [[[V; 2]; 2]; MAX_PAIRS];

/// Computes one plane of dx.
///
/// # Safety
/// The plane must have this shape, whose lines [`PlaneShape::come_apart`], and no gaps in the output; the
/// filter must have `Y` lines; `ODD` is the lowest bit of `pad_w`; the instruction set of `S` must be
/// present.
#[inline(always)]
pub unsafe fn convolve<S: Edges, const Y: usize, const ODD: usize>(
    plane: Plane,
    shape: &PlaneShape,
) {
    // Counted from the first line of the padding, line `2 pair` meets taps `2 m` of lines `pair - m`.
    let mut pair = shape.pad_h >> 1;
    let end = ((shape.out_h as isize - 1 + shape.pad_h) >> 1) + 1;
    let block_pairs = shape.block_lines.div_ceil(2) as isize;
    let last = shape.out_w.saturating_sub(2 * S::LANES).next_multiple_of(2);
    // SAFETY: the caller's promise.
    let mut weights = [[unsafe { S::splat(0.0) }; Y]; Y];
    for ky in 0..Y {
        for kx in 0..Y {
            // SAFETY: the filter has as many.
            weights[ky][kx] = unsafe { S::splat(*plane.weights.add(ky * Y + kx)) };
        }
    }
    // More than there are registers stay where they are, aligned: the compiler's own places for them are
    // not, and half of all loads would meet two cache lines.
    let weights = if Y * Y > S::REGISTERS { black_box(&weights) } else { &weights };
    while pair < end {
        let pairs = block_pairs.min(end - pair);
        // From the right to the left: where a line ends inside of a vector, the rest of it goes to the
        // lines below, before these are stored.
        let mut w = last;
        loop {
            let first = first_column::<Y, ODD>(shape, w);
            let is_inside = first >= 0 && first as usize + Y / 2 + S::LANES <= shape.in_w;
            // SAFETY: the caller's promise; unmasked loads are inside the plane.
            unsafe {
                if is_inside {
                    block::<S, Y, ODD, false>(plane, weights, shape, [pair, pairs], w);
                } else {
                    block::<S, Y, ODD, true>(plane, weights, shape, [pair, pairs], w);
                }
            }
            if w == 0 {
                break;
            }
            w = w.saturating_sub(2 * S::LANES);
        }
        pair += pairs;
    }
}

/// The lowest column of dy that column `w` of dx meets, an even one, or the next.
fn first_column<const X: usize, const ODD: usize>(shape: &PlaneShape, w: usize) -> isize {
    (w / 2) as isize + ((shape.pad_w + ODD as isize) >> 1) - (X / 2) as isize
}

/// Two vectors of each line of `pairs` pairs, the first `pair`, from column `w` on; `weights` are those of
/// the plane.
///
/// # Safety
/// As [`convolve`]; there must be such pairs; where not `MASKED` whole vectors must be in the lines of dy.
#[inline(always)]
unsafe fn block<S: Edges, const Y: usize, const ODD: usize, const MASKED: bool>(
    plane: Plane,
    weights: &[[S::V; Y]; Y],
    shape: &PlaneShape,
    [pair, pairs]: [isize; 2],
    w: usize,
) {
    let first = first_column::<Y, ODD>(shape, w);
    let zeros = plane.zeros.wrapping_offset(first);
    // SAFETY: the caller's promise.
    unsafe {
        let mut masks = [[S::mask(0, 0); 2]; Y];
        if MASKED {
            for column in 0..=Y / 2 {
                masks[column] = column_masks::<S>(shape, first + column as isize);
            }
        }
        let mut line = pair - (Y / 2) as isize;
        let mut at = plane.source.wrapping_offset(line * shape.in_line as isize + first);
        let mut sums: Sums<S::V> = [[[S::splat(0.0); 2]; 2]; MAX_PAIRS];
        // Lines that pairs before these would be complete with.
        unrolled!(LINE in [0 1] {
            if LINE < Y / 2 {
                let exists = (line as usize) < shape.in_h;
                let columns = columns::<S, Y, MASKED>(if exists { at } else { zeros }, &masks);
                sums = match LINE + MAX_PAIRS - 1 - Y / 2 {
                    0 => add_line::<S, Y, ODD, 2>(sums, weights, columns),
                    _ => add_line::<S, Y, ODD, 1>(sums, weights, columns),
                };
                sums = [sums[1], sums[2], sums[2]];
                line += 1;
                at = at.wrapping_add(shape.in_line);
            }
        });
        let count = (shape.out_w - w).min(2 * S::LANES);
        // The line of dx, and where the vectors of it begin in the plane.
        let mut h = 2 * pair - shape.pad_h;
        let mut index = h * shape.out_w as isize + w as isize;
        let last_whole = (shape.out_h * shape.out_w) as isize - 2 * S::LANES as isize;
        for _ in 0..pairs {
            // Zeros stand for lines outside the plane.
            let exists = (line as usize) < shape.in_h;
            let columns = columns::<S, Y, MASKED>(if exists { at } else { zeros }, &masks);
            sums = add_line::<S, Y, ODD, 0>(sums, weights, columns);
            line += 1;
            at = at.wrapping_add(shape.in_line);
            unrolled!(SECOND in [0 1] {
                if (h as usize) < shape.out_h {
                    let [low, high] = S::weave(sums[0][SECOND][ODD], sums[0][SECOND][1 - ODD]);
                    let out = plane.out.wrapping_offset(index);
                    if index <= last_whole {
                        S::store(out, low);
                        S::store(out.add(S::LANES), high);
                    } else {
                        S::store_first(out, low, count.min(S::LANES));
                        if count > S::LANES {
                            S::store_first(out.add(S::LANES), high, count - S::LANES);
                        }
                    }
                }
                h += 1;
                index += shape.out_w as isize;
            });
            sums = [sums[1], sums[2], sums[2]];
        }
    }
}

/// Adds the products of a line of dy to the pairs of lines that it meets, from the pair `FIRST` on; those
/// that no line before met are set.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn add_line<S: Edges, const Y: usize, const ODD: usize, const FIRST: usize>(
    mut sums: Sums<S::V>,
    weights: &[[S::V; Y]; Y],
    columns: [S::V; Y],
) -> Sums<S::V> {
    unrolled!(LATER in [0 1 2] {
        unrolled!(SECOND in [0 1] {
            unrolled!(KX in [0 1 2 3 4] {
                if LATER >= FIRST && 2 * LATER + SECOND < Y && KX < Y {
                    let ky = 2 * LATER + SECOND;
                    // Odd columns of the filter meet those of dy that the even one before them meets, or,
                    // with an odd pad, the one after.
                    let column = columns[Y / 2 - (KX + ODD) / 2];
                    let is_set = ky + 2 >= Y && KX < 2;
                    let sum = sums[LATER][SECOND][KX % 2];
                    // SAFETY: the caller's promise.
                    sums[LATER][SECOND][KX % 2] = unsafe {
                        if is_set {
                            S::mul(weights[ky][KX], column)
                        } else {
                            S::mul_add(weights[ky][KX], column, sum)
                        }
                    };
                }
            });
        });
    });
    sums
}

/// The vectors of a line that pairs of the filter's columns meet, in the order of [`Edges::evens`].
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
        let mut columns = [S::splat(0.0); X];
        for column in 0..=X / 2 {
            let v = load::<S, 1, MASKED>(from.wrapping_add(column), masks[column]);
            columns[column] = S::swap_order(v);
        }
        columns
    }
}
