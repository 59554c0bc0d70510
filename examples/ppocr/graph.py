"""Runs an ONNX graph node by node, handing its convolutions to somebody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

from miopen_bypass.miopen import FloatArray
from operators import OPERATORS, Array

CONVOLUTIONS = ("Conv", "ConvTranspose")


@dataclass(frozen=True)
class Node:
    """A node of the graph with its attributes as plain Python values."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


Convolve = Callable[[Node, FloatArray, FloatArray, FloatArray | None], FloatArray]
"""Computes a Conv or ConvTranspose node from its input, weights and bias."""


class Graph:
    """A model with one input and one output."""

    def __init__(self, path: Path) -> None:
        model = onnx.load(path)
        self.opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self._constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self.input_name = next(i.name for i in model.graph.input if i.name not in self._constants)
        self.output_name = model.graph.output[0].name
        self.nodes: list[Node] = []
        for proto in model.graph.node:
            node = _node(proto)
            if node.op_type == "Constant":
                self._constants[node.outputs[0]] = node.attributes["value"]
            else:
                self.nodes.append(node)
        self._last_use = {name: node for node in self.nodes for name in node.inputs}

    @property
    def convolutions(self) -> list[Node]:
        """The Conv and ConvTranspose nodes in running order."""
        return [node for node in self.nodes if node.op_type in CONVOLUTIONS]

    def run(self, data: FloatArray, convolve: Convolve) -> FloatArray:
        """The graph's output for `data`."""
        values: dict[str, Array] = {self.input_name: data}
        for node in self.nodes:
            inputs = [self._value(values, name) for name in node.inputs]
            values[node.outputs[0]] = _apply(node, inputs, convolve)
            # Tensors are large: let go of each after its last reader.
            for name in node.inputs:
                if self._last_use[name] is node:
                    values.pop(name, None)
        return values[self.output_name]

    def _value(self, values: Mapping[str, Array], name: str) -> Array | None:
        """A tensor by name; an empty name is an optional input left out."""
        if not name:
            return None
        return values[name] if name in values else self._constants[name]


def _apply(node: Node, inputs: list[Any], convolve: Convolve) -> Array:
    if node.op_type in CONVOLUTIONS:
        data, weights, bias = (*inputs, None)[:3]
        return convolve(node, data, weights, bias)
    operator = OPERATORS.get(node.op_type)
    if operator is None:
        raise NotImplementedError(f"operator {node.op_type} (node {node.name})")
    return operator(node.attributes, inputs)


def _node(proto: onnx.NodeProto) -> Node:
    attributes = {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in proto.attribute}
    return Node(proto.name, proto.op_type, tuple(proto.input), tuple(proto.output), attributes)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
