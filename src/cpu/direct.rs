//! Forward and backward-data where a group has few channels: nothing is packed.
//!
//! The input of a box of pixels becomes planes (see [`Planes`]), in which a tap
//! is a shift. Filter rows are multiplied with shifted runs as they lie there; a
//! run goes over all lines of a box, and what falls between lines is thrown
//! away as sums are stored, in the output itself where its lines are contiguous.
//! Where few rows or a short reduction would share it, packing panels takes
//! longer than multiplying. The phases of backward-data share their planes.
//!
//! Numerics: f32 sums in the order of the reduction; the error is at most `gemm_k`
//! units of f32 rounding of the sum of absolute products, and results do not
//! depend on the number of threads. Zeros of the padding must not meet weights that
//! are not finite: such filters go to the general solver, and so do alpha and beta.
#![forbid(unsafe_code)]

mod blocking;
mod estimate;
mod store;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use super::arena;
use super::blocked::{Planes, check_float};
use super::element::{Element, Output};
use super::filter::{FilterMatrix, pack_filters};
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::{Axis, Gather, Order, PixelBox, gathers_of, split_outer_phases};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::Isa;
use super::pool;
use super::rates;
use super::tiles::pieces;
use super::ukernel::{
    Cut, LineSums, RUN_SLACK_ELEMS, RowTiles, Rows, cuts_of_lines, multiply_shifted, pack_row_tiles,
};
use crate::config::IsaLevel;
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, Direction};
use crate::solver::{
    Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId, WorkspaceKey,
    WorkspaceLayout,
};
use blocking::{Blocking, phase_counts};
use estimate::WIDE_PACE;
use store::Runs;

/// Rows in a group at most: beyond it packing pays.
const MAX_ROWS: usize = 128;

/// Most phases of backward-data: a stride of 16 in both dimensions.
const MAX_PHASES: usize = 256;

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

