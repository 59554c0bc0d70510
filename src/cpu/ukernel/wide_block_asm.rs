//! Register blocks of three and four vectors of columns, of two panels beside each other, in assembly.
//!
//! For processors that multiply 512 bits at once: a block of 14 rows and two vectors loads 16 registers for 28
//! products, and those do not load two registers of 512 bits a cycle for long (Ice Lake: 1.1 of them, though it
//! loads two of 256). 6 rows and four vectors load 10 for 24, 9 and three 12 for 27: 14 x 2 reached 0.91 of the FMA
//! peak, these 0.97 (504 rows, 192 columns, 256 to 768 steps). Each of the columns' lines is read more often, so
//! this serves panels that stay in the L1 cache.
//!
//! The first three or four registers hold columns, the next 27 or 24 sums; weights take turns in the others.

use std::arch::asm;
use std::mem::offset_of;

use super::register_block::{AHEAD, GatheredColumns, Reduction, wide_rows};

/// Does something with a row: `$what!($with, row, register of its weight, registers of its sums)`.
#[rustfmt::skip]
macro_rules! row {
    (three, 0, $what:tt, $with:tt) => { $what!($with, 0, "30", "3" "4" "5") };
    (three, 1, $what:tt, $with:tt) => { $what!($with, 1, "31", "6" "7" "8") };
    (three, 2, $what:tt, $with:tt) => { $what!($with, 2, "30", "9" "10" "11") };
    (three, 3, $what:tt, $with:tt) => { $what!($with, 3, "31", "12" "13" "14") };
    (three, 4, $what:tt, $with:tt) => { $what!($with, 4, "30", "15" "16" "17") };
    (three, 5, $what:tt, $with:tt) => { $what!($with, 5, "31", "18" "19" "20") };
    (three, 6, $what:tt, $with:tt) => { $what!($with, 6, "30", "21" "22" "23") };
    (three, 7, $what:tt, $with:tt) => { $what!($with, 7, "31", "24" "25" "26") };
    (three, 8, $what:tt, $with:tt) => { $what!($with, 8, "30", "27" "28" "29") };
    (four, 0, $what:tt, $with:tt) => { $what!($with, 0, "28", "4" "5" "6" "7") };
    (four, 1, $what:tt, $with:tt) => { $what!($with, 1, "29", "8" "9" "10" "11") };
    (four, 2, $what:tt, $with:tt) => { $what!($with, 2, "30", "12" "13" "14" "15") };
    (four, 3, $what:tt, $with:tt) => { $what!($with, 3, "31", "16" "17" "18" "19") };
    (four, 4, $what:tt, $with:tt) => { $what!($with, 4, "28", "20" "21" "22" "23") };
    (four, 5, $what:tt, $with:tt) => { $what!($with, 5, "29", "24" "25" "26" "27") };
}

/// [`row!`] of the first so many rows.
#[rustfmt::skip]
macro_rules! rows {
    ($v:tt, 1, $what:tt, $with:tt) => { row!($v, 0, $what, $with) };
    ($v:tt, 2, $what:tt, $with:tt) => { concat!(rows!($v, 1, $what, $with), row!($v, 1, $what, $with)) };
    ($v:tt, 3, $what:tt, $with:tt) => { concat!(rows!($v, 2, $what, $with), row!($v, 2, $what, $with)) };
    ($v:tt, 4, $what:tt, $with:tt) => { concat!(rows!($v, 3, $what, $with), row!($v, 3, $what, $with)) };
    ($v:tt, 5, $what:tt, $with:tt) => { concat!(rows!($v, 4, $what, $with), row!($v, 4, $what, $with)) };
    ($v:tt, 6, $what:tt, $with:tt) => { concat!(rows!($v, 5, $what, $with), row!($v, 5, $what, $with)) };
    ($v:tt, 7, $what:tt, $with:tt) => { concat!(rows!($v, 6, $what, $with), row!($v, 6, $what, $with)) };
    ($v:tt, 8, $what:tt, $with:tt) => { concat!(rows!($v, 7, $what, $with), row!($v, 7, $what, $with)) };
    ($v:tt, 9, $what:tt, $with:tt) => { concat!(rows!($v, 8, $what, $with), row!($v, 8, $what, $with)) };
}

