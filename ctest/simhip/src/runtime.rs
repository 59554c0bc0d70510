//! Objects behind the client's handles: modules, functions, events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use crate::config::config;
use crate::device::devices;
use crate::error::HipError;
use crate::memory::{self, Allocation, Use, registry};
use crate::module::{self, Kernel, LoadError, Loaded};

/// A loaded module on its device.
pub struct Module {
    pub device: usize,
    pub loaded: Loaded,
    /// Where the image lies.
    pub allocation: Arc<Allocation>,
    kernels: HashMap<String, Arc<Kernel>>,
}

impl Drop for Module {
    fn drop(&mut self) {
        registry().release(self.allocation.start);
    }
}

/// What `hipModuleGetFunction` gives.
#[derive(Clone)]
pub struct Function {
    pub module: Arc<Module>,
    pub kernel: Arc<Kernel>,
}

/// State of an event.
#[derive(Debug, Default)]
pub struct EventState {
    /// Stream and position of the last record.
    pub recorded: Option<(u64, u64)>,
    /// Time on the simulated clock at which the record at that position happened.
    pub happened: Option<(u64, u64, f64)>,
}

pub struct Event {
    pub device: usize,
    pub timed: bool,
    pub state: Mutex<EventState>,
}

impl Event {
    pub fn lock(&self) -> MutexGuard<'_, EventState> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[derive(Default)]
pub struct Objects {
    last_handle: u64,
    pub events: HashMap<u64, Arc<Event>>,
    pub modules: HashMap<u64, Arc<Module>>,
    pub functions: HashMap<u64, Function>,
    function_handles: HashMap<(u64, String), u64>,
}

pub fn objects() -> MutexGuard<'static, Objects> {
    static OBJECTS: OnceLock<Mutex<Objects>> = OnceLock::new();
    OBJECTS.get_or_init(Mutex::default).lock().unwrap_or_else(|e| e.into_inner())
}

impl Objects {
    /// Handles are addresses that no client can follow, and are never given out twice.
    pub fn handle(&mut self) -> u64 {
        self.last_handle += 16;
        0x7f5e_0000_0000 + self.last_handle
    }

    pub fn event(&self, handle: u64) -> Result<Arc<Event>, HipError> {
        self.events.get(&handle).cloned().ok_or(HipError::INVALID_HANDLE)
    }

    pub fn function(&mut self, module: u64, name: &str) -> Result<u64, HipError> {
        let key = (module, name.to_string());
        if let Some(&known) = self.function_handles.get(&key) {
            return Ok(known);
        }
        let module = self.modules.get(&module).ok_or(HipError::INVALID_HANDLE)?;
        let kernel = module.kernels.get(name).ok_or(HipError::NOT_FOUND)?;
        let function = Function { module: Arc::clone(module), kernel: Arc::clone(kernel) };
        let handle = self.handle();
        self.functions.insert(handle, function);
        self.function_handles.insert(key, handle);
        Ok(handle)
    }

    pub fn unload(&mut self, module: u64) -> Result<(), HipError> {
        self.modules.remove(&module).ok_or(HipError::INVALID_HANDLE)?;
        let gone: Vec<u64> = self
            .function_handles
            .iter()
            .filter(|((owner, _), _)| *owner == module)
            .map(|(_, &handle)| handle)
            .collect();
        self.function_handles.retain(|(owner, _), _| *owner != module);
        for handle in gone {
            self.functions.remove(&handle);
        }
        Ok(())
    }
}

/// Loads a code object onto a device.
pub fn load_module(data: &[u8], device: usize) -> Result<u64, HipError> {
    let target = &devices()[device];
    let loaded = module::load(data, &target.reported, &target.silicon).map_err(|e| match e {
        LoadError::Image(message) => {
            eprintln!("simhip: hipModuleLoad: {message}");
            HipError::INVALID_IMAGE
        }
        LoadError::Target(message) => {
            eprintln!("simhip: hipModuleLoad: {message}");
            HipError::NO_BINARY_FOR_GPU
        }
    })?;
    let bytes = loaded.image.len() as u64;
    let allocation =
        registry().allocate(bytes, device, Use::Code, 0).ok_or(HipError::OUT_OF_MEMORY)?;
    let mut image = loaded.image.clone();
    for &(at, addend) in &loaded.relocations {
        let value = allocation.start.wrapping_add_signed(addend);
        if let Some(place) = image.get_mut(at as usize..at as usize + 8) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }
    // SAFETY: the target is the allocation just made, the source a slice of the same length.
    unsafe { memory::copy(allocation.start, image.as_ptr().expose_provenance() as u64, bytes) }
        .map_err(|_| HipError::UNKNOWN)?;
    let kernels =
        loaded.kernels.iter().map(|(name, k)| (name.clone(), Arc::new(k.clone()))).collect();
    let module = Arc::new(Module { device, loaded, allocation, kernels });
    let mut objects = objects();
    let handle = objects.handle();
    objects.modules.insert(handle, module);
    Ok(handle)
}

/// First use of the library: the KFD folder is written before anybody can look for it.
pub fn initialise() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let config = config();
        if let Some(folder) = &config.kfd
            && let Err(error) = crate::kfd::write(folder, devices(), config.kfd_reversed)
        {
            eprintln!("simhip: cannot write {}: {error}", folder.display());
        }
    });
}
