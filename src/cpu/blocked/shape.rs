//! How a problem is cut into blocks that fit the caches.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::planes::PixelLayout;
use crate::config::IsaLevel;
use crate::cpu::cache::CacheSizes;
use crate::cpu::gather::Gather;
use crate::cpu::isa::{Isa, halves_512_bits};
use crate::cpu::tiles::{BoxLengths, even_piece};
use crate::cpu::ukernel::{MIN_EFFICIENT_ROWS, few_of, panel_columns};
use crate::problem::{ConvProblem, DataType, Direction};

/// The GEMMs of one gather: `groups` times `rows` x pixels x (`channels` x `taps`).
#[derive(Clone, Copy, Debug)]
pub struct BlockShape {
    pub groups: usize,
    pub rows: usize,
    pub channels: usize,
    pub taps: usize,
    pub images: usize,
    pub spatial: [usize; 3],
    /// Whether panels are packed by products, straight from the tensor.
    pub is_gathered: bool,
    /// Whether the filter is read column by column, as it lies in the tensor.
    pub reads_columns: bool,
}

impl BlockShape {
    /// Of one gather of a forward or backward-data problem.
    pub fn new(problem: &ConvProblem, gather: &Gather) -> Self {
        let channels = match problem.direction() {
            Direction::Bwd => problem.c(),
            Direction::Fwd | Direction::Wrw => problem.k(),
        };
        BlockShape {
            groups: problem.groups(),
            rows: channels / problem.groups(),
            channels: gather.channels,
            taps: gather.taps(),
            images: problem.n(),
            spatial: [0, 1, 2].map(|dim| gather.axes[dim].out_len),
            is_gathered: problem.input_dtype() == DataType::F32
                && PixelLayout::of_tensor(gather, problem.n()).is_some(),
            reads_columns: problem.direction() == Direction::Bwd
                && problem.filter_spatial() == [1, 1, 1],
        }
    }
}

impl BlockShape {
    /// Pixels of all images.
    fn pixels(&self) -> usize {
        self.spatial.iter().fold(self.images, |product, &len| product.saturating_mul(len))
    }
}

/// Lengths of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// Pixels of a task.
    pub pixel_box: BoxLengths,
    /// Channels of the result in a task.
    pub rows: usize,
    /// Channels of the reduction packed at a time.
    pub channels: usize,
}

/// What packing one element costs, in multiply-adds of one lane: a load and a
/// store of a vector take about as long as two multiply-adds of it; staging and
/// segments as long again (measured on Zen 3).
const PACK_COST: f64 = 4.0;

/// The same where the product packs: what the first rows wait for memory (1x1 layers of 64 to 1024
/// channels, Emerald Rapids).
const GATHER_COST: f64 = 1.0;

/// What reading a filter element from beyond the L1 cache costs, in the same unit.
const FILTER_COST: f64 = 8.0;

/// The same column by column where register blocks have 6 rows: each takes a part of a cache line, which has
/// left the L1 cache when the next one comes (512 to 1024 channels, Zen 4).
const NARROW_FILTER_COST: f64 = 24.0;

/// What beginning and storing sums costs for each block of channels, in steps of the reduction (3 channels of
/// 3 x 3 taps: registers of 512 bits on Zen 4; of 256, whose steps are of half as many rows, on Zen 3, and steps of 512
/// bits that take half the time, Ice Lake).
const UPDATE_STEPS: f64 = 4.0;
const NARROW_UPDATE_STEPS: f64 = 8.0;

/// A column that is done by itself takes as long as so many of a full vector (1 x 1 layers of 7 x 7 pixels,
/// Zen 4).
const FEW_COST: f64 = 1.5;

/// So many pixels are not cut, so that those that fill no vector are the same ones whatever the threads.
const MAX_WHOLE_PIXELS: usize = 256;

/// What starting a task costs, in multiply-adds: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// Half of the L1 cache: there a panel stays while filter rows stream past it. Or a sixteenth of the
/// L2 cache, where that is large: then a panel comes from there as fast as it is multiplied, and longer
/// ones save reading and writing sums: with 512 KiB (Zen 3) 16 KiB are the best, with 2 MiB (Emerald Rapids, blocks of
/// 14 x 2 registers) 128 KiB. Two thirds of the L1 cache where register blocks take two panels at once: of 48 KiB (Ice
/// Lake) 24 to 32 KiB are the best, 80 take 1.05 times as long.
pub(super) fn max_panel_bytes(caches: CacheSizes, isa: Isa) -> usize {
    const LARGE_L2_BYTES: usize = 1 << 20;
    if isa.is_wide() {
        return caches.l1_bytes / 3 * 2;
    }
    let of_l2 = if caches.l2_bytes >= LARGE_L2_BYTES { caches.l2_bytes / 16 } else { 0 };
    of_l2.max(caches.l1_bytes / 2)
}

