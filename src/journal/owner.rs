//! Which process wrote a record, and whether it still runs.
#![forbid(unsafe_code)]

use super::record::Owner;
use std::fs;

/// What can be said of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Running,
    Over,
    /// It has process ids of its own (a container), so it cannot be looked up.
    Unknown,
}

/// This process.
pub fn this_process() -> Owner {
    let pid = std::process::id();
    let (_, start) = state_and_start(pid).unwrap_or(('R', 0));
    Owner(format!("{}.{}.{pid}.{start}", boot(), name_space()))
}

/// Whether the owner of a record still runs. A zombie does not.
pub fn life(owner: &Owner) -> Life {
    let parts: Vec<&str> = owner.0.split('.').collect();
    let [of_boot, of_name_space, pid, start] = parts[..] else { return Life::Over };
    if of_boot != boot() {
        return Life::Over;
    }
    if of_name_space != name_space() {
        return Life::Unknown;
    }
    let now = pid.parse().ok().and_then(state_and_start);
    match now {
        Some((state, now)) if now.to_string() == start && !matches!(state, 'Z' | 'X') => {
            Life::Running
        }
        _ => Life::Over,
    }
}

/// The machine's run since it was switched on.
fn boot() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.chars().filter(char::is_ascii_hexdigit).collect()
}

fn name_space() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

/// Fields 3 and 22 of `/proc/PID/stat` (proc(5)); the second one is in parentheses and may hold
/// anything.
fn state_and_start(pid: u32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn processes_are_told_apart() {
        let own = this_process();
        assert_eq!(life(&own), Life::Running);
        let parts: Vec<&str> = own.0.split('.').collect();
        let changed = |at: usize, text: &str| {
            let mut parts = parts.clone();
            parts[at] = text;
            life(&Owner(parts.join(".")))
        };
        assert_eq!(changed(0, "0"), Life::Over);
        assert_eq!(changed(1, "1"), Life::Unknown);
        assert_eq!(changed(2, "4194305"), Life::Over);
        assert_eq!(changed(3, "1"), Life::Over);
        assert_eq!(life(&Owner("nonsense".to_owned())), Life::Over);
    }

    #[test]
    fn a_zombie_is_over() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        let (_, start) = state_and_start(pid).unwrap();
        let owner = Owner(format!("{}.{}.{pid}.{start}", boot(), name_space()));
        while life(&owner) == Life::Running {
            std::thread::yield_now();
        }
        assert_eq!(state_and_start(pid).unwrap().0, 'Z');
        child.wait().unwrap();
        assert_eq!(life(&owner), Life::Over);
    }
}
