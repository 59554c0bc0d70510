//! The input of a box of outputs as tiles: a vector of channels for each pixel, padding and all.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::cpu::arena::{self, Piece};
use crate::cpu::element::{Element, Output};
use crate::cpu::gather::{Gather, PixelBox, Tap};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::BoxLengths;
use crate::cpu::ukernel::{
    ChannelPlanes, Line, LineShape, PixelTap, TILE_SLACK_PIXELS, stage_tile, tile_lanes,
    unstage_tile,
};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut, merge_dims};
use crate::problem::Tensor5;

/// Where the pixels of a box lie in a tile: all coordinates from the lowest to the highest that
/// some tap meets at some output of the box.
#[derive(Clone, Debug)]
pub struct TileLayout {
    /// Lowest offset of any tap, in d, h, w.
    lowest: [i64; 3],
    /// Distance of neighbouring outputs in the tile, in d, h, w.
    pub steps: [usize; 3],
    /// Coordinates of the largest box.
    pub lengths: [usize; 3],
}

/// What is staged for one box.
#[derive(Clone, Debug)]
pub struct StagedBox {
    pub pixels: PixelBox,
    shape: LineShape,
    /// Sources count from the begin of a channel.
    lines: Vec<Line>,
    /// The same where the runs lie one behind the other.
    packed_lines: Vec<Line>,
    /// What is read of a channel.
    runs: Vec<Range<usize>>,
}

impl TileLayout {
    /// For boxes of up to `lengths`; the gathers differ in nothing but taps and lengths.
    pub fn new(gathers: &[Gather], lengths: &BoxLengths) -> Self {
        let offsets = |dim: usize| {
            let taps = gathers.iter().flat_map(move |gather| &gather.axes[dim].taps);
            taps.map(|tap| tap.offset)
        };
        let lowest = [0, 1, 2].map(|dim| offsets(dim).min().unwrap_or(0));
        let highest = [0, 1, 2].map(|dim| offsets(dim).max().unwrap_or(0));
        let steps = [0, 1, 2].map(|dim| gathers[0].axes[dim].step);
        let lengths = [0, 1, 2].map(|dim| {
            let halo = (highest[dim] - lowest[dim]) as usize;
            (lengths.spatial[dim] - 1).saturating_mul(steps[dim]).saturating_add(halo + 1)
        });
        TileLayout { lowest, steps, lengths }
    }

    /// Pixels of a tile with the room that staging needs.
    pub fn pixels(&self) -> usize {
        let pixels = self.lengths.iter().fold(1, |all: usize, &len| all.saturating_mul(len));
        pixels.saturating_add(TILE_SLACK_PIXELS)
    }

    /// Distances of neighbouring pixels in d, h, w.
    pub fn strides(&self) -> [usize; 3] {
        [self.lengths[1] * self.lengths[2], self.lengths[2], 1]
    }

    /// The taps of a gather, w fastest; filters are `filter_lengths`, w fastest.
    pub fn taps(&self, gather: &Gather, filter_lengths: [usize; 3], lanes: usize) -> Vec<PixelTap> {
        let strides = self.strides();
        let filter_strides = [filter_lengths[1] * filter_lengths[2], filter_lengths[2], 1];
        let mut taps = vec![PixelTap { weights: 0, input: 0 }];
        for (dim, axis) in gather.axes.iter().enumerate() {
            let at = |tap: &Tap| {
                let input = (tap.offset - self.lowest[dim]) as usize * strides[dim];
                [tap.filter_index * filter_strides[dim] * lanes, input * lanes]
            };
            taps = taps
                .into_iter()
                .flat_map(|outer| {
                    axis.taps.iter().map(at).map(move |[weights, input]| PixelTap {
                        weights: outer.weights + weights,
                        input: outer.input + input,
                    })
                })
                .collect();
        }
        taps
    }

