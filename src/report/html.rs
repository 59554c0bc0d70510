//! A snapshot as one page that needs nothing else: no script, no font, no other file.
#![forbid(unsafe_code)]

use super::Route;
use super::snapshot::{Row, Snapshot, Totals};
use super::text::{bytes, duration, timed};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// Layers that get a bar; the others are in the table of problems.
const LAYERS: usize = 60;

/// What bars show: time where any is known, else calls.
#[derive(Clone, Copy)]
enum Measure {
    Time,
    Calls,
}

impl Measure {
    fn of(self, totals: &Totals) -> f64 {
        match self {
            Measure::Time => totals.time_us,
            Measure::Calls => totals.calls as f64,
        }
    }

    fn text(self, totals: &Totals) -> String {
        match self {
            Measure::Time if totals.timed_calls == 0 => "time unknown".to_owned(),
            Measure::Time => duration(totals.time_us),
            Measure::Calls => calls(totals.calls),
        }
    }
}

impl Snapshot {
    /// The page: totals, where the time went by layer, what was bypassed and why, all problems.
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        self.write_html(&mut out).expect("writing to a String");
        out
    }

    fn write_html(&self, out: &mut String) -> std::fmt::Result {
        let totals = self.totals();
        let measure = if totals.time_us > 0.0 { Measure::Time } else { Measure::Calls };
        let title = format!("Convolutions of {}", escaped(&self.program));
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <header><h1>{title}</h1>\n<p>miopen-bypass {}, process {}, {:.1} s since the first \
             convolution. {}</p></header>\n",
            escaped(&self.version),
            self.pid,
            self.running_s,
            escaped(&sentence(&self.library)),
        )?;
        self.write_cards(out, &totals)?;
        if totals.calls > 0 {
            self.write_routes(out, measure, &totals)?;
            self.write_layers(out, measure)?;
            self.write_reasons(out, &totals)?;
            self.write_problem_table(out, measure)?;
        }
        out.push_str("</main>\n</body>\n</html>\n");
        Ok(())
    }

    fn write_cards(&self, out: &mut String, totals: &Totals) -> std::fmt::Result {
        let cards = [
            ("convolutions", totals.calls.to_string(), timed(totals)),
            ("forwarded", totals.forwarded.to_string(), "to the real libMIOpen".to_owned()),
            (
                "bypassed",
                totals.bypassed.to_string(),
                format!("{:.1} % of all", totals.bypassed_percent()),
            ),
            ("largest workspace", bytes(totals.workspace_bytes), "given to one call".to_owned()),
        ];
        out.push_str("<section class=\"cards\">\n");
        for (name, value, note) in cards {
            writeln!(
                out,
                "<div><span>{name}</span><strong>{value}</strong><span>{}</span></div>",
                escaped(&note)
            )?;
        }
        out.push_str("</section>\n");
        Ok(())
    }

    /// One bar for the whole, in the routes' colours, and the legend of all others.
    fn write_routes(&self, out: &mut String, measure: Measure, all: &Totals) -> std::fmt::Result {
        let heading = match measure {
            Measure::Time => "Where the time went",
            Measure::Calls => "Where the calls went",
        };
        writeln!(out, "<section>\n<h2>{heading}</h2>\n<div class=\"bar whole\">")?;
        let routes = Route::ALL.map(|route| (route, self.totals_where(|row| row.route == route)));
        for (route, sums) in &routes {
            write_segment(out, *route, measure.of(sums), measure.of(all), "")?;
        }
        out.push_str("</div>\n<ul class=\"legend\">\n");
        for (route, sums) in routes.iter().filter(|(_, sums)| sums.calls > 0) {
            writeln!(
                out,
                "<li><i class=\"{}\"></i>{}: {}, {}</li>",
                route.name(),
                description(*route),
                calls(sums.calls),
                Measure::Time.text(sums)
            )?;
        }
        out.push_str("</ul>\n</section>\n");
        Ok(())
    }

    fn write_layers(&self, out: &mut String, measure: Measure) -> std::fmt::Result {
        let layers = self.totals_by(|row| &row.label);
        if layers.iter().all(|(label, _)| label.is_empty()) {
            return Ok(());
        }
        let most = layers.iter().map(|(_, sums)| measure.of(sums)).fold(0.0, f64::max);
        out.push_str("<section>\n<h2>Layers</h2>\n<table class=\"bars\">\n");
        for (label, sums) in layers.iter().take(LAYERS) {
            let name = if label.is_empty() { "(no label)" } else { label };
            write!(out, "<tr><th>{}</th><td><div class=\"bar\">", escaped(name))?;
            for route in Route::ALL {
                let part = self.totals_where(|row| row.label == *label && row.route == route);
                write_segment(out, route, measure.of(&part), most, &measure.text(&part))?;
            }
            writeln!(
                out,
                "</div></td><td>{}</td><td>{}, {:.0} % bypassed</td></tr>",
                measure.text(sums),
                calls(sums.calls),
                sums.bypassed_percent()
            )?;
        }
        out.push_str("</table>\n");
        if layers.len() > LAYERS {
            writeln!(out, "<p>and {} more layers</p>", layers.len() - LAYERS)?;
        }
        out.push_str("</section>\n");
        Ok(())
    }

    fn write_reasons(&self, out: &mut String, all: &Totals) -> std::fmt::Result {
        let reasons = self.totals_of_bypassed();
        out.push_str("<section>\n<h2>What was bypassed, and why</h2>\n");
        if reasons.is_empty() {
            out.push_str("<p>Nothing: the real libMIOpen computed every convolution.</p>\n");
        } else {
            out.push_str("<table class=\"bars\">\n");
            for (rule, sums) in reasons {
                write!(out, "<tr><th>{}</th><td><div class=\"bar\">", escaped(rule))?;
                let percent = 100.0 * sums.calls as f64 / all.calls as f64;
                write!(out, "<i class=\"rule\" style=\"width:{percent:.2}%\"></i>")?;
                writeln!(
                    out,
                    "</div></td><td>{}</td><td>{percent:.1} % of all</td></tr>",
                    calls(sums.calls)
                )?;
            }
            out.push_str("</table>\n");
        }
        out.push_str("</section>\n");
        Ok(())
    }

    fn write_problem_table(&self, out: &mut String, measure: Measure) -> std::fmt::Result {
        writeln!(
            out,
            "<section>\n<h2>Problems</h2>\n<p>Each is a command line of <code>miopen-bypass</code> \
             and of <code>MIOpenDriver</code>.</p>\n<div class=\"wide\"><table class=\"problems\">\n\
             <tr><th colspan=\"2\">{}</th><th>calls</th><th>mean</th><th>longest</th>\
             <th>workspace</th><th>problem, solver, rule, layer</th></tr>",
            match measure {
                Measure::Time => "time",
                Measure::Calls => "",
            }
        )?;
        let weight = |row: &Row| measure.of(&of_row(row));
        let most = self.rows.iter().map(weight).fold(0.0, f64::max);
        for row in &self.rows {
            let known = |time: Option<f64>| time.map_or("-".to_owned(), duration);
            let is_timed = row.timed_calls > 0;
            write!(out, "<tr><td><div class=\"bar\">")?;
            write_segment(out, row.route, weight(row), most, "")?;
            writeln!(
                out,
                "</div></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
                 <td><code>{}</code><br><span>{}</span></td></tr>",
                known(is_timed.then_some(row.time_us)),
                row.calls,
                known(row.mean_us()),
                known(is_timed.then_some(row.longest_us)),
                bytes(row.workspace_bytes),
                escaped(&row.problem),
                escaped(&circumstances(row)),
            )?;
        }
        out.push_str("</table></div>\n</section>\n");
        Ok(())
    }

    fn totals_where(&self, is_wanted: impl Fn(&Row) -> bool) -> Totals {
        let mut totals = Totals::default();
        self.rows.iter().filter(|row| is_wanted(row)).for_each(|row| totals += row);
        totals
    }
}

