//! From the disassembler's text to the form that the interpreter runs.
//!
//! The text comes from `llvm-objdump -d`, so that the decoder proper, the error-prone part, is
//! LLVM's. Numbers that the text only paraphrases (wait counts, branch distances, hardware
//! registers, swizzle patterns) are taken from the encoding beside it.
#![forbid(unsafe_code)]

pub mod memory;
pub mod objdump;
pub mod operand;
pub mod scalar;
pub mod vector;

use crate::isa::{Class, Code, Inst, Mods, NO_EXT, Op, Operand};

/// One line of the disassembly.
pub struct Line<'a> {
    pub mnemonic: &'a str,
    /// Operands, split at commas outside of brackets.
    pub operands: Vec<&'a str>,
    /// Words after the last operand.
    pub modifiers: Vec<&'a str>,
    pub address: u64,
    pub words: Vec<u32>,
}

impl<'a> Line<'a> {
    /// Parses `mnemonic operands // ADDRESS: WORDS <symbol>`; `None` for any other line.
    pub fn parse(line: &'a str) -> Option<Self> {
        let (code, comment) = line.rsplit_once("//")?;
        let (address, encoding) = comment.split_once(':')?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        let words: Vec<u32> = encoding
            .split_whitespace()
            .map_while(|w| (w.len() == 8).then(|| u32::from_str_radix(w, 16).ok()).flatten())
            .collect();
        if words.is_empty() {
            return None;
        }
        let code = code.trim();
        let (mnemonic, rest) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
        let mut operands: Vec<&str> =
            split_outside_brackets(rest, ',').into_iter().map(str::trim).collect();
        let mut modifiers = Vec::new();
        if let Some(last) = operands.pop() {
            let mut parts = split_outside_brackets(last, ' ').into_iter();
            operands.extend(parts.next().filter(|p| !p.is_empty()));
            modifiers.extend(parts.filter(|p| !p.is_empty()));
        }
        Some(Line { mnemonic, operands, modifiers, address, words })
    }

    pub fn operand(&self, index: usize) -> Option<&'a str> {
        self.operands.get(index).copied()
    }

    /// Value of `name:value` among the modifiers.
    pub fn modifier(&self, name: &str) -> Option<&'a str> {
        self.modifiers.iter().find_map(|m| m.strip_prefix(name)?.strip_prefix(':'))
    }

    pub fn has(&self, word: &str) -> bool {
        self.modifiers.contains(&word)
    }

    /// Low 16 bits of the encoding: the immediate of SOPK and SOPP, the offsets of DS.
    pub fn simm16(&self) -> u32 {
        self.words[0] & 0xffff
    }
}

fn split_outside_brackets(text: &str, at: char) -> Vec<&str> {
    let mut depth = 0i32;
    let mut start = 0;
    let mut parts = Vec::new();
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ if c == at && depth == 0 => {
                parts.push(&text[start..i]);
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// An instruction with nothing but its place.
pub fn blank(line: &Line) -> Inst {
    Inst {
        op: Op::Unknown,
        class: Class::Other,
        size_bytes: (line.words.len() * 4) as u8,
        flags: 0,
        dst: Operand::None,
        sdst: Operand::None,
        src: [Operand::None; 4],
        mods: Mods::default(),
        ext: NO_EXT,
        vgprs: 0,
        imm: 0,
        offset: 0,
        target: u32::MAX,
        pc: line.address as u32,
    }
}

/// Decodes a whole disassembly. Lines that are not understood become `Op::Unknown`.
pub fn decode(disassembly: &str) -> Code {
    let mut code = Code::default();
    let lines: Vec<Line> = disassembly.lines().filter_map(Line::parse).collect();
    let Some(start) = lines.iter().map(|l| l.address).min() else { return code };
    let end = lines.iter().map(|l| l.address + 4 * l.words.len() as u64).max().unwrap_or(start);
    code.text_start = start;
    code.at_word = vec![u32::MAX; ((end - start) / 4) as usize];
    for line in &lines {
        let index = code.insts.len() as u32;
        code.at_word[((line.address - start) / 4) as usize] = index;
        let inst = decode_line(line, &mut code).unwrap_or_else(|| blank(line));
        code.insts.push(inst);
        let operands = line.operands.join(", ");
        let modifiers = line.modifiers.join(" ");
        code.text.push(format!("{} {operands} {modifiers}", line.mnemonic).trim().to_string());
    }
    // Branch distances count words from the next instruction.
    for (index, line) in lines.iter().enumerate() {
        if let Op::Control(control) = code.insts[index].op
            && scalar::is_relative_branch(control)
        {
            let distance = i64::from(line.simm16() as u16 as i16) * 4;
            let address = (line.address as i64 + 4 + distance) as u64;
            code.insts[index].target = code.index_at(address).unwrap_or(u32::MAX);
        }
    }
    code
}

fn decode_line(line: &Line, code: &mut Code) -> Option<Inst> {
    if line.mnemonic.starts_with("v_") {
        vector::decode(line, code)
    } else if line.mnemonic.starts_with("ds_") {
        memory::decode_ds(line, code)
    } else {
        memory::decode_smem(line)
            .or_else(|| memory::decode_vmem(line, code))
            .or_else(|| scalar::decode(line, code))
    }
}
