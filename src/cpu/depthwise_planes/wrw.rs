//! Backward-weights of planes.
//!
//! Lines of dy are multiplied with those of x that a tap meets, a vector of sums for each tap; see
//! [`add_plane_products`].
//!
//! Numerics: f32 sums of lanes down the plane, vector after vector in blocks of lines, added up for each plane; planes of images in order,
//! in as many parts as the problem has, which are then added up in order: the bits do not depend on
//! the number of threads.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::band::{Bands, widened, widened_lines};
use super::{any, plane_shape, planes_per_task};
use crate::cpu::arena;
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::float_plan::FloatKernel;
use crate::cpu::gather::Order;
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::store::store_filter_tile;
use crate::cpu::tiles::{even_piece, pieces};
use crate::cpu::ukernel::{PlaneShape, add_plane_products};
use crate::error::Result;
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, Role};

/// Planes that are enough for an even load; where there are fewer channels, images are cut into
/// parts.
const PLANES: usize = 32;

/// Multiply-adds that are worth a part: some ten microseconds.
const PART_MULTIPLY_ADDS: f64 = 2e5;

/// What is prepared for a problem.
pub struct Kernel {
    isa: Isa,
    problem: ConvProblem,
    shape: PlaneShape,
    bands: Bands,
    /// Of the images.
    parts: Vec<Range<usize>>,
}

impl Kernel {
    /// Prepares `problem`, which [`super::check_planes`] must admit and must be backward-weights.
    pub fn new(problem: &ConvProblem, isa: Isa) -> Self {
        let shape = plane_shape(problem);
        let worth = (problem.multiply_adds() / PART_MULTIPLY_ADDS).max(1.0) as usize;
        let parts = (PLANES / problem.k()).clamp(1, worth).min(problem.n());
        let images = even_piece(problem.n(), problem.n().div_ceil(parts));
        Kernel {
            isa,
            shape,
            bands: Bands::new(shape, false),
            parts: pieces(&(0..problem.n()), images),
            problem: problem.clone(),
        }
    }

    fn taps(&self) -> usize {
        self.shape.y * self.shape.x
    }

    /// Floats of a band of x and of one of dy.
    fn scratch_elems<T: Element>(&self) -> [usize; 2] {
        if T::IS_F32 { [0; 2] } else { self.bands.elems().map(arena::whole_lines) }
    }

    /// Sums some planes, from that of dy of this number on, over some images.
    fn sum_planes<T: Element>(
        &self,
        [x, dy]: [&[T]; 2],
        images: Range<usize>,
        first: usize,
        [x_band, dy_band]: [&mut [f32]; 2],
        sums: &mut [f32],
    ) {
        let multiplier = self.problem.k() / self.problem.c();
        let [x_n_stride, x_stride, ..] = self.problem.tensor5(Role::X).strides;
        let [dy_n_stride, dy_stride, ..] = self.problem.tensor5(Role::Y).strides;
        sums.fill(0.0);
        for n in images {
            let x = &x[n * x_n_stride + first / multiplier * x_stride..];
            let dy = &dy[n * dy_n_stride + first * dy_stride..];
            if let (Some(x), Some(dy)) = (T::as_f32(x), T::as_f32(dy)) {
                let strides = [x_stride, dy_stride];
                add_plane_products(self.isa, [x, dy], strides, multiplier, self.shape, sums);
                continue;
            }
            for (plane, sums) in sums.chunks_exact_mut(self.taps()).enumerate() {
                let x = &x[plane / multiplier * x_stride..];
                let dy = &dy[plane * dy_stride..];
                for (lines, shape, first_line) in self.bands.iter() {
                    let (x, in_line) = widened(x, &shape, first_line, self.shape.in_line, x_band);
                    let lengths = [shape.out_h, shape.out_w];
                    let (dy, out_line) =
                        widened_lines(dy, lengths, lines.start, self.shape.out_line, dy_band);
                    let shape = PlaneShape { in_line, out_line, ..shape };
                    add_plane_products(self.isa, [x, dy], [0; 2], 1, shape, sums);
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
        let (taps, k) = (self.taps(), self.problem.k());
        let of_task = planes_per_task(&self.problem, threads).min(k);
        let mut sums = arena::take(self.parts.len() * k * taps)?;
        let mut tasks = Vec::new();
        for (images, sums) in self.parts.iter().zip(sums.chunks_exact_mut(k * taps)) {
            let some = sums.chunks_mut(of_task * taps).enumerate();
            tasks.extend(some.map(|(i, sums)| (images.clone(), i * of_task, sums)));
        }
        pool::for_each(
            threads,
            tasks,
            || arena::take(self.scratch_elems::<T>().iter().sum()),
            |scratch, (images, first, sums)| {
                let bands = arena::split(scratch, self.scratch_elems::<T>());
                self.sum_planes(inputs, images, first, bands, sums);
                Ok(())
            },
        )?;
        let (total, others) = sums.split_at_mut(k * taps);
        for part in others.chunks_exact(k * taps) {
            total.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let out = TensorMut::new(out, self.problem.tensor5(Role::W))?;
        store_filter_tile(total, Order::TapInner, out, Scalars { alpha: 1.0, beta: 0.0 });
        // A zero that stands for a line or a column outside may have met what is not finite.
        let is_finite = |values: &[T]| values.iter().all(|value| value.to_f32().is_finite());
        Ok(!any(total, f32::is_nan) || inputs.into_iter().all(is_finite))
    }
}
