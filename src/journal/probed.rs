//! The local rules: what `miopen-bypass probe` found out about this machine's card.
//!
//! One line a problem, for people to read too: verdict, time, and the journal's key, separated by
//! tabs. The last line on a problem counts.
#![forbid(unsafe_code)]

use super::{Learned, key};
use crate::card::Card;
use crate::problem::ConvProblem;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How the real library did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Right, each time.
    Passed,
    /// Right, and the user wants it forwarded whatever the rules say.
    Trusted,
    /// Not within the time limit.
    Hung,
    /// The process died.
    Died,
    /// It ended, with another result than the reference's.
    Wrong,
    /// It answered an error.
    Refused,
}

impl Outcome {
    const ALL: [Outcome; 6] = [
        Outcome::Passed,
        Outcome::Trusted,
        Outcome::Hung,
        Outcome::Died,
        Outcome::Wrong,
        Outcome::Refused,
    ];

    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Trusted => "trusted",
            Outcome::Hung => "hung",
            Outcome::Died => "died",
            Outcome::Wrong => "wrong",
            Outcome::Refused => "refused",
        }
    }

    /// What it means for verdicts.
    pub const fn learned(self) -> Learned {
        match self {
            Outcome::Passed => Learned::Proven,
            Outcome::Trusted => Learned::Trusted,
            Outcome::Hung | Outcome::Died | Outcome::Wrong | Outcome::Refused => Learned::Bad,
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    pub outcome: Outcome,
    pub at_unix_s: u64,
    /// Card, library and problem.
    pub key: String,
}

impl Probed {
    pub fn new(outcome: Outcome, at_unix_s: u64, problem: &ConvProblem, card: &Card) -> Probed {
        Probed { outcome, at_unix_s, key: key(problem, card) }
    }

    fn parse(line: &str) -> Option<Probed> {
        let mut fields = line.splitn(3, '\t');
        let word = fields.next()?;
        Some(Probed {
            outcome: Outcome::ALL.into_iter().find(|outcome| outcome.name() == word)?,
            at_unix_s: fields.next()?.parse().ok()?,
            key: fields.next()?.to_owned(),
        })
    }
}

/// The file in the journal's folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("probed.tsv")
}

/// The lines that make sense, and how many do not. Empty where there is no file.
///
/// # Errors
/// What the system reports.
pub fn read(folder: &Path) -> io::Result<(Vec<Probed>, usize)> {
    let bytes = match fs::read(path(folder)) {
        Err(error) if is_absent(&error) => return Ok((Vec::new(), 0)),
        other => other?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut probed, mut unreadable) = (Vec::new(), 0);
    for line in lines {
        match Probed::parse(line) {
            Some(one) => probed.push(one),
            None => unreadable += 1,
        }
    }
    Ok((probed, unreadable))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Adds a line, durable when this returns.
///
/// # Errors
/// What the system reports.
pub fn append(folder: &Path, one: &Probed) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file: File = OpenOptions::new().append(true).create(true).open(path(folder))?;
    let mut text = String::new();
    if file.metadata()?.len() == 0 {
        text = "# verdict, seconds since 1970, then card (silicon, reported), MIOpen, problem\n"
            .to_owned();
    }
    // A line end before it too: what an interrupted writer left spoils no line but its own.
    text += &format!("\n{}\t{}\t{}\n", one.outcome.name(), one.at_unix_s, one.key);
    file.write_all(text.as_bytes())?;
    file.sync_data()
}
