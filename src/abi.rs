//! The C entry points. Nobody imports this module.
//!
//! Every exported function is a trampoline (`entries`) that jumps through a slot. At the first
//! call the slot is pointed (`resolve`) at the real library's function, at ours, or at one that
//! answers `miopenStatusNotImplemented`; from then on a call costs one indirect jump.

// The entry points bear C's names, take C's arguments and are documented in the header.
#![allow(non_snake_case, clippy::too_many_arguments, clippy::missing_safety_doc)]

mod account;
mod args;
mod backend;
mod bias;
mod bypass;
mod conv_descriptor;
mod entries;
mod fork;
mod guard;
mod handle;
mod objects;
mod own;
mod proxy;
mod resolve;
mod stopwatch;
mod tensor_descriptor;

mod call;
mod find;
mod find2;
mod fusion;
mod immediate;
