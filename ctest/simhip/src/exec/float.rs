//! f32 arithmetic and conversions.
#![forbid(unsafe_code)]

use super::modifiers::{f32_src, put, put_f32, put16, src};
use crate::fp::{self, half, is_nan32, nan32, odd, round_to_f16, round_to_f32};
use crate::isa::valu::Arith;
use crate::isa::{Code, Inst, LANES, Row};
use crate::report::Fault;
use crate::simd;
use crate::wave::Wave;

type Done = Result<(), Fault>;

/// One source: `fast` for the host's own rounding, results that are NaN are replaced by the
/// hardware's.
fn unary(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(f32) -> f32) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let keep = w.mode.keep_out32();
    let mut out = a.map(|x| {
        let value = f(f32::from_bits(x));
        if value.is_nan() {
            return nan32(&[x]);
        }
        if keep { value.to_bits() } else { fp::flush32(value.to_bits()) }
    });
    put_f32(w, code, i, &mut out)
}

/// Two sources; `exact` gives the result rounded to odd, for other modes than the host's.
#[inline(always)]
fn binary(
    w: &mut Wave,
    code: &Code,
    i: &Inst,
    fast: impl Fn(f32, f32) -> f32,
    exact: impl Fn(f64, f64) -> f64,
) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let b = f32_src(w, code, i, 1)?;
    let mut out = [0; LANES];
    if w.mode.plain32() {
        let mut nan = false;
        for l in 0..LANES {
            let value = fast(f32::from_bits(a[l]), f32::from_bits(b[l]));
            out[l] = value.to_bits();
            nan |= value.is_nan();
        }
        if nan {
            for l in 0..LANES {
                if is_nan32(out[l]) {
                    out[l] = nan32(&[a[l], b[l]]);
                }
            }
        }
    } else {
        for l in 0..LANES {
            let value = exact(widen(a[l]), widen(b[l]));
            out[l] =
                if value.is_nan() { nan32(&[a[l], b[l]]) } else { round_to_f32(value, w.mode) };
        }
    }
    put_f32(w, code, i, &mut out)
}

fn widen(bits: u32) -> f64 {
    f64::from(f32::from_bits(bits))
}

/// `a * b + c` on rows, as MODE says.
#[inline(always)]
pub fn fma_rows(w: &Wave, a: &Row, b: &Row, c: &Row) -> Row {
    let mut out = [0; LANES];
    if w.mode.plain32() {
        if simd::fma(a, b, c, &mut out) {
            for l in 0..LANES {
                if is_nan32(out[l]) {
                    out[l] = nan32(&[a[l], b[l], c[l]]);
                }
            }
        }
        return out;
    }
    let round = w.mode.round32();
    for l in 0..LANES {
        let value = odd::fma(widen(a[l]), widen(b[l]), widen(c[l]), round);
        out[l] =
            if value.is_nan() { nan32(&[a[l], b[l], c[l]]) } else { round_to_f32(value, w.mode) };
    }
    out
}

#[inline(always)]
pub fn fma(w: &mut Wave, code: &Code, i: &Inst) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let b = f32_src(w, code, i, 1)?;
    let c = f32_src(w, code, i, 2)?;
    let mut out = fma_rows(w, &a, &b, &c);
    put_f32(w, code, i, &mut out)
}

/// Multiply, round, add, round: denormals are always flushed.
fn mad(w: &mut Wave, code: &Code, i: &Inst) -> Done {
    let a = f32_src(w, code, i, 0)?.map(fp::flush32);
    let b = f32_src(w, code, i, 1)?.map(fp::flush32);
    let c = f32_src(w, code, i, 2)?.map(fp::flush32);
    let mut out = std::array::from_fn(|l| {
        let product = odd::mul(widen(a[l]), widen(b[l]));
        if product.is_nan() {
            return nan32(&[a[l], b[l], c[l]]);
        }
        let product = fp::flush32(round_to_f32(product, w.mode));
        let sum = odd::add(widen(product), widen(c[l]), w.mode.round32());
        if sum.is_nan() { nan32(&[c[l]]) } else { fp::flush32(round_to_f32(sum, w.mode)) }
    });
    put_f32(w, code, i, &mut out)
}

