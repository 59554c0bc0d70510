//! Backward-weights as dot products: rows of dy times shifted planes of x.
//!
//! For one tap, pixels that follow each other in dy meet pixels that follow each
//! other in a plane of x (see [`Planes`]). So an element of the result is a dot
//! product of runs, and vectors run along the pixels: nothing is transposed, and
//! a group may be as narrow as one channel. Several rows and columns at a time
//! reuse what they load. Made for images that are large compared with the number
//! of channels: depthwise, grouped, the first layers of networks.
//!
//! Numerics: f32 sums, as many side by side as a vector has lanes, added up box by
//! box and part by part; at most as many roundings as pixels. Which pixels make a box or
//! a part depends on the problem and the machine alone, so the bits do not depend on threads. Gaps
//! between lines are filled with zeros, which must not meet values that are not
//! finite: where a result is NaN and the inputs are not all finite, the general
//! solver computes again. It also serves alpha and beta.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::arena;
use super::blocked::{PixelLayout, Planes, check_float};
use super::cache::CacheSizes;
use super::element::{Element, Output, Scalars};
use super::float_plan::{FloatKernel, FloatPlan};
use super::gather::{Gather, Order, PixelBox};
use super::ids;
use super::igemm::ImplicitGemm;
use super::isa::Isa;
use super::pool;
use super::rates::{self, LINE_COST, PLANE_COST, STAGE_COST};
use super::store::store_filter_tile;
use super::tiles::{BoxLengths, even_piece, pieces};
use super::ukernel::{DOT_ROWS, DotRuns, DotStart, NextRows, Rows, add_dots, tile_vector};
use super::widen::{self, WideInputs};
use super::wrw_tasks::add_parts;
use crate::config::IsaLevel;
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut, merge_dims};
use crate::problem::{ConvProblem, Direction, Role};
use crate::solver::{Algorithm, Applicability, Context, Plan, Reason, Solver, SolverId};

/// What dot products attain of the GEMM kernel's rate (1 x 1 layers of 512 and 1024 channels, Zen 4).
const PACE: f64 = 0.95;

/// The same where 512 bits are multiplied at once: both factors are loaded, most of them across cache lines (3 to
/// 128 channels, Ice Lake).
const WIDE_PACE: f64 = 0.62;

/// Multiply-adds that are worth a task of their own: some twenty microseconds.
const TASK_MULTIPLY_ADDS: usize = 1 << 20;

/// Tasks that parts of the pixels shall make up, boxes of a part at least, and sums of all parts
/// together at most.
const WANTED_TASKS: usize = 16;
const PART_BOXES: usize = 4;
const MAX_PARTIAL_ELEMS: usize = 1 << 20;

/// What adding up the lanes of one sum costs, in multiply-adds, starting and ending
/// its runs included: three to four cycles at 16 multiply-adds each; and beyond, where
/// the sums of a task do not fit the L2 cache (both fitted to measured times on Zen 3).
const SUM_COST: f64 = 56.0;
const FAR_SUM_COST: f64 = 100.0;

/// What copying an element of dy costs, likewise: it comes from far, and a processor follows no more than
/// some of its rows (Zen 4: 12 to 30).
const COPY_COST: f64 = 12.0;

/// What a run that is a line costs beyond its vectors, in vectors: where it begins in each row and column
/// has to be found (fitted to lines of 32 pixels on Zen 4).
const LINE_START: f64 = 0.25;

/// Backward-weights by dot products at one instruction set level.
pub struct WrwDirect(pub IsaLevel);

struct Kernel {
    isa: Isa,
    problem: ConvProblem,
    x: Gather,
    dy: Gather,
    blocking: Blocking,
    /// `None`: runs are read from the tensor itself.
    x_planes: Option<Planes>,
    dy_planes: Option<Planes>,
    x_layout: PixelLayout,
    runs: Runs,
    /// Whether lines of dy follow each other without gaps.
    has_whole_planes: bool,
}

/// What is contiguous in dy and in the planes of x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    /// All lines of a box, gaps between them included.
    Planes,
    Lines,
}

/// How a problem is cut.
#[derive(Clone, Copy, Debug)]
struct Blocking {
    pixel_box: BoxLengths,
    /// Input channels whose planes are in use together.
    channels: usize,
    /// Of a task.
    groups: usize,
    rows: usize,
    /// Boxes that are summed by themselves.
    boxes_in_part: usize,
}

