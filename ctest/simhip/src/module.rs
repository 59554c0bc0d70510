//! Code objects: ELF image, kernel descriptors, metadata.
#![forbid(unsafe_code)]

pub mod elf;
pub mod msgpack;

use std::collections::HashMap;
use std::sync::Arc;

use crate::decode::objdump;
use crate::isa::Code;
use elf::{Elf, little_endian};
use msgpack::Value;

/// Machine numbers of `e_flags` (LLVM, "AMDGPU ELF header e_flags").
const MACHINES: [(u32, &str); 14] = [
    (0x33, "gfx1010"),
    (0x34, "gfx1011"),
    (0x35, "gfx1012"),
    (0x42, "gfx1013"),
    (0x36, "gfx1030"),
    (0x37, "gfx1031"),
    (0x38, "gfx1032"),
    (0x39, "gfx1033"),
    (0x3e, "gfx1034"),
    (0x3d, "gfx1035"),
    (0x45, "gfx1036"),
    (0x41, "gfx1100"),
    (0x2f, "gfx906"),
    (0x3f, "gfx90a"),
];

/// Bits of a kernel descriptor's code properties that ask for preloaded scalar registers.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserRegisters {
    pub private_segment_buffer: bool,
    pub dispatch_ptr: bool,
    pub queue_ptr: bool,
    pub kernarg_ptr: bool,
    pub dispatch_id: bool,
    pub flat_scratch_init: bool,
    pub private_segment_size: bool,
}

/// One explicit or hidden argument.
#[derive(Clone, Debug)]
pub struct Argument {
    pub offset: u32,
    pub bytes: u32,
    pub kind: String,
}

/// A kernel as its descriptor and its metadata describe it.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub name: String,
    /// Address of the first instruction within the image.
    pub entry: u64,
    pub lds_bytes: u32,
    pub private_bytes: u32,
    pub kernarg_bytes: u32,
    pub vgprs: u16,
    pub sgprs: u32,
    /// Initial MODE bits.
    pub mode: u32,
    pub user: UserRegisters,
    pub user_registers: u32,
    pub workgroup_id: [bool; 3],
    pub workgroup_info: bool,
    /// 0: x, 1: x and y, 2: x, y and z.
    pub workitem_id: u32,
    pub wave32: bool,
    pub max_workgroup: u32,
    pub arguments: Vec<Argument>,
}

/// A code object ready to run.
pub struct Loaded {
    pub code: Arc<Code>,
    pub image: Vec<u8>,
    pub kernels: HashMap<String, Kernel>,
    /// Variables of the module: offset and size.
    pub globals: HashMap<String, (u64, u64)>,
    /// Places that take the image's address plus an addend.
    pub relocations: Vec<(u64, i64)>,
}

/// Why a code object cannot be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// Not a code object.
    Image(String),
    /// A code object for another processor.
    Target(String),
}

/// Finds the code object for `name` in a bundle, if it is one.
fn unbundle<'a>(data: &'a [u8], name: &str) -> Result<&'a [u8], LoadError> {
    const MAGIC: &[u8] = b"__CLANG_OFFLOAD_BUNDLE__";
    if !data.starts_with(MAGIC) {
        return Ok(data);
    }
    let word =
        |at: usize| little_endian(data, at, 8).ok_or(LoadError::Image("short bundle".into()));
    let count = word(24)?;
    let mut at = 32;
    for _ in 0..count {
        let (start, bytes, length) = (word(at)?, word(at + 8)?, word(at + 16)?);
        let id = data.get(at + 24..at + 24 + length as usize);
        let id = id.map(String::from_utf8_lossy).unwrap_or_default();
        at += 24 + length as usize;
        let (kind, target) = id.split_once("amdgcn-amd-amdhsa--").unwrap_or((&id, ""));
        let processor = target.split(':').next().unwrap_or("");
        if kind.starts_with("hip") && processor == name {
            let range = start as usize..(start + bytes) as usize;
            return data.get(range).ok_or(LoadError::Image("short bundle".into()));
        }
    }
    Err(LoadError::Target(format!("the bundle has nothing for {name}")))
}

/// Bytes of the code object that starts at `data`, by its own headers: the HIP API passes no size.
pub fn size_of(header: impl Fn(usize, usize) -> u64) -> usize {
    let section_table = header(40, 8) as usize;
    let section_count = header(60, 2) as usize;
    section_table + section_count * header(58, 2) as usize
}

