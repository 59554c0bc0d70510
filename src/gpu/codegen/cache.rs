//! Part of the build: files kept from build to build, found by all that determines them.
//!
//! A file is taken only if the text that it was stored under equals the one asked for, byte by
//! byte; its hash merely names the file. Whatever goes wrong here costs a compilation, never the
//! build.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;
use std::{fs, io, process};

/// Files kept for each name: those of a few branches and compilers. Older ones are removed.
const KEPT: usize = 8;

/// A folder of files, by name and by what determines them. Any number of processes may use it.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Nothing is created before the first file is stored.
    pub fn new(folder: PathBuf) -> Cache {
        Cache { folder }
    }

    /// The file that was stored last for this name and key.
    pub fn get(&self, name: &str, key: &str) -> Option<Vec<u8>> {
        let path = self.path(name, key);
        let bytes = fs::read(&path).ok()?;
        // What is in use is kept longest.
        let touched = fs::File::options().append(true).open(path);
        let _ = touched.and_then(|file| file.set_modified(SystemTime::now()));
        let (stored_key, rest) = split_at_length(&bytes)?;
        let (content, sum) = split_at_length(rest)?;
        let is_whole = sum == hash(content).to_le_bytes();
        (stored_key == key.as_bytes() && is_whole).then(|| content.to_vec())
    }

    /// Stores a file, and removes the oldest of its name beyond the number that is kept.
    ///
    /// # Errors
    /// Where the folder cannot be written; nothing half written is ever found.
    pub fn put(&self, name: &str, key: &str, content: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = self.path(name, key);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{}-{number}", process::id()));
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        let write = || {
            let mut file = fs::File::create_new(&unfinished)?;
            for part in [key.as_bytes(), content] {
                file.write_all(&(part.len() as u64).to_le_bytes())?;
                file.write_all(part)?;
            }
            file.write_all(&hash(content).to_le_bytes())?;
            fs::rename(&unfinished, &path)
        };
        write().inspect_err(|_| {
            let _ = fs::remove_file(&unfinished);
        })?;
        remove_oldest(&folder)
    }

    fn path(&self, name: &str, key: &str) -> PathBuf {
        self.folder.join(name).join(format!("{:016x}", hash(key.as_bytes())))
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// A part with its length in front, and what follows it.
fn split_at_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

/// Unfinished files that a killed build left count like the others. One that another build is
/// writing is among the newest, and if it went nevertheless, that build would merely not store it.
fn remove_oldest(folder: &Path) -> io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    for (_, path) in &files[..files.len().saturating_sub(KEPT)] {
        // Another build may have been faster.
        let _ = fs::remove_file(path);
    }
    Ok(())
}
