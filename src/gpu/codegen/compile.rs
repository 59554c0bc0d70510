//! Part of the build: compiles the kernels and writes the list of code objects that the library
//! embeds. Without a suitable clang the list is empty and the library has no GPU engine.

use super::cache::Cache;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Where the kernels are.
pub const KERNELS: &str = "src/gpu/kernels";
/// Where compiled ones are kept, in cargo's target folder.
const CACHE: &str = "gpu-code-objects";
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
    let cache = Cache::new(target_folder(out_dir).join(CACHE));
    let mut failures = Vec::new();
    for clang in clangs {
        match check(clang) {
            None => continue,
            Some(Err(reason)) => failures.push(format!("{}: {reason}", clang.display())),
            Some(Ok(())) => match compile_all(&Compiler::new(clang, KERNELS), &cache, out_dir) {
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

/// Cargo's target folder (for one target): `out_dir` is `PROFILE/build/...` in it.
fn target_folder(out_dir: &Path) -> &Path {
    let build = out_dir.ancestors().find(|folder| folder.ends_with("build"));
    build.and_then(|build| build.parent()?.parent()).unwrap_or(out_dir)
}

fn compile_all(compiler: &Compiler, cache: &Cache, out_dir: &Path) -> Result<NamedFiles, String> {
    let mut files = Vec::new();
    for unit in UNITS {
        for (type_name, storage) in TYPES {
            let name = format!("{unit}_{type_name}");
            let path = out_dir.join(&name).with_extension("co");
            let image = compiler
                .object(cache, &name, unit, type_name, storage)
                .map_err(|complaint| format!("{unit}.hip for {type_name}: {complaint}"))?;
            fs::write(&path, image).map_err(|error| error.to_string())?;
            files.push((name, path));
        }
    }
    Ok(files)
}

/// A clang, and the folder of what it compiles.
pub struct Compiler {
    clang: PathBuf,
    sources: PathBuf,
}

impl Compiler {
    pub fn new(clang: impl Into<PathBuf>, sources: impl Into<PathBuf>) -> Compiler {
        Compiler { clang: clang.into(), sources: sources.into() }
    }

    /// The code object of a unit for a storage type: that of an earlier build, if everything that
    /// determines it is the same.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn object(
        &self,
        cache: &Cache,
        name: &str,
        unit: &str,
        type_name: &str,
        storage: &str,
    ) -> Result<Vec<u8>, String> {
        let command = || self.command(unit, type_name, storage);
        let key = key(command)?;
        if let Some(image) = cache.get(name, &key) {
            return Ok(image);
        }
        let image = run(command().args(["-o", "-"]))?.stdout;
        // Without a cache the next build takes longer, no more.
        let _ = cache.put(name, &key, &image);
        Ok(image)
    }

    fn command(&self, unit: &str, type_name: &str, storage: &str) -> Command {
        let mut command = Command::new(&self.clang);
        command
            // No ROCm: neither its headers nor its device libraries.
            .args(["-x", "hip", "--cuda-device-only", "-nogpuinc", "-nogpulib"])
            // The silicon we serve; the loader relabels the result for its relatives.
            .args(["--offload-arch=gfx1010", "-mcode-object-version=4", "-mcumode"])
            .args(["--no-gpu-bundle-output", "-std=c++17", "-O3", "-Wall", "-Wextra", "-Werror"])
            .arg(format!("-DTYPE={type_name}"))
            .arg(format!("-DSTORAGE={storage}"))
            .arg(self.sources.join(unit).with_extension("hip"));
        command
    }
}

/// All that determines what a command compiles: the programs it would run with all their options
/// (and so the version and whatever configuration clang adds), these programs and their libraries
/// by size and time, and the source with all its headers, comments left out.
fn key(command: impl Fn() -> Command) -> Result<String, String> {
    let plan = String::from_utf8_lossy(&run(command().arg("-###"))?.stderr).into_owned();
    // Names of objects between compiler and linker are drawn anew each time.
    let words = plan.split(' ').filter(|word| !word.ends_with(".o\""));
    let mut key = words.collect::<Vec<_>>().join(" ");
    for line in plan.lines() {
        if let Some((program, _)) = line.strip_prefix(" \"").and_then(|rest| rest.split_once('"')) {
            key += &stamps_of_program(Path::new(program));
        }
    }
    key += &String::from_utf8_lossy(&run(command().args(["-E", "-P", "-o", "-"]))?.stdout);
    Ok(key)
}

/// Size and time of a program and of the libraries of its installation that hold the compiler.
fn stamps_of_program(program: &Path) -> String {
    let program = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let libraries = program.parent().and_then(|bin| bin.parent()).map(|root| root.join("lib"));
    let mut files: Vec<PathBuf> = libraries
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
            ["libLLVM", "libclang-cpp", "liblld"].iter().any(|prefix| name.starts_with(prefix))
        })
        .collect();
    files.push(program);
    files.sort();
    files
        .iter()
        .map(|path| {
            let data = fs::metadata(path).ok();
            let time = data.as_ref().and_then(|data| data.modified().ok());
            let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
            format!("{} {:?} {since:?}\n", path.display(), data.map(|data| data.len()))
        })
        .collect()
}

fn run(command: &mut Command) -> Result<std::process::Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let first = complaint.lines().find(|line| line.contains("error")).unwrap_or("failed");
    Err(first.to_owned())
}
