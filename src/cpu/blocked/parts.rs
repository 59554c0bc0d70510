//! Backward-data of few pixels: the filter is packed part by part, as it is used.
//!
//! Where each weight meets few pixels, packing the filter as a whole costs more than multiplying: it goes
//! to memory and back. So a task takes some input channels of all phases of the stride, and for some output
//! channels at a time packs their weights, which then are in the L2 cache, and multiplies them with the
//! panels of each phase. The taps of all phases lie side by side in the filter, and are read once.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::data::{DataPlan, Inputs, Phase, Tile};
use crate::cpu::cache::CacheSizes;
use crate::cpu::element::{Element, Output};
use crate::cpu::filter::FilterMatrix;
use crate::cpu::filter_columns::column_stride;
use crate::cpu::tiles::{even_piece, pieces};
use crate::cpu::ukernel::{Left, TapColumn, multiply_source, pack_filter_columns};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};

/// Rows of a task at most: enough to spread the cost of packing panels, and of a distance of rows in the
/// packed part that is not mostly empty.
const MAX_ROWS: usize = 128;

/// Channels of the result, and how many of the reduction are packed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    pub rows: usize,
    pub channels: usize,
}

/// Some rows of a group, and their part of the output of each phase.
pub struct PartTask<'a, O> {
    group: usize,
    rows: Range<usize>,
    outs: Vec<TensorMut<'a, O>>,
}

impl Parts {
    /// Parts of filters with these phases, whose reductions are cut into blocks of up to `max_channels`.
    pub fn choose(filters: &[FilterMatrix], max_channels: usize, threads: NonZeroUsize) -> Self {
        let rows = filters.first().map_or(1, |filter| filter.gemm_m);
        let rows = even_piece(rows, MAX_ROWS.min(rows.div_ceil(threads.get())));
        let taps: usize = filters.iter().map(FilterMatrix::taps).sum();
        // A part of the most rows takes a quarter of the L2 cache, beside panels and sums. How long it is
        // must not depend on the threads, so fewer rows make it no longer.
        let channel_bytes = taps.max(1) * column_stride(MAX_ROWS) * size_of::<f32>();
        let channels = CacheSizes::get().l2_bytes / 4 / channel_bytes;
        Parts { rows, channels: channels.clamp(1, max_channels.max(1)) }
    }

    /// Floats of a packed part.
    fn packed_elems(&self, phases: &[Phase]) -> usize {
        phases.iter().map(|phase| self.phase_elems(&phase.filter)).sum()
    }

    fn phase_elems(&self, filter: &FilterMatrix) -> usize {
        self.channels * filter.taps() * column_stride(self.rows)
    }
}

impl DataPlan {
    /// Floats of a thread's packed part, and of the sums of all phases.
    pub(super) fn part_elems(&self, parts: &Parts) -> [usize; 2] {
        let pixels: usize = self.phases.iter().map(Phase::pixels).sum();
        [parts.packed_elems(&self.phases), parts.rows * pixels]
    }

