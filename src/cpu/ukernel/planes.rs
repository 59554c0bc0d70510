//! Depthwise convolution of planes whose lines are contiguous: read in place, one channel at a time.
//!
//! A vector runs along a line. Several lines of output are summed together, so that an input once
//! loaded serves all taps of its column; filters have few lines, of which one column is in registers.
//! Where a vector reaches over the edge of the plane its loads are masked; for lines outside stand
//! zeros, or they are left out.
//! The last vector of a line overlaps the one before it.
#![allow(
    clippy::absurd_extreme_comparisons,
    reason = "some of the constants that unrolled lines are compared with are 0"
)]

mod data;
mod pairs;
mod phases;
mod strided;
mod wrw;

pub use wrw::add_plane_products;

use std::sync::atomic::{Ordering, compiler_fence};

use super::edges::Edges;
use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;
use crate::memory::MatrixMut;

/// Planes as the direction forward sees them; backward-data of stride 1 is the same with the filter
/// turned around.
#[derive(Clone, Copy, Debug)]
pub struct PlaneShape {
    /// Lines of the input, their length, and their distance.
    pub in_h: usize,
    pub in_w: usize,
    pub in_line: usize,
    /// The same of the output, lines without gaps but for backward-weights.
    pub out_h: usize,
    pub out_w: usize,
    pub out_line: usize,
    /// Lines of the filter and their length: see [`serves_filter`].
    pub y: usize,
    pub x: usize,
    /// What output 0 lies before input 0; negative where it lies behind.
    pub pad_h: isize,
    pub pad_w: isize,
    /// Distance of the filter's columns.
    pub dilation_w: usize,
    /// 1 or 2, in both dimensions.
    pub stride: usize,
    /// Whether the input comes from beyond the L2 cache.
    pub is_far: bool,
    /// Lines of output that are computed before it goes on along them, where lines come apart.
    pub block_lines: usize,
}

/// Longest line of a filter.
const MAX_X: usize = 7;

/// Whether there are kernels for filters of so many lines and columns.
pub fn serves_filter(y: usize, x: usize) -> bool {
    matches!(y, 3 | 5 | 7) && (1..=MAX_X).contains(&x)
}

impl PlaneShape {
    fn taps(&self) -> usize {
        self.y * self.x
    }

    /// Elements from the first of a plane to behind the last.
    fn in_elems(&self) -> usize {
        (self.in_h - 1) * self.in_line + self.in_w
    }

    fn out_elems(&self) -> usize {
        (self.out_h - 1) * self.out_line + self.out_w
    }

    fn check(&self) {
        assert!(serves_filter(self.y, self.x) && matches!(self.stride, 1 | 2));
        assert!(self.block_lines > 0);
        assert!(self.in_h > 0 && self.in_w > 0 && self.out_h > 0 && self.out_w > 0);
        assert!(self.in_line >= self.in_w && self.out_line >= self.out_w);
    }

    /// Whether lines are taken apart into columns for a whole line of the filter, see [`strided`] and
    /// [`pairs`]. Those of 7 x 7 have more weights than registers, and with a dilation the columns share no
    /// loads.
    pub fn come_apart(&self) -> bool {
        let is_served = matches!(self.y, 3 | 5) && self.x == self.y;
        self.stride == 2 && is_served && self.dilation_w == 1
    }

    /// Column of the input that the first tap meets at output `w`.
    fn first_column(&self, w: usize) -> isize {
        (w * self.stride) as isize - self.pad_w
    }
}

/// Planes side by side and filters, inputs of a convolution.
#[derive(Clone, Copy)]
pub struct PlaneInputs<'a> {
    /// From the first plane on.
    pub source: &'a [f32],
    /// From one plane to the next.
    pub plane_stride: usize,
    /// Planes of the output for each of the input.
    pub multiplier: usize,
    /// A filter for each plane of the output.
    pub weights: &'a [f32],
    /// As many as a line of the input has; they stand for lines outside the plane.
    pub zeros: &'a [f32],
}

/// Lines of a block of outputs at most: seven of stride 2 and filters of seven.
const MAX_LINES: usize = 19;

/// Lines of the input that a block of outputs meets, each from column 0 on.
#[derive(Clone, Copy)]
struct Lines([*const f32; MAX_LINES]);

