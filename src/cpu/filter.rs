//! The filter as the left matrix of forward and backward-data.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::element::Element;
use super::gather::{Gather, Order};
use super::pool;
use crate::error::Result;
use crate::memory::{MatrixRef, merge_dims};
use crate::problem::{ConvProblem, Direction, Role};

/// Where the filter's elements lie, as seen by one gather: rows are output
/// channels of the result (k forward, c backward), columns the reduction.
#[derive(Clone, Debug)]
pub struct FilterMatrix {
    gather: Gather,
    /// Rows per group.
    pub gemm_m: usize,
    row_stride: usize,
    channel_stride: usize,
    /// Offset of each tap within the filter of one channel, w fastest.
    tap_offsets: Vec<usize>,
    group_stride: usize,
    /// First element and distance of the columns, where they are equidistant.
    columns: Option<(usize, usize)>,
}

impl FilterMatrix {
    /// The filter of `problem` in the order of `gather`'s reduction.
    pub fn new(problem: &ConvProblem, gather: &Gather) -> Self {
        let w = problem.tensor5(Role::W);
        let k_per_group = problem.k() / problem.groups();
        let [gemm_m, row_stride, channel_stride] = match problem.direction() {
            Direction::Fwd | Direction::Wrw => [k_per_group, w.strides[0], w.strides[1]],
            Direction::Bwd => [w.lengths[1], w.strides[1], w.strides[0]],
        };
        FilterMatrix {
            gather: gather.clone(),
            gemm_m,
            row_stride,
            channel_stride,
            tap_offsets: tap_offsets(gather, w.spatial_strides()),
            group_stride: k_per_group * w.strides[0],
            columns: equidistant_columns(gather, channel_stride, w.spatial_strides()),
        }
    }

    /// Offset of an element in the filter tensor.
    pub fn offset(&self, group: usize, row: usize, kk: usize) -> usize {
        let index = self.gather.reduce_index(kk);
        group * self.group_stride
            + row * self.row_stride
            + index.channel * self.channel_stride
            + self.tap_offsets[index.tap]
    }

    /// Whether the columns are equidistant, so that an f32 filter needs no packing.
    pub fn is_equidistant(&self) -> bool {
        self.columns.is_some()
    }

    /// Whether an f32 filter can be read row by row, each contiguous.
    pub fn rows_are_contiguous(&self) -> bool {
        self.columns.is_some_and(|(_, distance)| distance == 1 || self.gather.gemm_k() == 1)
    }

    /// A block as it lies in the tensor: f32 and equidistant columns only.
    pub fn direct<'a, T: Element>(
        &self,
        filter: &'a [T],
        group: usize,
        rows: &Range<usize>,
        kk: &Range<usize>,
    ) -> Option<MatrixRef<'a, f32>> {
        let (first, distance) = self.columns?;
        let filter = T::as_f32(filter)?;
        let offset =
            group * self.group_stride + rows.start * self.row_stride + first + kk.start * distance;
        Some(MatrixRef::new(&filter[offset..], rows.len(), kk.len(), self.row_stride, distance))
    }

    /// Packs rows `first_row..` of all groups together, each in the order of the reduction.
    pub fn pack_rows<T: Element>(&self, filter: &[T], first_row: usize, packed: &mut [f32]) {
        if self.gather.gemm_k() == 0 {
            return;
        }
        match self.gather.order {
            Order::TapInner => self.pack_rows_by_taps(filter, first_row, packed),
            Order::ChannelInner => self.pack_rows_by_channels(filter, first_row, packed),
        }
    }

    /// Where a row of all groups together begins.
    fn row_begin(&self, row: usize) -> usize {
        row / self.gemm_m * self.group_stride + row % self.gemm_m * self.row_stride
    }

    /// Some channels of all rows at a time: in backward-data neighbouring rows are
    /// neighbours in the filter, while a row's own channels are far apart.
    fn pack_rows_by_taps<T: Element>(&self, filter: &[T], first_row: usize, packed: &mut [f32]) {
        /// As many cache lines as fall into one set of an 8-way L1 cache, where
        /// the distance of channels is a power of two.
        const CHANNELS_AT_ONCE: usize = 8;
        /// A run of fewer is not worth a loop of its own.
        const MIN_RUN: usize = 4;
        let (gemm_k, taps) = (self.gather.gemm_k(), self.tap_offsets.len());
        let rows = packed.len() / gemm_k;
        let begins: Vec<usize> = (first_row..first_row + rows).map(|r| self.row_begin(r)).collect();
        let first_tap = self.tap_offsets[0];
        let taps_are_a_run =
            taps >= MIN_RUN && self.tap_offsets.iter().copied().eq(first_tap..first_tap + taps);
        let step = self.channel_stride.max(1);
        for first in (0..self.gather.channels).step_by(CHANNELS_AT_ONCE) {
            let channels = CHANNELS_AT_ONCE.min(self.gather.channels - first);
            for (row, &begin) in packed.chunks_exact_mut(gemm_k).zip(&begins) {
                let begin = begin + first * self.channel_stride;
                let row = &mut row[first * taps..(first + channels) * taps];
                if taps == 1 {
                    let weights = filter[begin + first_tap..].iter().step_by(step);
                    for (value, weight) in row.iter_mut().zip(weights) {
                        *value = weight.to_f32();
                    }
                    continue;
                }
                for (channel, run) in row.chunks_exact_mut(taps).enumerate() {
                    let filter = &filter[begin + channel * self.channel_stride..];
                    if taps_are_a_run {
                        for (value, weight) in run.iter_mut().zip(&filter[first_tap..]) {
                            *value = weight.to_f32();
                        }
                    } else {
                        for (value, &tap_offset) in run.iter_mut().zip(&self.tap_offsets) {
                            *value = filter[tap_offset].to_f32();
                        }
                    }
                }
            }
        }
    }

    fn pack_rows_by_channels<T: Element>(
        &self,
        filter: &[T],
        first_row: usize,
        packed: &mut [f32],
    ) {
        let channels = self.gather.channels;
        for (index, row) in packed.chunks_exact_mut(self.gather.gemm_k()).enumerate() {
            let filter = &filter[self.row_begin(first_row + index)..];
            for (run, &tap_offset) in row.chunks_exact_mut(channels).zip(&self.tap_offsets) {
                let filter = filter[tap_offset..].iter().step_by(self.channel_stride);
                for (value, weight) in run.iter_mut().zip(filter) {
                    *value = weight.to_f32();
                }
            }
        }
    }
}

