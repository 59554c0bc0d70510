//! The CPU's solvers for tensors on a device: copied to the host in pieces, computed, copied back.
//!
//! While one piece is computed the next one is on its way here and the last one on its way back.
//! Pieces are parts of the batch, so a single image is one piece.
#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use super::Choice;
use crate::error::{Error, Result};
use crate::hip::{CurrentDevice, Event, Staging, Stream, StreamRef};
use crate::memory::{DeviceBuffers, DeviceSpan, HostBuffers};
use crate::per_process::PerProcess;
use crate::problem::{ConvProblem, DataType, Direction, Role, TensorDesc};
use crate::solver::{
    Algorithm, Applicability, Buffers, Context, ConvArgs, Memory, Plan, Reason, Solver, SolverId,
};

/// Input and output of a piece: a few milliseconds of copying, so that the start of a copy (some
/// 10 us) does not count, and pinned memory stays small beside a network's tensors.
const PIECE_BYTES: usize = 16 << 20;

/// An output in more parts than this is copied back as one, gaps included: a copy of its own for
/// each costs more than the bytes between them.
const MAX_RUNS: usize = 4096;

/// PCIe 3.0 with 16 lanes moves about 12 GB/s, RDNA1 cards in old machines less.
const COPY_BYTES_PER_US: f64 = 10e3;

/// Rooms that are kept for later calls, and the longest one worth keeping.
const MAX_ROOMS: usize = 4;
const MAX_ROOM_BYTES: usize = 256 << 20;

/// Name of [`Staged`].
pub const STAGED: &str = "cpu_staged";

/// Whatever the CPU's own solvers can do, for tensors on a device.
pub struct Staged;

impl Solver for Staged {
    fn id(&self) -> SolverId {
        SolverId(SolverId::FIRST + 2000)
    }

    fn name(&self) -> &'static str {
        STAGED
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Gemm
    }

    fn reaches(&self, memory: Memory) -> bool {
        memory.ordinal().is_some()
    }

    fn is_last_resort(&self) -> bool {
        true
    }

    fn applicable(&self, problem: &ConvProblem, context: &Context) -> Applicability {
        if context.memory.ordinal().is_none() {
            return Err(Reason::new("the tensors are in host memory already"));
        }
        if super::serving(problem, &on_host(context)).is_empty() {
            return Err(Reason::new("no solver of the CPU serves it either"));
        }
        Ok(())
    }

    fn estimate_us(&self, problem: &ConvProblem, context: &Context) -> f64 {
        let on_host = on_host(context);
        let compute_us = super::choose(problem, Choice::Default, &on_host)
            .map_or(f64::INFINITY, |solver| solver.estimate_us(problem, &on_host));
        compute_us + problem.tensor_bytes() / COPY_BYTES_PER_US
    }

    fn plan(&self, problem: &ConvProblem, context: &Context) -> Result<Box<dyn Plan>> {
        let ordinal = context
            .memory
            .ordinal()
            .ok_or_else(|| Error::bad_parm("the tensors are not on a device"))?;
        Ok(Box::new(StagedPlan {
            on_host: on_host(context),
            ordinal,
            images_per_piece: images_per_piece(problem),
            problem: problem.clone(),
        }))
    }
}

fn on_host(context: &Context) -> Context {
    context.clone().with_memory(Memory::Host)
}

/// Images of a piece; all of them where pieces would share bytes or round sums.
fn images_per_piece(problem: &ConvProblem) -> usize {
    let n = problem.n();
    let mut image_bytes = 0;
    for role in [Role::X, Role::Y] {
        let tensor = problem.tensor(role);
        let Ok(image) = tensor.with_length(0, 1) else { return n };
        if n > 1 && tensor.strides()[0] < image.span_elems() {
            return n;
        }
        image_bytes += image.span_bytes();
    }
    // Partial sums of the filter's gradient pass through its type.
    if problem.direction() == Direction::Wrw && problem.output_dtype() != DataType::F32 {
        return n;
    }
    (PIECE_BYTES / image_bytes.max(1)).clamp(1, n)
}