fn min_max(w: &mut Wave, code: &Code, i: &Inst, max: bool) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let b = f32_src(w, code, i, 1)?;
    let ieee = w.mode.ieee();
    let mut out = std::array::from_fn(|l| fp::min_max32(a[l], b[l], max, ieee));
    put_f32(w, code, i, &mut out)
}

fn ternary_order(w: &mut Wave, code: &Code, i: &Inst, op: Arith) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let b = f32_src(w, code, i, 1)?;
    let c = f32_src(w, code, i, 2)?;
    let ieee = w.mode.ieee();
    let pick = |x: u32, y: u32, max: bool| fp::min_max32(x, y, max, ieee);
    let mut out = std::array::from_fn(|l| {
        let (x, y, z) = (a[l], b[l], c[l]);
        match op {
            Arith::Min3F32 => pick(pick(x, y, false), z, false),
            Arith::Max3F32 => pick(pick(x, y, true), z, true),
            // With a NaN the median is the minimum.
            _ if is_nan32(x) || is_nan32(y) || is_nan32(z) => pick(pick(x, y, false), z, false),
            _ => pick(pick(x, y, false), pick(pick(x, y, true), z, false), true),
        }
    });
    put_f32(w, code, i, &mut out)
}

/// Source f32, result of another kind.
fn convert(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(f32) -> u32) -> Done {
    let a = f32_src(w, code, i, 0)?;
    put(w, code, i, &a.map(|x| f(f32::from_bits(x))))
}

/// Source of another kind, exact in f64.
fn to_f32(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32) -> f64) -> Done {
    let a = src(w, code, i, 0)?;
    let mode = w.mode;
    let mut out = a.map(|x| round_to_f32(f(x), mode));
    put_f32(w, code, i, &mut out)
}

fn exponent(bits: u32) -> i32 {
    (bits >> 23 & 0xff) as i32
}

pub fn ldexp(value: f64, by: i32) -> f64 {
    value * 2f64.powi(by.clamp(-600, 600))
}

fn flushed(value: f32) -> f32 {
    f32::from_bits(fp::flush32(value.to_bits()))
}

