//! `libMIOpen.so.1` for Radeon cards on which AMD's own MIOpen hangs, faults or answers wrongly.
//!
//! The modules stand in the order in which they may use each other: one may use only those above
//! it (`tests/layering.rs` holds it to that).

pub mod cpu;
pub mod engine;
pub mod error;
pub mod memory;
pub mod per_process;
pub mod problem;
pub mod reference;
pub mod solver;
