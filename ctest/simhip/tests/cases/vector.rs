//! Vector integer instructions.

use crate::{Case, Operands};

pub fn case(
    code: &'static str,
    results: usize,
    want: impl Fn(&Operands) -> [u32; 4] + Sync + 'static,
) -> Case {
    Case { code, results, want: Box::new(want), loose_ulps: 0 }
}

/// One result.
pub fn one(code: &'static str, want: impl Fn(&Operands) -> u32 + Sync + 'static) -> Case {
    case(code, 1, move |o| [want(o), 0, 0, 0])
}

/// A 64-bit result.
pub fn two(code: &'static str, want: impl Fn(&Operands) -> u64 + Sync + 'static) -> Case {
    case(code, 2, move |o| {
        let value = want(o);
        [value as u32, (value >> 32) as u32, 0, 0]
    })
}

fn s(x: u32) -> i32 {
    x as i32
}

fn h(x: u32) -> i32 {
    i32::from(x as u16 as i16)
}

fn s24(x: u32) -> i64 {
    i64::from(s(x << 8) / 256 - i32::from(s(x << 8) % 256 < 0))
}

fn u24(x: u32) -> u64 {
    u64::from(x) % (1 << 24)
}

/// Low half replaced.
fn lo(old: u32, new: u32) -> u32 {
    old / 65536 * 65536 + new % 65536
}

fn pk(low: u32, high: u32) -> u32 {
    low % 65536 + (high % 65536) * 65536
}

fn both(a: u32, b: u32, f: impl Fn(u32, u32) -> u32) -> u32 {
    pk(f(a & 0xffff, b & 0xffff), f(a >> 16, b >> 16))
}

