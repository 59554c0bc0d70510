"""Tables, a JSON document and a picture out of what measure.py printed."""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib
import platform
from collections.abc import Iterable

import matplotlib
from library import DIRECTIONS
from matplotlib.figure import Figure

DIRECTION_NAMES = {"fwd": "forward", "bwd": "backward-data", "wrw": "backward-weights"}
CONTENDERS = {
    "pytorch": "PyTorch",
    "pytorch_prepacked": "PyTorch, channels_last and prepacked weights",
    "gemm": "the gemm-based solver",
    "f32": "our own f32",
}


def geometric_mean(values: Iterable[float]) -> float:
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def processor() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


class Run:
    """What was measured with one number of threads."""

    def __init__(self, document: dict) -> None:
        self.threads = document["threads"]
        self.statistic = document["statistic"]
        limit = os.environ.get("MIOPEN_BYPASS_ISA")
        peaks = document["peak_gflops"]
        self.isa = limit if limit in peaks else max(peaks, key=peaks.get, default=None)
        self.peak_gflops = peaks.get(self.isa, math.nan)
        self.results = document["results"]

    def of(self, direction: str) -> list[dict]:
        return [result for result in self.results if result["direction"] == direction]

    def percent_of_peak(self, result: dict, contender: str) -> float:
        gflops = result["flops"] / result["times_us"][contender] * 1e-3
        return 100 * gflops / self.peak_gflops


def ratio(result: dict, contender: str) -> float:
    """How many times as fast we are."""
    return result["times_us"][contender] / result["times_us"]["ours"]


def print_layers(run: Run, direction: str) -> None:
    results = run.of(direction)
    title = f"{DIRECTION_NAMES[direction]}, {run.threads} thread(s)"
    peak = f"{run.isa} peak of {run.peak_gflops:.0f} GFLOP/s"
    print(f"\n== {title}: microseconds ({run.statistic}), percent of the {peak}")
    width = max(len(result["name"]) for result in results)
    others = [other for other in ("pytorch", "gemm", "f32") if any(other in r["times_us"] for r in results)]
    header = "".join(f"{name:>10}{'ratio':>7}" for name in others)
    print(f"{'layer':{width}}{'ours':>10}{'peak':>6}{header}  solver")
    for result in results:
        cells = "".join(
            f"{result['times_us'][o]:10.0f}{ratio(result, o):7.2f}" if o in result["times_us"] else f"{'-':>17}"
            for o in others
        )
        print(
            f"{result['name']:{width}}{result['times_us']['ours']:10.0f}"
            f"{run.percent_of_peak(result, 'ours'):5.0f}%{cells}  {result['solver']}"
        )


def summary(run: Run, direction: str) -> dict:
    results = run.of(direction)
    means = {}
    for contender in CONTENDERS:
        with_contender = [result for result in results if contender in result["times_us"]]
        if with_contender:
            ratios = sorted((ratio(result, contender), result["name"]) for result in with_contender)
            means[contender] = {
                "geometric_mean": geometric_mean(value for value, _ in ratios),
                "layers": len(ratios),
                "worst": [{"name": name, "ratio": value} for value, name in ratios[:5]],
            }
    peaks = {
        contender: geometric_mean(run.percent_of_peak(result, contender) for result in results)
        for contender in results[0]["times_us"]
        if all(contender in result["times_us"] for result in results)
    }
    return {"threads": run.threads, "direction": direction, "times_as_fast": means, "percent_of_peak": peaks}


def print_summary(entry: dict) -> None:
    peaks = ", ".join(f"{name} {value:.0f}%" for name, value in entry["percent_of_peak"].items())
    print(f"\n{DIRECTION_NAMES[entry['direction']]}, {entry['threads']} thread(s)")
    print(f"  percent of peak, geometric mean: {peaks}")
    for contender, means in entry["times_as_fast"].items():
        worst = ", ".join(f"{layer['name']} {layer['ratio']:.2f}" for layer in means["worst"])
        print(f"  {means['geometric_mean']:.2f} times as fast as {CONTENDERS[contender]} ({means['layers']} layers); worst: {worst}")


def draw(runs: list[Run], path: pathlib.Path) -> None:
    """Bars: how many times as fast as PyTorch, or as the gemm-based solver where that is missing."""
    # The same numbers give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 8})
    other = "pytorch" if "pytorch" in runs[0].results[0]["times_us"] else "gemm"
    names = [result["name"] for result in runs[0].of("fwd")]
    figure = Figure(figsize=(11, 1.2 + 0.17 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(DIRECTIONS), sharex=True, sharey=True)
    for axis, direction in zip(axes, DIRECTIONS, strict=True):
        height = 0.8 / len(runs)
        title = [DIRECTION_NAMES[direction]]
        for number, run in enumerate(runs):
            ratios = [ratio(result, other) for result in run.of(direction)]
            places = [row + (number + 0.5) * height - 0.4 for row in range(len(names))]
            # From 1 outwards: what is slower points to the left.
            axis.barh(
                places, [value - 1 for value in ratios], height, left=1, label=f"{run.threads} thread(s)"
            )
            title.append(f"{run.threads} thread(s): {geometric_mean(ratios):.2f}")
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.axvline(1, color="black", linewidth=0.8)
        axis.set_title("\n".join(title))
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    axes[-1].legend(loc="lower right")
    figure.supxlabel(
        f"times as fast as {CONTENDERS[other]} on the CPU ({processor()}); geometric means above"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--image", type=pathlib.Path)
    parser.add_argument("measured", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    documents = [json.loads(path.read_text()) for path in args.measured]
    runs = [Run(document) for document in documents]
    summaries = [summary(run, direction) for run in runs for direction in DIRECTIONS]
    for run in runs:
        for direction in DIRECTIONS:
            print_layers(run, direction)
    for entry in summaries:
        print_summary(entry)
    document = {"processor": processor(), "summaries": summaries, "runs": documents}
    args.json.write_text(json.dumps(document, indent=1) + "\n")
    if args.image:
        draw(runs, args.image)
    print("\n" + ", ".join(str(path) for path in (args.json, args.image) if path))


if __name__ == "__main__":
    main()
