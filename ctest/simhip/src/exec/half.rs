//! f16, packed f16 and the mixed-precision multiply-add.
#![forbid(unsafe_code)]

use super::float::{fma_rows, ldexp};
use super::modifiers::{f16_src, finish16, int16_src, put, put_f32, put16, src};
use crate::fp::half::{to_f32_bits, to_f64};
use crate::fp::{self, Mode, is_nan16, is_nan32, nan16, odd, round_to_f16};
use crate::isa::valu::Arith;
use crate::isa::{Code, Inst, LANES, Row, flag};
use crate::report::Fault;
use crate::wave::Wave;

type Done = Result<(), Fault>;

fn unary(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(f64) -> f64) -> Done {
    let a = f16_src(w, code, i, 0)?;
    let mode = w.mode;
    let out = a.map(|x| {
        let value = f(to_f64(x));
        let bits = if value.is_nan() { nan16(&[x]) } else { round_to_f16(value, mode) };
        finish16(bits, i, mode)
    });
    put16(w, code, i, &out)
}

/// One lane of a two-source operation given by its result rounded to odd.
fn binary_lane(a: u32, b: u32, mode: Mode, f: impl Fn(f64, f64) -> f64) -> u32 {
    let value = f(to_f64(a), to_f64(b));
    if value.is_nan() { nan16(&[a, b]) } else { round_to_f16(value, mode) }
}

fn fma_lane(a: u32, b: u32, c: u32, mode: Mode) -> u32 {
    let value = odd::fma(to_f64(a), to_f64(b), to_f64(c), mode.round16_64());
    if value.is_nan() { nan16(&[a, b, c]) } else { round_to_f16(value, mode) }
}

fn binary(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(f64, f64) -> f64) -> Done {
    let a = f16_src(w, code, i, 0)?;
    let b = f16_src(w, code, i, 1)?;
    let mode = w.mode;
    let out = std::array::from_fn(|l| finish16(binary_lane(a[l], b[l], mode, &f), i, mode));
    put16(w, code, i, &out)
}

fn bits2(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let a = f16_src(w, code, i, 0)?;
    let b = f16_src(w, code, i, 1)?;
    let mode = w.mode;
    let out = std::array::from_fn(|l| finish16(f(a[l], b[l]), i, mode));
    put16(w, code, i, &out)
}

fn ternary(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32, u32) -> u32) -> Done {
    let a = f16_src(w, code, i, 0)?;
    let b = f16_src(w, code, i, 1)?;
    let c = f16_src(w, code, i, 2)?;
    let mode = w.mode;
    let out = std::array::from_fn(|l| finish16(f(a[l], b[l], c[l]), i, mode));
    put16(w, code, i, &out)
}

