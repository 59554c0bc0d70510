//! Winograd's transforms of inputs and results; those of filters are in [`super::winograd_filter`].
//!
//! Interpolation points: 0, 1, -1 and infinity for F(2x2, 3x3); 0, +-sqrt(1/2),
//! +-sqrt(2) and infinity for F(4x4, 3x3) and F(2x2, 5x5), whose transform of the input is
//! therefore the same. Of the symmetric choices tried, the
//! latter has about the least error. Simulated in f32 against f64 on normally
//! distributed data of 16, 64 and 512 channels, the RMS error of F(4x4, 3x3) is 1.7, 2.0 and
//! 1.4 times that of direct sums, and 4.2, 4.1 and 3.6 times with 0, +-1, +-2.
//! Matrices by Toom and Cook: Lavin and Gray, "Fast Algorithms for Convolutional
//! Neural Networks", 2015.

use super::block::panel_columns;
use super::simd::{MAX_LANES, Simd, isa_kernel};
use crate::cpu::isa::Isa;

/// a = sqrt(1/2); a squared is 1/2.
pub(super) const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// b = sqrt(2); b squared is 2.
pub(super) const B: f32 = std::f32::consts::SQRT_2;

/// A form of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// F(2x2, 3x3): tiles of 2 x 2 results, filters of 3 x 3.
    Tile2Taps3,
    /// F(4x4, 3x3).
    Tile4Taps3,
    /// F(2x2, 5x5).
    Tile2Taps5,
}

impl Form {
    /// Results of a tile in each dimension.
    pub fn tile(self) -> usize {
        match self {
            Form::Tile2Taps3 | Form::Tile2Taps5 => 2,
            Form::Tile4Taps3 => 4,
        }
    }

    /// Filter positions in each dimension.
    pub fn taps(self) -> usize {
        match self {
            Form::Tile2Taps3 | Form::Tile4Taps3 => 3,
            Form::Tile2Taps5 => 5,
        }
    }

    /// Positions of a transformed tile in each dimension: as many as a tile has inputs.
    pub fn side(self) -> usize {
        self.tile() + self.taps() - 1
    }

    /// Positions of a transformed tile.
    pub fn positions(self) -> usize {
        self.side() * self.side()
    }
}

/// Tiles in the planes of some channels.
#[derive(Clone, Copy, Debug)]
pub struct InputTiles<'a> {
    /// The planes.
    pub planes: &'a [f32],
    /// Distance of neighbouring channels.
    pub channel_stride: usize,
    /// Distance of neighbouring rows.
    pub row_stride: usize,
    /// Offset of each tile; a whole number of panels.
    pub offsets: &'a [usize],
    /// Distance of neighbouring positions in the panels.
    pub position_stride: usize,
}

