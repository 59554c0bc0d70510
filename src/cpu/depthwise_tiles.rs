//! Depthwise convolution of planes, a vector of channels at a time.
//!
//! The input of a box of outputs is transposed into a tile, in which a pixel is a vector of
//! neighbouring channels; sums are formed there, and transposed back. So lines shorter than a
//! vector waste nothing, and strides, in which lines would come apart, are but distances. Serves
//! all directions, and several output channels for each input channel.
//!
//! Numerics: f32 sums in the order of the taps, output channels outermost in backward-data;
//! backward-weights: see [`wrw`].
#![forbid(unsafe_code)]

mod tile;
mod wrw;

use std::num::NonZeroUsize;

use super::arena;
use super::blocked::check_float;
use super::cache::CacheSizes;
use super::element::{Element, Output};
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::{Gather, gathers_of};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::{Isa, halves_512_bits};
use super::pool;
use super::rates;
use super::tiles::{BoxLengths, even_piece};
use super::ukernel::{PixelTap, TileLines, sum_tile, tile_lanes};
use crate::config::IsaLevel;
use crate::error::Result;
use crate::memory::TensorMut;
use crate::problem::{ConvProblem, DataType, Direction, Role};
use crate::solver::{Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId};
use tile::{StagedBox, TileLayout, store_lanes};
pub use tile::{any, filters};

/// Depthwise convolution by tiles at one instruction set level.
pub struct DepthwiseTiles(pub IsaLevel);

/// Multiply-adds that make a task: some ten microseconds' worth.
const TASK_MULTIPLY_ADDS: usize = 200_000;

/// Pixels that a filter may reach over: dilation beyond makes tiles of mostly nothing.
const MAX_REACH_PIXELS: usize = 4096;

/// Most lines, and pixels, of an image: plans hold a list of lines.
const MAX_LINES: usize = 1 << 16;
const MAX_PIXELS: usize = 1 << 26;

/// Most phases of backward-data, and pixels of the input for one of the output.
const MAX_PHASES: usize = 64;

impl Solver for DepthwiseTiles {
    fn id(&self) -> SolverId {
        ids::at_level(ids::DEPTHWISE_TILES, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "float_depthwise_tiles__scalar",
            IsaLevel::Avx2Fma => "float_depthwise_tiles__avx2_fma",
            IsaLevel::Avx512 => "float_depthwise_tiles__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        if problem.c() != problem.groups() {
            return Err(Reason::new("serves one input channel a group"));
        }
        let has_lines = |role: Role| {
            let tensor = problem.tensor5(role);
            tensor.lengths[4] == 1 || tensor.strides[4] == 1
        };
        if !has_lines(Role::X) || !has_lines(Role::Y) {
            return Err(Reason::new("serves contiguous lines"));
        }
        let reach = [0, 1, 2].map(|dim| {
            (problem.filter_spatial()[dim] - 1).saturating_mul(problem.dilations()[dim]) + 1
        });
        if reach.iter().fold(1, |all: usize, &len| all.saturating_mul(len)) > MAX_REACH_PIXELS {
            return Err(Reason::new(format!("filters reach over {MAX_REACH_PIXELS} pixels")));
        }
        for [d, h, w] in [problem.in_spatial(), problem.out_spatial()] {
            let padded = |dim: usize, len: usize| len.saturating_add(2 * problem.pads()[dim]);
            let lines = padded(0, d).saturating_mul(padded(1, h));
            if lines > MAX_LINES || lines.saturating_mul(padded(2, w)) > MAX_PIXELS {
                let reason =
                    format!("images of more than {MAX_LINES} lines or {MAX_PIXELS} pixels");
                return Err(Reason::new(reason));
            }
        }
        if problem.strides().iter().fold(1, |all: usize, &len| all.saturating_mul(len)) > MAX_PHASES
        {
            return Err(Reason::new(format!("more than {MAX_PHASES} phases of strides")));
        }
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let Some(isa) = Isa::allowed(self.0) else {
            return f64::INFINITY;
        };
        let geometry = Geometry::new(problem, isa);
        let threads = context.cpu_threads.get();
        let blocks = problem.n() * geometry.blocks().div_ceil(threads);
        let lanes = geometry.lanes as f64;
        let narrow = if problem.input_dtype() == DataType::F32 { 1.0 } else { NARROW_COST };
        let cost = narrow * blocks as f64 * lanes * geometry.cost_of_channel(problem);
        cost / rates::depthwise_multiply_adds_per_us(self.0)
            + memory_share(problem) * rates::memory_us(problem)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, _context: &Context) -> Result<Box<dyn Plan>> {
        let geometry = Geometry::new(problem, Isa::require(self.0)?);
        if problem.direction() == Direction::Wrw {
            return Ok(FloatPlan::boxed(problem, wrw::Kernel::new(geometry), ImplicitGemm));
        }
        Ok(FloatPlan::boxed(problem, DataKernel::new(geometry), ImplicitGemm))
    }
}

