//! Winograd's transforms for filters of 3 x 3 and stride 2.
//!
//! In one dimension, four results in a row meet nine inputs. The five even ones meet taps 0 and 2 only, a
//! filter of two taps and stride 1: F(4, 2) takes five products. The four odd ones meet tap 1 only, which
//! takes four, and no transform. The products of points 0 and infinity belong to one result alone, the first
//! and the last, so those of the odd inputs of these two are added to the same sums, in a reduction twice
//! as long: nine products, seven sums.
//!
//! Backward-data goes the other way: eight results meet five of dy. Every other one of them meets taps 0
//! and 2, as in F(4, 2), and those between them tap 1: nine products, and as many sums.
//!
//! Interpolation points: 0, +-sqrt(2), 1/2 and infinity, which of many sets of 0, two opposite numbers
//! and a third gave the least bound of errors, see [`crate::cpu::Winograd`]. Simulated in f32 against f64 on
//! normally distributed data, the RMS error is 1.1 to 1.3 times that of direct sums, and 1.4 to 1.7
//! times with 0, +-1, 1/2.

use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::winograd::{B, Form, tile_vector};
use super::winograd_gemm::Product;
use super::winograd_input::{Ahead, Half, InputLines, Tiles, line_begins, runs_of};
use crate::cpu::isa::Isa;

/// Positions of a transformed tile in one dimension: five of F(4, 2), then four inputs.
const SIDE: usize = 9;

/// Matrices of a transformed filter in one dimension: of the points, and of tap 1.
pub(super) const MATRICES: usize = 6;

/// Sums of forward in one dimension: of the points, then of results 1 and 2.
pub(super) const SUMS: usize = 7;

/// The sum that each position adds to, and its place among those that do.
const SUM_OF: [(usize, usize); SIDE] =
    [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (5, 0), (6, 0), (4, 1)];

/// Positions that add to each sum, and those of the sums before it.
const PARTS: [usize; SUMS] = [2, 1, 1, 1, 2, 1, 1];
const PARTS_BEFORE: [usize; SUMS] = [0, 2, 3, 4, 5, 7, 8];

/// The matrix of each sum, whose parts are its parts, and all parts of all matrices.
const MATRIX_OF: [usize; SUMS] = [0, 1, 2, 3, 4, 5, 5];
const MATRIX_PARTS: usize = 8;

/// Parts of a sum in two dimensions.
const fn parts_of(row: usize, col: usize) -> usize {
    PARTS[row] * PARTS[col]
}

/// Where the matrix of a sum begins in the transformed filter, in parts.
const fn filter_of(row: usize, col: usize) -> usize {
    let (row, col) = (MATRIX_OF[row], MATRIX_OF[col]);
    PARTS_BEFORE[row] * MATRIX_PARTS + PARTS[row] * PARTS_BEFORE[col]
}

/// Where the panels of a sum begin, in positions.
const fn panel_of(row: usize, col: usize) -> usize {
    PARTS_BEFORE[row] * SIDE + PARTS[row] * PARTS_BEFORE[col]
}

/// The products of forward.
pub(super) static PRODUCTS: [Product; SUMS * SUMS] = {
    let mut products = [Product::new(0); SUMS * SUMS];
    let mut sum = 0;
    while sum < SUMS * SUMS {
        let (row, col) = (sum / SUMS, sum % SUMS);
        products[sum] = Product {
            filter: filter_of(row, col),
            panel: panel_of(row, col),
            sum,
            parts: parts_of(row, col),
        };
        sum += 1;
    }
    products
};

/// The products of backward-data, where each position has a sum of its own.
pub(super) static PRODUCTS_BACK: [Product; SIDE * SIDE] = {
    let mut products = [Product::new(0); SIDE * SIDE];
    let mut sum = 0;
    while sum < SIDE * SIDE {
        let (row, col) = (sum / SIDE, sum % SIDE);
        let row = if row < MATRICES { row } else { MATRICES - 1 };
        let col = if col < MATRICES { col } else { MATRICES - 1 };
        products[sum] = Product { filter: row * MATRICES + col, ..Product::new(sum) };
        sum += 1;
    }
    products
};

