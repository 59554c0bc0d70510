//! The process that starts the others and outlives them.
#![forbid(unsafe_code)]

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use MIOpen::card::LibraryVersion;
use MIOpen::journal::probed::Outcome;
use MIOpen::problem::ConvProblem;

use super::Library;
use crate::ending::Failure;

/// How long a killed process may take to go. One that waits for a hung card cannot.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How one problem did.
pub struct Tried {
    pub outcome: Outcome,
    pub time_s: f64,
    pub detail: String,
    /// The process could not be ended.
    pub is_stuck: bool,
}

/// Opens the real library in a process of its own.
pub fn library(device: u32, time_limit_s: u64) -> Result<Library, Failure> {
    let ended = run("", device, time_limit_s)?;
    let Some(library) = ended.lines.first().and_then(|line| library_of(line)) else {
        let why = if ended.is_over_time { "in time" } else { "(miopen-bypass doctor tells more)" };
        return Err(Failure::failed(format!("the real libMIOpen could not be opened {why}")));
    };
    Ok(library)
}

fn library_of(line: &str) -> Option<Library> {
    let (version, path) = line.strip_prefix("library ")?.split_once(' ')?;
    Some(Library { version: LibraryVersion::parse(version)?, path: path.to_owned() })
}

/// Runs one problem.
pub fn try_one(problem: &ConvProblem, device: u32, time_limit_s: u64) -> Result<Tried, Failure> {
    let ended = run(&problem.to_string(), device, time_limit_s)?;
    let words = ended.lines.get(1).and_then(|line| line.split_once(' '));
    let (outcome, detail) = match (ended.is_over_time, words) {
        (true, _) => (Outcome::Hung, format!("not done after {time_limit_s} s")),
        (false, Some(("passed", text))) if ended.status.is_some_and(|s| s.success()) => {
            (Outcome::Passed, text.to_owned())
        }
        (false, Some(("wrong", text))) => (Outcome::Wrong, text.to_owned()),
        (false, Some(("refused", text))) => (Outcome::Refused, text.to_owned()),
        _ => (Outcome::Died, ended.status.map_or_else(String::new, how)),
    };
    Ok(Tried { outcome, time_s: ended.time_s, detail, is_stuck: ended.is_stuck })
}

fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("ended by signal {signal}"),
        (None, Some(code)) => format!("ended with status {code}"),
        (None, None) => String::new(),
    }
}

struct Ended {
    lines: Vec<String>,
    /// `None`: it could not be waited for.
    status: Option<ExitStatus>,
    time_s: f64,
    is_over_time: bool,
    is_stuck: bool,
}

fn run(line: &str, device: u32, time_limit_s: u64) -> Result<Ended, Failure> {
    let own = std::env::current_exe()?;
    let start = Instant::now();
    let mut child = Command::new(own)
        .args(["probe", "--device", &device.to_string(), "--child", line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let status = wait(&mut child, Duration::from_secs(time_limit_s))?;
    let time_s = start.elapsed().as_secs_f64();
    let (status, is_over_time) = match status {
        Some(status) => (Some(status), false),
        None => {
            child.kill()?;
            (wait(&mut child, LAST_WORDS)?, true)
        }
    };
    let mut text = String::new();
    // A process that still runs holds the pipe open: what it said is not waited for.
    if let (Some(_), Some(mut pipe)) = (status, child.stdout.take()) {
        pipe.read_to_string(&mut text)?;
    }
    Ok(Ended {
        lines: text.lines().map(str::to_owned).collect(),
        status,
        time_s,
        is_over_time,
        is_stuck: status.is_none(),
    })
}

/// `None`: it still runs.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>, Failure> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
