//! Products of matrices on the tiles of Intel AMX.
//!
//! A tile is 16 lines of 64 bytes. `tdpbf16ps` adds to a tile of 16 x 16 f32 the product of 16 rows
//! of 32 bf16 with 16 columns of as many, which lie by twos: a word holds two neighbours of the
//! reduction. `tdpbsud` does the same with words of four int8. Four tiles hold a block of 32 x 32
//! sums, two a step of the reduction of 32 rows, and two that of 32 columns.
//!
//! The compiler knows of no tiles and uses none, so they keep their contents between blocks of
//! assembly. Rust's intrinsics for them are unstable; the assembly is not.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::marker::PhantomData;

use super::amx_permission;
use crate::cpu::isa::AmxIsa;
use crate::memory::MatrixMut;

/// Rows, and columns, of a block of sums: two tiles each way.
pub const TILE_BLOCK: usize = 32;

/// Words of the reduction that one instruction takes: a tile's line.
pub const TILE_WORDS: usize = 16;

const TILE_ROWS: usize = 16;

/// Which products of which parts make a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileProducts {
    /// bf16 as they are.
    One,
    /// Both factors in two parts of bf16: four products, which are all.
    Four,
    /// Both factors in three parts: the six products that matter in f32.
    Six,
}

impl TileProducts {
    /// Parts of each factor.
    pub fn parts(self) -> usize {
        match self {
            TileProducts::One => 1,
            TileProducts::Four => 2,
            TileProducts::Six => 3,
        }
    }

    /// Instructions for a tile and step.
    pub fn count(self) -> usize {
        match self {
            TileProducts::One => 1,
            TileProducts::Four => 4,
            TileProducts::Six => 6,
        }
    }
}

/// A stretch of work on this thread with its tiles configured; at its end they are given back, so
/// that the system need not save them.
pub struct TileSession {
    /// The configuration is the thread's.
    not_send: PhantomData<*const ()>,
}

impl TileSession {
    /// All tiles with 16 lines of 64 bytes. Sessions of a thread must not overlap.
    pub fn begin(_isa: AmxIsa) -> TileSession {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `AmxIsa` proves that the machine has tiles and the process may use them.
        unsafe {
            x86::configure();
        }
        TileSession { not_send: PhantomData }
    }
}

impl Drop for TileSession {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `begin`.
        unsafe {
            x86::release();
        }
    }
}

/// Whether the process may use tiles; asks the system for them at the first call.
pub fn tiles_are_permitted() -> bool {
    amx_permission::granted()
}

/// Rows of words in their parts, from a multiple of [`TILE_BLOCK`] rows on.
///
/// A block of rows is followed by the next one; in a block part follows part, in a part row
/// follows row at `stride` words. There are whole blocks.
#[derive(Clone, Copy, Debug)]
pub struct AmxRows<'a> {
    /// From the first word of the first row on; the bits of floats are the words.
    pub words: &'a [f32],
    pub stride: usize,
}

/// Panels of [`TILE_BLOCK`] columns, in parts that lie `part_stride` words apart.
#[derive(Clone, Copy, Debug)]
pub struct AmxPanels<'a> {
    pub words: &'a [f32],
    pub part_stride: usize,
}

