//! What the checker found, for people on stderr and for programs in a file of JSON lines.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::Write as _;

/// Kinds of findings. Each fails its launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OutOfRange,
    Misaligned,
    LdsRace,
    UnwrittenLds,
    UnwrittenRegister,
    MissingWait,
    DivergentBarrier,
    UnknownInstruction,
    /// The outcome depends on how one reads the manual.
    Ambiguous,
    /// Registers or LDS beyond what the kernel descriptor asks for.
    Unallocated,
    /// More instructions than the limit: most likely an endless loop.
    Runaway,
    Unsupported,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::OutOfRange => "out_of_range",
            Kind::Misaligned => "misaligned",
            Kind::LdsRace => "lds_race",
            Kind::UnwrittenLds => "unwritten_lds",
            Kind::UnwrittenRegister => "unwritten_register",
            Kind::MissingWait => "missing_wait",
            Kind::DivergentBarrier => "divergent_barrier",
            Kind::UnknownInstruction => "unknown_instruction",
            Kind::Ambiguous => "ambiguous",
            Kind::Unallocated => "unallocated",
            Kind::Runaway => "runaway",
            Kind::Unsupported => "unsupported",
        }
    }
}

/// A finding where it happened; boxed, because it is rare and travels through every `Result`.
#[derive(Clone, Debug)]
pub struct Fault(pub Box<Finding>);

#[derive(Clone, Debug)]
pub struct Finding {
    pub kind: Kind,
    pub message: String,
    /// Lane concerned, if one is.
    pub lane: Option<u32>,
    pub place: Place,
}

/// Filled in on the way out.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub kernel: String,
    pub workgroup: [u32; 3],
    pub wave: u32,
    /// Offset of the instruction in the code object.
    pub pc: u32,
    pub instruction: String,
}

impl Fault {
    #[cold]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let (message, place) = (message.into(), Place::default());
        Fault(Box::new(Finding { kind, message, lane: None, place }))
    }

    #[cold]
    pub fn in_lane(kind: Kind, lane: usize, message: impl Into<String>) -> Self {
        let mut fault = Self::new(kind, message);
        fault.0.lane = Some(lane as u32);
        fault
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Place { kernel, workgroup: [x, y, z], wave, pc, instruction } = &self.place;
        write!(f, "{}: {} [kernel {kernel}", self.kind.name(), self.message)?;
        write!(f, ", workgroup {x},{y},{z}, wave {wave}")?;
        if let Some(lane) = self.lane {
            write!(f, ", lane {lane}")?;
        }
        write!(f, ", {pc:#x}: {instruction}]")
    }
}

impl Finding {
    pub fn to_json(&self) -> String {
        let Place { kernel, workgroup: [x, y, z], wave, pc, instruction } = &self.place;
        let mut text = format!(
            "{{\"event\":\"fault\",\"kind\":\"{}\",\"message\":{},\"kernel\":{},\"workgroup\":[{x},{y},{z}],\"wave\":{wave},",
            self.kind.name(),
            quote(&self.message),
            quote(kernel),
        );
        if let Some(lane) = self.lane {
            let _ = write!(text, "\"lane\":{lane},");
        }
        let _ = write!(text, "\"pc\":{pc},\"instruction\":{}}}", quote(instruction));
        text
    }
}

/// A JSON string.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Appends one line to the file, if one is set. A file that cannot be written is told once a line.
pub fn append(path: Option<&std::path::Path>, line: &str) {
    let Some(path) = path else { return };
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    if let Err(error) = written {
        eprintln!("simhip: cannot write {}: {error}", path.display());
    }
}
