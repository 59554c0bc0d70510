//! Convolution descriptors and the output shapes that follow from them.

use super::args::{self, Out, OutArray};
use super::fork;
use super::guard::guard;
use super::objects::{Table, key_of, pointer_of};
use super::tensor_descriptor::conv_tensor;
use crate::error::{Error, Result};
use crate::problem::{Attribute, ConvDesc, FindMode, Mode};
use crate::sys::*;
use std::ffi::c_int;
use std::sync::Arc;

/// What `miopenConvolutionDescriptor_t` stands for.
pub(super) static CONVOLUTIONS: Table<ConvDesc> = Table::new(3, "miopenConvolutionDescriptor_t");

/// The descriptor as it stands now.
pub(super) fn conv_desc(conv: miopenConvolutionDescriptor_t) -> Result<Arc<ConvDesc>> {
    CONVOLUTIONS.get(key_of(conv))
}

/// Changes the descriptor; a failure leaves it as it was.
fn change(
    conv: miopenConvolutionDescriptor_t,
    change: impl FnOnce(&mut ConvDesc) -> Result<()>,
) -> Result<()> {
    CONVOLUTIONS.replace(key_of(conv), |desc| {
        let mut changed = desc.clone();
        change(&mut changed)?;
        Ok(changed)
    })
}

