//! The innermost loops: the only part of `cpu` with unsafe code.

// Arrays of vectors are indexed by loops with constant bounds, which unroll into registers; an
// iterator over two of them at once would say less.
#![allow(clippy::needless_range_loop)]

mod block;
mod depthwise;
mod gemm;
mod lines;
mod panel;
mod simd;
mod winograd;

pub use block::{Rows, block_rows, multiply_block, panel_columns};
pub use depthwise::sum_shifted;
pub use gemm::gemm_f32;
pub use lines::{LINE_SLACK_ELEMS, Line, LineShape, stage_lines};
pub use panel::{ReduceOffsets, Segment, pack_panel, pack_panel_transposed};
pub use winograd::{InputTiles, transform_filter, transform_input, transform_output};
