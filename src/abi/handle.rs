//! Version, error names and handles.

use super::args::Out;
use super::backend;
use super::fork;
use super::guard::guard;
use super::objects::{Table, key_of, pointer_of};
use crate::error::{Result, Status};
use crate::solver::Memory;
use crate::sys::*;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// What `miopenHandle_t` stands for. MIOpen expects one handle a thread; ours may be shared, since
/// every field is replaced whole.
pub(super) struct Handle {
    /// Where the tensors of its calls lie.
    memory: Memory,
    /// The address of a HIP stream. In host memory it is kept for the getter only: the CPU engine
    /// is done when it returns.
    stream: AtomicUsize,
    profiling: AtomicBool,
    /// Milliseconds, as the bits of an f32.
    kernel_time_ms: AtomicU32,
    tuning_policy: AtomicU32,
}

pub(super) static HANDLES: Table<Handle> = Table::new(1, "miopenHandle_t");

impl Handle {
    fn new(memory: Memory, stream: hipStream_t) -> Handle {
        Handle {
            memory,
            stream: AtomicUsize::new(stream.expose_provenance()),
            profiling: AtomicBool::new(false),
            kernel_time_ms: AtomicU32::new(0),
            tuning_policy: AtomicU32::new(miopenTuningPolicy_t::miopenTuningPolicyNone.0),
        }
    }

    pub fn of(handle: miopenHandle_t) -> Result<Arc<Handle>> {
        HANDLES.get(key_of(handle))
    }

    /// Where the tensors of its calls lie.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// The address of its stream, 0 for the null stream.
    pub fn stream(&self) -> usize {
        self.stream.load(Ordering::Relaxed)
    }

    /// Whether the caller wants to know what calls take.
    pub fn is_profiling(&self) -> bool {
        self.profiling.load(Ordering::Relaxed)
    }

    /// Notes how long the computation of one API call took, if profiling is on.
    pub fn record_kernel_time(&self, time_us: f64) {
        if self.is_profiling() {
            let time_ms = (time_us * 1e-3) as f32;
            self.kernel_time_ms.store(time_ms.to_bits(), Ordering::Relaxed);
        }
    }
}

const ERROR_NAMES: [(Status, &CStr); 11] = [
    (Status::Success, c"miopenStatusSuccess"),
    (Status::NotInitialized, c"miopenStatusNotInitialized"),
    (Status::InvalidValue, c"miopenStatusInvalidValue"),
    (Status::BadParm, c"miopenStatusBadParm"),
    (Status::AllocFailed, c"miopenStatusAllocFailed"),
    (Status::InternalError, c"miopenStatusInternalError"),
    (Status::NotImplemented, c"miopenStatusNotImplemented"),
    (Status::UnknownError, c"miopenStatusUnknownError"),
    (Status::UnsupportedOp, c"miopenStatusUnsupportedOp"),
    (Status::GpuOperationsSkipped, c"miopenStatusGpuOperationsSkipped"),
    (Status::VersionMismatch, c"miopenStatusVersionMismatch"),
];

pub(super) unsafe extern "C" fn miopenGetErrorString(error: miopenStatus_t) -> *const c_char {
    let known = ERROR_NAMES.iter().find(|(status, _)| *status as u32 == error.0);
    known.map_or(c"Unknown error status", |(_, name)| name).as_ptr()
}

