//! Sums and products in f64 rounded to odd, and rounding from there to narrower formats.
#![forbid(unsafe_code)]

use super::Round;

/// Marks in the last bit that `error` was lost from `rounded` (which is to nearest).
fn to_odd(rounded: f64, error: f64) -> f64 {
    if error == 0.0 || !rounded.is_finite() || rounded.to_bits() & 1 != 0 {
        return rounded;
    }
    // An even result that is not exact: step towards the exact value, onto an odd one.
    let bits = rounded.to_bits();
    let away = (error > 0.0) == (rounded > 0.0);
    f64::from_bits(if away { bits + 1 } else { bits - 1 })
}

/// `a + b` rounded to odd. `round` decides the sign of a sum that is exactly zero.
pub fn add(a: f64, b: f64, round: Round) -> f64 {
    let sum = a + b;
    if sum == 0.0 && round == Round::Down && (a.is_sign_negative() || b.is_sign_negative()) {
        return -0.0;
    }
    let b_part = sum - a;
    let error = (a - (sum - b_part)) + (b - b_part);
    to_odd(sum, error)
}

/// `a * b` for factors whose product is exact in f64 (24-bit significands).
pub fn mul(a: f64, b: f64) -> f64 {
    a * b
}

/// `a * b + c` rounded to odd, for factors whose product is exact in f64.
pub fn fma(a: f64, b: f64, c: f64, round: Round) -> f64 {
    add(a * b, c, round)
}

/// Bits of the value in a format of `mantissa` bits and exponents `min..=max`, rounded once.
/// NaN must be handled by the caller.
pub fn narrow(value: f64, mantissa: u32, min: i32, max: i32, round: Round) -> u64 {
    let bits = value.to_bits();
    let negative = bits >> 63 != 0;
    let exponent_bits = width(mantissa) - 1 - mantissa;
    let sign = u64::from(negative) << (mantissa + exponent_bits);
    let infinity = ((1u64 << exponent_bits) - 1) << mantissa;
    if value.is_infinite() {
        return sign | infinity;
    }
    if value == 0.0 {
        return sign;
    }
    // f64 denormals are far below every narrower format's smallest value: any tiny value will do.
    let exponent = ((bits >> 52 & 0x7ff) as i32 - 1023).max(-1022);
    let significand = (bits & ((1 << 52) - 1)) | 1 << 52;
    // Bits to drop: more for values below the format's normal range.
    let denormal_shift = (min - exponent).max(0);
    let drop = (52 - mantissa as i32 + denormal_shift).min(60) as u32;
    let kept = significand >> drop;
    let rest = significand & ((1u64 << drop) - 1);
    let halfway = 1u64 << (drop - 1);
    let up = match round {
        Round::NearestEven => rest > halfway || (rest == halfway && kept & 1 != 0),
        Round::Up => rest != 0 && !negative,
        Round::Down => rest != 0 && negative,
        Round::ToZero => false,
    };
    // A carry runs into the exponent, which is what rounding up a full significand means.
    let base = if denormal_shift > 0 { 0 } else { ((exponent - min) as u64) << mantissa };
    let magnitude = base + kept + u64::from(up);
    // `kept` of a normal value has its leading one at bit `mantissa`, which adds the exponent's one.
    if magnitude >= infinity || exponent > max {
        let to_infinity = match round {
            Round::NearestEven => true,
            Round::Up => !negative,
            Round::Down => negative,
            Round::ToZero => false,
        };
        return sign | if to_infinity { infinity } else { infinity - 1 };
    }
    sign | magnitude
}

/// Bits of a format by its mantissa: f16 and f32.
fn width(mantissa: u32) -> u32 {
    match mantissa {
        10 => 16,
        _ => 32,
    }
}
