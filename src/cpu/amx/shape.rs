//! How a problem is cut for tiles.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::cpu::arena;
use crate::cpu::blocked::{BlockShape, PixelLayout};
use crate::cpu::cache::CacheSizes;
use crate::cpu::gather::Gather;
use crate::cpu::tiles::{BoxLengths, even_piece, pieces};
use crate::cpu::ukernel::{SPLIT_LANES, TILE_BLOCK, TILE_WORDS, TileProducts};
use crate::problem::{ConvProblem, DataType, Direction};

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

/// What an instruction of a tile takes: 16 cycles of 2.8 GHz, and loads that it waits for. This and
/// what follows is from profiles of 1 x 1 and 3 x 3 layers of 16 to 1024 channels on Emerald Rapids,
/// whose second hardware thread was at work.
fn tile_ns(products: TileProducts) -> f64 {
    match products {
        TileProducts::One => 8.5,
        TileProducts::Four | TileProducts::Six => 7.5,
    }
}

/// What splitting a word of a panel takes, straight from the tensor.
const SPLIT_WORD_NS: f64 = 0.55;

/// What copying a word of a panel from planes takes, each part.
const COPY_WORD_NS: f64 = 0.17;

/// What staging two elements in planes takes, and splitting them, each part.
const STAGE_WORD_NS: f64 = 0.6;
const SPLIT_PLANE_WORD_NS: f64 = 0.2;

/// What splitting a vector of words of the filter takes, of which a run of taps fills a part; and
/// what bringing a word's two weights into the order of the reduction takes before.
const FILTER_VECTOR_NS: f64 = 9.0;
const ORDER_WORD_NS: f64 = 1.2;

/// What a task takes to read a word of the filter, each part, from L2 and from beyond.
const READ_WORD_NS: f64 = 0.05;
const READ_FAR_WORD_NS: f64 = 0.2;

/// What a block of tiles takes beside its products, and a task.
const BLOCK_NS: f64 = 150.0;
const TASK_NS: f64 = 1000.0;

/// The GEMMs of one gather on tiles.
#[derive(Clone, Copy, Debug)]
pub struct AmxShape {
    pub block: BlockShape,
    pub products: TileProducts,
    /// Elements of planes for each pixel; `None`: pixels are read from the tensor itself.
    pub planes: Option<usize>,
    /// Rows of the filter do not lie as the reduction goes.
    orders_filter: bool,
}

impl AmxShape {
    /// Of one gather of a forward or backward-data problem.
    pub fn new(problem: &ConvProblem, gather: &Gather) -> Self {
        let products = match problem.input_dtype() {
            DataType::BF16 => TileProducts::One,
            DataType::F16 => TileProducts::Four,
            _ => TileProducts::Six,
        };
        let is_direct = matches!(problem.input_dtype(), DataType::F32 | DataType::BF16)
            && gather.taps() == 1
            && PixelLayout::of_tensor(gather, problem.n()).is_some();
        let phases = || gather.axes.iter().map(|axis| axis.step.min(axis.taps.len())).product();
        AmxShape {
            block: BlockShape::new(problem, gather),
            products,
            planes: if is_direct { None } else { Some(phases()) },
            orders_filter: products != TileProducts::Six || problem.direction() == Direction::Bwd,
        }
    }

    /// How the reduction is made of words.
    pub fn words(&self) -> Words {
        Words { channels: self.block.channels, taps: self.block.taps }
    }

    /// Words of the whole filter.
    fn filter_words(&self) -> usize {
        let words = self.words();
        self.block.groups * self.block.rows * words.in_tiles(words.of_channels())
    }

    /// What splitting the filter takes all threads together, in nanoseconds.
    pub fn filter_ns(&self) -> f64 {
        let run = if self.block.taps == 1 { SPLIT_LANES } else { self.block.taps.max(1) };
        let vectors_per_word = run.div_ceil(SPLIT_LANES) as f64 / run as f64;
        let order = if self.orders_filter { ORDER_WORD_NS } else { 0.0 };
        self.filter_words() as f64 * (FILTER_VECTOR_NS * vectors_per_word + order)
    }
}

