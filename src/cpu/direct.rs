//! Forward and backward-data where a group has few channels: nothing is packed.
//!
//! The input of a box of pixels becomes planes (see [`Planes`]), in which a tap
//! is a shift. Filter rows are multiplied with shifted runs as they lie there; a
//! run goes over all lines of a box, and what falls between lines is thrown
//! away. Where few rows would share it, packing panels takes longer than
//! multiplying. The phases of backward-data share their planes.
//!
//! Numerics: f32 sums in the order of the reduction; the error is at most `gemm_k`
//! units of f32 rounding of the sum of absolute products, and results do not
//! depend on the number of threads. Zeros of the padding must not meet weights that
//! are not finite: such filters go to the general solver, and so do alpha and beta.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use super::arena;
use super::blocked::{Planes, check_float};
use super::cache::CacheSizes;
use super::element::{Element, Output};
use super::filter::{FilterMatrix, pack_filters};
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::{Axis, Gather, Order, PixelBox, gathers_of, split_outer_phases};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::Isa;
use super::pool;
use super::rates::{self, LINE_COST, PLANE_COST, STAGE_COST};
use super::tiles::{BoxLengths, even_piece, pieces};
use super::ukernel::{RUN_SLACK_ELEMS, Rows, multiply_shifted, transpose_into};
use crate::config::IsaLevel;
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, Direction};
use crate::solver::{
    Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId, WorkspaceKey,
    WorkspaceLayout,
};

/// Rows in a group at most: beyond it packing pays.
const MAX_ROWS: usize = 64;

/// Most phases of backward-data: a stride of 16 in both dimensions.
const MAX_PHASES: usize = 256;

/// Pixels of a box at least, where there are as many: lines above and below a box are staged
/// twice.
const MIN_PIXELS: usize = 1024;

/// Pixels of a box at most.
const MAX_PIXELS: usize = 8192;

/// Tasks wanted for each thread, for an even load.
const TASKS_PER_THREAD: usize = 3;

/// Multiply-adds that are not worth a task of their own: some ten microseconds.
const MIN_TASK_MULTIPLY_ADDS: f64 = 4e5;

/// What starting a task costs, in multiply-adds: about 2 us at 50 G/s.
const TASK_COST: f64 = 1e5;

/// Convolution of few channels at one instruction set level.
pub struct Direct(pub IsaLevel);

struct Kernel {
    isa: Isa,
    problem: ConvProblem,
    phases: Vec<Phase>,
    /// Phases in each dimension.
    phase_counts: [usize; 3],
    /// All taps of all phases.
    gather: Gather,
    blocking: Blocking,
    planes: Planes,
    touches_padding: bool,
    /// The packed filter.
    workspace: WorkspaceLayout,
}

/// One gather with its part of the filter; forward has one.
struct Phase {
    filter: FilterMatrix,
    taps: usize,
    /// Where the runs of all taps of a block of channels begin in the planes.
    offsets: Vec<usize>,
    /// Where this phase begins in the packed filter.
    packed_begin: usize,
}

/// How a problem is cut.
#[derive(Clone, Copy, Debug)]
struct Blocking {
    /// Pixels of a phase; one image.
    pixel_box: BoxLengths,
    /// Channels of the reduction whose planes are in use together.
    channels: usize,
    /// Groups in a task.
    groups: usize,
}

/// A box of one image and some groups, and its part of the output, all phases.
struct Task<'a, O> {
    groups: Range<usize>,
    pixels: PixelBox,
    out: TensorMut<'a, O>,
}

