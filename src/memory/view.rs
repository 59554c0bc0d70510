//! Views with strides: what several threads may write at once without locks.
//!
//! A [`TensorMut`] is made from a slice and proves at construction that its
//! indices lie inside and are distinct; after that it can only be taken apart.
//! So pieces held by different threads never share an element, though their
//! memory ranges interleave.

use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::problem::Tensor5;

/// An exclusive view of five dimensions.
#[derive(Debug)]
pub struct TensorMut<'a, T> {
    base: NonNull<T>,
    lengths: [usize; 5],
    strides: [usize; 5],
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: a `TensorMut` is the only access to its elements, as `&'a mut [T]` is.
unsafe impl<T: Send> Send for TensorMut<'_, T> {}

impl<'a, T: Copy> TensorMut<'a, T> {
    /// A view of `slice` with the given lengths and strides.
    ///
    /// # Errors
    /// `BadParm` where an index would fall outside the slice, or where two
    /// indices would share an element.
    pub fn new(slice: &'a mut [T], tensor: &Tensor5) -> Result<Self> {
        if tensor.span_elems().is_none_or(|span| span > slice.len()) {
            return Err(Error::bad_parm("a buffer is shorter than its tensor"));
        }
        if !tensor.has_distinct_elems() {
            return Err(Error::bad_parm("output strides make elements share memory"));
        }
        Ok(TensorMut {
            base: NonNull::from(slice).cast(),
            lengths: tensor.lengths,
            strides: tensor.strides,
            slice: PhantomData,
        })
    }

    /// Lengths of the view.
    pub fn lengths(&self) -> [usize; 5] {
        self.lengths
    }

    /// Strides of the view in elements.
    pub fn strides(&self) -> [usize; 5] {
        self.strides
    }

    /// The parts before and from `mid` along `dim`.
    ///
    /// # Panics
    /// Where `mid` exceeds the length.
    pub fn split_at(self, dim: usize, mid: usize) -> (Self, Self) {
        assert!(mid <= self.lengths[dim]);
        let (mut before, mut after) = (self.alias(), self.alias());
        before.lengths[dim] = mid;
        after.lengths[dim] -= mid;
        if after.lengths[dim] > 0 {
            // SAFETY: `mid` is an index of this view, so the offset stays inside the slice.
            after.base = unsafe { after.base.add(mid * self.strides[dim]) };
        }
        (before, after)
    }

    /// Pieces along `dim` of `piece_len` each, the last one possibly shorter.
    pub fn split_every(self, dim: usize, piece_len: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self;
        while rest.lengths[dim] > piece_len {
            let (piece, after) = rest.split_at(dim, piece_len);
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        pieces
    }

    /// For each of `phases` remainders r, the indices r, r + phases, ... along `dim`.
    ///
    /// Phases without an index are left out, so there are at most as many as
    /// the length.
    pub fn split_phases(self, dim: usize, phases: usize) -> Vec<Self> {
        let len = self.lengths[dim];
        (0..phases.min(len))
            .map(|phase| {
                let mut part = self.alias();
                part.lengths[dim] = (len - phase).div_ceil(phases);
                // With one index left the stride is never used; it may not overflow.
                part.strides[dim] = self.strides[dim].saturating_mul(phases);
                // SAFETY: `phase` is an index of this view.
                part.base = unsafe { part.base.add(phase * self.strides[dim]) };
                part
            })
            .collect()
    }

    /// A second handle. Only for the splits above, which give the handles disjoint indices.
    fn alias(&self) -> Self {
        TensorMut {
            base: self.base,
            lengths: self.lengths,
            strides: self.strides,
            slice: PhantomData,
        }
    }

    /// The elements along `dim` at the other coordinates of `at` (`at[dim]` is ignored).
    ///
    /// # Panics
    /// Where a coordinate is out of range.
    pub fn lane(&mut self, dim: usize, at: [usize; 5]) -> LaneMut<'_, T> {
        let mut offset = 0;
        for (other, index) in at.into_iter().enumerate() {
            if other != dim {
                assert!(index < self.lengths[other]);
                offset += index * self.strides[other];
            }
        }
        if self.lengths[dim] == 0 {
            offset = 0;
        }
        LaneMut {
            // SAFETY: the coordinates are indices of this view, or the lane is empty.
            base: unsafe { self.base.add(offset) },
            len: self.lengths[dim],
            stride: self.strides[dim],
            slice: PhantomData,
        }
    }

