//! Types, enumerators and signatures of MIOpen's C ABI, from `include/miopen/*.h` by bindgen.

// The names are C's.
#![allow(non_camel_case_types, non_upper_case_globals, non_snake_case, missing_docs)]
#![allow(clippy::all, clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/sys.rs"));

/// The type of each C function as a function pointer.
pub mod signature {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/signatures.rs"));
}
