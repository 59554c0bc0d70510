//! Depthwise convolution: one input and one output channel a group.
//!
//! Forward and backward-data (one plane for each phase of the strides). A
//! channel's input becomes planes in the L1 or L2 cache, and each line of output
//! is a sum of shifted lines of them; short lines of stride 1 are computed
//! several at a time, as one, with what lies between them thrown away.
//!
//! Numerics: f32 sums in the order of the taps.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::arena;
use super::blocked::{Planes, check_float};
use super::cache::CacheSizes;
use super::element::{Element, Output};
use super::filter::FilterMatrix;
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::{Gather, Order, PixelBox, gathers_of, split_phases};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::Isa;
use super::pool;
use super::rates::{self, LINE_COST, PLANE_COST, STAGE_COST};
use super::tiles::{BoxLengths, even_piece};
use super::ukernel::sum_shifted;
use crate::config::IsaLevel;
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType, Direction};
use crate::solver::{Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId};

/// Depthwise convolution at one instruction set level.
pub struct Depthwise(pub IsaLevel);

/// What is prepared for a problem.
pub struct DepthwisePlan {
    isa: Isa,
    problem: ConvProblem,
    phases: Vec<Phase>,
    touches_padding: bool,
    channels_per_task: usize,
    scratch_elems: usize,
}

struct Phase {
    gather: Gather,
    filter: FilterMatrix,
    planes: Planes,
    lengths: BoxLengths,
    boxes: Vec<PixelBox>,
    /// Lines are computed together, at the distance they have in the planes.
    is_flat: bool,
}

/// Multiply-adds that make a task: some twenty microseconds' worth.
const TASK_MULTIPLY_ADDS: usize = 400_000;

/// Lines shorter than this are computed together: four AVX2 vectors.
const SHORT_LINE: usize = 32;

/// What storing a result apart from its neighbours costs, in multiply-adds of the AVX2 kernel
/// (fitted on Zen 3 to backward-data with stride 2 and planes of 112 x 112).
const SCATTER_COST: f64 = 25.0;

/// What a multiply-add costs in those of the GEMM kernel: each comes with a load.
const TAP_COST: f64 = 1.5;

impl Solver for Depthwise {
    fn id(&self) -> SolverId {
        ids::at_level(ids::DEPTHWISE, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "float_depthwise__scalar",
            IsaLevel::Avx2Fma => "float_depthwise__avx2_fma",
            IsaLevel::Avx512 => "float_depthwise__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        if problem.direction() == Direction::Wrw {
            return Err(Reason::new("serves forward and backward-data"));
        }
        check_channels(problem)?;
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let phases = gathers_of(problem).into_iter().map(|gather| Phase::new(problem, gather));
        let planes = (problem.n() * problem.c()) as f64;
        let is_strided = problem.direction() == Direction::Bwd && problem.strides()[2] > 1;
        let is_f32 = problem.input_dtype() == DataType::F32;
        let cost = planes * phases.map(|phase| phase.cost(is_strided, is_f32)).sum::<f64>();
        cost / rates::depthwise_multiply_adds_per_us(self.0) / context.cpu_threads.get() as f64
            + rates::memory_us(problem)
            + rates::scatter_us(problem, context, true)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        let kernel = DepthwisePlan::new(problem, Isa::require(self.0)?);
        Ok(FloatPlan::boxed(problem, kernel, ImplicitGemm))
    }
}

/// Whether groups have one input and one output channel.
pub fn check_channels(problem: &ConvProblem) -> Applicability {
    if problem.c() != problem.groups() || problem.k() != problem.groups() {
        return Err(Reason::new("serves one input and one output channel a group"));
    }
    Ok(())
}

