//! Vector comparisons.
#![forbid(unsafe_code)]

use super::modifiers::{f16_src, f32_src, f64_src, int16_src, src};
use crate::fp::{class_bit, half};
use crate::isa::{Code, Compare, Condition, Inst, LANES, Number};
use crate::report::Fault;
use crate::wave::Wave;

#[inline(always)]
fn mask<T: Copy>(a: &[T; LANES], b: &[T; LANES], f: impl Fn(T, T) -> bool) -> u32 {
    let mut bits = 0;
    for l in 0..LANES {
        bits |= u32::from(f(a[l], b[l])) << l;
    }
    bits
}

/// Less or greater: false where a NaN takes part.
#[inline(always)]
fn unequal<T: PartialOrd>(x: T, y: T) -> bool {
    x.partial_cmp(&y).is_some_and(|order| order.is_ne())
}

#[inline(always)]
fn ordered<T: Copy + PartialOrd>(condition: Condition, a: &[T; LANES], b: &[T; LANES]) -> u32 {
    match condition {
        Condition::False => 0,
        Condition::True => u32::MAX,
        Condition::Lt => mask(a, b, |x, y| x < y),
        Condition::Eq => mask(a, b, |x, y| x == y),
        Condition::Le => mask(a, b, |x, y| x <= y),
        Condition::Gt => mask(a, b, |x, y| x > y),
        Condition::Ge => mask(a, b, |x, y| x >= y),
        Condition::Lg => mask(a, b, |x, y| unequal(x, y)),
        Condition::Ordered => mask(a, b, |x, y| x.partial_cmp(&y).is_some()),
        Condition::Unordered => mask(a, b, |x, y| x.partial_cmp(&y).is_none()),
        Condition::Nge => !mask(a, b, |x, y| x >= y),
        Condition::Nlg => !mask(a, b, |x, y| unequal(x, y)),
        Condition::Ngt => !mask(a, b, |x, y| x > y),
        Condition::Nle => !mask(a, b, |x, y| x <= y),
        Condition::Neq => !mask(a, b, |x, y| x == y),
        Condition::Nlt => !mask(a, b, |x, y| x < y),
        Condition::Class => 0,
    }
}

fn class(number: Number, w: &Wave, code: &Code, i: &Inst) -> Result<u32, Fault> {
    let wanted = src(w, code, i, 1)?;
    let bits: [u32; LANES] = match number {
        Number::F16 => f16_src(w, code, i, 0)?.map(|x| {
            class_bit(x & 0x8000 != 0, (x >> 10 & 31).into(), 31, (x & 0x3ff).into(), 0x200)
        }),
        Number::F64 => f64_src(w, code, i, 0)?
            .map(|x| class_bit(x >> 63 != 0, x >> 52 & 0x7ff, 0x7ff, x & ((1 << 52) - 1), 1 << 51)),
        _ => f32_src(w, code, i, 0)?.map(|x| {
            class_bit(x >> 31 != 0, (x >> 23 & 255).into(), 255, (x & 0x7f_ffff).into(), 0x40_0000)
        }),
    };
    Ok(mask(&bits, &wanted, |x, y| x & y != 0))
}

#[inline(always)]
pub fn execute(op: Compare, w: &mut Wave, code: &Code, i: &Inst) -> Result<(), Fault> {
    let condition = op.condition;
    let bits = match op.number {
        _ if condition == Condition::Class => class(op.number, w, code, i)?,
        Number::U32 => ordered(condition, &src(w, code, i, 0)?, &src(w, code, i, 1)?),
        Number::I32 => {
            let signed = |row: [u32; LANES]| row.map(|x| x as i32);
            let (a, b) = (src(w, code, i, 0)?, src(w, code, i, 1)?);
            ordered(condition, &signed(a), &signed(b))
        }
        Number::F32 => {
            let (a, b) = (f32_src(w, code, i, 0)?, f32_src(w, code, i, 1)?);
            ordered(condition, &a.map(f32::from_bits), &b.map(f32::from_bits))
        }
        Number::F16 => {
            let (a, b) = (f16_src(w, code, i, 0)?, f16_src(w, code, i, 1)?);
            ordered(condition, &a.map(half::to_f64), &b.map(half::to_f64))
        }
        Number::F64 => {
            let (a, b) = (f64_src(w, code, i, 0)?, f64_src(w, code, i, 1)?);
            ordered(condition, &a.map(f64::from_bits), &b.map(f64::from_bits))
        }
        Number::U16 => ordered(condition, &int16_src(w, code, i, 0)?, &int16_src(w, code, i, 1)?),
        Number::I16 => {
            let signed = |row: [u32; LANES]| row.map(|x| x as u16 as i16);
            let (a, b) = (int16_src(w, code, i, 0)?, int16_src(w, code, i, 1)?);
            ordered(condition, &signed(a), &signed(b))
        }
        Number::U64 => ordered(condition, &w.row64(code, i.src[0])?, &w.row64(code, i.src[1])?),
        Number::I64 => {
            let signed = |row: [u64; LANES]| row.map(|x| x as i64);
            let (a, b) = (w.row64(code, i.src[0])?, w.row64(code, i.src[1])?);
            ordered(condition, &signed(a), &signed(b))
        }
    };
    let bits = bits & w.exec;
    w.write_scalar_operand(i.sdst, bits)
}
