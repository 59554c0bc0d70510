//! The kernels of forward and backward-data, and which one for what.
#![forbid(unsafe_code)]

use super::cost::{Grid, MAX_PARTIAL_BYTES};
use super::geometry::{Geometry, RUN};
use super::params::Phase;
use crate::solver::Gpu;

/// How a block computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `igemm`: tiles of rows by columns, through LDS.
    Tile { rows: u32, columns: u32, threads: u32 },
    /// `direct`: rows by four points a thread.
    Direct { rows: u32 },
}

/// As in `kernels/direct.h`.
const DIRECT_THREADS: u32 = 256;
const DIRECT_POINTS: u32 = 4;

/// The reduction is padded to a multiple of the longest step of a kernel.
pub const STEP: u32 = 8;

/// Splits of the reduction that are considered, by Winograd's solver too.
pub const SPLITS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// The shortest part worth a block.
const MIN_SPLIT_K: u32 = 128;

/// Tiles; the first of equals wins.
const TILES: [Shape; 6] = [
    Shape::Tile { rows: 128, columns: 128, threads: 256 },
    Shape::Tile { rows: 128, columns: 64, threads: 128 },
    Shape::Tile { rows: 64, columns: 128, threads: 128 },
    Shape::Tile { rows: 64, columns: 64, threads: 64 },
    Shape::Tile { rows: 64, columns: 32, threads: 32 },
    Shape::Tile { rows: 32, columns: 64, threads: 32 },
];
/// The only tile for filters whose taps no mask holds.
const RANGE_TILE: [Shape; 1] = [TILES[3]];
const DIRECTS: [Shape; 3] =
    [Shape::Direct { rows: 16 }, Shape::Direct { rows: 4 }, Shape::Direct { rows: 1 }];
const RANGE_DIRECTS: [Shape; 2] = [DIRECTS[1], DIRECTS[2]];

impl Shape {
    pub fn rows(self) -> u32 {
        match self {
            Shape::Tile { rows, .. } | Shape::Direct { rows } => rows,
        }
    }

    pub fn columns(self) -> u32 {
        match self {
            Shape::Tile { columns, .. } => columns,
            Shape::Direct { .. } => DIRECT_THREADS * DIRECT_POINTS,
        }
    }

    pub fn threads(self) -> u32 {
        match self {
            Shape::Tile { threads, .. } => threads,
            Shape::Direct { .. } => DIRECT_THREADS,
        }
    }

    /// Products of a lane for each element of the reduction.
    fn lane_products(self) -> f64 {
        match self {
            Shape::Tile { .. } => 64.0,
            Shape::Direct { rows } => f64::from(rows * DIRECT_POINTS),
        }
    }

    /// Products in all instructions of the hot loop, as `gpu::analysis` finds them in the code
    /// objects (rounded), and waves on a SIMD.
    fn density(self, is_run: bool) -> (f64, u32) {
        match self {
            Shape::Tile { threads: 32, .. } => (if is_run { 0.85 } else { 0.81 }, 8),
            Shape::Tile { .. } => (if is_run { 0.87 } else { 0.84 }, 8),
            Shape::Direct { rows: 16 } => (if is_run { 0.79 } else { 0.71 }, 9),
            Shape::Direct { rows: 4 } => (0.39, 18),
            Shape::Direct { .. } => (0.14, 20),
        }
    }
}

/// Instructions of a wave outside the hot loop, about.
const WAVE_OVERHEAD: f64 = 700.0;

/// Which family of kernels a solver uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Tiles,
    Direct,
}

impl Family {
    pub fn shapes(self, is_range: bool) -> &'static [Shape] {
        match (self, is_range) {
            (Family::Tiles, false) => &TILES,
            (Family::Tiles, true) => &RANGE_TILE,
            (Family::Direct, false) => &DIRECTS,
            (Family::Direct, true) => &RANGE_DIRECTS,
        }
    }
}

/// A tile, and into how many parts the reduction is split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub shape: Shape,
    pub splits: u32,
    pub time_us: f64,
}

