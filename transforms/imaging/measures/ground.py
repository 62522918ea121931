"""What the product stands on: whether it is plain, how white and how even."""

import cv2

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View
from transforms.imaging.quantiles import quantiles

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
    lightness = cv2.extractChannel(view.lab, 0)[ground]
    low, middle, high = quantiles(lightness, 0.1, 0.5, 0.9)
    values["ground_lightness"] = min(max(middle, 0.0), 100.0)
    values["ground_chroma"] = quantiles(view.chroma[ground], 0.5)[0]
    values["ground_unevenness"] = high - low
    return values
