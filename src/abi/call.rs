//! A convolution call, brought from C's arguments to the engine's.

use super::account;
use super::backend::{Backend, backend};
use super::conv_descriptor::conv_desc;
use super::entries::RealFunctions;
use super::guard::guard;
use super::handle::Handle;
use super::stopwatch::Stopwatch;
use super::tensor_descriptor::conv_tensor;
use crate::config::config;
use crate::engine::{self, Choice, Solution};
use crate::error::{Error, Result};
use crate::memory::{self, DeviceBuffers};
use crate::problem::{ConvProblem, DataType, Direction};
use crate::report::{CallRecord, Route};
use crate::solver::{Buffers, Context, ConvArgs, Gpu, Memory, SolverId};
use crate::sys::*;
use crate::trace::{self, Level};
use std::ffi::c_void;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// The descriptors of a call, each under the name of the tensor that it belongs to: `y` is `dy` in
/// the backward calls, and so on.
#[derive(Clone, Copy)]
pub(super) struct Descriptors {
    pub x: miopenTensorDescriptor_t,
    pub w: miopenTensorDescriptor_t,
    pub y: miopenTensorDescriptor_t,
    pub conv: miopenConvolutionDescriptor_t,
}

/// The buffers of a call, named likewise, and its workspace.
#[derive(Clone, Copy)]
pub(super) struct Pointers {
    pub x: *mut c_void,
    pub w: *mut c_void,
    pub y: *mut c_void,
    pub workspace: *mut c_void,
    pub workspace_bytes: usize,
}

/// What a call may set going on the card.
#[derive(Clone, Copy)]
pub(super) enum Launch {
    /// Nothing: it asks, or compiles.
    Nothing,
    /// Several convolutions, which have run when it returns.
    Search,
    /// One convolution, enqueued in the handle's stream.
    Once { workspace_bytes: usize },
}

/// A call before its handle and descriptors were looked at.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub handle: miopenHandle_t,
    pub direction: Direction,
    pub descriptors: Descriptors,
    pub launch: Launch,
    /// In immediate mode, the solution that the caller named.
    pub solution_id: Option<u64>,
}

/// A call whose handle and descriptors are in order.
pub(super) struct ConvCall {
    pub handle: Arc<Handle>,
    pub problem: ConvProblem,
    pub context: Context,
    /// In transpose mode the problem's x is the call's y and the reverse.
    pub swapped: bool,
    /// Id of the rule by which it is ours, if the real library might have had it.
    pub rule: Option<&'static str>,
}

/// Answers a call: by ours where we stand alone or where the convolution is to be bypassed, else by
/// the real library, which `forward` calls.
pub(super) fn answer(
    name: &'static str,
    asked: &Asked,
    forward: impl Fn(&RealFunctions) -> Option<miopenStatus_t>,
    own: impl Fn(&ConvCall) -> Result<()>,
) -> miopenStatus_t {
    match backend() {
        Backend::Proxy(proxy) => proxy.enter(name, asked, forward, own),
        Backend::Standalone => guard(name, || own(&ConvCall::of_our_objects(asked)?)),
    }
}

/// [`answer`] for the function of that name, with its own arguments for the real library.
macro_rules! enter {
    ($name:ident($($argument:expr),* $(,)?), $asked:expr, $own:expr) => {
        $crate::abi::call::answer(
            stringify!($name),
            &$asked,
            |functions| {
                // SAFETY: the caller's arguments, for the function that the caller called.
                functions.$name.map(|real| unsafe { real($($argument),*) })
            },
            $own,
        )
    };
}
pub(super) use enter;

