//! Plans of backward-weights.

use super::cost::Grid;
use super::device::{self, Launch};
use super::geometry::{
    MAX_RESOURCE_BYTES, fit, images_per_chunk, span_bytes, stride_bytes, type_name,
};
use super::params::{Divisor, WrwParams};
use super::pool::{self, Request};
use crate::error::{Error, Result};
use crate::hip::{CurrentDevice, StreamRef};
use crate::memory::DeviceBuffers;
use crate::problem::{ConvProblem, Direction, Role, Tensor5};
use crate::solver::{Gpu, Reason};

type Checked<T> = std::result::Result<T, Reason>;

/// As in `kernels/wrw_tile.h` and `kernels/wrw_direct.h`.
const STEP: u32 = 8;
const DIRECT_THREADS: u32 = 256;
const DIRECT_TAPS: u32 = 3;

/// Shortest part of the points that is worth a block.
const MIN_SPLIT_POINTS: u32 = 256;
/// Parts of the reduction that are considered; sums of parts may take at most that many bytes.
const SPLITS: [u32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const MAX_PARTIAL_BYTES: u64 = 256 << 20;

/// Instructions of a wave outside the hot loop, about.
const WAVE_OVERHEAD: f64 = 900.0;

/// How a block computes. `density`: products in all instructions of the hot loop, as
/// `gpu::analysis` finds them (rounded).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    suffix: &'static str,
    rows: u32,
    columns: u32,
    threads: u32,
    waves_per_simd: u32,
    density: f64,
    /// Taps stand beside the channels, instead of a block for each.
    is_folded: bool,
    is_volume: bool,
    is_exact: bool,
}

const fn tile(suffix: &'static str, size: u32, waves_per_simd: u32, density: f64) -> Shape {
    Shape {
        suffix,
        rows: size,
        columns: size,
        threads: size * size / 64,
        waves_per_simd,
        density,
        is_folded: false,
        is_volume: false,
        is_exact: false,
    }
}

const TILES: [Shape; 6] = [
    Shape { is_exact: true, ..tile("128x128_exact", 128, 8, 0.84) },
    Shape { is_exact: true, ..tile("64x64_exact", 64, 7, 0.83) },
    tile("128x128_ragged", 128, 8, 0.82),
    tile("64x64_ragged", 64, 7, 0.79),
    Shape { is_folded: true, ..tile("64x64_folded", 64, 6, 0.69) },
    Shape { is_folded: true, is_volume: true, ..tile("64x64_volume", 64, 6, 0.68) },
];

/// Which family of kernels a solver uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Tiles,
    Direct,
}

/// What does not depend on tiles.
#[derive(Clone, Debug)]
pub struct Geometry {
    base: WrwParams,
    /// Output points of one image.
    image_points: u32,
    images: usize,
    images_per_chunk: usize,
    x_image_bytes: u64,
    dy_image_bytes: u64,
    bias_bytes: u32,
    is_volume: bool,
    x: (Tensor5, [u64; 5]),
    dy: (Tensor5, [u64; 5]),
    elem_bytes: u64,
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
        let x_dhw = strides(&x_strides)?;
        let x_point = axes(problem.strides())?;
        let taps = axes(problem.filter_spatial())?;
        let out_len = axes(problem.out_spatial())?;
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
            x_len: axes(problem.in_spatial())?,
            pad,
            dilation,
            dy_n: small_if(images_per_chunk > 1, dy_strides[0])?,
            dy_g: small_if(groups > 1, u64::from(m) * dy_strides[1])?,
            dy_m: small(dy_strides[1], "a stride")?,
            dy_step: strides(&dy_strides)?,
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
    fn dw_elems(&self) -> u64 {
        let base = &self.base;
        [base.groups, base.m, base.n, base.taps].iter().map(|&v| u64::from(v)).product()
    }

    fn traffic_bytes(&self) -> f64 {
        let elems =
            |tensor: &Tensor5| tensor.lengths.iter().map(|&len| len as f64).product::<f64>();
        (elems(&self.x.0) + elems(&self.dy.0)) * self.elem_bytes as f64
    }
}

