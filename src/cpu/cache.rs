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

/// A cache as its sets see it: addresses a period apart share one.
#[derive(Clone, Copy, Debug)]
pub struct CacheSets {
    period_bytes: usize,
    ways: usize,
}

impl CacheSets {
    /// Of the L1 cache: of 64 sets on processors since 2008 (32 KiB of 8 ways, 48 KiB of 12).
    pub fn l1() -> Self {
        Self::new(4 << 10, CacheSizes::get().l1_bytes)
    }

    /// Of the L2 cache: of 2048 sets since 2017, where it has 1 or 2 MiB.
    pub fn l2() -> Self {
        Self::new(128 << 10, CacheSizes::get().l2_bytes)
    }

    fn new(period_bytes: usize, cache_bytes: usize) -> Self {
        CacheSets { period_bytes, ways: (cache_bytes / period_bytes).max(1) }
    }

    /// How many lines at one distance it holds.
    pub fn lines(self, stride_bytes: usize) -> usize {
        let distinct_bytes = (1 << stride_bytes.trailing_zeros().min(31)).min(self.period_bytes);
        self.period_bytes / distinct_bytes * self.ways
    }

    /// How many lines it holds.
    pub fn all_lines(self) -> usize {
        const LINE_BYTES: usize = 64;
        self.period_bytes / LINE_BYTES * self.ways
    }

    /// How many lines at one distance it holds, with one of its ways left to what lies beside them.
    pub fn lines_beside_others(self, stride_bytes: usize) -> usize {
        let lines = self.lines(stride_bytes);
        (lines - lines / self.ways).max(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_at_a_distance_share_sets() {
        let sets = CacheSets::new(4 << 10, 32 << 10);
        assert_eq!(
            [4096, 8192, 6144, 64, 4160].map(|bytes| sets.lines(bytes)),
            [8, 8, 16, 512, 512]
        );
        assert_eq!(sets.lines_beside_others(4096), 7);
        assert_eq!(CacheSets::new(4 << 10, 4 << 10).lines_beside_others(4096), 1);
    }
}
