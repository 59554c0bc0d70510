#!/usr/bin/env python3
"""What if MIOPEN_BYPASS_REAL_LIB names something that calls cannot be forwarded to?

usage: never_ourselves.py BUILD_FOLDER OUR_LIBRARY

One line must say so, and the search must go on: a stand-in lies beside us in each test. Above all,
we must never take ourselves for the real library: each call would then go round in a circle.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Tuple

import scene


class Refused(scene.Scene):
    def setUp(self) -> None:
        super().setUp()
        self.us = self.place_us()
        self.beside = self.place_stand_in("us/libMIOpen.so.1.0.60200")

    def check(self, named: object, *words: str) -> None:
        answer = self.ask(self.us, settings={"MIOPEN_BYPASS_REAL_LIB": str(named)})
        self.assert_forwards(answer, self.beside)
        self.assertEqual(len(answer.lines), 1, answer.lines)
        line = answer.lines[0]
        for word in ("MIOPEN_BYPASS_REAL_LIB", str(named), *words):
            self.assertIn(word, line)

    def edited(self, source: Path, *changes: Tuple[bytes, bytes]) -> Path:
        """A copy of the file in which some bytes stand in place of others."""
        content = source.read_bytes()
        for old, new in changes:
            self.assertIn(old, content)
            self.assertEqual(len(old), len(new))
            content = content.replace(old, new)
        path = self.folder / "edited.so"
        path.write_bytes(content)
        return path

    def test_our_own_file(self) -> None:
        self.check(self.us, "miopen-bypass itself")

    def test_a_copy_of_ours(self) -> None:
        self.check(self.place_us("copy/libMIOpen.so.1"), "miopen-bypass itself")

    def test_a_link_to_ours(self) -> None:
        link = self.folder / "libMIOpen.so.1"
        link.symlink_to(self.us)
        self.check(link, "miopen-bypass itself")

    def test_our_own_file_by_a_relative_path(self) -> None:
        self.check(self.us.relative_to(self.folder), "miopen-bypass itself")

    def test_a_copy_of_ours_that_hides_its_name(self) -> None:
        hidden = self.edited(self.us, (b"miopenBypassVersion", b"mioqenBypassVersion"))
        self.check(hidden, "build-id")

    def test_a_text(self) -> None:
        text = self.folder / "libMIOpen.so.1"
        text.write_text("INPUT(libMIOpen.so.1)\n")
        self.check(text, "ELF")

    def test_an_empty_file(self) -> None:
        empty = self.folder / "libMIOpen.so.1"
        empty.touch()
        self.check(empty, "ELF")

    def test_a_folder(self) -> None:
        self.check(self.folder, "not a file")

    def test_a_pipe_that_nobody_writes_to(self) -> None:
        pipe = self.folder / "libMIOpen.so.1"
        os.mkfifo(pipe)
        self.check(pipe, "not a file")

    def test_an_endless_device(self) -> None:
        self.check("/dev/zero", "not a file")

    def test_nothing(self) -> None:
        self.check(self.folder / "absent.so", "No such file")

    def test_a_link_to_itself(self) -> None:
        link = self.folder / "libMIOpen.so.1"
        link.symlink_to(link)
        self.check(link)

    def test_a_library_of_something_else(self) -> None:
        maps = Path("/proc/self/maps").read_text().split()
        libc = next(word for word in maps if "/libc.so" in word or "/libc-" in word)
        self.check(libc, "miopenCreate")

    def test_a_program(self) -> None:
        self.check(scene.BUILD / "proxy" / "which_library", "miopenCreate")

    def test_a_library_for_another_processor(self) -> None:
        content = bytearray(self.beside.read_bytes())
        content[18] = 183  # e_machine: EM_AARCH64
        other = self.folder / "libMIOpen.so.1"
        other.write_bytes(content)
        self.check(other, "x86-64")

    def test_half_a_library(self) -> None:
        content = self.beside.read_bytes()
        half = self.folder / "libMIOpen.so.1"
        half.write_bytes(content[: len(content) // 2])
        self.check(half)

    def test_a_library_whose_own_libraries_are_missing(self) -> None:
        lacking = self.edited(self.beside, (b"libc.so.6", b"libc.so.9"))
        self.check(lacking, "libc.so.9")


class NotSearchedFor(scene.Scene):
    """The search meets such files too; there they are no news."""

    def test_other_builds_of_ours_and_texts_are_passed_over(self) -> None:
        us = self.place_us()
        self.place_us("us/libMIOpen.so.1.9")
        (us.parent / "libMIOpen.so.1.8").write_text("text\n")
        (us.parent / "libMIOpen.so.1.7").symlink_to(us)
        (us.parent / "libMIOpen.so.1.6").mkdir()
        os.mkfifo(us.parent / "libMIOpen.so.1.5")
        real = self.place_stand_in("us/libMIOpen.so.1.0")
        answer = self.ask(us, settings={})
        self.assert_forwards(answer, real)
        self.assertEqual(answer.lines, [])

    def test_the_reasons_are_told_on_request(self) -> None:
        us = self.place_us()
        other = self.place_us("us/libMIOpen.so.1.9")
        real = self.place_stand_in("us/libMIOpen.so.1.0")
        answer = self.ask(us, settings={"MIOPEN_BYPASS_VERBOSE": "2"})
        self.assertEqual(len(answer.lines), 2, answer.lines)
        self.assertIn(str(other), answer.lines[0])
        self.assertIn(f"forwarded to {real}", answer.lines[1])


class Large(scene.Scene):
    """The real library has hundreds of megabytes: it must not be read as a whole."""

    def test_a_library_larger_than_memory(self) -> None:
        us = self.place_us()
        real = self.place_stand_in("us/libMIOpen.so.1.0")
        os.truncate(real, 16 * scene.ADDRESS_SPACE_BYTES)
        self.assert_forwards(self.ask(us, settings={}), real)


if __name__ == "__main__":
    scene.main()
