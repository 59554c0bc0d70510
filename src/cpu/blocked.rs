//! Implicit GEMM on kernels of our own: panels packed from planes, register blocks by ISA.
//!
//! All directions of the float types, any strides, groups, dilation and number
//! of dimensions. The input of a box of pixels becomes planes (see
//! [`planes`]), those become panels, and filter rows are multiplied with panels.
//! No im2col buffer: a panel block fits the L2 cache.
//!
//! Numerics: f32 sums in the order of the reduction, in blocks that depend on
//! the problem and the machine's caches; so the error is at most `gemm_k` units
//! of f32 rounding of the sum of absolute products, and results do not depend on
//! the number of threads. Zeros of the padding must not meet weights that are
//! not finite: where a result has a NaN and the filter is not finite, the general
//! solver computes again. It also serves alpha and beta.
#![forbid(unsafe_code)]

mod data;
mod estimate;
mod joined;
mod operand;
mod parts;
mod planes;
mod shape;
mod wrw;

use std::num::NonZeroUsize;

use super::element::{Element, Output};
use super::float_plan::{FloatKernel, FloatPlan};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::Isa;
use super::{rates, widen};
use crate::config::IsaLevel;
use crate::error::Result;
use crate::problem::{ConvProblem, DataType, Direction, Role};
use crate::solver::{Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId};
use data::DataPlan;
pub use planes::{PixelLayout, Planes};
pub use shape::{BlockShape, Blocking};
use wrw::WrwPlan;

/// Longest tensor served: 8 GiB of f32. Plans hold lists that grow with the number of blocks.
const MAX_ELEMS: usize = 1 << 31;

/// Most taps of a filter: 64 x 64. Plans hold lists of taps.
const MAX_TAPS: usize = 4096;

/// Elements of a padded plane for each of the larger of input and output plane: beyond it copying
/// costs more than the general solver, which makes no copies.
const MAX_PADDED_PER_PLANE: usize = 32;

/// Padded planes of up to so many elements are always fine: 256 KiB.
const MIN_PADDED_ELEMS: usize = 1 << 16;

/// The blocked implicit GEMM at one instruction set level.
pub struct Blocked(pub IsaLevel);

enum Kind {
    Data(Box<DataPlan>),
    Wrw(Box<WrwPlan>),
}

impl Solver for Blocked {
    fn id(&self) -> SolverId {
        ids::at_level(ids::BLOCKED, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "float_igemm_6x8__scalar",
            IsaLevel::Avx2Fma => "float_igemm_6x16__avx2_fma",
            IsaLevel::Avx512 => "float_igemm_14x32__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::ImplicitGemm
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        // The same conditions on strides hold.
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let Some(isa) = Isa::allowed(self.0) else {
            return f64::INFINITY;
        };
        let threads = context.cpu_threads;
        let cost = match problem.direction() {
            Direction::Wrw => WrwPlan::cost(problem, isa, threads),
            Direction::Fwd | Direction::Bwd => estimate::cost(problem, isa, threads),
        };
        cost / rates::kernel_multiply_adds_per_us(self.0)
            + rates::panels_memory_us(problem, context, self.0)
            + widen::estimate_us(problem, threads)
            + rates::scatter_us(problem, context, false)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let isa = Isa::require(self.0)?;
        let kernel = match problem.direction() {
            Direction::Fwd | Direction::Bwd => {
                Kind::Data(Box::new(DataPlan::new(problem, isa, context.cpu_threads)))
            }
            Direction::Wrw => Kind::Wrw(Box::new(WrwPlan::new(problem, isa, context.cpu_threads))),
        };
        Ok(FloatPlan::boxed(problem, kernel, ImplicitGemm))
    }
}

/// Whether the machine has the level and the problem's type is a float type.
pub fn check_float(problem: &ConvProblem, level: IsaLevel) -> Applicability {
    if Isa::allowed(level).is_none() {
        return Err(Reason::new("the processor lacks this instruction set, or a setting bars it"));
    }
    let dtype = problem.input_dtype();
    if !matches!(dtype, DataType::F32 | DataType::F16 | DataType::BF16)
        || problem.output_dtype() != dtype
    {
        return Err(Reason::new("serves fp32, fp16 and bf16"));
    }
    check_sizes(problem)
}

/// Whether the problem's sizes are such that planes and plans have measure.
pub fn check_sizes(problem: &ConvProblem) -> Applicability {
    let elems = [Role::X, Role::W, Role::Y].map(|role| problem.tensor(role).span_elems());
    if elems.into_iter().any(|elems| elems > MAX_ELEMS) {
        return Err(Reason::new(format!("a tensor of more than {MAX_ELEMS} elements")));
    }
    if problem.filter_spatial().iter().product::<usize>() > MAX_TAPS {
        return Err(Reason::new(format!("a filter of more than {MAX_TAPS} taps")));
    }
    if mostly_padding(problem) {
        return Err(Reason::new("padding and dilation reach far beyond the image"));
    }
    Ok(())
}

/// Whether copies of planes with their padding, which these solvers make, would be out of all
/// proportion to the planes.
fn mostly_padding(problem: &ConvProblem) -> bool {
    let larger = |dim: usize| problem.in_spatial()[dim].max(problem.out_spatial()[dim]);
    let padded = |dim: usize| {
        let reach = (problem.filter_spatial()[dim] - 1).checked_mul(problem.dilations()[dim])?;
        larger(dim).checked_add(problem.pads()[dim].checked_mul(2)?)?.checked_add(reach)
    };
    let product = |lengths: [Option<usize>; 3]| {
        lengths.into_iter().try_fold(1usize, |product, length| product.checked_mul(length?))
    };
    let plane = product([0, 1, 2].map(|dim| Some(larger(dim)))).unwrap_or(usize::MAX);
    let most = plane.saturating_mul(MAX_PADDED_PER_PLANE).max(MIN_PADDED_ELEMS);
    product([0, 1, 2].map(padded)).is_none_or(|padded| padded > most)
}

impl FloatKernel for Kind {
    fn workspace_bytes(&self) -> usize {
        match self {
            Kind::Data(plan) => plan.workspace.total_bytes(),
            Kind::Wrw(_) => 0,
        }
    }

    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        match self {
            Kind::Data(plan) => plan.execute(threads, inputs, out, workspace),
            Kind::Wrw(plan) => plan.execute(threads, inputs, out),
        }
    }
}
