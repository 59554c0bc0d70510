//! How a Winograd convolution is cut into boxes of tiles and chunks of rows.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::filter::contiguous_strides;
use crate::config::IsaLevel;
use crate::cpu::cache::CacheSizes;
use crate::cpu::gather::axis_subfilters;
use crate::cpu::isa::Isa;
use crate::cpu::tiles::even_piece;
use crate::cpu::ukernel::{Form, MIN_EFFICIENT_ROWS, block_rows, tile_vector};
use crate::problem::{ConvProblem, DataType, Direction, Role};

/// The size of a problem in tiles.
#[derive(Clone, Copy, Debug)]
pub struct WinogradShape {
    pub form: Form,
    pub groups: usize,
    /// Channels of the result in a group, of each phase of a stride of backward-data, see
    /// [`crate::cpu::gather::Gather::phase_windows`]; and those phases.
    pub rows: usize,
    pub row_phases: usize,
    /// Channels of the reduction: of all sub-filters.
    pub channels: usize,
    /// Whether the filter is cut into sub-filters, see [`crate::cpu::gather::Gather::subfilters`], and into
    /// how many.
    pub is_cut: bool,
    pub subfilters: usize,
    /// Images: of each in the batch, one for each phase of the dilation.
    pub images: usize,
    pub tiles_h: usize,
    pub tiles_w: usize,
    /// Whether filters can be transformed as they lie in the tensor.
    pub filter_is_contiguous: bool,
    /// What bringing a pixel to planes costs.
    pub stage_cost: f64,
}

/// The form that serves the problem's direction.
fn form_of(problem: &ConvProblem, form: Form) -> Form {
    if form == Form::Tile4Taps3Stride2 && problem.direction() == Direction::Bwd {
        // Result i meets tap t where i + pad - t is even.
        let begins_odd = [1, 2].map(|dim| problem.pads()[dim] % 2 == 1);
        return Form::Tile8Taps3Stride2 { begins_odd };
    }
    form
}

/// The phases of h and w: a filter of dilation d meets outputs d apart only with inputs d apart, so
/// the outputs of each remainder make up an image of their own, on which dilation is 1.
pub(super) fn phases_of(problem: &ConvProblem) -> [usize; 2] {
    let out = out_spatial(problem);
    [1, 2].map(|dim| problem.dilations()[dim].min(out[dim]))
}

/// Whether the filter is not the form's own, but one that is cut into such.
pub(super) fn is_cut(problem: &ConvProblem, form: Form) -> bool {
    let has_phases = row_phases_of(problem, form) != [1, 1];
    has_phases
        || problem.filter_spatial() != [1, form.taps(), form.taps()]
        || subfilters_of(problem, form) != [1, 1]
}

/// Phases of the results of backward-data in h and w.
pub(super) fn row_phases_of(problem: &ConvProblem, form: Form) -> [usize; 2] {
    let has_phases = problem.direction() == Direction::Bwd && !form.has_stride_2();
    [1, 2].map(|dim| if has_phases { problem.strides()[dim] } else { 1 })
}

pub(super) fn has_stride(problem: &ConvProblem) -> bool {
    problem.strides() != [1; 3]
}

/// Sub-filters in h and w, see [`crate::cpu::gather::Gather::subfilters`].
pub(super) fn subfilters_of(problem: &ConvProblem, form: Form) -> [usize; 2] {
    if form.has_stride_2() || problem.direction() == Direction::Bwd && has_stride(problem) {
        return [1, 1];
    }
    [1, 2].map(|dim| {
        axis_subfilters(problem.filter_spatial()[dim], form.taps(), problem.strides()[dim])
    })
}

/// Whether lines of inputs are read from the tensor itself: floats side by side. The phases of a dilation are
/// images of their own, which the tensor does not have.
pub(super) fn reads_tensor(problem: &ConvProblem, form: Form) -> bool {
    problem.input_dtype() == DataType::F32
        && problem.dilations() == [1; 3]
        && pixel_stride(problem, form) == 1
}

/// The distance in w of inputs that are neighbours in a tile.
fn pixel_stride(problem: &ConvProblem, form: Form) -> usize {
    let input = match problem.direction() {
        Direction::Bwd => problem.tensor5(Role::Y),
        Direction::Fwd | Direction::Wrw => problem.tensor5(Role::X),
    };
    let step = match form.has_stride_2() || problem.direction() == Direction::Bwd {
        true => problem.dilations()[2],
        false => problem.strides()[2] * problem.dilations()[2],
    };
    step.saturating_mul(input.spatial_strides()[2])
}

