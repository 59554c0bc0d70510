//! Columns of a product that are too few to fill a vector.
//!
//! A vector of columns of which one matters would take as long as if all did. So vectors run along the
//! left matrix: along the reduction, where its rows are contiguous, or along the rows, where its columns
//! are.

use super::block::{Left, Rows, panel_columns};
use super::dot::{DotRuns, DotStart, add_dots};
use super::simd::{Simd, isa_kernel};
use crate::cpu::isa::Isa;
use crate::cpu::tiles::EvenParts;
use crate::memory::MatrixMut;

/// Columns beside the panels, each contiguous.
#[derive(Clone, Copy, Debug)]
pub struct FewColumns<'a> {
    /// From the first column's first element.
    pub data: &'a [f32],
    /// Distance from column to column in elements.
    pub stride: usize,
    pub count: usize,
}

impl FewColumns<'_> {
    pub const NONE: Self = FewColumns { data: &[], stride: 0, count: 0 };
}

/// How many of the last of `cols` columns are better done here than by a vector of their own: of AVX-512,
/// 8 of them take two thirds of its time (1 x 1 layers of 7 x 7 pixels, Zen 4).
pub fn few_of(isa: Isa, cols: usize) -> usize {
    let lanes = panel_columns(isa) / 2;
    let rest = cols % lanes;
    if rest <= lanes / 2 { rest } else { 0 }
}

/// `c = a * b`, or `c += a * b` where `accumulate`.
///
/// # Panics
/// Where shapes and slices do not go together, or `c`'s columns are not contiguous.
pub(super) fn multiply_few(
    isa: Isa,
    gemm_k: usize,
    a: Left<'_>,
    b: FewColumns<'_>,
    c: &mut MatrixMut<'_, f32>,
    accumulate: bool,
) {
    let (rows, cols) = c.shape();
    assert!(rows > 0 && cols > 0);
    assert!(cols == b.count && (cols - 1) * b.stride + gemm_k <= b.data.len());
    if let Some(a) = a.contiguous_rows() {
        if !accumulate {
            c.fill_with(|_, _| 0.0);
        }
        let columns: Vec<usize> = (0..cols).map(|col| col * b.stride).collect();
        let starts = &[DotStart { a: 0, b: 0 }];
        let runs = DotRuns { starts, len: gemm_k, next: None };
        add_dots(isa, a, b.data, &columns, runs, c, 0..rows);
        return;
    }
    let Rows { data, stride: a_step } = a.contiguous_columns();
    assert!(gemm_k == 0 || (gemm_k - 1) * a_step + rows <= data.len());
    let (c_stride, col_stride) = c.strides();
    assert!(col_stride == 1 || cols == 1);
    let product = Product {
        gemm_k,
        a: data.as_ptr(),
        a_step,
        b: b.data.as_ptr(),
        b_stride: b.stride,
        c: c.as_mut_ptr(),
        c_stride,
        accumulate,
    };
    // SAFETY: the left matrix and the columns lie inside their slices by the assertions; `c` is an
    // exclusive matrix of so many rows and columns.
    unsafe { along_rows(isa, product, rows, cols) }
}

/// Columns of the left matrix, contiguous, `a_step` apart; those of the right one, `b_stride` apart.
#[derive(Clone, Copy)]
struct Product {
    gemm_k: usize,
    a: *const f32,
    a_step: usize,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    accumulate: bool,
}

isa_kernel! {
    /// Each sum is formed in the order of the reduction.
    ///
    /// # Safety
    /// Both matrices must be readable and `c` writable, for so many rows and columns.
    unsafe fn along_rows(product: Product, rows: usize, cols: usize) = along_rows_body
}

