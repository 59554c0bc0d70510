//! The ids of the fast CPU solvers, in one place. An id once given stays.
#![forbid(unsafe_code)]

use crate::config::IsaLevel;
use crate::solver::SolverId;

/// [`super::Blocked`]; as for the others, the level is added.
pub const BLOCKED: u64 = 1_000_100;
/// [`super::Winograd`] with 2 x 2 outputs a tile.
pub const WINOGRAD_2X2: u64 = 1_000_110;
/// [`super::Winograd`] with 4 x 4 outputs a tile.
pub const WINOGRAD_4X4: u64 = 1_000_120;
/// [`super::Depthwise`].
pub const DEPTHWISE: u64 = 1_000_130;
/// [`super::WrwDirect`].
pub const WRW_DIRECT: u64 = 1_000_140;
/// [`super::Direct`].
pub const DIRECT: u64 = 1_000_150;
/// [`super::DepthwiseLast`].
pub const DEPTHWISE_LAST: u64 = 1_000_160;
/// [`super::DepthwiseTiles`].
pub const DEPTHWISE_TILES: u64 = 1_000_250;
/// [`super::DepthwisePlanes`].
pub const DEPTHWISE_PLANES: u64 = 1_000_260;
/// [`super::Winograd`] for filters of 5 x 5.
pub const WINOGRAD_2X2_5X5: u64 = 1_000_170;
/// [`super::Winograd`] with 5 x 5 outputs a tile, for filters of 2 x 2.
pub const WINOGRAD_5X5_2X2: u64 = 1_000_290;
/// [`super::Winograd`] with 3 x 3 outputs a tile, for filters of 4 x 4.
pub const WINOGRAD_3X3_4X4: u64 = 1_000_280;
/// [`super::Winograd`] for filters of 3 x 3 and stride 2.
pub const WINOGRAD_STRIDE_2: u64 = 1_000_190;
/// [`super::PixelRows`].
pub const PIXEL_ROWS: u64 = 1_000_180;

/// [`super::Int8`]; the set of instructions is added.
pub const INT8: u64 = 1_000_200;
/// [`super::Int8Depthwise`].
pub const INT8_DEPTHWISE: u64 = 1_000_210;

/// [`super::Amx`].
pub const AMX: u64 = 1_000_270;

/// The id of a family's solver for one instruction set level.
pub fn at_level(family: u64, level: IsaLevel) -> SolverId {
    SolverId(family + level as u64)
}
