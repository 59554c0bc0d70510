//! Backward-weights by blocks: rows of dy times packed, transposed panels of x.
//!
//! The result of a task is a block of output channels by input channels and
//! taps; the reduction runs over boxes of pixels, in their order. Which task
//! sums what depends on the problem alone, so the bits do not depend on threads.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::planes::Planes;
use crate::cpu::arena;
use crate::cpu::cache::CacheSizes;
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::gather::{Gather, Order, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::store::store_filter_tile;
use crate::cpu::tiles::{BoxLengths, even_piece, pieces};
use crate::cpu::ukernel::{Rows, block_rows, multiply_block, pack_panel_transposed, panel_columns};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut, merge_dims};
use crate::problem::{ConvProblem, DataType, Role};

/// Columns of a task at most: a panel row of 1 KiB, and 256 KiB of panels for
/// the longest box, half of Zen's L2 cache.
const MAX_COLUMNS: usize = 256;

/// Rows of a task at most: with as many columns, the sums are 512 KiB. More rows
/// spread the cost of packing.
const MAX_ROWS: usize = 512;

/// Tasks wanted at least, for an even load on machines with several threads.
const WANTED_TASKS: usize = 8;

/// Multiply-adds that are worth a task of their own: some twenty microseconds.
const MIN_TASK_MULTIPLY_ADDS: usize = 1 << 20;

/// What packing one element costs, in multiply-adds of one lane: transposing
/// 32 floats takes some 24 instructions (measured on Zen 3, staging included).
const PACK_COST: f64 = 8.0;

/// What starting a task costs, in multiply-adds: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// What is prepared for a backward-weights problem.
pub struct WrwPlan {
    isa: Isa,
    problem: ConvProblem,
    gather: Gather,
    dy: Gather,
    /// Output channels and input channels of a task.
    rows: usize,
    channels: usize,
    box_lengths: BoxLengths,
    x_planes: Planes,
    /// `None`: rows of dy are read from the tensor itself.
    dy_planes: Option<Planes>,
    touches_padding: bool,
}

/// A block of the filter gradient of one group.
struct Task<'a, O> {
    group: usize,
    rows: Range<usize>,
    channels: Range<usize>,
    out: TensorMut<'a, O>,
}

/// What a task multiplies.
struct Block<'a> {
    group: usize,
    rows: Range<usize>,
    channels: Range<usize>,
    boxes: &'a [PixelBox],
}

impl WrwPlan {
    /// Prepares `problem`, which must be backward-weights.
    pub fn new(problem: &ConvProblem, isa: Isa) -> Self {
        let mut gather = Gather::over_x(problem);
        gather.order = Order::TapInner;
        let mut dy = Gather::pixels_of_y(problem);
        dy.order = Order::TapInner;
        let taps = gather.taps();
        let (rows, channels) = tile(problem, &gather, &dy, isa);

        // A panel of a box in half of the L1 cache.
        let max_pixels = CacheSizes::get().l1_bytes / 2 / (panel_columns(isa) * size_of::<f32>());
        let lengths = BoxLengths::choose(1, problem.out_spatial(), max_pixels);
        let y = problem.tensor5(Role::Y);
        let pixel_dims = [2, 3, 4].map(|dim| (y.lengths[dim], y.strides[dim]));
        let is_direct = problem.input_dtype() == DataType::F32
            && merge_dims(&pixel_dims).is_some_and(|(len, stride)| len == 1 || stride == 1);
        debug_assert!(taps > 0);
        WrwPlan {
            isa,
            x_planes: Planes::new(&gather, &lengths, channels),
            dy_planes: (!is_direct).then(|| Planes::new(&dy, &lengths, rows)),
            touches_padding: gather.touches_padding(&gather.all_pixels(problem.n())),
            problem: problem.clone(),
            gather,
            dy,
            rows,
            channels,
            box_lengths: lengths,
        }
    }

