//! Products channel by channel: depthwise convolution of channels-last tensors.

use std::ops::Range;

use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;
use crate::memory::MatrixMut;

/// Where the channels of a tap's weights and of the input pixel that it meets begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelTap {
    pub weights: usize,
    pub input: usize,
}

/// For pixels p that follow each other in a line, all of which meet the same taps:
/// `out[p][c] = sum over taps t of weights[t.weights + c] * input[t.input + i * step + c]`, where i
/// counts from the first of `pixels`, and taps go in order. Rows of `out` are the pixels of the
/// line, its columns channels.
///
/// # Panics
/// Where a tap would read outside its slice, or `out`'s columns are not contiguous.
pub fn sum_taps(
    isa: Isa,
    input: &[f32],
    step: usize,
    weights: &[f32],
    taps: &[PixelTap],
    out: &mut MatrixMut<'_, f32>,
    pixels: Range<usize>,
) {
    let (rows, channels) = out.shape();
    let (pixel_stride, channel_stride) = out.strides();
    assert!(pixels.start < pixels.end && pixels.end <= rows);
    assert!(channel_stride == 1 || channels == 1);
    let last_input = taps.iter().map(|tap| tap.input).max().unwrap_or(0);
    let last_weights = taps.iter().map(|tap| tap.weights).max().unwrap_or(0);
    let reach = last_input + (pixels.len() - 1) * step + channels;
    assert!(taps.is_empty() || reach <= input.len());
    assert!(taps.is_empty() || last_weights + channels <= weights.len());
    // SAFETY: every tap has as many channels as `out` in both slices, and every pixel is a row.
    unsafe {
        let line = Line {
            input: input.as_ptr(),
            step,
            other: weights.as_ptr(),
            out: out.as_mut_ptr().add(pixels.start * pixel_stride),
            pixel_stride,
            pixels: pixels.len(),
            channels,
        };
        sum(isa, line, taps);
    }
}

/// For pixels that follow each other in a line, all of which meet the same taps:
/// `sums[t.weights + c] += x[t.input + i * x_step + c] * dy[i * dy_step + c]`, summed over
/// `pixels` many i in order.
///
/// # Panics
/// Where something lies outside its slice.
#[allow(clippy::too_many_arguments)] // two inputs, what they have in common, and the result
pub fn add_tap_products(
    isa: Isa,
    x: &[f32],
    dy: &[f32],
    [x_step, dy_step]: [usize; 2],
    taps: &[PixelTap],
    pixels: usize,
    channels: usize,
    sums: &mut [f32],
) {
    if taps.is_empty() || pixels == 0 {
        return;
    }
    let last_x = taps.iter().map(|tap| tap.input).max().unwrap_or(0);
    let last_sum = taps.iter().map(|tap| tap.weights).max().unwrap_or(0);
    assert!(last_x + (pixels - 1) * x_step + channels <= x.len());
    assert!((pixels - 1) * dy_step + channels <= dy.len());
    assert!(last_sum + channels <= sums.len());
    // SAFETY: all channels of all pixels and taps lie inside the slices.
    unsafe {
        let line = Line {
            input: x.as_ptr(),
            step: x_step,
            other: dy.as_ptr(),
            out: sums.as_mut_ptr(),
            pixel_stride: dy_step,
            pixels,
            channels,
        };
        add(isa, line, taps);
    }
}

/// Pixels of a line: of the result, or of dy, `pixel_stride` apart.
#[derive(Clone, Copy)]
struct Line {
    input: *const f32,
    step: usize,
    /// Weights, or dy.
    other: *const f32,
    out: *mut f32,
    pixel_stride: usize,
    pixels: usize,
    channels: usize,
}

isa_kernel! {
    /// # Safety
    /// As [`sum_taps`] asserts.
    unsafe fn sum(line: Line, taps: &[PixelTap]) = sum_body
}

/// # Safety
/// As `sum`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn sum_body<S: Simd>(line: Line, taps: &[PixelTap]) {
    /// Pixels that share the loads of weights, and hide each other's latency.
    const PIXELS: usize = 4;
    // SAFETY: the caller's promise.
    unsafe {
        let mut pixel = 0;
        while pixel + PIXELS <= line.pixels {
            sum_pixels::<S, PIXELS>(line.at_pixel(pixel), taps);
            pixel += PIXELS;
        }
        while pixel < line.pixels {
            sum_pixels::<S, 1>(line.at_pixel(pixel), taps);
            pixel += 1;
        }
    }
}

