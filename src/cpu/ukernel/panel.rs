//! Packing panels of columns from planes whose rows are contiguous.

use super::block::panel_columns;
use super::register_block::AHEAD;
use super::simd::{MAX_LANES, Simd, isa_kernel};
use crate::cpu::isa::Isa;

/// Columns of a panel that are contiguous in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset of the segment's first element at reduction offset 0.
    pub offset: usize,
    /// The column of the panel at which it begins.
    pub column: usize,
}

/// Where the rows of a block of the reduction begin in the source.
#[derive(Clone, Debug)]
pub struct ReduceOffsets {
    /// Those of the block, and then [`AHEAD`] where to look for what is needed next.
    offsets: Vec<usize>,
    max: usize,
}

impl ReduceOffsets {
    /// From the offset of each row. What is needed after these are the same rows of the next panel.
    pub fn new(isa: Isa, mut offsets: Vec<usize>) -> Self {
        let max = offsets.iter().copied().max().unwrap_or(0);
        let next = offsets.first().map_or(0, |first| first + panel_columns(isa));
        offsets.resize(offsets.len() + AHEAD, next);
        for index in 1..AHEAD.min(offsets.len() - AHEAD) {
            let of_panel = offsets.len() - AHEAD;
            offsets[of_panel + index] = offsets[index] + panel_columns(isa);
        }
        ReduceOffsets { offsets, max }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len() - AHEAD
    }

    /// The highest offset of a row.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// The offsets of the rows.
    fn of_rows(&self) -> &[usize] {
        &self.offsets[..self.len()]
    }

    /// These and [`AHEAD`] more.
    pub(super) fn with_more(&self) -> &[usize] {
        &self.offsets
    }
}

/// Packs one panel: row kk takes its columns from `source`, segment by segment,
/// at `offsets[kk] + segment.offset`.
///
/// Segments rise from column 0. `panel` begins with the panel's rows and has
/// room for one row more, whose contents are undefined afterwards. `base` is
/// added to all offsets. Beyond the last segment's own length the panel takes
/// what follows it in the source; of `columns` that are wanted, no others are
/// read where the source ends.
///
/// # Panics
/// Where a wanted column lies outside the source, or the panel is too short.
pub fn pack_panel(
    isa: Isa,
    source: &[f32],
    base: usize,
    offsets: &ReduceOffsets,
    segments: &[Segment],
    columns: usize,
    panel: &mut [f32],
) {
    let panel_cols = panel_columns(isa);
    assert!((offsets.len() + 1) * panel_cols <= panel.len());
    let reach = segments.iter().map(|segment| segment.offset).max().unwrap_or(0);
    assert!(segments.first().is_some_and(|first| first.column == 0));
    assert!(segments.iter().all(|segment| segment.column < panel_cols));
    let end = base.checked_add(offsets.max).and_then(|at| at.checked_add(reach + panel_cols));
    if end.is_none_or(|end| end > source.len()) {
        pack_at_the_end(source, base, offsets, segments, columns, panel_cols, panel);
        return;
    }
    // SAFETY: every read ends at `end` or before, inside the source; every
    // write ends before a row past the last, inside the panel.
    unsafe {
        pack(isa, source.as_ptr().add(base), offsets.of_rows(), segments, panel.as_mut_ptr());
    }
}

/// Packs one column by itself: element kk is read at `offsets[kk] + at`.
///
/// # Panics
/// Where one lies outside the source, or the column is too short.
pub fn pack_column(source: &[f32], at: usize, offsets: &ReduceOffsets, column: &mut [f32]) {
    for (to, &offset) in column[..offsets.len()].iter_mut().zip(offsets.of_rows()) {
        *to = source[at + offset];
    }
}

/// As [`pack_panel`], reading wanted columns alone.
fn pack_at_the_end(
    source: &[f32],
    base: usize,
    offsets: &ReduceOffsets,
    segments: &[Segment],
    columns: usize,
    panel_cols: usize,
    panel: &mut [f32],
) {
    for (row, &offset) in panel.chunks_exact_mut(panel_cols).zip(offsets.of_rows()) {
        for (index, segment) in segments.iter().enumerate() {
            let end = segments.get(index + 1).map_or(columns, |next| next.column);
            let from = base + offset + segment.offset;
            let len = end - segment.column;
            row[segment.column..end].copy_from_slice(&source[from..from + len]);
        }
        row[columns..].fill(0.0);
    }
}

isa_kernel! {
    /// # Safety
    /// A panel row must be readable at every segment of every offset, and
    /// writable one row past the last.
    unsafe fn pack(
        source: *const f32,
        offsets: &[usize],
        segments: &[Segment],
        panel: *mut f32,
    ) = pack_body
}

