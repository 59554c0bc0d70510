//! Plans of Winograd's F(2x2, 3x3): forward and backward-data of 3 x 3 filters, stride and dilation 1.
//!
//! A tile of 2 x 2 outputs takes 16 products a channel instead of 36. Patches of the input are
//! transformed on their way into LDS, and sums on their way out of it. The filter is transformed once a
//! call, into the workspace; or, where few tiles use it, by every block on its way into LDS: the
//! transformed filter in f32 is up to four times as long as the filter, and would cross the memory twice.
//!
//! Numerics: products and sums in f32, whatever the storage. With C channels, u = 2^-24 and roundings
//! as good as independent, no error exceeds `22 * 6 * sqrt(C + 36) * u * C * max|input| * max|filter|`
//! (besides the rounding to the output's type). Why: let G, B' and A' be the matrices that transform
//! filter, input and sums, and G_i, B_i the sums of absolute values in their rows. The products at
//! position (i, j) and their sum are at most `C * max|input| * max|filter| * G_i B_i G_j B_j`; a sum
//! of C products errs by less than `6 sqrt(C) u` of that (Higham and Mary, 2019, with lambda = 6), and
//! the 36 stands for some six roundings in a row of the transforms in each dimension. An output (p, q)
//! adds positions with the weights `A_pi A_qj`; errors being as good as independent, their squares
//! add up, which gives the factor `max over p of (sum over i of (A_pi G_i B_i)^2) = 4 + 9 + 9 = 22`. The tests
//! hold every result to it. Small integers come out exact. Where a sum is infinite or NaN, which the
//! transforms spread over a tile, the kernel computes the tile again straight from its inputs.

use super::conv::set_blocks;
use super::conv_shapes::{SPLITS, partial_floats};
use super::cost::{Grid, MAX_PARTIAL_BYTES};
use super::device::{self, Launch};
use super::geometry::{Geometry, MAX_RESOURCE_BYTES};
use super::params::{Divisor, WinogradParams};
use super::pool::{self, ALIGN_BYTES};
use crate::error::{Error, Result};
use crate::hip::StreamRef;
use crate::memory::DeviceBuffers;
use crate::solver::{Gpu, Reason};

/// As in `kernels/winograd.h`: output channels and tiles of a block, and its threads.
const ROWS: u32 = 32;
const TILES: u32 = 32;
const THREADS: u32 = 256;
const SLOTS: u32 = 16;
/// Channels of a turn of the hot loop, two steps; `kernels/winograd_pack.h` packs as many a block.
const TURN: u32 = 8;
const STEP: u32 = TURN / 2;

/// As in `kernels/pack.h`.
const REDUCE_THREADS: u32 = 256;

/// The shortest part of split channels worth a block: its transforms at the end then take less than a
/// fifth of its time.
const MIN_SPLIT_CHANNELS: u32 = 32;

/// Instructions of a wave outside of the hot loop, about, as simhip counts them.
const WAVE_OVERHEAD: f64 = 655.0;
const WAVES_PER_SIMD: u32 = 8;
/// Loads of a wave for each channel: twelve for a step of four.
const CHANNEL_LOADS: f64 = 3.0;
/// Bytes of a cache line. An assumption: the address unit, which two SIMDs share, takes one a cycle.
const LINE_BYTES: f64 = 128.0;
const SIMDS: f64 = 2.0;
/// Of a wave of the packing kernel, which brings 32 rows of a channel.
const PACK_INSTRUCTIONS: f64 = 280.0;

/// Where the matrix kernel takes the filter from, and how it reads the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The workspace, where it lies transformed and in the order of the steps.
    Packed,
    /// The same, for an input whose channels lie side by side.
    Pixels,
    /// The filter itself.
    Unpacked,
}

impl Source {
    const ALL: [Source; 3] = [Source::Packed, Source::Pixels, Source::Unpacked];

    /// Instructions of a wave for each channel, by the hot loops of the code objects (the mean over
    /// the storage types).
    fn channel_instructions(self) -> f64 {
        match self {
            Source::Packed => 84.0,
            Source::Pixels => 85.0,
            Source::Unpacked => 92.0,
        }
    }

    /// Whether tensors can be used so. A lane loads the nine taps of an unpacked filter; for these
    /// and for pixels, steps must be whole.
    fn serves(self, geometry: &Geometry) -> bool {
        let phase = &geometry.phases[0];
        let elem_bytes = geometry.elem_bytes as i32;
        let is_whole = phase.k_total.is_multiple_of(STEP);
        match self {
            Source::Packed => true,
            Source::Pixels => is_whole && u64::from(geometry.base.in_c) == geometry.elem_bytes,
            Source::Unpacked => {
                is_whole && phase.filter_tap_step[1..] == [3 * elem_bytes, elem_bytes]
            }
        }
    }

