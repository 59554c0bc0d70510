//! The parts of ELF that code objects have.
#![forbid(unsafe_code)]

/// A little-endian number of `bytes` bytes, if it is there.
pub fn little_endian(data: &[u8], at: usize, bytes: usize) -> Option<u64> {
    let field = data.get(at..at.checked_add(bytes)?)?;
    Some(field.iter().rev().fold(0, |value, &b| value << 8 | u64::from(b)))
}

#[derive(Debug)]
pub struct Symbol {
    pub name: String,
    pub value: u64,
    pub size: u64,
    pub is_object: bool,
}

struct Segment {
    kind: u32,
    file_offset: usize,
    address: u64,
    file_bytes: usize,
    memory_bytes: u64,
}

pub struct Elf<'a> {
    data: &'a [u8],
    pub flags: u32,
    segments: Vec<Segment>,
    pub symbols: Vec<Symbol>,
    relocations: Vec<(u64, u32, i64)>,
}

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const SHT_SYMTAB: u64 = 2;
const SHT_DYNSYM: u64 = 11;
const SHT_RELA: u64 = 4;
const EM_AMDGPU: u64 = 224;
const NT_AMDGPU_METADATA: u64 = 32;
/// `R_AMDGPU_RELATIVE64`: base plus addend.
pub const RELATIVE64: u32 = 13;
/// Larger images than this are no code objects.
const IMAGE_LIMIT: u64 = 1 << 30;

impl<'a> Elf<'a> {
    pub fn parse(data: &'a [u8]) -> Result<Self, String> {
        let number = |at: usize, bytes: usize| {
            little_endian(data, at, bytes).ok_or_else(|| format!("ELF ends before byte {at}"))
        };
        if !data.starts_with(b"\x7fELF\x02\x01") {
            return Err("not a 64-bit little-endian ELF file".into());
        }
        if number(18, 2)? != EM_AMDGPU {
            return Err("not an AMDGPU ELF file".into());
        }
        let mut elf = Elf {
            data,
            flags: number(48, 4)? as u32,
            segments: Vec::new(),
            symbols: Vec::new(),
            relocations: Vec::new(),
        };
        let (table, entry, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        for k in 0..count {
            let at = (table + k * entry) as usize;
            elf.segments.push(Segment {
                kind: number(at, 4)? as u32,
                file_offset: number(at + 8, 8)? as usize,
                address: number(at + 16, 8)?,
                file_bytes: number(at + 32, 8)? as usize,
                memory_bytes: number(at + 40, 8)?,
            });
        }
        let (table, entry, count) = (number(40, 8)?, number(58, 2)?, number(60, 2)?);
        let mut dynamic = Vec::new();
        for k in 0..count {
            let at = (table + k * entry) as usize;
            let (kind, offset, bytes) =
                (number(at + 4, 4)?, number(at + 24, 8)?, number(at + 32, 8)?);
            match kind {
                SHT_SYMTAB | SHT_DYNSYM => {
                    let strings = (table + number(at + 40, 4)? * entry) as usize;
                    let names = number(strings + 24, 8)? as usize;
                    let symbols = elf.read_symbols(offset as usize, bytes as usize, names)?;
                    if kind == SHT_DYNSYM {
                        dynamic = symbols;
                    } else {
                        elf.symbols.extend(symbols);
                    }
                }
                SHT_RELA => {
                    for r in (offset..offset + bytes).step_by(24).map(|r| r as usize) {
                        let kind = number(r + 8, 4)? as u32;
                        elf.relocations.push((number(r, 8)?, kind, number(r + 16, 8)? as i64));
                    }
                }
                _ => {}
            }
        }
        elf.symbols.extend(dynamic);
        Ok(elf)
    }

    fn read_symbols(&self, at: usize, bytes: usize, names: usize) -> Result<Vec<Symbol>, String> {
        let mut symbols = Vec::new();
        for s in (at..at.saturating_add(bytes)).step_by(24) {
            let number = |offset: usize, bytes: usize| {
                little_endian(self.data, s + offset, bytes).ok_or("short symbol table".to_string())
            };
            let name = self.data.get(names + number(0, 4)? as usize..).unwrap_or(&[]);
            let name = name.split(|&b| b == 0).next().unwrap_or(&[]);
            symbols.push(Symbol {
                name: String::from_utf8_lossy(name).into_owned(),
                value: number(8, 8)?,
                size: number(16, 8)?,
                is_object: number(4, 1)? & 15 == 1 && number(6, 2)? != 0,
            });
        }
        Ok(symbols)
    }

    /// Loadable segments at their addresses, from address zero.
    pub fn image(&self) -> Vec<u8> {
        let loads = || self.segments.iter().filter(|s| s.kind == PT_LOAD);
        let end = loads().map(|s| s.address.saturating_add(s.memory_bytes)).max().unwrap_or(0);
        let mut image = vec![0; end.min(IMAGE_LIMIT) as usize];
        for s in loads() {
            let from = self.data.get(s.file_offset..s.file_offset.saturating_add(s.file_bytes));
            let to = s.address as usize..(s.address as usize).saturating_add(s.file_bytes);
            if let (Some(from), Some(to)) = (from, image.get_mut(to)) {
                to.copy_from_slice(from);
            }
        }
        image
    }

    /// Places in the image that take the image's own address plus an addend.
    pub fn relative_relocations(&self) -> impl Iterator<Item = (u64, i64)> + '_ {
        let relative = |r: &&(u64, u32, i64)| r.1 == RELATIVE64;
        self.relocations.iter().filter(relative).map(|&(at, _, addend)| (at, addend))
    }

    /// Contents of the metadata note.
    pub fn amdgpu_note(&self) -> Option<&'a [u8]> {
        for s in self.segments.iter().filter(|s| s.kind == PT_NOTE) {
            let notes = self.data.get(s.file_offset..s.file_offset.checked_add(s.file_bytes)?)?;
            let mut at = 0;
            while let Some(name_bytes) = little_endian(notes, at, 4) {
                let bytes = little_endian(notes, at + 4, 4)? as usize;
                let kind = little_endian(notes, at + 8, 4)?;
                let name_bytes = name_bytes as usize;
                let start = at + 12 + name_bytes.next_multiple_of(4);
                let name = notes.get(at + 12..at + 12 + name_bytes)?;
                if kind == NT_AMDGPU_METADATA && name.starts_with(b"AMDGPU") {
                    return notes.get(start..start + bytes);
                }
                at = start + bytes.next_multiple_of(4);
            }
        }
        None
    }
}
