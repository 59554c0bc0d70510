//! Addresses in the memory of a GPU.

use crate::error::{Error, Result};
use crate::problem::{ConvProblem, Role, TensorDesc};
use std::ffi::c_void;

/// A range of memory on a device that a caller of [`DeviceBuffers::new`] or [`DeviceSpan::new`]
/// answers for.
#[derive(Clone, Copy, Debug)]
pub struct DeviceSpan {
    address: u64,
    len_bytes: usize,
}

impl DeviceSpan {
    /// The span of a tensor.
    ///
    /// # Errors
    /// `BadParm` for a null pointer or one that is not aligned to the elements.
    ///
    /// # Safety
    /// The pointer must be valid on the device for the span of the descriptor, until what is
    /// enqueued with it has run.
    pub unsafe fn new(pointer: *mut c_void, tensor: &TensorDesc) -> Result<DeviceSpan> {
        if pointer.is_null() {
            return Err(Error::bad_parm("one of the convolution tensors is null"));
        }
        if !pointer.addr().is_multiple_of(tensor.dtype().size_bytes()) {
            return Err(Error::bad_parm("a tensor is not aligned to its element size"));
        }
        let len_bytes = tensor.span_bytes();
        pointer
            .addr()
            .checked_add(len_bytes)
            .ok_or_else(|| Error::bad_parm("a buffer exceeds the address space"))?;
        Ok(DeviceSpan { address: pointer.expose_provenance() as u64, len_bytes })
    }

    /// The device address.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Length in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// A part of it.
    ///
    /// # Errors
    /// `BadParm` where it does not lie inside.
    pub fn part(&self, from_byte: usize, len_bytes: usize) -> Result<DeviceSpan> {
        match from_byte.checked_add(len_bytes) {
            Some(end) if end <= self.len_bytes => {
                Ok(DeviceSpan { address: self.address + from_byte as u64, len_bytes })
            }
            _ => Err(Error::bad_parm("a part of a tensor lies outside of it")),
        }
    }
}

/// The tensors of one execution on a GPU, and what else goes with it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceBuffers {
    inputs: [DeviceSpan; 2],
    output: DeviceSpan,
    workspace: u64,
    workspace_bytes: usize,
    stream: usize,
}

impl DeviceBuffers {
    /// Takes the pointers of a compute call; see [`super::host_arguments`] for which is which.
    ///
    /// # Errors
    /// `BadParm` for a null tensor or one that is not aligned to its elements.
    ///
    /// # Safety
    /// Each tensor pointer must be valid on the device for the span of its descriptor, the
    /// workspace for `workspace_bytes`, until what is enqueued with them in `stream` has run. The
    /// stream must be one of the device, or null.
    pub unsafe fn new(
        problem: &ConvProblem,
        [x, w, y]: [*mut c_void; 3],
        workspace: *mut c_void,
        workspace_bytes: usize,
        stream: *mut c_void,
    ) -> Result<DeviceBuffers> {
        let span = |role: Role| -> Result<DeviceSpan> {
            let pointer = match role {
                Role::X => x,
                Role::W => w,
                Role::Y => y,
            };
            // SAFETY: the caller's promise.
            unsafe { DeviceSpan::new(pointer, problem.tensor(role)) }
        };
        let [first, second] = problem.direction().input_roles();
        Ok(DeviceBuffers {
            inputs: [span(first)?, span(second)?],
            output: span(problem.direction().output_role())?,
            workspace: workspace.expose_provenance() as u64,
            workspace_bytes: if workspace.is_null() { 0 } else { workspace_bytes },
            stream: stream.expose_provenance(),
        })
    }

    /// Device addresses, in the order of [`crate::problem::Direction::input_roles`].
    pub fn inputs(&self) -> [u64; 2] {
        self.inputs.map(|span| span.address)
    }

    /// Device address of the output.
    pub fn output(&self) -> u64 {
        self.output.address
    }

    /// The inputs with their lengths, in the same order.
    pub fn input_spans(&self) -> [DeviceSpan; 2] {
        self.inputs
    }

    /// The output with its length.
    pub fn output_span(&self) -> DeviceSpan {
        self.output
    }

    /// Device address of the caller's workspace.
    pub fn workspace(&self) -> u64 {
        self.workspace
    }

    /// Length of the caller's workspace.
    pub fn workspace_bytes(&self) -> usize {
        self.workspace_bytes
    }

    /// The `hipStream_t` as an address; 0 is the null stream.
    pub fn stream(&self) -> usize {
        self.stream
    }
}
