//! A snapshot as plain text, for a terminal or to paste.
#![forbid(unsafe_code)]

use super::Route;
use super::snapshot::{Snapshot, Totals};
use std::fmt::Write;

/// Lines of the list of problems; the rest is summed up. JSON and HTML have all.
const PROBLEMS: usize = 100;

impl Snapshot {
    /// Tables: totals, routes, why calls were bypassed, layers, problems.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out).expect("writing to a String");
        out
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let totals = self.totals();
        writeln!(out, "miopen-bypass {}: {} (process {})", self.version, self.program, self.pid)?;
        if !self.library.is_empty() {
            writeln!(out, "{}", self.library)?;
        }
        writeln!(
            out,
            "{} convolutions in {:.1} s: {} forwarded, {} bypassed ({:.1} %); {}",
            totals.calls,
            self.running_s,
            totals.forwarded,
            totals.bypassed,
            totals.bypassed_percent(),
            timed(&totals),
        )?;
        if totals.calls == 0 {
            return Ok(());
        }
        let groups = [
            ("route", self.totals_by(|row| row.route.name())),
            ("why bypassed", self.totals_of_bypassed()),
            ("layer", self.totals_by(|row| &row.label)),
        ];
        for (heading, groups) in groups {
            // A table of one line without a name says what the totals say.
            if groups.iter().any(|(name, _)| !name.is_empty()) {
                write_groups(out, heading, &groups, &totals)?;
            }
        }
        self.write_problems(out, &totals)
    }

    /// The bypassed calls, by the rule that decided.
    pub(super) fn totals_of_bypassed(&self) -> Vec<(&str, Totals)> {
        let bypassed = self.totals_by(|row| match (row.route, row.rule.as_str()) {
            (Route::Real, _) => "",
            (_, "") => "no rule: all convolutions are computed here",
            (_, rule) => rule,
        });
        bypassed.into_iter().filter(|(rule, _)| !rule.is_empty()).collect()
    }

    fn write_problems(&self, out: &mut String, totals: &Totals) -> std::fmt::Result {
        writeln!(
            out,
            "\n{:>10} {:>6} {:>8} {:>10} {:>10} {:>5} problem, solver, rule, layer",
            "time", "share", "calls", "mean", "workspace", "route"
        )?;
        for row in self.rows.iter().take(PROBLEMS) {
            let mean = row.mean_us().map_or("-".into(), duration);
            let time = if row.timed_calls == 0 { "-".into() } else { duration(row.time_us) };
            write!(
                out,
                "{time:>10} {:>6} {:>8} {mean:>10} {:>10} {:>5} {}",
                share(row.time_us, totals.time_us),
                row.calls,
                bytes(row.workspace_bytes),
                row.route.name(),
                row.problem
            )?;
            for (before, text) in [(", ", &row.solver), (", rule ", &row.rule)] {
                if !text.is_empty() {
                    write!(out, "{before}{text}")?;
                }
            }
            if !row.label.is_empty() {
                write!(out, ", {}", row.label)?;
            }
            writeln!(out)?;
        }
        if let Some(rest) = self.rows.get(PROBLEMS..)
            && !rest.is_empty()
        {
            let mut sums = Totals::default();
            rest.iter().for_each(|row| sums += row);
            writeln!(out, "and {} more: {} calls, {}", rest.len(), sums.calls, timed(&sums))?;
        }
        Ok(())
    }
}

fn write_groups(
    out: &mut String,
    heading: &str,
    groups: &[(&str, Totals)],
    totals: &Totals,
) -> std::fmt::Result {
    let name_of = |name: &'static str, text: &str| -> String {
        if text.is_empty() { name.to_owned() } else { text.to_owned() }
    };
    let names: Vec<String> = groups.iter().map(|(name, _)| name_of("(no label)", name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let width = width.max(heading.len());
    writeln!(
        out,
        "\n{heading:<width$} {:>8} {:>9} {:>8} {:>7} {:>10} {:>6}",
        "calls", "forwarded", "bypassed", "percent", "time", "share"
    )?;
    for (name, (_, sums)) in names.iter().zip(groups) {
        let time = if sums.timed_calls == 0 { "-".into() } else { duration(sums.time_us) };
        writeln!(
            out,
            "{name:<width$} {:>8} {:>9} {:>8} {:>7.1} {time:>10} {:>6}",
            sums.calls,
            sums.forwarded,
            sums.bypassed,
            sums.bypassed_percent(),
            share(sums.time_us, totals.time_us),
        )?;
    }
    Ok(())
}

/// How much of the calls' time is known.
pub(super) fn timed(sums: &Totals) -> String {
    match sums.timed_calls {
        0 => "no times were measured".to_owned(),
        count if count == sums.calls => format!("they took {}", duration(sums.time_us)),
        count => format!("{count} of them, whose time is known, took {}", duration(sums.time_us)),
    }
}

pub(super) fn duration(time_us: f64) -> String {
    match time_us {
        t if t < 1e3 => format!("{t:.1} us"),
        t if t < 1e6 => format!("{:.2} ms", t * 1e-3),
        t => format!("{:.2} s", t * 1e-6),
    }
}

pub(super) fn bytes(count: u64) -> String {
    match count {
        0..0x400 => format!("{count} B"),
        0x400..0x10_0000 => format!("{:.1} KiB", count as f64 / 1024.0),
        0x10_0000.. => format!("{:.1} MiB", count as f64 / 1024.0 / 1024.0),
    }
}

fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.1} %", 100.0 * part / whole) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units() {
        assert_eq!(duration(12.34), "12.3 us");
        assert_eq!(duration(1234.0), "1.23 ms");
        assert_eq!(duration(2.5e6), "2.50 s");
        assert_eq!(bytes(1000), "1000 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
        assert_eq!(share(1.0, 0.0), "-");
    }
}
