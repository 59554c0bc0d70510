//! Winograd's transform of filters; the points and matrices are those of [`super::winograd`].

use super::simd::{MAX_LANES, Simd, ask_for, isa_kernel};
use super::winograd::{A, B, Form};
use super::winograd_stride2::{self, FILTER_PARTS, MATRICES};
use crate::cpu::isa::Isa;

/// Weights of the largest filter, 5 x 5.
const MAX_WEIGHTS: usize = 25;

/// Floats of a cache line.
const LINE_ELEMS: usize = 16;

/// Filters of some rows and channels, each with contiguous taps.
#[derive(Clone, Copy, Debug)]
pub struct FilterRows<'a> {
    /// From the first row's first filter on.
    pub data: &'a [f32],
    /// The row of the results that the first one goes to.
    pub first_row: usize,
    pub rows: usize,
    pub row_stride: usize,
    pub channels: usize,
    pub channel_stride: usize,
    /// Whether the filters are reversed.
    pub is_reversed: bool,
}

/// Transforms filters of `form.taps()` squared to
/// `out[position * position_stride + row * row_stride + channel]`; where a matrix has several parts, they lie
/// one behind the other in each of its rows, which are so many times as long.
///
/// Of each row it writes whole vectors, with undefined values beyond the last channel.
///
/// # Panics
/// Where a slice is too short.
pub fn transform_filter(
    isa: Isa,
    form: Form,
    block: FilterRows<'_>,
    out: &mut [f32],
    [position_stride, row_stride]: [usize; 2],
) {
    let FilterRows { rows, channels, .. } = block;
    if rows == 0 || channels == 0 {
        return;
    }
    let last = (rows - 1) * block.row_stride + (channels - 1) * block.channel_stride;
    assert!(last + form.taps() * form.taps() <= block.data.len());
    let last_row = block.first_row + rows - 1;
    let written = last_row * row_stride + channels.next_multiple_of(MAX_LANES);
    assert!(written <= position_stride);
    assert!((form.weights() - 1) * position_stride + written <= out.len());
    let to = Transformed { first: out.as_mut_ptr(), position_stride, row_stride };
    // SAFETY: reads stay inside the block, writes inside `out`, by the assertions.
    unsafe {
        match (form, block.is_reversed) {
            (Form::Tile2Taps3, false) => transform::<3, 4, 0, PLAIN>(isa, block, to),
            (Form::Tile2Taps3, true) => transform::<3, 4, 1, PLAIN>(isa, block, to),
            (Form::Tile4Taps3, false) => transform::<3, 6, 0, PLAIN>(isa, block, to),
            (Form::Tile4Taps3, true) => transform::<3, 6, 1, PLAIN>(isa, block, to),
            (Form::Tile5Taps2, false) => transform::<2, 6, 0, PLAIN>(isa, block, to),
            (Form::Tile5Taps2, true) => transform::<2, 6, 1, PLAIN>(isa, block, to),
            (Form::Tile3Taps4, false) => transform::<4, 6, 0, PLAIN>(isa, block, to),
            (Form::Tile3Taps4, true) => transform::<4, 6, 1, PLAIN>(isa, block, to),
            (Form::Tile2Taps5, false) => transform::<5, 6, 0, PLAIN>(isa, block, to),
            (Form::Tile2Taps5, true) => transform::<5, 6, 1, PLAIN>(isa, block, to),
            (Form::Tile4Taps3Stride2, _) => {
                assert!(!block.is_reversed);
                transform::<3, MATRICES, 0, PARTS>(isa, block, to);
            }
            (Form::Tile8Taps3Stride2 { .. }, _) => {
                assert!(block.is_reversed);
                transform::<3, MATRICES, 1, PAIRS>(isa, block, to);
            }
        }
    }
}

/// What a filter is transformed for: stride 1; stride 2, whose taps 0 and 2 are a pair; the same with
/// several parts of a matrix side by side.
const PLAIN: usize = 0;
const PAIRS: usize = 1;
const PARTS: usize = 2;

/// Where transformed filters go.
#[derive(Clone, Copy)]
struct Transformed {
    first: *mut f32,
    position_stride: usize,
    row_stride: usize,
}

isa_kernel! {
    /// # Safety
    /// As [`transform_filter`] asserts, for filters of `TAPS` squared and `SIDE` squared positions;
    /// there are rows and channels. `REVERSED` is 0 or 1, `KIND` is [`PLAIN`], [`PAIRS`] or [`PARTS`].
    unsafe fn transform[TAPS, SIDE, REVERSED, KIND](
        block: FilterRows<'_>, to: Transformed,
    ) = filter_body
}

/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn filter_body<
    S: Simd,
    const TAPS: usize,
    const SIDE: usize,
    const REVERSED: usize,
    const KIND: usize,
