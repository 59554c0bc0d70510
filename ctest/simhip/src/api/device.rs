//! Devices, attributes, versions, errors.
#![allow(non_snake_case, reason = "names of the C interface")]

use std::ffi::{c_char, c_int, c_uint};

use super::{DEVICE, LAST_ERROR, check_device, current_device, entry, put};
use crate::config::config;
use crate::device::{Device, devices};
use crate::error::{HipError, HipResult};
use crate::memory::registry;
use crate::stream::{Progress, queues, run_until, wait_for_ever};

entry! { "hip_4.2" fn hipInit(flags: c_uint) {
    if flags != 0 {
        return Err(HipError::INVALID_VALUE);
    }
    if devices().is_empty() { Err(HipError::NO_DEVICE) } else { Ok(()) }
} }

entry! { "hip_4.2" fn hipGetDeviceCount(count: *mut c_int) {
    // SAFETY: the client's pointer.
    unsafe { put(count, devices().len() as c_int)? };
    if devices().is_empty() { Err(HipError::NO_DEVICE) } else { Ok(()) }
} }

entry! { "hip_4.2" fn hipSetDevice(device: c_int) {
    DEVICE.set(check_device(device)?);
    Ok(())
} }

entry! { "hip_4.2" fn hipGetDevice(device: *mut c_int) {
    let current = current_device()? as c_int;
    // SAFETY: the client's pointer.
    unsafe { put(device, current) }
} }

entry! { "hip_4.2" fn hipDeviceGet(device: *mut c_int, ordinal: c_int) {
    let checked = check_device(ordinal)? as c_int;
    // SAFETY: the client's pointer.
    unsafe { put(device, checked) }
} }

/// Waits for all streams of a device.
pub fn synchronise_device(device: usize) -> HipResult {
    let ends = queues().ends(device);
    for end in ends {
        if run_until(end) == Progress::Hung {
            wait_for_ever();
        }
    }
    queues().sticky(device).map_or(Ok(()), Err)
}

entry! { "hip_4.2" fn hipDeviceSynchronize() {
    synchronise_device(current_device()?)
} }

entry! { "hip_4.2" fn hipDeviceReset() {
    let device = current_device()?;
    // The error that the reset clears is not its own.
    let _ = synchronise_device(device);
    queues().clear_sticky(device);
    queues().sticky(device).map_or(Ok(()), Err)
} }

/// Copies text with its terminator into a client's buffer.
///
/// # Safety
/// `to` is null or valid for `bytes` bytes.
unsafe fn put_text(to: *mut c_char, bytes: c_int, text: &str) -> HipResult {
    if to.is_null() || bytes <= 0 {
        return Err(HipError::INVALID_VALUE);
    }
    let room = bytes as usize - 1;
    for (k, b) in text.bytes().take(room).chain([0]).enumerate() {
        // SAFETY: at most `bytes` bytes are written.
        unsafe { to.add(k).write(b as c_char) };
    }
    Ok(())
}

entry! { "hip_4.2" fn hipDeviceGetName(name: *mut c_char, bytes: c_int, device: c_int) {
    let device = check_device(device)?;
    // SAFETY: the client's buffer.
    unsafe { put_text(name, bytes, devices()[device].model.name) }
} }

entry! { "hip_4.2" fn hipDeviceGetPCIBusId(id: *mut c_char, bytes: c_int, device: c_int) {
    let device = check_device(device)?;
    // SAFETY: the client's buffer.
    unsafe { put_text(id, bytes, &devices()[device].pci_bus_id()) }
} }

entry! { "hip_4.2" fn hipDeviceGetByPCIBusId(device: *mut c_int, id: *const c_char) {
    if id.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: a terminated string of the client.
    let id = unsafe { std::ffi::CStr::from_ptr(id) }.to_string_lossy();
    let found = devices().iter().position(|d| d.pci_bus_id() == id.to_lowercase());
    let found = found.ok_or(HipError::INVALID_DEVICE)? as c_int;
    // SAFETY: the client's pointer.
    unsafe { put(device, found) }
} }

entry! { "hip_4.2" fn hipDeviceTotalMem(bytes: *mut usize, device: c_int) {
    let device = check_device(device)?;
    // SAFETY: the client's pointer.
    unsafe { put(bytes, devices()[device].memory_bytes as usize) }
} }

entry! { "hip_4.2" fn hipMemGetInfo(free: *mut usize, total: *mut usize) {
    let device = current_device()?;
    let all = devices()[device].memory_bytes;
    let used = registry().used_bytes(device);
    // SAFETY: the client's pointers.
    unsafe {
        put(free, all.saturating_sub(used) as usize)?;
        put(total, all as usize)
    }
} }

entry! { "hip_4.2" fn hipDeviceComputeCapability(major: *mut c_int, minor: *mut c_int, device: c_int) {
    let device = check_device(device)?;
    let (a, b, _) = Device::version(&devices()[device].reported);
    // SAFETY: the client's pointers.
    unsafe {
        put(major, a as c_int)?;
        put(minor, b as c_int)
    }
} }

