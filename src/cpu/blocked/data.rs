//! Forward and backward-data by blocks: filter rows times packed panels of pixels.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;

use super::estimate::regions_of;
use super::joined::join_blockings;
use super::parts::Parts;
use super::planes::{PixelLayout, Planes};
use super::shape::{BlockShape, Blocking};
use crate::cpu::arena;
use crate::cpu::element::{Element, Output, Scalars};
use crate::cpu::filter::{FilterMatrix, pack_filters};
use crate::cpu::filter_columns::{column_stride, columns_elems, pack_columns};
use crate::cpu::gather::{Gather, PixelBox, Regions, split_outer_phases, split_phases};
use crate::cpu::isa::Isa;
use crate::cpu::pool;
use crate::cpu::store::store_tile;
use crate::cpu::tiles::pieces;
use crate::cpu::ukernel::{
    FewColumns, Left, ReduceOffsets, Rows, SourceColumns, multiply_source, pack_column, pack_panel,
    panel_columns, transpose,
};
use crate::cpu::widen::{self, widened};
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut};
use crate::problem::{ConvProblem, DataType, Role};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// What is prepared for a forward or backward-data problem.
pub struct DataPlan {
    pub(super) isa: Isa,
    pub(super) problem: ConvProblem,
    pub(super) phases: Vec<Phase>,
    /// How the outputs of each phase of the stride are cut: each region is a phase of its own.
    regions: Vec<Regions>,
    packing: Packing,
    /// Whether a part of the output has both phases of its lines.
    pub(super) is_joined: bool,
    pub(super) touches_padding: bool,
    pub(super) scratch: ScratchElems,
    /// The packed filter, where its rows are not contiguous, and the threads' scratch.
    pub workspace: WorkspaceLayout,
}

/// Whether the filter is packed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Read where it lies.
    None,
    Rows,
    Columns,
    /// Column by column, a part at a time.
    Parts(Parts),
}

/// One gather with its part of the filter; forward has one.
pub(super) struct Phase {
    pub gather: Gather,
    pub filter: FilterMatrix,
    blocking: Blocking,
    /// How many of a task's last pixels are beside the panels.
    few: usize,
    /// `None`: pixels are read from the tensor itself.
    planes: Option<Planes>,
    layout: PixelLayout,
    /// Where each row of a block of the reduction begins.
    offsets: ReduceOffsets,
    /// The same for the last block, which may be shorter.
    last_offsets: ReduceOffsets,
    /// Where this phase begins in the packed filter.
    packed_begin: usize,
}

/// Floats of each part of a thread's scratch.
#[derive(Clone, Copy, Default)]
pub(super) struct ScratchElems {
    planes: usize,
    panels: usize,
    few: usize,
}

impl ScratchElems {
    pub fn parts(&self) -> [usize; 3] {
        [self.planes, self.panels, self.few].map(arena::whole_lines)
    }
}

/// Some rows and pixels of one group of one phase, and their part of the output.
pub(super) struct Task<'a, O> {
    pub phase: usize,
    pub group: usize,
    pub rows: Range<usize>,
    pub pixels: PixelBox,
    pub out: TensorMut<'a, O>,
}

/// What all tasks of an execution read.
pub(super) struct Inputs<'a, T> {
    pub input: &'a [T],
    pub filter: &'a [f32],
    packed_filter: &'a [f32],
}

