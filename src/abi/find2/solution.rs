//! Solutions: run, kept, and told about.

use super::incomplete;
use super::state::{self, REAL_SOLUTIONS, SOLUTIONS, Solution};
use crate::abi::args::{self, Out};
use crate::abi::backend::real;
use crate::abi::call::{ConvCall, Launch, Pointers, context};
use crate::abi::entries::RealFunctions;
use crate::abi::fork;
use crate::abi::guard::guard;
use crate::abi::handle::Handle;
use crate::abi::objects::{key_of, pointer_of};
use crate::abi::proxy::RawTensor;
use crate::abi::tensor_descriptor::conv_tensor;
use crate::engine::{self, Choice};
use crate::error::{Error, Result, Status};
use crate::problem::TensorDesc;
use crate::solver::SolverId;
use crate::sys::*;
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// Keeps a solution for the client.
pub(super) fn store(solution: Solution) -> miopenSolution_t {
    fork::prepare_once();
    pointer_of(SOLUTIONS.insert(solution))
}

/// Answers for a solution of ours; for another one the real library does, if there is one.
fn about(
    name: &'static str,
    solution: miopenSolution_t,
    forward: impl FnOnce(&RealFunctions) -> Option<miopenStatus_t>,
    ours: impl FnOnce(Arc<Solution>) -> Result<()>,
) -> miopenStatus_t {
    let key = key_of(solution);
    match real() {
        Some(proxy) if !SOLUTIONS.is_of_this_kind(key) => proxy.pass(name, forward),
        _ => guard(name, || ours(SOLUTIONS.get(key)?)),
    }
}

/// [`about`] for the function of that name, with its own arguments.
macro_rules! about {
    ($name:ident($solution:expr $(, $argument:expr)*), $ours:expr) => {
        about(
            stringify!($name),
            $solution,
            |functions| {
                // SAFETY: the caller's arguments, for the function that the caller called.
                functions.$name.map(|real| unsafe { real($solution $(, $argument)*) })
            },
            $ours,
        )
    };
}

pub(in crate::abi) unsafe extern "C" fn miopenGetSolutionWorkspaceSize(
    solution: miopenSolution_t,
    bytes: *mut usize,
) -> miopenStatus_t {
    about!(miopenGetSolutionWorkspaceSize(solution, bytes), |solution| {
        // SAFETY: the caller passes NULL or a place for a size_t.
        unsafe { Out::required(bytes, "workspaceSize") }?.write(solution.workspace_bytes);
        Ok(())
    })
}

pub(in crate::abi) unsafe extern "C" fn miopenGetSolutionTime(
    solution: miopenSolution_t,
    time: *mut f32,
) -> miopenStatus_t {
    about!(miopenGetSolutionTime(solution, time), |solution| {
        // SAFETY: the caller passes NULL or a place for a float.
        unsafe { Out::required(time, "time") }?.write((solution.time_us * 1e-3) as f32);
        Ok(())
    })
}

pub(in crate::abi) unsafe extern "C" fn miopenGetSolutionSolverId(
    solution: miopenSolution_t,
    id: *mut u64,
) -> miopenStatus_t {
    about!(miopenGetSolutionSolverId(solution, id), |solution| {
        // SAFETY: the caller passes NULL or a place for the number.
        unsafe { Out::required(id, "solverId") }?.write(solution.solver.0);
        Ok(())
    })
}

pub(in crate::abi) unsafe extern "C" fn miopenGetSolutionSize(
    solution: miopenSolution_t,
    bytes: *mut usize,
) -> miopenStatus_t {
    about!(miopenGetSolutionSize(solution, bytes), |solution| {
        // SAFETY: the caller passes NULL or a place for a size_t.
        unsafe { Out::required(bytes, "size") }?.write(solution.save().len());
        Ok(())
    })
}

pub(in crate::abi) unsafe extern "C" fn miopenSaveSolution(
    solution: miopenSolution_t,
    data: *mut c_char,
) -> miopenStatus_t {
    about!(miopenSaveSolution(solution, data), |solution| {
        if data.is_null() {
            return Err(Error::bad_parm("data is NULL"));
        }
        let saved = solution.save();
        // SAFETY: the caller has as much room as miopenGetSolutionSize said.
        unsafe { std::ptr::copy_nonoverlapping(saved.as_ptr(), data.cast(), saved.len()) };
        Ok(())
    })
}

pub(in crate::abi) unsafe extern "C" fn miopenLoadSolution(
    solution: *mut miopenSolution_t,
    data: *const c_char,
    bytes: usize,
) -> miopenStatus_t {
    const NAME: &str = "miopenLoadSolution";
    // SAFETY: the caller passes NULL or so many bytes.
    let saved = unsafe { args::array(data.cast::<u8>(), bytes) };
    if let Some(proxy) = real()
        && !saved.as_deref().is_some_and(Solution::is_ours)
    {
        return proxy.pass(NAME, |functions| {
            // SAFETY: the caller's arguments.
            functions.miopenLoadSolution.map(|real| unsafe { real(solution, data, bytes) })
        });
    }
    guard(NAME, || {
        // SAFETY: the caller passes NULL or a place for a solution.
        let out = unsafe { Out::required(solution, "solution") }?;
        let saved = saved.as_deref().ok_or_else(|| Error::bad_parm("data is NULL"))?;
        out.write(store(Solution::load(saved)?));
        Ok(())
    })
}

