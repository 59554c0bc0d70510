//! Forward and backward-data as the kernels see them: one dense convolution, or one for each phase.
#![forbid(unsafe_code)]

use super::params::{ConvParams, Divisor, Phase};
use crate::problem::{ConvProblem, DataType, Direction, Role, Tensor5};
use crate::solver::Reason;

/// Longest buffer resource: offsets from here on count as outside (`OUTSIDE` in the kernels).
pub const MAX_RESOURCE_BYTES: u64 = 0xFFFE_0000;

/// Coordinates and lengths stay below this, so that sums of two never wrap.
const MAX_COORDINATE: u64 = 1 << 29;

/// Taps of the three axes together that a mask holds; its highest bit has another use.
const MAX_MASK_TAPS: u32 = 31;

/// Channels of a run: a thread's loads of a step share one mask.
pub const RUN: u32 = 4;

type Checked<T> = std::result::Result<T, Reason>;

/// A number that the kernels take in 32 bits.
///
/// # Errors
/// The reason why the problem cannot be served.
pub fn fit(value: u64, limit: u64, what: &'static str) -> Checked<u32> {
    u32::try_from(value)
        .ok()
        .filter(|_| value <= limit)
        .ok_or_else(|| Reason::new(format!("{what} beyond the kernels' 32-bit offsets")))
}

/// Strides in bytes, 0 where they have no meaning (length 1).
pub fn stride_bytes(tensor: &Tensor5, elem_bytes: u64) -> Checked<[u64; 5]> {
    let mut strides = [0; 5];
    for ((stride, &elems), &len) in strides.iter_mut().zip(&tensor.strides).zip(&tensor.lengths) {
        if len > 1 {
            *stride = (elems as u64)
                .checked_mul(elem_bytes)
                .ok_or_else(|| Reason::new("a stride exceeds 64 bits"))?;
        }
    }
    Ok(strides)
}

/// Bytes from the first to behind the last element of `images` images.
pub fn span_bytes(tensor: &Tensor5, strides: &[u64; 5], images: usize, elem_bytes: u64) -> u64 {
    let rest: u64 = (1..5).map(|dim| (tensor.lengths[dim] as u64 - 1) * strides[dim]).sum();
    (images as u64 - 1).saturating_mul(strides[0]).saturating_add(rest + elem_bytes)
}

/// The name of a storage type in kernels' names, or `None`.
pub fn type_name(problem: &ConvProblem) -> Option<&'static str> {
    let tensors = [Role::X, Role::W, Role::Y].map(|role| problem.tensor(role).dtype());
    match tensors {
        [DataType::F32, DataType::F32, DataType::F32] => Some("f32"),
        [DataType::F16, DataType::F16, DataType::F16] => Some("f16"),
        [DataType::BF16, DataType::BF16, DataType::BF16] => Some("bf16"),
        _ => None,
    }
}

/// The most images whose tensors stay within `MAX_RESOURCE_BYTES`, `margin` bytes included.
///
/// # Errors
/// The reason, where even one image does not.
pub fn images_per_chunk(
    tensors: [(&Tensor5, &[u64; 5]); 2],
    elem_bytes: u64,
    margin: u64,
) -> Checked<usize> {
    let images = tensors[0].0.lengths[0];
    let fits = |count: usize| {
        tensors.iter().all(|(tensor, strides)| {
            let span = span_bytes(tensor, strides, count, elem_bytes);
            span.saturating_add(margin) <= MAX_RESOURCE_BYTES
        })
    };
    if !fits(1) {
        return Err(Reason::new("one image exceeds the 4 GB that a kernel can address"));
    }
    // The span grows with the count; the last count that fits is found by halving.
    let (mut good, mut bad) = (1, images + 1);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(middle) { good = middle } else { bad = middle }
    }
    Ok(good)
}

/// What does not depend on tiles.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Strides, lengths and the like; pointers, blocks and phases are still missing.
    pub base: ConvParams,
    /// Without columns and places in the workspace, which depend on tile and chunk.
    pub phases: Vec<Phase>,
    pub images: usize,
    pub images_per_chunk: usize,
    /// Bytes from image to image.
    pub in_image_bytes: u64,
    pub out_image_bytes: u64,
    /// Channels lie side by side in memory, in aligned fours.
    pub is_vector: bool,
    in_tensor: Tensor5,
    in_strides: [u64; 5],
    out_tensor: Tensor5,
    out_strides: [u64; 5],
    pub elem_bytes: u64,
}

