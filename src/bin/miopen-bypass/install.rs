//! `install`: our library under the names of a real libMIOpen, which stays and is forwarded to.
#![forbid(unsafe_code)]

pub mod disk;
mod elf;
pub mod manifest;
mod plan;
pub mod remove;
pub mod site;
pub mod target;

use disk::Disk;
use plan::Plan;
use site::Site;
use target::Target;

use crate::ending::{Ending, Failure};
use crate::output::Output;
use crate::own_library::OwnLibrary;

const LONG_ABOUT: &str = "\
Put the library in the place of a real libMIOpen

The names that programs ask for (libMIOpen.so.1, libMIOpen.so) become links to a copy of this \
library. The real file stays in its folder, from where it finds its databases: under its own name \
where that name was a link to it, as NAME.original in wheels, where the file itself had that name. \
The copy needs the real file, so programs that use MIOpen's C++ functions work too. \
miopen-bypass-install.json in the folder records what was changed; `uninstall` undoes it and \
`status` tells whether an upgrade, ldconfig or pip has taken a name back. Interrupted at any \
moment, a working library remains; run `install` or `uninstall` again.

Without an option the system's folders, /opt/rocm*, and the Python environments of this user are \
searched; where more than one libMIOpen is found, one has to be named.

`make install` is another thing: it installs this library with headers, pkg-config and CMake files \
under a prefix of its own, to build programs against. `run` needs no installation at all.";

#[derive(clap::Args)]
#[command(about = "Put the library in the place of a real libMIOpen", long_about = LONG_ABOUT)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    library: OwnLibrary,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
    /// End without tidying up after so many changes to the disk
    #[arg(long, value_name = "STEPS", hide = true)]
    stop_after: Option<u32>,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let site = args.target.one_site("install")?;
    let library = args.library.find()?;
    let plan = Plan::new(&site, &library)?;
    if plan.is_done {
        output.line(format!("{}: installed already", site.folder.display()))?;
        return Ok(Ending::Done);
    }
    for line in plan.describe(&site) {
        output.line(line)?;
    }
    if args.dry_run {
        output.line("nothing was changed (--dry-run)")?;
        return Ok(Ending::Done);
    }
    plan.carry_out(&site, &library, &Disk::new(args.stop_after))?;
    output.line("installed; `miopen-bypass status` looks after it, `uninstall` undoes it")?;
    Ok(Ending::Done)
}

impl Target {
    /// The one installation that is meant.
    ///
    /// # Errors
    /// Where there is none, or several and none was named.
    pub fn one_site(&self, verb: &str) -> Result<Site, Failure> {
        let (mut sites, unusable) = self.sites()?;
        match sites.len() {
            1 if unusable.is_empty() || self.is_named() => Ok(sites.remove(0)),
            0 => Err(unusable.into_iter().next().unwrap_or_else(|| {
                Failure::failed("no libMIOpen was found; --lib, --prefix or --venv names a place")
            })),
            _ => {
                let found = sites.iter().map(|site| site.path(&site.entries[0].0));
                let found: Vec<String> = found.map(|path| path.display().to_string()).collect();
                let others = unusable.iter().map(ToString::to_string);
                let all: Vec<String> = found.into_iter().chain(others).collect();
                Err(Failure::Usage(format!(
                    "several were found, choose one with `{verb} --lib`: {}",
                    all.join("; ")
                )))
            }
        }
    }
}
