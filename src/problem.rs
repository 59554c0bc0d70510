//! What is to be computed: tensor and convolution descriptors, and the normalised problem.
//!
//! Letters are MIOpen's: `n c d h w` for the input `x`, `k c/g z y x` for the
//! filter `w`, `n k do ho wo` for the output `y`. Lengths and strides count
//! elements and always stand in N, C, (D), H, W order; a layout is a matter of
//! strides alone.
#![forbid(unsafe_code)]

mod conv_desc;
mod conv_problem;
mod tensor;
mod text;

pub use conv_desc::{Attribute, ConvDesc, FindMode, Mode};
pub use conv_problem::{ConvProblem, Direction, Role};
pub use tensor::{DataType, Layout, MAX_RANK, Tensor5, TensorDesc};
pub use text::DriverCommand;
