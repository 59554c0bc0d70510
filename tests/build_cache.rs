//! What the build keeps of compiled kernels: found again only if nothing that determines it changed.

#[path = "../src/gpu/codegen/mod.rs"]
#[allow(dead_code, reason = "the build script uses the rest")]
mod codegen;

use codegen::cache::Cache;
use codegen::compile::Compiler;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of this test process, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn cache(&self) -> Cache {
        Cache::new(self.0.join("cache"))
    }

    fn files(&self, name: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.0.join("cache").join(name)).into_iter().flatten();
        files.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left over at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_found_by_its_name_and_whole_key() {
    let folder = Folder::new("cache-keys");
    let cache = folder.cache();
    assert_eq!(cache.get("conv_f32", "key"), None);
    cache.put("conv_f32", "key", b"object").unwrap();
    assert_eq!(cache.get("conv_f32", "key").as_deref(), Some(&b"object"[..]));
    assert_eq!(cache.get("conv_f16", "key"), None);
    assert_eq!(cache.get("conv_f32", "key "), None);
    cache.put("conv_f32", "key", b"").unwrap();
    assert_eq!(cache.get("conv_f32", "key").as_deref(), Some(&b""[..]));

    // A key with the same hash would have the same file: it is not taken for the other's.
    cache.put("conv_f32", "other", b"of the other").unwrap();
    let [one, two] = folder.files("conv_f32").try_into().unwrap();
    fs::copy(&one, &two).unwrap();
    let found = ["key", "other"].map(|key| cache.get("conv_f32", key));
    assert_eq!(found.iter().flatten().count(), 1, "{found:?}");
}

#[test]
fn a_damaged_file_is_not_taken() {
    let folder = Folder::new("cache-damage");
    let cache = folder.cache();
    cache.put("wrw_f32", "key", b"object").unwrap();
    let [path] = folder.files("wrw_f32").try_into().unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(cache.get("wrw_f32", "key"), None, "the first {length} bytes");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&path, changed).unwrap();
        assert_eq!(cache.get("wrw_f32", "key"), None, "byte {at} changed");
    }
    cache.put("wrw_f32", "key", b"object").unwrap();
    assert_eq!(cache.get("wrw_f32", "key").as_deref(), Some(&b"object"[..]));
}

#[test]
fn few_files_are_kept_and_those_in_use_longest() {
    let folder = Folder::new("cache-growth");
    let cache = folder.cache();
    cache.put("conv_f32", "in use", b"object").unwrap();
    fs::write(folder.0.join("cache/conv_f32/left.1-0"), "of a killed build").unwrap();
    for round in 0..40 {
        cache.put("conv_f32", &format!("key {round}"), b"object").unwrap();
        assert!(cache.get("conv_f32", "in use").is_some(), "round {round}");
        assert!(folder.files("conv_f32").len() <= 8, "round {round}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(cache.get("conv_f32", "key 0").is_none());
    assert!(cache.get("conv_f32", "key 39").is_some());
    assert!(!folder.0.join("cache/conv_f32/left.1-0").exists());
}

#[test]
fn builds_at_once_find_whole_files_or_none() {
    let folder = Folder::new("cache-threads");
    let content = |key: usize| vec![key as u8; 10_000 + key];
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let cache = folder.cache();
            scope.spawn(move || {
                for round in 0..100 {
                    let key = (round + thread) % 12;
                    match cache.get("conv_f32", &key.to_string()) {
                        Some(found) => assert!(found == content(key)),
                        // It may be removed before it is found again, but not half of it.
                        None => drop(cache.put("conv_f32", &key.to_string(), &content(key))),
                    }
                }
            });
        }
    });
    assert!(folder.files("conv_f32").len() <= 8);
}

/// A clang for the kernels, or `None` with a word about it.
fn clang() -> Option<PathBuf> {
    let names = (15..=24).rev().map(|release| format!("clang-{release}"));
    let found = names.map(PathBuf::from).find(|clang| {
        let run = Command::new(clang).arg("--print-targets").stderr(Stdio::null()).output();
        run.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("amdgcn"))
    });
    if found.is_none() {
        println!("skipped: no clang with the AMDGPU target was found");
    }
    found
}

/// A compiler that notes in `log` each time it compiles, as opposed to being asked what it would do.
fn counting_clang(folder: &Path, clang: &Path, options: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let (script, log) = (folder.join("clang"), folder.join("log"));
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *-###*|*-E*) ;; *) echo compiled >> '{}';; esac\n\
         exec {} {options} \"$@\"\n",
        log.display(),
        clang.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

#[test]
fn only_what_changed_is_compiled_again() {
    let Some(clang) = clang() else { return };
    let folder = Folder::new("cache-clang");
    let source = |name: &str, text: &str| fs::write(folder.0.join(name), text).unwrap();
    let kernel = "__attribute__((global)) void NAME(STORAGE *p) { *p = VALUE; }\n";
    for unit in ["conv", "wrw"] {
        let define = format!("#define NAME {unit}_kernel\n#include \"{unit}.h\"\n");
        source(&format!("{unit}.hip"), &format!("{define}extern \"C\" {kernel}"));
        source(&format!("{unit}.h"), "// A remark.\n#include \"both.h\"\n");
    }
    source("both.h", "#define VALUE 1\n");
    let compiled = || {
        let log = fs::read_to_string(folder.0.join("log")).unwrap_or_default();
        let _ = fs::remove_file(folder.0.join("log"));
        log.lines().count()
    };
    let build = |options: &str| {
        let compiler = Compiler::new(counting_clang(&folder.0, &clang, options), &folder.0);
        let cache = folder.cache();
        [("conv", "float"), ("conv", "int"), ("wrw", "float")].map(|(unit, storage)| {
            compiler.object(&cache, &format!("{unit}_{storage}"), unit, "t", storage).unwrap()
        })
    };

    let first = build("");
    assert!(first.iter().all(|image| image.starts_with(b"\x7fELF")));
    assert_eq!(compiled(), 3);
    assert!(build("") == first);
    assert_eq!(compiled(), 0, "nothing changed");

    source("wrw.h", "// Another one.\n#include \"both.h\"\n");
    assert!(build("") == first);
    assert_eq!(compiled(), 0, "a comment changed");

    source("wrw.h", "#define VALUE 2\n");
    let second = build("");
    assert!(second[..2] == first[..2] && second[2] != first[2]);
    assert_eq!(compiled(), 1, "a header of one unit changed");

    source("both.h", "#define VALUE 3\n");
    let third = build("");
    assert!(third[0] != first[0] && third[1] != first[1] && third[2] == second[2]);
    assert_eq!(compiled(), 2, "a header of the other unit changed");

    source("both.h", "#define VALUE 1\n");
    source("wrw.h", "// A remark.\n#include \"both.h\"\n");
    assert!(build("") == first);
    assert_eq!(compiled(), 0, "all is as it was");

    build("-DVALUE_OF_NOBODY -mno-cumode");
    assert_eq!(compiled(), 3, "options changed");

    source("both.h", "#define VALUE no such thing\n");
    let compiler = Compiler::new(&clang, &folder.0);
    let complaint = compiler.object(&folder.cache(), "conv_float", "conv", "t", "float");
    assert!(complaint.unwrap_err().contains("error"), "what does not compile is an error");
}
