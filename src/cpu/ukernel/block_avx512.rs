//! The reduction of the GEMM kernel in AVX-512 assembly.
//!
//! Of 32 registers 28 hold sums, two the columns and one a weight. A compiler does not keep to that:
//! LLVM 20 loads the weights of several steps first and spills a hundred registers a step; and it
//! takes a pointer for each row, of which there are more than registers. Here rows are reached from
//! every third one, and instructions are in the order in which they are meant: 44 for 28 vectors of
//! multiply-adds.

use std::arch::asm;
use std::arch::x86_64::{__m512, _mm512_setzero_ps};

/// Sums of the highest register block, 14 rows of two vectors.
const MAX_SUMS: usize = 28;

/// One row of one step: its weight times both vectors of columns.
macro_rules! row {
    ($row:literal, $at:literal, $low:literal, $high:literal) => {
        concat!(
            "vbroadcastss zmm30, dword ptr [",
            $row,
            " + ",
            $at,
            "]\n",
            "vfmadd231ps ",
            $low,
            ", zmm30, zmm28\n",
            "vfmadd231ps ",
            $high,
            ", zmm30, zmm29\n",
        )
    };
}

/// The first so many rows of one step.
#[rustfmt::skip]
macro_rules! rows {
    (7, $at:literal) => {
        concat!(
            row!("{a0}", $at, "zmm0", "zmm1"),
            row!("{a0} + {stride}", $at, "zmm2", "zmm3"),
            row!("{a0} + 2*{stride}", $at, "zmm4", "zmm5"),
            row!("{a3}", $at, "zmm6", "zmm7"),
            row!("{a3} + {stride}", $at, "zmm8", "zmm9"),
            row!("{a3} + 2*{stride}", $at, "zmm10", "zmm11"),
            row!("{a6}", $at, "zmm12", "zmm13"),
        )
    };
    (8, $at:literal) => {
        concat!(rows!(7, $at), row!("{a6} + {stride}", $at, "zmm14", "zmm15"))
    };
    (9, $at:literal) => {
        concat!(rows!(8, $at), row!("{a6} + 2*{stride}", $at, "zmm16", "zmm17"))
    };
    (10, $at:literal) => { concat!(rows!(9, $at), row!("{a9}", $at, "zmm18", "zmm19")) };
    (11, $at:literal) => {
        concat!(rows!(10, $at), row!("{a9} + {stride}", $at, "zmm20", "zmm21"))
    };
    (12, $at:literal) => {
        concat!(rows!(11, $at), row!("{a9} + 2*{stride}", $at, "zmm22", "zmm23"))
    };
    (13, $at:literal) => { concat!(rows!(12, $at), row!("{a12}", $at, "zmm24", "zmm25")) };
    (14, $at:literal) => {
        concat!(rows!(13, $at), row!("{a12} + {stride}", $at, "zmm26", "zmm27"))
    };
}

/// One step of the reduction: the columns at a byte offset of the panel, the weights at one of their
/// rows.
macro_rules! step {
    ($rows:tt, $at:literal, $low:literal, $high:literal) => {
        concat!(
            "vmovups zmm28, zmmword ptr [{b} + ",
            $low,
            "]\n",
            "vmovups zmm29, zmmword ptr [{b} + ",
            $high,
            "]\n",
            rows!($rows, $at),
        )
    };
}

/// Moves all rows on by some bytes.
macro_rules! advance {
    ($bytes:literal) => {
        concat!(
            "add {a0}, ",
            $bytes,
            "\n",
            "add {a3}, ",
            $bytes,
            "\n",
            "add {a6}, ",
            $bytes,
            "\n",
            "add {a9}, ",
            $bytes,
            "\n",
            "add {a12}, ",
            $bytes,
            "\n",
        )
    };
}

