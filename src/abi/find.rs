//! Find 1.0: workspace size, search, run, for the three directions.

use super::args::{Out, OutArray};
use super::call::{Asked, ConvCall, Descriptors, Launch, Pointers, enter};
use crate::engine::{Choice, Solution};
use crate::error::{Error, Result};
use crate::problem::Direction;
use crate::solver::Algorithm;
use crate::sys::*;
use std::ffi::{c_int, c_void};

pub(super) unsafe extern "C" fn miopenConvolutionForwardGetWorkSpaceSize(
    handle: miopenHandle_t,
    w_desc: miopenTensorDescriptor_t,
    x_desc: miopenTensorDescriptor_t,
    conv: miopenConvolutionDescriptor_t,
    y_desc: miopenTensorDescriptor_t,
    workspace_bytes: *mut usize,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: w_desc, y: y_desc, conv };
    enter!(
        miopenConvolutionForwardGetWorkSpaceSize(
            handle,
            w_desc,
            x_desc,
            conv,
            y_desc,
            workspace_bytes
        ),
        asked(handle, Direction::Fwd, descriptors, Launch::Nothing),
        // SAFETY: the caller passes NULL or a place for a size_t.
        |call| unsafe { workspace_size(call, workspace_bytes) }
    )
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardDataGetWorkSpaceSize(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    w_desc: miopenTensorDescriptor_t,
    conv: miopenConvolutionDescriptor_t,
    dx_desc: miopenTensorDescriptor_t,
    workspace_bytes: *mut usize,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: dx_desc, w: w_desc, y: dy_desc, conv };
    enter!(
        miopenConvolutionBackwardDataGetWorkSpaceSize(
            handle,
            dy_desc,
            w_desc,
            conv,
            dx_desc,
            workspace_bytes
        ),
        asked(handle, Direction::Bwd, descriptors, Launch::Nothing),
        // SAFETY: the caller passes NULL or a place for a size_t.
        |call| unsafe { workspace_size(call, workspace_bytes) }
    )
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardWeightsGetWorkSpaceSize(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    x_desc: miopenTensorDescriptor_t,
    conv: miopenConvolutionDescriptor_t,
    dw_desc: miopenTensorDescriptor_t,
    workspace_bytes: *mut usize,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: dw_desc, y: dy_desc, conv };
    enter!(
        miopenConvolutionBackwardWeightsGetWorkSpaceSize(
            handle,
            dy_desc,
            x_desc,
            conv,
            dw_desc,
            workspace_bytes
        ),
        asked(handle, Direction::Wrw, descriptors, Launch::Nothing),
        // SAFETY: the caller passes NULL or a place for a size_t.
        |call| unsafe { workspace_size(call, workspace_bytes) }
    )
}

fn asked(
    handle: miopenHandle_t,
    direction: Direction,
    descriptors: Descriptors,
    launch: Launch,
) -> Asked {
    Asked { handle, direction, descriptors, launch, solution_id: None }
}

/// # Safety
/// `workspace_bytes` is null or a place for a `size_t`.
unsafe fn workspace_size(call: &ConvCall, workspace_bytes: *mut usize) -> Result<()> {
    // SAFETY: passed on.
    let out = unsafe { Out::required(workspace_bytes, "workSpaceSize") }?;
    let most = call.solutions()?.iter().map(|solution| solution.workspace_bytes).max();
    out.write(most.unwrap_or(0));
    Ok(())
}

pub(super) unsafe extern "C" fn miopenFindConvolutionForwardAlgorithm(
    handle: miopenHandle_t,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    w_desc: miopenTensorDescriptor_t,
    w: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    y_desc: miopenTensorDescriptor_t,
    y: *mut c_void,
    request_count: c_int,
    returned_count: *mut c_int,
    results: *mut miopenConvAlgoPerf_t,
    workspace: *mut c_void,
    workspace_bytes: usize,
    exhaustive: bool,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: w_desc, y: y_desc, conv };
    let pointers = Pointers { x: x.cast_mut(), w: w.cast_mut(), y, workspace, workspace_bytes };
    enter!(
        miopenFindConvolutionForwardAlgorithm(
            handle,
            x_desc,
            x,
            w_desc,
            w,
            conv,
            y_desc,
            y,
            request_count,
            returned_count,
            results,
            workspace,
            workspace_bytes,
            exhaustive
        ),
        asked(handle, Direction::Fwd, descriptors, Launch::Search),
        // SAFETY: the header's contract for buffers and places.
        |call| unsafe {
            Results::new(request_count, returned_count, results, &pointers)?
                .find(call, pointers, exhaustive)
        }
    )
}