/// What bringing an input of a tile to planes costs, in lane multiply-adds. Where neighbours are two or four apart it took 0.6 ns (64 to 128 channels on 80 x 80, Zen
/// 4); the others are estimated: runs of a dilation are short.
pub(super) fn stage_cost(problem: &ConvProblem, form: Form) -> f64 {
    match pixel_stride(problem, form) {
        1 => 8.0,
        2 | 4 => 25.0,
        _ => 60.0,
    }
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
        let form = form_of(problem, form);
        let subfilters = subfilters_of(problem, form).iter().product();
        let is_cut = is_cut(problem, form);
        let [phases_h, phases_w] = phases_of(problem);
        let [rows_h, rows_w] = row_phases_of(problem, form);
        let [_, out_h, out_w] = out_spatial(problem);
        WinogradShape {
            form,
            groups,
            rows: rows * rows_h * rows_w,
            row_phases: rows_h * rows_w,
            channels: channels * subfilters,
            is_cut,
            subfilters,
            images: problem.n() * phases_h * phases_w,
            tiles_h: out_h.div_ceil(phases_h * rows_h).div_ceil(form.tile()),
            tiles_w: out_w.div_ceil(phases_w * rows_w).div_ceil(form.tile()),
            filter_is_contiguous: !is_cut && contiguous_strides(problem, form).is_some(),
            stage_cost: if reads_tensor(problem, form) { 0.0 } else { stage_cost(problem, form) },
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
    /// Channels of the reduction that are multiplied before the next ones.
    pub channels: usize,
    /// Channels of the result whose filters are transformed together.
    pub piece_rows: usize,
    /// Whether tasks transform the filter themselves.
    pub is_fused: bool,
}

/// What the parts of a form cost.
struct Costs {
    /// Of transforms, in lane multiply-adds for each tile or filter: of a channel's input, of a row's output
    /// with storing it, of a filter.
    transforms: [f64; 3],
    /// What writing sums costs, in steps of the reduction: a register block of a position takes as
    /// long as with so many channels more.
    store_steps: f64,
    /// What starting on a piece of the filter costs at each of its products, in the same unit as transforms.
    piece: f64,
    /// What moving a byte costs, beside one of [`byte_cost`]: of panels that are written, of those that are
    /// read, of sums, of the filter that is read, of the one that is written for all tasks.
    bytes: [f64; 5],
    /// The whole, beside the sum of the parts.
    pace: f64,
}

impl Costs {
    /// Fitted on Zen 4 to the times of 3 x 3 layers of 16 to 1280 channels, AVX2 and AVX-512, 1008 in boxes of
    /// 4 to 400 tiles: of the boxes tried, those with the least cost took 3 % longer than the fastest. There
    /// the L3 cache is near, and one thread reads panels as fast as it multiplies them; what they cost is
    /// for two threads, which took 1.7 times as long without it (512 channels dilated by 6).
    const fn of_stride_1(transforms: [f64; 3]) -> Self {
        Costs {
            transforms,
            store_steps: 2.3,
            piece: 900.0,
            bytes: [0.0, 0.2, 2.45, 1.3, 4.3],
            pace: 1.0,
        }
    }

    /// Fitted on Zen 4 to the times of layers of 16 to 512 channels in boxes of 16 to 400 tiles. The pace makes
    /// up for what the estimates of other solvers leave out. Where 512 bits are multiplied at once the L3 cache is
    /// far for panels that are read again: 64 and 128 channels of 80 x 80 and 40 x 40 took up to 1.8 times as long in
    /// boxes that were chosen without that (backward-data, two threads, Ice Lake).
    fn of_stride_2(transforms: [f64; 3]) -> Self {
        let panels_read = if Isa::of_machine().is_wide() { 0.5 } else { 0.02 };
        Costs {
            transforms,
            store_steps: 4.0,
            piece: 0.0,
            bytes: [0.6, panels_read, 3.3, 0.3, 6.0],
            pace: 0.86,
        }
    }

    fn of(form: Form) -> Self {
        match form {
            Form::Tile2Taps3 => Self::of_stride_1([200.0, 120.0, 130.0]),
            Form::Tile4Taps3 => Self::of_stride_1([450.0, 340.0, 260.0]),
            Form::Tile5Taps2 => Self::of_stride_1([450.0, 480.0, 220.0]),
            Form::Tile3Taps4 => Self::of_stride_1([450.0, 280.0, 390.0]),
            Form::Tile2Taps5 => Self::of_stride_1([450.0, 210.0, 520.0]),
            Form::Tile4Taps3Stride2 => Self::of_stride_2([700.0, 800.0, 900.0]),
            Form::Tile8Taps3Stride2 { .. } => Self::of_stride_2([800.0, 700.0, 500.0]),
        }
    }
}

/// The whole with AVX-512, beside AVX2 where it does as many multiply-adds: layers of 64 x 64 to 256 x 256 pixels
/// (Zen 4).
const AVX512_PACE: f64 = 0.96;

/// What a panel of one vector costs more, as a part of it, since it takes a weight for each product (estimated
/// from the loads of weights); and where wide register blocks leave none but a matrix's only one.
const NARROW_COST: f64 = 0.3;
const ONLY_VECTOR_COST: f64 = 0.9;

/// The same of so many vectors, in columns.
pub(super) fn single_vector_cost(isa: Isa, vectors: usize) -> f64 {
    let share = match (isa.is_wide(), vectors) {
        (true, 1) => ONLY_VECTOR_COST,
        (true, _) => 0.0,
        (false, _) => NARROW_COST * (vectors % 2) as f64,
    };
    share * tile_vector(isa) as f64
}

/// What a filter costs more whose taps have to be brought together first: 11 to 24 ns (channels-last, 512 x 512
/// channels, Zen 4).
const PACK_COST: f64 = 900.0;

/// What storing a result costs whose neighbours are others' (estimated).
const SCATTER_COST: f64 = 30.0;

/// What starting a task costs, in the same unit: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// Tiles in a box at most: beyond it, reading the transformed filter no longer matters. Of stride 2 images
/// have few tiles, and those of several fill vectors better.
fn max_tiles(form: Form, isa: Isa) -> usize {
    match (form.has_stride_2(), isa.is_wide()) {
        (true, _) => 256,
        (false, true) => 192,
        (false, false) => 400,
    }
}

/// Rows whose filters tasks transform together, at least: enough to read panels seldom, few enough that
/// what is transformed stays in the L2 cache.
const FUSED_ROWS: usize = 24;

/// Channels of a block, at least and at most: with fewer, writing sums takes a fifth of the time; up to 320
/// channels at once were as fast as blocks of them (Emerald Rapids, boxes of 32 to 64 tiles).
const MAX_BLOCK_CHANNELS: usize = 384;

impl Blocking {
    /// The boxes and chunks with the least estimated time.
    pub fn choose(shape: &WinogradShape, isa: Isa, threads: NonZeroUsize) -> Self {
        // Sums are formed block after block of channels, so these must not depend on threads.
        let of_one_thread = block_channels(shape, isa)
            .into_iter()
            .map(|channels| Self::least(shape, isa, NonZeroUsize::MIN, channels))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, alone)) = of_one_thread else { unreachable!("there are lengths of blocks") };
        match threads {
            NonZeroUsize::MIN => alone,
            _ => Self::least(shape, isa, threads, alone.channels).1,
        }
    }

    /// The same, with blocks of so many channels, and the cost.
    fn least(
        shape: &WinogradShape,
        isa: Isa,
        threads: NonZeroUsize,
        channels: usize,
    ) -> (f64, Self) {
        let mut best: Option<(f64, Blocking)> = None;
        let per_image = shape.tiles_h * shape.tiles_w;
        // Panels stay in the L3 cache, of one thread in half of it, or each in its L2 cache.
        let caches = CacheSizes::get();
        let panels_bytes =
            (caches.l3_bytes / threads.get()).min(caches.l3_bytes / 2).max(caches.l2_bytes);
        let tile_bytes = shape.form.positions() * shape.channels * size_of::<f32>();
        let max_tiles = max_tiles(shape.form, isa).min(panels_bytes / tile_bytes.max(1));
        // Rows of tiles of one image, or whole images.
        let parts = [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 40, 56, 64, 128, usize::MAX];
        let of_one = parts.map(|parts| (1, shape.tiles_h.div_ceil(parts.min(shape.tiles_h))));
        let whole = [1, 2, 4, 8]
            .map(|part| (even_piece(shape.images, max_tiles / part / per_image), shape.tiles_h));
        let mut boxes = [&whole[..], &of_one].concat();
        boxes.retain(|&(images, tile_rows)| {
            images * tile_rows * shape.tiles_w <= max_tiles || tile_rows == 1
        });
        let mut chunks_rows = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]
            .map(|parts| {
                let rows = shape.rows.div_ceil(parts).next_multiple_of(block_rows(isa));
                rows.min(shape.rows)
            })
            .to_vec();
        // A task has all phases of its results.
        let most_parts = if shape.row_phases > 1 { 1 } else { 2 * threads.get() };
        let mut rows_parts = vec![1, threads.get(), 2 * threads.get()];
        rows_parts.retain(|&parts| parts <= most_parts);
        // Small images and few rows leave but few different ones.
        boxes.dedup();
        chunks_rows.dedup();
        rows_parts.dedup();
        for (images, tile_rows) in boxes {
            for &chunk_rows in &chunks_rows {
                let all_chunks = shape.rows.div_ceil(chunk_rows);
                let fused_rows = FUSED_ROWS.next_multiple_of(block_rows(isa)).min(chunk_rows);
                // Filters that are transformed for all tasks keep all threads busy in more pieces.
                let part_rows = chunk_rows.div_ceil(threads.get());
                let mut pieces = vec![(true, fused_rows), (false, chunk_rows), (false, part_rows)];
                pieces.dedup();
                for &row_parts in &rows_parts {
                    let chunks = all_chunks.div_ceil(row_parts);
                    for &(is_fused, piece_rows) in &pieces {
                        let blocking = Blocking {
                            images,
                            tile_rows,
                            chunk_rows,
                            chunks,
                            channels,
                            piece_rows,
                            is_fused,
                        };
                        let cost = blocking.cost(shape, isa, threads);
                        if best.is_none_or(|(least, _)| cost < least) {
                            best = Some((cost, blocking));
                        }
                    }
                }
            }
        }
        best.unwrap_or_else(|| unreachable!("there are candidates"))
    }

    /// Chunks of all rows of a group.
    pub fn all_chunks(&self, shape: &WinogradShape) -> usize {
        shape.rows.div_ceil(self.chunk_rows)
    }

    /// Tiles of a full box.
    pub fn tiles(&self, shape: &WinogradShape) -> usize {
        self.images * self.tile_rows * shape.tiles_w
    }

    /// Time in lane multiply-adds of the busiest thread.
    pub fn cost(&self, shape: &WinogradShape, isa: Isa, threads: NonZeroUsize) -> f64 {
        let Costs { transforms, store_steps, piece, bytes, pace } = Costs::of(shape.form);
        let pace = if isa.level() == IsaLevel::Avx512 { pace * AVX512_PACE } else { pace };
        let [input_cost, output_cost, filter_cost] = transforms;
        let filter_cost = filter_cost + if shape.filter_is_contiguous { 0.0 } else { PACK_COST };
        let [panels_written, panels_read, sums_byte, filter_read, filter_written] = bytes;
        let byte_cost = |bytes_in_use| byte_cost(isa, bytes_in_use);
        let vectors = self.tiles(shape).div_ceil(tile_vector(isa));
        let tiles = (vectors * tile_vector(isa)) as f64;
        let columns = tiles + single_vector_cost(isa, vectors);
        let (channels, positions) = (shape.channels as f64, shape.form.positions() as f64);
        let (sums, weights) = (shape.form.products().len() as f64, shape.form.weights() as f64);
        let chunks_of_all = shape.rows.div_ceil(self.chunk_rows);
        let blocks = shape.channels.div_ceil(self.channels) as f64;
        let rows = self.chunk_rows as f64;
        let floats = size_of::<f32>() as f64;
        let panels_bytes = positions * channels * tiles * floats;
        let sums_bytes = sums * rows * tiles * floats;
        let filter_bytes = weights * channels * rows * floats;
        let piece_bytes = filter_bytes / blocks * self.piece_rows as f64 / rows;
        let all_filter_bytes = filter_bytes * chunks_of_all as f64;

        // Of a block, panels are read for each piece of the filter, and sums once; of a chunk, the
        // panels of all blocks.
        let in_use = panels_bytes / blocks + sums_bytes + piece_bytes;
        let pieces = (self.chunk_rows as f64 / self.piece_rows as f64).ceil();
        let filter_reach =
            if self.is_fused { in_use } else { all_filter_bytes + panels_bytes + sums_bytes };
        let filter_passes = if self.is_fused { 2.0 } else { 1.0 };
        let tile_results = (shape.form.tile() * shape.form.tile()) as f64;
        let scattered = if shape.row_phases > 1 { SCATTER_COST * tile_results } else { 0.0 };
        let steps = positions * channels + sums * store_steps * blocks;
        let chunk = rows.max(MIN_EFFICIENT_ROWS as f64) * steps * columns
            + piece * pieces * blocks * sums
            + panels_read
                * panels_bytes
                * (2.0 * byte_cost(panels_bytes) + (pieces - 1.0) * byte_cost(in_use))
            + sums_byte * 2.0 * sums_bytes * blocks * byte_cost(sums_bytes)
            + filter_read * filter_passes * filter_bytes * byte_cost(filter_reach)
            + rows * tiles * (output_cost + scattered)
            + if self.is_fused { rows * channels * filter_cost } else { 0.0 };
        let written = panels_written * positions * floats * byte_cost(panels_bytes);
        let step = shape.form.step();
        let staged = shape.stage_cost * (step * step) as f64;
        let box_cost = channels * tiles * (input_cost + staged + written);
        let boxes = shape.groups
            * shape.images.div_ceil(self.images)
            * shape.tiles_h.div_ceil(self.tile_rows);
        let tasks = boxes * chunks_of_all.div_ceil(self.chunks);
        let task = self.chunks as f64 * chunk + box_cost + TASK_COST;
        let rounds = tasks.div_ceil(threads.get()) as f64;
        let filter_pieces = shape.groups as f64 * (chunks_of_all as f64) * blocks * pieces;
        let filter = if self.is_fused {
            0.0
        } else {
            let filters = self.piece_rows as f64 * channels / blocks;
            (filter_pieces / threads.get() as f64).ceil()
                * filters
                * (filter_cost + filter_written * weights * floats * byte_cost(all_filter_bytes))
        };
        pace * (rounds * task + filter)
    }
}

