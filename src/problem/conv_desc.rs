//! The convolution descriptor: what `miopenConvolutionDescriptor_t` holds.
#![forbid(unsafe_code)]

use super::tensor::TensorDesc;
use crate::error::{Error, Result};

/// Convolution or its transpose (`miopenConvolutionMode_t` 0 and 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Mode {
    Convolution = 0,
    Transpose = 1,
}

impl Mode {
    /// From `miopenConvolutionMode_t`. Group (2) and depthwise (3) are accepted
    /// and mean plain convolution, as in the real library; others are `BadParm`.
    pub fn from_abi(value: u32) -> Result<Self> {
        match value {
            0 | 2 | 3 => Ok(Mode::Convolution),
            1 => Ok(Mode::Transpose),
            _ => Err(Error::bad_parm(format!("convolution mode {value} is not supported"))),
        }
    }
}

/// How Find searches (`miopenConvolutionFindMode_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum FindMode {
    Normal = 1,
    Fast = 2,
    Hybrid = 3,
    DynamicHybrid = 5,
}

impl FindMode {
    /// From the number in the C ABI; `BadParm` for numbers the real library refuses.
    pub fn from_abi(value: i64) -> Result<Self> {
        match value {
            1 => Ok(FindMode::Normal),
            2 => Ok(FindMode::Fast),
            3 => Ok(FindMode::Hybrid),
            5 => Ok(FindMode::DynamicHybrid),
            _ => Err(Error::bad_parm(format!("find mode {value} does not exist"))),
        }
    }
}

/// Attributes of a convolution (`miopenConvolutionAttrib_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Attribute {
    /// -1 by direction, 0 never, 1 always; matters on gfx90a only, kept for the getter.
    Fp16Alt = 0,
    /// 1 asks for bitwise repeatable results; every solver here gives them anyway.
    Deterministic = 1,
    /// Rounding of 8-bit floats; no solver here uses them, kept for the getter.
    Fp8Rounding = 2,
}

impl Attribute {
    /// From the number in the C ABI; `BadParm` if unknown.
    pub fn from_abi(value: i32) -> Result<Self> {
        match value {
            0 => Ok(Attribute::Fp16Alt),
            1 => Ok(Attribute::Deterministic),
            2 => Ok(Attribute::Fp8Rounding),
            _ => Err(Error::bad_parm(format!("convolution attribute {value} does not exist"))),
        }
    }
}

/// Pads, strides, dilations and the rest; one entry per spatial dimension, outermost first.
///
/// The numbers keep the C API's `int`, because the getters must return exactly
/// what was set, sense or nonsense (the group count is stored unchecked).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvDesc {
    mode: Mode,
    pads: Vec<i32>,
    strides: Vec<i32>,
    dilations: Vec<i32>,
    output_pads: Vec<i32>,
    group_count: i32,
    attributes: [i32; 3],
    find_mode: FindMode,
}

impl Default for ConvDesc {
    /// What `miopenCreateConvolutionDescriptor` gives: 2-D, no padding, all else 1.
    fn default() -> Self {
        ConvDesc {
            mode: Mode::Convolution,
            pads: vec![0; 2],
            strides: vec![1; 2],
            dilations: vec![1; 2],
            output_pads: vec![0; 2],
            group_count: 1,
            // Defaults observed through the real library's getters.
            attributes: [-1, 0, 1],
            find_mode: FindMode::DynamicHybrid,
        }
    }
}

