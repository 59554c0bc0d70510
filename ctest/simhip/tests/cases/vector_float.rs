//! Vector floating point in f32 and f16, MODE and modifiers.

use crate::oracle::{
    To, add32, f, flush, fma32, h_nan, h_of_f32, h64, hadd, hfma, hmul, hn, mul32, n32,
};
use crate::vector_cases::{case, one};
use crate::{Case, Operands};

/// At most one unit in the last place: operations that the hardware does not round correctly.
fn loose(code: &'static str, want: impl Fn(&Operands) -> u32 + Sync + 'static) -> Case {
    Case { loose_ulps: 1, ..one(code, want) }
}

/// `minNum`/`maxNum` in IEEE mode.
fn min_max(a: u32, b: u32, max: bool) -> u32 {
    let signalling = |x: u32| f(x).is_nan() && x & 0x40_0000 == 0;
    if signalling(a) || signalling(b) {
        return if signalling(a) { a | 0x40_0000 } else { b | 0x40_0000 };
    }
    match (f(a).is_nan(), f(b).is_nan()) {
        (true, _) => b,
        (_, true) => a,
        _ if (f(a).total_cmp(&f(b)).is_ge()) == max => a,
        _ => b,
    }
}

fn h_min_max(a: u32, b: u32, max: bool) -> u32 {
    let (a, b) = (a & 0xffff, b & 0xffff);
    let signalling = |x: u32| h_nan(x) && x & 0x200 == 0;
    if signalling(a) || signalling(b) {
        return if signalling(a) { a | 0x200 } else { b | 0x200 };
    }
    match (h_nan(a), h_nan(b)) {
        (true, _) => b,
        (_, true) => a,
        _ if (h64(a).total_cmp(&h64(b)).is_ge()) == max => a,
        _ => b,
    }
}

fn sorted3(o: &Operands, which: usize) -> u32 {
    let (min, max) = (|a, b| min_max(a, b, false), |a, b| min_max(a, b, true));
    let any_nan = o[..3].iter().any(|&x| f(x).is_nan());
    match which {
        0 => min(min(o[0], o[1]), o[2]),
        2 => max(max(o[0], o[1]), o[2]),
        _ if any_nan => min(min(o[0], o[1]), o[2]),
        _ => {
            let mut v = [f(o[0]), f(o[1]), f(o[2])];
            v.sort_unstable_by(f32::total_cmp);
            v[1].to_bits()
        }
    }
}