struct StagedPlan {
    problem: ConvProblem,
    images_per_piece: usize,
    ordinal: u32,
    on_host: Context,
}

/// Whether a tensor goes with the images, so that a piece has a part of it.
fn is_by_image(role: Role) -> bool {
    role != Role::W
}

impl StagedPlan {
    /// The part of a tensor that belongs to the images from `first` on.
    fn part(
        &self,
        role: Role,
        span: DeviceSpan,
        first: usize,
        images: usize,
    ) -> Result<DeviceSpan> {
        if !is_by_image(role) {
            return Ok(span);
        }
        let tensor = self.problem.tensor(role);
        let from = first * tensor.strides()[0] * tensor.dtype().size_bytes();
        span.part(from, tensor.with_length(0, images)?.span_bytes())
    }

    fn run(&self, room: &mut Room, buffers: DeviceBuffers, alpha: f64, beta: f64) -> Result<()> {
        let n = self.problem.n();
        let stream = room.after(StreamRef::from_address(buffers.stream()))?;
        let roles = self.problem.direction().input_roles();
        let output_role = self.problem.direction().output_role();
        let gathers = !is_by_image(output_role);
        let fetch = |room: &mut Room, first: usize, index: usize| -> Result<()> {
            let images = self.images_per_piece.min(n - first);
            for (at, (&role, span)) in roles.iter().zip(buffers.input_spans()).enumerate() {
                if is_by_image(role) || first == 0 {
                    let part = self.part(role, span, first, images)?;
                    room.inputs[slot_of(role, index)][at].fetch(part, stream)?;
                }
            }
            if gathers && first > 0 {
                return Ok(());
            }
            let part = self.part(output_role, buffers.output_span(), first, images)?;
            let staging = &mut room.outputs[slot_of(output_role, index)];
            if beta != 0.0 || is_shredded(&self.problem.output_tensor().with_length(0, images)?) {
                staging.fetch(part, stream)
            } else {
                staging.reserve(part.len_bytes())
            }
        };

        fetch(room, 0, 0)?;
        for (index, first) in (0..n).step_by(self.images_per_piece).enumerate() {
            let images = self.images_per_piece.min(n - first);
            let next = first + images;
            if next < n {
                fetch(room, next, index + 1)?;
            }
            let piece = self.problem.with_images(images)?;
            self.compute(
                room,
                &piece,
                index,
                alpha,
                if gathers && first > 0 { 1.0 } else { beta },
            )?;
            if !gathers || next == n {
                let part = self.part(output_role, buffers.output_span(), first, images)?;
                let staging = &mut room.outputs[slot_of(output_role, index)];
                store(staging, piece.output_tensor(), part, stream)?;
            }
        }
        // The copies back are over when this returns, so all later work comes after them.
        room.wait()
    }

    fn compute(
        &self,
        room: &mut Room,
        piece: &ConvProblem,
        index: usize,
        alpha: f64,
        beta: f64,
    ) -> Result<()> {
        let roles = piece.direction().input_roles();
        let Room { inputs: [even, odd], outputs, .. } = room;
        let [even_first, even_second] = even;
        let [odd_first, odd_second] = odd;
        let pick = |role: Role| slot_of(role, index) == 0;
        let first = if pick(roles[0]) { even_first } else { odd_first };
        let second = if pick(roles[1]) { even_second } else { odd_second };
        let tensors = piece.input_tensors();
        let mut args = ConvArgs {
            buffers: Buffers::Host(HostBuffers {
                inputs: [first.input(tensors[0])?, second.input(tensors[1])?],
                output: outputs[slot_of(piece.direction().output_role(), index)]
                    .output(piece.output_tensor())?,
            }),
            alpha,
            beta,
            workspace: &mut [],
        };
        super::run(piece, Choice::Default, &self.on_host, &mut args).map(drop)
    }
}

/// Pieces take turns in two rooms; what all pieces share has one.
fn slot_of(role: Role, index: usize) -> usize {
    if is_by_image(role) { index % 2 } else { 0 }
}

/// Whether an output lies in so many parts that its span is read, filled in and written whole.
fn is_shredded(tensor: &TensorDesc) -> bool {
    tensor.byte_runs().len() > MAX_RUNS
}

