//! 64-bit vector instructions and comparisons.

use crate::oracle::{f, h64, n64};
use crate::vector_cases::{case, one, two};
use crate::{Case, Operands};

pub fn wide() -> Vec<Case> {
    let w = |l: u32, h: u32| u64::from(l) | u64::from(h) << 32;
    let d = |l: u32, h: u32| f64::from_bits(u64::from(l) | u64::from(h) << 32);
    let signed = |x: u32| i64::from(x as i32);
    let order = |a: u64, b: u64, max: bool| {
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        let signalling = |v: u64| f64::from_bits(v).is_nan() && v >> 51 & 1 == 0;
        if signalling(a) || signalling(b) {
            return if signalling(a) { a | 1 << 51 } else { b | 1 << 51 };
        }
        match (x.is_nan(), y.is_nan()) {
            (true, _) => b,
            (_, true) => a,
            _ if x.total_cmp(&y).is_ge() == max => a,
            _ => b,
        }
    };
    let unary = |code: &'static str, op: fn(f64) -> f64| {
        two(code, move |o| n64(op(d(o[0], o[1])), &[w(o[0], o[1])]))
    };
    vec![
        two("v_lshlrev_b64 v[10:11], v4, v[2:3]", move |o| w(o[0], o[1]).wrapping_shl(o[2])),
        two("v_lshrrev_b64 v[10:11], v4, v[2:3]", move |o| w(o[0], o[1]).wrapping_shr(o[2])),
        two("v_ashrrev_i64 v[10:11], v4, v[2:3]", move |o| {
            (w(o[0], o[1]) as i64).wrapping_shr(o[2]) as u64
        }),
        case(
            "v_mad_u64_u32 v[10:11], s13, v2, v3, v[4:5]; v_cndmask_b32 v12, 0, 1, s13",
            3,
            move |o| {
                let sum = u128::from(o[0]) * u128::from(o[1]) + u128::from(w(o[2], o[3]));
                [sum as u32, (sum >> 32) as u32, (sum >> 64) as u32, 0]
            },
        ),
        two("v_mad_u64_u32 v[10:11], null, v2, v3, -1", |o| {
            (u64::from(o[0]) * u64::from(o[1])).wrapping_sub(1)
        }),
        two("v_mad_i64_i32 v[10:11], s13, v2, v3, v[4:5]", move |o| {
            (signed(o[0]) * signed(o[1])).wrapping_add(w(o[2], o[3]) as i64) as u64
        }),
        two("v_add_f64 v[10:11], v[2:3], v[4:5]", move |o| {
            n64(d(o[0], o[1]) + d(o[2], o[3]), &[w(o[0], o[1]), w(o[2], o[3])])
        }),
        two("v_add_f64 v[10:11], v[2:3], -4.0", move |o| {
            n64(d(o[0], o[1]) - 4.0, &[w(o[0], o[1])])
        }),
        two("v_mul_f64 v[10:11], v[2:3], v[4:5]", move |o| {
            n64(d(o[0], o[1]) * d(o[2], o[3]), &[w(o[0], o[1]), w(o[2], o[3])])
        }),
        two("v_fma_f64 v[10:11], v[2:3], v[4:5], -v[6:7]", move |o| {
            let minus = w(o[4], o[5]) ^ 1 << 63;
            n64(
                d(o[0], o[1]).mul_add(d(o[2], o[3]), -d(o[4], o[5])),
                &[w(o[0], o[1]), w(o[2], o[3]), minus],
            )
        }),
        two("v_min_f64 v[10:11], v[2:3], v[4:5]", move |o| {
            order(w(o[0], o[1]), w(o[2], o[3]), false)
        }),
        two("v_max_f64 v[10:11], v[2:3], v[4:5]", move |o| {
            order(w(o[0], o[1]), w(o[2], o[3]), true)
        }),
        two("v_ldexp_f64 v[10:11], v[2:3], v4", move |o| {
            let mut value = d(o[0], o[1]);
            let mut by = (o[2] as i32).clamp(-2300, 2300);
            // One bit at a time from the side that loses nothing.
            while by > 0 && value.is_finite() && value != 0.0 {
                (value, by) = (value * 2.0, by - 1);
            }
            // Only the last step can round: whatever an earlier one rounds ends up as zero.
            while by < 0 {
                let step = by.max(-900);
                (value, by) = (value * 2f64.powi(step), by - step);
            }
            n64(value, &[w(o[0], o[1])])
        }),
        unary("v_trunc_f64 v[10:11], v[2:3]", f64::trunc),
        unary("v_ceil_f64 v[10:11], v[2:3]", f64::ceil),
        unary("v_floor_f64 v[10:11], v[2:3]", f64::floor),
        unary("v_rndne_f64 v[10:11], v[2:3]", f64::round_ties_even),
        unary("v_fract_f64 v[10:11], v[2:3]", |x| {
            (x - x.floor()).min(f64::from_bits(0x3fef_ffff_ffff_ffff)) + (x - x)
        }),
        unary("v_rcp_f64 v[10:11], v[2:3]", |x| 1.0 / x),
        unary("v_rsq_f64 v[10:11], v[2:3]", |x| 1.0 / x.sqrt()),
        unary("v_sqrt_f64 v[10:11], v[2:3]", f64::sqrt),
        case("v_frexp_mant_f64 v[10:11], v[2:3]; v_frexp_exp_i32_f64 v12, v[2:3]", 3, move |o| {
            let x = d(o[0], o[1]);
            let (mut m, mut e) = (x, 0i32);
            if x == 0.0 || !x.is_finite() {
                let bits = n64(x, &[w(o[0], o[1])]);
                return [bits as u32, (bits >> 32) as u32, 0, 0];
            }
            while m.abs() >= 1.0 {
                (m, e) = (m / 2.0, e + 1);
            }
            while m.abs() < 0.5 {
                (m, e) = (m * 2.0, e - 1);
            }
            [m.to_bits() as u32, (m.to_bits() >> 32) as u32, e as u32, 0]
        }),
        one("v_cvt_i32_f64 v10, v[2:3]", move |o| d(o[0], o[1]) as i32 as u32),
        one("v_cvt_u32_f64 v10, v[2:3]", move |o| d(o[0], o[1]) as u32),
        two("v_cvt_f64_i32 v[10:11], v2", |o| f64::from(o[0] as i32).to_bits()),
        two("v_cvt_f64_u32 v[10:11], v2", |o| f64::from(o[0]).to_bits()),
        two("v_cvt_f64_f32 v[10:11], v2", |o| {
            let wide = u64::from(o[0] >> 31) << 63
                | 0x7ff << 52
                | 1 << 51
                | u64::from(o[0] & 0x7f_ffff) << 29;
            if f(o[0]).is_nan() { wide } else { f64::from(f(o[0])).to_bits() }
        }),
        one(
            "v_cvt_f32_f64 v10, v[2:3]; v_cmp_u_f32 s13, v10, v10; v_cndmask_b32 v10, v10, 0x7fc00000, s13",
            move |o| {
                let value = d(o[0], o[1]) as f32;
                if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
            },
        ),
    ]
}

