//! Part of the build: compiles the kernels and writes the list of code objects that the library
//! embeds. Without a suitable clang the list is empty and the library has no GPU engine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the kernels are.
pub const KERNELS: &str = "src/gpu/kernels";
/// Names a compiler to use, or `none`.
pub const CLANG_VARIABLE: &str = "MIOPEN_BYPASS_CLANG";
/// Set to 1: a build without the GPU engine fails. For packages and continuous integration.
pub const REQUIRE_VARIABLE: &str = "MIOPEN_BYPASS_REQUIRE_GPU";

/// The oldest release that knows code object version 4 and all of gfx10.
const OLDEST_CLANG: u32 = 15;
const NEWEST_CLANG: u32 = 24;

/// Translation units, each compiled for every storage type.
const UNITS: [&str; 3] = ["conv", "winograd", "wrw"];
/// Storage type and its name in the sources.
const TYPES: [(&str, &str); 3] = [("f32", "float"), ("f16", "f16"), ("bf16", "bf16")];

/// Compiles every unit and writes `code_objects.rs` to `out_dir`.
pub fn embed(out_dir: &Path) {
    println!("cargo:rerun-if-changed={KERNELS}");
    println!("cargo:rerun-if-env-changed={CLANG_VARIABLE}");
    println!("cargo:rerun-if-env-changed={REQUIRE_VARIABLE}");
    let (files, failures) = compile_with_first(out_dir, &candidates());
    if files.is_empty() {
        let reason = match failures.is_empty() {
            true => "no compiler was tried".to_owned(),
            false => failures.join("; "),
        };
        let required = std::env::var_os(REQUIRE_VARIABLE).is_some_and(|value| value == "1");
        assert!(!required, "the GPU engine is required and was not built: {reason}");
        println!(
            "cargo:warning=built WITHOUT the GPU engine: it needs clang {OLDEST_CLANG} or newer \
             with the AMDGPU target, and lld ({reason})"
        );
    }
    let entries: String = files
        .iter()
        .map(|(name, path)| format!("    ({name:?}, include_bytes!({:?})),\n", path.display()))
        .collect();
    fs::write(out_dir.join("code_objects.rs"), format!("&[\n{entries}]\n"))
        .expect("write code_objects.rs");
}

fn candidates() -> Vec<PathBuf> {
    match std::env::var_os(CLANG_VARIABLE) {
        Some(value) if value == "none" => Vec::new(),
        Some(value) if !value.is_empty() => vec![value.into()],
        _ => (OLDEST_CLANG..=NEWEST_CLANG)
            .rev()
            .map(|release| format!("clang-{release}").into())
            .chain(["clang".into(), "/opt/rocm/llvm/bin/clang".into()])
            .collect(),
    }
}

type NamedFiles = Vec<(String, PathBuf)>;

/// The files of the first compiler that manages all of them; else why none did.
fn compile_with_first(out_dir: &Path, clangs: &[PathBuf]) -> (NamedFiles, Vec<String>) {
    let mut failures = Vec::new();
    for clang in clangs {
        match check(clang) {
            None => continue,
            Some(Err(reason)) => failures.push(format!("{}: {reason}", clang.display())),
            Some(Ok(())) => match compile_all(clang, out_dir) {
                Ok(files) => return (files, failures),
                Err(reason) => failures.push(format!("{}: {reason}", clang.display())),
            },
        }
    }
    (Vec::new(), failures)
}

/// Whether a compiler will do; `None` where there is none of that name.
fn check(clang: &Path) -> Option<Result<(), String>> {
    let version = Command::new(clang).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&version.stdout);
    let release = text
        .split_whitespace()
        .skip_while(|word| *word != "version")
        .nth(1)
        .and_then(|number| number.split('.').next()?.parse::<u32>().ok());
    Some(match release {
        None => Err("not a clang".to_owned()),
        Some(release) if release < OLDEST_CLANG => Err(format!("release {release} is too old")),
        Some(_) => match Command::new(clang).arg("--print-targets").output() {
            Ok(targets) if String::from_utf8_lossy(&targets.stdout).contains("amdgcn") => Ok(()),
            _ => Err("has no AMDGPU target".to_owned()),
        },
    })
}

fn compile_all(clang: &Path, out_dir: &Path) -> Result<NamedFiles, String> {
    let mut files = Vec::new();
    for unit in UNITS {
        for (name, storage) in TYPES {
            let object = out_dir.join(format!("{unit}_{name}.co"));
            compile(clang, unit, name, storage, &object)?;
            files.push((format!("{unit}_{name}"), object));
        }
    }
    Ok(files)
}

fn compile(
    clang: &Path,
    unit: &str,
    name: &str,
    storage: &str,
    object: &Path,
) -> Result<(), String> {
    let output = Command::new(clang)
        // No ROCm: neither its headers nor its device libraries.
        .args(["-x", "hip", "--cuda-device-only", "-nogpuinc", "-nogpulib"])
        // The silicon we serve; the loader relabels the result for its relatives.
        .args(["--offload-arch=gfx1010", "-mcode-object-version=4", "-mcumode"])
        .args(["--no-gpu-bundle-output", "-std=c++17", "-O3", "-Wall", "-Wextra", "-Werror"])
        .arg(format!("-DTYPE={name}"))
        .arg(format!("-DSTORAGE={storage}"))
        .arg(Path::new(KERNELS).join(format!("{unit}.hip")))
        .args([OsStr::new("-o"), object.as_os_str()])
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let first = complaint.lines().find(|line| line.contains("error")).unwrap_or("failed");
    Err(format!("{unit}.hip for {name}: {first}"))
}
