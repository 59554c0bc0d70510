//! What is known about each embedded kernel: from its metadata, its disassembly, and a model of
//! the local data share (LDS). The command `kernels` shows it, and the tests hold it to goals.
//!
//! The figures of the disassembly are worked out when they are asked for, from the bytes that the
//! library holds, so that no second copy of them can go stale; that takes LLVM's disassembler.
#![forbid(unsafe_code)]

use super::analysis::{Instruction, Mix, disassemble, hot_loop};
use super::code_object::{Kernel, describe, embedded};
use crate::error::Result;
use std::collections::BTreeMap;

/// A kernel and its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Name of the code object that holds it.
    pub object: &'static str,
    pub kernel: Kernel,
    /// Output channels and points (or input channels, or Winograd's tiles) of a block, for matrix
    /// kernels.
    pub tile: Option<[u32; 2]>,
    /// Instructions of the hot loop; `None` without a disassembler, or without a loop.
    pub mix: Option<Mix>,
    /// Cycles that a block loses to bank conflicts in one step of the hot loop, by the model of
    /// [`bank_conflicts`]; `None` for kernels that are no tiles.
    pub bank_conflict_cycles: Option<u32>,
}

/// The figures of every embedded kernel, and why those of the disassembly are missing if they are.
///
/// # Errors
/// Where an image is no code object, which no build embeds.
pub fn figures() -> Result<(Vec<Figures>, Option<String>)> {
    let (mut all, mut complaint) = (Vec::new(), None);
    for &(object, image) in embedded() {
        let code = match complaint {
            None => disassemble(image).unwrap_or_else(|reason| {
                complaint = Some(reason);
                BTreeMap::new()
            }),
            Some(_) => BTreeMap::new(),
        };
        let (_, kernels) = describe(image)?;
        all.extend(kernels.into_iter().map(|kernel| {
            let code: &[Instruction] = code.get(&kernel.name).map_or(&[], Vec::as_slice);
            let layout = Layout::of(&kernel);
            let winograd = Winograd::of(&kernel);
            Figures {
                object,
                tile: layout
                    .map(|layout| [layout.rows, layout.columns])
                    .or(winograd.map(|kernel| kernel.tile)),
                mix: hot_loop(code).map(|body| Mix::of(&body)),
                bank_conflict_cycles: layout
                    .map(Layout::conflict_cycles)
                    .or(winograd.map(Winograd::conflict_cycles)),
                kernel,
            }
        }));
    }
    Ok((all, complaint))
}

/// Where the threads of a matrix kernel read and write LDS (`kernels/tile.h`, `conv_tile.h` and
/// `wrw_tile.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    rows: u32,
    columns: u32,
    threads: u32,
    is_wrw: bool,
    /// The filter is turned round on its way into LDS.
    is_turned: bool,
    step: u32,
}

/// As in `kernels/wrw_tile.h`: the step, and the floats by which a row is longer than the tile.
const WRW_STEP: u32 = 8;
const WRW_SKEW: u32 = 4;

impl Layout {
    /// From the name, `TYPE_igemm_ROWSxCOLUMNS_...` or `TYPE_wrw_ROWSxCOLUMNS_...`.
    fn of(kernel: &Kernel) -> Option<Layout> {
        let mut words = kernel.name.split('_').skip(1);
        let is_wrw = match words.next()? {
            "igemm" => false,
            "wrw" => true,
            _ => return None,
        };
        let [rows, columns] = tile_of(words.next()?)?;
        let is_turned = words.next() == Some("place");
        // Two buffers of floats, or one where a wave is alone.
        let buffers = if kernel.threads > 32 { 2 } else { 1 };
        let step_bytes = 4 * buffers * (rows + columns);
        let step = if is_wrw { WRW_STEP } else { kernel.lds_bytes / step_bytes };
        Some(Layout { rows, columns, threads: kernel.threads, is_wrw, is_turned, step })
    }

