"""Convolutions through MIOpen's C API by ctypes, in immediate mode, on host memory."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass

import numpy as np

MIOPEN_FLOAT = 1
DIRECTIONS = ("fwd", "bwd", "wrw")

# In each direction the middle of the functions' names, and the order in which
# they take the tensors; the last one is the result.
CALLS = {
    "fwd": ("Forward", "wxy"),
    "bwd": ("BackwardData", "ywx"),
    "wrw": ("BackwardWeights", "yxw"),
}


class Solution(ctypes.Structure):
    """miopenConvSolution_t: `time` in milliseconds, `workspace_size` in bytes."""

    _fields_ = [
        ("time", c_float),
        ("workspace_size", c_size_t),
        ("solution_id", c_uint64),
        ("algorithm", c_int),
    ]


@dataclass(frozen=True)
class Layer:
    """A line of a shapes file; dh and dw are dilations."""

    name: str
    n: int
    c: int
    h: int
    w: int
    k: int
    y: int
    x: int
    sh: int
    sw: int
    ph: int
    pw: int
    dh: int
    dw: int
    g: int

    @property
    def out_spatial(self) -> tuple[int, int]:
        return (
            (self.h + 2 * self.ph - self.dh * (self.y - 1) - 1) // self.sh + 1,
            (self.w + 2 * self.pw - self.dw * (self.x - 1) - 1) // self.sw + 1,
        )

    @property
    def lengths(self) -> dict[str, tuple[int, ...]]:
        return {
            "x": (self.n, self.c, self.h, self.w),
            "w": (self.k, self.c // self.g, self.y, self.x),
            "y": (self.n, self.k, *self.out_spatial),
        }

    @property
    def flops(self) -> float:
        """Multiplications and additions in each direction; padding counts as if it were data."""
        ho, wo = self.out_spatial
        return 2.0 * self.n * self.k * (self.c // self.g) * self.y * self.x * ho * wo


def read_layers(path: str) -> list[Layer]:
    layers = []
    with open(path) as file:
        for line in file:
            fields = line.split()
            if fields and not line.startswith("#") and fields[1] != "n":
                layers.append(Layer(fields[0], *map(int, fields[1:])))
    return layers


def aligned_array(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """Zeros that begin on a cache line, as PyTorch's own tensors do."""
    count = int(np.prod(shape))
    buffer = np.zeros(count * np.dtype(dtype).itemsize + 64, np.uint8)
    skip = -buffer.ctypes.data % 64
    return buffer[skip : skip + count * np.dtype(dtype).itemsize].view(dtype).reshape(shape)


class Library:
    """The library in standalone CPU mode; the settings have to be made before it is loaded."""

    def __init__(self, path: str, threads: int) -> None:
        os.environ["MIOPEN_BYPASS_REAL_LIB"] = "none"
        os.environ["MIOPEN_BYPASS_DEVICE"] = "cpu"
        os.environ["MIOPEN_BYPASS_THREADS"] = str(threads)
        self.c = ctypes.CDLL(path)
        self.c.miopenGetErrorString.restype = c_char_p
        self.handle = c_void_p()
        self.call("miopenCreate", byref(self.handle))

    def call(self, function: str, *args: object) -> None:
        status = getattr(self.c, function)(*args)
        if status != 0:
            raise RuntimeError(f"{function}: {self.c.miopenGetErrorString(status).decode()}")

    def descriptor(self, lengths: tuple[int, ...]) -> c_void_p:
        descriptor = c_void_p()
        self.call("miopenCreateTensorDescriptor", byref(descriptor))
        self.call("miopenSet4dTensorDescriptor", descriptor, MIOPEN_FLOAT, *lengths)
        return descriptor

    def convolution_descriptor(self, layer: Layer) -> c_void_p:
        descriptor = c_void_p()
        self.call("miopenCreateConvolutionDescriptor", byref(descriptor))
        numbers = (layer.ph, layer.pw, layer.sh, layer.sw, layer.dh, layer.dw)
        self.call("miopenInitConvolutionDescriptor", descriptor, 0, *numbers)
        self.call("miopenSetConvolutionGroupCount", descriptor, layer.g)
        return descriptor


class Convolution:
    """One layer in one direction, on the caller's arrays `x`, `w` and `y`."""

    def __init__(self, library: Library, layer: Layer, direction: str, arrays: dict[str, np.ndarray]) -> None:
        self.library = library
        self.part, self.order = CALLS[direction]
        self.arrays = arrays
        self.convolution = library.convolution_descriptor(layer)
        self.tensors = {role: library.descriptor(layer.lengths[role]) for role in "xwy"}

    def close(self) -> None:
        for tensor in self.tensors.values():
            self.library.call("miopenDestroyTensorDescriptor", tensor)
        self.library.call("miopenDestroyConvolutionDescriptor", self.convolution)

    def _described(self) -> list[c_void_p]:
        first, second, result = (self.tensors[role] for role in self.order)
        return [self.library.handle, first, second, self.convolution, result]

    def best_solution(self) -> int:
        """The id of what immediate mode puts first."""
        solution, count = Solution(), c_size_t()
        function = f"miopenConvolution{self.part}GetSolution"
        self.library.call(function, *self._described(), c_size_t(1), byref(count), byref(solution))
        return solution.solution_id

    def runner(self, solution_id: int) -> Callable[[], None]:
        """A function that computes once by this solution; workspace is granted as asked for."""
        size, solution = c_size_t(), c_uint64(solution_id)
        prefix = f"miopenConvolution{self.part}"
        self.library.call(f"{prefix}GetSolutionWorkspaceSize", *self._described(), solution, byref(size))
        self.library.call(f"{prefix}CompileSolution", *self._described(), solution)
        workspace = aligned_array((size.value,), np.uint8)
        args: list[object] = [self.library.handle]
        for role in self.order:
            if role == self.order[-1]:
                args.append(self.convolution)
            args += [self.tensors[role], c_void_p(self.arrays[role].ctypes.data)]
        args += [c_void_p(workspace.ctypes.data), size, solution]
        function = getattr(self.library.c, f"{prefix}Immediate")

        def run(keep: np.ndarray = workspace) -> None:
            if function(*args) != 0:
                raise RuntimeError(f"{prefix}Immediate failed")

        return run