pub fn execute(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    use Arith::*;
    let round = w.mode.round32();
    match op {
        AddF32 => binary(w, code, i, |a, b| a + b, |a, b| odd::add(a, b, round)),
        SubF32 => binary(w, code, i, |a, b| a - b, |a, b| odd::add(a, -b, round)),
        SubrevF32 => binary(w, code, i, |a, b| b - a, |a, b| odd::add(b, -a, round)),
        MulF32 => binary(w, code, i, |a, b| a * b, odd::mul),
        MulLegacyF32 => binary(
            w,
            code,
            i,
            |a, b| if a == 0.0 || b == 0.0 { 0.0 } else { a * b },
            |a, b| if a == 0.0 || b == 0.0 { 0.0 } else { odd::mul(a, b) },
        ),
        FmacF32 | FmamkF32 | FmaakF32 | FmaF32 => fma(w, code, i),
        MacF32 | MadF32 | MadmkF32 | MadakF32 => mad(w, code, i),
        MinF32 => min_max(w, code, i, false),
        MaxF32 => min_max(w, code, i, true),
        Min3F32 | Max3F32 | Med3F32 => ternary_order(w, code, i, op),
        TruncF32 => unary(w, code, i, f32::trunc),
        CeilF32 => unary(w, code, i, f32::ceil),
        FloorF32 => unary(w, code, i, f32::floor),
        RndneF32 => unary(w, code, i, f32::round_ties_even),
        FractF32 => unary(w, code, i, |x| {
            let fraction = x - x.floor();
            if fraction >= 1.0 { f32::from_bits(0x3f7f_ffff) } else { fraction }
        }),
        // Within one unit in the last place on the hardware; correctly rounded here.
        ExpF32 => unary(w, code, i, |x| flushed(f64::from(flushed(x)).exp2() as f32)),
        LogF32 => unary(w, code, i, |x| f64::from(flushed(x)).log2() as f32),
        RcpF32 | RcpIflagF32 => unary(w, code, i, |x| (1.0 / f64::from(x)) as f32),
        RsqF32 => unary(w, code, i, |x| (1.0 / f64::from(x).sqrt()) as f32),
        SqrtF32 => unary(w, code, i, |x| f64::from(x).sqrt() as f32),
        SinF32 => unary(w, code, i, |x| (f64::from(x) * std::f64::consts::TAU).sin() as f32),
        CosF32 => unary(w, code, i, |x| (f64::from(x) * std::f64::consts::TAU).cos() as f32),
        FrexpMantF32 => unary(w, code, i, |x| {
            if x == 0.0 || !x.is_finite() {
                return x;
            }
            let wide = f64::from(x).to_bits();
            f64::from_bits(wide & !(0x7ff << 52) | 1022 << 52) as f32
        }),
        FrexpExpF32 => convert(w, code, i, |x| {
            if x == 0.0 || !x.is_finite() {
                return 0;
            }
            ((f64::from(x).to_bits() >> 52 & 0x7ff) as i32 - 1022) as u32
        }),
        CvtI32F32 => convert(w, code, i, |x| x as i32 as u32),
        CvtU32F32 => convert(w, code, i, |x| x as u32),
        CvtRpiI32F32 => convert(w, code, i, |x| (f64::from(x) + 0.5).floor() as i32 as u32),
        CvtFlrI32F32 => convert(w, code, i, |x| x.floor() as i32 as u32),
        CvtF32I32 => to_f32(w, code, i, |x| f64::from(x as i32)),
        CvtF32U32 => to_f32(w, code, i, f64::from),
        CvtF32Ubyte0 => to_f32(w, code, i, |x| f64::from(x & 0xff)),
        CvtF32Ubyte1 => to_f32(w, code, i, |x| f64::from(x >> 8 & 0xff)),
        CvtF32Ubyte2 => to_f32(w, code, i, |x| f64::from(x >> 16 & 0xff)),
        CvtF32Ubyte3 => to_f32(w, code, i, |x| f64::from(x >> 24)),
        CvtF16F32 => {
            let a = f32_src(w, code, i, 0)?;
            let mode = w.mode;
            let out = a.map(|x| {
                let bits = if is_nan32(x) {
                    u32::from(half::from_f32(f32::from_bits(x)))
                } else {
                    round_to_f16(widen(x), mode)
                };
                super::modifiers::finish16(bits, i, mode)
            });
            put16(w, code, i, &out)
        }
        CvtPkrtzF16F32 => {
            let a = f32_src(w, code, i, 0)?;
            let b = f32_src(w, code, i, 1)?;
            let to_zero =
                |x: u32| u32::from(half::from_f32_rounded(f32::from_bits(x), fp::Round::ToZero));
            put(w, code, i, &std::array::from_fn(|l| to_zero(a[l]) | to_zero(b[l]) << 16))
        }
        CvtF32F16 => {
            let a = super::modifiers::f16_src(w, code, i, 0)?;
            let mut out = a.map(|x| {
                let wide = half::to_f32_bits(x);
                if is_nan32(wide) { wide | 0x0040_0000 } else { wide }
            });
            put_f32(w, code, i, &mut out)
        }
        LdexpF32 => {
            let a = f32_src(w, code, i, 0)?;
            let by = src(w, code, i, 1)?;
            let mode = w.mode;
            let mut out = std::array::from_fn(|l| {
                if is_nan32(a[l]) {
                    return nan32(&[a[l]]);
                }
                round_to_f32(ldexp(widen(a[l]), by[l] as i32), mode)
            });
            put_f32(w, code, i, &mut out)
        }
        DivScaleF32 => div_scale(w, code, i),
        DivFmasF32 => div_fmas(w, code, i),
        DivFixupF32 => div_fixup(w, code, i),
        _ => Err(super::not_here(op)),
    }
}

