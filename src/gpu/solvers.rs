//! The solvers of the registry.

use super::conv::{self, ConvPlan};
use super::geometry::{Geometry, type_name};
use super::winograd::{self, WinogradPlan};
use super::wrw::{self, WrwPlan, refused};
use crate::error::{Error, Result};
use crate::hip::{CurrentDevice, Event, StreamRef};
use crate::memory::DeviceBuffers;
use crate::problem::ConvProblem;
use crate::solver::{
    Algorithm, Applicability, Context, ConvArgs, Gpu, Memory, Plan, Reason, Solver, SolverId,
};

/// Ids of this module: kept clear of the CPU's, which count from [`SolverId::FIRST`].
const FIRST_ID: u64 = SolverId::FIRST + 1_000;

/// Forward and backward-data as a matrix product in tiles.
pub struct ImplicitGemm;

/// Forward and backward-data where a group has few output channels.
pub struct Direct;

/// Forward and backward-data of 3 x 3 filters with stride and dilation 1, by fewer products.
pub struct Winograd;

/// Backward-weights as a matrix product in tiles.
pub struct WrwImplicitGemm;

/// Backward-weights where a group has few channels.
pub struct WrwDirect;

/// Something that can be enqueued.
trait Enqueue: Send + Sync {
    fn workspace_bytes(&self) -> usize;
    fn enqueue(&self, buffers: DeviceBuffers, alpha: f32, beta: f32) -> Result<()>;
}

impl Enqueue for ConvPlan {
    fn workspace_bytes(&self) -> usize {
        ConvPlan::workspace_bytes(self)
    }
    fn enqueue(&self, buffers: DeviceBuffers, alpha: f32, beta: f32) -> Result<()> {
        self.execute(buffers, alpha, beta)
    }
}

impl Enqueue for WinogradPlan {
    fn workspace_bytes(&self) -> usize {
        WinogradPlan::workspace_bytes(self)
    }
    fn enqueue(&self, buffers: DeviceBuffers, alpha: f32, beta: f32) -> Result<()> {
        self.execute(buffers, alpha, beta)
    }
}

impl Enqueue for WrwPlan {
    fn workspace_bytes(&self) -> usize {
        WrwPlan::workspace_bytes(self)
    }
    fn enqueue(&self, buffers: DeviceBuffers, alpha: f32, beta: f32) -> Result<()> {
        self.execute(buffers, alpha, beta)
    }
}

struct GpuPlan<P> {
    plan: P,
    gpu: Gpu,
    /// Offered without workspace: some clients take only such. Scratch memory is then ours.
    is_without_workspace: bool,
}

impl<P: Enqueue> Plan for GpuPlan<P> {
    fn workspace_bytes(&self) -> usize {
        if self.is_without_workspace { 0 } else { self.plan.workspace_bytes() }
    }

    fn execute(&self, _context: &Context, args: &mut ConvArgs<'_>) -> Result<()> {
        self.plan.enqueue(args.buffers.device()?, args.alpha as f32, args.beta as f32)
    }

    /// By events: what the GPU took, without the time that the launch took on the CPU.
    fn execute_timed(&self, context: &Context, args: &mut ConvArgs<'_>) -> Result<f64> {
        let _current = CurrentDevice::set(self.gpu.ordinal)?;
        let stream = StreamRef::from_address(args.buffers.device()?.stream());
        let (start, stop) = (Event::timing()?, Event::timing()?);
        start.record(stream)?;
        self.execute(context, args)?;
        stop.record(stream)?;
        stop.synchronize()?;
        stop.elapsed_us_since(&start)
    }
}

/// The GPU that a context is about.
fn gpu_of(context: &Context) -> std::result::Result<Gpu, Reason> {
    match context.memory {
        Memory::Device(gpu) => Ok(gpu),
        Memory::Host | Memory::CopyOnly(_) => Err(Reason::new("computes on a GPU")),
    }
}

