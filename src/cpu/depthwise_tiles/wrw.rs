//! Backward-weights of depthwise layers, a vector of channels at a time.
//!
//! Tiles of x and dy are multiplied pixel by pixel, with the sums of a filter in registers: a
//! vector of sums is that of as many channels, so none has to be added up in itself.
//!
//! Numerics: f32 sums in the order of the pixels, in as many parts as the problem has, which are
//! then added up in order: the bits do not depend on the number of threads.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::Geometry;
use super::tile::{StagedBox, TileLayout, any, store_lanes};
use crate::cpu::arena;
use crate::cpu::element::{Element, Output};
use crate::cpu::float_plan::FloatKernel;
use crate::cpu::gather::Gather;
use crate::cpu::pool;
use crate::cpu::tiles::{even_piece, pieces};
use crate::cpu::ukernel::{PixelTap, TileLines, add_tile_products};
use crate::error::Result;
use crate::memory::TensorMut;
use crate::problem::Role;

/// Multiply-adds that are worth a task of their own: some ten microseconds.
const TASK_MULTIPLY_ADDS: f64 = 2e5;

/// Tasks that are enough for an even load: where there are fewer blocks of channels, images and
/// boxes are cut into parts.
const TASKS: usize = 32;

/// What is prepared for a problem of one input channel a group.
pub struct Kernel {
    geometry: Geometry,
    taps: Vec<PixelTap>,
    dy: Gather,
    dy_layout: TileLayout,
    dy_boxes: Vec<StagedBox>,
    /// Of images and boxes, boxes fastest.
    parts: Vec<Range<usize>>,
    blocks_per_task: usize,
}

impl Kernel {
    /// Prepares the problem of `geometry`, which must be backward-weights.
    pub fn new(geometry: Geometry) -> Self {
        let problem = &geometry.problem;
        let dy = Gather::pixels_of_y(problem);
        let gathers = [dy];
        let dy_layout = TileLayout::new(&gathers, &geometry.pixel_box);
        let [dy] = gathers;
        let boxes = geometry.boxes.iter();
        let dy_boxes = boxes.map(|staged| dy_layout.staged(&dy, staged.pixels.clone())).collect();
        let items = problem.n() * geometry.boxes.len();
        let blocks = geometry.blocks();
        let worth = (problem.multiply_adds() / TASK_MULTIPLY_ADDS).max(1.0) as usize;
        let parts = (TASKS / blocks).min(worth / blocks).clamp(1, items);
        let items_of_part = even_piece(items, items.div_ceil(parts));
        let blocks_per_task = even_piece(blocks, blocks.div_ceil(worth.min(blocks)));
        Kernel {
            taps: geometry.layout.taps(
                &geometry.gathers[0],
                problem.filter_spatial(),
                geometry.lanes,
            ),
            dy_boxes,
            dy_layout,
            dy,
            parts: pieces(&(0..items), items_of_part),
            blocks_per_task,
            geometry,
        }
    }

    /// Floats of the tile of x, the tile of dy, inputs widened.
    fn scratch_elems<T: Element>(&self) -> [usize; 3] {
        let lanes = self.geometry.lanes;
        let of_dy = self.dy_boxes.iter().map(StagedBox::packed_elems).max().unwrap_or(0) * lanes;
        let packed = if T::IS_F32 { 0 } else { of_dy };
        [
            self.geometry.layout.pixels() * lanes,
            self.dy_layout.pixels() * lanes,
            packed.max(self.geometry.packed_elems::<T>()),
        ]
        .map(arena::whole_lines)
    }

    /// Floats of the sums of a block of channels.
    fn sums_elems(&self) -> usize {
        self.geometry.multiplier * self.geometry.taps() * self.geometry.lanes
    }

