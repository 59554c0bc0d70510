//! Instruction set levels: detected once, and only ever lowered by the user.
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use crate::config::{IsaLevel, config};
use crate::error::{Error, Result};

/// A level that this machine has.
///
/// There is no other way to get one than [`Isa::supported`] and what builds on
/// it. So a value of this type is the proof that kernels of its level may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isa(IsaLevel);

impl Isa {
    /// The level `level`, if this machine has it.
    pub fn supported(level: IsaLevel) -> Option<Isa> {
        (level <= detected()).then_some(Isa(level))
    }

    /// The level `level`, if this machine has it and `MIOPEN_BYPASS_ISA` admits it.
    pub fn allowed(level: IsaLevel) -> Option<Isa> {
        let admitted = config().isa.is_none_or(|highest| level <= highest);
        Self::supported(level).filter(|_| admitted)
    }

    /// The highest level that this machine has: for what gives the same bits at every level.
    pub fn of_machine() -> Isa {
        Isa(detected())
    }

    /// The highest level that this machine has and `MIOPEN_BYPASS_ISA` admits.
    pub fn highest() -> Isa {
        let level = config().isa.map_or(detected(), |highest| highest.min(detected()));
        Isa(level)
    }

    /// As [`Isa::allowed`].
    ///
    /// # Errors
    /// `NotImplemented` where there is none.
    pub fn require(level: IsaLevel) -> Result<Isa> {
        Self::allowed(level)
            .ok_or_else(|| Error::not_implemented("the processor lacks this instruction set"))
    }

    /// The level's name.
    pub fn level(self) -> IsaLevel {
        self.0
    }
}

fn detected() -> IsaLevel {
    static DETECTED: OnceLock<IsaLevel> = OnceLock::new();
    if let Some(&level) = DETECTED.get() {
        return level;
    }
    // As with settings: no lock is held, so a fork in between does no harm.
    let level = detect();
    *DETECTED.get_or_init(|| level)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> IsaLevel {
    let has_avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    if has_avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
        IsaLevel::Avx512
    } else if has_avx2 {
        IsaLevel::Avx2Fma
    } else {
        IsaLevel::Scalar
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> IsaLevel {
    IsaLevel::Scalar
}
