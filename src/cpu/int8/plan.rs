//! Blocks of an int8 convolution: staged, packed, multiplied, stored.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::filter::{FilterPart, Int8Filter};
use crate::cpu::arena;
use crate::cpu::blocked::{BlockShape, Blocking, PixelLayout, Planes};
use crate::cpu::element::{Output, Scalars};
use crate::cpu::gather::{Gather, Order, PixelBox};
use crate::cpu::isa::{Int8Isa, Isa};
use crate::cpu::pool;
use crate::cpu::store::store_tile;
use crate::cpu::tiles::pieces;
use crate::cpu::ukernel::{
    Line, LineShape, ReduceOffsets, WORD_SLACK_ELEMS, WordPixels, WordRows, multiply_words,
    pack_panel, panel_columns, rows_at_once, stage_word_pixels, stage_words, transpose, whole_rows,
    whole_steps, word_elems,
};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut, as_i32_mut};
use crate::problem::{ConvProblem, Role};

/// What is prepared for a problem.
pub struct Int8Plan {
    pub problem: ConvProblem,
    isa: Int8Isa,
    /// Of elements.
    gather: Gather,
    filter: Int8Filter,
    /// Its channels are words.
    blocking: Blocking,
    words: usize,
    planes: Planes,
    /// Where each row of a block of the reduction begins.
    offsets: ReduceOffsets,
    /// The same for the last block, which may be shorter.
    last_offsets: ReduceOffsets,
    /// Rows whose words are made at a time, and the distance of rows in words.
    rows_at_once: usize,
    row_stride: usize,
}

/// Some rows and pixels of one group, and their part of the output.
struct Task<'a, O> {
    group: usize,
    rows: Range<usize>,
    pixels: PixelBox,
    out: TensorMut<'a, O>,
}

/// The gather that words of channels make of one of elements.
pub fn word_gather(gather: &Gather, isa: Int8Isa) -> Gather {
    Gather {
        channels: gather.channels.div_ceil(word_elems(isa)),
        order: Order::TapInner,
        ..gather.clone()
    }
}

impl Int8Plan {
    /// Prepares `problem`, which must be forward and of int8, for some number of threads.
    pub fn new(problem: &ConvProblem, isa: Int8Isa, threads: NonZeroUsize) -> Self {
        let gather = Gather::over_x(problem);
        let of_words = word_gather(&gather, isa);
        let shape = BlockShape::new(problem, &of_words);
        let blocking = Blocking::choose(&shape, isa.isa(), threads);
        let filter = Int8Filter::new(problem);
        let planes = Planes::new(&of_words, &blocking.pixel_box, blocking.channels);
        let last = match of_words.channels % blocking.channels {
            0 => blocking.channels,
            rest => rest,
        };
        let gemm_k = whole_steps(isa, blocking.channels * gather.taps());
        let row_stride = distance_of_rows(gemm_k);
        Int8Plan {
            problem: problem.clone(),
            isa,
            offsets: offsets_of(
                isa.isa(),
                &planes.layout,
                blocking.channels,
                filter.channels_inner,
            ),
            last_offsets: offsets_of(isa.isa(), &planes.layout, last, filter.channels_inner),
            rows_at_once: whole_rows(isa, rows_at_once(isa.isa(), blocking.rows, row_stride))
                .min(blocking.rows),
            row_stride,
            words: of_words.channels,
            gather,
            filter,
            blocking,
            planes,
        }
    }

