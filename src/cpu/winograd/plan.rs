//! Running a Winograd convolution.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::shape::{Blocking, WinogradShape, position_elems};
use crate::cpu::arena;
use crate::cpu::blocked::{PixelLayout, Planes};
use crate::cpu::element::{Element, Output};
use crate::cpu::filter::FilterMatrix;
use crate::cpu::gather::{Gather, Order, PixelBox, gathers_of, split_dilated};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::tiles::{BoxLengths, pieces};
use crate::cpu::ukernel::{
    Form, InputTiles, Rows, multiply_block, panel_columns, transform_filter, transform_input,
    transform_output, transpose,
};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType, Role};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// Filter rows that are packed together: in backward-data a cache line has parts of two or three,
/// and is read once for all of them.
const ROWS_PACKED: usize = 8;

/// Output planes that are transposed together: a cache line of results.
const ROWS_TURNED: usize = 16;

/// What is prepared for a problem.
pub struct DataPlan {
    isa: Isa,
    output: Role,
    problem: ConvProblem,
    shape: WinogradShape,
    blocking: Blocking,
    gather: Gather,
    /// Of each phase of the dilation, all with one layout.
    planes: Vec<Planes>,
    filter: FilterMatrix,
    /// Whether filter rows must be packed before they are transformed.
    packs_rows: bool,
    /// Planes of rows that are stored together.
    places: usize,
    /// Whether the filter runs against the direction of the tiles.
    is_reversed: bool,
    /// Floats from one row of the transformed filter to the next.
    filter_stride: usize,
    scratch: ScratchElems,
    /// The transformed filter, unless tasks transform it themselves.
    pub workspace: WorkspaceLayout,
}

/// Floats of each part of a thread's scratch.
#[derive(Clone, Copy)]
struct ScratchElems {
    planes: usize,
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
    panels: &'a mut [f32],
    sums: &'a mut [f32],
    out_planes: &'a mut [f32],
    pixels: &'a mut [f32],
    filter: &'a mut [f32],
    filter_rows: &'a mut [f32],
}

impl ScratchElems {
    /// In the order of the fields.
    fn parts(&self) -> [usize; 7] {
        let &ScratchElems { planes, panels, sums, out_planes, pixels, filter, filter_rows } = self;
        [planes, panels, sums, out_planes, pixels, filter, filter_rows]
    }

    fn total(&self) -> usize {
        self.parts().iter().sum()
    }

    fn split<'a>(&self, all: &'a mut [f32]) -> Scratch<'a> {
        let [planes, panels, sums, out_planes, pixels, filter, filter_rows] =
            arena::split(all, self.parts());
        Scratch { planes, panels, sums, out_planes, pixels, filter, filter_rows }
    }
}

/// Some tiles and chunks of rows of one group, and their part of the output.
struct Task<'a, O> {
    group: usize,
    chunks: Range<usize>,
    /// Images of all phases, those of a phase side by side.
    images: Range<usize>,
    tile_rows: Range<usize>,
    /// The part of each image.
    out: Vec<TensorMut<'a, O>>,
}

