//! The reduction of the GEMM kernels in assembly: of floats and of words of int8.
//!
//! Of 32 registers 28 hold sums, two the columns, one a weight; of 16 likewise 12, two and one. A
//! compiler does not keep to that: of floats, LLVM 20 loads the weights of several steps first and
//! spills a hundred registers a step, and takes a pointer for each row, of which there are more than
//! registers. That sums of integers may be formed in any order it sees as well: it adds up the products
//! of several steps before they meet the sums. Here rows are reached from every third one, and
//! instructions are in the order in which they are meant.
//!
//! Columns come from a packed panel, or from where they lie, and then the panel is written on the way:
//! loads and stores are free beside the products, and lines that are still far off are asked for
//! [`AHEAD`] steps before.

use std::arch::asm;
use std::arch::x86_64::{__m256, __m256i, __m512, __m512i};

use super::register_block::{AHEAD, Reduction};

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
    (floats, "ymm") => {
        "vmovups "
    };
    ($words:tt, "ymm") => {
        "vmovdqu "
    };
}

/// The instruction that stores columns.
macro_rules! store {
    (floats, $v:tt) => {
        "vmovups "
    };
}

/// Where the weight of a row lies. Rows may be contiguous, and are reached from every third one, or
/// the rows of a step may be neighbours.
#[rustfmt::skip]
macro_rules! weight {
    (rows, 0) => { "{a0}" };
    (rows, 1) => { "{a0} + {stride}" };
    (rows, 2) => { "{a0} + 2*{stride}" };
    (rows, 3) => { "{a3}" };
    (rows, 4) => { "{a3} + {stride}" };
    (rows, 5) => { "{a3} + 2*{stride}" };
    (rows, 6) => { "{a6}" };
    (rows, 7) => { "{a6} + {stride}" };
    (rows, 8) => { "{a6} + 2*{stride}" };
    (rows, 9) => { "{a9}" };
    (rows, 10) => { "{a9} + {stride}" };
    (rows, 11) => { "{a9} + 2*{stride}" };
    (rows, 12) => { "{a12}" };
    (rows, 13) => { "{a12} + {stride}" };
    (columns, $row:literal) => { concat!("{a0} + 4*", $row) };
}

/// One row of one step: where its weight lies, and its sums. `$k` and `$v` say how.
#[rustfmt::skip]
macro_rules! row {
    ($k:tt, "ymm", $a:tt, $row:tt, $at:literal, $low:literal, $high:literal) => {
        concat!(
            broadcast!($k), "ymm14, dword ptr [", weight!($a, $row), " + ", $at, "]\n",
            products!($k, "ymm", $low, $high, "12", "13", "14", "15"),
        )
    };
    ($k:tt, "zmm", $a:tt, $row:tt, $at:literal, $low:literal, $high:literal) => {
        concat!(
            broadcast!($k), "zmm30, dword ptr [", weight!($a, $row), " + ", $at, "]\n",
            products!($k, "zmm", $low, $high, "28", "29", "30", "31"),
        )
    };
}

