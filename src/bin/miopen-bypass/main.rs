//! `miopen-bypass`: the command beside the library.
//!
//! One file for each subcommand: its arguments (`Args`) and `run`, which writes its results to an
//! [`Output`] and says how it ended. What goes wrong comes back as a [`Failure`], and is printed
//! here, in one line.
#![deny(unsafe_code)]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod completions;
mod config;
mod conv;
mod device;
mod doctor;
mod ending;
mod environments;
mod install;
mod isa;
mod kernels;
mod loader;
mod man;
mod output;
mod own_library;
mod paste;
mod peak;
mod probe;
mod replay;
mod report;
mod run;
mod status;
mod uninstall;

use ending::{Ending, Failure, complain};
use output::Output;

/// Convolutions for Radeon cards on which MIOpen hangs, faults or answers wrongly.
#[derive(Parser)]
#[command(name = "miopen-bypass", version, after_help = ending::EXIT_STATUS_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Install(install::Args),
    Uninstall(uninstall::Args),
    Status(status::Args),
    Config(config::Args),
    Doctor(doctor::Args),
    Probe(probe::Args),
    Conv(conv::Args),
    Report(report::Args),
    Replay(replay::Args),
    Kernels(kernels::Args),
    Completions(completions::Args),
    Man(man::Args),
    Peak(peak::Args),
}

impl Command {
    fn run(self, output: &mut Output) -> Result<Ending, Failure> {
        match self {
            Command::Run(args) => run::run(&args, output),
            Command::Install(args) => install::run(&args, output),
            Command::Uninstall(args) => uninstall::run(&args, output),
            Command::Status(args) => status::run(&args, output),
            Command::Config(args) => config::run(&args, output),
            Command::Doctor(args) => doctor::run(&args, output),
            Command::Probe(args) => probe::run(&args, output),
            Command::Conv(args) => conv::run(&args, output),
            Command::Report(args) => report::run(&args, output),
            Command::Replay(args) => replay::run(&args, output),
            Command::Kernels(args) => kernels::run(&args, output),
            Command::Completions(args) => completions::run(args, Cli::command(), output),
            Command::Man(args) => man::run(&args, Cli::command(), output),
            Command::Peak(args) => peak::run(&args, output),
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<OsString> = paste::expand(std::env::args_os().collect());
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return ending::of_parser(&error),
    };
    let mut output = Output::stdout();
    match cli.command.run(&mut output).and_then(|ending| output.finish().map(|()| ending)) {
        Ok(ending) => ending.into(),
        Err(failure) => {
            complain(&failure);
            failure.into()
        }
    }
}
