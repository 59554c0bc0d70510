//! Find 2.0: problems and how they are to be searched.
//!
//! In front of a real library its own objects are the clients'; what they hold is noted under their
//! addresses, since they have no getters.

mod search;
mod solution;
mod state;

pub(super) use search::miopenFindSolutions;
pub(super) use solution::*;
pub(super) use state::{OPTIONS, PROBLEMS, REAL_SOLUTIONS, SOLUTIONS};

use super::args::Out;
use super::backend::{Backend, backend};
use super::conv_descriptor::conv_desc;
use super::entries::RealFunctions;
use super::fork;
use super::guard::guard;
use super::objects::{key_of, pointer_of};
use super::proxy::{RawConv, RawTensor, is_success};
use super::tensor_descriptor::tensor_state;
use crate::error::{Error, Result};
use crate::sys::*;
use state::{Options, Problem, Source};
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A call that changes an object: ours where we stand alone, else the real library's, of which the
/// change is noted when it succeeded.
fn changed(
    name: &'static str,
    forward: impl FnOnce(&RealFunctions) -> Option<miopenStatus_t>,
    note: impl FnOnce() -> Result<()>,
) -> miopenStatus_t {
    match backend() {
        Backend::Standalone => guard(name, note),
        Backend::Proxy(proxy) => {
            let status = proxy.pass(name, forward);
            if is_success(status) {
                // An object that came into being unseen has no notes: it is the real library's.
                let _ = catch_unwind(AssertUnwindSafe(note));
            }
            status
        }
    }
}

/// [`changed`] for the function of that name, with its own arguments.
macro_rules! changed {
    ($name:ident($($argument:expr),*), $note:expr) => {
        changed(
            stringify!($name),
            |functions| {
                // SAFETY: the caller's arguments, for the function that the caller called.
                functions.$name.map(|real| unsafe { real($($argument),*) })
            },
            $note,
        )
    };
}

