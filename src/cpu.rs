//! Solvers on the CPU.

mod amx;
mod bias;
mod blocked;
mod cache;
mod depthwise;
mod depthwise_last;
mod depthwise_planes;
mod depthwise_tiles;
mod direct;
mod element;
mod filter;
mod filter_columns;
mod float_plan;
mod gather;
mod igemm;
mod igemm_data;
mod igemm_wrw;
mod ids;
mod int8;
mod isa;
mod naive;
mod pixel_rows;
mod placement;
mod pool;
mod rates;
mod store;
mod tiles;
mod ukernel;
mod widen;
mod winograd;
mod wrw_direct;
mod wrw_tasks;

use crate::solver::arena;

pub use amx::Amx;
pub use bias::{add_bias, sum_bias_gradient};
pub use blocked::Blocked;
pub use depthwise::Depthwise;
pub use depthwise_last::DepthwiseLast;
pub use depthwise_planes::DepthwisePlanes;
pub use depthwise_tiles::DepthwiseTiles;
pub use direct::Direct;
pub use igemm::ImplicitGemm;
pub use int8::{Int8, Int8Depthwise};
pub use isa::{Int8Kernel, Isa};
pub use naive::Naive;
pub use pixel_rows::PixelRows;
pub use winograd::{Form as WinogradForm, Winograd};
pub use wrw_direct::WrwDirect;

use crate::problem::{ConvProblem, DataType, Direction};
use crate::reference;
use crate::solver::{Applicability, Reason};

/// The data types that the CPU's solvers serve, which are those of the reference.
fn check_types(problem: &ConvProblem) -> Applicability {
    let (input, output) = (problem.input_dtype(), problem.output_dtype());
    if !reference::serves_types(input, output) {
        return Err(Reason::new(format!(
            "no CPU convolution from {} to {}",
            input.name(),
            output.name()
        )));
    }
    if input == DataType::I8 && problem.direction() != Direction::Fwd {
        return Err(Reason::new("int8 is served in the forward direction only"));
    }
    Ok(())
}
