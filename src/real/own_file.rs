//! Which file this library was loaded from.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Absolute path of the file that holds this code, links not resolved: the name by which the
/// loader found it tells where it was installed. `None` where the loader gives no usable name.
pub fn path() -> Option<PathBuf> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::uninit();
    let own_code = path as *const ();
    // SAFETY: dladdr takes any address, and fills `info` where it answers other than 0.
    let info = unsafe {
        if libc::dladdr(own_code.cast(), info.as_mut_ptr()) == 0 {
            return None;
        }
        info.assume_init()
    };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader keeps the name, zero-terminated, as long as the object is mapped.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    std::path::absolute(OsStr::from_bytes(name.to_bytes())).ok().filter(|path| path.exists())
}
