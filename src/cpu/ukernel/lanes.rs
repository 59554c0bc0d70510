//! Pixels whose channels fill a vector: depthwise convolution of planes, a vector of channels at a
//! time.
//!
//! A tile is a row of pixels, each a vector: lane l of it belongs to channel l. Where there are
//! fewer channels than lanes, those beyond repeat the last channel, so that nobody has to tell
//! them apart.

use super::lines::{Line, LineShape};
use super::simd::{MAX_LANES, Simd, isa_kernel};
use super::taps::PixelTap;
use crate::config::IsaLevel;
use crate::cpu::isa::Isa;
use crate::cpu::tiles::EvenParts;
use crate::memory::MatrixMut;

/// Pixels behind the last line that a tile must have room for: lines are written by fours.
pub const TILE_SLACK_PIXELS: usize = 4;

/// Pixels that are transposed at a time.
const COLUMNS: usize = 4;

/// Channels of a tile.
pub fn tile_lanes(isa: Isa) -> usize {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        IsaLevel::Avx512 => super::simd::Avx512::LANES,
        #[cfg(target_arch = "x86_64")]
        IsaLevel::Avx2Fma => super::simd::Avx2::LANES,
        _ => super::simd::Scalar::LANES,
    }
}

/// Planes of up to [`tile_lanes`] channels: pixel i of channel c lies at `first + c * stride + i`.
#[derive(Clone, Copy, Debug)]
pub struct ChannelPlanes<'a> {
    pub data: &'a [f32],
    pub first: usize,
    pub channels: usize,
    pub stride: usize,
}

/// Fills lines of a tile, which rise in it and count in pixels; up to [`TILE_SLACK_PIXELS`] behind
/// the last one are undefined afterwards. Elements of a line are contiguous.
///
/// # Panics
/// Where a line lies outside the tile or an element outside the planes.
pub fn stage_tile(
    isa: Isa,
    planes: ChannelPlanes<'_>,
    lines: &[Line],
    shape: LineShape,
    tile: &mut [f32],
) {
    let ChannelPlanes { data, first, channels, stride } = planes;
    let LineShape { before, len, total, .. } = shape;
    let lanes = tile_lanes(isa);
    assert!(before + len <= total && (1..=lanes).contains(&channels));
    let (mut last_to, mut last_from) = (0, 0);
    for &(to, from) in lines {
        last_to = last_to.max(to);
        last_from = last_from.max(from.unwrap_or(0));
    }
    assert!((last_to + total + TILE_SLACK_PIXELS) * lanes <= tile.len());
    let last_channel = first + (channels - 1) * stride;
    let reach = last_channel + len.next_multiple_of(COLUMNS);
    let (lines, last_lines) = if last_from + reach <= data.len() {
        (lines, &[][..])
    } else {
        // From the first line on where vectors would read past the end.
        let crosses = |line: &Line| line.1.is_some_and(|from| from + reach > data.len());
        lines.split_at(lines.iter().position(crosses).unwrap_or(lines.len()))
    };
    // SAFETY: lines lie inside the tile, slack included, and read whole fours inside the planes.
    unsafe {
        let first = data.as_ptr().add(first.min(data.len()));
        let source = Source { first, channels, stride };
        stage(isa, source, lines, shape, tile.as_mut_ptr());
    }
    for &(to, from) in last_lines {
        let line = &mut tile[to * lanes..][..total * lanes];
        line.fill(0.0);
        let Some(from) = from else {
            continue;
        };
        for (index, pixel) in line.chunks_exact_mut(lanes).skip(before).take(len).enumerate() {
            for (lane, value) in pixel.iter_mut().enumerate() {
                *value = data[first + lane.min(channels - 1) * stride + from + index];
            }
        }
    }
}

/// The reverse for one run of pixels: `out[c][i] = tile[i][c]`.
///
/// # Panics
/// Where the tile is shorter, or rows are not contiguous or more than [`tile_lanes`].
pub fn unstage_tile(isa: Isa, tile: &[f32], out: &mut MatrixMut<'_, f32>) {
    let (channels, pixels) = out.shape();
    let (stride, col_stride) = out.strides();
    let lanes = tile_lanes(isa);
    assert!((1..=lanes).contains(&channels) && (col_stride == 1 || pixels == 1));
    assert!(pixels * lanes <= tile.len());
    // SAFETY: the tile has all pixels, and `out` is an exclusive matrix with contiguous rows.
    unsafe { unstage(isa, tile.as_ptr(), out.as_mut_ptr(), channels, stride, pixels) }
}

