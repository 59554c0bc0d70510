//! Tensors of 16-bit types, converted to f32 as a whole before they are used: filters, and what weight
//! gradients are computed from.
//!
//! Both are read in many orders, and again and again; converting is then a matter of long vectors, done
//! once, and kernels know one type. Each value is exact as f32.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use super::arena;
use super::element::Element;
use super::pool;
use crate::error::Result;
use crate::problem::{ConvProblem, DataType, Direction, Role};
use crate::solver::{WorkspaceKey, WorkspaceLayout};

/// Elements that a thread converts at a time: enough for a few microseconds.
const PIECE_ELEMS: usize = 1 << 16;

/// Elements a microsecond and thread: 0.25 ns each where they come from the L3 cache and go there (Zen 4).
const ELEMS_PER_US: f64 = 4_000.0;

/// What of a problem's inputs is converted.
fn wide_roles(problem: &ConvProblem) -> &'static [Role] {
    match (problem.input_dtype(), problem.direction()) {
        (DataType::F32, _) => &[],
        (_, Direction::Fwd | Direction::Bwd) => &[Role::W],
        (_, Direction::Wrw) => &[Role::X, Role::Y],
    }
}

fn wide_elems(problem: &ConvProblem) -> usize {
    wide_roles(problem).iter().map(|&role| problem.tensor(role).span_elems()).sum()
}

/// Books the room for the filter of a forward or backward-data problem.
pub fn book_filter(problem: &ConvProblem, workspace: &mut WorkspaceLayout) {
    workspace.book_f32(WorkspaceKey::WideFilter, wide_elems(problem));
}

/// The estimated time of converting.
pub fn estimate_us(problem: &ConvProblem, threads: NonZeroUsize) -> f64 {
    wide_elems(problem) as f64 / ELEMS_PER_US / threads.get() as f64
}

/// Room to convert x and dy in, where they are not f32.
#[derive(Default)]
pub struct WideInputs([arena::Piece; 2]);

impl WideInputs {
    /// Both as f32: themselves, or converted.
    ///
    /// # Errors
    /// `AllocFailed` where memory is short, or what the threads report.
    pub fn of<'a, T: Element>(
        &'a mut self,
        threads: NonZeroUsize,
        [x, dy]: [&'a [T]; 2],
    ) -> Result<[&'a [f32]; 2]> {
        if !T::IS_F32 {
            self.0 = [arena::take(x.len())?, arena::take(dy.len())?];
        }
        let [x_room, dy_room] = &mut self.0;
        Ok([widened(threads, x, x_room)?, widened(threads, dy, dy_room)?])
    }
}

/// A tensor as f32: itself, or converted to `room`, which has as many elements.
///
/// # Errors
/// What the threads report.
pub fn widened<'a, T: Element>(
    threads: NonZeroUsize,
    tensor: &'a [T],
    room: &'a mut [f32],
) -> Result<&'a [f32]> {
    if let Some(tensor) = T::as_f32(tensor) {
        return Ok(tensor);
    }
    let pieces = tensor.chunks(PIECE_ELEMS).zip(room.chunks_mut(PIECE_ELEMS)).collect();
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