impl Solver for Direct {
    fn id(&self) -> SolverId {
        ids::at_level(ids::DIRECT, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "float_direct__scalar",
            IsaLevel::Avx2Fma => "float_direct__avx2_fma",
            IsaLevel::Avx512 => "float_direct__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        let rows = match problem.direction() {
            Direction::Fwd => problem.k() / problem.groups(),
            Direction::Bwd => problem.c() / problem.groups(),
            Direction::Wrw => return Err(Reason::new("serves forward and backward-data")),
        };
        if phase_counts(problem).into_iter().product::<usize>() > MAX_PHASES {
            return Err(Reason::new(format!("more than {MAX_PHASES} phases of strides")));
        }
        if rows > MAX_ROWS {
            return Err(Reason::new(format!(
                "more than {MAX_ROWS} channels of the result a group"
            )));
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
            + rates::scatter_us(problem, context, false)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let kernel = Kernel::new(problem, Isa::require(self.0)?, context.cpu_threads);
        Ok(FloatPlan::boxed(problem, kernel, ImplicitGemm))
    }
}

impl Kernel {
    fn new(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let gathers: Vec<Gather> = gathers_of(problem)
            .into_iter()
            .map(|gather| Gather { order: Order::TapInner, ..gather })
            .collect();
        let gather = union_of(&gathers);
        let filters: Vec<FilterMatrix> =
            gathers.iter().map(|gather| FilterMatrix::new(problem, gather)).collect();
        let blocking = Blocking::choose(problem, &gather, threads);
        let planes =
            Planes::new(&gather, &blocking.pixel_box, blocking.channels).with_whole_lines();
        let mut packed_begin = 0;
        let mut phases = Vec::new();
        for (of_phase, filter) in gathers.iter().zip(filters) {
            let tap_offsets = offsets_in_union(&gather, of_phase, &planes.layout.tap_offsets);
            let offsets = (0..blocking.channels)
                .map(|channel| channel * planes.layout.channel_stride)
                .flat_map(|begin| tap_offsets.iter().map(move |tap| begin + tap))
                .collect();
            let packed_elems = problem.groups() * filter.gemm_m * of_phase.gemm_k();
            phases.push(Phase { filter, taps: tap_offsets.len(), offsets, packed_begin });
            packed_begin += packed_elems;
        }
        let mut workspace = WorkspaceLayout::default();
        workspace.book_f32(WorkspaceKey::PackedFilter, packed_begin);
        let touches_padding = gathers.iter().any(|g| g.touches_padding(&g.all_pixels(problem.n())));
        Kernel {
            isa,
            problem: problem.clone(),
            phases,
            phase_counts: phase_counts(problem),
            gather,
            blocking,
            planes,
            touches_padding,
            workspace,
        }
    }

    /// Channels of the result in a group.
    fn rows(&self) -> usize {
        self.phases[0].filter.gemm_m
    }

    /// The estimated time in multiply-adds of the busiest thread.
    fn cost(&self, threads: NonZeroUsize) -> f64 {
        let Blocking { pixel_box, .. } = self.blocking;
        let [depth, lines, width] = pixel_box.spatial.map(|len| len as f64);
        let run = depth * lines * self.planes.layout.strides[2] as f64;
        let (rows, channels) = (self.rows() as f64, self.gather.channels as f64);
        let taps: usize = self.phases.iter().map(|phase| phase.taps).sum();
        let staged = channels * self.planes.layout.channel_stride as f64;
        let staged_lines = staged / self.planes.layout.strides[2] as f64;
        let phases = self.phases.len() as f64;
        let stored = phases * rows * depth * lines;
        let task = taps as f64 * channels * run * rows
            + (channels + 1.0) * PLANE_COST
            + staged * STAGE_COST
            + staged_lines * LINE_COST
            + stored * (width * STAGE_COST + LINE_COST);
        let groups = self.blocking.groups;
        let tasks = self.problem.groups().div_ceil(groups)
            * pixel_box.count(self.problem.n(), self.spatial());
        tasks.div_ceil(threads.get()) as f64 * (groups as f64 * task + TASK_COST)
    }

    /// Pixels of the first phase, which has the most.
    fn spatial(&self) -> [usize; 3] {
        [0, 1, 2].map(|dim| self.gather.axes[dim].out_len)
    }

    /// Floats of the planes and of the sums.
    fn scratch_elems(&self) -> [usize; 2] {
        // Runs are read a vector beyond the planes.
        let planes = self.planes.elems(1) + RUN_SLACK_ELEMS;
        let is_whole = self.blocking.channels == self.gather.channels;
        let phases = if is_whole { self.phase_counts[2] } else { self.phases.len() };
        let [depths, lines, _] = self.blocking.pixel_box.spatial;
        let row_elems = lines * self.planes.layout.strides[2] + RUN_SLACK_ELEMS;
        let runs = Runs { depths, row_elems, rows: self.rows() };
        [arena::whole_lines(planes), runs.begin(phases, 0, 0)]
    }

    fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let is_bwd = self.problem.direction() == Direction::Bwd;
        let mut lengths = self.blocking.pixel_box;
        for (len, stride) in lengths.spatial.iter_mut().zip(self.problem.strides()) {
            *len = if is_bwd { len.saturating_mul(stride) } else { *len };
        }
        let boxes = self.blocking.pixel_box.cut(&self.gather.all_pixels(self.problem.n()));
        let mut tasks = Vec::new();
        let group_pieces = pieces(&(0..self.problem.groups()), self.blocking.groups);
        let of_groups = out.split_every(1, self.blocking.groups * self.rows());
        for (groups, out) in group_pieces.into_iter().zip(of_groups) {
            let parts = lengths.split(out).into_iter().zip(&boxes);
            tasks.extend(parts.map(|(out, pixels)| Task {
                groups: groups.clone(),
                pixels: pixels.clone(),
                out,
            }));
        }
        tasks
    }

    fn run_task<T: Element, O: Output<f32>>(
        &self,
        input: &[T],
        packed_filter: &[f32],
        scratch: &mut [f32],
        task: Task<'_, O>,
    ) {
        let (planes, sums) = scratch.split_at_mut(self.scratch_elems()[0]);
        let Task { groups, pixels, out } = task;
        let phases = self.phases_of(&out);
        let mut outs = split_outer_phases(&self.problem, out);
        let layout = &self.planes.layout;
        let depths = pixels.o[0].len();
        let run = (pixels.o[1].len() - 1) * layout.strides[2] + pixels.o[2].len();
        let runs = Runs { depths, row_elems: run + RUN_SLACK_ELEMS, rows: self.rows() };
        let lines = self.planes.lines(&pixels);
        let chunks = pieces(&(0..self.gather.channels), self.blocking.channels);
        for (number, group) in groups.enumerate() {
            let input = &input[self.gather.group_offset(group)..];
            for (chunk, channels) in chunks.iter().enumerate() {
                self.planes.stage_lines(self.isa, input, channels.clone(), &pixels, &lines, planes);
                for (outer, (phases, out)) in phases.iter().zip(&mut outs).enumerate() {
                    // Sums that are complete at once share a place.
                    let place = if chunks.len() == 1 { 0 } else { outer * self.phase_counts[2] };
                    for (index, phase) in self.phases[phases.clone()].iter().enumerate() {
                        let a = self.filter_rows(phase, group, channels, packed_filter);
                        let offsets = &phase.offsets[..channels.len() * phase.taps];
                        for depth in 0..depths {
                            let begin = runs.begin(place + index, depth, 0);
                            let block = &mut sums[begin..][..runs.rows * runs.row_elems];
                            let mut block = MatrixMut::row_major(block, runs.rows, runs.row_elems);
                            if offsets.is_empty() {
                                block.fill_with(|_, _| 0.0);
                                continue;
                            }
                            let source = &planes[depth * layout.strides[1]..];
                            multiply_shifted(self.isa, a, source, offsets, &mut block, chunk > 0);
                        }
                    }
                    if chunk + 1 == chunks.len() {
                        let sums = &sums[runs.begin(place, 0, 0)..];
                        self.store(sums, &runs, phases.len(), number * runs.rows, out);
                    }
                }
            }
        }
    }

    /// The phases that an output's part has, in the order of [`split_outer_phases`]: those of w
    /// for each of d and h.
    fn phases_of<O: Copy>(&self, out: &TensorMut<'_, O>) -> Vec<Range<usize>> {
        let lengths = out.lengths();
        let [count_d, count_h, count_w] =
            [0, 1, 2].map(|dim| self.phase_counts[dim].min(lengths[2 + dim]));
        let first = |d: usize, h: usize| (d * self.phase_counts[1] + h) * self.phase_counts[2];
        (0..count_d)
            .flat_map(|d| (0..count_h).map(move |h| first(d, h)..first(d, h) + count_w))
            .collect()
    }

