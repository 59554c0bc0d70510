//! Implicit GEMM, forward and backward-data: filter times gathered input.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::OnceLock;

use super::element::{Element, Output, Scalars, Sum};
use super::filter::{FilterMatrix, pack_filters};
use super::gather::{Gather, PixelBox, gathers_of, split_phases};
use super::isa::Isa;
use super::pool;
use super::store::store_tile;
use super::tiles::{DataTiles, GemmShape, REDUCE_CHUNK, pieces};
use super::ukernel::gemm_f32;
use crate::error::Result;
use crate::memory::{MatrixMut, MatrixRef, TensorMut, zeroed_f32};
use crate::problem::{ConvProblem, DataType, Role};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// What is prepared for a forward or backward-data problem.
pub struct DataPlan {
    phases: Vec<Phase>,
    groups: usize,
    images: usize,
    /// The output role's canonical view.
    output: Role,
    /// The problem.
    pub problem: ConvProblem,
    packs_filter: bool,
    /// The packed filter, where the filter cannot be used as it lies.
    pub workspace: WorkspaceLayout,
}

/// One gather with its part of the filter; forward has one.
struct Phase {
    gather: Gather,
    filter: FilterMatrix,
    tiles: DataTiles,
    /// Where this phase begins in the packed filter.
    packed_begin: usize,
}

/// Some groups, rows and pixels of one phase, and their part of the output.
struct Task<'a, O> {
    phase: usize,
    groups: Range<usize>,
    rows: Range<usize>,
    pixels: PixelBox,
    out: TensorMut<'a, O>,
}

/// What one thread works in.
struct Scratch<S> {
    packed: Vec<f32>,
    /// One chunk's products, where sums are not f32.
    part: Vec<f32>,
    sums: Vec<S>,
}

/// What all tasks of an execution read.
struct Inputs<'a, T> {
    input: &'a [T],
    filter: &'a [T],
    packed_filter: &'a [f32],
    scalars: Scalars,
    filter_is_finite: OnceLock<bool>,
}

impl DataPlan {
    /// Prepares `problem`, which must not be backward-weights.
    pub fn new(problem: &ConvProblem) -> Self {
        let (groups, images) = (problem.groups(), problem.n());
        let mut packed_begin = 0;
        let phases: Vec<Phase> = gathers_of(problem)
            .into_iter()
            .map(|gather| {
                let filter = FilterMatrix::new(problem, &gather);
                let gemm_k = gather.gemm_k();
                let tiles = DataTiles::choose(&GemmShape {
                    groups,
                    rows: filter.gemm_m,
                    gemm_k,
                    images,
                    spatial: [0, 1, 2].map(|dim| gather.axes[dim].out_len),
                    pack_cost: gather.pack_cost(),
                });
                let phase = Phase { packed_begin, tiles, gather, filter };
                packed_begin += groups * phase.filter.gemm_m * gemm_k;
                phase
            })
            .collect();
        let packs_filter = problem.input_dtype() != DataType::F32
            || phases.iter().any(|p| p.gather.taps() > 0 && !p.filter.is_equidistant());
        let mut workspace = WorkspaceLayout::default();
        if packs_filter {
            workspace.book_f32(WorkspaceKey::PackedFilter, packed_begin);
        }
        DataPlan {
            phases,
            groups,
            images,
            output: problem.direction().output_role(),
            problem: problem.clone(),
            packs_filter,
            workspace,
        }
    }

    /// Runs. The slices span the tensors of the problem.
    pub fn execute<T: Element, O: Output<T::Sum>>(
        &self,
        threads: NonZeroUsize,
        input: &[T],
        filter: &[T],
        out: &mut [O],
        scalars: Scalars,
        workspace: &mut [u8],
    ) -> Result<()> {
        let out = TensorMut::new(out, self.problem.tensor5(self.output))?;
        let mut grant = self.workspace.grant(workspace);
        let mut packed_filter = grant.take(WorkspaceKey::PackedFilter)?;
        if self.packs_filter {
            let filters = self.phases.iter().map(|phase| &phase.filter);
            pack_filters(
                Isa::highest(),
                threads,
                self.groups,
                filters,
                filter,
                &mut packed_filter,
            )?;
        }
        let inputs = Inputs {
            input,
            filter,
            packed_filter: &packed_filter,
            scalars,
            filter_is_finite: OnceLock::new(),
        };
        pool::for_each(
            threads,
            self.tasks(out),
            || self.scratch::<T>(),
            |scratch, task| {
                self.run_task(&inputs, scratch, task);
                Ok(())
            },
        )
    }