    fn is_packed(self) -> bool {
        self != Source::Unpacked
    }
}

/// The geometry without its bias, if the kernels serve it.
fn checked(mut geometry: Geometry) -> std::result::Result<Geometry, Reason> {
    let base = &mut geometry.base;
    let is_served = match geometry.phases.as_slice() {
        [phase] => {
            phase.taps == [1, 3, 3]
                && phase.tap_step[1].abs() == 1
                && phase.tap_step[2] == phase.tap_step[1]
                && base.in_point[1..] == [1, 1]
                && phase.out_first == 0
        }
        _ => false,
    };
    if !is_served {
        return Err(Reason::new("serves 3 x 3 filters of stride and dilation 1"));
    }
    // Patches never reach below the input: what lies outside is not read.
    base.in_bias_bytes = 0;
    let phase = &mut geometry.phases[0];
    // Here the reduction counts channels.
    phase.k_total /= 9;
    phase.k_padded = phase.k_total.next_multiple_of(TURN);
    Ok(geometry)
}

/// Tiles of one image.
fn tiles(geometry: &Geometry) -> [u32; 3] {
    let phase = &geometry.phases[0];
    let (all, plane, row) = (phase.by_points.divisor, phase.by_plane.divisor, phase.by_row.divisor);
    [all / plane, (plane / row).div_ceil(2), row.div_ceil(2)]
}

fn all_tiles(geometry: &Geometry, images: usize) -> u64 {
    tiles(geometry).iter().map(|&count| u64::from(count)).product::<u64>() * images as u64
}

fn packed_floats(geometry: &Geometry) -> u64 {
    let rows = u64::from(geometry.base.m.next_multiple_of(ROWS));
    let k = u64::from(geometry.phases[0].k_padded);
    u64::from(geometry.base.groups) * rows * k * u64::from(SLOTS)
}

/// Cycles of a wave for each channel: issuing instructions, or fetching lines where neighbouring tiles
/// lie far apart in memory.
fn channel_cycles(geometry: &Geometry, source: Source) -> f64 {
    let between_lanes = 2.0 * f64::from(geometry.base.in_dhw[2]);
    let lanes = if source == Source::Pixels { 8.0 } else { 32.0 };
    let lines = (lanes * between_lanes / LINE_BYTES).clamp(1.0, lanes);
    source.channel_instructions().max(CHANNEL_LOADS * lines * SIMDS)
}

/// Channels of a part.
fn split_length(channels: u32, splits: u32) -> u32 {
    channels.div_ceil(splits).next_multiple_of(TURN)
}

fn time_us(geometry: &Geometry, source: Source, splits: u32, gpu: Gpu) -> Option<f64> {
    if !source.serves(geometry) {
        return None;
    }
    let base = &geometry.base;
    let channels = geometry.phases[0].k_padded;
    if splits > 1 && channels / splits < MIN_SPLIT_CHANNELS {
        return None;
    }
    let m_blocks = u64::from(base.groups) * u64::from(base.m.div_ceil(ROWS));
    let part = f64::from(split_length(channels, splits));
    let tile_grid = Grid {
        blocks: all_tiles(geometry, geometry.images).div_ceil(u64::from(TILES))
            * m_blocks
            * u64::from(splits),
        waves_per_block: THREADS / 32,
        waves_per_simd: WAVES_PER_SIMD,
        wave_instructions: part * channel_cycles(geometry, source) + WAVE_OVERHEAD,
        bytes: geometry.traffic_bytes()
            + match source.is_packed() {
                true => 4.0 * packed_floats(geometry) as f64,
                false => f64::from(base.filter_bytes),
            },
    };
    let pack_grid = Grid {
        blocks: m_blocks * u64::from(channels / TURN),
        waves_per_block: THREADS / 32,
        waves_per_simd: 20,
        wave_instructions: PACK_INSTRUCTIONS,
        bytes: f64::from(base.filter_bytes) + 4.0 * packed_floats(geometry) as f64,
    };
    let mut time_us = tile_grid.time_us(gpu.compute_units);
    if source.is_packed() {
        time_us += pack_grid.time_us(gpu.compute_units);
    }
    if splits > 1 {
        let floats = partial_floats(geometry, geometry.images_per_chunk);
        let bytes = 4 * floats * u64::from(splits);
        if bytes > MAX_PARTIAL_BYTES {
            return None;
        }
        let sum = Grid {
            blocks: floats.div_ceil(u64::from(REDUCE_THREADS)),
            waves_per_block: REDUCE_THREADS / 32,
            waves_per_simd: 20,
            wave_instructions: 40.0 + 8.0 * f64::from(splits),
            bytes: 2.0 * bytes as f64,
        };
        time_us += sum.time_us(gpu.compute_units);
    }
    Some(time_us)
}

