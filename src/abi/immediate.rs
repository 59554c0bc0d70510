//! Immediate mode: solutions by number, for the three directions.

use super::args::{Out, OutArray};
use super::call::{Asked, Descriptors, Launch, Pointers, enter};
use crate::engine::{Choice, Solution};
use crate::problem::Direction;
use crate::sys::*;
use std::ffi::c_void;

fn asked(
    handle: miopenHandle_t,
    direction: Direction,
    descriptors: Descriptors,
    solution_id: Option<u64>,
) -> Asked {
    Asked { handle, direction, descriptors, launch: Launch::Nothing, solution_id }
}

/// Solutions of one direction: the three differ in names and in the order of descriptors; the
/// bodies are one.
macro_rules! solutions_of {
    (
        $direction:expr, $count:ident, $get:ident, $workspace_size:ident, $compile:ident,
        |$first:ident, $second:ident, $output:ident| $roles:expr
    ) => {
        pub(super) unsafe extern "C" fn $count(
            handle: miopenHandle_t,
            $first: miopenTensorDescriptor_t,
            $second: miopenTensorDescriptor_t,
            conv: miopenConvolutionDescriptor_t,
            $output: miopenTensorDescriptor_t,
            count: *mut usize,
        ) -> miopenStatus_t {
            let [x, w, y] = $roles;
            let descriptors = Descriptors { x, w, y, conv };
            enter!(
                $count(handle, $first, $second, conv, $output, count),
                asked(handle, $direction, descriptors, None),
                |call| {
                    // SAFETY: the caller passes NULL or a place for a size_t.
                    let out = unsafe { Out::required(count, "solutionCount") }?;
                    let found = call.solutions()?;
                    if found.is_empty() {
                        return Err(call.unsolved());
                    }
                    out.write(found.len());
                    Ok(())
                }
            )
        }

        /// With no room for solutions it only counts; a problem that nothing solves has none.
        pub(super) unsafe extern "C" fn $get(
            handle: miopenHandle_t,
            $first: miopenTensorDescriptor_t,
            $second: miopenTensorDescriptor_t,
            conv: miopenConvolutionDescriptor_t,
            $output: miopenTensorDescriptor_t,
            capacity: usize,
            count: *mut usize,
            solutions: *mut miopenConvSolution_t,
        ) -> miopenStatus_t {
            let [x, w, y] = $roles;
            let descriptors = Descriptors { x, w, y, conv };
            enter!(
                $get(handle, $first, $second, conv, $output, capacity, count, solutions),
                asked(handle, $direction, descriptors, None),
                |call| {
                    let found = call.solutions()?;
                    // SAFETY: the caller passes NULL or a place for a size_t.
                    if let Some(out) = unsafe { Out::optional(count) } {
                        out.write(found.len().min(capacity));
                    }
                    // SAFETY: the caller passes NULL or room for `maxSolutionCount` solutions.
                    if let Some(out) = unsafe { OutArray::optional(solutions, capacity) } {
                        out.write(found.iter().map(record_of));
                    }
                    Ok(())
                }
            )
        }

        pub(super) unsafe extern "C" fn $workspace_size(
            handle: miopenHandle_t,
            $first: miopenTensorDescriptor_t,
            $second: miopenTensorDescriptor_t,
            conv: miopenConvolutionDescriptor_t,
            $output: miopenTensorDescriptor_t,
            solution_id: u64,
            workspace_bytes: *mut usize,
        ) -> miopenStatus_t {
            let [x, w, y] = $roles;
            let descriptors = Descriptors { x, w, y, conv };
            enter!(
                $workspace_size(
                    handle,
                    $first,
                    $second,
                    conv,
                    $output,
                    solution_id,
                    workspace_bytes
                ),
                asked(handle, $direction, descriptors, Some(solution_id)),
                |call| {
                    let solution = call.prepare(Choice::from_solution_id(solution_id)?)?;
                    // SAFETY: the caller passes NULL or a place for a size_t.
                    let out = unsafe { Out::required(workspace_bytes, "workSpaceSize") }?;
                    out.write(solution.workspace_bytes);
                    Ok(())
                }
            )
        }

        pub(super) unsafe extern "C" fn $compile(
            handle: miopenHandle_t,
            $first: miopenTensorDescriptor_t,
            $second: miopenTensorDescriptor_t,
            conv: miopenConvolutionDescriptor_t,
            $output: miopenTensorDescriptor_t,
            solution_id: u64,
        ) -> miopenStatus_t {
            let [x, w, y] = $roles;
            let descriptors = Descriptors { x, w, y, conv };
            enter!(
                $compile(handle, $first, $second, conv, $output, solution_id),
                asked(handle, $direction, descriptors, Some(solution_id)),
                |call| { call.prepare(Choice::from_solution_id(solution_id)?).map(drop) }
            )
        }
    };
}

