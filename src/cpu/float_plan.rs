//! What the plans of kernels for the float types have in common.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use super::element::{Element, Output};
use crate::error::{Error, Result};
use crate::memory::{InputBuffer, OutputBuffer};
use crate::problem::ConvProblem;
use crate::solver::{Context, ConvArgs, Plan, Solver};

/// The prepared part of a plan: computes with alpha 1 and beta 0.
pub trait FloatKernel: Send + Sync {
    /// As [`Plan::workspace_bytes`].
    fn workspace_bytes(&self) -> usize {
        0
    }

    /// Runs. The slices span the tensors of the problem, inputs in the order of
    /// [`crate::problem::Direction::input_roles`].
    ///
    /// Returns whether the result holds: false where values that are not finite
    /// may have reached sums that they do not belong to.
    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool>;
}

/// A kernel with a solver that serves what the kernel does not: alpha and beta,
/// and inputs that are not finite.
pub struct FloatPlan<K, F> {
    problem: ConvProblem,
    kernel: K,
    fallback: F,
    fallback_plan: OnceLock<Result<Box<dyn Plan>>>,
}

impl<K: FloatKernel + 'static, F: Solver + Send + 'static> FloatPlan<K, F> {
    /// The plan of `problem`, to which `fallback` must be applicable.
    pub fn boxed(problem: &ConvProblem, kernel: K, fallback: F) -> Box<dyn Plan> {
        let fallback_plan = OnceLock::new();
        Box::new(FloatPlan { problem: problem.clone(), kernel, fallback, fallback_plan })
    }
}

impl<K: FloatKernel, F: Solver + Send> Plan for FloatPlan<K, F> {
    fn workspace_bytes(&self) -> usize {
        self.kernel.workspace_bytes()
    }

    fn execute(&self, context: &Context, args: &mut ConvArgs<'_>) -> Result<()> {
        use InputBuffer as In;
        use OutputBuffer as Out;
        let buffers = args.buffers.host()?;
        buffers.check(&self.problem)?;
        if args.alpha == 1.0 && args.beta == 0.0 {
            let (kernel, threads) = (&self.kernel, context.cpu_threads);
            let workspace = &mut *args.workspace;
            let holds = match (buffers.inputs, buffers.output.reborrow()) {
                ([In::F32(a), In::F32(b)], Out::F32(out)) => {
                    kernel.run(threads, [a, b], out, workspace)
                }
                ([In::F16(a), In::F16(b)], Out::F16(out)) => {
                    kernel.run(threads, [a, b], out, workspace)
                }
                ([In::BF16(a), In::BF16(b)], Out::BF16(out)) => {
                    kernel.run(threads, [a, b], out, workspace)
                }
                _ => Err(Error::not_implemented("no convolution for this mix of data types")),
            }?;
            if holds {
                return Ok(());
            }
        }
        let fallback =
            self.fallback_plan.get_or_init(|| self.fallback.plan(&self.problem, context));
        fallback.as_ref().map_err(Error::clone)?.execute(context, args)
    }
}
