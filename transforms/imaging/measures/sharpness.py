"""How sharp the photo is, in its least sharp direction.

Blur removes fine detail and leaves coarse detail. So the squared difference of neighbours is compared with that of
pixels four apart, for four directions; motion blurs one of them, defocus all. Texture and contrast cancel in the ratio.
"""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_FAR = 4
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
_SOURCE = "ratio of structure functions (Kolmogorov's D(r)) at two lags, per direction"

MEASURES = (
    Measure(
        "sharpness",
        "ratio",
        0.0,
        2.0,
        "neighbours' differences against those 4 px apart: low is blurred",
        _SOURCE,
    ),
    Measure(
        "sharpness_worst",
        "ratio",
        0.0,
        2.0,
        "the same in its lowest direction: low alone is motion",
        _SOURCE,
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the ratios; NaN for a photo without any detail or under 16 px."""
    if min(view.detail.shape) < 16:
        return {"sharpness": float("nan"), "sharpness_worst": float("nan")}
    luma = view.detail
    near = [_difference(luma, dy, dx) for dy, dx in _DIRECTIONS]
    far = [_difference(luma, dy * _FAR, dx * _FAR) for dy, dx in _DIRECTIONS]
    if min(far) < 0.5:
        return {"sharpness": float("nan"), "sharpness_worst": float("nan")}
    ratios = [a / b for a, b in zip(near, far, strict=True)]
    return {"sharpness": min(float(np.mean(ratios)), 2.0), "sharpness_worst": min(min(ratios), 2.0)}


def _difference(luma: np.ndarray, dy: int, dx: int) -> float:
    """Return the mean squared difference of pixels `dy` rows and `dx` columns apart."""
    height, width = luma.shape
    left, right = max(0, -dx), max(0, dx)
    one = luma[: height - dy, left : width - right]
    other = luma[dy:, right : width - left]
    return float(cv2.norm(np.ascontiguousarray(one), np.ascontiguousarray(other), cv2.NORM_L2SQR)) / one.size
