//! Winograd's transforms of backward-weights with channels as lanes: of six points, see
//! [`super::winograd_wrw`].
//!
//! Products are summed over tiles, so the GEMM kernel takes the channels of a tile side by side. First
//! the columns of each channel's lines are transformed, whose pixels lie side by side; then vectors
//! take a pixel of as many channels as they have lanes, and the rows of tiles are transformed. So only
//! half transformed lines are turned round, and what is transformed goes to where it is multiplied.
//!
//! Two of the six rows of positions at a time: what they fill is little enough to be written to the L2
//! cache, and lines are read again for the others. Stores that have to fetch their lines from farther
//! away took more than half of the time (Zen 4).

use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::winograd::{input_line, tile_vector};
use super::winograd_filter::filter_line;
use super::winograd_input::{InputLines, line_begins};
use crate::cpu::isa::Isa;

/// Positions of a transformed tile in each dimension.
const SIDE: usize = 6;

/// Floats from one half transformed line to the next, for all of its
/// elements and the vectors that reach beyond: an odd number of cache lines, for sixteen are read
/// side by side. Known to the compiler it is part of the addresses.
const PITCH: usize = 9 * 16;

/// Tiles in a line at most, whose pixels of dy are so many in each dimension.
pub fn max_tiles_w(tile: usize) -> usize {
    (PITCH - MAX_LANES - SIDE) / tile
}

/// Rows of positions that are transformed together, for their columns have terms in common.
pub const ROW_PAIRS: [[usize; 2]; 3] = [[0, 5], [1, 2], [3, 4]];

/// Floats of the buffer of [`transform_channels`].
pub const CHANNELS_BUFFER_ELEMS: usize = 2 * MAX_LANES * PITCH;

/// Which tensor's tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileOf {
    /// 6 x 6, which overlap.
    X,
    /// 2 x 2 to 5 x 5.
    Dy,
}

impl TileOf {
    /// Lines of elements that a line of tiles has, of `tile` lines of dy.
    pub fn lines(self, tile: usize) -> usize {
        match self {
            TileOf::X => SIDE,
            TileOf::Dy => tile,
        }
    }
}

/// Where transformed tiles go: at each position, panels of two vectors of channels.
#[derive(Clone, Copy, Debug)]
pub struct ChannelPlaces {
    pub panel_stride: usize,
    pub tile_stride: usize,
}

/// Transforms tiles, `tile` (2 to 5) apart, to two rows of positions, one of [`ROW_PAIRS`]. Vector v of the channels of a tile
/// goes to
/// `out[(6 * row + column) * input.position_stride + tile * tile_stride + v / 2 * panel_stride + ...]`,
/// where `row` counts in `rows`. Lanes beyond the last channel are undefined afterwards.
///
/// # Panics
/// Where a line lies outside the source or is too long, or `buffer` or `out` is too short.
#[allow(clippy::too_many_arguments)] // tiles and places, each of two
pub fn transform_channels(
    isa: Isa,
    (of, tile): (TileOf, usize),
    rows: [usize; 2],
    input: InputLines<'_>,
    channels: usize,
    places: ChannelPlaces,
    buffer: &mut [f32],
    out: &mut [f32],
) {
    let InputLines { lines, before, len, tiles_w, position_stride, .. } = input;
    let (from, lanes) = (of.lines(tile), tile_vector(isa));
    let width = tile * tiles_w + from - tile;
    let tiles = lines.len() / from * tiles_w;
    if channels == 0 || tiles == 0 {
        return;
    }
    assert!(lines.len().is_multiple_of(from) && before + len <= width);
    assert!(tiles_w <= max_tiles_w(tile));
    let last = lines.iter().flatten().max();
    let last = last.map_or(0, |last| last + (channels - 1) * input.channel_stride + len);
    assert!(last <= input.source.len());
    let last_vector = channels.div_ceil(lanes) - 1;
    let of_vector = last_vector / 2 * places.panel_stride + last_vector % 2 * lanes;
    assert!(of_vector + (tiles - 1) * places.tile_stride + lanes <= position_stride);
    assert!(places.panel_stride >= lanes && rows.len() * SIDE * position_stride <= out.len());
    let buffer = &mut buffer[..CHANNELS_BUFFER_ELEMS];
    // What lies beside the elements that exist stays zero.
    buffer.fill(0.0);
    // SAFETY: lines lie inside the source, and results inside `out`, by the assertions.
    unsafe {
        let (half, out) = (buffer.as_mut_ptr(), out.as_mut_ptr());
        match (of, tile) {
            (TileOf::X, 2) => transform::<SIDE, 2>(isa, rows, input, channels, places, half, out),
            (TileOf::X, 3) => transform::<SIDE, 3>(isa, rows, input, channels, places, half, out),
            (TileOf::X, 4) => transform::<SIDE, 4>(isa, rows, input, channels, places, half, out),
            (TileOf::X, 5) => transform::<SIDE, 5>(isa, rows, input, channels, places, half, out),
            (TileOf::Dy, 2) => transform::<2, 2>(isa, rows, input, channels, places, half, out),
            (TileOf::Dy, 3) => transform::<3, 3>(isa, rows, input, channels, places, half, out),
            (TileOf::Dy, 4) => transform::<4, 4>(isa, rows, input, channels, places, half, out),
            (TileOf::Dy, 5) => transform::<5, 5>(isa, rows, input, channels, places, half, out),
            _ => unreachable!("no such tiles"),
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`transform_channels`] asserts.
    unsafe fn transform[FROM, TILE](
        rows: [usize; 2], input: InputLines<'_>, channels: usize, places: ChannelPlaces,
        half: *mut f32, out: *mut f32,
    ) = transform_body
}

/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn transform_body<S: Simd, const FROM: usize, const TILE: usize>(
    rows: [usize; 2],
    input: InputLines<'_>,
    channels: usize,
    places: ChannelPlaces,
    half: *mut f32,
    out: *mut f32,
) {
    let InputLines { tiles_w, position_stride, .. } = input;
    for (vector, first) in (0..channels).step_by(S::LANES).enumerate() {
        let count = S::LANES.min(channels - first);
        for (index, lines) in input.lines.chunks_exact(FROM).enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let source = input.source.as_ptr().add(first * input.channel_stride);
                match rows {
                    [0, 5] => {
                        transform_lines::<S, FROM, 0b10_0001>(input, lines, source, count, half)
                    }
                    [1, 2] => {
                        transform_lines::<S, FROM, 0b00_0110>(input, lines, source, count, half)
                    }
                    [3, 4] => {
                        transform_lines::<S, FROM, 0b01_1000>(input, lines, source, count, half)
                    }
                    _ => unreachable!("no such rows"),
                }
                for row in 0..rows.len() {
                    let half = half.add(row * S::LANES * PITCH);
                    let out = out.add(
                        row * SIDE * position_stride
                            + vector / 2 * places.panel_stride
                            + vector % 2 * S::LANES
                            + index * tiles_w * places.tile_stride,
                    );
                    let strides = [places.tile_stride, position_stride];
                    transform_row::<S, FROM, TILE>(half, tiles_w, out, strides);
                }
            }
        }
    }
}