pub fn f32() -> Vec<Case> {
    let fma = |o: &Operands| n32(f(o[0]).mul_add(f(o[1]), f(o[2])), &o[..3]);
    let mad = |o: &Operands| {
        let (a, b, c) = (f(flush(o[0])), f(flush(o[1])), f(flush(o[2])));
        let product = a * b;
        if product.is_nan() {
            return n32(product, &o[..3]);
        }
        let sum = f(flush(product.to_bits())) + c;
        flush(n32(sum, &o[2..3]))
    };
    let mut list = vec![
        one("v_add_f32 v10, v2, v3", |o| n32(f(o[0]) + f(o[1]), &o[..2])),
        one("v_sub_f32 v10, v2, v3", |o| n32(f(o[0]) - f(o[1]), &o[..2])),
        one("v_subrev_f32 v10, v2, v3", |o| n32(f(o[1]) - f(o[0]), &o[..2])),
        one("v_mul_f32 v10, v2, v3", |o| n32(f(o[0]) * f(o[1]), &o[..2])),
        one("v_mul_f32 v10, 2.0, v3", |o| n32(2.0 * f(o[1]), &o[1..2])),
        one("v_mul_legacy_f32 v10, v2, v3", |o| {
            let zero = f(o[0]) == 0.0 || f(o[1]) == 0.0;
            if zero { 0 } else { n32(f(o[0]) * f(o[1]), &o[..2]) }
        }),
        one("v_min_f32 v10, v2, v3", |o| min_max(o[0], o[1], false)),
        one("v_max_f32 v10, v2, v3", |o| min_max(o[0], o[1], true)),
        one("v_min3_f32 v10, v2, v3, v4", |o| sorted3(o, 0)),
        one("v_med3_f32 v10, v2, v3, v4", |o| sorted3(o, 1)),
        one("v_max3_f32 v10, v2, v3, v4", |o| sorted3(o, 2)),
        one("v_mov_b32 v10, v4; v_fmac_f32 v10, v2, v3", fma),
        one("v_mov_b32 v10, v4; v_fmac_f32_e64 v10, -v2, |v3|", |o| {
            n32(
                (-f(o[0])).mul_add(f(o[1]).abs(), f(o[2])),
                &[o[0] ^ 0x8000_0000, o[1] & 0x7fff_ffff, o[2]],
            )
        }),
        one("v_fma_f32 v10, v2, v3, v4", fma),
        one("v_fma_f32 v10, v2, v2, v2", |o| n32(f(o[0]).mul_add(f(o[0]), f(o[0])), &o[..1])),
        one("v_fmamk_f32 v10, v2, 0x40490fdb, v3", |o| {
            n32(f(o[0]).mul_add(f(0x4049_0fdb), f(o[1])), &o[..2])
        }),
        one("v_fmaak_f32 v10, v2, v3, 0x40490fdb", |o| {
            n32(f(o[0]).mul_add(f(o[1]), f(0x4049_0fdb)), &o[..2])
        }),
        one("v_mad_f32 v10, v2, v3, v4", mad),
        one("v_mov_b32 v10, v4; v_mac_f32 v10, v2, v3", mad),
        one("v_madak_f32 v10, v2, v3, 0x40490fdb", move |o| {
            mad(&[o[0], o[1], 0x4049_0fdb, 0, 0, 0, 0, 0])
        }),
        one("v_madmk_f32 v10, v2, 0x40490fdb, v3", move |o| {
            mad(&[o[0], 0x4049_0fdb, o[1], 0, 0, 0, 0, 0])
        }),
        one("v_trunc_f32 v10, v2", |o| n32(f(o[0]).trunc(), &o[..1])),
        one("v_ceil_f32 v10, v2", |o| n32(f(o[0]).ceil(), &o[..1])),
        one("v_floor_f32 v10, v2", |o| n32(f(o[0]).floor(), &o[..1])),
        one("v_rndne_f32 v10, v2", |o| n32(f(o[0]).round_ties_even(), &o[..1])),
        one("v_fract_f32 v10, v2", |o| {
            let x = f(o[0]);
            n32((x - x.floor()).min(f(0x3f7f_ffff)) + (x - x), &o[..1])
        }),
        loose("v_exp_f32 v10, v2", |o| {
            flush(n32(f64::from(f(flush(o[0]))).exp2() as f32, &o[..1]))
        }),
        loose("v_log_f32 v10, v2", |o| n32(f64::from(f(flush(o[0]))).log2() as f32, &o[..1])),
        loose("v_rcp_f32 v10, v2", |o| n32(1.0 / f(o[0]), &o[..1])),
        loose("v_rcp_iflag_f32 v10, v2", |o| n32(1.0 / f(o[0]), &o[..1])),
        loose("v_rsq_f32 v10, v2", |o| n32((1.0 / f64::from(f(o[0])).sqrt()) as f32, &o[..1])),
        loose("v_sqrt_f32 v10, v2", |o| n32(f(o[0]).sqrt(), &o[..1])),
        // Whole and half turns only: the hardware's accuracy elsewhere is not ours to state.
        loose(
            "v_and_b32 v11, 3, v2; v_cvt_f32_u32 v11, v11; v_mul_f32 v11, 0.25, v11; v_add_f32 v11, 0.5, v11; v_sin_f32 v10, v11; v_rndne_f32 v10, v10; v_add_f32 v10, 2.0, v10",
            |o| [2.0f32, 1.0, 2.0, 3.0][(o[0] & 3) as usize].to_bits(),
        ),
        loose(
            "v_and_b32 v11, 3, v2; v_cvt_f32_u32 v11, v11; v_mul_f32 v11, 0.25, v11; v_cos_f32 v10, v11; v_rndne_f32 v10, v10; v_add_f32 v10, 2.0, v10",
            |o| [3.0f32, 2.0, 1.0, 2.0][(o[0] & 3) as usize].to_bits(),
        ),
        case("v_frexp_mant_f32 v10, v2; v_frexp_exp_i32_f32 v11, v2", 2, |o| {
            let x = f(o[0]);
            if x == 0.0 || !x.is_finite() {
                return [n32(x, &o[..1]), 0, 0, 0];
            }
            let (mut m, mut e) = (f64::from(x), 0i32);
            while m.abs() >= 1.0 {
                (m, e) = (m / 2.0, e + 1);
            }
            while m.abs() < 0.5 {
                (m, e) = (m * 2.0, e - 1);
            }
            [(m as f32).to_bits(), e as u32, 0, 0]
        }),
        one("v_cvt_i32_f32 v10, v2", |o| f(o[0]) as i32 as u32),
        one("v_cvt_u32_f32 v10, v2", |o| f(o[0]) as u32),
        one("v_cvt_rpi_i32_f32 v10, v2", |o| (f64::from(f(o[0])) + 0.5).floor() as i32 as u32),
        one("v_cvt_flr_i32_f32 v10, v2", |o| f(o[0]).floor() as i32 as u32),
        one("v_cvt_f32_i32 v10, v2", |o| (o[0] as i32 as f32).to_bits()),
        one("v_cvt_f32_u32 v10, v2", |o| (o[0] as f32).to_bits()),
        one("v_cvt_f32_ubyte0 v10, v2", |o| f32::from(o[0] as u8).to_bits()),
        one("v_cvt_f32_ubyte1 v10, v2", |o| f32::from(o[0].to_le_bytes()[1]).to_bits()),
        one("v_cvt_f32_ubyte2 v10, v2", |o| f32::from(o[0].to_le_bytes()[2]).to_bits()),
        one("v_cvt_f32_ubyte3 v10, v2", |o| f32::from(o[0].to_le_bytes()[3]).to_bits()),
        one("v_cvt_f16_f32 v10, v2", |o| h_of_f32(o[0], To::Nearest)),
        one("v_cvt_pkrtz_f16_f32 v10, v2, v3", |o| {
            h_of_f32(o[0], To::Zero) | h_of_f32(o[1], To::Zero) << 16
        }),
        one("v_cvt_f32_f16 v10, v2", |o| {
            let x = o[0] & 0xffff;
            if h_nan(x) {
                return (x & 0x8000) << 16 | 0x7fc0_0000 | (x & 0x3ff) << 13;
            }
            (h64(x) as f32).to_bits()
        }),
        one("v_ldexp_f32 v10, v2, v3", |o| {
            let by = (o[1] as i32).clamp(-400, 400);
            n32((f64::from(f(o[0])) * 2f64.powi(by)) as f32, &o[..1])
        }),
    ];
    list.extend(mix());
    list
}

