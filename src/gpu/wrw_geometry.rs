//! Backward-weights as the kernels see it.
#![forbid(unsafe_code)]

use super::geometry::{
    MAX_RESOURCE_BYTES, fit, images_per_chunk, span_bytes, stride_bytes, type_name,
};
use super::params::{Divisor, WrwParams};
use crate::problem::{ConvProblem, Direction, Role, Tensor5};
use crate::solver::Reason;

type Checked<T> = std::result::Result<T, Reason>;

/// Points of a step, as in `kernels/wrw_point.h`.
pub const STEP: u32 = 8;

/// What does not depend on tiles.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Strides, lengths and the like; pointers, blocks and splits are still missing.
    pub base: WrwParams,
    /// Output points of one image.
    pub image_points: u32,
    pub images: usize,
    pub images_per_chunk: usize,
    pub x_image_bytes: u64,
    pub dy_image_bytes: u64,
    pub bias_bytes: u32,
    pub is_volume: bool,
    pub x: (Tensor5, [u64; 5]),
    pub dy: (Tensor5, [u64; 5]),
    pub elem_bytes: u64,
}

impl Geometry {
    /// Lays a problem out for the kernels.
    ///
    /// # Errors
    /// The reason why they cannot serve it.
    pub fn new(problem: &ConvProblem) -> Checked<Geometry> {
        if problem.direction() != Direction::Wrw {
            return Err(Reason::new("serves backward-weights only"));
        }
        if type_name(problem).is_none() {
            return Err(Reason::new("the kernels store fp32, fp16 and bf16 only"));
        }
        let elem_bytes = problem.tensor(Role::X).dtype().size_bytes() as u64;
        let (x, dy, dw) =
            (*problem.tensor5(Role::X), *problem.tensor5(Role::Y), *problem.tensor5(Role::W));
        let x_strides = stride_bytes(&x, elem_bytes)?;
        let dy_strides = stride_bytes(&dy, elem_bytes)?;
        let dw_strides = stride_bytes(&dw, elem_bytes)?;
        let small = |value: u64, what| fit(value, MAX_RESOURCE_BYTES, what);
        let small_if = |matters: bool, value: u64| {
            if matters { small(value, "a stride") } else { Ok(0) }
        };
        let length = |value: usize| fit(value as u64, 1 << 29, "a length");
        let axes = |values: [usize; 3]| -> Checked<[u32; 3]> {
            Ok([length(values[0])?, length(values[1])?, length(values[2])?])
        };
        let strides = |values: &[u64; 5]| -> Checked<[u32; 3]> {
            Ok([
                small(values[2], "a stride")?,
                small(values[3], "a stride")?,
                small(values[4], "a stride")?,
            ])
        };
        let groups = problem.groups();
        let (m, n) = (problem.k() / groups, problem.c() / groups);
        let (pad, dilation) = (axes(problem.pads())?, axes(problem.dilations())?);
        let mut x_dhw = strides(&x_strides)?;
        let mut dy_step = strides(&dy_strides)?;
        let x_point = axes(problem.strides())?;
        let taps = axes(problem.filter_spatial())?;
        let mut out_len = axes(problem.out_spatial())?;
        let mut x_len = axes(problem.in_spatial())?;
        // Pointwise layers of dense images: each is one row, and no step of the walk wraps.
        let is_row = |len: &[u32; 3], step: &[u32; 3]| {
            len[1] == 1 || u64::from(step[1]) == u64::from(step[2]) * u64::from(len[2])
        };
        let is_pointwise = taps == [1; 3] && x_point == [1; 3] && pad == [0; 3];
        let lengths_fit = u64::from(out_len[1]) * u64::from(out_len[2]) <= 1 << 29;
        if is_pointwise && lengths_fit && is_row(&x_len, &x_dhw) && is_row(&out_len, &dy_step) {
            for (len, step) in [(&mut x_len, &mut x_dhw), (&mut out_len, &mut dy_step)] {
                *len = [len[0], 1, len[1] * len[2]];
                step[1] = 0;
            }
        }
        let bias: u64 = pad.iter().zip(x_dhw).map(|(&p, s)| u64::from(p) * u64::from(s)).sum();
        let reach: u64 = (0..3)
            .map(|axis| {
                u64::from(taps[axis] - 1) * u64::from(dilation[axis]) * u64::from(x_dhw[axis])
            })
            .sum();
        small(bias + reach + (n as u64) * x_strides[1], "the reach of the filter")?;
        small((m as u64) * dy_strides[1], "the channels of the gradient")?;
        for axis in 0..3 {
            let last = u64::from(out_len[axis]) * u64::from(x_point[axis]);
            fit(last, 1 << 29, "a coordinate")?;
            let last = u64::from(taps[axis]) * u64::from(dilation[axis]);
            fit(last, 1 << 29, "a coordinate")?;
        }
        let images_per_chunk =
            images_per_chunk([(&x, &x_strides), (&dy, &dy_strides)], elem_bytes, bias)?;
        let product = |values: &[u32]| -> Checked<u32> {
            let product = values.iter().try_fold(1u64, |p, &v| p.checked_mul(u64::from(v)));
            fit(product.unwrap_or(u64::MAX), (1 << 31) - 1, "a product of lengths")
        };
        let image_points = product(&out_len)?;
        fit(u64::from(image_points) * images_per_chunk as u64, (1 << 31) - 1, "points")?;
        let all_taps = product(&taps)?;
        let (m, n) = (length(m)?, length(n)?);
        product(&[length(groups)?, m, n, all_taps])?;

        // The step of the walk, split into whole images, planes, rows and points.
        let (plane, row) = (product(&out_len[1..])?, out_len[2]);
        let in_image = STEP % image_points;
        let advance =
            [STEP / image_points, in_image / plane, in_image % plane / row, in_image % row];
        let mut x_step = [0; 3];
        for (axis, step) in x_step.iter_mut().enumerate() {
            // A step beyond the tensor leads outside at once; it may wrap there.
            *step = x_dhw[axis].wrapping_mul(x_point[axis]);
        }
        let base = WrwParams {
            dw_bytes: small(span_bytes(&dw, &dw_strides, dw.lengths[0], elem_bytes), "dw")?,
            groups: length(groups)?,
            m,
            n,
            taps: all_taps,
            by_groups: Divisor::new(length(groups)?),
            by_points: Divisor::new(image_points),
            by_plane: Divisor::new(plane),
            by_row: Divisor::new(row),
            by_taps: Divisor::new(all_taps),
            by_tap_plane: Divisor::new(product(&taps[1..])?),
            by_tap_row: Divisor::new(taps[2]),
            by_n: Divisor::new(n),
            by_m: Divisor::new(m),
            advance,
            out_len,
            x_n: small_if(images_per_chunk > 1, x_strides[0])?,
            x_g: small_if(groups > 1, u64::from(n) * x_strides[1])?,
            x_c: small(x_strides[1], "a stride")?,
            x_step,
            x_dhw,
            x_point,
            x_len,
            pad,
            dilation,
            dy_n: small_if(images_per_chunk > 1, dy_strides[0])?,
            dy_g: small_if(groups > 1, u64::from(m) * dy_strides[1])?,
            dy_m: small(dy_strides[1], "a stride")?,
            dy_step,
            dw_g: small_if(groups > 1, u64::from(m) * dw_strides[0])?,
            dw_m: small(dw_strides[0], "a stride")?,
            dw_n: small(dw_strides[1], "a stride")?,
            dw_tap: strides(&dw_strides)?,
            ..WrwParams::default()
        };
        Ok(Geometry {
            base,
            image_points,
            images: x.lengths[0],
            images_per_chunk,
            x_image_bytes: x_strides[0],
            dy_image_bytes: dy_strides[0],
            bias_bytes: small(bias, "padding")?,
            is_volume: out_len[0] > 1 || taps[0] > 1 || problem.in_spatial()[0] > 1,
            x: (x, x_strides),
            dy: (dy, dy_strides),
            elem_bytes,
        })
    }

    /// Elements of dw.
    pub fn dw_elems(&self) -> u64 {
        let base = &self.base;
        [base.groups, base.m, base.n, base.taps].iter().map(|&v| u64::from(v)).product()
    }

    /// Bytes of both inputs together.
    pub fn traffic_bytes(&self) -> f64 {
        let elems =
            |tensor: &Tensor5| tensor.lengths.iter().map(|&len| len as f64).product::<f64>();
        (elems(&self.x.0) + elems(&self.dy.0)) * self.elem_bytes as f64
    }
}
