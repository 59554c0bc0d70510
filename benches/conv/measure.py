"""Measures convolutions: the chosen solver, the one on the gemm crate, and PyTorch, in turns.

Channels-last tensors, and types of 16 bits beside our own f32, are measured likewise.

One process for one number of threads, since the library reads it once. Each
contender runs in bursts, contender after contender, round after round, so that
changes of the machine's clock and load meet all alike. With several threads it
rests between bursts: OpenMP's keep spinning for a while after PyTorch's last
call, and would take the processor from the next contender.

Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from library import DIRECTIONS, Convolution, Layer, dense_array, open_library, read_layers

# GNU OpenMP spins 300 000 times before a thread sleeps (GOMP_SPINCOUNT): 8 to 17 ms were seen on
# Zen 3. A process's clock does not tell when that ends: it advances with the timer's ticks.
REST_S = 0.025
# A burst is that long, within these numbers of calls; its first call warms caches and is not counted.
BURST_S = 0.02
MIN_CALLS = 3
MAX_CALLS = 50
ROUNDS = 7
QUICK_ROUNDS = 3

# A subset that has each kind of layer: every so many lines.
QUICK_STEP = 6

# On a machine that others use too, the shortest times tell more than the usual ones.
STATISTICS = {"median": statistics.median, "min": min}

GEMM_SOLVER = "any_igemm_gemm"

# How numpy holds a type (bf16 as bits), and how far its results may differ from those in f32, by
# the root of the mean square: roundings only; another shape or padding differs by far more.
DTYPES = {"f32": (np.float32, 1e-5), "f16": (np.float16, 1e-3), "bf16": (np.uint16, 1e-2)}

# Without instructions for 16 bits PyTorch may take a thousand times as long: not worth waiting for.
MAX_TIMES_AS_LONG = 10


# What the caller's thread spent on the processor leaves out what others did meanwhile, and says
# nothing about calls that use other threads.
CLOCKS_NS = {"wall": time.perf_counter_ns, "processor": time.thread_time_ns}


def burst(run: Callable[[], object], calls: int, clock_ns: Callable[[], int]) -> list[float]:
    times_us = []
    for _ in range(calls):
        start = clock_ns()
        run()
        times_us.append((clock_ns() - start) * 1e-3)
    return times_us


def measure_in_turns(
    contenders: dict[str, Callable[[], object]],
    rounds: int,
    rest_s: float,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, list[float]]:
    """The times of each contender's calls in microseconds."""
    calls = {}
    for name, run in contenders.items():
        run()
        typical_us = min(burst(run, 2, clock_ns))
        calls[name] = min(max(int(BURST_S * 1e6 / typical_us) + 1, MIN_CALLS), MAX_CALLS)
        time.sleep(rest_s)
    times_us = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            times_us[name] += burst(run, calls[name], clock_ns)[1:]
            time.sleep(rest_s)
    return times_us


def check_agreement(ours: np.ndarray, theirs: np.ndarray, tolerance: float, what: str) -> None:
    difference = float(np.sqrt(np.mean((ours - theirs) ** 2, dtype=np.float64)))
    if not difference <= tolerance * float(np.max(np.abs(theirs))):
        sys.exit(f"{what}: our result and the other one differ by {difference}")


def widen(array: np.ndarray) -> np.ndarray:
    """As f32, elements in the same order in memory."""
    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)


