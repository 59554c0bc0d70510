//! f16 by its bits.
#![forbid(unsafe_code)]

use super::{Round, odd};

/// Exact value of an f16; NaN payloads are kept.
pub fn to_f32(bits: u16) -> f32 {
    f32::from_bits(to_f32_bits(u32::from(bits)))
}

/// The same without branches, so that it vectorises: the exponent is rebiased by a multiplication,
/// which normalises denormals too.
#[inline(always)]
pub fn to_f32_bits(bits: u32) -> u32 {
    let magnitude = (bits & 0x7fff) << 13;
    let scaled = (f32::from_bits(magnitude) * f32::from_bits(0x7780_0000)).to_bits();
    let special = if magnitude >= 0x0f80_0000 { 0x7f80_0000 | magnitude } else { scaled };
    special | (bits & 0x8000) << 16
}

pub fn to_f64(bits: u32) -> f64 {
    f64::from(f32::from_bits(to_f32_bits(bits & 0xffff)))
}

/// Nearest f16, ties to even; NaN becomes a quiet NaN with the payload's high bits.
pub fn from_f32(value: f32) -> u16 {
    from_f32_rounded(value, Round::NearestEven)
}

pub fn from_f32_rounded(value: f32, round: Round) -> u16 {
    if value.is_nan() {
        let bits = value.to_bits();
        return ((bits >> 16 & 0x8000) | 0x7e00 | (bits >> 13 & 0x1ff)) as u16;
    }
    odd::narrow(f64::from(value), 10, -14, 15, round) as u16
}
