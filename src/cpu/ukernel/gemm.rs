//! A safe door to the crate `gemm`.

use gemm::Parallelism;

use crate::memory::{MatrixMut, MatrixRef};

/// `dst = lhs * rhs`, or `dst += lhs * rhs` where `accumulate`; f32 throughout.
///
/// Runs on the calling thread. The order of summation depends on the shapes
/// alone, so equal calls give equal bits. Without `accumulate` the old contents
/// of `dst` are not read.
///
/// # Panics
/// Where the shapes do not go together.
pub fn gemm_f32(
    dst: &mut MatrixMut<'_, f32>,
    accumulate: bool,
    lhs: MatrixRef<'_, f32>,
    rhs: MatrixRef<'_, f32>,
) {
    let ((gemm_m, gemm_k), (rhs_rows, gemm_n)) = (lhs.shape(), rhs.shape());
    assert_eq!(rhs_rows, gemm_k);
    assert_eq!(dst.shape(), (gemm_m, gemm_n));
    if gemm_k == 0 {
        if !accumulate {
            dst.fill_with(|_, _| 0.0);
        }
        return;
    }
    let (dst_row_stride, dst_col_stride) = dst.strides();
    let (lhs_row_stride, lhs_col_stride) = lhs.strides();
    let (rhs_row_stride, rhs_col_stride) = rhs.strides();
    // SAFETY: the matrix types guarantee that every element of the stated
    // shapes and strides lies inside a live slice, that those of `dst` are
    // exclusive and distinct, and that strides fit in `isize`; the shapes go
    // together by the assertions above.
    unsafe {
        gemm::gemm(
            gemm_m,
            gemm_n,
            gemm_k,
            dst.as_mut_ptr(),
            dst_col_stride as isize,
            dst_row_stride as isize,
            accumulate,
            lhs.as_ptr(),
            lhs_col_stride as isize,
            lhs_row_stride as isize,
            rhs.as_ptr(),
            rhs_col_stride as isize,
            rhs_row_stride as isize,
            // The crate computes dst = alpha * dst + beta * lhs * rhs.
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
