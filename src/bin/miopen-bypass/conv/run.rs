//! The ordinary mode: run, verify, time.
#![forbid(unsafe_code)]

use MIOpen::engine::{self, Choice};
use MIOpen::solver::{Buffers, ConvArgs};

use super::Session;
use super::counts::{Counts, Reader};
use super::layers::Layer;
use super::progress::Progress;
use super::report::{RunResult, Subject};
use super::solvers;
use super::tensors::Tensors;
use super::timing::{Runner, Timing, repeated};
use super::verify::{self, Extent};
use crate::device::OnDevice;
use crate::ending::{Ending, Failure};
use crate::output::Output;

/// How to run: MIOpenDriver's flags `-i -V -t -s -S`.
pub struct Options {
    pub choice: Choice,
    /// Timed runs; `None`: as many as the budget holds.
    runs: Option<usize>,
    verifies: Option<Extent>,
    times: bool,
    pub searches: bool,
}

impl Options {
    /// From flags by long name, in the order given; those that mean nothing here are passed over.
    pub fn new(flags: &[(&'static str, String)]) -> Result<Self, Failure> {
        let mut options = Options {
            choice: Choice::Default,
            runs: None,
            verifies: Some(Extent::SomeChannels),
            times: true,
            searches: false,
        };
        for (name, value) in flags {
            let wrong = |takes: &str| Failure::Usage(format!("--{name} {value} is not {takes}"));
            match *name {
                "iter" => {
                    let runs = value.parse().ok().filter(|&runs| runs > 0);
                    options.runs = Some(runs.ok_or_else(|| wrong("a number above 0"))?);
                }
                "verify" => {
                    options.verifies = match value.as_str() {
                        "0" => None,
                        "1" => Some(Extent::SomeChannels),
                        "2" => Some(Extent::AllChannels),
                        _ => return Err(wrong("0, 1 or 2")),
                    };
                }
                "time" => options.times = switch(value).ok_or_else(|| wrong("0 or 1"))?,
                "search" => options.searches = switch(value).ok_or_else(|| wrong("0 or 1"))?,
                // MIOpenDriver takes a negative one for "search".
                "solution" if value.starts_with('-') => options.searches = true,
                "solution" => options.choice = solvers::choice_of(value)?,
                _ => {}
            }
        }
        Ok(options)
    }
}

fn switch(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// Runs the layers, prints their results, and says whether they are right.
pub fn run(
    session: &Session<'_>,
    options: &Options,
    output: &mut Output,
) -> Result<Ending, Failure> {
    let results = run_all(session, options, output)?;
    session.finish(&results, output)?;
    Ok(ending(&results))
}

/// Whether all results that were verified are right.
pub fn ending(results: &[RunResult]) -> Ending {
    let is_wrong = |result: &RunResult| result.verification.as_ref().is_some_and(|v| !v.passed);
    if results.iter().any(is_wrong) { Ending::CheckFailed } else { Ending::Done }
}

/// Runs the layers; prints a row for each as it comes, where a table is wanted.
pub fn run_all(
    session: &Session<'_>,
    options: &Options,
    output: &mut Output,
) -> Result<Vec<RunResult>, Failure> {
    let progress = Progress::new(session.layers.len());
    let mut results = Vec::new();
    if session.is_table() {
        if let [layer, ..] = session.layers
            && layer.name.is_empty()
        {
            for layer in session.layers {
                output.line(layer.problem.to_string())?;
            }
        }
        output.line(session.widths.run_header())?;
    }
    for layer in session.layers {
        progress.step(&layer.name);
        let result = match session.context.memory.ordinal() {
            None => run_one(session, options, layer).map_err(Failure::from),
            Some(ordinal) => run_on_device(session, options, layer, ordinal),
        };
        let result =
            result.map_err(|error| Failure::failed(format!("{error}: {}", layer.problem)))?;
        if session.is_table() {
            progress.around(|| output.line(session.widths.run_row(&result)))?;
            for line in result.counts.iter().flat_map(Counts::lines) {
                progress.around(|| output.line(line))?;
            }
        }
        progress.done();
        results.push(result);
    }
    drop(progress);
    let useful: Vec<f64> =
        results.iter().filter_map(|r| r.counts.as_ref().map(|c| c.useful_fma_lanes)).collect();
    if session.is_table() && useful.len() > 1 {
        let mean = useful.iter().map(|share| share.ln()).sum::<f64>() / useful.len() as f64;
        output.line(format!(
            "useful FMA lanes of the vector lanes issued, geometric mean over {}: {:.3}",
            useful.len(),
            mean.exp()
        ))?;
    }
    Ok(results)
}

fn run_one(
    session: &Session<'_>,
    options: &Options,
    layer: &Layer,
) -> MIOpen::error::Result<RunResult> {
    let (problem, context) = (&layer.problem, &session.context);
    let mut tensors = Tensors::new(problem)?;
    let mut workspace = vec![0; engine::workspace_bytes(problem, context)?];
    if options.searches {
        let mut args = ConvArgs {
            buffers: Buffers::Host(tensors.buffers()?),
            alpha: 1.0,
            beta: 0.0,
            workspace: &mut workspace,
        };
        engine::find(problem, context, &mut args, true)?;
        // The check must see what this run writes, not what the search left.
        tensors = Tensors::new(problem)?;
    }
    let solver = solvers::chosen(problem, options.choice, context)?;
    let plan = solver.plan(problem, context)?;
    let mut runner =
        Runner { plan: &*plan, context, tensors: &mut tensors, workspace: &mut workspace };
    runner.run()?;
    let verification = match options.verifies {
        None => None,
        Some(extent) => {
            let (algorithm, threads) = (solver.algorithm(), context.cpu_threads);
            Some(verify::verify(problem, runner.tensors, algorithm, extent, threads)?)
        }
    };
    let time = match options.times {
        true => Some(runner.time(options.runs, problem.multiply_adds())?),
        false => None,
    };
    Ok(RunResult {
        subject: Subject::of(layer),
        id: solver.id().0,
        solver: solver.name(),
        workspace_bytes: plan.workspace_bytes(),
        time,
        verification,
        counts: None,
    })
}

fn run_on_device(
    session: &Session<'_>,
    options: &Options,
    layer: &Layer,
    ordinal: u32,
) -> Result<RunResult, Failure> {
    let (problem, context) = (&layer.problem, &session.context);
    let solution = engine::prepare(problem, options.choice, context)?;
    let solver = solvers::chosen(problem, options.choice, context)?;
    let mut reader = Reader::new();
    let mut tensors = Tensors::new(problem)?;
    let mut on_device = OnDevice::new(problem, ordinal, &tensors, solution.workspace_bytes)?;
    on_device.run(problem, options.choice, context)?;
    let counts = match &mut reader {
        Some(reader) => reader.counts(problem, solution.workspace_bytes)?,
        None => None,
    };
    on_device.fetch(problem, &mut tensors)?;
    let verification = match options.verifies {
        None => None,
        Some(extent) => {
            let (algorithm, threads) = (solver.algorithm(), context.cpu_threads);
            Some(verify::verify(problem, &tensors, algorithm, extent, threads)?)
        }
    };
    // The clock of an interpreted GPU is a model; its counts say more.
    let time = match options.times && counts.is_none() {
        true => {
            let times_us =
                repeated(options.runs, || on_device.run(problem, options.choice, context))?;
            Some(Timing::new(times_us, problem.multiply_adds()))
        }
        false => None,
    };
    Ok(RunResult {
        subject: Subject::of(layer),
        id: solver.id().0,
        solver: solver.name(),
        workspace_bytes: solution.workspace_bytes,
        time,
        verification,
        counts,
    })
}
