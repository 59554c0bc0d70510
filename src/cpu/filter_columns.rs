//! The filter of backward-data, packed column by column.
//!
//! Rows of the left matrix are input channels, which lie close together in the filter, while those of
//! the reduction are far apart. So the weights of all rows for one step of the reduction are taken from
//! one stretch of the filter, and stay side by side.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::filter::FilterMatrix;
use super::isa::Isa;
use super::pool;
use super::tiles::pieces;
use super::ukernel::{TapColumn, pack_filter_columns};
use crate::error::Result;

/// From column to column: an odd number of cache lines, so that columns do not share few sets of the
/// caches.
pub fn column_stride(rows: usize) -> usize {
    const LINE_ELEMS: usize = 16;
    (rows.div_ceil(LINE_ELEMS) | 1) * LINE_ELEMS
}

/// Floats that a phase takes with all its groups.
pub fn columns_elems(groups: usize, phase: &FilterMatrix) -> usize {
    groups * phase.gemm_k() * column_stride(phase.gemm_m)
}

/// Packs the filters of the phases of a problem, one behind the other: group, channel, tap, row.
///
/// # Errors
/// What the threads report.
pub fn pack_columns(
    isa: Isa,
    threads: NonZeroUsize,
    groups: usize,
    phases: &[&FilterMatrix],
    filter: &[f32],
    packed: &mut [f32],
) -> Result<()> {
    let Some(first) = phases.first() else {
        return Ok(());
    };
    let (rows, channels) = (first.gemm_m, first.channels());
    let stride = column_stride(rows);
    // What one channel has in each phase.
    let lengths: Vec<usize> = phases.iter().map(|phase| phase.taps() * stride).collect();
    // Channels of all groups.
    let all = pieces(&(0..groups * channels), channels_at_once(channels, rows, threads));
    let mut parts: Vec<_> = all.into_iter().map(|channels| (channels, Vec::new())).collect();
    let mut rest = packed;
    for &of_channel in &lengths {
        for (channels, of_phases) in &mut parts {
            let (part, behind) = rest.split_at_mut(channels.len() * of_channel);
            of_phases.push(part);
            rest = behind;
        }
    }
    pool::for_each(
        threads,
        parts,
        || Ok(()),
        |(), (all_channels, mut of_phases)| {
            for (index, channel) in all_channels.enumerate() {
                let filter = &filter[first.channel_begin(channel / channels, channel % channels)..];
                let next = filter.get(first.channel_stride()..).unwrap_or(filter);
                let row_stride = first.row_stride();
                for ((phase, part), &length) in phases.iter().zip(&mut of_phases).zip(&lengths) {
                    let columns = &mut part[index * length..][..length];
                    let mut taps: Vec<TapColumn> = phase.tap_columns(stride).collect();
                    taps.sort_unstable_by_key(|tap| tap.offset);
                    pack_filter_columns(isa, filter, next, row_stride, rows, &taps, columns);
                }
            }
            Ok(())
        },
    )
}

/// Channels of a thread's task: some hundred thousand weights, and parts for all threads.
fn channels_at_once(channels: usize, rows: usize, threads: NonZeroUsize) -> usize {
    const TASK_ROWS: usize = 1 << 14;
    (TASK_ROWS / rows.max(1)).min(channels.div_ceil(threads.get())).max(1)
}
