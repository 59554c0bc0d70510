//! Calls that fail on request.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use crate::config::config;
use crate::error::HipError;

/// `hipMalloc@3=hipErrorOutOfMemory`: the third call fails. `@3+`: the third and all later ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// Name of a function, or `*` for any.
    pub function: String,
    pub call: u64,
    pub later_too: bool,
    pub error: HipError,
}

/// A list separated by commas; parts that cannot be read are told and left out.
pub fn parse_injections(text: &str) -> Vec<Injection> {
    let parse = |part: &str| {
        let (place, error) = part.trim().split_once('=')?;
        let (function, call) = place.split_once('@').unwrap_or((place, "1+"));
        let later_too = call.ends_with('+');
        Some(Injection {
            function: function.trim().to_string(),
            call: call.trim_end_matches('+').parse().ok()?,
            later_too,
            error: HipError::parse(error.trim())?,
        })
    };
    let mut list = Vec::new();
    for part in text.split(',').filter(|p| !p.trim().is_empty()) {
        match parse(part) {
            Some(injection) => list.push(injection),
            None => eprintln!("simhip: SIMHIP_FAIL: cannot read {part:?}"),
        }
    }
    list
}

/// Counts a call and tells whether it shall fail.
pub fn injected(function: &'static str) -> Option<HipError> {
    let injections = &config().injections;
    if injections.is_empty() {
        return None;
    }
    static CALLS: OnceLock<Mutex<HashMap<&'static str, u64>>> = OnceLock::new();
    let mut calls = CALLS.get_or_init(Mutex::default).lock().unwrap_or_else(|e| e.into_inner());
    let mut count = |name| {
        let calls = calls.entry(name).or_insert(0);
        *calls += 1;
        *calls
    };
    let (own, any) = (count(function), count("*"));
    let hit = |i: &&Injection| {
        let number = match i.function.as_str() {
            "*" => any,
            name if name == function => own,
            _ => return false,
        };
        number == i.call || i.later_too && number > i.call
    };
    injections.iter().find(hit).map(|i| i.error)
}