pub(super) unsafe extern "C" fn miopenCreateConvProblem(
    problem: *mut miopenProblem_t,
    conv: miopenConvolutionDescriptor_t,
    direction: miopenProblemDirection_t,
) -> miopenStatus_t {
    changed!(miopenCreateConvProblem(problem, conv, direction), || {
        // SAFETY: the caller passes NULL or a place for a problem.
        let out = unsafe { Out::required(problem, "problem") }?;
        fork::prepare_once();
        match backend() {
            Backend::Standalone => {
                let source = Source::Ours { conv: conv_desc(conv)?, tensors: [None; 3] };
                out.write(pointer_of(PROBLEMS.insert(Problem::new(direction, source))));
            }
            Backend::Proxy(proxy) => {
                // SAFETY: the real library has put a problem there.
                let created = unsafe { problem.read_unaligned() };
                if let Some(conv) = RawConv::of(proxy.functions(), conv) {
                    let source = Source::Real { conv, tensors: [None; 3] };
                    PROBLEMS.note(key_of(created), Problem::new(direction, source));
                }
            }
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenDestroyProblem(problem: miopenProblem_t) -> miopenStatus_t {
    changed!(miopenDestroyProblem(problem), || PROBLEMS.remove(key_of(problem)))
}

pub(super) unsafe extern "C" fn miopenSetProblemTensorDescriptor(
    problem: miopenProblem_t,
    id: miopenTensorArgumentId_t,
    tensor: miopenTensorDescriptor_t,
) -> miopenStatus_t {
    changed!(miopenSetProblemTensorDescriptor(problem, id, tensor), || {
        PROBLEMS.replace(key_of(problem), |old| {
            let mut new = old.clone();
            let at = state::place_of(id);
            match (&mut new.source, backend()) {
                (Source::Ours { tensors, .. }, _) => {
                    let desc = tensor_state(tensor)?;
                    if let Some(at) = at {
                        tensors[at] = Some(desc);
                    }
                }
                (Source::Real { tensors, .. }, Backend::Proxy(proxy)) => {
                    if let Some(at) = at {
                        tensors[at] = RawTensor::of(proxy.functions(), tensor);
                    }
                }
                (Source::Real { .. }, Backend::Standalone) => {}
            }
            Ok(new)
        })
    })
}

/// In front of a real library only: the other parts of a fused problem are its affair.
pub(super) unsafe extern "C" fn miopenFuseProblems(
    first: miopenProblem_t,
    second: miopenProblem_t,
) -> miopenStatus_t {
    changed!(miopenFuseProblems(first, second), || {
        let fused = |old: &Problem| Ok(Problem { is_fused: true, ..old.clone() });
        // One of the two may be no convolution, and have no notes.
        let _ = PROBLEMS.replace(key_of(second), fused);
        PROBLEMS.replace(key_of(first), fused)
    })
}

pub(super) unsafe extern "C" fn miopenCreateFindOptions(
    options: *mut miopenFindOptions_t,
) -> miopenStatus_t {
    changed!(miopenCreateFindOptions(options), || {
        // SAFETY: the caller passes NULL or a place for options.
        let out = unsafe { Out::required(options, "options") }?;
        fork::prepare_once();
        match backend() {
            Backend::Standalone => out.write(pointer_of(OPTIONS.insert(Options::default()))),
            // SAFETY: the real library has put options there.
            Backend::Proxy(_) => unsafe {
                OPTIONS.note(key_of(options.read_unaligned()), Options::default());
            },
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenDestroyFindOptions(
    options: miopenFindOptions_t,
) -> miopenStatus_t {
    changed!(miopenDestroyFindOptions(options), || OPTIONS.remove(key_of(options)))
}

/// Changes options; a failure leaves them as they were.
fn set(options: miopenFindOptions_t, change: impl FnOnce(&mut Options)) -> Result<()> {
    OPTIONS.replace(key_of(options), |old| {
        let mut new = old.clone();
        change(&mut new);
        Ok(new)
    })
}

pub(super) unsafe extern "C" fn miopenSetFindOptionTuning(
    options: miopenFindOptions_t,
    value: c_int,
) -> miopenStatus_t {
    changed!(miopenSetFindOptionTuning(options, value), || {
        set(options, |options| options.is_exhaustive = value != 0)
    })
}

pub(super) unsafe extern "C" fn miopenSetFindOptionResultsOrder(
    options: miopenFindOptions_t,
    value: miopenFindResultsOrder_t,
) -> miopenStatus_t {
    changed!(miopenSetFindOptionResultsOrder(options, value), || {
        let by_workspace = miopenFindResultsOrder_t::miopenFindResultsOrderByWorkspaceSize;
        set(options, |options| options.is_by_workspace = value == by_workspace)
    })
}

pub(super) unsafe extern "C" fn miopenSetFindOptionWorkspaceLimit(
    options: miopenFindOptions_t,
    value: usize,
) -> miopenStatus_t {
    changed!(miopenSetFindOptionWorkspaceLimit(options, value), || {
        set(options, |options| options.workspace_limit_bytes = value)
    })
}

pub(super) unsafe extern "C" fn miopenSetFindOptionPreallocatedWorkspace(
    options: miopenFindOptions_t,
    buffer: *mut c_void,
    size: usize,
) -> miopenStatus_t {
    changed!(miopenSetFindOptionPreallocatedWorkspace(options, buffer, size), || {
        set(options, |options| {
            options.workspace = Some((buffer.expose_provenance(), size));
        })
    })
}

pub(super) unsafe extern "C" fn miopenSetFindOptionPreallocatedTensor(
    options: miopenFindOptions_t,
    id: miopenTensorArgumentId_t,
    buffer: *mut c_void,
) -> miopenStatus_t {
    changed!(miopenSetFindOptionPreallocatedTensor(options, id, buffer), || {
        set(options, |options| {
            if let Some(at) = state::place_of(id) {
                options.tensors[at] = buffer.expose_provenance();
            }
        })
    })
}

/// Accepted: what ours saves holds no kernels, for they are in this library.
pub(super) unsafe extern "C" fn miopenSetFindOptionAttachBinaries(
    options: miopenFindOptions_t,
    attach: u32,
) -> miopenStatus_t {
    changed!(miopenSetFindOptionAttachBinaries(options, attach), || set(options, |_| {}))
}

/// Why a problem cannot be searched yet.
fn incomplete(what: &'static str) -> Error {
    Error::new(crate::error::Status::InvalidValue, what)
}
