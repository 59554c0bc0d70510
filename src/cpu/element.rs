//! Number types: how inputs become f32, and how sums become outputs.
#![forbid(unsafe_code)]

use half::{bf16, f16};

use super::ukernel::{narrow_bf16, narrow_f16, widen_bf16, widen_f16, widen_i8};
use crate::memory::MatrixMut;

/// An element type of inputs. Every value is exact as f32.
pub trait Element: Copy + Send + Sync + 'static {
    /// What sums are kept in: f32, or i32 for int8.
    type Sum: Sum;

    /// Longest part of a reduction that may be summed in f32.
    const MAX_F32_TERMS: usize;

    /// Whether this is f32.
    const IS_F32: bool = false;

    /// The value.
    fn to_f32(self) -> f32;

    /// The values of a slice; both have the same length.
    fn widen(src: &[Self], dst: &mut [f32]);

    /// The slice itself, where no conversion is needed.
    fn as_f32(src: &[Self]) -> Option<&[f32]>;

    /// The slice itself, where it is bf16.
    fn as_bf16(_src: &[Self]) -> Option<&[bf16]> {
        None
    }
}

impl Element for f32 {
    type Sum = f32;
    const MAX_F32_TERMS: usize = usize::MAX;
    const IS_F32: bool = true;

    fn to_f32(self) -> f32 {
        self
    }
    fn widen(src: &[f32], dst: &mut [f32]) {
        dst.copy_from_slice(src);
    }
    fn as_f32(src: &[f32]) -> Option<&[f32]> {
        Some(src)
    }
}

impl Element for f16 {
    type Sum = f32;
    const MAX_F32_TERMS: usize = usize::MAX;

    fn to_f32(self) -> f32 {
        f16::to_f32(self)
    }
    fn widen(src: &[f16], dst: &mut [f32]) {
        widen_f16(src, dst);
    }
    fn as_f32(_src: &[f16]) -> Option<&[f32]> {
        None
    }
}

impl Element for bf16 {
    type Sum = f32;
    const MAX_F32_TERMS: usize = usize::MAX;

    fn to_f32(self) -> f32 {
        // The upper half of an f32; spares the crate's branch on NaN.
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
    fn widen(src: &[bf16], dst: &mut [f32]) {
        widen_bf16(src, dst);
    }
    fn as_f32(_src: &[bf16]) -> Option<&[f32]> {
        None
    }
    fn as_bf16(src: &[bf16]) -> Option<&[bf16]> {
        Some(src)
    }
}

impl Element for i8 {
    type Sum = i32;
    /// Products of int8 are at most 2^14 and f32 holds every integer to 2^24,
    /// so sums of this many are exact in any order.
    const MAX_F32_TERMS: usize = 1 << 10;

    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    fn widen(src: &[i8], dst: &mut [f32]) {
        widen_i8(src, dst);
    }
    fn as_f32(_src: &[i8]) -> Option<&[f32]> {
        None
    }
}

/// What partial sums are added up in.
pub trait Sum: Copy + Default + PartialEq + Send + Sync + 'static {
    /// The sums as f32, where a GEMM may add to them itself.
    fn as_f32_mut(sums: &mut [Self]) -> Option<&mut [f32]>;

    /// This plus an f32 that holds a part of it.
    fn plus(self, part: f32) -> Self;

    /// Whether this is not a number.
    fn is_nan(self) -> bool;
}

impl Sum for f32 {
    fn as_f32_mut(sums: &mut [f32]) -> Option<&mut [f32]> {
        Some(sums)
    }
    fn plus(self, part: f32) -> f32 {
        self + part
    }
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
}

impl Sum for i32 {
    fn as_f32_mut(_sums: &mut [i32]) -> Option<&mut [f32]> {
        None
    }
    /// Wraps, as 32-bit accumulation does on the GPU.
    fn plus(self, part: f32) -> i32 {
        self.wrapping_add(part as i32)
    }
    fn is_nan(self) -> bool {
        false
    }
}

/// An element type of outputs that are made from sums of type `S`.
pub trait Output<S>: Copy + Send + Sync + 'static {
    /// Whether alpha and beta may differ from 1 and 0.
    const ADMITS_SCALARS: bool;

    /// The sum, rounded to nearest even (float) or its low bits (integer).
    fn from_sum(sum: S) -> Self;

    /// `alpha * sum + beta * old`, in f32; used only where scalars are admitted.
    fn blend(sum: S, old: Self, scalars: Scalars) -> Self;

    /// [`Output::from_sum`] of each; both slices have the same length.
    fn from_sums(sums: &[S], out: &mut [Self]);

    /// The matrix itself, where f32 sums can be formed in place.
    fn as_f32_matrix(out: MatrixMut<'_, Self>) -> Option<MatrixMut<'_, f32>>;

    /// The matrix itself, where i32 sums can be formed in place.
    fn as_i32_matrix(_out: MatrixMut<'_, Self>) -> Option<MatrixMut<'_, i32>> {
        None
    }
}

/// The factors of an execution: `out = alpha * sum + beta * out`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalars {
    /// Factor of the sum.
    pub alpha: f32,
    /// Factor of the old output, which is not read where this is 0.
    pub beta: f32,
}

