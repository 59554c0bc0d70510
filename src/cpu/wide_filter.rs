//! Filters of 16-bit types, converted to f32 as a whole before they are used.
//!
//! Converting is then a matter of long vectors, whatever order a kernel wants its weights in, and kernels
//! know one type of filter. Each value is exact as f32.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::element::Element;
use super::pool;
use crate::error::Result;
use crate::problem::{ConvProblem, DataType, Role};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// Weights that a thread converts at a time: enough for a few microseconds.
const PIECE_ELEMS: usize = 1 << 16;

/// Weights a microsecond and thread: 0.25 ns each where they come from the L3 cache and go there (Zen 4).
const ELEMS_PER_US: f64 = 4_000.0;

/// Floats of the converted filter; 0 where it is f32 already.
fn wide_elems(problem: &ConvProblem) -> usize {
    match problem.input_dtype() {
        DataType::F32 => 0,
        _ => problem.tensor(Role::W).span_elems(),
    }
}

/// Books the room of [`widened`].
pub fn book(problem: &ConvProblem, workspace: &mut WorkspaceLayout) {
    workspace.book_f32(WorkspaceKey::WideFilter, wide_elems(problem));
}

/// The estimated time of [`widened`].
pub fn estimate_us(problem: &ConvProblem, threads: NonZeroUsize) -> f64 {
    wide_elems(problem) as f64 / ELEMS_PER_US / threads.get() as f64
}

/// The filter as f32: itself, or converted to `room`, which has been booked for it.
///
/// # Errors
/// What the threads report.
pub fn widened<'a, T: Element>(
    threads: NonZeroUsize,
    filter: &'a [T],
    room: &'a mut [f32],
) -> Result<&'a [f32]> {
    if let Some(filter) = T::as_f32(filter) {
        return Ok(filter);
    }
    let pieces = filter.chunks(PIECE_ELEMS).zip(room.chunks_mut(PIECE_ELEMS)).collect();
    pool::for_each(
        threads,
        pieces,
        || Ok(()),
        |(), (from, to)| {
            T::widen(from, to);
            Ok(())
        },
    )?;
    Ok(room)
}
