//! Lowering the instruction set for this run.
#![forbid(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use MIOpen::config::ISA;
use clap::ValueEnum;

use crate::ending::Failure;

/// Instruction sets, as the library's setting has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Isa {
    Scalar,
    Avx2,
    Avx512,
    Amx,
}

impl Isa {
    fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Amx => "amx",
        }
    }
}

/// The limit in force.
pub fn limit() -> Option<String> {
    std::env::var(ISA.name).ok().filter(|value| !value.is_empty())
}

/// Makes the engine use nothing above `level`.
///
/// The engine reads its settings from the environment, once, as in any program that loads it. So
/// this process starts over with the setting; it returns only if it has it, or if that failed.
pub fn lower_to(level: Isa) -> Result<(), Failure> {
    if limit().as_deref() == Some(level.name()) {
        return Ok(());
    }
    let mut args = std::env::args_os();
    let program = std::env::current_exe()?;
    let error = Command::new(&program)
        .arg0(args.next().unwrap_or_default())
        .args(args)
        .env(ISA.name, level.name())
        .exec();
    Err(Failure::failed(format!("{}: {error}", program.display())))
}
