//! Data types, layouts and the tensor descriptor.
#![forbid(unsafe_code)]

use crate::error::{Error, Result};

/// The highest tensor rank that a descriptor holds.
///
/// Convolutions need 5; the rest is room for the descriptors of other primitives.
pub const MAX_RANK: usize = 8;

/// Element types, by their values in the C ABI (`miopenDataType_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum DataType {
    F16 = 0,
    F32 = 1,
    I32 = 2,
    I8 = 3,
    // 4 was int8x4, which MIOpen dropped after ROCm 6.0.
    BF16 = 5,
    F64 = 6,
    /// 8-bit float, 4 exponent bits, "fnuz" encoding.
    F8 = 7,
    /// 8-bit float, 5 exponent bits, "fnuz" encoding.
    BF8 = 8,
    I64 = 9,
}

impl DataType {
    const ALL: [DataType; 9] = [
        DataType::F16,
        DataType::F32,
        DataType::I32,
        DataType::I8,
        DataType::BF16,
        DataType::F64,
        DataType::F8,
        DataType::BF8,
        DataType::I64,
    ];

    /// The type with this number in `miopenDataType_t`; `BadParm` if there is none.
    pub fn from_abi(value: u32) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|dtype| dtype.to_abi() == value)
            .ok_or_else(|| Error::bad_parm(format!("unknown data type {value}")))
    }

    /// The number in `miopenDataType_t`.
    pub const fn to_abi(self) -> u32 {
        self as u32
    }

    /// Size of one element in bytes.
    pub const fn size_bytes(self) -> usize {
        match self {
            DataType::I8 | DataType::F8 | DataType::BF8 => 1,
            DataType::F16 | DataType::BF16 => 2,
            DataType::F32 | DataType::I32 => 4,
            DataType::F64 | DataType::I64 => 8,
        }
    }

    /// Short name for messages and for the text form: `fp32`, `int8`, ...
    pub const fn name(self) -> &'static str {
        match self {
            DataType::F16 => "fp16",
            DataType::F32 => "fp32",
            DataType::I32 => "int32",
            DataType::I8 => "int8",
            DataType::BF16 => "bf16",
            DataType::F64 => "fp64",
            DataType::F8 => "fp8",
            DataType::BF8 => "bf8",
            DataType::I64 => "int64",
        }
    }

    /// The inverse of [`DataType::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }
}

/// The layouts that MIOpen names, by their values in `miopenTensorLayout_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Layout {
    Nchw = 0,
    Nhwc = 1,
    Chwn = 2,
    Ncdhw = 7,
    Ndhwc = 8,
}

impl Layout {
    /// The order in which strides are tested (MIOpen, `src/tensor.cpp`).
    const DETECTION_ORDER: [Layout; 5] =
        [Layout::Nchw, Layout::Nhwc, Layout::Ncdhw, Layout::Ndhwc, Layout::Chwn];

    /// The layout with this number in `miopenTensorLayout_t`; `BadParm` for
    /// unknown numbers and for the vectorised layouts, which no code here serves.
    pub fn from_abi(value: u32) -> Result<Self> {
        Self::DETECTION_ORDER
            .into_iter()
            .find(|layout| *layout as u32 == value)
            .ok_or_else(|| Error::bad_parm(format!("unknown tensor layout {value}")))
    }

    /// Tensor dimensions in storage order, outermost first, as indices into N, C, (D), H, W.
    pub const fn storage_order(self) -> &'static [usize] {
        match self {
            Layout::Nchw => &[0, 1, 2, 3],
            Layout::Nhwc => &[0, 2, 3, 1],
            Layout::Chwn => &[1, 2, 3, 0],
            Layout::Ncdhw => &[0, 1, 2, 3, 4],
            Layout::Ndhwc => &[0, 2, 3, 4, 1],
        }
    }

    /// The name as MIOpenDriver spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Layout::Nchw => "NCHW",
            Layout::Nhwc => "NHWC",
            Layout::Chwn => "CHWN",
            Layout::Ncdhw => "NCDHW",
            Layout::Ndhwc => "NDHWC",
        }
    }

    /// The inverse of [`Layout::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::DETECTION_ORDER.into_iter().find(|layout| layout.name() == name)
    }
}

