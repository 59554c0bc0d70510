//! `run`: one program on our library, without an installation.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::ending::{Ending, Failure};
use crate::output::Output;
use crate::own_library::OwnLibrary;

const LONG_ABOUT: &str = "\
Run a program on this library, without installing it

The program is started with the library in LD_PRELOAD. That reaches wheels too: PyTorch's finds its \
own libMIOpen.so by a path that is written into it, which LD_LIBRARY_PATH cannot change, but its \
calls are bound to the first library that has the function, and a preloaded one is first. The \
program's own children inherit it.

Two kinds of program need `install` instead: those that use MIOpen's C++ functions (MIOpenDriver), \
and those that run with more rights than their caller, for which the system ignores LD_PRELOAD.";

const EXAMPLES: &str = "\
Example: miopen-bypass run -- python train.py

The exit status is the program's own.";

#[derive(clap::Args)]
#[command(
    about = "Run a program on this library, without installing it",
    long_about = LONG_ABOUT,
    after_help = EXAMPLES
)]
pub struct Args {
    #[command(flatten)]
    library: OwnLibrary,
    /// The program and its arguments, after --
    #[arg(last = true, required = true, value_names = ["PROGRAM", "ARGS"])]
    program: Vec<OsString>,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let library = args.library.find()?;
    // The loader splits the list at both.
    if library.as_os_str().as_bytes().iter().any(|byte| b" :".contains(byte)) {
        return Err(Failure::failed(format!(
            "{}: LD_PRELOAD cannot name a path with a space or a colon; --library names a copy",
            library.display()
        )));
    }
    let mut preload = library.into_os_string();
    if let Some(before) = std::env::var_os("LD_PRELOAD").filter(|before| !before.is_empty()) {
        preload.push(OsStr::new(":"));
        preload.push(before);
    }
    let (program, rest) =
        args.program.split_first().ok_or_else(|| Failure::Usage("no program".to_owned()))?;
    output.finish()?;
    // Returns only where it failed.
    let error = Command::new(program).args(rest).env("LD_PRELOAD", preload).exec();
    Err(Failure::failed(format!("{}: {error}", program.display())))
}
