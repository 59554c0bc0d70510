//! `conv`: runs, verifies and times convolutions, in the manner of MIOpenDriver.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::path::PathBuf;

use MIOpen::solver::Context;
use clap::ValueEnum;

use crate::device::{self, Device};
use crate::ending::{Ending, Failure};
use crate::isa::{self, Isa};
use crate::output::Output;

mod counts;
pub mod flags;
pub mod layers;
pub mod progress;
pub mod report;
pub mod run;
mod selection;
mod solvers;
pub mod tensors;
mod timing;
pub mod verify;

use layers::Layer;
use report::{Document, ListResult, Subject, Widths};

/// Run, verify and time convolutions, with MIOpenDriver's flags
///
/// A line out of the library's log, or out of MIOpen's, can stand after the command as it is, in
/// quotes or without.
#[derive(clap::Args)]
pub struct Args {
    /// Run the layers of a file (- for standard input): lines of a name and n c h w k y x sh sw ph
    /// pw dh dw g, or logged lines. Flags override what the file says
    #[arg(long, value_name = "FILE")]
    shapes: Option<PathBuf>,
    /// Only layers whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "", requires = "shapes")]
    filter: String,
    /// Show every solver with its estimate, or the reason why it does not serve; run nothing
    #[arg(long)]
    list: bool,
    /// Show whether the solver chosen by estimate is within 10 % of the fastest one
    #[arg(long, conflicts_with_all = ["list", "solver", "search", "solution"])]
    check_selection: bool,
    /// Where to run: cpu, hip, or hip:NUMBER for another GPU than the first
    #[arg(long, value_name = "DEVICE", value_parser = device::parse, default_value = "cpu")]
    device: Device,
    /// Run on the stand-in GPU of the tests (ctest/simhip), which interprets the kernels: instead of
    /// times this shows counts of instructions, and an estimate of the time on two cards
    #[arg(long, value_name = "FILE", conflicts_with = "check_selection")]
    simhip: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// What running convolutions takes, wherever they come from.
#[derive(clap::Args)]
pub struct Common {
    /// Run this solver, by name or id
    #[arg(long, value_name = "SOLVER", conflicts_with_all = ["solution", "search"])]
    solver: Option<String>,
    /// The highest instruction set to use; default: what the processor has
    #[arg(long, value_enum)]
    isa: Option<Isa>,
    /// Threads; default: the processors that this process may use
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZeroUsize>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    pub driver: flags::DriverFlags,
}

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// What the ways to run convolutions share.
pub struct Session<'a> {
    layers: &'a [Layer],
    widths: Widths,
    context: Context,
    format: Format,
}

impl<'a> Session<'a> {
    /// Convolutions to be run, and how.
    pub fn new(
        layers: &'a [Layer],
        common: &Common,
    ) -> Result<(Session<'a>, run::Options), Failure> {
        if let Some(level) = common.isa {
            isa::lower_to(level)?;
        }
        let (_, command) = layers::of_flags(&common.driver.words)?;
        let mut options = run::Options::new(&command.other_flags)?;
        if let Some(solver) = &common.solver {
            options.choice = solvers::choice_of(solver)?;
        }
        let session = Session {
            layers,
            widths: Widths::of(layers),
            context: Context::new(common.threads),
            format: common.format,
        };
        Ok((session, options))
    }
}

impl Session<'_> {
    pub fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// The document of all results, where one is wanted.
    pub fn finish<R: serde::Serialize>(
        &self,
        results: &[R],
        output: &mut Output,
    ) -> Result<(), Failure> {
        if self.is_table() {
            return Ok(());
        }
        output.json(&Document {
            version: env!("CARGO_PKG_VERSION"),
            threads: self.context.cpu_threads.get(),
            isa: isa::limit().as_deref(),
            results,
        })
    }
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let Some(simhip) = &args.simhip else { return run_on(args.device, args, output) };
    counts::start_on_simhip(simhip)?;
    let device = if args.device == Device::Cpu { Device::Hip(0) } else { args.device };
    let result = run_on(device, args, output);
    counts::clean_up();
    result
}

fn run_on(device: Device, args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let flags = &args.common.driver.words;
    let layers = match &args.shapes {
        Some(path) => layers::of_file(path, flags, &args.filter)?,
        None => layers::of_flags(flags)?.0,
    };
    let (mut session, options) = Session::new(&layers, &args.common)?;
    session.context = session.context.with_memory(device.memory()?);
    if device != Device::Cpu && (args.check_selection || options.searches) {
        return Err(Failure::Usage("measuring every solver is for --device cpu".to_owned()));
    }
    if args.list {
        list(&session, output)
    } else if args.check_selection {
        selection::run(&session, output)
    } else {
        run::run(&session, &options, output)
    }
}

fn list(session: &Session<'_>, output: &mut Output) -> Result<Ending, Failure> {
    let mut results = Vec::new();
    for layer in session.layers {
        let result = ListResult {
            subject: Subject::of(layer),
            solvers: solvers::list(&layer.problem, &session.context)?,
        };
        if session.is_table() {
            for line in session.widths.list_rows(&result) {
                output.line(line)?;
            }
        }
        results.push(result);
    }
    session.finish(&results, output)?;
    Ok(Ending::Done)
}
