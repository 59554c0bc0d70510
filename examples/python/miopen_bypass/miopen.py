"""MIOpen's C API for convolutions, by ctypes.

The calls are the ones any C program makes. Memory is the caller's numpy arrays, so the answering library has
to take host pointers, as miopen-bypass does in standalone CPU mode (`open_standalone_cpu`).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_bool, c_float, c_int, c_size_t, c_uint64, c_void_p
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .library import LoadedLibrary, MiopenError

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

AnyArray = NDArray[Any]

DATA_TYPES = {np.dtype(np.float32): 1, np.dtype(np.float16): 0, np.dtype(np.uint16): 5}
"""miopenDataType_t of numpy's types; numpy has no bfloat16, so its bits stand in uint16."""

MAX_SOLUTIONS = 10
"""Length of the solution list asked for in immediate mode; PyTorch accepts no more than this."""


class Mode(IntEnum):
    """miopenConvolutionMode_t."""

    CONVOLUTION = 0
    TRANSPOSE = 1


class Direction(Enum):
    """A convolution direction; the value is the part of the C names that tells it."""

    FORWARD = "Forward"
    BACKWARD_DATA = "BackwardData"
    BACKWARD_WEIGHTS = "BackwardWeights"


class AlgoPerf(ctypes.Structure):
    """miopenConvAlgoPerf_t: `time` in milliseconds, `memory` in bytes."""

    _fields_ = [("algo", c_int), ("time", c_float), ("memory", c_size_t)]


class Solution(ctypes.Structure):
    """miopenConvSolution_t: `time` in milliseconds, `workspace_size` in bytes."""

    _fields_ = [
        ("time", c_float),
        ("workspace_size", c_size_t),
        ("solution_id", c_uint64),
        ("algorithm", c_int),
    ]


_PTR = c_void_p
_INTS = POINTER(c_int)
_SIZE = POINTER(c_size_t)
# Handle and four descriptors: how every question about a problem begins.
_QUERY = (_PTR,) * 5
# Handle, three descriptors each with its buffer, the convolution descriptor: how Find begins.
_FIND = (_PTR,) * 8
_FIND_TAIL = (c_int, _INTS, POINTER(AlgoPerf), _PTR, c_size_t, c_bool)
_RUN = (_PTR,) * 7 + (c_int,) + (_PTR,) * 4 + (c_size_t,)

_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "miopenGetVersion": (_SIZE, _SIZE, _SIZE),
    "miopenCreate": (POINTER(_PTR),),
    "miopenDestroy": (_PTR,),
    "miopenCreateTensorDescriptor": (POINTER(_PTR),),
    "miopenSetTensorDescriptor": (_PTR, c_int, c_int, _INTS, _INTS),
    "miopenDestroyTensorDescriptor": (_PTR,),
    "miopenCreateConvolutionDescriptor": (POINTER(_PTR),),
    "miopenInitConvolutionNdDescriptor": (_PTR, c_int, _INTS, _INTS, _INTS, c_int),
    "miopenSetConvolutionGroupCount": (_PTR, c_int),
    "miopenSetTransposeConvNdOutputPadding": (_PTR, c_int, _INTS),
    "miopenDestroyConvolutionDescriptor": (_PTR,),
    "miopenConvolutionForwardBias": (_PTR,) * 7,
}
for _direction in Direction:
    _SIGNATURES |= {
        f"miopenConvolution{_direction.value}GetWorkSpaceSize": (*_QUERY, _SIZE),
        f"miopenFindConvolution{_direction.value}Algorithm": (*_FIND, *_FIND_TAIL),
        f"miopenConvolution{_direction.value}": _RUN,
        f"miopenConvolution{_direction.value}GetSolutionCount": (*_QUERY, _SIZE),
        f"miopenConvolution{_direction.value}GetSolution": (*_QUERY, c_size_t, _SIZE, POINTER(Solution)),
        f"miopenConvolution{_direction.value}GetSolutionWorkspaceSize": (*_QUERY, c_uint64, _SIZE),
        f"miopenConvolution{_direction.value}CompileSolution": (*_QUERY, c_uint64),
        f"miopenConvolution{_direction.value}Immediate": (*_FIND, _PTR, c_size_t, c_uint64),
    }


