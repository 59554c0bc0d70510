//! The normalised problem: what really runs, whichever API call asked for it.
#![forbid(unsafe_code)]

use super::conv_desc::{Attribute, ConvDesc, Mode};
use super::tensor::{DataType, Layout, Tensor5, TensorDesc};
use crate::error::{Error, Result, Status};

/// What is computed from what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// y from x and w.
    Fwd,
    /// dx from dy and w.
    Bwd,
    /// dw from x and dy.
    Wrw,
}

/// The three tensors of a problem. A gradient has the role of the tensor it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    X,
    W,
    Y,
}

impl Direction {
    /// The tensors that are read, in the order in which solvers take them.
    pub const fn input_roles(self) -> [Role; 2] {
        match self {
            Direction::Fwd => [Role::X, Role::W],
            Direction::Bwd => [Role::Y, Role::W],
            Direction::Wrw => [Role::X, Role::Y],
        }
    }

    /// The tensor that is written.
    pub const fn output_role(self) -> Role {
        match self {
            Direction::Fwd => Role::Y,
            Direction::Bwd => Role::X,
            Direction::Wrw => Role::W,
        }
    }

    /// `fwd`, `bwd` or `wrw`.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Fwd => "fwd",
            Direction::Bwd => "bwd",
            Direction::Wrw => "wrw",
        }
    }
}

/// One convolution, transpose mode resolved, with all that distinguishes it from another.
///
/// Equality and hash cover every field: dims, strides, types, direction,
/// groups, pads, strides, dilations. So the problem is its own cache key.
///
/// The extents of x, w and y are taken as they are given. The real library
/// does not check y against the other two, so nothing here may rely on the
/// formula: a filter tap that falls outside x adds nothing, and an output row
/// that y does not have is neither read nor written. In one dimension:
/// `y[o] = sum over t of x[o * stride + t * dilation - pad] * w[t]`, restricted
/// to indices that exist, defines all three directions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvProblem {
    direction: Direction,
    spatial_dim: usize,
    x: TensorDesc,
    w: TensorDesc,
    y: TensorDesc,
    x5: Tensor5,
    w5: Tensor5,
    y5: Tensor5,
    pads: [usize; 3],
    strides: [usize; 3],
    dilations: [usize; 3],
    groups: usize,
    deterministic: bool,
}

impl ConvProblem {
    /// Builds the problem behind an API call, with the checks of the real library's compute calls.
    ///
    /// `direction`, `x` and `y` are as in the call: `x` belongs to the input
    /// side of the convolution descriptor whatever its mode. In transpose mode
    /// a forward call runs backward-data with x in the place of dy, and so on;
    /// see [`ConvProblem::swaps_x_and_y`] for what that means for buffers.
    ///
    /// # Errors
    /// - `BadParm`: ranks that do not match or are not 3 to 5, data types that
    ///   do not match, group count or channels that do not divide or match,
    ///   batch sizes that differ, group strides that do not divide, int8
    ///   backward-weights, numbers whose products exceed `i64`.
    /// - `InternalError`: groups in a layout that the real library does not serve.
    /// - `NotImplemented`: more than three spatial dimensions.
    ///
    /// The real library leaves the batch size, the output channels and NHWC
    /// channels unchecked and then reads out of bounds; here they are `BadParm`.
    pub fn new(
        direction: Direction,
        x: TensorDesc,
        w: TensorDesc,
        y: TensorDesc,
        conv: &ConvDesc,
    ) -> Result<Self> {
        let (direction, x, y) = if Self::swaps_x_and_y(conv) {
            let swapped = match direction {
                Direction::Fwd => Direction::Bwd,
                Direction::Bwd => Direction::Fwd,
                Direction::Wrw => Direction::Wrw,
            };
            (swapped, y, x)
        } else {
            (direction, x, y)
        };
        check_ranks(&x, &w, &y, conv)?;
        check_types(direction, &x, &w, &y)?;
        let groups = usize::try_from(conv.group_count())
            .ok()
            .filter(|&groups| groups > 0)
            .ok_or_else(|| Error::bad_parm("group count must be > 0"))?;
        if groups > 1 {
            check_group_stride(&x, groups)?;
            check_group_stride(&y, groups)?;
        }

        let canonical = |values: &[i32], missing_value: usize| {
            let mut out = [missing_value; 3];
            for (slot, &value) in out[3 - values.len()..].iter_mut().zip(values) {
                // The descriptor admits no negative number.
                *slot = value.unsigned_abs() as usize;
            }
            out
        };
        let problem = ConvProblem {
            direction,
            spatial_dim: conv.spatial_dim(),
            x5: x.to_tensor5()?,
            w5: w.to_tensor5()?,
            y5: y.to_tensor5()?,
            x,
            w,
            y,
            pads: canonical(conv.pads(), 0),
            strides: canonical(conv.strides(), 1),
            dilations: canonical(conv.dilations(), 1),
            groups,
            deterministic: conv.attribute(Attribute::Deterministic) == 1,
        };
        problem.check_channels()?;
        problem.check_reach()?;
        Ok(problem)
    }

