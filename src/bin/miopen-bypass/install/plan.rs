//! What an installation will do, decided before the first change.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use super::disk::Disk;
use super::elf;
use super::manifest::{Entry, Manifest, Record, Was, sha256_of_bytes, sha256_of_file};
use super::site::{Site, State};
use crate::ending::Failure;
use crate::loader;

/// What the real library's file is called after it gave its name away.
const KEPT_SUFFIX: &str = ".original";

/// Our library's file is called like the real one's with this at its end. ldconfig points
/// `libMIOpen.so.1` to the highest of the names in a folder: so it leaves the link to us, and takes
/// it from us when an upgrade brings a file with a higher number, whose predecessor, which we need,
/// may be gone. ('-' comes before the '.' of a longer version.)
const OURS_SUFFIX: &str = "-bypass";

pub struct Plan {
    pub manifest: Manifest,
    /// Our library as it will be written.
    library: Vec<u8>,
    /// Files that get a second name: from, to.
    pub keep: Vec<(String, String)>,
    /// Entries that will be links to our library.
    pub turn: Vec<String>,
    /// Nothing is to be done.
    pub is_done: bool,
}

impl Plan {
    /// # Errors
    /// Where the installation must not or cannot be made.
    pub fn new(site: &Site, library: &Path) -> Result<Plan, Failure> {
        let before = site.manifest.as_ref();
        let (mut entries, mut keep, mut turn) = (Vec::new(), Vec::new(), Vec::new());
        for (name, state) in &site.entries {
            let was = match state {
                State::Gone => continue,
                State::Ours => recorded(before, name)?,
                State::Link(target) => {
                    turn.push(name.clone());
                    Was::Link(target.clone())
                }
                State::File => {
                    let kept = format!("{name}{KEPT_SUFFIX}");
                    refuse_unknown_file(site, &kept)?;
                    turn.push(name.clone());
                    keep.push((name.clone(), kept.clone()));
                    Was::File(kept)
                }
            };
            entries.push(Entry { name: name.clone(), was });
        }
        if entries.is_empty() {
            return Err(Failure::failed(format!(
                "{}: no name is left that a program would ask for",
                site.folder.display()
            )));
        }
        if !site.path(&site.real).exists() {
            return Err(Failure::failed(format!(
                "{}: the real library is gone; install its package again, then this",
                site.path(&site.real).display()
            )));
        }
        let sha256 = sha256_of_file(&site.path(&site.real))?;
        let kept = keep.iter().find(|(from, _)| *from == site.real).map(|(_, to)| to.clone());
        // An entry that is ours already needs the file under the name that it has.
        let known = before.map(|manifest| manifest.real.name.clone()).filter(|name| {
            sha256_of_file(&site.path(name)).is_ok_and(|known| known == sha256)
                && !site.entries.iter().any(|(entry, _)| entry == name)
        });
        let name = known.or(kept).unwrap_or_else(|| site.real.clone());
        let real = Record { name, sha256 };
        refuse_two_originals(site, &entries, &turn, &real)?;

        let data = fs::read(library)
            .map_err(|error| Failure::failed(format!("{}: {error}", library.display())))?;
        let patched = elf::with_needed(&data, &real.name, &run_path(&site.folder))
            .map_err(|reason| Failure::failed(format!("{}: {reason}", library.display())))?;
        let name = format!("{}{OURS_SUFFIX}", real.name);
        let ours = Record { name, sha256: sha256_of_bytes(&patched) };
        refuse_unknown_file(site, &ours.name)?;
        if before.is_some_and(|manifest| manifest.ours.name != ours.name) {
            let stale = site.entries.iter().filter(|(_, state)| *state == State::Ours);
            turn.extend(stale.map(|(entry, _)| entry.clone()));
        }

        let is_done = turn.is_empty()
            && before.is_some_and(|manifest| {
                manifest.complete && manifest.real == real && manifest.ours == ours
            })
            && sha256_of_file(&site.path(&ours.name)).is_ok_and(|sum| sum == ours.sha256);
        let leftovers = leftovers(before, &real, &ours, &entries);
        let manifest = Manifest::new(real, ours, entries, leftovers);
        Ok(Plan { manifest, library: patched, keep, turn, is_done })
    }

