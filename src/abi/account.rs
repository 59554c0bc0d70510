//! Tells the statistics of each convolution that ran, and of the end of the process.

use super::backend::real_path;
use super::fork;
use crate::config::config;
use crate::hazard;
use crate::journal;
use crate::report::{self, CallRecord, Recorded};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

/// Has a forked child count for itself, and what is left to do at exit done: a report, if one is
/// asked for, and the journal's last words. Once in a process and its children.
pub(super) fn prepare_once() {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    fork::prepare_once();
    let has_last_words = || config().report.is_some() || real_path().is_some();
    if !PREPARED.swap(true, Ordering::Relaxed) && has_last_words() {
        // SAFETY: the function is code of this library, which is never unloaded (linked with
        // nodelete). Handlers run in the reverse order of their registration, so this one runs
        // before those of the libraries that were there before the first call.
        unsafe { libc::atexit(at_exit) };
    }
}

extern "C" fn at_exit() {
    // There is nobody left to tell of a panic.
    let _ = catch_unwind(report::at_exit);
    let _ = catch_unwind(|| {
        // Elsewhere there is no journal, and it would be a pity to start one now.
        if real_path().is_some() && hazard::concerns_machine() {
            journal::end_of_process();
        }
    });
}

/// Counts a call, whoever computed it.
pub(super) fn record(call: &CallRecord<'_>) -> Recorded {
    report::record(call)
}