    /// The estimated time in multiply-adds of the busiest thread.
    pub fn cost(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> f64 {
        let (gather, dy) = (Gather::over_x(problem), Gather::pixels_of_y(problem));
        let (rows, channels) = tile(problem, &gather, &dy, isa);
        let columns = (channels * gather.taps()).next_multiple_of(panel_columns(isa));
        let pixels = (problem.n() * problem.out_spatial().iter().product::<usize>()) as f64;
        let tasks =
            problem.groups() * dy.channels.div_ceil(rows) * gather.channels.div_ceil(channels);
        let task = pixels * columns as f64 * ((rows as f64).max(4.0) + PACK_COST) + TASK_COST;
        tasks.div_ceil(threads.get()) as f64 * task
    }

    /// Runs, with alpha 1 and beta 0. The slices span the tensors of the problem.
    ///
    /// Returns whether the result holds: false where zeros of the padding may
    /// have met values of dy that are not finite.
    pub fn execute<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [x, dy]: [&[T]; 2],
        out: &mut [O],
    ) -> Result<bool> {
        let out = TensorMut::new(out, self.problem.tensor5(Role::W))?;
        let mut tasks = Vec::new();
        for (group, of_group) in out.split_every(0, self.dy.channels).into_iter().enumerate() {
            let row_pieces = pieces(&(0..self.dy.channels), self.rows);
            for (rows, of_rows) in row_pieces.into_iter().zip(of_group.split_every(0, self.rows)) {
                let channel_pieces = pieces(&(0..self.gather.channels), self.channels);
                let parts = of_rows.split_every(1, self.channels);
                tasks.extend(channel_pieces.into_iter().zip(parts).map(|(channels, out)| Task {
                    group,
                    rows: rows.clone(),
                    channels,
                    out,
                }));
            }
        }
        let boxes = self.box_lengths.cut(&self.dy.all_pixels(self.problem.n()));
        let has_nan = AtomicBool::new(false);
        pool::for_each(
            threads,
            tasks,
            || arena::take(self.scratch_elems().iter().sum()),
            |scratch, task| {
                if self.run_task(x, dy, &boxes, scratch, task) {
                    has_nan.store(true, Ordering::Relaxed);
                }
                Ok(())
            },
        )?;
        let is_spoiled = self.touches_padding
            && has_nan.into_inner()
            && !dy.iter().all(|value| value.to_f32().is_finite());
        Ok(!is_spoiled)
    }

    /// Floats of planes of x, planes of dy, panels, sums.
    fn scratch_elems(&self) -> [usize; 4] {
        let panel_cols = panel_columns(self.isa);
        let columns = self.channels * self.gather.taps();
        [
            // Lines are read in steps of four pixels.
            self.x_planes.elems(1) + 3,
            self.dy_planes.as_ref().map_or(0, |planes| planes.elems(1)),
            columns.next_multiple_of(panel_cols) * self.box_lengths.pixels() + 3 * panel_cols,
            self.rows * columns,
        ]
    }

