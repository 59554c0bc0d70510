//! Allocation, copies, fills, pointer attributes.
#![allow(non_snake_case, reason = "names of the C interface")]

use std::ffi::{c_int, c_uint, c_void};

use super::device::synchronise_device;
use super::stream::{resolve_stream, synchronise};
use super::{current_device, entry, put};
use crate::config::config;
use crate::device::devices;
use crate::error::{HipError, HipResult};
use crate::memory::{self, Use, registry};
use crate::stream::{Work, enqueue, queues};

/// Reserves memory of a kind and writes its address.
///
/// # Safety
/// `out` is null or valid for writing.
unsafe fn allocate(out: *mut *mut c_void, bytes: usize, used_for: Use, flags: u32) -> HipResult {
    if out.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    let device = current_device()?;
    if let Some(error) = queues().sticky(device) {
        return Err(error);
    }
    if bytes == 0 {
        // SAFETY: not null, and the caller's promise.
        return unsafe { put(out, std::ptr::null_mut()) };
    }
    let mut registry = registry();
    if used_for != Use::Pinned {
        let total = devices()[device].memory_bytes;
        let used = registry.used_bytes(device);
        if used.saturating_add(bytes as u64) > total {
            return Err(HipError::OUT_OF_MEMORY);
        }
    }
    let allocation =
        registry.allocate(bytes as u64, device, used_for, flags).ok_or(HipError::OUT_OF_MEMORY)?;
    // SAFETY: not null, and the caller's promise.
    unsafe { put(out, pointer(allocation.start)) }
}

fn pointer(address: u64) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(address as usize)
}

/// Ends an allocation after all work of its device.
fn release(address: *mut c_void, pinned: bool) -> HipResult {
    if address.is_null() {
        return Ok(());
    }
    let start = address.addr() as u64;
    let found = registry().at(start).filter(|a| a.start == start);
    let allocation = found.ok_or(HipError::INVALID_VALUE)?;
    if pinned != (allocation.used_for == Use::Pinned) || allocation.used_for == Use::Code {
        return Err(HipError::INVALID_VALUE);
    }
    // An error of the work is told by the next wait, not here.
    let _ = synchronise_device(allocation.device);
    registry().release(start).map(|_| ()).ok_or(HipError::INVALID_VALUE)
}

entry! { "hip_4.2" fn hipMalloc(out: *mut *mut c_void, bytes: usize) {
    // SAFETY: the client's pointer.
    unsafe { allocate(out, bytes, Use::Device, 0) }
} }

entry! { "hip_4.2" fn hipExtMallocWithFlags(out: *mut *mut c_void, bytes: usize, flags: c_uint) {
    // SAFETY: the client's pointer.
    unsafe { allocate(out, bytes, Use::Device, flags) }
} }

entry! { "hip_4.2" fn hipMallocManaged(out: *mut *mut c_void, bytes: usize, flags: c_uint) {
    // SAFETY: the client's pointer.
    unsafe { allocate(out, bytes, Use::Managed, flags) }
} }

entry! { "hip_4.2" fn hipHostMalloc(out: *mut *mut c_void, bytes: usize, flags: c_uint) {
    // SAFETY: the client's pointer.
    unsafe { allocate(out, bytes, Use::Pinned, flags) }
} }

entry! { "hip_4.2" fn hipHostAlloc(out: *mut *mut c_void, bytes: usize, flags: c_uint) {
    // SAFETY: the client's pointer.
    unsafe { allocate(out, bytes, Use::Pinned, flags) }
} }

entry! { "hip_4.2" fn hipMallocHost(out: *mut *mut c_void, bytes: usize) {
    // SAFETY: the client's pointer.
    unsafe { allocate(out, bytes, Use::Pinned, 0) }
} }

entry! { "hip_4.2" fn hipFree(address: *mut c_void) {
    release(address, false)
} }

entry! { "hip_4.2" fn hipHostFree(address: *mut c_void) {
    release(address, true)
} }

entry! { "hip_4.2" fn hipFreeHost(address: *mut c_void) {
    release(address, true)
} }

