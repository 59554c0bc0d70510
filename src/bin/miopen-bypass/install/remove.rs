//! Undoes an installation: what it changed, and nothing that changed since.
#![forbid(unsafe_code)]

use std::path::Path;

use super::disk::{Disk, TEMPORARY_PREFIX};
use super::manifest::{Entry, Manifest, Was, sha256_of_file};
use super::site::{Site, State};
use crate::ending::Failure;

/// What is between an installation and its undoing.
pub struct Removal {
    /// Entries to give back.
    pub restore: Vec<Entry>,
    /// Files to remove, in this order.
    pub remove: Vec<String>,
    /// What changed since the installation, in words.
    pub changed: Vec<String>,
}

impl Removal {
    /// # Errors
    /// Where a file cannot be read.
    pub fn new(site: &Site, manifest: &Manifest) -> Result<Removal, Failure> {
        let mut removal = Removal { restore: Vec::new(), remove: Vec::new(), changed: Vec::new() };
        for entry in &manifest.entries {
            let state = site.entries.iter().find(|(name, _)| *name == entry.name);
            let state = state.map_or(&State::Gone, |(_, state)| state);
            removal.entry(site, manifest, entry, state)?;
        }
        // As long as an entry is ours, the real library must keep the name by which ours needs it.
        removal.restore.sort_by_key(|entry| match &entry.was {
            Was::File(kept) => *kept == manifest.real.name,
            Was::Link(_) => false,
        });
        let ours = site.path(&manifest.ours.name);
        // While an installation is unfinished, the file may be that of the one before.
        if manifest.complete && ours.exists() && !has_sum(&ours, &manifest.ours.sha256)? {
            removal.changed.push(format!("{} is not the file that was installed", ours.display()));
        }
        removal.remove.push(manifest.ours.name.clone());
        for leftover in &manifest.leftovers {
            if has_sum(&site.path(&leftover.name), &leftover.sha256)? {
                removal.remove.push(leftover.name.clone());
            }
        }
        let names =
            site.folder.read_dir()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        removal.remove.extend(names.filter(|name| name.starts_with(TEMPORARY_PREFIX)));
        Ok(removal)
    }

    fn entry(
        &mut self,
        site: &Site,
        manifest: &Manifest,
        entry: &Entry,
        state: &State,
    ) -> Result<(), Failure> {
        let path = site.path(&entry.name);
        match (state, &entry.was) {
            (State::Ours, Was::Link(target)) => {
                if !site.path(target).exists() {
                    let text = format!("{target}, to which {} led, is gone", path.display());
                    self.changed.push(text);
                }
                self.restore.push(entry.clone());
            }
            (State::Ours, Was::File(kept)) => {
                if !has_sum(&site.path(kept), &manifest.real.sha256)? {
                    let text = "is not the real library that was kept";
                    self.changed.push(format!("{} {text}", site.path(kept).display()));
                }
                self.restore.push(entry.clone());
            }
            // Given back already, by a run that was interrupted, or not taken yet.
            (State::Link(target), Was::Link(before)) if target == before => {}
            (State::File, Was::File(kept)) if has_sum(&path, &manifest.real.sha256)? => {
                self.remove_kept(site, manifest, kept)?;
            }
            (State::Gone, was) => {
                self.changed.push(format!("{} is gone", path.display()));
                if let Was::File(kept) = was {
                    self.remove_kept(site, manifest, kept)?;
                }
            }
            (_, was) => {
                self.changed.push(format!(
                    "{} has been replaced since (an upgrade, a reinstallation or ldconfig)",
                    path.display()
                ));
                if let Was::File(kept) = was {
                    self.remove_kept(site, manifest, kept)?;
                }
            }
        }
        Ok(())
    }

    fn remove_kept(&mut self, site: &Site, manifest: &Manifest, kept: &str) -> Result<(), Failure> {
        if has_sum(&site.path(kept), &manifest.real.sha256)? {
            self.remove.push(kept.to_owned());
        }
        Ok(())
    }

    /// Does it. Whatever step is the last, each entry is a real library or ours with a real one.
    ///
    /// # Errors
    /// What could not be done; run it again to go on.
    pub fn carry_out(&self, site: &Site, manifest: &Manifest, disk: &Disk) -> Result<(), Failure> {
        let begun = Manifest { complete: false, ..manifest.clone() };
        begun.write(&site.folder, disk)?;
        for entry in &self.restore {
            let path = site.path(&entry.name);
            match &entry.was {
                Was::Link(target) => disk.link(Path::new(target), &path)?,
                Was::File(kept) if site.path(kept).exists() => {
                    disk.rename(&site.path(kept), &path)?;
                }
                // Only where that was forced: the link would lead to nothing.
                Was::File(_) => disk.remove(&path)?,
            }
        }
        for name in &self.remove {
            disk.remove(&site.path(name))?;
        }
        disk.remove(&Manifest::path(&site.folder))
    }

    /// The steps in words, for a person.
    pub fn describe(&self, site: &Site) -> Vec<String> {
        let mut lines = vec![format!("folder   {}", site.folder.display())];
        for entry in &self.restore {
            lines.push(match &entry.was {
                Was::Link(target) => format!("link     {} -> {target}", entry.name),
                Was::File(kept) => format!("rename   {kept} to {}", entry.name),
            });
        }
        lines.extend(self.remove.iter().map(|name| format!("remove   {name}")));
        lines
    }
}

fn has_sum(path: &Path, sha256: &str) -> Result<bool, Failure> {
    Ok(path.is_file() && sha256_of_file(path)? == sha256)
}