/// How lines of pixels go through two tiles; distances in pixels.
#[derive(Clone, Copy, Debug)]
pub struct TileLines {
    pub lines: usize,
    pub pixels: usize,
    /// From pixel to pixel and from line to line, in the tile that taps read.
    pub step: usize,
    pub line_step: usize,
    /// In the other tile: of sums, or of dy.
    pub other_step: usize,
    pub other_line_step: usize,
}

impl TileLines {
    /// The last pixel that is met at a step and a line step, counted from the first.
    fn last(self, step: usize, line_step: usize) -> usize {
        (self.pixels - 1) * step + (self.lines - 1) * line_step
    }
}

/// Sums over taps, in order, vector by vector: pixel i of line l of `out` becomes the sum over t
/// of `weights[t.weights..]` times the tile's pixel of line l at `t.input`; or is added to, where
/// `accumulate`. Taps count in floats.
///
/// # Panics
/// Where something lies outside its slice.
#[allow(clippy::too_many_arguments)] // two inputs and how they are gone through
pub fn sum_tile(
    isa: Isa,
    tile: &[f32],
    weights: &[f32],
    taps: &[PixelTap],
    shape: TileLines,
    out: &mut [f32],
    accumulate: bool,
) {
    if shape.lines == 0 || shape.pixels == 0 {
        return;
    }
    let lanes = tile_lanes(isa);
    let last_input = taps.iter().map(|tap| tap.input).max().unwrap_or(0);
    let last_weights = taps.iter().map(|tap| tap.weights).max().unwrap_or(0);
    let last = shape.last(shape.step, shape.line_step) * lanes;
    let last_out = shape.last(shape.other_step, shape.other_line_step) * lanes;
    assert!(taps.is_empty() || last_input + last + lanes <= tile.len());
    assert!(taps.is_empty() || last_weights + lanes <= weights.len());
    assert!(last_out + lanes <= out.len());
    // SAFETY: by the assertions.
    unsafe {
        let inputs = [tile.as_ptr(), weights.as_ptr()];
        sum(isa, inputs, taps, shape, out.as_mut_ptr(), accumulate);
    }
}

/// Sums over pixels, line after line: to `sums[t.weights..]` of each tap is added, vector by
/// vector, the sum of the products of dy's pixels with those of x at `t.input`.
///
/// # Panics
/// Where something lies outside its slice.
pub fn add_tile_products(
    isa: Isa,
    x: &[f32],
    dy: &[f32],
    taps: &[PixelTap],
    shape: TileLines,
    sums: &mut [f32],
) {
    if shape.lines == 0 || shape.pixels == 0 || taps.is_empty() {
        return;
    }
    let lanes = tile_lanes(isa);
    let last_input = taps.iter().map(|tap| tap.input).max().unwrap_or(0);
    let last_sum = taps.iter().map(|tap| tap.weights).max().unwrap_or(0);
    let last = shape.last(shape.step, shape.line_step) * lanes;
    let last_dy = shape.last(shape.other_step, shape.other_line_step) * lanes;
    assert!(last_input + last + lanes <= x.len());
    assert!(last_dy + lanes <= dy.len());
    assert!(last_sum + lanes <= sums.len());
    // SAFETY: by the assertions.
    unsafe { add(isa, [x.as_ptr(), dy.as_ptr()], taps, shape, sums.as_mut_ptr()) }
}

/// As [`ChannelPlanes`], from the first channel on.
#[derive(Clone, Copy)]
struct Source {
    first: *const f32,
    channels: usize,
    stride: usize,
}

isa_kernel! {
    /// # Safety
    /// As [`stage_tile`] says.
    unsafe fn stage(
        source: Source,
        lines: &[Line],
        shape: LineShape,
        tile: *mut f32,
    ) = stage_body
}

/// # Safety
/// As `stage`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn stage_body<S: Simd>(source: Source, lines: &[Line], shape: LineShape, tile: *mut f32) {
    let LineShape { before, len, total, .. } = shape;
    let mut of_lane = [0; MAX_LANES];
    for lane in 0..S::LANES {
        of_lane[lane] = lane.min(source.channels - 1) * source.stride;
    }
    // SAFETY: the caller's promise. What a line leaves behind its end is overwritten by the zeros
    // behind it and by the lines that follow.
    unsafe {
        for &(to, from) in lines {
            let line = tile.add(to * S::LANES);
            let Some(from) = from else {
                zeros::<S>(line, total);
                continue;
            };
            zeros::<S>(line, before);
            let inside = line.add(before * S::LANES);
            let from = source.first.add(from);
            let mut at = 0;
            while at < len {
                let mut pixels = [from; MAX_LANES];
                for lane in 0..S::LANES {
                    pixels[lane] = from.add(of_lane[lane] + at);
                }
                let columns = S::load_4_columns(pixels);
                for i in 0..COLUMNS {
                    S::store(inside.add((at + i) * S::LANES), columns[i]);
                }
                at += COLUMNS;
            }
            zeros::<S>(inside.add(len * S::LANES), total - before - len);
        }
    }
}

