//! Packing panels of columns from planes whose rows are contiguous.

use super::block::panel_columns;
use super::simd::{Simd, isa_kernel};
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
#[derive(Clone, Debug, Default)]
pub struct ReduceOffsets {
    offsets: Vec<usize>,
    max: usize,
}

impl ReduceOffsets {
    /// From the offset of each row.
    pub fn new(offsets: Vec<usize>) -> Self {
        let max = offsets.iter().copied().max().unwrap_or(0);
        ReduceOffsets { offsets, max }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len()
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
        pack(isa, source.as_ptr().add(base), &offsets.offsets, segments, panel.as_mut_ptr());
    }
}

/// The same, reading wanted columns alone.
fn pack_at_the_end(
    source: &[f32],
    base: usize,
    offsets: &ReduceOffsets,
    segments: &[Segment],
    columns: usize,
    panel_cols: usize,
    panel: &mut [f32],
) {
    for (row, &offset) in panel.chunks_exact_mut(panel_cols).zip(&offsets.offsets) {
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