pub fn integer() -> Vec<Case> {
    let mut list = vec![
        one("v_mov_b32 v10, v2", |o| o[0]),
        one("v_mov_b32 v10, 0x12345678", |_| 0x1234_5678),
        one("v_mov_b32 v10, -16", |_| -16i32 as u32),
        one("v_mov_b32 v10, 0.15915494", |_| 0x3e22_f983),
        case("v_mov_b32 v10, v2; v_mov_b32 v11, v3; v_swap_b32 v10, v11", 2, |o| {
            [o[1], o[0], 0, 0]
        }),
        one("v_not_b32 v10, v2", |o| !o[0]),
        one("v_bfrev_b32 v10, v2", |o| o[0].reverse_bits()),
        one("v_ffbh_u32 v10, v2", |o| {
            (0..32).find(|k| o[0] >> (31 - k) & 1 != 0).unwrap_or(u32::MAX)
        }),
        one("v_ffbl_b32 v10, v2", |o| (0..32).find(|k| o[0] >> k & 1 != 0).unwrap_or(u32::MAX)),
        one("v_ffbh_i32 v10, v2", |o| {
            (1..32).find(|k| (o[0] >> (31 - k) & 1) != o[0] >> 31).unwrap_or(u32::MAX)
        }),
        one("v_cndmask_b32 v10, v2, v3, s12", |o| if o[7] != 0 { o[1] } else { o[0] }),
        one("v_cndmask_b32_e64 v10, -v2, |v3|, s12", |o| {
            if o[7] != 0 { o[1] & 0x7fff_ffff } else { o[0] ^ 0x8000_0000 }
        }),
        one("v_add_nc_u32 v10, v2, v3", |o| o[0].wrapping_add(o[1])),
        one("v_add_nc_u32 v10, v2, v3 clamp", |o| o[0].saturating_add(o[1])),
        one("v_sub_nc_u32 v10, v2, v3", |o| o[0].wrapping_sub(o[1])),
        one("v_sub_nc_u32 v10, v2, v3 clamp", |o| o[0].saturating_sub(o[1])),
        one("v_subrev_nc_u32 v10, v2, v3", |o| o[1].wrapping_sub(o[0])),
        one("v_add_nc_i32 v10, v2, v3 clamp", |o| s(o[0]).saturating_add(s(o[1])) as u32),
        one("v_sub_nc_i32 v10, v2, v3 clamp", |o| s(o[0]).saturating_sub(s(o[1])) as u32),
        one("v_sub_nc_i32 v10, v2, v3", |o| o[0].wrapping_sub(o[1])),
        one("v_add_nc_u32 v10, 64, v3", |o| o[1].wrapping_add(64)),
        one("v_and_b32 v10, v2, v3", |o| o[0] & o[1]),
        one("v_or_b32 v10, v2, v3", |o| o[0] | o[1]),
        one("v_xor_b32 v10, v2, v3", |o| o[0] ^ o[1]),
        one("v_xnor_b32 v10, v2, v3", |o| !(o[0] ^ o[1])),
        one("v_lshlrev_b32 v10, v2, v3", |o| o[1].wrapping_shl(o[0])),
        one("v_lshrrev_b32 v10, v2, v3", |o| o[1].wrapping_shr(o[0])),
        one("v_ashrrev_i32 v10, v2, v3", |o| s(o[1]).wrapping_shr(o[0]) as u32),
        one("v_min_i32 v10, v2, v3", |o| s(o[0]).min(s(o[1])) as u32),
        one("v_max_i32 v10, v2, v3", |o| s(o[0]).max(s(o[1])) as u32),
        one("v_min_u32 v10, v2, v3", |o| o[0].min(o[1])),
        one("v_max_u32 v10, v2, v3", |o| o[0].max(o[1])),
        one("v_mul_lo_u32 v10, v2, v3", |o| o[0].wrapping_mul(o[1])),
        one("v_mul_hi_u32 v10, v2, v3", |o| (u64::from(o[0]) * u64::from(o[1]) >> 32) as u32),
        one("v_mul_hi_i32 v10, v2, v3", |o| (i64::from(s(o[0])) * i64::from(s(o[1])) >> 32) as u32),
        one("v_mul_i32_i24 v10, v2, v3", |o| (s24(o[0]) * s24(o[1])) as u32),
        one("v_mul_hi_i32_i24 v10, v2, v3", |o| (s24(o[0]) * s24(o[1]) >> 32) as u32),
        one("v_mul_u32_u24 v10, v2, v3", |o| (u24(o[0]) * u24(o[1])) as u32),
        one("v_mul_hi_u32_u24 v10, v2, v3", |o| (u24(o[0]) * u24(o[1]) >> 32) as u32),
        one("v_mad_i32_i24 v10, v2, v3, v4", |o| {
            ((s24(o[0]) * s24(o[1])) as u32).wrapping_add(o[2])
        }),
        one("v_mad_u32_u24 v10, v2, v3, v4", |o| {
            ((u24(o[0]) * u24(o[1])) as u32).wrapping_add(o[2])
        }),
        one("v_bfe_u32 v10, v2, v3, v4", |o| {
            let (offset, width) = (o[1] % 32, o[2] % 32);
            (0..width).filter(|k| offset + k < 32).map(|k| (o[0] >> (offset + k) & 1) << k).sum()
        }),
        one("v_bfe_i32 v10, v2, v3, v4", |o| {
            let (offset, width) = (o[1] % 32, o[2] % 32);
            if width == 0 {
                return 0;
            }
            // The field's top bit, or the word's where the field reaches over it.
            let top = (offset + width - 1).min(31);
            let sign = o[0] >> top & 1;
            (0..32)
                .map(|k| {
                    (if k < width && offset + k < 32 { o[0] >> (offset + k) & 1 } else { sign })
                        << k
                })
                .sum()
        }),
        one("v_bfi_b32 v10, v2, v3, v4", |o| (o[0] & o[1]) | (!o[0] & o[2])),
        one("v_alignbit_b32 v10, v2, v3, v4", |o| {
            ((u128::from(o[0]) << 32 | u128::from(o[1])) >> (o[2] % 32)) as u32
        }),
        one("v_alignbyte_b32 v10, v2, v3, v4", |o| {
            ((u128::from(o[0]) << 32 | u128::from(o[1])) >> (o[2] % 4 * 8)) as u32
        }),
        one("v_sad_u32 v10, v2, v3, v4", |o| (o[0].max(o[1]) - o[0].min(o[1])).wrapping_add(o[2])),
        one("v_bfm_b32 v10, v2, v3", |o| ((1u64 << (o[0] % 32)) - 1 << (o[1] % 32)) as u32),
        one("v_bcnt_u32_b32 v10, v2, v3", |o| o[0].count_ones().wrapping_add(o[1])),
        one("v_xad_u32 v10, v2, v3, v4", |o| (o[0] ^ o[1]).wrapping_add(o[2])),
        one("v_lshl_add_u32 v10, v2, v3, v4", |o| o[0].wrapping_shl(o[1]).wrapping_add(o[2])),
        one("v_add_lshl_u32 v10, v2, v3, v4", |o| o[0].wrapping_add(o[1]).wrapping_shl(o[2])),
        one("v_add3_u32 v10, v2, v3, v4", |o| o[0].wrapping_add(o[1]).wrapping_add(o[2])),
        one("v_lshl_or_b32 v10, v2, v3, v4", |o| o[0].wrapping_shl(o[1]) | o[2]),
        one("v_and_or_b32 v10, v2, v3, v4", |o| o[0] & o[1] | o[2]),
        one("v_or3_b32 v10, v2, v3, v4", |o| o[0] | o[1] | o[2]),
        one("v_xor3_b32 v10, v2, v3, v4", |o| o[0] ^ o[1] ^ o[2]),
        one("v_perm_b32 v10, v2, v3, v4", |o| {
            let bytes: Vec<u8> = [o[1].to_le_bytes(), o[0].to_le_bytes()].concat();
            let sign = |byte: usize| if bytes[byte] >= 0x80 { 0xff } else { 0 };
            u32::from_le_bytes(o[2].to_le_bytes().map(|k| match k {
                0..=7 => bytes[usize::from(k)],
                8..=11 => sign(usize::from(k - 8) * 2 + 1),
                12 => 0,
                _ => 0xff,
            }))
        }),
        one("v_cvt_pk_u16_u32 v10, v2, v3", |o| pk(o[0].min(0xffff), o[1].min(0xffff))),
        one("v_cvt_pk_i16_i32 v10, v2, v3", |o| {
            let fit = |x: u32| s(x).clamp(-32768, 32767) as u32;
            pk(fit(o[0]), fit(o[1]))
        }),
    ];
    list.extend(ordered());
    list.extend(carries());
    list.extend(lanes());
    list.extend(short());
    list.extend(sdwa());
    list
}