impl ConvCall {
    fn of_our_objects(asked: &Asked) -> Result<ConvCall> {
        let Asked { direction, descriptors, .. } = *asked;
        let handle = Handle::of(asked.handle)?;
        let conv = conv_desc(descriptors.conv)?;
        let names = match direction {
            Direction::Fwd => ["xDesc", "wDesc", "yDesc"],
            Direction::Bwd => ["dxDesc", "wDesc", "dyDesc"],
            Direction::Wrw => ["xDesc", "dwDesc", "dyDesc"],
        };
        let problem = ConvProblem::new(
            direction,
            conv_tensor(descriptors.x, names[0])?,
            conv_tensor(descriptors.w, names[1])?,
            conv_tensor(descriptors.y, names[2])?,
            &conv,
        )?;
        let context = context().clone().with_memory(handle.memory());
        let swapped = ConvProblem::swaps_x_and_y(&conv);
        Ok(ConvCall { handle, problem, context, swapped, rule: None })
    }

    /// The buffers as the engine takes them.
    ///
    /// # Safety
    /// Non-null pointers are valid for their descriptors and for the workspace's size, until the
    /// work is done, and nobody else writes the inputs or touches output and workspace.
    unsafe fn arguments<'a>(
        &self,
        pointers: Pointers,
        alpha: f64,
        beta: f64,
    ) -> Result<ConvArgs<'a>> {
        let Pointers { x, w, y, workspace, workspace_bytes } = pointers;
        let (x, y) = if self.swapped { (y, x) } else { (x, y) };
        if self.context.memory == Memory::Host {
            // SAFETY: passed on.
            let (buffers, workspace) = unsafe {
                memory::host_arguments(&self.problem, x, w, y, workspace, workspace_bytes)
            }?;
            return Ok(ConvArgs { buffers: Buffers::Host(buffers), alpha, beta, workspace });
        }
        let stream = std::ptr::with_exposed_provenance_mut(self.handle.stream());
        // SAFETY: passed on; the handle's stream is one of its device.
        let buffers = unsafe {
            DeviceBuffers::new(&self.problem, [x, w, y], workspace, workspace_bytes, stream)
        }?;
        Ok(ConvArgs { buffers: Buffers::Device(buffers), alpha, beta, workspace: &mut [] })
    }

    /// Computes, with the solver that `choice` names. On a GPU the work is enqueued in the
    /// handle's stream; while profiling is on, it is waited for.
    ///
    /// # Safety
    /// As for [`ConvCall::arguments`].
    pub unsafe fn run(
        &self,
        choice: Choice,
        pointers: Pointers,
        alpha: f64,
        beta: f64,
    ) -> Result<()> {
        // SAFETY: passed on.
        let mut arguments = unsafe { self.arguments(pointers, alpha, beta) }?;
        announce(self.context.memory);
        if trace::wanted(Level::Call) {
            let solution = self.prepare(choice)?;
            trace::line(&format!("{}: {}", self.problem, solution.name));
        }
        let is_on_gpu = matches!(self.context.memory, Memory::Device(_));
        let mut stopwatch = None;
        let (solver, time_us) = if self.handle.is_profiling() || !is_on_gpu {
            let (solver, time_us) =
                engine::run_timed(&self.problem, choice, &self.context, &mut arguments)?;
            self.handle.record_kernel_time(time_us);
            (solver, Some(time_us))
        } else {
            if let Memory::Device(gpu) = self.context.memory {
                stopwatch = Stopwatch::start(gpu.ordinal, self.handle.stream());
            }
            (engine::run(&self.problem, choice, &self.context, &mut arguments)?, None)
        };
        let is_own_kernel = is_on_gpu && solver != engine::STAGED;
        let recorded = account::record(&CallRecord {
            problem: &self.problem,
            route: if is_own_kernel { Route::Hip } else { Route::Cpu },
            solver,
            rule: self.rule,
            time_us,
            workspace_bytes: pointers.workspace_bytes,
        });
        if let Some(stopwatch) = stopwatch {
            stopwatch.stop(recorded);
        }
        Ok(())
    }

    /// Measures what can solve the problem; the output holds a result afterwards.
    ///
    /// # Safety
    /// As for [`ConvCall::arguments`].
    pub unsafe fn find(&self, pointers: Pointers, exhaustive: bool) -> Result<Vec<Solution>> {
        // SAFETY: passed on.
        let mut arguments = unsafe { self.arguments(pointers, 1.0, 0.0) }?;
        announce(self.context.memory);
        let found = engine::find(&self.problem, &self.context, &mut arguments, exhaustive)?;
        trace::say(Level::Decision, || self.decision(&found));
        Ok(found)
    }

    /// What was found, and why the rest was not, for a person to read and to paste.
    fn decision(&self, found: &[Solution]) -> String {
        let mut text = self.problem.to_string();
        for solution in found {
            let Solution { name, time_us, workspace_bytes, .. } = solution;
            text += &format!("; {name}: {time_us:.0} us, workspace {workspace_bytes} bytes");
        }
        for (name, reason) in engine::rejections(&self.problem, &self.context) {
            text += &format!("; not {name}: {reason}");
        }
        text
    }

    /// What can solve the problem, best first.
    pub fn solutions(&self) -> Result<Vec<Solution>> {
        engine::solutions(&self.problem, &self.context)
    }

    /// The solution that `choice` stands for, made ready to run.
    pub fn prepare(&self, choice: Choice) -> Result<Solution> {
        engine::prepare(&self.problem, choice, &self.context)
    }

    /// That solver, or the best one where it does not serve here: a solution may come from another
    /// machine.
    pub fn choice(&self, solver: SolverId) -> Choice {
        let named = Choice::Solver(solver);
        if self.prepare(named).is_ok() { named } else { Choice::Default }
    }

    /// Why immediate mode has nothing to offer, with the real library's status for it.
    pub fn unsolved(&self) -> Error {
        let reasons = engine::rejections(&self.problem, &self.context);
        let reasons: Vec<String> =
            reasons.into_iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        Error::not_implemented(format!("no solver serves this problem ({})", reasons.join("; ")))
    }

    /// The two scaling factors of a run.
    ///
    /// # Errors
    /// `BadParm` where one is missing, `NotImplemented` where the real library takes none but 1
    /// and 0.
    ///
    /// # Safety
    /// Each pointer is null or points to a float; to a double if the output is of doubles.
    pub unsafe fn scalars(&self, alpha: *const c_void, beta: *const c_void) -> Result<(f64, f64)> {
        let dtype = self.problem.output_dtype();
        // SAFETY: passed on.
        let (alpha, beta) =
            unsafe { (scalar(alpha, dtype, "alpha")?, scalar(beta, dtype, "beta")?) };
        self.problem.check_scalars(alpha, beta)?;
        Ok((alpha, beta))
    }
}

