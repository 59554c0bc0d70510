//! The one log format: `miopen-bypass: ` and a sentence, on stderr, in a single write so that
//! lines of several threads do not mix.
#![forbid(unsafe_code)]

use crate::config;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a line is about decides at which `MIOPEN_BYPASS_VERBOSE` it appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Why a call failed.
    Failure = 1,
    /// Which solver ran, and why others did not.
    Decision = 2,
    /// Every call.
    Call = 3,
}

/// Whether lines of this level are wanted; ask before composing an expensive one.
pub fn wanted(level: Level) -> bool {
    config::live().verbose >= level as u8
}

/// Writes a line of this level if it is wanted.
pub fn say(level: Level, message: impl FnOnce() -> String) {
    if wanted(level) {
        line(&message());
    }
}

/// Writes a line that everybody gets, once for each `flag`.
pub fn once(flag: &AtomicBool, message: impl FnOnce() -> String) {
    if !flag.swap(true, Ordering::Relaxed) {
        line(&message());
    }
}

/// Writes a line that everybody gets.
pub fn line(message: &dyn Display) {
    text(&format!("miopen-bypass: {message}\n"));
}

/// Writes a text of several lines as it is.
pub fn text(text: &str) {
    // Not by way of the standard library's lock on stderr: a thread that held it when the process
    // forked would let no line of the child's through. A closed stderr is the caller's choice.
    if let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() {
        let _ = File::from(stderr).write_all(text.as_bytes());
    }
}
