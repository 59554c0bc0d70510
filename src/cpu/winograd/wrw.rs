//! Backward-weights by Winograd's F(3x3, 4x4).
//!
//! Tiles of x and of dy are transformed into rows, one matrix for each position; their
//! products are summed over tiles by the GEMM kernel, box after box, and transformed back once for
//! each filter. Boxes depend on the problem alone, so the bits do not depend on threads.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::shape::{byte_cost, position_elems};
use crate::cpu::arena;
use crate::cpu::blocked::Planes;
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::gather::{Gather, Order, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::store::store_filter_tile;
use crate::cpu::tiles::{BoxLengths, even_piece};
use crate::cpu::ukernel::{
    Form, InputLines, Rows, TileOf, multiply_block, pack_panel_transposed, panel_columns,
    transform_tiles, transform_weights,
};
use crate::cpu::wrw_tasks::{WrwTask, wrw_tasks};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType, Role};

/// Side of a tile of dy.
const TILE: usize = 4;
const POSITIONS: usize = 36;

/// Rows of tiles are whole vectors of the longest kind.
const TILES_STEP: usize = 16;

/// Tiles in a box, about: longer sums spread the cost of reading and writing them, and shorter
/// rows of all positions stay nearer.
const BOX_TILES: usize = 64;

/// Candidates for the channels of a task, of either tensor.
const CHANNELS: [usize; 4] = [32, 64, 96, 128];

/// What transforms cost, in lane multiply-adds as in [`super::shape`]: of a tile of x with packing
/// its row as columns, of a tile of dy, of a filter.
const X_COST: f64 = 330.0 + 8.0 * POSITIONS as f64;
const DY_COST: f64 = 280.0;
const WEIGHTS_COST: f64 = 300.0;

/// What writing sums costs, in steps of the reduction.
const STORE_STEPS: f64 = 10.0;

/// What starting a task costs, in the same unit: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// What is prepared for a problem.
pub struct WrwPlan {
    isa: Isa,
    problem: ConvProblem,
    x: Gather,
    dy: Gather,
    x_planes: Planes,
    dy_planes: Planes,
    box_lengths: BoxLengths,
    /// Tiles of a full box, in whole vectors.
    box_tiles: usize,
    /// Whether lines are read from the tensors themselves: of x, of dy.
    is_direct: [bool; 2],
    blocking: Blocking,
}

/// Output and input channels of a task.
#[derive(Clone, Copy, Debug)]
struct Blocking {
    k: usize,
    c: usize,
}

/// A thread's scratch.
struct Scratch<'a> {
    x_planes: &'a mut [f32],
    dy_planes: &'a mut [f32],
    lines: &'a mut [f32],
    x_tiles: &'a mut [f32],
    dy_tiles: &'a mut [f32],
    panels: &'a mut [f32],
    sums: &'a mut [f32],
    weights: &'a mut [f32],
}

impl WrwPlan {
    /// Prepares `problem`, which must be backward-weights of a 3 x 3 filter with stride and
    /// dilation 1.
    pub fn new(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let x = Gather { order: Order::TapInner, ..Gather::over_x(problem) };
        let dy = Gather { order: Order::TapInner, ..Gather::pixels_of_y(problem) };
        let [rows, columns] = box_tiles_of(problem);
        let lengths = BoxLengths { images: 1, spatial: [1, rows * TILE, columns * TILE] };
        let blocking = Blocking::choose(problem, isa, threads);
        let is_direct = [&x, &dy]
            .map(|gather| problem.input_dtype() == DataType::F32 && gather.axes[2].in_stride == 1);
        WrwPlan {
            isa,
            is_direct,
            box_tiles: (rows * columns).next_multiple_of(TILES_STEP),
            x_planes: Planes::new(&x, &lengths, blocking.c),
            dy_planes: Planes::new(&dy, &lengths, blocking.k),
            problem: problem.clone(),
            x,
            dy,
            box_lengths: lengths,
            blocking,
        }
    }

    /// The estimated time in multiply-adds of the busiest thread.
    pub fn cost(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> f64 {
        Blocking::choose(problem, isa, threads).cost(problem, isa, threads)
    }

    /// Runs, with alpha 1 and beta 0. The slices span the tensors of the problem.
    ///
    /// Returns whether all of the result is finite.
    pub fn execute<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [x, dy]: [&[T]; 2],
        out: &mut [O],
    ) -> Result<bool> {
        let out = TensorMut::new(out, self.problem.tensor5(Role::W))?;
        let channels = [self.dy.channels, self.x.channels];
        let tasks = wrw_tasks(out, channels, [self.blocking.k, self.blocking.c]);
        let [rows, columns] = tiles_of(&self.problem);
        let whole =
            PixelBox { n: 0..self.problem.n(), o: [0..1, 0..rows * TILE, 0..columns * TILE] };
        let boxes = self.box_lengths.cut(&whole);
        pool::all(
            threads,
            tasks,
            || arena::take(self.scratch_elems().iter().sum()),
            |scratch, task| {
                let x = &x[self.x.group_offset(task.group)..];
                let dy = &dy[self.dy.group_offset(task.group)..];
                Ok(self.run_task([x, dy], &boxes, self.split(scratch), task))
            },
        )
    }

