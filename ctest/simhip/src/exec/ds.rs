//! LDS instructions.
#![forbid(unsafe_code)]

use super::Env;
use crate::fp;
use crate::isa::{Ds, EXEC_LO, Inst, LANES, Operand, Row};
use crate::lds::bank_conflicts;
use crate::report::{Fault, Kind};
use crate::wave::{LdsTouch, Unit, Wave};

type Done = Result<(), Fault>;

/// The last address pattern of an instruction and what it cost. Conflicts depend only on the
/// differences between the lanes' addresses, which rarely change within a loop.
#[derive(Clone)]
pub struct Pattern {
    differences: Row,
    lanes: u32,
    extra: u32,
}

fn conflicts(env: &mut Env, at: usize, address: &Row, bytes: u32, lanes: u32) -> u32 {
    if lanes == 0 {
        return 0;
    }
    let first = address[lanes.trailing_zeros() as usize];
    let mut differences = [0; LANES];
    for l in 0..LANES {
        differences[l] = address[l].wrapping_sub(first);
    }
    if let Some(known) = &env.patterns[at]
        && known.lanes == lanes
        && known.differences == differences
    {
        return known.extra;
    }
    let extra = bank_conflicts(address, bytes, lanes);
    env.patterns[at] = Some(Box::new(Pattern { differences, lanes, extra }));
    extra
}

fn register(operand: Operand) -> Result<u8, Fault> {
    match operand {
        Operand::V(register) => Ok(register),
        _ => Err(Fault::new(Kind::Unsupported, "LDS operand in a scalar register")),
    }
}

fn offset_by(address: &Row, offset: u32) -> Row {
    address.map(|a| a.wrapping_add(offset))
}

/// Alignment that the hardware wants without unaligned mode.
fn alignment(bytes: u32) -> u32 {
    match bytes {
        12 => 16,
        b => b,
    }
}

/// Reads `bytes` a lane into rows from `to`.
fn read_rows(
    w: &mut Wave,
    env: &mut Env,
    address: &Row,
    bytes: u32,
    to: usize,
    place: impl Fn(u32, u32) -> u32,
) -> Done {
    let lanes = w.exec;
    let words = bytes.div_ceil(4);
    let each = bytes.min(4);
    let whole = env.lds.whole_dwords();
    let same = |l: usize, other: usize| lanes >> other & 1 != 0 && address[l] == address[other];
    for l in 0..LANES {
        if lanes >> l & 1 == 0 {
            continue;
        }
        let a = address[l];
        // Tiles are read by rows and columns of lanes: whoever reads the same place as a neighbour
        // or as the lane half a wave before gets the same.
        let twin = match l {
            0 => None,
            _ if same(l, l - 1) => Some(l - 1),
            16.. if same(l, l - 16) => Some(l - 16),
            _ => None,
        };
        if let Some(twin) = twin.filter(|_| bytes >= 4) {
            for row in &mut w.v[to..to + words as usize] {
                row[l] = row[twin];
            }
            continue;
        }
        env.lds.check(l, a, bytes, alignment(bytes))?;
        match bytes {
            16 if whole => {
                let values: [u32; 4] = env.lds.read_words(l, a, w.id)?;
                for (row, value) in w.v[to..to + 4].iter_mut().zip(values) {
                    row[l] = value;
                }
                continue;
            }
            8 if whole => {
                let values: [u32; 2] = env.lds.read_words(l, a, w.id)?;
                for (row, value) in w.v[to..to + 2].iter_mut().zip(values) {
                    row[l] = value;
                }
                continue;
            }
            _ => env.lds.note_read(l, a, bytes, w.id)?,
        }
        for k in 0..words {
            let value = env.lds.load(a + 4 * k, each);
            let old = w.v[to + k as usize][l];
            w.v[to + k as usize][l] = place(value, old);
        }
    }
    env.stats.lds_read_bytes += u64::from(bytes * lanes.count_ones());
    env.stats.lds_conflict_cycles += u64::from(conflicts(env, w.at, address, bytes, lanes));
    Ok(())
}

fn write_rows(
    w: &mut Wave,
    env: &mut Env,
    address: &Row,
    bytes: u32,
    from: usize,
    pick: impl Fn(u32) -> u32,
) -> Done {
    let lanes = w.exec;
    let words = bytes.div_ceil(4);
    let each = bytes.min(4);
    for k in 0..words {
        w.check_vector((from as u32 + k) as u8, lanes)?;
    }
    for l in (0..LANES).filter(|l| lanes >> l & 1 != 0) {
        let a = address[l];
        env.lds.check(l, a, bytes, alignment(bytes))?;
        env.lds.note_write(l, a, bytes, w.id)?;
        for k in 0..words {
            env.lds.store(a + 4 * k, each, pick(w.v[from + k as usize][l]));
        }
    }
    env.stats.lds_write_bytes += u64::from(bytes * lanes.count_ones());
    env.stats.lds_conflict_cycles += u64::from(conflicts(env, w.at, address, bytes, lanes));
    Ok(())
}

