//! Scalar arithmetic.
#![forbid(unsafe_code)]

use super::int::{bfe_signed, bfe_unsigned, first_unlike_sign};
use crate::isa::{Code, Inst, Operand, Salu};
use crate::report::{Fault, Kind};
use crate::wave::Wave;

type Done = Result<(), Fault>;

/// 32-bit result, SCC tells whether it is not zero.
fn logic32(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let value = f(w.scalar32(code, i.src[0])?, w.scalar32(code, i.src[1])?);
    w.scc = value != 0;
    w.write_scalar_operand(i.dst, value)
}

fn logic64(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u64, u64) -> u64) -> Done {
    let value = f(w.scalar64(code, i.src[0])?, w.scalar64(code, i.src[1])?);
    w.scc = value != 0;
    w.write_scalar_operand64(i.dst, value)
}

/// 64-bit value by a 32-bit one.
fn shift64(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u64, u32) -> u64) -> Done {
    let value = f(w.scalar64(code, i.src[0])?, w.scalar32(code, i.src[1])?);
    w.scc = value != 0;
    w.write_scalar_operand64(i.dst, value)
}

/// 32-bit result with SCC given.
fn flagged(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> (u32, bool)) -> Done {
    let (value, scc) = f(w.scalar32(code, i.src[0])?, w.scalar32(code, i.src[1])?);
    w.scc = scc;
    w.write_scalar_operand(i.dst, value)
}

/// 32-bit result, SCC untouched.
fn plain(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let value = f(w.scalar32(code, i.src[0])?, w.scalar32(code, i.src[1])?);
    w.write_scalar_operand(i.dst, value)
}

fn copy32(w: &mut Wave, code: &Code, to: Operand, from: Operand) -> Done {
    let value = w.copied_scalar(code, from)?;
    w.copy_to_scalar(to, value)
}

fn copy64(w: &mut Wave, code: &Code, to: Operand, from: Operand) -> Done {
    let value = w.copied_scalar64(code, from)?;
    w.copy_to_scalar64(to, value)
}

/// One 64-bit source, 32-bit result, SCC untouched.
fn from64(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u64) -> u32) -> Done {
    let value = f(w.scalar64(code, i.src[0])?);
    w.write_scalar_operand(i.dst, value)
}

fn compare(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> bool) -> Done {
    w.scc = f(w.scalar32(code, i.src[0])?, w.scalar32(code, i.src[1])?);
    Ok(())
}

fn compare_k(
    w: &mut Wave,
    code: &Code,
    i: &Inst,
    f: impl Fn(u32, u32) -> bool,
    sext: bool,
) -> Done {
    let k = if sext { signed_imm(i) } else { i.imm };
    w.scc = f(w.scalar32(code, i.src[0])?, k);
    Ok(())
}

/// Old exec to the destination, new exec from the operation, SCC tells whether it is not zero.
fn saveexec(w: &mut Wave, code: &Code, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let source = w.scalar32(code, i.src[0])?;
    let old = w.exec;
    w.exec = f(source, old);
    w.scc = w.exec != 0;
    w.write_scalar_operand(i.dst, old)
}

fn signed_imm(i: &Inst) -> u32 {
    i32::from(i.imm as u16 as i16) as u32
}

fn add_signed(a: u32, b: u32) -> (u32, bool) {
    let (value, over) = (a as i32).overflowing_add(b as i32);
    (value as u32, over)
}

fn sub_signed(a: u32, b: u32) -> (u32, bool) {
    let (value, over) = (a as i32).overflowing_sub(b as i32);
    (value as u32, over)
}

fn find<T: Into<u64>>(x: T, bits: u32) -> u32 {
    let x: u64 = x.into();
    if x == 0 { u32::MAX } else { x.trailing_zeros().min(bits) }
}

fn shl_add(a: u32, b: u32, by: u32) -> (u32, bool) {
    let wide = (u64::from(a) << by) + u64::from(b);
    (wide as u32, wide >> 32 != 0)
}

/// Offset and size in a packed field operand.
fn bfe64(x: u64, field: u32, signed: bool) -> u64 {
    let (offset, width) = (field & 63, field >> 16 & 127);
    if width == 0 {
        return 0;
    }
    let up = 64u32.saturating_sub(width + offset);
    let left = x << up;
    let down = (up + offset).min(63);
    if signed { (left as i64 >> down) as u64 } else { left >> down }
}

