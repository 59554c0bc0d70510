#!/usr/bin/env python3
"""Writes, from ctest/abi/functions.tsv, the stand-in library's functions and the calls of them.

usage: generate_stub.py OUTPUT_FOLDER

- stub_functions.c: each function of MIOpen, noting its arguments.
- calls.c: for each function one that calls it with arguments of distinct bits.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "abi"))
import tables  # noqa: E402
from generate import write_if_changed  # noqa: E402

Row = Dict[str, str]

WARNING = "/* Written by ctest/stub/generate_stub.py from ctest/abi/functions.tsv. */\n"
OLDEST_RELEASE = "<=3.5.0"


def in_old_release(function: Row) -> bool:
    """Whether the variant of an older release has the function."""
    return function["first_release"] == OLDEST_RELEASE


def returns_string(function: Row) -> bool:
    if function["return_type"] not in ("miopenStatus_t", "const char*"):
        raise ValueError(f"{function['name']} returns {function['return_type']}")
    return function["return_type"] == "const char*"


def named_parameters(function: Row) -> List[Tuple[str, str]]:
    return [tables.split_parameter(parameter) for parameter in tables.parameters(function)]


def assignable(kind: str) -> str:
    """The type of a variable that can be passed as `kind`: without const of its own."""
    return kind[len("const ") :] if kind.startswith("const ") and "*" not in kind else kind


def stub_function(index: int, function: Row) -> str:
    name = function["name"]
    parameters = named_parameters(function)
    declared = ", ".join(f"{kind} {parameter}" for kind, parameter in parameters)
    result = "STUB_ERROR_STRING" if returns_string(function) else f"STUB_STATUS({index})"
    lines = [
        f"STUB_LINKAGE {function['return_type']} {name}({declared})",
        "{",
        f'    STUB_BEGIN({index}, "{name}");',
        *[f"    STUB_ARGUMENT({parameter});" for _, parameter in parameters],
        f"    return {result};",
        "}",
    ]
    if not in_old_release(function):
        lines = ["#ifndef STUB_OLD_RELEASE", *lines, "#endif"]
    return "\n".join(lines) + "\n"


def call(function: Row) -> str:
    parameters = named_parameters(function)
    passed = ", ".join(parameter for _, parameter in parameters)
    return "\n".join(
        [
            f"static uint64_t call_{function['name']}(struct arguments* made_arguments)",
            "{",
            *[f"    {assignable(kind)} {name};\n    MAKE({name});" for kind, name in parameters],
            f"    return (uintptr_t){function['name']}({passed});",
            "}",
            "",
        ]
    )


def row(function: Row) -> str:
    name = function["name"]
    flags = f"{int(in_old_release(function))}, {int(returns_string(function))}"
    return f'    {{"{name}", {flags}, call_{name}}},'


def includes(*names: str) -> List[str]:
    macros = [f"#define {macro}" for macro in sorted(tables.MACRO_OF_WORD.values())]
    return [WARNING, *macros, *[f'#include "{name}"' for name in names], ""]


def stub_functions(functions: List[Row]) -> str:
    bodies = [stub_function(index, function) for index, function in enumerate(functions)]
    return "\n".join([*includes("record.h"), *bodies])


def calls(functions: List[Row]) -> str:
    rows = ["const struct function functions[] = {", *map(row, functions), "};"]
    count = "const unsigned function_count = sizeof functions / sizeof functions[0];"
    return "\n".join([*includes("calls.h"), *map(call, functions), *rows, count, ""])


def main(arguments: List[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    functions = tables.read("functions")
    write_if_changed(Path(arguments[0]) / "stub_functions.c", stub_functions(functions))
    write_if_changed(Path(arguments[0]) / "calls.c", calls(functions))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
