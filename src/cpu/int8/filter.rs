//! The filter of int8 as rows of words, block by block.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::cpu::isa::Int8Isa;
use crate::cpu::ukernel::{adjacent_words, tap_words, word_elems};
use crate::problem::{ConvProblem, Role};

/// What bytes of the input are more than their values, where words hold bytes.
const BYTE_OFFSET: i32 = 128;

/// Where the filter's elements lie.
#[derive(Clone, Debug)]
pub struct Int8Filter {
    /// Channels of the result per group.
    pub rows: usize,
    /// Whether the reduction has the channels innermost in a block, not the taps.
    pub channels_inner: bool,
    channels: usize,
    row_stride: usize,
    channel_stride: usize,
    /// Offset of each tap within the filter of one channel, w fastest.
    tap_offsets: Vec<usize>,
    are_taps_contiguous: bool,
    group_stride: usize,
}

/// Some rows and words of channels, and what becomes of them.
#[derive(Clone, Debug)]
pub struct FilterPart {
    pub group: usize,
    pub rows: Range<usize>,
    pub channel_words: Range<usize>,
    /// Words of the rows made: those of the channels, and zeros.
    pub row_words: usize,
    /// Distance of the rows made, in words.
    pub stride: usize,
}

impl Int8Filter {
    /// The filter of `problem`.
    pub fn new(problem: &ConvProblem) -> Self {
        let w = problem.tensor5(Role::W);
        let rows = problem.k() / problem.groups();
        let mut tap_offsets = vec![0];
        for (len, stride) in w.spatial_lengths().into_iter().zip(w.spatial_strides()) {
            tap_offsets = tap_offsets
                .into_iter()
                .flat_map(|outer| (0..len).map(move |tap| outer + tap * stride))
                .collect();
        }
        let taps = tap_offsets.len();
        let are_taps_contiguous =
            tap_offsets.iter().copied().eq(0..taps) && (w.strides[1] == taps || w.lengths[1] == 1);
        Int8Filter {
            rows,
            channels_inner: w.strides[1] == 1,
            channels: w.lengths[1],
            row_stride: w.strides[0],
            channel_stride: w.strides[1],
            tap_offsets,
            are_taps_contiguous,
            group_stride: rows * w.strides[0],
        }
    }

    /// Makes the words of a part of the filter: of each row as many as there are words of channels,
    /// times taps. `starts` is what each row's sums begin with.
    ///
    /// # Panics
    /// Where a slice is too short.
    pub fn pack(
        &self,
        isa: Int8Isa,
        filter: &[i8],
        part: FilterPart,
        words: &mut [f32],
        starts: &mut [i32],
    ) {
        let FilterPart { group, rows, channel_words, row_words, stride } = part;
        let elems = word_elems(isa);
        let channels = channel_words.start * elems..(channel_words.end * elems).min(self.channels);
        let used = channel_words.len() * self.tap_offsets.len();
        for (index, row) in rows.enumerate() {
            let begin = group * self.group_stride + row * self.row_stride;
            let begin = begin + channels.start * self.channel_stride;
            let (to, beyond) = words[index * stride..][..row_words].split_at_mut(used);
            beyond.fill(0.0);
            self.pack_row(isa, &filter[begin..], channels.len(), to);
            starts[index] = if elems == 4 { -BYTE_OFFSET * sum_of_bytes(to) } else { 0 };
        }
    }

    /// Packs one row; `filter` begins with its first channel.
    fn pack_row(&self, isa: Int8Isa, filter: &[i8], channels: usize, to: &mut [f32]) {
        let (elems, taps) = (word_elems(isa), self.tap_offsets.len());
        if self.channels_inner {
            let of_taps = to.chunks_exact_mut(channels.div_ceil(elems));
            for (to, &tap) in of_taps.zip(&self.tap_offsets) {
                adjacent_words(isa.isa(), &filter[tap..], 0, channels, elems, to);
            }
        } else if self.are_taps_contiguous {
            tap_words(isa.isa(), &filter[..channels * taps], taps, elems, to);
        } else {
            let mut column = vec![0; channels];
            for (tap, &offset) in self.tap_offsets.iter().enumerate() {
                let elements = filter[offset..].iter().step_by(self.channel_stride.max(1));
                for (to, &element) in column.iter_mut().zip(elements) {
                    *to = element;
                }
                let mut of_tap = vec![0.0; channels.div_ceil(elems)];
                adjacent_words(isa.isa(), &column, 0, channels, elems, &mut of_tap);
                for (to, word) in to.iter_mut().skip(tap).step_by(taps).zip(of_tap) {
                    *to = word;
                }
            }
        }
    }
}

/// The sum of the bytes of words of four.
fn sum_of_bytes(words: &[f32]) -> i32 {
    words
        .iter()
        .map(|word| {
            word.to_bits().to_le_bytes().map(|byte| i32::from(byte as i8)).iter().sum::<i32>()
        })
        .sum()
}
