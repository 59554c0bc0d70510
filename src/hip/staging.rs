//! Host memory through which tensors of a device pass, with the copies that are under way.

use super::library::runtime;
use super::objects::{Event, PinnedMemory, StreamRef};
use crate::error::{Error, Result};
use crate::memory::{self, DeviceSpan, InputBuffer, OutputBuffer};
use crate::problem::TensorDesc;
use std::ops::Range;

/// Buffers grow in steps of this, so that layers of one network seldom make them grow: pinning
/// memory takes milliseconds.
const STEP_BYTES: usize = 1 << 20;

/// Room for one tensor at a time. Whoever looks at it waits for the copy that is under way.
#[derive(Debug)]
pub struct Staging {
    memory: Option<PinnedMemory>,
    done: Event,
    is_under_way: bool,
}

impl Staging {
    /// Without memory yet, for streams of the current device.
    ///
    /// # Errors
    /// What HIP reports; `NotInitialized` without a runtime.
    pub fn new() -> Result<Staging> {
        runtime()?;
        Ok(Staging { memory: None, done: Event::ordering()?, is_under_way: false })
    }

    /// Bytes that it holds on to.
    pub fn len_bytes(&self) -> usize {
        self.memory.as_ref().map_or(0, PinnedMemory::len_bytes)
    }

    /// Makes room for `bytes`; what was there is lost.
    ///
    /// # Errors
    /// `AllocFailed` where memory is short, else what HIP reports.
    pub fn reserve(&mut self, bytes: usize) -> Result<()> {
        if self.len_bytes() < bytes {
            self.wait()?;
            // Both at once might not fit.
            self.memory = None;
            self.memory = Some(PinnedMemory::new(bytes.next_multiple_of(STEP_BYTES))?);
        }
        Ok(())
    }

    /// Enqueues a copy of the whole span to here.
    ///
    /// # Errors
    /// As [`Staging::reserve`].
    pub fn fetch(&mut self, from: DeviceSpan, stream: StreamRef) -> Result<()> {
        self.reserve(from.len_bytes())?;
        let Some(memory) = &self.memory else { return Ok(()) };
        self.is_under_way = true;
        // SAFETY: whoever made the span answers for it; views of this memory wait for the event.
        unsafe { memory.copy_from_device(0, from.address(), from.len_bytes(), stream) }?;
        self.done.record(stream)
    }

    /// Enqueues copies of these byte ranges to the same places in the span.
    ///
    /// # Errors
    /// What HIP reports; `BadParm` for a range outside of the span.
    pub fn store(
        &mut self,
        to: DeviceSpan,
        ranges: impl Iterator<Item = Range<usize>>,
        stream: StreamRef,
    ) -> Result<()> {
        let Some(memory) = &self.memory else {
            return Err(Error::bad_parm("there is nothing to store"));
        };
        self.is_under_way = true;
        for range in ranges {
            let part = to.part(range.start, range.len())?;
            // SAFETY: as in `fetch`.
            unsafe {
                memory.copy_to_device(range.start, part.address(), range.len(), stream)?;
            }
        }
        self.done.record(stream)
    }

    /// Waits for the copy that is under way.
    ///
    /// # Errors
    /// What HIP reports: also faults of kernels that ran before it.
    pub fn wait(&mut self) -> Result<()> {
        if self.is_under_way {
            self.done.synchronize()?;
            self.is_under_way = false;
        }
        Ok(())
    }

    /// The contents as a tensor.
    ///
    /// # Errors
    /// As [`Staging::wait`]; `BadParm` where there is no room for it, `NotImplemented` for types
    /// that no convolution reads.
    pub fn input(&mut self, tensor: &TensorDesc) -> Result<InputBuffer<'_>> {
        let pointer = self.address_for(tensor)?;
        // SAFETY: long enough, and borrowed as long as the buffer lives. HIP's allocator filled
        // the memory, so that every byte has a value.
        unsafe { memory::input_buffer(pointer.cast(), tensor) }
    }

    /// The place for a tensor, whose old contents it has if they were fetched.
    ///
    /// # Errors
    /// As [`Staging::input`], for types that no convolution writes.
    pub fn output(&mut self, tensor: &TensorDesc) -> Result<OutputBuffer<'_>> {
        let pointer = self.address_for(tensor)?;
        // SAFETY: as above, and exclusively borrowed.
        unsafe { memory::output_buffer(pointer.cast(), tensor) }
    }

    fn address_for(&mut self, tensor: &TensorDesc) -> Result<*mut u8> {
        self.wait()?;
        match &self.memory {
            Some(memory) if memory.len_bytes() >= tensor.span_bytes() => Ok(memory.as_mut_ptr()),
            _ => Err(Error::bad_parm("no room for a tensor was reserved")),
        }
    }
}

impl Drop for Staging {
    /// A copy must not outlive the memory. Where HIP fails, nothing is under way any more.
    fn drop(&mut self) {
        let _ = self.wait();
    }
}
