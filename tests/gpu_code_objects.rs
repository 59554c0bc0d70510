//! The gate for the machine code that is shipped, and the figures that it must reach.

use MIOpen::gpu::analysis::{Instruction, disassemble, llvm_tool};
use MIOpen::gpu::code_object::{NATIVE, describe, embedded, relabel, targets};
use MIOpen::gpu::figures::{Figures, figures};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// What must not occur. `s_inst_prefetch` makes gfx101x hang; the others do not exist on every
/// gfx10, or mean something else there (LLVM's sources on the features of gfx10 targets).
const FORBIDDEN: [&str; 26] = [
    "s_inst_prefetch",
    "v_cmpx",
    "v_dot",
    "v_fmac_legacy",
    "v_fma_legacy",
    "v_mac",
    "v_mad_f32",
    "v_mad_f16",
    "v_mad_legacy",
    "v_madmk",
    "v_madak",
    "s_store",
    "s_buffer_store",
    "s_scratch",
    "s_atomic",
    "s_buffer_atomic",
    "s_dcache_wb",
    "image_",
    "flat_",
    "scratch_",
    "s_getreg",
    "s_memtime",
    "s_get_waveid",
    "v_permlane",
    "global_atomic_csub",
    "buffer_atomic_csub",
];

/// `false`, with a word about it, in a build without kernels or on a machine without the tools.
fn can_look() -> bool {
    if embedded().is_empty() {
        println!("skipped: this build has no GPU kernels");
        return false;
    }
    if llvm_tool("llvm-objdump").is_none() || llvm_tool("llvm-mc").is_none() {
        println!("skipped: llvm-objdump or llvm-mc was not found");
        return false;
    }
    true
}

#[test]
fn no_instruction_is_forbidden() {
    if !can_look() {
        return;
    }
    for (name, image) in embedded() {
        for (kernel, code) in disassemble(image).unwrap() {
            for instruction in &code {
                let mnemonic = instruction.mnemonic();
                let is_bad = FORBIDDEN.iter().any(|prefix| mnemonic.starts_with(prefix));
                assert!(!is_bad, "{name}, {kernel}: {}", instruction.text);
            }
        }
    }
}

#[test]
fn nothing_is_spilled() {
    for (name, image) in embedded() {
        let (label, kernels) = describe(image).unwrap();
        assert_eq!(label, format!("amdgcn-amd-amdhsa--{NATIVE}"), "{name}");
        for kernel in kernels {
            assert_eq!((kernel.scratch_bytes, kernel.spills), (0, 0), "{name}, {kernel:?}");
        }
    }
}

