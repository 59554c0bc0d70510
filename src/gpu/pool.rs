//! Scratch memory on devices: the caller's workspace, else a buffer of our own.
//!
//! There is one buffer for each stream. Work in a stream runs in order, so the next call may reuse
//! it without waiting; that a handle can stand for another stream later (it was destroyed, or means
//! "the stream of this thread") is covered by an event after each use.
#![forbid(unsafe_code)]

use crate::error::{Result, Status};
use crate::hip::{CurrentDevice, DeviceMemory, Event, StreamRef};
use crate::memory::DeviceBuffers;
use crate::per_process::PerProcess;
use crate::solver::Gpu;
use std::sync::{Arc, Mutex, PoisonError};

/// Addresses handed to kernels are multiples of this: the longest access is 16 bytes, a cache
/// line of the card 128.
pub const ALIGN_BYTES: usize = 256;

/// Buffers grow in steps of this, so that layers of one network seldom make them grow.
const STEP_BYTES: usize = 4 << 20;

/// Streams with a buffer on each device; the one unused for longest makes room.
const MAX_BUFFERS: usize = 8;

#[derive(Default)]
struct Buffer {
    memory: Option<DeviceMemory>,
    last_use: Option<Event>,
}

struct Entry {
    key: (u32, StreamRef),
    buffer: Arc<Mutex<Buffer>>,
}

/// Most recently used last.
type Pool = Mutex<Vec<Entry>>;
static POOL: PerProcess<Pool> = PerProcess::new();

/// The scratch memory of one call.
#[derive(Clone, Copy, Debug)]
struct Request {
    ordinal: u32,
    stream: StreamRef,
    bytes: usize,
    /// What the caller gave, which serves if it is long enough.
    workspace: u64,
    workspace_bytes: usize,
}

/// Length that a workspace must have to serve for `bytes`, whatever its address.
pub fn workspace_bytes(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes + ALIGN_BYTES }
}

/// Calls `enqueue` with the address of so many bytes of scratch memory and the stream of `buffers`,
/// while the device is current.
///
/// # Errors
/// `AllocFailed` where memory is short, else what `enqueue` and HIP report.
pub fn enqueue_with_scratch(
    gpu: Gpu,
    buffers: &DeviceBuffers,
    bytes: usize,
    enqueue: impl FnOnce(u64, StreamRef) -> Result<()>,
) -> Result<()> {
    let _current = CurrentDevice::set(gpu.ordinal)?;
    let stream = StreamRef::from_address(buffers.stream());
    let request = Request {
        ordinal: gpu.ordinal,
        stream,
        bytes,
        workspace: buffers.workspace(),
        workspace_bytes: buffers.workspace_bytes(),
    };
    with_scratch(request, |scratch| enqueue(scratch, stream))
}

fn with_scratch(request: Request, enqueue: impl FnOnce(u64) -> Result<()>) -> Result<()> {
    if request.bytes == 0 {
        return enqueue(0);
    }
    if request.workspace != 0 && request.workspace_bytes >= workspace_bytes(request.bytes) {
        return enqueue(request.workspace.next_multiple_of(ALIGN_BYTES as u64));
    }
    let Some(pool) = POOL.get(Pool::default) else {
        // Freeing waits for the kernels.
        let memory = DeviceMemory::new(request.bytes)?;
        return enqueue(memory.address());
    };
    let buffer = entry(&pool, (request.ordinal, request.stream));
    // Held while the call enqueues: two threads on one stream must not mix their kernels.
    let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
    let address = prepare(&pool, &mut buffer, &request)?;
    let result = enqueue(address);
    // Also after a failure: some kernels may be under way.
    let event = match buffer.last_use.take() {
        Some(event) => event,
        None => Event::ordering()?,
    };
    event.record(request.stream)?;
    buffer.last_use = Some(event);
    result
}

fn entry(pool: &Pool, key: (u32, StreamRef)) -> Arc<Mutex<Buffer>> {
    let mut entries = pool.lock().unwrap_or_else(PoisonError::into_inner);
    let buffer = match entries.iter().position(|entry| entry.key == key) {
        Some(at) => entries.remove(at).buffer,
        None => {
            let on_device = entries.iter().filter(|entry| entry.key.0 == key.0).count();
            if on_device >= MAX_BUFFERS
                && let Some(oldest) = entries.iter().position(|entry| entry.key.0 == key.0)
            {
                entries.remove(oldest);
            }
            Arc::default()
        }
    };
    entries.push(Entry { key, buffer: Arc::clone(&buffer) });
    buffer
}

/// Makes the buffer long enough and the stream wait for its last use.
fn prepare(pool: &Pool, buffer: &mut Buffer, request: &Request) -> Result<u64> {
    if let Some(memory) = buffer.memory.as_ref().filter(|m| m.len_bytes() >= request.bytes) {
        if let Some(event) = &buffer.last_use {
            request.stream.wait_for(event)?;
        }
        return Ok(memory.address());
    }
    // Dropping the old one waits for its kernels; both at once might not fit.
    buffer.memory = None;
    buffer.last_use = None;
    let bytes = request.bytes.next_multiple_of(STEP_BYTES);
    let memory = match DeviceMemory::new(bytes) {
        Err(error) if error.status == Status::AllocFailed => {
            release_idle(pool, request.ordinal);
            DeviceMemory::new(request.bytes)?
        }
        other => other?,
    };
    Ok(buffer.memory.insert(memory).address())
}

/// Frees the buffers of a device that nobody uses at the moment.
fn release_idle(pool: &Pool, ordinal: u32) {
    let entries = pool.lock().unwrap_or_else(PoisonError::into_inner);
    for entry in entries.iter().filter(|entry| entry.key.0 == ordinal) {
        // The buffer in question is locked by its user, this thread among them.
        if let Ok(mut buffer) = entry.buffer.try_lock() {
            *buffer = Buffer::default();
        }
    }
}
