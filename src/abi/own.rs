#![forbid(unsafe_code)]

pub(super) use super::conv_descriptor::*;
pub(super) use super::handle::*;
pub(super) use super::tensor_descriptor::*;
