//! 64-bit integers and f64.
#![forbid(unsafe_code)]

use super::modifiers::{f32_src, f64_src, finish64, put, put_f32, src};
use crate::fp::{self, is_nan32, is_nan64, nan32, nan64, round_to_f32};
use crate::isa::valu::Arith;
use crate::isa::{Code, Inst, LANES, Operand};
use crate::report::{Fault, Kind};
use crate::wave::Wave;

type Done = Result<(), Fault>;
type Row64 = [u64; LANES];

/// Only the host's own rounding is available in f64.
fn check_mode(w: &Wave) -> Done {
    if w.mode.bits & 0xc != 0 {
        return Err(Fault::new(Kind::Unsupported, "f64 arithmetic with directed rounding"));
    }
    Ok(())
}

fn finish(w: &mut Wave, i: &Inst, out: Row64) -> Done {
    let mode = w.mode;
    let out = out.map(|x| {
        let x = finish64(x, i, mode);
        if mode.keep_out16_64() { x } else { fp::flush64(x) }
    });
    w.write_row64(i.dst, &out)
}

fn unary(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(f64) -> f64) -> Done {
    check_mode(w)?;
    let a = f64_src(w, code, i, 0)?;
    let out = a.map(|x| {
        let value = f(f64::from_bits(x));
        if value.is_nan() { nan64(&[x]) } else { value.to_bits() }
    });
    finish(w, i, out)
}

fn binary(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(f64, f64) -> f64) -> Done {
    check_mode(w)?;
    let a = f64_src(w, code, i, 0)?;
    let b = f64_src(w, code, i, 1)?;
    let out = std::array::from_fn(|l| {
        let value = f(f64::from_bits(a[l]), f64::from_bits(b[l]));
        if value.is_nan() { nan64(&[a[l], b[l]]) } else { value.to_bits() }
    });
    finish(w, i, out)
}

fn min_max(w: &mut Wave, code: &Code, i: &Inst, max: bool) -> Done {
    let a = f64_src(w, code, i, 0)?;
    let b = f64_src(w, code, i, 1)?;
    let ieee = w.mode.ieee();
    finish(w, i, std::array::from_fn(|l| fp::min_max64(a[l], b[l], max, ieee)))
}

fn from_f64(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(f64) -> u32) -> Done {
    let a = f64_src(w, code, i, 0)?;
    put(w, code, i, &a.map(|x| f(f64::from_bits(x))))
}

fn shift(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u64, u32) -> u64) -> Done {
    let by = src(w, code, i, 0)?;
    let value = w.row64(code, i.src[1])?;
    w.write_row64(i.dst, &std::array::from_fn(|l| f(value[l], by[l] & 63)))
}

/// A 64-bit addend, and the lanes whose upper half holds nothing: compilers add a 32-bit number so
/// where only the lower half of the sum counts.
fn addend(w: &Wave, code: &Code, operand: Operand) -> Result<(Row64, u32), Fault> {
    let low_half = w.row(code, operand)?;
    let Operand::V(low) = operand else {
        let [low, high] = w.copied_scalar64(code, operand)?;
        let sum = u64::from(low.unwrap_or(0)) | u64::from(high.unwrap_or(0)) << 32;
        return Ok(([sum; LANES], if high.is_none() { w.exec } else { 0 }));
    };
    let (high_half, missing) = w.copied_row(code, Operand::V(low.wrapping_add(1)))?;
    let joined = |l: usize| u64::from(low_half[l]) | u64::from(high_half[l]) << 32;
    Ok((std::array::from_fn(joined), missing))
}

