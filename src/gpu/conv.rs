//! Plans of forward and backward-data.

use super::conv_shapes::{Choice, InPlace, STEP, Shape, choose, padded_k, partial_floats};
use super::device::{self, Launch};
use super::geometry::{Geometry, RUN};
use super::params::{ConvParams, Divisor, MAX_PHASES, Phase};
use super::pool::{self, ALIGN_BYTES};
use crate::error::{Error, Result};
use crate::hip::StreamRef;
use crate::memory::DeviceBuffers;
use crate::solver::{Gpu, Reason};

pub use super::conv_shapes::{Family, estimate_us};

/// As in `kernels/pack.h`.
const PACK_TILE: u32 = 32;
const PACK_THREADS: u32 = 256;
const PACK_ROWS: u32 = 128;
const TABLE_SLACK: u32 = 8;

/// Sets how many blocks a grid has, and tells their number if a grid can have so many.
pub fn set_blocks(params: &mut ConvParams, columns: u32, m: u32, splits: u32) -> Option<u32> {
    params.column_blocks = columns;
    params.m_blocks = m;
    params.by_column_blocks = Divisor::new(columns);
    params.by_m_blocks = Divisor::new(m);
    let blocks = [columns, m, params.groups, params.phases, splits]
        .iter()
        .try_fold(1u64, |product, &count| product.checked_mul(u64::from(count)))?;
    // Threads of a grid are counted in 32 bits; no block has more than 256.
    u32::try_from(blocks).ok().filter(|&blocks| blocks <= u32::MAX / 256)
}

/// A convolution ready to be launched.
pub struct ConvPlan {
    gpu: Gpu,
    type_name: &'static str,
    shape: Shape,
    gather: &'static str,
    /// The same for base addresses that the loads of four cannot take.
    gather_unaligned: &'static str,
    geometry: Geometry,
    splits: u32,
    packed_bytes: usize,
    table_bytes: usize,
    partial_bytes: usize,
    /// Phases with their places in the workspace, in groups of a launch.
    batches: Vec<Vec<Phase>>,
    m_padded: u32,
    in_place: Option<InPlace>,
}

impl ConvPlan {
    /// Chooses a tile and lays out the workspace.
    ///
    /// # Errors
    /// The reason why the kernels cannot serve the problem.
    pub fn new(
        geometry: Geometry,
        type_name: &'static str,
        family: Family,
        gpu: Gpu,
    ) -> std::result::Result<ConvPlan, Reason> {
        let Choice { shape, splits, .. } = choose(&geometry, family, gpu);
        let in_place = InPlace::of(&geometry, shape).filter(|way| way.is_worth_it(&geometry));
        Self::with_shape(geometry, type_name, gpu, shape, splits, in_place)
    }

    /// A plan for each kernel that can serve the problem, with and without a split reduction.
    pub fn every(geometry: &Geometry, type_name: &'static str, gpu: Gpu) -> Vec<ConvPlan> {
        let is_range = geometry.base.is_range == 1;
        let mut plans = Vec::new();
        for family in [Family::Tiles, Family::Direct] {
            for &shape in family.shapes(is_range) {
                let can_split = geometry.phases.len() == 1 && family == Family::Tiles;
                let in_place = InPlace::of(geometry, shape);
                let ways = if in_place.is_some() { vec![None, in_place] } else { vec![None] };
                for &splits in if can_split { [1, 3].as_slice() } else { &[1] } {
                    plans.extend(ways.iter().flat_map(|&way| {
                        Self::with_shape(geometry.clone(), type_name, gpu, shape, splits, way)
                    }));
                }
            }
        }
        plans
    }

