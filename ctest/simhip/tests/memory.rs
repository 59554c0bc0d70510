//! LDS and memory instructions against plain Rust: every width, sign, half, and atomic.

mod common;

use common::{
    AsmKernel, Buffer, asm_file, assemble, function, last_fault, load, run_kernel, session,
};

/// A kernel's lines, and the result that lane `l` stores.
struct Case {
    code: String,
    want: Box<dyn Fn(u32) -> u32>,
}

fn case(code: &str, want: impl Fn(u32) -> u32 + 'static) -> Case {
    Case { code: code.replace(';', "\n"), want: Box::new(want) }
}

/// Word `k` of the input and of the prepared LDS.
fn word(k: u32) -> u32 {
    k.wrapping_mul(0x9e37_79b1) ^ 0x8081_c3a5
}

fn byte(at: u32) -> u32 {
    word(at / 4) >> (at % 4 * 8) & 0xff
}

fn half(at: u32) -> u32 {
    byte(at) | byte(at + 1) << 8
}

fn sext8(x: u32) -> u32 {
    i32::from(x as u8 as i8) as u32
}

fn sext16(x: u32) -> u32 {
    i32::from(x as u16 as i16) as u32
}

/// Input in `s[8:9]`, output in `s[10:11]`, lane in `v0`, 4 and 16 times the lane in `v1` and `v2`;
/// LDS and input hold `word(k)`; `v20` is stored.
const START: &str = "
  s_load_dwordx4 s[8:11], s[0:1], 0x0
  v_lshlrev_b32 v1, 2, v0
  v_lshlrev_b32 v2, 4, v0
  s_waitcnt lgkmcnt(0)
  global_load_dwordx4 v[4:7], v2, s[8:9]
  global_load_dwordx4 v[8:11], v2, s[8:9] offset:512
  v_mov_b32 v20, 0
  v_mov_b32 v21, 0
  s_mov_b32 s12, s8
  s_mov_b32 s13, s9
  s_mov_b32 s14, 0x1000
  s_mov_b32 s15, 0x31014000
  s_mov_b32 s16, 8
  s_waitcnt vmcnt(0)
  ds_write_b128 v2, v[4:7]
  ds_write_b128 v2, v[8:11] offset:512
  s_waitcnt lgkmcnt(0)
";
const END: &str = "
  s_waitcnt vmcnt(0) lgkmcnt(0)
  global_store_dword v1, v20, s[10:11]
";

fn check(cases: &[Case]) {
    let _one = session();
    let names: Vec<String> = (0..cases.len()).map(|k| format!("case_{k}")).collect();
    let bodies: Vec<String> = cases.iter().map(|c| format!("{START}{}\n{END}", c.code)).collect();
    let kernels: Vec<AsmKernel> = names
        .iter()
        .zip(&bodies)
        .map(|(name, body)| AsmKernel { name, body, lds_bytes: 1024, workgroup: 32 })
        .collect();
    let Some(code) = assemble(&asm_file(&kernels, "gfx1010"), "gfx1010") else { return };
    let module = load(&code);
    for (case, name) in cases.iter().zip(&names) {
        let input: Vec<u32> = (0..1024).map(word).collect();
        let (input, output) = (Buffer::from(&input), Buffer::new(4096));
        let arguments =
            [input.address.addr(), output.address.addr()].map(usize::to_le_bytes).concat();
        let error = run_kernel(function(module, name), [1, 1, 1], [32, 1, 1], &arguments);
        assert_eq!(error, 0, "{}: {}", case.code, last_fault());
        let got: Vec<u32> = output.read();
        for lane in 0..32 {
            let want = (case.want)(lane);
            assert_eq!(got[lane as usize], want, "{} in lane {lane}", case.code);
        }
    }
}

