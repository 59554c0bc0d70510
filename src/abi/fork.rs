//! Keeps a forked child usable.
//!
//! A lock that another thread holds at the moment of `fork` stays locked in the child for ever.
//! PyTorch's data loaders fork, so the forking thread takes the locks of the object tables before,
//! and releases them after, in parent and child. The child counts its calls from nothing.

use super::conv_descriptor::CONVOLUTIONS;
use super::handle::HANDLES;
use super::objects::{self, HeldAcrossFork};
use super::proxy::REAL_HANDLES;
use super::tensor_descriptor::TENSORS;
use crate::report;
use std::sync::atomic::{AtomicBool, Ordering};

static TABLES: [&dyn HeldAcrossFork; 4] = [&HANDLES, &TENSORS, &CONVOLUTIONS, &REAL_HANDLES];

/// Registers the handlers, once in a process and its children.
pub(super) fn prepare_once() {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    if !PREPARED.load(Ordering::Relaxed) && !PREPARED.swap(true, Ordering::Relaxed) {
        // SAFETY: the handlers take and release locks of this library, which is never unloaded
        // (linked with nodelete), and call nothing of the caller's.
        unsafe { libc::pthread_atfork(Some(before), Some(after), Some(in_child)) };
    }
}

extern "C" fn before() {
    objects::hold_for_fork(&TABLES);
}

extern "C" fn after() {
    objects::release_after_fork();
}

extern "C" fn in_child() {
    after();
    report::in_child();
}