/// A part of a transformed filter, from where the matrix begins; and what it is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterPart {
    pub filter: usize,
    pub part: usize,
    pub parts: usize,
    pub row: usize,
    pub col: usize,
}

/// The parts of the transformed filter of forward: matrices of sums with parts of both kinds have
/// them side by side.
pub(super) static FILTER_PARTS: [FilterPart; MATRIX_PARTS * MATRIX_PARTS] = {
    let nothing = FilterPart { filter: 0, part: 0, parts: 1, row: 0, col: 0 };
    let mut all = [nothing; MATRIX_PARTS * MATRIX_PARTS];
    let mut index = 0;
    let mut matrix = 0;
    while matrix < MATRICES * MATRICES {
        let (row, col) = (matrix / MATRICES, matrix % MATRICES);
        let parts = parts_of(row, col);
        let mut part = 0;
        while part < parts {
            all[index] = FilterPart {
                filter: filter_of(row, col),
                part,
                parts,
                // The second part is of tap 1.
                row: if part / PARTS[col] == 1 { MATRICES - 1 } else { row },
                col: if part % PARTS[col] == 1 { MATRICES - 1 } else { col },
            };
            index += 1;
            part += 1;
        }
        matrix += 1;
    }
    all
};

/// As [`super::transform_input`], of a form of stride 2.
pub(super) fn transform_pairs(
    isa: Isa,
    form: Form,
    input: InputLines<'_>,
    channels: usize,
    buffer: &mut [f32],
    panels: &mut [f32],
) {
    let panel_cols = 2 * tile_vector(isa);
    let step = channels * panel_cols;
    let place_of = |position: usize| -> (usize, usize) {
        let (row, col) = (position / SIDE, position % SIDE);
        let Form::Tile4Taps3Stride2 = form else {
            return (position * input.position_stride, step);
        };
        let [(row, row_part), (col, col_part)] = [SUM_OF[row], SUM_OF[col]];
        let part = row_part * PARTS[col] + col_part;
        let first = panel_of(row, col) * input.position_stride;
        (first + part * step, parts_of(row, col) * step)
    };
    let places: [(usize, usize); SIDE * SIDE] = std::array::from_fn(place_of);
    let window = form.window();
    let (half, tiles) = if form == Form::Tile4Taps3Stride2 {
        Half::of_pairs(isa, input, [window, SIDE], channels, buffer)
    } else {
        Half::new(isa, input, [window, SIDE, form.step()], channels, buffer)
    };
    assert!(tiles.len().next_multiple_of(panel_cols) * channels <= input.position_stride);
    assert!(SIDE * SIDE * input.position_stride <= panels.len());
    let to = Places { first: panels.as_mut_ptr(), places: &places, channel_stride: panel_cols };
    let tiles = Tiles { offsets: &tiles, runs: &runs_of(isa, &tiles) };
    // SAFETY: `half` is of this input; results lie inside `panels`, by the assertions.
    unsafe {
        match form {
            Form::Tile8Taps3Stride2 { begins_odd } => {
                transform::<5>(isa, input, channels, half, tiles, to, begins_odd);
            }
            _ => transform::<9>(isa, input, channels, half, tiles, to, [false; 2]),
        }
    }
}

/// Where transformed tiles go.
#[derive(Clone, Copy)]
struct Places<'a> {
    first: *mut f32,
    /// Of each position, where its first panel begins, and the distance of panels.
    places: &'a [(usize, usize); SIDE * SIDE],
    channel_stride: usize,
}

isa_kernel! {
    /// # Safety
    /// `WINDOW` is 9 forward, and `half` is [`Half::of_pairs`] of `input`; or 5 backward, and it is
    /// [`Half::new`]; `to` must have room.
    unsafe fn transform[WINDOW](
        input: InputLines<'_>, channels: usize, half: Half, tiles: Tiles<'_>, to: Places<'_>,
        begins_odd: [bool; 2],
    ) = input_body
}

