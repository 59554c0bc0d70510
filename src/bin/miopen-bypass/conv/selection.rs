//! `--check-selection`: whether estimates choose the fastest solver.
//!
//! Every applicable solver is measured, in turns, so that a change of the machine's clock or load
//! meets all of them alike. The chosen one may be 10 % slower than the best one. Where it seems to
//! be slower, the measurement goes on with more rounds before that counts: a slow round is no
//! verdict.
#![forbid(unsafe_code)]

use MIOpen::engine::{self, Choice};
use MIOpen::problem::ConvProblem;
use MIOpen::solver::{Context, Plan, Solver};
use serde::Serialize;

use super::Session;
use super::layers::Layer;
use super::progress::Progress;
use super::report::Subject;
use super::solvers;
use super::tensors::Tensors;
use super::timing::Runner;
use crate::ending::{Ending, Failure};
use crate::output::Output;

/// How much slower than the best one the chosen solver may be.
const TOLERANCE: f64 = 1.10;

/// A solver whose estimate is that many times the best time measured is not run: estimates are good
/// to a factor of 3 or so, and the naive reference would take minutes on a large layer.
const HOPELESS: f64 = 30.0;

/// A solver whose first run took that many times the best one's is not run again.
const BEATEN: f64 = 3.0;

/// Rounds at first, and rounds added before a layer is called wrong.
const ROUNDS: usize = 7;
const MORE_ROUNDS: usize = 25;

/// What was measured of one solver.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    solver: &'static str,
    estimate_us: f64,
    /// Absent where the estimate made a measurement pointless.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_us: Option<f64>,
}

/// The verdict on one problem.
#[derive(Clone, Debug, Serialize)]
struct SelectionResult {
    #[serde(flatten)]
    subject: Subject,
    passed: bool,
    chosen: &'static str,
    best: &'static str,
    /// Time of the chosen solver over that of the best one.
    ratio: f64,
    solvers: Vec<Measured>,
}

pub fn run(session: &Session<'_>, output: &mut Output) -> Result<Ending, Failure> {
    let progress = Progress::new(session.layers.len());
    let widths = session.widths;
    let mut results = Vec::new();
    for layer in session.layers {
        progress.step(&layer.name);
        let result = check(layer, &session.context)
            .map_err(|error| Failure::failed(format!("{error}: {}", layer.problem)))?;
        if session.is_table() {
            let subject = &result.subject;
            let name = if subject.name.is_empty() { &subject.problem } else { &subject.name };
            let line = format!(
                "{name:<0$}  {1}  {2:>5.2}  {3}  chosen {4:<5$}  best {6}",
                widths.name,
                subject.direction,
                result.ratio,
                if result.passed { "ok  " } else { "SLOW" },
                result.chosen,
                widths.solver,
                result.best,
            );
            progress.around(|| output.line(line))?;
        }
        progress.done();
        results.push(result);
    }
    drop(progress);
    let slow = results.iter().filter(|result| !result.passed).count();
    if session.is_table() {
        let (of, percent) = (results.len(), (TOLERANCE - 1.0) * 100.0);
        output.line(format!("{slow} of {of} more than {percent:.0} % behind the best solver"))?;
    }
    session.finish(&results, output)?;
    Ok(if slow > 0 { Ending::CheckFailed } else { Ending::Done })
}

fn check(layer: &Layer, context: &Context) -> MIOpen::error::Result<SelectionResult> {
    let problem = &layer.problem;
    let chosen = solvers::chosen(problem, Choice::Default, context)?;
    let mut race = Race::new(problem, context)?;
    race.warm_up(chosen)?;
    race.rounds(ROUNDS)?;
    if race.ratio(chosen) > TOLERANCE {
        race.rounds(MORE_ROUNDS)?;
    }
    let ratio = race.ratio(chosen);
    let solvers = race.applicable.iter().map(|&solver| Measured {
        solver: solver.name(),
        estimate_us: solver.estimate_us(problem, context),
        min_us: race.min_us(solver),
    });
    Ok(SelectionResult {
        subject: Subject::of(layer),
        passed: ratio <= TOLERANCE,
        chosen: chosen.name(),
        best: race.best().map_or(chosen.name(), |best| best.solver.name()),
        ratio,
        solvers: solvers.collect(),
    })
}

