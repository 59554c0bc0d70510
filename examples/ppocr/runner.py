"""Runs the whole network through MIOpen and checks it on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from console import Progress, captured_stderr
from convolution import Convolver, Outcome
from detection import Box, find_boxes
from geometry import Geometry, from_onnx
from graph import Graph, Node
from miopen_bypass.miopen import FloatArray
from verify import Deviation, LayerReference

PROBABILITY_LIMIT = 1e-3
"""How far the two probability maps may lie apart. Not derived: the layers' rounding errors, each within its
bound, pass through some sixty layers; a thousandth is far below what any threshold of the boxes needs."""

CORNER_LIMIT_PX = 1.0
"""How far the corners of the two sets of boxes may lie apart."""


@dataclass(frozen=True)
class LayerResult:
    """One convolution: what it was, what it cost, how right it is."""

    name: str
    geometry: Geometry
    outcome: Outcome
    reference_us: float
    deviation: Deviation

    @property
    def gflops_per_s(self) -> float:
        """Speed of the convolution alone."""
        return self.geometry.flops / self.outcome.run_us / 1e3


@dataclass(frozen=True)
class NetworkRun:
    """One pass: the probability map (1 1 rows columns), the layers in order, and what the library wrote to
    stderr at the first of them."""

    probability: FloatArray
    layers: list[LayerResult]
    notes: list[str]

    @property
    def within_bounds(self) -> bool:
        """Whether every layer is."""
        return all(layer.deviation.within_bounds for layer in self.layers)


@dataclass(frozen=True)
class Agreement:
    """The end of the network compared with ONNX Runtime's."""

    max_abs_difference: float
    boxes: int
    reference_boxes: int
    max_corner_distance_px: float

    @property
    def holds(self) -> bool:
        """Whether the maps are alike and give the same boxes. False also where a value is not a number."""
        return (
            self.max_abs_difference <= PROBABILITY_LIMIT
            and self.boxes == self.reference_boxes
            and self.max_corner_distance_px <= CORNER_LIMIT_PX
        )


class NetworkRunner:
    """A graph with the references of its convolutions, for one or more runs."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._references: dict[str, LayerReference] = {}

    def run(self, data: FloatArray, convolver: Convolver, progress: Progress) -> NetworkRun:
        """Passes the network's input through it."""
        results: list[LayerResult] = []
        notes: list[str] = []

        def convolve(node: Node, x: FloatArray, w: FloatArray, bias: FloatArray | None) -> FloatArray:
            geometry = from_onnx(node.op_type, node.attributes, x.shape, w.shape)
            if results:
                outcome = convolver.run(geometry, x, w, bias)
            else:
                # The library announces itself here; kept from breaking into the progress bar.
                with captured_stderr() as lines:
                    outcome = convolver.run(geometry, x, w, bias)
                notes.extend(lines)
            results.append(self._check(node, geometry, x, w, bias, outcome, convolver.options.repeat))
            progress.advance(node.name)
            return outcome.output

        with progress:
            return NetworkRun(self._graph.run(data, convolve), results, notes)

    def _check(
        self,
        node: Node,
        geometry: Geometry,
        x: FloatArray,
        w: FloatArray,
        bias: FloatArray | None,
        outcome: Outcome,
        repeat: int,
    ) -> LayerResult:
        reference = self._references.get(node.name)
        if reference is None:
            reference = self._references[node.name] = LayerReference(node, self._graph.opset, w, bias)
        expected, reference_us = reference.run(x, repeat)
        deviation = reference.compare(geometry, x, outcome.output, expected)
        return LayerResult(node.name, geometry, outcome, reference_us, deviation)


def compare_maps(
    probability: FloatArray, reference: FloatArray, width: int, height: int
) -> tuple[list[Box], Agreement]:
    """The boxes of `probability` in a picture of width x height, and how they agree with the reference's."""
    boxes = find_boxes(probability[0, 0], width, height)
    expected = find_boxes(reference[0, 0], width, height)
    distances = [
        float(np.abs(box.corners - other.corners).max()) for box, other in zip(boxes, expected, strict=False)
    ]
    difference = float(np.abs(probability - reference).max())
    return boxes, Agreement(difference, len(boxes), len(expected), max(distances, default=0.0))
