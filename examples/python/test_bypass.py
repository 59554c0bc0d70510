"""The helper on the library that MIOPEN_LIB names: labels, sums, reports, settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np

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


def convolve(handle: Handle, times: int = 1) -> None:
    """A small forward convolution."""
    library = handle.library
    arrays = ((1, 4, 8, 8), (4, 4, 3, 3), (1, 4, 8, 8))
    with (
        Tensor(library, np.ones(arrays[0], np.float32)) as x,
        Tensor(library, np.ones(arrays[1], np.float32)) as w,
        Tensor(library, np.zeros(arrays[2], np.float32)) as y,
        ConvolutionDescriptor(library, (1, 1), (1, 1), (1, 1)) as conv,
    ):
        problem = Problem(Direction.FORWARD, x, w, conv, y)
        for _ in range(times):
            handle.convolve(problem, 0, allocate_workspace(0))
        assert y.array[0, 0, 4, 4] == 36


class BypassTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.handle = Handle(open_standalone_cpu(LIBRARY))
        cls.bypass = miopen_bypass.attach()

    def setUp(self) -> None:
        self.bypass.reset()

    def test_it_is_found_in_the_process(self) -> None:
        self.assertEqual(os.path.realpath(self.bypass.library.answering_path), os.path.realpath(LIBRARY))
        self.assertRegex(self.bypass.version, r"^\d+\.\d+\.\d+$")
        self.assertIsNone(self.bypass.real_library)

    def test_a_process_without_it_says_so(self) -> None:
        code = "import miopen_bypass as m\ntry: m.attach()\nexcept m.NotActiveError as e: print(e)"
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=dict(os.environ)
        )
        self.assertIn("miopen-bypass status", done.stdout)

    def test_labels_nest_and_belong_to_their_thread(self) -> None:
        with self.bypass.label("outer"):
            convolve(self.handle, 1)
            with self.bypass.label("inner"):
                convolve(self.handle, 2)
                thread = threading.Thread(target=convolve, args=(self.handle, 3))
                thread.start()
                thread.join()
            convolve(self.handle, 4)
        calls = {layer.label: layer.totals.calls for layer in self.bypass.layers()}
        self.assertEqual(calls, {"outer": 5, "inner": 2, "": 3})
        self.assertEqual(self.bypass.totals("outer").calls, 5)
        everything = self.bypass.totals()
        self.assertEqual((everything.calls, everything.bypassed, everything.percent), (10, 10, 100.0))
        with self.assertRaises(miopen_bypass.MiopenError):
            self.bypass.pop_label()

    def test_reports(self) -> None:
        with self.bypass.label("größe <1>"):
            convolve(self.handle, 2)
        self.assertEqual(json.loads(self.bypass.report("json"))["totals"]["calls"], 2)
        self.assertIn("größe &lt;1&gt;", self.bypass.report("html"))
        lines = self.bypass.layer_report().splitlines()
        self.assertEqual(lines[0].split(), ["layer", "calls", "forwards", "bypasses", "percent", "ms"])
        self.assertEqual(lines[-1].split()[:5], ["all", "2", "0", "2", "100.0"])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.json"
            self.bypass.write_report(path)
            self.assertEqual(json.loads(path.read_text())["totals"]["calls"], 2)

    def test_settings_and_the_switch(self) -> None:
        before = self.bypass.settings["strategy"]
        self.bypass.settings["strategy"] = "selective"
        self.bypass.disable()
        self.bypass.disable()
        self.assertEqual(self.bypass.settings["strategy"], "off")
        self.bypass.enable()
        self.assertEqual(self.bypass.settings["strategy"], "selective")
        self.bypass.settings["strategy"] = before
        with self.assertRaises(miopen_bypass.MiopenError):
            self.bypass.settings["strategy"] = "sideways"
        with self.assertRaises(miopen_bypass.MiopenError):
            self.bypass.settings["no such setting"]


if __name__ == "__main__":
    unittest.main()
