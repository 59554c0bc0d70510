//! The vectors of x86-64.

use std::arch::x86_64::*;

use half::f16;

use super::{MAX_LANES, Simd};
use crate::cpu::ukernel::register_block::Reduction;
use crate::cpu::ukernel::{block_asm, quads_512, wide_block_asm};

/// AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx2;

// In the functions below, the instruction set is present and pointers are
// valid by the trait's condition.
impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        // SAFETY: the trait's condition.
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: the trait's condition.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: __m256) {
        // SAFETY: the trait's condition.
        unsafe { _mm256_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the trait's condition.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the trait's condition.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the trait's condition.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the trait's condition.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the trait's condition.
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> __m256 {
        // SAFETY: eight elements are valid there.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut f16, v: __m256) {
        // SAFETY: as above.
        unsafe {
            _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v));
        }
    }
    #[inline(always)]
    unsafe fn load_even(from: *const f32) -> __m256 {
        // SAFETY: the trait's condition; sixteen floats are valid there.
        unsafe {
            let (low, high) = (_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8)));
            // Even ones of both halves of both, then the halves in order.
            let mixed = _mm256_shuffle_ps::<0x88>(low, high);
            _mm256_castpd_ps(_mm256_permute4x64_pd::<0xD8>(_mm256_castps_pd(mixed)))
        }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> __m256 {
        // Lanes below the count have all bits set.
        static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let mask = &MASKS[8 - count.min(8)..][..8];
        // SAFETY: eight integers are valid at the mask; floats where it is not zero.
        unsafe {
            let mask = _mm256_loadu_si256(mask.as_ptr().cast());
            _mm256_maskload_ps(from, mask)
        }
    }
    #[inline(always)]
    unsafe fn load_lanes(from: *const f32, first: usize, end: usize) -> __m256 {
        // SAFETY: the trait's condition; floats are valid where the mask is set.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let below = _mm256_cmpgt_epi32(_mm256_set1_epi32(first.min(8) as i32), lanes);
            let until = _mm256_cmpgt_epi32(_mm256_set1_epi32(end.min(8) as i32), lanes);
            _mm256_maskload_ps(from, _mm256_andnot_si256(below, until))
        }
    }
    #[inline(always)]
    unsafe fn interleave(a: __m256, b: __m256) -> [__m256; 2] {
        // SAFETY: the trait's condition.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
        }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: __m256, b: __m256) -> [__m256; 2] {
        // SAFETY: the trait's condition.
        unsafe {
            let low = _mm256_permute2f128_ps::<0x20>(a, b);
            let high = _mm256_permute2f128_ps::<0x31>(a, b);
            [_mm256_shuffle_ps::<0x88>(low, high), _mm256_shuffle_ps::<0xDD>(low, high)]
        }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: __m256, count: usize) {
        // Masked stores take tens of cycles on Zen 2 and 3.
        // SAFETY: the trait's condition; each store is of floats below the count.
        unsafe {
            if count >= 8 {
                _mm256_storeu_ps(to, v);
                return;
            }
            let (mut to, mut rest) = (to, _mm256_castps256_ps128(v));
            if count & 4 != 0 {
                _mm_storeu_ps(to, rest);
                (to, rest) = (to.add(4), _mm256_extractf128_ps::<1>(v));
            }
            if count & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
                (to, rest) = (to.add(2), _mm_movehl_ps(rest, rest));
            }
            if count & 1 != 0 {
                _mm_store_ss(to, rest);
            }
        }
    }
    #[inline(always)]
    unsafe fn compress(v: __m256, lanes: u32) -> __m256 {
        let order = &COMPRESSED[lanes as usize & 0xFF];
        // SAFETY: AVX2 is present; eight bytes are valid in the table's row.
        unsafe {
            let order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(order.as_ptr().cast()));
            _mm256_permutevar8x32_ps(v, order)
        }
    }
    #[inline(always)]
    unsafe fn sum_lanes_of_4([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
        // SAFETY: the trait's condition.
        unsafe {
            // As in `sum_lanes`: the halves first, then lanes two apart, then neighbours.
            let ab = _mm256_add_ps(
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x31>(a, b),
            );
            let cd = _mm256_add_ps(
                _mm256_permute2f128_ps::<0x20>(c, d),
                _mm256_permute2f128_ps::<0x31>(c, d),
            );
            let low = _mm256_shuffle_ps::<0x44>(ab, cd);
            let high = _mm256_shuffle_ps::<0xEE>(ab, cd);
            let pairs = _mm256_add_ps(low, high);
            // Lanes: a c (2 of each), then b d.
            let sums = _mm256_add_ps(pairs, _mm256_permute_ps::<0xB1>(pairs));
            let [mut ac, mut bd] = [[0f32; 4]; 2];
            _mm_storeu_ps(ac.as_mut_ptr(), _mm256_castps256_ps128(sums));
            _mm_storeu_ps(bd.as_mut_ptr(), _mm256_extractf128_ps::<1>(sums));
            [ac[0], bd[0], ac[2], bd[2]]
        }
    }
    #[inline(always)]
    unsafe fn sum_lanes(v: __m256) -> f32 {
        // SAFETY: the trait's condition.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn load_4_columns(from: [*const f32; MAX_LANES]) -> [__m256; 4] {
        // SAFETY: the trait's condition; four floats are valid at each of eight pointers.
        unsafe {
            // Lanes i and i + 4 side by side, then a 4 x 4 transpose in each half.
            let mut pairs = [_mm256_setzero_ps(); 4];
            for i in 0..4 {
                pairs[i] = _mm256_insertf128_ps::<1>(
                    _mm256_castps128_ps256(_mm_loadu_ps(from[i])),
                    _mm_loadu_ps(from[i + 4]),
                );
            }
            transpose_halves(pairs)
        }
    }
    #[inline(always)]
    unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [__m256; 4]) {
        // SAFETY: the trait's condition; four floats are valid at each of eight pointers.
        unsafe {
            let pairs = transpose_halves(columns);
            for i in 0..4 {
                _mm_storeu_ps(to[i], _mm256_castps256_ps128(pairs[i]));
                _mm_storeu_ps(to[i + 4], _mm256_extractf128_ps::<1>(pairs[i]));
            }
        }
    }
    #[inline(always)]
    unsafe fn store_2_interleaved(to: *mut f32, [a, b]: [__m256; 2]) {
        // SAFETY: the trait's condition; sixteen floats are valid there.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            _mm256_storeu_ps(to, _mm256_permute2f128_ps::<0x20>(low, high));
            _mm256_storeu_ps(to.add(8), _mm256_permute2f128_ps::<0x31>(low, high));
        }
    }
    #[inline(always)]
    unsafe fn run_block(r: &Reduction<f32>, height: usize, vectors: usize) -> bool {
        // SAFETY: the trait's condition; there are no more rows than `ROWS`.
        unsafe { block_asm::floats_256(r, height, vectors) };
        true
    }
}