    fn conflict_cycles(self) -> u32 {
        let skew = if self.is_wrw { WRW_SKEW } else { 0 };
        let (row_pitch, column_pitch) = (self.rows + skew, self.columns + skew);
        let columns_at = self.step * row_pitch;
        let thread_columns = self.columns / 8;
        let over_waves = |bytes: u32, address: &dyn Fn(u32) -> u32| {
            conflicts_of_block(self.threads, bytes, address)
        };
        let mut cycles = 0;
        // Threads that share a tile take different k.
        let of_tile = self.rows * self.columns / 64;
        let shares = self.threads / of_tile;
        for first_k in (0..self.step).step_by(shares as usize) {
            for half in [0, 1] {
                let k = |t: u32| first_k + t / of_tile;
                let row = |t: u32| {
                    t % of_tile / thread_columns * 16
                        + 4 * (k(t) * row_pitch + half * self.rows / 2)
                };
                let column = |t: u32| {
                    t % thread_columns * 16
                        + 4 * (columns_at + k(t) * column_pitch + half * self.columns / 2)
                };
                cycles += over_waves(16, &row) + over_waves(16, &column);
            }
        }
        if self.is_wrw {
            let lane_rows = self.threads / self.step * 4;
            let channel = |t: u32| t / self.step * 4;
            for first in (0..self.rows).step_by(lane_rows as usize) {
                let row = |t: u32| 4 * (t % self.step * row_pitch + channel(t) + first);
                cycles += over_waves(16, &row);
            }
            for first in (0..self.columns).step_by(lane_rows as usize) {
                let at = |t: u32| t % self.step * column_pitch + channel(t) + first;
                cycles += over_waves(16, &|t| 4 * (columns_at + at(t)));
            }
            return cycles;
        }
        let (row_fours, gathered) = (self.rows / 4, self.columns * self.step / self.threads);
        let filter_k = self.threads / row_fours;
        for i in 0..self.rows * self.step / self.threads / 4 {
            if self.is_turned {
                let four = |t: u32| t + i * self.threads;
                for c in 0..4 {
                    let k = |t: u32| four(t) / self.rows * 4 + c;
                    cycles += over_waves(4, &|t| 4 * (k(t) * self.rows + four(t) % self.rows));
                }
                continue;
            }
            let k = |t: u32| t / row_fours + i * filter_k;
            cycles += over_waves(16, &|t| 4 * (k(t) * self.rows + t % row_fours * 4));
        }
        let sets = (self.columns / self.threads).max(1);
        let (set_columns, of_set) = (self.columns / sets, gathered / sets);
        for set in 0..sets {
            for i in 0..of_set {
                let k = |t: u32| t / set_columns * of_set + i;
                let column = |t: u32| t % set_columns + set * set_columns;
                cycles += over_waves(4, &|t| 4 * (columns_at + k(t) * self.columns + column(t)));
            }
        }
        cycles
    }
}

/// `ROWSxCOLUMNS`.
fn tile_of(word: &str) -> Option<[u32; 2]> {
    let (rows, columns) = word.split_once('x')?;
    Some([rows.parse().ok()?, columns.parse().ok()?])
}

/// Where the threads of a Winograd kernel read and write LDS (`kernels/winograd.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Winograd {
    tile: [u32; 2],
    is_packed: bool,
    is_pixels: bool,
}

impl Winograd {
    /// From the name, `TYPE_winograd_ROWSxTILES_SOURCE`.
    fn of(kernel: &Kernel) -> Option<Winograd> {
        let (_, rest) = kernel.name.split_once("_winograd_")?;
        let (tile, source) = rest.split_once('_')?;
        let is_pixels = source == "pixels";
        let is_packed = is_pixels || source == "packed";
        Some(Winograd { tile: tile_of(tile)?, is_packed, is_pixels })
    }

