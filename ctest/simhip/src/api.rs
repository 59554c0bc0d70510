//! The C interface: signatures of `hip_runtime_api.h`, symbol versions of the real library.

pub mod device;
pub mod event;
pub mod launch;
pub mod memory;
pub mod properties;
pub mod stream;

use std::cell::Cell;

use crate::config::config;
use crate::device::devices;
use crate::error::{HipError, HipResult};
use crate::fault::injected;
use crate::runtime::initialise;

thread_local! {
    static DEVICE: Cell<usize> = const { Cell::new(0) };
    static LAST_ERROR: Cell<i32> = const { Cell::new(0) };
}

/// Runs a call: injected faults first, a panic becomes an error, the outcome is remembered for
/// `hipGetLastError`.
pub fn guard(name: &'static str, call: impl FnOnce() -> HipResult) -> i32 {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        initialise();
        match injected(name) {
            Some(error) => Err(error),
            None => call(),
        }
    }))
    .unwrap_or(Err(HipError::UNKNOWN));
    let code = outcome.err().unwrap_or(HipError::SUCCESS).0;
    if config().trace {
        eprintln!("simhip: {name} -> {}", HipError(code).name());
    }
    if code != 0 && code != HipError::NOT_READY.0 {
        LAST_ERROR.set(code);
    }
    code
}

/// The calling thread's device.
pub fn current_device() -> Result<usize, HipError> {
    let device = DEVICE.get();
    if device < devices().len() { Ok(device) } else { Err(HipError::NO_DEVICE) }
}

fn check_device(device: i32) -> Result<usize, HipError> {
    if devices().is_empty() {
        return Err(HipError::NO_DEVICE);
    }
    usize::try_from(device).ok().filter(|&d| d < devices().len()).ok_or(HipError::INVALID_DEVICE)
}

/// Writes a result through the client's pointer.
///
/// # Safety
/// `to` is null or valid for writing a `T`.
unsafe fn put<T>(to: *mut T, value: T) -> HipResult {
    if to.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: not null, and the caller's promise.
    unsafe { to.write(value) };
    Ok(())
}

/// A function of HIP with the version node of its symbol.
macro_rules! entry {
    ($(#[$meta:meta])* $node:literal fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        /// See HIP's documentation; every pointer must be what that says.
        ///
        /// # Safety
        /// Pointers must be valid for what HIP's documentation says of them.
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub unsafe extern "C" fn $name($($arg: $kind),*) -> i32 {
            // SAFETY: a directive for the assembler, no instruction. It stands here because it must
            // be in the object file that defines the symbol.
            unsafe {
                std::arch::asm!(concat!(
                    ".symver ", stringify!($name), ", ", stringify!($name), "@@", $node
                ));
            }
            $crate::api::guard(stringify!($name), move || $body)
        }
    };
}
pub(crate) use entry;
