//! Blocks of tiles, in assembly.

use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::{Begins, Block, TILE_BLOCK, TILE_ROWS, TILE_WORDS, TileProducts};

const LINE_BYTES: usize = 64;

/// As `ldtilecfg` reads it.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    line_bytes: [u16; 16],
    lines: [u8; 16],
}

/// # Safety
/// The machine must have tiles, and the process may use them.
pub(super) unsafe fn configure() {
    let mut config = TileConfig {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        line_bytes: [0; 16],
        lines: [0; 16],
    };
    for tile in 0..8 {
        config.line_bytes[tile] = 64;
        config.lines[tile] = TILE_ROWS as u8;
    }
    // SAFETY: 64 bytes are read, in the form that palette 1 wants.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, preserves_flags)) }
}

/// # Safety
/// As [`configure`].
pub(super) unsafe fn release() {
    // SAFETY: takes nothing.
    unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
}

/// # Safety
/// Tiles must be configured, AVX-512 F present, and the block's memory valid: of `a` all parts
/// of [`TILE_BLOCK`] rows, of `b` all parts of a panel, of `c` its rows and columns. That of the
/// block `before`, too: returns whether all of its sums are finite.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn run(block: Block, products: TileProducts, before: Option<Block>) -> bool {
    let mut scratch = MaybeUninit::<[f32; TILE_BLOCK * TILE_BLOCK]>::uninit();
    let (many_rows, many_cols) = (block.rows > TILE_ROWS, block.cols > TILE_ROWS);
    let is_whole = block.rows.is_multiple_of(TILE_ROWS) && block.cols.is_multiple_of(TILE_ROWS);
    let (c, c_stride) = if is_whole {
        (block.c, block.c_stride)
    } else {
        (scratch.as_mut_ptr().cast(), TILE_BLOCK)
    };
    // SAFETY: the caller's promise; the scratch has room for all tiles.
    unsafe {
        if !is_aligned(block) {
            fetch(block);
        }
        if block.accumulate {
            if !is_whole {
                copy(block.c, block.c_stride, c, c_stride, block.rows, block.cols);
            }
            load(c, c_stride, many_rows, many_cols);
        } else {
            zero();
        }
        match (products, many_rows, many_cols) {
            (TileProducts::One, false, false) => one_1x1(block),
            (TileProducts::One, false, true) => one_1x2(block),
            (TileProducts::One, true, false) => one_2x1(block),
            (TileProducts::One, true, true) => one_2x2(block),
            (TileProducts::Four, false, false) => four_1x1(block),
            (TileProducts::Four, false, true) => four_1x2(block),
            (TileProducts::Four, true, false) => four_2x1(block),
            (TileProducts::Four, true, true) => four_2x2(block),
            (TileProducts::Six, false, false) => six_1x1(block),
            (TileProducts::Six, false, true) => six_1x2(block),
            (TileProducts::Six, true, false) => six_2x1(block),
            (TileProducts::Six, true, true) => six_2x2(block),
        }
        // Meanwhile the tiles are still at work.
        let is_finite = before.is_none_or(|before| all_finite(before));
        store(c, c_stride, many_rows, many_cols);
        if !is_whole {
            copy(c, c_stride, block.c, block.c_stride, block.rows, block.cols);
        }
        is_finite
    }
}