impl DataPlan {
    /// Prepares `problem`, to which the solver is applicable.
    pub fn new(problem: &ConvProblem, form: Form, isa: Isa, threads: NonZeroUsize) -> Self {
        let tile = form.tile();
        let shape = WinogradShape::new(problem, form);
        let blocking = Blocking::choose(&shape, isa, threads);
        let mut gather = gathers_of(problem).swap_remove(0);
        gather.order = Order::TapInner;
        let filter = FilterMatrix::new(problem, &gather);
        let packs_rows = problem.input_dtype() != DataType::F32 || !filter.rows_are_contiguous();
        let taps = &gather.axes[1].taps;
        let is_reversed = taps[0].offset > taps[1].offset;
        let lengths = BoxLengths {
            images: blocking.images,
            spatial: [1, blocking.tile_rows * tile, shape.tiles_w * tile],
        };
        let phases = gather.dilated_phases(dilations_of(problem));
        let planes: Vec<Planes> =
            phases.iter().map(|phase| Planes::new(phase, &lengths, shape.channels)).collect();

        // Transforms write whole vectors, of 16 floats at most.
        let filter_stride = shape.channels.next_multiple_of(16);
        let chunk_filter = form.positions() * position_elems(blocking.chunk_rows * filter_stride);
        let tiles = blocking.tiles(&shape).next_multiple_of(panel_columns(isa));
        let plane_rows = blocking.images * blocking.tile_rows * tile;
        let out_plane_elems = (plane_rows + tile) * shape.tiles_w * tile;
        // Where channels are contiguous, several planes are turned round together.
        let out = problem.tensor5(problem.direction().output_role());
        let is_turned = out.strides[1] == 1 && out.strides[4] > 1;
        let places = if is_turned { ROWS_TURNED.min(blocking.chunk_rows) } else { 1 };
        let scratch = ScratchElems {
            planes: arena::whole_lines(planes[0].elems(blocking.images)),
            panels: form.positions() * position_elems(shape.channels * tiles),
            sums: form.positions() * position_elems(blocking.chunk_rows * tiles),
            out_planes: arena::whole_lines(places * out_plane_elems),
            pixels: if places > 1 { arena::whole_lines(places * out_plane_elems) } else { 0 },
            filter: if blocking.is_fused { chunk_filter } else { 0 },
            filter_rows: if packs_rows {
                ROWS_PACKED * shape.channels * form.taps() * form.taps()
            } else {
                0
            },
        };
        let mut workspace = WorkspaceLayout::default();
        if !blocking.is_fused {
            let chunks = shape.rows.div_ceil(blocking.chunk_rows);
            workspace
                .book_f32(WorkspaceKey::TransformedFilter, shape.groups * chunks * chunk_filter);
        }
        DataPlan {
            isa,
            output: problem.direction().output_role(),
            problem: problem.clone(),
            shape,
            blocking,
            gather,
            filter,
            packs_rows,
            places,
            is_reversed,
            planes,
            filter_stride,
            scratch,
            workspace,
        }
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
        let mut transformed = grant.take(WorkspaceKey::TransformedFilter)?;
        if !self.blocking.is_fused {
            self.transform_whole_filter(threads, filter, &mut transformed)?;
        }
        pool::all(
            threads,
            self.tasks(out),
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
        self.shape.rows.div_ceil(self.blocking.chunk_rows)
    }

    fn position_filter_elems(&self) -> usize {
        position_elems(self.blocking.chunk_rows * self.filter_stride)
    }

    fn chunk_filter_elems(&self) -> usize {
        self.shape.form.positions() * self.position_filter_elems()
    }

    fn transform_whole_filter<T: Element>(
        &self,
        threads: NonZeroUsize,
        filter: &[T],
        transformed: &mut [f32],
    ) -> Result<()> {
        let chunks = transformed.chunks_exact_mut(self.chunk_filter_elems()).enumerate().collect();
        pool::for_each(
            threads,
            chunks,
            || arena::take(self.scratch.filter_rows),
            |row, (index, out)| {
                let (group, chunk) = (index / self.chunks(), index % self.chunks());
                self.transform_chunk(filter, group, chunk, row, out);
                Ok(())
            },
        )
    }

    /// Transforms the filter of one chunk of rows: position, row, channel.
    fn transform_chunk<T: Element>(
        &self,
        filter: &[T],
        group: usize,
        chunk: usize,
        row_scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let channels = self.shape.channels;
        let position_stride = self.position_filter_elems();
        let kk = 0..channels * self.shape.form.taps() * self.shape.form.taps();
        let rows = self.chunk_rows(chunk);
        for first in rows.clone().step_by(ROWS_PACKED) {
            let some = first..rows.end.min(first + ROWS_PACKED);
            let direct = self.filter.direct(filter, group, &some, &kk);
            let (weights, stride) = match direct.and_then(|m| m.contiguous_rows()) {
                Some(direct) if !self.packs_rows => direct,
                _ => {
                    let packed = &mut row_scratch[..some.len() * kk.len()];
                    self.filter.pack_rows(
                        self.isa,
                        filter,
                        group * self.shape.rows + first,
                        packed,
                    );
                    (&*packed, kk.len())
                }
            };
            for row in some.clone() {
                transform_filter(
                    self.isa,
                    self.shape.form,
                    &weights[(row - first) * stride..][..kk.len()],
                    channels,
                    self.is_reversed,
                    &mut out[(row - rows.start) * self.filter_stride..],
                    position_stride,
                );
            }
        }
    }

    fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let Blocking { images, tile_rows, chunk_rows, chunks, .. } = self.blocking;
        let line_pieces = pieces(&(0..self.shape.tiles_h), tile_rows);
        let mut tasks = Vec::new();
        for (group, of_group) in out.split_every(1, self.shape.rows).into_iter().enumerate() {
            let chunk_pieces = pieces(&(0..self.chunks()), chunks);
            let row_parts = of_group.split_every(1, chunks * chunk_rows);
            for (chunks, of_rows) in chunk_pieces.into_iter().zip(row_parts) {
                let phases = split_dilated(of_rows, dilations_of(&self.problem));
                let mut image_parts = phases
                    .into_iter()
                    .flat_map(|phase| phase.split_every(0, 1))
                    .map(|image| image.split_every(3, tile_rows * self.shape.form.tile()));
                for images in pieces(&(0..self.shape.images), images) {
                    let mut parts: Vec<_> =
                        image_parts.by_ref().take(images.len()).map(Vec::into_iter).collect();
                    for tile_rows in &line_pieces {
                        // The last phases may have a line of tiles less; boxes of several images
                        // have one piece of each.
                        let out: Vec<_> = parts.iter_mut().filter_map(Iterator::next).collect();
                        if !out.is_empty() {
                            let (images, tile_rows) = (images.clone(), tile_rows.clone());
                            tasks.push(Task {
                                group,
                                chunks: chunks.clone(),
                                images,
                                tile_rows,
                                out,
                            });
                        }
                    }
                }
            }
        }
        tasks
    }