/// Lengths and strides of a tensor: what `miopenTensorDescriptor_t` describes.
///
/// Invariants: every length and stride is at least 1, and the span in bytes
/// fits in `isize`. The default value is the descriptor that was created but
/// never set: rank 0, fp32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorDesc {
    dtype: DataType,
    rank: usize,
    lengths: [usize; MAX_RANK],
    strides: [usize; MAX_RANK],
}

impl Default for TensorDesc {
    fn default() -> Self {
        TensorDesc { dtype: DataType::F32, rank: 0, lengths: [0; MAX_RANK], strides: [0; MAX_RANK] }
    }
}

impl TensorDesc {
    /// A tensor with explicit strides, in elements.
    ///
    /// # Errors
    /// `BadParm` for a zero length or stride, for `lengths` and `strides` of
    /// different rank, for an empty rank or one above [`MAX_RANK`], and where
    /// the span exceeds the address space.
    pub fn new(dtype: DataType, lengths: &[usize], strides: &[usize]) -> Result<Self> {
        let rank = lengths.len();
        if rank == 0 || rank > MAX_RANK {
            return Err(Error::bad_parm(format!("tensor rank {rank} is not in 1..={MAX_RANK}")));
        }
        if strides.len() != rank {
            return Err(Error::bad_parm("lengths and strides differ in rank"));
        }
        if lengths.contains(&0) {
            return Err(Error::bad_parm("tensor lengths must be > 0"));
        }
        if strides.contains(&0) {
            return Err(Error::bad_parm("tensor strides must be > 0"));
        }
        let mut desc = TensorDesc { dtype, rank, ..TensorDesc::default() };
        desc.lengths[..rank].copy_from_slice(lengths);
        desc.strides[..rank].copy_from_slice(strides);
        desc.checked_span_bytes()
            .ok_or_else(|| Error::bad_parm("tensor exceeds the address space"))?;
        Ok(desc)
    }

    /// A tensor without gaps whose last dimension is contiguous (NCHW, NCDHW).
    ///
    /// # Errors
    /// As [`TensorDesc::new`].
    pub fn packed(dtype: DataType, lengths: &[usize]) -> Result<Self> {
        let order: Vec<usize> = (0..lengths.len()).collect();
        Self::packed_in_order(dtype, lengths, &order)
    }

    /// A tensor without gaps in the given layout; lengths in N, C, (D), H, W order.
    ///
    /// # Errors
    /// As [`TensorDesc::new`], and `BadParm` where the layout has another rank.
    pub fn with_layout(dtype: DataType, layout: Layout, lengths: &[usize]) -> Result<Self> {
        if layout.storage_order().len() != lengths.len() {
            return Err(Error::bad_parm(format!(
                "layout {} does not fit a tensor of rank {}",
                layout.name(),
                lengths.len()
            )));
        }
        Self::packed_in_order(dtype, lengths, layout.storage_order())
    }

    /// From the signed numbers of the C API; `strides` of `None` means packed.
    ///
    /// # Errors
    /// As [`TensorDesc::new`]; a negative number counts as out of range.
    pub fn from_signed(dtype: DataType, lengths: &[i64], strides: Option<&[i64]>) -> Result<Self> {
        let unsigned = |values: &[i64], what: &str| -> Result<Vec<usize>> {
            values
                .iter()
                .map(|&v| {
                    usize::try_from(v)
                        .map_err(|_| Error::bad_parm(format!("tensor {what} must be > 0")))
                })
                .collect()
        };
        let lengths = unsigned(lengths, "lengths")?;
        match strides {
            None => Self::packed(dtype, &lengths),
            Some(strides) => Self::new(dtype, &lengths, &unsigned(strides, "strides")?),
        }
    }

