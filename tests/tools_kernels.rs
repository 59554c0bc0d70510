//! `miopen-bypass kernels`.
#![cfg(feature = "cli")]

use MIOpen::gpu::analysis::{LLVM_VARIABLE, llvm_tool};
use MIOpen::gpu::code_object::{describe, embedded};
use MIOpen::gpu::figures::figures;
use serde_json::Value;
use std::process::{Command, Output};

fn kernels(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_miopen-bypass"));
    command.arg("kernels").args(words);
    command
}

fn stdout(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// `false`, after a look at what the command says, in a build without kernels.
fn has_kernels() -> bool {
    if !embedded().is_empty() {
        return true;
    }
    let output = kernels(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no GPU kernels"));
    println!("skipped: this build has no GPU kernels");
    false
}

#[test]
fn the_table_shows_the_figures_that_the_tests_check() {
    if !has_kernels() {
        return;
    }
    let document: Value =
        serde_json::from_str(&stdout(&kernels(&["--json"]).output().unwrap())).unwrap();
    let table = stdout(&kernels(&[]).output().unwrap());
    let (expected, _) = figures().unwrap();
    assert_eq!(document.as_array().unwrap().len(), expected.len());
    for (row, figures) in document.as_array().unwrap().iter().zip(&expected) {
        let kernel = &figures.kernel;
        assert_eq!(row["kernel"], kernel.name);
        assert_eq!(row["vgprs"], kernel.vgprs);
        assert_eq!(row["waves_per_simd"], kernel.waves_per_simd());
        assert_eq!(row["hot_loop"]["fma"].as_u64(), figures.mix.map(|mix| mix.fma.into()));
        let line = table.lines().find(|line| line.starts_with(&format!("{} ", kernel.name)));
        let line = line.unwrap_or_else(|| panic!("{} is missing:\n{table}", kernel.name));
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words[2..5],
            [kernel.threads, kernel.vgprs, kernel.sgprs].map(|n| n.to_string())
        );
        if let Some(mix) = figures.mix.filter(|mix| mix.fma > 0) {
            assert_eq!(
                words[7..9],
                [mix.fma_per_valu(), mix.fma_per_all()].map(|r| format!("{r:.3}"))
            );
        }
    }
    let few = stdout(&kernels(&["f32_wrw_64x64"]).output().unwrap());
    let count = expected.iter().filter(|f| f.kernel.name.contains("f32_wrw_64x64")).count();
    assert_eq!(few.lines().count(), count + 1, "{few}");
}

#[test]
fn code_objects_are_written_for_any_target() {
    if !has_kernels() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("miopen-bypass-kernels-{}", std::process::id()));
    let path = folder.to_str().unwrap();
    for (target, words) in [
        ("gfx1010", vec!["--extract", path]),
        ("gfx1030", vec!["--extract", path, "--target", "gfx1030"]),
    ] {
        let printed = stdout(&kernels(&words).output().unwrap());
        assert_eq!(printed.lines().count(), embedded().len());
        for (name, image) in embedded() {
            let written = std::fs::read(folder.join(format!("{name}.{target}.co"))).unwrap();
            let (label, kernels) = describe(&written).unwrap();
            assert_eq!(label, format!("amdgcn-amd-amdhsa--{target}"));
            assert_eq!(kernels, describe(image).unwrap().1);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let unknown = kernels(&["--extract", path, "--target", "gfx906"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("gfx1010"));
    let nowhere = kernels(&["--extract", "/proc/no such folder"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(3));
}

#[test]
fn code_is_shown_where_there_is_a_disassembler() {
    if !has_kernels() {
        return;
    }
    // A folder without tools.
    let without = |words: &[&str]| kernels(words).env(LLVM_VARIABLE, "/proc").output().unwrap();
    let refused = without(&["--disassemble"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("llvm-objdump was not found"));
    let table = stdout(&without(&[]));
    assert!(
        table.contains("llvm-objdump was not found") && table.contains("f32_igemm_128x128_run")
    );
    if llvm_tool("llvm-objdump").is_none() {
        println!("skipped: llvm-objdump was not found");
        return;
    }
    let code = stdout(&kernels(&["--disassemble", "f32_igemm_128x128_run"]).output().unwrap());
    assert!(code.starts_with("f32_igemm_128x128_run:\n"), "{code}");
    let count = |text: &str| code.lines().filter(|line| line.contains(text)).count();
    assert!(count("v_fmac_f32") >= 512 && count("s_endpgm") > 0, "{code}");
    assert_eq!(code.lines().filter(|line| line.ends_with(":")).count(), 1, "{code}");
}
