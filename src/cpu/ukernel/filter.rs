//! Packing filters: from any order of rows, channels and taps to rows that are contiguous.

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
