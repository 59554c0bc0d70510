//! Backward-weights: products of lines of dy with lines of x, summed lane by lane.
//!
//! A vector of columns moves down the plane. Each line of x is loaded once, a vector for each column of
//! the filter, and meets all lines of dy that it has a tap for; these are in registers, one for each line
//! of the filter, or with stride 2 for every other one, and one is loaded for each step. The sums are in
//! registers too, if need be in several passes over blocks of lines that the L1 cache holds.

use std::ops::Range;

use super::data::{column_masks, load};
use super::strided::{next_column, vectors_of_line};
use super::{Edges, MAX_X, PlaneShape, unrolled};
use crate::cpu::isa::Isa;
use crate::cpu::ukernel::simd::{MAX_LANES, Simd, isa_kernel};

/// Adds the gradients of the filters of some planes to `sums`, a filter for each plane of dy.
///
/// `shape` is that of the convolution forward: its input is x and its output dy. Planes of either
/// are `strides` apart; there are `multiplier` of dy for each of x. Each gradient is summed by blocks
/// of lines and vectors of columns in them, then lane by lane. Where one of x is not finite, or one of dy, a
/// sum may be NaN though no tap meets it: zeros stand for lines and columns outside.
///
/// # Panics
/// Where shapes do not go together.
pub fn add_plane_products(
    isa: Isa,
    [x, dy]: [&[f32]; 2],
    [x_stride, dy_stride]: [usize; 2],
    multiplier: usize,
    shape: PlaneShape,
    sums: &mut [f32],
) {
    shape.check();
    let planes = sums.len() / shape.taps();
    assert!(planes > 0 && planes * shape.taps() == sums.len() && multiplier > 0);
    assert!((planes - 1) / multiplier * x_stride + shape.in_elems() <= x.len());
    assert!((planes - 1) * dy_stride + shape.out_elems() <= dy.len());
    let operands = Operands {
        x: x.as_ptr(),
        dy: dy.as_ptr(),
        strides: [x_stride, dy_stride],
        multiplier,
        sums: sums.as_mut_ptr(),
    };
    // SAFETY: checked just above.
    unsafe {
        match shape.y {
            3 => add::<3>(isa, operands, planes, shape),
            5 => add::<5>(isa, operands, planes, shape),
            _ => add::<7>(isa, operands, planes, shape),
        }
    }
}

#[derive(Clone, Copy)]
struct Operands {
    x: *const f32,
    dy: *const f32,
    strides: [usize; 2],
    multiplier: usize,
    sums: *mut f32,
}

isa_kernel! {
    /// # Safety
    /// As [`add_plane_products`] asserts; the filter has `Y` lines.
    unsafe fn add[Y](operands: Operands, planes: usize, shape: PlaneShape) = add_body
}

/// # Safety
/// As `add`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn add_body<S: Edges, const Y: usize>(operands: Operands, planes: usize, shape: PlaneShape) {
    // SAFETY: the caller's promise.
    unsafe {
        if shape.out_w <= S::Half::LANES {
            add_planes::<S::Half, Y>(operands, planes, &shape, S::REGISTERS);
        } else {
            add_planes::<S, Y>(operands, planes, &shape, S::REGISTERS);
        }
    }
}

/// Taps of the largest filter, in whole fours.
const MAX_TAPS: usize = (MAX_X * MAX_X).next_multiple_of(4);

