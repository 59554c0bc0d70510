//! Streams: queues of work that runs when somebody waits for it.
//!
//! Nothing runs on its own. A client that forgets to wait reads poison, every time, instead of
//! being right by luck. Waiting for one stream runs that stream and what it depends on, and leaves
//! the others alone, so that a missing dependency between streams shows too.

use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use crate::config::{Schedule, config};
use crate::counts::estimate_us;
use crate::device::devices;
use crate::error::HipError;
use crate::launch::{self, Launch};
use crate::memory::{self, Use, registry};
use crate::report::{append, quote};
use crate::runtime::{Event, Function};

/// A position in a stream.
pub type Position = (u64, u64);

pub struct LaunchWork {
    pub function: Function,
    pub arguments: Vec<u8>,
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub dynamic_lds_bytes: u32,
    /// Running number, from 1.
    pub number: u64,
}

pub enum Work {
    Nothing,
    Copy {
        to: u64,
        from: u64,
        bytes: u64,
    },
    /// The source was copied when the call was made, as HIP does with pageable memory.
    Upload {
        to: u64,
        data: Vec<u8>,
    },
    Fill {
        to: u64,
        value: u32,
        element_bytes: u64,
        count: u64,
    },
    Launch(Box<LaunchWork>),
    Record(Arc<Event>),
    Call {
        function: unsafe extern "C" fn(*mut c_void),
        data: usize,
    },
}

struct Op {
    position: u64,
    after: Vec<Position>,
    work: Work,
}

pub struct Stream {
    pub device: usize,
    /// Takes part in the legacy default stream's ordering.
    pub blocking: bool,
    pub flags: u32,
    pub priority: i32,
    queue: VecDeque<Op>,
    pub issued: u64,
    pub done: u64,
    pub clock_us: f64,
    hung: bool,
}

#[derive(Default)]
pub struct Queues {
    streams: HashMap<u64, Stream>,
    null: HashMap<usize, u64>,
    next: u64,
    /// An error that stays until `hipDeviceReset`, by device.
    sticky: HashMap<usize, HipError>,
    pub lost: bool,
    pub launches: u64,
}

pub fn queues() -> MutexGuard<'static, Queues> {
    static QUEUES: OnceLock<Mutex<Queues>> = OnceLock::new();
    QUEUES.get_or_init(Mutex::default).lock().unwrap_or_else(|e| e.into_inner())
}

/// One thread at a time runs work; the queues stay open to the others meanwhile.
fn executor() -> MutexGuard<'static, ()> {
    static EXECUTOR: Mutex<()> = Mutex::new(());
    EXECUTOR.lock().unwrap_or_else(|e| e.into_inner())
}

/// Cost model of what is no kernel: start in microseconds, and bytes a microsecond over PCIe and
/// within device memory.
const OPERATION_US: f64 = 4.0;
const HOST_BYTES_PER_US: f64 = 12e3;
const DEVICE_BYTES_PER_US: f64 = 200e3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    Hung,
}

impl Queues {
    pub fn create(&mut self, device: usize, flags: u32, priority: i32) -> u64 {
        self.next += 1;
        let id = 0x7f5d_0000_0000 + self.next * 16;
        let stream = Stream {
            device,
            blocking: flags & 1 == 0,
            flags,
            priority,
            queue: VecDeque::new(),
            issued: 0,
            done: 0,
            clock_us: 0.0,
            hung: false,
        };
        self.streams.insert(id, stream);
        id
    }

    /// The legacy default stream of a device.
    pub fn null_stream(&mut self, device: usize) -> u64 {
        if let Some(&id) = self.null.get(&device) {
            return id;
        }
        let id = self.create(device, 0, 0);
        self.null.insert(device, id);
        id
    }

    pub fn stream(&self, id: u64) -> Option<&Stream> {
        self.streams.get(&id)
    }

    pub fn is_done(&self, (stream, position): Position) -> bool {
        self.streams.get(&stream).is_none_or(|s| s.done >= position)
    }

    pub fn end(&self, stream: u64) -> Position {
        (stream, self.streams.get(&stream).map_or(0, |s| s.issued))
    }

    pub fn remove(&mut self, stream: u64) {
        self.streams.remove(&stream);
    }

    /// Ends of all streams of a device.
    pub fn ends(&self, device: usize) -> Vec<Position> {
        let mut ends: Vec<Position> = self
            .streams
            .iter()
            .filter(|(_, s)| s.device == device)
            .map(|(&id, s)| (id, s.issued))
            .collect();
        ends.sort_unstable();
        ends
    }

    pub fn sticky(&self, device: usize) -> Option<HipError> {
        if self.lost { Some(HipError::LAUNCH_FAILURE) } else { self.sticky.get(&device).copied() }
    }

    pub fn clear_sticky(&mut self, device: usize) {
        self.sticky.remove(&device);
    }

