//! The general solver: implicit GEMM on the crate `gemm`.
//!
//! Blocks of the virtual im2col matrix are packed straight from the tensor,
//! whatever its strides, and converted to f32 on the way; the products are
//! f32 GEMMs. Serves every type, layout, group count, stride and dilation in all
//! three directions (int8: forward).
//!
//! Numerics: f32 accumulation, in chunks along the reduction; the result
//! differs from the exact one by at most about `gemm_k` units of f32 rounding
//! of the sum of absolute products, in practice by about the square root of
//! that. int8 is exact modulo 2^32. NaN and infinity give what the reference
//! gives, also beside padding.
#![forbid(unsafe_code)]

use super::element::{Element, Output, Scalars};
use super::igemm_data::DataPlan;
use super::igemm_wrw::WrwPlan;
use crate::error::{Error, Result};
use crate::memory::{InputBuffer, OutputBuffer};
use crate::problem::{ConvProblem, DataType, Direction};
use crate::reference::check_integer_scalars;
use crate::solver::{Algorithm, Applicability, Context, ConvArgs, Plan, Reason, Solver, SolverId};

/// Multiply-adds a microsecond and thread: half the peak of a 3 GHz core with
/// two 8-wide FMA units; ResNet-50's layers measured at 40 to 85 % of it.
const MULTIPLY_ADDS_PER_US: f64 = 24_000.0;

/// The same where the tensor itself is a matrix, 1 x 1 filters of stride 1: nothing is packed here.
const DIRECT_MULTIPLY_ADDS_PER_US: f64 = 40_000.0;

/// Bytes a microsecond to and from memory, for layers that do little else.
const BYTES_PER_US: f64 = 5_000.0;

/// Start of the threads and allocation of scratch.
const OVERHEAD_US: f64 = 20.0;

/// What a GEMM call and packing for it cost beside the work itself, for each group of each image
/// (measured on Zen 3: 960 groups of 7 x 7 pixels).
const GROUP_US: f64 = 1.5;

/// Elements of int8 that a thread packs and widens in a microsecond, once for each tap that they
/// meet (measured on Zen 3: 144 groups of 56 x 56 pixels).
const INT8_PACKED_ELEMS_PER_US: f64 = 700.0;

/// Most phases of a backward-data problem: each is a GEMM of its own, so
/// beyond this many (a stride of 64 in both dimensions) bookkeeping dominates.
const MAX_PHASES: usize = 4096;

/// Most taps of a filter: beyond it the tables of taps would outgrow caches, if
/// not memory, since a descriptor may claim any length without any buffer.
const MAX_TAPS: usize = 1 << 20;

/// The general implicit GEMM.
pub struct ImplicitGemm;

enum ImplicitGemmPlan {
    Data(Box<DataPlan>),
    Wrw(Box<WrwPlan>),
}

impl Solver for ImplicitGemm {
    fn id(&self) -> SolverId {
        SolverId(SolverId::FIRST + 1)
    }

    fn name(&self) -> &'static str {
        "any_igemm_gemm"
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::ImplicitGemm
    }

    fn applicable(&self, problem: &ConvProblem, _context: &Context) -> Applicability {
        super::check_types(problem)?;
        let output = problem.tensor5(problem.direction().output_role());
        if !output.has_distinct_elems() {
            return Err(Reason::new("output strides make elements share memory"));
        }
        let exceeds = |factors: [usize; 3], limit: usize| {
            let product = factors.into_iter().try_fold(1usize, usize::checked_mul);
            product.is_none_or(|product| product > limit)
        };
        if exceeds(problem.filter_spatial(), MAX_TAPS) {
            return Err(Reason::new(format!("more than {MAX_TAPS} taps")));
        }
        let phases = [0, 1, 2].map(|dim| problem.strides()[dim].min(problem.in_spatial()[dim]));
        if problem.direction() == Direction::Bwd && exceeds(phases, MAX_PHASES) {
            return Err(Reason::new(format!("more than {MAX_PHASES} phases of strides")));
        }
        Ok(())
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let is_direct = problem.filter_spatial() == [1; 3]
            && problem.strides() == [1; 3]
            && problem.pads() == [0; 3];
        let per_us = if is_direct { DIRECT_MULTIPLY_ADDS_PER_US } else { MULTIPLY_ADDS_PER_US };
        let rate = per_us * context.cpu_threads.get() as f64;
        let compute_us = problem.multiply_adds() / rate;
        let threads = context.cpu_threads.get();
        let groups_us = (problem.groups() * problem.n()) as f64 * GROUP_US / threads as f64;
        let rows = (problem.k() / problem.groups()) as f64;
        let packed_us = match problem.input_dtype() {
            DataType::I8 => problem.multiply_adds() / rows / INT8_PACKED_ELEMS_PER_US,
            _ => 0.0,
        };
        compute_us
            + packed_us / threads as f64
            + groups_us
            + problem.tensor_bytes() / BYTES_PER_US
            + OVERHEAD_US
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        Ok(Box::new(match problem.direction() {
            Direction::Fwd | Direction::Bwd => {
                ImplicitGemmPlan::Data(Box::new(DataPlan::new(problem)))
            }
            Direction::Wrw => ImplicitGemmPlan::Wrw(Box::new(WrwPlan::new(problem))),
        }))
    }
}

