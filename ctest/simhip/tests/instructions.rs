//! Instruction by instruction against plain Rust: every case is a few lines of assembly, run over
//! thousands of operands with all the awkward values among them.

#![allow(
    clippy::precedence,
    clippy::neg_cmp_op_on_partial_ord,
    clippy::double_comparisons,
    clippy::eq_op,
    reason = "expected values are written as the manual writes them"
)]

mod common;
#[path = "cases/oracle.rs"]
mod oracle;
#[path = "cases/scalar.rs"]
mod scalar_cases;
#[path = "cases/vector.rs"]
mod vector_cases;
#[path = "cases/vector_float.rs"]
mod vector_float;
#[path = "cases/vector_wide.rs"]
mod vector_wide;

use common::{AsmKernel, Buffer, Random, asm_file, assemble, function, load, run_kernel, session};

/// Operands of one lane or wave.
pub type Operands = [u32; 8];

/// What a case's results must be.
pub type Want = dyn Fn(&Operands) -> [u32; 4] + Sync;

/// Reads `v[2:9]`, leaves its results in `v[10:13]`; or reads `s[16:23]`, leaves them in `s[24:27]`.
pub struct Case {
    pub code: &'static str,
    /// Results to compare.
    pub results: usize,
    pub want: Box<Want>,
    /// Results may be any NaN where NaN is wanted (f32), or differ by this many units otherwise.
    pub loose_ulps: u32,
}

const EDGES: [u32; 48] = [
    0,
    1,
    2,
    3,
    7,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x0007_0003,
    0x007f_ffff,
    0x0080_0000,
    0x0080_0001,
    0x00ff_ffff,
    0x3c00_3c00,
    0x3e00_bc01,
    0x7bff_0400,
    0x03ff_83ff,
    0x7c00_fc00,
    0x7e01_7d01,
    0x3f80_0000,
    0xbf80_0000,
    0x3fc0_0001,
    0x4049_0fdb,
    0x4b80_0001,
    0xcb80_0003,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_1234,
    0x7f80_0123,
    0xffc0_0000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_ffff,
    0x1234_5678,
];

/// Every pair of edges in the first two places, then random bits and random numbers of moderate
/// size; the other places cycle through both.
fn operands() -> Vec<Operands> {
    let mut random = Random(42);
    let mut list = Vec::new();
    let count = EDGES.len();
    for k in 0..count * count {
        let mut set = [0; 8];
        set[0] = EDGES[k % count];
        set[1] = EDGES[k / count];
        for place in &mut set[2..] {
            *place = EDGES[random.next() as usize % count];
        }
        list.push(set);
    }
    while list.len() < 4096 {
        let moderate = list.len() % 2 == 0;
        list.push(std::array::from_fn(|_| match moderate {
            true => (random.unit() * 100.0).to_bits(),
            false => random.next() << 1 ^ random.next(),
        }));
    }
    list
}

const VECTOR_START: &str = "
  s_load_dwordx4 s[8:11], s[0:1], 0x0
  v_lshlrev_b32 v1, 5, v0
  s_lshl_b32 s3, s2, 10
  v_add_nc_u32 v1, s3, v1
  s_waitcnt lgkmcnt(0)
  global_load_dwordx4 v[2:5], v1, s[8:9]
  global_load_dwordx4 v[6:9], v1, s[8:9] offset:16
  s_waitcnt vmcnt(0)
  v_mov_b32 v10, 0
  v_mov_b32 v11, 0
  v_mov_b32 v12, 0
  v_mov_b32 v13, 0
  s_mov_b32 vcc_lo, 0
  v_cmp_ne_u32 s12, 0, v9
";
const VECTOR_END: &str = "
  v_lshrrev_b32 v14, 1, v1
  global_store_dwordx4 v14, v[10:13], s[10:11]
";
const SCALAR_START: &str = "
  s_load_dwordx4 s[8:11], s[0:1], 0x0
  s_lshl_b32 s3, s2, 5
  s_waitcnt lgkmcnt(0)
  s_add_u32 s8, s8, s3
  s_addc_u32 s9, s9, 0
  s_load_dwordx8 s[16:23], s[8:9], 0x0
  s_mov_b64 s[24:25], 0
  s_mov_b64 s[26:27], 0
  s_waitcnt lgkmcnt(0)