>(
    block: FilterRows<'_>,
    to: Transformed,
) {
    /// Vectors of filters that are asked for ahead: 1280 x 1280 of them, on 16 x 16 pixels, took 1.12 times as
    /// long without, and as long with 2 or 10 vectors (Zen 4).
    const AHEAD: usize = 4;
    // In the order of memory: of backward-data, rows are neighbours there.
    let vectors = block.channels.div_ceil(S::LANES);
    let by_row = block.row_stride >= block.channel_stride;
    let ahead = AHEAD * if by_row { S::LANES * block.channel_stride } else { block.row_stride };
    for index in 0..block.rows * vectors {
        let (row, vector) = if by_row {
            (index / vectors, index % vectors)
        } else {
            (index % block.rows, index / block.rows)
        };
        // SAFETY: the caller's promise.
        unsafe {
            let from = block.data.as_ptr().add(row * block.row_stride);
            transform_vector::<S, TAPS, SIDE, REVERSED, KIND>(
                block,
                from,
                [block.first_row + row, vector * S::LANES],
                to,
                ahead,
            );
        }
    }
}

/// The filters at `from`, of a vector of channels from `channel` on, to a row of the results.
///
/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn transform_vector<
    S: Simd,
    const TAPS: usize,
    const SIDE: usize,
    const REVERSED: usize,
    const KIND: usize,
>(
    block: FilterRows<'_>,
    from: *const f32,
    [row, channel]: [usize; 2],
    to: Transformed,
    ahead: usize,
) {
    let Transformed { position_stride, row_stride, .. } = to;
    let len = TAPS * TAPS;
    // SAFETY: each lane reads a filter of the row, those beyond the last channel that one; the rest
    // is the caller's promise.
    unsafe {
        let mut at = [from; MAX_LANES];
        let is_whole = channel + S::LANES <= block.channels;
        let weights = if is_whole && block.channel_stride == len {
            // At constant distances the lanes need no addresses of their own.
            let first = from.add(channel * len);
            for lane in 0..S::LANES {
                at[lane] = first.add(lane * len);
            }
            for line in 0..(S::LANES * len).div_ceil(LINE_ELEMS) {
                ask_for(first.wrapping_add(ahead + line * LINE_ELEMS));
            }
            load_weights::<S, TAPS, REVERSED>(at)
        } else {
            for lane in 0..S::LANES {
                let channel = (channel + lane).min(block.channels - 1);
                at[lane] = at[lane].add(channel * block.channel_stride);
            }
            for lane in 0..S::LANES {
                ask_for(at[lane].wrapping_add(ahead));
            }
            load_weights::<S, TAPS, REVERSED>(at)
        };
        let out = to.first.add(row * row_stride + channel);
        if KIND == PLAIN && SIDE == 6 {
            store_6::<S, TAPS>(&weights, out, position_stride);
            return;
        }
        let mut half = [[S::splat(0.0); SIDE]; TAPS];
        for row in 0..TAPS {
            let mut line = [weights[0]; TAPS];
            line.copy_from_slice(&weights[row * TAPS..(row + 1) * TAPS]);
            half[row] = line_of::<S, TAPS, SIDE, KIND>(line);
        }
        let mut result = [[weights[0]; SIDE]; SIDE];
        for col in 0..SIDE {
            let mut line = [weights[0]; TAPS];
            for row in 0..TAPS {
                line[row] = half[row][col];
            }
            let line = line_of::<S, TAPS, SIDE, KIND>(line);
            for row in 0..SIDE {
                result[row][col] = line[row];
            }
        }
        if KIND != PARTS {
            for row in 0..SIDE {
                for col in 0..SIDE {
                    S::store(out.add((row * SIDE + col) * position_stride), result[row][col]);
                }
            }
            return;
        }
        // The next part begins right behind the last channel.
        let count = (block.channels - channel).min(S::LANES);
        for part in &FILTER_PARTS {
            let column = part.part * block.channels + channel;
            let out = part.filter * position_stride + row * part.parts * row_stride + column;
            S::store_first(to.first.add(out), result[part.row][part.col], count);
        }
    }
}

/// The filters of all lanes, tap by tap.
///
/// # Safety
/// Each must be readable; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn load_weights<S: Simd, const TAPS: usize, const REVERSED: usize>(
    at: [*const f32; MAX_LANES],
) -> [S::V; MAX_WEIGHTS] {
    let len = TAPS * TAPS;
    // SAFETY: the caller's promise.
    unsafe {
        let mut weights = [S::splat(0.0); MAX_WEIGHTS];
        // Four at a time; the last four overlap with those before.
        for quad in 0..len.div_ceil(4) {
            let first = (quad * 4).min(len - 4);
            let mut shifted = at;
            for lane in 0..S::LANES {
                shifted[lane] = shifted[lane].add(first);
            }
            let columns = S::load_4_columns(shifted);
            for i in 0..4 {
                let tap = if REVERSED == 1 { len - 1 - first - i } else { first + i };
                weights[tap] = columns[i];
            }
        }
        weights
    }
}

