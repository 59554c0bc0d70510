//! `replay`: runs the convolutions of a trace again.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::PathBuf;

use MIOpen::problem::ConvProblem;
use serde::Serialize;

use crate::conv::layers::{self, Layer};
use crate::conv::report::RunResult;
use crate::conv::run::{self, ending};
use crate::conv::{Common, Session};
use crate::ending::{Ending, Failure};
use crate::output::Output;
use crate::paste;

/// Run the convolutions of a trace again: verify and time each distinct one on the CPU
///
/// The trace is what MIOPEN_BYPASS_TRACE wrote, or any log with such lines of MIOpenDriver. Problems
/// that took longest when they were recorded come first. Flags override what the trace says.
#[derive(clap::Args)]
pub struct Args {
    /// The trace, - for standard input
    file: PathBuf,
    /// Only calls whose line contains this: a label, a route, a solver, a flag
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Only this many problems
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    #[command(flatten)]
    common: Common,
}

/// What the trace says of a problem.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Recorded {
    calls: u64,
    /// Of them, those whose time is known.
    timed_calls: u64,
    time_us: f64,
    /// Each route once, in the order of appearance; likewise the others.
    routes: Vec<String>,
    solvers: Vec<String>,
    labels: Vec<String>,
}

impl Recorded {
    /// Adds what stands behind a problem in its line.
    fn add(&mut self, line: &str) {
        self.calls += 1;
        let values = line.split_whitespace().filter_map(|word| word.split_once('='));
        for (name, value) in values.filter(|(_, value)| *value != "-") {
            let list = match name {
                "route" => &mut self.routes,
                "solver" => &mut self.solvers,
                "label" => &mut self.labels,
                "time_us" => {
                    if let Ok(time_us) = value.parse::<f64>() {
                        self.timed_calls += 1;
                        self.time_us += time_us;
                    }
                    continue;
                }
                _ => continue,
            };
            if !list.iter().any(|known| known == value) {
                list.push(value.to_owned());
            }
        }
    }

    fn mean_us(&self) -> Option<f64> {
        (self.timed_calls > 0).then(|| self.time_us / self.timed_calls as f64)
    }

    /// For the table's first column.
    fn name(&self) -> String {
        let label = match self.labels.as_slice() {
            [] => String::new(),
            [label] => format!(" {label}"),
            [label, rest @ ..] => format!(" {label} and {} more", rest.len()),
        };
        let time = self.mean_us().map_or(String::new(), |mean_us| format!(" {mean_us:.1} us"));
        format!("{}x{time}{label}", self.calls)
    }
}

/// A result, beside what was recorded.
#[derive(Serialize)]
struct Replayed<'a> {
    #[serde(flatten)]
    result: &'a RunResult,
    recorded: &'a Recorded,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let mut calls = read(args)?;
    calls.truncate(args.limit.unwrap_or(usize::MAX));
    let layers: Vec<Layer> = calls
        .iter()
        .map(|(problem, recorded)| Layer { name: recorded.name(), problem: problem.clone() })
        .collect();
    let (session, options) = Session::new(&layers, &args.common)?;
    let results = run::run_all(&session, &options, output)?;
    let replayed: Vec<Replayed<'_>> = results
        .iter()
        .zip(&calls)
        .map(|(result, (_, recorded))| Replayed { result, recorded })
        .collect();
    if session.is_table() {
        output.line(summary(&replayed))?;
    }
    session.finish(&replayed, output)?;
    Ok(ending(&results))
}

/// The distinct problems of the trace, longest recorded time first.
fn read(args: &Args) -> Result<Vec<(ConvProblem, Recorded)>, Failure> {
    let text = layers::read(&args.file)?;
    let mut calls: Vec<(ConvProblem, Recorded)> = Vec::new();
    let mut places: HashMap<ConvProblem, usize> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        if !paste::is_line(line) || !line.contains(&args.filter) {
            continue;
        }
        let words: Vec<String> = paste::line_words(line).into_iter().map(str::to_owned).collect();
        let problems = layers::parse(&words, &args.common.driver.words)
            .map_err(|failure| {
                let file = args.file.display();
                Failure::Usage(format!("{file}:{}: {failure}", number + 1))
            })?
            .problems;
        let rest = line.split_once(';').map_or("", |(_, rest)| rest);
        for problem in problems {
            let place = *places.entry(problem.clone()).or_insert(calls.len());
            if place == calls.len() {
                calls.push((problem, Recorded::default()));
            }
            calls[place].1.add(rest);
        }
    }
    if calls.is_empty() {
        return Err(Failure::Usage(format!("{}: no convolutions", args.file.display())));
    }
    // Stable: without times, the order of appearance.
    calls.sort_by(|a, b| b.1.time_us.total_cmp(&a.1.time_us));
    Ok(calls)
}

fn summary(replayed: &[Replayed<'_>]) -> String {
    let calls: u64 = replayed.iter().map(|one| one.recorded.calls).sum();
    let mut text = format!("{calls} calls of {} problems", replayed.len());
    let timed = replayed.iter().filter_map(|one| {
        let now_us = one.result.time.as_ref()?.median_us;
        Some((
            one.recorded.mean_us()? * one.recorded.calls as f64,
            now_us * one.recorded.calls as f64,
        ))
    });
    let (then_us, now_us) = timed.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if then_us > 0.0 {
        text += &format!("; recorded {:.1} ms, here {:.1} ms", then_us * 1e-3, now_us * 1e-3);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_problem_are_added_up() {
        let mut recorded = Recorded::default();
        recorded.add(" direction=fwd route=cpu solver=a time_us=2.0 label=one");
        recorded.add(" direction=fwd route=real solver=- time_us=- label=two");
        recorded.add(" direction=fwd route=cpu solver=a time_us=4.0 label=one");
        assert_eq!((recorded.calls, recorded.mean_us()), (3, Some(3.0)));
        assert_eq!(recorded.routes, ["cpu", "real"]);
        assert_eq!(recorded.solvers, ["a"]);
        assert_eq!(recorded.name(), "3x 3.0 us one and 1 more");
        let mut bare = Recorded::default();
        bare.add("");
        assert_eq!((bare.name().as_str(), bare.mean_us()), ("1x", None));
    }
}
