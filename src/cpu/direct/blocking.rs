//! How a convolution of few channels is cut.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use crate::cpu::blocked::Planes;
use crate::cpu::cache::CacheSizes;
use crate::cpu::gather::Gather;
use crate::cpu::tiles::{BoxLengths, even_piece};
use crate::problem::{ConvProblem, Direction};

/// Pixels of a box at least, where there are as many: lines above and below a box are staged
/// twice.
const MIN_PIXELS: usize = 1024;

/// Pixels of a box at most.
const MAX_PIXELS: usize = 8192;

/// Rows at most where partial sums of some channels are added to: those of a register block.
const CHUNKED_ROWS: usize = 6;

/// Lines of a box and channels at least where channels go to partial sums.
const MIN_LINES: usize = 8;
const MIN_CHANNELS: usize = 4;

/// Tasks wanted for each thread, for an even load.
const TASKS_PER_THREAD: usize = 3;

/// Multiply-adds that are not worth a task of their own: some ten microseconds.
const MIN_TASK_MULTIPLY_ADDS: f64 = 4e5;

/// How a problem is cut.
#[derive(Clone, Copy, Debug)]
pub struct Blocking {
    /// Pixels of a phase; one image.
    pub pixel_box: BoxLengths,
    /// Channels of the reduction whose planes are in use together.
    pub channels: usize,
    /// Groups in a task.
    pub groups: usize,
}

impl Blocking {
    /// For `rows` channels of the result in a group.
    pub fn choose(
        problem: &ConvProblem,
        gather: &Gather,
        rows: usize,
        threads: NonZeroUsize,
    ) -> Self {
        let spatial = [0, 1, 2].map(|dim| gather.axes[dim].out_len);
        let caches = CacheSizes::get();
        let near_elems = caches.l1_bytes * 2 / 3 / size_of::<f32>();
        let far_elems = caches.l2_bytes / 2 / size_of::<f32>();
        // A pixel has an element in the planes of each phase that its taps need.
        let phases: usize = gather.axes.iter().map(|axis| axis.step.min(axis.taps.len())).product();
        let pixel_elems = gather.channels * phases.max(1);
        // The planes of all channels in the L1 cache, or else in half of the L2 cache, within
        // limits; which channels go together depends on the problem and the machine alone.
        let is_near = near_elems / pixel_elems >= MIN_PIXELS;
        let budget = if is_near { near_elems } else { far_elems };
        let mut pixels = (budget / pixel_elems).clamp(MIN_PIXELS, MAX_PIXELS);
        // Where a register block has all rows, some channels at a time in the L1 cache: partial
        // sums are few. The phases of backward-data have few taps for each of theirs.
        let by_channels = !is_near && rows <= CHUNKED_ROWS && phase_counts(problem) == [1; 3];
        let budget = if by_channels { near_elems } else { far_elems };
        if by_channels {
            // Lines above and below a box are staged twice.
            pixels = (MIN_LINES * spatial[2]).clamp(MIN_PIXELS, MAX_PIXELS);
        }
        let largest = BoxLengths { images: 1, ..BoxLengths::choose(1, spatial, pixels) };
        // A dimension that no tap meets has no planes.
        let plane_elems = Planes::new(gather, &largest, 1).layout.channel_stride.max(1);
        let most = (budget / plane_elems).max(if by_channels { MIN_CHANNELS } else { 1 });
        let channels = even_piece(gather.channels, most);

        let all_pixels: usize = spatial.iter().product();
        let planes = problem.groups() * problem.n();
        let work = problem.multiply_adds() / planes as f64;
        let wanted = (TASKS_PER_THREAD * threads.get()).div_ceil(planes);
        let affordable = (work / MIN_TASK_MULTIPLY_ADDS) as usize;
        let parts = if threads.get() == 1 { 1 } else { wanted.min(affordable).max(1) };
        let box_of =
            |parts: usize| BoxLengths::choose(1, spatial, pixels.min(all_pixels.div_ceil(parts)));
        // Fewer parts may give each thread as many pixels as the others.
        let busiest = |pixel_box: &BoxLengths| {
            let boxes = planes.saturating_mul(pixel_box.count(1, spatial));
            boxes.div_ceil(threads.get()).saturating_mul(pixel_box.pixels())
        };
        let boxes = (1..=parts).rev().map(box_of);
        let pixel_box = boxes.min_by_key(busiest).unwrap_or_else(|| box_of(1));
        let together = (MIN_TASK_MULTIPLY_ADDS / work.max(1.0)) as usize;
        Blocking { pixel_box, channels, groups: even_piece(problem.groups(), together) }
    }
}

/// Phases of the strides in each dimension.
pub fn phase_counts(problem: &ConvProblem) -> [usize; 3] {
    match problem.direction() {
        Direction::Bwd => [0, 1, 2].map(|d| problem.strides()[d].min(problem.in_spatial()[d])),
        Direction::Fwd | Direction::Wrw => [1; 3],
    }
}
