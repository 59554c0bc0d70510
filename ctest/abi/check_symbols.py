#!/usr/bin/env python3
"""Compares the exported symbols of a library with a list, and its SONAME with MIOpen's.

usage: check_symbols.py LIBRARY EXPECTED

EXPECTED has one symbol a line: `name@@VERSION` for a versioned one, `name` for one without a
version. Fails on a symbol that is missing, on one that is not in the list, on a version other than
the listed one, and on another SONAME than libMIOpen.so.1. Needs nm and readelf (binutils).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import List, Optional, Set

SONAME = "libMIOpen.so.1"

# Put into every library by the linker or by crti.o.
OF_THE_TOOLCHAIN = {"_init", "_fini", "_edata", "_end", "__bss_start"}


def output(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def exported(library: str) -> Set[str]:
    """Exported symbols, without the absolute ones that stand for version nodes."""
    symbols = set()
    for line in output("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines():
        kind, name = line.split()[-2:]
        if kind != "A" and name.split("@")[0] not in OF_THE_TOOLCHAIN:
            symbols.add(name)
    return symbols


def soname(library: str) -> Optional[str]:
    match = re.search(r"\(SONAME\).*\[(.*)\]", output("readelf", "-W", "-d", library))
    return match.group(1) if match else None


def main(arguments: List[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    library = arguments[0]
    expected = set(Path(arguments[1]).read_text(encoding="utf-8").split())
    actual = exported(library)
    complaints = [f"missing: {symbol}" for symbol in sorted(expected - actual)]
    complaints += [f"unknown: {symbol}" for symbol in sorted(actual - expected)]
    if soname(library) != SONAME:
        complaints.append(f"SONAME is {soname(library)}, not {SONAME}")
    for complaint in complaints:
        print(complaint)
    print(f"{len(expected & actual)} of {len(expected)} expected symbols")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