/// # Safety
/// As `along_rows`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn along_rows_body<S: Simd>(product: Product, rows: usize, cols: usize) {
    let mut col = 0;
    while col < cols {
        let count = (cols - col).min(4);
        // SAFETY: the columns from here on are the caller's.
        unsafe {
            let product = Product {
                b: product.b.add(col * product.b_stride),
                c: product.c.add(col),
                ..product
            };
            match count {
                1 => some_columns::<S, 1>(product, rows),
                2 => some_columns::<S, 2>(product, rows),
                3 => some_columns::<S, 3>(product, rows),
                _ => some_columns::<S, 4>(product, rows),
            }
        }
        col += count;
    }
}

/// Vectors of rows that are summed together for some columns: at least eight sums must be under way to fill two
/// pipelines of four cycles, and beside them a vector of each row and a column fit the registers.
const fn max_vectors(registers: usize, columns: usize) -> usize {
    if registers >= 32 { [0, 8, 8, 4, 4][columns] } else { [0, 8, 4, 3, 2][columns] }
}

/// # Safety
/// As `along_rows` for `C` columns.
#[inline(always)]
unsafe fn some_columns<S: Simd, const C: usize>(product: Product, rows: usize) {
    let most = const { max_vectors(S::REGISTERS, C) };
    let vectors = rows.div_ceil(S::LANES);
    let blocks = vectors.div_ceil(most);
    // Even ones: the sums of a single vector would wait for each other.
    let counts = EvenParts::new(vectors, blocks);
    let mut first = 0;
    for block in 0..blocks {
        let count = counts.of(block);
        let row = first * S::LANES;
        let lanes = (rows - row - (count - 1) * S::LANES).min(S::LANES);
        // SAFETY: rows from here on are the caller's.
        unsafe {
            match count {
                1 => some_rows::<S, C, 1>(product, row, lanes),
                2 => some_rows::<S, C, 2>(product, row, lanes),
                3 if most >= 3 => some_rows::<S, C, 3>(product, row, lanes),
                4 if most >= 4 => some_rows::<S, C, 4>(product, row, lanes),
                5 if most >= 5 => some_rows::<S, C, 5>(product, row, lanes),
                6 if most >= 6 => some_rows::<S, C, 6>(product, row, lanes),
                7 if most >= 7 => some_rows::<S, C, 7>(product, row, lanes),
                8 if most >= 8 => some_rows::<S, C, 8>(product, row, lanes),
                _ => unreachable!("no block has so many vectors"),
            }
        }
        first += count;
    }
}

/// `V` vectors of rows from `row` on; of the last one, `lanes`.
///
/// # Safety
/// As `along_rows` for these rows and `C` columns.
#[inline(always)]
unsafe fn some_rows<S: Simd, const C: usize, const V: usize>(
    product: Product,
    row: usize,
    lanes: usize,
) {
    let Product { gemm_k, a_step, b_stride, c_stride, accumulate, .. } = product;
    // SAFETY: the caller's promise.
    unsafe {
        let a = product.a.add(row);
        let mut sums = [[S::splat(0.0); C]; V];
        for kk in 0..gemm_k {
            let mut weights = [S::splat(0.0); V];
            for v in 0..V {
                let at = a.add(kk * a_step + v * S::LANES);
                let is_whole = v + 1 < V || lanes == S::LANES;
                weights[v] = if is_whole { S::load(at) } else { S::load_first(at, lanes) };
            }
            for col in 0..C {
                let column = S::splat(*product.b.add(col * b_stride + kk));
                for v in 0..V {
                    sums[v][col] = S::mul_add(weights[v], column, sums[v][col]);
                }
            }
        }
        for v in 0..V {
            let lanes = if v + 1 < V { S::LANES } else { lanes };
            for col in 0..C {
                let mut of_rows = [0f32; super::simd::MAX_LANES];
                S::store(of_rows.as_mut_ptr(), sums[v][col]);
                for (lane, &sum) in of_rows[..lanes].iter().enumerate() {
                    let c = product.c.add((row + v * S::LANES + lane) * c_stride + col);
                    c.write(if accumulate { c.read() + sum } else { sum });
                }
            }
        }
    }
}
