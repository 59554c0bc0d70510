//! The process that runs one problem in the real library, and may not come back.
//!
//! It writes two lines: which library it opened, and how it went.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use MIOpen::config::config;
use MIOpen::error::Result;
use MIOpen::hazard;
use MIOpen::hip::{CurrentDevice, download, upload};
use MIOpen::problem::ConvProblem;
use MIOpen::real::{RealLibrary, Trial};
use MIOpen::solver::Algorithm;

use crate::conv::tensors::Tensors;
use crate::conv::verify::{self, Extent, Verdict};
use crate::ending::{Ending, Failure};
use crate::output::Output;

/// Runs of what the search found: what hangs now and then may take more than one.
const REPEATS: usize = 3;

/// Tries the problem of `line`; of an empty one, only opens the library.
pub fn run(line: &str, device: u32, output: &mut Output) -> std::result::Result<Ending, Failure> {
    hazard::steer_real_library();
    let found = RealLibrary::find(&config().real_lib);
    let real = found.library.ok_or_else(|| {
        let reasons: Vec<String> = found.unusable.into_iter().chain(found.rejected).collect();
        Failure::failed(format!("no real libMIOpen was found ({})", reasons.join("; ")))
    })?;
    let [major, minor, patch] = real.version()?;
    output.line(format!("library {major}.{minor}.{patch} {}", real.path().display()))?;
    if line.is_empty() {
        return Ok(Ending::Done);
    }
    let problem: ConvProblem = line.parse()?;
    let _current = CurrentDevice::set(device)?;
    let text = match convolve(&real, &problem) {
        Ok(verdict) if verdict.passed => format!("passed rms error {:.1e}", verdict.rms_error),
        Ok(verdict) => format!(
            "wrong rms error {:.1e}, {:.1e} would do; the worst element is {:.1} times its bound off",
            verdict.rms_error, verdict.rms_tolerance, verdict.worst_of_bound
        ),
        Err(error) => format!("refused {error}"),
    };
    output.line(text)?;
    Ok(Ending::Done)
}

fn convolve(real: &RealLibrary, problem: &ConvProblem) -> Result<Verdict> {
    let mut tensors = Tensors::new(problem)?;
    let [first, second] = [0, 1].map(|at| upload(&tensors.inputs[at].to_bytes()));
    let (first, second) = (first?, second?);
    let garbage = tensors.output.to_bytes();
    let result = upload(&garbage)?;
    Trial::new(real, problem)?.run([&first, &second], &result, REPEATS)?;
    tensors.output.set_bytes(&download(&result, garbage.len())?);
    // The widest bound, since the algorithm is not known; the RMS test is the sharper one.
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    verify::verify(problem, &tensors, Algorithm::Winograd, Extent::SomeChannels, threads)
}
