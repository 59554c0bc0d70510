//! Scalar and vector memory.
#![forbid(unsafe_code)]

use super::Env;
use crate::isa::ops::VmemKind;
use crate::isa::{Inst, LANES, Operand, Smem, Vmem, flag};
use crate::report::{Fault, Kind};
use crate::wave::{Unit, Wave};

type Done = Result<(), Fault>;

/// A buffer resource as four scalar registers hold it (RDNA manual, "Buffer resource descriptor").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    pub base: u64,
    pub stride: u32,
    pub records: u32,
    /// Which range check applies: 3 raw, 2 none unless empty, 1 by index, 0 by index and offset.
    pub check: u32,
}

impl Resource {
    pub fn parse(words: [u32; 4]) -> Result<Self, Fault> {
        let [w0, w1, w2, w3] = words;
        let unsupported = |what: &str| Err(Fault::new(Kind::Unsupported, what));
        if w3 >> 30 != 0 {
            return unsupported("not a buffer resource (type field)");
        }
        if w1 >> 31 != 0 || w3 >> 23 & 1 != 0 {
            return unsupported("swizzled or thread-id buffer resource");
        }
        Ok(Resource {
            base: u64::from(w0) | u64::from(w1 & 0xffff) << 32,
            stride: w1 >> 16 & 0x3fff,
            records: w2,
            check: w3 >> 28 & 3,
        })
    }
}

fn read_resource(w: &Wave, operand: Operand) -> Result<Resource, Fault> {
    let Operand::S(first) = operand else {
        return Err(Fault::new(Kind::Unsupported, "buffer resource outside of scalar registers"));
    };
    Resource::parse([
        w.read_scalar(first)?,
        w.read_scalar(first + 1)?,
        w.read_scalar(first + 2)?,
        w.read_scalar(first + 3)?,
    ])
}

#[cold]
fn out_of_range(env: &Env, lane: usize, address: u64, bytes: u32, what: &str) -> Fault {
    let place = env.view.describe(address, bytes.into());
    Fault::in_lane(Kind::OutOfRange, lane, format!("{what} of {place}"))
}

/// Address of every active lane, `None` where the resource's range check stops the access.
fn addresses(
    w: &Wave,
    env: &Env,
    op: Vmem,
    i: &Inst,
    bytes: u32,
) -> Result<[Option<u64>; LANES], Fault> {
    let mut out = [None; LANES];
    let active = |l: &usize| w.exec >> l & 1 != 0;
    let immediate = i64::from(i.offset);
    if !op.buffer {
        if i.flags & flag::SADDR != 0 {
            let base = w.scalar64(env.code, i.src[1])?;
            let offset = w.row(env.code, i.src[0])?;
            for l in (0..LANES).filter(active) {
                let sum = base.wrapping_add(u64::from(offset[l]));
                out[l] = Some(sum.wrapping_add_signed(immediate));
            }
        } else {
            let base = w.row64(env.code, i.src[0])?;
            for l in (0..LANES).filter(active) {
                out[l] = Some(base[l].wrapping_add_signed(immediate));
            }
        }
        return Ok(out);
    }
    let resource = read_resource(w, i.src[1])?;
    let soffset = u64::from(w.scalar32(env.code, i.src[2])?);
    let (offen, idxen) = (i.flags & flag::OFFEN != 0, i.flags & flag::IDXEN != 0);
    let zero = [0; LANES];
    let (index, offset) = match (idxen, offen, i.src[0]) {
        (false, false, _) => (zero, zero),
        (false, true, v) => (zero, w.row(env.code, v)?),
        (true, false, v) => (w.row(env.code, v)?, zero),
        (true, true, Operand::V(v)) => {
            let second = Operand::V(v.wrapping_add(1));
            (w.row(env.code, i.src[0])?, w.row(env.code, second)?)
        }
        _ => return Err(Fault::new(Kind::Unsupported, "buffer address operand")),
    };
    for l in (0..LANES).filter(active) {
        let inner = u64::from(offset[l]) + immediate as u64;
        let place = u64::from(index[l]) * u64::from(resource.stride) + inner;
        if passes(env, &resource, index[l], inner, place, soffset, bytes, l)? {
            out[l] = Some(resource.base.wrapping_add(place).wrapping_add(soffset));
        }
    }
    Ok(out)
}

