//! The bias of a convolution: one value for each of the k output channels.
#![forbid(unsafe_code)]

use super::element::{Element, Output};
use super::pool;
use crate::error::{Error, Result};
use crate::memory::{InputBuffer, LaneMut, OutputBuffer, TensorMut};
use crate::problem::{DataType, Tensor5, TensorDesc};
use crate::solver::Context;

const N: usize = 0;
const K: usize = 1;
const W: usize = 4;

/// `y = (alpha + beta) * y + alpha * b`, with b spread over all but the channels: what the real
/// library's tensor addition makes of `miopenConvolutionForwardBias` (its `api` passes alpha as the
/// factor of y and of b, and beta as that of the old y).
///
/// Computed in f32, rounded once. `b` has lengths (1, k, 1, 1\[, 1\]), `y` any strides.
///
/// # Errors
/// `BadParm` where channels, ranks or types do not match; `NotImplemented` for bfloat16, as in the
/// real library, and for all types but f32 and f16.
pub fn forward(
    context: &Context,
    [alpha, beta]: [f64; 2],
    b_desc: &TensorDesc,
    b: InputBuffer<'_>,
    y_desc: &TensorDesc,
    y: OutputBuffer<'_>,
) -> Result<()> {
    check(b_desc, y_desc)?;
    let (y_factor, b_factor) = ((alpha + beta) as f32, alpha as f32);
    let bias = spread(b_desc, b, b_factor)?;
    let y5 = y_desc.to_tensor5()?;
    match y {
        OutputBuffer::F32(y) => add(context, &bias, TensorMut::new(y, &y5)?, y_factor),
        OutputBuffer::F16(y) => add(context, &bias, TensorMut::new(y, &y5)?, y_factor),
        other => Err(no_bias_of(other.dtype())),
    }
}

/// `db[k] = sum of dy over n and space`: summed in f64 in index order, rounded once, so the same for
/// any number of threads.
///
/// # Errors
/// As [`forward`], and `UnknownError` for factors other than 1 and 0, as in the real library.
pub fn backward(
    context: &Context,
    [alpha, beta]: [f64; 2],
    dy_desc: &TensorDesc,
    dy: InputBuffer<'_>,
    db_desc: &TensorDesc,
    db: OutputBuffer<'_>,
) -> Result<()> {
    check(db_desc, dy_desc)?;
    if alpha != 1.0 || beta != 0.0 {
        return Err(Error::unknown("only alpha=1 and beta=0 is supported for the bias gradient"));
    }
    let (dy5, db5) = (dy_desc.to_tensor5()?, db_desc.to_tensor5()?);
    match (dy, db) {
        (InputBuffer::F32(dy), OutputBuffer::F32(db)) => {
            reduce(context, &dy5, dy, TensorMut::new(db, &db5)?)
        }
        (InputBuffer::F16(dy), OutputBuffer::F16(db)) => {
            reduce(context, &dy5, dy, TensorMut::new(db, &db5)?)
        }
        (dy, _) => Err(no_bias_of(dy.dtype())),
    }
}

fn no_bias_of(dtype: DataType) -> Error {
    Error::not_implemented(format!("no bias for data type {}", dtype.name()))
}

fn check(bias: &TensorDesc, tensor: &TensorDesc) -> Result<()> {
    if bias.rank() != tensor.rank() {
        return Err(Error::bad_parm("bias and tensor differ in their number of dimensions"));
    }
    if bias.dtype() != tensor.dtype() {
        return Err(Error::bad_parm("bias and tensor differ in data type"));
    }
    let spread = bias.lengths().iter().enumerate().all(|(dim, &len)| dim == K || len == 1);
    if !spread || bias.lengths().get(K) != tensor.lengths().get(K) {
        return Err(Error::bad_parm("the bias needs one value for each channel and no more"));
    }
    Ok(())
}

/// The k values, in f32, times their factor.
fn spread(desc: &TensorDesc, bias: InputBuffer<'_>, factor: f32) -> Result<Vec<f32>> {
    let stride = desc.strides()[K];
    let values = (0..desc.lengths()[K]).map(|k| k * stride);
    Ok(match bias {
        InputBuffer::F32(bias) => values.map(|at| factor * bias[at]).collect(),
        InputBuffer::F16(bias) => values.map(|at| factor * bias[at].to_f32()).collect(),
        other => return Err(no_bias_of(other.dtype())),
    })
}

