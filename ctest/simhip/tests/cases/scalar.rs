//! Scalar arithmetic: results in `s[24:25]`, SCC in `s26` where a case reads it.

use crate::{Case, Operands};

/// Runs `code` with SCC set from `s23`, then stores SCC.
fn case(
    text: String,
    results: usize,
    want: impl Fn(&Operands) -> [u32; 4] + Sync + 'static,
) -> Case {
    let code = format!("s_cmp_lg_u32 s23, 0; {text}; s_cselect_b32 s26, 1, 0");
    // Cases name their code for ever; a hundred short strings.
    Case { code: Box::leak(code.into_boxed_str()), results, want: Box::new(want), loose_ulps: 0 }
}

fn in_scc(o: &Operands) -> u32 {
    u32::from(o[7] != 0)
}

/// 32-bit result and SCC.
fn one(text: &str, want: impl Fn(&Operands) -> (u32, bool) + Sync + 'static) -> Case {
    case(text.replace("D,", "s24,"), 3, move |o| {
        let (value, scc) = want(o);
        [value, 0, u32::from(scc), 0]
    })
}

/// 32-bit result, SCC untouched.
fn keep(text: &str, want: impl Fn(&Operands) -> u32 + Sync + 'static) -> Case {
    case(text.replace("D,", "s24,"), 3, move |o| [want(o), 0, in_scc(o), 0])
}

/// 64-bit result and SCC.
fn wide(text: &str, want: impl Fn(&Operands) -> (u64, bool) + Sync + 'static) -> Case {
    case(text.replace("D,", "s[24:25],"), 3, move |o| {
        let (value, scc) = want(o);
        [value as u32, (value >> 32) as u32, u32::from(scc), 0]
    })
}

fn wide_keep(text: &str, want: impl Fn(&Operands) -> u64 + Sync + 'static) -> Case {
    wide(text, move |o| (want(o), o[7] != 0))
}

fn flag(text: &str, want: impl Fn(&Operands) -> bool + Sync + 'static) -> Case {
    case(text.to_string(), 3, move |o| [0, 0, u32::from(want(o)), 0])
}

fn nz(value: u32) -> (u32, bool) {
    (value, value != 0)
}

fn nz64(value: u64) -> (u64, bool) {
    (value, value != 0)
}

fn a(o: &Operands) -> u64 {
    u64::from(o[0]) | u64::from(o[1]) << 32
}

fn b(o: &Operands) -> u64 {
    u64::from(o[2]) | u64::from(o[3]) << 32
}

fn s(x: u32) -> i32 {
    x as i32
}

fn field(x: u128, packed: u32, bits: u32, signed: bool) -> u64 {
    let (offset, width) = (packed % bits, (packed >> 16 & 127).min(bits));
    let kept = width.min(bits - offset);
    if width == 0 {
        return 0;
    }
    let low = (x >> offset) & ((1u128 << kept) - 1);
    let negative = signed && low >> (kept - 1) & 1 != 0;
    (if negative { low | u128::MAX << kept } else { low }) as u64
}

fn find(x: u64, bits: u32, from_top: bool) -> u32 {
    let place = |k: u32| if from_top { bits - 1 - k } else { k };
    (0..bits).find(|&k| x >> place(k) & 1 != 0).unwrap_or(u32::MAX)
}

pub fn all() -> Vec<Case> {
    let mut list = arithmetic();
    list.extend(bits());
    list.extend(compares());
    list.extend(exec());
    list
}

