//! The bias of a convolution and its gradient.

use super::call::{announce, context, scalar};
use super::guard::guard;
use super::handle::Handle;
use super::tensor_descriptor::conv_tensor;
use crate::cpu;
use crate::engine;
use crate::error::{Error, Result};
use crate::hip::StreamRef;
use crate::memory::{self, DeviceSpan, InputBuffer, OutputBuffer};
use crate::problem::{DataType, TensorDesc};
use crate::sys::*;
use std::ffi::c_void;
use std::time::Instant;

pub(super) unsafe extern "C" fn miopenConvolutionForwardBias(
    handle: miopenHandle_t,
    alpha: *const c_void,
    b_desc: miopenTensorDescriptor_t,
    b: *const c_void,
    beta: *const c_void,
    y_desc: miopenTensorDescriptor_t,
    y: *mut c_void,
) -> miopenStatus_t {
    guard("miopenConvolutionForwardBias", || {
        let handle = Handle::of(handle)?;
        let (b_desc, y_desc) = (conv_tensor(b_desc, "bDesc")?, conv_tensor(y_desc, "yDesc")?);
        refuse_bf16(&b_desc, &y_desc)?;
        // SAFETY: the header's contract for scalars and buffers.
        unsafe {
            let [alpha, beta] = scalars(alpha, beta, y_desc.dtype())?;
            compute(&handle, (b.cast_mut(), &b_desc), (y, &y_desc), |b, y| {
                cpu::add_bias(context(), (&y_desc, y), (&b_desc, b), alpha, beta)
            })
        }
    })
}

pub(super) unsafe extern "C" fn miopenConvolutionBackwardBias(
    handle: miopenHandle_t,
    alpha: *const c_void,
    dy_desc: miopenTensorDescriptor_t,
    dy: *const c_void,
    beta: *const c_void,
    db_desc: miopenTensorDescriptor_t,
    db: *mut c_void,
) -> miopenStatus_t {
    guard("miopenConvolutionBackwardBias", || {
        let handle = Handle::of(handle)?;
        let (dy_desc, db_desc) = (conv_tensor(dy_desc, "dyDesc")?, conv_tensor(db_desc, "dbDesc")?);
        refuse_bf16(&dy_desc, &db_desc)?;
        // SAFETY: the header's contract for scalars and buffers.
        unsafe {
            let [alpha, beta] = scalars(alpha, beta, db_desc.dtype())?;
            compute(&handle, (dy.cast_mut(), &dy_desc), (db, &db_desc), |dy, db| {
                cpu::sum_bias_gradient(context(), (&dy_desc, dy), (&db_desc, db), alpha, beta)
            })
        }
    })
}

/// Has the CPU compute, wherever the tensors lie.
///
/// # Safety
/// Non-null pointers are valid for their descriptors where the handle's tensors lie, and nobody
/// else writes the input or touches the output.
unsafe fn compute(
    handle: &Handle,
    (input, input_desc): (*mut c_void, &TensorDesc),
    (output, output_desc): (*mut c_void, &TensorDesc),
    work: impl FnOnce(InputBuffer<'_>, OutputBuffer<'_>) -> Result<()>,
) -> Result<()> {
    announce(handle.memory());
    let start = Instant::now();
    // SAFETY: passed on.
    unsafe {
        match handle.memory().ordinal() {
            None => {
                let (input, output) =
                    memory::input_and_output((input, input_desc), (output, output_desc))?;
                work(input, output)?;
            }
            Some(ordinal) => {
                let input = DeviceSpan::new(input, input_desc)?;
                let output = DeviceSpan::new(output, output_desc)?;
                let stream = StreamRef::from_address(handle.stream());
                engine::on_device(
                    ordinal,
                    stream,
                    (input_desc, input),
                    (output_desc, output),
                    work,
                )?;
            }
        }
    }
    handle.record_kernel_time(start.elapsed().as_secs_f64() * 1e6);
    Ok(())
}

/// The real library asks for this before it looks at the buffers.
fn refuse_bf16(input: &TensorDesc, output: &TensorDesc) -> Result<()> {
    if [input, output].iter().any(|desc| desc.dtype() == DataType::BF16) {
        return Err(Error::not_implemented("no bias for bf16"));
    }
    Ok(())
}

/// # Safety
/// Each pointer is null or points to a float; to a double if `dtype` is `F64`.
unsafe fn scalars(alpha: *const c_void, beta: *const c_void, dtype: DataType) -> Result<[f64; 2]> {
    // SAFETY: passed on.
    Ok(unsafe { [scalar(alpha, dtype, "alpha")?, scalar(beta, dtype, "beta")?] })
}
