//! The reduction of the GEMM kernels in assembly: of floats in registers of 512 bits, of words of int8.
//!
//! Of 32 registers 28 hold sums, two the columns, one a weight. A compiler does not keep to that: of
//! floats, LLVM 20 loads the weights of several steps first and spills a hundred registers a step, and
//! takes a pointer for each row, of which there are more than registers. That sums of integers may be
//! formed in any order it sees as well: it adds up the products of several steps before they meet the
//! sums. Here rows are reached from every third one, and instructions are in the order in which they are
//! meant.

use std::arch::asm;
use std::arch::x86_64::{__m256i, __m512, __m512i};

/// The products of a row's weight, broadcast to a register, with both vectors of columns. A register
/// more is free where the products do not go to the sums at once.
#[rustfmt::skip]
macro_rules! products {
    (floats, $v:literal, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "vfmadd231ps ", $v, $low, ", ", $v, $w, ", ", $v, $c0, "\n",
            "vfmadd231ps ", $v, $high, ", ", $v, $w, ", ", $v, $c1, "\n",
        )
    };
    (pairs, $v:literal, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "vpmaddwd ", $v, $t, ", ", $v, $w, ", ", $v, $c0, "\n",
            "vpmaddwd ", $v, $w, ", ", $v, $w, ", ", $v, $c1, "\n",
            "vpaddd ", $v, $low, ", ", $v, $low, ", ", $v, $t, "\n",
            "vpaddd ", $v, $high, ", ", $v, $high, ", ", $v, $w, "\n",
        )
    };
    (quads, $v:literal, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "vpdpbusd ", $v, $low, ", ", $v, $c0, ", ", $v, $w, "\n",
            "vpdpbusd ", $v, $high, ", ", $v, $c1, ", ", $v, $w, "\n",
        )
    };
    (vex_quads, $v:literal, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "{{vex}} vpdpbusd ", $v, $low, ", ", $v, $c0, ", ", $v, $w, "\n",
            "{{vex}} vpdpbusd ", $v, $high, ", ", $v, $c1, ", ", $v, $w, "\n",
        )
    };
}

/// The instruction that broadcasts a weight.
macro_rules! broadcast {
    (floats) => {
        "vbroadcastss "
    };
    ($words:tt) => {
        "vpbroadcastd "
    };
}

/// The instruction that loads columns.
macro_rules! load {
    (floats, "zmm") => {
        "vmovups "
    };
    ($words:tt, "zmm") => {
        "vmovdqu32 "
    };
    ($words:tt, "ymm") => {
        "vmovdqu "
    };
}

/// One row of one step: where its weight lies, and its sums. `$kind` and `$v` say how.
#[rustfmt::skip]
macro_rules! row {
    ($kind:tt, "ymm", $row:literal, $at:literal, $low:literal, $high:literal) => {
        concat!(
            broadcast!($kind), "ymm14, dword ptr [", $row, " + ", $at, "]\n",
            products!($kind, "ymm", $low, $high, "12", "13", "14", "15"),
        )
    };
    ($kind:tt, "zmm", $row:literal, $at:literal, $low:literal, $high:literal) => {
        concat!(
            broadcast!($kind), "zmm30, dword ptr [", $row, " + ", $at, "]\n",
            products!($kind, "zmm", $low, $high, "28", "29", "30", "31"),
        )
    };
}

