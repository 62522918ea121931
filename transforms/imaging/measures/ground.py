"""What the product stands on: whether it is plain, how white and how even."""

import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SOURCE = "CIELAB statistics outside the product mask; marketplaces ask for pure white"

MEASURES = (
    Measure("ground_plain", "switch", 0.0, 1.0, "1: the ground is one smooth colour", _SOURCE),
    Measure("ground_lightness", "L*", 0.0, 100.0, "median lightness of a plain ground: 100 is white", _SOURCE),
    Measure("ground_chroma", "ΔE", 0.0, 135.0, "median chroma of a plain ground: 0 is neutral", _SOURCE),
    Measure("ground_unevenness", "L*", 0.0, 100.0, "10th to 90th percentile of its lightness: 0 is even", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return the measures of the ground; NaN but for the switch where it is not plain or not to be seen."""
    values = {m.name: float("nan") for m in MEASURES}
    values["ground_plain"] = float(view.region.plain)
    ground = ~view.product
    if not view.region.plain or ground.mean() < 0.02:
        return values
    lab = view.lab[ground]
    low, middle, high = np.percentile(lab[:, 0], (10, 50, 90))
    values["ground_lightness"] = float(np.clip(middle, 0.0, 100.0))
    values["ground_chroma"] = float(np.median(np.hypot(lab[:, 1], lab[:, 2])))
    values["ground_unevenness"] = float(high - low)
    return values
