//! The output of a Winograd convolution: how tasks share it, and how results are stored.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::shape::{Blocking, WinogradShape, row_phases_of};
use crate::cpu::element::Output;
use crate::cpu::gather::split_dilated;
use crate::cpu::isa::Isa;
use crate::cpu::tiles::pieces;
use crate::cpu::ukernel::{prefetch, transpose};
use crate::memory::TensorMut;
use crate::problem::ConvProblem;

/// Output planes that are transposed together: a cache line of results.
const ROWS_TURNED: usize = 16;

/// How the output is cut and stored.
pub struct Outputs {
    isa: Isa,
    shape: WinogradShape,
    blocking: Blocking,
    /// In h and w: dilations, each phase of which is an image; phases of a stride, each of which has rows.
    dilations: [usize; 2],
    row_phases: [usize; 2],
    /// Planes of rows that are stored together.
    pub places: usize,
}

/// Some tiles and chunks of rows of one group, and their part of the output.
pub struct Task<'a, O> {
    pub group: usize,
    pub chunks: Range<usize>,
    /// Images of all phases of the dilation, those of a phase side by side.
    pub images: Range<usize>,
    pub tile_rows: Range<usize>,
    /// The part of each image, for each phase of the stride; some phases may have a line of tiles less.
    out: Vec<Option<TensorMut<'a, O>>>,
}

impl Outputs {
    pub fn new(
        problem: &ConvProblem,
        shape: &WinogradShape,
        blocking: &Blocking,
        isa: Isa,
    ) -> Self {
        // Where channels are contiguous, several planes are turned round together.
        let out = problem.tensor5(problem.direction().output_role());
        let is_turned = out.strides[1] == 1 && out.strides[4] > 1 && shape.row_phases == 1;
        Outputs {
            isa,
            shape: *shape,
            blocking: *blocking,
            dilations: [1, 2].map(|dim| problem.dilations()[dim]),
            row_phases: row_phases_of(problem, shape.form),
            places: if is_turned { ROWS_TURNED.min(blocking.chunk_rows) } else { 1 },
        }
    }

    /// Channels of the output in a group.
    fn channels(&self) -> usize {
        self.shape.rows / self.shape.row_phases
    }

    /// The output taken apart.
    pub fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let Blocking { images, tile_rows, chunk_rows, chunks, .. } = self.blocking;
        let line_pieces = pieces(&(0..self.shape.tiles_h), tile_rows);
        let mut tasks = Vec::new();
        for (group, of_group) in out.split_every(1, self.channels()).into_iter().enumerate() {
            let chunk_pieces = pieces(&(0..self.blocking.all_chunks(&self.shape)), chunks);
            let row_parts = of_group.split_every(1, chunks * chunk_rows);
            for (chunks, of_rows) in chunk_pieces.into_iter().zip(row_parts) {
                let mut all = self.images(of_rows).into_iter();
                for images in pieces(&(0..self.shape.images), images) {
                    let mut parts: Vec<_> = all
                        .by_ref()
                        .take(images.len())
                        .flatten()
                        .map(|image| image.split_every(3, tile_rows * self.shape.form.tile()))
                        .map(Vec::into_iter)
                        .collect();
                    for tile_rows in &line_pieces {
                        let out: Vec<_> = parts.iter_mut().map(Iterator::next).collect();
                        if out.iter().any(Option::is_some) {
                            let (images, tile_rows) = (images.clone(), tile_rows.clone());
                            let chunks = chunks.clone();
                            tasks.push(Task { group, chunks, images, tile_rows, out });
                        }
                    }
                }
            }
        }
        tasks
    }

    /// The images of all phases of the dilation, each in phases of the stride.
    fn images<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Vec<TensorMut<'a, O>>> {
        let images = split_dilated(out, self.dilations);
        let images = images.into_iter().flat_map(|phase| phase.split_every(0, 1));
        images.map(|image| split_dilated(image, self.row_phases)).collect()
    }

    /// Where a line of an image's results begins in the planes of a row of each tile.
    fn line<O>(&self, task: &Task<'_, O>, plane_stride: usize, image: usize, h: usize) -> usize {
        let tile = self.shape.form.tile();
        let tile_row = image * task.tile_rows.len() + h / tile;
        h % tile * plane_stride + tile_row * self.shape.tiles_w * tile
    }

    /// Stores the planes of some rows where rows are contiguous in the output.
    pub fn store_planes<O: Output<f32>>(
        &self,
        planes: &[f32],
        plane_stride: usize,
        pixels: &mut [f32],
        rows: Range<usize>,
        task: &mut Task<'_, O>,
    ) {
        let elems = self.shape.form.tile() * plane_stride;
        transpose(self.isa, planes, rows.len(), elems, pixels);
        for image in 0..task.images.len() {
            let Some(mut out) = task.out[image].take() else { continue };
            let [.., len_h, len_w] = out.lengths();
            for h in 0..len_h {
                let line = self.line(task, plane_stride, image, h);
                for w in 0..len_w {
                    let sums = &pixels[(line + w) * rows.len()..][..rows.len()];
                    let mut lane = out.lane(1, [0, 0, 0, h, w]);
                    match lane.as_slice() {
                        Some(elements) => O::from_sums(sums, &mut elements[rows.clone()]),
                        None => lane.fill_some(rows.start, sums.iter().map(|&s| O::from_sum(s))),
                    }
                }
            }
            task.out[image] = Some(out);
        }
    }

    /// Stores the planes of a row, counted from the task's first one.
    pub fn store_plane<O: Output<f32>>(
        &self,
        planes: &[f32],
        plane_stride: usize,
        row: usize,
        task: &mut Task<'_, O>,
    ) {
        let (phase, row) = (row / self.channels(), row % self.channels());
        for image in 0..task.images.len() {
            let index = image * self.shape.row_phases + phase;
            let Some(mut out) = task.out[index].take() else { continue };
            let [_, rows, _, len_h, len_w] = out.lengths();
            for h in 0..len_h {
                if row + 1 < rows
                    && let Some(elements) = out.lane(4, [0, row + 1, 0, h, 0]).as_slice()
                {
                    prefetch(elements);
                }
                let sums = &planes[self.line(task, plane_stride, image, h)..][..len_w];
                let mut lane = out.lane(4, [0, row, 0, h, 0]);
                match lane.as_slice() {
                    Some(elements) => O::from_sums(sums, elements),
                    None => lane.fill_with(|index| O::from_sum(sums[index])),
                }
            }
            task.out[index] = Some(out);
        }
    }
}