#[test]
fn lds_reads() {
    let wait = "s_waitcnt lgkmcnt(0)";
    let read = |text: &str, want: fn(u32) -> u32| case(&format!("{text}; {wait}"), want);
    check(&[
        read("ds_read_b32 v20, v1 offset:8", |l| word(l + 2)),
        case(
            "ds_read_b64 v[20:21], v2 offset:8; s_waitcnt lgkmcnt(0); v_xor_b32 v20, v20, v21",
            |l| word(4 * l + 2) ^ word(4 * l + 3),
        ),
        case(
            "ds_read_b96 v[20:22], v2; s_waitcnt lgkmcnt(0); v_xor3_b32 v20, v20, v21, v22",
            |l| word(4 * l) ^ word(4 * l + 1) ^ word(4 * l + 2),
        ),
        case(
            "ds_read_b128 v[20:23], v2 offset:16; s_waitcnt lgkmcnt(0); v_xor3_b32 v20, v20, v21, v23",
            |l| word(4 * l + 4) ^ word(4 * l + 5) ^ word(4 * l + 7),
        ),
        read("ds_read_u8 v20, v1 offset:3", |l| byte(4 * l + 3)),
        read("ds_read_i8 v20, v0 offset:1", |l| sext8(byte(l + 1))),
        read("ds_read_u16 v20, v1 offset:2", |l| half(4 * l + 2)),
        read("ds_read_i16 v20, v1", |l| sext16(half(4 * l))),
        case("v_mov_b32 v20, 0x12345678; ds_read_u8_d16 v20, v1", |l| 0x1234_0000 | byte(4 * l)),
        case("v_mov_b32 v20, 0x12345678; ds_read_u8_d16_hi v20, v1", |l| {
            0x5678 | byte(4 * l) << 16
        }),
        case("v_mov_b32 v20, 0x12345678; ds_read_i8_d16 v20, v1", |l| {
            0x1234_0000 | sext8(byte(4 * l)) & 0xffff
        }),
        case("v_mov_b32 v20, 0x12345678; ds_read_i8_d16_hi v20, v1", |l| {
            0x5678 | sext8(byte(4 * l)) << 16
        }),
        case("v_mov_b32 v20, 0x12345678; ds_read_u16_d16 v20, v1", |l| 0x1234_0000 | half(4 * l)),
        case("v_mov_b32 v20, 0x12345678; ds_read_u16_d16_hi v20, v1", |l| {
            0x5678 | half(4 * l) << 16
        }),
        case(
            "ds_read2_b32 v[20:21], v1 offset0:1 offset1:5; s_waitcnt lgkmcnt(0); v_sub_nc_u32 v20, v20, v21",
            |l| word(l + 1).wrapping_sub(word(l + 5)),
        ),
        case(
            "ds_read2st64_b32 v[20:21], v1 offset0:1 offset1:2; s_waitcnt lgkmcnt(0); v_sub_nc_u32 v20, v20, v21",
            |l| word(l + 64).wrapping_sub(word(l + 128)),
        ),
        case(
            "ds_read2_b64 v[20:23], v2 offset0:1 offset1:3; s_waitcnt lgkmcnt(0); v_xor3_b32 v20, v20, v21, v23",
            |l| word(4 * l + 2) ^ word(4 * l + 3) ^ word(4 * l + 7),
        ),
        case(
            "v_lshlrev_b32 v3, 3, v0; ds_read2st64_b64 v[20:23], v3 offset0:0 offset1:1; s_waitcnt lgkmcnt(0); v_xor3_b32 v20, v20, v21, v23",
            |l| word(2 * l) ^ word(2 * l + 1) ^ word(2 * l + 129),
        ),
    ]);
}

