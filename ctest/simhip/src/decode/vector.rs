//! VOP1, VOP2, VOP3, VOP3P, VOPC with SDWA and DPP.
#![forbid(unsafe_code)]

use super::operand::{self, Parsed, Width};
use super::{Line, blank};
use crate::isa::valu::Arith;
use crate::isa::{
    Class, Code, Dpp, EXEC_LO, Ext, Inst, LANES, Op, Operand, Sdwa, Select, Unused, Valu, flag,
};

/// How a mnemonic's operands are laid out.
struct Shape {
    /// The first operand is a scalar mask (compares).
    mask_result: bool,
    /// A second result, the carry.
    carry_result: bool,
}

/// Mnemonic without the encoding's suffix.
pub fn base_mnemonic(text: &str) -> &str {
    for suffix in ["_e32", "_e64", "_sdwa", "_dpp8", "_dpp"] {
        if let Some(base) = text.strip_suffix(suffix) {
            return base;
        }
    }
    text
}

/// Format of source `k`, which decides how constants fill it and how many registers it spans.
fn source_width(base: &str, k: usize) -> Width {
    match (base, k) {
        ("v_ldexp_f64" | "v_cmp_class_f64" | "v_cmpx_class_f64", 1) => Width::Bits32,
        ("v_lshlrev_b64" | "v_lshrrev_b64" | "v_ashrrev_i64", 0) => Width::Bits32,
        ("v_mad_u64_u32", 2) => Width::Bits64,
        ("v_mad_i64_i32", 2) => Width::Signed64,
        ("v_mad_u32_u16" | "v_mad_i32_i16", 2) => Width::Bits32,
        ("v_fma_mixlo_f16" | "v_fma_mixhi_f16", _) => Width::Bits32,
        _ => Width::of_suffix(base),
    }
}

fn wide_result(base: &str) -> bool {
    base.starts_with("v_cvt_f64")
        || base.starts_with("v_mad_u64")
        || base.starts_with("v_mad_i64")
        || (Width::of_suffix(base).registers() == 2
            && !base.starts_with("v_cvt")
            && !base.starts_with("v_cmp")
            && base != "v_frexp_exp_i32_f64")
}

pub fn decode(line: &Line, code: &mut Code) -> Option<Inst> {
    let base = base_mnemonic(line.mnemonic);
    let op = Valu::from_mnemonic(base)?;
    let mut inst = blank(line);
    inst.op = Op::Valu(op);
    inst.class = match op {
        Valu::Arith(a) if a.multiply_adds() > 0 => Class::Fma,
        _ => Class::Valu,
    };
    let shape = Shape {
        mask_result: matches!(op, Valu::Compare(_)),
        carry_result: base.contains("_co_")
            || matches!(base, "v_mad_u64_u32" | "v_mad_i64_i32")
            || base.starts_with("v_div_scale"),
    };
    let mut operands = line.operands.iter().copied();
    let mut registers_used = |operand: Operand, count: u8| {
        if let Operand::V(first) = operand {
            inst.vgprs = inst.vgprs.max(u16::from(first) + u16::from(count));
        }
    };
    if shape.mask_result {
        inst.sdst = match op {
            Valu::Compare(c) if c.to_exec => Operand::S(EXEC_LO),
            _ => operand::register(operands.next()?)?.0,
        };
    } else if base != "v_nop" {
        let (dst, _) = operand::register(operands.next()?)?;
        inst.dst = dst;
        registers_used(dst, if wide_result(base) { 2 } else { 1 });
        if shape.carry_result {
            inst.sdst = operand::register(operands.next()?)?.0;
        }
    }
    let mut sext = [false; 2];
    let mut last = 0;
    for (k, text) in operands.enumerate() {
        let parsed: Parsed = operand::parse(text, source_width(base, k), code)?;
        *inst.src.get_mut(k)? = parsed.operand;
        registers_used(parsed.operand, source_width(base, k).registers());
        inst.mods.neg |= u8::from(parsed.neg) << k;
        inst.mods.abs |= u8::from(parsed.abs) << k;
        if parsed.sext {
            *sext.get_mut(k)? = true;
        }
        last = k;
    }
    if let Valu::Arith(a) = op
        && a.reads_destination()
    {
        inst.src[2] = inst.dst;
        last = 2;
    }
    modifiers(line, base, &mut inst, last + 1)?;
    inst.ext = match extension(line, sext)? {
        Some(ext) => {
            code.exts.push(ext);
            u16::try_from(code.exts.len() - 1).ok()?
        }
        None => inst.ext,
    };
    Some(inst)
}

