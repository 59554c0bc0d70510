//! What was computed by whom: statistics for each problem and label, while the process runs and at
//! its end.
//!
//! Each convolution that ran is counted once, by [`record`], whoever computed it. The hot path
//! takes no lock and makes no system call: an entry for each distinct problem, label, route, solver
//! and rule is found in a table that only grows, and its counters are spread over cache lines.
//! Memory is bounded: calls beyond the table's capacity are counted together.
//!
//! Nothing leaves the process unless it is asked for: `MIOPEN_BYPASS_REPORT` has a report written at
//! exit ([`at_exit`]) and a file kept up to date for others to read meanwhile ([`live_files`]);
//! `MIOPEN_BYPASS_TRACE` has a line written for each call.
//!
//! A forked child counts from nothing (see [`in_child`]).
#![forbid(unsafe_code)]

mod counters;
mod html;
mod json;
mod labels;
mod live;
mod outlet;
mod snapshot;
mod statistics;
mod table;
mod text;
mod trace_file;

pub use json::JSON_VERSION;
pub use labels::{LABEL_BYTES, LABEL_DEPTH, current_label, pop_label, push_label};
pub use live::live_files;
pub use outlet::{at_exit, write};
pub use snapshot::{Row, Snapshot, Totals};
pub use statistics::{describe_library, in_child, reset, snapshot};

use crate::problem::ConvProblem;
use counters::Counters;
use labels::Label;

/// Who computed a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Route {
    /// The real library: the call was forwarded.
    Real = 0,
    /// A GPU kernel of ours.
    Hip = 1,
    /// Our CPU engine.
    Cpu = 2,
}

impl Route {
    pub const ALL: [Route; 3] = [Route::Real, Route::Hip, Route::Cpu];

    /// `real`, `hip` or `cpu`.
    pub const fn name(self) -> &'static str {
        match self {
            Route::Real => "real",
            Route::Hip => "hip",
            Route::Cpu => "cpu",
        }
    }

    /// The inverse of [`Route::name`].
    pub fn from_name(name: &str) -> Option<Route> {
        Route::ALL.into_iter().find(|route| route.name() == name)
    }

    /// Whether the real library was not asked.
    pub const fn is_bypass(self) -> bool {
        !matches!(self, Route::Real)
    }
}

/// One convolution that ran.
#[derive(Clone, Copy, Debug)]
pub struct CallRecord<'a> {
    pub problem: &'a ConvProblem,
    pub route: Route,
    /// Name of our solver; empty where the real library computed.
    pub solver: &'static str,
    /// Id of the rule that decided; `None` where none applies.
    pub rule: Option<&'static str>,
    /// How long the work took. `None` where it was only enqueued; what becomes known later goes to
    /// [`Recorded::add_time_us`].
    pub time_us: Option<f64>,
    /// Workspace that the caller gave.
    pub workspace_bytes: usize,
}

/// The place where a call was counted.
#[derive(Clone, Copy)]
pub struct Recorded(Option<&'static Counters>);

impl Recorded {
    /// Adds how long the call's work took, once it is known.
    pub fn add_time_us(self, time_us: f64) {
        if let Some(counters) = self.0 {
            counters.add_time(time_us);
        }
    }
}

/// Counts a call, under the label of this thread; writes the trace's line where one is kept.
pub fn record(call: &CallRecord<'_>) -> Recorded {
    let label = Label::current();
    let Some((statistics, counters)) = statistics::count(call, label) else {
        return Recorded(None);
    };
    if let Some(time_us) = call.time_us {
        counters.add_time(time_us);
    }
    if let Some(trace) = &statistics.trace {
        trace.write(call, label);
    }
    if let Some(live) = &statistics.live {
        live.refresh();
    }
    Recorded(Some(counters))
}
