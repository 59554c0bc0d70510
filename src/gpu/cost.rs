//! A guess of times, good enough to choose tiles and to order solvers.
#![forbid(unsafe_code)]

/// Shader clock of an RX 5600 XT at its rated boost (1560 MHz), cycles a microsecond.
const CLOCK_PER_US: f64 = 1560.0;

/// Its memory bandwidth, 288 GB/s, in bytes a microsecond; a program reaches some four fifths.
const BYTES_PER_US: f64 = 288e3 * 0.8;

/// What a launch costs beside its work; hipModuleLaunchKernel takes 4 to 8 us in ROCm's own
/// benchmarks.
const LAUNCH_US: f64 = 5.0;

/// Waves on a SIMD that hide half of what a lone wave waits. An assumption: no card was measured.
const HALF_HIDDEN_WAVES: f64 = 0.8;

/// How much of the shorter of computing and moving data the longer one does not hide. An assumption;
/// above zero, so that among tiles that memory bounds the one that computes least wins.
const UNHIDDEN: f64 = 0.1;

const SIMDS: f64 = 2.0;

/// Partial results of a split reduction may take at most this: cards have 4 to 8 GB.
pub const MAX_PARTIAL_BYTES: u64 = 256 << 20;

/// A grid of equal blocks.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub blocks: u64,
    pub waves_per_block: u32,
    /// Waves that fit on a SIMD.
    pub waves_per_simd: u32,
    /// Instructions that a wave issues.
    pub wave_instructions: f64,
    /// Bytes that the grid moves to and from memory, each once.
    pub bytes: f64,
}

impl Grid {
    /// Microseconds on a card with so many compute units.
    pub fn time_us(&self, compute_units: u32) -> f64 {
        let blocks_per_unit = (self.blocks as f64 / f64::from(compute_units)).ceil();
        let waves = blocks_per_unit * f64::from(self.waves_per_block) / SIMDS;
        let together = waves.min(f64::from(self.waves_per_simd));
        let issue_rate = together / (together + HALF_HIDDEN_WAVES);
        let compute_us = waves * self.wave_instructions / issue_rate / CLOCK_PER_US;
        let memory_us = self.bytes / BYTES_PER_US;
        compute_us.max(memory_us) + UNHIDDEN * compute_us.min(memory_us) + LAUNCH_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_blocks_than_units_take_more_rounds() {
        let grid = |blocks| Grid {
            blocks,
            waves_per_block: 8,
            waves_per_simd: 8,
            wave_instructions: 1e5,
            bytes: 0.0,
        };
        assert_eq!(grid(1).time_us(36), grid(36).time_us(36));
        assert!(grid(37).time_us(36) > grid(36).time_us(36));
    }
}
