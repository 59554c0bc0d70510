//! Depthwise convolution of planes, read where they lie.
//!
//! For filters of 3, 5 or 7 lines, strides of 1 and 2, and contiguous lines. In f32 nothing is
//! copied: a vector runs along a line of one channel, and what lies outside the plane is masked.
//! Other types are widened by bands of lines. Serves all directions, forward and backward-weights
//! also several output channels for each input channel.
//!
//! Numerics: f32 sums in the order of the taps, columns outermost but with stride 2 and filters of 3 x 3 and
//! 5 x 5; backward-weights: see [`wrw`].
#![forbid(unsafe_code)]

mod band;
mod wrw;

use std::num::NonZeroUsize;
use std::ops::Range;

use super::arena;
use super::blocked::check_float;
use super::cache::CacheSizes;
use super::depthwise_tiles::{any, filters};
use super::element::{Element, Output};
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::gathers_of;
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::{Isa, halves_512_bits};
use super::pool;
use super::rates;
use super::tiles::even_piece;
use super::ukernel::{PlaneInputs, PlaneShape, convolve_phases, convolve_planes, serves_filter};
use crate::config::IsaLevel;
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType, Direction, Role};
use crate::solver::{Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId};
use band::Bands;

/// Depthwise convolution of planes at one instruction set level.
pub struct DepthwisePlanes(pub IsaLevel);