    fn with_shape(
        geometry: Geometry,
        type_name: &'static str,
        gpu: Gpu,
        shape: Shape,
        splits: u32,
        in_place: Option<InPlace>,
    ) -> std::result::Result<ConvPlan, Reason> {
        let is_range = geometry.base.is_range == 1;
        let is_run = geometry.phases.iter().all(|phase| phase.run == RUN);
        let has_run = !matches!(shape, Shape::Direct { rows: 1 | 4 });
        let (gather, gather_unaligned) = match (is_range, is_run && has_run, shape) {
            (true, _, _) => ("range", "range"),
            (false, true, Shape::Tile { .. }) if geometry.is_vector => ("vector", "run"),
            (false, true, _) => ("run", "run"),
            (false, false, _) => ("mask", "mask"),
        };
        let m_padded = geometry.base.m.next_multiple_of(shape.rows());
        let entry_dwords = if is_range { 4 } else { 2 };
        let mut filter_floats = 0u64;
        let mut table_dwords = 0u64;
        let too_large = || Reason::new("the packed filter exceeds the kernels' 32-bit offsets");
        let mut phases = geometry.phases.clone();
        for phase in &mut phases {
            phase.k_padded = padded_k(phase);
            phase.filter_first = u32::try_from(filter_floats).map_err(|_| too_large())?;
            phase.table_first = u32::try_from(table_dwords).map_err(|_| too_large())?;
            let floats = u64::from(phase.k_padded) * u64::from(m_padded);
            let all = floats * u64::from(geometry.base.groups);
            if all * 4 > super::geometry::MAX_RESOURCE_BYTES {
                return Err(too_large());
            }
            filter_floats += all;
            let entries = (phase.k_padded + TABLE_SLACK).next_multiple_of(PACK_TILE);
            table_dwords += u64::from(entries) * entry_dwords;
        }
        let bytes = |dwords: u64| (dwords as usize * 4).next_multiple_of(ALIGN_BYTES);
        let splits = if splits > 1 {
            // Parts are whole steps, and none is empty.
            let k = phases[0].k_padded;
            k.div_ceil(k.div_ceil(splits).next_multiple_of(STEP))
        } else {
            1
        };
        let partial_bytes = if splits > 1 {
            bytes(partial_floats(&geometry, geometry.images_per_chunk) * u64::from(splits))
        } else {
            0
        };
        let plan = ConvPlan {
            gpu,
            type_name,
            shape,
            gather,
            gather_unaligned,
            splits,
            packed_bytes: bytes(filter_floats),
            table_bytes: bytes(table_dwords),
            partial_bytes,
            batches: phases.chunks(MAX_PHASES).map(<[Phase]>::to_vec).collect(),
            m_padded,
            in_place,
            geometry,
        };
        plan.check_grids()?;
        Ok(plan)
    }