macro_rules! reduce {
    ($rows:tt, $gemm_k:ident, $a:ident, $stride_bytes:ident, $b:ident, $s:ident) => {
        asm!(
            "test {quads}, {quads}",
            "jz 3f",
            ".p2align 4",
            "2:",
            step!($rows, 0, 0, 64),
            step!($rows, 4, 128, 192),
            step!($rows, 8, 256, 320),
            step!($rows, 12, 384, 448),
            advance!(16),
            "add {b}, 512",
            "dec {quads}",
            "jnz 2b",
            "3:",
            "test {rest}, {rest}",
            "jz 5f",
            "4:",
            step!($rows, 0, 0, 64),
            advance!(4),
            "add {b}, 128",
            "dec {rest}",
            "jnz 4b",
            "5:",
            a0 = inout(reg) $a => _,
            a3 = inout(reg) $a.wrapping_byte_add(3 * $stride_bytes) => _,
            a6 = inout(reg) $a.wrapping_byte_add(6 * $stride_bytes) => _,
            a9 = inout(reg) $a.wrapping_byte_add(9 * $stride_bytes) => _,
            a12 = inout(reg) $a.wrapping_byte_add(12 * $stride_bytes) => _,
            stride = in(reg) $stride_bytes,
            b = inout(reg) $b => _,
            quads = inout(reg) $gemm_k / 4 => _,
            rest = inout(reg) $gemm_k % 4 => _,
            inout("zmm0") $s[0], inout("zmm1") $s[1], inout("zmm2") $s[2], inout("zmm3") $s[3],
            inout("zmm4") $s[4], inout("zmm5") $s[5], inout("zmm6") $s[6], inout("zmm7") $s[7],
            inout("zmm8") $s[8], inout("zmm9") $s[9], inout("zmm10") $s[10], inout("zmm11") $s[11],
            inout("zmm12") $s[12], inout("zmm13") $s[13], inout("zmm14") $s[14],
            inout("zmm15") $s[15], inout("zmm16") $s[16], inout("zmm17") $s[17],
            inout("zmm18") $s[18], inout("zmm19") $s[19], inout("zmm20") $s[20],
            inout("zmm21") $s[21], inout("zmm22") $s[22], inout("zmm23") $s[23],
            inout("zmm24") $s[24], inout("zmm25") $s[25], inout("zmm26") $s[26],
            inout("zmm27") $s[27],
            out("zmm28") _, out("zmm29") _, out("zmm30") _,
            options(nostack, readonly),
        )
    };
}

/// The sums of `R` rows of `a`, 7 to 14 of them `stride` apart, with both vectors of the panel `b`, in
/// the order of the reduction; `None` for other heights.
///
/// # Safety
/// AVX-512F must be present, and `gemm_k` floats of each row and twice 16 times as many of the panel
/// be readable.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn sum_rows<const R: usize>(
    gemm_k: usize,
    a: *const f32,
    stride: usize,
    b: *const f32,
) -> Option<[[__m512; 2]; R]> {
    if !(7..=14).contains(&R) {
        return None;
    }
    let stride_bytes = stride * size_of::<f32>();
    // SAFETY: the instruction set is present; the assembly reads `gemm_k` floats of `R` rows and
    // `gemm_k` pairs of vectors of the panel, which the caller vouches for, and writes nothing but
    // registers that are named. Pointers beyond the last row are not read from.
    let sums = unsafe {
        let mut s = [_mm512_setzero_ps(); MAX_SUMS];
        match R {
            7 => reduce!(7, gemm_k, a, stride_bytes, b, s),
            8 => reduce!(8, gemm_k, a, stride_bytes, b, s),
            9 => reduce!(9, gemm_k, a, stride_bytes, b, s),
            10 => reduce!(10, gemm_k, a, stride_bytes, b, s),
            11 => reduce!(11, gemm_k, a, stride_bytes, b, s),
            12 => reduce!(12, gemm_k, a, stride_bytes, b, s),
            13 => reduce!(13, gemm_k, a, stride_bytes, b, s),
            _ => reduce!(14, gemm_k, a, stride_bytes, b, s),
        }
        s
    };
    let mut rows = [[sums[0]; 2]; R];
    for row in 0..R {
        rows[row] = [sums[2 * row], sums[2 * row + 1]];
    }
    Some(rows)
}
