//! The naive reference as a solver: the one that serves what no other does.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::problem::ConvProblem;
use crate::reference;
use crate::solver::{Algorithm, Applicability, Context, ConvArgs, Plan, Solver, SolverId};

/// Multiply-adds a microsecond, measured on a 3 GHz Zen 3 core: 70 forward, 140
/// backward-weights, 16 backward-data, whose indices need divisions.
const MULTIPLY_ADDS_PER_US: f64 = 50.0;

/// [`reference::convolve`] in the registry.
pub struct Naive;

struct NaivePlan {
    problem: ConvProblem,
}

impl Solver for Naive {
    fn id(&self) -> SolverId {
        SolverId(SolverId::FIRST)
    }

    fn name(&self) -> &'static str {
        "any_direct_naive"
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, _context: &Context) -> Applicability {
        super::check_types(problem)
    }

    fn estimate_us(&self, problem: &ConvProblem, _context: &Context) -> f64 {
        problem.multiply_adds() / MULTIPLY_ADDS_PER_US
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        Ok(Box::new(NaivePlan { problem: problem.clone() }))
    }
}

impl Plan for NaivePlan {
    fn workspace_bytes(&self) -> usize {
        0
    }

    fn execute(&self, _context: &Context, args: &mut ConvArgs<'_>) -> Result<()> {
        let buffers = args.buffers.host()?;
        reference::convolve(&self.problem, buffers, args.alpha, args.beta)
    }
}