fn add<T: Element + Output<f32>>(
    context: &Context,
    bias: &[f32],
    y: TensorMut<'_, T>,
    y_factor: f32,
) -> Result<()> {
    // Lanes run along memory: along the channels where these lie side by side, else along w.
    let channels_last = y.strides()[K] == 1 && y.lengths()[K] > 1;
    let (lane_dim, split_dim) = if channels_last { (K, 3) } else { (W, K) };
    let piece_len = y.lengths()[split_dim].div_ceil(context.cpu_threads.get());
    let mut pieces = Vec::new();
    for sample in y.split_every(N, 1) {
        let mut first_of_piece = 0;
        for piece in sample.split_every(split_dim, piece_len) {
            let length = piece.lengths()[split_dim];
            pieces.push((if channels_last { 0 } else { first_of_piece }, piece));
            first_of_piece += length;
        }
    }
    pool::for_each(
        context.cpu_threads,
        pieces,
        || Ok(()),
        |(), (first_k, mut piece)| {
            let bias = &bias[first_k..];
            for at in lane_starts(piece.lengths(), lane_dim) {
                let lane = piece.lane(lane_dim, at);
                if channels_last {
                    add_lane(lane, y_factor, |k| bias[k]);
                } else {
                    let value = bias[at[K]];
                    add_lane(lane, y_factor, |_| value);
                }
            }
            Ok(())
        },
    )
}

fn add_lane<T: Element + Output<f32>>(
    mut lane: LaneMut<'_, T>,
    y_factor: f32,
    bias: impl Fn(usize) -> f32,
) {
    let sum = |index: usize, old: T| T::from_sum(y_factor * old.to_f32() + bias(index));
    match lane.as_slice() {
        // Known to be contiguous, the loop is vectorised.
        Some(slice) => {
            slice.iter_mut().enumerate().for_each(|(index, value)| *value = sum(index, *value));
        }
        None => lane.update(sum),
    }
}

/// The coordinates of every lane along `dim`, in index order.
fn lane_starts(lengths: [usize; 5], dim: usize) -> impl Iterator<Item = [usize; 5]> {
    let mut counts = lengths;
    counts[dim] = 1;
    let total = counts.iter().product::<usize>();
    (0..total).map(move |mut index| {
        let mut at = [0; 5];
        for other in (0..5).rev() {
            at[other] = index % counts[other];
            index /= counts[other];
        }
        at
    })
}

fn reduce<T: Element + Output<f32>>(
    context: &Context,
    dy5: &Tensor5,
    dy: &[T],
    db: TensorMut<'_, T>,
) -> Result<()> {
    let piece_len = db.lengths()[K].div_ceil(context.cpu_threads.get());
    let mut pieces = Vec::new();
    let mut first_k = 0;
    for piece in db.split_every(K, piece_len) {
        let length = piece.lengths()[K];
        pieces.push((first_k, piece));
        first_k += length;
    }
    pool::for_each(
        context.cpu_threads,
        pieces,
        || Ok(()),
        |(), (first_k, mut piece)| {
            let sums = channel_sums(dy5, dy, first_k, piece.lengths()[K]);
            piece.lane(K, [0; 5]).fill_with(|k| T::from_sum(sums[k] as f32));
            Ok(())
        },
    )
}

