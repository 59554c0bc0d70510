//! Backward-weights by blocks: rows of one tensor times packed, transposed panels of the other.
//!
//! The result of a task is a block of output channels by input channels and
//! taps; the reduction runs over boxes of pixels, in their order. How that is cut into tasks has
//! no influence on any sum, so the bits do not depend on threads.
//!
//! Panels are of x. Where the filter is 1 x 1 and has few output channels they may be of dy, so that
//! more rows share a panel; the result is then transposed.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::operand::Operand;
use super::shape::max_panel_bytes;
use crate::config::IsaLevel;
use crate::cpu::arena;
use crate::cpu::cache::CacheSizes;
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::gather::{Gather, Order, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::store::store_filter_tile;
use crate::cpu::tiles::{BoxLengths, even_piece};
use crate::cpu::ukernel::{
    MIN_EFFICIENT_ROWS, block_rows, multiply_block, panel_columns, transpose,
};
use crate::cpu::widen::WideInputs;
use crate::cpu::wrw_tasks::{WrwTask, wrw_tasks};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, Role};

/// Columns of a task at most: a panel row of 1 KiB, and 256 KiB of panels for
/// the longest box, half of Zen's L2 cache.
const MAX_COLUMNS: usize = 256;

/// Rows of a task at most. More rows spread the cost of packing.
const MAX_ROWS: usize = 512;

/// Sums of a task at most: 256 KiB, which are read and written again for each box.
const MAX_SUMS: usize = 1 << 16;

/// Tasks wanted for each of several threads, for an even load.
const TASKS_PER_THREAD: usize = 4;

/// Multiply-adds that are worth a task of their own: some twenty microseconds.
const MIN_TASK_MULTIPLY_ADDS: usize = 1 << 20;

/// What packing one element costs, in multiply-adds of one lane: transposing
/// 32 floats takes some 24 instructions (measured on Zen 3, staging included). With AVX-512 half as much more:
/// 32 channels of 160 x 160 took 1.15 times as long as with AVX2 (Zen 4).
fn pack_cost(isa: Isa) -> f64 {
    if isa.level() == IsaLevel::Avx512 { 12.0 } else { 8.0 }
}

/// What an element of the result costs beside its sum, and once more where it is transposed: 0.3 ns
/// each.
const STORE_COST: f64 = 16.0;

/// What starting a task costs, in multiply-adds: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// What is prepared for a backward-weights problem.
pub struct WrwPlan {
    isa: Isa,
    problem: ConvProblem,
    x: Operand,
    dy: Operand,
    blocking: Blocking,
    box_lengths: BoxLengths,
    touches_padding: bool,
}

/// How the result is cut.
#[derive(Clone, Copy, Debug)]
struct Blocking {
    /// Panels are of dy, and rows of x.
    is_swapped: bool,
    /// Output channels of a task.
    k: usize,
    /// Input channels of a task.
    c: usize,
}

/// A thread's scratch.
struct Scratch<'a> {
    x_planes: &'a mut [f32],
    dy_planes: &'a mut [f32],
    panels: &'a mut [f32],
    sums: &'a mut [f32],
    transposed: &'a mut [f32],
}

impl WrwPlan {
    /// Prepares `problem`, which must be backward-weights, for some number of threads.
    pub fn new(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let (x, dy) = (Gather::over_x(problem), Gather::pixels_of_y(problem));
        debug_assert!(x.taps() > 0);
        let (blocking, _) = Blocking::choose(problem, [&x, &dy], isa, threads);
        let panel_row_bytes = panel_columns(isa) * size_of::<f32>();
        let max_pixels = max_panel_bytes(CacheSizes::get(), isa) / panel_row_bytes;
        let lengths = BoxLengths::choose(1, problem.out_spatial(), max_pixels);
        let images = problem.n();
        WrwPlan {
            isa,
            touches_padding: x.touches_padding(&x.all_pixels(images)),
            x: Operand::new(x, images, &lengths, blocking.c),
            dy: Operand::new(dy, images, &lengths, blocking.k),
            problem: problem.clone(),
            blocking,
            box_lengths: lengths,
        }
    }

