//! In front of a real libMIOpen, on a machine with a card that needs it: each call that leads to a
//! convolution is judged first, and then forwarded or computed here.
//!
//! The objects are the real library's, and are read through its own getters. What was judged once
//! is found again in a table of the thread, so that threads share nothing on the way.

mod devices;
mod handles;
mod known;
mod pending;
mod raw;

pub(super) use handles::{REAL_HANDLES, kernel_time, note_created, note_destroyed, note_profiling};

pub(super) use raw::{RawConv, RawTensor};

use super::account;
use super::backend;
use super::call::{self, Asked, ConvCall, Launch};
use super::entries::RealFunctions;
use super::guard::guard;
use super::stopwatch::Stopwatch;
use crate::card;
use crate::engine;
use crate::error::{Error, Result, Status};
use crate::hazard;
use crate::journal::{self, Token};
use crate::problem::{ConvProblem, Direction};
use crate::real::RealLibrary;
use crate::report::{CallRecord, Route};
use crate::solver::{Memory, SolverId};
use crate::sys::{miopenHandle_t, miopenStatus_t};
use crate::trace::{self, Level};
pub(super) use known::Known;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The real library of this process.
pub(super) struct Proxy {
    library: RealLibrary,
    functions: RealFunctions,
}

/// Whether a card of this machine is one that needs guarding; everywhere else calls jump straight
/// to the real library.
pub(super) fn is_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    match WANTED.get() {
        Some(wanted) => *wanted,
        // Looked at outside the lock, for the sake of a `fork` in the middle of it.
        None => {
            let wanted = hazard::concerns_machine();
            *WANTED.get_or_init(|| wanted)
        }
    }
}