pub(super) unsafe extern "C" fn miopenFindConvolutionBackwardDataAlgorithm(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    dy: *const c_void,
    w_desc: miopenTensorDescriptor_t,
    w: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    dx_desc: miopenTensorDescriptor_t,
    dx: *mut c_void,
    request_count: c_int,
    returned_count: *mut c_int,
    results: *mut miopenConvAlgoPerf_t,
    workspace: *mut c_void,
    workspace_bytes: usize,
    exhaustive: bool,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: dx_desc, w: w_desc, y: dy_desc, conv };
    let pointers =
        Pointers { x: dx, w: w.cast_mut(), y: dy.cast_mut(), workspace, workspace_bytes };
    enter!(
        miopenFindConvolutionBackwardDataAlgorithm(
            handle,
            dy_desc,
            dy,
            w_desc,
            w,
            conv,
            dx_desc,
            dx,
            request_count,
            returned_count,
            results,
            workspace,
            workspace_bytes,
            exhaustive
        ),
        asked(handle, Direction::Bwd, descriptors, Launch::Search),
        // SAFETY: the header's contract for buffers and places.
        |call| unsafe {
            Results::new(request_count, returned_count, results, &pointers)?
                .find(call, pointers, exhaustive)
        }
    )
}

pub(super) unsafe extern "C" fn miopenFindConvolutionBackwardWeightsAlgorithm(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    dy: *const c_void,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    dw_desc: miopenTensorDescriptor_t,
    dw: *mut c_void,
    request_count: c_int,
    returned_count: *mut c_int,
    results: *mut miopenConvAlgoPerf_t,
    workspace: *mut c_void,
    workspace_bytes: usize,
    exhaustive: bool,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: dw_desc, y: dy_desc, conv };
    let pointers =
        Pointers { x: x.cast_mut(), w: dw, y: dy.cast_mut(), workspace, workspace_bytes };
    enter!(
        miopenFindConvolutionBackwardWeightsAlgorithm(
            handle,
            dy_desc,
            dy,
            x_desc,
            x,
            conv,
            dw_desc,
            dw,
            request_count,
            returned_count,
            results,
            workspace,
            workspace_bytes,
            exhaustive
        ),
        asked(handle, Direction::Wrw, descriptors, Launch::Search),
        // SAFETY: the header's contract for buffers and places.
        |call| unsafe {
            Results::new(request_count, returned_count, results, &pointers)?
                .find(call, pointers, exhaustive)
        }
    )
}

/// Where a Find call wants its results.
struct Results {
    returned_count: Out<c_int>,
    results: OutArray<miopenConvAlgoPerf_t>,
    request_count: usize,
}

impl Results {
    /// # Safety
    /// `returned_count` is null or a place for an int, `results` null or for `request_count`
    /// results.
    unsafe fn new(
        request_count: c_int,
        returned_count: *mut c_int,
        results: *mut miopenConvAlgoPerf_t,
        pointers: &Pointers,
    ) -> Result<Results> {
        if pointers.x.is_null() || pointers.w.is_null() || pointers.y.is_null() {
            return Err(Error::bad_parm("a tensor buffer is NULL"));
        }
        let request_count = usize::try_from(request_count)
            .ok()
            .filter(|&count| count > 0)
            .ok_or_else(|| Error::bad_parm(format!("requestAlgoCount is {request_count}")))?;
        // SAFETY: passed on.
        unsafe {
            Ok(Results {
                returned_count: Out::required(returned_count, "returnedAlgoCount")?,
                results: OutArray::optional(results, request_count)
                    .ok_or_else(|| Error::bad_parm("perfResults is NULL"))?,
                request_count,
            })
        }
    }

    /// # Safety
    /// As for [`ConvCall::find`].
    unsafe fn find(self, call: &ConvCall, pointers: Pointers, exhaustive: bool) -> Result<()> {
        // SAFETY: passed on.
        let found = unsafe { call.find(pointers, exhaustive) }?;
        self.returned_count.write(found.len().min(self.request_count) as c_int);
        self.results.write(found.iter().map(perf_of));
        Ok(())
    }
}

fn perf_of(solution: &Solution) -> miopenConvAlgoPerf_t {
    let number = solution.algorithm as u32;
    miopenConvAlgoPerf_t {
        // The members of the union have equal numbers for equal algorithms.
        __bindgen_anon_1: miopenConvAlgoPerf_t__bindgen_ty_1 {
            fwd_algo: miopenConvFwdAlgorithm_t(number),
        },
        time: (solution.time_us * 1e-3) as f32,
        memory: solution.workspace_bytes,
    }
}

