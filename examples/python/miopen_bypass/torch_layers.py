"""Labels for the layers of a PyTorch model: each convolution belongs to its module, by the module's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

import torch
from torch.nn.modules.conv import _ConvNd

if TYPE_CHECKING:
    from .bypass import Bypass


class LayerLabels:
    """The hooks on a model; `remove` takes them away."""

    def __init__(self) -> None:
        self._hooks: List[Any] = []

    def add(self, hook: Any) -> None:
        self._hooks.append(hook)

    def remove(self) -> None:
        """The model is as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()


def label_layers(bypass: Bypass, model: torch.nn.Module, prefix: str = "") -> LayerLabels:
    """Labels the convolutions of `model`, forward and backward, with `prefix` and the modules' names.

    A module that holds convolutions of its own making (calls of torch.nn.functional) is not labelled; wrap
    such calls in `bypass.label`. Compiled models (torch.compile) run without hooks. Before PyTorch 2.0 only
    forward convolutions are labelled.
    """
    labels = LayerLabels()
    for name, module in model.named_modules():
        if isinstance(module, _ConvNd):
            _label_module(bypass, module, prefix + (name or type(module).__name__), labels)
    return labels


def _label_module(bypass: Bypass, module: torch.nn.Module, label: str, labels: LayerLabels) -> None:
    def before(*_: Any) -> None:
        bypass.push_label(label)

    def after(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        bypass.pop_label()
        _label_backward(bypass, label, output)

    labels.add(module.register_forward_pre_hook(before))
    try:
        # Also after a forward that raised, whose label would stay else.
        labels.add(module.register_forward_hook(after, always_call=True))
    except TypeError:  # before PyTorch 2.0
        labels.add(module.register_forward_hook(after))


def _label_backward(bypass: Bypass, label: str, output: Any) -> None:
    """Labels the gradients: round the node of the graph that computes them, in the thread that runs it.

    Hooks of the module would not do. Where a layer's input needs no gradient, as the first one's, they run
    before the gradient of the weights is computed.
    """
    node = getattr(output, "grad_fn", None)
    if node is not None and hasattr(node, "register_prehook"):
        node.register_prehook(lambda _gradients: bypass.push_label(label))
        node.register_hook(lambda _inputs, _outputs: bypass.pop_label())
