//! Every libMIOpen that is found, looked at as a file.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use MIOpen::card::LibraryVersion;
use MIOpen::real::Identity;
use MIOpen::real::layout::{self, Kind};
use serde::{Serialize, Serializer};

use crate::install::manifest::hexadecimal;

#[derive(Debug, Serialize)]
pub struct Library {
    /// The file itself.
    pub path: PathBuf,
    /// Names in its folder that lead to it.
    pub links: Vec<String>,
    pub layout: &'static str,
    /// The release of ROCm, where the file's name or its folder's tells.
    pub rocm: Option<String>,
    /// MIOpen's own, where its header lies in the same installation.
    #[serde(serialize_with = "as_text")]
    pub version: Option<LibraryVersion>,
    pub build_id: Option<String>,
    pub is_ours: bool,
    /// Why it is no library that could be used.
    pub unusable: Option<String>,
}

/// The libraries in these folders, each file once.
pub fn libraries(folders: &[PathBuf]) -> Vec<Library> {
    let mut libraries: Vec<Library> = Vec::new();
    for path in folders.iter().flat_map(|folder| layout::libraries_in(folder)) {
        let Ok(file) = path.canonicalize() else { continue };
        let name =
            |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let link = (name(&path) != name(&file)).then(|| name(&path));
        let known = libraries.iter_mut().find(|library| library.path == file);
        match known {
            Some(library) => {
                if let Some(link) = link.filter(|link| !library.links.contains(link)) {
                    library.links.push(link);
                }
            }
            None => libraries.push(Library { links: link.into_iter().collect(), ..library(file) }),
        }
    }
    libraries
}

/// One file, looked at.
pub fn library(file: PathBuf) -> Library {
    let identity = Identity::of_file(&file);
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let of_identity = identity.as_ref().ok();
    Library {
        links: Vec::new(),
        layout: Kind::of_folder(&folder).name(),
        rocm: release(&file),
        version: version_of_header(&folder),
        build_id: of_identity.and_then(|one| one.build_id.as_deref()).map(hexadecimal),
        is_ours: of_identity.is_some_and(|one| one.is_ours),
        unusable: match &identity {
            Ok(one) if !one.exports_miopen => Some("exports no miopenCreate".to_owned()),
            Ok(_) => None,
            Err(reason) => Some(reason.clone()),
        },
        path: file,
    }
}

fn as_text<S: Serializer>(version: &Option<LibraryVersion>, to: S) -> Result<S::Ok, S::Error> {
    version.map(|version| version.to_string()).serialize(to)
}

/// `#define MIOPEN_VERSION_MAJOR 3` and so on, in `include/miopen/version.h` beside `lib`.
fn version_of_header(folder: &Path) -> Option<LibraryVersion> {
    let text = fs::read_to_string(folder.parent()?.join("include/miopen/version.h")).ok()?;
    let part = |name: &str| -> Option<u16> {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let is_it = words.next() == Some("#define") && words.next() == Some(name);
            is_it.then(|| words.next()?.parse().ok())?
        })
    };
    Some(LibraryVersion::new(
        part("MIOPEN_VERSION_MAJOR")?,
        part("MIOPEN_VERSION_MINOR")?,
        part("MIOPEN_VERSION_PATCH")?,
    ))
}

fn release(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    if let Some((major, minor, patch)) = layout::rocm_release(name) {
        return Some(format!("{major}.{minor}.{patch}"));
    }
    // A wheel says it in the name of its record: torch-2.5.1+rocm6.2.dist-info.
    let packages = layout::site_packages_above(file)?;
    let package = file.strip_prefix(packages).ok()?.iter().next()?.to_str()?.to_owned();
    let entries = packages.read_dir().ok()?;
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).find_map(|record| {
        let version = record.strip_prefix(&format!("{package}-"))?.strip_suffix(".dist-info")?;
        let (_, release) = version.split_once("+rocm")?;
        Some(release.to_owned())
    })
}

/// The HIP runtimes beside them, links resolved, each once.
pub fn hip_runtimes(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders {
        for path in layout::libraries_named(folder, "libamdhip64") {
            if let Ok(file) = path.canonicalize()
                && !files.contains(&file)
            {
                files.push(file);
            }
        }
    }
    files
}