/// The mixed multiply-add: f32 results from any choice of halves.
fn mix() -> Vec<Case> {
    let low = |x: u32| h64(x & 0xffff) as f32;
    let high = |x: u32| h64(x >> 16) as f32;
    // NaN payloads of halves are not compared: the snippets put a fixed NaN instead.
    vec![
        one(
            "v_fma_mix_f32 v10, v2, v3, v4 op_sel_hi:[1,1,0]; v_cmp_u_f32 s13, v10, v10; v_cndmask_b32 v10, v10, 0x7fc00000, s13",
            move |o| {
                let value = low(o[0]).mul_add(low(o[1]), f(o[2]));
                if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
            },
        ),
        one(
            "v_fma_mix_f32 v10, v2, v3, v4 op_sel:[1,0,1] op_sel_hi:[1,0,1]; v_cmp_u_f32 s13, v10, v10; v_cndmask_b32 v10, v10, 0x7fc00000, s13",
            move |o| {
                let value = high(o[0]).mul_add(f(o[1]), high(o[2]));
                if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
            },
        ),
        one(
            "v_fma_mix_f32 v10, -v2, |v3|, v4; v_cmp_u_f32 s13, v10, v10; v_cndmask_b32 v10, v10, 0x7fc00000, s13",
            move |o| {
                let value = (-f(o[0])).mul_add(f(o[1]).abs(), f(o[2]));
                if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
            },
        ),
        one(
            "v_fma_mixlo_f16 v10, v2, v3, v4 op_sel_hi:[1,1,1]; v_cmp_u_f16 s13, v10, v10; v_cndmask_b32 v10, v10, 0x7e00, s13",
            |o| {
                let value = hfma(o[0], o[1], o[2], To::Nearest);
                if h_nan(value) { 0x7e00 } else { value }
            },
        ),
        one(
            "v_mov_b32 v10, 0x1234; v_fma_mixhi_f16 v10, v2, v3, v4 op_sel:[0,1,0] op_sel_hi:[1,1,1]; v_lshrrev_b32 v11, 16, v10; v_cmp_u_f16 s13, v11, v11; v_cndmask_b32 v10, v10, 0x7e001234, s13",
            |o| {
                let value = hfma(o[0], o[1] >> 16, o[2], To::Nearest);
                0x1234 | if h_nan(value) { 0x7e00 } else { value } << 16
            },
        ),
        one(
            "v_fma_mix_f32 v10, v2, v3, 1.0; v_cmp_u_f32 s13, v10, v10; v_cndmask_b32 v10, v10, 0x7fc00000, s13",
            move |o| {
                let value = f(o[0]).mul_add(f(o[1]), 1.0);
                if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
            },
        ),
    ]
}

