//! Chooses among solvers: the registry, Find, immediate mode, and the plan cache.
//!
//! Everything here is a function on a problem; the only state is the cache,
//! which belongs to the process and is lost at `fork`.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::config::workspace_limit_bytes;
use crate::error::{Error, Result};
use crate::problem::ConvProblem;
use crate::solver::{Algorithm, Applicability, Context, ConvArgs, Plan, Reason, Solver, SolverId};

mod cache;
mod registry;
mod staged;

pub use registry::solvers;
pub use staged::{STAGED, on_device};

/// Immediate mode lists at most this many; PyTorch keeps a buffer of this size.
pub const MAX_SOLUTIONS: usize = 10;

/// A solver that is `SKIP_FACTOR` times slower by its own estimate than the
/// best one measured is not worth measuring: the naive reference would take
/// minutes on a large layer. Estimates are good to about a factor of 3.
const SKIP_FACTOR: f64 = 8.0;

/// Runs of each solver in a search; the best one counts.
const EXHAUSTIVE_REPEATS: usize = 3;

/// MIOpen numbers its solvers densely from 1 and never reuses a number: 124 in
/// ROCm 5.2, 179 in October 2024 (`src/solver.cpp`). The bound leaves room for
/// the releases of many years.
const LAST_MIOPEN_ID: u64 = 999;

/// One way to run a problem, as immediate mode and Find list it.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The solver.
    pub solver: SolverId,
    /// Its name.
    pub name: &'static str,
    /// Its algorithm family.
    pub algorithm: Algorithm,
    /// Measured if Find ran, else estimated.
    pub time_us: f64,
    /// Whether `time_us` was measured.
    pub is_measured: bool,
    /// Workspace that spares allocations; the CPU's solvers also run with less.
    pub workspace_bytes: usize,
    /// Workspace without which it does not run.
    pub required_workspace_bytes: usize,
}

/// Which solver is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The best one measured, else the best one by estimate.
    Default,
    /// This one.
    Solver(SolverId),
    /// The best one of this family; the default where the family has none
    /// that is applicable, because clients replay algorithms found elsewhere.
    Algorithm(Algorithm),
}

impl Choice {
    /// From a solution id of immediate mode.
    ///
    /// The real library's ids mean our default: clients replay ids stored
    /// before the problem was bypassed.
    ///
    /// # Errors
    /// `BadParm` for 0 and for ids above MIOpen's that no solver here has.
    pub fn from_solution_id(solution_id: u64) -> Result<Self> {
        if (1..=LAST_MIOPEN_ID).contains(&solution_id) {
            return Ok(Choice::Default);
        }
        let id = SolverId(solution_id);
        if solvers().iter().any(|solver| solver.id() == id) {
            Ok(Choice::Solver(id))
        } else {
            Err(Error::bad_parm(format!("invalid solution id {solution_id}")))
        }
    }
}

/// The applicable solvers, best first (measured before estimated), at most [`MAX_SOLUTIONS`].
///
/// At least one works without workspace, if there is any: some clients take no other. Empty where
/// no solver serves the problem; [`rejections`] then says why.
pub fn solutions(problem: &ConvProblem, context: &Context) -> Result<Vec<Solution>> {
    let mut solutions = applicable_solutions(problem, context)?;
    cut_to(&mut solutions, MAX_SOLUTIONS);
    Ok(solutions)
}

/// Cuts a list that is sorted, best first; the best entry without workspace stays.
fn cut_to(solutions: &mut Vec<Solution>, count: usize) {
    if solutions.len() <= count {
        return;
    }
    let is_small = |solution: &Solution| solution.workspace_bytes == 0;
    if let Some(at) = solutions.iter().position(is_small).filter(|&at| at >= count) {
        solutions.swap(at, count - 1);
    }
    solutions.truncate(count);
}

/// The solvers that do not serve the problem, each with its reason.
pub fn rejections(problem: &ConvProblem, context: &Context) -> Vec<(&'static str, Reason)> {
    solvers()
        .iter()
        .filter_map(|solver| {
            applicable(*solver, problem, context).err().map(|reason| (solver.name(), reason))
        })
        .collect()
}

/// Whether a solver computes the problem where its tensors lie.
pub fn has_kernel(problem: &ConvProblem, context: &Context) -> bool {
    serving(problem, context).iter().any(|solver| !solver.is_last_resort())
}

/// Whether the problem can be computed at all.
pub fn is_served(problem: &ConvProblem, context: &Context) -> bool {
    !serving(problem, context).is_empty()
}

/// An upper bound of the workspace that any solution profits from.
pub fn workspace_bytes(problem: &ConvProblem, context: &Context) -> Result<usize> {
    let solutions = applicable_solutions(problem, context)?;
    Ok(solutions.iter().map(|solution| solution.workspace_bytes).max().unwrap_or(0))
}