/// A tile (`None`: the direct kernel), and into how many parts the points are split.
#[derive(Clone, Copy, Debug)]
struct Choice {
    shape: Option<Shape>,
    splits: u32,
    time_us: f64,
}

impl Choice {
    /// Blocks along n, m and taps.
    fn blocks(&self, base: &WrwParams) -> [u32; 3] {
        match self.shape {
            Some(shape) => {
                let n = if shape.is_folded { base.n * base.taps } else { base.n };
                let taps = if shape.is_folded { 1 } else { base.taps };
                [n.div_ceil(shape.columns), base.m.div_ceil(shape.rows), taps]
            }
            None => [base.n, base.m, base.taps.div_ceil(DIRECT_TAPS)],
        }
    }

    fn threads(&self) -> u32 {
        self.shape.map_or(DIRECT_THREADS, |shape| shape.threads)
    }
}

/// The kernels of a family that can serve the problem.
fn shapes(geometry: &Geometry, family: Family) -> Vec<Option<Shape>> {
    let base = &geometry.base;
    match family {
        Family::Direct => vec![None],
        Family::Tiles => TILES
            .into_iter()
            .filter(|shape| shape.is_volume == geometry.is_volume)
            .filter(|shape| {
                let is_whole =
                    base.m.is_multiple_of(shape.rows) && base.n.is_multiple_of(shape.columns);
                !shape.is_exact || is_whole
            })
            .map(Some)
            .collect(),
    }
}

fn choose(geometry: &Geometry, family: Family, gpu: Gpu) -> Choice {
    let base = &geometry.base;
    let points = geometry.image_points as f64 * geometry.images_per_chunk as f64;
    let shapes = shapes(geometry, family);
    let options = shapes.iter().flat_map(|&shape| SPLITS.map(|splits| (shape, splits)));
    let timed = options.filter_map(|(shape, splits)| {
        let part_bytes = geometry.dw_elems() * 4;
        if splits > 1
            && (points / f64::from(splits) < f64::from(MIN_SPLIT_POINTS)
                || part_bytes * u64::from(splits) > MAX_PARTIAL_BYTES)
        {
            return None;
        }
        let choice = Choice { shape, splits, time_us: 0.0 };
        let blocks = choice.blocks(base).iter().map(|&count| u64::from(count)).product::<u64>()
            * u64::from(base.groups)
            * u64::from(splits);
        let k = points / f64::from(splits);
        let (instructions, waves_per_simd) = match shape {
            Some(shape) => (k * 64.0 / shape.density, shape.waves_per_simd),
            // A lane takes each 256th point, with some 80 instructions for three taps.
            None => (k / f64::from(DIRECT_THREADS) * 80.0, 16),
        };
        let grid = Grid {
            blocks,
            waves_per_block: choice.threads() / 32,
            waves_per_simd,
            wave_instructions: instructions + WAVE_OVERHEAD,
            bytes: geometry.traffic_bytes(),
        };
        let sum = Grid {
            blocks: geometry.dw_elems().div_ceil(256),
            waves_per_block: 8,
            waves_per_simd: 20,
            wave_instructions: 60.0 + 8.0 * f64::from(splits),
            bytes: part_bytes as f64 * f64::from(splits) * 2.0,
        };
        let sum_us = if splits > 1 { sum.time_us(gpu.compute_units) } else { 0.0 };
        Some(Choice { time_us: grid.time_us(gpu.compute_units) + sum_us, ..choice })
    });
    timed.min_by(|a, b| a.time_us.total_cmp(&b.time_us)).unwrap_or(Choice {
        shape: shapes.first().copied().flatten(),
        splits: 1,
        time_us: f64::INFINITY,
    })
}

/// A guess of the time, of the best kernel of a family.
pub fn estimate_us(geometry: &Geometry, family: Family, gpu: Gpu) -> f64 {
    choose(geometry, family, gpu).time_us
}