/// Where the weight of a row lies: in one of rows that are contiguous, or beside those of its step.
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
    (columns, $row:tt) => { concat!("{a0} + 4*", $row) };
}

/// A row's products at a step whose weights are `$at` bytes on.
#[rustfmt::skip]
macro_rules! products {
    ([$a:tt $at:literal], $row:tt, $w:literal, $s0:literal $s1:literal $s2:literal $($s3:literal)?) => {
        concat!(
            "vbroadcastss zmm", $w, ", dword ptr [", weight!($a, $row), " + ", $at, "]\n",
            "vfmadd231ps zmm", $s0, ", zmm", $w, ", zmm0\n",
            "vfmadd231ps zmm", $s1, ", zmm", $w, ", zmm1\n",
            "vfmadd231ps zmm", $s2, ", zmm", $w, ", zmm2\n",
            $("vfmadd231ps zmm", $s3, ", zmm", $w, ", zmm3\n",)?
        )
    };
}

/// A row's sums begin with zero.
macro_rules! begin {
    ($with:tt, $row:tt, $w:literal, $($sum:literal)*) => {
        concat!($("vpxord zmm", $sum, ", zmm", $sum, ", zmm", $sum, "\n",)*)
    };
}

/// What is there is added to a row's sums.
macro_rules! add {
    ($with:tt, $row:tt, $w:literal, $s0:literal $s1:literal $s2:literal $($s3:literal)?) => {
        concat!(
            "vaddps zmm", $s0, ", zmm", $s0, ", zmmword ptr [{a0}]\n",
            "vaddps zmm", $s1, ", zmm", $s1, ", zmmword ptr [{a0} + 64]\n",
            "vaddps zmm", $s2, ", zmm", $s2, ", zmmword ptr [{a0} + 128]\n",
            $("vaddps zmm", $s3, ", zmm", $s3, ", zmmword ptr [{a0} + 192]\n",)?
            "add {a0}, {stride}\n",
        )
    };
}

/// A row's sums are stored.
macro_rules! store {
    ($with:tt, $row:tt, $w:literal, $s0:literal $s1:literal $s2:literal $($s3:literal)?) => {
        concat!(
            "vmovups zmmword ptr [{a0}], zmm", $s0, "\n",
            "vmovups zmmword ptr [{a0} + 64], zmm", $s1, "\n",
            "vmovups zmmword ptr [{a0} + 128], zmm", $s2, "\n",
            $("vmovups zmmword ptr [{a0} + 192], zmm", $s3, "\n",)?
            "add {a0}, {stride}\n",
        )
    };
}

/// Asks for the lines at `{at}` where a row will be stored.
macro_rules! ask_row {
    () => {
        concat!(
            "prefetchw byte ptr [{at}]\nprefetchw byte ptr [{at} + 64]\n",
            "prefetchw byte ptr [{at} + 128]\nprefetchw byte ptr [{at} + 192]\n",
        )
    };
}

/// [`ask_row!`], row after row.
macro_rules! expect {
    ($with:tt, $row:tt, $w:literal, $($sum:literal)*) => {
        concat!(ask_row!(), "add {at}, {stride}\n")
    };
}

