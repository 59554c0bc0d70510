//! The bias of a convolution and its gradient.

use super::call::{announce, context, scalar};
use super::guard::guard;
use super::handle::Handle;
use super::tensor_descriptor::conv_tensor;
use crate::cpu::bias;
use crate::error::{Error, Result};
use crate::memory;
use crate::problem::{DataType, TensorDesc};
use crate::sys::*;
use std::ffi::c_void;
use std::time::Instant;

/// What both functions are given: handle, factors, and two tensors.
struct BiasCall {
    input: (TensorDesc, *const c_void),
    output: (TensorDesc, *mut c_void),
    scalars: [f64; 2],
}

impl BiasCall {
    /// # Safety
    /// `alpha` and `beta` are null or point to floats.
    unsafe fn new(
        alpha: *const c_void,
        input: (TensorDesc, *const c_void),
        beta: *const c_void,
        output: (TensorDesc, *mut c_void),
    ) -> Result<BiasCall> {
        // The real library asks for this before anything else.
        if [&input.0, &output.0].iter().any(|desc| desc.dtype() == DataType::BF16) {
            return Err(Error::not_implemented("no bias for bfloat16"));
        }
        if input.1.is_null() || output.1.is_null() {
            return Err(Error::bad_parm("a tensor buffer is NULL"));
        }
        let dtype = output.0.dtype();
        // SAFETY: passed on.
        let scalars = unsafe { [scalar(alpha, dtype, "alpha")?, scalar(beta, dtype, "beta")?] };
        Ok(BiasCall { input, output, scalars })
    }

    /// The buffers of both tensors.
    ///
    /// # Safety
    /// The pointers are valid for their descriptors until the call returns, and nobody else writes
    /// the input or touches the output.
    unsafe fn buffers<'a>(&self) -> Result<(memory::InputBuffer<'a>, memory::OutputBuffer<'a>)> {
        let (input, output) = (&self.input, &self.output);
        memory::check_disjoint(
            (input.1, input.0.span_bytes()),
            (output.1.cast_const(), output.0.span_bytes()),
        )?;
        // SAFETY: passed on; the two do not overlap.
        unsafe {
            Ok((
                memory::input_buffer(input.1, &input.0)?,
                memory::output_buffer(output.1, &output.0)?,
            ))
        }
    }
}

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
        let input = (conv_tensor(b_desc, "bDesc")?, b);
        let output = (conv_tensor(y_desc, "yDesc")?, y);
        // SAFETY: the header's contract for scalars and buffers.
        let (call, (b, y)) = unsafe {
            let call = BiasCall::new(alpha, input, beta, output)?;
            let buffers = call.buffers()?;
            (call, buffers)
        };
        announce();
        let start = Instant::now();
        bias::forward(context(), call.scalars, &call.input.0, b, &call.output.0, y)?;
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
        let input = (conv_tensor(dy_desc, "dyDesc")?, dy);
        let output = (conv_tensor(db_desc, "dbDesc")?, db);
        // SAFETY: the header's contract for scalars and buffers.
        let (call, (dy, db)) = unsafe {
            let call = BiasCall::new(alpha, input, beta, output)?;
            let buffers = call.buffers()?;
            (call, buffers)
        };
        announce();
        let start = Instant::now();
        bias::backward(context(), call.scalars, &call.input.0, dy, &call.output.0, db)?;
        handle.record_kernel_time(start.elapsed());
        Ok(())
    })
}
