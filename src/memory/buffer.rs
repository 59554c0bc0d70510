//! Typed slices over the caller's memory.

use std::ffi::c_void;
use std::ops::Range;

use half::{bf16, f16};

use crate::error::{Error, Result};
use crate::problem::{ConvProblem, DataType, Role, TensorDesc};

/// A tensor that is read: its whole span, gaps included.
#[derive(Clone, Copy, Debug)]
pub enum InputBuffer<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    BF16(&'a [bf16]),
    I8(&'a [i8]),
}

impl InputBuffer<'_> {
    /// The element type.
    pub fn dtype(&self) -> DataType {
        match self {
            InputBuffer::F32(_) => DataType::F32,
            InputBuffer::F16(_) => DataType::F16,
            InputBuffer::BF16(_) => DataType::BF16,
            InputBuffer::I8(_) => DataType::I8,
        }
    }

    /// The length in elements.
    pub fn len_elems(&self) -> usize {
        match self {
            InputBuffer::F32(s) => s.len(),
            InputBuffer::F16(s) => s.len(),
            InputBuffer::BF16(s) => s.len(),
            InputBuffer::I8(s) => s.len(),
        }
    }
}

/// A tensor that is written: its whole span. Elements in gaps are left alone.
#[derive(Debug)]
pub enum OutputBuffer<'a> {
    F32(&'a mut [f32]),
    F16(&'a mut [f16]),
    BF16(&'a mut [bf16]),
    I32(&'a mut [i32]),
    I8(&'a mut [i8]),
}

impl OutputBuffer<'_> {
    /// The element type.
    pub fn dtype(&self) -> DataType {
        match self {
            OutputBuffer::F32(_) => DataType::F32,
            OutputBuffer::F16(_) => DataType::F16,
            OutputBuffer::BF16(_) => DataType::BF16,
            OutputBuffer::I32(_) => DataType::I32,
            OutputBuffer::I8(_) => DataType::I8,
        }
    }

    /// The length in elements.
    pub fn len_elems(&self) -> usize {
        match self {
            OutputBuffer::F32(s) => s.len(),
            OutputBuffer::F16(s) => s.len(),
            OutputBuffer::BF16(s) => s.len(),
            OutputBuffer::I32(s) => s.len(),
            OutputBuffer::I8(s) => s.len(),
        }
    }

    /// The same buffer for a shorter time.
    pub fn reborrow(&mut self) -> OutputBuffer<'_> {
        match self {
            OutputBuffer::F32(s) => OutputBuffer::F32(s),
            OutputBuffer::F16(s) => OutputBuffer::F16(s),
            OutputBuffer::BF16(s) => OutputBuffer::BF16(s),
            OutputBuffer::I32(s) => OutputBuffer::I32(s),
            OutputBuffer::I8(s) => OutputBuffer::I8(s),
        }
    }
}

/// The tensors of one execution in host memory.
#[derive(Debug)]
pub struct HostBuffers<'a> {
    /// In the order of [`crate::problem::Direction::input_roles`].
    pub inputs: [InputBuffer<'a>; 2],
    pub output: OutputBuffer<'a>,
}

impl HostBuffers<'_> {
    /// Whether types and lengths are those of `problem`.
    ///
    /// # Errors
    /// `BadParm` if not. After this check every index that the descriptors
    /// admit lies inside the buffers.
    pub fn check(&self, problem: &ConvProblem) -> Result<()> {
        for (buffer, tensor) in self.inputs.iter().zip(problem.input_tensors()) {
            if buffer.dtype() != tensor.dtype() || buffer.len_elems() < tensor.span_elems() {
                return Err(Error::bad_parm("an input buffer does not fit its descriptor"));
            }
        }
        let tensor = problem.output_tensor();
        if self.output.dtype() != tensor.dtype() || self.output.len_elems() < tensor.span_elems() {
            return Err(Error::bad_parm("the output buffer does not fit its descriptor"));
        }
        Ok(())
    }
}

/// Turns the pointers of a compute call into buffers and a workspace slice.
///
/// `x`, `w` and `y` go with the problem's tensors of these names (gradients
/// have the names of what they belong to); where the convolution descriptor
/// swaps x and y ([`ConvProblem::swaps_x_and_y`]) the caller swaps the pointers.
/// A null workspace counts as an empty one.
///
/// # Errors
/// - `BadParm`: a null or misaligned tensor, or memory ranges of which one is
///   written and another overlaps it (tensors that interleave count as overlapping).
/// - `NotImplemented`: data types for which no convolution exists.
///
/// # Safety
/// Each non-null tensor pointer must be valid for the span of its descriptor,
/// the workspace for `workspace_bytes`, all for the lifetime `'a`, in which
/// nobody else writes the inputs or touches output and workspace.
pub unsafe fn host_arguments<'a>(
    problem: &ConvProblem,
    x: *mut c_void,
    w: *mut c_void,
    y: *mut c_void,
    workspace: *mut c_void,
    workspace_bytes: usize,
) -> Result<(HostBuffers<'a>, &'a mut [u8])> {
    let pointer = |role: Role| match role {
        Role::X => x,
        Role::W => w,
        Role::Y => y,
    };
    let workspace_bytes = if workspace.is_null() { 0 } else { workspace_bytes };
    if isize::try_from(workspace_bytes).is_err() {
        return Err(Error::bad_parm("workspace exceeds the address space"));
    }

    let output_role = problem.direction().output_role();
    let output_range = byte_range(pointer(output_role), problem.tensor(output_role).span_bytes())?;
    let workspace_range = byte_range_or_empty(workspace, workspace_bytes)?;
    if overlap(&output_range, &workspace_range) {
        return Err(Error::bad_parm("workspace overlaps the output"));
    }
    for role in problem.direction().input_roles() {
        let range = byte_range(pointer(role), problem.tensor(role).span_bytes())?;
        if overlap(&range, &output_range) || overlap(&range, &workspace_range) {
            return Err(Error::bad_parm("an input overlaps the output or the workspace"));
        }
    }

    let [first, second] = problem.direction().input_roles();
    // SAFETY: the caller vouches for validity over the spans and for the
    // absence of other writers; null and overlap are excluded above.
    let buffers = unsafe {
        HostBuffers {
            inputs: [
                input_buffer(pointer(first), problem.tensor(first))?,
                input_buffer(pointer(second), problem.tensor(second))?,
            ],
            output: output_buffer(pointer(output_role), problem.tensor(output_role))?,
        }
    };
    let workspace = if workspace_bytes == 0 {
        &mut []
    } else {
        // SAFETY: not null, vouched for by the caller, overlaps no tensor.
        unsafe { std::slice::from_raw_parts_mut(workspace.cast::<u8>(), workspace_bytes) }
    };
    Ok((buffers, workspace))
}

