//! Planes of the sub-filters of a filter, see [`Gather::subfilters`], and of the phases of its dilation: for each phase an
//! image of its own, for each sub-filter channels of its own.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::cpu::blocked::{PixelLayout, Planes};
use crate::cpu::element::Element;
use crate::cpu::gather::{Gather, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::BoxLengths;

/// Images are numbered phase by phase.
pub struct SubfilterPlanes {
    /// One sub-filter after the other, those of all phases; all with one layout.
    planes: Vec<Planes>,
    phases: usize,
    /// Images of a phase.
    n: usize,
}

/// Some channels of a sub-filter.
pub struct SubfilterChannels {
    pub subfilter: usize,
    pub channels: Range<usize>,
}

/// Where the lines of a box's tiles begin, `None` for zeros; zeros before them, and elements that exist.
pub struct TileLines {
    pub begins: Vec<Option<usize>>,
    pub before: usize,
    pub len: usize,
}

impl TileLines {
    /// The lines of tiles of `window` squared, `step` apart, in the images of a box.
    fn new(
        pixels: &PixelBox,
        [window, step]: [usize; 2],
        [before, len]: [usize; 2],
        begin: impl Fn(usize, usize) -> Option<usize>,
    ) -> Self {
        let mut begins = Vec::new();
        for image in pixels.n.clone() {
            for row in 0..pixels.o[1].len() / step {
                begins.extend((0..window).map(|line| begin(image, row * step + line)));
            }
        }
        TileLines { begins, before, len }
    }
}

impl SubfilterPlanes {
    /// For boxes of up to `lengths`, with up to `channels` of all sub-filters together.
    pub fn new(
        subfilters: &[Gather],
        dilations: [usize; 2],
        n: usize,
        lengths: &BoxLengths,
        channels: usize,
    ) -> Self {
        let of_phases = |subfilter: &Gather| subfilter.dilated_phases(dilations);
        let planes: Vec<Planes> = subfilters
            .iter()
            .flat_map(of_phases)
            .map(|phase| Planes::new(&phase, lengths, channels))
            .collect();
        SubfilterPlanes { phases: planes.len() / subfilters.len(), planes, n }
    }

    /// Lines of tiles in the tensor itself, whose images are `n_stride` apart, as a sub-filter meets them.
    pub fn lines_in_tensor(
        &self,
        subfilter: usize,
        n_stride: usize,
        pixels: &PixelBox,
        tiles: [usize; 2],
    ) -> TileLines {
        let phases = self.planes[subfilter * self.phases].lines(pixels);
        let (shape, lines) = &phases[0];
        TileLines::new(pixels, tiles, [shape.before, shape.len], |image, line| {
            lines[line].1.map(|begin| begin + image * n_stride)
        })
    }

    /// Lines of tiles in planes that [`SubfilterPlanes::stage`] has filled for the box.
    pub fn lines_in_planes(&self, pixels: &PixelBox, [window, step]: [usize; 2]) -> TileLines {
        let [image_stride, _, line_stride] = self.layout().strides;
        let len = pixels.o[2].len() + window - step;
        TileLines::new(pixels, [window, step], [0, len], |image, line| {
            Some((image - pixels.n.start) * image_stride + line * line_stride)
        })
    }

    /// Where things lie, in the planes of any sub-filter and phase.
    pub fn layout(&self) -> &PixelLayout {
        &self.planes[0].layout
    }

    /// Elements of the planes of `images` images.
    pub fn elems(&self, images: usize) -> usize {
        self.planes[0].elems(images)
    }

    /// Fills the planes of the images and pixels of a box, with some channels of some sub-filters, one behind
    /// the other.
    pub fn stage<T: Element>(
        &self,
        isa: Isa,
        group_input: &[T],
        subfilters: &[SubfilterChannels],
        pixels: &PixelBox,
        planes: &mut [f32],
    ) {
        let images = &pixels.n;
        let layout = self.layout();
        let mut image = images.start;
        while image < images.end {
            let phase = image / self.n;
            let of_phase = image..images.end.min((phase + 1) * self.n);
            let all: Vec<_> = subfilters
                .iter()
                .map(|SubfilterChannels { subfilter, channels }| {
                    let planes = &self.planes[subfilter * self.phases + phase];
                    (planes, planes.lines(pixels), channels)
                })
                .collect();
            // Image by image, for lines spill to what lies behind them.
            for image in of_phase.clone() {
                let n = image - phase * self.n;
                let of_tensor = PixelBox { n: n..n + 1, o: pixels.o.clone() };
                let mut place = (image - images.start) * layout.strides[0];
                for (of_subfilter, lines, channels) in &all {
                    let to = &mut planes[place..];
                    let some = (*channels).clone();
                    of_subfilter.stage_lines(isa, group_input, some, &of_tensor, lines, to);
                    place += channels.len() * layout.channel_stride;
                }
            }
            image = of_phase.end;
        }
    }
}