/// The first so many rows of one step.
#[rustfmt::skip]
macro_rules! rows {
    ($k:tt, $v:tt, $a:tt, 1, $at:literal) => { row!($k, $v, $a, 0, $at, "0", "1") };
    ($k:tt, $v:tt, $a:tt, 2, $at:literal) => {
        concat!(rows!($k, $v, $a, 1, $at), row!($k, $v, $a, 1, $at, "2", "3"))
    };
    ($k:tt, $v:tt, $a:tt, 3, $at:literal) => {
        concat!(rows!($k, $v, $a, 2, $at), row!($k, $v, $a, 2, $at, "4", "5"))
    };
    ($k:tt, $v:tt, $a:tt, 4, $at:literal) => {
        concat!(rows!($k, $v, $a, 3, $at), row!($k, $v, $a, 3, $at, "6", "7"))
    };
    ($k:tt, $v:tt, $a:tt, 5, $at:literal) => {
        concat!(rows!($k, $v, $a, 4, $at), row!($k, $v, $a, 4, $at, "8", "9"))
    };
    ($k:tt, $v:tt, $a:tt, 6, $at:literal) => {
        concat!(rows!($k, $v, $a, 5, $at), row!($k, $v, $a, 5, $at, "10", "11"))
    };
    ($k:tt, $v:tt, $a:tt, 7, $at:literal) => {
        concat!(rows!($k, $v, $a, 6, $at), row!($k, $v, $a, 6, $at, "12", "13"))
    };
    ($k:tt, $v:tt, $a:tt, 8, $at:literal) => {
        concat!(rows!($k, $v, $a, 7, $at), row!($k, $v, $a, 7, $at, "14", "15"))
    };
    ($k:tt, $v:tt, $a:tt, 9, $at:literal) => {
        concat!(rows!($k, $v, $a, 8, $at), row!($k, $v, $a, 8, $at, "16", "17"))
    };
    ($k:tt, $v:tt, $a:tt, 10, $at:literal) => {
        concat!(rows!($k, $v, $a, 9, $at), row!($k, $v, $a, 9, $at, "18", "19"))
    };
    ($k:tt, $v:tt, $a:tt, 11, $at:literal) => {
        concat!(rows!($k, $v, $a, 10, $at), row!($k, $v, $a, 10, $at, "20", "21"))
    };
    ($k:tt, $v:tt, $a:tt, 12, $at:literal) => {
        concat!(rows!($k, $v, $a, 11, $at), row!($k, $v, $a, 11, $at, "22", "23"))
    };
    ($k:tt, $v:tt, $a:tt, 13, $at:literal) => {
        concat!(rows!($k, $v, $a, 12, $at), row!($k, $v, $a, 12, $at, "24", "25"))
    };
    ($k:tt, $v:tt, $a:tt, 14, $at:literal) => {
        concat!(rows!($k, $v, $a, 13, $at), row!($k, $v, $a, 13, $at, "26", "27"))
    };
}

/// Both vectors of columns of a step: at a byte offset of the panel, or at the offset that the table
/// has for the step, and then to the panel.
#[rustfmt::skip]
macro_rules! columns {
    ($k:tt, $v:tt, $word:literal, packed, $step:literal, $bytes:literal, $c0:literal, $c1:literal) => {
        concat!(
            load!($k, $v), $v, $c0, ", ", $word, " ptr [{b} + 2*", $bytes, "*", $step, "]\n",
            load!($k, $v), $v, $c1, ", ", $word, " ptr [{b} + 2*", $bytes, "*", $step, " + ", $bytes, "]\n",
        )
    };
    ($k:tt, $v:tt, $word:literal, gathered, $step:literal, $bytes:literal, $c0:literal, $c1:literal) => {
        concat!(
            "mov {at}, qword ptr [{offsets} + 8*", $step, "]\n",
            load!($k, $v), $v, $c0, ", ", $word, " ptr [{source} + 4*{at}]\n",
            load!($k, $v), $v, $c1, ", ", $word, " ptr [{source} + 4*{at} + ", $bytes, "]\n",
            "mov {at}, qword ptr [{offsets} + 8*", $step, " + 8*{ahead}]\n",
            store!($k, $v), $word, " ptr [{b} + 2*", $bytes, "*", $step, "], ", $v, $c0, "\n",
            store!($k, $v), $word, " ptr [{b} + 2*", $bytes, "*", $step, " + ", $bytes, "], ", $v, $c1, "\n",
            "prefetcht0 [{source} + 4*{at}]\n",
            "prefetcht0 [{source} + 4*{at} + 64]\n",
        )
    };
}

/// One step of the reduction: its columns, and its weights `$at` bytes from where the rows are.
macro_rules! step {
    ($k:tt, "ymm", $a:tt, $b:tt, $rows:tt, $step:literal, $at:literal) => {
        concat!(
            columns!($k, "ymm", "ymmword", $b, $step, 32, "12", "13"),
            rows!($k, "ymm", $a, $rows, $at),
        )
    };
    ($k:tt, "zmm", $a:tt, $b:tt, $rows:tt, $step:literal, $at:literal) => {
        concat!(
            columns!($k, "zmm", "zmmword", $b, $step, 64, "28", "29"),
            rows!($k, "zmm", $a, $rows, $at),
        )
    };
}

/// Four steps, which leave the rows where the next ones are.
#[rustfmt::skip]
macro_rules! steps {
    ($k:tt, $v:tt, rows, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(
            step!($k, $v, rows, $b, $rows, 0, 0),
            step!($k, $v, rows, $b, $rows, 1, 4),
            step!($k, $v, rows, $b, $rows, 2, 8),
            step!($k, $v, rows, $b, $rows, 3, 12),
            $("add ", $pointer, ", 16\n",)*
        )
    };
    ($k:tt, $v:tt, columns, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(
            step!($k, $v, columns, $b, $rows, 0, 0), "add {a0}, {stride}\n",
            step!($k, $v, columns, $b, $rows, 1, 0), "add {a0}, {stride}\n",
            step!($k, $v, columns, $b, $rows, 2, 0), "add {a0}, {stride}\n",
            step!($k, $v, columns, $b, $rows, 3, 0), "add {a0}, {stride}\n",
        )
    };
}

