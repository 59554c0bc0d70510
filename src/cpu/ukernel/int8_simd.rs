//! Vectors of words of int8, one type for each set of instructions that sums their products.
//!
//! A word is 32 bits: two int8 widened to i16, the first in the low half, or four bytes, the first
//! in the lowest. In a word of four bytes those of columns are 128 more than their values, so
//! unsigned; those of weights are int8 as they are.

use super::register_block::BlockSimd;

/// Four bytes, four words at a time, for whatever the compiler makes of them.
#[derive(Clone, Copy)]
pub(super) struct ScalarQuads;

impl BlockSimd for ScalarQuads {
    type E = i32;
    type V = [i32; 4];
    const LANES: usize = 4;
    const ROWS: usize = 6;
    const ZERO: i32 = 0;

    #[inline(always)]
    fn add_elements(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    unsafe fn splat(word: i32) -> [i32; 4] {
        [word; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const i32) -> [i32; 4] {
        // SAFETY: four words are valid there, by the trait's condition.
        unsafe { from.cast::<[i32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, v: [i32; 4]) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[i32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn add(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        std::array::from_fn(|i| a[i].wrapping_add(b[i]))
    }
    #[inline(always)]
    unsafe fn add_products(weights: [i32; 4], columns: [i32; 4], sums: [i32; 4]) -> [i32; 4] {
        let mut sums = sums;
        for byte in 0..4 {
            for lane in 0..4 {
                let weight = i32::from((weights[lane] >> (8 * byte)) as i8);
                let column = i32::from((columns[lane] >> (8 * byte)) as u8);
                sums[lane] = sums[lane].wrapping_add(weight * column);
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2Pairs, Avx512Pairs, Avx512Quads, AvxQuads};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::BlockSimd;
    use crate::cpu::ukernel::block_asm;
    use crate::cpu::ukernel::register_block::Reduction;

    /// Pairs by AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2Pairs;

    /// Four bytes by AVX-VNNI.
    #[derive(Clone, Copy)]
    pub(in super::super) struct AvxQuads;

    /// Pairs by AVX-512 BW.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512Pairs;

    /// Four bytes by AVX-512 VNNI.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512Quads;

    /// Implements [`BlockSimd`] on one width, but for the products.
    macro_rules! int8_simd {
        (
            $name:ident, $vector:ident, $lanes:literal x $rows:literal,
            $splat:ident, $load:ident, $store:ident, $add:ident,
            |$weights:ident, $columns:ident, $sums:ident| $products:expr,
            $assembly:ident
        ) => {
            // In the functions below, the instructions are present and pointers are valid by the
            // trait's condition.
            impl BlockSimd for $name {
                type E = i32;
                type V = $vector;
                const LANES: usize = $lanes;
                const ROWS: usize = $rows;
                const ZERO: i32 = 0;

                #[inline(always)]
                fn add_elements(a: i32, b: i32) -> i32 {
                    a.wrapping_add(b)
                }
                #[inline(always)]
                unsafe fn splat(word: i32) -> $vector {
                    // SAFETY: the trait's condition.
                    unsafe { $splat(word) }
                }
                #[inline(always)]
                unsafe fn load(from: *const i32) -> $vector {
                    // SAFETY: the trait's condition.
                    unsafe { $load(from.cast()) }
                }
                #[inline(always)]
                unsafe fn store(to: *mut i32, v: $vector) {
                    // SAFETY: the trait's condition.
                    unsafe { $store(to.cast(), v) }
                }
                #[inline(always)]
                unsafe fn add(a: $vector, b: $vector) -> $vector {
                    // SAFETY: the trait's condition.
                    unsafe { $add(a, b) }
                }
                #[inline(always)]
                unsafe fn add_products(
                    $weights: $vector,
                    $columns: $vector,
                    $sums: $vector,
                ) -> $vector {
                    // SAFETY: the trait's condition.
                    unsafe { $products }
                }
                #[inline(always)]
                unsafe fn run_block(r: &Reduction<i32>, height: usize, vectors: usize) -> bool {
                    // SAFETY: the trait's condition; there are no more rows than `ROWS`.
                    unsafe { block_asm::$assembly(r, height, vectors) };
                    true
                }
            }
        };
    }

    // The sum of two products of int8 is at most 2^15 in magnitude: far from saturation.
    int8_simd! {
        Avx2Pairs, __m256i, 8 x 6,
        _mm256_set1_epi32, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_add_epi32,
        |weights, columns, sums| _mm256_add_epi32(sums, _mm256_madd_epi16(weights, columns)),
        pairs_256
    }
    int8_simd! {
        AvxQuads, __m256i, 8 x 6,
        _mm256_set1_epi32, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_add_epi32,
        |weights, columns, sums| _mm256_dpbusd_avx_epi32(sums, columns, weights),
        quads_256
    }
    int8_simd! {
        Avx512Pairs, __m512i, 16 x 14,
        _mm512_set1_epi32, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_add_epi32,
        |weights, columns, sums| _mm512_add_epi32(sums, _mm512_madd_epi16(weights, columns)),
        pairs_512
    }
    int8_simd! {
        Avx512Quads, __m512i, 16 x 14,
        _mm512_set1_epi32, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_add_epi32,
        |weights, columns, sums| _mm512_dpbusd_epi32(sums, columns, weights),
        quads_512
    }
}
