//! Vectors of f32, one type for each instruction set.
//!
//! Kernels are written once against [`Simd`] and instantiated by
//! [`isa_kernel!`] inside functions that enable the instruction set, so that
//! everything inlines into them.

use half::f16;

use super::register_block::Reduction;

/// A vector register of f32.
///
/// # Safety
/// Every function may be called only where the instruction set is present, and
/// those with pointers only where [`Simd::LANES`] floats are valid there.
/// Pointers need no alignment.
pub(super) trait Simd: Copy {
    type V: Copy;

    /// Floats in a register.
    const LANES: usize;

    /// Rows of the register block of the GEMM kernel. With two vectors of
    /// columns this many accumulators, two vectors and a broadcast fit the
    /// registers: 6 x 2 + 3 of 16, 14 x 2 + 3 of 32.
    const ROWS: usize;

    /// Registers that the instruction set has.
    const REGISTERS: usize;

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`; rounded once where the instruction set can.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`; rounded once where the instruction set can.
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    unsafe fn load_f16(from: *const f16) -> Self::V;
    /// Rounded to the nearest, ties to even.
    unsafe fn store_f16(to: *mut f16, v: Self::V);

    /// Every other one of `2 * LANES` floats, from the first on.
    unsafe fn load_even(from: *const f32) -> Self::V;

    /// The first `count` floats, fewer than `LANES`, and zeros; only those need be valid.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V;

    /// Lanes `first..end` of a register, zeros elsewhere; only those floats need be valid.
    unsafe fn load_lanes(from: *const f32, first: usize, end: usize) -> Self::V;

    /// The lanes of `a` and `b` in turn.
    unsafe fn interleave(a: Self::V, b: Self::V) -> [Self::V; 2];

    /// The reverse: the even lanes of `a`, then those of `b`; and the odd ones.
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> [Self::V; 2];

    /// Stores the first `count` lanes; only those floats need be valid.
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize);

    /// The lanes whose bit is set, one after the other; what follows them is unspecified.
    unsafe fn compress(v: Self::V, lanes: u32) -> Self::V;

    /// The sum of the lanes.
    unsafe fn sum_lanes(v: Self::V) -> f32;

    /// The sums of the lanes of four vectors, in the order of [`Simd::sum_lanes`].
    #[inline(always)]
    unsafe fn sum_lanes_of_4(v: [Self::V; 4]) -> [f32; 4] {
        // SAFETY: the trait's condition.
        unsafe {
            [
                Self::sum_lanes(v[0]),
                Self::sum_lanes(v[1]),
                Self::sum_lanes(v[2]),
                Self::sum_lanes(v[3]),
            ]
        }
    }

    /// Four floats from each of `LANES` pointers: vector i holds every pointer's i-th float.
    unsafe fn load_4_columns(from: [*const f32; MAX_LANES]) -> [Self::V; 4];

    /// A cache line of floats, 16, from each of `LANES` pointers: row i of `to` becomes every pointer's
    /// i-th float.
    #[inline(always)]
    unsafe fn store_line_columns(from: [*const f32; MAX_LANES], to: *mut f32, to_stride: usize) {
        // SAFETY: the trait's condition, for 16 floats and 16 rows.
        unsafe {
            for first in (0..16).step_by(4) {
                let mut at = from;
                for lane in 0..Self::LANES {
                    at[lane] = at[lane].add(first);
                }
                let columns = Self::load_4_columns(at);
                for i in 0..4 {
                    Self::store(to.add((first + i) * to_stride), columns[i]);
                }
            }
        }
    }

    /// The reverse of [`Simd::load_4_columns`]: four floats to each of `LANES` pointers, in order.
    unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [Self::V; 4]);

    /// Six floats at each of `LANES` offsets: vector i holds every offset's i-th float. Where bit i of
    /// `runs` is set, offsets 4 i to 4 i + 3 are four floats apart, and two floats more are valid
    /// behind the last one's.
    #[inline(always)]
    unsafe fn load_6_columns(from: *const f32, offsets: *const usize, _runs: u32) -> [Self::V; 6] {
        // SAFETY: the trait's condition; as many offsets are readable.
        unsafe {
            let mut first = [from; MAX_LANES];
            for lane in 0..Self::LANES {
                first[lane] = from.add(*offsets.add(lane));
            }
            let mut last = first;
            for lane in 0..Self::LANES {
                last[lane] = last[lane].add(2);
            }
            let ([a, b, c, d], [_, _, e, f]) =
                (Self::load_4_columns(first), Self::load_4_columns(last));
            [a, b, c, d, e, f]
        }
    }

    /// `4 * LANES` floats: lane 0 of all columns, lane 1 of all columns, and so on.
    #[inline(always)]
    unsafe fn store_4_interleaved(to: *mut f32, columns: [Self::V; 4]) {
        let mut lanes = [to; MAX_LANES];
        // SAFETY: the trait's condition.
        unsafe {
            for lane in 0..Self::LANES {
                lanes[lane] = to.add(4 * lane);
            }
            Self::store_4_columns(lanes, columns);
        }
    }

    /// The same of two columns.
    unsafe fn store_2_interleaved(to: *mut f32, columns: [Self::V; 2]);

    /// A register block of the GEMM kernel, where assembly does it; otherwise returns false, with
    /// nothing done.
    #[inline(always)]
    unsafe fn run_block(_reduction: &Reduction<f32>, _height: usize, _vectors: usize) -> bool {
        false
    }

    /// Whether [`Simd::run_wide_block`] is there.
    const HAS_WIDE_BLOCKS: bool = false;

    /// A register block of the GEMM kernel, of three or four vectors.
    #[inline(always)]
    unsafe fn run_wide_block(_reduction: &Reduction<f32>, _height: usize, _vectors: usize) {
        unreachable!("there are no wide blocks");
    }
}

