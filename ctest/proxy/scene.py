"""Folders with libraries in them, and what a program makes of them."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

BUILD = Path()  # the build tree of ctest/
OURS = Path()  # the library under test

PREFIX = "miopen-bypass: "

# Of a program that is asked: a library that reads without end is to fail alone.
ADDRESS_SPACE_BYTES = 1 << 30


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))


class Answer(NamedTuple):
    """What which_library printed."""

    real: Optional[Path]  # where calls go; None: the library stands alone
    status: int  # of miopenCreate
    lines: List[str]  # ours on stderr, without the prefix


class Scene(unittest.TestCase):
    """A folder for each test, in which which_library is run."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()

    def place(self, source: Path, path: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        return target

    def place_us(self, path: str = "us/libMIOpen.so.1") -> Path:
        return self.place(OURS, path)

    def place_stand_in(self, path: str, variant: str = "full") -> Path:
        name = "libMIOpen.so" if variant == "wheel" else "libMIOpen.so.1"
        return self.place(BUILD / "stub" / variant / name, path)

    def ask(self, *preloaded: Path, settings: Dict[str, str]) -> Answer:
        """Runs which_library with these libraries loaded first.

        The loader takes ours for the one that the program was linked against: same SONAME.
        """
        environment = {"LD_PRELOAD": ":".join(map(str, preloaded)), **settings}
        run = subprocess.run(
            [BUILD / "proxy" / "which_library"],
            env=environment,
            cwd=self.folder,
            preexec_fn=limit_memory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
        )
        self.assertEqual(run.returncode, 0, f"{run.stdout}{run.stderr}")
        where, status = run.stdout.splitlines()
        lines = run.stderr.splitlines()
        for line in lines:
            self.assertTrue(line.startswith(PREFIX), line)
        real = None
        if where != "stands alone":
            real = Path(where[len("calls go to ") :])
        return Answer(
            real, int(status.split()[-1]), [line[len(PREFIX) :] for line in lines]
        )

    def assert_forwards(self, answer: Answer, stand_in: Path) -> None:
        self.assertEqual(answer.real, stand_in)
        self.assertGreaterEqual(answer.status, 1000, "the status is not the stand-in's")

    def assert_alone(self, answer: Answer) -> None:
        self.assertIsNone(answer.real)
        self.assertEqual(answer.status, 0)


def main() -> None:
    """Runs the tests of the calling script: SCRIPT BUILD_FOLDER OUR_LIBRARY [unittest's words]."""
    global BUILD, OURS
    BUILD, OURS = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    unittest.main(module="__main__", argv=[sys.argv[0], *sys.argv[3:]])
