//! Tells the statistics of each convolution that ran, and of the end of the process.

use super::{fork, stopwatch};
use crate::config::config;
use crate::report::{self, CallRecord, Recorded};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

/// Has a forked child count for itself, and a report written at exit if one is asked for. Once in
/// a process and its children.
pub(super) fn prepare_once() {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    fork::prepare_once();
    if !PREPARED.swap(true, Ordering::Relaxed) && config().report.is_some() {
        // SAFETY: the function is code of this library, which is never unloaded (linked with
        // nodelete). Handlers run in the reverse order of their registration, so this one runs
        // before those of the libraries that were there before the first call.
        unsafe { libc::atexit(at_exit) };
    }
}

extern "C" fn at_exit() {
    // There is nobody left to tell of a panic.
    let _ = catch_unwind(|| {
        stopwatch::look_at_all();
        report::at_exit();
    });
}

/// Counts a call, whoever computed it.
pub(super) fn record(call: &CallRecord<'_>) -> Recorded {
    report::record(call)
}