    /// Fills the planes of a task's images.
    fn stage<T: Element>(
        &self,
        group_input: &[T],
        images: &Range<usize>,
        lines: &Range<usize>,
        planes: &mut [f32],
    ) {
        let WinogradShape { form, channels, tiles_w, .. } = self.shape;
        let n = self.problem.n();
        let image_elems = self.layout().strides[0];
        let mut image = images.start;
        while image < images.end {
            let phase = image / n;
            let of_phase = image..images.end.min((phase + 1) * n);
            let pixels = PixelBox {
                n: of_phase.start - phase * n..of_phase.end - phase * n,
                o: [
                    0..1,
                    lines.start * form.tile()..lines.end * form.tile(),
                    0..tiles_w * form.tile(),
                ],
            };
            let planes = &mut planes[(image - images.start) * image_elems..];
            self.planes[phase].stage(self.isa, group_input, 0..channels, &pixels, planes);
            image = of_phase.end;
        }
    }

    /// Where things lie in the planes, of any phase.
    fn layout(&self) -> &PixelLayout {
        &self.planes[0].layout
    }

    /// Returns whether all of the result is finite.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        input: &[T],
        filter: &[T],
        transformed: &[f32],
        scratch: &mut Scratch<'_>,
        mut task: Task<'_, O>,
    ) -> bool {
        let shape = &self.shape;
        let (tile, channels) = (shape.form.tile(), shape.channels);
        let group_input = &input[self.gather.group_offset(task.group)..];
        self.stage(group_input, &task.images, &task.tile_rows, scratch.planes);
        let (input_offsets, output_offsets) = self.tile_offsets(&task);
        let tiles = input_offsets.len();
        let input_tiles = InputTiles {
            planes: scratch.planes,
            channel_stride: self.layout().channel_stride,
            row_stride: self.layout().strides[2],
            offsets: &input_offsets,
            position_stride: position_elems(channels * tiles),
        };
        transform_input(self.isa, shape.form, input_tiles, channels, scratch.panels);

        let mut is_finite = true;
        let first_row = task.chunks.start * self.blocking.chunk_rows;
        for chunk in task.chunks.clone() {
            let rows = self.chunk_rows(chunk);
            let chunk_filter: &[f32] = if self.blocking.is_fused {
                self.transform_chunk(
                    filter,
                    task.group,
                    chunk,
                    scratch.filter_rows,
                    scratch.filter,
                );
                scratch.filter
            } else {
                let begin = (task.group * self.chunks() + chunk) * self.chunk_filter_elems();
                &transformed[begin..begin + self.chunk_filter_elems()]
            };
            let sums_stride = position_elems(self.blocking.chunk_rows * tiles);
            for position in 0..shape.form.positions() {
                let a = Rows {
                    data: &chunk_filter[position * self.position_filter_elems()..],
                    stride: self.filter_stride,
                };
                let panels = &scratch.panels[position * input_tiles.position_stride..];
                let sums = &mut scratch.sums[position * sums_stride..];
                let mut dst = MatrixMut::row_major(sums, rows.len(), tiles);
                multiply_block(self.isa, channels, a, panels, &mut dst, false);
            }
            let places = self.places;
            for (index, row) in rows.clone().enumerate() {
                let place = index % places;
                let plane = &mut scratch.out_planes[place * self.out_plane_elems()..];
                is_finite &= transform_output(
                    self.isa,
                    shape.form,
                    &scratch.sums[index * tiles..],
                    sums_stride,
                    &output_offsets,
                    plane,
                    shape.tiles_w * tile,
                );
                if places == 1 {
                    self.store_plane(plane, row - first_row, &mut task);
                } else if place + 1 == places || row + 1 == rows.end {
                    let stored = row - place - first_row..row + 1 - first_row;
                    self.store_planes(scratch.out_planes, scratch.pixels, stored, &mut task);
                }
            }
        }
        is_finite
    }

    /// Where each tile begins in the planes and in the output plane. Panels are
    /// filled up with the first tile, and its copies go behind the output.
    fn tile_offsets<O: Copy>(&self, task: &Task<'_, O>) -> (Vec<usize>, Vec<usize>) {
        let shape = &self.shape;
        let [n_stride, _, row_stride] = self.layout().strides;
        let (lines, width) = (task.tile_rows.len(), shape.tiles_w * shape.form.tile());
        let (mut input, mut output) = (Vec::new(), Vec::new());
        for n in 0..task.images.len() {
            for h in 0..lines {
                for w in 0..shape.tiles_w {
                    let tile = shape.form.tile();
                    input.push(n * n_stride + h * tile * row_stride + w * tile);
                    output.push((n * lines + h) * tile * width + w * tile);
                }
            }
        }
        let behind = task.images.len() * lines * shape.form.tile() * width;
        let padded = input.len().next_multiple_of(panel_columns(self.isa));
        input.resize(padded, 0);
        output.resize(padded, behind);
        (input, output)
    }

    /// Floats of an output plane; tiles that only fill up the last panel are written behind the
    /// rest.
    fn out_plane_elems(&self) -> usize {
        let Blocking { images, tile_rows, .. } = self.blocking;
        let tile = self.shape.form.tile();
        (images * tile_rows * tile + tile) * self.shape.tiles_w * tile
    }

    /// Stores the planes of some rows where rows are contiguous in the output.
    fn store_planes<O: Output<f32>>(
        &self,
        planes: &[f32],
        pixels: &mut [f32],
        rows: Range<usize>,
        task: &mut Task<'_, O>,
    ) {
        transpose(self.isa, planes, rows.len(), self.out_plane_elems(), pixels);
        let (width, lines) = self.out_plane_lines(&task.tile_rows);
        for (n, out) in task.out.iter_mut().enumerate() {
            let [.., len_h, len_w] = out.lengths();
            for h in 0..len_h {
                for w in 0..len_w {
                    let pixel = (n * lines + h) * width + w;
                    let sums = &pixels[pixel * rows.len()..][..rows.len()];
                    let mut lane = out.lane(1, [0, 0, 0, h, w]);
                    match lane.as_slice() {
                        Some(elements) => O::from_sums(sums, &mut elements[rows.clone()]),
                        None => lane.fill_some(rows.start, sums.iter().map(|&s| O::from_sum(s))),
                    }
                }
            }
        }
    }

    fn store_plane<O: Output<f32>>(&self, plane: &[f32], row: usize, task: &mut Task<'_, O>) {
        let (width, lines) = self.out_plane_lines(&task.tile_rows);
        for (n, out) in task.out.iter_mut().enumerate() {
            let [.., len_h, len_w] = out.lengths();
            for h in 0..len_h {
                let sums = &plane[(n * lines + h) * width..][..len_w];
                let mut lane = out.lane(4, [0, row, 0, h, 0]);
                match lane.as_slice() {
                    Some(elements) => O::from_sums(sums, elements),
                    None => lane.fill_with(|index| O::from_sum(sums[index])),
                }
            }
        }
    }

    /// The length of a line of an output plane, and the lines of each image.
    fn out_plane_lines(&self, tile_rows: &Range<usize>) -> (usize, usize) {
        let tile = self.shape.form.tile();
        (self.shape.tiles_w * tile, tile_rows.len() * tile)
    }
}

/// Dilations in h and w.
fn dilations_of(problem: &ConvProblem) -> [usize; 2] {
    [1, 2].map(|dim| problem.dilations()[dim])
}