/// The columns of a step: of a panel, and of the next one or its first half. `gathered`: of both from the offset
/// that the table has for the step, and then to the panels, while what comes later is asked for.
#[rustfmt::skip]
macro_rules! columns {
    (four, gathered, $step:literal) => {
        concat!(
            "mov {at}, qword ptr [{offsets} + 8*", $step, "]\n",
            "vmovups zmm0, zmmword ptr [{source} + 4*{at}]\n",
            "vmovups zmm1, zmmword ptr [{source} + 4*{at} + 64]\n",
            "vmovups zmm2, zmmword ptr [{source} + 4*{at} + 128]\n",
            "vmovups zmm3, zmmword ptr [{source} + 4*{at} + 192]\n",
            "mov {at}, qword ptr [{offsets} + 8*", $step, " + 8*{ahead}]\n",
            "vmovups zmmword ptr [{b} + 128*", $step, "], zmm0\n",
            "vmovups zmmword ptr [{b} + 128*", $step, " + 64], zmm1\n",
            "vmovups zmmword ptr [{b} + {panel} + 128*", $step, "], zmm2\n",
            "vmovups zmmword ptr [{b} + {panel} + 128*", $step, " + 64], zmm3\n",
            ask_columns!("0"),
        )
    };
    (three, $b:tt, $step:literal) => {
        concat!(
            "vmovups zmm0, zmmword ptr [{b} + 128*", $step, "]\n",
            "vmovups zmm1, zmmword ptr [{b} + 128*", $step, " + 64]\n",
            "vmovups zmm2, zmmword ptr [{b} + {panel} + 128*", $step, "]\n",
        )
    };
    (four, $b:tt, $step:literal) => {
        concat!(
            columns!(three, $b, $step),
            "vmovups zmm3, zmmword ptr [{b} + {panel} + 128*", $step, " + 64]\n",
        )
    };
}

/// Asks for a step's columns of two panels, for a level of the caches.
#[rustfmt::skip]
macro_rules! ask_columns {
    ($level:literal) => {
        concat!(
            "prefetcht", $level, " byte ptr [{source} + 4*{at}]\n",
            "prefetcht", $level, " byte ptr [{source} + 4*{at} + 64]\n",
            "prefetcht", $level, " byte ptr [{source} + 4*{at} + 128]\n",
            "prefetcht", $level, " byte ptr [{source} + 4*{at} + 192]\n",
        )
    };
}

/// Moves on by some steps in what [`columns!`] reads and writes.
macro_rules! advance {
    (gathered, $steps:literal) => {
        concat!("add {b}, 128*", $steps, "\nadd {offsets}, 8*", $steps, "\n")
    };
    ($b:tt, $steps:literal) => {
        concat!("add {b}, 128*", $steps, "\n")
    };
}

/// Asks for one of the four lines of the next two panels at a step of a round, the one whose number is the step's.
#[rustfmt::skip]
macro_rules! ask_next {
    (then_next, last, $step:literal) => { "" };
    (then_next, $asks:tt, $step:literal) => {
        concat!("prefetcht1 byte ptr [{source} + 4*{at} + 64*", $step, "]\n")
    };
    ($b:tt, $asks:tt, $step:literal) => { "" };
}

/// Asks for one of the lines of where a row of sums will be stored, likewise.
#[rustfmt::skip]
macro_rules! ask_sums {
    (asking, $step:literal) => { concat!("prefetchw byte ptr [{sums} + 64*", $step, "]\n") };
    ($asks:tt, $step:literal) => { "" };
}

/// One step of the reduction, whose weights are `$at` bytes from where the rows are. One line of each kind is asked
/// for: several at once would take all of the processor's places for misses (12 on Ice Lake), and the loads of columns
/// wait (64 x 64 channels: reading and writing beside products took as long as one after the other).
macro_rules! step {
    ($v:tt, $a:tt, $b:tt, $asks:tt, $rows:tt, $step:literal, $at:literal) => {
        concat!(
            columns!($v, $b, $step),
            ask_next!($b, $asks, $step),
            ask_sums!($asks, $step),
            rows!($v, $rows, products, [$a $at]),
        )
    };
}

