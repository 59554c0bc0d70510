//! The list of all solvers.
#![forbid(unsafe_code)]

use super::staged::Staged;
use crate::config::IsaLevel;
use crate::cpu::Int8Kernel;
use crate::cpu::WinogradForm;
use crate::solver::Solver;
use crate::{cpu, gpu};

static SOLVERS: &[&dyn Solver] = &[
    &gpu::Winograd,
    &gpu::ImplicitGemm,
    &gpu::Direct,
    &gpu::WrwImplicitGemm,
    &gpu::WrwDirect,
    &cpu::DepthwisePlanes(IsaLevel::Avx512),
    &cpu::DepthwisePlanes(IsaLevel::Avx2Fma),
    &cpu::DepthwisePlanes(IsaLevel::Scalar),
    &cpu::Depthwise(IsaLevel::Avx512),
    &cpu::Depthwise(IsaLevel::Avx2Fma),
    &cpu::Depthwise(IsaLevel::Scalar),
    &cpu::DepthwiseTiles(IsaLevel::Avx512),
    &cpu::DepthwiseTiles(IsaLevel::Avx2Fma),
    &cpu::DepthwiseTiles(IsaLevel::Scalar),
    &cpu::DepthwiseLast(IsaLevel::Avx512),
    &cpu::DepthwiseLast(IsaLevel::Avx2Fma),
    &cpu::DepthwiseLast(IsaLevel::Scalar),
    &cpu::Direct(IsaLevel::Avx512),
    &cpu::Direct(IsaLevel::Avx2Fma),
    &cpu::Direct(IsaLevel::Scalar),
    &cpu::WrwDirect(IsaLevel::Avx512),
    &cpu::WrwDirect(IsaLevel::Avx2Fma),
    &cpu::WrwDirect(IsaLevel::Scalar),
    &cpu::Winograd { form: WinogradForm::Tile4Taps3, level: IsaLevel::Avx512 },
    &cpu::Winograd { form: WinogradForm::Tile4Taps3, level: IsaLevel::Avx2Fma },
    &cpu::Winograd { form: WinogradForm::Tile4Taps3, level: IsaLevel::Scalar },
    &cpu::Winograd { form: WinogradForm::Tile2Taps3, level: IsaLevel::Avx512 },
    &cpu::Winograd { form: WinogradForm::Tile2Taps3, level: IsaLevel::Avx2Fma },
    &cpu::Winograd { form: WinogradForm::Tile2Taps3, level: IsaLevel::Scalar },
    &cpu::Winograd { form: WinogradForm::Tile5Taps2, level: IsaLevel::Avx512 },
    &cpu::Winograd { form: WinogradForm::Tile5Taps2, level: IsaLevel::Avx2Fma },
    &cpu::Winograd { form: WinogradForm::Tile5Taps2, level: IsaLevel::Scalar },
    &cpu::Winograd { form: WinogradForm::Tile3Taps4, level: IsaLevel::Avx512 },
    &cpu::Winograd { form: WinogradForm::Tile3Taps4, level: IsaLevel::Avx2Fma },
    &cpu::Winograd { form: WinogradForm::Tile3Taps4, level: IsaLevel::Scalar },
    &cpu::Winograd { form: WinogradForm::Tile2Taps5, level: IsaLevel::Avx512 },
    &cpu::Winograd { form: WinogradForm::Tile2Taps5, level: IsaLevel::Avx2Fma },
    &cpu::Winograd { form: WinogradForm::Tile2Taps5, level: IsaLevel::Scalar },
    &cpu::Winograd { form: WinogradForm::Tile4Taps3Stride2, level: IsaLevel::Avx512 },
    &cpu::Winograd { form: WinogradForm::Tile4Taps3Stride2, level: IsaLevel::Avx2Fma },
    &cpu::Winograd { form: WinogradForm::Tile4Taps3Stride2, level: IsaLevel::Scalar },
    &cpu::PixelRows(IsaLevel::Avx512),
    &cpu::PixelRows(IsaLevel::Avx2Fma),
    &cpu::PixelRows(IsaLevel::Scalar),
    &cpu::Amx,
    &cpu::Blocked(IsaLevel::Avx512),
    &cpu::Blocked(IsaLevel::Avx2Fma),
    &cpu::Blocked(IsaLevel::Scalar),
    &cpu::Int8Depthwise(IsaLevel::Avx512),
    &cpu::Int8Depthwise(IsaLevel::Avx2Fma),
    &cpu::Int8Depthwise(IsaLevel::Scalar),
    &cpu::Int8(Int8Kernel::Amx),
    &cpu::Int8(Int8Kernel::Avx512Vnni),
    &cpu::Int8(Int8Kernel::Avx512Bw),
    &cpu::Int8(Int8Kernel::AvxVnni),
    &cpu::Int8(Int8Kernel::Avx2),
    &cpu::Int8(Int8Kernel::Scalar),
    &cpu::ImplicitGemm,
    &cpu::Naive,
    &Staged,
];

/// Every solver: the specialised before the general, the naive reference after
/// all that compute, and last what brings the CPU's solvers to tensors on a device.
/// Where two guess the same time, the earlier one wins.
pub fn solvers() -> &'static [&'static dyn Solver] {
    SOLVERS
}
