//! Arithmetic to compare with, written without a look at the interpreter: exact integers for f16,
//! neighbours of the host's result for f32.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Nearest,
    Up,
    Down,
    Zero,
}

pub fn f(bits: u32) -> f32 {
    f32::from_bits(bits)
}

/// The first NaN, quieted, or the hardware's own; anything else as it is.
pub fn n32(value: f32, sources: &[u32]) -> u32 {
    if !value.is_nan() {
        return value.to_bits();
    }
    let first = sources.iter().find(|&&s| f(s).is_nan());
    first.map_or(0x7fc0_0000, |s| s | 0x0040_0000)
}

pub fn n64(value: f64, sources: &[u64]) -> u64 {
    if !value.is_nan() {
        return value.to_bits();
    }
    let first = sources.iter().find(|&&s| f64::from_bits(s).is_nan());
    first.map_or(0x7ff8_0000_0000_0000, |s| s | 1 << 51)
}

pub fn flush(bits: u32) -> u32 {
    if f(bits).is_subnormal() { bits & 0x8000_0000 } else { bits }
}

/// Rounds the exact sum of two f64 to f32.
fn exact_sum_to_f32(x: f64, y: f64, to: To) -> f32 {
    let sum = x + y;
    if sum.is_nan() || sum.is_infinite() {
        return sum as f32;
    }
    // Knuth: the error of a sum is itself representable.
    let other = sum - x;
    let error = (x - (sum - other)) + (y - other);
    if sum == 0.0 && error == 0.0 {
        let negative = x.is_sign_negative() && y.is_sign_negative();
        let mixed = x.is_sign_negative() != y.is_sign_negative();
        return if negative || mixed && to == To::Down { -0.0 } else { 0.0 };
    }
    let beyond = |limit: f64| if sum != limit { sum > limit } else { error > 0.0 };
    let below = |limit: f64| if sum != limit { sum < limit } else { error < 0.0 };
    // A starting point, then at most a few steps to the largest f32 that is not above.
    let mut floor = (sum as f32).clamp(f32::MIN, f32::MAX);
    while below(floor.into()) && floor > f32::MIN {
        floor = floor.next_down();
    }
    while floor < f32::MAX && !below(floor.next_up().into()) {
        floor = floor.next_up();
    }
    let exact = !beyond(floor.into()) && !below(floor.into());
    if exact {
        return floor;
    }
    if below(f32::MIN.into()) {
        return match to {
            To::Up | To::Zero => f32::MIN,
            To::Down => f32::NEG_INFINITY,
            To::Nearest => sum as f32,
        };
    }
    let ceiling = if floor == f32::MAX { f32::INFINITY } else { floor.next_up() };
    let negative = sum < 0.0;
    let zero = |value: f32| if value == 0.0 && negative { -0.0 } else { value };
    match to {
        To::Up => zero(ceiling),
        To::Down => floor,
        To::Zero => zero(if negative { ceiling } else { floor }),
        To::Nearest => {
            if floor == f32::MAX || floor == f32::MIN {
                return sum as f32;
            }
            let middle = (f64::from(floor) + f64::from(ceiling)) / 2.0;
            let even = |value: f32| value.to_bits() & 1 == 0;
            let up = beyond(middle) || !below(middle) && even(ceiling);
            zero(if up { ceiling } else { floor })
        }
    }
}

pub fn add32(a: f32, b: f32, to: To) -> f32 {
    exact_sum_to_f32(a.into(), b.into(), to)
}

pub fn mul32(a: f32, b: f32, to: To) -> f32 {
    let product = f64::from(a) * f64::from(b);
    if product == 0.0 { product as f32 } else { exact_sum_to_f32(product, 0.0, to) }
}

pub fn fma32(a: f32, b: f32, c: f32, to: To) -> f32 {
    exact_sum_to_f32(f64::from(a) * f64::from(b), c.into(), to)
}

pub fn h64(bits: u32) -> f64 {
    let (sign, exponent, mantissa) = (bits >> 15 & 1, bits >> 10 & 31, f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1024.0 + mantissa) * 2f64.powi(e as i32 - 25),
    };
    if sign != 0 { -magnitude } else { magnitude }
}

pub fn h_nan(bits: u32) -> bool {
    bits & 0x7fff > 0x7c00
}

