//! `probe`: what the real library does with convolutions on this card, each tried in a process of
//! its own.
#![forbid(unsafe_code)]

mod child;
mod parent;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use MIOpen::card::{Card, LibraryVersion};
use MIOpen::config::{Strategy, config, live};
use MIOpen::hazard;
use MIOpen::hip::topology::nodes;
use MIOpen::journal::probed::{self, Outcome, Probed};
use MIOpen::journal::{self, Learned};
use serde::Serialize;

use crate::conv::flags::DriverFlags;
use crate::conv::layers::{self, Layer};
use crate::conv::progress::Progress;
use crate::ending::{Ending, Failure};
use crate::output::Output;

/// Find out which convolutions the real library gets through on this card
///
/// Each is searched and run by the real library in a process of its own, with a time limit, and its
/// result is compared with the reference. What hung, died, was refused or was wrong is computed by
/// miopen-bypass from then on; what passed is no longer watched. Save your work first: a hang can
/// take the desktop or the machine down. What was under way then counts as hung, and the same
/// command goes on where it was.
#[derive(clap::Args)]
pub struct Args {
    /// Problems from a file (- for standard input): lines of a name and n c h w k y x sh sw ph pw
    /// dh dw g, or logged or traced lines. Without it, and without flags: layers of known networks
    #[arg(long, visible_alias = "trace", value_name = "FILE")]
    shapes: Option<PathBuf>,
    /// Only layers whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Seconds that one problem may take; the compilation of its kernels counts
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    time_limit: u64,
    /// The card, as HIP numbers it
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    device: u32,
    /// Forward what passes from now on, even where a rule says otherwise
    #[arg(long)]
    trust: bool,
    /// Try again what was probed before
    #[arg(long)]
    again: bool,
    /// Show the problems, and what is known of them; try nothing
    #[arg(long)]
    list: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// What a process does that was started for one problem
    #[arg(long, hide = true, value_name = "LINE")]
    child: Option<String>,
    #[command(flatten)]
    driver: DriverFlags,
}

/// The shapes that also the benchmarks use.
const SHAPES: &str = include_str!("../../../benches/shapes.tsv");

/// Of these, unless others are asked for: the sizes at which a card was seen to hang, and layers of
/// ResNet-50, YOLOv8 and Stable Diffusion.
const USUAL: [&str; 4] = ["seed.", "r50.", "y8n.", "sd."];

/// A problem, and what came of it.
#[derive(Clone, Debug, Serialize)]
struct Row {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    problem: String,
    /// Absent: not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// Whether it was known before.
    is_known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_s: Option<f64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The rule that keeps it from the real library otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    if let Some(line) = &args.child {
        return child::run(line, args.device, output);
    }
    let folder = journal::folder().ok_or_else(|| {
        Failure::failed("the journal is off, and its folder is where findings are kept")
    })?;
    let card = card(args.device)?;
    let library = parent::library(args.device, args.time_limit)?;
    let card = Card { library: Some(library.version), ..card };
    let layers = problems(args)?;
    let (known, _) = probed::read(&folder)?;

    if !args.json {
        output.line(format!(
            "{} (silicon {}, reported {}), MIOpen {} in {}",
            if card.runs_foreign_code() { "under an override" } else { "native" },
            card.physical,
            card.reported,
            library.version,
            library.path
        ))?;
    }
    let progress = Progress::new(if args.list || args.json { 1 } else { layers.len() });
    let mut rows = Vec::new();
    for layer in &layers {
        progress.step(&layer.name);
        let mut row = row_of(layer, &card, &known);
        if !args.list && (row.outcome.is_none() || args.again) {
            // Should the machine go down now, this is what stands there when it is up again.
            let note = |outcome| Probed::new(outcome, now_unix_s(), &layer.problem, &card);
            probed::append(&folder, &note(Outcome::Hung))?;
            let tried = parent::try_one(&layer.problem, args.device, args.time_limit)?;
            let outcome = match tried.outcome {
                Outcome::Passed if args.trust => Outcome::Trusted,
                other => other,
            };
            probed::append(&folder, &note(outcome))?;
            row.outcome = Some(outcome.name());
            row.is_known = false;
            row.time_s = Some(tried.time_s);
            row.detail = tried.detail;
            if tried.is_stuck {
                progress.around(|| print_row(&row, args, output))?;
                return Err(Failure::failed(
                    "the process that hung cannot be ended; the card, or the machine, has to be \
                     started anew. The same command goes on from here",
                ));
            }
        }
        progress.around(|| print_row(&row, args, output))?;
        progress.done();
        rows.push(row);
    }
    drop(progress);
    finish(&rows, &folder, args, output)
}