/// The same for bytes. Sums begin with `begins`; where they are added to `c`, with what is there and
/// the starts of their rows.
///
/// # Safety
/// As [`run`].
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn run_bytes(block: Block, begins: &Begins, starts: &[i32]) {
    let mut scratch = MaybeUninit::<Begins>::uninit();
    let sums: *mut f32 = scratch.as_mut_ptr().cast();
    let (many_rows, many_cols) = (block.rows > TILE_ROWS, block.cols > TILE_ROWS);
    let is_whole = block.rows.is_multiple_of(TILE_ROWS) && block.cols.is_multiple_of(TILE_ROWS);
    // SAFETY: the caller's promise; the scratch has room for all tiles.
    unsafe {
        if !is_aligned(block) {
            fetch(block);
        }
        if block.accumulate {
            copy(block.c, block.c_stride, sums, TILE_BLOCK, block.rows, block.cols);
            for (row, &start) in starts.iter().take(block.rows).enumerate() {
                for (half, mask) in column_masks(block.cols).into_iter().enumerate() {
                    let at = sums.add(row * TILE_BLOCK + half * TILE_ROWS).cast();
                    let sum = _mm512_maskz_loadu_epi32(mask, at);
                    let sum = _mm512_add_epi32(sum, _mm512_set1_epi32(start));
                    _mm512_mask_storeu_epi32(at, mask, sum);
                }
            }
            load(sums, TILE_BLOCK, many_rows, many_cols);
        } else {
            load(begins.0.as_ptr().cast(), TILE_BLOCK, many_rows, many_cols);
        }
        match (many_rows, many_cols) {
            (false, false) => bytes_1x1(block),
            (false, true) => bytes_1x2(block),
            (true, false) => bytes_2x1(block),
            (true, true) => bytes_2x2(block),
        }
        if is_whole {
            store(block.c, block.c_stride, many_rows, many_cols);
        } else {
            store(sums, TILE_BLOCK, many_rows, many_cols);
            copy(sums, TILE_BLOCK, block.c, block.c_stride, block.rows, block.cols);
        }
    }
}

/// Whether lines of tiles of sums are cache lines.
fn is_aligned(block: Block) -> bool {
    block.c.addr().is_multiple_of(LINE_BYTES)
        && (block.c_stride * size_of::<f32>()).is_multiple_of(LINE_BYTES)
}

/// Fetches the cache lines of the sums, to be written, while the products are made: for lines of
/// tiles that straddle two of them (256 x 64 channels, 3136 pixels: 14 % less time; where they
/// are aligned the fetches cost as much).
///
/// # Safety
/// The rows must be valid at `c`.
unsafe fn fetch(block: Block) {
    for row in 0..block.rows {
        // SAFETY: elements of a row; a fetch changes nothing.
        unsafe {
            let first = block.c.add(row * block.c_stride);
            asm!(
                "prefetchw [{}]",
                "prefetchw [{}]",
                "prefetchw [{}]",
                in(reg) first,
                in(reg) first.add(block.cols / 2),
                in(reg) first.add(block.cols - 1),
                options(nostack, preserves_flags, readonly)
            );
        }
    }
}

/// Fetches words to L2.
pub(super) fn fetch_words(words: &[f32]) {
    for line in words.chunks(LINE_BYTES / size_of::<f32>()) {
        // SAFETY: a fetch changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) }
    }
}

/// Copies rows of up to two vectors.
///
/// # Safety
/// `rows` x `cols` must be valid on both sides.
#[target_feature(enable = "avx512f")]
unsafe fn copy(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
    rows: usize,
    cols: usize,
) {
    let masks = column_masks(cols);
    for row in 0..rows {
        for (half, mask) in masks.into_iter().enumerate() {
            // SAFETY: only columns in the mask are touched.
            unsafe {
                let from = from.add(row * from_stride).wrapping_add(half * TILE_ROWS);
                let to = to.add(row * to_stride).wrapping_add(half * TILE_ROWS);
                _mm512_mask_storeu_ps(to, mask, _mm512_maskz_loadu_ps(mask, from));
            }
        }
    }
}

fn column_masks(cols: usize) -> [u16; 2] {
    let mask = |count: usize| ((1u32 << count.min(TILE_ROWS)) - 1) as u16;
    [mask(cols), mask(cols.saturating_sub(TILE_ROWS))]
}

/// # Safety
/// `c` must be valid.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn all_finite(block: Block) -> bool {
    let masks = column_masks(block.cols);
    let zero = _mm512_setzero_ps();
    // Zero times what is finite stays zero.
    let mut sums = [zero; 2];
    for row in 0..block.rows {
        for half in 0..2 {
            // SAFETY: only columns in the mask are read.
            unsafe {
                let at = block.c.add(row * block.c_stride).wrapping_add(half * TILE_ROWS);
                let values = _mm512_maskz_loadu_ps(masks[half], at);
                sums[half] = _mm512_fmadd_ps(values, zero, sums[half]);
            }
        }
    }
    _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(_mm512_add_ps(sums[0], sums[1]), zero) == u16::MAX
}

/// # Safety
/// Tiles must be configured.
unsafe fn zero() {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            options(nostack, nomem, preserves_flags)
        );
    }
}