    /// What is staged for a box of the outputs of `gather`; pixels of a line must be contiguous.
    pub fn staged(&self, gather: &Gather, pixels: PixelBox) -> StagedBox {
        // For each dimension where the tile begins, and which of its coordinates exist.
        let origins = [0, 1, 2].map(|dim| {
            pixels.o[dim].start as i64 * gather.axes[dim].step as i64 + self.lowest[dim]
        });
        let inside = [0, 1, 2].map(|dim| {
            let len = self.lengths[dim] as i64;
            let begin = (-origins[dim]).clamp(0, len);
            let end = (gather.axes[dim].in_len as i64 - origins[dim]).clamp(begin, len);
            begin as usize..end as usize
        });
        let offset = |dim: usize, at: usize| {
            let exists = inside[dim].contains(&at);
            let coordinate = (origins[dim] + at as i64) as usize;
            exists.then(|| coordinate * gather.axes[dim].in_stride)
        };
        let mut shape = LineShape {
            before: inside[2].start,
            len: inside[2].len(),
            total: self.lengths[2],
            stride: 1,
        };
        let mut lines = Vec::new();
        for d in 0..self.lengths[0] {
            for h in 0..self.lengths[1] {
                let outer = offset(0, d).zip(offset(1, h)).zip(offset(2, inside[2].start));
                let from = outer.map(|((d, h), w)| d + h + w);
                lines.push(((d * self.lengths[1] + h) * self.lengths[2], from));
            }
        }
        let is_one = shape.len == shape.total
            && lines.iter().all(|line| line.1.is_some())
            && lines.windows(2).all(|pair| pair[1].1 == pair[0].1.map(|from| from + shape.len));
        if is_one {
            shape.len *= lines.len();
            shape.total = shape.len;
            lines.truncate(1);
        }
        let (runs, packed_lines) = runs_of(&lines, shape.len);
        StagedBox { pixels, shape, lines, packed_lines, runs }
    }
}

/// The runs that cover the sources of lines of `len`, and the lines as they are once the runs are
/// brought together: one run from the first to the last element, unless half of it were for nothing.
fn runs_of(lines: &[Line], len: usize) -> (Vec<Range<usize>>, Vec<Line>) {
    let sources = || lines.iter().filter_map(|line| line.1);
    let (first, last) = (sources().min().unwrap_or(0), sources().max().unwrap_or(0));
    let span = first..last + len;
    if span.len() <= 2 * len * sources().count() {
        let packed = lines.iter().map(|&(to, from)| (to, from.map(|from| from - first)));
        return (vec![span], packed.collect());
    }
    let mut runs = Vec::new();
    let mut packed = Vec::new();
    for &(to, from) in lines {
        packed.push((to, from.map(|_| runs.len() * len)));
        runs.extend(from.map(|from| from..from + len));
    }
    (runs, packed)
}

