"""Whether the picture was drawn rather than photographed: a chart, a table, a screenshot.

A drawing is of a few exact colours with hard edges between them; a photo, even of a product on pure white, has shades.
"""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_COLOURS = 5
_SAMPLE_STEP = 3

MEASURES = (
    Measure(
        "few_tones",
        "share",
        0.0,
        1.0,
        "of the picture that is of its five commonest luma values: a drawing is near 1, a photo far from it",
        "histogram concentration, as used to tell graphics from photographs (Athitsos & Swain, 1997)",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return how much of the picture its commonest tones make up."""
    sample = np.ascontiguousarray(view.detail[::_SAMPLE_STEP, ::_SAMPLE_STEP])
    counts = cv2.calcHist([sample], [0], None, [256], [0, 256]).ravel()
    return {"few_tones": float(np.sort(counts)[-_COLOURS:].sum(dtype=np.float64) / sample.size)}