    /// The lines of one n, c and d as a matrix of h and w.
    ///
    /// # Panics
    /// Where a coordinate is out of range.
    pub fn lines(&mut self, [n, c, d]: [usize; 3]) -> MatrixMut<'_, T> {
        self.plane([3, 4], [n, c, d, 0, 0])
    }

    /// The elements along two dimensions at the other coordinates of `at`, as a matrix of
    /// `row_dim` and `col_dim`.
    ///
    /// # Panics
    /// Where a coordinate is out of range, or the dimensions are one.
    pub fn plane(&mut self, [row_dim, col_dim]: [usize; 2], at: [usize; 5]) -> MatrixMut<'_, T> {
        assert_ne!(row_dim, col_dim);
        let mut offset = 0;
        for (dim, index) in at.into_iter().enumerate() {
            if dim != row_dim && dim != col_dim {
                assert!(index < self.lengths[dim]);
                offset += index * self.strides[dim];
            }
        }
        let (rows, cols) = (self.lengths[row_dim], self.lengths[col_dim]);
        MatrixMut {
            // SAFETY: the coordinates are indices of this view, unless it is empty.
            base: if rows * cols == 0 { self.base } else { unsafe { self.base.add(offset) } },
            rows,
            cols,
            row_stride: if rows > 1 { self.strides[row_dim] } else { 1 },
            col_stride: if cols > 1 { self.strides[col_dim] } else { 1 },
            slice: PhantomData,
        }
    }

    /// The view as a matrix: `row_dim` against all other dimensions in order,
    /// if those lie at one common stride.
    pub fn as_matrix(&mut self, row_dim: usize) -> Option<MatrixMut<'_, T>> {
        let others: [(usize, usize); 4] = std::array::from_fn(|index| {
            let dim = if index < row_dim { index } else { index + 1 };
            (self.lengths[dim], self.strides[dim])
        });
        let (cols, col_stride) = merge_dims(&others)?;
        Some(MatrixMut {
            base: self.base,
            rows: self.lengths[row_dim],
            cols,
            row_stride: if self.lengths[row_dim] > 1 { self.strides[row_dim] } else { 1 },
            col_stride: if cols > 1 { col_stride } else { 1 },
            slice: PhantomData,
        })
    }
}

/// One dimension equal to several `(length, stride)` ones, outermost first, if there is one.
pub fn merge_dims(dims: &[(usize, usize)]) -> Option<(usize, usize)> {
    let (mut len, mut stride) = (1usize, 1usize);
    for &(outer_len, outer_stride) in dims.iter().rev() {
        if outer_len == 1 {
            continue;
        }
        if len == 1 {
            stride = outer_stride;
        } else if len.checked_mul(stride) != Some(outer_stride) {
            return None;
        }
        len = len.checked_mul(outer_len)?;
    }
    Some((len, stride))
}

/// The elements of a [`TensorMut`] along one dimension.
#[derive(Debug)]
pub struct LaneMut<'a, T> {
    base: NonNull<T>,
    len: usize,
    stride: usize,
    slice: PhantomData<&'a mut [T]>,
}

impl<T: Copy> LaneMut<'_, T> {
    /// The elements as a slice, where they are contiguous.
    pub fn as_slice(&mut self) -> Option<&mut [T]> {
        if self.stride != 1 && self.len > 1 {
            return None;
        }
        // SAFETY: `len` contiguous elements that this lane owns exclusively.
        Some(unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) })
    }

    /// Replaces every element; the function sees index and old value.
    pub fn update(&mut self, mut new_value: impl FnMut(usize, T) -> T) {
        for index in 0..self.len {
            // SAFETY: `index` is below the length, and the lane owns its elements.
            unsafe {
                let element = self.base.add(index * self.stride);
                element.write(new_value(index, element.read()));
            }
        }
    }

    /// Overwrites the elements from `first` on, as many as there are values.
    ///
    /// # Panics
    /// Where there are more values than elements.
    pub fn fill_some(&mut self, first: usize, values: impl ExactSizeIterator<Item = T>) {
        assert!(first + values.len() <= self.len);
        for (index, value) in (first..self.len).zip(values) {
            // SAFETY: `index` is below the length, and the lane owns its elements.
            unsafe { self.base.add(index * self.stride).write(value) };
        }
    }

    /// Overwrites every element; the old values are not read.
    pub fn fill_with(&mut self, mut new_value: impl FnMut(usize) -> T) {
        for index in 0..self.len {
            // SAFETY: `index` is below the length, and the lane owns its elements.
            unsafe { self.base.add(index * self.stride).write(new_value(index)) };
        }
    }
}

/// A read-only matrix with strides, all of it inside a slice.
#[derive(Clone, Copy, Debug)]
pub struct MatrixRef<'a, T> {
    slice: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> MatrixRef<'a, T> {
    /// A matrix that begins with the slice.
    ///
    /// # Panics
    /// Where an element would lie outside the slice.
    pub fn new(
        slice: &'a [T],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Self {
        assert!(fits(slice.len(), rows, cols, row_stride, col_stride));
        // A stride that is never used may be any number; 1 harms nobody.
        let row_stride = if rows > 1 { row_stride } else { 1 };
        let col_stride = if cols > 1 { col_stride } else { 1 };
        MatrixRef { slice, rows, cols, row_stride, col_stride }
    }

    /// Rows and columns swapped.
    pub fn transposed(self) -> Self {
        MatrixRef {
            slice: self.slice,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    /// Number of rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Strides from row to row and from column to column.
    pub fn strides(&self) -> (usize, usize) {
        (self.row_stride, self.col_stride)
    }

    /// The slice from the first element on, and the distance of rows, where rows are contiguous.
    pub fn contiguous_rows(self) -> Option<(&'a [T], usize)> {
        (self.col_stride == 1).then_some((self.slice, self.row_stride))
    }

    /// The same with the distance of columns, where columns are contiguous.
    pub fn contiguous_columns(self) -> Option<(&'a [T], usize)> {
        (self.row_stride == 1).then_some((self.slice, self.col_stride))
    }

    /// The first element's address.
    pub fn as_ptr(&self) -> *const T {
        self.slice.as_ptr()
    }
}

/// An exclusive matrix with strides and distinct elements.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    base: NonNull<T>,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    slice: PhantomData<&'a mut [T]>,
}