/// Some groups, rows and channels of the result.
struct Block {
    groups: Range<usize>,
    rows: Range<usize>,
    channels: Range<usize>,
}

impl Solver for WrwDirect {
    fn id(&self) -> SolverId {
        ids::at_level(ids::WRW_DIRECT, self.0)
    }

    fn name(&self) -> &'static str {
        match self.0 {
            IsaLevel::Scalar => "float_wrw_direct__scalar",
            IsaLevel::Avx2Fma => "float_wrw_direct__avx2_fma",
            IsaLevel::Avx512 => "float_wrw_direct__avx512",
        }
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Direct
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        check_float(problem, self.0)?;
        if problem.direction() != Direction::Wrw {
            return Err(Reason::new("serves backward-weights"));
        }
        ImplicitGemm.applicable(problem, context)
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let Some(isa) = Isa::allowed(self.0) else {
            return f64::INFINITY;
        };
        let kernel = Kernel::new(problem, isa, context.cpu_threads);
        let pace = if isa.is_wide() { WIDE_PACE } else { PACE };
        kernel.cost(context.cpu_threads) / (pace * rates::kernel_multiply_adds_per_us(self.0))
            + rates::memory_us(problem)
            + widen::estimate_us(problem, context.cpu_threads)
            + rates::scatter_us(problem, context, problem.c() == problem.groups())
            + rates::overhead_us(context)
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let kernel = Kernel::new(problem, Isa::require(self.0)?, context.cpu_threads);
        Ok(FloatPlan::boxed(problem, kernel, ImplicitGemm))
    }
}

impl Kernel {
    fn new(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let x = Gather { order: Order::TapInner, ..Gather::over_x(problem) };
        let dy = Gather { order: Order::TapInner, ..Gather::pixels_of_y(problem) };
        let caches = CacheSizes::get();
        let y = problem.tensor5(Role::Y);
        // Short lines are better copied to runs of several, where they are not one run already.
        let out_w = problem.out_spatial()[2];
        let in_tensor = PixelLayout::of_tensor(&x, problem.n())
            .filter(|layout| layout.strides[2] == out_w || out_w >= 2 * tile_vector(isa));
        // Where rows and columns displace each other, the rows are copied.
        let is_displaced = in_tensor.as_ref().is_some_and(|layout| {
            are_displaced(layout.channel_stride) && are_displaced(y.strides[1])
        });
        let may_be_direct = (y.strides[4] == 1 || y.lengths[4] == 1) && !is_displaced;
        // The rows of dy that the kernel takes at a time in the L1 cache, or in half of it.
        let parts = if may_be_direct && isa.level() == IsaLevel::Avx512 { 1 } else { 2 };
        let max_pixels = caches.l1_bytes / parts / (DOT_ROWS * size_of::<f32>());
        let pixel_box = BoxLengths::choose(problem.n(), problem.out_spatial(), max_pixels);
        let of_one_channel = Planes::new(&x, &pixel_box, 1);
        // The planes of x in half of the L2 cache.
        let plane_elems = of_one_channel.elems(pixel_box.images);
        let max_channels = caches.l2_bytes / 2 / (plane_elems * size_of::<f32>());
        let channels = even_piece(x.channels, max_channels);
        let planes = || Planes::new(&x, &pixel_box, channels).with_whole_lines();
        let x_planes = in_tensor.is_none().then(planes);
        let x_layout = match (in_tensor, &x_planes) {
            (Some(layout), _) => layout,
            (None, Some(planes)) => planes.layout.clone(),
            (None, None) => unreachable!("there are planes where the tensor does not serve"),
        };
        let line_elems = x_layout.strides[2];

        let len = pixel_box.spatial[2];
        let y_dims = [3, 4].map(|dim| (y.lengths[dim], y.strides[dim]));
        let is_whole = merge_dims(&y_dims).is_some_and(|(len, stride)| len == 1 || stride == 1);
        // Lines that are copied make one run, with the gaps that planes of x have between theirs. The gaps
        // of a tensor may be of any length.
        let columns = (channels * x.taps()) as f64;
        let copied = columns * line_elems as f64 + len as f64 * COPY_COST + LINE_COST;
        let as_lines = columns * line_run_cost(isa, len);
        let (runs, is_direct) = if line_elems == len {
            (Runs::Planes, may_be_direct && is_whole)
        } else if x_planes.is_none() || may_be_direct && as_lines < copied {
            (Runs::Lines, may_be_direct)
        } else {
            (Runs::Planes, false)
        };
        let dy_planes = (!is_direct).then(|| {
            let rows = DOT_ROWS.min(dy.channels);
            let min_line_elems = if runs == Runs::Planes { line_elems } else { 0 };
            let planes = Planes::with_line_elems(&dy, &pixel_box, rows, min_line_elems);
            spread(planes.with_whole_lines(), rows)
        });

        let work = dy.channels * channels * x.taps();
        let pixels = problem.n() * problem.out_spatial().iter().product::<usize>();
        let parts = x.channels.div_ceil(channels);
        let wanted = (TASK_MULTIPLY_ADDS / work.saturating_mul(pixels).max(1)).max(1);
        let groups = even_piece(problem.groups(), wanted);
        // Where there are few sums, pixels are cut into parts, whose planes are their own.
        let blocks = problem.groups().div_ceil(groups) * parts;
        let boxes = pixel_box.count(problem.n(), problem.out_spatial());
        let all_work = work.saturating_mul(pixels).saturating_mul(groups);
        let all_sums = problem.k().saturating_mul(x.channels).saturating_mul(x.taps());
        let most = (WANTED_TASKS / blocks)
            .min(boxes / PART_BOXES)
            .min(all_work / TASK_MULTIPLY_ADDS)
            .min(MAX_PARTIAL_ELEMS / all_sums);
        let pixel_parts = 1 << most.max(1).ilog2();
        // Rows are cut only for the sake of threads: each part stages all of x.
        let is_even = blocks * pixel_parts >= 4 * threads.get();
        let row_parts = if groups > 1 || is_even { 1 } else { threads.get().div_ceil(pixel_parts) };
        let rows = dy.channels.div_ceil(row_parts).next_multiple_of(DOT_ROWS);
        let rows = rows.min(dy.channels);
        Kernel {
            isa,
            problem: problem.clone(),
            x,
            dy,
            blocking: Blocking {
                pixel_box,
                channels,
                groups,
                rows,
                boxes_in_part: boxes.div_ceil(pixel_parts),
            },
            x_planes,
            dy_planes,
            x_layout,
            runs,
            has_whole_planes: is_whole,
        }
    }

