//! What is printed: rows for people as they come, or one JSON document at the end.
#![forbid(unsafe_code)]

use serde::Serialize;

use super::counts::Counts;
use super::layers::Layer;
use super::solvers::Listed;
use super::timing::Timing;
use super::verify::Verdict;

/// A document: the circumstances, and a result for each layer and direction.
#[derive(Serialize)]
pub struct Document<'a, R: Serialize> {
    pub version: &'static str,
    pub threads: usize,
    /// What `MIOPEN_BYPASS_ISA` or `--isa` allows at most; absent: whatever the processor has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isa: Option<&'a str>,
    pub results: &'a [R],
}

/// What a result is about.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub direction: &'static str,
    /// A command line of this command and of MIOpenDriver.
    pub problem: String,
}

impl Subject {
    pub fn of(layer: &Layer) -> Self {
        Subject {
            name: layer.name.clone(),
            direction: layer.problem.direction().name(),
            problem: layer.problem.to_string(),
        }
    }
}

/// One problem that was run.
#[derive(Clone, Debug, Serialize)]
pub struct RunResult {
    #[serde(flatten)]
    pub subject: Subject,
    pub id: u64,
    pub solver: &'static str,
    pub workspace_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verdict>,
    /// What an interpreted GPU did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
}

/// One problem, and what could run it.
#[derive(Clone, Debug, Serialize)]
pub struct ListResult {
    #[serde(flatten)]
    pub subject: Subject,
    pub solvers: Vec<Listed>,
}

/// The widths of columns that depend on what is to be printed.
#[derive(Clone, Copy)]
pub struct Widths {
    pub name: usize,
    pub solver: usize,
}

impl Widths {
    pub fn of(layers: &[Layer]) -> Self {
        let names = layers.iter().map(|layer| layer.name.chars().count());
        let solvers = MIOpen::engine::solvers().iter().map(|solver| solver.name().len());
        Widths { name: names.max().unwrap_or(0), solver: solvers.max().unwrap_or(0) }
    }

    fn name_column(self, name: &str) -> String {
        if self.name == 0 { String::new() } else { format!("{name:0$}  ", self.name) }
    }

    /// The line above the rows of [`Widths::run_row`].
    pub fn run_header(self) -> String {
        format!(
            "{}dir  {:>11}  {:>11}  {:>8}  {:<width$}  check",
            self.name_column("layer"),
            "median us",
            "min us",
            "GFLOP/s",
            "solver",
            width = self.solver,
        )
    }

    pub fn run_row(self, result: &RunResult) -> String {
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.1}"));
        let time = result.time.as_ref();
        format!(
            "{}{}  {:>11}  {:>11}  {:>8}  {:<width$}  {}",
            self.name_column(&result.subject.name),
            result.subject.direction,
            number(time.map(|time| time.median_us)),
            number(time.map(|time| time.min_us)),
            number(time.map(|time| time.gflops)),
            result.solver,
            result.verification.as_ref().map_or("-".into(), check_text),
            width = self.solver,
        )
    }

    /// The lines of one problem's solvers, under its own line.
    pub fn list_rows(self, result: &ListResult) -> Vec<String> {
        let mut lines = vec![result.subject.problem.clone()];
        if !result.subject.name.is_empty() && result.subject.name != result.subject.problem {
            lines[0] = format!("{}: {}", result.subject.name, lines[0]);
        }
        lines.extend(result.solvers.iter().map(|listed| {
            let mark = if listed.chosen { '*' } else { ' ' };
            let what = match (&listed.rejection, listed.estimate_us, listed.workspace_bytes) {
                (None, Some(estimate_us), Some(bytes)) => {
                    format!("{estimate_us:>12.1} us  workspace {bytes} bytes")
                }
                (reason, ..) => format!("no: {}", reason.as_deref().unwrap_or("unknown")),
            };
            let (id, solver) = (listed.id, listed.solver);
            format!("{mark} {id:>8}  {solver:<width$}  {what}", width = self.solver)
        }));
        lines
    }
}

fn check_text(verdict: &Verdict) -> String {
    let word = if verdict.passed { "ok" } else { "WRONG" };
    let channels = if verdict.channels_checked == verdict.channels {
        String::new()
    } else {
        format!(", {} of {} channels", verdict.channels_checked, verdict.channels)
    };
    format!(
        "{word} (rms {:.1e} of {:.1e}, worst {:.2} of bound{channels})",
        verdict.rms_error, verdict.rms_tolerance, verdict.worst_of_bound
    )
}
