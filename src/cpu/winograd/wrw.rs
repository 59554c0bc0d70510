//! Backward-weights by Winograd's F(2x2, 5x5), F(3x3, 4x4), F(4x4, 3x3) and F(5x5, 2x2): tiles of dy play the
//! filter.
//!
//! Tiles of x and of dy are transformed to matrices of tiles and channels, one for each position; their
//! products are summed over tiles by the GEMM kernel, box after box, and transformed back once for
//! each filter. Of a box, a pair of rows of positions is transformed and multiplied before the next
//! one, so that all of that stays in the L2 cache. Where there are few filters, boxes make several
//! parts for several threads, each with sums of its own that are added in the end. Boxes and parts
//! depend on the problem alone, so the bits do not depend on threads. Each phase of a dilation is an image of
//! its own; a filter that is cut into sub-filters has as many times the channels of x.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::shape::position_elems;
use super::subfilter_planes::{SubfilterChannels, SubfilterPlanes, TileLines};
use super::wrw_blocking::{Blocking, Cut, WrwShape, whole_vectors};
use crate::cpu::arena;
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::gather::{Gather, Order, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::store::store_filter_tile;
use crate::cpu::ukernel::{
    CHANNELS_BUFFER_ELEMS, ChannelPlaces, Form, InputLines, ROW_PAIRS, TileOf, TileSums, sum_tiles,
    tile_vector, transform_channels, transform_weights,
};
use crate::cpu::widen::WideInputs;
use crate::cpu::wrw_tasks::{WrwTask, add_parts, wrw_tasks};
use crate::error::Result;
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, Role};

/// Rows and columns of positions.
const SIDE: usize = 6;

/// Rows of positions that are transformed together.
const PAIR: usize = 2;

/// What is prepared for a problem.
pub struct WrwPlan {
    isa: Isa,
    problem: ConvProblem,
    shape: WrwShape,
    x: Gather,
    dy: Gather,
    x_planes: SubfilterPlanes,
    dy_planes: SubfilterPlanes,
    /// Of each weight of a filter the sub-filter, and the number of the tap in it.
    weight_places: Vec<(usize, usize)>,
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
    filters: &'a mut [f32],
}

/// The lines of a box's tiles, of some channels.
struct BoxLines<'a> {
    source: &'a [f32],
    channel_stride: usize,
    lines: TileLines,
    tiles_w: usize,
    channels: usize,
}

/// Some filters of a group.
struct Filters {
    group: usize,
    k: Range<usize>,
    c: Range<usize>,
}

impl WrwPlan {
    /// Prepares `problem`, which must be backward-weights that the form serves.
    pub fn new(problem: &ConvProblem, form: Form, isa: Isa, threads: NonZeroUsize) -> Self {
        let x = Gather { order: Order::TapInner, ..Gather::over_x(problem) };
        let dy = Gather { order: Order::TapInner, ..Gather::pixels_of_y(problem) };
        let shape = WrwShape::new(problem, form);
        let (cut, blocking) = (Cut::new(&shape), Blocking::choose(&shape, isa, threads));
        let [strides, dilations] =
            [problem.strides(), problem.dilations()].map(|all| [all[1], all[2]]);
        let subfilters = x.subfilters(form.taps(), strides);
        let (lengths, n) = (&cut.box_lengths, problem.n());
        let x_channels = shape.subfilters * blocking.c;
        WrwPlan {
            isa,
            x_planes: SubfilterPlanes::new(&subfilters, dilations, n, lengths, x_channels),
            dy_planes: SubfilterPlanes::new(
                std::slice::from_ref(&dy),
                dilations,
                n,
                lengths,
                blocking.k,
            ),
            weight_places: weight_places(problem, &subfilters),
            problem: problem.clone(),
            shape,
            x,
            dy,
            cut,
            blocking,
        }
    }

