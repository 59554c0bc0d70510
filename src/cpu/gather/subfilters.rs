//! A filter of a stride, or of many taps, as a sum of filters of a few neighbouring taps.
//!
//! Taps whose filter indices have one remainder modulo the stride meet inputs that far apart, whose
//! neighbours they are for neighbouring outputs: for them the stride is 1. Of these, some at a time make up
//! a sub-filter. Each has the channels of the whole, so a convolution is one of more channels and fewer taps:
//! 7 x 7 taps with a stride of 2 and 3 channels are 4 x 4 taps of 12 channels.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Axis, Gather, Tap};

/// Sub-filters in a dimension of `all` taps: of up to `taps` of those with one remainder modulo the stride.
pub fn axis_subfilters(all: usize, taps: usize, stride: usize) -> usize {
    (0..stride.min(all)).map(|phase| (all - phase).div_ceil(stride).div_ceil(taps)).sum()
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