/// Enqueues the copy of an output; what lies in its gaps is left alone, if they are not too many.
fn store(
    staging: &mut Staging,
    tensor: &TensorDesc,
    to: DeviceSpan,
    stream: StreamRef,
) -> Result<()> {
    if is_shredded(tensor) {
        staging.store(to, std::iter::once(0..tensor.span_bytes()), stream)
    } else {
        staging.store(to, tensor.byte_runs(), stream)
    }
}

impl Plan for StagedPlan {
    fn workspace_bytes(&self) -> usize {
        0
    }

    fn execute(&self, _context: &Context, args: &mut ConvArgs<'_>) -> Result<()> {
        let buffers = args.buffers.device()?;
        with_room(self.ordinal, |room| self.run(room, buffers, args.alpha, args.beta))
    }
}

/// Runs an operation of the CPU with one input and one output on tensors of a device: `compute`
/// finds the old output in place.
///
/// # Errors
/// What HIP and `compute` report.
pub fn on_device(
    ordinal: u32,
    stream: StreamRef,
    (input_desc, input): (&TensorDesc, DeviceSpan),
    (output_desc, output): (&TensorDesc, DeviceSpan),
    compute: impl FnOnce(crate::memory::InputBuffer<'_>, crate::memory::OutputBuffer<'_>) -> Result<()>,
) -> Result<()> {
    with_room(ordinal, |room| {
        let stream = room.after(stream)?;
        let (to_read, to_write) = (&mut room.inputs[0][0], &mut room.outputs[0]);
        to_read.fetch(input, stream)?;
        to_write.fetch(output, stream)?;
        compute(to_read.input(input_desc)?, to_write.output(output_desc)?)?;
        store(to_write, output_desc, output, stream)?;
        room.wait()
    })
}

/// Staging for one call: two pieces in turn.
struct Room {
    ordinal: u32,
    /// `[piece][input]`.
    inputs: [[Staging; 2]; 2],
    outputs: [Staging; 2],
    start: Event,
    // Dropped last: the copies run in it.
    stream: Stream,
}

impl Room {
    fn new(ordinal: u32) -> Result<Room> {
        let pair = || Ok::<_, Error>([Staging::new()?, Staging::new()?]);
        Ok(Room {
            ordinal,
            inputs: [pair()?, pair()?],
            outputs: pair()?,
            start: Event::ordering()?,
            stream: Stream::new()?,
        })
    }

    /// The stream for copies, which waits for what is in the caller's stream by now.
    fn after(&mut self, caller: StreamRef) -> Result<StreamRef> {
        self.start.record(caller)?;
        self.stream.as_ref().wait_for(&self.start)?;
        Ok(self.stream.as_ref())
    }

    fn wait(&mut self) -> Result<()> {
        self.inputs.iter_mut().flatten().chain(&mut self.outputs).try_for_each(Staging::wait)
    }

    fn len_bytes(&self) -> usize {
        self.inputs.iter().flatten().chain(&self.outputs).map(Staging::len_bytes).sum()
    }
}

type Rooms = Mutex<Vec<Room>>;
static ROOMS: PerProcess<Rooms> = PerProcess::new();

/// Calls `work` with a room on the device, which is current meanwhile.
fn with_room(ordinal: u32, work: impl FnOnce(&mut Room) -> Result<()>) -> Result<()> {
    let _current = CurrentDevice::set(ordinal)?;
    let rooms = ROOMS.get(Rooms::default);
    let kept = rooms.as_ref().and_then(|rooms| {
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let at = rooms.iter().position(|room| room.ordinal == ordinal)?;
        Some(rooms.swap_remove(at))
    });
    let mut room = match kept {
        Some(room) => room,
        None => Room::new(ordinal)?,
    };
    let result = work(&mut room);
    if let (Ok(()), Some(rooms)) = (&result, rooms)
        && room.len_bytes() <= MAX_ROOM_BYTES
    {
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() < MAX_ROOMS {
            rooms.push(room);
        }
    }
    result
}