";
const SCALAR_END: &str = "
  s_mov_b32 exec_lo, 1
  v_mov_b32 v10, s24
  v_mov_b32 v11, s25
  v_mov_b32 v12, s26
  v_mov_b32 v13, s27
  s_lshl_b32 s3, s2, 4
  v_mov_b32 v14, s3
  global_store_dwordx4 v14, v[10:13], s[10:11]
";

fn same(got: u32, want: u32, ulps: u32) -> bool {
    if got == want {
        return true;
    }
    if ulps == 0 {
        return false;
    }
    let (a, b) = (f32::from_bits(got), f32::from_bits(want));
    a.is_nan() && b.is_nan() || got.abs_diff(want) <= ulps
}

/// Runs all cases as kernels of one code object.
fn check(cases: &[Case], start: &str, end: &str, scalar: bool) {
    let _one = session();
    let names: Vec<String> = (0..cases.len()).map(|k| format!("case_{k}")).collect();
    let bodies: Vec<String> =
        cases.iter().map(|c| format!("{start}{}\n{end}", c.code.replace(';', "\n"))).collect();
    let kernels: Vec<AsmKernel> = names
        .iter()
        .zip(&bodies)
        .map(|(name, body)| AsmKernel { name, body, lds_bytes: 0, workgroup: 32 })
        .collect();
    let Some(code) = assemble(&asm_file(&kernels, "gfx1010"), "gfx1010") else { return };
    let module = load(&code);
    let sets = operands();
    let input = Buffer::from(&sets);
    let output = Buffer::new(16 * sets.len());
    let arguments = [input.address.addr(), output.address.addr()].map(usize::to_le_bytes).concat();
    let groups = if scalar { sets.len() } else { sets.len() / 32 } as u32;
    let mut failures = Vec::new();
    for (case, name) in cases.iter().zip(&names) {
        let code = run_kernel(function(module, name), [groups, 1, 1], [32, 1, 1], &arguments);
        assert_eq!(code, 0, "{}: {}", case.code, common::last_fault());
        let results: Vec<[u32; 4]> = output.read();
        for (set, got) in sets.iter().zip(results) {
            let want = (case.want)(set);
            let matches = (0..case.results).all(|k| same(got[k], want[k], case.loose_ulps));
            if !matches {
                failures.push(format!("{}: {set:x?}: got {got:x?}, want {want:x?}", case.code));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    println!("{} cases over {} operand sets", cases.len(), sets.len());
}

#[test]
fn vector_integer() {
    check(&vector_cases::integer(), VECTOR_START, VECTOR_END, false);
}

#[test]
fn vector_f32() {
    check(&vector_float::f32(), VECTOR_START, VECTOR_END, false);
}

#[test]
fn vector_f16() {
    check(&vector_float::f16(), VECTOR_START, VECTOR_END, false);
}

#[test]
fn vector_wide() {
    check(&vector_wide::wide(), VECTOR_START, VECTOR_END, false);
}

#[test]
fn vector_compare() {
    check(&vector_wide::compare(), VECTOR_START, VECTOR_END, false);
}

#[test]
fn modes_and_modifiers() {
    check(&vector_float::modes(), VECTOR_START, VECTOR_END, false);
}

#[test]
fn scalar() {
    check(&scalar_cases::all(), SCALAR_START, SCALAR_END, true);
}

/// Every mnemonic of the arithmetic tables is met by a case, except those that other tests run.
#[test]
fn every_mnemonic_has_a_case() {
    use amdhip64::decode::vector::base_mnemonic;
    use amdhip64::isa::{Salu, valu::Arith};
    // Lane movement and division steps: tests of whole kernels and of lanes.
    const ELSEWHERE: &[&str] =
        &["v_nop", "v_div_scale_f32", "v_div_fmas_f32", "v_div_fixup_f32", "s_getpc_b64"];
    let mut met = std::collections::HashSet::new();
    let all = [
        vector_cases::integer(),
        vector_float::f32(),
        vector_float::f16(),
        vector_wide::wide(),
        vector_wide::compare(),
        vector_float::modes(),
        scalar_cases::all(),
    ];
    for line in all.iter().flatten().flat_map(|c| c.code.split([';', '\n'])) {
        if let Some(mnemonic) = line.split_whitespace().next() {
            met.insert(base_mnemonic(mnemonic).to_string());
        }
    }
    let known = Arith::MNEMONICS.iter().chain(Salu::MNEMONICS);
    let missing: Vec<_> = known.filter(|m| !met.contains(**m) && !ELSEWHERE.contains(m)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
