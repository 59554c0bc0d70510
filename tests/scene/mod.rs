//! A folder with made-up installations of MIOpen, and the command run on them.
#![allow(dead_code, reason = "each suite uses its part")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the stand-in answers for its version: nobody else does.
pub const STUB_VERSION: &str = "9.8.7";
/// Another release of the stand-in.
pub const NEXT_VERSION: &str = "9.9.0";

pub struct Scene {
    pub root: PathBuf,
    pub ours: PathBuf,
    probe: PathBuf,
}

/// What a program sees that loads a libMIOpen.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub ours: bool,
    /// From the real library behind it.
    pub version: String,
    /// Whether a C++ function of the real library is found from there.
    pub cxx: bool,
}

impl Scene {
    pub fn new(name: &str) -> Scene {
        let root =
            std::env::temp_dir().join(format!("miopen-bypass-tools-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let root = root.canonicalize().unwrap();
        let built = Path::new(env!("CARGO_BIN_EXE_miopen-bypass"));
        // Tests are built with the library in `deps`; only `cargo build` puts it beside the command.
        let built = built.with_file_name("deps").join("libMIOpen.so");
        // As it is released, without what only debuggers read: copying that takes its time.
        let ours = root.join("ours.so");
        let stripped = Command::new("strip").arg("-g").arg(&built).arg("-o").arg(&ours).status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(&built, &ours).unwrap();
        }
        let probe = root.join("probe");
        compile(PROBE, "c", &probe, &["-ldl".as_ref()]);
        Scene { root, ours, probe }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A stand-in for a real library, with a C++ function of its own.
    pub fn real(&self, path: &str, version: &str, flags: &[&OsStr]) -> PathBuf {
        let path = self.path(path);
        let (major, rest) = version.split_once('.').unwrap();
        let (minor, patch) = rest.split_once('.').unwrap();
        let source = format!(
            "extern \"C\" int miopenCreate(void **handle) {{ *handle = 0; return 5; }}\n\
             extern \"C\" int miopenGetVersion(unsigned long *a, unsigned long *b, unsigned long *c)\n\
             {{ *a = {major}; *b = {minor}; *c = {patch}; return 0; }}\n\
             namespace miopen {{ int Inner(int x) {{ return x + 1; }} }}\n"
        );
        let mut all: Vec<&OsStr> =
            ["-shared", "-fPIC", "-Wl,--build-id", "-Wl,-soname,libMIOpen.so.1"]
                .map(OsStr::new)
                .into();
        all.extend(flags);
        compile(&source, "cpp", &path, &all);
        path
    }

    /// A stand-in for the HIP runtime.
    pub fn hip(&self, path: &str, number: u32) -> PathBuf {
        let path = self.path(path);
        let name = format!("-Wl,-soname,libamdhip64.so.{number}");
        let source = "int hipInit(unsigned flags) { return 100 + (int)flags; }";
        compile(source, "c", &path, &["-shared".as_ref(), "-fPIC".as_ref(), name.as_ref()]);
        path
    }

    pub fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// As AMD packages it, in `PREFIX/lib`.
    pub fn rocm(&self, prefix: &str, number: u32) -> PathBuf {
        let file = format!("libMIOpen.so.1.0.{number}");
        let real = self.real(&format!("{prefix}/lib/{file}"), STUB_VERSION, &[]);
        self.link(&format!("{prefix}/lib/libMIOpen.so.1"), &file);
        self.link(&format!("{prefix}/lib/libMIOpen.so"), "libMIOpen.so.1");
        real
    }

    /// The command, in an environment in which nothing else is to be found.
    pub fn command(&self, args: &[&OsStr]) -> Command {
        self.command_at(Path::new(env!("CARGO_BIN_EXE_miopen-bypass")), args)
    }

    /// The command as a release has it: with the library in its folder.
    pub fn command_beside_the_library(&self, args: &[&OsStr]) -> Command {
        let folder = self.path("release");
        fs::create_dir_all(&folder).unwrap();
        let command = folder.join("miopen-bypass");
        fs::copy(env!("CARGO_BIN_EXE_miopen-bypass"), &command).unwrap();
        fs::copy(&self.ours, folder.join("libMIOpen.so")).unwrap();
        self.command_at(&command, args)
    }

    fn command_at(&self, path: &Path, args: &[&OsStr]) -> Command {
        let mut command = Command::new(path);
        command.args(args).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.root);
        command
    }

    pub fn run(&self, words: &str, place: &Path, more: &[&OsStr]) -> Output {
        let mut args: Vec<&OsStr> = words.split_whitespace().map(OsStr::new).collect();
        args.push(place.as_os_str());
        if words.starts_with("install") {
            args.extend([OsStr::new("--library"), self.ours.as_os_str()]);
        }
        args.extend(more);
        self.command(&args).output().unwrap()
    }

    /// Runs it and expects that it succeeds; its output.
    pub fn succeeds(&self, words: &str, place: &Path) -> String {
        let output = self.run(words, place, &[]);
        assert!(output.status.success(), "{words} {}: {}", place.display(), text(&output));
        text(&output)
    }

    /// Runs it and expects that it ends with this status; its output.
    pub fn ends_with(&self, status: i32, words: &str, place: &Path) -> String {
        let output = self.run(words, place, &[]);
        assert_eq!(output.status.code(), Some(status), "{words}: {}", text(&output));
        text(&output)
    }

    /// What a program sees that is given this library.
    pub fn load(&self, library: &Path) -> Seen {
        let output = Command::new(&self.probe)
            .arg(library)
            .env_clear()
            .env("LD_BIND_NOW", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", library.display(), text(&output));
        seen(&String::from_utf8(output.stdout).unwrap())
    }

    /// A program that is linked with a libMIOpen, and uses a C++ function of it.
    pub fn linked_program(&self, name: &str, folder: &Path, cxx: bool) -> PathBuf {
        let program = self.path(name);
        let source = if cxx { LINKED_CXX } else { LINKED };
        let run_path = format!("-Wl,-rpath,{}", folder.display());
        let search = format!("-L{}", folder.display());
        let library =
            if folder.join("libMIOpen.so").exists() { "-lMIOpen" } else { "-l:libMIOpen.so.1" };
        compile(source, "cpp", &program, &[search.as_ref(), run_path.as_ref(), library.as_ref()]);
        program
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

pub fn text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

pub fn seen(line: &str) -> Seen {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [ours, version, cxx] = words[..] else { panic!("the probe said {line:?}") };
    Seen { ours: ours == "ours", version: version.to_owned(), cxx: cxx == "42" }
}

/// Every name below a folder with what it is: a link's target, or a file's bytes.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            names.extend(snapshot(&path));
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).unwrap().into_os_string().into_string().unwrap();
            names.insert(path, format!("-> {target}").into_bytes());
        } else {
            names.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    names
}

fn compile(source: &str, language: &str, output: &Path, flags: &[&OsStr]) {
    fs::create_dir_all(output.parent().unwrap()).unwrap();
    let file = output.with_file_name("source").with_extension(language);
    fs::write(&file, source).unwrap();
    let target = "x86_64-unknown-linux-gnu";
    let mut compiler = cc::Build::new()
        .cargo_metadata(false)
        .cpp(language == "cpp")
        .opt_level(0)
        .target(target)
        .host(target)
        .get_compiler()
        .to_command();
    compiler.arg(&file).arg("-o").arg(output).args(flags);
    assert!(compiler.status().expect("a compiler runs").success(), "{} compiles", output.display());
    fs::remove_file(file).unwrap();
}

const PROBE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
typedef int (*get_version)(unsigned long *, unsigned long *, unsigned long *);
typedef int (*inner)(int);
int main(int argc, char **argv) {
    unsigned long a = 0, b = 0, c = 0;
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) { fprintf(stderr, "%s\n", dlerror()); return 1; }
    get_version version = (get_version)dlsym(library, "miopenGetVersion");
    if (!version || version(&a, &b, &c) != 0) return 2;
    inner cxx = (inner)dlsym(library, "_ZN6miopen5InnerEi");
    printf("%s %lu.%lu.%lu %d\n", dlsym(library, "miopenBypassVersion") ? "ours" : "real", a, b, c,
           cxx ? cxx(41) : 0);
    return argc - 2;
}
"#;

const LINKED: &str = r#"
#include <cstdio>
extern "C" int miopenGetVersion(unsigned long *, unsigned long *, unsigned long *);
extern "C" __attribute__((weak)) const char *miopenBypassVersion();
int main() {
    unsigned long a = 0, b = 0, c = 0;
    if (miopenGetVersion(&a, &b, &c) != 0) return 1;
    std::printf("%s %lu.%lu.%lu 0\n", miopenBypassVersion ? "ours" : "real", a, b, c);
}
"#;

const LINKED_CXX: &str = r#"
#include <cstdio>
namespace miopen { int Inner(int); }
extern "C" int miopenGetVersion(unsigned long *, unsigned long *, unsigned long *);
extern "C" __attribute__((weak)) const char *miopenBypassVersion();
int main() {
    unsigned long a = 0, b = 0, c = 0;
    if (miopenGetVersion(&a, &b, &c) != 0) return 1;
    std::printf("%s %lu.%lu.%lu %d\n", miopenBypassVersion ? "ours" : "real", a, b, c, miopen::Inner(41));
}
"#;
