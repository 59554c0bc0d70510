//! Forward and backward-data of channels-last tensors: pixels are rows, and nothing is staged.
//!
//! The channels of a pixel lie side by side, and those of the next tap in w follow them. So a row of the
//! left matrix, what a pixel meets in one line of the input, is read where it lies, and sums go to where
//! the results belong. Only the filter is packed, as panels. Pixels at the ends of lines meet fewer
//! taps; padding is met nowhere.
//!
//! Numerics: f32 sums, strip by strip of the filter in one order for all pixels; the error is at most
//! `gemm_k` units of f32 rounding of the sum of absolute products. Results do not depend on the number of
//! threads. alpha and beta are left to the general solver.
#![forbid(unsafe_code)]

mod runs;

use std::num::NonZeroUsize;
use std::ops::Range;

use super::blocked::check_float;
use super::cache::CacheSizes;
use super::element::{Element, Output};
use super::filter::FilterMatrix;
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::{Gather, Order, PixelBox, gathers_of, split_phases};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::Isa;
use super::pool;
use super::rates;
use super::tiles::{even_piece, pieces};
use super::ukernel::{Rows, multiply_block, panel_columns};
use crate::config::IsaLevel;
use crate::error::{Error, Result};
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType, Direction, Role};
use crate::solver::{
    Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId, WorkspaceKey,
    WorkspaceLayout,
};
use runs::{Place, Strip, runs_of, strips_of};

/// What adding to a sum costs once more for each strip, in multiply-adds: it is read and written in the
/// L1 cache.
const UPDATE_COST: f64 = 4.0;

/// What packing a weight costs, likewise: it is transposed.
const PACK_COST: f64 = 12.0;

/// What a line costs for each strip and panel, likewise: a call of the product.
const LINE_COST: f64 = 4000.0;

/// What starting a task costs, in multiply-adds: about 1 us at 50 G/s.
const TASK_COST: f64 = 5e4;

/// Tasks wanted for each of several threads, for an even load.
const TASKS_PER_THREAD: usize = 3;

/// Channels-last implicit GEMM at one instruction set level.
pub struct PixelRows(pub IsaLevel);

impl Solver for PixelRows {
    fn id(&self) -> SolverId {
        ids::at_level(ids::PIXEL_ROWS, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "f32_igemm_pixel_rows__scalar",
            IsaLevel::Avx2Fma => "f32_igemm_pixel_rows__avx2_fma",
            IsaLevel::Avx512 => "f32_igemm_pixel_rows__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::ImplicitGemm
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        if problem.input_dtype() != DataType::F32 {
            return Err(Reason::new("serves fp32"));
        }
        if problem.direction() == Direction::Wrw {
            return Err(Reason::new("serves forward and backward-data"));
        }
        if [Role::X, Role::Y].iter().any(|&role| problem.tensor5(role).strides[1] != 1) {
            return Err(Reason::new("serves channels that lie side by side"));
        }
        let depths =
            [problem.in_spatial()[0], problem.out_spatial()[0], problem.filter_spatial()[0]];
        if depths != [1; 3] || problem.pads()[0] != 0 {
            return Err(Reason::new("serves two dimensions"));
        }
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let Some(isa) = Isa::allowed(self.0) else {
            return f64::INFINITY;
        };
        let kernel = Kernel::new(problem, isa, context.cpu_threads);
        kernel.cost(context.cpu_threads) / rates::kernel_multiply_adds_per_us(self.0)
            + rates::memory_us(problem)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let kernel = Kernel::new(problem, Isa::require(self.0)?, context.cpu_threads);
        Ok(FloatPlan::boxed(problem, kernel, ImplicitGemm))
    }
}

struct Kernel {
    isa: Isa,
    problem: ConvProblem,
    phases: Vec<Phase>,
    /// The packed filter.
    workspace: WorkspaceLayout,
}

/// One gather with its part of the filter; forward has one.
struct Phase {
    gather: Gather,
    filter: FilterMatrix,
    /// In the order in which they are summed up.
    strips: Vec<Strip>,
    /// Whether the first strip meets every pixel, so that sums need not begin with zeros.
    is_covered: bool,
    /// Output lines of a task.
    lines: usize,
    /// Channels of the result in a task; whole panels.
    columns: usize,
    /// Where this phase begins in the packed filter.
    packed_begin: usize,
}

/// Some lines and channels of an image, and their part of the output.
struct Task<'a, O> {
    phase: usize,
    group: usize,
    columns: Range<usize>,
    pixels: PixelBox,
    out: TensorMut<'a, O>,
}