/// The two halves that a packed instruction takes from source `k`: for its low and high result.
fn packed_src(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<[Row; 2], Fault> {
    let row = src(w, code, i, k)?;
    let pick = |high: bool, x: u32| if high { x >> 16 } else { x & 0xffff };
    let (low, high) = (i.mods.op_sel >> k & 1 != 0, i.mods.op_sel_hi >> k & 1 != 0);
    Ok([row.map(|x| pick(low, x)), row.map(|x| pick(high, x))])
}

fn packed_f16(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<[Row; 2], Fault> {
    let [low, high] = packed_src(w, code, i, k)?;
    let flip = |bits: u8| if bits >> k & 1 != 0 { 0x8000 } else { 0 };
    let (flip_low, flip_high) = (flip(i.mods.neg), flip(i.mods.neg_hi));
    let keep = w.mode.keep_in16_64();
    let finish = |x: u32| if keep { x } else { fp::flush16(x) };
    Ok([low.map(|x| finish(x ^ flip_low)), high.map(|x| finish(x ^ flip_high))])
}

fn packed2(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let a = packed_f16(w, code, i, 0)?;
    let b = packed_f16(w, code, i, 1)?;
    let mode = w.mode;
    let out = std::array::from_fn(|l| {
        let part = |h: usize| finish16(f(a[h][l], b[h][l]), i, mode);
        part(0) | part(1) << 16
    });
    put(w, code, i, &out)
}

fn packed_int2(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let a = packed_src(w, code, i, 0)?;
    let b = packed_src(w, code, i, 1)?;
    let out = std::array::from_fn(|l| (f(a[0][l], b[0][l]) & 0xffff) | f(a[1][l], b[1][l]) << 16);
    put(w, code, i, &out)
}

fn packed_int3(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32, u32) -> u32) -> Done {
    let a = packed_src(w, code, i, 0)?;
    let b = packed_src(w, code, i, 1)?;
    let c = packed_src(w, code, i, 2)?;
    let part = |h: usize, l: usize| f(a[h][l], b[h][l], c[h][l]) & 0xffff;
    put(w, code, i, &std::array::from_fn(|l| part(0, l) | part(1, l) << 16))
}

/// A source of the mixed multiply-add: f32, or one half of f16 converted.
fn mix_src(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<Row, Fault> {
    let row = src(w, code, i, k)?;
    let half = i.mods.op_sel_hi >> k & 1 != 0;
    let high = i.mods.op_sel >> k & 1 != 0;
    let keep16 = w.mode.keep_in16_64();
    let mut row = if half {
        let shift = if high { 16 } else { 0 };
        if keep16 {
            row.map(|x| to_f32_bits(x >> shift & 0xffff))
        } else {
            row.map(|x| to_f32_bits(fp::flush16(x >> shift & 0xffff)))
        }
    } else if w.mode.keep_in32() {
        row
    } else {
        row.map(fp::flush32)
    };
    if i.flags & flag::MODS != 0 {
        // In this encoding neg_hi means absolute value; the disassembler prints |v|.
        let abs = (i.mods.abs | i.mods.neg_hi) >> k & 1 != 0;
        let keep = if abs { 0x7fff_ffff } else { u32::MAX };
        let flip = if i.mods.neg >> k & 1 != 0 { 0x8000_0000 } else { 0 };
        row = row.map(|x| x & keep ^ flip);
    }
    Ok(row)
}

#[inline(always)]
pub fn fma_mix(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    let a = mix_src(w, code, i, 0)?;
    let b = mix_src(w, code, i, 1)?;
    let c = mix_src(w, code, i, 2)?;
    if op == Arith::FmaMixF32 {
        let mut out = fma_rows(w, &a, &b, &c);
        return put_f32(w, code, i, &mut out);
    }
    // One rounding, straight to f16.
    let mode = w.mode;
    let wide = |x: u32| f64::from(f32::from_bits(x));
    let out: Row = std::array::from_fn(|l| {
        let value = odd::fma(wide(a[l]), wide(b[l]), wide(c[l]), mode.round16_64());
        let bits = if value.is_nan() {
            let first = [a[l], b[l], c[l]].into_iter().find(|&x| is_nan32(x));
            first.map_or(fp::NAN16, |x| u32::from(fp::half::from_f32(f32::from_bits(x))))
        } else {
            round_to_f16(value, mode)
        };
        finish16(bits, i, mode)
    });
    let crate::isa::Operand::V(register) = i.dst else { return Err(super::not_here(op)) };
    let old = w.v[register as usize];
    let high = op == Arith::FmaMixhiF16;
    let merged = std::array::from_fn(|l| {
        if high { old[l] & 0xffff | out[l] << 16 } else { old[l] & 0xffff_0000 | out[l] }
    });
    put(w, code, i, &merged)
}

fn signed(x: u32) -> i32 {
    i32::from(x as u16 as i16)
}

pub fn execute(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    use Arith::*;
    let mode = w.mode;
    let ieee = mode.ieee();
    let clamp = i.mods.clamp;
    let add = |a, b| odd::add(a, b, mode.round16_64());
    match op {
        FmaMixF32 | FmaMixloF16 | FmaMixhiF16 => fma_mix(op, w, code, i),
        AddF16 => binary(w, code, i, add),
        SubF16 => binary(w, code, i, |a, b| add(a, -b)),
        SubrevF16 => binary(w, code, i, |a, b| add(b, -a)),
        MulF16 => binary(w, code, i, odd::mul),
        FmacF16 | FmamkF16 | FmaakF16 | FmaF16 => {
            ternary(w, code, i, |a, b, c| fma_lane(a, b, c, mode))
        }
        MinF16 => bits2(w, code, i, |a, b| fp::min_max16(a, b, false, ieee)),
        MaxF16 => bits2(w, code, i, |a, b| fp::min_max16(a, b, true, ieee)),
        Min3F16 => ternary(w, code, i, |a, b, c| {
            fp::min_max16(fp::min_max16(a, b, false, ieee), c, false, ieee)
        }),
        Max3F16 => ternary(w, code, i, |a, b, c| {
            fp::min_max16(fp::min_max16(a, b, true, ieee), c, true, ieee)
        }),
        Med3F16 => ternary(w, code, i, |a, b, c| {
            let pick = |x, y, max| fp::min_max16(x, y, max, ieee);
            if is_nan16(a) || is_nan16(b) || is_nan16(c) {
                return pick(pick(a, b, false), c, false);
            }
            pick(pick(a, b, false), pick(pick(a, b, true), c, false), true)
        }),
        TruncF16 => unary(w, code, i, f64::trunc),
        CeilF16 => unary(w, code, i, f64::ceil),
        FloorF16 => unary(w, code, i, f64::floor),
        RndneF16 => unary(w, code, i, f64::round_ties_even),
        FractF16 => unary(w, code, i, |x| {
            // The largest f16 below one.
            let fraction = x - x.floor();
            if fraction > 0.99951171875 { 0.99951171875 } else { fraction }
        }),
        RcpF16 => unary(w, code, i, |x| 1.0 / x),
        RsqF16 => unary(w, code, i, |x| 1.0 / x.sqrt()),
        SqrtF16 => unary(w, code, i, f64::sqrt),
        ExpF16 => unary(w, code, i, f64::exp2),
        LogF16 => unary(w, code, i, f64::log2),
        LdexpF16 => {
            let a = f16_src(w, code, i, 0)?;
            let by = int16_src(w, code, i, 1)?;
            let out = std::array::from_fn(|l| {
                let value = ldexp(to_f64(a[l]), signed(by[l]));
                if value.is_nan() { nan16(&[a[l]]) } else { round_to_f16(value, mode) }
            });
            put16(w, code, i, &out)
        }
        CvtF16U16 | CvtF16I16 => {
            let a = int16_src(w, code, i, 0)?;
            let integer = |x: u32| if op == CvtF16U16 { x as i32 } else { signed(x) };
            put16(w, code, i, &a.map(|x| round_to_f16(f64::from(integer(x)), mode)))
        }
        CvtU16F16 => {
            let a = f16_src(w, code, i, 0)?;
            put16(w, code, i, &a.map(|x| u32::from(to_f64(x) as u16)))
        }
        CvtI16F16 => {
            let a = f16_src(w, code, i, 0)?;
            put16(w, code, i, &a.map(|x| u32::from(to_f64(x) as i16 as u16)))
        }
        PackB32F16 => {
            let a = f16_src(w, code, i, 0)?;
            let b = f16_src(w, code, i, 1)?;
            put(w, code, i, &std::array::from_fn(|l| a[l] | b[l] << 16))
        }
        PkFmaF16 | PkFmacF16 => {
            let a = packed_f16(w, code, i, 0)?;
            let b = packed_f16(w, code, i, 1)?;
            let c = packed_f16(w, code, i, 2)?;
            let mut out = [0; LANES];
            for l in 0..LANES {
                let part = |h: usize| finish16(fma_lane(a[h][l], b[h][l], c[h][l], mode), i, mode);
                out[l] = part(0) | part(1) << 16;
            }
            put(w, code, i, &out)
        }
        PkAddF16 => packed2(w, code, i, |a, b| binary_lane(a, b, mode, add)),
        PkMulF16 => packed2(w, code, i, |a, b| binary_lane(a, b, mode, odd::mul)),
        PkMinF16 => packed2(w, code, i, |a, b| fp::min_max16(a, b, false, ieee)),
        PkMaxF16 => packed2(w, code, i, |a, b| fp::min_max16(a, b, true, ieee)),
        PkAddU16 if clamp => packed_int2(w, code, i, |a, b| (a + b).min(0xffff)),
        PkAddU16 => packed_int2(w, code, i, |a, b| a.wrapping_add(b)),
        PkSubU16 if clamp => packed_int2(w, code, i, |a, b| a.saturating_sub(b)),
        PkSubU16 => packed_int2(w, code, i, |a, b| a.wrapping_sub(b)),
        PkAddI16 => packed_int2(w, code, i, |a, b| saturate(signed(a) + signed(b), clamp)),
        PkSubI16 => packed_int2(w, code, i, |a, b| saturate(signed(a) - signed(b), clamp)),
        PkMulLoU16 => packed_int2(w, code, i, |a, b| a.wrapping_mul(b)),
        PkMadU16 | PkMadI16 => packed_int3(w, code, i, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        PkLshlrevB16 => packed_int2(w, code, i, |a, b| b << (a & 15)),
        PkLshrrevB16 => packed_int2(w, code, i, |a, b| b >> (a & 15)),
        PkAshrrevI16 => packed_int2(w, code, i, |a, b| (signed(b) >> (a & 15)) as u32),
        PkMinU16 => packed_int2(w, code, i, |a, b| a.min(b)),
        PkMaxU16 => packed_int2(w, code, i, |a, b| a.max(b)),
        PkMinI16 => packed_int2(w, code, i, |a, b| signed(a).min(signed(b)) as u32),
        PkMaxI16 => packed_int2(w, code, i, |a, b| signed(a).max(signed(b)) as u32),
        _ => Err(super::not_here(op)),
    }
}

/// A 16-bit signed result, saturated if asked for.
pub fn saturate(value: i32, clamp: bool) -> u32 {
    if clamp { value.clamp(-0x8000, 0x7fff) as u32 } else { value as u32 }
}
