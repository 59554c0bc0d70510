"""Layers of a shapes file through MIOpen's C API, in immediate mode, on host memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from miopen_bypass.miopen import (
    ConvolutionDescriptor,
    Direction,
    Handle,
    Problem,
    Tensor,
    open_standalone_cpu,
)

# In each direction the roles of the tensors, in the order in which Find takes them; the last one
# is the result.
CALLS = {
    "fwd": (Direction.FORWARD, "xwy"),
    "bwd": (Direction.BACKWARD_DATA, "ywx"),
    "wrw": (Direction.BACKWARD_WEIGHTS, "yxw"),
}
DIRECTIONS = tuple(CALLS)


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


def dense_array(lengths: tuple[int, ...], layout: str, dtype: type) -> np.ndarray:
    """Zeros of N, C, H, W; in the layout nhwc the channels of a pixel are neighbours."""
    if layout == "nchw":
        return aligned_array(lengths, dtype)
    n, c, h, w = lengths
    return aligned_array((n, h, w, c), dtype).transpose(0, 3, 1, 2)


def open_library(path: str, threads: int) -> Handle:
    """The library in standalone CPU mode; the settings have to be made before it is loaded."""
    os.environ["MIOPEN_BYPASS_REAL_LIB"] = "none"
    os.environ["MIOPEN_BYPASS_DEVICE"] = "cpu"
    os.environ["MIOPEN_BYPASS_THREADS"] = str(threads)
    return Handle(open_standalone_cpu(path))


class Convolution:
    """One layer in one direction, on the caller's arrays `x`, `w` and `y`."""

    def __init__(self, handle: Handle, layer: Layer, direction: str, arrays: dict[str, np.ndarray]) -> None:
        self.handle = handle
        self._objects = ExitStack()
        open_object = self._objects.enter_context
        kind, order = CALLS[direction]
        first, second, target = (open_object(Tensor(handle.library, arrays[role])) for role in order)
        pads, strides, dilations = (layer.ph, layer.pw), (layer.sh, layer.sw), (layer.dh, layer.dw)
        conv = ConvolutionDescriptor(handle.library, pads, strides, dilations, layer.g)
        self.problem = Problem(kind, first, second, open_object(conv), target)

    def close(self) -> None:
        self._objects.close()

    def best_solution(self) -> int:
        """The id of what immediate mode puts first."""
        return self.handle.solutions(self.problem)[0].solution_id

    def runner(self, solution_id: int) -> Callable[[], None]:
        """A function that computes once by this solution; workspace is granted as asked for."""
        size_bytes = self.handle.solution_workspace_size(self.problem, solution_id)
        self.handle.compile_solution(self.problem, solution_id)
        workspace = aligned_array((size_bytes,), np.uint8)
        return self.handle.immediate_call(self.problem, solution_id, workspace)