#[test]
fn lds_writes() {
    let back = "s_waitcnt lgkmcnt(0); ds_read_b32 v20, v1";
    let then = |text: &str| {
        format!(
            "v_mov_b32 v16, 0xa1b2c3d4; v_mov_b32 v17, 0x11223344; v_mov_b32 v18, 0x55667788; v_mov_b32 v19, 0x99aabbcc; {text}; {back}"
        )
    };
    let part = |l: u32, values: [u32; 4], count: u32| {
        if l % 4 < count { values[(l % 4) as usize] } else { word(l) }
    };
    let (a, b, c, d) = (0xa1b2_c3d4u32, 0x1122_3344, 0x5566_7788, 0x99aa_bbcc);
    check(&[
        case(&then("ds_write_b8 v1, v16 offset:1"), move |l| word(l) & 0xffff_00ff | 0xd400),
        case(&then("ds_write_b8_d16_hi v1, v16"), move |l| word(l) & 0xffff_ff00 | 0xb2),
        case(&then("ds_write_b16 v1, v16 offset:2"), move |l| word(l) & 0xffff | 0xc3d4_0000),
        case(&then("ds_write_b16_d16_hi v1, v16"), move |l| word(l) & 0xffff_0000 | 0xa1b2),
        case(&then("ds_write_b32 v1, v16"), move |_| a),
        case(&then("ds_write_b64 v2, v[16:17]"), move |l| part(l, [a, b, 0, 0], 2)),
        case(&then("ds_write_b96 v2, v[16:18]"), move |l| part(l, [a, b, c, 0], 3)),
        case(&then("ds_write_b128 v2, v[16:19]"), move |l| part(l, [a, b, c, d], 4)),
        case(&then("ds_write2_b32 v2, v16, v19 offset0:1 offset1:3"), move |l| {
            [word(l), a, word(l), d][(l % 4) as usize]
        }),
        case(&then("ds_write2_b64 v2, v[16:17], v[18:19] offset0:1 offset1:0"), move |l| {
            [c, d, a, b][(l % 4) as usize]
        }),
        case(
            "v_mov_b32 v16, 7; v_mov_b32 v17, 9; ds_write2st64_b32 v1, v16, v17 offset0:1 offset1:2; s_waitcnt lgkmcnt(0); ds_read_b32 v20, v1 offset:512",
            |_| 9,
        ),
        case(
            "v_mov_b32 v16, 7; v_mov_b32 v17, 9; v_lshlrev_b32 v3, 3, v0; ds_write2st64_b64 v3, v[16:17], v[16:17] offset0:0 offset1:1; s_waitcnt lgkmcnt(0); ds_read_b32 v20, v3 offset:516",
            |_| 9,
        ),
    ]);
}

#[test]
fn lds_atomics_and_lanes() {
    let mut list = Vec::new();
    type Change = fn(u32, u32) -> u32;
    let changes: [(&str, Change); 10] = [
        ("add_u32", u32::wrapping_add),
        ("sub_u32", u32::wrapping_sub),
        ("min_i32", |a, b| (a as i32).min(b as i32) as u32),
        ("max_i32", |a, b| (a as i32).max(b as i32) as u32),
        ("min_u32", u32::min),
        ("max_u32", u32::max),
        ("and_b32", |a, b| a & b),
        ("or_b32", |a, b| a | b),
        ("xor_b32", |a, b| a ^ b),
        ("add_f32", |a, b| {
            let sum = f32::from_bits(a) + f32::from_bits(b);
            if sum.is_nan() { 0x7fc0_0000 } else { sum.to_bits() }
        }),
    ];
    for (name, change) in changes {
        let value = 0x4123_4567;
        let (unit, kind) = name.split_once('_').expect("two parts");
        list.push(case(
            &format!("v_mov_b32 v16, 0x{value:x}; ds_{name} v1, v16; s_waitcnt lgkmcnt(0); ds_read_b32 v20, v1"),
            move |l| change(word(l), value),
        ));
        // The old value comes back, and the new one stays.
        list.push(case(
            &format!("v_mov_b32 v16, 0x{value:x}; ds_{unit}_rtn_{kind} v17, v1, v16; s_waitcnt lgkmcnt(0); ds_read_b32 v18, v1; s_waitcnt lgkmcnt(0); v_sub_nc_u32 v20, v18, v17"),
            move |l| change(word(l), value).wrapping_sub(word(l)),
        ));
    }
    list.extend([
        case("v_mov_b32 v16, 5; ds_wrxchg_rtn_b32 v17, v1, v16; s_waitcnt lgkmcnt(0); ds_read_b32 v18, v1; s_waitcnt lgkmcnt(0); v_add_nc_u32 v20, v17, v18", |l| word(l).wrapping_add(5)),
        // All lanes on one place.
        case("v_mov_b32 v16, 0; v_mov_b32 v17, 1; ds_write_b32 v16, v16; s_waitcnt lgkmcnt(0); ds_add_u32 v16, v17; s_waitcnt lgkmcnt(0); ds_read_b32 v20, v16", |_| 32),
        case("v_xor_b32 v16, 12, v1; ds_bpermute_b32 v20, v16, v4", |l| word(4 * (l ^ 3))),
        case("v_xor_b32 v16, 12, v1; ds_permute_b32 v20, v16, v4", |l| word(4 * (l ^ 3))),
        case("ds_swizzle_b32 v20, v4 offset:swizzle(SWAP,16)", |l| word(4 * (l ^ 16))),
        case("ds_swizzle_b32 v20, v4 offset:swizzle(QUAD_PERM,3,2,1,0)", |l| word(4 * (l ^ 3))),
        case("ds_swizzle_b32 v20, v4 offset:swizzle(BROADCAST,8,2)", |l| word(4 * (l / 8 * 8 + 2))),
        case("ds_swizzle_b32 v20, v4 offset:swizzle(REVERSE,8)", |l| word(4 * (l ^ 7))),
    ]);
    check(&list);
}

