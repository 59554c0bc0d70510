//! Every setting, declared once: its name, what it takes, its default and what it is for.
//!
//! Values come, later ones over earlier ones, from the defaults, `/etc/miopen-bypass.toml`, the
//! user's `miopen-bypass/config.toml`, the file that `MIOPEN_BYPASS_CONFIG` names, and the
//! environment. They are read at first use and kept; a few can be changed by the program itself
//! afterwards ([`set`]). A program that runs with more rights than its caller (setuid, file
//! capabilities) ignores them all, since `MIOPEN_BYPASS_REAL_LIB` names code to run.
#![forbid(unsafe_code)]

mod layers;
mod live;
mod settings;
mod values;

pub use layers::{Origin, SYSTEM_FILE, name_in_file, user_folder, usual_files};
pub use live::{Live, generation, live, workspace_limit_bytes};
pub use settings::*;
pub use values::{Device, IsaLevel, Journal, RealLib, Report, Strategy};

use crate::error::{Error, Result};
use layers::Given;
use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A value that a setting does not take, for which the default holds; or a file, or a name in it,
/// that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The setting's name, where it is about one.
    pub setting: Option<&'static str>,
    text: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a setting is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    pub setting: &'static Setting,
    pub value: String,
    pub origin: Origin,
}

/// The settings of this process, as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub real_lib: RealLib,
    pub device: Device,
    /// `None`: as many as the process may use.
    pub threads: Option<NonZeroUsize>,
    pub kfd_topology: PathBuf,
    /// `None`: whatever the processor has, AMX included.
    pub isa: Option<IsaLevel>,
    pub journal: Journal,
    pub report: Option<Report>,
    pub trace: Option<PathBuf>,
    /// What it starts with; [`workspace_limit_bytes`] is what holds.
    pub workspace_limit_bytes: Option<u64>,
    /// What it starts with; [`live`] is what holds.
    pub live: Live,
    /// All settings, in the order of [`SETTINGS`].
    pub in_force: Vec<InForce>,
    /// What was given and could not be used.
    pub unusable: Vec<Unusable>,
}

impl Config {
    /// The settings that the environment behind `lookup` makes, with the usual files.
    pub fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Config {
        let files = usual_files(&lookup);
        Self::read_with(lookup, &files)
    }

