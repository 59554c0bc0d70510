//! Find 1.0: workspace size, search, run, for the three directions.

use super::args::{Out, OutArray};
use super::call::{ConvCall, Descriptors, Pointers};
use super::guard::guard;
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
    guard("miopenConvolutionForwardGetWorkSpaceSize", || {
        let descriptors = Descriptors { x: x_desc, w: w_desc, y: y_desc, conv };
        // SAFETY: the caller passes NULL or a place for a size_t.
        unsafe { workspace_size(handle, Direction::Fwd, descriptors, workspace_bytes) }
    })
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardDataGetWorkSpaceSize(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    w_desc: miopenTensorDescriptor_t,
    conv: miopenConvolutionDescriptor_t,
    dx_desc: miopenTensorDescriptor_t,
    workspace_bytes: *mut usize,
) -> miopenStatus_t {
    guard("miopenConvolutionBackwardDataGetWorkSpaceSize", || {
        let descriptors = Descriptors { x: dx_desc, w: w_desc, y: dy_desc, conv };
        // SAFETY: the caller passes NULL or a place for a size_t.
        unsafe { workspace_size(handle, Direction::Bwd, descriptors, workspace_bytes) }
    })
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardWeightsGetWorkSpaceSize(
    handle: miopenHandle_t,
    dy_desc: miopenTensorDescriptor_t,
    x_desc: miopenTensorDescriptor_t,
    conv: miopenConvolutionDescriptor_t,
    dw_desc: miopenTensorDescriptor_t,
    workspace_bytes: *mut usize,
) -> miopenStatus_t {
    guard("miopenConvolutionBackwardWeightsGetWorkSpaceSize", || {
        let descriptors = Descriptors { x: x_desc, w: dw_desc, y: dy_desc, conv };
        // SAFETY: the caller passes NULL or a place for a size_t.
        unsafe { workspace_size(handle, Direction::Wrw, descriptors, workspace_bytes) }
    })
}

/// # Safety
/// `workspace_bytes` is null or a place for a `size_t`.
unsafe fn workspace_size(
    handle: miopenHandle_t,
    direction: Direction,
    descriptors: Descriptors,
    workspace_bytes: *mut usize,
) -> Result<()> {
    let call = ConvCall::new(handle, direction, descriptors)?;
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
    guard("miopenFindConvolutionForwardAlgorithm", || {
        let descriptors = Descriptors { x: x_desc, w: w_desc, y: y_desc, conv };
        let pointers = Pointers { x: x.cast_mut(), w: w.cast_mut(), y, workspace, workspace_bytes };
        // SAFETY: the header's contract for buffers and places.
        unsafe {
            let results = Results::new(request_count, returned_count, results, &pointers)?;
            results.find(&ConvCall::new(handle, Direction::Fwd, descriptors)?, pointers, exhaustive)
        }
    })
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
    guard("miopenFindConvolutionBackwardDataAlgorithm", || {
        let descriptors = Descriptors { x: dx_desc, w: w_desc, y: dy_desc, conv };
        let pointers =
            Pointers { x: dx, w: w.cast_mut(), y: dy.cast_mut(), workspace, workspace_bytes };
        // SAFETY: the header's contract for buffers and places.
        unsafe {
            let results = Results::new(request_count, returned_count, results, &pointers)?;
            results.find(&ConvCall::new(handle, Direction::Bwd, descriptors)?, pointers, exhaustive)
        }
    })
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
    guard("miopenFindConvolutionBackwardWeightsAlgorithm", || {
        let descriptors = Descriptors { x: x_desc, w: dw_desc, y: dy_desc, conv };
        let pointers =
            Pointers { x: x.cast_mut(), w: dw, y: dy.cast_mut(), workspace, workspace_bytes };
        // SAFETY: the header's contract for buffers and places.
        unsafe {
            let results = Results::new(request_count, returned_count, results, &pointers)?;
            results.find(&ConvCall::new(handle, Direction::Wrw, descriptors)?, pointers, exhaustive)
        }
    })
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
    guard("miopenConvolutionForward", || {
        let descriptors = Descriptors { x: x_desc, w: w_desc, y: y_desc, conv };
        let pointers = Pointers { x: x.cast_mut(), w: w.cast_mut(), y, workspace, workspace_bytes };
        let call = ConvCall::new(handle, Direction::Fwd, descriptors)?;
        // SAFETY: the header's contract for scalars and buffers.
        unsafe { run(&call, algorithm.0, alpha, beta, pointers) }
    })
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
    guard("miopenConvolutionBackwardData", || {
        let descriptors = Descriptors { x: dx_desc, w: w_desc, y: dy_desc, conv };
        let pointers =
            Pointers { x: dx, w: w.cast_mut(), y: dy.cast_mut(), workspace, workspace_bytes };
        let call = ConvCall::new(handle, Direction::Bwd, descriptors)?;
        // SAFETY: the header's contract for scalars and buffers.
        unsafe { run(&call, algorithm.0, alpha, beta, pointers) }
    })
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
    guard("miopenConvolutionBackwardWeights", || {
        let descriptors = Descriptors { x: x_desc, w: dw_desc, y: dy_desc, conv };
        let pointers =
            Pointers { x: x.cast_mut(), w: dw, y: dy.cast_mut(), workspace, workspace_bytes };
        let call = ConvCall::new(handle, Direction::Wrw, descriptors)?;
        // SAFETY: the header's contract for scalars and buffers.
        unsafe { run(&call, algorithm.0, alpha, beta, pointers) }
    })
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