/// The instruction set has `registers`; more than that of `S` where that of longer vectors is present.
///
/// # Safety
/// As [`add_body`].
#[inline(always)]
unsafe fn add_planes<S: Edges, const Y: usize>(
    operands: Operands,
    planes: usize,
    shape: &PlaneShape,
    registers: usize,
) {
    // Vectors of the sums of a filter.
    let mut lane_sums = [[0.0; MAX_LANES]; MAX_TAPS];
    let lane_sums = lane_sums.as_mut_ptr().cast::<f32>();
    // In whole fours: lengths that vary would make masked stores of these, which take long.
    let mut plane_sums = [0.0; MAX_TAPS];
    let [x_stride, dy_stride] = operands.strides;
    let taps = shape.taps();
    for plane in 0..planes {
        // SAFETY: the caller's promise; no filter has more than `MAX_TAPS`.
        unsafe {
            // Divisions take longer than a line.
            let of_x = if operands.multiplier == 1 { plane } else { plane / operands.multiplier };
            let plane_of = Planes {
                x: operands.x.add(of_x * x_stride),
                dy: operands.dy.add(plane * dy_stride),
            };
            if shape.stride == 1 {
                add_plane::<S, Y, 1>(plane_of, shape, registers, lane_sums);
            } else {
                add_plane::<S, Y, 2>(plane_of, shape, registers, lane_sums);
            }
            for first in (0..taps).step_by(4) {
                let mut four = [S::splat(0.0); 4];
                for tap in 0..4 {
                    four[tap] = S::load(lane_sums.add((first + tap) * MAX_LANES));
                }
                let four = S::sum_lanes_of_4(four);
                plane_sums.as_mut_ptr().add(first).cast::<[f32; 4]>().write(four);
            }
            let sums = operands.sums.add(plane * taps);
            for tap in 0..taps {
                *sums.add(tap) += *plane_sums.as_ptr().add(tap);
            }
        }
    }
}

/// One plane of x and one of dy.
#[derive(Clone, Copy)]
struct Planes {
    x: *const f32,
    dy: *const f32,
}

/// Lines of a filter, or columns, as bits.
const ALL: u32 = 0x7F;
const EVEN: u32 = 0x55;
const ODD: u32 = 0x2A;

/// # Safety
/// As `add` for one plane.
#[inline(always)]
unsafe fn add_plane<S: Edges, const Y: usize, const STRIDE: usize>(
    planes: Planes,
    shape: &PlaneShape,
    registers: usize,
    sums: *mut f32,
) {
    // In step s line s of dy is loaded, and met by line `s * STRIDE - pad_h` of x and those up to the next
    // step's; steps without lines of x are left out.
    let stride = STRIDE as isize;
    let behind = (shape.in_h as isize + shape.pad_h + stride - 1).div_euclid(stride);
    let end = behind.clamp(0, (shape.out_h + (Y - 1) / STRIDE) as isize) as usize;
    let begin = shape.pad_h.div_euclid(stride).max(0) as usize;
    let block = shape.block_lines + (Y - 1) / STRIDE;
    let mut steps = begin..(begin + block).min(end);
    loop {
        let columns = Columns { steps: steps.clone(), kx: 0, is_first: steps.start == begin };
        // As many sums as leave registers for lines of dy and an x.
        // SAFETY: the caller's promise.
        unsafe {
            if STRIDE == 2 && Y < 7 && shape.come_apart() {
                if Y == 3 {
                    pass::<S, Y, 2, Y, ALL, ALL, true>(planes, shape, columns, sums);
                } else if registers >= 32 {
                    pass::<S, Y, 2, Y, EVEN, ALL, true>(planes, shape, columns.clone(), sums);
                    pass::<S, Y, 2, Y, ODD, ALL, true>(planes, shape, columns, sums);
                } else {
                    pass::<S, Y, 2, Y, EVEN, EVEN, true>(planes, shape, columns.clone(), sums);
                    pass::<S, Y, 2, Y, EVEN, ODD, true>(planes, shape, columns.clone(), sums);
                    pass::<S, Y, 2, Y, ODD, ALL, true>(planes, shape, columns, sums);
                }
            } else {
                let mut kx = 0;
                while kx < shape.x {
                    let columns = Columns { kx, ..columns.clone() };
                    kx += match shape.x - kx {
                        5.. if Y == 5 && registers >= 32 => {
                            pass::<S, Y, STRIDE, 5, ALL, ALL, false>(planes, shape, columns, sums)
                        }
                        3.. if Y == 3 || registers >= 32 => {
                            pass::<S, Y, STRIDE, 3, ALL, ALL, false>(planes, shape, columns, sums)
                        }
                        2.. if Y < 7 || registers >= 32 => {
                            pass::<S, Y, STRIDE, 2, ALL, ALL, false>(planes, shape, columns, sums)
                        }
                        2.. if STRIDE == 1 => {
                            // Seven lines of dy and as many sums leave no register.
                            pass::<S, Y, STRIDE, 2, 0b000_1111, ALL, false>(
                                planes,
                                shape,
                                columns.clone(),
                                sums,
                            );
                            pass::<S, Y, STRIDE, 2, 0b111_0000, ALL, false>(
                                planes, shape, columns, sums,
                            )
                        }
                        _ => pass::<S, Y, STRIDE, 1, ALL, ALL, false>(planes, shape, columns, sums),
                    };
                }
            }
        }
        if steps.end >= end {
            return;
        }
        steps = steps.end..(steps.end + block).min(end);
    }
}