/// The solution that `choice` stands for, plan made and cached: what
/// `miopenConvolution*GetSolutionWorkspaceSize` and `CompileSolution` ask for.
///
/// # Errors
/// `BadParm` for a solver that is not applicable, `UnknownError` where none is.
pub fn prepare(problem: &ConvProblem, choice: Choice, context: &Context) -> Result<Solution> {
    let solver = choose(problem, choice, context)?;
    solution_of(solver, problem, context)
}

/// Runs a problem; the name of the solver that did it.
///
/// # Errors
/// As [`prepare`]; besides what execution reports.
pub fn run(
    problem: &ConvProblem,
    choice: Choice,
    context: &Context,
    args: &mut ConvArgs<'_>,
) -> Result<&'static str> {
    let solver = choose(problem, choice, context)?;
    plan_of(solver, problem, context)?.execute(context, args)?;
    Ok(solver.name())
}

/// Runs a problem, waits for the result; the name of the solver and the microseconds that it took.
///
/// # Errors
/// As [`run`].
pub fn run_timed(
    problem: &ConvProblem,
    choice: Choice,
    context: &Context,
    args: &mut ConvArgs<'_>,
) -> Result<(&'static str, f64)> {
    let solver = choose(problem, choice, context)?;
    let time_us = plan_of(solver, problem, context)?.execute_timed(context, args)?;
    Ok((solver.name(), time_us))
}

/// Measures the solvers on the caller's own buffers and remembers the times.
///
/// The output ends up holding the result. Solvers that require more workspace
/// than there is are left out, and so are those whose estimate is hopeless.
/// Returns at most one solution an algorithm, fastest first. `exhaustive`
/// repeats each measurement.
///
/// # Errors
/// `UnknownError` where no solver is left, else what execution reports.
pub fn find(
    problem: &ConvProblem,
    context: &Context,
    args: &mut ConvArgs<'_>,
    exhaustive: bool,
) -> Result<Vec<Solution>> {
    let mut found: Vec<Solution> = Vec::new();
    let mut best_us = f64::INFINITY;
    for candidate in applicable_solutions(problem, context)? {
        if candidate.required_workspace_bytes > args.workspace_bytes() {
            continue;
        }
        let solver = solver_by_id(candidate.solver)?;
        if solver.estimate_us(problem, context) > SKIP_FACTOR * best_us {
            continue;
        }
        let plan = plan_of(solver, problem, context)?;
        let mut time_us = f64::INFINITY;
        // The first run warms caches and is not counted; a long one is not repeated.
        let repeats = 1 + if exhaustive { EXHAUSTIVE_REPEATS } else { 1 };
        for repeat in 0..repeats {
            let run_us = plan.execute_timed(context, args)?;
            if repeat > 0 || run_us > SKIP_FACTOR * best_us {
                time_us = time_us.min(run_us);
            }
            if run_us > SKIP_FACTOR * best_us {
                break;
            }
        }
        best_us = best_us.min(time_us);
        cache::remember_time(problem, context, candidate.solver, time_us);
        // What was measured is what a client may run with: it allocates what Find reports.
        let workspace_bytes = if args.workspace_bytes() < candidate.workspace_bytes {
            candidate.required_workspace_bytes
        } else {
            candidate.workspace_bytes
        };
        found.push(Solution { time_us, is_measured: true, workspace_bytes, ..candidate });
    }
    if found.is_empty() {
        return Err(no_solver(problem, context));
    }
    found.sort_by(|a, b| a.time_us.total_cmp(&b.time_us));
    let mut algorithms = Vec::new();
    found.retain(|solution| {
        let is_first = !algorithms.contains(&solution.algorithm);
        algorithms.push(solution.algorithm);
        is_first
    });
    Ok(found)
}

/// Whether a solver serves the problem where its tensors lie, and if not, why.
fn applicable(solver: &dyn Solver, problem: &ConvProblem, context: &Context) -> Applicability {
    if !solver.reaches(context.memory) {
        return Err(Reason::new("does not reach the memory that the tensors are in"));
    }
    solver.applicable(problem, context)?;
    let Some(limit_bytes) = workspace_limit_bytes() else { return Ok(()) };
    let plan = plan_of(solver, problem, context).map_err(|error| Reason::new(error.context))?;
    let required_bytes = plan.required_workspace_bytes();
    if required_bytes as u64 > limit_bytes {
        return Err(Reason::new(format!(
            "needs {required_bytes} bytes of workspace, and the limit is {limit_bytes}"
        )));
    }
    Ok(())
}

/// The applicable solvers in the registry's order; those of last resort only among themselves.
fn serving(problem: &ConvProblem, context: &Context) -> Vec<&'static dyn Solver> {
    let serving = |is_last_resort: bool| -> Vec<&'static dyn Solver> {
        let considered =
            solvers().iter().copied().filter(|solver| solver.is_last_resort() == is_last_resort);
        considered.filter(|solver| applicable(*solver, problem, context).is_ok()).collect()
    };
    let first = serving(false);
    if first.is_empty() { serving(true) } else { first }
}

