//! Plans of backward-weights.

use super::device::{self, Launch};
use super::geometry::{MAX_RESOURCE_BYTES, fit, span_bytes};
use super::params::{Divisor, WrwParams};
use super::pool;
use super::wrw_geometry::STEP;
use super::wrw_shapes::{Choice, DIRECT_THREADS, choose, shapes};
use crate::error::{Error, Result};
use crate::hip::StreamRef;
use crate::memory::DeviceBuffers;
use crate::problem::Tensor5;
use crate::solver::{Gpu, Reason};

pub use super::wrw_geometry::Geometry;
pub use super::wrw_shapes::{Family, estimate_us};

type Checked<T> = std::result::Result<T, Reason>;

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
        pool::enqueue_with_scratch(self.gpu, &buffers, self.partial_bytes, |scratch, stream| {
            self.enqueue(&buffers, scratch, stream, alpha, beta)
        })
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