    fn packed_in_order(dtype: DataType, lengths: &[usize], order: &[usize]) -> Result<Self> {
        let mut strides = vec![0; lengths.len()];
        let mut stride = 1usize;
        for &dim in order.iter().rev() {
            strides[dim] = stride;
            // A zero length is reported by `new` under its own name.
            stride = stride
                .checked_mul(lengths[dim].max(1))
                .ok_or_else(|| Error::bad_parm("tensor exceeds the address space"))?;
        }
        Self::new(dtype, lengths, &strides)
    }

    /// The element type.
    pub fn dtype(&self) -> DataType {
        self.dtype
    }

    /// Number of dimensions; 0 for a descriptor that was never set.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Lengths in N, C, (D), H, W order.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths[..self.rank]
    }

    /// Strides in elements, in N, C, (D), H, W order.
    pub fn strides(&self) -> &[usize] {
        &self.strides[..self.rank]
    }

    fn checked_span_bytes(&self) -> Option<usize> {
        let mut span_elems = 1usize;
        for (&len, &stride) in self.lengths().iter().zip(self.strides()) {
            span_elems = span_elems.checked_add((len - 1).checked_mul(stride)?)?;
        }
        let bytes = span_elems.checked_mul(self.dtype.size_bytes())?;
        isize::try_from(bytes).ok()?;
        Some(bytes)
    }

    /// Elements from the first to the last one addressed, gaps included; 1 for rank 0.
    pub fn span_elems(&self) -> usize {
        let last: usize = self
            .lengths()
            .iter()
            .zip(self.strides())
            .map(|(&len, &stride)| (len - 1) * stride)
            .sum();
        last + 1
    }

    /// The span in bytes: what `miopenGetTensorNumBytes` gives.
    pub fn span_bytes(&self) -> usize {
        self.span_elems() * self.dtype.size_bytes()
    }

    /// The number of elements proper, gaps not counted; `None` beyond `usize`
    /// (possible only where strides make elements share memory).
    pub fn num_elems(&self) -> Option<usize> {
        self.lengths().iter().try_fold(1usize, |product, &len| product.checked_mul(len))
    }

    /// True where there are no gaps and no shared elements.
    pub fn is_packed(&self) -> bool {
        self.num_elems() == Some(self.span_elems()) && self.has_distinct_elems()
    }

    /// True where no two index tuples address the same element; see [`distinct_elems`].
    pub fn has_distinct_elems(&self) -> bool {
        distinct_elems(self.lengths(), self.strides())
    }

    /// The same tensor with another length of one dimension, the strides unchanged.
    ///
    /// # Errors
    /// As [`TensorDesc::new`]; `BadParm` for a dimension that it has not.
    pub fn with_length(&self, dim: usize, length: usize) -> Result<Self> {
        let mut lengths = *self;
        *lengths.lengths[..self.rank]
            .get_mut(dim)
            .ok_or_else(|| Error::bad_parm(format!("the tensor has no dimension {dim}")))? = length;
        Self::new(self.dtype, lengths.lengths(), self.strides())
    }

    /// The byte ranges that hold elements: as long as they can be, gaps left out.
    pub fn byte_runs(&self) -> impl ExactSizeIterator<Item = std::ops::Range<usize>> + use<> {
        let mut dims: Vec<(usize, usize)> = self
            .strides()
            .iter()
            .zip(self.lengths())
            .filter(|&(_, &length)| length > 1)
            .map(|(&stride, &length)| (stride, length))
            .collect();
        dims.sort_unstable();
        let joined = dims
            .iter()
            .scan(1, |run, &(stride, length)| {
                let joins = stride == *run;
                *run *= length;
                joins.then_some(length)
            })
            .collect::<Vec<usize>>();
        let elem_bytes = self.dtype.size_bytes();
        let run_bytes = joined.iter().product::<usize>() * elem_bytes;
        let outer = dims.split_off(joined.len());
        let count: usize = outer.iter().map(|&(_, length)| length).product();
        (0..count).map(move |index| {
            let mut rest = index;
            let mut offset = 0;
            for &(stride, length) in &outer {
                offset += rest % length * stride;
                rest /= length;
            }
            offset * elem_bytes..offset * elem_bytes + run_bytes
        })
    }

    /// Whether the strides fall (weakly) in the storage order of `layout`.
    ///
    /// This is MIOpen's own test, so a shape with lengths of 1 admits several layouts.
    pub fn admits_layout(&self, layout: Layout) -> bool {
        let order = layout.storage_order();
        order.len() == self.rank
            && order.windows(2).all(|pair| self.strides[pair[0]] >= self.strides[pair[1]])
    }

    /// The first layout the strides admit, in MIOpen's order of testing.
    pub fn layout(&self) -> Option<Layout> {
        Layout::DETECTION_ORDER.into_iter().find(|&layout| self.admits_layout(layout))
    }

    /// The same tensor with three spatial dimensions; missing ones get length 1.
    ///
    /// Ranks 3 (N, C, W) to 5; `BadParm` otherwise.
    pub fn to_tensor5(&self) -> Result<Tensor5> {
        if !(3..=5).contains(&self.rank) {
            return Err(Error::bad_parm(format!("tensor of rank {} in a convolution", self.rank)));
        }
        let mut lengths = [1; 5];
        let mut strides = [1; 5];
        let missing = 5 - self.rank;
        for dim in 0..self.rank {
            let canonical = if dim < 2 { dim } else { dim + missing };
            lengths[canonical] = self.lengths[dim];
            // Never used where the length is 1, and then it may be any number.
            strides[canonical] = if self.lengths[dim] > 1 { self.strides[dim] } else { 1 };
        }
        Ok(Tensor5 { lengths, strides })
    }
}

