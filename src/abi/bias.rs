//! The bias of a convolution and its gradient.

use super::call::{announce, context, scalar};
use super::guard::guard;
use super::handle::Handle;
use super::tensor_descriptor::conv_tensor;
use crate::cpu;
use crate::error::{Error, Result};
use crate::memory;
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
        let ([alpha, beta], (b_buffer, y_buffer)) = unsafe {
            let buffers = memory::input_and_output((b, &b_desc), (y, &y_desc))?;
            (scalars(alpha, beta, y_desc.dtype())?, buffers)
        };
        announce();
        let start = Instant::now();
        cpu::add_bias(context(), (&y_desc, y_buffer), (&b_desc, b_buffer), alpha, beta)?;
        handle.record_kernel_time(start.elapsed());
        Ok(())
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
        let ([alpha, beta], (dy_buffer, db_buffer)) = unsafe {
            let buffers = memory::input_and_output((dy, &dy_desc), (db, &db_desc))?;
            (scalars(alpha, beta, db_desc.dtype())?, buffers)
        };
        announce();
        let start = Instant::now();
        cpu::sum_bias_gradient(
            context(),
            (&dy_desc, dy_buffer),
            (&db_desc, db_buffer),
            alpha,
            beta,
        )?;
        handle.record_kernel_time(start.elapsed());
        Ok(())
    })
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