impl Blocking {
    /// The blocks with the least estimated time.
    ///
    /// Channels: a panel is at most as long as [`max_panel_bytes`] says. Pixels: panels take half of
    /// the L2 cache, so that they stay there between packing and use beside a quarter of it for filter
    /// rows; where the filter has no room beside them and the L3 cache is near, four times as much: reading
    /// the filter again takes longer than reading panels in order (1024 x 256 channels, 8 images of 14 x 14:
    /// 1.1 times, Zen 4). The length of the reduction's blocks depends on the problem and the machine alone, so
    /// results do not depend on the number of threads.
    pub fn choose(shape: &BlockShape, isa: Isa, threads: NonZeroUsize) -> Self {
        let caches = CacheSizes::get();
        let panel_cols = panel_columns(isa);
        let taps = shape.taps.max(1);
        let max_gemm_k = max_panel_bytes(caches, isa) / (panel_cols * size_of::<f32>());
        let channels = even_piece(shape.channels, (max_gemm_k / taps).max(1));
        let block_bytes = channels * taps * size_of::<f32>();
        let filter_bytes = shape.rows * block_bytes;
        let l2_halves = if filter_bytes >= caches.l2_bytes / 2 && !isa.is_wide() { 4 } else { 1 };
        let max_pixels = (l2_halves * caches.l2_bytes / 2 / block_bytes).max(panel_cols);
        let all_pixels = shape.pixels();
        let all_pixel_parts = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
        let pixel_parts = match all_pixels <= MAX_WHOLE_PIXELS.min(max_pixels) {
            true => &all_pixel_parts[..1],
            false => &all_pixel_parts[..],
        };
        let mut boxes = Vec::with_capacity(2 * pixel_parts.len());
        for &pixel_parts in pixel_parts {
            let pixels = (all_pixels / pixel_parts).clamp(panel_cols, max_pixels);
            let even = BoxLengths::choose(shape.images, shape.spatial, pixels);
            boxes.extend([even, snug(even, shape, isa)]);
        }
        // Register blocks are cut evenly, so rows need be no whole number of them.
        let mut all_rows = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
            .map(|parts| even_piece(shape.rows, shape.rows.div_ceil(parts)))
            .to_vec();
        // Few pixels and few rows leave but few different ones.
        boxes.dedup();
        all_rows.dedup();
        let mut best: Option<(f64, Blocking)> = None;
        for rows in all_rows {
            for &pixel_box in &boxes {
                let blocking = Blocking { pixel_box, rows, channels };
                let cost = blocking.cost(shape, isa, threads);
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, blocking));
                }
            }
        }
        best.map_or_else(|| unreachable!("there are candidates"), |(_, blocking)| blocking)
    }

    /// How many of a task's last pixels are done by themselves. None of a problem that may be cut, for
    /// it sums them in another order.
    pub fn few(&self, shape: &BlockShape, isa: Isa) -> usize {
        if self.is_whole(shape) { few_of(isa, shape.pixels()) } else { 0 }
    }

    /// Whether all pixels make one box, whatever the threads.
    pub fn is_whole(&self, shape: &BlockShape) -> bool {
        let pixels = shape.pixels();
        pixels <= MAX_WHOLE_PIXELS && self.pixel_box.pixels() == pixels
    }

    /// Tasks of all groups.
    fn tasks(&self, shape: &BlockShape) -> usize {
        shape.groups
            * shape.rows.div_ceil(self.rows)
            * self.pixel_box.count(shape.images, shape.spatial)
    }

    /// Time in multiply-adds of the busiest thread.
    pub fn cost(&self, shape: &BlockShape, isa: Isa, threads: NonZeroUsize) -> f64 {
        let pack = if shape.is_gathered { GATHER_COST } else { PACK_COST };
        let filter = match shape.reads_columns && isa.level() != IsaLevel::Avx512 {
            true => NARROW_FILTER_COST,
            false => FILTER_COST,
        };
        let update = match isa.level() {
            IsaLevel::Avx512 if halves_512_bits() => UPDATE_STEPS,
            _ => NARROW_UPDATE_STEPS,
        };
        let rows = self.rows as f64;
        let blocks = shape.channels.div_ceil(self.channels) as f64;
        let gemm_k = (shape.channels * shape.taps) as f64 + update * blocks;
        let beside = beside_products(isa);
        let of_columns = |columns: f64| {
            let block = rows.max(MIN_EFFICIENT_ROWS as f64) * columns;
            gemm_k * (block + beside * (pack * columns + filter * rows)) + beside * TASK_COST
        };
        let few = self.few(shape, isa);
        let of_few = FEW_COST * few as f64;
        let boxes = self.pixel_box.count(shape.images, shape.spatial) as f64;
        if boxes == 0.0 {
            return 0.0;
        }
        let all = vector_columns(self.pixel_box, shape, isa, few) as f64 + of_few * boxes;
        let full = padded(self.pixel_box.pixels() - few, isa) as f64 + of_few;
        // The last tasks may all be full ones.
        let rounds = self.tasks(shape).div_ceil(threads.get()) as f64;
        (rounds - 1.0) * of_columns(all / boxes) + of_columns(full)
    }
}

