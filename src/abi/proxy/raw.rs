//! What the real library's getters say of a call, as numbers that can be compared at once.

use crate::abi::call::Asked;
use crate::abi::entries::RealFunctions;
use crate::problem::{ConvDesc, ConvProblem, DataType, Direction, Mode, TensorDesc};
use crate::sys::*;
use std::ffi::c_int;

use super::is_success;

/// The highest rank of a tensor in a convolution.
const MAX_RANK: usize = 5;
const MAX_SPATIAL: usize = MAX_RANK - 2;

/// A tensor as the getters give it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
struct RawTensor {
    rank: c_int,
    dtype: u32,
    lengths: [c_int; MAX_RANK],
    strides: [c_int; MAX_RANK],
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
struct RawConv {
    mode: u32,
    spatial_dim: c_int,
    pads: [c_int; MAX_SPATIAL],
    strides: [c_int; MAX_SPATIAL],
    dilations: [c_int; MAX_SPATIAL],
    /// 0 where this release has no getter.
    group_count: c_int,
}

/// A call, as far as it decides what is computed, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct RawCall {
    tensors: [RawTensor; 3],
    conv: RawConv,
    direction: u32,
    pub ordinal: u32,
}

const WORDS: usize = size_of::<RawCall>() / size_of::<u32>();

impl RawCall {
    /// Reads the descriptors. `None` where the real library does not give them, and for shapes that
    /// no convolution has.
    pub fn read(functions: &RealFunctions, asked: &Asked, ordinal: u32) -> Option<RawCall> {
        let descriptors = &asked.descriptors;
        let mut call = RawCall {
            tensors: [RawTensor::default(); 3],
            conv: RawConv::default(),
            direction: asked.direction as u32,
            ordinal,
        };
        let tensors = [descriptors.x, descriptors.w, descriptors.y];
        for (raw, tensor) in call.tensors.iter_mut().zip(tensors) {
            raw.read(functions, tensor)?;
        }
        call.conv.read(functions, descriptors.conv, call.tensors[0].rank - 2)?;
        Some(call)
    }

    /// A number that differs between most calls: multiply and rotate, two words at a time.
    pub fn hash(&self) -> u64 {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        // SAFETY: the structure is made of so many 32-bit numbers, without gaps.
        let words = unsafe { &*std::ptr::from_ref(self).cast::<[u32; WORDS]>() };
        let pairs = words
            .chunks(2)
            .map(|pair| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32);
        let mixed =
            pairs.fold(0u64, |hash, pair| (hash.rotate_left(5) ^ pair).wrapping_mul(FACTOR));
        mixed ^ mixed >> 32
    }

    fn direction(&self) -> Direction {
        [Direction::Fwd, Direction::Bwd, Direction::Wrw]
            .into_iter()
            .find(|direction| *direction as u32 == self.direction)
            .unwrap_or(Direction::Fwd)
    }

    /// The problem that really runs, and whether the call's x is its y. `None` where it cannot be
    /// said: then it is the real library's to refuse, or to compute in a type of its own.
    pub fn problem(&self) -> Option<(ConvProblem, bool)> {
        let [x, w, y] = &self.tensors;
        let conv = self.conv.desc(x, w, y)?;
        let problem =
            ConvProblem::new(self.direction(), x.desc()?, w.desc()?, y.desc()?, &conv).ok()?;
        Some((problem, ConvProblem::swaps_x_and_y(&conv)))
    }
}

impl RawTensor {
    fn read(&mut self, functions: &RealFunctions, tensor: miopenTensorDescriptor_t) -> Option<()> {
        let (size, get) =
            (functions.miopenGetTensorDescriptorSize?, functions.miopenGetTensorDescriptor?);
        // SAFETY: the caller's descriptor, which the real library is to check, and a place.
        if !is_success(unsafe { size(tensor, &mut self.rank) }) {
            return None;
        }
        if !(3..=MAX_RANK as c_int).contains(&self.rank) {
            return None;
        }
        let mut dtype = miopenDataType_t(0);
        let (lengths, strides) = (self.lengths.as_mut_ptr(), self.strides.as_mut_ptr());
        // SAFETY: room for as many dimensions as it said to have.
        let status = unsafe { get(tensor, &mut dtype, lengths, strides) };
        self.dtype = dtype.0;
        is_success(status).then_some(())
    }

    fn desc(&self) -> Option<TensorDesc> {
        let rank = usize::try_from(self.rank).ok()?;
        let widened = |values: &[c_int]| -> Vec<i64> {
            values[..rank].iter().map(|&value| i64::from(value)).collect()
        };
        let (lengths, strides) = (widened(&self.lengths), widened(&self.strides));
        // A layout that keeps four or eight channels in one element has no other sign in these
        // numbers; tensors without an element beside another are not seen elsewhere.
        if strides.iter().all(|stride| stride % 4 == 0) {
            return None;
        }
        TensorDesc::from_signed(DataType::from_abi(self.dtype).ok()?, &lengths, Some(&strides)).ok()
    }
}

impl RawConv {
    fn read(
        &mut self,
        functions: &RealFunctions,
        conv: miopenConvolutionDescriptor_t,
        spatial_dim: c_int,
    ) -> Option<()> {
        let get = functions.miopenGetConvolutionNdDescriptor?;
        let mut mode = miopenConvolutionMode_t(0);
        // SAFETY: the caller's descriptor, which the real library is to check, and room for as many
        // dimensions as are asked for: at most three.
        let status = unsafe {
            get(
                conv,
                spatial_dim,
                &mut self.spatial_dim,
                self.pads.as_mut_ptr(),
                self.strides.as_mut_ptr(),
                self.dilations.as_mut_ptr(),
                &mut mode,
            )
        };
        if !is_success(status) || self.spatial_dim != spatial_dim {
            return None;
        }
        self.mode = mode.0;
        let Some(get) = functions.miopenGetConvolutionGroupCount else { return Some(()) };
        // SAFETY: as above, and a place.
        is_success(unsafe { get(conv, &mut self.group_count) }).then_some(())
    }

    fn desc(&self, x: &RawTensor, w: &RawTensor, y: &RawTensor) -> Option<ConvDesc> {
        let count = usize::try_from(self.spatial_dim).ok()?;
        let mode = Mode::from_abi(self.mode).ok()?;
        let mut desc = ConvDesc::new(
            mode,
            &self.pads[..count],
            &self.strides[..count],
            &self.dilations[..count],
        )
        .ok()?;
        let groups = match (self.group_count, mode) {
            // The filter has the channels of one group.
            (0, Mode::Convolution) => x.lengths[1].checked_div(w.lengths[1])?,
            (0, Mode::Transpose) => y.lengths[1].checked_div(w.lengths[1])?,
            (count, _) => count,
        };
        desc.set_group_count(groups);
        Some(desc)
    }
}