    /// Sums some images and boxes of one block: for each of the filters of a channel its taps.
    fn sum_block<T: Element>(
        &self,
        [x, dy]: [&[T]; 2],
        items: Range<usize>,
        block: usize,
        scratch: &mut [f32],
        sums: &mut [f32],
    ) {
        let Geometry { isa, lanes, multiplier, ref layout, ref boxes, .. } = self.geometry;
        let [x_tile, dy_tile, packed] = arena::split(scratch, self.scratch_elems::<T>());
        let first_channel = block * lanes;
        let channels = (self.geometry.problem.c() - first_channel).min(lanes);
        let (x_gather, dy_gather) = (&self.geometry.gathers[0], &self.dy);
        let [depth_stride, line_stride, _] = layout.strides();
        let [dy_depth_stride, dy_line_stride, _] = self.dy_layout.strides();
        sums.fill(0.0);
        for item in items {
            let (n, index) = (item / boxes.len(), item % boxes.len());
            let (staged, staged_dy) = (&boxes[index], &self.dy_boxes[index]);
            let first = n * x_gather.n_stride + first_channel * x_gather.channel_stride;
            staged.stage(isa, x, [first, channels, x_gather.channel_stride], packed, x_tile);
            for (m, sums) in sums.chunks_exact_mut(self.geometry.taps() * lanes).enumerate() {
                let stride = dy_gather.channel_stride;
                let first = n * dy_gather.n_stride + (first_channel * multiplier + m) * stride;
                let of_dy = [first, channels, multiplier * stride];
                staged_dy.stage(isa, dy, of_dy, packed, dy_tile);
                let [depths, lines, pixels] = [0, 1, 2].map(|dim| staged.pixels.o[dim].len());
                let shape = TileLines {
                    lines,
                    pixels,
                    step: layout.steps[2],
                    line_step: layout.steps[1] * line_stride,
                    other_step: 1,
                    other_line_step: dy_line_stride,
                };
                for depth in 0..depths {
                    let x = &x_tile[depth * layout.steps[0] * depth_stride * lanes..];
                    let dy = &dy_tile[depth * dy_depth_stride * lanes..];
                    add_tile_products(isa, x, dy, &self.taps, shape, sums);
                }
            }
        }
    }
}

impl FloatKernel for Kernel {
    /// Returns whether no sum is NaN, or inputs that are not finite explain it.
    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
        _workspace: &mut [u8],
    ) -> Result<bool> {
        let Geometry { isa, lanes, multiplier, .. } = self.geometry;
        let (blocks, sums_elems) = (self.geometry.blocks(), self.sums_elems());
        let mut sums = arena::take(self.parts.len() * blocks * sums_elems)?;
        let mut tasks = Vec::new();
        for (items, sums) in self.parts.iter().zip(sums.chunks_exact_mut(blocks * sums_elems)) {
            let parts = sums.chunks_mut(self.blocks_per_task * sums_elems).enumerate();
            tasks.extend(parts.map(|(i, sums)| (items.clone(), i * self.blocks_per_task, sums)));
        }
        pool::for_each(
            threads,
            tasks,
            || arena::take(self.scratch_elems::<T>().iter().sum()),
            |scratch, (items, first_block, sums)| {
                for (index, sums) in sums.chunks_exact_mut(sums_elems).enumerate() {
                    self.sum_block(inputs, items.clone(), first_block + index, scratch, sums);
                }
                Ok(())
            },
        )?;
        let (total, others) = sums.split_at_mut(blocks * sums_elems);
        for part in others.chunks_exact(blocks * sums_elems) {
            total.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let mut rows = arena::take(self.geometry.taps() * lanes)?;
        let out = TensorMut::new(out, self.geometry.problem.tensor5(Role::W))?;
        let of_blocks = out.split_every(0, lanes * multiplier);
        for (sums, out) in total.chunks_exact(sums_elems).zip(of_blocks) {
            let filters = sums.chunks_exact(self.geometry.taps() * lanes);
            for (sums, out) in filters.zip(out.split_phases(0, multiplier)) {
                store_lanes(isa, sums, out, 0, &mut rows);
            }
        }
        // A zero of the padding may have met what is not finite.
        let is_finite = |values: &[T]| values.iter().all(|value| value.to_f32().is_finite());
        let has_nan = any(total, f32::is_nan);
        Ok(!(has_nan && self.geometry.touches_padding) || inputs.into_iter().all(is_finite))
    }
}