fn ordered() -> Vec<Case> {
    let sorted = |o: &Operands| {
        let mut v = [o[0], o[1], o[2]];
        v.sort_unstable();
        v
    };
    let signed = |o: &Operands| {
        let mut v = [s(o[0]), s(o[1]), s(o[2])];
        v.sort_unstable();
        v.map(|x| x as u32)
    };
    vec![
        one("v_min3_u32 v10, v2, v3, v4", move |o| sorted(o)[0]),
        one("v_med3_u32 v10, v2, v3, v4", move |o| sorted(o)[1]),
        one("v_max3_u32 v10, v2, v3, v4", move |o| sorted(o)[2]),
        one("v_min3_i32 v10, v2, v3, v4", move |o| signed(o)[0]),
        one("v_med3_i32 v10, v2, v3, v4", move |o| signed(o)[1]),
        one("v_max3_i32 v10, v2, v3, v4", move |o| signed(o)[2]),
    ]
}

fn carries() -> Vec<Case> {
    let add = |a: u32, b: u32, c: u32| u64::from(a) + u64::from(b) + u64::from(c);
    let sub = |a: u32, b: u32, c: u32| {
        let value = i64::from(a) - i64::from(b) - i64::from(c);
        (value as u32, u32::from(value < 0))
    };
    let flag = |o: &Operands| u32::from(o[7] != 0);
    vec![
        case("v_add_co_u32 v10, s13, v2, v3; v_cndmask_b32 v11, 0, 1, s13", 2, move |o| {
            let sum = add(o[0], o[1], 0);
            [sum as u32, (sum >> 32) as u32, 0, 0]
        }),
        case("v_sub_co_u32 v10, vcc_lo, v2, v3; v_cndmask_b32 v11, 0, 1, vcc_lo", 2, move |o| {
            let (value, borrow) = sub(o[0], o[1], 0);
            [value, borrow, 0, 0]
        }),
        case("v_subrev_co_u32 v10, s13, v2, v3; v_cndmask_b32 v11, 0, 1, s13", 2, move |o| {
            let (value, borrow) = sub(o[1], o[0], 0);
            [value, borrow, 0, 0]
        }),
        case(
            "s_mov_b32 vcc_lo, s12; v_add_co_ci_u32 v10, vcc_lo, v2, v3, vcc_lo; v_cndmask_b32 v11, 0, 1, vcc_lo",
            2,
            move |o| {
                let sum = add(o[0], o[1], flag(o));
                [sum as u32, (sum >> 32) as u32, 0, 0]
            },
        ),
        case("v_sub_co_ci_u32 v10, s13, v2, v3, s12; v_cndmask_b32 v11, 0, 1, s13", 2, move |o| {
            let (value, borrow) = sub(o[0], o[1], flag(o));
            [value, borrow, 0, 0]
        }),
        case(
            "v_subrev_co_ci_u32 v10, s13, v2, v3, s12; v_cndmask_b32 v11, 0, 1, s13",
            2,
            move |o| {
                let (value, borrow) = sub(o[1], o[0], flag(o));
                [value, borrow, 0, 0]
            },
        ),
        // 64-bit address arithmetic, across the boundary of the words.
        two("v_add_co_u32 v10, vcc_lo, v2, v4; v_add_co_ci_u32 v11, vcc_lo, v3, v5, vcc_lo", |o| {
            let wide = |l: u32, h: u32| u64::from(l) | u64::from(h) << 32;
            wide(o[0], o[1]).wrapping_add(wide(o[2], o[3]))
        }),
    ]
}

