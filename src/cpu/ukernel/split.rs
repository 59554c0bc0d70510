//! Floats in parts of bf16, by twos in words.
//!
//! A float is the sum of three bf16: itself rounded to 8 bits, the rest rounded likewise, and what
//! is left then, which has at most 8 bits again: 24 in all. f16, of 11 bits, is the sum of two, and
//! bf16 is one. Rounding is to the nearest by adding half a unit to the magnitude: a value that it
//! takes to infinity, and one that is not finite, leaves a NaN in some part.

use half::bf16;

use crate::cpu::isa::AmxIsa;

/// Floats of a vector, and words.
pub const SPLIT_LANES: usize = 16;

/// Two runs of floats whose elements become the lower and upper halves of words.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunPair {
    /// Where each begins in the source, and its length; what is missing of it is zeros.
    pub first: (usize, usize),
    pub second: (usize, usize),
}

/// Some lanes of a vector of columns that are contiguous in the source.
#[derive(Clone, Copy, Debug)]
pub struct LaneRun {
    /// Offset of what lane 0 would read, at reduction offset 0; it may lie before the source.
    pub offset: isize,
    pub mask: u16,
}

/// Splits pairs of runs: pair i becomes `len` words from `i * stride` on, in each of `parts` parts,
/// `part_stride` words apart. Runs may overlap; nothing is written beyond their words.
///
/// # Panics
/// Where something lies outside its slice.
pub fn split_pairs(
    _isa: AmxIsa,
    parts: usize,
    source: &[f32],
    pairs: &[RunPair],
    len: usize,
    words: &mut [f32],
    [stride, part_stride]: [usize; 2],
) {
    let is_inside = |(begin, run_len): (usize, usize)| {
        run_len == 0 || begin.checked_add(run_len.min(len)).is_some_and(|end| end <= source.len())
    };
    assert!(pairs.iter().all(|pair| is_inside(pair.first) && is_inside(pair.second)));
    if pairs.is_empty() || len == 0 {
        return;
    }
    assert!((parts - 1) * part_stride + (pairs.len() - 1) * stride + len <= words.len());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: all runs and words lie inside their slices, and `AmxIsa` proves AVX-512.
    unsafe {
        let (from, to) = (source.as_ptr(), words.as_mut_ptr());
        match parts {
            1 => x86::pairs::<1>(from, pairs, len, to, stride, part_stride),
            2 => x86::pairs::<2>(from, pairs, len, to, stride, part_stride),
            3 => x86::pairs::<3>(from, pairs, len, to, stride, part_stride),
            _ => unreachable!("one to three parts"),
        }
    }
}

/// Splits one panel of two vectors of columns: row i takes its words from the two offsets of
/// `rows[i]`, of which those beyond the source, `usize::MAX`, stand for zeros.
///
/// # Panics
/// Where something lies outside its slice.
pub fn split_panel(
    _isa: AmxIsa,
    parts: usize,
    source: &[f32],
    rows: &[[usize; 2]],
    columns: [&[LaneRun]; 2],
    panel: &mut [f32],
    part_stride: usize,
) {
    assert_inside(source.len(), rows, columns);
    let panel_words = rows.len() * 2 * SPLIT_LANES;
    assert!((parts - 1) * part_stride + panel_words <= panel.len());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every lane that a run reads lies inside the source at every offset, the panel has
    // room, and `AmxIsa` proves AVX-512.
    unsafe {
        let (from, to) = (source.as_ptr(), panel.as_mut_ptr());
        match parts {
            1 => x86::panel::<1>(from, rows, columns, to, part_stride),
            2 => x86::panel::<2>(from, rows, columns, to, part_stride),
            3 => x86::panel::<3>(from, rows, columns, to, part_stride),
            _ => unreachable!("one to three parts"),
        }
    }
}

/// The same of bf16, which are one part as they are.
///
/// # Panics
/// Where something lies outside its slice.
pub fn pair_panel(
    _isa: AmxIsa,
    source: &[bf16],
    rows: &[[usize; 2]],
    columns: [&[LaneRun]; 2],
    panel: &mut [f32],
) {
    assert_inside(source.len(), rows, columns);
    assert!(rows.len() * 2 * SPLIT_LANES <= panel.len());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every lane that a run reads lies inside the source at every offset, the panel has
    // room, and with `AmxIsa` go AVX-512 BW and VL.
    unsafe {
        x86::pairs_of_bf16(source.as_ptr(), rows, columns, panel.as_mut_ptr());
    }
}