impl Blocking {
    /// The blocks with the least estimated time. The reduction's do not depend on the number of
    /// threads. Pixels: panels take at most 3/8 of L2, which the sums and the filter pass through
    /// (of 2 MiB; with all of it products took up to 1.5 times as long).
    pub fn choose(shape: &AmxShape, threads: NonZeroUsize) -> Self {
        let block = &shape.block;
        let words = Words { taps: block.taps.max(1), ..shape.words() };
        let parts = shape.products.parts();
        let all_words = words.of_channels();
        let channel_words =
            even_piece(all_words, BLOCK_WORDS / parts / words.taps).next_multiple_of(TILE_WORDS);
        let channel_words = channel_words.min(all_words);
        let column_bytes = words.in_tiles(channel_words) * parts * size_of::<f32>();
        let max_pixels = (CacheSizes::get().l2_bytes * 3 / 8 / column_bytes).max(TILE_BLOCK);
        let all_pixels = block.spatial.iter().product::<usize>().saturating_mul(block.images);
        let mut best: Option<(f64, Blocking)> = None;
        for row_parts in [1, 2, 3, 4, 6, 8, 12, 16] {
            let rows = even_piece(block.rows, block.rows.div_ceil(row_parts))
                .next_multiple_of(TILE_BLOCK)
                .min(block.rows);
            for pixel_parts in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64] {
                let pixels = (all_pixels / pixel_parts).clamp(TILE_BLOCK, max_pixels);
                let pixel_box = BoxLengths::choose(block.images, block.spatial, pixels);
                let blocking = Blocking { pixel_box, rows, channel_words };
                let cost = blocking.cost_ns(shape, threads);
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

    /// Boxes of pixels.
    pub fn boxes(&self, shape: &AmxShape) -> usize {
        self.pixel_box.count(shape.block.images, shape.block.spatial)
    }

    /// Time of the busiest thread, without splitting the filter.
    pub fn cost_ns(&self, shape: &AmxShape, threads: NonZeroUsize) -> f64 {
        let (words, block) = (shape.words(), &shape.block);
        let gemm_k = words.in_tiles(words.of_channels()) as f64;
        let tiles = |len: usize| len.div_ceil(TILE_WORDS) as f64;
        let pixels = self.pixel_box.pixels();
        let sum_tiles = tiles(self.rows) * tiles(pixels);
        let instructions = sum_tiles * gemm_k / TILE_WORDS as f64 * shape.products.count() as f64;
        let blocks = self.reduce_blocks(words).len() as f64 * sum_tiles / 4.0;
        let multiply = instructions * tile_ns(shape.products) + blocks * BLOCK_NS;
        let parts = shape.products.parts() as f64;
        let columns = pixels.next_multiple_of(TILE_BLOCK) as f64;
        let pack = match shape.planes {
            None => columns * gemm_k * SPLIT_WORD_NS,
            Some(elems) => {
                let staged = elems as f64 / block.taps.max(1) as f64;
                let per_word =
                    COPY_WORD_NS * parts + (STAGE_WORD_NS + SPLIT_PLANE_WORD_NS * parts) * staged;
                columns * gemm_k * per_word
            }
        };
        let filter_bytes = shape.filter_words() as f64 * parts * size_of::<f32>() as f64;
        let is_far = filter_bytes > CacheSizes::get().l2_bytes as f64 / 2.0;
        let per_word = if is_far { READ_FAR_WORD_NS } else { READ_WORD_NS };
        let read = self.rows as f64 * gemm_k * parts * per_word;
        let tasks = block.groups * block.rows.div_ceil(self.rows) * self.boxes(shape);
        tasks.div_ceil(threads.get()) as f64 * (multiply + pack + read + TASK_NS)
    }
}
