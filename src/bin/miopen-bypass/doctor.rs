//! `doctor`: what this machine has, in a form that can be pasted into a report.
#![forbid(unsafe_code)]

mod decisions;
mod folders;
mod gpu;
mod libraries;
mod program;
mod text;

use std::path::{Path, PathBuf};

use MIOpen::card::Card;
use MIOpen::config::{Config, IsaLevel, Strategy};
use MIOpen::cpu::Isa;
use MIOpen::solver::Context;
use serde::Serialize;

use crate::config::{InForce, in_force};
use crate::ending::{Ending, Failure};
use crate::output::Output;

/// Show GPU, libraries, settings and folders: a text to paste into a report
///
/// Nothing is changed and no GPU is used. The libraries are looked at as files; none is run.
#[derive(clap::Args)]
pub struct Args {
    /// Tell which libMIOpen this program would get; a Python interpreter or script counts with the
    /// wheels of its environment
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The root of the file system in which GPUs and libraries are looked for
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// All that is found; `text` prints it.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    kernel_driver: bool,
    gpus: Vec<gpu::Gpu>,
    libraries: Vec<libraries::Library>,
    program: Option<program::Answer>,
    hip_runtimes: Vec<PathBuf>,
    engine: Engine,
    strategy: &'static str,
    rules: Vec<decisions::InForce>,
    steering: Vec<decisions::Variable>,
    journal: decisions::Journal,
    settings: Vec<InForce>,
    /// What is wrong with files of settings.
    complaints: Vec<String>,
    environment: Vec<Variable>,
    folders: Vec<folders::Folder>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Engine {
    threads: usize,
    /// What the processor has, and what of it may be used.
    isa_detected: &'static str,
    isa_allowed: &'static str,
}

#[derive(Debug, Serialize)]
struct Variable {
    name: String,
    value: String,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let config = Config::read(|name| std::env::var_os(name));
    let topology = if args.root == Path::new("/") {
        config.kfd_topology.clone()
    } else {
        args.root.join("sys/class/kfd/kfd/topology")
    };
    let gpus = gpu::gpus(&topology, |name| std::env::var(name).ok());
    let cards: Vec<Card> = gpus.iter().map(|gpu| gpu.card).collect();
    let strategy = config.live.strategy;
    let folders_with_libraries = crate::install::target::all_folders(&args.root);
    let libraries = libraries::libraries(&folders_with_libraries);
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        kernel_driver: args.root.join("dev/kfd").exists(),
        notes: notes(&gpus, &libraries, strategy),
        program: args.program.as_deref().map(program::answer).transpose()?,
        hip_runtimes: libraries::hip_runtimes(&folders_with_libraries),
        folders: folders::folders(&libraries),
        gpus,
        libraries,
        engine: engine(),
        strategy: strategy.name(),
        rules: decisions::rules(&cards, strategy),
        steering: decisions::steering(&cards, strategy),
        journal: decisions::journal(&config.journal),
        settings: in_force(&config),
        complaints: config
            .unusable
            .iter()
            .filter(|one| one.setting.is_none())
            .map(ToString::to_string)
            .collect(),
        environment: environment(),
    };
    if args.json {
        output.json(&report)?;
    } else {
        text::print(&report, output)?;
    }
    Ok(Ending::Done)
}

fn engine() -> Engine {
    let name = |highest: fn(IsaLevel) -> Option<Isa>| {
        let levels = [(IsaLevel::Avx512, "avx512"), (IsaLevel::Avx2Fma, "avx2")];
        let found = levels.into_iter().find(|(level, _)| highest(*level).is_some());
        found.map_or("scalar", |(_, name)| name)
    };
    let threads = Config::read(|name| std::env::var_os(name)).threads;
    Engine {
        threads: Context::new(threads).cpu_threads.get(),
        isa_detected: name(Isa::supported),
        isa_allowed: name(Isa::allowed),
    }
}

/// Variables that change which library is loaded, what it does, or which GPU it sees.
fn environment() -> Vec<Variable> {
    const PREFIXES: [&str; 5] = ["MIOPEN_", "HSA_", "HIP_", "ROCR_", "LD_"];
    const NAMES: [&str; 7] = [
        "ROCM_PATH",
        "ROCM_HOME",
        "GPU_DEVICE_ORDINAL",
        "CUDA_VISIBLE_DEVICES",
        "PYTORCH_ROCM_ARCH",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
    ];
    let mut variables: Vec<Variable> = std::env::vars_os()
        .map(|(name, value)| Variable {
            name: name.to_string_lossy().into_owned(),
            value: value.to_string_lossy().into_owned(),
        })
        .filter(|variable| {
            NAMES.contains(&variable.name.as_str())
                || PREFIXES.iter().any(|prefix| variable.name.starts_with(prefix))
        })
        .collect();
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    variables
}

fn notes(gpus: &[gpu::Gpu], libraries: &[libraries::Library], strategy: Strategy) -> Vec<String> {
    let mut notes = Vec::new();
    let rdna1 = || gpus.iter().filter(|gpu| gpu.is_rdna1);
    if rdna1().next().is_none() {
        notes.push("No RDNA1 card: with a real libMIOpen every call is forwarded.".to_owned());
    } else if strategy == Strategy::Off {
        notes.push("The strategy is off: every call is forwarded, on RDNA1 too.".to_owned());
    }
    if rdna1().any(|gpu| gpu.card.runs_foreign_code()) {
        notes.push(
            "HSA_OVERRIDE_GFX_VERSION makes programs compile for another chip than the card's. \
             Convolutions are computed here then (strategy auto); what is no convolution still runs \
             foreign code, which nothing here can prevent."
                .to_owned(),
        );
    }
    if rdna1().any(|gpu| !gpu.card.runs_foreign_code()) {
        notes.push(
            "Batch normalisation in training is no convolution and is forwarded; on native gfx101x \
             MIOpen's kernels for it use an operation that this chip lacks (MIOpen#1528)."
                .to_owned(),
        );
    }
    notes.push(
        "MIOpen's warning about a missing gfx....kdb is harmless: the file would hold kernels \
         compiled beforehand; without it they are compiled at first use."
            .to_owned(),
    );
    if libraries.iter().filter(|library| !library.is_ours).count() > 1 {
        notes.push(
            "There is more than one real libMIOpen; a wheel uses its own. --program FILE tells \
             which one a program gets."
                .to_owned(),
        );
    }
    notes
}
