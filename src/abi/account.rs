//! Tells the statistics of each convolution that ran.
#![forbid(unsafe_code)]

use super::fork;
use crate::report::{self, CallRecord, Recorded};

/// Counts a call, whoever computed it.
pub(super) fn record(call: &CallRecord<'_>) -> Recorded {
    fork::prepare_once();
    report::record(call)
}
