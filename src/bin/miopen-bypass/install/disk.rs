//! Changes to the disk, each a step that can be the last.
//!
//! An installation must leave a working library wherever it is broken off. To test that, `--stop-after`
//! ends the process after so many steps, as a kill or a power cut would: nothing is tidied up.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::ending::Failure;

/// The status of a process that was killed by SIGKILL, as a shell shows it.
const KILLED: i32 = 137;

/// What makes the changes.
pub struct Disk {
    steps_left: Cell<Option<u32>>,
}

impl Disk {
    pub fn new(stop_after: Option<u32>) -> Disk {
        Disk { steps_left: Cell::new(stop_after) }
    }

    fn step(&self) {
        match self.steps_left.get() {
            None => {}
            Some(0) => std::process::exit(KILLED),
            Some(left) => self.steps_left.set(Some(left - 1)),
        }
    }

    /// Makes the file `path`, or replaces it at once: nobody sees half of it.
    pub fn write(&self, path: &Path, bytes: &[u8], like: Option<&Path>) -> Result<(), Failure> {
        let temporary = beside(path);
        let attempt = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            let (first, second) = bytes.split_at(bytes.len() / 2);
            file.write_all(first)?;
            self.step();
            file.write_all(second)?;
            if let Some(like) = like {
                file.set_permissions(fs::metadata(like)?.permissions())?;
            }
            // The rename must not reach the disk before what it names.
            file.sync_all()?;
            self.step();
            fs::rename(&temporary, path)
        };
        self.finish(path, attempt())
    }

    /// Gives the file `from` the second name `to`, or copies it where the file system has no
    /// second names.
    pub fn keep(&self, from: &Path, to: &Path) -> Result<(), Failure> {
        let temporary = beside(to);
        let attempt = || -> io::Result<()> {
            remove_if_there(&temporary)?;
            if fs::hard_link(from, &temporary).is_err() {
                fs::copy(from, &temporary)?;
                File::open(&temporary)?.sync_all()?;
            }
            self.step();
            // To rename one name of a file over another name of the same file does nothing, and
            // leaves both.
            fs::rename(&temporary, to)?;
            remove_if_there(&temporary)
        };
        self.finish(to, attempt())
    }

    /// Makes the link `path` to `target`, in the place of whatever has that name.
    pub fn link(&self, target: &Path, path: &Path) -> Result<(), Failure> {
        let temporary = beside(path);
        let attempt = || -> io::Result<()> {
            remove_if_there(&temporary)?;
            std::os::unix::fs::symlink(target, &temporary)?;
            self.step();
            fs::rename(&temporary, path)
        };
        self.finish(path, attempt())
    }

    /// Puts the file `from` in the place of `to`.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), Failure> {
        self.finish(to, fs::rename(from, to))
    }

    /// Removes a file; one that is gone already is no mistake.
    pub fn remove(&self, path: &Path) -> Result<(), Failure> {
        self.finish(path, remove_if_there(path))
    }

    fn finish(&self, path: &Path, result: io::Result<()>) -> Result<(), Failure> {
        result.map_err(|error| {
            let _ = remove_if_there(&beside(path));
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => "; it may need root, or the files' owner",
                _ => "",
            };
            Failure::failed(format!("{}: {error}{hint}", path.display()))
        })?;
        if let Some(folder) = path.parent() {
            // Not every file system can; the order of the steps holds without.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        self.step();
        Ok(())
    }
}

/// The name that a file has while it is made: no loader asks for it, and ldconfig passes over what
/// does not start with `lib`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{TEMPORARY_PREFIX}{name}"))
}

/// How the names of files start that an interrupted run may leave behind.
pub const TEMPORARY_PREFIX: &str = ".miopen-bypass-new-";

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
