//! How a problem is cut for tiles.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::cpu::arena;
use crate::cpu::blocked::BlockShape;
use crate::cpu::cache::CacheSizes;
use crate::cpu::tiles::{BoxLengths, even_piece, pieces};
use crate::cpu::ukernel::{TILE_BLOCK, TILE_WORDS, TileProducts};

/// How pairs of channels make words, and these the reduction: channel words outside, taps inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    pub channels: usize,
    pub taps: usize,
}

impl Words {
    /// Channels that are split at a time: two tile lines of one tap.
    pub const CHUNK: usize = 2 * TILE_WORDS;

    /// Words of channels.
    pub fn of_channels(self) -> usize {
        if self.taps == 1 {
            self.channels.div_ceil(Self::CHUNK) * TILE_WORDS
        } else {
            self.channels.div_ceil(2)
        }
    }

    /// The channels of a word; the second, or both, may not exist. With one tap a filter's row has
    /// its channels side by side, so that vectors of it are paired, else neighbours are.
    pub fn pair(self, word: usize) -> [usize; 2] {
        if self.taps == 1 {
            let first = word / TILE_WORDS * Self::CHUNK + word % TILE_WORDS;
            [first, first + TILE_WORDS]
        } else {
            [2 * word, 2 * word + 1]
        }
    }

    /// Words of the reduction, in whole tiles.
    pub fn in_tiles(self, channel_words: usize) -> usize {
        (channel_words * self.taps).next_multiple_of(TILE_WORDS)
    }

    /// Words from row to row of the whole filter.
    pub fn row_stride(self) -> usize {
        distance_of_rows(self.in_tiles(self.of_channels()))
    }

    /// The channels of some words.
    pub fn channels_of(self, words: &Range<usize>) -> Range<usize> {
        2 * words.start..(2 * words.end).min(self.channels)
    }
}

/// Words from row to row of the filter: whole cache lines, and an odd number of them, so that rows
/// do not share few sets of the cache.
pub fn distance_of_rows(gemm_k: usize) -> usize {
    let line = arena::whole_lines(1);
    (gemm_k.div_ceil(line) | 1) * line
}

/// Lengths of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// Pixels of a task.
    pub pixel_box: BoxLengths,
    /// Channels of the result in a task; whole blocks of tiles, unless it is all.
    pub rows: usize,
    /// Channel words of the reduction packed at a time; whole tile lines, unless it is all.
    pub channel_words: usize,
}

/// Words of a block of the reduction, over the parts: a panel of 32 columns then takes 64 KiB, and
/// as much a block of 32 rows.
const BLOCK_WORDS: usize = 512;

/// What an instruction of a tile takes: 16 cycles at 2.8 GHz (Emerald Rapids, measured in the
/// loops of `ukernel`, panels in L2: 6.0 to 6.4 ns with six products, 7 with one, whose loads
/// take half as long as it does).
fn tile_ns(products: TileProducts) -> f64 {
    match products {
        TileProducts::One => 7.0,
        TileProducts::Four => 6.5,
        TileProducts::Six => 6.2,
    }
}

/// What packing a word of a panel takes.
const PACK_WORD_NS: f64 = 0.2;

/// The same with planes, where a word is split once and copied for each tap.
const COPY_WORD_NS: f64 = 0.08;

/// What splitting a word of the filter takes.
const FILTER_WORD_NS: f64 = 0.8;

/// What reading a word of the filter from beyond L2 takes, once for each task.
const READ_WORD_NS: f64 = 0.2;

/// What a block of tiles takes beside its products, and a task.
const BLOCK_NS: f64 = 100.0;
const TASK_NS: f64 = 1000.0;

impl Blocking {
    /// The blocks with the least estimated time. The reduction's do not depend on the number of
    /// threads. Pixels: panels take at most 3/8 of L2, which the sums and the
    /// filter pass through (of 2 MiB; with all of it products took up to 1.5 times as long).
    pub fn choose(shape: &BlockShape, products: TileProducts, threads: NonZeroUsize) -> Self {
        let words = Words { channels: shape.channels, taps: shape.taps.max(1) };
        let parts = products.parts();
        let all_words = words.of_channels();
        let channel_words =
            even_piece(all_words, BLOCK_WORDS / parts / words.taps).next_multiple_of(TILE_WORDS);
        let channel_words = channel_words.min(all_words);
        let column_bytes = words.in_tiles(channel_words) * parts * size_of::<f32>();
        let max_pixels = (CacheSizes::get().l2_bytes * 3 / 8 / column_bytes).max(TILE_BLOCK);
        let all_pixels = shape.spatial.iter().product::<usize>().saturating_mul(shape.images);
        let mut best: Option<(f64, Blocking)> = None;
        for row_parts in [1, 2, 3, 4, 6, 8, 12, 16] {
            let rows = even_piece(shape.rows, shape.rows.div_ceil(row_parts))
                .next_multiple_of(TILE_BLOCK)
                .min(shape.rows);
            for pixel_parts in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64] {
                let pixels = (all_pixels / pixel_parts).clamp(TILE_BLOCK, max_pixels);
                let pixel_box = BoxLengths::choose(shape.images, shape.spatial, pixels);
                let blocking = Blocking { pixel_box, rows, channel_words };
                let cost = blocking.cost_ns(shape, products, threads);
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, blocking));
                }
            }
        }
        best.map_or_else(|| unreachable!("there are candidates"), |(_, blocking)| blocking)
    }

    /// The reduction's blocks, as channel words.
    pub fn reduce_blocks(&self, words: Words) -> Vec<Range<usize>> {
        pieces(&(0..words.of_channels()), self.channel_words)
    }

    /// Time of the busiest thread, without splitting the filter.
    pub fn cost_ns(
        &self,
        shape: &BlockShape,
        products: TileProducts,
        threads: NonZeroUsize,
    ) -> f64 {
        let words = Words { channels: shape.channels, taps: shape.taps };
        let gemm_k = words.in_tiles(words.of_channels()) as f64;
        let tiles = |len: usize| len.div_ceil(TILE_WORDS) as f64;
        let pixels = self.pixel_box.pixels();
        let (row_tiles, col_tiles) = (tiles(self.rows), tiles(pixels));
        let steps = gemm_k / TILE_WORDS as f64;
        let blocks = self.reduce_blocks(words).len() as f64 * row_tiles * col_tiles / 4.0;
        let multiply = row_tiles * col_tiles * steps * products.count() as f64 * tile_ns(products)
            + blocks * BLOCK_NS;
        let parts = products.parts() as f64 / 3.0;
        let columns = pixels.next_multiple_of(TILE_BLOCK) as f64;
        let per_word = if shape.taps == 1 {
            PACK_WORD_NS
        } else {
            COPY_WORD_NS + 2.0 * PACK_WORD_NS / shape.taps.max(1) as f64
        };
        let pack = columns * gemm_k * per_word * parts;
        let read = self.rows as f64 * gemm_k * READ_WORD_NS * parts;
        let tasks = shape.groups
            * shape.rows.div_ceil(self.rows)
            * self.pixel_box.count(shape.images, shape.spatial);
        tasks.div_ceil(threads.get()) as f64 * (multiply + pack + read + TASK_NS)
    }
}

/// What splitting the filter of one gather takes all threads together.
pub fn filter_ns(shape: &BlockShape, products: TileProducts) -> f64 {
    let words = Words { channels: shape.channels, taps: shape.taps };
    let all = shape.groups * shape.rows * words.in_tiles(words.of_channels());
    all as f64 * FILTER_WORD_NS * products.parts() as f64 / 3.0
}