/// The first so many rows of one step.
macro_rules! rows {
    ($k:tt, $v:tt, 1, $at:literal) => {
        row!($k, $v, "{a0}", $at, "0", "1")
    };
    ($k:tt, $v:tt, 2, $at:literal) => {
        concat!(rows!($k, $v, 1, $at), row!($k, $v, "{a0} + {stride}", $at, "2", "3"))
    };
    ($k:tt, $v:tt, 3, $at:literal) => {
        concat!(rows!($k, $v, 2, $at), row!($k, $v, "{a0} + 2*{stride}", $at, "4", "5"))
    };
    ($k:tt, $v:tt, 4, $at:literal) => {
        concat!(rows!($k, $v, 3, $at), row!($k, $v, "{a3}", $at, "6", "7"))
    };
    ($k:tt, $v:tt, 5, $at:literal) => {
        concat!(rows!($k, $v, 4, $at), row!($k, $v, "{a3} + {stride}", $at, "8", "9"))
    };
    ($k:tt, $v:tt, 6, $at:literal) => {
        concat!(rows!($k, $v, 5, $at), row!($k, $v, "{a3} + 2*{stride}", $at, "10", "11"))
    };
    ($k:tt, $v:tt, 7, $at:literal) => {
        concat!(rows!($k, $v, 6, $at), row!($k, $v, "{a6}", $at, "12", "13"))
    };
    ($k:tt, $v:tt, 8, $at:literal) => {
        concat!(rows!($k, $v, 7, $at), row!($k, $v, "{a6} + {stride}", $at, "14", "15"))
    };
    ($k:tt, $v:tt, 9, $at:literal) => {
        concat!(rows!($k, $v, 8, $at), row!($k, $v, "{a6} + 2*{stride}", $at, "16", "17"))
    };
    ($k:tt, $v:tt, 10, $at:literal) => {
        concat!(rows!($k, $v, 9, $at), row!($k, $v, "{a9}", $at, "18", "19"))
    };
    ($k:tt, $v:tt, 11, $at:literal) => {
        concat!(rows!($k, $v, 10, $at), row!($k, $v, "{a9} + {stride}", $at, "20", "21"))
    };
    ($k:tt, $v:tt, 12, $at:literal) => {
        concat!(rows!($k, $v, 11, $at), row!($k, $v, "{a9} + 2*{stride}", $at, "22", "23"))
    };
    ($k:tt, $v:tt, 13, $at:literal) => {
        concat!(rows!($k, $v, 12, $at), row!($k, $v, "{a12}", $at, "24", "25"))
    };
    ($k:tt, $v:tt, 14, $at:literal) => {
        concat!(rows!($k, $v, 13, $at), row!($k, $v, "{a12} + {stride}", $at, "26", "27"))
    };
}

/// One step of the reduction: the columns at a byte offset of the panel, the weights at one of their
/// rows.
#[rustfmt::skip]
macro_rules! step {
    ($k:tt, "ymm", $rows:tt, $at:literal, $low:literal, $high:literal) => {
        concat!(
            load!($k, "ymm"), "ymm12, ymmword ptr [{b} + ", $low, "]\n",
            load!($k, "ymm"), "ymm13, ymmword ptr [{b} + ", $high, "]\n",
            rows!($k, "ymm", $rows, $at),
        )
    };
    ($k:tt, "zmm", $rows:tt, $at:literal, $low:literal, $high:literal) => {
        concat!(
            load!($k, "zmm"), "zmm28, zmmword ptr [{b} + ", $low, "]\n",
            load!($k, "zmm"), "zmm29, zmmword ptr [{b} + ", $high, "]\n",
            rows!($k, "zmm", $rows, $at),
        )
    };
}

/// Moves the rows of these pointers on by some bytes.
macro_rules! advance {
    ($bytes:literal; $($a:literal)*) => { concat!($("add ", $a, ", ", $bytes, "\n",)*) };
}