fn arithmetic() -> Vec<Case> {
    let shl = |n: u32| {
        move |o: &Operands| {
            let sum = (u64::from(o[0]) << n) + u64::from(o[1]);
            (sum as u32, sum >> 32 != 0)
        }
    };
    vec![
        one("s_add_u32 D, s16, s17", |o| o[0].overflowing_add(o[1])),
        one("s_sub_u32 D, s16, s17", |o| (o[0].wrapping_sub(o[1]), o[1] > o[0])),
        one("s_add_i32 D, s16, s17", |o| {
            let sum = i64::from(s(o[0])) + i64::from(s(o[1]));
            (sum as u32, i64::from(sum as i32) != sum)
        }),
        one("s_sub_i32 D, s16, s17", |o| {
            let value = i64::from(s(o[0])) - i64::from(s(o[1]));
            (value as u32, i64::from(value as i32) != value)
        }),
        one("s_addc_u32 D, s16, s17", |o| {
            let sum = u64::from(o[0]) + u64::from(o[1]) + u64::from(in_scc(o));
            (sum as u32, sum >> 32 != 0)
        }),
        one("s_subb_u32 D, s16, s17", |o| {
            let value = i64::from(o[0]) - i64::from(o[1]) - i64::from(in_scc(o));
            (value as u32, value < 0)
        }),
        // 64-bit address arithmetic.
        case("s_add_u32 s24, s16, s18; s_addc_u32 s25, s17, s19".into(), 3, |o| {
            let (sum, over) = a(o).overflowing_add(b(o));
            [sum as u32, (sum >> 32) as u32, u32::from(over), 0]
        }),
        case("s_sub_u32 s24, s16, s18; s_subb_u32 s25, s17, s19".into(), 3, |o| {
            let (value, over) = a(o).overflowing_sub(b(o));
            [value as u32, (value >> 32) as u32, u32::from(over), 0]
        }),
        one("s_min_i32 D, s16, s17", |o| (s(o[0]).min(s(o[1])) as u32, s(o[0]) < s(o[1]))),
        one("s_min_u32 D, s16, s17", |o| (o[0].min(o[1]), o[0] < o[1])),
        one("s_max_i32 D, s16, s17", |o| (s(o[0]).max(s(o[1])) as u32, s(o[0]) > s(o[1]))),
        one("s_max_u32 D, s16, s17", |o| (o[0].max(o[1]), o[0] > o[1])),
        keep("s_mul_i32 D, s16, s17", |o| o[0].wrapping_mul(o[1])),
        keep("s_mul_hi_u32 D, s16, s17", |o| (u64::from(o[0]) * u64::from(o[1]) >> 32) as u32),
        keep("s_mul_hi_i32 D, s16, s17", |o| {
            (i64::from(s(o[0])) * i64::from(s(o[1])) >> 32) as u32
        }),
        one("s_absdiff_i32 D, s16, s17", |o| nz(s(o[0].wrapping_sub(o[1])).unsigned_abs())),
        one("s_abs_i32 D, s16", |o| nz(s(o[0]).unsigned_abs())),
        one("s_lshl1_add_u32 D, s16, s17", shl(1)),
        one("s_lshl2_add_u32 D, s16, s17", shl(2)),
        one("s_lshl3_add_u32 D, s16, s17", shl(3)),
        one("s_lshl4_add_u32 D, s16, s17", shl(4)),
        keep("s_movk_i32 D, 0x8001", |_| 0xffff_8001),
        keep("s_mov_b32 s24, 77; s_cmovk_i32 D, 0x1234", |o| if o[7] != 0 { 0x1234 } else { 77 }),
        one("s_mov_b32 s24, s16; s_addk_i32 D, 0xff80", |o| {
            let sum = i64::from(s(o[0])) - 128;
            (sum as u32, i64::from(sum as i32) != sum)
        }),
        keep("s_mov_b32 s24, s16; s_mulk_i32 D, 0xfffd", |o| o[0].wrapping_mul(-3i32 as u32)),
        keep("s_getreg_b32 D, hwreg(HW_REG_MODE, 4, 4)", |_| 15),
        keep(
            "s_mov_b32 s27, 0; s_setreg_b32 hwreg(HW_REG_MODE, 4, 2), s27; s_getreg_b32 s24, hwreg(HW_REG_MODE, 4, 4); s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 3",
            |_| 12,
        ),
    ]
}

