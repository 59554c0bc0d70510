//! Running a Winograd convolution.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::filter::FilterPieces;
use super::outputs::{Outputs, Task};
use super::shape::{Blocking, WinogradShape, position_elems, reads_tensor};
use super::subfilter_planes::{SubfilterChannels, SubfilterPlanes, TileLines};
use crate::cpu::arena;
use crate::cpu::element::{Element, Output};
use crate::cpu::gather::{Gather, Order, PixelBox, gathers_of};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::tiles::{BoxLengths, pieces};
use crate::cpu::ukernel::{
    Form, InputLines, PanelRows, Products, multiply_positions, tile_vector, transform_input,
    transform_output,
};
use crate::cpu::widen::{self, widened};
use crate::error::Result;
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, Direction, Role};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// What is prepared for a problem.
pub struct DataPlan {
    isa: Isa,
    output: Role,
    outputs: Outputs,
    problem: ConvProblem,
    shape: WinogradShape,
    blocking: Blocking,
    gather: Gather,
    planes: SubfilterPlanes,
    /// Whether lines are read from the tensor itself.
    is_direct: bool,
    filter: FilterPieces,
    scratch: ScratchElems,
    /// The transformed filter, unless tasks transform it themselves.
    pub workspace: WorkspaceLayout,
}

/// Floats of each part of a thread's scratch.
#[derive(Clone, Copy)]
struct ScratchElems {
    planes: usize,
    lines: usize,
    panels: usize,
    sums: usize,
    out_planes: usize,
    pixels: usize,
    filter: usize,
    filter_rows: usize,
}

/// A thread's scratch.
struct Scratch<'a> {
    planes: &'a mut [f32],
    lines: &'a mut [f32],
    panels: &'a mut [f32],
    sums: &'a mut [f32],
    out_planes: &'a mut [f32],
    pixels: &'a mut [f32],
    filter: &'a mut [f32],
    filter_rows: &'a mut [f32],
}

impl ScratchElems {
    /// In the order of the fields.
    fn parts(&self) -> [usize; 8] {
        let &ScratchElems { planes, lines, panels, sums, out_planes, pixels, filter, filter_rows } =
            self;
        [planes, lines, panels, sums, out_planes, pixels, filter, filter_rows]
            .map(arena::whole_lines)
    }

    fn total(&self) -> usize {
        self.parts().iter().sum()
    }

    fn split<'a>(&self, all: &'a mut [f32]) -> Scratch<'a> {
        let [planes, lines, panels, sums, out_planes, pixels, filter, filter_rows] =
            arena::split(all, self.parts());
        Scratch { planes, lines, panels, sums, out_planes, pixels, filter, filter_rows }
    }
}