    fn scratch<T: Element>(&self) -> Result<Scratch<T::Sum>> {
        let most = |f: &dyn Fn(&Phase) -> usize| self.phases.iter().map(f).max().unwrap_or(0);
        let tile_elems = most(&|phase| phase.tiles.rows * phase.tiles.pixel_box.pixels());
        let packed_elems = most(&|phase| {
            phase.gather.gemm_k().min(chunk_len::<T>()) * phase.tiles.pixel_box.pixels()
        });
        let sums_are_f32 = T::Sum::as_f32_mut(&mut []).is_some();
        Ok(Scratch {
            packed: zeroed_f32(packed_elems)?,
            part: zeroed_f32(if sums_are_f32 { 0 } else { tile_elems })?,
            sums: vec![T::Sum::default(); tile_elems],
        })
    }

    /// The output taken apart, in an order in which neighbours share input.
    fn tasks<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<Task<'a, O>> {
        let mut tasks = Vec::new();
        let phase_outs = split_phases(&self.problem, out);
        for (index, (phase, out)) in self.phases.iter().zip(phase_outs).enumerate() {
            let DataTiles { pixel_box, rows: tile_rows, groups: tile_groups } = phase.tiles;
            let gemm_m = phase.filter.gemm_m;
            let pixel_boxes = pixel_box.cut(&phase.gather.all_pixels(self.images));
            let channel_parts: Vec<(Range<usize>, Range<usize>)> =
                pieces(&(0..self.groups), tile_groups)
                    .into_iter()
                    .flat_map(|groups| {
                        pieces(&(0..gemm_m), tile_rows)
                            .into_iter()
                            .map(move |rows| (groups.clone(), rows))
                    })
                    .collect();
            let mut rest = out;
            for (groups, rows) in channel_parts {
                let (part, after) = rest.split_at(1, groups.len() * rows.len());
                rest = after;
                let parts = pixel_box.split(part);
                tasks.extend(parts.into_iter().zip(&pixel_boxes).map(|(out, pixels)| Task {
                    phase: index,
                    groups: groups.clone(),
                    rows: rows.clone(),
                    pixels: pixels.clone(),
                    out,
                }));
            }
        }
        tasks
    }

    fn run_task<T: Element, O: Output<T::Sum>>(
        &self,
        inputs: &Inputs<'_, T>,
        scratch: &mut Scratch<T::Sum>,
        task: Task<'_, O>,
    ) {
        let phase = &self.phases[task.phase];
        let tile = Tile { phase, inputs, rows: task.rows.clone(), pixels: &task.pixels };
        let outs = task.out.split_every(1, task.rows.len());
        for (group, out) in task.groups.zip(outs) {
            tile.run(group, out, scratch);
        }
    }
}

/// Reduction steps done at a time for inputs of type `T`.
fn chunk_len<T: Element>() -> usize {
    REDUCE_CHUNK.min(T::MAX_F32_TERMS)
}

/// The rows and pixels of one phase that are computed together, group by group.
struct Tile<'a, T> {
    phase: &'a Phase,
    inputs: &'a Inputs<'a, T>,
    rows: Range<usize>,
    pixels: &'a PixelBox,
}

