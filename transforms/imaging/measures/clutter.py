"""How busy the ground is, apart from the product."""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_EDGE = 60
_LEAST_GROUND = 0.1

MEASURES = (
    Measure(
        "clutter",
        "share",
        0.0,
        1.0,
        "of the ground that lies at a strong edge: 0 a plain sheet, .3 a heap of things",
        "edge density of the background",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the density of strong edges on the ground; NaN where little ground or no product is to be seen."""
    around = ~cv2.dilate(view.product.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    if view.region.confidence == 0.0 or around.mean() < _LEAST_GROUND:
        return {"clutter": float("nan")}
    kernel = np.ones((3, 3), np.uint8)
    edges = cv2.subtract(cv2.dilate(view.luma, kernel), cv2.erode(view.luma, kernel)) >= _EDGE
    return {"clutter": float(edges[around].mean())}
