//! Modules, functions, streams, events and memory that free themselves.

use super::api::Handle;
use super::error::{check, is_not_ready, is_of_a_capture, is_wrong_architecture};
use super::library::runtime;
use crate::error::Result;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::null_mut;

/// A handle of the runtime, which may be used from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Raw(Handle);

// SAFETY: HIP's handles may be passed between threads, and its functions called from any.
unsafe impl Send for Raw {}
// SAFETY: as above.
unsafe impl Sync for Raw {}

/// A loaded code object; it belongs to the device that was current.
#[derive(Debug)]
pub struct Module {
    raw: Raw,
}

impl Module {
    /// Loads a code object, or `None` where it is for another architecture.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn load(image: &[u8]) -> Result<Option<Module>> {
        let runtime = runtime()?;
        let mut raw = null_mut();
        // SAFETY: the image is a whole ELF file, whose headers tell its length.
        let code = unsafe { (runtime.api().hipModuleLoadData)(&mut raw, image.as_ptr().cast()) };
        if is_wrong_architecture(code) {
            return Ok(None);
        }
        check(runtime, "hipModuleLoadData", code)?;
        Ok(Some(Module { raw: Raw(raw) }))
    }

    /// A kernel by name.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn function(&self, name: &CStr) -> Result<Function<'_>> {
        let runtime = runtime()?;
        let mut raw = null_mut();
        // SAFETY: a loaded module and a C string.
        let code =
            unsafe { (runtime.api().hipModuleGetFunction)(&mut raw, self.raw.0, name.as_ptr()) };
        check(runtime, "hipModuleGetFunction", code)?;
        Ok(Function { raw: Raw(raw), module: PhantomData })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            // SAFETY: loaded by us, and functions borrow the module.
            unsafe { (runtime.api().hipModuleUnload)(self.raw.0) };
        }
    }
}

/// A kernel of a module.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    raw: Raw,
    module: PhantomData<&'a Module>,
}

impl Function<'_> {
    /// Enqueues `blocks` blocks of `threads` threads, with one structure as the argument.
    ///
    /// # Errors
    /// What HIP reports.
    ///
    /// # Safety
    /// The kernel takes exactly a `P` by value, and the memory that it names is valid on the
    /// device until the launch has run.
    pub unsafe fn launch<P>(
        &self,
        blocks: u32,
        threads: u32,
        stream: StreamRef,
        argument: &P,
    ) -> Result<()> {
        let runtime = runtime()?;
        let mut arguments = [std::ptr::from_ref(argument).cast_mut().cast::<c_void>()];
        // SAFETY: HIP copies the argument before it returns; the rest is the caller's promise.
        let code = unsafe {
            (runtime.api().hipModuleLaunchKernel)(
                self.raw.0,
                blocks,
                1,
                1,
                threads,
                1,
                1,
                0,
                stream.raw.0,
                arguments.as_mut_ptr(),
                null_mut(),
            )
        };
        check(runtime, "hipModuleLaunchKernel", code)
    }
}

/// A stream of somebody's, or the null stream. Not checked: HIP answers for wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamRef {
    raw: Raw,
}

impl StreamRef {
    /// From the address in a `hipStream_t`; 0 is the null stream.
    pub fn from_address(address: usize) -> StreamRef {
        StreamRef { raw: Raw(std::ptr::with_exposed_provenance_mut(address)) }
    }

    /// Waits until all work in the stream is done.
    ///
    /// # Errors
    /// What HIP reports: also faults of earlier kernels.
    pub fn synchronize(self) -> Result<()> {
        let runtime = runtime()?;
        // SAFETY: a stream of the caller's.
        let code = unsafe { (runtime.api().hipStreamSynchronize)(self.raw.0) };
        check(runtime, "hipStreamSynchronize", code)
    }

    /// Later work in the stream starts after the event.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn wait_for(self, event: &Event) -> Result<()> {
        let runtime = runtime()?;
        // SAFETY: a stream of the caller's and an event of ours.
        let code = unsafe { (runtime.api().hipStreamWaitEvent)(self.raw.0, event.raw.0, 0) };
        check(runtime, "hipStreamWaitEvent", code)
    }
}

