//! Which folders a person means.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use MIOpen::real::layout;

use super::site::Site;
use crate::ending::Failure;
use crate::environments;

#[derive(clap::Args)]
pub struct Target {
    /// A ROCm installation, such as /opt/rocm-6.2.0: the folder that holds its lib
    #[arg(long, value_name = "DIR", group = "target")]
    prefix: Option<PathBuf>,
    /// One libMIOpen, by its file or link
    #[arg(long, value_name = "FILE", group = "target")]
    lib: Option<PathBuf>,
    /// A Python environment whose wheels bring a libMIOpen of their own
    #[arg(long, value_name = "DIR", group = "target")]
    venv: Option<PathBuf>,
    /// The root of the file system in which the system's own libraries are looked for
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

impl Target {
    /// Whether one place was named, rather than all that can be found.
    pub fn is_named(&self) -> bool {
        self.prefix.is_some() || self.lib.is_some() || self.venv.is_some()
    }

    /// The installations of a libMIOpen that are meant, each once, and why others that were met
    /// cannot be used.
    ///
    /// # Errors
    /// Where the named place is none or has none.
    pub fn sites(&self) -> Result<(Vec<Site>, Vec<Failure>), Failure> {
        if let Some(file) = &self.lib {
            return Ok((vec![site_of_file(file)?], Vec::new()));
        }
        let (folders, place) = match (&self.prefix, &self.venv) {
            (Some(prefix), _) => (layout::folders_below_prefix(prefix), Some(prefix)),
            (_, Some(venv)) => {
                let packages = layout::site_packages(venv);
                if packages.is_empty() {
                    let text = "holds no Python environment (no lib/python*/site-packages)";
                    return Err(Failure::failed(format!("{}: {text}", venv.display())));
                }
                (
                    packages.iter().flat_map(|folder| layout::wheel_folders(folder)).collect(),
                    Some(venv),
                )
            }
            _ => (all_folders(&self.root), None),
        };
        let (mut sites, mut unusable): (Vec<Site>, Vec<Failure>) = Default::default();
        for folder in folders {
            match Site::in_folder(&folder, None) {
                Ok(Some(site)) if sites.iter().all(|known| known.folder != site.folder) => {
                    sites.push(site);
                }
                Ok(_) => {}
                Err(failure) => unusable.push(failure),
            }
        }
        match place {
            Some(place) if sites.is_empty() => {
                Err(unusable.into_iter().next().unwrap_or_else(|| {
                    Failure::failed(format!("{}: no libMIOpen in there", place.display()))
                }))
            }
            _ => Ok((sites, unusable)),
        }
    }
}

fn site_of_file(file: &Path) -> Result<Site, Failure> {
    let none = || Failure::failed(format!("{}: no libMIOpen", file.display()));
    if file.is_dir() {
        return Site::in_folder(file, None)?.ok_or_else(none);
    }
    let path = std::path::absolute(file)?;
    let folder = path.parent().ok_or_else(none)?;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(none)?;
    if path.symlink_metadata().is_err() {
        return Err(Failure::failed(format!("{}: no such file", file.display())));
    }
    Site::in_folder(folder, Some(name))?.ok_or_else(none)
}

/// Every folder of this machine in which a libMIOpen is usually found.
pub fn all_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = layout::system_folders(root);
    for environment in environments::all(root) {
        for packages in layout::site_packages(&environment) {
            folders.extend(layout::wheel_folders(&packages));
        }
    }
    folders
}
