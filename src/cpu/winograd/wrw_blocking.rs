//! How backward-weights by Winograd's algorithm is cut into boxes, parts and blocks of channels.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::shape::{byte_cost, is_cut, phases_of, single_vector_cost, stage_cost, subfilters_of};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::{BoxLengths, even_piece};
use crate::cpu::ukernel::{Form, MIN_EFFICIENT_ROWS, ROW_PAIRS, max_tiles_w, tile_vector};
use crate::problem::{ConvProblem, Role};

/// Tiles in a box at most. Longer sums spread the cost of reading and writing them, which with 128 and
/// more channels was worth a tenth from 64 to 128 tiles; with fewer both were as fast (Zen 4, and so
/// are the costs below: `miopen-bypass conv -F 4 --solver float_winograd_4x4_3x3__avx512` and
/// `__avx2_fma`, layers of 16 to 512 channels).
const BOX_TILES: usize = 128;

/// Tiles in a part at least, and tasks that parts shall make up: what it takes to transform a part's
/// sums back and to add them is about that of eight tiles.
const PART_TILES: usize = 256;
const WANTED_TASKS: usize = 16;

/// Candidates for the channels of a task, of either tensor. Of more than these the sums of a pair of
/// rows leave the L2 cache.
const CHANNELS: [usize; 5] = [32, 48, 64, 96, MAX_CHANNELS];
const MAX_CHANNELS: usize = 128;

/// What transforms cost, in lane multiply-adds as in [`super::shape`]: of a tile of x and of a tile of
/// dy (both vector instruction sets took about 24 cycles for a channel, to the L2 cache and back
/// included), and of a filter.
const X_COST: f64 = 420.0;
const DY_COST: f64 = 350.0;
const WEIGHTS_COST: f64 = 300.0;

/// What writing sums costs, in steps of the reduction, beside bringing them near.
const STORE_STEPS: f64 = 5.0;

/// What moving a byte of the sums costs, beside one that is read here and there: they are asked for
/// ahead.
const SUMS_BYTE: f64 = 0.5;

/// What starting a task costs, in the same unit: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// Boxes and parts of the whole: what the order of sums follows from.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// In pixels of dy, with those that tiles have beyond the image.
    pub box_lengths: BoxLengths,
    /// Tiles of a full box.
    pub tiles: usize,
    pub boxes: usize,
    /// Boxes whose sums are transformed back by themselves.
    pub boxes_in_part: usize,
}

/// Output and input channels of a task.
#[derive(Clone, Copy, Debug)]
pub struct Blocking {
    pub k: usize,
    pub c: usize,
}

/// The size of a problem in tiles.
#[derive(Clone, Copy, Debug)]
pub struct WrwShape {
    pub form: Form,
    pub groups: usize,
    /// Output and input channels of a group.
    pub k: usize,
    pub c: usize,
    /// Whether the filter is cut into sub-filters, see [`crate::cpu::gather::Gather::subfilters`], and into
    /// how many.
    pub is_cut: bool,
    pub subfilters: usize,
    /// Images: of each in the batch, one for each phase of the dilation.
    pub images: usize,
    /// Rows and columns of tiles of dy of an image.
    pub tiles_h: usize,
    pub tiles_w: usize,
    /// Whether lines are read from the tensors themselves: of x, of dy.
    pub is_direct: [bool; 2],
    /// What bringing a pixel to planes costs.
    pub stage_cost: f64,
}

impl WrwShape {
    pub fn new(problem: &ConvProblem, form: Form) -> Self {
        let phases = phases_of(problem);
        let [tiles_h, tiles_w] = [0, 1]
            .map(|dim| problem.out_spatial()[dim + 1].div_ceil(phases[dim]).div_ceil(form.tile()));
        let subfilters = subfilters_of(problem, form).iter().product();
        let groups = problem.groups();
        WrwShape {
            form,
            groups,
            k: problem.k() / groups,
            c: problem.c() / groups,
            is_cut: is_cut(problem, form),
            subfilters,
            images: problem.n() * phases.iter().product::<usize>(),
            tiles_h,
            tiles_w,
            is_direct: [(Role::X, subfilters), (Role::Y, 1)].map(|(role, subfilters)| {
                let stride = problem.tensor5(role).spatial_strides()[2];
                subfilters == 1 && phases == [1, 1] && stride == 1
            }),
            stage_cost: stage_cost(problem, form),
        }
    }

