//! Streams.
#![allow(non_snake_case, reason = "names of the C interface")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{c_int, c_uint, c_void};

use super::{current_device, entry, put};
use crate::error::{HipError, HipResult};
use crate::runtime::objects;
use crate::stream::{Position, Progress, Work, enqueue, queues, run_one, run_until, wait_for_ever};

/// `hipStreamLegacy` and `hipStreamPerThread`.
const LEGACY: usize = 1;
const PER_THREAD: usize = 2;

thread_local! {
    static OWN_STREAMS: RefCell<HashMap<usize, u64>> = RefCell::default();
}

/// The stream behind a handle; null is the current device's default stream.
pub fn resolve_stream(handle: *mut c_void) -> Result<u64, HipError> {
    let id = handle.addr();
    if id == 0 || id == LEGACY {
        let device = current_device()?;
        return Ok(queues().null_stream(device));
    }
    if id == PER_THREAD {
        let device = current_device()?;
        let create = || queues().create(device, 0, 0);
        return Ok(OWN_STREAMS.with_borrow_mut(|own| *own.entry(device).or_insert_with(create)));
    }
    let id = id as u64;
    if queues().stream(id).is_some() { Ok(id) } else { Err(HipError::INVALID_HANDLE) }
}

/// Waits for a position and tells a failure of its device.
pub fn synchronise(position: Position) -> HipResult {
    let device = queues().stream(position.0).map(|s| s.device).ok_or(HipError::INVALID_HANDLE)?;
    if run_until(position) == Progress::Hung {
        wait_for_ever();
    }
    queues().sticky(device).map_or(Ok(()), Err)
}

/// Creates a stream on the current device.
///
/// # Safety
/// `out` is null or valid for writing.
unsafe fn create(out: *mut *mut c_void, flags: c_uint, priority: c_int) -> HipResult {
    if out.is_null() || flags > 1 {
        return Err(HipError::INVALID_VALUE);
    }
    let device = current_device()?;
    let mut queues = queues();
    if let Some(error) = queues.sticky(device) {
        return Err(error);
    }
    let id = queues.create(device, flags, priority.clamp(-1, 1));
    // SAFETY: not null, and the caller's promise.
    unsafe { put(out, std::ptr::without_provenance_mut(id as usize)) }
}

entry! { "hip_4.2" fn hipStreamCreate(out: *mut *mut c_void) {
    // SAFETY: the client's pointer.
    unsafe { create(out, 0, 0) }
} }

entry! { "hip_4.2" fn hipStreamCreateWithFlags(out: *mut *mut c_void, flags: c_uint) {
    // SAFETY: the client's pointer.
    unsafe { create(out, flags, 0) }
} }

entry! { "hip_4.2" fn hipStreamCreateWithPriority(out: *mut *mut c_void, flags: c_uint, priority: c_int) {
    // SAFETY: the client's pointer.
    unsafe { create(out, flags, priority) }
} }

entry! { "hip_4.2" fn hipStreamDestroy(stream: *mut c_void) {
    if stream.addr() <= PER_THREAD {
        return Err(HipError::INVALID_HANDLE);
    }
    let id = resolve_stream(stream)?;
    let end = queues().end(id);
    // A hung stream is left to itself.
    run_until(end);
    queues().remove(id);
    Ok(())
} }

entry! { "hip_4.2" fn hipStreamSynchronize(stream: *mut c_void) {
    let id = resolve_stream(stream)?;
    let (end, legacy) = {
        let mut queues = queues();
        let device = queues.stream(id).map(|s| s.device).ok_or(HipError::INVALID_HANDLE)?;
        (queues.end(id), queues.null_stream(device))
    };
    if id == legacy {
        // The default stream waits for the blocking ones.
        let after = enqueue(id, Work::Nothing, Vec::new())?;
        return synchronise(after);
    }
    synchronise(end)
} }

entry! { "hip_4.2" fn hipStreamQuery(stream: *mut c_void) {
    let id = resolve_stream(stream)?;
    let end = queues().end(id);
    if !queues().is_done(end) {
        run_one(id);
        return Err(HipError::NOT_READY);
    }
    let queues = queues();
    let device = queues.stream(id).map(|s| s.device).ok_or(HipError::INVALID_HANDLE)?;
    queues.sticky(device).map_or(Ok(()), Err)
} }

entry! { "hip_4.2" fn hipStreamWaitEvent(stream: *mut c_void, event: *mut c_void, flags: c_uint) {
    if flags != 0 {
        return Err(HipError::INVALID_VALUE);
    }
    let id = resolve_stream(stream)?;
    let event = objects().event(event.addr() as u64)?;
    let recorded = event.lock().recorded;
    // An event that was never recorded is no reason to wait.
    if let Some(position) = recorded {
        enqueue(id, Work::Nothing, vec![position])?;
    }
    Ok(())
} }

entry! { "hip_4.2" fn hipStreamGetFlags(stream: *mut c_void, flags: *mut c_uint) {
    let id = resolve_stream(stream)?;
    let value = queues().stream(id).map_or(0, |s| s.flags);
    // SAFETY: the client's pointer.
    unsafe { put(flags, value) }
} }

entry! { "hip_4.2" fn hipStreamGetPriority(stream: *mut c_void, priority: *mut c_int) {
    let id = resolve_stream(stream)?;
    let value = queues().stream(id).map_or(0, |s| s.priority);
    // SAFETY: the client's pointer.
    unsafe { put(priority, value) }
} }

entry! { "hip_5.6" fn hipStreamGetDevice(stream: *mut c_void, device: *mut c_int) {
    let id = resolve_stream(stream)?;
    let value = queues().stream(id).map_or(0, |s| s.device) as c_int;
    // SAFETY: the client's pointer.
    unsafe { put(device, value) }
} }

/// Device of a stream, or -1.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hipGetStreamDeviceId(stream: *mut c_void) -> c_int {
    // SAFETY: a directive for the assembler, see `entry!`.
    unsafe { std::arch::asm!(".symver hipGetStreamDeviceId, hipGetStreamDeviceId@@hip_4.2") };
    let device = resolve_stream(stream).ok().and_then(|id| queues().stream(id).map(|s| s.device));
    device.map_or(-1, |d| d as c_int)
}

entry! { "hip_4.3" fn hipStreamIsCapturing(stream: *mut c_void, status: *mut c_int) {
    resolve_stream(stream)?;
    // SAFETY: the client's pointer; capture is not supported, so nothing is captured.
    unsafe { put(status, 0) }
} }

type HostFunction = unsafe extern "C" fn(*mut c_void);

entry! { "hip_5.1" fn hipLaunchHostFunc(stream: *mut c_void, function: Option<HostFunction>, data: *mut c_void) {
    let id = resolve_stream(stream)?;
    let function = function.ok_or(HipError::INVALID_VALUE)?;
    enqueue(id, Work::Call { function, data: data.expose_provenance() }, Vec::new())?;
    Ok(())
} }