impl Geometry {
    /// Lays a problem out for the kernels.
    ///
    /// # Errors
    /// The reason why they cannot serve it.
    pub fn new(problem: &ConvProblem) -> Checked<Geometry> {
        if type_name(problem).is_none() {
            return Err(Reason::new("the kernels store fp32, fp16 and bf16 only"));
        }
        let is_forward = match problem.direction() {
            Direction::Fwd => true,
            Direction::Bwd => false,
            Direction::Wrw => return Err(Reason::new("backward-weights has kernels of its own")),
        };
        let (in_role, out_role) = if is_forward { (Role::X, Role::Y) } else { (Role::Y, Role::X) };
        let elem_bytes = problem.tensor(in_role).dtype().size_bytes() as u64;
        let (in_tensor, out_tensor) = (*problem.tensor5(in_role), *problem.tensor5(out_role));
        let filter = problem.tensor5(Role::W);
        let in_strides = stride_bytes(&in_tensor, elem_bytes)?;
        let out_strides = stride_bytes(&out_tensor, elem_bytes)?;
        let filter_strides = stride_bytes(filter, elem_bytes)?;
        let groups = problem.groups();
        let (channels, m) = (in_tensor.lengths[1] / groups, out_tensor.lengths[1] / groups);
        let stride_limit = MAX_RESOURCE_BYTES;
        let small = |value: u64, what| fit(value, stride_limit, what);
        let three = |values: [u64; 3], what| -> Checked<[u32; 3]> {
            Ok([small(values[0], what)?, small(values[1], what)?, small(values[2], what)?])
        };

        let lengths = |values: [usize; 3]| -> Checked<[u32; 3]> {
            let mut out = [0; 3];
            for (to, from) in out.iter_mut().zip(values) {
                *to = fit(from as u64, MAX_COORDINATE, "a length")?;
            }
            Ok(out)
        };
        let in_dhw = three([in_strides[2], in_strides[3], in_strides[4]], "an input stride")?;
        let in_len = lengths(in_tensor.spatial_lengths())?;
        let taps = lengths(problem.filter_spatial())?;
        let conv_strides = lengths(problem.strides())?;
        let dilations = lengths(problem.dilations())?;
        let pads = lengths(problem.pads())?;
        let out_len = lengths(out_tensor.spatial_lengths())?;

        let filter_tap = [filter_strides[2], filter_strides[3], filter_strides[4]];
        let axes: Vec<Vec<AxisPhase>> = (0..3)
            .map(|axis| {
                let shape = Axis {
                    taps: taps[axis],
                    stride: conv_strides[axis],
                    dilation: dilations[axis],
                    pad: pads[axis],
                    out_len: out_len[axis],
                };
                if is_forward { Ok(vec![shape.forward()?]) } else { shape.backward() }
            })
            .collect::<Checked<_>>()?;
        let channels = fit(channels as u64, MAX_COORDINATE, "channels")?;
        let run = if channels.is_multiple_of(RUN) { RUN } else { 1 };
        let out_axis = [out_strides[2], out_strides[3], out_strides[4]];
        let mut phases = Vec::new();
        for d in &axes[0] {
            for h in &axes[1] {
                for w in &axes[2] {
                    phases.push(phase([d, h, w], channels, run, &out_axis, &filter_tap)?);
                }
            }
        }

        let bias = phases.iter().map(|phase| bias_bytes(phase, &in_dhw)).max().unwrap_or(0);
        let point = if is_forward { conv_strides } else { [1; 3] };
        for phase in &mut phases {
            let points = phase_points(phase);
            phase.padded = u32::from((0..3).any(|axis| {
                let ends = tap_ends(phase, axis);
                let last = i64::from(points[axis] - 1) * i64::from(point[axis]);
                ends.iter().any(|&end| end < 0 || end + last >= i64::from(in_len[axis]))
            }));
        }
        let tap_reach = phases.iter().map(|phase| reach_bytes(phase, &in_dhw)).max().unwrap_or(0);
        let reach = bias + tap_reach + u64::from(channels - 1) * in_strides[1];
        fit(reach, MAX_RESOURCE_BYTES, "the reach of the filter")?;
        let images_per_chunk = images_per_chunk(
            [(&in_tensor, &in_strides), (&out_tensor, &out_strides)],
            elem_bytes,
            bias,
        )?;
        let columns = phases.iter().map(|phase| u64::from(phase.by_points.divisor)).max();
        fit(columns.unwrap_or(0) * images_per_chunk as u64, (1 << 31) - 1, "output points")?;

        let is_range = phases.iter().any(|phase| phase.taps.iter().sum::<u32>() > MAX_MASK_TAPS);
        // Offsets of halves must be whole dwords for the loads of four.
        let aligned = [in_strides[0], in_strides[2], in_strides[3], in_strides[4]]
            .iter()
            .all(|stride| stride.is_multiple_of(4));
        let out_point = if is_forward { [1; 3] } else { conv_strides };
        let filter_m_c = if is_forward { [0, 1] } else { [1, 0] };
        let base = ConvParams {
            filter_bytes: small(
                span_bytes(filter, &filter_strides, filter.lengths[0], elem_bytes),
                "the filter",
            )?,
            in_bias_bytes: small(bias, "padding")?,
            groups: fit(groups as u64, MAX_COORDINATE, "groups")?,
            m: fit(m as u64, MAX_COORDINATE, "channels")?,
            splits: 1,
            in_n: small_if(images_per_chunk > 1, in_strides[0])?,
            in_g: small_if(groups > 1, u64::from(channels) * in_strides[1])?,
            in_c: small(in_strides[1], "an input stride")?,
            in_dhw,
            in_step: scaled(in_dhw, point)?,
            in_point: point,
            in_len,
            out_n: small_if(images_per_chunk > 1, out_strides[0])?,
            out_g: small_if(groups > 1, m as u64 * out_strides[1])?,
            out_m: small(out_strides[1], "an output stride")?,
            out_step: scaled(three(out_axis, "an output stride")?, out_point)?,
            filter_g: small_if(
                groups > 1,
                (filter.lengths[0] / groups) as u64 * filter_strides[0],
            )?,
            filter_m: small(filter_strides[filter_m_c[0]], "a filter stride")?,
            filter_c: small(filter_strides[filter_m_c[1]], "a filter stride")?,
            is_range: u32::from(is_range),
            ..ConvParams::default()
        };
        Ok(Geometry {
            base,
            phases,
            images: in_tensor.lengths[0],
            images_per_chunk,
            in_image_bytes: in_strides[0],
            out_image_bytes: out_strides[0],
            is_vector: run == RUN && in_strides[1] == elem_bytes && aligned && !is_range,
            in_tensor,
            in_strides,
            out_tensor,
            out_strides,
            elem_bytes,
        })
    }