fn h_unary(code: &'static str, value: impl Fn(f64) -> f64 + Sync + 'static) -> Case {
    one(code, move |o| {
        let x = o[0] & 0xffff;
        let value = value(h64(x));
        if value.is_nan() { hn(&[x]) } else { h_of_f64(value) }
    })
}

/// Results of these operations are never close to a tie, or exact.
fn h_of_f64(value: f64) -> u32 {
    h_of_f32((value as f32).to_bits(), To::Nearest)
}

pub fn f16() -> Vec<Case> {
    let near = To::Nearest;
    let pair = |a: u32, b: u32| a & 0xffff | b << 16;
    let flip = |x: u32| x ^ 0x8000;
    vec![
        one("v_add_f16 v10, v2, v3", move |o| hadd(o[0], o[1], near)),
        one("v_sub_f16 v10, v2, v3", move |o| {
            let nan = h_nan(o[0] & 0xffff) || h_nan(o[1] & 0xffff);
            if nan { hn(&o[..2]) } else { hadd(o[0], flip(o[1]), near) }
        }),
        one("v_subrev_f16 v10, v2, v3", move |o| {
            let nan = h_nan(o[0] & 0xffff) || h_nan(o[1] & 0xffff);
            if nan { hn(&o[..2]) } else { hadd(o[1], flip(o[0]), near) }
        }),
        one("v_mul_f16 v10, v2, v3", move |o| hmul(o[0], o[1], near)),
        one("v_fma_f16 v10, v2, v3, v4", move |o| hfma(o[0], o[1], o[2], near)),
        one("v_fma_f16 v10, v2, v3, v4 op_sel:[1,0,1,0]", move |o| {
            hfma(o[0] >> 16, o[1], o[2] >> 16, near)
        }),
        one("v_mov_b32 v10, v4; v_fmac_f16 v10, v2, v3", move |o| {
            o[2] & 0xffff_0000 | hfma(o[0], o[1], o[2], near)
        }),
        one("v_fmamk_f16 v10, v2, 0x4248, v3", move |o| hfma(o[0], 0x4248, o[1], near)),
        one("v_fmaak_f16 v10, v2, v3, 0x4248", move |o| hfma(o[0], o[1], 0x4248, near)),
        one("v_min_f16 v10, v2, v3", |o| h_min_max(o[0], o[1], false)),
        one("v_max_f16 v10, v2, v3", |o| h_min_max(o[0], o[1], true)),
        one("v_min3_f16 v10, v2, v3, v4", |o| h_min_max(h_min_max(o[0], o[1], false), o[2], false)),
        one("v_max3_f16 v10, v2, v3, v4", |o| h_min_max(h_min_max(o[0], o[1], true), o[2], true)),
        one("v_med3_f16 v10, v2, v3, v4", |o| {
            let v = [o[0], o[1], o[2]].map(|x| x & 0xffff);
            if v.iter().any(|&x| h_nan(x)) {
                return h_min_max(h_min_max(v[0], v[1], false), v[2], false);
            }
            let mut v = v;
            v.sort_unstable_by(|&a, &b| h64(a).total_cmp(&h64(b)));
            v[1]
        }),
        h_unary("v_trunc_f16 v10, v2", f64::trunc),
        h_unary("v_ceil_f16 v10, v2", f64::ceil),
        h_unary("v_floor_f16 v10, v2", f64::floor),
        h_unary("v_rndne_f16 v10, v2", f64::round_ties_even),
        h_unary("v_fract_f16 v10, v2", |x| (x - x.floor()).min(h64(0x3bff)) + (x - x)),
        h_unary("v_rcp_f16 v10, v2", |x| 1.0 / x),
        h_unary("v_rsq_f16 v10, v2", |x| 1.0 / x.sqrt()),
        h_unary("v_sqrt_f16 v10, v2", f64::sqrt),
        h_unary("v_exp_f16 v10, v2", f64::exp2),
        h_unary("v_log_f16 v10, v2", f64::log2),
        one("v_ldexp_f16 v10, v2, v3", |o| {
            let value =
                h64(o[0] & 0xffff) * 2f64.powi((o[1] as u16 as i16).clamp(-100, 100).into());
            if value.is_nan() { hn(&o[..1]) } else { h_of_f64(value) }
        }),
        one("v_cvt_f16_u16 v10, v2", |o| h_of_f64(f64::from(o[0] as u16))),
        one("v_cvt_f16_i16 v10, v2", |o| h_of_f64(f64::from(o[0] as u16 as i16))),
        one("v_cvt_u16_f16 v10, v2", |o| u32::from(h64(o[0] & 0xffff) as u16)),
        one("v_cvt_i16_f16 v10, v2", |o| u32::from(h64(o[0] & 0xffff) as i16 as u16)),
        one("v_pack_b32_f16 v10, v2, v3", move |o| pair(o[0], o[1] & 0xffff)),
        one("v_pack_b32_f16 v10, v2, v3 op_sel:[1,0,0]", move |o| pair(o[0] >> 16, o[1] & 0xffff)),
        one("v_pk_fma_f16 v10, v2, v3, v4", move |o| {
            pair(hfma(o[0], o[1], o[2], near), hfma(o[0] >> 16, o[1] >> 16, o[2] >> 16, near))
        }),
        one(
            "v_pk_fma_f16 v10, v2, v3, v4 op_sel:[0,1,0] op_sel_hi:[1,1,0] neg_lo:[1,0,0] neg_hi:[0,0,1]",
            move |o| {
                let low = hfma(flip(o[0]), o[1] >> 16, o[2], near);
                let high = hfma(o[0] >> 16, o[1] >> 16, flip(o[2]), near);
                pair(low, high)
            },
        ),
        one("v_pk_fma_f16 v10, v2, v3, 1.0 op_sel_hi:[1,1,0]", move |o| {
            pair(hfma(o[0], o[1], 0x3c00, near), hfma(o[0] >> 16, o[1] >> 16, 0x3c00, near))
        }),
        one("v_mov_b32 v10, v4; v_pk_fmac_f16 v10, v2, v3", move |o| {
            pair(hfma(o[0], o[1], o[2], near), hfma(o[0] >> 16, o[1] >> 16, o[2] >> 16, near))
        }),
        one("v_pk_add_f16 v10, v2, v3", move |o| {
            pair(hadd(o[0], o[1], near), hadd(o[0] >> 16, o[1] >> 16, near))
        }),
        one("v_pk_mul_f16 v10, v2, v3", move |o| {
            pair(hmul(o[0], o[1], near), hmul(o[0] >> 16, o[1] >> 16, near))
        }),
        one("v_pk_min_f16 v10, v2, v3", move |o| {
            pair(h_min_max(o[0], o[1], false), h_min_max(o[0] >> 16, o[1] >> 16, false))
        }),
        one("v_pk_max_f16 v10, v2, v3", move |o| {
            pair(h_min_max(o[0], o[1], true), h_min_max(o[0] >> 16, o[1] >> 16, true))
        }),
        one(
            "v_add_f16_sdwa v10, v2, v3 dst_sel:WORD_1 dst_unused:UNUSED_PAD src0_sel:WORD_1 src1_sel:WORD_0",
            move |o| hadd(o[0] >> 16, o[1], near) << 16,
        ),
    ]
}

