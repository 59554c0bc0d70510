"""Runs ONNX convolutions through MIOpen, the way PyTorch does.

Forward convolutions are miopenConvolution in the forward direction, transposed ones the same mode in the
backward-data direction (or, if asked for, miopenTranspose in the forward direction). The algorithm comes
from Find, or from immediate mode. What was found is kept for the next layer of the same geometry.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from geometry import Geometry
from miopen_bypass.miopen import (
    ConvolutionDescriptor,
    Direction,
    FloatArray,
    Handle,
    Mode,
    Problem,
    Tensor,
    allocate_workspace,
)

ALGORITHMS = {0: "GEMM", 1: "Direct", 2: "FFT", 3: "Winograd", 5: "ImplicitGEMM"}
"""Names of miopenConvFwdAlgorithm_t; the other directions number alike."""


@dataclass(frozen=True)
class Options:
    """How the library is asked."""

    immediate: bool = False
    """Immediate mode in place of Find."""
    transpose_mode: bool = False
    """miopenTranspose for transposed convolutions, in place of backward-data."""
    repeat: int = 1
    """Timed runs of each layer; the fastest counts."""


@dataclass(frozen=True)
class Plan:
    """What Find or immediate mode chose for a geometry."""

    algorithm: str
    number: int
    """miopenConvFwdAlgorithm_t, or the solution id in immediate mode."""
    workspace_bytes: int
    search_us: float


@dataclass(frozen=True)
class Outcome:
    """A layer's result and what it cost. `run_us` is the convolution alone, `bias_us` adding the bias."""

    output: FloatArray
    direction: Direction
    algorithm: str
    workspace_bytes: int
    search_us: float
    run_us: float
    bias_us: float


def _timed_us(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e6


class Convolver:
    """Runs layers through one handle."""

    def __init__(self, handle: Handle, options: Options) -> None:
        self._handle = handle
        self.options = options
        self._plans: dict[Geometry, Plan] = {}

    def run(self, geometry: Geometry, x: FloatArray, weights: FloatArray, bias: FloatArray | None) -> Outcome:
        """Convolves `x` (n c hi wi) with `weights`, whose layout is the same in ONNX and MIOpen."""
        with ExitStack() as stack:
            problem = self._problem(stack, geometry, x, weights)
            known = self._plans.get(geometry)
            plan = known or self._plans.setdefault(geometry, self._search(problem))
            # A search may leave the right answer behind: what counts is what the run writes.
            problem.target.array.fill(np.nan)
            run_us = self._run(plan, problem)
            bias_us = self._add_bias(stack, bias, problem.target)
        return Outcome(
            _crop(geometry, problem.target.array),
            problem.direction,
            plan.algorithm,
            plan.workspace_bytes,
            0.0 if known else plan.search_us,
            run_us,
            bias_us,
        )

    def _problem(self, stack: ExitStack, geometry: Geometry, x: FloatArray, weights: FloatArray) -> Problem:
        """The layer as the library's objects, which `stack` destroys."""
        library = self._handle.library
        as_transpose = geometry.transposed and self.options.transpose_mode
        conv = ConvolutionDescriptor(
            library,
            geometry.pads_begin if geometry.even_pads else (0, 0),
            geometry.strides,
            geometry.dilations,
            geometry.group,
            Mode.TRANSPOSE if as_transpose else Mode.CONVOLUTION,
            geometry.output_pads if as_transpose else None,
        )
        backward_data = geometry.transposed and not as_transpose
        return Problem(
            Direction.BACKWARD_DATA if backward_data else Direction.FORWARD,
            stack.enter_context(Tensor(library, _pad(geometry, x))),
            stack.enter_context(Tensor(library, weights)),
            stack.enter_context(conv),
            stack.enter_context(Tensor(library, np.empty(_uncropped_shape(geometry), np.float32))),
        )

    def _search(self, problem: Problem) -> Plan:
        start = time.perf_counter()
        if self.options.immediate:
            solutions = self._handle.solutions(problem)
            if not solutions:
                raise RuntimeError("immediate mode offers no solution")
            best = solutions[0]
            self._handle.compile_solution(problem, best.solution_id)
            name, number, size = f"solution {best.solution_id}", best.solution_id, best.workspace_size
        else:
            perf = self._handle.find(problem)
            name, number, size = ALGORITHMS.get(perf.algo, str(perf.algo)), perf.algo, perf.memory
        return Plan(name, number, size, (time.perf_counter() - start) * 1e6)

    def _run(self, plan: Plan, problem: Problem) -> float:
        """Runs the plan, several times if the options say so; the fastest time in microseconds."""
        workspace = allocate_workspace(plan.workspace_bytes)
        method = self._handle.convolve_immediate if self.options.immediate else self._handle.convolve
        return min(
            _timed_us(lambda: method(problem, plan.number, workspace)) for _ in range(self.options.repeat)
        )

    def _add_bias(self, stack: ExitStack, bias: FloatArray | None, target: Tensor) -> float:
        if bias is None:
            return 0.0
        tensor = stack.enter_context(Tensor(self._handle.library, bias.reshape(1, -1, 1, 1)))
        return _timed_us(lambda: self._handle.add_bias(tensor, target))


def _pad(geometry: Geometry, x: FloatArray) -> FloatArray:
    """The input, with zeros round it where MIOpen cannot express the padding."""
    if geometry.transposed or geometry.even_pads:
        return x
    ends = zip(geometry.pads_begin, geometry.pads_end, strict=True)
    return np.pad(x, ((0, 0), (0, 0), *ends))


def _uncropped_shape(geometry: Geometry) -> tuple[int, int, int, int]:
    """The output shape asked of MIOpen: whole where a transposed convolution is cropped unevenly."""
    if not geometry.transposed or geometry.even_pads:
        return geometry.output_shape
    rows, columns = (b + e for b, e in zip(geometry.pads_begin, geometry.pads_end, strict=True))
    return geometry.n, geometry.k, geometry.ho + rows, geometry.wo + columns


def _crop(geometry: Geometry, output: FloatArray) -> FloatArray:
    if output.shape == geometry.output_shape:
        return output
    top, left = geometry.pads_begin
    return np.ascontiguousarray(output[:, :, top : top + geometry.ho, left : left + geometry.wo])
