//! Solvers on the GPU, and the code objects that they run.
//!
//! The kernels are HIP C++ (`kernels/`), compiled when the library is built and embedded as code
//! objects; nothing is compiled at run time. They are the machine code of gfx1010, which every
//! gfx10 executes: under `HSA_OVERRIDE_GFX_VERSION` the runtime asks for another name, and gets the
//! same code relabelled.

pub mod analysis;
pub mod code_object;
mod conv;
mod conv_shapes;
mod cost;
mod device;
pub mod figures;
mod geometry;
mod metadata;
mod params;
mod pool;
mod solvers;
mod winograd;
mod wrw;
mod wrw_geometry;
mod wrw_shapes;

pub use device::gpu_of_device;
pub use solvers::{Direct, ImplicitGemm, Winograd, WrwDirect, WrwImplicitGemm, every_plan};