impl DataPlan {
    /// Prepares `problem`, which must not be backward-weights, for some number of threads.
    pub fn new(problem: &ConvProblem, isa: Isa, threads: NonZeroUsize) -> Self {
        let is_f32 = problem.input_dtype() == DataType::F32;
        let (regions, gathers) = regions_of(problem, isa);
        let filters: Vec<_> =
            gathers.iter().map(|gather| FilterMatrix::new(problem, gather)).collect();
        let shapes: Vec<_> =
            gathers.iter().map(|gather| BlockShape::new(problem, gather)).collect();
        let mut blockings: Vec<_> =
            shapes.iter().map(|shape| Blocking::choose(shape, isa, threads)).collect();
        let is_joined = join_blockings(problem, &regions, &shapes, &mut blockings);
        let mut packing = Packing::choose(filters.iter());
        let are_whole = shapes.iter().zip(&blockings).all(|(shape, of)| of.is_whole(shape));
        if packing == Packing::Columns && are_whole {
            let max_channels = blockings.iter().map(|of| of.channels).min().unwrap_or(1);
            let parts = Parts::choose(&filters, max_channels, threads);
            blockings.iter_mut().for_each(|of| of.channels = parts.channels);
            packing = Packing::Parts(parts);
        }
        let mut phases = Vec::new();
        for (((gather, filter), shape), blocking) in
            gathers.into_iter().zip(filters).zip(shapes).zip(blockings)
        {
            let direct = PixelLayout::of_tensor(&gather, problem.n()).filter(|_| is_f32);
            let planes = match direct {
                Some(_) => None,
                None => Some(Planes::new(&gather, &blocking.pixel_box, blocking.channels)),
            };
            let layout = match (&planes, direct) {
                (Some(planes), _) => planes.layout.clone(),
                (None, Some(layout)) => layout,
                (None, None) => unreachable!("either planes or the tensor itself"),
            };
            let offsets_of = |channels: usize| {
                let starts = (0..channels).flat_map(|channel| {
                    let layout = &layout;
                    layout.tap_offsets.iter().map(move |tap| channel * layout.channel_stride + tap)
                });
                ReduceOffsets::new(isa, starts.collect())
            };
            let last = match gather.channels % blocking.channels {
                0 => blocking.channels,
                rest => rest,
            };
            phases.push(Phase {
                packed_begin: 0,
                offsets: offsets_of(blocking.channels),
                last_offsets: offsets_of(last),
                gather,
                filter,
                blocking,
                few: blocking.few(&shape, isa),
                planes,
                layout,
            });
        }
        let mut packed_begin = 0;
        for phase in &mut phases {
            phase.packed_begin = packed_begin;
            packed_begin += match packing {
                Packing::None | Packing::Parts(_) => 0,
                Packing::Rows => problem.groups() * phase.filter.gemm_m * phase.filter.gemm_k(),
                Packing::Columns => columns_elems(problem.groups(), &phase.filter),
            };
        }
        let scratch = ScratchElems::of(&phases, isa);
        let mut workspace = WorkspaceLayout::default();
        widen::book_filter(problem, &mut workspace);
        if packed_begin > 0 {
            workspace.book_f32(WorkspaceKey::PackedFilter, packed_begin);
        }
        let touches_padding = phases
            .iter()
            .any(|phase| phase.gather.touches_padding(&phase.gather.all_pixels(problem.n())));
        DataPlan {
            isa,
            problem: problem.clone(),
            phases,
            regions,
            packing,
            is_joined,
            touches_padding,
            scratch,
            workspace,
        }
    }

