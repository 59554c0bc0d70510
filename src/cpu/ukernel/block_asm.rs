//! The register blocks of the GEMM kernels in assembly: of floats and of words of int8.
//!
//! Of 32 registers 28 hold sums, two the columns, one a weight; of 16 likewise 12, two and one. A
//! compiler does not keep to that: of floats, LLVM 20 loads the weights of several steps first and
//! spills a hundred registers a step, and takes a pointer for each row, of which there are more than
//! registers. That sums of integers may be formed in any order it sees as well: it adds up the products
//! of several steps before they meet the sums. Here rows are reached from every third one, and
//! instructions are in the order in which they are meant.
//!
//! Columns come from a packed panel, or from where they lie, and then the panel is written on the way:
//! loads and stores are free beside the products. What is not yet near is asked for before: while a
//! panel is multiplied, some lines of the next one at each step.

use std::arch::asm;
use std::mem::offset_of;

use super::register_block::{AHEAD, GatheredColumns, Reduction};

/// The products of a row's weight, broadcast to a register, with the vectors of columns. A register
/// more is free where the products do not go to the sums at once.
#[rustfmt::skip]
macro_rules! products {
    (floats, $v:literal, both, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "vfmadd231ps ", $v, $low, ", ", $v, $w, ", ", $v, $c0, "\n",
            "vfmadd231ps ", $v, $high, ", ", $v, $w, ", ", $v, $c1, "\n",
        )
    };
    (floats, $v:literal, one, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!("vfmadd231ps ", $v, $low, ", ", $v, $w, ", ", $v, $c0, "\n")
    };
    (pairs, $v:literal, both, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "vpmaddwd ", $v, $t, ", ", $v, $w, ", ", $v, $c0, "\n",
            "vpmaddwd ", $v, $w, ", ", $v, $w, ", ", $v, $c1, "\n",
            "vpaddd ", $v, $low, ", ", $v, $low, ", ", $v, $t, "\n",
            "vpaddd ", $v, $high, ", ", $v, $high, ", ", $v, $w, "\n",
        )
    };
    (pairs, $v:literal, one, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "vpmaddwd ", $v, $t, ", ", $v, $w, ", ", $v, $c0, "\n",
            "vpaddd ", $v, $low, ", ", $v, $low, ", ", $v, $t, "\n",
        )
    };
    (quads, $v:literal, both, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "vpdpbusd ", $v, $low, ", ", $v, $c0, ", ", $v, $w, "\n",
            "vpdpbusd ", $v, $high, ", ", $v, $c1, ", ", $v, $w, "\n",
        )
    };
    (quads, $v:literal, one, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!("vpdpbusd ", $v, $low, ", ", $v, $c0, ", ", $v, $w, "\n")
    };
    (vex_quads, $v:literal, both, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!(
            "{{vex}} vpdpbusd ", $v, $low, ", ", $v, $c0, ", ", $v, $w, "\n",
            "{{vex}} vpdpbusd ", $v, $high, ", ", $v, $c1, ", ", $v, $w, "\n",
        )
    };
    (vex_quads, $v:literal, one, $low:literal, $high:literal, $c0:literal, $c1:literal, $w:literal, $t:literal) => {
        concat!("{{vex}} vpdpbusd ", $v, $low, ", ", $v, $c0, ", ", $v, $w, "\n")
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

/// The instruction that loads or stores a vector.
macro_rules! mov {
    (floats, $v:tt) => {
        "vmovups "
    };
    ($words:tt, "zmm") => {
        "vmovdqu32 "
    };
    ($words:tt, "ymm") => {
        "vmovdqu "
    };
}

/// The instruction that adds two vectors.
macro_rules! add {
    (floats) => {
        "vaddps "
    };
    ($words:tt) => {
        "vpaddd "
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

/// Asks for the lines where a row will be stored.
macro_rules! ask_row {
    ($v:tt, one) => {
        "prefetchw byte ptr [{at}]\n"
    };
    ("ymm", both) => {
        "prefetchw byte ptr [{at}]\nprefetchw byte ptr [{at} + 63]\n"
    };
    ("zmm", both) => {
        "prefetchw byte ptr [{at}]\nprefetchw byte ptr [{at} + 64]\n"
    };
}

/// What a register block does with one row: `$what` says what.
#[rustfmt::skip]
macro_rules! row {
    // Its products at a step whose weights are `$at` bytes on.
    ([products $a:tt $at:literal], $k:tt, "ymm", $n:tt, $row:tt, $low:literal, $high:literal) => {
        concat!(
            broadcast!($k), "ymm14, dword ptr [", weight!($a, $row), " + ", $at, "]\n",
            products!($k, "ymm", $n, $low, $high, "12", "13", "14", "15"),
        )
    };
    ([products $a:tt $at:literal], $k:tt, "zmm", $n:tt, $row:tt, $low:literal, $high:literal) => {
        concat!(
            broadcast!($k), "zmm30, dword ptr [", weight!($a, $row), " + ", $at, "]\n",
            products!($k, "zmm", $n, $low, $high, "28", "29", "30", "31"),
        )
    };
    // Its sums begin with zero, those of integers with a number that the row has.
    ([begin], floats, "ymm", $n:tt, $row:tt, $low:literal, $high:literal) => {
        concat!(
            "vxorps ymm", $low, ", ymm", $low, ", ymm", $low, "\n",
            "vxorps ymm", $high, ", ymm", $high, ", ymm", $high, "\n",
        )
    };
    ([begin], floats, "zmm", $n:tt, $row:tt, $low:literal, $high:literal) => {
        concat!(
            "vpxord zmm", $low, ", zmm", $low, ", zmm", $low, "\n",
            "vpxord zmm", $high, ", zmm", $high, ", zmm", $high, "\n",
        )
    };
    ([begin], $k:tt, $v:tt, $n:tt, $row:tt, $low:literal, $high:literal) => {
        concat!(
            "vpbroadcastd ", $v, $low, ", dword ptr [{quads} + 4*", $row, "]\n",
            "vpbroadcastd ", $v, $high, ", dword ptr [{quads} + 4*", $row, "]\n",
        )
    };
    // What is there is added to its sums, or these are stored.
    ([add $bytes:literal $word:literal], $k:tt, $v:tt, one, $row:tt, $low:literal, $high:literal) => {
        concat!(
            add!($k), $v, $low, ", ", $v, $low, ", ", $word, " ptr [{a0}]\n",
            "add {a0}, {stride}\n",
        )
    };
    ([add $bytes:literal $word:literal], $k:tt, $v:tt, both, $row:tt, $low:literal, $high:literal) => {
        concat!(
            add!($k), $v, $low, ", ", $v, $low, ", ", $word, " ptr [{a0}]\n",
            add!($k), $v, $high, ", ", $v, $high, ", ", $word, " ptr [{a0} + ", $bytes, "]\n",
            "add {a0}, {stride}\n",
        )
    };
    ([store $bytes:literal $word:literal], $k:tt, $v:tt, one, $row:tt, $low:literal, $high:literal) => {
        concat!(
            mov!($k, $v), $word, " ptr [{a0}], ", $v, $low, "\n",
            "add {a0}, {stride}\n",
        )
    };
    ([store $bytes:literal $word:literal], $k:tt, $v:tt, both, $row:tt, $low:literal, $high:literal) => {
        concat!(
            mov!($k, $v), $word, " ptr [{a0}], ", $v, $low, "\n",
            mov!($k, $v), $word, " ptr [{a0} + ", $bytes, "], ", $v, $high, "\n",
            "add {a0}, {stride}\n",
        )
    };
    // The lines where they will be stored are asked for.
    ([expect], $k:tt, $v:tt, $n:tt, $row:tt, $low:literal, $high:literal) => {
        concat!(ask_row!($v, $n), "add {at}, {quads}\n")
    };
}

/// [`row!`] of the first so many rows.
#[rustfmt::skip]
macro_rules! rows {
    ($what:tt, $k:tt, $v:tt, $n:tt, 1) => { row!($what, $k, $v, $n, 0, "0", "1") };
    ($what:tt, $k:tt, $v:tt, $n:tt, 2) => {
        concat!(rows!($what, $k, $v, $n, 1), row!($what, $k, $v, $n, 1, "2", "3"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 3) => {
        concat!(rows!($what, $k, $v, $n, 2), row!($what, $k, $v, $n, 2, "4", "5"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 4) => {
        concat!(rows!($what, $k, $v, $n, 3), row!($what, $k, $v, $n, 3, "6", "7"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 5) => {
        concat!(rows!($what, $k, $v, $n, 4), row!($what, $k, $v, $n, 4, "8", "9"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 6) => {
        concat!(rows!($what, $k, $v, $n, 5), row!($what, $k, $v, $n, 5, "10", "11"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 7) => {
        concat!(rows!($what, $k, $v, $n, 6), row!($what, $k, $v, $n, 6, "12", "13"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 8) => {
        concat!(rows!($what, $k, $v, $n, 7), row!($what, $k, $v, $n, 7, "14", "15"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 9) => {
        concat!(rows!($what, $k, $v, $n, 8), row!($what, $k, $v, $n, 8, "16", "17"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 10) => {
        concat!(rows!($what, $k, $v, $n, 9), row!($what, $k, $v, $n, 9, "18", "19"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 11) => {
        concat!(rows!($what, $k, $v, $n, 10), row!($what, $k, $v, $n, 10, "20", "21"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 12) => {
        concat!(rows!($what, $k, $v, $n, 11), row!($what, $k, $v, $n, 11, "22", "23"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 13) => {
        concat!(rows!($what, $k, $v, $n, 12), row!($what, $k, $v, $n, 12, "24", "25"))
    };
    ($what:tt, $k:tt, $v:tt, $n:tt, 14) => {
        concat!(rows!($what, $k, $v, $n, 13), row!($what, $k, $v, $n, 13, "26", "27"))
    };
}

/// The vectors of columns of a step. `packed`: from the panel; `then_next`: likewise; `gathered`: from
/// the offset that the table has for the step, and then to the panel, while what comes later is asked
/// for.
#[rustfmt::skip]
macro_rules! columns {
    ($k:tt, $v:tt, $word:literal, one, packed, $step:literal, $bytes:literal, $c0:literal, $c1:literal) => {
        concat!(mov!($k, $v), $v, $c0, ", ", $word, " ptr [{b} + 2*", $bytes, "*", $step, "]\n")
    };
    ($k:tt, $v:tt, $word:literal, both, gathered, $step:literal, $bytes:literal, $c0:literal, $c1:literal) => {
        concat!(
            "mov {at}, qword ptr [{offsets} + 8*", $step, "]\n",
            mov!($k, $v), $v, $c0, ", ", $word, " ptr [{source} + 4*{at}]\n",
            mov!($k, $v), $v, $c1, ", ", $word, " ptr [{source} + 4*{at} + ", $bytes, "]\n",
            "mov {at}, qword ptr [{offsets} + 8*", $step, " + 8*{ahead}]\n",
            mov!($k, $v), $word, " ptr [{b} + 2*", $bytes, "*", $step, "], ", $v, $c0, "\n",
            mov!($k, $v), $word, " ptr [{b} + 2*", $bytes, "*", $step, " + ", $bytes, "], ", $v, $c1, "\n",
            "prefetcht0 byte ptr [{source} + 4*{at}]\n",
            "prefetcht0 byte ptr [{source} + 4*{at} + 64]\n",
        )
    };
    ($k:tt, $v:tt, $word:literal, both, $b:tt, $step:literal, $bytes:literal, $c0:literal, $c1:literal) => {
        concat!(
            mov!($k, $v), $v, $c0, ", ", $word, " ptr [{b} + 2*", $bytes, "*", $step, "]\n",
            mov!($k, $v), $v, $c1, ", ", $word, " ptr [{b} + 2*", $bytes, "*", $step, " + ", $bytes, "]\n",
        )
    };
}

/// One step of the reduction: its columns, and its weights `$at` bytes from where the rows are.
macro_rules! step {
    ($k:tt, "ymm", $n:tt, $a:tt, $b:tt, $rows:tt, $step:literal, $at:literal) => {
        concat!(
            columns!($k, "ymm", "ymmword", $n, $b, $step, 32, "12", "13"),
            rows!([products $a $at], $k, "ymm", $n, $rows),
        )
    };
    ($k:tt, "zmm", $n:tt, $a:tt, $b:tt, $rows:tt, $step:literal, $at:literal) => {
        concat!(
            columns!($k, "zmm", "zmmword", $n, $b, $step, 64, "28", "29"),
            rows!([products $a $at], $k, "zmm", $n, $rows),
        )
    };
}

/// Four steps, which leave the rows where the next ones are.
#[rustfmt::skip]
macro_rules! steps {
    ($k:tt, $v:tt, $n:tt, rows, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(
            step!($k, $v, $n, rows, $b, $rows, 0, 0),
            step!($k, $v, $n, rows, $b, $rows, 1, 4),
            step!($k, $v, $n, rows, $b, $rows, 2, 8),
            step!($k, $v, $n, rows, $b, $rows, 3, 12),
            $("add ", $pointer, ", 16\n",)*
        )
    };
    ($k:tt, $v:tt, $n:tt, columns, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(
            step!($k, $v, $n, columns, $b, $rows, 0, 0), "add {a0}, {stride}\n",
            step!($k, $v, $n, columns, $b, $rows, 1, 0), "add {a0}, {stride}\n",
            step!($k, $v, $n, columns, $b, $rows, 2, 0), "add {a0}, {stride}\n",
            step!($k, $v, $n, columns, $b, $rows, 3, 0), "add {a0}, {stride}\n",
        )
    };
}

/// One step, likewise.
#[rustfmt::skip]
macro_rules! last_step {
    ($k:tt, $v:tt, $n:tt, rows, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(step!($k, $v, $n, rows, $b, $rows, 0, 0), $("add ", $pointer, ", 4\n",)*)
    };
    ($k:tt, $v:tt, $n:tt, columns, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(step!($k, $v, $n, columns, $b, $rows, 0, 0), "add {a0}, {stride}\n")
    };
}

/// Moves on by some steps in what [`columns!`] reads and writes; `then_next` asks for a row of the next
/// panel.
#[rustfmt::skip]
macro_rules! advance {
    (packed, $steps:literal, $bytes:literal) => {
        concat!("add {b}, 2*", $steps, "*", $bytes, "\n")
    };
    (gathered, $steps:literal, $bytes:literal) => {
        concat!("add {b}, 2*", $steps, "*", $bytes, "\nadd {offsets}, 8*", $steps, "\n")
    };
    (then_next, 4, $bytes:literal) => {
        concat!(
            "mov {at}, qword ptr [{offsets}]\n",
            "add {offsets}, 8\n",
            "prefetcht1 byte ptr [{source} + 4*{at} + 128]\n",
            "prefetcht1 byte ptr [{source} + 4*{at} + 192]\n",
            "add {b}, 2*4*", $bytes, "\n",
        )
    };
    (then_next, 1, $bytes:literal) => {
        concat!("add {b}, 2*", $bytes, "\n")
    };
}

/// Rounds of four steps in which each row of a register block gets its turn.
macro_rules! turn {
    ("ymm") => {
        8
    };
    ("zmm") => {
        16
    };
}

/// Asks for a row of where the next register block will store, in each round another one. From memory all
/// at once, 28 lines would keep all of the processor's places for misses (24 on Zen 4) from the loads of
/// columns.
macro_rules! expect_next {
    ($v:tt, $n:tt) => {
        concat!(
            "mov {at}, {quads}\n",
            "neg {at}\n",
            "and {at}, ",
            turn!($v),
            " - 1\n",
            "imul {at}, qword ptr [{r} + {c_stride}]\n",
            "add {at}, qword ptr [{r} + {next_c}]\n",
            "cmp {at}, qword ptr [{r} + {next_last_c}]\n",
            "cmova {at}, qword ptr [{r} + {next_last_c}]\n",
            ask_row!($v, $n),
        )
    };
}

/// A register block, by one of the ways to weights and to columns.
macro_rules! block {
    (
        $r:ident, $k:tt, $v:tt, $n:tt, $bytes:literal, $word:literal, $a:tt, $b:tt, $rows:tt,
        [$($pointer:ident $spelled:literal $first:literal)*], [$($register:tt)*], [$($operands:tt)*]
    ) => {
        asm!(
            // What will be written, unless the block before has asked for it; and what sums begin with.
            "cmp qword ptr [{r} + {gemm_k}], {turn_steps}",
            "jae 7f",
            "mov {quads}, qword ptr [{r} + {c_stride}]",
            "mov {at}, qword ptr [{r} + {c}]",
            rows!([expect], $k, $v, $n, $rows),
            "7:",
            "mov {quads}, qword ptr [{r} + {starts}]",
            rows!([begin], $k, $v, $n, $rows),
            "mov {quads}, qword ptr [{r} + {gemm_k}]",
            "shr {quads}, 2",
            "jz 3f",
            ".p2align 4",
            "2:",
            steps!($k, $v, $n, $a, $b, $rows, $($spelled)*),
            advance!($b, 4, $bytes),
            expect_next!($v, $n),
            "dec {quads}",
            "jnz 2b",
            "3:",
            "mov {quads}, qword ptr [{r} + {gemm_k}]",
            "and {quads}, 3",
            "jz 5f",
            "4:",
            last_step!($k, $v, $n, $a, $b, $rows, $($spelled)*),
            advance!($b, 1, $bytes),
            "dec {quads}",
            "jnz 4b",
            "5:",
            "mov {stride}, qword ptr [{r} + {c_stride}]",
            "cmp byte ptr [{r} + {accumulate}], 0",
            "je 6f",
            "mov {a0}, qword ptr [{r} + {c}]",
            rows!([add $bytes $word], $k, $v, $n, $rows),
            "6:",
            "mov {a0}, qword ptr [{r} + {c}]",
            rows!([store $bytes $word], $k, $v, $n, $rows),
            r = in(reg) $r,
            c = const offset_of!(Reduction<u32>, c),
            c_stride = const offset_of!(Reduction<u32>, c_stride_bytes),
            turn_steps = const 4 * turn!($v),
            next_c = const offset_of!(Reduction<u32>, next_c),
            next_last_c = const offset_of!(Reduction<u32>, next_last_c),
            starts = const offset_of!(Reduction<u32>, starts),
            gemm_k = const offset_of!(Reduction<u32>, gemm_k),
            accumulate = const offset_of!(Reduction<u32>, accumulate),
            $($pointer = inout(reg) $r.a.wrapping_byte_add($first * 4 * $r.a_stride) => _,)*
            stride = inout(reg) 4 * $r.a_stride.max($r.a_step) => _,
            b = inout(reg) $r.b => _,
            quads = out(reg) _,
            at = out(reg) _,
            $(out($register) _,)*
            $($operands)*
            options(nostack),
        )
    };
}

/// Defines the register blocks of an element, a vector, and some instructions, for the heights given.
macro_rules! blocks {
    (
        $name:ident, $features:literal, $element:ident, $k:tt, $v:tt, $bytes:literal, $word:literal,
        [$($height:tt)*], $pointers:tt, $registers:tt, $forms:ident
    ) => {
        /// A register block of some rows and one vector of columns, or two; sums are formed in the order
        /// of the reduction.
        ///
        /// # Safety
        /// The instructions must be present, and all that the reduction tells of be valid.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(r: &Reduction<$element>, rows: usize, vectors: usize) {
            match rows {
                // SAFETY: the instructions are present; the assembly reads weights of so many rows and
                // columns, and writes sums, and where columns are gathered the panel, all of which the
                // caller vouches for, and nothing but registers that are named. Pointers beyond the
                // last row are not read from.
                $($height => unsafe {
                    blocks!(
                        @$forms r, vectors, $k, $v, $bytes, $word, $height, $pointers, $registers
                    )
                },)*
                _ => unreachable!("no such height"),
            }
        }
    };
    (
        @rows_and_panels $r:ident, $vectors:ident, $k:tt, $v:tt, $bytes:literal, $word:literal,
        $height:tt, $pointers:tt, $registers:tt
    ) => {{
        debug_assert!($r.a_step == 1 && $r.gathered.is_none() && $r.next.is_none());
        if $vectors == 1 {
            block!(
                $r, $k, $v, one, $bytes, $word, rows, packed, $height, $pointers, $registers, []
            );
        } else {
            block!(
                $r, $k, $v, both, $bytes, $word, rows, packed, $height, $pointers, $registers, []
            );
        }
    }};
    (
        @all_forms $r:ident, $vectors:ident, $k:tt, $v:tt, $bytes:literal, $word:literal, $height:tt,
        $pointers:tt, $registers:tt
    ) => {
        if $r.a_step == 1 {
            blocks!(
                @columns $r, $vectors, $k, $v, $bytes, $word, rows, $height, $pointers, $registers
            )
        } else {
            blocks!(
                @columns $r, $vectors, $k, $v, $bytes, $word, columns, $height, [a0 "{a0}" 0],
                $registers
            )
        }
    };
    (
        @columns $r:ident, $vectors:ident, $k:tt, $v:tt, $bytes:literal, $word:literal, $a:tt,
        $height:tt, $pointers:tt, $registers:tt
    ) => {
        match ($r.gathered, $r.next) {
            _ if $vectors == 1 => block!(
                $r, $k, $v, one, $bytes, $word, $a, packed, $height, $pointers, $registers, []
            ),
            (Some(GatheredColumns { source, offsets }), _) => block!(
                $r, $k, $v, both, $bytes, $word, $a, gathered, $height, $pointers, $registers,
                [
                    source = in(reg) source,
                    offsets = inout(reg) offsets => _,
                    ahead = const AHEAD,
                ]
            ),
            (None, Some(GatheredColumns { source, offsets })) => block!(
                $r, $k, $v, both, $bytes, $word, $a, then_next, $height, $pointers, $registers,
                [source = in(reg) source, offsets = inout(reg) offsets => _,]
            ),
            (None, None) => block!(
                $r, $k, $v, both, $bytes, $word, $a, packed, $height, $pointers, $registers, []
            ),
        }
    };
}

/// [`blocks!`] of up to 6 rows in registers of 256 bits.
macro_rules! blocks_256 {
    ($name:ident, $features:literal, $element:ident, $k:tt, $forms:ident) => {
        blocks! {
            $name, $features, $element, $k, "ymm", 32, "ymmword", [1 2 3 4 5 6],
            [a0 "{a0}" 0 a3 "{a3}" 3],
            ["ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7" "ymm8" "ymm9" "ymm10" "ymm11"
             "ymm12" "ymm13" "ymm14" "ymm15"],
            $forms
        }
    };
}

/// [`blocks!`] of up to 14 rows in registers of 512 bits.
macro_rules! blocks_512 {
    ($name:ident, $features:literal, $element:ident, $k:tt, $forms:ident) => {
        blocks! {
            $name, $features, $element, $k, "zmm", 64, "zmmword",
            [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
            [a0 "{a0}" 0 a3 "{a3}" 3 a6 "{a6}" 6 a9 "{a9}" 9 a12 "{a12}" 12],
            ["zmm0" "zmm1" "zmm2" "zmm3" "zmm4" "zmm5" "zmm6" "zmm7" "zmm8" "zmm9" "zmm10" "zmm11"
             "zmm12" "zmm13" "zmm14" "zmm15" "zmm16" "zmm17" "zmm18" "zmm19" "zmm20" "zmm21" "zmm22"
             "zmm23" "zmm24" "zmm25" "zmm26" "zmm27" "zmm28" "zmm29" "zmm30" "zmm31"],
            $forms
        }
    };
}

blocks_256!(floats_256, "avx2,fma", f32, floats, all_forms);
blocks_256!(pairs_256, "avx2", i32, pairs, rows_and_panels);
blocks_256!(quads_256, "avx2,avxvnni", i32, vex_quads, rows_and_panels);
blocks_512!(floats_512, "avx512f", f32, floats, all_forms);
blocks_512!(pairs_512, "avx512f,avx512bw", i32, pairs, rows_and_panels);
blocks_512!(quads_512, "avx512f,avx512vnni", i32, quads, rows_and_panels);
