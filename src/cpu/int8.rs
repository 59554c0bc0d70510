//! Forward convolution of int8 on integer instructions.
//!
//! An implicit GEMM cut as [`super::Blocked`] cuts those of floats, on words of two or four
//! neighbouring channels instead of floats: planes of words are staged from the tensor, panels are
//! packed from planes, and words of the filter, made block by block from the filter as it lies, are
//! multiplied with panels. Any strides, groups, dilation and number of dimensions; output i32, f32
//! or int8.
//!
//! Numerics: i32 sums modulo 2^32, which are exact in any order; an f32 output is the sum rounded
//! once, and admits alpha and beta. Where words hold bytes, those of the input are 128 more than their
//! values, and each sum begins with -128 times the sum of its weights.
#![forbid(unsafe_code)]

mod depthwise;
mod filter;
mod plan;

use super::blocked::{BlockShape, Blocking, check_sizes};
use super::element::Scalars;
use super::gather::Gather;
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::{Int8Isa, Int8Kernel};
use super::rates;
use crate::error::{Error, Result};
use crate::memory::{InputBuffer, OutputBuffer};
use crate::problem::{ConvProblem, DataType};
use crate::reference::check_integer_scalars;
use crate::solver::{Algorithm, Applicability, Context, ConvArgs, Plan, Reason, Solver, SolverId};
pub use depthwise::Int8Depthwise;
use plan::{Int8Plan, word_gather};

/// The implicit GEMM of int8 on one set of instructions.
pub struct Int8(pub Int8Kernel);

impl Solver for Int8 {
    fn id(&self) -> SolverId {
        SolverId(ids::INT8 + self.0 as u64)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            Int8Kernel::Scalar => "int8_igemm_fwd_6x8__scalar",
            Int8Kernel::Avx2 => "int8_igemm_fwd_6x16__avx2",
            Int8Kernel::AvxVnni => "int8_igemm_fwd_6x16__avx_vnni",
            Int8Kernel::Avx512Bw => "int8_igemm_fwd_14x32__avx512_bw",
            Int8Kernel::Avx512Vnni => "int8_igemm_fwd_14x32__avx512_vnni",
            Int8Kernel::Amx => "int8_igemm_fwd_32x32__amx",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::ImplicitGemm
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        // The type first: the system is asked for tiles only where they may serve.
        if problem.input_dtype() != DataType::I8 {
            return Err(Reason::new("serves int8"));
        }
        if Int8Isa::allowed(self.0).is_none() {
            return Err(Reason::new(
                "the processor lacks these instructions, or a setting bars them",
            ));
        }
        check_sizes(problem)?;
        // The same conditions on types, directions and strides hold.
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let Some(isa) = Int8Isa::allowed(self.0) else {
            return f64::INFINITY;
        };
        let shape = BlockShape::new(problem, &word_gather(&Gather::over_x(problem), isa));
        let blocking = Blocking::choose(&shape, isa.isa(), context.cpu_threads);
        let cost = blocking.cost(&shape, isa.isa(), context.cpu_threads);
        cost / rates::words_per_us(self.0)
            + rates::memory_us(problem)
            + rates::scatter_us(problem, context, false)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let isa = Int8Isa::require(self.0)?;
        Ok(Box::new(Int8Plan::new(problem, isa, context.cpu_threads)))
    }
}

impl Plan for Int8Plan {
    fn workspace_bytes(&self) -> usize {
        0
    }

    fn execute(&self, context: &Context, args: &mut ConvArgs<'_>) -> Result<()> {
        use InputBuffer as In;
        use OutputBuffer as Out;
        let buffers = args.buffers.host()?;
        buffers.check(&self.problem)?;
        let scalars = Scalars { alpha: args.alpha as f32, beta: args.beta as f32 };
        let threads = context.cpu_threads;
        let [In::I8(input), In::I8(filter)] = buffers.inputs else {
            return Err(Error::not_implemented("no convolution for this mix of data types"));
        };
        if let Out::F32(out) = buffers.output.reborrow() {
            return self.run(threads, [input, filter], out, scalars);
        }
        check_integer_scalars(args.alpha, args.beta)?;
        match buffers.output.reborrow() {
            Out::I32(out) => self.run(threads, [input, filter], out, scalars),
            Out::I8(out) => self.run(threads, [input, filter], out, scalars),
            _ => Err(Error::not_implemented("no convolution for this mix of data types")),
        }
    }
}
