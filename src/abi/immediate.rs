//! Immediate mode: solutions by number, for the three directions.

use super::args::{Out, OutArray};
use super::call::{ConvCall, Descriptors, Pointers};
use super::guard::guard;
use crate::engine::{Choice, Solution};
use crate::error::{Error, Result};
use crate::problem::Direction;
use crate::solver::SolverId;
use crate::sys::*;
use std::ffi::c_void;

/// The functions of one direction. The three differ in names and in the order of descriptors and
/// buffers; the bodies are one.
macro_rules! immediate {
    (
        $direction:expr, $count:ident, $get:ident, $workspace_size:ident, $compile:ident, $run:ident,
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
            guard(stringify!($count), || {
                let [x, w, y] = $roles;
                let call = ConvCall::new(handle, $direction, Descriptors { x, w, y, conv })?;
                // SAFETY: the caller passes NULL or a place for a size_t.
                let out = unsafe { Out::required(count, "solutionCount") }?;
                out.write(offered(&call)?.len());
                Ok(())
            })
        }

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
            guard(stringify!($get), || {
                let [x, w, y] = $roles;
                let call = ConvCall::new(handle, $direction, Descriptors { x, w, y, conv })?;
                let found = offered(&call)?;
                // SAFETY: the caller passes NULL or a place for a size_t.
                if let Some(out) = unsafe { Out::optional(count) } {
                    out.write(found.len().min(capacity));
                }
                // SAFETY: the caller passes NULL or room for `maxSolutionCount` solutions.
                if let Some(out) = unsafe { OutArray::optional(solutions, capacity) } {
                    out.write(found.iter().map(record_of));
                }
                Ok(())
            })
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
            guard(stringify!($workspace_size), || {
                let [x, w, y] = $roles;
                let call = ConvCall::new(handle, $direction, Descriptors { x, w, y, conv })?;
                let solution = solution_of(&call, solution_id)?;
                // SAFETY: the caller passes NULL or a place for a size_t.
                let out = unsafe { Out::required(workspace_bytes, "workSpaceSize") }?;
                out.write(solution.workspace_bytes);
                Ok(())
            })
        }

        pub(super) unsafe extern "C" fn $compile(
            handle: miopenHandle_t,
            $first: miopenTensorDescriptor_t,
            $second: miopenTensorDescriptor_t,
            conv: miopenConvolutionDescriptor_t,
            $output: miopenTensorDescriptor_t,
            solution_id: u64,
        ) -> miopenStatus_t {
            guard(stringify!($compile), || {
                let [x, w, y] = $roles;
                let call = ConvCall::new(handle, $direction, Descriptors { x, w, y, conv })?;
                solution_of(&call, solution_id).map(drop)
            })
        }
    };
}