fn bits() -> Vec<Case> {
    vec![
        keep("s_mov_b32 D, s16", |o| o[0]),
        wide_keep("s_mov_b64 D, s[16:17]", a),
        wide_keep("s_mov_b64 D, 1.0", |_| 1f64.to_bits()),
        wide_keep("s_mov_b64 D, -5", |_| -5i64 as u64),
        wide_keep("s_mov_b64 D, 0x80000000", |_| 0x8000_0000),
        keep("s_cselect_b32 D, s16, s17", |o| if o[7] != 0 { o[0] } else { o[1] }),
        wide_keep("s_cselect_b64 D, s[16:17], s[18:19]", |o| if o[7] != 0 { a(o) } else { b(o) }),
        keep("s_cmov_b32 D, s16", |o| if o[7] != 0 { o[0] } else { 0 }),
        wide_keep("s_cmov_b64 D, s[16:17]", |o| if o[7] != 0 { a(o) } else { 0 }),
        one("s_and_b32 D, s16, s17", |o| nz(o[0] & o[1])),
        one("s_or_b32 D, s16, s17", |o| nz(o[0] | o[1])),
        one("s_xor_b32 D, s16, s17", |o| nz(o[0] ^ o[1])),
        one("s_andn2_b32 D, s16, s17", |o| nz(o[0] & !o[1])),
        one("s_orn2_b32 D, s16, s17", |o| nz(o[0] | !o[1])),
        one("s_nand_b32 D, s16, s17", |o| nz(!(o[0] & o[1]))),
        one("s_nor_b32 D, s16, s17", |o| nz(!(o[0] | o[1]))),
        one("s_xnor_b32 D, s16, s17", |o| nz(!(o[0] ^ o[1]))),
        wide("s_and_b64 D, s[16:17], s[18:19]", |o| nz64(a(o) & b(o))),
        wide("s_or_b64 D, s[16:17], s[18:19]", |o| nz64(a(o) | b(o))),
        wide("s_xor_b64 D, s[16:17], s[18:19]", |o| nz64(a(o) ^ b(o))),
        wide("s_andn2_b64 D, s[16:17], s[18:19]", |o| nz64(a(o) & !b(o))),
        wide("s_orn2_b64 D, s[16:17], s[18:19]", |o| nz64(a(o) | !b(o))),
        wide("s_nand_b64 D, s[16:17], s[18:19]", |o| nz64(!(a(o) & b(o)))),
        wide("s_nor_b64 D, s[16:17], s[18:19]", |o| nz64(!(a(o) | b(o)))),
        wide("s_xnor_b64 D, s[16:17], s[18:19]", |o| nz64(!(a(o) ^ b(o)))),
        one("s_not_b32 D, s16", |o| nz(!o[0])),
        wide("s_not_b64 D, s[16:17]", |o| nz64(!a(o))),
        one("s_lshl_b32 D, s16, s17", |o| nz(o[0].wrapping_shl(o[1]))),
        one("s_lshr_b32 D, s16, s17", |o| nz(o[0].wrapping_shr(o[1]))),
        one("s_ashr_i32 D, s16, s17", |o| nz(s(o[0]).wrapping_shr(o[1]) as u32)),
        wide("s_lshl_b64 D, s[16:17], s18", |o| nz64(a(o).wrapping_shl(o[2]))),
        wide("s_lshr_b64 D, s[16:17], s18", |o| nz64(a(o).wrapping_shr(o[2]))),
        wide("s_ashr_i64 D, s[16:17], s18", |o| nz64((a(o) as i64).wrapping_shr(o[2]) as u64)),
        keep("s_bfm_b32 D, s16, s17", |o| ((1u64 << (o[0] % 32)) - 1 << (o[1] % 32)) as u32),
        wide_keep("s_bfm_b64 D, s16, s17", |o| ((1u128 << (o[0] % 64)) - 1 << (o[1] % 64)) as u64),
        one("s_bfe_u32 D, s16, s17", |o| nz(field(o[0].into(), o[1], 32, false) as u32)),
        one("s_bfe_i32 D, s16, s17", |o| nz(field(o[0].into(), o[1], 32, true) as u32)),
        wide("s_bfe_u64 D, s[16:17], s18", |o| nz64(field(a(o).into(), o[2], 64, false))),
        wide("s_bfe_i64 D, s[16:17], s18", |o| nz64(field(a(o).into(), o[2], 64, true))),
        keep("s_pack_ll_b32_b16 D, s16, s17", |o| o[0] & 0xffff | o[1] << 16),
        keep("s_pack_lh_b32_b16 D, s16, s17", |o| o[0] & 0xffff | o[1] & 0xffff_0000),
        keep("s_pack_hh_b32_b16 D, s16, s17", |o| o[0] >> 16 | o[1] & 0xffff_0000),
        one("s_wqm_b32 D, s16", |o| {
            nz((0..8).filter(|q| o[0] >> (4 * q) & 15 != 0).map(|q| 15 << (4 * q)).sum())
        }),
        keep("s_brev_b32 D, s16", |o| o[0].reverse_bits()),
        wide_keep("s_brev_b64 D, s[16:17]", |o| a(o).reverse_bits()),
        one("s_bcnt0_i32_b32 D, s16", |o| nz(o[0].count_zeros())),
        one("s_bcnt1_i32_b32 D, s16", |o| nz(o[0].count_ones())),
        one("s_bcnt0_i32_b64 D, s[16:17]", |o| nz(a(o).count_zeros())),
        one("s_bcnt1_i32_b64 D, s[16:17]", |o| nz(a(o).count_ones())),
        keep("s_ff0_i32_b32 D, s16", |o| find(u64::from(!o[0]), 32, false)),
        keep("s_ff1_i32_b32 D, s16", |o| find(o[0].into(), 32, false)),
        keep("s_ff0_i32_b64 D, s[16:17]", |o| find(!a(o), 64, false)),
        keep("s_ff1_i32_b64 D, s[16:17]", |o| find(a(o), 64, false)),
        keep("s_flbit_i32_b32 D, s16", |o| find(o[0].into(), 32, true)),
        keep("s_flbit_i32_b64 D, s[16:17]", |o| find(a(o), 64, true)),
        keep("s_flbit_i32 D, s16", |o| {
            let unlike = if s(o[0]) < 0 { !o[0] } else { o[0] };
            find(unlike.into(), 32, true)
        }),
        keep("s_flbit_i32_i64 D, s[16:17]", |o| {
            let unlike = if (a(o) as i64) < 0 { !a(o) } else { a(o) };
            find(unlike, 64, true)
        }),
        keep("s_sext_i32_i8 D, s16", |o| i32::from(o[0] as i8) as u32),
        keep("s_sext_i32_i16 D, s16", |o| i32::from(o[0] as i16) as u32),
        keep("s_mov_b32 s24, s16; s_bitset0_b32 D, s17", |o| o[0] & !(1 << (o[1] % 32))),
        keep("s_mov_b32 s24, s16; s_bitset1_b32 D, s17", |o| o[0] | 1 << (o[1] % 32)),
        wide_keep("s_mov_b64 s[24:25], s[16:17]; s_bitset0_b64 D, s18", |o| {
            a(o) & !(1 << (o[2] % 64))
        }),
        wide_keep("s_mov_b64 s[24:25], s[16:17]; s_bitset1_b64 D, s18", |o| {
            a(o) | 1 << (o[2] % 64)
        }),
        wide_keep("s_bitreplicate_b64_b32 D, s16", |o| {
            (0..64).map(|k| u64::from(o[0] >> (k / 2) & 1) << k).sum()
        }),
    ]
}