    /// The estimated time in multiply-adds of the busiest thread.
    fn cost(&self, threads: NonZeroUsize) -> f64 {
        let Blocking { pixel_box, channels, groups, rows, boxes_in_part } = self.blocking;
        let taps = self.x.taps() as f64;
        let (channels, rows, groups) = (channels as f64, rows as f64, groups as f64);
        let lines = (pixel_box.images * pixel_box.spatial[0] * pixel_box.spatial[1]) as f64;
        let line_elems = self.x_layout.strides[2] as f64;
        let run_elems = match self.runs {
            Runs::Planes => line_elems,
            Runs::Lines => line_run_cost(self.isa, pixel_box.spatial[2]),
        };
        let x_elems = match &self.x_planes {
            Some(planes) => planes.elems(pixel_box.images) as f64 / channels,
            None => 0.0,
        };
        let sums_bytes = rows * channels * taps * size_of::<f32>() as f64;
        let is_far = sums_bytes > CacheSizes::get().l2_bytes as f64;
        let sum_cost = SUM_COST + if is_far { FAR_SUM_COST } else { 0.0 };
        let dots = rows * channels * taps * (lines * run_elems + sum_cost);
        let x_lines = lines * x_elems / (lines * line_elems);
        let x_cost = match self.x_planes {
            Some(_) => channels * (PLANE_COST + x_elems * STAGE_COST + x_lines * LINE_COST),
            None => 0.0,
        };
        let dy_cost = match &self.dy_planes {
            Some(planes) => {
                let line_elems = planes.layout.strides[2] as f64;
                rows * (PLANE_COST + lines * (line_elems * STAGE_COST + LINE_COST))
            }
            None => 0.0,
        };
        let boxes = pixel_box.count(self.problem.n(), self.problem.out_spatial());
        let parts = boxes.div_ceil(boxes_in_part);
        let boxes = boxes as f64 / parts as f64;
        let task = boxes * groups * (dots + x_cost + dy_cost);
        let tasks = parts
            * self.problem.groups().div_ceil(self.blocking.groups)
            * self.x.channels.div_ceil(self.blocking.channels)
            * self.dy.channels.div_ceil(self.blocking.rows);
        tasks.div_ceil(threads.get()) as f64 * task
    }

