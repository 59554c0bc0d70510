#!/usr/bin/env python3
"""Compares what the headers declare with the fact tables, in both directions.

usage: check_header.py COMPILER INCLUDE_FOLDER

The generated assertions show that each fact holds in the header. This shows the rest: that the
header declares nothing else, that each name is declared under its macros and only there, and that
parameters have the table's names and order. It reads the text that the C preprocessor leaves, once
for every choice of macros.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, FrozenSet, List, NamedTuple, Tuple

import tables

TOKEN = re.compile(r'"[^"]*"|\w+|[^\s\w]')
LINE_MARKER = re.compile(r'^# \d+ "([^"]*)"')
ATTRIBUTE = re.compile(r"__attribute__ ?\( ?\([^;{]*?\) ?\) ?\)")


class Declared(NamedTuple):
    functions: Dict[str, str]
    constants: Dict[Tuple[str, str], int]
    types: Dict[str, str]


class Unreadable(Exception):
    pass


def preprocess(compiler: str, include: Path, macros: FrozenSet[str]) -> str:
    """Text of our own headers after the preprocessor; what system headers say is left out."""
    defines = [f"-D{macro}" for macro in sorted(macros)]
    command = [compiler, "-std=c11", "-E", "-x", "c", f"-I{include}", *defines, "-"]
    source = "#include <miopen/miopen.h>\n"
    run = subprocess.run(command, input=source, stdout=subprocess.PIPE, check=True, text=True)
    own = []
    keep = False
    for line in run.stdout.splitlines():
        marker = LINE_MARKER.match(line)
        if marker:
            keep = Path(marker.group(1)).resolve().is_relative_to(include.resolve() / "miopen")
        elif keep:
            own.append(line)
    return "\n".join(own)


def spelled(text: str) -> str:
    """The text with one blank between tokens; stdbool.h makes bool a macro for _Bool."""
    return " ".join("bool" if token == "_Bool" else token for token in TOKEN.findall(text))


def statements(text: str) -> List[str]:
    """Declarations, without the final semicolon."""
    result, current, depth = [], [], 0
    for token in TOKEN.findall(text):
        depth += (token == "{") - (token == "}")
        if token == ";" and depth == 0:
            result.append(" ".join(current))
            current = []
        else:
            current.append(token)
    if current:
        raise Unreadable(" ".join(current))
    return result


def read_enum(name: str, body: str, declared: Declared) -> None:
    for entry in filter(None, (part.strip() for part in body.split(","))):
        constant, value = (part.strip() for part in entry.split("="))
        declared.constants[name, constant] = int(value.rstrip("u"), 0)


def read_declaration(statement: str, declared: Declared) -> None:
    statement = spelled(ATTRIBUTE.sub("", statement).replace("__extension__", ""))
    enum = re.fullmatch(r"typedef enum \{ (.*) \} (\w+)", statement)
    struct = re.fullmatch(r"typedef struct \{ (.*) \} (\w+)", statement)
    callback = re.fullmatch(r"typedef (.*) \( \* (\w+) \) \( (.*) \)", statement)
    alias = re.fullmatch(r"typedef ([^(){}]*[ *]) ?(\w+)", statement)
    function = re.fullmatch(r"([^(){}]*) (\w+) \( ([^(){}]*) \)", statement)
    if enum:
        read_enum(enum.group(2), enum.group(1), declared)
    elif struct:
        declared.types[struct.group(2)] = "struct"
    elif callback:
        declared.types[callback.group(2)] = "callback"
    elif alias:
        declared.types[alias.group(2)] = alias.group(1).strip()
    elif function:
        declared.functions[function.group(2)] = f"{function.group(1)} ( {function.group(3)} )"
    else:
        raise Unreadable(statement)


def read_header(compiler: str, include: Path, macros: FrozenSet[str]) -> Declared:
    declared = Declared({}, {}, {})
    for statement in statements(preprocess(compiler, include, macros)):
        read_declaration(statement, declared)
    return declared


def expected(macros: FrozenSet[str]) -> Declared:
    functions = {
        row["name"]: spelled(f"{row['return_type']} ({', '.join(tables.parameters(row))})")
        for row in tables.read("functions")
        if tables.visible(row["guard"], macros)
    }
    constants = {}
    types = {"hipStream_t": spelled("struct ihipStream_t*")}
    for row in tables.read("enums"):
        # A retired enumeration whose constants live on in another one is declared as its alias.
        if row["guard"] == "beta&retired":
            if tables.visible(row["guard"], macros):
                types[row["enum"]] = "miopenNormMode_t"
        elif tables.visible(row["guard"], macros):
            constants[row["enum"], row["constant"]] = int(row["value"])
    for row in tables.read("structs"):
        types[row["struct"]] = "struct"
    for row in tables.read("types"):
        if tables.visible(row["guard"], macros):
            is_callback = "(" in row["definition"]
            types[row["name"]] = "callback" if is_callback else spelled(row["definition"])
    return Declared(functions, constants, types)


def differences(what: str, header: Dict, table: Dict) -> List[str]:
    complaints = [f"{what} {key}: missing from the header" for key in table.keys() - header.keys()]
    complaints += [f"{what} {key}: not in the table" for key in header.keys() - table.keys()]
    for key in header.keys() & table.keys():
        if header[key] != table[key]:
            complaints.append(f"{what} {key}: header {header[key]!r}, table {table[key]!r}")
    return sorted(complaints)


def main(arguments: List[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    compiler, include = arguments[0], Path(arguments[1])
    failed = False
    for macros in tables.macro_sets():
        label = ", ".join(sorted(macros)) or "no macros"
        try:
            header = read_header(compiler, include, macros)
        except Unreadable as error:
            print(f"[{label}] cannot read: {error}")
            return 1
        table = expected(macros)
        complaints = []
        for what in Declared._fields:
            complaints += differences(what, getattr(header, what), getattr(table, what))
        for complaint in complaints:
            print(f"[{label}] {complaint}")
        failed = failed or bool(complaints)
        print(
            f"[{label}] {len(header.functions)} functions, {len(header.constants)} constants, "
            f"{len(header.types)} types"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
