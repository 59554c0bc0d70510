//! The naive convolution: slow, and simple enough to be right by inspection.
//!
//! It is the oracle of all tests and the last resort of the registry. Any
//! strides (also outputs whose elements share memory: the last one written
//! stays), groups, dilation, one to three dimensions, all directions.
//!
//! Numerics: products of float types are summed in f64 and rounded once, by
//! way of f32 for the 16-bit types. int8 products are summed in i64 and the
//! low 32 bits taken, which is what 32-bit accumulation gives; an int8 output
//! takes the low 8 bits (MIOpen, `naive_conv.cpp`). Taps outside the image add
//! nothing, so NaN or infinity in a tap that meets only padding does no harm.
//! `beta == 0` never reads the output.
#![forbid(unsafe_code)]

use std::ops::Range;

use half::{bf16, f16};

use crate::error::{Error, Result};
use crate::memory::{HostBuffers, InputBuffer, OutputBuffer};
use crate::problem::{ConvProblem, DataType, Direction, Role};

/// Computes `out = alpha * convolution + beta * out` for any problem.
///
/// # Errors
/// `BadParm` for buffers that do not fit the problem; `NotImplemented` for
/// types that do not go together, and for scalars other than 1 and 0 with an
/// integer output.
pub fn convolve(
    problem: &ConvProblem,
    buffers: &mut HostBuffers<'_>,
    alpha: f64,
    beta: f64,
) -> Result<()> {
    buffers.check(problem)?;
    let [first, second] = buffers.inputs;
    match (first, second, &mut buffers.output) {
        (InputBuffer::F32(a), InputBuffer::F32(b), OutputBuffer::F32(out)) => {
            floats(problem, a, b, out, alpha, beta);
        }
        (InputBuffer::F16(a), InputBuffer::F16(b), OutputBuffer::F16(out)) => {
            floats(problem, a, b, out, alpha, beta);
        }
        (InputBuffer::BF16(a), InputBuffer::BF16(b), OutputBuffer::BF16(out)) => {
            floats(problem, a, b, out, alpha, beta);
        }
        (InputBuffer::I8(a), InputBuffer::I8(b), OutputBuffer::F32(out)) => {
            for_each_output(problem, |at, offset| {
                let sum = sum_i32(problem, at, a, b);
                out[offset] = blend(f64::from(sum), out[offset], alpha, beta);
            });
        }
        (InputBuffer::I8(a), InputBuffer::I8(b), OutputBuffer::I32(out)) => {
            check_integer_scalars(alpha, beta)?;
            for_each_output(problem, |at, offset| out[offset] = sum_i32(problem, at, a, b));
        }
        (InputBuffer::I8(a), InputBuffer::I8(b), OutputBuffer::I8(out)) => {
            check_integer_scalars(alpha, beta)?;
            for_each_output(problem, |at, offset| out[offset] = sum_i32(problem, at, a, b) as i8);
        }
        _ => return Err(Error::not_implemented("no convolution for this mix of data types")),
    }
    Ok(())
}

/// Integer outputs take no scalars.
///
/// # Errors
/// `NotImplemented` unless `alpha` is 1 and `beta` 0.
pub fn check_integer_scalars(alpha: f64, beta: f64) -> Result<()> {
    if alpha == 1.0 && beta == 0.0 {
        Ok(())
    } else {
        Err(Error::not_implemented("an integer output admits only alpha=1 and beta=0"))
    }
}

/// Whether [`convolve`] serves these types.
pub fn serves_types(input: DataType, output: DataType) -> bool {
    match input {
        DataType::F32 | DataType::F16 | DataType::BF16 => output == input,
        DataType::I8 => matches!(output, DataType::I32 | DataType::F32 | DataType::I8),
        _ => false,
    }
}

/// A float type of tensors.
trait Float: Copy {
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}

impl Float for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Float for f16 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn from_f64(value: f64) -> Self {
        f16::from_f32(value as f32)
    }
}

impl Float for bf16 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn from_f64(value: f64) -> Self {
        bf16::from_f32(value as f32)
    }
}

fn blend<T: Float>(sum: f64, old: T, alpha: f64, beta: f64) -> T {
    let old_part = if beta == 0.0 { 0.0 } else { beta * old.to_f64() };
    T::from_f64(alpha * sum + old_part)
}

fn floats<T: Float>(problem: &ConvProblem, a: &[T], b: &[T], out: &mut [T], alpha: f64, beta: f64) {
    for_each_output(problem, |at, offset| {
        let mut sum = 0.0;
        for_each_product(problem, at, |i, j| sum += a[i].to_f64() * b[j].to_f64());
        out[offset] = blend(sum, out[offset], alpha, beta);
    });
}

fn sum_i32(problem: &ConvProblem, at: [usize; 5], a: &[i8], b: &[i8]) -> i32 {
    let mut sum = 0i64;
    for_each_product(problem, at, |i, j| sum += i64::from(a[i]) * i64::from(b[j]));
    sum as i32
}

/// Calls `visit` with the index tuple and the offset of every output element, in order.
fn for_each_output(problem: &ConvProblem, mut visit: impl FnMut([usize; 5], usize)) {
    let out = problem.tensor5(problem.direction().output_role());
    for i0 in 0..out.lengths[0] {
        for i1 in 0..out.lengths[1] {
            for i2 in 0..out.lengths[2] {
                for i3 in 0..out.lengths[3] {
                    for i4 in 0..out.lengths[4] {
                        let at = [i0, i1, i2, i3, i4];
                        visit(at, offset(at, out.strides));
                    }
                }
            }
        }
    }
}