pub fn hn(sources: &[u32]) -> u32 {
    let first = sources.iter().find(|&&s| h_nan(s & 0xffff));
    first.map_or(0x7e00, |s| (s & 0xffff) | 0x200)
}

/// A finite f16 (or f16 product) in units of 2^-48.
fn units(value: f64) -> i128 {
    (value * 2f64.powi(48)) as i128
}

/// Rounds an exact number of units of 2^-48 to f16; `negative_zero` is the sign of zero.
fn round_units(value: i128, negative_zero: bool, to: To) -> u32 {
    round_half_units(2 * value, negative_zero, to)
}

/// The same in units of 2^-49, whose last bit may stand for anything that is not zero.
fn round_half_units(value: i128, negative_zero: bool, to: To) -> u32 {
    let units = |value: f64| 2 * units(value);
    let negative = value < 0 || value == 0 && negative_zero;
    let sign = if negative { 0x8000 } else { 0 };
    let magnitude = value.unsigned_abs() as i128;
    // Bits of finite f16 are in the order of their values.
    let (mut floor, mut beyond) = (0u32, 0x7c00u32);
    while beyond - floor > 1 {
        let middle = (floor + beyond) / 2;
        if units(h64(middle)) <= magnitude { floor = middle } else { beyond = middle }
    }
    let ceiling = floor + 1;
    let floor_units = units(h64(floor));
    if floor_units == magnitude {
        return sign | floor;
    }
    // The step after the largest finite number is where infinity would be.
    let ceiling_units = if ceiling == 0x7c00 { units(65536.0) } else { units(h64(ceiling)) };
    let up = match to {
        To::Up => !negative,
        To::Down => negative,
        To::Zero => false,
        To::Nearest => {
            let twice = 2 * magnitude - floor_units - ceiling_units;
            twice > 0 || twice == 0 && ceiling & 1 == 0
        }
    };
    sign | if up { ceiling.min(0x7c00) } else { floor.min(0x7bff) }
}

/// `a * b + c` in f16, one rounding.
pub fn hfma(a: u32, b: u32, c: u32, to: To) -> u32 {
    let (a, b, c) = (a & 0xffff, b & 0xffff, c & 0xffff);
    let direct = h64(a) * h64(b) + h64(c);
    if direct.is_nan() {
        return hn(&[a, b, c]);
    }
    if !direct.is_finite() {
        return if direct > 0.0 { 0x7c00 } else { 0xfc00 };
    }
    let product = h64(a) * h64(b);
    let exact = units(product) + units(h64(c));
    let mixed = product.is_sign_negative() != h64(c).is_sign_negative();
    let minus = if mixed { to == To::Down } else { product.is_sign_negative() };
    round_units(exact, minus, to)
}

pub fn hadd(a: u32, b: u32, to: To) -> u32 {
    if h_nan(a & 0xffff) || h_nan(b & 0xffff) {
        return hn(&[a, b]);
    }
    match hfma(a, 0x3c00, b, to) {
        nan if h_nan(nan) => 0x7e00,
        value => value,
    }
}

pub fn hmul(a: u32, b: u32, to: To) -> u32 {
    if h_nan(a & 0xffff) || h_nan(b & 0xffff) {
        return hn(&[a, b]);
    }
    let product = h64(a & 0xffff) * h64(b & 0xffff);
    if product == 0.0 {
        return if product.is_sign_negative() { 0x8000 } else { 0 };
    }
    hfma(a, b, 0, to)
}

/// f32 to f16; numbers too small for the units lie below half of the smallest f16.
pub fn h_of_f32(bits: u32, to: To) -> u32 {
    let value = f(bits);
    if value.is_nan() {
        return bits >> 16 & 0x8000 | 0x7e00 | bits >> 13 & 0x1ff;
    }
    if value.is_infinite() {
        return if value > 0.0 { 0x7c00 } else { 0xfc00 };
    }
    let scaled = f64::from(value) * 2f64.powi(48);
    let whole = scaled.trunc();
    let clipped = whole.clamp(-(2f64.powi(70)), 2f64.powi(70)) as i128;
    // A remainder below the units only matters by being there: half a unit's worth more than none.
    let sticky = if scaled != whole { if value > 0.0 { 1 } else { -1 } } else { 0 };
    round_half_units(2 * clipped + sticky, value.is_sign_negative(), to)
}
