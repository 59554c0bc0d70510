//! Where values of settings come from: files and the environment, later ones over earlier ones.
#![forbid(unsafe_code)]

use super::settings::{CONFIG, PREFIX, SETTINGS, Setting, setting_named};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The file of the whole machine.
pub const SYSTEM_FILE: &str = "/etc/miopen-bypass.toml";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    Environment,
}

/// Values as they were given, the last word for each setting.
pub(super) struct Given {
    values: HashMap<&'static str, (OsString, Origin)>,
    /// What was wrong with the files, one line each.
    pub complaints: Vec<String>,
}

impl Given {
    /// Reads `files` in order, then the environment through `lookup`.
    pub fn read(lookup: &dyn Fn(&str) -> Option<OsString>, files: &[PathBuf]) -> Given {
        let mut given = Given { values: HashMap::new(), complaints: Vec::new() };
        let named = variable(lookup, CONFIG.name).map(PathBuf::from);
        for file in files {
            given.read_file(file, false);
        }
        if let Some(file) = &named {
            given.read_file(file, true);
        }
        for setting in &SETTINGS {
            if let Some(value) = variable(lookup, setting.name) {
                given.values.insert(setting.name, (value, Origin::Environment));
            }
        }
        given
    }

    pub fn of(&self, setting: &Setting) -> Option<&(OsString, Origin)> {
        self.values.get(setting.name)
    }

    fn read_file(&mut self, file: &Path, must_exist: bool) {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => return,
            Err(error) => {
                self.complaints.push(format!("{}: {error}; it is passed over", file.display()));
                return;
            }
        };
        let table = match DeTable::parse(&text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let line =
                    error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                let what = error.message();
                let file = file.display();
                self.complaints.push(format!("{file}:{line}: {what}; the file is passed over"));
                return;
            }
        };
        for (key, value) in table {
            let key = key.get_ref();
            let setting = setting_named(key).filter(|setting| setting.name != CONFIG.name);
            match (setting, plain(value.get_ref())) {
                (Some(setting), Some(value)) => {
                    let origin = Origin::File(file.to_owned());
                    self.values.insert(setting.name, (value.into(), origin));
                }
                (Some(setting), None) => self.complaints.push(format!(
                    "{}: {key} takes {}; it is passed over",
                    file.display(),
                    setting.values
                )),
                (None, _) => self.complaints.push(format!(
                    "{}: there is no setting {key}; it is passed over",
                    file.display()
                )),
            }
        }
    }
}

/// A value as a variable would have it.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A variable of the environment; an empty one is an unset one, as for the real library.
pub(super) fn variable(lookup: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    lookup(name).filter(|value| !value.is_empty())
}

/// The files that are read without being named: the machine's, then the user's.
pub fn usual_files(lookup: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let own = user_folder(lookup, "XDG_CONFIG_HOME", ".config");
    let own = own.map(|folder| folder.join("miopen-bypass/config.toml"));
    [PathBuf::from(SYSTEM_FILE)].into_iter().chain(own).collect()
}

/// A folder of the XDG Base Directory Specification: the variable's if absolute, else below home.
pub fn user_folder(
    lookup: &dyn Fn(&str) -> Option<OsString>,
    name: &str,
    below_home: &str,
) -> Option<PathBuf> {
    let absolute = |name: &str| {
        variable(lookup, name).map(PathBuf::from).filter(|folder| folder.is_absolute())
    };
    absolute(name).or_else(|| Some(absolute("HOME")?.join(below_home)))
}

/// The name of a setting in a file.
pub fn name_in_file(setting: &Setting) -> String {
    setting.name.strip_prefix(PREFIX).unwrap_or(setting.name).to_ascii_lowercase()
}
