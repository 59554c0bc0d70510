//! What a convolution of few channels takes.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::{Blocking, Kernel};
use crate::cpu::cache::CacheSizes;
use crate::cpu::isa::Isa;
use crate::cpu::rates::{LINE_COST, PLANE_COST, STAGE_COST};
use crate::problem::DataType;

/// What starting a task costs, in multiply-adds: about 1 us at 50 G/s (two threads on 3 channels of 42 x 42,
/// Zen 3).
const TASK_COST: f64 = 5e4;

/// What storing a sum in place costs, in multiply-adds, and loading and storing a partial one: two
/// vectors in a cycle.
const STORE_COST: f64 = 2.0;

/// How much of the way to memory is left where sums go to the output while others are formed (fitted
/// to 3 input channels and 16 to 96 output channels of 44 x 44 to 224 x 224, Emerald Rapids, AVX-512); and where 512
/// bits are multiplied at once (32 and 48 channels of 160 x 160, Ice Lake).
const HIDDEN_MEMORY: f64 = 0.5;
const WIDE_HIDDEN_MEMORY: f64 = 0.9;

/// What bringing a weight into order takes, once from rows to tiles: 128 x 128 filters of 3 x 3,
/// Emerald Rapids.
const TILE_WEIGHT_US: f64 = 0.0005;

/// How much longer a single row takes for each multiply-add: one for each vector that is loaded, most
/// of which cross cache lines.
const SINGLE_ROW_COST: f64 = 2.0;

/// What products cost more whose planes lie in the L2 cache, from where all rows read them, as a part of it; for
/// a single tap in a line, since others find the line near (1 x 1 layers of 48 to 256 channels, Zen 3).
const FAR_PLANES_COST: f64 = 0.15;

/// How much longer it takes where 512 bits are multiplied at once: staging and storing do not take half as long (3
/// to 128 channels, Ice Lake).
pub(super) const WIDE_PACE: f64 = 1.25;

impl Kernel {
    /// The estimated time in multiply-adds of the busiest thread.
    pub fn cost(&self, threads: NonZeroUsize) -> f64 {
        let Blocking { pixel_box, channels: together, .. } = self.blocking;
        let [depth, lines, width] = pixel_box.spatial.map(|len| len as f64);
        let run = depth * lines * self.planes.layout.strides[2] as f64;
        let (rows, channels) = (self.rows() as f64, self.gather.channels as f64);
        let taps: usize = self.phases.iter().map(|phase| phase.taps).sum();
        let staged = channels * self.planes.layout.channel_stride as f64;
        let staged_lines = staged / self.planes.layout.strides[2] as f64;
        let phases = self.phases.len() as f64;
        let stored = phases * rows * depth * lines;
        let store = if self.sums_in_place() {
            stored * width * STORE_COST
        } else {
            stored * (width * STAGE_COST + LINE_COST)
        };
        let later_chunks = (self.gather.channels.div_ceil(together) - 1) as f64;
        let multiply = taps as f64 * channels * run * rows;
        let multiply = if self.rows() == 1 { SINGLE_ROW_COST * multiply } else { multiply };
        let planes_bytes = self.planes.elems(1) * size_of::<f32>();
        let is_far = planes_bytes > CacheSizes::get().l1_bytes;
        let line_taps = self.gather.axes[2].taps.len().max(1) as f64;
        let far = if is_far { FAR_PLANES_COST / line_taps } else { 0.0 };
        let multiply = (1.0 + far) * multiply;
        let task = multiply
            + later_chunks * phases * rows * run * STORE_COST
            + (channels + 1.0) * PLANE_COST
            + staged * STAGE_COST
            + staged_lines * LINE_COST
            + store;
        let groups = self.blocking.groups;
        let tasks = self.problem.groups().div_ceil(groups)
            * pixel_box.count(self.problem.n(), self.spatial());
        tasks.div_ceil(threads.get()) as f64 * (groups as f64 * task + TASK_COST)
    }

    /// Whether complete sums go to the output without a detour.
    fn sums_in_place(&self) -> bool {
        let role = self.problem.direction().output_role();
        let is_f32 = self.problem.tensor(role).dtype() == DataType::F32;
        self.phases.len() == 1 && is_f32 && self.problem.tensor5(role).strides[4] == 1
    }

    /// How much of the way to memory is left beside the multiplications.
    pub fn memory_share(&self) -> f64 {
        match (self.sums_in_place(), Isa::of_machine().is_wide()) {
            (true, true) => WIDE_HIDDEN_MEMORY,
            (true, false) => HIDDEN_MEMORY,
            (false, _) => 1.0,
        }
    }

    /// What packing the filter takes.
    pub fn pack_us(&self) -> f64 {
        let elems = self.workspace.total_bytes() / size_of::<f32>();
        let is_direct = self.problem.input_dtype() == DataType::F32 && self.has_rows_as_they_lie();
        elems as f64 * if is_direct { TILE_WEIGHT_US } else { 2.0 * TILE_WEIGHT_US }
    }
}
