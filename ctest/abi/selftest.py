#!/usr/bin/env python3
"""Shows that the checks of this folder fail when they should.

usage: selftest.py C_COMPILER INCLUDE_FOLDER

Breaks copies of the headers, and builds libraries with a wrong set of symbols.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Iterable, List

import tables

SETTINGS = {"compiler": "cc", "include": tables.FOLDER.parent.parent / "include"}
NAMES = [row["name"] for row in tables.read("functions")]
ALL_MACROS = [f"-D{macro}" for macro in tables.MACRO_OF_WORD.values()]


def run(*command: object) -> subprocess.CompletedProcess:
    text = [str(word) for word in command]
    return subprocess.run(text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def python(script: str, *arguments: object) -> subprocess.CompletedProcess:
    return run(sys.executable, tables.FOLDER / script, *arguments)


class InFolder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class BrokenHeader(InFolder):
    """Each test makes one mistake in the headers; at least one check must see it."""

    def setUp(self) -> None:
        super().setUp()
        self.include = self.folder / "include"
        shutil.copytree(SETTINGS["include"], self.include)

    def replace(self, header: str, old: str, new: str) -> None:
        path = self.include / "miopen" / header
        text = path.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, f"{old!r} in {header}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def compiles(self) -> bool:
        python("generate.py", self.folder / "generated", self.include)
        source = self.folder / "generated" / "abi_checks.c"
        command = [SETTINGS["compiler"], "-std=c11", "-fsyntax-only", f"-I{self.include}"]
        return run(*command, *ALL_MACROS, source).returncode == 0

    def matches_tables(self) -> bool:
        return python("check_header.py", SETTINGS["compiler"], self.include).returncode == 0

    def test_unbroken(self) -> None:
        self.assertTrue(self.compiles())
        self.assertTrue(self.matches_tables())

    def test_other_value(self) -> None:
        self.replace("enums.h", "miopenHalf = 0,", "miopenHalf = 4,")
        self.assertFalse(self.compiles())
        self.assertFalse(self.matches_tables())

    def test_additional_constant(self) -> None:
        self.replace("enums.h", "miopenHalf = 0,", "miopenHalf = 0, miopenQuarter = 10,")
        self.assertFalse(self.matches_tables())

    def test_wider_field(self) -> None:
        self.replace("types.h", "float time;    /**<", "double time;    /**<")
        self.assertFalse(self.compiles())

    def test_exchanged_fields(self) -> None:
        self.replace("types.h", "size_t workspace_size; ", "uint64_t keep; ")
        self.replace("types.h", "uint64_t solution_id; ", "size_t workspace_size; ")
        self.replace("types.h", "uint64_t keep; ", "uint64_t solution_id; ")
        self.assertFalse(self.compiles())

    def test_other_parameter_type(self) -> None:
        self.replace("convolution.h", "int groupCount);", "long groupCount);")
        self.assertFalse(self.compiles())
        self.assertFalse(self.matches_tables())

    def test_other_parameter_name(self) -> None:
        self.replace("convolution.h", "int groupCount);", "int groups);")
        self.assertFalse(self.matches_tables())

    def test_other_handle(self) -> None:
        self.replace("types.h", "typedef hipStream_t miopenAccel", "typedef void* miopenAccel")
        self.assertFalse(self.compiles())
        self.assertFalse(self.matches_tables())

    def test_missing_function(self) -> None:
        declaration = "MIOPEN_EXPORT miopenStatus_t miopenDestroy(miopenHandle_t handle);"
        self.replace("handle.h", declaration, "")
        self.assertFalse(self.compiles())
        self.assertFalse(self.matches_tables())

    def test_additional_function(self) -> None:
        declaration = "MIOPEN_EXPORT miopenStatus_t miopenDestroy(miopenHandle_t handle);"
        another = declaration.replace("Destroy", "DestroyAll")
        self.replace("handle.h", declaration, declaration + another)
        self.assertFalse(self.matches_tables())

    def test_missing_guard(self) -> None:
        self.replace("hidden.h", "#ifdef MIOPEN_BYPASS_HIDDEN_API", "#if 1")
        self.assertFalse(self.matches_tables())


class BrokenLibrary(InFolder):
    """Libraries that would or would not do in place of MIOpen's."""

    def build(self, names: Iterable[str], soname: str, versioned: bool) -> Path:
        library = self.folder / "libMIOpen.so"
        source = self.folder / "library.c"
        source.write_text("".join(f"void {name}(void) {{}}\n" for name in names))
        script = self.folder / "library.map"
        script.write_text("MIOPEN_HIP_1 { global: *; };\n")
        options: List[object] = ["-shared", "-fPIC", f"-Wl,-soname,{soname}"]
        if versioned:
            options.append(f"-Wl,--version-script={script}")
        built = run(SETTINGS["compiler"], *options, "-o", library, source)
        self.assertEqual(built.returncode, 0, built.stdout)
        return library

    def complaints(self, *arguments: object) -> str:
        library = self.build(*arguments)
        checked = python("check_symbols.py", library, self.expected())
        lines = [line for line in checked.stdout.splitlines() if " expected symbols" not in line]
        self.assertEqual(checked.returncode, 1 if lines else 0, checked.stdout)
        return "\n".join(lines)

    def expected(self) -> Path:
        """The checked-in list without this library's own functions."""
        listed = (tables.FOLDER / "expected_symbols.txt").read_text(encoding="utf-8").splitlines()
        path = self.folder / "expected.txt"
        path.write_text("\n".join(name for name in listed if "miopenBypass" not in name))
        return path

    def test_list_is_the_table(self) -> None:
        listed = self.expected().read_text(encoding="utf-8").splitlines()
        self.assertEqual(listed, sorted(f"{name}@@MIOPEN_HIP_1" for name in NAMES))

    def test_complete(self) -> None:
        self.assertEqual(self.complaints(NAMES, "libMIOpen.so.1", True), "")

    def test_missing(self) -> None:
        complaints = self.complaints(NAMES[1:], "libMIOpen.so.1", True)
        self.assertEqual(complaints, f"missing: {NAMES[0]}@@MIOPEN_HIP_1")

    def test_unknown(self) -> None:
        complaints = self.complaints([*NAMES, "stray"], "libMIOpen.so.1", True)
        self.assertEqual(complaints, "unknown: stray@@MIOPEN_HIP_1")

    def test_soname(self) -> None:
        complaints = self.complaints(NAMES, "libMIOpen.so.2", True)
        self.assertEqual(complaints, "SONAME is libMIOpen.so.2, not libMIOpen.so.1")

    def test_unversioned(self) -> None:
        complaints = self.complaints(NAMES, "libMIOpen.so.1", False)
        self.assertEqual(len(complaints.splitlines()), 2 * len(NAMES))

    def links(self, names: Iterable[str]) -> bool:
        library = self.build(names, "libMIOpen.so.1", True)
        python("generate.py", self.folder / "generated", SETTINGS["include"])
        program = self.folder / "link_all"
        source = self.folder / "generated" / "link_all.c"
        command = [SETTINGS["compiler"], "-std=c11", f"-I{SETTINGS['include']}", "-O2"]
        return run(*command, "-o", program, source, library).returncode == 0

    def test_everything_links(self) -> None:
        self.assertTrue(self.links(NAMES))

    def test_nothing_links_without_one(self) -> None:
        self.assertFalse(self.links(NAMES[:-1]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    SETTINGS["compiler"], SETTINGS["include"] = sys.argv[1], Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1], verbosity=2)