    /// Tiles of all images.
    pub fn tiles(&self) -> usize {
        self.images * self.tiles_h * self.tiles_w
    }
}

/// Channels in whole vectors of the longest kind: the distance of rows of sums, and of tiles of dy.
pub fn whole_vectors(channels: usize) -> usize {
    channels.next_multiple_of(16)
}

impl Cut {
    pub fn new(shape: &WrwShape) -> Self {
        let &WrwShape { images: n, tiles_h: rows, tiles_w: columns, .. } = shape;
        let tile = shape.form.tile();
        let box_columns = even_piece(columns, max_tiles_w(tile));
        let box_rows = even_piece(rows, BOX_TILES / box_columns);
        let is_whole = box_rows == rows && box_columns == columns;
        let images = if is_whole { even_piece(n, BOX_TILES / (rows * columns)) } else { 1 };
        let box_lengths = BoxLengths { images, spatial: [1, box_rows * tile, box_columns * tile] };
        let boxes = box_lengths.count(n, [1, rows * tile, columns * tile]);

        let blocks = shape.groups
            * shape.k.div_ceil(MAX_CHANNELS)
            * (shape.c * shape.subfilters).div_ceil(MAX_CHANNELS);
        let most = (shape.tiles() / PART_TILES).min(WANTED_TASKS / blocks).min(boxes).max(1);
        // So many that they load two or four threads evenly.
        let parts = 1 << most.ilog2();
        let tiles = images * box_rows * box_columns;
        Cut { box_lengths, tiles, boxes, boxes_in_part: boxes.div_ceil(parts) }
    }
}

impl Blocking {
    /// The block with the least estimated time.
    pub fn choose(shape: &WrwShape, isa: Isa, threads: NonZeroUsize) -> Self {
        let cut = Cut::new(shape);
        let of_c = |most: usize| even_piece(shape.c, (most / shape.subfilters).max(1));
        let candidates = CHANNELS.iter().flat_map(|&k| {
            CHANNELS.iter().map(move |&c| Blocking { k: even_piece(shape.k, k), c: of_c(c) })
        });
        let cost = |blocking: &Blocking| blocking.cost(&cut, shape, isa, threads);
        let best = candidates.min_by(|a, b| cost(a).total_cmp(&cost(b)));
        best.unwrap_or_else(|| unreachable!("there are candidates"))
    }

    /// Time in lane multiply-adds of the busiest thread.
    pub fn cost(&self, cut: &Cut, shape: &WrwShape, isa: Isa, threads: NonZeroUsize) -> f64 {
        let tiles = cut.tiles as f64;
        let lanes = tile_vector(isa);
        let all_c = self.c * shape.subfilters;
        let (k, c, positions) = (self.k as f64, all_c as f64, shape.form.positions() as f64);
        let vectors = all_c.div_ceil(lanes);
        let columns = (vectors * lanes) as f64 + single_vector_cost(isa, vectors);
        let k_lanes = self.k.next_multiple_of(lanes) as f64;
        let c_lanes = (vectors * lanes) as f64;
        let floats = size_of::<f32>() as f64;

        let tile_pixels = (shape.form.tile() * shape.form.tile()) as f64;
        let source_bytes = tile_pixels * (k + c) * tiles * floats;
        let tiles_bytes = positions * (k + c) * tiles * floats;
        let sums_bytes = positions * k * c * floats;
        let in_use = source_bytes + tiles_bytes / ROW_PAIRS.len() as f64 + sums_bytes;
        let [x_staged, dy_staged] = shape.is_direct.map(|is_direct| f64::from(!is_direct));
        let staged = shape.stage_cost * tile_pixels * tiles * (x_staged * c + dy_staged * k);
        let of_box = positions * k.max(MIN_EFFICIENT_ROWS as f64) * columns * (tiles + STORE_STEPS)
            + tiles * (c_lanes * X_COST + k_lanes * DY_COST)
            + staged
            + SUMS_BYTE * 2.0 * sums_bytes * byte_cost(isa, in_use);
        let parts = cut.boxes.div_ceil(cut.boxes_in_part);
        let weights_passes = if parts > 1 { 2.0 } else { 1.0 };
        let task = cut.boxes as f64 / parts as f64 * of_box
            + k * c * WEIGHTS_COST * weights_passes
            + TASK_COST;
        let tasks = parts * shape.groups * shape.k.div_ceil(self.k) * shape.c.div_ceil(self.c);
        tasks.div_ceil(threads.get()) as f64 * task
    }
}
