"""How colourful the photo is."""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

MEASURES = (
    Measure(
        "saturation",
        "ΔE",
        0.0,
        135.0,
        "mean CIELAB chroma of the product: 0 grey, 60 vivid",
        "CIE 15, chroma C*ab",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the product's mean chroma."""
    return {"saturation": cv2.mean(view.chroma, view.product.view(np.uint8))[0]}
