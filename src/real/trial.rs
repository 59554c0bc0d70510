//! One convolution run by the real library, as a client would have it run: for `probe`.

use super::RealLibrary;
use crate::error::{Error, Result, Status};
use crate::hip::{DeviceMemory, StreamRef};
use crate::problem::{ConvProblem, Direction, Role, TensorDesc};
use crate::sys::signature as signatures;
use crate::sys::*;
use std::ffi::{CStr, c_int, c_void};
use std::mem::{size_of, transmute_copy};
use std::ptr::null_mut;

/// Algorithms that Find can return; more than MIOpen has.
const ALGORITHMS_AT_MOST: usize = 8;

/// A convolution with the real library's own objects. What they hold is not given back: a trial
/// is for a process that ends with it.
pub struct Trial<'a> {
    real: &'a RealLibrary,
    problem: &'a ConvProblem,
    handle: miopenHandle_t,
    x: miopenTensorDescriptor_t,
    w: miopenTensorDescriptor_t,
    y: miopenTensorDescriptor_t,
    conv: miopenConvolutionDescriptor_t,
}

/// A function of the real library, with the type that the header gives it.
macro_rules! real {
    ($real:expr, $name:ident) => {{
        let name = concat!(stringify!($name), "\0").as_bytes();
        // SAFETY: the header gives the function of that name this type, in all releases.
        unsafe { function::<signatures::$name>($real, name) }?
    }};
}

/// # Safety
/// `F` is the type of the function of that name.
unsafe fn function<F: Copy>(real: &RealLibrary, name: &'static [u8]) -> Result<F> {
    const { assert!(size_of::<F>() == size_of::<*const ()>()) };
    let name = CStr::from_bytes_with_nul(name)
        .map_err(|_| Error::unknown("a function's name holds a NUL"))?;
    let address = real.function(name).ok_or_else(|| {
        let name = name.to_string_lossy();
        Error::not_implemented(format!("{} lacks {name}", real.path().display()))
    })?;
    // SAFETY: a function pointer of the caller's type, of the same size.
    Ok(unsafe { transmute_copy(&address) })
}

fn checked(function: &str, status: miopenStatus_t) -> Result<()> {
    if status.0 == Status::Success as u32 {
        return Ok(());
    }
    Err(Error::unknown(format!("{function} answered status {}", status.0)))
}

impl RealLibrary {
    /// What `miopenGetVersion` tells.
    ///
    /// # Errors
    /// Where it fails, or there is no such function.
    pub fn version(&self) -> Result<[usize; 3]> {
        let mut version = [0; 3];
        let [major, minor, patch] = &mut version;
        let get_version = real!(self, miopenGetVersion);
        // SAFETY: three places for numbers.
        checked("miopenGetVersion", unsafe { get_version(major, minor, patch) })?;
        Ok(version)
    }
}

