//! Scratch memory that outlives a call.
//!
//! Fresh pages cost a page fault each, which for short convolutions is more
//! than the arithmetic. So scratch that the caller did not provide is kept and
//! given out again. It belongs to the process, not to a plan: there are never
//! more pieces than were in use at once.
#![forbid(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::memory::zeroed_f32;
use crate::per_process::PerProcess;

/// Pieces kept at most; the excess goes back to the allocator.
const MAX_PIECES: usize = 64;

/// Pieces longer than this are not kept: a host must not pay for its largest
/// layer for ever. 16 Mi floats are 64 MiB.
const MAX_KEPT_ELEMS: usize = 16 << 20;

static PIECES: PerProcess<Mutex<Vec<Vec<f32>>>> = PerProcess::new();

/// Pieces begin at a cache line: vectors that straddle two lines cost two loads.
const LINE_ELEMS: usize = 16;

/// A borrowed piece; undefined contents. It goes back when it is dropped.
#[derive(Debug, Default)]
pub struct Piece {
    memory: Vec<f32>,
    /// Where the first line of `memory` begins.
    first: usize,
    elems: usize,
}

impl Piece {
    /// The first `elems` floats of `memory` from a line's begin on; it has a line more.
    fn of(memory: Vec<f32>, elems: usize) -> Self {
        let address = memory.as_ptr().addr();
        let skipped_bytes = address.next_multiple_of(LINE_ELEMS * size_of::<f32>()) - address;
        Piece { memory, first: skipped_bytes / size_of::<f32>(), elems }
    }
}

/// The next length at which what follows begins at a cache line too.
pub fn whole_lines(elems: usize) -> usize {
    elems.next_multiple_of(LINE_ELEMS)
}

/// `scratch` taken apart.
///
/// # Panics
/// Where it is shorter than its parts.
pub fn split<const PARTS: usize>(
    scratch: &mut [f32],
    elems: [usize; PARTS],
) -> [&mut [f32]; PARTS] {
    let mut rest = scratch;
    elems.map(|elems| {
        let (part, behind) = std::mem::take(&mut rest).split_at_mut(elems);
        rest = behind;
        part
    })
}

/// A piece of `elems` floats.
///
/// # Errors
/// `AllocFailed` where memory is short.
pub fn take(elems: usize) -> Result<Piece> {
    if elems == 0 {
        return Ok(Piece::default());
    }
    if let Some(pieces) = PIECES.get(Mutex::default) {
        let mut pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..pieces.len())
            .filter(|&index| pieces[index].len() >= elems + LINE_ELEMS)
            .min_by_key(|&index| pieces[index].len());
        if let Some(index) = fitting {
            return Ok(Piece::of(pieces.swap_remove(index), elems));
        }
    }
    Ok(Piece::of(zeroed_f32(elems.saturating_add(LINE_ELEMS))?, elems))
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.memory.is_empty() || self.memory.len() > MAX_KEPT_ELEMS {
            return;
        }
        let Some(pieces) = PIECES.get(Mutex::default) else {
            return;
        };
        let mut pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.push(std::mem::take(&mut self.memory));
        if pieces.len() > MAX_PIECES
            && let Some(smallest) = (0..pieces.len()).min_by_key(|&index| pieces[index].len())
        {
            pieces.swap_remove(smallest);
        }
    }
}

impl Deref for Piece {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[self.first..][..self.elems]
    }
}

impl DerefMut for Piece {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.first..][..self.elems]
    }
}
