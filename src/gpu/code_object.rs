//! The embedded code objects: what is in them, and how they are labelled for a target.
#![forbid(unsafe_code)]

use super::metadata::{self, Value};
use crate::error::{Error, Result};
use crate::hip::topology::Architecture;
use object::LittleEndian;
use object::elf::{FileHeader64, NoteType};
use object::read::elf::{FileHeader, SectionHeader};

/// Name and ELF image of each code object. None where the library was built without a compiler
/// for the GPU.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/code_objects.rs"));

/// Offset of `e_flags` in the header of a 64-bit ELF file.
const FLAGS_AT: usize = 48;
/// The bits of `e_flags` that name the processor (`EF_AMDGPU_MACH`).
const MACHINE_MASK: u32 = 0xFF;
/// Note type of the metadata (`NT_AMDGPU_METADATA`).
const METADATA_NOTE: NoteType = NoteType(32);

/// `EF_AMDGPU_MACH` of each gfx10 that runs our code, as (minor, stepping, number); major is 10.
/// From LLVM's "User Guide for AMDGPU Backend".
const MACHINES: [(u8, u8, u32); 10] = [
    (1, 0, 0x33),
    (1, 1, 0x34),
    (1, 2, 0x35),
    (3, 0, 0x36),
    (3, 1, 0x37),
    (3, 2, 0x38),
    (3, 3, 0x39),
    (3, 4, 0x3E),
    (3, 5, 0x3D),
    (3, 6, 0x45),
];

/// What the kernels are compiled for.
pub const NATIVE: Architecture = Architecture { major: 10, minor: 1, stepping: 0 };

/// The embedded code objects, by name; none in a build without the GPU engine.
pub fn embedded() -> &'static [(&'static str, &'static [u8])] {
    EMBEDDED
}

/// The image of that name.
///
/// # Errors
/// `NotImplemented` where the library was built without the GPU engine.
pub fn image(name: &str) -> Result<&'static [u8]> {
    EMBEDDED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, image)| *image)
        .ok_or_else(|| Error::not_implemented(format!("this build has no GPU kernels ({name})")))
}

/// The targets for which our code can be labelled.
pub fn targets() -> impl Iterator<Item = Architecture> {
    MACHINES.iter().map(|&(minor, stepping, _)| Architecture { major: 10, minor, stepping })
}

/// The same code under the name of another target, or `None` where that does not run it.
///
/// What changes is `e_flags` and the target in the metadata; names have the same length.
pub fn relabel(image: &[u8], target: Architecture) -> Option<Vec<u8>> {
    let &(minor, _, machine) = MACHINES
        .iter()
        .find(|&&(minor, stepping, _)| target == Architecture { major: 10, minor, stepping })?;
    let mut image = image.to_vec();
    let flags = image.get_mut(FLAGS_AT..FLAGS_AT + 4)?;
    let old = u32::from_le_bytes(flags.try_into().ok()?);
    // gfx103x has no XNACK, so its code objects may not speak of it.
    let features = if minor == 3 { 0 } else { old & !MACHINE_MASK };
    flags.copy_from_slice(&(features | machine).to_le_bytes());

    let prefix = b"amdgcn-amd-amdhsa--";
    let native = NATIVE.to_string().into_bytes();
    let name = target.to_string().into_bytes();
    let label = [prefix, native.as_slice()].concat();
    let at = image.windows(label.len()).position(|window| window == label)? + prefix.len();
    image.get_mut(at..at + native.len())?.copy_from_slice(&name);
    Some(image)
}

/// A kernel as its metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub name: String,
    /// Threads in a block.
    pub threads: u32,
    pub vgprs: u32,
    pub sgprs: u32,
    pub lds_bytes: u32,
    pub scratch_bytes: u32,
    /// Registers that did not fit, vector and scalar.
    pub spills: u32,
    /// Length of the arguments.
    pub argument_bytes: u32,
}

/// VGPRs of a SIMD lane in wave32, and the step in which they are given out on gfx1010.
const SIMD_VGPRS: u32 = 1024;
const VGPR_STEP: u32 = 8;
/// Most waves on a SIMD of gfx10.
const MAX_WAVES: u32 = 20;
/// LDS of a compute unit in CU mode, and the step in which it is given out.
const LDS_BYTES: u32 = 64 * 1024;
const LDS_STEP_BYTES: u32 = 512;
const SIMDS: u32 = 2;
const WAVE_LANES: u32 = 32;

impl Kernel {
    /// Waves that fit on a SIMD at once, by registers and LDS.
    pub fn waves_per_simd(&self) -> u32 {
        let by_vgprs = SIMD_VGPRS / self.vgprs.max(1).next_multiple_of(VGPR_STEP);
        let block_waves = self.threads.div_ceil(WAVE_LANES).max(1);
        let by_lds = match self.lds_bytes {
            0 => MAX_WAVES,
            bytes => LDS_BYTES / bytes.next_multiple_of(LDS_STEP_BYTES) * block_waves / SIMDS,
        };
        by_vgprs.min(by_lds).min(MAX_WAVES)
    }
}

/// The target that the image is labelled for, and its kernels.
///
/// # Errors
/// `InvalidValue` for what is no code object.
pub fn describe(image: &[u8]) -> Result<(String, Vec<Kernel>)> {
    read(image).ok_or_else(|| {
        Error::new(crate::error::Status::InvalidValue, "not a code object with metadata")
    })
}

fn read(image: &[u8]) -> Option<(String, Vec<Kernel>)> {
    let metadata = metadata::parse(metadata_note(image)?)?;
    let label = metadata.field("amdhsa.target")?.text()?.to_owned();
    let kernels = metadata.field("amdhsa.kernels")?.members();
    let kernels = kernels.iter().map(kernel).collect::<Option<_>>()?;
    Some((label, kernels))
}

fn kernel(fields: &Value) -> Option<Kernel> {
    let number =
        |name: &str| u32::try_from(fields.field(name).and_then(Value::number).unwrap_or(0)).ok();
    Some(Kernel {
        name: fields.field(".name")?.text()?.to_owned(),
        threads: number(".max_flat_workgroup_size")?,
        vgprs: number(".vgpr_count")?,
        sgprs: number(".sgpr_count")?,
        lds_bytes: number(".group_segment_fixed_size")?,
        scratch_bytes: number(".private_segment_fixed_size")?,
        spills: number(".vgpr_spill_count")? + number(".sgpr_spill_count")?,
        argument_bytes: number(".kernarg_segment_size")?,
    })
}

fn metadata_note(image: &[u8]) -> Option<&[u8]> {
    let header = FileHeader64::<LittleEndian>::parse(image).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.section_headers(endian, image).ok()?;
    sections.iter().find_map(|section| {
        let mut notes = section.notes(endian, image).ok()??;
        while let Ok(Some(note)) = notes.next() {
            if note.name() == b"AMDGPU" && note.n_type(endian) == METADATA_NOTE {
                return Some(note.desc());
            }
        }
        None
    })
}