/// Packs the filters of several gathers, each with all its groups, one behind the other.
///
/// # Errors
/// What the threads report.
pub fn pack_filters<'a, T: Element>(
    threads: NonZeroUsize,
    groups: usize,
    filters: impl Iterator<Item = &'a FilterMatrix>,
    filter: &[T],
    packed: &mut [f32],
) -> Result<()> {
    /// Floats a thread packs at a time: 256 KiB, so that lines of the result
    /// stay in the L2 cache until they are full.
    const PIECE_ELEMS: usize = 1 << 16;
    let mut parts = Vec::new();
    let mut rest = packed;
    for matrix in filters {
        let gemm_k = matrix.gather.gemm_k();
        let (of_matrix, after) = rest.split_at_mut(groups * matrix.gemm_m * gemm_k);
        rest = after;
        if gemm_k == 0 {
            continue;
        }
        let rows_per_part = (PIECE_ELEMS / gemm_k).max(1);
        for (index, part) in of_matrix.chunks_mut(rows_per_part * gemm_k).enumerate() {
            parts.push((matrix, index * rows_per_part, part));
        }
    }
    pool::for_each(
        threads,
        parts,
        || Ok(()),
        |(), (matrix, first_row, part)| {
            matrix.pack_rows(filter, first_row, part);
            Ok(())
        },
    )
}

/// Offset of each tap within the filter of one channel, w fastest.
fn tap_offsets(gather: &Gather, tap_strides: [usize; 3]) -> Vec<usize> {
    let mut offsets = vec![0];
    for (axis, tap_stride) in gather.axes.iter().zip(tap_strides) {
        offsets = offsets
            .into_iter()
            .flat_map(|outer| {
                axis.taps.iter().map(move |tap| outer + tap.filter_index * tap_stride)
            })
            .collect();
    }
    offsets
}

/// First element and distance of the columns of a row, where they are equidistant.
fn equidistant_columns(
    gather: &Gather,
    channel_stride: usize,
    tap_strides: [usize; 3],
) -> Option<(usize, usize)> {
    let mut first = 0;
    let mut dims = Vec::new();
    for (axis, tap_stride) in gather.axes.iter().zip(tap_strides) {
        // The taps of a phase are equidistant: those whose multiple of the
        // dilation has a certain remainder modulo the stride.
        let index_of = |tap: usize| axis.taps.get(tap).map(|tap| tap.filter_index);
        let (first_index, second_index) = (index_of(0)?, index_of(1));
        first += first_index * tap_stride;
        let distance = second_index.map_or(1, |second_index| second_index - first_index);
        dims.push((axis.taps.len(), distance.saturating_mul(tap_stride)));
    }
    let channels = (gather.channels, channel_stride);
    match gather.order {
        Order::TapInner => dims.insert(0, channels),
        Order::ChannelInner => dims.push(channels),
    }
    let (_, distance) = merge_dims(&dims)?;
    Some((first, distance))
}
