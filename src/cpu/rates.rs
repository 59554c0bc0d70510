//! What solvers of ours attain, for their estimates.
#![forbid(unsafe_code)]

use super::cache::CacheSizes;
use super::isa::{Int8Kernel, Isa, halves_512_bits};
use crate::config::IsaLevel;
use crate::problem::{ConvProblem, DataType, Direction, Role};
use crate::solver::Context;

/// Multiply-adds a microsecond and thread that the GEMM kernel attains on
/// blocks in cache: 92 % of the FMA peak of a 3.2 GHz Zen 3 core (51 G/s)
/// for AVX2, 87 % of that of a 2.8 GHz Ice Lake core for AVX-512 unless it works in halves, an eighth for what
/// SSE2 leaves of it.
pub fn kernel_multiply_adds_per_us(level: IsaLevel) -> f64 {
    match level {
        // Half as many instructions, and fewer loads of weights.
        IsaLevel::Avx512 if halves_512_bits() => 49_000.0,
        IsaLevel::Scalar => 6_000.0,
        IsaLevel::Avx2Fma => 47_000.0,
        IsaLevel::Avx512 => 78_000.0,
    }
}

/// The same of kernels that work on lines, for which fewer instructions are worth more where those of 512
/// bits are done in halves: depthwise layers took 0.8 of the time of AVX2 (Zen 4).
pub fn depthwise_multiply_adds_per_us(level: IsaLevel) -> f64 {
    match level {
        IsaLevel::Avx512 if halves_512_bits() => 59_000.0,
        _ => kernel_multiply_adds_per_us(level),
    }
}

/// Words of int8, two products each, or four in those of VNNI and the scalar kernel, that the
/// integer kernel multiplies a microsecond and thread on blocks in cache: on Zen 3 0.79 times as
/// many as the kernel of floats multiplies floats, since two instructions do what one does there.
/// Not measured: AVX-512 twice that; what VNNI has in one instruction, like floats; the scalar one, a
/// third of floats, for twice the products. AMX, packing included, took 0.5 to 0.9 times as long as
/// VNNI on Emerald Rapids (1 x 1 and 3 x 3, 16 to 1024 channels).
pub fn words_per_us(kernel: Int8Kernel) -> f64 {
    match kernel {
        Int8Kernel::Scalar => 2_000.0,
        Int8Kernel::Avx2 => 37_000.0,
        Int8Kernel::AvxVnni => 47_000.0,
        Int8Kernel::Avx512Bw => 74_000.0,
        Int8Kernel::Avx512Vnni => 94_000.0,
        Int8Kernel::Amx => 150_000.0,
    }
}

/// Bytes a microsecond between memory and one core, streams of large tensors
/// (measured on Zen 3: copies of 64 MiB, reads and writes added).
const MEMORY_BYTES_PER_US: f64 = 15_000.0;

/// The same where the tensors stay in the L3 cache from call to call (fitted on Zen 3 to 1 x 1
/// layers of 1 to 6 MiB, which take that much longer than their arithmetic).
const L3_BYTES_PER_US: f64 = 45_000.0;

/// The same where 512 bits are multiplied at once: servers, whose L3 cache is far (Ice Lake: reads and writes of
/// 2 to 64 MiB).
const SERVER_L3_BYTES_PER_US: f64 = 16_000.0;
const SERVER_MEMORY_BYTES_PER_US: f64 = 11_000.0;

/// What moving the tensors takes, once each.
pub fn memory_us(problem: &ConvProblem) -> f64 {
    let bytes = problem.tensor_bytes();
    let caches = CacheSizes::get();
    let fits = bytes <= caches.l3_bytes as f64 / 2.0;
    let is_near = bytes <= caches.l2_bytes as f64;
    let rate = match (Isa::of_machine().is_wide() && !is_near, fits) {
        (true, true) => SERVER_L3_BYTES_PER_US,
        (true, false) => SERVER_MEMORY_BYTES_PER_US,
        (false, true) => L3_BYTES_PER_US,
        (false, false) => MEMORY_BYTES_PER_US,
    };
    bytes / rate
}

/// The same of the blocked GEMM kernels, which ask for what comes two panels later: with AVX2 half of it is
/// hidden (1 x 1 layers of 13 to 27 MB, Zen 4). Panels of 512 bits keep more lines waiting at once than a
/// core that halves them has places for; but two threads took 0.8 of the time of AVX2 with them. Where 512 bits are
/// multiplied at once half of it is hidden of 1 x 1 filters (layers of 26 MB, Ice Lake).
pub fn panels_memory_us(problem: &ConvProblem, context: &Context, level: IsaLevel) -> f64 {
    let is_alone = context.cpu_threads.get() == 1;
    let share = match (level, problem.direction()) {
        // They pack what they multiply, and ask for nothing.
        (_, Direction::Wrw) => 0.95,
        (IsaLevel::Avx512, _) if !halves_512_bits() && problem.filter_spatial() == [1; 3] => 0.5,
        (IsaLevel::Avx512, _) if !halves_512_bits() => 1.0,
        (IsaLevel::Avx512, _) if is_alone => 1.2,
        (IsaLevel::Avx512, _) => 0.6,
        (IsaLevel::Scalar | IsaLevel::Avx2Fma, _) => 0.5,
    };
    share * memory_us(problem)
}

/// What copying an element into a plane or out of sums costs, in multiply-adds of the AVX2 kernel;
/// what each line costs beside its elements, and each plane beside its lines. Fitted on Zen 3 to
/// depthwise layers with planes of 7 x 7 to 112 x 112.
pub const STAGE_COST: f64 = 6.0;
pub const LINE_COST: f64 = 100.0;
pub const PLANE_COST: f64 = 2500.0;

/// Start of a call: plan look-up, and waking the threads if there are several.
pub fn overhead_us(context: &Context) -> f64 {
    if context.cpu_threads.get() > 1 { 8.0 } else { 2.0 }
}

/// Scattered elements a microsecond and thread: tensors whose lines are not
/// contiguous are read and written float by float (measured on Zen 3).
const SCATTERED_ELEMS_PER_US: f64 = 500.0;

/// The same where channels are contiguous and f32, so that squares are transposed in registers.
const TRANSPOSED_ELEMS_PER_US: f64 = 2_000.0;

/// What lines that are not contiguous cost the solvers that work on lines, `by_channel` where they
/// take or give one channel at a time.
pub fn scatter_us(problem: &ConvProblem, context: &Context, by_channel: bool) -> f64 {
    let of_role = |role: Role| {
        let tensor = problem.tensor5(role);
        let elems = tensor.lengths.iter().map(|&len| len as f64).product::<f64>();
        let is_f32 = problem.tensor(role).dtype() == DataType::F32;
        if tensor.strides[4] == 1 {
            0.0
        } else if tensor.strides[1] == 1 && is_f32 && !by_channel {
            elems / TRANSPOSED_ELEMS_PER_US
        } else {
            elems / SCATTERED_ELEMS_PER_US
        }
    };
    (of_role(Role::X) + of_role(Role::Y)) / context.cpu_threads.get() as f64
}