pub(in crate::abi) unsafe extern "C" fn miopenDestroySolution(
    solution: miopenSolution_t,
) -> miopenStatus_t {
    let key = key_of(solution);
    match real() {
        Some(proxy) if !SOLUTIONS.is_of_this_kind(key) => {
            // One that was loaded has no notes.
            let _ = REAL_SOLUTIONS.remove(key);
            proxy.pass("miopenDestroySolution", |functions| {
                // SAFETY: the caller's argument.
                functions.miopenDestroySolution.map(|real| unsafe { real(solution) })
            })
        }
        _ => guard("miopenDestroySolution", || SOLUTIONS.remove(key)),
    }
}

pub(in crate::abi) unsafe extern "C" fn miopenGetSolverIdConvAlgorithm(
    id: u64,
    algorithm: *mut miopenConvAlgorithm_t,
) -> miopenStatus_t {
    const NAME: &str = "miopenGetSolverIdConvAlgorithm";
    let solver = engine::solvers().iter().find(|solver| solver.id() == SolverId(id));
    match (solver, real()) {
        (None, Some(proxy)) => proxy.pass(NAME, |functions| {
            // SAFETY: the caller's arguments.
            functions.miopenGetSolverIdConvAlgorithm.map(|real| unsafe { real(id, algorithm) })
        }),
        (solver, _) => guard(NAME, || {
            let solver = solver.ok_or_else(|| {
                Error::new(Status::InvalidValue, format!("no solver here has the id {id}"))
            })?;
            // SAFETY: the caller passes NULL or a place for the enum.
            unsafe { Out::required(algorithm, "result") }?
                .write(miopenConvAlgorithm_t(solver.algorithm() as u32));
            Ok(())
        }),
    }
}

pub(in crate::abi) unsafe extern "C" fn miopenRunSolution(
    handle: miopenHandle_t,
    solution: miopenSolution_t,
    count: usize,
    tensors: *const miopenTensorArgument_t,
    workspace: *mut c_void,
    workspace_bytes: usize,
) -> miopenStatus_t {
    const NAME: &str = "miopenRunSolution";
    // SAFETY: the header's contract for the arguments and their buffers.
    let run = |call: &ConvCall, choice: Choice| unsafe {
        let given = args::array(tensors, count).unwrap_or_default();
        let [x, w, y] = pointers_of(call, &given)?;
        call.run(choice, Pointers { x, w, y, workspace, workspace_bytes }, 1.0, 0.0)
    };
    let found = SOLUTIONS.get(key_of(solution));
    let Some(proxy) = real() else {
        return guard(NAME, || {
            let handle = Handle::of(handle)?;
            let solution = found?;
            let context = context().clone().with_memory(handle.memory());
            let (problem, swapped) = (solution.problem.clone(), solution.swapped);
            let call = ConvCall { handle, problem, context, swapped, rule: None };
            run(&call, call.choice(solution.solver))
        });
    };
    if SOLUTIONS.is_of_this_kind(key_of(solution)) {
        return guard(NAME, || {
            let solution = found?;
            let (problem, swapped) = (solution.problem.clone(), solution.swapped);
            let call = proxy.call_of_problem(handle, problem, swapped)?;
            run(&call, call.choice(solution.solver))
        });
    }
    let forward = || {
        proxy.pass(NAME, |functions| {
            // SAFETY: the caller's arguments.
            functions.miopenRunSolution.map(|real| unsafe {
                real(handle, solution, count, tensors, workspace, workspace_bytes)
            })
        })
    };
    let known = REAL_SOLUTIONS
        .get(key_of(solution))
        .ok()
        .and_then(|parts| proxy.judge_parts(handle, parts.tensors, parts.conv, parts.direction));
    match known {
        // Loaded from what the real library saved: it alone can say what the problem is.
        None => forward(),
        Some(known) if !known.is_forwarded => {
            guard(NAME, || run(&proxy.call(handle, &known)?, Choice::Default))
        }
        Some(known) => {
            let launch = Launch::Once { workspace_bytes };
            proxy.watched(NAME, handle, launch, &known, forward, |call| run(call, Choice::Default))
        }
    }
}

/// The buffers, in the order X, W, Y.
///
/// # Safety
/// A descriptor that an argument points to is a place for one.
unsafe fn pointers_of(
    call: &ConvCall,
    tensors: &[miopenTensorArgument_t],
) -> Result<[*mut c_void; 3]> {
    let mut pointers = [null_mut(); 3];
    for tensor in tensors {
        let Some(at) = state::place_of(tensor.id) else { continue };
        pointers[at] = tensor.buffer;
        if !tensor.descriptor.is_null() {
            // SAFETY: the caller's promise.
            let given = desc_of(unsafe { tensor.descriptor.read_unaligned() })?;
            if given != *call.problem.tensor(state::role_at(at, call.swapped)) {
                return Err(Error::bad_parm("a tensor differs from the problem's"));
            }
        }
    }
    if pointers.iter().any(|pointer| pointer.is_null()) {
        return Err(incomplete("a tensor of the problem was not given"));
    }
    Ok(pointers)
}

fn desc_of(tensor: miopenTensorDescriptor_t) -> Result<TensorDesc> {
    match real() {
        None => conv_tensor(tensor, "descriptor"),
        Some(proxy) => RawTensor::of(proxy.functions(), tensor)
            .and_then(|raw| raw.desc())
            .ok_or_else(|| Error::bad_parm("a descriptor is none of a convolution's tensors")),
    }
}