impl ConvDesc {
    /// Initialises a descriptor; everything not named here gets its default.
    ///
    /// # Errors
    /// `BadParm` for a negative pad, a stride or dilation below 1, or arrays of
    /// different length.
    pub fn new(mode: Mode, pads: &[i32], strides: &[i32], dilations: &[i32]) -> Result<Self> {
        let spatial_dim = pads.len();
        if strides.len() != spatial_dim || dilations.len() != spatial_dim {
            return Err(Error::bad_parm("pads, strides and dilations differ in length"));
        }
        if pads.iter().any(|&v| v < 0)
            || strides.iter().any(|&v| v < 1)
            || dilations.iter().any(|&v| v < 1)
        {
            return Err(Error::bad_parm(
                "a convolution needs pads >= 0, strides >= 1 and dilations >= 1",
            ));
        }
        Ok(ConvDesc {
            mode,
            pads: pads.to_vec(),
            strides: strides.to_vec(),
            dilations: dilations.to_vec(),
            output_pads: vec![0; spatial_dim],
            ..ConvDesc::default()
        })
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Number of spatial dimensions.
    pub fn spatial_dim(&self) -> usize {
        self.pads.len()
    }

    /// Padding on both sides, per spatial dimension.
    pub fn pads(&self) -> &[i32] {
        &self.pads
    }

    /// Strides, per spatial dimension.
    pub fn strides(&self) -> &[i32] {
        &self.strides
    }

    /// Dilations, per spatial dimension.
    pub fn dilations(&self) -> &[i32] {
        &self.dilations
    }

    /// Extra output rows of a transposed convolution, per spatial dimension.
    pub fn output_pads(&self) -> &[i32] {
        &self.output_pads
    }

    /// Sets the extra output rows of a transposed convolution.
    ///
    /// # Errors
    /// `UnknownError` where the number of dimensions differs, as in the real library.
    pub fn set_output_pads(&mut self, output_pads: &[i32]) -> Result<()> {
        if output_pads.len() != self.spatial_dim() {
            return Err(Error::unknown("output padding for another number of spatial dimensions"));
        }
        self.output_pads = output_pads.to_vec();
        Ok(())
    }

    /// The group count as it was set; possibly nonsense.
    pub fn group_count(&self) -> i32 {
        self.group_count
    }

    /// Stores the group count unchecked, as the real library does.
    pub fn set_group_count(&mut self, group_count: i32) {
        self.group_count = group_count;
    }

    /// The value of an attribute.
    pub fn attribute(&self, attribute: Attribute) -> i32 {
        self.attributes[attribute as usize]
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// `BadParm` for a value out of the attribute's range.
    pub fn set_attribute(&mut self, attribute: Attribute, value: i32) -> Result<()> {
        let lowest = if attribute == Attribute::Fp16Alt { -1 } else { 0 };
        if !(lowest..=1).contains(&value) {
            return Err(Error::bad_parm(format!("{value} is no value of {attribute:?}")));
        }
        self.attributes[attribute as usize] = value;
        Ok(())
    }

    /// How Find searches.
    pub fn find_mode(&self) -> FindMode {
        self.find_mode
    }

    /// Sets how Find searches.
    pub fn set_find_mode(&mut self, find_mode: FindMode) {
        self.find_mode = find_mode;
    }

    /// Output lengths in N, K, (D), H, W order, by MIOpen's own formula and checks.
    ///
    /// Every spatial length is at least 1. Grouped convolution is checked by
    /// C / w\[1\], not by the group count; that is what the real library does.
    ///
    /// # Errors
    /// `BadParm` for types or channels that do not match, an output padding not
    /// below the stride, a rank other than `spatial_dim + 2`, or a length
    /// beyond `i64`.
    pub fn forward_output_lengths(&self, x: &TensorDesc, w: &TensorDesc) -> Result<Vec<usize>> {
        let rank = self.spatial_dim() + 2;
        if x.rank() != rank || w.rank() != rank {
            return Err(Error::bad_parm("tensors and convolution differ in spatial dimensions"));
        }
        if x.dtype() != w.dtype() {
            return Err(Error::bad_parm("types do not match for the filter"));
        }
        let (in_c, w0, w1) = (x.lengths()[1], w.lengths()[0], w.lengths()[1]);
        let channels_match = match self.mode {
            Mode::Convolution => match self.group_count {
                1 => in_c == w1,
                2.. => in_c % w1 == 0 && w0 % (in_c / w1) == 0,
                _ => true,
            },
            Mode::Transpose => {
                in_c == w0 && (self.group_count <= 1 || w0 % self.group_count as usize == 0)
            }
        };
        if !channels_match {
            return Err(Error::bad_parm("channels do not match for the filter"));
        }
        if self.mode == Mode::Transpose
            && self.output_pads.iter().zip(&self.strides).any(|(pad, stride)| pad >= stride)
        {
            return Err(Error::bad_parm("output padding must be below the stride"));
        }

        let out_c = match self.mode {
            Mode::Convolution => i128::from(w0 as u64),
            Mode::Transpose => i128::from(w1 as u64) * i128::from(self.group_count),
        };
        let mut lengths = vec![x.lengths()[0] as i128, out_c];
        for dim in 0..self.spatial_dim() {
            let in_len = x.lengths()[dim + 2] as i128;
            let stride = i128::from(self.strides[dim]);
            let twice_pad = 2 * i128::from(self.pads[dim]);
            let filter_reach =
                i128::from(self.dilations[dim]) * (w.lengths()[dim + 2] as i128 - 1) + 1;
            let out_len = match self.mode {
                Mode::Convolution => (in_len + twice_pad - filter_reach) / stride + 1,
                Mode::Transpose => {
                    stride * (in_len - 1) + filter_reach - twice_pad
                        + i128::from(self.output_pads[dim])
                }
            };
            lengths.push(out_len.max(1));
        }
        lengths
            .into_iter()
            .map(|len| {
                i64::try_from(len)
                    .ok()
                    .and_then(|len| usize::try_from(len).ok())
                    .ok_or_else(|| Error::bad_parm("an output length is out of range"))
            })
            .collect()
    }
}