/// The buffers of an operation with one input and one output.
///
/// # Errors
/// `BadParm` for null or misaligned pointers and for ranges that overlap,
/// `NotImplemented` for types that no convolution has.
///
/// # Safety
/// As [`host_arguments`], for the spans of the two descriptors.
pub unsafe fn input_and_output<'a>(
    (input, input_desc): (*const c_void, &TensorDesc),
    (output, output_desc): (*mut c_void, &TensorDesc),
) -> Result<(InputBuffer<'a>, OutputBuffer<'a>)> {
    let input_range = byte_range(input, input_desc.span_bytes())?;
    let output_range = byte_range(output, output_desc.span_bytes())?;
    if overlap(&input_range, &output_range) {
        return Err(Error::bad_parm("the input overlaps the output"));
    }
    // SAFETY: the caller vouches for validity over the spans and for the
    // absence of other writers; null and overlap are excluded above.
    unsafe { Ok((input_buffer(input, input_desc)?, output_buffer(output, output_desc)?)) }
}

/// A readable buffer over the span of `tensor`.
///
/// # Errors
/// `BadParm` for a null or misaligned pointer, `NotImplemented` for a type
/// that no convolution reads.
///
/// # Safety
/// A non-null `pointer` must be valid for reads over the span for `'a`,
/// without writers.
pub unsafe fn input_buffer<'a>(
    pointer: *const c_void,
    tensor: &TensorDesc,
) -> Result<InputBuffer<'a>> {
    let len = tensor.span_elems();
    // SAFETY: the caller's promise is the promise that `typed_slice` asks for.
    unsafe {
        match tensor.dtype() {
            DataType::F32 => Ok(InputBuffer::F32(typed_slice(pointer, len)?)),
            DataType::F16 => Ok(InputBuffer::F16(typed_slice(pointer, len)?)),
            DataType::BF16 => Ok(InputBuffer::BF16(typed_slice(pointer, len)?)),
            DataType::I8 => Ok(InputBuffer::I8(typed_slice(pointer, len)?)),
            other => Err(no_convolution_for(other)),
        }
    }
}

