//! Winograd's transform of products; the points and matrices are those of [`super::winograd`].

use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::winograd::{A, B, Form, tile_vector};
use super::winograd_stride2;
use crate::cpu::isa::Isa;

/// Transforms products back: for each tile, `sums[position * position_stride + tile]` to a square of
/// `form.tile()`. Its row r goes to `planes[r * plane_stride + tile * form.tile()]`, so that rows of
/// neighbouring tiles make up lines.
///
/// Returns whether all results are finite.
///
/// # Panics
/// Where a slice is too short, or tiles are no whole number of vectors.
pub fn transform_output(
    isa: Isa,
    form: Form,
    sums: &[f32],
    position_stride: usize,
    tiles: usize,
    planes: &mut [f32],
    plane_stride: usize,
) -> bool {
    let tile = form.tile();
    assert!(tiles.is_multiple_of(tile_vector(isa)));
    assert!((form.products().len() - 1) * position_stride + tiles <= sums.len());
    assert!(tiles * tile <= plane_stride && tile * plane_stride <= planes.len());
    let mut spoiled = 0.0;
    let back = Back {
        sums: sums.as_ptr(),
        position_stride,
        tiles,
        planes: planes.as_mut_ptr(),
        plane_stride,
    };
    // SAFETY: sums and results lie inside their slices, by the assertions.
    unsafe {
        match form {
            Form::Tile2Taps3 => transform_back::<4, 2>(isa, back, &mut spoiled),
            Form::Tile4Taps3 => transform_back::<6, 4>(isa, back, &mut spoiled),
            Form::Tile5Taps2 => transform_back::<6, 5>(isa, back, &mut spoiled),
            Form::Tile3Taps4 => transform_back::<6, 3>(isa, back, &mut spoiled),
            Form::Tile2Taps5 => transform_back::<6, 2>(isa, back, &mut spoiled),
            Form::Tile4Taps3Stride2 => transform_back::<7, 4>(isa, back, &mut spoiled),
            Form::Tile8Taps3Stride2 { begins_odd } => {
                let Back { sums, planes, .. } = back;
                let back = winograd_stride2::Back {
                    sums,
                    position_stride,
                    tiles,
                    planes,
                    plane_stride,
                    begins_odd,
                };
                winograd_stride2::transform_back(isa, back, &mut spoiled);
            }
        }
    }
    spoiled == 0.0
}

/// Arguments of [`transform_output`].
#[derive(Clone, Copy)]
struct Back {
    sums: *const f32,
    position_stride: usize,
    tiles: usize,
    planes: *mut f32,
    plane_stride: usize,
}

isa_kernel! {
    /// # Safety
    /// As [`transform_output`] asserts, for tiles of `TILE` squared with `SIDE` squared sums.
    unsafe fn transform_back[SIDE, TILE](back: Back, spoiled: &mut f32) = output_body
}