impl<T: Element> Tile<'_, T> {
    fn run<O: Output<T::Sum>>(
        &self,
        group: usize,
        mut out: TensorMut<'_, O>,
        scratch: &mut Scratch<T::Sum>,
    ) {
        let (rows, pixels) = (self.rows.len(), self.pixels.len());
        if self.inputs.scalars.are_plain()
            && let Some(mut dst) = out.as_matrix(1).and_then(O::as_f32_matrix)
        {
            self.multiply(group, &mut dst, &mut scratch.packed);
            if !self.padding_may_have_spoiled(|| dst.any(f32::is_nan)) {
                return;
            }
        }

        let rows_inner = out.strides()[1] == 1 && rows > 1;
        let sums = &mut scratch.sums[..rows * pixels];
        if let Some(sums) = T::Sum::as_f32_mut(sums) {
            self.multiply(
                group,
                &mut tile_matrix(sums, rows, pixels, rows_inner),
                &mut scratch.packed,
            );
        } else {
            sums.fill(T::Sum::default());
            let part = &mut scratch.part[..rows * pixels];
            for kk in self.chunks() {
                self.multiply_chunk(
                    group,
                    &kk,
                    &mut tile_matrix(part, rows, pixels, rows_inner),
                    false,
                    &mut scratch.packed,
                );
                for (sum, &part) in sums.iter_mut().zip(part.iter()) {
                    *sum = sum.plus(part);
                }
            }
        }
        if self.padding_may_have_spoiled(|| sums.iter().any(|sum| sum.is_nan())) {
            let (row_step, pixel_step) = if rows_inner { (1, rows) } else { (pixels, 1) };
            self.sum_without_padding(group, sums, row_step, pixel_step);
        }
        store_tile(sums, rows_inner, out, self.inputs.scalars);
    }

    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let gemm_k = self.phase.gather.gemm_k();
        (0..gemm_k)
            .step_by(chunk_len::<T>())
            .map(move |begin| begin..(begin + chunk_len::<T>()).min(gemm_k))
    }

    /// `dst = filter * input`, the whole reduction.
    fn multiply(&self, group: usize, dst: &mut MatrixMut<'_, f32>, packed: &mut [f32]) {
        let gather = &self.phase.gather;
        let all = 0..gather.gemm_k();
        let group_input = &self.inputs.input[gather.group_offset(group)..];
        if all.is_empty() {
            dst.fill_with(|_, _| 0.0);
        } else if let Some(rhs) = gather.direct(group_input, &all, self.pixels) {
            gemm_f32(dst, false, self.filter_block(group, &all), rhs);
        } else {
            for kk in self.chunks() {
                self.multiply_chunk(group, &kk, dst, kk.start > 0, packed);
            }
        }
    }

    fn multiply_chunk(
        &self,
        group: usize,
        kk: &Range<usize>,
        dst: &mut MatrixMut<'_, f32>,
        accumulate: bool,
        packed: &mut [f32],
    ) {
        let gather = &self.phase.gather;
        let group_input = &self.inputs.input[gather.group_offset(group)..];
        let rhs = gather.pack(group_input, kk, self.pixels, packed);
        gemm_f32(dst, accumulate, self.filter_block(group, kk), rhs);
    }

    fn filter_block(&self, group: usize, kk: &Range<usize>) -> MatrixRef<'_, f32> {
        let filter = &self.phase.filter;
        if self.inputs.packed_filter.is_empty() {
            filter
                .direct(self.inputs.filter, group, &self.rows, kk)
                .expect("a plan without packed filter has f32 and equidistant columns")
        } else {
            let gemm_k = self.phase.gather.gemm_k();
            let first_row = group * filter.gemm_m + self.rows.start;
            let offset = self.phase.packed_begin + first_row * gemm_k + kk.start;
            MatrixRef::new(
                &self.inputs.packed_filter[offset..],
                self.rows.len(),
                kk.len(),
                gemm_k,
                1,
            )
        }
    }

    /// Padding is packed as zeros, and a zero times an infinite or NaN weight
    /// is NaN where nothing should be added. That shows: such a result is NaN.
    /// So results are looked at where there is padding, and only if one is NaN
    /// is the filter searched, once, for what could have caused it.
    fn padding_may_have_spoiled(&self, has_nan: impl FnOnce() -> bool) -> bool {
        self.phase.gather.touches_padding(self.pixels)
            && has_nan()
            && !self
                .inputs
                .filter_is_finite
                .get_or_init(|| self.inputs.filter.iter().all(|weight| weight.to_f32().is_finite()))
    }

    /// The sums again, product by product, without those that meet padding.
    fn sum_without_padding(
        &self,
        group: usize,
        sums: &mut [T::Sum],
        row_step: usize,
        pixel_step: usize,
    ) {
        let gather = &self.phase.gather;
        let group_input = &self.inputs.input[gather.group_offset(group)..];
        sums.fill(T::Sum::default());
        for kk in 0..gather.gemm_k() {
            for (index, row) in self.rows.clone().enumerate() {
                let weight = self.inputs.filter[self.phase.filter.offset(group, row, kk)].to_f32();
                gather.for_each_inside(kk, self.pixels, |offset, pixel| {
                    let sum = &mut sums[index * row_step + pixel * pixel_step];
                    *sum = sum.plus(weight * group_input[offset].to_f32());
                });
            }
        }
    }
}

/// A tile's sums as a matrix of rows and pixels, rows or pixels contiguous.
fn tile_matrix(
    sums: &mut [f32],
    rows: usize,
    pixels: usize,
    rows_inner: bool,
) -> MatrixMut<'_, f32> {
    if rows_inner {
        MatrixMut::row_major(sums, pixels, rows).transposed()
    } else {
        MatrixMut::row_major(sums, rows, pixels)
    }
}
