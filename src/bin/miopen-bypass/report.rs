//! `report`: shows the statistics that a process left or keeps.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use MIOpen::report::{JSON_VERSION, Route, Row, Snapshot, live_files};
use clap::ValueEnum;
use serde::Deserialize;

use crate::ending::{Ending, Failure};
use crate::output::Output;

/// Show what a process computed: by layer, by problem, what was bypassed and why
///
/// A process leaves such a file where MIOPEN_BYPASS_REPORT names one that ends in .json, and keeps
/// one for --pid while it runs and MIOPEN_BYPASS_REPORT is set at all.
#[derive(clap::Args)]
pub struct Args {
    /// A report in JSON
    #[arg(required_unless_present = "pid", conflicts_with = "pid")]
    file: Option<PathBuf>,
    /// A process that runs, or that died without writing its report
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Html,
    Json,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let path = match (&args.file, args.pid) {
        (Some(file), _) => file.clone(),
        (None, Some(pid)) => of_process(pid)?,
        (None, None) => return Err(Failure::Usage("a file or --pid is needed".into())),
    };
    let snapshot = read(&path)?;
    let text = match args.format {
        Format::Text => snapshot.to_text(),
        Format::Html => snapshot.to_html(),
        Format::Json => snapshot.to_json(),
    };
    output.bytes(text.as_bytes())?;
    Ok(Ending::Done)
}

/// The file that a process keeps.
fn of_process(pid: u32) -> Result<PathBuf, Failure> {
    let candidates = live_files(pid);
    candidates.iter().find(|path| path.exists()).cloned().ok_or_else(|| {
        let shown: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        Failure::failed(format!(
            "process {pid} keeps no report (looked for {}); it does so after its first convolution \
             where MIOPEN_BYPASS_REPORT is set",
            shown.join(", ")
        ))
    })
}

/// The document of [`Snapshot::to_json`]; what follows from the rows is added up again.
#[derive(Deserialize)]
struct Document {
    miopen_bypass_report: u32,
    version: String,
    program: String,
    library: String,
    pid: u32,
    taken_at_s: u64,
    running_s: f64,
    rows: Vec<RowOfDocument>,
}

#[derive(Deserialize)]
struct RowOfDocument {
    label: String,
    direction: String,
    problem: String,
    route: String,
    solver: String,
    rule: String,
    calls: u64,
    timed_calls: u64,
    time_us: f64,
    longest_us: f64,
    workspace_bytes: u64,
}

fn read(path: &Path) -> Result<Snapshot, Failure> {
    let wrong = |what: String| Failure::failed(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let no_report = |error| wrong(format!("is no report of miopen-bypass in JSON: {error}"));
    let document: Document = serde_json::from_str(&text).map_err(no_report)?;
    if document.miopen_bypass_report != JSON_VERSION {
        let version = document.miopen_bypass_report;
        return Err(wrong(format!("is a report of format {version}, not {JSON_VERSION}")));
    }
    let rows = document.rows.into_iter().map(|row| {
        let route = Route::from_name(&row.route)
            .ok_or_else(|| wrong(format!("{} is no route", row.route)))?;
        Ok(Row {
            label: row.label,
            direction: row.direction,
            problem: row.problem,
            route,
            solver: row.solver,
            rule: row.rule,
            calls: row.calls,
            timed_calls: row.timed_calls,
            time_us: row.time_us,
            longest_us: row.longest_us,
            workspace_bytes: row.workspace_bytes,
        })
    });
    let mut snapshot = Snapshot {
        version: document.version,
        pid: document.pid,
        program: document.program,
        library: document.library,
        taken_at_s: document.taken_at_s,
        running_s: document.running_s,
        rows: rows.collect::<Result<_, Failure>>()?,
    };
    snapshot.sort();
    Ok(snapshot)
}