entry! { "hip_4.2" fn hipHostGetDevicePointer(out: *mut *mut c_void, host: *mut c_void, flags: c_uint) {
    let _ = flags;
    let found = registry().at(host.addr() as u64).filter(|a| a.used_for == Use::Pinned);
    found.ok_or(HipError::INVALID_VALUE)?;
    // SAFETY: the client's pointer; pinned memory has the same address on both sides.
    unsafe { put(out, host) }
} }

entry! { "hip_4.2" fn hipMemGetAddressRange(base: *mut *mut c_void, bytes: *mut usize, address: *mut c_void) {
    let found = registry().at(address.addr() as u64).ok_or(HipError::NOT_FOUND)?;
    // SAFETY: the client's pointers.
    unsafe {
        put(base, pointer(found.start))?;
        put(bytes, found.bytes as usize)
    }
} }

/// `hipPointerAttribute_t`, whose layout did not change.
#[repr(C)]
pub struct PointerAttributes {
    kind: c_int,
    device: c_int,
    device_pointer: *mut c_void,
    host_pointer: *mut c_void,
    is_managed: c_int,
    flags: c_uint,
}

entry! { "hip_4.2" fn hipPointerGetAttributes(out: *mut PointerAttributes, address: *const c_void) {
    let newer = config().rocm.0 >= 6;
    let start = address.addr() as u64;
    let Some(found) = registry().at(start) else {
        // From ROCm 6 on, memory that HIP does not know is no error but unregistered.
        if !newer || registry().is_dead(start) {
            return Err(HipError::INVALID_VALUE);
        }
        let null = std::ptr::null_mut();
        let unknown = PointerAttributes {
            kind: 0,
            device: -2,
            device_pointer: null,
            host_pointer: null,
            is_managed: 0,
            flags: 0,
        };
        // SAFETY: the client's pointer.
        return unsafe { put(out, unknown) };
    };
    // Host, device, managed: the numbers changed with ROCm 6.
    let (kind, on_host) = match (found.used_for, newer) {
        (Use::Pinned, false) => (0, true),
        (Use::Pinned, true) => (1, true),
        (Use::Managed, false) => (4, true),
        (Use::Managed, true) => (3, true),
        (_, false) => (1, false),
        (_, true) => (2, false),
    };
    let at = pointer(start);
    let attributes = PointerAttributes {
        kind,
        device: found.device as c_int,
        device_pointer: at,
        host_pointer: if on_host { at } else { std::ptr::null_mut() },
        is_managed: c_int::from(found.used_for == Use::Managed),
        flags: found.flags,
    };
    // SAFETY: the client's pointer.
    unsafe { put(out, attributes) }
} }

/// Whether an address is the client's own, pageable memory.
fn pageable(address: u64) -> bool {
    registry().at(address).is_none()
}

/// Queues a copy. Pageable memory behaves as HIP documents it: as a source it is read before the
/// call returns, as a target it is written before the call returns.
fn copy(to: *mut c_void, from: *const c_void, bytes: usize, stream: u64, wait: bool) -> HipResult {
    if bytes == 0 {
        return Ok(());
    }
    if to.is_null() || from.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    let (to, from) = (to.expose_provenance() as u64, from.expose_provenance() as u64);
    let size = bytes as u64;
    for (address, name) in [(to, "target"), (from, "source")] {
        memory::check(address, size).map_err(|memory::BadRange(message)| {
            eprintln!("simhip: copy of {bytes} bytes: {name}: {message}");
            HipError::INVALID_VALUE
        })?;
    }
    let work = if pageable(from) {
        let source: *const u8 = std::ptr::with_exposed_provenance(from as usize);
        // SAFETY: the client's own memory, valid for `bytes` while the call runs.
        let data = unsafe { std::slice::from_raw_parts(source, bytes) }.to_vec();
        Work::Upload { to, data }
    } else {
        Work::Copy { to, from, bytes: size }
    };
    let position = enqueue(stream, work, Vec::new())?;
    if wait || pageable(to) { synchronise(position) } else { Ok(()) }
}

/// Direction of a copy: 0 to host from host, 1 to device, 2 to host, 3 on the device, 4 by address.
fn check_kind(kind: c_int) -> HipResult {
    if (0..=4).contains(&kind) { Ok(()) } else { Err(HipError::INVALID_MEMCPY_DIRECTION) }
}

