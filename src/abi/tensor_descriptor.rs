//! Tensor descriptors.

use super::args::{self, Out, OutArray};
use super::fork;
use super::guard::guard;
use super::objects::{Table, key_of, pointer_of};
use crate::error::{Error, Result, Status};
use crate::problem::{DataType, Layout, TensorDesc};
use crate::sys::*;
use std::ffi::c_int;

/// What `miopenTensorDescriptor_t` stands for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TensorState {
    pub desc: TensorDesc,
    /// Channels in one element of a vectorised layout, less one; 0 for every layout that a
    /// convolution of ours takes.
    extra_vector_length: usize,
}

pub(super) static TENSORS: Table<TensorState> = Table::new(2, "miopenTensorDescriptor_t");

/// The descriptor as it stands now.
pub(super) fn tensor_state(tensor: miopenTensorDescriptor_t) -> Result<TensorState> {
    TENSORS.get(key_of(tensor)).map(|state| *state)
}

/// The descriptor, for a convolution.
pub(super) fn conv_tensor(tensor: miopenTensorDescriptor_t, name: &str) -> Result<TensorDesc> {
    plain(&tensor_state(tensor)?, name)
}

/// A descriptor's tensor, for a convolution.
pub(super) fn plain(state: &TensorState, name: &str) -> Result<TensorDesc> {
    if state.desc.rank() == 0 {
        return Err(Error::bad_parm(format!("{name} has been created and never set")));
    }
    if state.extra_vector_length > 0 {
        return Err(Error::not_implemented(format!("{name} has a vectorised layout")));
    }
    Ok(state.desc)
}

/// Replaces the descriptor by what `make` gives; a failure leaves it as it was.
fn set(tensor: miopenTensorDescriptor_t, make: impl FnOnce() -> Result<TensorState>) -> Result<()> {
    TENSORS.replace(key_of(tensor), |_| make())
}

impl From<TensorDesc> for TensorState {
    fn from(desc: TensorDesc) -> TensorState {
        TensorState { desc, extra_vector_length: 0 }
    }
}

fn widened(values: &[c_int]) -> Vec<i64> {
    values.iter().map(|&value| i64::from(value)).collect()
}

/// Getters give C ints; what is wider is cut, as in the real library.
fn narrowed(values: &[usize]) -> impl Iterator<Item = c_int> + '_ {
    values.iter().map(|&value| value as c_int)
}

