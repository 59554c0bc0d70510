//! Backward-weights by Winograd's F(3x3, 4x4).
//!
//! Tiles of x and of dy are transformed to matrices of tiles and channels, one for each position; their
//! products are summed over tiles by the GEMM kernel, box after box, and transformed back once for
//! each filter. Of a box, a pair of rows of positions is transformed and multiplied before the next
//! one, so that all of that stays in the L2 cache. Where there are few filters, boxes make several
//! parts for several threads, each with sums of its own that are added in the end. Boxes and parts
//! depend on the problem alone, so the bits do not depend on threads.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::shape::position_elems;
use super::wrw_blocking::{Blocking, Cut, TILE, tiles_of, whole_vectors};
use crate::cpu::arena;
use crate::cpu::blocked::Planes;
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::gather::{Gather, Order, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::store::store_filter_tile;
use crate::cpu::ukernel::{
    CHANNELS_BUFFER_ELEMS, ChannelPlaces, InputLines, ROW_PAIRS, TileOf, TileSums, sum_tiles,
    tile_vector, transform_channels, transform_weights,
};
use crate::cpu::widen::WideInputs;
use crate::cpu::wrw_tasks::{WrwTask, add_parts, wrw_tasks};
use crate::error::Result;
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, Role};

/// Rows and columns of positions.
const SIDE: usize = 6;
const TAPS: usize = 9;

/// Rows of positions that are transformed together.
const PAIR: usize = 2;

/// What is prepared for a problem.
pub struct WrwPlan {
    isa: Isa,
    problem: ConvProblem,
    x: Gather,
    dy: Gather,
    x_planes: Planes,
    dy_planes: Planes,
    /// Whether lines are read from the tensors themselves: of x, of dy.
    is_direct: [bool; 2],
    cut: Cut,
    blocking: Blocking,
}

/// A thread's scratch.
struct Scratch<'a> {
    x_planes: &'a mut [f32],
    dy_planes: &'a mut [f32],
    lines: &'a mut [f32],
    x_tiles: &'a mut [f32],
    dy_tiles: &'a mut [f32],
    sums: &'a mut [f32],
    weights: &'a mut [f32],
}

/// Some filters of a group.
struct Filters {
    group: usize,
    k: Range<usize>,
    c: Range<usize>,
}

impl WrwPlan {
    /// Prepares `problem`, which must be backward-weights of a 3 x 3 filter with stride and
    /// dilation 1.
    pub fn new(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let x = Gather { order: Order::TapInner, ..Gather::over_x(problem) };
        let dy = Gather { order: Order::TapInner, ..Gather::pixels_of_y(problem) };
        let (cut, blocking) = (Cut::new(problem), Blocking::choose(problem, isa, threads));
        let is_direct = [&x, &dy].map(|gather| gather.axes[2].in_stride == 1);
        WrwPlan {
            isa,
            is_direct,
            x_planes: Planes::new(&x, &cut.box_lengths, blocking.c),
            dy_planes: Planes::new(&dy, &cut.box_lengths, blocking.k),
            problem: problem.clone(),
            x,
            dy,
            cut,
            blocking,
        }
    }

