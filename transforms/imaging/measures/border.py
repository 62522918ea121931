"""Whether a frame or bars of one colour were added around the photo, or several photos were put into one.

What was added is exactly one colour along a whole row or column, and ends all along one line; a white ground has the first,
but the product never stands on it in one straight line from edge to edge.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SAME = 10
_APART = 14
_WHOLE = 0.98
_STRAIGHT = 0.8
_DEEPEST = 0.35
_SEAM = 0.93

MEASURES = (
    Measure("border", "share", 0.0, 1.0, "of the photo that is a border of one colour: 0 none", "rows of one colour"),
    Measure(
        "seam",
        "share",
        0.0,
        1.0,
        "of the height (or width) along which one inner column (or row) differs from the next: 1 is a collage",
        "full-length straight edges",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the share of borders, and the straightest inner edge; NaN under 32 px."""
    height, width = view.small.shape[:2]
    if min(height, width) < 32:
        return {"border": float("nan"), "seam": float("nan")}
    turned = cv2.transpose(view.small)
    top, bottom = _depth(view.small), _depth(cv2.flip(view.small, 0))
    left, right = _depth(turned), _depth(cv2.flip(turned, 0))
    inside = max(0.0, 1 - top - bottom) * max(0.0, 1 - left - right)
    return {"border": 1 - inside, "seam": max(_seam(view.across, 0), _seam(view.down, 1))}


def _depth(pixels: npt.NDArray[Any]) -> float:
    """Return how deep a bar of one colour lies along the top, as a share of the height; 0 where it is none."""
    height = len(pixels)
    row = np.sort(pixels[0], axis=0).astype(int)
    colour = (row[(len(row) - 1) // 2] + row[len(row) // 2]) // 2
    if np.count_nonzero(_off(pixels[:1], colour) <= _SAME) < _WHOLE * len(row):
        return 0.0
    off = _off(pixels[: int(height * _DEEPEST) + 4], colour)
    plain = np.count_nonzero(off <= _SAME, axis=1) >= _WHOLE * len(row)
    deep = int(np.argmin(plain)) if not plain.all() else 0
    if deep == 0 or deep + 2 >= len(off):
        return 0.0
    # One row may be a blend of both, so look one further too.
    return deep / height if max((off[deep + k] > _APART).mean() for k in (0, 1)) >= _STRAIGHT else 0.0


def _off(pixels: npt.NDArray[Any], colour: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return by how much each pixel is off a colour in its worst channel: rows x width, uint8."""
    red, green, blue = cv2.split(cv2.absdiff(pixels, np.array([*colour, 0.0])))
    return cv2.max(cv2.max(red, green), blue)


def _seam(steps: npt.NDArray[Any], along: int) -> float:
    """Return the largest share of rows in which one inner column differs from its neighbour; `along` 1: of columns, one row."""
    width = steps.shape[1 - along] + 1
    marked = cv2.threshold(steps, _SAME, 1, cv2.THRESH_BINARY)[1]
    shares = cv2.reduce(marked, along, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    inner = shares[width // 5 : width - width // 5]
    return float(inner.max()) if inner.size else 0.0