/// The best source and split, and a guess of their time.
fn choose(geometry: &Geometry, gpu: Gpu) -> (Source, u32, f64) {
    Source::ALL
        .iter()
        .flat_map(|&source| SPLITS.map(|splits| (source, splits)))
        .filter_map(|(source, splits)| {
            Some((source, splits, time_us(geometry, source, splits, gpu)?))
        })
        .min_by(|a, b| a.2.total_cmp(&b.2))
        .unwrap_or((Source::Packed, 1, f64::INFINITY))
}

/// A guess of the time.
pub fn estimate_us(geometry: &Geometry, gpu: Gpu) -> f64 {
    checked(geometry.clone()).map_or(f64::INFINITY, |geometry| choose(&geometry, gpu).2)
}

/// A convolution ready to be launched.
pub struct WinogradPlan {
    gpu: Gpu,
    type_name: &'static str,
    geometry: Geometry,
    source: Source,
    splits: u32,
    packed_bytes: usize,
    partial_bytes: usize,
}

impl WinogradPlan {
    /// Chooses source and split, and lays out the workspace.
    ///
    /// # Errors
    /// The reason why the kernels cannot serve the problem.
    pub fn new(
        geometry: Geometry,
        type_name: &'static str,
        gpu: Gpu,
    ) -> std::result::Result<WinogradPlan, Reason> {
        let geometry = checked(geometry)?;
        let (source, splits, _) = choose(&geometry, gpu);
        Self::with(geometry, type_name, gpu, source, splits)
    }

    /// A plan for each source that can serve the problem, with and without split channels.
    pub fn every(geometry: &Geometry, type_name: &'static str, gpu: Gpu) -> Vec<WinogradPlan> {
        let Ok(geometry) = checked(geometry.clone()) else { return Vec::new() };
        let sources = Source::ALL.into_iter().filter(|source| source.serves(&geometry));
        sources
            .flat_map(|source| [1, 3].map(|splits| (source, splits)))
            .filter_map(|(source, splits)| {
                Self::with(geometry.clone(), type_name, gpu, source, splits).ok()
            })
            .collect()
    }

    fn with(
        geometry: Geometry,
        type_name: &'static str,
        gpu: Gpu,
        source: Source,
        splits: u32,
    ) -> std::result::Result<WinogradPlan, Reason> {
        let channels = geometry.phases[0].k_padded;
        // No part is empty.
        let splits = channels.div_ceil(split_length(channels, splits));
        let bytes = |floats: u64| (floats as usize * 4).next_multiple_of(ALIGN_BYTES);
        if u64::from(channels) * u64::from(SLOTS * ROWS * 4) > MAX_RESOURCE_BYTES {
            return Err(Reason::new("the packed filter exceeds the kernels' 32-bit offsets"));
        }
        let part = partial_floats(&geometry, geometry.images_per_chunk);
        let plan = WinogradPlan {
            gpu,
            type_name,
            source,
            splits,
            packed_bytes: match source.is_packed() {
                true => bytes(packed_floats(&geometry)),
                false => 0,
            },
            partial_bytes: if splits > 1 { bytes(part * u64::from(splits)) } else { 0 },
            geometry,
        };
        let mut params = plan.params(plan.geometry.images_per_chunk);
        // Every grid counts its blocks and threads in 32 bits.
        for blocks in [
            plan.pack_grid(&mut params),
            plan.tile_grid(&mut params),
            plan.reduce_grid(&mut params),
        ] {
            if blocks.is_none() {
                return Err(Reason::new("too many blocks for a launch"));
            }
        }
        Ok(plan)
    }

    fn scratch_bytes(&self) -> usize {
        self.packed_bytes + self.partial_bytes
    }

    /// The matrix kernel that it launches.
    pub fn kernel(&self) -> String {
        let is_forward = self.geometry.phases[0].tap_step[1] > 0;
        let source = match (self.source, is_forward) {
            (Source::Packed, _) => "packed",
            (Source::Pixels, _) => "pixels",
            (Source::Unpacked, true) => "forward",
            (Source::Unpacked, false) => "backward",
        };
        format!("{}_winograd_{ROWS}x{TILES}_{source}", self.type_name)
    }

