"""What is shown while the network runs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from tqdm import tqdm

# tqdm's monitor thread could write to the terminal while captured_stderr is on.
tqdm.monitor_interval = 0

PLAIN_STEP = 16
"""Without a terminal, one line for this many layers."""


class Progress:
    """A bar on a terminal; elsewhere, if `plain_lines` asks for it, a line now and then."""

    def __init__(self, total: int, title: str, plain_lines: bool) -> None:
        self._bar = tqdm(total=total, desc=title, unit="layer", leave=False) if sys.stderr.isatty() else None
        self._total = total
        self._title = title
        self._plain_lines = plain_lines
        self._done = 0

    def advance(self, name: str) -> None:
        """One more layer is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(name)
            self._bar.update()
        elif self._plain_lines and (self._done % PLAIN_STEP == 0 or self._done == self._total):
            print(f"{self._title}: {self._done}/{self._total} layers", flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Collects the lines that anybody, C code too, writes to standard error within the block."""
    lines: list[str] = []
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as capture:
        os.dup2(capture.fileno(), 2)
        try:
            yield lines
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            capture.seek(0)
            lines += capture.read().decode(errors="replace").splitlines()
            if sys.exc_info()[0] is not None:
                print(*lines, sep="\n", file=sys.stderr)
