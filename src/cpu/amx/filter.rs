//! The filter as rows of words in parts.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::shape::Words;
use crate::cpu::arena;
use crate::cpu::element::Element;
use crate::cpu::filter::FilterMatrix;
use crate::cpu::gather::Gather;
use crate::cpu::isa::AmxIsa;
use crate::cpu::pool;
use crate::cpu::ukernel::{AmxRows, RunPair, SPLIT_LANES, TILE_BLOCK, split_pairs};
use crate::error::Result;
use crate::problem::ConvProblem;

/// The filter of one gather, and how it is split.
pub struct AmxFilter {
    matrix: FilterMatrix,
    words: Words,
    groups: usize,
    parts: usize,
    gemm_k: usize,
    /// The pairs of runs of one row that become its words, and the words of a run.
    pairs: Vec<RunPair>,
    run_words: usize,
}

impl AmxFilter {
    /// Of `problem`, for a gather with taps.
    pub fn new(problem: &ConvProblem, gather: &Gather, words: Words, parts: usize) -> Self {
        let Words { channels, taps } = words;
        // Of one tap, vectors of channels lie side by side; else the taps of channels do.
        let (run, count) = if taps == 1 {
            (SPLIT_LANES, channels.div_ceil(Words::CHUNK))
        } else {
            (taps, channels.div_ceil(2))
        };
        let gemm_k = channels * taps;
        let run_at = |number: usize| {
            let begin = (number * run).min(gemm_k);
            (begin, run.min(gemm_k - begin))
        };
        let pair =
            |index: usize| RunPair { first: run_at(2 * index), second: run_at(2 * index + 1) };
        AmxFilter {
            matrix: FilterMatrix::new(problem, gather),
            words,
            groups: problem.groups(),
            parts,
            gemm_k,
            pairs: (0..count).map(pair).collect(),
            run_words: run,
        }
    }

    /// Rows a group.
    pub fn rows(&self) -> usize {
        self.matrix.gemm_m
    }

    /// Whether rows of f32 are contiguous as they lie.
    pub fn is_direct(&self) -> bool {
        self.matrix.rows_are_contiguous()
    }

    /// Floats of the whole filter in its parts.
    pub fn packed_elems(&self) -> usize {
        self.groups * self.blocks() * self.block_elems()
    }

    fn blocks(&self) -> usize {
        self.rows().div_ceil(TILE_BLOCK)
    }

    fn block_elems(&self) -> usize {
        self.parts * TILE_BLOCK * self.words.row_stride()
    }

    /// Splits the whole filter.
    ///
    /// # Errors
    /// What the threads report.
    pub fn pack<T: Element>(
        &self,
        isa: AmxIsa,
        threads: NonZeroUsize,
        filter: &[T],
        packed: &mut [f32],
    ) -> Result<()> {
        let blocks = packed.chunks_exact_mut(self.block_elems()).enumerate().collect();
        let row_stride = self.words.row_stride();
        let is_direct = T::IS_F32 && self.is_direct();
        let row_elems = if is_direct { 0 } else { TILE_BLOCK * self.gemm_k };
        pool::for_each(
            threads,
            blocks,
            || arena::take(row_elems),
            |scratch, (index, packed)| {
                let (group, first) = (index / self.blocks(), index % self.blocks() * TILE_BLOCK);
                let rows = first..self.rows().min(first + TILE_BLOCK);
                let all = 0..self.words.of_channels();
                match self.direct_rows(filter, group, &rows) {
                    Some(matrix) => self.split(isa, matrix, rows.len(), &all, row_stride, packed),
                    None => {
                        let scratch = &mut scratch[..rows.len() * self.gemm_k];
                        let first_row = group * self.rows() + rows.start;
                        self.matrix.pack_rows(isa.isa(), filter, first_row, scratch);
                        let packed_rows = (&*scratch, self.gemm_k);
                        self.split(isa, packed_rows, rows.len(), &all, row_stride, packed);
                    }
                }
                Ok(())
            },
        )
    }

    /// Some rows of a group as they lie, and their distance, where they are f32 and contiguous.
    fn direct_rows<'a, T: Element>(
        &self,
        filter: &'a [T],
        group: usize,
        rows: &Range<usize>,
    ) -> Option<(&'a [f32], usize)> {
        if !self.matrix.rows_are_contiguous() {
            return None;
        }
        self.matrix.direct(filter, group, rows, &(0..self.gemm_k))?.contiguous_rows()
    }

    /// Splits some words of the channels of up to [`TILE_BLOCK`] rows as they lie.
    ///
    /// # Panics
    /// Where they cannot be read so: the plan has looked.
    #[allow(clippy::too_many_arguments)] // which part of the filter, and where it goes
    pub fn split_direct<T: Element>(
        &self,
        isa: AmxIsa,
        filter: &[T],
        group: usize,
        rows: &Range<usize>,
        channel_words: &Range<usize>,
        row_stride: usize,
        packed: &mut [f32],
    ) {
        let direct = self.direct_rows(filter, group, rows).expect("rows are contiguous");
        self.split(isa, direct, rows.len(), channel_words, row_stride, packed);
    }

    /// Splits some words of the channels of `rows` rows. What a block has beyond its rows has no
    /// influence.
    fn split(
        &self,
        isa: AmxIsa,
        (data, stride): (&[f32], usize),
        rows: usize,
        channel_words: &Range<usize>,
        row_stride: usize,
        packed: &mut [f32],
    ) {
        let part_stride = TILE_BLOCK * row_stride;
        let words_per_pair = if self.words.taps == 1 { SPLIT_LANES } else { 1 };
        let first_pair = channel_words.start / words_per_pair;
        let pairs = &self.pairs[first_pair..channel_words.end.div_ceil(words_per_pair)];
        let used = pairs.len() * self.run_words;
        let end = self.words.in_tiles(channel_words.len());
        for row in 0..rows {
            let source = &data[row * stride..][..self.gemm_k];
            let to = &mut packed[row * row_stride..];
            let strides = [self.run_words, part_stride];
            split_pairs(isa, self.parts, source, pairs, self.run_words, to, strides);
            for part in 0..self.parts {
                to[part * part_stride..][used..end].fill(0.0);
            }
        }
    }

    /// Some rows of a group, from a multiple of [`TILE_BLOCK`] on, and from a word on.
    pub fn part<'a>(
        &self,
        packed: &'a [f32],
        group: usize,
        first_row: usize,
        first_word: usize,
    ) -> AmxRows<'a> {
        let block = group * self.blocks() + first_row / TILE_BLOCK;
        let words = &packed[block * self.block_elems() + first_word..];
        AmxRows { words, stride: self.words.row_stride() }
    }
}