    /// Floats of planes of x, planes of dy, sums.
    fn scratch_elems(&self) -> [usize; 3] {
        let Blocking { pixel_box, channels, groups, rows, .. } = self.blocking;
        [
            self.x_planes.as_ref().map_or(0, |planes| planes.elems(pixel_box.images)),
            self.dy_planes.as_ref().map_or(0, |planes| planes.elems(pixel_box.images)),
            groups * rows * channels * self.x.taps(),
        ]
        .map(arena::whole_lines)
    }

    fn blocks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<(Block, TensorMut<'a, O>)> {
        let Blocking { channels, groups, rows, .. } = self.blocking;
        let group_pieces = pieces(&(0..self.problem.groups()), groups);
        let mut blocks = Vec::new();
        let of_groups = out.split_every(0, groups * self.dy.channels);
        for (groups, out) in group_pieces.into_iter().zip(of_groups) {
            // Either all rows of some groups, or some rows of one group.
            let row_pieces = pieces(&(0..self.dy.channels), rows);
            let rows_of_piece = if row_pieces.len() > 1 { rows } else { out.lengths()[0] };
            for (rows, out) in row_pieces.into_iter().zip(out.split_every(0, rows_of_piece)) {
                let channel_pieces = pieces(&(0..self.x.channels), channels);
                let parts = out.split_every(1, channels);
                blocks.extend(channel_pieces.into_iter().zip(parts).map(|(channels, out)| {
                    let (groups, rows) = (groups.clone(), rows.clone());
                    (Block { groups, rows, channels }, out)
                }));
            }
        }
        blocks
    }

    /// Rows and columns of a block's sums.
    fn sums_shape(&self, block: &Block) -> [usize; 2] {
        [block.groups.len() * block.rows.len(), block.channels.len() * self.x.taps()]
    }

