//! Which devices are served, and the modules loaded on them.

use super::code_object::{self, NATIVE, relabel};
use crate::error::{Error, Result};
use crate::hip::topology::{Architecture, node_of_device};
use crate::hip::{CurrentDevice, Module, StreamRef};
use crate::per_process::PerProcess;
use crate::solver::Gpu;
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError};

/// The GPU behind a device of the runtime.
///
/// What counts is the silicon, as the kernel driver knows it: an override changes only what the
/// runtime reports.
///
/// # Errors
/// `NotImplemented` for architectures other than gfx10, and in a build without kernels; else what
/// HIP reports.
pub fn gpu_of_device(ordinal: u32) -> Result<Gpu> {
    if code_object::embedded().is_empty() {
        return Err(Error::not_implemented("this build has no GPU kernels"));
    }
    let node = node_of_device(ordinal)?;
    if !code_object::targets().any(|target| target == node.architecture) {
        return Err(Error::not_implemented(format!("no GPU kernels for {}", node.architecture)));
    }
    Ok(Gpu { ordinal, compute_units: node.compute_units.max(1) })
}

type Modules = Mutex<HashMap<(u32, String), Arc<Module>>>;
static MODULES: PerProcess<Modules> = PerProcess::new();

/// The code object of that name, loaded on a device; at first use that takes some milliseconds.
///
/// # Errors
/// What HIP reports; `NotImplemented` where it takes the code under no name.
pub fn module(ordinal: u32, name: &str) -> Result<Arc<Module>> {
    let Some(modules) = MODULES.get(Modules::default) else {
        return load(ordinal, name).map(Arc::new);
    };
    let mut modules = modules.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (ordinal, name.to_owned());
    if let Some(module) = modules.get(&key) {
        return Ok(Arc::clone(module));
    }
    // Loaded under the lock: two threads would both pay for it, and device memory twice.
    let module = Arc::new(load(ordinal, name)?);
    modules.insert(key, Arc::clone(&module));
    Ok(module)
}

fn load(ordinal: u32, name: &str) -> Result<Module> {
    let _current = CurrentDevice::set(ordinal)?;
    let image = code_object::image(name)?;
    let mut tried = Vec::new();
    for label in labels(ordinal) {
        let Some(labelled) = relabel(image, label) else { continue };
        if let Some(module) = Module::load(&labelled)? {
            return Ok(module);
        }
        tried.push(label.to_string());
    }
    Err(Error::not_implemented(format!("HIP takes none of the labels {}", tried.join(" "))))
}

/// Under which names the runtime may want the code: what it was told to say, what the card is,
/// then all others. HIP's own answer (`gcnArchName`) stands in a structure that differs between
/// releases.
fn labels(ordinal: u32) -> Vec<Architecture> {
    let told = std::env::var("HSA_OVERRIDE_GFX_VERSION").ok();
    let told = told.as_deref().and_then(Architecture::from_override);
    let silicon = node_of_device(ordinal).ok().map(|node| node.architecture);
    let mut labels: Vec<Architecture> = Vec::new();
    for label in told.into_iter().chain(silicon).chain([NATIVE]).chain(code_object::targets()) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

/// A kernel that is about to be launched.
pub struct Launch<'a, P> {
    pub kernel: &'a str,
    pub blocks: u32,
    pub threads: u32,
    pub params: &'a P,
}

impl<P> Launch<'_, P> {
    /// Enqueues it.
    ///
    /// # Errors
    /// What HIP reports.
    ///
    /// # Safety
    /// The kernel takes a `P`, and the memory that it names stays valid until it has run.
    pub unsafe fn enqueue(&self, module: &Module, stream: StreamRef) -> Result<()> {
        let name = CString::new(self.kernel)
            .map_err(|_| Error::bad_parm("a kernel's name holds a zero byte"))?;
        // SAFETY: passed on.
        unsafe { module.function(&name)?.launch(self.blocks, self.threads, stream, self.params) }
    }
}
