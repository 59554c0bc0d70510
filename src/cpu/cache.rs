//! Sizes of the caches that one thread may count on.
#![forbid(unsafe_code)]

use std::sync::OnceLock;

/// Bytes of each cache level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSizes {
    pub l1_bytes: usize,
    pub l2_bytes: usize,
    pub l3_bytes: usize,
}

impl CacheSizes {
    /// Of the first processor, as the kernel tells; where it does not tell, the
    /// sizes of small x86 servers of 2017 to 2020.
    pub fn get() -> CacheSizes {
        static SIZES: OnceLock<CacheSizes> = OnceLock::new();
        if let Some(&sizes) = SIZES.get() {
            return sizes;
        }
        let sizes = CacheSizes {
            l1_bytes: data_cache_bytes(1).unwrap_or(32 << 10),
            l2_bytes: data_cache_bytes(2).unwrap_or(512 << 10),
            l3_bytes: data_cache_bytes(3).unwrap_or(8 << 20),
        };
        *SIZES.get_or_init(|| sizes)
    }
}

fn data_cache_bytes(level: usize) -> Option<usize> {
    (0..8).find_map(|index| {
        let read = |what: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
            std::fs::read_to_string(path).ok()
        };
        let is_wanted =
            read("level")?.trim().parse() == Ok(level) && read("type")?.trim() != "Instruction";
        let kib: usize = read("size")?.trim().strip_suffix('K')?.parse().ok()?;
        (is_wanted && kib > 0).then_some(kib << 10)
    })
}
