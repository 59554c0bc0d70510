//! Where the report goes when the process ends.
#![forbid(unsafe_code)]

use super::snapshot::Snapshot;
use super::statistics::{self, snapshot};
use crate::config::{Report, config};
use crate::trace;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Writes the report that `MIOPEN_BYPASS_REPORT` asks for. Called once, when the process ends in
/// order; its other threads may still run.
pub fn at_exit() {
    let Some(report) = &config().report else { return };
    if let Some(live) = statistics::current().and_then(|statistics| statistics.live.as_ref()) {
        live.remove();
    }
    let snapshot = snapshot();
    // A forked child speaks of itself only if it computed.
    if statistics::is_child() && snapshot.rows.is_empty() {
        return;
    }
    match report {
        Report::Exit => trace::text(&snapshot.to_text()),
        Report::File(path) => {
            let path = for_process(path, snapshot.pid, statistics::is_child());
            if let Err(error) = write_whole(&path, &in_form_of(&path, &snapshot)) {
                trace::line(&format!("no report: {}: {error}", path.display()));
            }
        }
    }
}

/// Writes a report of what was counted so far to a file, in the form that its name asks for.
pub fn write(path: &Path) -> io::Result<()> {
    write_whole(path, &in_form_of(path, &snapshot()))
}

/// The report in the form that a file's name asks for: `.json`, `.html`, else text.
fn in_form_of(path: &Path, snapshot: &Snapshot) -> String {
    let suffix = path.extension().map(|suffix| suffix.to_ascii_lowercase());
    match suffix.as_deref().and_then(|suffix| suffix.to_str()) {
        Some("json") => snapshot.to_json(),
        Some("html" | "htm") => snapshot.to_html(),
        _ => snapshot.to_text(),
    }
}

/// The file of this process: `%p` is its number. Without it a forked child puts its number before
/// the suffix, so that it does not write over its parent's.
pub(super) fn for_process(path: &Path, pid: u32, is_child: bool) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.contains("%p") {
        return path.with_file_name(name.replace("%p", &pid.to_string()));
    }
    match (is_child, name.rsplit_once('.')) {
        (false, _) => path.to_owned(),
        (true, Some((stem, suffix))) => path.with_file_name(format!("{stem}-{pid}.{suffix}")),
        (true, None) => path.with_file_name(format!("{name}-{pid}")),
    }
}

/// Writes a file at once: who reads it sees the old one or the new one.
pub(super) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let result = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_have_files_of_their_own() {
        let name =
            |path: &str, child| for_process(Path::new(path), 7, child).to_str().unwrap().to_owned();
        assert_eq!(name("a/report.html", false), "a/report.html");
        assert_eq!(name("a/report.html", true), "a/report-7.html");
        assert_eq!(name("report", true), "report-7");
        assert_eq!(name("a/of %p.json", false), "a/of 7.json");
        assert_eq!(name("a/of %p.json", true), "a/of 7.json");
    }
}
