//! Bias of a convolution: added to y, and its gradient as the sum of dy.
//!
//! Statuses are those of the real library (`miopenConvolutionForwardBias`,
//! `miopenConvolutionBackwardBias` and the tensor operation behind the former).
#![forbid(unsafe_code)]

use super::element::{Element, Output};
use super::pool;
use crate::error::{Error, Result};
use crate::memory::{InputBuffer, OutputBuffer, TensorMut};
use crate::problem::{DataType, Tensor5, TensorDesc};
use crate::solver::Context;

/// Elements that are worth a task of their own; some ten microseconds of memory traffic.
const MIN_TASK_ELEMS: usize = 1 << 15;

/// `y = alpha * y + alpha * b + beta * y`, b broadcast along its dimensions of length 1.
///
/// Any strides; fp32 and fp16, computed in f32.
///
/// # Errors
/// - `NotImplemented`: bf16 on either side, and types that no convolution has.
/// - `UnknownError`: different types or ranks, a length of b that is neither 1
///   nor that of y.
/// - `BadParm`: buffers shorter than their descriptors, strides of y that make
///   elements share memory.
pub fn add_bias(
    context: &Context,
    (y_desc, y): (&TensorDesc, OutputBuffer<'_>),
    (b_desc, b): (&TensorDesc, InputBuffer<'_>),
    alpha: f64,
    beta: f64,
) -> Result<()> {
    refuse_bf16(y_desc, b_desc)?;
    if b_desc.dtype() != y_desc.dtype() {
        return Err(Error::unknown("data types of bias and output do not match"));
    }
    if b_desc.rank() != y_desc.rank() {
        return Err(Error::unknown("bias and output differ in their number of dimensions"));
    }
    if b_desc.lengths().iter().zip(y_desc.lengths()).any(|(&b, &y)| b != 1 && b != y) {
        return Err(Error::unknown("a dimension of the bias is neither 1 nor that of the output"));
    }
    let (y5, b5) = (y_desc.to_tensor5()?, b_desc.to_tensor5()?);
    check_fit(b.dtype() == b_desc.dtype() && b.len_elems() >= b_desc.span_elems())?;
    check_countable(y_desc)?;
    let factors = (alpha as f32, beta as f32);
    match (y, b) {
        (OutputBuffer::F32(y), InputBuffer::F32(b)) => add(context, &y5, y, &b5, b, factors),
        (OutputBuffer::F16(y), InputBuffer::F16(b)) => add(context, &y5, y, &b5, b, factors),
        _ => Err(Error::not_implemented("no bias for this data type")),
    }
}

/// `db[k]` = sum of `dy` over images and pixels of channel k.
///
/// Any strides; fp32 and fp16, summed in f64 in a fixed order.
///
/// # Errors
/// - `NotImplemented`: bf16 on either side, and types that no convolution has.
/// - `BadParm`: channels that differ, buffers shorter than their descriptors,
///   strides of db that make elements share memory.
/// - `UnknownError`: `alpha` other than 1 or `beta` other than 0, different types.
pub fn sum_bias_gradient(
    context: &Context,
    (dy_desc, dy): (&TensorDesc, InputBuffer<'_>),
    (db_desc, db): (&TensorDesc, OutputBuffer<'_>),
    alpha: f64,
    beta: f64,
) -> Result<()> {
    refuse_bf16(dy_desc, db_desc)?;
    let (dy5, db5) = (dy_desc.to_tensor5()?, db_desc.to_tensor5()?);
    if dy5.lengths[1] != db5.lengths[1] {
        return Err(Error::bad_parm("gradients of bias and output differ in channels"));
    }
    if alpha != 1.0 || beta != 0.0 {
        return Err(Error::unknown("only alpha=1 and beta=0 is supported"));
    }
    if dy_desc.dtype() != db_desc.dtype() {
        return Err(Error::unknown("data types of the gradients do not match"));
    }
    check_fit(dy.dtype() == dy_desc.dtype() && dy.len_elems() >= dy_desc.span_elems())?;
    check_countable(dy_desc)?;
    match (dy, db) {
        (InputBuffer::F32(dy), OutputBuffer::F32(db)) => sum(context, &dy5, dy, &db5, db),
        (InputBuffer::F16(dy), OutputBuffer::F16(db)) => sum(context, &dy5, dy, &db5, db),
        _ => Err(Error::not_implemented("no bias for this data type")),
    }
}

fn refuse_bf16(first: &TensorDesc, second: &TensorDesc) -> Result<()> {
    if [first, second].iter().any(|tensor| tensor.dtype() == DataType::BF16) {
        return Err(Error::not_implemented("no bias for bf16"));
    }
    Ok(())
}

fn check_fit(fits: bool) -> Result<()> {
    if fits { Ok(()) } else { Err(Error::bad_parm("a buffer does not fit its descriptor")) }
}

fn check_countable(tensor: &TensorDesc) -> Result<()> {
    let elems = tensor.num_elems();
    elems.map(drop).ok_or_else(|| Error::bad_parm("a tensor has more elements than memory"))
}

fn add<T: Element + Output<f32>>(
    context: &Context,
    y5: &Tensor5,
    y: &mut [T],
    b5: &Tensor5,
    b: &[T],
    (alpha, beta): (f32, f32),
) -> Result<()> {
    // A dimension that b lacks is walked on the spot.
    let b_strides: [usize; 5] =
        std::array::from_fn(|dim| if b5.lengths[dim] == 1 { 0 } else { b5.strides[dim] });
    let [images, channels, len_d, len_h, len_w] = y5.lengths;
    // The lane runs along the contiguous dimension.
    let lane_dim = if y5.strides[1] == 1 && channels > 1 { 1 } else { 4 };
    let outer_dim = if lane_dim == 1 { 3 } else { 1 };
    let piece_elems = images * len_d * channels * len_h * len_w / y5.lengths[outer_dim];
    let piece_len = MIN_TASK_ELEMS.div_ceil(piece_elems.max(1));
    let pieces: Vec<_> =
        TensorMut::new(y, y5)?.split_every(outer_dim, piece_len).into_iter().enumerate().collect();
    pool::for_each(
        context.cpu_threads,
        pieces,
        || Ok(()),
        |(), (index, mut piece)| {
            let first = index * piece_len;
            let mut lanes = piece.lengths();
            lanes[lane_dim] = 1;
            for_each_index(lanes, |at| {
                let mut b_at = at;
                b_at[outer_dim] += first;
                let b_offset: usize =
                    b_at.iter().zip(b_strides).map(|(i, stride)| i * stride).sum();
                let b_step = b_strides[lane_dim];
                let sum = |i: usize, old: T| {
                    let (old, bias) = (old.to_f32(), b[b_offset + i * b_step].to_f32());
                    let kept = if beta == 0.0 { 0.0 } else { beta * old };
                    T::from_sum(alpha * old + alpha * bias + kept)
                };
                let mut lane = piece.lane(lane_dim, at);
                match lane.as_slice() {
                    // Known to be contiguous, the loop is vectorised.
                    Some(slice) => {
                        slice.iter_mut().enumerate().for_each(|(i, value)| *value = sum(i, *value));
                    }
                    None => lane.update(sum),
                }
            });
            Ok(())
        },
    )
}

fn sum<T: Element + Output<f32>>(
    context: &Context,
    dy5: &Tensor5,
    dy: &[T],
    db5: &Tensor5,
    db: &mut [T],
) -> Result<()> {
    // db is 1 x K x 1 x 1; whatever else it has is left alone.
    let mut row = *db5;
    row.lengths = [1, db5.lengths[1], 1, 1, 1];
    let elems_per_channel: usize = dy5.lengths.iter().product::<usize>() / dy5.lengths[1];
    let piece_len = MIN_TASK_ELEMS.div_ceil(elems_per_channel.max(1));
    let pieces: Vec<_> =
        TensorMut::new(db, &row)?.split_every(1, piece_len).into_iter().enumerate().collect();
    pool::for_each(
        context.cpu_threads,
        pieces,
        || Ok(()),
        |(), (index, mut piece)| {
            let sums = channel_sums(dy5, dy, index * piece_len, piece.lengths()[1]);
            piece.lane(1, [0; 5]).fill_with(|i| T::from_sum(sums[i] as f32));
            Ok(())
        },
    )
}

/// The sums of `channels` channels from `first` on, each in index order whatever the strides.
fn channel_sums<T: Element>(dy5: &Tensor5, dy: &[T], first: usize, channels: usize) -> Vec<f64> {
    let mut sums = vec![0.0; channels];
    // The inner loop runs along memory.
    let along_channels = dy5.strides[1] == 1 && channels > 1;
    let lane_dim = if along_channels { 1 } else { 4 };
    let mut lanes = [dy5.lengths[0], channels, dy5.lengths[2], dy5.lengths[3], dy5.lengths[4]];
    let lane_len = std::mem::replace(&mut lanes[lane_dim], 1);
    for_each_index(lanes, |at| {
        let mut dy_at = at;
        dy_at[1] += first;
        let start: usize = dy_at.iter().zip(dy5.strides).map(|(i, stride)| i * stride).sum();
        let lane = dy[start..].iter().step_by(dy5.strides[lane_dim]).take(lane_len);
        let values = lane.map(|value| f64::from(value.to_f32()));
        if along_channels {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        } else {
            sums[at[1]] = values.fold(sums[at[1]], |sum, value| sum + value);
        }
    });
    sums
}

/// Calls `visit` with every index tuple, last index fastest.
fn for_each_index([n, c, d, h, w]: [usize; 5], mut visit: impl FnMut([usize; 5])) {
    for n in 0..n {
        for c in 0..c {
            for d in 0..d {
                for h in 0..h {
                    for w in 0..w {
                        visit([n, c, d, h, w]);
                    }
                }
            }
        }
    }
}
