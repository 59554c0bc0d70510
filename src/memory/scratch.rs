//! Scratch memory: parts of a workspace, and own allocations that may fail.

use std::alloc::Layout;

use crate::error::{Error, Result, Status};

/// The longest part of `bytes` that is f32 aligned to `align_bytes`.
///
/// # Panics
/// Where `align_bytes` is not a multiple of four bytes and a power of two.
pub fn as_f32_mut(bytes: &mut [u8], align_bytes: usize) -> &mut [f32] {
    assert!(align_bytes.is_power_of_two() && align_bytes >= align_of::<f32>());
    let skip = bytes.as_ptr().addr().next_multiple_of(align_bytes) - bytes.as_ptr().addr();
    let Some(aligned) = bytes.get_mut(skip..) else {
        return &mut [];
    };
    // SAFETY: every bit pattern is an f32, and the bytes stay exclusively borrowed.
    let (before, floats, _after) = unsafe { aligned.align_to_mut::<f32>() };
    debug_assert!(before.is_empty());
    floats
}

/// The same memory as i32.
pub fn as_i32_mut(floats: &mut [f32]) -> &mut [i32] {
    // SAFETY: size and alignment are the same, every bit pattern is an i32 and an f32, and the
    // floats stay exclusively borrowed.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len()) }
}

/// Zeros from the allocator, which hands out fresh pages without touching them.
///
/// # Errors
/// `AllocFailed`, where `vec!` would end the process.
pub fn zeroed_f32(len: usize) -> Result<Vec<f32>> {
    let failed =
        || Error::new(Status::AllocFailed, format!("no memory for {len} floats of scratch"));
    if len == 0 {
        return Ok(Vec::new());
    }
    let layout = Layout::array::<f32>(len).map_err(|_| failed())?;
    // SAFETY: the layout has a size, since `len` is not 0.
    let pointer = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<f32>();
    if pointer.is_null() {
        return Err(failed());
    }
    // SAFETY: allocated by the global allocator with the layout of `len` f32, all zero.
    Ok(unsafe { Vec::from_raw_parts(pointer, len, len) })
}