/// The range check. LLVM's description of raw buffers leaves the scalar offset out of it, AMD's
/// manual subtracts it from the count of records first, and both leave room for part of a wide
/// access: an access that is not the same under every reading is a finding.
#[allow(clippy::too_many_arguments)]
fn passes(
    env: &Env,
    r: &Resource,
    index: u32,
    inner: u64,
    place: u64,
    soffset: u64,
    bytes: u32,
    lane: usize,
) -> Result<bool, Fault> {
    let records = u64::from(r.records);
    let bytes = u64::from(bytes);
    match r.check {
        2 => return Ok(records != 0),
        1 => return Ok(u64::from(index) < records),
        0 => {
            return Ok(u64::from(index) < records && inner + bytes <= u64::from(r.stride));
        }
        _ => {}
    }
    let all_without = place + bytes <= records;
    let all_with = place + soffset + bytes <= records;
    let none = place >= records;
    if all_with || none {
        return Ok(all_with);
    }
    if env.lenient_range_check {
        return Ok(all_without);
    }
    let message = format!(
        "buffer offset {place:#x} with scalar offset {soffset:#x} and {bytes} bytes against \
         {records:#x} records: the outcome depends on how the range check is read"
    );
    Err(Fault::in_lane(Kind::Ambiguous, lane, message))
}

/// Counts of a vector memory instruction.
fn count(env: &mut Env, places: &[Option<u64>; LANES], bytes: u32, store: bool) {
    let mut lanes = 0u64;
    let mut lines = 0u64;
    let mut previous = u64::MAX;
    for address in places.iter().flatten() {
        lanes += 1;
        let line = address / 128;
        lines += u64::from(line != previous);
        previous = line;
    }
    let moved = lanes * u64::from(bytes);
    if store {
        env.stats.vmem_store_bytes += moved;
    } else {
        env.stats.vmem_load_bytes += moved;
    }
    env.stats.vmem_lines += lines;
}

pub fn execute(op: Vmem, w: &mut Wave, env: &mut Env, i: &Inst) -> Done {
    let kind = op.kind;
    let bytes = kind.bytes();
    let places = addresses(w, env, op, i, bytes)?;
    count(env, &places, bytes, !kind.is_load());
    if kind.is_load() {
        load(kind, w, env, i, &places)
    } else if kind.is_store() {
        store(kind, w, env, i, &places)
    } else {
        atomic(kind, w, env, i, &places)
    }
}

fn vector(operand: Operand) -> Result<u8, Fault> {
    match operand {
        Operand::V(register) => Ok(register),
        _ => Err(Fault::new(Kind::Unsupported, "memory data in a scalar register")),
    }
}

fn load(
    kind: VmemKind,
    w: &mut Wave,
    env: &mut Env,
    i: &Inst,
    places: &[Option<u64>; LANES],
) -> Done {
    use VmemKind::*;
    let to = vector(i.dst)?;
    let bytes = kind.bytes();
    let words = usize::from(kind.registers());
    let view = env.view;
    let mut hint = env.hints[w.at];
    for l in (0..LANES).filter(|l| w.exec >> l & 1 != 0) {
        let spot = match places[l] {
            Some(address) => match view.find(address, bytes.into(), &mut hint) {
                Some(spot) => Some(spot),
                None => return Err(out_of_range(env, l, address, bytes, "load")),
            },
            None => None,
        };
        for k in 0..words {
            let value = spot.map_or(0, |s| s.load(4 * k, bytes.min(4)));
            let cell = &mut w.v[to as usize + k][l];
            let low = |value: u32| *cell & 0xffff_0000 | value & 0xffff;
            let high = |value: u32| *cell & 0xffff | value << 16;
            let sext8 = i32::from(value as u8 as i8) as u32;
            *cell = match kind {
                LoadI8 => sext8,
                LoadI16 => i32::from(value as u16 as i16) as u32,
                LoadD16 | LoadD16U8 => low(value),
                LoadD16I8 => low(sext8),
                LoadD16Hi | LoadD16HiU8 => high(value),
                LoadD16HiI8 => high(sext8),
                _ => value,
            };
        }
    }
    env.hints[w.at] = hint;
    w.issue_vector(Unit::Vmem, to, words as u8)
}

fn store(
    kind: VmemKind,
    w: &mut Wave,
    env: &mut Env,
    i: &Inst,
    places: &[Option<u64>; LANES],
) -> Done {
    let from = vector(i.src[3])?;
    let bytes = kind.bytes();
    let words = usize::from(kind.registers());
    for k in 0..words {
        w.check_vector(from + k as u8, w.exec)?;
    }
    let shift = if matches!(kind, VmemKind::Store16Hi | VmemKind::Store8Hi) { 16 } else { 0 };
    let view = env.view;
    let mut hint = env.hints[w.at];
    for l in 0..LANES {
        let Some(address) = places[l] else { continue };
        let Some(spot) = view.find(address, bytes.into(), &mut hint) else {
            return Err(out_of_range(env, l, address, bytes, "store"));
        };
        for k in 0..words {
            spot.store(4 * k, bytes.min(4), w.v[from as usize + k][l] >> shift);
        }
    }
    env.hints[w.at] = hint;
    Ok(())
}