impl<'a, T: Copy> MatrixMut<'a, T> {
    /// A matrix without gaps that begins with the slice, rows contiguous.
    ///
    /// # Panics
    /// Where it does not fit.
    pub fn row_major(slice: &'a mut [T], rows: usize, cols: usize) -> Self {
        assert!(fits(slice.len(), rows, cols, cols, 1));
        MatrixMut {
            base: NonNull::from(slice).cast(),
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
            slice: PhantomData,
        }
    }

    /// Rows and columns swapped.
    pub fn transposed(self) -> Self {
        MatrixMut {
            base: self.base,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            slice: PhantomData,
        }
    }

    /// Number of rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Strides from row to row and from column to column.
    pub fn strides(&self) -> (usize, usize) {
        (self.row_stride, self.col_stride)
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// Where there are not as many.
    pub fn rows(&mut self, rows: Range<usize>) -> MatrixMut<'_, T> {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        let skipped = if rows.is_empty() { 0 } else { rows.start };
        MatrixMut {
            // SAFETY: a row of this matrix, or its begin.
            base: unsafe { self.base.add(skipped * self.row_stride) },
            rows: rows.len(),
            cols: self.cols,
            row_stride: self.row_stride,
            col_stride: self.col_stride,
            slice: PhantomData,
        }
    }

    /// The first element's address.
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.base.as_ptr()
    }

    /// Whether `predicate` holds for any element. Looks at all of them: without
    /// an early exit the loop vectorises.
    pub fn any(&self, predicate: impl Fn(T) -> bool) -> bool {
        let (lanes, len, lane_stride, stride) = if self.row_stride == 1 {
            (self.cols, self.rows, self.col_stride, self.row_stride)
        } else {
            (self.rows, self.cols, self.row_stride, self.col_stride)
        };
        let mut found = false;
        for lane in 0..lanes {
            // SAFETY: the first element of a row or column of this matrix.
            let base = unsafe { self.base.add(lane * lane_stride) };
            for index in 0..len {
                // SAFETY: an element of this matrix, which is exclusively ours.
                found |= predicate(unsafe { base.add(index * stride).read() });
            }
        }
        found
    }

    /// A row, where its elements are contiguous.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn row(&mut self, row: usize) -> Option<&mut [T]> {
        assert!(row < self.rows);
        (self.col_stride == 1).then(|| {
            // SAFETY: the elements of a row of this matrix, which is exclusively ours.
            unsafe {
                let first = self.base.add(row * self.row_stride);
                std::slice::from_raw_parts_mut(first.as_ptr(), self.cols)
            }
        })
    }

    /// Some columns.
    ///
    /// # Panics
    /// Where there are no such columns, or no rows.
    pub fn some_cols(&mut self, cols: Range<usize>) -> MatrixMut<'_, T> {
        assert!(self.rows > 0 && cols.start < cols.end && cols.end <= self.cols);
        MatrixMut {
            // SAFETY: the first element of a column of this matrix.
            base: unsafe { self.base.add(cols.start * self.col_stride) },
            cols: cols.len(),
            ..*self
        }
    }

    /// The rows `first`, `first + step` and so on.
    ///
    /// # Panics
    /// Where there is no such row, or `step` is 0.
    pub fn every_row(&mut self, first: usize, step: usize) -> MatrixMut<'_, T> {
        assert!(first < self.rows && step > 0);
        MatrixMut {
            // SAFETY: the first element of a row of this matrix.
            base: unsafe { self.base.add(first * self.row_stride) },
            rows: (self.rows - first).div_ceil(step),
            cols: self.cols,
            row_stride: self.row_stride.saturating_mul(step),
            col_stride: self.col_stride,
            slice: PhantomData,
        }
    }

    /// Overwrites every element; the old values are not read.
    pub fn fill_with(&mut self, mut new_value: impl FnMut(usize, usize) -> T) {
        for row in 0..self.rows {
            for col in 0..self.cols {
                // SAFETY: as in `any`.
                unsafe {
                    self.base
                        .add(row * self.row_stride + col * self.col_stride)
                        .write(new_value(row, col));
                }
            }
        }
    }
}

fn fits(len: usize, rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> bool {
    if rows == 0 || cols == 0 {
        return true;
    }
    let last = (rows - 1)
        .checked_mul(row_stride)
        .zip((cols - 1).checked_mul(col_stride))
        .and_then(|(row, col)| row.checked_add(col));
    last.is_some_and(|last| last < len)
}
