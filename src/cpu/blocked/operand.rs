//! What backward-weights multiplies: x or dy, from the tensor itself or by way of planes.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::planes::{PixelLayout, Planes};
use crate::cpu::arena;
use crate::cpu::gather::{Gather, Order, PixelBox};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::BoxLengths;
use crate::cpu::ukernel::{Rows, pack_panel_transposed, panel_columns};

/// Packing reads runs in steps of four pixels.
const RUN_STEP: usize = 4;

/// One of the two tensors.
pub struct Operand {
    pub gather: Gather,
    planes: Planes,
    /// Where its pixels lie in the tensor itself, if they can be read there.
    in_tensor: Option<PixelLayout>,
}

impl Operand {
    /// For boxes of up to `lengths`, of one image, and `channels` at a time.
    pub fn new(mut gather: Gather, images: usize, lengths: &BoxLengths, channels: usize) -> Self {
        gather.order = Order::TapInner;
        Operand {
            planes: Planes::new(&gather, lengths, channels),
            in_tensor: PixelLayout::of_tensor(&gather, images),
            gather,
        }
    }

    /// Floats of its planes.
    pub fn planes_elems(&self) -> usize {
        arena::whole_lines(self.planes.elems(1) + RUN_STEP - 1)
    }

    /// Columns of its panels for some channels.
    pub fn columns(&self, channels: usize) -> usize {
        channels * self.gather.taps()
    }

    /// Rows of one tap, a channel each, that hold the pixels of a box; `tensor` begins with the
    /// group.
    pub fn rows<'a>(
        &self,
        isa: Isa,
        tensor: &'a [f32],
        channels: &Range<usize>,
        pixels: &PixelBox,
        planes: &'a mut [f32],
    ) -> Rows<'a> {
        if let Some(layout) = &self.in_tensor
            && layout.runs(pixels).0.len() == 1
        {
            let stride = layout.channel_stride;
            let first = channels.start * stride + layout.first_pixel(pixels);
            return Rows { data: &tensor[first + layout.tap_offsets[0]..], stride };
        }
        // Planes of one tap have no halo, so the pixels of a box are one run.
        self.planes.stage(isa, tensor, channels.clone(), pixels, planes);
        Rows { data: planes, stride: self.planes.layout.channel_stride }
    }

    /// Packs the pixels of a box as panels: a pixel a row, a channel and tap a column.
    pub fn pack(
        &self,
        isa: Isa,
        tensor: &[f32],
        channels: &Range<usize>,
        pixels: &PixelBox,
        planes: &mut [f32],
        panels: &mut [f32],
    ) {
        if let Some(layout) = &self.in_tensor {
            let first = channels.start * layout.channel_stride + layout.first_pixel(pixels);
            if pack_panels(isa, &tensor[first..], layout, channels.len(), pixels, panels) {
                return;
            }
        }
        self.planes.stage(isa, tensor, channels.clone(), pixels, planes);
        let is_packed =
            pack_panels(isa, planes, &self.planes.layout, channels.len(), pixels, panels);
        assert!(is_packed, "planes are long enough for their boxes");
    }
}

/// Returns false, with nothing done, where packing would read beyond the end of the source.
fn pack_panels(
    isa: Isa,
    source: &[f32],
    layout: &PixelLayout,
    channels: usize,
    pixels: &PixelBox,
    panels: &mut [f32],
) -> bool {
    let mut columns: Vec<usize> = (0..channels)
        .flat_map(|channel| {
            layout.tap_offsets.iter().map(move |tap| channel * layout.channel_stride + tap)
        })
        .collect();
    let (runs, len) = layout.runs(pixels);
    let reach = columns.iter().max().zip(runs.last()).map_or(0, |(column, run)| column + run);
    if reach + len.next_multiple_of(RUN_STEP) > source.len() {
        return false;
    }
    let panel_cols = panel_columns(isa);
    // Vectors are filled up with the first column.
    columns.resize(columns.len().next_multiple_of(panel_cols / 2), columns[0]);
    let panel_elems = pixels.len() * panel_cols;
    for (number, columns) in columns.chunks(panel_cols).enumerate() {
        let panel = &mut panels[number * panel_elems..];
        pack_panel_transposed(isa, source, columns, &runs, len, panel);
    }
    true
}
