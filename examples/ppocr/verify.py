"""Compares convolutions with ONNX Runtime's, layer by layer and given the same input.

Two bounds, and a layer has to keep both.

The first is derived. A sum of m products, rounded in any order and with or without fused multiply-add, is off
by at most gamma(m) * sum|x w|, where gamma(m) = m u / (1 - m u) and u = 2^-24 is float32's unit roundoff
(Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). Adding the bias is one more rounding,
and both answers may be off, so they differ by at most 2 gamma(m + 1) * (sum|x w| + |bias|). The sum over
absolute values is a convolution too, and ONNX Runtime computes it. Direct methods keep this bound for every
element; Winograd's method mixes neighbouring elements, so the bound is taken as the layer's largest one.

The second is tighter and catches errors that are small but everywhere: the root mean square of the difference
over the largest value, at most 1.5e-6. It is the measure and the float32 tolerance of AMD's MIOpenDriver.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from geometry import Geometry
from graph import Node
from miopen_bypass.miopen import FloatArray

UNIT_ROUNDOFF = 2.0**-24

RELATIVE_RMS_LIMIT = 1.5e-6
"""MIOpenDriver's float32 tolerance."""

IR_VERSION = 8
"""ONNX file format version of the single-node models: old enough for every ONNX Runtime in use."""


@dataclass(frozen=True)
class Deviation:
    """How far a layer's answer lies from the reference."""

    max_abs_error: float
    max_abs_bound: float
    relative_rms: float

    @property
    def within_bounds(self) -> bool:
        """False also where a value is not a number."""
        return self.max_abs_error <= self.max_abs_bound and self.relative_rms <= RELATIVE_RMS_LIMIT


def gamma(terms: int) -> float:
    """Higham's gamma: the relative error bound of a float32 sum of `terms` products."""
    return terms * UNIT_ROUNDOFF / (1 - terms * UNIT_ROUNDOFF)


def relative_rms(answer: FloatArray, reference: FloatArray) -> float:
    """Root mean square difference over the largest absolute value of either."""
    largest = max(float(np.abs(answer).max()), float(np.abs(reference).max()), np.finfo(np.float32).tiny)
    difference = answer.astype(np.float64) - reference
    return float(np.sqrt(np.mean(difference * difference)) / largest)


class LayerReference:
    """One convolution of the graph as ONNX Runtime computes it, kept for several runs."""

    def __init__(self, node: Node, opset: int, weights: FloatArray, bias: FloatArray | None) -> None:
        constants = [weights] if bias is None else [weights, bias]
        self._session = _session(node, opset, constants)
        self._magnitude = _session(node, opset, [np.abs(constant) for constant in constants])

    def run(self, x: FloatArray, repeat: int) -> tuple[FloatArray, float]:
        """The reference output and the fastest of `repeat` times in microseconds."""
        times_us = []
        for _ in range(repeat):
            start = time.perf_counter()
            (output,) = self._session.run(None, {"x": x})
            times_us.append((time.perf_counter() - start) * 1e6)
        return output, min(times_us)

    def compare(
        self, geometry: Geometry, x: FloatArray, answer: FloatArray, reference: FloatArray
    ) -> Deviation:
        """How `answer` differs from `reference`, and what it may."""
        if answer.shape != reference.shape:
            raise ValueError(f"output shape {answer.shape}, ONNX Runtime has {reference.shape}")
        (magnitude,) = self._magnitude.run(None, {"x": np.abs(x)})
        return Deviation(
            float(np.abs(answer - reference).max()),
            2 * gamma(geometry.gemm_k + 1) * float(magnitude.max()),
            relative_rms(answer, reference),
        )


def _session(node: Node, opset: int, constants: list[FloatArray]) -> onnxruntime.InferenceSession:
    """A model of one node, its weights constant as they are in the whole graph."""
    names = ["weights", "bias"][: len(constants)]
    attributes: dict[str, Any] = dict(node.attributes)
    graph = helper.make_graph(
        [helper.make_node(node.op_type, ["x", *names], ["y"], **attributes)],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None] * 4)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(c, name) for c, name in zip(constants, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = IR_VERSION
    return new_session(model.SerializeToString())


def new_session(model: bytes | str) -> onnxruntime.InferenceSession:
    """A session on the CPU, of a serialized model or a file, that prints errors only."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # There are two sessions a layer, each with threads of its own: waiting, they must not use up the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