    /// The same convolution of another number of images, the strides unchanged.
    ///
    /// # Errors
    /// `BadParm` for none, or where a tensor exceeds the address space.
    pub fn with_images(&self, n: usize) -> Result<Self> {
        let (x, y) = (self.x.with_length(0, n)?, self.y.with_length(0, n)?);
        let (x5, y5) = (x.to_tensor5()?, y.to_tensor5()?);
        let problem = ConvProblem { x, y, x5, y5, ..self.clone() };
        problem.check_reach()?;
        Ok(problem)
    }

    /// Whether the problem's x is the call's y and the reverse, descriptor and buffer alike.
    pub fn swaps_x_and_y(conv: &ConvDesc) -> bool {
        conv.mode() == Mode::Transpose
    }

    /// The checks of `ValidateGroupCount` and those without which indices could leave a tensor.
    fn check_channels(&self) -> Result<()> {
        let (c, k) = (self.c(), self.k());
        if !c.is_multiple_of(self.groups) || c / self.groups != self.w5.lengths[1] {
            return Err(Error::bad_parm("invalid filter channel number"));
        }
        if !k.is_multiple_of(self.groups) {
            return Err(Error::bad_parm("invalid group number"));
        }
        if self.y5.lengths[1] != k {
            return Err(Error::bad_parm("output channels differ from the filter's"));
        }
        if self.x5.lengths[0] != self.y5.lengths[0] {
            return Err(Error::bad_parm("input and output differ in batch size"));
        }
        Ok(())
    }

    /// Every coordinate and every size that solvers form must fit in `i64`.
    fn check_reach(&self) -> Result<()> {
        let out_of_range = || Error::bad_parm("problem exceeds 64-bit index arithmetic");
        for dim in 0..3 {
            let reach = (self.out_spatial()[dim] - 1)
                .checked_mul(self.strides[dim])
                .and_then(|v| {
                    v.checked_add(
                        (self.filter_spatial()[dim] - 1).checked_mul(self.dilations[dim])?,
                    )
                })
                .and_then(|v| v.checked_add(self.in_spatial()[dim]))
                .and_then(|v| v.checked_add(self.pads[dim]))
                .ok_or_else(out_of_range)?;
            i64::try_from(reach).map_err(|_| out_of_range())?;
        }
        for tensor in [&self.x, &self.w, &self.y] {
            let elems = tensor.num_elems().ok_or_else(out_of_range)?;
            // Solvers keep copies in other types, of at most 8 bytes an element.
            elems.checked_mul(8).and_then(|v| i64::try_from(v).ok()).ok_or_else(out_of_range)?;
        }
        Ok(())
    }

    /// What `alpha` and `beta` the real library accepts: in 2-D only 1 and 0.
    ///
    /// # Errors
    /// `NotImplemented` otherwise. Solvers themselves take any values.
    pub fn check_scalars(&self, alpha: f64, beta: f64) -> Result<()> {
        if self.spatial_dim == 2 && (alpha != 1.0 || beta != 0.0) {
            return Err(Error::not_implemented("only alpha=1 and beta=0 is supported in 2-D"));
        }
        Ok(())
    }

    /// The direction that runs.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Spatial dimensions of the descriptors: 1, 2 or 3.
    pub fn spatial_dim(&self) -> usize {
        self.spatial_dim
    }

    /// The descriptor of a tensor, at its original rank.
    pub fn tensor(&self, role: Role) -> &TensorDesc {
        match role {
            Role::X => &self.x,
            Role::W => &self.w,
            Role::Y => &self.y,
        }
    }

    /// A tensor with three spatial dimensions.
    pub fn tensor5(&self, role: Role) -> &Tensor5 {
        match role {
            Role::X => &self.x5,
            Role::W => &self.w5,
            Role::Y => &self.y5,
        }
    }

    /// The input descriptors, in the order of [`Direction::input_roles`].
    pub fn input_tensors(&self) -> [&TensorDesc; 2] {
        self.direction.input_roles().map(|role| self.tensor(role))
    }

    /// The output descriptor.
    pub fn output_tensor(&self) -> &TensorDesc {
        self.tensor(self.direction.output_role())
    }