/// The solvers of one problem, measured against each other.
struct Race<'a> {
    problem: &'a ConvProblem,
    context: &'a Context,
    applicable: Vec<&'static dyn Solver>,
    entrants: Vec<Entrant>,
    tensors: Tensors,
    workspace: Vec<u8>,
}

struct Entrant {
    solver: &'static dyn Solver,
    plan: Box<dyn Plan>,
    /// The best time so far: what load from outside disturbs least.
    min_us: f64,
}

impl<'a> Race<'a> {
    fn new(problem: &'a ConvProblem, context: &'a Context) -> MIOpen::error::Result<Self> {
        let applicable = engine::solvers().iter().copied();
        Ok(Race {
            problem,
            context,
            applicable: applicable
                .filter(|solver| solver.applicable(problem, context).is_ok())
                .collect(),
            entrants: Vec::new(),
            tensors: Tensors::new(problem)?,
            workspace: vec![0; engine::workspace_bytes(problem, context)?],
        })
    }

    /// Runs everybody once, the chosen one first and then by estimate. Who is hopelessly behind,
    /// by estimate or in fact, leaves the race.
    fn warm_up(&mut self, chosen: &'static dyn Solver) -> MIOpen::error::Result<()> {
        let estimate_us = |solver: &dyn Solver| solver.estimate_us(self.problem, self.context);
        let mut order = self.applicable.clone();
        order.sort_by(|&a, &b| estimate_us(a).total_cmp(&estimate_us(b)));
        order.sort_by_key(|solver| solver.id() != chosen.id());
        let mut best_us = f64::INFINITY;
        for solver in order {
            if solver.estimate_us(self.problem, self.context) > HOPELESS * best_us {
                continue;
            }
            let plan = solver.plan(self.problem, self.context)?;
            // The first run pays for memory that is touched for the first time.
            let first_us = self.run(&*plan)?;
            let min_us = if first_us > BEATEN * best_us { first_us } else { self.run(&*plan)? };
            best_us = best_us.min(min_us);
            self.entrants.push(Entrant { solver, plan, min_us });
        }
        Ok(())
    }

    /// Measures those who are not beaten, in turns.
    fn rounds(&mut self, rounds: usize) -> MIOpen::error::Result<()> {
        let best_us = self.best().map_or(f64::INFINITY, |best| best.min_us);
        let mut entrants = std::mem::take(&mut self.entrants);
        for _ in 0..rounds {
            for entrant in entrants.iter_mut().filter(|e| e.min_us <= BEATEN * best_us) {
                entrant.min_us = entrant.min_us.min(self.run(&*entrant.plan)?);
            }
        }
        self.entrants = entrants;
        Ok(())
    }

    fn run(&mut self, plan: &dyn Plan) -> MIOpen::error::Result<f64> {
        let (tensors, workspace) = (&mut self.tensors, &mut self.workspace[..]);
        Runner { plan, context: self.context, tensors, workspace }.run()
    }

    fn best(&self) -> Option<&Entrant> {
        self.entrants.iter().min_by(|a, b| a.min_us.total_cmp(&b.min_us))
    }

    fn min_us(&self, solver: &dyn Solver) -> Option<f64> {
        let entrant = self.entrants.iter().find(|entrant| entrant.solver.id() == solver.id());
        entrant.map(|entrant| entrant.min_us)
    }

    /// Time of `solver` over the best one's.
    fn ratio(&self, solver: &dyn Solver) -> f64 {
        let best_us = self.best().map_or(f64::NAN, |best| best.min_us);
        self.min_us(solver).unwrap_or(f64::INFINITY) / best_us
    }
}
