//! Backward-weights: products of lines of dy with lines of x, summed lane by lane.

use super::data::{column_masks, load};
use super::{Edges, MAX_X, PlaneShape, unrolled};
use crate::cpu::isa::Isa;
use crate::cpu::ukernel::simd::{MAX_LANES, isa_kernel};

/// Adds the gradients of the filters of some planes to `sums`, a filter for each plane of dy.
///
/// `shape` is that of the convolution forward: its input is x and its output dy. Planes of either
/// are `strides` apart; there are `multiplier` of dy for each of x. Each gradient is summed by blocks
/// of lines and vectors in them, then lane by lane.
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

/// Vectors of the sums of a filter.
type LaneSums<const Y: usize> = [[[f32; MAX_LANES]; MAX_X]; Y];

/// # Safety
/// As `add`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn add_body<S: Edges, const Y: usize>(operands: Operands, planes: usize, shape: PlaneShape) {
    let mut lane_sums: LaneSums<Y> = [[[0.0; MAX_LANES]; MAX_X]; Y];
    let [x_stride, dy_stride] = operands.strides;
    for plane in 0..planes {
        // SAFETY: the caller's promise.
        unsafe {
            // Divisions take longer than a line.
            let of_x = if operands.multiplier == 1 { plane } else { plane / operands.multiplier };
            let x = operands.x.add(of_x * x_stride);
            let dy = operands.dy.add(plane * dy_stride);
            for ky in 0..Y {
                for kx in 0..shape.x {
                    S::store(lane_sums[ky][kx].as_mut_ptr(), S::splat(0.0));
                }
            }
            if shape.stride == 1 {
                add_plane::<S, Y, 1>(x, dy, &shape, &mut lane_sums);
            } else {
                add_plane::<S, Y, 2>(x, dy, &shape, &mut lane_sums);
            }
            let sums = operands.sums.add(plane * Y * shape.x);
            for ky in 0..Y {
                for kx in 0..shape.x {
                    let sum = S::sum_lanes(S::load(lane_sums[ky][kx].as_ptr()));
                    *sums.add(ky * shape.x + kx) += sum;
                }
            }
        }
    }
}

/// # Safety
/// As `add` for one plane.
#[inline(always)]
unsafe fn add_plane<S: Edges, const Y: usize, const STRIDE: usize>(
    x: *const f32,
    dy: *const f32,
    shape: &PlaneShape,
    sums: &mut LaneSums<Y>,
) {
    let mut h = 0;
    while h < shape.out_h {
        // SAFETY: the caller's promise; so many lines are left.
        unsafe {
            h += match shape.out_h - h {
                1 => add_lines::<S, Y, STRIDE, 1>(x, dy, shape, h, sums),
                2 | 3 => add_lines::<S, Y, STRIDE, 2>(x, dy, shape, h, sums),
                // Sums, lines of dy and an x fit sixteen registers.
                4..7 => add_lines::<S, Y, STRIDE, 4>(x, dy, shape, h, sums),
                _ if S::LANES < 16 && Y < 7 => add_lines::<S, Y, STRIDE, 4>(x, dy, shape, h, sums),
                _ => add_lines::<S, Y, STRIDE, 7>(x, dy, shape, h, sums),
            };
        }
    }
}

/// `R` lines of dy from `h` on; returns `R`.
///
/// # Safety
/// As `add` for one plane; there must be such lines.
#[inline(always)]
unsafe fn add_lines<S: Edges, const Y: usize, const STRIDE: usize, const R: usize>(
    x: *const f32,
    dy: *const f32,
    shape: &PlaneShape,
    h: usize,
    sums: &mut LaneSums<Y>,
) -> usize {
    let first_line = (h * STRIDE) as isize - shape.pad_h;
    let block = Block {
        existing: shape.existing_lines(first_line, (R - 1) * STRIDE + Y),
        // Lines that do not exist are not read.
        x: x.wrapping_offset(first_line * shape.in_line as isize),
        // SAFETY: there is such a line.
        dy: unsafe { dy.add(h * shape.out_line) },
    };
    let mut kx = 0;
    // Enough sums that none is waited for, and no more than registers.
    // SAFETY: the caller's promise; so many columns are left.
    unsafe {
        if Y == 3 {
            while kx + 3 <= shape.x {
                add_columns::<S, Y, STRIDE, R, 3>(block, shape, kx, sums);
                kx += 3;
            }
        } else if Y == 5 {
            while kx + 2 <= shape.x {
                add_columns::<S, Y, STRIDE, R, 2>(block, shape, kx, sums);
                kx += 2;
            }
        }
        while kx < shape.x {
            add_columns::<S, Y, STRIDE, R, 1>(block, shape, kx, sums);
            kx += 1;
        }
    }
    R
}

