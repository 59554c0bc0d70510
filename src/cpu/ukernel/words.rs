//! From int8 tensors to words: see [`super::int8_simd`] for what a word is.
//!
//! The words lie in floats, whose bits they are, so that planes and panels of floats serve for
//! them; they are moved, never computed with.

use super::lines::{Line, LineShape};
use super::simd::{Simd, isa_kernel};
use super::transpose::transpose_strided;
use crate::cpu::isa::Isa;

/// Words made at a time.
const BLOCK: usize = 16;

/// Words behind its last line that a plane must have: lines are made by blocks.
pub const WORD_SLACK_ELEMS: usize = BLOCK;

/// What int8 are in the words of columns, less what they are in the words of weights.
fn offset_bits(word_elems: usize) -> u32 {
    if word_elems == 4 { 0x8080_8080 } else { 0 }
}

/// The word of some elements, the first lowest.
#[inline(always)]
fn word<const ELEMS: usize>(elems: [i8; ELEMS]) -> u32 {
    let mut word = 0;
    for (at, elem) in elems.into_iter().enumerate() {
        word |= match ELEMS {
            2 => u32::from(i16::from(elem) as u16) << (16 * at),
            _ => u32::from(elem as u8) << (8 * at),
        };
    }
    word
}

/// Words from blocks of lines: word i takes element i of each.
#[inline(always)]
fn interleaved<const ELEMS: usize>(lines: [&[i8; BLOCK]; ELEMS], offset: u32) -> [f32; BLOCK] {
    let mut words = [0.0; BLOCK];
    for at in 0..BLOCK {
        let mut elems = [0; ELEMS];
        for line in 0..ELEMS {
            elems[line] = lines[line][at];
        }
        words[at] = f32::from_bits(word(elems) ^ offset);
    }
    words
}

/// Fills lines with words: word i of a line takes, of each source in turn, the element at
/// `from + i * shape.stride`; what stands for padding in `shape` becomes words of zeros. Two or four
/// sources make the words of columns.
///
/// Lines rise in the plane, at least `shape.total` apart; up to [`WORD_SLACK_ELEMS`] behind the last
/// one are undefined afterwards.
///
/// # Panics
/// Where a line lies outside the plane or an element outside its source.
pub fn stage_words(
    isa: Isa,
    sources: &[&[i8]],
    lines: &[Line],
    shape: LineShape,
    plane: &mut [f32],
) {
    // SAFETY: the body is safe code.
    unsafe { stage(isa, sources, lines, shape, plane) }
}

isa_kernel! {
    /// # Safety
    /// None is needed.
    unsafe fn stage(
        sources: &[&[i8]],
        lines: &[Line],
        shape: LineShape,
        plane: &mut [f32],
    ) = stage_body
}

/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn stage_body<S: Simd>(
    sources: &[&[i8]],
    lines: &[Line],
    shape: LineShape,
    plane: &mut [f32],
) {
    match *sources {
        [a, b] => stage_interleaved([a, b], lines, shape, plane),
        [a, b, c, d] => stage_interleaved([a, b, c, d], lines, shape, plane),
        _ => unreachable!("words have two or four elements"),
    }
}

#[inline(always)]
fn stage_interleaved<const ELEMS: usize>(
    sources: [&[i8]; ELEMS],
    lines: &[Line],
    shape: LineShape,
    plane: &mut [f32],
) {
    let LineShape { before, len, total, stride } = shape;
    let offset = offset_bits(ELEMS);
    let padding = f32::from_bits(offset);
    let mut shortest = usize::MAX;
    for source in sources {
        shortest = shortest.min(source.len());
    }
    for &(to, from) in lines {
        let Some(from) = from.filter(|_| len > 0) else {
            plane[to..to + total].fill(padding);
            continue;
        };
        plane[to..to + before].fill(padding);
        for at in (0..len).step_by(BLOCK) {
            let words = &mut plane[to + before + at..][..BLOCK];
            let first = from + at * stride;
            if stride == 1 && first + BLOCK <= shortest {
                let mut blocks = [&[0; BLOCK]; ELEMS];
                for line in 0..ELEMS {
                    blocks[line] = sources[line][first..].first_chunk().unwrap_or(blocks[line]);
                }
                words.copy_from_slice(&interleaved(blocks, offset));
            } else {
                let mut elems = [[0; BLOCK]; ELEMS];
                for line in 0..ELEMS {
                    let source = &sources[line][first..];
                    if stride == 2 && source.len() >= 2 * BLOCK {
                        for index in 0..BLOCK {
                            elems[line][index] = source[2 * index];
                        }
                    } else {
                        for index in 0..BLOCK.min(len - at) {
                            elems[line][index] = source[index * stride];
                        }
                    }
                }
                let mut blocks = [&[0; BLOCK]; ELEMS];
                for line in 0..ELEMS {
                    blocks[line] = &elems[line];
                }
                words.copy_from_slice(&interleaved(blocks, offset));
            }
        }
        plane[to + before + len..to + total].fill(padding);
    }
}

/// Contiguous channels of pixels as planes of words.
#[derive(Clone, Copy, Debug)]
pub struct WordPixels {
    /// int8 in a word.
    pub word_elems: usize,
    /// Channels of a pixel; what the last word has beyond them are zeros.
    pub channels: usize,
    /// Distance of the planes of neighbouring words.
    pub plane_stride: usize,
}

