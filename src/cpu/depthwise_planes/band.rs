//! Bands of lines: how planes of other types than f32 are widened and narrowed in cache.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::cpu::cache::CacheSizes;
use crate::cpu::element::Element;
use crate::cpu::tiles::pieces;
use crate::cpu::ukernel::PlaneShape;

/// Lines of the output that are computed together, and what they are computed from.
pub struct Bands {
    shape: PlaneShape,
    /// Of backward-data of stride 2, see [`crate::cpu::ukernel::convolve_phases`].
    has_phases: bool,
    /// Lines of the output; even.
    lines: usize,
}

impl Bands {
    /// The bands of planes of `shape`.
    pub fn new(shape: PlaneShape, has_phases: bool) -> Self {
        // Both bands in a quarter of the L2 cache; the filter's halo adds little.
        let elems = CacheSizes::get().l2_bytes / 4 / size_of::<f32>();
        let lines = elems / (shape.in_w * shape.stride + shape.out_w);
        Bands { shape, has_phases, lines: lines.clamp(1, shape.out_h).next_multiple_of(2) }
    }

    /// Elements of the largest bands of input and output.
    pub fn elems(&self) -> [usize; 2] {
        let lines = self.lines.min(self.shape.out_h);
        let in_lines = if self.has_phases { lines } else { lines * self.shape.stride };
        let in_lines = (in_lines + self.shape.y).min(self.shape.in_h);
        [in_lines * self.shape.in_w, lines * self.shape.out_w]
    }

    /// For each band its lines of the output, its shape, lines without gaps, and its first line of
    /// the input.
    pub fn iter(&self) -> impl Iterator<Item = (Range<usize>, PlaneShape, usize)> {
        pieces(&(0..self.shape.out_h), self.lines).into_iter().map(|lines| {
            let shape = self.shape;
            let [begin, last] = [lines.start as isize, lines.end as isize - 1];
            let (y, stride) = (shape.y as isize, shape.stride as isize);
            let (lowest, highest) = if self.has_phases {
                ((begin + shape.pad_h - (y - 1)) >> 1, (last + shape.pad_h) >> 1)
            } else {
                (begin * stride - shape.pad_h, last * stride - shape.pad_h + y - 1)
            };
            // A band without input has a line all the same, which no tap meets.
            let end = shape.in_h as isize;
            let first = lowest.clamp(0, end - 1);
            let behind = (highest + 1).clamp(first + 1, end);
            let pad_h = if self.has_phases {
                shape.pad_h + begin - 2 * first
            } else {
                shape.pad_h - begin * stride + first
            };
            let shape = PlaneShape {
                in_h: (behind - first) as usize,
                out_h: lines.len(),
                in_line: shape.in_w,
                out_line: shape.out_w,
                pad_h,
                is_far: false,
                ..shape
            };
            (lines, shape, first as usize)
        })
    }
}

/// Lines of `input`, `in_h` of `shape` from `first` on, as floats: in place where they are, else in
/// `band`; and the distance of lines there.
pub fn widened<'a, T: Element>(
    input: &'a [T],
    shape: &PlaneShape,
    first: usize,
    line: usize,
    band: &'a mut [f32],
) -> (&'a [f32], usize) {
    widened_lines(input, [shape.in_h, shape.in_w], first, line, band)
}

/// The same for any number of lines and elements in each.
pub fn widened_lines<'a, T: Element>(
    input: &'a [T],
    [lines, len]: [usize; 2],
    first: usize,
    line: usize,
    band: &'a mut [f32],
) -> (&'a [f32], usize) {
    let input = &input[first * line..];
    if let Some(floats) = T::as_f32(input) {
        return (floats, line);
    }
    if line == len {
        T::widen(&input[..lines * len], &mut band[..lines * len]);
    } else {
        for (from, to) in input.chunks(line).zip(band.chunks_exact_mut(len)).take(lines) {
            T::widen(&from[..len], to);
        }
    }
    (band, len)
}