/// How a problem is cut, and what its tiles are.
struct Geometry {
    isa: Isa,
    /// Channels of a block.
    lanes: usize,
    problem: ConvProblem,
    /// One, or one for each phase of backward-data.
    gathers: Vec<Gather>,
    /// Output channels for each input channel.
    multiplier: usize,
    /// Of one image: outputs, or in backward-data the indices of a phase.
    pixel_box: BoxLengths,
    layout: TileLayout,
    boxes: Vec<StagedBox>,
    touches_padding: bool,
}

/// What elements of 16 bits cost, beside f32: 3 x 3 layers of 28 x 28 to 112 x 112 pixels (Zen 4).
const NARROW_COST: f64 = 1.2;

/// What a multiply-add costs in those of the GEMM kernel: it comes with a load, but is not waited for
/// by others.
const TAP_COST: f64 = 1.0;

/// Costs beside the multiply-adds, likewise.
struct Costs {
    /// An element that is transposed into a tile or out of one.
    element: f64,
    /// A line, shared by the channels of a block.
    line: f64,
    /// A channel.
    channel: f64,
}

/// Fitted on Zen 3 to planes of 7 x 7 to 112 x 112. With AVX-512 the multiply-adds take half of the
/// time, and transposing as long as before: fitted on an Emerald Rapids to planes of 2 x 2 to 112 x 112.
fn costs(level: IsaLevel) -> Costs {
    match level {
        IsaLevel::Scalar | IsaLevel::Avx2Fma => Costs { element: 4.0, line: 20.0, channel: 1000.0 },
        IsaLevel::Avx512 => Costs { element: 8.0, line: 32.0, channel: 450.0 },
    }
}

/// The costs of backward-weights and of its multiply-adds, and how much of what moving the tensors takes is
/// not hidden. Fitted to planes of 4 x 4 to 150 x 150, filters of 3, 5 and 7 and strides of 1 and 2, within
/// a tenth (Zen 4, AVX2 and AVX-512); processors that do 512 bits at once were not measured, and keep those
/// above.
fn wrw_costs(level: IsaLevel) -> (Costs, f64) {
    match level {
        IsaLevel::Avx2Fma => (Costs { element: 2.7, line: 0.0, channel: 960.0 }, 1.08),
        IsaLevel::Avx512 if halves_512_bits() => {
            (Costs { element: 3.4, line: 0.0, channel: 700.0 }, 1.35)
        }
        IsaLevel::Scalar | IsaLevel::Avx512 => (costs(level), TAP_COST),
    }
}

const WRW_MEMORY_SHARE: f64 = 0.3;

fn memory_share(problem: &ConvProblem) -> f64 {
    if problem.direction() == Direction::Wrw { WRW_MEMORY_SHARE } else { 1.0 }
}

impl Geometry {
    fn new(problem: &ConvProblem, isa: Isa) -> Self {
        let lanes = tile_lanes(isa);
        let gathers = gathers_of(problem);
        let spatial = [0, 1, 2].map(|dim| gathers[0].axes[dim].out_len);
        // Both tiles in half of the L2 cache: on Zen 3 faster than in a quarter or in all of it, and
        // than in the L1 cache, where more of the input would be staged twice.
        let per_pixel = 1 + problem.strides().iter().product::<usize>();
        let vectors = CacheSizes::get().l2_bytes / 2 / (lanes * size_of::<f32>());
        let pixel_box = BoxLengths::choose(1, spatial, vectors / per_pixel);
        let layout = TileLayout::new(&gathers, &pixel_box);
        let boxes = pixel_box.cut(&gathers[0].all_pixels(1)).into_iter();
        let boxes = boxes.map(|pixels| layout.staged(&gathers[0], pixels)).collect();
        let images = problem.n();
        let touches_padding = gathers.iter().any(|g| g.touches_padding(&g.all_pixels(images)));
        Geometry {
            isa,
            lanes,
            problem: problem.clone(),
            multiplier: problem.k() / problem.groups(),
            gathers,
            pixel_box,
            layout,
            boxes,
            touches_padding,
        }
    }

    /// Blocks of channels.
    fn blocks(&self) -> usize {
        self.problem.c().div_ceil(self.lanes)
    }

    /// Taps of a filter.
    fn taps(&self) -> usize {
        self.problem.filter_spatial().iter().product()
    }