fn applicable_solutions(problem: &ConvProblem, context: &Context) -> Result<Vec<Solution>> {
    let mut solutions = serving(problem, context)
        .into_iter()
        .map(|solver| solution_of(solver, problem, context))
        .collect::<Result<Vec<_>>>()?;
    // Guesses come after what was measured, as in the real library's lists.
    solutions
        .sort_by(|a, b| b.is_measured.cmp(&a.is_measured).then(a.time_us.total_cmp(&b.time_us)));
    Ok(solutions)
}

fn solution_of(
    solver: &'static dyn Solver,
    problem: &ConvProblem,
    context: &Context,
) -> Result<Solution> {
    let plan = plan_of(solver, problem, context)?;
    let measured_us = cache::measured_time_us(problem, context, solver.id());
    let wanted_bytes = plan.workspace_bytes();
    let is_granted = workspace_limit_bytes().is_none_or(|limit| wanted_bytes as u64 <= limit);
    Ok(Solution {
        solver: solver.id(),
        name: solver.name(),
        algorithm: solver.algorithm(),
        time_us: measured_us.unwrap_or_else(|| solver.estimate_us(problem, context)),
        is_measured: measured_us.is_some(),
        workspace_bytes: if is_granted { wanted_bytes } else { plan.required_workspace_bytes() },
        required_workspace_bytes: plan.required_workspace_bytes(),
    })
}

fn plan_of(solver: &dyn Solver, problem: &ConvProblem, context: &Context) -> Result<Arc<dyn Plan>> {
    cache::plan(problem, context, solver.id(), || solver.plan(problem, context).map(Arc::from))
}

fn solver_by_id(id: SolverId) -> Result<&'static dyn Solver> {
    solvers()
        .iter()
        .copied()
        .find(|solver| solver.id() == id)
        .ok_or_else(|| Error::bad_parm(format!("invalid solution id {id}")))
}

fn choose(problem: &ConvProblem, choice: Choice, context: &Context) -> Result<&'static dyn Solver> {
    let fastest = |family: Option<Algorithm>| {
        let known = cache::choice(problem, context, family).and_then(|id| solver_by_id(id).ok());
        // The limit may have changed since.
        let is_limited = workspace_limit_bytes().is_some();
        if known.is_some_and(|one| !is_limited || applicable(one, problem, context).is_ok()) {
            return known;
        }
        let fastest = serving(problem, context)
            .into_iter()
            .filter(|solver| family.is_none_or(|family| solver.algorithm() == family))
            .map(|solver| {
                let time_us = cache::measured_time_us(problem, context, solver.id())
                    .unwrap_or_else(|| solver.estimate_us(problem, context));
                (solver, time_us)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(solver, _)| solver);
        if let Some(solver) = fastest {
            cache::remember_choice(problem, context, family, solver.id());
        }
        fastest
    };
    let default = || fastest(None).ok_or_else(|| no_solver(problem, context));
    match choice {
        Choice::Default => default(),
        Choice::Algorithm(algorithm) => fastest(Some(algorithm)).map_or_else(default, Ok),
        Choice::Solver(id) => {
            let solver = solver_by_id(id)?;
            applicable(solver, problem, context).map_err(|reason| {
                Error::bad_parm(format!("solver {} is not applicable: {reason}", solver.name()))
            })?;
            Ok(solver)
        }
    }
}

fn no_solver(problem: &ConvProblem, context: &Context) -> Error {
    let reasons: Vec<String> = rejections(problem, context)
        .into_iter()
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    Error::unknown(format!("no suitable algorithm was found ({})", reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solution(workspace_bytes: usize, time_us: f64) -> Solution {
        Solution {
            solver: SolverId(time_us as u64),
            name: "made up",
            algorithm: Algorithm::Direct,
            time_us,
            is_measured: false,
            workspace_bytes,
            required_workspace_bytes: 0,
        }
    }

    #[test]
    fn a_cut_list_keeps_the_best_solution_without_workspace() {
        let times = |solutions: &[Solution]| -> Vec<f64> {
            solutions.iter().map(|solution| solution.time_us).collect()
        };
        let list = |small: &[u32]| -> Vec<Solution> {
            (1..=6).map(|at| solution(usize::from(!small.contains(&at)), f64::from(at))).collect()
        };
        for (small, kept) in [
            (&[5, 6][..], [1.0, 2.0, 5.0]),
            (&[4], [1.0, 2.0, 4.0]),
            (&[2, 6], [1.0, 2.0, 3.0]),
            (&[], [1.0, 2.0, 3.0]),
        ] {
            let mut solutions = list(small);
            cut_to(&mut solutions, 3);
            assert_eq!(times(&solutions), kept, "{small:?}");
        }
        let mut short = list(&[6]);
        cut_to(&mut short, 6);
        assert_eq!(short.len(), 6);
    }
}