fn null_stream() -> Result<u64, HipError> {
    let device = current_device()?;
    Ok(queues().null_stream(device))
}

entry! { "hip_4.2" fn hipMemcpy(to: *mut c_void, from: *const c_void, bytes: usize, kind: c_int) {
    check_kind(kind)?;
    copy(to, from, bytes, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemcpyAsync(to: *mut c_void, from: *const c_void, bytes: usize, kind: c_int, stream: *mut c_void) {
    check_kind(kind)?;
    copy(to, from, bytes, resolve_stream(stream)?, false)
} }

entry! { "hip_4.2" fn hipMemcpyWithStream(to: *mut c_void, from: *const c_void, bytes: usize, kind: c_int, stream: *mut c_void) {
    check_kind(kind)?;
    copy(to, from, bytes, resolve_stream(stream)?, true)
} }

entry! { "hip_4.2" fn hipMemcpyHtoD(to: *mut c_void, from: *mut c_void, bytes: usize) {
    copy(to, from, bytes, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemcpyDtoH(to: *mut c_void, from: *mut c_void, bytes: usize) {
    copy(to, from, bytes, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemcpyDtoD(to: *mut c_void, from: *mut c_void, bytes: usize) {
    copy(to, from, bytes, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemcpyHtoDAsync(to: *mut c_void, from: *mut c_void, bytes: usize, stream: *mut c_void) {
    copy(to, from, bytes, resolve_stream(stream)?, false)
} }

entry! { "hip_4.2" fn hipMemcpyDtoHAsync(to: *mut c_void, from: *mut c_void, bytes: usize, stream: *mut c_void) {
    copy(to, from, bytes, resolve_stream(stream)?, false)
} }

entry! { "hip_4.2" fn hipMemcpyDtoDAsync(to: *mut c_void, from: *mut c_void, bytes: usize, stream: *mut c_void) {
    copy(to, from, bytes, resolve_stream(stream)?, false)
} }

/// Queues a fill.
fn fill(
    to: *mut c_void,
    value: u32,
    element_bytes: u64,
    count: usize,
    stream: u64,
    wait: bool,
) -> HipResult {
    if count == 0 {
        return Ok(());
    }
    let to = to.expose_provenance() as u64;
    let count = count as u64;
    let known = registry().at(to).is_some();
    if !known || memory::check(to, element_bytes.saturating_mul(count)).is_err() {
        return Err(HipError::INVALID_VALUE);
    }
    let work = Work::Fill { to, value, element_bytes, count };
    let position = enqueue(stream, work, Vec::new())?;
    if wait { synchronise(position) } else { Ok(()) }
}

entry! { "hip_4.2" fn hipMemset(to: *mut c_void, value: c_int, bytes: usize) {
    fill(to, value as u32, 1, bytes, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemsetAsync(to: *mut c_void, value: c_int, bytes: usize, stream: *mut c_void) {
    fill(to, value as u32, 1, bytes, resolve_stream(stream)?, false)
} }

entry! { "hip_4.2" fn hipMemsetD8(to: *mut c_void, value: u8, count: usize) {
    fill(to, value.into(), 1, count, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemsetD8Async(to: *mut c_void, value: u8, count: usize, stream: *mut c_void) {
    fill(to, value.into(), 1, count, resolve_stream(stream)?, false)
} }

entry! { "hip_4.2" fn hipMemsetD16(to: *mut c_void, value: u16, count: usize) {
    fill(to, value.into(), 2, count, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemsetD16Async(to: *mut c_void, value: u16, count: usize, stream: *mut c_void) {
    fill(to, value.into(), 2, count, resolve_stream(stream)?, false)
} }

entry! { "hip_4.2" fn hipMemsetD32(to: *mut c_void, value: c_int, count: usize) {
    fill(to, value as u32, 4, count, null_stream()?, true)
} }

entry! { "hip_4.2" fn hipMemsetD32Async(to: *mut c_void, value: c_int, count: usize, stream: *mut c_void) {
    fill(to, value as u32, 4, count, resolve_stream(stream)?, false)
} }
