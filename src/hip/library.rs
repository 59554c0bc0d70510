//! Finding the runtime.

use super::api::Api;
use crate::error::{Error, Result};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Names of the library, newest first; ROCm 4.5 to 5 have `.so.4` and `.so.5`.
const NAMES: [&str; 5] = [
    "libamdhip64.so.7",
    "libamdhip64.so.6",
    "libamdhip64.so.5",
    "libamdhip64.so.4",
    "libamdhip64.so",
];

/// Where it lies if the loader does not know it.
const FOLDERS: [&str; 2] = ["/opt/rocm/lib", "/opt/rocm/hip/lib"];

/// The loaded runtime; there is one in a process.
pub struct Runtime {
    api: Api,
    // Never dropped: the table points into it, and unloading a HIP runtime is not survivable.
    _library: std::mem::ManuallyDrop<Library>,
}

impl Runtime {
    /// The functions. Crate-internal: what calls them answers for the arguments.
    pub(super) fn api(&self) -> &Api {
        &self.api
    }
}

/// The runtime of this process: one that is loaded already, else one that can be found.
///
/// The first answer stays: a runtime cannot be exchanged. It is sought outside the lock, so that
/// a `fork` in the middle of it leaves the child usable.
///
/// # Errors
/// `NotInitialized`, with the reason, where there is none.
pub fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();
    let found = match RUNTIME.get() {
        Some(found) => found,
        None => {
            let found = find();
            RUNTIME.get_or_init(|| found)
        }
    };
    found.as_ref().map_err(|reason| {
        Error::new(crate::error::Status::NotInitialized, format!("no HIP runtime: {reason}"))
    })
}

/// Whether the program has a HIP runtime in its process: without one it has no device memory.
pub fn is_loaded() -> bool {
    !mapped_paths().is_empty()
}

fn find() -> std::result::Result<Runtime, String> {
    let mut reasons = Vec::new();
    let loaded = NAMES.iter().filter_map(|name| open(Path::new(name), libc::RTLD_NOLOAD).ok());
    // A copy with another SONAME (wheels rename theirs) is known by its path alone.
    let mapped = mapped_paths().into_iter().filter_map(|path| open(&path, 0).ok());
    let on_disk = NAMES.iter().map(PathBuf::from).chain(
        FOLDERS
            .iter()
            .flat_map(|folder| NAMES.iter().map(move |name| Path::new(folder).join(name))),
    );
    let opened = on_disk.filter_map(|path| open(&path, 0).ok());
    for library in loaded.chain(mapped).chain(opened) {
        // SAFETY: a library of that name is a HIP runtime; it is kept for ever.
        match unsafe { Api::load(&library) } {
            Ok(api) => {
                return Ok(Runtime { api, _library: std::mem::ManuallyDrop::new(library) });
            }
            Err(missing) => reasons.push(format!("one lacks {missing}")),
        }
    }
    if reasons.is_empty() {
        reasons.push("libamdhip64.so was not found".to_owned());
    }
    Err(reasons.join("; "))
}

fn open(path: &Path, flags: i32) -> std::result::Result<Library, libloading::Error> {
    // SAFETY: the runtime that the process uses anyway, or would.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | flags) }
}

/// Files of that name that are mapped into this process.
fn mapped_paths() -> Vec<PathBuf> {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"libamdhip64"))
        })
        .map(Path::to_path_buf)
        .collect();
    paths.dedup();
    paths
}