    /// Runs. The slices span the tensors of the problem.
    pub fn run<O: Output<i32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[i8]; 2],
        out: &mut [O],
        scalars: Scalars,
    ) -> Result<()> {
        let out = TensorMut::new(out, self.problem.tensor5(Role::Y))?;
        pool::for_each(
            threads,
            self.tasks(out),
            || arena::take(self.scratch_elems().iter().sum()),
            |scratch, task| self.run_task([input, filter], scratch, task, scalars),
        )
    }

    /// Floats of a thread's planes, panels, words of the filter, and what its rows begin with.
    fn scratch_elems(&self) -> [usize; 4] {
        let panel_cols = panel_columns(self.isa.isa());
        let Blocking { pixel_box, channels, .. } = self.blocking;
        let columns = pixel_box.pixels().next_multiple_of(panel_cols);
        // Panels are read whole, so beyond the end of the planes too.
        let planes = self.planes.elems(pixel_box.images) + panel_cols + WORD_SLACK_ELEMS;
        let gemm_k = whole_steps(self.isa, channels * self.gather.taps());
        let panels = gemm_k * columns + panel_cols;
        let filter = whole_rows(self.isa, self.rows_at_once) * self.row_stride;
        [planes, panels, filter, self.rows_at_once].map(arena::whole_lines)
    }

    /// The output taken apart, in an order in which neighbours share filter rows.
    fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let Blocking { pixel_box, rows: tile_rows, .. } = self.blocking;
        let boxes = pixel_box.cut(&self.gather.all_pixels(self.problem.n()));
        let row_pieces = pieces(&(0..self.filter.rows), tile_rows);
        let mut tasks = Vec::new();
        for (group, of_group) in out.split_every(1, self.filter.rows).into_iter().enumerate() {
            for (rows, part) in row_pieces.iter().zip(of_group.split_every(1, tile_rows)) {
                let parts = pixel_box.split(part).into_iter().zip(&boxes);
                tasks.extend(parts.map(|(out, pixels)| Task {
                    group,
                    rows: rows.clone(),
                    pixels: pixels.clone(),
                    out,
                }));
            }
        }
        tasks
    }

    fn run_task<O: Output<i32>>(
        &self,
        inputs: [&[i8]; 2],
        scratch: &mut [f32],
        mut task: Task<'_, O>,
        scalars: Scalars,
    ) -> Result<()> {
        let tile = Tile { plan: self, inputs, group: task.group, pixels: &task.pixels };
        let direct = task.out.as_matrix(1).and_then(O::as_i32_matrix);
        if let Some(mut dst) = direct.filter(|dst| dst.shape().1 == 1 || dst.strides().1 == 1) {
            tile.multiply(&task.rows, &mut dst, scratch);
            return Ok(());
        }
        let (rows, pixels) = (task.rows.len(), task.pixels.len());
        let mut sums = arena::take(rows * pixels)?;
        let mut dst = MatrixMut::row_major(as_i32_mut(&mut sums), rows, pixels);
        tile.multiply(&task.rows, &mut dst, scratch);
        let [_, channel_stride, .., pixel_stride] = task.out.strides();
        if rows > 1 && channel_stride == 1 && pixel_stride > 1 {
            let mut transposed = arena::take(rows * pixels)?;
            transpose(self.isa.isa(), &sums, rows, pixels, &mut transposed);
            store_tile(as_i32_mut(&mut transposed), true, task.out, scalars);
        } else {
            store_tile(as_i32_mut(&mut sums), false, task.out, scalars);
        }
        Ok(())
    }
}

/// Where the rows of a block of that many words of channels begin.
fn offsets_of(isa: Isa, layout: &PixelLayout, words: usize, channels_inner: bool) -> ReduceOffsets {
    let of_word = |word: usize| word * layout.channel_stride;
    let taps = &layout.tap_offsets;
    let offsets = if channels_inner {
        taps.iter().flat_map(|tap| (0..words).map(move |word| of_word(word) + tap)).collect()
    } else {
        (0..words).flat_map(|word| taps.iter().map(move |tap| of_word(word) + tap)).collect()
    };
    ReduceOffsets::new(isa, offsets)
}

/// Words from row to row of the filter: whole cache lines, and an odd number of them, so that rows
/// do not share few sets of the cache.
fn distance_of_rows(gemm_k: usize) -> usize {
    let line = arena::whole_lines(1);
    (gemm_k.div_ceil(line) | 1) * line
}

/// The pixels of a task and their group, whatever its rows.
struct Tile<'a> {
    plan: &'a Int8Plan,
    inputs: [&'a [i8]; 2],
    group: usize,
    pixels: &'a PixelBox,
}