/// Backward-weights ready to be launched.
pub struct WrwPlan {
    gpu: Gpu,
    type_name: &'static str,
    geometry: Geometry,
    choice: Choice,
    /// Points of a part, in the longest chunk.
    split_points: u32,
    partial_bytes: usize,
}

impl WrwPlan {
    /// Chooses a kernel and lays out the workspace.
    ///
    /// # Errors
    /// The reason why the kernels cannot serve the problem.
    pub fn new(
        geometry: Geometry,
        type_name: &'static str,
        family: Family,
        gpu: Gpu,
    ) -> Checked<WrwPlan> {
        let choice = choose(&geometry, family, gpu);
        Self::with_choice(geometry, type_name, gpu, choice)
    }

    /// A plan for each kernel that can serve the problem, with and without a split reduction.
    pub fn every(geometry: &Geometry, type_name: &'static str, gpu: Gpu) -> Vec<WrwPlan> {
        [Family::Tiles, Family::Direct]
            .into_iter()
            .flat_map(|family| shapes(geometry, family))
            .flat_map(|shape| [1, 3].map(|splits| Choice { shape, splits, time_us: 0.0 }))
            .filter_map(|choice| Self::with_choice(geometry.clone(), type_name, gpu, choice).ok())
            .collect()
    }

    fn with_choice(
        geometry: Geometry,
        type_name: &'static str,
        gpu: Gpu,
        choice: Choice,
    ) -> Checked<WrwPlan> {
        let points = geometry.image_points * geometry.images_per_chunk as u32;
        let split_points = points.div_ceil(choice.splits).next_multiple_of(STEP);
        let splits = points.div_ceil(split_points);
        // Parts are summed outside the kernel also where the batch comes in chunks.
        let is_partial = splits > 1 || geometry.images > geometry.images_per_chunk;
        let chunks = geometry.images.div_ceil(geometry.images_per_chunk) as u64;
        let partial_bytes =
            if is_partial { geometry.dw_elems() * 4 * u64::from(splits) * chunks } else { 0 };
        fit(partial_bytes, MAX_RESOURCE_BYTES, "the partial sums")?;
        let blocks = choice.blocks(&geometry.base);
        let all = blocks
            .iter()
            .try_fold(u64::from(splits), |product, &count| product.checked_mul(u64::from(count)));
        let all = all.and_then(|all| all.checked_mul(u64::from(geometry.base.groups)));
        fit(all.unwrap_or(u64::MAX), u64::from(u32::MAX / 256), "blocks")?;
        Ok(WrwPlan {
            gpu,
            type_name,
            choice,
            split_points,
            partial_bytes: partial_bytes as usize,
            geometry,
        })
    }

    /// The matrix kernel that it launches.
    pub fn kernel(&self) -> String {
        match self.choice.shape {
            Some(shape) => format!("{}_wrw_{}", self.type_name, shape.suffix),
            None => format!("{}_wrw_direct", self.type_name),
        }
    }

    /// Workspace with which the plan needs no memory of its own.
    pub fn workspace_bytes(&self) -> usize {
        pool::workspace_bytes(self.partial_bytes)
    }

    /// Enqueues the convolution in the caller's stream.
    ///
    /// # Errors
    /// What HIP reports; `AllocFailed` where scratch memory is short.
    pub fn execute(&self, buffers: DeviceBuffers, alpha: f32, beta: f32) -> Result<()> {
        let _current = CurrentDevice::set(self.gpu.ordinal)?;
        let stream = StreamRef::from_address(buffers.stream());
        let request = Request {
            ordinal: self.gpu.ordinal,
            stream,
            bytes: self.partial_bytes,
            workspace: buffers.workspace(),
            workspace_bytes: buffers.workspace_bytes(),
        };
        pool::with_scratch(request, |scratch| self.enqueue(&buffers, scratch, stream, alpha, beta))
    }

