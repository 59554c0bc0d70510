//! The list of all solvers.
#![forbid(unsafe_code)]

use crate::solver::Solver;
use crate::{cpu, gpu};

static SOLVERS: [&dyn Solver; 6] = [
    &gpu::ImplicitGemm,
    &gpu::Direct,
    &gpu::WrwImplicitGemm,
    &gpu::WrwDirect,
    &cpu::ImplicitGemm,
    &cpu::Naive,
];

/// Every solver: the specialised before the general, the naive reference last.
/// Where two guess the same time, the earlier one wins.
pub fn solvers() -> &'static [&'static dyn Solver] {
    &SOLVERS
}