/// Defines the sums of `R` rows with both vectors of a panel, for the heights given.
macro_rules! sum_rows {
    (
        $name:ident, $features:literal, $element:ident, $vector:ident, $sums:literal, $k:tt, $v:tt,
        [$($height:tt)*], [$($low:literal $high:literal)*], $panel:literal,
        [$($a:ident $pointer:literal $first:literal)*], [$($register:tt $index:literal)*],
        [$($scratch:tt)*]
    ) => {
        /// Adds to the sums of `R` rows of `a`, `stride` apart, in the order of the reduction.
        ///
        /// # Safety
        /// The instructions must be present, `gemm_k` weights of each row and `gemm_k` pairs of vectors
        /// of the panel be readable, and `R` one of the heights.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name<const R: usize>(
            gemm_k: usize,
            a: *const $element,
            stride: usize,
            b: *const $element,
            rows: &mut [[$vector; 2]; R],
        ) {
            let stride_bytes = stride * size_of::<$element>();
            let mut s = [rows[0][0]; $sums];
            for row in 0..R {
                s[2 * row] = rows[row][0];
                s[2 * row + 1] = rows[row][1];
            }
            macro_rules! reduce {
                ($rows:tt) => {
                    asm!(
                        // One row has no use for it.
                        "/* {stride} */",
                        "test {quads}, {quads}",
                        "jz 3f",
                        ".p2align 4",
                        "2:",
                        sum_rows!(@steps $k, $v, $rows, $($low $high)*),
                        advance!(16; $($pointer)*),
                        concat!("add {b}, 4*", $panel),
                        "dec {quads}",
                        "jnz 2b",
                        "3:",
                        "test {rest}, {rest}",
                        "jz 5f",
                        "4:",
                        sum_rows!(@step $k, $v, $rows, $($low $high)*),
                        advance!(4; $($pointer)*),
                        concat!("add {b}, ", $panel),
                        "dec {rest}",
                        "jnz 4b",
                        "5:",
                        $($a = inout(reg) a.wrapping_byte_add($first * stride_bytes) => _,)*
                        stride = in(reg) stride_bytes,
                        b = inout(reg) b => _,
                        quads = inout(reg) gemm_k / 4 => _,
                        rest = inout(reg) gemm_k % 4 => _,
                        $(inout($register) s[$index],)*
                        $(out($scratch) _,)*
                        options(nostack, readonly),
                    )
                };
            }
            // SAFETY: the instructions are present; the assembly reads weights of `R` rows and of the
            // panel, which the caller vouches for, and writes nothing but registers that are named.
            // Pointers beyond the last row are not read from.
            unsafe {
                match R {
                    $($height => reduce!($height),)*
                    _ => unreachable!("no such height"),
                }
            }
            for row in 0..R {
                rows[row] = [s[2 * row], s[2 * row + 1]];
            }
        }
    };
    (@steps $k:tt, $v:tt, $rows:tt,
        $l0:literal $h0:literal $l1:literal $h1:literal $l2:literal $h2:literal $l3:literal $h3:literal
    ) => {
        concat!(
            step!($k, $v, $rows, 0, $l0, $h0),
            step!($k, $v, $rows, 4, $l1, $h1),
            step!($k, $v, $rows, 8, $l2, $h2),
            step!($k, $v, $rows, 12, $l3, $h3),
        )
    };
    (@step $k:tt, $v:tt, $rows:tt, $l0:literal $h0:literal $($rest:literal)*) => {
        step!($k, $v, $rows, 0, $l0, $h0)
    };
}

/// [`sum_rows!`] of up to 6 rows in registers of 256 bits.
macro_rules! sum_rows_256 {
    ($name:ident, $features:literal, $k:tt) => {
        sum_rows! {
            $name, $features, i32, __m256i, 12, $k, "ymm",
            [1 2 3 4 5 6], [0 32 64 96 128 160 192 224], 64,
            [a0 "{a0}" 0 a3 "{a3}" 3],
            ["ymm0" 0 "ymm1" 1 "ymm2" 2 "ymm3" 3 "ymm4" 4 "ymm5" 5 "ymm6" 6 "ymm7" 7 "ymm8" 8
             "ymm9" 9 "ymm10" 10 "ymm11" 11],
            ["ymm12" "ymm13" "ymm14" "ymm15"]
        }
    };
}

/// [`sum_rows!`] of 7 to 14 rows in registers of 512 bits.
macro_rules! sum_rows_512 {
    ($name:ident, $features:literal, $element:ident, $vector:ident, $k:tt) => {
        sum_rows! {
            $name, $features, $element, $vector, 28, $k, "zmm",
            [7 8 9 10 11 12 13 14], [0 64 128 192 256 320 384 448], 128,
            [a0 "{a0}" 0 a3 "{a3}" 3 a6 "{a6}" 6 a9 "{a9}" 9 a12 "{a12}" 12],
            ["zmm0" 0 "zmm1" 1 "zmm2" 2 "zmm3" 3 "zmm4" 4 "zmm5" 5 "zmm6" 6 "zmm7" 7 "zmm8" 8
             "zmm9" 9 "zmm10" 10 "zmm11" 11 "zmm12" 12 "zmm13" 13 "zmm14" 14 "zmm15" 15 "zmm16" 16
             "zmm17" 17 "zmm18" 18 "zmm19" 19 "zmm20" 20 "zmm21" 21 "zmm22" 22 "zmm23" 23 "zmm24" 24
             "zmm25" 25 "zmm26" 26 "zmm27" 27],
            ["zmm28" "zmm29" "zmm30" "zmm31"]
        }
    };
}

sum_rows_256!(pairs_256, "avx2", pairs);
sum_rows_256!(quads_256, "avx2,avxvnni", vex_quads);
sum_rows_512!(floats_512, "avx512f", f32, __m512, floats);
sum_rows_512!(pairs_512, "avx512f,avx512bw", i32, __m512i, pairs);
sum_rows_512!(quads_512, "avx512f,avx512vnni", i32, __m512i, quads);

/// Rows that the sums in registers of 512 bits have at least: lower blocks are left to the compiler.
pub(super) const LEAST_ROWS_512: usize = 7;
