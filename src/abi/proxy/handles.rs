//! Handles of the real library: on which device each one is, and what it is asked to measure.

use super::super::fork;
use super::super::handle::{Handle, Profile};
use super::super::objects::HeldAcrossFork;
use super::{devices, is_success, pending};
use crate::hip::CurrentDevice;
use crate::solver::Memory;
use crate::sys::{miopenHandle_t, miopenStatus_t};
use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What is noted of a handle.
#[derive(Clone)]
struct Noted {
    ordinal: Option<u32>,
    profile: Arc<Profile>,
}

/// The handles that were created through us, by address.
pub(in crate::abi) struct RealHandles {
    by_address: RwLock<BTreeMap<usize, Noted>>,
    /// Changes with every handle that comes or goes.
    generation: AtomicU32,
    /// Whether any handle was ever asked to measure: few programs do, and the rest need not look.
    is_measuring: AtomicBool,
}

pub(in crate::abi) static REAL_HANDLES: RealHandles = RealHandles {
    by_address: RwLock::new(BTreeMap::new()),
    generation: AtomicU32::new(0),
    is_measuring: AtomicBool::new(false),
};

impl HeldAcrossFork for RealHandles {
    fn hold(&'static self, held: &mut Vec<Box<dyn Any>>) {
        held.push(Box::new(self.by_address.write().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl RealHandles {
    fn of(&self, handle: miopenHandle_t) -> Option<Noted> {
        let handles = self.by_address.read().unwrap_or_else(PoisonError::into_inner);
        handles.get(&handle.addr()).cloned()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<usize, Noted>)) {
        change(&mut self.by_address.write().unwrap_or_else(PoisonError::into_inner));
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// After `miopenCreate` and `miopenCreateWithStream` of the real library, which ties a handle to
/// the current device.
///
/// # Safety
/// If the call succeeded, there is a handle at `handle`.
pub(in crate::abi) unsafe fn note_created(status: miopenStatus_t, handle: *const miopenHandle_t) {
    if !is_success(status) || handle.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let handle = unsafe { handle.read_unaligned() };
    fork::prepare_once();
    let noted = Noted { ordinal: CurrentDevice::get().ok(), profile: Arc::default() };
    REAL_HANDLES.change(|handles| drop(handles.insert(handle.addr(), noted)));
}

/// Before `miopenDestroy` of the real library.
pub(in crate::abi) fn note_destroyed(handle: miopenHandle_t) {
    pending::poll();
    REAL_HANDLES.change(|handles| drop(handles.remove(&handle.addr())));
}

/// The device of a handle: of one that came into being unseen, the current one.
pub(super) fn ordinal_of(handle: miopenHandle_t) -> Option<u32> {
    thread_local! {
        /// Address, generation and device of the handle that this thread used last.
        static LAST: Cell<(usize, u32, u32)> = const { Cell::new((0, 0, 0)) };
    }
    match devices::count() {
        0 => return None,
        1 => return Some(0),
        _ => {}
    }
    let generation = REAL_HANDLES.generation.load(Ordering::Acquire);
    let (address, of_generation, ordinal) = LAST.get();
    if address == handle.addr() && of_generation == generation && address != 0 {
        return Some(ordinal);
    }
    match REAL_HANDLES.of(handle).and_then(|noted| noted.ordinal) {
        Some(ordinal) => {
            LAST.set((handle.addr(), generation, ordinal));
            Some(ordinal)
        }
        None => CurrentDevice::get().ok(),
    }
}

/// A handle of ours that stands for one of the real library's in one call.
pub(super) fn stand_in(handle: miopenHandle_t, memory: Memory, stream: usize) -> Arc<Handle> {
    let profile = if REAL_HANDLES.is_measuring.load(Ordering::Relaxed) {
        REAL_HANDLES.of(handle).map(|noted| noted.profile)
    } else {
        None
    };
    Arc::new(Handle::in_place_of(memory, stream, profile.unwrap_or_default()))
}

/// The real library's own measurement counts from now on.
pub(super) fn ran_in_real_library(handle: miopenHandle_t) {
    if REAL_HANDLES.is_measuring.load(Ordering::Relaxed)
        && let Some(noted) = REAL_HANDLES.of(handle)
    {
        noted.profile.forget();
    }
}

/// After `miopenEnableProfiling` of the real library.
pub(in crate::abi) fn note_profiling(
    status: Option<miopenStatus_t>,
    handle: miopenHandle_t,
    enable: bool,
) {
    if status.is_some_and(is_success) {
        REAL_HANDLES.is_measuring.store(true, Ordering::Relaxed);
        if let Some(noted) = REAL_HANDLES.of(handle) {
            noted.profile.set(enable);
        }
    }
}

/// The milliseconds of the last convolution of a handle, if it was ours.
pub(in crate::abi) fn kernel_time(handle: miopenHandle_t) -> Option<f32> {
    if !REAL_HANDLES.is_measuring.load(Ordering::Relaxed) {
        return None;
    }
    REAL_HANDLES.of(handle)?.profile.measured_ms()
}