/// One step, likewise.
#[rustfmt::skip]
macro_rules! last_step {
    ($k:tt, $v:tt, rows, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(step!($k, $v, rows, $b, $rows, 0, 0), $("add ", $pointer, ", 4\n",)*)
    };
    ($k:tt, $v:tt, columns, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(step!($k, $v, columns, $b, $rows, 0, 0), "add {a0}, {stride}\n")
    };
}

/// Moves on by some steps in what [`columns!`] reads and writes.
macro_rules! advance {
    (packed, $steps:literal, $bytes:literal) => {
        concat!("add {b}, 2*", $steps, "*", $bytes, "\n")
    };
    (gathered, $steps:literal, $bytes:literal) => {
        concat!("add {b}, 2*", $steps, "*", $bytes, "\nadd {offsets}, 8*", $steps, "\n")
    };
}

/// Adds to the sums of `R` rows, by one of the ways to weights and to columns.
macro_rules! reduce {
    (
        $r:ident, $s:ident, $k:tt, $v:tt, $bytes:literal, $a:tt, $b:tt, $rows:tt,
        [$($pointer:ident $spelled:literal $first:literal)*], [$($register:tt $index:literal)*],
        [$($scratch:tt)*], [$($operands:tt)*]
    ) => {
        asm!(
            // One row has no use for it.
            "/* {stride} */",
            "test {quads}, {quads}",
            "jz 3f",
            ".p2align 4",
            "2:",
            steps!($k, $v, $a, $b, $rows, $($spelled)*),
            advance!($b, 4, $bytes),
            "dec {quads}",
            "jnz 2b",
            "3:",
            "test {rest}, {rest}",
            "jz 5f",
            "4:",
            last_step!($k, $v, $a, $b, $rows, $($spelled)*),
            advance!($b, 1, $bytes),
            "dec {rest}",
            "jnz 4b",
            "5:",
            $($pointer = inout(reg) $r.a.wrapping_byte_add($first * 4 * $r.a_stride) => _,)*
            stride = in(reg) 4 * $r.a_stride.max($r.a_step),
            b = inout(reg) $r.b => _,
            quads = inout(reg) $r.gemm_k / 4 => _,
            rest = inout(reg) $r.gemm_k % 4 => _,
            $(inout($register) $s[$index],)*
            $(out($scratch) _,)*
            $($operands)*
            options(nostack),
        )
    };
}