/// Loads for a device that calls itself `reported` and whose silicon is `physical`.
pub fn load(data: &[u8], reported: &str, physical: &str) -> Result<Loaded, LoadError> {
    let data = unbundle(data, reported)?;
    let elf = Elf::parse(data).map_err(LoadError::Image)?;
    let machine = elf.flags & 0xff;
    let name = MACHINES.iter().find(|(number, _)| *number == machine).map(|(_, name)| *name);
    if name != Some(reported) {
        let name = name.map_or(format!("machine {machine:#x}"), str::to_string);
        return Err(LoadError::Target(format!("code object for {name}, device is {reported}")));
    }
    let metadata = elf
        .amdgpu_note()
        .and_then(msgpack::parse)
        .ok_or(LoadError::Image("no AMDGPU metadata".into()))?;
    let target = metadata.get("amdhsa.target").and_then(Value::text).unwrap_or("");
    if !target.is_empty()
        && target.split(':').next() != Some(&format!("amdgcn-amd-amdhsa--{reported}"))
    {
        return Err(LoadError::Target(format!("metadata for {target}, device is {reported}")));
    }
    let code = objdump::load(data, physical).map_err(LoadError::Image)?;
    let image = elf.image();
    let mut kernels = HashMap::new();
    for entry in metadata.get("amdhsa.kernels").map(Value::items).unwrap_or_default() {
        let kernel = read_kernel(entry, &elf, &image)?;
        kernels.insert(kernel.name.clone(), kernel);
    }
    let globals = elf
        .symbols
        .iter()
        .filter(|s| s.is_object && !s.name.ends_with(".kd"))
        .map(|s| (s.name.clone(), (s.value, s.size)))
        .collect();
    let relocations = elf.relative_relocations().collect();
    Ok(Loaded { code, image, kernels, globals, relocations })
}

fn read_kernel(entry: &Value, elf: &Elf, image: &[u8]) -> Result<Kernel, LoadError> {
    let bad = |what: &str| LoadError::Image(format!("kernel metadata: {what}"));
    let name = entry.get(".name").and_then(Value::text).ok_or(bad("no name"))?;
    let symbol = entry.get(".symbol").and_then(Value::text).ok_or(bad("no symbol"))?;
    let place = elf.symbols.iter().find(|s| s.name == symbol).ok_or(bad("no descriptor"))?.value;
    let field = |offset: u64, bytes: usize| {
        little_endian(image, (place + offset) as usize, bytes).ok_or(bad("short descriptor"))
    };
    let number = |key: &str| entry.get(key).and_then(Value::number).unwrap_or(0);
    let (rsrc1, rsrc2) = (field(48, 4)? as u32, field(52, 4)? as u32);
    let properties = field(56, 2)? as u32;
    let bit = |word: u32, k: u32| word >> k & 1 != 0;
    let wave32 = bit(properties, 10);
    let granule = if wave32 { 8 } else { 4 };
    let arguments = entry.get(".args").map(Value::items).unwrap_or_default();
    Ok(Kernel {
        name: name.to_string(),
        entry: place.wrapping_add(field(16, 8)?),
        lds_bytes: field(0, 4)? as u32,
        private_bytes: field(4, 4)? as u32,
        kernarg_bytes: number(".kernarg_segment_size") as u32,
        vgprs: (((rsrc1 & 63) + 1) * granule) as u16,
        sgprs: number(".sgpr_count") as u32,
        mode: rsrc1 >> 12 & 0xff | u32::from(bit(rsrc1, 21)) << 8 | u32::from(bit(rsrc1, 23)) << 9,
        user: UserRegisters {
            private_segment_buffer: bit(properties, 0),
            dispatch_ptr: bit(properties, 1),
            queue_ptr: bit(properties, 2),
            kernarg_ptr: bit(properties, 3),
            dispatch_id: bit(properties, 4),
            flat_scratch_init: bit(properties, 5),
            private_segment_size: bit(properties, 6),
        },
        user_registers: rsrc2 >> 1 & 31,
        workgroup_id: [bit(rsrc2, 7), bit(rsrc2, 8), bit(rsrc2, 9)],
        workgroup_info: bit(rsrc2, 10),
        workitem_id: rsrc2 >> 11 & 3,
        wave32,
        max_workgroup: number(".max_flat_workgroup_size") as u32,
        arguments: arguments
            .iter()
            .map(|a| Argument {
                offset: a.get(".offset").and_then(Value::number).unwrap_or(0) as u32,
                bytes: a.get(".size").and_then(Value::number).unwrap_or(0) as u32,
                kind: a.get(".value_kind").and_then(Value::text).unwrap_or("").to_string(),
            })
            .collect(),
    })
}
