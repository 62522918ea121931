"""Whether anything in the photo is neutral: what tells a cast from a coloured thing.

A red bag has no cast. In a photo without one something is neutral: a label, a button, a seam, the floor. So two things are
looked at: the least tinted percent of the photo, and the mean tint of all that is near neutral; only where both are tinted
there is a cast, and their geometric mean is its size.
"""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View
from transforms.imaging.quantiles import quantiles

_NEUTRAL = 30.0
_DARK = 30.0
_LEAST_SHARE = 0.04
_SOURCE = "grey-world over near-neutral pixels in CIELAB, with the 1st percentile of chroma as a veto"

MEASURES = (
    Measure("tint", "ΔE", 0.0, 60.0, "tint of what should be neutral: 0 true, over 8 a tint that is seen", _SOURCE),
    Measure(
        "least_chroma", "ΔE", 0.0, 135.0, "chroma of the photo's least tinted percent: 0 something is grey", _SOURCE
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the size of the tint; NaN where nothing near neutral is to be seen."""
    (least,) = quantiles(view.chroma, 0.01)
    neutral = (view.lab[..., 0] > _DARK) & (view.chroma < _NEUTRAL)
    if np.count_nonzero(neutral) < _LEAST_SHARE * neutral.size:
        return {"tint": float("nan"), "least_chroma": min(least, 135.0)}
    mean = np.hypot(*cv2.mean(view.lab, neutral.view(np.uint8))[1:3])
    return {"tint": float(min(np.sqrt(least * mean), 60.0)), "least_chroma": min(least, 135.0)}