pub(super) unsafe extern "C" fn miopenCreateTensorDescriptor(
    tensor: *mut miopenTensorDescriptor_t,
) -> miopenStatus_t {
    guard("miopenCreateTensorDescriptor", || {
        // SAFETY: the caller passes NULL or a place for a descriptor.
        let out = unsafe { Out::required(tensor, "tensorDesc") }?;
        fork::prepare_once();
        out.write(pointer_of(TENSORS.insert(TensorState::default())));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenDestroyTensorDescriptor(
    tensor: miopenTensorDescriptor_t,
) -> miopenStatus_t {
    guard("miopenDestroyTensorDescriptor", || TENSORS.remove(key_of(tensor)))
}

pub(super) unsafe extern "C" fn miopenSet4dTensorDescriptor(
    tensor: miopenTensorDescriptor_t,
    dtype: miopenDataType_t,
    n: c_int,
    c: c_int,
    h: c_int,
    w: c_int,
) -> miopenStatus_t {
    guard("miopenSet4dTensorDescriptor", || {
        set(tensor, || {
            let lengths = widened(&[n, c, h, w]);
            Ok(TensorDesc::from_signed(DataType::from_abi(dtype.0)?, &lengths, None)?.into())
        })
    })
}

pub(super) unsafe extern "C" fn miopenSet4dTensorDescriptorEx(
    tensor: miopenTensorDescriptor_t,
    dtype: miopenDataType_t,
    n: c_int,
    c: c_int,
    h: c_int,
    w: c_int,
    n_stride: c_int,
    c_stride: c_int,
    h_stride: c_int,
    w_stride: c_int,
) -> miopenStatus_t {
    guard("miopenSet4dTensorDescriptorEx", || {
        set(tensor, || {
            let lengths = widened(&[n, c, h, w]);
            let strides = widened(&[n_stride, c_stride, h_stride, w_stride]);
            let dtype = DataType::from_abi(dtype.0)?;
            Ok(TensorDesc::from_signed(dtype, &lengths, Some(&strides))?.into())
        })
    })
}

pub(super) unsafe extern "C" fn miopenSetTensorDescriptor(
    tensor: miopenTensorDescriptor_t,
    dtype: miopenDataType_t,
    rank: c_int,
    lengths: *const c_int,
    strides: *const c_int,
) -> miopenStatus_t {
    guard("miopenSetTensorDescriptor", || {
        set(tensor, || {
            let rank = checked_rank(rank)?;
            // SAFETY: the caller passes NULL or `rank` ints for each.
            let (lengths, strides) =
                unsafe { (args::array(lengths, rank), args::array(strides, rank)) };
            let lengths = lengths.ok_or_else(|| null_lengths("dimsA"))?;
            let strides = strides.map(|strides| widened(&strides));
            let dtype = DataType::from_abi(dtype.0)?;
            Ok(TensorDesc::from_signed(dtype, &widened(&lengths), strides.as_deref())?.into())
        })
    })
}

pub(super) unsafe extern "C" fn miopenSetTensorDescriptorV2(
    tensor: miopenTensorDescriptor_t,
    dtype: miopenDataType_t,
    rank: c_int,
    lengths: *const usize,
    strides: *const usize,
) -> miopenStatus_t {
    guard("miopenSetTensorDescriptorV2", || {
        set(tensor, || {
            let rank = checked_rank(rank)?;
            // SAFETY: the caller passes NULL or `rank` numbers for each.
            let (lengths, strides) =
                unsafe { (args::array(lengths, rank), args::array(strides, rank)) };
            let lengths = lengths.ok_or_else(|| null_lengths("dimsA"))?;
            let dtype = DataType::from_abi(dtype.0)?;
            let desc = match strides {
                Some(strides) => TensorDesc::new(dtype, &lengths, &strides),
                None => TensorDesc::packed(dtype, &lengths),
            };
            Ok(desc?.into())
        })
    })
}

fn checked_rank(rank: c_int) -> Result<usize> {
    usize::try_from(rank)
        .ok()
        .filter(|&rank| rank > 0)
        .ok_or_else(|| Error::new(Status::InvalidValue, format!("nbDims is {rank}")))
}

fn null_lengths(name: &'static str) -> Error {
    Error::new(Status::InvalidValue, format!("{name} is NULL"))
}

/// `lens` stand in N, C, (D), H, W order whatever the layout.
pub(super) unsafe extern "C" fn miopenSetNdTensorDescriptorWithLayout(
    tensor: miopenTensorDescriptor_t,
    dtype: miopenDataType_t,
    layout: miopenTensorLayout_t,
    lengths: *const c_int,
    rank: c_int,
) -> miopenStatus_t {
    guard("miopenSetNdTensorDescriptorWithLayout", || {
        set(tensor, || {
            let rank = checked_rank(rank)?;
            // SAFETY: the caller passes NULL or `rank` ints.
            let lengths = unsafe { args::array(lengths, rank) };
            let lengths = lengths.ok_or_else(|| null_lengths("lens"))?;
            let dtype = DataType::from_abi(dtype.0)?;
            if let Some(vectorised) = VectorLayout::from_abi(layout.0) {
                return vectorised.state(dtype, &lengths);
            }
            let lengths: Vec<usize> =
                lengths.iter().map(|&length| usize::try_from(length).unwrap_or(0)).collect();
            Ok(TensorDesc::with_layout(dtype, Layout::from_abi(layout.0)?, &lengths)?.into())
        })
    })
}

/// A layout that keeps four or eight channels in one element: described, never computed on.
struct VectorLayout {
    vector_length: usize,
    /// Storage order, outermost first, as indices into N, C, H, W. The real library also reports
    /// the lengths of such a descriptor in this order.
    order: [usize; 4],
}

impl VectorLayout {
    fn from_abi(layout: u32) -> Option<VectorLayout> {
        type L = miopenTensorLayout_t;
        let (vector_length, order) = match miopenTensorLayout_t(layout) {
            L::miopenTensorNCHWc4 => (4, [0, 1, 2, 3]),
            L::miopenTensorNCHWc8 => (8, [0, 1, 2, 3]),
            L::miopenTensorCHWNc4 => (4, [1, 2, 3, 0]),
            L::miopenTensorCHWNc8 => (8, [1, 2, 3, 0]),
            _ => return None,
        };
        Some(VectorLayout { vector_length, order })
    }

    fn state(&self, dtype: DataType, lengths: &[c_int]) -> Result<TensorState> {
        let lengths: [c_int; 4] = lengths
            .try_into()
            .map_err(|_| Error::bad_parm("a vectorised layout has four dimensions"))?;
        if lengths[1] % self.vector_length as c_int != 0 {
            return Err(Error::bad_parm("channels do not fill the vectors of the layout"));
        }
        let mut stored = [0; 4];
        for (slot, &dim) in stored.iter_mut().zip(&self.order) {
            let length = usize::try_from(lengths[dim]).unwrap_or(0);
            *slot = if dim == 1 { length / self.vector_length } else { length };
        }
        // Each stride counts elements, of which a vector holds several.
        let mut strides = [self.vector_length; 4];
        for dim in (0..3).rev() {
            strides[dim] = strides[dim + 1]
                .checked_mul(stored[dim + 1].max(1))
                .ok_or_else(|| Error::bad_parm("tensor exceeds the address space"))?;
        }
        let desc = TensorDesc::new(dtype, &stored, &strides)?;
        Ok(TensorState { desc, extra_vector_length: self.vector_length - 1 })
    }
}

/// Accepted: it matters to 8-bit floats, which no convolution of ours takes.
pub(super) unsafe extern "C" fn miopenSetTensorCastType(
    tensor: miopenTensorDescriptor_t,
    _cast_type: miopenDataType_t,
) -> miopenStatus_t {
    guard("miopenSetTensorCastType", || TENSORS.get(key_of(tensor)).map(drop))
}

pub(super) unsafe extern "C" fn miopenGet4dTensorDescriptor(
    tensor: miopenTensorDescriptor_t,
    dtype: *mut miopenDataType_t,
    n: *mut c_int,
    c: *mut c_int,
    h: *mut c_int,
    w: *mut c_int,
    n_stride: *mut c_int,
    c_stride: *mut c_int,
    h_stride: *mut c_int,
    w_stride: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGet4dTensorDescriptor", || {
        let desc = tensor_state(tensor)?.desc;
        // SAFETY: the caller passes NULL or places of these types.
        let dtype_out = unsafe { Out::required(dtype, "dataType") }?;
        let places = [n, c, h, w, n_stride, c_stride, h_stride, w_stride]
            // SAFETY: as above.
            .map(|place| unsafe { Out::required(place, "a length or stride") });
        let places: Vec<Out<c_int>> = places.into_iter().collect::<Result<_>>()?;
        // The real library gives the first four dimensions of any descriptor, and reads beyond
        // those of a shorter one; here that is an error.
        let (Some(lengths), Some(strides)) = (desc.lengths().get(..4), desc.strides().get(..4))
        else {
            return Err(Error::bad_parm("the descriptor has fewer than four dimensions"));
        };
        dtype_out.write(miopenDataType_t(desc.dtype().to_abi()));
        let values = narrowed(lengths).chain(narrowed(strides));
        places.iter().zip(values).for_each(|(place, value)| place.write(value));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetTensorDescriptorSize(
    tensor: miopenTensorDescriptor_t,
    size: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetTensorDescriptorSize", || {
        let desc = tensor_state(tensor)?.desc;
        // SAFETY: the caller passes NULL or a place for an int.
        let out = unsafe { Out::required(size, "size") }?;
        out.write(desc.rank() as c_int);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetTensorDescriptor(
    tensor: miopenTensorDescriptor_t,
    dtype: *mut miopenDataType_t,
    lengths: *mut c_int,
    strides: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetTensorDescriptor", || {
        let desc = tensor_state(tensor)?.desc;
        // SAFETY: the caller passes NULL or a place for the enum.
        if let Some(out) = unsafe { Out::optional(dtype) } {
            out.write(miopenDataType_t(desc.dtype().to_abi()));
        }
        for (place, values) in [(lengths, desc.lengths()), (strides, desc.strides())] {
            // SAFETY: the caller passes NULL or as many ints as miopenGetTensorDescriptorSize says.
            if let Some(out) = unsafe { OutArray::optional(place, desc.rank()) } {
                out.write(narrowed(values));
            }
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetTensorNumBytes(
    tensor: miopenTensorDescriptor_t,
    num_bytes: *mut usize,
) -> miopenStatus_t {
    guard("miopenGetTensorNumBytes", || {
        let state = tensor_state(tensor)?;
        // SAFETY: the caller passes NULL or a place for a size_t.
        let out = unsafe { Out::required(num_bytes, "numBytes") }?;
        let extra_elems = state.extra_vector_length;
        out.write(state.desc.span_bytes() + extra_elems * state.desc.dtype().size_bytes());
        Ok(())
    })
}
