//! `uninstall`: gives the real libMIOpen its names back.
#![forbid(unsafe_code)]

use crate::ending::{Ending, Failure};
use crate::install::disk::Disk;
use crate::install::remove::Removal;
use crate::install::target::Target;
use crate::output::Output;

/// Give the real libMIOpen its names back, and remove what `install` put there
///
/// What changed since the installation is not touched: then nothing is done, unless with --force.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Undo what can be undone, and leave what changed since as it is
    #[arg(long)]
    force: bool,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
    /// End without tidying up after so many changes to the disk
    #[arg(long, value_name = "STEPS", hide = true)]
    stop_after: Option<u32>,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let site = args.target.one_installed_site()?;
    let Some(manifest) = &site.manifest else {
        let text = format!("{}: nothing is installed there", site.folder.display());
        return Err(Failure::failed(text));
    };
    let removal = Removal::new(&site, manifest)?;
    if !removal.changed.is_empty() && !args.force {
        return Err(Failure::failed(format!(
            "{}; nothing was done, and --force undoes the rest",
            removal.changed.join("; ")
        )));
    }
    for change in &removal.changed {
        output.line(format!("changed  {change}"))?;
    }
    for line in removal.describe(&site) {
        output.line(line)?;
    }
    if args.dry_run {
        output.line("nothing was changed (--dry-run)")?;
        return Ok(Ending::Done);
    }
    removal.carry_out(&site, manifest, &Disk::new(args.stop_after))?;
    output.line("uninstalled")?;
    Ok(Ending::Done)
}

impl Target {
    /// The one place where something is installed, or the one that was named.
    fn one_installed_site(&self) -> Result<crate::install::site::Site, Failure> {
        if self.is_named() {
            return self.one_site("uninstall");
        }
        let (sites, _) = self.sites()?;
        let mut installed = sites.into_iter().filter(|site| site.manifest.is_some());
        match (installed.next(), installed.next()) {
            (Some(site), None) => Ok(site),
            (None, _) => Err(Failure::failed(
                "nothing is installed; --lib, --prefix or --venv names another place",
            )),
            (Some(one), Some(other)) => Err(Failure::Usage(format!(
                "it is installed more than once, choose with --lib: {}; {}{}",
                one.folder.display(),
                other.folder.display(),
                if installed.next().is_some() { "; and more" } else { "" }
            ))),
        }
    }
}
