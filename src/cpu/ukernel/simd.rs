//! Vectors of f32, one type for each instruction set.
//!
//! Kernels are written once against [`Simd`] and instantiated by
//! [`isa_kernel!`] inside functions that enable the instruction set, so that
//! everything inlines into them.

use half::f16;

use super::register_block::Reduction;

/// A vector register of f32.
///
/// # Safety
/// Every function may be called only where the instruction set is present, and
/// those with pointers only where [`Simd::LANES`] floats are valid there.
/// Pointers need no alignment.
pub(super) trait Simd: Copy {
    type V: Copy;

    /// Floats in a register.
    const LANES: usize;

    /// Rows of the register block of the GEMM kernel. With two vectors of
    /// columns this many accumulators, two vectors and a broadcast fit the
    /// registers: 6 x 2 + 3 of 16, 14 x 2 + 3 of 32.
    const ROWS: usize;

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`; rounded once where the instruction set can.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`; rounded once where the instruction set can.
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    unsafe fn load_f16(from: *const f16) -> Self::V;
    /// Rounded to the nearest, ties to even.
    unsafe fn store_f16(to: *mut f16, v: Self::V);

    /// Every other one of `2 * LANES` floats, from the first on.
    unsafe fn load_even(from: *const f32) -> Self::V;

    /// The first `count` floats, fewer than `LANES`, and zeros; only those need be valid.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V;

    /// The sum of the lanes.
    unsafe fn sum_lanes(v: Self::V) -> f32;

    /// Four floats from each of `LANES` pointers: vector i holds every pointer's i-th float.
    unsafe fn load_4_columns(from: [*const f32; MAX_LANES]) -> [Self::V; 4];

    /// The reverse: four floats to each of `LANES` pointers, in order.
    unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [Self::V; 4]);

    /// Six floats at each of `LANES` offsets: vector i holds every offset's i-th float. Where bit i of
    /// `runs` is set, offsets 4 i to 4 i + 3 are four floats apart, and two floats more are valid
    /// behind the last one's.
    #[inline(always)]
    unsafe fn load_6_columns(from: *const f32, offsets: *const usize, _runs: u32) -> [Self::V; 6] {
        // SAFETY: the trait's condition; as many offsets are readable.
        unsafe {
            let mut first = [from; MAX_LANES];
            for lane in 0..Self::LANES {
                first[lane] = from.add(*offsets.add(lane));
            }
            let mut last = first;
            for lane in 0..Self::LANES {
                last[lane] = last[lane].add(2);
            }
            let ([a, b, c, d], [_, _, e, f]) =
                (Self::load_4_columns(first), Self::load_4_columns(last));
            [a, b, c, d, e, f]
        }
    }

    /// `4 * LANES` floats: lane 0 of all columns, lane 1 of all columns, and so on.
    #[inline(always)]
    unsafe fn store_4_interleaved(to: *mut f32, columns: [Self::V; 4]) {
        let mut lanes = [to; MAX_LANES];
        // SAFETY: the trait's condition.
        unsafe {
            for lane in 0..Self::LANES {
                lanes[lane] = to.add(4 * lane);
            }
            Self::store_4_columns(lanes, columns);
        }
    }

    /// The same of two columns.
    unsafe fn store_2_interleaved(to: *mut f32, columns: [Self::V; 2]);

    /// A register block of the GEMM kernel, where assembly does it; otherwise returns false, with
    /// nothing done.
    #[inline(always)]
    unsafe fn run_block(_reduction: &Reduction<f32>, _height: usize, _vectors: usize) -> bool {
        false
    }
}

/// The most lanes that any [`Simd`] has.
pub(super) const MAX_LANES: usize = 16;

