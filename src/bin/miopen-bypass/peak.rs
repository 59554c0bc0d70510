//! `peak`: how many operations a second the machine's fused multiply-add units do.
//!
//! The yardstick of benchmarks. Inline assembly, so that what runs is known: a loop of twelve
//! independent f32 FMAs on registers, enough for two units with four to five cycles of latency.
#![cfg_attr(target_arch = "x86_64", allow(unsafe_code))]

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::time::Instant;

use serde::Serialize;

use crate::conv::Format;
use crate::ending::{Ending, Failure};
use crate::output::Output;

/// Measure the peak of the f32 multiply-add units, by instruction set
#[derive(clap::Args)]
pub struct Args {
    /// Threads; default: the processors that this process may use
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZeroUsize>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Turns of the loop in one measurement; 12 FMAs each, some 10 ms.
const TURNS: u64 = 4_000_000;

/// Measurements; the best one counts. Frequency needs some of them to rise.
const MEASUREMENTS: usize = 20;

/// FMAs in one turn of the loop.
const FMAS: u64 = 12;

/// An instruction set with FMAs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Avx2,
    Avx512,
}

#[derive(Serialize)]
struct Peak {
    isa: &'static str,
    threads: usize,
    gflops: f64,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let threads = match args.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?,
    };
    let peaks: Vec<Peak> = levels().into_iter().map(|level| measure(level, threads)).collect();
    match args.format {
        Format::Json => output.json(&peaks)?,
        Format::Table => {
            for Peak { isa, threads, gflops } in &peaks {
                output.line(format!("{isa:<7} {threads:>3} threads {gflops:>8.1} GFLOP/s"))?;
            }
        }
    }
    Ok(Ending::Done)
}

/// All threads begin together; the slowest one ends a measurement.
fn measure(level: Level, threads: NonZeroUsize) -> Peak {
    let barrier = Barrier::new(threads.get());
    let work = || -> Vec<f64> {
        (0..MEASUREMENTS)
            .map(|_| {
                barrier.wait();
                let start = Instant::now();
                spin(level, TURNS);
                start.elapsed().as_secs_f64()
            })
            .collect()
    };
    let times_s: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        handles.into_iter().filter_map(|handle| handle.join().ok()).collect()
    });
    let slowest = |i: usize| times_s.iter().map(|times| times[i]).fold(0.0, f64::max);
    let best_s = (0..MEASUREMENTS).map(slowest).fold(f64::INFINITY, f64::min);
    let (isa, lanes) = match level {
        Level::Avx2 => ("avx2", 8.0),
        Level::Avx512 => ("avx512", 16.0),
    };
    let operations = 2.0 * lanes * (FMAS * TURNS) as f64 * threads.get() as f64;
    Peak { isa, threads: threads.get(), gflops: operations / best_s * 1e-9 }
}

#[cfg(target_arch = "x86_64")]
fn levels() -> Vec<Level> {
    let mut levels = Vec::new();
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        levels.push(Level::Avx2);
    }
    if is_x86_feature_detected!("avx512f") {
        levels.push(Level::Avx512);
    }
    levels
}

#[cfg(not(target_arch = "x86_64"))]
fn levels() -> Vec<Level> {
    Vec::new()
}

#[cfg(not(target_arch = "x86_64"))]
fn spin(_level: Level, _turns: u64) {}

/// Runs the loop `turns` times, which must not be 0.
#[cfg(target_arch = "x86_64")]
fn spin(level: Level, turns: u64) {
    /// The loop on registers of one width: zeros times zeros, added to zeros.
    macro_rules! fma_loop {
        ($width:literal) => {
            // SAFETY: `levels` has found the instructions. They touch nothing but the counter and
            // vector registers; of these the compiler is told, and wider parts than xmm it does
            // not use in a program built for any x86-64. `vzeroupper` leaves them clean.
            unsafe {
                std::arch::asm!(
                    "vzeroall",
                    "2:",
                    concat!("vfmadd231ps ", $width, "mm0, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm1, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm2, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm3, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm4, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm5, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm6, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm7, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm8, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm9, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm10, ", $width, "mm12, ", $width, "mm13"),
                    concat!("vfmadd231ps ", $width, "mm11, ", $width, "mm12, ", $width, "mm13"),
                    "sub {turns}, 1",
                    "jnz 2b",
                    "vzeroupper",
                    turns = inout(reg) turns => _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                    out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                    out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    options(nomem, nostack),
                );
            }
        };
    }
    match level {
        Level::Avx2 => fma_loop!("y"),
        Level::Avx512 => fma_loop!("z"),
    }
}
