//! One line for each call, in the words in which `miopen-bypass` and MIOpenDriver take a problem.
#![forbid(unsafe_code)]

use super::CallRecord;
use super::labels::Label;
use super::outlet::for_process;
use crate::trace;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// What stands for a value that there is none of.
const NONE: &str = "-";

/// The open file. Lines of threads and of forked processes do not mix, since each is one write at
/// the file's end.
pub(super) struct TraceFile {
    file: File,
    has_failed: AtomicBool,
}

impl TraceFile {
    /// `None`, and a line on stderr, where it cannot be opened.
    pub fn open(path: &Path) -> Option<TraceFile> {
        // A forked child goes on in its parent's file, unless the name asks for one each.
        let path = for_process(path, std::process::id(), false);
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Some(TraceFile { file, has_failed: AtomicBool::new(false) }),
            Err(error) => {
                trace::line(&format!("no trace: {}: {error}", path.display()));
                None
            }
        }
    }

    pub fn write(&self, call: &CallRecord<'_>, label: Label) {
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        let line = line_of(call, label.text());
        let written = (&self.file).write_all(line.as_bytes());
        if let Err(error) = written
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            trace::line(&format!("the trace ends here: {error}"));
        }
    }
}

/// The problem up to a semicolon, then names and values without blanks.
fn line_of(call: &CallRecord<'_>, label: &str) -> String {
    let or_none = |text: &str| if text.is_empty() { NONE.to_owned() } else { one_word(text) };
    let time_us = call.time_us.map_or(NONE.to_owned(), |time_us| format!("{time_us:.1}"));
    format!(
        "{}; direction={} route={} solver={} rule={} time_us={time_us} workspace_bytes={} \
         label={}\n",
        call.problem,
        call.problem.direction().name(),
        call.route.name(),
        or_none(call.solver),
        or_none(call.rule.unwrap_or("")),
        call.workspace_bytes,
        or_none(label),
    )
}

fn one_word(text: &str) -> String {
    text.replace(|c: char| c.is_whitespace() || c.is_control(), "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Route;

    #[test]
    fn a_line_begins_with_the_problem() {
        let problem = "conv -n 1 -c 2 -H 3 -W 3 -k 4 -y 3 -x 3 -F 2".parse().unwrap();
        let mut call = CallRecord {
            problem: &problem,
            route: Route::Cpu,
            solver: "f32_a",
            rule: Some("why"),
            time_us: Some(1.25),
            workspace_bytes: 3,
        };
        let rest = "; direction=bwd route=cpu solver=f32_a rule=why time_us=1.2 \
                    workspace_bytes=3 label=a_b\n";
        assert_eq!(line_of(&call, "a b"), format!("{problem}{rest}"));
        call = CallRecord { solver: "", rule: None, time_us: None, route: Route::Real, ..call };
        let rest = "; direction=bwd route=real solver=- rule=- time_us=- workspace_bytes=3 \
                    label=-\n";
        assert_eq!(line_of(&call, ""), format!("{problem}{rest}"));
    }
}
