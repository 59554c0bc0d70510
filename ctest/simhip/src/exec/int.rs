//! 32-bit and 16-bit integer arithmetic, bit fields, carries.
#![forbid(unsafe_code)]

use super::half::saturate;
use super::modifiers::{int16_src, put, put16, src};
use crate::isa::valu::Arith;
use crate::isa::{Code, Inst, LANES, NO_EXT, Row};
use crate::report::Fault;
use crate::wave::Wave;

type Done = Result<(), Fault>;

#[inline(always)]
fn map1(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32) -> u32) -> Done {
    let a = src(w, code, i, 0)?;
    let mut out = [0; LANES];
    for l in 0..LANES {
        out[l] = f(a[l]);
    }
    put(w, code, i, &out)
}

#[inline(always)]
fn map2(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let a = src(w, code, i, 0)?;
    let b = src(w, code, i, 1)?;
    let mut out = [0; LANES];
    for l in 0..LANES {
        out[l] = f(a[l], b[l]);
    }
    put(w, code, i, &out)
}

#[inline(always)]
fn map3(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32, u32) -> u32) -> Done {
    let a = src(w, code, i, 0)?;
    let b = src(w, code, i, 1)?;
    let c = src(w, code, i, 2)?;
    let mut out = [0; LANES];
    for l in 0..LANES {
        out[l] = f(a[l], b[l], c[l]);
    }
    put(w, code, i, &out)
}

fn map16(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let a = int16_src(w, code, i, 0)?;
    let b = int16_src(w, code, i, 1)?;
    put16(w, code, i, &std::array::from_fn(|l| f(a[l], b[l]) & 0xffff))
}

fn map16x3(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32, u32) -> u32) -> Done {
    let a = int16_src(w, code, i, 0)?;
    let b = int16_src(w, code, i, 1)?;
    let c = int16_src(w, code, i, 2)?;
    put16(w, code, i, &std::array::from_fn(|l| f(a[l], b[l], c[l]) & 0xffff))
}

/// Addition or subtraction with carry out and, in source 2, perhaps carry in.
fn carry(
    w: &mut Wave,
    code: &Code,
    i: &Inst,
    carry_in: bool,
    f: impl Fn(u32, u32, u32) -> (u32, bool),
) -> Done {
    let a = src(w, code, i, 0)?;
    let b = src(w, code, i, 1)?;
    let carries = if carry_in { w.scalar32(code, i.src[2])? } else { 0 };
    let mut out: Row = [0; LANES];
    let mut flags = 0u32;
    for l in 0..LANES {
        let (value, carried) = f(a[l], b[l], carries >> l & 1);
        out[l] = value;
        flags |= u32::from(carried) << l;
    }
    let flags = flags & w.exec;
    put(w, code, i, &out)?;
    w.write_scalar_operand(i.sdst, flags)
}

fn add_carry(a: u32, b: u32, c: u32) -> (u32, bool) {
    let sum = u64::from(a) + u64::from(b) + u64::from(c);
    (sum as u32, sum >> 32 != 0)
}

fn sub_borrow(a: u32, b: u32, c: u32) -> (u32, bool) {
    let taken = u64::from(b) + u64::from(c);
    (a.wrapping_sub(b).wrapping_sub(c), taken > u64::from(a))
}

fn sext24(x: u32) -> i64 {
    i64::from((x << 8) as i32 >> 8)
}

fn zext24(x: u32) -> u64 {
    u64::from(x & 0x00ff_ffff)
}

fn signed(x: u32) -> i32 {
    i32::from(x as u16 as i16)
}

/// `v_perm_b32`: each result byte is chosen from the eight bytes of both sources.
pub fn permute_bytes(high: u32, low: u32, selectors: u32) -> u32 {
    let bytes = u64::from(high) << 32 | u64::from(low);
    let mut out = 0;
    for k in 0..4 {
        let selector = selectors >> (8 * k) & 0xff;
        let sign = |bit: u32| if bytes >> bit & 1 != 0 { 0xff } else { 0 };
        let byte = match selector {
            0..=7 => (bytes >> (8 * selector) & 0xff) as u32,
            8 => sign(15),
            9 => sign(31),
            10 => sign(47),
            11 => sign(63),
            12 => 0,
            _ => 0xff,
        };
        out |= byte << (8 * k);
    }
    out
}

pub fn bfe_unsigned(x: u32, offset: u32, width: u32) -> u32 {
    let (offset, width) = (offset & 31, width & 31);
    if width == 0 { 0 } else { x >> offset & ((1 << width) - 1) }
}

pub fn bfe_signed(x: u32, offset: u32, width: u32) -> u32 {
    let (offset, width) = (offset & 31, width & 31);
    if width == 0 {
        return 0;
    }
    let field = bfe_unsigned(x, offset, width);
    // Past the top the sign of the word fills up.
    if offset + width < 32 {
        ((field << (32 - width)) as i32 >> (32 - width)) as u32
    } else {
        (x as i32 >> offset) as u32
    }
}