    /// Reads `files`, in this order, in place of the usual ones.
    pub fn read_with(lookup: impl Fn(&str) -> Option<OsString>, files: &[PathBuf]) -> Config {
        let mut reader = Reader::new(Given::read(&lookup, files));
        let path = |value: &OsString| PathBuf::from(value);
        let is = |value: &OsString, word: &str| value.eq_ignore_ascii_case(word);
        let strategy = reader.parsed(&STRATEGY, values::strategy).unwrap_or(Strategy::Auto);
        let size_threshold = reader.parsed(&SIZE_THRESHOLD, |text| text.parse().ok()).unwrap_or(42);
        let enable_implicit_gemm = reader.parsed(&ENABLE_IMPLICIT_GEMM, values::boolean);
        let cpu_fallback = reader.parsed(&CPU_FALLBACK, values::boolean);
        let cache_decisions = reader.parsed(&CACHE_DECISIONS, values::boolean);
        let limit = reader.parsed(&WORKSPACE_LIMIT, values::limit_bytes).flatten();
        let journal = match reader.taken(&JOURNAL) {
            None => Journal::Usual,
            Some(value) if is(&value, "off") => Journal::Off,
            Some(value) => Journal::Folder(path(&value)),
        };
        let report = match reader.taken(&REPORT) {
            Some(value) if is(&value, "exit") => Some(Report::Exit),
            Some(value) if !is(&value, "off") => Some(Report::File(path(&value))),
            _ => None,
        };
        let trace = reader.taken(&TRACE).filter(|value| !is(value, "off")).map(PathBuf::from);
        // MIOpen's own variable serves too: a user who turns its log on wants ours beside it.
        let log_level = layers::variable(&lookup, "MIOPEN_LOG_LEVEL")
            .and_then(|value| value.to_str()?.trim().parse().ok())
            .map_or(0, values::verbose_of_log_level);
        let verbose = reader.parsed(&VERBOSE, values::verbose).unwrap_or_else(|| {
            if log_level > 0 {
                reader.note(&VERBOSE, log_level.to_string(), Origin::Environment);
            }
            log_level
        });
        let real_lib = match reader.taken(&REAL_LIB) {
            None => RealLib::Search,
            Some(value) if is(&value, "none") => RealLib::None,
            Some(value) => RealLib::Path(path(&value)),
        };
        let device = reader.parsed(&DEVICE, values::device).unwrap_or(Device::Auto);
        let threads = reader.parsed(&THREADS, values::threads);
        let isa = reader.parsed(&ISA, values::isa).flatten();
        reader.taken(&CONFIG);
        let kfd_topology = reader.taken(&KFD_TOPOLOGY);
        Config {
            real_lib,
            device,
            threads,
            kfd_topology: kfd_topology.unwrap_or_else(|| KFD_TOPOLOGY.default.into()).into(),
            isa,
            journal,
            report,
            trace,
            workspace_limit_bytes: limit,
            live: Live {
                strategy,
                size_threshold,
                enable_implicit_gemm: enable_implicit_gemm.unwrap_or(true),
                cpu_fallback: cpu_fallback.unwrap_or(true),
                cache_decisions: cache_decisions.unwrap_or(true),
                verbose,
            },
            in_force: reader.in_force,
            unusable: reader.unusable,
        }
    }
}

/// Takes the given values one by one, and keeps account.
struct Reader {
    given: Given,
    in_force: Vec<InForce>,
    unusable: Vec<Unusable>,
}

impl Reader {
    fn new(mut given: Given) -> Reader {
        let complaints = std::mem::take(&mut given.complaints);
        let in_force = SETTINGS.iter().filter_map(|setting| setting_named(setting.name));
        Reader {
            given,
            in_force: in_force
                .map(|setting| InForce {
                    setting,
                    value: setting.default.to_owned(),
                    origin: Origin::Default,
                })
                .collect(),
            unusable: complaints.into_iter().map(|text| Unusable { setting: None, text }).collect(),
        }
    }

    fn note(&mut self, setting: &Setting, value: String, origin: Origin) {
        if let Some(one) = self.in_force.iter_mut().find(|one| one.setting.name == setting.name) {
            (one.value, one.origin) = (value, origin);
        }
    }

    /// The value given, of a setting that takes any.
    fn taken(&mut self, setting: &Setting) -> Option<OsString> {
        let (value, origin) = self.given.of(setting)?.clone();
        self.note(setting, value.to_string_lossy().into_owned(), origin);
        Some(value)
    }

    fn parsed<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (value, origin) = self.given.of(setting)?.clone();
        let parsed = value.to_str().and_then(|text| parse(&normal(text)));
        if parsed.is_some() {
            self.note(setting, normal(&value.to_string_lossy()), origin);
            return parsed;
        }
        let place = match origin {
            Origin::File(path) => format!("{}: ", path.display()),
            _ => String::new(),
        };
        let text = format!(
            "{place}{}={} is not {}; the default holds",
            setting.name,
            value.to_string_lossy(),
            setting.values
        );
        self.unusable.push(Unusable { setting: Some(setting.name), text });
        None
    }
}

fn normal(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// The settings of this process, read once.
///
/// No lock guards the first read, so that a `fork` in the middle of it leaves the child usable;
/// two threads that come first together read the same environment.
pub fn config() -> &'static Config {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return config;
    }
    let config = if runs_with_more_rights() {
        // Nor are files written on behalf of who is less entitled.
        Config { journal: Journal::Off, ..Config::read_with(|_| None, &[]) }
    } else {
        Config::read(|name| std::env::var_os(name))
    };
    CONFIG.get_or_init(|| config)
}

