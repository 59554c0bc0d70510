//! Floating-point arithmetic as the MODE register asks for.
//!
//! Every operation is exact up to one rounding: the sum or product is formed in f64 "rounded to
//! odd" (the last bit records that something was lost), from which any narrower format can then be
//! rounded once, in any direction (Boldo and Melquiond, "Emulation of a FMA and correctly rounded
//! sums", 2008).
#![forbid(unsafe_code)]

pub mod half;
pub mod odd;

/// Rounding directions, by their encoding in MODE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    NearestEven = 0,
    Up = 1,
    Down = 2,
    ToZero = 3,
}

impl Round {
    pub fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Round::NearestEven,
            1 => Round::Up,
            2 => Round::Down,
            _ => Round::ToZero,
        }
    }
}

/// The floating-point part of a wave's MODE register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Bits 0-1 round f32, 2-3 round f16 and f64, 4-5 denormals f32, 6-7 denormals f16 and f64,
    /// 8 dx10_clamp, 9 ieee.
    pub bits: u32,
}

impl Mode {
    pub fn round32(self) -> Round {
        Round::from_bits(self.bits)
    }
    pub fn round16_64(self) -> Round {
        Round::from_bits(self.bits >> 2)
    }
    /// Denormal f32 sources are taken as they are.
    pub fn keep_in32(self) -> bool {
        self.bits & 0x10 != 0
    }
    /// Denormal f32 results are kept.
    pub fn keep_out32(self) -> bool {
        self.bits & 0x20 != 0
    }
    pub fn keep_in16_64(self) -> bool {
        self.bits & 0x40 != 0
    }
    pub fn keep_out16_64(self) -> bool {
        self.bits & 0x80 != 0
    }
    /// Round to nearest even and keep denormals: what the host's own f32 arithmetic does.
    pub fn plain32(self) -> bool {
        self.bits & 0x33 == 0x30
    }
    pub fn plain64(self) -> bool {
        self.bits & 0xcc == 0xc0
    }
    pub fn dx10_clamp(self) -> bool {
        self.bits & 0x100 != 0
    }
    pub fn ieee(self) -> bool {
        self.bits & 0x200 != 0
    }
}

/// NaN of an invalid operation.
pub const NAN32: u32 = 0x7fc0_0000;
pub const NAN16: u32 = 0x7e00;
pub const NAN64: u64 = 0x7ff8_0000_0000_0000;

pub fn is_nan32(bits: u32) -> bool {
    bits & 0x7fff_ffff > 0x7f80_0000
}
pub fn is_nan16(bits: u32) -> bool {
    bits & 0x7fff > 0x7c00
}
pub fn is_nan64(bits: u64) -> bool {
    bits & (u64::MAX >> 1) > 0x7ff0_0000_0000_0000
}

/// Result where an operand is NaN or the operation invalid: the first NaN, quieted.
pub fn nan32(sources: &[u32]) -> u32 {
    sources.iter().find(|&&s| is_nan32(s)).map_or(NAN32, |s| s | 0x0040_0000)
}
pub fn nan16(sources: &[u32]) -> u32 {
    sources.iter().find(|&&s| is_nan16(s)).map_or(NAN16, |s| (s | 0x0200) & 0xffff)
}
pub fn nan64(sources: &[u64]) -> u64 {
    sources.iter().find(|&&s| is_nan64(s)).map_or(NAN64, |s| s | 0x0008_0000_0000_0000)
}

pub fn flush32(bits: u32) -> u32 {
    if bits & 0x7f80_0000 == 0 { bits & 0x8000_0000 } else { bits }
}
pub fn flush16(bits: u32) -> u32 {
    if bits & 0x7c00 == 0 { bits & 0x8000 } else { bits }
}
pub fn flush64(bits: u64) -> u64 {
    if bits & 0x7ff0_0000_0000_0000 == 0 { bits & (1 << 63) } else { bits }
}

/// Rounds a value that was rounded to odd to f32, as MODE says.
pub fn round_to_f32(odd: f64, mode: Mode) -> u32 {
    let bits = odd::narrow(odd, 23, -126, 127, mode.round32()) as u32;
    if mode.keep_out32() { bits } else { flush32(bits) }
}

/// Rounds a value that was rounded to odd to f16, as MODE says.
pub fn round_to_f16(odd: f64, mode: Mode) -> u32 {
    let bits = odd::narrow(odd, 10, -14, 15, mode.round16_64()) as u32;
    if mode.keep_out16_64() { bits } else { flush16(bits) }
}

/// `minNum`/`maxNum` of the hardware on f32 bits: a quiet NaN loses, a signalling NaN is quieted
/// and wins in IEEE mode, -0 is below +0.
pub fn min_max32(a: u32, b: u32, max: bool, ieee: bool) -> u32 {
    let signalling = |x: u32| is_nan32(x) && x & 0x0040_0000 == 0;
    if ieee && signalling(a) {
        return a | 0x0040_0000;
    }
    if ieee && signalling(b) {
        return b | 0x0040_0000;
    }
    if is_nan32(a) {
        return b;
    }
    if is_nan32(b) {
        return a;
    }
    let a_first = order32(a) >= order32(b);
    if a_first == max { a } else { b }
}

/// Maps f32 bits (not NaN) to integers of the same order, -0 just below +0.
fn order32(bits: u32) -> i32 {
    let signed = bits as i32;
    if signed < 0 { signed ^ 0x7fff_ffff } else { signed }
}

pub fn min_max16(a: u32, b: u32, max: bool, ieee: bool) -> u32 {
    let signalling = |x: u32| is_nan16(x) && x & 0x0200 == 0;
    if ieee && signalling(a) {
        return a | 0x0200;
    }
    if ieee && signalling(b) {
        return b | 0x0200;
    }
    if is_nan16(a) {
        return b;
    }
    if is_nan16(b) {
        return a;
    }
    let order = |x: u32| if x & 0x8000 != 0 { -1 - (x & 0x7fff) as i32 } else { x as i32 };
    if (order(a) >= order(b)) == max { a } else { b }
}

pub fn min_max64(a: u64, b: u64, max: bool, ieee: bool) -> u64 {
    let quiet = 0x0008_0000_0000_0000;
    let signalling = |x: u64| is_nan64(x) && x & quiet == 0;
    if ieee && signalling(a) {
        return a | quiet;
    }
    if ieee && signalling(b) {
        return b | quiet;
    }
    if is_nan64(a) {
        return b;
    }
    if is_nan64(b) {
        return a;
    }
    let order = |x: u64| {
        let signed = x as i64;
        if signed < 0 { signed ^ i64::MAX } else { signed }
    };
    if (order(a) >= order(b)) == max { a } else { b }
}

/// Bit of `v_cmp_class` that a value belongs to: signalling NaN, quiet NaN, -inf, -normal,
/// -denormal, -0, +0, +denormal, +normal, +inf.
pub fn class_bit(
    negative: bool,
    exponent: u64,
    exponent_max: u64,
    mantissa: u64,
    quiet: u64,
) -> u32 {
    let kind = if exponent == exponent_max {
        if mantissa != 0 {
            return if mantissa & quiet != 0 { 1 << 1 } else { 1 };
        }
        0
    } else if exponent != 0 {
        1
    } else if mantissa != 0 {
        2
    } else {
        3
    };
    if negative { 1 << (2 + kind) } else { 1 << (9 - kind) }
}
