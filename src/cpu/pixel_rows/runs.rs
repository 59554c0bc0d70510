//! What the pixels of a box meet in one line of the filter.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::cpu::gather::{Gather, PixelBox, Tap};

/// Taps of one line of the filter that follow each other in memory, as do their channels: one stretch of
/// the input for each pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    tap_h: Tap,
    /// By rising coordinate.
    taps_w: Vec<Tap>,
    /// Where its weights begin in the reduction.
    first_kk: usize,
}

/// Where the pixels of a run lie in the output of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In one line.
    Line(usize),
    /// Beneath each other.
    Column(usize),
    /// All pixels of all lines.
    All,
}

/// Pixels at one distance that meet the same taps of a strip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub place: Place,
    /// Which of those that lie there.
    pub pixels: Range<usize>,
    /// What the first pixel meets first, from the group's first channel on.
    pub first: usize,
    /// From what one pixel meets to what the next one does.
    pub stride: usize,
    /// Steps of the reduction.
    pub kk: Range<usize>,
}

/// The strips of a gather whose reduction goes tap by tap. A strip that meets every pixel comes first,
/// so that it can begin the sums.
pub fn strips_of(gather: &Gather) -> Vec<Strip> {
    let [_, axis_h, axis_w] = &*gather.axes;
    // The next tap's channels follow this one's.
    let follow = axis_w.in_stride == gather.channels;
    let mut strips = Vec::new();
    for (index_h, &tap_h) in axis_h.taps.iter().enumerate() {
        let first_tap = index_h * axis_w.taps.len();
        let mut of_line: Vec<Strip> = Vec::new();
        for (index_w, &tap_w) in axis_w.taps.iter().enumerate() {
            let continues = of_line.last().is_some_and(|strip| {
                follow && strip.taps_w.last().is_some_and(|last| last.offset + 1 == tap_w.offset)
            });
            match of_line.last_mut() {
                Some(strip) if continues => strip.taps_w.push(tap_w),
                _ => of_line.push(Strip {
                    tap_h,
                    taps_w: vec![tap_w],
                    first_kk: (first_tap + index_w) * gather.channels,
                }),
            }
        }
        strips.append(&mut of_line);
    }
    if let Some(covering) = strips.iter().position(|strip| strip.covers(gather)) {
        strips.swap(0, covering);
    }
    strips
}

impl Strip {
    /// Whether every pixel meets one of the taps.
    pub fn covers(&self, gather: &Gather) -> bool {
        let all = gather.all_pixels(1);
        let width = &all.o[2];
        let mut met: Vec<Range<usize>> = self.pixels_of_taps(gather, width).collect();
        met.sort_unstable_by_key(|pixels| pixels.start);
        // How far pixels meet a tap without a gap.
        let end = met.into_iter().fold(width.start, |end, pixels| match pixels.start <= end {
            true => end.max(pixels.end),
            false => end,
        });
        gather.axes[1].inside(self.tap_h, &all.o[1]) == all.o[1] && end >= width.end
    }

    /// Of some pixels of a line, those that meet each tap.
    fn pixels_of_taps(
        &self,
        gather: &Gather,
        width: &Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> {
        self.taps_w.iter().map(|&tap| gather.axes[2].inside(tap, width))
    }

    /// The taps that pixel w of a line meets.
    fn taps_at(&self, gather: &Gather, w: usize) -> Range<usize> {
        let axis = &gather.axes[2];
        let inside = |&tap: &Tap| axis.offset_at(tap, w).is_some();
        let first = self.taps_w.iter().position(inside).unwrap_or(0);
        let end = self.taps_w.iter().rposition(inside).map_or(first, |last| last + 1);
        first..end
    }
}

/// The runs of a box of one image, whose lines in the output may follow each other.
pub fn runs_of(
    gather: &Gather,
    strip: &Strip,
    pixels: &PixelBox,
    out_lines_follow: bool,
) -> Vec<Run> {
    let [_, axis_h, axis_w] = &*gather.axes;
    let lines = axis_h.inside(strip.tap_h, &pixels.o[1]);
    let width = pixels.o[2].clone();
    if lines.is_empty() || width.is_empty() {
        return Vec::new();
    }
    let image = pixels.n.start * gather.n_stride;
    let line_begin = |h: usize| image + axis_h.input_offset(strip.tap_h, h);
    let (line_stride, pixel_stride) =
        (axis_h.step * axis_h.in_stride, axis_w.step * axis_w.in_stride);
    let kk = |taps: &Range<usize>| {
        strip.first_kk + taps.start * gather.channels..strip.first_kk + taps.end * gather.channels
    };
    let of_box = lines.start - pixels.o[1].start..lines.end - pixels.o[1].start;

    let all_taps = 0..strip.taps_w.len();
    // The pixels that meet all taps, which are neighbours.
    let first = strip.pixels_of_taps(gather, &width).map(|met| met.start).max().unwrap_or(0);
    let end = strip.pixels_of_taps(gather, &width).map(|met| met.end).min().unwrap_or(0);
    let count = end.saturating_sub(first);
    let mut runs = Vec::new();
    if count > 0 {
        let at = |h: usize| line_begin(h) + axis_w.input_offset(strip.taps_w[0], first);
        let lines_follow =
            out_lines_follow && lines == pixels.o[1] && line_stride == width.len() * pixel_stride;
        if lines_follow && count == width.len() {
            runs.push(Run {
                place: Place::All,
                pixels: 0..lines.len() * count,
                first: at(lines.start),
                stride: pixel_stride,
                kk: kk(&all_taps),
            });
        } else {
            runs.extend(lines.clone().zip(of_box.clone()).map(|(h, line)| Run {
                place: Place::Line(line),
                pixels: first..first + count,
                first: at(h),
                stride: pixel_stride,
                kk: kk(&all_taps),
            }));
        }
    }
    // At the ends of lines, the same pixel of all lines.
    for w in (0..first).chain(first + count..width.len()) {
        let taps = strip.taps_at(gather, w);
        if taps.is_empty() {
            continue;
        }
        runs.push(Run {
            place: Place::Column(w),
            pixels: of_box.clone(),
            first: line_begin(lines.start) + axis_w.input_offset(strip.taps_w[taps.start], w),
            stride: line_stride,
            kk: kk(&taps),
        });
    }
    runs
}
