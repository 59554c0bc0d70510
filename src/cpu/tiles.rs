//! How a problem is cut into tiles.
//!
//! Tiles depend on the problem alone, never on the number of threads: so
//! results are the same bits with any number of them.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::gather::PixelBox;
use crate::memory::TensorMut;

/// Reduction steps packed at a time. With the most pixels of a tile a packed
/// block takes 384 KiB, which leaves room in the 512 KiB L2 of Zen for the rest.
pub const REDUCE_CHUNK: usize = 256;

/// Candidates for the most pixels of a tile. Multiples of 24, the rows of the
/// AVX2 micro-kernel of the crate `gemm`; a smaller one would run in its edges.
const PIXEL_CANDIDATES: [usize; 4] = [384, 192, 96, 48];

/// Candidates for the most channels of a tile.
const ROW_CANDIDATES: [usize; 5] = [512, 256, 128, 64, 32];

/// Thread counts for which tiles are chosen, all of them at once.
const THREAD_COUNTS: [usize; 2] = [2, 8];

/// What reading one filter element costs the GEMM, in multiply-adds.
const FILTER_COST: f64 = 16.0;

/// What starting a tile costs, in multiply-adds: about 2 us.
const TILE_COST: f64 = 1e5;

/// Multiply-adds that are not worth a tile of their own: some ten microseconds.
const MIN_TILE_MULTIPLY_ADDS: usize = 1 << 19;

/// The GEMMs of one gather: `groups` times `rows` x pixels x `gemm_k`.
#[derive(Clone, Copy, Debug)]
pub struct GemmShape {
    /// Groups.
    pub groups: usize,
    /// Channels of the result in a group.
    pub rows: usize,
    /// Length of the reduction.
    pub gemm_k: usize,
    /// Pixels: images.
    pub images: usize,
    /// Pixels: d, h, w.
    pub spatial: [usize; 3],
    /// What packing one input element costs, in multiply-adds.
    pub pack_cost: f64,
}

/// Lengths of the tiles of forward and backward-data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataTiles {
    /// Pixels of the result.
    pub pixel_box: BoxLengths,
    /// Channels of the result, of one group.
    pub rows: usize,
    /// Groups done together, where a group's rows are not split.
    pub groups: usize,
}

impl DataTiles {
    /// The tiles with the least estimated time, summed over [`THREAD_COUNTS`].
    ///
    /// More rows in a tile spread the cost of packing, more pixels that of
    /// reading the filter; more tiles load threads evenly.
    pub fn choose(shape: &GemmShape) -> Self {
        let candidates = ROW_CANDIDATES.iter().flat_map(|&max_rows| {
            PIXEL_CANDIDATES.iter().map(move |&pixels| Self::within(shape, max_rows, pixels))
        });
        // Of equals the first, which is the largest.
        let best = candidates.min_by(|a, b| a.cost(shape).total_cmp(&b.cost(shape)));
        best.unwrap_or_else(|| Self::within(shape, ROW_CANDIDATES[0], PIXEL_CANDIDATES[0]))
    }

    fn within(shape: &GemmShape, max_rows: usize, max_pixels: usize) -> Self {
        let pixel_box = BoxLengths::choose(shape.images, shape.spatial, max_pixels);
        let rows = even_piece(shape.rows, max_rows);
        let work = rows.saturating_mul(pixel_box.pixels()).saturating_mul(shape.gemm_k.max(1));
        let groups = if rows == shape.rows { groups_together(shape.groups, work) } else { 1 };
        DataTiles { pixel_box, rows, groups }
    }

    /// Thread time in multiply-adds, waiting at the end included, summed over thread counts.
    fn cost(&self, shape: &GemmShape) -> f64 {
        let pixels = self.pixel_box.pixels() as f64;
        let (rows, gemm_k) = (self.rows as f64, shape.gemm_k as f64);
        let per_group = gemm_k * (rows * pixels + shape.pack_cost * pixels + FILTER_COST * rows);
        let tile = self.groups as f64 * per_group + TILE_COST;
        let tiles = shape.groups.div_ceil(self.groups)
            * shape.rows.div_ceil(self.rows)
            * self.pixel_box.count(shape.images, shape.spatial);
        THREAD_COUNTS.iter().map(|&threads| (tiles.div_ceil(threads) * threads) as f64 * tile).sum()
    }
}