/// Assembles instructions for a target; what llvm-mc prints with their encodings.
fn assembled<'a>(target: &str, instructions: impl Iterator<Item = &'a String>) -> Vec<Vec<u32>> {
    let mut child = Command::new(llvm_tool("llvm-mc").unwrap())
        .args(["--triple=amdgcn-amd-amdhsa", "--show-encoding"])
        .args([format!("--mcpu={target}"), "--mattr=+wavefrontsize32,-wavefrontsize64".into()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let source: String = instructions.map(|text| format!("{text}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(source.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{target}: {errors}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once("encoding: [")?.1.split(']').next())
        .map(|bytes| {
            let bytes: Vec<u8> = bytes
                .split(',')
                .map(|byte| u8::from_str_radix(byte.trim().trim_start_matches("0x"), 16).unwrap())
                .collect();
            bytes.chunks(4).map(|dword| u32::from_le_bytes(dword.try_into().unwrap())).collect()
        })
        .collect()
}

#[test]
fn every_gfx10_reads_the_same_instructions() {
    if !can_look() {
        return;
    }
    // Jumps are written with their distance, so the text says all.
    let mut native = BTreeMap::new();
    for (_, image) in embedded() {
        for instruction in disassemble(image).unwrap().into_values().flatten() {
            let Instruction { text, encoding, .. } = instruction;
            native.insert(text, encoding);
        }
    }
    assert!(native.len() > 1000, "only {} different instructions", native.len());
    for target in targets() {
        let encodings = assembled(&target.to_string(), native.keys());
        assert_eq!(encodings.len(), native.len(), "{target}");
        for ((text, shipped), here) in native.iter().zip(&encodings) {
            assert_eq!(shipped, here, "{target}: {text}");
        }
    }
}

#[test]
fn labels_change_nothing_else() {
    for (name, image) in embedded() {
        for target in targets() {
            let labelled = relabel(image, target).unwrap();
            let (label, kernels) = describe(&labelled).unwrap();
            assert_eq!(label, format!("amdgcn-amd-amdhsa--{target}"), "{name}");
            assert_eq!(kernels, describe(image).unwrap().1);
            let differing = image.iter().zip(&labelled).filter(|(a, b)| a != b).count();
            // Two digits of the name, two bytes of the flags.
            assert!(differing <= 4, "{name} for {target}: {differing} bytes differ");
        }
    }
}

/// Least figures of a family of kernels.
struct Goal {
    /// Part of the names, without the storage type.
    pattern: &'static str,
    fma_per_valu: f64,
    fma_per_all: f64,
    waves: u32,
}

const fn goal(pattern: &'static str, fma_per_valu: f64, fma_per_all: f64, waves: u32) -> Goal {
    Goal { pattern, fma_per_valu, fma_per_all, waves }
}

/// The first that fits counts. Tiles of the common layers come first; then what serves odd channel
/// counts (a mask for each element), one wave a block, and filters that no mask holds.
const GOALS: [Goal; 51] = [
    // Of 520 to 534 multiply-adds 8 to 22 belong to the transforms of input and filter.
    goal("bf16_winograd_32x32_packed", 0.91, 0.75, 8),
    goal("_winograd_32x32_packed", 0.95, 0.78, 8),
    goal("bf16_winograd_32x32_pixels", 0.90, 0.74, 8),
    goal("_winograd_32x32_pixels", 0.94, 0.77, 8),
    goal("f32_winograd_32x32", 0.90, 0.73, 8),
    goal("bf16_winograd_32x32", 0.84, 0.68, 8),
    goal("_winograd_32x32", 0.89, 0.72, 8),
    // Halves of a filter in place are widened in every step.
    goal("f32_igemm_64x32_place", 0.98, 0.85, 8),
    goal("f32_igemm_32x64_place", 0.975, 0.84, 8),
    goal("igemm_64x64_place", 0.95, 0.82, 8),
    goal("igemm_64x32_place", 0.94, 0.80, 8),
    goal("igemm_32x64_place", 0.93, 0.78, 8),
    goal("f32_igemm_64x32_mask", 0.955, 0.83, 8),
    goal("f32_igemm_64x32", 0.98, 0.855, 8),
    goal("f32_igemm_32x64_mask", 0.91, 0.79, 8),
    goal("f32_igemm_32x64_vector", 0.975, 0.855, 8),
    goal("f32_igemm_32x64_run", 0.975, 0.84, 8),
    goal("igemm_32x64_mask", 0.88, 0.755, 8),
    goal("igemm_32x64", 0.94, 0.80, 8),
    goal("f32_igemm_128x128_mask", 0.96, 0.85, 8),
    goal("f32_igemm_128x64_mask", 0.96, 0.85, 8),
    goal("igemm_64x32_mask", 0.94, 0.81, 8),
    goal("igemm_64x64_range", 0.87, 0.75, 8),
    // Without an instruction that reads bf16, each input costs a shift.
    goal("bf16_direct_16_mask", 0.79, 0.68, 9),
    goal("direct_16_mask", 0.80, 0.70, 9),
    goal("direct_4_mask", 0.49, 0.35, 16),
    goal("direct_1_mask", 0.19, 0.11, 16),
    goal("f32_igemm_64x128_mask", 0.945, 0.84, 8),
    goal("_mask", 0.93, 0.81, 8),
    goal("_range", 0.11, 0.06, 14),
    goal("f32_igemm", 0.96, 0.85, 8),
    goal("igemm_64x32", 0.97, 0.83, 8),
    goal("igemm", 0.95, 0.83, 8),
    goal("bf16_direct_16_run", 0.90, 0.75, 9),
    goal("direct_16_run", 0.95, 0.79, 9),
    // What passes the end of a row of points counts too, though most steps jump over it.
    goal("f32_wrw_128x128_whole", 0.95, 0.83, 8),
    goal("f32_wrw_64x64_whole", 0.95, 0.825, 8),
    goal("f32_wrw_64x64_fours", 0.94, 0.80, 8),
    goal("f32_wrw_32x32_whole", 0.92, 0.75, 8),
    goal("f32_wrw_32x32_fours", 0.89, 0.715, 8),
    goal("wrw_128x128_whole", 0.93, 0.81, 8),
    goal("wrw_64x64_whole", 0.93, 0.79, 8),
    goal("wrw_64x64_fours", 0.91, 0.77, 8),
    goal("wrw_32x32_whole", 0.87, 0.69, 8),
    goal("wrw_32x32_fours", 0.84, 0.66, 8),
    goal("wrw_32x32_ragged", 0.83, 0.63, 8),
    goal("wrw_16x32_fours", 0.74, 0.54, 8),
    goal("wrw_32x16_fours", 0.77, 0.57, 8),
    // Any number of channels, or three dimensions: coordinates for each load.
    goal("wrw_64x64_volume", 0.81, 0.65, 8),
    goal("wrw_32x32_folded", 0.73, 0.54, 8),
    goal("wrw_16x32_folded", 0.60, 0.41, 8),
];

#[test]
fn figures_reach_their_goals() {
    if !can_look() {
        return;
    }
    let (figures, complaint) = figures().unwrap();
    assert_eq!(complaint, None);
    let (mut seen, mut missed) = (0, Vec::new());
    for Figures { kernel, mix, bank_conflict_cycles, tile, .. } in figures {
        let Some(goal) = GOALS.iter().find(|goal| kernel.name.contains(goal.pattern)) else {
            continue;
        };
        let mix = mix.unwrap_or_else(|| panic!("{} has no loop", kernel.name));
        let waves = kernel.waves_per_simd();
        println!(
            "{:28} VGPRs {:3}  LDS {:5}  waves {waves:2}  FMA/VALU {:.3}  FMA/all {:.3}",
            kernel.name,
            kernel.vgprs,
            kernel.lds_bytes,
            mix.fma_per_valu(),
            mix.fma_per_all()
        );
        if mix.fma_per_valu() < goal.fma_per_valu
            || mix.fma_per_all() < goal.fma_per_all
            || waves < goal.waves
        {
            missed.push(format!("{} misses {}", kernel.name, goal.pattern));
        }
        if tile.is_some() {
            assert_eq!(bank_conflict_cycles, Some(0), "{}", kernel.name);
        }
        seen += 1;
    }
    assert_eq!(missed, Vec::<String>::new());
    assert!(seen >= 60, "only {seen} kernels have goals");
}