    /// The estimated time in multiply-adds of the busiest thread.
    pub fn cost(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> f64 {
        let (x, dy) = (Gather::over_x(problem), Gather::pixels_of_y(problem));
        Blocking::choose(problem, [&x, &dy], isa, threads).1
    }

    /// Runs, with alpha 1 and beta 0. The slices span the tensors of the problem.
    ///
    /// Returns whether the result holds: false where zeros of the padding may
    /// have met values of dy that are not finite.
    pub fn execute<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
    ) -> Result<bool> {
        let mut wide = WideInputs::default();
        let [x, dy] = wide.of(threads, inputs)?;
        let out = TensorMut::new(out, self.problem.tensor5(Role::W))?;
        let channels = [self.dy.gather.channels, self.x.gather.channels];
        let tasks = wrw_tasks(out, channels, [self.blocking.k, self.blocking.c]);
        let boxes = self.box_lengths.cut(&self.dy.gather.all_pixels(self.problem.n()));
        let has_no_nan = pool::all(
            threads,
            tasks,
            || arena::take(self.scratch_elems().iter().sum()),
            |scratch, task| {
                let x = &x[self.x.gather.group_offset(task.group)..];
                let dy = &dy[self.dy.gather.group_offset(task.group)..];
                Ok(!self.run_task([x, dy], &boxes, self.split(scratch), task))
            },
        )?;
        let is_spoiled =
            self.touches_padding && !has_no_nan && !dy.iter().all(|value| value.is_finite());
        Ok(!is_spoiled)
    }

    /// Floats of each part of [`Scratch`].
    fn scratch_elems(&self) -> [usize; 5] {
        let panel_cols = panel_columns(self.isa);
        let Blocking { is_swapped, k, c } = self.blocking;
        let columns = if is_swapped { self.dy.columns(k) } else { self.x.columns(c) };
        let sums = k * self.x.columns(c);
        [
            self.x.planes_elems(),
            self.dy.planes_elems(),
            // Packing writes up to three rows more.
            columns.next_multiple_of(panel_cols) * self.box_lengths.pixels() + 3 * panel_cols,
            sums,
            if is_swapped { sums } else { 0 },
        ]
        .map(arena::whole_lines)
    }

    fn split<'a>(&self, scratch: &'a mut [f32]) -> Scratch<'a> {
        let [x_planes, dy_planes, panels, sums, transposed] =
            arena::split(scratch, self.scratch_elems());
        Scratch { x_planes, dy_planes, panels, sums, transposed }
    }

    /// Returns whether the result has a NaN, as far as that matters.
    fn run_task<O: Output<f32>>(
        &self,
        inputs: [&[f32]; 2],
        boxes: &[PixelBox],
        mut scratch: Scratch<'_>,
        task: WrwTask<'_, O>,
    ) -> bool {
        let WrwTask { k, c, mut out, .. } = task;
        let direct = out.as_matrix(0).and_then(O::as_f32_matrix);
        let direct = direct.filter(|dst| dst.shape().1 == 1 || dst.strides().1 == 1);
        if let Some(mut dst) = direct.filter(|_| !self.blocking.is_swapped) {
            self.multiply(inputs, boxes, [&k, &c], &mut scratch, &mut dst);
            return self.touches_padding && dst.any(f32::is_nan);
        }
        let (mut rows, mut columns) = (k.len(), self.x.columns(c.len()));
        if self.blocking.is_swapped {
            (rows, columns) = (columns, rows);
        }
        let sums = std::mem::take(&mut scratch.sums);
        let mut dst = MatrixMut::row_major(&mut sums[..rows * columns], rows, columns);
        self.multiply(inputs, boxes, [&k, &c], &mut scratch, &mut dst);
        let has_nan = self.touches_padding && dst.any(f32::is_nan);
        let sums = if self.blocking.is_swapped {
            transpose(self.isa, sums, rows, columns, scratch.transposed);
            scratch.transposed
        } else {
            sums
        };
        let scalars = Scalars { alpha: 1.0, beta: 0.0 };
        store_filter_tile(&sums[..rows * columns], Order::TapInner, out, scalars);
        has_nan
    }

    /// `dst = rows * panels`, the whole reduction.
    fn multiply(
        &self,
        [x, dy]: [&[f32]; 2],
        boxes: &[PixelBox],
        [k, c]: [&Range<usize>; 2],
        scratch: &mut Scratch<'_>,
        dst: &mut MatrixMut<'_, f32>,
    ) {
        let isa = self.isa;
        let Scratch { x_planes, dy_planes, panels, .. } = scratch;
        for (index, pixels) in boxes.iter().enumerate() {
            let rows = if self.blocking.is_swapped {
                self.dy.pack(isa, dy, k, pixels, dy_planes, panels);
                self.x.rows(isa, x, c, pixels, x_planes)
            } else {
                self.x.pack(isa, x, c, pixels, x_planes, panels);
                self.dy.rows(isa, dy, k, pixels, dy_planes)
            };
            multiply_block(isa, pixels.len(), rows, panels, dst, index > 0);
        }
    }
}

