//! What answers the calls of this process: decided once, at the first of them.
#![forbid(unsafe_code)]

use super::account;
use crate::config::{Device, config};
use crate::error::{Error, Result};
use crate::real::RealLibrary;
use crate::report;
use crate::trace::{self, Level};
use std::sync::OnceLock;

/// Where calls go.
pub(super) enum Backend {
    /// To the real library, whose objects the clients hold.
    Proxy(RealLibrary),
    /// To us.
    Standalone,
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
                report::describe_library(match decided {
                    Backend::Proxy(real) => format!("calls go to {}", real.path().display()),
                    Backend::Standalone => "there is no real libMIOpen".to_owned(),
                });
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
            (Backend::Proxy(real), lines)
        }
        None => (Backend::Standalone, lines),
    }
}

/// Path of the real library, if calls go to one.
pub(super) fn real_path() -> Option<&'static std::path::Path> {
    match backend() {
        Backend::Proxy(real) => Some(real.path()),
        Backend::Standalone => None,
    }
}

/// Whether our own handles can work in this process.
///
/// # Errors
/// `NotImplemented` where a GPU is in use: its buffers are device memory, which only the CPU engine
/// would get to see. A program whose buffers are host memory says so with the setting.
pub(super) fn check_standalone_device() -> Result<()> {
    let on_gpu = config().device == Device::Auto
        && std::path::Path::new("/dev/kfd").exists()
        && std::fs::read_to_string("/proc/self/maps")
            .is_ok_and(|maps| maps.contains("/libamdhip64.so"));
    if on_gpu {
        return Err(Error::not_implemented(
            "no real libMIOpen was found, and standing alone on a GPU is not part of this build; \
             MIOPEN_BYPASS_DEVICE=cpu computes on host memory",
        ));
    }
    Ok(())
}
