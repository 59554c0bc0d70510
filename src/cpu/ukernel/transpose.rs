//! Between tensors whose channels are contiguous and planes whose pixels are.

use super::lines::{Line, LineShape};
use super::simd::{MAX_LANES, Simd, isa_kernel};
use crate::cpu::isa::Isa;
use crate::memory::MatrixMut;

/// Fills the lines of several channels: pixel i of a line's channel c is read at
/// `from + i * shape.stride + c`, and the planes of neighbouring channels are
/// `plane_stride` apart.
///
/// # Panics
/// Where a line lies outside its plane or an element outside the source.
pub fn stage_pixels(
    isa: Isa,
    source: &[f32],
    lines: &[Line],
    shape: LineShape,
    channels: usize,
    plane: &mut [f32],
    plane_stride: usize,
) {
    let LineShape { before, len, total, stride } = shape;
    assert!(before + len <= total && channels > 0);
    let last_to = lines.iter().map(|line| line.0).max().unwrap_or(0);
    assert!((channels - 1) * plane_stride + last_to + total <= plane.len());
    let last_from = lines.iter().filter_map(|line| line.1).max().unwrap_or(0);
    assert!(len == 0 || last_from + (len - 1) * stride + channels <= source.len());
    for &(to, from) in lines {
        for channel in 0..channels {
            let line = &mut plane[channel * plane_stride + to..][..total];
            match from {
                None => line.fill(0.0),
                Some(_) => {
                    line[..before].fill(0.0);
                    line[before + len..].fill(0.0);
                }
            }
        }
        let Some(from) = from.filter(|_| len > 0) else {
            continue;
        };
        let matrix = Matrix {
            from: source[from..].as_ptr(),
            from_stride: stride,
            to: plane[to + before..].as_mut_ptr(),
            to_stride: plane_stride,
        };
        // SAFETY: pixels of `channels` floats lie inside the source, and runs of `len`
        // floats inside the planes, by the assertions.
        unsafe { gather_columns(isa, matrix, len, channels) };
    }
}

/// `to[col * rows + row] = from[row * cols + col]`.
///
/// # Panics
/// Where a slice is too short.
pub fn transpose(isa: Isa, from: &[f32], rows: usize, cols: usize, to: &mut [f32]) {
    transpose_strided(isa, from, cols, rows, cols, to, rows);
}

/// `to[col][row] = from[row * from_stride + col]` for every element of `to`.
///
/// # Panics
/// Where `from` is too short, or rows of `to` are not contiguous.
pub fn transpose_into(isa: Isa, from: &[f32], from_stride: usize, to: &mut MatrixMut<'_, f32>) {
    let (cols, rows) = to.shape();
    if rows == 0 || cols == 0 {
        return;
    }
    let (to_stride, row_stride) = to.strides();
    assert!(row_stride == 1 || rows == 1);
    assert!((rows - 1) * from_stride + cols <= from.len());
    let matrix = Matrix { from: from.as_ptr(), from_stride, to: to.as_mut_ptr(), to_stride };
    // SAFETY: `from` is long enough by the assertion, and `to` is an exclusive matrix with
    // contiguous rows.
    unsafe { scatter_columns(isa, matrix, rows, cols) }
}

/// `to[col * to_stride + row] = from[row * from_stride + col]`.
///
/// # Panics
/// Where a slice is too short.
pub(super) fn transpose_strided(
    isa: Isa,
    from: &[f32],
    from_stride: usize,
    rows: usize,
    cols: usize,
    to: &mut [f32],
    to_stride: usize,
) {
    if rows == 0 || cols == 0 {
        return;
    }
    assert!((rows - 1) * from_stride + cols <= from.len());
    assert!((cols - 1) * to_stride + rows <= to.len());
    let matrix = Matrix { from: from.as_ptr(), from_stride, to: to.as_mut_ptr(), to_stride };
    // SAFETY: both matrices lie inside their slices by the assertions.
    unsafe { scatter_columns(isa, matrix, rows, cols) }
}

/// A matrix and where its transpose goes, each with the distance of its rows.
#[derive(Clone, Copy)]
struct Matrix {
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
}

impl Matrix {
    /// Transposes a rectangle element by element.
    ///
    /// # Safety
    /// It must lie inside both matrices.
    #[inline(always)]
    unsafe fn copy(self, rows: std::ops::Range<usize>, cols: std::ops::Range<usize>) {
        for row in rows {
            for col in cols.clone() {
                // SAFETY: the caller's promise.
                unsafe {
                    let value = self.from.add(row * self.from_stride + col).read();
                    self.to.add(col * self.to_stride + row).write(value);
                }
            }
        }
    }
}

isa_kernel! {
    /// Many rows and few columns.
    ///
    /// # Safety
    /// Both matrices must be valid, of `rows` x `cols` and reversed.
    unsafe fn gather_columns(matrix: Matrix, rows: usize, cols: usize) = gather_body
}

/// # Safety
/// As `gather_columns`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn gather_body<S: Simd>(matrix: Matrix, rows: usize, cols: usize) {
    let (whole_rows, whole_cols) = (rows / S::LANES * S::LANES, cols / 4 * 4);
    // SAFETY: the caller's promise.
    unsafe {
        for row in (0..whole_rows).step_by(S::LANES) {
            let mut from = [matrix.from; MAX_LANES];
            for lane in 0..S::LANES {
                from[lane] = matrix.from.add((row + lane) * matrix.from_stride);
            }
            for col in (0..whole_cols).step_by(4) {
                let mut at = from;
                for lane in 0..S::LANES {
                    at[lane] = at[lane].add(col);
                }
                let columns = S::load_4_columns(at);
                for i in 0..4 {
                    S::store(matrix.to.add((col + i) * matrix.to_stride + row), columns[i]);
                }
            }
        }
        matrix.copy(0..whole_rows, whole_cols..cols);
        matrix.copy(whole_rows..rows, 0..cols);
    }
}

isa_kernel! {
    /// Few rows and many columns.
    ///
    /// # Safety
    /// Both matrices must be valid, of `rows` x `cols` and reversed.
    unsafe fn scatter_columns(matrix: Matrix, rows: usize, cols: usize) = scatter_body
}

/// # Safety
/// As `scatter_columns`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn scatter_body<S: Simd>(matrix: Matrix, rows: usize, cols: usize) {
    let (whole_rows, whole_cols) = (rows / 4 * 4, cols / S::LANES * S::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        for col in (0..whole_cols).step_by(S::LANES) {
            let mut to = [matrix.to; MAX_LANES];
            for lane in 0..S::LANES {
                to[lane] = matrix.to.add((col + lane) * matrix.to_stride);
            }
            for row in (0..whole_rows).step_by(4) {
                let mut columns = [S::splat(0.0); 4];
                let mut at = to;
                for i in 0..4 {
                    columns[i] = S::load(matrix.from.add((row + i) * matrix.from_stride + col));
                }
                for lane in 0..S::LANES {
                    at[lane] = at[lane].add(row);
                }
                S::store_4_columns(at, columns);
            }
        }
        matrix.copy(whole_rows..rows, 0..whole_cols);
        matrix.copy(0..rows, whole_cols..cols);
    }
}
