//! Which libMIOpen a program gets: the loader is asked.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use MIOpen::real::{Identity, layout};
use serde::Serialize;

use super::libraries::{Library, library};
use crate::ending::Failure;
use crate::environments;
use crate::loader::{self, Loaded};

#[derive(Debug, Serialize)]
pub struct Answer {
    pub program: PathBuf,
    /// The file that asks for MIOpen: the program, or a library of a Python environment.
    pub asked_by: Option<PathBuf>,
    /// The library whose functions are called.
    pub library: Option<Library>,
    /// Other libMIOpen files that are loaded as well, in order.
    pub also_loaded: Vec<PathBuf>,
    pub text: String,
}

/// Libraries of Python packages that are linked with MIOpen.
const USERS_IN_WHEELS: [&str; 4] =
    ["libtorch_hip", "libonnxruntime_providers_rocm", "libmigraphx_gpu", "libMIOpen"];

/// # Errors
/// Where there is no such program.
pub fn answer(program: &Path) -> Result<Answer, Failure> {
    let path = find(program)
        .ok_or_else(|| Failure::failed(format!("{}: no such program", program.display())))?;
    if let Some(answer) = of_file(&path, &path) {
        return Ok(answer);
    }
    let python = interpreter_of_script(&path).unwrap_or_else(|| path.clone());
    let is_python =
        python.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"));
    let users = environments::of_python(&python).filter(|_| is_python).map(|root| users_in(&root));
    for user in users.iter().flatten() {
        if let Some(answer) = of_file(&path, user) {
            return Ok(answer);
        }
    }
    let text = match users {
        Some(_) => "no package of its Python environment is linked with MIOpen",
        None => {
            "it is not linked with MIOpen; what it opens while it runs cannot be told beforehand"
        }
    };
    let text = text.to_owned();
    Ok(Answer { program: path, asked_by: None, library: None, also_loaded: Vec::new(), text })
}

/// `None`: the file is not linked with MIOpen.
fn of_file(program: &Path, file: &Path) -> Option<Answer> {
    let loaded = loader::list(file)?;
    let is_miopen = |one: &&Loaded| {
        let name = Path::new(&one.name);
        let is_named =
            name.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libMIOpen"));
        // A library that was preloaded stands there by its path, whatever its file is called.
        is_named
            || (name.is_absolute()
                && Identity::of_file(name).is_ok_and(|identity| identity.exports_miopen))
    };
    let mut found: Vec<Loaded> = loaded.iter().filter(is_miopen).cloned().collect();
    if found.is_empty() {
        return None;
    }
    // Symbols are looked up in this order: the first has the word, and a preloaded one is first.
    let first = found.remove(0);
    let library = first.path.as_deref().and_then(|path| path.canonicalize().ok()).map(library);
    let text = match &library {
        None => format!("{} is not found", first.name),
        Some(library) if library.is_ours => "it gets miopen-bypass".to_owned(),
        Some(_) => "it gets a real libMIOpen, not miopen-bypass".to_owned(),
    };
    Some(Answer {
        program: program.to_owned(),
        asked_by: Some(file.to_owned()),
        library,
        also_loaded: found.into_iter().filter_map(|one| one.path?.canonicalize().ok()).collect(),
        text,
    })
}

fn users_in(environment: &Path) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = layout::site_packages(environment)
        .iter()
        .flat_map(|packages| layout::wheel_folders(packages))
        .collect();
    let named = |name: &&str| -> Vec<PathBuf> {
        folders.iter().flat_map(|folder| layout::libraries_named(folder, name)).collect()
    };
    USERS_IN_WHEELS.iter().flat_map(named).collect()
}

/// As a shell finds it.
fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 || program.is_file() {
        return std::path::absolute(program).ok().filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The interpreter of a script: `#!/venv/bin/python3`, or `#!/usr/bin/env python3`.
fn interpreter_of_script(path: &Path) -> Option<PathBuf> {
    let mut start = [0; 256];
    let length = File::open(path).ok()?.read(&mut start).ok()?;
    let text = String::from_utf8_lossy(&start[..length]).into_owned();
    let line = text.strip_prefix("#!")?.lines().next()?.trim();
    let mut words = line.split_whitespace();
    let first = PathBuf::from(words.next()?);
    match words.next() {
        Some(name) if first.ends_with("env") => find(Path::new(name)),
        _ => Some(first),
    }
}