/// The value of a setting at this moment, as text; `None` where there is no such setting.
///
/// The name is taken with or without `MIOPEN_BYPASS_`, in any case.
pub fn get(name: &str) -> Option<String> {
    let setting = setting_named(name)?;
    let now = live();
    let flag = |truth: bool| u8::from(truth).to_string();
    Some(match setting.name {
        name if name == STRATEGY.name => now.strategy.name().to_owned(),
        name if name == SIZE_THRESHOLD.name => now.size_threshold.to_string(),
        name if name == ENABLE_IMPLICIT_GEMM.name => flag(now.enable_implicit_gemm),
        name if name == CPU_FALLBACK.name => flag(now.cpu_fallback),
        name if name == CACHE_DECISIONS.name => flag(now.cache_decisions),
        name if name == VERBOSE.name => now.verbose.to_string(),
        name if name == WORKSPACE_LIMIT.name => {
            workspace_limit_bytes().map_or_else(|| "none".to_owned(), |bytes| bytes.to_string())
        }
        name => {
            let one = config().in_force.iter().find(|one| one.setting.name == name)?;
            one.value.clone()
        }
    })
}

/// Changes a setting of the running process; calls that begin afterwards see it.
///
/// # Errors
/// `BadParm` where there is no such setting or it does not take the value, `NotImplemented` where
/// it is decided when the library starts.
pub fn set(name: &str, value: &str) -> Result<()> {
    let setting = setting_named(name)
        .ok_or_else(|| Error::bad_parm(format!("there is no setting {name}")))?;
    if !setting.at_run_time {
        return Err(Error::not_implemented(format!(
            "{} is read when the library starts and cannot be changed afterwards",
            setting.name
        )));
    }
    let text = normal(value);
    let unusable =
        || Error::bad_parm(format!("{}={value} is not {}", setting.name, setting.values));
    let flag = || values::boolean(&text).ok_or_else(unusable);
    match setting.name {
        name if name == STRATEGY.name => {
            let strategy = values::strategy(&text).ok_or_else(unusable)?;
            live::change(|live| live.strategy = strategy);
        }
        name if name == SIZE_THRESHOLD.name => {
            let extent = text.parse().map_err(|_| unusable())?;
            live::change(|live| live.size_threshold = extent);
        }
        name if name == ENABLE_IMPLICIT_GEMM.name => {
            let truth = flag()?;
            live::change(|live| live.enable_implicit_gemm = truth);
        }
        name if name == CPU_FALLBACK.name => {
            let truth = flag()?;
            live::change(|live| live.cpu_fallback = truth);
        }
        name if name == CACHE_DECISIONS.name => {
            let truth = flag()?;
            live::change(|live| live.cache_decisions = truth);
        }
        name if name == VERBOSE.name => {
            let level = values::verbose(&text).ok_or_else(unusable)?;
            live::change(|live| live.verbose = level);
        }
        name if name == WORKSPACE_LIMIT.name => {
            live::limit_workspace(values::limit_bytes(&text).ok_or_else(unusable)?);
        }
        name => return Err(Error::not_implemented(format!("{name} cannot be changed"))),
    }
    Ok(())
}

/// What the kernel tells the loader as AT_SECURE (23) in the auxiliary vector. A process that may
/// not read its own has other rights than the caller, too: so it is with setuid programs of users
/// other than root.
fn runs_with_more_rights() -> bool {
    const AT_SECURE: u64 = 23;
    std::fs::read("/proc/self/auxv").map_or(true, |bytes| {
        bytes.chunks_exact(16).any(|entry| {
            let word =
                |at: usize| u64::from_ne_bytes(entry[at..at + 8].try_into().expect("eight bytes"));
            word(0) == AT_SECURE && word(8) != 0
        })
    })
}

#[cfg(test)]
mod tests;
