//! The virtual im2col matrix: which input element belongs to which tap and pixel.
//!
//! One geometry serves all three directions. In each spatial dimension an
//! output index o and a tap meet at the input coordinate `o * step + offset`:
//! - forward, and the x side of backward-weights: step is the stride, the
//!   offset of tap t is `t * dilation - pad`;
//! - backward-data: the input is dy. Output indices of dx fall into phases by
//!   their remainder r modulo the stride; index `r + stride * q` meets tap t,
//!   if `r + pad - t * dilation` divides by the stride, at
//!   `q + (r + pad - t * dilation) / stride`. So each phase is a gather of its
//!   own, with step 1 and the taps that divide.
//!
//! Row kk of the matrix is a pair of channel and tap, a column is a pixel of
//! the output. Blocks of it are packed straight from the tensor; the whole
//! never exists.
#![forbid(unsafe_code)]

mod phases;
mod regions;
mod subfilters;

use std::ops::Range;
use std::sync::Arc;

use super::element::Element;
use crate::memory::{MatrixRef, merge_dims};
use crate::problem::{ConvProblem, Role, Tensor5};
pub use phases::{gathers_of, split_dilated, split_outer_phases, split_phases};
pub use regions::Regions;
pub use subfilters::{axis_subfilters, stride_window};

/// One filter position in one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Index into the filter.
    pub filter_index: usize,
    /// Input coordinate at output index 0; may be negative.
    pub offset: i64,
}

/// One spatial dimension of the gather.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Number of output indices.
    pub out_len: usize,
    /// Input coordinates from one output index to the next.
    pub step: usize,
    /// Input coordinates.
    pub in_len: usize,
    /// Distance of neighbouring input coordinates in elements.
    pub in_stride: usize,
    /// The taps, by rising filter index.
    pub taps: Vec<Tap>,
}

impl Axis {
    /// Those of `outputs` for which the tap falls inside the input. Never
    /// reversed; empty where there is none.
    pub fn inside(&self, tap: Tap, outputs: &Range<usize>) -> Range<usize> {
        let step = self.step as i64;
        // o * step + offset in 0..in_len, solved for o.
        let begin = if tap.offset >= 0 { 0 } else { (-tap.offset + step - 1) / step };
        let room = self.in_len as i64 - tap.offset;
        let end = if room <= 0 { 0 } else { (room + step - 1) / step };
        let clamp = |value: i64| (value as usize).clamp(outputs.start, outputs.end);
        let begin = clamp(begin);
        begin..clamp(end).max(begin)
    }

    /// Element offset of the input coordinate of output `o` at `tap`, if it is inside.
    pub fn offset_at(&self, tap: Tap, o: usize) -> Option<usize> {
        let coordinate = o as i64 * self.step as i64 + tap.offset;
        let is_inside = (0..self.in_len as i64).contains(&coordinate);
        is_inside.then(|| coordinate as usize * self.in_stride)
    }

    /// Element offset of the input coordinate of output `o` at `tap`, which must be inside.
    pub fn input_offset(&self, tap: Tap, o: usize) -> usize {
        (o as i64 * self.step as i64 + tap.offset) as usize * self.in_stride
    }
}

/// Which index runs fastest along the reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// kk = channel * taps + tap; packed in rows of pixels. For inputs with contiguous rows.
    TapInner,
    /// kk = tap * channels + channel; packed in columns. For inputs with contiguous channels.
    ChannelInner,
}

/// A rectangle of output pixels, numbered with w fastest and n slowest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelBox {
    /// Images.
    pub n: Range<usize>,
    /// Output indices in d, h, w.
    pub o: [Range<usize>; 3],
}

impl PixelBox {
    /// Number of pixels.
    pub fn len(&self) -> usize {
        self.n.len() * self.o.iter().map(Range::len).product::<usize>()
    }
}

