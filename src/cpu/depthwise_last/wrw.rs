//! Backward-weights of channels-last depthwise layers.
//!
//! A weight's gradient is the sum over pixels of dy times the pixel of x that its tap meets,
//! channel by channel: lines of dy are gone through once, with the sums of a filter in registers.
//!
//! Numerics: f32 sums in the order of the pixels, in as many parts as the problem has, which are
//! then added up in order: the bits do not depend on the number of threads.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::cpu::arena;
use crate::cpu::element::{Element, Output};
use crate::cpu::float_plan::FloatKernel;
use crate::cpu::gather::{Gather, Order};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::tiles::{even_piece, pieces};
use crate::cpu::ukernel::{PixelTap, add_tap_products};
use crate::error::{Error, Result};
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, Role};

/// Multiply-adds that are worth a part of their own: some ten microseconds at half of the peak of
/// a Zen 3 core.
const PART_MULTIPLY_ADDS: f64 = 3e5;

/// Parts at most: enough for an even load, and little to add up.
const MAX_PARTS: usize = 64;

/// Floats of all parts at most, where there is more than one: 8 MiB.
const MAX_PARTS_ELEMS: usize = 1 << 21;

/// What is prepared for a problem of one input and one output channel a group.
pub struct Kernel {
    isa: Isa,
    problem: ConvProblem,
    x: Gather,
    dy: Gather,
    /// Of a line of dy.
    runs: Vec<Range<usize>>,
    /// Lines of dy of a part: n, d, h, h fastest.
    parts: Vec<Range<usize>>,
}

impl Kernel {
    /// Prepares `problem`, which must be backward-weights.
    pub fn new(problem: &ConvProblem, isa: Isa) -> Self {
        let x = Gather { order: Order::TapInner, ..Gather::over_x(problem) };
        let dy = Gather { order: Order::TapInner, ..Gather::pixels_of_y(problem) };
        let lines = problem.n() * dy.axes[0].out_len * dy.axes[1].out_len;
        let worth = (problem.multiply_adds() / PART_MULTIPLY_ADDS) as usize;
        let most = (MAX_PARTS_ELEMS / (problem.c() * x.taps())).min(MAX_PARTS);
        let lines_of_part = even_piece(lines, lines.div_ceil(worth.min(most).max(1)));
        Kernel {
            isa,
            runs: x.axes[2].runs_by_taps(),
            parts: pieces(&(0..lines), lines_of_part),
            problem: problem.clone(),
            x,
            dy,
        }
    }

    /// Adds the products of some lines to `sums`: taps, in each the channels.
    fn add_lines(&self, x: &[f32], dy: &[f32], lines: Range<usize>, sums: &mut [f32]) {
        let channels = self.problem.c();
        let [depths, heights] = [0, 1].map(|dim| self.dy.axes[dim].out_len);
        let step = |gather: &Gather| gather.axes[2].step.saturating_mul(gather.axes[2].in_stride);
        let mut taps = Vec::new();
        for line in lines {
            let (n, d, h) = (line / heights / depths, line / heights % depths, line % heights);
            for run in &self.runs {
                let pixel = [n, d, h, run.start];
                taps.clear();
                self.x.taps_inside(pixel, |tap, input| {
                    taps.push(PixelTap { weights: tap * channels, input });
                });
                // The only tap of dy is always inside.
                self.dy.taps_inside(pixel, |_, first| {
                    let (dy, steps) = (&dy[first..], [step(&self.x), step(&self.dy)]);
                    add_tap_products(self.isa, x, dy, steps, &taps, run.len(), channels, sums);
                });
            }
        }
    }
}

impl FloatKernel for Kernel {
    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [x, dy]: [&[T]; 2],
        out: &mut [O],
        _workspace: &mut [u8],
    ) -> Result<bool> {
        let (Some(x), Some(dy)) = (T::as_f32(x), T::as_f32(dy)) else {
            return Err(Error::not_implemented("serves fp32"));
        };
        let (channels, taps) = (self.problem.c(), self.x.taps());
        let sums_elems = channels * taps;
        let mut of_parts = arena::take(self.parts.len() * sums_elems)?;
        let tasks = self.parts.iter().cloned().zip(of_parts.chunks_exact_mut(sums_elems)).collect();
        pool::for_each(
            threads,
            tasks,
            || Ok(()),
            |(), (lines, sums)| {
                sums.fill(0.0);
                self.add_lines(x, dy, lines, sums);
                Ok(())
            },
        )?;
        let (total, others) = of_parts.split_at_mut(sums_elems);
        for part in others.chunks_exact(sums_elems) {
            total.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let out = TensorMut::new(out, self.problem.tensor5(Role::W))?;
        for (channel, mut filter) in out.split_every(0, 1).into_iter().enumerate() {
            let mut tap = 0;
            let [_, _, taps_z, taps_y, _] = filter.lengths();
            for z in 0..taps_z {
                for y in 0..taps_y {
                    filter
                        .lane(4, [0, 0, z, y, 0])
                        .fill_with(|x| O::from_sum(total[(tap + x) * channels + channel]));
                    tap += self.x.axes[2].taps.len();
                }
            }
        }
        Ok(true)
    }
}
