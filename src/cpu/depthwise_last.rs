//! Depthwise convolution of channels-last tensors: vectors run along the channels.
//!
//! Forward and backward-data. A pixel of the result is a sum over taps of a pixel
//! of the input times that tap's weights, channel by channel. Taps that meet padding
//! are left out, so nothing has to be finite.
//!
//! Numerics: f32 sums in the order of the taps.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

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

/// What a multiply-add costs in those of the GEMM kernel: two loads each.
const TAP_COST: f64 = 2.5;

/// What a pixel costs beside its taps, in multiply-adds of the AVX2 kernel: some 60 ns.
const PIXEL_COST: f64 = 3000.0;

/// Channels-last depthwise convolution at one instruction set level.
pub struct DepthwiseLast(pub IsaLevel);

struct Kernel {
    isa: Isa,
    problem: ConvProblem,
    phases: Vec<(Gather, FilterMatrix)>,
    /// The filter, channels fastest.
    workspace: WorkspaceLayout,
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
        if problem.direction() == Direction::Wrw {
            return Err(Reason::new("serves forward and backward-data"));
        }
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
        let out = problem.tensor5(problem.direction().output_role());
        let pixels =
            out.lengths.iter().map(|&len| len as f64).product::<f64>() / out.lengths[1] as f64;
        let cost = problem.multiply_adds() * TAP_COST + pixels * PIXEL_COST;
        cost / rates::kernel_multiply_adds_per_us(self.0) / context.cpu_threads.get() as f64
            + rates::memory_us(problem)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        let phases: Vec<(Gather, FilterMatrix)> = gathers_of(problem)
            .into_iter()
            .map(|gather| Gather { order: Order::TapInner, ..gather })
            .map(|gather| (gather.clone(), FilterMatrix::new(problem, &gather)))
            .collect();
        let taps: usize = phases.iter().map(|(gather, _)| gather.taps()).sum();
        let mut workspace = WorkspaceLayout::default();
        workspace.book_f32(WorkspaceKey::PackedFilter, taps * problem.c());
        let isa = Isa::require(self.0)?;
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
        for (gather, matrix) in &self.phases {
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
            for ((gather, _), part) in self.phases.iter().zip(split_phases(&self.problem, image)) {
                for (d, part) in part.split_every(2, 1).into_iter().enumerate() {
                    let lines = part.split_every(3, 1).into_iter().enumerate();
                    tasks.extend(lines.map(|(h, line)| (gather, first_tap, [n, d, h], line)));
                }
                first_tap += gather.taps();
            }
        }
        let weights = &*weights;
        pool::for_each(
            threads,
            tasks,
            || Ok(Vec::new()),
            |taps, (gather, first_tap, [n, d, h], mut line)| {
                let weights = &weights[first_tap * channels..];
                for w in 0..line.lengths()[4] {
                    taps.clear();
                    gather.taps_inside([n, d, h, w], |tap, offset| {
                        taps.push(PixelTap { weights: tap * channels, input: offset });
                    });
                    let mut lane = line.lane(1, [0, 0, 0, 0, w]);
                    let pixel = lane.as_slice().and_then(O::as_f32_slice);
                    let pixel = pixel.expect("applicable to contiguous channels of f32");
                    sum_taps(self.isa, input, weights, taps, pixel);
                }
                Ok(())
            },
        )?;
        Ok(true)
    }
}