    /// Queues work behind what the stream and the default stream's rules demand.
    fn push(&mut self, stream: u64, work: Work, mut after: Vec<Position>) -> Option<Position> {
        let (device, blocking) = self.streams.get(&stream).map(|s| (s.device, s.blocking))?;
        let null = self.null_stream(device);
        if stream == null {
            let others = self.streams.iter();
            let others = others.filter(|(id, s)| **id != null && s.device == device && s.blocking);
            after.extend(others.map(|(&id, s)| (id, s.issued)));
        } else if blocking {
            after.push(self.end(null));
        }
        let stream_state = self.streams.get_mut(&stream)?;
        stream_state.issued += 1;
        let position = stream_state.issued;
        stream_state.queue.push_back(Op { position, after, work });
        Some((stream, position))
    }
}

/// Queues work and, where the schedule says so, runs it at once.
pub fn enqueue(stream: u64, work: Work, after: Vec<Position>) -> Result<Position, HipError> {
    let position = queues().push(stream, work, after).ok_or(HipError::INVALID_HANDLE)?;
    if config().schedule == Schedule::Eager {
        run_until(position);
    }
    Ok(position)
}

/// Records an event at the end of a stream.
pub fn record(stream: u64, event: &Arc<Event>) -> Result<(), HipError> {
    let position = queues()
        .push(stream, Work::Record(Arc::clone(event)), Vec::new())
        .ok_or(HipError::INVALID_HANDLE)?;
    {
        let mut state = event.lock();
        state.recorded = Some(position);
        state.happened = None;
    }
    if config().schedule == Schedule::Eager {
        run_until(position);
    }
    Ok(())
}

/// Runs a stream up to a position, and what it depends on.
pub fn run_until(target: Position) -> Progress {
    let _running = executor();
    let mut wanted = vec![target];
    while let Some(&position) = wanted.last() {
        match step(position) {
            Step::Reached => {
                wanted.pop();
            }
            Step::First(other) => wanted.push(other),
            Step::Ran => {}
            Step::Hung => return Progress::Hung,
        }
    }
    Progress::Done
}

/// Runs at most one operation of a stream (after what it depends on): polling makes progress.
pub fn run_one(stream: u64) {
    let next = queues().streams.get(&stream).map(|s| s.done + 1);
    if let Some(position) = next
        && !queues().is_done((stream, position))
        && queues().end(stream).1 >= position
    {
        run_until((stream, position));
    }
}

/// Waits for ever, as a client of a hung card does.
pub fn wait_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

enum Step {
    Reached,
    /// Something else has to run before.
    First(Position),
    Ran,
    Hung,
}

fn step((id, position): Position) -> Step {
    let (op, device, failed) = {
        let mut queues = queues();
        if queues.is_done((id, position)) {
            return Step::Reached;
        }
        let Some(stream) = queues.streams.get(&id) else { return Step::Reached };
        if stream.hung {
            return Step::Hung;
        }
        let Some(front) = stream.queue.front() else { return Step::Reached };
        if let Some(&other) = front.after.iter().find(|&&p| !queues.is_done(p)) {
            return Step::First(other);
        }
        let device = stream.device;
        let failed = queues.sticky(device);
        let starts: Vec<f64> = front
            .after
            .iter()
            .filter_map(|(other, _)| queues.streams.get(other))
            .map(|s| s.clock_us)
            .collect();
        let Some(stream) = queues.streams.get_mut(&id) else { return Step::Reached };
        stream.clock_us = starts.into_iter().fold(stream.clock_us, f64::max);
        let Some(op) = stream.queue.pop_front() else { return Step::Reached };
        (op, device, failed)
    };
    let began = Instant::now();
    let record = match &op.work {
        Work::Record(event) => Some(Arc::clone(event)),
        _ => None,
    };
    let outcome = match (failed, op.work) {
        // A broken device does nothing any more, but its streams still drain.
        (Some(_), work) if !matches!(work, Work::Record(_) | Work::Call { .. }) => Ok(Some(0.0)),
        (_, work) => perform(work, device),
    };
    let mut queues = queues();
    if let Err(error) = outcome {
        queues.sticky.entry(device).or_insert(error);
    }
    let Some(stream) = queues.streams.get_mut(&id) else { return Step::Reached };
    match outcome {
        Ok(None) => {
            stream.hung = true;
            return Step::Hung;
        }
        Ok(Some(modelled_us)) => {
            let host_us = began.elapsed().as_secs_f64() * 1e6;
            stream.clock_us += if config().host_clock { host_us } else { modelled_us };
        }
        Err(_) => {}
    }
    stream.done = op.position;
    let clock = stream.clock_us;
    drop(queues);
    if let Some(event) = record {
        event.lock().happened = Some((id, op.position, clock));
    }
    Step::Ran
}

