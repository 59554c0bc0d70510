//! Where a libMIOpen can be, nearest first.
//!
//! A wheel brings its own ROCm, and a library of another ROCm must not be put under it; so what
//! lies beside us, and beside the ROCm libraries that this process has mapped already, comes
//! before what the system has.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the search starts from.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The file of this library.
    pub own: Option<PathBuf>,
    /// Files that the process has mapped.
    pub mapped: Vec<PathBuf>,
    /// `ROCM_PATH`, `ROCM_HOME`, `HIP_PATH`: roots of a ROCm installation.
    pub rocm_roots: Vec<PathBuf>,
    /// `LD_LIBRARY_PATH`.
    pub library_path: Vec<PathBuf>,
    /// Root of the file system; another one in tests.
    pub root: PathBuf,
}

impl Places {
    /// As this process sees them.
    pub fn of_this_process(own: Option<PathBuf>) -> Places {
        let paths_in = |name: &str| -> Vec<PathBuf> {
            let value = env::var_os(name).unwrap_or_default();
            env::split_paths(&value).filter(|path| path.is_absolute()).collect()
        };
        Places {
            own,
            mapped: mapped_files(&fs::read_to_string("/proc/self/maps").unwrap_or_default()),
            rocm_roots: ["ROCM_PATH", "ROCM_HOME", "HIP_PATH"]
                .into_iter()
                .flat_map(paths_in)
                .collect(),
            library_path: paths_in("LD_LIBRARY_PATH"),
            root: PathBuf::from("/"),
        }
    }
}

/// The files named in the text of `/proc/self/maps`, each once, in order.
fn mapped_files(maps: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for line in maps.lines() {
        // address, permissions, offset, device, inode, then the path, which may hold spaces.
        let Some(start) = line.find('/') else { continue };
        let path = Path::new(line[start..].trim_end_matches(" (deleted)"));
        if files.last().map(PathBuf::as_path) != Some(path) {
            files.push(path.to_owned());
        }
    }
    files
}

/// Names of libraries that are mapped where MIOpen is in use; MIOpen lies beside them, or in the
/// neighbouring package of the same wheel set.
const COMPANIONS: [&str; 6] = [
    "libMIOpen",
    "libamdhip64",
    "libtorch_hip",
    "librocblas",
    "libonnxruntime_providers_rocm",
    "libmigraphx_gpu",
];

/// Files that may be the real library, nearest first, each once, ourselves left out.
pub fn candidates(places: &Places) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let parent = |path: &Path| path.parent().map(Path::to_owned);
    if let Some(own) = &places.own {
        folders.extend(parent(own));
        folders.extend(fs::canonicalize(own).ok().as_deref().and_then(parent));
    }
    for file in &places.mapped {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if COMPANIONS.iter().any(|companion| name.starts_with(companion))
            && let Some(folder) = parent(file)
        {
            folders.extend(rocm_wheel_neighbours(&folder));
            folders.push(folder);
        }
    }
    folders.extend(places.rocm_roots.iter().map(|root| root.join("lib")));
    folders.extend(places.library_path.iter().cloned());
    folders.extend(system_folders(&places.root));

    let own = places.own.as_ref().and_then(|own| fs::canonicalize(own).ok());
    let mut seen: Vec<PathBuf> = own.into_iter().collect();
    let mut files = Vec::new();
    for path in folders.iter().flat_map(|folder| libraries_in(folder)) {
        let Ok(file) = fs::canonicalize(&path) else { continue };
        if !seen.contains(&file) {
            seen.push(file);
            files.push(path);
        }
    }
    files
}

/// The libMIOpen files of a folder, highest version first. A wheel's may carry a hash
/// (`libMIOpen-0a1b2c3d.so.1`); an installation keeps a moved file beside the link.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<(Vec<u64>, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let (stem, version) = name.split_once(".so")?;
            let is_library = stem.starts_with("libMIOpen")
                && (version.is_empty() || version.starts_with('.'))
                // Debug files and packaging leftovers are no libraries to run.
                && !version.ends_with(".debug");
            is_library.then(|| (version_numbers(version), folder.join(&name)))
        })
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| path).collect()
}

