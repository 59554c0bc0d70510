//! The integer GEMM kernel: rows of words of weights times packed panels of words.
//!
//! As [`super::block`], but that each row begins with a number of its own, and that sums are integers.

use super::amx::{AmxRows, TILE_BLOCK, TILE_WORDS, TileSession, multiply_byte_tiles};
use super::block::panel_columns;
use super::int8_simd::ScalarQuads;
use super::register_block::Block;
use crate::cpu::isa::{Int8Isa, Int8Kernel};
use crate::memory::MatrixMut;

/// int8 in a word of these instructions: 2 or 4.
pub fn word_elems(isa: Int8Isa) -> usize {
    match isa.kernel() {
        Int8Kernel::Avx2 | Int8Kernel::Avx512Bw => 2,
        Int8Kernel::Scalar | Int8Kernel::AvxVnni | Int8Kernel::Avx512Vnni | Int8Kernel::Amx => 4,
    }
}

/// Words of a reduction that [`multiply_words`] takes for `words`; what is more must be zeros in
/// the rows, and may be anything in the panels.
pub fn whole_steps(isa: Int8Isa, words: usize) -> usize {
    if isa.amx().is_some() { words.next_multiple_of(TILE_WORDS) } else { words }
}

/// Rows that [`multiply_words`] wants to be there for `rows`; what is more may be anything.
pub fn whole_rows(isa: Int8Isa, rows: usize) -> usize {
    if isa.amx().is_some() { rows.next_multiple_of(TILE_BLOCK) } else { rows }
}

/// Rows of words at one distance, each contiguous.
#[derive(Clone, Copy, Debug)]
pub struct WordRows<'a> {
    /// From the first row's first word; the bits of floats are the words.
    pub words: &'a [f32],
    /// Distance from row to row in words.
    pub stride: usize,
    /// What each row's sums begin with.
    pub starts: &'a [i32],
}

/// `c = starts + a * b`, or `c += starts + a * b` where `accumulate`; modulo 2^32.
///
/// `a` has `c`'s rows, each of `gemm_k` words, as [`whole_rows`] and [`whole_steps`] tell. `panels` holds `c`'s columns: panel after panel of
/// [`panel_columns`], in each of them `gemm_k` rows; what the last panel holds beyond the columns
/// has no influence.
///
/// # Panics
/// Where shapes and slices do not go together, or `c`'s columns are not contiguous.
pub fn multiply_words(
    isa: Int8Isa,
    gemm_k: usize,
    a: WordRows<'_>,
    panels: &[f32],
    c: &mut MatrixMut<'_, i32>,
    accumulate: bool,
) {
    let (rows, cols) = c.shape();
    if rows == 0 || cols == 0 {
        return;
    }
    if let Some(amx) = isa.amx() {
        let session = TileSession::begin(amx);
        let rows = AmxRows { words: a.words, stride: a.stride };
        multiply_byte_tiles(&session, gemm_k, rows, panels, a.starts, c, accumulate);
        return;
    }
    let (c_stride, col_stride) = c.strides();
    assert!(col_stride == 1 || cols == 1);
    assert!((rows - 1) * a.stride + gemm_k <= a.words.len());
    assert!(rows <= a.starts.len());
    let panel_cols = panel_columns(isa.isa());
    assert!(cols.div_ceil(panel_cols) * gemm_k * panel_cols <= panels.len());
    let block = Block {
        gemm_k,
        a: a.words.as_ptr().cast(),
        a_stride: a.stride,
        a_step: 1,
        starts: a.starts.as_ptr(),
        // Read alone: nothing is gathered.
        b: panels.as_ptr().cast_mut().cast(),
        gather: None,
        c: c.as_mut_ptr(),
        c_stride,
        accumulate,
        most_rows: usize::MAX,
        has_wide_blocks: false,
    };
    // SAFETY: `a` and `panels` are long enough by the assertions; `c` is an exclusive matrix of
    // `rows` x `cols` whose columns are contiguous; `isa` proves that the machine has the
    // instructions, and its panels are as wide as two of their registers.
    unsafe {
        match isa.kernel() {
            Int8Kernel::Scalar => block.run::<ScalarQuads>(rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Avx2 => x86::avx2(block, rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::AvxVnni => x86::avx_vnni(block, rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Avx512Bw => x86::avx512_bw(block, rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Avx512Vnni => x86::avx512_vnni(block, rows, cols),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Amx => unreachable!("tiles are not vectors"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("no other machine has these instructions"),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::int8_simd::{Avx2Pairs, Avx512Pairs, Avx512Quads, AvxQuads};
    use super::Block;

    /// Enables instructions round [`Block::run`].
    macro_rules! enabled {
        ($name:ident, $features:literal, $simd:ident) => {
            /// # Safety
            /// As [`Block::run`].
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(block: Block<'_, i32>, rows: usize, cols: usize) {
                // SAFETY: the instructions are enabled, the rest is the caller's promise.
                unsafe { block.run::<$simd>(rows, cols) }
            }
        };
    }

    enabled!(avx2, "avx2,fma,f16c", Avx2Pairs);
    enabled!(avx_vnni, "avxvnni,avx2,fma,f16c", AvxQuads);
    enabled!(avx512_bw, "avx512f,avx512dq,avx512bw,avx2,fma,f16c", Avx512Pairs);
    enabled!(avx512_vnni, "avx512f,avx512dq,avx512vnni,avx2,fma,f16c", Avx512Quads);
}