    /// Workspace with which the plan needs no memory of its own.
    pub fn workspace_bytes(&self) -> usize {
        pool::workspace_bytes(self.scratch_bytes())
    }

    /// Arguments of a chunk, without addresses and blocks.
    fn params(&self, images: usize) -> WinogradParams {
        let geometry = &self.geometry;
        let mut phase = geometry.phases[0];
        let mut conv = geometry.base;
        (conv.in_bytes, conv.out_bytes) = geometry.chunk_bytes(images);
        conv.m_padded = conv.m.next_multiple_of(ROWS);
        conv.by_groups = Divisor::new(conv.groups);
        conv.phases = 1;
        conv.splits = self.splits;
        conv.split_k = split_length(phase.k_padded, self.splits);
        // Only used where the channels are split, and then bounded by MAX_PARTIAL_BYTES.
        conv.split_floats = partial_floats(geometry, images) as u32;
        conv.partial_bytes = self.partial_bytes as u32;
        // Below 2^31 for the longest chunk (`Geometry::new`).
        phase.columns = (u64::from(phase.by_points.divisor) * images as u64) as u32;
        conv.phase[0] = phase;
        let [depth, height, width] = tiles(geometry);
        let first = |axis: usize| phase.in_first[axis] + (2 * phase.tap_step[axis]).min(0);
        WinogradParams {
            conv,
            by_tiles: Divisor::new(depth * height * width),
            by_tile_plane: Divisor::new(height * width),
            by_tile_row: Divisor::new(width),
            tiles: all_tiles(geometry, images) as u32,
            patch_first: [first(1), first(2)],
            out_len: [phase.by_plane.divisor / phase.by_row.divisor, phase.by_row.divisor],
        }
    }

    fn pack_grid(&self, params: &mut WinogradParams) -> Option<u32> {
        let blocks = params.conv.phase[0].k_padded / TURN;
        set_blocks(&mut params.conv, blocks, self.m_blocks(), 1)
    }

    fn tile_grid(&self, params: &mut WinogradParams) -> Option<u32> {
        let blocks = params.tiles.div_ceil(TILES);
        set_blocks(&mut params.conv, blocks, self.m_blocks(), self.splits)
    }

    fn reduce_grid(&self, params: &mut WinogradParams) -> Option<u32> {
        let blocks = params.conv.phase[0].columns.div_ceil(REDUCE_THREADS);
        let rows = params.conv.m;
        set_blocks(&mut params.conv, blocks, rows, 1)
    }

    fn m_blocks(&self) -> u32 {
        self.geometry.base.m.div_ceil(ROWS)
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
        let module = device::module(self.gpu.ordinal, &format!("winograd_{}", self.type_name))?;
        let [input, filter] = buffers.inputs();
        let (images, most) = (self.geometry.images, self.geometry.images_per_chunk);
        let launch = |kernel: &str, blocks: Option<u32>, params: &WinogradParams| {
            let blocks =
                blocks.ok_or_else(|| Error::unknown("a grid that was checked does not fit"))?;
            let launch = Launch { kernel, blocks, threads: THREADS, params };
            // SAFETY: the kernels of `winograd.hip` take `WinogradParams`; the tensors are valid by
            // the promise in `DeviceBuffers::new`, the scratch memory by that of the pool.
            unsafe { launch.enqueue(&module, stream) }
        };
        for first in (0..images).step_by(most) {
            let mut params = self.params(most.min(images - first));
            let offset = |image_bytes: u64| first as u64 * image_bytes;
            params.conv.input = input + offset(self.geometry.in_image_bytes);
            params.conv.out = buffers.output() + offset(self.geometry.out_image_bytes);
            params.conv.filter = filter;
            params.conv.packed = scratch;
            let partial = scratch + self.packed_bytes as u64;
            params.conv.partial = if self.splits > 1 { partial } else { 0 };
            (params.conv.alpha, params.conv.beta) = (alpha, beta);
            if first == 0 && self.source.is_packed() {
                let blocks = self.pack_grid(&mut params);
                launch(&format!("{}_winograd_pack", self.type_name), blocks, &params)?;
            }
            let blocks = self.tile_grid(&mut params);
            launch(&self.kernel(), blocks, &params)?;
            if self.splits > 1 {
                let blocks = self.reduce_grid(&mut params);
                launch(&format!("{}_winograd_reduce", self.type_name), blocks, &params)?;
            }
        }
        Ok(())
    }
}
