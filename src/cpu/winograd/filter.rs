//! The transformed filter of a Winograd convolution, piece by piece.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::shape::{Blocking, WinogradShape, position_elems};
use crate::cpu::filter::FilterMatrix;
use crate::cpu::gather::Gather;
use crate::cpu::isa::Isa;
use crate::cpu::ukernel::{FilterRows, Form, transform_filter};
use crate::problem::{ConvProblem, Direction, Role};

/// Filter rows that are packed together: in backward-data a cache line has parts of two or three,
/// and is read once for all of them.
const ROWS_PACKED: usize = 8;

/// Transformed channels of a row are whole vectors, of 16 floats at most.
const CHANNELS_STEP: usize = 16;

/// How pieces of the filter, some rows and some channels of a group, are transformed.
pub struct FilterPieces {
    isa: Isa,
    form: Form,
    matrix: FilterMatrix,
    /// Where the weights of sub-filters lie, if the filter is cut into such.
    subfilters: Option<SubfilterWeights>,
    /// Rows of a group, and channels of each.
    rows: usize,
    channels: usize,
    /// Rows and channels of a piece.
    piece_rows: usize,
    piece_channels: usize,
    /// Whether the filter runs against the direction of the tiles.
    is_reversed: bool,
    /// Distance of groups, rows and channels, where taps are contiguous floats.
    strides: Option<[usize; 3]>,
}

impl FilterPieces {
    /// The pieces of `problem`'s filter, in the order of the reduction of `gather`, which has all taps; or of
    /// its sub-filters, if it is cut.
    pub fn new(
        problem: &ConvProblem,
        gather: &Gather,
        subfilters: &[Gather],
        shape: &WinogradShape,
        blocking: &Blocking,
        isa: Isa,
    ) -> Self {
        let taps = &gather.axes[1].taps;
        let subfilters = shape.is_cut.then(|| SubfilterWeights::new(problem, subfilters, shape));
        FilterPieces {
            isa,
            form: shape.form,
            matrix: FilterMatrix::new(problem, gather),
            is_reversed: !shape.is_cut && taps[0].offset > taps[1].offset,
            strides: contiguous_strides(problem, shape.form).filter(|_| !shape.is_cut),
            subfilters,
            rows: shape.rows,
            channels: shape.channels,
            piece_rows: blocking.piece_rows,
            piece_channels: blocking.channels,
        }
    }

    /// Floats from one row of a transformed piece to the next, for each part of a matrix.
    pub fn row_stride(&self) -> usize {
        self.piece_channels.next_multiple_of(CHANNELS_STEP)
    }

    /// Floats from one position of a transformed piece to the next.
    pub fn position_stride(&self) -> usize {
        position_elems(self.piece_rows * self.row_stride())
    }

    /// Floats of a transformed piece.
    pub fn elems(&self) -> usize {
        self.form.weights() * self.position_stride()
    }

    /// Floats of the scratch of [`FilterPieces::transform`].
    pub fn packed_elems(&self) -> usize {
        let taps = self.form.taps() * self.form.taps();
        if self.strides.is_some() { 0 } else { ROWS_PACKED * self.packed_channels() * taps }
    }

    /// Channels of a row that are packed together.
    fn packed_channels(&self) -> usize {
        if self.subfilters.is_some() { self.piece_channels } else { self.channels }
    }

    /// Transforms a piece: position, row, channel.
    pub fn transform(
        &self,
        filter: &[f32],
        group: usize,
        rows: Range<usize>,
        channels: Range<usize>,
        packed: &mut [f32],
        out: &mut [f32],
    ) {
        if let Some([group_stride, row_stride, channel_stride]) = self.strides {
            let first =
                group * group_stride + rows.start * row_stride + channels.start * channel_stride;
            let strides = [row_stride, channel_stride];
            let rows = 0..rows.len();
            self.transform_rows(&filter[first..], strides, rows, channels.len(), out);
            return;
        }
        let taps = self.form.taps() * self.form.taps();
        let row_elems = self.packed_channels() * taps;
        for first in rows.clone().step_by(ROWS_PACKED) {
            let count = ROWS_PACKED.min(rows.end - first);
            let packed = &mut packed[..count * row_elems];
            let data = match &self.subfilters {
                Some(subfilters) => {
                    for (row, packed) in (first..).zip(packed.chunks_exact_mut(row_elems)) {
                        subfilters.pack(filter, [group, row], channels.clone(), packed);
                    }
                    &packed[..]
                }
                None => {
                    self.matrix.pack_rows(self.isa, filter, group * self.rows + first, packed);
                    &packed[channels.start * taps..]
                }
            };
            let rows = first - rows.start..first - rows.start + count;
            self.transform_rows(data, [row_elems, taps], rows, channels.len(), out);
        }
    }

