//! Single values that a C caller passes by address.
//!
//! Buffers are `memory`'s affair; here are counts, getters' outputs and small arrays.

use crate::error::{Error, Result};
use std::slice;

/// A place that receives a value when the call succeeds.
pub(super) struct Out<T>(*mut T);

impl<T: Copy> Out<T> {
    /// A place that the caller must give.
    ///
    /// # Safety
    /// `at` is null or points to a writable `T` until the call returns.
    pub unsafe fn required(at: *mut T, name: &str) -> Result<Out<T>> {
        if at.is_null() {
            return Err(Error::bad_parm(format!("{name} is NULL")));
        }
        Ok(Out(at))
    }

    /// A place that the caller may leave out.
    ///
    /// # Safety
    /// As for [`Out::required`].
    pub unsafe fn optional(at: *mut T) -> Option<Out<T>> {
        (!at.is_null()).then_some(Out(at))
    }

    pub fn write(&self, value: T) {
        // SAFETY: `required` and `optional` made the caller answer for the place.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// An array that receives values when the call succeeds.
pub(super) struct OutArray<T> {
    at: *mut T,
    capacity: usize,
}

impl<T: Copy> OutArray<T> {
    /// An array that the caller may leave out.
    ///
    /// # Safety
    /// `at` is null or points to `capacity` writable `T` until the call returns.
    pub unsafe fn optional(at: *mut T, capacity: usize) -> Option<OutArray<T>> {
        (!at.is_null()).then_some(OutArray { at, capacity })
    }

    /// Writes as many of the values as there is room for.
    pub fn write(&self, values: impl IntoIterator<Item = T>) {
        for (index, value) in values.into_iter().take(self.capacity).enumerate() {
            // SAFETY: index < capacity, for which `optional` made the caller answer.
            unsafe { self.at.add(index).write_unaligned(value) }
        }
    }
}

/// The `length` values at `at`, copied; `None` where `at` is null.
///
/// # Safety
/// `at` is null or points to `length` readable `T`.
pub(super) unsafe fn array<T: Copy>(at: *const T, length: usize) -> Option<Vec<T>> {
    if at.is_null() {
        return None;
    }
    if at.is_aligned() {
        // SAFETY: the caller answers for the range; it is aligned.
        return Some(unsafe { slice::from_raw_parts(at, length) }.to_vec());
    }
    // SAFETY: as above, read byte-wise where a packed struct of the caller's misaligns it.
    Some((0..length).map(|index| unsafe { at.add(index).read_unaligned() }).collect())
}