    /// Every grid counts its blocks and threads in 32 bits.
    fn check_grids(&self) -> std::result::Result<(), Reason> {
        let images = self.geometry.images_per_chunk;
        for batch in &self.batches {
            let mut params = self.params(batch, images);
            for blocks in [
                Self::pack_grid(&mut params, batch),
                self.tile_grid(&mut params),
                self.reduce_grid(&mut params),
            ] {
                if blocks.is_none() {
                    return Err(Reason::new("too many blocks for a launch"));
                }
            }
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        self.packed_bytes + self.table_bytes + self.partial_bytes
    }

    /// The matrix kernel that it launches where the input is aligned.
    pub fn kernel(&self) -> String {
        self.kernel_for(if self.in_place == Some(InPlace::Turned) { "place" } else { self.gather })
    }

    fn kernel_for(&self, gather: &str) -> String {
        match self.shape {
            Shape::Tile { rows, columns, .. } => {
                format!("{}_igemm_{rows}x{columns}_{gather}", self.type_name)
            }
            Shape::Direct { rows } => format!("{}_direct_{rows}_{gather}", self.type_name),
        }
    }

    /// Workspace with which the plan needs no memory of its own.
    pub fn workspace_bytes(&self) -> usize {
        pool::workspace_bytes(self.scratch_bytes())
    }

    /// Arguments of a chunk and a batch, without addresses and blocks.
    fn params(&self, batch: &[Phase], images: usize) -> ConvParams {
        let mut params = self.geometry.base;
        (params.in_bytes, params.out_bytes) = self.geometry.chunk_bytes(images);
        params.m_padded = self.m_padded;
        params.packed_bytes = self.packed_bytes.min(u32::MAX as usize) as u32;
        params.by_groups = Divisor::new(params.groups);
        params.phases = batch.len() as u32;
        params.by_phases = Divisor::new(params.phases);
        params.splits = self.splits;
        params.split_k = batch
            .iter()
            .map(|phase| phase.k_padded.div_ceil(self.splits).next_multiple_of(STEP))
            .max()
            .unwrap_or(STEP);
        let mut floats = 0u64;
        for (to, from) in params.phase.iter_mut().zip(batch) {
            *to = *from;
            // Below 2^31 for the longest chunk (`Geometry::new`).
            to.columns = (u64::from(from.by_points.divisor) * images as u64) as u32;
            to.partial_first = floats as u32;
            floats += u64::from(params.groups) * u64::from(params.m) * u64::from(to.columns);
        }
        // Only used where the reduction is split, and then bounded by MAX_PARTIAL_BYTES.
        params.split_floats = floats as u32;
        params.partial_bytes = self.partial_bytes as u32;
        params
    }

    fn longest_columns(params: &ConvParams) -> u32 {
        params.phase.iter().map(|phase| phase.columns).max().unwrap_or(0)
    }

    fn pack_grid(params: &mut ConvParams, batch: &[Phase]) -> Option<u32> {
        let longest = batch.iter().map(|phase| phase.k_padded).max().unwrap_or(STEP);
        let k_blocks = (longest + TABLE_SLACK).div_ceil(PACK_TILE);
        set_blocks(params, k_blocks, params.m_padded.div_ceil(PACK_ROWS).max(1), 1)
    }

    fn tile_grid(&self, params: &mut ConvParams) -> Option<u32> {
        let columns = Self::longest_columns(params).div_ceil(self.shape.columns());
        set_blocks(params, columns, self.m_padded / self.shape.rows(), self.splits)
    }

    fn reduce_grid(&self, params: &mut ConvParams) -> Option<u32> {
        let columns = Self::longest_columns(params).div_ceil(PACK_THREADS);
        set_blocks(params, columns, params.m, 1)
    }

    /// Enqueues the convolution in the caller's stream.
    ///
    /// # Errors
    /// What HIP reports; `AllocFailed` where scratch memory is short.
    pub fn execute(&self, buffers: DeviceBuffers, alpha: f32, beta: f32) -> Result<()> {
        pool::enqueue_with_scratch(self.gpu, &buffers, self.scratch_bytes(), |scratch, stream| {
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
        let module = device::module(self.gpu.ordinal, &format!("conv_{}", self.type_name))?;
        let [input, filter] = buffers.inputs();
        let in_place = self.in_place.filter(|_| alpha == 1.0 && filter.is_multiple_of(4));
        let gather = match in_place {
            Some(InPlace::Turned) => "place",
            _ if input.is_multiple_of(4) => self.gather,
            _ => self.gather_unaligned,
        };
        let tile_name = self.kernel_for(gather);
        let (pack_name, reduce_name) =
            (format!("{}_pack", self.type_name), format!("{}_reduce", self.type_name));
        let images = self.geometry.images;
        let grid_error = || Error::unknown("a grid that was checked does not fit");

        for batch in &self.batches {
            let with_addresses = |first: usize, count: usize| {
                let mut params = self.params(batch, count);
                let offset = |image_bytes: u64| first as u64 * image_bytes;
                params.input = (input + offset(self.geometry.in_image_bytes))
                    .wrapping_sub(u64::from(params.in_bias_bytes));
                params.out = buffers.output() + offset(self.geometry.out_image_bytes);
                params.filter = filter;
                params.packed = if in_place == Some(InPlace::AsPacked) { filter } else { scratch };
                params.table = scratch + self.packed_bytes as u64;
                let partial = params.table + self.table_bytes as u64;
                params.partial = if self.splits > 1 { partial } else { 0 };
                params.alpha = alpha;
                params.beta = beta;
                params
            };
            let launch = |kernel: &str, blocks: Option<u32>, threads, params: &ConvParams| {
                let blocks = blocks.ok_or_else(grid_error)?;
                // SAFETY: the kernels of `conv.hip` take `ConvParams`; the tensors are valid by
                // the promise in `DeviceBuffers::new`, the scratch memory by that of the pool.
                unsafe { Launch { kernel, blocks, threads, params }.enqueue(&module, stream) }
            };
            let mut params = with_addresses(0, self.geometry.images_per_chunk.min(images));
            if in_place.is_some() {
                // Of the filter nothing is packed: what remains is the table.
                params.m_padded = 0;
            }
            let blocks = Self::pack_grid(&mut params, batch);
            launch(&pack_name, blocks, PACK_THREADS, &params)?;
            for first in (0..images).step_by(self.geometry.images_per_chunk) {
                let count = self.geometry.images_per_chunk.min(images - first);
                let mut params = with_addresses(first, count);
                let blocks = self.tile_grid(&mut params);
                launch(&tile_name, blocks, self.shape.threads(), &params)?;
                if self.splits > 1 {
                    let blocks = self.reduce_grid(&mut params);
                    launch(&reduce_name, blocks, PACK_THREADS, &params)?;
                }
            }
        }
        Ok(())
    }
}