fn atomic(
    kind: VmemKind,
    w: &mut Wave,
    env: &mut Env,
    i: &Inst,
    places: &[Option<u64>; LANES],
) -> Done {
    use VmemKind::*;
    let from = vector(i.src[3])?;
    for k in 0..kind.registers() {
        w.check_vector(from + k, w.exec)?;
    }
    let view = env.view;
    let mut hint = env.hints[w.at];
    let mut old = [0; LANES];
    for l in 0..LANES {
        let Some(address) = places[l] else { continue };
        let Some(spot) = view.find(address, 4, &mut hint) else {
            return Err(out_of_range(env, l, address, 4, "atomic"));
        };
        let b = w.v[from as usize][l];
        let expected = if kind == AtomicCmpswap { w.v[from as usize + 1][l] } else { 0 };
        let changed = spot.update(|a| match kind {
            AtomicSwap => b,
            AtomicCmpswap => {
                if a == expected {
                    b
                } else {
                    a
                }
            }
            AtomicAdd => a.wrapping_add(b),
            AtomicSub => a.wrapping_sub(b),
            AtomicSmin => (a as i32).min(b as i32) as u32,
            AtomicUmin => a.min(b),
            AtomicSmax => (a as i32).max(b as i32) as u32,
            AtomicUmax => a.max(b),
            AtomicAnd => a & b,
            AtomicOr => a | b,
            AtomicXor => a ^ b,
            AtomicInc => {
                if a >= b {
                    0
                } else {
                    a + 1
                }
            }
            AtomicDec => {
                if a == 0 || a > b {
                    b
                } else {
                    a - 1
                }
            }
            _ => a,
        });
        old[l] = changed.ok_or_else(|| {
            Fault::in_lane(Kind::Misaligned, l, format!("atomic at {address:#x}"))
        })?;
    }
    env.hints[w.at] = hint;
    if let Operand::V(to) = i.dst {
        w.write_row(to, &old)?;
        return w.issue_vector(Unit::Vmem, to, 1);
    }
    Ok(())
}

/// Scalar loads. The data goes straight to the registers, which stay unavailable until the wait.
pub fn scalar(op: Smem, w: &mut Wave, env: &mut Env, i: &Inst) -> Done {
    let Operand::S(to) = i.dst else {
        return Err(Fault::new(Kind::Unsupported, "scalar load without a scalar destination"));
    };
    let count = op.dwords();
    let mut values = [0u32; 16];
    match op {
        Smem::Memtime | Smem::Memrealtime => {
            // Time is the count of instructions: repeatable.
            values[0] = w.executed as u32;
            values[1] = (w.executed >> 32) as u32;
        }
        _ => {
            let offset = match i.src[1] {
                Operand::None => 0,
                other => u64::from(w.scalar32(env.code, other)?),
            }
            .wrapping_add_signed(i.offset.into());
            let buffer =
                !matches!(op, Smem::Load1 | Smem::Load2 | Smem::Load4 | Smem::Load8 | Smem::Load16);
            let (base, limit) = if buffer {
                let resource = read_resource(w, i.src[0])?;
                let stride = u64::from(resource.stride.max(1));
                (resource.base, u64::from(resource.records) * stride)
            } else {
                (w.scalar64(env.code, i.src[0])?, u64::MAX)
            };
            let address = base.wrapping_add(offset);
            if address % 4 != 0 {
                let message = format!("scalar load at {address:#x}");
                return Err(Fault::new(Kind::Misaligned, message));
            }
            let mut hint = env.hints[w.at];
            for k in 0..u64::from(count) {
                // Beyond the resource a buffer load gives zero.
                if offset + 4 * k + 4 > limit {
                    continue;
                }
                let Some(spot) = env.view.find(address + 4 * k, 4, &mut hint) else {
                    let place = env.view.describe(address + 4 * k, 4);
                    return Err(Fault::new(Kind::OutOfRange, format!("scalar load of {place}")));
                };
                values[k as usize] = spot.load(0, 4);
            }
            env.hints[w.at] = hint;
            env.stats.smem_bytes += 4 * u64::from(count);
        }
    }
    w.issue_scalar(to, count)?;
    for k in 0..count {
        if to + k != crate::isa::NULL {
            w.s[(to + k) as usize & 127] = values[k as usize];
        }
    }
    Ok(())
}
