//! `completions`: a shell's completion script, from the parser itself.
#![forbid(unsafe_code)]

use clap_complete::Shell;

use crate::ending::{Ending, Failure};
use crate::output::Output;

/// Print the completion script of a shell
#[derive(clap::Args)]
pub struct Args {
    /// The shell; bash takes `source <(miopen-bypass completions bash)`
    shell: Shell,
}

pub fn run(args: Args, mut command: clap::Command, output: &mut Output) -> Result<Ending, Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output.bytes(&script)?;
    Ok(Ending::Done)
}
