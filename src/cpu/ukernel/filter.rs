//! Packing filters: from any order of rows, channels and taps to rows that are contiguous.

use super::simd::{MAX_LANES, Simd, ask_for, isa_kernel};
use super::transpose::transpose_strided;
use crate::cpu::element::Element;
use crate::cpu::isa::Isa;

/// Some rows and channels of a filter as they lie in a tensor.
#[derive(Clone, Copy, Debug)]
pub struct FilterBlock<'a, T> {
    /// From the first tap's origin of the first row and channel on.
    pub data: &'a [T],
    pub rows: usize,
    pub row_stride: usize,
    pub channels: usize,
    pub channel_stride: usize,
    /// Offset of each tap within the filter of one channel; at least one.
    pub tap_offsets: &'a [usize],
}

/// `packed[row * packed_stride + channel * taps + tap]`, converted to f32.
///
/// # Panics
/// Where an element lies outside a slice.
pub fn pack_filter_block<T: Element>(
    isa: Isa,
    block: FilterBlock<'_, T>,
    packed: &mut [f32],
    packed_stride: usize,
) {
    let FilterBlock { data, rows, row_stride, channels, channel_stride, tap_offsets } = block;
    let taps = tap_offsets.len();
    if rows == 0 || channels == 0 {
        return;
    }
    let last_tap = tap_offsets.iter().max().expect("a packed filter has taps");
    assert!((rows - 1) * row_stride + (channels - 1) * channel_stride + last_tap < data.len());
    assert!((rows - 1) * packed_stride + channels * taps <= packed.len());
    if let (&[tap], 1, Some(data)) = (tap_offsets, row_stride, T::as_f32(data)) {
        transpose_strided(isa, &data[tap..], channel_stride, channels, rows, packed, packed_stride);
        return;
    }
    // SAFETY: every element lies inside its slice by the assertions.
    unsafe {
        let to = packed.as_mut_ptr();
        match taps {
            1 => copy_taps::<T, 1>(block, to, packed_stride),
            2 => copy_taps::<T, 2>(block, to, packed_stride),
            3 => copy_taps::<T, 3>(block, to, packed_stride),
            4 => copy_taps::<T, 4>(block, to, packed_stride),
            6 => copy_taps::<T, 6>(block, to, packed_stride),
            9 => copy_taps::<T, 9>(block, to, packed_stride),
            _ => copy_any_taps(block, to, packed_stride),
        }
    }
}

/// For a number of taps whose offsets then stay in registers.
///
/// # Safety
/// As [`pack_filter_block`] asserts; the block has `TAPS` taps.
unsafe fn copy_taps<T: Element, const TAPS: usize>(
    block: FilterBlock<'_, T>,
    packed: *mut f32,
    packed_stride: usize,
) {
    let mut offsets = [0; TAPS];
    offsets.copy_from_slice(block.tap_offsets);
    for row in 0..block.rows {
        for channel in 0..block.channels {
            let from = row * block.row_stride + channel * block.channel_stride;
            let to = row * packed_stride + channel * TAPS;
            for tap in 0..TAPS {
                // SAFETY: the caller's promise.
                unsafe {
                    let weight = block.data.as_ptr().add(from + offsets[tap]).read();
                    packed.add(to + tap).write(weight.to_f32());
                }
            }
        }
    }
}

/// # Safety
/// As [`pack_filter_block`] asserts.
unsafe fn copy_any_taps<T: Element>(
    block: FilterBlock<'_, T>,
    packed: *mut f32,
    packed_stride: usize,
) {
    let taps = block.tap_offsets.len();
    for row in 0..block.rows {
        for channel in 0..block.channels {
            let from = row * block.row_stride + channel * block.channel_stride;
            let to = row * packed_stride + channel * taps;
            for (tap, offset) in block.tap_offsets.iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe {
                    let weight = block.data.as_ptr().add(from + offset).read();
                    packed.add(to + tap).write(weight.to_f32());
                }
            }
        }
    }
}