/// Asks for a cache line that will be read soon; any address will do.
#[inline(always)]
pub(super) fn ask_for<T>(line: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of the architecture, and nothing is accessed.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// The most lanes that any [`Simd`] has.
pub(super) const MAX_LANES: usize = 16;

/// Four floats at a time, for whatever the compiler makes of them.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Simd for Scalar {
    type V = [f32; 4];
    const LANES: usize = 4;
    const ROWS: usize = 6;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: four floats are valid there, by the trait's condition.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: [f32; 4]) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // `f32::mul_add` would be a library call here.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| c[i] - a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> [f32; 4] {
        // SAFETY: four elements are valid there.
        unsafe { from.cast::<[f16; 4]>().read_unaligned() }.map(f16::to_f32)
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut f16, v: [f32; 4]) {
        // SAFETY: as above.
        unsafe { to.cast::<[f16; 4]>().write_unaligned(v.map(f16::from_f32)) }
    }
    #[inline(always)]
    unsafe fn load_even(from: *const f32) -> [f32; 4] {
        // SAFETY: eight floats are valid there.
        let pairs = unsafe { from.cast::<[f32; 8]>().read_unaligned() };
        [pairs[0], pairs[2], pairs[4], pairs[6]]
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> [f32; 4] {
        let mut v = [0.0; 4];
        for lane in 0..count.min(4) {
            // SAFETY: that many floats are valid there.
            v[lane] = unsafe { from.add(lane).read() };
        }
        v
    }
    #[inline(always)]
    unsafe fn load_lanes(from: *const f32, first: usize, end: usize) -> [f32; 4] {
        let mut v = [0.0; 4];
        for lane in first..end.min(4) {
            // SAFETY: those floats are valid.
            v[lane] = unsafe { from.wrapping_add(lane).read() };
        }
        v
    }
    #[inline(always)]
    unsafe fn interleave(a: [f32; 4], b: [f32; 4]) -> [[f32; 4]; 2] {
        [[a[0], b[0], a[1], b[1]], [a[2], b[2], a[3], b[3]]]
    }
    #[inline(always)]
    unsafe fn deinterleave(a: [f32; 4], b: [f32; 4]) -> [[f32; 4]; 2] {
        [[a[0], a[2], b[0], b[2]], [a[1], a[3], b[1], b[3]]]
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: [f32; 4], count: usize) {
        for lane in 0..count.min(4) {
            // SAFETY: that many floats are valid there.
            unsafe { to.add(lane).write(v[lane]) }
        }
    }
    #[inline(always)]
    unsafe fn compress(v: [f32; 4], lanes: u32) -> [f32; 4] {
        let mut packed = [0.0; 4];
        let mut count = 0;
        for lane in 0..4 {
            packed[count] = v[lane];
            count += usize::from(lanes >> lane & 1 == 1).min(3 - count);
        }
        packed
    }
    #[inline(always)]
    unsafe fn sum_lanes(v: [f32; 4]) -> f32 {
        (v[0] + v[2]) + (v[1] + v[3])
    }
    #[inline(always)]
    unsafe fn load_4_columns(from: [*const f32; MAX_LANES]) -> [[f32; 4]; 4] {
        // SAFETY: four floats are valid at each of the first four pointers.
        let rows: [[f32; 4]; 4] = std::array::from_fn(|lane| unsafe { Self::load(from[lane]) });
        std::array::from_fn(|column| std::array::from_fn(|lane| rows[lane][column]))
    }
    #[inline(always)]
    unsafe fn store_4_columns(to: [*mut f32; MAX_LANES], columns: [[f32; 4]; 4]) {
        for lane in 0..4 {
            let row = std::array::from_fn(|column| columns[column][lane]);
            // SAFETY: four floats are valid at each of the first four pointers.
            unsafe { Self::store(to[lane], row) }
        }
    }
    #[inline(always)]
    unsafe fn store_2_interleaved(to: *mut f32, [a, b]: [[f32; 4]; 2]) {
        // SAFETY: eight floats are valid there.
        unsafe {
            Self::store(to, [a[0], b[0], a[1], b[1]]);
            Self::store(to.add(4), [a[2], b[2], a[3], b[3]]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86;

/// Defines a function that runs `$body::<S>` for the [`Simd`] of an `Isa`; lengths in brackets behind
/// its name are const parameters of the function, and of the body behind `S`.
///
/// The body is an `unsafe`, `#[inline(always)]` function, generic over `Simd`.
/// The function defined is unsafe like the body, but for the instruction set:
/// that the machine has it, the value of type `Isa` proves.
macro_rules! isa_kernel {
    (
        $(#[$doc:meta])*
        $vis:vis unsafe fn $name:ident $([$($length:ident),+])? ($($arg:ident: $type:ty),* $(,)?) = $body:ident
    ) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)] // the arguments are the body's
        $vis unsafe fn $name $(<$(const $length: usize),+>)? (
            isa: $crate::cpu::isa::Isa,
            $($arg: $type),*
        ) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)] // as above
            unsafe fn avx2 $(<$(const $length: usize),+>)? ($($arg: $type),*) {
                // SAFETY: the instruction set is enabled, the rest is the caller's promise.
                unsafe { $body::<$crate::cpu::ukernel::simd::Avx2 $($(, $length)+)?>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)] // as above
            unsafe fn avx512 $(<$(const $length: usize),+>)? ($($arg: $type),*) {
                // SAFETY: the instruction set is enabled, the rest is the caller's promise.
                unsafe { $body::<$crate::cpu::ukernel::simd::Avx512 $($(, $length)+)?>($($arg),*) }
            }
            // SAFETY: `isa` proves that the machine has the level, the rest is
            // the caller's promise.
            unsafe {
                match isa.level() {
                    #[cfg(target_arch = "x86_64")]
                    $crate::config::IsaLevel::Avx512 => avx512 $(::<$($length),+>)? ($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::config::IsaLevel::Avx2Fma => avx2 $(::<$($length),+>)? ($($arg),*),
                    _ => $body::<$crate::cpu::ukernel::simd::Scalar $($(, $length)+)?>($($arg),*),
                }
            }
        }
    };
}

pub(super) use isa_kernel;