impl DataPlan {
    /// Prepares `problem`, to which the solver is applicable.
    pub fn new(problem: &ConvProblem, form: Form, isa: Isa, threads: NonZeroUsize) -> Self {
        let shape = WinogradShape::new(problem, form);
        let form = shape.form;
        let (tile, step) = (form.tile(), form.step());
        let blocking = Blocking::choose(&shape, isa, threads);
        let (mut gather, mut all_taps) = gathers(problem, form);
        gather.order = Order::TapInner;
        all_taps.order = Order::TapInner;
        // What is gathered, and which taps weigh what.
        let (subfilters, weights) = if shape.row_phases > 1 {
            let (window, phases) = Gather::phase_windows(problem, form.taps());
            (vec![window], phases)
        } else if shape.is_cut {
            let strides = [1, 2].map(|dim| problem.strides()[dim]);
            let subfilters = gather.subfilters(form.taps(), strides);
            (subfilters.clone(), subfilters)
        } else {
            (vec![gather.clone()], vec![gather.clone()])
        };
        let filter = FilterPieces::new(problem, &all_taps, &weights, &shape, &blocking, isa);
        let lengths = BoxLengths {
            images: blocking.images,
            spatial: [1, blocking.tile_rows * step, shape.tiles_w * step],
        };
        let (dilations, n) = (dilations_of(problem), problem.n());
        let planes = SubfilterPlanes::new(&subfilters, dilations, n, &lengths, blocking.channels);
        let is_direct = reads_tensor(problem, shape.form);

        let tiles = blocking.tiles(&shape).next_multiple_of(tile_vector(isa));
        let out_plane_elems = tile * position_elems(tiles * tile);
        let outputs = Outputs::new(problem, &shape, &blocking, isa);
        let places = outputs.places;
        let tile_lines = blocking.images * blocking.tile_rows;
        let scratch = ScratchElems {
            planes: if is_direct { 0 } else { planes.elems(blocking.images) },
            lines: InputLines::buffer_elems(form, tile_lines, shape.tiles_w),
            panels: shape.channels.div_ceil(blocking.channels)
                * form.positions()
                * panel_position_elems(isa, blocking.channels, tiles),
            sums: form.products().len() * position_elems(blocking.chunk_rows * tiles),
            out_planes: places * out_plane_elems,
            pixels: if places > 1 { places * out_plane_elems } else { 0 },
            filter: if blocking.is_fused { filter.elems() } else { 0 },
            filter_rows: filter.packed_elems(),
        };
        let mut plan = DataPlan {
            isa,
            output: problem.direction().output_role(),
            problem: problem.clone(),
            shape,
            blocking,
            gather,
            filter,
            outputs,
            planes,
            is_direct,
            scratch,
            workspace: WorkspaceLayout::default(),
        };
        widen::book_filter(problem, &mut plan.workspace);
        if !blocking.is_fused {
            let pieces = shape.groups * plan.chunks() * plan.pieces_of_chunk();
            plan.workspace.book_f32(WorkspaceKey::TransformedFilter, pieces * plan.filter.elems());
        }
        plan
    }

