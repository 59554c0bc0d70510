//! Blocks of a convolution on tiles: packed, multiplied, stored.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::filter::AmxFilter;
use super::shape::{AmxShape, Blocking, Words, distance_of_rows};
use crate::cpu::arena;
use crate::cpu::blocked::{PixelLayout, Planes};
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::gather::{Gather, Order, PixelBox, gathers_of, split_phases};
use crate::cpu::isa::AmxIsa;
use crate::cpu::pool;
use crate::cpu::store::store_tile;
use crate::cpu::tiles::pieces;
use crate::cpu::ukernel::{
    AmxPanels, AmxRows, LaneRun, Line, LineShape, ReduceOffsets, RunPair, SPLIT_LANES, Segment,
    TILE_BLOCK, TileProducts, TileSession, multiply_tiles, pack_panel, pair_panel, split_pairs,
    split_panel, transpose,
};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// Up to so many boxes of pixels each task splits the filter as it lies, 4 bytes a weight from far
/// away; with more it is split once, and read as 6 bytes a weight.
const MAX_BOXES_SPLITTING: usize = 2;

/// What is prepared for a forward or backward-data problem.
pub struct AmxPlan {
    isa: AmxIsa,
    problem: ConvProblem,
    products: TileProducts,
    phases: Vec<Phase>,
    scratch: ScratchElems,
    /// The filter in its parts.
    pub workspace: WorkspaceLayout,
}

/// One gather with its part of the filter; forward has one.
struct Phase {
    gather: Gather,
    words: Words,
    products: TileProducts,
    filter: AmxFilter,
    blocking: Blocking,
    /// `None`: pixels are read from the tensor itself.
    planes: Option<Planes>,
    /// Of pixels in the tensor, or of words in their planes.
    layout: PixelLayout,
    reduce_blocks: Vec<ReduceBlock>,
    /// Each task splits what it needs of the filter, block by block.
    splits_filter: bool,
    /// Where this phase begins in the packed filter.
    packed_begin: usize,
}

/// A part of the reduction.
struct ReduceBlock {
    channel_words: Range<usize>,
    /// Words, in whole tiles.
    gemm_k: usize,
    /// In the tensor: what the halves of each word are read at, from the first channel on.
    halves: Vec<[usize; 2]>,
    /// In planes of words: where each word is read, and how the planes are made of planes of a
    /// chunk's channels, chunk by chunk.
    offsets: ReduceOffsets,
    chunks: Vec<Vec<RunPair>>,
}

/// Floats of each part of a thread's scratch.
#[derive(Clone, Copy, Default)]
struct ScratchElems {
    filter: usize,
    planes: usize,
    word_planes: usize,
    panels: usize,
}

/// Some rows and pixels of one group of one phase, and their part of the output.
struct Task<'a, O> {
    phase: usize,
    group: usize,
    rows: Range<usize>,
    pixels: PixelBox,
    out: TensorMut<'a, O>,
}

/// What all tasks of an execution read.
struct Inputs<'a, T> {
    input: &'a [T],
    filter: &'a [T],
    packed_filter: &'a [f32],
}

impl AmxPlan {
    /// Prepares `problem`, which must not be backward-weights, for some number of threads.
    pub fn new(problem: &ConvProblem, isa: AmxIsa, threads: NonZeroUsize) -> Self {
        let mut phases: Vec<Phase> = Vec::new();
        let mut packed_begin = 0;
        for gather in gathers_of(problem) {
            let phase = Phase::new(problem, gather, isa, threads, packed_begin);
            packed_begin += phase.packed_elems();
            phases.push(phase);
        }
        let mut workspace = WorkspaceLayout::default();
        workspace.book_f32(WorkspaceKey::PackedFilter, packed_begin);
        // The type's, so those of every phase.
        let products = phases.first().map_or(TileProducts::Six, |phase| phase.products);
        let scratch = ScratchElems::of(&phases, products.parts());
        AmxPlan { isa, problem: problem.clone(), products, phases, scratch, workspace }
    }