/// A tap of a filter, and where its weights go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapColumn {
    /// Within the filter of one row and channel.
    pub offset: usize,
    /// From the first element of the tap's own slice of columns on.
    pub to: usize,
}

/// The weights of all rows of a channel, side by side for each tap:
/// `columns[tap.to + row] = weights[row * row_stride + tap.offset]`, rows rising.
///
/// Taps go by rising offset. `next` begins with what will be packed after this: the same rows of another
/// channel, which are asked for on the way, since no processor guesses where they are.
///
/// # Panics
/// Where an element lies outside a slice.
pub fn pack_filter_columns(
    isa: Isa,
    weights: &[f32],
    next: &[f32],
    row_stride: usize,
    rows: usize,
    taps: &[TapColumn],
    columns: &mut [f32],
) {
    let Some(last) = taps.last().filter(|_| rows > 0) else {
        return;
    };
    assert!(taps.is_sorted_by_key(|tap| tap.offset));
    assert!((rows - 1) * row_stride + last.offset < weights.len());
    assert!(taps.iter().all(|tap| tap.to + rows <= columns.len()));
    // SAFETY: every element lies inside its slice by the assertions.
    unsafe {
        let (weights, next) = (weights.as_ptr(), next.as_ptr());
        columns_of(isa, weights, next, row_stride, rows, taps, columns.as_mut_ptr())
    }
}

isa_kernel! {
    /// # Safety
    /// As [`pack_filter_columns`] asserts.
    unsafe fn columns_of(
        weights: *const f32,
        next: *const f32,
        row_stride: usize,
        rows: usize,
        taps: &[TapColumn],
        columns: *mut f32,
    ) = columns_body
}

/// # Safety
/// As `columns_of`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn columns_body<S: Simd>(
    weights: *const f32,
    next: *const f32,
    row_stride: usize,
    rows: usize,
    taps: &[TapColumn],
    columns: *mut f32,
) {
    /// Taps that are read at a time, those between included.
    const AT_ONCE: usize = 4;
    const LINE_ELEMS: usize = 16;
    /// Filters of up to 8 x 8 side by side.
    const MAX_ASKED_STRIDE: usize = 64;
    let last = taps[taps.len() - 1].offset;
    // Reading goes by whole vectors, inside each row's own taps.
    let by_vectors = row_stride == 1 || last + 1 >= AT_ONCE;
    let vectors_end = if by_vectors { rows / S::LANES * S::LANES } else { 0 };
    // SAFETY: the caller's promise; the last taps are read with those before them.
    unsafe {
        for row in (0..vectors_end).step_by(S::LANES) {
            let asked = if row_stride <= MAX_ASKED_STRIDE { S::LANES * row_stride } else { 0 };
            for elem in (0..asked).step_by(LINE_ELEMS) {
                ask_for(next.wrapping_add(row * row_stride + elem));
            }
            if row_stride == 1 {
                for tap in taps {
                    let vector = S::load(weights.add(row + tap.offset));
                    S::store(columns.add(tap.to + row), vector);
                }
                continue;
            }
            let mut from = [weights; MAX_LANES];
            for lane in 0..S::LANES {
                from[lane] = weights.add((row + lane) * row_stride);
            }
            let mut next = 0;
            while next < taps.len() {
                let first = taps[next].offset.min(last + 1 - AT_ONCE);
                let mut at = from;
                for lane in 0..S::LANES {
                    at[lane] = at[lane].add(first);
                }
                let vectors = S::load_4_columns(at);
                while next < taps.len() && taps[next].offset < first + AT_ONCE {
                    let vector = vectors[taps[next].offset - first];
                    S::store(columns.add(taps[next].to + row), vector);
                    next += 1;
                }
            }
        }
        for tap in taps {
            for row in vectors_end..rows {
                let weight = *weights.add(row * row_stride + tap.offset);
                columns.add(tap.to + row).write(weight);
            }
        }
    }
}