    /// From one output to the next of the same phase, in d, h, w.
    fn out_steps(&self) -> [usize; 3] {
        match self.problem.direction() {
            Direction::Bwd => self.problem.strides(),
            Direction::Fwd | Direction::Wrw => [1; 3],
        }
    }

    /// The largest part of the result that belongs to a box.
    fn out_box(&self) -> BoxLengths {
        let steps = self.out_steps();
        let spatial = [0, 1, 2].map(|dim| self.pixel_box.spatial[dim].saturating_mul(steps[dim]));
        BoxLengths { spatial, ..self.pixel_box }
    }

    /// Floats that inputs take which are not f32, for the channels of a block.
    fn packed_elems<T: Element>(&self) -> usize {
        let largest = self.boxes.iter().map(StagedBox::packed_elems).max().unwrap_or(0);
        if T::IS_F32 { 0 } else { largest * self.lanes }
    }

    /// The estimated time of one channel of one image, in multiply-adds of the GEMM kernel.
    fn cost_of_channel(&self, problem: &ConvProblem) -> f64 {
        let product = |lengths: [usize; 3]| lengths.iter().map(|&len| len as f64).product::<f64>();
        let level = self.isa.level();
        let (costs, of_tap) = match problem.direction() {
            Direction::Wrw => wrw_costs(level),
            Direction::Fwd | Direction::Bwd => (costs(level), TAP_COST),
        };
        let boxes = self.boxes.len() as f64;
        let [depth, height, _] = self.layout.lengths;
        let staged =
            product(self.layout.lengths) * costs.element + (depth * height) as f64 * costs.line;
        let multiplier = self.multiplier as f64;
        let [x, y] = [problem.in_spatial(), problem.out_spatial()].map(product);
        // Each tile of the other side is transposed once.
        let (staged, others) = match problem.direction() {
            Direction::Fwd => (staged, y * multiplier),
            Direction::Bwd => (staged * multiplier, x),
            Direction::Wrw => (staged, y * multiplier),
        };
        let sums = problem.multiply_adds() / (problem.n() * problem.c()) as f64;
        let lines = sums / problem.out_spatial()[2] as f64;
        boxes * staged
            + others * costs.element
            + sums * of_tap
            + lines * costs.line / self.lanes as f64
            + costs.channel
    }
}

/// Forward and backward-data.
struct DataKernel {
    geometry: Geometry,
    phases: Vec<Phase>,
    channels_per_task: usize,
}

/// One gather; forward has one.
struct Phase {
    taps: Vec<PixelTap>,
    /// The first index of the result, in d, h, w.
    first: [usize; 3],
}

impl DataKernel {
    fn new(geometry: Geometry) -> Self {
        let problem = &geometry.problem;
        let filter_lengths = problem.filter_spatial();
        let [_, phases_h, phases_w] =
            [0, 1, 2].map(|dim| geometry.out_steps()[dim].min(problem.in_spatial()[dim]));
        let phases = geometry.gathers.iter().enumerate().map(|(index, gather)| Phase {
            taps: geometry.layout.taps(gather, filter_lengths, geometry.lanes),
            first: [index / (phases_h * phases_w), index / phases_w % phases_h, index % phases_w],
        });
        let work = problem.multiply_adds() / (problem.n() * problem.c()) as f64;
        let blocks = (TASK_MULTIPLY_ADDS as f64 / (work * geometry.lanes as f64)).max(1.0);
        let blocks = even_piece(geometry.blocks(), blocks.ceil() as usize);
        DataKernel {
            phases: phases.collect(),
            channels_per_task: blocks * geometry.lanes,
            geometry,
        }
    }

    /// Floats of weights, the tile that taps read, the tile of sums, inputs widened, rows of sums.
    fn scratch_elems<T: Element, O: Output<f32>>(&self) -> [usize; 5] {
        let Geometry { isa, lanes, multiplier, layout, .. } = &self.geometry;
        let sums = self.geometry.out_box().spatial.iter().product::<usize>() * lanes;
        [
            multiplier * tile::weights_elems(*isa, self.geometry.taps()),
            layout.pixels() * lanes,
            sums,
            self.geometry.packed_elems::<T>(),
            sums,
        ]
        .map(arena::whole_lines)
    }

