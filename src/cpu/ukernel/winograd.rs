//! The forms of Winograd's algorithm, and what their transforms have in common.
//!
//! Interpolation points: 0, 1, -1 and infinity for F(2x2, 3x3); 0, +-sqrt(1/2),
//! +-sqrt(2) and infinity for F(5x5, 2x2), F(4x4, 3x3), F(3x3, 4x4) and F(2x2, 5x5), whose transform of the input is
//! therefore the same. Of the symmetric choices tried, the
//! latter has about the least error. Simulated in f32 against f64 on normally
//! distributed data of 16, 64 and 512 channels, the RMS error of F(4x4, 3x3) is 1.7, 2.0 and
//! 1.4 times that of direct sums, and 4.2, 4.1 and 3.6 times with 0, +-1, +-2.
//! Matrices by Toom and Cook: Lavin and Gray, "Fast Algorithms for Convolutional
//! Neural Networks", 2015.

use super::block::panel_columns;
use super::simd::{MAX_LANES, Simd};
use super::winograd_gemm::{PRODUCTS_16, PRODUCTS_36, Product};
use super::winograd_stride2;
use crate::cpu::isa::Isa;

/// a = sqrt(1/2); a squared is 1/2.
pub(super) const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// b = sqrt(2); b squared is 2.
pub(super) const B: f32 = std::f32::consts::SQRT_2;

/// Tiles are handled by vectors of so many.
pub fn tile_vector(isa: Isa) -> usize {
    panel_columns(isa) / 2
}

/// A form of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// F(2x2, 3x3): tiles of 2 x 2 results, filters of 3 x 3.
    Tile2Taps3,
    /// F(4x4, 3x3).
    Tile4Taps3,
    /// F(5x5, 2x2).
    Tile5Taps2,
    /// F(3x3, 4x4).
    Tile3Taps4,
    /// F(2x2, 5x5).
    Tile2Taps5,
    /// Tiles of 4 x 4 results, filters of 3 x 3 with stride 2; even inputs meet two taps, odd ones the third.
    Tile4Taps3Stride2,
    /// Its backward-data, tiles of 8 x 8 results: whether the first one meets tap 1, in h and w.
    Tile8Taps3Stride2 { begins_odd: [bool; 2] },
}

impl Form {
    /// Results of a tile in each dimension.
    pub fn tile(self) -> usize {
        match self {
            Form::Tile2Taps3 | Form::Tile2Taps5 => 2,
            Form::Tile3Taps4 => 3,
            Form::Tile5Taps2 => 5,
            Form::Tile4Taps3 | Form::Tile4Taps3Stride2 => 4,
            Form::Tile8Taps3Stride2 { .. } => 8,
        }
    }

    /// Whether the filter is one of a stride of 2, of two kinds of products.
    pub fn has_stride_2(self) -> bool {
        matches!(self, Form::Tile4Taps3Stride2 | Form::Tile8Taps3Stride2 { .. })
    }

    /// Filter positions in each dimension.
    pub fn taps(self) -> usize {
        match self {
            Form::Tile5Taps2 => 2,
            Form::Tile2Taps5 => 5,
            Form::Tile3Taps4 => 4,
            _ => 3,
        }
    }

    /// Inputs of a tile in each dimension.
    pub fn window(self) -> usize {
        match self {
            Form::Tile4Taps3Stride2 => 9,
            Form::Tile8Taps3Stride2 { .. } => 5,
            _ => self.tile() + self.taps() - 1,
        }
    }

    /// Inputs from one tile to the next.
    pub fn step(self) -> usize {
        match self {
            Form::Tile4Taps3Stride2 => 8,
            Form::Tile8Taps3Stride2 { .. } => 4,
            _ => self.tile(),
        }
    }

    /// Positions of a transformed tile in each dimension.
    pub fn side(self) -> usize {
        match self {
            Form::Tile4Taps3Stride2 | Form::Tile8Taps3Stride2 { .. } => 9,
            _ => self.window(),
        }
    }

    /// Positions of a transformed tile.
    pub fn positions(self) -> usize {
        self.side() * self.side()
    }

    /// What is multiplied with what: one for each sum of a tile.
    pub fn products(self) -> &'static [Product] {
        match self {
            Form::Tile2Taps3 => &PRODUCTS_16,
            Form::Tile4Taps3Stride2 => &winograd_stride2::PRODUCTS,
            Form::Tile8Taps3Stride2 { .. } => &winograd_stride2::PRODUCTS_BACK,
            _ => &PRODUCTS_36,
        }
    }

    /// Weights of a transformed filter of one channel.
    pub fn weights(self) -> usize {
        match self {
            Form::Tile2Taps3 => 16,
            Form::Tile4Taps3Stride2 => winograd_stride2::FILTER_PARTS.len(),
            _ => 36,
        }
    }
}

/// `SIDE` floats of each of a vector of tiles; `runs` as in [`Simd::load_6_columns`].
///
/// # Safety
/// They must be readable.
#[inline(always)]
pub(super) unsafe fn load_columns<S: Simd, const SIDE: usize>(
    from: *const f32,
    offsets: *const usize,
    runs: u32,
) -> [S::V; SIDE] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut columns = [S::splat(0.0); SIDE];
        if SIDE == 6 {
            columns.copy_from_slice(&S::load_6_columns(from, offsets, runs));
        } else {
            let mut at = [from; MAX_LANES];
            for lane in 0..S::LANES {
                at[lane] = from.add(*offsets.add(lane));
            }
            columns.copy_from_slice(&S::load_4_columns(at));
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