/// Moves the tiles of sums that are in use.
macro_rules! move_sums {
    ($c:ident, $stride:ident, $rows:ident, $cols:ident, $one:literal, $two:literal, $three:literal, $four:literal) => {
        let stride_bytes = $stride * size_of::<f32>();
        let below = $c.wrapping_add(TILE_ROWS * $stride);
        // SAFETY: the caller's promise: lines of 64 bytes are valid in the tiles in use.
        unsafe {
            asm!($one, c = in(reg) $c, s = in(reg) stride_bytes, options(nostack, preserves_flags));
            if $cols {
                asm!($two, c = in(reg) $c, s = in(reg) stride_bytes, options(nostack, preserves_flags));
            }
            if $rows {
                asm!($three, c = in(reg) below, s = in(reg) stride_bytes, options(nostack, preserves_flags));
            }
            if $rows && $cols {
                asm!($four, c = in(reg) below, s = in(reg) stride_bytes, options(nostack, preserves_flags));
            }
        }
    };
}

/// # Safety
/// Tiles must be configured, and those in use valid at `c`.
unsafe fn load(c: *const f32, stride: usize, many_rows: bool, many_cols: bool) {
    move_sums!(
        c,
        stride,
        many_rows,
        many_cols,
        "tileloadd tmm0, [{c} + {s}]",
        "tileloadd tmm1, [{c} + {s} + 64]",
        "tileloadd tmm2, [{c} + {s}]",
        "tileloadd tmm3, [{c} + {s} + 64]"
    );
}

/// # Safety
/// As [`load`].
unsafe fn store(c: *mut f32, stride: usize, many_rows: bool, many_cols: bool) {
    move_sums!(
        c,
        stride,
        many_rows,
        many_cols,
        "tilestored [{c} + {s}], tmm0",
        "tilestored [{c} + {s} + 64], tmm1",
        "tilestored [{c} + {s}], tmm2",
        "tilestored [{c} + {s} + 64], tmm3"
    );
}

/// Loads one part of the rows: r8 to r10 are the parts' first tiles, r11 to r13 their second.
#[rustfmt::skip]
macro_rules! load_a {
    (1, 0) => { "tileloadd tmm4, [r8 + rax]\n" };
    (1, 1) => { "tileloadd tmm4, [r9 + rax]\n" };
    (1, 2) => { "tileloadd tmm4, [r10 + rax]\n" };
    (2, 0) => { "tileloadd tmm4, [r8 + rax]\ntileloadd tmm5, [r11 + rax]\n" };
    (2, 1) => { "tileloadd tmm4, [r9 + rax]\ntileloadd tmm5, [r12 + rax]\n" };
    (2, 2) => { "tileloadd tmm4, [r10 + rax]\ntileloadd tmm5, [r13 + rax]\n" };
}

/// Loads one part of the columns, at rsi, rdi or rdx.
#[rustfmt::skip]
macro_rules! load_b {
    (1, 0) => { "tileloadd tmm6, [rsi + rcx]\n" };
    (1, 1) => { "tileloadd tmm6, [rdi + rcx]\n" };
    (1, 2) => { "tileloadd tmm6, [rdx + rcx]\n" };
    (2, 0) => { "tileloadd tmm6, [rsi + rcx]\ntileloadd tmm7, [rsi + rcx + 64]\n" };
    (2, 1) => { "tileloadd tmm6, [rdi + rcx]\ntileloadd tmm7, [rdi + rcx + 64]\n" };
    (2, 2) => { "tileloadd tmm6, [rdx + rcx]\ntileloadd tmm7, [rdx + rcx + 64]\n" };
}

/// Multiplies what is loaded.
#[rustfmt::skip]
macro_rules! products {
    (1, 1, $op:literal) => { concat!($op, " tmm0, tmm4, tmm6\n") };
    (1, 2, $op:literal) => {
        concat!($op, " tmm0, tmm4, tmm6\n", $op, " tmm1, tmm4, tmm7\n")
    };
    (2, 1, $op:literal) => {
        concat!($op, " tmm0, tmm4, tmm6\n", $op, " tmm2, tmm5, tmm6\n")
    };
    (2, 2, $op:literal) => { concat!(
        $op, " tmm0, tmm4, tmm6\n", $op, " tmm1, tmm4, tmm7\n",
        $op, " tmm2, tmm5, tmm6\n", $op, " tmm3, tmm5, tmm7\n"
    ) };
}

