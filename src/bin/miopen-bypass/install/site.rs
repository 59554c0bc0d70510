//! A place where a libMIOpen is installed: what is there now.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use MIOpen::real::{Identity, layout};

use super::manifest::{Manifest, sha256_of_file};
use crate::ending::Failure;

/// Names by which programs ask for the library: the linker's record in a program is the first,
/// wheels ask for the second.
const ASKED_FOR: [&str; 2] = ["libMIOpen.so.1", "libMIOpen.so"];

/// What has an entry's name now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A link to our library, put there by an installation.
    Ours,
    /// A link with this text, to a real library.
    Link(String),
    /// A real library itself.
    File,
    /// Nothing, or a link to nothing.
    Gone,
}

/// A folder with a libMIOpen.
#[derive(Debug)]
pub struct Site {
    /// Links resolved. Everything is done in here, because the real library looks for its
    /// databases from where it lies.
    pub folder: PathBuf,
    pub entries: Vec<(String, State)>,
    /// The real library's file name in the folder, under the name that it has now.
    pub real: String,
    pub manifest: Option<Manifest>,
}

impl Site {
    /// The installation in a folder; `None` where the folder has no libMIOpen. `file` is the name
    /// that a person gave.
    ///
    /// # Errors
    /// Where what is there must not be touched, with the reason.
    pub fn in_folder(folder: &Path, file: Option<&str>) -> Result<Option<Site>, Failure> {
        let Ok(folder) = folder.canonicalize() else { return Ok(None) };
        let manifest = Manifest::read(&folder)?;
        let names = entry_names(&folder, file, manifest.as_ref());
        // Links may lead to another folder: ROCm before 5.2 has its libraries in lib and
        // miopen/lib, and some people link a system's library into a wheel.
        if manifest.is_none()
            && let Some(path) =
                names.iter().map(|name| folder.join(name)).find(|path| path.exists())
            && let target = path.canonicalize()?
            && let Some(elsewhere) = target.parent().filter(|elsewhere| **elsewhere != folder)
        {
            refuse_mixture(&folder, &target)?;
            let site = Site::in_folder(elsewhere, None)?;
            return match site {
                Some(site) if site.is_on_the_way_of(&path) => Ok(Some(site)),
                _ => Err(Failure::failed(format!(
                    "{} leads to {} past the names that programs ask for",
                    path.display(),
                    target.display()
                ))),
            };
        }
        let entries: Vec<(String, State)> = names
            .iter()
            .filter_map(|name| {
                Some((name.clone(), state(&folder, name, &names, manifest.as_ref())?))
            })
            .collect();
        let Some(real) = real_of(&folder, &entries, manifest.as_ref())? else { return Ok(None) };
        Ok(Some(Site { folder, entries, real, manifest }))
    }

