//! The functions of `include/miopen/bypass.h`.

use super::args::Out;
use super::backend;
use super::guard::{self, guard};
use super::stopwatch;
use crate::config;
use crate::error::{Error, Result};
use crate::report::{self, Snapshot, Totals};
use crate::sys::*;
use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::OnceLock;
use std::{mem, ptr};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no NUL"),
    };

/// Compiles only if each function has the type that the header declares.
macro_rules! check_types {
    ($($name:ident)*) => {
        $(const _: signature::$name = $name;)*
    };
}
check_types! {
    miopenBypassVersion miopenBypassRealLibrary miopenBypassLastError
    miopenBypassSetSetting miopenBypassGetSetting
    miopenBypassPushLabel miopenBypassPopLabel
    miopenBypassGetTotals miopenBypassResetStatistics
    miopenBypassGetReport miopenBypassWriteReport
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassVersion() -> *const c_char {
    VERSION.as_ptr()
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassRealLibrary() -> *const c_char {
    static PATH: OnceLock<Option<CString>> = OnceLock::new();
    let path = catch_unwind(|| {
        let real = backend::real_path();
        PATH.get_or_init(|| CString::new(real?.as_os_str().as_bytes()).ok())
    });
    path.ok().and_then(Option::as_ref).map_or(ptr::null(), |path| path.as_ptr())
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassLastError() -> *const c_char {
    catch_unwind(|| guard::with_last_error(CStr::as_ptr)).unwrap_or(c"".as_ptr())
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassSetSetting(
    name: *const c_char,
    value: *const c_char,
) -> miopenStatus_t {
    guard("miopenBypassSetSetting", || {
        // SAFETY: the caller passes NULL or strings that end.
        let (name, value) = unsafe { (text_of(name, "name")?, text_of(value, "value")?) };
        config::set(name, value)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassGetSetting(
    name: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> miopenStatus_t {
    guard("miopenBypassGetSetting", || {
        // SAFETY: the caller passes NULL or a string that ends.
        let name = unsafe { text_of(name, "name") }?;
        let value = config::get(name)
            .ok_or_else(|| Error::bad_parm(format!("there is no setting {name}")))?;
        // SAFETY: the header's contract for buffers of text.
        unsafe { write_text(&value, buffer, capacity, length) }
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassPushLabel(label: *const c_char) -> miopenStatus_t {
    guard("miopenBypassPushLabel", || {
        // SAFETY: the caller passes NULL or a string that ends.
        report::push_label(unsafe { text_of(label, "label") }?);
        Ok(())
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassPopLabel() -> miopenStatus_t {
    guard("miopenBypassPopLabel", || match report::pop_label() {
        true => Ok(()),
        false => Err(Error::bad_parm("this thread has no label left")),
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassGetTotals(
    label: *const c_char,
    totals: *mut miopenBypassTotals_t,
) -> miopenStatus_t {
    guard("miopenBypassGetTotals", || {
        if totals.is_null() {
            return Err(Error::bad_parm("totals is NULL"));
        }
        // SAFETY: struct_size is the first member of every version of the struct.
        let struct_size = unsafe { totals.cast::<usize>().read_unaligned() };
        if struct_size < mem::offset_of!(miopenBypassTotals_t, forwarded) {
            return Err(Error::bad_parm(format!("struct_size is {struct_size}")));
        }
        let label = match label.is_null() {
            true => None,
            // SAFETY: the caller passes a string that ends.
            false => Some(unsafe { text_of(label, "label") }?),
        };
        let sums = sums_of(&snapshot(), label);
        let written = miopenBypassTotals_t {
            struct_size,
            calls: sums.calls,
            forwarded: sums.forwarded,
            bypassed: sums.bypassed,
            timed_calls: sums.timed_calls,
            time_us: sums.time_us,
            workspace_bytes: sums.workspace_bytes,
        };
        let bytes = struct_size.min(mem::size_of::<miopenBypassTotals_t>());
        // SAFETY: the caller answers for struct_size bytes at `totals`.
        unsafe {
            ptr::copy_nonoverlapping((&raw const written).cast::<u8>(), totals.cast(), bytes);
        }
        Ok(())
    })
}

/// What was counted so far, with the times of work that is over by now.
fn snapshot() -> Snapshot {
    stopwatch::look_at_all();
    report::snapshot()
}

fn sums_of(snapshot: &Snapshot, label: Option<&str>) -> Totals {
    let mut sums = Totals::default();
    let is_wanted = |name: &str| label.is_none_or(|label| label == name);
    snapshot.rows.iter().filter(|row| is_wanted(&row.label)).for_each(|row| sums += row);
    sums
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassResetStatistics() -> miopenStatus_t {
    guard("miopenBypassResetStatistics", || {
        report::reset();
        Ok(())
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassGetReport(
    format: miopenBypassReportFormat_t,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> miopenStatus_t {
    guard("miopenBypassGetReport", || {
        let snapshot = snapshot();
        let text = match format {
            miopenBypassReportFormat_t::miopenBypassReportText => snapshot.to_text(),
            miopenBypassReportFormat_t::miopenBypassReportJson => snapshot.to_json(),
            miopenBypassReportFormat_t::miopenBypassReportHtml => snapshot.to_html(),
            other => return Err(Error::bad_parm(format!("there is no report format {}", other.0))),
        };
        // SAFETY: the header's contract for buffers of text.
        unsafe { write_text(&text, buffer, capacity, length) }
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn miopenBypassWriteReport(path: *const c_char) -> miopenStatus_t {
    guard("miopenBypassWriteReport", || {
        // SAFETY: the caller passes NULL or a string that ends.
        let path = unsafe { string_of(path, "path") }?;
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        report::write(path).map_err(|error| Error::unknown(format!("{}: {error}", path.display())))
    })
}

/// # Safety
/// `at` is null or points to a string that ends with a NUL and outlives the call.
unsafe fn string_of<'a>(at: *const c_char, name: &str) -> Result<&'a CStr> {
    if at.is_null() {
        return Err(Error::bad_parm(format!("{name} is NULL")));
    }
    // SAFETY: the caller answers for the string.
    Ok(unsafe { CStr::from_ptr(at) })
}

/// # Safety
/// As for [`string_of`].
unsafe fn text_of<'a>(at: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: passed on.
    let string = unsafe { string_of(at, name) }?;
    string.to_str().map_err(|_| Error::bad_parm(format!("{name} is not UTF-8")))
}

/// Writes a text as the header says it of `miopenBypassGetSetting`.
///
/// # Safety
/// `buffer` has room for `capacity` bytes or `capacity` is 0; `length` is null or a place for a
/// `size_t`.
unsafe fn write_text(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> Result<()> {
    if capacity > 0 && buffer.is_null() {
        return Err(Error::bad_parm("buffer is NULL"));
    }
    // SAFETY: the caller answers for `length`.
    if let Some(out) = unsafe { Out::optional(length) } {
        out.write(text.len());
    }
    if capacity > 0 {
        let count = text.len().min(capacity - 1);
        // SAFETY: count + 1 <= capacity, for which the caller answers.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), count);
            buffer.add(count).write(0);
        }
    }
    Ok(())
}
