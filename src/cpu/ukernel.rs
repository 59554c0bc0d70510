//! The innermost loops: the only part of `cpu` with unsafe code.

mod block;
mod depthwise;
mod gemm;
mod panel;
mod simd;
mod winograd;

pub use block::{Rows, block_rows, multiply_block, panel_columns};
pub use depthwise::sum_shifted;
pub use gemm::gemm_f32;
pub use panel::{ReduceOffsets, Segment, pack_panel, pack_panel_transposed};
pub use winograd::{InputTiles, transform_filter, transform_input, transform_output};
