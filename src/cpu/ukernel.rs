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
mod edges;
mod few_columns;
mod filter;
mod gemm;
mod int8_block;
mod int8_simd;
mod lanes;
mod lines;
mod panel;
mod planes;
#[cfg(target_arch = "x86_64")]
mod quads_512;
mod register_block;
mod shifted;
mod simd;
mod split;
mod taps;
mod transpose;
#[cfg(target_arch = "x86_64")]
mod wide_block_asm;
mod winograd;
mod winograd_channels;
mod winograd_filter;
mod winograd_gemm;
mod winograd_input;
mod winograd_output;
mod winograd_stride2;
mod winograd_wrw;
mod words;

pub use amx::{
    AmxPanels, AmxRows, TILE_BLOCK, TILE_WORDS, TileProducts, TileSession, multiply_tiles,
    tiles_are_permitted,
};
pub use block::{
    Left, MIN_EFFICIENT_ROWS, Rows, SourceColumns, block_rows, multiply_block, multiply_source,
    panel_columns, rows_at_once,
};
pub use convert::{narrow_bf16, narrow_f16, widen_bf16, widen_f16, widen_i8};
pub use depthwise::sum_shifted;
pub use dot::{DOT_ROWS, DotRuns, DotStart, NextRows, add_dots};
pub use few_columns::{FewColumns, few_of};
pub use filter::{FilterBlock, TapColumn, pack_filter_block, pack_filter_columns};
pub use gemm::gemm_f32;
pub use int8_block::{WordRows, multiply_words, whole_rows, whole_steps, word_elems};
pub use lanes::{
    ChannelPlanes, TILE_SLACK_PIXELS, TileLines, add_tile_products, stage_tile, sum_tile,
    tile_lanes, unstage_tile,
};
pub use lines::{LINE_SLACK_ELEMS, Line, LineShape, join_phases, prefetch, stage_lines};
pub use panel::{ReduceOffsets, Segment, pack_column, pack_panel, pack_panel_transposed};
pub use planes::{
    PlaneInputs, PlaneShape, add_plane_products, convolve_phases, convolve_planes, serves_filter,
};
pub use shifted::{
    Cut, LineSums, RUN_SLACK_ELEMS, RowTiles, cuts_of_lines, multiply_shifted, pack_row_tiles,
};
pub use split::{LaneRun, RunPair, SPLIT_LANES, pair_panel, split_pairs, split_panel};
pub use taps::{PixelTap, add_tap_products, sum_taps};
pub use transpose::{stage_pixels, transpose, transpose_into};
pub use winograd::{Form, tile_vector};
pub use winograd_channels::{
    CHANNELS_BUFFER_ELEMS, ChannelPlaces, ROW_PAIRS, TileOf, max_tiles_w, transform_channels,
};
pub use winograd_filter::{FilterRows, transform_filter};
pub use winograd_gemm::{Products, TileSums, multiply_positions, sum_tiles};
pub use winograd_input::{InputLines, PanelRows, transform_input};
pub use winograd_output::transform_output;
pub use winograd_wrw::transform_weights;
pub use words::{
    WORD_SLACK_ELEMS, WordPixels, adjacent_words, stage_word_pixels, stage_words, tap_words,
};
