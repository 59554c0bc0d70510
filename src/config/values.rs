//! What settings take: types, and how they are read from text.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Value of [`REAL_LIB`](super::REAL_LIB).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealLib {
    Search,
    Path(PathBuf),
    None,
}

/// Value of [`DEVICE`](super::DEVICE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Auto,
    Cpu,
}

/// Value of [`ISA`](super::ISA): instruction sets for which kernels exist, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsaLevel {
    /// What every processor of the architecture has.
    Scalar,
    /// AVX2, FMA and F16C: Intel since Haswell, AMD since Zen.
    Avx2Fma,
    /// AVX-512 F, DQ and VL besides: Intel servers since Skylake, AMD since Zen 4.
    Avx512,
}

/// Value of [`STRATEGY`](super::STRATEGY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Auto,
    ImplicitGemm,
    CpuFallback,
    Selective,
    Off,
}

impl Strategy {
    pub(super) const ALL: [Strategy; 5] = [
        Strategy::Auto,
        Strategy::ImplicitGemm,
        Strategy::CpuFallback,
        Strategy::Selective,
        Strategy::Off,
    ];

    /// As the setting spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::Auto => "auto",
            Strategy::ImplicitGemm => "implicit_gemm",
            Strategy::CpuFallback => "cpu_fallback",
            Strategy::Selective => "selective",
            Strategy::Off => "off",
        }
    }
}

/// Value of [`JOURNAL`](super::JOURNAL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Journal {
    /// In the user's folder for state.
    Usual,
    Folder(PathBuf),
    Off,
}

/// Value of [`REPORT`](super::REPORT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// On stderr, at the end of the process.
    Exit,
    File(PathBuf),
}

pub(super) fn strategy(text: &str) -> Option<Strategy> {
    Strategy::ALL.into_iter().find(|strategy| strategy.name() == text)
}

pub(super) fn device(text: &str) -> Option<Device> {
    match text {
        "auto" => Some(Device::Auto),
        "cpu" => Some(Device::Cpu),
        _ => None,
    }
}

/// `Some(None)` is no limit: what stands beside the highest level, AMX, included.
pub(super) fn isa(text: &str) -> Option<Option<IsaLevel>> {
    match text {
        "scalar" => Some(Some(IsaLevel::Scalar)),
        "avx2" => Some(Some(IsaLevel::Avx2Fma)),
        "avx512" => Some(Some(IsaLevel::Avx512)),
        "amx" => Some(None),
        _ => None,
    }
}

pub(super) fn threads(text: &str) -> Option<NonZeroUsize> {
    text.parse().ok().filter(|count: &NonZeroUsize| count.get() <= 1024)
}

pub(super) fn verbose(text: &str) -> Option<u8> {
    text.parse().ok().filter(|level| *level <= 3)
}

/// The words that MIOpen itself takes.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "yes" | "on" | "true" | "enable" | "enabled" => Some(true),
        "0" | "no" | "off" | "false" | "disable" | "disabled" => Some(false),
        _ => None,
    }
}

/// Bytes; `Some(None)` is no limit.
pub(super) fn limit_bytes(text: &str) -> Option<Option<u64>> {
    if text == "none" {
        return Some(None);
    }
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let factor: u64 = match text[digits.len()..].trim() {
        "" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return None,
    };
    let bytes = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    // The highest number stands for no limit where it is kept.
    (bytes < u64::MAX).then_some(Some(bytes))
}

/// `MIOPEN_LOG_LEVEL` counts 1 quiet, 2 fatal, 3 error, 4 warning, 5 info, 6 more info, 7 trace.
pub(super) fn verbose_of_log_level(level: u8) -> u8 {
    match level {
        0..=2 => 0,
        3 | 4 => 1,
        5 | 6 => 2,
        _ => 3,
    }
}
