"""The functions of include/miopen/bypass.h."""

from __future__ import annotations

import ctypes
import json
import os
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_size_t, c_uint64
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from .library import LoadedLibrary, MiopenError

REPORT_FORMATS = {"text": 0, "json": 1, "html": 2}
"""miopenBypassReportFormat_t."""


class NotActiveError(RuntimeError):
    """This process does not run on miopen-bypass."""


class _Totals(ctypes.Structure):
    """miopenBypassTotals_t."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("calls", c_uint64),
        ("forwarded", c_uint64),
        ("bypassed", c_uint64),
        ("timed_calls", c_uint64),
        ("time_us", c_double),
        ("workspace_bytes", c_uint64),
    ]


_TEXT_OUT = (c_char_p, c_size_t, POINTER(c_size_t))
_SIGNATURES: Dict[str, Any] = {
    "miopenBypassSetSetting": (c_char_p, c_char_p),
    "miopenBypassGetSetting": (c_char_p, *_TEXT_OUT),
    "miopenBypassPushLabel": (c_char_p,),
    "miopenBypassPopLabel": (),
    "miopenBypassGetTotals": (c_char_p, POINTER(_Totals)),
    "miopenBypassResetStatistics": (),
    "miopenBypassGetReport": (c_int, *_TEXT_OUT),
    "miopenBypassWriteReport": (c_char_p,),
}


class Totals(NamedTuple):
    """Sums over convolutions that ran."""

    calls: int
    forwarded: int
    """Computed by the real libMIOpen."""
    bypassed: int
    """Computed by miopen-bypass."""
    timed_calls: int
    """Calls whose time is known; on a GPU work is only enqueued, and most is not."""
    time_us: float
    workspace_bytes: int
    """The largest one that a call was given."""

    @property
    def percent(self) -> float:
        """Share of the calls that was bypassed."""
        return 100.0 * self.bypassed / self.calls if self.calls else 0.0


class Layer(NamedTuple):
    """The sums of a label; the empty one stands for calls without."""

    label: str
    totals: Totals


class Settings:
    """Settings by name, as the environment knows them without MIOPEN_BYPASS_: `settings["strategy"]`."""

    def __init__(self, bypass: Bypass) -> None:
        self._bypass = bypass

    def __getitem__(self, name: str) -> str:
        return self._bypass.text("miopenBypassGetSetting", name.encode())

    def __setitem__(self, name: str, value: object) -> None:
        self._bypass.library.call("miopenBypassSetSetting", name.encode(), str(value).encode())


class Bypass:
    """miopen-bypass in this process."""

    def __init__(self, library: LoadedLibrary) -> None:
        self.library = library
        library.c.miopenBypassVersion.restype = c_char_p
        library.c.miopenBypassRealLibrary.restype = c_char_p
        self.settings = Settings(self)
        self._strategy_when_enabled: Optional[str] = None

    @property
    def version(self) -> str:
        return self.library.c.miopenBypassVersion().decode()

    @property
    def real_library(self) -> Optional[str]:
        """Path of the libMIOpen that calls are forwarded to; None where there is none."""
        path = self.library.c.miopenBypassRealLibrary()
        return None if path is None else os.fsdecode(path)

    def disable(self) -> None:
        """From now on everything is forwarded: for a comparison, since it may hang what is bypassed else."""
        if self.settings["strategy"] != "off":
            self._strategy_when_enabled = self.settings["strategy"]
        self.settings["strategy"] = "off"

    def enable(self) -> None:
        """Takes `disable` back; where the process started with it, the default strategy holds."""
        if self.settings["strategy"] == "off":
            self.settings["strategy"] = self._strategy_when_enabled or "auto"

    def push_label(self, label: str) -> None:
        """Convolutions of this thread belong to `label` from here on."""
        self.library.call("miopenBypassPushLabel", label.encode())

    def pop_label(self) -> None:
        """Takes back the latest `push_label` of this thread."""
        self.library.call("miopenBypassPopLabel")

    @contextmanager
    def label(self, label: str) -> Iterator[None]:
        """Convolutions in the block, by this thread, belong to `label`."""
        self.push_label(label)
        try:
            yield
        finally:
            self.pop_label()

    @contextmanager
    def labelled(self, model: Any, prefix: str = "") -> Iterator[None]:
        """Convolutions of a PyTorch model in the block belong to its modules, by their names."""
        from .torch_layers import label_layers  # noqa: PLC0415 (there may be no PyTorch)

        labels = label_layers(self, model, prefix)
        try:
            yield
        finally:
            labels.remove()

    def totals(self, label: Optional[str] = None) -> Totals:
        """The sums of a label, or of all."""
        totals = _Totals(struct_size=ctypes.sizeof(_Totals))
        wanted = None if label is None else label.encode()
        self.library.call("miopenBypassGetTotals", wanted, byref(totals))
        return Totals(*(getattr(totals, name) for name in Totals._fields))

    def reset(self) -> None:
        """Counts from 0 again."""
        self.library.call("miopenBypassResetStatistics")

    def report(self, form: str = "text") -> str:
        """What was counted, as `text`, `json` or `html`."""
        return self.text("miopenBypassGetReport", REPORT_FORMATS[form])

    def write_report(self, path: Path | str) -> None:
        """The same to a file, in the form that its suffix names."""
        self.library.call("miopenBypassWriteReport", os.fsencode(path))

    def layers(self) -> List[Layer]:
        """The sums of each label, longest time first."""
        found = json.loads(self.report("json"))["layers"]
        return [Layer(one["label"], Totals(*(one[name] for name in Totals._fields))) for one in found]

    def layer_report(self) -> str:
        """A table: layer by layer, and all together."""
        rows = [(one.label or "(no label)", one.totals) for one in self.layers()]
        rows.append(("all", self.totals()))
        width = max(len("layer"), *(len(name) for name, _ in rows))
        lines = [f"{'layer':<{width}} {'calls':>8} {'forwards':>9} {'bypasses':>9} {'percent':>8} {'ms':>10}"]
        for name, sums in rows:
            time_ms = f"{sums.time_us / 1e3:.2f}" if sums.timed_calls else "-"
            lines.append(
                f"{name:<{width}} {sums.calls:>8} {sums.forwarded:>9} {sums.bypassed:>9} "
                f"{sums.percent:>8.1f} {time_ms:>10}"
            )
        return "\n".join(lines)

    def print_report(self) -> None:
        """Prints `layer_report`."""
        print(self.layer_report())

    def text(self, function: str, argument: object) -> str:
        """The text that a function returns through a buffer; it may grow between two calls."""
        length, room = c_size_t(), 0
        while True:
            buffer = ctypes.create_string_buffer(room)
            self.library.call(function, argument, buffer if room else None, room, byref(length))
            if length.value < room:
                return buffer.value.decode()
            room = length.value + 64


def attach(path: Path | str | None = None) -> Bypass:
    """miopen-bypass as this process runs on it, or the library at `path`.

    Raises NotActiveError where no library of this process is miopen-bypass. PyTorch loads its libMIOpen
    when it is imported: import it first.
    """
    if path is not None:
        return Bypass(LoadedLibrary(path, _SIGNATURES))
    # Loaded already: opening it again gives what is there, under LD_PRELOAD as when installed.
    for candidate in _mapped_libraries():
        try:
            return Bypass(LoadedLibrary(candidate, _SIGNATURES, os.RTLD_NOLOAD | os.RTLD_NOW))
        except OSError:
            continue
    raise NotActiveError("no libMIOpen of this process is miopen-bypass (see miopen-bypass status)")


def _mapped_libraries() -> List[str]:
    """The files of this process that may be a libMIOpen, each once."""
    paths: List[str] = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and "libMIOpen" in os.path.basename(fields[5]) and fields[5] not in paths:
            paths.append(fields[5])
    return paths


__all__ = ["Bypass", "Layer", "MiopenError", "NotActiveError", "Settings", "Totals", "attach"]
