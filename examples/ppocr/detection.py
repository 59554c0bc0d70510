"""From a picture to the network's input, and from its probability map to boxes.

The network is PP-OCR's text detector, a differentiable-binarization network (Liao et al., 2020). Each pixel
of its output is the probability that text lies there, with the text regions shrunk; boxes are found by
thresholding and are then grown back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from miopen_bypass.miopen import FloatArray

STRIDE = 32
"""The network halves its input five times, so sides are multiples of this."""

MAX_LONG_SIDE = 2016
"""Longer pictures are scaled down to this many pixels."""

PIXEL_THRESHOLD = 0.3
"""Probability from which a pixel is text (PP-OCR's setting)."""

BOX_THRESHOLD = 0.5
"""Mean probability that a region needs (PP-OCR's setting)."""

GROWTH = 1.6
"""Text area over perimeter times this is how far a box is grown (PP-OCR's setting)."""

MIN_SIDE = 3
"""Regions thinner than this many pixels are noise (PP-OCR's setting)."""


@dataclass(frozen=True)
class Box:
    """A piece of text: corners (4 x 2, x before y, clockwise from top left) in the picture's pixels."""

    corners: FloatArray
    score: float


def input_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height for the network: at least `short_side`, at most MAX_LONG_SIDE, multiples of STRIDE."""
    scale = max(short_side / min(width, height), 1.0)
    scale = min(scale, MAX_LONG_SIDE / max(width, height))
    columns, rows = (max(round(side * scale / STRIDE), 1) * STRIDE for side in (width, height))
    return columns, rows


def to_input(picture: NDArray[np.uint8], size: tuple[int, int]) -> FloatArray:
    """The RGB picture (height, width, 3) as 1 x 3 x rows x columns in -1..1, blue first as in training."""
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    scaled = resized[:, :, ::-1].astype(np.float32) / 127.5 - 1.0
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def find_boxes(probability: FloatArray, width: int, height: int) -> list[Box]:
    """Boxes in a picture of width x height, from the probability map (rows x columns), top to bottom."""
    mask = (probability > PIXEL_THRESHOLD).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    rows, columns = probability.shape
    scale = np.array([width / columns, height / rows], dtype=np.float32)
    boxes = [box for contour in contours if (box := _box(contour, probability, scale)) is not None]
    return sorted(boxes, key=lambda box: (float(box.corners[0, 1]), float(box.corners[0, 0])))


def _box(contour: NDArray[Any], probability: FloatArray, scale: FloatArray) -> Box | None:
    """The box round one region, or None if it is too thin or too unlikely."""
    center, (width, height), angle = cv2.minAreaRect(contour)
    if min(width, height) < MIN_SIDE:
        return None
    score = _mean_inside(probability, contour)
    if score < BOX_THRESHOLD:
        return None
    grow = GROWTH * width * height / (2 * (width + height))
    corners = cv2.boxPoints((center, (width + 2 * grow, height + 2 * grow), angle)) * scale
    limits = np.array([probability.shape[1], probability.shape[0]], dtype=np.float32) * scale
    return Box(_clockwise(np.clip(corners, 0, limits - 1).astype(np.float32)), score)


def _mean_inside(probability: FloatArray, contour: NDArray[Any]) -> float:
    """Mean probability over a region's pixels: over its rectangle a line of text that bends would lose."""
    left, top, width, height = cv2.boundingRect(contour)
    window = probability[top : top + height, left : left + width]
    mask = np.zeros(window.shape, dtype=np.uint8)
    cv2.fillPoly(mask, [contour - (left, top)], 1)
    return float(window[mask > 0].mean())


def _clockwise(corners: FloatArray) -> FloatArray:
    """The corners in boxPoints' order, which is clockwise on screen, from the one nearest the top left."""
    return np.roll(corners, -int(np.argmin(corners.sum(axis=1))), axis=0)
