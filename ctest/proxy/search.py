#!/usr/bin/env python3
"""Is the real library found where users have it, and left alone where they say so?

usage: search.py BUILD_FOLDER OUR_LIBRARY
"""

from __future__ import annotations

import os

import scene


class Found(scene.Scene):
    def test_beside_us(self) -> None:
        us = self.place_us("lib/libMIOpen.so.1")
        real = self.place_stand_in("lib/libMIOpen.so.1.0.60200")
        answer = self.ask(us, settings={})
        self.assert_forwards(answer, real)
        self.assertEqual(answer.lines, [])

    def test_beside_the_link_that_stands_in_its_place(self) -> None:
        us = self.place_us("miopen-bypass/libMIOpen.so.1")
        real = self.place_stand_in("rocm/lib/libMIOpen.so.1.0.60200")
        link = self.folder / "rocm/lib/libMIOpen.so.1"
        link.symlink_to(os.path.relpath(us, link.parent))
        self.assert_forwards(self.ask(link, settings={}), real)

    def test_beside_the_hip_library_of_a_wheel(self) -> None:
        us = self.place_us("us/libMIOpen.so.1")
        hip = self.place(scene.BUILD / "proxy/libamdhip64.so", "torch/lib/libamdhip64.so")
        real = self.place_stand_in("torch/lib/libMIOpen.so", "wheel")
        self.assert_forwards(self.ask(us, hip, settings={}), real)

    def test_by_rocm_path(self) -> None:
        us = self.place_us()
        real = self.place_stand_in("rocm/lib/libMIOpen.so.1")
        settings = {"ROCM_PATH": str(self.folder / "rocm")}
        self.assert_forwards(self.ask(us, settings=settings), real)

    def test_by_the_loaders_path(self) -> None:
        us = self.place_us()
        real = self.place_stand_in("rocm/lib/libMIOpen.so.1")
        settings = {"LD_LIBRARY_PATH": str(real.parent)}
        self.assert_forwards(self.ask(us, settings=settings), real)

    def test_by_the_setting_before_all_else(self) -> None:
        us = self.place_us("lib/libMIOpen.so.1")
        self.place_stand_in("lib/libMIOpen.so.1.0.60200")
        named = self.place_stand_in("elsewhere/with a space/real.so")
        settings = {"MIOPEN_BYPASS_REAL_LIB": str(named)}
        self.assert_forwards(self.ask(us, settings=settings), named)


class LeftAlone(scene.Scene):
    """One lies beside us, and a wheel's is mapped."""

    def setUp(self) -> None:
        super().setUp()
        self.us = self.place_us("lib/libMIOpen.so.1")
        self.real = self.place_stand_in("lib/libMIOpen.so.1.0.60200")
        self.wheel = self.place_stand_in("torch/lib/libMIOpen.so", "wheel")

    def check(self, **settings: str) -> None:
        answer = self.ask(self.us, self.wheel, settings=settings)
        self.assert_alone(answer)
        self.assertEqual(answer.lines, [])

    def test_by_the_setting_none(self) -> None:
        self.check(MIOPEN_BYPASS_REAL_LIB="none")

    def test_by_the_setting_cpu(self) -> None:
        self.check(MIOPEN_BYPASS_DEVICE="cpu")

    def test_by_the_setting_cpu_though_a_library_is_named(self) -> None:
        self.check(MIOPEN_BYPASS_DEVICE="cpu", MIOPEN_BYPASS_REAL_LIB=str(self.real))


if __name__ == "__main__":
    scene.main()
