//! The one boundary between Rust's errors and C's statuses.
#![forbid(unsafe_code)]

use crate::error::{Error, Result, Status};
use crate::sys::miopenStatus_t;
use crate::trace::{self, Level};
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::new(CString::default());
}

/// Runs the body of a C function: a failure becomes its status, a panic `miopenStatusUnknownError`
/// (what the real library makes of an exception that it did not foresee). The body writes its
/// outputs last, so they are written only on success.
pub(super) fn guard(function: &str, body: impl FnOnce() -> Result<()>) -> miopenStatus_t {
    let outcome = catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|panic| Err(Error::unknown(format!("panic: {}", message_of(&*panic)))));
    let status = match outcome {
        Ok(()) => Status::Success,
        Err(error) => {
            // The message must not bring down what the guard has caught.
            let _ = catch_unwind(AssertUnwindSafe(|| remember(function, &error)));
            error.status
        }
    };
    trace::say(Level::Call, || format!("{function}: {}", status.name()));
    miopenStatus_t(status as u32)
}

/// Keeps the reason of a failure for [`with_last_error`], and tells it to whoever wants to know.
pub(super) fn remember(function: &str, error: &Error) {
    trace::say(Level::Failure, || format!("{function}: {error}"));
    keep(function, error);
}

/// Keeps the reason of a failure for [`with_last_error`].
pub(super) fn keep(function: &str, error: &Error) {
    let message = format!("{function}: {error}");
    let text = CString::new(message).unwrap_or_default();
    // At thread exit the place is gone already; then nobody can ask any more.
    let _ = LAST_ERROR.try_with(|last| last.replace(text));
}

/// Why the last failing call of this thread failed; empty if none did.
pub(super) fn with_last_error<T>(read: impl FnOnce(&CStr) -> T) -> T {
    LAST_ERROR.with_borrow(|message| read(message))
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_panics_become_statuses_with_a_message() {
        assert_eq!(guard("f", || Ok(())).0, Status::Success as u32);
        assert_eq!(guard("f", || Err(Error::bad_parm("n is -1"))).0, Status::BadParm as u32);
        with_last_error(|text| assert_eq!(text, c"f: n is -1 (miopenStatusBadParm)"));
        assert_eq!(guard("g", || panic!("no {}", "way")).0, Status::UnknownError as u32);
        with_last_error(|text| assert_eq!(text, c"g: panic: no way (miopenStatusUnknownError)"));
    }
}