solutions_of!(
    Direction::Fwd,
    miopenConvolutionForwardGetSolutionCount,
    miopenConvolutionForwardGetSolution,
    miopenConvolutionForwardGetSolutionWorkspaceSize,
    miopenConvolutionForwardCompileSolution,
    |w_desc, x_desc, y_desc| [x_desc, w_desc, y_desc]
);
solutions_of!(
    Direction::Bwd,
    miopenConvolutionBackwardDataGetSolutionCount,
    miopenConvolutionBackwardDataGetSolution,
    miopenConvolutionBackwardDataGetSolutionWorkspaceSize,
    miopenConvolutionBackwardDataCompileSolution,
    |dy_desc, w_desc, dx_desc| [dx_desc, w_desc, dy_desc]
);
solutions_of!(
    Direction::Wrw,
    miopenConvolutionBackwardWeightsGetSolutionCount,
    miopenConvolutionBackwardWeightsGetSolution,
    miopenConvolutionBackwardWeightsGetSolutionWorkspaceSize,
    miopenConvolutionBackwardWeightsCompileSolution,
    |dy_desc, x_desc, dw_desc| [x_desc, dw_desc, dy_desc]
);

fn record_of(solution: &Solution) -> miopenConvSolution_t {
    let time_ms = (solution.time_us * 1e-3) as f32;
    miopenConvSolution_t {
        // The real library marks a guess by its sign.
        time: if solution.is_measured { time_ms } else { -time_ms },
        workspace_size: solution.workspace_bytes,
        solution_id: solution.solver.0,
        algorithm: miopenConvAlgorithm_t(solution.algorithm as u32),
    }
}

pub(super) unsafe extern "C" fn miopenConvolutionForwardImmediate(
    handle: miopenHandle_t,
    w_desc: miopenTensorDescriptor_t,
    w: *const c_void,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    y_desc: miopenTensorDescriptor_t,
    y: *mut c_void,
    workspace: *mut c_void,
    workspace_bytes: usize,
    solution_id: u64,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: w_desc, y: y_desc, conv };
    let pointers = Pointers { x: x.cast_mut(), w: w.cast_mut(), y, workspace, workspace_bytes };
    let launch = Launch::Once { workspace_bytes };
    enter!(
        miopenConvolutionForwardImmediate(
            handle,
            w_desc,
            w,
            x_desc,
            x,
            conv,
            y_desc,
            y,
            workspace,
            workspace_bytes,
            solution_id
        ),
        Asked { launch, ..asked(handle, Direction::Fwd, descriptors, Some(solution_id)) },
        // SAFETY: the header's contract for buffers.
        |call| unsafe { call.run(Choice::from_solution_id(solution_id)?, pointers, 1.0, 0.0) }
    )
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardDataImmediate(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    dy: *const c_void,
    w_desc: miopenTensorDescriptor_t,
    w: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    dx_desc: miopenTensorDescriptor_t,
    dx: *mut c_void,
    workspace: *mut c_void,
    workspace_bytes: usize,
    solution_id: u64,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: dx_desc, w: w_desc, y: dy_desc, conv };
    let pointers =
        Pointers { x: dx, w: w.cast_mut(), y: dy.cast_mut(), workspace, workspace_bytes };
    let launch = Launch::Once { workspace_bytes };
    enter!(
        miopenConvolutionBackwardDataImmediate(
            handle,
            dy_desc,
            dy,
            w_desc,
            w,
            conv,
            dx_desc,
            dx,
            workspace,
            workspace_bytes,
            solution_id
        ),
        Asked { launch, ..asked(handle, Direction::Bwd, descriptors, Some(solution_id)) },
        // SAFETY: the header's contract for buffers.
        |call| unsafe { call.run(Choice::from_solution_id(solution_id)?, pointers, 1.0, 0.0) }
    )
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardWeightsImmediate(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    dy: *const c_void,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    dw_desc: miopenTensorDescriptor_t,
    dw: *mut c_void,
    workspace: *mut c_void,
    workspace_bytes: usize,
    solution_id: u64,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: dw_desc, y: dy_desc, conv };
    let pointers =
        Pointers { x: x.cast_mut(), w: dw, y: dy.cast_mut(), workspace, workspace_bytes };
    let launch = Launch::Once { workspace_bytes };
    enter!(
        miopenConvolutionBackwardWeightsImmediate(
            handle,
            dy_desc,
            dy,
            x_desc,
            x,
            conv,
            dw_desc,
            dw,
            workspace,
            workspace_bytes,
            solution_id
        ),
        Asked { launch, ..asked(handle, Direction::Wrw, descriptors, Some(solution_id)) },
        // SAFETY: the header's contract for buffers.
        |call| unsafe { call.run(Choice::from_solution_id(solution_id)?, pointers, 1.0, 0.0) }
    )
}
