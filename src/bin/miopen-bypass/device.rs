//! Tensors on a GPU: copied there, computed with, and copied back.
#![allow(unsafe_code)]

use std::ffi::c_void;

use MIOpen::engine::{self, Choice};
use MIOpen::error::{Error, Result};
use MIOpen::gpu::gpu_of_device;
use MIOpen::hip::{CurrentDevice, DeviceMemory, Staging, StreamRef};
use MIOpen::memory::{DeviceBuffers, DeviceSpan, OutputBuffer};
use MIOpen::problem::{ConvProblem, Role, TensorDesc};
use MIOpen::solver::{Buffers, Context, ConvArgs, Memory};

use crate::conv::tensors::{Elements, Tensors};

/// Where convolutions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    #[default]
    Cpu,
    /// The HIP device of this number.
    Hip(u32),
}

/// `cpu`, `hip` or `hip:NUMBER`.
pub fn parse(text: &str) -> std::result::Result<Device, String> {
    match text.split_once(':').unwrap_or((text, "0")) {
        ("cpu", "0") => Ok(Device::Cpu),
        ("hip", number) => number.parse().map(Device::Hip).map_err(|_| "no such number".to_owned()),
        _ => Err("takes cpu, hip or hip:NUMBER".to_owned()),
    }
}

impl Device {
    /// The memory that its tensors lie in.
    ///
    /// # Errors
    /// Where there is no such GPU, or none that the kernels are for.
    pub fn memory(self) -> Result<Memory> {
        match self {
            Device::Cpu => Ok(Memory::Host),
            Device::Hip(ordinal) => gpu_of_device(ordinal).map(Memory::Device),
        }
    }
}

/// The tensors of a problem on a device, in its null stream.
pub struct OnDevice {
    ordinal: u32,
    /// x, w, y.
    tensors: [DeviceMemory; 3],
    workspace: Option<DeviceMemory>,
    staging: Staging,
}

const ROLES: [Role; 3] = [Role::X, Role::W, Role::Y];

fn stream() -> StreamRef {
    StreamRef::from_address(0)
}

fn pointer(memory: &DeviceMemory) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(memory.address() as usize)
}

fn span(memory: &DeviceMemory, tensor: &TensorDesc) -> Result<DeviceSpan> {
    // SAFETY: `OnDevice::new` made the memory as long as the tensor; `OnDevice` keeps it until the
    // stream was waited for.
    unsafe { DeviceSpan::new(pointer(memory), tensor) }
}

impl OnDevice {
    /// Copies inputs and output to the device.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn new(
        problem: &ConvProblem,
        ordinal: u32,
        from: &Tensors,
        workspace_bytes: usize,
    ) -> Result<OnDevice> {
        let _current = CurrentDevice::set(ordinal)?;
        let memory = |role| DeviceMemory::new(problem.tensor(role).span_bytes().max(1));
        let workspace =
            if workspace_bytes > 0 { Some(DeviceMemory::new(workspace_bytes)?) } else { None };
        let tensors = [memory(Role::X)?, memory(Role::W)?, memory(Role::Y)?];
        let mut on_device = OnDevice { ordinal, tensors, workspace, staging: Staging::new()? };
        let inputs = problem.direction().input_roles();
        for (role, memory) in ROLES.into_iter().zip(&on_device.tensors) {
            let elements = match inputs.iter().position(|&input| input == role) {
                Some(at) => &from.inputs[at],
                None => &from.output,
            };
            let (tensor, staging) = (problem.tensor(role), &mut on_device.staging);
            staging.reserve(tensor.span_bytes())?;
            fill(staging.output(tensor)?, elements)?;
            let all = std::iter::once(0..tensor.span_bytes());
            staging.store(span(memory, tensor)?, all, stream())?;
            staging.wait()?;
        }
        Ok(on_device)
    }

    /// Runs once; the time that the device took, in microseconds.
    ///
    /// # Errors
    /// What the engine reports, and HIP.
    pub fn run(&self, problem: &ConvProblem, choice: Choice, context: &Context) -> Result<f64> {
        let _current = CurrentDevice::set(self.ordinal)?;
        let workspace = self.workspace.as_ref();
        // SAFETY: all of it lives as long as `self`, and `run_timed` waits for the work.
        let buffers = unsafe {
            DeviceBuffers::new(
                problem,
                self.tensors.each_ref().map(pointer),
                workspace.map_or(std::ptr::null_mut(), pointer),
                workspace.map_or(0, DeviceMemory::len_bytes),
                std::ptr::null_mut(),
            )?
        };
        let mut args = ConvArgs {
            buffers: Buffers::Device(buffers),
            alpha: 1.0,
            beta: 0.0,
            workspace: &mut [],
        };
        engine::run_timed(problem, choice, context, &mut args).map(|timed| timed.1)
    }

    /// Copies the result back.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn fetch(&mut self, problem: &ConvProblem, to: &mut Tensors) -> Result<()> {
        let _current = CurrentDevice::set(self.ordinal)?;
        let (role, tensor) = (problem.direction().output_role(), problem.output_tensor());
        let at = ROLES.iter().position(|&other| other == role).unwrap_or_default();
        self.staging.fetch(span(&self.tensors[at], tensor)?, stream())?;
        read(self.staging.output(tensor)?, &mut to.output)
    }
}

fn other_type() -> Error {
    Error::unknown("the staging memory is for another data type")
}

fn fill(to: OutputBuffer<'_>, from: &Elements) -> Result<()> {
    match (to, from) {
        (OutputBuffer::F32(to), Elements::F32(from)) => to.copy_from_slice(from),
        (OutputBuffer::F16(to), Elements::F16(from)) => to.copy_from_slice(from),
        (OutputBuffer::BF16(to), Elements::BF16(from)) => to.copy_from_slice(from),
        _ => return Err(other_type()),
    }
    Ok(())
}

fn read(from: OutputBuffer<'_>, to: &mut Elements) -> Result<()> {
    match (from, to) {
        (OutputBuffer::F32(from), Elements::F32(to)) => to.copy_from_slice(from),
        (OutputBuffer::F16(from), Elements::F16(to)) => to.copy_from_slice(from),
        (OutputBuffer::BF16(from), Elements::BF16(to)) => to.copy_from_slice(from),
        _ => return Err(other_type()),
    }
    Ok(())
}