/// # Safety
/// As `pack`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn pack_body<S: Simd>(
    source: *const f32,
    offsets: &[usize],
    segments: &[Segment],
    panel: *mut f32,
) {
    let panel_cols = 2 * S::LANES;
    // SAFETY: the caller's promise. A segment is copied a whole panel row long;
    // what it leaves beyond its own end, also in the row below, is overwritten
    // by later segments and rows.
    unsafe {
        if let [only] = segments {
            let source = source.add(only.offset);
            for (kk, &offset) in offsets.iter().enumerate() {
                copy::<S>(source.add(offset), panel.add(kk * panel_cols));
            }
        } else {
            for (kk, &offset) in offsets.iter().enumerate() {
                let row = panel.add(kk * panel_cols);
                for segment in segments {
                    copy::<S>(source.add(offset + segment.offset), row.add(segment.column));
                }
            }
        }
    }
}

/// # Safety
/// A panel row must be readable at `from` and writable at `to`.
#[inline(always)]
unsafe fn copy<S: Simd>(from: *const f32, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (S::load(from), S::load(from.add(S::LANES)));
        S::store(to, low);
        S::store(to.add(S::LANES), high);
    }
}

/// Packs one panel whose columns are contiguous in the source: pixel i of line l
/// becomes row `l * len + i`, and column j is read at `columns[j] + lines[l] + i`.
///
/// `columns` has a panel's columns or, repeated where there are fewer, those of one vector, and then the
/// panel's other half is left as it is. Lines are
/// read, and rows written, up to the next multiple of four pixels; `panel` has
/// room for three rows more, whose contents are undefined afterwards.
///
/// # Panics
/// Where a line lies outside the source, or the panel is too short.
pub fn pack_panel_transposed(
    isa: Isa,
    source: &[f32],
    columns: &[usize],
    lines: &[usize],
    len: usize,
    panel: &mut [f32],
) {
    let panel_cols = panel_columns(isa);
    assert!(columns.len() == panel_cols || columns.len() == panel_cols / 2);
    let read_len = len.next_multiple_of(4);
    let reach = columns.iter().max().zip(lines.iter().max()).map_or(0, |(c, l)| c + l + read_len);
    assert!(reach <= source.len());
    assert!((lines.len() * len + 3) * panel_cols <= panel.len());
    // SAFETY: every read ends inside the source; every write ends at most three
    // rows behind the last, inside the panel.
    unsafe {
        let (source, panel) = (source.as_ptr(), panel.as_mut_ptr());
        match columns.len() == panel_cols {
            true => transpose::<2>(isa, source, columns, lines, len, panel),
            false => transpose::<1>(isa, source, columns, lines, len, panel),
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`pack_panel_transposed`] asserts, for `VECTORS` of columns.
    unsafe fn transpose[VECTORS](
        source: *const f32,
        columns: &[usize],
        lines: &[usize],
        len: usize,
        panel: *mut f32,
    ) = transpose_body
}

/// # Safety
/// As `transpose`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn transpose_body<S: Simd, const VECTORS: usize>(
    source: *const f32,
    columns: &[usize],
    lines: &[usize],
    len: usize,
    panel: *mut f32,
) {
    const LINE_ELEMS: usize = 16;
    let panel_cols = 2 * S::LANES;
    // SAFETY: the caller's promise. Rows written beyond a line's end are
    // overwritten by the next line.
    unsafe {
        let mut from = [[source; MAX_LANES]; VECTORS];
        for vector in 0..VECTORS {
            for lane in 0..S::LANES {
                from[vector][lane] = source.add(columns[vector * S::LANES + lane]);
            }
        }
        for (index, &line) in lines.iter().enumerate() {
            let rows = panel.add(index * len * panel_cols);
            // A cache line of each column at a time: columns whose distance is a power of two would
            // displace each other's before the rest of it is read.
            let whole = len / LINE_ELEMS * LINE_ELEMS;
            for pixel in (0..whole).step_by(LINE_ELEMS) {
                for vector in 0..VECTORS {
                    let to = rows.add(pixel * panel_cols + vector * S::LANES);
                    S::store_line_columns(shifted::<S>(from[vector], line + pixel), to, panel_cols);
                }
            }
            for pixel in (whole..len).step_by(4) {
                for vector in 0..VECTORS {
                    let pixels = S::load_4_columns(shifted::<S>(from[vector], line + pixel));
                    let to = rows.add(pixel * panel_cols + vector * S::LANES);
                    for i in 0..4 {
                        S::store(to.add(i * panel_cols), pixels[i]);
                    }
                }
            }
        }
    }
}

/// Pointers of all lanes, so many floats on.
///
/// # Safety
/// These must be in bounds.
#[inline(always)]
unsafe fn shifted<S: Simd>(from: [*const f32; MAX_LANES], by: usize) -> [*const f32; MAX_LANES] {
    let mut at = from;
    for lane in 0..S::LANES {
        // SAFETY: the caller's promise.
        at[lane] = unsafe { at[lane].add(by) };
    }
    at
}