    /// Runs, with alpha 1 and beta 0. The slices span the tensors of the problem.
    ///
    /// Returns whether the result holds: false where zeros of the padding may
    /// have met weights that are not finite.
    pub fn execute<T: Element<Sum = f32>, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        [input, filter]: [&[T]; 2],
        out: &mut [O],
        workspace: &mut [u8],
    ) -> Result<bool> {
        let out = TensorMut::new(out, self.problem.tensor5(self.output_role()))?;
        let mut grant = self.workspace.grant(workspace);
        let mut wide_filter = grant.take(WorkspaceKey::WideFilter)?;
        let filter = widened(threads, filter, &mut wide_filter)?;
        let mut packed_filter = grant.take(WorkspaceKey::PackedFilter)?;
        let (isa, groups) = (self.isa, self.problem.groups());
        let filters = self.phases.iter().map(|phase| &phase.filter);
        match self.packing {
            Packing::None | Packing::Parts(_) => {}
            Packing::Columns => {
                let filters: Vec<_> = filters.collect();
                pack_columns(isa, threads, groups, &filters, filter, &mut packed_filter)?;
            }
            Packing::Rows => {
                pack_filters(isa, threads, groups, filters, filter, &mut packed_filter)?;
            }
        }
        let inputs = Inputs { input, filter, packed_filter: &packed_filter };
        let [planes, panels, few] = self.scratch.parts();
        let has_no_nan = if let Packing::Parts(parts) = &self.packing {
            let [packed, sums] = self.part_elems(parts).map(arena::whole_lines);
            let elems = [planes, panels, few, packed, sums];
            pool::all(
                threads,
                self.part_tasks(parts, out),
                || arena::take(elems.iter().sum()),
                |scratch, task| {
                    Ok(!self.run_part(&inputs, parts, arena::split(scratch, elems), task)?)
                },
            )?
        } else {
            pool::all(
                threads,
                self.tasks(out),
                || arena::take(planes + panels + few),
                |scratch, task| Ok(!self.run_task(&inputs, scratch, task)?),
            )?
        };
        let is_spoiled =
            self.touches_padding && !has_no_nan && !filter.iter().all(|weight| weight.is_finite());
        Ok(!is_spoiled)
    }

    fn output_role(&self) -> Role {
        self.problem.direction().output_role()
    }

    /// The output in parts, one for each phase, or for both of a line.
    pub(super) fn phase_outs<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<TensorMut<'a, O>> {
        if self.is_joined {
            return split_outer_phases(&self.problem, out);
        }
        let outs = split_phases(&self.problem, out).into_iter().zip(&self.regions);
        outs.flat_map(|(out, regions)| regions.split(out)).collect()
    }

    /// The output taken apart, in an order in which neighbours share filter rows.
    fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let phase_outs = self.phase_outs(out);
        let mut tasks = Vec::new();
        let phases = self.phases.iter().enumerate().step_by(self.phases_of_part());
        for ((index, phase), out) in phases.zip(phase_outs) {
            let Blocking { pixel_box, rows: tile_rows, .. } = phase.blocking;
            let part_box = match self.is_joined {
                true => pixel_box.with_width(out.lengths()[4]),
                false => pixel_box,
            };
            let boxes = pixel_box.cut(&phase.gather.all_pixels(self.problem.n()));
            let groups = out.split_every(1, phase.filter.gemm_m);
            for (group, of_group) in groups.into_iter().enumerate() {
                let row_pieces = pieces(&(0..phase.filter.gemm_m), tile_rows);
                for (rows, part) in row_pieces.iter().zip(of_group.split_every(1, tile_rows)) {
                    let parts = part_box.split(part);
                    tasks.extend(parts.into_iter().zip(&boxes).map(|(out, pixels)| Task {
                        phase: index,
                        group,
                        rows: rows.clone(),
                        pixels: pixels.clone(),
                        out,
                    }));
                }
            }
        }
        tasks
    }

    /// Returns whether the result has a NaN, as far as that matters.
    fn run_task<T: Element, O: Output<f32>>(
        &self,
        inputs: &Inputs<'_, T>,
        scratch: &mut [f32],
        mut task: Task<'_, O>,
    ) -> Result<bool> {
        if self.is_joined {
            return self.run_joined(inputs, scratch, task);
        }
        let scratch = arena::split(scratch, self.scratch.parts());
        let tile = Tile { plan: self, phase: &self.phases[task.phase], inputs, task: &task.pixels };
        let direct = task.out.as_matrix(1).and_then(O::as_f32_matrix);
        if let Some(mut dst) = direct.filter(|dst| dst.shape().1 == 1 || dst.strides().1 == 1) {
            tile.multiply(task.group, &task.rows, &mut dst, scratch);
            return Ok(self.touches_padding && dst.any(f32::is_nan));
        }
        let (rows, pixels) = (task.rows.len(), task.pixels.len());
        let mut sums = arena::take(rows * pixels)?;
        let mut dst = MatrixMut::row_major(&mut sums, rows, pixels);
        tile.multiply(task.group, &task.rows, &mut dst, scratch);
        let has_nan = self.touches_padding && dst.any(f32::is_nan);
        self.store(&sums, rows, pixels, task.out)?;
        Ok(has_nan)
    }

    /// Stores the sums of so many rows and pixels.
    pub(super) fn store<O: Output<f32>>(
        &self,
        sums: &[f32],
        rows: usize,
        pixels: usize,
        out: TensorMut<'_, O>,
    ) -> Result<()> {
        let scalars = Scalars { alpha: 1.0, beta: 0.0 };
        let [_, channel_stride, .., pixel_stride] = out.strides();
        if rows > 1 && channel_stride == 1 && pixel_stride > 1 {
            let mut transposed = arena::take(rows * pixels)?;
            transpose(self.isa, sums, rows, pixels, &mut transposed);
            store_tile(&transposed, true, out, scalars);
        } else {
            store_tile(sums, false, out, scalars);
        }
        Ok(())
    }
}

impl Phase {
    /// Pixels of a box.
    pub fn pixels(&self) -> usize {
        self.blocking.pixel_box.pixels()
    }
}

impl Packing {
    pub fn choose<'a>(phases: impl Iterator<Item = &'a FilterMatrix> + Clone) -> Self {
        let mut with_taps = phases.filter(|filter| filter.taps() > 0);
        if with_taps.clone().all(FilterMatrix::is_contiguous) {
            return Packing::None;
        }
        match with_taps.next() {
            Some(filter) if filter.row_stride() < filter.channel_stride() => Packing::Columns,
            _ => Packing::Rows,
        }
    }
}

impl ScratchElems {
    fn of(phases: &[Phase], isa: Isa) -> Self {
        let panel_cols = panel_columns(isa);
        let mut elems = ScratchElems::default();
        for phase in phases {
            let Blocking { pixel_box, channels, .. } = phase.blocking;
            if let Some(planes) = &phase.planes {
                // Panels are read whole, so beyond the end of the planes too.
                let of_phase = planes.elems(pixel_box.images) + panel_cols;
                elems.planes = elems.planes.max(of_phase);
            }
            let columns = pixel_box.pixels().next_multiple_of(panel_cols);
            let gemm_k = channels * phase.gather.taps();
            elems.few = elems.few.max(phase.few * gemm_k);
            elems.panels = elems.panels.max(gemm_k * columns + panel_cols);
        }
        elems
    }
}

