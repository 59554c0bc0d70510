//! The innermost loops: the only part of `cpu` with unsafe code.

mod block;
mod gemm;
mod panel;
mod simd;

pub use block::{Rows, block_rows, multiply_block, panel_columns};
pub use gemm::gemm_f32;
pub use panel::{ReduceOffsets, Segment, pack_panel};
