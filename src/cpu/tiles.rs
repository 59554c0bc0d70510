//! How a problem is cut into tiles.
//!
//! Tiles depend on the problem alone, never on the number of threads: so
//! results are the same bits with any number of them.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::gather::PixelBox;

/// Pixels of a tile at most. A packed block of `REDUCE_CHUNK` rows then takes
/// 384 KiB, which leaves room in the 512 KiB L2 of Zen for the rest.
pub const TILE_PIXELS: usize = 384;

/// Rows of the result (channels) in a tile at most. Packing a block costs about as much as
/// two or three rows of multiply-adds, so this many make it negligible.
pub const TILE_ROWS: usize = 256;

/// Reduction steps packed at a time.
pub const REDUCE_CHUNK: usize = 256;

/// Tiles wanted at least, for the sake of machines with many threads and of
/// an even load on those with few.
const WANTED_TILES: usize = 16;

/// Multiply-adds that are not worth a tile of their own: some ten microseconds.
const MIN_TILE_MULTIPLY_ADDS: usize = 1 << 19;

/// Rows below which a tile is not split further, lest packing dominate.
const MIN_TILE_ROWS: usize = 32;

/// Pixels below which a tile is not split further, lest the GEMM run in its edges.
const MIN_TILE_PIXELS: usize = 96;

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
    /// Tiles for `groups` GEMMs of `rows` x `pixels` x `gemm_k`.
    pub fn choose(
        groups: usize,
        rows: usize,
        gemm_k: usize,
        images: usize,
        spatial: [usize; 3],
    ) -> Self {
        let mut max_rows = TILE_ROWS;
        let mut max_pixels = TILE_PIXELS;
        loop {
            let tiles = Self::within(groups, rows, gemm_k, images, spatial, max_rows, max_pixels);
            let pixels = tiles.pixel_box.pixels();
            let work = tiles.rows.saturating_mul(pixels).saturating_mul(gemm_k);
            let enough = tiles.count(groups, rows, images, spatial) >= WANTED_TILES;
            if enough || work < 2 * MIN_TILE_MULTIPLY_ADDS {
                return tiles;
            }
            // Rather fewer rows than fewer pixels: the filter needs no packing.
            if tiles.rows >= 2 * MIN_TILE_ROWS && tiles.rows * 2 >= pixels {
                max_rows = tiles.rows.div_ceil(2);
            } else if pixels >= 2 * MIN_TILE_PIXELS {
                max_pixels = pixels.div_ceil(2);
            } else if tiles.rows >= 2 * MIN_TILE_ROWS {
                max_rows = tiles.rows.div_ceil(2);
            } else {
                return tiles;
            }
        }
    }

    fn within(
        groups: usize,
        rows: usize,
        gemm_k: usize,
        images: usize,
        spatial: [usize; 3],
        max_rows: usize,
        max_pixels: usize,
    ) -> Self {
        let box_lengths = BoxLengths::choose(images, spatial, max_pixels);
        let tile_rows = even_piece(rows, max_rows);
        let work = tile_rows.saturating_mul(box_lengths.pixels()).saturating_mul(gemm_k.max(1));
        let tile_groups = if tile_rows == rows { groups_together(groups, work) } else { 1 };
        DataTiles { pixel_box: box_lengths, rows: tile_rows, groups: tile_groups }
    }

    fn count(&self, groups: usize, rows: usize, images: usize, spatial: [usize; 3]) -> usize {
        groups.div_ceil(self.groups)
            * rows.div_ceil(self.rows)
            * self.pixel_box.count(images, spatial)
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
    /// A box of at most `max_pixels` (at least one) that cuts the whole evenly.
    pub fn choose(images: usize, [d, h, w]: [usize; 3], max_pixels: usize) -> Self {
        let box_w = even_piece(w, max_pixels);
        let box_h = if box_w == w { even_piece(h, max_pixels / w) } else { 1 };
        let is_plane = [box_h, box_w] == [h, w];
        let box_d = if is_plane { even_piece(d, max_pixels / (h * w)) } else { 1 };
        let is_image = is_plane && box_d == d;
        let box_n = if is_image { even_piece(images, max_pixels / (d * h * w)) } else { 1 };
        BoxLengths { images: box_n, spatial: [box_d, box_h, box_w] }
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