fn touch(w: &mut Wave, address: Row, second: Option<Row>, bytes: u32, write: bool) {
    let lanes = w.exec;
    w.touches.push_back(LdsTouch { address, second, bytes, lanes, write });
}

/// A read of one address a lane. The data goes straight to the register, which stays unavailable
/// until the wait.
fn read(
    w: &mut Wave,
    env: &mut Env,
    i: &Inst,
    bytes: u32,
    place: impl Fn(u32, u32) -> u32,
) -> Done {
    let address = offset_by(&w.row(env.code, i.src[0])?, i.offset as u32);
    let to = register(i.dst)?;
    let count = bytes.div_ceil(4) as u8;
    check_registers(to, count)?;
    read_rows(w, env, &address, bytes, to as usize, place)?;
    touch(w, address, None, bytes, false);
    w.issue_vector(Unit::Lds, to, count)
}

/// The registers must exist.
fn check_registers(to: u8, count: u8) -> Done {
    if u16::from(to) + u16::from(count) > 256 {
        return Err(Fault::new(Kind::Unallocated, format!("v{to} and {count} more")));
    }
    Ok(())
}

fn read2(w: &mut Wave, env: &mut Env, i: &Inst, bytes: u32) -> Done {
    let base = w.row(env.code, i.src[0])?;
    let to = register(i.dst)?;
    let words = (bytes / 4) as u8;
    check_registers(to, 2 * words)?;
    let first = offset_by(&base, i.offset as u32);
    let second = offset_by(&base, i.imm);
    read_rows(w, env, &first, bytes, to as usize, |v, _| v)?;
    read_rows(w, env, &second, bytes, to as usize + words as usize, |v, _| v)?;
    touch(w, first, Some(second), bytes, false);
    w.issue_vector(Unit::Lds, to, 2 * words)
}

fn write(w: &mut Wave, env: &mut Env, i: &Inst, bytes: u32, pick: impl Fn(u32) -> u32) -> Done {
    let address = offset_by(&w.row(env.code, i.src[0])?, i.offset as u32);
    let from = register(i.src[1])?;
    write_rows(w, env, &address, bytes, from as usize, pick)?;
    touch(w, address, None, bytes, true);
    w.issue_vector(Unit::Lds, 0, 0)
}

fn write2(w: &mut Wave, env: &mut Env, i: &Inst, bytes: u32) -> Done {
    let base = w.row(env.code, i.src[0])?;
    let first = offset_by(&base, i.offset as u32);
    let second = offset_by(&base, i.imm);
    let (a, b) = (register(i.src[1])?, register(i.src[2])?);
    write_rows(w, env, &first, bytes, a as usize, |v| v)?;
    write_rows(w, env, &second, bytes, b as usize, |v| v)?;
    touch(w, first, Some(second), bytes, true);
    w.issue_vector(Unit::Lds, 0, 0)
}

/// Read, change, write, lane by lane. Atomics of different waves do not race with each other, so
/// that they are noted as reads of what must have been written.
fn atomic(w: &mut Wave, env: &mut Env, i: &Inst, f: impl Fn(u32, u32) -> u32) -> Done {
    let address = offset_by(&w.row(env.code, i.src[0])?, i.offset as u32);
    let value = w.row(env.code, i.src[1])?;
    let mut old = [0; LANES];
    let lanes = w.exec;
    for l in (0..LANES).filter(|l| lanes >> l & 1 != 0) {
        env.lds.check(l, address[l], 4, 4)?;
        env.lds.note_read(l, address[l], 4, w.id)?;
        old[l] = env.lds.load(address[l], 4);
        env.lds.store(address[l], 4, f(old[l], value[l]));
    }
    env.stats.lds_write_bytes += u64::from(4 * lanes.count_ones());
    env.stats.lds_conflict_cycles += u64::from(conflicts(env, w.at, &address, 4, lanes));
    touch(w, address, None, 4, false);
    match i.dst {
        Operand::V(to) => {
            w.write_row(to, &old)?;
            w.issue_vector(Unit::Lds, to, 1)
        }
        _ => w.issue_vector(Unit::Lds, 0, 0),
    }
}

/// Source lane of `ds_swizzle`, by the pattern in its offset field.
fn swizzle_lane(pattern: u32, lane: usize) -> usize {
    let lane32 = lane as u32;
    if pattern & 0x8000 != 0 {
        let chosen = pattern >> (2 * (lane32 & 3)) & 3;
        return ((lane32 & !3) + chosen) as usize;
    }
    let (and, or, xor) = (pattern & 31, pattern >> 5 & 31, pattern >> 10 & 31);
    ((lane32 & and | or) ^ xor) as usize
}