impl Solver for DepthwisePlanes {
    fn id(&self) -> SolverId {
        ids::at_level(ids::DEPTHWISE_PLANES, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "float_depthwise_planes__scalar",
            IsaLevel::Avx2Fma => "float_depthwise_planes__avx2_fma",
            IsaLevel::Avx512 => "float_depthwise_planes__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        check_planes(problem)?;
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let lanes = lanes_that_cost(problem, self.0);
        let vector_us = lanes / rates::depthwise_multiply_adds_per_us(self.0);
        let planes = problem.n() * problem.k().div_ceil(context.cpu_threads.get());
        planes as f64 * cost_of_plane(problem, self.0) * vector_us
            + memory_share(problem) * rates::memory_us(problem)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        let isa = Isa::require(self.0)?;
        if problem.direction() == Direction::Wrw {
            return Ok(FloatPlan::boxed(problem, wrw::Kernel::new(problem, isa), ImplicitGemm));
        }
        Ok(FloatPlan::boxed(problem, DataKernel::new(problem, isa), ImplicitGemm))
    }
}

/// Whether the lengths, strides and filters are such that there are kernels.
pub fn check_planes(problem: &ConvProblem) -> Applicability {
    let (c, k, groups) = (problem.c(), problem.k(), problem.groups());
    let is_bwd = problem.direction() == Direction::Bwd;
    if c != groups || (is_bwd && k != groups) {
        return Err(Reason::new(
            "serves one input channel a group, and backward one output channel",
        ));
    }
    let [z, y, x] = problem.filter_spatial();
    if [z, problem.in_spatial()[0], problem.out_spatial()[0]] != [1; 3] || problem.pads()[0] != 0 {
        return Err(Reason::new("serves two dimensions"));
    }
    if !serves_filter(y, x) {
        return Err(Reason::new("serves filters of 3, 5 or 7 lines and up to 7 columns"));
    }
    let [_, stride_h, stride_w] = problem.strides();
    let [_, dilation_h, dilation_w] = problem.dilations();
    if stride_h != stride_w || stride_h > 2 || dilation_h != 1 {
        return Err(Reason::new("serves strides of 1 and 2, and no dilation of lines"));
    }
    if is_bwd && stride_w == 2 && dilation_w != 1 {
        return Err(Reason::new("serves backward-data with a stride without dilation only"));
    }
    let has_lines = |role: Role| {
        let tensor = problem.tensor5(role);
        let [.., lines, len] = tensor.lengths;
        let [.., line, elem] = tensor.strides;
        (len == 1 || elem == 1) && (lines == 1 || line >= len)
    };
    if !has_lines(Role::X) || !has_lines(Role::Y) {
        return Err(Reason::new("serves contiguous lines apart from each other"));
    }
    Ok(())
}

fn vector_lanes(level: IsaLevel) -> f64 {
    match level {
        IsaLevel::Scalar => 4.0,
        IsaLevel::Avx2Fma => 8.0,
        IsaLevel::Avx512 => 16.0,
    }
}

/// Lanes of the vectors that take time: backward-weights of narrow planes leaves the halves of longer ones
/// out, as does backward-data of stride 2 by pairs, which helps where operations are done in halves.
fn lanes_that_cost(problem: &ConvProblem, level: IsaLevel) -> f64 {
    let lanes = vector_lanes(level);
    let is_narrow = problem.out_spatial()[2] as f64 <= lanes / 2.0;
    let is_halved = level == IsaLevel::Avx512 && halves_512_bits();
    let leaves_halves = match problem.direction() {
        Direction::Wrw => true,
        Direction::Bwd => lines_come_apart(problem),
        Direction::Fwd => false,
    };
    if leaves_halves && is_narrow && is_halved { lanes / 2.0 } else { lanes }
}

/// What a vector of results costs beside its multiply-adds, in such: loads, masks and the store.
///
/// This and the costs below were fitted to planes of 4 x 4 to 150 x 150 and filters of 3, 5 and 7, on an
/// Emerald Rapids with AVX2 and AVX-512, whose ratios to the multiply-adds are the same but for one.
const VECTOR_COST: f64 = 5.0;

/// What a vector of inputs costs more with stride 2.
const EVENS_COST: f64 = 1.8;

/// What a multiply-add costs where lines come apart, and where its weight is not in one of the sixteen
/// registers of AVX2; what a plane costs more; and how much of what moving the tensors takes is not
/// hidden: the next lines are asked for. Fitted to planes of 14 x 14 to 150 x 150 and filters of 3 and 5,
/// beside the estimates of tiles (Zen 4, AVX2 and AVX-512). Backward-weights hides as much.
const APART_TAP_COST: f64 = 2.4;
const APART_LOADED_TAP_COST: f64 = 3.0;
const APART_PLANE_COST: f64 = 30.0;
const SEEN_MEMORY_SHARE: f64 = 0.3;

/// What backward-data of stride 2 costs where lines come apart: a multiply-add, also with sixteen registers;
/// four vectors of results beside theirs, and a plane. Fitted to planes of 14 x 14 to 150 x 150 and filters
/// of 3 and 5 (Zen 4, AVX2 and AVX-512).
const PAIRS_TAP_COST: f64 = 0.95;
const PAIRS_TAP_COST_OF_SIXTEEN: f64 = 1.2;
const PAIRS_VECTOR_COST: f64 = 3.5;
const PAIRS_PLANE_COST: f64 = 35.0;

/// What a line costs beside its vectors, the same with stride 2, and a plane beside its lines.
const LINE_COST: f64 = 3.0;
const STRIDED_LINE_COST: f64 = 8.0;
const PLANE_COST: f64 = 18.0;

/// What backward-weights costs: a multiply-add with stride 1, one with stride 2, and a tap once a plane, whose
/// lanes are added up. Fitted to planes of 4 x 4 to 150 x 150 and filters of 3, 5 and 7: AVX-512 on Zen 4, AVX2 on
/// Zen 3, beside the estimates of tiles (on Zen 4 it takes 0.8 to 0.9 of that). Sixteen registers do not hold all
/// that stride 2 uses, nor all sums of larger filters.
struct WrwCosts {
    tap: f64,
    strided_tap: f64,
    sum: f64,
}

fn wrw_costs(level: IsaLevel) -> WrwCosts {
    match level {
        IsaLevel::Avx512 => WrwCosts { tap: 0.92, strided_tap: 1.35, sum: 6.0 },
        IsaLevel::Scalar | IsaLevel::Avx2Fma => WrwCosts { tap: 1.05, strided_tap: 2.2, sum: 11.5 },
    }
}

/// What a plane costs in backward-weights beside these, likewise.
const WRW_PLANE_COST: f64 = 60.0;

/// What a vector costs that is widened or narrowed, and what a plane costs more of which any are.
const STAGE_COST: f64 = 1.5;
const STAGED_PLANE_COST: f64 = 300.0;

/// Whether lines of the input come apart, see [`PlaneShape::come_apart`].
fn lines_come_apart(problem: &ConvProblem) -> bool {
    problem.direction() != Direction::Wrw && plane_shape(problem).come_apart()
}

/// How much of what moving the tensors takes is not hidden.
fn memory_share(problem: &ConvProblem) -> f64 {
    let is_wrw = problem.direction() == Direction::Wrw;
    if is_wrw || lines_come_apart(problem) { SEEN_MEMORY_SHARE } else { 1.0 }
}

/// The estimated time of one plane, in multiply-adds of whole vectors.
fn cost_of_plane(problem: &ConvProblem, level: IsaLevel) -> f64 {
    let [[_, in_h, in_w], [_, out_h, out_w]] =
        [problem.in_spatial(), problem.out_spatial()].map(|lengths| lengths.map(|len| len as f64));
    let [_, y, x] = problem.filter_spatial().map(|len| len as f64);
    let lanes = vector_lanes(level);
    let is_strided = problem.strides()[2] == 2;
    let cost = match problem.direction() {
        Direction::Bwd if lines_come_apart(problem) => {
            let vectors = (in_w / lanes_that_cost(problem, level) / 2.0).ceil();
            let is_512 = level == IsaLevel::Avx512;
            let of_tap = if is_512 { PAIRS_TAP_COST } else { PAIRS_TAP_COST_OF_SIXTEEN };
            let of_vector = y * x * of_tap + PAIRS_VECTOR_COST;
            (in_h / 2.0).ceil() * vectors * of_vector + PAIRS_PLANE_COST
        }
        // Four vectors of as many phases.
        Direction::Bwd if is_strided => {
            let of_pair = (in_w / lanes / 2.0).ceil() * (y * x + 3.0 * VECTOR_COST);
            (in_h / 2.0).ceil() * (of_pair + LINE_COST)
        }
        Direction::Bwd => in_h * ((in_w / lanes).ceil() * (y * x + VECTOR_COST) + LINE_COST),
        Direction::Fwd if lines_come_apart(problem) => {
            let is_loaded = level != IsaLevel::Avx512 && y > 3.0;
            let of_tap = if is_loaded { APART_LOADED_TAP_COST } else { APART_TAP_COST };
            let of_vector = y * x * of_tap + VECTOR_COST;
            out_h * ((out_w / lanes).ceil() * of_vector + STRIDED_LINE_COST) + APART_PLANE_COST
        }
        Direction::Fwd if is_strided => {
            // Seven lines of output are computed from 14 and what the filter has more.
            let inputs = x * (2.0 + (y - 2.0) / 7.0);
            let of_vector = y * x + inputs * EVENS_COST + VECTOR_COST;
            out_h * ((out_w / lanes).ceil() * of_vector + STRIDED_LINE_COST)
        }
        Direction::Fwd => out_h * ((out_w / lanes).ceil() * (y * x + VECTOR_COST) + LINE_COST),
        Direction::Wrw => {
            let costs = wrw_costs(level);
            let of_tap = if is_strided { costs.strided_tap } else { costs.tap };
            let vectors = (out_w / lanes_that_cost(problem, level)).ceil();
            y * x * (out_h * vectors * of_tap + costs.sum) + WRW_PLANE_COST
        }
    };
    let is_staged = problem.input_dtype() != DataType::F32;
    let staged = if is_staged {
        (in_h * in_w + out_h * out_w) / lanes * STAGE_COST + STAGED_PLANE_COST
    } else {
        0.0
    };
    cost + staged + PLANE_COST
}

/// Blocks of inputs of stride 2 that the L1 cache holds: one in use, the next on its way, and room for
/// outputs. Of blocks of 6 to 28 lines those were the fastest, or within 5 % of it, with planes of 56 x 56
/// to 224 x 224 (Zen 4, AVX2 and AVX-512).
const BLOCKS_IN_L1: usize = 3;

/// The same of blocks of results of backward-data of stride 2, whose inputs are few. Of blocks of 16 to 112
/// lines, or none, these are within 5 % of the fastest with planes of 56 x 56 to 300 x 300; blocks of a third
/// take up to 1.15 times as long (Zen 4, AVX2 and AVX-512).
const BWD_BLOCKS_IN_L1: usize = 1;

/// The planes that one of the result is computed from, and itself.
///
/// Backward-data of stride 1 is forward with the filter turned around; for stride 2 see
/// [`convolve_phases`].
fn plane_shape(problem: &ConvProblem) -> PlaneShape {
    let is_bwd = problem.direction() == Direction::Bwd;
    let [input, out] = if is_bwd { [Role::Y, Role::X] } else { [Role::X, Role::Y] };
    let line = |role: Role| {
        let tensor = problem.tensor5(role);
        if tensor.lengths[3] == 1 { tensor.lengths[4] } else { tensor.strides[3] }
    };
    let [_, y, x] = problem.filter_spatial();
    let dilation_w = problem.dilations()[2];
    let [_, pad_h, pad_w] = problem.pads().map(|pad| pad as isize);
    let stride = problem.strides()[2];
    let reach = |len: usize, dilation: usize| ((len - 1) * dilation) as isize;
    let [pad_h, pad_w] = if is_bwd && stride == 1 {
        [reach(y, 1) - pad_h, reach(x, dilation_w) - pad_w]
    } else {
        [pad_h, pad_w]
    };
    let lengths = |role: Role| problem.tensor5(role).lengths;
    let [out_h, in_w] = [lengths(out)[3], lengths(input)[4]];
    let blocks = if is_bwd { BWD_BLOCKS_IN_L1 } else { BLOCKS_IN_L1 };
    let block_bytes = CacheSizes::get().l1_bytes / blocks;
    PlaneShape {
        in_h: lengths(input)[3],
        in_w,
        in_line: line(input),
        out_h,
        out_w: lengths(out)[4],
        out_line: line(out),
        y,
        x,
        pad_h,
        pad_w,
        dilation_w,
        stride,
        is_far: problem.tensor_bytes() > CacheSizes::get().l2_bytes as f64,
        block_lines: even_piece(out_h, block_bytes / (stride * in_w * size_of::<f32>())),
    }
}

/// Planes that make a task: as few tasks as load `threads` evenly, so that each thread has long runs
/// of memory, and none of less than some ten microseconds.
fn planes_per_task(problem: &ConvProblem, threads: NonZeroUsize) -> usize {
    const TASKS_PER_THREAD: usize = 4;
    /// Elements read and written, and multiply-adds.
    const TASK_ELEMS: f64 = 5e4;
    const TASK_MULTIPLY_ADDS: f64 = 4e5;
    let planes = (problem.n() * problem.k()) as f64;
    let product = |lengths: [usize; 3]| lengths.iter().map(|&len| len as f64).product::<f64>();
    let elems = product(problem.in_spatial()) + product(problem.out_spatial());
    let worth = (elems / TASK_ELEMS).max(problem.multiply_adds() / planes / TASK_MULTIPLY_ADDS);
    let even = planes / (threads.get() * TASKS_PER_THREAD) as f64;
    let multiplier = problem.k() / problem.c();
    let wanted = if threads.get() == 1 { planes } else { even.max(1.0 / worth) };
    (wanted.ceil() as usize).next_multiple_of(multiplier)
}

/// Writes sums to lines of a plane of the output.
fn store_lines<O: Output<f32>>(
    sums: &[f32],
    lines: Range<usize>,
    plane: usize,
    out: &mut TensorMut<'_, O>,
) {
    let line_elems = out.lengths()[4];
    // Short lines are not worth a call each.
    if let Some(mut planes) = out.as_matrix(1)
        && let Some(elements) = planes.row(plane)
    {
        let elements = &mut elements[lines.start * line_elems..lines.end * line_elems];
        O::from_sums(&sums[..elements.len()], elements);
        return;
    }
    for (sums, h) in sums.chunks_exact(line_elems).zip(lines) {
        let mut lane = out.lane(4, [0, plane, 0, h, 0]);
        match lane.as_slice() {
            Some(elements) => O::from_sums(sums, elements),
            None => lane.fill_with(|index| O::from_sum(sums[index])),
        }
    }
}

/// Forward and backward-data.
pub struct DataKernel {
    isa: Isa,
    problem: ConvProblem,
    shape: PlaneShape,
    bands: Bands,
    touches_padding: bool,
}

impl DataKernel {
    /// Prepares `problem`, which [`check_planes`] must admit and must not be backward-weights.
    pub fn new(problem: &ConvProblem, isa: Isa) -> Self {
        let shape = plane_shape(problem);
        let images = problem.n();
        let touches_padding =
            gathers_of(problem).iter().any(|g| g.touches_padding(&g.all_pixels(images)));
        let has_phases = problem.direction() == Direction::Bwd && shape.stride == 2;
        let bands = Bands::new(shape, has_phases);
        DataKernel { isa, problem: problem.clone(), shape, bands, touches_padding }
    }