/// Four steps, which leave the rows where the next ones are; then each kind of line is asked for in the next row.
#[rustfmt::skip]
macro_rules! round {
    ($v:tt, $a:tt, then_next, $asks:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(
            "mov {at}, qword ptr [{offsets}]\nadd {offsets}, 8\n",
            round!(@$a $v, then_next, $asks, $rows, $($pointer)*),
        )
    };
    ($v:tt, $a:tt, $b:tt, $asks:tt, $rows:tt, $($pointer:literal)*) => {
        round!(@$a $v, $b, $asks, $rows, $($pointer)*)
    };
    (@rows $v:tt, $b:tt, $asks:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(
            step!($v, rows, $b, $asks, $rows, 0, 0), step!($v, rows, $b, $asks, $rows, 1, 4),
            step!($v, rows, $b, $asks, $rows, 2, 8), step!($v, rows, $b, $asks, $rows, 3, 12),
            $("add ", $pointer, ", 16\n",)*
            advance!($b, 4),
        )
    };
    (@columns $v:tt, $b:tt, $asks:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(
            step!($v, columns, $b, $asks, $rows, 0, 0), "add {a0}, {stride}\n",
            step!($v, columns, $b, $asks, $rows, 1, 0), "add {a0}, {stride}\n",
            step!($v, columns, $b, $asks, $rows, 2, 0), "add {a0}, {stride}\n",
            step!($v, columns, $b, $asks, $rows, 3, 0), "add {a0}, {stride}\n",
            advance!($b, 4),
        )
    };
}

/// One step after them, likewise; nothing is asked for.
#[rustfmt::skip]
macro_rules! last_step {
    ($v:tt, rows, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(step!($v, rows, $b, last, $rows, 0, 0), $("add ", $pointer, ", 4\n",)* advance!($b, 1))
    };
    ($v:tt, columns, $b:tt, $rows:tt, $($pointer:literal)*) => {
        concat!(step!($v, columns, $b, last, $rows, 0, 0), "add {a0}, {stride}\n", advance!($b, 1))
    };
}

/// Rounds of four steps in each of which a row of the next block's sums is asked for: as many as it may have.
macro_rules! turns {
    (three) => {
        wide_rows(3)
    };
    (four) => {
        wide_rows(4)
    };
}

/// A register block, by one of the ways to weights.
macro_rules! block {
    (
        $r:ident, $v:tt, $a:tt, $b:tt, $rows:tt, [$($pointer:ident $spelled:literal $first:literal)*],
        [$($operands:tt)*]
    ) => {
        asm!(
            // What will be written, unless the block before has asked for it.
            "cmp qword ptr [{r} + {gemm_k}], 4*{turns}",
            "jae 7f",
            "mov {panel}, {stride}",
            "mov {stride}, qword ptr [{r} + {c_stride}]",
            "mov {at}, qword ptr [{r} + {c}]",
            rows!($v, $rows, expect, []),
            "mov {stride}, {panel}",
            "7:",
            rows!($v, $rows, begin, []),
            "mov {quads}, qword ptr [{r} + {gemm_k}]",
            "mov {panel}, {quads}",
            "shl {panel}, 7",
            "shr {quads}, 2",
            "jz 3f",
            "mov {turn}, {turns}",
            "cmp {turn}, {quads}",
            "cmova {turn}, {quads}",
            "sub {quads}, {turn}",
            "mov {sums}, qword ptr [{r} + {next_c}]",
            ".p2align 4",
            "2:",
            round!($v, $a, $b, asking, $rows, $($spelled)*),
            // Of the last row again where there are fewer.
            "add {sums}, qword ptr [{r} + {c_stride}]",
            "cmp {sums}, qword ptr [{r} + {next_last}]",
            "cmova {sums}, qword ptr [{r} + {next_last}]",
            "dec {turn}",
            "jnz 2b",
            "test {quads}, {quads}",
            "jz 3f",
            ".p2align 4",
            "8:",
            round!($v, $a, $b, silent, $rows, $($spelled)*),
            "dec {quads}",
            "jnz 8b",
            "3:",
            "mov {quads}, qword ptr [{r} + {gemm_k}]",
            "and {quads}, 3",
            "jz 5f",
            "4:",
            last_step!($v, $a, $b, $rows, $($spelled)*),
            "dec {quads}",
            "jnz 4b",
            "5:",
            "mov {stride}, qword ptr [{r} + {c_stride}]",
            "cmp byte ptr [{r} + {accumulate}], 0",
            "je 6f",
            "mov {a0}, qword ptr [{r} + {c}]",
            rows!($v, $rows, add, []),
            "6:",
            "mov {a0}, qword ptr [{r} + {c}]",
            rows!($v, $rows, store, []),
            r = in(reg) $r,
            c = const offset_of!(Reduction<f32>, c),
            c_stride = const offset_of!(Reduction<f32>, c_stride_bytes),
            turns = const turns!($v),
            next_c = const offset_of!(Reduction<f32>, next_c),
            next_last = const offset_of!(Reduction<f32>, next_last_c),
            gemm_k = const offset_of!(Reduction<f32>, gemm_k),
            accumulate = const offset_of!(Reduction<f32>, accumulate),
            $($pointer = inout(reg) $r.a.wrapping_add($first * $r.a_stride) => _,)*
            stride = inout(reg) size_of::<f32>() * $r.a_stride.max($r.a_step) => _,
            b = inout(reg) $r.b => _,
            panel = out(reg) _,
            quads = out(reg) _,
            turn = out(reg) _,
            sums = out(reg) _,
            at = out(reg) _,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
            out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _,
            out("zmm11") _, out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
            out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _, out("zmm20") _,
            out("zmm21") _, out("zmm22") _, out("zmm23") _, out("zmm24") _, out("zmm25") _,
            out("zmm26") _, out("zmm27") _, out("zmm28") _, out("zmm29") _, out("zmm30") _,
            out("zmm31") _,
            $($operands)*
            options(nostack),
        )
    };
}