impl<'a> Trial<'a> {
    /// Makes handle and descriptors, on the current device and its null stream.
    ///
    /// # Errors
    /// What the real library answers.
    pub fn new(real: &'a RealLibrary, problem: &'a ConvProblem) -> Result<Trial<'a>> {
        let mut handle = null_mut();
        let create = real!(real, miopenCreate);
        // SAFETY: a place for a handle.
        checked("miopenCreate", unsafe { create(&mut handle) })?;
        let [x, w, y] = [Role::X, Role::W, Role::Y].map(|role| tensor(real, problem.tensor(role)));
        let conv = convolution(real, problem)?;
        Ok(Trial { real, problem, handle, x: x?, w: w?, y: y?, conv })
    }

    /// Searches and runs `repeats` times what was found, as PyTorch does, and waits for the end.
    ///
    /// `inputs` stand in the order of [`Direction::input_roles`].
    ///
    /// # Errors
    /// What the real library answers, or HIP; `BadParm` for memory that is too short.
    pub fn run(
        &self,
        inputs: [&DeviceMemory; 2],
        output: &DeviceMemory,
        repeats: usize,
    ) -> Result<()> {
        let spans = self.problem.input_tensors().into_iter().chain([self.problem.output_tensor()]);
        let memories = inputs.into_iter().chain([output]);
        if spans.zip(memories).any(|(desc, memory)| desc.span_bytes() > memory.len_bytes()) {
            return Err(Error::bad_parm("a tensor is longer than its memory"));
        }
        let pointer = |memory: &DeviceMemory| -> *mut c_void {
            std::ptr::with_exposed_provenance_mut(memory.address() as usize)
        };
        let [first, second] = inputs.map(pointer);
        let output = pointer(output);
        let workspace_bytes = self.workspace_bytes()?;
        let workspace = DeviceMemory::new(workspace_bytes.max(4))?;
        let scratch = if workspace_bytes == 0 { null_mut() } else { pointer(&workspace) };

        let Trial { handle, x, w, y, conv, .. } = *self;
        // SAFETY: numbers and enumerators, for which zero is a value.
        let mut found: [miopenConvAlgoPerf_t; ALGORITHMS_AT_MOST] = unsafe { std::mem::zeroed() };
        let mut count: c_int = 0;
        let asked = ALGORITHMS_AT_MOST as c_int;
        let (best, one, zero) = (found.as_mut_ptr(), 1f32, 0f32);
        let (alpha, beta) = ((&raw const one).cast(), (&raw const zero).cast());
        // SAFETY, of all calls below: the objects are the library's own; the memories are as long
        // as their descriptors say, which was checked, and live until the stream was waited for.
        match self.problem.direction() {
            Direction::Fwd => {
                let find = real!(self.real, miopenFindConvolutionForwardAlgorithm);
                // SAFETY: see above.
                let status = unsafe {
                    find(
                        handle,
                        x,
                        first,
                        w,
                        second,
                        conv,
                        y,
                        output,
                        asked,
                        &mut count,
                        best,
                        scratch,
                        workspace_bytes,
                        false,
                    )
                };
                checked("miopenFindConvolutionForwardAlgorithm", status)?;
            }
            Direction::Bwd => {
                let find = real!(self.real, miopenFindConvolutionBackwardDataAlgorithm);
                // SAFETY: see above.
                let status = unsafe {
                    find(
                        handle,
                        y,
                        first,
                        w,
                        second,
                        conv,
                        x,
                        output,
                        asked,
                        &mut count,
                        best,
                        scratch,
                        workspace_bytes,
                        false,
                    )
                };
                checked("miopenFindConvolutionBackwardDataAlgorithm", status)?;
            }
            Direction::Wrw => {
                let find = real!(self.real, miopenFindConvolutionBackwardWeightsAlgorithm);
                // SAFETY: see above.
                let status = unsafe {
                    find(
                        handle,
                        y,
                        second,
                        x,
                        first,
                        conv,
                        w,
                        output,
                        asked,
                        &mut count,
                        best,
                        scratch,
                        workspace_bytes,
                        false,
                    )
                };
                checked("miopenFindConvolutionBackwardWeightsAlgorithm", status)?;
            }
        }
        if count < 1 {
            return Err(Error::unknown("the search found no algorithm"));
        }
        // SAFETY: an enumerator of the C type, whichever member it was written as.
        let algorithm = unsafe { found[0].__bindgen_anon_1.fwd_algo };
        for _ in 0..repeats {
            let status = match self.problem.direction() {
                Direction::Fwd => {
                    let run = real!(self.real, miopenConvolutionForward);
                    // SAFETY: see above.
                    unsafe {
                        run(
                            handle,
                            alpha,
                            x,
                            first,
                            w,
                            second,
                            conv,
                            algorithm,
                            beta,
                            y,
                            output,
                            scratch,
                            workspace_bytes,
                        )
                    }
                }
                Direction::Bwd => {
                    let run = real!(self.real, miopenConvolutionBackwardData);
                    let algorithm = miopenConvBwdDataAlgorithm_t(algorithm.0);
                    // SAFETY: see above.
                    unsafe {
                        run(
                            handle,
                            alpha,
                            y,
                            first,
                            w,
                            second,
                            conv,
                            algorithm,
                            beta,
                            x,
                            output,
                            scratch,
                            workspace_bytes,
                        )
                    }
                }
                Direction::Wrw => {
                    let run = real!(self.real, miopenConvolutionBackwardWeights);
                    let algorithm = miopenConvBwdWeightsAlgorithm_t(algorithm.0);
                    // SAFETY: see above.
                    unsafe {
                        run(
                            handle,
                            alpha,
                            y,
                            second,
                            x,
                            first,
                            conv,
                            algorithm,
                            beta,
                            w,
                            output,
                            scratch,
                            workspace_bytes,
                        )
                    }
                }
            };
            checked("the convolution", status)?;
            StreamRef::from_address(0).synchronize()?;
        }
        Ok(())
    }

    fn workspace_bytes(&self) -> Result<usize> {
        let Trial { handle, x, w, y, conv, .. } = *self;
        let mut bytes = 0;
        let status = match self.problem.direction() {
            Direction::Fwd => {
                let ask = real!(self.real, miopenConvolutionForwardGetWorkSpaceSize);
                // SAFETY: the library's own objects, and a place for a number.
                unsafe { ask(handle, w, x, conv, y, &mut bytes) }
            }
            Direction::Bwd => {
                let ask = real!(self.real, miopenConvolutionBackwardDataGetWorkSpaceSize);
                // SAFETY: as above.
                unsafe { ask(handle, y, w, conv, x, &mut bytes) }
            }
            Direction::Wrw => {
                let ask = real!(self.real, miopenConvolutionBackwardWeightsGetWorkSpaceSize);
                // SAFETY: as above.
                unsafe { ask(handle, y, x, conv, w, &mut bytes) }
            }
        };
        checked("GetWorkSpaceSize", status)?;
        Ok(bytes)
    }
}