/// MODE, output multipliers and clamps.
pub fn modes() -> Vec<Case> {
    let mut list = Vec::new();
    let n = |value: f32, o: &Operands, k: usize| n32(value, &o[..k]);
    for (name, to) in [("0", To::Nearest), ("1", To::Up), ("2", To::Down), ("3", To::Zero)] {
        let mut add = |body: &str, want: Box<dyn Fn(&Operands) -> u32 + Sync>| {
            let text = format!("s_round_mode 0x{name}; {body}; s_round_mode 0x0");
            list.push(one(Box::leak(text.into_boxed_str()), want));
        };
        add("v_add_f32 v10, v2, v3", Box::new(move |o| n(add32(f(o[0]), f(o[1]), to), o, 2)));
        add("v_sub_f32 v10, v2, v3", Box::new(move |o| n(add32(f(o[0]), -f(o[1]), to), o, 2)));
        add("v_mul_f32 v10, v2, v3", Box::new(move |o| n(mul32(f(o[0]), f(o[1]), to), o, 2)));
        add(
            "v_fma_f32 v10, v2, v3, v4",
            Box::new(move |o| n(fma32(f(o[0]), f(o[1]), f(o[2]), to), o, 3)),
        );
        add(
            "v_cvt_f32_u32 v10, v2",
            Box::new(move |o| {
                let exact = f64::from(o[0]);
                let nearest = exact as f32;
                let up = f64::from(nearest) < exact && to == To::Up;
                let down = f64::from(nearest) > exact && matches!(to, To::Down | To::Zero);
                if up {
                    nearest.next_up()
                } else if down {
                    nearest.next_down()
                } else {
                    nearest
                }
                .to_bits()
            }),
        );
    }
    for (name, to) in [("4", To::Up), ("8", To::Down), ("c", To::Zero)] {
        let mut add = |body: &str, want: Box<dyn Fn(&Operands) -> u32 + Sync>| {
            let text = format!("s_round_mode 0x{name}; {body}; s_round_mode 0x0");
            list.push(one(Box::leak(text.into_boxed_str()), want));
        };
        add("v_add_f16 v10, v2, v3", Box::new(move |o| hadd(o[0], o[1], to)));
        add("v_mul_f16 v10, v2, v3", Box::new(move |o| hmul(o[0], o[1], to)));
        add("v_fma_f16 v10, v2, v3, v4", Box::new(move |o| hfma(o[0], o[1], o[2], to)));
        add("v_cvt_f16_f32 v10, v2", Box::new(move |o| h_of_f32(o[0], to)));
    }
    let clamp = |x: f32| if x > 0.0 { x.min(1.0) } else { 0.0 };
    list.extend([
        one("s_denorm_mode 0xc; v_mul_f32 v10, v2, v3; s_denorm_mode 0xf", |o| {
            flush(n32(f(flush(o[0])) * f(flush(o[1])), &o[..2]))
        }),
        one("s_denorm_mode 0xd; v_mul_f32 v10, v2, v3; s_denorm_mode 0xf", |o| {
            flush(n32(f(o[0]) * f(o[1]), &o[..2]))
        }),
        one("s_denorm_mode 0xe; v_mul_f32 v10, v2, v3; s_denorm_mode 0xf", |o| {
            n32(f(flush(o[0])) * f(flush(o[1])), &o[..2])
        }),
        one("s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 0; v_add_f32 v10, v2, v3; s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 3", |o| {
            flush(n32(f(flush(o[0])) + f(flush(o[1])), &o[..2]))
        }),
        one("v_add_f32 v10, v2, v3 clamp", move |o| clamp(f(o[0]) + f(o[1])).to_bits()),
        one("v_mul_f32 v10, v2, v3 mul:2", |o| n32(f(o[0]) * f(o[1]) * 2.0, &o[..2])),
        one("v_mul_f32 v10, v2, v3 mul:4", |o| n32(f(o[0]) * f(o[1]) * 4.0, &o[..2])),
        one("v_add_f32 v10, v2, v3 div:2", |o| n32((f(o[0]) + f(o[1])) * 0.5, &o[..2])),
        one("v_mul_f32 v10, -v2, |v3|", |o| {
            n32(-f(o[0]) * f(o[1]).abs(), &[o[0] ^ 0x8000_0000, o[1] & 0x7fff_ffff])
        }),
        one("v_pk_mul_f16 v10, v2, v3 clamp", |o| {
            let part = |a: u32, b: u32| {
                let value = hmul(a, b, To::Nearest);
                if h_nan(value) || value & 0x8000 != 0 { 0 } else { value.min(0x3c00) }
            };
            part(o[0], o[1]) | part(o[0] >> 16, o[1] >> 16) << 16
        }),
    ]);
    list
}