    /// Does it. Whatever step is the last, each entry is a real library or ours with a real one.
    ///
    /// # Errors
    /// What could not be done; what was done before can be undone by `uninstall`.
    pub fn carry_out(mut self, site: &Site, library: &Path, disk: &Disk) -> Result<(), Failure> {
        self.manifest.write(&site.folder, disk)?;
        for (from, to) in &self.keep {
            disk.keep(&site.path(from), &site.path(to))?;
        }
        let ours = site.path(&self.manifest.ours.name);
        disk.write(&ours, &self.library, Some(library))?;
        check_dependencies(&site.path(&self.manifest.real.name), &ours)?;
        for entry in &self.turn {
            disk.link(Path::new(&self.manifest.ours.name), &site.path(entry))?;
        }
        for leftover in std::mem::take(&mut self.manifest.leftovers) {
            let path = site.path(&leftover.name);
            if path.exists() && sha256_of_file(&path)? == leftover.sha256 {
                disk.remove(&path)?;
            }
        }
        self.manifest.complete = true;
        self.manifest.write(&site.folder, disk)
    }

    /// The steps in words, for a person.
    pub fn describe(&self, site: &Site) -> Vec<String> {
        let mut lines = vec![format!("folder   {}", site.folder.display())];
        for (from, to) in &self.keep {
            lines.push(format!("keep     {from} as {to}"));
        }
        lines.push(format!(
            "write    {} (needs {})",
            self.manifest.ours.name, self.manifest.real.name
        ));
        for entry in &self.turn {
            lines.push(format!("link     {entry} -> {}", self.manifest.ours.name));
        }
        for leftover in &self.manifest.leftovers {
            lines.push(format!("remove   {}", leftover.name));
        }
        lines
    }
}

fn recorded(manifest: Option<&Manifest>, name: &str) -> Result<Was, Failure> {
    let mut entries = manifest.iter().flat_map(|manifest| &manifest.entries);
    let entry = entries.find(|entry| entry.name == name);
    entry.map(|entry| entry.was.clone()).ok_or_else(|| {
        Failure::failed(format!("{name} is a link to miopen-bypass that no record knows"))
    })
}

/// A file in our way that no record knows may be somebody's only copy.
fn refuse_unknown_file(site: &Site, name: &str) -> Result<(), Failure> {
    let known = site.manifest.as_ref().is_some_and(|manifest| {
        let kept = |entry: &Entry| matches!(&entry.was, Was::File(kept) if kept == name);
        manifest.ours.name == name
            || manifest.real.name == name
            || manifest.entries.iter().any(kept)
            || manifest.leftovers.iter().any(|leftover| leftover.name == name)
    });
    if known || site.path(name).symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{} is in the way, and no record says what it is",
        site.path(name).display()
    )))
}

/// After half an upgrade one entry may be new while another still stands for the old file.
fn refuse_two_originals(
    site: &Site,
    entries: &[Entry],
    turn: &[String],
    real: &Record,
) -> Result<(), Failure> {
    for entry in entries.iter().filter(|entry| !turn.contains(&entry.name)) {
        if let Was::File(kept) = &entry.was
            && sha256_of_file(&site.path(kept))? != real.sha256
        {
            return Err(Failure::failed(format!(
                "{}: {kept} is not the library that the other names lead to; uninstall first",
                site.folder.display()
            )));
        }
    }
    Ok(())
}

fn leftovers(
    before: Option<&Manifest>,
    real: &Record,
    ours: &Record,
    entries: &[Entry],
) -> Vec<Record> {
    let Some(before) = before else { return Vec::new() };
    let kept = before.entries.iter().filter_map(|entry| match &entry.was {
        Was::File(kept) => Some(Record { name: kept.clone(), sha256: before.real.sha256.clone() }),
        Was::Link(_) => None,
    });
    let is_in_use = |name: &str| {
        name == real.name
            || name == ours.name
            || entries.iter().any(|entry| matches!(&entry.was, Was::File(kept) if kept == name))
    };
    let mut files: Vec<Record> = before.leftovers.clone();
    files.push(before.ours.clone());
    files.extend(kept);
    files.retain(|file| !is_in_use(&file.name));
    files
}

/// `$ORIGIN` serves where the folder is moved, the folder's name where a link in another folder is
/// what the loader was given.
fn run_path(folder: &Path) -> String {
    match folder.to_str() {
        Some(name) if !name.contains([':', '$']) => format!("$ORIGIN:{name}"),
        _ => "$ORIGIN".to_owned(),
    }
}

/// Before any name is turned to our library, the loader is asked whether it finds all that it needs.
/// What it does not find for the real library either (the packages of a GPU in an image that is being
/// built) is no reason.
fn check_dependencies(real: &Path, ours: &Path) -> Result<(), Failure> {
    let (Some(known), Some(missing)) = (loader::missing(real), loader::missing(ours)) else {
        return Ok(());
    };
    let new: Vec<String> = missing.into_iter().filter(|name| !known.contains(name)).collect();
    if new.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "the loader does not find {} for {}; no name was turned to it, and `uninstall` takes it away",
        new.join(", "),
        ours.display()
    )))
}
