//! From sums to the output, where they are not formed in it.
#![forbid(unsafe_code)]

use super::Kernel;
use crate::cpu::element::Output;
use crate::cpu::ukernel::{join_phases, transpose_into};
use crate::memory::{MatrixMut, TensorMut};

impl Kernel {
    /// Copies lines of pixels whose channels are contiguous; returns false, with nothing done, where
    /// they are not f32.
    fn store_pixels<O: Output<f32>>(
        &self,
        sums: &[f32],
        runs: &Runs,
        [phases, stride]: [usize; 2],
        first_row: usize,
        out: &mut TensorMut<'_, O>,
    ) -> bool {
        let line_stride = self.planes.layout.strides[2];
        let [_, _, depths, lines, _] = out.lengths();
        for depth in 0..depths {
            for line in 0..lines {
                let pixels = out.plane([4, 1], [0, 0, depth, line, 0]);
                let Some(mut pixels) = O::as_f32_matrix(pixels) else {
                    return false;
                };
                let mut pixels = pixels.some_cols(first_row..first_row + runs.rows);
                for phase in 0..phases {
                    let from = &sums[runs.begin(phase, depth, 0) + line * line_stride..];
                    let mut to = pixels.every_row(phase, stride);
                    transpose_into(self.isa, from, runs.row_elems, &mut to);
                }
            }
        }
        true
    }

    /// A line of the result from the sums of each phase of w, several.
    fn interleave<'s, O: Output<f32>>(
        &self,
        of_phase: &impl Fn(usize) -> &'s [f32],
        phases: usize,
        line: &mut [O],
    ) {
        let stride = self.problem.strides()[2];
        if stride == 2 && phases == 2 {
            let cols = line.len();
            let row = O::as_f32_matrix(MatrixMut::row_major(line, 1, cols));
            if let Some(mut row) = row {
                let (even, odd) = (&of_phase(0)[..cols.div_ceil(2)], &of_phase(1)[..cols / 2]);
                join_phases(self.isa, [Some(even), Some(odd)], &mut row);
                return;
            }
        }
        for phase in 0..phases {
            let elements = line.iter_mut().skip(phase).step_by(stride);
            for (element, &sum) in elements.zip(of_phase(phase)) {
                *element = O::from_sum(sum);
            }
        }
    }

    /// Copies lines out of the sums of the phases of w.
    pub fn store<O: Output<f32>>(
        &self,
        sums: &[f32],
        runs: &Runs,
        phases: usize,
        first_row: usize,
        out: &mut TensorMut<'_, O>,
    ) {
        let [_, _, depths, lines, width] = out.lengths();
        let stride = if phases > 1 { self.problem.strides()[2] } else { 1 };
        let line_stride = self.planes.layout.strides[2];
        let has_pixels = out.strides()[1] == 1 && out.strides()[4] > 1 && runs.rows > 1;
        if has_pixels && self.store_pixels(sums, runs, [phases, stride], first_row, out) {
            return;
        }
        for row in 0..runs.rows {
            for depth in 0..depths {
                for line in 0..lines {
                    let of_phase =
                        |phase: usize| &sums[runs.begin(phase, depth, row) + line * line_stride..];
                    let mut lane = out.lane(4, [0, first_row + row, depth, line, 0]);
                    match lane.as_slice() {
                        Some(elements) if phases == 1 => {
                            O::from_sums(&of_phase(0)[..width], elements);
                        }
                        Some(elements) => self.interleave(&of_phase, phases, elements),
                        None => lane.fill_with(|index| {
                            O::from_sum(of_phase(index % stride)[index / stride])
                        }),
                    }
                }
            }
        }
    }
}

/// How the sums of a box lie: phases of w, depths, rows, each row a run.
pub struct Runs {
    pub depths: usize,
    pub rows: usize,
    pub row_elems: usize,
}

impl Runs {
    /// All rows of a phase and depth.
    pub fn block<'a>(&self, sums: &'a mut [f32], phase: usize, depth: usize) -> MatrixMut<'a, f32> {
        let block = &mut sums[self.begin(phase, depth, 0)..][..self.rows * self.row_elems];
        MatrixMut::row_major(block, self.rows, self.row_elems)
    }

    pub fn begin(&self, phase: usize, depth: usize, row: usize) -> usize {
        ((phase * self.depths + depth) * self.rows + row) * self.row_elems
    }
}