/// Does the work; gives its modelled duration, or `None` where it never ends.
fn perform(work: Work, device: usize) -> Result<Option<f64>, HipError> {
    let bad = |memory::BadRange(message): memory::BadRange| {
        eprintln!("simhip: queued memory operation: {message}");
        let line = format!(
            "{{\"event\":\"fault\",\"kind\":\"bad_copy\",\"message\":{}}}",
            quote(&message)
        );
        append(config().report.as_deref(), &line);
        HipError::ILLEGAL_ADDRESS
    };
    match work {
        Work::Nothing | Work::Record(_) => Ok(Some(0.0)),
        Work::Copy { to, from, bytes } => {
            // SAFETY: the client promised the ranges when it queued the copy; ours are checked.
            unsafe { memory::copy(to, from, bytes) }.map_err(bad)?;
            Ok(Some(OPERATION_US + bytes as f64 / HOST_BYTES_PER_US))
        }
        Work::Upload { to, data } => {
            let bytes = data.len() as u64;
            let from = data.as_ptr().expose_provenance() as u64;
            // SAFETY: the source is `data`; the target is checked or the client's promise.
            unsafe { memory::copy(to, from, bytes) }.map_err(bad)?;
            Ok(Some(OPERATION_US + bytes as f64 / HOST_BYTES_PER_US))
        }
        Work::Fill { to, value, element_bytes, count } => {
            // SAFETY: as for a copy.
            unsafe { memory::fill(to, value, element_bytes, count) }.map_err(bad)?;
            Ok(Some(OPERATION_US + (count * element_bytes) as f64 / DEVICE_BYTES_PER_US))
        }
        Work::Call { function, data } => {
            // SAFETY: the client gave the function with this argument for exactly this call.
            unsafe { function(std::ptr::with_exposed_provenance_mut(data)) };
            Ok(Some(OPERATION_US))
        }
        Work::Launch(work) => run_launch(&work, device),
    }
}

/// Reports of the last launch that ended and of the last finding, as JSON.
#[derive(Default)]
pub struct Last {
    pub launch: String,
    pub fault: String,
}

pub fn last() -> MutexGuard<'static, Last> {
    static LAST: OnceLock<Mutex<Last>> = OnceLock::new();
    LAST.get_or_init(Mutex::default).lock().unwrap_or_else(|e| e.into_inner())
}

/// Dispatch packet, then arguments on a boundary of 64 bytes.
const PACKET_BYTES: usize = 64;

fn run_launch(work: &LaunchWork, device: usize) -> Result<Option<f64>, HipError> {
    let config = config();
    let kernel = &work.function.kernel;
    if let Some(hang) = &config.hang
        && (hang.parse() == Ok(work.number)
            || (hang.parse::<u64>().is_err() && kernel.name.contains(hang)))
    {
        return Ok(None);
    }
    if config.lost_at.is_some_and(|at| work.number >= at) {
        queues().lost = true;
        return Err(HipError::LAUNCH_FAILURE);
    }
    if config.slow_ms > 0 {
        std::thread::sleep(Duration::from_millis(config.slow_ms));
    }
    let mut bytes = dispatch_packet(work);
    bytes.extend_from_slice(&work.arguments);
    // The runtime rounds the segment up, and compilers read whole vectors of arguments.
    bytes.resize(bytes.len().next_multiple_of(PACKET_BYTES), 0);
    let area = registry()
        .allocate(bytes.len() as u64, device, Use::Launch, 0)
        .ok_or(HipError::OUT_OF_MEMORY)?;
    let source = bytes.as_ptr().expose_provenance() as u64;
    // SAFETY: the area was just allocated with the size of `bytes`.
    let copied = unsafe { memory::copy(area.start, source, bytes.len() as u64) };
    let mut view = registry().view(device);
    view.add(&area);
    let module = &work.function.module;
    let began = Instant::now();
    let outcome = launch::execute(&Launch {
        kernel,
        code: &module.loaded.code,
        view: &view,
        image: module.allocation.start,
        kernarg: area.start + PACKET_BYTES as u64,
        dispatch: area.start,
        grid: work.grid,
        block: work.block,
        dynamic_lds_bytes: work.dynamic_lds_bytes,
        threads: config.threads,
        instruction_limit: config.instruction_limit,
        lenient_range_check: config.lenient_range_check,
    });
    registry().release(area.start);
    copied.map_err(|_| HipError::UNKNOWN)?;
    match outcome {
        Ok(counts) => {
            let host_us = began.elapsed().as_secs_f64() * 1e6;
            let estimate = estimate_us(&counts, &devices()[device].model.card);
            let line = counts.to_json(device, estimate, host_us);
            append(config.report.as_deref(), &line);
            last().launch = line;
            Ok(Some(estimate))
        }
        Err(finding) => {
            eprintln!("simhip: {finding}");
            let line = finding.to_json();
            append(config.report.as_deref(), &line);
            last().fault = line;
            Err(HipError::LAUNCH_FAILURE)
        }
    }
}

/// `hsa_kernel_dispatch_packet_t`, as far as kernels read it.
fn dispatch_packet(work: &LaunchWork) -> Vec<u8> {
    let mut packet = vec![0; PACKET_BYTES];
    let mut put = |at: usize, bytes: &[u8]| packet[at..at + bytes.len()].copy_from_slice(bytes);
    put(2, &3u16.to_le_bytes());
    for k in 0..3 {
        put(4 + 2 * k, &(work.block[k] as u16).to_le_bytes());
        put(12 + 4 * k, &work.grid[k].wrapping_mul(work.block[k]).to_le_bytes());
    }
    let lds_bytes = work.function.kernel.lds_bytes + work.dynamic_lds_bytes;
    put(28, &lds_bytes.to_le_bytes());
    packet
}