entry! { "hip_4.2" fn hipDeviceCanAccessPeer(can: *mut c_int, device: c_int, peer: c_int) {
    check_device(device)?;
    check_device(peer)?;
    // SAFETY: the client's pointer.
    unsafe { put(can, 0) }
} }

entry! { "hip_4.2" fn hipDeviceGetStreamPriorityRange(least: *mut c_int, greatest: *mut c_int) {
    // SAFETY: the client's pointers.
    unsafe {
        put(least, 1)?;
        put(greatest, -1)
    }
} }

entry! { "hip_4.2" fn hipDeviceGetAttribute(value: *mut c_int, attribute: c_int, device: c_int) {
    let device = &devices()[check_device(device)?];
    let number = attribute_value(attribute, device).ok_or(HipError::INVALID_VALUE)?;
    // SAFETY: the client's pointer.
    unsafe { put(value, number) }
} }

/// Numbers of `hipDeviceAttribute_t`, the same from ROCm 5 on; of those before the AMD section.
fn attribute_value(attribute: c_int, device: &Device) -> Option<c_int> {
    let (major, minor, _) = Device::version(&device.reported);
    let card = &device.model.card;
    Some(match attribute {
        5 => (card.clock_mhz * 1000.0) as c_int,
        3 | 8 | 10 | 15 | 30 => 1,
        0..=2 | 4 | 6 | 7 | 9 | 11..=14 | 16..=18 | 20..=22 => 0,
        19 => 3 << 20,
        23 => major as c_int,
        24 => 1,
        26..=28 => 1024,
        29 => c_int::MAX,
        31 => 65535,
        25 => 2,
        56 => 1024,
        57 => 1280,
        58 => c_int::MAX,
        59 => device.model.bus_bits as c_int,
        60 => device.model.memory_clock_mhz as c_int * 1000,
        61 => minor as c_int,
        63 => card.compute_units as c_int,
        65 | 66 => 0,
        67 => device.pci_bus as c_int,
        68 => 0,
        69 => device.pci_domain as c_int,
        71 | 72 => 65536,
        73 => 0,
        74..=76 => 65536,
        83 => c_int::MAX,
        84 => c_int::try_from(device.memory_bytes).unwrap_or(c_int::MAX),
        85 => 1,
        87 => 32,
        10000 => 100_000,
        10002 => 65536,
        10011 | 10013 | 10014 => 0,
        10015 => card.compute_units as c_int,
        _ => return None,
    })
}

/// `hip_version` of a runtime: 5.2 is 50221153 in Debian, 6.0 is 60032830.
fn version_number() -> c_int {
    let (major, minor) = config().rocm;
    let patch = match (major, minor) {
        (5, 2) => 21153,
        (6, 0) => 32830,
        _ => 0,
    };
    (major * 10_000_000 + minor * 100_000 + patch) as c_int
}

entry! { "hip_4.2" fn hipDriverGetVersion(version: *mut c_int) {
    // SAFETY: the client's pointer.
    unsafe { put(version, version_number()) }
} }

entry! { "hip_4.2" fn hipRuntimeGetVersion(version: *mut c_int) {
    // SAFETY: the client's pointer.
    unsafe { put(version, version_number()) }
} }

/// The calling thread's last error, which is forgotten. Itself it never fails.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hipGetLastError() -> i32 {
    // SAFETY: a directive for the assembler, see `entry!`.
    unsafe { std::arch::asm!(".symver hipGetLastError, hipGetLastError@@hip_4.2") };
    LAST_ERROR.replace(0)
}

/// The calling thread's last error.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hipPeekAtLastError() -> i32 {
    // SAFETY: a directive for the assembler, see `entry!`.
    unsafe { std::arch::asm!(".symver hipPeekAtLastError, hipPeekAtLastError@@hip_4.2") };
    LAST_ERROR.get()
}

/// A constant string for C, made once for each text.
fn leaked(text: &'static str) -> *const c_char {
    use std::collections::HashMap;
    use std::ffi::CString;
    use std::sync::{Mutex, OnceLock};
    static TEXTS: OnceLock<Mutex<HashMap<&'static str, CString>>> = OnceLock::new();
    let mut texts = TEXTS.get_or_init(Mutex::default).lock().unwrap_or_else(|e| e.into_inner());
    // Entries are never removed, and a CString's bytes do not move with the map.
    texts.entry(text).or_insert_with(|| CString::new(text).unwrap_or_default()).as_ptr()
}

/// Name of an error code.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hipGetErrorName(error: i32) -> *const c_char {
    // SAFETY: a directive for the assembler, see `entry!`.
    unsafe { std::arch::asm!(".symver hipGetErrorName, hipGetErrorName@@hip_4.2") };
    leaked(HipError(error).name())
}

/// Description of an error code.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hipGetErrorString(error: i32) -> *const c_char {
    // SAFETY: a directive for the assembler, see `entry!`.
    unsafe { std::arch::asm!(".symver hipGetErrorString, hipGetErrorString@@hip_4.2") };
    leaked(HipError(error).text())
}
