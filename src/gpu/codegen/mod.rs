//! Part of the build: the kernels' machine code.

pub mod cache;
pub mod compile;
