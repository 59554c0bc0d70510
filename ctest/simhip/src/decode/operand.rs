//! Operands as the disassembler writes them.
#![forbid(unsafe_code)]

use crate::fp::half;
use crate::isa::{Code, EXEC_HI, EXEC_LO, M0, NULL, Operand, Special, VCC_LO};

/// Width and kind of a source, which decide how a constant fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Bits16,
    Bits32,
    /// Literals are zero-extended.
    Bits64,
    /// Literals are sign-extended.
    Signed64,
    /// Literals are the high half.
    Float64,
}

impl Width {
    pub fn of_suffix(mnemonic: &str) -> Self {
        match mnemonic.rsplit('_').next() {
            Some("f16" | "u16" | "i16" | "b16") => Width::Bits16,
            Some("u64" | "b64") => Width::Bits64,
            Some("i64") => Width::Signed64,
            Some("f64") => Width::Float64,
            _ => Width::Bits32,
        }
    }

    pub fn registers(self) -> u8 {
        match self {
            Width::Bits16 | Width::Bits32 => 1,
            _ => 2,
        }
    }
}

/// An operand and its source modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub operand: Operand,
    /// Registers named (1 for constants).
    pub registers: u8,
    pub neg: bool,
    pub abs: bool,
    pub sext: bool,
}

/// Parses one operand; constants take the form that `width` asks for.
pub fn parse(text: &str, width: Width, code: &mut Code) -> Option<Parsed> {
    let mut parsed =
        Parsed { operand: Operand::None, registers: 1, neg: false, abs: false, sext: false };
    if let Some(value) = constant(text, width) {
        parsed.operand = code.intern(value);
        return (parsed.operand != Operand::None).then_some(parsed);
    }
    let mut text = text;
    if let Some(rest) = text.strip_prefix('-') {
        parsed.neg = true;
        text = rest;
    }
    if let Some(rest) = text.strip_prefix('|') {
        parsed.abs = true;
        text = rest.strip_suffix('|')?;
    }
    if let Some(rest) = text.strip_prefix("sext(") {
        parsed.sext = true;
        text = rest.strip_suffix(')')?;
    }
    (parsed.operand, parsed.registers) = register(text)?;
    Some(parsed)
}

/// A register or range of registers, and how many.
pub fn register(text: &str) -> Option<(Operand, u8)> {
    let named = |number| Some((Operand::S(number), 1));
    match text {
        "off" => return Some((Operand::None, 0)),
        "vcc_lo" => return named(VCC_LO),
        "vcc_hi" => return named(VCC_LO + 1),
        "vcc" => return Some((Operand::S(VCC_LO), 2)),
        "m0" => return named(M0),
        "null" => return named(NULL),
        "exec_lo" => return named(EXEC_LO),
        "exec_hi" => return named(EXEC_HI),
        "exec" => return Some((Operand::S(EXEC_LO), 2)),
        "src_vccz" => return Some((Operand::Special(Special::Vccz), 1)),
        "src_execz" => return Some((Operand::Special(Special::Execz), 1)),
        "src_scc" => return Some((Operand::Special(Special::Scc), 1)),
        "src_shared_base" | "src_shared_limit" | "src_private_base" | "src_private_limit" => {
            return Some((Operand::Special(Special::Aperture), 1));
        }
        _ => {}
    }
    let (file, rest) = text.split_at_checked(1)?;
    let (first, last) = match rest.strip_prefix('[') {
        Some(range) => range.strip_suffix(']')?.split_once(':')?,
        None => (rest, rest),
    };
    let first: u8 = first.parse().ok()?;
    let last: u8 = last.parse().ok()?;
    let count = last.checked_sub(first)?.checked_add(1)?;
    match file {
        "v" => Some((Operand::V(first), count)),
        "s" if last < VCC_LO => Some((Operand::S(first), count)),
        _ => None,
    }
}

/// Inline constants and literals, as 64 bits.
fn constant(text: &str, width: Width) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        let literal = u64::from_str_radix(hex, 16).ok()?;
        return Some(match width {
            Width::Float64 if literal <= 0xffff_ffff => literal << 32,
            Width::Signed64 => i64::from(literal as u32 as i32) as u64,
            _ => literal,
        });
    }
    if text.contains('.') {
        let number: f64 = text.parse().ok()?;
        // The hardware's 1/(2*pi) is a rounded constant of each format.
        let inverse_two_pi = text.starts_with("0.1591");
        return match width {
            _ if inverse_two_pi => Some(match width {
                Width::Bits16 => 0x3118,
                Width::Bits32 => 0x3e22_f983,
                _ => 0x3fc4_5f30_6dc9_c882,
            }),
            Width::Bits16 => Some(u64::from(half::from_f32(number as f32))),
            Width::Bits32 => Some(u64::from((number as f32).to_bits())),
            _ => Some(number.to_bits()),
        };
    }
    let integer: i64 = text.parse().ok()?;
    Some(integer as u64)
}

/// A number that is not an operand: `0x10`, `-16`, `3`.
pub fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `[1,0,1]` as bits, first element lowest.
pub fn bit_list(text: &str) -> Option<u8> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut bits = 0;
    for (k, item) in inner.split(',').enumerate() {
        match item.trim() {
            "0" => {}
            "1" if k < 8 => bits |= 1 << k,
            _ => return None,
        }
    }
    Some(bits)
}

/// `[1,0,3,2]` as numbers.
pub fn number_list(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    inner.split(',').map(|n| n.trim().parse().ok()).collect()
}