/// The best guess, of the tiles of a family.
pub fn choose(geometry: &Geometry, family: Family, gpu: Gpu) -> Choice {
    let base = &geometry.base;
    let is_run = geometry.phases.iter().all(|phase| phase.run == RUN);
    let options = family.shapes(base.is_range == 1).iter().flat_map(|&shape| {
        let allowed = if geometry.phases.len() == 1 && family == Family::Tiles {
            SPLITS.as_slice()
        } else {
            &SPLITS[..1]
        };
        allowed.iter().map(move |&splits| (shape, splits))
    });
    let timed = options.filter_map(|(shape, splits)| {
        let longest = geometry.phases.iter().map(padded_k).max().unwrap_or(STEP);
        if splits > 1 && longest / splits < MIN_SPLIT_K {
            return None;
        }
        let (density, waves_per_simd) = shape.density(is_run);
        let mut blocks = 0.0;
        let mut instructions = 0.0;
        for phase in &geometry.phases {
            let columns = phase.by_points.divisor as f64 * geometry.images as f64;
            let of_phase = (columns / f64::from(shape.columns())).ceil()
                * f64::from(base.m.div_ceil(shape.rows()))
                * f64::from(base.groups)
                * f64::from(splits);
            let k = f64::from(padded_k(phase)) / f64::from(splits);
            blocks += of_phase;
            instructions += of_phase * (k * shape.lane_products() / density + WAVE_OVERHEAD);
        }
        let partial_bytes = partial_floats(geometry, geometry.images_per_chunk)
            * 4
            * u64::from(if splits > 1 { splits } else { 0 });
        if partial_bytes > MAX_PARTIAL_BYTES {
            return None;
        }
        let grid = Grid {
            blocks: blocks as u64,
            waves_per_block: shape.threads() / 32,
            waves_per_simd,
            wave_instructions: instructions / blocks,
            bytes: geometry.traffic_bytes(),
        };
        let mut time_us = grid.time_us(gpu.compute_units);
        if splits > 1 {
            let sum = Grid {
                blocks: (partial_bytes / 4 / u64::from(splits) / 256).max(1),
                waves_per_block: 8,
                waves_per_simd: 20,
                wave_instructions: 40.0 + 8.0 * f64::from(splits),
                bytes: 2.0 * partial_bytes as f64,
            };
            time_us += sum.time_us(gpu.compute_units);
        }
        Some(Choice { shape, splits, time_us })
    });
    let first = family.shapes(base.is_range == 1)[0];
    timed.min_by(|a, b| a.time_us.total_cmp(&b.time_us)).unwrap_or(Choice {
        shape: first,
        splits: 1,
        time_us: f64::INFINITY,
    })
}

/// Elements of the reduction, whole steps.
pub fn padded_k(phase: &Phase) -> u32 {
    phase.k_total.max(1).next_multiple_of(STEP)
}

/// Floats of one part of a partial result.
pub fn partial_floats(geometry: &Geometry, images: usize) -> u64 {
    let rows = u64::from(geometry.base.groups) * u64::from(geometry.base.m);
    let columns: u64 = geometry.phases.iter().map(|p| u64::from(p.by_points.divisor)).sum();
    rows * columns * images as u64
}

/// A guess of the time, of the best tile of a family.
pub fn estimate_us(geometry: &Geometry, family: Family, gpu: Gpu) -> f64 {
    let choice = choose(geometry, family, gpu);
    let is_in_place =
        InPlace::of(geometry, choice.shape).is_some_and(|way| way.is_worth_it(geometry));
    // Packing the filter is a launch of its own.
    let packing = Grid {
        blocks: 36,
        waves_per_block: 8,
        waves_per_simd: 20,
        wave_instructions: 100.0,
        bytes: if is_in_place { 0.0 } else { 3.0 * f64::from(geometry.base.filter_bytes) },
    };
    choice.time_us + packing.time_us(gpu.compute_units)
}

/// A filter that the kernels can read where the caller laid it, as long as alpha is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPlace {
    /// It lies as packing would lay it: a pointwise layer's backward-data.
    AsPacked,
    /// Reduction elements lie innermost: a pointwise layer's forward. The kernels `place` turn it
    /// round on the way into LDS.
    Turned,
}

/// Columns up to which [`InPlace::Turned`] is worth it. Its loads touch a line of the cache for each
/// row; packing moves 12 bytes for each element of the filter, which takes as long as some 200
/// columns by the bandwidth of `cost` and 7.2 TFLOPS (RX 5600 XT): a twentieth at this limit.
const MAX_TURNED_COLUMNS: u64 = 4096;

impl InPlace {
    /// How the filter of a problem can be read in place for tiles of that shape.
    pub fn of(geometry: &Geometry, shape: Shape) -> Option<InPlace> {
        let (base, elem_bytes) = (&geometry.base, geometry.elem_bytes);
        let [phase] = geometry.phases.as_slice() else { return None };
        let is_tile = matches!(shape, Shape::Tile { .. });
        let is_whole = phase.k_total.is_multiple_of(STEP) && base.m.is_multiple_of(shape.rows());
        let is_pointwise = phase.taps == [1; 3] && phase.padded == 0 && base.is_range == 0;
        if !(is_tile && is_whole && is_pointwise && phase.run == RUN) {
            return None;
        }
        let floats = u64::from(base.m) * u64::from(phase.k_total);
        let lies_packed = elem_bytes == 4
            && base.filter_m == 4
            && u64::from(base.filter_c) == 4 * u64::from(base.m)
            && (base.groups == 1 || u64::from(base.filter_g) == 4 * floats);
        let lies_turned = u64::from(base.filter_c) == elem_bytes
            && base.filter_m.is_multiple_of(4)
            && base.filter_g.is_multiple_of(4)
            && !geometry.is_vector;
        match (lies_packed, lies_turned) {
            (true, _) => Some(InPlace::AsPacked),
            (_, true) => Some(InPlace::Turned),
            _ => None,
        }
    }

    /// Whether that is faster than to pack.
    pub fn is_worth_it(self, geometry: &Geometry) -> bool {
        let points = geometry.phases.iter().map(|phase| u64::from(phase.by_points.divisor));
        let columns = points.sum::<u64>() * geometry.images as u64;
        self == InPlace::AsPacked || columns <= MAX_TURNED_COLUMNS
    }
}
