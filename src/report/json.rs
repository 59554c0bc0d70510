//! A snapshot as a JSON document, written by hand: the library carries no serialiser.
#![forbid(unsafe_code)]

use super::snapshot::{Row, Snapshot, Totals};
use std::fmt::Write;

/// Version of the document: raised when a member changes its meaning or goes.
pub const JSON_VERSION: u32 = 1;

impl Snapshot {
    /// The document, indented, with a line end. `totals` and `layers` follow from `rows`, and stand
    /// there for who reads it without adding up.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out).expect("writing to a String");
        out
    }

    fn write_json(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{{\n  \"miopen_bypass_report\": {JSON_VERSION},")?;
        let texts =
            [("version", &self.version), ("program", &self.program), ("library", &self.library)];
        for (name, text) in texts {
            writeln!(out, "  \"{name}\": {},", quoted(text))?;
        }
        writeln!(out, "  \"pid\": {},\n  \"taken_at_s\": {},", self.pid, self.taken_at_s)?;
        writeln!(out, "  \"running_s\": {},", number(self.running_s))?;
        writeln!(out, "  \"totals\": {{{}}},", totals(&self.totals()))?;
        let layers: Vec<String> = self
            .totals_by(|row| &row.label)
            .iter()
            .map(|(label, sums)| format!("{{\"label\": {}, {}}}", quoted(label), totals(sums)))
            .collect();
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        let list = |items: &[String]| match items {
            [] => "[]".to_owned(),
            items => format!("[\n    {}\n  ]", items.join(",\n    ")),
        };
        writeln!(out, "  \"layers\": {},\n  \"rows\": {}\n}}", list(&layers), list(&rows))
    }
}

fn totals(sums: &Totals) -> String {
    format!(
        "\"calls\": {}, \"forwarded\": {}, \"bypassed\": {}, \"bypassed_percent\": {}, \
         \"timed_calls\": {}, \"time_us\": {}, \"workspace_bytes\": {}",
        sums.calls,
        sums.forwarded,
        sums.bypassed,
        number(sums.bypassed_percent()),
        sums.timed_calls,
        number(sums.time_us),
        sums.workspace_bytes,
    )
}

fn row(row: &Row) -> String {
    format!(
        "{{\"label\": {}, \"direction\": {}, \"problem\": {}, \"route\": {}, \"solver\": {}, \
         \"rule\": {}, \"calls\": {}, \"timed_calls\": {}, \"time_us\": {}, \"longest_us\": {}, \
         \"workspace_bytes\": {}}}",
        quoted(&row.label),
        quoted(&row.direction),
        quoted(&row.problem),
        quoted(row.route.name()),
        quoted(&row.solver),
        quoted(&row.rule),
        row.calls,
        row.timed_calls,
        number(row.time_us),
        number(row.longest_us),
        row.workspace_bytes,
    )
}

/// To a nanosecond where it counts microseconds. JSON has no NaN; the sums never are.
fn number(value: f64) -> String {
    format!("{value:.3}")
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if u32::from(control) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("writing to a String");
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_quoted() {
        assert_eq!(quoted("a\"b\\c\nd\u{1}é"), "\"a\\\"b\\\\c\\u000ad\\u0001é\"");
    }
}