/// Lanes: the expected values only know their own operands, so that lanes exchange constants.
fn lanes() -> Vec<Case> {
    vec![
        one(
            "v_mbcnt_lo_u32_b32 v11, -1, 0; v_and_b32 v12, 31, v0; v_sub_nc_u32 v10, v11, v12",
            |_| 0,
        ),
        one("v_mbcnt_hi_u32_b32 v10, -1, v2", |o| o[0]),
        one("v_readfirstlane_b32 s13, v0; v_mov_b32 v10, s13", |_| 0),
        one("v_readlane_b32 s13, v0, 7; v_mov_b32 v10, s13", |_| 7),
        one("s_mov_b32 s13, 0x123; v_mov_b32 v10, 0x123; v_writelane_b32 v10, s13, 9", |_| 0x123),
        one(
            "v_and_b32 v11, 15, v0; s_mov_b32 s13, 0x76543210; s_mov_b32 s14, 0xfedcba98; v_permlane16_b32 v12, v0, s13, s14; v_sub_nc_u32 v10, v12, v0",
            |_| 0,
        ),
        one(
            "s_mov_b32 s13, 0x76543210; s_mov_b32 s14, 0xfedcba98; v_permlanex16_b32 v12, v0, s13, s14; v_xor_b32 v10, v12, v0",
            |_| 16,
        ),
        one(
            "v_mov_b32_dpp v12, v0 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf; v_xor_b32 v10, v12, v0",
            |_| 1,
        ),
        one(
            "v_mov_b32_dpp v12, v0 row_mirror row_mask:0xf bank_mask:0xf; v_xor_b32 v10, v12, v0",
            |_| 15,
        ),
        one(
            "v_mov_b32_dpp v12, v0 row_half_mirror row_mask:0xf bank_mask:0xf; v_xor_b32 v10, v12, v0",
            |_| 7,
        ),
        one(
            "v_mov_b32_dpp v12, v0 row_xmask:5 row_mask:0xf bank_mask:0xf; v_xor_b32 v10, v12, v0",
            |_| 5,
        ),
        one("v_mov_b32_dpp v12, v0 dpp8:[7,6,5,4,3,2,1,0]; v_xor_b32 v10, v12, v0", |_| 7),
        one(
            "v_mov_b32_dpp v12, v0 row_ror:4 row_mask:0xf bank_mask:0xf; v_mov_b32_dpp v13, v12 row_ror:12 row_mask:0xf bank_mask:0xf; v_xor_b32 v10, v13, v0",
            |_| 0,
        ),
        one(
            "v_add_nc_u32_dpp v12, v0, v2 row_share:3 row_mask:0xf bank_mask:0xf; v_and_b32 v13, 16, v0; v_sub_nc_u32 v12, v12, v13; v_sub_nc_u32 v10, v12, v2",
            |_| 3,
        ),
        // Off the row: zero with bound control, the old value without.
        one(
            "v_mov_b32 v12, 1; v_mov_b32_dpp v12, v12 row_shr:15 row_mask:0xf bank_mask:0xf bound_ctrl:0; v_and_b32 v13, 15, v0; v_cmp_eq_u32 s13, 15, v13; v_cndmask_b32 v13, 0, 1, s13; v_xor_b32 v10, v12, v13",
            |_| 0,
        ),
        one(
            "v_mov_b32 v12, 5; v_mov_b32 v11, 6; v_mov_b32_dpp v12, v11 row_shl:1 row_mask:0xf bank_mask:0xf; v_and_b32 v13, 15, v0; v_cmp_eq_u32 s13, 15, v13; v_cndmask_b32 v13, 6, 5, s13; v_xor_b32 v10, v12, v13",
            |_| 0,
        ),
    ]
}

