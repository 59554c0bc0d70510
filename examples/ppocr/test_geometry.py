"""Geometry against ONNX Runtime's, and MIOpen's answers for layers that the network does not have."""

import itertools
import os
import unittest
from typing import Any

import numpy as np

from convolution import Convolver, Options
from geometry import from_onnx
from graph import Node
from miopen_bypass.miopen import FloatArray, Handle, open_standalone_cpu
from verify import LayerReference

OPSET = 12

UNEVEN_LAYERS: list[tuple[str, dict[str, Any], tuple[int, ...], tuple[int, ...]]] = [
    ("Conv", {"pads": [0, 1, 2, 3], "strides": [2, 1]}, (2, 3, 9, 8), (4, 3, 3, 2)),
    ("Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (1, 4, 8, 7), (6, 4, 4, 3)),
    ("Conv", {"auto_pad": "SAME_LOWER", "strides": [2, 3], "group": 4}, (1, 4, 8, 7), (8, 1, 4, 3)),
    ("Conv", {"auto_pad": "VALID", "dilations": [2, 3]}, (1, 3, 12, 13), (5, 3, 3, 3)),
    ("ConvTranspose", {"pads": [0, 1, 2, 1], "strides": [3, 2]}, (2, 4, 5, 6), (4, 3, 4, 3)),
    ("ConvTranspose", {"output_padding": [1, 2], "strides": [2, 3]}, (1, 4, 5, 6), (4, 3, 3, 4)),
    ("ConvTranspose", {"pads": [1] * 4, "dilations": [2, 1], "group": 2}, (1, 6, 5, 6), (6, 2, 3, 3)),
    ("ConvTranspose", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (1, 4, 5, 6), (4, 1, 3, 4)),
    ("ConvTranspose", {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (1, 4, 5, 6), (4, 1, 3, 4)),
    ("ConvTranspose", {"output_shape": [10, 11], "strides": [2, 2]}, (1, 4, 5, 6), (4, 2, 3, 3)),
]
"""Operator, attributes, input shape, filter shape."""


def _layer(index: int) -> tuple[Node, FloatArray, FloatArray, FloatArray]:
    """UNEVEN_LAYERS[index] as a node, with input, weights and bias of random numbers."""
    op_type, attributes, x_shape, w_shape = UNEVEN_LAYERS[index]
    node = Node(f"layer {index}", op_type, (), (), attributes)
    k = from_onnx(op_type, attributes, x_shape, w_shape).k
    random = np.random.default_rng(index)
    x, weights, bias = (random.standard_normal(shape, np.float32) for shape in (x_shape, w_shape, (k,)))
    return node, x, weights, bias


class GeometryTest(unittest.TestCase):
    def test_output_shape_is_onnx_runtimes(self) -> None:
        for index in range(len(UNEVEN_LAYERS)):
            node, x, weights, bias = _layer(index)
            with self.subTest(node.op_type, **node.attributes):
                geometry = from_onnx(node.op_type, node.attributes, x.shape, weights.shape)
                expected, _ = LayerReference(node, OPSET, weights, bias).run(x, 1)
                self.assertEqual(geometry.output_shape, expected.shape)

    def test_gemm_k_counts_the_products_of_one_output(self) -> None:
        """Convolving ones with ones gives the count itself."""
        for stride, dilation, transposed in itertools.product((1, 2, 3), (1, 2), (False, True)):
            op_type = "ConvTranspose" if transposed else "Conv"
            attributes = {"strides": [stride] * 2, "dilations": [dilation] * 2}
            with self.subTest(op_type, **attributes):
                x, weights = np.ones((1, 2, 16, 16), np.float32), np.ones((2, 2, 3, 4), np.float32)
                geometry = from_onnx(op_type, attributes, x.shape, weights.shape)
                reference = LayerReference(Node("", op_type, (), (), attributes), OPSET, weights, None)
                self.assertEqual(geometry.gemm_k, reference.run(x, 1)[0].max())

    def test_what_miopen_cannot_say_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            from_onnx("Conv", {}, (1, 2, 3), (1, 2, 3))
        with self.assertRaises(ValueError):
            from_onnx("ConvTranspose", {"output_padding": [1, 0]}, (1, 1, 4, 4), (1, 1, 3, 3))
        with self.assertRaises(ValueError):
            from_onnx("ConvTranspose", {"output_shape": [9, 9]}, (1, 1, 4, 4), (1, 1, 3, 3))


@unittest.skipUnless("MIOPEN_LIB" in os.environ, "MIOPEN_LIB names no library")
class LibraryTest(unittest.TestCase):
    def test_uneven_layers_in_every_way(self) -> None:
        library = open_standalone_cpu(os.environ["MIOPEN_LIB"])
        for immediate, transpose_mode in itertools.product((False, True), repeat=2):
            with Handle(library) as handle:
                convolver = Convolver(handle, Options(immediate, transpose_mode))
                for index in range(len(UNEVEN_LAYERS)):
                    node, x, weights, bias = _layer(index)
                    with self.subTest(node.op_type, mode=(immediate, transpose_mode), **node.attributes):
                        reference = LayerReference(node, OPSET, weights, bias)
                        geometry = from_onnx(node.op_type, node.attributes, x.shape, weights.shape)
                        answer = convolver.run(geometry, x, weights, bias).output
                        deviation = reference.compare(geometry, x, answer, reference.run(x, 1)[0])
                        self.assertTrue(deviation.within_bounds, deviation)


if __name__ == "__main__":
    unittest.main()
