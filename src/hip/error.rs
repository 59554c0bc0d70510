//! HIP's error codes as our errors.

use super::api::Code;
use super::library::Runtime;
use crate::error::{Error, Result, Status};
use std::ffi::CStr;

/// `hipErrorOutOfMemory`.
const OUT_OF_MEMORY: Code = 2;
/// `hipErrorNoBinaryForGpu`: the code object is for another architecture.
const NO_BINARY_FOR_GPU: Code = 209;
/// `hipErrorInvalidImage` and `hipErrorInvalidKernelFile`: what older runtimes say instead.
const INVALID_IMAGE: Code = 200;
const INVALID_KERNEL_FILE: Code = 218;

/// `hipErrorNotReady`: no failure, but the answer of a query.
const NOT_READY: Code = 600;

/// Whether a query found work that is not done.
pub fn is_not_ready(code: Code) -> bool {
    code == NOT_READY
}

/// `hipErrorStreamCaptureUnsupported` to `hipErrorStreamCaptureWrongThread`, with
/// `hipErrorCapturedEvent` among them.
const CAPTURE: std::ops::RangeInclusive<Code> = 900..=908;

/// Whether a query met a stream that is, or was, being recorded into a graph.
pub fn is_of_a_capture(code: Code) -> bool {
    CAPTURE.contains(&code)
}

/// Whether a module failed to load because its label names another architecture.
pub fn is_wrong_architecture(code: Code) -> bool {
    [NO_BINARY_FOR_GPU, INVALID_IMAGE, INVALID_KERNEL_FILE].contains(&code)
}

/// `Ok` for `hipSuccess`.
///
/// # Errors
/// `AllocFailed` where memory is short, else `UnknownError` (what the real library answers when
/// HIP fails); the context names the function and HIP's error.
pub fn check(runtime: &Runtime, function: &str, code: Code) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    let status = if code == OUT_OF_MEMORY { Status::AllocFailed } else { Status::UnknownError };
    // SAFETY: takes any number, answers with a static string.
    let name = unsafe { (runtime.api().hipGetErrorName)(code) };
    let name = if name.is_null() {
        "unknown".into()
    } else {
        // SAFETY: not null, and HIP's names are static C strings.
        unsafe { CStr::from_ptr(name) }.to_string_lossy()
    };
    Err(Error::new(status, format!("{function}: {name} ({code})")))
}