/// Solver, rule and layer, as far as they are known.
fn circumstances(row: &Row) -> String {
    let solver = if row.solver.is_empty() { "real libMIOpen" } else { &row.solver };
    let mut text = solver.to_owned();
    for part in [&row.rule, &row.label] {
        if !part.is_empty() {
            text += " · ";
            text += part;
        }
    }
    text
}

fn of_row(row: &Row) -> Totals {
    let mut totals = Totals::default();
    totals += row;
    totals
}

fn write_segment(
    out: &mut String,
    route: Route,
    part: f64,
    whole: f64,
    note: &str,
) -> std::fmt::Result {
    if part <= 0.0 || whole <= 0.0 {
        return Ok(());
    }
    write!(
        out,
        "<i class=\"{}\" style=\"width:{:.2}%\" title=\"{}{}{note}\"></i>",
        route.name(),
        100.0 * part / whole,
        description(route),
        if note.is_empty() { "" } else { ": " },
    )
}

fn description(route: Route) -> &'static str {
    match route {
        Route::Real => "real libMIOpen",
        Route::Hip => "our GPU kernels",
        Route::Cpu => "our CPU engine",
    }
}

fn calls(count: u64) -> String {
    format!("{count} {}", if count == 1 { "call" } else { "calls" })
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or(String::new(), |first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_texts_stays_text() {
        let row = Row { label: "<b>&\"".to_owned(), calls: 1, ..Row::new(Route::Cpu) };
        let snapshot = Snapshot { rows: vec![row], ..Snapshot::default() };
        let page = snapshot.to_html();
        assert!(page.contains("&lt;b&gt;&amp;&quot;") && !page.contains("<b>"));
    }

    #[test]
    fn an_empty_report_is_a_page_too() {
        let page = Snapshot::default().to_html();
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
        assert!(!page.contains("NaN"));
    }
}