/// The pixels of a task, whatever its rows.
pub(super) struct Tile<'a, T> {
    pub plan: &'a DataPlan,
    pub phase: &'a Phase,
    pub inputs: &'a Inputs<'a, T>,
    pub task: &'a PixelBox,
}

impl<T: Element> Tile<'_, T> {
    /// `dst = filter * input`, the whole reduction.
    pub fn multiply(
        &self,
        group: usize,
        rows: &Range<usize>,
        dst: &mut MatrixMut<'_, f32>,
        [planes, panels, few]: [&mut [f32]; 3],
    ) {
        let phase = self.phase;
        let taps = phase.gather.taps();
        if taps == 0 {
            dst.fill_with(|_, _| 0.0);
            return;
        }
        let group_input = &self.inputs.input[phase.gather.group_offset(group)..];
        let mut starts = Vec::new();
        for channels in pieces(&(0..phase.gather.channels), phase.blocking.channels) {
            let kk = channels.start * taps..channels.end * taps;
            let columns = self.columns(group_input, &channels, [planes, few], panels, &mut starts);
            let a = self.filter_part(group, rows, &kk);
            multiply_source(self.plan.isa, a, panels, columns, dst, kk.start > 0);
        }
    }

    /// Where the panels of some channels are. Those whose pixels follow each other are packed by the
    /// product itself, the others here.
    pub fn columns<'a>(
        &'a self,
        group_input: &'a [T],
        channels: &Range<usize>,
        [planes, few]: [&'a mut [f32]; 2],
        panels: &mut [f32],
        starts: &'a mut Vec<Option<usize>>,
    ) -> SourceColumns<'a> {
        let (isa, phase, pixels) = (self.plan.isa, self.phase, self.task);
        let offsets = if channels.len() == phase.blocking.channels {
            &phase.offsets
        } else {
            &phase.last_offsets
        };
        let (source, base): (&[f32], usize) = match (&phase.planes, T::as_f32(group_input)) {
            (Some(stager), _) => {
                stager.stage(isa, group_input, channels.clone(), pixels, planes);
                (planes, 0)
            }
            (None, Some(input)) => {
                let base =
                    channels.start * phase.layout.channel_stride + phase.layout.first_pixel(pixels);
                (input, base)
            }
            (None, None) => unreachable!("only f32 is read without planes"),
        };
        let panel_cols = panel_columns(isa);
        let panel_elems = offsets.len() * panel_cols;
        let mut segments = Vec::new();
        starts.clear();
        let in_panels = pixels.len() - phase.few;
        for (index, first) in (0..in_panels).step_by(panel_cols).enumerate() {
            let columns = panel_cols.min(in_panels - first);
            phase.layout.segments(pixels, first, columns, &mut segments);
            if let ([only], true) = (&segments[..], columns == panel_cols) {
                starts.push(Some(base + only.offset));
                continue;
            }
            starts.push(None);
            let panel = &mut panels[index * panel_elems..];
            pack_panel(isa, source, base, offsets, &segments, columns, panel);
        }
        let stride = offsets.len();
        for index in 0..phase.few {
            phase.layout.segments(pixels, in_panels + index, 1, &mut segments);
            let at = base + segments[0].offset;
            pack_column(source, at, offsets, &mut few[index * stride..][..stride]);
        }
        let few = FewColumns { data: few, stride, count: phase.few };
        SourceColumns { source, offsets, starts, few }
    }

    fn filter_part(&self, group: usize, rows: &Range<usize>, kk: &Range<usize>) -> Left<'_> {
        let filter = &self.phase.filter;
        if self.plan.packing == Packing::None {
            return filter
                .direct(self.inputs.filter, group, rows, kk)
                .and_then(|matrix| match matrix.contiguous_rows() {
                    Some((data, stride)) => Some(Left::from(Rows { data, stride })),
                    None => matrix
                        .contiguous_columns()
                        .map(|(data, stride)| Left::of_columns(data, stride)),
                })
                .expect("a plan without packed filter has contiguous rows or columns of f32");
        }
        let gemm_k = self.phase.gather.gemm_k();
        let packed = &self.inputs.packed_filter[self.phase.packed_begin..];
        if self.plan.packing == Packing::Columns {
            let stride = column_stride(filter.gemm_m);
            let first_column = group * gemm_k + kk.start;
            return Left::of_columns(&packed[first_column * stride + rows.start..], stride);
        }
        let first_row = group * filter.gemm_m + rows.start;
        Rows { data: &packed[first_row * gemm_k + kk.start..], stride: gemm_k }.into()
    }
}