    fn is_bwd(&self) -> bool {
        self.problem.direction() == Direction::Bwd
    }

    /// Floats of filters turned around, of a line of zeros, of a band of the input, and of one of the
    /// output.
    fn scratch_elems(&self, planes: usize) -> [usize; 4] {
        let [input, out] = self.bands.elems();
        let taps = self.shape.y * self.shape.x;
        [planes * taps, self.shape.in_w, input, out].map(arena::whole_lines)
    }

    /// Runs, with inputs whose products with zero are zero. The slices span the tensors of the
    /// problem.
    pub fn convolve<T: Element, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
    ) -> Result<()> {
        let mut widened = arena::Piece::default();
        let filters = filters(filter, self.problem.tensor5(Role::W), &mut widened)?;
        let problem = &self.problem;
        let out = TensorMut::new(out, problem.tensor5(problem.direction().output_role()))?;
        let of_task = planes_per_task(problem, threads).min(problem.k());
        let mut tasks = Vec::new();
        for (n, image) in out.split_every(0, 1).into_iter().enumerate() {
            let parts = image.split_every(1, of_task).into_iter().enumerate();
            tasks.extend(parts.map(|(i, part)| ([n, i * of_task], part)));
        }
        pool::for_each(
            threads,
            tasks,
            || arena::take(self.scratch_elems(of_task).iter().sum()),
            |scratch, (at, out)| {
                let scratch = arena::split(scratch, self.scratch_elems(of_task));
                self.run_task(input, filters, at, out, scratch);
                Ok(())
            },
        )
    }

