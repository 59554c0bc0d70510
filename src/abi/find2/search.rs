//! The search for solutions.

use super::solution::store;
use super::state::{Options, PROBLEMS, Parts, Problem, REAL_SOLUTIONS, Solution, Source, role_at};
use super::{OPTIONS, incomplete};
use crate::abi::args::{Out, OutArray};
use crate::abi::backend::{Backend, backend};
use crate::abi::call::{ConvCall, Launch, Pointers, context};
use crate::abi::guard::guard;
use crate::abi::handle::Handle;
use crate::abi::objects::key_of;
use crate::abi::proxy::is_success;
use crate::abi::tensor_descriptor::plain;
use crate::error::{Error, Result};
use crate::hip::{CurrentDevice, DeviceMemory};
use crate::problem::{ConvProblem, Direction};
use crate::solver::Memory;
use crate::sys::*;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;

/// Where the caller wants solutions.
struct Results {
    solutions: OutArray<miopenSolution_t>,
    count: Option<Out<usize>>,
    capacity: usize,
}

impl Results {
    /// # Safety
    /// `solutions` has room for `capacity`; `count` is null or a place for a `size_t`.
    unsafe fn new(
        solutions: *mut miopenSolution_t,
        count: *mut usize,
        capacity: usize,
    ) -> Result<Results> {
        // SAFETY: passed on.
        unsafe {
            Ok(Results {
                solutions: OutArray::optional(solutions, capacity)
                    .ok_or_else(|| Error::bad_parm("solutions is NULL"))?,
                count: Out::optional(count),
                capacity,
            })
        }
    }

    fn write(&self, found: Vec<Solution>) {
        let kept = found.len().min(self.capacity);
        self.solutions.write(found.into_iter().take(kept).map(store));
        if let Some(count) = &self.count {
            count.write(kept);
        }
    }
}

pub(in crate::abi) unsafe extern "C" fn miopenFindSolutions(
    handle: miopenHandle_t,
    problem: miopenProblem_t,
    options: miopenFindOptions_t,
    solutions: *mut miopenSolution_t,
    count: *mut usize,
    capacity: usize,
) -> miopenStatus_t {
    const NAME: &str = "miopenFindSolutions";
    let ours = |call: &ConvCall| -> Result<()> {
        let options = if options.is_null() {
            Arc::default()
        } else {
            OPTIONS.get(key_of(options)).unwrap_or_default()
        };
        // SAFETY: the header's contract for places and for the options' buffers.
        unsafe {
            let results = Results::new(solutions, count, capacity)?;
            results.write(search(call, &options)?);
        }
        Ok(())
    };
    let proxy = match backend() {
        Backend::Standalone => {
            return guard(NAME, || {
                if !options.is_null() {
                    OPTIONS.get(key_of(options))?;
                }
                ours(&call_of_ours(handle, problem)?)
            });
        }
        Backend::Proxy(proxy) => proxy,
    };
    let forward = || {
        proxy.pass(NAME, |functions| {
            // SAFETY: the caller's arguments.
            functions
                .miopenFindSolutions
                .map(|real| unsafe { real(handle, problem, options, solutions, count, capacity) })
        })
    };
    let Some((noted, parts)) = parts_of(problem) else { return forward() };
    let Some(known) = proxy.judge_parts(handle, parts.tensors, parts.conv, parts.direction) else {
        return forward();
    };
    if !known.is_forwarded {
        if noted.is_fused {
            // As for every problem that no solver of the real library takes.
            return guard(NAME, || Err(Error::unknown("no fused solver serves this problem")));
        }
        return guard(NAME, || ours(&proxy.call(handle, &known)?));
    }
    if noted.is_fused {
        return forward();
    }
    let mut found = 0;
    let forward = || {
        let counted = if count.is_null() { &raw mut found } else { count };
        let status = proxy.pass(NAME, |functions| {
            // SAFETY: the caller's arguments, and a count of ours where the caller wants none.
            functions
                .miopenFindSolutions
                .map(|real| unsafe { real(handle, problem, options, solutions, counted, capacity) })
        });
        if is_success(status) {
            // SAFETY: the call wrote the count, and so many solutions.
            unsafe { note(solutions, counted.read_unaligned().min(capacity), parts) };
        }
        status
    };
    proxy.watched(NAME, handle, Launch::Search, &known, forward, ours)
}

/// What is noted of a complete problem of the real library that holds a convolution.
fn parts_of(problem: miopenProblem_t) -> Option<(Arc<Problem>, Parts)> {
    let noted = PROBLEMS.get(key_of(problem)).ok()?;
    let parts = noted.parts()?;
    Some((noted, parts))
}

