"""Reads the fact tables of this folder (see README.md)."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, Tuple

FOLDER = Path(__file__).resolve().parent

MACRO_OF_WORD = {
    "beta": "MIOPEN_BETA_API",
    "retired": "MIOPEN_BYPASS_RETIRED_API",
    "hidden": "MIOPEN_BYPASS_HIDDEN_API",
}


def read(name: str) -> List[Dict[str, str]]:
    """Rows of NAME.tsv, in the file's order."""
    with open(FOLDER / f"{name}.tsv", encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))


def macro_sets() -> Iterator[FrozenSet[str]]:
    """Every choice of the header's macros: none, each alone, each pair, all."""
    macros = sorted(MACRO_OF_WORD.values())
    for size in range(len(macros) + 1):
        yield from map(frozenset, itertools.combinations(macros, size))


def condition(guard: str) -> str:
    """Preprocessor condition of a guard column: `beta|retired` or `beta&retired`; `-` is always."""
    if guard == "-":
        return "1"
    for separator, operator in (("|", " || "), ("&", " && ")):
        if separator in guard:
            words = guard.split(separator)
            return operator.join(f"defined({MACRO_OF_WORD[word]})" for word in words)
    return f"defined({MACRO_OF_WORD[guard]})"


def visible(guard: str, macros: FrozenSet[str]) -> bool:
    """Whether a row with this guard is declared when these macros are defined."""
    if guard == "-":
        return True
    if "|" in guard:
        return any(MACRO_OF_WORD[word] in macros for word in guard.split("|"))
    return all(MACRO_OF_WORD[word] in macros for word in guard.split("&"))


def parameters(function: Dict[str, str]) -> List[str]:
    """Parameters of a row of functions.tsv, each as `type name`."""
    return [parameter.strip() for parameter in function["params"].split(";")]


def split_parameter(parameter: str) -> Tuple[str, str]:
    """`const void* x` -> (`const void*`, `x`)."""
    kind, name = parameter.rsplit(" ", 1)
    return kind, name
