"""The ONNX operators of the text detection network other than convolutions, in numpy and float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Attributes = Mapping[str, Any]
Inputs = Sequence[Any]
"""Arrays; None stands for an optional input left out."""
Operator = Callable[[Attributes, Inputs], Array]


def _batch_normalization(attributes: Attributes, inputs: Inputs) -> Array:
    data, scale, bias, mean, variance = inputs
    factor = scale / np.sqrt(variance + np.float32(attributes.get("epsilon", 1e-5)))
    offset = bias - mean * factor
    per_channel = (1, -1) + (1,) * (data.ndim - 2)
    return data * factor.reshape(per_channel) + offset.reshape(per_channel)


def _clip(_: Attributes, inputs: Inputs) -> Array:
    data, low, high = (*inputs, None, None)[:3]
    return np.clip(data, low, high)


def _hard_sigmoid(attributes: Attributes, inputs: Inputs) -> Array:
    alpha, beta = np.float32(attributes.get("alpha", 0.2)), np.float32(attributes.get("beta", 0.5))
    return np.clip(inputs[0] * alpha + beta, np.float32(0), np.float32(1))


def _sigmoid(_: Attributes, inputs: Inputs) -> Array:
    # exp only of what is not positive, which cannot overflow.
    small = np.exp(-np.abs(inputs[0]))
    return np.where(inputs[0] >= 0, 1, small) / (1 + small)


def _resize(attributes: Attributes, inputs: Inputs) -> Array:
    """Nearest neighbour, asymmetric, rounding down: the one kind this network has."""
    kind = tuple(attributes.get(name) for name in ("mode", "coordinate_transformation_mode", "nearest_mode"))
    data, _, scales = inputs[:3]
    if kind != ("nearest", "asymmetric", "floor"):
        raise NotImplementedError(f"Resize of kind {kind}")
    for axis, scale in enumerate(scales):
        if scale != 1:
            length = int(np.floor(data.shape[axis] * scale))
            sources = np.floor(np.arange(length) / scale).astype(np.intp)
            data = np.take(data, np.minimum(sources, data.shape[axis] - 1), axis=axis)
    return data


OPERATORS: dict[str, Operator] = {
    "Add": lambda _, inputs: inputs[0] + inputs[1],
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Concat": lambda attributes, inputs: np.concatenate(inputs, axis=attributes["axis"]),
    "Div": lambda _, inputs: inputs[0] / inputs[1],
    "GlobalAveragePool": lambda _, inputs: inputs[0].mean(axis=(2, 3), keepdims=True),
    "HardSigmoid": _hard_sigmoid,
    "Mul": lambda _, inputs: inputs[0] * inputs[1],
    "Relu": lambda _, inputs: np.maximum(inputs[0], np.float32(0)),
    "Resize": _resize,
    "Sigmoid": _sigmoid,
}
