//! What the system's loader would load, asked of itself. It maps the libraries and runs nothing of
//! them.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The loader of every 64-bit x86 program on Linux with glibc; the ABI fixes the path.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// A library in the order in which symbols are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The name that was asked for.
    pub name: String,
    /// `None`: not found.
    pub path: Option<PathBuf>,
}

/// The libraries of a program or library; `None` where the loader does not say.
pub fn list(file: &Path) -> Option<Vec<Loaded>> {
    let output = Command::new(LOADER)
        .arg("--list")
        .arg(file)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let libraries: Vec<Loaded> = text.lines().filter_map(line).collect();
    (!libraries.is_empty()).then_some(libraries)
}

/// `NAME => PATH (0x...)`, `NAME => not found`, or `PATH (0x...)`.
fn line(text: &str) -> Option<Loaded> {
    let text = text.trim();
    let without_address = |text: &str| match text.rsplit_once(" (0x") {
        Some((path, _)) => path.trim().to_owned(),
        None => text.to_owned(),
    };
    let (name, path) = match text.split_once(" => ") {
        Some((name, "not found")) => (name.to_owned(), None),
        Some((name, path)) => (name.to_owned(), Some(without_address(path))),
        // A library that was asked for by its path; what has none is the kernel's own.
        None if text.starts_with('/') => (without_address(text), Some(without_address(text))),
        None => return None,
    };
    (!name.is_empty()).then(|| Loaded { name, path: path.map(PathBuf::from) })
}

/// Libraries that would not be found.
pub fn missing(file: &Path) -> Option<Vec<String>> {
    let libraries = list(file)?;
    Some(libraries.into_iter().filter(|one| one.path.is_none()).map(|one| one.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_lines_are_read() {
        let read = |text: &str| line(text).map(|one| (one.name, one.path));
        let found = read("\tlibMIOpen.so.1 => /opt/my rocm/lib/libMIOpen.so.1 (0x00007f00)");
        let path = PathBuf::from("/opt/my rocm/lib/libMIOpen.so.1");
        assert_eq!(found, Some(("libMIOpen.so.1".to_owned(), Some(path))));
        assert_eq!(
            read("\tlibamdhip64.so.6 => not found"),
            Some(("libamdhip64.so.6".into(), None))
        );
        let preloaded = read("\t/x/libMIOpen.so (0x00007f00)").unwrap();
        assert_eq!(preloaded.1, Some(PathBuf::from("/x/libMIOpen.so")));
        assert_eq!(read("\tlinux-vdso.so.1 (0x00007fff)"), None);
        assert_eq!(read("\tstatically linked"), None);
    }
}
