//! Backward-data of a stride of 2: both phases of a line at once.
//!
//! Each phase has every second element of a line. Stored by itself it would take each line of the cache twice, and
//! element by element; so a task has both phases, sums them beside each other, and joins them to whole lines. Phases
//! that no tap meets, of filters of 1 x 1, are the zeros between the others.
#![forbid(unsafe_code)]

use super::data::{DataPlan, Inputs, Task, Tile};
use super::shape::{BlockShape, Blocking};
use crate::cpu::arena;
use crate::cpu::element::{Element, Output};
use crate::cpu::gather::{PixelBox, Regions};
use crate::cpu::ukernel::join_phases;
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType, Direction};

/// Phases of a line.
pub(super) const PHASES: usize = 2;

/// Whether the phases of each line can be joined, and then with blocks that have the same whole lines and rows.
pub(super) fn join_blockings(
    problem: &ConvProblem,
    regions: &[Regions],
    shapes: &[BlockShape],
    blockings: &mut [Blocking],
) -> bool {
    let out = problem.tensor5(problem.direction().output_role());
    let has_lines = problem.direction() == Direction::Bwd
        && problem.output_dtype() == DataType::F32
        && problem.strides()[2] == PHASES
        && out.lengths[4] >= PHASES
        && out.strides[4] == 1
        && regions.iter().all(|of| of.count() == 1);
    if !has_lines {
        return false;
    }
    let is_whole =
        |(shape, of): (&BlockShape, &Blocking)| of.pixel_box.spatial[2] >= shape.spatial[2];
    if !shapes.iter().zip(blockings.iter()).all(is_whole) {
        return false;
    }
    for (shapes, blockings) in shapes.chunks_exact(PHASES).zip(blockings.chunks_exact_mut(PHASES)) {
        // As it suits the one that has more to do.
        let leader = usize::from(shapes[1].taps > shapes[0].taps);
        let Blocking { pixel_box, rows, .. } = blockings[leader];
        for (shape, blocking) in shapes.iter().zip(blockings) {
            blocking.rows = rows;
            blocking.pixel_box = pixel_box.with_width(shape.spatial[2]);
        }
    }
    true
}

impl DataPlan {
    /// A task whose output has both phases; its pixels are those of the first one.
    pub(super) fn run_joined<T: Element, O: Output<f32>>(
        &self,
        inputs: &Inputs<'_, T>,
        scratch: &mut [f32],
        task: Task<'_, O>,
    ) -> Result<bool> {
        let phases = &self.phases[task.phase..][..PHASES];
        let boxes = [0, 1].map(|index: usize| {
            let mut pixels: PixelBox = task.pixels.clone();
            pixels.o[2] = 0..phases[index].gather.axes[2].out_len;
            pixels
        });
        let rows = task.rows.len();
        let elems = [0, 1].map(|index: usize| match phases[index].gather.taps() {
            0 => 0,
            _ => rows * boxes[index].len(),
        });
        let mut sums = arena::take(elems.iter().sum())?;
        let (first, second) = sums.split_at_mut(elems[0]);
        let mut of_phases = [first, second];
        let mut has_nan = false;
        for ((phase, pixels), sums) in phases.iter().zip(&boxes).zip(&mut of_phases) {
            if sums.is_empty() {
                continue;
            }
            let tile = Tile { plan: self, phase, inputs, task: pixels };
            let mut dst = MatrixMut::row_major(sums, rows, pixels.len());
            let parts = arena::split(scratch, self.scratch.parts());
            tile.multiply(task.group, &task.rows, &mut dst, parts);
            has_nan |= self.touches_padding && dst.any(f32::is_nan);
        }
        self.store_joined(of_phases.map(|sums| &*sums), task.out);
        Ok(has_nan)
    }

    /// Stores both phases' sums of some rows; those of a phase without taps may be missing.
    pub(super) fn store_joined<O: Output<f32>>(
        &self,
        phases: [&[f32]; PHASES],
        mut out: TensorMut<'_, O>,
    ) {
        let [images, rows, depths, lines, width] = out.lengths();
        let elems = [width.div_ceil(PHASES), width / PHASES].map(|width| lines * width);
        let mut plane = 0;
        for row in 0..rows {
            for n in 0..images {
                for d in 0..depths {
                    let of_plane = [0, 1].map(|phase: usize| {
                        phases[phase].get(plane * elems[phase]..(plane + 1) * elems[phase])
                    });
                    let to = O::as_f32_matrix(out.lines([n, row, d]));
                    join_phases(self.isa, of_plane, &mut to.expect("the result is f32"));
                    plane += 1;
                }
            }
        }
    }

    /// Phases of each part of the output.
    pub(super) fn phases_of_part(&self) -> usize {
        if self.is_joined { PHASES } else { 1 }
    }
}