/// Pixels of zeros.
///
/// # Safety
/// They must be writable.
#[inline(always)]
unsafe fn zeros<S: Simd>(to: *mut f32, pixels: usize) {
    for pixel in 0..pixels {
        // SAFETY: the caller's promise.
        unsafe { S::store(to.add(pixel * S::LANES), S::splat(0.0)) };
    }
}

isa_kernel! {
    /// # Safety
    /// As [`unstage_tile`] asserts.
    unsafe fn unstage(
        tile: *const f32,
        out: *mut f32,
        channels: usize,
        stride: usize,
        pixels: usize,
    ) = unstage_body
}

/// # Safety
/// As `unstage`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn unstage_body<S: Simd>(
    tile: *const f32,
    out: *mut f32,
    channels: usize,
    stride: usize,
    pixels: usize,
) {
    let mut of_lane = [0; MAX_LANES];
    for lane in 0..S::LANES {
        of_lane[lane] = lane.min(channels - 1) * stride;
    }
    // SAFETY: the caller's promise. Lanes that repeat the last channel write what it does.
    unsafe {
        if pixels < COLUMNS {
            for channel in 0..channels {
                for pixel in 0..pixels {
                    let value = tile.add(pixel * S::LANES + channel).read();
                    out.add(channel * stride + pixel).write(value);
                }
            }
            return;
        }
        for at in (0..pixels).step_by(COLUMNS) {
            // The last four overlap those before, and give the same there.
            let at = at.min(pixels - COLUMNS);
            let mut columns = [S::splat(0.0); COLUMNS];
            for i in 0..COLUMNS {
                columns[i] = S::load(tile.add((at + i) * S::LANES));
            }
            let mut to = [out; MAX_LANES];
            for lane in 0..S::LANES {
                to[lane] = out.add(of_lane[lane] + at);
            }
            S::store_4_columns(to, columns);
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`sum_tile`] asserts; `inputs` are the tile and the weights.
    unsafe fn sum(
        inputs: [*const f32; 2],
        taps: &[PixelTap],
        shape: TileLines,
        out: *mut f32,
        accumulate: bool,
    ) = sum_body
}

/// # Safety
/// As `sum`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn sum_body<S: Simd>(
    inputs: [*const f32; 2],
    taps: &[PixelTap],
    shape: TileLines,
    out: *mut f32,
    accumulate: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        // Distances that the compiler knows become part of the addresses.
        match shape.step {
            1 => sum_lines::<S, 1>(inputs, taps, shape, out, accumulate),
            2 => sum_lines::<S, 2>(inputs, taps, shape, out, accumulate),
            _ => sum_lines::<S, 0>(inputs, taps, shape, out, accumulate),
        }
    }
}

/// Most pixels that are summed at a time: with a vector of weights they fill sixteen registers.
const MAX_PIXELS: usize = 14;

/// # Safety
/// As `sum`; `STEP` is the step, or 0.
#[inline(always)]
unsafe fn sum_lines<S: Simd, const STEP: usize>(
    [tile, weights]: [*const f32; 2],
    taps: &[PixelTap],
    shape: TileLines,
    out: *mut f32,
    accumulate: bool,
) {
    let blocks = shape.pixels.div_ceil(MAX_PIXELS);
    let lengths = EvenParts::new(shape.pixels, blocks);
    for line in 0..shape.lines {
        let mut pixel = 0;
        for block in 0..blocks {
            let pixels = lengths.of(block);
            // SAFETY: the caller's promise.
            unsafe {
                let sums = Sums {
                    tile: tile.add((line * shape.line_step + pixel * shape.step) * S::LANES),
                    weights,
                    step: shape.step * S::LANES,
                    out: out
                        .add((line * shape.other_line_step + pixel * shape.other_step) * S::LANES),
                    out_step: shape.other_step * S::LANES,
                    accumulate,
                };
                match pixels {
                    1 => sums.form::<S, STEP, 1>(taps),
                    2 => sums.form::<S, STEP, 2>(taps),
                    3 => sums.form::<S, STEP, 3>(taps),
                    4 => sums.form::<S, STEP, 4>(taps),
                    5 => sums.form::<S, STEP, 5>(taps),
                    6 => sums.form::<S, STEP, 6>(taps),
                    7 => sums.form::<S, STEP, 7>(taps),
                    8 => sums.form::<S, STEP, 8>(taps),
                    9 => sums.form::<S, STEP, 9>(taps),
                    10 => sums.form::<S, STEP, 10>(taps),
                    11 => sums.form::<S, STEP, 11>(taps),
                    12 => sums.form::<S, STEP, 12>(taps),
                    13 => sums.form::<S, STEP, 13>(taps),
                    _ => sums.form::<S, STEP, MAX_PIXELS>(taps),
                }
            }
            pixel += pixels;
        }
    }
}

