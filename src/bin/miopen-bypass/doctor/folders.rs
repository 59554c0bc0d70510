//! MIOpen's databases: the folders that it writes to, and the system's that it reads.
#![forbid(unsafe_code)]

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::libraries::Library;

#[derive(Debug, Serialize)]
pub struct Folder {
    pub purpose: &'static str,
    pub path: PathBuf,
    /// `None`: it is only read.
    pub writable: Option<bool>,
    pub text: String,
}

/// Folders as MIOpen's documentation names them ("Find database", "Kernel cache").
pub fn folders(libraries: &[Library]) -> Vec<Folder> {
    let home = env::home_dir().unwrap_or_default();
    let named = |name: &str, usual: &str| match env::var_os(name) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => home.join(usual),
    };
    let mut folders = vec![
        written("user database", named("MIOPEN_USER_DB_PATH", ".config/miopen")),
        written("kernel cache", named("MIOPEN_CUSTOM_CACHE_DIR", ".cache/miopen")),
    ];
    for library in libraries.iter().filter(|library| !library.is_ours && library.unusable.is_none())
    {
        let path = database_of(&library.path);
        if !folders.iter().any(|folder| folder.path == path) {
            folders.push(read_only(path));
        }
    }
    folders
}

/// `lib/../share/miopen/db`, from where the library's file lies.
fn database_of(library: &Path) -> PathBuf {
    let folder = library.parent().unwrap_or(Path::new("/"));
    folder.parent().unwrap_or(folder).join("share/miopen/db")
}

fn written(purpose: &'static str, path: PathBuf) -> Folder {
    // Where it does not exist yet, MIOpen makes it: then its nearest ancestor counts.
    let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let (writable, mut text) = match try_to_write(existing) {
        Ok(()) => (true, "writable".to_owned()),
        Err(error) => (
            false,
            format!(
                "NOT writable ({error}): searches are repeated and kernels compiled in each run"
            ),
        ),
    };
    if existing != path {
        text = format!("does not exist yet; {} is {text}", existing.display());
    }
    Folder { purpose, writable: Some(writable), text, path }
}

fn try_to_write(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".miopen-bypass-doctor-{}", std::process::id()));
    File::create_new(&probe)?;
    fs::remove_file(probe)
}

fn read_only(path: PathBuf) -> Folder {
    let files: Vec<String> = path
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let kernels = files.iter().filter(|name| name.ends_with(".kdb")).count();
    let text = if path.is_dir() {
        format!("{} files, {kernels} of them compiled kernels (.kdb)", files.len())
    } else {
        "is not there: nothing is known beforehand, and MIOpen searches and compiles".to_owned()
    };
    Folder { purpose: "system database", path, writable: None, text }
}