fn print_row(row: &Row, args: &Args, output: &mut Output) -> Result<(), Failure> {
    if args.json {
        return Ok(());
    }
    let time = row.time_s.map_or_else(String::new, |time_s| format!("{time_s:.1} s"));
    let outcome = row.outcome.unwrap_or("not tried");
    let known = if row.is_known { " (before)" } else { "" };
    let rule = row.rule.map_or_else(String::new, |rule| format!(", rule {rule}"));
    let detail = if row.detail.is_empty() { String::new() } else { format!(": {}", row.detail) };
    output.line(format!(
        "{:18} {time:>8}  {:28} {}{rule}{detail}",
        format!("{outcome}{known}"),
        row.name,
        row.problem
    ))
}

fn finish(
    rows: &[Row],
    folder: &std::path::Path,
    args: &Args,
    output: &mut Output,
) -> Result<Ending, Failure> {
    let good = [Outcome::Passed.name(), Outcome::Trusted.name()];
    let tried = rows.iter().filter_map(|row| row.outcome);
    let (passed, bad): (Vec<_>, Vec<_>) = tried.partition(|outcome| good.contains(outcome));
    if args.json {
        output.json(&rows)?;
    } else {
        let path = probed::path(folder);
        output.line(format!(
            "{} passed, {} did not; kept in {}",
            passed.len(),
            bad.len(),
            path.display()
        ))?;
    }
    Ok(if bad.is_empty() || args.list { Ending::Done } else { Ending::CheckFailed })
}

/// The card of that number, as far as the kernel driver tells: the one process that must not hang
/// leaves it alone.
fn card(device: u32) -> Result<Card, Failure> {
    let cards =
        hazard::visible_cards(&nodes(&config().kfd_topology), |name| std::env::var_os(name));
    let card = cards.get(device as usize).ok_or_else(|| {
        Failure::failed(format!("there is no card {device}; the driver lists {}", cards.len()))
    })?;
    if !card.is_affected() {
        return Err(Failure::failed(format!(
            "card {device} is {}, not RDNA1: everything is forwarded anyway",
            card.physical
        )));
    }
    Ok(Card { ordinal: device, ..*card })
}

fn problems(args: &Args) -> Result<Vec<Layer>, Failure> {
    let flags = &args.driver.words;
    let mut layers = match &args.shapes {
        Some(path) => layers::of_file(path, flags, &args.filter)?,
        None if flags.is_empty() => {
            let forward = ["--forw".to_owned(), "1".to_owned()];
            let mut layers = layers::of_text(SHAPES, "the usual layers", &forward, &args.filter)?;
            let is_usual =
                |layer: &Layer| USUAL.iter().any(|prefix| layer.name.starts_with(prefix));
            if args.filter.is_empty() {
                layers.retain(is_usual);
            }
            layers
        }
        None => layers::of_flags(flags)?.0,
    };
    // The smallest first: what is known soonest, before something hangs for good.
    layers.sort_by(|a, b| a.problem.multiply_adds().total_cmp(&b.problem.multiply_adds()));
    let mut seen = std::collections::HashSet::new();
    layers.retain(|layer| seen.insert(layer.problem.clone()));
    Ok(layers)
}

fn row_of(layer: &Layer, card: &Card, known: &[Probed]) -> Row {
    let auto = MIOpen::config::Live { strategy: Strategy::Auto, ..live() };
    let key = journal::key(&layer.problem, card);
    let outcome = known.iter().rev().find(|one| one.key == key).map(|one| one.outcome.name());
    Row {
        name: layer.name.clone(),
        problem: layer.problem.to_string(),
        outcome,
        is_known: outcome.is_some(),
        time_s: None,
        detail: String::new(),
        rule: hazard::decide(card, &layer.problem, &auto, Learned::Nothing)
            .rule
            .map(|rule| rule.id),
    }
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The real library, as a process found it that opened it.
struct Library {
    version: LibraryVersion,
    path: String,
}
