//! The true libMIOpen: where it is, whether it is one, and its functions.
//!
//! It is opened by absolute path and never by name, because under its name the loader finds
//! ourselves; and each candidate is looked at as a file first, because opening a second build of
//! this library in its place would send calls round in a circle.

mod environment;
mod identity;
pub mod layout;
mod own_file;
mod search;
mod trial;

pub use environment::set_before_load;
pub use identity::Identity;
pub use search::Places;
pub use trial::Trial;

use crate::config::{self, RealLib};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::CStr;
use std::path::{Path, PathBuf};

/// An open libMIOpen that is not ours.
pub struct RealLibrary {
    path: PathBuf,
    library: Library,
}

/// What the search came to.
pub struct Found {
    pub library: Option<RealLibrary>,
    /// Why the file that the setting names could not be used, if so.
    pub unusable: Option<String>,
    /// Files that the search met and that could not be used, each with the reason.
    pub rejected: Vec<String>,
}

impl RealLibrary {
    /// Finds and opens the library that `setting` asks for.
    pub fn find(setting: &RealLib) -> Found {
        let own = own_file::path();
        match setting {
            RealLib::None => Found { library: None, unusable: None, rejected: Vec::new() },
            RealLib::Path(path) => match open(path, own.as_deref()) {
                Ok(library) => {
                    Found { library: Some(library), unusable: None, rejected: Vec::new() }
                }
                // A wrong value of a setting: its default holds, which is the search.
                Err(reason) => Found {
                    unusable: Some(format!(
                        "{}={}: {reason}; another is searched for",
                        config::REAL_LIB.name,
                        path.display()
                    )),
                    ..Self::find(&RealLib::Search)
                },
            },
            RealLib::Search => {
                let places = Places::of_this_process(own.clone());
                first_usable(search::candidates(&places), own.as_deref())
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The function of that name, or `None` where this release does not have it.
    pub fn function(&self, name: &CStr) -> Option<*const ()> {
        // SAFETY: the address is only kept as an address here; who calls it owes the signature.
        let symbol = unsafe { self.library.get::<*const ()>(name.to_bytes_with_nul()) };
        let address: *const () = symbol.ok()?.as_raw_ptr().cast_const().cast();
        (!address.is_null()).then_some(address)
    }
}

fn first_usable(candidates: impl IntoIterator<Item = PathBuf>, own: Option<&Path>) -> Found {
    let mut rejected = Vec::new();
    for path in candidates {
        match open(&path, own) {
            Ok(library) => return Found { library: Some(library), unusable: None, rejected },
            Err(reason) => rejected.push(format!("{}: {reason}", path.display())),
        }
    }
    Found { library: None, unusable: None, rejected }
}

fn open(path: &Path, own: Option<&Path>) -> Result<RealLibrary, String> {
    let path = std::fs::canonicalize(path).map_err(|error| error.to_string())?;
    Identity::of_file(&path)?.usable_beside(own)?;
    // DEEPBIND: the real library calls fifteen of its own public functions through the PLT; they
    // must find itself first, not us. NOW: a library with missing dependencies fails here, where
    // the next candidate can be tried, and not in the middle of a call.
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_DEEPBIND;
    // SAFETY: running the initialisers of the library that the process was to use anyway.
    let library = unsafe { Library::open(Some(&path), flags) }.map_err(|error| cause(&error))?;
    Ok(RealLibrary { path, library })
}

/// libloading's Display says only that dlopen failed; the loader's words are the source.
fn cause(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
