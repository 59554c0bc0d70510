//! The list of all solvers.
#![forbid(unsafe_code)]

use crate::cpu;
use crate::solver::Solver;

static SOLVERS: [&dyn Solver; 2] = [&cpu::ImplicitGemm, &cpu::Naive];

/// Every solver: the specialised before the general, the naive reference last.
/// Where two guess the same time, the earlier one wins.
pub fn solvers() -> &'static [&'static dyn Solver] {
    &SOLVERS
}
