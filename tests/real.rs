//! What is taken for a real libMIOpen, and what is not: small libraries made on the spot.

use MIOpen::config::RealLib;
use MIOpen::real::{Identity, RealLibrary};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("miopen-real-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Compiles a shared library.
    fn library(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        let (c, so) = (self.0.join(name).with_extension("c"), self.0.join(name));
        fs::write(&c, source).unwrap();
        let mut compiler = compiler();
        let arguments: [&OsStr; 4] =
            ["-shared".as_ref(), "-fPIC".as_ref(), "-o".as_ref(), so.as_ref()];
        let status =
            compiler.args(arguments).arg(&c).args(flags).status().expect("a C compiler runs");
        assert!(status.success(), "{name} compiles");
        so
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn compiler() -> Command {
    let target = "x86_64-unknown-linux-gnu";
    cc::Build::new()
        .cargo_metadata(false)
        .opt_level(0)
        .target(target)
        .host(target)
        .get_compiler()
        .to_command()
}

const REAL: &str = "int miopenCreate(void **handle) { *handle = 0; return 5; }";

fn refusal(path: &Path) -> String {
    Identity::of_file(path).and_then(|identity| identity.usable_beside(None)).unwrap_err()
}

#[test]
fn a_library_with_miopens_functions_is_one() {
    let folder = Folder::new("real");
    let real = folder.library("libMIOpen.so.1", REAL, &["-Wl,--build-id"]);
    let identity = Identity::of_file(&real).unwrap();
    assert!(identity.exports_miopen && !identity.is_ours && identity.build_id.is_some());
    assert_eq!(identity.usable_beside(None), Ok(()));

    let found = RealLibrary::find(&RealLib::Path(real.clone())).library.expect("it opens");
    assert_eq!(found.path(), fs::canonicalize(real).unwrap());
    assert!(found.function(c"miopenCreate").is_some());
    assert!(found.function(c"miopenNeverWas").is_none());
}

#[test]
fn none_is_none() {
    assert!(RealLibrary::find(&RealLib::None).library.is_none());
}

#[test]
fn a_build_of_ours_is_refused_whatever_its_version() {
    let folder = Folder::new("ours");
    let source = format!("{REAL}\nconst char *miopenBypassVersion(void) {{ return \"9.9\"; }}");
    let ours = folder.library("libMIOpen.so.1", &source, &[]);
    assert_eq!(refusal(&ours), "a build of miopen-bypass itself");
}

#[test]
fn a_copy_with_our_build_id_is_refused() {
    let folder = Folder::new("copy");
    let flag = "-Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567";
    let own = folder.library("libMIOpen.so", REAL, &[flag]);
    let copy = folder.library("libMIOpen.so.1", REAL, &[flag]);
    let identity = Identity::of_file(&copy).unwrap();
    assert!(identity.usable_beside(Some(&own)).unwrap_err().contains("build-id"));
}

#[test]
fn what_is_no_library_is_told_before_it_is_opened() {
    let folder = Folder::new("other");
    let other = folder.library("libMIOpen.so.1", "int other;", &[]);
    assert_eq!(refusal(&other), "exports no miopenCreate");
    let text = folder.0.join("libMIOpen.txt");
    fs::write(&text, "INPUT(libMIOpen.so.1)").unwrap();
    assert!(refusal(&text).starts_with("not a 64-bit ELF file"));
    assert!(refusal(&folder.0).contains("not a file"));
    assert!(refusal(&folder.0.join("nowhere.so")).contains("No such file"));
    let object = folder.library("miopen.o", REAL, &["-c"]);
    assert_eq!(refusal(&object), "not a shared library for x86-64");
}

#[test]
fn a_library_that_cannot_be_loaded_is_named_with_the_loaders_reason() {
    let folder = Folder::new("broken");
    folder.library("libgone.so", "int gone(void) { return 1; }", &[]);
    let path = folder.0.to_str().unwrap();
    let source = format!("int gone(void);\n{REAL}\nint use(void) {{ return gone(); }}");
    let broken =
        folder.library("libMIOpen.so.1", &source, &["-Wl,--no-as-needed", "-L", path, "-lgone"]);
    fs::remove_file(folder.0.join("libgone.so")).unwrap();
    let found = RealLibrary::find(&RealLib::Path(broken.clone()));
    let reason = found.unusable.expect("the named file is no use");
    let named = format!("MIOPEN_BYPASS_REAL_LIB={}: ", broken.display());
    assert!(reason.starts_with(&named), "{reason}");
    assert!(reason.contains("libgone.so"), "{reason}");
}
