"""Reads pictures, draws boxes on them and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from detection import Box

MIN_DRAWN_WIDTH = 1000
"""Smaller pictures are enlarged to about this width, so that the lines drawn do not hide text."""

OUTLINE = (0, 110, 255)
FILL = (0, 110, 255, 24)


def read(path: Path) -> NDArray[np.uint8]:
    """An RGB picture (height, width, 3), turned upright if the camera says which way up it is."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def write_with_boxes(picture: NDArray[np.uint8], boxes: Sequence[Box], path: Path) -> None:
    """Writes the picture with the boxes drawn on it as a PNG."""
    image = Image.fromarray(picture)
    scale = max(round(MIN_DRAWN_WIDTH / image.width), 1)
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
    drawing = ImageDraw.Draw(image, "RGBA")
    line_width = max(image.width // 500, 2)
    for box in boxes:
        outline = [(float(x), float(y)) for x, y in box.corners * scale]
        drawing.polygon(outline, fill=FILL, outline=OUTLINE, width=line_width)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)
