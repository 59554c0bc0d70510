//! A file from which others read the statistics while the process runs.
//!
//! The thread that records a call writes it, at most once a second, and only where
//! `MIOPEN_BYPASS_REPORT` is set. So there is no thread of ours in the caller's process, no socket
//! to serve, and no mapping that somebody else could cut short under us; and a process that hangs or
//! is killed leaves what it had counted a second before. An orderly exit takes the file away.
#![forbid(unsafe_code)]

use super::outlet::write_whole;
use super::statistics::snapshot;
use crate::trace;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};

/// Writing takes about a millisecond for the layers of a large network.
const INTERVAL: Duration = Duration::from_secs(1);

/// Files of processes that are gone are kept this long, for whoever wants to know how one died.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// After a failure; no process runs that long.
const NEVER: u64 = u64::MAX;

/// See the module.
pub(super) struct LiveFile {
    path: Option<PathBuf>,
    begin: Instant,
    /// Milliseconds after `begin` from which on it is to be written again.
    due_ms: AtomicU64,
}

impl LiveFile {
    pub fn new() -> Self {
        let path = match usable_folder() {
            Ok(folder) => {
                remove_old_ones(&folder);
                Some(folder.join(name(std::process::id())))
            }
            Err(error) => {
                trace::line(&format!("no report for others to read: {error}"));
                None
            }
        };
        let due_ms = AtomicU64::new(if path.is_some() { 0 } else { NEVER });
        LiveFile { path, begin: Instant::now(), due_ms }
    }

    /// Writes the file if it is time to.
    pub fn refresh(&self) {
        let now_ms = self.begin.elapsed().as_millis() as u64;
        let due_ms = self.due_ms.load(Ordering::Relaxed);
        if now_ms < due_ms {
            return;
        }
        let next_ms = now_ms + INTERVAL.as_millis() as u64;
        // Of threads that come together, one writes.
        let is_ours =
            self.due_ms.compare_exchange(due_ms, next_ms, Ordering::Relaxed, Ordering::Relaxed);
        if let (Ok(_), Some(path)) = (is_ours, &self.path)
            && let Err(error) = write_whole(path, &snapshot().to_json())
        {
            self.due_ms.store(NEVER, Ordering::Relaxed);
            trace::line(&format!("no report for others to read: {}: {error}", path.display()));
        }
    }

    /// Takes the file away: the process ends in order.
    pub fn remove(&self) {
        self.due_ms.store(NEVER, Ordering::Relaxed);
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

fn name(pid: u32) -> String {
    format!("report-{pid}.json")
}

/// Where the file of a process may lie, best guess first. It need not run any more.
pub fn live_files(pid: u32) -> Vec<PathBuf> {
    let owner = fs::metadata(format!("/proc/{pid}")).map(|process| process.uid());
    let mut folders = owner.map(folders_of).unwrap_or_default();
    for folder in own_uid().map(folders_of).unwrap_or_default() {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.into_iter().map(|folder| folder.join(name(pid))).collect()
}

/// The folders of a user: in the runtime directory, else in /tmp, where containers have no other.
fn folders_of(uid: u32) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    if let (Ok(own), Some(runtime)) = (own_uid(), runtime)
        && own == uid
    {
        folders.push(PathBuf::from(runtime).join("miopen-bypass"));
    }
    folders.push(format!("/run/user/{uid}/miopen-bypass").into());
    folders.push(format!("/tmp/miopen-bypass-{uid}").into());
    folders
}

fn own_uid() -> io::Result<u32> {
    fs::metadata("/proc/self").map(|process| process.uid())
}

/// The first folder of ours that exists or can be made.
fn usable_folder() -> io::Result<PathBuf> {
    let uid = own_uid()?;
    let mut failure = io::Error::other("no folder");
    for folder in folders_of(uid) {
        match make_private(&folder, uid) {
            Ok(()) => return Ok(folder),
            Err(error) => {
                failure = io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
            }
        }
    }
    Err(failure)
}

/// Makes a folder that only its owner may use, or sees that it is one: in /tmp anybody could have
/// made it before, or a link to somewhere else.
fn make_private(folder: &Path, uid: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(folder)?;
    if metadata.is_dir() && metadata.uid() == uid && metadata.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(io::Error::other("it belongs to somebody else"))
    }
}

fn remove_old_ones(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let pid = file_name.to_str().and_then(|name| name.strip_prefix("report-"));
        let Some(pid) = pid.and_then(|rest| rest.split('.').next()) else { continue };
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = modified
            .is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > KEPT));
        if is_old && !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_file(entry.path());
        }
    }
}