/// The gather of one group; the group's channels begin at the slice that methods get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    /// d, h, w. Shared, since gathers are cloned and taps may be many.
    pub axes: Arc<[Axis; 3]>,
    /// Channels per group.
    pub channels: usize,
    /// Distance of neighbouring images in elements.
    pub n_stride: usize,
    /// Distance of neighbouring channels in elements.
    pub channel_stride: usize,
    /// Order of the reduction.
    pub order: Order,
}

/// A reduction index taken apart.
#[derive(Clone, Copy, Debug)]
pub struct ReduceIndex {
    /// Channel within the group.
    pub channel: usize,
    /// Number of the tap, w fastest.
    pub tap: usize,
}

impl Gather {
    /// The gather over x: of forward and backward-weights.
    pub fn over_x(problem: &ConvProblem) -> Self {
        let axis = |dim: usize, x: &Tensor5| Axis {
            out_len: problem.out_spatial()[dim],
            step: problem.strides()[dim],
            in_len: x.spatial_lengths()[dim],
            in_stride: x.spatial_strides()[dim],
            taps: (0..problem.filter_spatial()[dim])
                .map(|t| Tap {
                    filter_index: t,
                    offset: (t * problem.dilations()[dim]) as i64 - problem.pads()[dim] as i64,
                })
                .collect(),
        };
        let x = problem.tensor5(Role::X);
        Self::new(x, [axis(0, x), axis(1, x), axis(2, x)], problem.groups())
    }

    /// The trivial gather over dy: one tap, so a row is a channel and a column a pixel.
    pub fn pixels_of_y(problem: &ConvProblem) -> Self {
        let y = problem.tensor5(Role::Y);
        let axes = [0, 1, 2].map(|dim| Axis {
            out_len: y.spatial_lengths()[dim],
            step: 1,
            in_len: y.spatial_lengths()[dim],
            in_stride: y.spatial_strides()[dim],
            taps: vec![Tap { filter_index: 0, offset: 0 }],
        });
        Self::new(y, axes, problem.groups())
    }

    /// The same gather over some of a group's channels, and their offset in the group's slice.
    pub fn some_channels(&self, channels: &Range<usize>) -> (Self, usize) {
        let part = Gather { channels: channels.len(), ..self.clone() };
        (part, channels.start * self.channel_stride)
    }

    fn new(input: &Tensor5, axes: [Axis; 3], groups: usize) -> Self {
        let channels = input.lengths[1] / groups;
        // Packing copies runs: of channels, where those are contiguous.
        let order = if input.strides[1] == 1 && channels > 1 {
            Order::ChannelInner
        } else {
            Order::TapInner
        };
        Gather {
            axes: Arc::new(axes),
            channels,
            n_stride: input.strides[0],
            channel_stride: input.strides[1],
            order,
        }
    }