/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn input_body<S: Simd, const WINDOW: usize>(
    input: InputLines<'_>,
    channels: usize,
    half: Half,
    tiles: Tiles<'_>,
    to: Places<'_>,
    begins_odd: [bool; 2],
) {
    if channels == 0 {
        return;
    }
    let half_elems = input.lines.len() / WINDOW * SIDE * half.pitch;
    let [begins_odd_h, begins_odd_w] = begins_odd;
    // SAFETY: the caller's promise.
    unsafe {
        // A channel ahead, for what is read back at once waits for all that was stored before it.
        transform_lines::<S, WINDOW>(input, 0, half, begins_odd_h);
        for channel in 0..channels {
            let ahead = Half { lines: half.lines.add((channel + 1) % 2 * half_elems), ..half };
            if channel + 1 < channels {
                transform_lines::<S, WINDOW>(input, channel + 1, ahead, begins_odd_h);
            }
            let this = Half { lines: half.lines.add(channel % 2 * half_elems), ..half };
            let to = Places { first: to.first.add(channel * to.channel_stride), ..to };
            let next = (channel + 2).min(channels - 1);
            let ahead = Ahead::new(input, next, tiles.offsets.len() / S::LANES * SIDE);
            transform_rows::<S, WINDOW>(this, tiles, to, begins_odd_w, ahead);
        }
    }
}

/// The columns of all lines of a channel times the matrix.
///
/// # Safety
/// As `transform`.
#[inline(always)]
unsafe fn transform_lines<S: Simd, const WINDOW: usize>(
    input: InputLines<'_>,
    channel: usize,
    half: Half,
    begins_odd: bool,
) {
    let InputLines { before, len, .. } = input;
    // SAFETY: the caller's promise.
    unsafe {
        let source = input.source.as_ptr().add(channel * input.channel_stride);
        for (index, lines) in input.lines.chunks_exact(WINDOW).enumerate() {
            let from = line_begins::<WINDOW>(lines, source, half.zeros);
            let to = half.lines.add(index * SIDE * half.pitch);
            if WINDOW == 5 {
                for at in (0..len).step_by(S::LANES) {
                    let column = load_column::<S, WINDOW>(from, at, len);
                    let column = transform_line::<S, WINDOW>(column, begins_odd);
                    for row in 0..SIDE {
                        S::store(to.add(row * half.pitch + before + at), column[row]);
                    }
                }
                continue;
            }
            // Even columns to the first half of each line, odd ones to the second.
            let odd = half.pitch / 2;
            let to = match before % 2 {
                0 => [to.add(before / 2), to.add(odd + before / 2)],
                _ => [to.add(odd + before / 2), to.add(before / 2 + 1)],
            };
            for at in (0..len).step_by(2 * S::LANES) {
                let first = load_column::<S, WINDOW>(from, at, len);
                let second = load_column::<S, WINDOW>(from, at + S::LANES, len);
                let first = transform_line::<S, WINDOW>(first, false);
                let second = transform_line::<S, WINDOW>(second, false);
                for row in 0..SIDE {
                    let place = row * half.pitch + at / 2;
                    let [a, b] = S::deinterleave(first[row], second[row]);
                    S::store(to[0].add(place), a);
                    S::store(to[1].add(place), b);
                }
            }
        }
    }
}

/// A vector of each of some lines of `len` floats, with zeros behind them.
///
/// # Safety
/// The lines must be readable; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn load_column<S: Simd, const WINDOW: usize>(
    from: [*const f32; WINDOW],
    at: usize,
    len: usize,
) -> [S::V; WINDOW] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut column = [S::splat(0.0); WINDOW];
        for row in 0..WINDOW {
            if at + S::LANES <= len {
                column[row] = S::load(from[row].add(at));
            } else if at < len {
                column[row] = S::load_first(from[row].add(at), len - at);
            }
        }
        column
    }
}

