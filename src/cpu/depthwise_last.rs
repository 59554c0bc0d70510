//! Depthwise convolution of channels-last tensors: vectors run along the channels.
//!
//! Forward and backward-data: a pixel of the result is a sum over taps of a pixel
//! of the input times that tap's weights, channel by channel. Backward-weights: see [`wrw`]. Taps
//! that meet padding are left out, so nothing has to be finite.
//!
//! Numerics: f32 sums in the order of the taps.
#![forbid(unsafe_code)]

mod wrw;

use std::num::NonZeroUsize;
use std::ops::Range;

use super::blocked::check_float;
use super::element::{Element, Output};
use super::filter::FilterMatrix;
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::{Gather, Order, gathers_of, split_phases};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::Isa;
use super::pool;
use super::rates;
use super::ukernel::{PixelTap, sum_taps};
use crate::config::IsaLevel;
use crate::error::{Error, Result};
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, DataType, Direction, Role};
use crate::solver::{
    Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId, WorkspaceKey,
    WorkspaceLayout,
};

/// What a multiply-add costs in those of the GEMM kernel: a load each, and a quarter of one.
const TAP_COST: f64 = 1.5;

/// What a line costs beside its taps, in multiply-adds of the AVX2 kernel: some 300 ns.
const LINE_COST: f64 = 15_000.0;

/// Channels-last depthwise convolution at one instruction set level.
pub struct DepthwiseLast(pub IsaLevel);

struct Kernel {
    isa: Isa,
    problem: ConvProblem,
    phases: Vec<Phase>,
    /// The filter, channels fastest.
    workspace: WorkspaceLayout,
}

/// One gather with its part of the filter; forward has one.
struct Phase {
    gather: Gather,
    filter: FilterMatrix,
    runs: Vec<Range<usize>>,
}

impl Solver for DepthwiseLast {
    fn id(&self) -> SolverId {
        ids::at_level(ids::DEPTHWISE_LAST, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "float_depthwise_nhwc__scalar",
            IsaLevel::Avx2Fma => "float_depthwise_nhwc__avx2_fma",
            IsaLevel::Avx512 => "float_depthwise_nhwc__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        if problem.c() != problem.groups() || problem.k() != problem.groups() {
            return Err(Reason::new("serves one input and one output channel a group"));
        }
        let is_last = |role: Role| problem.tensor5(role).strides[1] == 1;
        if problem.input_dtype() != DataType::F32 || !is_last(Role::X) || !is_last(Role::Y) {
            return Err(Reason::new("serves fp32 with contiguous channels"));
        }
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let pixels_of = match problem.direction() {
            Direction::Bwd => Role::X,
            Direction::Fwd | Direction::Wrw => Role::Y,
        };
        let [n, _, d, h, _] = problem.tensor5(pixels_of).lengths;
        let cost = problem.multiply_adds() * TAP_COST + (n * d * h) as f64 * LINE_COST;
        cost / rates::depthwise_multiply_adds_per_us(self.0) / context.cpu_threads.get() as f64
            + rates::memory_us(problem)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        let isa = Isa::require(self.0)?;
        if problem.direction() == Direction::Wrw {
            return Ok(FloatPlan::boxed(problem, wrw::Kernel::new(problem, isa), ImplicitGemm));
        }
        let phases: Vec<Phase> = gathers_of(problem)
            .into_iter()
            .map(|gather| Gather { order: Order::TapInner, ..gather })
            .map(|gather| Phase {
                filter: FilterMatrix::new(problem, &gather),
                runs: gather.axes[2].runs_by_taps(),
                gather,
            })
            .collect();
        let taps: usize = phases.iter().map(|phase| phase.gather.taps()).sum();
        let mut workspace = WorkspaceLayout::default();
        workspace.book_f32(WorkspaceKey::PackedFilter, taps * problem.c());
        let kernel = Kernel { isa, problem: problem.clone(), phases, workspace };
        Ok(FloatPlan::boxed(problem, kernel, ImplicitGemm))
    }
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
        let Some(input) = T::as_f32(input) else {
            return Err(Error::not_implemented("serves fp32"));
        };
        let channels = self.problem.c();
        let mut grant = self.workspace.grant(workspace);
        let mut weights = grant.take(WorkspaceKey::PackedFilter)?;
        let mut first = 0;
        for Phase { gather, filter: matrix, .. } in &self.phases {
            for tap in 0..gather.taps() {
                let of_tap = &mut weights[(first + tap) * channels..][..channels];
                for (channel, weight) in of_tap.iter_mut().enumerate() {
                    *weight = filter[matrix.offset(channel, 0, tap)].to_f32();
                }
            }
            first += gather.taps();
        }
        let out =
            TensorMut::new(out, self.problem.tensor5(self.problem.direction().output_role()))?;
        let mut tasks = Vec::new();
        for (n, image) in out.split_every(0, 1).into_iter().enumerate() {
            let mut first_tap = 0;
            for (phase, part) in self.phases.iter().zip(split_phases(&self.problem, image)) {
                for (d, part) in part.split_every(2, 1).into_iter().enumerate() {
                    let lines = part.split_every(3, 1).into_iter().enumerate();
                    tasks.extend(lines.map(|(h, line)| (phase, first_tap, [n, d, h], line)));
                }
                first_tap += phase.gather.taps();
            }
        }
        let weights = &*weights;
        pool::for_each(
            threads,
            tasks,
            || Ok(Vec::new()),
            |taps, (phase, first_tap, [n, d, h], mut line)| {
                let weights = &weights[first_tap * channels..];
                let line = line.as_matrix(4).and_then(O::as_f32_matrix);
                let mut line = line.expect("applicable to contiguous channels of f32");
                let axis = &phase.gather.axes[2];
                for run in &phase.runs {
                    taps.clear();
                    phase.gather.taps_inside([n, d, h, run.start], |tap, offset| {
                        taps.push(PixelTap { weights: tap * channels, input: offset });
                    });
                    let step = axis.step.saturating_mul(axis.in_stride);
                    sum_taps(self.isa, input, step, weights, taps, &mut line, run.clone());
                }
                Ok(())
            },
        )?;
        Ok(true)
    }
}
