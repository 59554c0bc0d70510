//! The filter as the left matrix of forward and backward-data.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::element::Element;
use super::gather::{Gather, Order};
use super::isa::Isa;
use super::pool;
use super::tiles::pieces;
use super::ukernel::{FilterBlock, TapColumn, pack_filter_block, panel_columns, transpose_into};
use crate::error::Result;
use crate::memory::{MatrixMut, MatrixRef, merge_dims};
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

    /// Whether an f32 filter can be read row by row or column by column, each contiguous.
    pub fn is_contiguous(&self) -> bool {
        self.rows_are_contiguous() || (self.row_stride == 1 && self.columns.is_some())
    }

    /// Length of the reduction.
    pub fn gemm_k(&self) -> usize {
        self.gather.gemm_k()
    }

    /// Channels of the reduction.
    pub fn channels(&self) -> usize {
        self.gather.channels
    }

    /// Taps of each channel.
    pub fn taps(&self) -> usize {
        self.tap_offsets.len()
    }

    /// Where the weights of a channel of a group begin.
    pub fn channel_begin(&self, group: usize, channel: usize) -> usize {
        group * self.group_stride + channel * self.channel_stride
    }

    /// Distance of rows.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Distance of channels.
    pub fn channel_stride(&self) -> usize {
        self.channel_stride
    }

    /// The taps of a channel, to columns at this distance.
    pub fn tap_columns(&self, stride: usize) -> impl Iterator<Item = TapColumn> {
        let taps = self.tap_offsets.iter().enumerate();
        taps.map(move |(tap, &offset)| TapColumn { offset, to: tap * stride })
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

    /// Packs some rows of a group as the columns of a panel, in the order of a reduction that goes tap
    /// by tap; what the panel holds beyond them is undefined.
    pub fn pack_panel(
        &self,
        isa: Isa,
        filter: &[f32],
        group: usize,
        rows: &Range<usize>,
        panel: &mut [f32],
    ) {
        let panel_cols = panel_columns(isa);
        let channels = self.gather.channels;
        let first = group * self.group_stride + rows.start * self.row_stride;
        let of_taps = panel.chunks_exact_mut(channels * panel_cols).zip(&self.tap_offsets);
        for (of_tap, &offset) in of_taps {
            let filter = &filter[first + offset..];
            if self.channel_stride == 1 {
                let mut columns = MatrixMut::row_major(of_tap, channels, panel_cols);
                let mut columns = columns.some_cols(0..rows.len());
                transpose_into(isa, filter, self.row_stride, &mut columns);
                continue;
            }
            for (channel, row) in of_tap.chunks_exact_mut(panel_cols).enumerate() {
                let filter = &filter[channel * self.channel_stride..];
                let row = &mut row[..rows.len()];
                if self.row_stride == 1 {
                    row.copy_from_slice(&filter[..rows.len()]);
                    continue;
                }
                for (weight, from) in row.iter_mut().zip(filter.iter().step_by(self.row_stride)) {
                    *weight = *from;
                }
            }
        }
    }

    /// Packs rows `first_row..` of all groups together, each in the order of the reduction.
    pub fn pack_rows<T: Element>(
        &self,
        isa: Isa,
        filter: &[T],
        first_row: usize,
        packed: &mut [f32],
    ) {
        if self.gather.gemm_k() == 0 {
            return;
        }
        match self.gather.order {
            Order::TapInner => {
                for channels in self.channel_blocks() {
                    self.pack_channels(isa, filter, first_row, channels, packed);
                }
            }
            Order::ChannelInner => self.pack_rows_by_channels(filter, first_row, packed),
        }
    }

    /// Where a row of all groups together begins.
    fn row_begin(&self, row: usize) -> usize {
        row / self.gemm_m * self.group_stride + row % self.gemm_m * self.row_stride
    }

    /// Channels packed at a time, of all rows: in backward-data neighbouring rows are
    /// neighbours in the filter, while a row's own channels are far apart.
    fn channel_blocks(&self) -> Vec<Range<usize>> {
        /// Twice as many cache lines as fall into one set of an 8-way L1 cache, where the
        /// distance of channels is a power of two: 8 and 32 took longer on Zen 3.
        const CHANNELS_AT_ONCE: usize = 16;
        pieces(&(0..self.gather.channels), CHANNELS_AT_ONCE)
    }

    /// Packs some channels of rows `first_row..`, taps innermost.
    fn pack_channels<T: Element>(
        &self,
        isa: Isa,
        filter: &[T],
        first_row: usize,
        channels: Range<usize>,
        packed: &mut [f32],
    ) {
        let gemm_k = self.gather.gemm_k();
        let end_row = first_row + packed.len() / gemm_k;
        let mut row = first_row;
        while row < end_row {
            // Rows of one group are equidistant.
            let rows = (self.gemm_m - row % self.gemm_m).min(end_row - row);
            let begin = self.row_begin(row) + channels.start * self.channel_stride;
            let block = FilterBlock {
                data: &filter[begin..],
                rows,
                row_stride: self.row_stride,
                channels: channels.len(),
                channel_stride: self.channel_stride,
                tap_offsets: &self.tap_offsets,
            };
            let to = (row - first_row) * gemm_k + channels.start * self.tap_offsets.len();
            pack_filter_block(isa, block, &mut packed[to..], gemm_k);
            row += rows;
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

/// Packs the filters of the phases of a problem, each with all its groups, one behind the other.
///
/// # Errors
/// What the threads report.
pub fn pack_filters<'a, T: Element>(
    isa: Isa,
    threads: NonZeroUsize,
    groups: usize,
    phases: impl Iterator<Item = &'a FilterMatrix>,
    filter: &[T],
    packed: &mut [f32],
) -> Result<()> {
    /// Floats a thread packs at a time: 512 KiB. With fewer rows it would read but a line or two
    /// from each page of a filter of many channels.
    const PIECE_ELEMS: usize = 1 << 17;
    let mut of_phases = Vec::new();
    let mut rest = packed;
    for phase in phases {
        let (of_phase, after) = rest.split_at_mut(groups * phase.gemm_m * phase.gather.gemm_k());
        rest = after;
        if !of_phase.is_empty() {
            of_phases.push((phase, of_phase));
        }
    }
    let row_elems: usize = of_phases.iter().map(|(phase, _)| phase.gather.gemm_k()).sum();
    let rows_per_part = (PIECE_ELEMS / row_elems.max(1)).max(1);
    // All phases of some rows: what they read lies side by side.
    let mut parts: Vec<Vec<_>> = Vec::new();
    for (phase, of_phase) in of_phases {
        let rows = of_phase.chunks_mut(rows_per_part * phase.gather.gemm_k());
        for (index, rows) in rows.enumerate() {
            if parts.len() == index {
                parts.push(Vec::new());
            }
            parts[index].push((phase, rows));
        }
    }
    pool::for_each(
        threads,
        parts.into_iter().enumerate().collect(),
        || Ok(()),
        |(), (index, mut part)| {
            let first_row = index * rows_per_part;
            let (first, _) = &part[0];
            if first.gather.order == Order::ChannelInner {
                for (phase, rows) in part {
                    phase.pack_rows(isa, filter, first_row, rows);
                }
                return Ok(());
            }
            for channels in first.channel_blocks() {
                for (phase, rows) in &mut part {
                    phase.pack_channels(isa, filter, first_row, channels.clone(), rows);
                }
            }
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