fn storage(problem: &ConvProblem) -> Result<&'static str> {
    type_name(problem).ok_or_else(|| Error::not_implemented("no kernels for this data type"))
}

/// A plan for each kernel that can serve the problem, whether it is the best one or not, under the
/// name of its matrix kernel: for tests, and for whoever wants to measure them all.
pub fn every_plan(problem: &ConvProblem, gpu: Gpu) -> Vec<(String, Box<dyn Plan>)> {
    let name = type_name(problem).unwrap_or_default();
    let mut plans: Vec<(String, Box<dyn Plan>)> = Vec::new();
    if let Ok(geometry) = Geometry::new(problem) {
        for plan in ConvPlan::every(&geometry, name, gpu) {
            let kernel = plan.kernel();
            plans.push((kernel, Box::new(GpuPlan { plan, gpu, is_without_workspace: false })));
        }
        for plan in WinogradPlan::every(&geometry, name, gpu) {
            let kernel = plan.kernel();
            plans.push((kernel, Box::new(GpuPlan { plan, gpu, is_without_workspace: false })));
        }
    }
    if let Ok(geometry) = wrw::Geometry::new(problem) {
        for plan in WrwPlan::every(&geometry, name, gpu) {
            let kernel = plan.kernel();
            plans.push((kernel, Box::new(GpuPlan { plan, gpu, is_without_workspace: false })));
        }
    }
    plans
}

macro_rules! solver {
    ($solver:ident, $id:expr, $name:literal, $algorithm:ident, $module:ident, $geometry:ty,
     $plan:ident, [$($family:expr)?], $is_without_workspace:literal) => {
        impl Solver for $solver {
            fn id(&self) -> SolverId {
                SolverId($id)
            }

            fn name(&self) -> &'static str {
                $name
            }

            fn algorithm(&self) -> Algorithm {
                Algorithm::$algorithm
            }

            fn reaches(&self, memory: Memory) -> bool {
                matches!(memory, Memory::Device(_))
            }

            fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
                let gpu = gpu_of(context)?;
                let geometry = <$geometry>::new(problem)?;
                let name = type_name(problem).unwrap_or_default();
                $plan::new(geometry, name, $($family,)? gpu).map(drop)
            }

            fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
                match (gpu_of(context), <$geometry>::new(problem)) {
                    (Ok(gpu), Ok(geometry)) => $module::estimate_us(&geometry, $($family,)? gpu),
                    _ => f64::INFINITY,
                }
            }

            fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
                let gpu = gpu_of(context).map_err(refused)?;
                let geometry = <$geometry>::new(problem).map_err(refused)?;
                let plan =
                    $plan::new(geometry, storage(problem)?, $($family,)? gpu).map_err(refused)?;
                let is_without_workspace = $is_without_workspace;
                Ok(Box::new(GpuPlan { plan, gpu, is_without_workspace }))
            }
        }
    };
}

solver!(
    ImplicitGemm,
    FIRST_ID,
    "gpu_igemm",
    ImplicitGemm,
    conv,
    Geometry,
    ConvPlan,
    [conv::Family::Tiles],
    false
);
solver!(
    Direct,
    FIRST_ID + 1,
    "gpu_direct",
    Direct,
    conv,
    Geometry,
    ConvPlan,
    [conv::Family::Direct],
    true
);
solver!(
    WrwImplicitGemm,
    FIRST_ID + 2,
    "gpu_igemm_wrw",
    ImplicitGemm,
    wrw,
    wrw::Geometry,
    WrwPlan,
    [wrw::Family::Tiles],
    false
);
solver!(
    WrwDirect,
    FIRST_ID + 3,
    "gpu_direct_wrw",
    Direct,
    wrw,
    wrw::Geometry,
    WrwPlan,
    [wrw::Family::Direct],
    true
);
solver!(
    Winograd,
    FIRST_ID + 4,
    "gpu_winograd",
    Winograd,
    winograd,
    Geometry,
    WinogradPlan,
    [],
    false
);