/// Defines the sums of `R` rows with both vectors of a panel, for the heights given.
macro_rules! sum_rows {
    (
        $name:ident, $features:literal, $element:ident, $vector:ident, $sums:literal, $k:tt, $v:tt,
        $bytes:literal, [$($height:tt)*], $pointers:tt, $registers:tt, $scratch:tt,
        $forms:ident
    ) => {
        /// Adds to the sums of `R` rows, in the order of the reduction; returns false, with nothing
        /// done, where the reduction is of another form.
        ///
        /// # Safety
        /// The instructions must be present, and all that the reduction tells of be valid.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name<const R: usize>(
            r: &Reduction<$element>,
            rows: &mut [[$vector; 2]; R],
        ) -> bool {
            let mut s = [rows[0][0]; $sums];
            for row in 0..R {
                s[2 * row] = rows[row][0];
                s[2 * row + 1] = rows[row][1];
            }
            // SAFETY: the instructions are present; the assembly reads weights of `R` rows and columns,
            // and where they are gathered writes the panel, all of which the caller vouches for, and
            // nothing but registers that are named. Pointers beyond the last row are not read from.
            let is_done = unsafe {
                match R {
                    $($height => sum_rows!(
                        @$forms r, s, $k, $v, $bytes, $height, $pointers, $registers, $scratch
                    ),)*
                    _ => unreachable!("no such height"),
                }
            };
            for row in 0..R {
                rows[row] = [s[2 * row], s[2 * row + 1]];
            }
            is_done
        }
    };
    (
        @rows_and_panels $r:ident, $s:ident, $k:tt, $v:tt, $bytes:literal, $height:tt, $pointers:tt,
        $registers:tt, $scratch:tt
    ) => {
        if $r.a_step == 1 && $r.gathered.is_none() {
            reduce!($r, $s, $k, $v, $bytes, rows, packed, $height, $pointers, $registers, $scratch, []);
            true
        } else {
            false
        }
    };
    (
        @all_forms $r:ident, $s:ident, $k:tt, $v:tt, $bytes:literal, $height:tt, $pointers:tt,
        $registers:tt, $scratch:tt
    ) => {
        match $r.gathered {
            None if $r.a_step == 1 => {
                reduce!(
                    $r, $s, $k, $v, $bytes, rows, packed, $height, $pointers, $registers, $scratch, []
                );
                true
            }
            None if $r.a_stride == 1 => {
                reduce!(
                    $r, $s, $k, $v, $bytes, columns, packed, $height, [a0 "{a0}" 0], $registers,
                    $scratch, []
                );
                true
            }
            Some(columns) if $r.a_step == 1 => {
                reduce!(
                    $r, $s, $k, $v, $bytes, rows, gathered, $height, $pointers, $registers, $scratch,
                    [
                        source = in(reg) columns.source,
                        offsets = inout(reg) columns.offsets => _,
                        at = out(reg) _,
                        ahead = const AHEAD,
                    ]
                );
                true
            }
            Some(columns) if $r.a_stride == 1 => {
                reduce!(
                    $r, $s, $k, $v, $bytes, columns, gathered, $height, [a0 "{a0}" 0], $registers,
                    $scratch,
                    [
                        source = in(reg) columns.source,
                        offsets = inout(reg) columns.offsets => _,
                        at = out(reg) _,
                        ahead = const AHEAD,
                    ]
                );
                true
            }
            _ => false,
        }
    };
}

/// [`sum_rows!`] of up to 6 rows in registers of 256 bits.
macro_rules! sum_rows_256 {
    ($name:ident, $features:literal, $element:ident, $vector:ident, $k:tt, $forms:ident) => {
        sum_rows! {
            $name, $features, $element, $vector, 12, $k, "ymm", 32, [1 2 3 4 5 6],
            [a0 "{a0}" 0 a3 "{a3}" 3],
            ["ymm0" 0 "ymm1" 1 "ymm2" 2 "ymm3" 3 "ymm4" 4 "ymm5" 5 "ymm6" 6 "ymm7" 7 "ymm8" 8
             "ymm9" 9 "ymm10" 10 "ymm11" 11],
            ["ymm12" "ymm13" "ymm14" "ymm15"], $forms
        }
    };
}

/// [`sum_rows!`] of up to 14 rows in registers of 512 bits.
macro_rules! sum_rows_512 {
    ($name:ident, $features:literal, $element:ident, $vector:ident, $k:tt, $forms:ident) => {
        sum_rows! {
            $name, $features, $element, $vector, 28, $k, "zmm", 64,
            [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
            [a0 "{a0}" 0 a3 "{a3}" 3 a6 "{a6}" 6 a9 "{a9}" 9 a12 "{a12}" 12],
            ["zmm0" 0 "zmm1" 1 "zmm2" 2 "zmm3" 3 "zmm4" 4 "zmm5" 5 "zmm6" 6 "zmm7" 7 "zmm8" 8
             "zmm9" 9 "zmm10" 10 "zmm11" 11 "zmm12" 12 "zmm13" 13 "zmm14" 14 "zmm15" 15 "zmm16" 16
             "zmm17" 17 "zmm18" 18 "zmm19" 19 "zmm20" 20 "zmm21" 21 "zmm22" 22 "zmm23" 23 "zmm24" 24
             "zmm25" 25 "zmm26" 26 "zmm27" 27],
            ["zmm28" "zmm29" "zmm30" "zmm31"], $forms
        }
    };
}

sum_rows_256!(floats_256, "avx2,fma", f32, __m256, floats, all_forms);
sum_rows_256!(pairs_256, "avx2", i32, __m256i, pairs, rows_and_panels);
sum_rows_256!(quads_256, "avx2,avxvnni", i32, __m256i, vex_quads, rows_and_panels);
sum_rows_512!(floats_512, "avx512f", f32, __m512, floats, all_forms);
sum_rows_512!(pairs_512, "avx512f,avx512bw", i32, __m512i, pairs, rows_and_panels);
sum_rows_512!(quads_512, "avx512f,avx512vnni", i32, __m512i, quads, rows_and_panels);