/// What is not multiplied, as the costs here have it, takes the time of so many times as many multiply-adds: twice
/// where 512 bits are multiplied at once.
pub(super) fn beside_products(isa: Isa) -> f64 {
    if isa.is_wide() { 2.0 } else { 1.0 }
}

/// Columns that a block of so many pixels takes: its last panel may be of one vector.
///
/// That one takes a broadcast for each product, of which a processor that halves 512 bits does one at a
/// time: 4 x 4 pixels took 1.4 times as long as with AVX2 (1 x 1 layers of 2048 channels, Zen 4).
fn padded(pixels: usize, isa: Isa) -> usize {
    let vector = panel_columns(isa) / 2;
    let vectors = pixels.div_ceil(vector);
    let waiting = match isa.level() {
        IsaLevel::Avx512 if halves_512_bits() => vectors % 2 * vector / 4,
        // Else wide register blocks leave none but a matrix's only one, which loads as much as two.
        IsaLevel::Avx512 if vectors == 1 => vector,
        _ => 0,
    };
    vectors * vector + waiting
}

/// Columns of all boxes, of each less `few`.
fn vector_columns(pixel_box: BoxLengths, shape: &BlockShape, isa: Isa, few: usize) -> usize {
    let [d, h, w] = shape.spatial;
    let [of_d, of_h, of_w] = pixel_box.spatial;
    // Of each dimension, the full pieces and the last one.
    let [n, d, h, w] = [(shape.images, pixel_box.images), (d, of_d), (h, of_h), (w, of_w)]
        .map(|(len, piece)| [(len / piece, piece), (usize::from(len % piece > 0), len % piece)]);
    let mut columns = 0;
    for ((n_count, n), (d_count, d)) in n.into_iter().flat_map(|n| d.map(|d| (n, d))) {
        for ((h_count, h), (w_count, w)) in h.into_iter().flat_map(|h| w.map(|w| (h, w))) {
            let boxes = n_count * d_count * h_count * w_count;
            if boxes > 0 {
                columns += boxes * padded(n * d * h * w - few, isa);
            }
        }
    }
    columns
}

/// Boxes of at most the same size, whose pixels fill vectors better: the last one may be smaller than
/// the others.
fn snug(even: BoxLengths, shape: &BlockShape, isa: Isa) -> BoxLengths {
    let [d, h, w] = shape.spatial;
    let pieces = [even.images, even.spatial[0], even.spatial[1], even.spatial[2]];
    let lens = [shape.images, d, h, w];
    let Some(cut) = (0..4).find(|&dim| pieces[dim] < lens[dim] && pieces[dim] > 1) else {
        return even;
    };
    let with_piece = |piece: usize| {
        let mut lengths = even;
        match cut {
            0 => lengths.images = piece,
            dim => lengths.spatial[dim - 1] = piece,
        }
        lengths
    };
    let candidates = (pieces[cut] / 2 + 1..=pieces[cut]).rev().map(with_piece);
    // Of equals the first, which is the largest.
    candidates.min_by_key(|&lengths| vector_columns(lengths, shape, isa, 0)).unwrap_or(even)
}
