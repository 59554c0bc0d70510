//! The functions of `include/miopen/bypass.h`.

use super::backend;
use super::guard;
use std::ffi::{CStr, CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::OnceLock;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no NUL"),
    };

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn miopenBypassVersion() -> *const c_char {
    VERSION.as_ptr()
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn miopenBypassRealLibrary() -> *const c_char {
    static PATH: OnceLock<Option<CString>> = OnceLock::new();
    let path = catch_unwind(|| {
        let real = backend::real_path();
        PATH.get_or_init(|| CString::new(real?.as_os_str().as_bytes()).ok())
    });
    path.ok().and_then(Option::as_ref).map_or(ptr::null(), |path| path.as_ptr())
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn miopenBypassLastError() -> *const c_char {
    catch_unwind(|| guard::with_last_error(CStr::as_ptr)).unwrap_or(c"".as_ptr())
}
