//! How a Winograd convolution is cut into boxes of tiles and chunks of rows.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use crate::cpu::cache::CacheSizes;
use crate::cpu::isa::Isa;
use crate::cpu::tiles::even_piece;
use crate::cpu::ukernel::{Form, block_rows, panel_columns};
use crate::problem::{ConvProblem, Direction};

/// The size of a problem in tiles.
#[derive(Clone, Copy, Debug)]
pub struct WinogradShape {
    pub form: Form,
    pub groups: usize,
    /// Channels of the result in a group.
    pub rows: usize,
    /// Channels of the reduction.
    pub channels: usize,
    /// Images: of each in the batch, one for each phase of the dilation.
    pub images: usize,
    pub tiles_h: usize,
    pub tiles_w: usize,
}

/// The phases of h and w: a filter of dilation d meets outputs d apart only with inputs d apart, so
/// the outputs of each remainder make up an image of their own, on which dilation is 1.
pub(super) fn phases_of(problem: &ConvProblem) -> [usize; 2] {
    let out = out_spatial(problem);
    [1, 2].map(|dim| problem.dilations()[dim].min(out[dim]))
}

fn out_spatial(problem: &ConvProblem) -> [usize; 3] {
    match problem.direction() {
        Direction::Bwd => problem.in_spatial(),
        Direction::Fwd | Direction::Wrw => problem.out_spatial(),
    }
}

impl WinogradShape {
    /// Of a forward or backward-data problem.
    pub fn new(problem: &ConvProblem, form: Form) -> Self {
        let groups = problem.groups();
        let (c, k) = (problem.c() / groups, problem.k() / groups);
        let (rows, channels) = match problem.direction() {
            Direction::Bwd => (c, k),
            Direction::Fwd | Direction::Wrw => (k, c),
        };
        let [phases_h, phases_w] = phases_of(problem);
        let [_, out_h, out_w] = out_spatial(problem);
        WinogradShape {
            form,
            groups,
            rows,
            channels,
            images: problem.n() * phases_h * phases_w,
            tiles_h: out_h.div_ceil(phases_h).div_ceil(form.tile()),
            tiles_w: out_w.div_ceil(phases_w).div_ceil(form.tile()),
        }
    }
}

/// Lengths of boxes and chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// Images in a box.
    pub images: usize,
    /// Rows of tiles in a box; all of them where a box has several images.
    pub tile_rows: usize,
    /// Channels of the result that are multiplied before they are transformed back.
    pub chunk_rows: usize,
    /// Chunks in a task.
    pub chunks: usize,
    /// Whether tasks transform the filter themselves; only where there is one box.
    pub is_fused: bool,
}

/// What transforms cost, in lane multiply-adds for each tile or filter: of a
/// channel's input, of a row's output, of a filter. Counted instructions, three
/// a cycle, at the 16 multiply-adds a cycle of AVX2, are two thirds to three quarters
/// of it; the rest is fitted to the times of layers of 3 to 512 channels on Zen 3.
const TRANSFORM_COSTS_2X2: [f64; 3] = [150.0, 110.0, 170.0];
const TRANSFORM_COSTS_4X4: [f64; 3] = [400.0, 300.0, 400.0];
const TRANSFORM_COSTS_5X5: [f64; 3] = [400.0, 200.0, 700.0];

/// What writing sums costs, in steps of the reduction: a register block of a position takes as
/// long as with so many channels more (fitted to measured times of 3 to 512 channels on Zen 3).
const STORE_STEPS: f64 = 10.0;

/// Rows of a register block that take as long as fewer of them: at least eight sums must be under
/// way to fill two pipelines of four cycles.
const MIN_EFFICIENT_ROWS: f64 = 4.0;

/// What starting a task costs, in the same unit: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// Tiles in a box at most: beyond it, reading the transformed filter no longer matters.
const MAX_TILES: usize = 192;

