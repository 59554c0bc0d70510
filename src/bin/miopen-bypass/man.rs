//! `man`: the manual pages, from the parser itself.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap_mangen::Man;

use crate::ending::{Ending, Failure};
use crate::output::Output;

/// Print the manual page, or write all pages to a folder
#[derive(clap::Args)]
pub struct Args {
    /// The subcommand whose page is wanted
    subcommand: Option<String>,
    /// Write the page of the command and one for each subcommand here
    #[arg(long, value_name = "FOLDER", conflicts_with = "subcommand")]
    folder: Option<PathBuf>,
}

pub fn run(
    args: &Args,
    mut command: clap::Command,
    output: &mut Output,
) -> Result<Ending, Failure> {
    command.build();
    if let Some(folder) = &args.folder {
        clap_mangen::generate_to(command, folder).map_err(|error| {
            Failure::failed(format!("manual pages in {}: {error}", folder.display()))
        })?;
        return Ok(Ending::Done);
    }
    let page_of = match &args.subcommand {
        None => &command,
        Some(name) => command
            .find_subcommand(name)
            .ok_or_else(|| Failure::Usage(format!("there is no subcommand {name}")))?,
    };
    let mut page = Vec::new();
    Man::new(page_of.clone()).render(&mut page)?;
    output.bytes(&page)?;
    Ok(Ending::Done)
}