    /// Number of taps.
    pub fn taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.taps.len()).product()
    }

    /// Length of the reduction over channels and taps.
    pub fn gemm_k(&self) -> usize {
        self.channels * self.taps()
    }

    /// What packing one element costs, in multiply-adds of the GEMM: a copy of
    /// 0.3 ns, or 0.8 ns where elements are apart, and 5 ns for each run, at
    /// 48 multiply-adds a nanosecond (AVX2 at 3 GHz).
    pub fn pack_cost(&self) -> f64 {
        let axis_w = &self.axes[2];
        let (stride, run_len) = match self.order {
            Order::TapInner => (axis_w.step.saturating_mul(axis_w.in_stride), axis_w.out_len),
            Order::ChannelInner => (self.channel_stride, self.channels),
        };
        let per_element_ns = if stride == 1 { 0.3 } else { 0.8 };
        48.0 * (per_element_ns + 5.0 / run_len as f64)
    }

    /// Where the channels of a group begin in the tensor.
    pub fn group_offset(&self, group: usize) -> usize {
        group * self.channels * self.channel_stride
    }

    /// All output pixels of `images` images.
    pub fn all_pixels(&self, images: usize) -> PixelBox {
        let [d, h, w] = &*self.axes;
        PixelBox { n: 0..images, o: [0..d.out_len, 0..h.out_len, 0..w.out_len] }
    }

    /// Whether some tap at some pixel falls outside the input.
    pub fn touches_padding(&self, pixels: &PixelBox) -> bool {
        self.axes
            .iter()
            .zip(&pixels.o)
            .any(|(axis, outputs)| axis.taps.iter().any(|&t| axis.inside(t, outputs) != *outputs))
    }

    /// Takes a reduction index apart.
    pub fn reduce_index(&self, kk: usize) -> ReduceIndex {
        let taps = self.taps();
        let (channel, tap) = match self.order {
            Order::TapInner => (kk / taps, kk % taps),
            Order::ChannelInner => (kk % self.channels, kk / self.channels),
        };
        ReduceIndex { channel, tap }
    }

    /// The tap of a reduction index in each dimension.
    fn taps_at(&self, index: ReduceIndex) -> [Tap; 3] {
        let [_, taps_h, taps_w] = [0, 1, 2].map(|dim| self.axes[dim].taps.len());
        let tap = [index.tap / (taps_h * taps_w), index.tap / taps_w % taps_h, index.tap % taps_w];
        [0, 1, 2].map(|dim| self.axes[dim].taps[tap[dim]])
    }

    /// Calls `visit` with each tap that falls inside the input at a pixel (n, d, h, w), by its
    /// number, and with the offset of what it meets there in the first channel.
    pub fn taps_inside(&self, [n, d, h, w]: [usize; 4], mut visit: impl FnMut(usize, usize)) {
        let [axis_d, axis_h, axis_w] = &*self.axes;
        let mut tap = 0;
        for &tap_d in &axis_d.taps {
            let at_d = axis_d.offset_at(tap_d, d);
            for &tap_h in &axis_h.taps {
                let at_h = at_d.zip(axis_h.offset_at(tap_h, h));
                for &tap_w in &axis_w.taps {
                    if let Some(((at_d, at_h), at_w)) = at_h.zip(axis_w.offset_at(tap_w, w)) {
                        visit(tap, n * self.n_stride + at_d + at_h + at_w);
                    }
                    tap += 1;
                }
            }
        }
    }

    /// The block as a matrix that needs no packing: f32, one tap, all of it
    /// inside, pixels at one common distance.
    pub fn direct<'a, T: Element>(
        &self,
        group_input: &'a [T],
        kk: &Range<usize>,
        pixels: &PixelBox,
    ) -> Option<MatrixRef<'a, f32>> {
        let input = T::as_f32(group_input)?;
        if self.taps() != 1 || self.touches_padding(pixels) {
            return None;
        }
        let axis_dim = |dim: usize| {
            let axis = &self.axes[dim];
            (pixels.o[dim].len(), axis.step.saturating_mul(axis.in_stride))
        };
        let dims = [(pixels.n.len(), self.n_stride), axis_dim(0), axis_dim(1), axis_dim(2)];
        let (cols, col_stride) = merge_dims(&dims)?;
        let mut offset = pixels.n.start * self.n_stride + kk.start * self.channel_stride;
        for (axis, outputs) in self.axes.iter().zip(&pixels.o) {
            offset += axis.input_offset(axis.taps[0], outputs.start);
        }
        Some(MatrixRef::new(&input[offset..], kk.len(), cols, self.channel_stride, col_stride))
    }

    /// Packs rows `kk` and columns `pixels` into `packed`, and returns the
    /// matrix of that shape; padding becomes zeros.
    ///
    /// # Panics
    /// Where `packed` is shorter than `kk.len() * pixels.len()`.
    pub fn pack<'p, T: Element>(
        &self,
        group_input: &[T],
        kk: &Range<usize>,
        pixels: &PixelBox,
        packed: &'p mut [f32],
    ) -> MatrixRef<'p, f32> {
        let (rows, cols) = (kk.len(), pixels.len());
        let packed = &mut packed[..rows * cols];
        match self.order {
            Order::TapInner => {
                // The reduction visits the taps in turn.
                let taps = self.taps();
                let placed: Vec<PlacedTap> = (0..taps.min(rows))
                    .map(|i| self.place((kk.start + i) % taps, pixels))
                    .collect();
                for row in 0..rows {
                    let channel = (kk.start + row) / taps;
                    let tap = &placed[row % taps];
                    self.pack_row(group_input, channel, tap, pixels, &mut packed[row * cols..]);
                }
                MatrixRef::new(packed, rows, cols, cols, 1)
            }
            Order::ChannelInner => {
                if rows > 0 {
                    self.pack_columns(group_input, kk, pixels, packed);
                }
                MatrixRef::new(packed, rows, cols, 1, rows)
            }
        }
    }

    /// Where in a box of pixels a tap falls inside the input.
    fn place(&self, tap: usize, pixels: &PixelBox) -> PlacedTap {
        let taps = self.taps_at(ReduceIndex { channel: 0, tap });
        let inside = [0, 1, 2].map(|dim| self.axes[dim].inside(taps[dim], &pixels.o[dim]));
        PlacedTap { is_outside: inside.iter().any(Range::is_empty), taps, inside }
    }

    /// Packs one row to the beginning of `packed`; what follows there may be
    /// overwritten.
    fn pack_row<T: Element>(
        &self,
        group_input: &[T],
        channel: usize,
        tap: &PlacedTap,
        pixels: &PixelBox,
        packed: &mut [f32],
    ) {
        if tap.is_outside {
            packed[..pixels.len()].fill(0.0);
            return;
        }
        let [axis_d, axis_h, axis_w] = &*self.axes;
        let [inside_d, inside_h, inside_w] = &tap.inside;
        let [len_h, len_w] = [pixels.o[1].len(), pixels.o[2].len()];
        let run_stride = axis_w.step.saturating_mul(axis_w.in_stride);
        let (begin, end) = (inside_w.start - pixels.o[2].start, inside_w.end - pixels.o[2].start);
        let offset_w = axis_w.input_offset(tap.taps[2], inside_w.start);

        let mut at = 0;
        for n in pixels.n.clone() {
            for d in pixels.o[0].clone() {
                if !inside_d.contains(&d) {
                    packed[at..at + len_h * len_w].fill(0.0);
                    at += len_h * len_w;
                    continue;
                }
                let plane = n * self.n_stride
                    + channel * self.channel_stride
                    + axis_d.input_offset(tap.taps[0], d)
                    + offset_w;
                for h in pixels.o[1].clone() {
                    if inside_h.contains(&h) {
                        let offset = plane + axis_h.input_offset(tap.taps[1], h);
                        zero_run(&mut packed[at..], begin);
                        let run = &mut packed[at + begin..];
                        copy_run(&group_input[offset..], run_stride, run, end - begin);
                        zero_run(&mut packed[at + end..], len_w - end);
                    } else {
                        zero_run(&mut packed[at..], len_w);
                    }
                    at += len_w;
                }
            }
        }
    }

    fn pack_columns<T: Element>(
        &self,
        group_input: &[T],
        kk: &Range<usize>,
        pixels: &PixelBox,
        packed: &mut [f32],
    ) {
        // The reduction range cut at tap boundaries: first channel, tap, number of channels.
        let mut runs = Vec::new();
        let mut at = kk.start;
        while at < kk.end {
            let ReduceIndex { channel, tap } = self.reduce_index(at);
            let len = (self.channels - channel).min(kk.end - at);
            runs.push((channel * self.channel_stride, self.place(tap, pixels), len));
            at += len;
        }
        let mut at = 0;
        for n in pixels.n.clone() {
            for d in pixels.o[0].clone() {
                for h in pixels.o[1].clone() {
                    for w in pixels.o[2].clone() {
                        for (channel_offset, tap, len) in &runs {
                            let run = &mut packed[at..];
                            at += len;
                            let [inside_d, inside_h, inside_w] = &tap.inside;
                            if !inside_w.contains(&w)
                                || !inside_h.contains(&h)
                                || !inside_d.contains(&d)
                            {
                                zero_run(run, *len);
                                continue;
                            }
                            let offset = n * self.n_stride
                                + channel_offset
                                + self.axes[0].input_offset(tap.taps[0], d)
                                + self.axes[1].input_offset(tap.taps[1], h)
                                + self.axes[2].input_offset(tap.taps[2], w);
                            copy_run(&group_input[offset..], self.channel_stride, run, *len);
                        }
                    }
                }
            }
        }
    }

    /// Calls `visit` for every input element in row `kk` that exists, with its
    /// offset in the group's slice and the number of the pixel.
    pub fn for_each_inside(
        &self,
        kk: usize,
        pixels: &PixelBox,
        mut visit: impl FnMut(usize, usize),
    ) {
        let index = self.reduce_index(kk);
        let taps = self.taps_at(index);
        let inside = [0, 1, 2].map(|dim| self.axes[dim].inside(taps[dim], &pixels.o[dim]));
        let [len_d, len_h, len_w] = [0, 1, 2].map(|dim| pixels.o[dim].len());
        for n in pixels.n.clone() {
            for d in inside[0].clone() {
                for h in inside[1].clone() {
                    for w in inside[2].clone() {
                        let pixel =
                            (((n - pixels.n.start) * len_d + d - pixels.o[0].start) * len_h + h
                                - pixels.o[1].start)
                                * len_w
                                + w
                                - pixels.o[2].start;
                        let offset = n * self.n_stride
                            + index.channel * self.channel_stride
                            + self.axes[0].input_offset(taps[0], d)
                            + self.axes[1].input_offset(taps[1], h)
                            + self.axes[2].input_offset(taps[2], w);
                        visit(offset, pixel);
                    }
                }
            }
        }
    }
}