/// What a thread works with.
struct Scratch<'a> {
    planes: &'a mut [f32],
    sums: &'a mut [f32],
    /// The lines and their width of the box before, and what of its runs belongs to lines: most boxes are
    /// alike.
    last_cuts: &'a mut Option<([usize; 2], Vec<Cut>)>,
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
        let memory = rates::memory_us(problem);
        let pace = if isa.is_wide() { WIDE_PACE } else { 1.0 };
        pace * kernel.cost(context.cpu_threads) / rates::kernel_multiply_adds_per_us(self.0)
            + kernel.pack_us()
            + kernel.memory_share() * memory
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
        let blocking = Blocking::choose(problem, &gather, filters[0].gemm_m, threads);
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
        scratch: Scratch<'_>,
        task: Task<'_, O>,
    ) {
        let Task { groups, pixels, mut out } = task;
        if self.phases.len() == 1
            && let Some(mut result) = out.as_matrix(1).and_then(O::as_f32_matrix)
            && (result.shape().1 == 1 || result.strides().1 == 1)
        {
            self.sum_in_place(input, packed_filter, scratch, &groups, &pixels, &mut result);
            return;
        }
        let Scratch { planes, sums, .. } = scratch;
        let phases = self.phases_of(&out);
        let mut outs = split_outer_phases(&self.problem, out);
        let runs = self.runs(&pixels);
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
                        let weights = self.filter_rows(phase, group, channels, packed_filter);
                        let offsets = &phase.offsets[..channels.len() * phase.taps];
                        for depth in 0..runs.depths {
                            let mut block = runs.block(sums, place + index, depth);
                            if offsets.is_empty() {
                                block.fill_with(|_, _| 0.0);
                                continue;
                            }
                            let source = &planes[depth * self.planes.layout.strides[1]..];
                            let is_later = chunk > 0;
                            multiply_shifted(
                                self.isa, weights, source, offsets, &mut block, is_later, None,
                            );
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

    /// The same where there is one phase, and the lines of the result follow each other: the last
    /// channels' sums go there at once. `out` has all groups' rows.
    fn sum_in_place<T: Element>(
        &self,
        input: &[T],
        packed_filter: &[f32],
        scratch: Scratch<'_>,
        groups: &Range<usize>,
        pixels: &PixelBox,
        out: &mut MatrixMut<'_, f32>,
    ) {
        let phase = &self.phases[0];
        let runs = self.runs(pixels);
        let lines = self.planes.lines(pixels);
        let [_, depth_stride, line_stride] = self.planes.layout.strides;
        let [line_count, width] = [1, 2].map(|dim| pixels.o[dim].len());
        let Scratch { planes, sums, last_cuts } = scratch;
        let lengths = [line_count, width];
        let alike = last_cuts.take().filter(|last| last.0 == lengths);
        let of_box = || (lengths, cuts_of_lines(self.isa, line_count, width, line_stride));
        let (_, cuts) = last_cuts.insert(alike.unwrap_or_else(of_box));
        let chunks = pieces(&(0..self.gather.channels), self.blocking.channels);
        for (number, group) in groups.clone().enumerate() {
            let input = &input[self.gather.group_offset(group)..];
            let mut of_group = out.rows(number * runs.rows..(number + 1) * runs.rows);
            for (chunk, channels) in chunks.iter().enumerate() {
                self.planes.stage_lines(self.isa, input, channels.clone(), pixels, &lines, planes);
                let weights = self.filter_rows(phase, group, channels, packed_filter);
                let offsets = &phase.offsets[..channels.len() * phase.taps];
                for depth in 0..runs.depths {
                    let mut block = runs.block(sums, 0, depth);
                    let first = depth * line_count * width;
                    let mut of_depth = of_group.some_cols(first..first + line_count * width);
                    let is_last = chunk + 1 == chunks.len();
                    let to = is_last.then(|| LineSums { cuts, out: &mut of_depth });
                    let source = &planes[depth * depth_stride..];
                    let is_later = chunk > 0;
                    multiply_shifted(self.isa, weights, source, offsets, &mut block, is_later, to);
                }
            }
        }
    }

    /// How the sums of a box lie.
    fn runs(&self, pixels: &PixelBox) -> Runs {
        let run = (pixels.o[1].len() - 1) * self.planes.layout.strides[2] + pixels.o[2].len();
        let (depths, rows) = (pixels.o[0].len(), self.rows());
        Runs { depths, row_elems: run + RUN_SLACK_ELEMS, rows }
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
    ) -> RowTiles<'a> {
        let taps = phase.taps;
        let gemm_k = self.gather.channels * taps;
        let begin = phase.packed_begin + group * self.rows() * gemm_k;
        RowTiles { data: &packed_filter[begin..], gemm_k, first: channels.start * taps }
    }

    /// The filter as the kernel reads it: rows in the order of the reduction, which an f32 filter may
    /// have as it lies, and those in tiles.
    fn pack_filter<T: Element>(
        &self,
        threads: NonZeroUsize,
        filter: &[T],
        packed: &mut [f32],
    ) -> Result<()> {
        let groups = self.problem.groups();
        let is_direct = T::as_f32(filter).is_some() && self.has_rows_as_they_lie();
        let mut rows = arena::take(if is_direct { 0 } else { packed.len() })?;
        if !is_direct {
            let filters = self.phases.iter().map(|phase| &phase.filter);
            pack_filters(self.isa, threads, groups, filters, filter, &mut rows)?;
        }
        for phase in &self.phases {
            let gemm_k = self.gather.channels * phase.taps;
            let group_elems = self.rows() * gemm_k;
            for group in 0..if gemm_k > 0 { groups } else { 0 } {
                let begin = phase.packed_begin + group * group_elems;
                let all = (0..self.rows(), 0..gemm_k);
                let as_they_lie = phase.filter.direct(filter, group, &all.0, &all.1);
                let from = match as_they_lie.and_then(|rows| rows.contiguous_rows()) {
                    Some((data, stride)) if is_direct => Rows { data, stride },
                    _ => Rows { data: &rows[begin..], stride: gemm_k },
                };
                let tiles = &mut packed[begin..][..group_elems];
                pack_row_tiles(self.isa, from, self.rows(), gemm_k, tiles);
            }
        }
        Ok(())
    }

    /// Whether rows of an f32 filter need no packing.
    fn has_rows_as_they_lie(&self) -> bool {
        self.phases.iter().all(|phase| {
            let gemm_k = self.gather.channels * phase.taps;
            gemm_k > 1 && phase.filter.rows_are_contiguous()
        })
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
        self.pack_filter(threads, filter, &mut packed_filter)?;
        pool::for_each(
            threads,
            self.tasks(out),
            || Ok((arena::take(self.scratch_elems().iter().sum())?, None)),
            |(scratch, last_cuts), task| {
                let (planes, sums) = scratch.split_at_mut(self.scratch_elems()[0]);
                let scratch = Scratch { planes, sums, last_cuts };
                self.run_task(input, &packed_filter, scratch, task);
                Ok(())
            },
        )?;
        Ok(true)
    }
}