impl Blocking {
    /// The boxes and chunks with the least estimated time.
    pub fn choose(shape: &WinogradShape, isa: Isa, threads: NonZeroUsize) -> Self {
        let mut best: Option<(f64, Blocking)> = None;
        let per_image = shape.tiles_h * shape.tiles_w;
        for parts in [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 40, 56, 64, 128, usize::MAX] {
            let parts = parts.min(shape.tiles_h);
            let tile_rows = shape.tiles_h.div_ceil(parts);
            let images = match parts {
                1 => even_piece(shape.images, MAX_TILES / per_image),
                _ => 1,
            };
            let tiles = images * tile_rows * shape.tiles_w;
            if tiles > MAX_TILES && tile_rows > 1 {
                continue;
            }
            for chunk_parts in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128] {
                let chunk_rows = shape
                    .rows
                    .div_ceil(chunk_parts)
                    .next_multiple_of(block_rows(isa))
                    .min(shape.rows);
                let all_chunks = shape.rows.div_ceil(chunk_rows);
                for row_parts in [1, threads.get(), 2 * threads.get()] {
                    let chunks = all_chunks.div_ceil(row_parts);
                    let is_fused = shape.images == images && parts == 1;
                    let blocking = Blocking { images, tile_rows, chunk_rows, chunks, is_fused };
                    let cost = blocking.cost(shape, isa, threads);
                    if best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, blocking));
                    }
                }
            }
        }
        best.map_or_else(|| unreachable!("there are candidates"), |(_, blocking)| blocking)
    }

    /// Tiles of a full box.
    pub fn tiles(&self, shape: &WinogradShape) -> usize {
        self.images * self.tile_rows * shape.tiles_w
    }

    /// Time in lane multiply-adds of the busiest thread.
    pub fn cost(&self, shape: &WinogradShape, isa: Isa, threads: NonZeroUsize) -> f64 {
        let [input_cost, output_cost, filter_cost] = match shape.form {
            Form::Tile2Taps3 => TRANSFORM_COSTS_2X2,
            Form::Tile4Taps3 => TRANSFORM_COSTS_4X4,
            Form::Tile2Taps5 => TRANSFORM_COSTS_5X5,
        };
        let tiles = self.tiles(shape).next_multiple_of(panel_columns(isa)) as f64;
        let (channels, positions) = (shape.channels as f64, shape.form.positions() as f64);
        let chunks_of_all = shape.rows.div_ceil(self.chunk_rows);
        let rows = self.chunk_rows as f64;
        let floats = size_of::<f32>() as f64;
        let panels_bytes = positions * channels * tiles * floats;
        let sums_bytes = positions * rows * tiles * floats;
        let filter_bytes = positions * channels * rows * floats;
        let all_filter_bytes = filter_bytes * chunks_of_all as f64;

        // Panels and sums are read again and again; filter rows once a box.
        let in_use = panels_bytes + sums_bytes;
        let filter_reach = if self.is_fused { filter_bytes } else { all_filter_bytes };
        let chunk = positions * rows.max(MIN_EFFICIENT_ROWS) * (channels + STORE_STEPS) * tiles
            + (panels_bytes + 2.0 * sums_bytes) * byte_cost(in_use)
            + filter_bytes * byte_cost(filter_reach + in_use)
            + rows * tiles * output_cost
            + if self.is_fused { rows * channels * filter_cost } else { 0.0 };
        let box_cost = channels * tiles * (input_cost + positions * floats * byte_cost(in_use));
        let boxes = shape.groups
            * shape.images.div_ceil(self.images)
            * shape.tiles_h.div_ceil(self.tile_rows);
        let tasks = boxes * chunks_of_all.div_ceil(self.chunks);
        let task = self.chunks as f64 * chunk + box_cost + TASK_COST;
        let rounds = tasks.div_ceil(threads.get()) as f64;
        let filters = (shape.groups * shape.rows) as f64 * channels / threads.get() as f64;
        let filter = if self.is_fused {
            0.0
        } else {
            filters * (filter_cost + positions * floats * byte_cost(all_filter_bytes))
        };
        rounds * task + filter
    }
}

/// What a byte costs to read or write, in lane multiply-adds, where that many
/// bytes are in use: 32, 10 and 3 bytes a cycle from L2, L3 and memory, of
/// which the GEMM kernel hides about half.
pub(super) fn byte_cost(bytes_in_use: f64) -> f64 {
    let caches = CacheSizes::get();
    if bytes_in_use <= 0.7 * caches.l2_bytes as f64 {
        0.25
    } else if bytes_in_use <= 0.5 * caches.l3_bytes as f64 {
        0.8
    } else {
        2.7
    }
}

/// Floats from one position to the next: at least `elems`, and an odd number of cache lines. The
/// transforms go through all positions at once, and at a power of two these would share a few
/// sets of the caches.
pub(super) fn position_elems(elems: usize) -> usize {
    const LINE_ELEMS: usize = 16;
    (elems.div_ceil(LINE_ELEMS) | 1) * LINE_ELEMS
}