impl Line {
    /// # Safety
    /// The line must have that pixel.
    #[inline(always)]
    unsafe fn at_pixel(self, pixel: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Line {
                input: self.input.add(pixel * self.step),
                out: self.out.add(pixel * self.pixel_stride),
                ..self
            }
        }
    }
}

/// # Safety
/// As `sum` for `P` pixels.
#[inline(always)]
unsafe fn sum_pixels<S: Simd, const P: usize>(line: Line, taps: &[PixelTap]) {
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at + 2 * S::LANES <= line.channels {
            sum_vectors::<S, P, 2>(line, taps, at);
            at += 2 * S::LANES;
        }
        while at + S::LANES <= line.channels {
            sum_vectors::<S, P, 1>(line, taps, at);
            at += S::LANES;
        }
        if at < line.channels && line.channels >= S::LANES {
            // The last vector overlaps the one before, and gives the same there.
            sum_vectors::<S, P, 1>(line, taps, line.channels - S::LANES);
            return;
        }
        for channel in at..line.channels {
            for pixel in 0..P {
                let mut sum = 0.0;
                for tap in taps {
                    let input = line.input.add(tap.input + pixel * line.step + channel);
                    sum += *line.other.add(tap.weights + channel) * *input;
                }
                line.out.add(pixel * line.pixel_stride + channel).write(sum);
            }
        }
    }
}

/// # Safety
/// As `sum` for `P` pixels and `N` vectors from channel `at` on.
#[inline(always)]
unsafe fn sum_vectors<S: Simd, const P: usize, const N: usize>(
    line: Line,
    taps: &[PixelTap],
    at: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[S::splat(0.0); N]; P];
        for tap in taps {
            let (input, weights) =
                (line.input.add(tap.input + at), line.other.add(tap.weights + at));
            for v in 0..N {
                let weight = S::load(weights.add(v * S::LANES));
                for pixel in 0..P {
                    let input = S::load(input.add(pixel * line.step + v * S::LANES));
                    sums[pixel][v] = S::mul_add(weight, input, sums[pixel][v]);
                }
            }
        }
        for pixel in 0..P {
            for v in 0..N {
                let to = line.out.add(pixel * line.pixel_stride + at + v * S::LANES);
                S::store(to, sums[pixel][v]);
            }
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`add_tap_products`] asserts.
    unsafe fn add(line: Line, taps: &[PixelTap]) = add_body
}

/// # Safety
/// As `add`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn add_body<S: Simd>(line: Line, taps: &[PixelTap]) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut at = 0;
        while at + S::LANES <= line.channels {
            // As many sums as fill the registers beside what passes: a 3 x 3 filter at once.
            let (nines, rest) = taps.as_chunks::<9>();
            let (threes, ones) = rest.as_chunks::<3>();
            for taps in nines {
                add_vectors::<S, 9>(line, taps, at);
            }
            for taps in threes {
                add_vectors::<S, 3>(line, taps, at);
            }
            for &tap in ones {
                add_vectors::<S, 1>(line, &[tap], at);
            }
            at += S::LANES;
        }
        for channel in at..line.channels {
            for tap in taps {
                let mut sum = 0.0;
                for pixel in 0..line.pixels {
                    let x = line.input.add(tap.input + pixel * line.step + channel);
                    sum += *x * *line.other.add(pixel * line.pixel_stride + channel);
                }
                *line.out.add(tap.weights + channel) += sum;
            }
        }
    }
}

/// # Safety
/// As `add` for `T` taps and a vector from channel `at` on.
#[inline(always)]
unsafe fn add_vectors<S: Simd, const T: usize>(line: Line, taps: &[PixelTap; T], at: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); T];
        let mut x = [line.input; T];
        for tap in 0..T {
            x[tap] = line.input.add(taps[tap].input + at);
        }
        for pixel in 0..line.pixels {
            let dy = S::load(line.other.add(pixel * line.pixel_stride + at));
            for tap in 0..T {
                sums[tap] = S::mul_add(S::load(x[tap].add(pixel * line.step)), dy, sums[tap]);
            }
        }
        for tap in 0..T {
            let to = line.out.add(taps[tap].weights + at);
            S::store(to, S::add(S::load(to), sums[tap]));
        }
    }
}