class Bench:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.handle = open_library(args.library, args.threads)
        self.names = self.solver_names()
        self.pytorch = None
        if not args.without_pytorch:
            from pytorch import PyTorch  # noqa: PLC0415 (it may be absent)

            self.pytorch = PyTorch(args.threads)

    def command_json(self, *words: str) -> object:
        output = subprocess.run(
            [self.args.command, *words, "--format", "json"], check=True, capture_output=True
        )
        return json.loads(output.stdout)

    def solver_names(self) -> dict[int, str]:
        listed = self.command_json("conv", "-n", "1", "-F", "1", "--list")
        return {entry["id"]: entry["solver"] for entry in listed["results"][0]["solvers"]}

    def peak_gflops(self) -> dict[str, float]:
        peaks = self.command_json("peak", "--threads", str(self.args.threads))
        return {entry["isa"]: entry["gflops"] for entry in peaks}

    def arrays(self, layer: Layer, dtype: type) -> dict[str, np.ndarray]:
        return {role: dense_array(lengths, self.args.layout, dtype) for role, lengths in layer.lengths.items()}

    def measure(self, layer: Layer, direction: str, random: np.random.Generator) -> dict:
        dtype, tolerance = DTYPES[self.args.dtype]
        arrays = self.arrays(layer, dtype)
        for array in arrays.values():
            values = random.random(array.shape, np.float32) * 2 - 1
            array[...] = values.view(np.uint32) >> 16 if dtype is np.uint16 else values
        convolution = Convolution(self.handle, layer, direction, arrays)
        chosen = convolution.best_solution()
        contenders = {"ours": convolution.runner(chosen)}
        result = {"fwd": "y", "bwd": "x", "wrw": "w"}[direction]
        what = f"{layer.name} {direction}"
        if self.args.dtype != "f32":
            wide = self.arrays(layer, np.float32)
            for role, array in arrays.items():
                wide[role][...] = widen(array)
            in_f32 = Convolution(self.handle, layer, direction, wide)
            contenders["f32"] = in_f32.runner(in_f32.best_solution())
            contenders["ours"]()
            contenders["f32"]()
            check_agreement(widen(arrays[result]), wide[result], tolerance, what)
        elif self.args.layout == "nchw":
            gemm = next(id for id, name in self.names.items() if name == GEMM_SOLVER)
            contenders["gemm"] = convolution.runner(gemm)
        if self.pytorch:
            contenders |= self.pytorch_contenders(layer, direction, arrays, contenders["ours"])
            if "pytorch" in contenders:
                contenders["ours"]()
                ours = widen(arrays[result])
                check_agreement(ours, contenders["pytorch"]().float().numpy(), tolerance, what)
        rounds = QUICK_ROUNDS if self.args.quick else ROUNDS
        rest_s = REST_S if self.args.threads > 1 else 0.0
        times_us = measure_in_turns(contenders, rounds, rest_s, CLOCKS_NS[self.args.clock])
        statistic = STATISTICS[self.args.statistic]
        convolution.close()
        return {
            "name": layer.name,
            "direction": direction,
            "flops": layer.flops,
            "solver": self.names[chosen],
            "times_us": {name: statistic(times) for name, times in times_us.items()},
        }

    def pytorch_contenders(
        self,
        layer: Layer,
        direction: str,
        arrays: dict[str, np.ndarray],
        ours: Callable[[], object],
    ) -> dict[str, Callable[[], object]]:
        run = self.pytorch.runner(layer, direction, arrays)
        if self.args.dtype == "f32":
            contenders = {"pytorch": run}
            if direction == "fwd":
                contenders["pytorch_prepacked"] = self.pytorch.prepacked_forward_runner(layer, arrays)
            return contenders
        times_us = [burst(call, 1, time.perf_counter_ns)[0] for call in (ours, run)]
        return {"pytorch": run} if times_us[1] <= MAX_TIMES_AS_LONG * times_us[0] else {}

    def run(self) -> dict:
        layers = read_layers(self.args.shapes)
        layers = [layer for layer in layers if self.args.filter in layer.name]
        if self.args.quick:
            layers = layers[::QUICK_STEP]
        layers = layers[:: self.args.step]
        random = np.random.default_rng(1)
        peaks = [self.peak_gflops()]
        results = []
        for number, layer in enumerate(layers):
            for direction in DIRECTIONS:
                results.append(self.measure(layer, direction, random))
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{number + 1} of {len(layers)} layers \r")
        peaks.append(self.peak_gflops())
        return {
            "threads": self.args.threads,
            "layout": self.args.layout,
            "dtype": self.args.dtype,
            "statistic": self.args.statistic,
            "clock": self.args.clock,
            "peak_gflops": {isa: max(peak[isa] for peak in peaks) for isa in peaks[0]},
            "pytorch": self.pytorch.version if self.pytorch else None,
            "results": results,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True)
    parser.add_argument("--command", required=True, help="miopen-bypass")
    parser.add_argument("--shapes", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--filter", default="", help="only layers whose name contains this")
    parser.add_argument("--step", type=int, default=1, help="one of so many layers")
    parser.add_argument("--layout", choices=["nchw", "nhwc"], default="nchw")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="f16 and bf16: beside our own f32")
    parser.add_argument("--quick", action="store_true", help="fewer layers, fewer rounds")
    parser.add_argument(
        "--statistic", choices=STATISTICS, default="median", help="what counts of a contender's times"
    )
    parser.add_argument(
        "--clock",
        choices=CLOCKS_NS,
        default="wall",
        help="wall, or the processor time of the calling thread: for one thread on a busy machine",
    )
    parser.add_argument("--without-pytorch", action="store_true")
    args = parser.parse_args()
    if args.clock == "processor" and args.threads > 1:
        parser.error("--clock processor counts one thread's time: use --threads 1")
    print(json.dumps(Bench(args).run()))


if __name__ == "__main__":
    main()
