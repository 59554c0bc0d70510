//! Outputs by the taps that they meet, each region a gather of its own.
//!
//! Taps far apart, of dilated filters, meet padding at much of an image: of 3 x 3 taps at a distance of
//! 6 on 33 x 33 pixels, a quarter of all products are with zeros.
#![forbid(unsafe_code)]

use std::ops::Range;
use std::sync::Arc;

use super::{Axis, Gather, Tap};
use crate::memory::TensorMut;

/// How the outputs of a gather are cut in h and w: the lengths of the pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions {
    lengths: [Vec<usize>; 2],
}

impl Regions {
    /// One region.
    pub fn whole(gather: &Gather) -> Self {
        Regions { lengths: [1, 2].map(|dim| vec![gather.axes[dim].out_len]) }
    }

    /// Regions in each of which every pixel meets the same taps.
    pub fn by_taps(gather: &Gather) -> Self {
        let lengths_of =
            |dim: usize| gather.axes[dim].runs_by_taps().into_iter().map(|run| run.len()).collect();
        Regions { lengths: [1, 2].map(lengths_of) }
    }

    /// Number of regions.
    pub fn count(&self) -> usize {
        self.lengths.iter().map(Vec::len).product()
    }

    /// The gathers of the regions, in the order of [`Regions::split`]: without the taps that fall outside
    /// the input everywhere.
    pub fn gathers(&self, gather: &Gather) -> Vec<Gather> {
        let [d, h, w] = &*gather.axes;
        let [of_h, of_w] = [(h, &self.lengths[0]), (w, &self.lengths[1])]
            .map(|(axis, lengths)| axes_of_pieces(axis, lengths));
        let mut gathers = Vec::with_capacity(of_h.len() * of_w.len());
        for h in &of_h {
            for w in &of_w {
                let axes = Arc::new([d.clone(), h.clone(), w.clone()]);
                gathers.push(Gather { axes, ..gather.clone() });
            }
        }
        gathers
    }

    /// The output in parts, one for each region.
    pub fn split<'a, T: Copy>(&self, out: TensorMut<'a, T>) -> Vec<TensorMut<'a, T>> {
        let mut parts = vec![out];
        for (dim, lengths) in [3, 4].into_iter().zip(&self.lengths) {
            parts = parts.into_iter().flat_map(|part| split_dim(part, dim, lengths)).collect();
        }
        parts
    }
}

impl Axis {
    /// The outputs in runs that meet the same taps all along.
    pub fn runs_by_taps(&self) -> Vec<Range<usize>> {
        let all = 0..self.out_len;
        let mut cuts = vec![0, self.out_len];
        for &tap in &self.taps {
            let inside = self.inside(tap, &all);
            cuts.extend([inside.start, inside.end]);
        }
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }
}

fn axes_of_pieces(axis: &Axis, lengths: &[usize]) -> Vec<Axis> {
    let mut begin = 0;
    let mut axes = Vec::with_capacity(lengths.len());
    for &out_len in lengths {
        let piece = begin..begin + out_len;
        let taps = axis.taps.iter().filter(|&&tap| !axis.inside(tap, &piece).is_empty());
        let shifted =
            taps.map(|tap| Tap { offset: tap.offset + (begin * axis.step) as i64, ..*tap });
        axes.push(Axis { out_len, taps: shifted.collect(), ..axis.clone() });
        begin += out_len;
    }
    axes
}

fn split_dim<'a, T: Copy>(
    out: TensorMut<'a, T>,
    dim: usize,
    lengths: &[usize],
) -> Vec<TensorMut<'a, T>> {
    let mut parts = Vec::with_capacity(lengths.len());
    let mut rest = out;
    for &len in &lengths[..lengths.len().saturating_sub(1)] {
        let (part, behind) = rest.split_at(dim, len);
        parts.push(part);
        rest = behind;
    }
    parts.push(rest);
    parts
}