/// Whether no two index tuples address the same element.
///
/// Sufficient test, exact for every tensor made by slicing a packed one: taken
/// from the smallest stride up, each stride steps over all that the smaller
/// ones reach.
fn distinct_elems(lengths: &[usize], strides: &[usize]) -> bool {
    let mut dims: Vec<(usize, usize)> = strides
        .iter()
        .zip(lengths)
        .filter(|&(_, &len)| len > 1)
        .map(|(&stride, &len)| (stride, len))
        .collect();
    dims.sort_unstable();
    let mut reach_elems = 0;
    for (stride, len) in dims {
        if stride <= reach_elems {
            return false;
        }
        reach_elems += (len - 1) * stride;
    }
    true
}

/// Lengths and strides in N, C, D, H, W order: the canonical view that solvers work on.
///
/// The stride of a dimension of length 1 has no meaning, and is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tensor5 {
    pub lengths: [usize; 5],
    pub strides: [usize; 5],
}

impl Tensor5 {
    /// Elements from the first to the last one addressed; `None` beyond `usize`.
    pub fn span_elems(&self) -> Option<usize> {
        let mut span = 1usize;
        for (&len, &stride) in self.lengths.iter().zip(&self.strides) {
            span = span.checked_add(len.checked_sub(1)?.checked_mul(stride)?)?;
        }
        Some(span)
    }

    /// Whether no two indices address the same element (sufficient test).
    /// The span must fit in `usize`.
    pub fn has_distinct_elems(&self) -> bool {
        distinct_elems(&self.lengths, &self.strides)
    }

    /// Lengths of D, H, W.
    pub fn spatial_lengths(&self) -> [usize; 3] {
        [self.lengths[2], self.lengths[3], self.lengths[4]]
    }

    /// Strides of D, H, W.
    pub fn spatial_strides(&self) -> [usize; 3] {
        [self.strides[2], self.strides[3], self.strides[4]]
    }
}