/// The columns of a line of tiles, of some channels, to the rows that are set in `ROWS`: for each row,
/// lines of all channels.
///
/// # Safety
/// As `transform`.
#[inline(always)]
unsafe fn transform_lines<S: Simd, const FROM: usize, const ROWS: usize>(
    input: InputLines<'_>,
    lines: &[Option<usize>],
    source: *const f32,
    channels: usize,
    half: *mut f32,
) {
    static ZEROS: [f32; PITCH] = [0.0; PITCH];
    let len = input.len;
    for channel in 0..channels {
        // SAFETY: the caller's promise. A line has as many elements as there are zeros, or fewer, and
        // what is written ends inside the line's room.
        unsafe {
            let source = source.add(channel * input.channel_stride);
            let from = line_begins::<FROM>(lines, source, ZEROS.as_ptr());
            let half = half.add(channel * PITCH + input.before);
            let mut at = 0;
            while at + S::LANES <= len {
                let mut column = [S::splat(0.0); FROM];
                for row in 0..FROM {
                    column[row] = S::load(from[row].add(at));
                }
                store_column::<S, FROM, ROWS>(column, half.add(at));
                at += S::LANES;
            }
            if at < len {
                let mut column = [S::splat(0.0); FROM];
                for row in 0..FROM {
                    column[row] = S::load_first(from[row].add(at), len - at);
                }
                store_column::<S, FROM, ROWS>(column, half.add(at));
            }
        }
    }
}

/// A column times its matrix, to the rows that are set in `ROWS`.
///
/// # Safety
/// There must be room for a vector in each row, and the instruction set of `S` be present.
#[inline(always)]
unsafe fn store_column<S: Simd, const FROM: usize, const ROWS: usize>(
    column: [S::V; FROM],
    mut half: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let column = transform_line::<S, FROM>(column);
        for row in 0..SIDE {
            if ROWS >> row & 1 == 1 {
                S::store(half, column[row]);
                half = half.wrapping_add(S::LANES * PITCH);
            }
        }
    }
}

/// One row of a line of tiles times the matrix, for as many channels as there are lanes.
///
/// # Safety
/// `half` must have a line for each lane, and `out` room for a vector of each tile at six positions.
#[inline(always)]
unsafe fn transform_row<S: Simd, const FROM: usize, const TILE: usize>(
    half: *const f32,
    tiles_w: usize,
    out: *mut f32,
    [tile_stride, position_stride]: [usize; 2],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut next = load_pixels::<S>(half);
        for tile in 0..tiles_w {
            let mut columns = [S::splat(0.0); FROM];
            let (first, rest) = columns.split_at_mut(FROM.min(QUAD));
            if TILE == QUAD {
                first.copy_from_slice(&next);
            } else {
                first.copy_from_slice(&load_pixels::<S>(half.add(TILE * tile))[..first.len()]);
            }
            // Of the last tile, pixels of the room that a line has.
            if TILE == QUAD || FROM > QUAD {
                next = load_pixels::<S>(half.add(TILE * tile + QUAD));
                rest.copy_from_slice(&next[..rest.len()]);
            }
            let columns = transform_line::<S, FROM>(columns);
            let out = out.add(tile * tile_stride);
            for col in 0..SIDE {
                S::store(out.add(col * position_stride), columns[col]);
            }
        }
    }
}

/// Pixels that are loaded together.
const QUAD: usize = 4;

/// Four pixels of as many channels as there are lanes.
///
/// # Safety
/// They must be readable in all lines.
#[inline(always)]
unsafe fn load_pixels<S: Simd>(half: *const f32) -> [S::V; QUAD] {
    let mut from = [half; MAX_LANES];
    for lane in 0..S::LANES {
        from[lane] = half.wrapping_add(lane * PITCH);
    }
    // SAFETY: the caller's promise.
    unsafe { S::load_4_columns(from) }
}

/// One row or column of a tile times its matrix: that of x or of dy.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn transform_line<S: Simd, const FROM: usize>(d: [S::V; FROM]) -> [S::V; SIDE] {
    // SAFETY: the caller's promise.
    unsafe {
        if FROM == SIDE {
            let mut v = [S::splat(0.0); SIDE];
            v.copy_from_slice(&d);
            input_line::<S, SIDE>(v)
        } else {
            filter_line::<S, FROM, SIDE>(d)
        }
    }
}