/// The block of a height, by what there is to ask for.
macro_rules! by_next {
    ($r:ident, $v:tt, $a:tt, $rows:tt, $pointers:tt) => {
        match $r.next {
            None => block!($r, $v, $a, alone, $rows, $pointers, []),
            Some(GatheredColumns { source, offsets }) => block!(
                $r, $v, $a, then_next, $rows, $pointers,
                [source = in(reg) source, offsets = inout(reg) offsets => _,]
            ),
        }
    };
}

/// The block of a height that gathers its columns.
macro_rules! gathered {
    ($r:ident, $v:tt, $a:tt, $rows:tt, $pointers:tt) => {{
        let Some(GatheredColumns { source, offsets }) = $r.gathered else {
            unreachable!("there are columns to gather");
        };
        block!(
            $r, $v, $a, gathered, $rows, $pointers,
            [source = in(reg) source, offsets = inout(reg) offsets => _, ahead = const AHEAD,]
        )
    }};
}

/// The block of a height, by what of the left matrix is contiguous.
macro_rules! by_height {
    ($r:ident, $height:ident, $block:ident, $v:tt, $pointers:tt, $($rows:tt)*) => {
        match $height {
            // SAFETY: the instructions are present; the assembly reads weights of so many rows and the panels,
            // and writes sums, all of which the caller vouches for, and nothing but registers that are named.
            // Pointers beyond the last row are not read from.
            $($rows => unsafe {
                match $r.a_step {
                    1 => $block!($r, $v, rows, $rows, $pointers),
                    _ => $block!($r, $v, columns, $rows, [a0 "{a0}" 0]),
                }
            },)*
            _ => unreachable!("no such height"),
        }
    };
}