pub fn execute(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    use Arith::*;
    match op {
        LshlrevB64 => shift(w, code, i, |x, by| x << by),
        LshrrevB64 => shift(w, code, i, |x, by| x >> by),
        AshrrevI64 => shift(w, code, i, |x, by| (x as i64 >> by) as u64),
        MadU64U32 | MadI64I32 => {
            let a = src(w, code, i, 0)?;
            let b = src(w, code, i, 1)?;
            let (c, missing) = addend(w, code, i.src[2])?;
            let mut flags = 0u32;
            let mut out = [0; LANES];
            for l in 0..LANES {
                let (value, carried) = if op == MadU64U32 {
                    (u64::from(a[l]) * u64::from(b[l])).overflowing_add(c[l])
                } else {
                    let product = i64::from(a[l] as i32) * i64::from(b[l] as i32);
                    let (sum, over) = product.overflowing_add(c[l] as i64);
                    (sum as u64, over)
                };
                out[l] = value;
                flags |= u32::from(carried) << l;
            }
            let flags = flags & w.exec;
            w.write_row64(i.dst, &out)?;
            if missing == 0 {
                return w.write_scalar_operand(i.sdst, flags);
            }
            // The lower half of the sum is right whatever the upper half is.
            let Operand::V(low) = i.dst else { return Ok(()) };
            let high = w.v[low as usize + 1];
            w.copy_to_row(Operand::V(low + 1), &high, missing)?;
            w.copy_to_scalar(i.sdst, None)
        }
        AddF64 => binary(w, code, i, |a, b| a + b),
        MulF64 => binary(w, code, i, |a, b| a * b),
        MinF64 => min_max(w, code, i, false),
        MaxF64 => min_max(w, code, i, true),
        FmaF64 => {
            check_mode(w)?;
            let a = f64_src(w, code, i, 0)?;
            let b = f64_src(w, code, i, 1)?;
            let c = f64_src(w, code, i, 2)?;
            let out = std::array::from_fn(|l| {
                let (x, y, z) = (a[l], b[l], c[l]);
                let value = f64::from_bits(x).mul_add(f64::from_bits(y), f64::from_bits(z));
                if value.is_nan() { nan64(&[x, y, z]) } else { value.to_bits() }
            });
            finish(w, i, out)
        }
        TruncF64 => unary(w, code, i, f64::trunc),
        CeilF64 => unary(w, code, i, f64::ceil),
        FloorF64 => unary(w, code, i, f64::floor),
        RndneF64 => unary(w, code, i, f64::round_ties_even),
        FractF64 => unary(w, code, i, |x| {
            let fraction = x - x.floor();
            if fraction >= 1.0 { 1f64.next_down() } else { fraction }
        }),
        RcpF64 => unary(w, code, i, |x| 1.0 / x),
        RsqF64 => unary(w, code, i, |x| 1.0 / x.sqrt()),
        SqrtF64 => unary(w, code, i, f64::sqrt),
        LdexpF64 => {
            let a = f64_src(w, code, i, 0)?;
            let by = src(w, code, i, 1)?;
            let out = std::array::from_fn(|l| {
                if is_nan64(a[l]) {
                    return nan64(&[a[l]]);
                }
                scale(f64::from_bits(a[l]), by[l] as i32).to_bits()
            });
            finish(w, i, out)
        }
        FrexpExpF64 => from_f64(w, code, i, |x| {
            if x == 0.0 || !x.is_finite() {
                return 0;
            }
            let (shift, x) = if x.is_normal() { (0, x) } else { (64, x * 2f64.powi(64)) };
            ((x.to_bits() >> 52 & 0x7ff) as i32 - 1022 - shift) as u32
        }),
        FrexpMantF64 => unary(w, code, i, |x| {
            if x == 0.0 || !x.is_finite() {
                return x;
            }
            let x = if x.is_normal() { x } else { x * 2f64.powi(64) };
            f64::from_bits(x.to_bits() & !(0x7ff << 52) | 1022 << 52)
        }),
        CvtI32F64 => from_f64(w, code, i, |x| x as i32 as u32),
        CvtU32F64 => from_f64(w, code, i, |x| x as u32),
        CvtF64I32 => {
            let a = src(w, code, i, 0)?;
            finish(w, i, a.map(|x| f64::from(x as i32).to_bits()))
        }
        CvtF64U32 => {
            let a = src(w, code, i, 0)?;
            finish(w, i, a.map(|x| f64::from(x).to_bits()))
        }
        CvtF64F32 => {
            let a = f32_src(w, code, i, 0)?;
            let out = a.map(|x| {
                let wide = f64::from(f32::from_bits(x)).to_bits();
                if is_nan32(x) { nan64(&[wide]) } else { wide }
            });
            finish(w, i, out)
        }
        CvtF32F64 => {
            let a = f64_src(w, code, i, 0)?;
            let mode = w.mode;
            let mut out = a.map(|x| {
                if is_nan64(x) {
                    let payload = (x >> 29) as u32 & 0x007f_ffff;
                    return nan32(&[(x >> 32) as u32 & 0x8000_0000 | 0x7fc0_0000 | payload]);
                }
                round_to_f32(f64::from_bits(x), mode)
            });
            put_f32(w, code, i, &mut out)
        }
        _ => Err(super::not_here(op)),
    }
}

/// `value * 2^by`, rounded once: where a step before the last rounds, the result is zero or infinite
/// anyway.
fn scale(mut value: f64, by: i32) -> f64 {
    let mut left = by.clamp(-2200, 2200);
    while left != 0 && value != 0.0 && value.is_finite() {
        let step = left.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        left -= step;
    }
    value
}