    /// The output taken apart.
    pub(super) fn part_tasks<'a, O: Copy>(
        &self,
        parts: &Parts,
        out: TensorMut<'a, O>,
    ) -> Vec<PartTask<'a, O>> {
        let mut tasks = Vec::new();
        let Some(gemm_m) = self.phases.first().map(|phase| phase.filter.gemm_m) else {
            return tasks;
        };
        let row_pieces = pieces(&(0..gemm_m), parts.rows);
        for group in 0..self.problem.groups() {
            let of_rows = |rows: &Range<usize>| PartTask {
                group,
                rows: rows.clone(),
                outs: Vec::with_capacity(self.phases.len()),
            };
            tasks.extend(row_pieces.iter().map(of_rows));
        }
        for out in self.phase_outs(out) {
            let of_groups = out.split_every(1, gemm_m);
            let of_tasks = of_groups.into_iter().flat_map(|out| out.split_every(1, parts.rows));
            for (task, out) in tasks.iter_mut().zip(of_tasks) {
                task.outs.push(out);
            }
        }
        tasks
    }

    /// Returns whether the result has a NaN, as far as that matters.
    pub(super) fn run_part<T: Element, O: Output<f32>>(
        &self,
        inputs: &Inputs<'_, T>,
        parts: &Parts,
        [planes, panels, few, packed, sums]: [&mut [f32]; 5],
        task: PartTask<'_, O>,
    ) -> Result<bool> {
        let PartTask { group, rows, outs } = task;
        let filter = inputs.filter;
        let first = &self.phases[0].filter;
        let stride = column_stride(rows.len());
        let taps = self.tap_steps(parts, stride);
        let mut of_channel = Vec::with_capacity(taps.len());
        let mut sums_of_phases = Vec::with_capacity(self.phases.len());
        let mut rest = sums;
        for phase in &self.phases {
            let (of_phase, behind) = rest.split_at_mut(rows.len() * phase.pixels());
            sums_of_phases.push(of_phase);
            rest = behind;
        }
        for channels in pieces(&(0..first.channels()), parts.channels) {
            for (index, channel) in channels.clone().enumerate() {
                let begin = first.channel_begin(group, channel) + rows.start * first.row_stride();
                of_channel.clear();
                of_channel.extend(
                    taps.iter().map(|&(tap, step)| TapColumn { to: tap.to + index * step, ..tap }),
                );
                let row_stride = first.row_stride();
                let weights = &filter[begin..];
                let next = weights.get(first.channel_stride()..).unwrap_or(weights);
                let (isa, rows) = (self.isa, rows.len());
                pack_filter_columns(isa, weights, next, row_stride, rows, &of_channel, packed);
            }
            let mut packed_begin = 0;
            for (phase, sums) in self.phases.iter().zip(&mut sums_of_phases) {
                let part = &packed[packed_begin..];
                packed_begin += parts.phase_elems(&phase.filter);
                if phase.gather.taps() == 0 {
                    sums.fill(0.0);
                    continue;
                }
                let pixels = phase.gather.all_pixels(self.problem.n());
                let mut dst = MatrixMut::row_major(sums, rows.len(), phase.pixels());
                let tile = Tile { plan: self, phase, inputs, task: &pixels };
                let group_input = &inputs.input[phase.gather.group_offset(group)..];
                let mut starts = Vec::new();
                let columns =
                    tile.columns(group_input, &channels, [planes, few], panels, &mut starts);
                let a = Left::of_columns(part, stride);
                multiply_source(self.isa, a, panels, columns, &mut dst, channels.start > 0);
            }
        }
        let mut has_nan = false;
        let of_parts = sums_of_phases.chunks_exact(self.phases_of_part());
        for ((index, sums), out) in of_parts.enumerate().zip(outs) {
            let is_nan = |sums: &&mut [f32]| sums.iter().any(|sum| sum.is_nan());
            has_nan |= self.touches_padding && sums.iter().any(is_nan);
            match sums {
                [even, odd] => self.store_joined([even, odd], out),
                [sums] => self.store(sums, rows.len(), self.phases[index].pixels(), out)?,
                _ => unreachable!("a part has one phase, or both of a line"),
            }
        }
        Ok(has_nan)
    }

    /// The taps of all phases by rising offset: where they go for the first channel of a part, and how much
    /// further for the next one.
    fn tap_steps(&self, parts: &Parts, stride: usize) -> Vec<(TapColumn, usize)> {
        let mut begin = 0;
        let mut taps = Vec::new();
        for Phase { filter, .. } in &self.phases {
            let step = filter.taps() * stride;
            let of_phase = filter.tap_columns(stride);
            taps.extend(of_phase.map(|tap| (TapColumn { to: begin + tap.to, ..tap }, step)));
            begin += parts.phase_elems(filter);
        }
        taps.sort_unstable_by_key(|(tap, _)| tap.offset);
        taps
    }
}
