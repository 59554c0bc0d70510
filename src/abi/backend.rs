//! What answers the calls of this process: decided once, at the first of them.
#![forbid(unsafe_code)]

use super::account;
use super::proxy::Proxy;
use crate::config::{Device, config};
use crate::error::{Result, Status};
use crate::gpu;
use crate::hazard;
use crate::hip::{self, CurrentDevice};
use crate::real::RealLibrary;
use crate::report;
use crate::solver::Memory;
use crate::trace::{self, Level};
use std::path::Path;
use std::sync::OnceLock;

/// Where calls go.
pub(super) enum Backend {
    /// To the real library, whose objects the clients hold.
    Proxy(Box<Proxy>),
    /// To us.
    Standalone,
}

impl Backend {
    /// For the head of a report.
    fn description(&self) -> String {
        match self {
            Backend::Standalone => "there is no real libMIOpen".to_owned(),
            Backend::Proxy(real) if hazard::concerns_machine() => {
                format!("calls go to {}", real.path().display())
            }
            Backend::Proxy(real) => format!(
                "calls go to {}, uncounted: no card of this machine needs a bypass",
                real.path().display()
            ),
        }
    }
}

/// The decision of this process.
///
/// It is made outside the lock, so that a `fork` in the middle of it leaves the child usable; two
/// threads that come first together open the same library, which the loader counts.
pub(super) fn backend() -> &'static Backend {
    static BACKEND: OnceLock<Backend> = OnceLock::new();
    match BACKEND.get() {
        Some(backend) => backend,
        None => {
            let (backend, lines) = decide();
            // Of threads that come first together, one decides, and that one speaks.
            let mut decided_here = false;
            let decided = BACKEND.get_or_init(|| {
                decided_here = true;
                backend
            });
            if decided_here {
                account::prepare_once();
                report::describe_library(decided.description());
                lines.iter().for_each(|line| trace::line(line));
            }
            decided
        }
    }
}

fn decide() -> (Backend, Vec<String>) {
    let config = config();
    let mut lines: Vec<String> = config.unusable.iter().map(ToString::to_string).collect();
    if config.device == Device::Cpu {
        return (Backend::Standalone, lines);
    }
    // It reads them when it is loaded.
    hazard::steer_real_library();
    let found = RealLibrary::find(&config.real_lib);
    lines.extend(found.unusable);
    if trace::wanted(Level::Decision) {
        lines.extend(found.rejected);
    }
    match found.library {
        Some(real) => {
            if trace::wanted(Level::Decision) {
                lines.push(format!("calls are forwarded to {}", real.path().display()));
            }
            (Backend::Proxy(Box::new(Proxy::new(real))), lines)
        }
        None => (Backend::Standalone, lines),
    }
}

/// Path of the real library, if calls go to one.
pub(super) fn real_path() -> Option<&'static Path> {
    match backend() {
        Backend::Proxy(real) => Some(real.path()),
        Backend::Standalone => None,
    }
}

/// Where the tensors of a new handle of ours lie: on the current HIP device, if the program uses
/// HIP and there is one, else in host memory.
///
/// # Errors
/// What HIP reports.
pub(super) fn memory_of_new_handle() -> Result<Memory> {
    if config().device == Device::Cpu || !hip::is_loaded() {
        return Ok(Memory::Host);
    }
    match hip::device_count() {
        Ok(0) => Ok(Memory::Host),
        Ok(_) => memory_of_device(CurrentDevice::get()?),
        // A file of that name that is no runtime does not matter where there is no card.
        Err(_) if !Path::new("/dev/kfd").exists() => Ok(Memory::Host),
        Err(error) => Err(error),
    }
}

/// The memory of a device, with kernels of ours where there are some for it.
///
/// # Errors
/// What HIP reports.
pub(super) fn memory_of_device(ordinal: u32) -> Result<Memory> {
    match gpu::gpu_of_device(ordinal) {
        Ok(gpu) => Ok(Memory::Device(gpu)),
        Err(error) if matches!(error.status, Status::NotImplemented | Status::NotInitialized) => {
            trace::say(Level::Failure, || {
                format!("device {ordinal}: convolutions are computed on the CPU: {error}")
            });
            Ok(Memory::CopyOnly(ordinal))
        }
        Err(error) => Err(error),
    }
}
