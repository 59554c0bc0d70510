"""Makes PyTorch's CUDA build importable without CUDA.

PyPI carries PyTorch for x86-64 Linux only as a CUDA build. Its CPU convolution
calls nothing of CUDA, yet the dynamic loader wants every library that is
linked. The CUDA runtime is a small package and is installed; for the others
(2 GB) this makes libraries that have the names and the symbols asked of them,
and in the place of each symbol zeros that cannot be executed: a call would end
the process, not give a wrong answer.

Usage: cuda_standins.py TORCH_LIB_FOLDER
"""

import pathlib
import re
import subprocess
import sys
import tempfile

# What `import torch` loads first.
ROOT = "libtorch_python.so"

# Libraries without symbol versions, by the prefix of their symbols.
UNVERSIONED = {
    "libnccl.so": "nccl",
    "libcusparseLt.so": "cusparseLt",
    "libcufile.so": "cuFile",
}


def readelf(option: str, library: pathlib.Path) -> str:
    return subprocess.run(
        ["readelf", "-W", option, library], check=True, capture_output=True, text=True
    ).stdout


def linked_libraries(folder: pathlib.Path) -> tuple[list[pathlib.Path], list[str]]:
    """PyTorch's own libraries, and NVIDIA's that nobody installed."""
    installed = {path.name for path in (folder / "../../nvidia").rglob("*.so*")}
    own, missing, queue = [], [], [ROOT]
    while queue:
        name = queue.pop()
        if (folder / name).exists() and name.startswith(("libtorch", "libc10", "libshm")):
            own.append(folder / name)
            names = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("-d", folder / name))
            queue += [other for other in names if other not in [path.name for path in own] + queue]
        elif name.startswith(("libcu", "libnv", "libnccl")) and name not in installed:
            missing.append(name)
    return own, sorted(set(missing))


def symbols_by_library(own: list[pathlib.Path], missing: list[str]) -> dict[str, dict[str, str]]:
    """For each missing library the symbols asked of it, each with its version or an empty string."""
    wanted = {name: {} for name in missing}
    for library in own:
        file_of_version, file = {}, None
        for line in readelf("-V", library).splitlines():
            if match := re.search(r"File: (\S+)", line):
                file = match[1]
            elif match := re.search(r"Name: (\S+)", line):
                file_of_version[match[1]] = file
        for undefined in re.findall(r" UND (\S+)", readelf("--dyn-syms", library)):
            symbol, _, version = undefined.partition("@")
            if version:
                file = file_of_version.get(version)
            else:
                prefixes = ((lib, p) for lib, p in UNVERSIONED.items() if symbol.startswith(p))
                prefix_of = next(prefixes, ("no library", ""))[0]
                file = next((name for name in missing if name.startswith(prefix_of)), None)
            if file in wanted:
                wanted[file][symbol] = version
    return wanted


def make_standin(path: pathlib.Path, symbols: dict[str, str]) -> None:
    labels = "".join(f".globl {symbol}\n{symbol}:\n" for symbol in symbols)
    versions = {version for version in symbols.values() if version}
    script = "".join(
        f"{version} {{ global: {'; '.join(s for s, v in symbols.items() if v == version)}; }};\n"
        for version in sorted(versions)
    )
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "standin.s"
        source.write_text(f'.section .note.GNU-stack,"",@progbits\n.data\n{labels}.zero 4096\n')
        version_script = pathlib.Path(scratch) / "versions"
        version_script.write_text(script)
        options = [f"-Wl,--version-script={version_script}"] if versions else []
        command = ["gcc", "-shared", "-nostdlib", source, f"-Wl,-soname,{path.name}", *options]
        subprocess.run([*command, "-o", path], check=True)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    own, missing = linked_libraries(folder)
    for name, symbols in symbols_by_library(own, missing).items():
        make_standin(folder / name, symbols)


if __name__ == "__main__":
    main()