/// As [`stage_words`], from one source: word w of pixel i takes the channels from `w * word_elems`
/// on at `from + i * shape.stride`, and goes to plane w. `scratch` has room for the words of some
/// pixels.
///
/// # Panics
/// As [`stage_words`], and where `scratch` has no room for a pixel.
pub fn stage_word_pixels(
    isa: Isa,
    source: &[i8],
    lines: &[Line],
    shape: LineShape,
    pixels: WordPixels,
    planes: &mut [f32],
    scratch: &mut [f32],
) {
    /// Pixels that are turned into planes at a time: their words stay in the L1 cache.
    const PIXELS: usize = 64;
    let LineShape { before, len, total, stride } = shape;
    let WordPixels { word_elems, channels, plane_stride } = pixels;
    let words = channels.div_ceil(word_elems);
    let padding = f32::from_bits(offset_bits(word_elems));
    let piece = (scratch.len() / words).min(PIXELS);
    assert!(piece > 0);
    for &(to, from) in lines {
        let inside = if from.is_some() { before..before + len } else { 0..0 };
        for word in 0..words {
            let line = &mut planes[word * plane_stride + to..][..total];
            line[..inside.start].fill(padding);
            line[inside.end..].fill(padding);
        }
        let Some(from) = from else {
            continue;
        };
        for first in (0..len).step_by(piece) {
            let count = piece.min(len - first);
            let rows = &mut scratch[..count * words];
            // SAFETY: the body is safe code.
            unsafe {
                let offset = offset_bits(word_elems);
                let source = &source[from + first * stride..];
                adjacent(isa, source, stride, channels, word_elems, offset, rows);
            }
            let to = &mut planes[to + before + first..];
            transpose_strided(isa, rows, words, count, words, to, plane_stride);
        }
    }
}

/// Makes the words of weights of `rows.len() / words` runs of contiguous channels, `stride` apart,
/// each filled up with zeros.
///
/// # Panics
/// Where a run lies outside the source.
pub fn adjacent_words(
    isa: Isa,
    source: &[i8],
    stride: usize,
    channels: usize,
    word_elems: usize,
    rows: &mut [f32],
) {
    // SAFETY: the body is safe code.
    unsafe { adjacent(isa, source, stride, channels, word_elems, 0, rows) }
}

isa_kernel! {
    /// # Safety
    /// None is needed.
    unsafe fn adjacent(
        source: &[i8],
        stride: usize,
        channels: usize,
        word_elems: usize,
        offset: u32,
        rows: &mut [f32],
    ) = adjacent_body
}

/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn adjacent_body<S: Simd>(
    source: &[i8],
    stride: usize,
    channels: usize,
    word_elems: usize,
    offset: u32,
    rows: &mut [f32],
) {
    for (index, row) in rows.chunks_exact_mut(channels.div_ceil(word_elems)).enumerate() {
        let run = &source[index * stride..][..channels];
        match word_elems {
            2 => adjacent_run::<2>(run, offset, row),
            _ => adjacent_run::<4>(run, offset, row),
        }
    }
}

#[inline(always)]
fn adjacent_run<const ELEMS: usize>(run: &[i8], offset: u32, words: &mut [f32]) {
    let (whole, rest) = run.as_chunks::<ELEMS>();
    for (to, &elems) in words.iter_mut().zip(whole) {
        *to = f32::from_bits(word(elems) ^ offset);
    }
    if let (Some(to), false) = (words.get_mut(whole.len()), rest.is_empty()) {
        let mut elems = [0; ELEMS];
        elems[..rest.len()].copy_from_slice(rest);
        *to = f32::from_bits(word(elems) ^ offset);
    }
}

/// Makes the words of weights of one row, taps innermost: word `u * taps + t` takes tap t, which
/// are contiguous, of the channels from `u * word_elems` on, which are `taps` apart and end with
/// the source; what is missing in the last word are zeros.
///
/// # Panics
/// Where `words` has not as many words.
pub fn tap_words(isa: Isa, source: &[i8], taps: usize, word_elems: usize, words: &mut [f32]) {
    assert!(source.len().is_multiple_of(taps));
    assert_eq!(words.len(), (source.len() / taps).div_ceil(word_elems) * taps);
    // SAFETY: the body is safe code.
    unsafe { of_taps(isa, source, taps, word_elems, words) }
}

isa_kernel! {
    /// # Safety
    /// None is needed.
    unsafe fn of_taps(
        source: &[i8],
        taps: usize,
        word_elems: usize,
        words: &mut [f32],
    ) = of_taps_body
}

/// # Safety
/// The instruction set of `S` must be present.
#[inline(always)]
unsafe fn of_taps_body<S: Simd>(source: &[i8], taps: usize, word_elems: usize, words: &mut [f32]) {
    match word_elems {
        2 => interleave_taps::<2>(source, taps, words),
        _ => interleave_taps::<4>(source, taps, words),
    }
}

#[inline(always)]
fn interleave_taps<const ELEMS: usize>(source: &[i8], taps: usize, words: &mut [f32]) {
    for unit in 0..words.len() / taps {
        let source = &source[unit * ELEMS * taps..];
        let to = &mut words[unit * taps..];
        for tap in (0..taps).step_by(BLOCK) {
            let last = (ELEMS - 1) * taps + tap + BLOCK;
            // What a block makes beyond the taps is overwritten by those of the next channels.
            if last <= source.len() && tap + BLOCK <= to.len() {
                let mut blocks = [&[0; BLOCK]; ELEMS];
                for line in 0..ELEMS {
                    let from = &source[line * taps + tap..];
                    blocks[line] = from.first_chunk().unwrap_or(blocks[line]);
                }
                to[tap..tap + BLOCK].copy_from_slice(&interleaved(blocks, 0));
            } else {
                for index in tap..taps.min(tap + BLOCK) {
                    let mut elems = [0; ELEMS];
                    for line in 0..ELEMS {
                        elems[line] = source.get(line * taps + index).copied().unwrap_or(0);
                    }
                    to[index] = f32::from_bits(word(elems));
                }
            }
        }
    }
}
