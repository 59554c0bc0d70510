//! The counters of this process.
#![forbid(unsafe_code)]

use super::counters::Counters;
use super::labels::Label;
use super::live::LiveFile;
use super::snapshot::{Row, Snapshot};
use super::table::{Table, mix};
use super::trace_file::TraceFile;
use super::{CallRecord, Route};
use crate::config::config;
use crate::problem::{ConvProblem, Role};
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Distinct entries kept: the layers of several networks, in three directions and for a few routes.
/// An entry takes 1.5 KiB, so that this bounds the memory to 6 MiB.
const CAPACITY: usize = 4096;

/// Generations of forked children that get counters of their own. A process forked deeper than
/// that counts nothing.
const GENERATIONS: usize = 8;

/// How often the process of this memory was forked off.
static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// The counters of each generation; earlier ones are the ancestors', and stay as they were.
static STATISTICS: [OnceLock<Statistics>; GENERATIONS] = [const { OnceLock::new() }; GENERATIONS];

/// See [`describe_library`].
static LIBRARY: OnceLock<String> = OnceLock::new();

/// All that a process keeps about its calls.
pub(super) struct Statistics {
    entries: Table<Entry>,
    /// By route: calls for which the table had no room.
    others: [Counters; Route::ALL.len()],
    begin: Instant,
    pub trace: Option<TraceFile>,
    pub live: Option<LiveFile>,
}

struct Entry {
    problem: ConvProblem,
    label: Label,
    route: Route,
    solver: &'static str,
    rule: Option<&'static str>,
    counters: Counters,
}

impl Statistics {
    fn new() -> Self {
        Statistics {
            entries: Table::new(CAPACITY),
            others: Default::default(),
            begin: Instant::now(),
            trace: config().trace.as_deref().and_then(TraceFile::open),
            live: config().report.as_ref().map(|_| LiveFile::new()),
        }
    }
}

impl Entry {
    fn is_of(&self, call: &CallRecord<'_>, label: Label) -> bool {
        (self.label, self.route, self.solver, self.rule)
            == (label, call.route, call.solver, call.rule)
            && self.problem == *call.problem
    }
}

/// Finds the counters of a call, made at the first of its kind, and counts it.
///
/// `None` in a process that was forked too deep to have any.
pub(super) fn count(
    call: &CallRecord<'_>,
    label: Label,
) -> Option<(&'static Statistics, &'static Counters)> {
    let cell = STATISTICS.get(GENERATION.load(Ordering::Relaxed))?;
    // Made outside the cell's lock, which then is held for a moment only.
    let statistics = match cell.get() {
        Some(statistics) => statistics,
        None => {
            let statistics = Statistics::new();
            cell.get_or_init(|| statistics)
        }
    };
    let found = statistics.entries.find_or_insert(
        hash_of(call, label),
        |entry| entry.is_of(call, label),
        || Entry {
            problem: call.problem.clone(),
            label,
            route: call.route,
            solver: call.solver,
            rule: call.rule,
            counters: Counters::default(),
        },
    );
    let counters =
        found.map_or(&statistics.others[call.route as usize], |(_, entry)| &entry.counters);
    counters.count_call(call.workspace_bytes);
    Some((statistics, counters))
}

/// Not all of the problem: what tells most layers apart. Those that it does not tell apart are
/// neighbours in the table.
fn hash_of(call: &CallRecord<'_>, label: Label) -> u64 {
    let problem = call.problem;
    let (x, w) = (problem.tensor5(Role::X), problem.tensor5(Role::W));
    let [_, stride_h, stride_w] = problem.strides();
    let [_, pad_h, pad_w] = problem.pads();
    let small = (problem.direction() as u64) << 32
        | (call.route as u64) << 40
        | u64::from(problem.input_dtype().to_abi()) << 48
        | (pad_h ^ stride_h << 8 ^ pad_w << 16 ^ stride_w << 24) as u64;
    // Two chains, since each step waits for the one before.
    let x_hash = x.lengths.iter().fold(small, |hash, &length| mix(hash, length as u64));
    let w_hash = w.lengths.iter().fold(label.number(), |hash, &length| mix(hash, length as u64));
    mix(x_hash, w_hash ^ call.solver.as_ptr().addr() as u64)
}

/// Called in a forked child before anything else: it counts for itself, from nothing.
pub fn in_child() {
    let generation = GENERATION.load(Ordering::Relaxed);
    GENERATION.store((generation + 1).min(GENERATIONS), Ordering::Relaxed);
}

/// Says, for reports, what answers the calls that are not bypassed. The first one counts.
pub fn describe_library(text: String) {
    let _ = LIBRARY.set(text);
}

/// Whether an ancestor of this process used this library and forked it off.
pub(super) fn is_child() -> bool {
    GENERATION.load(Ordering::Relaxed) > 0
}

/// What this process keeps; `None` before its first call.
pub(super) fn current() -> Option<&'static Statistics> {
    STATISTICS.get(GENERATION.load(Ordering::Relaxed))?.get()
}

/// Sets all counters of this process to 0.
pub fn reset() {
    if let Some(statistics) = current() {
        statistics.entries.iter().for_each(|entry| entry.counters.reset());
        statistics.others.iter().for_each(Counters::reset);
    }
}

/// What was counted so far. Calls that come in at the same time may be in it or not.
pub fn snapshot() -> Snapshot {
    let taken_at = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut snapshot = Snapshot {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        program: program(),
        library: LIBRARY.get().cloned().unwrap_or_default(),
        taken_at_s: taken_at.map_or(0, |time| time.as_secs()),
        running_s: 0.0,
        rows: Vec::new(),
    };
    let Some(statistics) = current() else { return snapshot };
    snapshot.running_s = statistics.begin.elapsed().as_secs_f64();
    let mut rows: HashMap<(&ConvProblem, &str, Route, &str, Option<&str>), Row> = HashMap::new();
    for entry in statistics.entries.iter() {
        let sums = entry.counters.sums();
        if sums.calls == 0 {
            continue;
        }
        let Entry { problem, label, route, solver, rule, .. } = entry;
        let (label, rule) = (label.text(), rule.as_deref());
        let make = || Row {
            label: label.to_owned(),
            direction: problem.direction().name().to_owned(),
            problem: problem.to_string(),
            solver: (*solver).to_owned(),
            rule: rule.unwrap_or("").to_owned(),
            ..Row::new(*route)
        };
        rows.entry((problem, label, *route, solver, rule)).or_insert_with(make).add(&sums);
    }
    snapshot.rows = rows.into_values().collect();
    for (route, counters) in Route::ALL.into_iter().zip(&statistics.others) {
        let mut row = Row { problem: "(more problems)".to_owned(), ..Row::new(route) };
        row.add(&counters.sums());
        if row.calls > 0 {
            snapshot.rows.push(row);
        }
    }
    snapshot.sort();
    snapshot
}

/// The command line of this process, as far as it fits a heading.
fn program() -> String {
    const CHARACTERS: usize = 200;
    let bytes = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.trim_end_matches('\0').replace('\0', " ").chars().take(CHARACTERS).collect()
}