/// Moves values between lanes through the LDS crossbar; inactive sources give zero.
fn crossbar(w: &mut Wave, env: &mut Env, op: Ds, i: &Inst) -> Done {
    let to = register(i.dst)?;
    let mut out = [0; LANES];
    let mut used = 0u32;
    let exec = w.exec;
    let active = |l: usize| exec >> l & 1 != 0;
    if op == Ds::SwizzleB32 {
        let from = register(i.src[0])?;
        for l in (0..LANES).filter(|&l| active(l)) {
            let source = swizzle_lane(i.offset as u32, l);
            if active(source) {
                out[l] = w.v[from as usize][source];
                used |= 1 << source;
            }
        }
        w.check_vector(from, used)?;
    } else {
        let index = offset_by(&w.row(env.code, i.src[0])?, i.offset as u32);
        let from = register(i.src[1])?;
        for l in (0..LANES).filter(|&l| active(l)) {
            let other = (index[l] / 4) as usize % LANES;
            let (source, target) = if op == Ds::PermuteB32 { (l, other) } else { (other, l) };
            if active(source) {
                out[target] = w.v[from as usize][source];
                used |= 1 << source;
            }
        }
        w.check_vector(from, used)?;
    }
    w.write_row(to, &out)?;
    touch(w, [0; LANES], None, 0, false);
    if let Some(last) = w.touches.back_mut() {
        last.lanes = 0;
    }
    w.issue_vector(Unit::Lds, to, 1)
}

fn add_f32(mode: fp::Mode, a: u32, b: u32) -> u32 {
    let wide = |x| f64::from(f32::from_bits(x));
    let value = fp::odd::add(wide(a), wide(b), mode.round32());
    if value.is_nan() { fp::nan32(&[a, b]) } else { fp::round_to_f32(value, mode) }
}

fn low(new: u32, old: u32) -> u32 {
    old & 0xffff_0000 | new & 0xffff
}

fn high(new: u32, old: u32) -> u32 {
    old & 0xffff | new << 16
}

fn sext8(x: u32) -> u32 {
    i32::from(x as u8 as i8) as u32
}

pub fn execute(op: Ds, w: &mut Wave, env: &mut Env, i: &Inst) -> Done {
    use Ds::*;
    debug_assert_ne!(i.dst, Operand::S(EXEC_LO));
    let mode = w.mode;
    match op {
        ReadB32 => read(w, env, i, 4, |v, _| v),
        ReadB64 => read(w, env, i, 8, |v, _| v),
        ReadB96 => read(w, env, i, 12, |v, _| v),
        ReadB128 => read(w, env, i, 16, |v, _| v),
        ReadU8 => read(w, env, i, 1, |v, _| v),
        ReadI8 => read(w, env, i, 1, |v, _| sext8(v)),
        ReadU16 => read(w, env, i, 2, |v, _| v),
        ReadI16 => read(w, env, i, 2, |v, _| i32::from(v as u16 as i16) as u32),
        ReadU8D16 | ReadU16D16 => read(w, env, i, narrow(op), low),
        ReadU8D16Hi | ReadU16D16Hi => read(w, env, i, narrow(op), high),
        ReadI8D16 => read(w, env, i, 1, |v, old| low(sext8(v), old)),
        ReadI8D16Hi => read(w, env, i, 1, |v, old| high(sext8(v), old)),
        Read2B32 | Read2St64B32 => read2(w, env, i, 4),
        Read2B64 | Read2St64B64 => read2(w, env, i, 8),
        WriteB8 => write(w, env, i, 1, |v| v),
        WriteB8D16Hi => write(w, env, i, 1, |v| v >> 16),
        WriteB16 => write(w, env, i, 2, |v| v),
        WriteB16D16Hi => write(w, env, i, 2, |v| v >> 16),
        WriteB32 => write(w, env, i, 4, |v| v),
        WriteB64 => write(w, env, i, 8, |v| v),
        WriteB96 => write(w, env, i, 12, |v| v),
        WriteB128 => write(w, env, i, 16, |v| v),
        Write2B32 | Write2St64B32 => write2(w, env, i, 4),
        Write2B64 | Write2St64B64 => write2(w, env, i, 8),
        AddU32 | AddRtnU32 => atomic(w, env, i, u32::wrapping_add),
        SubU32 | SubRtnU32 => atomic(w, env, i, u32::wrapping_sub),
        MinI32 | MinRtnI32 => atomic(w, env, i, |a, b| (a as i32).min(b as i32) as u32),
        MaxI32 | MaxRtnI32 => atomic(w, env, i, |a, b| (a as i32).max(b as i32) as u32),
        MinU32 | MinRtnU32 => atomic(w, env, i, u32::min),
        MaxU32 | MaxRtnU32 => atomic(w, env, i, u32::max),
        AndB32 | AndRtnB32 => atomic(w, env, i, |a, b| a & b),
        OrB32 | OrRtnB32 => atomic(w, env, i, |a, b| a | b),
        XorB32 | XorRtnB32 => atomic(w, env, i, |a, b| a ^ b),
        AddF32 | AddRtnF32 => atomic(w, env, i, move |a, b| add_f32(mode, a, b)),
        WrxchgRtnB32 => atomic(w, env, i, |_, b| b),
        SwizzleB32 | PermuteB32 | BpermuteB32 => crossbar(w, env, op, i),
    }
}

/// Bytes of the narrow reads into half a register.
fn narrow(op: Ds) -> u32 {
    if matches!(op, Ds::ReadU16D16 | Ds::ReadU16D16Hi) { 2 } else { 1 }
}