impl Blocking {
    /// The blocks with the least estimated time, and that time in multiply-adds of the busiest
    /// thread.
    fn choose(
        problem: &ConvProblem,
        gathers: [&Gather; 2],
        isa: Isa,
        threads: NonZeroUsize,
    ) -> (Self, f64) {
        let of = |is_swapped| {
            let blocking = Self::within(problem, gathers, isa, threads, is_swapped);
            (blocking, blocking.cost(problem, gathers, isa, threads))
        };
        let plain = of(false);
        // Shifted rows of several taps are not equidistant.
        if gathers[0].taps() > 1 {
            return plain;
        }
        let swapped = of(true);
        if swapped.1 < plain.1 { swapped } else { plain }
    }

    fn within(
        problem: &ConvProblem,
        [x, dy]: [&Gather; 2],
        isa: Isa,
        threads: NonZeroUsize,
        is_swapped: bool,
    ) -> Self {
        let taps = x.taps();
        let pixels: usize = problem.n() * problem.out_spatial().iter().product::<usize>();
        let wanted = if threads.get() == 1 { 1 } else { TASKS_PER_THREAD * threads.get() };
        // The channels of rows and of columns.
        let (of_rows, of_columns) = if is_swapped { (x, dy) } else { (dy, x) };
        let mut max_rows = MAX_ROWS;
        let mut max_channels = (MAX_COLUMNS / taps).max(1);
        loop {
            let channels = even_piece(of_columns.channels, max_channels);
            let most_rows = max_rows.min(MAX_SUMS / (channels * taps)).max(1);
            let rows = even_piece(of_rows.channels, most_rows).next_multiple_of(block_rows(isa));
            let rows = rows.min(of_rows.channels);
            let (k, c) = if is_swapped { (channels, rows) } else { (rows, channels) };
            let blocking = Blocking { is_swapped, k, c };
            let tasks = blocking.tasks(problem, [x, dy]);
            let work = rows.saturating_mul(channels * taps).saturating_mul(pixels);
            if tasks >= wanted || work < 2 * MIN_TASK_MULTIPLY_ADDS {
                return blocking;
            }
            // Fewer columns rather than fewer rows, which would pack panels twice.
            if channels > 1 && channels * taps > 2 * panel_columns(isa) {
                max_channels = channels.div_ceil(2);
            } else if rows > 2 * block_rows(isa) {
                max_rows = rows.div_ceil(2);
            } else {
                return blocking;
            }
        }
    }

    fn tasks(&self, problem: &ConvProblem, [x, dy]: [&Gather; 2]) -> usize {
        problem.groups() * dy.channels.div_ceil(self.k) * x.channels.div_ceil(self.c)
    }

    fn cost(
        &self,
        problem: &ConvProblem,
        gathers: [&Gather; 2],
        isa: Isa,
        threads: NonZeroUsize,
    ) -> f64 {
        let (mut rows, mut columns) = (self.k, self.c * gathers[0].taps());
        if self.is_swapped {
            (rows, columns) = (columns, rows);
        }
        let pixels = (problem.n() * problem.out_spatial().iter().product::<usize>()) as f64;
        let stored = (rows * columns) as f64 * if self.is_swapped { 2.0 } else { 1.0 };
        let columns = columns.next_multiple_of(panel_columns(isa) / 2) as f64;
        let sums = pixels * columns * (rows.max(MIN_EFFICIENT_ROWS) as f64 + pack_cost(isa));
        let task = sums + stored * STORE_COST + TASK_COST;
        self.tasks(problem, gathers).div_ceil(threads.get()) as f64 * task
    }
}
