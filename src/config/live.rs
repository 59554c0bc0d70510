//! The settings that may change while the process runs, in two words that are read without a lock.
#![forbid(unsafe_code)]

use super::values::Strategy;
use super::{Config, config};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The settings of this moment that decide about calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    pub strategy: Strategy,
    pub size_threshold: u32,
    pub enable_implicit_gemm: bool,
    pub cpu_fallback: bool,
    pub cache_decisions: bool,
    /// 0 to 3, see [`VERBOSE`](super::VERBOSE).
    pub verbose: u8,
}

/// Never a packed value: the highest bit of those is set.
const UNREAD: u64 = 0;

static PACKED: AtomicU64 = AtomicU64::new(UNREAD);
static WORKSPACE_LIMIT_BYTES: AtomicU64 = AtomicU64::new(u64::MAX);
static GENERATION: AtomicU32 = AtomicU32::new(0);

impl Live {
    /// Bits 0 to 31 threshold, 32 to 34 strategy, 35 to 37 the switches, 38 and 39 verbosity.
    fn pack(self) -> u64 {
        let strategy = Strategy::ALL.iter().position(|one| *one == self.strategy).unwrap_or(0);
        1 << 63
            | u64::from(self.size_threshold)
            | (strategy as u64) << 32
            | u64::from(self.enable_implicit_gemm) << 35
            | u64::from(self.cpu_fallback) << 36
            | u64::from(self.cache_decisions) << 37
            | u64::from(self.verbose & 3) << 38
    }

    fn unpack(word: u64) -> Live {
        let bit = |at: u32| word >> at & 1 != 0;
        Live {
            size_threshold: word as u32,
            strategy: Strategy::ALL[(word >> 32 & 7) as usize % Strategy::ALL.len()],
            enable_implicit_gemm: bit(35),
            cpu_fallback: bit(36),
            cache_decisions: bit(37),
            verbose: (word >> 38 & 3) as u8,
        }
    }
}

fn first_read(config: &Config) -> u64 {
    let limit_bytes = config.workspace_limit_bytes.unwrap_or(u64::MAX);
    WORKSPACE_LIMIT_BYTES.store(limit_bytes, Ordering::Relaxed);
    let word = config.live.pack();
    match PACKED.compare_exchange(UNREAD, word, Ordering::Release, Ordering::Acquire) {
        Ok(_) => word,
        Err(now) => now,
    }
}

fn word() -> u64 {
    match PACKED.load(Ordering::Acquire) {
        UNREAD => first_read(config()),
        word => word,
    }
}

/// The settings in force now.
pub fn live() -> Live {
    Live::unpack(word())
}

/// The largest workspace that our solvers may ask for, if limited.
pub fn workspace_limit_bytes() -> Option<u64> {
    word();
    Some(WORKSPACE_LIMIT_BYTES.load(Ordering::Relaxed)).filter(|&bytes| bytes != u64::MAX)
}

/// A number that changes with every change of a setting: what was decided under another one is
/// to be decided again.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Acquire)
}

/// Changes the settings in force.
pub(super) fn change(edit: impl Fn(&mut Live)) {
    let mut before = word();
    loop {
        let mut live = Live::unpack(before);
        edit(&mut live);
        match PACKED.compare_exchange(before, live.pack(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => break,
            Err(now) => before = now,
        }
    }
    GENERATION.fetch_add(1, Ordering::AcqRel);
}

pub(super) fn limit_workspace(bytes: Option<u64>) {
    word();
    WORKSPACE_LIMIT_BYTES.store(bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    GENERATION.fetch_add(1, Ordering::AcqRel);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_survives_packing() {
        for strategy in Strategy::ALL {
            for switches in 0..8u8 {
                let live = Live {
                    strategy,
                    size_threshold: u32::MAX - u32::from(switches),
                    enable_implicit_gemm: switches & 1 != 0,
                    cpu_fallback: switches & 2 != 0,
                    cache_decisions: switches & 4 != 0,
                    verbose: switches & 3,
                };
                assert_eq!(Live::unpack(live.pack()), live);
                assert_ne!(live.pack(), UNREAD);
            }
        }
    }
}