pub fn execute(op: Salu, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    use Salu::*;
    match op {
        AddU32 => flagged(w, code, i, u32::overflowing_add),
        SubU32 => flagged(w, code, i, u32::overflowing_sub),
        AddI32 => flagged(w, code, i, add_signed),
        SubI32 => flagged(w, code, i, sub_signed),
        AddcU32 => {
            let carry = u64::from(w.scc);
            flagged(w, code, i, |a, b| {
                let sum = u64::from(a) + u64::from(b) + carry;
                (sum as u32, sum >> 32 != 0)
            })
        }
        SubbU32 => {
            let borrow = u64::from(w.scc);
            flagged(w, code, i, |a, b| {
                let taken = u64::from(b) + borrow;
                ((u64::from(a).wrapping_sub(taken)) as u32, taken > u64::from(a))
            })
        }
        MinI32 => flagged(w, code, i, |a, b| pick(a, b, (a as i32) < b as i32)),
        MinU32 => flagged(w, code, i, |a, b| pick(a, b, a < b)),
        MaxI32 => flagged(w, code, i, |a, b| pick(a, b, a as i32 > b as i32)),
        MaxU32 => flagged(w, code, i, |a, b| pick(a, b, a > b)),
        CselectB32 => {
            let chosen = if w.scc { i.src[0] } else { i.src[1] };
            copy32(w, code, i.dst, chosen)
        }
        CselectB64 => {
            let chosen = if w.scc { i.src[0] } else { i.src[1] };
            copy64(w, code, i.dst, chosen)
        }
        AndB32 => logic32(w, code, i, |a, b| a & b),
        OrB32 => logic32(w, code, i, |a, b| a | b),
        XorB32 => logic32(w, code, i, |a, b| a ^ b),
        Andn2B32 => logic32(w, code, i, |a, b| a & !b),
        Orn2B32 => logic32(w, code, i, |a, b| a | !b),
        NandB32 => logic32(w, code, i, |a, b| !(a & b)),
        NorB32 => logic32(w, code, i, |a, b| !(a | b)),
        XnorB32 => logic32(w, code, i, |a, b| !(a ^ b)),
        AndB64 => logic64(w, code, i, |a, b| a & b),
        OrB64 => logic64(w, code, i, |a, b| a | b),
        XorB64 => logic64(w, code, i, |a, b| a ^ b),
        Andn2B64 => logic64(w, code, i, |a, b| a & !b),
        Orn2B64 => logic64(w, code, i, |a, b| a | !b),
        NandB64 => logic64(w, code, i, |a, b| !(a & b)),
        NorB64 => logic64(w, code, i, |a, b| !(a | b)),
        XnorB64 => logic64(w, code, i, |a, b| !(a ^ b)),
        LshlB32 => logic32(w, code, i, |a, b| a << (b & 31)),
        LshrB32 => logic32(w, code, i, |a, b| a >> (b & 31)),
        AshrI32 => logic32(w, code, i, |a, b| (a as i32 >> (b & 31)) as u32),
        LshlB64 => shift64(w, code, i, |a, b| a << (b & 63)),
        LshrB64 => shift64(w, code, i, |a, b| a >> (b & 63)),
        AshrI64 => shift64(w, code, i, |a, b| (a as i64 >> (b & 63)) as u64),
        BfmB32 => plain(w, code, i, |a, b| ((1u32 << (a & 31)) - 1) << (b & 31)),
        BfmB64 => {
            let (a, b) = (w.scalar32(code, i.src[0])?, w.scalar32(code, i.src[1])?);
            w.write_scalar_operand64(i.dst, ((1u64 << (a & 63)) - 1) << (b & 63))
        }
        MulI32 => plain(w, code, i, u32::wrapping_mul),
        MulHiU32 => plain(w, code, i, |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
        MulHiI32 => {
            plain(w, code, i, |a, b| ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32)
        }
        BfeU32 => logic32(w, code, i, |a, b| match b >> 16 & 127 {
            width if width >= 32 => a >> (b & 31),
            width => bfe_unsigned(a, b, width),
        }),
        BfeI32 => logic32(w, code, i, |a, b| match b >> 16 & 127 {
            width if width >= 32 => (a as i32 >> (b & 31)) as u32,
            width => bfe_signed(a, b, width),
        }),
        BfeU64 => shift64(w, code, i, |a, b| bfe64(a, b, false)),
        BfeI64 => shift64(w, code, i, |a, b| bfe64(a, b, true)),
        AbsdiffI32 => logic32(w, code, i, |a, b| (a.wrapping_sub(b) as i32).wrapping_abs() as u32),
        Lshl1AddU32 => flagged(w, code, i, |a, b| shl_add(a, b, 1)),
        Lshl2AddU32 => flagged(w, code, i, |a, b| shl_add(a, b, 2)),
        Lshl3AddU32 => flagged(w, code, i, |a, b| shl_add(a, b, 3)),
        Lshl4AddU32 => flagged(w, code, i, |a, b| shl_add(a, b, 4)),
        PackLl => plain(w, code, i, |a, b| a & 0xffff | b << 16),
        PackLh => plain(w, code, i, |a, b| a & 0xffff | b & 0xffff_0000),
        PackHh => plain(w, code, i, |a, b| a >> 16 | b & 0xffff_0000),
        MovB32 => copy32(w, code, i.dst, i.src[0]),
        MovB64 => copy64(w, code, i.dst, i.src[0]),
        CmovB32 if w.scc => copy32(w, code, i.dst, i.src[0]),
        CmovB64 if w.scc => copy64(w, code, i.dst, i.src[0]),
        CmovB32 | CmovB64 => Ok(()),
        NotB32 => logic32(w, code, i, |a, _| !a),
        NotB64 => logic64(w, code, i, |a, _| !a),
        WqmB32 => logic32(w, code, i, |a, _| {
            let any = (a | a >> 1 | a >> 2 | a >> 3) & 0x1111_1111;
            any * 15
        }),
        BrevB32 => plain(w, code, i, |a, _| a.reverse_bits()),
        BrevB64 => {
            let value = w.scalar64(code, i.src[0])?.reverse_bits();
            w.write_scalar_operand64(i.dst, value)
        }
        Bcnt0B32 => logic32(w, code, i, |a, _| a.count_zeros()),
        Bcnt1B32 => logic32(w, code, i, |a, _| a.count_ones()),
        Bcnt0B64 | Bcnt1B64 => {
            let x = w.scalar64(code, i.src[0])?;
            let count = if op == Bcnt0B64 { x.count_zeros() } else { x.count_ones() };
            w.scc = count != 0;
            w.write_scalar_operand(i.dst, count)
        }
        Ff0B32 => plain(w, code, i, |a, _| find(!a, 31)),
        Ff1B32 => plain(w, code, i, |a, _| find(a, 31)),
        Ff0B64 => from64(w, code, i, |a| find(!a, 63)),
        Ff1B64 => from64(w, code, i, |a| find(a, 63)),
        FlbitB32 => plain(w, code, i, |a, _| if a == 0 { u32::MAX } else { a.leading_zeros() }),
        FlbitB64 => from64(w, code, i, |a| if a == 0 { u32::MAX } else { a.leading_zeros() }),
        FlbitI32 => plain(w, code, i, |a, _| first_unlike_sign(a)),
        FlbitI64 => from64(w, code, i, |a| {
            let spread = if a >> 63 != 0 { !a } else { a };
            if spread == 0 { u32::MAX } else { spread.leading_zeros() }
        }),
        SextI8 => plain(w, code, i, |a, _| i32::from(a as u8 as i8) as u32),
        SextI16 => plain(w, code, i, |a, _| i32::from(a as u16 as i16) as u32),
        Bitset0B32 | Bitset1B32 => {
            let bit = 1 << (w.scalar32(code, i.src[0])? & 31);
            let old = w.scalar32(code, i.dst)?;
            let value = if op == Bitset1B32 { old | bit } else { old & !bit };
            w.write_scalar_operand(i.dst, value)
        }
        Bitset0B64 | Bitset1B64 => {
            let bit = 1u64 << (w.scalar32(code, i.src[0])? & 63);
            let old = w.scalar64(code, i.dst)?;
            let value = if op == Bitset1B64 { old | bit } else { old & !bit };
            w.write_scalar_operand64(i.dst, value)
        }
        AbsI32 => logic32(w, code, i, |a, _| (a as i32).wrapping_abs() as u32),
        BitreplicateB64 => {
            let x = w.scalar32(code, i.src[0])?;
            let spread = (0..32).fold(0u64, |out, k| out | (u64::from(x >> k & 1) * 3) << (2 * k));
            w.write_scalar_operand64(i.dst, spread)
        }
        AndSaveexec => saveexec(w, code, i, |s, e| s & e),
        OrSaveexec => saveexec(w, code, i, |s, e| s | e),
        XorSaveexec => saveexec(w, code, i, |s, e| s ^ e),
        Andn2Saveexec => saveexec(w, code, i, |s, e| s & !e),
        Orn2Saveexec => saveexec(w, code, i, |s, e| s | !e),
        NandSaveexec => saveexec(w, code, i, |s, e| !(s & e)),
        NorSaveexec => saveexec(w, code, i, |s, e| !(s | e)),
        XnorSaveexec => saveexec(w, code, i, |s, e| !(s ^ e)),
        Andn1Saveexec => saveexec(w, code, i, |s, e| !s & e),
        Orn1Saveexec => saveexec(w, code, i, |s, e| !s | e),
        Andn1Wrexec | Andn2Wrexec => {
            let source = w.scalar32(code, i.src[0])?;
            w.exec = if op == Andn1Wrexec { !source & w.exec } else { source & !w.exec };
            w.scc = w.exec != 0;
            let value = w.exec;
            w.write_scalar_operand(i.dst, value)
        }
        GetpcB64 => Err(Fault::new(Kind::Unsupported, "s_getpc_b64 without its base")),
        CmpEqI32 | CmpEqU32 => compare(w, code, i, |a, b| a == b),
        CmpLgI32 | CmpLgU32 => compare(w, code, i, |a, b| a != b),
        CmpGtI32 => compare(w, code, i, |a, b| a as i32 > b as i32),
        CmpGeI32 => compare(w, code, i, |a, b| a as i32 >= b as i32),
        CmpLtI32 => compare(w, code, i, |a, b| (a as i32) < b as i32),
        CmpLeI32 => compare(w, code, i, |a, b| a as i32 <= b as i32),
        CmpGtU32 => compare(w, code, i, |a, b| a > b),
        CmpGeU32 => compare(w, code, i, |a, b| a >= b),
        CmpLtU32 => compare(w, code, i, |a, b| a < b),
        CmpLeU32 => compare(w, code, i, |a, b| a <= b),
        CmpEqU64 | CmpLgU64 => {
            let equal = w.scalar64(code, i.src[0])? == w.scalar64(code, i.src[1])?;
            w.scc = equal == (op == CmpEqU64);
            Ok(())
        }
        Bitcmp0B32 => compare(w, code, i, |a, b| a >> (b & 31) & 1 == 0),
        Bitcmp1B32 => compare(w, code, i, |a, b| a >> (b & 31) & 1 != 0),
        Bitcmp0B64 | Bitcmp1B64 => {
            let bit = w.scalar64(code, i.src[0])? >> (w.scalar32(code, i.src[1])? & 63) & 1;
            w.scc = (bit != 0) == (op == Bitcmp1B64);
            Ok(())
        }
        MovkI32 => w.write_scalar_operand(i.dst, signed_imm(i)),
        CmovkI32 if w.scc => w.write_scalar_operand(i.dst, signed_imm(i)),
        CmovkI32 => Ok(()),
        AddkI32 => {
            let (value, over) = add_signed(w.scalar32(code, i.dst)?, signed_imm(i));
            w.scc = over;
            w.write_scalar_operand(i.dst, value)
        }
        MulkI32 => {
            let value = w.scalar32(code, i.dst)?.wrapping_mul(signed_imm(i));
            w.write_scalar_operand(i.dst, value)
        }
        CmpkEqI32 => compare_k(w, code, i, |a, b| a == b, true),
        CmpkLgI32 => compare_k(w, code, i, |a, b| a != b, true),
        CmpkGtI32 => compare_k(w, code, i, |a, b| a as i32 > b as i32, true),
        CmpkGeI32 => compare_k(w, code, i, |a, b| a as i32 >= b as i32, true),
        CmpkLtI32 => compare_k(w, code, i, |a, b| (a as i32) < b as i32, true),
        CmpkLeI32 => compare_k(w, code, i, |a, b| a as i32 <= b as i32, true),
        CmpkEqU32 => compare_k(w, code, i, |a, b| a == b, false),
        CmpkLgU32 => compare_k(w, code, i, |a, b| a != b, false),
        CmpkGtU32 => compare_k(w, code, i, |a, b| a > b, false),
        CmpkGeU32 => compare_k(w, code, i, |a, b| a >= b, false),
        CmpkLtU32 => compare_k(w, code, i, |a, b| a < b, false),
        CmpkLeU32 => compare_k(w, code, i, |a, b| a <= b, false),
        GetregB32 => {
            let (offset, mask) = mode_field(i)?;
            let value = w.mode.bits >> offset & mask;
            w.write_scalar_operand(i.dst, value)
        }
        SetregB32 | SetregImm32 => {
            let (offset, mask) = mode_field(i)?;
            let value = w.scalar32(code, i.src[0])? & mask;
            w.mode.bits = w.mode.bits & !(mask << offset) | value << offset;
            Ok(())
        }
    }
}

fn pick(a: u32, b: u32, first: bool) -> (u32, bool) {
    (if first { a } else { b }, first)
}

/// Field of MODE that a `hwreg` operand names; the other registers are not modelled.
fn mode_field(i: &Inst) -> Result<(u32, u32), Fault> {
    let (id, offset, size) = (i.imm & 63, i.imm >> 6 & 31, (i.imm >> 11 & 31) + 1);
    if id != 1 {
        return Err(Fault::new(Kind::Unsupported, format!("hardware register {id}")));
    }
    Ok((offset, (((1u64 << size) - 1) as u32)))
}