fn version_numbers(text: &str) -> Vec<u64> {
    text.split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// `site-packages/_rocm_sdk_core/lib` has `_rocm_sdk_libraries_gfx101X/lib` for a neighbour.
fn rocm_wheel_neighbours(folder: &Path) -> Vec<PathBuf> {
    let in_wheel = folder.ancestors().find_map(|ancestor| {
        let name = ancestor.file_name()?.to_str()?;
        name.starts_with("_rocm_sdk").then(|| ancestor.parent()).flatten()
    });
    in_wheel.map(|packages| matching(packages, "_rocm_sdk_libraries", "lib")).unwrap_or_default()
}

/// `folder/<prefix>*/<below>`, highest version first.
fn matching(folder: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u64>, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let rest = name.strip_prefix(prefix)?;
            Some((version_numbers(rest), folder.join(&name).join(below)))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// AMD's packages and Arch use /opt/rocm, beside which older ones stay; the distributions use
/// their library folders.
fn system_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.join("opt/rocm/lib")];
    folders.extend(matching(&root.join("opt"), "rocm-", "lib"));
    let usual = ["usr/local/lib", "usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib"];
    folders.extend(usual.map(|folder| root.join(folder)));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes with the test.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Tree {
            let root = env::temp_dir().join(format!("miopen-search-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(&root).unwrap();
            Tree(root)
        }

        fn file(&self, path: &str) -> PathBuf {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, path.to_str().unwrap()).unwrap();
            path
        }

        fn places(&self) -> Places {
            Places { root: self.0.clone(), ..Places::default() }
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn maps_are_read_with_spaces_in_paths() {
        let maps = "7f00-7f01 r-xp 00000000 08:01 42   /opt/my rocm/lib/libMIOpen.so.1\n\
                    7f01-7f02 r--p 00001000 08:01 42   /opt/my rocm/lib/libMIOpen.so.1\n\
                    7f02-7f03 rw-p 00000000 00:00 0    [heap]\n\
                    7f03-7f04 r-xp 00000000 08:01 43   /usr/lib/libc.so.6 (deleted)\n";
        let expected: Vec<PathBuf> =
            ["/opt/my rocm/lib/libMIOpen.so.1", "/usr/lib/libc.so.6"].map(PathBuf::from).to_vec();
        assert_eq!(mapped_files(maps), expected);
    }

    #[test]
    fn the_file_beside_us_comes_before_the_systems() {
        let tree = Tree::new("beside");
        let system = tree.file("opt/rocm/lib/libMIOpen.so.1.0.60200");
        let own = tree.file("opt/other/lib/libMIOpen.so.1");
        let beside = tree.file("opt/other/lib/libMIOpen.so.1.0.50200");
        let places = Places { own: Some(own), ..tree.places() };
        assert_eq!(candidates(&places), [beside, system]);
    }

    #[test]
    fn a_link_to_us_is_us() {
        let tree = Tree::new("link");
        let own = tree.file("home/lib/libMIOpen.so");
        let real = tree.file("opt/rocm/lib/libMIOpen.so.1.0.50200");
        std::os::unix::fs::symlink(&own, tree.0.join("opt/rocm/lib/libMIOpen.so.1")).unwrap();
        let places = Places { own: Some(own), ..tree.places() };
        assert_eq!(candidates(&places), [real]);
    }

    #[test]
    fn the_link_that_the_loader_took_tells_the_folder() {
        let tree = Tree::new("loaded-by-link");
        let own = tree.file("home/lib/libMIOpen.so");
        let real = tree.file("venv/torch/lib/libMIOpen-real.so.1");
        let link = tree.0.join("venv/torch/lib/libMIOpen.so");
        std::os::unix::fs::symlink(&own, &link).unwrap();
        let places = Places { own: Some(link), ..tree.places() };
        assert_eq!(candidates(&places), [real]);
    }

    #[test]
    fn a_wheels_library_comes_before_the_systems() {
        let tree = Tree::new("wheel");
        tree.file("opt/rocm/lib/libMIOpen.so.1");
        let hip = tree.file("venv/torch/lib/libamdhip64.so");
        let wheel = tree.file("venv/torch/lib/libMIOpen.so");
        let places = Places { mapped: vec![hip], ..tree.places() };
        assert_eq!(candidates(&places)[0], wheel);
    }

    #[test]
    fn the_rocm_wheels_keep_their_libraries_in_a_neighbouring_package() {
        let tree = Tree::new("therock");
        let hip = tree.file("venv/_rocm_sdk_core/lib/libamdhip64.so.7");
        let real = tree.file("venv/_rocm_sdk_libraries_gfx101X/lib/libMIOpen.so.1");
        let places = Places { mapped: vec![hip], ..tree.places() };
        assert_eq!(candidates(&places), [real]);
    }

    #[test]
    fn versions_count_as_numbers() {
        let tree = Tree::new("versions");
        let older = tree.file("opt/rocm-6.2.0/lib/libMIOpen.so.1");
        let newest = tree.file("opt/rocm-10.0.0/lib/libMIOpen.so.1");
        tree.file("opt/rocm-6.2.0/lib/libMIOpen.so.1.0.debug");
        tree.file("opt/rocm-6.2.0/lib/libMIOpenDriver");
        assert_eq!(candidates(&tree.places()), [newest, older]);
    }

    #[test]
    fn distributions_and_variables_are_searched() {
        let tree = Tree::new("places");
        let debian = tree.file("usr/lib/x86_64-linux-gnu/libMIOpen.so.1.0");
        let rocm = tree.file("srv/rocm/lib/libMIOpen.so.1");
        let path = tree.file("srv/libs/libMIOpen.so.1");
        let places = Places {
            rocm_roots: vec![tree.0.join("srv/rocm")],
            library_path: vec![tree.0.join("srv/libs")],
            ..tree.places()
        };
        assert_eq!(candidates(&places), [rocm, path, debian]);
    }
}