    /// Runs, with alpha 1 and beta 0. The slices span the tensors of the problem.
    ///
    /// Returns whether all of the result is finite.
    pub fn execute<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        let out = TensorMut::new(out, self.problem.tensor5(self.output))?;
        let mut grant = self.workspace.grant(workspace);
        let mut wide_filter = grant.take(WorkspaceKey::WideFilter)?;
        let filter = widened(threads, filter, &mut wide_filter)?;
        let mut transformed = grant.take(WorkspaceKey::TransformedFilter)?;
        if !self.blocking.is_fused {
            self.transform_whole_filter(threads, filter, &mut transformed)?;
        }
        pool::all(
            threads,
            self.outputs.tasks(out),
            || arena::take(self.scratch.total()),
            |scratch, task| {
                let mut scratch = self.scratch.split(scratch);
                Ok(self.run_task(input, filter, &transformed, &mut scratch, task))
            },
        )
    }

    fn chunk_rows(&self, chunk: usize) -> Range<usize> {
        let begin = chunk * self.blocking.chunk_rows;
        begin..(begin + self.blocking.chunk_rows).min(self.shape.rows)
    }

    /// Chunks of all rows of a group.
    fn chunks(&self) -> usize {
        self.blocking.all_chunks(&self.shape)
    }

    /// Pieces of the filter in a full chunk: for each block of channels, some rows.
    fn pieces_of_chunk(&self) -> usize {
        self.shape.channels.div_ceil(self.blocking.channels) * self.row_pieces()
    }

    fn row_pieces(&self) -> usize {
        self.blocking.chunk_rows.div_ceil(self.blocking.piece_rows)
    }

    /// Channels of the reduction that are transformed and multiplied together.
    fn channel_blocks(&self) -> Vec<Range<usize>> {
        pieces(&(0..self.shape.channels), self.blocking.channels)
    }

    fn transform_whole_filter(
        &self,
        threads: NonZeroUsize,
        filter: &[f32],
        transformed: &mut [f32],
    ) -> Result<()> {
        let blocks = self.channel_blocks();
        let pieces = transformed.chunks_exact_mut(self.filter.elems()).enumerate().collect();
        pool::for_each(
            threads,
            pieces,
            || arena::take(self.scratch.filter_rows),
            |packed, (index, out)| {
                let (chunk, piece) =
                    (index / self.pieces_of_chunk(), index % self.pieces_of_chunk());
                let (group, chunk) = (chunk / self.chunks(), chunk % self.chunks());
                let channels = blocks[piece / self.row_pieces()].clone();
                let of_chunk = self.chunk_rows(chunk);
                let first = of_chunk.start + piece % self.row_pieces() * self.blocking.piece_rows;
                let rows = first..of_chunk.end.min(first + self.blocking.piece_rows);
                // The last chunk may have fewer pieces.
                if !rows.is_empty() {
                    self.filter.transform(filter, group, rows, channels, packed, out);
                }
                Ok(())
            },
        )
    }

    /// Some channels of the reduction by sub-filters.
    fn subfilters_of(&self, channels: &Range<usize>) -> Vec<SubfilterChannels> {
        let of_each = self.shape.channels / self.shape.subfilters;
        (channels.start / of_each..self.shape.subfilters)
            .map(|subfilter| {
                let begin = subfilter * of_each;
                let first = channels.start.max(begin) - begin;
                let end = channels.end.min(begin + of_each).saturating_sub(begin);
                SubfilterChannels { subfilter, channels: first..end }
            })
            .take_while(|some| !some.channels.is_empty())
            .collect()
    }

    /// Transforms the input of a task, block of channels by block.
    fn transform_box<T: Element>(
        &self,
        group_input: &[T],
        [images, tile_rows]: [&Range<usize>; 2],
        scratch: &mut Scratch<'_>,
        panels_elems: usize,
    ) {
        let form = self.shape.form;
        let (tiles_w, step) = (self.shape.tiles_w, form.step());
        // By the results of a stride of 1.
        let lines = tile_rows.start * step..tile_rows.end * step;
        let pixels = PixelBox { n: images.clone(), o: [0..1, lines, 0..tiles_w * step] };
        let tiles = [form.window(), step];
        let Gather { n_stride, channel_stride, .. } = self.gather;
        let position_stride = panels_elems / form.positions();
        let blocks = self.channel_blocks();
        let blocks = blocks.iter().zip(scratch.panels.chunks_exact_mut(panels_elems));
        if let Some(tensor) = T::as_f32(group_input).filter(|_| self.is_direct) {
            let lines: Vec<_> = (0..self.shape.subfilters)
                .map(|subfilter| self.planes.lines_in_tensor(subfilter, n_stride, &pixels, tiles))
                .collect();
            for (channels, panels) in blocks {
                let (mut first, all) = (0, channels.len());
                for SubfilterChannels { subfilter, channels } in self.subfilters_of(channels) {
                    let source = &tensor[channels.start * channel_stride..];
                    let TileLines { begins, before, len } = &lines[subfilter];
                    let (lines, before, len) = (&begins[..], *before, *len);
                    let input = InputLines {
                        source,
                        channel_stride,
                        lines,
                        before,
                        len,
                        tiles_w,
                        position_stride,
                    };
                    let rows = PanelRows { first, count: channels.len(), all };
                    transform_input(self.isa, form, input, rows, scratch.lines, panels);
                    first += channels.len();
                }
            }
            return;
        }
        let TileLines { begins, before, len } = self.planes.lines_in_planes(&pixels, tiles);
        for (channels, panels) in blocks {
            let subfilters = self.subfilters_of(channels);
            self.planes.stage(self.isa, group_input, &subfilters, &pixels, scratch.planes);
            let input = InputLines {
                source: scratch.planes,
                channel_stride: self.planes.layout().channel_stride,
                lines: &begins,
                before,
                len,
                tiles_w,
                position_stride,
            };
            let rows = PanelRows { first: 0, count: channels.len(), all: channels.len() };
            transform_input(self.isa, form, input, rows, scratch.lines, panels);
        }
    }

    /// Returns whether all of the result is finite.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        input: &[T],
        filter: &[f32],
        transformed: &[f32],
        scratch: &mut Scratch<'_>,
        mut task: Task<'_, O>,
    ) -> bool {
        let shape = &self.shape;
        let (tile, positions) = (shape.form.tile(), shape.form.positions());
        let tiles = task.images.len() * task.tile_rows.len() * shape.tiles_w;
        let tiles = tiles.next_multiple_of(tile_vector(self.isa));
        let group_input = &input[self.gather.group_offset(task.group)..];
        let panels_elems =
            positions * panel_position_elems(self.isa, self.blocking.channels, tiles);
        self.transform_box(group_input, [&task.images, &task.tile_rows], scratch, panels_elems);

        let mut is_finite = true;
        let first_row = task.chunks.start * self.blocking.chunk_rows;
        let sums_stride = position_elems(self.blocking.chunk_rows * tiles);
        let plane_stride = position_elems(tiles * tile);
        for chunk in task.chunks.clone() {
            let rows = self.chunk_rows(chunk);
            let of_chunk = (task.group * self.chunks() + chunk) * self.pieces_of_chunk();
            for (block, channels) in self.channel_blocks().into_iter().enumerate() {
                for (index, some) in pieces(&rows, self.blocking.piece_rows).into_iter().enumerate()
                {
                    let piece: &[f32] = if self.blocking.is_fused {
                        self.filter.transform(
                            filter,
                            task.group,
                            some.clone(),
                            channels.clone(),
                            scratch.filter_rows,
                            scratch.filter,
                        );
                        scratch.filter
                    } else {
                        let piece = of_chunk + block * self.row_pieces() + index;
                        &transformed[piece * self.filter.elems()..][..self.filter.elems()]
                    };
                    let products = Products {
                        all: shape.form.products(),
                        rows: some.len(),
                        channels: channels.len(),
                        tiles,
                        filter_stride: self.filter.row_stride(),
                        position_strides: [
                            self.filter.position_stride(),
                            panels_elems / positions,
                            sums_stride,
                        ],
                        accumulate: block > 0,
                    };
                    let panels = &scratch.panels[block * panels_elems..];
                    let sums = &mut scratch.sums[(some.start - rows.start) * tiles..];
                    multiply_positions(self.isa, products, piece, panels, sums);
                }
            }
            let places = self.outputs.places;
            for (index, row) in rows.clone().enumerate() {
                let place = index % places;
                let planes = &mut scratch.out_planes[place * tile * plane_stride..];
                is_finite &= transform_output(
                    self.isa,
                    shape.form,
                    &scratch.sums[index * tiles..],
                    sums_stride,
                    tiles,
                    planes,
                    plane_stride,
                );
                if places == 1 {
                    self.outputs.store_plane(planes, plane_stride, row - first_row, &mut task);
                } else if place + 1 == places || row + 1 == rows.end {
                    let stored = row - place - first_row..row + 1 - first_row;
                    let Scratch { out_planes, pixels, .. } = scratch;
                    let outputs = &self.outputs;
                    outputs.store_planes(out_planes, plane_stride, pixels, stored, &mut task);
                }
            }
        }
        is_finite
    }
}

/// Floats from one position to the next in the panels of a block of channels: of two vectors each.
fn panel_position_elems(isa: Isa, channels: usize, tiles: usize) -> usize {
    position_elems(channels * tiles.next_multiple_of(2 * tile_vector(isa)))
}

/// The gather whose results are the inputs of tiles, one after the other, but for the last ones; and one
/// with all taps of the filter.
fn gathers(problem: &ConvProblem, form: Form) -> (Gather, Gather) {
    if form.has_stride_2() {
        let gather = Gather::runs_of_stride_2(problem);
        let is_falling = problem.direction() == Direction::Bwd;
        let all_taps = gather.with_all_taps(problem, is_falling);
        return (gather, all_taps);
    }
    let gather = gathers_of(problem).swap_remove(0);
    (gather.clone(), gather)
}

/// Dilations in h and w.
fn dilations_of(problem: &ConvProblem) -> [usize; 2] {
    [1, 2].map(|dim| problem.dilations()[dim])
}