/// A stream of our own on the current device.
#[derive(Debug)]
pub struct Stream {
    raw: Raw,
}

impl Stream {
    /// A stream that does not synchronise with the null stream.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn new() -> Result<Stream> {
        const NON_BLOCKING: u32 = 1;
        let runtime = runtime()?;
        let mut raw = null_mut();
        // SAFETY: a place for a stream.
        let code = unsafe { (runtime.api().hipStreamCreateWithFlags)(&mut raw, NON_BLOCKING) };
        check(runtime, "hipStreamCreateWithFlags", code)?;
        Ok(Stream { raw: Raw(raw) })
    }

    /// To enqueue in it.
    pub fn as_ref(&self) -> StreamRef {
        StreamRef { raw: self.raw }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            // SAFETY: ours.
            unsafe { (runtime.api().hipStreamDestroy)(self.raw.0) };
        }
    }
}

/// Where a stream stands to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// The work before it is done.
    Passed,
    /// It is not.
    Ahead,
    /// The stream was being recorded into a graph: nothing has run.
    Captured,
}

/// A point in a stream.
#[derive(Debug)]
pub struct Event {
    raw: Raw,
}

impl Event {
    /// An event that can tell times.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn timing() -> Result<Event> {
        Self::with_flags(0)
    }

    /// An event that only orders: cheaper.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn ordering() -> Result<Event> {
        const DISABLE_TIMING: u32 = 2;
        Self::with_flags(DISABLE_TIMING)
    }

    fn with_flags(flags: u32) -> Result<Event> {
        let runtime = runtime()?;
        let mut raw = null_mut();
        // SAFETY: a place for an event.
        let code = unsafe { (runtime.api().hipEventCreateWithFlags)(&mut raw, flags) };
        check(runtime, "hipEventCreateWithFlags", code)?;
        Ok(Event { raw: Raw(raw) })
    }

    /// Marks the present end of the stream.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn record(&self, stream: StreamRef) -> Result<()> {
        let runtime = runtime()?;
        // SAFETY: an event of ours, a stream of the caller's.
        let code = unsafe { (runtime.api().hipEventRecord)(self.raw.0, stream.raw.0) };
        check(runtime, "hipEventRecord", code)
    }

    /// Waits until the stream has come to the event.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn synchronize(&self) -> Result<()> {
        let runtime = runtime()?;
        // SAFETY: an event of ours.
        let code = unsafe { (runtime.api().hipEventSynchronize)(self.raw.0) };
        check(runtime, "hipEventSynchronize", code)
    }

    /// How far the stream has come; nobody waits.
    ///
    /// # Errors
    /// What HIP reports: also faults of earlier kernels.
    pub fn passage(&self) -> Result<Passage> {
        let runtime = runtime()?;
        // SAFETY: an event of ours.
        let code = unsafe { (runtime.api().hipEventQuery)(self.raw.0) };
        if is_not_ready(code) {
            return Ok(Passage::Ahead);
        }
        if is_of_a_capture(code) {
            return Ok(Passage::Captured);
        }
        check(runtime, "hipEventQuery", code)?;
        Ok(Passage::Passed)
    }

    /// Microseconds from `start` to this event; both were recorded and have happened.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn elapsed_us_since(&self, start: &Event) -> Result<f64> {
        let runtime = runtime()?;
        let mut milliseconds = 0.0;
        // SAFETY: events of ours and a place for a float.
        let code = unsafe {
            (runtime.api().hipEventElapsedTime)(&mut milliseconds, start.raw.0, self.raw.0)
        };
        check(runtime, "hipEventElapsedTime", code)?;
        Ok(f64::from(milliseconds) * 1e3)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            // SAFETY: ours.
            unsafe { (runtime.api().hipEventDestroy)(self.raw.0) };
        }
    }
}