fn short() -> Vec<Case> {
    vec![
        one("v_mov_b32 v10, v4; v_add_nc_u16 v10, v2, v3", |o| lo(o[2], o[0].wrapping_add(o[1]))),
        one("v_mov_b32 v10, v4; v_add_nc_u16 v10, v2, v3 op_sel:[1,0,1]", |o| {
            pk(o[2], (o[0] >> 16).wrapping_add(o[1]))
        }),
        one("v_add_nc_u16 v10, v2, v3 clamp", |o| ((o[0] & 0xffff) + (o[1] & 0xffff)).min(0xffff)),
        one("v_sub_nc_u16 v10, v2, v3", |o| o[0].wrapping_sub(o[1]) & 0xffff),
        one("v_sub_nc_u16 v10, v2, v3 clamp", |o| (o[0] & 0xffff).saturating_sub(o[1] & 0xffff)),
        one("v_add_nc_i16 v10, v2, v3 clamp", |o| {
            (h(o[0]) + h(o[1])).clamp(-32768, 32767) as u32 & 0xffff
        }),
        one("v_sub_nc_i16 v10, v2, v3 clamp", |o| {
            (h(o[0]) - h(o[1])).clamp(-32768, 32767) as u32 & 0xffff
        }),
        one("v_mul_lo_u16 v10, v2, v3", |o| o[0].wrapping_mul(o[1]) & 0xffff),
        one("v_lshlrev_b16 v10, v2, v3", |o| o[1] << (o[0] % 16) & 0xffff),
        one("v_lshrrev_b16 v10, v2, v3", |o| (o[1] & 0xffff) >> (o[0] % 16)),
        one("v_ashrrev_i16 v10, v2, v3", |o| (h(o[1]) >> (o[0] % 16)) as u32 & 0xffff),
        one("v_max_u16 v10, v2, v3", |o| (o[0] & 0xffff).max(o[1] & 0xffff)),
        one("v_min_u16 v10, v2, v3", |o| (o[0] & 0xffff).min(o[1] & 0xffff)),
        one("v_max_i16 v10, v2, v3", |o| h(o[0]).max(h(o[1])) as u32 & 0xffff),
        one("v_min_i16 v10, v2, v3", |o| h(o[0]).min(h(o[1])) as u32 & 0xffff),
        one("v_mad_u16 v10, v2, v3, v4", |o| o[0].wrapping_mul(o[1]).wrapping_add(o[2]) & 0xffff),
        one("v_mad_i16 v10, v2, v3, v4", |o| o[0].wrapping_mul(o[1]).wrapping_add(o[2]) & 0xffff),
        one("v_mad_u32_u16 v10, v2, v3, v4", |o| {
            ((o[0] & 0xffff) * (o[1] & 0xffff)).wrapping_add(o[2])
        }),
        one("v_mad_i32_i16 v10, v2, v3, v4", |o| ((h(o[0]) * h(o[1])) as u32).wrapping_add(o[2])),
        one("v_pk_add_u16 v10, v2, v3", |o| both(o[0], o[1], u32::wrapping_add)),
        one("v_pk_add_u16 v10, v2, v3 clamp", |o| both(o[0], o[1], |a, b| (a + b).min(0xffff))),
        one("v_pk_add_u16 v10, v2, v3 op_sel:[1,0] op_sel_hi:[0,1]", |o| {
            both(o[0].rotate_left(16), o[1], u32::wrapping_add)
        }),
        one("v_pk_add_u16 v10, v2, 3 op_sel_hi:[1,0]", |o| {
            both(o[0], 0x0003_0003, u32::wrapping_add)
        }),
        one("v_pk_sub_u16 v10, v2, v3", |o| both(o[0], o[1], u32::wrapping_sub)),
        one("v_pk_sub_u16 v10, v2, v3 clamp", |o| both(o[0], o[1], u32::saturating_sub)),
        one("v_pk_add_i16 v10, v2, v3 clamp", |o| {
            both(o[0], o[1], |a, b| (h(a) + h(b)).clamp(-32768, 32767) as u32)
        }),
        one("v_pk_sub_i16 v10, v2, v3", |o| both(o[0], o[1], u32::wrapping_sub)),
        one("v_pk_mul_lo_u16 v10, v2, v3", |o| both(o[0], o[1], u32::wrapping_mul)),
        one("v_pk_mad_u16 v10, v2, v3, v4", |o| {
            both(both(o[0], o[1], u32::wrapping_mul), o[2], u32::wrapping_add)
        }),
        one("v_pk_mad_i16 v10, v2, v3, v4", |o| {
            both(both(o[0], o[1], u32::wrapping_mul), o[2], u32::wrapping_add)
        }),
        one("v_pk_lshlrev_b16 v10, v2, v3", |o| both(o[0], o[1], |a, b| b << (a % 16))),
        one("v_pk_lshrrev_b16 v10, v2, v3", |o| both(o[0], o[1], |a, b| b >> (a % 16))),
        one("v_pk_ashrrev_i16 v10, v2, v3", |o| both(o[0], o[1], |a, b| (h(b) >> (a % 16)) as u32)),
        one("v_pk_min_u16 v10, v2, v3", |o| both(o[0], o[1], u32::min)),
        one("v_pk_max_u16 v10, v2, v3", |o| both(o[0], o[1], u32::max)),
        one("v_pk_min_i16 v10, v2, v3", |o| both(o[0], o[1], |a, b| h(a).min(h(b)) as u32)),
        one("v_pk_max_i16 v10, v2, v3", |o| both(o[0], o[1], |a, b| h(a).max(h(b)) as u32)),
    ]
}

