//! SMEM, MUBUF, global memory and DS.
#![forbid(unsafe_code)]

use super::operand::{self, Width};
use super::{Line, blank};
use crate::isa::ops::VmemKind;
use crate::isa::{Class, Code, Ds, Inst, NULL, Op, Operand, Smem, Vmem, flag};

fn register(line: &Line, index: usize) -> Option<Operand> {
    operand::register(line.operand(index)?).map(|(operand, _)| operand)
}

fn uses(inst: &mut Inst, operand: Operand, registers: u8) {
    if let Operand::V(first) = operand {
        inst.vgprs = inst.vgprs.max(u16::from(first) + u16::from(registers));
    }
}

pub fn decode_smem(line: &Line) -> Option<Inst> {
    let op = Smem::from_mnemonic(line.mnemonic)?;
    let mut inst = blank(line);
    inst.op = Op::Smem(op);
    inst.class = Class::Smem;
    inst.dst = register(line, 0)?;
    if matches!(op, Smem::Memtime | Smem::Memrealtime) {
        return Some(inst);
    }
    inst.src[0] = register(line, 1)?;
    let offset = line.operand(2)?;
    if let Some(immediate) = operand::number(offset) {
        inst.offset = immediate as i32;
    } else {
        inst.src[1] = register(line, 2)?;
        if inst.src[1] == Operand::S(NULL) {
            inst.src[1] = Operand::None;
        }
        if let Some(text) = line.modifier("offset") {
            inst.offset = operand::number(text)? as i32;
        }
    }
    Some(inst)
}

pub fn decode_vmem(line: &Line, code: &mut Code) -> Option<Inst> {
    let op = Vmem::from_mnemonic(line.mnemonic)?;
    let kind = op.kind;
    let mut inst = blank(line);
    inst.op = Op::Vmem(op);
    inst.class = if kind.is_load() {
        Class::VmemLoad
    } else if kind.is_store() {
        Class::VmemStore
    } else {
        Class::VmemAtomic
    };
    for (word, bit) in [("offen", flag::OFFEN), ("idxen", flag::IDXEN), ("glc", flag::GLC)] {
        if line.has(word) {
            inst.flags |= bit;
        }
    }
    // Straight to LDS, and texture-fail status: not modelled.
    if line.has("lds") || line.has("tfe") || line.has("addr64") {
        return None;
    }
    if let Some(text) = line.modifier("offset") {
        inst.offset = operand::number(text)? as i32;
    }
    let returns = inst.flags & flag::GLC != 0;
    let data = kind.registers();
    if op.buffer {
        inst.src[0] = register(line, 1)?;
        inst.src[1] = register(line, 2)?;
        inst.src[2] = operand::parse(line.operand(3)?, Width::Bits32, code)?.operand;
        let value = register(line, 0)?;
        if kind.is_load() {
            inst.dst = value;
        } else {
            inst.src[3] = value;
            if !kind.is_store() && returns {
                inst.dst = value;
            }
        }
        let both = inst.flags & flag::OFFEN != 0 && inst.flags & flag::IDXEN != 0;
        let address = inst.src[0];
        uses(&mut inst, address, if both { 2 } else { 1 });
        uses(&mut inst, value, data);
    } else {
        let mut next = 0;
        if kind.is_load() || (!kind.is_store() && returns) {
            inst.dst = register(line, 0)?;
            let dst = inst.dst;
            uses(&mut inst, dst, if kind == VmemKind::AtomicCmpswap { 1 } else { data });
            next = 1;
        }
        inst.src[0] = register(line, next)?;
        next += 1;
        if !kind.is_load() {
            inst.src[3] = register(line, next)?;
            let value = inst.src[3];
            uses(&mut inst, value, data);
            next += 1;
        }
        inst.src[1] = register(line, next)?;
        if inst.src[1] != Operand::None && inst.src[1] != Operand::S(NULL) {
            inst.flags |= flag::SADDR;
        }
        let wide = inst.flags & flag::SADDR == 0;
        let address = inst.src[0];
        uses(&mut inst, address, if wide { 2 } else { 1 });
    }
    Some(inst)
}

pub fn decode_ds(line: &Line, code: &mut Code) -> Option<Inst> {
    let op = Ds::from_mnemonic(line.mnemonic)?;
    if line.has("gds") {
        return None;
    }
    let mut inst = blank(line);
    inst.op = Op::Ds(op);
    inst.class = Class::Lds;
    let simm = line.simm16();
    let name = line.mnemonic;
    let two = name.contains("2_b") || name.contains("2st64_b");
    if two {
        let unit = if name.ends_with("b64") { 8 } else { 4 };
        let scale = if name.contains("st64") { unit * 64 } else { unit };
        inst.offset = ((simm & 0xff) * scale) as i32;
        inst.imm = (simm >> 8) * scale;
    } else {
        inst.offset = simm as i32;
    }
    let returns = name.starts_with("ds_read")
        || name.contains("_rtn_")
        || matches!(op, Ds::SwizzleB32 | Ds::PermuteB32 | Ds::BpermuteB32);
    let mut next = 0;
    if returns {
        inst.dst = register(line, 0)?;
        let registers = match op {
            Ds::ReadB64 | Ds::Read2B32 | Ds::Read2St64B32 => 2,
            Ds::ReadB96 => 3,
            Ds::ReadB128 | Ds::Read2B64 | Ds::Read2St64B64 => 4,
            _ => 1,
        };
        let dst = inst.dst;
        uses(&mut inst, dst, registers);
        next = 1;
    }
    let data_registers = match op {
        Ds::WriteB64 | Ds::Write2B64 | Ds::Write2St64B64 => 2,
        Ds::WriteB96 => 3,
        Ds::WriteB128 => 4,
        _ => 1,
    };
    for k in 0..3 {
        if line.operand(next + k).is_none() {
            break;
        }
        inst.src[k] = register(line, next + k)?;
        let source = inst.src[k];
        uses(&mut inst, source, if k == 0 { 1 } else { data_registers });
    }
    let narrow = name.contains("8") && !name.contains("128") || name.contains("16");
    code.sub_dword_lds |= narrow;
    Some(inst)
}