#[test]
fn global_and_buffer_memory() {
    let mut list = Vec::new();
    type Loaded = fn(u32) -> u32;
    let loads: [(&str, Loaded); 13] = [
        ("load_ubyte", |at| byte(at)),
        ("load_sbyte", |at| sext8(byte(at))),
        ("load_ushort", |at| half(at)),
        ("load_sshort", |at| sext16(half(at))),
        ("load_dword", |at| word(at / 4)),
        ("load_ubyte_d16", |at| 0x1234_0000 | byte(at)),
        ("load_ubyte_d16_hi", |at| 0x5678 | byte(at) << 16),
        ("load_sbyte_d16", |at| 0x1234_0000 | sext8(byte(at)) & 0xffff),
        ("load_sbyte_d16_hi", |at| 0x5678 | sext8(byte(at)) << 16),
        ("load_short_d16", |at| 0x1234_0000 | half(at)),
        ("load_short_d16_hi", |at| 0x5678 | half(at) << 16),
        ("load_dwordx2", |at| word(at / 4)),
        ("load_dwordx4", |at| word(at / 4)),
    ];
    for (name, want) in loads {
        let to = match name {
            "load_dwordx2" => "v[20:21]",
            "load_dwordx4" => "v[20:23]",
            _ => "v20",
        };
        let set = "v_mov_b32 v20, 0x12345678";
        list.push(case(&format!("{set}; global_{name} {to}, v1, s[8:9] offset:8"), move |l| {
            want(4 * l + 8)
        }));
        list.push(case(&format!("{set}; s_add_u32 s8, s8, 12; s_addc_u32 s9, s9, 0; v_add_co_u32 v16, s17, s8, v1; v_mov_b32 v17, s9; v_add_co_ci_u32 v17, s17, 0, v17, s17; global_{name} {to}, v[16:17], off offset:-4"), move |l| want(4 * l + 8)));
        list.push(case(
            &format!("{set}; buffer_{name} {to}, v1, s[12:15], s16 offen offset:4"),
            move |l| want(4 * l + 12),
        ));
        list.push(case(
            &format!("{set}; buffer_{name} {to}, off, s[12:15], 0 offset:16"),
            move |_| want(16),
        ));
    }
    list.push(case("global_load_dwordx3 v[20:22], v2, s[8:9]; s_waitcnt vmcnt(0); v_xor3_b32 v20, v20, v21, v22", |l| word(4 * l) ^ word(4 * l + 1) ^ word(4 * l + 2)));
    list.push(case(
        "s_or_b32 s13, s13, 0x00080000; buffer_load_dword v20, v0, s[12:15], 0 idxen",
        |l| word(2 * l),
    ));
    list.push(case("s_or_b32 s13, s13, 0x00080000; v_mov_b32 v16, v0; v_mov_b32 v17, 4; buffer_load_dword v20, v[16:17], s[12:15], 0 idxen offen", |l| word(2 * l + 1)));
    list.push(case(
        "v_mov_b32 v16, 0x7ffffff0; buffer_load_dword v20, v16, s[12:15], 0 offen",
        |_| 0,
    ));
    list.push(case(
        "s_buffer_load_dwordx2 s[20:21], s[12:15], 0x10; s_waitcnt lgkmcnt(0); v_mov_b32 v20, s21",
        |_| word(5),
    ));
    list.push(case("s_movk_i32 s20, 0x20; s_load_dwordx8 s[24:31], s[8:9], s20; s_waitcnt lgkmcnt(0); v_mov_b32 v20, s31", |_| word(15)));
    list.push(case(
        "s_load_dwordx16 s[24:39], s[8:9], 0x40; s_waitcnt lgkmcnt(0); v_mov_b32 v20, s39",
        |_| word(31),
    ));
    list.push(case("s_movk_i32 s20, 0x20; s_load_dword s24, s[8:9], s20 offset:0x8; s_waitcnt lgkmcnt(0); v_mov_b32 v20, s24", |_| word(10)));
    for (name, from, want) in [
        ("store_byte", "v4", (|l, x| word(l) & 0xffff_ff00 | x & 0xff) as fn(u32, u32) -> u32),
        ("store_byte_d16_hi", "v4", |l, x| word(l) & 0xffff_ff00 | x >> 16 & 0xff),
        ("store_short", "v4", |l, x| word(l) & 0xffff_0000 | x & 0xffff),
        ("store_short_d16_hi", "v4", |l, x| word(l) & 0xffff_0000 | x >> 16),
        ("store_dword", "v4", |_, x| x),
    ] {
        let back = "s_waitcnt_vscnt null, 0x0; global_load_dword v20, v1, s[8:9]";
        list.push(case(&format!("global_{name} v1, {from}, s[8:9]; {back}"), move |l| {
            want(l, word(4 * l))
        }));
        list.push(case(
            &format!("buffer_{name} {from}, v1, s[12:15], 0 offen; {back}"),
            move |l| want(l, word(4 * l)),
        ));
    }
    for (name, from, count) in
        [("dwordx2", "v[4:5]", 2), ("dwordx3", "v[4:6]", 3), ("dwordx4", "v[4:7]", 4)]
    {
        // Words move from their own quad to the one before, 256 bytes on.
        let back = "global_load_dword v20, v1, s[8:9] offset:256";
        let want = move |l: u32| if l % 4 < count { word(l) } else { word(l + 64) };
        list.push(case(
            &format!("global_store_{name} v2, {from}, s[8:9] offset:256; {back}"),
            want,
        ));
        list.push(case(
            &format!("buffer_store_{name} {from}, v2, s[12:15], 0 offen offset:256; {back}"),
            want,
        ));
    }
    check(&list);
}

