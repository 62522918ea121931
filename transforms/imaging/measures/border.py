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
    turned = np.ascontiguousarray(view.small.transpose(1, 0, 2))
    top, bottom = _depth(view.small), _depth(np.ascontiguousarray(view.small[::-1]))
    left, right = _depth(turned), _depth(np.ascontiguousarray(turned[::-1]))
    inside = max(0.0, 1 - top - bottom) * max(0.0, 1 - left - right)
    return {"border": 1 - inside, "seam": max(_seam(view.detail), _seam(cv2.transpose(view.detail)))}


def _depth(pixels: npt.NDArray[Any]) -> float:
    """Return how deep a bar of one colour lies along the top, as a share of the height; 0 where it is none."""
    height = len(pixels)
    colour = np.median(pixels[0], axis=0)
    if (np.abs(pixels[0].astype(np.int16) - colour.astype(np.int16)).max(axis=1) <= _SAME).mean() < _WHOLE:
        return 0.0
    off = np.abs(pixels[: int(height * _DEEPEST) + 4].astype(np.int16) - colour.astype(np.int16)).max(axis=2)
    plain = (off <= _SAME).mean(axis=1) >= _WHOLE
    deep = int(np.argmin(plain)) if not plain.all() else 0
    if deep == 0 or deep + 2 >= len(off):
        return 0.0
    # One row may be a blend of both, so look one further too.
    return deep / height if max((off[deep + k] > _APART).mean() for k in (0, 1)) >= _STRAIGHT else 0.0


def _seam(luma: npt.NDArray[Any]) -> float:
    """Return the largest share of rows in which one inner column differs from its neighbour."""
    width = luma.shape[1]
    step = cv2.absdiff(luma[:, 1:], luma[:, :-1])
    marked = cv2.threshold(step, _SAME, 1, cv2.THRESH_BINARY)[1]
    shares = cv2.reduce(marked, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    inner = shares[width // 5 : width - width // 5]
    return float(inner.max()) if inner.size else 0.0