    /// Transforms filters with contiguous taps to some rows of a piece.
    fn transform_rows(
        &self,
        data: &[f32],
        [row_stride, channel_stride]: [usize; 2],
        rows: Range<usize>,
        channels: usize,
        out: &mut [f32],
    ) {
        let is_reversed = self.is_reversed;
        let (first_row, rows) = (rows.start, rows.len());
        let filters =
            FilterRows { data, first_row, rows, row_stride, channels, channel_stride, is_reversed };
        let strides = [self.position_stride(), self.row_stride()];
        transform_filter(self.isa, self.form, filters, out, strides);
    }
}

/// Where the weights of sub-filters lie, see [`Gather::subfilters`] and [`Gather::phase_windows`]. Channel
/// `s * channels + c` of the reduction is channel c of sub-filter s; or row `s * rows + r` is row r of it.
struct SubfilterWeights {
    /// Distance of groups, rows and channels.
    strides: [usize; 3],
    /// Rows and channels of a sub-filter: either has those of the whole.
    rows: usize,
    channels: usize,
    /// Of each sub-filter where its taps lie, by rising inputs; `None` weighs nothing.
    taps: Vec<Vec<Option<usize>>>,
}

impl SubfilterWeights {
    fn new(problem: &ConvProblem, subfilters: &[Gather], shape: &WinogradShape) -> Self {
        let w = problem.tensor5(Role::W);
        let spatial: [(usize, usize); 2] =
            [1, 2].map(|dim| (w.spatial_lengths()[dim], w.spatial_strides()[dim]));
        let places = |subfilter: &Gather| {
            let [of_h, of_w] = [1, 2].map(|dim| {
                let (len, stride) = spatial[dim - 1];
                let place = move |index: usize| (index < len).then_some(index * stride);
                subfilter.axes[dim].taps.iter().map(move |tap| place(tap.filter_index))
            });
            let of_w: Vec<_> = of_w.collect();
            let line = |y: Option<usize>| of_w.iter().map(move |x| y.zip(*x).map(|(y, x)| y + x));
            of_h.flat_map(line).collect()
        };
        SubfilterWeights {
            strides: weight_strides(problem),
            rows: shape.rows / shape.row_phases,
            channels: shape.channels / shape.subfilters,
            taps: subfilters.iter().map(places).collect(),
        }
    }

    /// Packs some channels of a row, taps innermost.
    fn pack(
        &self,
        filter: &[f32],
        [group, row]: [usize; 2],
        channels: Range<usize>,
        packed: &mut [f32],
    ) {
        let [group_stride, row_stride, channel_stride] = self.strides;
        let (of_row, row) = (row / self.rows, row % self.rows);
        let filter = &filter[group * group_stride + row * row_stride..];
        let taps = self.taps[0].len();
        for (channel, packed) in channels.zip(packed.chunks_exact_mut(taps)) {
            let (subfilter, channel) = (of_row + channel / self.channels, channel % self.channels);
            let filter = &filter[channel * channel_stride..];
            for (weight, tap) in packed.iter_mut().zip(&self.taps[subfilter]) {
                *weight = tap.map_or(0.0, |tap| filter[tap]);
            }
        }
    }
}

/// Distance of groups, rows and channels.
fn weight_strides(problem: &ConvProblem) -> [usize; 3] {
    let [k_stride, c_stride, ..] = problem.tensor5(Role::W).strides;
    let group_stride = problem.k() / problem.groups() * k_stride;
    match problem.direction() {
        Direction::Bwd => [group_stride, c_stride, k_stride],
        Direction::Fwd | Direction::Wrw => [group_stride, k_stride, c_stride],
    }
}

/// Distance of groups, rows and channels, where taps are contiguous floats.
pub(super) fn contiguous_strides(problem: &ConvProblem, form: Form) -> Option<[usize; 3]> {
    let [.., y_stride, x_stride] = problem.tensor5(Role::W).strides;
    (x_stride == 1 && y_stride == form.taps()).then(|| weight_strides(problem))
}
