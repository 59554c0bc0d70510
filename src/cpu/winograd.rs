//! Winograd's algorithm: F(2x2, 3x3); F(5x5, 2x2), F(4x4, 3x3), F(3x3, 4x4) and F(2x2, 5x5), of six points each; and
//! for filters of 3 x 3 with stride 2, with tiles of 4 x 4 results.
//!
//! Forward and backward-data (whose filter is the reversed one): each phase of the dilation is an
//! image of its own, so dilation costs nothing but places in its last tiles. Tiles are
//! transformed into panels, from the tensor itself where its lines are contiguous floats, else from
//! planes; multiplied position by position, and transformed back. Either the filter is transformed
//! once for all tasks, or each task transforms it piece by piece, as it is used: a large one is
//! read three times sooner than its transform. Of 3 x 3 with stride 2, every other input, or result of
//! backward-data, meets two of three taps, a filter of stride 1, and those between them one tap: 81 products of 144,
//! see [`Form::Tile4Taps3Stride2`]. Long reductions are cut into blocks of channels, so that
//! panels stay in the L2 cache. Backward-weights: see [`wrw`].
//!
//! The forms of six points serve other filters too, of more taps or of a stride, as sums of sub-filters
//! (`Gather::subfilters`): a filter of 7 x 7 with stride 2 and 3 channels is one of 4 x 4 with stride 1 and 12
//! channels, 16 products for 49. In backward-data of a stride the phases of the result take the
//! place of channels (`Gather::phase_windows`).
//!
//! Numerics: F(2x2, 3x3) is as exact as direct sums, with small integers
//! entirely so. F(4x4, 3x3) has 1.4 to 2 times the RMS error of direct f32
//! sums. Simulated against f64 on normally distributed data, relative to the
//! largest value: 2.2e-7 at 64 channels, 4.9e-7 at 512. F(2x2, 5x5) errs by 1.6e-7 to 4.5e-7 on layers
//! of 32 to 256 channels (`miopen-bypass conv -V 1`, data of MIOpenDriver's kind); of stride 2, by
//! 0.7e-7 to 3.3e-7 on layers of 32 to 2048; F(3x3, 4x4) by 1.0e-7 to 2.1e-7 with 12 to 96 channels of sub-filters,
//! F(5x5, 2x2) by 2.3e-7 to 3.8e-7 with 128 to 512. A bound: with C channels, those of all sub-filters,
//! u = 2^-24 and roundings as good as independent, no error exceeds
//! `a * 6 * sqrt(C + 36) * u * C * max|input| * max|filter|`, where a is the square of the largest
//! 2-norm of a row of the output matrix, weighted with the row sums of the other two: 22 for
//! F(2x2, 3x3); of six points 92, 148, 211 and 297 for filters of 2, 3, 4 and 5 taps, and for
//! backward-weights, whose C is the number of tiles, of 5, 4, 3 and 2; 65 forward of 3 x 3 with stride 2, where up to
//! 4 C products are summed, so that `4 C + 36` is under the root, and 56 in its backward-data. The
//! tests hold the results to it. NaN and
//! infinity would spread over a tile, so a result that is not finite is computed
//! again by implicit GEMM, which also serves alpha and beta.
#![forbid(unsafe_code)]

mod filter;
mod outputs;
mod plan;
mod shape;
mod subfilter_planes;
mod wrw;
mod wrw_blocking;

use std::num::NonZeroUsize;

use super::blocked::{Blocked, check_float};
use super::element::{Element, Output};
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::stride_window;
use super::ids;
use super::isa::Isa;
pub use super::ukernel::Form;
use super::{rates, widen};
use crate::config::IsaLevel;
use crate::error::Result;
use crate::problem::{ConvProblem, Direction};
use crate::solver::{Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId};
use plan::DataPlan;
use shape::{Blocking, WinogradShape, has_stride, phases_of, subfilters_of};
use wrw::WrwPlan;
use wrw_blocking::WrwShape;

/// Channels in a reduction at most, for all forms but F(2x2, 3x3): extrapolated from 512
/// with the square root, the error at 2048 is about 1e-6 of the largest value, and
/// MIOpenDriver accepts 1.5e-6.
const MAX_CHANNELS: usize = 2048;

/// Products for each result at most, beside direct sums, for filters that are cut: transforms
/// take a third of the time and more.
const MAX_PRODUCTS: f64 = 0.65;

/// Sub-filters of a filter at most, and phases of a stride: each has planes, or an output, of its own to plan.
const MAX_SUBFILTERS: usize = 64;

/// Phases of a dilation at most, 32 in both dimensions: each has planes of its own to plan.
const MAX_PHASES: usize = 1 << 10;

