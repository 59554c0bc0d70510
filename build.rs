//! Joins `include/miopen/miopen.h` (signatures) with `src/abi/functions.in` (policy) and writes
//! what follows from the two: the bindings, the function table, the exported trampolines, and the
//! compile-time check that each function of our own has the header's exact type.

#[path = "src/abi/codegen/emit.rs"]
mod emit;
#[path = "src/gpu/codegen/mod.rs"]
mod gpu;
#[path = "src/abi/codegen/header.rs"]
mod header;
#[path = "src/abi/codegen/policy.rs"]
mod policy;

use std::path::PathBuf;
use std::{env, fs};

/// Name of the one version node of the real library; a client that was linked against it aborts
/// on a library without the node.
const VERSION_NODE: &str = "MIOPEN_HIP_1";
const SONAME: &str = "libMIOpen.so.1";

fn main() {
    for input in
        ["build.rs", "src/abi/codegen", "src/gpu/codegen", "include/miopen", "src/abi/functions.in"]
    {
        println!("cargo:rerun-if-changed={input}");
    }
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let header = header::read("include/miopen");
    let policies = policy::read("src/abi/functions.in");
    let table = policy::join(header.functions, policies).unwrap_or_else(|complaint| {
        panic!("include/miopen/miopen.h and src/abi/functions.in disagree:\n{complaint}")
    });

    fs::write(out_dir.join("sys.rs"), header.types).expect("write sys.rs");
    let all = table.iter().map(|entry| &entry.function).chain(&header.additions);
    fs::write(out_dir.join("signatures.rs"), emit::signatures(all)).expect("write signatures.rs");
    fs::write(out_dir.join("entries.rs"), emit::entries(&table, VERSION_NODE))
        .expect("write entries.rs");
    fs::write(out_dir.join("real_functions.rs"), emit::real_functions(&table))
        .expect("write real_functions.rs");

    gpu::compile::embed(&out_dir);

    // rustc passes a version script of its own that keeps everything else local; lld merges the
    // two as long as ours names no symbol. The symbols get the node by `.symver` (emit.rs).
    let script = out_dir.join("miopen.version");
    fs::write(&script, format!("{VERSION_NODE} {{ }};\n")).expect("write version script");
    // For every kind of artifact: programs and tests link the same objects, `.symver` included.
    println!("cargo:rustc-link-arg=-Wl,--version-script={}", script.display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    println!("cargo:rustc-cdylib-link-arg=-Wl,--build-id");
    // Never unloaded: worker threads and the slots' targets outlive a dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