    /// All boxes' sums of some blocks, in parts that are added in their order.
    ///
    /// Returns whether none is NaN.
    fn run_parts<O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[f32]; 2],
        parts: &[&[PixelBox]],
        blocks: Vec<(Block, TensorMut<'_, O>)>,
    ) -> Result<bool> {
        let elems = |block: &Block| self.sums_shape(block).iter().product::<usize>();
        let all = blocks.iter().map(|(block, _)| elems(block)).sum::<usize>() * parts.len();
        let mut partial = arena::take(all)?;
        let mut rest = &mut *partial;
        let mut tasks = Vec::new();
        for (block, _) in &blocks {
            for boxes in parts {
                let (sums, behind) = rest.split_at_mut(elems(block));
                rest = behind;
                tasks.push((block, *boxes, sums));
            }
        }
        let scratch = || arena::take(self.scratch_elems()[..2].iter().sum());
        pool::for_each(threads, tasks, scratch, |planes, (block, boxes, sums)| {
            let [rows, columns] = self.sums_shape(block);
            let mut sums = MatrixMut::row_major(sums, rows, columns);
            self.sum(inputs, boxes, block, planes, &mut sums);
            Ok(())
        })?;
        let mut rest = &mut *partial;
        let mut tasks = Vec::new();
        for (block, out) in blocks {
            let (sums, behind) = rest.split_at_mut(elems(&block) * parts.len());
            rest = behind;
            tasks.push((elems(&block), sums, out));
        }
        pool::all(
            threads,
            tasks,
            || Ok(()),
            |(), (elems, sums, out)| {
                let total = add_parts(sums, elems);
                let has_nan = total.iter().any(|sum| sum.is_nan());
                store_filter_tile(total, Order::TapInner, out, Scalars { alpha: 1.0, beta: 0.0 });
                Ok(!has_nan)
            },
        )
    }

    /// Returns whether the result has a NaN.
    fn run_block<O: Output<f32>>(
        &self,
        inputs: [&[f32]; 2],
        boxes: &[PixelBox],
        scratch: &mut [f32],
        block: &Block,
        mut out: TensorMut<'_, O>,
    ) -> bool {
        let [rows, columns] = self.sums_shape(block);
        let [x_elems, dy_elems, _] = self.scratch_elems();
        let (planes, sums) = scratch.split_at_mut(x_elems + dy_elems);
        let direct = out.as_matrix(0).and_then(O::as_f32_matrix);
        if let Some(mut result) = direct.filter(|m| columns == 1 || m.strides().1 == 1) {
            self.sum(inputs, boxes, block, planes, &mut result);
            return result.any(f32::is_nan);
        }
        let sums = &mut sums[..rows * columns];
        let mut result = MatrixMut::row_major(sums, rows, columns);
        self.sum(inputs, boxes, block, planes, &mut result);
        let has_nan = result.any(f32::is_nan);
        store_filter_tile(sums, Order::TapInner, out, Scalars { alpha: 1.0, beta: 0.0 });
        has_nan
    }

    /// The sums: the rows of one group after those of the other.
    fn sum(
        &self,
        [x, dy]: [&[f32]; 2],
        boxes: &[PixelBox],
        Block { groups, rows, channels }: &Block,
        planes: &mut [f32],
        result: &mut MatrixMut<'_, f32>,
    ) {
        result.fill_with(|_, _| 0.0);
        let (x_plane, dy_plane) = planes.split_at_mut(self.scratch_elems()[0]);
        let layout = &self.x_layout;
        let columns: Vec<usize> = (0..channels.len())
            .flat_map(|channel| {
                layout.tap_offsets.iter().map(move |tap| channel * layout.channel_stride + tap)
            })
            .collect();
        for (number, pixels) in boxes.iter().enumerate() {
            let after = boxes.get(number + 1);
            let starts = self.starts(pixels);
            let len = match self.runs {
                Runs::Planes => (pixels.o[1].len() - 1) * layout.strides[2] + pixels.o[2].len(),
                Runs::Lines => pixels.o[2].len(),
            };
            let x_lines = self.x_planes.as_ref().map(|planes| planes.lines(pixels));
            let dy_lines = self.dy_planes.as_ref().map(|planes| planes.lines(pixels));
            for (index, group) in groups.clone().enumerate() {
                let first_row = index * rows.len();
                let x = &x[self.x.group_offset(group)..];
                let dy = &dy[self.dy.group_offset(group)..];
                let x_plane = match (&self.x_planes, &x_lines) {
                    (Some(planes), Some(lines)) => {
                        planes.stage_lines(self.isa, x, channels.clone(), pixels, lines, x_plane);
                        &*x_plane
                    }
                    _ => {
                        let first = layout.first_pixel(pixels);
                        &x[first + channels.start * layout.channel_stride..]
                    }
                };
                match (&self.dy_planes, &dy_lines) {
                    (Some(planes), Some(lines)) => {
                        for some in pieces(rows, DOT_ROWS) {
                            let (begin, end) = (some.start, some.end);
                            let at = first_row + begin - rows.start;
                            let at = at..at + some.len();
                            planes.stage_lines(self.isa, dy, some, pixels, lines, dy_plane);
                            let a = Rows { data: dy_plane, stride: planes.layout.channel_stride };
                            let is_last = end == rows.end;
                            let (of_box, from) =
                                if is_last { (after, rows.start) } else { (Some(pixels), end) };
                            let of_box = of_box.filter(|_| self.copies_runs(pixels));
                            let next = of_box.map(|of_box| {
                                self.rows_of(dy, of_box, from..rows.end.min(from + DOT_ROWS))
                            });
                            let runs = DotRuns { starts: &starts, len, next };
                            add_dots(self.isa, a, x_plane, &columns, runs, result, at);
                        }
                    }
                    _ => {
                        let next = after.map(|after| self.rows_of(dy, after, rows.clone()));
                        let runs = DotRuns { starts: &starts, len, next };
                        let a = self.rows_of(dy, pixels, rows.clone()).rows;
                        let all = first_row..first_row + rows.len();
                        add_dots(self.isa, a, x_plane, &columns, runs, result, all);
                    }
                }
            }
        }
    }

    /// Some rows of a box, where they lie in the tensor.
    fn rows_of<'a>(&self, dy: &'a [f32], pixels: &PixelBox, rows: Range<usize>) -> NextRows<'a> {
        let strides = self.problem.tensor5(Role::Y).strides;
        let spatial = (0..3).map(|i| pixels.o[i].start * strides[2 + i]);
        let first = pixels.n.start * strides[0] + spatial.sum::<usize>() + rows.start * strides[1];
        NextRows { rows: Rows { data: &dy[first..], stride: strides[1] }, count: rows.len() }
    }

    /// Whether what is copied for a box's rows is one run of each, in the tensor as well.
    fn copies_runs(&self, pixels: &PixelBox) -> bool {
        self.has_whole_planes && pixels.n.len() * pixels.o[0].len() == 1
    }

    /// Where the runs of a box begin: one for each image and depth, or for each line.
    fn starts(&self, pixels: &PixelBox) -> Vec<DotStart> {
        let y = self.problem.tensor5(Role::Y).strides;
        let of_b = self.x_layout.strides;
        let of_a = self.dy_planes.as_ref().map_or([y[0], y[2], y[3]], |dy| dy.layout.strides);
        let lines = match self.runs {
            Runs::Planes => 1,
            Runs::Lines => pixels.o[1].len(),
        };
        let offset = |strides: [usize; 3], at: [usize; 3]| -> usize {
            strides.iter().zip(at).map(|(stride, at)| stride * at).sum()
        };
        let mut starts = Vec::with_capacity(pixels.n.len() * pixels.o[0].len() * lines);
        for n in 0..pixels.n.len() {
            for d in 0..pixels.o[0].len() {
                starts.extend((0..lines).map(|line| {
                    let at = [n, d, line];
                    DotStart { a: offset(of_a, at), b: offset(of_b, at) }
                }));
            }
        }
        starts
    }
}