    /// Returns whether the result has a NaN, as far as that matters.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        x: &[T],
        dy: &[T],
        boxes: &[PixelBox],
        scratch: &mut [f32],
        task: Task<'_, O>,
    ) -> bool {
        let (parts, sums) = scratch.split_at_mut(self.scratch_elems()[..3].iter().sum());
        let columns = task.channels.len() * self.gather.taps();
        let Task { group, rows, channels, mut out } = task;
        let block = Block { group, rows, channels, boxes };
        let direct = out.as_matrix(0).and_then(O::as_f32_matrix);
        if let Some(mut dst) = direct.filter(|dst| dst.shape().1 == 1 || dst.strides().1 == 1) {
            self.multiply(x, dy, &block, parts, &mut dst);
            return self.touches_padding && dst.any(f32::is_nan);
        }
        let sums = &mut sums[..block.rows.len() * columns];
        let mut dst = MatrixMut::row_major(sums, block.rows.len(), columns);
        self.multiply(x, dy, &block, parts, &mut dst);
        let has_nan = self.touches_padding && dst.any(f32::is_nan);
        store_filter_tile(sums, Order::TapInner, out, Scalars { alpha: 1.0, beta: 0.0 });
        has_nan
    }

    /// `dst = dy * x`, the whole reduction.
    fn multiply<T: Element>(
        &self,
        x: &[T],
        dy: &[T],
        block: &Block<'_>,
        scratch: &mut [f32],
        dst: &mut MatrixMut<'_, f32>,
    ) {
        let [x_elems, dy_elems, ..] = self.scratch_elems();
        let (planes, rest) = scratch.split_at_mut(x_elems);
        let (dy_planes, panels) = rest.split_at_mut(dy_elems);
        let column_offsets = self.column_offsets(block.channels.len());
        let x = &x[self.gather.group_offset(block.group)..];
        let dy = &dy[self.dy.group_offset(block.group)..];
        let mut lines = Vec::new();
        for (index, pixels) in block.boxes.iter().enumerate() {
            self.x_planes.stage(self.isa, x, block.channels.clone(), pixels, planes);
            self.lines(pixels, &mut lines);
            let (panel_cols, len) = (panel_columns(self.isa), pixels.o[2].len());
            let one_panel = pixels.len() * panel_cols;
            for (number, offsets) in column_offsets.chunks_exact(panel_cols).enumerate() {
                let panel = &mut panels[number * one_panel..];
                pack_panel_transposed(self.isa, planes, offsets, &lines, len, panel);
            }
            let a = self.rows_of_dy(dy, &block.rows, pixels, dy_planes);
            multiply_block(self.isa, pixels.len(), a, panels, dst, index > 0);
        }
    }

    /// Where each column begins in the planes; panels are filled up with the first.
    fn column_offsets(&self, channels: usize) -> Vec<usize> {
        let layout = &self.x_planes.layout;
        let mut offsets: Vec<usize> = (0..channels)
            .flat_map(|channel| {
                layout.tap_offsets.iter().map(move |tap| channel * layout.channel_stride + tap)
            })
            .collect();
        let first = offsets.first().copied().unwrap_or(0);
        offsets.resize(offsets.len().next_multiple_of(panel_columns(self.isa)), first);
        offsets
    }

    /// Where each line of a box begins in the planes.
    fn lines(&self, pixels: &PixelBox, lines: &mut Vec<usize>) {
        let [_, d_stride, h_stride] = self.x_planes.layout.strides;
        lines.clear();
        for d in 0..pixels.o[0].len() {
            lines.extend((0..pixels.o[1].len()).map(|h| d * d_stride + h * h_stride));
        }
    }

    fn rows_of_dy<'a, T: Element>(
        &self,
        dy: &'a [T],
        rows: &Range<usize>,
        pixels: &PixelBox,
        planes: &'a mut [f32],
    ) -> Rows<'a> {
        match (&self.dy_planes, T::as_f32(dy)) {
            (None, Some(dy)) => {
                let strides = self.problem.tensor5(Role::Y).strides;
                let first = pixels.n.start * strides[0]
                    + rows.start * strides[1]
                    + pixels.o[0].start * strides[2]
                    + pixels.o[1].start * strides[3]
                    + pixels.o[2].start * strides[4];
                Rows { data: &dy[first..], stride: strides[1] }
            }
            (Some(stager), _) => {
                stager.stage(self.isa, dy, rows.clone(), pixels, planes);
                Rows { data: planes, stride: stager.layout.channel_stride }
            }
            (None, None) => unreachable!("only f32 is read without planes"),
        }
    }
}

/// Output channels and input channels of a task.
fn tile(problem: &ConvProblem, gather: &Gather, dy: &Gather, isa: Isa) -> (usize, usize) {
    let taps = gather.taps();
    let pixels: usize = problem.n() * problem.out_spatial().iter().product::<usize>();
    let mut max_rows = MAX_ROWS;
    let mut max_channels = (MAX_COLUMNS / taps).max(1);
    loop {
        let channels = even_piece(gather.channels, max_channels);
        let rows = even_piece(dy.channels, max_rows).next_multiple_of(block_rows(isa));
        let rows = rows.min(dy.channels);
        let tasks =
            problem.groups() * dy.channels.div_ceil(rows) * gather.channels.div_ceil(channels);
        let work = rows.saturating_mul(channels * taps).saturating_mul(pixels);
        if tasks >= WANTED_TASKS || work < 2 * MIN_TASK_MULTIPLY_ADDS {
            return (rows, channels);
        }
        // Fewer columns rather than fewer rows, which would pack x twice.
        if channels > 1 && channels * taps > 2 * panel_columns(isa) {
            max_channels = channels.div_ceil(2);
        } else if rows > 2 * block_rows(isa) {
            max_rows = rows.div_ceil(2);
        } else {
            return (rows, channels);
        }
    }
}
