//! Workspace: booked piece by piece when a plan is made, granted when it runs.
#![forbid(unsafe_code)]

use std::ops::{Deref, DerefMut};

use super::arena;
use crate::error::Result;
use crate::memory::as_f32_mut;

/// Alignment of every piece: one cache line, and the widest vector register.
pub const WORKSPACE_ALIGN_BYTES: usize = 64;

/// What a piece of workspace is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkspaceKey {
    /// The filter converted to f32, as it lies in the tensor.
    WideFilter,
    /// The filter converted to f32 and brought into the order of the reduction.
    PackedFilter,
    /// The filter after Winograd's transform.
    TransformedFilter,
    /// Partial sums of a split reduction.
    PartialSums,
}

/// The pieces that a plan booked, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceLayout {
    /// Key and length in floats.
    pieces: Vec<(WorkspaceKey, usize)>,
}

impl WorkspaceLayout {
    /// Books `elems` floats under `key`; nothing is booked for none.
    ///
    /// # Panics
    /// Where the key is booked already.
    pub fn book_f32(&mut self, key: WorkspaceKey, elems: usize) {
        assert!(self.pieces.iter().all(|&(booked, _)| booked != key), "{key:?} booked twice");
        if elems > 0 {
            self.pieces.push((key, elems));
        }
    }

    /// Bytes with which every piece can be granted, whatever the address of the workspace.
    pub fn total_bytes(&self) -> usize {
        let pieces: usize =
            self.pieces.iter().map(|&(_, elems)| padded_elems(elems) * size_of::<f32>()).sum();
        // Beside the pieces there must be room to align the first one.
        if pieces == 0 { 0 } else { pieces + WORKSPACE_ALIGN_BYTES }
    }

    /// Opens `workspace` for [`WorkspaceGrant::take`]; one that is too small
    /// counts as none, and every piece then comes from the arena.
    pub fn grant<'a>(&'a self, workspace: &'a mut [u8]) -> WorkspaceGrant<'a> {
        let rest = if workspace.len() >= self.total_bytes() {
            as_f32_mut(workspace, WORKSPACE_ALIGN_BYTES)
        } else {
            &mut []
        };
        WorkspaceGrant { layout: self, next: 0, rest }
    }
}

fn padded_elems(elems: usize) -> usize {
    elems.next_multiple_of(WORKSPACE_ALIGN_BYTES / size_of::<f32>())
}

/// A workspace being given out.
pub struct WorkspaceGrant<'a> {
    layout: &'a WorkspaceLayout,
    next: usize,
    rest: &'a mut [f32],
}

impl<'a> WorkspaceGrant<'a> {
    /// The piece booked under `key`, with undefined contents; empty if none was.
    /// Pieces must be taken in the order of booking.
    ///
    /// # Errors
    /// `AllocFailed` where the workspace did not suffice and memory is short.
    pub fn take(&mut self, key: WorkspaceKey) -> Result<Scratch<'a>> {
        let Some(&(_, elems)) = self.layout.pieces.get(self.next).filter(|piece| piece.0 == key)
        else {
            return Ok(Scratch::Granted(&mut []));
        };
        self.next += 1;
        if self.rest.len() < elems {
            return Ok(Scratch::Own(arena::take(elems)?));
        }
        let rest = std::mem::take(&mut self.rest);
        let (piece, rest) = rest.split_at_mut(padded_elems(elems).min(rest.len()));
        self.rest = rest;
        Ok(Scratch::Granted(&mut piece[..elems]))
    }
}

/// Scratch memory, the caller's or our own, which is kept between calls.
pub enum Scratch<'a> {
    Granted(&'a mut [f32]),
    Own(arena::Piece),
}

impl Deref for Scratch<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Scratch::Granted(slice) => slice,
            Scratch::Own(piece) => piece,
        }
    }
}

impl DerefMut for Scratch<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            Scratch::Granted(slice) => slice,
            Scratch::Own(piece) => piece,
        }
    }
}