/// `c = a * b`, or `c += a * b` where `accumulate`.
///
/// `gemm_k` counts words, in whole tiles. `a` has `c`'s rows and `panels` its columns, both filled
/// up with anything. Returns whether all of `c` is finite.
///
/// # Panics
/// Where shapes and slices do not go together, or `c`'s columns are not contiguous.
pub fn multiply_tiles(
    _session: &TileSession,
    products: TileProducts,
    gemm_k: usize,
    a: AmxRows<'_>,
    panels: AmxPanels<'_>,
    c: &mut MatrixMut<'_, f32>,
    accumulate: bool,
) -> bool {
    let (rows, cols) = c.shape();
    if rows == 0 || cols == 0 {
        return true;
    }
    let (c_stride, col_stride) = c.strides();
    let parts = products.parts();
    assert!(col_stride == 1 || cols == 1);
    assert!(gemm_k > 0 && gemm_k.is_multiple_of(TILE_WORDS) && gemm_k <= a.stride);
    let block_words = parts * TILE_BLOCK * a.stride;
    // The last row ends with the reduction, not with its distance from the next.
    assert!(rows.div_ceil(TILE_BLOCK) * block_words - (a.stride - gemm_k) <= a.words.len());
    let panel_words = gemm_k * TILE_BLOCK;
    let of_part = cols.div_ceil(TILE_BLOCK) * panel_words;
    assert!((parts - 1) * panels.part_stride + of_part <= panels.words.len());
    let mut is_finite = true;
    let mut before = None;
    for row in (0..rows).step_by(TILE_BLOCK) {
        for col in (0..cols).step_by(TILE_BLOCK) {
            let block = Block {
                gemm_k,
                a: a.words[row / TILE_BLOCK * block_words..].as_ptr(),
                a_stride: a.stride,
                b: panels.words[col / TILE_BLOCK * panel_words..].as_ptr(),
                b_part_stride: panels.part_stride,
                // SAFETY: an element of `c`.
                c: unsafe { c.as_mut_ptr().add(row * c_stride + col) },
                c_stride,
                rows: TILE_BLOCK.min(rows - row),
                cols: TILE_BLOCK.min(cols - col),
                accumulate,
            };
            #[cfg(target_arch = "x86_64")]
            if row + TILE_BLOCK < rows {
                // What the next rows need of `a` comes to L2 piece by piece.
                let lines = parts * TILE_BLOCK;
                let panels = cols.div_ceil(TILE_BLOCK);
                let piece = |panel: usize| lines * panel / panels;
                let next = &a.words[(row / TILE_BLOCK + 1) * block_words..];
                for line in piece(col / TILE_BLOCK)..piece(col / TILE_BLOCK + 1) {
                    x86::fetch_words(&next[line * a.stride..][..gemm_k]);
                }
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the session's machine has the instructions and its tiles are configured; by
            // the assertions the block of `a` and the panel lie inside their slices, and `c` has
            // `rows` x `cols` elements there, whose columns are contiguous.
            unsafe {
                is_finite &= x86::run(block, products, before);
            }
            before = Some(block);
            #[cfg(not(target_arch = "x86_64"))]
            unreachable!("no other machine has a session: {}", block.gemm_k);
        }
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the last block, whose part of `c` is valid; a session's machine has AVX-512.
    unsafe {
        is_finite &= before.is_none_or(|last| x86::all_finite(last));
    }
    is_finite
}

/// `c = starts + a * b`, or `c += starts + a * b` where `accumulate`, of words of four bytes;
/// modulo 2^32. Those of `a` are signed, those of the panels are not. Each row has its start.
///
/// # Panics
/// Where shapes and slices do not go together, or `c`'s columns are not contiguous.
pub fn multiply_byte_tiles(
    _session: &TileSession,
    gemm_k: usize,
    a: AmxRows<'_>,
    panels: &[f32],
    starts: &[i32],
    c: &mut MatrixMut<'_, i32>,
    accumulate: bool,
) {
    let (rows, cols) = c.shape();
    if rows == 0 || cols == 0 {
        return;
    }
    let (c_stride, col_stride) = c.strides();
    assert!(col_stride == 1 || cols == 1);
    assert!(gemm_k > 0 && gemm_k.is_multiple_of(TILE_WORDS) && gemm_k <= a.stride);
    let block_words = TILE_BLOCK * a.stride;
    assert!(rows.div_ceil(TILE_BLOCK) * block_words - (a.stride - gemm_k) <= a.words.len());
    let panel_words = gemm_k * TILE_BLOCK;
    assert!(cols.div_ceil(TILE_BLOCK) * panel_words <= panels.len());
    assert!(rows <= starts.len());
    let mut begins = Begins([[0; TILE_BLOCK]; TILE_BLOCK]);
    for row in (0..rows).step_by(TILE_BLOCK) {
        for (begin, &start) in begins.0.iter_mut().zip(&starts[row..rows]) {
            begin.fill(start);
        }
        for col in (0..cols).step_by(TILE_BLOCK) {
            let block = Block {
                gemm_k,
                a: a.words[row / TILE_BLOCK * block_words..].as_ptr(),
                a_stride: a.stride,
                b: panels[col / TILE_BLOCK * panel_words..].as_ptr(),
                b_part_stride: 0,
                // SAFETY: an element of `c`.
                c: unsafe { c.as_mut_ptr().add(row * c_stride + col) }.cast(),
                c_stride,
                rows: TILE_BLOCK.min(rows - row),
                cols: TILE_BLOCK.min(cols - col),
                accumulate,
            };
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `multiply_tiles`.
            unsafe {
                x86::run_bytes(block, &begins, &starts[row..rows]);
            }
            #[cfg(not(target_arch = "x86_64"))]
            unreachable!("no other machine has a session: {}", block.gemm_k);
        }
    }
}

/// What the sums of a block begin with.
#[repr(C, align(64))]
struct Begins([[i32; TILE_BLOCK]; TILE_BLOCK]);

/// The sums of up to two tiles by two.
#[derive(Clone, Copy)]
struct Block {
    /// Words.
    gemm_k: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_part_stride: usize,
    c: *mut f32,
    c_stride: usize,
    rows: usize,
    cols: usize,
    accumulate: bool,
}

#[cfg(test)]
mod tests;