fn sdwa() -> Vec<Case> {
    vec![
        one("v_add_nc_u32_sdwa v10, v2, v3 dst_sel:DWORD src0_sel:BYTE_1 src1_sel:WORD_1", |o| {
            (o[0] >> 8 & 0xff) + (o[1] >> 16)
        }),
        one(
            "v_add_nc_u32_sdwa v10, sext(v2), sext(v3) dst_sel:DWORD src0_sel:BYTE_3 src1_sel:WORD_0",
            |o| ((s(o[0]) >> 24) + h(o[1])) as u32,
        ),
        one(
            "v_mov_b32 v10, v4; v_and_b32_sdwa v10, v2, v3 dst_sel:BYTE_2 dst_unused:UNUSED_PRESERVE src0_sel:DWORD src1_sel:DWORD",
            |o| o[2] & 0xff00_ffff | (o[0] & o[1] & 0xff) << 16,
        ),
        one(
            "v_mov_b32 v10, v4; v_or_b32_sdwa v10, v2, v3 dst_sel:WORD_1 dst_unused:UNUSED_PAD src0_sel:WORD_1 src1_sel:DWORD",
            |o| (o[0] >> 16 | o[1]) << 16,
        ),
        one("v_mov_b32_sdwa v10, v2 dst_sel:WORD_0 dst_unused:UNUSED_SEXT src0_sel:WORD_1", |o| {
            (s(o[0]) >> 16) as u32
        }),
        one(
            "v_cmp_lt_u32_sdwa s13, v2, v3 src0_sel:BYTE_0 src1_sel:WORD_0; v_cndmask_b32 v10, 0, 1, s13",
            |o| u32::from((o[0] & 0xff) < o[1] & 0xffff),
        ),
    ]
}