/// Defines the loops over the reduction: for rows and columns of tiles, what a step does.
macro_rules! loops {
    ($($name:ident $rows:tt $cols:tt: $($load:ident $part:tt),+;)+) => {$(
        /// # Safety
        /// As [`run`].
        unsafe fn $name(block: Block) {
            let part = TILE_BLOCK * block.a_stride;
            let a = |number: usize| block.a.wrapping_add(number * part);
            let below = |number: usize| a(number).wrapping_add(TILE_ROWS * block.a_stride);
            let b = |number: usize| block.b.wrapping_add(number * block.b_part_stride);
            // SAFETY: the caller's promise. Tiles of rows are 16 lines at their distance, those
            // of columns at that of the panel's rows; parts that are not in use are not read.
            unsafe {
                asm!(
                    "2:",
                    concat!($(loops!(@$load $rows $cols $part)),+),
                    "add r8, 64",
                    "add r9, 64",
                    "add r10, 64",
                    "add r11, 64",
                    "add r12, 64",
                    "add r13, 64",
                    "add rsi, 2048",
                    "add rdi, 2048",
                    "add rdx, 2048",
                    "dec r14",
                    "jnz 2b",
                    inout("r8") a(0) => _,
                    inout("r9") a(1) => _,
                    inout("r10") a(2) => _,
                    inout("r11") below(0) => _,
                    inout("r12") below(1) => _,
                    inout("r13") below(2) => _,
                    inout("rsi") b(0) => _,
                    inout("rdi") b(1) => _,
                    inout("rdx") b(2) => _,
                    inout("r14") block.gemm_k / TILE_WORDS => _,
                    in("rax") block.a_stride * size_of::<f32>(),
                    in("rcx") TILE_BLOCK * size_of::<f32>(),
                    options(nostack, readonly)
                );
            }
        }
    )+};
    (@a $rows:tt $cols:tt $part:tt) => { load_a!($rows, $part) };
    (@b $rows:tt $cols:tt $part:tt) => { load_b!($cols, $part) };
    (@multiply $rows:tt $cols:tt floats) => { products!($rows, $cols, "tdpbf16ps") };
    (@multiply $rows:tt $cols:tt bytes) => { products!($rows, $cols, "tdpbsud") };
}

// Of six products the smallest come first, and one part is loaded at a time: 7 loads of rows
// and columns for 6 products.
loops! {
    bytes_1x1 1 1: a 0, b 0, multiply bytes;
    bytes_1x2 1 2: a 0, b 0, multiply bytes;
    bytes_2x1 2 1: a 0, b 0, multiply bytes;
    bytes_2x2 2 2: a 0, b 0, multiply bytes;
    one_1x1 1 1: a 0, b 0, multiply floats;
    one_1x2 1 2: a 0, b 0, multiply floats;
    one_2x1 2 1: a 0, b 0, multiply floats;
    one_2x2 2 2: a 0, b 0, multiply floats;
    four_1x1 1 1: a 1, b 1, multiply floats, b 0, multiply floats, a 0, b 1, multiply floats, b 0, multiply floats;
    four_1x2 1 2: a 1, b 1, multiply floats, b 0, multiply floats, a 0, b 1, multiply floats, b 0, multiply floats;
    four_2x1 2 1: a 1, b 1, multiply floats, b 0, multiply floats, a 0, b 1, multiply floats, b 0, multiply floats;
    four_2x2 2 2: a 1, b 1, multiply floats, b 0, multiply floats, a 0, b 1, multiply floats, b 0, multiply floats;
    six_1x1 1 1: a 2, b 0, multiply floats, a 1, multiply floats, b 1, multiply floats,
        a 0, multiply floats, b 2, multiply floats, b 0, multiply floats;
    six_1x2 1 2: a 2, b 0, multiply floats, a 1, multiply floats, b 1, multiply floats,
        a 0, multiply floats, b 2, multiply floats, b 0, multiply floats;
    six_2x1 2 1: a 2, b 0, multiply floats, a 1, multiply floats, b 1, multiply floats,
        a 0, multiply floats, b 2, multiply floats, b 0, multiply floats;
    six_2x2 2 2: a 2, b 0, multiply floats, a 1, multiply floats, b 1, multiply floats,
        a 0, multiply floats, b 2, multiply floats, b 0, multiply floats;
}