/// What a pass goes over: steps of a plane, and the filter's columns from this one on.
#[derive(Clone)]
struct Columns {
    steps: Range<usize>,
    kx: usize,
    /// Whether there are no sums yet.
    is_first: bool,
}

/// Sums of `X` columns of the filter, or where lines come `APART` of all; of its lines and of these
/// columns only those in `KYS` and `KXS`. Returns `X`.
///
/// # Safety
/// As [`add_plane`]; there must be such columns and such steps.
#[inline(always)]
unsafe fn pass<
    S: Edges,
    const Y: usize,
    const STRIDE: usize,
    const X: usize,
    const KYS: u32,
    const KXS: u32,
    const APART: bool,
>(
    planes: Planes,
    shape: &PlaneShape,
    Columns { steps, kx, is_first }: Columns,
    lane_sums: *mut f32,
) -> usize {
    let columns_reach = if APART { X - 2 } else { (X - 1) * shape.dilation_w };
    let reach = columns_reach + STRIDE * S::LANES;
    // SAFETY: the caller's promise; unmasked loads are inside the planes.
    unsafe {
        let mut sums = [[S::splat(0.0); X]; Y];
        for ky in 0..Y {
            for column in 0..X {
                if !is_first && KYS >> ky & 1 != 0 && KXS >> column & 1 != 0 {
                    sums[ky][column] =
                        S::load(lane_sums.add((ky * shape.x + kx + column) * MAX_LANES));
                }
            }
        }
        let mut w = 0;
        while w < shape.out_w {
            let first = shape.first_column(w) + (kx * shape.dilation_w) as isize;
            let is_inside =
                first >= 0 && first as usize + reach <= shape.in_w && w + S::LANES <= shape.out_w;
            let at = [w as isize, first];
            sums = if is_inside {
                add_columns::<S, Y, STRIDE, X, KYS, KXS, APART, false>(
                    planes, shape, &steps, at, sums,
                )
            } else {
                add_columns::<S, Y, STRIDE, X, KYS, KXS, APART, true>(
                    planes, shape, &steps, at, sums,
                )
            };
            w += S::LANES;
        }
        for ky in 0..Y {
            for column in 0..X {
                if KYS >> ky & 1 != 0 && KXS >> column & 1 != 0 {
                    let to = lane_sums.add((ky * shape.x + kx + column) * MAX_LANES);
                    S::store(to, sums[ky][column]);
                }
            }
        }
    }
    X
}

/// A vector of dy from column `w` on in each line, whose first column of the filter meets column
/// `column` of x.
///
/// # Safety
/// As [`pass`]; where not `MASKED` whole vectors must be in the lines.
#[inline(always)]
unsafe fn add_columns<
    S: Edges,
    const Y: usize,
    const STRIDE: usize,
    const X: usize,
    const KYS: u32,
    const KXS: u32,
    const APART: bool,
    const MASKED: bool,