impl Lines {
    /// `count` lines of a plane from `first` on, zeros for those outside: then the sums need not ask
    /// which exist, in which the compiler loses itself.
    #[inline(always)]
    fn of(plane: &Plane, shape: &PlaneShape, first: isize, count: usize) -> Self {
        let mut lines = [plane.zeros; MAX_LINES];
        for index in 0..count.min(MAX_LINES) {
            let line = first + index as isize;
            if (0..shape.in_h as isize).contains(&line) {
                lines[index] = plane.source.wrapping_offset(line * shape.in_line as isize);
            }
        }
        Lines(lines)
    }
}

/// Convolves planes: each row of `out` is a plane without gaps.
///
/// Each sum is formed by columns of the filter, top to bottom in each; where lines
/// [come apart](PlaneShape::come_apart) by its lines.
///
/// # Panics
/// Where shapes do not go together.
pub fn convolve_planes(
    isa: Isa,
    inputs: PlaneInputs<'_>,
    shape: PlaneShape,
    out: &mut MatrixMut<'_, f32>,
) {
    let planes = check(&inputs, &shape, out);
    let out_stride = out.strides().0;
    let operands = Operands::of(&inputs, out.as_mut_ptr(), out_stride);
    // SAFETY: checked just above; `out` is exclusive.
    unsafe {
        match shape.y {
            3 => forward::<3>(isa, operands, planes, shape),
            5 => forward::<5>(isa, operands, planes, shape),
            _ => forward::<7>(isa, operands, planes, shape),
        }
    }
}

/// Backward-data of stride 2: the input is dy, each row of `out` a plane of dx. `shape` is that of
/// this input and output; its pads are those of the convolution.
///
/// Each sum is formed by columns of the filter, bottom to top in each; where lines
/// [come apart](PlaneShape::come_apart) by its lines.
///
/// # Panics
/// As [`convolve_planes`]; where there is dilation or a multiplier.
pub fn convolve_phases(
    isa: Isa,
    inputs: PlaneInputs<'_>,
    shape: PlaneShape,
    out: &mut MatrixMut<'_, f32>,
) {
    let planes = check(&inputs, &shape, out);
    assert!(shape.stride == 2 && shape.dilation_w == 1);
    let out_stride = out.strides().0;
    let operands = Operands::of(&inputs, out.as_mut_ptr(), out_stride);
    // SAFETY: checked just above; `out` is exclusive.
    unsafe {
        if shape.come_apart() {
            match (shape.y, shape.pad_w.rem_euclid(2)) {
                (3, 0) => backward_pairs::<3, 0>(isa, operands, planes, shape),
                (3, _) => backward_pairs::<3, 1>(isa, operands, planes, shape),
                (_, 0) => backward_pairs::<5, 0>(isa, operands, planes, shape),
                (_, _) => backward_pairs::<5, 1>(isa, operands, planes, shape),
            }
            return;
        }
        match (shape.y, shape.pad_h.rem_euclid(2)) {
            (3, 0) => backward::<3, 0>(isa, operands, planes, shape),
            (3, _) => backward::<3, 1>(isa, operands, planes, shape),
            (5, 0) => backward::<5, 0>(isa, operands, planes, shape),
            (5, _) => backward::<5, 1>(isa, operands, planes, shape),
            (_, 0) => backward::<7, 0>(isa, operands, planes, shape),
            (_, _) => backward::<7, 1>(isa, operands, planes, shape),
        }
    }
}

/// Asserts what the kernels rely on; the number of planes.
fn check(inputs: &PlaneInputs<'_>, shape: &PlaneShape, out: &MatrixMut<'_, f32>) -> usize {
    shape.check();
    let (planes, out_elems) = out.shape();
    assert!(planes > 0 && inputs.multiplier > 0);
    assert!(out_elems == 1 || out.strides().1 == 1);
    assert!(shape.out_line == shape.out_w && out_elems == shape.out_elems());
    assert_eq!(inputs.weights.len(), planes * shape.taps());
    assert!(inputs.zeros.len() >= shape.in_w);
    debug_assert!(inputs.zeros.iter().all(|&zero| zero == 0.0));
    let last = (planes - 1) / inputs.multiplier * inputs.plane_stride;
    assert!(last + shape.in_elems() <= inputs.source.len());
    planes
}

