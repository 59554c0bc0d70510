//! Planes: the input of a box of pixels as contiguous f32 rows, padding and all.
//!
//! In one dimension, output o meets a tap of offset f at the coordinate
//! `o * step + f`. With `f = q * step + phase` that is index `o + q` of the
//! plane that holds every step-th coordinate from `phase` on. So once the input
//! is taken apart into planes, one for each phase that some tap needs, every
//! tap reads pixels at distance 1: strides, padding, type conversion and gaps
//! are dealt with once for each input element instead of once for each tap.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::cpu::element::Element;
use crate::cpu::gather::{Axis, Gather, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::BoxLengths;
use crate::cpu::ukernel::{LINE_SLACK_ELEMS, Line, LineShape, Segment, stage_lines, stage_pixels};

/// One dimension of the planes.
#[derive(Clone, Debug)]
struct PlaneAxis {
    step: i64,
    in_len: i64,
    in_stride: usize,
    /// Lowest q of any tap.
    first: i64,
    /// The phases that taps need.
    phases: Vec<i64>,
    /// Indices in a plane beyond the number of outputs.
    halo: usize,
    /// Phase (index into `phases`) and q - first of each tap.
    taps: Vec<(usize, usize)>,
}

impl PlaneAxis {
    fn new(axis: &Axis) -> Self {
        let step = axis.step as i64;
        let split = |offset: i64| (offset.rem_euclid(step), offset.div_euclid(step));
        let offsets: Vec<(i64, i64)> = axis.taps.iter().map(|tap| split(tap.offset)).collect();
        let mut phases: Vec<i64> = offsets.iter().map(|&(phase, _)| phase).collect();
        phases.sort_unstable();
        phases.dedup();
        let first = offsets.iter().map(|&(_, q)| q).min().unwrap_or(0);
        let last = offsets.iter().map(|&(_, q)| q).max().unwrap_or(0);
        let taps = offsets
            .iter()
            .map(|&(phase, q)| {
                let index = phases.iter().position(|&known| known == phase).unwrap_or(0);
                (index, (q - first) as usize)
            })
            .collect();
        PlaneAxis {
            step,
            in_len: axis.in_len as i64,
            in_stride: axis.in_stride,
            first,
            phases,
            halo: (last - first) as usize,
            taps,
        }
    }

    /// The input coordinate of a plane's index, for outputs from `o` on; it may not exist.
    fn coordinate(&self, o: usize, phase: i64, index: usize) -> i64 {
        (o as i64 + self.first + index as i64) * self.step + phase
    }

    /// That coordinate as an offset in elements, if it exists.
    fn offset(&self, o: usize, phase: i64, index: usize) -> Option<usize> {
        let coordinate = self.coordinate(o, phase, index);
        (0..self.in_len).contains(&coordinate).then(|| coordinate as usize * self.in_stride)
    }

    /// The indices, of the first `len`, whose coordinate exists.
    fn inside(&self, o: usize, phase: i64, len: usize) -> Range<usize> {
        let origin = self.coordinate(o, phase, 0);
        let begin = if origin >= 0 { 0 } else { (-origin + self.step - 1) / self.step };
        let room = self.in_len - origin;
        let end = if room <= 0 { 0 } else { (room + self.step - 1) / self.step };
        let begin = begin.min(len as i64) as usize;
        begin..(end.min(len as i64) as usize).max(begin)
    }
}

/// Where pixels and taps of one channel lie: in planes, or in the tensor itself.
#[derive(Clone, Debug)]
pub struct PixelLayout {
    /// Distance of neighbouring pixels in n, d, h; in w it is 1.
    pub strides: [usize; 3],
    /// Distance of neighbouring channels.
    pub channel_stride: usize,
    /// Offset of each tap, w fastest.
    pub tap_offsets: Vec<usize>,
}

impl PixelLayout {
    /// In the tensor itself: where no tap leaves it and pixels of a line are contiguous.
    pub fn of_tensor(gather: &Gather, images: usize) -> Option<PixelLayout> {
        let all = gather.all_pixels(images);
        let [d, h, w] = &*gather.axes;
        let is_contiguous = w.out_len == 1 || w.step * w.in_stride == 1;
        if !is_contiguous || gather.taps() == 0 || gather.touches_padding(&all) {
            return None;
        }
        let mut tap_offsets = vec![0];
        for axis in gather.axes.iter() {
            tap_offsets = tap_offsets
                .into_iter()
                .flat_map(|outer| {
                    // No tap leaves the input, so no offset is negative.
                    axis.taps.iter().map(move |tap| outer + tap.offset as usize * axis.in_stride)
                })
                .collect();
        }
        Some(PixelLayout {
            strides: [gather.n_stride, d.step * d.in_stride, h.step * h.in_stride],
            channel_stride: gather.channel_stride,
            tap_offsets,
        })
    }

    /// Where a box begins, from pixel 0 on.
    pub fn first_pixel(&self, pixels: &PixelBox) -> usize {
        let [n_stride, d_stride, h_stride] = self.strides;
        pixels.n.start * n_stride
            + pixels.o[0].start * d_stride
            + pixels.o[1].start * h_stride
            + pixels.o[2].start
    }

    /// The contiguous runs of a box of one image: where each begins, from the box's first pixel
    /// on, and their length.
    pub fn runs(&self, pixels: &PixelBox) -> (Vec<usize>, usize) {
        let [_, d_stride, h_stride] = self.strides;
        let [len_d, len_h, len_w] = [0, 1, 2].map(|dim| pixels.o[dim].len());
        let are_lines_one = len_h == 1 || h_stride == len_w;
        if are_lines_one && (len_d == 1 || d_stride == len_h * len_w) {
            return (vec![0], len_d * len_h * len_w);
        }
        let line = |d: usize| move |h: usize| d * d_stride + h * h_stride;
        ((0..len_d).flat_map(|d| (0..len_h).map(line(d))).collect(), len_w)
    }

    /// The segments of the panel of up to `columns` columns that begins with
    /// pixel `first` of `pixels`; offsets count from the box's first pixel.
    pub fn segments(
        &self,
        pixels: &PixelBox,
        first: usize,
        columns: usize,
        segments: &mut Vec<Segment>,
    ) {
        let [len_d, len_h, len_w] = [0, 1, 2].map(|dim| pixels.o[dim].len());
        let end = pixels.len().min(first + columns);
        segments.clear();
        let mut at = first;
        while at < end {
            let (line, w) = (at / len_w, at % len_w);
            let (plane, h) = (line / len_h, line % len_h);
            let (n, d) = (plane / len_d, plane % len_d);
            let offset = n * self.strides[0] + d * self.strides[1] + h * self.strides[2] + w;
            let column = at - first;
            let continues =
                segments.last().is_some_and(|last| last.offset + (column - last.column) == offset);
            if !continues {
                segments.push(Segment { offset, column });
            }
            at += (len_w - w).min(end - at);
        }
    }
}

/// The planes of one gather, for boxes of at most some size.
#[derive(Clone, Debug)]
pub struct Planes {
    axes: [PlaneAxis; 3],
    /// Distance of neighbouring phases and of neighbouring indices.
    strides: [(usize, usize); 3],
    n_stride_in: usize,
    channel_stride_in: usize,
    /// Channels staged at a time.
    channels: usize,
    /// Lines are filled up with zeros to where the next one begins.
    has_whole_lines: bool,
    /// Where pixels and taps lie in the planes.
    pub layout: PixelLayout,
}

impl Planes {
    /// Planes for boxes of up to `lengths`, `channels` at a time.
    pub fn new(gather: &Gather, lengths: &BoxLengths, channels: usize) -> Self {
        Self::with_line_elems(gather, lengths, channels, 0)
    }

    /// The same with lines that begin at least `min_line_elems` apart.
    pub fn with_line_elems(
        gather: &Gather,
        lengths: &BoxLengths,
        channels: usize,
        min_line_elems: usize,
    ) -> Self {
        let axes = [0, 1, 2].map(|dim| PlaneAxis::new(&gather.axes[dim]));
        let mut strides = [(0, 0); 3];
        let mut size = 1;
        // Phases outermost: within one, lines follow each other.
        for dim in (0..3).rev() {
            strides[dim].1 = size;
            let len = lengths.spatial[dim] + axes[dim].halo;
            size *= if dim == 2 { len.max(min_line_elems) } else { len };
        }
        for dim in (0..3).rev() {
            strides[dim].0 = size;
            size *= axes[dim].phases.len();
        }
        let mut tap_offsets = vec![0];
        for (axis, (phase_stride, stride)) in axes.iter().zip(strides) {
            tap_offsets = tap_offsets
                .into_iter()
                .flat_map(|outer| {
                    axis.taps
                        .iter()
                        .map(move |&(phase, q)| outer + phase * phase_stride + q * stride)
                })
                .collect();
        }
        let layout = PixelLayout {
            strides: [channels * size, strides[0].1, strides[1].1],
            channel_stride: size,
            tap_offsets,
        };
        Planes {
            axes,
            strides,
            n_stride_in: gather.n_stride,
            channel_stride_in: gather.channel_stride,
            channels,
            has_whole_lines: false,
            layout,
        }
    }

    /// The same with lines that are filled up with zeros to where the next one begins, so that
    /// all lines of a phase and depth are one run.
    pub fn with_whole_lines(self) -> Self {
        Planes { has_whole_lines: true, ..self }
    }

    /// Elements of the planes of `images` images.
    pub fn elems(&self, images: usize) -> usize {
        images * self.channels * self.layout.channel_stride + LINE_SLACK_ELEMS
    }

    /// Fills the planes of some channels for a box.
    ///
    /// # Panics
    /// Where the box or the channels exceed what the planes were made for.
    pub fn stage<T: Element>(
        &self,
        isa: Isa,
        group_input: &[T],
        channels: Range<usize>,
        pixels: &PixelBox,
        planes: &mut [f32],
    ) {
        self.stage_lines(isa, group_input, channels, pixels, &self.lines(pixels), planes);
    }

    /// The same with the box's [`Planes::lines`].
    ///
    /// # Panics
    /// As [`Planes::stage`].
    pub fn stage_lines<T: Element>(
        &self,
        isa: Isa,
        group_input: &[T],
        channels: Range<usize>,
        pixels: &PixelBox,
        lines: &[(LineShape, Vec<Line>)],
        planes: &mut [f32],
    ) {
        /// As many channels as the transposing kernel takes at a time.
        const MIN_TRANSPOSED: usize = 4;
        assert!(channels.len() <= self.channels);
        let run_stride = (self.axes[2].step as usize).saturating_mul(self.axes[2].in_stride);
        let is_transposed =
            self.channel_stride_in == 1 && run_stride > 1 && channels.len() >= MIN_TRANSPOSED;
        if let Some(input) = T::as_f32(group_input).filter(|_| is_transposed) {
            for (index_n, n) in pixels.n.clone().enumerate() {
                let input = &input[n * self.n_stride_in + channels.start..];
                let planes = &mut planes[index_n * self.layout.strides[0]..];
                for (shape, lines) in lines {
                    let shape = LineShape { stride: run_stride, ..*shape };
                    let stride = self.layout.channel_stride;
                    stage_pixels(isa, input, lines, shape, channels.len(), planes, stride);
                }
            }
            return;
        }
        for (index_n, n) in pixels.n.clone().enumerate() {
            for (index_c, c) in channels.clone().enumerate() {
                let input = &group_input[n * self.n_stride_in + c * self.channel_stride_in..];
                let plane =
                    &mut planes[(index_n * self.channels + index_c) * self.layout.channel_stride..];
                self.stage_channel(isa, input, lines, plane);
            }
        }
    }

    /// Fills the planes of one channel with [`Planes::lines`]; the input begins with the channel.
    pub fn stage_channel<T: Element>(
        &self,
        isa: Isa,
        input: &[T],
        lines: &[(LineShape, Vec<Line>)],
        plane: &mut [f32],
    ) {
        let axis_w = &self.axes[2];
        let run_stride = (axis_w.step as usize).saturating_mul(axis_w.in_stride);
        for (shape, lines) in lines {
            match T::as_f32(input) {
                Some(input) => {
                    let shape = LineShape { stride: run_stride, ..*shape };
                    stage_lines(isa, input, lines, shape, plane);
                }
                None => copy_lines(input, lines, *shape, run_stride, plane),
            }
        }
    }

    /// The lines of one channel, phase by phase, rising; sources count from the channel.
    pub fn lines(&self, pixels: &PixelBox) -> Vec<(LineShape, Vec<Line>)> {
        let [axis_d, axis_h, axis_w] = &self.axes;
        let [(phase_d, stride_d), (phase_h, stride_h), (phase_w, _)] = self.strides;
        let lens = [0, 1, 2].map(|dim| pixels.o[dim].len() + self.axes[dim].halo);
        let [o_d, o_h, o_w] = [0, 1, 2].map(|dim| pixels.o[dim].start);
        let mut all = Vec::new();
        for (index_d, &of_d) in axis_d.phases.iter().enumerate() {
            for (index_h, &of_h) in axis_h.phases.iter().enumerate() {
                for (index_w, &of_w) in axis_w.phases.iter().enumerate() {
                    let begin = index_d * phase_d + index_h * phase_h + index_w * phase_w;
                    let inside = axis_w.inside(o_w, of_w, lens[2]);
                    let mut lines = Vec::with_capacity(lens[0] * lens[1]);
                    for d in 0..lens[0] {
                        for h in 0..lens[1] {
                            let outer =
                                axis_d.offset(o_d, of_d, d).zip(axis_h.offset(o_h, of_h, h));
                            let from = outer.filter(|_| !inside.is_empty()).map(|(in_d, in_h)| {
                                let first = axis_w.coordinate(o_w, of_w, inside.start) as usize;
                                in_d + in_h + first * axis_w.in_stride
                            });
                            lines.push((begin + d * stride_d + h * stride_h, from));
                        }
                    }
                    let shape = LineShape {
                        before: inside.start,
                        len: inside.len(),
                        total: if self.has_whole_lines { self.strides[1].1 } else { lens[2] },
                        stride: 1,
                    };
                    all.push((shape, lines));
                }
            }
        }
        all
    }
}

/// Fills lines of elements that are not f32.
fn copy_lines<T: Element>(
    input: &[T],
    lines: &[Line],
    shape: LineShape,
    stride: usize,
    plane: &mut [f32],
) {
    for &(to, from) in lines {
        let line = &mut plane[to..to + shape.total];
        let Some(from) = from else {
            line.fill(0.0);
            continue;
        };
        line[..shape.before].fill(0.0);
        line[shape.before + shape.len..].fill(0.0);
        copy_run(&input[from..], stride, &mut line[shape.before..shape.before + shape.len]);
    }
}

/// `run[i] = input[i * stride]`, widened.
fn copy_run<T: Element>(input: &[T], stride: usize, run: &mut [f32]) {
    match stride {
        1 => T::widen(&input[..run.len()], run),
        // Widened whole, then every other one: both vectorise. Runs of small images are short, and
        // clearing a larger buffer for each would cost more than the copy.
        2 => {
            let mut wide = [0f32; 32];
            for (run, input) in run.chunks_mut(wide.len() / 2).zip(input.chunks(wide.len())) {
                let wide = &mut wide[..input.len().min(2 * run.len())];
                T::widen(&input[..wide.len()], wide);
                for (to, pair) in run.iter_mut().zip(wide.chunks(2)) {
                    *to = pair[0];
                }
            }
        }
        _ => {
            for (wide, narrow) in run.iter_mut().zip(input.iter().step_by(stride)) {
                *wide = narrow.to_f32();
            }
        }
    }
}
