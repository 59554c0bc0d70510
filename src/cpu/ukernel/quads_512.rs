//! Tiles and filters, which are rows of a few floats, to and from registers of 512 bits.

use std::arch::x86_64::*;

use super::simd::MAX_LANES;
#[cfg(doc)]
use super::simd::Simd;

/// Four floats of each pointer, from `offset` on, one behind the other.
///
/// # Safety
/// AVX-512 F must be present, and the floats readable.
#[inline(always)]
unsafe fn load_quads([a, b, c, d]: [*const f32; 4], offset: usize) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let quads = _mm512_castps128_ps512(_mm_loadu_ps(a.add(offset)));
        let quads = _mm512_insertf32x4::<1>(quads, _mm_loadu_ps(b.add(offset)));
        let quads = _mm512_insertf32x4::<2>(quads, _mm_loadu_ps(c.add(offset)));
        _mm512_insertf32x4::<3>(quads, _mm_loadu_ps(d.add(offset)))
    }
}

/// The 4 x 4 transposes of the four quarters.
///
/// # Safety
/// AVX-512 F must be present.
#[inline(always)]
unsafe fn transpose_quarters([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let ab_low = _mm512_unpacklo_ps(a, b);
        let ab_high = _mm512_unpackhi_ps(a, b);
        let cd_low = _mm512_unpacklo_ps(c, d);
        let cd_high = _mm512_unpackhi_ps(c, d);
        [
            _mm512_shuffle_ps::<0x44>(ab_low, cd_low),
            _mm512_shuffle_ps::<0xEE>(ab_low, cd_low),
            _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
            _mm512_shuffle_ps::<0xEE>(ab_high, cd_high),
        ]
    }
}

/// Four floats from each pointer: vector i holds every pointer's i-th float.
///
/// # Safety
/// AVX-512 F must be present, and four floats readable at each of sixteen pointers.
#[inline(always)]
pub(super) unsafe fn load_4_columns(from: [*const f32; MAX_LANES]) -> [__m512; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        // Lanes i, i + 4, i + 8 and i + 12 side by side, then a 4 x 4 transpose in each quarter.
        let mut quads = [_mm512_setzero_ps(); 4];
        for i in 0..4 {
            quads[i] = load_quads([from[i], from[i + 4], from[i + 8], from[i + 12]], 0);
        }
        transpose_quarters(quads)
    }
}

/// As [`Simd::store_line_columns`].
///
/// # Safety
/// AVX-512 F must be present, sixteen floats readable at each of sixteen pointers, and as many writable
/// in each of sixteen rows.
#[inline(always)]
pub(super) unsafe fn store_line_columns(
    from: [*const f32; MAX_LANES],
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        // Of four pointers each: quarter q of vector i has float 4 q + i of all four.
        let mut groups = [[_mm512_setzero_ps(); 4]; 4];
        for g in 0..4 {
            let mut lines = [_mm512_setzero_ps(); 4];
            for i in 0..4 {
                lines[i] = _mm512_loadu_ps(from[4 * g + i]);
            }
            groups[g] = transpose_quarters(lines);
        }
        // The quarters of one float of all pointers side by side.
        for i in 0..4 {
            let [a, b, c, d] = [groups[0][i], groups[1][i], groups[2][i], groups[3][i]];
            let low = [_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0x44>(c, d)];
            let high = [_mm512_shuffle_f32x4::<0xEE>(a, b), _mm512_shuffle_f32x4::<0xEE>(c, d)];
            for (pair, [left, right]) in [low, high].into_iter().enumerate() {
                let to = to.add((8 * pair + i) * to_stride);
                _mm512_storeu_ps(to, _mm512_shuffle_f32x4::<0x88>(left, right));
                let to = to.add(4 * to_stride);
                _mm512_storeu_ps(to, _mm512_shuffle_f32x4::<0xDD>(left, right));
            }
        }
    }
}

