//! `status`: where the library is installed, and whether it still is what programs get.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use MIOpen::real::layout::{Kind, rocm_release};
use serde::Serialize;

use crate::ending::{Ending, Failure};
use crate::install::manifest::{Manifest, sha256_of_file};
use crate::install::site::{Site, State};
use crate::install::target::Target;
use crate::loader;
use crate::output::Output;

/// Tell where the library is installed, and what has changed there since
///
/// The exit status is 1 where an installation is not in force any more: an upgrade, ldconfig or pip
/// has taken a name back, or an installation was interrupted.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    NotInstalled,
    Installed,
    Interrupted,
    /// Installed once, and something else is there now.
    Changed,
}

#[derive(Debug, Serialize)]
struct Report {
    folder: PathBuf,
    layout: &'static str,
    real: String,
    /// From the real file's name, where it says.
    rocm: Option<String>,
    standing: Standing,
    /// Version of miopen-bypass that is installed.
    version: Option<String>,
    findings: Vec<String>,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let (sites, unusable) = args.target.sites()?;
    let reports: Vec<Report> = sites.iter().map(report).collect::<Result<_, _>>()?;
    let unusable: Vec<String> = unusable.iter().map(ToString::to_string).collect();
    if args.json {
        output.json(&serde_json::json!({ "libraries": reports, "unusable": unusable }))?;
    } else {
        if reports.is_empty() {
            output.line("no libMIOpen was found; --lib, --prefix or --venv names a place")?;
        }
        for report in &reports {
            text(report, output)?;
        }
        for line in &unusable {
            output.line(format!("cannot be used: {line}"))?;
        }
    }
    let is_wrong =
        |report: &Report| !matches!(report.standing, Standing::Installed | Standing::NotInstalled);
    Ok(if reports.iter().any(is_wrong) { Ending::CheckFailed } else { Ending::Done })
}

fn text(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let standing = match report.standing {
        Standing::NotInstalled => "not installed",
        Standing::Installed => "installed",
        Standing::Interrupted => "INTERRUPTED: run install or uninstall again",
        Standing::Changed => "CHANGED: run install again",
    };
    output.line(report.folder.display().to_string())?;
    let rocm = report.rocm.as_ref().map_or(String::new(), |rocm| format!(", ROCm {rocm}"));
    output.line(format!("  real library  {} ({}{rocm})", report.real, report.layout))?;
    let version = report.version.as_ref().map_or(String::new(), |version| format!(" ({version})"));
    output.line(format!("  miopen-bypass {standing}{version}"))?;
    for finding in &report.findings {
        output.line(format!("  {finding}"))?;
    }
    Ok(())
}

fn report(site: &Site) -> Result<Report, Failure> {
    let rocm = rocm_release(&site.real).map(|(a, b, c)| format!("{a}.{b}.{c}"));
    let (standing, findings) = match &site.manifest {
        None => (Standing::NotInstalled, Vec::new()),
        Some(manifest) => {
            let (mut problems, notes) = examine(site, manifest)?;
            let standing = match (manifest.complete, problems.is_empty()) {
                (false, _) => Standing::Interrupted,
                (true, true) => Standing::Installed,
                (true, false) => Standing::Changed,
            };
            problems.extend(notes);
            (standing, problems)
        }
    };
    Ok(Report {
        folder: site.folder.clone(),
        layout: Kind::of_folder(&site.folder).name(),
        real: site.manifest.as_ref().map_or(&site.real, |manifest| &manifest.real.name).clone(),
        rocm,
        standing,
        version: site.manifest.as_ref().map(|manifest| manifest.version.clone()),
        findings,
    })
}

/// What is wrong with an installation, and what is merely worth knowing.
fn examine(site: &Site, manifest: &Manifest) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    // While an installation is unfinished, some names are not ours yet.
    for (name, state) in site.entries.iter().filter(|_| manifest.complete) {
        match state {
            State::Ours => {}
            State::Gone => problems.push(format!("{name} is gone: its package was removed")),
            State::Link(target) => problems.push(format!(
                "{name} leads to {target} again: an upgrade or ldconfig has taken the name back"
            )),
            State::File => problems.push(format!(
                "{name} is a file again: a reinstallation or an upgrade has brought a new one"
            )),
        }
    }
    let ours = site.path(&manifest.ours.name);
    match sum_of(&ours)? {
        None => problems.push(format!("{} is gone", manifest.ours.name)),
        Some(sum) if sum != manifest.ours.sha256 => {
            problems.push(format!("{} is not the file that was installed", manifest.ours.name));
        }
        Some(_) => {}
    }
    match sum_of(&site.path(&manifest.real.name))? {
        None => problems.push(format!(
            "{}, to which calls are forwarded, is gone: an upgrade has removed it",
            manifest.real.name
        )),
        Some(sum) if sum != manifest.real.sha256 => notes.push(format!(
            "{} was upgraded in its place, and is forwarded to; install again to renew the record",
            manifest.real.name
        )),
        Some(_) => {}
    }
    if let Some(missing) = loader::missing(&ours).filter(|missing| !missing.is_empty()) {
        notes.push(format!("the loader does not find {}", missing.join(", ")));
    }
    if manifest.version != env!("CARGO_PKG_VERSION") {
        notes.push(format!("this command is of version {}", env!("CARGO_PKG_VERSION")));
    }
    Ok((problems, notes))
}

fn sum_of(path: &std::path::Path) -> Result<Option<String>, Failure> {
    if path.is_file() { sha256_of_file(path).map(Some) } else { Ok(None) }
}
