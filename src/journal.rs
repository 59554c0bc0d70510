//! What the real library did with problems on this card, kept from process to process.
//!
//! Before a problem that is not known to be safe goes to the real library, a record goes to disk;
//! when it has run to its end, another one. A process that hangs and is killed, or crashes, or
//! takes the machine with it, leaves the first without the second, and the next process computes
//! that problem here. Of a process that is killed for other reasons, problems that were on their
//! way for the first time are taken for bad as well: that costs speed, and `miopen-bypass probe`
//! can clear it.
//!
//! Where the folder cannot be written (no home, read-only, full), nothing is recorded, which one
//! line tells; what stands there is still heeded.
#![forbid(unsafe_code)]

mod file;
mod owner;
pub mod probed;
mod record;
mod state;

pub use file::JournalFile;
pub use record::Cause;

use crate::card::Card;
use crate::config::{self, Journal as Setting, config};
use crate::per_process::PerProcess;
use crate::problem::ConvProblem;
use crate::trace;
use file::{LONG_BYTES, Look};
use owner::this_process;
use record::{Owner, Record};
use state::State;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a card has taught about a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Learned {
    Nothing = 0,
    /// It ran to its end.
    Proven = 1,
    /// It was probed, and is to be forwarded whatever the rules say.
    Trusted = 2,
    /// It did not, or its result was wrong.
    Bad = 3,
}

impl Learned {
    pub(crate) const ALL: [Learned; 4] =
        [Learned::Nothing, Learned::Proven, Learned::Trusted, Learned::Bad];
}

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// A number that changes with everything that is learned.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Acquire)
}

/// By what a problem is known: silicon, what it is reported as, MIOpen's version, the problem.
pub fn key(problem: &ConvProblem, card: &Card) -> String {
    let library = card.library.map_or_else(|| "-".to_owned(), |version| version.to_string());
    format!("{} {} {library} {problem}", card.physical, card.reported)
}

/// Where the setting, or the usual place for state, has the journal; `None`: it is off.
pub fn folder() -> Option<PathBuf> {
    folder_of(&config().journal)
}

/// Where a value of the setting has the journal.
pub fn folder_of(setting: &Setting) -> Option<PathBuf> {
    match setting {
        Setting::Off => None,
        Setting::Folder(folder) => Some(folder.clone()),
        Setting::Usual => {
            let lookup = |name: &str| std::env::var_os(name);
            let state = config::user_folder(&lookup, "XDG_STATE_HOME", ".local/state")?;
            Some(state.join("miopen-bypass"))
        }
    }
}

/// The journal of this process.
struct Journal {
    owner: Owner,
    next_number: AtomicU64,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    /// Keys of runs of this process that have begun and not ended.
    open: Vec<(u64, String)>,
    /// `None`: off.
    file: Option<JournalFile>,
}

static JOURNAL: PerProcess<Journal> = PerProcess::new();

