//! Movement between lanes, and between vector and scalar registers.
#![forbid(unsafe_code)]

use super::modifiers::{put, src};
use crate::isa::valu::Arith;
use crate::isa::{Code, Inst, LANES, Operand};
use crate::report::{Fault, Kind};
use crate::wave::Wave;

type Done = Result<(), Fault>;

fn vector(operand: Operand) -> Result<u8, Fault> {
    match operand {
        Operand::V(register) => Ok(register),
        _ => Err(Fault::new(Kind::Unsupported, "lane access to a scalar")),
    }
}

pub fn execute(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    match op {
        Arith::Nop => Ok(()),
        Arith::Readfirstlane => {
            // With no active lane, lane 0.
            let lane = if w.exec == 0 { 0 } else { w.exec.trailing_zeros() as usize };
            let value = match i.src[0] {
                Operand::V(register) => {
                    w.check_vector(register, 1 << lane)?;
                    w.v[register as usize][lane]
                }
                other => w.scalar32(code, other)?,
            };
            w.write_scalar_operand(i.dst, value)
        }
        Arith::Readlane => {
            let register = vector(i.src[0])?;
            let lane = w.scalar32(code, i.src[1])? as usize % LANES;
            w.check_vector(register, 1 << lane)?;
            w.write_scalar_operand(i.dst, w.v[register as usize][lane])
        }
        Arith::Writelane => {
            let register = vector(i.dst)?;
            let value = w.scalar32(code, i.src[0])?;
            let lane = w.scalar32(code, i.src[1])? as usize % LANES;
            w.write_lanes(register, &[value; LANES], 1 << lane)
        }
        Arith::SwapB32 => {
            let (a, b) = (vector(i.dst)?, vector(i.src[0])?);
            let (first, first_missing) = w.copied_row(code, i.dst)?;
            let (second, second_missing) = w.copied_row(code, i.src[0])?;
            w.copy_to_row(Operand::V(a), &second, second_missing)?;
            w.copy_to_row(Operand::V(b), &first, first_missing)
        }
        Arith::MbcntLo => {
            let mask = src(w, code, i, 0)?;
            let add = src(w, code, i, 1)?;
            let below = |l: usize| (1u32 << l) - 1;
            let out =
                std::array::from_fn(|l| (mask[l] & below(l)).count_ones().wrapping_add(add[l]));
            put(w, code, i, &out)
        }
        Arith::MbcntHi => {
            // Counts lanes 32 and up, of which a wave of 32 has none.
            let add = src(w, code, i, 1)?;
            put(w, code, i, &add)
        }
        Arith::Permlane16 | Arith::Permlanex16 => permlane(op, w, code, i),
        _ => Err(super::not_here(op)),
    }
}

/// Each lane reads the lane of its own row of 16 (or of the other row) that a nibble names.
fn permlane(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Done {
    let from = vector(i.src[0])?;
    let low = w.scalar32(code, i.src[1])?;
    let high = w.scalar32(code, i.src[2])?;
    let nibbles = u64::from(high) << 32 | u64::from(low);
    let fetch_inactive = i.mods.op_sel & 1 != 0;
    let bound_ctrl = i.mods.op_sel & 2 != 0;
    let mut out = [0; LANES];
    let mut lanes = 0u32;
    let mut used = 0u32;
    for l in 0..LANES {
        let row = if op == Arith::Permlane16 { l & 16 } else { l & 16 ^ 16 };
        let source = row + (nibbles >> (4 * (l & 15)) & 15) as usize;
        let valid = fetch_inactive || w.exec >> source & 1 != 0;
        if valid {
            out[l] = w.v[from as usize][source];
            if w.exec >> l & 1 != 0 {
                used |= 1 << source;
            }
        }
        if valid || bound_ctrl {
            lanes |= 1 << l;
        }
    }
    w.check_vector(from, used)?;
    let register = vector(i.dst)?;
    let lanes = lanes & w.exec;
    w.write_lanes(register, &out, lanes)
}