/// How many groups make a tile that is worth a task, if one takes `work` multiply-adds.
pub fn groups_together(groups: usize, work: usize) -> usize {
    even_piece(groups, (MIN_TILE_MULTIPLY_ADDS / work.max(1)).max(1))
}

/// Lengths of a box of pixels: whole rows where they fit, then whole images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxLengths {
    /// Images.
    pub images: usize,
    /// d, h, w.
    pub spatial: [usize; 3],
}

impl BoxLengths {
    /// The same with another width.
    pub fn with_width(self, width: usize) -> Self {
        let [d, h, _] = self.spatial;
        BoxLengths { spatial: [d, h, width], ..self }
    }

    /// A box of at most `max_pixels` (at least one) that cuts the whole evenly.
    pub fn choose(images: usize, [d, h, w]: [usize; 3], max_pixels: usize) -> Self {
        let (plane, image) = (h.saturating_mul(w), d.saturating_mul(h).saturating_mul(w));
        // Where a row exceeds the box, `max_pixels / w` is 0, which means 1; and so on outwards.
        BoxLengths {
            images: even_piece(images, max_pixels / image),
            spatial: [
                even_piece(d, max_pixels / plane),
                even_piece(h, max_pixels / w),
                even_piece(w, max_pixels),
            ],
        }
    }

    /// Pixels of a full box.
    pub fn pixels(&self) -> usize {
        self.images * self.spatial.iter().product::<usize>()
    }

    /// Boxes in the whole.
    pub fn count(&self, images: usize, spatial: [usize; 3]) -> usize {
        let per_image: usize =
            spatial.iter().zip(self.spatial).map(|(len, piece)| len.div_ceil(piece)).product();
        images.div_ceil(self.images) * per_image
    }

    /// The boxes that make up `whole`, w fastest and n slowest.
    pub fn cut(&self, whole: &PixelBox) -> Vec<PixelBox> {
        let mut boxes = Vec::new();
        for n in pieces(&whole.n, self.images) {
            for d in pieces(&whole.o[0], self.spatial[0]) {
                for h in pieces(&whole.o[1], self.spatial[1]) {
                    for w in pieces(&whole.o[2], self.spatial[2]) {
                        boxes.push(PixelBox { n: n.clone(), o: [d.clone(), h.clone(), w] });
                    }
                }
            }
        }
        boxes
    }

    /// A tensor of pixels in parts, one for each box of [`BoxLengths::cut`].
    pub fn split<'a, T: Copy>(&self, out: TensorMut<'a, T>) -> Vec<TensorMut<'a, T>> {
        let mut parts = out.split_every(0, self.images);
        for (dim, piece) in self.spatial.into_iter().enumerate() {
            parts = parts.into_iter().flat_map(|p| p.split_every(2 + dim, piece)).collect();
        }
        parts
    }
}

/// The lengths of parts that make up a whole: even ones, the longer ones first. Divided once, for kernels whose
/// parts take little longer than a division.
#[derive(Clone, Copy, Debug)]
pub struct EvenParts {
    shorter: usize,
    /// How many parts are one longer.
    longer_count: usize,
}

impl EvenParts {
    /// `count` parts of `len`.
    #[inline(always)]
    pub fn new(len: usize, count: usize) -> Self {
        let count = count.max(1);
        EvenParts { shorter: len / count, longer_count: len % count }
    }

    /// The length of a part.
    #[inline(always)]
    pub fn of(self, part: usize) -> usize {
        self.shorter + usize::from(part < self.longer_count)
    }
}

/// `range` in pieces of `piece`, the last one possibly shorter.
pub fn pieces(range: &Range<usize>, piece: usize) -> Vec<Range<usize>> {
    let end = range.end;
    range.clone().step_by(piece).map(|start| start..(start + piece).min(end)).collect()
}

/// `len` cut into pieces of nearly the same length, none longer than `max`: that length.
pub fn even_piece(len: usize, max: usize) -> usize {
    len.div_ceil(len.div_ceil(max.max(1)).max(1)).max(1)
}