/// Tiles of dy in a reduction at most, for backward-weights. The RMS error of layers of 49, 256 and
/// 6400 tiles is 1.7e-7, 2.2e-7 and 4.7e-7 of the largest value (`miopen-bypass conv -F 4 -V 1`, data
/// of MIOpenDriver's kind), so at this many it is about 1e-6.
const MAX_TILES_WRW: usize = 1 << 18;

/// One form of Winograd's algorithm at one instruction set level.
pub struct Winograd {
    /// Tile and filter.
    pub form: Form,
    /// The instruction set level.
    pub level: IsaLevel,
}

impl Solver for Winograd {
    fn id(&self) -> SolverId {
        let family = match self.form {
            Form::Tile2Taps3 => ids::WINOGRAD_2X2,
            Form::Tile4Taps3 => ids::WINOGRAD_4X4,
            Form::Tile2Taps5 => ids::WINOGRAD_2X2_5X5,
            Form::Tile5Taps2 => ids::WINOGRAD_5X5_2X2,
            Form::Tile3Taps4 => ids::WINOGRAD_3X3_4X4,
            Form::Tile4Taps3Stride2 | Form::Tile8Taps3Stride2 { .. } => ids::WINOGRAD_STRIDE_2,
        };
        ids::at_level(family, self.level)
    }

    fn name(&self) -> &'static str {
        match (self.form, self.level) {
            (Form::Tile2Taps3, IsaLevel::Scalar) => "float_winograd_2x2_3x3__scalar",
            (Form::Tile2Taps3, IsaLevel::Avx2Fma) => "float_winograd_2x2_3x3__avx2_fma",
            (Form::Tile2Taps3, IsaLevel::Avx512) => "float_winograd_2x2_3x3__avx512",
            (Form::Tile4Taps3, IsaLevel::Scalar) => "float_winograd_4x4_3x3__scalar",
            (Form::Tile4Taps3, IsaLevel::Avx2Fma) => "float_winograd_4x4_3x3__avx2_fma",
            (Form::Tile4Taps3, IsaLevel::Avx512) => "float_winograd_4x4_3x3__avx512",
            (Form::Tile5Taps2, IsaLevel::Scalar) => "float_winograd_5x5_2x2__scalar",
            (Form::Tile5Taps2, IsaLevel::Avx2Fma) => "float_winograd_5x5_2x2__avx2_fma",
            (Form::Tile5Taps2, IsaLevel::Avx512) => "float_winograd_5x5_2x2__avx512",
            (Form::Tile3Taps4, IsaLevel::Scalar) => "float_winograd_3x3_4x4__scalar",
            (Form::Tile3Taps4, IsaLevel::Avx2Fma) => "float_winograd_3x3_4x4__avx2_fma",
            (Form::Tile3Taps4, IsaLevel::Avx512) => "float_winograd_3x3_4x4__avx512",
            (Form::Tile2Taps5, IsaLevel::Scalar) => "float_winograd_2x2_5x5__scalar",
            (Form::Tile2Taps5, IsaLevel::Avx2Fma) => "float_winograd_2x2_5x5__avx2_fma",
            (Form::Tile2Taps5, IsaLevel::Avx512) => "float_winograd_2x2_5x5__avx512",
            (_, IsaLevel::Scalar) => "float_winograd_4x4_3x3_s2__scalar",
            (_, IsaLevel::Avx2Fma) => "float_winograd_4x4_3x3_s2__avx2_fma",
            (_, IsaLevel::Avx512) => "float_winograd_4x4_3x3_s2__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Winograd
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.level)?;
        if problem.in_spatial()[0] != 1
            || problem.out_spatial()[0] != 1
            || problem.filter_spatial()[0] != 1
            || problem.strides()[0] != 1
            || problem.pads()[0] != 0
        {
            return Err(Reason::new("serves two dimensions"));
        }
        self.serves_filter(problem)?;
        if phases_of(problem).iter().product::<usize>() > MAX_PHASES {
            return Err(Reason::new(format!("more than {MAX_PHASES} phases of the dilation")));
        }
        if problem.direction() == Direction::Wrw {
            if WrwShape::new(problem, self.form).tiles() > MAX_TILES_WRW {
                let reason = format!("rounding errors of more than {MAX_TILES_WRW} tiles");
                return Err(Reason::new(reason));
            }
            return Blocked(self.level).applicable(problem, context);
        }
        let subfilters: usize = subfilters_of(problem, self.form).iter().product();
        let channels = problem.c().max(problem.k()) / problem.groups() * subfilters;
        if self.form != Form::Tile2Taps3 && channels > MAX_CHANNELS {
            return Err(Reason::new(format!(
                "rounding errors of more than {MAX_CHANNELS} channels"
            )));
        }
        Blocked(self.level).applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let shape = WinogradShape::new(problem, self.form);
        let Some(isa) = Isa::allowed(self.level) else {
            return f64::INFINITY;
        };
        let threads = context.cpu_threads;
        let cost = match problem.direction() {
            Direction::Wrw => WrwPlan::cost(problem, self.form, isa, threads),
            Direction::Fwd | Direction::Bwd => {
                Blocking::choose(&shape, isa, threads).cost(&shape, isa, threads)
            }
        };
        let pace = if isa.is_wide() { wide_pace(self.form, problem.direction()) } else { 1.0 };
        pace * cost / rates::kernel_multiply_adds_per_us(self.level)
            + rates::memory_us(problem)
            + widen::estimate_us(problem, threads)
            + rates::scatter_us(problem, context, false)
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let isa = Isa::require(self.level)?;
        let threads = context.cpu_threads;
        let kernel = match problem.direction() {
            Direction::Wrw => Kind::Wrw(Box::new(WrwPlan::new(problem, self.form, isa, threads))),
            Direction::Fwd | Direction::Bwd => {
                Kind::Data(Box::new(DataPlan::new(problem, self.form, isa, threads)))
            }
        };
        Ok(FloatPlan::boxed(problem, kernel, Blocked(self.level)))
    }
}

