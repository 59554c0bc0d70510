//! Addresses in the memory of a GPU.

use crate::error::{Error, Result};
use crate::problem::{ConvProblem, Role};
use std::ffi::c_void;

/// The tensors of one execution on a GPU, and what else goes with it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceBuffers {
    inputs: [u64; 2],
    output: u64,
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
        let address = |role: Role| -> Result<u64> {
            let pointer = match role {
                Role::X => x,
                Role::W => w,
                Role::Y => y,
            };
            let elem_bytes = problem.tensor(role).dtype().size_bytes();
            if pointer.is_null() {
                return Err(Error::bad_parm("one of the convolution tensors is null"));
            }
            if !pointer.addr().is_multiple_of(elem_bytes) {
                return Err(Error::bad_parm("a tensor is not aligned to its element size"));
            }
            Ok(pointer.expose_provenance() as u64)
        };
        let [first, second] = problem.direction().input_roles();
        Ok(DeviceBuffers {
            inputs: [address(first)?, address(second)?],
            output: address(problem.direction().output_role())?,
            workspace: workspace.expose_provenance() as u64,
            workspace_bytes: if workspace.is_null() { 0 } else { workspace_bytes },
            stream: stream.expose_provenance(),
        })
    }

    /// Device addresses, in the order of [`crate::problem::Direction::input_roles`].
    pub fn inputs(&self) -> [u64; 2] {
        self.inputs
    }

    /// Device address of the output.
    pub fn output(&self) -> u64 {
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
