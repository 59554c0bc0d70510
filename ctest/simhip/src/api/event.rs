//! Events.
#![allow(non_snake_case, reason = "names of the C interface")]

use std::ffi::{c_uint, c_void};
use std::sync::{Arc, Mutex};

use super::stream::{resolve_stream, synchronise};
use super::{current_device, entry, put};
use crate::error::{HipError, HipResult};
use crate::runtime::{Event, EventState, objects};
use crate::stream::{queues, record, run_one};

/// `hipEventDisableTiming`.
const NO_TIMING: c_uint = 2;

/// Creates an event on the current device.
///
/// # Safety
/// `out` is null or valid for writing.
unsafe fn create(out: *mut *mut c_void, flags: c_uint) -> HipResult {
    if out.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    let device = current_device()?;
    let state = Mutex::new(EventState::default());
    let event = Arc::new(Event { device, timed: flags & NO_TIMING == 0, state });
    let mut objects = objects();
    let handle = objects.handle();
    objects.events.insert(handle, event);
    // SAFETY: not null, and the caller's promise.
    unsafe { put(out, std::ptr::without_provenance_mut(handle as usize)) }
}

fn find(event: *mut c_void) -> Result<Arc<Event>, HipError> {
    objects().event(event.addr() as u64)
}

entry! { "hip_4.2" fn hipEventCreate(out: *mut *mut c_void) {
    // SAFETY: the client's pointer.
    unsafe { create(out, 0) }
} }

entry! { "hip_4.2" fn hipEventCreateWithFlags(out: *mut *mut c_void, flags: c_uint) {
    // SAFETY: the client's pointer.
    unsafe { create(out, flags) }
} }

entry! { "hip_4.2" fn hipEventDestroy(event: *mut c_void) {
    objects().events.remove(&(event.addr() as u64)).map(|_| ()).ok_or(HipError::INVALID_HANDLE)
} }

entry! { "hip_4.2" fn hipEventRecord(event: *mut c_void, stream: *mut c_void) {
    let event = find(event)?;
    let stream = resolve_stream(stream)?;
    let device = queues().stream(stream).map(|s| s.device);
    // An event belongs to the device that it was created on.
    if device != Some(event.device) {
        return Err(HipError::INVALID_HANDLE);
    }
    record(stream, &event)
} }

entry! { "hip_4.2" fn hipEventSynchronize(event: *mut c_void) {
    let recorded = find(event)?.lock().recorded;
    match recorded {
        // The stream may be gone, and its work with it done.
        Some(position) if queues().stream(position.0).is_some() => synchronise(position),
        _ => Ok(()),
    }
} }

entry! { "hip_4.2" fn hipEventQuery(event: *mut c_void) {
    let recorded = find(event)?.lock().recorded;
    let Some(position) = recorded else { return Ok(()) };
    if !queues().is_done(position) {
        run_one(position.0);
        return Err(HipError::NOT_READY);
    }
    Ok(())
} }

entry! { "hip_4.2" fn hipEventElapsedTime(milliseconds: *mut f32, start: *mut c_void, stop: *mut c_void) {
    let (start, stop) = (find(start)?, find(stop)?);
    if !start.timed || !stop.timed {
        return Err(HipError::INVALID_HANDLE);
    }
    let time = |event: &Event| {
        let state = event.lock();
        state.recorded.ok_or(HipError::INVALID_HANDLE)?;
        state.happened.map(|(_, _, clock)| clock).ok_or(HipError::NOT_READY)
    };
    let elapsed_us = time(&stop)? - time(&start)?;
    // SAFETY: the client's pointer.
    unsafe { put(milliseconds, (elapsed_us / 1e3) as f32) }
} }