    /// Lengths of the resources of a chunk: input with its bias, and output.
    pub fn chunk_bytes(&self, images: usize) -> (u32, u32) {
        let input = span_bytes(&self.in_tensor, &self.in_strides, images, self.elem_bytes);
        let out = span_bytes(&self.out_tensor, &self.out_strides, images, self.elem_bytes);
        // Checked for the longest chunk by `images_per_chunk`.
        ((input + u64::from(self.base.in_bias_bytes)) as u32, out as u32)
    }

    /// Bytes of input and output together.
    pub fn traffic_bytes(&self) -> f64 {
        let elems =
            |tensor: &Tensor5| tensor.lengths.iter().map(|&len| len as f64).product::<f64>();
        (elems(&self.in_tensor) + elems(&self.out_tensor)) * self.elem_bytes as f64
    }
}

fn small_if(matters: bool, value: u64) -> Checked<u32> {
    if matters { fit(value, MAX_RESOURCE_BYTES, "a stride") } else { Ok(0) }
}

fn scaled(strides: [u32; 3], points: [u32; 3]) -> Checked<[u32; 3]> {
    let mut out = [0; 3];
    for ((to, stride), point) in out.iter_mut().zip(strides).zip(points) {
        // A step beyond the tensor is never taken twice: one output point, so it may saturate.
        *to = (u64::from(stride) * u64::from(point)).min(MAX_RESOURCE_BYTES) as u32;
    }
    Ok(out)
}