/// How much longer than in multiply-adds of the GEMM kernel transforms, and moving what they give, take where 512
/// bits are multiplied at once: twice as many multiply-adds fit the time of a load or a store (fitted to the layers
/// of `benches/shapes.tsv` on Ice Lake, `miopen-bypass conv --check-selection`).
fn wide_pace(form: Form, direction: Direction) -> f64 {
    if direction == Direction::Wrw || form.has_stride_2() { 1.3 } else { 1.2 }
}

impl Winograd {
    /// Whether the form serves the filter and its stride, in the problem's direction.
    fn serves_filter(&self, problem: &ConvProblem) -> Applicability {
        let taps = self.form.taps();
        let [_, filter_h, filter_w] = problem.filter_spatial();
        let [_, stride_h, stride_w] = problem.strides();
        let has_dilation = problem.dilations() != [1; 3];
        // Two forms serve one filter each.
        let stride = if self.form.has_stride_2() { 2 } else { 1 };
        if self.form.has_stride_2() || self.form == Form::Tile2Taps3 {
            if [filter_h, filter_w, stride_h, stride_w] != [taps, taps, stride, stride] {
                return Err(Reason::new(format!("serves 3 x 3 filters of stride {stride}")));
            }
            if self.form.has_stride_2() && has_dilation {
                return Err(Reason::new("serves no dilation"));
            }
            if problem.direction() == Direction::Wrw {
                return Err(Reason::new("serves forward and backward-data"));
            }
            return Ok(());
        }
        let has_stride = has_stride(problem);
        if has_stride && has_dilation {
            return Err(Reason::new("serves no dilation beside a stride"));
        }
        let [_, in_h, in_w] = problem.in_spatial();
        let (phase_taps, subfilters): (usize, usize) = match problem.direction() {
            Direction::Bwd if has_stride => {
                if in_h < stride_h || in_w < stride_w {
                    return Err(Reason::new("serves dx as long as the stride"));
                }
                let [of_h, of_w] = [1, 2].map(|dim| stride_window(problem, dim));
                if of_h.max(of_w) > taps {
                    return Err(Reason::new(format!("serves windows of {taps} inputs")));
                }
                (of_h.max(of_w), stride_h.saturating_mul(stride_w))
            }
            _ => {
                let phase_taps = filter_h.div_ceil(stride_h).max(filter_w.div_ceil(stride_w));
                (phase_taps, subfilters_of(problem, self.form).iter().product())
            }
        };
        if subfilters > MAX_SUBFILTERS {
            return Err(Reason::new(format!("more than {MAX_SUBFILTERS} sub-filters")));
        }
        let tile = self.form.tile() as f64;
        let products = (subfilters * self.form.positions()) as f64 / (tile * tile);
        // Two taps of more are less than what other forms save.
        let has_taps = taps == phase_taps || taps > 2 && taps < phase_taps;
        if !has_taps || products > MAX_PRODUCTS * filter_h as f64 * filter_w as f64 {
            return Err(Reason::new(format!(
                "saves little in sub-filters of {taps} x {taps} taps"
            )));
        }
        Ok(())
    }
}

enum Kind {
    Data(Box<DataPlan>),
    Wrw(Box<WrwPlan>),
}

impl FloatKernel for Kind {
    fn workspace_bytes(&self) -> usize {
        match self {
            Kind::Data(plan) => plan.workspace.total_bytes(),
            Kind::Wrw(_) => 0,
        }
    }

    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        match self {
            Kind::Data(plan) => plan.execute(threads, inputs, out, workspace),
            Kind::Wrw(plan) => plan.execute(threads, inputs, out),
        }
    }
}
