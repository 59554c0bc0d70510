//! The one place where a C caller's pointers become typed buffers.

mod buffer;
mod device;
mod scratch;
mod view;

pub use buffer::{
    HostBuffers, InputBuffer, OutputBuffer, host_arguments, input_and_output, input_buffer,
    output_buffer,
};
pub use device::{DeviceBuffers, DeviceSpan};
pub use scratch::{as_f32_mut, as_i32_mut, zeroed_f32};
pub use view::{LaneMut, MatrixMut, MatrixRef, TensorMut, merge_dims};