    /// Whether the links that start at `path` pass one of our entries.
    fn is_on_the_way_of(&self, path: &Path) -> bool {
        let mut path = path.to_owned();
        // As many links as the kernel follows.
        for _ in 0..40 {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
                return false;
            };
            let name = name.to_string_lossy();
            if folder.canonicalize().is_ok_and(|folder| folder == self.folder)
                && self.entries.iter().any(|(entry, _)| *entry == name)
            {
                return true;
            }
            match fs::read_link(&path) {
                Ok(target) => path = folder.join(target),
                Err(_) => return false,
            }
        }
        false
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The names that may be entries: the usual ones, those of an earlier installation, and those of
/// wheels whose libraries are known to the loader under names with a hash.
fn entry_names(folder: &Path, file: Option<&str>, manifest: Option<&Manifest>) -> Vec<String> {
    let mut names: Vec<String> = ASKED_FOR.map(str::to_owned).to_vec();
    if let Some(manifest) = manifest {
        names.extend(manifest.entries.iter().map(|entry| entry.name.clone()));
    }
    for path in layout::libraries_in(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_regular = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        if is_regular
            && Identity::of_file(&path)
                .is_ok_and(|identity| identity.soname.as_ref() == Some(&name))
        {
            names.push(name);
        }
    }
    if let Some(file) = file
        && !names.iter().any(|name| folder.join(name).exists())
    {
        names.push(file.to_owned());
    }
    let mut seen = Vec::new();
    names.retain(|name| {
        let is_new = !seen.contains(name);
        seen.push(name.clone());
        is_new
    });
    names
}

/// `None`: nothing to do with this name; it does not exist, or is a link that follows another entry.
fn state(
    folder: &Path,
    name: &str,
    names: &[String],
    manifest: Option<&Manifest>,
) -> Option<State> {
    let path = folder.join(name);
    let recorded = manifest.is_some_and(|manifest| manifest.entries.iter().any(|e| e.name == name));
    let Ok(metadata) = path.symlink_metadata() else { return recorded.then_some(State::Gone) };
    if !metadata.is_symlink() {
        return Some(State::File);
    }
    let target = fs::read_link(&path).ok()?.to_string_lossy().into_owned();
    // While an installation replaces an earlier one, some links lead to the earlier library yet.
    let is_ours = |manifest: &Manifest| {
        manifest.ours.name == target
            || manifest.leftovers.iter().any(|leftover| leftover.name == target)
    };
    if manifest.is_some_and(is_ours) {
        return Some(State::Ours);
    }
    if target != *name && names.contains(&target) {
        return recorded.then_some(State::Link(target));
    }
    match path.canonicalize() {
        Err(_) => recorded.then_some(State::Gone),
        Ok(file) => {
            let end = file.strip_prefix(folder).ok().and_then(Path::to_str);
            let follows = end.is_some_and(|end| names.iter().any(|name| name == end))
                || manifest.is_some_and(|manifest| end == Some(&manifest.ours.name));
            (!follows || recorded).then_some(State::Link(target))
        }
    }
}

/// The one real library to which all entries lead that are not ours.
fn real_of(
    folder: &Path,
    entries: &[(String, State)],
    manifest: Option<&Manifest>,
) -> Result<Option<String>, Failure> {
    let mut real: Option<PathBuf> = None;
    for (name, state) in entries {
        if !matches!(state, State::Link(_) | State::File) {
            continue;
        }
        let file = folder.join(name).canonicalize()?;
        let identity = Identity::of_file(&file)
            .map_err(|reason| Failure::failed(format!("{}: {reason}", file.display())))?;
        if identity.is_ours {
            if manifest.is_some_and(|manifest| file == folder.join(&manifest.ours.name)) {
                continue;
            }
            let remedy = if folder.join("miopen-bypass/manifest").exists() {
                "`make install` put it there, and `make uninstall` takes it away"
            } else {
                "nothing tells how it got there"
            };
            return Err(Failure::failed(format!(
                "{} is a build of miopen-bypass already; {remedy}",
                file.display()
            )));
        }
        if !identity.exports_miopen {
            return Err(Failure::failed(format!("{}: no MIOpen is in it", file.display())));
        }
        refuse_other_hip(folder, &file, &identity)?;
        match &real {
            None => real = Some(file),
            Some(first) if *first == file || same_content(first, &file)? => {}
            Some(first) => {
                return Err(Failure::failed(format!(
                    "{} and {} are two different libraries for the same programs",
                    first.display(),
                    file.display()
                )));
            }
        }
    }
    let name = real.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
    Ok(name.or_else(|| manifest.map(|manifest| manifest.real.name.clone())))
}

fn same_content(one: &Path, other: &Path) -> Result<bool, Failure> {
    Ok(sha256_of_file(one)? == sha256_of_file(other)?)
}

/// A wheel brings its own ROCm, and so its own MIOpen; a system's library under it would be called
/// with objects of another HIP.
fn refuse_mixture(folder: &Path, real: &Path) -> Result<(), Failure> {
    match layout::site_packages_above(folder) {
        Some(packages) if !real.starts_with(packages) => Err(Failure::failed(format!(
            "{} has a link to {}, which belongs to another ROCm than the wheel; reinstall the wheel \
             first",
            folder.display(),
            real.display()
        ))),
        _ => Ok(()),
    }
}

/// The same, told by the number of the HIP library that was linked and the one that lies there.
fn refuse_other_hip(folder: &Path, real: &Path, identity: &Identity) -> Result<(), Failure> {
    let number = |name: &str| name.strip_prefix("libamdhip64.so.").map(str::to_owned);
    let wanted = identity.needed.iter().find_map(|name| number(name));
    let present: Vec<String> = layout::libraries_named(folder, "libamdhip64")
        .iter()
        .filter_map(|path| number(&Identity::of_file(path).ok()?.soname?))
        .collect();
    match wanted {
        // A distribution may have several releases of HIP side by side.
        Some(wanted) if !present.is_empty() && !present.contains(&wanted) => {
            Err(Failure::failed(format!(
                "{} was built for libamdhip64.so.{wanted}, and beside it lies libamdhip64.so.{}: \
                 two releases of ROCm are mixed there",
                real.display(),
                present[0]
            )))
        }
        _ => Ok(()),
    }
}