    /// Some planes of an image.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        input: &[T],
        filters: &[f32],
        [n, first]: [usize; 2],
        mut out: TensorMut<'_, O>,
        [turned, zeros, in_band, out_band]: [&mut [f32]; 4],
    ) {
        let (planes, taps) = (out.lengths()[1], self.shape.y * self.shape.x);
        let mut weights = &filters[first * taps..][..planes * taps];
        if self.is_bwd() && self.shape.stride == 1 {
            let turned = &mut turned[..planes * taps];
            for (to, from) in turned.chunks_exact_mut(taps).zip(weights.chunks_exact(taps)) {
                to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
            }
            weights = turned;
        }
        zeros.fill(0.0);
        let role = if self.is_bwd() { Role::Y } else { Role::X };
        let [n_stride, plane_stride, ..] = self.problem.tensor5(role).strides;
        let multiplier = self.problem.k() / self.problem.c();
        let input = &input[n * n_stride + first / multiplier * plane_stride..];
        let is_dense = |matrix: &MatrixMut<'_, O>| matrix.shape().1 == 1 || matrix.strides().1 == 1;
        if let Some(source) = T::as_f32(input)
            && let Some(mut out) = out.as_matrix(1).filter(is_dense).and_then(O::as_f32_matrix)
        {
            let inputs = PlaneInputs { source, plane_stride, multiplier, weights, zeros };
            let shape = PlaneShape { out_line: self.shape.out_w, ..self.shape };
            self.convolve_some(inputs, shape, &mut out);
            return;
        }
        for plane in 0..planes {
            let input = &input[plane / multiplier * plane_stride..];
            let weights = &weights[plane * taps..][..taps];
            for (lines, shape, first_line) in self.bands.iter() {
                let source = band::widened(input, &shape, first_line, self.shape.in_line, in_band);
                let (source, in_line) = source;
                let inputs = PlaneInputs { source, plane_stride: 0, multiplier: 1, weights, zeros };
                let sums = &mut out_band[..shape.out_h * shape.out_w];
                let mut one_plane = MatrixMut::row_major(sums, 1, shape.out_h * shape.out_w);
                self.convolve_some(inputs, PlaneShape { in_line, ..shape }, &mut one_plane);
                store_lines(out_band, lines, plane, &mut out);
            }
        }
    }

    fn convolve_some(
        &self,
        inputs: PlaneInputs<'_>,
        shape: PlaneShape,
        out: &mut MatrixMut<'_, f32>,
    ) {
        if self.is_bwd() && shape.stride == 2 {
            convolve_phases(self.isa, inputs, shape, out);
        } else {
            convolve_planes(self.isa, inputs, shape, out);
        }
    }
}

impl FloatKernel for DataKernel {
    /// Returns false, with nothing done, where weights that are not finite would meet padding.
    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
        _workspace: &mut [u8],
    ) -> Result<bool> {
        if self.touches_padding && !filter.iter().all(|weight| weight.to_f32().is_finite()) {
            return Ok(false);
        }
        self.convolve(threads, [input, filter], out)?;
        Ok(true)
    }
}
