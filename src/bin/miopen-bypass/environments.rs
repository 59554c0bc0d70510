//! Python environments of the user and of the system.
#![forbid(unsafe_code)]

use std::env;
use std::path::{Path, PathBuf};

/// Roots of environments, the active one first, each once.
///
/// `root` is the root of the file system. Where it is another one than this process's, what the
/// process's own variables and folders name is left out.
pub fn all(root: &Path) -> Vec<PathBuf> {
    let mut roots = Vec::new();
    if root == Path::new("/") {
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
            roots.extend(env::var_os(name).map(PathBuf::from));
        }
        roots.extend(of_the_python_in_the_path());
        if let Ok(here) = env::current_dir() {
            // Where the usual front ends for Stable Diffusion keep theirs.
            roots.extend(["venv", ".venv"].map(|name| here.join(name)));
        }
        if let Some(home) = env::home_dir() {
            roots.push(home.join(".local"));
            for conda in ["miniconda3", "miniforge3", "mambaforge", "anaconda3"] {
                let conda = home.join(conda);
                let inner = conda.join("envs").read_dir().into_iter().flatten();
                roots.extend(inner.filter_map(|entry| Some(entry.ok()?.path())));
                roots.push(conda);
            }
        }
    }
    roots.extend(["usr", "usr/local"].map(|folder| root.join(folder)));
    let mut seen: Vec<PathBuf> = Vec::new();
    roots.retain(|folder| match folder.canonicalize() {
        Ok(folder) if !seen.contains(&folder) => {
            seen.push(folder);
            true
        }
        _ => false,
    });
    roots
}

fn of_the_python_in_the_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let python = env::split_paths(&path)
        .flat_map(|folder| ["python3", "python"].map(|name| folder.join(name)))
        .find(|file| file.is_file())?;
    of_python(&python)
}

/// The environment of a Python interpreter: not of the file that it links to, since a virtual
/// environment's is a link to the system's.
pub fn of_python(python: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(python).ok()?;
    Some(folder.parent()?.parent()?.to_owned())
}