    /// The estimated time of the busiest thread, beside what memory takes.
    pub fn cost_us(problem: &ConvProblem, threads: NonZeroUsize) -> f64 {
        let of_phase = |gather: &Gather| {
            let shape = AmxShape::new(problem, gather);
            let blocking = Blocking::choose(&shape, threads);
            blocking.cost_ns(&shape, threads) + shape.filter_ns() / threads.get() as f64
        };
        gathers_of(problem).iter().map(of_phase).sum::<f64>() * 1e-3
    }

    /// Runs, with alpha 1 and beta 0. The slices span the tensors of the problem.
    ///
    /// Returns whether the result holds: false where it is not finite.
    pub fn execute<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        let out =
            TensorMut::new(out, self.problem.tensor5(self.problem.direction().output_role()))?;
        let mut grant = self.workspace.grant(workspace);
        let mut packed_filter = grant.take(WorkspaceKey::PackedFilter)?;
        for phase in &self.phases {
            let packed = &mut packed_filter[phase.packed_begin..][..phase.packed_elems()];
            if !packed.is_empty() {
                phase.filter.pack(self.isa, threads, filter, packed)?;
            }
        }
        let inputs = Inputs { input, filter, packed_filter: &packed_filter };
        let ScratchElems { filter, planes, word_planes, panels } = self.scratch;
        pool::all(
            threads,
            self.tasks(out),
            || arena::take(filter + planes + word_planes + panels),
            |scratch, task| self.run_task(&inputs, scratch, task),
        )
    }

    /// The output taken apart, in an order in which neighbours share filter rows.
    fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let phase_outs = split_phases(&self.problem, out);
        let mut tasks = Vec::new();
        for (index, (phase, out)) in self.phases.iter().zip(phase_outs).enumerate() {
            let Blocking { pixel_box, rows: tile_rows, .. } = phase.blocking;
            let boxes = pixel_box.cut(&phase.gather.all_pixels(self.problem.n()));
            let row_pieces = pieces(&(0..phase.filter.rows()), tile_rows);
            let groups = out.split_every(1, phase.filter.rows());
            for (group, of_group) in groups.into_iter().enumerate() {
                for (rows, part) in row_pieces.iter().zip(of_group.split_every(1, tile_rows)) {
                    let parts = pixel_box.split(part);
                    tasks.extend(parts.into_iter().zip(&boxes).map(|(out, pixels)| Task {
                        phase: index,
                        group,
                        rows: rows.clone(),
                        pixels: pixels.clone(),
                        out,
                    }));
                }
            }
        }
        tasks
    }

    /// Returns whether the result is finite.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        inputs: &Inputs<'_, T>,
        scratch: &mut [f32],
        mut task: Task<'_, O>,
    ) -> Result<bool> {
        let tile = Tile { plan: self, phase: &self.phases[task.phase], inputs, task: &task.pixels };
        let direct = task.out.as_matrix(1).and_then(O::as_f32_matrix);
        if let Some(mut dst) = direct.filter(|dst| dst.shape().1 == 1 || dst.strides().1 == 1) {
            return Ok(tile.multiply(task.group, &task.rows, &mut dst, scratch));
        }
        let (rows, pixels) = (task.rows.len(), task.pixels.len());
        let mut sums = arena::take(rows * pixels)?;
        let mut dst = MatrixMut::row_major(&mut sums, rows, pixels);
        let is_finite = tile.multiply(task.group, &task.rows, &mut dst, scratch);
        let scalars = Scalars { alpha: 1.0, beta: 0.0 };
        let [_, channel_stride, .., pixel_stride] = task.out.strides();
        if rows > 1 && channel_stride == 1 && pixel_stride > 1 {
            let mut transposed = arena::take(rows * pixels)?;
            transpose(self.isa.isa(), &sums, rows, pixels, &mut transposed);
            store_tile(&transposed, true, task.out, scalars);
        } else {
            store_tile(&sums, false, task.out, scalars);
        }
        Ok(is_finite)
    }
}

