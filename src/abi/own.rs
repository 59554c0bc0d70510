//! Our own functions, by their C names, for the table (`entries`) to find.
#![forbid(unsafe_code)]

pub(super) use super::bias::*;
pub(super) use super::conv_descriptor::*;
pub(super) use super::find::*;
pub(super) use super::find2::*;
pub(super) use super::fusion::*;
pub(super) use super::handle::*;
pub(super) use super::immediate::*;
pub(super) use super::tensor_descriptor::*;