impl Tile<'_> {
    /// `dst = filter * input`, the whole reduction.
    fn multiply(&self, rows: &Range<usize>, dst: &mut MatrixMut<'_, i32>, scratch: &mut [f32]) {
        let plan = self.plan;
        let [planes, panels, filter, starts] = arena::split(scratch, plan.scratch_elems());
        let starts = as_i32_mut(starts);
        let lines = plan.planes.lines(self.pixels);
        let taps = plan.gather.taps();
        for words in pieces(&(0..plan.words), plan.blocking.channels) {
            let gemm_k = whole_steps(plan.isa, words.len() * taps);
            self.stage(&words, &lines, planes, panels);
            self.pack(&words, planes, panels);
            for rows_now in pieces(rows, plan.rows_at_once) {
                let first = rows_now.start - rows.start;
                let mut dst = dst.rows(first..first + rows_now.len());
                let part = FilterPart {
                    group: self.group,
                    rows: rows_now,
                    channel_words: words.clone(),
                    row_words: gemm_k,
                    stride: plan.row_stride,
                };
                plan.filter.pack(plan.isa, self.inputs[1], part, filter, starts);
                let a = WordRows { words: filter, stride: plan.row_stride, starts };
                multiply_words(plan.isa, gemm_k, a, panels, &mut dst, words.start > 0);
            }
        }
    }

    /// Fills the planes of some words of channels.
    fn stage(
        &self,
        words: &Range<usize>,
        lines: &[(LineShape, Vec<Line>)],
        planes: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Int8Plan { gather, isa, planes: stager, .. } = self.plan;
        let elems = word_elems(*isa);
        let axis_w = &gather.axes[2];
        let stride = axis_w.step.saturating_mul(axis_w.in_stride);
        let plane_stride = stager.layout.channel_stride;
        let group_input = &self.inputs[0][gather.group_offset(self.group)..];
        let channels = words.start * elems..(words.end * elems).min(gather.channels);
        for (index_n, n) in self.pixels.n.clone().enumerate() {
            let image = &group_input[n * gather.n_stride..];
            let planes = &mut planes[index_n * stager.layout.strides[0]..];
            if gather.channel_stride == 1 && stride > 1 && channels.len() >= elems {
                let source = &image[channels.start..];
                let pixels =
                    WordPixels { word_elems: elems, channels: channels.len(), plane_stride };
                for (shape, lines) in lines {
                    let shape = LineShape { stride, ..*shape };
                    stage_word_pixels(isa.isa(), source, lines, shape, pixels, planes, scratch);
                }
                continue;
            }
            // Plane by plane: what follows a line is overwritten by the lines that follow.
            for (index, first) in channels.clone().step_by(elems).enumerate() {
                let plane = &mut planes[index * plane_stride..];
                let mut sources = [image; 4];
                for (at, source) in sources[..elems].iter_mut().enumerate() {
                    // What stands for a channel that does not exist meets weights of zero.
                    let channel = (first + at).min(channels.end - 1);
                    *source = &image[channel * gather.channel_stride..];
                }
                for (shape, lines) in lines {
                    let shape = LineShape { stride, ..*shape };
                    stage_words(isa.isa(), &sources[..elems], lines, shape, plane);
                }
            }
        }
    }

    fn pack(&self, words: &Range<usize>, planes: &[f32], panels: &mut [f32]) {
        let (plan, isa) = (self.plan, self.plan.isa.isa());
        let offsets =
            if words.len() == plan.blocking.channels { &plan.offsets } else { &plan.last_offsets };
        let panel_cols = panel_columns(isa);
        let panel_elems = whole_steps(plan.isa, offsets.len()) * panel_cols;
        let mut segments = Vec::new();
        for (index, first) in (0..self.pixels.len()).step_by(panel_cols).enumerate() {
            plan.planes.layout.segments(self.pixels, first, panel_cols, &mut segments);
            let columns = panel_cols.min(self.pixels.len() - first);
            let panel = &mut panels[index * panel_elems..];
            pack_panel(isa, planes, 0, offsets, &segments, columns, panel);
        }
    }
}
