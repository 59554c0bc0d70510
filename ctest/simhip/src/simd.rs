//! Multiply-add over the lanes of a wave: the one operation that needs the host's own instruction
//! to be fast. Without FMA on the host, the C library computes it, correctly and slowly.

use crate::isa::{LANES, Row};

fn has_fma() -> bool {
    use std::sync::OnceLock;
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            std::is_x86_feature_detected!("fma") && std::is_x86_feature_detected!("avx2")
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            true
        }
    })
}

/// `a[l] * b[l] + c[l]` in f32, rounded once to nearest even. The flag tells whether any lane is NaN.
pub fn fma(a: &Row, b: &Row, c: &Row, out: &mut Row) -> bool {
    if has_fma() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `has_fma` saw both features on this processor.
        unsafe {
            return fma_avx2(a, b, c, out);
        }
    }
    fma_lanes(a, b, c, out)
}

/// `d[l] += a[l] * b[l]` likewise, unless a lane becomes NaN: then nothing is written, and the answer
/// is true.
pub fn fmac(d: &mut Row, a: &Row, b: &Row) -> bool {
    if has_fma() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `has_fma` saw both features on this processor.
        unsafe {
            return fmac_avx2(d, a, b);
        }
    }
    let mut out = [0; LANES];
    let nan = fma_lanes(a, b, d, &mut out);
    if !nan {
        *d = out;
    }
    nan
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fmac_avx2(d: &mut Row, a: &Row, b: &Row) -> bool {
    let mut out = [0; LANES];
    let nan = fma_lanes(a, b, d, &mut out);
    if !nan {
        *d = out;
    }
    nan
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fma_avx2(a: &Row, b: &Row, c: &Row, out: &mut Row) -> bool {
    fma_lanes(a, b, c, out)
}

#[inline(always)]
fn fma_lanes(a: &Row, b: &Row, c: &Row, out: &mut Row) -> bool {
    let mut nan = 0u32;
    for l in 0..LANES {
        let value = f32::from_bits(a[l]).mul_add(f32::from_bits(b[l]), f32::from_bits(c[l]));
        out[l] = value.to_bits();
        nan |= u32::from(value.is_nan());
    }
    nan != 0
}
