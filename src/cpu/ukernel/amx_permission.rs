//! Whether this process may use AMX.

/// The answer of the system, asked once a process; a forked child inherits the permission.
pub(super) fn granted() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        use std::sync::OnceLock;
        static GRANTED: OnceLock<bool> = OnceLock::new();
        if let Some(&granted) = GRANTED.get() {
            return granted;
        }
        // As with settings: no lock is held, so a fork in between does no harm.
        let granted = linux::has_tiles() && linux::ask();
        *GRANTED.get_or_init(|| granted)
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod linux {
    use std::arch::x86_64::{__cpuid_count, __get_cpuid_max};

    /// Tiles, and their products of bf16 and int8.
    pub(super) fn has_tiles() -> bool {
        /// Bits of leaf 7 in EDX, by Intel's manual: AMX-BF16, AMX-TILE, AMX-INT8.
        const WANTED: u32 = 1 << 22 | 1 << 24 | 1 << 25;
        const LEAF: u32 = 7;
        // What kernels beside tiles use; every processor with tiles has it.
        let has_words =
            is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl");
        has_words && __get_cpuid_max(0).0 >= LEAF && __cpuid_count(LEAF, 0).edx & WANTED == WANTED
    }

    /// Asks Linux for the state of tiles, as its documentation of `arch_prctl` wants it since 5.16.
    /// Refused by older systems, and where a thread has an alternative signal stack on which that
    /// state has no room.
    pub(super) fn ask() -> bool {
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: takes numbers alone, and changes nothing but what the process may use.
        unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
    }
}
