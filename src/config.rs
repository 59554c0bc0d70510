//! Every setting, declared once: its variable, what it takes, its default and what it is for.
//!
//! Settings are read from the environment at first use and kept: like the real library's own,
//! they do not change while the process runs. A program that runs with more rights than its
//! caller (setuid, file capabilities) ignores them all, since `MIOPEN_BYPASS_REAL_LIB` names
//! code to run.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;

/// One setting as it is listed to a person.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Environment variable.
    pub name: &'static str,
    /// What it takes.
    pub values: &'static str,
    pub default: &'static str,
    pub text: &'static str,
}

pub const REAL_LIB: Setting = Setting {
    name: "MIOPEN_BYPASS_REAL_LIB",
    values: "a path, or `none`",
    default: "searched for",
    text: "the libMIOpen that safe calls are forwarded to; `none`: stand alone",
};
pub const DEVICE: Setting = Setting {
    name: "MIOPEN_BYPASS_DEVICE",
    values: "`auto` or `cpu`",
    default: "auto",
    text: "where our own convolutions run; `cpu`: stand alone, and buffers are host memory",
};
pub const THREADS: Setting = Setting {
    name: "MIOPEN_BYPASS_THREADS",
    values: "1 to 1024",
    default: "the processors that this process may use",
    text: "threads of the CPU engine",
};
pub const VERBOSE: Setting = Setting {
    name: "MIOPEN_BYPASS_VERBOSE",
    values: "0 to 3",
    default: "0",
    text: "what goes to stderr; 0: one line at the first convolution of ours, 1: why a call \
           failed, 2: which solver ran and why others did not, 3: every call",
};
pub const KFD_TOPOLOGY: Setting = Setting {
    name: "MIOPEN_BYPASS_KFD_TOPOLOGY",
    values: "a folder",
    default: "/sys/class/kfd/kfd/topology",
    text: "where the kernel driver lists the GPUs; for tests",
};
pub const ISA: Setting = Setting {
    name: "MIOPEN_BYPASS_ISA",
    values: "`scalar`, `avx2` or `avx512`",
    default: "the highest that the processor has",
    text: "the highest instruction set that the CPU engine's own kernels use",
};

pub const REPORT: Setting = Setting {
    name: "MIOPEN_BYPASS_REPORT",
    values: "`exit`, a file, or `off`",
    default: "off",
    text: "where statistics go",
};
pub const TRACE: Setting = Setting {
    name: "MIOPEN_BYPASS_TRACE",
    values: "a file, or `off`",
    default: "off",
    text: "a line for each convolution",
};

/// All settings, in the order in which they are listed.
pub const SETTINGS: [Setting; 8] =
    [REAL_LIB, DEVICE, THREADS, VERBOSE, ISA, REPORT, TRACE, KFD_TOPOLOGY];

/// Value of [`REPORT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    Exit,
    File(PathBuf),
}

/// Value of [`REAL_LIB`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealLib {
    Search,
    Path(PathBuf),
    None,
}

/// Value of [`DEVICE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Auto,
    Cpu,
}

/// Value of [`ISA`]: instruction sets for which kernels exist, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsaLevel {
    /// What every processor of the architecture has.
    Scalar,
    /// AVX2, FMA and F16C: Intel since Haswell, AMD since Zen.
    Avx2Fma,
    /// AVX-512 F and DQ besides: Intel servers since Skylake, AMD since Zen 4.
    Avx512,
}

/// A value that a setting does not take. The default holds in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub setting: &'static str,
    pub values: &'static str,
    pub given: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={} is not {}; the default holds", self.setting, self.given, self.values)
    }
}

/// The settings of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub real_lib: RealLib,
    pub device: Device,
    /// `None`: as many as the process may use.
    pub threads: Option<NonZeroUsize>,
    /// 0 to 3, see [`VERBOSE`].
    pub verbose: u8,
    pub kfd_topology: PathBuf,
    /// `None`: whatever the processor has.
    pub isa: Option<IsaLevel>,
    pub report: Option<Report>,
    pub trace: Option<PathBuf>,
    /// Values that were given and could not be used.
    pub unusable: Vec<Unusable>,
}

impl Config {
    /// Reads the settings through `lookup`; what cannot be used is listed and left at its default.
    pub fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Config {
        let mut unusable = Vec::new();
        // An empty variable is an unset one, as for the real library.
        let given = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let real_lib = match given(REAL_LIB.name) {
            None => RealLib::Search,
            Some(value) if value.eq_ignore_ascii_case("none") => RealLib::None,
            Some(value) => RealLib::Path(PathBuf::from(value)),
        };
        let device = parsed(&given, &DEVICE, &mut unusable, |text| match text {
            "auto" => Some(Device::Auto),
            "cpu" => Some(Device::Cpu),
            _ => None,
        });
        let threads = parsed(&given, &THREADS, &mut unusable, |text| {
            text.parse().ok().filter(|count: &NonZeroUsize| count.get() <= 1024)
        });
        let verbose = parsed(&given, &VERBOSE, &mut unusable, |text| {
            text.parse().ok().filter(|level| *level <= 3)
        });
        let isa = parsed(&given, &ISA, &mut unusable, |text| match text {
            "scalar" => Some(IsaLevel::Scalar),
            "avx2" => Some(IsaLevel::Avx2Fma),
            "avx512" => Some(IsaLevel::Avx512),
            _ => None,
        });
        // MIOpen's own variable serves too: a user who turns its log on wants ours beside it.
        let log_level =
            given("MIOPEN_LOG_LEVEL").and_then(|value| value.to_str()?.trim().parse().ok());
        Config {
            real_lib,
            device: device.unwrap_or(Device::Auto),
            threads,
            verbose: verbose.unwrap_or_else(|| verbose_of_log_level(log_level.unwrap_or(0))),
            kfd_topology: given(KFD_TOPOLOGY.name)
                .unwrap_or_else(|| KFD_TOPOLOGY.default.into())
                .into(),
            isa,
            report: given(REPORT.name).and_then(|value| match value.to_str() {
                Some("exit") => Some(Report::Exit),
                Some("off") => None,
                _ => Some(Report::File(value.into())),
            }),
            trace: given(TRACE.name).filter(|value| value != "off").map(PathBuf::from),
            unusable,
        }
    }
}