    fn filter_rows<'a>(
        &self,
        phase: &Phase,
        group: usize,
        channels: &Range<usize>,
        packed_filter: &'a [f32],
    ) -> Rows<'a> {
        let taps = phase.taps;
        let gemm_k = self.gather.channels * taps;
        let begin = phase.packed_begin + group * self.rows() * gemm_k + channels.start * taps;
        Rows { data: &packed_filter[begin..], stride: gemm_k }
    }

    /// Copies lines of pixels whose channels are contiguous; returns false, with nothing done, where
    /// they are not f32.
    fn store_pixels<O: Output<f32>>(
        &self,
        sums: &[f32],
        runs: &Runs,
        [phases, stride]: [usize; 2],
        first_row: usize,
        out: &mut TensorMut<'_, O>,
    ) -> bool {
        let line_stride = self.planes.layout.strides[2];
        let [_, _, depths, lines, _] = out.lengths();
        for depth in 0..depths {
            for line in 0..lines {
                let pixels = out.plane([4, 1], [0, 0, depth, line, 0]);
                let Some(mut pixels) = O::as_f32_matrix(pixels) else {
                    return false;
                };
                let mut pixels = pixels.some_cols(first_row..first_row + runs.rows);
                for phase in 0..phases {
                    let from = &sums[runs.begin(phase, depth, 0) + line * line_stride..];
                    let mut to = pixels.every_row(phase, stride);
                    transpose_into(self.isa, from, runs.row_elems, &mut to);
                }
            }
        }
        true
    }

    /// Copies lines out of the sums of the phases of w.
    fn store<O: Output<f32>>(
        &self,
        sums: &[f32],
        runs: &Runs,
        phases: usize,
        first_row: usize,
        out: &mut TensorMut<'_, O>,
    ) {
        let [_, _, depths, lines, width] = out.lengths();
        let stride = if phases > 1 { self.problem.strides()[2] } else { 1 };
        let line_stride = self.planes.layout.strides[2];
        let has_pixels = out.strides()[1] == 1 && out.strides()[4] > 1 && runs.rows > 1;
        if has_pixels && self.store_pixels(sums, runs, [phases, stride], first_row, out) {
            return;
        }
        for row in 0..runs.rows {
            for depth in 0..depths {
                for line in 0..lines {
                    let of_phase =
                        |phase: usize| &sums[runs.begin(phase, depth, row) + line * line_stride..];
                    let mut lane = out.lane(4, [0, first_row + row, depth, line, 0]);
                    match lane.as_slice() {
                        Some(elements) if phases == 1 => {
                            O::from_sums(&of_phase(0)[..width], elements);
                        }
                        Some(elements) if stride == 2 => {
                            interleave(of_phase(0), of_phase(1), elements);
                        }
                        _ => lane.fill_with(|index| {
                            O::from_sum(of_phase(index % stride)[index / stride])
                        }),
                    }
                }
            }
        }
    }
}

/// How the sums of a box lie: phases of w, depths, rows, each row a run.
struct Runs {
    depths: usize,
    rows: usize,
    row_elems: usize,
}

impl Runs {
    fn begin(&self, phase: usize, depth: usize, row: usize) -> usize {
        ((phase * self.depths + depth) * self.rows + row) * self.row_elems
    }
}

/// `out[2 * i]` from `even[i]`, `out[2 * i + 1]` from `odd[i]`.
fn interleave<O: Output<f32>>(even: &[f32], odd: &[f32], out: &mut [O]) {
    let (pairs, last) = out.as_chunks_mut::<2>();
    for ((pair, &even), &odd) in pairs.iter_mut().zip(even).zip(odd) {
        *pair = [O::from_sum(even), O::from_sum(odd)];
    }
    if let [last] = last {
        *last = O::from_sum(even[pairs.len()]);
    }
}

