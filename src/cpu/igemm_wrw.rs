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
use super::wrw_tasks::add_parts;
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

/// What is prepared for a backward-weights problem: numbers only, however large it is.
pub struct WrwPlan {
    /// The problem.
    pub problem: ConvProblem,
    gather: Gather,
    /// dy as a matrix of channels and pixels.
    dy: Gather,
    /// Groups, output channels and input channels of a tile.
    tile_groups: usize,
    tile_rows: usize,
    tile_channels: usize,
    /// The boxes into which the reduction is cut.
    box_lengths: BoxLengths,
    boxes_per_split: usize,
    /// Whether any tap meets padding.
    has_padding: bool,
    /// The partial sums of the splits, if there is more than one.
    pub workspace: WorkspaceLayout,
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
        let boxes = box_lengths.count(problem.n(), problem.out_spatial());

        let is_whole_group = tile_rows == dy.channels && tile_channels == gather.channels;
        let tile_groups = if is_whole_group {
            let pixels = boxes.saturating_mul(box_lengths.pixels());
            let work = (tile_rows * columns).saturating_mul(pixels);
            even_piece(
                groups,
                groups_together(groups, work).min(TILE_ELEMS / (tile_rows * columns)),
            )
        } else {
            1
        };
        let tiles = groups.div_ceil(tile_groups)
            * dy.channels.div_ceil(tile_rows)
            * gather.channels.div_ceil(tile_channels);
        let tile_elems = tile_groups * tile_rows * columns;

        let affordable = MAX_PARTIAL_ELEMS / tiles.saturating_mul(tile_elems);
        let wanted = WANTED_TASKS.div_ceil(tiles);
        let boxes_per_split = boxes.div_ceil(wanted.min(affordable).clamp(1, boxes));
        let splits = boxes.div_ceil(boxes_per_split);
        let mut workspace = WorkspaceLayout::default();
        if splits > 1 {
            workspace.book_f32(WorkspaceKey::PartialSums, tiles * splits * tile_elems);
        }
        WrwPlan {
            problem: problem.clone(),
            has_padding: gather.touches_padding(&dy.all_pixels(problem.n())),
            gather,
            dy,
            tile_groups,
            tile_rows,
            tile_channels,
            box_lengths,
            boxes_per_split,
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
        let out = TensorMut::new(dw, self.problem.tensor5(Role::W))?;
        let mut tiles = Vec::new();
        let mut rest = out;
        for groups in pieces(&(0..self.problem.groups()), self.tile_groups) {
            for rows in pieces(&(0..self.dy.channels), self.tile_rows) {
                let (mut row_of_tiles, after) = rest.split_at(0, groups.len() * rows.len());
                rest = after;
                for channels in pieces(&(0..self.gather.channels), self.tile_channels) {
                    let (out, after) = row_of_tiles.split_at(1, channels.len());
                    row_of_tiles = after;
                    let tile = Tile::new(self, groups.clone(), rows.clone(), &channels);
                    tiles.push((tile, out));
                }
            }
        }
        let boxes = self.box_lengths.cut(&self.dy.all_pixels(self.problem.n()));
        let run = Run { plan: self, x, dy, dy_is_finite: OnceLock::new() };
        if boxes.len() <= self.boxes_per_split {
            return run.unsplit(threads, tiles, &boxes, scalars);
        }
        let splits: Vec<&[PixelBox]> = boxes.chunks(self.boxes_per_split).collect();
        let mut grant = self.workspace.grant(workspace);
        let mut partial = grant.take(WorkspaceKey::PartialSums)?;
        run.partial_sums(threads, &tiles, &splits, &mut partial)?;
        self.add_splits(threads, tiles, splits.len(), &mut partial, scalars)
    }

    /// Sums of the largest tile.
    fn tile_elems(&self) -> usize {
        self.tile_groups * self.tile_rows * self.tile_channels * self.gather.taps()
    }