thread_local! {
    /// Whether this thread is inside the real library by way of one of our functions. Where the
    /// real library was loaded by the loader (`LD_PRELOAD`), its calls of its own public functions
    /// come to us; they belong to the call that was judged already.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Calls the real library. A call that comes back from inside passes straight through.
pub(super) fn inside<T>(call: impl FnOnce() -> T) -> T {
    let before = IS_INSIDE.replace(true);
    let result = call();
    IS_INSIDE.set(before);
    result
}

impl Proxy {
    pub fn new(library: RealLibrary) -> Proxy {
        // SAFETY: the real library's functions have the header's types.
        let functions = unsafe { RealFunctions::new(|name| library.function(name)) };
        let proxy = Proxy { library, functions };
        if is_wanted() {
            proxy.tell_version();
        }
        proxy
    }

    /// Rules depend on the release.
    fn tell_version(&self) {
        let Some(get_version) = self.functions.miopenGetVersion else { return };
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: places for three numbers.
        let status = inside(|| unsafe { get_version(&mut major, &mut minor, &mut patch) });
        if is_success(status) {
            let part = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
            let version = card::LibraryVersion::new(part(major), part(minor), part(patch));
            hazard::set_library_version(version);
        }
    }

    pub fn path(&self) -> &Path {
        self.library.path()
    }

    pub fn function(&self, name: &std::ffi::CStr) -> Option<*const ()> {
        self.library.function(name)
    }

    pub fn functions(&self) -> &RealFunctions {
        &self.functions
    }

    /// The address of the handle's stream, 0 for the null stream.
    fn stream_of(&self, handle: miopenHandle_t) -> Result<usize> {
        let get_stream = self
            .functions
            .miopenGetStream
            .ok_or_else(|| Error::not_implemented("the real library has no miopenGetStream"))?;
        let mut stream = null_mut();
        // SAFETY: the caller's handle, which the real library has to know, and a place.
        let status = inside(|| unsafe { get_stream(handle, &mut stream) });
        if !is_success(status) {
            return Err(Error::bad_parm("the real library does not know the handle"));
        }
        Ok(stream.expose_provenance())
    }

    /// What is known of the call's problem; `None` where it cannot be read, or is on no card of
    /// ours: then it is the real library's.
    pub fn judge(&self, asked: &Asked) -> Option<Rc<Known>> {
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let ordinal = handles::ordinal_of(asked.handle)?;
            let raw = raw::RawCall::read(self.functions(), asked, ordinal)?;
            known::of(&raw)
        }));
        looked.ok().flatten()
    }

    /// The same for a problem whose descriptors were read before.
    pub fn judge_parts(
        &self,
        handle: miopenHandle_t,
        tensors: [RawTensor; 3],
        conv: RawConv,
        direction: Direction,
    ) -> Option<Rc<Known>> {
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let ordinal = handles::ordinal_of(handle)?;
            known::of(&raw::RawCall::of_parts(tensors, conv, direction, ordinal)?)
        }));
        looked.ok().flatten()
    }

    /// A call of ours for a problem that the client brings, on the device of its handle.
    ///
    /// # Errors
    /// `NotImplemented` where HIP does not say which device that is.
    pub fn call_of_problem(
        &self,
        handle: miopenHandle_t,
        problem: ConvProblem,
        swapped: bool,
    ) -> Result<ConvCall> {
        let ordinal = handles::ordinal_of(handle)
            .ok_or_else(|| Error::not_implemented("the handle is on no device that HIP knows"))?;
        let on_device = |memory| call::context().clone().with_memory(memory);
        let on_gpu = on_device(backend::memory_of_device(ordinal)?);
        let context = if engine::has_kernel(&problem, &on_gpu) {
            on_gpu
        } else {
            on_device(Memory::CopyOnly(ordinal))
        };
        let handle = handles::stand_in(handle, context.memory, self.stream_of(handle)?);
        Ok(ConvCall { handle, problem, context, swapped, rule: None })
    }

    /// Calls the real library's function of that name, if it has it.
    pub fn pass(
        &self,
        name: &'static str,
        forward: impl FnOnce(&RealFunctions) -> Option<miopenStatus_t>,
    ) -> miopenStatus_t {
        match inside(|| forward(&self.functions)) {
            Some(status) => status,
            None => guard(name, || Err(self.lacking())),
        }
    }

    /// One of our functions, with the real library behind it.
    pub fn enter(
        &self,
        name: &'static str,
        asked: &Asked,
        forward: impl Fn(&RealFunctions) -> Option<miopenStatus_t>,
        own: impl Fn(&ConvCall) -> Result<()>,
    ) -> miopenStatus_t {
        let pass = || self.pass(name, &forward);
        if IS_INSIDE.get() {
            return pass();
        }
        let Some(known) = self.judge(asked) else {
            return pass();
        };
        // What we told a client to use, the real library has never heard of.
        let is_our_solution = asked.solution_id.is_some_and(|id| id >= SolverId::FIRST);
        if !known.is_forwarded || is_our_solution {
            return guard(name, || own(&self.call(asked.handle, &known)?));
        }
        self.watched(name, asked.handle, asked.launch, &known, pass, own)
    }

    /// A call that is forwarded, under the eyes of the journal; where the real library fails by
    /// itself, ours is called.
    pub fn watched(
        &self,
        name: &'static str,
        handle: miopenHandle_t,
        launch: Launch,
        known: &Known,
        pass: impl FnOnce() -> miopenStatus_t,
        own: impl FnOnce(&ConvCall) -> Result<()>,
    ) -> miopenStatus_t {
        if matches!(launch, Launch::Nothing) {
            return pass();
        }
        let token = self.begin(known);
        let stopwatch = match launch {
            Launch::Once { .. } => self.stopwatch(handle, known),
            _ => None,
        };
        let status = pass();
        if is_success(status) {
            if let Launch::Once { workspace_bytes } = launch {
                self.launched(handle, known, token, stopwatch, workspace_bytes);
            }
            // What a search found may have come out of a database: nothing is proven.
            return status;
        }
        if !is_of_the_card(status) || known.context.is_none() {
            return status;
        }
        // A run may lack a search that was ours; a search lacks nothing.
        if let (Launch::Search, Some(token)) = (launch, token) {
            token.failed();
        }
        trace::say(Level::Failure, || {
            format!("{name}: the real library answered {}; computed here instead", status.0)
        });
        guard(name, || own(&self.call(handle, known)?))
    }

    fn lacking(&self) -> Error {
        Error::not_implemented(format!("is not in {}", self.path().display()))
    }

    /// The call as our engine takes it.
    pub fn call(&self, handle: miopenHandle_t, known: &Known) -> Result<ConvCall> {
        let context = known
            .context
            .clone()
            .ok_or_else(|| Error::not_implemented("no solver of ours serves this problem"))?;
        let handle = handles::stand_in(handle, context.memory, self.stream_of(handle)?);
        Ok(ConvCall {
            handle,
            problem: known.problem.clone(),
            context,
            swapped: known.swapped,
            rule: known.rule,
        })
    }

    /// Notes on disk that a problem of which nothing is known is about to run.
    fn begin(&self, known: &Known) -> Option<Token> {
        if !known.needs_record {
            return None;
        }
        pending::poll();
        end_in_good_order();
        journal::begin(&known.problem, &known.card)
    }

    /// Marks the stream in front of a launch by the real library, if its time is wanted.
    fn stopwatch(&self, handle: miopenHandle_t, known: &Known) -> Option<Stopwatch> {
        if !Stopwatch::is_wanted() {
            return None;
        }
        let start = || Stopwatch::start(known.card.ordinal, self.stream_of(handle).ok()?);
        catch_unwind(AssertUnwindSafe(start)).ok().flatten()
    }

    /// After a launch by the real library: counted now, proven when the stream has passed it.
    fn launched(
        &self,
        handle: miopenHandle_t,
        known: &Known,
        token: Option<Token>,
        stopwatch: Option<Stopwatch>,
        workspace_bytes: usize,
    ) {
        handles::ran_in_real_library(handle);
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let recorded = account::record(&CallRecord {
                problem: &known.problem,
                route: Route::Real,
                solver: "",
                rule: None,
                time_us: None,
                workspace_bytes,
            });
            if let Some(stopwatch) = stopwatch {
                stopwatch.stop(recorded);
            }
            if let (Some(token), Ok(stream)) = (token, self.stream_of(handle)) {
                pending::add(token, known.card.ordinal, stream);
            }
        }));
    }
}

/// Has the journal told when the process ends of its own will: what is under way then is not held
/// against the problem.
fn end_in_good_order() {
    extern "C" fn at_exit() {
        let _ = catch_unwind(journal::end_of_process);
    }
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        // SAFETY: a function of this library, which is never unloaded (linked with nodelete).
        unsafe { libc::atexit(at_exit) };
    }
}

pub(super) fn is_success(status: miopenStatus_t) -> bool {
    status.0 == Status::Success as u32
}

/// Whether a status tells of a failure in the real library or on the card, and not of the caller's
/// arguments.
fn is_of_the_card(status: miopenStatus_t) -> bool {
    [Status::InternalError, Status::UnknownError, Status::GpuOperationsSkipped]
        .iter()
        .any(|known| *known as u32 == status.0)
}