pub(super) unsafe extern "C" fn miopenCreateConvolutionDescriptor(
    conv: *mut miopenConvolutionDescriptor_t,
) -> miopenStatus_t {
    guard("miopenCreateConvolutionDescriptor", || {
        // SAFETY: the caller passes NULL or a place for a descriptor.
        let out = unsafe { Out::required(conv, "convDesc") }?;
        fork::prepare_once();
        out.write(pointer_of(CONVOLUTIONS.insert(ConvDesc::default())));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenDestroyConvolutionDescriptor(
    conv: miopenConvolutionDescriptor_t,
) -> miopenStatus_t {
    guard("miopenDestroyConvolutionDescriptor", || CONVOLUTIONS.remove(key_of(conv)))
}

pub(super) unsafe extern "C" fn miopenInitConvolutionDescriptor(
    conv: miopenConvolutionDescriptor_t,
    mode: miopenConvolutionMode_t,
    pad_h: c_int,
    pad_w: c_int,
    stride_h: c_int,
    stride_w: c_int,
    dilation_h: c_int,
    dilation_w: c_int,
) -> miopenStatus_t {
    guard("miopenInitConvolutionDescriptor", || {
        change(conv, |desc| {
            let (pads, strides) = ([pad_h, pad_w], [stride_h, stride_w]);
            *desc =
                ConvDesc::new(Mode::from_abi(mode.0)?, &pads, &strides, &[dilation_h, dilation_w])?;
            Ok(())
        })
    })
}

pub(super) unsafe extern "C" fn miopenInitConvolutionNdDescriptor(
    conv: miopenConvolutionDescriptor_t,
    spatial_dim: c_int,
    pads: *const c_int,
    strides: *const c_int,
    dilations: *const c_int,
    mode: miopenConvolutionMode_t,
) -> miopenStatus_t {
    guard("miopenInitConvolutionNdDescriptor", || {
        change(conv, |desc| {
            let count = usize::try_from(spatial_dim)
                .map_err(|_| Error::bad_parm(format!("spatialDim is {spatial_dim}")))?;
            let read = |values: *const c_int, name: &str| {
                // SAFETY: the caller passes NULL or `spatialDim` ints.
                let values = unsafe { args::array(values, count) };
                values.ok_or_else(|| Error::bad_parm(format!("{name} is NULL")))
            };
            let pads = read(pads, "padA")?;
            let strides = read(strides, "strideA")?;
            let dilations = read(dilations, "dilationA")?;
            *desc = ConvDesc::new(Mode::from_abi(mode.0)?, &pads, &strides, &dilations)?;
            Ok(())
        })
    })
}

pub(super) unsafe extern "C" fn miopenGetConvolutionDescriptor(
    conv: miopenConvolutionDescriptor_t,
    mode: *mut miopenConvolutionMode_t,
    pad_h: *mut c_int,
    pad_w: *mut c_int,
    stride_h: *mut c_int,
    stride_w: *mut c_int,
    dilation_h: *mut c_int,
    dilation_w: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetConvolutionDescriptor", || {
        let desc = conv_desc(conv)?;
        let (&[p_h, p_w], &[s_h, s_w], &[d_h, d_w]) =
            (desc.pads(), desc.strides(), desc.dilations())
        else {
            return Err(Error::unknown("the descriptor is not two-dimensional"));
        };
        let places = [pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w]
            // SAFETY: the caller passes NULL or places for ints.
            .map(|place| unsafe { Out::required(place, "a pad, stride or dilation") });
        let places: Vec<Out<c_int>> = places.into_iter().collect::<Result<_>>()?;
        // SAFETY: the caller passes NULL or a place for the enum.
        let mode = unsafe { Out::required(mode, "c_mode") }?;
        mode.write(miopenConvolutionMode_t(desc.mode() as u32));
        places.iter().zip([p_h, p_w, s_h, s_w, d_h, d_w]).for_each(|(place, v)| place.write(v));
        Ok(())
    })
}

/// Gives the first `requested` dimensions; `spatialDim`, arrays and mode may be left out.
pub(super) unsafe extern "C" fn miopenGetConvolutionNdDescriptor(
    conv: miopenConvolutionDescriptor_t,
    requested: c_int,
    spatial_dim: *mut c_int,
    pads: *mut c_int,
    strides: *mut c_int,
    dilations: *mut c_int,
    mode: *mut miopenConvolutionMode_t,
) -> miopenStatus_t {
    guard("miopenGetConvolutionNdDescriptor", || {
        let desc = conv_desc(conv)?;
        let requested = usize::try_from(requested).unwrap_or(0);
        if requested > desc.spatial_dim() {
            // Old versions of ONNX Runtime tell a 2-D descriptor by this failure.
            return Err(Error::unknown("requestedSpatialDim is larger than the descriptor's"));
        }
        for (place, values) in
            [(pads, desc.pads()), (strides, desc.strides()), (dilations, desc.dilations())]
        {
            // SAFETY: the caller passes NULL or `requestedSpatialDim` ints.
            if let Some(out) = unsafe { OutArray::optional(place, requested) } {
                out.write(values.iter().copied());
            }
        }
        // SAFETY: the caller passes NULL or a place for an int.
        if let Some(out) = unsafe { Out::optional(spatial_dim) } {
            out.write(desc.spatial_dim() as c_int);
        }
        // SAFETY: the caller passes NULL or a place for the enum.
        if let Some(out) = unsafe { Out::optional(mode) } {
            out.write(miopenConvolutionMode_t(desc.mode() as u32));
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetConvolutionSpatialDim(
    conv: miopenConvolutionDescriptor_t,
    spatial_dim: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetConvolutionSpatialDim", || {
        let desc = conv_desc(conv)?;
        // SAFETY: the caller passes NULL or a place for an int.
        let out = unsafe { Out::required(spatial_dim, "spatialDim") }?;
        out.write(desc.spatial_dim() as c_int);
        Ok(())
    })
}

/// Any number is stored, as in the real library; what it means is checked where it is used.
pub(super) unsafe extern "C" fn miopenSetConvolutionGroupCount(
    conv: miopenConvolutionDescriptor_t,
    group_count: c_int,
) -> miopenStatus_t {
    guard("miopenSetConvolutionGroupCount", || {
        change(conv, |desc| {
            desc.set_group_count(group_count);
            Ok(())
        })
    })
}

pub(super) unsafe extern "C" fn miopenGetConvolutionGroupCount(
    conv: miopenConvolutionDescriptor_t,
    group_count: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetConvolutionGroupCount", || {
        let desc = conv_desc(conv)?;
        // SAFETY: the caller passes NULL or a place for an int.
        let out = unsafe { Out::required(group_count, "groupCount") }?;
        out.write(desc.group_count());
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenSetTransposeConvOutputPadding(
    conv: miopenConvolutionDescriptor_t,
    adj_h: c_int,
    adj_w: c_int,
) -> miopenStatus_t {
    guard("miopenSetTransposeConvOutputPadding", || {
        change(conv, |desc| desc.set_output_pads(&[adj_h, adj_w]))
    })
}

pub(super) unsafe extern "C" fn miopenSetTransposeConvNdOutputPadding(
    conv: miopenConvolutionDescriptor_t,
    spatial_dim: c_int,
    adj: *const c_int,
) -> miopenStatus_t {
    guard("miopenSetTransposeConvNdOutputPadding", || {
        change(conv, |desc| {
            if usize::try_from(spatial_dim) != Ok(desc.spatial_dim()) {
                return Err(Error::unknown("spatialDim is not the descriptor's"));
            }
            // SAFETY: the caller passes NULL or `spatialDim` ints.
            let adj = unsafe { args::array(adj, desc.spatial_dim()) };
            desc.set_output_pads(&adj.ok_or_else(|| Error::bad_parm("adjA is NULL"))?)
        })
    })
}

pub(super) unsafe extern "C" fn miopenSetConvolutionAttribute(
    conv: miopenConvolutionDescriptor_t,
    attribute: miopenConvolutionAttrib_t,
    value: c_int,
) -> miopenStatus_t {
    guard("miopenSetConvolutionAttribute", || {
        change(conv, |desc| desc.set_attribute(Attribute::from_abi(attribute.0 as i32)?, value))
    })
}

pub(super) unsafe extern "C" fn miopenGetConvolutionAttribute(
    conv: miopenConvolutionDescriptor_t,
    attribute: miopenConvolutionAttrib_t,
    value: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetConvolutionAttribute", || {
        let desc = conv_desc(conv)?;
        let attribute = Attribute::from_abi(attribute.0 as i32)?;
        // SAFETY: the caller passes NULL or a place for an int.
        let out = unsafe { Out::required(value, "value") }?;
        out.write(desc.attribute(attribute));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenSetConvolutionFindMode(
    conv: miopenConvolutionDescriptor_t,
    find_mode: miopenConvolutionFindMode_t,
) -> miopenStatus_t {
    guard("miopenSetConvolutionFindMode", || set_find_mode(conv, find_mode.0.into()))
}

pub(super) unsafe extern "C" fn miopenGetConvolutionFindMode(
    conv: miopenConvolutionDescriptor_t,
    find_mode: *mut miopenConvolutionFindMode_t,
) -> miopenStatus_t {
    guard("miopenGetConvolutionFindMode", || {
        let desc = conv_desc(conv)?;
        // SAFETY: the caller passes NULL or a place for the enum.
        let out = unsafe { Out::required(find_mode, "findMode") }?;
        out.write(miopenConvolutionFindMode_t(desc.find_mode() as u32));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenHiddenSetConvolutionFindMode(
    conv: miopenConvolutionDescriptor_t,
    find_mode: c_int,
) -> miopenStatus_t {
    guard("miopenHiddenSetConvolutionFindMode", || set_find_mode(conv, find_mode.into()))
}

pub(super) unsafe extern "C" fn miopenHiddenGetConvolutionFindMode(
    conv: miopenConvolutionDescriptor_t,
    find_mode: *mut c_int,
) -> miopenStatus_t {
    guard("miopenHiddenGetConvolutionFindMode", || {
        let desc = conv_desc(conv)?;
        // SAFETY: the caller passes NULL or a place for an int.
        let out = unsafe { Out::required(find_mode, "findMode") }?;
        out.write(desc.find_mode() as c_int);
        Ok(())
    })
}

fn set_find_mode(conv: miopenConvolutionDescriptor_t, find_mode: i64) -> Result<()> {
    change(conv, |desc| {
        desc.set_find_mode(FindMode::from_abi(find_mode)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetConvolutionForwardOutputDim(
    conv: miopenConvolutionDescriptor_t,
    x: miopenTensorDescriptor_t,
    w: miopenTensorDescriptor_t,
    n: *mut c_int,
    c: *mut c_int,
    h: *mut c_int,
    wo: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetConvolutionForwardOutputDim", || {
        let desc = conv_desc(conv)?;
        if desc.spatial_dim() != 2 {
            return Err(Error::unknown("the descriptor is not two-dimensional"));
        }
        let lengths = output_lengths(&desc, x, w)?;
        // SAFETY: the caller passes NULL or places for ints.
        let places = [n, c, h, wo].map(|place| unsafe { Out::required(place, "n, c, h or w") });
        let places: Vec<Out<c_int>> = places.into_iter().collect::<Result<_>>()?;
        places.iter().zip(lengths).for_each(|(place, length)| place.write(length));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn miopenGetConvolutionNdForwardOutputDim(
    conv: miopenConvolutionDescriptor_t,
    x: miopenTensorDescriptor_t,
    w: miopenTensorDescriptor_t,
    rank: *mut c_int,
    lengths_out: *mut c_int,
) -> miopenStatus_t {
    guard("miopenGetConvolutionNdForwardOutputDim", || {
        let desc = conv_desc(conv)?;
        let lengths = output_lengths(&desc, x, w)?;
        // SAFETY: the caller passes NULL or a place for an int.
        let rank = unsafe { Out::required(rank, "nDim") }?;
        // SAFETY: the caller passes NULL or room for spatialDim + 2 ints.
        let out = unsafe { OutArray::optional(lengths_out, lengths.len()) }
            .ok_or_else(|| Error::bad_parm("outputTensorDimA is NULL"))?;
        rank.write(lengths.len() as c_int);
        out.write(lengths);
        Ok(())
    })
}

fn output_lengths(
    desc: &ConvDesc,
    x: miopenTensorDescriptor_t,
    w: miopenTensorDescriptor_t,
) -> Result<Vec<c_int>> {
    let lengths = desc.forward_output_lengths(
        &conv_tensor(x, "inputTensorDesc")?,
        &conv_tensor(w, "filterDesc")?,
    )?;
    lengths
        .into_iter()
        .map(|length| {
            c_int::try_from(length)
                .map_err(|_| Error::bad_parm(format!("output length {length} exceeds an int")))
        })
        .collect()
}
