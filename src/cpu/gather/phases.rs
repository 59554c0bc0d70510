//! Outputs by their remainder modulo a stride or a dilation, each phase a gather of its own.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Axis, Gather, Tap};
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, Direction, Role};

impl Gather {
    /// The gathers over dy for backward-data, one for each phase, in the order
    /// in which [`crate::memory::TensorMut::split_phases`] applied to d, h, w in
    /// turn yields the parts of dx.
    pub fn phases_over_y(problem: &ConvProblem) -> Vec<Self> {
        let y = problem.tensor5(Role::Y);
        let axes = [0, 1, 2].map(|dim| {
            let stride = problem.strides()[dim];
            let in_len = problem.in_spatial()[dim];
            (0..stride.min(in_len))
                .map(|phase| Axis {
                    out_len: (in_len - phase).div_ceil(stride),
                    step: 1,
                    in_len: y.spatial_lengths()[dim],
                    in_stride: y.spatial_strides()[dim],
                    taps: (0..problem.filter_spatial()[dim])
                        .filter_map(|t| {
                            let distance = (phase + problem.pads()[dim]) as i64
                                - (t * problem.dilations()[dim]) as i64;
                            let divides = distance.rem_euclid(stride as i64) == 0;
                            let offset = distance.div_euclid(stride as i64);
                            divides.then_some(Tap { filter_index: t, offset })
                        })
                        .collect(),
                })
                .collect::<Vec<_>>()
        });
        let [phases_d, phases_h, phases_w] = &axes;
        let mut gathers = Vec::new();
        for d in phases_d {
            for h in phases_h {
                for w in phases_w {
                    let axes = [d.clone(), h.clone(), w.clone()];
                    gathers.push(Self::new(y, axes, problem.groups()));
                }
            }
        }
        gathers
    }

    /// Of a filter of three taps and a stride of 2 in h and w, what a run of results meets, as if it were
    /// a stride of 1 and a filter of two taps: forward from the first tap of result 0 on; backward from what
    /// the first result, or its neighbour, meets with tap 2.
    pub fn runs_of_stride_2(problem: &ConvProblem) -> Self {
        let (input, is_back) = match problem.direction() {
            Direction::Bwd => (problem.tensor5(Role::Y), true),
            Direction::Fwd | Direction::Wrw => (problem.tensor5(Role::X), false),
        };
        let axes = [0, 1, 2].map(|dim| {
            let pad = problem.pads()[dim] as i64;
            let taps = match (dim, is_back) {
                (0, _) => vec![Tap { filter_index: 0, offset: 0 }],
                (_, false) => neighbours(-pad),
                // Result 0 meets tap 2, or where it meets tap 1 its neighbour does, at (pad + 1) / 2 - 1.
                (_, true) => neighbours((pad + 1) / 2 - 1),
            };
            let in_len = input.spatial_lengths()[dim];
            Axis { out_len: in_len, step: 1, in_len, in_stride: input.spatial_strides()[dim], taps }
        });
        Self::new(input, axes, problem.groups())
    }

    /// The same gather with all taps of the filter, rising or falling, wherever they may be.
    pub fn with_all_taps(&self, problem: &ConvProblem, is_falling: bool) -> Self {
        let axes = [0, 1, 2].map(|dim| {
            let tap = |index: usize| {
                let offset = if is_falling { -(index as i64) } else { index as i64 };
                Tap { filter_index: index, offset }
            };
            let taps = (0..problem.filter_spatial()[dim]).map(tap).collect();
            Axis { taps, ..self.axes[dim].clone() }
        });
        Gather { axes: Arc::new(axes), ..self.clone() }
    }

    /// The gathers of a stride of 1 whose taps lie `dilations` apart in h and w, one for each phase of
    /// the outputs, in the order of [`split_dilated`]: outputs o with one remainder modulo the
    /// dilation meet inputs with one remainder only, so neighbours among them meet neighbours.
    pub fn dilated_phases(&self, dilations: [usize; 2]) -> Vec<Self> {
        let [d, h, w] = &*self.axes;
        let phases = |axis: &Axis, dilation: usize| -> Vec<Axis> {
            let of_phase = |phase: usize| Axis {
                out_len: (axis.out_len - phase).div_ceil(dilation),
                step: axis.step * dilation,
                taps: axis
                    .taps
                    .iter()
                    .map(|tap| Tap { offset: tap.offset + (phase * axis.step) as i64, ..*tap })
                    .collect(),
                ..axis.clone()
            };
            (0..dilation.min(axis.out_len)).map(of_phase).collect()
        };
        let [phases_h, phases_w] = [phases(h, dilations[0]), phases(w, dilations[1])];
        let of_phases = |(h, w): (&Axis, &Axis)| Gather {
            axes: Arc::new([d.clone(), h.clone(), w.clone()]),
            ..self.clone()
        };
        phases_h.iter().flat_map(|h| phases_w.iter().map(move |w| (h, w))).map(of_phases).collect()
    }
}

/// Two taps side by side.
fn neighbours(first: i64) -> Vec<Tap> {
    [0, 1].map(|index| Tap { filter_index: index, offset: first + index as i64 }).to_vec()
}

/// The gathers of a forward or backward-data problem: one, or one for each phase.
pub fn gathers_of(problem: &ConvProblem) -> Vec<Gather> {
    match problem.direction() {
        Direction::Fwd | Direction::Wrw => vec![Gather::over_x(problem)],
        Direction::Bwd => Gather::phases_over_y(problem),
    }
}

/// The output of a forward or backward-data problem in parts, one for each of [`gathers_of`].
pub fn split_phases<'a, T: Copy>(
    problem: &ConvProblem,
    out: TensorMut<'a, T>,
) -> Vec<TensorMut<'a, T>> {
    let stride = if problem.direction() == Direction::Bwd { problem.strides()[2] } else { 1 };
    let parts = split_outer_phases(problem, out);
    parts.into_iter().flat_map(|part| part.split_phases(4, stride)).collect()
}

/// The same, but for w: each part has the phases of w together.
pub fn split_outer_phases<'a, T: Copy>(
    problem: &ConvProblem,
    out: TensorMut<'a, T>,
) -> Vec<TensorMut<'a, T>> {
    if problem.direction() != Direction::Bwd {
        return vec![out];
    }
    let of_depth = out.split_phases(2, problem.strides()[0]);
    of_depth.into_iter().flat_map(|part| part.split_phases(3, problem.strides()[1])).collect()
}

/// An output in parts, one for each of [`Gather::dilated_phases`].
pub fn split_dilated<T: Copy>(
    out: TensorMut<'_, T>,
    dilations: [usize; 2],
) -> Vec<TensorMut<'_, T>> {
    let of_h = out.split_phases(3, dilations[0]);
    of_h.into_iter().flat_map(|part| part.split_phases(4, dilations[1])).collect()
}
