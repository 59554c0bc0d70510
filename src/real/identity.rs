//! What a file is, told from its bytes before anything of it runs.
#![forbid(unsafe_code)]

use object::read::StringTable;
use object::read::elf::{ElfFile64, SectionHeader as _, Sym as _};
use object::{Object, ReadCache, ReadRef};
use std::fs::{self, File};
use std::path::Path;

/// Each build of ours exports this, whatever its version.
const OUR_MARK: &[u8] = b"miopenBypassVersion";

/// A shared library as its ELF file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub build_id: Option<Vec<u8>>,
    pub exports_miopen: bool,
    /// Some build of this very library.
    pub is_ours: bool,
}

impl Identity {
    /// Reads the file; the error says why it is not an ELF shared library for this processor.
    pub fn of_file(path: &Path) -> Result<Identity, String> {
        // Asked before it is opened: to open a pipe is to wait for its other end.
        if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
            return Err("not a file".to_owned());
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        // The real library has hundreds of megabytes; the cache reads what is looked at.
        Self::of_data(&ReadCache::new(file))
    }

    fn of_data<'data>(data: impl ReadRef<'data>) -> Result<Identity, String> {
        let file = ElfFile64::<object::Endianness, _>::parse(data)
            .map_err(|error| format!("not a 64-bit ELF file ({error})"))?;
        let header = file.elf_header();
        let endian = file.endian();
        if header.e_machine.get(endian) != object::elf::EM_X86_64
            || header.e_type.get(endian) != object::elf::ET_DYN
        {
            return Err("not a shared library for x86-64".to_owned());
        }
        let mut exports_miopen = false;
        let mut is_ours = false;
        let symbols = file.elf_dynamic_symbol_table();
        // At once: name by name, the cache would go to the file thousands of times.
        let names = file
            .elf_section_table()
            .section(symbols.string_section())
            .and_then(|section| section.data(endian, data))
            .map_err(|error| format!("has no symbols ({error})"))?;
        let names = StringTable::new(names, 0, names.len() as u64);
        for symbol in symbols.iter().filter(|symbol| !symbol.is_undefined(endian)) {
            match symbol.name(endian, names) {
                Ok(b"miopenCreate") => exports_miopen = true,
                Ok(name) if name == OUR_MARK => is_ours = true,
                _ => {}
            }
        }
        let build_id = file.build_id().ok().flatten().map(<[u8]>::to_vec);
        Ok(Identity { build_id, exports_miopen, is_ours })
    }

    /// Whether calls may be forwarded to this file by the library in `own`.
    pub fn usable_beside(&self, own: Option<&Path>) -> Result<(), String> {
        if self.is_ours {
            return Err("a build of miopen-bypass itself".to_owned());
        }
        if !self.exports_miopen {
            return Err("exports no miopenCreate".to_owned());
        }
        // Told by the mark already; the build-id also tells a copy whose symbols were edited.
        let own_build_id = own.and_then(|path| Identity::of_file(path).ok()?.build_id);
        if self.build_id.is_some() && self.build_id == own_build_id {
            return Err("has the build-id of this library".to_owned());
        }
        Ok(())
    }
}