/// A writable buffer over the span of `tensor`.
///
/// # Errors
/// As [`input_buffer`].
///
/// # Safety
/// A non-null `pointer` must be valid for reads and writes over the span for
/// `'a`, and nothing else may touch the span in that time.
pub unsafe fn output_buffer<'a>(
    pointer: *mut c_void,
    tensor: &TensorDesc,
) -> Result<OutputBuffer<'a>> {
    let len = tensor.span_elems();
    // SAFETY: the caller's promise is the promise that `typed_slice_mut` asks for.
    unsafe {
        match tensor.dtype() {
            DataType::F32 => Ok(OutputBuffer::F32(typed_slice_mut(pointer, len)?)),
            DataType::F16 => Ok(OutputBuffer::F16(typed_slice_mut(pointer, len)?)),
            DataType::BF16 => Ok(OutputBuffer::BF16(typed_slice_mut(pointer, len)?)),
            DataType::I32 => Ok(OutputBuffer::I32(typed_slice_mut(pointer, len)?)),
            DataType::I8 => Ok(OutputBuffer::I8(typed_slice_mut(pointer, len)?)),
            other => Err(no_convolution_for(other)),
        }
    }
}

fn no_convolution_for(dtype: DataType) -> Error {
    Error::not_implemented(format!("no convolution for data type {}", dtype.name()))
}

fn check_pointer<T>(pointer: *const c_void) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::bad_parm("one of the convolution tensors is null"));
    }
    if !pointer.cast::<T>().is_aligned() {
        return Err(Error::bad_parm("a tensor is not aligned to its element size"));
    }
    Ok(())
}

/// # Safety
/// As [`input_buffer`], with `len` elements for the span.
unsafe fn typed_slice<'a, T>(pointer: *const c_void, len: usize) -> Result<&'a [T]> {
    check_pointer::<T>(pointer)?;
    // SAFETY: not null, aligned, valid for `len` elements by the caller's
    // promise; a `TensorDesc` spans at most `isize::MAX` bytes. Every bit
    // pattern is a value of the number types used here.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast::<T>(), len) })
}

/// # Safety
/// As [`output_buffer`], with `len` elements for the span.
unsafe fn typed_slice_mut<'a, T>(pointer: *mut c_void, len: usize) -> Result<&'a mut [T]> {
    check_pointer::<T>(pointer)?;
    // SAFETY: as in `typed_slice`, and exclusive by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast::<T>(), len) })
}

fn byte_range(pointer: *const c_void, bytes: usize) -> Result<Range<usize>> {
    if pointer.is_null() {
        return Err(Error::bad_parm("one of the convolution tensors is null"));
    }
    byte_range_or_empty(pointer, bytes)
}

fn byte_range_or_empty(pointer: *const c_void, bytes: usize) -> Result<Range<usize>> {
    let begin = pointer.addr();
    let end = begin
        .checked_add(bytes)
        .ok_or_else(|| Error::bad_parm("a buffer exceeds the address space"))?;
    Ok(begin..end)
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    !a.is_empty() && !b.is_empty() && a.start < b.end && b.start < a.end
}
