//! The kernels of backward-weights, and which one for what.
#![forbid(unsafe_code)]

use super::cost::{Grid, MAX_PARTIAL_BYTES};
use super::params::WrwParams;
use super::wrw_geometry::Geometry;
use crate::solver::Gpu;

/// As in `kernels/wrw_direct.h`.
pub const DIRECT_THREADS: u32 = 256;
const DIRECT_TAPS: u32 = 3;

/// Shortest part of the points that is worth a block.
const MIN_SPLIT_POINTS: u32 = 256;
/// Parts of the reduction that are considered.
const SPLITS: [u32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// Instructions of a wave outside the hot loop, about.
const WAVE_OVERHEAD: f64 = 700.0;

/// How much faster the second-level cache is than memory. AMD's RDNA white paper gives an RX 5700 XT
/// 16 channels of 64 bytes a cycle; an RX 5600 XT with three quarters of its bus is taken to have 12,
/// at 1560 MHz, beside 288 GB/s. Not measured.
const CACHE_PER_MEMORY: f64 = 4.2;

/// What the columns of a tile are, as in `kernels/wrw_tile.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Input channels, and a block for each tap. There are enough rows and columns for a tile.
    Whole,
    /// The same for any numbers.
    Ragged,
    /// Taps times input channels, which go in fours; enough for a tile.
    Fours,
    /// The same for any numbers.
    Folded,
}

/// How a block computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub suffix: &'static str,
    rows: u32,
    columns: u32,
    threads: u32,
    kind: Columns,
    /// Serves three dimensions, and nothing else.
    is_volume: bool,
    /// Products in all instructions of a step that stays within its row of points, rounded:
    /// what `gpu::analysis` finds in the hot loop, without the 17 instructions for the others.
    density: f64,
}

const fn tile(
    suffix: &'static str,
    [rows, columns, threads]: [u32; 3],
    kind: Columns,
    density: f64,
) -> Shape {
    Shape { suffix, rows, columns, threads, kind, is_volume: false, density }
}

/// Waves that fit on a SIMD, for all tiles.
const TILE_WAVES: u32 = 8;

const TILES: [Shape; 11] = [
    tile("128x128_whole", [128, 128, 256], Columns::Whole, 0.86),
    tile("64x64_whole", [64, 64, 64], Columns::Whole, 0.85),
    tile("32x32_whole", [32, 32, 32], Columns::Whole, 0.79),
    tile("32x32_ragged", [32, 32, 32], Columns::Ragged, 0.72),
    tile("64x64_fours", [64, 64, 64], Columns::Fours, 0.83),
    tile("32x32_fours", [32, 32, 32], Columns::Fours, 0.75),
    tile("16x32_fours", [16, 32, 32], Columns::Fours, 0.65),
    tile("32x16_fours", [32, 16, 32], Columns::Fours, 0.67),
    tile("32x32_folded", [32, 32, 32], Columns::Folded, 0.61),
    tile("16x32_folded", [16, 32, 32], Columns::Folded, 0.48),
    Shape { is_volume: true, ..tile("64x64_volume", [64, 64, 64], Columns::Folded, 0.7) },
];

impl Shape {
    fn has_taps(self) -> bool {
        matches!(self.kind, Columns::Fours | Columns::Folded)
    }

    /// Columns of the whole matrix.
    fn gemm_n(self, base: &WrwParams) -> u32 {
        // Below 2^31 (`Geometry::new`).
        if self.has_taps() { base.n * base.taps } else { base.n }
    }

    fn serves(self, geometry: &Geometry) -> bool {
        let base = &geometry.base;
        let is_enough = base.m >= self.rows && self.gemm_n(base) >= self.columns;
        self.is_volume == geometry.is_volume
            && match self.kind {
                Columns::Whole => is_enough,
                Columns::Fours => is_enough && base.n.is_multiple_of(4),
                Columns::Ragged | Columns::Folded => true,
            }
    }

    /// Products of a lane for each point: some tiles are shared by threads that take turns.
    fn lane_products(self) -> f64 {
        f64::from(self.rows * self.columns / self.threads)
    }
}

/// Which family of kernels a solver uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Tiles,
    Direct,
}

/// A tile (`None`: the direct kernel), and into how many parts the points are split.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub shape: Option<Shape>,
    pub splits: u32,
    pub time_us: f64,
}

impl Choice {
    /// Blocks along n, m and taps.
    pub fn blocks(&self, base: &WrwParams) -> [u32; 3] {
        match self.shape {
            Some(shape) => {
                let taps = if shape.has_taps() { 1 } else { base.taps };
                let n_blocks = shape.gemm_n(base).div_ceil(shape.columns);
                [n_blocks, base.m.div_ceil(shape.rows), taps]
            }
            None => [base.n, base.m, base.taps.div_ceil(DIRECT_TAPS)],
        }
    }

    pub fn threads(&self) -> u32 {
        self.shape.map_or(DIRECT_THREADS, |shape| shape.threads)
    }
}

/// The kernels of a family that can serve the problem.
pub fn shapes(geometry: &Geometry, family: Family) -> Vec<Option<Shape>> {
    match family {
        Family::Direct => vec![None],
        Family::Tiles => {
            TILES.into_iter().filter(|shape| shape.serves(geometry)).map(Some).collect()
        }
    }
}

/// The best guess, of the kernels of a family.
pub fn choose(geometry: &Geometry, family: Family, gpu: Gpu) -> Choice {
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
            Some(shape) => (k * shape.lane_products() / shape.density, TILE_WAVES),
            // A lane takes each 256th point, with some 80 instructions for three taps.
            None => (k / f64::from(DIRECT_THREADS) * 80.0, 16),
        };
        // What a tile reads comes from the caches, once for each tile.
        let cached_bytes = shape.map_or(0.0, |shape| {
            blocks as f64 * k * f64::from(shape.rows + shape.columns) * geometry.elem_bytes as f64
        });
        let grid = Grid {
            blocks,
            waves_per_block: choice.threads() / 32,
            waves_per_simd,
            wave_instructions: instructions + WAVE_OVERHEAD,
            bytes: geometry.traffic_bytes().max(cached_bytes / CACHE_PER_MEMORY),
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
