//! Between the 16-bit types and f32, exactly as the crate `half` does, and from int8, a vector at a
//! time.

use half::{bf16, f16};

use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;

/// # Panics
/// Where the lengths differ, here and below.
pub fn widen_f16(src: &[f16], dst: &mut [f32]) {
    assert_eq!(src.len(), dst.len());
    // SAFETY: both are valid for their common length.
    unsafe { widen_half(Isa::of_machine(), src.as_ptr(), dst.as_mut_ptr(), src.len()) }
}

/// Rounds to the nearest, ties to even.
pub fn narrow_f16(src: &[f32], dst: &mut [f16]) {
    assert_eq!(src.len(), dst.len());
    // SAFETY: as above.
    unsafe { narrow_half(Isa::of_machine(), src.as_ptr(), dst.as_mut_ptr(), src.len()) }
}

/// A bf16 is the upper half of an f32.
pub fn widen_bf16(src: &[bf16], dst: &mut [f32]) {
    assert_eq!(src.len(), dst.len());
    // SAFETY: nothing is asked of the slices.
    unsafe { widen_upper(Isa::of_machine(), src, dst) }
}

/// Every int8 is exact as f32.
pub fn widen_i8(src: &[i8], dst: &mut [f32]) {
    assert_eq!(src.len(), dst.len());
    // SAFETY: as above.
    unsafe { widen_integers(Isa::of_machine(), src, dst) }
}

/// Rounds to the nearest, ties to even; a NaN stays one.
pub fn narrow_bf16(src: &[f32], dst: &mut [bf16]) {
    assert_eq!(src.len(), dst.len());
    // SAFETY: as above.
    unsafe { narrow_upper(Isa::of_machine(), src, dst) }
}

isa_kernel! {
    /// # Safety
    /// `len` elements must be valid at both pointers.
    unsafe fn widen_half(from: *const f16, to: *mut f32, len: usize) = widen_half_body
}

/// # Safety
/// As `widen_half`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn widen_half_body<S: Simd>(from: *const f16, to: *mut f32, len: usize) {
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at + S::LANES <= len {
            S::store(to.add(at), S::load_f16(from.add(at)));
            at += S::LANES;
        }
        while at < len {
            to.add(at).write(from.add(at).read().to_f32());
            at += 1;
        }
    }
}

isa_kernel! {
    /// # Safety
    /// `len` elements must be valid at both pointers.
    unsafe fn narrow_half(from: *const f32, to: *mut f16, len: usize) = narrow_half_body
}

/// # Safety
/// As `narrow_half`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn narrow_half_body<S: Simd>(from: *const f32, to: *mut f16, len: usize) {
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at + S::LANES <= len {
            S::store_f16(to.add(at), S::load(from.add(at)));
            at += S::LANES;
        }
        while at < len {
            to.add(at).write(f16::from_f32(from.add(at).read()));
            at += 1;
        }
    }
}

isa_kernel! {
    /// # Safety
    /// None: safe code for the compiler to vectorise.
    unsafe fn widen_upper(src: &[bf16], dst: &mut [f32]) = widen_upper_body
}

#[inline(always)]
unsafe fn widen_upper_body<S: Simd>(src: &[bf16], dst: &mut [f32]) {
    for (wide, narrow) in dst.iter_mut().zip(src) {
        *wide = f32::from_bits(u32::from(narrow.to_bits()) << 16);
    }
}

isa_kernel! {
    /// # Safety
    /// None: safe code for the compiler to vectorise.
    unsafe fn widen_integers(src: &[i8], dst: &mut [f32]) = widen_integers_body
}

#[inline(always)]
unsafe fn widen_integers_body<S: Simd>(src: &[i8], dst: &mut [f32]) {
    for (wide, &narrow) in dst.iter_mut().zip(src) {
        *wide = f32::from(narrow);
    }
}

isa_kernel! {
    /// # Safety
    /// None: safe code for the compiler to vectorise.
    unsafe fn narrow_upper(src: &[f32], dst: &mut [bf16]) = narrow_upper_body
}

#[inline(always)]
unsafe fn narrow_upper_body<S: Simd>(src: &[f32], dst: &mut [bf16]) {
    /// The bit that makes a NaN quiet, and keeps it from becoming an infinity.
    const QUIET: u32 = 1 << 6;
    for (narrow, wide) in dst.iter_mut().zip(src) {
        let bits = wide.to_bits();
        let upper = bits >> 16;
        // Half a unit in the last place, less a bit where the upper half is even.
        let rounded = bits.wrapping_add(0x7fff + (upper & 1)) >> 16;
        let result = if wide.is_nan() { upper | QUIET } else { rounded };
        *narrow = bf16::from_bits(result as u16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value of 16 bits, and f32 around each: the same bits as the crate gives.
    #[test]
    fn as_the_crate_half() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        let halves: Vec<f16> = all.iter().map(|&bits| f16::from_bits(bits)).collect();
        let uppers: Vec<bf16> = all.iter().map(|&bits| bf16::from_bits(bits)).collect();
        let mut wide = vec![0f32; all.len()];
        let (mut half_back, mut upper_back) = (halves.clone(), uppers.clone());
        let is_same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());

        widen_f16(&halves, &mut wide);
        assert!(wide.iter().zip(&halves).all(|(&wide, half)| is_same(wide, half.to_f32())));
        for nudge in [0, 1, u32::MAX, 0x0fff, 0x1000, 0x1001] {
            let near: Vec<f32> =
                wide.iter().map(|v| f32::from_bits(v.to_bits().wrapping_add(nudge))).collect();
            narrow_f16(&near, &mut half_back);
            for (&value, &narrow) in near.iter().zip(&half_back) {
                let expected = f16::from_f32(value);
                assert!(narrow == expected || (narrow.is_nan() && expected.is_nan()), "{value:e}");
            }
        }
        widen_bf16(&uppers, &mut wide);
        assert!(wide.iter().zip(&uppers).all(|(&wide, upper)| is_same(wide, upper.to_f32())));
        for nudge in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
            let near: Vec<f32> =
                wide.iter().map(|v| f32::from_bits(v.to_bits().wrapping_add(nudge))).collect();
            narrow_bf16(&near, &mut upper_back);
            for (&value, &narrow) in near.iter().zip(&upper_back) {
                let expected = bf16::from_f32(value);
                assert!(narrow == expected || (narrow.is_nan() && expected.is_nan()), "{value:e}");
            }
        }
        // What is left over after whole vectors.
        for len in 0..40 {
            let mut short = vec![0f32; len];
            widen_f16(&halves[0x3c00..][..len], &mut short);
            narrow_f16(&short, &mut half_back[..len]);
            assert_eq!(half_back[..len], halves[0x3c00..][..len]);
        }
    }
}
