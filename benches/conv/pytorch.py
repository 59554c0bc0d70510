"""PyTorch's CPU convolution (oneDNN inside) on the same memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from library import Layer


class PyTorch:
    """Set to a number of threads."""

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.version = torch.__version__

    def runner(self, layer: Layer, direction: str, arrays: dict[str, np.ndarray]) -> Callable[[], torch.Tensor]:
        """A function that computes once and returns the result. PyTorch allocates it each time."""
        x, w, y = (self._tensor(arrays[role]) for role in "xwy")
        parameters = self._parameters(layer)
        if direction == "fwd":
            return lambda: torch.ops.aten.convolution(x, w, None, *parameters)
        wanted = [direction == "bwd", direction == "wrw", False]
        index = wanted.index(True)
        backward = torch.ops.aten.convolution_backward

        def run() -> torch.Tensor:
            return backward(y, x, w, None, *parameters, wanted)[index]

        return run

    def prepacked_forward_runner(self, layer: Layer, arrays: dict[str, np.ndarray]) -> Callable[[], object]:
        """Forward as PyTorch does it at its best: channels_last input, weights packed beforehand."""
        pads, strides, dilations = ([layer.ph, layer.pw], [layer.sh, layer.sw], [layer.dh, layer.dw])
        x = torch.from_numpy(arrays["x"]).contiguous(memory_format=torch.channels_last)
        w = torch.from_numpy(arrays["w"])
        packed = torch.ops.mkldnn._reorder_convolution_weight(
            w, pads, strides, dilations, layer.g, list(layer.lengths["x"])
        )
        run = torch.ops.mkldnn._convolution_pointwise
        return lambda: run(x, packed, None, pads, strides, dilations, layer.g, "none", [], "")

    @staticmethod
    def _tensor(array: np.ndarray) -> torch.Tensor:
        if array.dtype == np.uint16:
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)

    @staticmethod
    def _parameters(layer: Layer) -> list[object]:
        strides, pads, dilations = (layer.sh, layer.sw), (layer.ph, layer.pw), (layer.dh, layer.dw)
        return [list(strides), list(pads), list(dilations), False, [0, 0], layer.g]
