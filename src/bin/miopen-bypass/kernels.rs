//! `kernels`: the GPU kernels that the library holds.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use MIOpen::gpu::analysis::disassemble;
use MIOpen::gpu::code_object::{NATIVE, embedded, relabel, targets};
use MIOpen::gpu::figures::{Figures, figures};
use serde::Serialize;

use crate::ending::{Ending, Failure};
use crate::output::Output;

/// List the GPU kernels with their figures; write or disassemble their code
///
/// Figures are of the machine code that the library holds. waves: how many fit on a SIMD at once.
/// FMA/VALU and FMA/all: multiply-adds in the vector instructions, and in all instructions, of the
/// loop that has most of them. conflicts: cycles that a block loses to bank conflicts of local
/// memory (LDS) in a step of that loop, by a model.
#[derive(clap::Args)]
pub struct Args {
    /// Only kernels whose name contains this
    #[arg(value_name = "TEXT", default_value = "")]
    filter: String,
    /// Write the code objects to this folder, which is made if need be
    #[arg(long, value_name = "DIR", conflicts_with_all = ["filter", "disassemble", "json"])]
    extract: Option<PathBuf>,
    /// The target that extracted code objects are labelled for
    #[arg(long, value_name = "GFX", requires = "extract")]
    target: Option<String>,
    /// Show the machine code, by llvm-objdump
    #[arg(long, conflicts_with = "json")]
    disassemble: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A kernel in JSON.
#[derive(Serialize)]
struct Row<'a> {
    kernel: &'a str,
    code_object: &'a str,
    /// Output channels and points (or input channels, or Winograd's tiles) of a block.
    tile: Option<[u32; 2]>,
    threads: u32,
    vgprs: u32,
    sgprs: u32,
    lds_bytes: u32,
    scratch_bytes: u32,
    spilled_registers: u32,
    waves_per_simd: u32,
    /// Instructions of the hot loop: null without llvm-objdump, or without a loop.
    hot_loop: Option<HotLoop>,
    bank_conflict_cycles: Option<u32>,
}

#[derive(Serialize)]
struct HotLoop {
    fma: u32,
    valu: u32,
    all: u32,
    fma_per_valu: f64,
    fma_per_all: f64,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    if embedded().is_empty() {
        return Err(Failure::failed(
            "this build has no GPU kernels: it was made without a clang for AMD GPUs",
        ));
    }
    if let Some(folder) = &args.extract {
        extract(folder, args.target.as_deref(), output)?;
    } else if args.disassemble {
        show_code(&args.filter, output)?;
    } else {
        list(args, output)?;
    }
    Ok(Ending::Done)
}

fn list(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let (mut all, complaint) = figures()?;
    all.retain(|figures| figures.kernel.name.contains(&args.filter));
    if args.json {
        return output.json(&all.iter().map(Row::of).collect::<Vec<_>>());
    }
    output.line(format!(
        "{:26} {:>8} {:>7} {:>5} {:>5} {:>6} {:>5} {:>8} {:>7} {:>9}",
        "kernel",
        "tile",
        "threads",
        "VGPRs",
        "SGPRs",
        "LDS",
        "waves",
        "FMA/VALU",
        "FMA/all",
        "conflicts"
    ))?;
    for figures in &all {
        output.line(table_row(figures))?;
    }
    if let Some(reason) = complaint {
        output.line(format!("The hot loops were not looked at: {reason}"))?;
    }
    Ok(())
}

fn table_row(figures: &Figures) -> String {
    let Figures { kernel, tile, mix, bank_conflict_cycles, .. } = figures;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    // Of a loop without multiply-adds the ratios say nothing.
    let mix = mix.filter(|mix| mix.fma > 0);
    format!(
        "{:26} {:>8} {:>7} {:>5} {:>5} {:>6} {:>5} {:>8} {:>7} {:>9}",
        kernel.name,
        or_dash(tile.map(|[rows, columns]| format!("{rows}x{columns}"))),
        kernel.threads,
        kernel.vgprs,
        kernel.sgprs,
        kernel.lds_bytes,
        kernel.waves_per_simd(),
        or_dash(mix.map(|mix| format!("{:.3}", mix.fma_per_valu()))),
        or_dash(mix.map(|mix| format!("{:.3}", mix.fma_per_all()))),
        or_dash(bank_conflict_cycles.map(|cycles| cycles.to_string())),
    )
}

impl<'a> Row<'a> {
    fn of(figures: &'a Figures) -> Row<'a> {
        let kernel = &figures.kernel;
        Row {
            kernel: &kernel.name,
            code_object: figures.object,
            tile: figures.tile,
            threads: kernel.threads,
            vgprs: kernel.vgprs,
            sgprs: kernel.sgprs,
            lds_bytes: kernel.lds_bytes,
            scratch_bytes: kernel.scratch_bytes,
            spilled_registers: kernel.spills,
            waves_per_simd: kernel.waves_per_simd(),
            hot_loop: figures.mix.map(|mix| HotLoop {
                fma: mix.fma,
                valu: mix.valu,
                all: mix.all,
                fma_per_valu: mix.fma_per_valu(),
                fma_per_all: mix.fma_per_all(),
            }),
            bank_conflict_cycles: figures.bank_conflict_cycles,
        }
    }
}

fn extract(folder: &Path, target: Option<&str>, output: &mut Output) -> Result<(), Failure> {
    let native = NATIVE.to_string();
    let wanted = target.unwrap_or(&native);
    let target = targets().find(|target| target.to_string() == wanted).ok_or_else(|| {
        let known: Vec<String> = targets().map(|target| target.to_string()).collect();
        Failure::Usage(format!("no code for {wanted}; there is for {}", known.join(" ")))
    })?;
    let at = |path: &Path, error| Failure::failed(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
    for (name, image) in embedded() {
        let labelled = relabel(image, target)
            .ok_or_else(|| Failure::failed(format!("{name} cannot be labelled {wanted}")))?;
        let path = folder.join(format!("{name}.{wanted}.co"));
        fs::write(&path, labelled).map_err(|error| at(&path, error))?;
        output.line(path.display().to_string())?;
    }
    Ok(())
}

fn show_code(filter: &str, output: &mut Output) -> Result<(), Failure> {
    for (_, image) in embedded() {
        for (kernel, code) in disassemble(image).map_err(Failure::failed)? {
            if !kernel.contains(filter) {
                continue;
            }
            output.line(format!("{kernel}:"))?;
            for instruction in code {
                let words: Vec<String> =
                    instruction.encoding.iter().map(|word| format!("{word:08x}")).collect();
                let jump = instruction.target.map_or(String::new(), |to| format!(" -> {to:x}"));
                let (text, address) = (&instruction.text, instruction.address);
                let line = format!("{address:8x}  {:18} {text}{jump}\n", words.join(" "));
                output.bytes(line.as_bytes())?;
            }
        }
    }
    Ok(())
}