/// The rows of all tiles of a channel times the matrix.
///
/// # Safety
/// As `transform`; `to` begins with the channel.
#[inline(always)]
unsafe fn transform_rows<S: Simd, const WINDOW: usize>(
    half: Half,
    tiles: Tiles<'_>,
    to: Places<'_>,
    begins_odd: bool,
    mut ahead: Ahead<'_>,
) {
    for (index, offsets) in tiles.offsets.chunks_exact(S::LANES).enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let out = to.first.add(index % 2 * S::LANES);
            for row in 0..SIDE {
                ahead.ask();
                let (from, runs) = (half.lines.add(row * half.pitch), tiles.runs[index]);
                let even = S::load_6_columns(from, offsets.as_ptr(), runs);
                let mut columns = [even[0]; WINDOW];
                if WINDOW == 5 {
                    columns.copy_from_slice(&even[..5]);
                } else {
                    let odd = S::load_6_columns(from.add(half.pitch / 2), offsets.as_ptr(), runs);
                    for i in 0..5 {
                        columns[2 * i] = even[i];
                    }
                    for i in 0..4 {
                        columns[2 * i + 1] = odd[i];
                    }
                }
                let columns = transform_line::<S, WINDOW>(columns, begins_odd);
                for col in 0..SIDE {
                    let (first, panel_stride) = to.places[row * SIDE + col];
                    S::store(out.add(first + index / 2 * panel_stride), columns[col]);
                }
            }
        }
    }
}

/// One row or column of a tile times the input matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn transform_line<S: Simd, const WINDOW: usize>(
    d: [S::V; WINDOW],
    begins_odd: bool,
) -> [S::V; SIDE] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut even = [d[0]; 5];
        let mut v = [d[0]; SIDE];
        for i in 0..5 {
            even[i] = if WINDOW == 5 { d[i] } else { d[2 * i] };
        }
        for i in 0..4 {
            v[5 + i] = if WINDOW == SIDE {
                d[2 * i + 1]
            } else if begins_odd {
                d[i]
            } else {
                d[i + 1]
            };
        }
        let d = even;
        let (half, two) = (S::splat(0.5), S::splat(2.0));
        let mut shifted = [d[0]; 4];
        for i in 0..4 {
            shifted[i] = S::neg_mul_add(half, d[i], d[i + 1]);
        }
        v[0] = S::neg_mul_add(two, shifted[0], shifted[2]);
        v[4] = S::neg_mul_add(two, shifted[1], shifted[3]);
        v[1] = S::mul_add(S::splat(B), shifted[1], shifted[2]);
        v[2] = S::neg_mul_add(S::splat(B), shifted[1], shifted[2]);
        v[3] = S::neg_mul_add(two, d[1], d[3]);
        v
    }
}

/// One row or column of a filter times the filter matrix: of the points, and of tap 1.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
pub(super) unsafe fn filter_line<S: Simd>(g: [S::V; 3]) -> [S::V; MATRICES] {
    /// 1 / (2 b*b (b - 1/2)), 1 / (2 b*b (-b - 1/2)) and 1 / (1/2 (1/4 - b*b)), b = sqrt(2).
    const SCALES: [f32; 3] = [0.273_459_08, -0.130_601_94, -8.0 / 7.0];
    // SAFETY: the caller's promise.
    unsafe {
        let root = S::splat(B);
        [
            g[0],
            S::mul(S::splat(SCALES[0]), S::mul_add(root, g[2], g[0])),
            S::mul(S::splat(SCALES[1]), S::neg_mul_add(root, g[2], g[0])),
            S::mul(S::splat(SCALES[2]), S::mul_add(S::splat(0.5), g[2], g[0])),
            g[2],
            g[1],
        ]
    }
}

/// One row or column of sums of the points times the output matrix of F(4, 2), added to `more`.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn points_line<S: Simd>(m: [S::V; 5], more: Option<[S::V; 2]>) -> [S::V; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let (two, sum) = (S::splat(2.0), S::add(m[1], m[2]));
        let difference = S::mul(S::splat(B), S::sub(m[1], m[2]));
        let [first, second] = match more {
            Some([first, second]) => [S::add(difference, first), S::mul_add(two, sum, second)],
            None => [difference, S::mul(two, sum)],
        };
        [
            S::add(S::add(m[0], sum), m[3]),
            S::mul_add(S::splat(0.5), m[3], first),
            S::mul_add(S::splat(0.25), m[3], second),
            S::mul_add(S::splat(0.125), m[3], S::mul_add(two, difference, m[4])),
        ]
    }
}

