//! Reads `functions.in` and joins it with the header's functions.

use crate::header::Function;
use std::collections::BTreeMap;
use std::fs;

/// See the head of `src/abi/functions.in`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Forward,
    Own,
    Guard,
    Watch,
}

/// One exported function: where it stands in the slots, its signature, its policy.
pub struct Entry {
    pub function: Function,
    pub policy: Policy,
}

pub fn read(path: &str) -> Vec<(String, Policy)> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let content = line.split('#').next().unwrap_or("").trim();
            (!content.is_empty()).then(|| {
                parse(content).unwrap_or_else(|| panic!("{path}:{}: not `name policy`", index + 1))
            })
        })
        .collect()
}

fn parse(content: &str) -> Option<(String, Policy)> {
    let mut words = content.split_whitespace();
    let name = words.next()?;
    let policy = match words.next()? {
        "forward" => Policy::Forward,
        "own" => Policy::Own,
        "guard" => Policy::Guard,
        "watch" => Policy::Watch,
        _ => return None,
    };
    words.next().is_none().then(|| (name.to_owned(), policy))
}

/// The table in the order of `functions.in`, or the names that only one side has.
pub fn join(
    functions: Vec<Function>,
    policies: Vec<(String, Policy)>,
) -> Result<Vec<Entry>, String> {
    let mut declared: BTreeMap<String, Function> =
        functions.into_iter().map(|function| (function.name.clone(), function)).collect();
    let mut complaints = Vec::new();
    let mut table = Vec::new();
    for (name, policy) in policies {
        match declared.remove(&name) {
            Some(function) => table.push(Entry { function, policy }),
            None => complaints.push(format!("{name}: not in the header, or twice in the table")),
        }
    }
    complaints.extend(declared.keys().map(|name| format!("{name}: in the header only")));
    if complaints.is_empty() { Ok(table) } else { Err(complaints.join("\n")) }
}