/// # Safety
/// `at` is null or points to a float; to a double if `dtype` is `F64`.
pub(super) unsafe fn scalar(at: *const c_void, dtype: DataType, name: &str) -> Result<f64> {
    if at.is_null() {
        return Err(Error::bad_parm(format!("{name} is NULL")));
    }
    // SAFETY: the caller answers for the type.
    Ok(unsafe {
        match dtype {
            DataType::F64 => at.cast::<f64>().read_unaligned(),
            _ => f64::from(at.cast::<f32>().read_unaligned()),
        }
    })
}

/// The host and what the user allows, looked at once.
pub(super) fn context() -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    match CONTEXT.get() {
        Some(context) => context,
        None => {
            let context = Context::new(config().threads);
            CONTEXT.get_or_init(|| context)
        }
    }
}

/// The one line that everybody gets: so that nobody has to guess what computes.
pub(super) fn announce(memory: Memory) {
    static ANNOUNCED: AtomicBool = AtomicBool::new(false);
    trace::once(&ANNOUNCED, || {
        let version = env!("CARGO_PKG_VERSION");
        let threads = context().cpu_threads;
        match memory {
            Memory::Host => format!(
                "convolutions are computed on the CPU by miopen-bypass {version}, \
                 {threads} thread(s)"
            ),
            Memory::Device(Gpu { ordinal, compute_units }) => format!(
                "convolutions are computed on GPU {ordinal} ({compute_units} compute units) by \
                 miopen-bypass {version}"
            ),
            Memory::CopyOnly(ordinal) => format!(
                "convolutions of GPU {ordinal} are computed on the CPU by miopen-bypass \
                 {version}, {threads} thread(s)"
            ),
        }
    });
}
