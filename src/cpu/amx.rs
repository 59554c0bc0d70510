//! Implicit GEMM of the float types on the tiles of Intel AMX.
//!
//! Tiles multiply bf16 and sum in f32. So factors are split: f32 in three parts of bf16, of which
//! six products matter, f16 in two, whose four products are all; bf16 is one part (Henry, Tang,
//! Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
//! Computations", 2019). Forward and backward-data, any strides, groups, dilation and number of
//! dimensions: pixels go from the tensor, or from planes, to panels of words in parts, and a filter
//! that is split likewise, once a call, is multiplied with them.
//!
//! Numerics: the parts sum to the float exactly. Of f32, parts are at most 1, 2^-8 and 2^-17 times
//! it, so the three products left out are below 2^-24 of the product, and sums have fewer roundings
//! than those of f32 one by one: six for 32 products, beside those within an instruction, which
//! adds up 16 pairs in f32 first. Tiles take subnormal numbers for zeros, parts and sums: of each
//! product at most one part of either factor and six sums, an error of at most `8 gemm_k * 2^-126`
//! times the largest factor, or 1 if that is less. What is not finite, or is rounded to
//! infinity in its first part, makes sums that are not finite; then the general solver computes
//! again, as it does for alpha and beta. Blocks depend on the problem and the machine alone, so
//! results do not depend on the number of threads.
#![forbid(unsafe_code)]

mod filter;
mod plan;
mod shape;

use std::num::NonZeroUsize;

use super::blocked::check_float;
use super::element::{Element, Output};
use super::float_plan::{FloatKernel, FloatPlan};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::AmxIsa;
use super::rates;
use crate::config::IsaLevel;
use crate::error::Result;
use crate::problem::{ConvProblem, Direction};
use crate::solver::{Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId};
use plan::AmxPlan;

/// Most taps of a filter: 11 x 11. A block of the reduction holds all taps of 32 channels.
const MAX_TAPS: usize = 121;

/// Longest reduction: plans hold lists of its words.
const MAX_GEMM_K: usize = 1 << 20;

/// The implicit GEMM on tiles.
pub struct Amx;

impl Solver for Amx {
    fn id(&self) -> SolverId {
        SolverId(ids::AMX)
    }

    fn name(&self) -> &'static str {
        "float_igemm_32x32__amx"
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::ImplicitGemm
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, IsaLevel::Avx512)?;
        if problem.direction() == Direction::Wrw {
            return Err(Reason::new("serves forward and backward-data"));
        }
        let taps = problem.filter_spatial().iter().product::<usize>();
        if taps > MAX_TAPS {
            return Err(Reason::new(format!("a filter of more than {MAX_TAPS} taps")));
        }
        let channels = problem.c().max(problem.k()) / problem.groups();
        if channels.saturating_mul(taps) > MAX_GEMM_K {
            return Err(Reason::new(format!("a reduction of more than {MAX_GEMM_K} products")));
        }
        // The same conditions on strides hold.
        ImplicitGemm.applicable(problem, context)?;
        if AmxIsa::allowed().is_none() {
            return Err(Reason::new(
                "the processor lacks AMX, the system does not grant it, or a setting bars it",
            ));
        }
        Ok(())
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        AmxPlan::cost_us(problem, context.cpu_threads)
            + rates::memory_us(problem)
            + rates::scatter_us(problem, context, false)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let isa = AmxIsa::require()?;
        let kernel = AmxPlan::new(problem, isa, context.cpu_threads);
        Ok(FloatPlan::boxed(problem, kernel, ImplicitGemm))
    }
}

impl FloatKernel for AmxPlan {
    fn workspace_bytes(&self) -> usize {
        self.workspace.total_bytes()
    }

    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        self.execute(threads, inputs, out, workspace)
    }
}