impl Blocking {
    fn choose(problem: &ConvProblem, gather: &Gather, threads: NonZeroUsize) -> Self {
        let spatial = [0, 1, 2].map(|dim| gather.axes[dim].out_len);
        // The planes of all channels in half of the L2 cache, within limits; which
        // channels go together depends on the problem and the machine alone.
        let cache_elems = CacheSizes::get().l2_bytes / 2 / size_of::<f32>();
        let pixels = (cache_elems / gather.channels).clamp(MIN_PIXELS, MAX_PIXELS);
        let largest = BoxLengths { images: 1, ..BoxLengths::choose(1, spatial, pixels) };
        // A dimension that no tap meets has no planes.
        let plane_elems = Planes::new(gather, &largest, 1).layout.channel_stride.max(1);
        let channels = even_piece(gather.channels, cache_elems / plane_elems);

        let all_pixels: usize = spatial.iter().product();
        let planes = problem.groups() * problem.n();
        let work = problem.multiply_adds() / planes as f64;
        let wanted = (TASKS_PER_THREAD * threads.get()).div_ceil(planes);
        let affordable = (work / MIN_TASK_MULTIPLY_ADDS) as usize;
        let parts = if threads.get() == 1 { 1 } else { wanted.min(affordable).max(1) };
        let pixel_box = BoxLengths::choose(1, spatial, pixels.min(all_pixels.div_ceil(parts)));
        let together = (MIN_TASK_MULTIPLY_ADDS / work.max(1.0)) as usize;
        Blocking { pixel_box, channels, groups: even_piece(problem.groups(), together) }
    }
}

/// Phases of the strides in each dimension.
fn phase_counts(problem: &ConvProblem) -> [usize; 3] {
    match problem.direction() {
        Direction::Bwd => [0, 1, 2].map(|d| problem.strides()[d].min(problem.in_spatial()[d])),
        Direction::Fwd | Direction::Wrw => [1; 3],
    }
}

/// A gather that has every tap of the given ones, which differ in nothing but taps and lengths.
fn union_of(gathers: &[Gather]) -> Gather {
    let axes = [0, 1, 2].map(|dim| {
        let of_dim = || gathers.iter().map(|gather| &gather.axes[dim]);
        let mut taps: Vec<_> = of_dim().flat_map(|axis| axis.taps.iter().copied()).collect();
        taps.sort_unstable_by_key(|tap| tap.offset);
        taps.dedup_by_key(|tap| tap.offset);
        let out_len = of_dim().map(|axis| axis.out_len).max().unwrap_or(0);
        Axis { out_len, taps, ..gathers[0].axes[dim].clone() }
    });
    Gather { axes: Arc::new(axes), ..gathers[0].clone() }
}

/// The offsets of a gather's taps, from those of the union's.
fn offsets_in_union(union: &Gather, gather: &Gather, offsets: &[usize]) -> Vec<usize> {
    let mut indices = vec![0];
    for (of_union, axis) in union.axes.iter().zip(gather.axes.iter()) {
        let place = |offset: i64| of_union.taps.partition_point(|tap| tap.offset < offset);
        indices = indices
            .into_iter()
            .flat_map(|outer: usize| {
                axis.taps.iter().map(move |tap| outer * of_union.taps.len() + place(tap.offset))
            })
            .collect();
    }
    indices.into_iter().map(|index| offsets[index]).collect()
}

impl FloatKernel for Kernel {
    fn workspace_bytes(&self) -> usize {
        self.workspace.total_bytes()
    }

    /// Returns false, with nothing done, where weights that are not finite would meet padding.
    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        if self.touches_padding && !filter.iter().all(|weight| weight.to_f32().is_finite()) {
            return Ok(false);
        }
        let output_role = self.problem.direction().output_role();
        let out = TensorMut::new(out, self.problem.tensor5(output_role))?;
        let mut grant = self.workspace.grant(workspace);
        let mut packed_filter = grant.take(WorkspaceKey::PackedFilter)?;
        let filters = self.phases.iter().map(|phase| &phase.filter);
        pack_filters(
            self.isa,
            threads,
            self.problem.groups(),
            filters,
            filter,
            &mut packed_filter,
        )?;
        pool::for_each(
            threads,
            self.tasks(out),
            || arena::take(self.scratch_elems().iter().sum()),
            |scratch, task| {
                self.run_task(input, &packed_filter, scratch, task);
                Ok(())
            },
        )?;
        Ok(true)
    }
}
