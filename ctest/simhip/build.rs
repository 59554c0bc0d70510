//! The version nodes of the real library's symbols, for clients that were linked against it.

use std::path::PathBuf;

/// Nodes that the functions of `src/api` carry, oldest first.
const NODES: [&str; 7] =
    ["hip_4.2", "hip_4.3", "hip_4.4", "hip_4.5", "hip_5.1", "hip_5.6", "hip_6.0"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let script = out_dir.join("hip.version");
    let nodes: String = NODES.iter().map(|node| format!("{node} {{ }};\n")).collect();
    std::fs::write(&script, nodes).expect("write version script");
    // For every kind of artifact: tests link the same objects, `.symver` included.
    println!("cargo:rustc-link-arg=-Wl,--version-script={}", script.display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libamdhip64.so.5");
}
