//! Implicit GEMM, backward-weights: dy times the transposed gathered x.
//!
//! The reduction runs over pixels. Where the filter gradient alone gives too
//! few tiles, the pixels are split: each split sums its own boxes, and the
//! splits are added in their order. Boxes and splits follow from the problem
//! alone, so the result has the same bits with any number of threads.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::OnceLock;

use super::element::{Element, Output, Scalars};
use super::gather::{Gather, Order, PixelBox};
use super::pool;
use super::store::store_filter_tile;
use super::tiles::{BoxLengths, even_piece, groups_together, pieces};
use super::ukernel::gemm_f32;
use crate::error::Result;
use crate::memory::{MatrixMut, TensorMut, zeroed_f32};
use crate::problem::{ConvProblem, Role};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// Output channels of a tile at most; with `TILE_COLUMNS` the sums take 256 KiB.
const TILE_ROWS: usize = 128;

/// Pairs of input channel and tap in a tile, if a channel has no more taps.
const TILE_COLUMNS: usize = 512;

/// Sums of a tile at most, where a channel has very many taps.
const TILE_ELEMS: usize = TILE_ROWS * TILE_COLUMNS;

/// Elements of a packed box of x: 384 KiB, the size that suits forward too.
const PACKED_ELEMS: usize = 96 << 10;

/// Pixels of a box at most; beyond it a longer reduction gains nothing.
const BOX_PIXELS: usize = 384;

/// Tasks wanted at least, as in forward.
const WANTED_TASKS: usize = 16;

/// Splits together may take this much memory: 16 MiB of floats.
const MAX_PARTIAL_ELEMS: usize = 4 << 20;

/// What is prepared for a backward-weights problem.
pub struct WrwPlan {
    problem: ConvProblem,
    gather: Gather,
    /// dy as a matrix of channels and pixels.
    dy: Gather,
    tiles: Vec<Tile>,
    /// The reduction's boxes, in the order in which they are added.
    boxes: Vec<PixelBox>,
    boxes_per_split: usize,
    /// Sums of the largest tile.
    tile_elems: usize,
    /// Elements of the largest packed blocks of x and dy.
    packed_x_elems: usize,
    packed_dy_elems: usize,
    /// The partial sums of the splits, if there is more than one.
    pub workspace: WorkspaceLayout,
}

/// A rectangle of the filter gradient, in some groups.
struct Tile {
    groups: Range<usize>,
    rows: Range<usize>,
    channels: Range<usize>,
    /// The gather over these channels, and their offset within a group.
    gather: Gather,
    channel_offset: usize,
}

impl Tile {
    /// Sums of one group.
    fn elems_per_group(&self) -> usize {
        self.rows.len() * self.gather.gemm_k()
    }

    fn elems(&self) -> usize {
        self.groups.len() * self.elems_per_group()
    }
}

/// What all tasks of an execution read.
struct Inputs<'a, T> {
    x: &'a [T],
    dy: &'a [T],
    dy_is_finite: OnceLock<bool>,
}

/// What one thread packs into.
struct Packed {
    x: Vec<f32>,
    dy: Vec<f32>,
}

impl WrwPlan {
    /// Prepares `problem`, which must be backward-weights.
    pub fn new(problem: &ConvProblem) -> Self {
        let gather = Gather::over_x(problem);
        let dy = Gather::pixels_of_y(problem);
        let groups = problem.groups();
        let taps = gather.taps();

        let tile_channels = even_piece(gather.channels, TILE_COLUMNS / taps);
        let columns = tile_channels * taps;
        let tile_rows = even_piece(dy.channels, (TILE_ELEMS / columns).min(TILE_ROWS));
        let box_pixels = (PACKED_ELEMS / columns).clamp(1, BOX_PIXELS);
        let box_lengths = BoxLengths::choose(problem.n(), problem.out_spatial(), box_pixels);
        let boxes = box_lengths.cut(&dy.all_pixels(problem.n()));

        let is_whole_group = tile_rows == dy.channels && tile_channels == gather.channels;
        let tile_groups = if is_whole_group {
            let work = (tile_rows * columns)
                .saturating_mul(boxes.len())
                .saturating_mul(box_lengths.pixels());
            groups_together(groups, work).min((TILE_ELEMS / (tile_rows * columns)).max(1))
        } else {
            1
        };
        let mut tiles = Vec::new();
        for groups in pieces(&(0..groups), tile_groups) {
            for rows in pieces(&(0..dy.channels), tile_rows) {
                for channels in pieces(&(0..gather.channels), tile_channels) {
                    let (gather, channel_offset) = gather.some_channels(&channels);
                    tiles.push(Tile {
                        groups: groups.clone(),
                        rows: rows.clone(),
                        channels,
                        gather,
                        channel_offset,
                    });
                }
            }
        }
        let tile_elems = tiles.iter().map(Tile::elems).max().unwrap_or(0);

        let affordable = MAX_PARTIAL_ELEMS / (tiles.len() * tile_elems).max(1);
        let wanted = WANTED_TASKS.div_ceil(tiles.len());
        let splits = wanted.min(boxes.len()).min(affordable).max(1);
        let boxes_per_split = boxes.len().div_ceil(splits);
        let splits = boxes.len().div_ceil(boxes_per_split);
        let mut workspace = WorkspaceLayout::default();
        if splits > 1 {
            workspace.book_f32(WorkspaceKey::PartialSums, tiles.len() * splits * tile_elems);
        }
        WrwPlan {
            problem: problem.clone(),
            packed_x_elems: columns * box_lengths.pixels(),
            packed_dy_elems: tile_rows * box_lengths.pixels(),
            gather,
            dy,
            tiles,
            boxes,
            boxes_per_split,
            tile_elems,
            workspace,
        }
    }