impl DepthwisePlan {
    /// Prepares `problem`, which must be depthwise and not backward-weights.
    pub fn new(problem: &ConvProblem, isa: Isa) -> Self {
        let phases: Vec<Phase> =
            gathers_of(problem).into_iter().map(|gather| Phase::new(problem, gather)).collect();
        let work = problem.multiply_adds() / (problem.n() * problem.c()) as f64;
        let wanted = (TASK_MULTIPLY_ADDS as f64 / work).ceil().max(1.0);
        let touches_padding =
            phases.iter().any(|p| p.gather.touches_padding(&p.gather.all_pixels(problem.n())));
        let channels_per_task = even_piece(problem.c(), wanted as usize);
        let scratch_elems = phases.iter().map(|phase| phase.scratch_elems(channels_per_task));
        DepthwisePlan {
            isa,
            touches_padding,
            channels_per_task,
            scratch_elems: scratch_elems.max().unwrap_or(0),
            phases,
            problem: problem.clone(),
        }
    }
}

impl Phase {
    fn new(problem: &ConvProblem, mut gather: Gather) -> Self {
        gather.order = Order::TapInner;
        let spatial = [0, 1, 2].map(|dim| gather.axes[dim].out_len);
        // Planes and output lines in half of the L2 cache; padding adds little.
        let max_pixels = CacheSizes::get().l2_bytes / 4 / size_of::<f32>();
        let lengths = BoxLengths::choose(1, spatial, max_pixels);
        let planes = Planes::new(&gather, &lengths, 1);
        Phase {
            filter: FilterMatrix::new(problem, &gather),
            boxes: lengths.cut(&gather.all_pixels(1)),
            is_flat: lengths.spatial[2] < SHORT_LINE && gather.taps() > 0,
            planes,
            gather,
            lengths,
        }
    }

    /// The estimated time of one channel and image, in multiply-adds of the GEMM kernel.
    ///
    /// Results are apart where backward-data has a stride; those that are not f32 are converted line by line.
    fn cost(&self, is_strided: bool, is_f32: bool) -> f64 {
        let [depth, lines, width] = self.lengths.spatial.map(|len| len as f64);
        let line_elems = self.planes.layout.strides[2] as f64;
        let staged = self.planes.layout.channel_stride as f64;
        // Short lines of stride 1 are computed with what lies between them, and copied out.
        let computed = if self.is_flat { line_elems } else { width };
        let stored = match (is_strided, self.is_flat || !is_f32) {
            (true, _) => lines * depth * (width * SCATTER_COST + LINE_COST),
            (false, true) => lines * depth * (width * STAGE_COST + LINE_COST),
            (false, false) => 0.0,
        };
        let of_box = PLANE_COST
            + staged * STAGE_COST
            + staged / line_elems * LINE_COST
            + self.gather.taps() as f64 * depth * lines * computed * TAP_COST
            + stored;
        self.boxes.len() as f64 * of_box
    }

    fn line_elems(&self) -> usize {
        if self.is_flat { self.planes.layout.strides[2] } else { self.lengths.spatial[2] }
    }

    fn out_elems(&self) -> usize {
        self.lengths.spatial[1] * self.line_elems()
    }

    /// Floats of planes, sums and weights for tasks of so many channels.
    fn scratch_elems(&self, channels: usize) -> usize {
        let weights = arena::whole_lines(channels * self.gather.taps());
        weights + arena::whole_lines(self.planes.elems(1)) + self.out_elems()
    }
}

impl FloatKernel for DepthwisePlan {
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

impl DepthwisePlan {
    /// Runs. The slices span the tensors of the problem.
    pub fn convolve<T: Element, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
    ) -> Result<()> {
        let output_role = self.problem.direction().output_role();
        let out = TensorMut::new(out, self.problem.tensor5(output_role))?;
        let mut tasks = Vec::new();
        for (n, image) in out.split_every(0, 1).into_iter().enumerate() {
            let parts = image.split_every(1, self.channels_per_task);
            tasks.extend(
                parts.into_iter().enumerate().map(|(i, p)| (n, i * self.channels_per_task, p)),
            );
        }
        pool::for_each(
            threads,
            tasks,
            || arena::take(self.scratch_elems),
            |scratch, (n, first_channel, out)| {
                self.run_task([input, filter], n, first_channel, out, scratch);
                Ok(())
            },
        )
    }