impl Kernel {
    fn new(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let groups = problem.groups();
        let mut packed_begin = 0;
        let mut phases = Vec::new();
        for gather in gathers_of(problem) {
            let gather = Gather { order: Order::ChannelInner, ..gather };
            let filter = FilterMatrix::new(problem, &gather);
            let strips = strips_of(&gather);
            let is_covered = strips.first().is_some_and(|strip| strip.covers(&gather));
            let (lines, columns) = task_lengths(problem, &gather, filter.gemm_m, isa, threads);
            let padded = filter.gemm_m.next_multiple_of(panel_columns(isa));
            let elems = groups * padded * gather.gemm_k();
            phases.push(Phase { gather, filter, strips, is_covered, lines, columns, packed_begin });
            packed_begin += elems;
        }
        let mut workspace = WorkspaceLayout::default();
        workspace.book_f32(WorkspaceKey::PackedFilter, packed_begin);
        Kernel { isa, problem: problem.clone(), phases, workspace }
    }

    /// The estimated time in multiply-adds of the busiest thread.
    fn cost(&self, threads: NonZeroUsize) -> f64 {
        let (groups, images) = (self.problem.groups(), self.problem.n());
        let mut cost = 0.0;
        for phase in &self.phases {
            let [_, height, width] = [0, 1, 2].map(|dim| phase.gather.axes[dim].out_len);
            let half = panel_columns(self.isa) / 2;
            let columns = phase.columns.min(phase.filter.gemm_m).next_multiple_of(half);
            let (strips, gemm_k) = (phase.strips.len() as f64, phase.gather.gemm_k() as f64);
            let of_line = (width.max(4) * columns) as f64 * (gemm_k + strips * UPDATE_COST)
                + strips * columns.div_ceil(2 * half) as f64 * LINE_COST;
            let task = phase.lines as f64 * of_line + TASK_COST;
            let tasks = groups
                * images
                * height.div_ceil(phase.lines)
                * phase.filter.gemm_m.div_ceil(phase.columns);
            cost += tasks.div_ceil(threads.get()) as f64 * task;
            let weights = (groups * phase.filter.gemm_m) as f64 * gemm_k;
            cost += weights * PACK_COST / threads.get() as f64;
        }
        cost
    }

    /// Where the panels of a phase and group begin, and their length for one panel.
    fn panels(&self, phase: &Phase, group: usize) -> (usize, usize) {
        let panel_cols = panel_columns(self.isa);
        let panel_elems = phase.gather.gemm_k() * panel_cols;
        let of_group = phase.filter.gemm_m.div_ceil(panel_cols) * panel_elems;
        (phase.packed_begin + group * of_group, panel_elems)
    }

    fn pack(&self, threads: NonZeroUsize, filter: &[f32], packed: &mut [f32]) -> Result<()> {
        let panel_cols = panel_columns(self.isa);
        let mut parts = Vec::new();
        let mut rest = packed;
        for phase in self.phases.iter().filter(|phase| phase.gather.taps() > 0) {
            for group in 0..self.problem.groups() {
                for columns in pieces(&(0..phase.filter.gemm_m), panel_cols) {
                    let (panel, behind) = rest.split_at_mut(self.panels(phase, group).1);
                    parts.push((phase, group, columns, panel));
                    rest = behind;
                }
            }
        }
        pool::for_each(
            threads,
            parts,
            || Ok(()),
            |(), (phase, group, columns, panel)| {
                phase.filter.pack_panel(self.isa, filter, group, &columns, panel);
                Ok(())
            },
        )
    }

    fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let phase_outs = split_phases(&self.problem, out);
        let mut tasks = Vec::new();
        for (index, (phase, out)) in self.phases.iter().zip(phase_outs).enumerate() {
            let all = phase.gather.all_pixels(self.problem.n());
            let line_pieces = pieces(&all.o[1], phase.lines);
            let column_pieces = pieces(&(0..phase.filter.gemm_m), phase.columns);
            for (n, image) in out.split_every(0, 1).into_iter().enumerate() {
                let of_lines = image.split_every(3, phase.lines);
                for (lines, out) in line_pieces.iter().zip(of_lines) {
                    let of_groups = out.split_every(1, phase.filter.gemm_m);
                    for (group, out) in of_groups.into_iter().enumerate() {
                        let parts = out.split_every(1, phase.columns);
                        tasks.extend(column_pieces.iter().zip(parts).map(|(columns, out)| {
                            let o = [0..1, lines.clone(), all.o[2].clone()];
                            let pixels = PixelBox { n: n..n + 1, o };
                            Task { phase: index, group, columns: columns.clone(), pixels, out }
                        }));
                    }
                }
            }
        }
        tasks
    }

    fn run_task<O: Output<f32>>(
        &self,
        input: &[f32],
        packed: &[f32],
        mut task: Task<'_, O>,
    ) -> Result<()> {
        let phase = &self.phases[task.phase];
        let panel_cols = panel_columns(self.isa);
        let (panels, panel_elems) = self.panels(phase, task.group);
        let input = &input[phase.gather.group_offset(task.group)..];
        if !phase.is_covered {
            for line in 0..task.pixels.o[1].len() {
                let mut pixels = pixels_of(&mut task.out, Place::Line(line))?;
                pixels.fill_with(|_, _| 0.0);
            }
        }
        let lines_follow = task.out.as_matrix(1).is_some();
        for (number, strip) in phase.strips.iter().enumerate() {
            let accumulate = number > 0 || !phase.is_covered;
            let runs = runs_of(&phase.gather, strip, &task.pixels, lines_follow);
            for columns in pieces(&task.columns, panel_cols) {
                let panel = panels + columns.start / panel_cols * panel_elems;
                let of_task = columns.start - task.columns.start..columns.end - task.columns.start;
                for run in &runs {
                    let mut pixels = pixels_of(&mut task.out, run.place)?;
                    let mut sums = pixels.rows(run.pixels.clone());
                    let mut sums = sums.some_cols(of_task.clone());
                    let a = Rows { data: &input[run.first..], stride: run.stride };
                    let panel = &packed[panel + run.kk.start * panel_cols..];
                    multiply_block(self.isa, run.kk.len(), a, panel, &mut sums, accumulate);
                }
            }
        }
        Ok(())
    }
}

/// Pixels as rows, channels as columns, of the place that a run has.
fn pixels_of<'a, O: Output<f32>>(
    out: &'a mut TensorMut<'_, O>,
    place: Place,
) -> Result<MatrixMut<'a, f32>> {
    let matrix = match place {
        Place::Line(line) => out.plane([4, 1], [0, 0, 0, line, 0]),
        Place::Column(column) => out.plane([3, 1], [0, 0, 0, 0, column]),
        Place::All => out
            .as_matrix(1)
            .map(MatrixMut::transposed)
            .ok_or_else(|| Error::unknown("lines of a run do not follow each other"))?,
    };
    O::as_f32_matrix(matrix).ok_or_else(|| Error::not_implemented("serves fp32"))
}

/// Lines and columns of a task: its sums in a quarter of the L2 cache, and for several threads as many
/// tasks as load them evenly.
fn task_lengths(
    problem: &ConvProblem,
    gather: &Gather,
    gemm_m: usize,
    isa: Isa,
    threads: NonZeroUsize,
) -> (usize, usize) {
    let [_, height, width] = [0, 1, 2].map(|dim| gather.axes[dim].out_len.max(1));
    let sums = CacheSizes::get().l2_bytes / 4 / size_of::<f32>();
    let of_cache = sums / (width * gemm_m).max(1);
    let outer = problem.n() * problem.groups();
    let wanted = if threads.get() == 1 { 1 } else { TASKS_PER_THREAD * threads.get() };
    let lines = even_piece(height, of_cache.min(height.div_ceil(wanted.div_ceil(outer))));
    // Images of few lines are cut by columns too.
    let missing = wanted.div_ceil(outer * height.div_ceil(lines));
    let panel_cols = panel_columns(isa);
    let columns = gemm_m.div_ceil(panel_cols).div_ceil(missing) * panel_cols;
    (lines, columns)
}

impl FloatKernel for Kernel {
    fn workspace_bytes(&self) -> usize {
        self.workspace.total_bytes()
    }

    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        let (Some(input), Some(filter)) = (T::as_f32(input), T::as_f32(filter)) else {
            return Ok(false);
        };
        let out =
            TensorMut::new(out, self.problem.tensor5(self.problem.direction().output_role()))?;
        let mut grant = self.workspace.grant(workspace);
        let mut packed = grant.take(WorkspaceKey::PackedFilter)?;
        self.pack(threads, filter, &mut packed)?;
        let tasks = self.tasks(out);
        pool::for_each(threads, tasks, || Ok(()), |(), task| self.run_task(input, &packed, task))?;
        Ok(true)
    }
}
