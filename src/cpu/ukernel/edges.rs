//! Vectors at the edges of lines: parts of them loaded or stored, every other element, two woven.

use super::simd::{Scalar, Simd};

/// What kernels that read lines in place need beyond [`Simd`].
///
/// # Safety
/// As for [`Simd`]; of masked or partial vectors only the lanes named need be valid in memory.
pub(super) trait Edges: Simd {
    type Mask: Copy;

    /// Vectors of half as many lanes; where there are none, these.
    type Half: Edges;

    /// The lanes from `begin` up to `end`; both may lie outside the vector.
    unsafe fn mask(begin: isize, end: isize) -> Self::Mask;

    /// The lanes of the mask, zeros elsewhere.
    unsafe fn load_masked(from: *const f32, mask: Self::Mask) -> Self::V;

    /// Every other element of two vectors, from the first on, in an order that
    /// [`Edges::swap_order`] makes rising.
    unsafe fn evens(low: Self::V, high: Self::V) -> Self::V;

    /// The elements between those of [`Edges::evens`], in the same order.
    unsafe fn odds(low: Self::V, high: Self::V) -> Self::V;

    /// From [`Edges::evens`] of two vectors to those of vectors two elements on, of which `high` is the
    /// second, or has the last but one of its elements.
    unsafe fn shift_evens(evens: Self::V, high: Self::V) -> Self::V;

    /// From the order of [`Edges::evens`] to the rising one, and back.
    unsafe fn swap_order(v: Self::V) -> Self::V;

    /// The lanes of `a` and `b` in turn, in the rising order, from that of [`Edges::evens`].
    unsafe fn weave(a: Self::V, b: Self::V) -> [Self::V; 2];
}

impl Edges for Scalar {
    type Mask = [bool; 4];
    type Half = Scalar;

    #[inline(always)]
    unsafe fn mask(begin: isize, end: isize) -> [bool; 4] {
        std::array::from_fn(|lane| (begin..end).contains(&(lane as isize)))
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: [bool; 4]) -> [f32; 4] {
        let mut v = [0.0; 4];
        for lane in 0..4 {
            if mask[lane] {
                // SAFETY: lanes of the mask are valid.
                v[lane] = unsafe { from.wrapping_add(lane).read() };
            }
        }
        v
    }
    #[inline(always)]
    unsafe fn evens(low: [f32; 4], high: [f32; 4]) -> [f32; 4] {
        [low[0], low[2], high[0], high[2]]
    }
    #[inline(always)]
    unsafe fn odds(low: [f32; 4], high: [f32; 4]) -> [f32; 4] {
        [low[1], low[3], high[1], high[3]]
    }
    #[inline(always)]
    unsafe fn shift_evens(evens: [f32; 4], high: [f32; 4]) -> [f32; 4] {
        [evens[1], evens[2], evens[3], high[2]]
    }
    #[inline(always)]
    unsafe fn swap_order(v: [f32; 4]) -> [f32; 4] {
        v
    }
    #[inline(always)]
    unsafe fn weave(a: [f32; 4], b: [f32; 4]) -> [[f32; 4]; 2] {
        // SAFETY: the trait's condition.
        unsafe { Scalar::interleave(a, b) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Edges;
    use crate::cpu::ukernel::simd::{Avx2, Avx512, Simd};

    // In the functions below, the instruction set is present and pointers are valid by the trait's
    // condition.
    impl Edges for Avx2 {
        type Mask = __m256i;
        type Half = Avx2;

        #[inline(always)]
        unsafe fn mask(begin: isize, end: isize) -> __m256i {
            let [begin, end] = [begin, end].map(|lane| lane.clamp(0, 8) as i32);
            // SAFETY: the trait's condition.
            unsafe {
                let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                let before = _mm256_cmpgt_epi32(_mm256_set1_epi32(begin), lanes);
                _mm256_andnot_si256(before, _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lanes))
            }
        }
        #[inline(always)]
        unsafe fn load_masked(from: *const f32, mask: __m256i) -> __m256 {
            // SAFETY: the trait's condition; lanes outside the mask are not accessed.
            unsafe { _mm256_maskload_ps(from, mask) }
        }
        #[inline(always)]
        unsafe fn evens(low: __m256, high: __m256) -> __m256 {
            // SAFETY: the trait's condition.
            unsafe { _mm256_shuffle_ps::<0x88>(low, high) }
        }
        #[inline(always)]
        unsafe fn odds(low: __m256, high: __m256) -> __m256 {
            // SAFETY: the trait's condition.
            unsafe { _mm256_shuffle_ps::<0xDD>(low, high) }
        }
        #[inline(always)]
        unsafe fn shift_evens(evens: __m256, high: __m256) -> __m256 {
            // SAFETY: the trait's condition.
            unsafe {
                // Elements 0, 2, 8, 10, 4, 6, 12 and 14.
                let from = _mm256_setr_epi32(1, 4, 3, 6, 5, 2, 7, 0);
                let shifted = _mm256_permutevar8x32_ps(evens, from);
                _mm256_blend_ps::<0x80>(shifted, _mm256_permute_ps::<0x80>(high))
            }
        }
        #[inline(always)]
        unsafe fn swap_order(v: __m256) -> __m256 {
            // SAFETY: the trait's condition.
            unsafe { _mm256_castpd_ps(_mm256_permute4x64_pd::<0xD8>(_mm256_castps_pd(v))) }
        }
        #[inline(always)]
        unsafe fn weave(a: __m256, b: __m256) -> [__m256; 2] {
            // SAFETY: the trait's condition.
            unsafe { [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)] }
        }
    }

    impl Edges for Avx512 {
        type Mask = __mmask16;
        type Half = Avx2;

        #[inline(always)]
        unsafe fn mask(begin: isize, end: isize) -> __mmask16 {
            let below = |lane: isize| (1u32 << lane.clamp(0, 16)) - 1;
            (below(end) & !below(begin)) as u16
        }
        #[inline(always)]
        unsafe fn load_masked(from: *const f32, mask: __mmask16) -> __m512 {
            // SAFETY: the trait's condition; lanes outside the mask are not accessed.
            unsafe { _mm512_maskz_loadu_ps(mask, from) }
        }
        #[inline(always)]
        unsafe fn evens(low: __m512, high: __m512) -> __m512 {
            // SAFETY: the trait's condition.
            unsafe {
                let from =
                    _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                _mm512_permutex2var_ps(low, from, high)
            }
        }
        #[inline(always)]
        unsafe fn odds(low: __m512, high: __m512) -> __m512 {
            // SAFETY: the trait's condition.
            unsafe {
                let from =
                    _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
                _mm512_permutex2var_ps(low, from, high)
            }
        }
        #[inline(always)]
        unsafe fn shift_evens(evens: __m512, high: __m512) -> __m512 {
            // SAFETY: the trait's condition.
            unsafe {
                let from = _mm512_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 30);
                _mm512_permutex2var_ps(evens, from, high)
            }
        }
        #[inline(always)]
        unsafe fn swap_order(v: __m512) -> __m512 {
            v
        }
        #[inline(always)]
        unsafe fn weave(a: __m512, b: __m512) -> [__m512; 2] {
            // SAFETY: the trait's condition.
            unsafe { Avx512::interleave(a, b) }
        }
    }
}
