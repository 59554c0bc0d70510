//! Version, error names and handles.

use super::args::Out;
use super::backend::{self, Backend, backend};
use super::fork;
use super::guard::guard;
use super::objects::{Table, key_of, pointer_of};
use super::proxy;
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
    profile: Arc<Profile>,
    tuning_policy: AtomicU32,
}

/// What a handle measures.
#[derive(Default)]
pub(super) struct Profile {
    is_on: AtomicBool,
    /// Whether the last convolution was ours and measured.
    is_measured: AtomicBool,
    /// Milliseconds, as the bits of an f32.
    time_ms: AtomicU32,
}

impl Profile {
    /// Switches it on or off; what was measured is forgotten.
    pub fn set(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
        self.forget();
    }

    pub fn forget(&self) {
        self.is_measured.store(false, Ordering::Relaxed);
        self.time_ms.store(0, Ordering::Relaxed);
    }

    /// Milliseconds of the last convolution, if it was measured here.
    pub fn measured_ms(&self) -> Option<f32> {
        let is_measured = self.is_measured.load(Ordering::Relaxed);
        is_measured.then(|| f32::from_bits(self.time_ms.load(Ordering::Relaxed)))
    }
}

pub(super) static HANDLES: Table<Handle> = Table::new(1, "miopenHandle_t");

impl Handle {
    fn new(memory: Memory, stream: hipStream_t) -> Handle {
        Handle {
            memory,
            stream: AtomicUsize::new(stream.expose_provenance()),
            profile: Arc::default(),
            tuning_policy: AtomicU32::new(miopenTuningPolicy_t::miopenTuningPolicyNone.0),
        }
    }

    /// A handle for one call, in the place of one of the real library's.
    pub fn in_place_of(memory: Memory, stream: usize, profile: Arc<Profile>) -> Handle {
        let stream = std::ptr::with_exposed_provenance_mut(stream);
        Handle { profile, ..Handle::new(memory, stream) }
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
        self.profile.is_on.load(Ordering::Relaxed)
    }

    /// Notes how long the computation of one API call took, if profiling is on.
    pub fn record_kernel_time(&self, time_us: f64) {
        if self.is_profiling() {
            let time_ms = (time_us * 1e-3) as f32;
            self.profile.time_ms.store(time_ms.to_bits(), Ordering::Relaxed);
            self.profile.is_measured.store(true, Ordering::Relaxed);
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
    if let Backend::Proxy(proxy) = backend() {
        return proxy.pass("miopenCreate", |functions| {
            // SAFETY: the caller's argument; on success there is a handle in it.
            functions.miopenCreate.map(|real| unsafe {
                let status = real(handle);
                proxy::note_created(status, handle);
                status
            })
        });
    }
    // SAFETY: the same contract.
    guard("miopenCreate", || unsafe { create(handle, std::ptr::null_mut()) })
}

pub(super) unsafe extern "C" fn miopenCreateWithStream(
    handle: *mut miopenHandle_t,
    stream: miopenAcceleratorQueue_t,
) -> miopenStatus_t {
    if let Backend::Proxy(proxy) = backend() {
        return proxy.pass("miopenCreateWithStream", |functions| {
            // SAFETY: the caller's arguments; on success there is a handle in the first.
            functions.miopenCreateWithStream.map(|real| unsafe {
                let status = real(handle, stream);
                proxy::note_created(status, handle);
                status
            })
        });
    }
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
    if let Backend::Proxy(proxy) = backend() {
        proxy::note_destroyed(handle);
        return proxy.pass("miopenDestroy", |functions| {
            // SAFETY: the caller's argument.
            functions.miopenDestroy.map(|real| unsafe { real(handle) })
        });
    }
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
    // SAFETY: the caller passes NULL or a place for a float.
    let write = |time_ms| unsafe { Out::required(time, "time") }.map(|out| out.write(time_ms));
    if let Backend::Proxy(proxy) = backend() {
        if let Some(time_ms) = proxy::kernel_time(handle) {
            return guard("miopenGetKernelTime", || write(time_ms));
        }
        return proxy.pass("miopenGetKernelTime", |functions| {
            // SAFETY: the caller's arguments.
            functions.miopenGetKernelTime.map(|real| unsafe { real(handle, time) })
        });
    }
    guard("miopenGetKernelTime", || write(Handle::of(handle)?.profile.measured_ms().unwrap_or(0.0)))
}

pub(super) unsafe extern "C" fn miopenEnableProfiling(
    handle: miopenHandle_t,
    enable: bool,
) -> miopenStatus_t {
    if let Backend::Proxy(proxy) = backend() {
        return proxy.pass("miopenEnableProfiling", |functions| {
            // SAFETY: the caller's arguments.
            let status =
                functions.miopenEnableProfiling.map(|real| unsafe { real(handle, enable) });
            proxy::note_profiling(status, handle, enable);
            status
        });
    }
    guard("miopenEnableProfiling", || {
        Handle::of(handle)?.profile.set(enable);
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
