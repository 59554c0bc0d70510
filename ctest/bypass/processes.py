#!/usr/bin/env python3
"""Reports and traces as a user gets them: out of processes that end, fork, run on and are killed.

usage: processes.py PROCESS COMMAND FOLDER

PROCESS is the program of process.c, COMMAND is miopen-bypass, FOLDER is made anew.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

PROCESS, COMMAND, FOLDER = (os.path.abspath(word) for word in sys.argv[1:4])


class Processes(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(FOLDER) / self.id().rsplit(".", 1)[1]
        shutil.rmtree(self.folder, ignore_errors=True)
        self.runtime = self.folder / "runtime"
        self.runtime.mkdir(parents=True, mode=0o700)

    def environment(self, **settings: str) -> dict[str, str]:
        ours = {f"MIOPEN_BYPASS_{name}": value for name, value in settings.items()}
        standalone = {"MIOPEN_BYPASS_REAL_LIB": "none", "MIOPEN_BYPASS_DEVICE": "cpu"}
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "XDG_RUNTIME_DIR": str(self.runtime), **standalone, **ours}

    def run_process(self, calls: int, how: str, **settings: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROCESS, str(calls), how],
            env=self.environment(**settings),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done)
        return done

    def command(self, *words: str, expect: int = 0) -> str:
        done = subprocess.run(
            [COMMAND, *words],
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, expect, done)
        return done.stdout if expect == 0 else done.stderr

    def live_files(self) -> list[str]:
        return sorted(path.name for path in self.runtime.glob("miopen-bypass/*"))

    def test_nothing_is_said_or_written_unasked(self) -> None:
        done = self.run_process(3, "exit")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [self.runtime])
        self.assertEqual(list(self.runtime.iterdir()), [])

    def test_at_exit_on_stderr(self) -> None:
        done = self.run_process(3, "exit", REPORT="exit")
        self.assertIn("3 convolutions in", done.stderr)
        self.assertIn("3 bypassed (100.0 %)", done.stderr)
        self.assertIn("a layer", done.stderr)
        self.assertEqual(self.live_files(), [], "taken away at the end")

    def test_a_process_without_convolutions_says_so(self) -> None:
        self.assertIn("0 convolutions", self.run_process(0, "nothing", REPORT="exit").stderr)

    def test_while_threads_compute(self) -> None:
        for _ in range(20):
            self.run_process(3, "threads", REPORT="report.json", TRACE="trace.txt")
            report = json.loads((self.folder / "report.json").read_text())
            self.assertGreaterEqual(report["totals"]["calls"], 3)
            self.assertEqual(self.live_files(), [])
        for line in (self.folder / "trace.txt").read_text().splitlines():
            self.assertRegex(line, r"^conv -n 1 .*; direction=fwd route=cpu .* label=\S+$")

    def test_files_by_suffix(self) -> None:
        for name, begin in (("a.txt", "miopen-bypass "), ("a.json", "{"), ("a.html", "<!DOCTYPE")):
            self.run_process(2, "exit", REPORT=name)
            self.assertTrue((self.folder / name).read_text().startswith(begin), name)
        as_text = self.command("report", "a.json")
        self.assertIn("2 convolutions in", as_text)
        self.assertIn("a layer", as_text)
        self.assertIn("a layer", self.command("report", "a.json", "--format", "html"))
        again = json.loads(self.command("report", "a.json", "--format", "json"))
        self.assertEqual(again, json.loads((self.folder / "a.json").read_text()))

    def test_a_file_that_cannot_be_written_costs_one_line(self) -> None:
        done = self.run_process(2, "exit", REPORT="no/such/folder.json", TRACE="no/trace")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 3, done.stderr)
        self.assertEqual(sum("folder.json" in line for line in lines), 1)
        self.assertEqual(sum("no/trace" in line for line in lines), 1)

    def test_forked_children_count_for_themselves(self) -> None:
        done = self.run_process(3, "fork", REPORT="report.json", TRACE="trace.txt")
        busy, idle = (line.split()[1] for line in done.stdout.splitlines())
        calls = lambda name: json.loads((self.folder / name).read_text())["totals"]["calls"]
        self.assertEqual(calls("report.json"), 3)
        self.assertEqual(calls(f"report-{busy}.json"), 6)
        self.assertFalse((self.folder / f"report-{idle}.json").exists())
        self.assertEqual(len((self.folder / "trace.txt").read_text().splitlines()), 9)

    def test_numbered_files(self) -> None:
        done = self.run_process(3, "fork", REPORT="of-%p.json", TRACE="trace-%p")
        busy = done.stdout.split()[1]
        self.assertEqual(len(list(self.folder.glob("of-*.json"))), 2)
        child = (self.folder / f"trace-{busy}").read_text().splitlines()
        self.assertEqual(len(child), 6)

    def test_reading_a_process_that_runs_and_one_that_was_killed(self) -> None:
        process = subprocess.Popen(
            [PROCESS, "5", "wait"],
            env=self.environment(REPORT="never-written.txt"),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin and process.stdout
        try:
            self.assertEqual(process.stdout.readline(), "ready\n")
            pid = str(process.pid)
            self.assertEqual(self.live_files(), [f"report-{pid}.json"])
            # The file is written at most once a second: by then it has the first call or more.
            early = json.loads(self.command("report", "--pid", pid, "--format", "json"))
            self.assertTrue(1 <= early["totals"]["calls"] <= 5, early)
            time.sleep(1.1)
            process.stdin.write("go\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), "done\n")
            late = json.loads(self.command("report", "--pid", pid, "--format", "json"))
            self.assertEqual(late["totals"]["calls"], 6)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.assertIn("6 convolutions in", self.command("report", "--pid", pid))
        self.assertFalse((self.folder / "never-written.txt").exists())

    def test_a_runtime_folder_of_somebody_else_is_not_used(self) -> None:
        open_to_all = self.runtime / "miopen-bypass"
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        self.run_process(1, "exit", REPORT="report.txt")
        self.assertEqual(self.live_files(), [])
        self.assertIn("1 convolutions in", (self.folder / "report.txt").read_text())

    def test_what_is_no_report_is_refused(self) -> None:
        (self.folder / "other.json").write_text("{}")
        self.assertIn("other.json", self.command("report", "other.json", expect=3))
        self.assertIn("MIOPEN_BYPASS_REPORT", self.command("report", "--pid", "1", expect=3))
        self.command("report", expect=2)
        self.command("report", "other.json", "--pid", "1", expect=2)

    def test_a_trace_is_replayed(self) -> None:
        self.run_process(4, "fork", TRACE="trace.txt")
        shown = self.command("replay", "trace.txt", "--iter", "3")
        self.assertRegex(shown, r"12x .* us a_layer +fwd .* ok ")
        self.assertIn("12 calls of 1 problems; recorded ", shown)
        result = json.loads(self.command("replay", "trace.txt", "--format", "json", "-i", "2"))
        (one,) = result["results"]
        self.assertEqual(one["recorded"]["calls"], 12)
        self.assertEqual(one["recorded"]["routes"], ["cpu"])
        self.assertTrue(one["verification"]["passed"])
        self.assertEqual(one["time"]["runs"], 2)
        only = self.command("replay", "trace.txt", "--filter", "label=a_layer", "-t", "0")
        self.assertIn("4 calls of 1 problems", only)
        self.assertIn("no convolutions", self.command("replay", "trace.txt", "--filter", "x=y", expect=2))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
