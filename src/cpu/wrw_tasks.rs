//! How the filter gradient is cut into tasks.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::tiles::pieces;
use crate::memory::TensorMut;

/// A block of the filter gradient of one group.
pub struct WrwTask<'a, O> {
    pub group: usize,
    /// Output channels, of the group.
    pub k: Range<usize>,
    /// Input channels, of the group.
    pub c: Range<usize>,
    pub out: TensorMut<'a, O>,
}

/// The whole filter gradient, `all_k` output and `all_c` input channels a group, in blocks of up to
/// `k` and `c` of them.
pub fn wrw_tasks<O: Copy>(
    out: TensorMut<'_, O>,
    [all_k, all_c]: [usize; 2],
    [k, c]: [usize; 2],
) -> Vec<WrwTask<'_, O>> {
    let mut tasks = Vec::new();
    for (group, of_group) in out.split_every(0, all_k).into_iter().enumerate() {
        for (k, of_k) in pieces(&(0..all_k), k).into_iter().zip(of_group.split_every(0, k)) {
            let parts = pieces(&(0..all_c), c).into_iter().zip(of_k.split_every(1, c));
            tasks.extend(parts.map(|(c, out)| WrwTask { group, k: k.clone(), c, out }));
        }
    }
    tasks
}

/// Sums of parts, `len` of each, added to those of the first one in their order.
pub fn add_parts(sums: &mut [f32], len: usize) -> &mut [f32] {
    let (total, others) = sums.split_at_mut(len);
    for part in others.chunks_exact(len) {
        for (total, &sum) in total.iter_mut().zip(part) {
            *total += sum;
        }
    }
    total
}