/// Transforms tiles of `form.side()` squared into panels for the GEMM kernel, one
/// matrix of `channels` rows for each of the positions.
///
/// # Panics
/// Where a tile lies outside the planes, or `panels` is too short.
pub fn transform_input(
    isa: Isa,
    form: Form,
    input: InputTiles<'_>,
    channels: usize,
    panels: &mut [f32],
) {
    let side = form.side();
    let tiles = input.offsets.len();
    assert!(tiles.is_multiple_of(panel_columns(isa)));
    let last = input.offsets.iter().max().map_or(0, |offset| {
        offset + channels.saturating_sub(1) * input.channel_stride + (side - 1) * input.row_stride
    });
    assert!(last + side <= input.planes.len());
    assert!(tiles * channels <= input.position_stride);
    assert!(side * side * input.position_stride <= panels.len());
    // SAFETY: tiles lie inside the planes and results inside `panels`, by the assertions.
    unsafe {
        match form {
            Form::Tile2Taps3 => transform::<4>(isa, input, channels, panels.as_mut_ptr()),
            Form::Tile4Taps3 | Form::Tile2Taps5 => {
                transform::<6>(isa, input, channels, panels.as_mut_ptr());
            }
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`transform_input`] asserts, for tiles of `SIDE` squared.
    unsafe fn transform[SIDE](input: InputTiles<'_>, channels: usize, panels: *mut f32) = input_body
}

/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn input_body<S: Simd, const SIDE: usize>(
    input: InputTiles<'_>,
    channels: usize,
    panels: *mut f32,
) {
    let panel_cols = 2 * S::LANES;
    let position_stride = input.position_stride;
    for (index, offsets) in input.offsets.chunks_exact(S::LANES).enumerate() {
        let at = index / 2 * panel_cols * channels + index % 2 * S::LANES;
        for channel in 0..channels {
            // SAFETY: the caller's promise.
            unsafe {
                let mut tile = [input.planes.as_ptr(); MAX_LANES];
                for lane in 0..S::LANES {
                    tile[lane] = tile[lane].add(offsets[lane] + channel * input.channel_stride);
                }
                let mut half = [[S::splat(0.0); SIDE]; SIDE];
                for row in 0..SIDE {
                    let columns = load_columns::<S, SIDE>(&tile, row * input.row_stride);
                    half[row] = input_line::<S, SIDE>(columns);
                }
                let out = panels.add(at + channel * panel_cols);
                for col in 0..SIDE {
                    let mut line = [S::splat(0.0); SIDE];
                    for row in 0..SIDE {
                        line[row] = half[row][col];
                    }
                    let line = input_line::<S, SIDE>(line);
                    for row in 0..SIDE {
                        S::store(out.add((row * SIDE + col) * position_stride), line[row]);
                    }
                }
            }
        }
    }
}

/// `SIDE` floats of each tile, at `offset` from its begin.
///
/// # Safety
/// They must be readable.
#[inline(always)]
pub(super) unsafe fn load_columns<S: Simd, const SIDE: usize>(
    tile: &[*const f32; MAX_LANES],
    offset: usize,
) -> [S::V; SIDE] {
    // SAFETY: the caller's promise; columns 2 to 5 hold the last two of six.
    unsafe {
        let mut at = *tile;
        for lane in 0..S::LANES {
            at[lane] = at[lane].add(offset);
        }
        let low = S::load_4_columns(at);
        let mut columns = [low[0]; SIDE];
        columns[..4].copy_from_slice(&low);
        if SIDE == 6 {
            for lane in 0..S::LANES {
                at[lane] = at[lane].add(2);
            }
            let high = S::load_4_columns(at);
            columns[4] = high[2];
            columns[5] = high[3];
        }
        columns
    }
}

/// One row or column of a tile times the input matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
pub(super) unsafe fn input_line<S: Simd, const SIDE: usize>(d: [S::V; SIDE]) -> [S::V; SIDE] {
    let mut v = d;
    // SAFETY: the caller's promise.
    unsafe {
        if SIDE == 4 {
            v[0] = S::sub(d[0], d[2]);
            v[1] = S::add(d[1], d[2]);
            v[2] = S::sub(d[2], d[1]);
            v[3] = S::sub(d[1], d[3]);
        } else {
            let (sum, two, half) = (S::splat(2.5), S::splat(2.0), S::splat(0.5));
            // a*a * b*b = 1 and a*a + b*b = 2.5.
            v[0] = S::add(S::neg_mul_add(sum, d[2], d[4]), d[0]);
            v[5] = S::add(S::neg_mul_add(sum, d[3], d[5]), d[1]);
            let (even, odd) = (S::neg_mul_add(two, d[2], d[4]), S::neg_mul_add(two, d[1], d[3]));
            v[1] = S::mul_add(S::splat(A), odd, even);
            v[2] = S::neg_mul_add(S::splat(A), odd, even);
            let (even, odd) = (S::neg_mul_add(half, d[2], d[4]), S::neg_mul_add(half, d[1], d[3]));
            v[3] = S::mul_add(S::splat(B), odd, even);
            v[4] = S::neg_mul_add(S::splat(B), odd, even);
        }
    }
    v
}

/// Transforms products back: for each tile, `sums[position * position_stride + tile]`
/// to a square of `form.tile()` at `plane[offsets[tile]]`, rows `row_stride` apart.
///
/// Returns whether all results are finite.
///
/// # Panics
/// Where a slice is too short, or tiles are no whole number of panels.
pub fn transform_output(
    isa: Isa,
    form: Form,
    sums: &[f32],
    position_stride: usize,
    offsets: &[usize],
    plane: &mut [f32],
    row_stride: usize,
) -> bool {
    let tile = form.tile();
    assert!(offsets.len().is_multiple_of(panel_columns(isa)));
    assert!((form.positions() - 1) * position_stride + offsets.len() <= sums.len());
    let last = offsets.iter().max().map_or(0, |offset| offset + (tile - 1) * row_stride + tile);
    assert!(last <= plane.len());
    let mut spoiled = 0.0;
    let (sums, plane, spoiled_out) = (sums.as_ptr(), plane.as_mut_ptr(), &mut spoiled);
    // SAFETY: sums and results lie inside their slices, by the assertions.
    unsafe {
        match form {
            Form::Tile2Taps3 => {
                transform_back::<4, 2>(
                    isa,
                    sums,
                    position_stride,
                    offsets,
                    plane,
                    row_stride,
                    spoiled_out,
                );
            }
            Form::Tile4Taps3 => {
                transform_back::<6, 4>(
                    isa,
                    sums,
                    position_stride,
                    offsets,
                    plane,
                    row_stride,
                    spoiled_out,
                );
            }
            Form::Tile2Taps5 => {
                transform_back::<6, 2>(
                    isa,
                    sums,
                    position_stride,
                    offsets,
                    plane,
                    row_stride,
                    spoiled_out,
                );
            }
        }
    }
    spoiled == 0.0
}

isa_kernel! {
    /// # Safety
    /// As [`transform_output`] asserts, for tiles of `TILE` squared with `SIDE` squared positions.
    unsafe fn transform_back[SIDE, TILE](
        sums: *const f32, position_stride: usize, offsets: &[usize],
        plane: *mut f32, row_stride: usize, spoiled: &mut f32,
    ) = output_body
}

/// # Safety
/// As `transform_back`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn output_body<S: Simd, const SIDE: usize, const TILE: usize>(
    sums: *const f32,
    position_stride: usize,
    offsets: &[usize],
    plane: *mut f32,
    row_stride: usize,
    spoiled: &mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        // Finite numbers times zero add up to zero, anything else to NaN.
        let mut zero_sum = S::splat(0.0);
        for (index, offsets) in offsets.chunks_exact(S::LANES).enumerate() {
            let sums = sums.add(index * S::LANES);
            let mut half = [[S::splat(0.0); TILE]; SIDE];
            for row in 0..SIDE {
                let mut line = [S::splat(0.0); SIDE];
                for col in 0..SIDE {
                    line[col] = S::load(sums.add((row * SIDE + col) * position_stride));
                }
                half[row] = output_line::<S, SIDE, TILE>(line);
            }
            let mut result = [[S::splat(0.0); 4]; TILE];
            for col in 0..TILE {
                let mut line = [S::splat(0.0); SIDE];
                for row in 0..SIDE {
                    line[row] = half[row][col];
                }
                let line = output_line::<S, SIDE, TILE>(line);
                for row in 0..TILE {
                    result[row][col] = line[row];
                    zero_sum = S::mul_add(line[row], S::splat(0.0), zero_sum);
                }
            }
            if TILE == 4 {
                for row in 0..TILE {
                    let mut to = [plane; MAX_LANES];
                    for lane in 0..S::LANES {
                        to[lane] = plane.add(offsets[lane] + row * row_stride);
                    }
                    S::store_4_columns(to, result[row]);
                }
            } else {
                // Both rows of a tile side by side, by way of a buffer.
                let mut buffer = [0f32; 4 * MAX_LANES];
                let mut to = [buffer.as_mut_ptr(); MAX_LANES];
                for lane in 0..S::LANES {
                    to[lane] = to[lane].add(4 * lane);
                }
                let [upper, lower] = [result[0], result[TILE - 1]];
                S::store_4_columns(to, [upper[0], upper[1], lower[0], lower[1]]);
                for (values, &offset) in buffer.chunks_exact(4).zip(offsets) {
                    let to = plane.add(offset);
                    to.cast::<[f32; 2]>().write_unaligned([values[0], values[1]]);
                    let to = to.add(row_stride);
                    to.cast::<[f32; 2]>().write_unaligned([values[2], values[3]]);
                }
            }
        }
        let mut lanes = [0f32; MAX_LANES];
        S::store(lanes.as_mut_ptr(), zero_sum);
        *spoiled = lanes.iter().sum();
    }
}

/// One row or column of sums times the output matrix.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn output_line<S: Simd, const SIDE: usize, const TILE: usize>(
    m: [S::V; SIDE],
) -> [S::V; TILE] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut y = [m[0]; TILE];
        if SIDE == 4 {
            y[0] = S::add(S::add(m[0], m[1]), m[2]);
            y[1] = S::sub(S::sub(m[1], m[2]), m[3]);
            return y;
        }
        let (sum_a, difference_a) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (sum_b, difference_b) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        y[0] = S::add(S::add(m[0], sum_a), sum_b);
        y[1] = S::mul_add(S::splat(A), difference_a, S::mul(S::splat(B), difference_b));
        if TILE == 2 {
            y[1] = S::add(y[1], m[5]);
        } else {
            let (half, two) = (S::splat(0.5), S::splat(2.0));
            y[2] = S::mul_add(half, sum_a, S::mul(two, sum_b));
            y[3] = S::mul_add(
                S::splat(A * 0.5),
                difference_a,
                S::mul_add(S::splat(B * 2.0), difference_b, m[5]),
            );
        }
        y
    }
}