/// Scales numerator and denominator out of the range in which the division steps would lose bits.
fn div_scale(w: &mut Wave, code: &Code, i: &Inst) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let b = f32_src(w, code, i, 1)?;
    let c = f32_src(w, code, i, 2)?;
    let mut flags = 0u32;
    let mode = w.mode;
    let scale = |x: u32, by: i32| round_to_f32(ldexp(widen(x), by), mode);
    let denormal = |x: f64| x != 0.0 && x.abs() < f64::from(f32::MIN_POSITIVE);
    let mut out = [0; LANES];
    for l in 0..LANES {
        let (value, den, num) = (a[l], b[l], c[l]);
        let (d, n) = (widen(den), widen(num));
        out[l] = value;
        if n == 0.0 || d == 0.0 {
            out[l] = fp::NAN32;
        } else if is_nan32(num) || is_nan32(den) {
            out[l] = if is_nan32(value) { nan32(&[value]) } else { value };
        } else if exponent(num) - exponent(den) >= 96 {
            flags |= 1 << l;
            if value == den {
                out[l] = scale(value, 64);
            }
        } else if denormal(d) {
            out[l] = scale(value, 64);
        } else if denormal(1.0 / d) && denormal(n / d) {
            flags |= 1 << l;
            if value == den {
                out[l] = scale(value, -64);
            }
        } else if denormal(1.0 / d) {
            out[l] = scale(value, -64);
        } else if denormal(n / d) {
            flags |= 1 << l;
            if value == num {
                out[l] = scale(value, 64);
            }
        } else if exponent(num) <= 23 {
            out[l] = scale(value, 64);
        }
    }
    let flags = flags & w.exec;
    w.write_scalar_operand(i.sdst, flags)?;
    put_f32(w, code, i, &mut out)
}

fn div_fmas(w: &mut Wave, code: &Code, i: &Inst) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let b = f32_src(w, code, i, 1)?;
    let c = f32_src(w, code, i, 2)?;
    let scaled = w.read_scalar(crate::isa::VCC_LO)?;
    let (mode, round) = (w.mode, w.mode.round32());
    let mut out = std::array::from_fn(|l| {
        let value = odd::fma(widen(a[l]), widen(b[l]), widen(c[l]), round);
        if value.is_nan() {
            return nan32(&[a[l], b[l], c[l]]);
        }
        let by = match scaled >> l & 1 {
            0 => 0,
            _ if exponent(c[l]) > 127 => 64,
            _ => -64,
        };
        round_to_f32(ldexp(value, by), mode)
    });
    put_f32(w, code, i, &mut out)
}

fn div_fixup(w: &mut Wave, code: &Code, i: &Inst) -> Done {
    let a = f32_src(w, code, i, 0)?;
    let b = f32_src(w, code, i, 1)?;
    let c = f32_src(w, code, i, 2)?;
    let mut out = std::array::from_fn(|l| {
        let (den, num) = (b[l], c[l]);
        let sign = (den ^ num) & 0x8000_0000;
        let (d, n) = (widen(den).abs(), widen(num).abs());
        if is_nan32(num) {
            nan32(&[num])
        } else if is_nan32(den) {
            nan32(&[den])
        } else if (d == 0.0 && n == 0.0) || (d.is_infinite() && n.is_infinite()) {
            0xffc0_0000
        } else if d == 0.0 || n.is_infinite() {
            sign | 0x7f80_0000
        } else if d.is_infinite() || n == 0.0 {
            sign
        } else if is_nan32(a[l]) {
            // The steps ran over: numbers went in, so that only an overflow can have come out.
            sign | 0x7f80_0000
        } else {
            sign | a[l] & 0x7fff_ffff
        }
    });
    put_f32(w, code, i, &mut out)
}