/// Four floats at a time, for whatever the compiler makes of them.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Simd for Scalar {
    type V = [f32; 4];
    const LANES: usize = 4;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: four floats are valid there, by the trait's condition.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: [f32; 4]) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // `f32::mul_add` would be a library call here.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| c[i] - a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> [f32; 4] {
        // SAFETY: four elements are valid there.
        unsafe { from.cast::<[f16; 4]>().read_unaligned() }.map(f16::to_f32)
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut f16, v: [f32; 4]) {
        // SAFETY: as above.
        unsafe { to.cast::<[f16; 4]>().write_unaligned(v.map(f16::from_f32)) }
    }
    #[inline(always)]
    unsafe fn load_even(from: *const f32) -> [f32; 4] {
        // SAFETY: eight floats are valid there.
        let pairs = unsafe { from.cast::<[f32; 8]>().read_unaligned() };
        [pairs[0], pairs[2], pairs[4], pairs[6]]
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> [f32; 4] {
        let mut v = [0.0; 4];
        for lane in 0..count.min(4) {
            // SAFETY: that many floats are valid there.
            v[lane] = unsafe { from.add(lane).read() };
        }
        v
    }
    #[inline(always)]
    unsafe fn sum_lanes(v: [f32; 4]) -> f32 {
        (v[0] + v[2]) + (v[1] + v[3])
    }
    #[inline(always)]
    unsafe fn load_4_columns(from: [*const f32; MAX_LANES]) -> [[f32; 4]; 4] {
        // SAFETY: four floats are valid at each of the first four pointers.
        let rows: [[f32; 4]; 4] = std::array::from_fn(|lane| unsafe { Self::load(from[lane]) });
        std::array::from_fn(|column| std::array::from_fn(|lane| rows[lane][column]))
    }
    #[inline(always)]
    unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [[f32; 4]; 4]) {
        for lane in 0..4 {
            let row = std::array::from_fn(|column| columns[column][lane]);
            // SAFETY: four floats are valid at each of the first four pointers.
            unsafe { Self::store(to[lane], row) }
        }
    }
    #[inline(always)]
    unsafe fn store_2_interleaved(to: *mut f32, [a, b]: [[f32; 4]; 2]) {
        // SAFETY: eight floats are valid there.
        unsafe {
            Self::store(to, [a[0], b[0], a[1], b[1]]);
            Self::store(to.add(4), [a[2], b[2], a[3], b[3]]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use half::f16;

    use super::{MAX_LANES, Simd};
    use crate::cpu::ukernel::register_block::Reduction;
    use crate::cpu::ukernel::{block_asm, quads_512};

    /// AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2;

    // In the functions below, the instruction set is present and pointers are
    // valid by the trait's condition.
    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const ROWS: usize = 6;

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

    /// AVX-512 F and DQ.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512;

    impl Simd for Avx512 {
        type V = __m512;
        const LANES: usize = 16;
        const ROWS: usize = 14;

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
            // SAFETY: AVX-512 implies AVX2; thirty-two floats are valid there.
            unsafe {
                let (low, high) = (Avx2::load_even(from), Avx2::load_even(from.add(16)));
                _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high)
            }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> __m512 {
            let mask = (1u32 << count.min(16)) - 1;
            // SAFETY: floats are valid where the mask is set.
            unsafe { _mm512_maskz_loadu_ps(mask as u16, from) }
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
        unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [__m512; 4]) {
            // SAFETY: the trait's condition.
            unsafe { quads_512::store_4_columns(to, columns) }
        }
        #[inline(always)]
        unsafe fn load_6_columns(
            from: *const f32,
            offsets: *const usize,
            runs: u32,
        ) -> [__m512; 6] {
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
    }
}

/// Defines a function that runs `$body::<S>` for the [`Simd`] of an `Isa`; lengths in brackets behind
/// its name are const parameters of the function, and of the body behind `S`.
///
/// The body is an `unsafe`, `#[inline(always)]` function, generic over `Simd`.
/// The function defined is unsafe like the body, but for the instruction set:
/// that the machine has it, the value of type `Isa` proves.
macro_rules! isa_kernel {
    (
        $(#[$doc:meta])*
        $vis:vis unsafe fn $name:ident $([$($length:ident),+])? ($($arg:ident: $type:ty),* $(,)?) = $body:ident
    ) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)] // the arguments are the body's
        $vis unsafe fn $name $(<$(const $length: usize),+>)? (
            isa: $crate::cpu::isa::Isa,
            $($arg: $type),*
        ) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)] // as above
            unsafe fn avx2 $(<$(const $length: usize),+>)? ($($arg: $type),*) {
                // SAFETY: the instruction set is enabled, the rest is the caller's promise.
                unsafe { $body::<$crate::cpu::ukernel::simd::Avx2 $($(, $length)+)?>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)] // as above
            unsafe fn avx512 $(<$(const $length: usize),+>)? ($($arg: $type),*) {
                // SAFETY: the instruction set is enabled, the rest is the caller's promise.
                unsafe { $body::<$crate::cpu::ukernel::simd::Avx512 $($(, $length)+)?>($($arg),*) }
            }
            // SAFETY: `isa` proves that the machine has the level, the rest is
            // the caller's promise.
            unsafe {
                match isa.level() {
                    #[cfg(target_arch = "x86_64")]
                    $crate::config::IsaLevel::Avx512 => avx512 $(::<$($length),+>)? ($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::config::IsaLevel::Avx2Fma => avx2 $(::<$($length),+>)? ($($arg),*),
                    _ => $body::<$crate::cpu::ukernel::simd::Scalar $($(, $length)+)?>($($arg),*),
                }
            }
        }
    };
}

pub(super) use isa_kernel;
