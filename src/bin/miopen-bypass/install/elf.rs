//! Gives a shared library one more library that it needs.
//!
//! The loader looks a program's symbols up in the libraries that are needed, ours first; with the
//! real libMIOpen needed by ours, what we do not define (its C++ functions, which MIOpenDriver
//! imports) is found there.
//!
//! Nothing of the file moves. A new segment goes to its end, with copies of the program headers,
//! of the dynamic section and of its strings, each with what is added; the header and the section
//! table then point there. Only what is read before the program runs is copied, so no address in
//! code or data changes.
#![forbid(unsafe_code)]

use std::mem::{offset_of, size_of};

use object::elf::{self, Dyn64, FileHeader64, ProgramHeader64, SectionHeader64};
use object::pod::{bytes_of, bytes_of_slice};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{LittleEndian, U64};

type Header = FileHeader64<LittleEndian>;
type Program = ProgramHeader64<LittleEndian>;
type Section = SectionHeader64<LittleEndian>;
type Dynamic = Dyn64<LittleEndian>;

const ENDIAN: LittleEndian = LittleEndian;

/// A page of x86-64: a segment's place in the file and in memory agree modulo this.
const PAGE: u64 = 4096;

/// The library `data` with `needed` as the first library that it needs, looked for in the folders
/// of `run_path` (`$ORIGIN` is the library's own). A libMIOpen that it needed before is dropped,
/// so that an installed copy can be installed elsewhere.
///
/// # Errors
/// Why the data is not a shared library for x86-64 that can be rewritten.
pub fn with_needed(data: &[u8], needed: &str, run_path: &str) -> Result<Vec<u8>, String> {
    let wrong = |error: object::Error| format!("not an ELF file that can be rewritten ({error})");
    let header = Header::parse(data).map_err(wrong)?;
    if header.e_machine.get(ENDIAN) != elf::EM_X86_64 || header.e_type.get(ENDIAN) != elf::ET_DYN {
        return Err("not a shared library for x86-64".to_owned());
    }
    let mut programs: Vec<Program> = header.program_headers(ENDIAN, data).map_err(wrong)?.to_vec();
    let sections = header.sections(ENDIAN, data).map_err(wrong)?;
    let (dynamic, strings_index) =
        sections.dynamic(ENDIAN, data).map_err(wrong)?.ok_or("has no dynamic section")?;
    let old_strings = sections
        .section(strings_index)
        .and_then(|section| section.data(ENDIAN, data))
        .map_err(wrong)?;

    let mut strings = old_strings.to_vec();
    let mut string = |text: &str| {
        let at = strings.len() as u64;
        strings.extend_from_slice(text.as_bytes());
        strings.push(0);
        at
    };
    let mut entries =
        vec![entry(elf::DT_NEEDED, string(needed)), entry(elf::DT_RUNPATH, string(run_path))];
    entries.extend(dynamic.iter().take_while(|entry| entry.tag(ENDIAN) != elf::DT_NULL).filter(
        |entry| {
            let text = || c_string(old_strings, entry.d_val.get(ENDIAN));
            match entry.tag(ENDIAN) {
                elf::DT_RUNPATH | elf::DT_RPATH => false,
                elf::DT_NEEDED => !text().starts_with(b"libMIOpen"),
                _ => true,
            }
        },
    ));
    entries.push(entry(elf::DT_NULL, 0));

    // One segment: program headers, dynamic section, strings; each aligned to 8 by its size.
    let mut file = data.to_vec();
    file.resize(data.len().next_multiple_of(PAGE as usize), 0);
    let offset = file.len() as u64;
    let loads = || programs.iter().filter(|program| program.p_type(ENDIAN) == elf::PT_LOAD);
    let end = |program: &Program| program.p_vaddr(ENDIAN) + program.p_memsz(ENDIAN);
    let address = loads().map(end).max().ok_or("has nothing to load")?.next_multiple_of(PAGE);
    let last_load = programs
        .iter()
        .rposition(|program| program.p_type(ENDIAN) == elf::PT_LOAD)
        .ok_or("has nothing to load")?;

    let programs_size = ((programs.len() + 1) * size_of::<Program>()) as u64;
    let dynamic_size = (entries.len() * size_of::<Dynamic>()) as u64;
    let dynamic_at = programs_size;
    let strings_at = dynamic_at + dynamic_size;
    let size = strings_at + strings.len() as u64;

    for entry in &mut entries {
        match entry.tag(ENDIAN) {
            elf::DT_STRTAB => entry.d_val.set(ENDIAN, address + strings_at),
            elf::DT_STRSZ => entry.d_val.set(ENDIAN, strings.len() as u64),
            _ => {}
        }
    }
    for program in &mut programs {
        match program.p_type(ENDIAN) {
            elf::PT_DYNAMIC => {
                place(program, offset + dynamic_at, address + dynamic_at, dynamic_size)
            }
            elf::PT_PHDR => place(program, offset, address, programs_size),
            _ => {}
        }
    }
    let mut segment = programs[last_load];
    segment.p_type.set(ENDIAN, elf::PT_LOAD);
    // Writable: loaders before glibc 2.35 write addresses into the dynamic section.
    segment.p_flags.set(ENDIAN, elf::PF_R | elf::PF_W);
    segment.p_align.set(ENDIAN, PAGE);
    place(&mut segment, offset, address, size);
    // Loadable segments stand in the order of their addresses.
    programs.insert(last_load + 1, segment);

    file.extend_from_slice(bytes_of_slice(&programs));
    file.extend_from_slice(bytes_of_slice(&entries));
    file.extend_from_slice(&strings);

    // Tools that go by sections see the same as the loader.
    let table = usize::try_from(header.e_shoff(ENDIAN)).map_err(|error| error.to_string())?;
    for (index, section) in sections.enumerate() {
        let mut moved: Section = *section;
        let (at, length) = if index == strings_index {
            (strings_at, strings.len() as u64)
        } else if section.sh_type(ENDIAN) == elf::SHT_DYNAMIC {
            (dynamic_at, dynamic_size)
        } else {
            continue;
        };
        moved.sh_offset.set(ENDIAN, offset + at);
        moved.sh_addr.set(ENDIAN, address + at);
        moved.sh_size.set(ENDIAN, length);
        overwrite(&mut file, table + index.0 * size_of::<Section>(), bytes_of(&moved));
    }
    let count = u16::try_from(programs.len()).map_err(|error| error.to_string())?;
    overwrite(&mut file, offset_of!(Header, e_phoff), &offset.to_le_bytes());
    overwrite(&mut file, offset_of!(Header, e_phnum), &count.to_le_bytes());
    Ok(file)
}

fn entry(tag: elf::DynamicTag, value: u64) -> Dynamic {
    Dyn64 { d_tag: object::I64::new(ENDIAN, tag), d_val: U64::new(ENDIAN, value) }
}

fn place(program: &mut Program, offset: u64, address: u64, size: u64) {
    program.p_offset.set(ENDIAN, offset);
    program.p_vaddr.set(ENDIAN, address);
    program.p_paddr.set(ENDIAN, address);
    program.p_filesz.set(ENDIAN, size);
    program.p_memsz.set(ENDIAN, size);
}

fn overwrite(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn c_string(strings: &[u8], at: u64) -> &[u8] {
    let rest = usize::try_from(at).ok().and_then(|at| strings.get(at..)).unwrap_or_default();
    rest.split(|byte| *byte == 0).next().unwrap_or_default()
}
