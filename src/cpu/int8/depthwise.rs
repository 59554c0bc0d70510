//! Depthwise convolution of int8 on the kernels of floats.
//!
//! Numerics: a sum has as many products as the filter has taps. Products of int8 are at most 2^14 in
//! magnitude and f32 holds all integers up to 2^24, so sums of up to 1024 products are exact.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use super::check_sizes;
use crate::config::IsaLevel;
use crate::cpu::depthwise::{Depthwise, DepthwisePlan, check_channels};
use crate::cpu::depthwise_planes::{self, DepthwisePlanes, check_planes};
use crate::cpu::element::{Element, Output};
use crate::cpu::ids;
use crate::cpu::igemm::ImplicitGemm;
use crate::cpu::isa::Isa;
use crate::error::{Error, Result};
use crate::memory::{InputBuffer, OutputBuffer};
use crate::problem::{ConvProblem, DataType};
use crate::reference::check_integer_scalars;
use crate::solver::{Algorithm, Applicability, Context, ConvArgs, Plan, Reason, Solver, SolverId};

/// Depthwise convolution of int8 at one instruction set level.
pub struct Int8Depthwise(pub IsaLevel);

struct Int8DepthwisePlan {
    problem: ConvProblem,
    kernel: Kernel,
    /// Serves alpha and beta.
    fallback: OnceLock<Result<Box<dyn Plan>>>,
}

/// By planes where they serve, else by lines.
enum Kernel {
    Planes(depthwise_planes::DataKernel),
    Lines(DepthwisePlan),
}

impl Kernel {
    fn convolve<O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[i8]; 2],
        out: &mut [O],
    ) -> Result<()> {
        match self {
            Kernel::Planes(kernel) => kernel.convolve(threads, inputs, out),
            Kernel::Lines(kernel) => kernel.convolve(threads, inputs, out),
        }
    }
}

impl Solver for Int8Depthwise {
    fn id(&self) -> SolverId {
        ids::at_level(ids::INT8_DEPTHWISE, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "int8_depthwise_fwd__scalar",
            IsaLevel::Avx2Fma => "int8_depthwise_fwd__avx2_fma",
            IsaLevel::Avx512 => "int8_depthwise_fwd__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        if Isa::allowed(self.0).is_none() {
            return Err(Reason::new(
                "the processor lacks this instruction set, or a setting bars it",
            ));
        }
        if problem.input_dtype() != DataType::I8 {
            return Err(Reason::new("serves int8"));
        }
        check_channels(problem)?;
        check_sizes(problem)?;
        if problem.filter_spatial().iter().product::<usize>() > <i8 as Element>::MAX_F32_TERMS {
            return Err(Reason::new("sums of more products than f32 holds exactly"));
        }
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        match check_planes(problem) {
            Ok(()) => DepthwisePlanes(self.0).estimate_us(problem, context),
            Err(_) => Depthwise(self.0).estimate_us(problem, context),
        }
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        let isa = Isa::require(self.0)?;
        let kernel = match check_planes(problem) {
            Ok(()) => Kernel::Planes(depthwise_planes::DataKernel::new(problem, isa)),
            Err(_) => Kernel::Lines(DepthwisePlan::new(problem, isa)),
        };
        let problem = problem.clone();
        Ok(Box::new(Int8DepthwisePlan { problem, kernel, fallback: OnceLock::new() }))
    }
}

impl Plan for Int8DepthwisePlan {
    fn workspace_bytes(&self) -> usize {
        0
    }

    fn execute(&self, context: &Context, args: &mut ConvArgs<'_>) -> Result<()> {
        use InputBuffer as In;
        use OutputBuffer as Out;
        let buffers = args.buffers.host()?;
        buffers.check(&self.problem)?;
        let is_plain = args.alpha == 1.0 && args.beta == 0.0;
        let (kernel, threads) = (&self.kernel, context.cpu_threads);
        let [In::I8(input), In::I8(filter)] = buffers.inputs else {
            return Err(mixed_types());
        };
        let inputs = [input, filter];
        match buffers.output.reborrow() {
            Out::F32(out) if is_plain => kernel.convolve(threads, inputs, out),
            Out::F32(_) => {
                let fallback =
                    self.fallback.get_or_init(|| ImplicitGemm.plan(&self.problem, context));
                fallback.as_ref().map_err(Error::clone)?.execute(context, args)
            }
            Out::I32(out) => {
                check_integer_scalars(args.alpha, args.beta)?;
                kernel.convolve(threads, inputs, out)
            }
            Out::I8(out) => {
                check_integer_scalars(args.alpha, args.beta)?;
                kernel.convolve(threads, inputs, out)
            }
            _ => Err(mixed_types()),
        }
    }
}

fn mixed_types() -> Error {
    Error::not_implemented("no convolution for this mix of data types")
}