/// # Safety
/// As `transform_back`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn output_body<S: Simd, const SIDE: usize, const TILE: usize>(
    back: Back,
    spoiled: &mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        // Finite numbers times zero add up to zero, anything else to NaN.
        let mut zero_sum = S::splat(0.0);
        for first in (0..back.tiles).step_by(S::LANES) {
            let sums = back.sums.add(first);
            let mut half = [[S::splat(0.0); TILE]; SIDE];
            for row in 0..SIDE {
                let mut line = [S::splat(0.0); SIDE];
                for col in 0..SIDE {
                    line[col] = S::load(sums.add((row * SIDE + col) * back.position_stride));
                }
                half[row] = output_line::<S, SIDE, TILE>(line);
            }
            let mut result = [[S::splat(0.0); TILE]; TILE];
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
            for row in 0..TILE {
                let to = back.planes.add(row * back.plane_stride + first * TILE);
                if TILE == 4 {
                    let mut columns = [S::splat(0.0); 4];
                    columns.copy_from_slice(&result[row]);
                    S::store_4_interleaved(to, columns);
                } else if TILE == 5 {
                    let mut columns = [S::splat(0.0); 4];
                    columns.copy_from_slice(&result[row][..4]);
                    store_5_interleaved::<S>(to, columns, result[row][TILE - 1]);
                } else if TILE == 3 {
                    let [first, second, third] =
                        [result[row][0], result[row][1], result[row][TILE - 1]];
                    store_3_interleaved::<S>(to, [first, second, third]);
                } else {
                    S::store_2_interleaved(to, [result[row][0], result[row][1]]);
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
        if SIDE == winograd_stride2::SUMS {
            let mut sums = [m[0]; winograd_stride2::SUMS];
            sums.copy_from_slice(&m);
            y.copy_from_slice(&winograd_stride2::output_line::<S>(sums));
            return y;
        }
        if SIDE == 4 {
            y[0] = S::add(S::add(m[0], m[1]), m[2]);
            y[1] = S::sub(S::sub(m[1], m[2]), m[3]);
            return y;
        }
        y.copy_from_slice(&points_line::<S, TILE>([m[0], m[1], m[2], m[3], m[4], m[5]]));
        y
    }
}

/// One row or column of sums of the six points times the output matrix of 2 to 5 results: the powers of
/// the points, divided by what the filter matrix has not been, and the product at infinity for the last one.
///
/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
pub(super) unsafe fn points_line<S: Simd, const TILE: usize>(m: [S::V; 6]) -> [S::V; TILE] {
    /// 1 / (2 a*a (a*a - b*b)) and 1 / (2 b*b (b*b - a*a)), where a*a is 1/2 and b*b is 2.
    const SCALE: [f32; 2] = [-2.0 / 3.0, 1.0 / 6.0];
    /// a, b and their powers.
    const POWERS: [[f32; 2]; 5] = [[1.0, 1.0], [A, B], [0.5, 2.0], [A * 0.5, B * 2.0], [0.25, 4.0]];
    // SAFETY: the caller's promise.
    unsafe {
        let (sum_a, difference_a) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (sum_b, difference_b) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        let mut y = [m[0]; TILE];
        for power in 0..TILE {
            let (of_a, of_b) = (SCALE[0] * POWERS[power][0], SCALE[1] * POWERS[power][1]);
            let (a, b) = if power % 2 == 0 { (sum_a, sum_b) } else { (difference_a, difference_b) };
            let b = if power == 0 {
                S::mul_add(S::splat(of_b), b, m[0])
            } else if power + 1 == TILE {
                S::mul_add(S::splat(of_b), b, m[5])
            } else {
                S::mul(S::splat(of_b), b)
            };
            y[power] = S::mul_add(S::splat(of_a), a, b);
        }
        y
    }
}

/// `3 * LANES` floats: lane 0 of all columns, lane 1 of all columns, and so on.
///
/// # Safety
/// They must be writable; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn store_3_interleaved<S: Simd>(to: *mut f32, [a, b, c]: [S::V; 3]) {
    /// The first three of each four lanes.
    const THREES: u32 = 0x7777;
    let mut fours = [0f32; 4 * MAX_LANES];
    // SAFETY: the array has room for four vectors; the first stores end inside the last one's room.
    unsafe {
        S::store_4_interleaved(fours.as_mut_ptr(), [a, b, c, c]);
        let threes = S::LANES / 4 * 3;
        for vector in 0..4 {
            let packed = S::compress(S::load(fours.as_ptr().add(vector * S::LANES)), THREES);
            let to = to.add(vector * threes);
            if vector < 3 {
                S::store(to, packed);
            } else {
                S::store_first(to, packed, threes);
            }
        }
    }
}

/// `5 * LANES` floats: lane 0 of four columns and of the fifth, lane 1 of these, and so on.
///
/// # Safety
/// They must be writable; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn store_5_interleaved<S: Simd>(to: *mut f32, four: [S::V; 4], fifth: S::V) {
    let (mut fours, mut last) = ([[0f32; 4]; MAX_LANES], [0f32; MAX_LANES]);
    // SAFETY: the arrays have room for as many vectors.
    unsafe {
        S::store_4_interleaved(fours.as_mut_ptr().cast(), four);
        S::store(last.as_mut_ptr(), fifth);
        for lane in 0..S::LANES {
            let to = to.add(5 * lane);
            to.cast::<[f32; 4]>().write_unaligned(fours[lane]);
            to.add(4).write(last[lane]);
        }
    }
}