/// The sums of `count` channels from `first_k` on, in f64.
fn channel_sums<T: Element>(dy5: &Tensor5, dy: &[T], first_k: usize, count: usize) -> Vec<f64> {
    let mut sums = vec![0.0; count];
    let channels_last = dy5.strides[K] == 1;
    let mut lengths = dy5.lengths;
    lengths[K] = count;
    // As in `add`: the inner loop runs along memory.
    let lane_dim = if channels_last { K } else { W };
    for at in lane_starts(lengths, lane_dim) {
        let start: usize = (0..5)
            .map(|dim| (if dim == K { at[K] + first_k } else { at[dim] }) * dy5.strides[dim])
            .sum();
        if channels_last {
            let values = &dy[start..start + count];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value.to_f32()));
        } else {
            let lane = (0..lengths[W]).map(|w| dy[start + w * dy5.strides[W]]);
            sums[at[K]] = lane.fold(sums[at[K]], |sum, value| sum + f64::from(value.to_f32()));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Layout;
    use std::num::NonZeroUsize;

    fn context(threads: usize) -> Context {
        Context::new(NonZeroUsize::new(threads))
    }

    const LENGTHS: [usize; 4] = [2, 3, 5, 7];

    fn tensors() -> Vec<TensorDesc> {
        let (n, k, h, w) = (LENGTHS[0], LENGTHS[1], LENGTHS[2], LENGTHS[3]);
        vec![
            TensorDesc::packed(DataType::F32, &LENGTHS).unwrap(),
            TensorDesc::with_layout(DataType::F32, Layout::Nhwc, &LENGTHS).unwrap(),
            // Gaps everywhere.
            TensorDesc::new(DataType::F32, &LENGTHS, &[k * h * w * 5, h * w * 4 + 1, w * 3, 2])
                .unwrap(),
            TensorDesc::packed(DataType::F32, &[n, k, 1, h, w]).unwrap(),
        ]
    }

    fn offset(desc: &TensorDesc, at: [usize; 5]) -> usize {
        let strides = desc.to_tensor5().unwrap().strides;
        at.iter().zip(strides).map(|(&at, stride)| at * stride).sum()
    }

    #[test]
    fn every_layout_gets_its_bias() {
        for y_desc in tensors() {
            for threads in 1..=3 {
                let lengths = y_desc.to_tensor5().unwrap().lengths;
                let mut bias_lengths = vec![1; y_desc.rank()];
                bias_lengths[K] = lengths[K];
                let b_desc = TensorDesc::packed(DataType::F32, &bias_lengths).unwrap();
                let b = [10.0f32, 20.0, 30.0];
                let old: Vec<f32> = (0..y_desc.span_elems()).map(|index| index as f32).collect();
                let mut y = old.clone();
                let (input, output) = (InputBuffer::F32(&b), OutputBuffer::F32(&mut y));
                forward(&context(threads), [1.0, 0.0], &b_desc, input, &y_desc, output).unwrap();
                let mut expected = old;
                for at in lane_starts(lengths, 2) {
                    for d in 0..lengths[2] {
                        let mut at = at;
                        at[2] = d;
                        expected[offset(&y_desc, at)] += b[at[K]];
                    }
                }
                assert_eq!(y, expected, "{y_desc:?}");
            }
        }
    }

    #[test]
    fn factors_are_those_of_the_real_librarys_addition() {
        let desc = TensorDesc::packed(DataType::F32, &[1, 1, 1, 1]).unwrap();
        let mut y = [5.0f32];
        let (input, output) = (InputBuffer::F32(&[7.0]), OutputBuffer::F32(&mut y));
        forward(&context(1), [2.0, 3.0], &desc, input, &desc, output).unwrap();
        assert_eq!(y[0], (2.0 + 3.0) * 5.0 + 2.0 * 7.0);
    }

    #[test]
    fn the_gradient_sums_every_layout_alike() {
        for dy_desc in tensors() {
            let lengths = dy_desc.to_tensor5().unwrap().lengths;
            let mut dy = vec![f32::NAN; dy_desc.span_elems()];
            let mut expected = [0.0f32; 3];
            for (index, at) in
                lane_starts([lengths[0], lengths[1], 1, lengths[3], lengths[4]], 2).enumerate()
            {
                dy[offset(&dy_desc, at)] = index as f32;
                expected[at[K]] += index as f32;
            }
            let mut bias_lengths = vec![1; dy_desc.rank()];
            bias_lengths[K] = 3;
            let db_desc = TensorDesc::packed(DataType::F32, &bias_lengths).unwrap();
            for threads in 1..=3 {
                let mut db = [f32::NAN; 3];
                let (input, output) = (InputBuffer::F32(&dy), OutputBuffer::F32(&mut db));
                backward(&context(threads), [1.0, 0.0], &dy_desc, input, &db_desc, output).unwrap();
                assert_eq!(db, expected, "{dy_desc:?}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let y_desc = TensorDesc::packed(DataType::F32, &[1, 2, 1, 1]).unwrap();
        let wrong = TensorDesc::packed(DataType::F32, &[1, 3, 1, 1]).unwrap();
        let mut y = [1.0f32, 2.0];
        let refused = forward(
            &context(1),
            [1.0, 0.0],
            &wrong,
            InputBuffer::F32(&[0.0; 3]),
            &y_desc,
            OutputBuffer::F32(&mut y),
        );
        assert_eq!(refused.unwrap_err().status, crate::error::Status::BadParm);
        assert_eq!(y, [1.0, 2.0]);
    }
}
