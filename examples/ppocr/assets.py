"""Fetches the network and the default picture out of the PyPI packages that carry them.

Neither is part of this repository. Both are checked against a SHA-256, so the demo always runs the same
network on the same picture.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asset:
    """A file inside a wheel."""

    requirement: str
    member: str
    sha256: str


MODEL = Asset(
    requirement="rapidocr-onnxruntime==1.4.4",
    member="rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    sha256="d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
)
"""PP-OCRv4's text detector (Apache-2.0, PaddlePaddle authors) as converted for RapidOCR (Apache-2.0)."""

PICTURE = Asset(
    requirement="scikit-image",
    member="skimage/data/page.png",
    sha256="341a6f0a61557662b02734a9b6e56ec33a915b2c41886b97509dedf2a43b47a3",
)
"""A photographed page of print, skimage.data.page() (BSD-3-Clause, the scikit-image team)."""


class AssetError(RuntimeError):
    """An asset could not be downloaded."""


def fetch(asset: Asset, folder: Path) -> Path:
    """Path of the asset below `folder`, downloaded unless it is there already."""
    path = folder / Path(asset.member).name
    if path.exists() and _sha256(path.read_bytes()) == asset.sha256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wheel = _download(asset.requirement, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(asset.member)
        if _sha256(content) != asset.sha256:
            raise ValueError(f"{asset.member} of {wheel.name} is not the expected file")
        # Renamed into place, so that an interrupted run leaves no half file.
        partial = Path(scratch) / path.name
        partial.write_bytes(content)
        partial.replace(path)
    return path


def _download(requirement: str, folder: Path) -> Path:
    """Downloads one wheel, without its dependencies. None of it is run, so any Python version will do."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    command += ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    result = subprocess.run(
        [*command, "--dest", str(folder), requirement], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        raise AssetError(f"pip could not download {requirement}:\n{result.stderr.strip()}")
    return wheels[0]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