class Library(LoadedLibrary):
    """A loaded libMIOpen. `call` raises MiopenError for every status but success."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path, _SIGNATURES)

    @property
    def version(self) -> tuple[int, int, int]:
        """What miopenGetVersion says: major, minor, patch."""
        numbers = [c_size_t() for _ in range(3)]
        self.call("miopenGetVersion", *(byref(number) for number in numbers))
        major, minor, patch = (number.value for number in numbers)
        return major, minor, patch


def open_standalone_cpu(path: Path | str) -> Library:
    """Loads miopen-bypass with the settings that make host memory its device memory, unless they are set."""
    os.environ.setdefault("MIOPEN_BYPASS_REAL_LIB", "none")
    os.environ.setdefault("MIOPEN_BYPASS_DEVICE", "cpu")
    return Library(path)


class _Object:
    """One object of the library, destroyed with `close` or at the end of a `with` block."""

    def __init__(self, library: Library, kind: str) -> None:
        self.library = library
        self._kind = kind
        self.pointer = c_void_p()
        library.call(f"miopenCreate{kind}", byref(self.pointer))

    def close(self) -> None:
        """Destroys the object; a second call does nothing."""
        if self.pointer:
            self.library.call(f"miopenDestroy{self._kind}", self.pointer)
            self.pointer = c_void_p()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _int_array(values: Sequence[int]) -> ctypes.Array[c_int]:
    return (c_int * len(values))(*values)


class Tensor(_Object):
    """A tensor descriptor together with the array it describes, in whatever order its elements lie."""

    def __init__(self, library: Library, array: AnyArray) -> None:
        super().__init__(library, "TensorDescriptor")
        # What has no descriptor (other types, reversed or repeated axes) is described by a copy.
        is_describable = array.dtype in DATA_TYPES and min(array.strides) >= array.itemsize
        self.array = array if is_describable else np.ascontiguousarray(array, dtype=np.float32)
        strides = [stride // self.array.itemsize for stride in self.array.strides]
        library.call(
            "miopenSetTensorDescriptor",
            self.pointer,
            DATA_TYPES[self.array.dtype],
            self.array.ndim,
            _int_array(self.array.shape),
            _int_array(strides),
        )

    @property
    def data(self) -> int:
        """Address of the first element."""
        return self.array.ctypes.data


class ConvolutionDescriptor(_Object):
    """A convolution descriptor; pads, strides and dilations have one entry per spatial dimension."""

    def __init__(
        self,
        library: Library,
        pads: Sequence[int],
        strides: Sequence[int],
        dilations: Sequence[int],
        group_count: int = 1,
        mode: Mode = Mode.CONVOLUTION,
        output_pads: Sequence[int] | None = None,
    ) -> None:
        super().__init__(library, "ConvolutionDescriptor")
        arrays = (_int_array(values) for values in (pads, strides, dilations))
        library.call("miopenInitConvolutionNdDescriptor", self.pointer, len(pads), *arrays, mode)
        # Init resets the group count and the output padding, so these follow it.
        library.call("miopenSetConvolutionGroupCount", self.pointer, group_count)
        if output_pads is not None:
            library.call(
                "miopenSetTransposeConvNdOutputPadding",
                self.pointer,
                len(output_pads),
                _int_array(output_pads),
            )


def allocate_workspace(size_bytes: int) -> ByteArray:
    """Scratch memory of exactly `size_bytes`, as PyTorch allocates it."""
    return np.empty(size_bytes, dtype=np.uint8)


def _address(workspace: ByteArray) -> int | None:
    return workspace.ctypes.data if workspace.size else None


class Problem(NamedTuple):
    """A convolution to be done, its tensors in the order in which Find takes them.

    Forward: x, w and y; backward-data: dy, w and dx; backward-weights: dy, x and dw.
    """

    direction: Direction
    first: Tensor
    second: Tensor
    conv: ConvolutionDescriptor
    target: Tensor

    @property
    def query_order(self) -> tuple[Tensor, Tensor]:
        """The inputs as questions and immediate mode take them: forward, the filter comes first."""
        if self.direction is Direction.FORWARD:
            return self.second, self.first
        return self.first, self.second


class Handle(_Object):
    """A MIOpen handle and the convolution calls made through it."""

    def __init__(self, library: Library) -> None:
        super().__init__(library, "")

    def _ask(self, name: str, problem: Problem, *arguments: Any) -> None:
        """Calls miopenConvolution<direction><name> with the descriptors of `problem`, then `arguments`."""
        first, second = problem.query_order
        self.library.call(
            f"miopenConvolution{problem.direction.value}{name}",
            *(self.pointer, first.pointer, second.pointer, problem.conv.pointer, problem.target.pointer),
            *arguments,
        )

    def workspace_size(self, problem: Problem) -> int:
        """Workspace that Find may need, in bytes."""
        size = c_size_t()
        self._ask("GetWorkSpaceSize", problem, byref(size))
        return size.value

    def find(self, problem: Problem) -> AlgoPerf:
        """Find with one entry requested. Overwrites the target."""
        workspace = allocate_workspace(self.workspace_size(problem))
        perf, count = AlgoPerf(), c_int()
        name = f"miopenFindConvolution{problem.direction.value}Algorithm"
        _, first, second, conv, target = problem
        self.library.call(
            name,
            *(self.pointer, first.pointer, first.data, second.pointer, second.data),
            *(conv.pointer, target.pointer, target.data, 1, byref(count), byref(perf)),
            *(_address(workspace), workspace.nbytes, False),
        )
        if count.value < 1:
            raise MiopenError(name, 0, "no algorithm")
        return perf

    def convolve(self, problem: Problem, algo: int, workspace: ByteArray) -> None:
        """Computes the target with the algorithm that Find chose."""
        one, zero = c_float(1.0), c_float(0.0)
        _, first, second, conv, target = problem
        self.library.call(
            f"miopenConvolution{problem.direction.value}",
            *(self.pointer, ctypes.addressof(one), first.pointer, first.data),
            *(second.pointer, second.data, conv.pointer, algo, ctypes.addressof(zero)),
            *(target.pointer, target.data, _address(workspace), workspace.nbytes),
        )

    def add_bias(self, bias: Tensor, target: Tensor) -> None:
        """Adds the bias, which is 1 k 1 1, to the target in place."""
        one, zero = c_float(1.0), c_float(0.0)
        self.library.call(
            "miopenConvolutionForwardBias",
            *(self.pointer, ctypes.addressof(one), bias.pointer, bias.data),
            *(ctypes.addressof(zero), target.pointer, target.data),
        )

    def solutions(self, problem: Problem) -> list[Solution]:
        """Immediate mode's solutions, best first."""
        count = c_size_t()
        self._ask("GetSolutionCount", problem, byref(count))
        limit = min(count.value, MAX_SOLUTIONS)
        found = (Solution * limit)()
        self._ask("GetSolution", problem, limit, byref(count), found)
        return list(found[: count.value])

    def compile_solution(self, problem: Problem, solution_id: int) -> None:
        """Prepares a solution so that the first run costs no more than the next."""
        self._ask("CompileSolution", problem, solution_id)

    def solution_workspace_size(self, problem: Problem, solution_id: int) -> int:
        """Workspace of a solution, in bytes."""
        size = c_size_t()
        self._ask("GetSolutionWorkspaceSize", problem, solution_id, byref(size))
        return size.value

    def convolve_immediate(self, problem: Problem, solution_id: int, workspace: ByteArray) -> None:
        """Computes the target with one of `solutions`."""
        self.immediate_call(problem, solution_id, workspace)()

    def immediate_call(self, problem: Problem, solution_id: int, workspace: ByteArray) -> Callable[[], None]:
        """`convolve_immediate` with its arguments made ready, to be called again and again."""
        first, second = problem.query_order
        name = f"miopenConvolution{problem.direction.value}Immediate"
        function = getattr(self.library.c, name)
        pointers = (self.pointer, first.pointer, first.data, second.pointer, second.data)
        target = (problem.conv.pointer, problem.target.pointer, problem.target.data)
        arguments = [
            kind(getattr(value, "value", value))
            for kind, value in zip(
                _SIGNATURES[name],
                (*pointers, *target, _address(workspace), workspace.nbytes, solution_id),
                strict=True,
            )
        ]

        # The problem and the workspace live as long as the addresses in the arguments.
        def run(_keep: object = (problem, workspace)) -> None:
            status = function(*arguments)
            if status != 0:
                raise MiopenError(name, status, self.library.c.miopenGetErrorString(status).decode())

        return run