    /// Element type of the inputs.
    pub fn input_dtype(&self) -> DataType {
        self.input_tensors()[0].dtype()
    }

    /// Element type of the output.
    pub fn output_dtype(&self) -> DataType {
        self.output_tensor().dtype()
    }

    /// Batch size.
    pub fn n(&self) -> usize {
        self.x5.lengths[0]
    }

    /// Input channels, all groups together.
    pub fn c(&self) -> usize {
        self.x5.lengths[1]
    }

    /// Output channels, all groups together.
    pub fn k(&self) -> usize {
        self.w5.lengths[0]
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// di, hi, wi.
    pub fn in_spatial(&self) -> [usize; 3] {
        self.x5.spatial_lengths()
    }

    /// z, y, x: the filter's depth, height and width.
    pub fn filter_spatial(&self) -> [usize; 3] {
        self.w5.spatial_lengths()
    }

    /// do, ho, wo.
    pub fn out_spatial(&self) -> [usize; 3] {
        self.y5.spatial_lengths()
    }

    /// Padding for d, h, w.
    pub fn pads(&self) -> [usize; 3] {
        self.pads
    }

    /// Strides for d, h, w.
    pub fn strides(&self) -> [usize; 3] {
        self.strides
    }

    /// Dilations for d, h, w.
    pub fn dilations(&self) -> [usize; 3] {
        self.dilations
    }

    /// Whether the caller asked for bitwise repeatable results.
    pub fn deterministic(&self) -> bool {
        self.deterministic
    }

    /// The one layout that x, w and y all admit, in MIOpen's order of testing.
    pub fn common_layout(&self) -> Option<Layout> {
        [Layout::Nchw, Layout::Nhwc, Layout::Chwn, Layout::Ncdhw, Layout::Ndhwc]
            .into_iter()
            .find(|&layout| [&self.x, &self.w, &self.y].iter().all(|t| t.admits_layout(layout)))
    }

    /// Multiply-adds, padding counted as if it were data. A `f64`, since it may exceed `u64`.
    pub fn multiply_adds(&self) -> f64 {
        let product = |lengths: &[usize]| lengths.iter().map(|&len| len as f64).product::<f64>();
        self.n() as f64 * product(&self.w5.lengths) * product(&self.out_spatial())
    }

    /// Bytes of the three tensors, gaps included. A `f64`, for estimates.
    pub fn tensor_bytes(&self) -> f64 {
        [&self.x, &self.w, &self.y].iter().map(|t| t.span_bytes() as f64).sum()
    }
}

fn check_ranks(x: &TensorDesc, w: &TensorDesc, y: &TensorDesc, conv: &ConvDesc) -> Result<()> {
    if x.rank() < 3 {
        return Err(Error::bad_parm("input tensor's number of dimensions is wrong"));
    }
    if x.rank() != w.rank() || x.rank() != y.rank() {
        return Err(Error::bad_parm("tensors differ in their number of dimensions"));
    }
    if x.rank() != conv.spatial_dim() + 2 {
        return Err(Error::bad_parm("tensors and convolution differ in spatial dimensions"));
    }
    if conv.spatial_dim() > 3 {
        return Err(Error::not_implemented("more than three spatial dimensions"));
    }
    Ok(())
}

fn check_types(direction: Direction, x: &TensorDesc, w: &TensorDesc, y: &TensorDesc) -> Result<()> {
    if x.dtype() != y.dtype() && x.dtype() != DataType::I8 {
        return Err(Error::bad_parm("input and output data types do not match"));
    }
    if w.dtype() != x.dtype() {
        return Err(Error::bad_parm("types do not match for the filter"));
    }
    if direction == Direction::Wrw && x.dtype() == DataType::I8 {
        return Err(Error::bad_parm("int8 has no backward-weights"));
    }
    Ok(())
}

/// MIOpen splits a channel dimension into groups by dividing the next outer
/// stride, and refuses strides that do not divide. Rank 3 it does not serve;
/// here it is served without this check, since no solver divides that stride.
fn check_group_stride(tensor: &TensorDesc, groups: usize) -> Result<()> {
    let outer_stride = match tensor.layout() {
        Some(Layout::Nchw | Layout::Ncdhw) => tensor.strides()[0],
        Some(Layout::Nhwc | Layout::Ndhwc) => tensor.strides()[tensor.rank() - 1],
        _ if tensor.rank() == 3 => return Ok(()),
        _ => {
            return Err(Error::new(
                Status::InternalError,
                "layout not supported for grouped convolution",
            ));
        }
    };
    if !outer_stride.is_multiple_of(groups) {
        return Err(Error::bad_parm("channel stride must be a multiple of the group count"));
    }
    Ok(())
}