>(
    planes: Planes,
    shape: &PlaneShape,
    steps: &Range<usize>,
    [w, column]: [isize; 2],
    mut sums: [[S::V; X]; Y],
) -> [[S::V; X]; Y] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut masks = [[S::mask(0, 0); 2]; X];
        if MASKED {
            for index in 0..X {
                let at = column + (index * shape.dilation_w) as isize;
                masks[index] = column_masks::<S>(shape, at);
            }
        }
        let mask = S::mask(0, shape.out_w as isize - w);
        let from = planes.dy.wrapping_offset(w);
        // Line m is that of m steps ago; from the first on that a tap of `KYS` meets.
        let newest = KYS.trailing_zeros() as usize / STRIDE;
        let mut dy = [S::splat(0.0); Y];
        unrolled!(M in [0 1 2 3 4 5] {
            // The first step moves them.
            if M >= newest && M < (Y - 1) / STRIDE {
                dy[M] = load_dy::<S, STRIDE, MASKED>(from, mask, shape, steps.start.wrapping_sub(M + 1));
            }
        });
        let mut line = (steps.start * STRIDE) as isize - shape.pad_h;
        let mut x = planes.x.wrapping_offset(line * shape.in_line as isize + column);
        for step in steps.clone() {
            unrolled!(M in [6 5 4 3 2 1] {
                if M > newest && M <= (Y - 1) / STRIDE {
                    dy[M] = dy[M - 1];
                }
            });
            dy[newest] = load_dy::<S, STRIDE, MASKED>(from, mask, shape, step.wrapping_sub(newest));
            unrolled!(PHASE in [0 1] {
                if PHASE < STRIDE {
                    let is_unmet = APART && PHASE == 0 && KYS & EVEN == 0
                        || APART && PHASE == 1 && KYS & ODD == 0;
                    if !is_unmet && (STRIDE == 1 || (line as usize) < shape.in_h) {
                        if APART {
                            let [low, high] = vectors_of_line::<S, X, MASKED>(x, &masks);
                            // The odd ones first: then one vector fewer is in use.
                            let mut v = S::odds(low, high);
                            unrolled!(COLUMN in [1 3 0 2 4]  {
                                if COLUMN < X && KXS >> COLUMN & 1 != 0 {
                                    if COLUMN == 0 {
                                        v = S::evens(low, high);
                                    } else if COLUMN > 1 {
                                        v = next_column::<S, X, MASKED>(x, &masks, COLUMN, v);
                                    }
                                    sums = add_column::<S, Y, STRIDE, X, KYS, PHASE, COLUMN>(
                                        sums, &dy, v,
                                    );
                                }
                            });
                        } else {
                            unrolled!(COLUMN in [0 1 2 3 4] {
                                if COLUMN < X {
                                    let from = x.wrapping_add(COLUMN * shape.dilation_w);
                                    let v = load::<S, STRIDE, MASKED>(from, masks[COLUMN]);
                                    sums = add_column::<S, Y, STRIDE, X, KYS, PHASE, COLUMN>(
                                        sums, &dy, v,
                                    );
                                }
                            });
                        }
                    }
                    line += 1;
                    x = x.wrapping_add(shape.in_line);
                }
            });
        }
        sums
    }
}

/// A vector of line `line` of dy, whose first starts at `from`; zeros where there is no such line. Of
/// stride 2 in the order of [`Edges::evens`].
///
/// # Safety
/// As [`add_columns`].
#[inline(always)]
unsafe fn load_dy<S: Edges, const STRIDE: usize, const MASKED: bool>(
    from: *const f32,
    mask: S::Mask,
    shape: &PlaneShape,
    line: usize,
) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        if line >= shape.out_h {
            return S::splat(0.0);
        }
        let from = from.add(line * shape.out_line);
        let v = if MASKED { S::load_masked(from, mask) } else { S::load(from) };
        if STRIDE == 2 { S::swap_order(v) } else { v }
    }
}

/// Adds the products of a line of x, as column `COLUMN` meets it, with the lines of dy.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn add_column<
    S: Edges,
    const Y: usize,
    const STRIDE: usize,
    const X: usize,
    const KYS: u32,
    const PHASE: usize,
    const COLUMN: usize,
>(
    mut sums: [[S::V; X]; Y],
    dy: &[S::V; Y],
    x: S::V,
) -> [[S::V; X]; Y] {
    unrolled!(M in [0 1 2 3 4 5 6] {
        if PHASE + STRIDE * M < Y && KYS >> (PHASE + STRIDE * M) & 1 != 0 {
            let ky = PHASE + STRIDE * M;
            // SAFETY: the caller's promise.
            sums[ky][COLUMN] = unsafe { S::mul_add(x, dy[M], sums[ky][COLUMN]) };
        }
    });
    sums
}