fn compares() -> Vec<Case> {
    let mut list = Vec::new();
    type Test = fn(i64, i64) -> bool;
    let tests: [(&str, Test); 6] = [
        ("eq", |a, b| a == b),
        ("lg", |a, b| a != b),
        ("gt", |a, b| a > b),
        ("ge", |a, b| a >= b),
        ("lt", |a, b| a < b),
        ("le", |a, b| a <= b),
    ];
    for (name, test) in tests {
        list.push(flag(&format!("s_cmp_{name}_i32 s16, s17"), move |o| {
            test(s(o[0]).into(), s(o[1]).into())
        }));
        list.push(flag(&format!("s_cmp_{name}_u32 s16, s17"), move |o| {
            test(o[0].into(), o[1].into())
        }));
        list.push(flag(&format!("s_cmpk_{name}_i32 s16, 0xfffe"), move |o| {
            test(s(o[0]).into(), -2)
        }));
        list.push(flag(&format!("s_cmpk_{name}_u32 s16, 0xfffe"), move |o| {
            test(o[0].into(), 0xfffe)
        }));
    }
    list.extend([
        flag("s_cmp_eq_u64 s[16:17], s[18:19]", |o| a(o) == b(o)),
        flag("s_cmp_lg_u64 s[16:17], s[18:19]", |o| a(o) != b(o)),
        flag("s_bitcmp0_b32 s16, s17", |o| o[0] >> (o[1] % 32) & 1 == 0),
        flag("s_bitcmp1_b32 s16, s17", |o| o[0] >> (o[1] % 32) & 1 == 1),
        flag("s_bitcmp0_b64 s[16:17], s18", |o| a(o) >> (o[2] % 64) & 1 == 0),
        flag("s_bitcmp1_b64 s[16:17], s18", |o| a(o) >> (o[2] % 64) & 1 == 1),
    ]);
    list
}

/// Exec goes in from `s17`; old exec in `s24`, new exec in `s25`.
fn exec() -> Vec<Case> {
    let mut list = Vec::new();
    type Join = fn(u32, u32) -> u32;
    let joins: [(&str, Join); 10] = [
        ("and_saveexec", |s, e| s & e),
        ("or_saveexec", |s, e| s | e),
        ("xor_saveexec", |s, e| s ^ e),
        ("andn2_saveexec", |s, e| s & !e),
        ("orn2_saveexec", |s, e| s | !e),
        ("nand_saveexec", |s, e| !(s & e)),
        ("nor_saveexec", |s, e| !(s | e)),
        ("xnor_saveexec", |s, e| !(s ^ e)),
        ("andn1_saveexec", |s, e| !s & e),
        ("orn1_saveexec", |s, e| !s | e),
    ];
    for (name, join) in joins {
        let text = format!("s_mov_b32 exec_lo, s17; s_{name}_b32 s24, s16; s_mov_b32 s25, exec_lo");
        list.push(case(text, 3, move |o| {
            let new = join(o[0], o[1]);
            [o[1], new, u32::from(new != 0), 0]
        }));
    }
    for (name, join) in [("andn1", (|s, e| !s & e) as Join), ("andn2", |s, e| s & !e)] {
        let text =
            format!("s_mov_b32 exec_lo, s17; s_{name}_wrexec_b32 s24, s16; s_mov_b32 s25, exec_lo");
        list.push(case(text, 3, move |o| {
            let new = join(o[0], o[1]);
            [new, new, u32::from(new != 0), 0]
        }));
    }
    list
}
