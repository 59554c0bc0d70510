//! What decides on this machine: rules, what they set, and the journal.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use MIOpen::card::Card;
use MIOpen::config::{Journal as Setting, Strategy};
use MIOpen::hazard::{self, RULES};
use MIOpen::journal::{self, Summary};
use serde::Serialize;

/// A rule that concerns a card of this machine.
#[derive(Debug, Serialize)]
pub struct InForce {
    pub id: &'static str,
    pub problems: &'static str,
    pub reason: &'static str,
    pub source: &'static str,
    pub strength: &'static str,
    /// What the architecture is reported as where the rule holds.
    pub reported: &'static str,
    /// The release of MIOpen that is without it.
    pub fixed_in: Option<String>,
}

/// A variable that is set before the real library reads it.
#[derive(Debug, Serialize)]
pub struct Variable {
    pub name: &'static str,
    pub value: &'static str,
    pub rule: &'static str,
    /// What the user set; then that stays.
    pub users_value: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Journal {
    pub folder: Option<PathBuf>,
    pub writable: bool,
    pub text: String,
    pub proven: usize,
    pub trusted: usize,
    pub bad: Vec<String>,
    pub open: usize,
}

/// The rules that decide on these cards, in their order. The library's version is not known here,
/// so rules that a release made void are told with that release.
pub fn rules(cards: &[Card], strategy: Strategy) -> Vec<InForce> {
    let concerns = |rule: &hazard::Rule| {
        cards.iter().any(|card| {
            let oldest = MIOpen::card::LibraryVersion::new(0, 0, 0);
            rule.concerns(card) || rule.concerns(&Card { library: Some(oldest), ..*card })
        })
    };
    let is_asked = match strategy {
        Strategy::Auto => |_: &hazard::Rule| true,
        Strategy::Selective => |rule: &hazard::Rule| rule.id == "large-image",
        Strategy::ImplicitGemm | Strategy::CpuFallback | Strategy::Off => |_: &hazard::Rule| false,
    };
    RULES
        .iter()
        .filter(|rule| is_asked(rule) && concerns(rule))
        .map(|rule| InForce {
            id: rule.id,
            problems: rule.problems,
            reason: rule.reason,
            source: rule.source,
            strength: rule.strength.name(),
            reported: rule.reported.name(),
            fixed_in: rule.fixed_in.map(|version| version.to_string()),
        })
        .collect()
}

pub fn steering(cards: &[Card], strategy: Strategy) -> Vec<Variable> {
    hazard::steering(cards, strategy, |name| std::env::var_os(name))
        .into_iter()
        .map(|one| Variable {
            name: one.name,
            value: one.value,
            rule: one.rule.id,
            users_value: one.users_value.map(|value| value.to_string_lossy().into_owned()),
        })
        .collect()
}

pub fn journal(setting: &Setting) -> Journal {
    let Some(folder) = journal::folder_of(setting) else {
        let text = match setting {
            Setting::Off => "off, as set: what hangs is not remembered",
            _ => "off: there is no home folder",
        };
        return of_summary(None, false, text.to_owned(), Summary::default());
    };
    let summary = journal::summary(&folder);
    let (writable, mut text) = match try_to_append(&folder) {
        Ok(()) => (true, "kept".to_owned()),
        Err(reason) => (false, format!("off: {reason}; what hangs is not remembered")),
    };
    if let Err(error) = &summary {
        text = format!("cannot be read: {error}");
    }
    of_summary(Some(folder), writable, text, summary.unwrap_or_default())
}

fn of_summary(folder: Option<PathBuf>, writable: bool, text: String, summary: Summary) -> Journal {
    let Summary { proven, trusted, bad, open } = summary;
    Journal { folder, writable, text, proven, trusted, bad, open }
}

/// Whether the journal can be written: the file where there is one, else the nearest folder.
fn try_to_append(folder: &Path) -> Result<(), String> {
    let file = folder.join("journal");
    if file.exists() {
        let opened = File::options().append(true).open(&file);
        return opened.map(drop).map_err(|error| format!("{}: {error}", file.display()));
    }
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let probe = existing.join(format!(".miopen-bypass-doctor-{}", std::process::id()));
    let made = File::create_new(&probe).and_then(|_| fs::remove_file(&probe));
    made.map_err(|error| format!("{}: {error}", existing.display()))
}