    /// Sums of a position: rows of output channels, columns of input channels.
    fn sums_stride(&self) -> usize {
        position_elems(self.blocking.k * self.blocking.c)
    }

    /// Floats of each part of [`Scratch`].
    fn scratch_elems(&self) -> [usize; 8] {
        let (Blocking { k, c }, tiles) = (self.blocking, self.box_tiles);
        let panel_cols = panel_columns(self.isa);
        let [x_direct, dy_direct] = self.is_direct;
        let [_, height, width] = self.box_lengths.spatial;
        [
            if x_direct { 0 } else { self.x_planes.elems(1) },
            if dy_direct { 0 } else { self.dy_planes.elems(1) },
            InputLines::buffer_elems(Form::Tile4Taps3, height / TILE, width / TILE),
            // Packing reads and writes in steps of four tiles.
            POSITIONS * position_elems(c * tiles) + 3,
            POSITIONS * position_elems(k * tiles),
            c.next_multiple_of(panel_cols) * tiles + 3 * panel_cols,
            POSITIONS * self.sums_stride(),
            self.sums_stride() * 9,
        ]
        .map(arena::whole_lines)
    }

    fn split<'a>(&self, scratch: &'a mut [f32]) -> Scratch<'a> {
        let [x_planes, dy_planes, lines, x_tiles, dy_tiles, panels, sums, weights] =
            arena::split(scratch, self.scratch_elems());
        Scratch { x_planes, dy_planes, lines, x_tiles, dy_tiles, panels, sums, weights }
    }

    /// Returns whether all of the result is finite.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        inputs: [&[T]; 2],
        boxes: &[PixelBox],
        mut scratch: Scratch<'_>,
        task: WrwTask<'_, O>,
    ) -> bool {
        let WrwTask { k, c, out, .. } = task;
        for (index, pixels) in boxes.iter().enumerate() {
            self.add_box(inputs, [&k, &c], pixels, &mut scratch, index > 0);
        }
        let filters = k.len() * c.len();
        let padded = filters.next_multiple_of(TILES_STEP);
        let Scratch { sums, weights, .. } = scratch;
        // What fills up the last vector is no number that matters, but might be none at all.
        for position in sums.chunks_exact_mut(self.sums_stride()) {
            position[filters..padded].fill(0.0);
        }
        let is_finite = transform_weights(self.isa, sums, self.sums_stride(), padded, weights);
        let weights = &weights[..filters * 9];
        store_filter_tile(weights, Order::TapInner, out, Scalars { alpha: 1.0, beta: 0.0 });
        is_finite
    }

    /// Adds the products of a box's tiles to the sums.
    fn add_box<T: Element>(
        &self,
        [x, dy]: [&[T]; 2],
        [k, c]: [&Range<usize>; 2],
        pixels: &PixelBox,
        scratch: &mut Scratch<'_>,
        accumulate: bool,
    ) {
        let isa = self.isa;
        let Scratch { x_planes, dy_planes, lines, x_tiles, dy_tiles, panels, sums, .. } = scratch;
        let (tiles, row_elems) = {
            let [_, height, width] = [0, 1, 2].map(|dim| pixels.o[dim].len() / TILE);
            (height * width, (height * width).next_multiple_of(TILES_STEP))
        };
        self.transform(TileOf::X, x, c, pixels, x_planes, lines, x_tiles);
        self.transform(TileOf::Dy, dy, k, pixels, dy_planes, lines, dy_tiles);

        let panel_cols = panel_columns(isa);
        let mut columns: Vec<usize> = (0..c.len()).map(|channel| channel * row_elems).collect();
        // Panels are filled up with the first column.
        columns.resize(c.len().next_multiple_of(panel_cols), 0);
        for position in 0..POSITIONS {
            let x_rows = &x_tiles[position * position_elems(c.len() * row_elems)..];
            for (number, columns) in columns.chunks_exact(panel_cols).enumerate() {
                let panel = &mut panels[number * tiles * panel_cols..];
                pack_panel_transposed(isa, x_rows, columns, &[0], tiles, panel);
            }
            let first = position * position_elems(k.len() * row_elems);
            let rows = Rows { data: &dy_tiles[first..], stride: row_elems };
            let sums = &mut sums[position * self.sums_stride()..][..k.len() * c.len()];
            let mut sums = MatrixMut::row_major(sums, k.len(), c.len());
            multiply_block(isa, tiles, rows, panels, &mut sums, accumulate);
        }
    }

    /// Transforms the tiles of some channels of a box to rows.
    #[expect(clippy::too_many_arguments, reason = "three of them are parts of the scratch")]
    fn transform<T: Element>(
        &self,
        of: TileOf,
        tensor: &[T],
        channels: &Range<usize>,
        pixels: &PixelBox,
        planes: &mut [f32],
        buffer: &mut [f32],
        out: &mut [f32],
    ) {
        let (gather, layout, is_direct, side) = match of {
            TileOf::X => (&self.x, &self.x_planes, self.is_direct[0], Form::Tile4Taps3.side()),
            TileOf::Dy => (&self.dy, &self.dy_planes, self.is_direct[1], TILE),
        };
        let [_, height, width] = [0, 1, 2].map(|dim| pixels.o[dim].len() / TILE);
        let numbers = (0..height).flat_map(|row| (0..side).map(move |line| row * TILE + line));
        let row_elems = (height * width).next_multiple_of(TILES_STEP);
        let position_stride = position_elems(channels.len() * row_elems);
        let lines: Vec<Option<usize>>;
        let tensor_f32 = T::as_f32(tensor).filter(|_| is_direct);
        let input = if let Some(tensor) = tensor_f32 {
            let phases = layout.lines(pixels);
            let (shape, of_image) = &phases[0];
            let image = pixels.n.start * gather.n_stride;
            lines = numbers.map(|line| of_image[line].1.map(|begin| begin + image)).collect();
            InputLines {
                source: &tensor[channels.start * gather.channel_stride..],
                channel_stride: gather.channel_stride,
                lines: &lines,
                before: shape.before,
                len: shape.len,
                tiles_w: width,
                position_stride,
            }
        } else {
            layout.stage(self.isa, tensor, channels.clone(), pixels, planes);
            let line_stride = layout.layout.strides[2];
            lines = numbers.map(|line| Some(line * line_stride)).collect();
            InputLines {
                source: planes,
                channel_stride: layout.layout.channel_stride,
                lines: &lines,
                before: 0,
                len: width * TILE + side - TILE,
                tiles_w: width,
                position_stride,
            }
        };
        transform_tiles(self.isa, of, input, channels.len(), buffer, out);
    }
}

