//! The innermost loops: the only part of `cpu` with unsafe code.

mod block;
mod gemm;
mod panel;
mod simd;
mod winograd;

pub use block::{Rows, block_rows, multiply_block, panel_columns};
pub use gemm::gemm_f32;
pub use panel::{ReduceOffsets, Segment, pack_panel};
pub use winograd::{InputTiles, transform_filter, transform_input, transform_output};