fn modifiers(line: &Line, base: &str, inst: &mut Inst, sources: usize) -> Option<()> {
    let mods = &mut inst.mods;
    let packed = base.starts_with("v_pk_");
    if packed {
        // The assembler leaves the default out: high half from the high halves.
        mods.op_sel_hi = (1 << sources.max(1)) - 1;
    }
    for word in &line.modifiers {
        if let Some(list) = word.strip_prefix("op_sel:") {
            let bits = operand::bit_list(list)?;
            mods.op_sel = bits & ((1 << sources) - 1);
            if bits >> sources & 1 != 0 {
                inst.flags |= flag::DST_HIGH;
            }
        } else if let Some(list) = word.strip_prefix("op_sel_hi:") {
            mods.op_sel_hi = operand::bit_list(list)?;
        } else if let Some(list) = word.strip_prefix("neg_lo:") {
            mods.neg = operand::bit_list(list)?;
        } else if let Some(list) = word.strip_prefix("neg_hi:") {
            mods.neg_hi = operand::bit_list(list)?;
        } else if *word == "clamp" {
            mods.clamp = true;
        } else if *word == "mul:2" {
            mods.omod = 1;
        } else if *word == "mul:4" {
            mods.omod = 2;
        } else if *word == "div:2" {
            mods.omod = 3;
        }
    }
    // Packed source 2 of fmac is the destination, whole.
    if base == "v_pk_fmac_f16" {
        mods.op_sel_hi |= 4;
    }
    let plain = mods.neg | mods.abs | mods.op_sel | mods.neg_hi | mods.omod == 0 && !mods.clamp;
    if !plain || mods.op_sel_hi != 0 {
        inst.flags |= flag::MODS;
    }
    // Clamp saturates integers; the interpreter knows it where a compiler uses it.
    let float = base.contains("f16") || base.contains("f32") || base.contains("f64");
    let saturating = base.starts_with("v_add_nc")
        || base.starts_with("v_sub_nc")
        || base.starts_with("v_pk_add_")
        || base.starts_with("v_pk_sub_");
    if inst.mods.clamp && !float && !saturating {
        return None;
    }
    Some(())
}

fn select(text: &str) -> Option<Select> {
    Some(match text {
        "DWORD" => Select::Dword,
        "WORD_0" => Select::Word(0),
        "WORD_1" => Select::Word(1),
        "BYTE_0" => Select::Byte(0),
        "BYTE_1" => Select::Byte(1),
        "BYTE_2" => Select::Byte(2),
        "BYTE_3" => Select::Byte(3),
        _ => return None,
    })
}

/// SDWA and DPP controls; `None` inside for plain instructions.
fn extension(line: &Line, sext: [bool; 2]) -> Option<Option<Ext>> {
    if line.mnemonic.ends_with("_sdwa") {
        let field = |name| line.modifier(name).map_or(Some(Select::Dword), select);
        let unused = match line.modifier("dst_unused") {
            None | Some("UNUSED_PRESERVE") => Unused::Preserve,
            Some("UNUSED_PAD") => Unused::Pad,
            Some("UNUSED_SEXT") => Unused::SignExtend,
            Some(_) => return None,
        };
        return Some(Some(Ext::Sdwa(Sdwa {
            dst: field("dst_sel")?,
            unused,
            src: [field("src0_sel")?, field("src1_sel")?],
            sext,
        })));
    }
    if !line.mnemonic.ends_with("_dpp") && !line.mnemonic.ends_with("_dpp8") {
        return Some(None);
    }
    let mask = |name| match line.modifier(name) {
        Some(text) => operand::number(text).map(|n| n as u8),
        None => Some(0xf),
    };
    let mut dpp = Dpp {
        from: [255; LANES],
        row_mask: mask("row_mask")?,
        bank_mask: mask("bank_mask")?,
        bound_ctrl: line.modifiers.iter().any(|m| m.starts_with("bound_ctrl")),
        fetch_inactive: line.modifier("fi") == Some("1"),
    };
    for lane in 0..LANES {
        dpp.from[lane] = source_lane(line, lane)?.unwrap_or(255);
    }
    Some(Some(Ext::Dpp(dpp)))
}

/// Lane that DPP fetches from; `None` inside where it falls off its row of 16.
fn source_lane(line: &Line, lane: usize) -> Option<Option<u8>> {
    let (row, place) = (lane & !15, lane & 15);
    let in_row = |p: usize| Some(Some((row + p) as u8));
    for word in &line.modifiers {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        let count = operand::number(value).map(|n| n as usize);
        match name {
            "quad_perm" => {
                let list = operand::number_list(value)?;
                return in_row((place & !3) + usize::from(*list.get(place & 3)?));
            }
            "dpp8" => {
                let list = operand::number_list(value)?;
                return in_row((place & !7) + usize::from(*list.get(place & 7)?));
            }
            "row_shl" => {
                let from = place + count?;
                return if from < 16 { in_row(from) } else { Some(None) };
            }
            "row_shr" => match place.checked_sub(count?) {
                Some(from) => return in_row(from),
                None => return Some(None),
            },
            "row_ror" => return in_row((place + 16 - count? % 16) & 15),
            "row_mirror" => return in_row(15 - place),
            "row_half_mirror" => return in_row((place & 8) + 7 - (place & 7)),
            "row_share" => return in_row(count? & 15),
            "row_xmask" => return in_row(place ^ (count? & 15)),
            _ => {}
        }
    }
    None
}

/// Mnemonics of vector arithmetic for the documentation's table.
pub fn mnemonics() -> &'static [&'static str] {
    Arith::MNEMONICS
}
