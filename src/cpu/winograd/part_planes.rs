//! Planes of the parts of a filter, see [`Gather::parts`], and of the phases of its dilation: for each phase an
//! image of its own, for each part channels of its own.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::cpu::blocked::{PixelLayout, Planes};
use crate::cpu::element::Element;
use crate::cpu::gather::{Gather, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::BoxLengths;

/// Images are numbered phase by phase.
pub struct PartPlanes {
    /// Part by part, those of all phases; all with one layout.
    planes: Vec<Planes>,
    phases: usize,
    /// Images of a phase.
    n: usize,
}

/// Some channels of a part.
pub struct PartChannels {
    pub part: usize,
    pub channels: Range<usize>,
}

impl PartPlanes {
    /// For boxes of up to `lengths`, with up to `channels` of all parts together.
    pub fn new(
        parts: &[Gather],
        dilations: [usize; 2],
        n: usize,
        lengths: &BoxLengths,
        channels: usize,
    ) -> Self {
        let of_part = |part: &Gather| part.dilated_phases(dilations);
        let planes: Vec<Planes> = parts
            .iter()
            .flat_map(of_part)
            .map(|phase| Planes::new(&phase, lengths, channels))
            .collect();
        PartPlanes { phases: planes.len() / parts.len(), planes, n }
    }

    /// Planes of the first part and phase.
    pub fn first(&self) -> &Planes {
        &self.planes[0]
    }

    /// Where things lie, in the planes of any part and phase.
    pub fn layout(&self) -> &PixelLayout {
        &self.first().layout
    }

    /// Elements of the planes of `images` images.
    pub fn elems(&self, images: usize) -> usize {
        self.first().elems(images)
    }

    /// Fills the planes of the images and pixels of a box, with some channels of some parts, one behind the
    /// other.
    pub fn stage<T: Element>(
        &self,
        isa: Isa,
        group_input: &[T],
        parts: &[PartChannels],
        pixels: &PixelBox,
        planes: &mut [f32],
    ) {
        let images = &pixels.n;
        let [image_elems, ..] = self.layout().strides;
        let mut image = images.start;
        while image < images.end {
            let phase = image / self.n;
            let begin = phase * self.n;
            let of_phase = image..images.end.min(begin + self.n);
            let of_tensor =
                PixelBox { n: of_phase.start - begin..of_phase.end - begin, o: pixels.o.clone() };
            let mut place = (image - images.start) * image_elems;
            for PartChannels { part, channels } in parts {
                let of_part = &self.planes[part * self.phases + phase];
                let channels = channels.clone();
                let len = channels.len();
                of_part.stage(isa, group_input, channels, &of_tensor, &mut planes[place..]);
                place += len * self.layout().channel_stride;
            }
            image = of_phase.end;
        }
    }
}