impl Plan for ImplicitGemmPlan {
    fn workspace_bytes(&self) -> usize {
        match self {
            ImplicitGemmPlan::Data(plan) => plan.workspace.total_bytes(),
            ImplicitGemmPlan::Wrw(plan) => plan.workspace.total_bytes(),
        }
    }

    fn execute(&self, context: &Context, args: &mut ConvArgs<'_>) -> Result<()> {
        let buffers = args.buffers.host()?;
        buffers.check(self.problem())?;
        let scalars = Scalars { alpha: args.alpha as f32, beta: args.beta as f32 };
        let run = Run { plan: self, context, scalars, workspace: args.workspace };
        use InputBuffer as In;
        use OutputBuffer as Out;
        match (buffers.inputs, buffers.output.reborrow()) {
            ([In::F32(a), In::F32(b)], Out::F32(out)) => run.floats(a, b, out),
            ([In::F16(a), In::F16(b)], Out::F16(out)) => run.floats(a, b, out),
            ([In::BF16(a), In::BF16(b)], Out::BF16(out)) => run.floats(a, b, out),
            ([In::I8(a), In::I8(b)], Out::I32(out)) => run.int8(a, b, out, args.alpha, args.beta),
            ([In::I8(a), In::I8(b)], Out::F32(out)) => run.int8(a, b, out, args.alpha, args.beta),
            ([In::I8(a), In::I8(b)], Out::I8(out)) => run.int8(a, b, out, args.alpha, args.beta),
            _ => Err(mixed_types()),
        }
    }
}

impl ImplicitGemmPlan {
    fn problem(&self) -> &ConvProblem {
        match self {
            ImplicitGemmPlan::Data(plan) => &plan.problem,
            ImplicitGemmPlan::Wrw(plan) => &plan.problem,
        }
    }
}

/// One execution, types aside.
struct Run<'a> {
    plan: &'a ImplicitGemmPlan,
    context: &'a Context,
    scalars: Scalars,
    workspace: &'a mut [u8],
}

impl Run<'_> {
    fn floats<T, O>(self, a: &[T], b: &[T], out: &mut [O]) -> Result<()>
    where
        T: Element<Sum = f32>,
        O: Output<f32>,
    {
        let threads = self.context.cpu_threads;
        match self.plan {
            ImplicitGemmPlan::Data(plan) => {
                plan.execute(threads, a, b, out, self.scalars, self.workspace)
            }
            ImplicitGemmPlan::Wrw(plan) => {
                plan.execute(threads, a, b, out, self.scalars, self.workspace)
            }
        }
    }

    fn int8<O: Output<i32>>(
        self,
        input: &[i8],
        filter: &[i8],
        out: &mut [O],
        alpha: f64,
        beta: f64,
    ) -> Result<()> {
        if !O::ADMITS_SCALARS {
            check_integer_scalars(alpha, beta)?;
        }
        match self.plan {
            ImplicitGemmPlan::Data(plan) => plan.execute(
                self.context.cpu_threads,
                input,
                filter,
                out,
                self.scalars,
                self.workspace,
            ),
            ImplicitGemmPlan::Wrw(_) => Err(mixed_types()),
        }
    }
}

fn mixed_types() -> Error {
    Error::not_implemented("no convolution for this mix of data types")
}