    /// Runs. The slices span the tensors of the problem.
    pub fn execute<T: Element, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        x: &[T],
        dy: &[T],
        dw: &mut [O],
        scalars: Scalars,
        workspace: &mut [u8],
    ) -> Result<()> {
        let outs = self.split_output(TensorMut::new(dw, self.problem.tensor5(Role::W))?);
        let inputs = Inputs { x, dy, dy_is_finite: OnceLock::new() };
        let splits: Vec<&[PixelBox]> = self.boxes.chunks(self.boxes_per_split).collect();
        if splits.len() == 1 {
            return self.run_unsplit(threads, &inputs, outs, scalars);
        }

        let mut grant = self.workspace.grant(workspace);
        let mut partial = grant.take(WorkspaceKey::PartialSums)?;
        let mut tasks = Vec::new();
        for (tile, of_tile) in
            self.tiles.iter().zip(partial.chunks_exact_mut(splits.len() * self.tile_elems))
        {
            for (boxes, sums) in splits.iter().zip(of_tile.chunks_exact_mut(self.tile_elems)) {
                tasks.push((tile, *boxes, sums));
            }
        }
        pool::for_each(
            threads,
            tasks,
            || self.packed(),
            |packed, (tile, boxes, sums)| {
                for (group, sums) in
                    tile.groups.clone().zip(sums.chunks_exact_mut(tile.elems_per_group()))
                {
                    self.sum_in_slice(&inputs, tile, group, boxes, sums, packed);
                }
                Ok(())
            },
        )?;

        let tasks = self
            .tiles
            .iter()
            .zip(partial.chunks_exact_mut(splits.len() * self.tile_elems))
            .zip(outs)
            .collect();
        pool::for_each(
            threads,
            tasks,
            || Ok(()),
            |(), ((tile, of_tile), out)| {
                let (total, others) = of_tile.split_at_mut(self.tile_elems);
                for split in others.chunks_exact(self.tile_elems) {
                    for (total, &part) in total.iter_mut().zip(split) {
                        *total += part;
                    }
                }
                for (sums, out) in total
                    .chunks_exact(tile.elems_per_group())
                    .zip(out.split_every(0, tile.rows.len()))
                {
                    store_filter_tile(sums, tile.gather.order, out, scalars);
                }
                Ok(())
            },
        )
    }

    fn run_unsplit<T: Element, O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        inputs: &Inputs<'_, T>,
        outs: Vec<TensorMut<'_, O>>,
        scalars: Scalars,
    ) -> Result<()> {
        pool::for_each(
            threads,
            self.tiles.iter().zip(outs).collect(),
            || Ok((self.packed()?, zeroed_f32(self.tile_elems)?)),
            |(packed, sums), (tile, out)| {
                let outs = out.split_every(0, tile.rows.len());
                for (group, out) in tile.groups.clone().zip(outs) {
                    let sums = &mut sums[..tile.elems_per_group()];
                    self.run_in_place_or(inputs, tile, group, out, sums, scalars, packed);
                }
                Ok(())
            },
        )
    }

    fn packed(&self) -> Result<Packed> {
        Ok(Packed { x: zeroed_f32(self.packed_x_elems)?, dy: zeroed_f32(self.packed_dy_elems)? })
    }

    /// The output's parts, in the order of the tiles.
    fn split_output<'a, O: Copy>(&self, out: TensorMut<'a, O>) -> Vec<TensorMut<'a, O>> {
        let mut outs = Vec::new();
        let mut rest = Some(out);
        let mut row_of_tiles: Option<TensorMut<'a, O>> = None;
        for tile in &self.tiles {
            if tile.channels.start == 0
                && let Some(out) = rest.take()
            {
                let (part, after) = out.split_at(0, tile.groups.len() * tile.rows.len());
                row_of_tiles = Some(part);
                rest = Some(after);
            }
            if let Some(part) = row_of_tiles.take() {
                let (part, after) = part.split_at(1, tile.channels.len());
                outs.push(part);
                row_of_tiles = Some(after);
            }
        }
        outs
    }

    #[allow(clippy::too_many_arguments)]
    fn run_in_place_or<T: Element, O: Output<f32>>(
        &self,
        inputs: &Inputs<'_, T>,
        tile: &Tile,
        group: usize,
        mut out: TensorMut<'_, O>,
        sums: &mut [f32],
        scalars: Scalars,
        packed: &mut Packed,
    ) {
        if scalars.are_plain()
            && tile.gather.order == Order::TapInner
            && let Some(mut dst) = out.as_matrix(0).and_then(O::as_f32_matrix)
        {
            self.sum(inputs, tile, group, &self.boxes, &mut dst, packed);
            if !self.padding_may_have_spoiled(inputs, || dst.any(f32::is_nan)) {
                return;
            }
        }
        self.sum_in_slice(inputs, tile, group, &self.boxes, sums, packed);
        store_filter_tile(sums, tile.gather.order, out, scalars);
    }

    /// The sums of one group's tile over `boxes`, rows contiguous.
    fn sum_in_slice<T: Element>(
        &self,
        inputs: &Inputs<'_, T>,
        tile: &Tile,
        group: usize,
        boxes: &[PixelBox],
        sums: &mut [f32],
        packed: &mut Packed,
    ) {
        let columns = tile.gather.gemm_k();
        let mut dst = MatrixMut::row_major(sums, tile.rows.len(), columns);
        self.sum(inputs, tile, group, boxes, &mut dst, packed);
        if self.padding_may_have_spoiled(inputs, || dst.any(f32::is_nan)) {
            self.sum_without_padding(inputs, tile, group, boxes, sums);
        }
    }

    fn sum<T: Element>(
        &self,
        inputs: &Inputs<'_, T>,
        tile: &Tile,
        group: usize,
        boxes: &[PixelBox],
        dst: &mut MatrixMut<'_, f32>,
        packed: &mut Packed,
    ) {
        let group_x = &inputs.x[self.gather.group_offset(group) + tile.channel_offset..];
        let group_dy = &inputs.dy[self.dy.group_offset(group)..];
        let columns = 0..tile.gather.gemm_k();
        for (index, pixels) in boxes.iter().enumerate() {
            let lhs = self
                .dy
                .direct(group_dy, &tile.rows, pixels)
                .unwrap_or_else(|| self.dy.pack(group_dy, &tile.rows, pixels, &mut packed.dy));
            let rhs = tile
                .gather
                .direct(group_x, &columns, pixels)
                .unwrap_or_else(|| tile.gather.pack(group_x, &columns, pixels, &mut packed.x));
            gemm_f32(dst, index > 0, lhs, rhs.transposed());
        }
    }

    /// As in forward: zeros that stand for padding turn an infinite or NaN dy
    /// into NaN where nothing should be added.
    fn padding_may_have_spoiled<T: Element>(
        &self,
        inputs: &Inputs<'_, T>,
        has_nan: impl FnOnce() -> bool,
    ) -> bool {
        self.boxes.iter().any(|pixels| self.gather.touches_padding(pixels))
            && has_nan()
            && !inputs
                .dy_is_finite
                .get_or_init(|| inputs.dy.iter().all(|value| value.to_f32().is_finite()))
    }

    /// The sums again, product by product, without those that meet padding.
    fn sum_without_padding<T: Element>(
        &self,
        inputs: &Inputs<'_, T>,
        tile: &Tile,
        group: usize,
        boxes: &[PixelBox],
        sums: &mut [f32],
    ) {
        let group_x = &inputs.x[self.gather.group_offset(group) + tile.channel_offset..];
        let group_dy = &inputs.dy[self.dy.group_offset(group)..];
        let columns = tile.gather.gemm_k();
        sums.fill(0.0);
        for pixels in boxes {
            for (index, row) in tile.rows.clone().enumerate() {
                // By number of the pixel: where its dy lies.
                let mut dy_offsets = vec![0; pixels.len()];
                self.dy.for_each_inside(row, pixels, |offset, pixel| dy_offsets[pixel] = offset);
                for column in 0..columns {
                    let sum = &mut sums[index * columns + column];
                    tile.gather.for_each_inside(column, pixels, |offset, pixel| {
                        let dy = group_dy[dy_offsets[pixel]].to_f32();
                        *sum += dy * group_x[offset].to_f32();
                    });
                }
            }
        }
    }
}