impl StagedBox {
    /// Floats that [`StagedBox::stage`] needs for the runs of a channel that are not f32.
    pub fn packed_elems(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// Fills a tile from channels that begin at `first`, `stride` apart. `packed` has
    /// [`StagedBox::packed_elems`] for each lane.
    pub fn stage<T: Element>(
        &self,
        isa: Isa,
        input: &[T],
        [first, channels, stride]: [usize; 3],
        packed: &mut [f32],
        tile: &mut [f32],
    ) {
        if let Some(data) = T::as_f32(input) {
            let planes = ChannelPlanes { data, first, channels, stride };
            stage_tile(isa, planes, &self.lines, self.shape, tile);
            return;
        }
        let of_channel = self.packed_elems();
        for channel in 0..channels {
            let mut rest = &mut packed[channel * of_channel..];
            for run in &self.runs {
                let (wide, after) = rest.split_at_mut(run.len());
                T::widen(&input[first + channel * stride..][run.clone()], wide);
                rest = after;
            }
        }
        let data = &packed[..channels * of_channel];
        let planes = ChannelPlanes { data, first: 0, channels, stride: of_channel };
        stage_tile(isa, planes, &self.packed_lines, self.shape, tile);
    }
}

/// Writes a tile whose pixels are those of `out` in order; `channel_dim` is the dimension of `out`
/// that the lanes are. `rows` holds the tile once more, for results that are not contiguous f32.
pub fn store_lanes<O: Output<f32>>(
    isa: Isa,
    tile: &[f32],
    mut out: TensorMut<'_, O>,
    channel_dim: usize,
    rows: &mut [f32],
) {
    let lengths = out.lengths();
    let channels = lengths[channel_dim];
    let is_contiguous =
        |matrix: &MatrixMut<'_, O>| matrix.shape().1 == 1 || matrix.strides().1 == 1;
    let direct = out.as_matrix(channel_dim).filter(is_contiguous).and_then(O::as_f32_matrix);
    if let Some(mut matrix) = direct {
        unstage_tile(isa, tile, &mut matrix);
        return;
    }
    let pixels = lengths.iter().product::<usize>() / channels;
    let rows = &mut rows[..channels * pixels];
    unstage_tile(isa, tile, &mut MatrixMut::row_major(rows, channels, pixels));
    if let Some(mut matrix) = out.as_matrix(channel_dim).filter(is_contiguous) {
        for (channel, row) in rows.chunks_exact(pixels).enumerate() {
            if let Some(to) = matrix.row(channel) {
                O::from_sums(row, to);
            }
        }
        return;
    }
    let mut lines = rows.chunks_exact(lengths[4]);
    for channel in 0..channels {
        for d in 0..lengths[2] {
            for (h, line) in (0..lengths[3]).zip(&mut lines) {
                let mut at = [0, 0, d, h, 0];
                at[channel_dim] = channel;
                let mut lane = out.lane(4, at);
                match lane.as_slice() {
                    Some(elements) => O::from_sums(line, elements),
                    None => lane.fill_with(|w| O::from_sum(line[w])),
                }
            }
        }
    }
}

/// The filters as f32, each without gaps, in the order of output channels: as they lie, or
/// `widened`.
///
/// # Errors
/// `AllocFailed` where memory is short.
pub fn filters<'a, T: Element>(
    filter: &'a [T],
    tensor: &Tensor5,
    widened: &'a mut Piece,
) -> Result<&'a [f32]> {
    let [k, _, z, y, x] = tensor.lengths;
    let [k_stride, _, z_stride, y_stride, x_stride] = tensor.strides;
    let elems = k * z * y * x;
    let dims = [0, 2, 3, 4].map(|dim| (tensor.lengths[dim], tensor.strides[dim]));
    let is_packed = merge_dims(&dims).is_some_and(|(len, stride)| len == 1 || stride == 1);
    if let Some(filters) = T::as_f32(filter).filter(|_| is_packed) {
        return Ok(&filters[..elems]);
    }
    *widened = arena::take(elems)?;
    if is_packed {
        T::widen(&filter[..elems], widened);
        return Ok(widened);
    }
    let mut at = 0;
    for k in 0..k {
        for z in 0..z {
            for y in 0..y {
                for x in 0..x {
                    let from = k * k_stride + z * z_stride + y * y_stride + x * x_stride;
                    widened[at] = filter[from].to_f32();
                    at += 1;
                }
            }
        }
    }
    Ok(widened)
}

/// Whether `predicate` holds for any value. Looks at all of them: without an early exit the loop
/// vectorises.
pub fn any(values: &[f32], predicate: impl Fn(f32) -> bool) -> bool {
    values.iter().fold(false, |found, &value| found | predicate(value))
}

/// Weights of some channels as vectors, tap after tap: filters begin at `first`, `stride` apart.
pub fn stage_weights(
    isa: Isa,
    filters: &[f32],
    [first, channels, stride]: [usize; 3],
    taps: usize,
    weights: &mut [f32],
) {
    let planes = ChannelPlanes { data: filters, first, channels, stride };
    let shape = LineShape { before: 0, len: taps, total: taps, stride: 1 };
    stage_tile(isa, planes, &[(0, Some(0))], shape, weights);
}

/// Floats that [`stage_weights`] needs.
pub fn weights_elems(isa: Isa, taps: usize) -> usize {
    (taps + TILE_SLACK_PIXELS) * tile_lanes(isa)
}
