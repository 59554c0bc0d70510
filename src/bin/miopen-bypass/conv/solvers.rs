//! Solvers by name or number, and what there is to choose from.
#![forbid(unsafe_code)]

use MIOpen::engine::{self, Choice};
use MIOpen::error::Result;
use MIOpen::problem::ConvProblem;
use MIOpen::solver::{Context, Reason, Solver};
use serde::Serialize;

use crate::ending::Failure;

/// The choice that a name or an id stands for.
pub fn choice_of(text: &str) -> std::result::Result<Choice, Failure> {
    if let Some(solver) = engine::solvers().iter().find(|solver| solver.name() == text) {
        return Ok(Choice::Solver(solver.id()));
    }
    match text.parse() {
        Ok(0) => Ok(Choice::Default),
        Ok(id) => {
            Choice::from_solution_id(id).map_err(|error| Failure::Usage(error.context.into_owned()))
        }
        Err(_) => {
            let names: Vec<&str> = engine::solvers().iter().map(|solver| solver.name()).collect();
            Err(Failure::Usage(format!("no solver {text}; there are {}", names.join(", "))))
        }
    }
}

/// The solver that runs.
pub fn chosen(
    problem: &ConvProblem,
    choice: Choice,
    context: &Context,
) -> Result<&'static dyn Solver> {
    let id = engine::prepare(problem, choice, context)?.solver;
    // `prepare` names no solver that the registry lacks.
    let solver = engine::solvers().iter().copied().find(|solver| solver.id() == id);
    solver.ok_or_else(|| MIOpen::error::Error::unknown(format!("solver {id} is gone")))
}

/// One line of `--list`.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    pub id: u64,
    pub solver: &'static str,
    /// Runs unless another one is asked for.
    pub chosen: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_bytes: Option<usize>,
    /// Why it does not serve the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<String>,
}

/// Every solver on a problem: those that serve it, best first, then the others in their order.
pub fn list(problem: &ConvProblem, context: &Context) -> Result<Vec<Listed>> {
    let mut served = Vec::new();
    let mut rejected = Vec::new();
    for solver in engine::solvers() {
        let listed = Listed {
            id: solver.id().0,
            solver: solver.name(),
            chosen: false,
            estimate_us: None,
            workspace_bytes: None,
            rejection: None,
        };
        let applicable = match solver.reaches(context.memory) {
            true => solver.applicable(problem, context),
            false => Err(Reason::new("computes elsewhere")),
        };
        match applicable {
            Err(reason) => {
                rejected.push(Listed { rejection: Some(reason.to_string()), ..listed });
            }
            Ok(()) => served.push(Listed {
                estimate_us: Some(solver.estimate_us(problem, context)),
                workspace_bytes: Some(solver.plan(problem, context)?.workspace_bytes()),
                ..listed
            }),
        }
    }
    if !served.is_empty() {
        let id = chosen(problem, Choice::Default, context)?.id().0;
        for listed in &mut served {
            listed.chosen = listed.id == id;
        }
    }
    let estimate = |listed: &Listed| listed.estimate_us.unwrap_or(f64::INFINITY);
    served.sort_by(|a, b| estimate(a).total_cmp(&estimate(b)));
    served.extend(rejected);
    Ok(served)
}
