//! The list of all solvers.
#![forbid(unsafe_code)]

use crate::config::IsaLevel;
use crate::cpu;
use crate::solver::Solver;

static SOLVERS: [&dyn Solver; 5] = [
    &cpu::Blocked(IsaLevel::Avx512),
    &cpu::Blocked(IsaLevel::Avx2Fma),
    &cpu::Blocked(IsaLevel::Scalar),
    &cpu::ImplicitGemm,
    &cpu::Naive,
];

/// Every solver: the specialised before the general, the naive reference last.
/// Where two guess the same time, the earlier one wins.
pub fn solvers() -> &'static [&'static dyn Solver] {
    &SOLVERS
}
