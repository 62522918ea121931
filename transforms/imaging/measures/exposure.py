"""How the photo is exposed: how bright its brightest parts are, and how much is clipped.

A black dress is not under-exposed: what tells is the photo's highlights, which any scene with a ground, a label or a
button has. A photo is dark when even those are.
"""

import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_WHITE = 0.8
_SOURCE = "gain that brings the 98th percentile of linear light to .8; clipping by counting, ISO 12232 saturation"

MEASURES = (
    Measure("dim_stops", "stops", -0.5, 12.0, "0: the highlights are bright; n: they are n stops below white", _SOURCE),
    Measure("product_stops", "stops", -12.0, 2.5, "the product's median against middle grey (.18)", _SOURCE),
    Measure("clipped", "share", 0.0, 1.0, "share of the photo at the top of the range, all channels", _SOURCE),
    Measure("product_clipped", "share", 0.0, 1.0, "share of the product at the top of the range", _SOURCE),
    Measure("crushed", "share", 0.0, 1.0, "share of the photo at the bottom of the range", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return the exposure measures of a photo."""
    highlight = max(float(np.percentile(view.linear, 98)), 1e-4)
    middle = max(float(np.median(view.linear[view.product])), 1e-4)
    white = view.small.min(axis=2) >= 250
    return {
        "dim_stops": float(np.clip(np.log2(_WHITE / highlight), -0.5, 12.0)),
        "product_stops": float(np.clip(np.log2(middle / 0.18), -12.0, 2.5)),
        "clipped": float(white.mean()),
        "product_clipped": float(white[view.product].mean()),
        "crushed": float((view.luma <= 4).mean()),
    }