impl Scalars {
    /// Whether the sums simply replace the output.
    pub fn are_plain(self) -> bool {
        self.alpha == 1.0 && self.beta == 0.0
    }

    fn blend(self, sum: f32, old: impl FnOnce() -> f32) -> f32 {
        let old_part = if self.beta == 0.0 { 0.0 } else { self.beta * old() };
        self.alpha * sum + old_part
    }
}

impl Output<f32> for f32 {
    const ADMITS_SCALARS: bool = true;

    fn from_sum(sum: f32) -> f32 {
        sum
    }
    fn blend(sum: f32, old: f32, scalars: Scalars) -> f32 {
        scalars.blend(sum, || old)
    }
    fn from_sums(sums: &[f32], out: &mut [f32]) {
        out.copy_from_slice(sums);
    }
    fn as_f32_matrix(out: MatrixMut<'_, f32>) -> Option<MatrixMut<'_, f32>> {
        Some(out)
    }
}

impl Output<f32> for f16 {
    const ADMITS_SCALARS: bool = true;

    fn from_sum(sum: f32) -> f16 {
        f16::from_f32(sum)
    }
    fn blend(sum: f32, old: f16, scalars: Scalars) -> f16 {
        f16::from_f32(scalars.blend(sum, || old.to_f32()))
    }
    fn from_sums(sums: &[f32], out: &mut [f16]) {
        narrow_f16(sums, out);
    }
    fn as_f32_matrix(_out: MatrixMut<'_, f16>) -> Option<MatrixMut<'_, f32>> {
        None
    }
}

impl Output<f32> for bf16 {
    const ADMITS_SCALARS: bool = true;

    fn from_sum(sum: f32) -> bf16 {
        bf16::from_f32(sum)
    }
    fn blend(sum: f32, old: bf16, scalars: Scalars) -> bf16 {
        bf16::from_f32(scalars.blend(sum, || Element::to_f32(old)))
    }
    fn from_sums(sums: &[f32], out: &mut [bf16]) {
        narrow_bf16(sums, out);
    }
    fn as_f32_matrix(_out: MatrixMut<'_, bf16>) -> Option<MatrixMut<'_, f32>> {
        None
    }
}

/// Defines integer outputs of sums that f32 holds exactly.
macro_rules! integers_of_exact_sums {
    ($($integer:ty)*) => {$(
        impl Output<f32> for $integer {
            const ADMITS_SCALARS: bool = false;

            fn from_sum(sum: f32) -> $integer {
                sum as i32 as $integer
            }
            fn blend(sum: f32, _old: $integer, _scalars: Scalars) -> $integer {
                Self::from_sum(sum)
            }
            fn from_sums(sums: &[f32], out: &mut [$integer]) {
                store_each(sums, out);
            }
            fn as_f32_matrix(_out: MatrixMut<'_, $integer>) -> Option<MatrixMut<'_, f32>> {
                None
            }
        }
    )*};
}

integers_of_exact_sums!(i32 i8);

impl Output<i32> for f32 {
    const ADMITS_SCALARS: bool = true;

    fn from_sum(sum: i32) -> f32 {
        sum as f32
    }
    fn blend(sum: i32, old: f32, scalars: Scalars) -> f32 {
        scalars.blend(sum as f32, || old)
    }
    fn from_sums(sums: &[i32], out: &mut [f32]) {
        store_each(sums, out);
    }
    fn as_f32_matrix(_out: MatrixMut<'_, f32>) -> Option<MatrixMut<'_, f32>> {
        // The sums are integers.
        None
    }
}

impl Output<i32> for i32 {
    const ADMITS_SCALARS: bool = false;

    fn from_sum(sum: i32) -> i32 {
        sum
    }
    fn blend(sum: i32, _old: i32, _scalars: Scalars) -> i32 {
        sum
    }
    fn from_sums(sums: &[i32], out: &mut [i32]) {
        out.copy_from_slice(sums);
    }
    fn as_f32_matrix(_out: MatrixMut<'_, i32>) -> Option<MatrixMut<'_, f32>> {
        None
    }
    fn as_i32_matrix(out: MatrixMut<'_, i32>) -> Option<MatrixMut<'_, i32>> {
        Some(out)
    }
}

impl Output<i32> for i8 {
    const ADMITS_SCALARS: bool = false;

    fn from_sum(sum: i32) -> i8 {
        sum as i8
    }
    fn blend(sum: i32, _old: i8, _scalars: Scalars) -> i8 {
        sum as i8
    }
    fn from_sums(sums: &[i32], out: &mut [i8]) {
        store_each(sums, out);
    }
    fn as_f32_matrix(_out: MatrixMut<'_, i8>) -> Option<MatrixMut<'_, f32>> {
        None
    }
}

fn store_each<S: Copy, T: Output<S>>(sums: &[S], out: &mut [T]) {
    assert_eq!(sums.len(), out.len());
    for (element, &sum) in out.iter_mut().zip(sums) {
        *element = T::from_sum(sum);
    }
}
