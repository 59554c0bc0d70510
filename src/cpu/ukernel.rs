//! The innermost loops: the only part of `cpu` with unsafe code.
#![allow(
    clippy::needless_range_loop,
    reason = "arrays of registers are indexed by constants; iterators would need closures, \
              which do not inherit the instruction set"
)]
mod amx;
mod amx_permission;
mod block;
#[cfg(target_arch = "x86_64")]
mod block_asm;
mod convert;
mod depthwise;
mod dot;
mod filter;
mod gemm;
mod int8_block;
mod int8_simd;
mod lanes;
mod lines;
mod panel;
mod register_block;
mod shifted;
mod simd;
mod split;
mod taps;
mod transpose;
mod winograd;
mod winograd_filter;
mod winograd_wrw;
mod words;

pub use amx::{
    AmxPanels, AmxRows, TILE_BLOCK, TILE_WORDS, TileProducts, TileSession, multiply_tiles,
    tiles_are_permitted,
};
pub use block::{Rows, block_rows, multiply_block, panel_columns, rows_at_once};
pub use convert::{narrow_bf16, narrow_f16, widen_bf16, widen_f16};
pub use depthwise::sum_shifted;
pub use dot::{DotStart, add_dots};
pub use filter::{FilterBlock, pack_filter_block};
pub use gemm::gemm_f32;
pub use int8_block::{WordRows, multiply_words, whole_rows, whole_steps, word_elems};
pub use lanes::{
    ChannelPlanes, TILE_SLACK_PIXELS, TileLines, add_tile_products, stage_tile, sum_tile,
    tile_lanes, unstage_tile,
};
pub use lines::{LINE_SLACK_ELEMS, Line, LineShape, stage_lines};
pub use panel::{ReduceOffsets, Segment, pack_panel, pack_panel_transposed};
pub use shifted::{RUN_SLACK_ELEMS, multiply_shifted};
pub use split::{LaneRun, RunPair, SPLIT_LANES, pair_panel, split_pairs, split_panel};
pub use taps::{PixelTap, add_tap_products, sum_taps};
pub use transpose::{stage_pixels, transpose, transpose_into};
pub use winograd::{Form, InputTiles, transform_input, transform_output};
pub use winograd_filter::transform_filter;
pub use winograd_wrw::{TileOf, TileRows, transform_tiles, transform_weights};
pub use words::{
    WORD_SLACK_ELEMS, WordPixels, adjacent_words, stage_word_pixels, stage_words, tap_words,
};