/// Remembers for which problem the real library's solutions are.
///
/// # Safety
/// There are so many solutions at `solutions`.
unsafe fn note(solutions: *const miopenSolution_t, count: usize, parts: Parts) {
    if solutions.is_null() {
        return;
    }
    for at in 0..count {
        // SAFETY: the caller's promise.
        let solution = unsafe { solutions.add(at).read_unaligned() };
        REAL_SOLUTIONS.note(key_of(solution), parts);
    }
}

/// The call of a problem of ours.
fn call_of_ours(handle: miopenHandle_t, problem: miopenProblem_t) -> Result<ConvCall> {
    let handle = Handle::of(handle)?;
    let problem = PROBLEMS.get(key_of(problem))?;
    let Source::Ours { conv, tensors: [Some(x), Some(w), Some(y)] } = &problem.source else {
        return Err(incomplete("a tensor of the problem has not been set"));
    };
    let direction: Direction = problem
        .conv_direction()
        .ok_or_else(|| Error::bad_parm("a convolution has no such direction"))?;
    let context = context().clone().with_memory(handle.memory());
    Ok(ConvCall {
        handle,
        problem: ConvProblem::new(direction, plain(x, "X")?, plain(w, "W")?, plain(y, "Y")?, conv)?,
        context,
        swapped: ConvProblem::swaps_x_and_y(conv),
        rule: None,
    })
}

/// Memory for a search, where the caller gave none.
enum Room {
    Nowhere,
    Host(Vec<u64>),
    Device(DeviceMemory),
}

impl Room {
    fn new(memory: Memory, bytes: usize) -> Result<Room> {
        match memory.ordinal() {
            _ if bytes == 0 => Ok(Room::Nowhere),
            None => {
                let mut words: Vec<u64> = Vec::new();
                words.try_reserve_exact(bytes.div_ceil(8)).map_err(|_| {
                    Error::new(crate::error::Status::AllocFailed, "no memory for the search")
                })?;
                words.resize(bytes.div_ceil(8), 0);
                Ok(Room::Host(words))
            }
            Some(ordinal) => {
                let _current = CurrentDevice::set(ordinal)?;
                Ok(Room::Device(DeviceMemory::new(bytes)?))
            }
        }
    }

    fn pointer(&mut self) -> *mut c_void {
        match self {
            Room::Nowhere => null_mut(),
            Room::Host(words) => words.as_mut_ptr().cast(),
            Room::Device(memory) => {
                std::ptr::with_exposed_provenance_mut(memory.address() as usize)
            }
        }
    }
}

/// Measures what solves the problem, best first.
///
/// # Safety
/// The buffers in the options are valid for the problem, where its tensors lie.
unsafe fn search(call: &ConvCall, options: &Options) -> Result<Vec<Solution>> {
    let memory = call.context.memory;
    let given = |address: usize| std::ptr::with_exposed_provenance_mut::<c_void>(address);
    let mut rooms = [Room::Nowhere, Room::Nowhere, Room::Nowhere];
    let mut pointers = options.tensors.map(given);
    for (at, (pointer, room)) in pointers.iter_mut().zip(&mut rooms).enumerate() {
        if pointer.is_null() {
            *room = Room::new(memory, call.problem.tensor(role_at(at, call.swapped)).span_bytes())?;
            *pointer = room.pointer();
        }
    }
    let most = call.solutions()?.iter().map(|solution| solution.workspace_bytes).max();
    let workspace_bytes = most.unwrap_or(0).min(options.workspace_limit_bytes);
    let mut workspace_room = Room::Nowhere;
    let (workspace, workspace_bytes) = match options.workspace {
        Some((address, bytes)) => (given(address), bytes.min(options.workspace_limit_bytes)),
        None => {
            workspace_room = Room::new(memory, workspace_bytes)?;
            (workspace_room.pointer(), workspace_bytes)
        }
    };
    let [x, w, y] = pointers;
    let pointers = Pointers { x, w, y, workspace, workspace_bytes };
    // SAFETY: the caller's buffers, or rooms as long as the tensors, which outlive the search.
    let mut found = unsafe { call.find(pointers, options.is_exhaustive) }?;
    drop((rooms, workspace_room));
    if options.is_by_workspace {
        found.sort_by_key(|solution| solution.workspace_bytes);
    }
    let solution = |found| Solution::new(&call.problem, call.swapped, found);
    Ok(found.iter().map(solution).collect())
}
