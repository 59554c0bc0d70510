//! A stand-in for `libamdhip64.so` for tests: device memory is host memory, and a launch interprets
//! the gfx10 machine code of the loaded code object and checks it while it runs. See README.md.

pub mod api;
pub mod config;
pub mod counts;
pub mod decode;
pub mod device;
pub mod error;
pub mod exec;
pub mod fault;
pub mod fp;
pub mod isa;
pub mod kfd;
pub mod launch;
pub mod lds;
pub mod memory;
pub mod module;
pub mod report;
pub mod runtime;
pub mod simd;
pub mod stream;
pub mod wave;