/// Calls `visit` with the offsets, in the first and the second input, of every
/// pair whose product belongs to the output element `at`.
fn for_each_product(problem: &ConvProblem, at: [usize; 5], visit: impl FnMut(usize, usize)) {
    match problem.direction() {
        Direction::Fwd => products_fwd(problem, at, visit),
        Direction::Bwd => products_bwd(problem, at, visit),
        Direction::Wrw => products_wrw(problem, at, visit),
    }
}

fn offset(at: [usize; 5], strides: [usize; 5]) -> usize {
    at.iter().zip(strides).map(|(&index, stride)| index * stride).sum()
}

/// The x coordinate that output `o` and tap `t` meet, if it lies inside x.
fn coordinate_in_x(problem: &ConvProblem, dim: usize, o: usize, t: usize) -> Option<usize> {
    let padded = o * problem.strides()[dim] + t * problem.dilations()[dim];
    padded.checked_sub(problem.pads()[dim]).filter(|&i| i < problem.in_spatial()[dim])
}

/// The y coordinate that input `i` and tap `t` meet, if it lies inside y.
fn coordinate_in_y(problem: &ConvProblem, dim: usize, i: usize, t: usize) -> Option<usize> {
    let strided = (i + problem.pads()[dim]).checked_sub(t * problem.dilations()[dim])?;
    let stride = problem.strides()[dim];
    (strided % stride == 0).then_some(strided / stride).filter(|&o| o < problem.out_spatial()[dim])
}

fn for_each_tap(problem: &ConvProblem, mut visit: impl FnMut([usize; 3])) {
    let [taps_z, taps_y, taps_x] = problem.filter_spatial();
    for z in 0..taps_z {
        for y in 0..taps_y {
            for x in 0..taps_x {
                visit([z, y, x]);
            }
        }
    }
}

/// `[d, h, w]` where all three exist.
fn all_of(coordinates: [Option<usize>; 3]) -> Option<[usize; 3]> {
    match coordinates {
        [Some(d), Some(h), Some(w)] => Some([d, h, w]),
        _ => None,
    }
}

/// Channels of the group that `channel` of `channels` belongs to, of `other_channels`.
fn group_range(
    problem: &ConvProblem,
    channel: usize,
    channels: usize,
    other_channels: usize,
) -> Range<usize> {
    let group = channel / (channels / problem.groups());
    let per_group = other_channels / problem.groups();
    group * per_group..(group + 1) * per_group
}

fn products_fwd(problem: &ConvProblem, at: [usize; 5], mut visit: impl FnMut(usize, usize)) {
    let (x, w) = (problem.tensor5(Role::X), problem.tensor5(Role::W));
    let [n, k, out_d, out_h, out_w] = at;
    let channels = group_range(problem, k, problem.k(), problem.c());
    for (c_in_group, c) in channels.enumerate() {
        for_each_tap(problem, |[tz, ty, tx]| {
            let inside = all_of([
                coordinate_in_x(problem, 0, out_d, tz),
                coordinate_in_x(problem, 1, out_h, ty),
                coordinate_in_x(problem, 2, out_w, tx),
            ]);
            if let Some([d, h, wi]) = inside {
                visit(
                    offset([n, c, d, h, wi], x.strides),
                    offset([k, c_in_group, tz, ty, tx], w.strides),
                );
            }
        });
    }
}

fn products_bwd(problem: &ConvProblem, at: [usize; 5], mut visit: impl FnMut(usize, usize)) {
    let (y, w) = (problem.tensor5(Role::Y), problem.tensor5(Role::W));
    let [n, c, in_d, in_h, in_w] = at;
    let c_in_group = c % (problem.c() / problem.groups());
    for k in group_range(problem, c, problem.c(), problem.k()) {
        for_each_tap(problem, |[tz, ty, tx]| {
            let inside = all_of([
                coordinate_in_y(problem, 0, in_d, tz),
                coordinate_in_y(problem, 1, in_h, ty),
                coordinate_in_y(problem, 2, in_w, tx),
            ]);
            if let Some([d, h, wo]) = inside {
                visit(
                    offset([n, k, d, h, wo], y.strides),
                    offset([k, c_in_group, tz, ty, tx], w.strides),
                );
            }
        });
    }
}

fn products_wrw(problem: &ConvProblem, at: [usize; 5], mut visit: impl FnMut(usize, usize)) {
    let (x, y) = (problem.tensor5(Role::X), problem.tensor5(Role::Y));
    let [k, c_in_group, tz, ty, tx] = at;
    let c = group_range(problem, k, problem.k(), problem.c()).start + c_in_group;
    let [out_ds, out_hs, out_ws] = problem.out_spatial();
    for n in 0..problem.n() {
        for out_d in 0..out_ds {
            for out_h in 0..out_hs {
                for out_w in 0..out_ws {
                    let inside = all_of([
                        coordinate_in_x(problem, 0, out_d, tz),
                        coordinate_in_x(problem, 1, out_h, ty),
                        coordinate_in_x(problem, 2, out_w, tx),
                    ]);
                    if let Some([d, h, wi]) = inside {
                        visit(
                            offset([n, c, d, h, wi], x.strides),
                            offset([n, k, out_d, out_h, out_w], y.strides),
                        );
                    }
                }
            }
        }
    }
}