    /// The estimated time in multiply-adds of the busiest thread.
    pub fn cost(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> f64 {
        let blocking = Blocking::choose(problem, isa, threads);
        blocking.cost(&Cut::new(problem), problem, isa, threads)
    }

    /// Runs, with alpha 1 and beta 0. The slices span the tensors of the problem.
    ///
    /// Returns whether all of the result is finite.
    pub fn execute<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
    ) -> Result<bool> {
        let mut wide = WideInputs::default();
        let inputs = wide.of(threads, inputs)?;
        let out = TensorMut::new(out, self.problem.tensor5(Role::W))?;
        let channels = [self.dy.channels, self.x.channels];
        let tasks = wrw_tasks(out, channels, [self.blocking.k, self.blocking.c]);
        let [rows, columns] = tiles_of(&self.problem);
        let whole =
            PixelBox { n: 0..self.problem.n(), o: [0..1, 0..rows * TILE, 0..columns * TILE] };
        let boxes = self.cut.box_lengths.cut(&whole);
        let parts: Vec<&[PixelBox]> = boxes.chunks(self.cut.boxes_in_part).collect();
        let scratch = || arena::take(self.scratch_elems().iter().sum());
        let plain = Scalars { alpha: 1.0, beta: 0.0 };
        let split = |WrwTask { group, k, c, out }| (Filters { group, k, c }, out);
        if let [boxes] = parts[..] {
            return pool::all(threads, tasks, scratch, |scratch, task| {
                let (filters, out) = split(task);
                let (is_finite, weights) = self.sum(inputs, boxes, scratch, &filters);
                store_filter_tile(weights, Order::TapInner, out, plain);
                Ok(is_finite)
            });
        }
        let tasks: Vec<_> = tasks.into_iter().map(split).collect();
        let all_weights: usize = tasks.iter().map(|(filters, _)| filters.weights()).sum();
        let mut sums = arena::take(all_weights * parts.len())?;
        let (mut of_tasks, mut of_parts, mut rest) = (Vec::new(), Vec::new(), &mut *sums);
        for (filters, _) in &tasks {
            for boxes in &parts {
                let (weights, behind) = rest.split_at_mut(filters.weights());
                rest = behind;
                of_parts.push((filters, *boxes, weights));
            }
        }
        let is_finite = pool::all(threads, of_parts, scratch, |scratch, (filters, boxes, to)| {
            let (is_finite, weights) = self.sum(inputs, boxes, scratch, filters);
            to.copy_from_slice(weights);
            Ok(is_finite)
        })?;
        let mut rest = &mut *sums;
        for (filters, out) in tasks {
            let (weights, behind) = rest.split_at_mut(filters.weights() * parts.len());
            rest = behind;
            of_tasks.push((filters.weights(), weights, out));
        }
        let is_total_finite = pool::all(
            threads,
            of_tasks,
            || Ok(()),
            |(), (len, weights, out)| {
                let total = add_parts(weights, len);
                let is_finite = total.iter().all(|weight| weight.is_finite());
                store_filter_tile(total, Order::TapInner, out, plain);
                Ok(is_finite)
            },
        )?;
        Ok(is_finite && is_total_finite)
    }

    /// Sums of a position: rows of output channels, columns of input channels.
    fn sums_stride(&self) -> usize {
        position_elems(self.blocking.k * whole_vectors(self.blocking.c))
    }

    /// Floats of each part of [`Scratch`].
    fn scratch_elems(&self) -> [usize; 7] {
        let Blocking { k, c } = self.blocking;
        let (images, tiles) = (self.cut.box_lengths.images, self.cut.tiles());
        let [x_direct, dy_direct] = self.is_direct;
        [
            if x_direct { 0 } else { self.x_planes.elems(images) },
            if dy_direct { 0 } else { self.dy_planes.elems(images) },
            CHANNELS_BUFFER_ELEMS,
            PAIR * SIDE * position_elems(c.next_multiple_of(2 * tile_vector(self.isa)) * tiles),
            PAIR * SIDE * position_elems(whole_vectors(k) * tiles),
            SIDE * SIDE * self.sums_stride(),
            self.sums_stride() * TAPS,
        ]
        .map(arena::whole_lines)
    }