pub(super) unsafe extern "C" fn miopenGetVersion(
    major: *mut usize,
    minor: *mut usize,
    patch: *mut usize,
) -> miopenStatus_t {
    guard("miopenGetVersion", || {
        for (place, number) in [
            (major, MIOPEN_VERSION_MAJOR),
            (minor, MIOPEN_VERSION_MINOR),
            (patch, MIOPEN_VERSION_PATCH),
        ] {
            // SAFETY: the caller passes NULL or a place for a size_t.
            if let Some(out) = unsafe { Out::optional(place) } {
                out.write(number as usize);
            }
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenCreate(handle: *mut miopenHandle_t) -> miopenStatus_t {
    // SAFETY: the same contract.
    guard("miopenCreate", || unsafe { create(handle, std::ptr::null_mut()) })
}

pub(super) unsafe extern "C" fn miopenCreateWithStream(
    handle: *mut miopenHandle_t,
    stream: miopenAcceleratorQueue_t,
) -> miopenStatus_t {
    // SAFETY: the same contract.
    guard("miopenCreateWithStream", || unsafe { create(handle, stream) })
}

/// # Safety
/// `handle` is null or a place for a handle.
unsafe fn create(handle: *mut miopenHandle_t, stream: hipStream_t) -> Result<()> {
    // SAFETY: passed on.
    let out = unsafe { Out::required(handle, "handle") }?;
    let memory = backend::memory_of_new_handle()?;
    fork::prepare_once();
    out.write(pointer_of(HANDLES.insert(Handle::new(memory, stream))));
    Ok(())
}

pub(super) unsafe extern "C" fn miopenDestroy(handle: miopenHandle_t) -> miopenStatus_t {
    guard("miopenDestroy", || HANDLES.remove(key_of(handle)))
}

pub(super) unsafe extern "C" fn miopenSetStream(
    handle: miopenHandle_t,
    stream: miopenAcceleratorQueue_t,
) -> miopenStatus_t {
    guard("miopenSetStream", || {
        Handle::of(handle)?.stream.store(stream.expose_provenance(), Ordering::Relaxed);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetStream(
    handle: miopenHandle_t,
    stream: *mut miopenAcceleratorQueue_t,
) -> miopenStatus_t {
    guard("miopenGetStream", || {
        let handle = Handle::of(handle)?;
        // SAFETY: the caller passes NULL or a place for a stream.
        let out = unsafe { Out::required(stream, "streamID") }?;
        out.write(std::ptr::with_exposed_provenance_mut(handle.stream()));
        Ok(())
    })
}

/// Accepted and not kept: what a call needs beyond its workspace comes from a small pool of ours.
pub(super) unsafe extern "C" fn miopenSetAllocator(
    handle: miopenHandle_t,
    _allocator: miopenAllocatorFunction,
    _deallocator: miopenDeallocatorFunction,
    _context: *mut c_void,
) -> miopenStatus_t {
    guard("miopenSetAllocator", || Handle::of(handle).map(drop))
}

/// Milliseconds that the last convolution of this handle took; 0 while profiling is off.
pub(super) unsafe extern "C" fn miopenGetKernelTime(
    handle: miopenHandle_t,
    time: *mut f32,
) -> miopenStatus_t {
    guard("miopenGetKernelTime", || {
        let handle = Handle::of(handle)?;
        // SAFETY: the caller passes NULL or a place for a float.
        let out = unsafe { Out::required(time, "time") }?;
        out.write(f32::from_bits(handle.kernel_time_ms.load(Ordering::Relaxed)));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenEnableProfiling(
    handle: miopenHandle_t,
    enable: bool,
) -> miopenStatus_t {
    guard("miopenEnableProfiling", || {
        let handle = Handle::of(handle)?;
        handle.profiling.store(enable, Ordering::Relaxed);
        handle.kernel_time_ms.store(0, Ordering::Relaxed);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenSetTuningPolicy(
    handle: miopenHandle_t,
    policy: miopenTuningPolicy_t,
) -> miopenStatus_t {
    guard("miopenSetTuningPolicy", || {
        Handle::of(handle)?.tuning_policy.store(policy.0, Ordering::Relaxed);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetTuningPolicy(
    handle: miopenHandle_t,
    policy: *mut miopenTuningPolicy_t,
) -> miopenStatus_t {
    guard("miopenGetTuningPolicy", || {
        let handle = Handle::of(handle)?;
        // SAFETY: the caller passes NULL or a place for the enum.
        let out = unsafe { Out::required(policy, "value") }?;
        out.write(miopenTuningPolicy_t(handle.tuning_policy.load(Ordering::Relaxed)));
        Ok(())
    })
}
