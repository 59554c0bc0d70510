//! What was counted at one moment, for people and programs to read.
#![forbid(unsafe_code)]

use super::Route;
use super::counters::Sums;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::AddAssign;

/// The statistics of a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Version of miopen-bypass.
    pub version: String,
    pub pid: u32,
    /// The command line.
    pub program: String,
    /// What answers calls that are not bypassed; empty where no call has decided that yet.
    pub library: String,
    /// Seconds since 1970 when it was taken.
    pub taken_at_s: u64,
    /// Seconds since the first call that was counted.
    pub running_s: f64,
    /// Longest time first; where none was measured, most calls first.
    pub rows: Vec<Row>,
}

/// Calls that have the same label, problem, route, solver and rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What the program calls the layer; empty where it did not say.
    pub label: String,
    /// `fwd`, `bwd` or `wrw`, as it really ran: a transposed forward is `bwd`.
    pub direction: String,
    /// MIOpenDriver's flags.
    pub problem: String,
    pub route: Route,
    /// Ours; empty where the real library computed.
    pub solver: String,
    /// The rule that decided; empty where none did.
    pub rule: String,
    pub calls: u64,
    /// Of them, those whose time is known.
    pub timed_calls: u64,
    /// The sum of the known times.
    pub time_us: f64,
    pub longest_us: f64,
    /// The largest workspace that a caller gave.
    pub workspace_bytes: u64,
}

impl Row {
    /// A row in which nothing stands yet.
    pub fn new(route: Route) -> Self {
        Row {
            label: String::new(),
            direction: String::new(),
            problem: String::new(),
            route,
            solver: String::new(),
            rule: String::new(),
            calls: 0,
            timed_calls: 0,
            time_us: 0.0,
            longest_us: 0.0,
            workspace_bytes: 0,
        }
    }

    pub(super) fn add(&mut self, sums: &Sums) {
        self.calls += sums.calls;
        self.timed_calls += sums.timed_calls;
        self.time_us += sums.time_us;
        self.longest_us = self.longest_us.max(sums.longest_us);
        self.workspace_bytes = self.workspace_bytes.max(sums.workspace_bytes);
    }

    /// The mean of the known times.
    pub fn mean_us(&self) -> Option<f64> {
        (self.timed_calls > 0).then(|| self.time_us / self.timed_calls as f64)
    }
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    pub calls: u64,
    /// Calls that the real library computed.
    pub forwarded: u64,
    /// Calls that it was not asked to compute.
    pub bypassed: u64,
    pub timed_calls: u64,
    pub time_us: f64,
    pub workspace_bytes: u64,
}

impl Totals {
    /// Share of the calls that was bypassed; 0 where there are none.
    pub fn bypassed_percent(&self) -> f64 {
        100.0 * self.bypassed as f64 / self.calls.max(1) as f64
    }
}

impl AddAssign<&Row> for Totals {
    fn add_assign(&mut self, row: &Row) {
        self.calls += row.calls;
        *if row.route.is_bypass() { &mut self.bypassed } else { &mut self.forwarded } += row.calls;
        self.timed_calls += row.timed_calls;
        self.time_us += row.time_us;
        self.workspace_bytes = self.workspace_bytes.max(row.workspace_bytes);
    }
}

impl Snapshot {
    /// The sums of all rows.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.rows.iter().for_each(|row| totals += row);
        totals
    }

    /// The sums for each value of a column, in the rows' order.
    pub fn totals_by<'a>(&'a self, column: impl Fn(&'a Row) -> &'a str) -> Vec<(&'a str, Totals)> {
        let mut groups: Vec<(&str, Totals)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for row in &self.rows {
            let name = column(row);
            let place = *places.entry(name).or_insert(groups.len());
            if place == groups.len() {
                groups.push((name, Totals::default()));
            }
            groups[place].1 += row;
        }
        groups.sort_by(|a, b| by_weight((a.1.time_us, a.1.calls), (b.1.time_us, b.1.calls)));
        groups
    }

    /// Brings the rows into their order.
    pub fn sort(&mut self) {
        let name = |row: &Row| (row.label.clone(), row.problem.clone(), row.solver.clone());
        self.rows.sort_by(|a, b| {
            by_weight((a.time_us, a.calls), (b.time_us, b.calls))
                .then_with(|| name(a).cmp(&name(b)))
        });
    }
}

/// Longest time first, then most calls.
fn by_weight(a: (f64, u64), b: (f64, u64)) -> Ordering {
    b.0.total_cmp(&a.0).then(b.1.cmp(&a.1))
}