/// One axis of the convolution.
#[derive(Clone, Copy, Debug)]
struct Axis {
    taps: u32,
    stride: u32,
    dilation: u32,
    pad: u32,
    out_len: u32,
}

/// One axis of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AxisPhase {
    /// Output coordinate of point 0, and how many points there are.
    out_first: u32,
    points: u32,
    /// Input coordinate of the first tap at point 0, and from tap to tap.
    in_first: i32,
    tap_step: i32,
    /// The taps: how many, which comes first, how far apart.
    taps: u32,
    filter_first: u32,
    filter_step: u32,
}

fn signed(value: i64) -> Checked<i32> {
    i32::try_from(value)
        .ok()
        .filter(|v| u64::from(v.unsigned_abs()) <= MAX_COORDINATE)
        .ok_or_else(|| Reason::new("a coordinate exceeds the kernels' 32 bits"))
}

impl Axis {
    fn forward(self) -> Checked<AxisPhase> {
        signed(i64::from(self.taps - 1) * i64::from(self.dilation))?;
        signed(i64::from(self.out_len) * i64::from(self.stride))?;
        Ok(AxisPhase {
            out_first: 0,
            points: self.out_len,
            in_first: signed(-i64::from(self.pad))?,
            tap_step: signed(i64::from(self.dilation))?,
            taps: self.taps,
            filter_first: 0,
            filter_step: 1,
        })
    }