    /// The estimated time in multiply-adds of the busiest thread.
    pub fn cost(problem: &ConvProblem, form: Form, isa: Isa, threads: NonZeroUsize) -> f64 {
        let shape = WrwShape::new(problem, form);
        let blocking = Blocking::choose(&shape, isa, threads);
        blocking.cost(&Cut::new(&shape), &shape, isa, threads)
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
        let WrwShape { images, tiles_h, tiles_w, .. } = self.shape;
        let tile = self.shape.form.tile();
        let whole = PixelBox { n: 0..images, o: [0..1, 0..tiles_h * tile, 0..tiles_w * tile] };
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
        let all_weights: usize = tasks.iter().map(|(filters, _)| self.weights(filters)).sum();
        let mut sums = arena::take(all_weights * parts.len())?;
        let (mut of_tasks, mut of_parts, mut rest) = (Vec::new(), Vec::new(), &mut *sums);
        for (filters, _) in &tasks {
            for boxes in &parts {
                let (weights, behind) = rest.split_at_mut(self.weights(filters));
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
            let (weights, behind) = rest.split_at_mut(self.weights(&filters) * parts.len());
            rest = behind;
            of_tasks.push((self.weights(&filters), weights, out));
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
        position_elems(self.blocking.k * whole_vectors(self.shape.subfilters * self.blocking.c))
    }

    /// Weights of some filters.
    fn weights(&self, filters: &Filters) -> usize {
        filters.k.len() * filters.c.len() * self.weight_places.len()
    }

    /// Floats of each part of [`Scratch`].
    fn scratch_elems(&self) -> [usize; 8] {
        let Blocking { k, c } = self.blocking;
        let columns = self.shape.subfilters * c;
        let (images, tiles) = (self.cut.box_lengths.images, self.cut.tiles);
        let [x_direct, dy_direct] = self.shape.is_direct;
        let taps = self.shape.form.taps();
        [
            if x_direct { 0 } else { self.x_planes.elems(images) },
            if dy_direct { 0 } else { self.dy_planes.elems(images) },
            CHANNELS_BUFFER_ELEMS,
            PAIR * SIDE * position_elems(columns.next_multiple_of(self.panel_columns()) * tiles),
            PAIR * SIDE * position_elems(whole_vectors(k) * tiles),
            SIDE * SIDE * self.sums_stride(),
            self.sums_stride() * taps * taps,
            k * c * self.weight_places.len(),
        ]
        .map(arena::whole_lines)
    }

    /// Channels of a panel.
    fn panel_columns(&self) -> usize {
        2 * tile_vector(self.isa)
    }

    fn split<'a>(&self, scratch: &'a mut [f32]) -> Scratch<'a> {
        let [x_planes, dy_planes, lines, x_tiles, dy_tiles, sums, weights, filters] =
            arena::split(scratch, self.scratch_elems());
        Scratch { x_planes, dy_planes, lines, x_tiles, dy_tiles, sums, weights, filters }
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
            self.add_box([x, dy], filters, pixels, &mut scratch, index > 0);
        }
        let (k, c) = (filters.k.len(), filters.c.len());
        let all_c = self.shape.subfilters * c;
        let (columns, stride) = (whole_vectors(all_c), self.sums_stride());
        let used = all_c.next_multiple_of(tile_vector(self.isa));
        let Scratch { sums, weights, filters: packed, .. } = scratch;
        if used < columns {
            // No sums, but they are transformed with the others.
            for position in sums.chunks_exact_mut(stride).take(SIDE * SIDE) {
                for row in position.chunks_exact_mut(columns).take(k) {
                    row[used..].fill(0.0);
                }
            }
        }
        let taps = self.shape.form.taps();
        let is_finite = transform_weights(self.isa, taps, sums, stride, k * columns, weights);
        let packed = &mut packed[..self.weights(filters)];
        let rows = weights.chunks_exact(columns * taps * taps);
        for (row, packed) in rows.zip(packed.chunks_exact_mut(c * self.weight_places.len())) {
            self.pack_weights(row, c, packed);
        }
        (is_finite, packed)
    }

    /// Brings the weights of the `c` filters of a row from sub-filters to the order of the filter.
    fn pack_weights(&self, row: &[f32], c: usize, packed: &mut [f32]) {
        let len = self.weight_places.len();
        if !self.shape.is_cut {
            packed.copy_from_slice(&row[..c * len]);
            return;
        }
        let taps = self.shape.form.taps() * self.shape.form.taps();
        for (channel, filter) in packed.chunks_exact_mut(len).enumerate() {
            for (weight, (subfilter, tap)) in filter.iter_mut().zip(&self.weight_places) {
                *weight = row[(subfilter * c + channel) * taps + tap];
            }
        }
    }

    /// Adds the products of a box's tiles to the sums.
    fn add_box(
        &self,
        [x, dy]: [&[f32]; 2],
        filters: &Filters,
        pixels: &PixelBox,
        scratch: &mut Scratch<'_>,
        accumulate: bool,
    ) {
        let isa = self.isa;
        let Scratch { x_planes, dy_planes, lines, x_tiles, dy_tiles, sums, .. } = scratch;
        let tile = self.shape.form.tile();
        let tiles = pixels.n.len() * pixels.o[1].len() * pixels.o[2].len() / (tile * tile);
        let x = self.box_lines(TileOf::X, x, &filters.c, pixels, x_planes);
        let dy = self.box_lines(TileOf::Dy, dy, &filters.k, pixels, dy_planes);
        let (k, c) = (dy.channels, x.channels);
        let panel_cols = self.panel_columns();
        let x_stride = position_elems(c.next_multiple_of(panel_cols) * tiles);
        let dy_stride = position_elems(whole_vectors(k) * tiles);
        let x_places = ChannelPlaces { panel_stride: panel_cols * tiles, tile_stride: panel_cols };
        let dy_places = ChannelPlaces { panel_stride: panel_cols, tile_stride: whole_vectors(k) };
        for rows in ROW_PAIRS {
            let (of_x, of_dy) = ((TileOf::X, tile), (TileOf::Dy, tile));
            let input = x.input(x_stride);
            transform_channels(isa, of_x, rows, input, c, x_places, lines, x_tiles);
            let input = dy.input(dy_stride);
            transform_channels(isa, of_dy, rows, input, k, dy_places, lines, dy_tiles);
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
    }

    /// The lines of some channels of a box, in the tensor or brought to planes; those of all sub-filters.
    fn box_lines<'a>(
        &self,
        of: TileOf,
        tensor: &'a [f32],
        channels: &Range<usize>,
        pixels: &PixelBox,
        staged: &'a mut [f32],
    ) -> BoxLines<'a> {
        let (gather, planes, is_direct, subfilters) = match of {
            TileOf::X => (&self.x, &self.x_planes, self.shape.is_direct[0], self.shape.subfilters),
            TileOf::Dy => (&self.dy, &self.dy_planes, self.shape.is_direct[1], 1),
        };
        let tile = self.shape.form.tile();
        let (tiles, tiles_w) = ([of.lines(tile), tile], pixels.o[2].len() / tile);
        if is_direct {
            return BoxLines {
                source: &tensor[channels.start * gather.channel_stride..],
                channel_stride: gather.channel_stride,
                lines: planes.lines_in_tensor(0, gather.n_stride, pixels, tiles),
                tiles_w,
                channels: channels.len(),
            };
        }
        let of_each = |subfilter| SubfilterChannels { subfilter, channels: channels.clone() };
        let all: Vec<_> = (0..subfilters).map(of_each).collect();
        planes.stage(self.isa, tensor, &all, pixels, staged);
        BoxLines {
            source: staged,
            channel_stride: planes.layout().channel_stride,
            lines: planes.lines_in_planes(pixels, tiles),
            tiles_w,
            channels: subfilters * channels.len(),
        }
    }
}

impl BoxLines<'_> {
    fn input(&self, position_stride: usize) -> InputLines<'_> {
        let &BoxLines { source, channel_stride, ref lines, tiles_w, .. } = self;
        let &TileLines { ref begins, before, len } = lines;
        InputLines { source, channel_stride, lines: begins, before, len, tiles_w, position_stride }
    }
}

/// Of each weight of a filter the sub-filter that it is in, and the number of its tap there.
fn weight_places(problem: &ConvProblem, subfilters: &[Gather]) -> Vec<(usize, usize)> {
    let [_, len_h, len_w] = problem.filter_spatial();
    let mut places = vec![(0, 0); len_h * len_w];
    for (number, subfilter) in subfilters.iter().enumerate() {
        let [_, h, w] = &*subfilter.axes;
        for (row, y) in h.taps.iter().enumerate() {
            for (column, x) in w.taps.iter().enumerate() {
                if y.filter_index < len_h && x.filter_index < len_w {
                    places[y.filter_index * len_w + x.filter_index] =
                        (number, row * w.taps.len() + column);
                }
            }
        }
    }
    places
}
