//! Instruction set levels: detected once, and only ever lowered by the user.
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use super::ukernel::tiles_are_permitted;
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

    /// Whether vectors are of 512 bits and computed at once: caches and memory are further then, beside them.
    /// For estimates only.
    pub fn is_wide(self) -> bool {
        self.0 == IsaLevel::Avx512 && !halves_512_bits()
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

/// Instructions that sum products of int8, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Int8Kernel {
    /// What every processor of the architecture has.
    Scalar,
    /// `vpmaddwd` of AVX2.
    Avx2,
    /// `vpdpbusd` of AVX-VNNI: Intel since Alder Lake, AMD since Zen 5.
    AvxVnni,
    /// `vpmaddwd` of AVX-512 BW.
    Avx512Bw,
    /// `vpdpbusd` of AVX-512 VNNI: Intel since Ice Lake, AMD since Zen 4.
    Avx512Vnni,
    /// `tdpbsud` of AMX: Intel servers since Sapphire Rapids.
    Amx,
}

impl Int8Kernel {
    /// The level that its instructions go with.
    fn level(self) -> IsaLevel {
        match self {
            Int8Kernel::Scalar => IsaLevel::Scalar,
            Int8Kernel::Avx2 | Int8Kernel::AvxVnni => IsaLevel::Avx2Fma,
            Int8Kernel::Avx512Bw | Int8Kernel::Avx512Vnni | Int8Kernel::Amx => IsaLevel::Avx512,
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_detected(self) -> bool {
        match self {
            Int8Kernel::Scalar | Int8Kernel::Avx2 => true,
            Int8Kernel::AvxVnni => is_x86_feature_detected!("avxvnni"),
            Int8Kernel::Avx512Bw => is_x86_feature_detected!("avx512bw"),
            Int8Kernel::Avx512Vnni => is_x86_feature_detected!("avx512vnni"),
            Int8Kernel::Amx => AmxIsa::allowed().is_some(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_detected(self) -> bool {
        self == Int8Kernel::Scalar
    }
}

/// Instructions for int8 that this machine has beside their level.
///
/// As with [`Isa`], there is no other way to get one than [`Int8Isa::allowed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Int8Isa {
    kernel: Int8Kernel,
    isa: Isa,
}

impl Int8Isa {
    /// The instructions, if this machine has them and `MIOPEN_BYPASS_ISA` admits their level.
    pub fn allowed(kernel: Int8Kernel) -> Option<Int8Isa> {
        let isa = Isa::allowed(kernel.level())?;
        kernel.is_detected().then_some(Int8Isa { kernel, isa })
    }

    /// As [`Int8Isa::allowed`].
    ///
    /// # Errors
    /// `NotImplemented` where there are none.
    pub fn require(kernel: Int8Kernel) -> Result<Int8Isa> {
        Self::allowed(kernel)
            .ok_or_else(|| Error::not_implemented("the processor lacks these instructions"))
    }

    /// Their name.
    pub fn kernel(self) -> Int8Kernel {
        self.kernel
    }

    /// The level that they go with.
    pub fn isa(self) -> Isa {
        self.isa
    }

    /// The tiles, where they are these instructions.
    pub fn amx(self) -> Option<AmxIsa> {
        (self.kernel == Int8Kernel::Amx).then_some(AmxIsa(self.isa))
    }
}

/// The tiles of AMX, which this machine has beside AVX-512 and the system lets this process use.
///
/// As with [`Isa`], there is no other way to get one than [`AmxIsa::allowed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AmxIsa(Isa);

impl AmxIsa {
    /// The tiles, if there are any and `MIOPEN_BYPASS_ISA` sets no limit. Asks the system for them
    /// at the first call.
    pub fn allowed() -> Option<AmxIsa> {
        let isa = Isa::allowed(IsaLevel::Avx512).filter(|_| config().isa.is_none())?;
        tiles_are_permitted().then_some(AmxIsa(isa))
    }

    /// As [`AmxIsa::allowed`].
    ///
    /// # Errors
    /// `NotImplemented` where there are none.
    pub fn require() -> Result<AmxIsa> {
        Self::allowed().ok_or_else(|| Error::not_implemented("this process has no tiles of AMX"))
    }

    /// The level that goes with them.
    pub fn isa(self) -> Isa {
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
    let has_avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    if has_avx2 && has_avx512 {
        IsaLevel::Avx512
    } else if has_avx2 {
        IsaLevel::Avx2Fma
    } else {
        IsaLevel::Scalar
    }
}

/// Whether operations of 512 bits are done in halves, so that they take as long as two of 256: AMD's
/// Zen 4, and Zen 5 in small machines. For estimates only.
pub fn halves_512_bits() -> bool {
    static HALVES: OnceLock<bool> = OnceLock::new();
    if let Some(&halves) = HALVES.get() {
        return halves;
    }
    let halves = lacks_512_bit_path();
    *HALVES.get_or_init(|| halves)
}

#[cfg(target_arch = "x86_64")]
fn lacks_512_bit_path() -> bool {
    use std::arch::x86_64::{__cpuid, __get_cpuid_max};
    /// AMD's leaf of performance optimisations, which Intel does not have, and the bit in EAX of a data
    /// path of 512 bits (AMD's Architecture Programmer's Manual, volume 3, appendix E.4).
    const LEAF: u32 = 0x8000_001A;
    const FP512: u32 = 1 << 3;
    __get_cpuid_max(0x8000_0000).0 >= LEAF && __cpuid(LEAF).eax & FP512 == 0
}

#[cfg(not(target_arch = "x86_64"))]
fn lacks_512_bit_path() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> IsaLevel {
    IsaLevel::Scalar
}