impl Phase {
    fn new(
        problem: &ConvProblem,
        mut gather: Gather,
        isa: AmxIsa,
        threads: NonZeroUsize,
        packed_begin: usize,
    ) -> Self {
        gather.order = Order::TapInner;
        let shape = AmxShape::new(problem, &gather);
        let blocking = Blocking::choose(&shape, threads);
        let words = shape.words();
        let is_direct = shape.planes.is_none();
        let in_tensor = PixelLayout::of_tensor(&gather, problem.n()).filter(|_| is_direct);
        let (planes, layout) = match in_tensor {
            Some(layout) => (None, layout),
            None => {
                let planes = Planes::new(&gather, &blocking.pixel_box, Words::CHUNK);
                let mut layout = planes.layout.clone();
                layout.strides[0] = blocking.channel_words * layout.channel_stride;
                (Some(planes), layout)
            }
        };
        let blocks = blocking.reduce_blocks(words);
        let reduce_blocks = if words.taps == 0 { Vec::new() } else { blocks };
        let of_block = |channel_words| ReduceBlock::new(isa, words, channel_words, &layout);
        let filter = AmxFilter::new(problem, &gather, words, shape.products.parts());
        let is_f32 = problem.input_dtype() == DataType::F32;
        let boxes = blocking.boxes(&shape);
        Phase {
            words,
            products: shape.products,
            splits_filter: is_f32 && filter.is_direct() && boxes <= MAX_BOXES_SPLITTING,
            filter,
            blocking,
            reduce_blocks: reduce_blocks.into_iter().map(of_block).collect(),
            planes,
            layout,
            packed_begin,
            gather,
        }
    }

    fn packed_elems(&self) -> usize {
        let is_packed = self.words.taps > 0 && !self.splits_filter;
        if is_packed { self.filter.packed_elems() } else { 0 }
    }
}

impl ReduceBlock {
    fn new(isa: AmxIsa, words: Words, channel_words: Range<usize>, layout: &PixelLayout) -> Self {
        let gemm_k = words.in_tiles(channel_words.len());
        let stride = layout.channel_stride;
        let half = |channel: usize| match channel < words.channels {
            true => channel * stride + layout.tap_offsets[0],
            false => usize::MAX,
        };
        let mut halves: Vec<[usize; 2]> =
            channel_words.clone().map(|word| words.pair(word).map(half)).collect();
        halves.resize(gemm_k, [usize::MAX; 2]);
        let starts = (0..channel_words.len())
            .flat_map(|word| layout.tap_offsets.iter().map(move |tap| word * stride + tap));
        let offsets = ReduceOffsets::new(isa.isa(), starts.collect());
        // A plane in the chunk's planes; what does not exist is zeros.
        let chunks = pieces(&channel_words, Words::CHUNK / 2).into_iter().map(|chunk| {
            let plane = |channel: usize| match channel < words.channels {
                true => ((channel - 2 * chunk.start) * stride, stride),
                false => (0, 0),
            };
            let pair = |word: usize| {
                let [first, second] = words.pair(word).map(plane);
                RunPair { first, second }
            };
            chunk.clone().map(pair).collect()
        });
        ReduceBlock { gemm_k, halves, offsets, chunks: chunks.collect(), channel_words }
    }
}

impl ScratchElems {
    fn of(phases: &[Phase], parts: usize) -> Self {
        let mut elems = ScratchElems::default();
        for phase in phases {
            let pixel_box = phase.blocking.pixel_box;
            if let Some(planes) = &phase.planes {
                let of_chunk = arena::whole_lines(planes.elems(pixel_box.images));
                elems.planes = elems.planes.max(of_chunk);
                elems.word_planes = elems.word_planes.max(parts * phase.word_plane_elems());
            }
            let gemm_k = phase.reduce_blocks.iter().map(|block| block.gemm_k).max().unwrap_or(0);
            if phase.splits_filter {
                let rows = parts * TILE_BLOCK * distance_of_rows(gemm_k);
                elems.filter = elems.filter.max(rows);
            }
            elems.panels = elems.panels.max(parts * panel_elems(pixel_box.pixels(), gemm_k));
        }
        elems
    }
}

