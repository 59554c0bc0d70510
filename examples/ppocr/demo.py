"""Finds the text in a picture with PP-OCR's detector, every convolution of it computed by libMIOpen.

See README.md beside this file. Exit status: 0 all within bounds, 1 not, 2 it could not run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import onnxruntime

import assets
import picture
import report
from console import Progress
from convolution import Convolver, Options
from detection import Box, input_size, to_input
from graph import Graph
from miopen_bypass.miopen import Handle, open_standalone_cpu
from runner import Agreement, NetworkRun, NetworkRunner, compare_maps
from verify import new_session

EXIT_SKIPPED = 0
EXIT_CANNOT_RUN = 2

REPOSITORY = Path(__file__).resolve().parents[2]

SHORT_SIDE = 736
"""Pixels that the shorter side of the network's input has at least (PP-OCR's setting)."""

CHECK_SHORT_SIDE = 192
"""The same for --check: the default picture as it is."""

CHECK_OPTIONS = {
    "find": Options(),
    "immediate": Options(immediate=True),
    "find, transpose mode": Options(transpose_mode=True),
    "immediate, transpose mode": Options(immediate=True, transpose_mode=True),
}
"""The ways through the API that --check takes, one after the other."""


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    library = os.environ.get("MIOPEN_LIB") or REPOSITORY / "target/release/libMIOpen.so"
    add = parser.add_argument
    add("--library", type=Path, default=library, help="default: $MIOPEN_LIB, else %(default)s")
    add("--image", type=Path, help="the picture; default: a photographed page of print")
    add("--model", type=Path, help="another ONNX text detector of the PP-OCR family")
    add("--output", type=Path, default=REPOSITORY / "build/demo/ppocr.png", help="default: %(default)s")
    add("--json", type=Path, metavar="FILE", help="write the results there as JSON too")
    add("--short-side", type=int, default=SHORT_SIDE, help="least side of the network's input, in pixels")
    add("--repeat", type=int, default=3, help="timed runs of each layer, the fastest counts (%(default)s)")
    add("--immediate", action="store_true", help="use immediate mode in place of Find")
    add("--transpose-mode", action="store_true", help="miopenTranspose in place of backward-data")
    add("--check", action="store_true", help="a quick test: small input, every way through the API, no PNG")
    add("--cache", type=Path, default=REPOSITORY / "build/demo", help="where downloads are kept")
    arguments = parser.parse_args()
    if arguments.repeat < 1 or arguments.short_side < 1:
        parser.error("--repeat and --short-side must be positive")
    return arguments


class Demo:
    """The library, the network and the picture of one invocation."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.library = open_standalone_cpu(arguments.library)
        model = arguments.model or assets.fetch(assets.MODEL, arguments.cache)
        self.image_path: Path = arguments.image or assets.fetch(assets.PICTURE, arguments.cache)
        self.picture = picture.read(self.image_path)
        self.graph = Graph(model)
        self.runner = NetworkRunner(self.graph)
        height, width = self.picture.shape[:2]
        short_side = CHECK_SHORT_SIDE if arguments.check else arguments.short_side
        self.size = input_size(width, height, short_side)
        self.data = to_input(self.picture, self.size)
        session = new_session(str(model))
        start = time.perf_counter()
        (self.reference,) = session.run(None, {self.graph.input_name: self.data})
        self.reference_ms = (time.perf_counter() - start) * 1e3

    def describe(self) -> str:
        """Who answers and what is asked."""
        height, width = self.picture.shape[:2]
        version = ".".join(str(number) for number in self.library.version)
        return (
            f"library: {self.library.answering_path}, MIOpen API {version}\n"
            f"reference: ONNX Runtime {onnxruntime.__version__}\n"
            f"machine: {platform.machine()}, {os.cpu_count()} cores\n"
            f"picture: {self.image_path}, {width} x {height}; network input {self.size[0]} x {self.size[1]}"
        )

    def run(self, options: Options, title: str, plain_lines: bool) -> NetworkRun:
        """One pass through the network."""
        progress = Progress(len(self.graph.convolutions), title, plain_lines)
        with Handle(self.library) as handle:
            return self.runner.run(self.data, Convolver(handle, options), progress)

    def compare(self, run: NetworkRun) -> tuple[list[Box], Agreement]:
        """The boxes found in the picture, and how the end of the network agrees with ONNX Runtime's."""
        height, width = self.picture.shape[:2]
        return compare_maps(run.probability, self.reference, width, height)


def _show(demo: Demo, arguments: argparse.Namespace) -> bool:
    """The demonstration: one pass, its table, the picture with boxes. Whether all is within bounds."""
    options = Options(arguments.immediate, arguments.transpose_mode, arguments.repeat)
    run = demo.run(options, "convolving", plain_lines=True)
    boxes, agreement = demo.compare(run)
    sums = report.totals(run.layers)
    _print_notes(run)
    print(report.table(run.layers), report.totals_text(sums), report.agreement_text(agreement), sep="\n\n")
    print(f"(ONNX Runtime, the whole network at once: {demo.reference_ms:.0f} ms)")
    picture.write_with_boxes(demo.picture, boxes, arguments.output)
    print(f"wrote {arguments.output}: {len(boxes)} pieces of text")
    if arguments.json:
        _write_json(demo, run, agreement, arguments.json)
    return run.within_bounds and agreement.holds


def _print_notes(run: NetworkRun) -> None:
    for line in run.notes:
        print(f"the library says: {line}")


def _write_json(demo: Demo, run: NetworkRun, agreement: Agreement, path: Path) -> None:
    content = {
        "library": demo.library.answering_path,
        "miopen_version": demo.library.version,
        "library_notes": run.notes,
        "picture": str(demo.image_path),
        "network_input": {"width": demo.size[0], "height": demo.size[1]},
        "passed": run.within_bounds and agreement.holds,
        **report.as_json(run.layers, agreement),
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _check(demo: Demo) -> bool:
    """Every way through the API on the small input. Whether all are within bounds and text was found."""
    passed = True
    for title, options in CHECK_OPTIONS.items():
        run = demo.run(options, title, plain_lines=False)
        boxes, agreement = demo.compare(run)
        good = run.within_bounds and agreement.holds and bool(boxes)
        _print_notes(run)
        bad_layers = [layer for layer in run.layers if not layer.deviation.within_bounds]
        if bad_layers:
            print(report.table(bad_layers))
        print(f"{title}: {report.totals_text(report.totals(run.layers))}")
        print(f"{title}: {report.agreement_text(agreement)}: {'ok' if good else 'FAILED'}")
        passed = passed and good
    return passed


def main() -> int:
    """The exit status."""
    arguments = _parse_arguments()
    try:
        demo = Demo(arguments)
        print(demo.describe(), flush=True)
        passed = _check(demo) if arguments.check else _show(demo, arguments)
    except assets.AssetError as error:
        print(f"{'skipped: ' if arguments.check else ''}{error}", file=sys.stderr)
        return EXIT_SKIPPED if arguments.check else EXIT_CANNOT_RUN
    except (OSError, RuntimeError, ValueError) as error:
        print(f"the demo cannot run: {error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    print("passed" if passed else "FAILED: see the lines marked FAIL and the comparison above")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