/// # Panics
/// Where a run reads outside the source at some offset.
fn assert_inside(source_len: usize, rows: &[[usize; 2]], columns: [&[LaneRun]; 2]) {
    let offsets = || rows.iter().flatten().filter(|&&offset| offset != usize::MAX);
    let runs = || columns.into_iter().flatten().filter(|run| run.mask != 0);
    let bound = |run: &LaneRun, lane: u32| run.offset + lane as isize;
    let first = runs().map(|run| bound(run, run.mask.trailing_zeros())).min();
    let last = runs().map(|run| bound(run, 15 - run.mask.leading_zeros())).max();
    if let (Some(first), Some(last)) = (first, last) {
        assert!(first >= 0);
        let reach = offsets().max().copied().unwrap_or(0);
        assert!(offsets().next().is_none() || reach.saturating_add(last as usize) < source_len);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use half::bf16;

    use super::{LaneRun, RunPair, SPLIT_LANES};

    /// The words of the parts of two vectors of floats.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn split<const PARTS: usize>(first: __m512, second: __m512) -> [__m512i; PARTS] {
        let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
        let half = _mm512_set1_epi32(0x8000);
        let mut rests = [first, second];
        let mut words = [_mm512_setzero_si512(); PARTS];
        for part in 0..PARTS {
            let mut rounded = rests.map(|rest| _mm512_castps_si512(rest));
            if part + 1 < PARTS {
                for half_word in 0..2 {
                    rounded[half_word] = _mm512_add_epi32(rounded[half_word], half);
                    let value = _mm512_castsi512_ps(_mm512_and_si512(rounded[half_word], upper));
                    rests[half_word] = _mm512_sub_ps(rests[half_word], value);
                }
            }
            // lower | (second & upper)
            let lower = _mm512_srli_epi32::<16>(rounded[0]);
            words[part] = _mm512_ternarylogic_epi32::<0xf8>(lower, rounded[1], upper);
        }
        words
    }

    /// # Safety
    /// As [`super::split_pairs`] asserts.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn pairs<const PARTS: usize>(
        source: *const f32,
        pairs: &[RunPair],
        len: usize,
        words: *mut f32,
        stride: usize,
        part_stride: usize,
    ) {
        let mask =
            |len: usize, at: usize| ((1u32 << len.saturating_sub(at).min(SPLIT_LANES)) - 1) as u16;
        for (index, pair) in pairs.iter().enumerate() {
            for at in (0..len).step_by(SPLIT_LANES) {
                let wanted = mask(len, at);
                let run = |(begin, run_len): (usize, usize)| {
                    let from = source.wrapping_add(begin.wrapping_add(at));
                    // SAFETY: lanes beyond the run are not read.
                    unsafe { _mm512_maskz_loadu_ps(mask(run_len, at) & wanted, from) }
                };
                let parts = split::<PARTS>(run(pair.first), run(pair.second));
                for (part, of_part) in parts.into_iter().enumerate() {
                    // SAFETY: words beyond `len` are not written.
                    unsafe {
                        let to = words.add(part * part_stride + index * stride + at);
                        _mm512_mask_storeu_epi32(to.cast(), wanted, of_part);
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`super::split_panel`] asserts.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn panel<const PARTS: usize>(
        source: *const f32,
        rows: &[[usize; 2]],
        columns: [&[LaneRun]; 2],
        panel: *mut f32,
        part_stride: usize,
    ) {
        for (index, &offsets) in rows.iter().enumerate() {
            for (half, runs) in columns.into_iter().enumerate() {
                let gather = |offset: usize| {
                    let mut values = _mm512_setzero_ps();
                    if offset != usize::MAX {
                        for run in runs {
                            let from = source.wrapping_add(offset).wrapping_offset(run.offset);
                            // What the next panel reads: lines of channels are far apart, so that
                            // no other fetches them ahead.
                            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(2 * SPLIT_LANES).cast());
                            // SAFETY: lanes outside the run are not read.
                            values = unsafe { _mm512_mask_loadu_ps(values, run.mask, from) };
                        }
                    }
                    values
                };
                let parts = split::<PARTS>(gather(offsets[0]), gather(offsets[1]));
                for (part, of_part) in parts.into_iter().enumerate() {
                    // SAFETY: the panel has room for all rows in all parts.
                    unsafe {
                        let to = panel.add(part * part_stride + (2 * index + half) * SPLIT_LANES);
                        _mm512_storeu_si512(to.cast(), of_part);
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`super::pair_panel`] asserts.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub(super) unsafe fn pairs_of_bf16(
        source: *const bf16,
        rows: &[[usize; 2]],
        columns: [&[LaneRun]; 2],
        panel: *mut f32,
    ) {
        for (index, &offsets) in rows.iter().enumerate() {
            for (half, runs) in columns.into_iter().enumerate() {
                let gather = |offset: usize| {
                    let mut values = _mm256_setzero_si256();
                    if offset != usize::MAX {
                        for run in runs {
                            let from = source.wrapping_add(offset).wrapping_offset(run.offset);
                            let ahead = from.wrapping_add(2 * SPLIT_LANES);
                            _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                            // SAFETY: lanes outside the run are not read.
                            values =
                                unsafe { _mm256_mask_loadu_epi16(values, run.mask, from.cast()) };
                        }
                    }
                    _mm512_cvtepu16_epi32(values)
                };
                let (first, second) = (gather(offsets[0]), gather(offsets[1]));
                let words = _mm512_or_si512(first, _mm512_slli_epi32::<16>(second));
                // SAFETY: the panel has room for all rows.
                unsafe {
                    let to = panel.add((2 * index + half) * SPLIT_LANES);
                    _mm512_storeu_si512(to.cast(), words);
                }
            }
        }
    }
}
