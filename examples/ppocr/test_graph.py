"""Every operator of the graph runner against ONNX Runtime, and the checks that must be able to fail."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from geometry import from_onnx
from graph import Graph, Node
from miopen_bypass.miopen import FloatArray
from verify import IR_VERSION, LayerReference, gamma, new_session, relative_rms

OPSET = 12

NODES = [
    helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
    helper.make_node("BatchNormalization", ["a", "scale", "shift", "mean", "variance"], ["b"], epsilon=1e-3),
    helper.make_node("Constant", [], ["three"], value=numpy_helper.from_array(np.array(3, np.float32))),
    helper.make_node("Add", ["b", "three"], ["c"]),
    helper.make_node("Clip", ["c", "", "six"], ["d"]),
    helper.make_node("Clip", ["d", "zero"], ["e"]),
    helper.make_node("Mul", ["b", "e"], ["f"]),
    helper.make_node("Div", ["f", "six"], ["g"]),
    helper.make_node("GlobalAveragePool", ["g"], ["h"]),
    helper.make_node("HardSigmoid", ["h"], ["i"], alpha=0.3, beta=0.4),
    helper.make_node("Mul", ["g", "i"], ["j"]),
    helper.make_node("Relu", ["j"], ["k"]),
    helper.make_node(
        "Resize",
        ["k", "roi", "scales"],
        ["l"],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
    helper.make_node("ConvTranspose", ["j", "wt"], ["m"], strides=[2, 2]),
    helper.make_node("Concat", ["l", "m"], ["n"], axis=1),
    helper.make_node("Sigmoid", ["n"], ["y"]),
]


def _model(folder: str) -> Path:
    random = np.random.default_rng(1)
    constants = {
        "w": random.standard_normal((4, 2, 3, 3), np.float32),
        "wt": random.standard_normal((4, 3, 2, 2), np.float32),
        "roi": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "six": np.float32(6),
        "zero": np.float32(0),
    } | {name: random.random(4, np.float32) + 0.5 for name in ("scale", "shift", "mean", "variance")}
    graph = helper.make_graph(
        NODES,
        "operators",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 5, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 7, 10, 12])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    path = Path(folder) / "model.onnx"
    save(model, path)
    return path


class GraphTest(unittest.TestCase):
    def test_operators_are_onnx_runtimes(self) -> None:
        def convolve(node: Node, x: FloatArray, w: FloatArray, bias: FloatArray | None) -> FloatArray:
            return LayerReference(node, OPSET, w, bias).run(x, 1)[0]

        with tempfile.TemporaryDirectory() as folder:
            path = _model(folder)
            graph = Graph(path)
            x = 5 * np.random.default_rng(2).standard_normal((1, 2, 5, 6), np.float32)
            (expected,) = new_session(str(path)).run(None, {"x": x})
        self.assertEqual([node.op_type for node in graph.convolutions], ["Conv", "ConvTranspose"])
        np.testing.assert_allclose(graph.run(x, convolve), expected, rtol=1e-5, atol=1e-6)


class BoundsTest(unittest.TestCase):
    def setUp(self) -> None:
        random = np.random.default_rng(3)
        self.x = random.standard_normal((1, 8, 12, 12), np.float32)
        self.w = random.standard_normal((4, 8, 3, 3), np.float32)
        self.reference = LayerReference(Node("", "Conv", (), (), {}), OPSET, self.w, None)
        self.geometry = from_onnx("Conv", {}, self.x.shape, self.w.shape)
        self.expected, _ = self.reference.run(self.x, 1)

    def within_bounds(self, answer: FloatArray) -> bool:
        return self.reference.compare(self.geometry, self.x, answer, self.expected).within_bounds

    def test_rounding_is_accepted(self) -> None:
        exact = LayerReference(Node("", "Conv", (), (), {}), OPSET, self.w[:, ::-1].copy(), None)
        reordered, _ = exact.run(self.x[:, ::-1].copy(), 1)
        self.assertTrue(self.within_bounds(reordered))

    def test_one_dropped_product_is_not(self) -> None:
        answer = self.expected.copy()
        answer[0, 0, 0, 0] -= self.x[0, 0, 0, 0] * self.w[0, 0, 0, 0]
        self.assertFalse(self.within_bounds(answer))

    def test_a_small_error_everywhere_is_not(self) -> None:
        self.assertFalse(self.within_bounds(self.expected * np.float32(1 + 1e-5)))

    def test_what_was_not_written_is_not(self) -> None:
        answer = self.expected.copy()
        answer[0, 3, 9, 9] = np.nan
        self.assertFalse(self.within_bounds(answer))

    def test_a_wrong_shape_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            self.within_bounds(self.expected[:, :, 1:])

    def test_measures(self) -> None:
        self.assertAlmostEqual(gamma(1) * 2**24, 1, places=6)
        answer, reference = np.array([[3, 4], [3, 3]], np.float32)
        self.assertEqual(relative_rms(answer, answer), 0)
        self.assertAlmostEqual(relative_rms(answer, reference), 0.5**0.5 / 4)


if __name__ == "__main__":
    unittest.main()