#[derive(Clone, Copy)]
struct Block {
    /// Column 0 of the first line of x, which need not exist.
    x: *const f32,
    /// Which of the lines exist.
    existing: u32,
    dy: *const f32,
}

/// `X` columns of the filter from `kx` on.
///
/// # Safety
/// As [`add_lines`]; there must be such columns.
#[inline(always)]
unsafe fn add_columns<
    S: Edges,
    const Y: usize,
    const STRIDE: usize,
    const R: usize,
    const X: usize,
>(
    block: Block,
    shape: &PlaneShape,
    kx: usize,
    lane_sums: &mut LaneSums<Y>,
) {
    let reach = (X - 1) * shape.dilation_w + STRIDE * S::LANES;
    // SAFETY: the caller's promise; unmasked loads are inside the planes.
    unsafe {
        let mut sums = [[S::splat(0.0); X]; Y];
        for ky in 0..Y {
            for column in 0..X {
                sums[ky][column] = S::load(lane_sums[ky][kx + column].as_ptr());
            }
        }
        let mut w = 0;
        while w < shape.out_w {
            let first = shape.first_column(w) + (kx * shape.dilation_w) as isize;
            let is_inside =
                first >= 0 && first as usize + reach <= shape.in_w && w + S::LANES <= shape.out_w;
            let at = [w as isize, first];
            sums = if is_inside {
                add_vectors::<S, Y, STRIDE, R, X, false>(block, shape, at, sums)
            } else {
                add_vectors::<S, Y, STRIDE, R, X, true>(block, shape, at, sums)
            };
            w += S::LANES;
        }
        for ky in 0..Y {
            for column in 0..X {
                S::store(lane_sums[ky][kx + column].as_mut_ptr(), sums[ky][column]);
            }
        }
    }
}

/// A vector of each line of dy from column `w` on, whose first tap meets column `first` of x.
///
/// # Safety
/// As [`add_columns`]; where not `MASKED` whole vectors must be in the lines.
#[inline(always)]
unsafe fn add_vectors<
    S: Edges,
    const Y: usize,
    const STRIDE: usize,
    const R: usize,
    const X: usize,
    const MASKED: bool,
>(
    block: Block,
    shape: &PlaneShape,
    [w, first]: [isize; 2],
    mut sums: [[S::V; X]; Y],
) -> [[S::V; X]; Y] {
    // SAFETY: the caller's promise.
    unsafe {
        let left = shape.out_w as isize - w;
        let mask = S::mask(0, left);
        let mut dy = [S::splat(0.0); R];
        for r in 0..R {
            let from = block.dy.offset(w).add(r * shape.out_line);
            let v = if MASKED { S::load_masked(from, mask) } else { S::load(from) };
            dy[r] = if STRIDE == 2 { S::swap_order(v) } else { v };
        }
        unrolled!(COLUMN in [0 1 2] {
            if COLUMN < X {
                let column = first + (COLUMN * shape.dilation_w) as isize;
                let x = block.x.wrapping_offset(column);
                // Behind the last of dy x may be anything, also not finite.
                let masks = column_masks::<S>(shape, column, STRIDE, left);
                unrolled!(I in [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18] {
                    if I < (R - 1) * STRIDE + Y && block.existing & (1 << I) != 0 {
                        let from = x.wrapping_add(I * shape.in_line);
                        let v = load::<S, STRIDE, MASKED>(from, masks);
                        unrolled!(LINE in [0 1 2 3 4 5 6] {
                            if LINE < R && I >= LINE * STRIDE && I < LINE * STRIDE + Y {
                                let ky = I - LINE * STRIDE;
                                sums[ky][COLUMN] = S::mul_add(v, dy[LINE], sums[ky][COLUMN]);
                            }
                        });
                    }
                });
            }
        });
        sums
    }
}