/// Some pixels of a line; distances in floats.
struct Sums {
    tile: *const f32,
    weights: *const f32,
    step: usize,
    out: *mut f32,
    out_step: usize,
    accumulate: bool,
}

impl Sums {
    /// # Safety
    /// `P` pixels must be there, and the instruction set of `S`.
    #[inline(always)]
    unsafe fn form<S: Simd, const STEP: usize, const P: usize>(&self, taps: &[PixelTap]) {
        let step = if STEP > 0 { STEP * S::LANES } else { self.step };
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [S::splat(0.0); P];
            if self.accumulate {
                for pixel in 0..P {
                    sums[pixel] = S::load(self.out.add(pixel * self.out_step));
                }
            }
            for tap in taps {
                let weight = S::load(self.weights.add(tap.weights));
                let from = self.tile.add(tap.input);
                for pixel in 0..P {
                    sums[pixel] = S::mul_add(weight, S::load(from.add(pixel * step)), sums[pixel]);
                }
            }
            for pixel in 0..P {
                S::store(self.out.add(pixel * self.out_step), sums[pixel]);
            }
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`add_tile_products`] asserts; `inputs` are x and dy.
    unsafe fn add(
        inputs: [*const f32; 2],
        taps: &[PixelTap],
        shape: TileLines,
        sums: *mut f32,
    ) = add_body
}

/// # Safety
/// As `add`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn add_body<S: Simd>(
    inputs: [*const f32; 2],
    taps: &[PixelTap],
    shape: TileLines,
    sums: *mut f32,
) {
    /// Sums that hide each other's latency, and pointers that still fit the registers.
    const MAX_TAPS: usize = 9;
    let parts = taps.len().div_ceil(MAX_TAPS);
    let counts = EvenParts::new(taps.len(), parts);
    let mut rest = taps;
    for part in 0..parts {
        let (taps, after) = rest.split_at(counts.of(part));
        rest = after;
        // SAFETY: the caller's promise, and `taps` has as many.
        unsafe {
            match taps.len() {
                1 => add_taps::<S, 1>(inputs, taps, shape, sums),
                2 => add_taps::<S, 2>(inputs, taps, shape, sums),
                3 => add_taps::<S, 3>(inputs, taps, shape, sums),
                4 => add_taps::<S, 4>(inputs, taps, shape, sums),
                5 => add_taps::<S, 5>(inputs, taps, shape, sums),
                6 => add_taps::<S, 6>(inputs, taps, shape, sums),
                7 => add_taps::<S, 7>(inputs, taps, shape, sums),
                8 => add_taps::<S, 8>(inputs, taps, shape, sums),
                _ => add_taps::<S, MAX_TAPS>(inputs, taps, shape, sums),
            }
        }
    }
}

/// # Safety
/// As `add` for `T` taps.
#[inline(always)]
unsafe fn add_taps<S: Simd, const T: usize>(
    [x, dy]: [*const f32; 2],
    taps: &[PixelTap],
    shape: TileLines,
    to: *mut f32,
) {
    let TileLines { lines, pixels, .. } = shape;
    let [step, line_step, dy_step, dy_line_step] =
        [shape.step, shape.line_step, shape.other_step, shape.other_line_step]
            .map(|distance| distance * S::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); T];
        for line in 0..lines {
            let mut of_tap = [x; T];
            for tap in 0..T {
                of_tap[tap] = x.add(taps[tap].input + line * line_step);
            }
            let dy = dy.add(line * dy_line_step);
            for pixel in 0..pixels {
                let factor = S::load(dy.add(pixel * dy_step));
                for tap in 0..T {
                    let x = S::load(of_tap[tap].add(pixel * step));
                    sums[tap] = S::mul_add(x, factor, sums[tap]);
                }
            }
        }
        for tap in 0..T {
            let to = to.add(taps[tap].weights);
            S::store(to, S::add(S::load(to), sums[tap]));
        }
    }
}
