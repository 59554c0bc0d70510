//! The lines of the journal.
//!
//! A line is a checksum and a record in words. It is written with a line end before and after it,
//! so that what a full disk or a crash cut off spoils no line but itself.
#![forbid(unsafe_code)]

use std::fmt;

/// The first line of a file.
pub const HEADER: &str = "miopen-bypass journal 1";

/// A process, told from all others: boot, name space of process ids, id, time of its start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub String);

/// Why a problem is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The process ended in the middle of it.
    Died,
    /// The real library answered with an error.
    Failed,
    /// It did not pass a probe.
    Probed,
}

impl Cause {
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Died => "died",
            Cause::Failed => "failed",
            Cause::Probed => "probed",
        }
    }
}

/// What a line says. Keys name card, library and problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The owner is about to run the problem; `number` tells its records apart.
    Begin { owner: Owner, number: u64, at_unix_s: u64, key: String },
    /// It ran to its end.
    Done { owner: Owner, number: u64 },
    /// It was not run, or its end was not waited for in a process that ended in good order.
    Void { owner: Owner, number: u64 },
    /// The real library refused it.
    Failed { owner: Owner, number: u64, at_unix_s: u64 },
    /// Computed here from now on.
    Bad { cause: Cause, at_unix_s: u64, key: String },
    /// Known to run to its end.
    Proven { key: String },
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Begin { owner, number, at_unix_s, key } => {
                write!(f, "begin {} {number} {at_unix_s} {key}", owner.0)
            }
            Record::Done { owner, number } => write!(f, "done {} {number}", owner.0),
            Record::Void { owner, number } => write!(f, "void {} {number}", owner.0),
            Record::Failed { owner, number, at_unix_s } => {
                write!(f, "failed {} {number} {at_unix_s}", owner.0)
            }
            Record::Bad { cause, at_unix_s, key } => {
                write!(f, "bad {} {at_unix_s} {key}", cause.name())
            }
            Record::Proven { key } => write!(f, "proven {key}"),
        }
    }
}

impl Record {
    /// The line, ends included.
    pub fn line(&self) -> String {
        let text = self.to_string();
        format!("\n{:016x} {text}\n", checksum(&text))
    }

    /// From a line without its end; `None` where it is damaged.
    pub fn parse(line: &str) -> Option<Record> {
        let (sum, text) = line.split_once(' ')?;
        if u64::from_str_radix(sum, 16).ok()? != checksum(text) {
            return None;
        }
        let (kind, rest) = text.split_once(' ')?;
        let mut words = rest.splitn(4, ' ');
        let mut word = || words.next();
        let owner = |word: &str| Owner(word.to_owned());
        Some(match kind {
            "begin" => Record::Begin {
                owner: owner(word()?),
                number: word()?.parse().ok()?,
                at_unix_s: word()?.parse().ok()?,
                key: word()?.to_owned(),
            },
            "done" => Record::Done { owner: owner(word()?), number: word()?.parse().ok()? },
            "void" => Record::Void { owner: owner(word()?), number: word()?.parse().ok()? },
            "failed" => Record::Failed {
                owner: owner(word()?),
                number: word()?.parse().ok()?,
                at_unix_s: word()?.parse().ok()?,
            },
            "bad" => {
                let (cause, rest) = rest.split_once(' ')?;
                let (at_unix_s, key) = rest.split_once(' ')?;
                let causes = [Cause::Died, Cause::Failed, Cause::Probed];
                Record::Bad {
                    cause: causes.into_iter().find(|one| one.name() == cause)?,
                    at_unix_s: at_unix_s.parse().ok()?,
                    key: key.to_owned(),
                }
            }
            "proven" => Record::Proven { key: rest.to_owned() },
            _ => return None,
        })
    }
}

/// FNV-1a of 64 bits (Fowler, Noll and Vo): against accidents, not against malice.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_way_through_text() {
        let owner = Owner("boot-ns-12-3456".to_owned());
        let key = "gfx1010 gfx1010 3.2.0 conv -n 1 -c 16 -F 1".to_owned();
        let (number, at_unix_s) = (7, 1_800_000_000);
        for record in [
            Record::Begin { owner: owner.clone(), number, at_unix_s, key: key.clone() },
            Record::Done { owner: owner.clone(), number },
            Record::Void { owner: owner.clone(), number },
            Record::Failed { owner, number, at_unix_s },
            Record::Bad { cause: Cause::Failed, at_unix_s, key: key.clone() },
            Record::Bad { cause: Cause::Died, at_unix_s, key: key.clone() },
            Record::Bad { cause: Cause::Probed, at_unix_s, key: key.clone() },
            Record::Proven { key },
        ] {
            let line = record.line();
            let body = line.trim_matches('\n');
            assert_eq!(Record::parse(body), Some(record.clone()));
            // One bit, or a missing end, is noticed.
            assert_eq!(Record::parse(&body[..body.len() - 1]), None);
            let mut bytes = body.as_bytes().to_vec();
            bytes[20] ^= 1;
            assert_eq!(Record::parse(std::str::from_utf8(&bytes).unwrap()), None);
        }
        assert_eq!(Record::parse(""), None);
        assert_eq!(Record::parse("0000000000000000 "), None);
    }
}
