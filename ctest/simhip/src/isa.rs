//! What an instruction is after decoding: the compact form that the interpreter runs.
#![forbid(unsafe_code)]

pub mod ops;
pub mod valu;

pub use ops::{Control, Ds, Salu, Smem, Vmem};
pub use valu::{Compare, Condition, Number, Valu};

/// Lanes of a wave. Wave64 is refused at launch.
pub const LANES: usize = 32;

/// One vector register, or any value that has one element a lane.
pub type Row = [u32; LANES];

/// Scalar register numbers with a name of their own (gfx10 operand encoding).
pub const VCC_LO: u8 = 106;
pub const M0: u8 = 124;
pub const NULL: u8 = 125;
pub const EXEC_LO: u8 = 126;
pub const EXEC_HI: u8 = 127;

/// Where an operand's value comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    None,
    /// First vector register.
    V(u8),
    /// First scalar register, `vcc`, `m0`, `null` and `exec` included.
    S(u8),
    /// Index into the code's pool of constants.
    Const(u16),
    Special(Special),
}

/// Operands that read wave state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    Vccz,
    Execz,
    Scc,
    /// Apertures of generic addresses: nothing lives there in this simulator.
    Aperture,
}

/// Operation of an instruction, by unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Valu(Valu),
    Salu(Salu),
    Smem(Smem),
    Vmem(Vmem),
    Ds(Ds),
    Control(Control),
    /// Not known to the decoder: an error once it is reached.
    Unknown,
}

/// Classes that a launch counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    Fma,
    Valu,
    Salu,
    Smem,
    VmemLoad,
    VmemStore,
    VmemAtomic,
    Lds,
    Waitcnt,
    Barrier,
    Branch,
    Other,
}

impl Class {
    pub const COUNT: usize = 12;
    /// Names in the machine-readable report, in the order of the discriminants.
    pub const NAMES: [&'static str; Self::COUNT] = [
        "fma",
        "valu_other",
        "salu",
        "smem",
        "vmem_load",
        "vmem_store",
        "vmem_atomic",
        "lds",
        "waitcnt",
        "barrier",
        "branch",
        "other",
    ];
}

/// Source and result modifiers of vector instructions; bit k belongs to source k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mods {
    pub neg: u8,
    pub abs: u8,
    /// Bit k: source k from the high half; bit 3 (bit of the count of sources): result to the high half.
    pub op_sel: u8,
    pub op_sel_hi: u8,
    pub neg_hi: u8,
    /// 0 none, 1 times 2, 2 times 4, 3 divided by 2.
    pub omod: u8,
    pub clamp: bool,
}

/// Bits of `Inst::flags`.
pub mod flag {
    pub const OFFEN: u16 = 1;
    pub const IDXEN: u16 = 2;
    /// Return the old value (atomics), else a cache hint.
    pub const GLC: u16 = 4;
    /// A VOP3 result in the high half of the destination.
    pub const DST_HIGH: u16 = 8;
    /// Global memory: base in scalar registers, offset in a vector register.
    pub const SADDR: u16 = 16;
    /// Any of neg, abs, neg_hi, omod, clamp, op_sel, op_sel_hi set.
    pub const MODS: u16 = 32;
}

pub const NO_EXT: u16 = u16::MAX;

/// One decoded instruction.
#[derive(Clone, Copy, Debug)]
pub struct Inst {
    pub op: Op,
    pub class: Class,
    /// Bytes of the encoding.
    pub size_bytes: u8,
    pub flags: u16,
    /// Vector result, loaded data, or scalar result.
    pub dst: Operand,
    /// Second, scalar result: carry, compare mask.
    pub sdst: Operand,
    pub src: [Operand; 4],
    pub mods: Mods,
    /// Index into the code's SDWA and DPP table, or `NO_EXT`.
    pub ext: u16,
    /// Highest vector register used plus one; more than allocated is an error.
    pub vgprs: u16,
    /// Immediate: wait counts, hwreg, literal of SOPK and of `fmamk`.
    pub imm: u32,
    /// Byte offset of a memory access (the second one of `read2`/`write2` in `imm`).
    pub offset: i32,
    /// Index of the instruction that a branch goes to.
    pub target: u32,
    /// Address relative to the start of the code object's image.
    pub pc: u32,
}

/// Sub-dword selection of SDWA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    Byte(u8),
    Word(u8),
    Dword,
}

/// What SDWA does with the rest of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    Pad,
    SignExtend,
    Preserve,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sdwa {
    pub dst: Select,
    pub unused: Unused,
    pub src: [Select; 2],
    pub sext: [bool; 2],
}

/// Lane movement of the first source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dpp {
    /// Source lane of each lane; 255 where none exists.
    pub from: [u8; LANES],
    pub row_mask: u8,
    pub bank_mask: u8,
    /// Lanes without a source read zero instead of being left alone.
    pub bound_ctrl: bool,
    /// Read from inactive lanes too.
    pub fetch_inactive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    Sdwa(Sdwa),
    Dpp(Dpp),
}

/// The decoded text of a code object.
#[derive(Debug, Default)]
pub struct Code {
    pub insts: Vec<Inst>,
    /// Constants, 64 bits each (32-bit users take the low half).
    pub consts: Vec<u64>,
    /// The low halves, one copy a lane.
    pub rows: Vec<Row>,
    pub exts: Vec<Ext>,
    /// Index of the instruction at a word of the text, or `u32::MAX`.
    pub at_word: Vec<u32>,
    /// Address of the first word.
    pub text_start: u64,
    /// The disassembler's words for each instruction.
    pub text: Vec<String>,
    /// Whether any LDS access is narrower than a dword: race tracking then is per byte.
    pub sub_dword_lds: bool,
}

impl Code {
    /// Index of the instruction at `address`, an offset into the image.
    pub fn index_at(&self, address: u64) -> Option<u32> {
        let byte = address.checked_sub(self.text_start)?;
        if byte % 4 != 0 {
            return None;
        }
        let index = *self.at_word.get(usize::try_from(byte / 4).ok()?)?;
        (index != u32::MAX).then_some(index)
    }

    /// Gives a constant its place in the pool.
    pub fn intern(&mut self, value: u64) -> Operand {
        let index = self.consts.iter().position(|&c| c == value).unwrap_or_else(|| {
            self.consts.push(value);
            self.rows.push([value as u32; LANES]);
            self.consts.len() - 1
        });
        u16::try_from(index).map_or(Operand::None, Operand::Const)
    }
}
