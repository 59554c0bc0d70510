//! How the releases of ROCm, the distributions and the Python wheels lay a libMIOpen out: the one
//! place that knows.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// Whose way of laying out a folder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// AMD's packages and Arch's: `/opt/rocm/lib`, `/opt/rocm-6.2.0/lib`.
    Rocm,
    /// `/usr/lib/x86_64-linux-gnu` and the like.
    Distribution,
    /// `site-packages/_rocm_sdk_libraries*/lib`, as TheRock builds wheels.
    TheRock,
    /// A package of Python that brings its own ROCm: `site-packages/torch/lib`.
    Wheel,
    Other,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Rocm => "ROCm",
            Kind::Distribution => "distribution",
            Kind::TheRock => "TheRock wheel",
            Kind::Wheel => "Python wheel",
            Kind::Other => "other",
        }
    }

    pub fn of_folder(folder: &Path) -> Kind {
        let parts: Vec<_> = folder.iter().map(|part| part.to_string_lossy()).collect();
        if parts.iter().any(|part| part.starts_with("_rocm_sdk")) {
            Kind::TheRock
        } else if site_packages_above(folder).is_some() {
            Kind::Wheel
        } else if parts.windows(2).any(|two| two[0] == "opt" && two[1].starts_with("rocm")) {
            Kind::Rocm
        } else if parts.windows(2).any(|two| two[0] == "usr" && two[1].starts_with("lib")) {
            Kind::Distribution
        } else {
            Kind::Other
        }
    }
}

/// The folder of a Python environment's packages in which this folder lies.
pub fn site_packages_above(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|above| {
        above.file_name().is_some_and(|name| name == "site-packages" || name == "dist-packages")
    })
}

/// The libMIOpen files of a folder, highest version first. A wheel's may carry a hash
/// (`libMIOpen-0a1b2c3d.so.1`); an installation keeps a moved file beside the link.
pub fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    libraries_named(folder, "libMIOpen")
}

/// The shared libraries of a folder whose names start with `stem`, highest version first.
pub fn libraries_named(folder: &Path, stem: &str) -> Vec<PathBuf> {
    let mut files: Vec<(Vec<u64>, PathBuf)> = names_in(folder)
        .filter_map(|name| {
            let (start, version) = name.split_once(".so")?;
            let is_library = start.starts_with(stem)
                && (version.is_empty() || version.starts_with('.'))
                // Debug files and packaging leftovers are no libraries to run.
                && !version.ends_with(".debug");
            is_library.then(|| (version_numbers(version), folder.join(&name)))
        })
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| path).collect()
}

/// `site-packages/_rocm_sdk_core/lib` has `_rocm_sdk_libraries_gfx101X/lib` for a neighbour.
pub fn rocm_wheel_neighbours(folder: &Path) -> Vec<PathBuf> {
    let in_wheel = folder.ancestors().find_map(|ancestor| {
        let name = ancestor.file_name()?.to_str()?;
        name.starts_with("_rocm_sdk").then(|| ancestor.parent()).flatten()
    });
    in_wheel.map(|packages| matching(packages, "_rocm_sdk_libraries", "lib")).unwrap_or_default()
}

/// AMD's packages and Arch use /opt/rocm, beside which older ones stay; the distributions use
/// their library folders.
pub fn system_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.join("opt/rocm/lib")];
    folders.extend(matching(&root.join("opt"), "rocm-", "lib"));
    let usual = ["usr/local/lib", "usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib"];
    folders.extend(usual.map(|folder| root.join(folder)));
    folders
}

/// The folders of an installation's root (`/opt/rocm-6.2.0`, `/usr`) that hold libraries.
pub fn folders_below_prefix(prefix: &Path) -> Vec<PathBuf> {
    ["lib", "lib/x86_64-linux-gnu", "lib64"].map(|folder| prefix.join(folder)).to_vec()
}

/// The folders of packages of a Python environment: a virtual environment, a conda environment,
/// or `/usr`.
pub fn site_packages(environment: &Path) -> Vec<PathBuf> {
    ["lib", "lib64"]
        .iter()
        .flat_map(|lib| {
            let lib = environment.join(lib);
            [matching(&lib, "python", "site-packages"), matching(&lib, "python", "dist-packages")]
                .concat()
        })
        .filter(|folder| folder.is_dir())
        .collect()
}

/// Folders of the packages there in which a wheel may keep shared libraries: `torch/lib`,
/// `_rocm_sdk_libraries_gfx101X/lib`, and auditwheel's `NAME.libs`.
pub fn wheel_folders(site_packages: &Path) -> Vec<PathBuf> {
    let mut packages: Vec<String> = names_in(site_packages).collect();
    packages.sort();
    let folder = |name: &String| {
        let package = site_packages.join(name);
        if name.ends_with(".libs") { package } else { package.join("lib") }
    };
    packages.iter().map(folder).filter(|folder| folder.is_dir()).collect()
}

/// The release of ROCm that the name of a real file tells: `libMIOpen.so.1.0.60204` is of 6.2.4.
pub fn rocm_release(file_name: &str) -> Option<(u64, u64, u64)> {
    let (_, version) = file_name.split_once(".so.")?;
    // The packages count major * 10000 + minor * 100 + patch; 40500 was the first with this name.
    let number = version_numbers(version).into_iter().find(|number| *number >= 40000)?;
    Some((number / 10000, number / 100 % 100, number % 100))
}

/// `folder/<prefix>*/<below>`, highest version first.
fn matching(folder: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u64>, PathBuf)> = names_in(folder)
        .filter_map(|name| {
            let rest = name.strip_prefix(prefix)?;
            Some((version_numbers(rest), folder.join(&name).join(below)))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

fn version_numbers(text: &str) -> Vec<u64> {
    text.split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_whose_they_are() {
        let kind = |folder: &str| Kind::of_folder(Path::new(folder));
        assert_eq!(kind("/opt/rocm-6.2.0/lib"), Kind::Rocm);
        assert_eq!(kind("/usr/lib/x86_64-linux-gnu"), Kind::Distribution);
        let packages = "/home/a/venv/lib/python3.12/site-packages";
        assert_eq!(kind(&format!("{packages}/torch/lib")), Kind::Wheel);
        assert_eq!(kind(&format!("{packages}/_rocm_sdk_libraries_gfx101X/lib")), Kind::TheRock);
        assert_eq!(kind("/home/a/lib"), Kind::Other);
        assert_eq!(kind("/usr/lib/python3/dist-packages/torch/lib"), Kind::Wheel);
    }

    #[test]
    fn a_release_is_read_from_a_name() {
        assert_eq!(rocm_release("libMIOpen.so.1.0.60204"), Some((6, 2, 4)));
        assert_eq!(rocm_release("libMIOpen.so.1.0.40500"), Some((4, 5, 0)));
        assert_eq!(rocm_release("libMIOpen.so.1.0"), None);
        assert_eq!(rocm_release("libMIOpen.so"), None);
    }
}