    /// Some channels of an image, whole blocks but for the last.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        input: &[T],
        filters: &[f32],
        [n, first_channel]: [usize; 2],
        out: TensorMut<'_, O>,
        scratch: &mut [f32],
    ) {
        let Geometry { isa, lanes, multiplier, ref boxes, .. } = self.geometry;
        let is_bwd = self.geometry.problem.direction() == Direction::Bwd;
        let [in_multiplier, out_multiplier] =
            if is_bwd { [multiplier, 1] } else { [1, multiplier] };
        let taps = self.geometry.taps();
        let gather = &self.geometry.gathers[0];
        let [weights, tile, sums, packed, rows] =
            arena::split(scratch, self.scratch_elems::<T, O>());
        let weights_elems = tile::weights_elems(isa, taps);
        let out_box = self.geometry.out_box();
        let (mut rest, mut first_channel) = (out, first_channel);
        while rest.lengths()[1] > 0 {
            let block = rest.lengths()[1].min(lanes * out_multiplier);
            let (out, after) = rest.split_at(1, block);
            let channels = out.lengths()[1] / out_multiplier;
            for (m, weights) in weights.chunks_exact_mut(weights_elems).enumerate() {
                let of_filters =
                    [(first_channel * multiplier + m) * taps, channels, multiplier * taps];
                tile::stage_weights(isa, filters, of_filters, taps, weights);
            }
            let first = n * gather.n_stride + first_channel * in_multiplier * gather.channel_stride;
            // The one box there mostly is need not be cut out.
            let split = |out| if boxes.len() == 1 { vec![out] } else { out_box.split(out) };
            let outs = out.split_phases(1, out_multiplier).into_iter();
            let mut outs: Vec<_> = outs.map(|out| split(out).into_iter()).collect();
            for staged in boxes {
                for m_in in 0..in_multiplier {
                    let of_input = [
                        first + m_in * gather.channel_stride,
                        channels,
                        in_multiplier * gather.channel_stride,
                    ];
                    staged.stage(isa, input, of_input, packed, tile);
                    for (m_out, outs) in outs.iter_mut().enumerate() {
                        let weights = &weights[(m_in + m_out) * weights_elems..][..weights_elems];
                        let out = &outs.as_slice()[0];
                        let [_, _, out_lengths @ ..] = out.lengths();
                        self.sum_box(tile, weights, out_lengths, sums, m_in > 0);
                        if m_in + 1 == in_multiplier
                            && let Some(out) = outs.next()
                        {
                            store_lanes(isa, sums, out, 1, rows);
                        }
                    }
                }
            }
            (rest, first_channel) = (after, first_channel + channels);
        }
    }

    /// The sums of a box, all phases, in the order of the result.
    fn sum_box(
        &self,
        tile: &[f32],
        weights: &[f32],
        out_lengths: [usize; 3],
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let Geometry { isa, lanes, ref layout, .. } = self.geometry;
        let steps = self.geometry.out_steps();
        let [depth_stride, line_stride, _] = layout.strides();
        let [out_d, out_h, out_w] = out_lengths;
        for Phase { taps, first } in &self.phases {
            // At the end of the result a phase may have an index less.
            let [depths, lines, pixels] = [0, 1, 2]
                .map(|dim| out_lengths[dim].saturating_sub(first[dim]).div_ceil(steps[dim]));
            let shape = TileLines {
                lines,
                pixels,
                step: layout.steps[2],
                line_step: layout.steps[1] * line_stride,
                other_step: steps[2],
                other_line_step: steps[1] * out_w,
            };
            for depth in 0..depths {
                let tile = &tile[depth * layout.steps[0] * depth_stride * lanes..];
                let out_depth = first[0] + depth * steps[0];
                debug_assert!(out_depth < out_d);
                let begin = (out_depth * out_h + first[1]) * out_w + first[2];
                if lines > 0 && pixels > 0 {
                    let sums = &mut sums[begin * lanes..];
                    sum_tile(isa, tile, weights, taps, shape, sums, accumulate);
                }
            }
        }
    }
}

impl FloatKernel for DataKernel {
    /// Returns false, with nothing done, where weights that are not finite would meet padding.
    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
        _workspace: &mut [u8],
    ) -> Result<bool> {
        let problem = &self.geometry.problem;
        let mut widened = arena::Piece::default();
        let filters = tile::filters(filter, problem.tensor5(Role::W), &mut widened)?;
        if self.geometry.touches_padding && tile::any(filters, |weight| !weight.is_finite()) {
            return Ok(false);
        }
        let out = TensorMut::new(out, problem.tensor5(problem.direction().output_role()))?;
        let out_channels = out.lengths()[1] / problem.c() * self.channels_per_task;
        let mut tasks = Vec::new();
        for (n, image) in out.split_every(0, 1).into_iter().enumerate() {
            let parts = image.split_every(1, out_channels).into_iter().enumerate();
            tasks.extend(parts.map(|(i, part)| ([n, i * self.channels_per_task], part)));
        }
        pool::for_each(
            threads,
            tasks,
            || arena::take(self.scratch_elems::<T, O>().iter().sum()),
            |scratch, (at, out)| {
                self.run_task(input, filters, at, out, scratch);
                Ok(())
            },
        )?;
        Ok(true)
    }
}
