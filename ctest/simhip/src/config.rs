//! Settings, all from the environment, read once at the first call.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::fault::{Injection, parse_injections};

/// When queued work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// When somebody waits for it: what was not waited for has not happened.
    Deferred,
    /// When it is queued.
    Eager,
}

#[derive(Clone, Debug)]
pub struct Config {
    /// Silicon of each device, such as `gfx1010`.
    pub silicon: Vec<String>,
    /// What every device calls itself instead.
    pub reported: Option<String>,
    pub memory_bytes: u64,
    /// Major and minor version of the runtime.
    pub rocm: (u32, u32),
    pub schedule: Schedule,
    /// Event times from the host's clock instead of the model.
    pub host_clock: bool,
    pub threads: usize,
    pub instruction_limit: u64,
    pub report: Option<PathBuf>,
    pub kfd: Option<PathBuf>,
    /// List the devices in reverse order in the KFD folder.
    pub kfd_reversed: bool,
    pub injections: Vec<Injection>,
    /// From this launch on the device is gone (1 is the first).
    pub lost_at: Option<u64>,
    /// This launch never ends: its number, or a part of its kernel's name.
    pub hang: Option<String>,
    /// Milliseconds that each launch takes longer.
    pub slow_ms: u64,
    pub lenient_range_check: bool,
    /// Tell each call on stderr.
    pub trace: bool,
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = var(name)?;
    let parsed = text.trim().parse().ok();
    if parsed.is_none() {
        eprintln!("simhip: {name}={text} is not a number; ignored");
    }
    parsed
}

fn flag(name: &str) -> bool {
    var(name).is_some_and(|v| v != "0")
}

/// A size with an optional suffix K, M or G.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, factor) = match text.chars().last()? {
        'K' | 'k' => (&text[..text.len() - 1], 1 << 10),
        'M' | 'm' => (&text[..text.len() - 1], 1 << 20),
        'G' | 'g' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// `10.3.0` as `gfx1030`, the way the ROCm runtime reads its override.
pub fn parse_override(text: &str) -> Option<String> {
    let mut parts = text.trim().split('.');
    let mut next = || parts.next()?.parse::<u32>().ok();
    let (major, minor, step) = (next()?, next()?, next()?);
    Some(format!("gfx{major}{minor:x}{step:x}"))
}

impl Config {
    fn from_environment() -> Self {
        let mut silicon: Vec<String> = var("SIMHIP_ARCH")
            .unwrap_or("gfx1010".into())
            .split(',')
            .map(|a| a.trim().to_string())
            .collect();
        if let Some(devices) = number::<usize>("SIMHIP_DEVICES") {
            let last = silicon.last().cloned().unwrap_or("gfx1010".into());
            silicon.resize(devices, last);
        }
        let host_threads = std::thread::available_parallelism().map_or(1, usize::from);
        let rocm = var("SIMHIP_ROCM").unwrap_or("5.2".into());
        let (major, minor) = rocm.split_once('.').unwrap_or((&rocm, "0"));
        let bytes = var("SIMHIP_MEMORY").and_then(|t| parse_bytes(&t));
        Config {
            silicon,
            reported: var("HSA_OVERRIDE_GFX_VERSION").and_then(|t| parse_override(&t)),
            memory_bytes: bytes.unwrap_or(6 << 30),
            rocm: (major.parse().unwrap_or(5), minor.parse().unwrap_or(2)),
            schedule: match var("SIMHIP_SCHEDULE").as_deref() {
                Some("eager") => Schedule::Eager,
                _ => Schedule::Deferred,
            },
            host_clock: var("SIMHIP_CLOCK").as_deref() == Some("host"),
            threads: number("SIMHIP_THREADS").unwrap_or(host_threads).max(1),
            instruction_limit: number("SIMHIP_LIMIT").unwrap_or(1 << 32),
            report: var("SIMHIP_REPORT").map(PathBuf::from),
            kfd: var("SIMHIP_KFD").map(PathBuf::from),
            kfd_reversed: flag("SIMHIP_KFD_REVERSED"),
            injections: var("SIMHIP_FAIL").map(|t| parse_injections(&t)).unwrap_or_default(),
            lost_at: number("SIMHIP_LOST"),
            hang: var("SIMHIP_HANG"),
            slow_ms: number("SIMHIP_SLOW_MS").unwrap_or(0),
            lenient_range_check: var("SIMHIP_RANGE_CHECK").as_deref() == Some("lenient"),
            trace: flag("SIMHIP_TRACE"),
        }
    }
}

pub fn config() -> &'static Config {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    CONFIG.get_or_init(Config::from_environment)
}
