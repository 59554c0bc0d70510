//! The journal's file: shared by processes, any of which may die at any instruction.
//!
//! Lines are appended in one write each, under a shared lock; whoever replaces the file holds the
//! exclusive one, and who was waiting meanwhile notices that his file is the old one. A file is
//! opened for each access and closed after it: so a forked child inherits no lock.
#![forbid(unsafe_code)]

use super::record::{HEADER, Record};
use super::state::State;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A process that makes the file longer than this puts it in order: twice what the most problems
/// that are remembered take.
pub const LONG_BYTES: u64 = 4 << 20;

/// A file that is longer than its content by this factor is written anew, from a size on that is
/// worth it.
const BLOAT: u64 = 2;
const WORTH_IT_BYTES: u64 = 64 << 10;

/// Nothing of ours is as long.
const ABSURD_BYTES: u64 = 64 << 20;

/// How long a lock is waited for: it is held for a few writes at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// The file, by its name.
#[derive(Clone, Debug)]
pub struct JournalFile {
    path: PathBuf,
}

/// What a look into the file came to.
#[derive(Debug, Default)]
pub struct Look {
    pub state: State,
    /// What runs that did not survive taught this process, as the first one to come by.
    pub news: Vec<Record>,
    /// What was wrong with the file and has been put right, in a sentence.
    pub repaired: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Shared,
    Exclusive,
}

impl JournalFile {
    pub fn in_folder(folder: &Path) -> JournalFile {
        JournalFile { path: folder.join("journal") }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends records. With `is_durable` they are on the disk when this returns.
    ///
    /// Returns the length of the file.
    ///
    /// # Errors
    /// What the system reports; then a part may have been written, which spoils no other record.
    pub fn append(&self, records: &[Record], is_durable: bool) -> io::Result<u64> {
        let mut file = self.locked(Lock::Shared)?;
        let mut text = String::new();
        if file.metadata()?.len() == 0 {
            text = format!("{HEADER}\n");
        }
        records.iter().for_each(|record| text += &record.line());
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| if is_durable { file.sync_data() } else { Ok(()) });
        let length = written.and_then(|()| file.metadata()).map(|metadata| metadata.len());
        let _ = file.unlock();
        length
    }

    /// Reads the file, settles what ended processes left open, and puts it in order.
    ///
    /// # Errors
    /// What the system reports; also a file that a later version wrote.
    pub fn look(&self, now_unix_s: u64) -> io::Result<Look> {
        let mut file = self.locked(Lock::Exclusive)?;
        let look = self.look_locked(&mut file, now_unix_s);
        let _ = file.unlock();
        look
    }

    /// Reads the file where it cannot be written; nothing is settled.
    pub fn look_only(&self) -> io::Result<State> {
        if !fs::metadata(&self.path)?.is_file() {
            return Err(io::Error::other("is no regular file"));
        }
        Ok(read(&mut File::open(&self.path)?)?.0)
    }

    fn look_locked(&self, file: &mut File, now_unix_s: u64) -> io::Result<Look> {
        let length_bytes = file.metadata()?.len();
        if length_bytes > ABSURD_BYTES {
            return self.set_aside("is absurdly long");
        }
        let (mut state, damaged) = read(file)?;
        let is_empty = state.all().is_empty() && state.open_count() == 0;
        if damaged > 0 && is_empty {
            return self.set_aside("holds nothing that can be read");
        }
        let news = state.settle(now_unix_s);
        let records = state.records();
        let fewest =
            format!("{HEADER}\n{}", records.iter().map(|record| record.line()).collect::<String>());
        let is_bloated =
            length_bytes > WORTH_IT_BYTES && length_bytes > BLOAT * fewest.len() as u64;
        if damaged > 0 || is_bloated {
            self.replace(&fewest)?;
        } else if !news.is_empty() {
            let text: String = news.iter().map(|record| record.line()).collect();
            file.write_all(text.as_bytes())?;
            file.sync_data()?;
        } else if length_bytes == 0 {
            file.write_all(format!("{HEADER}\n").as_bytes())?;
        }
        let repaired = (damaged > 0)
            .then(|| format!("{}: {damaged} damaged line(s) were removed", self.path.display()));
        Ok(Look { state, news, repaired })
    }

    /// Keeps a file that is of no use under another name.
    fn set_aside(&self, why: &str) -> io::Result<Look> {
        let aside = self.path.with_extension("damaged");
        fs::rename(&self.path, &aside)?;
        let repaired = format!("{} {why}; it is now {}", self.path.display(), aside.display());
        Ok(Look { repaired: Some(repaired), ..Look::default() })
    }

    /// Puts another content in the file's place, in one step. The caller holds the exclusive lock.
    fn replace(&self, text: &str) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// The file of this moment, locked.
    fn locked(&self, lock: Lock) -> io::Result<File> {
        let since = Instant::now();
        loop {
            let is_new = !self.path.exists();
            if is_new && let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&self.path)?;
            let taken = match lock {
                Lock::Shared => file.try_lock_shared(),
                Lock::Exclusive => file.try_lock(),
            };
            match taken {
                Ok(()) if !file.metadata()?.is_file() => {
                    return Err(io::Error::other("is no regular file"));
                }
                Ok(()) if is_at(&file, &self.path) => {
                    if is_new && let Some(folder) = self.path.parent() {
                        // The name has to last as the content does.
                        File::open(folder)?.sync_all()?;
                    }
                    return Ok(file);
                }
                // It was replaced before the lock was had.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(ErrorKind::WouldBlock, "another process locks it"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

/// Whether the open file is the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// What a file says, and how many lines say nothing.
fn read(file: &mut File) -> io::Result<(State, usize)> {
    let mut bytes = Vec::new();
    file.take(ABSURD_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut state = State::default();
    let mut damaged = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line == HEADER {
            continue;
        }
        if line.starts_with("miopen-bypass journal ") {
            return Err(io::Error::other("another version of miopen-bypass wrote it"));
        }
        match Record::parse(line) {
            Some(record) => state.apply(record),
            None => damaged += 1,
        }
    }
    Ok((state, damaged))
}
