"""How noisy the photo is: the robust spread of fine detail where the photo is flattest.

Texture looks like noise, so the estimate is taken from the flattest tiles only.
"""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_TILE = 16
_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6.0
"""The difference of two Laplacians, scaled so that white noise keeps its standard deviation."""

MEASURES = (
    Measure(
        "noise",
        "levels of 255",
        0.0,
        128.0,
        "standard deviation of luma noise in the flattest tiles: 0 clean, 10 plainly visible",
        "Immerkaer, Fast Noise Variance Estimation, CVIU 1996; flattest-tile selection",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the noise; NaN for a photo of fewer than four tiles of 16 px."""
    rows, columns = view.detail.shape[0] // _TILE, view.detail.shape[1] // _TILE
    if rows * columns < 4:
        return {"noise": float("nan")}
    luma = view.detail[: rows * _TILE, : columns * _TILE]
    fine = np.abs(cv2.filter2D(luma, cv2.CV_32F, _MASK))
    size = columns, rows
    spread = cv2.resize(fine, size, interpolation=cv2.INTER_AREA) * np.sqrt(np.pi / 2)
    level = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    lit = spread[(level > 12) & (level < 243)]
    return {"noise": float(np.percentile(lit, 20)) if lit.size >= 4 else float("nan")}
