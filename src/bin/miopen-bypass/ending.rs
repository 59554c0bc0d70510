//! How the command ends: exit statuses, and one line on stderr where something went wrong.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

/// What `--help` says about exit statuses.
pub const EXIT_STATUS_HELP: &str = "\
Exit status: 0 done; 1 a check that was asked for found something wrong; 2 the command line makes \
no sense; 3 it could not be done; 141 the reader of the output went away.";

/// A run that reached its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// A check that was asked for found something wrong; the output says what.
    CheckFailed,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> ExitCode {
        ExitCode::from(match ending {
            Ending::Done => 0,
            Ending::CheckFailed => 1,
        })
    }
}

/// Why a run did not reach its end.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// What was asked for could not be done.
    Failed(String),
    /// Nobody reads the output any more. As with any tool of a pipeline, that is nobody's mistake.
    ClosedPipe,
}

impl Failure {
    /// What was asked for could not be done.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure::Failed(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) | Failure::Failed(message) => f.write_str(message),
            Failure::ClosedPipe => f.write_str("the reader of the output went away"),
        }
    }
}

impl From<MIOpen::error::Error> for Failure {
    fn from(error: MIOpen::error::Error) -> Self {
        Failure::Failed(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Failed(error.to_string()),
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> ExitCode {
        ExitCode::from(match failure {
            Failure::Usage(_) => 2,
            Failure::Failed(_) => 3,
            // What a shell shows for a tool that SIGPIPE ended.
            Failure::ClosedPipe => 141,
        })
    }
}

/// Tells of a failure in one line on stderr, which may be closed too.
pub fn complain(failure: &Failure) {
    if !matches!(failure, Failure::ClosedPipe) {
        // One write, so that lines of several processes do not mix.
        let line = format!("miopen-bypass: {failure}\n");
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Help and version go out as they are; the parser's complaints become one line.
pub fn of_parser(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Err(error) => Failure::from(error).into(),
            Ok(()) => Ending::Done.into(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Failure::Usage(String::new()).into()
        }
        _ => {
            let text = error.render().to_string();
            // The first paragraph says what is wrong, those after it how to use the command.
            let sentence: Vec<&str> =
                text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let sentence = sentence.join(" ");
            let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
            let failure = Failure::Usage(format!("{sentence} (--help tells more)"));
            complain(&failure);
            failure.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_told_from_other_io_errors() {
        let broken = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(broken, Failure::ClosedPipe));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, Failure::Failed(_)));
    }
}