pub fn execute(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    use Arith::*;
    let clamp = i.mods.clamp;
    match op {
        MovB32 if i.ext == NO_EXT => {
            let (row, missing) = w.copied_row(code, i.src[0])?;
            w.copy_to_row(i.dst, &row, missing)
        }
        MovB32 => map1(w, code, i, |a| a),
        NotB32 => map1(w, code, i, |a| !a),
        BfrevB32 => map1(w, code, i, u32::reverse_bits),
        FfbhU32 => map1(w, code, i, |a| if a == 0 { u32::MAX } else { a.leading_zeros() }),
        FfblB32 => map1(w, code, i, |a| if a == 0 { u32::MAX } else { a.trailing_zeros() }),
        FfbhI32 => map1(w, code, i, first_unlike_sign),
        CndmaskB32 => {
            // The sources are bits, but may carry floating-point modifiers. What is not chosen is
            // not used.
            let (a, a_missing) = f32_bits(w, code, i, 0)?;
            let (b, b_missing) = f32_bits(w, code, i, 1)?;
            let mask = w.scalar32(code, i.src[2])?;
            let mut out = [0; LANES];
            for l in 0..LANES {
                out[l] = if mask >> l & 1 != 0 { b[l] } else { a[l] };
            }
            let missing = (a_missing & !mask | b_missing & mask) & w.exec;
            if missing == 0 { put(w, code, i, &out) } else { w.copy_to_row(i.dst, &out, missing) }
        }
        AddNcU32 if clamp => map2(w, code, i, u32::saturating_add),
        AddNcU32 => map2(w, code, i, u32::wrapping_add),
        SubNcU32 if clamp => map2(w, code, i, u32::saturating_sub),
        SubNcU32 => map2(w, code, i, u32::wrapping_sub),
        SubrevNcU32 => map2(w, code, i, |a, b| b.wrapping_sub(a)),
        AddNcI32 if clamp => map2(w, code, i, |a, b| (a as i32).saturating_add(b as i32) as u32),
        AddNcI32 => map2(w, code, i, u32::wrapping_add),
        SubNcI32 if clamp => map2(w, code, i, |a, b| (a as i32).saturating_sub(b as i32) as u32),
        SubNcI32 => map2(w, code, i, u32::wrapping_sub),
        AndB32 => map2(w, code, i, |a, b| a & b),
        OrB32 => map2(w, code, i, |a, b| a | b),
        XorB32 => map2(w, code, i, |a, b| a ^ b),
        XnorB32 => map2(w, code, i, |a, b| !(a ^ b)),
        LshlrevB32 => map2(w, code, i, |a, b| b << (a & 31)),
        LshrrevB32 => map2(w, code, i, |a, b| b >> (a & 31)),
        AshrrevI32 => map2(w, code, i, |a, b| (b as i32 >> (a & 31)) as u32),
        MinI32 => map2(w, code, i, |a, b| (a as i32).min(b as i32) as u32),
        MaxI32 => map2(w, code, i, |a, b| (a as i32).max(b as i32) as u32),
        MinU32 => map2(w, code, i, u32::min),
        MaxU32 => map2(w, code, i, u32::max),
        MulLoU32 => map2(w, code, i, u32::wrapping_mul),
        MulHiU32 => map2(w, code, i, |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
        MulHiI32 => {
            map2(w, code, i, |a, b| ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32)
        }
        MulI32I24 => map2(w, code, i, |a, b| (sext24(a) * sext24(b)) as u32),
        MulHiI32I24 => map2(w, code, i, |a, b| ((sext24(a) * sext24(b)) >> 32) as u32),
        MulU32U24 => map2(w, code, i, |a, b| (zext24(a) * zext24(b)) as u32),
        MulHiU32U24 => map2(w, code, i, |a, b| ((zext24(a) * zext24(b)) >> 32) as u32),
        MadI32I24 => map3(w, code, i, |a, b, c| ((sext24(a) * sext24(b)) as u32).wrapping_add(c)),
        MadU32U24 => map3(w, code, i, |a, b, c| ((zext24(a) * zext24(b)) as u32).wrapping_add(c)),
        BfeU32 => map3(w, code, i, bfe_unsigned),
        BfeI32 => map3(w, code, i, bfe_signed),
        BfiB32 => map3(w, code, i, |a, b, c| a & b | !a & c),
        AlignbitB32 => {
            map3(w, code, i, |a, b, c| ((u64::from(a) << 32 | u64::from(b)) >> (c & 31)) as u32)
        }
        AlignbyteB32 => map3(w, code, i, |a, b, c| {
            ((u64::from(a) << 32 | u64::from(b)) >> (8 * (c & 3))) as u32
        }),
        Min3I32 => map3(w, code, i, |a, b, c| (a as i32).min(b as i32).min(c as i32) as u32),
        Max3I32 => map3(w, code, i, |a, b, c| (a as i32).max(b as i32).max(c as i32) as u32),
        Med3I32 => map3(w, code, i, |a, b, c| {
            let (a, b, c) = (a as i32, b as i32, c as i32);
            a.min(b).max(a.max(b).min(c)) as u32
        }),
        Min3U32 => map3(w, code, i, |a, b, c| a.min(b).min(c)),
        Max3U32 => map3(w, code, i, |a, b, c| a.max(b).max(c)),
        Med3U32 => map3(w, code, i, |a, b, c| a.min(b).max(a.max(b).min(c))),
        SadU32 => map3(w, code, i, |a, b, c| a.abs_diff(b).wrapping_add(c)),
        BfmB32 => map2(w, code, i, |a, b| ((1u32 << (a & 31)) - 1) << (b & 31)),
        BcntU32B32 => map2(w, code, i, |a, b| a.count_ones().wrapping_add(b)),
        PermB32 => map3(w, code, i, permute_bytes),
        XadU32 => map3(w, code, i, |a, b, c| (a ^ b).wrapping_add(c)),
        LshlAddU32 => map3(w, code, i, |a, b, c| (a << (b & 31)).wrapping_add(c)),
        AddLshlU32 => map3(w, code, i, |a, b, c| a.wrapping_add(b) << (c & 31)),
        Add3U32 => map3(w, code, i, |a, b, c| a.wrapping_add(b).wrapping_add(c)),
        LshlOrB32 => map3(w, code, i, |a, b, c| a << (b & 31) | c),
        AndOrB32 => map3(w, code, i, |a, b, c| a & b | c),
        Or3B32 => map3(w, code, i, |a, b, c| a | b | c),
        Xor3B32 => map3(w, code, i, |a, b, c| a ^ b ^ c),
        CvtPkU16U32 => map2(w, code, i, |a, b| a.min(0xffff) | b.min(0xffff) << 16),
        CvtPkI16I32 => map2(w, code, i, |a, b| {
            saturate(a as i32, true) & 0xffff | saturate(b as i32, true) << 16
        }),
        AddCoU32 => carry(w, code, i, false, add_carry),
        SubCoU32 => carry(w, code, i, false, sub_borrow),
        SubrevCoU32 => carry(w, code, i, false, |a, b, c| sub_borrow(b, a, c)),
        AddCoCiU32 => carry(w, code, i, true, add_carry),
        SubCoCiU32 => carry(w, code, i, true, sub_borrow),
        SubrevCoCiU32 => carry(w, code, i, true, |a, b, c| sub_borrow(b, a, c)),
        AddNcU16 if clamp => map16(w, code, i, |a, b| (a + b).min(0xffff)),
        AddNcU16 => map16(w, code, i, |a, b| a.wrapping_add(b)),
        SubNcU16 if clamp => map16(w, code, i, u32::saturating_sub),
        SubNcU16 => map16(w, code, i, u32::wrapping_sub),
        AddNcI16 => map16(w, code, i, |a, b| saturate(signed(a) + signed(b), clamp)),
        SubNcI16 => map16(w, code, i, |a, b| saturate(signed(a) - signed(b), clamp)),
        MulLoU16 => map16(w, code, i, u32::wrapping_mul),
        LshlrevB16 => map16(w, code, i, |a, b| b << (a & 15)),
        LshrrevB16 => map16(w, code, i, |a, b| b >> (a & 15)),
        AshrrevI16 => map16(w, code, i, |a, b| (signed(b) >> (a & 15)) as u32),
        MaxU16 => map16(w, code, i, u32::max),
        MinU16 => map16(w, code, i, u32::min),
        MaxI16 => map16(w, code, i, |a, b| signed(a).max(signed(b)) as u32),
        MinI16 => map16(w, code, i, |a, b| signed(a).min(signed(b)) as u32),
        MadU16 | MadI16 => map16x3(w, code, i, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        MadU32U16 | MadI32I16 => {
            let a = int16_src(w, code, i, 0)?;
            let b = int16_src(w, code, i, 1)?;
            let c = src(w, code, i, 2)?;
            let product = |a: u32, b: u32| match op {
                MadU32U16 => a.wrapping_mul(b),
                _ => (signed(a) * signed(b)) as u32,
            };
            put(w, code, i, &std::array::from_fn(|l| product(a[l], b[l]).wrapping_add(c[l])))
        }
        _ => Err(super::not_here(op)),
    }
}

/// Source bits with f32 modifiers, denormals untouched, and the lanes that hold nothing.
fn f32_bits(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<(Row, u32), Fault> {
    let (row, missing) =
        if i.ext == NO_EXT { w.copied_row(code, i.src[k])? } else { (src(w, code, i, k)?, 0) };
    if (i.mods.neg | i.mods.abs) == 0 {
        return Ok((row, missing));
    }
    let keep = if i.mods.abs >> k & 1 != 0 { 0x7fff_ffff } else { u32::MAX };
    let flip = if i.mods.neg >> k & 1 != 0 { 0x8000_0000 } else { 0 };
    Ok((row.map(|x| x & keep ^ flip), missing))
}

/// Leading bits that equal the sign bit; all ones for 0 and -1.
pub fn first_unlike_sign(x: u32) -> u32 {
    let spread = if x >> 31 != 0 { !x } else { x };
    if spread == 0 { u32::MAX } else { spread.leading_zeros() }
}
