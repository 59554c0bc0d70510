"""A loaded libMIOpen: calls that raise, and where it really lies."""

from __future__ import annotations

import ctypes
import os
from ctypes import c_char_p, c_int, c_void_p
from pathlib import Path
from typing import Any, Mapping, Tuple


class MiopenError(RuntimeError):
    """A call that returned something else than miopenStatusSuccess."""

    def __init__(self, function: str, status: int, message: str) -> None:
        super().__init__(f"{function} returned {message} ({status})")
        self.function = function
        self.status = status


class LoadedLibrary:
    """Functions of a shared library by name, each with its C signature.

    Raises OSError where the file cannot be loaded or lacks one of the functions.
    """

    def __init__(
        self,
        path: Path | str | None,
        signatures: Mapping[str, Tuple[Any, ...]],
        mode: int = ctypes.DEFAULT_MODE,
    ) -> None:
        self.c = ctypes.CDLL(None if path is None else str(path), mode)
        try:
            self.c.miopenGetErrorString.argtypes = (c_int,)
            self.c.miopenGetErrorString.restype = c_char_p
            for name, argtypes in signatures.items():
                function = getattr(self.c, name)
                function.argtypes = argtypes
                function.restype = c_int
        except AttributeError as error:
            raise OSError(f"{path}: {error}") from error

    def call(self, name: str, *arguments: Any) -> None:
        """Calls the C function `name`, which must be one of the signatures."""
        status = getattr(self.c, name)(*arguments)
        if status != 0:
            raise MiopenError(name, status, self.c.miopenGetErrorString(status).decode())

    @property
    def answering_path(self) -> str:
        """The file that miopenCreate really lies in, from the process's memory map.

        Under LD_PRELOAD this is not the file that was asked for.
        """
        address = ctypes.cast(self.c.miopenCreate, c_void_p).value or 0
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
            fields = line.split(maxsplit=5)
            start, end = (int(part, 16) for part in fields[0].split("-"))
            if start <= address < end and len(fields) == 6:
                return os.path.realpath(fields[5])
        return "unknown"
