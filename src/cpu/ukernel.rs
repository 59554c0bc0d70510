//! The innermost loops: the only part of `cpu` with unsafe code.

mod gemm;

pub use gemm::gemm_f32;