/// The reverse of [`load_4_columns`]: four floats to each pointer, in order.
///
/// # Safety
/// AVX-512 F must be present, and four floats writable at each of sixteen pointers.
#[inline(always)]
pub(super) unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [__m512; 4]) {
    // SAFETY: the caller's promise.
    unsafe {
        let quads = transpose_quarters(columns);
        for i in 0..4 {
            _mm_storeu_ps(to[i], _mm512_castps512_ps128(quads[i]));
            _mm_storeu_ps(to[i + 4], _mm512_extractf32x4_ps::<1>(quads[i]));
            _mm_storeu_ps(to[i + 8], _mm512_extractf32x4_ps::<2>(quads[i]));
            _mm_storeu_ps(to[i + 12], _mm512_extractf32x4_ps::<3>(quads[i]));
        }
    }
}

/// As [`Simd::load_6_columns`].
///
/// # Safety
/// AVX-512 F must be present, and sixteen offsets and what they lead to readable.
#[inline(always)]
pub(super) unsafe fn load_6_columns(
    from: *const f32,
    offsets: *const usize,
    runs: u32,
) -> [__m512; 6] {
    // SAFETY: the caller's promise.
    unsafe {
        let (mut quads, mut next) = ([_mm512_setzero_ps(); 4], [_mm512_setzero_ps(); 4]);
        for i in 0..4 {
            let at = offsets.add(4 * i);
            let first = from.add(*at);
            if runs & 1 << i != 0 {
                quads[i] = _mm512_loadu_ps(first);
                next[i] = _mm512_loadu_ps(first.add(4));
            } else {
                let four =
                    [first, from.add(*at.add(1)), from.add(*at.add(2)), from.add(*at.add(3))];
                quads[i] = load_quads(four, 0);
                // The last two of six, before the two that precede them.
                next[i] = _mm512_permute_ps::<0x4E>(load_quads(four, 2));
            }
        }
        // Two columns of eight offsets each, then of sixteen.
        let first = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        let second = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
        let mut columns = [_mm512_setzero_ps(); 6];
        for (i, (index, [a, b, c, d])) in
            [(first, quads), (second, quads), (first, next)].into_iter().enumerate()
        {
            let low = _mm512_permutex2var_ps(a, index, b);
            let high = _mm512_permutex2var_ps(c, index, d);
            columns[2 * i] = _mm512_shuffle_f32x4::<0x44>(low, high);
            columns[2 * i + 1] = _mm512_shuffle_f32x4::<0xEE>(low, high);
        }
        columns
    }
}

/// As [`Simd::store_4_interleaved`].
///
/// # Safety
/// AVX-512 F must be present, and 64 floats writable.
#[inline(always)]
pub(super) unsafe fn store_4_interleaved(to: *mut f32, [a, b, c, d]: [__m512; 4]) {
    // SAFETY: the caller's promise.
    unsafe {
        // Pairs of a and b, and of c and d, then pairs of pairs.
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        let low_pairs = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
        let high_pairs = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
        for (half, index) in [low, high].into_iter().enumerate() {
            let ab = _mm512_castps_pd(_mm512_permutex2var_ps(a, index, b));
            let cd = _mm512_castps_pd(_mm512_permutex2var_ps(c, index, d));
            let to = to.add(32 * half);
            let quads = _mm512_permutex2var_pd(ab, low_pairs, cd);
            _mm512_storeu_ps(to, _mm512_castpd_ps(quads));
            let quads = _mm512_permutex2var_pd(ab, high_pairs, cd);
            _mm512_storeu_ps(to.add(16), _mm512_castpd_ps(quads));
        }
    }
}

/// As [`Simd::store_2_interleaved`].
///
/// # Safety
/// AVX-512 F must be present, and 32 floats writable.
#[inline(always)]
pub(super) unsafe fn store_2_interleaved(to: *mut f32, [a, b]: [__m512; 2]) {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        _mm512_storeu_ps(to, _mm512_permutex2var_ps(a, low, b));
        _mm512_storeu_ps(to.add(16), _mm512_permutex2var_ps(a, high, b));
    }
}
