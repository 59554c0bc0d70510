//! A filter of a stride, or of many taps, as a sum of filters of a few neighbouring taps.
//!
//! Taps whose filter indices have one remainder modulo the stride meet inputs that far apart, whose
//! neighbours they are for neighbouring outputs: for them the stride is 1. Of these, some at a time make up
//! a sub-filter. Each has the channels of the whole, so a convolution is one of more channels and fewer taps:
//! 7 x 7 taps with a stride of 2 and 3 channels are 4 x 4 taps of 12 channels.
//!
//! Backward-data of a stride is the other way round: results with one remainder modulo the stride meet taps that
//! far apart, and neighbouring inputs. So each phase of the results has a sub-filter of its own, and all of
//! them meet one window of the inputs: a convolution of as many times the channels of the result.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Axis, Gather, Tap};
use crate::problem::ConvProblem;

/// Sub-filters in a dimension of `all` taps: of up to `taps` of those with one remainder modulo the stride.
pub fn axis_subfilters(all: usize, taps: usize, stride: usize) -> usize {
    // So many phases have a tap more than the others.
    let (of_each, longer) = (all / stride, all % stride);
    let others = stride.min(all) - longer;
    longer * (of_each + 1).div_ceil(taps) + others * of_each.div_ceil(taps)
}

impl Axis {
    /// The sub-filters, whose taps have rising offsets. What is missing to `taps` of them is behind the last
    /// filter index.
    fn subfilters(&self, taps: usize, stride: usize) -> Vec<Axis> {
        let mut all = self.taps.clone();
        all.sort_unstable_by_key(|tap| tap.offset);
        let apart = match all[..] {
            [first, second, ..] => second.offset - first.offset,
            _ => 1,
        };
        let mut subfilters = Vec::new();
        for phase in 0..stride.min(all.len()) {
            for first in (phase..all.len()).step_by(stride * taps) {
                let tap = |index: usize| {
                    let index = first + index * stride;
                    let offset = all[0].offset + index as i64 * apart;
                    all.get(index).copied().unwrap_or(Tap { filter_index: all.len(), offset })
                };
                subfilters.push(Axis { taps: (0..taps).map(tap).collect(), ..self.clone() });
            }
        }
        subfilters
    }
}

impl Gather {
    /// The sub-filters of `taps` squared in h and w, for strides of the filter in these dimensions; taps
    /// behind the last filter index weigh nothing.
    pub fn subfilters(&self, taps: usize, [stride_h, stride_w]: [usize; 2]) -> Vec<Gather> {
        let [d, h, w] = &*self.axes;
        let (of_h, of_w) = (h.subfilters(taps, stride_h), w.subfilters(taps, stride_w));
        let pairs = of_h.iter().flat_map(|h| of_w.iter().map(move |w| (h, w)));
        let subfilter = |(h, w): (&Axis, &Axis)| Gather {
            axes: Arc::new([d.clone(), h.clone(), w.clone()]),
            ..self.clone()
        };
        pairs.map(subfilter).collect()
    }
}

/// Inputs that all phases of the results of backward-data meet together, in a dimension.
pub fn stride_window(problem: &ConvProblem, dim: usize) -> usize {
    let (stride, pad) = (problem.strides()[dim] as i64, problem.pads()[dim] as i64);
    let last_tap = problem.filter_spatial()[dim] as i64 - 1;
    let up = |value: i64| (value + stride - 1).div_euclid(stride);
    // Tap t is met at (result + pad - t) / stride, where that divides.
    (up(pad) - up(pad - last_tap) + 1) as usize
}

impl Gather {
    /// Backward-data with a stride, of which both dimensions of dx are at least as long as: the window of all phases,
    /// `taps` squared, and the taps of each phase in it, h slowest; taps behind the last filter index weigh
    /// nothing.
    pub fn phase_windows(problem: &ConvProblem, taps: usize) -> (Gather, Vec<Gather>) {
        let phases = Gather::phases_over_y(problem);
        let lowest = [1, 2].map(|dim| {
            let offsets =
                phases.iter().flat_map(|phase| phase.axes[dim].taps.iter().map(|tap| tap.offset));
            offsets.min().unwrap_or(0)
        });
        let with_taps = |phase: &Gather, filter_index: &dyn Fn(&Axis, usize, i64) -> usize| {
            let axis = |dim: usize| {
                let axis = &phase.axes[dim];
                let tap = |index: usize| {
                    let offset = lowest[dim - 1] + index as i64;
                    Tap { filter_index: filter_index(axis, dim, offset), offset }
                };
                Axis { taps: (0..taps).map(tap).collect(), ..axis.clone() }
            };
            Gather { axes: Arc::new([phase.axes[0].clone(), axis(1), axis(2)]), ..phase.clone() }
        };
        let of_phase = |axis: &Axis, dim: usize, offset: i64| {
            let tap = axis.taps.iter().find(|tap| tap.offset == offset);
            tap.map_or(problem.filter_spatial()[dim], |tap| tap.filter_index)
        };
        // The first phase has the most results.
        let window = with_taps(&phases[0], &|_, _, offset| offset as usize);
        (window, phases.iter().map(|phase| with_taps(phase, &of_phase)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of sub-filters is that of those that are made, and each tap is in one of them.
    #[test]
    fn all_taps_once() {
        for (len, stride, taps) in
            (1..14).flat_map(|len| (1..6).flat_map(move |s| (2..6).map(move |taps| (len, s, taps))))
        {
            let tap = |index: usize| Tap { filter_index: index, offset: index as i64 - 2 };
            let all = (0..len).map(tap).collect();
            let axis = Axis { out_len: 7, step: stride, in_len: 9, in_stride: 1, taps: all };
            let subfilters = axis.subfilters(taps, stride);
            assert_eq!(subfilters.len(), axis_subfilters(len, taps, stride));
            let mut found: Vec<usize> = Vec::new();
            for subfilter in &subfilters {
                assert_eq!(subfilter.taps.len(), taps);
                for pair in subfilter.taps.windows(2) {
                    assert_eq!(pair[1].offset - pair[0].offset, stride as i64);
                }
                let real = subfilter.taps.iter().filter(|tap| tap.filter_index < len);
                found.extend(real.map(|tap| {
                    assert_eq!(tap.offset, tap.filter_index as i64 - 2);
                    tap.filter_index
                }));
            }
            found.sort_unstable();
            assert_eq!(found, (0..len).collect::<Vec<_>>());
        }
    }
}
