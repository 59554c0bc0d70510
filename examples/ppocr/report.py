"""The per-layer table and its machine-readable form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from geometry import Geometry, Pair
from miopen_bypass.miopen import Direction
from runner import Agreement, LayerResult

_HEADINGS = (
    *("layer", "dir", "n", "c", "h", "w", "k", "y", "x", "stride", "pad", "dil", "g"),
    *("algorithm", "ms", "GFLOP/s", "ort ms", "max error", "of bound", "rel RMS"),
)
_DIRECTIONS = {Direction.FORWARD: "fwd", Direction.BACKWARD_DATA: "bwd"}
_LEFT_ALIGNED = ("layer", "algorithm")


def table(results: Sequence[LayerResult]) -> str:
    """One line a layer: shape, time, speed, ONNX Runtime's time, largest error and its share of the bound."""
    rows = [_HEADINGS, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if heading in _LEFT_ALIGNED else cell.rjust(width)
            for cell, width, heading in zip(row, widths, _HEADINGS, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(result: LayerResult) -> tuple[str, ...]:
    shape, outcome, deviation = result.geometry, result.outcome, result.deviation
    mark = "" if deviation.within_bounds else " FAIL"
    return (
        result.name,
        _DIRECTIONS[outcome.direction],
        *(str(v) for v in (shape.n, shape.c, shape.hi, shape.wi, shape.k, shape.y, shape.x)),
        _pair(shape.strides),
        _pads(shape),
        _pair(shape.dilations),
        str(shape.group),
        outcome.algorithm,
        f"{outcome.run_us / 1e3:.3f}",
        f"{result.gflops_per_s:.1f}",
        f"{result.reference_us / 1e3:.3f}",
        f"{deviation.max_abs_error:.1e}",
        f"{_share(deviation.max_abs_error, deviation.max_abs_bound):.1%}",
        f"{deviation.relative_rms:.1e}{mark}",
    )


def _share(error: float, bound: float) -> float:
    return error / bound if bound else float(error > 0)


def _pair(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _pads(shape: Geometry) -> str:
    begin = _pair(shape.pads_begin)
    return begin if shape.even_pads else f"{begin}..{_pair(shape.pads_end)}"


def totals(results: Sequence[LayerResult]) -> dict[str, float]:
    """Sums over the layers, and the worst of their errors."""
    run_us = sum(result.outcome.run_us for result in results)
    flops = sum(result.geometry.flops for result in results)
    return {
        "layers": len(results),
        "failed_layers": sum(not result.deviation.within_bounds for result in results),
        "gflop": flops / 1e9,
        "run_ms": run_us / 1e3,
        "gflops_per_s": flops / run_us / 1e3,
        "bias_ms": sum(result.outcome.bias_us for result in results) / 1e3,
        "search_ms": sum(result.outcome.search_us for result in results) / 1e3,
        "reference_ms": sum(result.reference_us for result in results) / 1e3,
        "largest_workspace_bytes": max(result.outcome.workspace_bytes for result in results),
        "worst_share_of_bound": max(
            _share(r.deviation.max_abs_error, r.deviation.max_abs_bound) for r in results
        ),
        "worst_relative_rms": max(result.deviation.relative_rms for result in results),
    }


def totals_text(sums: dict[str, float]) -> str:
    """The totals in words."""
    return (
        f"{sums['layers']:.0f} convolutions, {sums['gflop']:.2f} GFLOP in {sums['run_ms']:.1f} ms: "
        f"{sums['gflops_per_s']:.1f} GFLOP/s (ONNX Runtime, layer by layer: {sums['reference_ms']:.1f} ms)\n"
        f"besides: choosing algorithms {sums['search_ms']:.1f} ms once, "
        f"adding biases {sums['bias_ms']:.1f} ms, "
        f"largest workspace {sums['largest_workspace_bytes'] / 2**20:.1f} MiB\n"
        f"worst error {sums['worst_share_of_bound']:.1%} of its bound, "
        f"worst relative RMS {sums['worst_relative_rms']:.1e}, "
        f"{sums['failed_layers']:.0f} layers beyond their bounds"
    )


def agreement_text(agreement: Agreement) -> str:
    """The end-to-end comparison in words."""
    return (
        f"probability map: at most {agreement.max_abs_difference:.1e} from ONNX Runtime's; "
        f"{agreement.boxes} boxes, ONNX Runtime's map gives {agreement.reference_boxes}, "
        f"corners at most {agreement.max_corner_distance_px:.2f} px apart"
    )


def as_json(results: Sequence[LayerResult], agreement: Agreement) -> dict[str, Any]:
    """Everything the text says, for machines. Times are in the unit that ends their name."""
    return {
        "layers": [_layer_json(result) for result in results],
        "totals": totals(results),
        "end_to_end": asdict(agreement) | {"holds": agreement.holds},
    }


def _layer_json(result: LayerResult) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "name": result.name,
        "geometry": asdict(result.geometry),
        "direction": outcome.direction.value,
        "algorithm": outcome.algorithm,
        "workspace_bytes": outcome.workspace_bytes,
        "search_us": outcome.search_us,
        "run_us": outcome.run_us,
        "bias_us": outcome.bias_us,
        "gflops_per_s": result.gflops_per_s,
        "reference_us": result.reference_us,
        **asdict(result.deviation),
        "within_bounds": result.deviation.within_bounds,
    }
