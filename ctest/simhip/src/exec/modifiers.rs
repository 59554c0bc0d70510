//! Sources and results of vector instructions with everything that may modify them: negation,
//! absolute value, half selection, SDWA, DPP, output multiplier, clamp, denormals.
#![forbid(unsafe_code)]

use crate::fp::{self, Mode};
use crate::isa::{Code, Dpp, Ext, Inst, LANES, NO_EXT, Operand, Row, Sdwa, Select, Unused, flag};
use crate::report::{Fault, Kind};
use crate::wave::Wave;

/// Source `k` as 32 bits a lane, before negation and absolute value.
#[inline(always)]
pub fn src(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<Row, Fault> {
    if i.ext == NO_EXT {
        return w.row(code, i.src[k]);
    }
    extended(w, code, i, k)
}

#[cold]
fn extended(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<Row, Fault> {
    match (code.exts[i.ext as usize], k) {
        (Ext::Sdwa(sdwa), 0 | 1) => {
            let row = w.row(code, i.src[k])?;
            Ok(row.map(|x| take(x, sdwa.src[k], sdwa.sext[k])))
        }
        (Ext::Dpp(dpp), 0) => {
            let Operand::V(register) = i.src[0] else {
                return Err(Fault::new(Kind::Unsupported, "DPP on a scalar source"));
            };
            let mut row = [0; LANES];
            let mut used = 0;
            for l in 0..LANES {
                if let Some(from) = dpp_source(w, &dpp, l) {
                    row[l] = w.v[register as usize][from];
                    if dpp_lanes(w, &dpp) >> l & 1 != 0 {
                        used |= 1 << from;
                    }
                }
            }
            w.check_vector(register, used)?;
            Ok(row)
        }
        _ => w.row(code, i.src[k]),
    }
}

fn dpp_source(w: &Wave, dpp: &Dpp, lane: usize) -> Option<usize> {
    let from = usize::from(dpp.from[lane]);
    (from < LANES && (dpp.fetch_inactive || w.exec >> from & 1 != 0)).then_some(from)
}

/// Lanes that a DPP instruction writes.
fn dpp_lanes(w: &Wave, dpp: &Dpp) -> u32 {
    let mut lanes = 0;
    for l in 0..LANES {
        let in_masks = dpp.row_mask >> (l / 16) & 1 != 0 && dpp.bank_mask >> (l / 4 % 4) & 1 != 0;
        if in_masks && (dpp.bound_ctrl || dpp_source(w, dpp, l).is_some()) {
            lanes |= 1 << l;
        }
    }
    lanes & w.exec
}

fn take(x: u32, select: Select, sext: bool) -> u32 {
    let (shift, bits) = match select {
        Select::Byte(n) => (u32::from(n) * 8, 8),
        Select::Word(n) => (u32::from(n) * 16, 16),
        Select::Dword => return x,
    };
    let value = x >> shift & ((1 << bits) - 1);
    if sext { ((value << (32 - bits)) as i32 >> (32 - bits)) as u32 } else { value }
}

fn place(old: u32, value: u32, sdwa: &Sdwa) -> u32 {
    let (shift, bits) = match sdwa.dst {
        Select::Byte(n) => (u32::from(n) * 8, 8),
        Select::Word(n) => (u32::from(n) * 16, 16),
        Select::Dword => return value,
    };
    let mask = ((1u32 << bits) - 1) << shift;
    let field = value << shift & mask;
    match sdwa.unused {
        Unused::Preserve => old & !mask | field,
        Unused::Pad => field,
        Unused::SignExtend => {
            let extended = (value << (32 - bits)) as i32 >> (32 - bits);
            (extended as u32) << shift
        }
    }
}

/// Writes a 32-bit result.
#[inline(always)]
pub fn put(w: &mut Wave, code: &Code, i: &Inst, row: &Row) -> Result<(), Fault> {
    if i.ext == NO_EXT {
        return w.write_operand(i.dst, row);
    }
    put_extended(w, code, i, row)
}

#[cold]
fn put_extended(w: &mut Wave, code: &Code, i: &Inst, row: &Row) -> Result<(), Fault> {
    let Operand::V(register) = i.dst else {
        return Err(Fault::new(Kind::Unsupported, "SDWA or DPP result in a scalar register"));
    };
    match code.exts[i.ext as usize] {
        Ext::Sdwa(sdwa) => {
            let old = w.v[register as usize];
            w.write_row(register, &std::array::from_fn(|l| place(old[l], row[l], &sdwa)))
        }
        Ext::Dpp(dpp) => {
            let lanes = dpp_lanes(w, &dpp);
            w.write_lanes(register, row, lanes)
        }
    }
}

/// Writes a 16-bit result into its half; the other half stays (gfx10).
pub fn put16(w: &mut Wave, code: &Code, i: &Inst, row: &Row) -> Result<(), Fault> {
    let Operand::V(register) = i.dst else {
        return Err(Fault::new(Kind::Unsupported, "vector result in a scalar register"));
    };
    if i.ext != NO_EXT
        && let Ext::Sdwa(_) = code.exts[i.ext as usize]
    {
        return put_extended(w, code, i, &row.map(|x| x & 0xffff));
    }
    let old = w.v[register as usize];
    let high = i.flags & flag::DST_HIGH != 0;
    let merged = std::array::from_fn(|l| {
        if high { old[l] & 0xffff | row[l] << 16 } else { old[l] & 0xffff_0000 | row[l] & 0xffff }
    });
    put(w, code, i, &merged)
}

/// Source `k` as f32 bits.
#[inline(always)]
pub fn f32_src(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<Row, Fault> {
    let mut row = src(w, code, i, k)?;
    if i.flags & flag::MODS != 0 {
        let keep = if i.mods.abs >> k & 1 != 0 { 0x7fff_ffff } else { u32::MAX };
        let flip = if i.mods.neg >> k & 1 != 0 { 0x8000_0000 } else { 0 };
        row = row.map(|x| x & keep ^ flip);
    }
    if !w.mode.keep_in32() {
        row = row.map(fp::flush32);
    }
    Ok(row)
}

/// Source `k` as f16 bits in the low half.
pub fn f16_src(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<Row, Fault> {
    let mut row = int16_src(w, code, i, k)?;
    let keep = if i.mods.abs >> k & 1 != 0 { 0x7fff } else { 0xffff };
    let flip = if i.mods.neg >> k & 1 != 0 { 0x8000 } else { 0 };
    row = row.map(|x| x & keep ^ flip);
    if !w.mode.keep_in16_64() {
        row = row.map(fp::flush16);
    }
    Ok(row)
}

/// Source `k` as 16 bits in the low half.
pub fn int16_src(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<Row, Fault> {
    let row = src(w, code, i, k)?;
    let high = i.mods.op_sel >> k & 1 != 0;
    Ok(row.map(|x| if high { x >> 16 } else { x & 0xffff }))
}

/// Source `k` as f64 bits.
pub fn f64_src(w: &Wave, code: &Code, i: &Inst, k: usize) -> Result<[u64; LANES], Fault> {
    let row = w.row64(code, i.src[k])?;
    let keep = if i.mods.abs >> k & 1 != 0 { u64::MAX >> 1 } else { u64::MAX };
    let flip = if i.mods.neg >> k & 1 != 0 { 1 << 63 } else { 0 };
    Ok(row.map(|x| {
        let x = x & keep ^ flip;
        if w.mode.keep_in16_64() { x } else { fp::flush64(x) }
    }))
}

/// Applies output multiplier and clamp to f32 bits, and writes them.
#[inline(always)]
pub fn put_f32(w: &mut Wave, code: &Code, i: &Inst, row: &mut Row) -> Result<(), Fault> {
    if i.flags & flag::MODS != 0 && (i.mods.omod != 0 || i.mods.clamp) {
        let mode = w.mode;
        for x in row.iter_mut() {
            *x = finish32(*x, i, mode);
        }
    }
    put(w, code, i, row)
}

fn finish32(bits: u32, i: &Inst, mode: Mode) -> u32 {
    let mut value = f32::from_bits(bits);
    match i.mods.omod {
        1 => value *= 2.0,
        2 => value *= 4.0,
        3 => value *= 0.5,
        _ => {}
    }
    if i.mods.clamp {
        if value.is_nan() {
            return if mode.dx10_clamp() { 0 } else { bits };
        }
        // A negative zero becomes zero too.
        value = if value > 0.0 { value.min(1.0) } else { 0.0 };
    }
    if value.is_nan() { bits } else { value.to_bits() }
}

/// Output multiplier and clamp on f16 bits.
pub fn finish16(bits: u32, i: &Inst, mode: Mode) -> u32 {
    if i.mods.omod == 0 && !i.mods.clamp {
        return bits;
    }
    if fp::is_nan16(bits) {
        return if i.mods.clamp && mode.dx10_clamp() { 0 } else { bits };
    }
    let mut value = fp::half::to_f64(bits);
    match i.mods.omod {
        1 => value *= 2.0,
        2 => value *= 4.0,
        3 => value *= 0.5,
        _ => {}
    }
    if i.mods.clamp {
        value = if value > 0.0 { value.min(1.0) } else { 0.0 };
    }
    fp::round_to_f16(value, mode)
}

/// Output multiplier and clamp on f64 bits.
pub fn finish64(bits: u64, i: &Inst, mode: Mode) -> u64 {
    let mut value = f64::from_bits(bits);
    if value.is_nan() {
        return if i.mods.clamp && mode.dx10_clamp() { 0 } else { bits };
    }
    match i.mods.omod {
        1 => value *= 2.0,
        2 => value *= 4.0,
        3 => value *= 0.5,
        _ => {}
    }
    if i.mods.clamp {
        value = if value > 0.0 { value.min(1.0) } else { 0.0 };
    }
    value.to_bits()
}