    /// Adds the splits of each tile in their order and stores the sums.
    fn add_splits<O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        tiles: Vec<(Tile, TensorMut<'_, O>)>,
        splits: usize,
        partial: &mut [f32],
        scalars: Scalars,
    ) -> Result<()> {
        let tile_elems = self.tile_elems();
        let tasks = tiles.into_iter().zip(partial.chunks_exact_mut(splits * tile_elems)).collect();
        pool::for_each(
            threads,
            tasks,
            || Ok(()),
            |(), ((tile, out), of_tile)| {
                let total = add_parts(of_tile, tile_elems);
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
}

/// A rectangle of the filter gradient, in some groups.
struct Tile {
    groups: Range<usize>,
    rows: Range<usize>,
    /// The gather over the tile's channels, and their offset within a group.
    gather: Gather,
    channel_offset: usize,
}

impl Tile {
    fn new(
        plan: &WrwPlan,
        groups: Range<usize>,
        rows: Range<usize>,
        channels: &Range<usize>,
    ) -> Self {
        let (gather, channel_offset) = plan.gather.some_channels(channels);
        Tile { groups, rows, gather, channel_offset }
    }

    /// Sums of one group.
    fn elems_per_group(&self) -> usize {
        self.rows.len() * self.gather.gemm_k()
    }
}

/// What one thread packs into.
struct Packed {
    x: Vec<f32>,
    dy: Vec<f32>,
}

/// One execution: what all its tasks read.
struct Run<'a, T> {
    plan: &'a WrwPlan,
    x: &'a [T],
    dy: &'a [T],
    dy_is_finite: OnceLock<bool>,
}

impl<T: Element> Run<'_, T> {
    fn packed(&self) -> Result<Packed> {
        let plan = self.plan;
        let pixels = plan.box_lengths.pixels();
        Ok(Packed {
            x: zeroed_f32(plan.tile_channels * plan.gather.taps() * pixels)?,
            dy: zeroed_f32(plan.tile_rows * pixels)?,
        })
    }

    /// The whole reduction in one go, in place where the output's layout allows.
    fn unsplit<O: Output<f32>>(
        &self,
        threads: NonZeroUsize,
        tiles: Vec<(Tile, TensorMut<'_, O>)>,
        boxes: &[PixelBox],
        scalars: Scalars,
    ) -> Result<()> {
        pool::for_each(
            threads,
            tiles,
            || Ok((self.packed()?, zeroed_f32(self.plan.tile_elems())?)),
            |(packed, sums), (tile, out)| {
                let outs = out.split_every(0, tile.rows.len());
                for (group, mut out) in tile.groups.clone().zip(outs) {
                    let gathered = self.gathered(&tile, group, boxes);
                    if scalars.are_plain()
                        && tile.gather.order == Order::TapInner
                        && let Some(mut dst) = out.as_matrix(0).and_then(O::as_f32_matrix)
                    {
                        gathered.sum(&mut dst, packed);
                        if !self.padding_may_have_spoiled(|| dst.any(f32::is_nan)) {
                            continue;
                        }
                    }
                    let sums = &mut sums[..tile.elems_per_group()];
                    self.sum_in_slice(&gathered, sums, packed);
                    store_filter_tile(sums, tile.gather.order, out, scalars);
                }
                Ok(())
            },
        )
    }

    /// The sums of every tile over every split, by tile and then by split.
    fn partial_sums<O: Send + Sync>(
        &self,
        threads: NonZeroUsize,
        tiles: &[(Tile, TensorMut<'_, O>)],
        splits: &[&[PixelBox]],
        partial: &mut [f32],
    ) -> Result<()> {
        let tile_elems = self.plan.tile_elems();
        let mut tasks = Vec::new();
        let by_tile = partial.chunks_exact_mut(splits.len() * tile_elems);
        for ((tile, _), of_tile) in tiles.iter().zip(by_tile) {
            for (&boxes, sums) in splits.iter().zip(of_tile.chunks_exact_mut(tile_elems)) {
                tasks.push((tile, boxes, sums));
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
                    self.sum_in_slice(&self.gathered(tile, group, boxes), sums, packed);
                }
                Ok(())
            },
        )
    }

    fn gathered<'a>(
        &'a self,
        tile: &'a Tile,
        group: usize,
        boxes: &'a [PixelBox],
    ) -> Gathered<'a, T> {
        Gathered {
            plan: self.plan,
            tile,
            boxes,
            x: &self.x[self.plan.gather.group_offset(group) + tile.channel_offset..],
            dy: &self.dy[self.plan.dy.group_offset(group)..],
        }
    }

    /// The sums, rows contiguous.
    fn sum_in_slice(&self, gathered: &Gathered<'_, T>, sums: &mut [f32], packed: &mut Packed) {
        let tile = gathered.tile;
        let mut dst = MatrixMut::row_major(sums, tile.rows.len(), tile.gather.gemm_k());
        gathered.sum(&mut dst, packed);
        if self.padding_may_have_spoiled(|| dst.any(f32::is_nan)) {
            gathered.sum_without_padding(sums);
        }
    }

    /// As in forward: zeros that stand for padding turn an infinite or NaN dy
    /// into NaN where nothing should be added.
    fn padding_may_have_spoiled(&self, has_nan: impl FnOnce() -> bool) -> bool {
        self.plan.has_padding
            && has_nan()
            && !self
                .dy_is_finite
                .get_or_init(|| self.dy.iter().all(|value| value.to_f32().is_finite()))
    }
}

/// One group's part in a tile: dy times gathered x, over some boxes.
struct Gathered<'a, T> {
    plan: &'a WrwPlan,
    tile: &'a Tile,
    boxes: &'a [PixelBox],
    /// x from the tile's first channel on.
    x: &'a [T],
    /// dy from the group's first channel on.
    dy: &'a [T],
}

impl<T: Element> Gathered<'_, T> {
    fn sum(&self, dst: &mut MatrixMut<'_, f32>, packed: &mut Packed) {
        let (x, dy, rows) = (&self.tile.gather, &self.plan.dy, &self.tile.rows);
        let columns = 0..x.gemm_k();
        for (index, pixels) in self.boxes.iter().enumerate() {
            let lhs = dy
                .direct(self.dy, rows, pixels)
                .unwrap_or_else(|| dy.pack(self.dy, rows, pixels, &mut packed.dy));
            let rhs = x
                .direct(self.x, &columns, pixels)
                .unwrap_or_else(|| x.pack(self.x, &columns, pixels, &mut packed.x));
            gemm_f32(dst, index > 0, lhs, rhs.transposed());
        }
    }

    /// The sums again, product by product, without those that meet padding.
    fn sum_without_padding(&self, sums: &mut [f32]) {
        let columns = self.tile.gather.gemm_k();
        sums.fill(0.0);
        for pixels in self.boxes {
            for (index, row) in self.tile.rows.clone().enumerate() {
                // By number of the pixel: where its dy lies.
                let mut dy_offsets = vec![0; pixels.len()];
                self.plan
                    .dy
                    .for_each_inside(row, pixels, |offset, pixel| dy_offsets[pixel] = offset);
                for column in 0..columns {
                    let sum = &mut sums[index * columns + column];
                    self.tile.gather.for_each_inside(column, pixels, |offset, pixel| {
                        *sum += self.dy[dy_offsets[pixel]].to_f32() * self.x[offset].to_f32();
                    });
                }
            }
        }
    }
}
