"""Labels of a PyTorch model's layers, forward and backward.

PyTorch's CPU build does not call MIOpen. So the convolutions of the model under test are computed by the
library through its C API, on the tensors' own memory, in the place where PyTorch would compute them; the
results are compared with PyTorch's.
"""

from __future__ import annotations

import os
import unittest

import numpy as np
import torch
from torch import nn

import miopen_bypass
from miopen_bypass.miopen import (
    ConvolutionDescriptor,
    Direction,
    Handle,
    Problem,
    Tensor,
    allocate_workspace,
    open_standalone_cpu,
)

LIBRARY = os.environ["MIOPEN_LIB"]


def compute(
    handle: Handle, direction: Direction, tensors: list[torch.Tensor], module: nn.Conv2d
) -> torch.Tensor:
    """Convolves as PyTorch asks MIOpen to; `tensors` in the order of Find, the last one is written."""
    library = handle.library
    first, second, target = (Tensor(library, tensor.detach().numpy()) for tensor in tensors)
    with first, second, target:
        with ConvolutionDescriptor(
            library, module.padding, module.stride, module.dilation, module.groups
        ) as conv:
            problem = Problem(direction, first, second, conv, target)
            algorithm = handle.find(problem)
            handle.convolve(problem, algorithm.algo, allocate_workspace(algorithm.memory))
        return torch.from_numpy(target.array)


class OurConvolution(torch.autograd.Function):
    """conv2d and its gradients by the library."""

    @staticmethod
    def forward(context, x, w, module, handle):  # noqa: ANN001, ANN205 (PyTorch's signature)
        context.save_for_backward(x, w)
        context.module, context.handle = module, handle
        y = torch.empty_like(nn.functional.conv2d(x, w, None, *parameters(module)))
        return compute(handle, Direction.FORWARD, [x, w, y], module)

    @staticmethod
    def backward(context, dy):  # noqa: ANN001, ANN205 (PyTorch's signature)
        (x, w), module, handle = context.saved_tensors, context.module, context.handle
        dy, dx = dy.contiguous(), None
        if context.needs_input_grad[0]:
            dx = compute(handle, Direction.BACKWARD_DATA, [dy, w, torch.empty_like(x)], module)
        dw = compute(handle, Direction.BACKWARD_WEIGHTS, [dy, x, torch.empty_like(w)], module)
        return dx, dw, None, None


def parameters(module: nn.Conv2d) -> tuple[object, ...]:
    return module.stride, module.padding, module.dilation, module.groups


class Block(nn.Module):
    """Two convolutions, one of them depthwise, round a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=2, dilation=2, groups=channels, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv2(torch.relu(self.conv1(x))) + x)


def network() -> nn.Sequential:
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.ReLU(), Block(8), nn.BatchNorm2d(8), Block(8)
    )


LAYERS = ("0", "2.conv1", "2.conv2", "4.conv1", "4.conv2")


class TorchLayersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.handle = Handle(open_standalone_cpu(LIBRARY))
        cls.bypass = miopen_bypass.attach()

    def setUp(self) -> None:
        self.bypass.reset()
        self.model = network()
        self.reference = network()
        for module in self.model.modules():
            if isinstance(module, nn.Conv2d):
                module._conv_forward = lambda x, w, _bias, module=module: OurConvolution.apply(
                    x, w, module, self.handle
                )
        self.x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 16, 16), np.float32))

    def calls(self) -> dict[str, int]:
        return {layer.label: layer.totals.calls for layer in self.bypass.layers()}

    def test_forward_calls_belong_to_their_modules(self) -> None:
        with self.bypass.labelled(self.model), torch.no_grad():
            for _ in range(3):
                y = self.model(self.x)
        torch.testing.assert_close(y, self.reference(self.x))
        self.assertEqual(self.calls(), dict.fromkeys(LAYERS, 3))

    def test_gradients_belong_to_them_too(self) -> None:
        with self.bypass.labelled(self.model, prefix="net."):
            self.model(self.x).square().sum().backward()
        self.reference(self.x).square().sum().backward()
        for ours, theirs in zip(self.model.parameters(), self.reference.parameters()):
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)
        # The first layer has no gradient of its input.
        expected = {f"net.{name}": 2 if name == "0" else 3 for name in LAYERS}
        self.assertEqual(self.calls(), expected)
        self.assertIn("net.2.conv1", self.bypass.layer_report())

    def test_hooks_are_taken_away(self) -> None:
        with self.bypass.labelled(self.model):
            pass
        self.model(self.x)
        self.assertEqual(self.calls(), {"": len(LAYERS)})

    def test_a_forward_that_raises_leaves_no_label(self) -> None:
        with self.bypass.labelled(self.model):
            with self.assertRaises(RuntimeError):
                self.model(torch.zeros(1, 99, 4, 4))
            with self.assertRaises(miopen_bypass.MiopenError):
                self.bypass.pop_label()


if __name__ == "__main__":
    unittest.main()