    /// Output coordinate `o` (of dx) and tap `t` meet input `(o + pad - t * dilation) / stride`
    /// where that is whole: for each residue of `o + pad`, every `stride / gcd`-th tap.
    fn backward(self) -> Checked<Vec<AxisPhase>> {
        let (stride, dilation) = (u64::from(self.stride), u64::from(self.dilation));
        (0..self.stride.min(self.out_len))
            .map(|out_first| {
                let padded = u64::from(out_first) + u64::from(self.pad);
                let meets = |tap: &u32| u64::from(*tap) * dilation % stride == padded % stride;
                let first = (0..self.taps.min(self.stride)).find(meets);
                let step = self.stride / gcd(self.stride, self.dilation);
                let points = (self.out_len - out_first).div_ceil(self.stride);
                let Some(first) = first else {
                    // No tap meets this residue: the result is zero.
                    return Ok(AxisPhase {
                        out_first,
                        points,
                        in_first: 0,
                        tap_step: 0,
                        taps: 0,
                        filter_first: 0,
                        filter_step: 0,
                    });
                };
                let reach = padded as i64 - i64::from(first) * i64::from(self.dilation);
                let tap_step = i64::from(step) * i64::from(self.dilation) / i64::from(self.stride);
                let taps = (self.taps - first).div_ceil(step);
                signed(i64::from(taps) * tap_step)?;
                Ok(AxisPhase {
                    out_first,
                    points,
                    in_first: signed(reach / i64::from(self.stride))?,
                    tap_step: signed(-tap_step)?,
                    taps,
                    filter_first: first,
                    filter_step: step,
                })
            })
            .collect()
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn phase(
    axes: [&AxisPhase; 3],
    channels: u32,
    run: u32,
    out_axis: &[u64; 3],
    filter_tap: &[u64; 3],
) -> Checked<Phase> {
    let product = |values: &[u32]| {
        values.iter().try_fold(1u64, |product, &v| product.checked_mul(u64::from(v)))
    };
    let count = |values: &[u32], what| {
        let limit = (1 << 31) - 1;
        product(values).map_or_else(
            || Err(Reason::new("a product exceeds 64 bits")),
            |value| fit(value, limit, what),
        )
    };
    let points = axes.map(|axis| axis.points);
    let taps = axes.map(|axis| axis.taps);
    let all_taps = count(&taps, "filter taps")?;
    let offset = |firsts: [u32; 3], strides: &[u64; 3], what| {
        let bytes: u64 = firsts.iter().zip(strides).map(|(&at, &s)| u64::from(at) * s).sum();
        fit(bytes, MAX_RESOURCE_BYTES, what)
    };
    let mut filter_tap_step = [0; 3];
    for (axis, step) in filter_tap_step.iter_mut().enumerate() {
        // Wraps on purpose where a filter has gaps of 2 GB: only sums modulo 2^32 are formed.
        *step = (u64::from(axes[axis].filter_step) * filter_tap[axis]) as u32 as i32;
    }
    Ok(Phase {
        k_total: count(&[channels, all_taps], "the reduction")?,
        out_first: offset(axes.map(|axis| axis.out_first), out_axis, "an output offset")?,
        run,
        by_points: Divisor::new(count(&points, "output points")?),
        by_plane: Divisor::new(count(&points[1..], "output points")?),
        by_row: Divisor::new(points[2]),
        by_taps: Divisor::new(all_taps),
        by_tap_plane: Divisor::new(count(&taps[1..], "filter taps")?),
        by_tap_row: Divisor::new(taps[2]),
        taps,
        in_first: axes.map(|axis| axis.in_first),
        tap_step: axes.map(|axis| axis.tap_step),
        filter_tap_first: offset(
            axes.map(|axis| axis.filter_first),
            filter_tap,
            "a filter offset",
        )?,
        filter_tap_step,
        ..Phase::default()
    })
}

/// Points of the three axes.
fn phase_points(phase: &Phase) -> [u32; 3] {
    let (all, plane, row) = (phase.by_points.divisor, phase.by_plane.divisor, phase.by_row.divisor);
    [all / plane, plane / row, row]
}

/// Coordinates of the first and the last tap of an axis.
fn tap_ends(phase: &Phase, axis: usize) -> [i64; 2] {
    let first = i64::from(phase.in_first[axis]);
    let last = i64::from(phase.taps[axis].saturating_sub(1)) * i64::from(phase.tap_step[axis]);
    [first, first + last]
}

/// How far tap offsets reach below the input.
fn bias_bytes(phase: &Phase, in_dhw: &[u32; 3]) -> u64 {
    (0..3)
        .map(|axis| {
            let lowest = tap_ends(phase, axis).into_iter().min().unwrap_or(0).min(0);
            lowest.unsigned_abs() * u64::from(in_dhw[axis])
        })
        .sum()
}

/// How far they reach above it.
fn reach_bytes(phase: &Phase, in_dhw: &[u32; 3]) -> u64 {
    (0..3)
        .map(|axis| {
            let highest = tap_ends(phase, axis).into_iter().max().unwrap_or(0).max(0);
            highest.unsigned_abs() * u64::from(in_dhw[axis])
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_cover_every_pair_of_output_and_tap_once() {
        for stride in 1..=4 {
            for dilation in 1..=4 {
                for (taps, pad, out_len) in [(1, 0, 5), (3, 1, 9), (4, 2, 3), (5, 0, 2)] {
                    let axis = Axis { taps, stride, dilation, pad, out_len };
                    let mut met = Vec::new();
                    for phase in axis.backward().unwrap() {
                        for point in 0..phase.points {
                            let out = phase.out_first + point * stride;
                            for i in 0..phase.taps {
                                let tap = phase.filter_first + i * phase.filter_step;
                                let input =
                                    phase.in_first + point as i32 + i as i32 * phase.tap_step;
                                let padded = i64::from(out + pad);
                                let reach = padded - i64::from(tap * dilation);
                                assert_eq!(i64::from(input) * i64::from(stride), reach);
                                met.push((out, tap));
                            }
                        }
                    }
                    met.sort_unstable();
                    let expected: Vec<(u32, u32)> = (0..out_len)
                        .flat_map(|out| (0..taps).map(move |tap| (out, tap)))
                        .filter(|(out, tap)| {
                            (i64::from(out + pad) - i64::from(tap * dilation))
                                .rem_euclid(i64::from(stride))
                                == 0
                        })
                        .collect();
                    assert_eq!(met, expected, "{axis:?}");
                }
            }
        }
    }
}