    fn run_task<T: Element, O: Output<f32>>(
        &self,
        inputs: [&[T]; 2],
        n: usize,
        first_channel: usize,
        out: TensorMut<'_, O>,
        scratch: &mut [f32],
    ) {
        for (phase, mut out) in self.phases.iter().zip(split_phases(&self.problem, out)) {
            for pixels in &phase.boxes {
                let pixels = PixelBox { n: n..n + 1, o: pixels.o.clone() };
                phase.run_box(self.isa, inputs, &pixels, first_channel, &mut out, scratch);
            }
        }
    }
}

impl Phase {
    /// A box of all channels of `out`.
    fn run_box<T: Element, O: Output<f32>>(
        &self,
        isa: Isa,
        [input, filter]: [&[T]; 2],
        pixels: &PixelBox,
        first_channel: usize,
        out: &mut TensorMut<'_, O>,
        scratch: &mut [f32],
    ) {
        let taps = self.gather.taps();
        let channels = out.lengths()[1];
        let (weights, rest) = scratch.split_at_mut(arena::whole_lines(channels * taps));
        self.filter.pack_rows(isa, filter, first_channel, &mut weights[..channels * taps]);
        let (planes, sums) = rest.split_at_mut(arena::whole_lines(self.planes.elems(1)));
        let lines = self.planes.lines(pixels);
        for channel in 0..channels {
            let group = first_channel + channel;
            let weights = &weights[channel * taps..][..taps];
            let input = &input[self.gather.group_offset(group)..];
            // A phase that no tap meets has no planes, and its sums are zero.
            if self.gather.taps() > 0 {
                let image = &input[pixels.n.start * self.gather.n_stride..];
                self.planes.stage_channel(isa, image, &lines, planes);
            }
            for (index, d) in pixels.o[0].clone().enumerate() {
                let plane = &planes[index * self.planes.layout.strides[1]..];
                self.run_lines(isa, plane, weights, pixels, [channel, d], out, sums);
            }
        }
    }

    /// The lines of one channel and depth.
    #[allow(clippy::too_many_arguments)] // what the lines need, each once
    fn run_lines<O: Output<f32>>(
        &self,
        isa: Isa,
        plane: &[f32],
        weights: &[f32],
        pixels: &PixelBox,
        [channel, d]: [usize; 2],
        out: &mut TensorMut<'_, O>,
        sums: &mut [f32],
    ) {
        let layout = &self.planes.layout;
        let (offsets, line_stride) = (&layout.tap_offsets, layout.strides[2]);
        let (len_h, len_w) = (pixels.o[1].len(), pixels.o[2].len());
        let is_whole = [len_h, len_w] == out.lengths()[3..];
        if !self.is_flat
            && is_whole
            && let Some(mut lines) = O::as_f32_matrix(out.lines([0, channel, d]))
            && (len_w == 1 || lines.strides().1 == 1)
        {
            sum_shifted(isa, plane, line_stride, offsets, weights, &mut lines);
            return;
        }
        let line_elems = self.line_elems();
        if self.is_flat {
            let len = (len_h - 1) * line_elems + len_w;
            let mut one_line = MatrixMut::row_major(&mut sums[..len], 1, len);
            sum_shifted(isa, plane, 0, offsets, weights, &mut one_line);
        } else {
            let mut lines = MatrixMut::row_major(&mut sums[..len_h * len_w], len_h, len_w);
            sum_shifted(isa, plane, line_stride, offsets, weights, &mut lines);
        }
        let distance = if self.is_flat { line_elems } else { len_w };
        for (index, h) in pixels.o[1].clone().enumerate() {
            let line = &sums[index * distance..][..len_w];
            let begin = pixels.o[2].start;
            let mut lane = out.lane(4, [0, channel, d, h, 0]);
            match lane.as_slice() {
                Some(elements) => O::from_sums(line, &mut elements[begin..begin + len_w]),
                None => lane.fill_some(begin, line.iter().map(|&sum| O::from_sum(sum))),
            }
        }
    }
}
