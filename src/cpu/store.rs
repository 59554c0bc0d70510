//! From a tile's sums to its part of the output.
#![forbid(unsafe_code)]

use super::element::{Output, Scalars, Sum};
use super::gather::Order;
use crate::memory::{LaneMut, TensorMut};

/// Writes sums of channels and pixels: channels run fastest where
/// `channels_inner`, else pixels. `out` is N, C, D, H, W.
pub fn store_tile<S: Sum, O: Output<S>>(
    sums: &[S],
    channels_inner: bool,
    mut out: TensorMut<'_, O>,
    scalars: Scalars,
) {
    let [images, channels, len_d, len_h, len_w] = out.lengths();
    if channels_inner {
        let mut runs = sums.chunks_exact(channels);
        for n in 0..images {
            for d in 0..len_d {
                for h in 0..len_h {
                    for (w, run) in (0..len_w).zip(&mut runs) {
                        store_lane(run, out.lane(1, [n, 0, d, h, w]), scalars);
                    }
                }
            }
        }
    } else {
        let mut runs = sums.chunks_exact(len_w);
        for channel in 0..channels {
            for n in 0..images {
                for d in 0..len_d {
                    for (h, run) in (0..len_h).zip(&mut runs) {
                        store_lane(run, out.lane(4, [n, channel, d, h, 0]), scalars);
                    }
                }
            }
        }
    }
}

/// Writes sums of output channels (slowest) and columns, which are input
/// channel and tap in the given order. `out` is K, C, Z, Y, X.
pub fn store_filter_tile<O: Output<f32>>(
    sums: &[f32],
    order: Order,
    mut out: TensorMut<'_, O>,
    scalars: Scalars,
) {
    let [rows, channels, taps_z, taps_y, taps_x] = out.lengths();
    if order == Order::TapInner
        && scalars.are_plain()
        && let Some(mut matrix) = out.as_matrix(0).filter(|matrix| matrix.strides().1 == 1)
    {
        let columns = channels * taps_z * taps_y * taps_x;
        for (row, sums) in sums.chunks_exact(columns).enumerate().take(rows) {
            let row = matrix.row(row).expect("columns are contiguous");
            O::from_sums(sums, row);
        }
        return;
    }
    match order {
        Order::TapInner => {
            let mut runs = sums.chunks_exact(taps_x);
            for row in 0..rows {
                for channel in 0..channels {
                    for z in 0..taps_z {
                        for (y, run) in (0..taps_y).zip(&mut runs) {
                            store_lane(run, out.lane(4, [row, channel, z, y, 0]), scalars);
                        }
                    }
                }
            }
        }
        Order::ChannelInner => {
            let mut runs = sums.chunks_exact(channels);
            for row in 0..rows {
                for z in 0..taps_z {
                    for y in 0..taps_y {
                        for (x, run) in (0..taps_x).zip(&mut runs) {
                            store_lane(run, out.lane(1, [row, 0, z, y, x]), scalars);
                        }
                    }
                }
            }
        }
    }
}

/// Writes sums to as many output elements.
fn store_lane<S: Sum, O: Output<S>>(sums: &[S], mut lane: LaneMut<'_, O>, scalars: Scalars) {
    if !scalars.are_plain() {
        lane.update(|index, old| O::blend(sums[index], old, scalars));
    } else if let Some(elements) = lane.as_slice() {
        O::from_sums(sums, elements);
    } else {
        lane.fill_with(|index| O::from_sum(sums[index]));
    }
}