    /// Conflicts in one step.
    fn conflict_cycles(self) -> u32 {
        /// Bytes of one operand's four channels at one slot, and of one channel.
        const SLOT: u32 = 512;
        const CHANNEL: u32 = 128;
        const PATCHES_AT: u32 = 16 * SLOT;
        let over_waves =
            |bytes: u32, address: &dyn Fn(u32) -> u32| conflicts_of_block(256, bytes, address);
        let mut cycles = 0;
        for channel in 0..4 {
            // An unpacked filter, and the channels of pixels, are swizzled by the channel.
            let swizzle = |is_swizzled: bool| if is_swizzled { channel * 32 } else { 0 };
            let (of_rows, of_columns) = (swizzle(!self.is_packed), swizzle(self.is_pixels));
            for half in [0, 64] {
                let at = |t: u32| t / 16 * SLOT + channel * CHANNEL;
                cycles += over_waves(16, &|t| at(t) + ((t % 16 / 4 * 16 + half) ^ of_rows));
                cycles +=
                    over_waves(16, &|t| PATCHES_AT + at(t) + ((t % 4 * 16 + half) ^ of_columns));
            }
        }
        if self.is_packed {
            cycles += (0..2).map(|i| over_waves(16, &|t| t * 16 + i * 4096)).sum::<u32>();
        }
        for slot in 0..8 {
            let half = |t: u32| t / 128 * 8 * SLOT + slot * SLOT;
            // Four lanes, or a wave, for a channel; the others go along the tiles or rows.
            let swizzled = |t: u32| t % 4 * CHANNEL + ((t % 128 / 4 * 4) ^ (t % 4 * 32));
            let patch = |t: u32| match self.is_pixels {
                true => swizzled(t),
                false => t / 32 % 4 * CHANNEL + t % 32 * 4,
            };
            cycles += over_waves(4, &|t| PATCHES_AT + half(t) + patch(t));
            if !self.is_packed {
                cycles += over_waves(4, &|t| half(t) + swizzled(t));
            }
        }
        cycles
    }
}

/// Cycles that the waves of a block lose together in one access.
fn conflicts_of_block(threads: u32, bytes: u32, address: &dyn Fn(u32) -> u32) -> u32 {
    (0..threads)
        .step_by(32)
        .map(|first| {
            let end = (first + 32).min(threads);
            bank_conflicts(&(first..end).map(address).collect::<Vec<_>>(), bytes)
        })
        .sum()
}

/// Cycles beyond the least that one access of a wave to LDS takes, by the byte addresses of its
/// lanes.
///
/// A model: 32 banks of 4 bytes; up to 4 bytes a lane are served for 32 lanes in one pass, 8 bytes
/// for 16, more for 8; a pass takes as many cycles as its busiest bank has distinct dwords.
pub fn bank_conflicts(addresses: &[u32], bytes: u32) -> u32 {
    let lanes_a_pass = match bytes {
        0..=4 => 32,
        5..=8 => 16,
        _ => 8,
    };
    let extra = |lanes: &[u32]| {
        let mut dwords: Vec<u32> =
            lanes.iter().flat_map(|at| at / 4..=(at + bytes - 1) / 4).collect();
        dwords.sort_unstable();
        dwords.dedup();
        let mut banks = [0u32; 32];
        dwords.iter().for_each(|dword| banks[*dword as usize % 32] += 1);
        banks.into_iter().max().unwrap_or(0).saturating_sub(1)
    };
    addresses.chunks(lanes_a_pass).map(extra).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(address: impl Fn(u32) -> u32) -> Vec<u32> {
        (0..32).map(address).collect()
    }

    #[test]
    fn conflicts_are_counted_by_passes() {
        assert_eq!(bank_conflicts(&lanes(|lane| 4 * lane), 4), 0);
        // One dword for all is a broadcast; every second dword meets 16 banks twice.
        assert_eq!(bank_conflicts(&lanes(|_| 64), 4), 0);
        assert_eq!(bank_conflicts(&lanes(|lane| 8 * lane), 4), 1);
        assert_eq!(bank_conflicts(&lanes(|lane| 128 * lane), 4), 31);
        assert_eq!(bank_conflicts(&lanes(|lane| 16 * lane), 16), 0);
        // Four passes of eight lanes, two banks' worth apart each.
        assert_eq!(bank_conflicts(&lanes(|lane| 32 * lane), 16), 4);
    }

    #[test]
    fn a_layout_without_skew_would_be_found() {
        let layout =
            Layout { rows: 64, columns: 64, threads: 64, is_wrw: true, is_turned: false, step: 8 };
        assert_eq!(layout.conflict_cycles(), 0);
        // Eight lanes of a store lie a whole row apart: without the skew in the same four banks.
        let row = |pitch: u32| lanes(|t| 4 * (t % 8 * pitch + t / 8 * 4));
        assert_eq!(bank_conflicts(&row(64 + WRW_SKEW), 16), 0);
        assert_eq!(bank_conflicts(&row(64), 16), 4 * 7);
    }
}
