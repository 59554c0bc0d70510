//! Whole kernels, as the compiler writes them, against the host.

mod common;

use common::{
    Buffer, Random, compile, field, function, kernel_source, last_launch, load, ok, pack,
    run_kernel, session,
};

fn code_object() -> Option<&'static [u8]> {
    static CODE: std::sync::OnceLock<Option<Vec<u8>>> = std::sync::OnceLock::new();
    CODE.get_or_init(|| compile(&kernel_source("gemm.hip"), "gfx1010")).as_deref()
}

fn address(buffer: &Buffer) -> [u8; 8] {
    (buffer.address.addr() as u64).to_le_bytes()
}

fn f16_to_f32(bits: u16) -> f32 {
    amdhip64::fp::half::to_f32(bits)
}

/// Small integers: every sum is exact, so that any order gives the same bits.
fn integers(count: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    (0..count).map(|_| (random.next() % 9) as f32 - 4.0).collect()
}

fn reference(a: &[f32], b: &[f32], m: usize, n: usize, k: usize) -> Vec<f32> {
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for q in 0..k {
            for j in 0..n {
                c[i * n + j] += a[i * k + q] * b[q * n + j];
            }
        }
    }
    c
}

#[test]
fn gemm_of_every_type() {
    let Some(code) = code_object() else { return };
    let _one = session();
    let module = load(code);
    for (m, n, k) in [(64, 64, 16), (65, 63, 17), (130, 70, 33), (1, 1, 1)] {
        let (a, b) = (integers(m * k, 1), integers(k * n, 2));
        let want = reference(&a, &b, m, n, k);
        let grid = [n.div_ceil(64) as u32, m.div_ceil(64) as u32, 1];
        let sizes = [m as u32, n as u32, k as u32].map(u32::to_le_bytes).concat();
        for name in ["gemm_f32", "gemm_f16", "gemm_bf16"] {
            let got: Vec<f32> = if name == "gemm_f32" {
                let (x, y, z) = (Buffer::from(&a), Buffer::from(&b), Buffer::new(4 * m * n));
                let arguments = pack(&[&address(&x), &address(&y), &address(&z), &sizes]);
                ok(run_kernel(function(module, name), grid, [256, 1, 1], &arguments));
                z.read()
            } else {
                let half = name == "gemm_f16";
                let narrow = |v: &f32| match half {
                    true => amdhip64::fp::half::from_f32(*v),
                    false => (v.to_bits() >> 16) as u16,
                };
                let widen = |v: u16| match half {
                    true => f16_to_f32(v),
                    false => f32::from_bits(u32::from(v) << 16),
                };
                let a: Vec<u16> = a.iter().map(narrow).collect();
                let b: Vec<u16> = b.iter().map(narrow).collect();
                let (x, y, z) = (Buffer::from(&a), Buffer::from(&b), Buffer::new(2 * m * n));
                let arguments = pack(&[&address(&x), &address(&y), &address(&z), &sizes]);
                ok(run_kernel(function(module, name), grid, [256, 1, 1], &arguments));
                z.read::<u16>().into_iter().map(widen).collect()
            };
            // Sums stay below 256 in magnitude or are representable: compare exactly where bf16 can.
            for (k, (got, want)) in got.iter().zip(&want).enumerate() {
                let tolerance = if name == "gemm_bf16" { want.abs() / 256.0 } else { 0.0 };
                assert!((got - want).abs() <= tolerance, "{name} {m}x{n} [{k}]: {got} {want}");
            }
        }
    }
}

