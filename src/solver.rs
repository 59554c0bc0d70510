//! What a solver is: the traits that the engine's registry is made of.
//!
//! A solver is stateless: it says whether it serves a problem, guesses its
//! time, and makes a plan. A plan belongs to one problem, may be kept and shared
//! between threads, and never keeps anything that it saw in a buffer: weights
//! change between calls.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Instant;

use crate::error::{Error, Result, Status};
use crate::memory::{DeviceBuffers, HostBuffers};
use crate::problem::ConvProblem;

pub mod arena;
mod workspace;

pub use workspace::{
    Scratch, WORKSPACE_ALIGN_BYTES, WorkspaceGrant, WorkspaceKey, WorkspaceLayout,
};

/// A solver's number in immediate mode.
///
/// Clients store ids across runs, so one is never given to another solver. Ids
/// start at [`SolverId::FIRST`], far above MIOpen's own (1 to 179 so far).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SolverId(pub u64);

impl SolverId {
    /// The lowest id used here.
    pub const FIRST: u64 = 1_000_001;
}

impl fmt::Display for SolverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The algorithm families, by their values in `miopenConvAlgorithm_t`; Find
/// returns at most one entry of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Algorithm {
    Gemm = 0,
    Direct = 1,
    Fft = 2,
    Winograd = 3,
    ImplicitGemm = 5,
}

/// Why a solver does not serve a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(pub Cow<'static, str>);

impl Reason {
    /// A reason from its text.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Reason(text.into())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Ok`, or why not.
pub type Applicability = std::result::Result<(), Reason>;

/// A GPU of this process, as far as plans depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gpu {
    /// Its number in the HIP runtime.
    pub ordinal: u32,
    /// Compute units; tiles are chosen to fill them.
    pub compute_units: u32,
}

/// Where the tensors of a call lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// In host memory.
    Host,
    /// In the memory of this GPU.
    Device(Gpu),
    /// In the memory of the HIP device of this number, on which no kernels are to run: there are
    /// none for it, or a setting forbids them. The tensors are copied to the host and back.
    CopyOnly(u32),
}

impl Memory {
    /// The number of the HIP device; `None` for host memory.
    pub fn ordinal(self) -> Option<u32> {
        match self {
            Memory::Host => None,
            Memory::Device(gpu) => Some(gpu.ordinal),
            Memory::CopyOnly(ordinal) => Some(ordinal),
        }
    }
}

/// What a problem meets: the machine, and what the user allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// Threads for CPU solvers.
    pub cpu_threads: NonZeroUsize,
    /// Where the tensors lie.
    pub memory: Memory,
}

impl Context {
    /// `cpu_threads` of `None` means what this process may use (affinity respected).
    pub fn new(cpu_threads: Option<NonZeroUsize>) -> Self {
        let available = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Context { cpu_threads: cpu_threads.unwrap_or_else(available), memory: Memory::Host }
    }

    /// The same for tensors on a GPU.
    pub fn on_gpu(self, gpu: Gpu) -> Self {
        self.with_memory(Memory::Device(gpu))
    }

    /// The same for tensors that lie elsewhere.
    pub fn with_memory(self, memory: Memory) -> Self {
        Context { memory, ..self }
    }
}

/// Where the tensors lie. Solvers for one kind of memory refuse the others.
#[non_exhaustive]
pub enum Buffers<'a> {
    /// Host memory.
    Host(HostBuffers<'a>),
    /// Memory of the device in the context's [`Memory`].
    Device(DeviceBuffers),
}

impl<'a> Buffers<'a> {
    /// The buffers, for solvers that compute on the host.
    ///
    /// # Errors
    /// `InternalError` for device memory.
    pub fn host(&mut self) -> Result<&mut HostBuffers<'a>> {
        match self {
            Buffers::Host(buffers) => Ok(buffers),
            Buffers::Device(_) => Err(wrong_memory("device memory for a solver of the CPU")),
        }
    }

    /// The buffers, for solvers that compute on the GPU.
    ///
    /// # Errors
    /// `InternalError` for host memory.
    pub fn device(&self) -> Result<DeviceBuffers> {
        match self {
            Buffers::Device(buffers) => Ok(*buffers),
            Buffers::Host(_) => Err(wrong_memory("host memory for a solver of the GPU")),
        }
    }
}

fn wrong_memory(context: &'static str) -> Error {
    Error::new(Status::InternalError, context)
}

/// The arguments of one execution.
pub struct ConvArgs<'a> {
    /// Inputs and output, in the order of [`crate::problem::Direction::input_roles`].
    pub buffers: Buffers<'a>,
    /// Factor of the result: `out = alpha * convolution + beta * out`.
    pub alpha: f64,
    /// Factor of the old output, which is not read where this is 0.
    pub beta: f64,
    /// Scratch memory from the caller; may be empty or smaller than asked for. Host memory:
    /// that on a GPU goes with [`DeviceBuffers`].
    pub workspace: &'a mut [u8],
}

impl ConvArgs<'_> {
    /// Length of the workspace, wherever it lies.
    pub fn workspace_bytes(&self) -> usize {
        match &self.buffers {
            Buffers::Host(_) => self.workspace.len(),
            Buffers::Device(buffers) => buffers.workspace_bytes(),
        }
    }
}

/// One way to compute a convolution.
pub trait Solver: Sync {
    /// The id in immediate mode.
    fn id(&self) -> SolverId;

    /// The name, which decodes: `f32_igemm_...`.
    fn name(&self) -> &'static str;

    /// The algorithm family under which Find lists it.
    fn algorithm(&self) -> Algorithm;

    /// Whether it takes tensors that lie there; the CPU's do not reach device memory.
    fn reaches(&self, memory: Memory) -> bool {
        memory == Memory::Host
    }

    /// Whether it is considered only where no other solver serves a problem.
    fn is_last_resort(&self) -> bool {
        false
    }

    /// Whether `problem` can be solved, and if not, why.
    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability;

    /// A guess of the time of one execution; meaningful where the solver is applicable.
    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64;

    /// Prepares the execution of an applicable problem.
    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>>;
}

/// A prepared convolution.
pub trait Plan: Send + Sync {
    /// Workspace that spares [`Plan::execute`] large allocations of its own.
    fn workspace_bytes(&self) -> usize;

    /// Workspace without which the plan does not run; the CPU's allocate what is missing.
    fn required_workspace_bytes(&self) -> usize {
        0
    }

    /// Computes. In host memory the output is complete on return; on a GPU the work is enqueued
    /// in the caller's stream.
    ///
    /// # Errors
    /// `BadParm` for buffers that do not fit the problem, `NotImplemented` for
    /// scalars that the types do not admit, `AllocFailed` for lack of memory.
    fn execute(&self, context: &Context, args: &mut ConvArgs<'_>) -> Result<()>;

    /// Computes, waits for the result and tells the microseconds that it took.
    ///
    /// # Errors
    /// As [`Plan::execute`].
    fn execute_timed(&self, context: &Context, args: &mut ConvArgs<'_>) -> Result<f64> {
        let start = Instant::now();
        self.execute(context, args)?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    }
}