/// For each set of lanes their numbers, in order.
static COMPRESSED: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut lanes = 0;
    while lanes < 256 {
        let (mut lane, mut count) = (0, 0);
        while lane < 8 {
            if lanes >> lane & 1 == 1 {
                table[lanes][count] = lane as u8;
                count += 1;
            }
            lane += 1;
        }
        lanes += 1;
    }
    table
};

/// The 4 x 4 transposes of the lower and of the upper halves.
///
/// # Safety
/// AVX must be present.
#[inline(always)]
unsafe fn transpose_halves([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let ab_low = _mm256_unpacklo_ps(a, b);
        let ab_high = _mm256_unpackhi_ps(a, b);
        let cd_low = _mm256_unpacklo_ps(c, d);
        let cd_high = _mm256_unpackhi_ps(c, d);
        [
            _mm256_shuffle_ps::<0x44>(ab_low, cd_low),
            _mm256_shuffle_ps::<0xEE>(ab_low, cd_low),
            _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
            _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
        ]
    }
}

/// AVX-512 F, DQ and VL: without VL a half exists of the lower sixteen registers only, and the
/// compiler keeps there whatever it takes a half of in the end.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx512;

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 14;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: __m512) {
        // SAFETY: the trait's condition.
        unsafe { _mm512_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> __m512 {
        // SAFETY: sixteen elements are valid there.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut f16, v: __m512) {
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v));
        }
    }
    #[inline(always)]
    unsafe fn load_even(from: *const f32) -> __m512 {
        // SAFETY: the trait's condition; thirty-two floats are valid there.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let (low, high) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)));
            _mm512_permutex2var_ps(low, even, high)
        }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> __m512 {
        let mask = (1u32 << count.min(16)) - 1;
        // SAFETY: floats are valid where the mask is set.
        unsafe { _mm512_maskz_loadu_ps(mask as u16, from) }
    }
    #[inline(always)]
    unsafe fn load_lanes(from: *const f32, first: usize, end: usize) -> __m512 {
        let below = |lane: usize| (1u32 << lane.min(16)) - 1;
        // SAFETY: floats are valid where the mask is set.
        unsafe { _mm512_maskz_loadu_ps((below(end) & !below(first)) as u16, from) }
    }
    #[inline(always)]
    unsafe fn interleave(a: __m512, b: __m512) -> [__m512; 2] {
        // SAFETY: the trait's condition.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
            [_mm512_permutex2var_ps(a, low, b), _mm512_permutex2var_ps(a, high, b)]
        }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: __m512, b: __m512) -> [__m512; 2] {
        // SAFETY: the trait's condition.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            [_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b)]
        }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: __m512, count: usize) {
        let mask = (1u32 << count.min(16)) - 1;
        // SAFETY: floats are valid where the mask is set.
        unsafe { _mm512_mask_storeu_ps(to, mask as u16, v) }
    }
    #[inline(always)]
    unsafe fn compress(v: __m512, lanes: u32) -> __m512 {
        // SAFETY: the trait's condition.
        unsafe { _mm512_maskz_compress_ps(lanes as u16, v) }
    }
    #[inline(always)]
    unsafe fn sum_lanes_of_4([a, b, c, d]: [__m512; 4]) -> [f32; 4] {
        let mut floats = [0f32; 16];
        // SAFETY: the trait's condition; the array has room for a register.
        unsafe {
            let ab = _mm512_add_ps(
                _mm512_shuffle_f32x4::<0x44>(a, b),
                _mm512_shuffle_f32x4::<0xEE>(a, b),
            );
            let cd = _mm512_add_ps(
                _mm512_shuffle_f32x4::<0x44>(c, d),
                _mm512_shuffle_f32x4::<0xEE>(c, d),
            );
            let quarters = _mm512_add_ps(
                _mm512_shuffle_f32x4::<0x88>(ab, cd),
                _mm512_shuffle_f32x4::<0xDD>(ab, cd),
            );
            let pairs = _mm512_add_ps(quarters, _mm512_permute_ps::<0x4E>(quarters));
            let sums = _mm512_add_ps(pairs, _mm512_permute_ps::<0xB1>(pairs));
            _mm512_storeu_ps(floats.as_mut_ptr(), sums);
        }
        [floats[0], floats[4], floats[8], floats[12]]
    }
    #[inline(always)]
    unsafe fn sum_lanes(v: __m512) -> f32 {
        // SAFETY: AVX-512 implies AVX2.
        unsafe {
            let high = _mm512_extractf32x8_ps::<1>(v);
            Avx2::sum_lanes(_mm256_add_ps(_mm512_castps512_ps256(v), high))
        }
    }
    #[inline(always)]
    unsafe fn load_4_columns(from: [*const f32; MAX_LANES]) -> [__m512; 4] {
        // SAFETY: the trait's condition.
        unsafe { quads_512::load_4_columns(from) }
    }
    #[inline(always)]
    unsafe fn store_line_columns(from: [*const f32; MAX_LANES], to: *mut f32, to_stride: usize) {
        // SAFETY: the trait's condition.
        unsafe { quads_512::store_line_columns(from, to, to_stride) }
    }
    #[inline(always)]
    unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [__m512; 4]) {
        // SAFETY: the trait's condition.
        unsafe { quads_512::store_4_columns(to, columns) }
    }
    #[inline(always)]
    unsafe fn load_6_columns(from: *const f32, offsets: *const usize, runs: u32) -> [__m512; 6] {
        // SAFETY: the trait's condition.
        unsafe { quads_512::load_6_columns(from, offsets, runs) }
    }
    #[inline(always)]
    unsafe fn store_4_interleaved(to: *mut f32, columns: [__m512; 4]) {
        // SAFETY: the trait's condition.
        unsafe { quads_512::store_4_interleaved(to, columns) }
    }
    #[inline(always)]
    unsafe fn store_2_interleaved(to: *mut f32, columns: [__m512; 2]) {
        // SAFETY: the trait's condition.
        unsafe { quads_512::store_2_interleaved(to, columns) }
    }
    #[inline(always)]
    unsafe fn run_block(r: &Reduction<f32>, height: usize, vectors: usize) -> bool {
        // SAFETY: the trait's condition; there are no more rows than `ROWS`.
        unsafe { block_asm::floats_512(r, height, vectors) };
        true
    }
    const HAS_WIDE_BLOCKS: bool = true;
    #[inline(always)]
    unsafe fn run_wide_block(r: &Reduction<f32>, height: usize, vectors: usize) {
        // SAFETY: the trait's condition.
        unsafe { wide_block_asm::wide_floats_512(r, height, vectors) }
    }
}