#[test]
fn counts_and_speed() {
    let Some(code) = code_object() else { return };
    let _one = session();
    let module = load(code);
    let (m, n, k) = (256, 256, 256);
    let (x, y) = (Buffer::from(&integers(m * k, 3)), Buffer::from(&integers(k * n, 4)));
    let z = Buffer::new(4 * m * n);
    let sizes = [m as u32, n as u32, k as u32].map(u32::to_le_bytes).concat();
    let arguments = pack(&[&address(&x), &address(&y), &address(&z), &sizes]);
    let began = std::time::Instant::now();
    ok(run_kernel(function(module, "gemm_f32"), [4, 4, 1], [256, 1, 1], &arguments));
    let seconds = began.elapsed().as_secs_f64();
    let report = last_launch();
    let total = field(&report, "instructions");
    assert!(field(&report, "fma_lanes") >= (m * n * k) as u64);
    assert!(field(&report, "valu_lanes_issued") >= field(&report, "valu_lanes_active"));
    assert_eq!(field(&report, "vmem_store_bytes"), 4 * (m * n) as u64);
    assert!(field(&report, "barrier") > 0 && field(&report, "lds") > 0);
    println!("{total} wave instructions, {:.1} million a second", total as f64 / seconds / 1e6);
}

#[test]
fn division_like_the_host() {
    let Some(code) = code_object() else { return };
    let _one = session();
    let module = load(code);
    let mut random = Random(5);
    let edges = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        f32::from_bits(0x007f_ffff),
        3.0,
        1e-30,
        1e30,
        7.5e37,
    ];
    let mut pairs: Vec<(f32, f32)> =
        edges.iter().flat_map(|&a| edges.iter().map(move |&b| (a, b))).collect();
    pairs.extend(
        (0..2000).map(|_| (f32::from_bits(random.next() << 1), f32::from_bits(random.next() << 1))),
    );
    pairs.extend((0..2000).map(|_| (random.unit(), random.unit())));
    let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
    let n = a.len() as u32;
    let (x, y, z) = (Buffer::from(&a), Buffer::from(&b), Buffer::new(4 * a.len()));
    let arguments = pack(&[&address(&x), &address(&y), &address(&z), &n.to_le_bytes()]);
    ok(run_kernel(function(module, "divide"), [n.div_ceil(64), 1, 1], [64, 1, 1], &arguments));
    for ((got, a), b) in z.read::<f32>().into_iter().zip(a).zip(b) {
        let want = a / b;
        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
        assert!(same, "{a:e} / {b:e} = {got:e}, want {want:e}");
    }
}

#[test]
fn f64_like_the_host() {
    let Some(code) = code_object() else { return };
    let _one = session();
    let module = load(code);
    let mut random = Random(6);
    let mut value = || f64::from(random.unit()) * 10f64.powi((random.next() % 40) as i32 - 20);
    let a: Vec<f64> = (0..500).map(|_| value()).collect();
    let b: Vec<f64> = (0..500).map(|_| value()).collect();
    let n = a.len() as u32;
    let (x, y, z) = (Buffer::from(&a), Buffer::from(&b), Buffer::new(8 * a.len()));
    let arguments = pack(&[&address(&x), &address(&y), &address(&z), &n.to_le_bytes()]);
    ok(run_kernel(function(module, "divide_f64"), [8, 1, 1], [64, 1, 1], &arguments));
    for ((got, a), b) in z.read::<f64>().into_iter().zip(a).zip(b) {
        // The compiler contracts the product and the sum.
        assert_eq!(got.to_bits(), a.mul_add(b, 1.0).to_bits(), "{a:e} * {b:e} + 1");
    }
}