/// Rows and columns of tiles of an image.
pub(super) fn tiles_of(problem: &ConvProblem) -> [usize; 2] {
    [1, 2].map(|dim| problem.out_spatial()[dim].div_ceil(TILE))
}

/// The same of a full box.
fn box_tiles_of(problem: &ConvProblem) -> [usize; 2] {
    let [rows, columns] = tiles_of(problem);
    [even_piece(rows, BOX_TILES / columns), columns]
}

impl Blocking {
    /// The block with the least estimated time.
    fn choose(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let groups = problem.groups();
        let (all_k, all_c) = (problem.k() / groups, problem.c() / groups);
        let candidates = CHANNELS.iter().flat_map(|&k| {
            CHANNELS
                .iter()
                .map(move |&c| Blocking { k: even_piece(all_k, k), c: even_piece(all_c, c) })
        });
        let cost = |blocking: &Blocking| blocking.cost(problem, isa, threads);
        let best = candidates.min_by(|a, b| cost(a).total_cmp(&cost(b)));
        best.unwrap_or_else(|| unreachable!("there are candidates"))
    }

    /// Time in lane multiply-adds of the busiest thread.
    fn cost(&self, problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> f64 {
        let groups = problem.groups();
        let [rows, columns] = tiles_of(problem);
        let [box_rows, _] = box_tiles_of(problem);
        let boxes = (problem.n() * rows.div_ceil(box_rows)) as f64;
        let tiles = (box_rows * columns).next_multiple_of(TILES_STEP) as f64;
        let (k, c, positions) = (self.k as f64, self.c as f64, POSITIONS as f64);
        let lanes = self.c.next_multiple_of(panel_columns(isa)) as f64;
        let floats = size_of::<f32>() as f64;

        let (tiles_bytes, sums_bytes) =
            (positions * (k + c) * tiles * floats, positions * k * c * floats);
        let byte = byte_cost(isa, tiles_bytes + sums_bytes);
        let of_box = positions * k.max(4.0) * lanes * (tiles + STORE_STEPS)
            + tiles * (c * X_COST + k * DY_COST)
            + (tiles_bytes + 2.0 * sums_bytes) * byte;
        let task = boxes * of_box + k * c * WEIGHTS_COST + TASK_COST;
        let tasks = groups
            * (problem.k() / groups).div_ceil(self.k)
            * (problem.c() / groups).div_ceil(self.c);
        tasks.div_ceil(threads.get()) as f64 * task
    }
}