/// The transform of a filter of stride 1 to six points squared, a column or a pair of them after the other: few
/// vectors are needed at once.
///
/// # Safety
/// A vector at each of the positions from `out` on must be writable; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn store_6<S: Simd, const TAPS: usize>(
    weights: &[S::V; MAX_WEIGHTS],
    out: *mut f32,
    position_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for col in [0, 5] {
            let mut line = [weights[0]; TAPS];
            for row in 0..TAPS {
                line[row] = weights[row * TAPS + if col == 0 { 0 } else { TAPS - 1 }];
            }
            store_column::<S, TAPS>(line, out.add(col * position_stride), position_stride);
        }
        for (col, [point, square]) in [(1, POINT_A), (3, POINT_B)] {
            let (mut plus, mut minus) = ([weights[0]; TAPS], [weights[0]; TAPS]);
            for row in 0..TAPS {
                let mut line = [weights[0]; TAPS];
                line.copy_from_slice(&weights[row * TAPS..(row + 1) * TAPS]);
                [plus[row], minus[row]] = at_points::<S, TAPS>(&line, point, square);
            }
            let out = out.add(col * position_stride);
            store_column::<S, TAPS>(plus, out, position_stride);
            store_column::<S, TAPS>(minus, out.add(position_stride), position_stride);
        }
    }
}

/// A column of [`store_6`], whose first position is at `out`.
///
/// # Safety
/// As [`store_6`].
#[inline(always)]
unsafe fn store_column<S: Simd, const TAPS: usize>(
    line: [S::V; TAPS],
    out: *mut f32,
    position_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let column = filter_line::<S, TAPS, 6>(line);
        for row in 0..6 {
            S::store(out.add(row * 6 * position_stride), column[row]);
        }
    }
}

/// One row or column of a filter times the filter matrix of its kind.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn line_of<S: Simd, const TAPS: usize, const SIDE: usize, const KIND: usize>(
    g: [S::V; TAPS],
) -> [S::V; SIDE] {
    // SAFETY: the caller's promise.
    unsafe {
        if KIND == PLAIN {
            return filter_line::<S, TAPS, SIDE>(g);
        }
        let mut u = [g[0]; SIDE];
        u.copy_from_slice(&winograd_stride2::filter_line::<S>([g[0], g[1], g[TAPS - 1]]));
        u
    }
}

/// A point of a pair that differs in its sign, and its square.
const POINT_A: [f32; 2] = [A, 0.5];
const POINT_B: [f32; 2] = [B, 2.0];

/// One row or column of a filter times the filter matrix of stride 1. Of six points, the values there: what
/// the matrix divides them by, [`super::winograd_output::points_line`] does.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
pub(super) unsafe fn filter_line<S: Simd, const TAPS: usize, const SIDE: usize>(
    g: [S::V; TAPS],
) -> [S::V; SIDE] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut u = [g[0]; SIDE];
        u[SIDE - 1] = g[TAPS - 1];
        if SIDE == 4 {
            let half = S::splat(0.5);
            let sum = S::add(g[0], g[TAPS - 1]);
            u[1] = S::mul(half, S::add(sum, g[1]));
            u[2] = S::mul(half, S::sub(sum, g[1]));
            return u;
        }
        for (index, [point, square]) in [(1, POINT_A), (3, POINT_B)] {
            [u[index], u[index + 1]] = at_points::<S, TAPS>(&g, point, square);
        }
        u
    }
}

/// The polynomial of some taps at a point and at its negative.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn at_points<S: Simd, const TAPS: usize>(
    g: &[S::V; TAPS],
    point: f32,
    square: f32,
) -> [S::V; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let (point, square) = (S::splat(point), S::splat(square));
        let even = every_other::<S, TAPS>(g, 0, square);
        let odd = every_other::<S, TAPS>(g, 1, square);
        [S::mul_add(point, odd, even), S::neg_mul_add(point, odd, even)]
    }
}

/// `g[first] + square * g[first + 2] + square^2 * g[first + 4] ...`, by Horner's scheme.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn every_other<S: Simd, const TAPS: usize>(
    g: &[S::V; TAPS],
    first: usize,
    square: S::V,
) -> S::V {
    let mut tap = first + (TAPS - 1 - first) / 2 * 2;
    let mut value = g[tap];
    while tap > first {
        tap -= 2;
        // SAFETY: the caller's promise.
        value = unsafe { S::mul_add(square, value, g[tap]) };
    }
    value
}
