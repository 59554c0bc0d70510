//! Solvers on the CPU.

pub mod bias;
mod element;
mod filter;
mod gather;
mod igemm;
mod igemm_data;
mod igemm_wrw;
mod naive;
mod pool;
mod store;
mod tiles;
mod ukernel;

pub use igemm::ImplicitGemm;
pub use naive::Naive;

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