fn parsed<T>(
    given: &impl Fn(&str) -> Option<OsString>,
    setting: &Setting,
    unusable: &mut Vec<Unusable>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let value = given(setting.name)?;
    let result = value.to_str().and_then(|text| parse(text.trim().to_ascii_lowercase().as_str()));
    if result.is_none() {
        unusable.push(Unusable {
            setting: setting.name,
            values: setting.values,
            given: value.to_string_lossy().into_owned(),
        });
    }
    result
}

/// `MIOPEN_LOG_LEVEL` counts 1 quiet, 2 fatal, 3 error, 4 warning, 5 info, 6 more info, 7 trace.
fn verbose_of_log_level(level: u8) -> u8 {
    match level {
        0..=2 => 0,
        3 | 4 => 1,
        5 | 6 => 2,
        _ => 3,
    }
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
        Config::read(|_| None)
    } else {
        Config::read(|name| std::env::var_os(name))
    };
    CONFIG.get_or_init(|| config)
}

/// The value of a setting, as text.
pub fn get(name: &str) -> Option<String> {
    let full = format!("MIOPEN_BYPASS_{}", name.to_ascii_uppercase());
    let setting = SETTINGS.iter().find(|setting| setting.name == full)?;
    Some(std::env::var(setting.name).unwrap_or_else(|_| setting.default.to_owned()))
}

/// No setting can be changed.
pub fn set(name: &str, _value: &str) -> crate::error::Result<()> {
    Err(crate::error::Error::bad_parm(name.to_owned()))
}

/// What the kernel tells the loader as AT_SECURE (23) in the auxiliary vector.
fn runs_with_more_rights() -> bool {
    const AT_SECURE: u64 = 23;
    std::fs::read("/proc/self/auxv").is_ok_and(|bytes| {
        bytes.chunks_exact(16).any(|entry| {
            let word =
                |at: usize| u64::from_ne_bytes(entry[at..at + 8].try_into().expect("eight bytes"));
            word(0) == AT_SECURE && word(8) != 0
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Config {
        Config::read(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn defaults_hold_without_an_environment() {
        let config = read(&[]);
        assert_eq!(
            config,
            Config {
                real_lib: RealLib::Search,
                device: Device::Auto,
                threads: None,
                verbose: 0,
                kfd_topology: "/sys/class/kfd/kfd/topology".into(),
                isa: None,
                report: None,
                trace: None,
                unusable: Vec::new()
            }
        );
    }

    #[test]
    fn values_are_taken() {
        let config = read(&[
            ("MIOPEN_BYPASS_REAL_LIB", "/opt/rocm/lib/libMIOpen.so.1"),
            ("MIOPEN_BYPASS_DEVICE", "CPU"),
            ("MIOPEN_BYPASS_THREADS", " 3 "),
            ("MIOPEN_BYPASS_VERBOSE", "2"),
            ("MIOPEN_BYPASS_ISA", "avx2"),
        ]);
        assert_eq!(config.real_lib, RealLib::Path("/opt/rocm/lib/libMIOpen.so.1".into()));
        assert_eq!(config.device, Device::Cpu);
        assert_eq!(config.threads, NonZeroUsize::new(3));
        assert_eq!(config.verbose, 2);
        assert_eq!(config.isa, Some(IsaLevel::Avx2Fma));
        assert!(config.unusable.is_empty());
    }

    #[test]
    fn wrong_values_are_named_and_the_default_holds() {
        let config = read(&[
            ("MIOPEN_BYPASS_DEVICE", "tpu"),
            ("MIOPEN_BYPASS_THREADS", "0"),
            ("MIOPEN_BYPASS_VERBOSE", "loud"),
        ]);
        let defaults = read(&[]);
        assert_eq!(Config { unusable: Vec::new(), ..config.clone() }, defaults);
        let names: Vec<_> = config.unusable.iter().map(|complaint| complaint.setting).collect();
        assert_eq!(names, [DEVICE.name, THREADS.name, VERBOSE.name]);
        assert_eq!(
            config.unusable[0].to_string(),
            "MIOPEN_BYPASS_DEVICE=tpu is not `auto` or `cpu`; the default holds"
        );
    }

    #[test]
    fn miopens_own_log_level_counts_unless_ours_is_set() {
        assert_eq!(read(&[("MIOPEN_LOG_LEVEL", "6")]).verbose, 2);
        let both = [("MIOPEN_LOG_LEVEL", "7"), ("MIOPEN_BYPASS_VERBOSE", "0")];
        assert_eq!(read(&both).verbose, 0);
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        assert_eq!(read(&[("MIOPEN_BYPASS_REAL_LIB", "")]).real_lib, RealLib::Search);
    }
}
