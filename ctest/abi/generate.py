#!/usr/bin/env python3
"""Writes, from the fact tables, the programs that check the headers and the library.

usage: generate.py OUTPUT_FOLDER INCLUDE_FOLDER

- abi_checks.c, abi_checks.cpp: one static assertion a fact; they compile, or the header is wrong.
- link_all.c: takes the address of every function, so it links only with a complete library.
- alone/*.c, alone/*.cpp: include one header each, so that no header leans on another one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Dict, List

import tables

Row = Dict[str, str]
Assertion = Callable[[str, str], str]

WARNING = "/* Written by ctest/abi/generate.py from the tables beside it. */\n"


def assert_c(claim: str, subject: str) -> str:
    return f'_Static_assert({claim}, "{subject}");'


def assert_cxx(claim: str, subject: str) -> str:
    return f'static_assert({claim}, "{subject}");'


def same_type_c(expression: str, kind: str) -> str:
    return f"_Generic({expression}, {kind}: 1, default: 0)"


def guarded(guard: str, lines: List[str]) -> List[str]:
    if guard == "-":
        return lines
    return [f"#if {tables.condition(guard)}", *lines, "#endif"]


def function_pointer(function: Row) -> str:
    kinds = [tables.split_parameter(parameter)[0] for parameter in tables.parameters(function)]
    return f"{function['return_type']} (*)({', '.join(kinds)})"


def number(text: str) -> str:
    return text if int(text) <= 0x7FFFFFFF else f"{text}u"


def enum_checks(cxx: bool) -> List[str]:
    check: Assertion = assert_cxx if cxx else assert_c
    lines: List[str] = []
    seen = set()
    for row in tables.read("enums"):
        kind, constant = row["enum"], row["constant"]
        claims = []
        if (kind, row["guard"]) not in seen:
            seen.add((kind, row["guard"]))
            claims.append(check(f"sizeof({kind}) == 4", kind))
            if cxx:
                underlying = f"std::underlying_type<{kind}>::type"
                claims.append(check(f"std::is_same<{underlying}, unsigned int>::value", kind))
            else:
                claims.append(check(same_type_c(f"({kind})0", "unsigned int"), kind))
        claims.append(check(f"{constant} == {number(row['value'])}", constant))
        if cxx:
            claims.append(check(f"std::is_same<decltype({constant}), {kind}>::value", constant))
        lines += guarded(row["guard"], claims)
    return lines


def struct_checks(cxx: bool) -> List[str]:
    check: Assertion = assert_cxx if cxx else assert_c
    align = "alignof" if cxx else "_Alignof"
    lines = []
    for row in tables.read("structs"):
        kind, field = row["struct"], row["field"]
        if field == "<struct>":
            lines.append(check(f"sizeof({kind}) == {row['size_bytes']}", kind))
            lines.append(check(f"{align}({kind}) == {row['type'].split('=')[1]}", kind))
            continue
        subject = f"{kind}.{field}"
        member = f"(({kind}*)0)->{field}"
        lines.append(check(f"offsetof({kind}, {field}) == {row['offset_bytes']}", subject))
        lines.append(check(f"sizeof({member}) == {row['size_bytes']}", subject))
        if cxx:
            same = f"std::is_same<decltype({kind}::{field}), {row['type']}>::value"
        else:
            same = same_type_c(member, row["type"])
        lines.append(check(same, subject))
    return lines


def type_checks(cxx: bool) -> List[str]:
    check: Assertion = assert_cxx if cxx else assert_c
    lines = []
    for row in tables.read("types"):
        name, definition = row["name"], row["definition"]
        if cxx:
            claim = f"std::is_same<{name}, {definition}>::value"
        else:
            claim = same_type_c(f"({name})0", definition)
        lines += guarded(row["guard"], [check(claim, name)])
    return lines


def function_checks(cxx: bool) -> List[str]:
    check: Assertion = assert_cxx if cxx else assert_c
    lines = []
    for row in tables.read("functions"):
        name, kind = row["name"], function_pointer(row)
        if cxx:
            claim = f"std::is_same<decltype(&{name}), {kind}>::value"
        else:
            claim = same_type_c(f"&{name}", kind)
        lines += guarded(row["guard"], [check(claim, name)])
    return lines


def abi_checks(cxx: bool) -> str:
    includes = ["#include <miopen/miopen.h>", ""]
    if cxx:
        includes += ["#include <cstddef>", "#include <type_traits>"]
    else:
        includes += ["#include <stddef.h>"]
    body = enum_checks(cxx) + struct_checks(cxx) + type_checks(cxx) + function_checks(cxx)
    return WARNING + "\n".join([*includes, "", *body, ""])


def link_all() -> str:
    macros = [f"#define {macro}" for macro in sorted(tables.MACRO_OF_WORD.values())]
    entries = [f"    (entry_point){row['name']}," for row in tables.read("functions")]
    return WARNING + "\n".join(
        [
            *macros,
            "#include <miopen/miopen.h>",
            "",
            "#include <stdio.h>",
            "",
            "typedef void (*entry_point)(void);",
            "",
            "/* volatile: or the compiler drops the table, and with it the need for the symbols. */",
            "static entry_point volatile entry_points[] = {",
            *entries,
            "};",
            "",
            "int main(void)",
            "{",
            "    size_t count = sizeof entry_points / sizeof entry_points[0];",
            "    size_t missing = 0;",
            "    for (size_t i = 0; i < count; ++i)",
            "        missing += entry_points[i] == NULL;",
            '    printf("%zu of %zu functions have an address\\n", count - missing, count);',
            "    return missing == 0 ? 0 : 1;",
            "}",
            "",
        ]
    )


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(arguments: List[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    output, include = Path(arguments[0]), Path(arguments[1])
    write_if_changed(output / "abi_checks.c", abi_checks(cxx=False))
    write_if_changed(output / "abi_checks.cpp", abi_checks(cxx=True))
    write_if_changed(output / "link_all.c", link_all())
    headers = sorted((include / "miopen").glob("*.h"))
    if not headers:
        print(f"no headers in {include / 'miopen'}", file=sys.stderr)
        return 1
    for header in headers:
        # The typedef: a file of preprocessor lines alone is no valid translation unit.
        text = f"{WARNING}#include <miopen/{header.name}>\ntypedef int not_empty;\n"
        for suffix in (".c", ".cpp"):
            write_if_changed(output / "alone" / (header.stem + suffix), text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
