//! SOP1, SOP2, SOPC, SOPK, SOPP.
#![forbid(unsafe_code)]

use super::operand::{self, Width};
use super::{Line, blank};
use crate::isa::{Class, Code, Control, Inst, Op, Operand, Salu};

/// Branches whose target is a distance in the encoding.
pub fn is_relative_branch(control: Control) -> bool {
    use Control::*;
    matches!(
        control,
        Branch
            | CbranchScc0
            | CbranchScc1
            | CbranchVccz
            | CbranchVccnz
            | CbranchExecz
            | CbranchExecnz
            | CallB64
    )
}

pub fn decode(line: &Line, code: &mut Code) -> Option<Inst> {
    if let Some(control) = Control::from_mnemonic(line.mnemonic) {
        return decode_control(control, line);
    }
    let op = Salu::from_mnemonic(line.mnemonic)?;
    let mut inst = blank(line);
    inst.op = Op::Salu(op);
    inst.class = Class::Salu;
    inst.imm = line.simm16();
    let name = line.mnemonic;
    let immediate = matches!(
        op,
        Salu::MovkI32 | Salu::CmovkI32 | Salu::AddkI32 | Salu::MulkI32 | Salu::GetregB32
    );
    let compare = name.starts_with("s_cmp_") || name.starts_with("s_bitcmp");
    if name.starts_with("s_cmpk") {
        inst.src[0] = operand::register(line.operand(0)?)?.0;
    } else if immediate {
        inst.dst = operand::register(line.operand(0)?)?.0;
    } else if op == Salu::SetregB32 {
        inst.src[0] = operand::register(line.operand(1)?)?.0;
    } else if op == Salu::SetregImm32 {
        let literal = *line.words.get(1)?;
        inst.src[0] = code.intern(u64::from(literal));
    } else {
        let mut operands = line.operands.iter();
        if !compare {
            inst.dst = operand::register(operands.next()?)?.0;
        }
        for (k, text) in operands.enumerate() {
            let parsed = operand::parse(text, source_width(name, k), code)?;
            *inst.src.get_mut(k)? = parsed.operand;
        }
    }
    Some(inst)
}

fn source_width(name: &str, k: usize) -> Width {
    match (name, k) {
        ("s_lshl_b64" | "s_lshr_b64" | "s_ashr_i64" | "s_bfe_u64" | "s_bfe_i64", 1)
        | ("s_bitcmp0_b64" | "s_bitcmp1_b64", 1)
        | ("s_bfm_b64" | "s_bitset0_b64" | "s_bitset1_b64", _) => Width::Bits32,
        _ => match Width::of_suffix(name) {
            Width::Bits16 => Width::Bits32,
            wide => wide,
        },
    }
}

fn decode_control(control: Control, line: &Line) -> Option<Inst> {
    let mut inst = blank(line);
    inst.op = Op::Control(control);
    inst.imm = line.simm16();
    inst.class = match control {
        Control::Waitcnt
        | Control::WaitcntVscnt
        | Control::WaitcntVmcnt
        | Control::WaitcntLgkmcnt
        | Control::WaitcntExpcnt
        | Control::WaitcntDepctr => Class::Waitcnt,
        Control::Barrier => Class::Barrier,
        Control::SetpcB64 | Control::SwappcB64 => Class::Branch,
        _ if is_relative_branch(control) => Class::Branch,
        _ => Class::Other,
    };
    match control {
        Control::SetpcB64 => inst.src[0] = operand::register(line.operand(0)?)?.0,
        Control::SwappcB64 => {
            inst.dst = operand::register(line.operand(0)?)?.0;
            inst.src[0] = operand::register(line.operand(1)?)?.0;
        }
        Control::CallB64 => inst.dst = operand::register(line.operand(0)?)?.0,
        // The count may come from a register; compilers write null.
        Control::WaitcntVscnt | Control::WaitcntVmcnt | Control::WaitcntLgkmcnt
            if operand::register(line.operand(0)?)?.0 != Operand::S(crate::isa::NULL) =>
        {
            return None;
        }
        _ => {}
    }
    Some(inst)
}
