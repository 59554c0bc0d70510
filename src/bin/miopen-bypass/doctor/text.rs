//! The report as plain text.
#![forbid(unsafe_code)]

use super::Report;
use super::libraries::Library;
use crate::config::Origin;
use crate::ending::Failure;
use crate::output::Output;

pub fn print(report: &Report, output: &mut Output) -> Result<(), Failure> {
    output.line(format!("miopen-bypass {}", report.version))?;

    heading("GPU", output)?;
    if report.gpus.is_empty() {
        let driver = if report.kernel_driver { "present" } else { "not present" };
        output.line(format!("  none in the driver's topology (/dev/kfd {driver})"))?;
    }
    for gpu in &report.gpus {
        let name = gpu.name.unwrap_or("not one of RDNA1's ids");
        output.line(format!(
            "  node {}: physical {}, reported {}, PCI {} ({name})",
            gpu.node, gpu.physical, gpu.reported, gpu.pci
        ))?;
    }

    heading("libMIOpen", output)?;
    if report.libraries.is_empty() {
        output.line("  none was found")?;
    }
    for library in &report.libraries {
        print_library(library, output)?;
    }

    if let Some(answer) = &report.program {
        heading("Program", output)?;
        output.line(format!("  {}: {}", answer.program.display(), answer.text))?;
        if let Some(file) = answer.asked_by.as_ref().filter(|file| **file != answer.program) {
            output.line(format!("  asked for by {}", file.display()))?;
        }
        if let Some(library) = &answer.library {
            print_library(library, output)?;
        }
        for other in &answer.also_loaded {
            output.line(format!("  loaded as well: {}", other.display()))?;
        }
    }

    heading("HIP runtime", output)?;
    if report.hip_runtimes.is_empty() {
        output.line("  none was found")?;
    }
    for path in &report.hip_runtimes {
        output.line(format!("  {}", path.display()))?;
    }

    heading("CPU engine", output)?;
    let engine = &report.engine;
    output.line(format!(
        "  {} threads; instruction set {} (the processor has {})",
        engine.threads, engine.isa_allowed, engine.isa_detected
    ))?;

    heading(&format!("Rules in force (strategy {})", report.strategy), output)?;
    if report.rules.is_empty() {
        output.line("  none")?;
    }
    for rule in &report.rules {
        let until = rule
            .fixed_in
            .as_ref()
            .map_or(String::new(), |version| format!(", before MIOpen {version}"));
        output.line(format!("  {}: {} ({}{until})", rule.id, rule.problems, rule.strength))?;
        output.line(format!("    {}", rule.reason))?;
    }

    heading("Set for the real library", output)?;
    if report.steering.is_empty() {
        output.line("  nothing")?;
    }
    for one in &report.steering {
        let stays = match &one.users_value {
            Some(value) => format!("; you set {value}, which stays"),
            None => String::new(),
        };
        output.line(format!("  {}={} (rule {}{stays})", one.name, one.value, one.rule))?;
    }

    heading("Journal", output)?;
    let journal = &report.journal;
    output.line(format!("  {}", journal.text))?;
    if let Some(folder) = &journal.folder {
        output.line(format!(
            "  {}: {} proven, {} trusted, {} bad, {} under way or left open",
            folder.display(),
            journal.proven,
            journal.trusted,
            journal.bad.len(),
            journal.open
        ))?;
    }
    const SHOWN: usize = 20;
    for bad in journal.bad.iter().rev().take(SHOWN) {
        output.line(format!("  computed here: {bad}"))?;
    }
    if journal.bad.len() > SHOWN {
        output.line(format!("  and {} more", journal.bad.len() - SHOWN))?;
    }

    heading("Settings that are not at their default", output)?;
    for complaint in &report.complaints {
        output.line(format!("  {complaint}"))?;
    }
    let changed: Vec<_> = report
        .settings
        .iter()
        .filter(|setting| setting.origin != Origin::Default || setting.unusable.is_some())
        .collect();
    if changed.is_empty() {
        output.line("  none")?;
    }
    for setting in changed {
        output.line(format!("  {}", setting.line()))?;
        if let Some(unusable) = &setting.unusable {
            output.line(format!("    {unusable}"))?;
        }
    }

    heading("Environment that matters", output)?;
    if report.environment.is_empty() {
        output.line("  none of MIOPEN_*, HSA_*, HIP_*, ROCR_*, LD_* and the like is set")?;
    }
    for variable in &report.environment {
        output.line(format!("  {}={}", variable.name, variable.value))?;
    }

    heading("MIOpen's databases", output)?;
    for folder in &report.folders {
        output.line(format!("  {}: {} {}", folder.purpose, folder.path.display(), folder.text))?;
    }

    heading("Notes", output)?;
    for note in &report.notes {
        output.line(format!("  {note}"))?;
    }
    Ok(())
}

fn heading(text: &str, output: &mut Output) -> Result<(), Failure> {
    output.line("")?;
    output.line(text)
}

fn print_library(library: &Library, output: &mut Output) -> Result<(), Failure> {
    let whose = match (&library.unusable, library.is_ours) {
        (Some(reason), _) => format!("of no use: {reason}"),
        (None, true) => "miopen-bypass".to_owned(),
        (None, false) => "real".to_owned(),
    };
    output.line(format!("  {}", library.path.display()))?;
    let version = library.version.map_or(String::new(), |version| format!(", MIOpen {version}"));
    let rocm = library.rocm.as_ref().map_or(String::new(), |rocm| format!(", ROCm {rocm}"));
    let rocm = version + &rocm;
    let build_id = library.build_id.as_deref().unwrap_or("none");
    output.line(format!("    {whose} ({}{rocm}), build-id {build_id}", library.layout))?;
    if !library.links.is_empty() {
        output.line(format!("    also called {}", library.links.join(", ")))?;
    }
    Ok(())
}