/// One row or column of the sums of forward times the output matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
pub(super) unsafe fn output_line<S: Simd>(m: [S::V; SUMS]) -> [S::V; 4] {
    // SAFETY: the caller's promise.
    unsafe { points_line::<S>([m[0], m[1], m[2], m[3], m[4]], Some([m[5], m[6]])) }
}

/// The same of backward-data.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn output_line_back<S: Simd>(m: [S::V; SIDE], begins_odd: bool) -> [S::V; 8] {
    // SAFETY: the caller's promise.
    unsafe {
        let points = points_line::<S>([m[0], m[1], m[2], m[3], m[4]], None);
        let mut y = [m[0]; 8];
        for i in 0..4 {
            let pair = if begins_odd { [m[5 + i], points[i]] } else { [points[i], m[5 + i]] };
            [y[2 * i], y[2 * i + 1]] = pair;
        }
        y
    }
}

/// Arguments of [`transform_back`], as those of [`super::transform_output`].
#[derive(Clone, Copy)]
pub(super) struct Back {
    pub sums: *const f32,
    pub position_stride: usize,
    pub tiles: usize,
    pub planes: *mut f32,
    pub plane_stride: usize,
    pub begins_odd: [bool; 2],
}

isa_kernel! {
    /// Transforms the sums of backward-data to tiles of 8 x 8; `spoiled` becomes zero where all of them
    /// are finite.
    ///
    /// # Safety
    /// As [`super::transform_output`] asserts.
    pub(super) unsafe fn transform_back(back: Back, spoiled: &mut f32) = output_body
}

/// # Safety
/// As `transform_back`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn output_body<S: Simd>(back: Back, spoiled: &mut f32) {
    let [begins_odd_h, begins_odd_w] = back.begins_odd;
    // SAFETY: the caller's promise.
    unsafe {
        // Finite numbers times zero add up to zero, anything else to NaN.
        let mut zero_sum = S::splat(0.0);
        for first in (0..back.tiles).step_by(S::LANES) {
            let sums = back.sums.add(first);
            let mut half = [[S::splat(0.0); SIDE]; 8];
            for col in 0..SIDE {
                let mut line = [S::splat(0.0); SIDE];
                for row in 0..SIDE {
                    line[row] = S::load(sums.add((row * SIDE + col) * back.position_stride));
                }
                let line = output_line_back::<S>(line, begins_odd_h);
                for row in 0..8 {
                    half[row][col] = line[row];
                }
            }
            for row in 0..8 {
                let line = output_line_back::<S>(half[row], begins_odd_w);
                for col in 0..8 {
                    zero_sum = S::mul_add(line[col], S::splat(0.0), zero_sum);
                }
                store_8_interleaved::<S>(
                    back.planes.add(row * back.plane_stride + first * 8),
                    line,
                );
            }
        }
        let mut lanes = [0f32; MAX_LANES];
        S::store(lanes.as_mut_ptr(), zero_sum);
        *spoiled = lanes.iter().sum();
    }
}

/// `8 * LANES` floats: lane 0 of all columns, lane 1 of all columns, and so on.
///
/// # Safety
/// They must be writable; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn store_8_interleaved<S: Simd>(to: *mut f32, c: [S::V; 8]) {
    // SAFETY: the caller's promise.
    unsafe {
        // Columns four apart, then two apart, then neighbours.
        let mut fours = [[c[0]; 2]; 4];
        for i in 0..4 {
            fours[i] = S::interleave(c[i], c[i + 4]);
        }
        let mut twos = [[c[0]; 4]; 2];
        for i in 0..2 {
            for part in 0..2 {
                let [low, high] = S::interleave(fours[i][part], fours[i + 2][part]);
                [twos[i][2 * part], twos[i][2 * part + 1]] = [low, high];
            }
        }
        for part in 0..4 {
            let [low, high] = S::interleave(twos[0][part], twos[1][part]);
            S::store(to.add(2 * part * S::LANES), low);
            S::store(to.add((2 * part + 1) * S::LANES), high);
        }
    }
}