pub fn compare() -> Vec<Case> {
    let mut list = Vec::new();
    let mut add = |name: String, ops: &str, want: Box<dyn Fn(&Operands) -> bool + Sync>| {
        let text = format!("{name} s13, {ops}; v_cndmask_b32 v10, 0, 1, s13");
        // Cases name their code for ever; a few hundred short strings.
        list.push(one(Box::leak(text.into_boxed_str()), move |o| u32::from(want(o))));
    };
    type Both = fn(i128, i128) -> bool;
    let integers: [(&str, Both); 8] = [
        ("f", |_, _| false),
        ("lt", |a, b| a < b),
        ("eq", |a, b| a == b),
        ("le", |a, b| a <= b),
        ("gt", |a, b| a > b),
        ("ne", |a, b| a != b),
        ("ge", |a, b| a >= b),
        ("t", |_, _| true),
    ];
    for (name, want) in integers {
        add(
            format!("v_cmp_{name}_u32"),
            "v2, v3",
            Box::new(move |o| want(o[0].into(), o[1].into())),
        );
        add(
            format!("v_cmp_{name}_i32"),
            "v2, v3",
            Box::new(move |o| want((o[0] as i32).into(), (o[1] as i32).into())),
        );
        let wide = |l: u32, h: u32| u64::from(l) | u64::from(h) << 32;
        add(
            format!("v_cmp_{name}_u64"),
            "v[2:3], v[4:5]",
            Box::new(move |o| want(wide(o[0], o[1]).into(), wide(o[2], o[3]).into())),
        );
        add(
            format!("v_cmp_{name}_i64"),
            "v[2:3], v[4:5]",
            Box::new(move |o| {
                want((wide(o[0], o[1]) as i64).into(), (wide(o[2], o[3]) as i64).into())
            }),
        );
        if name != "f" && name != "t" {
            add(
                format!("v_cmp_{name}_u16"),
                "v2, v3",
                Box::new(move |o| want((o[0] as u16).into(), (o[1] as u16).into())),
            );
            add(
                format!("v_cmp_{name}_i16"),
                "v2, v3",
                Box::new(move |o| want((o[0] as i16).into(), (o[1] as i16).into())),
            );
        }
    }
    type Floats = fn(f64, f64) -> bool;
    let floats: [(&str, Floats); 16] = [
        ("f", |_, _| false),
        ("lt", |a, b| a < b),
        ("eq", |a, b| a == b),
        ("le", |a, b| a <= b),
        ("gt", |a, b| a > b),
        ("lg", |a, b| a < b || a > b),
        ("ge", |a, b| a >= b),
        ("o", |a, b| !a.is_nan() && !b.is_nan()),
        ("u", |a, b| a.is_nan() || b.is_nan()),
        ("nge", |a, b| !(a >= b)),
        ("nlg", |a, b| !(a < b || a > b)),
        ("ngt", |a, b| !(a > b)),
        ("nle", |a, b| !(a <= b)),
        ("neq", |a, b| a != b),
        ("nlt", |a, b| !(a < b)),
        ("tru", |_, _| true),
    ];
    for (name, want) in floats {
        add(
            format!("v_cmp_{name}_f32"),
            "v2, v3",
            Box::new(move |o| want(f(o[0]).into(), f(o[1]).into())),
        );
        add(
            format!("v_cmp_{name}_f32"),
            "-v2, |v3|",
            Box::new(move |o| want((-f(o[0])).into(), f(o[1]).abs().into())),
        );
        add(
            format!("v_cmp_{name}_f16"),
            "v2, v3",
            Box::new(move |o| want(h64(o[0] & 0xffff), h64(o[1] & 0xffff))),
        );
        let wide = |l: u32, h: u32| f64::from_bits(u64::from(l) | u64::from(h) << 32);
        add(
            format!("v_cmp_{name}_f64"),
            "v[2:3], v[4:5]",
            Box::new(move |o| want(wide(o[0], o[1]), wide(o[2], o[3]))),
        );
    }
    let class =
        |negative: bool, nan: Option<bool>, infinite: bool, normal: bool, zero: bool| match nan {
            Some(quiet) => u32::from(quiet),
            None => {
                let step = if infinite {
                    0
                } else if normal {
                    1
                } else if zero {
                    3
                } else {
                    2
                };
                if negative { 2 + step } else { 9 - step }
            }
        };
    add(
        "v_cmp_class_f32".into(),
        "v2, v3",
        Box::new(move |o| {
            let x = f(o[0]);
            let nan = x.is_nan().then_some(o[0] & 0x40_0000 != 0);
            o[1] >> class(x.is_sign_negative(), nan, x.is_infinite(), x.is_normal(), x == 0.0) & 1
                != 0
        }),
    );
    add(
        "v_cmp_class_f16".into(),
        "v2, v3",
        Box::new(move |o| {
            let (bits, x) = (o[0] & 0xffff, h64(o[0] & 0xffff));
            let nan = x.is_nan().then_some(bits & 0x200 != 0);
            let normal = bits & 0x7c00 != 0;
            o[1] >> class(bits & 0x8000 != 0, nan, x.is_infinite(), normal, x == 0.0) & 1 != 0
        }),
    );
    add(
        "v_cmp_class_f64".into(),
        "v[2:3], v4",
        Box::new(move |o| {
            let bits = u64::from(o[0]) | u64::from(o[1]) << 32;
            let x = f64::from_bits(bits);
            let nan = x.is_nan().then_some(bits >> 51 & 1 != 0);
            o[2] >> class(x.is_sign_negative(), nan, x.is_infinite(), x.is_normal(), x == 0.0) & 1
                != 0
        }),
    );
    list.push(one(
        "s_mov_b32 s14, exec_lo; v_cmpx_lt_u32 v2, v3; v_mov_b32 v10, 1; s_mov_b32 exec_lo, s14",
        |o| u32::from(o[0] < o[1]),
    ));
    list
}