fn ints(values: &[usize]) -> Result<Vec<c_int>> {
    let numbers: std::result::Result<_, _> =
        values.iter().map(|&value| c_int::try_from(value)).collect();
    numbers.map_err(|_| Error::bad_parm("a number is beyond what MIOpen's interface takes"))
}

fn tensor(real: &RealLibrary, desc: &TensorDesc) -> Result<miopenTensorDescriptor_t> {
    let (create, set) =
        (real!(real, miopenCreateTensorDescriptor), real!(real, miopenSetTensorDescriptor));
    let (lengths, strides) = (ints(desc.lengths())?, ints(desc.strides())?);
    let (lengths, strides) = (lengths.as_ptr().cast_mut(), strides.as_ptr().cast_mut());
    let dtype = miopenDataType_t(desc.dtype().to_abi());
    let mut tensor = null_mut();
    // SAFETY: a place for a descriptor.
    checked("miopenCreateTensorDescriptor", unsafe { create(&mut tensor) })?;
    // SAFETY: as many lengths and strides as said, which are only read.
    let status = unsafe { set(tensor, dtype, desc.rank() as c_int, lengths, strides) };
    checked("miopenSetTensorDescriptor", status)?;
    Ok(tensor)
}

fn convolution(real: &RealLibrary, problem: &ConvProblem) -> Result<miopenConvolutionDescriptor_t> {
    let create = real!(real, miopenCreateConvolutionDescriptor);
    let init = real!(real, miopenInitConvolutionNdDescriptor);
    let spatial_dim = problem.spatial_dim();
    let of = |all: [usize; 3]| ints(&all[3 - spatial_dim..]);
    let (pads, strides, dilations) =
        (of(problem.pads())?, of(problem.strides())?, of(problem.dilations())?);
    let [pads, strides, dilations] =
        [&pads, &strides, &dilations].map(|values| values.as_ptr().cast_mut());
    let mut conv = null_mut();
    // SAFETY: a place for a descriptor.
    checked("miopenCreateConvolutionDescriptor", unsafe { create(&mut conv) })?;
    let mode = miopenConvolutionMode_t::miopenConvolution;
    // SAFETY: as many numbers as said, which are only read.
    let status = unsafe { init(conv, spatial_dim as c_int, pads, strides, dilations, mode) };
    checked("miopenInitConvolutionNdDescriptor", status)?;
    if problem.groups() > 1 {
        let set = real!(real, miopenSetConvolutionGroupCount);
        let groups = ints(&[problem.groups()])?[0];
        // SAFETY: the library's own object.
        checked("miopenSetConvolutionGroupCount", unsafe { set(conv, groups) })?;
    }
    Ok(conv)
}