/// A register block of some rows, at most [`wide_rows`], and three or four vectors of columns, of two panels
/// beside each other, of which four may be gathered; sums are formed in the order of the reduction.
///
/// # Safety
/// The instructions must be present, and all that the reduction tells of be valid for these vectors.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn wide_floats_512(r: &Reduction<f32>, height: usize, vectors: usize) {
    debug_assert!(height <= wide_rows(vectors));
    match (vectors, r.gathered) {
        (3, None) => {
            by_height!(r, height, by_next, three, [a0 "{a0}" 0 a3 "{a3}" 3 a6 "{a6}" 6], 1 2 3 4 5 6 7 8 9)
        }
        (4, None) => by_height!(r, height, by_next, four, [a0 "{a0}" 0 a3 "{a3}" 3], 1 2 3 4 5 6),
        (4, Some(_)) => {
            by_height!(r, height, gathered, four, [a0 "{a0}" 0 a3 "{a3}" 3], 1 2 3 4 5 6)
        }
        _ => unreachable!("no such width"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IsaLevel;
    use crate::cpu::isa::Isa;
    use crate::cpu::ukernel::register_block::AHEAD;

    const COLUMNS: usize = 64;
    const PANEL_COLUMNS: usize = COLUMNS / 2;
    const LANES: usize = 16;
    const UNTOUCHED: f32 = 12345.0;

    fn value(index: usize) -> f32 {
        ((index * 7919) % 13) as f32 - 6.0
    }

    /// Every height, reductions round the unrolled steps, rows and columns of the left matrix, with and without
    /// something to ask for; small integers, which are exact.
    #[test]
    fn all_heights_and_forms() {
        if Isa::supported(IsaLevel::Avx512).is_none() {
            return;
        }
        let offsets = [0; 70 + AHEAD];
        let blocks = [3, 4].into_iter().flat_map(|vectors| {
            (1..=wide_rows(vectors))
                .flat_map(move |rows| [1, 3, 4, 9, 70].map(|k| (vectors, rows, k)))
        });
        for (vectors, rows, gemm_k) in blocks {
            let panels: Vec<f32> = (0..COLUMNS * gemm_k).map(value).collect();
            for (by_columns, asks) in [(false, false), (false, true), (true, false), (true, true)] {
                let stride = if by_columns { rows + 3 } else { gemm_k + 3 };
                let data: Vec<f32> =
                    (0..stride * gemm_k.max(rows)).map(|at| value(3 * at)).collect();
                let (a_stride, a_step) = if by_columns { (1, stride) } else { (stride, 1) };
                let c_stride = COLUMNS + 5;
                let mut c = vec![UNTOUCHED; (rows + 1) * c_stride];
                for call in 1..=2 {
                    let block = Reduction {
                        gemm_k,
                        c: c.as_mut_ptr(),
                        c_stride_bytes: c_stride * size_of::<f32>(),
                        next_c: c.as_mut_ptr(),
                        next_last_c: c.as_mut_ptr().wrapping_add((rows - 1) * c_stride),
                        starts: std::ptr::null(),
                        accumulate: call > 1,
                        a: data.as_ptr(),
                        a_stride,
                        a_step,
                        b: panels.as_ptr().cast_mut(),
                        gathered: None,
                        next: asks.then_some(GatheredColumns {
                            source: panels.as_ptr(),
                            offsets: offsets.as_ptr(),
                        }),
                    };
                    // SAFETY: the machine has the instructions; all matrices have room for the block.
                    unsafe { wide_floats_512(&block, rows, vectors) };
                    for (at, &got) in c.iter().enumerate() {
                        let (row, col) = (at / c_stride, at % c_stride);
                        let panel =
                            col / PANEL_COLUMNS * PANEL_COLUMNS * gemm_k + col % PANEL_COLUMNS;
                        let product = |k: usize| {
                            data[row * a_stride + k * a_step] * panels[panel + k * PANEL_COLUMNS]
                        };
                        let want = match row < rows && col < vectors * LANES {
                            true => call as f32 * (0..gemm_k).map(product).sum::<f32>(),
                            false => UNTOUCHED,
                        };
                        assert_eq!(
                            got, want,
                            "{vectors} {rows} x {gemm_k} at {at}, {by_columns} {asks}"
                        );
                    }
                }
            }
        }
    }
}