/// Memory on the current device.
#[derive(Debug)]
pub struct DeviceMemory {
    raw: Raw,
    len_bytes: usize,
}

impl DeviceMemory {
    /// Uninitialised memory.
    ///
    /// # Errors
    /// `AllocFailed` where there is none left.
    pub fn new(len_bytes: usize) -> Result<DeviceMemory> {
        let runtime = runtime()?;
        let mut raw = null_mut();
        // SAFETY: a place for an address.
        check(runtime, "hipMalloc", unsafe { (runtime.api().hipMalloc)(&mut raw, len_bytes) })?;
        Ok(DeviceMemory { raw: Raw(raw), len_bytes })
    }

    /// The device address.
    pub fn address(&self) -> u64 {
        self.raw.0.expose_provenance() as u64
    }

    /// Length in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            // SAFETY: ours. hipFree waits for kernels that may still use it.
            unsafe { (runtime.api().hipFree)(self.raw.0) };
        }
    }
}

/// Host memory that copies to and from devices run on without a detour.
#[derive(Debug)]
pub struct PinnedMemory {
    raw: Raw,
    len_bytes: usize,
}

impl PinnedMemory {
    /// Uninitialised memory.
    ///
    /// # Errors
    /// `AllocFailed` where there is none left.
    pub fn new(len_bytes: usize) -> Result<PinnedMemory> {
        let runtime = runtime()?;
        let mut raw = null_mut();
        // SAFETY: a place for an address.
        let code = unsafe { (runtime.api().hipHostMalloc)(&mut raw, len_bytes, 0) };
        check(runtime, "hipHostMalloc", code)?;
        Ok(PinnedMemory { raw: Raw(raw), len_bytes })
    }

    /// Length in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Enqueues a copy of `bytes` from a device address to `at` in this memory.
    ///
    /// # Errors
    /// What HIP reports; `BadParm` beyond the end.
    ///
    /// # Safety
    /// The device memory is valid, and nobody looks at this memory before the copy is done.
    pub unsafe fn copy_from_device(
        &self,
        at: usize,
        device: u64,
        bytes: usize,
        stream: StreamRef,
    ) -> Result<()> {
        let (runtime, host) = (runtime()?, self.part(at, bytes)?);
        let device = device_pointer(device);
        // SAFETY: inside this memory; the rest is the caller's promise.
        let code = unsafe { (runtime.api().hipMemcpyDtoHAsync)(host, device, bytes, stream.raw.0) };
        check(runtime, "hipMemcpyDtoHAsync", code)
    }

    /// Enqueues a copy of `bytes` from `at` in this memory to a device address.
    ///
    /// # Errors
    /// As [`PinnedMemory::copy_from_device`].
    ///
    /// # Safety
    /// The device memory is valid, and nobody changes this memory before the copy is done.
    pub unsafe fn copy_to_device(
        &self,
        at: usize,
        device: u64,
        bytes: usize,
        stream: StreamRef,
    ) -> Result<()> {
        let (runtime, host) = (runtime()?, self.part(at, bytes)?);
        let device = device_pointer(device);
        // SAFETY: inside this memory; the rest is the caller's promise.
        let code = unsafe { (runtime.api().hipMemcpyHtoDAsync)(device, host, bytes, stream.raw.0) };
        check(runtime, "hipMemcpyHtoDAsync", code)
    }

    /// The address, for whoever knows that no copy is under way.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.raw.0.cast()
    }

    fn part(&self, at: usize, bytes: usize) -> Result<*mut c_void> {
        if at.checked_add(bytes).is_none_or(|end| end > self.len_bytes) {
            return Err(crate::error::Error::bad_parm("a copy exceeds its pinned buffer"));
        }
        Ok(self.raw.0.wrapping_byte_add(at))
    }
}

impl Drop for PinnedMemory {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            // SAFETY: ours.
            unsafe { (runtime.api().hipHostFree)(self.raw.0) };
        }
    }
}

fn device_pointer(address: u64) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(address as usize)
}
