//! What an installation changed, so that it can be undone and changes by others be noticed.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::disk::Disk;
use crate::ending::Failure;

/// The manifest's name, in the folder of the libraries.
pub const FILE_NAME: &str = "miopen-bypass-install.json";

/// Raised when a reader of the old form would get it wrong.
const FORMAT: u32 = 1;

/// Names are those of files in the manifest's folder, so that the folder can be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Version of the command that wrote it.
    pub version: String,
    /// False from before the first change until after the last.
    pub complete: bool,
    /// The real library, under the name that it has now.
    pub real: Record,
    /// Our library, which needs the real one.
    pub ours: Record,
    /// The names that programs ask for.
    pub entries: Vec<Entry>,
    /// Files of an earlier installation that this one replaces.
    pub leftovers: Vec<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub was: Was,
}

/// What had an entry's name before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Was {
    /// A link to this.
    Link(String),
    /// The real library itself, which is now under this name.
    File(String),
}

impl Manifest {
    pub fn new(
        real: Record,
        ours: Record,
        entries: Vec<Entry>,
        leftovers: Vec<Record>,
    ) -> Manifest {
        Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            complete: false,
            real,
            ours,
            entries,
            leftovers,
        }
    }

    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE_NAME)
    }

    /// The manifest of a folder, if there is one.
    pub fn read(folder: &Path) -> Result<Option<Manifest>, Failure> {
        let path = Self::path(folder);
        let wrong = |error: String| Failure::failed(format!("{}: {error}", path.display()));
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(wrong(format!(
                "has the form {} of another miopen-bypass ({})",
                manifest.format, manifest.version
            )));
        }
        // The names come from a file that others may have edited: none leads out of the folder.
        let is_no_file_here = |name: &&str| name.is_empty() || name.contains('/');
        if let Some(name) = manifest.names().find(is_no_file_here) {
            return Err(wrong(format!("names {name:?}, which is no file of this folder")));
        }
        Ok(Some(manifest))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let records = [&self.real, &self.ours].into_iter().chain(&self.leftovers);
        let kept = self.entries.iter().filter_map(|entry| match &entry.was {
            Was::File(kept) => Some(kept.as_str()),
            Was::Link(_) => None,
        });
        let entries = self.entries.iter().map(|entry| entry.name.as_str());
        records.map(|record| record.name.as_str()).chain(entries).chain(kept)
    }

    pub fn write(&self, folder: &Path, disk: &Disk) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::failed(format!("JSON: {error}")))?;
        text.push(b'\n');
        disk.write(&Self::path(folder), &text, None)
    }
}

/// The checksum of a file of any size, in hexadecimal digits.
pub fn sha256_of_file(path: &Path) -> Result<String, Failure> {
    let wrong = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(wrong)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).map_err(wrong)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            length => hash.update(&piece[..length]),
        }
    }
}

pub fn sha256_of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