fn journal() -> Option<Arc<Journal>> {
    JOURNAL.get(Journal::open)
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Journal {
    fn open() -> Journal {
        let folder = folder();
        let now = now_unix_s();
        let mut file = folder.as_deref().map(JournalFile::in_folder);
        let mut look = Look::default();
        if let Some(there) = &file {
            match there.look(now) {
                Ok(found) => look = found,
                Err(error) => {
                    trace::line(&is_off(there, &error));
                    look.state = there.look_only().unwrap_or_default();
                    file = None;
                }
            }
        } else if config().journal != Setting::Off {
            trace::line(&"the journal is off: there is no home folder");
        }
        if let Some(repaired) = &look.repaired {
            trace::line(repaired);
        }
        if let Some(line) = news_line(&look.news) {
            trace::line(&line);
        }
        for key in look.state.suspects(now) {
            look.state.learn(key, Learned::Bad, Some(Cause::Died), now);
        }
        if let Some(folder) = &folder {
            take_probed(&mut look.state, folder);
        }
        Journal {
            owner: this_process(),
            next_number: AtomicU64::new(1),
            inner: Mutex::new(Inner { state: look.state, open: Vec::new(), file }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing is left half-done by a panic: records are applied one by one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, key: String) -> Option<Token> {
        let mut inner = self.inner();
        let is_open = inner.open.iter().any(|(_, open)| *open == key);
        if inner.file.is_none() || is_open || inner.state.of(&key).is_some() {
            return None;
        }
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let at_unix_s = now_unix_s();
        let begin =
            Record::Begin { owner: self.owner.clone(), number, at_unix_s, key: key.clone() };
        // Without this the next process knows nothing: it has to be on the disk before the card can
        // take the machine down.
        let length_bytes = inner.append(begin.clone(), true)?;
        inner.state.apply(begin);
        inner.open.push((number, key));
        if length_bytes > LONG_BYTES {
            inner.tidy();
        }
        drop(inner);
        Some(Token { journal: Arc::clone(self), number, has_ended: false })
    }

    fn end(&self, number: u64, record: Record) {
        let mut inner = self.inner();
        inner.open.retain(|(open, _)| *open != number);
        inner.append(record.clone(), false);
        inner.state.apply(record);
        drop(inner);
        GENERATION.fetch_add(1, Ordering::AcqRel);
    }
}

impl Inner {
    /// Appends, and gives the file's length; at the first failure the journal is off.
    fn append(&mut self, record: Record, is_durable: bool) -> Option<u64> {
        let file = self.file.as_ref()?;
        match file.append(&[record], is_durable) {
            Ok(length_bytes) => Some(length_bytes),
            Err(error) => {
                trace::line(&is_off(file, &error));
                self.file = None;
                None
            }
        }
    }

    /// Writes the file anew. What others have learned meanwhile is left for the next process.
    fn tidy(&mut self) {
        if let Some(file) = &self.file
            && let Err(error) = file.look(now_unix_s())
        {
            trace::line(&is_off(file, &error));
            self.file = None;
        }
    }
}

fn is_off(file: &JournalFile, error: &io::Error) -> String {
    format!("the journal is off: {}: {error}; what hangs is not remembered", file.path().display())
}

/// What a person should know of runs that did not survive.
fn news_line(news: &[Record]) -> Option<String> {
    let mut keys = news.iter().filter_map(|record| match record {
        Record::Bad { key, .. } => Some(key),
        _ => None,
    });
    let first = keys.next()?;
    let others = match keys.count() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Some(format!(
        "an earlier run did not survive a convolution of the real library; computed here from now \
         on: {first}{others}"
    ))
}

/// Later findings count: a probe after a run that died clears it, and the reverse.
fn take_probed(state: &mut State, folder: &Path) {
    let (probed, unreadable) = match probed::read(folder) {
        Ok(read) => read,
        Err(error) => {
            let path = probed::path(folder);
            trace::line(&format!("{}: {error}; what was probed is not known", path.display()));
            return;
        }
    };
    if unreadable > 0 {
        let path = probed::path(folder);
        trace::line(&format!("{}: {unreadable} line(s) cannot be read", path.display()));
    }
    for one in probed {
        if state.of(&one.key).is_none_or(|known| known.at_unix_s <= one.at_unix_s) {
            let learned = one.outcome.learned();
            let cause = (learned == Learned::Bad).then_some(Cause::Probed);
            state.learn(one.key, learned, cause, one.at_unix_s);
        }
    }
}

/// What a folder holds, for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Problems that ran to their end.
    pub proven: usize,
    /// Problems that are forwarded whatever the rules say.
    pub trusted: usize,
    /// Problems that are computed here, each with why, the latest last.
    pub bad: Vec<String>,
    /// Runs that have begun and not ended, of processes that run or that died since.
    pub open: usize,
}

/// What a folder holds. Nothing is changed.
///
/// # Errors
/// What the system reports, other than that there is no such file.
pub fn summary(folder: &Path) -> io::Result<Summary> {
    let mut state = match JournalFile::in_folder(folder).look_only() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
        other => other?,
    };
    take_probed(&mut state, folder);
    let mut summary = Summary { open: state.open_count(), ..Summary::default() };
    for (key, known) in state.all() {
        match known.learned {
            Learned::Proven => summary.proven += 1,
            Learned::Trusted => summary.trusted += 1,
            Learned::Nothing => {}
            Learned::Bad => {
                let cause = known.cause.map_or("bad", Cause::name);
                summary.bad.push(format!("{key} ({cause})"));
            }
        }
    }
    Ok(summary)
}

/// What is known of the problem on that card.
pub fn learned(problem: &ConvProblem, card: &Card) -> Learned {
    journal().map_or(Learned::Nothing, |journal| {
        let inner = journal.inner();
        inner.state.of(&key(problem, card)).map_or(Learned::Nothing, |known| known.learned)
    })
}

/// A run of a problem in the real library, from before it is launched until it is known how it went.
///
/// Dropped without a word it counts for nothing: the call came back, but what it launched, if
/// anything, is not known to have ended. While it lives, the end of the process, unless in good
/// order ([`end_of_process`]), counts against the problem.
pub struct Token {
    journal: Arc<Journal>,
    number: u64,
    has_ended: bool,
}

impl Token {
    /// It ran to its end: the stream has passed it.
    pub fn complete(mut self) {
        self.end(|owner, number| Record::Done { owner, number });
    }

    /// The real library answered with an error: the problem is computed here from now on.
    pub fn failed(mut self) {
        self.end(|owner, number| Record::Failed { owner, number, at_unix_s: now_unix_s() });
    }

    fn end(&mut self, record: impl FnOnce(Owner, u64) -> Record) {
        self.has_ended = true;
        self.journal.end(self.number, record(self.journal.owner.clone(), self.number));
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(|owner, number| Record::Void { owner, number });
        }
    }
}

/// Records that the problem is about to run in the real library, on the disk when this returns.
///
/// `None` where that is of no use: something is known of the problem, it is under way in this
/// process already, or the journal is off.
pub fn begin(problem: &ConvProblem, card: &Card) -> Option<Token> {
    journal()?.begin(key(problem, card))
}

/// The process ends in good order: what is under way is neither proven nor bad.
pub fn end_of_process() {
    let Some(journal) = journal() else { return };
    let mut inner = journal.inner();
    for (number, _) in std::mem::take(&mut inner.open) {
        let record = Record::Void { owner: journal.owner.clone(), number };
        inner.append(record, false);
    }
}