#[derive(Clone, Copy)]
struct Operands {
    source: *const f32,
    plane_stride: usize,
    multiplier: usize,
    weights: *const f32,
    zeros: *const f32,
    out: *mut f32,
    out_stride: usize,
}

impl Operands {
    fn of(inputs: &PlaneInputs<'_>, out: *mut f32, out_stride: usize) -> Self {
        Operands {
            source: inputs.source.as_ptr(),
            plane_stride: inputs.plane_stride,
            multiplier: inputs.multiplier,
            weights: inputs.weights.as_ptr(),
            zeros: inputs.zeros.as_ptr(),
            out,
            out_stride,
        }
    }

    /// The operands of one plane.
    ///
    /// # Safety
    /// There must be such a plane.
    #[inline(always)]
    unsafe fn plane(&self, plane: usize, taps: usize) -> Plane {
        // Divisions take longer than a line.
        let of_input = if self.multiplier == 1 { plane } else { plane / self.multiplier };
        // SAFETY: the caller's promise.
        unsafe {
            Plane {
                source: self.source.add(of_input * self.plane_stride),
                weights: self.weights.add(plane * taps),
                zeros: self.zeros,
                out: self.out.add(plane * self.out_stride),
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Plane {
    source: *const f32,
    weights: *const f32,
    /// As many as a line of the input has.
    zeros: *const f32,
    out: *mut f32,
}

isa_kernel! {
    /// # Safety
    /// As `check` asserts; the filter has `Y` lines.
    unsafe fn forward[Y](operands: Operands, planes: usize, shape: PlaneShape) = forward_body
}

isa_kernel! {
    /// # Safety
    /// As for `forward`; lines come apart; `ODD` is the lowest bit of `pad_w`.
    unsafe fn backward_pairs[Y, ODD](operands: Operands, planes: usize, shape: PlaneShape) =
        backward_pairs_body
}

isa_kernel! {
    /// # Safety
    /// As for `forward`; `ODD` is the lowest bit of `pad_h`.
    unsafe fn backward[Y, ODD](operands: Operands, planes: usize, shape: PlaneShape) = backward_body
}

/// # Safety
/// As `forward`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn forward_body<S: Edges, const Y: usize>(
    operands: Operands,
    planes: usize,
    shape: PlaneShape,
) {
    for plane in 0..planes {
        // SAFETY: the caller's promise.
        unsafe {
            let plane = operands.plane(plane, Y * shape.x);
            if shape.stride == 1 {
                data::convolve::<S, Y, 1>(plane, &shape);
            } else if Y < 7 && shape.come_apart() {
                strided::convolve::<S, Y>(plane, &shape);
            } else {
                data::convolve::<S, Y, 2>(plane, &shape);
            }
        }
    }
}

/// # Safety
/// As `backward`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn backward_body<S: Edges, const Y: usize, const ODD: usize>(
    operands: Operands,
    planes: usize,
    shape: PlaneShape,
) {
    for plane in 0..planes {
        // SAFETY: the caller's promise.
        unsafe { phases::convolve::<S, Y, ODD>(operands.plane(plane, Y * shape.x), &shape) }
    }
}

/// # Safety
/// As `backward_pairs`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn backward_pairs_body<S: Edges, const Y: usize, const ODD: usize>(
    operands: Operands,
    planes: usize,
    shape: PlaneShape,
) {
    // Longer vectors would be half empty.
    let is_narrow = shape.out_w <= 2 * S::Half::LANES;
    for plane in 0..planes {
        // SAFETY: the caller's promise.
        unsafe {
            let plane = operands.plane(plane, Y * Y);
            if is_narrow {
                pairs::convolve::<S::Half, Y, ODD>(plane, &shape);
            } else {
                pairs::convolve::<S, Y, ODD>(plane, &shape);
            }
        }
    }
}

/// Keeps the compiler from moving loads to before what stands before: it would load all inputs of a
/// block first, more than there are registers, and put them off to memory.
#[inline(always)]
fn in_order() {
    compiler_fence(Ordering::SeqCst);
}

/// The block once for each of the numbers, which are constants to it; arrays of registers must be
/// indexed by such, and LLVM does not unroll loops of this length.
macro_rules! unrolled {
    ($index:ident in [$($number:literal)+] $body:block) => {
        $({
            const $index: usize = $number;
            $body
        })+
    };
}
use unrolled;