/// What a line of pixels costs each sum where it is a run of its own, in multiply-adds.
fn line_run_cost(isa: Isa, len: usize) -> f64 {
    let lanes = tile_vector(isa);
    (len.div_ceil(lanes) as f64 + LINE_START) * lanes as f64
}

/// Whether so many elements from channel to channel bring neighbours to the same sets of the L1 cache:
/// four rows and the columns of a block are more than a set has ways. Rows of 160 x 160 pixels reached
/// 59 % of the FMA peak, 156 x 156 87 % (1 x 1, 32 channels, Zen 4).
fn are_displaced(stride: usize) -> bool {
    /// The sets' bytes of the L1 caches of most processors, and what is near to a multiple of it.
    const PERIOD: usize = 4096;
    const NEAR: usize = 256;
    let bytes = stride.wrapping_mul(size_of::<f32>());
    bytes.wrapping_add(NEAR) % PERIOD <= 2 * NEAR
}

/// The same planes with channels that begin at cache lines, an odd number of them apart: of two operands
/// that are read side by side one then never crosses a line, and rows do not displace each other.
fn spread(mut planes: Planes, rows: usize) -> Planes {
    let layout = &mut planes.layout;
    let line_elems = arena::whole_lines(1);
    layout.channel_stride = arena::whole_lines(layout.channel_stride) | line_elems;
    layout.strides[0] = rows * layout.channel_stride;
    planes
}

impl FloatKernel for Kernel {
    fn run<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: [&[T]; 2],
        out: &mut [O],
        _workspace: &mut [u8],
    ) -> Result<bool> {
        let mut wide = WideInputs::default();
        let inputs = wide.of(threads, inputs)?;
        let out = TensorMut::new(out, self.problem.tensor5(Role::W))?;
        let boxes = self.blocking.pixel_box.cut(&self.dy.all_pixels(self.problem.n()));
        let parts: Vec<&[PixelBox]> = boxes.chunks(self.blocking.boxes_in_part).collect();
        let has_no_nan = if let [boxes] = parts[..] {
            pool::all(
                threads,
                self.blocks(out),
                || arena::take(self.scratch_elems().iter().sum()),
                |scratch, (block, out)| Ok(!self.run_block(inputs, boxes, scratch, &block, out)),
            )?
        } else {
            self.run_parts(threads, inputs, &parts, self.blocks(out))?
        };
        let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        Ok(has_no_nan || inputs.into_iter().all(is_finite))
    }
}