    fn split<'a>(&self, scratch: &'a mut [f32]) -> Scratch<'a> {
        let [x_planes, dy_planes, lines, x_tiles, dy_tiles, sums, weights] =
            arena::split(scratch, self.scratch_elems());
        Scratch { x_planes, dy_planes, lines, x_tiles, dy_tiles, sums, weights }
    }

    /// Some filters' sums over boxes, transformed back: whether all weights are finite, and these.
    fn sum<'a>(
        &self,
        [x, dy]: [&[f32]; 2],
        boxes: &[PixelBox],
        scratch: &'a mut [f32],
        filters: &Filters,
    ) -> (bool, &'a [f32]) {
        let x = &x[self.x.group_offset(filters.group)..];
        let dy = &dy[self.dy.group_offset(filters.group)..];
        let mut scratch = self.split(scratch);
        for (index, pixels) in boxes.iter().enumerate() {
            for rows in ROW_PAIRS {
                self.add_box([x, dy], filters, rows, pixels, &mut scratch, index > 0);
            }
        }
        let (k, c) = (filters.k.len(), filters.c.len());
        let (columns, stride) = (whole_vectors(c), self.sums_stride());
        let used = c.next_multiple_of(tile_vector(self.isa));
        let Scratch { sums, weights, .. } = scratch;
        if used < columns {
            // No sums, but they are transformed with the others.
            for position in sums.chunks_exact_mut(stride).take(SIDE * SIDE) {
                for row in position.chunks_exact_mut(columns).take(k) {
                    row[used..].fill(0.0);
                }
            }
        }
        let is_finite = transform_weights(self.isa, sums, stride, k * columns, weights);
        if c < columns {
            for row in 1..k {
                let from = row * columns * TAPS;
                weights.copy_within(from..from + c * TAPS, row * c * TAPS);
            }
        }
        (is_finite, &weights[..filters.weights()])
    }

    /// Adds the products of a box's tiles to the sums of some rows of positions.
    fn add_box(
        &self,
        [x, dy]: [&[f32]; 2],
        filters: &Filters,
        rows: [usize; PAIR],
        pixels: &PixelBox,
        scratch: &mut Scratch<'_>,
        accumulate: bool,
    ) {
        let isa = self.isa;
        let Scratch { x_planes, dy_planes, lines, x_tiles, dy_tiles, sums, .. } = scratch;
        let tiles = pixels.n.len() * pixels.o[1].len() * pixels.o[2].len() / (TILE * TILE);
        let (k, c) = (filters.k.len(), filters.c.len());
        let panel_cols = 2 * tile_vector(isa);
        let x_stride = position_elems(c.next_multiple_of(panel_cols) * tiles);
        let dy_stride = position_elems(whole_vectors(k) * tiles);
        let x_places = ChannelPlaces { panel_stride: panel_cols * tiles, tile_stride: panel_cols };
        let dy_places = ChannelPlaces { panel_stride: panel_cols, tile_stride: whole_vectors(k) };
        let of = (TileOf::X, rows, &filters.c, pixels);
        self.transform(of, x, x_planes, lines, x_places, x_stride, x_tiles);
        let of = (TileOf::Dy, rows, &filters.k, pixels);
        self.transform(of, dy, dy_planes, lines, dy_places, dy_stride, dy_tiles);
        for (index, row) in rows.into_iter().enumerate() {
            let products = TileSums {
                positions: SIDE,
                rows: k,
                tiles,
                columns: c.next_multiple_of(tile_vector(isa)),
                dy_stride: whole_vectors(k),
                sums_stride: whole_vectors(c),
                position_strides: [dy_stride, x_stride, self.sums_stride()],
                accumulate,
            };
            let sums = &mut sums[row * SIDE * self.sums_stride()..];
            let (dy, x) =
                (&dy_tiles[index * SIDE * dy_stride..], &x_tiles[index * SIDE * x_stride..]);
            sum_tiles(isa, products, dy, x, sums);
        }
    }

    /// Transforms the tiles of some channels of a box to some rows of positions.
    #[expect(clippy::too_many_arguments, reason = "three of them are parts of the scratch")]
    fn transform(
        &self,
        (of, rows, channels, pixels): (TileOf, [usize; PAIR], &Range<usize>, &PixelBox),
        tensor: &[f32],
        planes: &mut [f32],
        buffer: &mut [f32],
        places: ChannelPlaces,
        position_stride: usize,
        out: &mut [f32],
    ) {
        let (gather, layout, is_direct) = match of {
            TileOf::X => (&self.x, &self.x_planes, self.is_direct[0]),
            TileOf::Dy => (&self.dy, &self.dy_planes, self.is_direct[1]),
        };
        let (side, images) = (of.lines(), pixels.n.clone());
        let [_, height, width] = [0, 1, 2].map(|dim| pixels.o[dim].len() / TILE);
        let numbers = (0..height).flat_map(|row| (0..side).map(move |line| row * TILE + line));
        let lines: Vec<Option<usize>>;
        let input = if is_direct {
            let phases = layout.lines(pixels);
            let (shape, of_image) = &phases[0];
            let of_image = |image: usize| {
                let begin = image * gather.n_stride;
                numbers.clone().map(move |line| of_image[line].1.map(|from| from + begin))
            };
            lines = images.flat_map(of_image).collect();
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
            let [image_stride, _, line_stride] = layout.layout.strides;
            let of_image = |image: usize| {
                numbers.clone().map(move |line| Some(image * image_stride + line * line_stride))
            };
            lines = (0..images.len()).flat_map(of_image).collect();
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
        transform_channels(self.isa, of, rows, input, channels.len(), places, buffer, out);
    }
}

impl Filters {
    /// Weights of all of them.
    fn weights(&self) -> usize {
        self.k.len() * self.c.len() * TAPS
    }
}
