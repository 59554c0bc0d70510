//! What forward and backward-data by blocks cost, and whether to cut the outputs by the taps they meet.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::data::Packing;
use super::planes::PixelLayout;
use super::shape::{BlockShape, Blocking, beside_products};
use crate::cpu::cache::CacheSizes;
use crate::cpu::filter::FilterMatrix;
use crate::cpu::gather::{Gather, Order, Regions, gathers_of};
use crate::cpu::isa::Isa;
use crate::problem::{ConvProblem, DataType, Role};

/// What packing a filter element costs, in multiply-adds: 0.4 ns where the packed filter stays in
/// the L2 cache, else 0.8 ns (measured on Zen 3, backward-data of filters of 256 x 1024 and of
/// 512 x 512 to 1024 x 2048 channels).
const PACK_FILTER_COST: f64 = 20.0;
const PACK_FAR_FILTER_COST: f64 = 40.0;

/// The same where tasks pack it part by part: 0.3 ns, wherever it comes from (512 x 512 channels, Zen 4).
const PACK_PART_COST: f64 = 15.0;

/// What writing an element of the result costs where the tensors exceed the caches, in the same
/// unit: panels write a cache line of each row at a time (0.3 ns, Zen 3, 64 channels of 512 x 512).
const FAR_STORE_COST: f64 = 15.0;

/// The same of one that is narrowed to 16 bits (64 channels of 224 x 224, Zen 4).
const NARROW_COST: f64 = 5.0;

/// What bringing an element of the input to planes costs more where tensors exceed a sixth of the L3 cache, in the same
/// unit: of 48 MiB, which others use too, 8 MiB are read with 28 GB/s, 16 MiB with 10 to 20 (3 x 3 of 64 channels of 80 x
/// 80, stride 2, Ice Lake).
const FAR_STAGE_COST: f64 = 15.0;

/// Products that may remain at most, of all, for regions to be worth comparing: 0.77 of them, of 3 x 3 taps
/// at a distance of 6 on 33 x 33 pixels, took no less time, 0.40 at a distance of 18 half of it (512 x 256
/// channels, Zen 4).
const MAX_SHARE: f64 = 0.7;

/// Regions at most: 3 taps make 5 pieces of a line.
const MAX_REGIONS: usize = 25;

/// The estimated time in multiply-adds of the busiest thread.
pub fn cost(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> f64 {
    let (_, gathers) = regions_of(problem, isa);
    let is_large = problem.tensor_bytes() > CacheSizes::get().l3_bytes as f64 / 2.0;
    let elems_of = |role: Role| -> f64 {
        problem.tensor5(role).lengths.iter().map(|&len| len as f64).product()
    };
    let out_elems = elems_of(problem.direction().output_role());
    let far = if is_large { FAR_STORE_COST } else { 0.0 };
    let narrow = if problem.output_dtype() == DataType::F32 { 0.0 } else { NARROW_COST };
    let is_staged = gathers.iter().any(|of| PixelLayout::of_tensor(of, problem.n()).is_none());
    let is_far = problem.tensor_bytes() > CacheSizes::get().l3_bytes as f64 / 6.0;
    let stage = match is_staged && is_far && isa.is_wide() {
        true => FAR_STAGE_COST * elems_of(problem.direction().input_roles()[0]),
        false => 0.0,
    };
    let memory = beside_products(isa) * (out_elems * (far + narrow) + stage);
    cost_of(problem, &gathers, isa, threads) + memory / threads.get() as f64
}

/// Of these gathers, but for what far tensors cost more.
fn cost_of(problem: &ConvProblem, gathers: &[Gather], isa: Isa, threads: NonZeroUsize) -> f64 {
    let (mut blocks, mut are_whole) = (0.0, true);
    for gather in gathers {
        let shape = BlockShape::new(problem, gather);
        let blocking = Blocking::choose(&shape, isa, threads);
        blocks += blocking.cost(&shape, isa, threads);
        are_whole &= blocking.is_whole(&shape);
    }
    let filters: Vec<_> = gathers.iter().map(|gather| FilterMatrix::new(problem, gather)).collect();
    // Regions pack the same weights several times.
    let weights: f64 = filters.iter().map(|of| of.gemm_m as f64 * of.gemm_k() as f64).sum();
    let weights = problem.groups() as f64 * weights;
    let is_far = weights * size_of::<f32>() as f64 > CacheSizes::get().l2_bytes as f64;
    let threads = threads.get() as f64;
    let pack = match Packing::choose(filters.iter()) {
        Packing::None => 0.0,
        Packing::Columns if are_whole => weights * PACK_PART_COST / threads,
        // Threads share the way to memory.
        _ if is_far => weights * PACK_FAR_FILTER_COST,
        _ => weights * PACK_FILTER_COST / threads,
    };
    blocks + beside_products(isa) * pack
}

/// The gathers of a problem, cut into regions where that is cheaper: what is not multiplied with padding saves
/// more than shorter lines and filters that are packed again cost. Whether it is does not depend on the
/// threads.
pub fn regions_of(problem: &ConvProblem, isa: Isa) -> (Vec<Regions>, Vec<Gather>) {
    let products = |gathers: &[Gather]| -> f64 {
        gathers.iter().map(|gather| gather.all_pixels(1).len() as f64 * gather.taps() as f64).sum()
    };
    let whole: Vec<Gather> = gathers_of(problem)
        .into_iter()
        .map(|gather| Gather { order: Order::TapInner, ..gather })
        .collect();
    let regions = whole.iter().map(|gather| {
        let cut = Regions::by_taps(gather);
        if cut.count() > MAX_REGIONS { Regions::whole(gather) } else { cut }
    });
    let regions: Vec<Regions> = regions.collect();
    let cut: Vec<Gather> =
        regions.iter().zip(&whole).flat_map(|(cut, gather)| cut.gathers(gather)).collect();
    let cost = |gathers: &[Gather]| cost_of(problem, gathers, isa, NonZeroUsize::MIN);
    if products(&cut) < MAX_SHARE * products(&whole) && cost(&cut) < cost(&whole) {
        return (regions, cut);
    }
    (whole.iter().map(Regions::whole).collect(), whole)
}
