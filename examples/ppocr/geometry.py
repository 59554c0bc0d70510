"""What an ONNX Conv or ConvTranspose computes, and how MIOpen is asked for it.

MIOpen pads both ends of a dimension alike; ONNX may not. `Geometry` keeps ONNX's two ends, and `even_pads`
tells whether the padding can be left to MIOpen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, gcd
from typing import Any, NamedTuple

Pair = tuple[int, int]


def _pair(values: Sequence[int]) -> Pair:
    height, width = values
    return int(height), int(width)


@dataclass(frozen=True)
class Geometry:
    """One two-dimensional layer. Spatial pairs are (height, width).

    n c hi wi: input; k ho wo: output; y x: filter. `pads_begin` and `pads_end` are ONNX's, `output_pads`
    is how far a transposed convolution's output reaches beyond what its filter needs.
    """

    transposed: bool
    n: int
    c: int
    hi: int
    wi: int
    k: int
    y: int
    x: int
    ho: int
    wo: int
    strides: Pair
    dilations: Pair
    pads_begin: Pair
    pads_end: Pair
    output_pads: Pair
    group: int

    @property
    def even_pads(self) -> bool:
        """Whether both ends are padded alike, so that MIOpen can do it."""
        return self.pads_begin == self.pads_end

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """n k ho wo."""
        return self.n, self.k, self.ho, self.wo

    @property
    def flops(self) -> int:
        """Multiplications and additions of the plain algorithm, those with padding included."""
        if self.transposed:
            return 2 * self.n * self.c * self.hi * self.wi * (self.k // self.group) * self.y * self.x
        return 2 * self.n * self.k * self.ho * self.wo * (self.c // self.group) * self.y * self.x

    @property
    def gemm_k(self) -> int:
        """The greatest number of products that are summed up for one output element."""
        taps = [self.y, self.x]
        if self.transposed:
            # An output element meets only the taps that lie on the stride's grid.
            steps = (s // gcd(s, d) for s, d in zip(self.strides, self.dilations, strict=True))
            taps = [ceil(tap / step) for tap, step in zip(taps, steps, strict=True)]
        return self.c // self.group * taps[0] * taps[1]


class _Axis(NamedTuple):
    """One spatial dimension: its output length, the padding (or cropping) at its ends, and output padding."""

    output: int
    begin: int
    end: int
    output_pad: int


def from_onnx(
    op_type: str, attributes: Mapping[str, Any], x_shape: Sequence[int], w_shape: Sequence[int]
) -> Geometry:
    """The geometry of an ONNX node, from its attributes and the shapes of its input and filter."""
    if len(x_shape) != 4:
        raise ValueError(f"{op_type} on a tensor of rank {len(x_shape)}; only rank 4 is supported")
    transposed = op_type == "ConvTranspose"
    group = int(attributes.get("group", 1))
    strides = _pair(attributes.get("strides", (1, 1)))
    dilations = _pair(attributes.get("dilations", (1, 1)))
    resolve = _resolve_transposed if transposed else _resolve_forward
    axes = [
        resolve(attributes, axis, x_shape[2 + axis], w_shape[2 + axis], strides[axis], dilations[axis])
        for axis in (0, 1)
    ]
    rows, columns = axes
    n, c, hi, wi = x_shape
    return Geometry(
        transposed=transposed,
        n=n,
        c=c,
        hi=hi,
        wi=wi,
        y=w_shape[2],
        x=w_shape[3],
        k=w_shape[1] * group if transposed else w_shape[0],
        ho=rows.output,
        wo=columns.output,
        strides=strides,
        dilations=dilations,
        pads_begin=(rows.begin, columns.begin),
        pads_end=(rows.end, columns.end),
        output_pads=(rows.output_pad, columns.output_pad),
        group=group,
    )


def _split(total: int, auto_pad: str) -> Pair:
    """Splits a padding in two; SAME_UPPER puts the odd element at the end, the others at the beginning."""
    small = total // 2
    return (small, total - small) if auto_pad == "SAME_UPPER" else (total - small, small)


def _explicit_pads(attributes: Mapping[str, Any], axis: int) -> Pair:
    pads = attributes.get("pads", (0, 0, 0, 0))
    return int(pads[axis]), int(pads[axis + 2])


def _resolve_forward(
    attributes: Mapping[str, Any], axis: int, length: int, taps: int, stride: int, dilation: int
) -> _Axis:
    """One dimension of a Conv."""
    extent = dilation * (taps - 1) + 1
    auto_pad = attributes.get("auto_pad", "NOTSET")
    begin, end = (0, 0) if auto_pad == "VALID" else _explicit_pads(attributes, axis)
    if auto_pad.startswith("SAME"):
        begin, end = _split(max((ceil(length / stride) - 1) * stride + extent - length, 0), auto_pad)
    return _Axis((length + begin + end - extent) // stride + 1, begin, end, 0)


def _resolve_transposed(
    attributes: Mapping[str, Any], axis: int, length: int, taps: int, stride: int, dilation: int
) -> _Axis:
    """One dimension of a ConvTranspose."""
    output_pad = int(attributes.get("output_padding", (0, 0))[axis])
    if output_pad >= stride:
        raise ValueError(f"output padding {output_pad} is not below the stride {stride}")
    full = stride * (length - 1) + output_pad + dilation * (taps - 1) + 1
    auto_pad = attributes.get("auto_pad", "NOTSET")
    begin, end = (0, 0) if auto_pad == "VALID" else _explicit_pads(attributes, axis)
    wanted = attributes.get("output_shape")
    if wanted is not None:
        begin, end = _split(full - int(wanted[axis]), auto_pad)
    elif auto_pad.startswith("SAME"):
        begin, end = _split(full - length * stride, auto_pad)
    if begin < 0 or end < 0:
        raise ValueError("an output longer than the filter reaches is not supported")
    return _Axis(full - begin - end, begin, end, output_pad)