#[test]
fn memory_atomics() {
    let mut list = Vec::new();
    type Change = fn(u32, u32) -> u32;
    let changes: [(&str, Change); 12] = [
        ("swap", |_, b| b),
        ("add", u32::wrapping_add),
        ("sub", u32::wrapping_sub),
        ("smin", |a, b| (a as i32).min(b as i32) as u32),
        ("umin", u32::min),
        ("smax", |a, b| (a as i32).max(b as i32) as u32),
        ("umax", u32::max),
        ("and", |a, b| a & b),
        ("or", |a, b| a | b),
        ("xor", |a, b| a ^ b),
        ("inc", |a, b| if a >= b { 0 } else { a + 1 }),
        ("dec", |a, b| if a == 0 || a > b { b } else { a - 1 }),
    ];
    for (name, change) in changes {
        let value = 0x9123_4567;
        let end = "s_waitcnt vmcnt(0); global_load_dword v18, v1, s[8:9]; s_waitcnt vmcnt(0); v_sub_nc_u32 v20, v18, v17";
        let want = move |l: u32| change(word(l), value).wrapping_sub(word(l));
        let set = format!("v_mov_b32 v16, 0x{value:x}");
        list.push(case(
            &format!("{set}; global_atomic_{name} v17, v1, v16, s[8:9] glc; {end}"),
            want,
        ));
        list.push(case(&format!("{set}; v_mov_b32 v17, v16; buffer_atomic_{name} v17, v1, s[12:15], 0 offen glc; {end}"), want));
        list.push(case(
            &format!(
                "{set}; global_atomic_{name} v1, v16, s[8:9]; global_load_dword v20, v1, s[8:9]"
            ),
            move |l| change(word(l), value),
        ));
    }
    // Compare and swap: the second register is what must be there; odd lanes expect something else.
    list.push(case("v_mov_b32 v16, 77; global_load_dword v17, v1, s[8:9]; s_waitcnt vmcnt(0); v_and_b32 v18, 1, v0; v_add_nc_u32 v17, v17, v18; global_atomic_cmpswap v1, v[16:17], s[8:9]; global_load_dword v20, v1, s[8:9]", |l| if l % 2 == 0 { 77 } else { word(l) }));
    check(&list);
}
