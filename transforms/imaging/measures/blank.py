"""Whether there is anything in the photo at all."""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_STEP = 12

MEASURES = (
    Measure(
        "blank",
        "share",
        0.0,
        1.0,
        "share of the photo that is within a few levels of its commonest colours' smooth course: 1 is a solid frame",
        "share of near-zero local range; a photo always has edges, noise or shading",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the share of the photo without any local change of more than 12 levels, at 256 px."""
    kernel = np.ones((5, 5), np.uint8)
    red, green, blue = cv2.split(cv2.subtract(cv2.dilate(view.small, kernel), cv2.erode(view.small, kernel)))
    return {"blank": float(np.count_nonzero(cv2.max(cv2.max(red, green), blue) <= _STEP) / red.size)}