/// Lengths of blocks of channels to choose from.
fn block_channels(shape: &WinogradShape, isa: Isa) -> Vec<usize> {
    if !shape.filter_is_contiguous && !shape.is_cut {
        return vec![shape.channels];
    }
    let block = |most| even_piece(shape.channels, most).next_multiple_of(16).min(shape.channels);
    let tiles = shape.images * shape.tiles_h * shape.tiles_w;
    let of_l2 = || {
        let columns = tiles.next_multiple_of(2 * tile_vector(isa)) + FUSED_ROWS;
        let channel_bytes = shape.form.positions() * columns * size_of::<f32>();
        CacheSizes::get().l2_bytes / 2 / channel_bytes
    };
    // Of few tiles, panels and a piece of the filter take half the L2 cache; of many, boxes are cut to fit.
    match shape.form.has_stride_2() {
        true if tiles <= max_tiles(shape.form, isa) => {
            vec![block(of_l2().clamp(128, MAX_BLOCK_CHANNELS))]
        }
        true => vec![block(MAX_BLOCK_CHANNELS)],
        false => {
            let mut blocks = [1, 2, 4, 8].map(|part| block(MAX_BLOCK_CHANNELS / part)).to_vec();
            blocks.dedup();
            blocks
        }
    }
}

/// What a byte costs to read or write, in lane multiply-adds, where that many bytes are in use: from
/// L2, L3 and memory, of which the GEMM kernel hides about half. AVX2 on Zen 3 and Emerald Rapids; where 512 bits
/// are multiplied at once, twice as many multiply-adds fit that time (checked with 16 to 1280 channels, Ice Lake).
pub(super) fn byte_cost(isa: Isa, bytes_in_use: f64) -> f64 {
    let [near, l3, memory] = if isa.is_wide() { [0.5, 2.4, 5.4] } else { [0.25, 1.2, 2.7] };
    let caches = CacheSizes::get();
    let room = 0.8 * caches.l2_bytes as f64;
    if bytes_in_use <= room {
        return near;
    }
    let far = if bytes_in_use <= 0.5 * caches.l3_bytes as f64 { l3 } else { memory };
    near + (far - near) * (1.0 - room / bytes_in_use)
}

/// Floats from one position to the next: at least `elems`, and an odd number of cache lines. The
/// transforms go through all positions at once, and at a power of two these would share a few
/// sets of the caches.
pub(super) fn position_elems(elems: usize) -> usize {
    const LINE_ELEMS: usize = 16;
    (elems.div_ceil(LINE_ELEMS) | 1) * LINE_ELEMS
}