#[test]
fn integer_division_like_the_host() {
    let Some(code) = code_object() else { return };
    let _one = session();
    let module = load(code);
    let mut random = Random(7);
    let mut number = || (random.next() << 1 | random.next() & 1) >> (random.next() % 31);
    let a: Vec<u32> = (0..3000).map(|_| number()).collect();
    let b: Vec<u32> = (0..3000).map(|_| number().max(1)).collect();
    let n = a.len() as u32;
    let (x, y, z) = (Buffer::from(&a), Buffer::from(&b), Buffer::new(4 * a.len()));
    let arguments = pack(&[&address(&x), &address(&y), &address(&z), &n.to_le_bytes()]);
    let grid = [n.div_ceil(64), 1, 1];
    ok(run_kernel(function(module, "integer_divide"), grid, [64, 1, 1], &arguments));
    for ((got, a), b) in z.read::<u32>().into_iter().zip(&a).zip(&b) {
        let signed = (*a as i32).wrapping_div((b | 1) as i32) as u32;
        assert_eq!(got, (a / b) ^ (a % b) << 3 ^ signed, "{a} {b}");
    }
    let wide = |v: &[u32]| -> Vec<u64> {
        v.chunks(2).map(|p| u64::from(p[0]) << 32 >> (p[1] % 40) | 1).collect()
    };
    let (a, b) = (wide(&a), wide(&b));
    let n = a.len() as u32;
    let (x, y, z) = (Buffer::from(&a), Buffer::from(&b), Buffer::new(8 * a.len()));
    let arguments = pack(&[&address(&x), &address(&y), &address(&z), &n.to_le_bytes()]);
    ok(run_kernel(function(module, "integer_divide64"), grid, [64, 1, 1], &arguments));
    for ((got, a), b) in z.read::<u64>().into_iter().zip(&a).zip(&b) {
        assert_eq!(got, a / b, "{a} / {b}");
    }
}

#[test]
fn divergence_tables_and_atomics() {
    let Some(code) = code_object() else { return };
    let _one = session();
    let module = load(code);
    let mut random = Random(8);
    let a: Vec<u32> = (0..777).map(|_| random.next()).collect();
    let n = a.len() as u32;
    let grid = [n.div_ceil(64), 1, 1];
    let (x, z) = (Buffer::from(&a), Buffer::new(4 * a.len()));
    let arguments = pack(&[&address(&x), &address(&z), &n.to_le_bytes()]);
    ok(run_kernel(function(module, "collatz"), grid, [64, 1, 1], &arguments));
    for (got, &start) in z.read::<u32>().into_iter().zip(&a) {
        let (mut x, mut steps) = (u64::from(start), 0);
        while x > 1 {
            x = if x & 1 != 0 { 3 * x + 1 } else { x / 2 };
            steps += 1;
        }
        assert_eq!(got, steps, "{start}");
    }
    ok(run_kernel(function(module, "mixed"), grid, [64, 1, 1], &arguments));
    let table = [3, 1, 4, 1, 5, 9, 2, 6];
    for (got, &x) in z.read::<u32>().into_iter().zip(&a) {
        let want = match x & 7 {
            0 => x.count_ones(),
            1 => (x | 1).leading_zeros(),
            2 => x.reverse_bits(),
            3 => x.rotate_left(x >> 27),
            4 => table[(x >> 3 & 7) as usize],
            5 => x.wrapping_mul(2654435761) >> 7,
            _ => x.swap_bytes(),
        };
        assert_eq!(got, want, "{x:#x}");
    }
    let (mut counter, mut bytes) = (std::ptr::null_mut(), 0);
    // SAFETY: a loaded module and a terminated name.
    ok(unsafe {
        amdhip64::api::launch::hipModuleGetGlobal(
            &mut counter,
            &mut bytes,
            module,
            c"counter".as_ptr(),
        )
    });
    let mut value = 0u32;
    // SAFETY: four bytes on both sides.
    ok(unsafe { amdhip64::api::memory::hipMemcpy((&raw mut value).cast(), counter, bytes, 2) });
    assert_eq!((value, bytes), (40 + n, 4));
}

#[test]
fn lanes_and_packet() {
    let Some(code) = code_object() else { return };
    let _one = session();
    let module = load(code);
    let a = integers(128 * 5, 9);
    let (x, z) = (Buffer::from(&a), Buffer::new(4 * 5));
    let arguments = pack(&[&address(&x), &address(&z)]);
    ok(run_kernel(function(module, "reduce"), [5, 1, 1], [128, 1, 1], &arguments));
    let want: Vec<f32> = a.chunks(128).map(|c| c.iter().sum()).collect();
    assert_eq!(z.read::<f32>(), want);
    let z = Buffer::new(4 * 30);
    ok(run_kernel(function(module, "packet"), [1, 1, 1], [5, 3, 2], &address(&z)));
    assert_eq!(z.read::<u32>(), vec![50302; 30]);
}