/// A tap with respect to a box of pixels.
struct PlacedTap {
    /// The tap in d, h, w.
    taps: [Tap; 3],
    /// The output indices for which it falls inside the input.
    inside: [Range<usize>; 3],
    /// There are none.
    is_outside: bool,
}

/// Elements that short copies move at a time. A row of a small image is shorter
/// than a call of `memcpy` takes; so runs are copied in whole blocks, which may
/// spill behind their end. Packing goes from front to back, hence what a spill
/// destroys is not yet written.
const BLOCK: usize = 8;

/// Runs from this length on go to the library's copy.
const LONG_RUN: usize = 64;

/// `run[i] = src[i * stride]` for `len` elements; may spill up to a block.
fn copy_run<T: Element>(src: &[T], stride: usize, run: &mut [f32], len: usize) {
    let blocks = len.next_multiple_of(BLOCK);
    if stride != 1 && len > 1 {
        for (wide, narrow) in run[..len].iter_mut().zip(src.iter().step_by(stride)) {
            *wide = narrow.to_f32();
        }
    } else if len < LONG_RUN && blocks <= src.len() && blocks <= run.len() {
        let (src, _) = src[..blocks].as_chunks::<BLOCK>();
        let (run, _) = run[..blocks].as_chunks_mut::<BLOCK>();
        for (wide, narrow) in run.iter_mut().zip(src) {
            T::widen(narrow, wide);
        }
    } else {
        T::widen(&src[..len], &mut run[..len]);
    }
}

/// Zeros `len` elements; may spill up to a block.
fn zero_run(run: &mut [f32], len: usize) {
    let blocks = len.next_multiple_of(BLOCK);
    if blocks <= run.len() {
        for block in run[..blocks].as_chunks_mut::<BLOCK>().0 {
            *block = [0.0; BLOCK];
        }
    } else {
        run[..len].fill(0.0);
    }
}