    fn enqueue(
        &self,
        buffers: &DeviceBuffers,
        scratch: u64,
        stream: StreamRef,
        alpha: f32,
        beta: f32,
    ) -> Result<()> {
        let module = device::module(self.gpu.ordinal, &format!("wrw_{}", self.type_name))?;
        let kernel = self.kernel();
        let geometry = &self.geometry;
        let part_floats = geometry.dw_elems() as u32;
        let launch = |kernel: &str, blocks, threads, params: &WrwParams| {
            // SAFETY: the kernels of `wrw.hip` take `WrwParams`; the tensors are valid by the
            // promise in `DeviceBuffers::new`, the scratch memory by that of the pool.
            unsafe { Launch { kernel, blocks, threads, params }.enqueue(&module, stream) }
        };
        let mut parts = 0;
        for first in (0..geometry.images).step_by(geometry.images_per_chunk) {
            let images = geometry.images_per_chunk.min(geometry.images - first);
            let out = scratch + u64::from(parts) * u64::from(part_floats) * 4;
            let params = self.params(buffers, first, images, out, alpha, beta);
            let [n, m, taps] = self.choice.blocks(&params);
            let blocks = n * m * taps * params.groups * params.splits;
            launch(&kernel, blocks, self.choice.threads(), &params)?;
            parts += params.splits;
        }
        if self.partial_bytes > 0 {
            let images = geometry.images_per_chunk.min(geometry.images);
            let mut params = self.params(buffers, 0, images, scratch, alpha, beta);
            params.splits = parts;
            let blocks = part_floats.div_ceil(DIRECT_THREADS);
            let kernel = format!("{}_wrw_reduce", self.type_name);
            launch(&kernel, blocks, DIRECT_THREADS, &params)?;
        }
        Ok(())
    }

    /// Arguments of a chunk of images; `out` is where its parts go.
    fn params(
        &self,
        buffers: &DeviceBuffers,
        first: usize,
        images: usize,
        out: u64,
        alpha: f32,
        beta: f32,
    ) -> WrwParams {
        let geometry = &self.geometry;
        let [x, dy] = buffers.inputs();
        let span = |(tensor, strides): &(Tensor5, [u64; 5])| {
            // Checked for the longest chunk by `images_per_chunk`.
            span_bytes(tensor, strides, images, geometry.elem_bytes) as u32
        };
        let mut params = geometry.base;
        let [n_blocks, m_blocks, tap_blocks] = self.choice.blocks(&params);
        let points = geometry.image_points * images as u32;
        params.x = (x + first as u64 * geometry.x_image_bytes)
            .wrapping_sub(u64::from(geometry.bias_bytes));
        params.dy = dy + first as u64 * geometry.dy_image_bytes;
        params.dw = buffers.output();
        params.x_bytes = span(&geometry.x) + geometry.bias_bytes;
        params.dy_bytes = span(&geometry.dy);
        params.n_blocks = n_blocks;
        params.m_blocks = m_blocks;
        params.by_n_blocks = Divisor::new(n_blocks);
        params.by_m_blocks = Divisor::new(m_blocks);
        params.by_tap_blocks = Divisor::new(tap_blocks);
        params.points = points;
        params.split_points = self.split_points;
        params.splits = points.div_ceil(self.split_points);
        params.split_floats = geometry.dw_elems() as u32;
        params.alpha = alpha;
        params.beta = beta;
        if self.partial_bytes > 0 {
            params.is_partial = 1;
            params.out = out;
            params.out_bytes = params.split_floats * 4;
            let (plane, row) = (params.by_tap_plane.divisor, params.by_tap_row.divisor);
            params.out_tap = [4 * plane, 4 * row, 4];
            params.out_n = 4 * params.taps;
            params.out_m = params.out_n * params.n;
            params.out_g = params.out_m * params.m;
        } else {
            params.out = params.dw;
            params.out_bytes = params.dw_bytes;
            params.out_tap = params.dw_tap;
            (params.out_g, params.out_m, params.out_n) = (params.dw_g, params.dw_m, params.dw_n);
        }
        params
    }
}

/// What a plan reports where the kernels turn a problem down after all.
pub fn refused(reason: Reason) -> Error {
    Error::not_implemented(reason.0)
}