impl Phase {
    /// Floats of one part of the planes of words. Panels are read whole, so beyond the end too.
    fn word_plane_elems(&self) -> usize {
        let images = self.blocking.pixel_box.images;
        arena::whole_lines(images * self.layout.strides[0] + TILE_BLOCK)
    }
}

/// Floats of one part of the panels, and a row more.
fn panel_elems(pixels: usize, gemm_k: usize) -> usize {
    pixels.next_multiple_of(TILE_BLOCK) * gemm_k + TILE_BLOCK
}

/// The pixels of a task, whatever its rows.
struct Tile<'a, T> {
    plan: &'a AmxPlan,
    phase: &'a Phase,
    inputs: &'a Inputs<'a, T>,
    task: &'a PixelBox,
}

impl<T: Element> Tile<'_, T> {
    /// `dst = filter * input`, the whole reduction. Returns whether all of it is finite.
    fn multiply(
        &self,
        group: usize,
        rows: &Range<usize>,
        dst: &mut MatrixMut<'_, f32>,
        scratch: &mut [f32],
    ) -> bool {
        let phase = self.phase;
        if phase.reduce_blocks.is_empty() {
            dst.fill_with(|_, _| 0.0);
            return true;
        }
        let ScratchElems { filter, planes, word_planes, panels } = self.plan.scratch;
        let [filter, planes, word_planes, panels] =
            arena::split(scratch, [filter, planes, word_planes, panels]);
        let group_input = &self.inputs.input[phase.gather.group_offset(group)..];
        let lines = phase.planes.as_ref().map(|planes| planes.lines(self.task));
        let packed = &self.inputs.packed_filter[phase.packed_begin..];
        let isa = self.plan.isa;
        let session = TileSession::begin(isa);
        let mut is_finite = true;
        for block in &phase.reduce_blocks {
            let part_stride = panel_elems(self.task.len(), block.gemm_k);
            match &lines {
                Some(lines) => {
                    self.stage(group_input, block, lines, planes, word_planes);
                    self.pack_planes(block, word_planes, panels, part_stride);
                }
                None => self.pack_tensor(block, group_input, panels, part_stride),
            }
            let b = AmxPanels { words: panels, part_stride };
            let accumulates = block.channel_words.start > 0;
            let products = self.plan.products;
            // Sums that are not finite stay so: the last block tells of all.
            if !phase.splits_filter {
                let first_word = block.channel_words.start * phase.words.taps;
                let a = phase.filter.part(packed, group, rows.start, first_word);
                is_finite =
                    multiply_tiles(&session, products, block.gemm_k, a, b, dst, accumulates);
                continue;
            }
            is_finite = true;
            let stride = distance_of_rows(block.gemm_k);
            for rows_now in pieces(rows, TILE_BLOCK) {
                let (weights, words) = (self.inputs.filter, &block.channel_words);
                phase.filter.split_direct(isa, weights, group, &rows_now, words, stride, filter);
                let first = rows_now.start - rows.start;
                let mut dst = dst.rows(first..first + rows_now.len());
                let a = AmxRows { words: filter, stride };
                is_finite &=
                    multiply_tiles(&session, products, block.gemm_k, a, b, &mut dst, accumulates);
            }
        }
        is_finite
    }

    /// Fills the planes of words of one block, chunk by chunk.
    fn stage(
        &self,
        group_input: &[T],
        block: &ReduceBlock,
        lines: &[(LineShape, Vec<Line>)],
        planes: &mut [f32],
        word_planes: &mut [f32],
    ) {
        let (isa, phase) = (self.plan.isa, self.phase);
        let stager = phase.planes.as_ref().expect("lines are of planes");
        let plane_elems = phase.layout.channel_stride;
        let strides = [plane_elems, phase.word_plane_elems()];
        let parts = self.plan.products.parts();
        let chunks = pieces(&block.channel_words, Words::CHUNK / 2);
        for (chunk, pairs) in chunks.iter().zip(&block.chunks) {
            let channels = phase.words.channels_of(chunk);
            stager.stage_lines(isa.isa(), group_input, channels, self.task, lines, planes);
            let first = (chunk.start - block.channel_words.start) * plane_elems;
            for image in 0..self.task.n.len() {
                let from = &planes[image * stager.layout.strides[0]..];
                let to = &mut word_planes[image * phase.layout.strides[0] + first..];
                split_pairs(isa, parts, from, pairs, plane_elems, to, strides);
            }
        }
    }

    /// Packs panels from planes of words, part by part.
    fn pack_planes(
        &self,
        block: &ReduceBlock,
        word_planes: &[f32],
        panels: &mut [f32],
        part_stride: usize,
    ) {
        let isa = self.plan.isa.isa();
        let rows = block.offsets.len();
        let mut segments = Vec::new();
        for (index, first) in (0..self.task.len()).step_by(TILE_BLOCK).enumerate() {
            self.phase.layout.segments(self.task, first, TILE_BLOCK, &mut segments);
            let columns = TILE_BLOCK.min(self.task.len() - first);
            for part in 0..self.plan.products.parts() {
                let words = &word_planes[part * self.phase.word_plane_elems()..];
                let to = part * part_stride + index * block.gemm_k * TILE_BLOCK;
                let panel = &mut panels[to..];
                pack_panel(isa, words, 0, &block.offsets, &segments, columns, panel);
                panel[rows * TILE_BLOCK..block.gemm_k * TILE_BLOCK].fill(0.0);
            }
        }
    }

    /// Makes panels straight from the tensor, f32 or bf16.
    fn pack_tensor(
        &self,
        block: &ReduceBlock,
        input: &[T],
        panels: &mut [f32],
        part_stride: usize,
    ) {
        let (isa, phase) = (self.plan.isa, self.phase);
        let parts = self.plan.products.parts();
        let source = &input[phase.layout.first_pixel(self.task)..];
        let mut segments = Vec::new();
        for (index, first) in (0..self.task.len()).step_by(TILE_BLOCK).enumerate() {
            phase.layout.segments(self.task, first, TILE_BLOCK, &mut segments);
            let columns = TILE_BLOCK.min(self.task.len() - first);
            let runs = [0, 1].map(|half| lane_runs(&segments, columns, half * SPLIT_LANES));
            let panel = &mut panels[index * block.gemm_k * TILE_BLOCK..];
            let runs = [&*runs[0], &*runs[1]];
            match (T::as_f32(source), T::as_bf16(source)) {
                (Some(source), _) => {
                    split_panel(isa, parts, source, &block.halves, runs, panel, part_stride);
                }
                (None, Some(source)) => pair_panel(isa, source, &block.halves, runs, panel),
                (None, None) => unreachable!("others are read by way of planes"),
            }
        }
    }
}

/// The runs of the vector of columns that begins with column `begin`.
fn lane_runs(segments: &[Segment], columns: usize, begin: usize) -> Vec<LaneRun> {
    let mask_below = |column: usize| (1u32 << column.saturating_sub(begin).min(SPLIT_LANES)) - 1;
    segments
        .iter()
        .enumerate()
        .filter_map(|(index, segment)| {
            let end = segments.get(index + 1).map_or(columns, |next| next.column);
            let mask = (mask_below(end) & !mask_below(segment.column)) as u16;
            let offset = segment.offset as isize + begin as isize - segment.column as isize;
            (mask != 0).then_some(LaneRun { offset, mask })
        })
        .collect()
}