pub(super) unsafe extern "C" fn miopenConvolutionForward(
    handle: miopenHandle_t,
    alpha: *const c_void,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    w_desc: miopenTensorDescriptor_t,
    w: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    algorithm: miopenConvFwdAlgorithm_t,
    beta: *const c_void,
    y_desc: miopenTensorDescriptor_t,
    y: *mut c_void,
    workspace: *mut c_void,
    workspace_bytes: usize,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: w_desc, y: y_desc, conv };
    let pointers = Pointers { x: x.cast_mut(), w: w.cast_mut(), y, workspace, workspace_bytes };
    enter!(
        miopenConvolutionForward(
            handle,
            alpha,
            x_desc,
            x,
            w_desc,
            w,
            conv,
            algorithm,
            beta,
            y_desc,
            y,
            workspace,
            workspace_bytes
        ),
        asked(handle, Direction::Fwd, descriptors, Launch::Once { workspace_bytes }),
        // SAFETY: the header's contract for scalars and buffers.
        |call| unsafe { run(call, algorithm.0, alpha, beta, pointers) }
    )
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardData(
    handle: miopenHandle_t,
    alpha: *const c_void,
    dy_desc: miopenTensorDescriptor_t,
    dy: *const c_void,
    w_desc: miopenTensorDescriptor_t,
    w: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    algorithm: miopenConvBwdDataAlgorithm_t,
    beta: *const c_void,
    dx_desc: miopenTensorDescriptor_t,
    dx: *mut c_void,
    workspace: *mut c_void,
    workspace_bytes: usize,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: dx_desc, w: w_desc, y: dy_desc, conv };
    let pointers =
        Pointers { x: dx, w: w.cast_mut(), y: dy.cast_mut(), workspace, workspace_bytes };
    enter!(
        miopenConvolutionBackwardData(
            handle,
            alpha,
            dy_desc,
            dy,
            w_desc,
            w,
            conv,
            algorithm,
            beta,
            dx_desc,
            dx,
            workspace,
            workspace_bytes
        ),
        asked(handle, Direction::Bwd, descriptors, Launch::Once { workspace_bytes }),
        // SAFETY: the header's contract for scalars and buffers.
        |call| unsafe { run(call, algorithm.0, alpha, beta, pointers) }
    )
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardWeights(
    handle: miopenHandle_t,
    alpha: *const c_void,
    dy_desc: miopenTensorDescriptor_t,
    dy: *const c_void,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    algorithm: miopenConvBwdWeightsAlgorithm_t,
    beta: *const c_void,
    dw_desc: miopenTensorDescriptor_t,
    dw: *mut c_void,
    workspace: *mut c_void,
    workspace_bytes: usize,
) -> miopenStatus_t {
    let descriptors = Descriptors { x: x_desc, w: dw_desc, y: dy_desc, conv };
    let pointers =
        Pointers { x: x.cast_mut(), w: dw, y: dy.cast_mut(), workspace, workspace_bytes };
    enter!(
        miopenConvolutionBackwardWeights(
            handle,
            alpha,
            dy_desc,
            dy,
            x_desc,
            x,
            conv,
            algorithm,
            beta,
            dw_desc,
            dw,
            workspace,
            workspace_bytes
        ),
        asked(handle, Direction::Wrw, descriptors, Launch::Once { workspace_bytes }),
        // SAFETY: the header's contract for scalars and buffers.
        |call| unsafe { run(call, algorithm.0, alpha, beta, pointers) }
    )
}

/// Runs whether or not Find was called before: the real library refuses that, and a client that
/// relies on a refusal is not known.
///
/// # Safety
/// As for [`ConvCall::scalars`] and [`ConvCall::run`].
unsafe fn run(
    call: &ConvCall,
    algorithm: u32,
    alpha: *const c_void,
    beta: *const c_void,
    pointers: Pointers,
) -> Result<()> {
    // SAFETY: passed on.
    let (alpha, beta) = unsafe { call.scalars(alpha, beta) }?;
    let algorithm = algorithm_of(algorithm)?;
    // SAFETY: passed on.
    unsafe { call.run(Choice::Algorithm(algorithm), pointers, alpha, beta) }
}

/// # Errors
/// `UnknownError` for a number that no release had: the real library finds nothing prepared for it.
fn algorithm_of(number: u32) -> Result<Algorithm> {
    match number {
        // 4 is the transposed GEMM of old backward-data searches.
        0 | 4 => Ok(Algorithm::Gemm),
        1 => Ok(Algorithm::Direct),
        2 => Ok(Algorithm::Fft),
        3 => Ok(Algorithm::Winograd),
        5 => Ok(Algorithm::ImplicitGemm),
        _ => Err(Error::unknown(format!("there is no algorithm {number}"))),
    }
}
