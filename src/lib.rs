//! `libMIOpen.so.1` for Radeon cards on which AMD's own MIOpen hangs, faults or answers wrongly.
//!
//! The modules stand in the order in which they may use each other: one may use only those above
//! it (`tests/layering.rs` holds it to that).

// The library's file has MIOpen's name.
#![allow(non_snake_case)]

pub mod error;
pub mod config;
pub mod trace;
pub mod per_process;
pub mod sys;
pub mod problem;
pub mod memory;
pub mod reference;
pub mod solver;
pub mod hip;
pub mod real;
pub mod card;
pub mod journal;
pub mod hazard;
pub mod cpu;
pub mod gpu;
pub mod engine;
pub mod report;
mod abi;
